/* SPDX-License-Identifier: MIT
 *
 * server_loop: see server_loop.h.
 */
#include "server_loop.h"

#include "thread.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A counter that is full is readable nevertheless, and one that is empty was waited for in vain:
 * neither needs an answer. */
void lk_loop_wake(lk_loop *loop)
{
    ssize_t written = write(loop->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written;
}

static void wait_for_something(lk_loop *loop, int64_t wait_ms)
{
    struct pollfd fds[] = {{.fd = loop->watched_fd, .events = POLLIN},
                           {.fd = loop->wake_fd, .events = POLLIN}};
    int timeout_ms = wait_ms < 0 ? -1 : (int)LK_MIN(wait_ms, (int64_t)60000);
    if (poll(fds, LK_COUNT(fds), timeout_ms) > 0 && fds[1].revents) {
        uint64_t count;
        ssize_t got = read(loop->wake_fd, &count, sizeof count);
        (void)got;
    }
}

static void *loop_main(void *arg)
{
    lk_loop *loop = arg;
    while (!atomic_load(&loop->stopping)) {
        int64_t wait_ms = loop->hooks.turn(loop->hooks.ctx);
        if (wait_ms != 0)
            wait_for_something(loop, wait_ms);
    }
    return NULL;
}

int lk_loop_start(lk_loop *loop, int watched_fd, const lk_loop_hooks *hooks, lk_err *err)
{
    *loop = (lk_loop){.hooks = *hooks, .watched_fd = watched_fd};
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return LK_FAIL(err, LK_E_IO, "cannot make an eventfd: %s", strerror(errno));
    int rc = lk_thread_start(&loop->thread, loop_main, loop, err);
    if (rc)
        close(loop->wake_fd);
    return rc;
}

void lk_loop_stop(lk_loop *loop)
{
    atomic_store(&loop->stopping, true);
    lk_loop_wake(loop);
    pthread_join(loop->thread, NULL);
    close(loop->wake_fd);
}
