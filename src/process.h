/* SPDX-License-Identifier: MIT
 *
 * process: runs a program to its end and collects what it prints.
 */
#ifndef LK_PROCESS_H
#define LK_PROCESS_H

#include "http.h"

typedef struct lk_process_result {
    lk_buf output; /* stdout; wipe it */
    lk_buf errors; /* the beginning of stderr */
    int status;    /* exit status, or 128 + the signal that ended it */
} lk_process_result;

/* Runs argv (found by PATH) with this process's environment and an empty stdin, with no descriptor
 * or signal setting of ours. It is killed when it takes longer than timeout_ms, prints more than 64
 * KiB, or when `waiter` is interrupted; in any case it is gone, and reaped, when this returns. What
 * it started and left behind is not waited for.
 * LK_E_IO: cannot be started, too much output; LK_E_TIMEOUT; LK_E_INTERRUPTED. */
int lk_process_run(char *const argv[], lk_http *waiter, int64_t timeout_ms,
                   lk_process_result *result, lk_err *err);
void lk_process_result_clear(lk_process_result *result); /* zeroes the output */

#endif
