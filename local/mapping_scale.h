/* SPDX-License-Identifier: MIT
 *
 * mapping_scale: how many pollers of a mapping may poll, so that the number of invocations follows
 * the backlog and somebody always polls.
 *
 * One poller is awake at first. When the last that polled gets a batch to work on, one more wakes
 * up; when one finds nothing, and another polls too, one less will do. Pure: it knows no threads
 * and no time; who uses it holds a lock.
 */
#ifndef LK_LOCAL_MAPPING_SCALE_H
#define LK_LOCAL_MAPPING_SCALE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lk_scale_poller {
    bool receiving; /* a receive is on its way, or its batch is being filled */
    bool working;   /* on a batch, until its last delete */
} lk_scale_poller;

typedef struct lk_scale {
    lk_scale_poller *pollers; /* owned by who made them */
    size_t count;             /* >= 1 */
    size_t awake;             /* the first so many may poll, 1..count; begins with 1 */
} lk_scale;

/* Whether the poller may begin a poll. */
bool lk_scale_may_poll(const lk_scale *scale, size_t index);
/* The poller, which does not receive any more, works now. True: others may poll that could not. */
bool lk_scale_found(lk_scale *scale, size_t index);
/* A whole poll of the poller was for nothing. */
void lk_scale_found_nothing(lk_scale *scale, size_t index);

#endif
