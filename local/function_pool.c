/* SPDX-License-Identifier: MIT
 *
 * function_pool: the workers of one function, who gets which, and how they stop together.
 */
#include "function_worker.h"

#include "server_listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of each worker: pipes, a Runtime API with its connections, and those of the poller that feeds it;
 * about fifteen, and some while a process starts. */
enum { FILES_PER_WORKER = 24 };

struct lk_function {
    lk_function_shared shared;
};

/* --- Options -------------------------------------------------------------------------------- */

static char **copy_list(const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(list[i]);
        if (!copy[i]) {
            while (i > 0)
                free(copy[--i]);
            free(copy);
            return NULL;
        }
    }
    return copy;
}

static void free_list(char **list)
{
    for (char **item = list; item && *item; item++)
        free(*item);
    free(list);
}

static char *copy_text(const char *text, const char *fallback)
{
    return strdup(text ? text : fallback);
}

/* Where the function runs, for LAMBDA_TASK_ROOT. */
static char *find_task_root(const char *cwd)
{
    return cwd ? realpath(cwd, NULL) : getcwd(NULL, 0);
}

static int check_options(const lk_function_options *o, lk_err *err)
{
    if (!o->argv || !o->argv[0] || !o->argv[0][0])
        return LK_FAIL(err, LK_E_INVALID, "function: there is no command to run");
    if (o->workers < 1)
        return LK_FAIL(err, LK_E_INVALID, "function: workers is %d, must be at least 1",
                       o->workers);
    if (o->min_workers < 0 || o->min_workers > o->workers)
        return LK_FAIL(err, LK_E_INVALID, "function: min_workers is %d, must be 1 to %d",
                       o->min_workers, o->workers);
    if (o->timeout_ms < 0 || o->init_timeout_ms < 0 || o->idle_ms < 0 || o->memory_mb < 0)
        return LK_FAIL(err, LK_E_INVALID, "function: a timeout or the memory size is negative");
    return 0;
}

static int copy_options(lk_function_shared *shared, const lk_function_options *o, lk_err *err)
{
    lk_buf arn = {0};
    shared->timeout_ms = o->timeout_ms ? o->timeout_ms : 300000;
    shared->init_timeout_ms = o->init_timeout_ms ? o->init_timeout_ms : 10000;
    shared->idle_ms = o->idle_ms ? o->idle_ms : 300000;
    shared->memory_mb = o->memory_mb ? o->memory_mb : 512;
    shared->memory_limit = o->memory_limit;
    shared->min_workers = (size_t)(o->min_workers ? o->min_workers : o->workers);
    shared->name = copy_text(o->name, "function");
    shared->region = copy_text(o->region, "us-east-1");
    shared->cwd = o->cwd ? strdup(o->cwd) : NULL;
    shared->argv = copy_list(o->argv);
    shared->env = copy_list(o->env);
    shared->task_root = find_task_root(o->cwd);
    if (!shared->task_root)
        return LK_FAIL(err, LK_E_IO, "function: cannot use the directory %s",
                       o->cwd ? o->cwd : "we are in");
    lk_buf_addf(&arn, "arn:aws:lambda:%s:%s:function:%s", shared->region ? shared->region : "",
                o->account ? o->account : "000000000000", shared->name ? shared->name : "");
    shared->arn = lk_buf_take(&arn);
    if (!shared->name || !shared->region || (o->cwd && !shared->cwd) || !shared->argv ||
        !shared->env || !shared->arn)
        return LK_FAIL_NOMEM(err);
    return 0;
}

static int init_shared(lk_function_shared *shared, const lk_function_options *o, lk_err *err)
{
    pthread_mutex_init(&shared->lock, NULL);
    int rc = lk_cond_init(&shared->changed, err);
    if (rc == 0)
        rc = lk_log_sink_init(&shared->sink, o->log_fd ? o->log_fd : STDOUT_FILENO, o->log_json,
                              err);
    return rc != 0 ? rc : copy_options(shared, o, err);
}

static void clear_shared(lk_function_shared *shared)
{
    free(shared->name);
    free(shared->arn);
    free(shared->cwd);
    free(shared->region);
    free(shared->task_root);
    free_list(shared->argv);
    free_list(shared->env);
    lk_buf_clear(&shared->init_error);
    lk_log_sink_clear(&shared->sink);
    pthread_cond_destroy(&shared->changed);
    pthread_mutex_destroy(&shared->lock);
}

/* --- Start and stop ------------------------------------------------------------------------- */

static void enter_stage(lk_function *function, lk_function_stage stage)
{
    pthread_mutex_lock(&function->shared.lock);
    if (function->shared.stage < stage)
        function->shared.stage = stage;
    pthread_cond_broadcast(&function->shared.changed);
    pthread_mutex_unlock(&function->shared.lock);
    for (size_t i = 0; i < function->shared.count; i++)
        lk_function_worker_wake(&function->shared.workers[i]);
}

/* A command that cannot be run at all is an error of the start, not one of each message. */
static int wait_for_launch(lk_function_shared *shared, lk_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&shared->lock);
    for (size_t i = 0; i < shared->min_workers; i++) {
        lk_function_worker *w = &shared->workers[i];
        while (!w->launched)
            lk_cond_wait(&shared->changed, &shared->lock, -1);
        if (rc == 0 && w->launch.code != LK_OK) {
            rc = w->launch.code;
            if (err)
                *err = w->launch;
        }
    }
    pthread_mutex_unlock(&shared->lock);
    return rc;
}

/* Beyond what the process has. Where the hard limit is too low, starts fail and say why. */
static void make_room_for_files(int workers)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        lk_listen_raise_file_limit((size_t)limit.rlim_cur + (size_t)workers * FILES_PER_WORKER);
}

/* A thread for each; those beyond min_workers start a process when it is wanted. */
static int start_workers(lk_function_shared *shared, int workers, lk_err *err)
{
    shared->workers = calloc((size_t)workers, sizeof(*shared->workers));
    if (!shared->workers)
        return LK_FAIL_NOMEM(err);
    make_room_for_files(workers);
    for (size_t i = 0; i < (size_t)workers; i++) {
        lk_function_worker *w = &shared->workers[i];
        int rc = lk_function_worker_start(w, shared, i < shared->min_workers, err);
        if (rc != 0) {
            lk_function_worker_clear(w);
            return rc;
        }
        pthread_mutex_lock(&shared->lock);
        shared->count++;
        pthread_mutex_unlock(&shared->lock);
    }
    return wait_for_launch(shared, err);
}

int lk_function_start(const lk_function_options *options, lk_function **out, lk_err *err)
{
    *out = NULL;
    int rc = check_options(options, err);
    if (rc != 0)
        return rc;
    lk_function *function = calloc(1, sizeof(*function));
    if (!function)
        return LK_FAIL_NOMEM(err);
    rc = init_shared(&function->shared, options, err);
    if (rc == 0)
        rc = start_workers(&function->shared, options->workers, err);
    if (rc != 0) {
        lk_function_free(function);
        return rc;
    }
    *out = function;
    return 0;
}

void lk_function_kill(lk_function *function)
{
    enter_stage(function, LK_STAGE_KILLING);
}

void lk_function_stop(lk_function *function, int64_t grace_ms)
{
    int64_t until = lk_mono_ms() + grace_ms;
    enter_stage(function, LK_STAGE_DRAINING);
    pthread_mutex_lock(&function->shared.lock);
    while (function->shared.running > 0 && function->shared.stage < LK_STAGE_KILLING &&
           lk_mono_ms() < until)
        lk_cond_wait(&function->shared.changed, &function->shared.lock, until);
    pthread_mutex_unlock(&function->shared.lock);
    enter_stage(function, LK_STAGE_TERMINATING);
    for (size_t i = 0; i < function->shared.count; i++)
        lk_function_worker_join(&function->shared.workers[i]);
}

void lk_function_free(lk_function *function)
{
    if (!function)
        return;
    lk_function_stop(function, 0);
    for (size_t i = 0; i < function->shared.count; i++)
        lk_function_worker_clear(&function->shared.workers[i]);
    free(function->shared.workers);
    clear_shared(&function->shared);
    free(function);
}

/* --- Invocations ---------------------------------------------------------------------------- */

static lk_function_worker *claim_free(lk_function_shared *shared)
{
    for (size_t i = 0; i < shared->count; i++) {
        if (lk_function_worker_free_now(&shared->workers[i])) {
            lk_function_worker_claim(&shared->workers[i]);
            return &shared->workers[i];
        }
    }
    return NULL;
}

/* Lock held. One process more, unless enough for all who wait are starting already. */
static void want_worker(lk_function_shared *shared)
{
    lk_function_worker *dormant = NULL;
    size_t coming = 0;
    for (size_t i = shared->count; i > 0; i--) {
        lk_function_worker *w = &shared->workers[i - 1];
        coming += w->wanted && !w->ready && !w->invoking;
        if (!w->wanted)
            dormant = w;
    }
    if (!dormant || coming >= shared->waiting)
        return;
    dormant->wanted = true;
    shared->wanted++;
    pthread_cond_broadcast(&shared->changed);
}

lk_invoke_status lk_function_reserve(lk_function *function, int64_t wait_ms)
{
    lk_function_shared *shared = &function->shared;
    int64_t until = lk_mono_ms() + wait_ms;
    lk_invoke_status status = LK_INVOKE_THROTTLED;
    pthread_mutex_lock(&shared->lock);
    shared->waiting++;
    for (;;) {
        if (shared->stage != LK_STAGE_OPEN) {
            status = LK_INVOKE_STOPPED;
        } else if (lk_function_count_free(shared) > shared->reserved) {
            shared->reserved++;
            status = LK_INVOKE_OK;
        }
        if (status != LK_INVOKE_THROTTLED || lk_mono_ms() >= until)
            break;
        want_worker(shared);
        lk_cond_wait(&shared->changed, &shared->lock, until);
    }
    shared->waiting--;
    pthread_mutex_unlock(&shared->lock);
    return status;
}

void lk_function_release(lk_function *function)
{
    pthread_mutex_lock(&function->shared.lock);
    function->shared.reserved--;
    pthread_cond_broadcast(&function->shared.changed);
    pthread_mutex_unlock(&function->shared.lock);
}

/* Why no worker became free, when the reason is that none can start. */
static lk_invoke_status explain_throttle(lk_function *function, lk_buf *payload)
{
    lk_invoke_status status = LK_INVOKE_THROTTLED;
    pthread_mutex_lock(&function->shared.lock);
    if (function->shared.init_error.len > 0) {
        lk_buf_add(payload, lk_buf_slice(&function->shared.init_error));
        status = LK_INVOKE_UNSTARTED;
    }
    pthread_mutex_unlock(&function->shared.lock);
    return status;
}

lk_invoke_status lk_function_invoke_reserved(lk_function *function, lk_slice event,
                                             lk_slice trace_id, int64_t wait_ms, lk_buf *payload)
{
    lk_function_shared *shared = &function->shared;
    int64_t until = lk_mono_ms() + wait_ms;
    lk_function_worker *worker = NULL;
    lk_buf_reset(payload);
    pthread_mutex_lock(&shared->lock);
    while (shared->stage == LK_STAGE_OPEN) {
        worker = claim_free(shared);
        if (worker || lk_mono_ms() >= until)
            break;
        lk_cond_wait(&shared->changed, &shared->lock, until);
    }
    bool stopped = shared->stage != LK_STAGE_OPEN;
    shared->reserved--;
    pthread_mutex_unlock(&shared->lock);
    if (worker)
        return lk_function_worker_invoke(worker, event, trace_id, payload);
    return stopped ? LK_INVOKE_STOPPED : explain_throttle(function, payload);
}

lk_invoke_status lk_function_invoke(lk_function *function, lk_slice event, lk_slice trace_id,
                                    int64_t wait_ms, lk_buf *payload)
{
    int64_t until = lk_mono_ms() + wait_ms;
    lk_invoke_status status;
    do {
        lk_buf_reset(payload);
        status = lk_function_reserve(function, LK_MAX(until - lk_mono_ms(), 0));
        if (status == LK_INVOKE_THROTTLED)
            return explain_throttle(function, payload);
        if (status == LK_INVOKE_OK)
            status = lk_function_invoke_reserved(function, event, trace_id,
                                                 LK_MAX(until - lk_mono_ms(), 0), payload);
    } while (status == LK_INVOKE_THROTTLED && lk_mono_ms() < until);
    return status;
}

size_t lk_function_running(lk_function *function)
{
    pthread_mutex_lock(&function->shared.lock);
    size_t running = function->shared.running;
    pthread_mutex_unlock(&function->shared.lock);
    return running;
}

size_t lk_function_processes(lk_function *function)
{
    size_t alive = 0;
    pthread_mutex_lock(&function->shared.lock);
    for (size_t i = 0; i < function->shared.count; i++)
        alive += function->shared.workers[i].pid > 0;
    pthread_mutex_unlock(&function->shared.lock);
    return alive;
}

int64_t lk_function_timeout_ms(const lk_function *function)
{
    return function->shared.timeout_ms;
}

const char *lk_function_arn(const lk_function *function)
{
    return function->shared.arn;
}

void lk_function_log(lk_function *function, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_log_vlinef(&function->shared.sink, format, args);
    va_end(args);
}
