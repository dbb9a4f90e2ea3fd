/* SPDX-License-Identifier: MIT
 *
 * mapping_heartbeat: see mapping_heartbeat.h.
 */
#include "mapping_heartbeat.h"

#include "thread.h"

#include <stdlib.h>

struct lk_heartbeat {
    const lk_mapping_facts *facts;
    lk_client *client; /* of the thread alone */
    int64_t visibility_s;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* guards what follows, and what is held */
    pthread_cond_t changed;
    lk_held *held;
    bool stopping;
};

static int64_t interval_ms(const lk_heartbeat *h)
{
    return h->visibility_s * 1000 / 3;
}

/* --- The thread ----------------------------------------------------------------------------- */

/* Lock held. The one whose turn comes first; NULL: nothing is held. */
static lk_held *find_next(const lk_heartbeat *h)
{
    lk_held *next = NULL;
    for (lk_held *held = h->held; held; held = held->next)
        if (!next || held->next_at_ms < next->next_at_ms)
            next = held;
    return next;
}

/* False: the message cannot be kept any longer, which is said. */
static bool extend(lk_heartbeat *h, const lk_held *held)
{
    lk_err err;
    int rc = lk_change_visibility(h->client, lk_slice_of(h->facts->queue_url), held->receipt_handle,
                                  h->visibility_s, &err);
    if (rc == 0)
        return true;
    lk_function_log(h->facts->function, "lambdakiq: message %.*s is still worked on, but %s: %s",
                    LK_SLICE_FMT(held->message_id),
                    err.retriable ? "could not be kept hidden for now"
                                  : "cannot be kept hidden any longer, and may be delivered again",
                    err.message);
    return err.retriable;
}

/* Lock held, released meanwhile. */
static void beat(lk_heartbeat *h, lk_held *held)
{
    held->in_use = true;
    pthread_mutex_unlock(&h->lock);
    bool keep = extend(h, held);
    pthread_mutex_lock(&h->lock);
    held->in_use = false;
    held->next_at_ms = keep ? lk_mono_ms() + interval_ms(h) : INT64_MAX;
    pthread_cond_broadcast(&h->changed);
}

static void *heartbeat_main(void *arg)
{
    lk_heartbeat *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping) {
        lk_held *next = find_next(h);
        if (!next || next->next_at_ms == INT64_MAX)
            lk_cond_wait(&h->changed, &h->lock, -1);
        else if (next->next_at_ms > lk_mono_ms())
            lk_cond_wait(&h->changed, &h->lock, next->next_at_ms);
        else
            beat(h, next);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* --- Holding -------------------------------------------------------------------------------- */

void lk_heartbeat_hold(lk_heartbeat *h, const lk_message *message, lk_held *held)
{
    if (!h)
        return;
    *held = (lk_held){.receipt_handle = message->receipt_handle,
                      .message_id = message->message_id,
                      .next_at_ms = lk_mono_ms() + interval_ms(h)};
    pthread_mutex_lock(&h->lock);
    held->next = h->held;
    h->held = held;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

void lk_heartbeat_let_go(lk_heartbeat *h, lk_held *held)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    while (held->in_use)
        lk_cond_wait(&h->changed, &h->lock, -1);
    lk_held **link = &h->held;
    while (*link != held)
        link = &(*link)->next;
    *link = held->next;
    pthread_mutex_unlock(&h->lock);
}

/* --- Life ----------------------------------------------------------------------------------- */

int lk_heartbeat_start(const lk_mapping_facts *facts, const lk_client_options *client,
                       int64_t visibility_s, lk_heartbeat **out, lk_err *err)
{
    *out = NULL;
    lk_heartbeat *h = calloc(1, sizeof(*h));
    if (!h)
        return LK_FAIL_NOMEM(err);
    h->facts = facts;
    h->visibility_s = visibility_s;
    pthread_mutex_init(&h->lock, NULL);
    int rc = lk_cond_init(&h->changed, err);
    h->client = rc == 0 ? lk_client_new(client, err) : NULL;
    if (rc == 0)
        rc = h->client ? lk_thread_start(&h->thread, heartbeat_main, h, err) : err->code;
    h->has_thread = rc == 0;
    if (rc != 0) {
        lk_heartbeat_stop(h);
        return rc;
    }
    *out = h;
    return 0;
}

void lk_heartbeat_stop(lk_heartbeat *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    if (h->has_thread)
        pthread_join(h->thread, NULL);
    lk_client_free(h->client);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
