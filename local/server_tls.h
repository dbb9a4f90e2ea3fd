/* SPDX-License-Identifier: MIT
 *
 * server_tls: the certificate and key the server answers https with, when it has them.
 */
#ifndef LK_LOCAL_SERVER_TLS_H
#define LK_LOCAL_SERVER_TLS_H

#include "base.h"

typedef struct lk_server_tls {
    lk_buf certificate; /* PEM; empty: plain HTTP */
    lk_buf key;
} lk_server_tls;

/* Reads both files; both NULL: none. LK_E_INVALID: one without the other, LK_E_IO: unreadable, each
 * with what to do. Whether they fit together is found out when the server starts. */
int lk_server_tls_read(const char *certificate_path, const char *key_path, lk_server_tls *tls,
                       lk_err *err);
void lk_server_tls_clear(lk_server_tls *tls); /* zeroes the key */

#endif
