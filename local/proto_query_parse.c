/* SPDX-License-Identifier: MIT
 *
 * proto_query_parse: see the header. Strings stay in the decoded form, which lives in the request's
 * arena. Of a map's pairs with one name the last counts, as in JSON.
 */
#include "proto_query_parse.h"

/* --- Faults --------------------------------------------------------------------------------- */

static int refuse(lk_request *request, const lk_form *place, const char *name, const char *wanted)
{
    lk_slice where = place->depth > 0 ? lk_form_place(place) : (lk_slice){0};
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_MALFORMED_INPUT,
                           "The parameter %.*s%s%s must be %s.", LK_SLICE_FMT(where),
                           where.len > 0 ? "." : "", name, wanted);
}

static int refuse_missing(lk_request *request, const lk_form *item, const char *name)
{
    lk_slice where = lk_form_place(item);
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_MISSING_PARAMETER,
                           "The request must contain the parameter %.*s.%s.", LK_SLICE_FMT(where),
                           name);
}

/* --- Lists and maps ------------------------------------------------------------------------- */

static size_t count_items(const lk_form *list)
{
    lk_form item = {0};
    size_t count = 0;
    while (lk_form_next(list, &item))
        count++;
    return count;
}

static int read_names(lk_request *request, const lk_form *list, lk_names *names, lk_err *err)
{
    lk_form item = {0};
    lk_slice *items = lk_arena_alloc(&request->arena, count_items(list), sizeof *items);
    if (!items)
        return LK_FAIL_NOMEM(err);
    names->items = items;
    while (lk_form_next(list, &item)) {
        lk_slice name = lk_form_value(&item, "");
        if (name.ptr) /* else a field that nobody asked for: "AttributeName.1.Nonsense" */
            items[names->count++] = name;
    }
    return 0;
}

static void put_pair(lk_name_value *items, size_t *count, lk_name_value pair)
{
    size_t i = 0;
    while (i < *count && !lk_slice_equal(items[i].name, pair.name))
        i++;
    items[i] = pair;
    *count += i == *count;
}

static int read_pairs(lk_request *request, const lk_member *member, const lk_form *list,
                      lk_pairs *pairs, lk_err *err)
{
    const char *key = lk_member_query_key(member);
    lk_form item = {0};
    lk_name_value *items = lk_arena_alloc(&request->arena, count_items(list), sizeof *items);
    if (!items)
        return LK_FAIL_NOMEM(err);
    pairs->items = items;
    while (lk_form_next(list, &item)) {
        lk_name_value pair = {lk_form_value(&item, key), lk_form_value(&item, "Value")};
        if (!pair.name.ptr || !pair.value.ptr)
            return refuse_missing(request, &item, pair.name.ptr ? "Value" : key);
        put_pair(items, &pairs->count, pair);
    }
    return 0;
}

/* --- Message attributes --------------------------------------------------------------------- */

static int read_binary(lk_request *request, const lk_form *item, lk_slice *out, lk_err *err)
{
    lk_slice text = lk_form_value(item, "Value.BinaryValue");
    if (!text.ptr)
        return 0;
    int rc = lk_request_base64(request, text, out, err);
    return rc > 0 ? refuse(request, item, "Value.BinaryValue", "base64") : rc;
}

static bool has_items(const lk_form *form, const char *name)
{
    lk_form list = lk_form_at(form, name);
    return count_items(&list) > 0;
}

static int read_attribute(lk_request *request, const lk_form *item, lk_attribute_value *attribute,
                          lk_err *err)
{
    lk_form value = lk_form_at(item, "Value");
    attribute->name = lk_form_value(item, "Name");
    if (!attribute->name.ptr)
        return refuse_missing(request, item, "Name");
    attribute->data_type = lk_form_value(&value, "DataType");
    attribute->string_value = lk_form_value(&value, "StringValue");
    attribute->has_list =
        has_items(&value, "StringListValue") || has_items(&value, "BinaryListValue");
    return read_binary(request, item, &attribute->binary_value, err);
}

static void put_attribute(lk_attribute_value *items, size_t *count, lk_attribute_value attribute)
{
    size_t i = 0;
    while (i < *count && !lk_slice_equal(items[i].name, attribute.name))
        i++;
    items[i] = attribute;
    *count += i == *count;
}

static int read_attributes(lk_request *request, const lk_form *list,
                           lk_attribute_values *attributes, lk_err *err)
{
    lk_form item = {0};
    lk_attribute_value *items = lk_arena_alloc(&request->arena, count_items(list), sizeof *items);
    if (!items)
        return LK_FAIL_NOMEM(err);
    attributes->items = items;
    while (lk_form_next(list, &item)) {
        lk_attribute_value attribute = {0};
        int rc = read_attribute(request, &item, &attribute, err);
        if (rc)
            return rc;
        put_attribute(items, &attributes->count, attribute);
    }
    return 0;
}

/* --- Members -------------------------------------------------------------------------------- */

static int read_entries(lk_request *request, const lk_member *member, const lk_form *list,
                        lk_request_entries *entries, lk_err *err)
{
    lk_form item = {0};
    entries->items = lk_request_add_entries(request, count_items(list));
    if (!entries->items)
        return LK_FAIL_NOMEM(err);
    while (lk_form_next(list, &item)) {
        lk_request_entry *entry = &entries->items[entries->count++];
        int rc = lk_query_read_members(request, &item, member->entry, entry, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_int(lk_request *request, const lk_form *form, const lk_member *member,
                    int64_t *number)
{
    lk_slice text = lk_form_value(form, member->query_name);
    if (!text.ptr || (lk_slice_to_int64(text, number) && *number != LK_ABSENT))
        return 0;
    return refuse(request, form, member->query_name, "an integer");
}

static int read_member(lk_request *request, const lk_form *form, const lk_member *member,
                       void *field, lk_err *err)
{
    lk_form list = lk_form_at(form, member->query_name);
    switch (member->kind) {
    case LK_MEMBER_STRING:
        *(lk_slice *)field = lk_form_value(form, member->query_name);
        return 0;
    case LK_MEMBER_INT:
        return read_int(request, form, member, field);
    case LK_MEMBER_NAMES:
        return read_names(request, &list, field, err);
    case LK_MEMBER_PAIRS:
        return read_pairs(request, member, &list, field, err);
    case LK_MEMBER_ATTRIBUTES:
        return read_attributes(request, &list, field, err);
    case LK_MEMBER_ENTRIES:
        return read_entries(request, member, &list, field, err);
    default:
        return LK_FAIL(err, LK_E_INTERNAL, "member %s is for answers only", member->name);
    }
}

int lk_query_read_members(lk_request *request, const lk_form *form, const lk_member *members,
                          void *owner, lk_err *err)
{
    for (const lk_member *m = members; m->name; m++) {
        int rc = read_member(request, form, m, (char *)owner + m->offset, err);
        if (rc)
            return rc;
    }
    return 0;
}
