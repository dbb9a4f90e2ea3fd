/* SPDX-License-Identifier: MIT
 *
 * client: options and their defaults, who is inside, what is looked up once.
 *
 * Only the atomic members are touched by more than one thread: the owner works, others may
 * interrupt, without a lock, so that a signal handler may too. Everything else belongs to the
 * thread that entered.
 */
#include "client.h"

#include "options.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DEFAULT_CONNECT_TIMEOUT_MS = 2000,
    DEFAULT_TIMEOUT_MS = 10000,
    DEFAULT_IDLE_MAX_MS = 15000,
    DEFAULT_MAX_ATTEMPTS = 3, /* of the SDKs' standard retry mode */
    MAX_ATTEMPTS = 10,
    DEFAULT_MAX_MESSAGE_BYTES = 1 << 20,
    LONGEST_MS = 24 * 3600 * 1000, /* a timeout beyond a day is a mistake */
    TEXT_OPTIONS = 4
};

typedef struct client_slot {
    void *state;
    lk_slot_free free_fn;
} client_slot;

struct lk_client {
    atomic_uintptr_t owner; /* of the thread inside; 0: nobody */
    int depth;              /* of its nested calls */
    pid_t pid;              /* whose connections these are */

    _Atomic(lk_http *) http; /* made at first use */
    atomic_bool getting_credentials;
    atomic_bool interrupted; /* before there was anything to interrupt */

    lk_env env;
    lk_client_options config;  /* defaults filled in; secrets are not kept here */
    char *texts[TEXT_OPTIONS]; /* what the strings of config point to */
    lk_credentials_provider *provider;
    bool given_credentials;
    lk_profile *profile; /* loaded at first need */
    lk_buf region;
    lk_buf endpoint;
    bool region_known;
    bool endpoint_known;
    lk_client_signing signing;
    lk_call_info last_call;
    client_slot slots[LK_SLOT_COUNT];
};

/* --- Options -------------------------------------------------------------------------------- */

static int check_range(const char *name, int64_t value, int64_t max, lk_err *err)
{
    if (value >= 0 && value <= max)
        return 0;
    return LK_FAIL(err, LK_E_INVALID, "client option %s is %lld: it must be 0 (default) to %lld",
                   name, (long long)value, (long long)max);
}

static int check_options(const lk_client_options *options, lk_err *err)
{
    int rc = check_range("connect_timeout_ms", options->connect_timeout_ms, LONGEST_MS, err);
    if (!rc)
        rc = check_range("timeout_ms", options->timeout_ms, LONGEST_MS, err);
    if (!rc)
        rc = check_range("idle_max_ms", options->idle_max_ms, LONGEST_MS, err);
    if (!rc)
        rc = check_range("max_attempts", options->max_attempts, MAX_ATTEMPTS, err);
    if (!rc)
        rc = check_range("max_message_bytes", options->max_message_bytes, INT32_MAX, err);
    if (rc)
        return rc;
    if (!options->access_key_id != !options->secret_access_key)
        return LK_FAIL(err, LK_E_INVALID,
                       "client options access_key_id and secret_access_key go together: give both, "
                       "or neither to use the environment's");
    lk_url url;
    if (options->endpoint && *options->endpoint &&
        !lk_url_parse(lk_slice_of(options->endpoint), &url))
        return LK_FAIL(err, LK_E_INVALID,
                       "client option endpoint \"%s\" is not a URL such as http://127.0.0.1:9324",
                       options->endpoint);
    return 0;
}

/* The variable is shared with the AWS SDKs, which allow more than we do: more means our most. */
static int attempts_of_environment(int *attempts, lk_err *err)
{
    const char *text = lk_getenv("AWS_MAX_ATTEMPTS");
    int64_t value = DEFAULT_MAX_ATTEMPTS;
    if (text && (!lk_slice_to_int64(lk_slice_of(text), &value) || value < 1))
        return LK_FAIL(err, LK_E_INVALID,
                       "AWS_MAX_ATTEMPTS is \"%s\": it must be a number from 1 to %d", text,
                       MAX_ATTEMPTS);
    *attempts = (int)LK_MIN(value, MAX_ATTEMPTS);
    return 0;
}

/* Copies options over the defaults; the secrets go to the credentials provider instead. */
static int take_options(lk_client *client, const lk_client_options *options, lk_err *err)
{
    lk_client_options *config = &client->config;
    *config = *options;
    config->size = sizeof(*config);
    config->access_key_id = config->secret_access_key = config->session_token = NULL;
    const char **texts[TEXT_OPTIONS] = {&config->region, &config->endpoint, &config->profile,
                                        &config->user_agent};
    for (size_t i = 0; i < TEXT_OPTIONS; i++) {
        if (!*texts[i])
            continue;
        client->texts[i] = strdup(*texts[i]);
        *texts[i] = client->texts[i];
        if (!client->texts[i])
            return LK_FAIL_NOMEM(err);
    }
    if (!config->connect_timeout_ms)
        config->connect_timeout_ms = DEFAULT_CONNECT_TIMEOUT_MS;
    if (!config->timeout_ms)
        config->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (!config->idle_max_ms)
        config->idle_max_ms = DEFAULT_IDLE_MAX_MS;
    if (!config->max_message_bytes)
        config->max_message_bytes = DEFAULT_MAX_MESSAGE_BYTES;
    int rc = config->max_attempts ? 0 : attempts_of_environment(&config->max_attempts, err);
    if (rc || !options->access_key_id)
        return rc;
    client->given_credentials = true;
    return lk_credentials_set(client->provider, options->access_key_id, options->secret_access_key,
                              options->session_token, err);
}

/* --- Life ----------------------------------------------------------------------------------- */

lk_client *lk_client_new_env(const lk_client_options *options, const lk_env *env, lk_err *err)
{
    lk_client_options given = LK_CLIENT_OPTIONS_INIT;
    if (lk_options_take(&given, options, "LK_CLIENT_OPTIONS_INIT", err) ||
        check_options(&given, err))
        return NULL;
    lk_client *client = calloc(1, sizeof(*client));
    if (!client) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    client->env = env ? *env : lk_env_default;
    client->pid = getpid();
    client->provider = lk_credentials_provider_new(&client->env, err);
    if (!client->provider || take_options(client, &given, err)) {
        lk_client_free(client);
        return NULL;
    }
    return client;
}

lk_client *lk_client_new(const lk_client_options *options, lk_err *err)
{
    return lk_client_new_env(options, NULL, err);
}

static void free_slot(lk_client *client, lk_client_slot which, bool forked)
{
    client_slot slot = client->slots[which];
    client->slots[which] = (client_slot){NULL, NULL};
    if (slot.state)
        slot.free_fn(slot.state, forked);
}

/* Without a word to any peer: the connections are the parent's, or not wanted any more. */
static void drop_connections(lk_client *client)
{
    free_slot(client, LK_SLOT_OUTBOX, true); /* the queues hold no connection: they stay */
    free_slot(client, LK_SLOT_REPORTS, true);
    lk_http_abandon(atomic_exchange(&client->http, NULL));
    lk_credentials_provider_forked(client->provider);
}

/* In a forked child: nothing of the parent's may be used. */
static void become_child(lk_client *client)
{
    atomic_store(&client->getting_credentials, false);
    atomic_store(&client->interrupted, false);
    drop_connections(client);
    client->pid = getpid();
}

void lk_client_free(lk_client *client)
{
    if (!client)
        return;
    if (client->pid != getpid())
        become_child(client);
    free_slot(client, LK_SLOT_OUTBOX, false); /* points to queues, as the reports do */
    free_slot(client, LK_SLOT_REPORTS, false);
    free_slot(client, LK_SLOT_QUEUES, false);
    free_slot(client, LK_SLOT_DEATHS, false);
    lk_http_free(atomic_exchange(&client->http, NULL));
    lk_credentials_provider_free(client->provider);
    lk_profile_free(client->profile);
    lk_sigv4_key_clear(&client->signing.key);
    lk_buf_clear(&client->region);
    lk_buf_clear(&client->endpoint);
    for (size_t i = 0; i < TEXT_OPTIONS; i++)
        free(client->texts[i]);
    free(client);
}

void lk_client_discard(lk_client *client)
{
    lk_err err;
    if (lk_client_enter(client, &err))
        return; /* in use: those connections are somebody's */
    drop_connections(client);
    lk_client_leave(client);
}

/* --- Entering ------------------------------------------------------------------------------- */

/* The address of a thread-local variable names the thread, without a system call. */
static uintptr_t this_thread(void)
{
    static _Thread_local char here;
    return (uintptr_t)&here;
}

int lk_client_enter(lk_client *client, lk_err *err)
{
    if (!client)
        return LK_FAIL(err, LK_E_INVALID, "no client");
    uintptr_t me = this_thread();
    uintptr_t owner = atomic_load_explicit(&client->owner, memory_order_relaxed);
    pid_t pid = getpid();
    bool forked = client->pid != pid;
    if (owner == me && !forked) {
        client->depth++;
        return 0;
    }
    /* After fork() an owner is a thread of the parent's, which cannot leave here any more. */
    uintptr_t expected = forked ? owner : 0;
    if (!atomic_compare_exchange_strong_explicit(&client->owner, &expected, me,
                                                 memory_order_acquire, memory_order_relaxed))
        return LK_FAIL(err, LK_E_BUSY,
                       "the client is in use by another thread: give each thread its own");
    client->depth = 1;
    if (forked)
        become_child(client);
    return 0;
}

void lk_client_leave(lk_client *client)
{
    if (--client->depth == 0)
        atomic_store_explicit(&client->owner, 0, memory_order_release);
}

/* Exactly one flag is set, so that one interrupt ends one call. */
void lk_client_interrupt(lk_client *client)
{
    if (atomic_load(&client->getting_credentials) && lk_credentials_interrupt(client->provider))
        return;
    lk_http *http = atomic_load(&client->http);
    if (!http) {
        atomic_store(&client->interrupted, true);
        /* The owner made it meanwhile and may have looked before that store. */
        http = atomic_load(&client->http);
        if (!http || !atomic_exchange(&client->interrupted, false))
            return;
    }
    lk_http_interrupt(http);
}

/* --- What calls share ----------------------------------------------------------------------- */

const lk_env *lk_client_env(const lk_client *client)
{
    return &client->env;
}

const lk_client_options *lk_client_config(const lk_client *client)
{
    return &client->config;
}

lk_client_signing *lk_client_signing_state(lk_client *client)
{
    return &client->signing;
}

lk_call_info *lk_client_call_info(lk_client *client)
{
    return &client->last_call;
}

void lk_client_last_call(const lk_client *client, lk_call_info *info)
{
    *info = client->last_call;
}

void *lk_client_slot_get(const lk_client *client, lk_client_slot slot)
{
    return client->slots[slot].state;
}

void lk_client_slot_set(lk_client *client, lk_client_slot slot, void *state, lk_slot_free free_fn)
{
    client->slots[slot] = (client_slot){state, free_fn};
}

static lk_http *make_http(lk_client *client, lk_err *err)
{
    lk_buf user_agent = {0};
    lk_buf_add_str(&user_agent, "lambdakiq/" LK_VERSION);
    if (client->config.user_agent)
        lk_buf_addf(&user_agent, " %s", client->config.user_agent);
    if (lk_buf_check(&user_agent, err))
        return NULL;
    lk_http_options options = {.connect_timeout_ms = client->config.connect_timeout_ms,
                               .idle_max_ms = client->config.idle_max_ms,
                               .user_agent = user_agent.ptr,
                               .env = &client->env};
    lk_http *http = lk_http_new(&options, err);
    lk_buf_clear(&user_agent);
    return http;
}

lk_http *lk_client_http(lk_client *client, lk_err *err)
{
    lk_http *http = atomic_load(&client->http); /* only the owner writes it */
    if (http)
        return http;
    http = make_http(client, err);
    if (!http)
        return NULL;
    atomic_store(&client->http, http);
    if (atomic_exchange(&client->interrupted, false))
        lk_http_interrupt(http);
    return http;
}

static int load_profile(lk_client *client, lk_err *err)
{
    return client->profile ? 0 : lk_profile_load(client->config.profile, &client->profile, err);
}

int lk_client_region(lk_client *client, lk_slice *region, lk_err *err)
{
    int rc = 0;
    if (!client->region_known) {
        /* The files are only read for what option and environment leave open. */
        rc = lk_endpoint_region(client->config.region, NULL, &client->region, NULL);
        if (rc) {
            rc = load_profile(client, err);
            if (!rc)
                rc = lk_endpoint_region(client->config.region, client->profile, &client->region,
                                        err);
        }
        client->region_known = rc == 0;
    }
    *region = rc ? (lk_slice){NULL, 0} : lk_buf_slice(&client->region);
    return rc;
}

int lk_client_fixed_endpoint(lk_client *client, lk_slice *endpoint, lk_err *err)
{
    int rc = 0;
    if (!client->endpoint_known) {
        if (!client->config.endpoint)
            rc = load_profile(client, err);
        if (!rc)
            rc = lk_endpoint_fixed("sqs", client->config.endpoint, client->profile,
                                   &client->endpoint, err);
        client->endpoint_known = rc == 0;
    }
    *endpoint =
        rc || client->endpoint.len == 0 ? (lk_slice){NULL, 0} : lk_buf_slice(&client->endpoint);
    return rc;
}

/* --- Credentials ---------------------------------------------------------------------------- */

int lk_client_credentials(lk_client *client, const lk_credentials **credentials, lk_err *err)
{
    int rc = client->given_credentials ? 0 : load_profile(client, err);
    if (rc)
        return rc;
    if (client->given_credentials)
        return lk_credentials_get(client->provider, NULL, NULL, credentials, err);
    atomic_store(&client->getting_credentials, true);
    rc = lk_credentials_get(client->provider, client->profile, client->config.region, credentials,
                            err);
    atomic_store(&client->getting_credentials, false);
    return rc;
}

bool lk_client_invalidate_credentials(lk_client *client)
{
    return lk_credentials_invalidate(client->provider);
}

int lk_client_set_credentials(lk_client *client, const char *access_key_id,
                              const char *secret_access_key, const char *session_token, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = lk_credentials_set(client->provider, access_key_id, secret_access_key, session_token, err);
    if (!rc)
        client->given_credentials = true;
    lk_client_leave(client);
    return rc;
}
