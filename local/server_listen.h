/* SPDX-License-Identifier: MIT
 *
 * server_listen: the listening socket, with errors that say what to do.
 */
#ifndef LK_LOCAL_SERVER_LISTEN_H
#define LK_LOCAL_SERVER_LISTEN_H

#include "base.h"

#define LK_LISTEN_AUTHORITY_SIZE 72

/* host: "localhost" or an address in digits, a loopback one ("127.0.0.1", "::1") unless `anywhere`;
 * port 0: any free one. *fd: a listening socket, the caller's to close; *bound_port and authority
 * ("127.0.0.1:9324", as in a URL) say where. LK_E_IO (port in use, address not there), LK_E_INVALID
 * (no address, or not a loopback one). */
int lk_listen(const char *host, int port, bool anywhere, int *fd, int *bound_port,
              char authority[LK_LISTEN_AUTHORITY_SIZE], lk_err *err);

/* Raises the soft limit of open files as far as `wanted` and the hard limit allow. Returns what it
 * is now, at most `wanted`. */
size_t lk_listen_raise_file_limit(size_t wanted);

#endif
