/* SPDX-License-Identifier: MIT
 *
 * runtime_api: what runtime and extension share: where Lambda's API is, and how it refuses a call.
 */
#ifndef LK_RUNTIME_API_H
#define LK_RUNTIME_API_H

#include "http.h"

/* "http://HOST:PORT" and path into *url. host_port NULL: AWS_LAMBDA_RUNTIME_API; LK_E_CONFIG when
 * there is neither. */
int lk_runtime_api_url(const char *host_port, const char *path, lk_buf *url, lk_err *err);
/* Fills *err from an answer whose status says no; returns its code. what: "the response". */
int lk_runtime_api_refused(const lk_http_response *response, const char *what, lk_err *err);

#endif
