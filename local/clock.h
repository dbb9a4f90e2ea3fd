/* SPDX-License-Identifier: MIT
 *
 * clock: real time plus an offset that can be moved forward, kept in a file.
 *
 * The offset governs the store, due times, deduplication, retention and batching windows; HTTP
 * dates, signatures, long-poll timeouts and function deadlines stay real. The file (decimal
 * milliseconds, replaced atomically) is named to worker processes by LAMBDAKIQ_CLOCK_FILE, so that
 * the core in them sees the same time. Thread-safe.
 */
#ifndef LK_LOCAL_CLOCK_H
#define LK_LOCAL_CLOCK_H

#include "base.h"

typedef struct lk_clock lk_clock;

/* path NULL: no file (the offset is known to this process only). Starts from the file's value. */
int lk_clock_new(const char *path, lk_clock **clock, lk_err *err);
void lk_clock_free(lk_clock *clock);
int64_t lk_clock_now_ms(const lk_clock *clock); /* epoch ms, offset included */
int64_t lk_clock_offset_get_ms(const lk_clock *clock);
int lk_clock_advance(lk_clock *clock, int64_t by_ms, lk_err *err); /* by_ms >= 0 */
const char *lk_clock_path(const lk_clock *clock);                  /* NULL: none */

#endif
