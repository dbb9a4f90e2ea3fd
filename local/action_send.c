/* SPDX-License-Identifier: MIT
 *
 * action_send: SendMessage and SendMessageBatch. What a message is made of is checked, digested and
 * measured before the store is asked; what depends on the queue (its type, its size limit) inside.
 */
#include "action_rules.h"
#include "action_run.h"

#include <stdio.h>

#define DELAY_MAX_S 900

/* --- Check ---------------------------------------------------------------------------------- */

static int check_ids(lk_request *request, lk_request_entry *entry)
{
    const struct {
        const char *name;
        lk_slice id;
    } ids[] = {{"MessageGroupId", entry->group_id}, {"MessageDeduplicationId", entry->dedup_id}};
    for (size_t i = 0; i < LK_COUNT(ids); i++)
        if (ids[i].id.ptr && !lk_rule_message_id(ids[i].id))
            return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                                   "Value %.*s for parameter %s is invalid. Reason: %s can only "
                                   "include alphanumeric and punctuation characters. 1 to 128 in "
                                   "length.",
                                   LK_SLICE_FMT(ids[i].id), ids[i].name, ids[i].name);
    return 0;
}

static int check_delay(lk_request *request, lk_request_entry *entry)
{
    if (entry->delay_s != LK_ABSENT && (entry->delay_s < 0 || entry->delay_s > DELAY_MAX_S))
        return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                               "Value %lld for parameter DelaySeconds is invalid. Reason: "
                               "DelaySeconds must be >= 0 and <= %d.",
                               (long long)entry->delay_s, DELAY_MAX_S);
    return 0;
}

/* Body and, of each user attribute, name, type and value. System attributes, ids and the group do
 * not count. */
static int64_t size_of(const lk_request_entry *entry)
{
    size_t size = entry->body.len;
    for (size_t i = 0; i < entry->attributes.count && entry->stored_attributes; i++) {
        const lk_md5_attribute *a = &entry->stored_attributes[i];
        size += a->name.len + a->data_type.len + a->value.len;
    }
    return (int64_t)size;
}

/* A libcrypto without MD5 leaves the digests out; the SDKs then do not verify. */
static void digest(lk_request_entry *entry)
{
    lk_md5_hex(entry->body, entry->md5_of_body);
    if (entry->attributes.count > 0)
        lk_md5_attributes_hex(entry->stored_attributes, entry->attributes.count,
                              entry->md5_of_attributes);
    if (entry->system_attributes.count > 0) {
        lk_md5_attribute header = {.name = entry->system_attributes.items[0].name,
                                   .data_type = entry->system_attributes.items[0].data_type,
                                   .value = entry->trace_header};
        lk_md5_attributes_hex(&header, 1, entry->md5_of_system_attributes);
    }
}

/* 0; 1: entry->fault; negative. */
static int check_message(lk_request *request, lk_request_entry *entry, lk_err *err)
{
    int rc;
    entry->trace_header = request->trace_header;
    if ((rc = check_ids(request, entry)) || (rc = check_delay(request, entry)) ||
        (rc = lk_rule_attributes(&request->arena, &entry->attributes, &entry->stored_attributes,
                                 &entry->fault, err)) ||
        (rc = lk_rule_system_attributes(&request->arena, &entry->system_attributes,
                                        &entry->trace_header, &entry->fault)))
        return rc;
    if (!lk_rule_characters(entry->body))
        return lk_fault_set(&entry->fault, LK_FAULT_INVALID_CONTENTS);
    entry->size_bytes = size_of(entry);
    digest(entry);
    return 0;
}

int lk_send_message_check(lk_request *request, lk_err *err)
{
    int rc = check_message(request, &request->one, err);
    request->fault = request->one.fault;
    return rc;
}

/* The sum counts every entry, also one that will fail: SQS measures before it looks. */
static int check_total(lk_request *request)
{
    int64_t total = 0;
    for (size_t i = 0; i < request->entries.count; i++)
        total += LK_MAX(request->entries.items[i].size_bytes,
                        (int64_t)request->entries.items[i].body.len);
    if (total > request->env->max_message_bytes)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_BATCH_TOO_LONG,
                               "Batch requests cannot be longer than %lld bytes. You have sent "
                               "%lld bytes.",
                               (long long)request->env->max_message_bytes, (long long)total);
    return 0;
}

int lk_send_message_batch_check(lk_request *request, lk_err *err)
{
    int rc = lk_action_batch_check(request, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < request->entries.count; i++) {
        lk_request_entry *entry = &request->entries.items[i];
        if (!entry->fault.code && (rc = check_message(request, entry, err)) < 0)
            return rc;
    }
    return check_total(request);
}

/* --- Run ------------------------------------------------------------------------------------ */

static bool lacks_dedup_id(const lk_store_queue *queue, const lk_request_entry *entry)
{
    return queue->settings.fifo && !entry->dedup_id.ptr && !queue->settings.content_based_dedup;
}

static bool lacks_group(const lk_store_queue *queue, const lk_request_entry *entry)
{
    return queue->settings.fifo && !entry->group_id.ptr;
}

static int refuse_dedup_id_lack(lk_request *request, lk_fault *fault)
{
    return lk_fault_format(fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                           "The queue should either have ContentBasedDeduplication enabled or "
                           "MessageDeduplicationId provided explicitly");
}

static int refuse_for_queue_type(lk_request *request, lk_fault *fault, const char *parameter,
                                 lk_slice value)
{
    return lk_fault_format(fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %.*s for parameter %s is invalid. Reason: The request include "
                           "parameter that is not valid for this queue type.",
                           LK_SLICE_FMT(value), parameter);
}

/* What a message may carry depends on the queue's type. On a FIFO queue a delay of 0 is accepted,
 * and the queue's own holds nevertheless. */
static int check_for_queue(lk_request *request, const lk_store_queue *queue,
                           lk_request_entry *entry)
{
    char delay[24];
    if (!queue->settings.fifo && entry->dedup_id.ptr)
        return refuse_for_queue_type(request, &entry->fault, "MessageDeduplicationId",
                                     entry->dedup_id);
    if (queue->settings.fifo && entry->delay_s > 0) {
        snprintf(delay, sizeof delay, "%lld", (long long)entry->delay_s);
        return refuse_for_queue_type(request, &entry->fault, "DelaySeconds", lk_slice_of(delay));
    }
    if (lacks_group(queue, entry))
        return lk_action_missing(request, &entry->fault, "MessageGroupId");
    if (lacks_dedup_id(queue, entry))
        return refuse_dedup_id_lack(request, &entry->fault);
    return 0;
}

static int check_size(lk_request *request, const lk_store_queue *queue, lk_request_entry *entry)
{
    int64_t max_bytes = lk_action_max_message_bytes(request, queue);
    if (entry->size_bytes <= max_bytes)
        return 0;
    return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "One or more parameters %s. Reason: Message must be shorter than %lld "
                           "bytes.",
                           request->entries.count > 0 ? "cannot be validated" : "are invalid",
                           (long long)max_bytes);
}

static int send_step(const lk_action_context *context, lk_request *request,
                     const lk_store_queue *queue, lk_request_entry *entry, lk_err *err)
{
    if (check_for_queue(request, queue, entry) || check_size(request, queue, entry))
        return 1;
    lk_store_send message = {.body = entry->body,
                             .attributes = entry->stored_attributes,
                             .attribute_count = entry->attributes.count,
                             .trace_header = entry->trace_header,
                             .sender_id = request->sender_id,
                             .group_id = entry->group_id,
                             .dedup_id = entry->dedup_id,
                             .delay_s = entry->delay_s == LK_ABSENT ? -1 : entry->delay_s};
    int rc =
        lk_store_send_message(context->store, queue, &message, context->now_ms, &entry->sent, err);
    if (rc > 0) /* the store refuses no message that got here */
        return LK_FAIL(err, LK_E_INTERNAL, "SendMessage: the store refused (%d)", rc);
    return rc;
}

int lk_send_message_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    lk_action_touch(context, queue);
    return lk_action_batch_one(context, request, queue, send_step, err);
}

/* On a FIFO queue one entry without its ids fails them all: order could not be kept otherwise. */
static int check_fifo_batch(lk_request *request, const lk_store_queue *queue)
{
    for (size_t i = 0; i < request->entries.count; i++) {
        const lk_request_entry *entry = &request->entries.items[i];
        if (lacks_group(queue, entry))
            return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                                   "The request must contain the parameter MessageGroupId.");
        if (lacks_dedup_id(queue, entry))
            return refuse_dedup_id_lack(request, &request->fault);
    }
    return 0;
}

int lk_send_message_batch_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue || check_fifo_batch(request, queue))
        return 1;
    lk_action_touch(context, queue);
    return lk_action_batch_each(context, request, queue, send_step, err);
}
