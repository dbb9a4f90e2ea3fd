/* SPDX-License-Identifier: MIT
 *
 * credentials: the order of sources, and keeping what was found until it is about to expire.
 */
#include "credentials.h"

#include "credentials_profile.h"
#include "credentials_remote.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_BEFORE_MS INT64_C(300000) /* five minutes, as the SDKs */
#define RETRY_AFTER_MS    INT64_C(60000)  /* a failed refresh of keys that are still valid */

/* Where the current ones came from. */
typedef enum origin {
    ORIGIN_NONE,
    ORIGIN_GIVEN,
    ORIGIN_TEXTS, /* of environment or profile; compared at each call */
    ORIGIN_WEB_IDENTITY,
    ORIGIN_PROFILE,
    ORIGIN_MACHINE /* container endpoint or instance metadata */
} origin;

struct lk_credentials_provider {
    const lk_env *env;
    lk_credentials current;
    origin origin;
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

/* Those that were fetched, and can be again. */
static bool is_fetched(const lk_credentials_provider *provider)
{
    return provider->origin >= ORIGIN_WEB_IDENTITY;
}

bool lk_credentials_invalidate(lk_credentials_provider *provider)
{
    provider->stale = is_fetched(provider);
    provider->not_before_ms = 0;
    return provider->stale;
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
        provider->origin = ORIGIN_GIVEN;
    }
    return rc;
}

/* --- Sources without I/O -------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Takes the texts over unless they are the current ones already. An application may change its
 * environment, so they are looked at for each signing. */
static int adopt(lk_credentials_provider *provider, const lk_key_texts *keys, const char *source,
                 lk_err *err)
{
    lk_credentials *current = &provider->current;
    if (provider->origin == ORIGIN_TEXTS && same(current->access_key_id, keys->access_key_id) &&
        same(current->secret_access_key, keys->secret_access_key) &&
        same(current->session_token, keys->session_token))
        return LK_OK;
    int rc = lk_credentials_fill(current, lk_slice_of(keys->access_key_id),
                                 lk_slice_of(keys->secret_access_key),
                                 lk_slice_of(keys->session_token), err);
    if (rc == LK_OK) {
        current->source = source;
        provider->origin = ORIGIN_TEXTS;
    }
    return rc;
}

/* --- Sources that are fetched --------------------------------------------------------------- */

/* What a fetch is about. */
typedef struct wanted {
    origin origin;
    lk_profile_kind kind; /* ORIGIN_PROFILE */
    const lk_profile *profile;
    const char *region;
} wanted;

static bool is_fresh(const lk_credentials_provider *provider, origin from, int64_t now_ms)
{
    const lk_credentials *current = &provider->current;
    if (provider->origin != from)
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
    lk_http_options options = {.user_agent = "lambdakiq/" LK_VERSION, .env = provider->env};
    lk_http *http = lk_http_new(&options, err);
    if (!http)
        return err ? err->code : LK_E_NOMEM;
    atomic_store(&provider->http, http);
    return LK_OK;
}

static int fetch_web_identity(const lk_credentials_site *site, lk_credentials *fetched, lk_err *err)
{
    lk_sts_role role = {.arn = lk_getenv("AWS_ROLE_ARN"),
                        .session_name = lk_getenv("AWS_ROLE_SESSION_NAME")};
    if (!role.arn)
        return LK_FAIL(err, LK_E_CREDENTIALS,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not; set both");
    return lk_sts_assume_role_with_web_identity(
        site, &role, lk_getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), fetched, err);
}

static int fetch_machine(const lk_credentials_site *site, lk_credentials *fetched, lk_err *err)
{
    if (lk_credentials_has_container())
        return lk_credentials_fetch_container(site->http, fetched, err);
    int rc = lk_credentials_fetch_instance(site->http, fetched, err);
    if (rc == LK_E_CREDENTIALS)
        lk_err_prefix(err, "no AWS credentials found: set AWS_ACCESS_KEY_ID and "
                           "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (looked at the environment, the "
                           "profile, the container endpoint and instance metadata)");
    return rc;
}

static int fetch(lk_credentials_provider *provider, const wanted *what, lk_credentials *fetched,
                 lk_err *err)
{
    int rc = ensure_http(provider, err);
    if (rc != LK_OK)
        return rc;
    lk_credentials_site site = {.http = provider->http,
                                .env = provider->env,
                                .profile = what->profile,
                                .region = what->region};
    if (what->origin == ORIGIN_WEB_IDENTITY)
        return fetch_web_identity(&site, fetched, err);
    if (what->origin == ORIGIN_PROFILE)
        return lk_credentials_fetch_profile(&site, what->kind, fetched, err);
    return fetch_machine(&site, fetched, err);
}

/* New ones are not asked for again within a minute, even if they end sooner than we would refresh,
 * or ended already: then this machine's clock is wrong, and the service knows better. */
static void keep(lk_credentials_provider *provider, origin from, const lk_credentials *fetched,
                 int64_t now_ms)
{
    int64_t left_ms = fetched->expires_at_ms == 0 ? INT64_MAX : fetched->expires_at_ms - now_ms;
    lk_credentials_clear(&provider->current);
    provider->current = *fetched;
    provider->origin = from;
    provider->stale = false;
    provider->not_before_ms = 0;
    if (left_ms <= REFRESH_BEFORE_MS)
        provider->not_before_ms =
            now_ms + (left_ms > 0 ? LK_MIN(left_ms, RETRY_AFTER_MS) : RETRY_AFTER_MS);
}

static int try_fetched(lk_credentials_provider *provider, const wanted *what, lk_err *err)
{
    int64_t now_ms = provider->env->wall_ms(provider->env->ctx);
    if (is_fresh(provider, what->origin, now_ms))
        return LK_OK;
    lk_credentials fetched = {0};
    int rc = fetch(provider, what, &fetched, err);
    if (rc == LK_OK) {
        keep(provider, what->origin, &fetched, now_ms);
        return LK_OK;
    }
    lk_credentials_clear(&fetched);
    bool valid = provider->origin == what->origin && !provider->stale &&
                 now_ms < provider->current.expires_at_ms;
    if (!valid || rc == LK_E_INTERRUPTED)
        return rc;
    /* Still good for a while: at most until they end. */
    provider->not_before_ms = LK_MIN(now_ms + RETRY_AFTER_MS, provider->current.expires_at_ms);
    lk_err_clear(err);
    return LK_OK;
}

/* --- The order ------------------------------------------------------------------------------ */

/* 1: found, 0: not here, negative: an error. */
static int try_environment(lk_credentials_provider *provider, const wanted *what, lk_err *err)
{
    lk_key_texts keys;
    int rc = lk_credentials_environment(&keys, err);
    if (rc == 1)
        rc = adopt(provider, &keys, "environment", err);
    else if (rc == 0 && lk_getenv("AWS_WEB_IDENTITY_TOKEN_FILE"))
        rc = try_fetched(provider,
                         &(wanted){.origin = ORIGIN_WEB_IDENTITY,
                                   .profile = what->profile,
                                   .region = what->region},
                         err);
    else
        return rc;
    return rc == LK_OK ? 1 : rc;
}

static int try_profile(lk_credentials_provider *provider, const wanted *what, lk_err *err)
{
    lk_key_texts keys;
    wanted mine = *what;
    mine.origin = ORIGIN_PROFILE;
    int rc = lk_profile_kind_of(what->profile, &mine.kind, err);
    if (rc != LK_OK || mine.kind == LK_PROFILE_NOTHING)
        return rc;
    if (mine.kind != LK_PROFILE_KEYS)
        rc = try_fetched(provider, &mine, err);
    else if ((rc = lk_credentials_profile_keys(what->profile, &keys, err)) == 1)
        rc = adopt(provider, &keys, "profile", err);
    return rc == LK_OK ? 1 : rc;
}

int lk_credentials_get(lk_credentials_provider *provider, const lk_profile *profile,
                       const char *region, const lk_credentials **credentials, lk_err *err)
{
    wanted what = {.origin = ORIGIN_MACHINE, .profile = profile, .region = region};
    int rc = 0;
    *credentials = &provider->current;
    if (provider->origin == ORIGIN_GIVEN)
        return LK_OK;
    if (!profile || !lk_profile_is_chosen(profile))
        rc = try_environment(provider, &what, err);
    if (rc == 0 && profile)
        rc = try_profile(provider, &what, err);
    if (rc == 0)
        rc = try_fetched(provider, &what, err);
    return rc > 0 ? LK_OK : rc;
}
