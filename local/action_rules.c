/* SPDX-License-Identifier: MIT
 *
 * action_rules: see action_rules.h. The rules are those of the SQS developer guide; the texts are
 * SQS's own where they were seen.
 */
#include "action_rules.h"

#include <string.h>
#include <strings.h>

#define ATTRIBUTES_MAX         10
#define ATTRIBUTE_NAME_CHARS   256
#define TAG_KEY_CHARS          128
#define TAG_VALUE_CHARS        256
#define NUMBER_DIGITS_MAX      38
#define NUMBER_EXPONENT_MIN    (-128)
#define NUMBER_EXPONENT_MAX    126
#define NUMBER_EXPONENT_SANE   100000 /* beyond, digits of an exponent are not even added up */
#define TRACE_HEADER_ATTRIBUTE "AWSTraceHeader"

/* --- Names and ids -------------------------------------------------------------------------- */

/* Not isalnum(): its answer depends on the locale. */
static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool only_name_characters(lk_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != '-')
            return false;
    return s.len > 0;
}

bool lk_rule_fifo_name(lk_slice name)
{
    return lk_slice_has_suffix(name, LK_SLICE_LITERAL(".fifo"));
}

bool lk_rule_queue_name(lk_slice name)
{
    if (name.len > 80)
        return false;
    if (lk_rule_fifo_name(name))
        name.len -= strlen(".fifo");
    return only_name_characters(name);
}

bool lk_rule_entry_id(lk_slice id)
{
    return id.len <= 80 && only_name_characters(id);
}

bool lk_rule_message_id(lk_slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.ptr[i] <= ' ' || id.ptr[i] > '~') /* all of ASCII that prints, less the space */
            return false;
    return id.len >= 1 && id.len <= 128;
}

/* --- Text and numbers ----------------------------------------------------------------------- */

bool lk_rule_characters(lk_slice text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    for (size_t i = 0; i < text.len; i++) {
        if (p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r')
            return false;
        /* U+FFFE and U+FFFF are EF BF BE and EF BF BF; the text is valid UTF-8. */
        if (p[i] == 0xEF && i + 2 < text.len && p[i + 1] == 0xBF && p[i + 2] >= 0xBE)
            return false;
    }
    return true;
}

static size_t count_characters(lk_slice utf8)
{
    size_t count = 0;
    for (size_t i = 0; i < utf8.len; i++)
        count += ((unsigned char)utf8.ptr[i] & 0xC0) != 0x80;
    return count;
}

bool lk_rule_tag_key(lk_slice key)
{
    size_t count = count_characters(key);
    bool reserved = key.len >= 4 && strncasecmp(key.ptr, "aws:", 4) == 0;
    return count >= 1 && count <= TAG_KEY_CHARS && !reserved;
}

bool lk_rule_tag_value(lk_slice value)
{
    return count_characters(value) <= TAG_VALUE_CHARS;
}

/* A decimal number in the making: 0.00120e5 has digits "12", exponent of the first one 2. */
typedef struct number {
    int64_t exponent;    /* power of ten of the first significant digit */
    int64_t significant; /* digits from the first to the last that is not 0 */
    bool one;            /* the significant digits are just "1" */
} number;

/* Reads digits with at most one point; returns what follows, {NULL,0} when there is no digit. */
static lk_slice read_mantissa(lk_slice s, number *n)
{
    int64_t digits = 0, before_point = 0, leading_zeros = 0, last_nonzero = 0;
    bool point = false;
    size_t i = 0;
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        digits++;
        before_point += !point;
        if (c != '0') {
            n->one = last_nonzero == 0 && c == '1';
            last_nonzero = digits;
        } else if (last_nonzero == 0) {
            leading_zeros++;
        }
    }
    if (digits == 0)
        return (lk_slice){0};
    n->significant = last_nonzero == 0 ? 0 : last_nonzero - leading_zeros;
    n->exponent = before_point - leading_zeros - 1;
    return (lk_slice){s.ptr + i, s.len - i};
}

bool lk_rule_number(lk_slice text)
{
    number n = {0};
    int64_t shift = 0;
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        text = (lk_slice){text.ptr + 1, text.len - 1};
    lk_slice rest = read_mantissa(text, &n);
    if (!rest.ptr)
        return false;
    if (rest.len > 0) {
        if (rest.ptr[0] != 'e' && rest.ptr[0] != 'E')
            return false;
        if (!lk_slice_to_int64((lk_slice){rest.ptr + 1, rest.len - 1}, &shift) ||
            shift > NUMBER_EXPONENT_SANE || shift < -NUMBER_EXPONENT_SANE)
            return false;
    }
    if (n.significant == 0)
        return true;
    int64_t exponent = n.exponent + shift;
    return n.significant <= NUMBER_DIGITS_MAX && exponent >= NUMBER_EXPONENT_MIN &&
           (exponent < NUMBER_EXPONENT_MAX || (exponent == NUMBER_EXPONENT_MAX && n.one));
}

/* --- Message attributes --------------------------------------------------------------------- */

static bool reserved_prefix(lk_slice name)
{
    return (name.len >= 4 && strncasecmp(name.ptr, "AWS.", 4) == 0) ||
           (name.len >= 7 && strncasecmp(name.ptr, "Amazon.", 7) == 0);
}

/* The documentation wants ASCII; SQS lets letters like ø pass. */
static bool good_attribute_name(lk_slice name)
{
    if (name.len == 0 || count_characters(name) > ATTRIBUTE_NAME_CHARS || reserved_prefix(name) ||
        name.ptr[0] == '.' || name.ptr[name.len - 1] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = is_alnum(c) || c == '_' || c == '-' || c == '.';
        if (!plain && ((unsigned char)c < 0x80))
            return false;
        if (c == '.' && name.ptr[i + 1] == '.') /* the last one is no point: i + 1 is inside */
            return false;
    }
    return true;
}

/* The base of a data type: "Number" of "Number.float". */
static lk_slice base_type(lk_slice data_type)
{
    lk_slice base;
    lk_slice_cut(data_type, '.', &base);
    return base;
}

static bool is_binary(lk_slice data_type)
{
    return lk_slice_equal_str(base_type(data_type), "Binary");
}

static bool good_data_type(lk_slice data_type)
{
    lk_slice base = base_type(data_type);
    return count_characters(data_type) <= ATTRIBUTE_NAME_CHARS &&
           (lk_slice_equal_str(base, "String") || lk_slice_equal_str(base, "Number") ||
            is_binary(data_type));
}

static int check_type(lk_arena *arena, const lk_attribute_value *value, lk_fault *fault)
{
    if (value->has_list)
        return lk_fault_set(fault, LK_FAULT_UNSUPPORTED);
    if (value->data_type.len == 0)
        return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                               "The message attribute '%.*s' must contain non-empty message "
                               "attribute type.",
                               LK_SLICE_FMT(value->name));
    if (!good_data_type(value->data_type))
        return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                               "The message attribute '%.*s' has an invalid message attribute "
                               "type, the set of supported type prefixes is Binary, Number, and "
                               "String.",
                               LK_SLICE_FMT(value->name));
    return 0;
}

static int check_value(lk_arena *arena, const lk_attribute_value *value, lk_fault *fault)
{
    lk_slice base = base_type(value->data_type);
    lk_slice content = is_binary(value->data_type) ? value->binary_value : value->string_value;
    if (content.len == 0)
        return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                               "Message (user) attribute '%.*s' must contain a non-empty value of "
                               "type '%.*s'.",
                               LK_SLICE_FMT(value->name), LK_SLICE_FMT(base));
    if (is_binary(value->data_type))
        return 0;
    if (!lk_rule_characters(content))
        return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                               "Invalid characters found in the value of message (user) attribute "
                               "'%.*s'.",
                               LK_SLICE_FMT(value->name));
    if (lk_slice_equal_str(base, "Number") && !lk_rule_number(content))
        return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                               "Can't cast the value of message (user) attribute '%.*s' to a "
                               "number.",
                               LK_SLICE_FMT(value->name));
    return 0;
}

static int check_attribute(lk_arena *arena, const lk_attribute_value *value, lk_fault *fault)
{
    if (!good_attribute_name(value->name))
        return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                               "The message attribute name '%.*s' is invalid: 1 to 256 letters, "
                               "digits, '_', '-' and '.', not starting with AWS. or Amazon., no "
                               "'.' at an end or next to another.",
                               LK_SLICE_FMT(value->name));
    int rc = check_type(arena, value, fault);
    return rc ? rc : check_value(arena, value, fault);
}

int lk_rule_attributes(lk_arena *arena, const lk_attribute_values *values,
                       const lk_md5_attribute **checked, lk_fault *fault, lk_err *err)
{
    *checked = NULL;
    if (values->count > ATTRIBUTES_MAX)
        return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                               "Number of message attributes [%zu] exceeds the allowed maximum "
                               "[%d].",
                               values->count, ATTRIBUTES_MAX);
    if (values->count == 0)
        return 0;
    lk_md5_attribute *list = lk_arena_alloc(arena, values->count, sizeof *list);
    if (!list)
        return LK_FAIL_NOMEM(err);
    for (size_t i = 0; i < values->count; i++) {
        const lk_attribute_value *value = &values->items[i];
        int rc = check_attribute(arena, value, fault);
        if (rc)
            return rc;
        list[i] = (lk_md5_attribute){.name = value->name,
                                     .data_type = value->data_type,
                                     .value = is_binary(value->data_type) ? value->binary_value
                                                                          : value->string_value};
    }
    *checked = list;
    return 0;
}

int lk_rule_system_attributes(lk_arena *arena, const lk_attribute_values *values,
                              lk_slice *trace_header, lk_fault *fault)
{
    for (size_t i = 0; i < values->count; i++) {
        const lk_attribute_value *value = &values->items[i];
        if (!lk_slice_equal_str(value->name, TRACE_HEADER_ATTRIBUTE))
            return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                                   "Message system attribute name '%.*s' is invalid; the one there "
                                   "is is " TRACE_HEADER_ATTRIBUTE ".",
                                   LK_SLICE_FMT(value->name));
        if (!lk_slice_equal_str(value->data_type, "String"))
            return lk_fault_format(fault, arena, LK_FAULT_PARAMETER_VALUE,
                                   "Message system attribute '%.*s' must be of type String.",
                                   LK_SLICE_FMT(value->name));
        int rc = check_value(arena, value, fault);
        if (rc)
            return rc;
        *trace_header = value->string_value;
    }
    return 0;
}
