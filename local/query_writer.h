/* SPDX-License-Identifier: MIT
 *
 * query_writer: answers of the Query protocol as text: XML, or JSON of the same structure, which
 * SQS sends to who accepts that only.
 *
 * The two differ in lists. In XML they are flattened (the items stand where the list would, each
 * under the item's name), in JSON they have the list's name and the items none. What is absent is
 * left out of XML and null in JSON.
 */
#ifndef LK_LOCAL_QUERY_WRITER_H
#define LK_LOCAL_QUERY_WRITER_H

#include "json.h"

typedef struct lk_query_writer {
    lk_buf *out;
    bool is_json;
    lk_json_writer json;
    size_t open_tag_end; /* XML: where a start tag ended behind which nothing was written so far */
} lk_query_writer;

void lk_query_begin_document(lk_query_writer *w, lk_buf *out, bool is_json);
void lk_query_end_document(lk_query_writer *w);

/* A structure with a name. xmlns: of its start tag; NULL: none. */
void lk_query_begin(lk_query_writer *w, const char *name, const char *xmlns);
void lk_query_end(lk_query_writer *w, const char *name);

/* A list, its items each a structure or (lk_query_item_text) a string. */
void lk_query_begin_list(lk_query_writer *w, const char *list_name);
void lk_query_end_list(lk_query_writer *w);
void lk_query_begin_item(lk_query_writer *w, const char *item_name);
void lk_query_end_item(lk_query_writer *w, const char *item_name);
void lk_query_item_text(lk_query_writer *w, const char *item_name, lk_slice text);

/* Members of a structure. text {NULL,0}: absent. What XML cannot hold (control characters, bytes
 * that are not UTF-8) becomes U+FFFD. */
void lk_query_text(lk_query_writer *w, const char *name, lk_slice text);
void lk_query_base64(lk_query_writer *w, const char *name, lk_slice bytes);
void lk_query_int(lk_query_writer *w, const char *name, int64_t value);
void lk_query_bool(lk_query_writer *w, const char *name, bool value);
void lk_query_absent(lk_query_writer *w, const char *name);

#endif
