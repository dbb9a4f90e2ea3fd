/* SPDX-License-Identifier: MIT
 *
 * lk_test_http: a small real HTTP server for tests of clients (credentials endpoints, SQS's answers
 * to order, slow and broken peers). A handler of the test answers each request; all are recorded.
 *
 *     static void answer(const lk_test_request *request, lk_test_response *response, void *ctx)
 *     {
 *         lk_buf_add_str(&response->body, "hello");
 *     }
 *     lk_test_http *peer = lk_test_http_start(answer, NULL);
 *     … lk_test_http_url(peer) is "http://127.0.0.1:PORT" …
 *     lk_test_http_stop(peer);
 */
#ifndef LK_TEST_HTTP_H
#define LK_TEST_HTTP_H

#include "base.h"

typedef struct lk_test_http lk_test_http;

/* All owned by the server until lk_test_http_stop. */
typedef struct lk_test_request {
    const char *method;
    const char *path; /* without query */
    lk_slice body;
    lk_slice headers; /* "Name: value\n" lines */
} lk_test_request;

/* Filled by the handler; freed by the server. As handed in: 200 and empty. */
typedef struct lk_test_response {
    int status;
    lk_buf headers; /* "Name: value\n" lines */
    lk_buf body;
    int delay_ms; /* before anything is sent */
    bool hang_up; /* close the connection instead of answering */
} lk_test_response;

/* Runs on a thread of the connection, one request at a time. */
typedef void (*lk_test_handler)(const lk_test_request *request, lk_test_response *response,
                                void *ctx);

/* Listens on 127.0.0.1, a free port; ends the test when it cannot. handler NULL: 200, empty. */
lk_test_http *lk_test_http_start(lk_test_handler handler, void *ctx);
/* The same over TLS, with a certificate and its key in PEM. */
lk_test_http *lk_test_http_start_tls(lk_test_handler handler, void *ctx, const char *certificate,
                                     const char *key);
void lk_test_http_stop(lk_test_http *server); /* waits for requests under way; accepts NULL */

const char *lk_test_http_url(const lk_test_http *server);
int lk_test_http_port(const lk_test_http *server);
size_t lk_test_http_count(lk_test_http *server);                            /* requests so far */
const lk_test_request *lk_test_http_at(lk_test_http *server, size_t index); /* NULL: none */
/* A header's value, case-insensitive; {NULL,0} when absent. */
lk_slice lk_test_request_header(const lk_test_request *request, const char *name);

#endif
