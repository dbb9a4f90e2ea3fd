/* SPDX-License-Identifier: MIT
 *
 * lk_test_wire: one raw connection to a server: what goes over the wire, byte by byte, and the
 * answers with their headers. For what an SQS client would hide; and the server itself, started for
 * a test.
 */
#ifndef LK_TEST_WIRE_H
#define LK_TEST_WIRE_H

#include "json.h"
#include "lk_test.h"
#include "server.h"

#define LK_TEST_ANSWER_MS 20000 /* how long an answer may take that takes milliseconds */

/* --- A server ------------------------------------------------------------------------------- */

typedef struct lk_test_server {
    lk_clock *clock;
    lk_server *server;
    int port;
} lk_test_server;

/* cmocka set-up and tear-down: a server in memory on a free port. */
int lk_test_server_setup(void **state);
/* The same with options of the test's own; the clock is added. */
int lk_test_server_setup_with(void **state, const lk_server_options *options);
int lk_test_server_teardown(void **state);

/* --- A connection --------------------------------------------------------------------------- */

typedef struct lk_test_wire {
    int fd;
    lk_buf in; /* read, not yet taken */
} lk_test_wire;

void lk_test_wire_open(lk_test_wire *wire, int port);
void lk_test_wire_close(lk_test_wire *wire);
/* Closes so that the server sees a reset. */
void lk_test_wire_reset(lk_test_wire *wire);
/* That the other side is gone shows when its answer is read. */
void lk_test_wire_write(lk_test_wire *wire, lk_slice bytes);
/* A POST to "/" of the SQS action; does not wait for the answer. */
void lk_test_wire_send(lk_test_wire *wire, const char *action, const char *body);

/* One answer. Zero-initialise; read again into the same one, clear at the end. */
typedef struct lk_test_reply {
    int status;
    lk_buf head; /* status line and headers */
    lk_buf body;
    lk_json *json; /* of the body; NULL: it is not JSON */
} lk_test_reply;

/* false: none came within timeout_ms, or the server closed the connection. */
bool lk_test_wire_read(lk_test_wire *wire, lk_test_reply *reply, int64_t timeout_ms);
/* The value of a header; {NULL,0}: none. */
lk_slice lk_test_reply_header(const lk_test_reply *reply, const char *name);
void lk_test_reply_clear(lk_test_reply *reply);

/* --- Calls ---------------------------------------------------------------------------------- */

/* Sends, and reads the answer, which must come in time. */
void lk_test_wire_call(lk_test_wire *wire, const char *action, const char *body,
                       lk_test_reply *reply);
/* A call of its own connection that must be answered with 200. */
void lk_test_server_do(lk_test_server *t, const char *action, const char *body);
/* Bytes on a connection of their own, and one answer to them. */
void lk_test_server_exchange(lk_test_server *t, const char *bytes, lk_test_reply *reply);
/* The same with "GET path" or, with a body, "POST path"; returns the status. */
int lk_test_server_http(lk_test_server *t, const char *path, const char *body,
                        lk_test_reply *reply);
/* The ReceiveMessage calls that the server has begun since its start. */
int64_t lk_test_server_receives(lk_test_server *t);
/* Waits until there are so many: a long poll is open then. Over a connection of its own, or over
 * one that is there. */
void lk_test_server_wait_receives(lk_test_server *t, int64_t count);
void lk_test_wire_wait_receives(lk_test_wire *wire, int64_t count);
/* The value at one member of the answer's top level, or of its first message. */
lk_slice lk_test_reply_member(const lk_test_reply *reply, const char *name);
size_t lk_test_reply_messages(const lk_test_reply *reply);
lk_slice lk_test_reply_message(const lk_test_reply *reply, size_t index, const char *name);

#endif
