/* SPDX-License-Identifier: MIT
 *
 * error: filling an lk_err, once, where the failure is known.
 *
 * The codes themselves are public (LK_ERRORS in lambdakiq.h). This header owns the helpers that
 * fill the caller's nullable lk_err and hand the code back, so that a failure is one statement:
 *
 *     return LK_FAIL(err, LK_E_JSON, "event: Records is not a list");
 *
 * Upper layers pass err on untouched. Nothing here allocates or logs.
 */
#ifndef LK_ERROR_H
#define LK_ERROR_H

#include "lambdakiq.h"

#include <stdarg.h>

/* Fills *err (may be NULL) with code and the formatted message (truncated to fit), clears its
 * other fields, sets retriable to the code's default. Returns code. Never allocates. */
int lk_err_set(lk_err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int lk_err_vset(lk_err *err, int code, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Puts text and ": " before the message that err (may be NULL) holds already. Returns err's code,
 * or LK_E_INTERNAL when err is NULL: prefer `return rc` with the code at hand. */
int lk_err_prefix(lk_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the failure is called: the application's name for it, else the code's. */
const char *lk_err_name(const lk_err *err);

/* Empties *err (may be NULL): code LK_OK, no texts. */
void lk_err_clear(lk_err *err);

/* The code stands in the header, not behind a call, so that compilers and analyzers know that a
 * failure is not 0. */
static inline int lk_err_failed(int code, int set)
{
    (void)set;
    return code;
}

#define LK_FAIL(err, code, ...) lk_err_failed((code), lk_err_set((err), (code), __VA_ARGS__))
#define LK_FAIL_NOMEM(err)      LK_FAIL(err, LK_E_NOMEM, "out of memory")

#endif
