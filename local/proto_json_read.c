/* SPDX-License-Identifier: MIT
 *
 * proto_json_read: see proto_json_read.h. It never refuses a request and knows no errors: whatever
 * is not as expected is left to the tree, which may allow it or say what is wrong. So what it does
 * read must mean the same there.
 */
#include "proto_json_read.h"

#include "json.h"

#include <string.h>

enum {
    ITEMS_MAX = 16,      /* of a list or map; SQS takes ten at most, and names of attributes */
    INTEGER_DIGITS = 18, /* always in an int64 */
};

typedef struct reader {
    lk_json_cursor c;
    lk_request *request;
    bool no_memory;
} reader;

/* --- Strings and numbers -------------------------------------------------------------------- */

/* text: of lk_json_take_string. */
static bool unescape(reader *r, lk_slice text, lk_slice *out)
{
    char *copy = lk_arena_alloc(&r->request->arena, text.len, 1);
    r->no_memory = r->no_memory || !copy;
    if (copy)
        *out = (lk_slice){copy, lk_json_unescape(text, copy)};
    return copy != NULL;
}

static bool read_string(reader *r, lk_slice *out)
{
    lk_slice text;
    if (!lk_json_take_string(&r->c, &text))
        return false;
    if (memchr(text.ptr, '\\', text.len))
        return unescape(r, text, out);
    *out = text;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Fractions and exponents fail at the mark that has to follow. */
static bool read_integer(reader *r, int64_t *out)
{
    const char *start = r->c.at;
    bool negative = start < r->c.end && *start == '-';
    const char *at = start + negative;
    int64_t value = 0;
    int digits = 0;
    for (; at < r->c.end && is_digit(*at) && digits < INTEGER_DIGITS; at++, digits++)
        value = value * 10 + (*at - '0');
    bool padded = digits > 1 && start[negative] == '0';
    if (digits == 0 || padded || (at < r->c.end && is_digit(*at)))
        return false;
    r->c.at = at;
    *out = negative ? -value : value;
    return true;
}

/* --- Lists and maps ------------------------------------------------------------------------- */

/* count copies of size bytes at items, in the arena; NULL: out of memory. */
static void *keep(reader *r, const void *items, size_t count, size_t size)
{
    void *kept = lk_arena_alloc(&r->request->arena, count, size);
    r->no_memory = r->no_memory || !kept;
    if (kept && count > 0)
        memcpy(kept, items, count * size);
    return kept;
}

static bool read_names(reader *r, lk_names *names)
{
    lk_slice items[ITEMS_MAX];
    size_t count = 0;
    if (!lk_json_take_mark(&r->c, '['))
        return false;
    if (!lk_json_take_mark(&r->c, ']')) {
        do {
            if (count == ITEMS_MAX || !read_string(r, &items[count++]))
                return false;
        } while (lk_json_take_mark(&r->c, ','));
        if (!lk_json_take_mark(&r->c, ']'))
            return false;
    }
    *names = (lk_names){.items = keep(r, items, count, sizeof *items), .count = count};
    return names->items != NULL;
}

static bool read_attribute(reader *r, lk_attribute_value *attribute)
{
    lk_slice name;
    if (!lk_json_take_mark(&r->c, '{'))
        return false;
    do {
        if (!lk_json_take_string(&r->c, &name) || !lk_json_take_mark(&r->c, ':'))
            return false;
        lk_slice *value = lk_slice_equal_str(name, "DataType")      ? &attribute->data_type
                          : lk_slice_equal_str(name, "StringValue") ? &attribute->string_value
                                                                    : NULL;
        if (!value || !read_string(r, value))
            return false;
    } while (lk_json_take_mark(&r->c, ','));
    return lk_json_take_mark(&r->c, '}');
}

/* In a tree the last of two members with one name counts. */
static bool has_name_twice(const lk_attribute_value *items, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (lk_slice_equal(items[i].name, items[k].name))
                return true;
    return false;
}

static bool read_attributes(reader *r, lk_attribute_values *attributes)
{
    lk_attribute_value items[ITEMS_MAX];
    size_t count = 0;
    if (!lk_json_take_mark(&r->c, '{'))
        return false;
    if (!lk_json_take_mark(&r->c, '}')) {
        do {
            if (count == ITEMS_MAX)
                return false;
            items[count] = (lk_attribute_value){.has_list = false};
            if (!read_string(r, &items[count].name) || !lk_json_take_mark(&r->c, ':') ||
                !read_attribute(r, &items[count++]))
                return false;
        } while (lk_json_take_mark(&r->c, ','));
        if (!lk_json_take_mark(&r->c, '}') || has_name_twice(items, count))
            return false;
    }
    *attributes =
        (lk_attribute_values){.items = keep(r, items, count, sizeof *items), .count = count};
    return attributes->items != NULL;
}

static bool read_members(reader *r, const lk_member *members, void *owner);

/* How many objects the list that begins here has is known at its end only. A second list of one
 * name would take room again, for two bytes of text. */
static bool read_entries(reader *r, const lk_member *member, lk_request_entries *entries)
{
    size_t count = 0;
    lk_request_entry *items = entries->items ? NULL : lk_request_add_entries(r->request, ITEMS_MAX);
    r->no_memory = r->no_memory || (!items && !entries->items);
    if (!items || !lk_json_take_mark(&r->c, '['))
        return false;
    if (!lk_json_take_mark(&r->c, ']')) {
        do {
            if (count == ITEMS_MAX || !read_members(r, member->entry, &items[count++]))
                return false;
        } while (lk_json_take_mark(&r->c, ','));
        if (!lk_json_take_mark(&r->c, ']'))
            return false;
    }
    *entries = (lk_request_entries){.items = items, .count = count};
    return true;
}

/* --- Members -------------------------------------------------------------------------------- */

static const lk_member *find_member(const lk_member *members, lk_slice name)
{
    for (const lk_member *m = members; m->name; m++)
        if (lk_slice_equal_str(name, m->name))
            return m;
    return NULL;
}

static bool read_member(reader *r, const lk_member *member, void *field)
{
    switch (member->kind) {
    case LK_MEMBER_STRING:
        return read_string(r, field);
    case LK_MEMBER_INT:
        return read_integer(r, field);
    case LK_MEMBER_NAMES:
        return read_names(r, field);
    case LK_MEMBER_ATTRIBUTES:
        return read_attributes(r, field);
    case LK_MEMBER_ENTRIES:
        return read_entries(r, member, field);
    default: /* of calls that are rare */
        return false;
    }
}

static bool read_members(reader *r, const lk_member *members, void *owner)
{
    lk_slice name;
    if (!lk_json_take_mark(&r->c, '{'))
        return false;
    if (lk_json_take_mark(&r->c, '}'))
        return true;
    do {
        if (!lk_json_take_string(&r->c, &name) || !lk_json_take_mark(&r->c, ':'))
            return false;
        const lk_member *member = find_member(members, name);
        if (!member || !read_member(r, member, (char *)owner + member->offset))
            return false;
    } while (lk_json_take_mark(&r->c, ','));
    return lk_json_take_mark(&r->c, '}');
}

int lk_proto_json_read(lk_request *request, lk_slice text)
{
    lk_request before = *request;
    reader r = {.c = lk_json_cursor_of(text), .request = request};
    if (text.len > 0 && read_members(&r, request->action->members, request) && r.c.at == r.c.end)
        return 1;
    before.arena = request->arena; /* what was taken from it is freed with the request */
    *request = before;
    return r.no_memory ? LK_E_NOMEM : 0;
}
