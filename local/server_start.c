/* SPDX-License-Identifier: MIT
 *
 * server_start: server.h, by putting the parts together, and taking them apart in the order that
 * loses nothing.
 *
 * Suggested reading order: server_call.h (the way of a request), server_loop, server_http,
 * server_sqs, server_writer, server_poll, server_admin, server_clock.
 */
#include "server_http.h"
#include "thread.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_HOST        "127.0.0.1"
#define DEFAULT_REGION      "us-east-1"
#define DEFAULT_ACCOUNT     "000000000000"
#define DEFAULT_CONNECTIONS 16384
#define OTHER_FILES         64   /* the database, epoll, pipes, standard streams, spares */
#define DRAIN_MS            800  /* for clients to take the answers that are ready */
#define MOVE_TICK_MS        1000 /* a move task is looked at so often: the clock may be set back */

/* --- Start ---------------------------------------------------------------------------------- */

static int64_t turn(void *ctx, lk_writer *writer)
{
    lk_server *server = ctx;
    return lk_polls_turn(&server->polls, writer);
}

static int64_t move_due(void *ctx, const lk_store *store)
{
    const lk_server *server = ctx;
    int64_t due_ms = lk_store_move_due(store);
    if (due_ms == INT64_MAX)
        return INT64_MAX;
    int64_t wait_ms = LK_MAX(due_ms - lk_clock_now_ms(server->clock), 0);
    return lk_mono_ms() + LK_MIN(wait_ms, MOVE_TICK_MS);
}

static int move(void *ctx, lk_store *store, lk_err *err)
{
    lk_server *server = ctx;
    lk_store_moved moved;
    int rc = lk_store_move_run(store, lk_clock_now_ms(server->clock), &moved, err);
    for (size_t i = 0; rc == 0 && i < moved.count; i++)
        lk_polls_touch(&server->polls, moved.queue_ids[i]);
    return rc;
}

static int tidy(void *ctx, lk_store *store, bool *more, lk_err *err)
{
    const lk_server *server = ctx;
    return lk_store_tidy(store, lk_clock_now_ms(server->clock), more, err);
}

static int64_t max_message_bytes(const lk_server_options *options)
{
    return options->max_message_bytes > 0 ? options->max_message_bytes : LK_MESSAGE_MAX_BYTES;
}

static int server_new(const lk_server_options *options, lk_server **out, lk_err *err)
{
    lk_server *server = calloc(1, sizeof *server);
    *out = server;
    if (!server)
        return LK_FAIL_NOMEM(err);
    server->listen_fd = -1;
    server->clock = options->clock;
    server->gate = options->gate;
    server->region = strdup(options->region ? options->region : DEFAULT_REGION);
    server->account = strdup(options->account ? options->account : DEFAULT_ACCOUNT);
    if (!server->region || !server->account)
        return LK_FAIL_NOMEM(err);
    server->env = (lk_action_env){.region = server->region,
                                  .account = server->account,
                                  .max_message_bytes = max_message_bytes(options),
                                  .purge_wait = options->purge_wait,
                                  .recreate_wait = options->recreate_wait};
    lk_polls_init(&server->polls, server->clock);
    pthread_mutex_init(&server->traffic_lock, NULL);
    pthread_mutex_init(&server->gate_lock, NULL);
    return lk_cond_init(&server->traffic_changed, err);
}

static int set_auth(lk_server *server, const lk_server_options *options, lk_err *err)
{
    if (!options->access_key_id && !options->secret_access_key)
        return 0;
    return lk_auth_set(&server->auth, options->access_key_id, options->secret_access_key, err);
}

static int listen_on(lk_server *server, const lk_server_options *options, lk_err *err)
{
    char authority[LK_LISTEN_AUTHORITY_SIZE];
    bool anywhere = options->insecure || lk_auth_wanted(&server->auth);
    int rc = lk_listen(options->host ? options->host : DEFAULT_HOST, options->port, anywhere,
                       &server->listen_fd, &server->port, authority, err);
    if (rc)
        return rc;
    server->trusts_everyone = !anywhere;
    server->scheme = server->tls.certificate.len > 0 ? "https" : "http";
    snprintf(server->url, sizeof server->url, "%s://%s", server->scheme, authority);
    return 0;
}

/* More than there are descriptors for would make the server accept and fail. */
static int connections_for(const lk_server_options *options)
{
    size_t max = options->max_connections > 0 ? (size_t)options->max_connections
                                              : (size_t)DEFAULT_CONNECTIONS;
    size_t files = lk_listen_raise_file_limit(max + OTHER_FILES);
    return (int)LK_MAX(files, (size_t)OTHER_FILES + 1) - OTHER_FILES;
}

static int open_parts(lk_server *server, const lk_server_options *options, lk_err *err)
{
    int max = connections_for(options);
    lk_store_options store = {.path = options->db_path,
                              .sync_full = options->sync_full,
                              .in_flight_standard = options->in_flight_limit,
                              .in_flight_fifo = options->in_flight_limit,
                              .max_message_bytes = options->max_message_bytes};
    lk_writer_hooks hooks = {
        .turn = turn, .chore_due = move_due, .chore = move, .tidy = tidy, .ctx = server};
    int rc;
    if ((rc = set_auth(server, options, err)) ||
        (rc = lk_server_tls_read(options->tls_certificate, options->tls_key, &server->tls, err)) ||
        (rc = listen_on(server, options, err)) ||
        (rc = lk_store_open(&store, &server->store, err)) ||
        (rc = lk_writer_start(server->store, &hooks, &server->writer, err)) ||
        (options->prepare && (rc = options->prepare(server, options->prepare_ctx, err))))
        return rc;
    return lk_server_http_start(server, max, err);
}

static void server_free(lk_server *server)
{
    lk_writer_stop(server->writer);
    lk_store_close(server->store);
    lk_polls_clear(&server->polls);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    pthread_cond_destroy(&server->traffic_changed);
    pthread_mutex_destroy(&server->traffic_lock);
    pthread_mutex_destroy(&server->gate_lock);
    lk_server_tls_clear(&server->tls);
    lk_auth_clear(&server->auth);
    free(server->region);
    free(server->account);
    free(server);
}

int lk_server_start(const lk_server_options *options, lk_server **server, lk_err *err)
{
    lk_server *s = NULL;
    *server = NULL;
    if (!options->clock)
        return LK_FAIL(err, LK_E_INVALID, "server: options.clock is missing");
    int rc = server_new(options, &s, err);
    if (rc == 0)
        rc = open_parts(s, options, err);
    if (rc && s)
        server_free(s);
    else
        *server = s;
    return rc;
}

int lk_server_port(const lk_server *server)
{
    return server->port;
}

const char *lk_server_url(const lk_server *server)
{
    return server->url;
}

void lk_server_set_clock_gate(lk_server *server, const lk_server_clock_gate *gate)
{
    pthread_mutex_lock(&server->gate_lock);
    server->gate = gate ? *gate : (lk_server_clock_gate){0};
    pthread_mutex_unlock(&server->gate_lock);
}

static int end_polls(void *ctx, lk_store *store, lk_err *err)
{
    lk_server *server = ctx;
    (void)store;
    (void)err; /* the signature of lk_writer_fn */
    lk_polls_end_all(&server->polls, server->writer);
    return 0;
}

void lk_server_end_polls(lk_server *server)
{
    lk_err err;
    int rc = lk_writer_call(server->writer, end_polls, server, &err);
    (void)rc; /* polls that were not ended end by themselves */
}

/* --- Stop ----------------------------------------------------------------------------------- */

static void run_close(lk_work *work, lk_writer *writer)
{
    lk_writer_finish(writer, work);
}

/* In done, which is called whether the database works or not: nobody waits for ever. */
static void close_polls(lk_work *work, const lk_err *failure)
{
    lk_server *server =
        (lk_server *)(void *)((char *)work - offsetof(struct lk_server, closing_work));
    (void)failure;
    lk_polls_close(&server->polls, server->writer);
}

/* Waits until the clients have their answers, but not for clients that do not take them; then until
 * nothing is with another thread any more: libmicrohttpd cannot be stopped before. */
static void drain(lk_server *server)
{
    int64_t until_ms = lk_mono_ms() + DRAIN_MS;
    pthread_mutex_lock(&server->traffic_lock);
    while (server->open > 0 && lk_mono_ms() < until_ms)
        lk_cond_wait(&server->traffic_changed, &server->traffic_lock, until_ms);
    server->refusing = true;
    while (server->suspended > 0)
        lk_cond_wait(&server->traffic_changed, &server->traffic_lock, -1);
    pthread_mutex_unlock(&server->traffic_lock);
}

void lk_server_stop(lk_server *server)
{
    if (!server)
        return;
    lk_server_http_drain(server);
    /* New clients are refused at once. Closed later: the HTTP thread may still name it to epoll. */
    shutdown(server->listen_fd, SHUT_RDWR);
    server->closing_work = (lk_work){.run = run_close, .done = close_polls};
    bool taken = lk_writer_submit(server->writer, &server->closing_work);
    (void)taken; /* it is running: only server_free stops it */
    drain(server);
    lk_server_http_stop(server); /* gives back what could not be delivered: before the writer */
    server_free(server);
}
