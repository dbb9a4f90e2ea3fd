/* SPDX-License-Identifier: MIT
 *
 * filter: patterns are checked once, when they are read, and then walked beside each body.
 *
 *     pattern  = object: every member must match (AND)
 *     member   = name: object    the event's object of that name, likewise
 *                name: list      one of the rules must match the event's value (OR)
 *                "$or": list     one of the patterns must match
 *     rule     = text, number, true, false, null     equal
 *                {"prefix" | "suffix" | "equals-ignore-case": text}
 *                {"anything-but": text, number, list of them, or one of the rules above}
 *                {"numeric": [">", 0, "<=", 5]}  {"exists": true | false}
 *
 * A list in the event matches when one of its elements does.
 */
#include "filter.h"

#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct lk_filter {
    lk_json *patterns[LK_FILTER_PATTERNS_MAX];
    size_t count;
};

/* A rule that is an object has one member: its operator, with the operand. */
typedef struct operation {
    const char *name;
    bool (*valid)(const lk_json *operand);
    bool (*matches)(const lk_json *operand, const lk_json *value);
} operation;

static const operation *find_operation(const lk_json *rule, const lk_json **operand);

/* --- Values --------------------------------------------------------------------------------- */

static bool is_number(const lk_json *v)
{
    return lk_json_typeof(v) == LK_JSON_INT || lk_json_typeof(v) == LK_JSON_REAL;
}

static bool is_text(const lk_json *v)
{
    return lk_json_typeof(v) == LK_JSON_STRING;
}

static bool is_scalar(const lk_json *v)
{
    lk_json_type type = lk_json_typeof(v);
    return type != LK_JSON_MISSING && type != LK_JSON_ARRAY && type != LK_JSON_OBJECT;
}

static bool equal_scalars(const lk_json *a, const lk_json *b)
{
    if (is_number(a) && is_number(b))
        return !(lk_json_double(a) < lk_json_double(b)) && !(lk_json_double(a) > lk_json_double(b));
    if (lk_json_typeof(a) != lk_json_typeof(b))
        return false;
    switch (lk_json_typeof(a)) {
    case LK_JSON_STRING:
        return lk_slice_equal(lk_json_string(a), lk_json_string(b));
    case LK_JSON_BOOL:
        return lk_json_bool(a) == lk_json_bool(b);
    case LK_JSON_NULL:
        return true;
    default:
        return false;
    }
}

/* --- Operations ----------------------------------------------------------------------------- */

static bool begins(const lk_json *operand, const lk_json *value)
{
    return is_text(value) && lk_slice_has_prefix(lk_json_string(value), lk_json_string(operand));
}

static bool ends(const lk_json *operand, const lk_json *value)
{
    return is_text(value) && lk_slice_has_suffix(lk_json_string(value), lk_json_string(operand));
}

static bool equals_ignoring_case(const lk_json *operand, const lk_json *value)
{
    lk_slice a = lk_json_string(operand);
    lk_slice b = lk_json_string(value);
    return is_text(value) && a.len == b.len &&
           (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

static bool valid_anything_but(const lk_json *operand)
{
    const lk_json *inner;
    if (lk_json_typeof(operand) == LK_JSON_OBJECT) {
        const operation *op = find_operation(operand, &inner);
        return op && is_text(inner) && op->valid(inner);
    }
    for (size_t i = 0; i < lk_json_length(operand); i++)
        if (!is_text(lk_json_at(operand, i)) && !is_number(lk_json_at(operand, i)))
            return false;
    return is_text(operand) || is_number(operand) || lk_json_length(operand) > 0;
}

static bool anything_but(const lk_json *operand, const lk_json *value)
{
    const lk_json *inner;
    if (lk_json_typeof(operand) == LK_JSON_OBJECT)
        return !find_operation(operand, &inner)->matches(inner, value);
    for (size_t i = 0; i < lk_json_length(operand); i++)
        if (equal_scalars(lk_json_at(operand, i), value))
            return false;
    return !equal_scalars(operand, value);
}

static bool compare(lk_slice sign, double a, double b, bool *known)
{
    bool equal = !(a < b) && !(a > b);
    *known = true;
    if (lk_slice_equal_str(sign, "="))
        return equal;
    if (lk_slice_equal_str(sign, "<"))
        return a < b;
    if (lk_slice_equal_str(sign, "<="))
        return a < b || equal;
    if (lk_slice_equal_str(sign, ">"))
        return a > b;
    *known = lk_slice_equal_str(sign, ">=");
    return *known && (a > b || equal);
}

/* One comparison, or two: a range. */
static bool valid_numeric(const lk_json *operand)
{
    size_t length = lk_json_length(operand);
    bool known = lk_json_typeof(operand) == LK_JSON_ARRAY && (length == 2 || length == 4);
    for (size_t i = 0; known && i < length; i += 2) {
        if (!is_number(lk_json_at(operand, i + 1)))
            return false;
        compare(lk_json_string(lk_json_at(operand, i)), 0, 0, &known);
    }
    return known;
}

static bool within(const lk_json *operand, const lk_json *value)
{
    bool matches = is_number(value);
    bool known;
    for (size_t i = 0; matches && i < lk_json_length(operand); i += 2)
        matches = compare(lk_json_string(lk_json_at(operand, i)), lk_json_double(value),
                          lk_json_double(lk_json_at(operand, i + 1)), &known);
    return matches;
}

static bool valid_exists(const lk_json *operand)
{
    return lk_json_typeof(operand) == LK_JSON_BOOL;
}

/* Absent values never get here. */
static bool exists(const lk_json *operand, const lk_json *value)
{
    (void)value;
    return lk_json_bool(operand);
}

static const operation operations[] = {
    {"prefix", is_text, begins},
    {"suffix", is_text, ends},
    {"equals-ignore-case", is_text, equals_ignoring_case},
    {"anything-but", valid_anything_but, anything_but},
    {"numeric", valid_numeric, within},
    {"exists", valid_exists, exists},
};

static const operation *find_operation(const lk_json *rule, const lk_json **operand)
{
    void *only = lk_json_length(rule) == 1 ? lk_json_iter(rule) : NULL;
    if (!only)
        return NULL;
    *operand = lk_json_iter_value(only);
    for (size_t i = 0; i < LK_COUNT(operations); i++)
        if (lk_slice_equal_str(lk_json_iter_key(only), operations[i].name))
            return &operations[i];
    return NULL;
}

/* --- Checking a pattern --------------------------------------------------------------------- */

static int check_object(const lk_json *pattern, size_t number, lk_err *err);

static int refuse(size_t number, const char *why, lk_err *err)
{
    return LK_FAIL(err, LK_E_INVALID, "Invalid filter pattern definition. Pattern %zu: %s", number,
                   why);
}

static int check_rules(const lk_json *rules, size_t number, lk_err *err)
{
    if (lk_json_length(rules) == 0)
        return refuse(number, "an empty list matches nothing", err);
    for (size_t i = 0; i < lk_json_length(rules); i++) {
        const lk_json *rule = lk_json_at(rules, i);
        const lk_json *operand;
        if (is_scalar(rule))
            continue;
        if (lk_json_typeof(rule) != LK_JSON_OBJECT)
            return refuse(number, "a list holds another list", err);
        const operation *op = find_operation(rule, &operand);
        if (!op)
            return refuse(number,
                          "a rule is one of prefix, suffix, equals-ignore-case, anything-but, "
                          "numeric and exists",
                          err);
        if (!op->valid(operand))
            return refuse(number, "an operator has an operand that is not of its kind", err);
    }
    return 0;
}

static int check_alternatives(const lk_json *alternatives, size_t number, lk_err *err)
{
    int rc = 0;
    if (lk_json_typeof(alternatives) != LK_JSON_ARRAY || lk_json_length(alternatives) < 2)
        return refuse(number, "$or is a list of two patterns or more", err);
    for (size_t i = 0; rc == 0 && i < lk_json_length(alternatives); i++)
        rc = check_object(lk_json_at(alternatives, i), number, err);
    return rc;
}

static int check_member(lk_slice key, const lk_json *value, size_t number, lk_err *err)
{
    if (lk_slice_equal_str(key, "$or"))
        return check_alternatives(value, number, err);
    if (lk_json_typeof(value) == LK_JSON_ARRAY)
        return check_rules(value, number, err);
    if (lk_json_typeof(value) == LK_JSON_OBJECT)
        return check_object(value, number, err);
    return refuse(number, "a value stands without a list around it", err);
}

static int check_object(const lk_json *pattern, size_t number, lk_err *err)
{
    int rc = 0;
    if (lk_json_typeof(pattern) != LK_JSON_OBJECT || lk_json_length(pattern) == 0)
        return refuse(number, "it is not an object with members", err);
    for (void *it = lk_json_iter(pattern); rc == 0 && it; it = lk_json_iter_next(pattern, it))
        rc = check_member(lk_json_iter_key(it), lk_json_iter_value(it), number, err);
    return rc;
}

static int check_pattern(const lk_json *pattern, size_t number, lk_err *err)
{
    const lk_json *body = lk_json_get(pattern, "body");
    int rc = check_object(pattern, number, err);
    if (rc == 0 && (lk_json_length(pattern) != 1 || !body))
        rc = refuse(number, "for an SQS queue it has the one key \"body\"", err);
    return rc;
}

/* --- Matching ------------------------------------------------------------------------------- */

static bool match_object(const lk_json *pattern, const lk_json *event);

static bool match_rule(const lk_json *rule, const lk_json *value)
{
    const lk_json *operand;
    if (is_scalar(rule))
        return equal_scalars(rule, value);
    return find_operation(rule, &operand)->matches(operand, value);
}

static bool wants_absence(const lk_json *rule)
{
    const lk_json *wanted = lk_json_get(rule, "exists");
    return wanted && !lk_json_bool(wanted);
}

static bool match_rules(const lk_json *rules, const lk_json *value)
{
    for (size_t i = 0; i < lk_json_length(rules); i++) {
        const lk_json *rule = lk_json_at(rules, i);
        if (!value ? wants_absence(rule) : match_rule(rule, value))
            return true;
    }
    return false;
}

/* An empty list is there, but has nothing that could be equal to anything. */
static bool match_value(const lk_json *pattern, const lk_json *value)
{
    bool rules = lk_json_typeof(pattern) == LK_JSON_ARRAY;
    if (lk_json_typeof(value) != LK_JSON_ARRAY)
        return rules ? match_rules(pattern, value) : match_object(pattern, value);
    for (size_t i = 0; i < lk_json_length(value); i++)
        if (match_value(pattern, lk_json_at(value, i)))
            return true;
    return false;
}

static bool match_alternatives(const lk_json *alternatives, const lk_json *event)
{
    for (size_t i = 0; i < lk_json_length(alternatives); i++)
        if (match_object(lk_json_at(alternatives, i), event))
            return true;
    return false;
}

static bool match_member(lk_slice key, const lk_json *pattern, const lk_json *event)
{
    if (lk_slice_equal_str(key, "$or"))
        return match_alternatives(pattern, event);
    return match_value(pattern, lk_json_get(event, key.ptr));
}

/* Of what is no object every member is absent. */
static bool match_object(const lk_json *pattern, const lk_json *event)
{
    for (void *it = lk_json_iter(pattern); it; it = lk_json_iter_next(pattern, it))
        if (!match_member(lk_json_iter_key(it), lk_json_iter_value(it), event))
            return false;
    return true;
}

/* A text's pattern does not match a JSON object's body, nor the other way round. */
static bool match_body(const lk_json *pattern, const lk_json *event, const lk_json *text)
{
    const lk_json *body = lk_json_get(pattern, "body");
    bool structured = lk_json_typeof(event) == LK_JSON_OBJECT;
    if (lk_json_typeof(body) == LK_JSON_OBJECT)
        return structured && match_object(body, event);
    return !structured && match_rules(body, text);
}

/* The body as the JSON text it is in an event. */
static int body_as_text(lk_slice body, lk_json **text, lk_err *err)
{
    lk_buf quoted = {0};
    lk_json_write_string(&quoted, body);
    int rc = lk_buf_check(&quoted, err);
    if (rc == 0)
        rc = lk_json_parse(lk_buf_slice(&quoted), "body", text, err);
    lk_buf_clear(&quoted);
    return rc;
}

/* Of a body that our parser refuses: it may be JSON all the same, beyond what that reads (half a
 * surrogate pair, numbers beyond a double, thousands of levels). */
static bool may_be_object(lk_slice body)
{
    lk_slice text = lk_slice_trim(body);
    return text.len >= 2 && text.ptr[0] == '{' && text.ptr[text.len - 1] == '}';
}

int lk_filter_match(const lk_filter *filter, lk_slice body, lk_err *err)
{
    lk_json *event = NULL;
    lk_json *text = NULL;
    bool passes = false;
    if (!filter || filter->count == 0)
        return 1;
    int rc = lk_json_parse(body, "body", &event, err);
    if (rc == LK_E_JSON && may_be_object(body))
        return 1; /* what is deleted must be known not to match */
    if (rc == LK_E_JSON)
        rc = 0; /* a text that is no JSON is one of its own */
    if (rc == 0)
        rc = body_as_text(body, &text, err);
    for (size_t i = 0; rc == 0 && !passes && i < filter->count; i++)
        passes = match_body(filter->patterns[i], event, text);
    lk_json_free(event);
    lk_json_free(text);
    return rc == 0 ? passes : LK_E_NOMEM;
}

/* --- Life ----------------------------------------------------------------------------------- */

int lk_filter_new(const char *const *patterns, size_t count, lk_filter **out, lk_err *err)
{
    *out = NULL;
    if (count > LK_FILTER_PATTERNS_MAX)
        return LK_FAIL(err, LK_E_INVALID, "filter criteria: %zu patterns, must be %d at most",
                       count, LK_FILTER_PATTERNS_MAX);
    lk_filter *filter = calloc(1, sizeof(*filter));
    int rc = filter ? 0 : LK_FAIL_NOMEM(err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = lk_json_parse(lk_slice_of(patterns[i]), "filter pattern", &filter->patterns[i], err);
        if (rc == LK_E_JSON)
            rc = refuse(i + 1, "it is not JSON", err);
        filter->count += rc == 0;
        if (rc == 0)
            rc = check_pattern(filter->patterns[i], i + 1, err);
    }
    if (rc != 0) {
        lk_filter_free(filter);
        return rc;
    }
    *out = filter;
    return 0;
}

void lk_filter_free(lk_filter *filter)
{
    for (size_t i = 0; filter && i < filter->count; i++)
        lk_json_free(filter->patterns[i]);
    free(filter);
}
