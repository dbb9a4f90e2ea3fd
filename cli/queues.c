/* SPDX-License-Identifier: MIT
 *
 * queues: see queues.h. The settings are those of the template: long polling, a dead-letter queue
 * that keeps messages as long as SQS can, as many receives as there are tries.
 */
#include "queues.h"

#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTRIBUTES_MAX = 3, DEAD_RETENTION_S = 1209600, RECEIVE_WAIT_S = 10 };

static const lk_slice fifo_suffix = {".fifo", 5};

/* --- One queue ------------------------------------------------------------------------------ */

static void write_attributes(lk_json_writer *w, const lk_name_value *attributes, size_t count)
{
    lk_json_key(w, "Attributes");
    lk_json_begin_object(w);
    for (size_t i = 0; i < count; i++) {
        lk_json_key_slice(w, attributes[i].name);
        lk_json_value_string(w, attributes[i].value);
    }
}

static bool is_given(const char *name, const lk_name_value *attributes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lk_slice_equal_str(attributes[i].name, name))
            return true;
    return false;
}

static int read_url(const lk_buf *answer, char **url, lk_err *err)
{
    lk_json *json = NULL;
    int rc = lk_json_parse(lk_buf_slice(answer), "the answer to CreateQueue", &json, err);
    if (rc)
        return rc;
    *url = lk_slice_dup(lk_json_string(lk_json_get(json, "QueueUrl")));
    lk_json_free(json);
    return *url ? 0 : LK_FAIL_NOMEM(err);
}

int lk_cli_queue_make(lk_server *server, const char *name, const lk_name_value *attributes,
                      size_t count, char **url, lk_err *err)
{
    lk_buf params = {0};
    lk_buf answer = {0};
    lk_json_writer w = {.out = &params};
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "QueueName", name);
    write_attributes(&w, attributes, count);
    if (lk_slice_has_suffix(lk_slice_of(name), fifo_suffix) &&
        !is_given("FifoQueue", attributes, count))
        lk_json_member_str(&w, "FifoQueue", "true");
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    int rc = lk_buf_check(&params, err);
    if (rc == 0)
        rc = lk_server_do(server, "CreateQueue", lk_buf_slice(&params), &answer, err);
    if (rc == 0 && url)
        rc = read_url(&answer, url, err);
    lk_buf_clear(&params);
    lk_buf_clear(&answer);
    return rc;
}

bool lk_cli_queue_differs(const lk_err *err)
{
    return err->code == LK_E_SERVICE && strcmp(err->aws_type, "QueueNameExists") == 0;
}

/* FIFO-ness cannot be changed, and is not among these. */
int lk_cli_queue_update(lk_server *server, const char *name, const lk_name_value *attributes,
                        size_t count, lk_err *err)
{
    lk_buf params = {0};
    lk_json_writer w = {.out = &params};
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "QueueUrl", name);
    write_attributes(&w, attributes, count);
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    int rc = lk_buf_check(&params, err);
    if (rc == 0)
        rc = lk_server_do(server, "SetQueueAttributes", lk_buf_slice(&params), NULL, err);
    lk_buf_clear(&params);
    return rc;
}

static void add_arn(lk_buf *out, const char *region, const char *account, const char *name)
{
    lk_buf_addf(out, "arn:aws:sqs:%s:%s:%s", region, account, name);
}

void lk_cli_queue_add_redrive(lk_buf *out, const char *region, const char *account,
                              const char *dead_name, int64_t max_receive_count)
{
    lk_buf arn = {0};
    lk_json_writer w = {.out = out};
    add_arn(&arn, region, account, dead_name);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "deadLetterTargetArn", lk_buf_slice(&arn));
    lk_json_member_int(&w, "maxReceiveCount", max_receive_count);
    lk_json_end_object(&w);
    out->failed = out->failed || arn.failed;
    lk_buf_clear(&arn);
}

/* --- A queue as documented ------------------------------------------------------------------ */

int lk_cli_queue_name(lk_cli_queue *queue, const char *name, bool fifo, lk_err *err)
{
    lk_slice base = lk_slice_of(name);
    queue->fifo = lk_slice_has_suffix(base, fifo_suffix);
    if (queue->fifo)
        base.len -= fifo_suffix.len;
    else
        queue->fifo = fifo;
    int len = snprintf(queue->name, sizeof(queue->name), "%.*s%s", LK_SLICE_FMT(base),
                       queue->fifo ? fifo_suffix.ptr : "");
    int dead_len = snprintf(queue->dead_name, sizeof(queue->dead_name), "%.*s-dlq%s",
                            LK_SLICE_FMT(base), queue->fifo ? fifo_suffix.ptr : "");
    if (base.len == 0 || LK_MAX(len, dead_len) >= LK_CLI_QUEUE_NAME_SIZE)
        return LK_FAIL(err, LK_E_INVALID,
                       "queue \"%s\": a queue's name has 1 to 80 characters, with \"-dlq\" added "
                       "for its dead letters",
                       name);
    return 0;
}

/* How to treat queues that exist. */
typedef struct treatment {
    bool update;
    lk_err *kept; /* may be NULL */
} treatment;

static int make_or(lk_server *server, const char *name, const lk_name_value *attributes,
                   size_t count, const treatment *existing, char **url, lk_err *err)
{
    int rc = lk_cli_queue_make(server, name, attributes, count, url, err);
    if (rc == 0 || !lk_cli_queue_differs(err))
        return rc;
    if (!existing->update && existing->kept)
        *existing->kept = *err;
    rc = existing->update ? lk_cli_queue_update(server, name, attributes, count, err) : 0;
    /* With no attributes nothing differs: that is how to ask for the URL. */
    return rc || !url ? rc : lk_cli_queue_make(server, name, NULL, 0, url, err);
}

int lk_cli_queue_declare(lk_server *server, const char *name, const lk_name_value *attributes,
                         size_t count, char **url, lk_err *err)
{
    return make_or(server, name, attributes, count, &(treatment){.update = true}, url, err);
}

static int make_dead(lk_server *server, const char *name, const treatment *existing, lk_err *err)
{
    char retention_s[24];
    snprintf(retention_s, sizeof(retention_s), "%d", DEAD_RETENTION_S);
    const lk_name_value attribute = {LK_SLICE_LITERAL("MessageRetentionPeriod"),
                                     lk_slice_of(retention_s)};
    return make_or(server, name, &attribute, 1, existing, NULL, err);
}

int lk_cli_queue_make_dead(lk_server *server, const char *name, lk_err *err)
{
    return make_dead(server, name, &(treatment){.update = false}, err);
}

int lk_cli_queue_create(lk_server *server, const char *region, const char *account, bool update,
                        lk_cli_queue *queue, lk_err *kept, lk_err *err)
{
    const treatment existing = {.update = update, .kept = kept};
    char wait_s[24], visibility_s[24];
    lk_buf redrive = {0};
    int rc = make_dead(server, queue->dead_name, &existing, err);
    if (rc != 0)
        return rc;
    snprintf(wait_s, sizeof(wait_s), "%d", RECEIVE_WAIT_S);
    snprintf(visibility_s, sizeof(visibility_s), "%lld", (long long)queue->visibility_s);
    lk_cli_queue_add_redrive(&redrive, region, account, queue->dead_name, queue->max_receive_count);
    add_arn(&queue->arn, region, account, queue->name);
    const lk_name_value attributes[ATTRIBUTES_MAX] = {
        {LK_SLICE_LITERAL("ReceiveMessageWaitTimeSeconds"), lk_slice_of(wait_s)},
        {LK_SLICE_LITERAL("VisibilityTimeout"), lk_slice_of(visibility_s)},
        {LK_SLICE_LITERAL("RedrivePolicy"), lk_buf_slice(&redrive)},
    };
    rc = lk_buf_check(&redrive, err);
    if (rc == 0)
        rc = lk_buf_check(&queue->arn, err);
    if (rc == 0)
        rc = make_or(server, queue->name, attributes, ATTRIBUTES_MAX, &existing, &queue->url, err);
    lk_buf_clear(&redrive);
    return rc;
}

void lk_cli_queue_clear(lk_cli_queue *queue)
{
    lk_buf_clear(&queue->arn);
    free(queue->url);
    queue->url = NULL;
}
