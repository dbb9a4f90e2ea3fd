/* SPDX-License-Identifier: MIT
 *
 * test_metrics: the EMF line, byte by byte where Lambdakiq 2.4.0 printed it, and what breaks a
 * line.
 */
#include "lk_test.h"

#include "json.h"

/* --- Helpers -------------------------------------------------------------------------------- */

static lk_metric usual_metric(void)
{
    lk_metric m = LK_METRIC_INIT;
    m.app_name = lk_slice_of("App");
    m.job_event = lk_slice_of("perform.active_job");
    m.job_name = lk_slice_of("TJob");
    m.job_id = lk_slice_of("j-1");
    m.queue_name = lk_slice_of("jobs");
    m.message_id = lk_slice_of("m-9");
    m.executions = 1;
    m.duration_ms = 2;
    m.timestamp_ms = INT64_C(1795526152021);
    return m;
}

/* The line; freed by the caller. */
static char *format(const lk_metric *m)
{
    lk_err err;
    char *line = NULL;
    size_t len = 0;
    assert_lk_ok(lk_metrics_format(m, &line, &len, &err));
    assert_int_equal(strlen(line), len);
    assert_null(strchr(line, '\n'));
    return line;
}

static void expect_line(const lk_metric *m, const char *expected)
{
    char *line = format(m);
    assert_string_equal(line, expected);
    lk_free(line);
}

/* The line as a tree, which it must be whatever went in. Freed by the caller. */
static lk_json *parsed(const lk_metric *m)
{
    lk_err err;
    char *line = format(m);
    lk_json *root = NULL;
    assert_lk_ok(lk_json_parse(lk_slice_of(line), "line", &root, &err));
    lk_free(line);
    return root;
}

static const lk_json *directive(const lk_json *root)
{
    return lk_json_at(lk_json_get(lk_json_get(root, "_aws"), "CloudWatchMetrics"), 0);
}

/* --- The lines of 2.4.0 --------------------------------------------------------------------- */

static void a_performed_job_prints_the_line_of_2_4_0(void **state)
{
    (void)state;
    const lk_slice arguments[] = {lk_slice_of("{\"x\":[1,2.5]}"),
                                  lk_slice_of("\"hi \\\"q\\\" ü\"")};
    lk_metric m = usual_metric();
    m.enqueued_at = lk_slice_of("2026-11-24T13:15:52Z");
    m.arguments_json = arguments;
    m.argument_count = 2;
    expect_line(&m, "{\"_aws\":{\"Timestamp\":1795526152021,\"CloudWatchMetrics\":[{"
                    "\"Namespace\":\"Lambdakiq\","
                    "\"Dimensions\":[[\"AppName\",\"JobEvent\",\"JobName\"]],"
                    "\"Metrics\":[{\"Name\":\"Duration\",\"Unit\":\"Milliseconds\"},"
                    "{\"Name\":\"Count\",\"Unit\":\"Count\"}]}]},"
                    "\"AppName\":\"App\",\"JobEvent\":\"perform.active_job\",\"JobName\":\"TJob\","
                    "\"Duration\":2,\"Count\":1,\"JobId\":\"j-1\",\"QueueName\":\"jobs\","
                    "\"MessageId\":\"m-9\",\"EnqueuedAt\":\"2026-11-24T13:15:52Z\","
                    "\"Executions\":1,\"JobArg1\":{\"x\":[1,2.5]},\"JobArg2\":\"hi \\\"q\\\" ü\"}");
}

static void a_failed_job_counts_its_exception_and_names_it(void **state)
{
    (void)state;
    lk_metric m = usual_metric();
    m.exception_name = lk_slice_of("ArgumentError");
    m.duration_ms = 0;
    expect_line(&m, "{\"_aws\":{\"Timestamp\":1795526152021,\"CloudWatchMetrics\":[{"
                    "\"Namespace\":\"Lambdakiq\","
                    "\"Dimensions\":[[\"AppName\",\"JobEvent\",\"JobName\"]],"
                    "\"Metrics\":[{\"Name\":\"Duration\",\"Unit\":\"Milliseconds\"},"
                    "{\"Name\":\"Count\",\"Unit\":\"Count\"},"
                    "{\"Name\":\"ExceptionCount\",\"Unit\":\"Count\"}]}]},"
                    "\"AppName\":\"App\",\"JobEvent\":\"perform.active_job\",\"JobName\":\"TJob\","
                    "\"Duration\":0,\"Count\":1,\"ExceptionCount\":1,\"JobId\":\"j-1\","
                    "\"QueueName\":\"jobs\",\"MessageId\":\"m-9\","
                    "\"ExceptionName\":\"ArgumentError\",\"Executions\":1}");
}

static void an_enqueued_job_has_no_message_id_and_no_execution_yet(void **state)
{
    (void)state;
    lk_metric m = usual_metric();
    m.job_event = lk_slice_of("enqueue.active_job");
    m.message_id = (lk_slice){NULL, 0};
    m.executions = 0;
    m.duration_ms = 17;
    expect_line(&m, "{\"_aws\":{\"Timestamp\":1795526152021,\"CloudWatchMetrics\":[{"
                    "\"Namespace\":\"Lambdakiq\","
                    "\"Dimensions\":[[\"AppName\",\"JobEvent\",\"JobName\"]],"
                    "\"Metrics\":[{\"Name\":\"Duration\",\"Unit\":\"Milliseconds\"},"
                    "{\"Name\":\"Count\",\"Unit\":\"Count\"}]}]},"
                    "\"AppName\":\"App\",\"JobEvent\":\"enqueue.active_job\",\"JobName\":\"TJob\","
                    "\"Duration\":17,\"Count\":1,\"JobId\":\"j-1\",\"QueueName\":\"jobs\","
                    "\"Executions\":0}");
}

/* --- What is declared is there -------------------------------------------------------------- */

static void what_is_absent_is_not_declared(void **state)
{
    (void)state;
    lk_metric m = LK_METRIC_INIT;
    m.timestamp_ms = 1;
    m.job_name = lk_slice_of("TJob");
    expect_line(&m, "{\"_aws\":{\"Timestamp\":1,\"CloudWatchMetrics\":[{"
                    "\"Namespace\":\"Lambdakiq\",\"Dimensions\":[[\"JobName\"]],"
                    "\"Metrics\":[{\"Name\":\"Count\",\"Unit\":\"Count\"}]}]},"
                    "\"JobName\":\"TJob\",\"Count\":1}");
}

static void the_namespace_can_be_chosen(void **state)
{
    (void)state;
    lk_metric m = usual_metric();
    m.metrics_namespace = lk_slice_of("Shop \"A\"");
    lk_json *root = parsed(&m);
    assert_slice(lk_json_string(lk_json_get(directive(root), "Namespace")), "Shop \"A\"");
    lk_json_free(root);
}

static void without_a_timestamp_it_is_now(void **state)
{
    (void)state;
    int64_t before_ms = lk_wall_ms();
    lk_metric m = usual_metric();
    m.timestamp_ms = 0;
    lk_json *root = parsed(&m);
    int64_t timestamp_ms = 0;
    assert_true(lk_json_int64(lk_json_get(lk_json_get(root, "_aws"), "Timestamp"), &timestamp_ms));
    assert_true(timestamp_ms >= before_ms && timestamp_ms <= lk_wall_ms());
    lk_json_free(root);
}

/* --- Arguments ------------------------------------------------------------------------------ */

static void arguments_are_not_printed_unless_given(void **state)
{
    (void)state;
    lk_metric m = usual_metric();
    m.argument_count = 3; /* log_arguments = false: no texts */
    char *line = format(&m);
    assert_null(strstr(line, "JobArg"));
    lk_free(line);
}

static void an_argument_over_several_lines_is_printed_on_one(void **state)
{
    (void)state;
    const lk_slice arguments[] = {lk_slice_of("[1,\n  {\"a\" :\r\n null}]\n")};
    lk_metric m = usual_metric();
    m.arguments_json = arguments;
    m.argument_count = 1;
    char *line = format(&m); /* checks for newlines */
    assert_non_null(strstr(line, "\"JobArg1\":[1,{\"a\":null}]}"));
    lk_free(line);
}

static void what_is_no_json_is_printed_as_text(void **state)
{
    (void)state;
    const lk_slice arguments[] = {lk_slice_of("}, \"Count\": 7"), lk_slice_of(""),
                                  lk_slice_of("NaN"), lk_slice_of("\xff")};
    lk_metric m = usual_metric();
    m.arguments_json = arguments;
    m.argument_count = LK_COUNT(arguments);
    lk_json *root = parsed(&m);
    assert_slice(lk_json_string(lk_json_get(root, "JobArg1")), "}, \"Count\": 7");
    assert_slice(lk_json_string(lk_json_get(root, "JobArg2")), "");
    assert_slice(lk_json_string(lk_json_get(root, "JobArg3")), "NaN");
    assert_slice(lk_json_string(lk_json_get(root, "JobArg4")), "\xef\xbf\xbd");
    int64_t count = 0;
    assert_true(lk_json_int64(lk_json_get(root, "Count"), &count));
    assert_int_equal(count, 1);
    lk_json_free(root);
}

static void arguments_that_make_the_line_too_long_are_left_out(void **state)
{
    (void)state;
    lk_buf text = {0};
    lk_buf_add_char(&text, '"');
    for (int i = 0; i < 256 * 1024; i++)
        lk_buf_add_char(&text, 'x');
    lk_buf_add_char(&text, '"');
    const lk_slice arguments[] = {lk_slice_of("1"), lk_buf_slice(&text)};
    lk_metric m = usual_metric();
    m.arguments_json = arguments;
    m.argument_count = 2;
    char *line = format(&m);
    assert_true(strlen(line) < 1000);
    assert_null(strstr(line, "JobArg"));
    assert_non_null(strstr(line, "\"Executions\":1}"));
    lk_free(line);
    lk_buf_clear(&text);
}

static void the_request_that_enqueued_the_job_is_a_property(void **state)
{
    (void)state;
    lk_metric m = usual_metric();
    m.request_id = lk_slice_of("req-1");
    char *line = format(&m);
    assert_non_null(strstr(line, "\"MessageId\":\"m-9\",\"RequestId\":\"req-1\","));
    lk_free(line);
}

static void names_with_quotes_and_newlines_stay_one_line_of_json(void **state)
{
    (void)state;
    lk_metric m = usual_metric();
    m.job_name = lk_slice_of("A\"B\n\\C\x01");
    m.exception_name = lk_slice_of("Bad\xff");
    lk_json *root = parsed(&m);
    assert_slice(lk_json_string(lk_json_get(root, "JobName")), "A\"B\n\\C\x01");
    assert_slice(lk_json_string(lk_json_get(root, "ExceptionName")), "Bad\xef\xbf\xbd");
    lk_json_free(root);
}

static void dimensions_can_be_chosen(void **state)
{
    (void)state;
    const uint8_t sets[] = {LK_DIMENSION_APP_NAME | LK_DIMENSION_JOB_EVENT,
                            LK_DIMENSION_QUEUE_NAME};
    lk_metric m = usual_metric();
    m.dimension_sets = sets;
    m.dimension_set_count = LK_COUNT(sets);
    lk_json *root = parsed(&m);
    const lk_json *written = lk_json_get(directive(root), "Dimensions");
    assert_int_equal(lk_json_length(written), 2);
    assert_int_equal(lk_json_length(lk_json_at(written, 0)), 2);
    assert_slice(lk_json_string(lk_json_at(lk_json_at(written, 0), 1)), "JobEvent");
    assert_slice(lk_json_string(lk_json_at(lk_json_at(written, 1), 0)), "QueueName");
    assert_slice(lk_json_string(lk_json_get(root, "JobName")), "TJob"); /* still a property */
    lk_json_free(root);
}

/* The written dimension sets, as JSON. */
static void expect_sets(lk_metric *m, const uint8_t *sets, size_t count, const char *expected)
{
    m->dimension_sets = sets;
    m->dimension_set_count = count;
    lk_json *root = parsed(m);
    lk_err err;
    lk_buf text = {0};
    assert_lk_ok(lk_json_dump(lk_json_get(directive(root), "Dimensions"), &text, &err));
    assert_slice(lk_buf_slice(&text), expected);
    lk_buf_clear(&text);
    lk_json_free(root);
}

static void a_dimension_without_a_value_is_left_out_of_every_set(void **state)
{
    (void)state;
    const uint8_t sets[] = {LK_DIMENSION_APP_NAME | LK_DIMENSION_JOB_EVENT,
                            LK_DIMENSION_APP_NAME | LK_DIMENSION_JOB_NAME};
    lk_metric m = usual_metric();
    m.app_name = (lk_slice){0};
    expect_sets(&m, sets, LK_COUNT(sets), "[[\"JobEvent\"],[\"JobName\"]]");
}

static void a_set_that_is_empty_then_is_left_out(void **state)
{
    (void)state;
    const uint8_t sets[] = {LK_DIMENSION_APP_NAME, LK_DIMENSION_APP_NAME | LK_DIMENSION_JOB_NAME};
    lk_metric m = usual_metric();
    m.app_name = (lk_slice){0};
    expect_sets(&m, sets, LK_COUNT(sets), "[[\"JobName\"]]");
}

static void a_set_that_is_the_same_as_another_then_does_not_count_twice(void **state)
{
    (void)state;
    const uint8_t sets[] = {LK_DIMENSION_APP_NAME | LK_DIMENSION_JOB_NAME, LK_DIMENSION_JOB_NAME};
    lk_metric m = usual_metric();
    expect_sets(&m, sets, LK_COUNT(sets), "[[\"AppName\",\"JobName\"],[\"JobName\"]]");
    m.app_name = (lk_slice){0};
    expect_sets(&m, sets, LK_COUNT(sets), "[[\"JobName\"]]");
}

/* Which EMF allows: CloudWatch has a metric without dimensions then. */
static void without_any_dimension_the_line_has_one_empty_set(void **state)
{
    (void)state;
    const uint8_t sets[] = {LK_DIMENSION_APP_NAME, LK_DIMENSION_APP_NAME};
    lk_metric m = usual_metric();
    m.app_name = (lk_slice){0};
    expect_sets(&m, sets, LK_COUNT(sets), "[[]]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dimensions_can_be_chosen),
        cmocka_unit_test(a_dimension_without_a_value_is_left_out_of_every_set),
        cmocka_unit_test(a_set_that_is_empty_then_is_left_out),
        cmocka_unit_test(a_set_that_is_the_same_as_another_then_does_not_count_twice),
        cmocka_unit_test(without_any_dimension_the_line_has_one_empty_set),
        cmocka_unit_test(a_performed_job_prints_the_line_of_2_4_0),
        cmocka_unit_test(a_failed_job_counts_its_exception_and_names_it),
        cmocka_unit_test(an_enqueued_job_has_no_message_id_and_no_execution_yet),
        cmocka_unit_test(what_is_absent_is_not_declared),
        cmocka_unit_test(the_namespace_can_be_chosen),
        cmocka_unit_test(without_a_timestamp_it_is_now),
        cmocka_unit_test(arguments_are_not_printed_unless_given),
        cmocka_unit_test(an_argument_over_several_lines_is_printed_on_one),
        cmocka_unit_test(what_is_no_json_is_printed_as_text),
        cmocka_unit_test(arguments_that_make_the_line_too_long_are_left_out),
        cmocka_unit_test(the_request_that_enqueued_the_job_is_a_property),
        cmocka_unit_test(names_with_quotes_and_newlines_stay_one_line_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
