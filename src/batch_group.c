/* SPDX-License-Identifier: MIT
 *
 * batch_group: a list of groups; a batch of a FIFO queue has at most ten records.
 */
#include "batch_group.h"

#include <stdlib.h>

lk_group *lk_groups_get(lk_groups *groups, lk_slice queue_arn, lk_slice id)
{
    for (lk_group *g = groups->head; g; g = g->next) {
        if (lk_slice_equal(g->id, id) && lk_slice_equal(g->queue_arn, queue_arn))
            return g;
    }
    lk_group *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    g->queue_arn = queue_arn;
    g->id = id;
    g->next = groups->head;
    groups->head = g;
    return g;
}

void lk_groups_clear(lk_groups *groups)
{
    while (groups->head) {
        lk_group *g = groups->head;
        groups->head = g->next;
        free(g);
    }
}

void lk_group_hold(lk_group *group, int64_t wait_s, int64_t now_mono_ms)
{
    if (!group)
        return;
    group->held = true;
    group->wait_s = wait_s;
    group->held_at_ms = now_mono_ms;
}

void lk_group_release(lk_group *group)
{
    if (group)
        group->held = false;
}

bool lk_group_held(const lk_group *group)
{
    return group && group->held;
}

int64_t lk_group_wait_s(const lk_group *group, int64_t now_mono_ms)
{
    if (!group || group->wait_s < 0)
        return -1;
    int64_t left_ms = group->wait_s * 1000 - (now_mono_ms - group->held_at_ms);
    return left_ms > 0 ? (left_ms + 999) / 1000 : 0;
}
