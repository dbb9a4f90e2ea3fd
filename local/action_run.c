/* SPDX-License-Identifier: MIT
 *
 * action_run: what every action needs: its required members and its queue.
 */
#include "action_run.h"

/* --- Required members ----------------------------------------------------------------------- */

static const void *field_at(const void *owner, const lk_member *member)
{
    return (const char *)owner + member->offset;
}

static bool is_given(const void *owner, const lk_member *member)
{
    const void *field = field_at(owner, member);
    switch (member->kind) {
    case LK_MEMBER_STRING:
        return ((const lk_slice *)field)->len > 0;
    case LK_MEMBER_INT:
        return *(const int64_t *)field != LK_ABSENT;
    case LK_MEMBER_PAIRS:
        return ((const lk_pairs *)field)->count > 0;
    case LK_MEMBER_NAMES:
        return ((const lk_names *)field)->count > 0;
    default: /* nothing else is required of any action */
        return true;
    }
}

const char *lk_action_missing_member(const lk_member *members, const void *owner)
{
    for (const lk_member *m = members; m->name; m++)
        if (m->required && !is_given(owner, m))
            return m->name;
    return NULL;
}

int lk_action_missing(lk_request *request, lk_fault *fault, const char *parameter)
{
    return lk_fault_format(fault, &request->arena, LK_FAULT_MISSING_PARAMETER,
                           "The request must contain the parameter %s.", parameter);
}

/* --- The queue of a request ----------------------------------------------------------------- */

static lk_slice last_segment(lk_slice text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '/')
        text.len--;
    for (size_t i = text.len; i > 0; i--)
        if (text.ptr[i - 1] == '/')
            return (lk_slice){text.ptr + i, text.len - i};
    return text;
}

lk_slice lk_action_queue_name(const lk_request *request)
{
    return last_segment(request->queue_url.len > 0 ? request->queue_url : request->path);
}

lk_slice lk_action_queue_arn(lk_request *request, lk_slice name)
{
    return lk_arena_format(&request->arena, "arn:aws:sqs:%s:%s:%.*s", request->env->region,
                           request->env->account, LK_SLICE_FMT(name));
}

/* "arn:aws:sqs:<region>:<account>:<name>" */
lk_slice lk_action_arn_name(const lk_action_env *env, lk_slice arn)
{
    lk_slice part[5];
    for (size_t i = 0; i < LK_COUNT(part); i++)
        arn = lk_slice_cut(arn, ':', &part[i]);
    bool ours = lk_slice_equal_str(part[0], "arn") && lk_slice_equal_str(part[2], "sqs") &&
                lk_slice_equal_str(part[3], env->region) &&
                lk_slice_equal_str(part[4], env->account);
    return ours && arn.len > 0 ? arn : (lk_slice){0};
}

const lk_store_queue *lk_action_queue(const lk_action_context *context, lk_request *request)
{
    const lk_store_queue *queue =
        lk_store_queue_find(context->store, lk_action_queue_name(request));
    if (!queue)
        lk_fault_set(&request->fault, LK_FAULT_NON_EXISTENT_QUEUE);
    return queue;
}

int64_t lk_action_max_message_bytes(const lk_request *request, const lk_store_queue *queue)
{
    return LK_MIN(queue->settings.max_message_bytes, request->env->max_message_bytes);
}

void lk_action_touch(const lk_action_context *context, const lk_store_queue *queue)
{
    context->touch(context->touch_ctx, queue->id);
}
