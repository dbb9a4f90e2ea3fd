/* SPDX-License-Identifier: MIT
 *
 * server_http: HTTP by libmicrohttpd: one thread that reads requests and sends answers, and never
 * waits for anything else.
 */
#ifndef LK_LOCAL_SERVER_HTTP_H
#define LK_LOCAL_SERVER_HTTP_H

#include "server_call.h"

/* Serves server->listen_fd. LK_E_IO. */
int lk_server_http_start(lk_server *server, int max_connections, lk_err *err);
/* Soon there are no new connections, and answers ask clients to close theirs. The listening socket
 * is the caller's to close. */
void lk_server_http_drain(lk_server *server);
/* Ends the thread. No call is suspended any more. */
void lk_server_http_stop(lk_server *server);

#endif
