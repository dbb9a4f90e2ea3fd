/* SPDX-License-Identifier: MIT
 *
 * json_write: writing JSON straight into a buffer (the second half of json.h).
 *
 * A message body of some kilobytes is escaped on each enqueue, so strings are looked at eight bytes
 * at a time and copied in runs. What is written is always valid: bytes that are not UTF-8 become
 * U+FFFD, numbers do not depend on the locale.
 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 31 }; /* one bit of has_member for each level */

/* --- Strings -------------------------------------------------------------------------------- */

/* Whether one of the eight bytes is a control character, a quote, a backslash or not ASCII. */
static bool needs_attention(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = UINT64_C(0x8080808080808080);
    /* (x - 1) sets the top bit of a zero byte x; a borrow can only come from a byte that needs
     * attention itself. */
    uint64_t quotes = (word ^ ones * '"') - ones;
    uint64_t backslashes = (word ^ ones * '\\') - ones;
    uint64_t controls = word - ones * 0x20;
    return ((quotes | backslashes | controls | word) & tops) != 0;
}

size_t lk_json_plain_run(lk_slice s)
{
    size_t i = 0;
    for (uint64_t word; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.ptr + i, sizeof(word));
        if (needs_attention(word))
            break;
    }
    for (size_t len; i < s.len; i += len) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        len = c < 0x80 ? 1 : lk_utf8_length((lk_slice){s.ptr + i, s.len - i});
        if (len == 0)
            break;
    }
    return i;
}

static void write_escape(lk_buf *out, unsigned char c)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: byte, letter */
    for (size_t i = 0; i + 1 < sizeof(short_forms); i += 2) {
        if ((unsigned char)short_forms[i] == c) {
            char escape[2] = {'\\', short_forms[i + 1]};
            lk_buf_add(out, (lk_slice){escape, sizeof(escape)});
            return;
        }
    }
    if (c >= 0x80) {
        lk_buf_add_str(out, "\xef\xbf\xbd"); /* U+FFFD */
        return;
    }
    char escape[7] = "\\u00";
    lk_hex(&c, 1, escape + 4);
    lk_buf_add(out, (lk_slice){escape, 6});
}

/* A quote and the start of s that needs no escapes, room for which is there; how many bytes that
 * is. */
static size_t open_string(lk_buf *out, lk_slice s)
{
    size_t run = lk_json_plain_run(s);
    char *to = out->ptr + out->len;
    *to++ = '"';
    if (run > 0)
        memcpy(to, s.ptr, run);
    out->len += run + 1;
    return run;
}

void lk_json_write_string(lk_buf *out, lk_slice s)
{
    /* Room at once for what mostly is all of it; a sum that overflows fails like one too large. */
    if (!lk_buf_reserve(out, s.len > SIZE_MAX - 2 ? SIZE_MAX : s.len + 2))
        return;
    size_t run = open_string(out, s);
    while (run < s.len) {
        write_escape(out, (unsigned char)s.ptr[run]);
        s = (lk_slice){s.ptr + run + 1, s.len - run - 1};
        run = lk_json_plain_run(s);
        lk_buf_add(out, (lk_slice){s.ptr, run});
    }
    lk_buf_add_char(out, '"');
}

/* --- Numbers -------------------------------------------------------------------------------- */

/* The decimal point of the process's locale, which may be several bytes, becomes a '.'. */
static void unlocalise(char *number)
{
    char *to = number;
    for (const char *from = number; *from; from++) {
        if (strchr("0123456789+-e", *from))
            *to++ = *from;
        else if (to == number || to[-1] != '.')
            *to++ = '.';
    }
    *to = '\0';
}

void lk_json_write_double(lk_buf *out, double value)
{
    if (!isfinite(value)) {
        lk_buf_add_str(out, "null");
        return;
    }
    char text[48] = "";
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    unlocalise(text);
    lk_buf_add_str(out, text);
    if (!strpbrk(text, ".e"))
        lk_buf_add_str(out, ".0"); /* stays a real for whoever reads it */
}

/* --- Structure ------------------------------------------------------------------------------ */

/* The comma that a value or key needs before it. */
static void separate(lk_json_writer *w)
{
    uint32_t level = UINT32_C(1) << w->depth;
    if (!w->after_key && w->depth > 0 && (w->has_member & level))
        lk_buf_add_char(w->out, ',');
    w->has_member |= level;
    w->after_key = false;
}

static void begin(lk_json_writer *w, char bracket)
{
    separate(w);
    if (w->depth == MAX_DEPTH) {
        w->out->failed = true; /* nothing of ours nests so deep; never write a wrong structure */
        return;
    }
    lk_buf_add_char(w->out, bracket);
    w->depth++;
    w->has_member &= ~(UINT32_C(1) << w->depth);
}

static void end(lk_json_writer *w, char bracket)
{
    if (w->depth == 0 || w->after_key) {
        w->out->failed = true; /* one end too many, or a key without a value */
        return;
    }
    w->depth--;
    lk_buf_add_char(w->out, bracket);
}

void lk_json_begin_object(lk_json_writer *w)
{
    begin(w, '{');
}

void lk_json_end_object(lk_json_writer *w)
{
    end(w, '}');
}

void lk_json_begin_array(lk_json_writer *w)
{
    begin(w, '[');
}

void lk_json_end_array(lk_json_writer *w)
{
    end(w, ']');
}

void lk_json_key(lk_json_writer *w, const char *key)
{
    lk_json_key_slice(w, lk_slice_of(key));
}

void lk_json_key_slice(lk_json_writer *w, lk_slice key)
{
    separate(w);
    lk_json_write_string(w->out, key);
    lk_buf_add_char(w->out, ':');
    w->after_key = true;
}

void lk_json_value_string(lk_json_writer *w, lk_slice s)
{
    separate(w);
    lk_json_write_string(w->out, s);
}

void lk_json_value_str(lk_json_writer *w, const char *text)
{
    lk_json_value_string(w, lk_slice_of(text));
}

void lk_json_value_int(lk_json_writer *w, int64_t value)
{
    separate(w);
    lk_buf_add_int64(w->out, value);
}

void lk_json_value_double(lk_json_writer *w, double value)
{
    separate(w);
    lk_json_write_double(w->out, value);
}

void lk_json_value_bool(lk_json_writer *w, bool value)
{
    lk_json_value_raw(w, value ? LK_SLICE_LITERAL("true") : LK_SLICE_LITERAL("false"));
}

void lk_json_value_null(lk_json_writer *w)
{
    lk_json_value_raw(w, LK_SLICE_LITERAL("null"));
}

void lk_json_value_raw(lk_json_writer *w, lk_slice json)
{
    separate(w);
    lk_buf_add(w->out, json);
}

void lk_json_member_string(lk_json_writer *w, const char *key, lk_slice s)
{
    lk_json_key(w, key);
    lk_json_value_string(w, s);
}

void lk_json_member_str(lk_json_writer *w, const char *key, const char *text)
{
    lk_json_key(w, key);
    lk_json_value_str(w, text);
}

void lk_json_member_int(lk_json_writer *w, const char *key, int64_t value)
{
    lk_json_key(w, key);
    lk_json_value_int(w, value);
}
