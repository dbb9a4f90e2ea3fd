/* SPDX-License-Identifier: MIT
 *
 * mapping_invoke: see mapping_invoke.h.
 */
#include "mapping_invoke.h"

#include "mapping_heartbeat.h"

#include <string.h>

enum {
    AT_ONCE = 10,          /* entries of a ChangeMessageVisibilityBatch */
    START_WAIT_MS = 60000, /* how long a process may take to start, with failed tries in between */
    LOOK_MS = 200,         /* how often to look whether the mapping stops */
    MARGIN_MS = 1000       /* what calls and clocks may take */
};

/* --- The messages' visibility ---------------------------------------------------------------- */

/* False: of one at least it could not be set. */
static bool set_visibility(const lk_mapping_facts *facts, lk_client *client,
                           const lk_message *const *messages, size_t message_count,
                           int64_t visibility_s, lk_err *why)
{
    lk_slice handles[AT_ONCE];
    int64_t seconds[AT_ONCE];
    lk_err errors[AT_ONCE];
    lk_err err;
    bool all = true;
    for (size_t from = 0; from < message_count; from += AT_ONCE) {
        size_t count = LK_MIN(message_count - from, (size_t)AT_ONCE);
        for (size_t i = 0; i < count; i++) {
            handles[i] = messages[from + i]->receipt_handle;
            seconds[i] = visibility_s;
        }
        memset(errors, 0, sizeof(errors));
        bool tried = lk_change_visibility_batch(client, lk_slice_of(facts->queue_url), handles,
                                                seconds, count, errors, &err) == 0;
        for (size_t i = 0; i < count; i++) {
            const lk_err *result = tried ? &errors[i] : &err;
            if (result->code == LK_OK)
                continue;
            *why = *result;
            all = false;
        }
    }
    return all;
}

/* Whether there is less than a whole invocation left until the messages come back. */
static bool is_late(const lk_mapping_facts *facts, const lk_handout *handout)
{
    return !facts->heartbeat && handout->hidden_until_ms - lk_mono_ms() + MARGIN_MS <
                                    lk_function_timeout_ms(facts->function);
}

/* Nobody has worked on the messages, so that the time they waited need not be lost to them. */
static void give_back(const lk_mapping_facts *facts, lk_client *client, const lk_handout *handout,
                      const char *why)
{
    lk_err err;
    size_t count = handout->count + handout->behind;
    bool given = set_visibility(facts, client, handout->messages, count, 0, &err);
    lk_function_log(facts->function,
                    "lambdakiq: %s: %zu message%s of queue %.*s %s given back to it%s%s", why,
                    count, count == 1 ? "" : "s", LK_SLICE_FMT(lk_mapping_queue_name(facts)),
                    count == 1 ? "is" : "are",
                    given ? "" : ", but come back only when the visibility timeout ends: ",
                    given ? "" : err.message);
}

/* --- Waiting for a process ------------------------------------------------------------------- */

static bool got_none(lk_invoke_status status)
{
    return status == LK_INVOKE_THROTTLED || status == LK_INVOKE_UNSTARTED;
}

/* Reserves a worker; false: none became free before until_ms, or the mapping stops. */
static bool wait_for_worker(const lk_mapping_facts *facts, int64_t until_ms)
{
    while (!atomic_load(&facts->stopping) && lk_mono_ms() < until_ms) {
        int64_t wait_ms = LK_MIN(until_ms - lk_mono_ms(), LOOK_MS);
        lk_invoke_status status = lk_function_reserve(facts->function, LK_MAX(wait_ms, 0));
        if (status != LK_INVOKE_THROTTLED)
            return status == LK_INVOKE_OK;
    }
    return false;
}

static lk_invoke_status invoke_reserved(const lk_mapping_facts *facts, const lk_handout *handout,
                                        lk_slice trace, lk_buf *payload)
{
    return lk_function_invoke_reserved(facts->function, handout->event, trace, 0, payload);
}

/* Until a process gets the event, its messages cannot be kept hidden any longer, or the mapping
 * stops. */
static lk_invoke_status invoke_patiently(const lk_mapping_facts *facts, lk_client *client,
                                         lk_handout handout, lk_slice trace, lk_buf *payload,
                                         lk_err *err)
{
    lk_invoke_status status = LK_INVOKE_THROTTLED;
    int64_t until_ms = lk_mono_ms() + START_WAIT_MS;
    if (!facts->heartbeat)
        until_ms = LK_MIN(until_ms, handout.hidden_until_ms - MARGIN_MS);
    for (;;) {
        if (!handout.reserved && !wait_for_worker(facts, until_ms))
            return status;
        if (is_late(facts, &handout)) {
            if (!set_visibility(facts, client, handout.messages, handout.count, facts->visibility_s,
                                err)) {
                lk_function_release(facts->function);
                return status;
            }
            handout.hidden_until_ms = lk_mono_ms() + facts->visibility_s * 1000;
        }
        status = invoke_reserved(facts, &handout, trace, payload);
        if (!got_none(status))
            return status;
        handout.reserved = false;
    }
}

lk_invoke_status lk_mapping_invoke(const lk_mapping_facts *facts, lk_client *client,
                                   const lk_handout *handout, bool *handed_out, lk_buf *payload)
{
    lk_buf trace = {0};
    lk_held held;
    lk_err err = {0};
    lk_trace_of_invocation(lk_mapping_attribute(handout->messages[0], "AWSTraceHeader"),
                           facts->recursion_limit > 0 ? facts->lineage_key : NULL, &trace);
    lk_heartbeat_hold(facts->heartbeat, handout->messages[0], &held);
    lk_invoke_status status =
        invoke_patiently(facts, client, *handout, lk_buf_slice(&trace), payload, &err);
    lk_heartbeat_let_go(facts->heartbeat, &held);
    lk_buf_clear(&trace);
    *handed_out = !got_none(status) && status != LK_INVOKE_STOPPED;
    if (!*handed_out)
        give_back(facts, client, handout,
                  err.code != LK_OK               ? err.message
                  : atomic_load(&facts->stopping) ? "the mapping stops"
                  : status == LK_INVOKE_STOPPED   ? "the function stops"
                                                  : "no worker process became ready");
    return status;
}
