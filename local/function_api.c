/* SPDX-License-Identifier: MIT
 *
 * function_api: the state machine of one execution environment behind libmicrohttpd.
 *
 * `next` waits suspended, without limit: the sandbox of a real function may be frozen for hours in
 * it. Everything is guarded by one lock; hooks are called after it was released.
 */
#include "function_api.h"

#include "peer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_PREFIX       "/2018-06-01/runtime/"
#define EXTENSION_PREFIX "/2020-01-01/extension/"
#define MAX_EXTENSIONS   10 /* as on Lambda */

typedef enum api_state {
    API_STARTED,
    API_READY,
    API_RUNNING,
    API_RESPONSE_SENT,
    API_INIT_FAILED
} api_state;

/* One HTTP request on its way in. */
typedef struct call {
    lk_function_api *api;
    struct MHD_Connection *connection;
    lk_buf body;       /* at most LK_RESPONSE_MAX_BYTES of it */
    size_t body_bytes; /* all that came */
    bool parked;       /* in the list of suspended `next` calls */
    struct call *next_parked;
} call;

struct lk_function_api {
    struct MHD_Daemon *daemon;
    int port;
    lk_function_api_hooks hooks;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    api_state state;
    bool ended;
    call *parked;
    const lk_function_request *request; /* the invocation that waits or runs */
    char
        request_id[64]; /* of the event handed out; stays until the runtime asks for the next one */
    bool has_answer;
    lk_function_answer answer;
    lk_buf payload;
    char error_type[LK_ERROR_TYPE_SIZE];
    size_t extension_count;
    char extensions[MAX_EXTENSIONS][37]; /* their identifiers */
};

/* --- Answers -------------------------------------------------------------------------------- */

/* body: copied. NULL: out of memory. */
static struct MHD_Response *json_response(lk_slice body)
{
    union {
        const char *from;
        void *to; /* MUST_COPY: only read */
    } bytes = {.from = body.ptr};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, bytes.to, MHD_RESPMEM_MUST_COPY);
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    return response;
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *json)
{
    struct MHD_Response *response = json_response(lk_slice_of(json));
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned status,
                                   const char *type, const char *message)
{
    char json[512];
    snprintf(json, sizeof(json), "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}", message, type);
    return reply(connection, status, json);
}

static enum MHD_Result reply_accepted(struct MHD_Connection *connection)
{
    return reply(connection, MHD_HTTP_ACCEPTED, "{\"status\":\"OK\"}");
}

static enum MHD_Result reply_wrong_state(struct MHD_Connection *connection)
{
    return reply_error(connection, MHD_HTTP_FORBIDDEN, "InvalidStateTransition",
                       "This call is not allowed in the present state of the runtime");
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value[0] != '\0')
        MHD_add_response_header(response, name, value);
}

static enum MHD_Result reply_event(struct MHD_Connection *connection,
                                   const lk_function_request *request)
{
    struct MHD_Response *response = json_response(request->event);
    if (!response)
        return MHD_NO;
    char deadline[32];
    char trace[1024] = "";
    snprintf(deadline, sizeof(deadline), "%lld", (long long)request->deadline_ms);
    if (!lk_slice_copy(request->trace_id, trace, sizeof(trace)))
        trace[0] = '\0';
    add_header(response, "Lambda-Runtime-Aws-Request-Id", request->request_id);
    add_header(response, "Lambda-Runtime-Deadline-Ms", deadline);
    add_header(response, "Lambda-Runtime-Invoked-Function-Arn", request->function_arn);
    add_header(response, "Lambda-Runtime-Trace-Id", trace);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* --- next ----------------------------------------------------------------------------------- */

static void park(lk_function_api *api, call *c)
{
    c->parked = true;
    c->next_parked = api->parked;
    api->parked = c;
    MHD_suspend_connection(c->connection);
}

static void unpark_all(lk_function_api *api)
{
    while (api->parked) {
        call *c = api->parked;
        api->parked = c->next_parked;
        c->parked = false;
        MHD_resume_connection(c->connection);
    }
}

/* An event that is handed to nobody would count as begun. */
static bool hung_up(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info && lk_peer_gone(info->connect_fd);
}

static enum MHD_Result hand_out(lk_function_api *api, struct MHD_Connection *connection)
{
    if (hung_up(connection))
        return MHD_NO;
    api->state = API_RUNNING;
    snprintf(api->request_id, sizeof(api->request_id), "%s", api->request->request_id);
    return reply_event(connection, api->request);
}

/* A repeated `next` while the event is being worked on gets the same event again: the first answer
 * may not have arrived. */
static enum MHD_Result handle_next(lk_function_api *api, call *c)
{
    enum MHD_Result result = MHD_YES;
    bool now_ready = false;
    pthread_mutex_lock(&api->lock);
    if (api->ended) {
        result = MHD_NO;
    } else if (api->state == API_INIT_FAILED) {
        result = reply_wrong_state(c->connection);
    } else {
        if (api->state != API_READY && api->state != API_RUNNING) {
            api->state = API_READY;
            api->request_id[0] = '\0';
            now_ready = true;
        }
        if (api->request && !api->has_answer)
            result = hand_out(api, c->connection);
        else
            park(api, c);
    }
    pthread_mutex_unlock(&api->lock);
    if (now_ready)
        api->hooks.ready(api->hooks.ctx);
    return result;
}

/* --- response and error ---------------------------------------------------------------------- */

static void give_answer(lk_function_api *api, lk_function_answer answer)
{
    api->state = API_RESPONSE_SENT;
    api->answer = answer;
    api->has_answer = true;
    pthread_cond_broadcast(&api->answered);
}

static void give_body(lk_function_api *api, call *c, lk_function_answer answer)
{
    api->payload = c->body;
    c->body = (lk_buf){0};
    give_answer(api, answer);
}

static void give_too_large(lk_function_api *api, size_t bytes)
{
    lk_buf_addf(&api->payload,
                "{\"errorMessage\":\"Response payload size (%zu bytes) exceeded maximum allowed "
                "payload size (%d bytes).\",\"errorType\":\"Function.ResponseSizeTooLarge\"}",
                bytes, LK_RESPONSE_MAX_BYTES);
    snprintf(api->error_type, sizeof(api->error_type), "Function.ResponseSizeTooLarge");
    give_answer(api, LK_ANSWER_TOO_LARGE);
}

/* "Runtime.Name" or "Function.Name", letters only; anything else counts as unknown. */
static void set_error_type(lk_function_api *api, const char *given)
{
    static const char *const owners[] = {"Runtime.", "Function."};
    const char *unknown = "Runtime.Unknown";
    for (size_t i = 0; given && i < LK_COUNT(owners); i++) {
        size_t len = strlen(owners[i]);
        if (strncmp(given, owners[i], len) != 0)
            continue;
        const char *name = given + len;
        size_t letters = 0;
        while (isalpha((unsigned char)name[letters]))
            letters++;
        if (letters > 1 && name[letters] == '\0' && isupper((unsigned char)name[0]) &&
            lk_slice_copy(lk_slice_of(given), api->error_type, sizeof(api->error_type)))
            return;
        unknown = i == 0 ? unknown : "Function.Unknown";
    }
    snprintf(api->error_type, sizeof(api->error_type), "%s", unknown);
}

static bool streaming_mode_known(struct MHD_Connection *connection)
{
    const char *mode = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                   "Lambda-Runtime-Function-Response-Mode");
    return !mode || strcmp(mode, "streaming") == 0;
}

/* A streamed response may end in an error, told in trailers: the error's body, in base64, takes the
 * place of what was streamed. */
static bool take_stream_error(lk_function_api *api, call *c)
{
    const char *type = MHD_lookup_connection_value(c->connection, MHD_FOOTER_KIND,
                                                   "Lambda-Runtime-Function-Error-Type");
    const char *body = MHD_lookup_connection_value(c->connection, MHD_FOOTER_KIND,
                                                   "Lambda-Runtime-Function-Error-Body");
    if (!type)
        return false;
    lk_buf_reset(&c->body);
    if (!body || !lk_base64_decode(lk_slice_of(body), &c->body))
        lk_buf_reset(&c->body);
    set_error_type(api, type);
    return true;
}

/* The id is checked before the state: an answer to another invocation is 400 in any state, a second
 * one to this invocation is 403 until the runtime asks for the next. */
static enum MHD_Result settle(lk_function_api *api, call *c, lk_slice id, bool is_error)
{
    struct MHD_Connection *connection = c->connection;
    if (id.len == 0 || !lk_slice_equal_str(id, api->request_id))
        return reply_error(connection, MHD_HTTP_BAD_REQUEST, "InvalidRequestID",
                           "Invalid request ID");
    if (api->state != API_RUNNING || !api->request)
        return reply_wrong_state(connection);
    if (!is_error && !streaming_mode_known(connection))
        return reply_error(connection, MHD_HTTP_BAD_REQUEST, "InvalidFunctionResponseMode",
                           "Invalid function response mode");
    if (c->body.failed)
        return reply_error(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "InternalServerError",
                           "Out of memory");
    if (c->body_bytes > LK_RESPONSE_MAX_BYTES) {
        give_too_large(api, c->body_bytes);
        return reply_error(connection, MHD_HTTP_CONTENT_TOO_LARGE, "RequestEntityTooLarge",
                           "Exceeded maximum allowed payload size (6291556 bytes).");
    }
    if (is_error)
        set_error_type(api, MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                        "Lambda-Runtime-Function-Error-Type"));
    else
        is_error = take_stream_error(api, c);
    give_body(api, c, is_error ? LK_ANSWER_ERROR : LK_ANSWER_RESPONSE);
    return reply_accepted(connection);
}

static enum MHD_Result handle_settle(lk_function_api *api, call *c, lk_slice id, bool is_error)
{
    pthread_mutex_lock(&api->lock);
    enum MHD_Result result = settle(api, c, id, is_error);
    pthread_mutex_unlock(&api->lock);
    return result;
}

static enum MHD_Result handle_init_error(lk_function_api *api, call *c)
{
    pthread_mutex_lock(&api->lock);
    bool allowed = api->state == API_STARTED;
    if (allowed)
        api->state = API_INIT_FAILED;
    enum MHD_Result result =
        allowed ? reply_accepted(c->connection) : reply_wrong_state(c->connection);
    pthread_mutex_unlock(&api->lock);
    if (allowed)
        api->hooks.init_failed(api->hooks.ctx, lk_buf_slice(&c->body));
    return result;
}

/* --- Extensions ----------------------------------------------------------------------------- */

/* Internal ones: registered by the runtime's own process while it starts. Event types are not read:
 * there are no events for them here, as a function that is stopped gets SIGTERM. */
static enum MHD_Result register_extension(lk_function_api *api, struct MHD_Connection *connection)
{
    const char *name =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Lambda-Extension-Name");
    if (!name || !*name)
        return reply_error(connection, MHD_HTTP_FORBIDDEN, "Extension.InvalidExtensionName",
                           "Lambda-Extension-Name is missing");
    if (api->state != API_STARTED)
        return reply_error(connection, MHD_HTTP_FORBIDDEN, "Extension.RegistrationClosed",
                           "Extensions register while the function starts, and it has started");
    if (api->extension_count == MAX_EXTENSIONS)
        return reply_error(connection, MHD_HTTP_FORBIDDEN, "Extension.TooManyExtensions",
                           "There are ten extensions already");
    char *identifier = api->extensions[api->extension_count++];
    lk_uuid4(&lk_env_default, identifier);
    struct MHD_Response *response = json_response(LK_SLICE_LITERAL(
        "{\"functionName\":\"\",\"functionVersion\":\"$LATEST\",\"handler\":\"\"}"));
    if (!response)
        return MHD_NO;
    add_header(response, "Lambda-Extension-Identifier", identifier);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static bool is_extension(const lk_function_api *api, const char *identifier)
{
    for (size_t i = 0; identifier && i < api->extension_count; i++) {
        if (strcmp(api->extensions[i], identifier) == 0)
            return true;
    }
    return false;
}

/* No event ever comes: the question stays open until the process has ended. */
static enum MHD_Result extension_next(lk_function_api *api, call *c)
{
    const char *identifier =
        MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Lambda-Extension-Identifier");
    if (api->ended)
        return MHD_NO;
    if (!is_extension(api, identifier))
        return reply_error(c->connection, MHD_HTTP_FORBIDDEN,
                           "Extension.UnknownExtensionIdentifier",
                           "No extension has this Lambda-Extension-Identifier");
    park(api, c);
    return MHD_YES;
}

static enum MHD_Result route_extension(lk_function_api *api, call *c, lk_slice path,
                                       const char *method)
{
    bool post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    pthread_mutex_lock(&api->lock);
    enum MHD_Result result;
    if (post && lk_slice_equal_str(path, "register"))
        result = register_extension(api, c->connection);
    else if (get && lk_slice_equal_str(path, "event/next"))
        result = extension_next(api, c);
    else
        result = reply_error(c->connection, MHD_HTTP_NOT_FOUND, "NotFound", "No such call");
    pthread_mutex_unlock(&api->lock);
    return result;
}

/* --- Routes --------------------------------------------------------------------------------- */

static enum MHD_Result route_get(lk_function_api *api, call *c, lk_slice path)
{
    if (lk_slice_equal_str(path, "invocation/next"))
        return handle_next(api, c);
    return reply_error(c->connection, MHD_HTTP_NOT_FOUND, "NotFound", "No such call");
}

static enum MHD_Result route_post(lk_function_api *api, call *c, lk_slice path)
{
    lk_slice invocation = LK_SLICE_LITERAL("invocation/");
    if (lk_slice_equal_str(path, "init/error"))
        return handle_init_error(api, c);
    if (lk_slice_has_prefix(path, invocation)) {
        lk_slice id;
        lk_slice rest = {path.ptr + invocation.len, path.len - invocation.len};
        lk_slice verb = lk_slice_cut(rest, '/', &id);
        if (lk_slice_equal_str(verb, "response"))
            return handle_settle(api, c, id, false);
        if (lk_slice_equal_str(verb, "error"))
            return handle_settle(api, c, id, true);
    }
    return reply_error(c->connection, MHD_HTTP_NOT_FOUND, "NotFound", "No such call");
}

static enum MHD_Result route(lk_function_api *api, call *c, const char *url, const char *method)
{
    lk_slice path = lk_slice_of(url);
    lk_slice prefix = LK_SLICE_LITERAL(API_PREFIX);
    lk_slice extension = LK_SLICE_LITERAL(EXTENSION_PREFIX);
    if (lk_slice_has_prefix(path, extension)) {
        path = (lk_slice){path.ptr + extension.len, path.len - extension.len};
        return route_extension(api, c, path, method);
    }
    if (!lk_slice_has_prefix(path, prefix))
        return reply_error(c->connection, MHD_HTTP_NOT_FOUND, "NotFound", "No such call");
    path = (lk_slice){path.ptr + prefix.len, path.len - prefix.len};
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0)
        return route_get(api, c, path);
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        return route_post(api, c, path);
    return reply_error(c->connection, MHD_HTTP_METHOD_NOT_ALLOWED, "MethodNotAllowed",
                       "The Runtime API knows GET and POST");
}

/* --- libmicrohttpd -------------------------------------------------------------------------- */

/* What is over the limit is counted, not kept. */
static void take_body(call *c, const char *bytes, size_t len)
{
    c->body_bytes += len;
    if (c->body_bytes <= LK_RESPONSE_MAX_BYTES)
        lk_buf_add(&c->body, (lk_slice){bytes, len});
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version LK_UNUSED,
                                  const char *upload, size_t *upload_len, void **state)
{
    lk_function_api *api = ctx;
    call *c = *state;
    if (!c) {
        c = calloc(1, sizeof(*c));
        if (!c)
            return MHD_NO;
        c->api = api;
        c->connection = connection;
        *state = c;
        return MHD_YES;
    }
    if (*upload_len > 0) {
        take_body(c, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    return route(api, c, url, method);
}

static void on_completed(void *ctx LK_UNUSED, struct MHD_Connection *connection LK_UNUSED,
                         void **state, enum MHD_RequestTerminationCode code LK_UNUSED)
{
    call *c = *state;
    if (!c)
        return;
    lk_function_api *api = c->api;
    pthread_mutex_lock(&api->lock);
    for (call **at = &api->parked; c->parked && *at; at = &(*at)->next_parked) {
        if (*at == c) {
            *at = c->next_parked;
            break;
        }
    }
    pthread_mutex_unlock(&api->lock);
    lk_buf_clear(&c->body);
    free(c);
    *state = NULL;
}

static int start_daemon(lk_function_api *api, lk_err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    api->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, api, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        api->daemon ? MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info)
        return LK_FAIL(err, LK_E_IO, "cannot listen on a loopback port for the Runtime API");
    api->port = info->port;
    return 0;
}

/* --- For the worker -------------------------------------------------------------------------- */

int lk_function_api_start(const lk_function_api_hooks *hooks, lk_function_api **out, lk_err *err)
{
    lk_function_api *api = calloc(1, sizeof(*api));
    if (!api)
        return LK_FAIL_NOMEM(err);
    api->hooks = *hooks;
    pthread_mutex_init(&api->lock, NULL);
    pthread_cond_init(&api->answered, NULL);
    int rc = start_daemon(api, err);
    if (rc != 0) {
        lk_function_api_free(api);
        return rc;
    }
    *out = api;
    return 0;
}

int lk_function_api_port(const lk_function_api *api)
{
    return api->port;
}

lk_function_answer lk_function_api_invoke(lk_function_api *api, const lk_function_request *request,
                                          lk_buf *payload, char error_type[LK_ERROR_TYPE_SIZE])
{
    lk_function_answer answer = LK_ANSWER_UNHEARD;
    error_type[0] = '\0';
    pthread_mutex_lock(&api->lock);
    api->request = request;
    api->has_answer = false;
    unpark_all(api);
    while (!api->has_answer && !api->ended)
        pthread_cond_wait(&api->answered, &api->lock);
    if (api->has_answer) {
        answer = api->answer;
        lk_buf_clear(payload);
        *payload = api->payload;
        api->payload = (lk_buf){0};
        memcpy(error_type, api->error_type, LK_ERROR_TYPE_SIZE);
    } else if (strcmp(api->request_id, request->request_id) == 0) {
        answer = LK_ANSWER_ENDED;
    }
    api->error_type[0] = '\0';
    api->request = NULL;
    pthread_mutex_unlock(&api->lock);
    return answer;
}

void lk_function_api_end(lk_function_api *api)
{
    pthread_mutex_lock(&api->lock);
    api->ended = true;
    pthread_cond_broadcast(&api->answered);
    unpark_all(api);
    pthread_mutex_unlock(&api->lock);
}

void lk_function_api_free(lk_function_api *api)
{
    if (!api)
        return;
    /* libmicrohttpd must not be stopped with connections suspended. */
    lk_function_api_end(api);
    if (api->daemon)
        MHD_stop_daemon(api->daemon);
    pthread_mutex_destroy(&api->lock);
    pthread_cond_destroy(&api->answered);
    lk_buf_clear(&api->payload);
    free(api);
}
