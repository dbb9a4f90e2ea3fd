/* SPDX-License-Identifier: MIT
 *
 * server: SQS on a port of this machine: HTTP on libmicrohttpd, long polls, the admin endpoints.
 *
 * HTTP handlers never touch SQLite: a request is parsed, suspended, handed to the one writer thread
 * that owns the store, and resumed when its transaction is committed. Long polls wait in arrival
 * order and are woken by sends, delay and visibility ends, redrives, deletes and shutdown.
 */
#ifndef LK_LOCAL_SERVER_H
#define LK_LOCAL_SERVER_H

#include "clock.h"

typedef struct lk_server lk_server;

/* Asked before the clock is advanced and told after: so that no invocation runs meanwhile (the
 * event source mappings implement it). All NULL: nobody to ask. */
typedef struct lk_server_clock_gate {
    bool (*try_pause)(void *ctx, int64_t wait_ms); /* true: nothing runs, new work waits */
    void (*resume)(void *ctx);                     /* clock moved (or not): go on, poll at once */
    void *ctx;
} lk_server_clock_gate;

typedef struct lk_server_options {
    const char *host;    /* default "127.0.0.1"; another than a loopback address is refused without
                            a key pair, unless insecure */
    int port;            /* 0: any free one; default of the command is 9324 */
    const char *db_path; /* NULL or ":memory:" */
    bool sync_full;      /* PRAGMA synchronous=FULL: survives power loss too */
    const char *region;  /* default "us-east-1" */
    const char *account; /* default "000000000000" */
    lk_clock *clock;     /* borrowed; must outlive the server */
    lk_server_clock_gate gate;
    int max_connections;         /* default 16384, or what the limit of open files allows */
    const char *tls_certificate; /* PEM files, both or none: https instead of http */
    const char *tls_key;
    int64_t max_message_bytes; /* of a message, and of a batch; 0: 1048576, SQS's own limit */
    int64_t in_flight_limit;   /* messages of a queue in flight; 0: 120000 */
    /* Waits of 60 s that AWS imposes; default: none. */
    bool purge_wait;    /* between two PurgeQueue of a queue: PurgeQueueInProgress */
    bool recreate_wait; /* between DeleteQueue and CreateQueue of a name: QueueDeletedRecently */
    /* Both or none: every request but GET health must be signed (Signature Version 4) with this
     * pair. Copied. */
    const char *access_key_id;
    const char *secret_access_key;
    bool insecure; /* any address although nothing is checked */
    /* Called before the first request is served, e.g. to make queues with lk_server_do; when it
     * fails, so does the start. May be NULL. */
    int (*prepare)(lk_server *server, void *ctx, lk_err *err);
    void *prepare_ctx;
} lk_server_options;

/* Opens the database, binds, starts the threads. LK_E_IO: port in use, database not openable,
 * certificate not usable; LK_E_INVALID: an option. Each with what to do. */
int lk_server_start(const lk_server_options *options, lk_server **server, lk_err *err);
int lk_server_port(const lk_server *server);
/* "http://127.0.0.1:9324", or https with a certificate; owned by the server. */
const char *lk_server_url(const lk_server *server);
/* Carries out an action ("CreateQueue") with its JSON as a request would, but needs no signature
 * and is not counted. Not for ReceiveMessage. answer (may be NULL): its JSON is appended.
 * LK_E_SERVICE: refused, with aws_code and aws_type. Threads: any. Blocks until it is committed. */
int lk_server_do(lk_server *server, const char *action, lk_slice params, lk_buf *answer,
                 lk_err *err);
/* Sets the gate after start (mappings are made later than the server they poll). */
void lk_server_set_clock_gate(lk_server *server, const lk_server_clock_gate *gate);
/* Answers the long polls that wait now, empty, so that a poller can stop without hanging up: of an
 * answer that crossed its hang-up the messages would stay hidden. Threads: any. */
void lk_server_end_polls(lk_server *server);
/* Answers what is open (long polls with an empty receive), commits, closes. Accepts NULL. */
void lk_server_stop(lk_server *server);

#endif
