/* SPDX-License-Identifier: MIT
 *
 * function_worker: one execution environment: a thread that keeps one worker process alive, its
 * Runtime API, and the invocation it works on.
 *
 * The thread starts the process, watches it, passes its output on, and is the only one that ends
 * it: at the deadline, or when the function stops. A process that ends is replaced by a fresh one
 * with a fresh API; one that keeps ending without having done any work is replaced ever more
 * slowly.
 */
#ifndef LK_LOCAL_FUNCTION_WORKER_H
#define LK_LOCAL_FUNCTION_WORKER_H

#include "function.h"
#include "function_api.h"
#include "function_log.h"
#include "function_process.h"
#include "thread.h"

typedef enum lk_function_stage {
    LK_STAGE_OPEN,
    LK_STAGE_DRAINING,    /* no new invocations, processes are not replaced */
    LK_STAGE_TERMINATING, /* SIGTERM, and SIGKILL to who does not listen */
    LK_STAGE_KILLING      /* SIGKILL */
} lk_function_stage;

/* What the workers of one function share. */
typedef struct lk_function_shared {
    /* set before the first worker starts */
    char *name;
    char *arn;
    char *cwd; /* NULL: as we are */
    char *region;
    char *task_root;
    char **argv;
    char **env; /* may be NULL */
    int64_t timeout_ms;
    int64_t init_timeout_ms;
    int64_t idle_ms;
    int memory_mb;
    bool memory_limit;
    size_t min_workers;
    lk_log_sink sink;
    struct lk_function_worker *workers;
    size_t count; /* of workers; final when the function has started */

    pthread_mutex_t lock; /* guards all below, and the marked fields of workers */
    pthread_cond_t changed;
    lk_function_stage stage;
    size_t running;    /* invocations in progress */
    size_t wanted;     /* workers that have, or are to have, a process */
    size_t waiting;    /* callers of lk_function_reserve */
    size_t reserved;   /* workers promised to callers of lk_function_reserve */
    lk_buf init_error; /* payload of the latest start that failed; empty once one succeeded */
} lk_function_shared;

int64_t lk_function_mono_us(void);
/* Appends {"errorMessage":…,"errorType":…}. */
void lk_function_error_payload(lk_buf *out, const char *type, const char *message);
typedef enum lk_worker_end {
    LK_WORKER_ENDED,    /* by itself */
    LK_WORKER_OVERDUE,  /* killed at the deadline of start or invocation */
    LK_WORKER_OVERSIZE, /* killed for using more memory than the function has */
    LK_WORKER_STOPPED   /* ended because the function stops, or for want of work */
} lk_worker_end;

typedef struct lk_function_worker {
    lk_function_shared *shared;
    pthread_t thread;
    bool has_thread;
    int wake[2]; /* a byte in it makes the thread look again */

    /* of the thread alone */
    lk_process process;
    lk_worker_end cause;   /* why we ended the present process */
    int64_t killing_since; /* mono ms of the SIGTERM; 0: none */
    int failures;          /* processes in a row that ended without having done any work */
    bool slow_start; /* the start took longer than Lambda's 10 s: the function timeout counts */

    /* guarded by shared->lock */
    bool wanted;           /* it has, or is to have, a process */
    int64_t idle_since_ms; /* mono ms; while ready */
    bool launched;         /* the first process was started, or could not be: */
    lk_err launch;         /* why not */
    lk_function_api *api;
    lk_log_stream output;
    pid_t pid;                /* 0: none */
    bool alive;               /* the process may be given work, once ready */
    bool ready;               /* it waits for an event */
    bool was_ready;           /* it has started up */
    bool has_worked;          /* it got an event */
    bool invoking;            /* somebody is in lk_function_worker_invoke: api and output stay */
    int64_t started_us;       /* mono µs */
    int64_t init_us;          /* duration of the start, to be reported once; 0: reported */
    int64_t deadline_mono_ms; /* of start or invocation; 0: none */
    bool init_failed;         /* init/error was called, */
    lk_buf init_report;       /* with this */
    lk_worker_end end;        /* of a process that is not alive any more */
    lk_process_end how;
} lk_function_worker;

/* wanted: with a process from the start. */
int lk_function_worker_start(lk_function_worker *worker, lk_function_shared *shared, bool wanted,
                             lk_err *err);
/* Whether it can be given an invocation now; lock held. */
bool lk_function_worker_free_now(const lk_function_worker *worker);
size_t lk_function_count_free(const lk_function_shared *shared); /* lock held */
/* Makes it the caller's; lock held. lk_function_worker_invoke must follow. */
void lk_function_worker_claim(lk_function_worker *worker);
lk_invoke_status lk_function_worker_invoke(lk_function_worker *worker, lk_slice event,
                                           lk_slice trace_id, lk_buf *payload);
/* The stage has changed. */
void lk_function_worker_wake(lk_function_worker *worker);
/* Waits for the thread; the stage must be past draining. Accepts one that never started. */
void lk_function_worker_join(lk_function_worker *worker);
/* Joins, and gives back what the worker holds. */
void lk_function_worker_clear(lk_function_worker *worker);

#endif
