/* SPDX-License-Identifier: MIT
 *
 * mapping_event: received messages as the event a function gets, member by member as Lambda does.
 */
#include "mapping_event.h"

#include "json.h"

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

/* Without attributes: absent, or with a batching window null, as AWS has been seen to do. */
static void write_digest(lk_json_writer *w, const lk_mapping_facts *facts, const lk_message *m)
{
    if (m->md5_of_message_attributes.ptr) {
        lk_json_member_string(w, "md5OfMessageAttributes", m->md5_of_message_attributes);
    } else if (facts->window_s > 0) {
        lk_json_key(w, "md5OfMessageAttributes");
        lk_json_value_null(w);
    }
}

static void write_record(lk_json_writer *w, const lk_mapping_facts *facts, const lk_message *m)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "messageId", m->message_id);
    lk_json_member_string(w, "receiptHandle", m->receipt_handle);
    lk_json_member_string(w, "body", m->body);
    write_attributes(w, m);
    write_message_attributes(w, m);
    write_digest(w, facts, m);
    lk_json_member_string(w, "md5OfBody", m->md5_of_body);
    lk_json_member_str(w, "eventSource", "aws:sqs");
    lk_json_member_str(w, "eventSourceARN", facts->queue_arn);
    lk_json_member_str(w, "awsRegion", facts->region);
    lk_json_end_object(w);
}

int lk_mapping_event(const lk_mapping_facts *facts, const lk_message *const *messages, size_t count,
                     size_t max_bytes, lk_buf *out, size_t *taken, lk_err *err)
{
    static const size_t closing_bytes = sizeof("]}") - 1;
    lk_json_writer w = {.out = out};
    *taken = 0;
    lk_json_begin_object(&w);
    lk_json_key(&w, "Records");
    lk_json_begin_array(&w);
    for (; *taken < count; ++*taken) {
        size_t before = out->len;
        write_record(&w, facts, messages[*taken]);
        if (*taken > 0 && out->len + closing_bytes > max_bytes) {
            out->len = before;
            break;
        }
    }
    lk_json_end_array(&w);
    lk_json_end_object(&w);
    return lk_buf_check(out, err);
}
