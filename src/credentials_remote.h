/* SPDX-License-Identifier: MIT
 *
 * credentials_remote: an AWS key pair, and fetching temporary ones over HTTP from the container
 * endpoint (ECS, EKS pod identity) or the instance metadata service (IMDSv2).
 *
 * One attempt each, with timeouts of a second: on a machine that has neither, nobody should wait.
 */
#ifndef LK_CREDENTIALS_REMOTE_H
#define LK_CREDENTIALS_REMOTE_H

#include "http.h"

typedef struct lk_credentials {
    char *access_key_id;
    char *secret_access_key;
    char *session_token;   /* NULL: none */
    int64_t expires_at_ms; /* wall; 0: never */
    const char *source;    /* "environment", "profile", …: static text */
} lk_credentials;

/* Copies the three texts (session_token may be NULL) over what *credentials held. */
int lk_credentials_fill(lk_credentials *credentials, lk_slice access_key_id,
                        lk_slice secret_access_key, lk_slice session_token, lk_err *err);
void lk_credentials_clear(lk_credentials *credentials); /* zeroes, frees; accepts NULL */

/* Whether AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set. */
bool lk_credentials_has_container(void);
/* LK_E_CREDENTIALS: not allowed host, unreadable token file, refused, no credentials in the answer.
 */
int lk_credentials_fetch_container(lk_http *http, lk_credentials *credentials, lk_err *err);

/* AWS_EC2_METADATA_DISABLED=true: LK_E_CREDENTIALS at once. */
int lk_credentials_fetch_instance(lk_http *http, lk_credentials *credentials, lk_err *err);

#endif
