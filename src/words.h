/* SPDX-License-Identifier: MIT
 *
 * words: a command line cut into words as a POSIX shell quotes them, without any expansion.
 */
#ifndef LK_WORDS_H
#define LK_WORDS_H

#include "base.h"

typedef struct lk_words {
    char **items; /* NULL-terminated, as execv takes them */
    size_t count;
    lk_buf text; /* what items point into */
} lk_words;

/* White space separates; '…' is literal, in "…" a backslash escapes '"' and itself, elsewhere any
 * character. No variables, globs, comments. LK_E_INVALID: an open quote, or a backslash at the end.
 */
int lk_words_split(lk_slice line, lk_words *words, lk_err *err);
void lk_words_clear(lk_words *words);

#endif
