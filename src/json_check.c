/* SPDX-License-Identifier: MIT
 *
 * json_check: looking at JSON without making a tree of it (the third part of json.h).
 *
 * Job arguments that are printed with each event come from a generator and are compact already:
 * that they can be copied is seen at a fraction of what parsing and writing them again costs. It
 * may say no to what is allowed, never yes to what is not.
 */
#include "json.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

static bool take(cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

static bool take_digits(cursor *c)
{
    const char *start = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > start;
}

static bool take_number(cursor *c)
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
static bool take_string(cursor *c)
{
    if (!take(c, '"'))
        return false;
    for (;;) {
        c->at += lk_json_plain_run((lk_slice){c->at, (size_t)(c->end - c->at)});
        if (take(c, '"'))
            return true;
        if (!take(c, '\\') || c->at == c->end || !memchr("\"\\/bfnrt", *c->at, 8))
            return false;
        c->at++;
    }
}

static bool take_value(cursor *c, unsigned depth);

static bool take_members(cursor *c, unsigned depth)
{
    if (take(c, '}'))
        return true;
    do {
        if (!take_string(c) || !take(c, ':') || !take_value(c, depth))
            return false;
    } while (take(c, ','));
    return take(c, '}');
}

static bool take_elements(cursor *c, unsigned depth)
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
static bool take_value(cursor *c, unsigned depth)
{
    if (c->at == c->end || depth == 0)
        return false;
    switch (*c->at) {
    case '"':
        return take_string(c);
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
    cursor c = {text.ptr, text.ptr + text.len};
    return text.len > 0 && take_value(&c, MAX_DEPTH) && c.at == c.end;
}
