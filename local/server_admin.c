/* SPDX-License-Identifier: MIT
 *
 * server_admin: the endpoints that are not SQS, below /_lambdakiq/: health, the queues with their
 * counters, the calls by action, the clock. For people, scripts and tests; answers are JSON.
 */
#include "server_call.h"

#include "json.h"

#include <string.h>

/* --- Answers -------------------------------------------------------------------------------- */

static void complete_ready(lk_server_call *call)
{
    (void)call; /* the answer was made already */
}

static void begin_answer(lk_server_call *call, int status)
{
    lk_buf_reset(&call->out);
    call->status = status;
    call->content_type = "application/json";
    call->complete = complete_ready;
}

void lk_server_admin_error(lk_server_call *call, int status, const char *code, const char *message)
{
    lk_json_writer w = {.out = &call->out};
    begin_answer(call, status);
    lk_json_begin_object(&w);
    lk_json_key(&w, "error");
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "code", code);
    lk_json_member_str(&w, "message", message);
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    lk_buf_add_char(&call->out, '\n');
}

/* After the writer: what it made, or that it could not. */
static void complete_handed_over(lk_server_call *call)
{
    if (call->failure)
        lk_server_admin_error(call, lk_fault_row_get(call->failure)->http_status,
                              lk_fault_row_get(call->failure)->query_code,
                              lk_fault_row_get(call->failure)->text);
}

static void work_done(lk_work *work, const lk_err *failure)
{
    lk_server_call *call = (lk_server_call *)work; /* its first member */
    if (failure)
        call->failure = LK_FAULT_INTERNAL_FAILURE;
    lk_server_resume(call);
}

static lk_call_next hand_over(lk_server_call *call, void (*run)(lk_work *work, lk_writer *writer))
{
    begin_answer(call, 200);
    call->complete = complete_handed_over;
    return lk_server_hand_over(call, run, work_done);
}

/* --- Health --------------------------------------------------------------------------------- */

/* Through the writer, and with a write: healthy is who still commits. */
static void run_health(lk_work *work, lk_writer *writer)
{
    lk_err err;
    if (lk_store_probe(lk_writer_store(writer), &err))
        lk_writer_abort(writer, &err);
    lk_writer_finish(writer, work);
}

static void complete_health(lk_server_call *call)
{
    lk_json_writer w = {.out = &call->out};
    call->status = call->failure ? 503 : 200;
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "status", call->failure ? "unready" : "ok");
    lk_json_member_str(&w, "version", lk_version());
    lk_json_member_str(&w, "store",
                       call->failure == LK_FAULT_UNAVAILABLE ? "closing"
                       : call->failure                       ? "failing"
                                                             : "ok");
    lk_json_end_object(&w);
    lk_buf_add_char(&call->out, '\n');
}

static lk_call_next begin_health(lk_server_call *call)
{
    begin_answer(call, 200);
    call->complete = complete_health;
    return lk_server_hand_over(call, run_health, work_done);
}

/* --- Queues --------------------------------------------------------------------------------- */

static void write_queue(lk_json_writer *w, const lk_server *server, const lk_store_queue *queue,
                        const lk_store_counts *counts, bool receivable)
{
    const lk_store_settings *s = &queue->settings;
    lk_json_begin_object(w);
    lk_json_member_string(w, "name", queue->name);
    lk_json_key(w, "url");
    lk_buf url = {0};
    lk_buf_addf(&url, "%s/%s/%.*s", server->url, server->env.account, LK_SLICE_FMT(queue->name));
    lk_json_value_string(w, lk_buf_slice(&url));
    w->out->failed |= url.failed;
    lk_buf_clear(&url);
    lk_json_key(w, "fifo");
    lk_json_value_bool(w, s->fifo);
    lk_json_member_int(w, "visible", counts->visible);
    lk_json_member_int(w, "in_flight", counts->in_flight);
    lk_json_member_int(w, "delayed", counts->delayed);
    lk_json_key(w, "receivable");
    lk_json_value_bool(w, receivable);
    if (s->dead_letter_queue.ptr) {
        lk_json_member_string(w, "dead_letter_queue", s->dead_letter_queue);
        lk_json_member_int(w, "max_receive_count", s->max_receive_count);
    }
    lk_json_end_object(w);
}

static void run_queues(lk_work *work, lk_writer *writer)
{
    lk_server_call *call = (lk_server_call *)work;
    lk_store *store = lk_writer_store(writer);
    int64_t now_ms = lk_clock_now_ms(call->server->clock);
    lk_json_writer w = {.out = &call->out};
    lk_err err;
    lk_json_begin_object(&w);
    lk_json_key(&w, "queues");
    lk_json_begin_array(&w);
    for (const lk_store_queue *queue = lk_store_queue_next(store, (lk_slice){0}); queue;
         queue = lk_store_queue_next(store, queue->name)) {
        lk_store_counts counts;
        bool receivable = false;
        if (lk_store_queue_count(store, queue, now_ms, &counts, &err) ||
            lk_store_queue_receivable(store, queue, now_ms, &receivable, &err)) {
            lk_writer_abort(writer, &err);
            break;
        }
        write_queue(&w, call->server, queue, &counts, receivable);
    }
    lk_json_end_array(&w);
    lk_json_end_object(&w);
    lk_buf_add_char(&call->out, '\n');
    lk_writer_finish(writer, work);
}

static lk_call_next begin_queues(lk_server_call *call)
{
    return hand_over(call, run_queues);
}

/* --- Calls ---------------------------------------------------------------------------------- */

/* What AWS would bill: each call once, a long poll too, when it began. Those that were refused
 * before a queue was looked at are not in it. */
static void run_calls(lk_work *work, lk_writer *writer)
{
    lk_server_call *call = (lk_server_call *)work;
    lk_json_writer w = {.out = &call->out};
    lk_json_begin_object(&w);
    lk_json_key(&w, "calls");
    lk_json_begin_object(&w);
    for (size_t i = 0; i < LK_ACTION_COUNT; i++)
        lk_json_member_int(&w, lk_action_title(i), (int64_t)call->server->calls[i]);
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    lk_buf_add_char(&call->out, '\n');
    lk_writer_finish(writer, work);
}

static lk_call_next begin_calls(lk_server_call *call)
{
    return hand_over(call, run_calls);
}

/* --- Clock ---------------------------------------------------------------------------------- */

void lk_server_clock_answer(lk_server_call *call, int64_t advanced_ms, const char *note)
{
    lk_json_writer w = {.out = &call->out};
    const lk_clock *clock = call->server->clock;
    begin_answer(call, 200);
    lk_json_begin_object(&w);
    lk_json_member_int(&w, "now_ms", lk_clock_now_ms(clock));
    lk_json_member_int(&w, "offset_ms", lk_clock_offset_get_ms(clock));
    lk_json_member_int(&w, "advanced_ms", advanced_ms);
    if (note)
        lk_json_member_str(&w, "note", note);
    lk_json_end_object(&w);
    lk_buf_add_char(&call->out, '\n');
}

static lk_call_next begin_clock_get(lk_server_call *call)
{
    lk_server_clock_answer(call, 0, NULL);
    return LK_CALL_ANSWER;
}

/* --- Routing -------------------------------------------------------------------------------- */

typedef struct admin_route {
    const char *path; /* behind the prefix */
    bool post;
    bool open; /* for everyone, without a signature: a container's health check has no keys */
    lk_call_next (*begin)(lk_server_call *call);
} admin_route;

static const admin_route routes[] = {
    {"health", false, true, begin_health},         {"queues", false, false, begin_queues},
    {"calls", false, false, begin_calls},          {"clock", false, false, begin_clock_get},
    {"clock", true, false, lk_server_clock_begin},
};

static lk_call_next begin_route(const admin_route *route, lk_server_call *call)
{
    const lk_fault *fault = &call->request.fault;
    /* The clock alone: far enough in the future every message is past its retention. */
    if (!route->open && lk_server_from_web_page(call)) {
        lk_server_admin_error(call, 403, "Forbidden",
                              "web pages may not look at the local SQS or move its clock");
        return LK_CALL_ANSWER;
    }
    int rc = route->open ? 0 : lk_server_auth(call);
    if (rc == 0)
        return route->begin(call);
    const lk_fault_row *row = lk_fault_row_get(rc < 0 ? LK_FAULT_INTERNAL_FAILURE : fault->code);
    lk_server_admin_error(call, row->http_status, row->query_code,
                          rc < 0 ? row->text : fault->message.ptr);
    return LK_CALL_ANSWER;
}

lk_call_next lk_server_admin_begin(lk_server_call *call)
{
    bool known = false;
    /* Of an answer to HEAD libmicrohttpd leaves the body out. */
    bool reads = call->is_get || lk_slice_equal_str(call->method, "HEAD");
    for (size_t i = 0; i < LK_COUNT(routes); i++) {
        if (strcmp(call->path.ptr + strlen(LK_SERVER_ADMIN_PREFIX), routes[i].path) != 0)
            continue;
        known = true;
        if (routes[i].post ? call->is_post : reads)
            return begin_route(&routes[i], call);
    }
    if (known)
        lk_server_admin_error(call, 405, "MethodNotAllowed",
                              "GET health, queues, calls, clock; POST clock");
    else
        lk_server_admin_error(call, 404, "NotFound",
                              "there are " LK_SERVER_ADMIN_PREFIX "health, " LK_SERVER_ADMIN_PREFIX
                              "queues, " LK_SERVER_ADMIN_PREFIX "calls and " LK_SERVER_ADMIN_PREFIX
                              "clock");
    return LK_CALL_ANSWER;
}
