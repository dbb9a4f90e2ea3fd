/* SPDX-License-Identifier: MIT
 *
 * worker: a jobs function in C: from the Runtime API's invocations to handlers and back. What its
 * files share.
 *
 *     worker.c          its life: options, who performs which class
 *     worker_log.c      lines on standard output
 *     worker_metrics.c  a metrics line for each event of a job
 *     worker_job.c      what a handler may ask and say about the job in hand
 *     worker_perform.c  one job: from the batch to its handler, its outcome told and carried out
 *     worker_handle.c   one invocation: its jobs, or the handler of other events
 *     worker_enqueue.c  jobs that handlers enqueue
 *     worker_run.c      the process: start, loop, signals, end
 *
 * The twin of what Ruby does with a batch (batch.rb, failure.rb, metrics.rb, handler_process.rb):
 * the same is decided, told and counted in the same order. It uses the batch as any caller does.
 */
#ifndef LK_WORKER_H
#define LK_WORKER_H

#include "batch.h"

#include <stdatomic.h>

/* Who performs the jobs of a class. */
typedef struct lk_handler {
    struct lk_handler *next;
    char *job_class;
    lk_perform_fn perform;
    void *ctx;
    lk_handler_options options;
} lk_handler;

struct lk_worker {
    lk_worker_options options; /* its strings and sets are the worker's own */
    lk_client *client;
    lk_handler *handlers;
    lk_event_fn answer_event;
    void *answer_event_ctx;
    lk_err broken; /* code LK_OK: it can work; the first thing that was wrong with it */
    bool log_json;
    lk_log_level log_level;
    lk_batch *batch;                 /* of the present event, or the last: owns its response */
    char *answer;                    /* of an event without jobs */
    const lk_invocation *invocation; /* in hand; NULL: none */
    int64_t stop_margin_ms;          /* before the deadline, see lk_job_stopping */
    atomic_bool busy;
    atomic_bool stopping;
    _Atomic(lk_runtime *) runtime; /* that lk_worker_run waits at; NULL: none */
};

/* --- worker.c ------------------------------------------------------------------------------- */

/* NULL: nobody performs it. */
const lk_handler *lk_worker_find(const lk_worker *worker, lk_slice job_class);

/* --- worker_log.c --------------------------------------------------------------------------- */

/* Reads format and level from the environment. */
void lk_worker_log_configure(lk_worker *worker);
/* A line as it is: metrics. worker NULL: to standard output. */
void lk_worker_print(const lk_worker *worker, lk_slice line);
/* About a job, which may be NULL; the level's and the format's rules apply. worker may be NULL. */
void lk_worker_log_about(const lk_worker *worker, const lk_job *job, lk_log_level level,
                         const char *format, ...) LK_FORMAT(4, 5);
void lk_worker_vlog_about(const lk_worker *worker, const lk_job *job, lk_log_level level,
                          const char *format, va_list args) LK_FORMAT(4, 0);

/* --- worker_metrics.c ----------------------------------------------------------------------- */

/* duration_ms: as ActiveJob's event has it. failure: NULL, or with a code: its name is counted. */
void lk_worker_count(const lk_worker *worker, const lk_handler *handler, lk_job *job,
                     const char *event, int64_t duration_ms, const lk_err *failure);
/* A job that was enqueued, or refused with failure. */
void lk_worker_count_enqueued(const lk_worker *worker, const char *queue,
                              const lk_enqueue_entry *entry, const lk_sent *sent,
                              int64_t duration_ms, const lk_err *failure);

/* --- worker_perform.c ----------------------------------------------------------------------- */

/* Does with a job that lk_batch_next handed out all there is to do. A failure is the core's trouble
 * with SQS, not the job's. */
int lk_worker_perform(lk_worker *worker, lk_batch *batch, lk_job *job, lk_err *err);

#endif
