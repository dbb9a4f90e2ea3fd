/* SPDX-License-Identifier: MIT
 *
 * outbox_flight: attempts and verdicts. See the header for the states.
 *
 *     start ──> out ──answer──> landed
 *      ^         │ late, transport error, retriable refusal
 *      └─ rests <┘
 */
#include "outbox_flight.h"

#include <stdlib.h>
#include <string.h>

/* What is in the kernel's buffers after a thaw gets this long to be answered. */
#define THAW_GRACE_MS 1000

static const char *const single_action[] = {
    [LK_OUTBOX_DELETE] = "DeleteMessage",
    [LK_OUTBOX_VISIBILITY] = "ChangeMessageVisibility",
    [LK_OUTBOX_SEND] = "SendMessage",
};

static const char *const batch_action[] = {
    [LK_OUTBOX_DELETE] = "DeleteMessageBatch",
    [LK_OUTBOX_VISIBILITY] = "ChangeMessageVisibilityBatch",
    [LK_OUTBOX_SEND] = "SendMessageBatch",
};

static int64_t now_ms(lk_client *client)
{
    const lk_env *env = lk_client_env(client);
    return env->mono_ms(env->ctx);
}

lk_call *lk_call_new(lk_outbox_kind kind, uint64_t tag, lk_err *err)
{
    lk_call *call = calloc(1, sizeof(*call));
    if (!call) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    call->kind = kind;
    call->tag = tag;
    return call;
}

lk_call *lk_call_new_send(lk_client *client, const lk_queue *queue, lk_slice body,
                          const lk_send_options *options, uint64_t tag, lk_err *err)
{
    lk_call *call = lk_call_new(LK_OUTBOX_SEND, tag, err);
    if (call && lk_message_build_digested(client, queue, body, options, &call->members,
                                          &call->size_bytes, &call->digests, err)) {
        lk_call_free(call);
        call = NULL;
    }
    return call;
}

void lk_call_free(lk_call *call)
{
    if (!call)
        return;
    lk_buf_clear(&call->members);
    lk_buf_clear(&call->message_id);
    lk_buf_clear(&call->body);
    lk_buf_clear(&call->group);
    free(call);
}

lk_flight *lk_flight_new(lk_outbox_kind kind, lk_queue *queue)
{
    lk_flight *flight = calloc(1, sizeof(*flight));
    if (!flight)
        return NULL;
    flight->kind = kind;
    flight->queue = queue;
    flight->departed_at_ms = -1;
    flight->written_at_ms = -1;
    flight->overdue_since_ms = -1;
    return flight;
}

void lk_flight_free(lk_client *client, lk_flight *flight, bool forked)
{
    if (!flight)
        return;
    /* After fork() the attempt's memory hangs on the parent's connection: it is leaked, once. */
    if (flight->pending && !forked)
        lk_sqs_cancel(client, flight->pending);
    for (size_t i = 0; i < flight->count; i++)
        lk_call_free(flight->calls[i]);
    lk_buf_clear(&flight->sent_to);
    free(flight);
}

bool lk_flight_fits(const lk_flight *flight, const lk_call *call)
{
    size_t bytes = call->size_bytes;
    for (size_t i = 0; i < flight->count; i++)
        bytes += flight->calls[i]->size_bytes;
    /* A message as large as the limit goes alone. */
    return flight->count == 0 || (flight->count < LK_ENTRIES_MAX && bytes <= LK_ENTRIES_MAX_BYTES);
}

void lk_flight_add(lk_flight *flight, lk_call *call)
{
    call->next = NULL;
    flight->calls[flight->count++] = call;
}

lk_flight *lk_flight_new_retry(const lk_flight *landed, lk_call *call)
{
    lk_flight *flight = lk_flight_new(landed->kind, landed->queue);
    if (!flight)
        return NULL;
    lk_flight_add(flight, call);
    flight->attempts = landed->attempts;
    flight->resume_at_ms = call->retry_at_ms;
    return flight;
}

/* --- Reports -------------------------------------------------------------------------------- */

static const char *action_of(const lk_flight *flight)
{
    return (flight->count > 1 ? batch_action : single_action)[flight->kind];
}

/* The flight has landed; err: what failed it as a whole. */
static void report(lk_client *client, lk_flight *flight, const lk_err *err)
{
    flight->info.attempts = flight->attempts;
    if (flight->attempts > 1 || flight->info.http_status == 0) /* no answer has been timed */
        flight->info.duration_us = (now_ms(client) - flight->departed_at_ms) * 1000;
    lk_report_add(client, action_of(flight), flight->queue, flight->count, &flight->info, err);
}

/* --- Verdicts ------------------------------------------------------------------------------- */

/* A message that is not there any more needs no deleting. (SQS itself answers 200 to a second
 * delete; its text for "no such message" comes from servers that are stricter.) */
static bool already_gone(lk_outbox_kind kind, const lk_err *err)
{
    return kind == LK_OUTBOX_DELETE && err->code == LK_E_SERVICE &&
           strcmp(err->aws_code, "InvalidParameterValue") == 0 &&
           strstr(err->message, "Message does not exist") != NULL;
}

static void judge_entry(lk_client *client, lk_flight *flight, lk_call *call, const lk_err *err)
{
    if (err->code == LK_OK || already_gone(flight->kind, err)) {
        lk_err_clear(&call->err);
        return;
    }
    int64_t delay_ms = lk_sqs_retry_delay_ms(client, err, flight->attempts);
    call->err = *err;
    call->retry_at_ms = delay_ms < 0 ? -1 : now_ms(client) + delay_ms;
}

static lk_flight_state judge_answer(lk_client *client, lk_flight *flight, lk_slice response)
{
    lk_err errors[LK_ENTRIES_MAX] = {{0}};
    lk_sent sent[LK_ENTRIES_MAX] = {{"", ""}};
    bool is_send = flight->kind == LK_OUTBOX_SEND;
    if (flight->count > 1) {
        lk_err err;
        int rc = lk_entries_read(response, batch_action[flight->kind], flight->count, errors,
                                 is_send ? sent : NULL, &err);
        for (size_t i = 0; rc && i < flight->count; i++)
            errors[i] = err;
    } else if (is_send) {
        (void)lk_sent_read(response, &sent[0], &errors[0]);
    }
    report(client, flight, NULL);
    for (size_t i = 0; i < flight->count; i++) {
        flight->calls[i]->sent = sent[i];
        judge_entry(client, flight, flight->calls[i], &errors[i]);
    }
    return LK_FLIGHT_LANDED;
}

/* The queue was called by its name and SQS wants its URL: found by this flight, or by another one
 * since this one left. As lk_queue_relocate. */
static int url_changed(lk_client *client, const lk_flight *flight, const lk_err *err)
{
    if (err->code != LK_E_SERVICE || flight->relocated)
        return 0;
    lk_sqs_target target;
    lk_err ignored; /* the call's own error stands */
    if (lk_queue_target(client, flight->queue, &target, &ignored) == 0 &&
        !lk_slice_equal(target.queue_url, lk_buf_slice(&flight->sent_to)))
        return 1;
    return lk_queue_relocate(client, flight->queue, err);
}

/* What the attempt needed first (credentials, the queue's URL) was cut off by somebody who wants
 * this thread back. That says nothing of the call: it is made again. The interrupt is handed on to
 * the wait that comes next, which is why the flight rests a moment: without one there is no wait.
 */
static lk_flight_state attempt_cut_off(lk_client *client, lk_flight *flight)
{
    flight->attempts--;
    flight->resume_at_ms = now_ms(client) + 1;
    lk_client_interrupt(client);
    return LK_FLIGHT_RESTING;
}

/* An attempt brought no answer to read. */
static lk_flight_state attempt_failed(lk_client *client, lk_flight *flight, const lk_err *err)
{
    int changed = err->code == LK_E_INTERRUPTED ? err->code : url_changed(client, flight, err);
    if (changed < 0)
        return attempt_cut_off(client, flight);
    if (changed) {
        flight->relocated = true;
        flight->attempts--;
        return lk_flight_start(client, flight);
    }
    int64_t delay_ms = lk_sqs_retry_delay_ms(client, err, flight->attempts);
    if (delay_ms >= 0) {
        flight->resume_at_ms = now_ms(client) + delay_ms;
        return LK_FLIGHT_RESTING;
    }
    report(client, flight, err);
    /* A batch that SQS refuses as a whole is taken apart: what is wrong with one entry must not
     * touch the others. */
    bool take_apart = flight->count > 1 && err->code == LK_E_SERVICE && !err->retriable;
    for (size_t i = 0; i < flight->count; i++) {
        lk_call *call = flight->calls[i];
        if (already_gone(flight->kind, err) && flight->count == 1) {
            lk_err_clear(&call->err);
            continue;
        }
        call->err = *err;
        call->retry_at_ms = take_apart ? now_ms(client) : -1;
    }
    return LK_FLIGHT_LANDED;
}

/* --- Attempts ------------------------------------------------------------------------------- */

static int start_attempt(lk_client *client, lk_flight *flight, lk_err *err)
{
    lk_sqs_target target;
    int rc = lk_queue_target(client, flight->queue, &target, err);
    if (rc)
        return rc;
    lk_buf_reset(&flight->sent_to);
    lk_buf_add(&flight->sent_to, target.queue_url);
    lk_sqs_expect expect = {.count = flight->count};
    if (flight->kind == LK_OUTBOX_SEND)
        target.expect = &expect;
    expect.entries[0] = flight->calls[0]->digests;
    if (flight->count == 1)
        return lk_sqs_start(client, &target, single_action[flight->kind],
                            lk_buf_slice(&flight->calls[0]->members), &flight->pending, err);
    lk_buf entries = {0};
    lk_slice members[LK_ENTRIES_MAX];
    for (size_t i = 0; i < flight->count; i++) {
        members[i] = lk_buf_slice(&flight->calls[i]->members);
        lk_entries_expect(&expect, i, &flight->calls[i]->digests);
    }
    lk_entries_write(&entries, members, flight->count);
    rc = lk_buf_check(&entries, err);
    if (!rc)
        rc = lk_sqs_start(client, &target, batch_action[flight->kind], lk_buf_slice(&entries),
                          &flight->pending, err);
    lk_buf_clear(&entries);
    return rc;
}

static void note_written(lk_client *client, lk_flight *flight)
{
    if (flight->written_at_ms < 0 && lk_sqs_written(flight->pending))
        flight->written_at_ms = now_ms(client);
}

lk_flight_state lk_flight_start(lk_client *client, lk_flight *flight)
{
    lk_err err;
    flight->attempts++;
    if (flight->departed_at_ms < 0)
        flight->departed_at_ms = now_ms(client);
    flight->info = (lk_call_info){0};
    flight->written_at_ms = -1;
    flight->overdue_since_ms = -1;
    if (start_attempt(client, flight, &err)) {
        flight->pending = NULL;
        return attempt_failed(client, flight, &err);
    }
    note_written(client, flight);
    return LK_FLIGHT_OUT;
}

/* Time spent while nobody looked proves nothing: an answer may have come and be read only now, or
 * the sandbox was frozen with the request still in the kernel. So an attempt is late only when its
 * time is up and a second look, THAW_GRACE_MS after the first that found it so, finds nothing. */
static bool is_late(lk_client *client, lk_flight *flight)
{
    int64_t timeout_ms = lk_client_config(client)->timeout_ms;
    if (lk_sqs_age_ms(flight->pending) < timeout_ms)
        return false;
    if (flight->overdue_since_ms < 0)
        flight->overdue_since_ms = now_ms(client);
    return now_ms(client) - flight->overdue_since_ms >= LK_MIN(timeout_ms, THAW_GRACE_MS);
}

static lk_flight_state give_up_attempt(lk_client *client, lk_flight *flight)
{
    lk_err err;
    lk_sqs_cancel(client, flight->pending);
    flight->pending = NULL;
    lk_err_set(&err, LK_E_TIMEOUT, "%s: no answer within %lld ms", action_of(flight),
               (long long)lk_client_config(client)->timeout_ms);
    return attempt_failed(client, flight, &err);
}

lk_flight_state lk_flight_look(lk_client *client, lk_flight *flight)
{
    if (!flight->pending)
        return now_ms(client) >= flight->resume_at_ms ? lk_flight_start(client, flight)
                                                      : LK_FLIGHT_RESTING;
    note_written(client, flight);
    if (!lk_sqs_finished(flight->pending))
        return is_late(client, flight) ? give_up_attempt(client, flight) : LK_FLIGHT_OUT;
    lk_err err;
    lk_buf response = {0};
    int rc = lk_sqs_take(client, flight->pending, &response, &err);
    flight->pending = NULL;
    flight->info = *lk_client_call_info(client);
    lk_flight_state state = rc ? attempt_failed(client, flight, &err)
                               : judge_answer(client, flight, lk_buf_slice(&response));
    lk_buf_clear(&response);
    return state;
}

int64_t lk_flight_idle_ms(lk_client *client, const lk_flight *flight)
{
    if (!flight->pending)
        return LK_MAX(flight->resume_at_ms - now_ms(client), 0);
    /* Its answer was read by a perform that came after the last look, its own start's maybe: no
     * socket will stir for it any more. */
    if (lk_sqs_finished(flight->pending))
        return 0;
    int64_t timeout_ms = lk_client_config(client)->timeout_ms;
    if (flight->overdue_since_ms < 0)
        return LK_MAX(timeout_ms - lk_sqs_age_ms(flight->pending), 0);
    int64_t judged_at_ms = flight->overdue_since_ms + LK_MIN(timeout_ms, THAW_GRACE_MS);
    return LK_MAX(judged_at_ms - now_ms(client), 0);
}
