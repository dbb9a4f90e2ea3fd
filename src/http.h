/* SPDX-License-Identifier: MIT
 *
 * http: requests over libcurl's multi interface. Here and in http_transfer,
 * and nowhere else, curl is included.
 *
 * One lk_http is one connection pool. A transfer can be started and left alone: lk_http_start
 * performs once, so on a warm connection the request is on the wire when it returns, and its answer
 * is read by whichever call pumps later. There is no CURLOPT_TIMEOUT: an answer that arrived while
 * nobody looked must not be taken for a timeout. Deadlines are ours and count only while we wait.
 *
 * It knows nothing of AWS. Single thread, except lk_http_interrupt.
 */
#ifndef LK_HTTP_H
#define LK_HTTP_H

#include "http_message.h"

typedef struct lk_http lk_http;
typedef struct lk_http_transfer lk_http_transfer;

typedef struct lk_http_options {
    int64_t connect_timeout_ms; /* 0: 2000 */
    int64_t idle_max_ms;    /* 0: 15000; idle connections older than this by WALL clock (a frozen
                               sandbox stops the monotonic one) are not reused */
    const char *user_agent; /* copied */
    const char *ca_bundle;  /* copied; NULL: AWS_CA_BUNDLE, else libcurl's default */
    bool no_proxy;          /* true: never a proxy (Runtime API) */
    const lk_env *env;      /* NULL: lk_env_default */
} lk_http_options;

lk_http *lk_http_new(const lk_http_options *options, lk_err *err);
void lk_http_free(lk_http *http); /* transfers not taken are cancelled; accepts NULL */
/* Forgets everything without a word to any peer: for a forked child, whose parent goes on using the
 * connections. Closes this process's descriptors and frees the lk_http; what curl allocated is
 * leaked on purpose, as curl could only free it by saying goodbye on the parent's TLS sessions.
 * Transfers become invalid. Accepts NULL. */
void lk_http_abandon(lk_http *http);
/* Makes the call that waits, or else the next one that would, return LK_E_INTERRUPTED: an atomic
 * flag and curl_multi_wakeup. Any thread. */
void lk_http_interrupt(lk_http *http);
/* LK_E_INTERRUPTED when lk_http_interrupt was called since the last one that said so, else 0: for
 * callers that are about to start something they would have to wait for. */
int lk_http_check_interrupt(lk_http *http, lk_err *err);

/* Copies the request, starts it, performs once. NULL with err: LK_E_NOMEM, LK_E_INVALID (the URL is
 * not http or https; a header holds a control character).
 * curl repeats a request by itself on a new connection when a reused one turns out to have been
 * closed without a byte of answer, as it must for connections that end while idle. */
lk_http_transfer *lk_http_start(lk_http *http, const lk_http_request *request, lk_err *err);
bool lk_http_finished(const lk_http_transfer *transfer);
/* The whole request went to the kernel: an answer may come although nobody waits. */
bool lk_http_written(const lk_http_transfer *transfer);

/* Reads and writes what is ready on all transfers; first waits up to wait_ms for something to
 * happen (0: no waiting; also a nap when no transfer is out). May return early with nothing done.
 * LK_E_INTERRUPTED when lk_http_interrupt was called and wait_ms > 0 (the flag is consumed). */
int lk_http_pump(lk_http *http, int64_t wait_ms, lk_err *err);
/* Pumps until the transfer is finished or timeout_ms of waiting passed (<= 0: without limit).
 * Looks once at what has arrived before it calls time out. 0, LK_E_TIMEOUT, LK_E_INTERRUPTED; the
 * transfer stays valid in each case. */
int lk_http_wait(lk_http *http, lk_http_transfer *transfer, int64_t timeout_ms, lk_err *err);
/* Waits up to wait_ms until one of fds can be read, or was closed at its other end, whatever the
 * transfers do: for waiting that is no HTTP but is interrupted in the same way. May return early.
 * LK_E_INTERRUPTED as above. count <= 4. */
int lk_http_wait_readable(lk_http *http, const int *fds, size_t count, int64_t wait_ms,
                          lk_err *err);
/* Result of a finished transfer; frees it. *response is filled (caller: lk_http_response_clear) or,
 * but for duration_us, empty: LK_E_CONNECT (nothing was sent), LK_E_TLS, LK_E_TIMEOUT (connecting),
 * LK_E_HTTP (also an answer over 64 MiB), LK_E_INVALID (curl found the URL malformed). */
int lk_http_take(lk_http *http, lk_http_transfer *transfer, lk_http_response *response,
                 lk_err *err);
void lk_http_cancel(lk_http *http, lk_http_transfer *transfer); /* closes its connection */

/* start + wait + take; cancels on timeout and interrupt. timeout_ms <= 0: none. */
int lk_http_call(lk_http *http, const lk_http_request *request, int64_t timeout_ms,
                 lk_http_response *response, lk_err *err);

/* Number of transfers not yet finished. */
size_t lk_http_active(const lk_http *http);

#endif
