/* SPDX-License-Identifier: MIT
 *
 * event_read: events as Lambda writes them, read from their text: a tree of the whole event costs
 * several times as much, and records need no more than a few of its strings.
 */
#ifndef LK_EVENT_READ_H
#define LK_EVENT_READ_H

#include "base.h"

/* What was read; lk_event_text_clear. */
typedef struct lk_event_text {
    lk_record *records; /* their texts are borrowed from the event's, or point into memory */
    size_t count;
    char *memory; /* strings without their escapes; NULL: there were none */
} lk_event_text;

/* 1: read. 0: the text has something that this does not read (\u escapes, members twice, nulls,
 * more than max_records, what is wrong in any way …): *event is empty, parse it. LK_E_NOMEM. */
int lk_event_read(lk_slice text, size_t max_records, lk_event_text *event);
void lk_event_text_clear(lk_event_text *event); /* back to {0} */

#endif
