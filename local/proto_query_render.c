/* SPDX-License-Identifier: MIT
 *
 * proto_query_render: see the header.
 *
 *     <SendMessageResponse><SendMessageResult>members</SendMessageResult>
 *         <ResponseMetadata><RequestId/></ResponseMetadata></SendMessageResponse>
 *
 * An action without answers has no Result.
 */
#include "proto_query_render.h"

#include <stdio.h>

#define NAMESPACE "http://queue.amazonaws.com/doc/2012-11-05/"

/* --- Lists ---------------------------------------------------------------------------------- */

/* JSON calls lists of strings and messages "queueUrls" and "messages", as recorded from AWS; of
 * other lists nothing is known. An empty list is null. */
static bool begin_lower_list(lk_query_writer *w, const char *name, size_t count)
{
    char lower[64];
    snprintf(lower, sizeof lower, "%s", name);
    lower[0] = (char)(lower[0] | 0x20);
    if (count > 0)
        lk_query_begin_list(w, lower);
    else
        lk_query_absent(w, lower);
    return count > 0;
}

static void write_names(lk_query_writer *w, const lk_member *member, const lk_names *names)
{
    if (!begin_lower_list(w, member->name, names->count))
        return;
    for (size_t i = 0; i < names->count; i++)
        lk_query_item_text(w, member->query_name, names->items[i]);
    lk_query_end_list(w);
}

static void write_pairs(lk_query_writer *w, const lk_member *member, const lk_pairs *pairs)
{
    if (pairs->count == 0) {
        lk_query_absent(w, member->name);
        return;
    }
    lk_query_begin_list(w, member->name);
    for (size_t i = 0; i < pairs->count; i++) {
        lk_query_begin_item(w, member->query_name);
        lk_query_text(w, lk_member_query_key(member), pairs->items[i].name);
        lk_query_text(w, "Value", pairs->items[i].value);
        lk_query_end_item(w, member->query_name);
    }
    lk_query_end_list(w);
}

static void write_failed(lk_query_writer *w, const lk_request_entry *entry)
{
    const lk_fault_row *row = lk_fault_row_get(entry->fault.code);
    lk_query_text(w, "Id", entry->id);
    lk_query_bool(w, "SenderFault", row->http_status < 500);
    lk_query_text(w, "Code", lk_slice_of(row->query_code));
    lk_query_text(w, "Message", entry->fault.message);
}

static void write_entries(lk_query_writer *w, const lk_member *member,
                          const lk_request_entries *entries)
{
    bool failed = member->kind == LK_MEMBER_FAILED;
    lk_query_begin_list(w, member->name);
    for (size_t i = 0; i < entries->count; i++) {
        const lk_request_entry *entry = &entries->items[i];
        if ((entry->fault.code != LK_FAULT_NONE) != failed)
            continue;
        lk_query_begin_item(w, member->query_name);
        if (failed)
            write_failed(w, entry);
        else
            lk_query_write_members(w, member->entry, entry);
        lk_query_end_item(w, member->query_name);
    }
    lk_query_end_list(w);
}

static void write_moves(lk_query_writer *w, const lk_member *member, const lk_shaped_moves *moves)
{
    lk_query_begin_list(w, member->name);
    for (size_t i = 0; i < moves->count; i++) {
        lk_query_begin_item(w, member->query_name);
        lk_query_write_members(w, member->entry, &moves->items[i]);
        lk_query_end_item(w, member->query_name);
    }
    lk_query_end_list(w);
}

/* --- Messages ------------------------------------------------------------------------------- */

static void write_attribute(lk_query_writer *w, const lk_md5_attribute *attribute)
{
    lk_query_begin_item(w, "MessageAttribute");
    lk_query_text(w, "Name", attribute->name);
    lk_query_begin(w, "Value", NULL);
    if (lk_slice_has_prefix(attribute->data_type, LK_SLICE_LITERAL("Binary")))
        lk_query_base64(w, "BinaryValue", attribute->value);
    else
        lk_query_text(w, "StringValue", attribute->value);
    lk_query_text(w, "DataType", attribute->data_type);
    lk_query_end(w, "Value");
    lk_query_end_item(w, "MessageAttribute");
}

static void write_attributes(lk_query_writer *w, const lk_shaped_message *shaped)
{
    if (shaped->attribute_count == 0) {
        lk_query_absent(w, "MessageAttributes");
        return;
    }
    lk_query_begin_list(w, "MessageAttributes");
    for (size_t i = 0; i < shaped->attribute_count; i++)
        write_attribute(w, &shaped->attributes[i]);
    lk_query_end_list(w);
}

/* "": absent. */
static lk_slice digest(const char *hex)
{
    return hex[0] ? lk_slice_of(hex) : (lk_slice){0};
}

static void write_message(lk_query_writer *w, const lk_shaped_message *shaped)
{
    static const lk_member attributes = {.name = "Attributes", .query_name = "Attribute"};
    lk_query_text(w, "MessageId", lk_slice_of(shaped->message->message_id));
    lk_query_text(w, "ReceiptHandle", lk_slice_of(shaped->message->receipt_handle));
    lk_query_text(w, "MD5OfBody", digest(shaped->md5_of_body));
    lk_query_text(w, "Body", shaped->message->body);
    write_pairs(w, &attributes, &shaped->system_attributes);
    lk_query_text(w, "MD5OfMessageAttributes", digest(shaped->md5_of_attributes));
    write_attributes(w, shaped);
}

static void write_messages(lk_query_writer *w, const lk_member *member,
                           const lk_shaped_messages *messages)
{
    if (!begin_lower_list(w, member->name, messages->count))
        return;
    for (size_t i = 0; i < messages->count; i++) {
        lk_query_begin_item(w, member->query_name);
        write_message(w, &messages->items[i]);
        lk_query_end_item(w, member->query_name);
    }
    lk_query_end_list(w);
}

/* --- Members -------------------------------------------------------------------------------- */

static void write_int(lk_query_writer *w, const char *name, int64_t value)
{
    if (value == LK_ABSENT)
        lk_query_absent(w, name);
    else
        lk_query_int(w, name, value);
}

static void write_member(lk_query_writer *w, const lk_member *member, const void *field)
{
    switch (member->kind) {
    case LK_MEMBER_STRING:
        lk_query_text(w, member->query_name, *(const lk_slice *)field);
        break;
    case LK_MEMBER_TEXT:
        lk_query_text(w, member->query_name, digest(field));
        break;
    case LK_MEMBER_INT:
        write_int(w, member->query_name, *(const int64_t *)field);
        break;
    case LK_MEMBER_NAMES:
        write_names(w, member, field);
        break;
    case LK_MEMBER_PAIRS:
        write_pairs(w, member, field);
        break;
    case LK_MEMBER_ENTRIES:
    case LK_MEMBER_FAILED:
        write_entries(w, member, field);
        break;
    case LK_MEMBER_MESSAGES:
        write_messages(w, member, field);
        break;
    case LK_MEMBER_MOVES:
        write_moves(w, member, field);
        break;
    case LK_MEMBER_ATTRIBUTES: /* requests only */
        break;
    }
}

void lk_query_write_members(lk_query_writer *w, const lk_member *members, const void *owner)
{
    for (const lk_member *m = members; m->name; m++)
        write_member(w, m, (const char *)owner + m->offset);
}

/* --- The whole ------------------------------------------------------------------------------ */

static void write_error(lk_query_writer *w, const lk_request *request)
{
    const lk_fault *fault = &request->fault;
    if (!w->is_json)
        lk_query_begin(w, "ErrorResponse", NAMESPACE);
    lk_query_begin(w, "Error", NULL);
    lk_query_text(w, "Type", lk_slice_of(lk_fault_side(fault->code)));
    lk_query_text(w, "Code", lk_slice_of(lk_fault_row_get(fault->code)->query_code));
    lk_query_text(w, "Message", lk_fault_query_message(fault));
    if (!w->is_json) {
        lk_query_begin(w, "Detail", NULL);
        lk_query_end(w, "Detail");
    }
    lk_query_end(w, "Error");
    lk_query_text(w, "RequestId", request->request_id);
    if (!w->is_json)
        lk_query_end(w, "ErrorResponse");
}

static void write_answer(lk_query_writer *w, const lk_request *request)
{
    const lk_member *answers = request->action->answers;
    char response[80], result[80];
    snprintf(response, sizeof response, "%sResponse", request->action->name);
    snprintf(result, sizeof result, "%sResult", request->action->name);
    lk_query_begin(w, response, NAMESPACE);
    if (answers[0].name) {
        lk_query_begin(w, result, NULL);
        lk_query_write_members(w, answers, request);
        lk_query_end(w, result);
    }
    lk_query_begin(w, "ResponseMetadata", NULL);
    lk_query_text(w, "RequestId", request->request_id);
    lk_query_end(w, "ResponseMetadata");
    lk_query_end(w, response);
}

void lk_query_render(const lk_request *request, bool is_json, lk_buf *out)
{
    lk_query_writer w;
    lk_query_begin_document(&w, out, is_json);
    if (request->fault.code)
        write_error(&w, request);
    else
        write_answer(&w, request);
    lk_query_end_document(&w);
}
