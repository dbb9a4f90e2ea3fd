/* SPDX-License-Identifier: MIT
 *
 * json: reading and writing JSON; the only file that includes jansson.
 *
 * Reading gives a tree (lk_json, owned by the caller of lk_json_parse; children are borrowed from
 * it). Writing goes straight into an lk_buf, without a tree: lk_json_write_* put separators
 * nowhere, the caller writes the punctuation it needs, or uses lk_json_writer.
 */
#ifndef LK_JSON_H
#define LK_JSON_H

#include "base.h"

typedef struct lk_json lk_json; /* opaque: a jansson value */

/* Parses one whole document (any top-level value). Rejects garbage behind it, invalid UTF-8 and
 * nesting beyond jansson's limit (2048). Of members with one name the last counts. \u0000 is
 * allowed in strings, not in member names. Integers beyond int64 become reals: whoever passes
 * numbers on takes their text with lk_json_raw_member. *out is NULL on failure. `what` names the
 * text in the error ("event", "body of message 1234"), which never quotes the text itself. Returns
 * 0, LK_E_JSON, LK_E_NOMEM. (jansson calls it a syntax error when memory runs out amid a string or
 * number: then it is LK_E_JSON.) */
int lk_json_parse(lk_slice text, const char *what, lk_json **out, lk_err *err);
void lk_json_free(lk_json *root); /* of lk_json_parse only; accepts NULL */

typedef enum lk_json_type {
    LK_JSON_MISSING, /* a NULL lk_json */
    LK_JSON_NULL,
    LK_JSON_BOOL,
    LK_JSON_INT,
    LK_JSON_REAL,
    LK_JSON_STRING,
    LK_JSON_ARRAY,
    LK_JSON_OBJECT
} lk_json_type;

/* All accept NULL and wrong types, and then give the neutral value, so that lookups chain:
 * lk_json_string(lk_json_get(lk_json_get(record, "attributes"), "SentTimestamp")). */
lk_json_type lk_json_typeof(const lk_json *v);
const lk_json *lk_json_get(const lk_json *object, const char *key); /* NULL when absent */
lk_slice lk_json_string(const lk_json *v);                          /* {NULL,0} unless a string */
bool lk_json_bool(const lk_json *v);
/* An integer, an integral real, or a string of digits (SQS sends both forms). */
bool lk_json_int64(const lk_json *v, int64_t *value);
double lk_json_double(const lk_json *v);
size_t lk_json_length(const lk_json *v); /* array elements or object members */
const lk_json *lk_json_at(const lk_json *array, size_t index);

/* Members of an object in document order:
 *     for (void *it = lk_json_iter(obj); it; it = lk_json_iter_next(obj, it)) … */
void *lk_json_iter(const lk_json *object);
void *lk_json_iter_next(const lk_json *object, void *it);
lk_slice lk_json_iter_key(void *it);
const lk_json *lk_json_iter_value(void *it);

/* The text of member `key` of the object that object_text is, exactly as it stands there: for
 * values to be passed on (job arguments) whose numbers must not change. object_text must have been
 * accepted by lk_json_parse. Borrowed from object_text; {NULL,0}: no such member, or not an object.
 */
lk_slice lk_json_raw_member(lk_slice object_text, const char *key);

/* Plain objects are those whose members are all strings of printable ASCII without escapes, as in
 * SQS's answers. They are read from the text: a tree costs twenty times as much. Both functions
 * return false when text is anything else, JSON or not: then parse it. What they find is borrowed
 * from text. */

/* values[i] is what member keys[i] of a plain object says; {NULL,0}: no such member. The last of
 * members with one name counts. */
bool lk_json_plain_members(lk_slice text, const char *const *keys, size_t count, lk_slice *values);
/* elements gets the members of list `key`, in their order, of an object whose other members are
 * empty lists; all are plain objects. *count: how many there are, at most capacity. */
bool lk_json_plain_list(lk_slice text, const char *key, lk_slice *elements, size_t capacity,
                        size_t *count);

/* Steps through a text, for readers of their own. Each goes past what it takes; false: that does
 * not stand there, and the cursor is wherever it gave up. */
typedef struct lk_json_cursor {
    const char *at;
    const char *end;
} lk_json_cursor;

/* At the beginning of text, which may be absent. */
lk_json_cursor lk_json_cursor_of(lk_slice text);
/* One of the marks {}[]:, with white space around it. */
bool lk_json_take_mark(lk_json_cursor *c, char mark);
/* A string; *string: what stands between its quotes, escapes as they are, borrowed from the text.
 * Only with those of two characters: false for \u, and for what is not UTF-8. */
bool lk_json_take_string(lk_json_cursor *c, lk_slice *string);
/* What such a string means, written to out, which has room for string.len bytes; the length. */
size_t lk_json_unescape(lk_slice string, char *out);

/* Whether text is one JSON value without white space between its parts, on one line therefore,
 * which may be passed on as it is. False as well where telling takes more than a look: \u escapes,
 * deep nesting. */
bool lk_json_is_compact(lk_slice text);

/* Appends v as compact JSON. */
int lk_json_dump(const lk_json *v, lk_buf *out, lk_err *err);

/* --- Writing -------------------------------------------------------------------------------- */

/* A quoted, escaped string. Invalid UTF-8 bytes become U+FFFD. */
void lk_json_write_string(lk_buf *out, lk_slice s);
/* Bytes from the start of s that stand in a string as they are: up to a quote, a backslash, a
 * control character or what is not UTF-8. */
size_t lk_json_plain_run(lk_slice s);
void lk_json_write_double(lk_buf *out, double value); /* shortest that reads back; NaN/Inf → null */

/* Punctuation for nested objects and lists, up to 31 levels deep:
 *     lk_json_writer w = {.out = &buf};
 *     lk_json_begin_object(&w); lk_json_key(&w, "Records"); … lk_json_end_object(&w); */
typedef struct lk_json_writer {
    lk_buf *out;
    uint32_t has_member; /* bit per level */
    unsigned depth;
    bool after_key;
} lk_json_writer;

void lk_json_begin_object(lk_json_writer *w);
void lk_json_end_object(lk_json_writer *w);
void lk_json_begin_array(lk_json_writer *w);
void lk_json_end_array(lk_json_writer *w);
void lk_json_key(lk_json_writer *w, const char *key);
void lk_json_key_slice(lk_json_writer *w, lk_slice key);
void lk_json_value_string(lk_json_writer *w, lk_slice s);
void lk_json_value_str(lk_json_writer *w, const char *text);
void lk_json_value_int(lk_json_writer *w, int64_t value);
void lk_json_value_double(lk_json_writer *w, double value);
void lk_json_value_bool(lk_json_writer *w, bool value);
void lk_json_value_null(lk_json_writer *w);
void lk_json_value_raw(lk_json_writer *w, lk_slice json); /* already JSON */

/* key + value in one. */
void lk_json_member_string(lk_json_writer *w, const char *key, lk_slice s);
void lk_json_member_str(lk_json_writer *w, const char *key, const char *text);
void lk_json_member_int(lk_json_writer *w, const char *key, int64_t value);

#endif
