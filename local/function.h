/* SPDX-License-Identifier: MIT
 *
 * function: one Lambda function on this machine: worker processes that speak the Runtime API.
 *
 * Each worker process is one execution environment with a Runtime API of its own on a loopback
 * port. The function starts them, hands each one invocation at a time, enforces the timeout by
 * SIGKILL, replaces what died, passes their output through line by line and adds Lambda's START /
 * END / REPORT lines. Behind this header: function_pool.c, function_worker.c, function_invoke.c,
 * function_api.c, function_process.c, function_env.c, function_log.c, function_report.c.
 */
#ifndef LK_LOCAL_FUNCTION_H
#define LK_LOCAL_FUNCTION_H

#include "base.h"

typedef struct lk_function lk_function;

typedef struct lk_function_options {
    const char *name;        /* AWS_LAMBDA_FUNCTION_NAME */
    const char *const *argv; /* the command, NULL-terminated; copied */
    const char *cwd;         /* NULL: as we are */
    const char *const *env;  /* "NAME=value" beyond the inherited ones, NULL-terminated; copied */
    int workers;             /* execution environments at most, >= 1 */
    int min_workers;         /* so many at least are kept alive, 1..workers; 0: all. Others start
                                when somebody waits for a worker */
    int64_t idle_ms;         /* … and end when nobody had work for them for so long; 0: 300000 */
    int64_t timeout_ms;      /* function timeout; default 300000 */
    int64_t init_timeout_ms; /* default 10000, as Lambda; then re-run under the function timeout */
    int memory_mb;           /* shown and exported; default 512 */
    bool memory_limit;       /* … and more than that ends the process, as on Lambda */
    const char *region;
    const char *account;
    int log_fd;    /* where output goes; default 1 */
    bool log_json; /* Lambda's lines as JSON, and AWS_LAMBDA_LOG_FORMAT=JSON for the process */
} lk_function_options;

typedef enum lk_invoke_status {
    LK_INVOKE_OK,    /* *payload: what the function returned */
    LK_INVOKE_ERROR, /* function error: *payload is its error JSON */
    LK_INVOKE_TIMEOUT,
    LK_INVOKE_CRASH,     /* the process ended: *payload says how */
    LK_INVOKE_TOO_LARGE, /* response over 6 MiB */
    LK_INVOKE_KILLED,    /* the process was ended because the function stops */
    /* no process got the event: */
    LK_INVOKE_UNSTARTED, /* none can be started: *payload says why */
    LK_INVOKE_THROTTLED, /* none became free in time, or it ended before it got the event */
    LK_INVOKE_STOPPED    /* the function is draining */
} lk_invoke_status;

/* Starts the worker processes; they need not be ready when it returns. LK_E_IO when the command
 * cannot be run at all, LK_E_INVALID. */
int lk_function_start(const lk_function_options *options, lk_function **function, lk_err *err);
/* Runs one invocation to its end; blocks. Threads: any, as many at once as there are workers.
 * wait_ms: how long to wait for a free worker. payload: caller's buffer, replaced. trace_id may be
 * {NULL,0}. The invocation's deadline counts until the process asks for its next event. */
lk_invoke_status lk_function_invoke(lk_function *function, lk_slice event, lk_slice trace_id,
                                    int64_t wait_ms, lk_buf *payload);

/* The same in two steps, for a poller that must not take messages nobody can work on: reserve waits
 * for a free worker and promises it (LK_INVOKE_OK, _THROTTLED, _STOPPED); then comes either
 * invoke_reserved, which waits again only if that worker ended meanwhile, or release. */
lk_invoke_status lk_function_reserve(lk_function *function, int64_t wait_ms);
lk_invoke_status lk_function_invoke_reserved(lk_function *function, lk_slice event,
                                             lk_slice trace_id, int64_t wait_ms, lk_buf *payload);
void lk_function_release(lk_function *function);

size_t lk_function_running(lk_function *function);   /* invocations in progress */
size_t lk_function_processes(lk_function *function); /* worker processes that are alive */
int64_t lk_function_timeout_ms(const lk_function *function);
const char *lk_function_arn(const lk_function *function);
/* A line of our own between those of the workers. Threads: any. */
void lk_function_log(lk_function *function, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* No new invocations; waits up to grace_ms for running ones, then SIGTERM, then SIGKILL, to the
 * processes this function started. One thread; further calls do nothing. */
void lk_function_stop(lk_function *function, int64_t grace_ms);
/* Ends all processes now and starts none any more: running invocations return LK_INVOKE_KILLED, a
 * stop in progress is over soon. Threads: any. */
void lk_function_kill(lk_function *function);
/* Stops without grace unless that was done, frees: no other call may be in progress. Accepts NULL.
 */
void lk_function_free(lk_function *function);

#endif
