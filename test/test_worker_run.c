/* SPDX-License-Identifier: MIT
 *
 * test_worker_run: worker processes (fixtures/worker.c) with everything around them: the local SQS,
 * its mapping and Lambda: how they start, work, die and end.
 */
#include "lk_test.h"

#include "json.h"
#include "lk_test_house.h"
#include "lk_test_process.h"

#include <signal.h>
#include <unistd.h>

static lk_test_house *house;

static void open_house(lk_test_house_options options)
{
    options.command = "fixture_worker";
    house = lk_test_house_start(&options);
}

static int close_house(void **state)
{
    (void)state;
    lk_test_house_stop(house);
    house = NULL;
    return 0;
}

static void enqueue(const char *job_class, const char *arguments)
{
    lk_test_house_enqueue(house, job_class, arguments, NULL);
}

static pid_t pid_of(const char *line)
{
    return (pid_t)lk_test_house_number(house, line, 0, "pid=");
}

static void assert_log(const char *part)
{
    const char *log = lk_test_house_log(house);
    if (!strstr(log, part))
        fail_msg("no \"%s\" in:%s", part, log);
}

/* --- Working -------------------------------------------------------------------------------- */

static void a_job_is_performed_counted_and_gone(void **state)
{
    (void)state;
    open_house((lk_test_house_options){0});
    enqueue("OkJob", "[42]");
    lk_test_house_wait(house, "end OkJob", 1);
    lk_test_house_wait_messages(house, "jobs", 0);
    lk_test_house_wait_log(house, "\"JobEvent\":\"perform.active_job\"", 1);
    assert_log("\"AppName\":\"jobs\""); /* the function's name */
    assert_log("\tINFO\tOkJob ");
}

static void a_job_that_fails_is_tried_again_after_its_backoff(void **state)
{
    (void)state;
    open_house((lk_test_house_options){0});
    enqueue("FailJob", "[]");
    lk_test_house_wait_log(house, "failed, execution 1: AsTold: try 1; tried again in 30 s", 1);
    lk_test_house_wait_log(house, "\nEND RequestId: ", 1);
    assert_true(lk_test_house_to_next(house) > 25000);
    lk_test_house_wait_log(house, "failed, execution 2: AsTold: try 2; tried again in 46 s", 1);
    assert_int_equal(lk_test_house_number(house, "start FailJob", 1, "executions="), 2);
}

static void a_poison_record_touches_no_other(void **state)
{
    (void)state;
    open_house((lk_test_house_options){.no_mapping = true});
    enqueue("NobodysJob", "[]");
    enqueue("OkJob", "[]");
    lk_test_house_map(house);
    lk_test_house_wait(house, "end OkJob", 1);
    lk_test_house_wait_messages(house, "jobs", 1);
    assert_log("no handler is registered for NobodysJob; tried again in 30 s");
}

static void jobs_of_rails_are_read_as_they_are_meant(void **state)
{
    (void)state;
    open_house((lk_test_house_options){0});
    enqueue("ReadJob",
            "[\"\xc3\xa9\",-3,1.5,true,{\"_aj_globalid\":\"gid://shop/Order/1\"},"
            "{\"_aj_serialized\":\"ActiveJob::Serializers::SymbolSerializer\",\"value\":"
            "\"fast\"},{\"_aj_serialized\":\"ActiveJob::Serializers::"
            "TimeWithZoneSerializer\",\"value\":\"2025-01-02T03:04:05.000000000Z\","
            "\"time_zone\":\"UTC\"},{\"list\":[1,2],\"_aj_ruby2_keywords\":[\"list\"]}]");
    lk_test_house_wait(house, "read \xc3\xa9 -3 1.50 1 gid://shop/Order/1 fast 1735787045000 2", 1);
}

static void a_wrong_argument_fails_with_its_place(void **state)
{
    (void)state;
    open_house((lk_test_house_options){0});
    enqueue("ReadJob", "[\"x\",\"not a number\"]");
    lk_test_house_wait_log(house,
                           "failed, execution 1: LK_E_INVALID: ReadJob: argument 1: expected an "
                           "integer, met a string; tried again in 30 s",
                           1);
}

/* --- Enqueueing ----------------------------------------------------------------------------- */

static void a_job_enqueues_another_that_waits_for_hours(void **state)
{
    (void)state;
    open_house((lk_test_house_options){0});
    enqueue("SendJob", "[\"jobs\",\"OkJob\",[7],{\"delay_ms\":7200000}]");
    lk_test_house_wait(house, "end SendJob", 1);
    int64_t sent_at_ms = lk_test_house_number(house, "start SendJob", 0, "at=");
    lk_test_house_wait_log(house, "\nEND RequestId: ", 1);
    for (size_t event = 2; event <= 9; event++) {
        assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start OkJob"), 0);
        assert_true(lk_test_house_to_next(house) >= 0);
        lk_test_house_wait_log(house, "\nEND RequestId: ", event);
    }
    lk_test_house_wait(house, "end OkJob", 1);
    assert_true(lk_test_house_number(house, "start OkJob", 0, "at=") >= sent_at_ms + 7200000);
    lk_test_house_wait_messages(house, "jobs", 0);
}

static void a_job_enqueues_into_a_group_and_duplicates_are_dropped(void **state)
{
    (void)state;
    open_house((lk_test_house_options){.fifo = true});
    for (int i = 0; i < 2; i++)
        enqueue("SendJob", "[\"jobs.fifo\",\"OkJob\",[7],{\"group\":\"g\",\"deduplication_id\":"
                           "\"once\"}]");
    lk_test_house_wait(house, "end SendJob", 2);
    lk_test_house_wait(house, "end OkJob", 1);
    lk_test_house_wait_messages(house, "jobs.fifo", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start OkJob"), 1);
}

/* Lambda counts the invocations that one trace led to: so the header must travel. */
static void a_chain_of_jobs_is_stopped_at_its_limit(void **state)
{
    (void)state;
    char arguments[2048] = "[7]";
    open_house((lk_test_house_options){.recursion_limit = 3, .max_receive_count = 2});
    for (int i = 0; i < 4; i++) {
        char outer[2048];
        snprintf(outer, sizeof(outer), "[\"jobs\",\"%s\",%.1900s,{}]", i ? "SendJob" : "OkJob",
                 arguments);
        memcpy(arguments, outer, sizeof(outer));
    }
    enqueue("SendJob", arguments);
    lk_test_house_wait_log(house, "RecursiveInvocationException", 1);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end SendJob"), 3);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start OkJob"), 0);
}

/* --- Dying ---------------------------------------------------------------------------------- */

/* One message an event: the job that kills its process is alone in it. */
static void other_jobs_go_on(const char *deadly, const char *arguments, const char *in_log)
{
    open_house((lk_test_house_options){.batch_size = 1, .max_receive_count = 2});
    char start[32];
    snprintf(start, sizeof(start), "start %s", deadly);
    enqueue(deadly, arguments);
    lk_test_house_wait(house, start, 1);
    pid_t dead = pid_of(start);
    for (int i = 0; i < 3; i++)
        enqueue("OkJob", "[]");
    lk_test_house_wait(house, "end OkJob", 3);
    assert_true(pid_of("end OkJob") != dead);
    lk_test_house_wait_messages(house, "jobs", 1); /* its message, hidden */
    lk_test_house_wait_log(house, in_log, 1);
    lk_test_house_to_next(house);
    lk_test_house_wait(house, start, 2);
    assert_int_equal(lk_test_house_number(house, start, 1, "receives="), 2);
    lk_test_house_wait_log(house, in_log, 2);
    lk_test_house_to_next(house);
    lk_test_house_wait_messages(house, "jobs-dlq", 1);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start OkJob"), 3);
}

static void a_crash_loses_nothing_and_harms_no_other_job(void **state)
{
    (void)state;
    other_jobs_go_on("CrashJob", "[]", "exited with error: signal: segmentation fault");
}

static void an_exit_within_a_job_is_a_death_of_the_function(void **state)
{
    (void)state;
    other_jobs_go_on("ExitJob", "[0]", "Error: Runtime exited");
}

static void a_job_over_the_functions_time_comes_back(void **state)
{
    (void)state;
    open_house((lk_test_house_options){.timeout_ms = 3000});
    enqueue("SlowJob", "[60000]");
    lk_test_house_wait(house, "start SlowJob", 1);
    lk_test_house_to_next(house);
    lk_test_house_wait(house, "start SlowJob", 2);
    assert_log("Task timed out after 3.00 seconds");
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end SlowJob"), 0);
}

/* As the kernel does with a process that takes too much memory. */
static void a_killed_process_loses_nothing(void **state)
{
    (void)state;
    open_house((lk_test_house_options){0});
    enqueue("SlowJob", "[60000]");
    lk_test_house_wait(house, "start SlowJob", 1);
    assert_int_equal(kill(pid_of("start SlowJob"), SIGKILL), 0);
    lk_test_house_to_next(house);
    lk_test_house_wait(house, "start SlowJob", 2);
    assert_int_equal(lk_test_local_total(house->local, "jobs"), 1);
}

/* --- Ending --------------------------------------------------------------------------------- */

static void at_sigterm_the_job_in_hand_finishes_and_the_rest_is_given_back(void **state)
{
    (void)state;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.message_group_id = "g";
    open_house((lk_test_house_options){.fifo = true, .no_mapping = true});
    lk_test_house_enqueue(house, "StopJob", "[]", &options);
    lk_test_house_enqueue(house, "OkJob", "[]", &options);
    lk_test_house_map(house);
    lk_test_house_wait(house, "start StopJob", 1);
    pid_t first = pid_of("start StopJob");
    assert_int_equal(kill(first, SIGTERM), 0);
    lk_test_house_wait(house, "end StopJob", 1);
    lk_test_house_wait(house, "end OkJob", 1);
    assert_true(pid_of("start OkJob") != first);
    lk_test_house_wait_messages(house, "jobs.fifo", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start StopJob"), 1);
    assert_log("not started: the batch was stopped; visible again at once");
    assert_null(strstr(lk_test_house_log(house), "signal: terminated"));
}

static void a_process_that_waits_ends_at_once(void **state)
{
    (void)state;
    open_house((lk_test_house_options){0});
    enqueue("OkJob", "[]");
    lk_test_house_wait_log(house, "\nEND RequestId: ", 1);
    pid_t first = pid_of("start OkJob");
    assert_int_equal(kill(first, SIGTERM), 0);
    lk_test_process_wait_gone(first);
    enqueue("OkJob", "[]");
    lk_test_house_wait(house, "end OkJob", 2);
    assert_null(strstr(lk_test_house_log(house), "signal: terminated"));
}

static void a_shutdown_extension_is_registered(void **state)
{
    (void)state;
    open_house((lk_test_house_options){.argument = "extension"});
    enqueue("OkJob", "[]");
    lk_test_house_wait(house, "end OkJob", 1);
    lk_test_house_wait_log(house, "\nEND RequestId: ", 1);
    assert_null(strstr(lk_test_house_log(house), "no shutdown extension"));
}

/* --- Starting ------------------------------------------------------------------------------- */

/* The payload of an invocation by hand. */
static lk_invoke_status invoke_within(int64_t wait_ms, const char *event, lk_buf *payload)
{
    lk_slice no_trace = {0};
    return lk_function_invoke(house->function, lk_slice_of(event), no_trace, wait_ms, payload);
}

static lk_invoke_status invoke(const char *event, lk_buf *payload)
{
    return invoke_within(LK_TEST_PATIENCE_MS, event, payload);
}

/* No process will ever be ready; while the next one tries, nobody knows of the last one's reason.
 */
static void invoke_until_payload_has(const char *type, const char *message)
{
    lk_buf payload = {0};
    int64_t until = lk_mono_ms() + LK_TEST_PATIENCE_MS;
    do {
        invoke_within(20, "{}", &payload);
        if (lk_mono_ms() > until)
            fail_msg("payload is %s, expected %s, %s", payload.ptr, type, message);
    } while (!payload.ptr || !strstr(payload.ptr, type) || !strstr(payload.ptr, message));
    lk_buf_clear(&payload);
}

static void cannot_start(const char *how, const char *type, const char *message)
{
    char line[128];
    open_house((lk_test_house_options){.argument = how});
    enqueue("OkJob", "[]");
    snprintf(line, sizeof(line), "lambdakiq: cannot start: %s", message);
    lk_test_house_wait_log(house, line, 1);
    invoke_until_payload_has(type, message);
    lk_messages *messages = lk_test_house_receive(house, "jobs"); /* nobody has taken it */
    assert_slice(lk_test_attribute(lk_messages_at(messages, 0), "ApproximateReceiveCount"), "1");
    lk_messages_free(messages);
}

static void a_program_that_refuses_to_start_says_why_to_lambda(void **state)
{
    (void)state;
    cannot_start("refuse", "\"errorType\":\"Runtime.NoModel\"", "the model cannot be loaded");
}

static void a_class_registered_twice_is_told_to_lambda(void **state)
{
    (void)state;
    cannot_start("twice", "\"errorType\":\"Runtime.LK_E_INVALID\"", "OkJob is registered twice");
}

static void a_worker_without_classes_is_told_to_lambda(void **state)
{
    (void)state;
    cannot_start("idle", "\"errorType\":\"Runtime.LK_E_INVALID\"",
                 "no class of jobs is registered");
}

static void off_lambda_it_says_so(void **state)
{
    (void)state;
    lk_test_program program = {0};
    const char *argv[] = {LK_TEST_FIXTURE_DIR "/fixture_worker", NULL};
    unsetenv("AWS_LAMBDA_RUNTIME_API");
    assert_int_equal(lk_test_program_run(&program, argv), 1);
    assert_non_null(
        strstr(program.output.ptr, "lambdakiq: no Runtime API: AWS_LAMBDA_RUNTIME_API"));
    lk_test_program_clear(&program);
}

/* --- Other events --------------------------------------------------------------------------- */

static void events_without_jobs_go_to_their_handler(void **state)
{
    (void)state;
    lk_buf payload = {0};
    open_house((lk_test_house_options){.argument = "events", .no_mapping = true});
    assert_int_equal(invoke("{\"path\":\"/\"}", &payload), LK_INVOKE_OK);
    assert_string_equal(payload.ptr, "{\"bytes\":12}");
    assert_int_equal(invoke("{\"fail\":true}", &payload), LK_INVOKE_ERROR);
    assert_non_null(strstr(payload.ptr,
                           "\"errorMessage\":\"told to fail\",\"errorType\":\"Function."
                           "Refused\",\"stackTrace\":[\"lk_worker_handle, lambdakiq "));
    assert_log("failed: Refused: told to fail");
    lk_buf_clear(&payload);
}

static void an_answer_that_is_too_large_fails_its_invocation_alone(void **state)
{
    (void)state;
    lk_buf payload = {0};
    open_house((lk_test_house_options){.argument = "events", .no_mapping = true});
    assert_int_equal(invoke("{\"big\":true}", &payload), LK_INVOKE_ERROR);
    assert_non_null(strstr(payload.ptr, "Function.ResponseSizeTooLarge"));
    lk_test_house_wait_log(house, "the response of 7340032 bytes exceeds the maximum allowed", 1);
    assert_int_equal(invoke("{\"path\":\"/\"}", &payload), LK_INVOKE_OK);
    lk_buf_clear(&payload);
}

static void an_event_without_jobs_and_handler_fails_and_the_next_one_does_not(void **state)
{
    (void)state;
    lk_buf payload = {0};
    open_house((lk_test_house_options){.no_mapping = true}); /* which reserves the process */
    assert_int_equal(invoke("{\"path\":\"/\"}", &payload), LK_INVOKE_ERROR);
    assert_non_null(strstr(payload.ptr, "the event has no jobs of an SQS queue"));
    lk_buf_clear(&payload);
    enqueue("OkJob", "[]");
    lk_test_house_map(house);
    lk_test_house_wait(house, "end OkJob", 1);
}

#define RUN_TEST(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(a_job_is_performed_counted_and_gone),
        RUN_TEST(a_job_that_fails_is_tried_again_after_its_backoff),
        RUN_TEST(a_poison_record_touches_no_other),
        RUN_TEST(jobs_of_rails_are_read_as_they_are_meant),
        RUN_TEST(a_wrong_argument_fails_with_its_place),
        RUN_TEST(a_job_enqueues_another_that_waits_for_hours),
        RUN_TEST(a_job_enqueues_into_a_group_and_duplicates_are_dropped),
        RUN_TEST(a_chain_of_jobs_is_stopped_at_its_limit),
        RUN_TEST(a_crash_loses_nothing_and_harms_no_other_job),
        RUN_TEST(an_exit_within_a_job_is_a_death_of_the_function),
        RUN_TEST(a_job_over_the_functions_time_comes_back),
        RUN_TEST(a_killed_process_loses_nothing),
        RUN_TEST(at_sigterm_the_job_in_hand_finishes_and_the_rest_is_given_back),
        RUN_TEST(a_process_that_waits_ends_at_once),
        RUN_TEST(a_shutdown_extension_is_registered),
        RUN_TEST(a_program_that_refuses_to_start_says_why_to_lambda),
        RUN_TEST(a_class_registered_twice_is_told_to_lambda),
        RUN_TEST(a_worker_without_classes_is_told_to_lambda),
        cmocka_unit_test(off_lambda_it_says_so),
        RUN_TEST(events_without_jobs_go_to_their_handler),
        RUN_TEST(an_answer_that_is_too_large_fails_its_invocation_alone),
        RUN_TEST(an_event_without_jobs_and_handler_fails_and_the_next_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
