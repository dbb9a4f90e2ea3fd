/* SPDX-License-Identifier: MIT
 *
 * queue: parsing what users write, where calls go, the attributes cache.
 *
 * A queue is located once: endpoint, region and QueueUrl follow from what was given and from the
 * client's configuration, and change only when SQS does not know the QueueUrl and names another.
 */
#include "queue.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_NAME = 80,
    LOOKUP_AGAIN_MS = 10 * 1000,    /* GetQueueUrl for a queue that was not there */
    ATTRIBUTES_AGAIN_MS = 5 * 1000, /* GetQueueAttributes where it failed */
    MAX_RECEIVE_COUNT = 1000
};

typedef enum queue_form { FORM_NAME, FORM_URL, FORM_ARN } queue_form;

struct lk_queue {
    lk_queue *next;
    char *given; /* name, URL or ARN; slices below point into it */
    queue_form form;
    lk_slice name;
    lk_slice account;    /* of an ARN */
    lk_slice arn_region; /* likewise */

    bool located;
    lk_buf endpoint;
    lk_buf region;
    lk_buf url;               /* the QueueUrl to send; empty: the name will do */
    bool url_confirmed;       /* GetQueueUrl said so, or the user did */
    int64_t lookup_failed_ms; /* monotonic; 0 never */

    lk_queue_attributes attributes; /* read_at_ms 0: not known */
    int64_t attributes_read_ms;     /* monotonic */
    lk_err failure;                 /* of the last read; code LK_OK: none */
    int64_t failed_ms;              /* monotonic */
};

typedef struct queue_list {
    lk_queue *first;
} queue_list;

/* --- Parsing -------------------------------------------------------------------------------- */

static bool is_queue_name(lk_slice name)
{
    size_t len = name.len;
    if (lk_slice_has_suffix(name, LK_SLICE_LITERAL(".fifo")))
        len -= strlen(".fifo"); /* counts towards the 80 all the same */
    if (len == 0 || name.len > MAX_NAME)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return true;
}

/* What may stand on a request line as it is. */
static bool is_plain_path(lk_slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("-_.~/", c))))
            return false;
    }
    return true;
}

static lk_slice without_slashes(lk_slice s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == '/')
        s.len--;
    return s;
}

static lk_slice last_segment(lk_slice path)
{
    size_t start = path.len;
    while (start > 0 && path.ptr[start - 1] != '/')
        start--;
    return (lk_slice){path.ptr + start, path.len - start};
}

/* Fills form, name, account and region from given; false when it is none of the three. */
static bool parse(lk_queue *queue, lk_slice given)
{
    lk_url url;
    lk_arn arn;
    if (lk_slice_has_prefix(given, LK_SLICE_LITERAL("arn:"))) {
        queue->form = FORM_ARN;
        if (!lk_arn_parse(given, &arn) || !is_plain_path(arn.account))
            return false;
        queue->name = arn.name;
        queue->account = arn.account;
        queue->arn_region = arn.region;
    } else if (lk_url_parse(given, &url)) {
        queue->form = FORM_URL;
        if (!is_plain_path(url.path))
            return false;
        queue->name = last_segment(url.path);
    } else {
        queue->form = FORM_NAME;
        queue->name = given;
    }
    return is_queue_name(queue->name);
}

static void queue_free(lk_queue *queue)
{
    if (!queue)
        return;
    lk_buf_clear(&queue->endpoint);
    lk_buf_clear(&queue->region);
    lk_buf_clear(&queue->url);
    free(queue->given);
    free(queue);
}

static void free_list(void *state, bool forked LK_UNUSED)
{
    queue_list *list = state;
    while (list->first) {
        lk_queue *next = list->first->next;
        queue_free(list->first);
        list->first = next;
    }
    free(list);
}

static int queue_make(lk_slice given, lk_queue **made, lk_err *err)
{
    lk_queue *queue = calloc(1, sizeof(*queue));
    if (!queue || !(queue->given = lk_slice_dup(given))) {
        queue_free(queue);
        return LK_FAIL_NOMEM(err);
    }
    if (!parse(queue, (lk_slice){queue->given, given.len})) {
        queue_free(queue);
        return LK_FAIL(err, LK_E_INVALID,
                       "\"%.*s\" is not a queue: give a name (up to %d letters, digits, '-', '_', "
                       "with .fifo at its end for a FIFO queue), a queue URL or an ARN",
                       (int)LK_MIN(given.len, 200), given.ptr, MAX_NAME);
    }
    *made = queue;
    return 0;
}

static queue_list *list_of(lk_client *client)
{
    queue_list *list = lk_client_slot_get(client, LK_SLOT_QUEUES);
    if (!list && (list = calloc(1, sizeof(*list))))
        lk_client_slot_set(client, LK_SLOT_QUEUES, list, free_list);
    return list;
}

int lk_queue_get(lk_client *client, lk_slice name_url_or_arn, lk_queue **queue, lk_err *err)
{
    lk_slice given = without_slashes(lk_slice_trim(name_url_or_arn));
    if (given.len == 0)
        return LK_FAIL(err, LK_E_INVALID,
                       "no queue is given; is the variable that names it (such as "
                       "JOBS_QUEUE_NAME) set?");
    queue_list *list = list_of(client);
    if (!list)
        return LK_FAIL_NOMEM(err);
    for (lk_queue *q = list->first; q; q = q->next) {
        if (lk_slice_equal_str(given, q->given)) {
            *queue = q;
            return 0;
        }
    }
    int rc = queue_make(given, queue, err);
    if (rc)
        return rc;
    (*queue)->next = list->first;
    list->first = *queue;
    return 0;
}

lk_slice lk_queue_name(const lk_queue *queue)
{
    return queue->name;
}

bool lk_queue_is_fifo(lk_slice queue)
{
    return lk_slice_has_suffix(without_slashes(lk_slice_trim(queue)), LK_SLICE_LITERAL(".fifo"));
}

bool lk_queue_fifo(const lk_queue *queue)
{
    return lk_queue_is_fifo(queue->name);
}

/* --- Where calls go ------------------------------------------------------------------------- */

static lk_slice region_of_url(lk_slice text)
{
    lk_url url;
    return lk_url_parse(text, &url) ? lk_endpoint_region_of_host(url.host) : (lk_slice){NULL, 0};
}

static int set_text(lk_buf *to, lk_slice text, lk_err *err)
{
    lk_buf_reset(to);
    lk_buf_add(to, text);
    return lk_buf_check(to, err);
}

/* What the host calls go to signs with wins: nothing else would be accepted there. */
static int locate_region(lk_client *client, lk_queue *queue, lk_slice fixed, lk_err *err)
{
    lk_slice region = region_of_url(fixed);
    if (!region.ptr)
        region = queue->arn_region;
    if (!region.ptr)
        region = region_of_url(lk_buf_slice(&queue->url));
    int rc = region.ptr ? 0 : lk_client_region(client, &region, err);
    return rc ? rc : set_text(&queue->region, region, err);
}

static int locate_endpoint(lk_queue *queue, lk_slice fixed, lk_err *err)
{
    lk_url url;
    if (fixed.ptr)
        return set_text(&queue->endpoint, fixed, err);
    if (lk_url_parse(lk_buf_slice(&queue->url), &url))
        return set_text(&queue->endpoint, url.origin, err);
    lk_buf_reset(&queue->endpoint);
    return lk_endpoint_of_region("sqs", lk_buf_slice(&queue->region), &queue->endpoint, err);
}

/* SQS takes a bare name for a queue of the caller's account; an ARN may name another account's, so
 * its URL is put together, as SQS would. */
static int build_url_of_arn(lk_queue *queue, lk_err *err)
{
    lk_buf_addf(&queue->url, "%s/%.*s/%.*s", queue->endpoint.ptr, LK_SLICE_FMT(queue->account),
                LK_SLICE_FMT(queue->name));
    return lk_buf_check(&queue->url, err);
}

static int locate(lk_client *client, lk_queue *queue, lk_err *err)
{
    lk_slice fixed;
    int rc = lk_client_fixed_endpoint(client, &fixed, err);
    if (!rc && queue->form == FORM_URL) {
        queue->url_confirmed = true;
        rc = set_text(&queue->url, lk_slice_of(queue->given), err);
    }
    if (!rc)
        rc = locate_region(client, queue, fixed, err);
    if (!rc)
        rc = locate_endpoint(queue, fixed, err);
    if (!rc && queue->form == FORM_ARN && queue->url.len == 0)
        rc = build_url_of_arn(queue, err);
    queue->located = rc == 0;
    return rc;
}

int lk_queue_target(lk_client *client, lk_queue *queue, lk_sqs_target *target, lk_err *err)
{
    int rc = queue->located ? 0 : locate(client, queue, err);
    if (rc)
        return rc;
    *target = (lk_sqs_target){
        .endpoint = lk_buf_slice(&queue->endpoint),
        .region = lk_buf_slice(&queue->region),
        .queue_url = queue->url.len > 0 ? lk_buf_slice(&queue->url) : queue->name,
    };
    return 0;
}

/* Takes over the URL of GetQueueUrl's answer and locates the queue there. */
static int adopt_url(lk_client *client, lk_queue *queue, lk_slice answer, lk_err *err)
{
    lk_json *root;
    lk_url parsed;
    int rc = lk_json_parse(answer, "GetQueueUrl", &root, err);
    if (rc)
        return rc;
    lk_slice url = lk_json_string(lk_json_get(root, "QueueUrl"));
    if (!lk_url_parse(url, &parsed) || !is_plain_path(parsed.path))
        rc = LK_FAIL(err, LK_E_SERVICE, "GetQueueUrl for %.*s answered no usable URL",
                     LK_SLICE_FMT(queue->name));
    else
        rc = set_text(&queue->url, url, err);
    if (!rc) {
        queue->url_confirmed = true;
        rc = locate(client, queue, err);
    }
    lk_json_free(root);
    return rc;
}

static int look_up_url(lk_client *client, lk_queue *queue, lk_err *err)
{
    lk_sqs_target target;
    int rc = lk_queue_target(client, queue, &target, err);
    if (rc)
        return rc;
    target.queue_url = (lk_slice){NULL, 0};
    lk_buf members = {0};
    lk_buf answer = {0};
    lk_json_writer w = {.out = &members, .depth = 1};
    lk_json_member_string(&w, "QueueName", queue->name);
    if (queue->account.len > 0)
        lk_json_member_string(&w, "QueueOwnerAWSAccountId", queue->account);
    rc = lk_buf_check(&members, err);
    if (!rc)
        rc = lk_sqs_run_within(client, &target, "GetQueueUrl", lk_buf_slice(&members),
                               lk_client_config(client)->timeout_ms, &answer, err);
    if (!rc)
        rc = adopt_url(client, queue, lk_buf_slice(&answer), err);
    lk_buf_clear(&members);
    lk_buf_clear(&answer);
    return rc;
}

static int64_t mono_ms(lk_client *client)
{
    const lk_env *env = lk_client_env(client);
    return env->mono_ms(env->ctx);
}

static bool says_unknown_queue(const lk_err *err)
{
    return err->code == LK_E_SERVICE && (strstr(err->aws_code, "NonExistentQueue") ||
                                         strcmp(err->aws_type, "QueueDoesNotExist") == 0 ||
                                         strcmp(err->aws_code, "InvalidAddress") == 0);
}

int lk_queue_relocate(lk_client *client, lk_queue *queue, const lk_err *err)
{
    if (!err || !says_unknown_queue(err) || queue->url_confirmed)
        return 0;
    int64_t now_ms = mono_ms(client);
    if (queue->lookup_failed_ms && now_ms - queue->lookup_failed_ms < LOOKUP_AGAIN_MS)
        return 0;
    lk_err ignored; /* the call's own error says what matters: SQS does not know the queue */
    int rc = look_up_url(client, queue, &ignored);
    if (rc == 0)
        return 1;
    if (rc == LK_E_INTERRUPTED)
        return rc;
    queue->lookup_failed_ms = now_ms;
    return 0;
}

/* How a call is made, besides to which queue. */
typedef struct call_terms {
    int64_t extra_wait_s;        /* on top of the client's timeout, for each attempt */
    int64_t total_ms;            /* > 0: the whole call takes no longer */
    const lk_sqs_expect *expect; /* of a send; NULL: to be found out */
} call_terms;

static int call(lk_client *client, lk_queue *queue, const char *action, lk_slice members,
                call_terms terms, lk_buf *response, lk_err *err)
{
    lk_err failure;
    int relocated;
    int rc;
    do {
        lk_sqs_target target;
        rc = lk_queue_target(client, queue, &target, &failure);
        target.expect = terms.expect;
        if (!rc && terms.total_ms > 0)
            rc = lk_sqs_run_within(client, &target, action, members, terms.total_ms, response,
                                   &failure);
        else if (!rc)
            rc = lk_sqs_run(client, &target, action, members, terms.extra_wait_s, response,
                            &failure);
        relocated = rc ? lk_queue_relocate(client, queue, &failure) : 0;
    } while (relocated > 0); /* once: its URL is confirmed then */
    if (relocated < 0)
        rc = LK_FAIL(&failure, relocated, "%s: interrupted by the caller", action);
    if (rc) {
        lk_err_prefix(&failure, "queue %.*s", LK_SLICE_FMT(queue->name));
        if (err)
            *err = failure;
    }
    return rc;
}

int lk_queue_call(lk_client *client, lk_queue *queue, const char *action, lk_slice members,
                  int64_t extra_wait_s, lk_buf *response, lk_err *err)
{
    return call(client, queue, action, members, (call_terms){.extra_wait_s = extra_wait_s},
                response, err);
}

int lk_queue_send(lk_client *client, lk_queue *queue, const char *action, lk_slice members,
                  const lk_sqs_expect *expect, lk_buf *response, lk_err *err)
{
    return call(client, queue, action, members, (call_terms){.expect = expect}, response, err);
}

int lk_queue_url(lk_client *client, lk_slice queue, char **url, lk_err *err)
{
    lk_queue *q;
    lk_sqs_target target;
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = lk_queue_get(client, queue, &q, err);
    if (!rc)
        rc = lk_queue_target(client, q, &target, err);
    if (!rc && !q->url_confirmed) {
        rc = look_up_url(client, q, err);
        if (rc)
            lk_err_prefix(err, "queue %.*s", LK_SLICE_FMT(q->name));
    }
    if (!rc) {
        *url = lk_slice_dup(lk_buf_slice(&q->url));
        rc = *url ? 0 : LK_FAIL_NOMEM(err);
    }
    lk_client_leave(client);
    return rc;
}

/* --- Attributes ----------------------------------------------------------------------------- */

static const lk_queue_attributes unknown_attributes = {.max_receive_count = LK_MAX_RECEIVE_UNKNOWN,
                                                       .visibility_s = -1};

/* RedrivePolicy is JSON in a string: {"deadLetterTargetArn":"…","maxReceiveCount":3}, the number
 * maybe as a string. What we cannot read is UNKNOWN: nothing is deleted on a guess. */
static int read_redrive_policy(const lk_json *attributes)
{
    lk_slice text = lk_json_string(lk_json_get(attributes, "RedrivePolicy"));
    lk_json *policy;
    int64_t count = 0;
    if (text.len == 0)
        return LK_MAX_RECEIVE_NONE;
    if (lk_json_parse(text, "RedrivePolicy", &policy, NULL))
        return LK_MAX_RECEIVE_UNKNOWN;
    bool good = lk_json_int64(lk_json_get(policy, "maxReceiveCount"), &count) && count >= 1 &&
                count <= MAX_RECEIVE_COUNT;
    lk_json_free(policy);
    return good ? (int)count : LK_MAX_RECEIVE_UNKNOWN;
}

static int read_attributes(lk_client *client, lk_queue *queue, lk_slice answer, lk_err *err)
{
    const lk_env *env = lk_client_env(client);
    lk_json *root;
    int rc = lk_json_parse(answer, "GetQueueAttributes", &root, err);
    if (rc)
        return rc;
    const lk_json *attributes = lk_json_get(root, "Attributes");
    lk_queue_attributes read = unknown_attributes;
    /* Every queue has these two: an answer without them says nothing about a redrive policy. */
    bool whole =
        lk_json_int64(lk_json_get(attributes, "MessageRetentionPeriod"), &read.retention_s) &&
        lk_json_int64(lk_json_get(attributes, "VisibilityTimeout"), &read.visibility_s);
    if (whole) {
        read.max_receive_count = read_redrive_policy(attributes);
        read.read_at_ms = env->wall_ms(env->ctx);
        queue->attributes = read;
        queue->attributes_read_ms = mono_ms(client);
    } else {
        rc = LK_FAIL(err, LK_E_SERVICE,
                     "queue %.*s: GetQueueAttributes answered without MessageRetentionPeriod or "
                     "VisibilityTimeout",
                     LK_SLICE_FMT(queue->name));
    }
    lk_json_free(root);
    return rc;
}

static int ask_attributes(lk_client *client, lk_queue *queue, lk_err *err)
{
    static const char members[] = "\"AttributeNames\":[\"RedrivePolicy\","
                                  "\"MessageRetentionPeriod\",\"VisibilityTimeout\"]";
    lk_buf answer = {0};
    call_terms terms = {.total_ms = lk_client_config(client)->timeout_ms};
    int rc = call(client, queue, "GetQueueAttributes", lk_slice_of(members), terms, &answer, err);
    if (!rc)
        rc = read_attributes(client, queue, lk_buf_slice(&answer), err);
    lk_buf_clear(&answer);
    return rc;
}

/* The older of what both clocks say: the monotonic one stands still in a frozen sandbox. */
static int64_t attributes_age_ms(lk_client *client, const lk_queue *queue)
{
    const lk_env *env = lk_client_env(client);
    return LK_MAX(env->wall_ms(env->ctx) - queue->attributes.read_at_ms,
                  mono_ms(client) - queue->attributes_read_ms);
}

int lk_queue_attributes_read(lk_client *client, lk_queue *queue, int64_t max_age_ms,
                             lk_queue_attributes *attributes, lk_err *err)
{
    if (queue->attributes.read_at_ms &&
        (max_age_ms < 0 || attributes_age_ms(client, queue) <= max_age_ms)) {
        *attributes = queue->attributes;
        return 0;
    }
    *attributes = unknown_attributes;
    /* Denied now is denied in a second: not a call for each failed job of a batch. */
    if (!queue->failure.code || mono_ms(client) - queue->failed_ms >= ATTRIBUTES_AGAIN_MS) {
        int rc = ask_attributes(client, queue, &queue->failure);
        queue->failed_ms = mono_ms(client);
        if (!rc) {
            lk_err_clear(&queue->failure);
            *attributes = queue->attributes;
            return 0;
        }
    }
    int rc = queue->failure.code;
    if (err)
        *err = queue->failure;
    if (rc == LK_E_INTERRUPTED)
        lk_err_clear(&queue->failure); /* says nothing about the queue */
    return rc;
}

int lk_queue_attributes_get(lk_client *client, lk_slice queue, int64_t max_age_ms,
                            lk_queue_attributes *attributes, lk_err *err)
{
    lk_queue *q;
    *attributes = unknown_attributes;
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = lk_queue_get(client, queue, &q, err);
    if (!rc)
        rc = lk_queue_attributes_read(client, q, max_age_ms, attributes, err);
    lk_client_leave(client);
    return rc;
}
