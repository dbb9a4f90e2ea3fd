/* SPDX-License-Identifier: MIT
 *
 * worker_handle: one invocation. An event with jobs becomes a batch; one without goes to the
 * handler of other events. Records of a queue of which none is ours are a batch too: as any other
 * answer would delete them (B23).
 */
#include "worker.h"

#include <stdlib.h>

enum {
    STOP_BEFORE_MS = 5000, /* of the deadline: long jobs should stop, see lk_job_stopping */
    STOP_BEFORE_SHARE = 4,
    FLUSH_MS = 5000, /* for what the handler of another event sent without waiting */
    ANSWER_MS = 500, /* before the deadline: what the answer itself needs */
};

/* --- Jobs ----------------------------------------------------------------------------------- */

static void tell_notes(lk_worker *worker, lk_batch *batch)
{
    lk_note note;
    while (lk_batch_note(batch, &note))
        lk_worker_log(worker, note.warning ? LK_LOG_WARN : LK_LOG_INFO,
                      "[Lambdakiq] message %.*s of %.*s: %s", LK_SLICE_FMT(note.message_id),
                      LK_SLICE_FMT(note.queue_name), note.err.message);
}

/* Of jobs that handlers sent without waiting. Their bodies hold arguments and are not shown. */
static void tell_unsent(lk_worker *worker)
{
    uint64_t tag;
    lk_slice body;
    lk_err failure;
    while (lk_send_failure(worker->client, &tag, &body, &failure) == 1) {
        lk_json *json = NULL;
        lk_err ignored; /* whatever was sent, it is told of */
        (void)lk_json_parse(body, "body", &json, &ignored);
        lk_slice job_class = lk_json_string(lk_json_get(json, "job_class"));
        lk_slice job_id = lk_json_string(lk_json_get(json, "job_id"));
        lk_worker_log(worker, LK_LOG_ERROR, "[Lambdakiq] %.*s %.*s was not enqueued: %s",
                      LK_SLICE_FMT(job_class), LK_SLICE_FMT(job_id), failure.message);
        lk_json_free(json);
    }
}

static int perform_all(lk_worker *worker, lk_batch *batch, lk_err *err)
{
    for (;;) {
        lk_job *job = NULL;
        if (atomic_load(&worker->stopping))
            lk_batch_stop(batch);
        int rc = lk_batch_next(batch, &job, err);
        if (rc == LK_E_INTERRUPTED) /* meant for a call of the application's */
            continue;
        if (rc != 1)
            return rc;
        rc = lk_worker_perform(worker, batch, job, err);
        if (rc)
            return rc;
    }
}

static lk_batch *new_batch(lk_worker *worker, const lk_invocation *invocation, lk_err *err)
{
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.max_retries = worker->options.max_retries;
    options.deadline_ms = LK_MAX(invocation->deadline_ms, 0);
    options.guard_ms = worker->options.guard_ms;
    options.jitter_percent = worker->options.jitter_percent;
    options.delete_mode = worker->options.delete_mode;
    options.recursion_allowed = worker->options.recursion_allowed;
    lk_batch *batch = lk_batch_new(worker->client, &options, err);
    if (batch)
        batch->worker = worker;
    return batch;
}

static int make_batch(lk_worker *worker, const lk_invocation *invocation, const lk_event *event,
                      lk_err *err)
{
    worker->batch = new_batch(worker, invocation, err);
    int rc = worker->batch ? 0 : err->code;
    for (size_t i = 0; !rc && i < lk_event_count(event); i++)
        rc = lk_batch_add(worker->batch, lk_event_at(event, i), err);
    return rc;
}

/* A step that fails is the core's trouble with SQS, not a record's: what could not be started comes
 * back, what is done stays done. */
static int handle_jobs(lk_worker *worker, lk_slice *response, lk_err *err)
{
    lk_err cut;
    int rc;
    if (perform_all(worker, worker->batch, &cut)) {
        lk_worker_log(worker, LK_LOG_ERROR, "[Lambdakiq] the batch was cut short: %s", cut.message);
        lk_batch_stop(worker->batch);
    }
    do {
        rc = lk_batch_response(worker->batch, response, err);
    } while (rc == LK_E_INTERRUPTED);
    tell_notes(worker, worker->batch);
    return rc;
}

/* --- Other events --------------------------------------------------------------------------- */

static void flush(lk_worker *worker, int64_t deadline_ms)
{
    lk_err err;
    const lk_env *env = lk_client_env(worker->client);
    int64_t left_ms = deadline_ms > 0 ? deadline_ms - ANSWER_MS - env->wall_ms(env->ctx) : FLUSH_MS;
    if (lk_flush(worker->client, LK_MIN(LK_MAX(left_ms, 0), FLUSH_MS), &err))
        lk_worker_log(worker, LK_LOG_WARN,
                      "[Lambdakiq] jobs that were sent without waiting have no answer yet: %s",
                      err.message);
}

static int handle_other(lk_worker *worker, const lk_invocation *invocation, lk_slice *response,
                        lk_err *err)
{
    if (!worker->answer_event)
        return LK_FAIL(err, LK_E_RECORD,
                       "the event has no jobs of an SQS queue, and this program handles nothing "
                       "else: see lk_worker_on_event");
    lk_err failure = {0};
    int rc = worker->answer_event(invocation, worker->answer_event_ctx, &worker->answer, &failure);
    flush(worker, invocation->deadline_ms);
    if (rc == 0) {
        *response = worker->answer ? lk_slice_of(worker->answer) : LK_SLICE_LITERAL("null");
        return 0;
    }
    failure.message[sizeof(failure.message) - 1] = '\0';
    failure.name[sizeof(failure.name) - 1] = '\0';
    if (failure.code == LK_OK)
        LK_FAIL(&failure, LK_E_JOB, "the handler of other events returned %d and no reason", rc);
    *err = failure;
    return failure.code;
}

/* --- Which ---------------------------------------------------------------------------------- */

/* Whether a record is a job of ours. */
static bool has_jobs(const lk_event *event)
{
    bool found = false;
    for (size_t i = 0; i < lk_event_count(event) && !found; i++)
        found = lk_event_at(event, i)->is_job;
    return found;
}

/* Whether its records are messages of SQS, ours or not. */
static bool is_of_a_queue(const lk_event *event)
{
    bool found = false;
    for (size_t i = 0; i < lk_event_count(event) && !found; i++) {
        const lk_record *record = lk_event_at(event, i);
        lk_slice service;
        lk_slice rest = lk_slice_cut(record->event_source_arn, ':', &service); /* arn */
        rest = lk_slice_cut(rest, ':', &service);                              /* aws */
        (void)lk_slice_cut(rest, ':', &service);
        found = lk_slice_equal_str(service, "sqs") && record->message_id.len > 0;
    }
    return found;
}

/* An event without a list of Records, or with too many of them; why: which, should they be jobs. */
static int handle_unread(lk_worker *worker, const lk_invocation *invocation, lk_slice *response,
                         const lk_err *why, lk_err *err)
{
    int jobs = lk_event_is_jobs(invocation->event, err);
    if (jobs < 0)
        return jobs;
    if (jobs == 0)
        return handle_other(worker, invocation, response, err);
    *err = *why;
    return why->code;
}

static int handle(lk_worker *worker, const lk_invocation *invocation, lk_slice *response,
                  lk_err *err)
{
    lk_err why;
    lk_event *event = NULL;
    int rc = lk_event_parse(invocation->event, &event, &why);
    if (rc == LK_E_RECORD)
        return handle_unread(worker, invocation, response, &why, err);
    if (rc) {
        *err = why;
        return rc;
    }
    bool jobs = has_jobs(event) || is_of_a_queue(event);
    if (jobs)
        rc = make_batch(worker, invocation, event, err);
    lk_event_free(event);
    if (rc)
        return rc;
    return jobs ? handle_jobs(worker, response, err)
                : handle_other(worker, invocation, response, err);
}

static void begin(lk_worker *worker, const lk_invocation *invocation)
{
    const lk_env *env = lk_client_env(worker->client);
    int64_t deadline_ms = LK_MAX(invocation->deadline_ms, 0);
    int64_t left_ms = LK_MAX(deadline_ms - env->wall_ms(env->ctx), 0);
    lk_batch_free(worker->batch);
    worker->batch = NULL;
    free(worker->answer);
    worker->answer = NULL;
    worker->invocation = invocation;
    worker->stop_margin_ms = LK_MIN(STOP_BEFORE_MS, left_ms / STOP_BEFORE_SHARE);
}

int lk_worker_handle(lk_worker *worker, const lk_invocation *invocation, lk_slice *response,
                     lk_err *err)
{
    lk_err why = {0};
    if (atomic_exchange(&worker->busy, true))
        return LK_FAIL(err, LK_E_BUSY, "this lk_worker is in use by another thread");
    int rc = worker->broken.code;
    if (rc) {
        why = worker->broken;
    } else {
        begin(worker, invocation);
        rc = handle(worker, invocation, response, &why);
        tell_unsent(worker);
        worker->invocation = NULL;
    }
    atomic_store(&worker->busy, false);
    if (rc && err)
        *err = why;
    return rc;
}
