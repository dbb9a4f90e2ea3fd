/* SPDX-License-Identifier: MIT
 *
 * function_invoke: one invocation on one worker: START, the event, the answer or the end of the
 * process, END and REPORT.
 */
#include "function_worker.h"

#include "function_report.h"
#include "json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct invocation {
    lk_function_worker *worker;
    char id[37];
    char error_type[LK_ERROR_TYPE_SIZE];
    int64_t started_us;
    int64_t ended_us;
    int64_t init_us; /* 0: not the first of its process */
    int64_t memory_mb;
    lk_worker_end end;
    lk_process_end how;
} invocation;

int64_t lk_function_mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void lk_function_error_payload(lk_buf *out, const char *type, const char *message)
{
    lk_json_writer w = {.out = out};
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "errorMessage", message);
    lk_json_member_str(&w, "errorType", type);
    lk_json_end_object(&w);
}

bool lk_function_worker_free_now(const lk_function_worker *w)
{
    return w->alive && w->ready && !w->invoking;
}

size_t lk_function_count_free(const lk_function_shared *shared)
{
    size_t free_now = 0;
    for (size_t i = 0; i < shared->count; i++)
        free_now += lk_function_worker_free_now(&shared->workers[i]);
    return free_now;
}

void lk_function_worker_claim(lk_function_worker *w)
{
    w->ready = false;
    w->invoking = true;
    w->shared->running++;
}

/* --- Its lines ------------------------------------------------------------------------------ */

static void report(const invocation *i, const char *status)
{
    lk_function_shared *shared = i->worker->shared;
    lk_report_end(&shared->sink, &(lk_report){.request_id = i->id,
                                              .duration_us = i->ended_us - i->started_us,
                                              .init_us = i->init_us,
                                              .memory_mb = shared->memory_mb,
                                              .max_memory_mb = i->memory_mb,
                                              .status = status,
                                              .error_type = i->error_type});
}

/* --- Its outcomes --------------------------------------------------------------------------- */

static lk_invoke_status conclude_timeout(invocation *i, lk_buf *payload)
{
    lk_function_shared *shared = i->worker->shared;
    char now[25];
    char message[160];
    double seconds = (double)shared->timeout_ms / 1000;
    lk_time_format_iso8601(lk_wall_ms(), now);
    lk_log_linef(&shared->sink, "%s %s Task timed out after %.2f seconds", now, i->id, seconds);
    snprintf(message, sizeof(message), "RequestId: %s Error: Task timed out after %.2f seconds",
             i->id, seconds);
    lk_function_error_payload(payload, "Sandbox.Timedout", message);
    report(i, "timeout");
    return LK_INVOKE_TIMEOUT;
}

static lk_invoke_status conclude_crash(invocation *i, lk_buf *payload)
{
    char how[128];
    char message[256];
    lk_process_end_text(&i->how, how, sizeof(how));
    snprintf(message, sizeof(message), "RequestId: %s Error: %s", i->id, how);
    snprintf(i->error_type, sizeof(i->error_type), "Runtime.ExitError");
    lk_log_linef(&i->worker->shared->sink, "%s %s", message, i->error_type);
    if (i->end == LK_WORKER_OVERSIZE)
        lk_log_linef(&i->worker->shared->sink,
                     "lambdakiq: it was killed because it took %lld MB, and the function has %d MB",
                     (long long)i->memory_mb, i->worker->shared->memory_mb);
    lk_function_error_payload(payload, i->error_type, message);
    report(i, "error");
    return i->end == LK_WORKER_STOPPED ? LK_INVOKE_KILLED : LK_INVOKE_CRASH;
}

static lk_invoke_status conclude(invocation *i, lk_function_answer answer, lk_buf *payload)
{
    switch (answer) {
    case LK_ANSWER_RESPONSE:
        report(i, "success");
        return LK_INVOKE_OK;
    case LK_ANSWER_ERROR:
        report(i, "error");
        return LK_INVOKE_ERROR;
    case LK_ANSWER_TOO_LARGE:
        report(i, "error");
        return LK_INVOKE_TOO_LARGE;
    case LK_ANSWER_ENDED:
    case LK_ANSWER_UNHEARD:
        break;
    }
    if (i->end == LK_WORKER_OVERDUE)
        return conclude_timeout(i, payload);
    lk_invoke_status status = conclude_crash(i, payload);
    if (answer == LK_ANSWER_ENDED)
        return status;
    return status == LK_INVOKE_KILLED ? LK_INVOKE_STOPPED : LK_INVOKE_THROTTLED;
}

/* --- The invocation ------------------------------------------------------------------------- */

static void begin(invocation *i, lk_function_worker *w)
{
    *i = (invocation){.worker = w};
    lk_uuid4(&lk_env_default, i->id);
    lk_report_start(&w->shared->sink, i->id);
    pthread_mutex_lock(&w->shared->lock);
    i->started_us = lk_function_mono_us();
    i->init_us = w->init_us;
    w->init_us = 0;
    w->deadline_mono_ms = lk_mono_ms() + w->shared->timeout_ms;
    pthread_mutex_unlock(&w->shared->lock);
    lk_function_worker_wake(w);
}

/* What the process printed before it answered comes before END. */
static void observe_end(invocation *i)
{
    lk_function_worker *w = i->worker;
    i->ended_us = lk_function_mono_us();
    lk_log_stream_pump(&w->output);
    pthread_mutex_lock(&w->shared->lock);
    i->end = w->end;
    i->how = w->how;
    i->memory_mb = w->pid > 0 ? lk_process_memory_mb(w->pid) : w->how.max_memory_mb;
    pthread_mutex_unlock(&w->shared->lock);
}

/* heard: the process got the event. */
static void release(lk_function_worker *w, bool heard)
{
    pthread_mutex_lock(&w->shared->lock);
    if (heard)
        w->has_worked = true;
    w->invoking = false;
    w->shared->running--;
    pthread_cond_broadcast(&w->shared->changed);
    pthread_mutex_unlock(&w->shared->lock);
}

lk_invoke_status lk_function_worker_invoke(lk_function_worker *w, lk_slice event, lk_slice trace_id,
                                           lk_buf *payload)
{
    invocation i;
    begin(&i, w);
    lk_function_request request = {.request_id = i.id,
                                   .function_arn = w->shared->arn,
                                   .deadline_ms = lk_wall_ms() + w->shared->timeout_ms,
                                   .event = event,
                                   .trace_id = trace_id};
    lk_function_answer answer = lk_function_api_invoke(w->api, &request, payload, i.error_type);
    observe_end(&i);
    lk_invoke_status status = conclude(&i, answer, payload);
    release(w, answer != LK_ANSWER_UNHEARD);
    return status;
}
