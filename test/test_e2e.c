/* SPDX-License-Identifier: MIT
 *
 * test_e2e: the main job, end to end, with nothing left out: enqueue, SQS, mapping, a worker
 * process that performs jobs with the C API, retries, the dead-letter queue, the clock.
 */
#include "lk_test.h"

#include "lk_test_house.h"
#include "lk_test_http.h"

#include <signal.h>
#include <unistd.h>

/* What a wait takes longer than the table says: real time between a failure and the clock's move.
 */
#define SLACK_MS 15000

static lk_test_house *house;

static void open_house(const lk_test_house_options *options)
{
    house = lk_test_house_start(options);
}

static int close_house(void **state)
{
    (void)state;
    lk_test_house_stop(house);
    house = NULL;
    return 0;
}

static void wait_until_the_clock_passes(const char *part, size_t runs)
{
    lk_test_house_wait(house, part, runs);
    assert_true(lk_test_house_to_next(house) >= 0);
}

/* --- Retries and the dead-letter queue -------------------------------------------------------- */

static void a_job_that_always_fails_takes_the_whole_ladder_to_the_dlq(void **state)
{
    (void)state;
    open_house(NULL);
    lk_test_house_enqueue(house, "FailJob", "[42,\"\xc3\xa9\"]", NULL);
    for (size_t run = 1; run <= 13; run++)
        wait_until_the_clock_passes("start FailJob", run);
    lk_test_house_wait_messages(house, "jobs-dlq", 1);
    lk_test_house_wait_messages(house, "jobs", 0);

    for (size_t run = 0; run < 13; run++) {
        assert_int_equal(lk_test_house_number(house, "start FailJob", run, "receives="), run + 1);
        assert_int_equal(lk_test_house_number(house, "start FailJob", run, "executions="), run);
    }
    for (size_t run = 1; run <= 12; run++) {
        int64_t waited_ms = lk_test_house_number(house, "start FailJob", run, "at=") -
                            lk_test_house_number(house, "end FailJob", run - 1, "at=");
        int64_t expected_ms = lk_backoff_s((int)run) * 1000;
        if (waited_ms < expected_ms - 100 || waited_ms > expected_ms + SLACK_MS)
            fail_msg("wait %zu took %lld ms, expected %lld", run, (long long)waited_ms,
                     (long long)expected_ms);
    }

    lk_messages *messages = lk_test_house_receive(house, "jobs-dlq");
    const lk_message *dead = lk_messages_at(messages, 0);
    assert_slice(lk_test_attribute(dead, "ApproximateReceiveCount"), "14");
    assert_slice(lk_test_attribute(dead, "DeadLetterQueueSourceArn"),
                 "arn:aws:sqs:us-east-1:000000000000:jobs");
    assert_non_null(strstr(dead->body.ptr, "\"job_class\":\"FailJob\""));
    assert_non_null(strstr(dead->body.ptr, "\"arguments\":[42,\"\xc3\xa9\"]"));
    lk_messages_free(messages);
}

static void a_job_that_works_leaves_the_queue(void **state)
{
    (void)state;
    open_house(NULL);
    lk_test_house_enqueue(house, "OkJob", "[]", NULL);
    lk_test_house_wait(house, "end OkJob", 1);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_local_total(house->local, "jobs-dlq"), 0);
}

static void in_a_batch_only_the_failed_job_stays(void **state)
{
    (void)state;
    open_house(&(lk_test_house_options){.no_mapping = true});
    lk_test_house_enqueue(house, "OkJob", "[1]", NULL);
    lk_test_house_enqueue(house, "FailJob", "[2]", NULL);
    lk_test_house_enqueue(house, "OkJob", "[3]", NULL);
    lk_test_house_map(house);
    lk_test_house_wait(house, "end ", 3);
    lk_test_house_wait_messages(house, "jobs", 1);
    assert_int_equal(lk_test_count(lk_test_house_log(house), "\nSTART RequestId: "), 1);
    lk_test_house_to_next(house);
    lk_test_house_wait(house, "start FailJob", 2);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start OkJob"), 2);
}

static void jobs_of_a_fifo_group_run_in_order(void **state)
{
    (void)state;
    char arguments[16];
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.message_group_id = "article-7";
    open_house(&(lk_test_house_options){.fifo = true, .workers = 2, .batch_size = 2});
    for (int i = 0; i < 9; i++) {
        snprintf(arguments, sizeof(arguments), "[%d]", i);
        lk_test_house_enqueue(house, "OkJob", arguments, &options);
    }
    lk_test_house_wait(house, "end OkJob", 9);
    const char *at = lk_test_house_ledger(house);
    for (int i = 0; i < 9; i++) {
        snprintf(arguments, sizeof(arguments), " [%d]\n", i);
        at = strstr(at, arguments);
        if (!at)
            fail_msg("%s is not in order in:%s", arguments, lk_test_house_ledger(house));
    }
}

static void a_delayed_job_waits_for_its_time(void **state)
{
    (void)state;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.delay_ms = 7200 * 1000;
    open_house(NULL);
    int64_t sent_at_ms = lk_clock_now_ms(lk_test_local_clock(house->local));
    lk_test_house_enqueue(house, "OkJob", "[]", &options);
    /* 15 minutes at a time is all that SQS can delay: seven hops, and then the job */
    for (size_t event = 1; event <= 8; event++) {
        assert_true(lk_test_house_to_next(house) >= 0);
        lk_test_house_wait_log(house, "\nEND RequestId: ", event);
    }
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end OkJob"), 1);
    int64_t ran_at_ms = lk_test_house_number(house, "start OkJob", 0, "at=");
    assert_true(ran_at_ms >= sent_at_ms + options.delay_ms);
    assert_true(ran_at_ms < sent_at_ms + options.delay_ms + 60000);
    lk_test_house_wait_messages(house, "jobs", 0);
}

/* --- Deaths --------------------------------------------------------------------------------- */

static void the_message_of_a_killed_worker_comes_back(void **state)
{
    (void)state;
    open_house(NULL);
    lk_test_house_enqueue(house, "SlowJob", "[60000]", NULL);
    lk_test_house_wait(house, "start SlowJob", 1);
    pid_t pid = (pid_t)lk_test_house_number(house, "start SlowJob", 0, "pid=");
    assert_int_equal(kill(pid, SIGKILL), 0);
    lk_test_house_to_next(house);
    lk_test_house_wait(house, "start SlowJob", 2);
    assert_int_equal(lk_test_house_number(house, "start SlowJob", 1, "receives="), 2);
    assert_true(lk_test_house_number(house, "start SlowJob", 1, "pid=") != pid);
    assert_non_null(strstr(lk_test_house_log(house), "exited with error: signal: killed"));
    assert_int_equal(lk_test_local_total(house->local, "jobs"), 1);
}

static void the_message_of_a_job_over_its_time_comes_back(void **state)
{
    (void)state;
    open_house(&(lk_test_house_options){.timeout_ms = 1000});
    lk_test_house_enqueue(house, "SlowJob", "[60000]", NULL);
    lk_test_house_wait(house, "start SlowJob", 1);
    lk_test_house_to_next(house);
    lk_test_house_wait(house, "start SlowJob", 2);
    assert_non_null(strstr(lk_test_house_log(house), "Task timed out after 1.00 seconds"));
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end SlowJob"), 0);
}

static void a_function_that_cannot_start_takes_no_messages(void **state)
{
    (void)state;
    open_house(
        &(lk_test_house_options){.command = "fixture_function", .argument = "exit-at-start"});
    lk_test_house_enqueue(house, "OkJob", "[]", NULL);
    lk_test_house_wait_log(house, "INIT_REPORT", 2);
    lk_messages *messages = lk_test_house_receive(house, "jobs");
    assert_slice(lk_test_attribute(lk_messages_at(messages, 0), "ApproximateReceiveCount"), "1");
    lk_messages_free(messages);
}

/* --- Deletes that fail ----------------------------------------------------------------------- */

static void refuse_all(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    (void)request;
    (void)ctx;
    response->status = 400;
    lk_buf_add_str(&response->headers, "x-amzn-query-error: AccessDenied;Sender\nContent-Type: "
                                       "application/x-amz-json-1.0\n");
    lk_buf_add_str(&response->body, "{\"__type\":\"com.amazonaws.sqs#AccessDenied\","
                                    "\"message\":\"not for you\"}");
}

/* B8: a done job whose own DeleteMessage fails is deleted by the mapping, and somebody says so. */
static void a_delete_that_the_worker_cannot_make_is_made_by_the_mapping(void **state)
{
    (void)state;
    lk_test_http *denying = lk_test_http_start(refuse_all, NULL);
    open_house(&(lk_test_house_options){.worker_endpoint = lk_test_http_url(denying)});
    lk_test_house_enqueue(house, "OkJob", "[]", NULL);
    lk_test_house_wait(house, "end OkJob", 1);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_true(lk_test_http_count(denying) > 0);
    assert_non_null(strstr(lk_test_house_log(house), "\nnote SETTLE_FAILED: "));
    lk_test_http_stop(denying);
}

/* --- Clock ---------------------------------------------------------------------------------- */

static void the_clock_moves_only_when_no_job_runs(void **state)
{
    (void)state;
    open_house(NULL);
    lk_test_house_enqueue(house, "SlowJob", "[400]", NULL);
    lk_test_house_wait(house, "start SlowJob", 1);
    lk_test_house_advance(house, 1000);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end SlowJob"), 1);
    int64_t took_ms = lk_test_house_number(house, "end SlowJob", 0, "at=") -
                      lk_test_house_number(house, "start SlowJob", 0, "at=");
    assert_true(took_ms < 1000 * 1000); /* the move did not fall into the job */
}

static void a_poll_that_is_held_back_for_the_clock_loses_nothing(void **state)
{
    (void)state;
    open_house(&(lk_test_house_options){.workers = 2});
    for (int i = 0; i < 20; i++) {
        lk_test_house_enqueue(house, "OkJob", "[]", NULL);
        lk_test_house_advance(house, 1);
    }
    lk_test_house_wait(house, "end OkJob", 20);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "receives=1 "), 40);
}

/* --- Recursion ------------------------------------------------------------------------------ */

static void a_chain_of_invocations_is_stopped_at_its_limit(void **state)
{
    (void)state;
    open_house(&(lk_test_house_options){.recursion_limit = 16, .max_receive_count = 2});
    lk_test_house_enqueue(house, "ChainJob", "[99]", NULL);
    lk_test_house_wait(house, "end ChainJob", 16);
    lk_test_house_wait_log(house, "RecursiveInvocationException", 1);
    lk_test_house_to_next(house);
    lk_test_house_wait_log(house, "RecursiveInvocationException", 2);
    lk_test_house_to_next(house); /* its receives are spent: the next attempt moves it */
    lk_test_house_wait_messages(house, "jobs-dlq", 1);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start ChainJob"), 16);
    assert_int_equal(lk_test_local_total(house->local, "jobs"), 0);
}

static void recursion_can_be_allowed(void **state)
{
    (void)state;
    open_house(NULL);
    lk_test_house_enqueue(house, "ChainJob", "[20]", NULL);
    lk_test_house_wait(house, "end ChainJob", 21);
    lk_test_house_wait_messages(house, "jobs", 0);
}

/* B32: the re-sends of one job that waits are no recursion. */
static void a_job_that_hops_for_days_is_no_chain(void **state)
{
    (void)state;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.delay_ms = (int64_t)300 * 900 * 1000;
    open_house(&(lk_test_house_options){.recursion_limit = 16});
    lk_test_house_enqueue(house, "OkJob", "[]", &options);
    for (size_t event = 1; event <= 300; event++) {
        assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start OkJob"), 0);
        assert_true(lk_test_house_to_next(house) >= 0);
        lk_test_house_wait_log(house, "\nEND RequestId: ", event);
    }
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end OkJob"), 1);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_null(strstr(lk_test_house_log(house), "RecursiveInvocationException"));
}

#define E2E_TEST(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(a_job_that_always_fails_takes_the_whole_ladder_to_the_dlq),
        E2E_TEST(a_job_that_works_leaves_the_queue),
        E2E_TEST(in_a_batch_only_the_failed_job_stays),
        E2E_TEST(jobs_of_a_fifo_group_run_in_order),
        E2E_TEST(a_delayed_job_waits_for_its_time),
        E2E_TEST(the_message_of_a_killed_worker_comes_back),
        E2E_TEST(the_message_of_a_job_over_its_time_comes_back),
        E2E_TEST(a_function_that_cannot_start_takes_no_messages),
        E2E_TEST(a_delete_that_the_worker_cannot_make_is_made_by_the_mapping),
        E2E_TEST(the_clock_moves_only_when_no_job_runs),
        E2E_TEST(a_poll_that_is_held_back_for_the_clock_loses_nothing),
        E2E_TEST(a_chain_of_invocations_is_stopped_at_its_limit),
        E2E_TEST(recursion_can_be_allowed),
        E2E_TEST(a_job_that_hops_for_days_is_no_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
