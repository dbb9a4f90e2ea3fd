/* SPDX-License-Identifier: MIT
 *
 * mapping_event: received messages as the event a function gets, member by member as Lambda does.
 */
#include "json.h"
#include "mapping.h"

static void write_attributes(lk_json_writer *w, const lk_message *m)
{
    lk_json_key(w, "attributes");
    lk_json_begin_object(w);
    for (size_t i = 0; i < m->attribute_count; i++) {
        lk_json_key_slice(w, m->attributes[i].name);
        lk_json_value_string(w, m->attributes[i].value); /* strings all, numbers too */
    }
    lk_json_end_object(w);
}

static void write_empty_list(lk_json_writer *w, const char *key)
{
    lk_json_key(w, key);
    lk_json_begin_array(w);
    lk_json_end_array(w);
}

static void write_message_attributes(lk_json_writer *w, const lk_message *m)
{
    lk_json_key(w, "messageAttributes");
    lk_json_begin_object(w);
    for (size_t i = 0; i < m->message_attribute_count; i++) {
        const lk_message_attribute *a = &m->message_attributes[i];
        lk_json_key_slice(w, a->name);
        lk_json_begin_object(w);
        if (a->binary_value.ptr)
            lk_json_member_string(w, "binaryValue", a->binary_value);
        else
            lk_json_member_string(w, "stringValue", a->string_value);
        write_empty_list(w, "stringListValues");
        write_empty_list(w, "binaryListValues");
        lk_json_member_string(w, "dataType", a->data_type);
        lk_json_end_object(w);
    }
    lk_json_end_object(w);
}

static void write_record(lk_json_writer *w, const lk_message *m, const char *queue_arn,
                         const char *region)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "messageId", m->message_id);
    lk_json_member_string(w, "receiptHandle", m->receipt_handle);
    lk_json_member_string(w, "body", m->body);
    write_attributes(w, m);
    write_message_attributes(w, m);
    /* Absent, not null, when there are none: so it is without a batching window. */
    if (m->md5_of_message_attributes.ptr)
        lk_json_member_string(w, "md5OfMessageAttributes", m->md5_of_message_attributes);
    lk_json_member_string(w, "md5OfBody", m->md5_of_body);
    lk_json_member_str(w, "eventSource", "aws:sqs");
    lk_json_member_str(w, "eventSourceARN", queue_arn);
    lk_json_member_str(w, "awsRegion", region);
    lk_json_end_object(w);
}

int lk_mapping_event(const lk_message *const *messages, size_t count, const char *queue_arn,
                     const char *region, lk_buf *out, lk_err *err)
{
    lk_json_writer w = {.out = out};
    lk_json_begin_object(&w);
    lk_json_key(&w, "Records");
    lk_json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        write_record(&w, messages[i], queue_arn, region);
    lk_json_end_array(&w);
    lk_json_end_object(&w);
    return lk_buf_check(out, err);
}
