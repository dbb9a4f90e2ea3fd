/* SPDX-License-Identifier: MIT
 *
 * test_batch_unrun: no job reaches the dead-letter queue without a run, because its receives went
 * to waiting for others of its FIFO group, for its start time, or for an invocation with time for
 * it. Against the local server.
 */
#include "lk_test.h"

#include "lk_test_round.h"

static int setup(void **state)
{
    lk_test_local *local = lk_test_local_start();
    lk_test_local_queue(local, "dead", NULL, 0);
    lk_test_local_queue(local, "jobs", "dead", 3);
    lk_test_local_queue(local, "once", "dead", 1);
    lk_test_local_queue(local, "dead.fifo", NULL, 0);
    lk_test_local_queue(local, "jobs.fifo", "dead.fifo", 3);
    lk_test_local_queue(local, "once.fifo", "dead.fifo", 1);
    *state = local;
    return 0;
}

static int teardown(void **state)
{
    lk_test_local_stop(*state);
    return 0;
}

/* Jobs without retries of their own get none. */
static lk_batch_options no_retries(void)
{
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.max_retries = 0;
    return options;
}

/* The next job is not run, as its tries seem spent. */
static lk_decision expect_drained(lk_test_round *round)
{
    lk_err err;
    lk_decision decision;
    lk_job *job = lk_test_round_next(round);
    assert_non_null(job);
    assert_lk_ok(lk_batch_start(round->batch, job, NULL, &decision, &err));
    assert_string_equal(lk_action_name(decision.action), "DRAIN");
    assert_int_equal(lk_test_round_notes(round, LK_NOTE_DRAINED, NULL), 1);
    return decision;
}

/* --- Waiting for a group -------------------------------------------------------------------- */

/* a1 fails once, a2 waits for it and spends the one try that it has. */
static void spend_a_try_on_waiting(lk_test_local *local, const lk_batch_options *options)
{
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a3", 0, "a");
    lk_test_round_begin(&round, local, "jobs.fifo", options);
    lk_test_round_perform(&round, "a1", 12, LK_FAILED);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 3);
    lk_test_local_advance(local, 40 * 1000);
    lk_test_round_begin(&round, local, "jobs.fifo", options);
    lk_test_round_perform(&round, "a1", 12, LK_DONE);
    lk_decision decision = expect_drained(&round);
    assert_false(decision.dead);
    assert_int_equal(decision.wait_s, 0);
    assert_null(lk_test_round_next(&round)); /* a3 stays behind it */
    lk_test_round_end(&round, 2);
}

static void a_follower_whose_tries_went_to_waiting_runs_at_its_last_receive(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_batch_options options = no_retries();
    spend_a_try_on_waiting(local, &options);
    lk_test_local_advance(local, 2 * 1000);
    lk_test_round_begin(&round, local, "jobs.fifo", &options);
    lk_test_round_perform(&round, "a2", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_perform(&round, "a3", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs.fifo"), 0);
}

static void its_failure_there_is_its_death(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_batch_options options = no_retries();
    spend_a_try_on_waiting(local, &options);
    lk_test_local_advance(local, 2 * 1000);
    lk_test_round_begin(&round, local, "jobs.fifo", &options);
    lk_decision decision = lk_test_round_perform(&round, "a2", LK_RETRY_UNSET, LK_FAILED);
    assert_string_equal(lk_action_name(decision.action), "LEAVE_FOR_DLQ");
    assert_true(decision.dead);
    lk_test_round_perform(&round, "a3", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 1);
}

/* Dead after one try on a queue with three receives; tells how often it is tried after that. */
static int tries_after_death(lk_test_local *local, const char *group, bool in_new_processes)
{
    int tries = 0;
    lk_test_round round;
    lk_batch_options options = no_retries();
    lk_test_local_send(local, "jobs.fifo", "a1", 0, group);
    lk_test_round_begin(&round, local, "jobs.fifo", &options);
    lk_decision decision = lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_FAILED);
    assert_string_equal(lk_action_name(decision.action), "DRAIN");
    lk_test_round_end(&round, 1);
    for (int receive = 2; receive <= 3; receive++) {
        lk_err err;
        if (in_new_processes)
            lk_test_local_new_process(local);
        lk_test_round_begin(&round, local, "jobs.fifo", &options);
        assert_int_equal(round.receive.count, 1);
        lk_job *job = lk_test_round_next(&round);
        assert_lk_ok(lk_batch_start(round.batch, job, NULL, &decision, &err));
        if (decision.action == LK_RUN) {
            assert_int_equal(receive, 3);
            assert_true(lk_test_round_finish(&round, job, LK_FAILED).dead);
            tries++;
        }
        lk_test_round_end(&round, 1);
    }
    lk_test_local_advance(local, 60 * 1000);
    lk_test_round_begin(&round, local, "jobs.fifo", &options);
    assert_int_equal(round.receive.count, 0);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "dead.fifo"), 1);
    return tries;
}

static void who_saw_a_job_die_does_not_run_it_again(void **state)
{
    assert_int_equal(tries_after_death(*state, "shared", false), 0);
}

static void who_did_not_see_it_die_runs_it_once_more_at_most(void **state)
{
    assert_int_equal(tries_after_death(*state, "shared", true), 1);
}

/* Nobody was before it: what it was received for were tries. */
static void a_dead_job_alone_in_its_group_is_not_run_again_by_anybody(void **state)
{
    assert_int_equal(tries_after_death(*state, "a1", true), 0);
}

static void where_nobody_knows_the_last_receive_each_may_be(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_receive receive;
    lk_test_local_receive(local, "jobs.fifo", &receive);
    lk_record record = receive.records[0];
    record.receive_count = 14;
    /* of a queue that is not there, whose attributes cannot be read */
    record.event_source_arn = LK_SLICE_LITERAL("arn:aws:sqs:us-east-1:000000000000:none.fifo");
    lk_test_round_empty(&round, lk_test_local_client(local), NULL);
    assert_lk_ok(lk_batch_add(round.batch, &record, &err));
    lk_job *job = lk_test_round_next(&round);
    assert_non_null(job);
    assert_lk_ok(lk_batch_start(round.batch, job, NULL, &decision, &err));
    assert_string_equal(lk_action_name(decision.action), "RUN");
    assert_true(lk_test_round_finish(&round, job, LK_FAILED).dead);
    lk_test_round_end(&round, 1);
    lk_test_receive_clear(&receive);
}

/* --- Waiting for a start time --------------------------------------------------------------- */

/* As SQS may have refused to take it anew, time and again. */
static void a_job_that_was_received_early_runs_at_its_last_receive(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_batch_options options = no_retries();
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_receive receive;
    lk_test_local_receive(local, "jobs", &receive);
    lk_record record = receive.records[0];
    record.due_at_ms = lk_wall_ms() - 1000;
    record.first_receive_at_ms = record.due_at_ms - 3600 * 1000;
    for (record.receive_count = 2; record.receive_count <= 3; record.receive_count++) {
        lk_test_round round;
        lk_test_round_empty(&round, lk_test_local_client(local), &options);
        assert_lk_ok(lk_batch_add(round.batch, &record, &err));
        if (record.receive_count < 3)
            assert_false(expect_drained(&round).dead);
        else
            lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
        lk_test_round_end(&round, record.receive_count < 3 ? 1 : 0);
    }
    lk_test_receive_clear(&receive);
}

/* --- Time that is up ------------------------------------------------------------------------ */

/* Receives three jobs and starts one, which works. */
static void start_one_of_three(lk_test_local *local, const char *queue, const char *first,
                               lk_test_round *round)
{
    lk_test_round_begin(round, local, queue, NULL);
    assert_int_equal(round->receive.count, 3);
    lk_test_round_perform(round, first, LK_RETRY_UNSET, LK_DONE);
    lk_batch_stop(round->batch);
    assert_null(lk_test_round_next(round));
}

static void expect_receive_counts(lk_test_local *local, const char *queue, size_t messages,
                                  int receive_count)
{
    lk_test_receive receive;
    lk_test_local_receive(local, queue, &receive);
    assert_int_equal(receive.count, messages);
    for (size_t i = 0; i < receive.count; i++)
        assert_int_equal(receive.records[i].receive_count, receive_count);
    lk_test_receive_clear(&receive);
}

/* Else an invocation that is too short for its batch, time and again, would be the end of some. */
static void what_is_not_started_at_its_first_receive_spends_none(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    for (int i = 0; i < 3; i++)
        lk_test_local_send(local, "once", "a", 0, NULL);
    start_one_of_three(local, "once", "a", &round);
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_UNSTARTED, &note), 2);
    assert_non_null(strstr(note.err.message, "sent again as message"));
    lk_test_round_end(&round, 2); /* reported failed, as all that was not started */
    assert_int_equal(lk_test_local_total(local, "once"), 2);
    expect_receive_counts(local, "once", 2, 1);
}

/* It would come back to the same end for ever. */
static void what_no_invocation_has_time_for_is_given_back(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.deadline_ms = lk_wall_ms() + 60 * 1000;
    options.guard_ms = 70 * 1000;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", &options);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 1);
    expect_receive_counts(local, "jobs", 1, 2);
}

static void close_to_the_deadline_nothing_is_sent(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.deadline_ms = lk_wall_ms() + 60 * 1000;
    options.guard_ms = 30 * 1000;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", &options);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    lk_test_local_age(local, 59700);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 1);
    expect_receive_counts(local, "jobs", 1, 2);
}

static void a_job_that_may_have_run_is_given_back_with_its_receives(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    for (int i = 0; i < 3; i++)
        lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    for (int i = 0; i < 3; i++)
        lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    lk_test_round_end(&round, 3);
    lk_test_local_advance(local, 31 * 1000);
    start_one_of_three(local, "jobs", "a", &round);
    lk_test_round_end(&round, 2);
    expect_receive_counts(local, "jobs", 2, 3);
}

/* There it would be in the dead-letter queue without its last try, and nobody told. */
static void at_its_last_receive_it_is_sent_again_instead(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    for (int i = 0; i < 3; i++)
        lk_test_local_send(local, "jobs", "a", 0, NULL);
    for (int i = 0; i < 2; i++) {
        lk_test_round_begin(&round, local, "jobs", NULL);
        for (int j = 0; j < 3; j++)
            lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
        lk_test_round_end(&round, 3);
        lk_test_local_advance(local, 50 * 1000);
    }
    start_one_of_three(local, "jobs", "a", &round);
    lk_test_round_end(&round, 2);
    expect_receive_counts(local, "jobs", 2, 1);
}

static void what_is_not_started_keeps_its_place_in_its_group(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "b1", 0, "b");
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    start_one_of_three(local, "jobs.fifo", "b1", &round);
    lk_test_round_end(&round, 2);
    expect_receive_counts(local, "jobs.fifo", 2, 2);
}

/* In the dead-letter queue it would lose that as well. */
static void at_its_last_receive_it_loses_that_rather_than_its_run(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "once.fifo", "b1", 0, "b");
    lk_test_local_send(local, "once.fifo", "a1", 0, "a");
    lk_test_local_send(local, "once.fifo", "a2", 0, "a");
    start_one_of_three(local, "once.fifo", "b1", &round);
    lk_test_round_end(&round, 2);
    lk_test_round_begin(&round, local, "once.fifo", NULL);
    lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_perform(&round, "a2", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "dead.fifo"), 0);
}

static void a_job_that_is_handed_back_untouched_spends_no_receive_either(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "once", "a", 0, NULL);
    lk_test_local_send(local, "once", "a", 0, NULL);
    lk_test_round_begin(&round, local, "once", NULL);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    lk_decision decision = lk_test_round_finish(&round, lk_test_round_next(&round), LK_UNTOUCHED);
    assert_string_equal(lk_action_name(decision.action), "HOP");
    lk_test_round_end(&round, 1);
    expect_receive_counts(local, "once", 1, 1);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(a_follower_whose_tries_went_to_waiting_runs_at_its_last_receive),
        LOCAL(its_failure_there_is_its_death),
        LOCAL(who_saw_a_job_die_does_not_run_it_again),
        LOCAL(who_did_not_see_it_die_runs_it_once_more_at_most),
        LOCAL(a_dead_job_alone_in_its_group_is_not_run_again_by_anybody),
        LOCAL(where_nobody_knows_the_last_receive_each_may_be),
        LOCAL(a_job_that_was_received_early_runs_at_its_last_receive),
        LOCAL(what_is_not_started_at_its_first_receive_spends_none),
        LOCAL(what_no_invocation_has_time_for_is_given_back),
        LOCAL(close_to_the_deadline_nothing_is_sent),
        LOCAL(a_job_that_may_have_run_is_given_back_with_its_receives),
        LOCAL(at_its_last_receive_it_is_sent_again_instead),
        LOCAL(what_is_not_started_keeps_its_place_in_its_group),
        LOCAL(at_its_last_receive_it_loses_that_rather_than_its_run),
        LOCAL(a_job_that_is_handed_back_untouched_spends_no_receive_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
