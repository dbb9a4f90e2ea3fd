/* SPDX-License-Identifier: MIT
 *
 * action_receive: ReceiveMessage: its ranges, taking messages or waiting for them, and showing of
 * each what was asked for. Nothing asked for is nothing shown: no empty lists, no digest of them.
 */
#include "action_rules.h"
#include "action_run.h"

#include <string.h>

#define WAIT_MAX_S       20
#define VISIBILITY_MAX_S 43200

/* --- Check ---------------------------------------------------------------------------------- */

static int check_range(lk_request *request, const char *name, int64_t value, int64_t min,
                       int64_t max, const char *reason)
{
    if (value == LK_ABSENT || (value >= min && value <= max))
        return 0;
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %lld for parameter %s is invalid. Reason: %s, if provided.",
                           (long long)value, name, reason);
}

static int refuse_attempt_id(lk_request *request, const char *reason)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %.*s for parameter ReceiveRequestAttemptId is invalid. Reason: "
                           "%s",
                           (int)LK_MIN(request->attempt_id.len, (size_t)256),
                           request->attempt_id.ptr, reason);
}

int lk_receive_message_check(lk_request *request, lk_err *err)
{
    (void)err; /* the signature of a row's check */
    if (check_range(request, "MaxNumberOfMessages", request->max_messages, 1, LK_STORE_RECEIVE_MAX,
                    "Must be between 1 and 10") ||
        check_range(request, "WaitTimeSeconds", request->wait_s, 0, WAIT_MAX_S,
                    "Must be >= 0 and <= 20"))
        return 1;
    if (check_range(request, "VisibilityTimeout", request->visibility_s, 0, VISIBILITY_MAX_S,
                    "Must be >= 0 and <= 43200"))
        return 1;
    if (!request->attempt_id.ptr || lk_rule_message_id(request->attempt_id))
        return 0;
    return refuse_attempt_id(request, "ReceiveRequestAttemptId can only include alphanumeric and "
                                      "punctuation characters. 1 to 128 in length.");
}

/* --- Run ------------------------------------------------------------------------------------ */

/* The list of a call that may be run many times, while it waits. */
static lk_store_received *received_list(lk_request *request)
{
    if (!request->received)
        request->received = lk_arena_alloc(&request->arena, 1, sizeof *request->received);
    else
        lk_store_received_clear(request->received);
    return request->received;
}

static void touch_after(const lk_action_context *context, const lk_store_queue *queue,
                        const lk_store_received *received)
{
    if (received->count > 0)
        lk_action_touch(context, queue);
    if (received->moved > 0 && received->moved_to_queue_id != 0)
        context->touch(context->touch_ctx, received->moved_to_queue_id);
}

static int receive(const lk_action_context *context, const lk_request *request,
                   const lk_store_queue *queue, lk_store_received *received, lk_err *err)
{
    int max_messages = request->max_messages == LK_ABSENT ? 1 : (int)request->max_messages;
    int64_t visibility_s = request->visibility_s == LK_ABSENT ? -1 : request->visibility_s;
    if (request->attempt_id.ptr)
        return lk_store_receive_attempt(context->store, queue, request->attempt_id, max_messages,
                                        visibility_s, context->now_ms, received, err);
    return lk_store_receive(context->store, queue, max_messages, visibility_s, context->now_ms,
                            received, err);
}

int lk_receive_message_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    if (request->attempt_id.ptr && !queue->settings.fifo)
        return refuse_attempt_id(request, "The request include parameter that is not valid for "
                                          "this queue type.");
    lk_store_received *received = received_list(request);
    if (!received)
        return LK_FAIL_NOMEM(err);
    request->received_from = queue->id;
    request->waits_s = request->wait_s == LK_ABSENT ? queue->settings.wait_s : request->wait_s;
    int rc = receive(context, request, queue, received, err);
    if (rc < 0)
        return rc;
    touch_after(context, queue, received);
    if (received->count > 0)
        return 0;
    if (request->waits_s > 0)
        return context->may_wait ? LK_ACTION_WAITS : 0;
    return rc == LK_STORE_OVER_LIMIT ? lk_fault_set(&request->fault, LK_FAULT_OVER_LIMIT) : 0;
}

/* --- Shape ---------------------------------------------------------------------------------- */

/* System attributes in the order in which they are shown. */
enum {
    SENDER_ID,
    SENT_TIMESTAMP,
    RECEIVE_COUNT,
    FIRST_RECEIVE,
    TRACE_HEADER,
    GROUP_ID,
    DEDUP_ID,
    SEQUENCE_NUMBER,
    DEAD_LETTER_SOURCE,
    SYSTEM_ATTRIBUTES
};

static const char *const system_names[SYSTEM_ATTRIBUTES] = {
    [SENDER_ID] = "SenderId",
    [SENT_TIMESTAMP] = "SentTimestamp",
    [RECEIVE_COUNT] = "ApproximateReceiveCount",
    [FIRST_RECEIVE] = "ApproximateFirstReceiveTimestamp",
    [TRACE_HEADER] = "AWSTraceHeader",
    [GROUP_ID] = "MessageGroupId",
    [DEDUP_ID] = "MessageDeduplicationId",
    [SEQUENCE_NUMBER] = "SequenceNumber",
    [DEAD_LETTER_SOURCE] = "DeadLetterQueueSourceArn",
};

static unsigned mask_of(const lk_names *names)
{
    unsigned mask = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (lk_slice_equal_str(names->items[i], "All"))
            return (1U << SYSTEM_ATTRIBUTES) - 1;
        for (unsigned k = 0; k < SYSTEM_ATTRIBUTES; k++)
            if (lk_slice_equal_str(names->items[i], system_names[k]))
                mask |= 1U << k;
    }
    return mask;
}

static lk_slice number_text(lk_arena *arena, int64_t value)
{
    return lk_arena_format(arena, "%lld", (long long)value);
}

/* Text of one system attribute; {NULL,0}: the message has none. */
static lk_slice system_value(lk_request *request, const lk_store_message *m, unsigned which)
{
    switch (which) {
    case SENDER_ID:
        return m->sender_id;
    case SENT_TIMESTAMP:
        return number_text(&request->arena, m->sent_at_ms);
    case RECEIVE_COUNT:
        return number_text(&request->arena, m->receive_count);
    case FIRST_RECEIVE:
        return number_text(&request->arena, m->first_received_at_ms);
    case TRACE_HEADER:
        return m->trace_header;
    case GROUP_ID:
        return m->group_id;
    case DEDUP_ID:
        return m->dedup_id;
    case SEQUENCE_NUMBER:
        return m->sequence_number[0] ? lk_slice_of(m->sequence_number) : (lk_slice){0};
    default:
        return m->dead_letter_source.ptr ? lk_action_queue_arn(request, m->dead_letter_source)
                                         : (lk_slice){0};
    }
}

static int shape_system(lk_request *request, unsigned mask, lk_shaped_message *shaped, lk_err *err)
{
    if (mask == 0)
        return 0;
    lk_name_value *pairs = lk_arena_alloc(&request->arena, SYSTEM_ATTRIBUTES, sizeof *pairs);
    if (!pairs)
        return LK_FAIL_NOMEM(err);
    shaped->system_attributes.items = pairs;
    for (unsigned k = 0; k < SYSTEM_ATTRIBUTES; k++) {
        if (!(mask & (1U << k)))
            continue;
        lk_slice value = system_value(request, shaped->message, k);
        if (value.ptr)
            pairs[shaped->system_attributes.count++] =
                (lk_name_value){.name = lk_slice_of(system_names[k]), .value = value};
    }
    return 0;
}

/* "All", ".*" and "*" are everything; "prefix.*" is a plain prefix: "Hel.*" gives Hello. Names that
 * no message can have are no error. */
static bool name_wanted(const lk_names *wanted, lk_slice name)
{
    for (size_t i = 0; i < wanted->count; i++) {
        lk_slice pattern = wanted->items[i];
        if (lk_slice_equal_str(pattern, "All") || lk_slice_equal_str(pattern, "*") ||
            lk_slice_equal(pattern, name))
            return true;
        if (lk_slice_has_suffix(pattern, LK_SLICE_LITERAL(".*")) &&
            lk_slice_has_prefix(name, (lk_slice){pattern.ptr, pattern.len - 2}))
            return true;
    }
    return false;
}

/* The digest covers what is returned, not what was sent. */
static int shape_attributes(lk_request *request, lk_shaped_message *shaped, lk_err *err)
{
    const lk_store_message *m = shaped->message;
    if (m->attribute_count == 0 || request->message_attribute_names.count == 0)
        return 0;
    lk_md5_attribute *shown = lk_arena_alloc(&request->arena, m->attribute_count, sizeof *shown);
    if (!shown)
        return LK_FAIL_NOMEM(err);
    shaped->attributes = shown;
    for (size_t i = 0; i < m->attribute_count; i++)
        if (name_wanted(&request->message_attribute_names, m->attributes[i].name))
            shown[shaped->attribute_count++] = m->attributes[i];
    if (shaped->attribute_count > 0)
        lk_md5_attributes_hex(shown, shaped->attribute_count, shaped->md5_of_attributes);
    return 0;
}

int lk_receive_message_shape(lk_request *request, lk_err *err)
{
    size_t count = request->received ? request->received->count : 0;
    unsigned mask = mask_of(&request->attribute_names) | mask_of(&request->system_attribute_names);
    if (count == 0)
        return 0;
    request->messages.items = lk_arena_alloc(&request->arena, count, sizeof(lk_shaped_message));
    if (!request->messages.items)
        return LK_FAIL_NOMEM(err);
    for (size_t i = 0; i < count; i++) {
        lk_shaped_message *shaped = &request->messages.items[i];
        shaped->message = &request->received->messages[i];
        lk_md5_hex(shaped->message->body, shaped->md5_of_body);
        int rc = shape_system(request, mask, shaped, err);
        if (rc == 0)
            rc = shape_attributes(request, shaped, err);
        if (rc)
            return rc;
    }
    request->messages.count = count;
    return 0;
}
