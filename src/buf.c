/* SPDX-License-Identifier: MIT
 *
 * buf: the growable buffer of base.h.
 *
 * A writer appends without looking at each result: the first allocation that fails sets `failed`,
 * everything after it is dropped, and one lk_buf_check at the end tells. So no half-written text
 * can pass for a whole one.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

void lk_free(void *memory)
{
    free(memory);
}

void lk_buf_clear(lk_buf *b)
{
    if (!b)
        return;
    free(b->ptr);
    *b = (lk_buf){0};
}

void lk_buf_wipe(lk_buf *b)
{
    if (b->ptr)
        lk_zero(b->ptr, b->cap);
    lk_buf_clear(b);
}

void lk_buf_reset(lk_buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->ptr)
        b->ptr[0] = '\0';
}

/* Makes room for `more_bytes` and the NUL behind them. Doubles, so that appending n bytes one by
 * one copies O(n). */
static bool grow(lk_buf *b, size_t more_bytes)
{
    size_t needed;
    if (__builtin_add_overflow(b->len, more_bytes, &needed) ||
        __builtin_add_overflow(needed, (size_t)1, &needed))
        return false;
    size_t cap = b->cap > SIZE_MAX / 2 ? needed : b->cap * 2;
    cap = LK_MAX(cap, LK_MAX(needed, (size_t)FIRST_CAPACITY));
    char *ptr = realloc(b->ptr, cap);
    if (!ptr)
        return false;
    b->ptr = ptr;
    b->cap = cap;
    return true;
}

bool lk_buf_reserve(lk_buf *b, size_t more_bytes)
{
    if (b->failed)
        return false;
    if (b->cap > b->len && b->cap - b->len > more_bytes)
        return true;
    b->failed = !grow(b, more_bytes);
    return !b->failed;
}

void lk_buf_add(lk_buf *b, lk_slice s)
{
    if (!lk_buf_reserve(b, s.len))
        return;
    if (s.len > 0)
        memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
    b->ptr[b->len] = '\0';
}

void lk_buf_add_str(lk_buf *b, const char *text)
{
    lk_buf_add(b, lk_slice_of(text));
}

void lk_buf_add_char(lk_buf *b, char c)
{
    if (!lk_buf_reserve(b, 1))
        return;
    b->ptr[b->len++] = c;
    b->ptr[b->len] = '\0';
}

void lk_buf_add_int64(lk_buf *b, int64_t value)
{
    char digits[20]; /* INT64_MIN: a sign and 19 digits */
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--at] = '-';
    lk_buf_add(b, (lk_slice){digits + at, sizeof(digits) - at});
}

void lk_buf_addf(lk_buf *b, const char *format, ...)
{
    if (!lk_buf_reserve(b, 0))
        return;
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(b->ptr + b->len, b->cap - b->len, format, args);
    if (len > 0 && (size_t)len >= b->cap - b->len && lk_buf_reserve(b, (size_t)len))
        len = vsnprintf(b->ptr + b->len, b->cap - b->len, format, again);
    if (len < 0)
        b->failed = true;
    else if (!b->failed)
        b->len += (size_t)len;
    b->ptr[b->len] = '\0'; /* also where a failed write began */
    va_end(again);
    va_end(args);
}

lk_slice lk_buf_slice(const lk_buf *b)
{
    return (lk_slice){b->ptr, b->len};
}

char *lk_buf_take(lk_buf *b)
{
    char *text = lk_buf_reserve(b, 0) ? b->ptr : NULL;
    if (text)
        text[b->len] = '\0';
    else
        free(b->ptr);
    *b = (lk_buf){0};
    return text;
}

int lk_buf_check(const lk_buf *b, lk_err *err)
{
    return b->failed ? LK_FAIL_NOMEM(err) : LK_OK;
}
