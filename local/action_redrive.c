/* SPDX-License-Identifier: MIT
 *
 * action_redrive: the two JSON texts that tie a queue to its dead-letter queue: RedrivePolicy (what
 * the source wants) and RedriveAllowPolicy (whom the dead-letter queue lets in).
 */
#include "action_run.h"

#include "json.h"

#define MAX_RECEIVE_COUNT 1000
#define SOURCE_ARNS_MAX   10

/* --- RedrivePolicy -------------------------------------------------------------------------- */

static int refuse(lk_request *request, const char *parameter, lk_slice text, const char *reason)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_PARAMETER_VALUE,
                           "Value %.*s for parameter %s is invalid. Reason: %s", LK_SLICE_FMT(text),
                           parameter, reason);
}

static int read_members(lk_request *request, lk_slice text, const lk_json *policy,
                        lk_store_settings *settings)
{
    const lk_json *count = lk_json_get(policy, "maxReceiveCount");
    lk_slice arn = lk_json_string(lk_json_get(policy, "deadLetterTargetArn"));
    if (!arn.ptr)
        return refuse(request, "RedrivePolicy", text,
                      "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
    if (!count)
        return refuse(request, "RedrivePolicy", text,
                      "Redrive policy does not contain mandatory attribute: maxReceiveCount.");
    if (!lk_json_int64(count, &settings->max_receive_count) || settings->max_receive_count < 1 ||
        settings->max_receive_count > MAX_RECEIVE_COUNT)
        return refuse(request, "RedrivePolicy", text,
                      "Invalid value for maxReceiveCount, valid values are from 1 to 1000 both "
                      "inclusive.");
    lk_slice name = lk_action_arn_name(request->env, arn);
    if (!name.ptr)
        return lk_redrive_refused(LK_STORE_NO_QUEUE, request, text);
    settings->dead_letter_queue = lk_arena_copy(&request->arena, name);
    return 0;
}

int lk_redrive_read(lk_request *request, lk_slice text, lk_store_settings *settings, lk_err *err)
{
    lk_json *policy = NULL;
    settings->dead_letter_queue = (lk_slice){0};
    settings->max_receive_count = 0;
    if (text.len == 0) /* removes the policy */
        return 0;
    int rc = lk_json_parse(text, "RedrivePolicy", &policy, err);
    if (rc == LK_E_NOMEM)
        return rc;
    if (rc || lk_json_typeof(policy) != LK_JSON_OBJECT)
        rc = refuse(request, "RedrivePolicy", text, "Redrive policy is not a valid JSON map.");
    else
        rc = read_members(request, text, policy, settings);
    lk_json_free(policy);
    return rc == 0 && !settings->dead_letter_queue.ptr ? LK_FAIL_NOMEM(err) : rc;
}

int lk_redrive_refused(int refusal, lk_request *request, lk_slice text)
{
    return refuse(request, "RedrivePolicy", text,
                  refusal == LK_STORE_QUEUE_TYPE
                      ? "Dead-letter queue must be same type of queue as the source."
                      : "Dead letter target does not exist.");
}

lk_slice lk_redrive_show(lk_request *request, const lk_store_settings *settings)
{
    lk_slice arn = lk_action_queue_arn(request, settings->dead_letter_queue);
    return lk_arena_format(&request->arena,
                           "{\"deadLetterTargetArn\":\"%.*s\",\"maxReceiveCount\":%lld}",
                           LK_SLICE_FMT(arn), (long long)settings->max_receive_count);
}

/* --- RedriveAllowPolicy --------------------------------------------------------------------- */

static bool all_strings(const lk_json *list)
{
    for (size_t i = 0; i < lk_json_length(list); i++)
        if (!lk_json_string(lk_json_at(list, i)).ptr)
            return false;
    return true;
}

static bool good_allow_policy(const lk_json *policy)
{
    lk_slice permission = lk_json_string(lk_json_get(policy, "redrivePermission"));
    const lk_json *arns = lk_json_get(policy, "sourceQueueArns");
    if (lk_slice_equal_str(permission, "byQueue"))
        return lk_json_typeof(arns) == LK_JSON_ARRAY && lk_json_length(arns) >= 1 &&
               lk_json_length(arns) <= SOURCE_ARNS_MAX && all_strings(arns);
    return !arns && (lk_slice_equal_str(permission, "allowAll") ||
                     lk_slice_equal_str(permission, "denyAll"));
}

int lk_redrive_allow_check(lk_request *request, lk_slice text, lk_err *err)
{
    lk_json *policy = NULL;
    if (text.len == 0)
        return 0;
    int rc = lk_json_parse(text, "RedriveAllowPolicy", &policy, err);
    if (rc == LK_E_NOMEM)
        return rc;
    bool good = rc == 0 && good_allow_policy(policy);
    lk_json_free(policy);
    return good ? 0
                : refuse(request, "RedriveAllowPolicy", text,
                         "redrivePermission must be allowAll, denyAll or byQueue, the last with 1 "
                         "to 10 sourceQueueArns.");
}

static bool policy_lets_in(const lk_json *policy, lk_slice source_arn)
{
    lk_slice permission = lk_json_string(lk_json_get(policy, "redrivePermission"));
    const lk_json *arns = lk_json_get(policy, "sourceQueueArns");
    if (!lk_slice_equal_str(permission, "byQueue"))
        return !lk_slice_equal_str(permission, "denyAll");
    for (size_t i = 0; i < lk_json_length(arns); i++)
        if (lk_slice_equal(lk_json_string(lk_json_at(arns, i)), source_arn))
            return true;
    return false;
}

int lk_redrive_permitted(const lk_action_context *context, lk_request *request, lk_slice source,
                         const lk_store_settings *settings, lk_slice text, lk_err *err)
{
    lk_json *policy = NULL;
    const lk_store_queue *target = NULL;
    if (settings->dead_letter_queue.ptr)
        target = lk_store_queue_find(context->store, settings->dead_letter_queue);
    if (!target || target->settings.redrive_allow_policy.len == 0)
        return 0;
    int rc =
        lk_json_parse(target->settings.redrive_allow_policy, "RedriveAllowPolicy", &policy, err);
    if (rc)
        return rc;
    bool permitted = policy_lets_in(policy, lk_action_queue_arn(request, source));
    lk_json_free(policy);
    return permitted ? 0
                     : refuse(request, "RedrivePolicy", text,
                              "The dead-letter queue's RedriveAllowPolicy does not allow this "
                              "source queue.");
}
