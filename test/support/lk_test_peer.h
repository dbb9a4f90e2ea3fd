/* SPDX-License-Identifier: MIT
 *
 * lk_test_peer: a listening socket whose connections are served by the test, byte by byte: for
 * peers that hang up, fall silent, or answer what no HTTP server would. Each connection has a
 * thread.
 *
 *     static void serve(int fd, int number, void *ctx)  // number: 0 for the first connection
 *     {
 *         while (lk_test_peer_read(fd, NULL))
 *             lk_test_peer_answer(fd, "hello");
 *     }
 */
#ifndef LK_TEST_PEER_H
#define LK_TEST_PEER_H

#include "base.h"

typedef struct lk_test_peer lk_test_peer;

/* Serves one connection; it is closed when this returns. */
typedef void (*lk_test_serve)(int fd, int number, void *ctx);

lk_test_peer *lk_test_peer_start(lk_test_serve serve, void *ctx);
/* Ends all connections and waits for their threads. Accepts NULL. */
void lk_test_peer_stop(lk_test_peer *peer);
const char *lk_test_peer_url(const lk_test_peer *peer);
int lk_test_peer_port(const lk_test_peer *peer);
int lk_test_peer_connections(lk_test_peer *peer); /* accepted so far */
/* Waits until so many connections have been served to their end, which the client can see then. */
void lk_test_peer_wait_ended(lk_test_peer *peer, int count);

/* A listening socket on a free port of 127.0.0.1. */
int lk_test_listen(int *port);
int lk_test_connect(int port); /* to 127.0.0.1 */
/* Passes bytes both ways until one side closes. */
void lk_test_splice(int one, int other);

/* Reads one request with its body (Content-Length); appends it to *request unless NULL. false: the
 * other side closed. */
bool lk_test_peer_read(int fd, lk_buf *request);
void lk_test_peer_write(int fd, const char *text);
/* A whole 200 answer. */
void lk_test_peer_answer(int fd, const char *body);
/* What a peer may do with a connection. Answers its requests with their number, "0", "1", … */
void lk_test_peer_count(int fd, int number, void *ctx);
/* Hangs up when a request has come. */
void lk_test_peer_hang_up(int fd, int number, void *ctx);
/* Answers "alive"; the first two connections answer once and are silent from then on. */
void lk_test_peer_fall_silent(int fd, int number, void *ctx);

#endif
