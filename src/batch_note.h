/* SPDX-License-Identifier: MIT
 *
 * batch_note: what a batch has to say: a list of notes, pulled by the caller.
 */
#ifndef LK_BATCH_NOTE_H
#define LK_BATCH_NOTE_H

#include "base.h"

typedef struct lk_note_entry {
    struct lk_note_entry *next;
    lk_note note;
} lk_note_entry;

typedef struct lk_notes {
    lk_note_entry *head;
    lk_note_entry *tail;
} lk_notes;

/* What to say: kind, warning, message_id, queue_name and wait_s of `about`, and the sentence about
 * it. The slices must live as long as the list. */
void lk_notes_add(lk_notes *notes, const lk_note *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same about an error: its codes stay, the sentence goes before its message. */
void lk_notes_add_error(lk_notes *notes, const lk_note *about, const lk_err *error,
                        const char *sentence);
bool lk_notes_pull(lk_notes *notes, lk_note *note);
void lk_notes_clear(lk_notes *notes);

#endif
