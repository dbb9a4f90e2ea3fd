/* SPDX-License-Identifier: MIT
 *
 * test_batch_settle: calls that fail and questions that are not answered: what a batch says then,
 * and that no record suffers for another one. Against a peer that answers as ordered.
 */
#include "lk_test.h"

#include "lk_test_round.h"
#include "lk_test_sqs.h"

typedef struct fixture {
    lk_test_sqs *sqs;
    lk_client *client;
    lk_test_round round;
} fixture;

static fixture begin(const lk_test_answer *answers, size_t count, const lk_batch_options *options)
{
    fixture f = {0};
    f.sqs = lk_test_sqs_start(answers, count);
    f.client = lk_test_sqs_client(lk_test_sqs_url(f.sqs), 0, NULL);
    lk_test_round_empty(&f.round, f.client, options);
    return f;
}

static void end(fixture *f, size_t failures)
{
    lk_test_round_end(&f->round, failures);
    lk_client_free(f->client);
    lk_test_sqs_stop(f->sqs);
}

/* A record of the queue "jobs", whose job id is its message id. */
static lk_record record_of(const char *message_id, const char *body)
{
    lk_record record;
    lk_record_init(&record);
    record.message_id = lk_slice_of(message_id);
    record.receipt_handle = lk_slice_of(message_id);
    record.body = lk_slice_of(body);
    record.event_source_arn = LK_SLICE_LITERAL("arn:aws:sqs:us-east-1:000000000000:jobs");
    record.is_job = true;
    return record;
}

static void add(fixture *f, const char *message_id, const char *body)
{
    lk_err err;
    lk_record record = record_of(message_id, body);
    assert_lk_ok(lk_batch_add(f->round.batch, &record, &err));
}

static lk_decision finish_next(fixture *f, lk_outcome_kind kind)
{
    lk_job *job = lk_test_round_next(&f->round);
    assert_non_null(job);
    return lk_test_round_finish(&f->round, job, kind);
}

static void settle(fixture *f)
{
    lk_err err;
    assert_lk_ok(lk_batch_settle(f->round.batch, &err));
}

/* B8 */
static void a_delete_that_fails_leaves_the_record_reported_done(void **state)
{
    (void)state;
    const lk_test_answer refused[] = {{.status = 403, .error = "AccessDenied"}};
    fixture f = begin(refused, 1, NULL);
    lk_note note;
    add(&f, "m1", "{}");
    finish_next(&f, LK_DONE);
    settle(&f);
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_SETTLE_FAILED, &note), 1);
    assert_slice(note.message_id, "m1");
    assert_string_equal(note.err.aws_code, "AccessDenied");
    assert_true(note.warning);
    end(&f, 0);
}

/* B7 */
static void a_visibility_call_that_fails_touches_no_other_record(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.body = "{\"Attributes\":{\"VisibilityTimeout\":\"60\",\"MessageRetentionPeriod\":"
                 "\"345600\",\"RedrivePolicy\":\"{\\\"maxReceiveCount\\\":13}\"}}"},
        {.status = 400, .error = "InvalidParameterValue"}};
    fixture f = begin(answers, 2, NULL);
    lk_note note;
    add(&f, "m1", "{}");
    add(&f, "m2", "{}");
    assert_int_equal(finish_next(&f, LK_FAILED).action, LK_RETRY);
    settle(&f); /* the order of the answers is that of the requests */
    finish_next(&f, LK_DONE);
    settle(&f);
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_SETTLE_FAILED, &note), 1);
    assert_slice(note.message_id, "m1");
    assert_int_equal(lk_test_sqs_count(f.sqs), 3);
    end(&f, 1);
}

static void a_settle_call_is_retried(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.status = 500}, {.hang_up = true}};
    fixture f = begin(answers, 2, NULL);
    add(&f, "m1", "{}");
    finish_next(&f, LK_DONE);
    settle(&f);
    assert_int_equal(lk_test_sqs_count(f.sqs), 3);
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_SETTLE_FAILED, NULL), 0);
    end(&f, 0);
}

static void attributes_that_are_denied_are_asked_once_and_nothing_is_deleted(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.status = 403, .error = "AccessDenied"}};
    fixture f = begin(answers, 1, NULL);
    lk_note note;
    lk_err err;
    lk_record tired = record_of("m3", "{}");
    tired.receive_count = 40; /* far beyond any limit */
    add(&f, "m1", "{}");
    add(&f, "m2", "{}");
    assert_int_equal(finish_next(&f, LK_FAILED).action, LK_RETRY);
    assert_int_equal(finish_next(&f, LK_FAILED).action, LK_RETRY);
    settle(&f);
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_ATTRIBUTES_UNKNOWN, &note), 1);
    assert_non_null(strstr(note.err.message, "sqs:GetQueueAttributes"));
    for (size_t i = 1; i < lk_test_sqs_count(f.sqs); i++)
        assert_false(lk_slice_equal_str(lk_test_sqs_action(f.sqs, i), "GetQueueAttributes"));
    lk_test_round last;
    lk_test_round_empty(&last, f.client, NULL);
    assert_lk_ok(lk_batch_add(last.batch, &tired, &err));
    assert_null(lk_test_round_next(&last));
    lk_test_round_end(&last, 1);
    for (size_t i = 0; i < lk_test_sqs_count(f.sqs); i++)
        assert_false(lk_slice_has_prefix(lk_test_sqs_action(f.sqs, i), LK_SLICE_LITERAL("Delete")));
    end(&f, 2);
}

static void a_job_that_cannot_be_sent_again_is_hidden_until_it_is_due(void **state)
{
    (void)state;
    const lk_test_answer refused[] = {{.status = 403, .error = "AccessDenied"}};
    fixture f = begin(refused, 1, NULL);
    lk_err err;
    lk_note note;
    lk_record record = record_of("m1", "{}");
    record.due_at_ms = lk_wall_ms() + 3600 * 1000;
    assert_lk_ok(lk_batch_add(f.round.batch, &record, &err));
    assert_null(lk_test_round_next(&f.round));
    settle(&f);
    assert_int_equal(lk_test_sqs_count(f.sqs), 3);
    assert_slice(lk_test_sqs_action(f.sqs, 0), "SendMessage");
    assert_slice(lk_test_sqs_action(f.sqs, 1), "GetQueueAttributes");
    assert_slice(lk_test_sqs_action(f.sqs, 2), "ChangeMessageVisibility");
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_SETTLE_FAILED, &note), 1);
    assert_slice(note.message_id, "m1");
    assert_string_equal(note.err.aws_code, "AccessDenied");
    end(&f, 1);
}

static void a_hop_deletes_only_after_the_send_was_accepted(void **state)
{
    (void)state;
    fixture f = begin(NULL, 0, NULL);
    lk_err err;
    lk_record record = record_of("m1", "{}");
    record.due_at_ms = lk_wall_ms() + 3600 * 1000;
    assert_lk_ok(lk_batch_add(f.round.batch, &record, &err));
    assert_null(lk_test_round_next(&f.round));
    settle(&f);
    assert_slice(lk_test_sqs_action(f.sqs, 0), "SendMessage");
    assert_slice(lk_test_sqs_action(f.sqs, 1), "DeleteMessage");
    assert_int_equal(lk_test_sqs_most_at_once(f.sqs), 1);
    end(&f, 0);
}

/* Works off m1, so that a moment is left for m2, which is not started. */
static void leave_the_second_unstarted(fixture *f)
{
    add(f, "m1", "{}");
    add(f, "m2", "{}");
    finish_next(f, LK_DONE);
    settle(f); /* the order of the answers is that of the requests */
    lk_batch_stop(f->round.batch);
    assert_null(lk_test_round_next(&f->round));
    settle(f);
    assert_slice(lk_test_sqs_action(f->sqs, 1), "SendMessage");
    assert_int_equal(lk_test_sqs_count(f->sqs), 3);
}

static void an_unstarted_job_that_cannot_be_sent_again_is_visible_again(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.delay_ms = 0}, {.status = 403, .error = "AccessDenied"}};
    fixture f = begin(answers, 2, NULL);
    lk_note note;
    leave_the_second_unstarted(&f);
    assert_slice(lk_test_sqs_action(f.sqs, 2), "ChangeMessageVisibility");
    assert_true(lk_test_sqs_has(f.sqs, 2, "\"VisibilityTimeout\":0"));
    assert_int_equal(lk_batch_note(f.round.batch, &note), 1);
    assert_string_equal(lk_note_name(note.kind), "SETTLE_FAILED");
    assert_slice(note.message_id, "m2");
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_UNSTARTED, &note), 1);
    end(&f, 1);
}

static void a_copy_that_is_left_of_an_unstarted_job_is_told_of(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.delay_ms = 0}, {.delay_ms = 0}, {.status = 403, .error = "AccessDenied"}};
    fixture f = begin(answers, 3, NULL);
    lk_note note;
    leave_the_second_unstarted(&f);
    assert_slice(lk_test_sqs_action(f.sqs, 2), "DeleteMessage");
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_SETTLE_FAILED, &note), 1);
    assert_slice(note.message_id, "m2");
    assert_non_null(strstr(note.err.message, "runs twice"));
    end(&f, 1);
}

static void settling_ends_before_the_deadline_and_says_what_is_open(void **state)
{
    (void)state;
    const lk_test_answer silent[] = {{.held = true}};
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.deadline_ms = lk_wall_ms() + 1000;
    fixture f = begin(silent, 1, &options);
    lk_note note;
    add(&f, "m1", "{}");
    finish_next(&f, LK_DONE);
    settle(&f);
    settle(&f);
    assert_int_equal(lk_test_round_notes(&f.round, LK_NOTE_SETTLE_FAILED, &note), 1);
    assert_slice(note.message_id, "m1");
    assert_int_equal(note.err.code, LK_E_TIMEOUT);
    end(&f, 0);
}

static void an_interrupted_question_leaves_the_job_open(void **state)
{
    (void)state;
    fixture f = begin(NULL, 0, NULL);
    lk_err err;
    lk_decision decision;
    lk_outcome outcome = LK_OUTCOME_INIT;
    outcome.kind = LK_FAILED;
    add(&f, "m1", "{}");
    lk_job *job = lk_test_round_next(&f.round);
    lk_client_interrupt(f.client);
    assert_lk_fails(lk_batch_finish(f.round.batch, job, &outcome, &decision, &err),
                    LK_E_INTERRUPTED);
    lk_test_round_finish(&f.round, job, LK_FAILED);
    end(&f, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delete_that_fails_leaves_the_record_reported_done),
        cmocka_unit_test(a_visibility_call_that_fails_touches_no_other_record),
        cmocka_unit_test(a_settle_call_is_retried),
        cmocka_unit_test(attributes_that_are_denied_are_asked_once_and_nothing_is_deleted),
        cmocka_unit_test(a_job_that_cannot_be_sent_again_is_hidden_until_it_is_due),
        cmocka_unit_test(a_hop_deletes_only_after_the_send_was_accepted),
        cmocka_unit_test(an_unstarted_job_that_cannot_be_sent_again_is_visible_again),
        cmocka_unit_test(a_copy_that_is_left_of_an_unstarted_job_is_told_of),
        cmocka_unit_test(settling_ends_before_the_deadline_and_says_what_is_open),
        cmocka_unit_test(an_interrupted_question_leaves_the_job_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
