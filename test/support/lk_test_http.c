/* SPDX-License-Identifier: MIT
 *
 * lk_test_http: see the header. libmicrohttpd with a thread for each connection, so that a handler
 * may take its time without holding up other requests.
 */
#include "lk_test_http.h"

#include "lk_test.h"

#include <microhttpd.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <strings.h>
#include <time.h>

typedef struct exchange {
    lk_test_request request;
    lk_buf body;
    lk_buf headers;
    lk_buf method;
    lk_buf path;
} exchange;

struct lk_test_http {
    lk_test_handler handler;
    void *ctx;
    struct MHD_Daemon *daemon;
    char url[40];
    int port;
    pthread_mutex_t lock; /* of the two below */
    exchange **exchanges;
    size_t count;
};

static void exchange_free(exchange *e)
{
    lk_buf_clear(&e->body);
    lk_buf_clear(&e->headers);
    lk_buf_clear(&e->method);
    lk_buf_clear(&e->path);
    free(e);
}

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind LK_UNUSED, const char *name,
                                  const char *value)
{
    lk_buf_addf(cls, "%s: %s\n", name, value ? value : "");
    return MHD_YES;
}

static exchange *exchange_begin(struct MHD_Connection *connection, const char *method,
                                const char *path)
{
    exchange *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    lk_buf_add_str(&e->method, method);
    lk_buf_add_str(&e->path, path);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, &e->headers);
    return e;
}

static void exchange_record(lk_test_http *server, exchange *e)
{
    e->request = (lk_test_request){
        .method = e->method.ptr,
        .path = e->path.ptr,
        .body = lk_buf_slice(&e->body),
        .headers = lk_buf_slice(&e->headers),
    };
    pthread_mutex_lock(&server->lock);
    exchange **more = realloc(server->exchanges, (server->count + 1) * sizeof(exchange *));
    if (!more)
        abort();
    server->exchanges = more;
    server->exchanges[server->count++] = e;
    pthread_mutex_unlock(&server->lock);
}

static void add_response_headers(struct MHD_Response *mhd, lk_slice lines)
{
    while (lines.len > 0) {
        lk_slice line;
        lk_slice name;
        lines = lk_slice_cut(lines, '\n', &line);
        lk_slice value = lk_slice_trim(lk_slice_cut(line, ':', &name));
        char *name_text = lk_slice_dup(lk_slice_trim(name));
        char *value_text = lk_slice_dup(value);
        if (name_text && value_text)
            MHD_add_response_header(mhd, name_text, value_text);
        free(name_text);
        free(value_text);
    }
}

static enum MHD_Result respond(struct MHD_Connection *connection, const lk_test_response *response)
{
    if (response->delay_ms > 0) {
        struct timespec delay = {response->delay_ms / 1000, response->delay_ms % 1000 * 1000000L};
        nanosleep(&delay, NULL);
    }
    if (response->hang_up)
        return MHD_NO;
    struct MHD_Response *mhd = MHD_create_response_from_buffer(
        response->body.len, response->body.ptr, MHD_RESPMEM_MUST_COPY);
    if (!mhd)
        return MHD_NO;
    add_response_headers(mhd, lk_buf_slice(&response->headers));
    enum MHD_Result queued = MHD_queue_response(connection, (unsigned)response->status, mhd);
    MHD_destroy_response(mhd);
    return queued;
}

/* libmicrohttpd calls once for the headers, once for each piece of body, once for the end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version LK_UNUSED,
                                  const char *piece, size_t *piece_len, void **state)
{
    lk_test_http *server = cls;
    exchange *e = *state;
    if (!e) {
        *state = exchange_begin(connection, method, path);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*piece_len > 0) {
        lk_buf_add(&e->body, (lk_slice){piece, *piece_len});
        *piece_len = 0;
        return MHD_YES;
    }
    *state = NULL;
    exchange_record(server, e);
    lk_test_response response = {.status = 200};
    if (server->handler)
        server->handler(&e->request, &response, server->ctx);
    enum MHD_Result result = respond(connection, &response);
    lk_buf_clear(&response.headers);
    lk_buf_clear(&response.body);
    return result;
}

/* A request that broke off before its end. */
static void on_completed(void *cls LK_UNUSED, struct MHD_Connection *connection LK_UNUSED,
                         void **state, enum MHD_RequestTerminationCode why LK_UNUSED)
{
    if (*state)
        exchange_free(*state);
    *state = NULL;
}

static lk_test_http *start(lk_test_handler handler, void *ctx, unsigned flags,
                           struct MHD_OptionItem *more)
{
    lk_test_http *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->handler = handler;
    server->ctx = ctx;
    pthread_mutex_init(&server->lock, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | flags, 0,
        NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    assert_non_null(server->daemon);
    server->port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    snprintf(server->url, sizeof(server->url), "http%s://127.0.0.1:%d",
             flags & MHD_USE_TLS ? "s" : "", server->port);
    return server;
}

lk_test_http *lk_test_http_start(lk_test_handler handler, void *ctx)
{
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return start(handler, ctx, 0, none);
}

lk_test_http *lk_test_http_start_tls(lk_test_handler handler, void *ctx, const char *certificate,
                                     const char *key)
{
    char *copies[] = {strdup(certificate), strdup(key)}; /* libmicrohttpd wants them writable */
    assert_non_null(copies[0]);
    assert_non_null(copies[1]);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, copies[0]},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, copies[1]},
                                   {MHD_OPTION_END, 0, NULL}};
    lk_test_http *server = start(handler, ctx, MHD_USE_TLS, tls);
    free(copies[0]);
    free(copies[1]);
    return server;
}

void lk_test_http_stop(lk_test_http *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    for (size_t i = 0; i < server->count; i++)
        exchange_free(server->exchanges[i]);
    free(server->exchanges);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *lk_test_http_url(const lk_test_http *server)
{
    return server->url;
}

int lk_test_http_port(const lk_test_http *server)
{
    return server->port;
}

size_t lk_test_http_count(lk_test_http *server)
{
    pthread_mutex_lock(&server->lock);
    size_t count = server->count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

const lk_test_request *lk_test_http_at(lk_test_http *server, size_t index)
{
    pthread_mutex_lock(&server->lock);
    const lk_test_request *request =
        index < server->count ? &server->exchanges[index]->request : NULL;
    pthread_mutex_unlock(&server->lock);
    return request;
}

lk_slice lk_test_request_header(const lk_test_request *request, const char *name)
{
    lk_slice lines = request->headers;
    lk_slice wanted = lk_slice_of(name);
    while (lines.len > 0) {
        lk_slice line;
        lk_slice found;
        lines = lk_slice_cut(lines, '\n', &line);
        lk_slice value = lk_slice_cut(line, ':', &found);
        if (found.len == wanted.len && strncasecmp(found.ptr, name, found.len) == 0)
            return lk_slice_trim(value);
    }
    return (lk_slice){NULL, 0};
}
