/* SPDX-License-Identifier: MIT
 *
 * lk_test: what every test file includes: cmocka with its headers, and assertions that name errors.
 */
#ifndef LK_TEST_H
#define LK_TEST_H

/* cmocka needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"

/* expr returns 0; prints the error otherwise. Needs `lk_err err` in scope. */
#define assert_lk_ok(expr)                                                                         \
    do {                                                                                           \
        int rc_ = (expr);                                                                          \
        if (rc_ != 0)                                                                              \
            fail_msg("%s: %s: %s", #expr, lk_code_name(rc_), err.message);                         \
    } while (0)

/* expr returns exactly this code and fills err with it and a message. */
#define assert_lk_fails(expr, expected)                                                            \
    do {                                                                                           \
        lk_err_clear(&err);                                                                        \
        int rc_ = (expr);                                                                          \
        if (rc_ != (expected) || err.code != (expected) || err.message[0] == '\0')                 \
            fail_msg("%s: got %s, err %s \"%s\", expected %s", #expr, lk_code_name(rc_),           \
                     lk_code_name(err.code), err.message, lk_code_name(expected));                 \
    } while (0)

#define assert_slice(slice, text)                                                                  \
    do {                                                                                           \
        lk_slice s_ = (slice);                                                                     \
        if (!lk_slice_equal_str(s_, text))                                                         \
            fail_msg("%s: \"%.*s\", expected \"%s\"", #slice, LK_SLICE_FMT(s_), text);             \
    } while (0)

#endif
