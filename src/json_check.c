/* SPDX-License-Identifier: MIT
 *
 * json_check: looking at JSON without making a tree of it (the third part of json.h).
 *
 * Job arguments that are printed with each event come from a generator and are compact already:
 * that they can be copied is seen at a fraction of what parsing and writing them again costs. The
 * answers of SQS that follow each send are flat lists of short strings, so that what they say can
 * be picked out. All may say no to what is allowed, never yes to what is not.
 */
#include "json.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

/* To nothing at all nothing can be added, not even zero. */
lk_json_cursor lk_json_cursor_of(lk_slice text)
{
    const char *start = text.ptr ? text.ptr : "";
    return (lk_json_cursor){start, start + text.len};
}

static bool take(lk_json_cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_word(lk_json_cursor *c, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

static bool take_digits(lk_json_cursor *c)
{
    const char *start = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > start;
}

static bool take_number(lk_json_cursor *c)
{
    take(c, '-');
    if (!take(c, '0') && !take_digits(c))
        return false;
    if (take(c, '.') && !take_digits(c))
        return false;
    if (!take(c, 'e') && !take(c, 'E'))
        return true;
    if (!take(c, '+'))
        take(c, '-');
    return take_digits(c);
}

/* Without \u: whether surrogates are paired is left to the parser. */
bool lk_json_take_string(lk_json_cursor *c, lk_slice *string)
{
    static const char escapes[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
    if (!take(c, '"'))
        return false;
    for (const char *start = c->at;;) {
        c->at += lk_json_plain_run((lk_slice){c->at, (size_t)(c->end - c->at)});
        *string = (lk_slice){start, (size_t)(c->at - start)};
        if (take(c, '"'))
            return true;
        if (!take(c, '\\') || c->at == c->end || !memchr(escapes, *c->at, sizeof(escapes)))
            return false;
        c->at++;
    }
}

static char unescaped(char c)
{
    static const char escapes[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    const char *at = strchr(escapes, c);
    if (at)
        c = meanings[at - escapes];
    return c;
}

/* A backslash is never the last character. */
size_t lk_json_unescape(lk_slice string, char *out)
{
    const char *at = string.ptr, *end = string.ptr + string.len, *backslash;
    char *start = out;
    while ((backslash = memchr(at, '\\', (size_t)(end - at)))) {
        size_t plain = (size_t)(backslash - at);
        memcpy(out, at, plain);
        out[plain] = unescaped(backslash[1]);
        out += plain + 1;
        at = backslash + 2;
    }
    memcpy(out, at, (size_t)(end - at));
    return (size_t)(out - start) + (size_t)(end - at);
}

static bool take_value(lk_json_cursor *c, unsigned depth);

static bool take_members(lk_json_cursor *c, unsigned depth)
{
    lk_slice name;
    if (take(c, '}'))
        return true;
    do {
        if (!lk_json_take_string(c, &name) || !take(c, ':') || !take_value(c, depth))
            return false;
    } while (take(c, ','));
    return take(c, '}');
}

static bool take_elements(lk_json_cursor *c, unsigned depth)
{
    if (take(c, ']'))
        return true;
    do {
        if (!take_value(c, depth))
            return false;
    } while (take(c, ','));
    return take(c, ']');
}

/* depth: how many levels more there may be. */
static bool take_value(lk_json_cursor *c, unsigned depth)
{
    lk_slice string;
    if (c->at == c->end || depth == 0)
        return false;
    switch (*c->at) {
    case '"':
        return lk_json_take_string(c, &string);
    case '{':
        return take(c, '{') && take_members(c, depth - 1);
    case '[':
        return take(c, '[') && take_elements(c, depth - 1);
    case 't':
        return take_word(c, "true");
    case 'f':
        return take_word(c, "false");
    case 'n':
        return take_word(c, "null");
    default:
        return take_number(c);
    }
}

bool lk_json_is_compact(lk_slice text)
{
    lk_json_cursor c = lk_json_cursor_of(text);
    return text.len > 0 && take_value(&c, MAX_DEPTH) && c.at == c.end;
}

/* --- Plain objects -------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(lk_json_cursor *c)
{
    while (c->at < c->end && is_space(*c->at))
        c->at++;
}

bool lk_json_take_mark(lk_json_cursor *c, char mark)
{
    skip_space(c);
    if (!take(c, mark))
        return false;
    skip_space(c);
    return true;
}

static bool take_plain_string(lk_json_cursor *c, lk_slice *string)
{
    if (!take(c, '"'))
        return false;
    const char *start = c->at;
    while (c->at < c->end && *c->at != '"') {
        if (*c->at < ' ' || *c->at > '~' || *c->at == '\\')
            return false;
        c->at++;
    }
    *string = (lk_slice){start, (size_t)(c->at - start)};
    return take(c, '"');
}

/* One plain object; values of those members that have a key, where there are keys. */
static bool take_plain_object(lk_json_cursor *c, const char *const *keys, size_t count,
                              lk_slice *values)
{
    lk_slice name, value;
    if (!lk_json_take_mark(c, '{'))
        return false;
    if (lk_json_take_mark(c, '}'))
        return true;
    do {
        if (!take_plain_string(c, &name) || !lk_json_take_mark(c, ':') ||
            !take_plain_string(c, &value))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (lk_slice_equal_str(name, keys[i]))
                values[i] = value;
        }
    } while (lk_json_take_mark(c, ','));
    return lk_json_take_mark(c, '}');
}

bool lk_json_plain_members(lk_slice text, const char *const *keys, size_t count, lk_slice *values)
{
    lk_json_cursor c = lk_json_cursor_of(text);
    for (size_t i = 0; i < count; i++)
        values[i] = (lk_slice){NULL, 0};
    return text.len > 0 && take_plain_object(&c, keys, count, values) && c.at == c.end;
}

static bool take_plain_list(lk_json_cursor *c, lk_slice *elements, size_t capacity, size_t *count)
{
    *count = 0;
    if (!lk_json_take_mark(c, '['))
        return false;
    if (lk_json_take_mark(c, ']'))
        return true;
    do {
        const char *start = c->at;
        if (*count == capacity || !take_plain_object(c, NULL, 0, NULL))
            return false;
        elements[(*count)++] = (lk_slice){start, (size_t)(c->at - start)};
    } while (lk_json_take_mark(c, ','));
    return lk_json_take_mark(c, ']');
}

bool lk_json_plain_list(lk_slice text, const char *key, lk_slice *elements, size_t capacity,
                        size_t *count)
{
    lk_json_cursor c = lk_json_cursor_of(text);
    bool found = false;
    *count = 0;
    if (text.len == 0 || !lk_json_take_mark(&c, '{'))
        return false;
    do {
        lk_slice name;
        size_t none;
        if (!take_plain_string(&c, &name) || !lk_json_take_mark(&c, ':'))
            return false;
        bool wanted = lk_slice_equal_str(name, key);
        if (wanted && found)
            return false;
        found |= wanted;
        if (!take_plain_list(&c, elements, wanted ? capacity : 0, wanted ? count : &none))
            return false;
    } while (lk_json_take_mark(&c, ','));
    return lk_json_take_mark(&c, '}') && c.at == c.end;
}
