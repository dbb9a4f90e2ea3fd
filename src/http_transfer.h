/* SPDX-License-Identifier: MIT
 *
 * http_transfer: one exchange on a curl easy handle: setting it up, collecting the answer, saying
 * what went wrong. Only for http, which owns the connections and does the waiting.
 *
 * Easy handles are expensive to make and to reset, so they are used again and only what differs
 * from request to request is set. Headers live in one text buffer with an array of list nodes over
 * it: nothing is allocated for a request that is no larger than the last one.
 */
#ifndef LK_HTTP_TRANSFER_H
#define LK_HTTP_TRANSFER_H

#include "http_message.h"

#include <curl/curl.h>

/* What every easy handle of a pool is given; must outlive the transfers. */
typedef struct lk_http_setup {
    int64_t connect_timeout_ms;
    int64_t idle_max_ms;
    char *user_agent; /* NULL: none */
    char *ca_bundle;  /* NULL: curl's default */
    bool no_proxy;
    curl_opensocket_callback open_socket;
    curl_closesocket_callback close_socket;
    void *socket_ctx;
} lk_http_setup;

typedef struct lk_http_transfer {
    struct lk_http_transfer *next; /* in a list of the pool's */
    const lk_http_setup *setup;
    CURL *easy;
    lk_buf url;
    lk_buf request_body;
    lk_buf header_text;              /* "Name: value\0" one after the other */
    struct curl_slist *header_nodes; /* over header_text */
    size_t header_capacity;
    lk_http_response response;
    CURLcode result;
    bool finished;
    bool too_large;
    bool secret; /* request_body holds one */
    char error[CURL_ERROR_SIZE];
} lk_http_transfer;

lk_http_transfer *lk_http_transfer_new(const lk_http_setup *setup, lk_err *err);
/* Frees what is ours; the easy handle only when it may be touched. Accepts NULL. */
void lk_http_transfer_free(lk_http_transfer *t, bool with_easy);
/* Ready for another request. */
void lk_http_transfer_reset(lk_http_transfer *t);
int lk_http_transfer_prepare(lk_http_transfer *t, const lk_http_request *request, lk_err *err);
/* Notes how curl says it ended. */
void lk_http_transfer_finish(lk_http_transfer *t, CURLcode result);
/* host[:port] of the URL, without user and password: what messages name. Borrowed. */
lk_slice lk_http_transfer_host(const lk_http_transfer *t);
/* Whether a byte of the request went out. */
bool lk_http_transfer_sent(const lk_http_transfer *t);
/* Fills err for a finished transfer whose result is not CURLE_OK. */
int lk_http_transfer_fail(const lk_http_transfer *t, lk_err *err);

#endif
