/* SPDX-License-Identifier: MIT
 *
 * credentials_profile: see the header.
 *
 *     [profile jobs]                       [profile base]
 *     role_arn = arn:…:role/jobs      ┌──▶ role_arn = arn:…:role/base
 *     source_profile = base  ─────────┘    credential_source = Ec2InstanceMetadata
 *
 * A chain is walked to its end, then the roles are assumed on the way back. As a source, a profile
 * gives its own keys first; that is how one may name itself.
 */
#include "credentials_profile.h"

#include "credentials_process.h"
#include "credentials_remote.h"

#include <string.h>

enum { MAX_CHAIN = 16 };

/* A profile being resolved, and those that led to it. */
typedef struct link {
    const struct link *before;
    const lk_profile *profile;
    size_t length;
} link;

/* --- What a profile says -------------------------------------------------------------------- */

static int fail_unsupported(const lk_profile *profile, const char *key, lk_err *err)
{
    return LK_FAIL(
        err, LK_E_UNSUPPORTED,
        "the AWS profile \"%s\" uses %s, which only the AWS SDK supports; give keys, for "
        "instance from `aws configure export-credentials`, or make the calls with an "
        "SQS client of the SDK",
        lk_profile_name(profile), key);
}

static int check_sdk_only(const lk_profile *profile, lk_err *err)
{
    static const char *const keys[] = {"sso_session", "sso_start_url", "sso_account_id",
                                       "login_session"};
    for (size_t i = 0; i < LK_COUNT(keys); i++) {
        if (lk_profile_get(profile, keys[i]))
            return fail_unsupported(profile, keys[i], err);
    }
    return LK_OK;
}

/* A role needs exactly one place its credentials come from. */
static int check_role(const lk_profile *profile, lk_err *err)
{
    bool profile_named = lk_profile_get(profile, "source_profile") != NULL;
    bool source_named = lk_profile_get(profile, "credential_source") != NULL;
    if (lk_profile_get(profile, "mfa_serial"))
        return fail_unsupported(profile, "mfa_serial", err);
    if (profile_named != source_named)
        return LK_OK;
    return LK_FAIL(err, LK_E_CONFIG,
                   "the AWS profile \"%s\" has role_arn with %s source_profile %s "
                   "credential_source; it needs one of them",
                   lk_profile_name(profile), profile_named ? "both" : "neither",
                   profile_named ? "and" : "nor");
}

static int kind_of_role(const lk_profile *profile, lk_profile_kind *kind, lk_err *err)
{
    if (lk_profile_get(profile, "web_identity_token_file")) {
        *kind = LK_PROFILE_WEB_IDENTITY;
        return LK_OK;
    }
    *kind = LK_PROFILE_ROLE;
    return check_role(profile, err);
}

int lk_profile_kind_of(const lk_profile *profile, lk_profile_kind *kind, lk_err *err)
{
    if (lk_profile_get(profile, "role_arn"))
        return kind_of_role(profile, kind, err);
    if (lk_profile_get(profile, "web_identity_token_file"))
        return LK_FAIL(err, LK_E_CONFIG,
                       "the AWS profile \"%s\" has web_identity_token_file but no role_arn",
                       lk_profile_name(profile));
    lk_key_texts keys;
    int found = lk_credentials_profile_keys(profile, &keys, err);
    *kind = found == 1 ? LK_PROFILE_KEYS : LK_PROFILE_NOTHING;
    if (found != 0)
        return found < 0 ? found : LK_OK;
    int rc = check_sdk_only(profile, err);
    if (rc == LK_OK && lk_profile_get(profile, "credential_process"))
        *kind = LK_PROFILE_PROCESS;
    return rc;
}

static int read_role(const lk_profile *profile, lk_sts_role *role, lk_err *err)
{
    *role = (lk_sts_role){.arn = lk_profile_get(profile, "role_arn"),
                          .session_name = lk_profile_get(profile, "role_session_name"),
                          .external_id = lk_profile_get(profile, "external_id")};
    const char *duration = lk_profile_get(profile, "duration_seconds");
    if (duration &&
        (!lk_slice_to_int64(lk_slice_of(duration), &role->duration_s) || role->duration_s <= 0))
        return LK_FAIL(err, LK_E_CONFIG,
                       "duration_seconds of the AWS profile \"%s\" is \"%s\"; it must be a number",
                       lk_profile_name(profile), duration);
    return LK_OK;
}

/* --- Sources -------------------------------------------------------------------------------- */

static int fill_from(const lk_key_texts *keys, lk_credentials *credentials, lk_err *err)
{
    return lk_credentials_fill(credentials, lk_slice_of(keys->access_key_id),
                               lk_slice_of(keys->secret_access_key),
                               lk_slice_of(keys->session_token), err);
}

static int fetch_environment(const lk_profile *profile, lk_credentials *credentials, lk_err *err)
{
    lk_key_texts keys;
    int found = lk_credentials_environment(&keys, err);
    if (found == 0)
        return LK_FAIL(err, LK_E_CREDENTIALS,
                       "credential_source of the AWS profile \"%s\" is Environment, but "
                       "AWS_ACCESS_KEY_ID is not set",
                       lk_profile_name(profile));
    return found < 0 ? found : fill_from(&keys, credentials, err);
}

static int fetch_container(const lk_credentials_site *site, const lk_profile *profile,
                           lk_credentials *credentials, lk_err *err)
{
    if (!lk_credentials_has_container())
        return LK_FAIL(err, LK_E_CREDENTIALS,
                       "credential_source of the AWS profile \"%s\" is EcsContainer, but neither "
                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor _FULL_URI is set",
                       lk_profile_name(profile));
    return lk_credentials_fetch_container(site->http, credentials, err);
}

static int fetch_named_source(const lk_credentials_site *site, const lk_profile *profile,
                              const char *source, lk_credentials *credentials, lk_err *err)
{
    if (strcmp(source, "Environment") == 0)
        return fetch_environment(profile, credentials, err);
    if (strcmp(source, "Ec2InstanceMetadata") == 0)
        return lk_credentials_fetch_instance(site->http, credentials, err);
    if (strcmp(source, "EcsContainer") == 0)
        return fetch_container(site, profile, credentials, err);
    return LK_FAIL(err, LK_E_CONFIG,
                   "credential_source of the AWS profile \"%s\" is \"%s\"; it must be Environment, "
                   "Ec2InstanceMetadata or EcsContainer",
                   lk_profile_name(profile), source);
}

/* --- Chains --------------------------------------------------------------------------------- */

static int fetch_link(const lk_credentials_site *site, const link *here, lk_profile_kind kind,
                      lk_credentials *credentials, lk_err *err);

/* The profile named `name` is among those on the way. */
static bool visited(const link *here, const char *name)
{
    for (; here; here = here->before) {
        if (strcmp(lk_profile_name(here->profile), name) == 0)
            return true;
    }
    return false;
}

/* A profile as the source of another one. */
static int fetch_source(const lk_credentials_site *site, const link *here,
                        lk_credentials *credentials, lk_err *err)
{
    lk_key_texts keys;
    int found = lk_credentials_profile_keys(here->profile, &keys, err);
    if (found != 0)
        return found < 0 ? found : fill_from(&keys, credentials, err);
    if (visited(here->before, lk_profile_name(here->profile)))
        return LK_FAIL(err, LK_E_CONFIG,
                       "source_profile leads from the AWS profile \"%s\" back "
                       "to it, without keys on the way",
                       lk_profile_name(here->profile));
    if (here->length > MAX_CHAIN)
        return LK_FAIL(err, LK_E_CONFIG, "source_profile leads through more than %d AWS profiles",
                       MAX_CHAIN);
    lk_profile_kind kind;
    int rc = lk_profile_kind_of(here->profile, &kind, err);
    if (rc == LK_OK && kind == LK_PROFILE_NOTHING)
        rc = LK_FAIL(err, LK_E_CONFIG,
                     "the AWS profile \"%s\", named as source_profile, has no "
                     "credentials",
                     lk_profile_name(here->profile));
    return rc ? rc : fetch_link(site, here, kind, credentials, err);
}

static int fetch_source_named(const lk_credentials_site *site, const link *here, const char *name,
                              lk_credentials *credentials, lk_err *err)
{
    lk_profile *source = NULL;
    int rc = lk_profile_load(name, &source, err);
    if (rc != LK_OK) {
        lk_err_prefix(err, "source_profile of the AWS profile \"%s\"",
                      lk_profile_name(here->profile));
        return rc;
    }
    link next = {.before = here, .profile = source, .length = here->length + 1};
    rc = fetch_source(site, &next, credentials, err);
    lk_profile_free(source);
    return rc;
}

static int fetch_role(const lk_credentials_site *site, const link *here,
                      lk_credentials *credentials, lk_err *err)
{
    lk_sts_role role;
    lk_credentials with = {0};
    const char *source = lk_profile_get(here->profile, "source_profile");
    int rc = read_role(here->profile, &role, err);
    if (rc == LK_OK && source)
        rc = fetch_source_named(site, here, source, &with, err);
    else if (rc == LK_OK)
        rc = fetch_named_source(site, here->profile,
                                lk_profile_get(here->profile, "credential_source"), &with, err);
    if (rc == LK_OK)
        rc = lk_sts_assume_role(site, &role, &with, credentials, err);
    lk_credentials_clear(&with);
    return rc;
}

static int fetch_link(const lk_credentials_site *site, const link *here, lk_profile_kind kind,
                      lk_credentials *credentials, lk_err *err)
{
    lk_sts_role role;
    int rc;
    switch (kind) {
    case LK_PROFILE_ROLE:
        return fetch_role(site, here, credentials, err);
    case LK_PROFILE_PROCESS:
        return lk_credentials_run_process(site->http, here->profile, credentials, err);
    case LK_PROFILE_WEB_IDENTITY:
        rc = read_role(here->profile, &role, err);
        role.duration_s = 0; /* the SDKs do not pass it on here */
        return rc ? rc
                  : lk_sts_assume_role_with_web_identity(
                        site, &role, lk_profile_get(here->profile, "web_identity_token_file"),
                        credentials, err);
    case LK_PROFILE_NOTHING:
    case LK_PROFILE_KEYS:
        break;
    }
    return LK_FAIL(err, LK_E_INTERNAL, "a profile without anything to fetch");
}

int lk_credentials_fetch_profile(const lk_credentials_site *site, lk_profile_kind kind,
                                 lk_credentials *credentials, lk_err *err)
{
    link first = {.profile = site->profile, .length = 1};
    return fetch_link(site, &first, kind, credentials, err);
}
