/* SPDX-License-Identifier: MIT
 *
 * thread: threads that leave signals to the main thread, and waits by the monotonic clock, which a
 * change of the wall clock does not stretch.
 */
#ifndef LK_LOCAL_THREAD_H
#define LK_LOCAL_THREAD_H

#include "base.h"

#include <pthread.h>

/* All signals are blocked in the new thread: the command's main thread waits for them. */
int lk_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, lk_err *err);
/* A condition for lk_cond_wait. */
int lk_cond_init(pthread_cond_t *cond, lk_err *err);
/* Waits, lock held, until signalled or until mono ms `until_ms` (< 0: without limit). */
void lk_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms);

#endif
