/* SPDX-License-Identifier: MIT
 *
 * process: see the header.
 *
 * posix_spawn, not fork: the caller may be one of many threads and large. There is no SIGCHLD
 * handler and no wait for any child: both belong to the application. Waiting goes through the
 * waiter, so that whoever may interrupt its requests interrupts this too.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_OUTPUT_BYTES = 64 << 10,
    MAX_ERROR_BYTES = 4 << 10,
    LOOK_MS = 50, /* at the child while it prints nothing: a grandchild may hold the pipes open */
    LOOK_SOON_MS = 5 /* it closed them: it is about to end */
};

extern char **environ;

/* One of the child's output streams. */
typedef struct stream {
    int fd; /* -1: ended */
    lk_buf *text;
    size_t max_bytes;
    bool overflow; /* there was more */
} stream;

typedef struct child {
    pid_t pid;
    bool ended;
    stream out;
    stream errors;
    lk_process_result *result;
} child;

/* --- Starting ------------------------------------------------------------------------------- */

/* Close-on-exec from the start where the system can: another thread may fork at any time. */
static int open_pipe(int ends[2])
{
#ifdef __APPLE__
    if (pipe(ends) != 0)
        return errno;
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#else
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
#endif
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

/* Signals as a shell would hand them over: none blocked, SIGPIPE deadly. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (!failed)
        failed = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (!failed)
        failed =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return failed;
}

static int set_files(posix_spawn_file_actions_t *files, int out, int errors)
{
    int failed = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(files, errors, STDERR_FILENO);
    return failed;
}

/* Returns an errno. */
static int spawn(char *const argv[], int out, int errors, pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    int failed = posix_spawnattr_init(&attributes);
    if (failed)
        return failed;
    failed = posix_spawn_file_actions_init(&files);
    if (!failed) {
        failed = set_signals(&attributes);
        if (!failed)
            failed = set_files(&files, out, errors);
        if (!failed)
            failed = posix_spawnp(pid, argv[0], &files, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attributes);
    return failed;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int start(char *const argv[], child *c, lk_err *err)
{
    int out[2] = {-1, -1};
    int errors[2] = {-1, -1};
    int failed = open_pipe(out);
    if (!failed)
        failed = open_pipe(errors);
    if (!failed)
        failed = spawn(argv, out[1], errors[1], &c->pid);
    close_fd(&out[1]);
    close_fd(&errors[1]);
    c->out.fd = out[0];
    c->errors.fd = errors[0];
    return failed ? LK_FAIL(err, LK_E_IO, "cannot start \"%s\": %s", argv[0], strerror(failed))
                  : LK_OK;
}

/* --- Reading -------------------------------------------------------------------------------- */

/* The text has its whole room from the start: growing would leave copies of secrets behind. What is
 * too much is read and dropped, so that the child does not wait for us. */
static void drain(stream *s)
{
    char rest[4096];
    while (s->fd >= 0) {
        size_t room = s->max_bytes - s->text->len;
        char *to = room > 0 ? s->text->ptr + s->text->len : rest;
        ssize_t got = read(s->fd, to, room > 0 ? room : sizeof(rest));
        if (got > 0 && room > 0) {
            s->text->len += (size_t)got;
            s->text->ptr[s->text->len] = '\0';
        } else if (got > 0) {
            s->overflow = true;
            lk_zero(rest, sizeof(rest));
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            if (got == 0 || errno != EAGAIN)
                close_fd(&s->fd);
            return;
        }
        if (s->overflow)
            return; /* somebody may print for ever */
    }
}

/* --- Its end -------------------------------------------------------------------------------- */

/* A child that somebody else has reaped (SIGCHLD ignored, a wait for any child) has no status: what
 * it printed must tell. */
static void note_end(child *c, pid_t waited, int status)
{
    c->ended = true;
    if (waited != c->pid)
        c->result->status = 0;
    else
        c->result->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void look(child *c)
{
    int status = 0;
    pid_t waited = waitpid(c->pid, &status, WNOHANG);
    if (waited == c->pid || (waited < 0 && errno == ECHILD))
        note_end(c, waited, status);
}

static void stop(child *c)
{
    int status = 0;
    if (c->pid > 0 && !c->ended) {
        kill(c->pid, SIGKILL);
        pid_t waited;
        do {
            waited = waitpid(c->pid, &status, 0);
        } while (waited < 0 && errno == EINTR);
        note_end(c, waited, status);
    }
    close_fd(&c->out.fd);
    close_fd(&c->errors.fd);
}

/* Until it ended. First looked, then read: what it printed before its end is there then. */
static int follow(child *c, const char *name, lk_http *waiter, int64_t timeout_ms, lk_err *err)
{
    int64_t until_ms = lk_mono_ms() + timeout_ms;
    for (;;) {
        look(c);
        drain(&c->out);
        drain(&c->errors);
        if (c->out.overflow)
            return LK_FAIL(err, LK_E_IO, "\"%s\" printed more than %d KiB", name,
                           MAX_OUTPUT_BYTES >> 10);
        if (c->ended)
            return LK_OK;
        int64_t left_ms = until_ms - lk_mono_ms();
        if (left_ms <= 0)
            return LK_FAIL(err, LK_E_TIMEOUT, "\"%s\" did not end within %lld ms and was killed",
                           name, (long long)timeout_ms);
        int fds[2];
        size_t count = 0;
        if (c->out.fd >= 0)
            fds[count++] = c->out.fd;
        if (c->errors.fd >= 0)
            fds[count++] = c->errors.fd;
        int64_t wait_ms = LK_MIN(left_ms, (int64_t)(count > 0 ? LOOK_MS : LOOK_SOON_MS));
        int rc = lk_http_wait_readable(waiter, fds, count, wait_ms, err);
        if (rc)
            return rc;
    }
}

int lk_process_run(char *const argv[], lk_http *waiter, int64_t timeout_ms,
                   lk_process_result *result, lk_err *err)
{
    *result = (lk_process_result){0};
    child c = {.pid = -1,
               .out = {.fd = -1, .text = &result->output, .max_bytes = MAX_OUTPUT_BYTES},
               .errors = {.fd = -1, .text = &result->errors, .max_bytes = MAX_ERROR_BYTES},
               .result = result};
    if (!lk_buf_reserve(&result->output, MAX_OUTPUT_BYTES) ||
        !lk_buf_reserve(&result->errors, MAX_ERROR_BYTES)) {
        lk_process_result_clear(result);
        return LK_FAIL_NOMEM(err);
    }
    int rc = start(argv, &c, err);
    if (!rc)
        rc = follow(&c, argv[0], waiter, timeout_ms, err);
    stop(&c);
    if (rc)
        lk_process_result_clear(result);
    return rc;
}

void lk_process_result_clear(lk_process_result *result)
{
    lk_buf_wipe(&result->output);
    lk_buf_clear(&result->errors);
}
