/* SPDX-License-Identifier: MIT
 *
 * receive: ReceiveMessage, and its answer as plain structs.
 *
 * The parsed JSON stays alive inside lk_messages: slices point into it, nothing is copied but the
 * tables.
 */
#include "json.h"
#include "queue.h"

#include <stdlib.h>

enum { MAX_MESSAGES = 10 };

struct lk_messages {
    lk_json *root;
    lk_message *list;
    size_t count;
    lk_name_value *attributes; /* of all messages, one after the other */
    lk_message_attribute *message_attributes;
};

/* --- The answer ----------------------------------------------------------------------------- */

void lk_messages_free(lk_messages *messages)
{
    if (!messages)
        return;
    free(messages->list);
    free(messages->attributes);
    free(messages->message_attributes);
    lk_json_free(messages->root);
    free(messages);
}

static size_t read_attributes(const lk_json *map, lk_name_value *list)
{
    size_t count = 0;
    for (void *it = lk_json_iter(map); it; it = lk_json_iter_next(map, it))
        list[count++] =
            (lk_name_value){lk_json_iter_key(it), lk_json_string(lk_json_iter_value(it))};
    return count;
}

static size_t read_message_attributes(const lk_json *map, lk_message_attribute *list)
{
    size_t count = 0;
    for (void *it = lk_json_iter(map); it; it = lk_json_iter_next(map, it)) {
        const lk_json *value = lk_json_iter_value(it);
        list[count++] = (lk_message_attribute){
            .name = lk_json_iter_key(it),
            .data_type = lk_json_string(lk_json_get(value, "DataType")),
            .string_value = lk_json_string(lk_json_get(value, "StringValue")),
            .binary_value = lk_json_string(lk_json_get(value, "BinaryValue")),
        };
    }
    return count;
}

static lk_message read_message(const lk_json *json, lk_name_value *attributes,
                               lk_message_attribute *message_attributes)
{
    return (lk_message){
        .message_id = lk_json_string(lk_json_get(json, "MessageId")),
        .receipt_handle = lk_json_string(lk_json_get(json, "ReceiptHandle")),
        .body = lk_json_string(lk_json_get(json, "Body")),
        .md5_of_body = lk_json_string(lk_json_get(json, "MD5OfBody")),
        .md5_of_message_attributes = lk_json_string(lk_json_get(json, "MD5OfMessageAttributes")),
        .attributes = attributes,
        .attribute_count = read_attributes(lk_json_get(json, "Attributes"), attributes),
        .message_attributes = message_attributes,
        .message_attribute_count =
            read_message_attributes(lk_json_get(json, "MessageAttributes"), message_attributes),
    };
}

static bool make_tables(lk_messages *messages, const lk_json *list)
{
    size_t count = lk_json_length(list);
    size_t attributes = 0;
    size_t message_attributes = 0;
    for (size_t i = 0; i < count; i++) {
        attributes += lk_json_length(lk_json_get(lk_json_at(list, i), "Attributes"));
        message_attributes += lk_json_length(lk_json_get(lk_json_at(list, i), "MessageAttributes"));
    }
    /* One more than needed: calloc(0) may give NULL. */
    messages->list = calloc(count + 1, sizeof(*messages->list));
    messages->attributes = calloc(attributes + 1, sizeof(*messages->attributes));
    messages->message_attributes =
        calloc(message_attributes + 1, sizeof(*messages->message_attributes));
    return messages->list && messages->attributes && messages->message_attributes;
}

static int read_messages(lk_slice answer, lk_messages **messages, lk_err *err)
{
    lk_messages *made = calloc(1, sizeof(*made));
    if (!made)
        return LK_FAIL_NOMEM(err);
    int rc = lk_json_parse(answer, "ReceiveMessage", &made->root, err);
    const lk_json *list = lk_json_get(made->root, "Messages");
    if (lk_json_typeof(list) != LK_JSON_ARRAY)
        list = NULL;
    if (!rc && !make_tables(made, list))
        rc = LK_FAIL_NOMEM(err);
    if (rc) {
        lk_messages_free(made);
        return rc;
    }
    lk_name_value *attributes = made->attributes;
    lk_message_attribute *message_attributes = made->message_attributes;
    for (size_t i = 0; i < lk_json_length(list); i++) {
        lk_message *message = &made->list[made->count++];
        *message = read_message(lk_json_at(list, i), attributes, message_attributes);
        attributes += message->attribute_count;
        message_attributes += message->message_attribute_count;
    }
    *messages = made;
    return 0;
}

/* --- The call ------------------------------------------------------------------------------- */

static int check_range(const char *name, int value, int min, int max, lk_err *err)
{
    if (value >= min && value <= max)
        return 0;
    return LK_FAIL(err, LK_E_INVALID, "%s is %d: it must be %d to %d", name, value, min, max);
}

static int receive(lk_client *client, lk_slice queue, int max_messages, int wait_s,
                   int visibility_s, lk_messages **messages, lk_err *err)
{
    lk_queue *from;
    lk_buf members = {0};
    lk_buf answer = {0};
    int rc = lk_queue_get(client, queue, &from, err);
    if (rc)
        return rc;
    lk_json_writer w = {.out = &members, .depth = 1}; /* inside braces that the call writes */
    lk_json_member_int(&w, "MaxNumberOfMessages", max_messages);
    /* AttributeNames: what MessageSystemAttributeNames was called until 2024; every server has it.
     */
    lk_json_key(&w, "AttributeNames");
    lk_json_value_raw(&w, LK_SLICE_LITERAL("[\"All\"]"));
    lk_json_key(&w, "MessageAttributeNames");
    lk_json_value_raw(&w, LK_SLICE_LITERAL("[\"All\"]"));
    if (wait_s >= 0)
        lk_json_member_int(&w, "WaitTimeSeconds", wait_s);
    if (visibility_s >= 0)
        lk_json_member_int(&w, "VisibilityTimeout", visibility_s);
    rc = lk_buf_check(&members, err);
    if (!rc)
        rc = lk_queue_call(client, from, "ReceiveMessage", lk_buf_slice(&members),
                           wait_s >= 0 ? wait_s : LK_SQS_MAX_WAIT_S, &answer, err);
    if (!rc)
        rc = read_messages(lk_buf_slice(&answer), messages, err);
    lk_buf_clear(&members);
    lk_buf_clear(&answer);
    return rc;
}

int lk_receive(lk_client *client, lk_slice queue, int max_messages, int wait_s, int visibility_s,
               lk_messages **messages, lk_err *err)
{
    *messages = NULL;
    int rc = check_range("max_messages", max_messages, 1, MAX_MESSAGES, err);
    if (!rc)
        rc = check_range("wait_s", wait_s, -1, LK_SQS_MAX_WAIT_S, err);
    if (!rc)
        rc = check_range("visibility_s", visibility_s, -1, LK_MAX_VISIBILITY_S, err);
    if (!rc)
        rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = receive(client, queue, max_messages, wait_s, visibility_s, messages, err);
    lk_client_leave(client);
    return rc;
}

size_t lk_messages_count(const lk_messages *messages)
{
    return messages ? messages->count : 0;
}

const lk_message *lk_messages_at(const lk_messages *messages, size_t index)
{
    return messages && index < messages->count ? &messages->list[index] : NULL;
}
