/* SPDX-License-Identifier: MIT
 *
 * form: see the header.
 */
#include "form.h"

#include <stdlib.h>
#include <string.h>

/* --- Decoding ------------------------------------------------------------------------------- */

/* Writes the decoded text to *to and moves it behind. {NULL,0}: a '%' without two digits. */
static lk_slice decode(lk_slice text, char **to)
{
    lk_slice decoded = {*to, 0};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (lk_uri_escape((lk_slice){text.ptr + i, text.len - i}, &c))
            i += 2;
        else if (c == '%')
            return (lk_slice){0};
        else if (c == '+')
            c = ' ';
        *(*to)++ = c;
        decoded.len++;
    }
    return decoded;
}

/* "a=1&b=2" gives "a=1", then "b=2"; empty ones are left out. false: no more. */
static bool next_pair(lk_slice *encoded, lk_slice *pair)
{
    do {
        if (!encoded->ptr)
            return false;
        *encoded = lk_slice_cut(*encoded, '&', pair);
    } while (pair->len == 0);
    return true;
}

bool lk_form_names(lk_slice encoded, const char *name)
{
    lk_slice pair, key;
    while (next_pair(&encoded, &pair)) {
        lk_slice_cut(pair, '=', &key);
        if (lk_slice_equal_str(key, name))
            return true;
    }
    return false;
}

static size_t count_pairs(lk_slice encoded)
{
    lk_slice pair;
    size_t count = 0;
    while (next_pair(&encoded, &pair))
        count++;
    return count;
}

/* NULL, or what is wrong. */
static const char *decode_pairs(lk_slice encoded, char **to, lk_name_value *fields, size_t *count)
{
    lk_slice pair, key;
    while (next_pair(&encoded, &pair)) {
        lk_slice value = lk_slice_cut(pair, '=', &key);
        lk_name_value *field = &fields[(*count)++];
        field->name = decode(key, to);
        field->value = decode(value, to);
        if (!field->name.ptr || !field->value.ptr)
            return "The request is not URL-encoded: two hexadecimal digits must follow each %.";
        if (!lk_utf8_valid(field->name) || !lk_utf8_valid(field->value))
            return "The request must be UTF-8.";
    }
    return NULL;
}

/* --- Order ---------------------------------------------------------------------------------- */

/* "0", "7", "12", as nobody else spells them: a number has one spelling, so that equal segments are
 * equal bytes. */
static bool is_number(lk_slice segment)
{
    if (segment.len == 0 || segment.len > 9 || (segment.ptr[0] == '0' && segment.len > 1))
        return false;
    for (size_t i = 0; i < segment.len; i++)
        if (segment.ptr[i] < '0' || segment.ptr[i] > '9')
            return false;
    return true;
}

static int compare_bytes(lk_slice a, lk_slice b)
{
    size_t len = LK_MIN(a.len, b.len);
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Words before numbers; of numbers the shorter is the smaller. */
static int compare_segments(lk_slice a, lk_slice b)
{
    bool a_number = is_number(a), b_number = is_number(b);
    if (a_number != b_number)
        return a_number ? 1 : -1;
    if (a_number && a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return compare_bytes(a, b);
}

static int compare_names(lk_slice a, lk_slice b)
{
    while (a.ptr && b.ptr) {
        lk_slice a_segment, b_segment;
        a = lk_slice_cut(a, '.', &a_segment);
        b = lk_slice_cut(b, '.', &b_segment);
        int order = compare_segments(a_segment, b_segment);
        if (order)
            return order;
    }
    return (a.ptr != NULL) - (b.ptr != NULL);
}

/* Fields with one name stay in the order in which they came: they were decoded one behind the
 * other. */
static int compare_fields(const void *left, const void *right)
{
    const lk_name_value *a = left, *b = right;
    int order = compare_names(a->name, b->name);
    return order ? order : (a->value.ptr > b->value.ptr) - (a->value.ptr < b->value.ptr);
}

int lk_form_read(lk_arena *arena, lk_slice body, lk_slice query, lk_form *form, const char **why,
                 lk_err *err)
{
    size_t expected = count_pairs(body) + count_pairs(query);
    *form = (lk_form){0};
    *why = NULL;
    if (expected > LK_FORM_FIELDS_MAX) {
        *why = "The request has too many parameters.";
        return 1;
    }
    /* Decoding makes nothing longer. */
    char *text = lk_arena_alloc(arena, body.len + query.len + 1, 1);
    lk_name_value *fields = lk_arena_alloc(arena, expected, sizeof *fields);
    if (!text || !fields)
        return LK_FAIL_NOMEM(err);
    *why = decode_pairs(body, &text, fields, &form->count);
    if (!*why)
        *why = decode_pairs(query, &text, fields, &form->count);
    if (*why)
        return 1;
    qsort(fields, form->count, sizeof *fields, compare_fields);
    form->fields = fields;
    return 0;
}

/* --- Walking the tree ----------------------------------------------------------------------- */

/* What of a field's name lies below the place; "" : it is the place's own. */
static lk_slice below(const lk_form *form, const lk_name_value *field)
{
    lk_slice name = field->name;
    size_t start = form->depth > 0 ? form->depth + 1 : 0; /* the dot */
    if (start >= name.len)
        return (lk_slice){name.ptr + name.len, 0};
    return (lk_slice){name.ptr + start, name.len - start};
}

lk_slice lk_form_value(const lk_form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (lk_slice_equal_str(below(form, &form->fields[i]), name))
            return form->fields[i].value;
    return (lk_slice){0};
}

static lk_slice first_segment(const lk_form *form, const lk_name_value *field)
{
    lk_slice segment;
    lk_slice_cut(below(form, field), '.', &segment);
    return segment;
}

lk_form lk_form_at(const lk_form *form, const char *name)
{
    lk_form found = {.fields = form->fields,
                     .depth = form->depth + (form->depth > 0) + strlen(name)};
    for (size_t i = 0; i < form->count; i++) {
        if (!lk_slice_equal_str(first_segment(form, &form->fields[i]), name))
            continue;
        if (found.count++ == 0)
            found.fields = &form->fields[i];
    }
    return found;
}

/* Do the fields belong to one item? */
static bool same_item(lk_slice segment, lk_slice other)
{
    return is_number(segment) ? lk_slice_equal(segment, other) : !is_number(other);
}

bool lk_form_next(const lk_form *list, lk_form *item)
{
    const lk_name_value *end = list->fields + list->count;
    const lk_name_value *field = item->fields ? item->fields + item->count : list->fields;
    while (field < end && below(list, field).len == 0 && field->value.len == 0)
        field++;
    if (field == end)
        return false;
    lk_slice segment = first_segment(list, field);
    *item = (lk_form){.fields = field, .depth = list->depth};
    if (is_number(segment))
        item->depth += 1 + segment.len;
    while (field < end && same_item(segment, first_segment(list, field))) {
        item->count++;
        field++;
    }
    return true;
}

lk_slice lk_form_place(const lk_form *form)
{
    return (lk_slice){form->fields[0].name.ptr, form->depth};
}
