/* SPDX-License-Identifier: MIT
 *
 * mapping_batch: from received messages to deletes. A message that is not deleted is simply kept:
 * it comes back when its visibility timeout ends, or goes to the dead-letter queue.
 */
#include "mapping_batch.h"

#include "mapping_event.h"
#include "mapping_invoke.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DELETE_AT_ONCE = 10, /* entries of a DeleteMessageBatch */
    DELETE_ROUNDS = 3,
    DELETE_PAUSE_MS = 200
};

/* Messages on their way through the batch, in the order they were received. */
typedef struct batch {
    const lk_mapping_facts *facts;
    lk_client *client;
    const lk_message **messages; /* those that may run */
    size_t count;
    const lk_message **others; /* those that the filter drops, or else that are kept unrun */
    size_t other_count;
    lk_slice *ids;           /* of the messages of an event, */
    bool *done;              /* and whether the function has done them */
    int64_t hidden_until_ms; /* mono ms: when the visibility timeout of the first of them ends */
    bool reserved;           /* the reservation has not been used yet */
} batch;

/* Room for so many messages; false: out of memory. */
static bool open_batch(batch *b, size_t count)
{
    b->messages = calloc(count, sizeof(const lk_message *));
    b->others = calloc(count, sizeof(const lk_message *));
    b->ids = calloc(count, sizeof(*b->ids));
    b->done = calloc(count, sizeof(*b->done));
    return b->messages && b->others && b->ids && b->done;
}

static void close_batch(batch *b)
{
    free(b->messages);
    free(b->others);
    free(b->ids);
    free(b->done);
    if (b->reserved)
        lk_function_release(b->facts->function);
}

static void log_kept(const batch *b, size_t count, const char *why)
{
    lk_function_log(
        b->facts->function,
        "lambdakiq: %s: %zu message%s of queue %.*s stay%s in it and come%s back when the "
        "visibility timeout ends",
        why, count, count == 1 ? "" : "s", LK_SLICE_FMT(lk_mapping_queue_name(b->facts)),
        count == 1 ? "s" : "", count == 1 ? "s" : "");
}

/* --- Deletes -------------------------------------------------------------------------------- */

static void sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&left, NULL);
}

static void log_undeleted(const lk_mapping_facts *facts, const lk_message *m, const lk_err *err)
{
    lk_function_log(facts->function,
                    "lambdakiq: message %.*s was done but could not be deleted from queue %.*s and "
                    "will be delivered again: %s",
                    LK_SLICE_FMT(m->message_id), LK_SLICE_FMT(lk_mapping_queue_name(facts)),
                    err->message);
}

/* One round of deletes, ten at most; leaves in `messages` those worth another round, logs those
 * that are not. */
static size_t delete_round(const batch *b, const lk_message **messages, size_t count, bool last)
{
    lk_slice handles[DELETE_AT_ONCE];
    lk_err errors[DELETE_AT_ONCE];
    lk_err err;
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        handles[i] = messages[i]->receipt_handle;
    memset(errors, 0, sizeof(errors));
    bool tried = lk_delete_batch(b->client, lk_slice_of(b->facts->queue_url), handles, count,
                                 errors, &err) == 0;
    for (size_t i = 0; i < count; i++) {
        const lk_err *why = tried ? &errors[i] : &err;
        if (why->code == LK_OK)
            continue;
        if (why->retriable && !last)
            messages[left++] = messages[i];
        else
            log_undeleted(b->facts, messages[i], why);
    }
    return left;
}

/* Deleting a message that the function has deleted already is a success, so asking again is safe.
 */
static void delete_some(const batch *b, const lk_message **messages, size_t count)
{
    for (int round = 1; count > 0 && round <= DELETE_ROUNDS; round++) {
        if (round > 1)
            sleep_ms((int64_t)DELETE_PAUSE_MS * round);
        count = delete_round(b, messages, count, round == DELETE_ROUNDS);
    }
}

/* Those with done set; NULL: all. */
static void delete_done(const batch *b, const lk_message *const *messages, const bool *done,
                        size_t count)
{
    const lk_message *some[DELETE_AT_ONCE];
    size_t some_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!done || done[i])
            some[some_count++] = messages[i];
        if (some_count == DELETE_AT_ONCE || i + 1 == count) {
            delete_some(b, some, some_count);
            some_count = 0;
        }
    }
}

/* --- Filter criteria ------------------------------------------------------------------------ */

/* Takes the messages that pass; the others are deleted, as AWS does. False: not all could be
 * judged, and none is touched. */
static bool filter(batch *b, const lk_message *const *messages, size_t count, lk_err *err)
{
    for (size_t i = 0; i < count; i++) {
        int passes = lk_filter_match(b->facts->filter, messages[i]->body, err);
        if (passes < 0)
            return false;
        if (passes > 0)
            b->messages[b->count++] = messages[i];
        else
            b->others[b->other_count++] = messages[i];
    }
    delete_done(b, b->others, NULL, b->other_count);
    return true;
}

/* --- Recursion ------------------------------------------------------------------------------ */

static bool same_group(const lk_message *a, const lk_message *b)
{
    return lk_slice_equal(lk_mapping_attribute(a, "MessageGroupId"),
                          lk_mapping_attribute(b, "MessageGroupId"));
}

static bool follows_stopped(const batch *b, const lk_message *m)
{
    for (size_t i = 0; b->facts->fifo && i < b->other_count; i++)
        if (same_group(m, b->others[i]))
            return true;
    return false;
}

static bool chain_too_long(const batch *b, const lk_message *m)
{
    const lk_mapping_facts *facts = b->facts;
    int64_t count = lk_lineage_count(lk_mapping_attribute(m, "AWSTraceHeader"), facts->lineage_key);
    if (facts->recursion_limit == 0 || count < facts->recursion_limit)
        return false;
    lk_function_log(
        facts->function,
        "lambdakiq: RecursiveInvocationException: message %.*s of queue %.*s is the end "
        "of a chain of %lld invocations of this function and is not run; it goes to the "
        "dead-letter queue once its receives are spent. If the chain is wanted: "
        "RecursiveLoop: Allow in the template, --allow-recursion here",
        LK_SLICE_FMT(m->message_id), LK_SLICE_FMT(lk_mapping_queue_name(facts)), (long long)count);
    return true;
}

/* Of the messages that are left, those that may run. One that is stopped is kept like a failed one;
 * on a FIFO queue those behind it in its group are kept too, for order's sake. */
static void stop_chains(batch *b)
{
    size_t count = b->count;
    b->count = b->other_count = 0;
    for (size_t i = 0; i < count; i++) {
        const lk_message *m = b->messages[i];
        if (follows_stopped(b, m) || chain_too_long(b, m))
            b->others[b->other_count++] = m;
        else
            b->messages[b->count++] = m;
    }
}

/* --- Invocations ---------------------------------------------------------------------------- */

static const char *kept_because(lk_invoke_status status)
{
    switch (status) {
    case LK_INVOKE_ERROR:
        return "the function returned an error";
    case LK_INVOKE_TIMEOUT:
        return "the function timed out";
    case LK_INVOKE_CRASH:
        return "the worker process ended";
    case LK_INVOKE_TOO_LARGE:
        return "the function's response is over 6 MB";
    case LK_INVOKE_KILLED:
        return "the function stops";
    case LK_INVOKE_UNSTARTED:
    case LK_INVOKE_THROTTLED:
    case LK_INVOKE_STOPPED: /* were given back */
    case LK_INVOKE_OK:
        break;
    }
    return "the response names no messages of the batch (batchItemFailures)";
}

/* What became of the messages of one event. */
typedef enum fate {
    FATE_DONE, /* all deleted */
    FATE_KEPT, /* some are not */
    FATE_NONE  /* no process got it; they and those behind them are given back */
} fate;

/* Invokes the function with messages from..from+count-1. */
static fate run_event(batch *b, size_t from, size_t count, lk_slice event)
{
    const lk_message *const *messages = b->messages + from;
    lk_buf payload = {0};
    for (size_t i = 0; i < count; i++)
        b->ids[i] = messages[i]->message_id;
    lk_handout handout = {.event = event,
                          .messages = messages,
                          .count = count,
                          .behind = b->count - from - count,
                          .hidden_until_ms = b->hidden_until_ms,
                          .reserved = b->reserved};
    bool handed_out = false;
    b->reserved = false;
    lk_invoke_status status =
        lk_mapping_invoke(b->facts, b->client, &handout, &handed_out, &payload);
    bool understood =
        lk_mapping_result(b->facts->report_batch_item_failures, status == LK_INVOKE_OK,
                          lk_buf_slice(&payload), b->ids, count, b->done);
    lk_buf_clear(&payload);
    if (!handed_out)
        return FATE_NONE;
    if (status != LK_INVOKE_OK || !understood)
        log_kept(b, count, kept_because(status));
    delete_done(b, messages, b->done, count);
    for (size_t i = 0; i < count; i++)
        if (!b->done[i])
            return FATE_KEPT;
    return FATE_DONE;
}

static void run_events(batch *b)
{
    lk_buf event = {0};
    lk_err err;
    for (size_t from = 0, count = 0; from < b->count; from += count) {
        lk_buf_reset(&event);
        if (lk_mapping_event(b->facts, b->messages + from, b->count - from, LK_EVENT_MAX_BYTES,
                             &event, &count, &err) != 0) {
            log_kept(b, b->count - from, err.message);
            break;
        }
        fate result = run_event(b, from, count, lk_buf_slice(&event));
        if (result == FATE_NONE)
            break;
        /* A second event of the same receive must not overtake a failed message of its group. */
        if (b->facts->fifo && result == FATE_KEPT && from + count < b->count) {
            log_kept(b, b->count - from - count, "an earlier event of the receive failed");
            break;
        }
    }
    lk_buf_clear(&event);
}

void lk_mapping_batch(const lk_mapping_facts *facts, lk_client *client,
                      const lk_message *const *messages, size_t count, int64_t received_ms)
{
    batch b = {.facts = facts,
               .client = client,
               .hidden_until_ms = received_ms + facts->visibility_s * 1000,
               .reserved = true};
    lk_err err;
    int rc = open_batch(&b, count) ? 0 : LK_FAIL_NOMEM(&err);
    if (rc == 0 && filter(&b, messages, count, &err)) {
        stop_chains(&b);
        run_events(&b);
    } else {
        log_kept(&b, count, err.message);
    }
    close_batch(&b);
}
