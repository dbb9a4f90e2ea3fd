/* SPDX-License-Identifier: MIT
 *
 * thread: the few lines around pthread that every thread of ours needs.
 */
#include "thread.h"

#include <signal.h>
#include <string.h>
#include <time.h>

int lk_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, lk_err *err)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return LK_FAIL(err, LK_E_IO, "cannot start a thread: %s", strerror(number));
    return 0;
}

int lk_cond_init(pthread_cond_t *cond, lk_err *err)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return LK_FAIL_NOMEM(err);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    int number = pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return number == 0 ? 0 : LK_FAIL_NOMEM(err);
}

void lk_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms)
{
    if (until_ms < 0) {
        pthread_cond_wait(cond, lock);
        return;
    }
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
    pthread_cond_timedwait(cond, lock, &until);
}
