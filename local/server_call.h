/* SPDX-License-Identifier: MIT
 *
 * server_call: the server's parts, and one HTTP request on its way through them.
 *
 *     HTTP thread: receive, begin ──answer at once──────────────────────────────┐
 *                        └─suspend, hand over─> writer thread: run, commit,     │
 *                                               resume ─> HTTP thread: complete, send
 *
 * A call belongs to the HTTP thread but for the time it is suspended, when it belongs to whom it
 * was handed to.
 */
#ifndef LK_LOCAL_SERVER_CALL_H
#define LK_LOCAL_SERVER_CALL_H

#include "auth.h"
#include "server.h"
#include "server_idle.h"
#include "server_listen.h"
#include "server_loop.h"
#include "server_poll.h"
#include "server_tls.h"

#include <pthread.h>

#define LK_SERVER_BODY_MAX                                                                         \
    ((size_t)8 << 20) /* a batch of 1 MiB grows sixfold at most when JSON escapes it */
#define LK_SERVER_ADMIN_PREFIX "/_lambdakiq/"

struct MHD_Connection;
struct MHD_Daemon;

struct lk_server {
    lk_action_env env;
    char *region; /* what env points to */
    char *account;
    lk_auth auth;         /* the HTTP thread's */
    bool trusts_everyone; /* on a loopback address, where nothing is checked */
    lk_clock *clock;
    lk_store *store;
    lk_writer *writer;
    lk_polls polls;
    uint64_t calls[LK_ACTION_COUNT]; /* carried out since the start; the writer's */
    lk_work closing_work;            /* ends the polls when the server stops */
    struct MHD_Daemon *daemon;
    lk_loop loop;         /* the HTTP thread */
    lk_idle idle;         /* its own, as the next ones */
    uint64_t request_ids; /* where x-amzn-RequestId has got to */
    bool has_room;        /* a connection was closed since the last look */
    bool quiesced;        /* the daemon takes no connections any more */
    int listen_fd;
    int port;
    lk_server_tls tls;
    const char *scheme; /* "http" or "https" */
    char url[sizeof("https://") + LK_LISTEN_AUTHORITY_SIZE];

    /* Held while the gate is used: a clock moves at a time, and a gate that is replaced is not in
     * use any more. */
    pthread_mutex_t gate_lock;
    lk_server_clock_gate gate;

    pthread_mutex_t traffic_lock; /* of what follows */
    pthread_cond_t traffic_changed;
    size_t open;                    /* calls from their first byte to the end of their answer */
    size_t suspended;               /* calls that somebody will resume */
    bool draining;                  /* answers ask the client to close its connection */
    bool refusing;                  /* no call is suspended any more */
    struct lk_server_call *resumed; /* calls the HTTP thread is to take back, in order */
    struct lk_server_call *last_resumed;
};

typedef enum lk_call_next { LK_CALL_ANSWER, LK_CALL_WAIT } lk_call_next;

typedef struct lk_server_call {
    lk_work work; /* first: what the writer hands back */
    lk_poll poll;
    lk_server *server;
    struct MHD_Connection *connection;
    lk_idle_connection *idle; /* the connection's; NULL: none */
    struct lk_server_call *next_resumed;

    /* What has arrived. */
    lk_slice raw_path; /* not decoded, in the request's arena as the next */
    lk_slice query;    /* not decoded; {NULL,0}: none */
    lk_slice path;
    lk_slice method;
    bool is_get;
    bool is_post;
    bool headed; /* the header is there: the call counts as open */
    bool begun;
    bool too_large; /* more than LK_SERVER_BODY_MAX: the rest was not kept */
    lk_buf in;

    /* An SQS request; protocol NULL: none. */
    const lk_protocol *protocol;
    lk_request request;
    bool waited;           /* was a long poll */
    lk_fault_code failure; /* no fault of the client's (database, memory, shutdown); nothing of the
                              request was done, or it was rolled back */

    char request_id[37];

    /* The answer. complete makes it, on the HTTP thread, when the call need not wait any more. */
    void (*complete)(struct lk_server_call *call);
    int status;
    const char *content_type;
    lk_buf out;
} lk_server_call;

/* --- Routing (each makes the answer or hands the call over) --------------------------------- */

lk_call_next lk_server_sqs_begin(lk_server_call *call);
lk_call_next lk_server_admin_begin(lk_server_call *call);
lk_call_next lk_server_clock_begin(lk_server_call *call); /* POST of the clock */
/* A page in a browser may send forms to any port of this machine, and by a name that was made to
 * point here anything; it may do nothing. */
bool lk_server_from_web_page(const lk_server_call *call);
/* 0: signed as the server wants it, or it wants nothing. 1: the request's fault says why not.
 * LK_E_NOMEM. With the whole body. */
int lk_server_auth(lk_server_call *call);
/* Takes back what the call received and its client did not get; frees the call in the end. */
void lk_server_sqs_undo(lk_server_call *call);
/* It holds messages that would be taken back. */
bool lk_server_sqs_has_messages(const lk_server_call *call);

/* --- Suspending ----------------------------------------------------------------------------- */

/* HTTP thread. true: the call is suspended, and must be resumed once, by any thread. false: the
 * server is being stopped, answer at once. */
bool lk_server_suspend(lk_server_call *call) LK_CHECK;
void lk_server_resume(lk_server_call *call); /* the call is the HTTP thread's again */
/* Suspends the call and hands its work over. */
lk_call_next lk_server_hand_over(lk_server_call *call,
                                 void (*run)(lk_work *work, lk_writer *writer),
                                 void (*done)(lk_work *work, const lk_err *failure));

/* The value of a request header; {NULL,0}: none. Valid as long as the call. */
lk_slice lk_server_header(const lk_server_call *call, const char *name);
/* All of them, as they came; in the call's arena. NULL: out of memory. */
const lk_name_value *lk_server_headers(lk_server_call *call, size_t *count);
void lk_server_call_free(lk_server_call *call);

/* Answers of the admin endpoints: {"error":{"code":…,"message":…}}, and what time it is. */
void lk_server_admin_error(lk_server_call *call, int status, const char *code, const char *message);
void lk_server_clock_answer(lk_server_call *call, int64_t advanced_ms, const char *note);

#endif
