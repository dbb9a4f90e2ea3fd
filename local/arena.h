/* SPDX-License-Identifier: MIT
 *
 * arena: the memory of one request: given out piece by piece, freed at once.
 *
 * What a request holds besides its body (lists, decoded values, error texts) lives exactly as long
 * as the request; one owner is easier to get right than thirty frees.
 */
#ifndef LK_LOCAL_ARENA_H
#define LK_LOCAL_ARENA_H

#include "base.h"

/* Zero-initialise. Used by one thread at a time. */
typedef struct lk_arena {
    struct lk_arena_block *blocks; /* the newest first */
} lk_arena;

/* Zeroed memory aligned for any type, count * size bytes; NULL: out of memory. */
void *lk_arena_alloc(lk_arena *arena, size_t count, size_t size);
/* A copy with a NUL behind it; {NULL,0} when out of memory. */
lk_slice lk_arena_copy(lk_arena *arena, lk_slice s);
/* Formatted text; {NULL,0} when out of memory. */
lk_slice lk_arena_format(lk_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
lk_slice lk_arena_vformat(lk_arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void lk_arena_clear(lk_arena *arena); /* frees all, back to {0} */

#endif
