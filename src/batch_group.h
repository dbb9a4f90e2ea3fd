/* SPDX-License-Identifier: MIT
 *
 * batch_group: the FIFO groups of a batch: which one is held up, and for how long.
 *
 * A group is held from the moment one of its records is handed out until that one is done, so that
 * nothing of the group can overtake it, whatever the caller does in between. A record that failed,
 * waits or was skipped keeps holding it; one that is done or dead lets the next one go. No I/O.
 */
#ifndef LK_BATCH_GROUP_H
#define LK_BATCH_GROUP_H

#include "base.h"

typedef struct lk_group {
    struct lk_group *next;
    lk_slice queue_arn; /* borrowed from the first record of the group */
    lk_slice id;
    bool held;
    int64_t wait_s;     /* visibility of the record that holds it, -1 unknown */
    int64_t held_at_ms; /* monotonic, when that was decided */
} lk_group;

typedef struct lk_groups {
    lk_group *head;
} lk_groups;

/* The group of that name, made when new; NULL: out of memory. */
lk_group *lk_groups_get(lk_groups *groups, lk_slice queue_arn, lk_slice id);
void lk_groups_clear(lk_groups *groups);

/* group NULL (a standard queue): nothing happens, and nothing is ever held. */
void lk_group_hold(lk_group *group, int64_t wait_s, int64_t now_mono_ms);
void lk_group_release(lk_group *group);
bool lk_group_held(const lk_group *group);
/* What remains of the holder's wait, rounded up; -1: unknown. */
int64_t lk_group_wait_s(const lk_group *group, int64_t now_mono_ms);

#endif
