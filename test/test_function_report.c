/* SPDX-License-Identifier: MIT
 *
 * test_function_report: the platform's lines in both formats.
 */
#include "lk_test.h"

#include "function_report.h"
#include "json.h"

typedef struct fixture {
    FILE *file;
    lk_log_sink sink;
    char text[2048];
} fixture;

static int set_up(void **state)
{
    lk_err err;
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->file = tmpfile();
    assert_non_null(f->file);
    assert_lk_ok(lk_log_sink_init(&f->sink, fileno(f->file), false, &err));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lk_log_sink_clear(&f->sink);
    fclose(f->file);
    free(f);
    return 0;
}

static const lk_report report = {.request_id = "id-1",
                                 .duration_us = 12500,
                                 .init_us = 90001,
                                 .memory_mb = 128,
                                 .max_memory_mb = 40,
                                 .status = "success",
                                 .error_type = ""};

static const char *written(fixture *f)
{
    rewind(f->file);
    f->text[fread(f->text, 1, sizeof(f->text) - 1, f->file)] = '\0';
    return f->text;
}

/* The one line that was written, as JSON without its "time". */
static void assert_object(fixture *f, const char *expected)
{
    lk_err err;
    lk_json *line = NULL;
    const char *text = written(f);
    const char *rest = strstr(text, ",\"type\"");
    assert_non_null(rest);
    assert_string_equal(rest, expected);
    assert_lk_ok(lk_json_parse(lk_slice_of(text), "line", &line, &err));
    assert_int_equal(lk_json_string(lk_json_get(line, "time")).len,
                     strlen("2026-01-02T03:04:05.678Z"));
    lk_json_free(line);
}

static void an_invocation_is_told_in_lambdas_words(void **state)
{
    fixture *f = *state;
    lk_report_start(&f->sink, "id-1");
    lk_report_end(&f->sink, &report);
    assert_string_equal(written(f),
                        "START RequestId: id-1 Version: $LATEST\n"
                        "END RequestId: id-1\n"
                        "REPORT RequestId: id-1\tDuration: 12.50 ms\tBilled Duration: 13 ms\t"
                        "Memory Size: 128 MB\tMax Memory Used: 40 MB\tInit Duration: 90.00 ms\n");
}

static void a_failure_names_status_and_type(void **state)
{
    fixture *f = *state;
    lk_report failed = report;
    failed.init_us = 0;
    failed.status = "error";
    failed.error_type = "Function.Oops";
    lk_report_end(&f->sink, &failed);
    assert_non_null(
        strstr(written(f), "Max Memory Used: 40 MB\tStatus: error\tError Type: Function.Oops\n"));
}

static void a_start_that_fails_has_a_line_of_its_own(void **state)
{
    fixture *f = *state;
    lk_report_init(&f->sink, 10000000, "timeout", "");
    lk_report_init(&f->sink, 1500, "error", "Runtime.ExitError");
    assert_string_equal(written(f),
                        "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n"
                        "INIT_REPORT Init Duration: 1.50 ms\tPhase: init\tStatus: error\tError "
                        "Type: Runtime.ExitError\n");
}

static void in_json_a_start_is_platform_start(void **state)
{
    fixture *f = *state;
    f->sink.json = true;
    lk_report_start(&f->sink, "id-1");
    assert_object(f, ",\"type\":\"platform.start\",\"record\":{\"requestId\":\"id-1\","
                     "\"version\":\"$LATEST\"}}\n");
}

static void in_json_an_end_is_platform_report(void **state)
{
    fixture *f = *state;
    lk_report failed = report;
    failed.status = "timeout";
    failed.error_type = "Sandbox.Timedout";
    f->sink.json = true;
    lk_report_end(&f->sink, &failed);
    assert_object(f,
                  ",\"type\":\"platform.report\",\"record\":{\"requestId\":\"id-1\",\"metrics\":{"
                  "\"durationMs\":12.50,\"billedDurationMs\":13,\"memorySizeMB\":128,"
                  "\"maxMemoryUsedMB\":40,\"initDurationMs\":90.00},\"status\":\"timeout\","
                  "\"errorType\":\"Sandbox.Timedout\"}}\n");
}

static void in_json_a_start_that_fails_is_platform_init_report(void **state)
{
    fixture *f = *state;
    f->sink.json = true;
    lk_report_init(&f->sink, 1500, "error", "Runtime.ExitError");
    assert_object(f, ",\"type\":\"platform.initReport\",\"record\":{\"initializationType\":"
                     "\"on-demand\",\"phase\":\"init\",\"metrics\":{\"durationMs\":1.50},"
                     "\"status\":\"error\",\"errorType\":\"Runtime.ExitError\"}}\n");
}

static void in_json_a_line_of_ours_is_a_warning(void **state)
{
    fixture *f = *state;
    f->sink.json = true;
    lk_log_linef(&f->sink, "lambdakiq: \"%s\"", "so\nso");
    assert_non_null(strstr(written(f), "\"level\":\"WARN\",\"message\":\"lambdakiq: "
                                       "\\\"so\\nso\\\"\"}\n"));
}

int main(void)
{
#define REPORT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        REPORT_TEST(an_invocation_is_told_in_lambdas_words),
        REPORT_TEST(a_failure_names_status_and_type),
        REPORT_TEST(a_start_that_fails_has_a_line_of_its_own),
        REPORT_TEST(in_json_a_start_is_platform_start),
        REPORT_TEST(in_json_an_end_is_platform_report),
        REPORT_TEST(in_json_a_start_that_fails_is_platform_init_report),
        REPORT_TEST(in_json_a_line_of_ours_is_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
