/* SPDX-License-Identifier: MIT
 *
 * action_tag: the tags of queues: TagQueue, UntagQueue, ListQueueTags, and CreateQueue's.
 */
#include "action_rules.h"
#include "action_run.h"

/* --- Check ---------------------------------------------------------------------------------- */

static int check_key(lk_request *request, lk_slice key)
{
    if (lk_rule_tag_key(key))
        return 0;
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                           "Tag keys must be between 1 and 128 characters in length, and must not "
                           "start with the reserved prefix aws:.");
}

static int refuse_number(lk_request *request, lk_slice queue_name)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Too many tags added for queue %.*s.",
                           (int)LK_MIN(queue_name.len, (size_t)256), queue_name.ptr);
}

int lk_tags_check(lk_request *request, lk_err *err)
{
    (void)err;                                   /* the signature of a row's check */
    if (request->tags.count > LK_STORE_TAGS_MAX) /* CreateQueue must know before it creates */
        return refuse_number(request, request->queue_name.len > 0 ? request->queue_name
                                                                  : lk_action_queue_name(request));
    for (size_t i = 0; i < request->tags.count; i++) {
        const lk_name_value *tag = &request->tags.items[i];
        if (check_key(request, tag->name))
            return 1;
        if (!lk_rule_tag_value(tag->value))
            return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                                   "Tag values must be between 0 and 256 characters in length.");
    }
    return 0;
}

int lk_untag_queue_check(lk_request *request, lk_err *err)
{
    (void)err; /* the signature of a row's check */
    for (size_t i = 0; i < request->tag_keys.count; i++)
        if (check_key(request, request->tag_keys.items[i]))
            return 1;
    return 0;
}

/* --- Run ------------------------------------------------------------------------------------ */

int lk_tags_put(const lk_action_context *context, lk_request *request, const lk_store_queue *queue,
                lk_err *err)
{
    int rc = lk_store_tag_put(context->store, queue, request->tags.items, request->tags.count, err);
    return rc > 0 ? refuse_number(request, queue->name) : rc;
}

int lk_tag_queue_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    return queue ? lk_tags_put(context, request, queue, err) : 1;
}

int lk_untag_queue_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    return lk_store_tag_remove(context->store, queue, request->tag_keys.items,
                               request->tag_keys.count, err);
}

static int copy_tags(lk_request *request, const lk_store_tags *tags, lk_err *err)
{
    lk_name_value *pairs = lk_arena_alloc(&request->arena, tags->count, sizeof *pairs);
    bool copied = pairs != NULL;
    for (size_t i = 0; copied && i < tags->count; i++) {
        pairs[i].name = lk_arena_copy(&request->arena, tags->items[i].name);
        pairs[i].value = lk_arena_copy(&request->arena, tags->items[i].value);
        copied = pairs[i].name.ptr && pairs[i].value.ptr;
    }
    if (!copied)
        return LK_FAIL_NOMEM(err);
    request->answer_tags = (lk_pairs){.items = pairs, .count = tags->count};
    return 0;
}

int lk_list_queue_tags_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    lk_store_tags tags = {.count = 0};
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    int rc = lk_store_tag_list(context->store, queue, &tags, err);
    if (rc == 0)
        rc = copy_tags(request, &tags, err);
    lk_store_tags_clear(&tags);
    return rc;
}
