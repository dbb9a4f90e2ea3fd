/* SPDX-License-Identifier: MIT
 *
 * test_batch_fifo: FIFO groups in batches, against the local server.
 */
#include "lk_test.h"

#include "lk_test_round.h"

static int setup(void **state)
{
    lk_test_local *local = lk_test_local_start();
    lk_test_local_queue(local, "dead.fifo", NULL, 0);
    lk_test_local_queue(local, "jobs.fifo", "dead.fifo", 13);
    lk_test_local_queue(local, "once.fifo", "dead.fifo", 1);
    *state = local;
    return 0;
}

static int teardown(void **state)
{
    lk_test_local_stop(*state);
    return 0;
}

static void a_failure_stops_the_rest_of_its_group(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a3", 0, "a");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_FAILED);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_SKIPPED, &note), 2);
    assert_int_equal(note.wait_s, 32); /* the head's 30 and 2 more */
    assert_false(note.warning);
    lk_test_round_end(&round, 3);
}

static void other_groups_go_on(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "b1", 0, "b");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_FAILED);
    lk_test_round_perform(&round, "b1", LK_RETRY_UNSET, LK_DONE);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 2);
    assert_int_equal(lk_test_local_total(local, "jobs.fifo"), 2);
}

static void a_group_runs_in_order_when_all_is_well(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a3", 0, "a");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_perform(&round, "a2", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_perform(&round, "a3", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs.fifo"), 0);
}

/* The head comes back alone, so that its followers do not spend a receive on waiting for it. */
static void followers_come_back_after_their_head(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_FAILED);
    lk_test_round_end(&round, 2);
    lk_test_local_advance(local, 30 * 1000 + 500);
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_DONE);
    /* Two seconds behind its head; on a slow machine they may have passed already. */
    lk_job *follower = lk_test_round_next(&round);
    if (!follower) {
        lk_test_round_end(&round, 0);
        lk_test_local_advance(local, 2 * 1000);
        lk_test_round_begin(&round, local, "jobs.fifo", NULL);
        follower = lk_test_round_next(&round);
    }
    assert_non_null(follower);
    assert_slice(lk_job_id(follower), "a2");
    lk_test_round_finish(&round, follower, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs.fifo"), 0);
}

/* However it died: deleted, drained or left. */
static void a_dead_head_blocks_nobody(void **state)
{
    lk_test_local *local = *state;
    static const struct {
        const char *queue;
        int max_retries;
        int retry;
        lk_action death;
    } cases[] = {{"jobs.fifo", 12, 0, LK_DELETE},
                 {"once.fifo", 12, LK_RETRY_UNSET, LK_LEAVE_FOR_DLQ},
                 {"jobs.fifo", 0, LK_RETRY_UNSET, LK_DRAIN}};
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_test_round round;
        lk_batch_options options = LK_BATCH_OPTIONS_INIT;
        options.max_retries = cases[i].max_retries;
        char head[8];
        char follower[8];
        char group[8];
        snprintf(head, sizeof(head), "h%zu", i); /* ids of their own: SQS deduplicates */
        snprintf(follower, sizeof(follower), "f%zu", i);
        snprintf(group, sizeof(group), "g%zu", i);
        lk_test_local_send(local, cases[i].queue, head, 0, group);
        lk_test_local_send(local, cases[i].queue, follower, 0, group);
        lk_test_round_begin(&round, local, cases[i].queue, &options);
        lk_decision decision = lk_test_round_perform(&round, head, cases[i].retry, LK_FAILED);
        assert_string_equal(lk_action_name(decision.action), lk_action_name(cases[i].death));
        lk_test_round_perform(&round, follower, LK_RETRY_UNSET, LK_DONE);
        lk_test_round_end(&round, cases[i].death == LK_DELETE ? 0 : 1);
    }
}

static void nothing_overtakes_a_job_that_is_not_finished(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    assert_non_null(lk_test_round_next(&round));
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 2);
}

static void send_foreign(lk_test_local *local, const char *queue)
{
    lk_err err;
    lk_buf request = {0};
    char *response = NULL;
    size_t len = 0;
    lk_buf_addf(&request,
                "{\"QueueUrl\":\"%s\",\"MessageBody\":\"x\",\"MessageGroupId\":\"a\","
                "\"MessageDeduplicationId\":\"x\"}",
                queue);
    assert_lk_ok(lk_sqs_call(lk_test_local_client(local), "SendMessage", lk_buf_slice(&request),
                             &response, &len, &err));
    lk_buf_clear(&request);
    lk_free(response);
}

/* It would be the end of its followers, too, if they were received once and not run. */
static void a_foreign_head_at_its_last_receive_blocks_nobody(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    send_foreign(local, "once.fifo");
    lk_test_local_send(local, "once.fifo", "a2", 0, "a");
    lk_test_round_begin(&round, local, "once.fifo", NULL);
    lk_test_round_perform(&round, "a2", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 1);
}

static void a_foreign_head_holds_its_group_for_the_queues_own_timeout(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    send_foreign(local, "jobs.fifo");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_SKIPPED, &note), 1);
    assert_int_equal(note.wait_s, 62); /* VisibilityTimeout 60 */
    lk_test_round_end(&round, 2);
}

static void followers_of_a_failed_head_wait_for_it_in_a_stopped_batch_too(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs.fifo", "a1", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "a2", 0, "a");
    lk_test_local_send(local, "jobs.fifo", "b1", 0, "b");
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_test_round_perform(&round, "a1", LK_RETRY_UNSET, LK_FAILED);
    lk_batch_stop(round.batch);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 3);
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    lk_test_round_perform(&round, "b1", LK_RETRY_UNSET, LK_DONE);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 0);
}

/* --- B30 ------------------------------------------------------------------------------------ */

#define JOBS 4

/* What the test knows of each message of the group. */
typedef struct follower {
    char id[8];
    int runs;
    int64_t visible_in_ms; /* from now */
} follower;

static follower *follower_of(follower *all, lk_slice body)
{
    for (size_t i = 0; i < JOBS; i++) {
        if (memmem(body.ptr, body.len, all[i].id, strlen(all[i].id)))
            return &all[i];
    }
    fail_msg("an unknown body: %.*s", LK_SLICE_FMT(body));
    return NULL;
}

static void skipped_ones_wait(lk_test_round *round, follower *all)
{
    lk_note note;
    while (lk_batch_note(round->batch, &note)) {
        for (size_t i = 0; note.kind == LK_NOTE_SKIPPED && i < round->receive.count; i++) {
            const lk_record *record = &round->receive.records[i];
            if (lk_slice_equal(record->message_id, note.message_id))
                follower_of(all, record->body)->visible_in_ms = note.wait_s * 1000;
        }
    }
}

/* One invocation in which every job fails; at its end the clock stands where the next message
 * becomes visible, as a poller would find it. */
static void fail_whatever_comes(lk_test_local *local, follower *all)
{
    lk_test_round round;
    lk_test_round_begin(&round, local, "jobs.fifo", NULL);
    size_t count = round.receive.count;
    for (size_t i = 0; i < count; i++)
        follower_of(all, round.receive.records[i].body)->visible_in_ms = 60 * 1000;
    for (lk_job *job = lk_test_round_next(&round); job; job = lk_test_round_next(&round)) {
        follower *f = follower_of(all, lk_job_record(job)->body);
        lk_decision decision = lk_test_round_finish(&round, job, LK_FAILED);
        f->runs++;
        if (decision.wait_s >= 0)
            f->visible_in_ms = decision.wait_s * 1000;
    }
    skipped_ones_wait(&round, all);
    lk_test_round_end(&round, count);
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < JOBS; i++) {
        if (all[i].visible_in_ms > 0)
            next_ms = LK_MIN(next_ms, all[i].visible_in_ms);
    }
    if (next_ms == INT64_MAX)
        return;
    lk_test_local_advance(local, next_ms);
    for (size_t i = 0; i < JOBS; i++)
        all[i].visible_in_ms -= next_ms;
}

static void followers_of_a_head_that_keeps_failing_run_before_they_die(void **state)
{
    lk_test_local *local = *state;
    follower all[JOBS] = {{.id = "job-1"}, {.id = "job-2"}, {.id = "job-3"}, {.id = "job-4"}};
    for (size_t i = 0; i < JOBS; i++)
        lk_test_local_send(local, "jobs.fifo", all[i].id, 0, "a");
    int rounds = 0;
    while (lk_test_local_total(local, "jobs.fifo") > 0 && rounds++ < 500)
        fail_whatever_comes(local, all);
    assert_int_equal(lk_test_local_total(local, "jobs.fifo"), 0);
    assert_int_equal(lk_test_local_total(local, "dead.fifo"), JOBS);
    assert_int_equal(all[0].runs, 13);
    for (size_t i = 0; i < JOBS; i++)
        assert_true(all[i].runs >= 1);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(a_failure_stops_the_rest_of_its_group),
        LOCAL(other_groups_go_on),
        LOCAL(a_group_runs_in_order_when_all_is_well),
        LOCAL(followers_come_back_after_their_head),
        LOCAL(a_dead_head_blocks_nobody),
        LOCAL(nothing_overtakes_a_job_that_is_not_finished),
        LOCAL(a_foreign_head_at_its_last_receive_blocks_nobody),
        LOCAL(a_foreign_head_holds_its_group_for_the_queues_own_timeout),
        LOCAL(followers_of_a_failed_head_wait_for_it_in_a_stopped_batch_too),
        LOCAL(followers_of_a_head_that_keeps_failing_run_before_they_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
