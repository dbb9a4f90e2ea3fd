/* SPDX-License-Identifier: MIT
 *
 * grace: the time between a signal to stop and the end of the jobs that run. A second signal, or
 * the end of that time, ends them; their messages come back.
 */
#ifndef LK_CLI_GRACE_H
#define LK_CLI_GRACE_H

#include "cli.h"
#include "function.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct lk_cli_grace {
    const lk_cli *cli;
    lk_function *const *functions;
    size_t count;
    int64_t grace_ms;
    pthread_t thread;
    bool has_thread;
    atomic_bool over; /* the jobs are done */
} lk_cli_grace;

/* functions: borrowed until the end; none: there is nothing to wait for. */
void lk_cli_grace_begin(lk_cli_grace *grace, const lk_cli *cli, lk_function *const *functions,
                        size_t count, int64_t grace_ms);
/* No job runs any more. */
void lk_cli_grace_end(lk_cli_grace *grace);

#endif
