/* SPDX-License-Identifier: MIT
 *
 * action_settle: what a consumer does with a message it received: DeleteMessage,
 * ChangeMessageVisibility, and both as batches.
 */
#include "action_run.h"

#define VISIBILITY_MAX_S 43200
#define HANDLE_SHOWN_MAX 1024 /* SQS's own handles are no longer */

static lk_slice shown_handle(const lk_request_entry *entry)
{
    return (lk_slice){entry->receipt_handle.ptr,
                      LK_MIN(entry->receipt_handle.len, (size_t)HANDLE_SHOWN_MAX)};
}

static int refuse_handle(lk_request *request, lk_request_entry *entry, const char *reason)
{
    return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %.*s for parameter ReceiptHandle is invalid. Reason: %s",
                           LK_SLICE_FMT(shown_handle(entry)), reason);
}

/* A handle that is not one. In a batch SQS answers an expired one with this code, too. */
static int refuse_foreign_handle(lk_request *request, lk_request_entry *entry)
{
    return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_HANDLE_INVALID,
                           "The input receipt handle \"%.*s\" is not a valid receipt handle.",
                           LK_SLICE_FMT(shown_handle(entry)));
}

static int word_refusal(int refusal, lk_request *request, lk_request_entry *entry)
{
    switch (refusal) {
    case LK_STORE_HANDLE_EXPIRED:
        return refuse_handle(request, entry, "The receipt handle has expired.");
    case LK_STORE_NOT_AVAILABLE:
        return refuse_handle(request, entry,
                             "Message does not exist or is not available for visibility timeout "
                             "change.");
    case LK_STORE_VISIBILITY_LIMIT:
        return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                               "Value %lld for parameter VisibilityTimeout is invalid. Reason: "
                               "Total VisibilityTimeout for the message is beyond the limit [%d "
                               "seconds]",
                               (long long)entry->visibility_s, VISIBILITY_MAX_S);
    default:
        return refuse_foreign_handle(request, entry);
    }
}

/* --- DeleteMessage -------------------------------------------------------------------------- */

static int delete_step(const lk_action_context *context, lk_request *request,
                       const lk_store_queue *queue, lk_request_entry *entry, lk_err *err)
{
    int rc = lk_store_delete(context->store, queue, entry->receipt_handle, context->now_ms, err);
    if (rc == LK_STORE_HANDLE_EXPIRED && request->entries.count > 0)
        return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_HANDLE_INVALID, "%s",
                               "The receipt handle has expired");
    return rc > 0 ? word_refusal(rc, request, entry) : rc;
}

/* On a FIFO queue a deleted message lets the next one of its group go. */
static const lk_store_queue *queue_to_delete_from(const lk_action_context *context,
                                                  lk_request *request)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (queue && queue->settings.fifo)
        lk_action_touch(context, queue);
    return queue;
}

int lk_delete_message_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = queue_to_delete_from(context, request);
    return queue ? lk_action_batch_one(context, request, queue, delete_step, err) : 1;
}

int lk_delete_message_batch_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = queue_to_delete_from(context, request);
    return queue ? lk_action_batch_each(context, request, queue, delete_step, err) : 1;
}

/* --- ChangeMessageVisibility ---------------------------------------------------------------- */

static int check_visibility(lk_request *request, lk_request_entry *entry)
{
    if (entry->visibility_s >= 0 && entry->visibility_s <= VISIBILITY_MAX_S)
        return 0;
    return lk_fault_format(&entry->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %lld for parameter VisibilityTimeout is invalid. Reason: Must be "
                           "between 0 and %d.",
                           (long long)entry->visibility_s, VISIBILITY_MAX_S);
}

int lk_change_visibility_check(lk_request *request, lk_err *err)
{
    (void)err; /* the signature of a row's check */
    int rc = check_visibility(request, &request->one);
    request->fault = request->one.fault;
    return rc;
}

int lk_change_visibility_batch_check(lk_request *request, lk_err *err)
{
    int rc = lk_action_batch_check(request, err);
    for (size_t i = 0; rc == 0 && i < request->entries.count; i++)
        if (!request->entries.items[i].fault.code)
            check_visibility(request, &request->entries.items[i]);
    return rc;
}

static int visibility_step(const lk_action_context *context, lk_request *request,
                           const lk_store_queue *queue, lk_request_entry *entry, lk_err *err)
{
    int rc = lk_store_change_visibility(context->store, queue, entry->receipt_handle,
                                        entry->visibility_s, context->now_ms, err);
    return rc > 0 ? word_refusal(rc, request, entry) : rc;
}

static const lk_store_queue *queue_to_change(const lk_action_context *context, lk_request *request)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (queue)
        lk_action_touch(context, queue);
    return queue;
}

int lk_change_visibility_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = queue_to_change(context, request);
    return queue ? lk_action_batch_one(context, request, queue, visibility_step, err) : 1;
}

int lk_change_visibility_batch_run(const lk_action_context *context, lk_request *request,
                                   lk_err *err)
{
    const lk_store_queue *queue = queue_to_change(context, request);
    return queue ? lk_action_batch_each(context, request, queue, visibility_step, err) : 1;
}
