/* SPDX-License-Identifier: MIT
 *
 * words: see the header. One pass writes the words, each with a NUL behind it, into one buffer; the
 * pointers are made when it does not move any more.
 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Appends what stands between quotes; *at is on the opening one, then behind the closing one. */
static bool add_quoted(lk_slice line, size_t *at, lk_buf *text)
{
    char quote = line.ptr[*at];
    for (size_t i = *at + 1; i < line.len; i++) {
        char c = line.ptr[i];
        if (c == quote) {
            *at = i + 1;
            return true;
        }
        if (c == '\\' && quote == '"' && i + 1 < line.len &&
            (line.ptr[i + 1] == '"' || line.ptr[i + 1] == '\\'))
            c = line.ptr[++i];
        lk_buf_add_char(text, c);
    }
    return false;
}

/* Appends one word and its NUL. */
static bool add_word(lk_slice line, size_t *at, lk_buf *text)
{
    while (*at < line.len && !is_space(line.ptr[*at])) {
        char c = line.ptr[*at];
        if (c == '\'' || c == '"') {
            if (!add_quoted(line, at, text))
                return false;
            continue;
        }
        if (c == '\\') {
            if (*at + 1 == line.len)
                return false;
            c = line.ptr[++*at];
        }
        lk_buf_add_char(text, c);
        ++*at;
    }
    lk_buf_add_char(text, '\0');
    return true;
}

static int point(lk_words *words, lk_err *err)
{
    int rc = lk_buf_check(&words->text, err);
    if (rc)
        return rc;
    words->items = calloc(words->count + 1, sizeof(*words->items));
    if (!words->items)
        return LK_FAIL_NOMEM(err);
    char *word = words->text.ptr;
    for (size_t i = 0; i < words->count; i++) {
        words->items[i] = word;
        word += strlen(word) + 1;
    }
    return LK_OK;
}

int lk_words_split(lk_slice line, lk_words *words, lk_err *err)
{
    *words = (lk_words){0};
    int rc = LK_OK;
    for (size_t at = 0; at < line.len && !rc;) {
        if (is_space(line.ptr[at])) {
            at++;
            continue;
        }
        if (!add_word(line, &at, &words->text))
            rc = LK_FAIL(err, LK_E_INVALID, "a quote is not closed, or a backslash ends the line");
        words->count++;
    }
    if (!rc)
        rc = point(words, err);
    if (rc)
        lk_words_clear(words);
    return rc;
}

void lk_words_clear(lk_words *words)
{
    free(words->items);
    lk_buf_wipe(&words->text); /* commands may hold secrets */
    *words = (lk_words){0};
}
