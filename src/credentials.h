/* SPDX-License-Identifier: MIT
 *
 * credentials: the AWS key pair to sign with, from where AWS SDKs look for one.
 *
 * Order: given explicitly; the environment's keys (AWS_ACCESS_KEY_ID …); its web identity
 * (AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN); the profile: role, web identity, keys, process;
 * the container endpoint (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI / _FULL_URI with
 * AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE)); instance metadata (IMDSv2). A profile that the caller
 * named goes before the environment.
 *
 * Temporary ones are refreshed five minutes before they expire; when that fails, those at hand are
 * used to their end, and the source is asked once a minute. What only the AWS SDK supports fails
 * with LK_E_UNSUPPORTED naming it. Secrets are zeroed when replaced or freed, never logged.
 */
#ifndef LK_CREDENTIALS_H
#define LK_CREDENTIALS_H

#include "credentials_keys.h"
#include "profile.h"

typedef struct lk_credentials_provider lk_credentials_provider;

lk_credentials_provider *lk_credentials_provider_new(const lk_env *env, lk_err *err);
void lk_credentials_provider_free(lk_credentials_provider *provider); /* accepts NULL */
/* In a forked child: leaves the parent's connections alone. */
void lk_credentials_provider_forked(lk_credentials_provider *provider);
/* Fixed ones from now on; copied. */
int lk_credentials_set(lk_credentials_provider *provider, const char *access_key_id,
                       const char *secret_access_key, const char *session_token, lk_err *err);
/* Those to sign with now, owned by the provider until the next call. profile, region (the caller's
 * choice, for STS): may be NULL. Blocks while they are fetched: a second for the container and
 * metadata endpoints, 15 for STS, a minute for a process, at most.
 * LK_E_CREDENTIALS: none found, or the source refused; LK_E_CONFIG: a profile that cannot work;
 * LK_E_UNSUPPORTED; LK_E_INTERRUPTED. */
int lk_credentials_get(lk_credentials_provider *provider, const lk_profile *profile,
                       const char *region, const lk_credentials **credentials, lk_err *err);
/* The service called them expired: fetches new ones at the next get, where they can be fetched.
 * false: they come from a place that will not have others. */
bool lk_credentials_invalidate(lk_credentials_provider *provider);
/* Any thread, signal handlers too. false: there is no request to interrupt. */
bool lk_credentials_interrupt(lk_credentials_provider *provider);

#endif
