/* SPDX-License-Identifier: MIT
 *
 * batch_note: a queue of notes. When memory is out, a log line is lost, never a record's fate.
 */
#include "batch_note.h"

#include <stdlib.h>

static lk_note *append(lk_notes *notes, const lk_note *about)
{
    lk_note_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->note = *about;
    if (notes->tail)
        notes->tail->next = entry;
    else
        notes->head = entry;
    notes->tail = entry;
    return &entry->note;
}

void lk_notes_add(lk_notes *notes, const lk_note *about, const char *format, ...)
{
    lk_note *note = append(notes, about);
    if (!note)
        return;
    va_list args;
    va_start(args, format);
    lk_err_vset(&note->err, LK_OK, format, args);
    va_end(args);
}

void lk_notes_add_error(lk_notes *notes, const lk_note *about, const lk_err *error,
                        const char *sentence)
{
    lk_note *note = append(notes, about);
    if (!note)
        return;
    note->err = *error;
    lk_err_prefix(&note->err, "%s", sentence);
}

bool lk_notes_pull(lk_notes *notes, lk_note *note)
{
    lk_note_entry *entry = notes->head;
    if (!entry)
        return false;
    *note = entry->note;
    notes->head = entry->next;
    if (!notes->head)
        notes->tail = NULL;
    free(entry);
    return true;
}

void lk_notes_clear(lk_notes *notes)
{
    lk_note dropped;
    while (lk_notes_pull(notes, &dropped))
        ;
}

const char *lk_note_name(lk_note_kind kind)
{
    static const char *const names[] = {
        [LK_NOTE_FOREIGN] = "FOREIGN",
        [LK_NOTE_SKIPPED] = "SKIPPED",
        [LK_NOTE_DEFERRED] = "DEFERRED",
        [LK_NOTE_HOPPED] = "HOPPED",
        [LK_NOTE_DRAINED] = "DRAINED",
        [LK_NOTE_UNSTARTED] = "UNSTARTED",
        [LK_NOTE_SETTLE_FAILED] = "SETTLE_FAILED",
        [LK_NOTE_ATTRIBUTES_UNKNOWN] = "ATTRIBUTES_UNKNOWN",
        [LK_NOTE_RETENTION] = "RETENTION",
        [LK_NOTE_NO_REDRIVE] = "NO_REDRIVE",
        [LK_NOTE_LONG_GROUP] = "LONG_GROUP",
    };
    size_t index = (size_t)kind;
    return index < LK_COUNT(names) ? names[index] : "?";
}
