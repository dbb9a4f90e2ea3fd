/* SPDX-License-Identifier: MIT
 *
 * profile: the shared AWS config and credentials files.
 *
 * ~/.aws/config ("[profile NAME]", "[default]") and ~/.aws/credentials ("[NAME]"), or the files
 * named by AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE. A key of the credentials file wins over
 * the config file's. Which profile: the caller's choice, AWS_PROFILE, "default".
 */
#ifndef LK_PROFILE_H
#define LK_PROFILE_H

#include "base.h"

typedef struct lk_profile lk_profile;

/* Reads both files. Missing files are an empty profile; a profile named explicitly (argument or
 * AWS_PROFILE) that neither file holds is LK_E_CONFIG. name NULL: AWS_PROFILE or "default". */
int lk_profile_load(const char *name, lk_profile **profile, lk_err *err);
void lk_profile_free(lk_profile *profile); /* zeroes; accepts NULL */
const char *lk_profile_name(const lk_profile *profile);
/* Named by the caller, not by AWS_PROFILE or for want of another: then it goes before the
 * environment's credentials, as in the SDKs. */
bool lk_profile_is_chosen(const lk_profile *profile);
const char *lk_profile_get(const lk_profile *profile, const char *key); /* NULL when absent */
/* A key of the [services NAME] section the profile's `services` names, sub-section `service`
 * ("sqs"): endpoint_url. NULL when absent. */
const char *lk_profile_service_get(const lk_profile *profile, const char *service, const char *key);

#endif
