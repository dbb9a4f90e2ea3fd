/* SPDX-License-Identifier: MIT
 *
 * test_batch: what happens to the records of a batch on a standard queue, against the local server.
 * FIFO groups are in test_batch_fifo.c, start times in test_batch_delay.c, calls that fail in
 * test_batch_settle.c.
 */
#include "lk_test.h"

#include "lk_test_round.h"

static int setup(void **state)
{
    lk_test_local *local = lk_test_local_start();
    lk_test_local_queue(local, "dead", NULL, 0);
    lk_test_local_queue(local, "jobs", "dead", 13);
    lk_test_local_queue(local, "plain", NULL, 0);
    *state = local;
    return 0;
}

static int teardown(void **state)
{
    lk_test_local_stop(*state);
    return 0;
}

/* --- Done ----------------------------------------------------------------------------------- */

static void a_finished_job_is_deleted_and_reported_done(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_decision decision = lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    assert_int_equal(decision.action, LK_DELETE);
    assert_false(decision.dead);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs"), 0);
}

static void many_finished_jobs_are_all_deleted(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    for (int i = 0; i < 10; i++)
        lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    for (int i = 0; i < 10; i++)
        lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs"), 0);
}

static void the_mapping_may_delete_the_last_record(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.delete_mode = LK_DELETE_MAPPING;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", &options);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs"), 1);
}

/* --- Failed --------------------------------------------------------------------------------- */

static void a_failed_job_is_hidden_for_its_backoff(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_decision decision = lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    assert_int_equal(decision.action, LK_RETRY);
    assert_int_equal(decision.wait_s, 30);
    lk_test_round_end(&round, 1);
    lk_test_local_advance(local, 28 * 1000);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 0);
    lk_test_local_advance(local, 3 * 1000);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 1);
}

/* B1: 13 receives, 12 waits of the published ladder, and then the dead-letter queue has it. */
static void a_job_that_always_fails_climbs_the_ladder_into_the_dead_letter_queue(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    static const int64_t ladder[] = {30,   46,   76,   156,  346,   730,
                                     1416, 2536, 4246, 6726, 10180, 14836};
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    for (size_t n = 0; n < LK_COUNT(ladder); n++) {
        lk_test_round_begin(&round, local, "jobs", NULL);
        lk_job *job = lk_test_round_next(&round);
        assert_non_null(job);
        assert_int_equal(lk_job_executions(job, 0), n);
        lk_decision decision = lk_test_round_finish(&round, job, LK_FAILED);
        assert_int_equal(decision.action, LK_RETRY);
        assert_int_equal(decision.wait_s, ladder[n]);
        lk_test_round_end(&round, 1);
        lk_test_local_advance(local, ladder[n] * 1000);
    }
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_decision last = lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    assert_int_equal(last.action, LK_LEAVE_FOR_DLQ);
    assert_true(last.dead);
    lk_test_round_end(&round, 1);
    lk_test_local_advance(local, 61 * 1000);
    lk_test_round_begin(&round, local, "jobs", NULL); /* the 14th attempt moves it */
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs"), 0);
    assert_int_equal(lk_test_local_visible(local, "dead"), 1);
}

static void a_jobs_own_retry_limit_deletes_it(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    assert_int_equal(lk_test_round_perform(&round, "a", 1, LK_FAILED).action, LK_RETRY);
    lk_test_round_end(&round, 1);
    lk_test_local_advance(local, 31 * 1000);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_decision decision = lk_test_round_perform(&round, "a", 1, LK_FAILED);
    assert_int_equal(decision.action, LK_DELETE);
    assert_true(decision.dead);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "jobs"), 0);
    assert_int_equal(lk_test_local_total(local, "dead"), 0);
}

static void a_job_may_name_its_own_wait(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_outcome outcome = LK_OUTCOME_INIT;
    outcome.kind = LK_FAILED;
    outcome.retry_in_s = 5;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_job *job = lk_test_round_next(&round);
    assert_lk_ok(lk_batch_finish(round.batch, job, &outcome, &decision, &err));
    assert_int_equal(decision.wait_s, 5);
    lk_test_round_end(&round, 1);
    lk_test_local_advance(local, 6 * 1000);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 1);
}

static void what_is_decided_is_done_by_finish_and_not_before(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_outcome outcome = LK_OUTCOME_INIT;
    outcome.kind = LK_FAILED;
    lk_test_local_send(local, "plain", "a", 0, NULL);
    lk_test_round_begin(&round, local, "plain", NULL);
    lk_job *job = lk_test_round_next(&round);
    assert_lk_fails(lk_batch_finish(round.batch, job, NULL, NULL, &err), LK_E_INVALID);
    assert_lk_ok(lk_batch_decide(round.batch, job, &outcome, &decision, &err));
    assert_int_equal(decision.action, LK_DELETE);
    assert_true(decision.dead);
    assert_lk_ok(lk_batch_settle(round.batch, &err));
    assert_int_equal(lk_test_local_total(local, "plain"), 1);
    assert_lk_ok(lk_batch_finish(round.batch, job, NULL, &decision, &err));
    assert_int_equal(decision.action, LK_DELETE);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "plain"), 0);
}

static void the_last_decision_counts(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_outcome outcome = LK_OUTCOME_INIT;
    outcome.kind = LK_FAILED;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_job *job = lk_test_round_next(&round);
    assert_lk_ok(lk_batch_decide(round.batch, job, &outcome, &decision, &err));
    assert_int_equal(decision.wait_s, 30);
    outcome.retry_in_s = 7;
    assert_lk_ok(lk_batch_decide(round.batch, job, &outcome, NULL, &err));
    assert_lk_ok(lk_batch_finish(round.batch, job, NULL, &decision, &err));
    assert_int_equal(decision.action, LK_RETRY);
    assert_int_equal(decision.wait_s, 7);
    assert_lk_fails(lk_batch_decide(round.batch, job, &outcome, NULL, &err), LK_E_INVALID);
    lk_test_round_end(&round, 1);
}

static void jitter_only_lengthens_a_backoff_within_its_share(void **state)
{
    lk_test_local *local = *state;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.jitter_percent = 50;
    bool varies = false;
    int64_t first_s = -1;
    for (int i = 0; i < 20; i++) {
        lk_test_round round;
        lk_test_local_send(local, "jobs", "a", 0, NULL);
        lk_test_round_begin(&round, local, "jobs", &options);
        int64_t wait_s = lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED).wait_s;
        assert_in_range(wait_s, 30, 45);
        varies = varies || (first_s >= 0 && wait_s != first_s);
        first_s = wait_s;
        lk_test_round_end(&round, 1);
    }
    assert_true(varies); /* 20 equal draws of 16: once in 10^22 */
}

static void a_retry_that_retention_would_outrun_is_shortened_with_one_warning(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    lk_test_local_set(local, "jobs", "MessageRetentionPeriod", "60");
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_local_advance(local, 35 * 1000);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_decision decision = lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    assert_int_equal(decision.action, LK_RETRY);
    assert_true(decision.shortened);
    assert_true(decision.wait_s < 25);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_RETENTION, &note), 1);
    assert_true(note.warning);
    assert_non_null(strstr(note.err.message, "MessageRetentionPeriod"));
    lk_test_round_end(&round, 2);
}

/* --- Without a redrive policy --------------------------------------------------------------- */

static void without_a_redrive_policy_a_failure_deletes_with_one_warning(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_note note;
    lk_test_local_send(local, "plain", "a", 0, NULL);
    lk_test_local_send(local, "plain", "a", 0, NULL);
    lk_test_round_begin(&round, local, "plain", NULL);
    lk_decision decision = lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    assert_int_equal(decision.action, LK_DELETE);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_NO_REDRIVE, &note), 1);
    assert_slice(note.queue_name, "plain");
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "plain"), 0);
}

/* The attributes in the cache say NONE; a delete is not decided on them when they are old. */
static void a_redrive_policy_added_meanwhile_saves_a_failed_job(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_queue_attributes attributes;
    assert_lk_ok(lk_queue_attributes_get(
        lk_test_local_client(local), LK_SLICE_LITERAL("arn:aws:sqs:us-east-1:000000000000:plain"),
        -1, &attributes, &err));
    assert_int_equal(attributes.max_receive_count, LK_MAX_RECEIVE_NONE);
    lk_test_local_set(local, "plain", "RedrivePolicy",
                      "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\","
                      "\"maxReceiveCount\":5}");
    lk_test_local_age(local, 11 * 1000);
    lk_test_local_send(local, "plain", "a", 0, NULL);
    lk_test_round_begin(&round, local, "plain", NULL);
    lk_decision decision = lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_FAILED);
    assert_int_equal(decision.action, LK_RETRY);
    lk_test_round_end(&round, 1);
    assert_int_equal(lk_test_local_total(local, "plain"), 1);
}

/* --- Records that cannot run ---------------------------------------------------------------- */

/* B3 */
static void a_poison_record_is_retried_alone_and_never_deleted(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "plain", "poison", 0, NULL);
    lk_test_local_send(local, "plain", "good", 0, NULL);
    lk_test_round_begin(&round, local, "plain", NULL);
    for (lk_job *job = lk_test_round_next(&round); job; job = lk_test_round_next(&round)) {
        bool poison = lk_slice_equal_str(lk_job_id(job), "poison");
        lk_decision decision = lk_test_round_finish(&round, job, poison ? LK_POISON : LK_DONE);
        assert_int_equal(decision.action == LK_DELETE, !poison);
    }
    lk_test_round_end(&round, 1);
    assert_int_equal(lk_test_local_total(local, "plain"), 1);
}

/* B23 */
static void a_foreign_record_is_reported_failed_and_left_alone(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_note note;
    char *response = NULL;
    size_t len = 0;
    assert_lk_ok(lk_sqs_call(lk_test_local_client(local), "SendMessage",
                             LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"hello\"}"),
                             &response, &len, &err));
    lk_free(response);
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_FOREIGN, &note), 1);
    assert_true(note.message_id.len > 0);
    lk_test_round_end(&round, 1);
    assert_int_equal(lk_test_local_in_flight(local, "jobs"), 1);
}

static void a_record_whose_arn_names_no_queue_is_not_run(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_note note;
    lk_test_round_empty(&round, lk_test_local_client(local), NULL);
    static const char *const arns[] = {"", "arn:aws:sns:us-east-1:1:topic", "no such thing!"};
    for (size_t i = 0; i < LK_COUNT(arns); i++) {
        lk_record record;
        lk_record_init(&record);
        record.message_id = LK_SLICE_LITERAL("m1");
        record.receipt_handle = LK_SLICE_LITERAL("h1");
        record.body = LK_SLICE_LITERAL("{}");
        record.event_source_arn = lk_slice_of(arns[i]);
        record.is_job = true;
        assert_lk_ok(lk_batch_add(round.batch, &record, &err));
    }
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_FOREIGN, &note), LK_COUNT(arns));
    assert_non_null(strstr(note.err.message, "eventSourceARN"));
    lk_test_round_end(&round, LK_COUNT(arns));
}

/* --- Before it runs ------------------------------------------------------------------------- */

static void a_job_whose_tries_are_spent_is_drained_not_run(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.max_retries = 0; /* one try; the first receive below is a crash */
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", &options);
    lk_test_round_next(&round);
    lk_test_round_end(&round, 1);
    lk_test_local_advance(local, 61 * 1000);
    lk_test_round_begin(&round, local, "jobs", &options);
    lk_job *job = lk_test_round_next(&round); /* its class might allow more */
    assert_non_null(job);
    assert_lk_ok(lk_batch_start(round.batch, job, NULL, &decision, &err));
    assert_int_equal(decision.action, LK_DRAIN);
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_DRAINED, NULL), 1);
    lk_test_round_end(&round, 1);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 1);
}

/* B21: the body names the queue it was first sent to. */
static void calls_go_to_the_queue_the_record_came_from(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    assert_lk_ok(lk_send(lk_test_local_client(local), LK_SLICE_LITERAL("plain"),
                         LK_SLICE_LITERAL("{\"job_id\":\"a\",\"queue_name\":\"jobs\"}"), &options,
                         NULL, &err));
    lk_test_round_begin(&round, local, "plain", NULL);
    lk_job *job = lk_test_round_next(&round);
    assert_slice(lk_job_queue_name(job), "plain");
    lk_test_round_finish(&round, job, LK_DONE);
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_SETTLE_FAILED, NULL), 0);
    lk_test_round_end(&round, 0);
    assert_int_equal(lk_test_local_total(local, "plain"), 0);
}

/* --- Ending early --------------------------------------------------------------------------- */

static void a_stopped_batch_gives_the_rest_back_at_once(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    for (int i = 0; i < 3; i++)
        lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    lk_batch_stop(round.batch);
    assert_null(lk_test_round_next(&round));
    assert_int_equal(lk_test_round_notes(&round, LK_NOTE_UNSTARTED, NULL), 2);
    lk_test_round_end(&round, 2);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 2);
}

static void no_job_starts_when_less_than_the_guard_is_left(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.deadline_ms = lk_wall_ms() + 60 * 1000;
    options.guard_ms = 50 * 1000;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", &options);
    lk_test_round_perform(&round, "a", LK_RETRY_UNSET, LK_DONE);
    lk_test_round_end(&round, 0);
    options.guard_ms = 70 * 1000;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", &options);
    assert_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 1);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 1);
}

static void an_untouched_job_is_visible_again_at_once(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_decision decision = lk_test_round_finish(&round, lk_test_round_next(&round), LK_UNTOUCHED);
    assert_int_equal(decision.wait_s, 0);
    assert_false(decision.dead);
    lk_test_round_end(&round, 1);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 1);
}

static void a_job_that_was_not_finished_counts_as_failed(void **state)
{
    lk_test_local *local = *state;
    lk_test_round round;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    assert_non_null(lk_test_round_next(&round));
    lk_test_round_end(&round, 1);
    assert_int_equal(lk_test_local_in_flight(local, "jobs"), 1);
}

/* --- Response ------------------------------------------------------------------------------- */

static void the_response_lists_failed_message_ids_and_does_not_change(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_slice first;
    lk_slice again;
    char expected[200];
    lk_decision decision;
    lk_outcome outcome = LK_OUTCOME_INIT;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_job *job = lk_test_round_next(&round);
    lk_slice id = lk_job_record(job)->message_id;
    snprintf(expected, sizeof(expected), "{\"batchItemFailures\":[{\"itemIdentifier\":\"%.*s\"}]}",
             LK_SLICE_FMT(id));
    assert_lk_ok(lk_batch_response(round.batch, &first, &err));
    assert_slice(first, expected);
    assert_lk_fails(lk_batch_finish(round.batch, job, &outcome, &decision, &err), LK_E_INVALID);
    assert_lk_ok(lk_batch_response(round.batch, &again, &err));
    assert_slice(again, expected);
    assert_true(lk_slice_equal(lk_batch_failure_at(round.batch, 0), id));
    assert_null(lk_batch_failure_at(round.batch, 1).ptr);
    lk_test_round_end(&round, 1);
}

static void an_empty_batch_answers_with_no_failures(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_slice json;
    lk_test_round round;
    lk_test_round_begin(&round, local, "jobs", NULL);
    assert_lk_ok(lk_batch_response(round.batch, &json, &err));
    assert_slice(json, "{\"batchItemFailures\":[]}");
    lk_test_round_end(&round, 0);
}

/* --- Its shape ------------------------------------------------------------------------------ */

static const char event_json[] =
    "{\"Records\":[{\"messageId\":\"m1\",\"receiptHandle\":\"h1\",\"body\":"
    "\"{\\\"job_class\\\":\\\"Thumbnail\\\",\\\"job_id\\\":\\\"j1\\\",\\\"arguments\\\":[1,"
    "{\\\"a\\\":18446744073709551616}]}\",\"attributes\":{\"ApproximateReceiveCount\":\"3\"},"
    "\"messageAttributes\":{\"lambdakiq\":{\"stringValue\":\"1\",\"dataType\":\"String\"}},"
    "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:000000000000:jobs\"},"
    "{\"messageId\":\"m2\",\"receiptHandle\":\"h2\",\"body\":\"not json\","
    "\"messageAttributes\":{\"lambdakiq\":{\"stringValue\":\"1\"}},"
    "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:000000000000:jobs\"}]}";

static void a_job_tells_what_its_record_and_body_say(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_test_round_empty(&round, lk_test_local_client(local), NULL);
    assert_lk_ok(lk_batch_add_event(round.batch, lk_slice_of(event_json), &err));
    lk_job *job = lk_test_round_next(&round);
    assert_slice(lk_job_record(job)->message_id, "m1");
    assert_slice(lk_job_queue_name(job), "jobs");
    assert_slice(lk_job_class(job), "Thumbnail");
    assert_slice(lk_job_id(job), "j1");
    assert_slice(lk_job_arguments(job), "[1,{\"a\":18446744073709551616}]"); /* to the digit */
    assert_int_equal(lk_job_executions(job, 4), 6);
    job = lk_test_round_next(&round);
    assert_null(lk_job_class(job).ptr);
    assert_null(lk_job_id(job).ptr);
    assert_null(lk_job_arguments(job).ptr);
    assert_int_equal(lk_job_executions(job, 0), 0);
    lk_batch_free(round.batch);
}

static void records_are_added_before_the_first_job_only(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_record record;
    lk_record_init(&record);
    lk_test_round_begin(&round, local, "jobs", NULL);
    assert_null(lk_test_round_next(&round));
    assert_lk_fails(lk_batch_add(round.batch, &record, &err), LK_E_INVALID);
    lk_test_round_end(&round, 0);
}

static void a_job_cannot_be_finished_twice(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_decision decision;
    lk_outcome outcome = LK_OUTCOME_INIT;
    lk_test_local_send(local, "jobs", "a", 0, NULL);
    lk_test_round_begin(&round, local, "jobs", NULL);
    lk_job *job = lk_test_round_next(&round);
    lk_test_round_finish(&round, job, LK_DONE);
    assert_lk_fails(lk_batch_finish(round.batch, job, &outcome, &decision, &err), LK_E_INVALID);
    lk_test_round_end(&round, 0);
}

static void an_event_that_is_not_of_sqs_is_refused(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_round round;
    lk_test_round_empty(&round, lk_test_local_client(local), NULL);
    assert_lk_fails(lk_batch_add_event(round.batch, LK_SLICE_LITERAL("{\"httpMethod\":1}"), &err),
                    LK_E_RECORD);
    assert_lk_fails(lk_batch_add_event(round.batch, LK_SLICE_LITERAL("{"), &err), LK_E_JSON);
    lk_test_round_end(&round, 0);
}

static void options_out_of_range_are_refused(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.max_retries = 13;
    assert_null(lk_batch_new(lk_test_local_client(local), &options, &err));
    assert_int_equal(err.code, LK_E_INVALID);
    options.max_retries = 12;
    options.jitter_percent = 101;
    assert_null(lk_batch_new(lk_test_local_client(local), &options, &err));
    assert_int_equal(err.code, LK_E_INVALID);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(a_finished_job_is_deleted_and_reported_done),
        LOCAL(many_finished_jobs_are_all_deleted),
        LOCAL(the_mapping_may_delete_the_last_record),
        LOCAL(a_failed_job_is_hidden_for_its_backoff),
        LOCAL(a_job_that_always_fails_climbs_the_ladder_into_the_dead_letter_queue),
        LOCAL(a_jobs_own_retry_limit_deletes_it),
        LOCAL(a_job_may_name_its_own_wait),
        LOCAL(what_is_decided_is_done_by_finish_and_not_before),
        LOCAL(the_last_decision_counts),
        LOCAL(jitter_only_lengthens_a_backoff_within_its_share),
        LOCAL(a_retry_that_retention_would_outrun_is_shortened_with_one_warning),
        LOCAL(without_a_redrive_policy_a_failure_deletes_with_one_warning),
        LOCAL(a_redrive_policy_added_meanwhile_saves_a_failed_job),
        LOCAL(a_poison_record_is_retried_alone_and_never_deleted),
        LOCAL(a_foreign_record_is_reported_failed_and_left_alone),
        LOCAL(a_record_whose_arn_names_no_queue_is_not_run),
        LOCAL(a_job_whose_tries_are_spent_is_drained_not_run),
        LOCAL(calls_go_to_the_queue_the_record_came_from),
        LOCAL(a_stopped_batch_gives_the_rest_back_at_once),
        LOCAL(no_job_starts_when_less_than_the_guard_is_left),
        LOCAL(an_untouched_job_is_visible_again_at_once),
        LOCAL(a_job_that_was_not_finished_counts_as_failed),
        LOCAL(the_response_lists_failed_message_ids_and_does_not_change),
        LOCAL(an_empty_batch_answers_with_no_failures),
        LOCAL(a_job_tells_what_its_record_and_body_say),
        LOCAL(records_are_added_before_the_first_job_only),
        LOCAL(a_job_cannot_be_finished_twice),
        LOCAL(an_event_that_is_not_of_sqs_is_refused),
        LOCAL(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
