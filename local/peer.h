/* SPDX-License-Identifier: MIT
 *
 * peer: the other side of a connection. libmicrohttpd does not notice that it hung up while a
 * connection is suspended: who is about to answer one looks.
 */
#ifndef LK_LOCAL_PEER_H
#define LK_LOCAL_PEER_H

#include <stdbool.h>

/* The client of this socket hung up. A half-closed connection counts as gone. */
bool lk_peer_gone(int socket);

#endif
