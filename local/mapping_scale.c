/* SPDX-License-Identifier: MIT
 *
 * mapping_scale: see mapping_scale.h.
 */
#include "mapping_scale.h"

bool lk_scale_may_poll(const lk_scale *scale, size_t index)
{
    return index < scale->awake;
}

static bool another_receives(const lk_scale *scale, size_t index)
{
    for (size_t i = 0; i < scale->awake; i++)
        if (i != index && scale->pollers[i].receiving)
            return true;
    return false;
}

/* The next of those that sleep; but one that was awake once may work on its last batch still, and
 * will not poll for as long as that takes. */
static void wake_next(lk_scale *scale)
{
    bool working = true;
    while (working && scale->awake < scale->count)
        working = scale->pollers[scale->awake++].working;
}

bool lk_scale_found(lk_scale *scale, size_t index)
{
    scale->pollers[index].working = true;
    if (another_receives(scale, index) || scale->awake == scale->count)
        return false;
    wake_next(scale);
    return true;
}

/* Who was sent to sleep in the middle of that poll is not among those that are left, and cannot
 * make them fewer. */
void lk_scale_found_nothing(lk_scale *scale, size_t index)
{
    if (lk_scale_may_poll(scale, index) && another_receives(scale, index))
        scale->awake--;
}
