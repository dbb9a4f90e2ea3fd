/* SPDX-License-Identifier: MIT
 *
 * credentials_sts: temporary credentials of a role from AWS STS.
 */
#ifndef LK_CREDENTIALS_STS_H
#define LK_CREDENTIALS_STS_H

#include "credentials_keys.h"
#include "http.h"

/* What fetching credentials needs from its surroundings. All borrowed. */
typedef struct lk_credentials_site {
    lk_http *http;
    const lk_env *env;
    const lk_profile *profile; /* for region and endpoint; NULL: none */
    const char *region;        /* the caller's choice; NULL: environment, profile */
} lk_credentials_site;

/* A role as environment and profiles describe it; NULL or 0: not said. */
typedef struct lk_sts_role {
    const char *arn;
    const char *session_name; /* default: "lambdakiq-" and the time */
    const char *external_id;
    int64_t duration_s;
} lk_sts_role;

/* AssumeRole, signed with `with`. At most three tries of five seconds each.
 * LK_E_CREDENTIALS, with STS's aws_code where it answered: refused or not reached;
 * LK_E_INTERRUPTED. */
int lk_sts_assume_role(const lk_credentials_site *site, const lk_sts_role *role,
                       const lk_credentials *with, lk_credentials *credentials, lk_err *err);
/* AssumeRoleWithWebIdentity, unsigned, with the token the file holds now. */
int lk_sts_assume_role_with_web_identity(const lk_credentials_site *site, const lk_sts_role *role,
                                         const char *token_file, lk_credentials *credentials,
                                         lk_err *err);

#endif
