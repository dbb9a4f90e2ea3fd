/* SPDX-License-Identifier: MIT
 *
 * xml: see the header. One pass over the bytes, with the open elements' names on a small stack.
 */
#include "xml.h"

#include <string.h>

enum { MAX_DEPTH = 16 };

typedef struct reader {
    lk_slice rest;              /* still to be read */
    lk_slice names[MAX_DEPTH];  /* of the open elements */
    lk_slice wanted[MAX_DEPTH]; /* the path */
    size_t wanted_count;
    size_t depth;
    size_t matched; /* as many open elements, from the outermost, are those of the path */
    bool root_seen;
    bool found; /* the element was met */
    lk_buf *text;
} reader;

static void skip(reader *r, size_t count)
{
    r->rest = (lk_slice){r->rest.ptr + count, r->rest.len - count};
}

static bool starts(const reader *r, const char *with)
{
    return lk_slice_has_prefix(r->rest, lk_slice_of(with));
}

/* Skips up to and with `end`. false: it does not come. */
static bool skip_behind(reader *r, const char *end)
{
    const char *at = r->rest.len ? memmem(r->rest.ptr, r->rest.len, end, strlen(end)) : NULL;
    if (at)
        skip(r, (size_t)(at - r->rest.ptr) + strlen(end));
    return at != NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(reader *r)
{
    while (r->rest.len > 0 && is_space(r->rest.ptr[0]))
        skip(r, 1);
}

/* --- Text ----------------------------------------------------------------------------------- */

/* U+0000 would cut the text short, and surrogates are no characters. */
static bool add_code_point(lk_buf *out, uint32_t c)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return false;
    if (c < 0x80) {
        lk_buf_add_char(out, (char)c);
        return true;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    lk_buf_add_char(out, (char)(leads[more] | (c >> (6 * more))));
    while (more-- > 0)
        lk_buf_add_char(out, (char)(0x80 | ((c >> (6 * more)) & 0x3f)));
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

/* name: between "&#" and ";". */
static bool add_numeric(lk_buf *out, lk_slice name)
{
    uint32_t base = name.len > 0 && name.ptr[0] == 'x' ? 16 : 10;
    size_t i = base == 16 ? 1 : 0;
    uint32_t value = 0;
    if (i == name.len || name.len > 8)
        return false;
    for (; i < name.len; i++) {
        uint32_t digit = (uint32_t)digit_of(name.ptr[i]);
        if (digit >= base)
            return false;
        value = value * base + digit;
    }
    return add_code_point(out, value);
}

static bool add_reference(lk_buf *out, lk_slice name)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < LK_COUNT(named); i++) {
        if (lk_slice_equal_str(name, named[i].name)) {
            lk_buf_add_char(out, named[i].c);
            return true;
        }
    }
    return name.len > 1 && name.ptr[0] == '#' &&
           add_numeric(out, (lk_slice){name.ptr + 1, name.len - 1});
}

static bool add_decoded(lk_buf *out, lk_slice raw)
{
    while (raw.len > 0) {
        lk_slice plain;
        lk_slice behind = lk_slice_cut(raw, '&', &plain);
        if (plain.len > 0 && memchr(plain.ptr, '\0', plain.len))
            return false;
        lk_buf_add(out, plain);
        if (!behind.ptr)
            return true;
        lk_slice name;
        raw = lk_slice_cut(behind, ';', &name);
        if (!raw.ptr || !add_reference(out, name))
            return false;
    }
    return true;
}

/* Everything up to the next '<'. */
static bool read_text(reader *r)
{
    const char *end = memchr(r->rest.ptr, '<', r->rest.len);
    lk_slice raw = {r->rest.ptr, end ? (size_t)(end - r->rest.ptr) : r->rest.len};
    skip(r, raw.len);
    if (r->depth == 0)
        return lk_slice_trim(raw).len == 0;
    bool wanted = r->found && r->matched == r->wanted_count && r->depth == r->wanted_count;
    lk_buf dropped = {0};
    if (!wanted)
        lk_buf_reserve(&dropped, raw.len); /* at once: no half-grown copies of a secret */
    bool ok = add_decoded(wanted ? r->text : &dropped, raw);
    lk_buf_wipe(&dropped); /* another element's secret */
    return ok;
}

/* --- Tags ----------------------------------------------------------------------------------- */

static lk_slice read_name(reader *r)
{
    size_t len = 0;
    while (len < r->rest.len && !is_space(r->rest.ptr[len]) &&
           !strchr("<>/=&\"'", r->rest.ptr[len]))
        len++;
    lk_slice name = {r->rest.ptr, len};
    skip(r, len);
    return name;
}

/* Name, '=', a quoted value. */
static bool skip_attribute(reader *r)
{
    if (read_name(r).len == 0 || !starts(r, "="))
        return false;
    skip(r, 1);
    char quote[2] = "";
    if (r->rest.len > 0)
        quote[0] = r->rest.ptr[0];
    if (quote[0] != '"' && quote[0] != '\'')
        return false;
    skip(r, 1);
    return skip_behind(r, quote);
}

static void pop(reader *r)
{
    /* The first element at the path is the one: after it nothing matches any more. */
    if (r->found && r->depth == r->wanted_count && r->matched == r->wanted_count)
        r->wanted_count = 0;
    r->depth--;
    r->matched = LK_MIN(r->matched, r->depth);
}

static bool push(reader *r, lk_slice name)
{
    if (name.len == 0 || r->depth == MAX_DEPTH || (r->depth == 0 && r->root_seen))
        return false;
    r->root_seen = true;
    if (!r->found && r->matched == r->depth && r->depth < r->wanted_count) {
        lk_slice wanted = r->wanted[r->depth];
        if (lk_slice_equal_str(wanted, "*") || lk_slice_equal(wanted, name))
            r->matched++;
        r->found = r->matched == r->wanted_count;
    }
    r->names[r->depth++] = name;
    return true;
}

static bool read_start(reader *r)
{
    skip(r, 1);
    if (!push(r, read_name(r)))
        return false;
    for (skip_space(r); !starts(r, ">"); skip_space(r)) {
        if (starts(r, "/>")) {
            skip(r, 2);
            pop(r);
            return true;
        }
        if (!skip_attribute(r))
            return false;
    }
    skip(r, 1);
    return true;
}

static bool read_end(reader *r)
{
    skip(r, 2);
    lk_slice name = read_name(r);
    skip_space(r);
    if (r->depth == 0 || !starts(r, ">") || !lk_slice_equal(name, r->names[r->depth - 1]))
        return false;
    skip(r, 1);
    pop(r);
    return true;
}

static bool read_markup(reader *r)
{
    if (starts(r, "</"))
        return read_end(r);
    if (starts(r, "<!--"))
        return skip_behind(r, "-->");
    if (starts(r, "<?xml"))
        return !r->root_seen && skip_behind(r, "?>");
    if (starts(r, "<!") || starts(r, "<?"))
        return false;
    return read_start(r);
}

static bool split_path(reader *r, const char *path)
{
    lk_slice rest = lk_slice_of(path);
    while (rest.ptr && r->wanted_count < MAX_DEPTH)
        rest = lk_slice_cut(rest, '/', &r->wanted[r->wanted_count++]);
    return !rest.ptr;
}

int lk_xml_text(lk_slice document, const char *path, lk_buf *text, lk_err *err)
{
    reader r = {.rest = document, .text = text};
    bool ok = split_path(&r, path);
    while (ok && r.rest.len > 0)
        ok = r.rest.ptr[0] == '<' ? read_markup(&r) : read_text(&r);
    if (!ok || r.depth > 0 || !r.root_seen)
        return LK_FAIL(err, LK_E_INVALID, "malformed XML");
    int rc = lk_buf_check(text, err);
    return rc ? rc : r.found;
}
