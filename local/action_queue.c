/* SPDX-License-Identifier: MIT
 *
 * action_queue: the life of queues: create, find, list, configure, purge, delete.
 */
#include "action_rules.h"
#include "action_run.h"

#include <string.h>
#include <strings.h>

#define LIST_RESULTS_MAX 1000

/* --- URLs ----------------------------------------------------------------------------------- */

/* As the client reaches us: scheme and host of its own request. */
static lk_slice queue_url(lk_request *request, lk_slice name)
{
    return lk_arena_format(&request->arena, "%.*s/%s/%.*s", LK_SLICE_FMT(request->base_url),
                           request->env->account, LK_SLICE_FMT(name));
}

static int answer_url(lk_request *request, const lk_store_queue *queue, lk_err *err)
{
    request->answer_url = queue_url(request, queue->name);
    return request->answer_url.ptr ? 0 : LK_FAIL_NOMEM(err);
}

int lk_get_queue_url_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    if (!lk_rule_queue_name(request->queue_name))
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                               "Value %.*s for parameter QueueName is invalid. Reason: Must be a "
                               "queue's name.",
                               (int)LK_MIN(request->queue_name.len, (size_t)256),
                               request->queue_name.len ? request->queue_name.ptr : "");
    const lk_store_queue *queue = lk_store_queue_find(context->store, request->queue_name);
    if (!queue)
        return lk_fault_set(&request->fault, LK_FAULT_NON_EXISTENT_QUEUE);
    return answer_url(request, queue, err);
}

/* --- CreateQueue ---------------------------------------------------------------------------- */

static lk_slice attribute_given(const lk_request *request, const char *name)
{
    for (size_t i = 0; i < request->attributes.count; i++)
        if (lk_slice_equal_str(request->attributes.items[i].name, name))
            return request->attributes.items[i].value;
    return (lk_slice){0};
}

/* The suffix ".fifo" and FifoQueue=true go together or not at all. */
static int check_name(lk_request *request)
{
    lk_slice name = request->queue_name;
    lk_slice fifo = attribute_given(request, "FifoQueue");
    bool wants_fifo = fifo.len == 4 && strncasecmp(fifo.ptr, "true", 4) == 0;
    if (wants_fifo && (!lk_rule_fifo_name(name) || !lk_rule_queue_name(name)))
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                               "The name of a FIFO queue can only include alphanumeric characters, "
                               "hyphens, or underscores, must end with .fifo suffix and be 1 to 80 "
                               "in length");
    if (!wants_fifo && (lk_rule_fifo_name(name) || !lk_rule_queue_name(name)))
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                               "Can only include alphanumeric characters, hyphens, or underscores. "
                               "1 to 80 in length");
    return 0;
}

static int word_refusal(int refusal, unsigned differs, lk_request *request)
{
    if (refusal == LK_STORE_QUEUE_DIFFERS)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_QUEUE_ALREADY_EXISTS,
                               "A queue already exists with the same name and a different value "
                               "for attribute %s",
                               lk_attributes_setting_name(differs));
    return lk_redrive_refused(refusal, request, attribute_given(request, "RedrivePolicy"));
}

/* SQS keeps the name of a deleted queue for a minute. */
static int check_deleted(const lk_action_context *context, lk_request *request, lk_err *err)
{
    int64_t deleted_at_ms = 0;
    if (!request->env->recreate_wait)
        return 0;
    int rc = lk_store_queue_deleted_at(context->store, request->queue_name, context->now_ms,
                                       &deleted_at_ms, err);
    if (rc == 0 && deleted_at_ms > 0)
        rc = lk_fault_set(&request->fault, LK_FAULT_QUEUE_DELETED_RECENTLY);
    return rc;
}

int lk_create_queue_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    lk_store_settings settings;
    const lk_store_queue *queue = NULL;
    unsigned differs = 0;
    bool is_new = !lk_store_queue_find(context->store, request->queue_name);
    int rc = check_name(request);
    if (rc == 0 && is_new)
        rc = check_deleted(context, request, err);
    if (rc == 0)
        rc = lk_attributes_read(request, NULL, lk_rule_fifo_name(request->queue_name), &settings,
                                err);
    if (rc == 0 && is_new) /* the policy of one that is there is compared, not set */
        rc = lk_redrive_permitted(context, request, request->queue_name, &settings,
                                  attribute_given(request, "RedrivePolicy"), err);
    if (rc)
        return rc;
    rc = lk_store_queue_create(context->store, request->queue_name, &settings, context->now_ms,
                               &queue, &differs, err);
    if (rc > 0)
        return word_refusal(rc, differs, request);
    if (rc == 0 && is_new) /* tags of a queue that is there are neither compared nor changed */
        rc = lk_tags_put(context, request, queue, err);
    return rc ? rc : answer_url(request, queue, err);
}

/* --- Attributes ----------------------------------------------------------------------------- */

int lk_get_queue_attributes_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    return queue ? lk_attributes_show(context, queue, request, err) : 1;
}

int lk_set_queue_attributes_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    lk_store_settings settings;
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    int rc = lk_attributes_read(request, queue, queue->settings.fifo, &settings, err);
    if (rc == 0)
        rc = lk_redrive_permitted(context, request, queue->name, &settings,
                                  attribute_given(request, "RedrivePolicy"), err);
    if (rc)
        return rc;
    settings.given &= ~(unsigned)LK_SET_FIFO; /* given again with the value it has */
    lk_action_touch(context, queue);          /* a FIFO queue's delay acts on what is there */
    rc = lk_store_queue_set(context->store, queue, &settings, context->now_ms, err);
    return rc > 0 ? word_refusal(rc, 0, request) : rc;
}

/* --- Delete, purge -------------------------------------------------------------------------- */

int lk_delete_queue_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    lk_action_touch(context, queue);
    return lk_store_queue_delete(context->store, queue, context->now_ms, err);
}

int lk_purge_queue_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    int64_t ago_ms = context->now_ms - queue->purged_at_ms; /* < 0: the clock was set back */
    if (request->env->purge_wait && ago_ms >= 0 && ago_ms < LK_STORE_WAIT_MS)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PURGE_IN_PROGRESS,
                               "Only one PurgeQueue operation on %.*s is allowed every 60 seconds.",
                               LK_SLICE_FMT(queue->name));
    return lk_store_queue_purge(context->store, queue, context->now_ms, err);
}

/* --- ListQueues, ListDeadLetterSourceQueues ------------------------------------------------- */

int lk_list_check(lk_request *request, lk_err *err)
{
    (void)err; /* the signature of a row's check */
    if (request->max_results == LK_ABSENT ||
        (request->max_results >= 1 && request->max_results <= LIST_RESULTS_MAX))
        return 0;
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %lld for parameter MaxResults is invalid. Reason: Must be "
                           "between 1 and %d, if provided.",
                           (long long)request->max_results, LIST_RESULTS_MAX);
}

/* A token is the last name of the page before, in base64: it stays good while queues come and go.
 */
static int read_token(lk_request *request, lk_slice *after, lk_err *err)
{
    lk_buf name = {0};
    int rc = 0;
    *after = (lk_slice){0};
    if (!request->next_token.ptr)
        return 0;
    bool good =
        lk_base64_decode(request->next_token, &name) && lk_rule_queue_name(lk_buf_slice(&name));
    if (good)
        *after = lk_arena_copy(&request->arena, lk_buf_slice(&name));
    else
        rc = lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE, "%s",
                             "Invalid or expired next token.");
    lk_buf_clear(&name);
    return good && !after->ptr ? LK_FAIL_NOMEM(err) : rc;
}

static int write_token(lk_request *request, lk_slice last_name, lk_err *err)
{
    lk_buf token = {0};
    lk_base64_encode(&token, (const unsigned char *)last_name.ptr, last_name.len);
    request->answer_token = lk_arena_copy(&request->arena, lk_buf_slice(&token));
    int rc = lk_buf_check(&token, err);
    lk_buf_clear(&token);
    return rc == 0 && !request->answer_token.ptr ? LK_FAIL_NOMEM(err) : rc;
}

/* Which queues a list shows: those with this prefix, and if it is given, with this dead-letter
 * queue. */
typedef struct list_filter {
    lk_slice prefix;
    lk_slice dead_letter_queue; /* {NULL,0}: any or none */
} list_filter;

static bool is_listed(const lk_store_queue *queue, const list_filter *filter)
{
    return lk_slice_has_prefix(queue->name, filter->prefix) &&
           (!filter->dead_letter_queue.ptr ||
            lk_slice_equal(queue->settings.dead_letter_queue, filter->dead_letter_queue));
}

static const lk_store_queue *next_listed(const lk_store *store, lk_slice after,
                                         const list_filter *filter)
{
    const lk_store_queue *queue = lk_store_queue_next(store, after);
    while (queue && !is_listed(queue, filter))
        queue = lk_store_queue_next(store, queue->name);
    return queue;
}

static int list(const lk_action_context *context, lk_request *request, const list_filter *filter,
                lk_err *err)
{
    size_t max =
        request->max_results == LK_ABSENT ? LIST_RESULTS_MAX : (size_t)request->max_results;
    lk_slice after, last = {0};
    int rc = read_token(request, &after, err);
    if (rc)
        return rc;
    lk_slice *urls = lk_arena_alloc(&request->arena, max, sizeof *urls);
    if (!urls)
        return LK_FAIL_NOMEM(err);
    const lk_store_queue *queue = next_listed(context->store, after, filter);
    for (; queue && request->answer_urls.count < max;
         queue = next_listed(context->store, queue->name, filter)) {
        lk_slice url = queue_url(request, queue->name);
        if (!url.ptr)
            return LK_FAIL_NOMEM(err);
        urls[request->answer_urls.count++] = url;
        last = queue->name;
    }
    request->answer_urls.items = urls;
    return queue && request->max_results != LK_ABSENT ? write_token(request, last, err) : 0;
}

int lk_list_queues_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    const list_filter filter = {.prefix = request->queue_name_prefix};
    return list(context, request, &filter, err);
}

int lk_list_dead_letter_sources_run(const lk_action_context *context, lk_request *request,
                                    lk_err *err)
{
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    const list_filter filter = {.dead_letter_queue = queue->name};
    return list(context, request, &filter, err);
}
