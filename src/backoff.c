/* SPDX-License-Identifier: MIT
 *
 * backoff: how long after the nth failure a job is tried again.
 *
 * Sidekiq's formula without its random part: from half a minute to four hours, twelve tries within
 * half a day. Jitter is the batch's option; a queue's limits (12 h, retention) are job.c's.
 */
#include "base.h"

int64_t lk_backoff_s(int n)
{
    int64_t failures = LK_MIN(LK_MAX(n, 1), LK_MAX_RETRIES);
    int64_t before = failures - 1;
    return before * before * before * before + 15 * (failures + 1);
}
