/* SPDX-License-Identifier: MIT
 *
 * action_permission: AddPermission and RemovePermission: statements of the queue's Policy, which is
 * only kept and shown here. Nobody is refused by it.
 */
#include "action_rules.h"
#include "action_run.h"

#include "json.h"

#define ACTIONS_MAX 7

/* --- Check ---------------------------------------------------------------------------------- */

static int refuse_label(lk_request *request, const char *reason)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %.*s for parameter Label is invalid. Reason: %s",
                           (int)LK_MIN(request->label.len, (size_t)256), request->label.ptr,
                           reason);
}

static int check_action(lk_request *request, lk_slice action)
{
    if (lk_slice_equal_str(action, "*") || lk_action_exists(action))
        return 0;
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value SQS:%.*s for parameter ActionName is invalid. Reason: Please "
                           "refer to the appropriate WSDL for a list of valid actions.",
                           (int)LK_MIN(action.len, (size_t)256), action.ptr);
}

int lk_remove_permission_check(lk_request *request, lk_err *err)
{
    (void)err;                            /* the signature of a row's check */
    if (lk_rule_entry_id(request->label)) /* labels follow the same rule */
        return 0;
    return refuse_label(request, "Can only include alphanumeric characters, hyphens, or "
                                 "underscores. 1 to 80 in length.");
}

int lk_add_permission_check(lk_request *request, lk_err *err)
{
    const lk_names *actions = &request->action_names;
    if (lk_remove_permission_check(request, err))
        return 1;
    if (actions->count > ACTIONS_MAX)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_OVER_LIMIT,
                               "%zu Actions were found, maximum allowed is %d.", actions->count,
                               ACTIONS_MAX);
    for (size_t i = 0; i < actions->count; i++)
        if (check_action(request, actions->items[i]))
            return 1;
    return 0;
}

/* --- Statements ----------------------------------------------------------------------------- */

/* A member that is a string for one name, a list for several. */
static void write_one_or_list(lk_json_writer *w, const char *key, const lk_names *names,
                              const char *before, const char *behind)
{
    lk_json_key(w, key);
    if (names->count > 1)
        lk_json_begin_array(w);
    for (size_t i = 0; i < names->count; i++) {
        lk_buf text = {0};
        lk_buf_addf(&text, "%s%.*s%s", before, LK_SLICE_FMT(names->items[i]), behind);
        lk_json_value_string(w, lk_buf_slice(&text));
        w->out->failed |= text.failed;
        lk_buf_clear(&text);
    }
    if (names->count > 1)
        lk_json_end_array(w);
}

static void write_new_statement(lk_json_writer *w, const lk_request *request, lk_slice arn)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "Sid", request->label);
    lk_json_member_str(w, "Effect", "Allow");
    lk_json_key(w, "Principal");
    lk_json_begin_object(w);
    write_one_or_list(w, "AWS", &request->account_ids, "arn:aws:iam::", ":root");
    lk_json_end_object(w);
    write_one_or_list(w, "Action", &request->action_names, "SQS:", "");
    lk_json_member_string(w, "Resource", arn);
    lk_json_end_object(w);
}

static void write_value(lk_json_writer *w, const lk_json *value)
{
    lk_buf text = {0};
    int rc = lk_json_dump(value, &text, NULL);
    lk_json_value_raw(w, lk_buf_slice(&text));
    w->out->failed |= rc != 0;
    lk_buf_clear(&text);
}

/* The i-th statement of a policy; a single one may stand there without a list. NULL: no more. */
static const lk_json *statement_at(const lk_json *policy, size_t i)
{
    const lk_json *statements = lk_json_get(policy, "Statement");
    if (lk_json_typeof(statements) == LK_JSON_OBJECT)
        return i == 0 ? statements : NULL;
    return lk_json_at(statements, i);
}

static bool has_label(const lk_json *statement, lk_slice label)
{
    return lk_slice_equal(lk_json_string(lk_json_get(statement, "Sid")), label);
}

/* How many statements there are, and how many of them have the label. */
static size_t count_statements(const lk_json *policy, lk_slice label, size_t *labelled)
{
    size_t count = 0;
    const lk_json *statement;
    *labelled = 0;
    while ((statement = statement_at(policy, count))) {
        *labelled += has_label(statement, label);
        count++;
    }
    return count;
}

/* --- Policies ------------------------------------------------------------------------------- */

/* All members but Statement as they are; those of a new policy when there is none. */
static void write_head(lk_json_writer *w, const lk_json *policy, lk_slice arn)
{
    if (!policy) {
        lk_buf id = {0};
        lk_buf_addf(&id, "%.*s/SQSDefaultPolicy", LK_SLICE_FMT(arn));
        lk_json_member_str(w, "Version", "2008-10-17");
        lk_json_member_string(w, "Id", lk_buf_slice(&id));
        w->out->failed |= id.failed;
        lk_buf_clear(&id);
    }
    for (void *it = lk_json_iter(policy); it; it = lk_json_iter_next(policy, it)) {
        if (lk_slice_equal_str(lk_json_iter_key(it), "Statement"))
            continue;
        lk_json_key_slice(w, lk_json_iter_key(it));
        write_value(w, lk_json_iter_value(it));
    }
}

/* The policy without statements of the label or, when `add`, with a new one behind the others. */
static void write_policy(lk_buf *out, const lk_request *request, const lk_json *policy,
                         lk_slice arn, bool add)
{
    const lk_json *statement;
    lk_json_writer w = {.out = out};
    lk_json_begin_object(&w);
    write_head(&w, policy, arn);
    lk_json_key(&w, "Statement");
    lk_json_begin_array(&w);
    for (size_t i = 0; (statement = statement_at(policy, i)); i++)
        if (!has_label(statement, request->label))
            write_value(&w, statement);
    if (add)
        write_new_statement(&w, request, arn);
    lk_json_end_array(&w);
    lk_json_end_object(&w);
}

/* text {NULL,0} removes the policy. */
static int set_policy(const lk_action_context *context, const lk_store_queue *queue, lk_slice text,
                      lk_err *err)
{
    const lk_store_settings settings = {.given = LK_SET_POLICY, .policy = text};
    return lk_store_queue_set(context->store, queue, &settings, context->now_ms, err);
}

/* *policy NULL: the queue has none. lk_json_free. */
static int read_policy(const lk_store_queue *queue, lk_json **policy, lk_err *err)
{
    *policy = NULL;
    return queue->settings.policy.ptr ? lk_json_parse(queue->settings.policy, "Policy", policy, err)
                                      : 0;
}

static int change_policy(const lk_action_context *context, lk_request *request,
                         const lk_store_queue *queue, const lk_json *policy, bool add, lk_err *err)
{
    lk_buf text = {0};
    lk_slice arn = lk_action_queue_arn(request, queue->name);
    if (!arn.ptr)
        return LK_FAIL_NOMEM(err);
    write_policy(&text, request, policy, arn, add);
    int rc = lk_buf_check(&text, err);
    if (rc == 0)
        rc = set_policy(context, queue, lk_buf_slice(&text), err);
    lk_buf_clear(&text);
    return rc;
}

/* What an action does with the policy (NULL: none) of its queue. */
typedef int edit_fn(const lk_action_context *context, lk_request *request,
                    const lk_store_queue *queue, const lk_json *policy, lk_err *err);

static int edit_policy(const lk_action_context *context, lk_request *request, edit_fn *edit,
                       lk_err *err)
{
    lk_json *policy;
    const lk_store_queue *queue = lk_action_queue(context, request);
    if (!queue)
        return 1;
    int rc = read_policy(queue, &policy, err);
    if (rc)
        return rc;
    rc = edit(context, request, queue, policy, err);
    lk_json_free(policy);
    return rc;
}

/* --- Actions -------------------------------------------------------------------------------- */

static int add_statement(const lk_action_context *context, lk_request *request,
                         const lk_store_queue *queue, const lk_json *policy, lk_err *err)
{
    size_t labelled;
    count_statements(policy, request->label, &labelled);
    return labelled > 0 ? refuse_label(request, "Already exists.")
                        : change_policy(context, request, queue, policy, true, err);
}

static int remove_statements(const lk_action_context *context, lk_request *request,
                             const lk_store_queue *queue, const lk_json *policy, lk_err *err)
{
    size_t labelled;
    size_t count = count_statements(policy, request->label, &labelled);
    if (labelled == 0)
        return refuse_label(request, "can't find label.");
    return labelled == count ? set_policy(context, queue, (lk_slice){0}, err)
                             : change_policy(context, request, queue, policy, false, err);
}

int lk_add_permission_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    return edit_policy(context, request, add_statement, err);
}

int lk_remove_permission_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    return edit_policy(context, request, remove_statements, err);
}
