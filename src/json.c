/* SPDX-License-Identifier: MIT
 *
 * json: reading JSON with jansson, and writing trees back; the only file that includes jansson.
 *
 * Text comes from queues and from the network. What is refused is named by kind and place, never
 * quoted: it may hold job arguments, and error messages end in logs. Writing without a tree is in
 * json_write.c.
 */
#include "json.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

/* lk_json is json_t by another name; these two are the only places that say so. */
static const json_t *tree(const lk_json *v)
{
    return (const json_t *)v;
}

static const lk_json *opaque(const json_t *v)
{
    return (const lk_json *)v;
}

/* --- Parsing -------------------------------------------------------------------------------- */

static const char *refusal_text(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_invalid_utf8:
        return "invalid UTF-8";
    case json_error_stack_overflow:
        return "nested too deeply";
    case json_error_numeric_overflow:
        return "a number out of range";
    case json_error_null_byte_in_key:
    case json_error_null_character:
        return "a NUL in a member name";
    default:
        return "a syntax error";
    }
}

static json_t *load(lk_slice text, json_error_t *error)
{
    const char *bytes = text.ptr ? text.ptr : ""; /* jansson: NULL would be a wrong argument */
    return json_loadb(bytes, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

/* jansson leaves the place unset when one of its allocations fails, and seldom gives the code. */
static bool ran_out_of_memory(const json_error_t *error)
{
    return error->line < 0 || json_error_code(error) == json_error_out_of_memory;
}

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The place behind the string that begins at text[at] with a quote; text.len when it never ends. */
static size_t skip_string(lk_slice text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++) {
        if (text.ptr[at] == '\\')
            at++;
    }
    return LK_MIN(at + 1, text.len);
}

static size_t skip_number(lk_slice text, size_t at)
{
    while (at < text.len && is_number_char(text.ptr[at]))
        at++;
    return at;
}

static bool is_big_integer(lk_slice number)
{
    int64_t value;
    for (size_t i = 0; i < number.len; i++) {
        if (number.ptr[i] == '.' || (number.ptr[i] | 0x20) == 'e')
            return false;
    }
    return !lk_slice_to_int64(number, &value);
}

/* Copies text with an exponent behind each integer that int64 cannot hold: jansson then reads a
 * real instead of refusing the document. Ruby puts such integers into job arguments. */
static void spell_big_integers_as_reals(lk_slice text, lk_buf *out)
{
    size_t at = 0;
    while (at < text.len) {
        size_t start = at;
        char first = text.ptr[at];
        bool number = first == '-' || (first >= '0' && first <= '9');
        at = first == '"' ? skip_string(text, at) : number ? skip_number(text, at) : at + 1;
        lk_slice token = {text.ptr + start, at - start};
        lk_buf_add(out, token);
        if (number && is_big_integer(token))
            lk_buf_add_str(out, "e0");
    }
}

int lk_json_parse(lk_slice text, const char *what, lk_json **out, lk_err *err)
{
    json_error_t error;
    *out = NULL;
    json_t *root = load(text, &error);
    if (!root && json_error_code(&error) == json_error_numeric_overflow) {
        lk_buf respelt = {0};
        spell_big_integers_as_reals(text, &respelt);
        if (!respelt.failed)
            root = load(lk_buf_slice(&respelt), &error);
        bool no_memory = respelt.failed;
        lk_buf_clear(&respelt);
        if (no_memory)
            return LK_FAIL_NOMEM(err);
    }
    if (!root && ran_out_of_memory(&error))
        return LK_FAIL_NOMEM(err);
    if (!root)
        return LK_FAIL(err, LK_E_JSON, "%s: not JSON: %s at line %d, column %d", what,
                       refusal_text(json_error_code(&error)), error.line, error.column);
    *out = (lk_json *)root;
    return LK_OK;
}

void lk_json_free(lk_json *root)
{
    json_decref((json_t *)root);
}

/* --- Looking -------------------------------------------------------------------------------- */

lk_json_type lk_json_typeof(const lk_json *v)
{
    if (!v)
        return LK_JSON_MISSING;
    switch (json_typeof(tree(v))) {
    case JSON_OBJECT:
        return LK_JSON_OBJECT;
    case JSON_ARRAY:
        return LK_JSON_ARRAY;
    case JSON_STRING:
        return LK_JSON_STRING;
    case JSON_INTEGER:
        return LK_JSON_INT;
    case JSON_REAL:
        return LK_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return LK_JSON_BOOL;
    case JSON_NULL:
        return LK_JSON_NULL;
    }
    return LK_JSON_MISSING;
}

const lk_json *lk_json_get(const lk_json *object, const char *key)
{
    return opaque(json_object_get(tree(object), key));
}

lk_slice lk_json_string(const lk_json *v)
{
    return (lk_slice){json_string_value(tree(v)), json_string_length(tree(v))};
}

bool lk_json_bool(const lk_json *v)
{
    return json_is_true(tree(v));
}

bool lk_json_int64(const lk_json *v, int64_t *value)
{
    switch (lk_json_typeof(v)) {
    case LK_JSON_INT:
        *value = json_integer_value(tree(v));
        return true;
    case LK_JSON_REAL: {
        double real = json_real_value(tree(v));
        /* -2^63 and 2^63: outside, the conversion is undefined. */
        if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) ||
            (double)(int64_t)real != real)
            return false;
        *value = (int64_t)real;
        return true;
    }
    case LK_JSON_STRING:
        return lk_slice_to_int64(lk_json_string(v), value);
    default:
        return false;
    }
}

double lk_json_double(const lk_json *v)
{
    return json_number_value(tree(v));
}

size_t lk_json_length(const lk_json *v)
{
    return lk_json_typeof(v) == LK_JSON_OBJECT ? json_object_size(tree(v))
                                               : json_array_size(tree(v));
}

const lk_json *lk_json_at(const lk_json *array, size_t index)
{
    return opaque(json_array_get(tree(array), index));
}

/* jansson's iterators want a mutable object, and leave it as it is. */
static json_t *iterable(const lk_json *object)
{
    return (json_t *)(uintptr_t)object;
}

void *lk_json_iter(const lk_json *object)
{
    return json_object_iter(iterable(object));
}

void *lk_json_iter_next(const lk_json *object, void *it)
{
    return json_object_iter_next(iterable(object), it);
}

lk_slice lk_json_iter_key(void *it)
{
    return lk_slice_of(json_object_iter_key(it)); /* parsed names hold no NUL */
}

const lk_json *lk_json_iter_value(void *it)
{
    return opaque(json_object_iter_value(it));
}

/* --- Raw text ------------------------------------------------------------------------------- */

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static size_t skip_space(lk_slice text, size_t at)
{
    while (at < text.len && is_one_of(text.ptr[at], " \t\r\n"))
        at++;
    return at;
}

/* The place behind the value that begins at text[at]. */
static size_t skip_value(lk_slice text, size_t at)
{
    size_t depth = 0;
    do {
        char c = text.ptr[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
    } while (depth > 0 && at < text.len);
    return at;
}

/* The place behind the number or word that begins at text[at]. */
static size_t skip_word(lk_slice text, size_t at)
{
    while (at < text.len && !is_one_of(text.ptr[at], ",}] \t\r\n"))
        at++;
    return at;
}

/* quoted: a member name as it stands in the text. Escapes in it are rare: then jansson reads it. */
static bool is_name(lk_slice quoted, const char *key)
{
    lk_slice inner = {quoted.ptr + 1, quoted.len - 2};
    if (!memchr(quoted.ptr, '\\', quoted.len))
        return lk_slice_equal_str(inner, key);
    json_error_t error;
    json_t *name = load(quoted, &error);
    bool same = lk_slice_equal_str(lk_json_string(opaque(name)), key);
    json_decref(name);
    return same;
}

lk_slice lk_json_raw_member(lk_slice object_text, const char *key)
{
    lk_slice found = {NULL, 0};
    size_t at = skip_space(object_text, 0);
    if (at == object_text.len || object_text.ptr[at] != '{')
        return found;
    at = skip_space(object_text, at + 1);
    while (at < object_text.len && object_text.ptr[at] == '"') {
        size_t name = at;
        at = skip_string(object_text, at);
        lk_slice quoted = {object_text.ptr + name, at - name};
        at = skip_space(object_text, skip_space(object_text, at) + 1); /* over the colon */
        if (at >= object_text.len || quoted.len < 2)
            break; /* not JSON after all */
        size_t value = at;
        at = is_one_of(object_text.ptr[at], "{[\"") ? skip_value(object_text, at)
                                                    : skip_word(object_text, at);
        if (is_name(quoted, key))
            found = (lk_slice){object_text.ptr + value, at - value};   /* the last one counts */
        at = skip_space(object_text, skip_space(object_text, at) + 1); /* over the comma */
    }
    return found;
}

/* --- Writing a tree ------------------------------------------------------------------------- */

static void write_tree(const json_t *v, lk_buf *out);

static void write_object(const json_t *object, lk_buf *out)
{
    const char *separator = "{";
    for (void *it = lk_json_iter(opaque(object)); it; it = lk_json_iter_next(opaque(object), it)) {
        lk_buf_add_str(out, separator);
        lk_json_write_string(out, lk_json_iter_key(it));
        lk_buf_add_char(out, ':');
        write_tree(json_object_iter_value(it), out);
        separator = ",";
    }
    lk_buf_add_str(out, *separator == '{' ? "{}" : "}");
}

static void write_array(const json_t *array, lk_buf *out)
{
    lk_buf_add_char(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            lk_buf_add_char(out, ',');
        write_tree(json_array_get(array, i), out);
    }
    lk_buf_add_char(out, ']');
}

/* Recursion is bounded: the parser refused deeper trees. */
static void write_tree(const json_t *v, lk_buf *out)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        write_object(v, out);
        break;
    case JSON_ARRAY:
        write_array(v, out);
        break;
    case JSON_STRING:
        lk_json_write_string(out, lk_json_string(opaque(v)));
        break;
    case JSON_INTEGER:
        lk_buf_add_int64(out, json_integer_value(v));
        break;
    case JSON_REAL:
        lk_json_write_double(out, json_real_value(v));
        break;
    case JSON_TRUE:
        lk_buf_add_str(out, "true");
        break;
    case JSON_FALSE:
        lk_buf_add_str(out, "false");
        break;
    case JSON_NULL:
        lk_buf_add_str(out, "null");
        break;
    }
}

int lk_json_dump(const lk_json *v, lk_buf *out, lk_err *err)
{
    if (!v)
        return LK_FAIL(err, LK_E_INVALID, "there is no JSON value to write");
    write_tree(tree(v), out);
    return lk_buf_check(out, err);
}
