/* SPDX-License-Identifier: MIT
 *
 * test_worker: what a worker does with an event, in this process, against the local server:
 * handlers, outcomes, records, other events, time. What it prints is in test_worker_lines.c, worker
 * processes are in test_worker_run.c.
 */
#include "lk_test_process.h"
#include "lk_test_worker.h"

#include <pthread.h>

/* --- Outcomes ------------------------------------------------------------------------------- */

static void a_job_that_works_is_gone_and_counted(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_string_equal(f->response, "{\"batchItemFailures\":[]}");
    assert_int_equal(f->runs, 1);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
    assert_lines("\"JobEvent\":\"perform_start.active_job\"", 1);
    assert_lines("\"JobEvent\":\"perform.active_job\"", 1);
    assert_lines("ExceptionName", 0);
    assert_lines("\tINFO\tTestJob job-1: [Lambdakiq] performed in ", 1);
}

static void a_job_that_fails_waits_for_its_retry(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    lk_test_worker_fail(f, "ImageTooLarge", "12 MB");
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    lk_test_local_advance(f->local, 28 * 1000);
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 0);
    lk_test_local_advance(f->local, 3 * 1000);
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 1);
    assert_lines("\treq-1\tWARN\tTestJob job-1: [Lambdakiq] failed, execution 1: ImageTooLarge: 12 "
                 "MB; tried again in 30 s\n",
                 1);
    assert_lines("\"ExceptionName\":\"ImageTooLarge\"", 2); /* perform, enqueue_retry */
    assert_lines("\"ExceptionCount\":1", 2);
    assert_lines("enqueue_retry.active_job", 1);
    assert_lines("retry_stopped.active_job", 0);
}

static void a_job_may_choose_the_wait_before_its_retry(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    lk_test_worker_fail(f, "Busy", "later");
    f->retry_in_s = 600;
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("tried again in 600 s", 1);
    lk_test_local_advance(f->local, 590 * 1000);
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 0);
    lk_test_local_advance(f->local, 11 * 1000);
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 1);
}

static void a_failed_call_of_this_api_is_a_failure_by_its_code(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    f->result = LK_E_TIMEOUT;
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("\"ExceptionName\":\"LK_E_TIMEOUT\"", 2);
    assert_lines("its handler returned -5 and no reason", 1);
}

static void a_number_without_a_meaning_is_a_failure(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    f->result = 7;
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("its handler returned 7 and no reason", 1);
}

static void a_job_that_works_has_no_error_whatever_it_met(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    lk_test_worker_fail(f, "Mended", "on the way");
    f->result = LK_PERFORM_DONE;
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_lines("ExceptionName", 0);
}

static void a_discarded_job_is_gone_without_a_death(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.retries_exhausted = lk_test_worker_mourn;
    lk_test_worker_register(f, &options);
    lk_test_worker_fail(f, "OrderGone", "was cancelled");
    f->result = LK_PERFORM_DISCARD;
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
    assert_int_equal(f->deaths, 0);
    assert_lines("discarded: was cancelled", 1);
    assert_lines("retry_stopped", 0);
    assert_lines("\"ExceptionName\":\"OrderGone\"", 1);
}

static void a_hopeless_job_dies_at_once_where_death_means_deletion(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.dead = LK_DEAD_DELETE;
    options.retries_exhausted = lk_test_worker_mourn;
    lk_test_worker_register(f, &options);
    lk_test_worker_fail(f, "Corrupt", "no image");
    f->result = LK_PERFORM_DIE;
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
    assert_string_equal(f->death, "TestJob Corrupt");
    assert_lines("failed for the last time, execution 1: Corrupt: no image; its message is deleted",
                 1);
    assert_lines("retry_stopped.active_job", 1);
}

/* SQS alone moves messages: the job is received again until it does, without a wait, and is dead
 * once. */
static void a_hopeless_job_goes_to_the_dead_letter_queue_without_waiting(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.retries_exhausted = lk_test_worker_mourn;
    lk_test_worker_register(f, &options);
    lk_test_worker_fail(f, "Corrupt", "no image");
    f->result = LK_PERFORM_DIE;
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    for (int receive = 1; receive <= 12; receive++) {
        assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
        assert_int_equal(lk_test_local_visible(f->local, "jobs"), 1);
        assert_int_equal(f->deaths, 0);
    }
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_int_equal(f->deaths, 1);
    assert_lines("no retry will help", 12);
    lk_test_local_advance(f->local, 61 * 1000);
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_int_equal(lk_test_local_visible(f->local, "dead"), 1);
    assert_int_equal(f->runs, 13);
    assert_lines("retry_stopped.active_job", 1);
    assert_lines("enqueue_retry.active_job", 0);
}

/* --- Options of a class --------------------------------------------------------------------- */

static void a_class_without_retries_is_deleted_when_it_fails(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.retry = 0;
    options.retries_exhausted = lk_test_worker_mourn;
    lk_test_worker_register(f, &options);
    lk_test_worker_fail(f, "Once", "is enough");
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
    assert_int_equal(f->deaths, 1);
}

static void a_dead_job_is_drained_when_its_class_wants_it_kept(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.retry = 0;
    options.dead = LK_DEAD_DLQ;
    lk_test_worker_register(f, &options);
    lk_test_worker_fail(f, "Once", "is enough");
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("on its way to the dead-letter queue", 1);
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_int_equal(f->runs, 1); /* dead jobs do not run */
    assert_lines("\tINFO\t[Lambdakiq] message ", 1);
    assert_lines(" of jobs: its tries are used up; not run", 1);
}

static void the_worker_says_how_many_retries_others_have(void **state)
{
    lk_test_worker *f = *state;
    f->options.max_retries = 0;
    lk_test_worker_register(f, NULL);
    lk_test_worker_fail(f, "Once", "is enough");
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("failed for the last time", 1);
}

static void a_class_may_spread_its_retries(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.jitter_percent = 100;
    lk_test_worker_register(f, &options);
    lk_test_worker_fail(f, "Busy", "later");
    bool spread = false;
    for (int i = 0; i < 20 && !spread; i++) {
        lk_test_worker_enqueue(f, "TestJob", "[1]");
        assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
        spread = lk_test_worker_count(f, "tried again in 30 s") < (size_t)i + 1;
    }
    assert_true(spread);
}

static void arguments_can_be_kept_out_of_the_metrics(void **state)
{
    lk_test_worker *f = *state;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    options.hide_arguments = true;
    lk_test_worker_register(f, &options);
    lk_test_worker_enqueue(f, "TestJob", "[\"secret\"]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_lines("secret", 0);
    assert_lines("JobArg", 0);
}

/* --- Records that are no jobs --------------------------------------------------------------- */

static void a_poison_record_fails_alone(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_register(f, NULL);
    lk_client *client = lk_test_local_client(f->local);
    assert_lk_ok(
        lk_send(client, lk_slice_of("jobs"), LK_SLICE_LITERAL("{\"job_class\""), NULL, NULL, &err));
    assert_lk_ok(lk_send(client, lk_slice_of("jobs"), LK_SLICE_LITERAL("[1]"), NULL, NULL, &err));
    assert_lk_ok(lk_send(client, lk_slice_of("jobs"),
                         LK_SLICE_LITERAL("{\"job_class\":\"TestJob\",\"arguments\":{}}"), NULL,
                         NULL, &err));
    lk_test_worker_enqueue(f, "UnknownJob", "[1]");
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 4);
    assert_int_equal(f->runs, 1);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 4);
    assert_lines(" of jobs cannot be performed) ", 0);
    assert_lines("cannot be performed: its body is not a job's JSON; tried again in 30 s", 2);
    assert_lines("cannot be performed: no handler is registered for UnknownJob; tried again", 1);
    assert_lines("cannot be performed: its body has no list of arguments; tried again", 1);
    assert_lines("\"ExceptionName\"", 0);
}

static void foreign_records_of_a_queue_are_reported_failed(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_register(f, NULL);
    assert_lk_ok(lk_test_worker_handle(
        f,
        "{\"Records\":[{\"messageId\":\"m-1\",\"receiptHandle\":\"h\",\"body\":"
        "\"x\",\"eventSourceARN\":\"arn:aws:sqs:us-east-1:000000000000:jobs\"}]}",
        0, &err));
    assert_string_equal(f->response, "{\"batchItemFailures\":[{\"itemIdentifier\":\"m-1\"}]}");
    assert_lines("\tWARN\t[Lambdakiq] message m-1 of jobs: the record is not a job of ours", 1);
}

/* --- Other events --------------------------------------------------------------------------- */

static int answer(const lk_invocation *invocation, void *ctx, char **response, lk_err *err)
{
    lk_test_worker *fix = ctx;
    assert_slice(invocation->request_id, "req-1");
    if (fix->result)
        return lk_fail(err, "NoSuchPage", "there is no such page");
    if (fix->message)
        *response = lk_slice_dup(lk_slice_of(fix->message));
    return 0;
}

static void an_event_without_jobs_fails_unless_somebody_answers_it(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_register(f, NULL);
    assert_lk_fails(lk_test_worker_handle(f, "{\"path\":\"/\"}", 0, &err), LK_E_RECORD);
    assert_non_null(strstr(err.message, "lk_worker_on_event"));
    assert_lk_fails(
        lk_test_worker_handle(f, "{\"Records\":[{\"eventSource\":\"aws:s3\"}]}", 0, &err),
        LK_E_RECORD);
    assert_lk_fails(lk_test_worker_handle(f, "not JSON", 0, &err), LK_E_JSON);
}

static void other_events_have_a_handler_of_their_own(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_register(f, NULL);
    lk_worker_on_event(f->worker, answer, f);
    f->message = "{\"ok\":true}";
    assert_lk_ok(lk_test_worker_handle(f, "{\"path\":\"/\"}", 0, &err));
    assert_string_equal(f->response, "{\"ok\":true}");
    f->message = NULL;
    assert_lk_ok(lk_test_worker_handle(f, "{\"path\":\"/\"}", 0, &err));
    assert_string_equal(f->response, "null");
    f->result = -1;
    assert_lk_fails(lk_test_worker_handle(f, "{\"path\":\"/\"}", 0, &err), LK_E_JOB);
    assert_string_equal(err.name, "NoSuchPage");
}

/* --- Busy ----------------------------------------------------------------------------------- */

static int handle_within(lk_job *job, void *ctx, lk_err *err)
{
    lk_test_worker *fix = ctx;
    lk_slice response;
    lk_invocation invocation = {.event = LK_SLICE_LITERAL("{}")};
    fix->runs++;
    return lk_worker_handle(lk_job_worker(job), &invocation, &response, err);
}

static void a_job_cannot_make_its_worker_handle_an_event(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", handle_within, f, NULL, &err));
    lk_test_worker_enqueue(f, "TestJob", "[]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("failed, execution 1: LK_E_BUSY: ", 1);
}

/* --- Time ----------------------------------------------------------------------------------- */

static void no_job_starts_that_the_deadline_would_kill(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke_until(f, "jobs", lk_wall_ms() + 500), 1);
    assert_int_equal(f->runs, 0);
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 1);
    assert_lines("not started: the function's time is nearly used up", 1);
}

static int stop_after(lk_job *job, void *ctx, lk_err *err)
{
    lk_test_worker *fix = ctx;
    (void)err;
    fix->runs++;
    assert_ptr_equal(lk_job_worker(job), fix->worker);
    assert_false(lk_job_stopping(job));
    assert_true(lk_job_time_left_ms(job) > 0);
    lk_worker_stop(fix->worker);
    assert_true(lk_job_stopping(job));
    return LK_PERFORM_DONE;
}

static void when_it_is_stopped_the_job_in_hand_finishes_and_the_rest_goes_back(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", stop_after, f, NULL, &err));
    for (int i = 0; i < 3; i++)
        lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke_until(f, "jobs", lk_wall_ms() + 60000), 2);
    assert_int_equal(f->runs, 1);
    assert_int_equal(lk_test_local_visible(f->local, "jobs"), 2);
}

static int say_whether_to_stop(lk_job *job, void *ctx, lk_err *err)
{
    lk_test_worker *fix = ctx;
    (void)err;
    bool at_first = lk_job_stopping(job);
    while (lk_job_time_left_ms(job) > 700)
        lk_test_sleep_ms(20);
    fix->runs = !at_first && lk_job_stopping(job);
    return LK_PERFORM_DONE;
}

static void long_jobs_are_told_when_time_runs_out(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    f->options.guard_ms = 0;
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", say_whether_to_stop, f, NULL, &err));
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke_until(f, "jobs", lk_wall_ms() + 3000), 0);
    assert_int_equal(f->runs, 1);
}

/* --- What is wrong with a worker ------------------------------------------------------------ */

static void options_that_make_no_sense_are_kept_for_the_run(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    f->options.max_retries = 13;
    f->worker = lk_worker_new(&f->options, &err);
    assert_non_null(f->worker);
    assert_int_equal(err.code, LK_E_INVALID);
    assert_string_equal(err.message, "worker: max_retries is 13, not 0 to 12");
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", lk_test_worker_act, f, NULL, &err));
    assert_lk_fails(lk_test_worker_handle(f, "{}", 0, &err), LK_E_INVALID);
    assert_string_equal(err.message, "worker: max_retries is 13, not 0 to 12");
}

static void classes_that_make_no_sense_are_refused(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_handler_options options = LK_HANDLER_OPTIONS_INIT;
    lk_test_worker_register(f, NULL);
    assert_lk_fails(lk_worker_register(f->worker, "TestJob", lk_test_worker_act, f, NULL, &err),
                    LK_E_INVALID);
    assert_string_equal(err.message, "TestJob is registered twice");
    assert_lk_fails(lk_worker_register(f->worker, "", lk_test_worker_act, f, NULL, &err),
                    LK_E_INVALID);
    assert_lk_fails(lk_worker_register(f->worker, "A", NULL, f, NULL, &err), LK_E_INVALID);
    options.retry = -3;
    assert_lk_fails(lk_worker_register(f->worker, "A", lk_test_worker_act, f, &options, &err),
                    LK_E_INVALID);
    options.retry = 1;
    options.jitter_percent = 101;
    assert_lk_fails(lk_worker_register(f->worker, "A", lk_test_worker_act, f, &options, &err),
                    LK_E_INVALID);
    assert_lk_fails(lk_worker_register(NULL, "A", lk_test_worker_act, f, NULL, &err), LK_E_INVALID);
    assert_lk_fails(lk_test_worker_handle(f, "{}", 0, &err),
                    LK_E_INVALID); /* the first of them is told */
    assert_string_equal(err.message, "TestJob is registered twice");
}

#define WORKER_TEST(name)                                                                          \
    cmocka_unit_test_setup_teardown(name, lk_test_worker_setup, lk_test_worker_teardown)

/* --- Threads -------------------------------------------------------------------------------- */

static void drop_line(void *ctx LK_UNUSED, const char *line LK_UNUSED, size_t len LK_UNUSED)
{
}

/* To queues that nobody has seen yet, each of which the client has to remember. */
static void *enqueue_often(void *arg)
{
    lk_worker *worker = arg;
    lk_err err;
    bool good = true;
    for (int i = 0; i < 100 && good; i++) {
        char queue[64];
        snprintf(queue, sizeof(queue), "arn:aws:sqs:us-east-1:000000000000:q%d-%lx", i,
                 (unsigned long)pthread_self());
        int rc = lk_worker_enqueue(worker, queue, "TestJob", NULL, NULL, NULL, &err);
        good = rc == LK_E_BUSY || rc == LK_E_SERVICE; /* there is no such queue */
    }
    return good ? worker : NULL;
}

static void of_two_threads_that_enqueue_at_once_one_is_told_busy(void **state)
{
    lk_test_worker *f = *state;
    pthread_t threads[2];
    f->options.print = drop_line;
    lk_test_worker_open(f);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enqueue_often, f->worker), 0);
    for (size_t i = 0; i < 2; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
}

/* --- Bad numbers ---------------------------------------------------------------------------- */

static void a_deadline_that_is_no_time_is_none(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_register(f, NULL);
    assert_lk_fails(lk_test_worker_handle(f, "{}", INT64_MIN, &err), LK_E_RECORD);
    assert_lk_fails(lk_test_worker_handle(f, "{}", INT64_MAX, &err), LK_E_RECORD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(a_job_that_works_is_gone_and_counted),
        WORKER_TEST(a_job_that_fails_waits_for_its_retry),
        WORKER_TEST(a_job_may_choose_the_wait_before_its_retry),
        WORKER_TEST(a_failed_call_of_this_api_is_a_failure_by_its_code),
        WORKER_TEST(a_number_without_a_meaning_is_a_failure),
        WORKER_TEST(a_job_that_works_has_no_error_whatever_it_met),
        WORKER_TEST(a_discarded_job_is_gone_without_a_death),
        WORKER_TEST(a_hopeless_job_dies_at_once_where_death_means_deletion),
        WORKER_TEST(a_hopeless_job_goes_to_the_dead_letter_queue_without_waiting),
        WORKER_TEST(a_class_without_retries_is_deleted_when_it_fails),
        WORKER_TEST(a_dead_job_is_drained_when_its_class_wants_it_kept),
        WORKER_TEST(the_worker_says_how_many_retries_others_have),
        WORKER_TEST(a_class_may_spread_its_retries),
        WORKER_TEST(arguments_can_be_kept_out_of_the_metrics),
        WORKER_TEST(a_poison_record_fails_alone),
        WORKER_TEST(foreign_records_of_a_queue_are_reported_failed),
        WORKER_TEST(an_event_without_jobs_fails_unless_somebody_answers_it),
        WORKER_TEST(other_events_have_a_handler_of_their_own),
        WORKER_TEST(a_job_cannot_make_its_worker_handle_an_event),
        WORKER_TEST(no_job_starts_that_the_deadline_would_kill),
        WORKER_TEST(when_it_is_stopped_the_job_in_hand_finishes_and_the_rest_goes_back),
        WORKER_TEST(long_jobs_are_told_when_time_runs_out),
        WORKER_TEST(options_that_make_no_sense_are_kept_for_the_run),
        WORKER_TEST(classes_that_make_no_sense_are_refused),
        WORKER_TEST(of_two_threads_that_enqueue_at_once_one_is_told_busy),
        WORKER_TEST(a_deadline_that_is_no_time_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
