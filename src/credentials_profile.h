/* SPDX-License-Identifier: MIT
 *
 * credentials_profile: what a profile of the shared files says about credentials, and fetching
 * them: a role assumed with another profile's credentials (and so on), a web identity, a process.
 */
#ifndef LK_CREDENTIALS_PROFILE_H
#define LK_CREDENTIALS_PROFILE_H

#include "credentials_sts.h"

typedef enum lk_profile_kind {
    LK_PROFILE_NOTHING,      /* no word about credentials */
    LK_PROFILE_KEYS,         /* aws_access_key_id and aws_secret_access_key */
    LK_PROFILE_ROLE,         /* role_arn with source_profile or credential_source */
    LK_PROFILE_WEB_IDENTITY, /* role_arn with web_identity_token_file */
    LK_PROFILE_PROCESS       /* credential_process */
} lk_profile_kind;

/* Which of them; of several the first that the SDKs would take: a role before keys of the same
 * profile, keys before a process. LK_E_UNSUPPORTED names what is left to the AWS SDK: SSO, MFA,
 * console logins. LK_E_CONFIG: half of what a kind needs. No I/O. */
int lk_profile_kind_of(const lk_profile *profile, lk_profile_kind *kind, lk_err *err);

/* Fetches by role, web identity or process, the kinds that need I/O, from site->profile.
 * LK_E_CONFIG: profiles that name each other, or none; else as the source. */
int lk_credentials_fetch_profile(const lk_credentials_site *site, lk_profile_kind kind,
                                 lk_credentials *credentials, lk_err *err);

#endif
