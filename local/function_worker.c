/* SPDX-License-Identifier: MIT
 *
 * function_worker: the life of worker processes, one after the other. Their invocations are in
 * function_invoke.c.
 */
#include "function_worker.h"

#include "function_env.h"
#include "function_report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TERMINATE_MS = 2000,       /* from SIGTERM to SIGKILL */
    INIT_ERROR_EXIT_MS = 1000, /* from init/error to the exit that has to follow */
    RESTART_FIRST_MS = 500,
    RESTART_MAX_MS = 30000,
    MEMORY_LOOK_MS = 250, /* while it works, how often to look at how much memory it takes */
    BLIND_POLL_MS = 50    /* without a pidfd: how often to ask */
};

/* --- Hooks of the Runtime API ---------------------------------------------------------------- */

static void on_ready(void *ctx)
{
    lk_function_worker *w = ctx;
    lk_function_shared *shared = w->shared;
    pthread_mutex_lock(&shared->lock);
    if (!w->was_ready) {
        w->was_ready = true;
        w->init_us = LK_MAX(lk_function_mono_us() - w->started_us, 1);
        lk_buf_reset(&shared->init_error);
    }
    w->ready = true;
    w->idle_since_ms = lk_mono_ms();
    w->deadline_mono_ms = 0;
    bool may_retire = shared->wanted > shared->min_workers;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->lock);
    if (may_retire)
        lk_function_worker_wake(w); /* to look at the clock */
}

static void on_init_failed(void *ctx, lk_slice payload)
{
    lk_function_worker *w = ctx;
    pthread_mutex_lock(&w->shared->lock);
    w->init_failed = true;
    lk_buf_add(&w->init_report, payload);
    w->deadline_mono_ms = lk_mono_ms() + INIT_ERROR_EXIT_MS;
    pthread_mutex_unlock(&w->shared->lock);
    lk_function_worker_wake(w);
}

/* --- Starting a process ---------------------------------------------------------------------- */

static int spawn(lk_function_worker *w, lk_err *err)
{
    const lk_function_shared *shared = w->shared;
    char runtime_api[32];
    char **envp = NULL;
    snprintf(runtime_api, sizeof(runtime_api), "127.0.0.1:%d", lk_function_api_port(w->api));
    lk_function_env_facts facts = {.name = shared->name,
                                   .region = shared->region,
                                   .task_root = shared->task_root,
                                   .runtime_api = runtime_api,
                                   .memory_mb = shared->memory_mb,
                                   .log_json = shared->sink.json,
                                   .extra = (const char *const *)shared->env};
    int rc = lk_function_env_build(&facts, &envp, err);
    if (rc == 0)
        rc = lk_process_spawn(shared->argv, envp, shared->cwd, &w->process, err);
    lk_function_env_free(envp);
    if (rc != 0)
        return rc;
    rc = lk_log_stream_init(&w->output, w->process.output_fd, &w->shared->sink, err);
    if (rc != 0) {
        lk_process_signal(&w->process, SIGKILL);
        lk_process_reap(&w->process, &w->how);
    }
    return rc;
}

static void reset_process_state(lk_function_worker *w)
{
    pthread_mutex_lock(&w->shared->lock);
    w->cause = LK_WORKER_ENDED;
    w->killing_since = 0;
    w->alive = true;
    w->ready = w->was_ready = w->has_worked = w->init_failed = false;
    lk_buf_clear(&w->init_report);
    w->init_us = 0;
    w->started_us = lk_function_mono_us();
    w->deadline_mono_ms =
        lk_mono_ms() + (w->slow_start ? w->shared->timeout_ms : w->shared->init_timeout_ms);
    pthread_mutex_unlock(&w->shared->lock);
}

static int start_process(lk_function_worker *w, lk_err *err)
{
    lk_function_api_hooks hooks = {.ready = on_ready, .init_failed = on_init_failed, .ctx = w};
    reset_process_state(w);
    int rc = lk_function_api_start(&hooks, &w->api, err);
    if (rc == 0)
        rc = spawn(w, err);
    pthread_mutex_lock(&w->shared->lock);
    if (rc == 0)
        w->pid = w->process.pid;
    else
        w->alive = false;
    if (!w->launched) {
        w->launched = true;
        if (rc != 0)
            w->launch = *err;
    }
    pthread_cond_broadcast(&w->shared->changed);
    pthread_mutex_unlock(&w->shared->lock);
    if (rc != 0) {
        lk_function_api_free(w->api);
        w->api = NULL;
    }
    return rc;
}

/* --- Watching it ----------------------------------------------------------------------------- */

/* Lock held. Nobody waits for its work, and there are more than there have to be. */
static bool is_idle(const lk_function_worker *w)
{
    return w->ready && !w->invoking && w->shared->wanted > w->shared->min_workers;
}

/* When to look at the process again without anything having happened; mono ms, -1: never. */
static int64_t next_look(lk_function_worker *w)
{
    if (w->killing_since > 0)
        return w->killing_since + TERMINATE_MS;
    pthread_mutex_lock(&w->shared->lock);
    int64_t at = w->deadline_mono_ms > 0 ? w->deadline_mono_ms : -1;
    if (is_idle(w))
        at = w->idle_since_ms + w->shared->idle_ms;
    else if (w->shared->memory_limit && w->invoking)
        at = LK_MIN(at, lk_mono_ms() + MEMORY_LOOK_MS);
    pthread_mutex_unlock(&w->shared->lock);
    return at;
}

static void end_process(lk_function_worker *w, lk_worker_end cause, int signal_number)
{
    if (w->cause == LK_WORKER_ENDED)
        w->cause = cause;
    lk_process_signal(&w->process, signal_number);
}

/* SIGTERM, and in a while SIGKILL. */
static void terminate(lk_function_worker *w, int64_t now)
{
    w->killing_since = now;
    end_process(w, LK_WORKER_STOPPED, SIGTERM);
}

/* Lock held. True: it is nobody's any more, and to be ended. */
static bool retire(lk_function_worker *w, int64_t now)
{
    lk_function_shared *shared = w->shared;
    if (!is_idle(w) || now < w->idle_since_ms + shared->idle_ms ||
        lk_function_count_free(shared) <= shared->reserved)
        return false;
    w->ready = false;
    w->wanted = false;
    shared->wanted--;
    return true;
}

/* Lock held. Its peak: who went over the limit once is gone, as on Lambda. */
static bool is_oversize(const lk_function_worker *w)
{
    return w->shared->memory_limit && w->invoking && w->pid > 0 &&
           lk_process_memory_mb(w->pid) > w->shared->memory_mb;
}

/* Ends the process when its time is up, it takes too much memory, nobody needs it or the function
 * stops. */
static void enforce(lk_function_worker *w)
{
    int64_t now = lk_mono_ms();
    pthread_mutex_lock(&w->shared->lock);
    lk_function_stage stage = w->shared->stage;
    bool overdue = w->deadline_mono_ms > 0 && now >= w->deadline_mono_ms;
    bool exiting = w->init_failed;
    bool oversize = !overdue && is_oversize(w);
    bool retired = stage == LK_STAGE_OPEN && retire(w, now);
    if (overdue)
        w->deadline_mono_ms = 0;
    if (overdue || oversize) /* it may be done this moment, and must not be given another event */
        w->alive = false;
    pthread_mutex_unlock(&w->shared->lock);
    bool unheard = w->killing_since > 0 && now >= w->killing_since + TERMINATE_MS;
    if (stage == LK_STAGE_KILLING || unheard)
        end_process(w, LK_WORKER_STOPPED, SIGKILL);
    else if (overdue)
        end_process(w, exiting ? LK_WORKER_ENDED : LK_WORKER_OVERDUE, SIGKILL);
    else if (oversize)
        end_process(w, LK_WORKER_OVERSIZE, SIGKILL);
    else if (w->killing_since == 0 && (retired || stage == LK_STAGE_TERMINATING))
        terminate(w, now);
}

static void drain_wake(lk_function_worker *w)
{
    char bytes[64];
    while (read(w->wake[0], bytes, sizeof(bytes)) > 0)
        continue;
}

/* Returns when the process has ended. */
static void watch_process(lk_function_worker *w)
{
    struct pollfd fds[3] = {{.fd = w->wake[0], .events = POLLIN},
                            {.fd = w->process.pidfd, .events = POLLIN},
                            {.fd = w->output.fd, .events = POLLIN}};
    for (;;) {
        int64_t at = next_look(w);
        int64_t wait_ms = at < 0 ? -1 : LK_MAX(at - lk_mono_ms(), 0);
        if (w->process.pidfd < 0 && (wait_ms < 0 || wait_ms > BLIND_POLL_MS))
            wait_ms = BLIND_POLL_MS;
        poll(fds, 3, (int)LK_MIN(wait_ms, 60000));
        drain_wake(w);
        if (fds[2].revents != 0 && !lk_log_stream_pump(&w->output))
            fds[2].fd = -1; /* it closed its output; it may still live */
        if (lk_process_ended(&w->process))
            return;
        enforce(w);
    }
}

/* --- After its end --------------------------------------------------------------------------- */

/* Keeps what an invoker gets when no worker could start: what the runtime said, or how it ended. */
static void keep_init_error(lk_function_worker *w, const char *type, const char *message)
{
    lk_function_shared *shared = w->shared;
    pthread_mutex_lock(&shared->lock);
    lk_buf_reset(&shared->init_error);
    if (w->init_report.len > 0)
        lk_buf_add(&shared->init_error, lk_buf_slice(&w->init_report));
    else
        lk_function_error_payload(&shared->init_error, type, message);
    pthread_mutex_unlock(&shared->lock);
}

/* Counts a process that did no work; returns how long to wait before the next one. */
static int64_t note_failure(lk_function_worker *w, const char *what)
{
    int64_t delay_ms = RESTART_FIRST_MS;
    for (int i = 0; i < w->failures && delay_ms < RESTART_MAX_MS; i++)
        delay_ms *= 2;
    delay_ms = LK_MIN(delay_ms, RESTART_MAX_MS);
    w->failures++;
    lk_log_linef(&w->shared->sink,
                 "lambdakiq: function %s: %s (%d in a row); messages stay in the queue; next start "
                 "in %.1f s",
                 w->shared->name, what, w->failures, (double)delay_ms / 1000);
    return delay_ms;
}

static void report_init(lk_function_worker *w, const char *status, const char *error_type)
{
    lk_report_init(&w->shared->sink, lk_function_mono_us() - w->started_us, status, error_type);
}

static int64_t judge_overdue_start(lk_function_worker *w)
{
    char what[128];
    report_init(w, "timeout", "");
    if (!w->slow_start) {
        w->slow_start = true; /* as Lambda does: again, under the function's timeout */
        return 0;
    }
    w->slow_start =
        false; /* the machine was busy, perhaps: the next one is a start like any other */
    snprintf(what, sizeof(what), "no worker process asked for work within %.2f seconds",
             (double)w->shared->timeout_ms / 1000);
    keep_init_error(w, "Sandbox.Timedout", what);
    return note_failure(w, what);
}

static int64_t judge_failed_start(lk_function_worker *w)
{
    char how[128];
    char what[256];
    lk_process_end_text(&w->how, how, sizeof(how));
    report_init(w, "error", "Runtime.ExitError");
    snprintf(what, sizeof(what), "Error: %s", how);
    keep_init_error(w, "Runtime.ExitError", what);
    snprintf(what, sizeof(what), "could not start: %s; its output above says why", how);
    return note_failure(w, what);
}

static int64_t judge_idle_end(lk_function_worker *w)
{
    char how[128];
    char what[256];
    lk_process_end_text(&w->how, how, sizeof(how));
    snprintf(what, sizeof(what), "ended without having done any work: %s", how);
    return note_failure(w, what);
}

/* Decides what the end of a process means for the start of the next: milliseconds to wait. One that
 * did work is replaced at once, whatever ended it. */
static int64_t judge_end(lk_function_worker *w)
{
    if (w->cause == LK_WORKER_STOPPED)
        return 0;
    if (w->has_worked) {
        w->failures = 0;
        return 0;
    }
    if (w->was_ready)
        return judge_idle_end(w);
    return w->cause == LK_WORKER_OVERDUE ? judge_overdue_start(w) : judge_failed_start(w);
}

/* Returns the milliseconds to wait before the next start. */
static int64_t bury_process(lk_function_worker *w)
{
    lk_process_end how;
    lk_process_reap(&w->process, &how);
    pthread_mutex_lock(&w->shared->lock);
    w->alive = false;
    w->pid = 0;
    w->end = w->cause;
    w->how = how;
    w->deadline_mono_ms = 0;
    pthread_mutex_unlock(&w->shared->lock);
    lk_function_api_end(w->api);
    pthread_mutex_lock(&w->shared->lock);
    while (w->invoking)
        lk_cond_wait(&w->shared->changed, &w->shared->lock, -1);
    pthread_mutex_unlock(&w->shared->lock);
    lk_log_stream_close(&w->output);
    lk_function_api_free(w->api);
    w->api = NULL;
    return judge_end(w); /* no hook and no invoker touches w any more */
}

/* lk_function_start waits for its first process, and fails with it. */
static bool is_awaited(const lk_function_worker *w)
{
    return (size_t)(w - w->shared->workers) < w->shared->min_workers;
}

static int64_t run_one_process(lk_function_worker *w)
{
    lk_err err;
    if (start_process(w, &err) != 0) {
        if (is_awaited(w) && w->launch.code != LK_OK)
            return RESTART_FIRST_MS; /* told by who waits; there is no next one */
        keep_init_error(w, "Runtime.InvalidEntrypoint", err.message);
        return note_failure(w, err.message);
    }
    watch_process(w);
    return bury_process(w);
}

static void pause_before_restart(lk_function_worker *w, int64_t delay_ms)
{
    int64_t until = lk_mono_ms() + delay_ms;
    pthread_mutex_lock(&w->shared->lock);
    while (w->shared->stage == LK_STAGE_OPEN && lk_mono_ms() < until)
        lk_cond_wait(&w->shared->changed, &w->shared->lock, until);
    pthread_mutex_unlock(&w->shared->lock);
}

/* False: the function stops. */
static bool wait_until_wanted(lk_function_worker *w)
{
    lk_function_shared *shared = w->shared;
    pthread_mutex_lock(&shared->lock);
    while (shared->stage == LK_STAGE_OPEN && !w->wanted)
        lk_cond_wait(&shared->changed, &shared->lock, -1);
    bool go_on = shared->stage == LK_STAGE_OPEN;
    pthread_mutex_unlock(&shared->lock);
    return go_on;
}

static void *worker_main(void *arg)
{
    lk_function_worker *w = arg;
    while (wait_until_wanted(w))
        pause_before_restart(w, run_one_process(w));
    return NULL;
}

/* --- For the function ------------------------------------------------------------------------ */

int lk_function_worker_start(lk_function_worker *w, lk_function_shared *shared, bool wanted,
                             lk_err *err)
{
    *w = (lk_function_worker){.shared = shared,
                              .wanted = wanted,
                              .wake = {-1, -1},
                              .process = {.pidfd = -1, .output_fd = -1},
                              .output = {.fd = -1}};
    if (pipe2(w->wake, O_CLOEXEC | O_NONBLOCK) < 0)
        return LK_FAIL(err, LK_E_IO, "cannot open a pipe: %s", strerror(errno));
    pthread_mutex_lock(&shared->lock);
    shared->wanted += wanted;
    pthread_mutex_unlock(&shared->lock);
    int rc = lk_thread_start(&w->thread, worker_main, w, err);
    w->has_thread = rc == 0;
    return rc;
}

void lk_function_worker_wake(lk_function_worker *w)
{
    /* A full pipe wakes as well. */
    ssize_t written LK_UNUSED = write(w->wake[1], "", 1);
}

void lk_function_worker_join(lk_function_worker *w)
{
    if (w->has_thread)
        pthread_join(w->thread, NULL);
    w->has_thread = false;
}

void lk_function_worker_clear(lk_function_worker *w)
{
    lk_function_worker_join(w);
    lk_buf_clear(&w->init_report);
    for (int i = 0; i < 2; i++)
        if (w->wake[i] >= 0)
            close(w->wake[i]);
}
