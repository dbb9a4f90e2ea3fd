/* SPDX-License-Identifier: MIT
 *
 * test_batch_delay: start times of any distance: hops on standard queues, hidden messages on FIFO
 * queues, against the local server with its clock moved.
 */
#include "lk_test.h"

#include "lk_test_round.h"

static int setup(void **state)
{
    lk_test_local *local = lk_test_local_start();
    lk_test_local_queue(local, "jobs", NULL, 0);
    lk_test_local_queue(local, "dead.fifo", NULL, 0);
    lk_test_local_queue(local, "jobs.fifo", "dead.fifo", 13);
    lk_test_local_queue(local, "once.fifo", "dead.fifo", 1);
    *state = local;
    return 0;
}

static int teardown(void **state)
{
    unsetenv("_X_AMZN_TRACE_ID");
    lk_test_local_stop(*state);
    return 0;
}

/* --- Standard queues ------------------------------------------------------------------------ */

/* An hour is four times 900 s. Between the steps it is always early. */
static void a_job_an_hour_away_hops_and_runs_on_time(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    lk_test_local_send(local, "jobs", "a", 3600 * 1000, NULL);
    for (int hop = 1; hop <= 3; hop++) {
        lk_test_local_advance(local, 899 * 1000);
        assert_int_equal(lk_test_local_visible(local, "jobs"), 0);
        lk_test_local_advance(local, 1100); /* a little late each time */
        lk_test_round_begin(&round, local, "jobs", NULL);
        assert_int_equal(round.receive.count, 1);
        assert_null(lk_test_round_next(&round));
        assert_int_equal(lk_test_round_notes(&round, LK_NOTE_HOPPED, &note), 1);
        lk_test_round_end(&round, 0);
        assert_int_equal(lk_test_local_delayed(local, "jobs"), 1);
        assert_int_equal(lk_test_local_total(local, "jobs"), 1);
    }
    lk_test_local_advance(local, 898 * 1000); /* 3598.3 s */
    assert_int_equal(lk_test_local_visible(local, "jobs"), 0);
    lk_test_local_advance(local, 2 * 1000);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_job *job = lk_test_round_next(&round);
    assert_non_null(job);
    assert_slice(lk_job_id(job), "a");
    assert_int_equal(lk_job_executions(job, 0), 0);
    lk_test_round_finish(&round, job, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs"), 0);
}

static void a_job_less_than_a_second_early_is_waited_for(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_test_receive receive;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_local_receive(local, "jobs", &receive);
    int64_t due_at_ms = lk_wall_ms() + 200;
    receive.records[0].due_at_ms = due_at_ms;
    lk_test_round_empty(&round, lk_test_local_client(local), NULL);
    assert_lk_ok(lk_batch_add(round.batch, &receive.records[0], &err));
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    assert_true(lk_wall_ms() >= due_at_ms);
    lk_test_round_end(&round, 0);
    lk_test_receive_clear(&receive);
}

/* B32: Lambda counts invocations of a chain by Lineage. */
static void a_hop_carries_the_trace_without_lineage(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;Lineage=a:1", 1);
    lk_test_local_send(local, "jobs", "a", 3600 * 1000, NULL);
    lk_test_local_advance(local, 901 * 1000);
    lk_test_round_begin(&round, local, "jobs", NULL);
    assert_non_null(strstr(round.receive.records[0].trace_header.ptr, "Lineage=a:1"));
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 0);
    lk_test_local_advance(local, 901 * 1000);
    lk_test_round_begin(&round, local, "jobs", NULL);
    assert_slice(round.receive.records[0].trace_header,
                 "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    lk_test_round_next(&round);
    lk_test_round_end(&round, 0);
}

static void lineage_stays_where_recursion_is_allowed(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.recursion_allowed = true;
    setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;Lineage=a:1", 1);
    lk_test_local_send(local, "jobs", "a", 3600 * 1000, NULL);
    lk_test_local_advance(local, 901 * 1000);
    lk_test_round_begin(&round, local, "jobs", &options);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 0);
    lk_test_local_advance(local, 901 * 1000);
    lk_test_round_begin(&round, local, "jobs", &options);
    assert_non_null(strstr(round.receive.records[0].trace_header.ptr, "Lineage=a:1"));
    lk_test_round_next(&round);
    lk_test_round_end(&round, 0);
}

static void a_body_that_is_not_json_hops_as_well(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    options.delay_ms = 2000 * 1000;
    assert_lk_ok(lk_send(lk_test_local_client(local), LK_SLICE_LITERAL("jobs"),
                         LK_SLICE_LITERAL("not json"), &options, NULL, &err));
    lk_test_local_advance(local, 901 * 1000);
    lk_test_round_begin(&round, local, "jobs", NULL);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_HOPPED, NULL), 1);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs"), 1);
}

/* --- FIFO queues ---------------------------------------------------------------------------- */

/* B11: the receive that only waited is no try. */
static void a_fifo_job_is_hidden_until_it_is_due_and_its_wait_is_no_try(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    lk_test_local_send(local, "jobs.fifo", "a", 600 * 1000, NULL);
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    assert_int_equal(round.receive.count, 1);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_DEFERRED, &note), 1);
    assert_in_range(note.wait_s, 599, 600);
    lk_test_round_end(&round, 1);
    lk_test_local_advance(local, 598 * 1000);
    assert_int_equal(lk_test_local_visible(local, "jobs.fifo"), 0);
    lk_test_local_advance(local, 3 * 1000);
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_job *job = lk_test_round_next(&round);
    assert_non_null(job);
    assert_int_equal(lk_job_executions(job, 0), 0);
    lk_decision decision = lk_test_round_finish(&round, job, LK_FAILED);
    assert_int_equal(decision.wait_s, 30); /* its first failure */
    lk_test_round_end(&round, 1);
}

static void a_deferred_job_holds_its_group(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "a1", 600 * 1000, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_SKIPPED, NULL), 1);
    lk_test_round_end(&round, 2);
}

/* With maxReceiveCount 1 the receive that waits would be the last one. The new message is there at
 * once, and sent again in its turn: once a second, not at full speed. */
static void a_fifo_job_with_no_receive_to_spare_is_sent_again(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "once.fifo", "a", 600 * 1000, NULL);
    lk_test_round_begin(&round, local, "once.fifo", NULL);
    int64_t before_ms = lk_mono_ms();
    assert_null(lk_test_round_next(&round));
    assert_true(lk_mono_ms() - before_ms >= 1000);
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_HOPPED, NULL), 1);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "once.fifo"), 1);
}

/* SQS hides a message for 12 h at most; the rest of the wait is a new message. */
static void a_fifo_job_a_day_away_runs_on_time(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    const int64_t day_s = 24 * 3600;
    int64_t passed_s = 0;
    int receives = 0;
    lk_test_local_send(local, "jobs.fifo", "a", day_s * 1000, NULL);
    lk_job *job = NULL;
    while (!job && receives++ < 10) {
        lk_note note;
        lk_test_round_begin(&round, local, "jobs.fifo", NULL);
        assert_int_equal(round.receive.count, 1);
        job = lk_test_round_next(&round);
        if (job)
            break;
        assert_int_equal(lk_batch_note(round.batch, &note), 1);
        int64_t wait_s = note.kind == LK_NOTE_DEFERRED ? note.wait_s : 0;
        assert_true(note.kind == LK_NOTE_DEFERRED || note.kind == LK_NOTE_HOPPED);
        lk_test_round_end(&round, note.kind == LK_NOTE_DEFERRED ? 1 : 0);
        lk_test_local_advance(local, wait_s * 1000);
        passed_s += wait_s;
    }
    assert_non_null(job);
    assert_in_range(passed_s, day_s - 1, day_s + 1);
    assert_slice(lk_job_id(job), "a");
    lk_test_round_finish(&round, job, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs.fifo"), 0);
}

static void a_long_wait_in_a_shared_group_warns_that_it_goes_to_the_end(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    lk_test_local_send(local, "once.fifo", "a", 600 * 1000, "shared");
    lk_test_round_begin(&round, local, "once.fifo", NULL);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_LONG_GROUP, &note), 1);
    assert_true(note.warning);
    lk_test_round_end(&round, 0);
    lk_test_round_begin(&round, local, "once.fifo", NULL);
    assert_slice(round.receive.records[0].message_group_id, "shared");
    lk_test_round_next(&round);
    lk_test_round_end(&round, 0);
}

static void a_job_alone_in_its_group_is_sent_again_without_warning(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "once.fifo", "a", 600 * 1000, NULL);
    lk_test_round_begin(&round, local, "once.fifo", NULL);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_LONG_GROUP, NULL), 0);
    lk_test_round_end(&round, 0);
}

/* The deduplication id of a hop names the message it came from: the same step again, after a crash
 * between send and delete, makes no second copy. */
static void a_repeated_fifo_hop_makes_no_second_copy(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_test_local_send(local, "once.fifo", "a", 600 * 1000, NULL);
    lk_test_round_begin(&round, local, "once.fifo", NULL);
    lk_record record = round.receive.records[0];
    lk_test_round again;
    lk_test_round_empty(&again, lk_test_local_client(local), NULL);
    assert_lk_ok(lk_batch_add(again.batch, &record, &err));
    assert_null(lk_test_round_next(&round));
    assert_null(lk_test_round_next(&again));
    assert_int_equal(lk_test_round_notes(&again, LK_NOTE_HOPPED, NULL), 1);
    lk_test_round_end(&again, 0);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "once.fifo"), 1);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(a_job_an_hour_away_hops_and_runs_on_time),
        LOCAL(a_job_less_than_a_second_early_is_waited_for),
        LOCAL(a_hop_carries_the_trace_without_lineage),
        LOCAL(lineage_stays_where_recursion_is_allowed),
        LOCAL(a_body_that_is_not_json_hops_as_well),
        LOCAL(a_fifo_job_is_hidden_until_it_is_due_and_its_wait_is_no_try),
        LOCAL(a_deferred_job_holds_its_group),
        LOCAL(a_fifo_job_with_no_receive_to_spare_is_sent_again),
        LOCAL(a_fifo_job_a_day_away_runs_on_time),
        LOCAL(a_long_wait_in_a_shared_group_warns_that_it_goes_to_the_end),
        LOCAL(a_job_alone_in_its_group_is_sent_again_without_warning),
        LOCAL(a_repeated_fifo_hop_makes_no_second_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
