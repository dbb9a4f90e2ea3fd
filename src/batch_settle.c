/* SPDX-License-Identifier: MIT
 *
 * batch_settle: what happens to a record once it is decided: the call, what became of it, the
 * response.
 *
 * Calls go through the outbox and are collected while the next job runs. One that fails for good
 * becomes a note and nothing else: a job that is done is still reported done, so that the event
 * source mapping deletes it; a failed one is reported failed and comes back when the queue's own
 * visibility timeout ends (B7, B8).
 */
#include "batch.h"

#define SETTLE_MARGIN_MS 500 /* before the deadline: what the response itself needs */

int64_t lk_batch_clock_ms(const lk_batch *batch)
{
    const lk_env *env = lk_client_env(batch->client);
    return env->clock_ms(env->ctx);
}

int64_t lk_batch_mono_ms(const lk_batch *batch)
{
    const lk_env *env = lk_client_env(batch->client);
    return env->mono_ms(env->ctx);
}

/* --- Attributes ----------------------------------------------------------------------------- */

static void say_unknown(lk_batch *batch, lk_job *job, const lk_err *err)
{
    if (job->queue->said_unknown)
        return;
    job->queue->said_unknown = true;
    lk_note note = lk_job_note(job, LK_NOTE_ATTRIBUTES_UNKNOWN, true, -1);
    lk_notes_add_error(&batch->notes, &note, err,
                       "the queue's attributes cannot be read, so that failed jobs are retried up "
                       "to their limit and never deleted; allow sqs:GetQueueAttributes");
}

int lk_batch_need_attributes(lk_batch *batch, lk_job *job, int64_t max_age_ms, lk_err *err)
{
    lk_batch_queue *q = job->queue;
    /* Denied counts as known: each question may take seconds. It is not asked again in this batch,
     * as fresh attributes are wanted before a delete only, which what is unknown never leads to. */
    if (q->attributes_known && max_age_ms < 0)
        return 0;
    lk_err why;
    lk_queue_attributes attributes;
    int rc = lk_queue_attributes_read(batch->client, q->queue, max_age_ms, &attributes, &why);
    if (rc == LK_E_INTERRUPTED) {
        if (err)
            *err = why;
        return rc;
    }
    q->attributes = attributes;
    q->attributes_known = true;
    if (rc)
        say_unknown(batch, job, &why);
    return 0;
}

/* --- Calls ---------------------------------------------------------------------------------- */

static uint64_t tag_of(const lk_batch *batch, const lk_job *job)
{
    return batch->tag_base | job->index;
}

static void say_unsettled(lk_batch *batch, const lk_job *job, const lk_err *err,
                          const char *sentence)
{
    lk_note note = lk_job_note(job, LK_NOTE_SETTLE_FAILED, true, -1);
    lk_notes_add_error(&batch->notes, &note, err, sentence);
}

static const char delete_failed[] =
    "the message of a finished job could not be deleted; it is reported done, and the event source "
    "mapping deletes it";
static const char visibility_failed[] =
    "the message's visibility could not be set; it comes back when the queue's VisibilityTimeout "
    "ends";

static const char copy_left[] =
    "the message of a job that was sent again could not be deleted; it comes back when the queue's "
    "VisibilityTimeout ends, and the job runs twice";

/* Each job makes one call, which its fate tells. */
static const char *what_failed(const lk_job *job)
{
    if (job->resent)
        return copy_left;
    return job->failed ? visibility_failed : delete_failed;
}

static void call_delete(lk_batch *batch, lk_job *job)
{
    lk_err err;
    const lk_record *r = &job->record;
    if (lk_outbox_delete(batch->client, job->queue->queue, r->receipt_handle, r->message_id,
                         tag_of(batch, job), &err))
        say_unsettled(batch, job, &err, what_failed(job));
}

/* wait_s < 0: no call, the queue's own timeout counts. */
static void call_visibility(lk_batch *batch, lk_job *job, int64_t wait_s)
{
    lk_err err;
    const lk_record *r = &job->record;
    if (wait_s >= 0 && lk_outbox_visibility(batch->client, job->queue->queue, r->receipt_handle,
                                            wait_s, r->message_id, tag_of(batch, job), &err))
        say_unsettled(batch, job, &err, visibility_failed);
}

void lk_batch_collect(lk_batch *batch)
{
    lk_outbox_failure_info info;
    while (lk_outbox_failure(batch->client, false, &info)) {
        size_t index = (size_t)(info.tag & UINT32_MAX);
        /* A call of an earlier batch of this client, which has said that it was not answered. */
        if ((info.tag & ~(uint64_t)UINT32_MAX) != batch->tag_base || index >= batch->count)
            continue;
        say_unsettled(batch, batch->jobs[index], &info.err, what_failed(batch->jobs[index]));
    }
}

/* --- Carrying out --------------------------------------------------------------------------- */

static void close_job(lk_job *job, bool failed)
{
    job->state = LK_JOB_CLOSED;
    job->failed = failed;
}

/* delete = :mapping leaves the last record to the event source mapping: one call and one round trip
 * less. Only a job that succeeded: a message that a failure deletes must go. */
static bool left_to_mapping(const lk_batch *batch, const lk_job *job, const lk_decision *decision)
{
    return batch->options.delete_mode == LK_DELETE_MAPPING && !decision->dead &&
           job->index + 1 == batch->count;
}

static void say_warnings(lk_batch *batch, lk_job *job, const lk_decision *decision)
{
    lk_batch_queue *q = job->queue;
    if (decision->shortened && !q->said_retention) {
        q->said_retention = true;
        lk_note note = lk_job_note(job, LK_NOTE_RETENTION, true, decision->wait_s);
        lk_notes_add(&batch->notes, &note,
                     "a wait was cut to stay within the queue's MessageRetentionPeriod of %lld s: "
                     "raise it, or SQS drops messages that are still to be retried",
                     (long long)q->attributes.retention_s);
    }
    if (decision->no_redrive && !q->said_no_redrive) {
        q->said_no_redrive = true;
        lk_note note = lk_job_note(job, LK_NOTE_NO_REDRIVE, true, -1);
        lk_notes_add(&batch->notes, &note,
                     "a failed job was deleted because its queue has no RedrivePolicy: give it "
                     "one, and failed jobs are retried and kept in its dead-letter queue");
    }
}

void lk_batch_carry_out(lk_batch *batch, lk_job *job, const lk_decision *decision)
{
    bool is_delete = decision->action == LK_DELETE;
    say_warnings(batch, job, decision);
    if (!is_delete)
        call_visibility(batch, job, decision->wait_s);
    else if (!left_to_mapping(batch, job, decision))
        call_delete(batch, job);
    close_job(job, !is_delete);
    if (decision->dead && !is_delete)
        lk_deaths_add(batch->client, job->record.message_id);
    /* A dead head blocks nobody: it will not come back, so its followers need not wait for it. A
     * skipped record adds nothing to what its head holds up. */
    if (is_delete || decision->dead)
        lk_group_release(job->group);
    else if (decision->action != LK_SKIP)
        lk_group_hold(job->group, decision->wait_s, lk_batch_mono_ms(batch));
}

static const char *why_unstarted(const lk_batch *batch)
{
    return batch->stopped ? "the batch was stopped" : "the function's time is nearly used up";
}

void lk_batch_give_back(lk_batch *batch, lk_job *job)
{
    lk_note note = lk_job_note(job, LK_NOTE_UNSTARTED, false, 0);
    lk_notes_add(&batch->notes, &note, "not started: %s; visible again at once",
                 why_unstarted(batch));
    call_visibility(batch, job, 0);
    close_job(job, true);
}

/* --- Hops ----------------------------------------------------------------------------------- */

static void say_long_group(lk_batch *batch, lk_job *job, int64_t wait_s)
{
    if (!job->group || lk_job_alone_in_group(job))
        return;
    lk_note note = lk_job_note(job, LK_NOTE_LONG_GROUP, true, wait_s);
    lk_notes_add(&batch->notes, &note,
                 "a start time this far ahead on a FIFO queue: the job was sent again and stands "
                 "at the end of its group now");
}

/* The trace header of a re-send loses Lineage, or Lambda would take a long wait for a recursion
 * (B32), unless the function allows that (RecursiveLoop: Allow). */
static lk_send_options resend_options(lk_batch *batch, lk_job *job, lk_buf *deduplication_id)
{
    const lk_record *r = &job->record;
    lk_slice job_id = lk_job_id(job);
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    options.job_id = job_id.len > 0 ? job_id : r->message_id; /* a broken body hops as well */
    options.delay_ms = LK_MAX(lk_record_due_at_ms(r) - lk_batch_clock_ms(batch), 0);
    options.message_group_id = r->message_group_id;
    options.trace_header = r->trace_header;
    if (!batch->options.recursion_allowed) {
        options.resend_of = r->message_id;
    } else if (job->group) {
        lk_buf_add(deduplication_id, options.job_id);
        lk_buf_add_char(deduplication_id, ':');
        lk_buf_add(deduplication_id, r->message_id);
        options.message_deduplication_id = lk_buf_slice(deduplication_id);
    }
    return options;
}

/* Hidden until it is due, if it can be; a dead one blocks nobody in its group. */
static int keep_unsent(lk_batch *batch, lk_job *job, const lk_err *why, lk_err *err)
{
    int rc = lk_batch_need_attributes(batch, job, -1, err);
    if (rc)
        return rc;
    lk_job_facts facts = lk_job_facts_now(job);
    lk_decision decision = lk_job_unsent(&facts);
    say_unsettled(batch, job, why,
                  decision.dead ? "a job that is not due could not be sent again; this was its "
                                  "last receive, and it is left for the dead-letter queue"
                                : "a job that is not due could not be sent again; it is hidden "
                                  "until it is due, as far as SQS allows");
    lk_batch_carry_out(batch, job, &decision);
    return 0;
}

/* *wait_s: what remained of its wait. */
static int send_anew(lk_batch *batch, lk_job *job, int64_t *wait_s, lk_sent *sent, lk_err *err)
{
    lk_buf deduplication_id = {0};
    lk_send_options options = resend_options(batch, job, &deduplication_id);
    int rc = lk_buf_check(&deduplication_id, err);
    if (!rc)
        rc = lk_send_to(batch->client, job->queue->queue, job->record.body, &options, sent, err);
    lk_buf_clear(&deduplication_id);
    *wait_s = (options.delay_ms + 999) / 1000;
    return rc;
}

int lk_batch_hop(lk_batch *batch, lk_job *job, lk_err *err)
{
    lk_err why;
    lk_sent sent;
    int64_t wait_s;
    int rc = send_anew(batch, job, &wait_s, &sent, &why);
    if (rc == LK_E_INTERRUPTED) {
        if (err)
            *err = why;
        return rc;
    }
    if (rc)
        return keep_unsent(batch, job, &why, err);
    lk_note note = lk_job_note(job, LK_NOTE_HOPPED, false, wait_s);
    lk_notes_add(&batch->notes, &note, "not due for %lld s: sent again as message %s",
                 (long long)wait_s, sent.message_id);
    say_long_group(batch, job, wait_s);
    call_delete(batch, job);
    close_job(job, false);
    return 0;
}

/* Reported failed as all that was not started, though nobody needs the message any more. */
bool lk_batch_hop_unstarted(lk_batch *batch, lk_job *job)
{
    lk_err why;
    lk_sent sent;
    int64_t wait_s;
    if (send_anew(batch, job, &wait_s, &sent, &why)) {
        say_unsettled(batch, job, &why,
                      "a job that was not started could not be sent again; it is visible again, "
                      "and one of its receives is spent");
        batch->hop_refused = true;
        return false;
    }
    lk_note note = lk_job_note(job, LK_NOTE_UNSTARTED, false, wait_s);
    lk_notes_add(&batch->notes, &note, "not started: %s; sent again as message %s",
                 why_unstarted(batch), sent.message_id);
    job->resent = true;
    call_delete(batch, job);
    close_job(job, true);
    return true;
}

/* --- Settling ------------------------------------------------------------------------------- */

/* The moment to stop waiting, on the monotonic clock; -1: none. Lambda's deadline is real time. */
static int64_t settle_until_ms(const lk_batch *batch)
{
    if (batch->options.deadline_ms <= 0)
        return -1;
    const lk_env *env = lk_client_env(batch->client);
    int64_t left_ms = batch->options.deadline_ms - SETTLE_MARGIN_MS - env->wall_ms(env->ctx);
    return env->mono_ms(env->ctx) + LK_MAX(left_ms, 0);
}

static void say_unanswered(lk_batch *batch, const lk_err *timeout)
{
    for (size_t i = 0; i < batch->count; i++) {
        lk_job *job = batch->jobs[i];
        if (job->said_unsettled || !lk_outbox_unsettled(batch->client, tag_of(batch, job)))
            continue;
        job->said_unsettled = true;
        say_unsettled(batch, job, timeout, what_failed(job));
    }
}

static int settle(lk_batch *batch, lk_err *err)
{
    lk_err why;
    int rc = lk_outbox_flush(batch->client, settle_until_ms(batch), &why);
    lk_batch_collect(batch);
    if (rc == LK_E_TIMEOUT) {
        say_unanswered(batch, &why);
        return 0;
    }
    if (rc && err)
        *err = why;
    return rc;
}

int lk_batch_settle(lk_batch *batch, lk_err *err)
{
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    rc = settle(batch, err);
    lk_client_leave(batch->client);
    return rc;
}

/* --- Response ------------------------------------------------------------------------------- */

/* What was never handed out, or handed out and not finished, counts as failed. */
static bool reported_failed(const lk_job *job)
{
    return job->state != LK_JOB_CLOSED || job->failed;
}

static void write_response(lk_batch *batch)
{
    lk_json_writer w = {.out = &batch->response};
    lk_json_begin_object(&w);
    lk_json_key(&w, "batchItemFailures");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < batch->count; i++) {
        const lk_job *job = batch->jobs[i];
        if (!reported_failed(job))
            continue;
        lk_json_begin_object(&w);
        lk_json_member_string(&w, "itemIdentifier", job->record.message_id);
        lk_json_end_object(&w);
    }
    lk_json_end_array(&w);
    lk_json_end_object(&w);
}

static int respond(lk_batch *batch, lk_err *err)
{
    lk_batch_close_new(batch);
    int rc = settle(batch, err);
    if (rc)
        return rc;
    lk_buf_clear(&batch->response);
    write_response(batch);
    rc = lk_buf_check(&batch->response, err);
    batch->answered = !rc;
    return rc;
}

int lk_batch_response(lk_batch *batch, lk_slice *json, lk_err *err)
{
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    if (!batch->answered)
        rc = respond(batch, err);
    if (!rc)
        *json = lk_buf_slice(&batch->response);
    lk_client_leave(batch->client);
    return rc;
}

size_t lk_batch_failure_count(const lk_batch *batch)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        count += reported_failed(batch->jobs[i]);
    return count;
}

lk_slice lk_batch_failure_at(const lk_batch *batch, size_t index)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (reported_failed(batch->jobs[i]) && index-- == 0)
            return batch->jobs[i]->record.message_id;
    }
    return (lk_slice){NULL, 0};
}
