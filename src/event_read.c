/* SPDX-License-Identifier: MIT
 *
 * event_read: see event_read.h. It never refuses an event: what is not as expected is left to the
 * tree, which may allow it or say what is wrong. So what it does read must mean the same there.
 */
#include "event_read.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 10 };

typedef struct reader {
    lk_json_cursor c;
    size_t text_len;
    size_t max_records;
    size_t capacity;
    size_t memory_used;
    lk_event_text event;
    bool no_memory;
} reader;

/* --- Strings -------------------------------------------------------------------------------- */

/* No string is longer without its escapes: one piece of memory is enough for all of them. */
static bool unescape(reader *r, lk_slice *string)
{
    if (!r->event.memory)
        r->event.memory = malloc(r->text_len);
    r->no_memory = !r->event.memory;
    if (r->no_memory)
        return false;
    char *copy = r->event.memory + r->memory_used;
    *string = (lk_slice){copy, lk_json_unescape(*string, copy)};
    r->memory_used += string->len;
    return true;
}

static bool read_string(reader *r, lk_slice *string)
{
    if (!lk_json_take_string(&r->c, string))
        return false;
    return !memchr(string->ptr, '\\', string->len) || unescape(r, string);
}

/* A member's name, which is never one that is known when it has escapes to be looked at. */
static bool read_name(reader *r, lk_slice *name)
{
    return lk_json_take_string(&r->c, name) && !memchr(name->ptr, '\\', name->len) &&
           lk_json_take_mark(&r->c, ':');
}

/* Each member of an object. */
typedef bool (*read_member)(reader *r, lk_slice name, void *ctx);

static bool read_object(reader *r, read_member read, void *ctx)
{
    lk_slice name;
    if (!lk_json_take_mark(&r->c, '{'))
        return false;
    if (lk_json_take_mark(&r->c, '}'))
        return true;
    do {
        if (!read_name(r, &name) || !read(r, name, ctx))
            return false;
    } while (lk_json_take_mark(&r->c, ','));
    return lk_json_take_mark(&r->c, '}');
}

/* --- Attributes ----------------------------------------------------------------------------- */

static bool read_attribute(reader *r, lk_slice name, void *record)
{
    lk_slice value;
    if (!read_string(r, &value))
        return false;
    lk_record_set_attribute(record, name, value);
    return true;
}

/* Of a message attribute only its text counts; its lists are empty, as SQS has no others. */
static bool read_attribute_member(reader *r, lk_slice name, void *string_value)
{
    lk_slice other;
    if (lk_slice_equal_str(name, "stringValue"))
        return read_string(r, string_value);
    if (lk_json_take_mark(&r->c, '['))
        return lk_json_take_mark(&r->c, ']');
    return lk_json_take_string(&r->c, &other);
}

static bool read_message_attribute(reader *r, lk_slice name, void *record)
{
    lk_slice string_value = {0};
    if (!read_object(r, read_attribute_member, &string_value))
        return false;
    lk_record_set_message_attribute(record, name, string_value);
    return true;
}

/* --- Records -------------------------------------------------------------------------------- */

/* A record with what it had already: of an object twice only the last one counts. */
typedef struct record_in_hand {
    lk_record *record;
    bool has_attributes;
    bool has_message_attributes;
} record_in_hand;

static bool first_time(bool *has)
{
    bool first = !*has;
    *has = true;
    return first;
}

static bool read_record_member(reader *r, lk_slice name, void *ctx)
{
    record_in_hand *hand = ctx;
    lk_record *record = hand->record;
    lk_slice other;
    if (lk_slice_equal_str(name, "body"))
        return read_string(r, &record->body);
    if (lk_slice_equal_str(name, "messageId"))
        return read_string(r, &record->message_id);
    if (lk_slice_equal_str(name, "receiptHandle"))
        return read_string(r, &record->receipt_handle);
    if (lk_slice_equal_str(name, "eventSourceARN"))
        return read_string(r, &record->event_source_arn);
    if (lk_slice_equal_str(name, "attributes"))
        return first_time(&hand->has_attributes) && read_object(r, read_attribute, record);
    if (lk_slice_equal_str(name, "messageAttributes"))
        return first_time(&hand->has_message_attributes) &&
               read_object(r, read_message_attribute, record);
    return lk_json_take_string(&r->c, &other);
}

/* The next of the records; NULL: too many, or out of memory. */
static lk_record *add_record(reader *r)
{
    lk_event_text *event = &r->event;
    if (event->count == r->max_records)
        return NULL;
    if (event->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : FIRST_CAPACITY;
        lk_record *grown = realloc(event->records, capacity * sizeof(*grown));
        r->no_memory = !grown;
        if (!grown)
            return NULL;
        event->records = grown;
        r->capacity = capacity;
    }
    lk_record *record = &event->records[event->count++];
    lk_record_init(record);
    return record;
}

static bool read_records(reader *r)
{
    if (!lk_json_take_mark(&r->c, '['))
        return false;
    if (lk_json_take_mark(&r->c, ']'))
        return true;
    do {
        record_in_hand hand = {.record = add_record(r)};
        if (!hand.record || !read_object(r, read_record_member, &hand))
            return false;
    } while (lk_json_take_mark(&r->c, ','));
    return lk_json_take_mark(&r->c, ']');
}

static bool read_all(reader *r)
{
    lk_slice name;
    return lk_json_take_mark(&r->c, '{') && read_name(r, &name) &&
           lk_slice_equal_str(name, "Records") && read_records(r) &&
           lk_json_take_mark(&r->c, '}') && r->c.at == r->c.end;
}

int lk_event_read(lk_slice text, size_t max_records, lk_event_text *event)
{
    reader r = {.c = lk_json_cursor_of(text), .text_len = text.len, .max_records = max_records};
    if (text.len > 0 && read_all(&r)) {
        *event = r.event;
        return 1;
    }
    lk_event_text_clear(&r.event);
    *event = r.event;
    return r.no_memory ? LK_E_NOMEM : 0;
}

void lk_event_text_clear(lk_event_text *event)
{
    free(event->records);
    free(event->memory);
    *event = (lk_event_text){0};
}
