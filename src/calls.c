/* SPDX-License-Identifier: MIT
 *
 * calls: the public SQS calls that wait for their answer: any action by name, settling messages,
 * making and changing queues.
 */
#include "entries.h"
#include "queue.h"

#include <stdlib.h>
#include <string.h>

/* --- Any action ----------------------------------------------------------------------------- */

/* A long poll's wait comes on top of the timeout; without a number the queue's own applies. */
static int64_t extra_wait_s(const char *action, const lk_json *params)
{
    int64_t wait_s;
    if (strcmp(action, "ReceiveMessage") != 0)
        return 0;
    if (!lk_json_int64(lk_json_get(params, "WaitTimeSeconds"), &wait_s))
        return LK_SQS_MAX_WAIT_S;
    return wait_s < 0 || wait_s > LK_SQS_MAX_WAIT_S ? 0
                                                    : wait_s; /* out of range: refused at once */
}

/* The members but QueueUrl, which the queue's target provides. */
static int write_members(const lk_json *params, lk_buf *out, lk_err *err)
{
    lk_json_writer w = {.out = out, .depth = 1};
    for (void *it = lk_json_iter(params); it; it = lk_json_iter_next(params, it)) {
        lk_slice key = lk_json_iter_key(it);
        if (lk_slice_equal_str(key, "QueueUrl"))
            continue;
        lk_buf value = {0};
        int rc = lk_json_dump(lk_json_iter_value(it), &value, err);
        lk_json_key_slice(&w, key);
        lk_json_value_raw(&w, lk_buf_slice(&value));
        lk_buf_clear(&value);
        if (rc)
            return rc;
    }
    return lk_buf_check(out, err);
}

/* Where calls go that name no queue. */
static int account_target(lk_client *client, lk_buf *endpoint, lk_buf *region,
                          lk_sqs_target *target, lk_err *err)
{
    lk_url url;
    lk_slice fixed;
    lk_slice name = {NULL, 0};
    int rc = lk_client_fixed_endpoint(client, &fixed, err);
    if (!rc && lk_url_parse(fixed, &url))
        name = lk_endpoint_region_of_host(url.host);
    if (!rc && !name.ptr)
        rc = lk_client_region(client, &name, err);
    if (rc)
        return rc;
    lk_buf_add(region, name);
    lk_buf_add(endpoint, fixed);
    if (!fixed.ptr)
        rc = lk_endpoint_of_region("sqs", name, endpoint, err);
    *target = (lk_sqs_target){.endpoint = lk_buf_slice(endpoint), .region = lk_buf_slice(region)};
    return rc ? rc : lk_buf_check(region, err);
}

static int call_account(lk_client *client, const char *action, lk_slice members, lk_buf *answer,
                        lk_err *err)
{
    lk_sqs_target target;
    lk_buf endpoint = {0};
    lk_buf region = {0};
    int rc = account_target(client, &endpoint, &region, &target, err);
    if (!rc)
        rc = lk_sqs_run(client, &target, action, members, 0, answer, err);
    lk_buf_clear(&endpoint);
    lk_buf_clear(&region);
    return rc;
}

static int call_any(lk_client *client, const char *action, const lk_json *params, lk_buf *answer,
                    lk_err *err)
{
    lk_queue *queue;
    lk_buf members = {0};
    const lk_json *queue_url = lk_json_get(params, "QueueUrl");
    lk_json_type type = lk_json_typeof(queue_url);
    if (type != LK_JSON_STRING && type != LK_JSON_MISSING && type != LK_JSON_NULL)
        return LK_FAIL(err, LK_E_INVALID, "%s: QueueUrl is not a string", action);
    int rc = write_members(params, &members, err);
    if (!rc && type == LK_JSON_STRING) {
        rc = lk_queue_get(client, lk_json_string(queue_url), &queue, err);
        if (!rc)
            rc = lk_queue_call(client, queue, action, lk_buf_slice(&members),
                               extra_wait_s(action, params), answer, err);
    } else if (!rc) {
        rc = call_account(client, action, lk_buf_slice(&members), answer, err);
    }
    lk_buf_clear(&members);
    return rc;
}

int lk_sqs_call(lk_client *client, const char *action, lk_slice params_json, char **response,
                size_t *response_len, lk_err *err)
{
    lk_json *params = NULL;
    lk_buf answer = {0};
    *response = NULL;
    *response_len = 0;
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = lk_json_parse(params_json.len ? params_json : LK_SLICE_LITERAL("{}"), "params", &params,
                       err);
    if (!rc && lk_json_typeof(params) != LK_JSON_OBJECT)
        rc = LK_FAIL(err, LK_E_INVALID, "%s: the parameters are not a JSON object", action);
    if (!rc)
        rc = call_any(client, action, params, &answer, err);
    if (!rc) {
        *response_len = answer.len;
        *response = lk_buf_take(&answer);
        rc = *response ? 0 : LK_FAIL_NOMEM(err);
    }
    lk_buf_clear(&answer);
    lk_json_free(params);
    lk_client_leave(client);
    return rc;
}

/* --- Calls on one queue --------------------------------------------------------------------- */

/* Enters, calls with what members hold, leaves; clears members. */
static int call_queue(lk_client *client, lk_slice queue, const char *action, lk_buf *members,
                      lk_err *err)
{
    lk_queue *q;
    int rc = lk_client_enter(client, err);
    if (!rc) {
        rc = lk_buf_check(members, err);
        if (!rc)
            rc = lk_queue_get(client, queue, &q, err);
        if (!rc)
            rc = lk_queue_call(client, q, action, lk_buf_slice(members), 0, NULL, err);
        lk_client_leave(client);
    }
    lk_buf_clear(members);
    return rc;
}

static void write_settle(lk_buf *members, lk_slice receipt_handle, const int64_t *visibility_s)
{
    lk_json_writer w = {.out = members, .depth = 1};
    lk_json_member_string(&w, "ReceiptHandle", receipt_handle);
    if (visibility_s)
        lk_json_member_int(&w, "VisibilityTimeout", *visibility_s);
}

int lk_delete(lk_client *client, lk_slice queue, lk_slice receipt_handle, lk_err *err)
{
    lk_buf members = {0};
    write_settle(&members, receipt_handle, NULL);
    return call_queue(client, queue, "DeleteMessage", &members, err);
}

int lk_change_visibility(lk_client *client, lk_slice queue, lk_slice receipt_handle,
                         int64_t visibility_s, lk_err *err)
{
    lk_buf members = {0};
    write_settle(&members, receipt_handle, &visibility_s);
    return call_queue(client, queue, "ChangeMessageVisibility", &members, err);
}

static void write_pairs(lk_json_writer *w, const lk_name_value *pairs, size_t count)
{
    lk_json_key(w, "Attributes");
    lk_json_begin_object(w);
    for (size_t i = 0; i < count; i++) {
        lk_json_key_slice(w, pairs[i].name);
        lk_json_value_string(w, pairs[i].value);
    }
    lk_json_end_object(w);
}

int lk_set_queue_attributes(lk_client *client, lk_slice queue, const lk_name_value *attributes,
                            size_t count, lk_err *err)
{
    lk_buf members = {0};
    lk_json_writer w = {.out = &members, .depth = 1};
    write_pairs(&w, attributes, count);
    return call_queue(client, queue, "SetQueueAttributes", &members, err);
}

int lk_delete_queue(lk_client *client, lk_slice queue, lk_err *err)
{
    lk_buf members = {0};
    return call_queue(client, queue, "DeleteQueue", &members, err);
}

static int take_url(lk_slice answer, char **url, lk_err *err)
{
    lk_json *root;
    int rc = lk_json_parse(answer, "CreateQueue", &root, err);
    if (rc)
        return rc;
    lk_slice text = lk_json_string(lk_json_get(root, "QueueUrl"));
    if (text.len == 0)
        rc = LK_FAIL(err, LK_E_JSON, "CreateQueue answered without QueueUrl");
    else if (url && !(*url = lk_slice_dup(text)))
        rc = LK_FAIL_NOMEM(err);
    lk_json_free(root);
    return rc;
}

int lk_create_queue(lk_client *client, const char *name, const lk_name_value *attributes,
                    size_t count, char **url, lk_err *err)
{
    lk_buf members = {0};
    lk_buf answer = {0};
    if (url)
        *url = NULL;
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    lk_json_writer w = {.out = &members, .depth = 1};
    lk_json_member_str(&w, "QueueName", name);
    if (count > 0)
        write_pairs(&w, attributes, count);
    rc = lk_buf_check(&members, err);
    if (!rc)
        rc = call_account(client, "CreateQueue", lk_buf_slice(&members), &answer, err);
    if (!rc)
        rc = take_url(lk_buf_slice(&answer), url, err);
    lk_buf_clear(&members);
    lk_buf_clear(&answer);
    lk_client_leave(client);
    return rc;
}

/* --- Settling many -------------------------------------------------------------------------- */

/* One lk_delete_batch or lk_change_visibility_batch. */
typedef struct settle {
    lk_client *client;
    lk_queue *queue;
    const char *action;
    const lk_slice *receipt_handles;
    const int64_t *visibility_s; /* NULL: deletes */
    lk_err first;                /* failure of an entry; code LK_OK: none */
    lk_err *errors;              /* the caller's; may be NULL */
} settle;

static void set_result(settle *s, size_t index, const lk_err *result)
{
    if (s->errors)
        s->errors[index] = *result;
    if (result->code != LK_OK && s->first.code == LK_OK)
        s->first = *result;
}

/* One call for the entries at index[0..count); errors[i] gets what the answer says of each. */
static int call_entries(settle *s, const size_t *index, size_t count, lk_err *errors, lk_err *err)
{
    lk_buf parts[LK_ENTRIES_MAX] = {{0}};
    lk_slice members[LK_ENTRIES_MAX];
    lk_buf entries = {0};
    lk_buf answer = {0};
    for (size_t i = 0; i < count; i++) {
        write_settle(&parts[i], s->receipt_handles[index[i]],
                     s->visibility_s ? &s->visibility_s[index[i]] : NULL);
        entries.failed = entries.failed || parts[i].failed;
        members[i] = lk_buf_slice(&parts[i]);
    }
    lk_entries_write(&entries, members, count);
    int rc = lk_buf_check(&entries, err);
    if (!rc)
        rc = lk_queue_call(s->client, s->queue, s->action, lk_buf_slice(&entries), 0, &answer, err);
    if (!rc)
        rc = lk_entries_read(lk_buf_slice(&answer), s->action, count, errors, NULL, err);
    for (size_t i = 0; i < count; i++)
        lk_buf_clear(&parts[i]);
    lk_buf_clear(&entries);
    lk_buf_clear(&answer);
    return rc;
}

/* Hands out final results and moves the entries to try again to the front of index. Returns how
 * long to wait before that. */
static int64_t keep_retriable(settle *s, size_t *index, size_t *count, const lk_err *errors,
                              int attempt)
{
    int64_t wait_ms = 0;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        int64_t delay_ms =
            errors[i].code == LK_OK ? -1 : lk_sqs_retry_delay_ms(s->client, &errors[i], attempt);
        if (delay_ms < 0) {
            set_result(s, index[i], &errors[i]);
            continue;
        }
        wait_ms = LK_MAX(wait_ms, delay_ms);
        index[kept++] = index[i];
    }
    *count = kept;
    return wait_ms;
}

/* At most ten entries, until each has its result. Negative: the call as a whole failed. */
static int settle_chunk(settle *s, size_t first, size_t count, lk_err *err)
{
    size_t index[LK_ENTRIES_MAX];
    for (size_t i = 0; i < count; i++)
        index[i] = first + i;
    int rc = 0;
    for (int attempt = 1; count > 0 && !rc; attempt++) {
        lk_err errors[LK_ENTRIES_MAX];
        rc = call_entries(s, index, count, errors, err);
        int64_t wait_ms = rc ? 0 : keep_retriable(s, index, &count, errors, attempt);
        if (!rc && count > 0)
            rc = lk_sqs_pause(s->client, wait_ms, err);
    }
    for (size_t i = 0; rc && i < count; i++)
        set_result(s, index[i], err);
    return rc;
}

/* Once the connection, the credentials or the queue failed, the rest would fail alike. */
static void settle_all(settle *s, size_t count)
{
    lk_err err;
    int rc = 0;
    for (size_t i = 0; i < count; i += LK_ENTRIES_MAX) {
        size_t chunk = LK_MIN(count - i, (size_t)LK_ENTRIES_MAX);
        if (!rc)
            rc = settle_chunk(s, i, chunk, &err);
        else
            for (size_t k = i; k < i + chunk; k++)
                set_result(s, k, &err);
    }
}

static int settle_batch(settle *s, lk_slice queue, size_t count, lk_err *err)
{
    int rc = lk_client_enter(s->client, err);
    if (rc)
        return rc;
    rc = lk_queue_get(s->client, queue, &s->queue, err);
    if (!rc)
        settle_all(s, count);
    lk_client_leave(s->client);
    if (rc || s->errors || s->first.code == LK_OK)
        return rc;
    if (err) /* nobody looks at the entries: the first failure stands for them */
        *err = s->first;
    return s->first.code;
}

int lk_delete_batch(lk_client *client, lk_slice queue, const lk_slice *receipt_handles,
                    size_t count, lk_err *errors, lk_err *err)
{
    settle s = {.client = client,
                .action = "DeleteMessageBatch",
                .receipt_handles = receipt_handles,
                .errors = errors};
    return settle_batch(&s, queue, count, err);
}

int lk_change_visibility_batch(lk_client *client, lk_slice queue, const lk_slice *receipt_handles,
                               const int64_t *visibility_s, size_t count, lk_err *errors,
                               lk_err *err)
{
    settle s = {.client = client,
                .action = "ChangeMessageVisibilityBatch",
                .receipt_handles = receipt_handles,
                .visibility_s = visibility_s,
                .errors = errors};
    return settle_batch(&s, queue, count, err);
}
