/* SPDX-License-Identifier: MIT
 *
 * http: the pool: connections, transfers on their way, waiting and interrupting. With http_transfer
 * the only file that includes curl.
 *
 * Connections belong to curl, their age to us. curl counts idle time by the monotonic clock, which
 * stands still while a sandbox is frozen; we note when each socket was last used by wall clock and
 * shut down the old ones before curl chooses. curl finds such a socket dead and connects afresh.
 */
#include "http.h"
#include "http_transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DEFAULT_CONNECT_TIMEOUT_MS = 2000,
    DEFAULT_IDLE_MAX_MS = 15000,
    MAX_POLL_MS = 60 * 1000, /* one turn of an endless wait */
    MAX_SPARES = 8,          /* easy handles kept for the next requests */
    MAX_WAIT_FDS = 4,
    MAX_CONNECTIONS = 16 /* kept open by curl */
};

/* A socket curl opened through us, and when it was last known to work, by wall clock. */
typedef struct open_connection {
    curl_socket_t fd;
    int64_t used_wall_ms;
} open_connection;

struct lk_http {
    CURLM *multi;
    lk_env env;
    lk_http_setup setup;
    lk_http_transfer *live;   /* started, not yet taken */
    lk_http_transfer *spares; /* to be used again */
    size_t spare_count;
    size_t active; /* live and not finished */
    open_connection *connections;
    size_t connection_count;
    size_t connection_capacity;
    bool distrust; /* an exchange failed: do not reuse what was idle then */
    atomic_bool interrupted;
};

/* --- SIGPIPE -------------------------------------------------------------------------------- */

/* libcurl before 7.88 lets OpenSSL write to a socket without MSG_NOSIGNAL, and with
 * CURLOPT_NOSIGNAL it does not ignore SIGPIPE for us either: saying goodbye on a TLS session whose
 * peer is gone would kill the process. There the signal is held back and swallowed. (Systems with
 * SO_NOSIGPIPE never raise it.) The library counts, not its headers: a compiled gem may meet an
 * older one. */
#define FIRST_WITHOUT_SIGPIPE 0x075800

static bool guards_sigpipe; /* set once, with curl */

typedef struct pipe_guard {
    bool on;
    sigset_t mask; /* as it was */
    bool pending;  /* somebody else's SIGPIPE was waiting already */
} pipe_guard;

static void guard_begin(pipe_guard *guard)
{
    guard->on = guards_sigpipe;
    guard->pending = false;
#ifndef SO_NOSIGPIPE
    if (!guard->on)
        return;
    sigset_t pipe_only, waiting;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&waiting);
    guard->pending = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &guard->mask);
#endif
}

static void guard_end(const pipe_guard *guard)
{
#ifndef SO_NOSIGPIPE
    if (!guard->on)
        return;
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    if (!guard->pending)
        sigtimedwait(&pipe_only, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &guard->mask, NULL);
#else
    (void)guard;
#endif
}

/* --- Connections ---------------------------------------------------------------------------- */

static open_connection *find_connection(lk_http *http, curl_socket_t fd)
{
    for (size_t i = 0; i < http->connection_count; i++) {
        if (http->connections[i].fd == fd)
            return &http->connections[i];
    }
    return NULL;
}

static bool remember_connection(lk_http *http, curl_socket_t fd)
{
    if (http->connection_count == http->connection_capacity) {
        size_t capacity = http->connection_capacity ? 2 * http->connection_capacity : 4;
        open_connection *grown = realloc(http->connections, capacity * sizeof(*grown));
        if (!grown)
            return false;
        http->connections = grown;
        http->connection_capacity = capacity;
    }
    http->connections[http->connection_count++] =
        (open_connection){.fd = fd, .used_wall_ms = http->env.wall_ms(http->env.ctx)};
    return true;
}

/* curl's CURLOPT_OPENSOCKETFUNCTION. Not inherited over exec: a program started by a job must not
 * hold our connections open. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    curl_socket_t fd = socket(address->family, address->socktype, address->protocol);
    if (fd == CURL_SOCKET_BAD)
        return CURL_SOCKET_BAD;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || !remember_connection(ctx, fd)) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd;
}

/* curl's CURLOPT_CLOSESOCKETFUNCTION. */
static int close_socket(void *ctx, curl_socket_t fd)
{
    lk_http *http = ctx;
    open_connection *connection = find_connection(http, fd);
    if (connection)
        *connection = http->connections[--http->connection_count];
    return close(fd);
}

/* Called before each request. Returns whether the request must open a connection of its own: while
 * transfers are under way we cannot tell their sockets from idle ones, so none may be shut down. */
static bool retire_old_connections(lk_http *http)
{
    int64_t oldest_ms = http->env.wall_ms(http->env.ctx) - http->setup.idle_max_ms;
    for (size_t i = 0; i < http->connection_count; i++) {
        if (!http->distrust && http->connections[i].used_wall_ms >= oldest_ms)
            continue;
        if (http->active > 0)
            return true;
        shutdown(http->connections[i].fd, SHUT_RDWR);
    }
    http->distrust = false;
    return false;
}
/* --- Spares and the list of those on their way ----------------------------------------------- */

static lk_http_transfer *transfer_get(lk_http *http, lk_err *err)
{
    lk_http_transfer *t = http->spares;
    if (!t)
        return lk_http_transfer_new(&http->setup, err);
    http->spares = t->next;
    http->spare_count--;
    t->next = NULL;
    return t;
}

static void transfer_recycle(lk_http *http, lk_http_transfer *t)
{
    lk_http_transfer_reset(t);
    if (http->spare_count >= MAX_SPARES) {
        lk_http_transfer_free(t, true);
        return;
    }
    t->next = http->spares;
    http->spares = t;
    http->spare_count++;
}

/* Out of the list, and out of curl's hands; may close its connection. */
static void live_remove(lk_http *http, lk_http_transfer *t)
{
    pipe_guard guard;
    guard_begin(&guard);
    curl_multi_remove_handle(http->multi, t->easy);
    guard_end(&guard);
    lk_http_transfer **link = &http->live;
    while (*link && *link != t)
        link = &(*link)->next;
    if (*link)
        *link = t->next;
    t->next = NULL;
}
/* --- Performing ----------------------------------------------------------------------------- */

static void transfer_finished(lk_http *http, lk_http_transfer *t, CURLcode result)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    lk_http_transfer_finish(t, result);
    http->active--;
    curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &fd);
    open_connection *connection = find_connection(http, fd);
    if (connection)
        connection->used_wall_ms = http->env.wall_ms(http->env.ctx);
    if (result != CURLE_OK)
        http->distrust = true;
}

/* Reads and writes what is ready, and marks the transfers that came to their end. */
static int perform(lk_http *http, lk_err *err)
{
    int running = 0;
    pipe_guard guard;
    guard_begin(&guard);
    CURLMcode rc = curl_multi_perform(http->multi, &running);
    guard_end(&guard);
    if (rc != CURLM_OK)
        return LK_FAIL(err, rc == CURLM_OUT_OF_MEMORY ? LK_E_NOMEM : LK_E_INTERNAL, "libcurl: %s",
                       curl_multi_strerror(rc));
    CURLMsg *message;
    int left = 0;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;
        CURL *easy = message->easy_handle;
        char *private = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
        transfer_finished(http, (lk_http_transfer *)(void *)private, result);
    }
    return 0;
}

static bool take_interrupt(lk_http *http)
{
    return atomic_exchange_explicit(&http->interrupted, false, memory_order_acquire);
}

int lk_http_check_interrupt(lk_http *http, lk_err *err)
{
    return take_interrupt(http) ? LK_FAIL(err, LK_E_INTERRUPTED, "interrupted by the caller") : 0;
}

static int poll_ms(int64_t wait_ms)
{
    return (int)LK_MIN(wait_ms, MAX_POLL_MS);
}

int lk_http_pump(lk_http *http, int64_t wait_ms, lk_err *err)
{
    if (wait_ms <= 0)
        return perform(http, err);
    int rc = lk_http_check_interrupt(http, err);
    if (rc)
        return rc;
    curl_multi_poll(http->multi, NULL, 0, poll_ms(wait_ms), NULL);
    rc = perform(http, err);
    return rc ? rc : lk_http_check_interrupt(http, err);
}

int lk_http_wait_readable(lk_http *http, const int *fds, size_t count, int64_t wait_ms, lk_err *err)
{
    struct curl_waitfd waits[MAX_WAIT_FDS];
    int rc = lk_http_check_interrupt(http, err);
    if (rc)
        return rc;
    if (count > MAX_WAIT_FDS)
        return LK_FAIL(err, LK_E_INTERNAL, "waiting for too many descriptors");
    for (size_t i = 0; i < count; i++)
        waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    curl_multi_poll(http->multi, waits, (unsigned)count, poll_ms(wait_ms), NULL);
    return lk_http_check_interrupt(http, err);
}

int lk_http_wait(lk_http *http, lk_http_transfer *transfer, int64_t timeout_ms, lk_err *err)
{
    int64_t start_ms = http->env.mono_ms(http->env.ctx);
    int64_t left_ms = timeout_ms > 0 ? timeout_ms : MAX_POLL_MS;
    while (!transfer->finished) {
        int rc = lk_http_check_interrupt(http, err);
        if (rc)
            return rc;
        if (left_ms <= 0)
            return LK_FAIL(err, LK_E_TIMEOUT,
                           "no answer from %.*s within %lld ms; is it reachable, and alive?",
                           LK_SLICE_FMT(lk_http_transfer_host(transfer)), (long long)timeout_ms);
        curl_multi_poll(http->multi, NULL, 0, poll_ms(left_ms), NULL);
        rc = perform(http, err);
        if (rc)
            return rc;
        if (timeout_ms > 0)
            left_ms = timeout_ms - (http->env.mono_ms(http->env.ctx) - start_ms);
    }
    return 0;
}
/* --- Results -------------------------------------------------------------------------------- */

int lk_http_take(lk_http *http, lk_http_transfer *transfer, lk_http_response *response, lk_err *err)
{
    *response = (lk_http_response){0};
    if (!transfer->finished)
        return LK_FAIL(err, LK_E_INTERNAL, "an unfinished transfer was taken");
    live_remove(http, transfer);
    int rc = transfer->result == CURLE_OK ? 0 : lk_http_transfer_fail(transfer, err);
    if (rc == 0) {
        *response = transfer->response;
        transfer->response = (lk_http_response){0};
    } else {
        response->duration_us = transfer->response.duration_us;
    }
    transfer_recycle(http, transfer);
    return rc;
}

void lk_http_cancel(lk_http *http, lk_http_transfer *transfer)
{
    if (!transfer)
        return;
    /* One that is under way loses its connection: an answer may still come there. */
    live_remove(http, transfer);
    if (!transfer->finished) {
        http->active--;
        http->distrust = true;
    }
    transfer_recycle(http, transfer);
}

lk_http_transfer *lk_http_start(lk_http *http, const lk_http_request *request, lk_err *err)
{
    lk_http_transfer *t = transfer_get(http, err);
    if (!t)
        return NULL;
    lk_http_request prepared = *request;
    prepared.fresh_connection |= retire_old_connections(http);
    if (lk_http_transfer_prepare(t, &prepared, err) != 0) {
        transfer_recycle(http, t);
        return NULL;
    }
    CURLMcode rc = curl_multi_add_handle(http->multi, t->easy);
    if (rc != CURLM_OK) {
        transfer_recycle(http, t);
        LK_FAIL(err, LK_E_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
        return NULL;
    }
    t->next = http->live;
    http->live = t;
    http->active++;
    if (perform(http, err) != 0) {
        lk_http_cancel(http, t);
        return NULL;
    }
    return t;
}

bool lk_http_finished(const lk_http_transfer *transfer)
{
    return transfer->finished;
}

bool lk_http_written(const lk_http_transfer *transfer)
{
    curl_off_t body_sent = 0;
    if (transfer->finished)
        return lk_http_transfer_sent(transfer);
    curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &body_sent);
    return lk_http_transfer_sent(transfer) && (size_t)body_sent >= transfer->request_body.len;
}

int lk_http_call(lk_http *http, const lk_http_request *request, int64_t timeout_ms,
                 lk_http_response *response, lk_err *err)
{
    *response = (lk_http_response){0};
    int rc = lk_http_check_interrupt(http, err); /* rather now than when it is half done */
    if (rc)
        return rc;
    lk_err start_err = {0};
    lk_http_transfer *t = lk_http_start(http, request, &start_err);
    if (!t) {
        if (err)
            *err = start_err;
        return start_err.code;
    }
    rc = lk_http_wait(http, t, timeout_ms, err);
    if (rc) {
        lk_http_cancel(http, t);
        return rc;
    }
    return lk_http_take(http, t, response, err);
}

size_t lk_http_active(const lk_http *http)
{
    return http->active;
}
/* --- The pool ------------------------------------------------------------------------------- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    /* Its failure shows when the first handle cannot be made. */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    guards_sigpipe = curl_version_info(CURLVERSION_NOW)->version_num < FIRST_WITHOUT_SIGPIPE;
}

static bool copy_string(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

lk_http *lk_http_new(const lk_http_options *options, lk_err *err)
{
    pthread_once(&curl_once, init_curl);
    lk_http *http = calloc(1, sizeof(*http));
    if (!http) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    const char *ca_bundle = options->ca_bundle ? options->ca_bundle : getenv("AWS_CA_BUNDLE");
    if (ca_bundle && !*ca_bundle)
        ca_bundle = NULL;
    http->env = options->env ? *options->env : lk_env_default;
    http->setup.connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : DEFAULT_CONNECT_TIMEOUT_MS;
    http->setup.idle_max_ms = options->idle_max_ms > 0 ? options->idle_max_ms : DEFAULT_IDLE_MAX_MS;
    http->setup.no_proxy = options->no_proxy;
    http->setup.open_socket = open_socket;
    http->setup.close_socket = close_socket;
    http->setup.socket_ctx = http;
    http->multi = curl_multi_init();
    if (!http->multi || !copy_string(&http->setup.user_agent, options->user_agent) ||
        !copy_string(&http->setup.ca_bundle, ca_bundle)) {
        LK_FAIL_NOMEM(err);
        lk_http_free(http);
        return NULL;
    }
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)MAX_CONNECTIONS);
    return http;
}

static void free_list(lk_http_transfer *list, bool with_easy)
{
    while (list) {
        lk_http_transfer *next = list->next;
        lk_http_transfer_free(list, with_easy);
        list = next;
    }
}

static void free_rest(lk_http *http)
{
    free(http->connections);
    free(http->setup.user_agent);
    free(http->setup.ca_bundle);
    free(http);
}

void lk_http_free(lk_http *http)
{
    if (!http)
        return;
    while (http->live)
        lk_http_cancel(http, http->live);
    pipe_guard guard;
    guard_begin(&guard);
    free_list(http->spares, true);
    curl_multi_cleanup(http->multi); /* closes the connections through close_socket */
    guard_end(&guard);
    free_rest(http);
}

void lk_http_abandon(lk_http *http)
{
    if (!http)
        return;
    /* close() takes a descriptor from this process only; curl's own cleanup would say goodbye on
     * the parent's TLS session. curl never sees these descriptors again. */
    for (size_t i = 0; i < http->connection_count; i++)
        close(http->connections[i].fd);
    free_list(http->live, false);
    free_list(http->spares, false);
    free_rest(http);
}

void lk_http_interrupt(lk_http *http)
{
    int saved_errno = errno;
    atomic_store_explicit(&http->interrupted, true, memory_order_release);
    curl_multi_wakeup(http->multi);
    errno = saved_errno;
}
