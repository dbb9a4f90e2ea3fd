/* SPDX-License-Identifier: MIT
 *
 * credentials: the order of sources, and keeping what was found until it is about to expire.
 */
#include "credentials.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_BEFORE_MS INT64_C(300000) /* five minutes, as the SDKs */
#define RETRY_AFTER_MS    INT64_C(60000)  /* a failed refresh of keys that are still valid */

struct lk_credentials_provider {
    const lk_env *env;
    lk_credentials current;
    bool fixed;              /* given explicitly */
    bool remote;             /* current came over HTTP and can be fetched again */
    bool stale;              /* fetch again although not expired */
    int64_t not_before_ms;   /* wall; no refresh before */
    _Atomic(lk_http *) http; /* made at first use; read by the interrupting thread */
};

lk_credentials_provider *lk_credentials_provider_new(const lk_env *env, lk_err *err)
{
    lk_credentials_provider *provider = calloc(1, sizeof(*provider));
    if (!provider) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    provider->env = env ? env : &lk_env_default;
    return provider;
}

void lk_credentials_provider_free(lk_credentials_provider *provider)
{
    if (!provider)
        return;
    lk_credentials_clear(&provider->current);
    lk_http_free(provider->http);
    free(provider);
}

void lk_credentials_provider_forked(lk_credentials_provider *provider)
{
    lk_http_abandon(atomic_exchange(&provider->http, NULL));
}

bool lk_credentials_interrupt(lk_credentials_provider *provider)
{
    lk_http *http = atomic_load(&provider->http);
    if (http)
        lk_http_interrupt(http);
    return http != NULL;
}

bool lk_credentials_invalidate(lk_credentials_provider *provider)
{
    provider->stale = provider->remote;
    provider->not_before_ms = 0;
    return provider->remote;
}

int lk_credentials_set(lk_credentials_provider *provider, const char *access_key_id,
                       const char *secret_access_key, const char *session_token, lk_err *err)
{
    lk_slice id = lk_slice_of(access_key_id);
    lk_slice secret = lk_slice_of(secret_access_key);
    if (id.len == 0 || secret.len == 0)
        return LK_FAIL(err, LK_E_CREDENTIALS,
                       "credentials need both an access key id and a secret access key");
    int rc = lk_credentials_fill(&provider->current, id, secret, lk_slice_of(session_token), err);
    if (rc == LK_OK) {
        provider->current.source = "given";
        provider->fixed = true;
        provider->remote = false;
    }
    return rc;
}

/* --- Sources without I/O -------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Takes the texts over unless they are the current ones already. */
static int adopt(lk_credentials_provider *provider, const char *id, const char *secret,
                 const char *token, const char *source, lk_err *err)
{
    lk_credentials *current = &provider->current;
    if (current->access_key_id && !provider->remote && same(current->access_key_id, id) &&
        same(current->secret_access_key, secret) && same(current->session_token, token))
        return LK_OK;
    int rc =
        lk_credentials_fill(current, lk_slice_of(id), lk_slice_of(secret), lk_slice_of(token), err);
    if (rc == LK_OK) {
        current->source = source;
        provider->remote = false;
    }
    return rc;
}

/* Read at each signing: an application may change its environment. 1: found, 0: not set. */
static int try_environment(lk_credentials_provider *provider, lk_err *err)
{
    const char *id = lk_getenv("AWS_ACCESS_KEY_ID");
    const char *secret = lk_getenv("AWS_SECRET_ACCESS_KEY");
    if (!id && !secret)
        return 0;
    if (!id || !secret)
        return LK_FAIL(err, LK_E_CREDENTIALS, "%s is set but %s is not; set both",
                       id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    int rc = adopt(provider, id, secret, lk_getenv("AWS_SESSION_TOKEN"), "environment", err);
    return rc == LK_OK ? 1 : rc;
}

static int try_profile(lk_credentials_provider *provider, const lk_profile *profile, lk_err *err)
{
    /* Ways to get credentials that only the AWS SDK goes. */
    static const char *const unsupported[] = {
        "role_arn",       "web_identity_token_file", "sso_session",       "sso_start_url",
        "sso_account_id", "credential_process",      "credential_source", "login_session"};
    if (!profile)
        return 0;
    const char *id = lk_profile_get(profile, "aws_access_key_id");
    const char *secret = lk_profile_get(profile, "aws_secret_access_key");
    for (size_t i = 0; i < LK_COUNT(unsupported); i++) {
        /* role_arn wins over keys of the same profile: they would be somebody else's. */
        if (lk_profile_get(profile, unsupported[i]) && (i == 0 || !id))
            return LK_FAIL(err, LK_E_UNSUPPORTED,
                           "the AWS profile \"%s\" uses %s, which is not supported; give keys "
                           "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), for instance from "
                           "`aws configure export-credentials`",
                           lk_profile_name(profile), unsupported[i]);
    }
    if (!id && !secret)
        return 0;
    if (!id || !secret)
        return LK_FAIL(err, LK_E_CREDENTIALS, "the AWS profile \"%s\" has %s but no %s",
                       lk_profile_name(profile), id ? "aws_access_key_id" : "aws_secret_access_key",
                       id ? "aws_secret_access_key" : "aws_access_key_id");
    int rc =
        adopt(provider, id, secret, lk_profile_get(profile, "aws_session_token"), "profile", err);
    return rc == LK_OK ? 1 : rc;
}

/* --- Sources over HTTP ---------------------------------------------------------------------- */

static bool is_fresh(const lk_credentials_provider *provider, int64_t now_ms)
{
    const lk_credentials *current = &provider->current;
    if (!provider->remote || !current->access_key_id)
        return false;
    if (current->expires_at_ms != 0 && now_ms >= current->expires_at_ms)
        return false;
    if (now_ms < provider->not_before_ms)
        return true;
    return !provider->stale &&
           (current->expires_at_ms == 0 || current->expires_at_ms - now_ms > REFRESH_BEFORE_MS);
}

static int ensure_http(lk_credentials_provider *provider, lk_err *err)
{
    if (provider->http)
        return LK_OK;
    lk_http_options options = {.connect_timeout_ms = 1000, .no_proxy = true, .env = provider->env};
    lk_http *http = lk_http_new(&options, err);
    if (!http)
        return err ? err->code : LK_E_NOMEM;
    atomic_store(&provider->http, http);
    return LK_OK;
}

static int fetch_remote(lk_credentials_provider *provider, lk_credentials *fetched, lk_err *err)
{
    const char *web_identity = lk_getenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (web_identity)
        return LK_FAIL(
            err, LK_E_UNSUPPORTED,
            "AWS_WEB_IDENTITY_TOKEN_FILE is set, but web identity is not supported; give "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use EKS pod identity");
    int rc = ensure_http(provider, err);
    if (rc != LK_OK)
        return rc;
    if (lk_credentials_has_container())
        return lk_credentials_fetch_container(provider->http, fetched, err);
    rc = lk_credentials_fetch_instance(provider->http, fetched, err);
    if (rc == LK_E_CREDENTIALS)
        lk_err_prefix(err, "no AWS credentials found: set AWS_ACCESS_KEY_ID and "
                           "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (looked at the environment, the "
                           "profile, the container endpoint and instance metadata)");
    return rc;
}

static int try_remote(lk_credentials_provider *provider, lk_err *err)
{
    int64_t now_ms = provider->env->wall_ms(provider->env->ctx);
    if (is_fresh(provider, now_ms))
        return LK_OK;
    lk_credentials fetched = {0};
    int rc = fetch_remote(provider, &fetched, err);
    if (rc == LK_OK) {
        lk_credentials_clear(&provider->current);
        provider->current = fetched;
        provider->remote = true;
        provider->stale = false;
        provider->not_before_ms = 0;
        return LK_OK;
    }
    lk_credentials_clear(&fetched);
    bool valid = provider->remote && !provider->stale && provider->current.access_key_id &&
                 now_ms < provider->current.expires_at_ms;
    if (!valid || rc == LK_E_INTERRUPTED)
        return rc;
    provider->not_before_ms = now_ms + RETRY_AFTER_MS; /* still good for a while */
    lk_err_clear(err);
    return LK_OK;
}

int lk_credentials_get(lk_credentials_provider *provider, const lk_profile *profile,
                       const lk_credentials **credentials, lk_err *err)
{
    *credentials = &provider->current;
    if (provider->fixed)
        return LK_OK;
    int rc = try_environment(provider, err);
    if (rc == 0)
        rc = try_profile(provider, profile, err);
    if (rc == 0)
        rc = try_remote(provider, err);
    return rc > 0 ? LK_OK : rc;
}
