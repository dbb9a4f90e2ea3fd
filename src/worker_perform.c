/* SPDX-License-Identifier: MIT
 *
 * worker_perform: one job: found its handler, performed, its outcome decided, told and carried out.
 *
 *     poison? ──> start ──> perform_start ──> the handler ──> perform ──> decide ──> told ──>
 * finish
 *
 * Told before it is carried out: should the process end in between, the message comes back, and
 * nobody misses a death.
 */
#include "worker.h"

#include <stdio.h>

/* One attempt at a job and what it led to. */
typedef struct attempt {
    lk_worker *worker;
    const lk_handler *handler;
    lk_job *job;
    lk_batch *batch;
    lk_err failure; /* code LK_OK: none */
    bool discarded;
    lk_outcome outcome;
    lk_decision decision;
} attempt;

/* --- Telling -------------------------------------------------------------------------------- */

static void tell_dead(const attempt *a)
{
    static const char *const ends[] = {
        [LK_DELETE] = "its message is deleted",
        [LK_DRAIN] = "on its way to the dead-letter queue",
        [LK_LEAVE_FOR_DLQ] = "its message is left for the dead-letter queue",
    };
    size_t action = (size_t)a->decision.action;
    lk_worker_log_about(a->worker, a->job, LK_LOG_ERROR,
                        "[Lambdakiq] failed for the last time, execution %d: %s: %s; %s",
                        lk_job_execution(a->job), lk_err_name(&a->failure), a->failure.message,
                        action < LK_COUNT(ends) && ends[action] ? ends[action] : "dead");
    if (a->handler->options.retries_exhausted)
        a->handler->options.retries_exhausted(a->job, a->handler->ctx, &a->failure);
    lk_worker_count(a->worker, a->handler, a->job, "retry_stopped.active_job", 0, &a->failure);
}

/* SQS says nothing of when a message comes back that is left to its queue's timeout. */
static void tell_again(const attempt *a)
{
    char when[64] = "tried again when the queue's VisibilityTimeout ends";
    if (a->decision.wait_s >= 0)
        (void)snprintf(when, sizeof(when), "tried again in %lld s", (long long)a->decision.wait_s);
    lk_worker_log_about(a->worker, a->job, LK_LOG_WARN,
                        "[Lambdakiq] failed, execution %d: %s: %s; %s", lk_job_execution(a->job),
                        lk_err_name(&a->failure), a->failure.message,
                        a->decision.action == LK_DRAIN
                            ? "no retry will help: received again until SQS moves it to the "
                              "dead-letter queue"
                            : when);
    if (a->decision.action == LK_RETRY)
        lk_worker_count(a->worker, a->handler, a->job, "enqueue_retry.active_job", 0, &a->failure);
}

static void tell_poison(const attempt *a)
{
    char next[48] = "left for the dead-letter queue";
    if (a->decision.wait_s >= 0)
        (void)snprintf(next, sizeof(next), "tried again in %lld s", (long long)a->decision.wait_s);
    lk_slice queue = lk_job_queue_name(a->job);
    lk_worker_log_about(a->worker, a->job, LK_LOG_ERROR,
                        "[Lambdakiq] message %.*s of %.*s cannot be performed: %s; %s",
                        LK_SLICE_FMT(a->job->record.message_id), LK_SLICE_FMT(queue),
                        a->failure.message, next);
}

static void tell(const attempt *a)
{
    if (a->outcome.kind == LK_POISON)
        tell_poison(a);
    else if (a->discarded)
        lk_worker_log_about(a->worker, a->job, LK_LOG_WARN, "[Lambdakiq] discarded%s%s",
                            a->failure.code ? ": " : "", a->failure.message);
    else if (a->outcome.kind == LK_DONE)
        return;
    else if (a->decision.dead)
        tell_dead(a);
    else
        tell_again(a);
}

/* --- Deciding ------------------------------------------------------------------------------- */

/* An interrupt of the client was meant for a call of the application's; nothing is decided then. */
static int decide_and_finish(attempt *a, lk_err *err)
{
    int rc;
    do {
        rc = lk_batch_decide(a->batch, a->job, &a->outcome, &a->decision, err);
    } while (rc == LK_E_INTERRUPTED);
    if (rc)
        return rc;
    tell(a);
    return lk_batch_finish(a->batch, a->job, NULL, NULL, err);
}

/* --- Poison --------------------------------------------------------------------------------- */

/* Why no handler can be asked; fills the failure. */
static bool is_poison(attempt *a)
{
    lk_slice job_class = lk_job_class(a->job);
    if (job_class.len == 0)
        LK_FAIL(&a->failure, LK_E_RECORD, "its body is not a job's JSON");
    else if (!a->handler)
        LK_FAIL(&a->failure, LK_E_RECORD, "no handler is registered for %.*s",
                LK_SLICE_FMT(job_class));
    else if (!lk_job_arguments(a->job).ptr)
        LK_FAIL(&a->failure, LK_E_RECORD, "its body has no list of arguments");
    return a->failure.code != LK_OK;
}

/* --- Performing ----------------------------------------------------------------------------- */

/* What the handler's number and error mean. Nothing that it left there may break a line or us. */
static void read_result(attempt *a, int result)
{
    lk_err *failure = &a->failure;
    failure->message[sizeof(failure->message) - 1] = '\0';
    failure->name[sizeof(failure->name) - 1] = '\0';
    bool failed = result != LK_PERFORM_DONE && result != LK_PERFORM_DISCARD;
    if (failed && failure->code == LK_OK)
        LK_FAIL(failure, result < 0 ? result : LK_E_JOB,
                "its handler returned %d and no reason: see lk_fail", result);
    if (result == LK_PERFORM_DONE) /* it may have met errors on its way and mended them */
        lk_err_clear(failure);
    a->discarded = result == LK_PERFORM_DISCARD;
    a->outcome.kind = !failed ? LK_DONE : result == LK_PERFORM_DIE ? LK_HOPELESS : LK_FAILED;
    a->outcome.retry_in_s = a->job->retry_in_s;
}

static void perform(attempt *a)
{
    const lk_env *env = lk_client_env(a->worker->client);
    lk_worker_count(a->worker, a->handler, a->job, "perform_start.active_job", 0, NULL);
    int64_t start_ms = env->mono_ms(env->ctx);
    int result = a->handler->perform(a->job, a->handler->ctx, &a->failure);
    int64_t took_ms = env->mono_ms(env->ctx) - start_ms;
    read_result(a, result);
    lk_worker_count(a->worker, a->handler, a->job, "perform.active_job", took_ms, &a->failure);
    if (a->outcome.kind == LK_DONE && !a->discarded)
        lk_worker_log_about(a->worker, a->job, LK_LOG_INFO, "[Lambdakiq] performed in %lld ms",
                            (long long)took_ms);
}

int lk_worker_perform(lk_worker *worker, lk_batch *batch, lk_job *job, lk_err *err)
{
    attempt a = {.worker = worker,
                 .batch = batch,
                 .job = job,
                 .handler = lk_worker_find(worker, lk_job_class(job)),
                 .outcome = LK_OUTCOME_INIT};
    if (is_poison(&a)) {
        a.outcome.kind = LK_POISON;
        return decide_and_finish(&a, err);
    }
    lk_job_options options = LK_JOB_OPTIONS_INIT;
    options.retry = a.handler->options.retry;
    options.dead = a.handler->options.dead;
    options.jitter_percent = a.handler->options.jitter_percent;
    int rc;
    do {
        rc = lk_batch_start(batch, job, &options, &a.decision, err);
    } while (rc == LK_E_INTERRUPTED);
    if (rc || a.decision.action != LK_RUN)
        return rc;
    perform(&a);
    return decide_and_finish(&a, err);
}
