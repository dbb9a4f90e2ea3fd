/* SPDX-License-Identifier: MIT
 *
 * http_message: a request to send and the answer to it, as plain data.
 */
#ifndef LK_HTTP_MESSAGE_H
#define LK_HTTP_MESSAGE_H

#include "base.h"

/* All borrowed; lk_http_start copies. */
typedef struct lk_http_request {
    const char *method; /* "GET", "POST", "PUT" */
    const char *url;
    const lk_name_value *headers;
    size_t header_count;
    lk_slice body;
    bool fresh_connection; /* do not reuse a connection (after an error) */
    bool direct;           /* never through a proxy: metadata endpoints */
    bool secret;           /* the copy of the body is zeroed when the transfer is over */
} lk_http_request;

typedef struct lk_http_response {
    int status;
    lk_buf body;
    lk_buf headers;      /* raw header lines of the final answer */
    int64_t duration_us; /* until its end was noticed */
} lk_http_response;

/* A header's value, case-insensitive, trimmed; {NULL,0} when absent. Borrowed from response. */
lk_slice lk_http_header(const lk_http_response *response, const char *name);
void lk_http_response_clear(lk_http_response *response); /* accepts NULL */

#endif
