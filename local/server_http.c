/* SPDX-License-Identifier: MIT
 *
 * server_http: see server_http.h. libmicrohttpd calls `handle` several times for one request: when
 * its header is there, for each piece of the body, at the body's end, and again when a suspended
 * connection was resumed.
 */
#include "server_http.h"

#include "peer.h"

#include <microhttpd.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_TIMEOUT_S 120

/* --- Calls ---------------------------------------------------------------------------------- */

lk_slice lk_server_header(const lk_server_call *call, const char *name)
{
    return lk_slice_of(MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name));
}

typedef struct header_list {
    lk_name_value *items;
    size_t count;
    size_t room;
} header_list;

static enum MHD_Result add_to_list(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    header_list *list = cls;
    (void)kind;
    if (list->count == list->room)
        return MHD_NO;
    list->items[list->count++] = (lk_name_value){lk_slice_of(name), lk_slice_of(value)};
    return MHD_YES;
}

const lk_name_value *lk_server_headers(lk_server_call *call, size_t *count)
{
    int found = MHD_get_connection_values(call->connection, MHD_HEADER_KIND, NULL, NULL);
    header_list list = {.room = (size_t)LK_MAX(found, 0)};
    list.items = lk_arena_alloc(&call->request.arena, list.room + 1, sizeof *list.items);
    if (list.items)
        MHD_get_connection_values(call->connection, MHD_HEADER_KIND, add_to_list, &list);
    *count = list.count;
    return list.items;
}

static void count_open(lk_server *server, bool one_more)
{
    pthread_mutex_lock(&server->traffic_lock);
    server->open += one_more ? 1 : (size_t)-1;
    pthread_cond_broadcast(&server->traffic_changed);
    pthread_mutex_unlock(&server->traffic_lock);
}

static int client_socket(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static lk_idle_connection *idle_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* When the request line is there. */
static lk_server_call *call_new(lk_server *server, struct MHD_Connection *connection,
                                const char *target)
{
    lk_server_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->server = server;
    call->connection = connection;
    call->idle = idle_of(connection);
    call->poll = (lk_poll){
        .request = &call->request, .work = &call->work, .socket = client_socket(connection)};
    lk_request_init(&call->request, &server->env);
    lk_slice copy = lk_arena_copy(&call->request.arena, lk_slice_of(target));
    call->query = lk_slice_cut(copy, '?', &call->raw_path);
    if (copy.ptr)
        return call;
    lk_server_call_free(call);
    return NULL;
}

/* When its header is. */
static void set_head(lk_server_call *call, const char *path, const char *method)
{
    call->headed = true;
    call->path = lk_slice_of(path);
    call->method = lk_slice_of(method);
    call->is_get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    call->is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    count_open(call->server, true);
}

void lk_server_call_free(lk_server_call *call)
{
    lk_request_clear(&call->request);
    lk_buf_clear(&call->in);
    lk_buf_clear(&call->out);
    free(call);
}

/* --- Suspending ----------------------------------------------------------------------------- */

bool lk_server_suspend(lk_server_call *call)
{
    lk_server *server = call->server;
    pthread_mutex_lock(&server->traffic_lock);
    bool allowed = !server->refusing;
    server->suspended += allowed;
    pthread_mutex_unlock(&server->traffic_lock);
    if (allowed)
        MHD_suspend_connection(call->connection);
    return allowed;
}

/* libmicrohttpd is told by its own thread only, of all that came back meanwhile. The lock is given
 * back last: then the call counts as suspended no more, and the server may be gone. */
void lk_server_resume(lk_server_call *call)
{
    lk_server *server = call->server;
    call->next_resumed = NULL;
    pthread_mutex_lock(&server->traffic_lock);
    bool first = !server->resumed;
    *(first ? &server->resumed : &server->last_resumed->next_resumed) = call;
    server->last_resumed = call;
    if (first)
        lk_loop_wake(&server->loop);
    pthread_mutex_unlock(&server->traffic_lock);
}

static lk_server_call *take_resumed(lk_server *server)
{
    pthread_mutex_lock(&server->traffic_lock);
    lk_server_call *first = server->resumed;
    server->resumed = NULL;
    pthread_mutex_unlock(&server->traffic_lock);
    return first;
}

static void resume_all(lk_server *server)
{
    size_t count = 0;
    for (lk_server_call *call = take_resumed(server), *next; call; call = next, count++) {
        next = call->next_resumed;
        MHD_resume_connection(call->connection);
    }
    if (count == 0)
        return;
    pthread_mutex_lock(&server->traffic_lock);
    server->suspended -= count;
    if (server->suspended == 0)
        pthread_cond_broadcast(&server->traffic_changed);
    pthread_mutex_unlock(&server->traffic_lock);
}

lk_call_next lk_server_hand_over(lk_server_call *call,
                                 void (*run)(lk_work *work, lk_writer *writer),
                                 void (*done)(lk_work *work, const lk_err *failure))
{
    call->work = (lk_work){.run = run, .done = done};
    if (!lk_server_suspend(call)) {
        call->failure = LK_FAULT_UNAVAILABLE;
        return LK_CALL_ANSWER;
    }
    if (!lk_writer_submit(call->server->writer, &call->work)) {
        call->failure = LK_FAULT_UNAVAILABLE;
        lk_server_resume(call);
    }
    return LK_CALL_WAIT;
}

/* --- Receiving ------------------------------------------------------------------------------ */

/* What is too long is read to its end nevertheless: a client that is still sending would see a
 * reset connection instead of the answer. */
static void keep_body(lk_server_call *call, const char *data, size_t size)
{
    if (call->in.len + size > LK_SERVER_BODY_MAX)
        call->too_large = true;
    if (call->too_large)
        lk_buf_clear(&call->in);
    else
        lk_buf_add(&call->in, (lk_slice){data, size});
}

static lk_call_next begin(lk_server_call *call)
{
    call->begun = true;
    lk_idle_busy(call->idle);
    if (lk_slice_has_prefix(call->path, LK_SLICE_LITERAL(LK_SERVER_ADMIN_PREFIX)))
        return lk_server_admin_begin(call);
    return lk_server_sqs_begin(call);
}

/* --- Answering ------------------------------------------------------------------------------ */

/* splitmix64. Request ids need to differ, not to be secret, and getrandom() would be one of only
 * seven system calls that a request costs. The HTTP thread's own. */
static bool request_id_bytes(void *ctx, void *out, size_t len)
{
    uint64_t *state = ctx;
    unsigned char *bytes = out;
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0)
            *state += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t z = *state;
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        bytes[i] = (unsigned char)((z ^ (z >> 31)) >> (i % 8 * 8));
    }
    return true;
}

static void set_request_id(lk_server_call *call)
{
    lk_env ids = {.random = request_id_bytes, .ctx = &call->server->request_ids};
    lk_uuid4(&ids, call->request_id);
    call->request.request_id = lk_slice_of(call->request_id);
}

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* The error as the Query protocol names it: what SDKs make their error classes of. */
static bool add_query_error(struct MHD_Response *response, const lk_server_call *call)
{
    char value[128];
    const lk_fault *fault = &call->request.fault;
    if (!fault->code || !call->protocol || !call->protocol->error_header)
        return true;
    snprintf(value, sizeof value, "%s;%s", lk_fault_row_get(fault->code)->query_code,
             lk_fault_side(fault->code));
    return add_header(response, "x-amzn-query-error", value);
}

static bool add_headers(lk_server_call *call, struct MHD_Response *response)
{
    lk_server *server = call->server;
    pthread_mutex_lock(&server->traffic_lock);
    bool draining = server->draining;
    pthread_mutex_unlock(&server->traffic_lock);
    return add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, call->content_type) &&
           add_header(response, "x-amzn-RequestId", call->request_id) &&
           add_query_error(response, call) &&
           (!draining || add_header(response, MHD_HTTP_HEADER_CONNECTION, "close"));
}

static enum MHD_Result send_answer(lk_server_call *call)
{
    if (call->out.failed)
        return MHD_NO;
    size_t len = call->out.len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, lk_buf_take(&call->out), MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    enum MHD_Result sent = MHD_NO;
    if (add_headers(call, response))
        sent = MHD_queue_response(call->connection, (unsigned)call->status, response);
    MHD_destroy_response(response);
    return sent;
}

/* A client that hung up while it waited gets nothing: the connection is closed, and `completed`
 * gives its messages back. */
static bool client_left_with_messages(const lk_server_call *call)
{
    return call->waited && lk_server_sqs_has_messages(call) && lk_peer_gone(call->poll.socket);
}

static enum MHD_Result answer(lk_server_call *call)
{
    if (client_left_with_messages(call))
        return MHD_NO;
    call->complete(call);
    return send_answer(call);
}

/* --- libmicrohttpd's callbacks -------------------------------------------------------------- */

/* The only place where libmicrohttpd shows the target as it came; what it hands to `handle` is
 * decoded in place. Its result is the first *state. */
static void *target_arrived(void *cls, const char *target, struct MHD_Connection *connection)
{
    return call_new(cls, connection, target);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *data_size, void **state)
{
    lk_server_call *call = *state;
    (void)cls;
    (void)connection;
    (void)version;
    if (!call)
        return MHD_NO; /* out of memory */
    if (!call->headed) {
        set_head(call, path, method);
        set_request_id(call);
        return MHD_YES;
    }
    if (*data_size > 0) {
        keep_body(call, data, *data_size);
        *data_size = 0;
        return MHD_YES;
    }
    if (!call->begun && begin(call) == LK_CALL_WAIT)
        return MHD_YES;
    return answer(call);
}

static void completed(void *cls, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how)
{
    lk_server *server = cls;
    lk_server_call *call = *state;
    (void)connection;
    if (!call)
        return;
    *state = NULL;
    bool headed = call->headed;
    lk_idle_rest(&server->idle, call->idle);
    bool delivered = how == MHD_REQUEST_TERMINATED_COMPLETED_OK && !call->request.fault.code;
    if (lk_server_sqs_has_messages(call) && !delivered)
        lk_server_sqs_undo(call);
    else
        lk_server_call_free(call);
    if (headed)
        count_open(server, false);
}

static void connection_changed(void *cls, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    lk_server *server = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = lk_idle_open(&server->idle, client_socket(connection));
        return;
    }
    lk_idle_close(&server->idle, *context);
    server->has_room = true;
}

/* --- The thread ----------------------------------------------------------------------------- */

static void quiesce_when_draining(lk_server *server)
{
    pthread_mutex_lock(&server->traffic_lock);
    bool draining = server->draining;
    pthread_mutex_unlock(&server->traffic_lock);
    if (draining && !server->quiesced)
        MHD_quiesce_daemon(server->daemon);
    server->quiesced = draining;
}

/* libmicrohttpd looks and never waits: where it waits itself, it may do so with requests in its
 * hand (in MHD_epoll, after as many events as it takes at a time). */
static int64_t turn(void *ctx)
{
    lk_server *server = ctx;
    MHD_UNSIGNED_LONG_LONG wait_ms;
    quiesce_when_draining(server);
    resume_all(server);
    server->has_room = false;
    MHD_run(server->daemon);
    if (server->has_room)
        return 0; /* at its limit it listens again at the next look only */
    if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES)
        return -1;
    return (int64_t)LK_MIN(wait_ms, (MHD_UNSIGNED_LONG_LONG)INT64_MAX);
}

/* --- Start and stop ------------------------------------------------------------------------- */

static int start_loop(lk_server *server, lk_err *err)
{
    const lk_loop_hooks hooks = {.turn = turn, .ctx = server};
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int rc = info ? lk_loop_start(&server->loop, info->epoll_fd, &hooks, err)
                  : LK_FAIL(err, LK_E_UNSUPPORTED, "this libmicrohttpd was built without epoll");
    if (rc) {
        MHD_stop_daemon(server->daemon);
        server->daemon = NULL;
    }
    return rc;
}

int lk_server_http_start(lk_server *server, int max_connections, lk_err *err)
{
    bool tls = server->tls.certificate.len > 0;
    /* Without its channel for resuming from other threads, which a resume would write to. */
    unsigned flags = MHD_USE_EPOLL | (MHD_ALLOW_SUSPEND_RESUME & ~(unsigned)MHD_USE_ITC);
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->tls.certificate.ptr},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->tls.key.ptr},
        {MHD_OPTION_END, 0, NULL},
    };
    lk_random_bytes(&server->request_ids, sizeof server->request_ids);
    server->idle.limit = (size_t)max_connections;
    if (tls && !MHD_is_feature_supported(MHD_FEATURE_TLS))
        return LK_FAIL(err, LK_E_UNSUPPORTED, "this libmicrohttpd was built without TLS");
    server->daemon = MHD_start_daemon(
        flags | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET,
        server->listen_fd, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
        MHD_OPTION_URI_LOG_CALLBACK, target_arrived, server, MHD_OPTION_NOTIFY_CONNECTION,
        connection_changed, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_ARRAY,
        tls ? secure : secure + 2, MHD_OPTION_END);
    if (!server->daemon)
        return LK_FAIL(err, LK_E_IO,
                       tls ? "cannot start the HTTPS server (libmicrohttpd): does "
                             "the key belong to the certificate?"
                           : "cannot start the HTTP server (libmicrohttpd)");
    return start_loop(server, err);
}

void lk_server_http_drain(lk_server *server)
{
    pthread_mutex_lock(&server->traffic_lock);
    server->draining = true;
    pthread_mutex_unlock(&server->traffic_lock);
    lk_loop_wake(&server->loop);
}

void lk_server_http_stop(lk_server *server)
{
    lk_loop_stop(&server->loop);
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
}
