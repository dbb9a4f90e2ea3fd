/* SPDX-License-Identifier: MIT
 *
 * options: public structs with a size, as callers hand them over.
 *
 * A program may have been built with an older header, whose structs end earlier: what it has
 * counts, the rest has its defaults. A struct without size (it was not begun from its macro), or
 * one of a newer header, with members that would go unheard, is refused. `size` is the first member
 * of each.
 */
#ifndef LK_OPTIONS_H
#define LK_OPTIONS_H

#include "base.h"

/* Copies *given, as far as it goes, over the defaults in *own. given may be NULL. start_from: the
 * macro that *own was made with. 0 or LK_E_INVALID. */
int lk_options_take(void *own, const void *given, const char *start_from, lk_err *err);

/* An array of entries that end with such a struct. Its entries are as long as the program's header
 * has them. */
typedef struct lk_options_array {
    const char *first;
    size_t stride_bytes;
} lk_options_array;

/* count: not 0. options_at: where the struct stands in an entry. own_bytes: the struct's size here.
 * 0, or LK_E_INVALID when one of the entries has another size than the first, or a wrong one. */
int lk_options_array_of(const void *entries, size_t count, size_t options_at, size_t own_bytes,
                        const char *start_from, lk_options_array *array, lk_err *err);
/* An entry, of which only what the program's header has may be read. */
const void *lk_options_array_at(const lk_options_array *array, size_t index);

#endif
