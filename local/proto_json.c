/* SPDX-License-Identifier: MIT
 *
 * proto_json: see proto_json.h. What proto_json_read does not read is parsed here. Strings then
 * stay in the JSON tree, which lives as long as the request; only decoded binary values are copied.
 * Unknown members and nulls are ignored, as AWS does; a member of the wrong type is a
 * SerializationException.
 */
#include "proto_json.h"

#include "json.h"
#include "proto_json_read.h"

#define TARGET_PREFIX "AmazonSQS."

/* More than any request of SQS has. jansson takes some fifty bytes for one of text, and a request
 * may wait for 20 s. */
#define VALUES_MAX 10000

/* --- Requests ------------------------------------------------------------------------------- */

static void free_document(void *document)
{
    lk_json_free(document);
}

static int refuse_type(lk_request *request, const char *name, const char *wanted)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_MALFORMED_INPUT,
                           "The member %s of the request must be %s.", name, wanted);
}

static bool absent(const lk_json *value)
{
    lk_json_type type = lk_json_typeof(value);
    return type == LK_JSON_MISSING || type == LK_JSON_NULL;
}

static int read_names(lk_request *request, const char *name, const lk_json *value, lk_names *names,
                      lk_err *err)
{
    if (lk_json_typeof(value) != LK_JSON_ARRAY)
        return refuse_type(request, name, "a list of strings");
    size_t count = lk_json_length(value);
    lk_slice *items = lk_arena_alloc(&request->arena, count, sizeof *items);
    if (!items)
        return LK_FAIL_NOMEM(err);
    for (size_t i = 0; i < count; i++) {
        items[i] = lk_json_string(lk_json_at(value, i));
        if (!items[i].ptr)
            return refuse_type(request, name, "a list of strings");
    }
    *names = (lk_names){.items = items, .count = count};
    return 0;
}

static int read_pairs(lk_request *request, const char *name, const lk_json *value, lk_pairs *pairs,
                      lk_err *err)
{
    if (lk_json_typeof(value) != LK_JSON_OBJECT)
        return refuse_type(request, name, "a map of strings");
    lk_name_value *items = lk_arena_alloc(&request->arena, lk_json_length(value), sizeof *items);
    size_t count = 0;
    if (!items)
        return LK_FAIL_NOMEM(err);
    for (void *it = lk_json_iter(value); it; it = lk_json_iter_next(value, it)) {
        items[count] = (lk_name_value){.name = lk_json_iter_key(it),
                                       .value = lk_json_string(lk_json_iter_value(it))};
        if (!items[count++].value.ptr)
            return refuse_type(request, name, "a map of strings");
    }
    *pairs = (lk_pairs){.items = items, .count = count};
    return 0;
}

static int read_binary(lk_request *request, const char *name, const lk_json *value, lk_slice *out,
                       lk_err *err)
{
    if (absent(value))
        return 0;
    int rc = lk_request_base64(request, lk_json_string(value), out, err);
    return rc > 0 ? refuse_type(request, name, "base64 where it is a BinaryValue") : rc;
}

static int read_attribute(lk_request *request, const char *name, const lk_json *value,
                          lk_attribute_value *attribute, lk_err *err)
{
    if (lk_json_typeof(value) != LK_JSON_OBJECT)
        return refuse_type(request, name, "a map of objects");
    attribute->data_type = lk_json_string(lk_json_get(value, "DataType"));
    attribute->string_value = lk_json_string(lk_json_get(value, "StringValue"));
    attribute->has_list = lk_json_length(lk_json_get(value, "StringListValues")) > 0 ||
                          lk_json_length(lk_json_get(value, "BinaryListValues")) > 0;
    return read_binary(request, name, lk_json_get(value, "BinaryValue"), &attribute->binary_value,
                       err);
}

static int read_attributes(lk_request *request, const char *name, const lk_json *value,
                           lk_attribute_values *attributes, lk_err *err)
{
    if (lk_json_typeof(value) != LK_JSON_OBJECT)
        return refuse_type(request, name, "a map of objects");
    lk_attribute_value *items =
        lk_arena_alloc(&request->arena, lk_json_length(value), sizeof *items);
    size_t count = 0;
    if (!items)
        return LK_FAIL_NOMEM(err);
    for (void *it = lk_json_iter(value); it; it = lk_json_iter_next(value, it)) {
        items[count].name = lk_json_iter_key(it);
        int rc = read_attribute(request, name, lk_json_iter_value(it), &items[count++], err);
        if (rc)
            return rc;
    }
    *attributes = (lk_attribute_values){.items = items, .count = count};
    return 0;
}

static int read_members(lk_request *request, const lk_json *object, const lk_member *members,
                        void *owner, lk_err *err);

static int read_entries(lk_request *request, const lk_member *member, const lk_json *value,
                        lk_request_entries *entries, lk_err *err)
{
    if (lk_json_typeof(value) != LK_JSON_ARRAY)
        return refuse_type(request, member->name, "a list of objects");
    size_t count = lk_json_length(value);
    lk_request_entry *items = lk_request_add_entries(request, count);
    if (!items)
        return LK_FAIL_NOMEM(err);
    for (size_t i = 0; i < count; i++) {
        const lk_json *entry = lk_json_at(value, i);
        if (lk_json_typeof(entry) != LK_JSON_OBJECT)
            return refuse_type(request, member->name, "a list of objects");
        int rc = read_members(request, entry, member->entry, &items[i], err);
        if (rc)
            return rc;
    }
    *entries = (lk_request_entries){.items = items, .count = count};
    return 0;
}

static int read_member(lk_request *request, const lk_member *member, const lk_json *value,
                       void *field, lk_err *err)
{
    switch (member->kind) {
    case LK_MEMBER_STRING:
        *(lk_slice *)field = lk_json_string(value);
        return lk_json_typeof(value) == LK_JSON_STRING
                   ? 0
                   : refuse_type(request, member->name, "a string");
    case LK_MEMBER_INT:
        return lk_json_int64(value, field) && *(int64_t *)field != LK_ABSENT
                   ? 0
                   : refuse_type(request, member->name, "an integer");
    case LK_MEMBER_NAMES:
        return read_names(request, member->name, value, field, err);
    case LK_MEMBER_PAIRS:
        return read_pairs(request, member->name, value, field, err);
    case LK_MEMBER_ATTRIBUTES:
        return read_attributes(request, member->name, value, field, err);
    case LK_MEMBER_ENTRIES:
        return read_entries(request, member, value, field, err);
    default:
        return LK_FAIL(err, LK_E_INTERNAL, "member %s is for answers only", member->name);
    }
}

static int read_members(lk_request *request, const lk_json *object, const lk_member *members,
                        void *owner, lk_err *err)
{
    for (const lk_member *m = members; m->name; m++) {
        const lk_json *value = lk_json_get(object, m->name);
        int rc = absent(value) ? 0 : read_member(request, m, value, (char *)owner + m->offset, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int find_action(lk_request *request, lk_slice target)
{
    lk_slice prefix = LK_SLICE_LITERAL(TARGET_PREFIX);
    if (lk_slice_has_prefix(target, prefix))
        target = (lk_slice){target.ptr + prefix.len, target.len - prefix.len};
    return lk_action_find(request, target);
}

/* How many values the text has at most, and whether that is too many. */
static bool has_too_many_values(lk_slice text)
{
    size_t count = 1;
    bool in_string = false;
    for (size_t i = 0; i < text.len && count <= VALUES_MAX; i++) {
        char c = text.ptr[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else
            count += c == ',' || c == '[' || c == '{';
    }
    return count > VALUES_MAX;
}

static int refuse_text(lk_request *request, const char *why)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_MALFORMED_INPUT, "%s", why);
}

static int parse(const lk_wire *wire, lk_request *request, lk_err *err)
{
    lk_json *document = NULL;
    lk_err why;
    int rc = find_action(request, wire->target);
    if (rc)
        return rc;
    rc = lk_proto_json_read(request, wire->body);
    if (rc != 0)
        return rc > 0 ? 0 : LK_FAIL_NOMEM(err);
    if (has_too_many_values(wire->body))
        return refuse_text(request, "The request has too many members.");
    rc = lk_json_parse(wire->body, "the request", &document, &why);
    if (rc == LK_E_NOMEM)
        return LK_FAIL_NOMEM(err);
    if (rc)
        return refuse_text(request, why.message);
    request->document = document;
    request->document_free = free_document;
    if (lk_json_typeof(document) != LK_JSON_OBJECT)
        return refuse_text(request, "The request must be one JSON object.");
    return read_members(request, document, request->action->members, request, err);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void write_pairs(lk_json_writer *w, const lk_pairs *pairs)
{
    lk_json_begin_object(w);
    for (size_t i = 0; i < pairs->count; i++) {
        lk_json_key_slice(w, pairs->items[i].name);
        lk_json_value_string(w, pairs->items[i].value);
    }
    lk_json_end_object(w);
}

static void write_names(lk_json_writer *w, const lk_names *names)
{
    lk_json_begin_array(w);
    for (size_t i = 0; i < names->count; i++)
        lk_json_value_string(w, names->items[i]);
    lk_json_end_array(w);
}

static void write_attribute(lk_json_writer *w, const lk_md5_attribute *attribute)
{
    lk_json_key_slice(w, attribute->name);
    lk_json_begin_object(w);
    if (lk_slice_has_prefix(attribute->data_type, LK_SLICE_LITERAL("Binary"))) {
        lk_buf text = {0};
        lk_base64_encode(&text, (const unsigned char *)attribute->value.ptr, attribute->value.len);
        lk_json_member_string(w, "BinaryValue", lk_buf_slice(&text));
        w->out->failed |= text.failed;
        lk_buf_clear(&text);
    } else {
        lk_json_member_string(w, "StringValue", attribute->value);
    }
    lk_json_member_string(w, "DataType", attribute->data_type);
    lk_json_end_object(w);
}

static void write_message(lk_json_writer *w, const lk_shaped_message *shaped)
{
    lk_json_begin_object(w);
    lk_json_member_str(w, "MessageId", shaped->message->message_id);
    lk_json_member_str(w, "ReceiptHandle", shaped->message->receipt_handle);
    if (shaped->md5_of_body[0])
        lk_json_member_str(w, "MD5OfBody", shaped->md5_of_body);
    lk_json_member_string(w, "Body", shaped->message->body);
    if (shaped->system_attributes.count > 0) {
        lk_json_key(w, "Attributes");
        write_pairs(w, &shaped->system_attributes);
    }
    if (shaped->attribute_count > 0) {
        if (shaped->md5_of_attributes[0])
            lk_json_member_str(w, "MD5OfMessageAttributes", shaped->md5_of_attributes);
        lk_json_key(w, "MessageAttributes");
        lk_json_begin_object(w);
        for (size_t i = 0; i < shaped->attribute_count; i++)
            write_attribute(w, &shaped->attributes[i]);
        lk_json_end_object(w);
    }
    lk_json_end_object(w);
}

static void write_failed(lk_json_writer *w, const lk_request_entry *entry)
{
    const lk_fault_row *row = lk_fault_row_get(entry->fault.code);
    lk_json_begin_object(w);
    lk_json_member_string(w, "Id", entry->id);
    lk_json_key(w, "SenderFault");
    lk_json_value_bool(w, row->http_status < 500);
    lk_json_member_str(w, "Code", row->query_code);
    lk_json_member_string(w, "Message", entry->fault.message);
    lk_json_end_object(w);
}

static void write_members(lk_json_writer *w, const lk_member *members, const void *owner);

/* Entries with a fault or without, under one name; the name is left out when there are none. */
static void write_entries(lk_json_writer *w, const lk_member *member,
                          const lk_request_entries *entries)
{
    bool failed = member->kind == LK_MEMBER_FAILED;
    bool begun = false;
    for (size_t i = 0; i < entries->count; i++) {
        const lk_request_entry *entry = &entries->items[i];
        if ((entry->fault.code != LK_FAULT_NONE) != failed)
            continue;
        if (!begun) {
            lk_json_key(w, member->name);
            lk_json_begin_array(w);
            begun = true;
        }
        if (failed) {
            write_failed(w, entry);
        } else {
            lk_json_begin_object(w);
            write_members(w, member->entry, entry);
            lk_json_end_object(w);
        }
    }
    if (begun)
        lk_json_end_array(w);
}

static void write_moves(lk_json_writer *w, const lk_member *member, const lk_shaped_moves *moves)
{
    if (moves->count == 0)
        return;
    lk_json_key(w, member->name);
    lk_json_begin_array(w);
    for (size_t i = 0; i < moves->count; i++) {
        lk_json_begin_object(w);
        write_members(w, member->entry, &moves->items[i]);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
}

static void write_messages(lk_json_writer *w, const char *name, const lk_shaped_messages *messages)
{
    if (messages->count == 0) /* an empty receive has no Messages at all */
        return;
    lk_json_key(w, name);
    lk_json_begin_array(w);
    for (size_t i = 0; i < messages->count; i++)
        write_message(w, &messages->items[i]);
    lk_json_end_array(w);
}

static void write_member(lk_json_writer *w, const lk_member *member, const void *field)
{
    switch (member->kind) {
    case LK_MEMBER_STRING:
        if (((const lk_slice *)field)->ptr)
            lk_json_member_string(w, member->name, *(const lk_slice *)field);
        break;
    case LK_MEMBER_TEXT:
        if (((const char *)field)[0])
            lk_json_member_str(w, member->name, field);
        break;
    case LK_MEMBER_INT:
        if (*(const int64_t *)field != LK_ABSENT)
            lk_json_member_int(w, member->name, *(const int64_t *)field);
        break;
    case LK_MEMBER_NAMES:
        if (((const lk_names *)field)->count == 0)
            break;
        lk_json_key(w, member->name);
        write_names(w, field);
        break;
    case LK_MEMBER_PAIRS:
        if (((const lk_pairs *)field)->count == 0)
            break;
        lk_json_key(w, member->name);
        write_pairs(w, field);
        break;
    case LK_MEMBER_ENTRIES:
    case LK_MEMBER_FAILED:
        write_entries(w, member, field);
        break;
    case LK_MEMBER_MESSAGES:
        write_messages(w, member->name, field);
        break;
    case LK_MEMBER_MOVES:
        write_moves(w, member, field);
        break;
    case LK_MEMBER_ATTRIBUTES: /* requests only */
        break;
    }
}

static void write_members(lk_json_writer *w, const lk_member *members, const void *owner)
{
    for (const lk_member *m = members; m->name; m++)
        write_member(w, m, (const char *)owner + m->offset);
}

static void render(const lk_request *request, lk_buf *out)
{
    lk_json_writer w = {.out = out};
    lk_json_begin_object(&w);
    if (request->fault.code) {
        lk_json_member_str(&w, "__type", lk_fault_row_get(request->fault.code)->json_type);
        lk_json_member_string(&w, "message", request->fault.message);
    } else {
        write_members(&w, request->action->answers, request);
    }
    lk_json_end_object(&w);
}

const lk_protocol lk_proto_json = {.content_type = "application/x-amz-json-1.0",
                                   .error_header = true,
                                   .parse = parse,
                                   .render = render};
