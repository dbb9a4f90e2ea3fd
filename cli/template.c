/* SPDX-License-Identifier: MIT
 *
 * template: from the tree to queues, functions and what lies between them.
 */
#include "template.h"

#include <stdio.h>
#include <string.h>

enum {
    TIMEOUT_DEFAULT_S = 3, /* Lambda's defaults */
    MEMORY_DEFAULT_MB = 128,
    BATCH_SIZE_DEFAULT = 10,
    SOURCES_MAX = 64
};

/* --- Members -------------------------------------------------------------------------------- */

static const lk_template_node *property(const lk_template *t, const lk_template_node *resource,
                                        const char *name)
{
    return lk_template_get(t->tree, lk_template_get(t->tree, resource, "Properties"), name);
}

static bool has_type(const lk_template *t, const lk_template_node *resource, const char *type)
{
    const lk_template_node *node = lk_template_get(t->tree, resource, "Type");
    lk_slice text = {0};
    lk_arena arena = {0};
    const lk_template_names none = {0};
    lk_err err;
    bool same = lk_template_text(t->tree, node, &none, &arena, &text, &err) == 0 &&
                lk_slice_equal_str(text, type);
    lk_arena_clear(&arena);
    return same;
}

/* --- What can be referred to ----------------------------------------------------------------- */

static const lk_template_queue *queue_by_id(const lk_template *t, lk_slice id)
{
    for (size_t i = 0; i < t->queue_count; i++)
        if (lk_slice_equal(t->queues[i].id, id))
            return &t->queues[i];
    return NULL;
}

/* Ref of a queue is its URL. */
static lk_slice look_up_queue(lk_template *t, const lk_template_queue *queue, lk_slice attribute)
{
    if (lk_slice_equal_str(attribute, "Arn"))
        return queue->arn;
    if (lk_slice_equal_str(attribute, "QueueName"))
        return lk_slice_of(queue->name);
    if (!attribute.ptr || lk_slice_equal_str(attribute, "QueueUrl"))
        return lk_arena_format(&t->arena, "%s/%s/%s", t->base_url, t->account, queue->name);
    return (lk_slice){0};
}

/* Of a function's name only what its own properties say: the logical id stands for it else. */
static lk_slice look_up(void *ctx, lk_slice resource, lk_slice attribute)
{
    lk_template *t = ctx;
    const lk_template_queue *queue = queue_by_id(t, resource);
    if (queue)
        return look_up_queue(t, queue, attribute);
    for (size_t i = 0; i < t->function_count; i++) {
        const lk_template_function *f = &t->functions[i];
        if (!lk_slice_equal(f->id, resource))
            continue;
        if (!attribute.ptr)
            return lk_slice_of(f->name);
        if (lk_slice_equal_str(attribute, "Arn"))
            return lk_arena_format(&t->arena, "arn:aws:lambda:%s:%s:function:%s", t->region,
                                   t->account, f->name);
    }
    return (lk_slice){0};
}

static int text_of(lk_template *t, const lk_template_node *node, lk_slice *text, lk_err *err)
{
    const lk_template_names names = {
        .look_up = look_up, .ctx = t, .region = t->region, .account = t->account};
    return lk_template_text(t->tree, node, &names, &t->arena, text, err);
}

/* Absent: *text as it is. */
static int text_or(lk_template *t, const lk_template_node *node, const char **text, lk_err *err)
{
    lk_slice found;
    int rc = node ? text_of(t, node, &found, err) : 0;
    if (node && rc == 0)
        *text = found.ptr;
    return rc;
}

/* What a number may be, on AWS. */
typedef struct range {
    int64_t low;
    int64_t high;
} range;

static int number_or(lk_template *t, const lk_template_node *node, range allowed, int64_t *number,
                     lk_err *err)
{
    lk_slice text;
    int rc = node ? text_of(t, node, &text, err) : 0;
    if (!node || rc != 0)
        return rc;
    if (!lk_slice_to_int64(text, number))
        return lk_template_fail(t->tree, node, LK_E_INVALID, err, "\"%.*s\" is no whole number",
                                (int)LK_MIN(text.len, (size_t)40), text.ptr);
    if (*number < allowed.low || *number > allowed.high)
        return lk_template_fail(t->tree, node, LK_E_INVALID, err, "%lld is not %lld to %lld",
                                (long long)*number, (long long)allowed.low,
                                (long long)allowed.high);
    return 0;
}

static int truth_or(lk_template *t, const lk_template_node *node, bool *truth, lk_err *err)
{
    const char *text = *truth ? "true" : "false";
    int rc = text_or(t, node, &text, err);
    *truth = strcmp(text, "true") == 0 || strcmp(text, "True") == 0 || strcmp(text, "yes") == 0;
    return rc;
}

static int no_memory_unless(bool enough, lk_err *err)
{
    return enough ? 0 : LK_FAIL_NOMEM(err);
}

/* --- Queues --------------------------------------------------------------------------------- */

/* Properties that are attributes of the same name. */
static const char *const plain_attributes[] = {
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
};

/* CloudFormation makes up a name; here it is the logical id. */
static int name_queue(lk_template *t, lk_template_queue *queue, const lk_template_node *resource,
                      lk_err *err)
{
    const lk_template_node *given = property(t, resource, "QueueName");
    bool fifo = false;
    lk_slice name = queue->id;
    int rc = truth_or(t, property(t, resource, "FifoQueue"), &fifo, err);
    if (rc == 0 && given)
        rc = text_of(t, given, &name, err);
    if (rc != 0)
        return rc;
    int len = snprintf(queue->name, sizeof(queue->name), "%.*s%s", LK_SLICE_FMT(name),
                       fifo && !given ? ".fifo" : "");
    if (len < 0 || (size_t)len >= sizeof(queue->name))
        return lk_template_fail(t->tree, resource, LK_E_INVALID, err,
                                "the name of queue %.*s is longer than 80 characters",
                                LK_SLICE_FMT(queue->id));
    if (fifo != lk_queue_is_fifo(lk_slice_of(queue->name)))
        return lk_template_fail(t->tree, resource, LK_E_INVALID, err,
                                "queue %s: FifoQueue and a name that ends with .fifo go together",
                                queue->name);
    queue->arn =
        lk_arena_format(&t->arena, "arn:aws:sqs:%s:%s:%s", t->region, t->account, queue->name);
    return no_memory_unless(queue->arn.ptr != NULL, err);
}

static void add_attribute(lk_template_queue *queue, const char *name, lk_slice value)
{
    queue->attributes[queue->attribute_count++] = (lk_name_value){lk_slice_of(name), value};
}

static lk_template_queue *queue_by_arn(const lk_template *t, lk_slice arn)
{
    for (size_t i = 0; i < t->queue_count; i++)
        if (lk_slice_equal(t->queues[i].arn, arn))
            return &t->queues[i];
    return NULL;
}

static int add_redrive(lk_template *t, lk_template_queue *queue, const lk_template_node *policy,
                       lk_err *err)
{
    lk_slice arn;
    int64_t receives = 0;
    int rc = text_of(t, lk_template_get(t->tree, policy, "deadLetterTargetArn"), &arn, err);
    if (rc == 0)
        rc = number_or(t, lk_template_get(t->tree, policy, "maxReceiveCount"), (range){1, 1000},
                       &receives, err);
    if (rc != 0)
        return rc;
    lk_template_queue *dead = queue_by_arn(t, arn);
    if (!dead)
        return lk_template_fail(t->tree, policy, LK_E_INVALID, err,
                                "the dead-letter queue of %s is not in the template", queue->name);
    queue->dead_name = dead->name;
    queue->max_receive_count = receives;
    lk_slice value =
        lk_arena_format(&t->arena, "{\"deadLetterTargetArn\":\"%.*s\",\"maxReceiveCount\":%lld}",
                        LK_SLICE_FMT(arn), (long long)receives);
    add_attribute(queue, "RedrivePolicy", value);
    return no_memory_unless(value.ptr != NULL, err);
}

static int read_queue(lk_template *t, lk_template_queue *queue, const lk_template_node *resource,
                      lk_err *err)
{
    const lk_template_node *policy = property(t, resource, "RedrivePolicy");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < LK_COUNT(plain_attributes); i++) {
        const lk_template_node *node = property(t, resource, plain_attributes[i]);
        lk_slice value;
        if (!node)
            continue;
        rc = text_of(t, node, &value, err);
        if (rc == 0)
            add_attribute(queue, plain_attributes[i], value);
    }
    return rc == 0 && policy ? add_redrive(t, queue, policy, err) : rc;
}

/* --- Event sources -------------------------------------------------------------------------- */

static int read_filters(lk_template *t, lk_template_source *source,
                        const lk_template_node *criteria, lk_err *err)
{
    const lk_template_node *filters = lk_template_get(t->tree, criteria, "Filters");
    size_t count = lk_template_is_list(filters) ? lk_template_count(filters) : 0;
    int rc = 0;
    if (count > LK_TEMPLATE_FILTERS_MAX)
        return lk_template_fail(t->tree, filters, LK_E_INVALID, err, "more than %d filters",
                                LK_TEMPLATE_FILTERS_MAX);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const lk_template_node *pattern =
            lk_template_get(t->tree, lk_template_at(t->tree, filters, i), "Pattern");
        if (!pattern)
            rc = lk_template_fail(t->tree, filters, LK_E_INVALID, err, "a filter has no Pattern");
        else
            rc = text_or(t, pattern, &source->filters[source->filter_count++], err);
    }
    return rc;
}

static int read_report(lk_template *t, lk_template_source *source, const lk_template_node *types,
                       lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && lk_template_is_list(types) && i < lk_template_count(types); i++) {
        const char *type = "";
        rc = text_or(t, lk_template_at(t->tree, types, i), &type, err);
        if (strcmp(type, "ReportBatchItemFailures") == 0)
            source->report_batch_item_failures = true;
    }
    return rc;
}

/* properties: those of an SQS event, or of an EventSourceMapping, which have the same names but for
 * the queue's. Adds a source unless it is switched off. */
static int read_source(lk_template *t, lk_template_function *function,
                       const lk_template_node *properties, const char *queue_member, lk_err *err)
{
    if (function->source_count == SOURCES_MAX)
        return lk_template_fail(t->tree, properties, LK_E_INVALID, err,
                                "function %s works on more than %d queues", function->name,
                                SOURCES_MAX);
    const lk_template_node *queue_node = lk_template_get(t->tree, properties, queue_member);
    lk_template_source *source = &function->sources[function->source_count];
    lk_slice arn = {0};
    bool enabled = true;
    *source = (lk_template_source){.batch_size = BATCH_SIZE_DEFAULT};
    int rc = text_of(t, queue_node, &arn, err);
    lk_template_queue *queue = rc == 0 ? queue_by_arn(t, arn) : NULL;
    if (rc == 0 && !queue)
        rc = lk_template_fail(t->tree, queue_node, LK_E_INVALID, err,
                              "the queue of function %s is not in the template", function->name);
    if (rc == 0)
        rc = number_or(t, lk_template_get(t->tree, properties, "BatchSize"), (range){1, 10000},
                       &source->batch_size, err);
    if (rc == 0)
        rc = number_or(t, lk_template_get(t->tree, properties, "MaximumBatchingWindowInSeconds"),
                       (range){0, 300}, &source->window_s, err);
    if (rc == 0)
        rc = number_or(t,
                       lk_template_get(t->tree,
                                       lk_template_get(t->tree, properties, "ScalingConfig"),
                                       "MaximumConcurrency"),
                       (range){2, 1000}, &source->max_concurrency, err);
    if (rc == 0)
        rc = truth_or(t, lk_template_get(t->tree, properties, "Enabled"), &enabled, err);
    if (rc == 0)
        rc = read_report(t, source, lk_template_get(t->tree, properties, "FunctionResponseTypes"),
                         err);
    if (rc == 0)
        rc = read_filters(t, source, lk_template_get(t->tree, properties, "FilterCriteria"), err);
    if (rc == 0 && enabled) {
        source->queue = (size_t)(queue - t->queues);
        function->source_count++;
    }
    return rc;
}

static int read_events(lk_template *t, lk_template_function *function,
                       const lk_template_node *resource, lk_err *err)
{
    const lk_template_node *events = property(t, resource, "Events");
    int rc = 0;
    for (size_t i = 0; rc == 0 && lk_template_is_map(events) && i < lk_template_count(events);
         i++) {
        const lk_template_node *event = lk_template_at(t->tree, events, i);
        if (has_type(t, event, "SQS"))
            rc = read_source(t, function, lk_template_get(t->tree, event, "Properties"), "Queue",
                             err);
    }
    return rc;
}

/* The EventSourceMappings that name this function. */
static int read_mappings(lk_template *t, lk_template_function *function,
                         const lk_template_node *resources, lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lk_template_count(resources); i++) {
        const lk_template_node *mapping = lk_template_at(t->tree, resources, i);
        const char *name = "";
        if (!has_type(t, mapping, "AWS::Lambda::EventSourceMapping"))
            continue;
        rc = text_or(t, property(t, mapping, "FunctionName"), &name, err);
        lk_slice last = lk_slice_of(strrchr(name, ':') ? strrchr(name, ':') + 1 : name);
        if (rc == 0 && lk_slice_equal_str(last, function->name))
            rc = read_source(t, function, lk_template_get(t->tree, mapping, "Properties"),
                             "EventSourceArn", err);
    }
    return rc;
}

/* --- Functions ------------------------------------------------------------------------------ */

static bool is_function(const lk_template *t, const lk_template_node *resource)
{
    return has_type(t, resource, "AWS::Serverless::Function") ||
           has_type(t, resource, "AWS::Lambda::Function");
}

/* The function's own property, or that of Globals. */
static const lk_template_node *setting(const lk_template *t, const lk_template_node *resource,
                                       const char *name)
{
    const lk_template_node *own = property(t, resource, name);
    const lk_template_node *globals =
        lk_template_get(t->tree, lk_template_root(t->tree), "Globals");
    if (own || !has_type(t, resource, "AWS::Serverless::Function"))
        return own;
    return lk_template_get(t->tree, lk_template_get(t->tree, globals, "Function"), name);
}

static const lk_template_node *variables_in(const lk_template *t,
                                            const lk_template_node *properties)
{
    return lk_template_get(t->tree, lk_template_get(t->tree, properties, "Environment"),
                           "Variables");
}

static const lk_template_node *global_variables(const lk_template *t)
{
    const lk_template_node *globals =
        lk_template_get(t->tree, lk_template_root(t->tree), "Globals");
    return variables_in(t, lk_template_get(t->tree, globals, "Function"));
}

static int read_function(lk_template *t, lk_template_function *f, lk_slice id,
                         const lk_template_node *resource, lk_err *err)
{
    const char *loop = "";
    *f = (lk_template_function){.id = id,
                                .name = id.ptr,
                                .handler = "",
                                .code_uri = "",
                                .timeout_s = TIMEOUT_DEFAULT_S,
                                .memory_mb = MEMORY_DEFAULT_MB};
    if (has_type(t, resource, "AWS::Serverless::Function"))
        f->variables[0] = global_variables(t);
    f->variables[1] = variables_in(t, lk_template_get(t->tree, resource, "Properties"));
    f->sources = lk_arena_alloc(&t->arena, SOURCES_MAX, sizeof(*f->sources));
    int rc = no_memory_unless(f->sources != NULL, err);
    if (rc == 0)
        rc = text_or(t, setting(t, resource, "FunctionName"), &f->name, err);
    if (rc == 0)
        rc = text_or(t, setting(t, resource, "Handler"), &f->handler, err);
    if (rc == 0 && !lk_template_is_map(setting(t, resource, "CodeUri")))
        rc = text_or(t, setting(t, resource, "CodeUri"), &f->code_uri, err);
    if (rc == 0)
        rc = number_or(t, setting(t, resource, "Timeout"), (range){1, 900}, &f->timeout_s, err);
    if (rc == 0)
        rc = number_or(t, setting(t, resource, "MemorySize"), (range){128, 10240}, &f->memory_mb,
                       err);
    if (rc == 0)
        rc = text_or(t, setting(t, resource, "RecursiveLoop"), &loop, err);
    f->allow_recursion = strcmp(loop, "Allow") == 0;
    return rc;
}

/* --- All of them ---------------------------------------------------------------------------- */

/* YAML allows other keys; whatever bears one could not be named. */
static int check_names(const lk_template *t, const lk_template_node *resources, lk_err *err)
{
    for (size_t i = 0; i < lk_template_count(resources); i++)
        if (!lk_template_key_at(t->tree, resources, i).ptr)
            return lk_template_fail(t->tree, lk_template_at(t->tree, resources, i), LK_E_INVALID,
                                    err, "the name of a resource is no text");
    return 0;
}

static int read_queues(lk_template *t, const lk_template_node *resources, lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lk_template_count(resources); i++) {
        const lk_template_node *resource = lk_template_at(t->tree, resources, i);
        if (!has_type(t, resource, "AWS::SQS::Queue"))
            continue;
        lk_template_queue *queue = &t->queues[t->queue_count++];
        queue->id = lk_template_key_at(t->tree, resources, i);
        queue->dead_name = "";
        rc = name_queue(t, queue, resource, err);
    }
    for (size_t i = 0, q = 0; rc == 0 && i < lk_template_count(resources); i++)
        if (has_type(t, lk_template_at(t->tree, resources, i), "AWS::SQS::Queue"))
            rc = read_queue(t, &t->queues[q++], lk_template_at(t->tree, resources, i), err);
    return rc;
}

/* Names first, since one may refer to the other; then what works on queues stays. */
static int read_functions(lk_template *t, const lk_template_node *resources, lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lk_template_count(resources); i++)
        if (is_function(t, lk_template_at(t->tree, resources, i)))
            rc = read_function(t, &t->functions[t->function_count++],
                               lk_template_key_at(t->tree, resources, i),
                               lk_template_at(t->tree, resources, i), err);
    for (size_t i = 0, f = 0; rc == 0 && i < lk_template_count(resources); i++) {
        const lk_template_node *resource = lk_template_at(t->tree, resources, i);
        if (!is_function(t, resource))
            continue;
        lk_template_function *function = &t->functions[f++];
        rc = read_events(t, function, resource, err);
        if (rc == 0)
            rc = read_mappings(t, function, resources, err);
    }
    return rc;
}

static void note_what_is_not_run(lk_template *t, const lk_template_node *resources)
{
    size_t left = 0;
    for (size_t i = 0; i < t->function_count; i++) {
        if (t->functions[i].source_count > 0)
            t->functions[left++] = t->functions[i];
        else
            lk_buf_addf(&t->notes, "function %s has no SQS queue as its event: it is not run\n",
                        t->functions[i].name);
    }
    t->function_count = left;
    for (size_t i = 0; i < lk_template_count(resources); i++) {
        const lk_template_node *resource = lk_template_at(t->tree, resources, i);
        const char *type = "?";
        lk_err err;
        if (has_type(t, resource, "AWS::SQS::Queue") || is_function(t, resource) ||
            has_type(t, resource, "AWS::Lambda::EventSourceMapping"))
            continue;
        if (text_or(t, lk_template_get(t->tree, resource, "Type"), &type, &err) != 0)
            type = "?";
        lk_buf_addf(&t->notes, "%.*s (%s) does not exist here\n",
                    LK_SLICE_FMT(lk_template_key_at(t->tree, resources, i)), type);
    }
}

static bool has_member(const lk_template *t, const lk_template_node *map, lk_slice name)
{
    for (size_t i = 0; lk_template_is_map(map) && i < lk_template_count(map); i++)
        if (lk_slice_equal(lk_template_key_at(t->tree, map, i), name))
            return true;
    return false;
}

/* One that is misspelt, or meant for another template, would have no effect, and nobody would know.
 */
static int check_parameters(const lk_template *t, const char *const *given, size_t count,
                            lk_err *err)
{
    const lk_template_node *root = lk_template_root(t->tree);
    const lk_template_node *known = lk_template_get(t->tree, root, "Parameters");
    for (size_t i = 0; i < count; i++) {
        lk_slice name;
        lk_slice_cut(lk_slice_of(given[i]), '=', &name);
        if (!has_member(t, known, name))
            return lk_template_fail(t->tree, known ? known : root, LK_E_INVALID, err,
                                    "--parameter %.*s: there is no such parameter here",
                                    LK_SLICE_FMT(name));
    }
    return 0;
}

int lk_template_read(const char *path, const char *const *parameters, size_t count,
                     const char *region, const char *account, lk_template *t, lk_err *err)
{
    *t = (lk_template){.region = region, .account = account, .base_url = "http://127.0.0.1:9324"};
    int rc = lk_template_tree_read(path, parameters, count, &t->tree, err);
    if (rc == 0)
        rc = check_parameters(t, parameters, count, err);
    if (rc != 0)
        return rc;
    const lk_template_node *root = lk_template_root(t->tree);
    const lk_template_node *resources = lk_template_get(t->tree, root, "Resources");
    if (!lk_template_is_map(resources))
        return lk_template_fail(t->tree, root, LK_E_INVALID, err, "there are no Resources");
    size_t most = lk_template_count(resources);
    t->queues = lk_arena_alloc(&t->arena, most + 1, sizeof(*t->queues));
    t->functions = lk_arena_alloc(&t->arena, most + 1, sizeof(*t->functions));
    rc = no_memory_unless(t->queues && t->functions, err);
    if (rc == 0)
        rc = check_names(t, resources, err);
    if (rc == 0)
        rc = read_queues(t, resources, err);
    if (rc == 0)
        rc = read_functions(t, resources, err);
    if (rc != 0)
        return rc;
    note_what_is_not_run(t, resources);
    if (t->function_count == 0)
        return lk_template_fail(t->tree, resources, LK_E_INVALID, err,
                                "no function has an SQS queue as its event: there is nothing to "
                                "run");
    return lk_buf_check(&t->notes, err);
}

void lk_template_clear(lk_template *t)
{
    lk_template_tree_free(t->tree);
    lk_arena_clear(&t->arena);
    lk_buf_clear(&t->notes);
    *t = (lk_template){0};
}

/* --- Variables ------------------------------------------------------------------------------ */

/* who: of whom it is said that a variable is missing. */
static int add_variables(lk_template *t, const char *who, const lk_template_node *variables,
                         const lk_template_node *over, const char **list, size_t *used, lk_err *err)
{
    for (size_t i = 0; i < lk_template_count(variables); i++) {
        lk_slice name = lk_template_key_at(t->tree, variables, i);
        lk_slice value;
        if (over && lk_template_get(t->tree, over, name.ptr))
            continue;
        int rc = text_of(t, lk_template_at(t->tree, variables, i), &value, err);
        if (rc == LK_E_UNSUPPORTED)
            lk_buf_addf(&t->notes, "%s goes without the variable %.*s: %s\n", who,
                        LK_SLICE_FMT(name), err->message);
        else if (rc != 0)
            return rc;
        else
            list[(*used)++] =
                lk_arena_format(&t->arena, "%.*s=%.*s", LK_SLICE_FMT(name), LK_SLICE_FMT(value))
                    .ptr;
    }
    return 0;
}

int lk_template_variables(lk_template *t, const lk_template_function *f,
                          const char *const **variables, lk_err *err)
{
    const lk_template_node *globals = f ? f->variables[0] : global_variables(t);
    const lk_template_node *own = f ? f->variables[1] : NULL;
    size_t most = lk_template_count(globals) + lk_template_count(own);
    size_t used = 0;
    const char **list = lk_arena_alloc(&t->arena, most + 1, sizeof(*list));
    lk_slice who = f ? lk_arena_format(&t->arena, "function %s", f->name)
                     : LK_SLICE_LITERAL("the process that enqueues");
    int rc = no_memory_unless(list && who.ptr, err);
    if (rc == 0)
        rc = add_variables(t, who.ptr, globals, own, list, &used, err);
    if (rc == 0)
        rc = add_variables(t, who.ptr, own, NULL, list, &used, err);
    for (size_t i = 0; rc == 0 && i < used; i++)
        rc = no_memory_unless(list[i] != NULL, err);
    *variables = list;
    return rc;
}
