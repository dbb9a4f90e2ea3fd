/* SPDX-License-Identifier: MIT
 *
 * value: see the header. In the order of the file: making values, what they are, where they are,
 * reading them, printing them.
 *
 * ActiveJob writes what JSON has no type for as objects with reserved keys:
 *
 *     {"_aj_globalid": "gid://…"}                      a record
 *     {"_aj_serialized": "…Serializer", "value": …}    a symbol, a time, and so on
 *     {"a": 1, "_aj_symbol_keys": ["a"]}               a hash; also _aj_ruby2_keywords,
 *                                                      _aj_hash_with_indifferent_access
 */
#include "value.h"

#include <stdlib.h>
#include <string.h>

struct lk_value {
    lk_values *values;
    lk_value *made_before;
    const lk_value *parent; /* NULL: the list of arguments */
    const lk_json *json;    /* NULL: missing */
    size_t index;           /* within parent, unless it has a key */
    char *key;              /* NULL: an element of a list */
    bool keyword;           /* of the last argument, as the caller named it */
    bool no_memory;         /* there was none for this value */
    lk_buf text;            /* lk_value_json's */
};

/* --- Making --------------------------------------------------------------------------------- */

/* What every look-up ends in that there was no memory for. */
static const lk_value no_memory_value = {.no_memory = true};

static const lk_value *make(lk_values *values, const lk_value *parent, const lk_json *json,
                            size_t index, const char *key)
{
    lk_value *value = calloc(1, sizeof(*value));
    if (value && key)
        value->key = lk_slice_dup(lk_slice_of(key));
    if (!value || (key && !value->key)) {
        free(value);
        return &no_memory_value;
    }
    value->values = values;
    value->parent = parent;
    value->json = json;
    value->index = index;
    value->made_before = values->made;
    values->made = value;
    return value;
}

void lk_values_begin(lk_values *values, lk_slice owner, const lk_json *arguments)
{
    values->owner = owner;
    values->root = make(values, NULL, arguments, 0, NULL);
}

void lk_values_clear(lk_values *values)
{
    while (values->made) {
        lk_value *value = values->made;
        values->made = value->made_before;
        lk_buf_clear(&value->text);
        free(value->key);
        free(value);
    }
    values->root = NULL;
}

/* --- What it is ----------------------------------------------------------------------------- */

static const char global_id_key[] = "_aj_globalid";
static const char serialized_key[] = "_aj_serialized";

static bool is_reserved(lk_slice key)
{
    return lk_slice_has_prefix(key, LK_SLICE_LITERAL("_aj_"));
}

static bool is_symbol(const lk_json *json)
{
    return lk_slice_equal_str(lk_json_string(lk_json_get(json, serialized_key)),
                              "ActiveJob::Serializers::SymbolSerializer");
}

static lk_value_type object_type(const lk_json *json)
{
    if (lk_json_string(lk_json_get(json, global_id_key)).ptr)
        return LK_VALUE_GLOBAL_ID;
    if (!lk_json_string(lk_json_get(json, serialized_key)).ptr)
        return LK_VALUE_HASH;
    return is_symbol(json) ? LK_VALUE_SYMBOL : LK_VALUE_SERIALIZED;
}

static lk_value_type type_of(const lk_json *json)
{
    switch (lk_json_typeof(json)) {
    case LK_JSON_NULL:
        return LK_VALUE_NULL;
    case LK_JSON_BOOL:
        return LK_VALUE_BOOL;
    case LK_JSON_INT:
        return LK_VALUE_INT;
    case LK_JSON_REAL:
        return LK_VALUE_DOUBLE;
    case LK_JSON_STRING:
        return LK_VALUE_STRING;
    case LK_JSON_ARRAY:
        return LK_VALUE_ARRAY;
    case LK_JSON_OBJECT:
        return object_type(json);
    case LK_JSON_MISSING:
        break;
    }
    return LK_VALUE_MISSING;
}

lk_value_type lk_value_typeof(const lk_value *value)
{
    return type_of(value->json);
}

const char *lk_value_type_name(lk_value_type type)
{
    static const char *const names[] = {
        [LK_VALUE_MISSING] = "nothing",      [LK_VALUE_NULL] = "nil",
        [LK_VALUE_BOOL] = "a boolean",       [LK_VALUE_INT] = "an integer",
        [LK_VALUE_DOUBLE] = "a float",       [LK_VALUE_STRING] = "a string",
        [LK_VALUE_ARRAY] = "an array",       [LK_VALUE_HASH] = "a hash",
        [LK_VALUE_SYMBOL] = "a symbol",      [LK_VALUE_GLOBAL_ID] = "a GlobalID",
        [LK_VALUE_SERIALIZED] = "an object",
    };
    return (size_t)type < LK_COUNT(names) ? names[type] : "?";
}

lk_slice lk_value_serializer(const lk_value *value)
{
    return lk_json_string(lk_json_get(value->json, serialized_key));
}

/* --- Looking -------------------------------------------------------------------------------- */

const lk_value *lk_value_get(const lk_value *hash, const char *key)
{
    if (hash->no_memory)
        return hash;
    const lk_json *member = is_reserved(lk_slice_of(key)) ? NULL : lk_json_get(hash->json, key);
    return make(hash->values, hash, member, 0, key);
}

/* The member of that index, ActiveJob's own not counted; NULL when there are fewer. */
static void *member_at(const lk_json *object, size_t index)
{
    void *it = lk_json_iter(object);
    for (; it; it = lk_json_iter_next(object, it)) {
        if (!is_reserved(lk_json_iter_key(it)) && index-- == 0)
            break;
    }
    return it;
}

size_t lk_value_count(const lk_value *value)
{
    if (lk_value_typeof(value) == LK_VALUE_ARRAY)
        return lk_json_length(value->json);
    if (lk_value_typeof(value) != LK_VALUE_HASH)
        return 0;
    size_t count = 0;
    for (void *it = lk_json_iter(value->json); it; it = lk_json_iter_next(value->json, it))
        count += !is_reserved(lk_json_iter_key(it));
    return count;
}

const lk_value *lk_value_at(const lk_value *value, size_t index)
{
    if (value->no_memory)
        return value;
    if (lk_value_typeof(value) != LK_VALUE_HASH)
        return make(value->values, value, lk_json_at(value->json, index), index, NULL);
    void *it = member_at(value->json, index);
    if (!it)
        return make(value->values, value, NULL, index, NULL);
    return make(value->values, value, lk_json_iter_value(it), index, lk_json_iter_key(it).ptr);
}

lk_slice lk_value_name(const lk_value *member)
{
    return lk_slice_of(member->key);
}

const lk_value *lk_value_keyword(const lk_value *arguments, const char *name)
{
    if (arguments->no_memory)
        return arguments;
    const lk_json *last = lk_json_at(arguments->json, lk_json_length(arguments->json) - 1);
    const lk_json *member = NULL;
    if (type_of(last) == LK_VALUE_HASH && !is_reserved(lk_slice_of(name)))
        member = lk_json_get(last, name);
    const lk_value *made = make(arguments->values, arguments, member, 0, name);
    if (!made->no_memory)
        arguments->values->made->keyword = true; /* the one just made */
    return made;
}

/* --- Where it is ---------------------------------------------------------------------------- */

/* "argument 1["sizes"][0]", "keyword width" */
static void write_place(const lk_value *value, lk_buf *out)
{
    if (!value->parent) {
        lk_buf_add_str(out, "arguments");
        return;
    }
    bool outermost = !value->parent->parent;
    if (!outermost)
        write_place(value->parent, out);
    if (outermost && value->key)
        lk_buf_addf(out, "%s %s", value->keyword ? "keyword" : "argument", value->key);
    else if (outermost)
        lk_buf_addf(out, "argument %zu", value->index);
    else if (value->key)
        lk_buf_addf(out, "[\"%s\"]", value->key);
    else
        lk_buf_addf(out, "[%zu]", value->index);
}

static int refuse(const lk_value *value, const char *expected, const char *met, lk_err *err)
{
    lk_buf place = {0};
    if (value->no_memory)
        return LK_FAIL_NOMEM(err);
    write_place(value, &place);
    if (place.failed) {
        lk_buf_clear(&place);
        return LK_FAIL_NOMEM(err);
    }
    if (lk_value_typeof(value) == LK_VALUE_MISSING)
        LK_FAIL(err, LK_E_INVALID, "%.*s: %s is missing: expected %s",
                LK_SLICE_FMT(value->values->owner), place.ptr, expected);
    else
        LK_FAIL(err, LK_E_INVALID, "%.*s: %s: expected %s, met %s",
                LK_SLICE_FMT(value->values->owner), place.ptr, expected, met);
    lk_buf_clear(&place);
    return LK_E_INVALID;
}

static int refuse_type(const lk_value *value, const char *expected, lk_err *err)
{
    return refuse(value, expected, lk_value_type_name(lk_value_typeof(value)), err);
}

/* --- Reading -------------------------------------------------------------------------------- */

static int read_text(const lk_value *value, const char *expected, lk_slice *text, lk_err *err)
{
    const lk_json *json = is_symbol(value->json) ? lk_json_get(value->json, "value") : value->json;
    lk_slice found = lk_json_string(json);
    if (!found.ptr)
        return refuse_type(value, expected, err);
    *text = found;
    return 0;
}

int lk_value_string(const lk_value *value, lk_slice *text, lk_err *err)
{
    return read_text(value, "a string", text, err);
}

int lk_value_cstring(const lk_value *value, const char **text, lk_err *err)
{
    lk_slice found;
    int rc = read_text(value, "a string", &found, err);
    if (rc)
        return rc;
    if (memchr(found.ptr, '\0', found.len))
        return refuse(value, "a string without NUL", "one with it", err);
    *text = found.ptr;
    return 0;
}

int lk_value_int(const lk_value *value, int64_t *number, lk_err *err)
{
    if (lk_value_typeof(value) != LK_VALUE_INT)
        return refuse_type(value, "an integer", err);
    (void)lk_json_int64(value->json, number);
    return 0;
}

int lk_value_double(const lk_value *value, double *number, lk_err *err)
{
    lk_value_type type = lk_value_typeof(value);
    if (type != LK_VALUE_INT && type != LK_VALUE_DOUBLE)
        return refuse_type(value, "a number", err);
    *number = lk_json_double(value->json);
    return 0;
}

int lk_value_bool(const lk_value *value, bool *flag, lk_err *err)
{
    if (lk_value_typeof(value) != LK_VALUE_BOOL)
        return refuse_type(value, "a boolean", err);
    *flag = lk_json_bool(value->json);
    return 0;
}

int lk_value_global_id(const lk_value *value, lk_slice *gid, lk_err *err)
{
    if (lk_value_typeof(value) != LK_VALUE_GLOBAL_ID)
        return refuse_type(value, "a GlobalID", err);
    *gid = lk_json_string(lk_json_get(value->json, global_id_key));
    return 0;
}

int lk_value_time_ms(const lk_value *value, int64_t *epoch_ms, lk_err *err)
{
    lk_value_type type = lk_value_typeof(value);
    if (type != LK_VALUE_STRING && type != LK_VALUE_SERIALIZED)
        return refuse_type(value, "a time", err);
    const lk_json *json =
        type == LK_VALUE_SERIALIZED ? lk_json_get(value->json, "value") : value->json;
    if (!lk_time_parse_iso8601(lk_json_string(json), epoch_ms))
        return refuse(value, "a time",
                      type == LK_VALUE_STRING ? "a string that is none" : "another object", err);
    return 0;
}

int lk_value_json(const lk_value *value, lk_slice *json, lk_err *err)
{
    if (lk_value_typeof(value) == LK_VALUE_MISSING)
        return refuse_type(value, "a value", err);
    /* The text is kept in the value itself, which is of this file's making and never constant. */
    lk_buf *text = (lk_buf *)(uintptr_t)&value->text;
    lk_buf_reset(text);
    int rc = lk_json_dump(value->json, text, err);
    if (!rc)
        *json = lk_buf_slice(text);
    return rc;
}

/* --- Printing ------------------------------------------------------------------------------- */

static void print_hash(const lk_json *json, lk_buf *out)
{
    const char *separator = "";
    lk_buf_add_char(out, '{');
    for (void *it = lk_json_iter(json); it; it = lk_json_iter_next(json, it)) {
        if (is_reserved(lk_json_iter_key(it)))
            continue;
        lk_buf_add_str(out, separator);
        lk_json_write_string(out, lk_json_iter_key(it));
        lk_buf_add_char(out, ':');
        lk_value_print(lk_json_iter_value(it), out);
        separator = ",";
    }
    lk_buf_add_char(out, '}');
}

static void print_array(const lk_json *json, lk_buf *out)
{
    lk_buf_add_char(out, '[');
    for (size_t i = 0; i < lk_json_length(json); i++) {
        if (i > 0)
            lk_buf_add_char(out, ',');
        lk_value_print(lk_json_at(json, i), out);
    }
    lk_buf_add_char(out, ']');
}

/* Recursion is bounded: the parser refused deeper trees. */
void lk_value_print(const lk_json *json, lk_buf *out)
{
    lk_err ignored; /* the buffer remembers that memory ran out */
    switch (type_of(json)) {
    case LK_VALUE_GLOBAL_ID:
        lk_json_write_string(out, lk_json_string(lk_json_get(json, global_id_key)));
        break;
    case LK_VALUE_SYMBOL:
    case LK_VALUE_SERIALIZED:
        lk_value_print(lk_json_get(json, "value"), out);
        break;
    case LK_VALUE_HASH:
        print_hash(json, out);
        break;
    case LK_VALUE_ARRAY:
        print_array(json, out);
        break;
    case LK_VALUE_MISSING:
        lk_buf_add_str(out, "null");
        break;
    default:
        (void)lk_json_dump(json, out, &ignored);
    }
}
