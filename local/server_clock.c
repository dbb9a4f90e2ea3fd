/* SPDX-License-Identifier: MIT
 *
 * server_clock: POST /_lambdakiq/clock moves the clock: {"advance_s": N}, {"advance_ms": N} or
 * {"to_next": true}, each with "force": true to move although invocations run.
 *
 * A running invocation must not find its message's timeout gone, so whoever runs them is asked
 * first, which may take as long as they do. That happens on a thread of its own: neither the HTTP
 * nor the writer thread may wait, the invocation needs both to end.
 */
#include "server_call.h"

#include "json.h"
#include "thread.h"

#include <string.h>

#define PAUSE_WAIT_MS 30000
#define ADVANCE_MAX_S ((int64_t)100 * 365 * 86400)

/* What the request says. */
typedef struct clock_order {
    int64_t advance_ms;
    bool to_next;
    bool force;
} clock_order;

/* --- Reading -------------------------------------------------------------------------------- */

static bool read_amount(const lk_json *body, clock_order *order)
{
    int64_t value = 0;
    const lk_json *seconds = lk_json_get(body, "advance_s");
    const lk_json *milliseconds = lk_json_get(body, "advance_ms");
    order->to_next = lk_json_bool(lk_json_get(body, "to_next"));
    if ((seconds != NULL) + (milliseconds != NULL) + order->to_next != 1)
        return false;
    if (order->to_next)
        return true;
    if (!lk_json_int64(seconds ? seconds : milliseconds, &value) || value < 0 ||
        value > ADVANCE_MAX_S * (seconds ? 1 : 1000))
        return false;
    order->advance_ms = seconds ? value * 1000 : value;
    return true;
}

static bool read_order(lk_slice text, clock_order *order)
{
    lk_json *body = NULL;
    *order = (clock_order){0};
    if (lk_json_parse(text, "clock", &body, NULL))
        return false;
    order->force = lk_json_bool(lk_json_get(body, "force"));
    bool good = lk_json_typeof(body) == LK_JSON_OBJECT && read_amount(body, order);
    lk_json_free(body);
    return good;
}

/* --- On the writer thread ------------------------------------------------------------------- */

typedef struct next_due {
    lk_server *server;
    int64_t in_ms; /* INT64_MAX: nothing is due */
} next_due;

static int find_next_due(void *ctx, lk_store *store, lk_err *err)
{
    next_due *next = ctx;
    int64_t now_ms = lk_clock_now_ms(next->server->clock);
    int64_t due_ms;
    int rc = lk_store_next_due(store, NULL, now_ms, &due_ms, err);
    if (rc == 0)
        next->in_ms = due_ms == INT64_MAX ? INT64_MAX : LK_MAX(due_ms - now_ms, 0);
    return rc;
}

static int wake_polls(void *ctx, lk_store *store, lk_err *err)
{
    lk_server *server = ctx;
    (void)store;
    (void)err; /* the signature of lk_writer_fn */
    lk_polls_touch_all(&server->polls);
    return 0;
}

/* --- Moving --------------------------------------------------------------------------------- */

/* 0: *advanced_ms is how far, -1 when there is nothing to go to. */
static int move(lk_server *server, const clock_order *order, int64_t *advanced_ms, lk_err *err)
{
    next_due next = {.server = server};
    *advanced_ms = order->advance_ms;
    if (order->to_next) {
        int rc = lk_writer_call(server->writer, find_next_due, &next, err);
        if (rc)
            return rc;
        if (next.in_ms == INT64_MAX) {
            *advanced_ms = -1;
            return 0;
        }
        *advanced_ms = next.in_ms;
    }
    int rc = lk_clock_advance(server->clock, *advanced_ms, err);
    return rc ? rc : lk_writer_call(server->writer, wake_polls, server, err);
}

/* With the gate locked. */
static void move_and_answer(lk_server_call *call, const clock_order *order)
{
    int64_t advanced_ms;
    lk_err err;
    if (move(call->server, order, &advanced_ms, &err))
        lk_server_admin_error(call, 500, "InternalFailure", err.message);
    else if (advanced_ms < 0)
        lk_server_clock_answer(call, 0,
                               "nothing is due: no message is delayed or in flight; the clock was "
                               "not moved");
    else
        lk_server_clock_answer(call, advanced_ms, NULL);
}

static void pause_and_move(lk_server_call *call, const clock_order *order)
{
    lk_server *server = call->server;
    pthread_mutex_lock(&server->gate_lock);
    const lk_server_clock_gate *gate = &server->gate;
    bool paused = !gate->try_pause || gate->try_pause(gate->ctx, order->force ? 0 : PAUSE_WAIT_MS);
    if (paused || order->force)
        move_and_answer(call, order);
    else
        lk_server_admin_error(call, 409, "InvocationsRunning",
                              "an invocation is still running after 30 s; the clock was not moved. "
                              "Wait for it, or add \"force\": true");
    if (gate->resume)
        gate->resume(gate->ctx);
    pthread_mutex_unlock(&server->gate_lock);
}

/* In the call's arena. */
typedef struct clock_job {
    lk_server_call *call;
    clock_order order;
} clock_job;

static void *clock_main(void *arg)
{
    clock_job *job = arg;
    pause_and_move(job->call, &job->order);
    lk_server_resume(job->call); /* the last that this thread does with the server */
    return NULL;
}

static bool start_thread(clock_job *job)
{
    pthread_t thread;
    if (lk_thread_start(&thread, clock_main, job, NULL))
        return false;
    pthread_detach(thread);
    return true;
}

static lk_call_next refuse(lk_server_call *call, int status, const char *code, const char *message)
{
    lk_server_admin_error(call, status, code, message);
    return LK_CALL_ANSWER;
}

lk_call_next lk_server_clock_begin(lk_server_call *call)
{
    clock_job *job = lk_arena_alloc(&call->request.arena, 1, sizeof *job);
    if (!job)
        return refuse(call, 500, "InternalFailure", "out of memory");
    job->call = call;
    if (call->too_large || !read_order(lk_buf_slice(&call->in), &job->order))
        return refuse(call, 400, "BadRequest",
                      "send one of {\"advance_s\": N}, {\"advance_ms\": N} and {\"to_next\": "
                      "true}, N from 0 to 100 years; \"force\": true moves the clock although "
                      "invocations run");
    if (!lk_server_suspend(call))
        return refuse(call, 503, "ServiceUnavailable", "the server is being stopped");
    if (!start_thread(job)) {
        refuse(call, 500, "InternalFailure", "cannot start a thread");
        lk_server_resume(call);
    }
    return LK_CALL_WAIT;
}
