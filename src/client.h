/* SPDX-License-Identifier: MIT
 *
 * client: the lk_client handle: options, environment, who may use it now.
 *
 * It owns what every call shares (connection pool, credentials, endpoint, signing key, clock skew)
 * and the rules of entry: one thread at a time, and a forked child starts anew. Modules further
 * along the flow (queue cache, outbox) hang their state into slots, so that this file need not know
 * them.
 */
#ifndef LK_CLIENT_H
#define LK_CLIENT_H

#include "credentials.h"
#include "endpoint.h"
#include "http.h"
#include "profile.h"
#include "sigv4.h"

typedef enum lk_client_slot {
    LK_SLOT_QUEUES,
    LK_SLOT_OUTBOX,
    LK_SLOT_REPORTS,
    LK_SLOT_DEATHS,
    LK_SLOT_COUNT
} lk_client_slot;

/* lk_client_new with another environment (tests). env: copied. */
lk_client *lk_client_new_env(const lk_client_options *options, const lk_env *env, lk_err *err);

/* Every public function of a client is enclosed in these. enter: LK_E_BUSY when another thread is
 * inside, LK_E_INVALID without a client; nests within one thread; after fork() it first abandons
 * the parent's connections and slots. */
int lk_client_enter(lk_client *client, lk_err *err);
void lk_client_leave(lk_client *client);

/* What signing keeps from call to call. */
typedef struct lk_client_signing {
    lk_sigv4_key key;
    int64_t skew_ms;         /* the service's clock minus our wall clock, as far as known */
    int64_t refused_mono_ms; /* when credentials were last refetched as expired; 0 never */
} lk_client_signing;

const lk_env *lk_client_env(const lk_client *client);
const lk_client_options *lk_client_config(const lk_client *client); /* with defaults filled in */
lk_http *lk_client_http(lk_client *client, lk_err *err);            /* made at first use */

/* forked: true when the state belongs to the parent process and must be dropped without I/O. */
typedef void (*lk_slot_free)(void *state, bool forked);
void *lk_client_slot_get(const lk_client *client, lk_client_slot slot);
void lk_client_slot_set(lk_client *client, lk_client_slot slot, void *state, lk_slot_free free_fn);

/* Region, credentials and endpoint base, resolved at first use. Borrowed. */
int lk_client_region(lk_client *client, lk_slice *region, lk_err *err);
/* The endpoint every call goes to whatever its queue: option, AWS_ENDPOINT_URL_SQS,
 * AWS_ENDPOINT_URL, profile; {NULL,0} when none is set. */
int lk_client_fixed_endpoint(lk_client *client, lk_slice *endpoint, lk_err *err);
/* To sign with now; owned by the client until the next call. May block, see credentials.h. */
int lk_client_credentials(lk_client *client, const lk_credentials **credentials, lk_err *err);
/* The service called them expired. false: there will be no others. */
bool lk_client_invalidate_credentials(lk_client *client);
lk_client_signing *lk_client_signing_state(lk_client *client);
lk_call_info *lk_client_call_info(lk_client *client); /* of the last finished call, to be filled */

#endif
