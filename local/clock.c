/* SPDX-License-Identifier: MIT
 *
 * clock: real time plus an offset that can be moved forward, kept in a file.
 *
 * The file is written before the offset counts here, and replaced by rename: a worker process never
 * sees half a number, nor an older time than a message that this process has handed to it.
 */
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lk_clock {
    char *path;      /* NULL: none */
    char *temporary; /* beside it */
    pthread_mutex_t moving;
    _Atomic int64_t offset_ms;
};

/* --- The file -------------------------------------------------------------------------------- */

/* A file that is not there yet means 0. */
static int read_offset(const char *path, int64_t *offset_ms, lk_err *err)
{
    *offset_ms = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return LK_FAIL(err, LK_E_IO, "clock: cannot read %s: %s", path, strerror(errno));
    char text[32];
    ssize_t len;
    do {
        len = read(fd, text, sizeof(text));
    } while (len < 0 && errno == EINTR);
    int failure = errno;
    close(fd);
    if (len < 0)
        return LK_FAIL(err, LK_E_IO, "clock: cannot read %s: %s", path, strerror(failure));
    lk_slice number = lk_slice_trim((lk_slice){text, (size_t)len});
    if (!lk_slice_to_int64(number, offset_ms) || *offset_ms < 0)
        return LK_FAIL(err, LK_E_IO,
                       "clock: %s does not hold a number of milliseconds; remove it to start at "
                       "real time",
                       path);
    return 0;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text += written;
        len -= (size_t)written;
    }
    return true;
}

static bool write_temporary(const char *path, int64_t offset_ms)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%lld\n", (long long)offset_ms);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool written = write_all(fd, text, (size_t)len);
    return close(fd) == 0 && written;
}

static int write_offset(const lk_clock *clock, int64_t offset_ms, lk_err *err)
{
    if (!clock->path)
        return 0;
    if (write_temporary(clock->temporary, offset_ms) && rename(clock->temporary, clock->path) == 0)
        return 0;
    int failure = errno;
    (void)unlink(clock->temporary); /* may not be there */
    return LK_FAIL(err, LK_E_IO, "clock: cannot write %s: %s; the clock was not moved", clock->path,
                   strerror(failure));
}

/* --- The clock ------------------------------------------------------------------------------- */

static int set_path(lk_clock *clock, const char *path, lk_err *err)
{
    static const char suffix[] = ".new";
    size_t size = strlen(path) + sizeof(suffix);
    clock->path = strdup(path);
    clock->temporary = malloc(size);
    if (!clock->path || !clock->temporary)
        return LK_FAIL_NOMEM(err);
    (void)snprintf(clock->temporary, size, "%s%s", path, suffix);
    int64_t offset_ms = 0;
    int rc = read_offset(path, &offset_ms, err);
    atomic_init(&clock->offset_ms, offset_ms);
    return rc;
}

int lk_clock_new(const char *path, lk_clock **clock, lk_err *err)
{
    *clock = NULL;
    lk_clock *c = calloc(1, sizeof(*c));
    if (!c)
        return LK_FAIL_NOMEM(err);
    pthread_mutex_init(&c->moving, NULL); /* cannot fail with default attributes */
    int rc = path ? set_path(c, path, err) : 0;
    if (rc) {
        lk_clock_free(c);
        return rc;
    }
    *clock = c;
    return 0;
}

void lk_clock_free(lk_clock *clock)
{
    if (!clock)
        return;
    pthread_mutex_destroy(&clock->moving);
    free(clock->path);
    free(clock->temporary);
    free(clock);
}

int64_t lk_clock_now_ms(const lk_clock *clock)
{
    return lk_wall_ms() + lk_clock_offset_get_ms(clock);
}

int64_t lk_clock_offset_get_ms(const lk_clock *clock)
{
    return atomic_load(&clock->offset_ms);
}

/* A century: beyond what any due time, retention or test asks for, far from overflow. */
#define OFFSET_LIMIT_MS (INT64_C(100) * 366 * 86400 * 1000)

int lk_clock_advance(lk_clock *clock, int64_t by_ms, lk_err *err)
{
    if (by_ms < 0)
        return LK_FAIL(err, LK_E_INVALID, "clock: it only moves forward, not by %lld ms",
                       (long long)by_ms);
    pthread_mutex_lock(&clock->moving);
    int64_t offset_ms = lk_clock_offset_get_ms(clock);
    int rc;
    if (by_ms > OFFSET_LIMIT_MS - offset_ms)
        rc = LK_FAIL(err, LK_E_INVALID, "clock: it moves at most a century ahead of real time");
    else
        rc = write_offset(clock, offset_ms + by_ms, err);
    if (!rc)
        atomic_store(&clock->offset_ms, offset_ms + by_ms);
    pthread_mutex_unlock(&clock->moving);
    return rc;
}

const char *lk_clock_path(const lk_clock *clock)
{
    return clock->path;
}
