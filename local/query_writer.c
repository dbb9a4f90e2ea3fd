/* SPDX-License-Identifier: MIT
 *
 * query_writer: see the header.
 */
#include "query_writer.h"

/* --- XML ------------------------------------------------------------------------------------ */

/* What stands for the character that text begins with, `len` bytes of it (0: not UTF-8); NULL: it
 * stands for itself. */
static const char *replacement(lk_slice text, size_t len)
{
    static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */
    if (len == 0)
        return unknown;
    if (len > 1) /* U+FFFE and U+FFFF are no characters of XML */
        return lk_slice_has_prefix(text, LK_SLICE_LITERAL("\xef\xbf\xbe")) ||
                       lk_slice_has_prefix(text, LK_SLICE_LITERAL("\xef\xbf\xbf"))
                   ? unknown
                   : NULL;
    switch (text.ptr[0]) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\r': /* a reader of XML makes a bare one, and CR LF, a LF: the MD5 would not fit */
        return "&#xD;";
    case '\t':
    case '\n':
        return NULL;
    default:
        return (unsigned char)text.ptr[0] < 0x20 ? unknown : NULL;
    }
}

static void add_escaped(lk_buf *out, lk_slice text)
{
    size_t run = 0; /* bytes that stay as they are */
    lk_buf_reserve(out, text.len);
    while (run < text.len) {
        lk_slice rest = {text.ptr + run, text.len - run};
        size_t len = lk_utf8_length(rest);
        const char *instead = replacement(rest, len);
        if (!instead) {
            run += len;
            continue;
        }
        lk_buf_add(out, (lk_slice){text.ptr, run});
        lk_buf_add_str(out, instead);
        run += LK_MAX(len, (size_t)1);
        text = (lk_slice){text.ptr + run, text.len - run};
        run = 0;
    }
    lk_buf_add(out, text);
}

static void start_tag(lk_query_writer *w, const char *name, const char *xmlns)
{
    lk_buf_addf(w->out, "<%s", name);
    if (xmlns)
        lk_buf_addf(w->out, " xmlns=\"%s\"", xmlns);
    lk_buf_add_char(w->out, '>');
    w->open_tag_end = w->out->len;
}

/* Of an element without content its start tag is made the whole: <Name/>. */
static void end_tag(lk_query_writer *w, const char *name)
{
    if (w->open_tag_end == w->out->len && !w->out->failed) {
        w->out->len--;
        lk_buf_add_str(w->out, "/>");
    } else {
        lk_buf_addf(w->out, "</%s>", name);
    }
    w->open_tag_end = 0;
}

static void element(lk_query_writer *w, const char *name, lk_slice text)
{
    lk_buf_addf(w->out, "<%s>", name);
    add_escaped(w->out, text);
    lk_buf_addf(w->out, "</%s>", name);
}

/* --- Structures and lists ------------------------------------------------------------------- */

void lk_query_begin_document(lk_query_writer *w, lk_buf *out, bool is_json)
{
    *w = (lk_query_writer){.out = out, .is_json = is_json, .json = {.out = out}};
    if (is_json)
        lk_json_begin_object(&w->json);
    else
        lk_buf_add_str(out, "<?xml version=\"1.0\"?>");
}

void lk_query_end_document(lk_query_writer *w)
{
    if (w->is_json)
        lk_json_end_object(&w->json);
}

void lk_query_begin(lk_query_writer *w, const char *name, const char *xmlns)
{
    if (!w->is_json) {
        start_tag(w, name, xmlns);
        return;
    }
    lk_json_key(&w->json, name);
    lk_json_begin_object(&w->json);
}

void lk_query_end(lk_query_writer *w, const char *name)
{
    if (w->is_json)
        lk_json_end_object(&w->json);
    else
        end_tag(w, name);
}

void lk_query_begin_list(lk_query_writer *w, const char *list_name)
{
    if (!w->is_json)
        return;
    lk_json_key(&w->json, list_name);
    lk_json_begin_array(&w->json);
}

void lk_query_end_list(lk_query_writer *w)
{
    if (w->is_json)
        lk_json_end_array(&w->json);
}

void lk_query_begin_item(lk_query_writer *w, const char *item_name)
{
    if (w->is_json)
        lk_json_begin_object(&w->json);
    else
        start_tag(w, item_name, NULL);
}

void lk_query_end_item(lk_query_writer *w, const char *item_name)
{
    lk_query_end(w, item_name);
}

void lk_query_item_text(lk_query_writer *w, const char *item_name, lk_slice text)
{
    if (w->is_json)
        lk_json_value_string(&w->json, text);
    else
        element(w, item_name, text);
}

/* --- Members -------------------------------------------------------------------------------- */

void lk_query_text(lk_query_writer *w, const char *name, lk_slice text)
{
    if (!text.ptr)
        lk_query_absent(w, name);
    else if (w->is_json)
        lk_json_member_string(&w->json, name, text);
    else
        element(w, name, text);
}

void lk_query_base64(lk_query_writer *w, const char *name, lk_slice bytes)
{
    lk_buf text = {0};
    lk_base64_encode(&text, (const unsigned char *)bytes.ptr, bytes.len);
    lk_query_text(w, name, lk_buf_slice(&text));
    w->out->failed |= text.failed;
    lk_buf_clear(&text);
}

void lk_query_int(lk_query_writer *w, const char *name, int64_t value)
{
    if (w->is_json)
        lk_json_member_int(&w->json, name, value);
    else
        lk_buf_addf(w->out, "<%s>%lld</%s>", name, (long long)value, name);
}

void lk_query_bool(lk_query_writer *w, const char *name, bool value)
{
    if (!w->is_json) {
        element(w, name, lk_slice_of(value ? "true" : "false"));
        return;
    }
    lk_json_key(&w->json, name);
    lk_json_value_bool(&w->json, value);
}

void lk_query_absent(lk_query_writer *w, const char *name)
{
    if (!w->is_json)
        return;
    lk_json_key(&w->json, name);
    lk_json_value_null(&w->json);
}
