/* SPDX-License-Identifier: MIT
 *
 * credentials_remote: temporary credentials over HTTP from the container endpoint (ECS, EKS pod
 * identity) or the instance metadata service (IMDSv2).
 *
 * One attempt each, with timeouts of a second: on a machine that has neither, nobody should wait.
 */
#ifndef LK_CREDENTIALS_REMOTE_H
#define LK_CREDENTIALS_REMOTE_H

#include "credentials_keys.h"
#include "http.h"

/* Whether AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set. */
bool lk_credentials_has_container(void);
/* LK_E_CREDENTIALS: not allowed host, unreadable token file, refused, no credentials in the answer.
 */
int lk_credentials_fetch_container(lk_http *http, lk_credentials *credentials, lk_err *err);

/* AWS_EC2_METADATA_DISABLED=true: LK_E_CREDENTIALS at once. */
int lk_credentials_fetch_instance(lk_http *http, lk_credentials *credentials, lk_err *err);

#endif
