/* SPDX-License-Identifier: MIT
 *
 * dev_queues: CreateQueue with the settings of the template: long polling, a dead-letter queue that
 * keeps messages as long as SQS can, as many receives as there are tries.
 */
#include "dev_queues.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

enum { ATTRIBUTES_MAX = 5, DEAD_RETENTION_S = 1209600, RECEIVE_WAIT_S = 10 };

/* Attributes under construction; values live in the buffers. */
typedef struct attribute_list {
    lk_name_value items[ATTRIBUTES_MAX];
    lk_buf values[ATTRIBUTES_MAX];
    size_t count;
} attribute_list;

static lk_buf *add(attribute_list *list, const char *name)
{
    list->items[list->count].name = lk_slice_of(name);
    return &list->values[list->count++];
}

static int finish_list(attribute_list *list, lk_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        int rc = lk_buf_check(&list->values[i], err);
        if (rc != 0)
            return rc;
        list->items[i].value = lk_buf_slice(&list->values[i]);
    }
    return 0;
}

static void clear_list(attribute_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        lk_buf_clear(&list->values[i]);
}

static void add_arn(lk_buf *out, const char *region, const char *account, const char *name)
{
    lk_buf_addf(out, "arn:aws:sqs:%s:%s:%s", region, account, name);
}

int lk_dev_queue_name(lk_dev_queue *queue, const char *name, bool fifo, lk_err *err)
{
    lk_slice suffix = LK_SLICE_LITERAL(".fifo");
    lk_slice base = lk_slice_of(name);
    queue->fifo = lk_slice_has_suffix(base, suffix);
    if (queue->fifo)
        base.len -= suffix.len;
    else
        queue->fifo = fifo;
    int len = snprintf(queue->name, sizeof(queue->name), "%.*s%s", LK_SLICE_FMT(base),
                       queue->fifo ? suffix.ptr : "");
    int dead_len = snprintf(queue->dead_name, sizeof(queue->dead_name), "%.*s-dlq%s",
                            LK_SLICE_FMT(base), queue->fifo ? suffix.ptr : "");
    if (base.len == 0 || LK_MAX(len, dead_len) >= LK_QUEUE_NAME_SIZE)
        return LK_FAIL(err, LK_E_INVALID,
                       "queue \"%s\": a queue's name has 1 to 80 characters, with \"-dlq\" added "
                       "for its dead letters",
                       name);
    return 0;
}

/* FIFO-ness cannot be changed and may not be given when settings are; so it stands last. */
static int create_or_update(lk_client *client, const char *name, attribute_list *list, bool fifo,
                            char **url, lk_err *err)
{
    size_t changeable = list->count;
    if (fifo)
        lk_buf_add_str(add(list, "FifoQueue"), "true");
    int rc = finish_list(list, err);
    if (rc != 0)
        return rc;
    rc = lk_create_queue(client, name, list->items, list->count, url, err);
    if (rc != LK_E_SERVICE || strcmp(err->aws_type, "QueueNameExists") != 0)
        return rc;
    rc = lk_set_queue_attributes(client, lk_slice_of(name), list->items, changeable, err);
    return rc != 0 || !url ? rc : lk_queue_url(client, lk_slice_of(name), url, err);
}

static int create_dead(lk_client *client, const lk_dev_queue *queue, lk_err *err)
{
    attribute_list list = {0};
    lk_buf_add_int64(add(&list, "MessageRetentionPeriod"), DEAD_RETENTION_S);
    int rc = create_or_update(client, queue->dead_name, &list, queue->fifo, NULL, err);
    clear_list(&list);
    return rc;
}

static void write_redrive_policy(lk_buf *out, const lk_dev_queue *queue, const char *region,
                                 const char *account)
{
    lk_buf arn = {0};
    lk_json_writer w = {.out = out};
    add_arn(&arn, region, account, queue->dead_name);
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "deadLetterTargetArn", lk_buf_slice(&arn));
    lk_json_member_int(&w, "maxReceiveCount", queue->max_receive_count);
    lk_json_end_object(&w);
    out->failed = out->failed || arn.failed;
    lk_buf_clear(&arn);
}

int lk_dev_queue_create(lk_client *client, const char *region, const char *account,
                        lk_dev_queue *queue, lk_err *err)
{
    attribute_list list = {0};
    int rc = create_dead(client, queue, err);
    if (rc != 0)
        return rc;
    lk_buf_add_int64(add(&list, "ReceiveMessageWaitTimeSeconds"), RECEIVE_WAIT_S);
    lk_buf_add_int64(add(&list, "VisibilityTimeout"), queue->visibility_s);
    write_redrive_policy(add(&list, "RedrivePolicy"), queue, region, account);
    add_arn(&queue->arn, region, account, queue->name);
    rc = lk_buf_check(&queue->arn, err);
    if (rc == 0)
        rc = create_or_update(client, queue->name, &list, queue->fifo, &queue->url, err);
    clear_list(&list);
    return rc;
}

void lk_dev_queue_clear(lk_dev_queue *queue)
{
    lk_buf_clear(&queue->arn);
    lk_free(queue->url);
    queue->url = NULL;
}
