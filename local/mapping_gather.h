/* SPDX-License-Identifier: MIT
 *
 * mapping_gather: the messages of one batch while it fills: the answers of several receives, and
 * how much of an event's payload they will take.
 */
#ifndef LK_LOCAL_MAPPING_GATHER_H
#define LK_LOCAL_MAPPING_GATHER_H

#include "base.h"

/* Zero-initialise; lk_gathered_clear when done with the messages. */
typedef struct lk_gathered {
    lk_messages **answers;
    size_t answer_count;
    size_t answer_capacity;
    const lk_message **messages; /* owned by the answers; in the order of the receives */
    size_t count;
    size_t capacity;
    size_t bytes; /* at least so many in the event: bodies, handles, attributes */
} lk_gathered;

/* answer: transferred, also on failure. LK_E_NOMEM: its messages are not in here; they come back
 * when their visibility timeout ends. */
int lk_gathered_add(lk_gathered *gathered, lk_messages *answer, lk_err *err);
void lk_gathered_clear(lk_gathered *gathered);

#endif
