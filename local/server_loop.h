/* SPDX-License-Identifier: MIT
 *
 * server_loop: the HTTP thread: waits until a client or another thread wants something, has that
 * done, and waits again.
 */
#ifndef LK_LOCAL_SERVER_LOOP_H
#define LK_LOCAL_SERVER_LOOP_H

#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the thread does. ctx of lk_loop_start. */
typedef struct lk_loop_hooks {
    /* Does what there is to do, without waiting; returns how long may be waited then, in ms: 0: not
     * at all, < 0: until something happens. */
    int64_t (*turn)(void *ctx);
    void *ctx;
} lk_loop_hooks;

typedef struct lk_loop {
    lk_loop_hooks hooks;
    pthread_t thread;
    int watched_fd;
    int wake_fd;
    atomic_bool stopping;
} lk_loop;

/* watched_fd: borrowed; whenever it is readable there is something to do. LK_E_IO. */
int lk_loop_start(lk_loop *loop, int watched_fd, const lk_loop_hooks *hooks, lk_err *err);
/* There is something to do. Threads: any. */
void lk_loop_wake(lk_loop *loop);
/* Ends the thread. */
void lk_loop_stop(lk_loop *loop);

#endif
