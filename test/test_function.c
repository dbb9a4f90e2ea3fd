/* SPDX-License-Identifier: MIT
 *
 * test_function: real worker processes (fixtures/function.c) under a function: outcomes, deadlines,
 * log lines, environment. How they begin and end is in test_function_life.c.
 */
#include "lk_test.h"
#include "lk_test_function.h"
#include "lk_test_process.h"

#include "json.h"

#include <math.h>
#include <unistd.h>

/* --- Outcomes ------------------------------------------------------------------------------- */

static void the_response_is_the_payload(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"echo\",\"n\":[1,2]}"), LK_INVOKE_OK);
    assert_slice(lk_buf_slice(&f->payload), "{\"do\":\"echo\",\"n\":[1,2]}");
}

static void the_process_learns_of_the_invocation(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_function_invoke(f->function, LK_SLICE_LITERAL("{\"do\":\"facts\"}"),
                                        LK_SLICE_LITERAL("Root=1-2-3;Parent=4;Sampled=0"),
                                        LK_TEST_FUNCTION_PATIENCE_MS, &f->payload),
                     LK_INVOKE_OK);
    lk_test_function_payload_has(f, "\"trace_id\":\"Root=1-2-3;Parent=4;Sampled=0\"");
    lk_test_function_payload_has(
        f, "\"arn\":\"arn:aws:lambda:eu-central-1:123456789012:function:jobs\"");
    lk_test_function_payload_has(f, "\"leads_its_group\":1");
    int64_t left_ms = lk_test_function_number(f, "{\"do\":\"facts\"}", "left_ms");
    assert_true(left_ms > 0 && left_ms <= LK_TEST_FUNCTION_PATIENCE_MS);
}

static void one_process_does_one_invocation_after_the_other(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_test_function_pid(f), lk_test_function_pid(f));
}

static void a_reported_error_is_passed_through(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"fail\"}"), LK_INVOKE_ERROR);
    lk_test_function_payload_has(f, "\"errorMessage\":\"told to fail\"");
    lk_test_function_log_has(lk_test_function_log(f),
                             "\tStatus: error\tError Type: Function.Refused\n");
}

static void a_crash_is_an_exit_error_and_a_fresh_process_follows(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    pid_t first = lk_test_function_pid(f);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"exit\",\"status\":3}"), LK_INVOKE_CRASH);
    lk_test_function_payload_has(f, "\"errorType\":\"Runtime.ExitError\"");
    lk_test_function_payload_has(f, " Error: Runtime exited with error: exit status 3\"");
    assert_true(lk_test_process_gone(first));
    assert_true(lk_test_function_pid(f) != first);
}

static void an_exit_without_a_status_is_a_crash(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"exit\",\"status\":0}"), LK_INVOKE_CRASH);
    lk_test_function_payload_has(f, " Error: Runtime exited without providing a reason\"");
}

static void a_death_by_signal_is_named(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"abort\"}"), LK_INVOKE_CRASH);
    lk_test_function_payload_has(f, "Runtime exited with error: signal: aborted");
}

static void a_response_over_the_limit_fails_and_the_process_goes_on(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    pid_t first = lk_test_function_pid(f);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"big\",\"bytes\":6291557}"),
                     LK_INVOKE_TOO_LARGE);
    lk_test_function_payload_has(f, "Function.ResponseSizeTooLarge");
    assert_int_equal(lk_test_function_pid(f), first);
}

/* --- Deadlines ------------------------------------------------------------------------------ */

static void an_invocation_over_its_time_is_killed(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, 1000);
    pid_t first = lk_test_function_pid(f);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"sleep\",\"ms\":60000}"),
                     LK_INVOKE_TIMEOUT);
    lk_test_function_payload_has(f, "Task timed out after 1.00 seconds\"");
    assert_true(lk_test_process_gone(first));
    lk_test_function_log_has(lk_test_function_log(f),
                             "Task timed out after 1.00 seconds\nEND RequestId: ");
    lk_test_function_log_has(lk_test_function_log(f), "\tStatus: timeout\n");
    assert_true(lk_test_function_pid(f) != first);
}

static void a_process_that_hangs_after_its_answer_is_killed_at_the_deadline(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, 1000);
    pid_t first = lk_test_function_pid(f);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"hang-after-answer\"}"), LK_INVOKE_OK);
    assert_true(lk_test_function_pid(f) != first);
}

/* The shortest duration that the log reports of an invocation that timed out. */
static double shortest_timeout_ms(lk_test_function *f)
{
    double shortest = HUGE_VAL;
    const char *at = lk_test_function_log(f);
    while ((at = strstr(at, "\tDuration: "))) {
        double ms = strtod(at += strlen("\tDuration: "), NULL);
        const char *timeout = strstr(at, "\tStatus: timeout");
        if (timeout && timeout < strchr(at, '\n'))
            shortest = LK_MIN(shortest, ms);
    }
    return shortest;
}

/* Jobs that are done just when their time is up: the process is to be killed or not, and what it
 * was given meanwhile is not to be killed for it. */
static void no_invocation_is_killed_before_its_time_is_up(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, 20);
    for (int i = 0; i < 150; i++) {
        (void)lk_test_function_invoke(f, "{\"do\":\"sleep\",\"ms\":19}");
        (void)lk_test_function_invoke(f, "{\"do\":\"echo\"}");
    }
    assert_true(shortest_timeout_ms(f) >= 19); /* whole milliseconds are counted */
}

static void a_start_over_ten_seconds_is_tried_again_with_the_functions_time(void **state)
{
    lk_test_function *f = *state;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, "slow-start", "400", NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.init_timeout_ms = 100;
    lk_test_function_start_with(f, &options);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"echo\"}"), LK_INVOKE_OK);
    assert_int_equal(lk_test_function_log_count(f, "Phase: init\tStatus: timeout\n"), 1);
}

/* One that was slow on a busy machine must not be held to a shorter time for ever. */
static void after_a_second_start_in_vain_a_start_has_ten_seconds_again(void **state)
{
    lk_test_function *f = *state;
    char mark[] = "/tmp/lk_test_function_XXXXXX";
    int fd = mkstemp(mark);
    assert_true(fd >= 0);
    close(fd);
    const char *argv[] = {"/bin/sh",
                          "-c",
                          "test -e \"$0\" || exec \"$1\"; rm \"$0\"; exec sleep 30",
                          mark,
                          LK_TEST_FUNCTION_COMMAND,
                          NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.init_timeout_ms = 1000;
    options.timeout_ms = 1;
    lk_test_function_start_with(f, &options);
    assert_int_equal(lk_function_reserve(f->function, LK_TEST_FUNCTION_PATIENCE_MS), LK_INVOKE_OK);
    lk_function_release(f->function);
    assert_int_equal(lk_test_function_log_count(f, "Phase: init\tStatus: timeout\n"), 2);
}

static void without_a_free_worker_the_invocation_is_throttled(void **state)
{
    lk_test_function *f = *state;
    lk_test_invocation busy;
    lk_slice no_trace = {0};
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    lk_test_invocation_begin(&busy, f, "{\"do\":\"sleep\",\"ms\":1500}");
    lk_test_function_wait_running(f, 1);
    assert_int_equal(
        lk_function_invoke(f->function, LK_SLICE_LITERAL("{}"), no_trace, 20, &f->payload),
        LK_INVOKE_THROTTLED);
    assert_int_equal(lk_test_invocation_join(&busy), LK_INVOKE_OK);
}

static void a_reserved_worker_is_kept_from_others(void **state)
{
    lk_test_function *f = *state;
    lk_slice no_trace = {0};
    lk_slice event = LK_SLICE_LITERAL("{}");
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_function_reserve(f->function, LK_TEST_FUNCTION_PATIENCE_MS), LK_INVOKE_OK);
    assert_int_equal(lk_function_reserve(f->function, 20), LK_INVOKE_THROTTLED);
    assert_int_equal(lk_function_invoke_reserved(f->function, event, no_trace, 0, &f->payload),
                     LK_INVOKE_OK);
    assert_int_equal(lk_function_reserve(f->function, LK_TEST_FUNCTION_PATIENCE_MS), LK_INVOKE_OK);
    lk_function_release(f->function);
    assert_int_equal(lk_test_function_invoke(f, "{}"), LK_INVOKE_OK);
}

static void workers_work_at_the_same_time(void **state)
{
    lk_test_function *f = *state;
    lk_test_invocation first;
    lk_test_invocation second;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.workers = 2;
    lk_test_function_start_with(f, &options);
    lk_test_invocation_begin(&first, f, "{\"do\":\"sleep\",\"ms\":1500}");
    lk_test_invocation_begin(&second, f, "{\"do\":\"sleep\",\"ms\":1500}");
    lk_test_function_wait_running(f, 2);
    assert_int_equal(lk_test_invocation_join(&first), LK_INVOKE_OK);
    assert_int_equal(lk_test_invocation_join(&second), LK_INVOKE_OK);
    assert_int_equal(lk_function_running(f->function), 0);
}

/* --- Environment ---------------------------------------------------------------------------- */

static void assert_env(lk_test_function *f, const char *name, const char *expected)
{
    char event[128];
    snprintf(event, sizeof(event), "{\"do\":\"env\",\"name\":\"%s\"}", name);
    assert_int_equal(lk_test_function_invoke(f, event), LK_INVOKE_OK);
    if (!lk_slice_equal_str(lk_buf_slice(&f->payload), expected))
        fail_msg("%s is %s, expected %s", name, f->payload.ptr, expected);
}

static void the_environment_is_lambdas(void **state)
{
    lk_test_function *f = *state;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    const char *const extra[] = {"JOBS_QUEUE_NAME=jobs", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769",
                                 NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.cwd = "/";
    options.env = extra;
    setenv("LK_TEST_INHERITED", "yes", 1);
    setenv("_X_AMZN_TRACE_ID", "of somebody else", 1);
    lk_test_function_start_with(f, &options);
    unsetenv("_X_AMZN_TRACE_ID");
    assert_env(f, "AWS_LAMBDA_FUNCTION_NAME", "\"jobs\"");
    assert_env(f, "AWS_LAMBDA_FUNCTION_VERSION", "\"$LATEST\"");
    assert_env(f, "AWS_LAMBDA_INITIALIZATION_TYPE", "\"on-demand\"");
    assert_env(f, "AWS_LAMBDA_LOG_GROUP_NAME", "\"/aws/lambda/jobs\"");
    assert_env(f, "AWS_REGION", "\"eu-central-1\"");
    assert_env(f, "AWS_DEFAULT_REGION", "\"eu-central-1\"");
    assert_env(f, "LAMBDA_TASK_ROOT", "\"/\"");
    assert_env(f, "TZ", "\":UTC\"");
    assert_env(f, "LK_TEST_INHERITED", "\"yes\"");
    assert_env(f, "JOBS_QUEUE_NAME", "\"jobs\"");
    assert_env(f, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "\"1769\""); /* the caller has the last word */
    assert_env(f, "_X_AMZN_TRACE_ID", "null");
    assert_env(f, "AWS_XRAY_CONTEXT_MISSING", "\"LOG_ERROR\"");
    assert_env(f, "AWS_XRAY_DAEMON_ADDRESS", "\"127.0.0.1:2000\"");
    assert_env(f, "LAMBDA_RUNTIME_DIR", "\"/var/runtime\"");
    assert_env(f, "AWS_LAMBDA_LOG_FORMAT", "null");
}

/* --- Log ------------------------------------------------------------------------------------ */

static void the_log_tells_the_invocation_in_order(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    lk_test_function_invoke(f, "{\"do\":\"print\",\"text\":\"{\\\"_aws\\\":{}}\\n  two\\n\"}");
    const char *log = lk_test_function_log(f);
    log = lk_test_function_log_has(log, "START RequestId: ");
    const char *id = log;
    log = lk_test_function_log_has(log, " Version: $LATEST\n");
    log = lk_test_function_log_has(log, "to stderr\n{\"_aws\":{}}\n  two\nEND RequestId: ");
    assert_memory_equal(log, id, 36);
    log = lk_test_function_log_has(log, "\nREPORT RequestId: ");
    assert_memory_equal(log, id, 36);
    log = lk_test_function_log_has(log, "\tDuration: ");
    log = lk_test_function_log_has(log, " ms\tBilled Duration: ");
    log = lk_test_function_log_has(log, " ms\tMemory Size: 256 MB\tMax Memory Used: ");
    assert_true(strtol(log, NULL, 10) > 0);
    log = lk_test_function_log_has(log, " MB\tInit Duration: ");
    lk_test_function_log_has(log, " ms\n");
}

static void only_the_first_report_has_an_init_duration(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    lk_test_function_invoke(f, "{}");
    lk_test_function_invoke(f, "{}");
    assert_int_equal(lk_test_function_log_count(f, "REPORT RequestId: "), 2);
    assert_int_equal(lk_test_function_log_count(f, "Init Duration: "), 1);
}

static void an_unfinished_line_comes_out_when_the_process_ends(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    lk_test_function_invoke(f, "{\"do\":\"print\",\"text\":\"no newline\"}");
    lk_function_free(f->function);
    f->function = NULL;
    lk_test_function_log_has(lk_test_function_log(f), "no newline\n");
}

static void with_json_logging_the_process_is_told_and_all_lines_are_objects(void **state)
{
    lk_test_function *f = *state;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.log_json = true;
    lk_test_function_start_with(f, &options);
    assert_env(f, "AWS_LAMBDA_LOG_FORMAT", "\"JSON\"");
    assert_env(f, "AWS_LAMBDA_LOG_LEVEL", "\"INFO\"");
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"exit\",\"status\":3}"), LK_INVOKE_CRASH);
    const char *log =
        lk_test_function_log_has(lk_test_function_log(f), "\"type\":\"platform.start\"");
    log = lk_test_function_log_has(log, "\"type\":\"platform.report\"");
    log = lk_test_function_log_has(log, "\"message\":\"RequestId: ");
    lk_test_function_log_has(log, "\"status\":\"error\",\"errorType\":\"Runtime.ExitError\"");
    assert_int_equal(lk_test_function_log_count(f, "\n{"), lk_test_function_log_count(f, "\n") - 1);
}

#define FUNCTION_TEST(name)                                                                        \
    cmocka_unit_test_setup_teardown(name, lk_test_function_setup, lk_test_function_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUNCTION_TEST(the_response_is_the_payload),
        FUNCTION_TEST(the_process_learns_of_the_invocation),
        FUNCTION_TEST(one_process_does_one_invocation_after_the_other),
        FUNCTION_TEST(a_reported_error_is_passed_through),
        FUNCTION_TEST(a_crash_is_an_exit_error_and_a_fresh_process_follows),
        FUNCTION_TEST(an_exit_without_a_status_is_a_crash),
        FUNCTION_TEST(a_death_by_signal_is_named),
        FUNCTION_TEST(a_response_over_the_limit_fails_and_the_process_goes_on),
        FUNCTION_TEST(an_invocation_over_its_time_is_killed),
        FUNCTION_TEST(a_process_that_hangs_after_its_answer_is_killed_at_the_deadline),
        FUNCTION_TEST(no_invocation_is_killed_before_its_time_is_up),
        FUNCTION_TEST(a_start_over_ten_seconds_is_tried_again_with_the_functions_time),
        FUNCTION_TEST(after_a_second_start_in_vain_a_start_has_ten_seconds_again),
        FUNCTION_TEST(without_a_free_worker_the_invocation_is_throttled),
        FUNCTION_TEST(a_reserved_worker_is_kept_from_others),
        FUNCTION_TEST(workers_work_at_the_same_time),
        FUNCTION_TEST(the_environment_is_lambdas),
        FUNCTION_TEST(the_log_tells_the_invocation_in_order),
        FUNCTION_TEST(only_the_first_report_has_an_init_duration),
        FUNCTION_TEST(an_unfinished_line_comes_out_when_the_process_ends),
        FUNCTION_TEST(with_json_logging_the_process_is_told_and_all_lines_are_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
