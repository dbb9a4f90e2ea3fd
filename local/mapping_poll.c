/* SPDX-License-Identifier: MIT
 *
 * mapping_poll: the pollers of a mapping and the gate that holds them back while the clock moves.
 *
 * A poller takes messages only when a worker is promised to it; how many poll, and with it the
 * number of invocations and of worker processes, follows the backlog (mapping_scale). When the
 * mapping pauses or stops, batches go as far as they are filled, the local server is asked to
 * answer the long polls, and nothing is cut off. On SQS itself they are interrupted: an answer on
 * its way then may hold messages, which come back when their visibility timeout ends, one receive
 * poorer.
 */
#include "mapping_batch.h"
#include "mapping_event.h"
#include "mapping_gather.h"
#include "mapping_heartbeat.h"
#include "mapping_scale.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

enum {
    POLL_WAIT_S = 20,
    RECEIVE_MAX = 10,
    BATCH_MAX = 10000,
    WINDOW_MAX_S = 300,
    RESERVE_WAIT_MS = 200, /* how often a poller without a worker looks whether to stop */
    RETRY_FIRST_MS = 250,
    RETRY_MAX_MS = 10000,
    VISIBILITY_DEFAULT_S = 30, /* a queue's that does not say */
    VISIBILITY_MARGIN_S = 30,  /* for the way to the function and the deletes after it */
    HEARTBEAT_MIN_S = 3,       /* a shorter timeout may end between two extensions */
    END_POLLS_EVERY_MS = 20,   /* a poll may reach the server just after it ended the others */
    END_POLLS_FOR_MS = 2000    /* a server that does not answer must not keep us from stopping */
};

typedef struct poller {
    lk_mapping *mapping;
    pthread_t thread;
    bool has_thread;
    lk_client *receiver; /* interrupted at any time */
    lk_client *settler;  /* never interrupted: deletes finish */
    int failures;        /* receives in a row that failed */
    int64_t began_ms;    /* mono ms: the first receive of its latest batch */
} poller;

struct lk_mapping {
    lk_mapping_facts facts;
    int batch_size;
    int visibility_s; /* of each receive; -1: the queue's */
    void (*lost)(void *ctx, const lk_err *err);
    void *lost_ctx;
    bool is_lost;                 /* has been told; guarded by the lock */
    void (*end_polls)(void *ctx); /* NULL: polls are interrupted */
    void *end_polls_ctx;
    poller *pollers;      /* as many as scale.count */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    lk_scale scale;
    bool paused;
    int64_t trouble_since_ms; /* mono ms: receives fail, which has been said; 0: they do not */
    size_t active;            /* pollers between receive and the last delete */
};

/* --- Gate ----------------------------------------------------------------------------------- */

static size_t index_of(const poller *p)
{
    return (size_t)(p - p->mapping->pollers);
}

/* Lock held. */
static lk_scale_poller *state_of(const poller *p)
{
    return &p->mapping->scale.pollers[index_of(p)];
}

/* Waits until the poller is among those that are awake; false: the mapping stops. */
static bool wait_for_turn(const poller *p)
{
    lk_mapping *m = p->mapping;
    pthread_mutex_lock(&m->lock);
    while (!lk_scale_may_poll(&m->scale, index_of(p)) && !m->facts.stopping)
        lk_cond_wait(&m->changed, &m->lock, -1);
    bool go_on = !m->facts.stopping;
    pthread_mutex_unlock(&m->lock);
    return go_on;
}

static void scale(const poller *p, bool found)
{
    lk_mapping *m = p->mapping;
    pthread_mutex_lock(&m->lock);
    if (!found)
        lk_scale_found_nothing(&m->scale, index_of(p));
    else if (lk_scale_found(&m->scale, index_of(p)))
        pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

/* Waits while the mapping is paused; false: it stops. */
static bool enter(poller *p)
{
    lk_mapping *m = p->mapping;
    pthread_mutex_lock(&m->lock);
    while (m->paused && !m->facts.stopping)
        lk_cond_wait(&m->changed, &m->lock, -1);
    bool go_on = !m->facts.stopping;
    if (go_on) {
        m->active++;
        state_of(p)->receiving = true;
    }
    pthread_mutex_unlock(&m->lock);
    return go_on;
}

/* Before another receive for the same batch; false: there is none, the mapping is to pause. */
static bool receive_again(poller *p)
{
    lk_mapping *m = p->mapping;
    pthread_mutex_lock(&m->lock);
    bool go_on = !m->paused && !m->facts.stopping;
    state_of(p)->receiving = go_on;
    pthread_mutex_unlock(&m->lock);
    return go_on;
}

static void received(poller *p)
{
    pthread_mutex_lock(&p->mapping->lock);
    state_of(p)->receiving = false;
    pthread_cond_broadcast(&p->mapping->changed);
    pthread_mutex_unlock(&p->mapping->lock);
}

static void leave(poller *p)
{
    pthread_mutex_lock(&p->mapping->lock);
    p->mapping->active--;
    state_of(p)->working = false;
    pthread_cond_broadcast(&p->mapping->changed);
    pthread_mutex_unlock(&p->mapping->lock);
}

static bool any_receiving(const lk_mapping *m)
{
    bool any = false;
    for (size_t i = 0; i < m->scale.count; i++)
        any = any || m->scale.pollers[i].receiving;
    return any;
}

/* Lock held. A poll that has not begun ends at once when it does. */
static void interrupt_polls(lk_mapping *m)
{
    for (size_t i = 0; i < m->scale.count; i++)
        if (m->scale.pollers[i].receiving)
            lk_client_interrupt(m->pollers[i].receiver);
}

/* Lock held, released meanwhile. One step of waiting, until `until` at most, for polls to end. */
static void wait_for_polls(lk_mapping *m, int64_t until)
{
    if (m->end_polls && any_receiving(m)) {
        pthread_mutex_unlock(&m->lock);
        m->end_polls(m->end_polls_ctx);
        pthread_mutex_lock(&m->lock);
        until = LK_MIN(until, lk_mono_ms() + END_POLLS_EVERY_MS);
    }
    if (any_receiving(m) || m->active > 0)
        lk_cond_wait(&m->changed, &m->lock, until);
}

bool lk_mapping_pause(lk_mapping *m, int64_t wait_ms)
{
    int64_t until = lk_mono_ms() + wait_ms;
    pthread_mutex_lock(&m->lock);
    m->paused = true;
    if (!m->end_polls)
        interrupt_polls(m);
    while (m->active > 0 && !m->facts.stopping && lk_mono_ms() < until)
        wait_for_polls(m, until);
    bool quiet = m->active == 0;
    if (!quiet) {
        m->paused = false;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    return quiet;
}

void lk_mapping_resume(lk_mapping *m)
{
    pthread_mutex_lock(&m->lock);
    m->paused = false;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

/* --- Polling -------------------------------------------------------------------------------- */

/* Another receive would end the same way. Not every server spells the codes as AWS does. */
static bool is_final(const lk_err *err)
{
    static const char *const codes[] = {"AWS.SimpleQueueService.NonExistentQueue",
                                        "QueueDoesNotExist", "AccessDenied",
                                        "AccessDeniedException"};
    for (size_t i = 0; i < LK_COUNT(codes); i++)
        if (strcmp(err->aws_code, codes[i]) == 0 || strcmp(err->aws_type, codes[i]) == 0)
            return true;
    return false;
}

static void tell_lost(lk_mapping *m, const lk_err *err)
{
    pthread_mutex_lock(&m->lock);
    bool first = !m->is_lost;
    m->is_lost = true;
    pthread_mutex_unlock(&m->lock);
    if (first)
        m->lost(m->lost_ctx, err);
}

/* Receives fail, as one of them says; true: they did not before. */
static bool begin_trouble(lk_mapping *m)
{
    pthread_mutex_lock(&m->lock);
    bool first = m->trouble_since_ms == 0;
    if (first)
        m->trouble_since_ms = lk_mono_ms();
    pthread_mutex_unlock(&m->lock);
    return first;
}

/* One that began at began_ms was answered; true: that ends the trouble. */
static bool end_trouble(lk_mapping *m, int64_t began_ms)
{
    pthread_mutex_lock(&m->lock);
    bool over = m->trouble_since_ms > 0 && began_ms > m->trouble_since_ms;
    if (over)
        m->trouble_since_ms = 0;
    pthread_mutex_unlock(&m->lock);
    return over;
}

/* Says it once for all pollers, then waits, longer each time. */
static void handle_failure(poller *p, const lk_err *err)
{
    lk_mapping *m = p->mapping;
    int64_t delay_ms = RETRY_FIRST_MS;
    for (int i = 0; i < p->failures && delay_ms < RETRY_MAX_MS; i++)
        delay_ms *= 2;
    p->failures++;
    if (begin_trouble(m))
        lk_function_log(m->facts.function,
                        "lambdakiq: cannot receive from %s, will keep trying: %s",
                        m->facts.queue_url, err->message);
    int64_t until = lk_mono_ms() + LK_MIN(delay_ms, RETRY_MAX_MS);
    pthread_mutex_lock(&m->lock);
    while (!m->facts.stopping && lk_mono_ms() < until)
        lk_cond_wait(&m->changed, &m->lock, until);
    pthread_mutex_unlock(&m->lock);
}

static void handle_success(poller *p)
{
    if (end_trouble(p->mapping, p->began_ms))
        lk_function_log(p->mapping->facts.function, "lambdakiq: receiving from %s again",
                        p->mapping->facts.queue_url);
    p->failures = 0;
}

static int receive(const poller *p, int max_messages, int64_t wait_s, lk_gathered *gathered,
                   lk_err *err)
{
    lk_messages *answer = NULL;
    int rc = lk_receive(p->receiver, lk_slice_of(p->mapping->facts.queue_url),
                        LK_MIN(max_messages, RECEIVE_MAX), (int)LK_MIN(wait_s, POLL_WAIT_S),
                        p->mapping->visibility_s, &answer, err);
    return rc == 0 ? lk_gathered_add(gathered, answer, err) : rc;
}

/* Goes on receiving until the batch is full, by number or by bytes, or its window is over. Also
 * when the mapping is to pause or stop: what is there is worked on. */
static int fill_batch(poller *p, lk_gathered *gathered, lk_err *err)
{
    const lk_mapping *m = p->mapping;
    int64_t until = lk_mono_ms() + (int64_t)m->facts.window_s * 1000;
    int rc = 0;
    while (rc == 0 && gathered->count < (size_t)m->batch_size &&
           gathered->bytes < LK_EVENT_MAX_BYTES) {
        int64_t left_ms = until - lk_mono_ms();
        if (left_ms <= 0 || !receive_again(p))
            break;
        rc =
            receive(p, m->batch_size - (int)gathered->count, (left_ms + 999) / 1000, gathered, err);
        received(p);
    }
    return rc == LK_E_INTERRUPTED ? 0 : rc;
}

/* One batch, from the first receive to the last delete; uses up the reservation. */
static int poll_once(poller *p, lk_err *err)
{
    const lk_mapping *m = p->mapping;
    lk_gathered gathered = {0};
    p->began_ms = lk_mono_ms();
    int rc = receive(p, m->batch_size, POLL_WAIT_S, &gathered, err);
    int64_t received_ms = lk_mono_ms();
    received(p);
    if (rc == 0 && gathered.count > 0)
        rc = fill_batch(p, &gathered, err);
    if (rc == 0 || gathered.count > 0)
        scale(p, gathered.count > 0);
    if (gathered.count > 0)
        lk_mapping_batch(&m->facts, p->settler, gathered.messages, gathered.count, received_ms);
    else
        lk_function_release(m->facts.function);
    lk_gathered_clear(&gathered);
    return rc;
}

/* False: the mapping or the function stops. */
static bool reserve_worker(poller *p)
{
    lk_mapping *m = p->mapping;
    lk_invoke_status status;
    do {
        status = lk_function_reserve(m->facts.function, RESERVE_WAIT_MS);
    } while (status == LK_INVOKE_THROTTLED && !atomic_load(&m->facts.stopping));
    return status == LK_INVOKE_OK;
}

static void *poller_main(void *arg)
{
    poller *p = arg;
    lk_err err;
    while (wait_for_turn(p) && reserve_worker(p)) {
        if (!enter(p)) {
            lk_function_release(p->mapping->facts.function);
            break;
        }
        int rc = poll_once(p, &err);
        leave(p);
        if (rc == 0)
            handle_success(p);
        else if (p->mapping->lost && is_final(&err))
            return tell_lost(p->mapping, &err), NULL;
        else if (rc != LK_E_INTERRUPTED)
            handle_failure(p, &err);
    }
    return NULL;
}

/* --- Start and stop ------------------------------------------------------------------------- */

/* visibility_s: the queue's; < 0 unknown. */
static int keep_hidden(lk_mapping *m, const lk_client_options *client, int64_t visibility_s,
                       lk_err *err)
{
    int64_t whole_s =
        lk_function_timeout_ms(m->facts.function) / 1000 + m->facts.window_s + VISIBILITY_MARGIN_S;
    if (visibility_s >= whole_s)
        return 0;
    if (m->batch_size > 1) {
        m->facts.visibility_s = m->visibility_s = (int)LK_MIN(whole_s, LK_MAX_VISIBILITY_S);
        return 0;
    }
    if (visibility_s < HEARTBEAT_MIN_S)
        m->visibility_s = HEARTBEAT_MIN_S;
    return lk_heartbeat_start(&m->facts, client, LK_MAX(visibility_s, HEARTBEAT_MIN_S),
                              &m->facts.heartbeat, err);
}

/* A message must not come back while its job still runs. AWS refuses the mapping then. */
static int check_visibility(lk_mapping *m, lk_client *client, const lk_mapping_options *options,
                            lk_err *err)
{
    lk_queue_attributes attributes;
    int64_t timeout_ms = lk_function_timeout_ms(m->facts.function);
    int rc = lk_queue_attributes_get(client, lk_slice_of(m->facts.queue_url), 0, &attributes, err);
    if (rc != 0)
        return rc;
    int64_t visibility_ms = attributes.visibility_s * 1000;
    m->facts.visibility_s =
        attributes.visibility_s < 0 ? VISIBILITY_DEFAULT_S : attributes.visibility_s;
    if (options->keep_hidden)
        return keep_hidden(m, &options->client, attributes.visibility_s, err);
    if (attributes.visibility_s >= 0 && visibility_ms < timeout_ms)
        return LK_FAIL(err, LK_E_INVALID,
                       "Queue visibility timeout: %lld seconds is less than Function timeout: %lld "
                       "seconds; raise VisibilityTimeout of %s or lower the function's timeout",
                       (long long)attributes.visibility_s, (long long)timeout_ms / 1000,
                       m->facts.queue_url);
    return 0;
}

static int init_mapping(lk_mapping *m, const lk_mapping_options *o, lk_function *function,
                        lk_err *err)
{
    m->facts = (lk_mapping_facts){.queue_arn = strdup(o->queue_arn),
                                  .queue_url = strdup(o->queue_url),
                                  .region = strdup(o->region ? o->region : "us-east-1"),
                                  .function = function,
                                  .fifo = lk_queue_is_fifo(lk_slice_of(o->queue_arn)),
                                  .window_s = o->window_s,
                                  .report_batch_item_failures = o->report_batch_item_failures,
                                  .recursion_limit = o->recursion_limit};
    m->batch_size = o->batch_size;
    m->end_polls = o->end_polls;
    m->end_polls_ctx = o->end_polls_ctx;
    m->lost = o->lost;
    m->lost_ctx = o->lost_ctx;
    m->visibility_s = -1;
    pthread_mutex_init(&m->lock, NULL);
    int rc = lk_cond_init(&m->changed, err);
    if (rc == 0)
        rc = lk_filter_new(o->filter_patterns, o->filter_count, &m->facts.filter, err);
    if (rc == 0 && (!m->facts.queue_arn || !m->facts.queue_url || !m->facts.region ||
                    !lk_lineage_key(lk_function_arn(function), m->facts.lineage_key)))
        rc = LK_FAIL_NOMEM(err);
    return rc;
}

static int make_poller(poller *p, lk_mapping *m, const lk_client_options *client, lk_err *err)
{
    p->mapping = m;
    p->receiver = lk_client_new(client, err);
    p->settler = p->receiver ? lk_client_new(client, err) : NULL;
    return p->settler ? 0 : err->code;
}

/* All are there before the first begins, which wakes the others. */
static int start_pollers(lk_mapping *m, const lk_mapping_options *options, lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->scale.count; i++)
        rc = make_poller(&m->pollers[i], m, &options->client, err);
    if (rc == 0)
        rc = check_visibility(m, m->pollers[0].settler, options, err);
    for (size_t i = 0; rc == 0 && i < m->scale.count; i++) {
        poller *p = &m->pollers[i];
        rc = lk_thread_start(&p->thread, poller_main, p, err);
        p->has_thread = rc == 0;
    }
    return rc;
}

static int check_options(const lk_mapping_options *o, lk_err *err)
{
    if (!o->queue_arn || !o->queue_url)
        return LK_FAIL(err, LK_E_INVALID, "mapping: the queue's ARN and URL are needed");
    bool fifo = lk_queue_is_fifo(lk_slice_of(o->queue_arn));
    int batch_max = fifo ? RECEIVE_MAX : BATCH_MAX;
    if (o->batch_size < 1 || o->batch_size > batch_max)
        return LK_FAIL(err, LK_E_INVALID, "mapping: batch size is %d, must be 1 to %d%s",
                       o->batch_size, batch_max, fifo ? " for a FIFO queue" : "");
    if (o->window_s < 0 || o->window_s > WINDOW_MAX_S || (fifo && o->window_s > 0))
        return LK_FAIL(err, LK_E_INVALID, "mapping: batching window is %d s, must be %s",
                       o->window_s, fifo ? "0 for a FIFO queue" : "0 to 300");
    if (o->batch_size > RECEIVE_MAX && o->window_s == 0)
        return LK_FAIL(err, LK_E_INVALID,
                       "Maximum batch window in seconds must be greater than 0 if maximum batch "
                       "size is greater than %d",
                       RECEIVE_MAX);
    if (o->max_concurrency < 1 || o->recursion_limit < 0)
        return LK_FAIL(err, LK_E_INVALID,
                       "mapping: the concurrency or the recursion limit is too small");
    return 0;
}

int lk_mapping_start(const lk_mapping_options *options, lk_function *function, lk_mapping **out,
                     lk_err *err)
{
    lk_err own = {0};
    lk_err *why = err ? err : &own;
    *out = NULL;
    int rc = check_options(options, why);
    if (rc != 0)
        return rc;
    size_t count = (size_t)options->max_concurrency;
    lk_mapping *m = calloc(1, sizeof(*m));
    poller *pollers = calloc(count, sizeof(*pollers));
    lk_scale_poller *states = calloc(count, sizeof(*states));
    if (!m || !pollers || !states) {
        free(m);
        free(pollers);
        free(states);
        return LK_FAIL_NOMEM(why);
    }
    m->pollers = pollers;
    m->scale = (lk_scale){.pollers = states, .count = count, .awake = 1};
    rc = init_mapping(m, options, function, why);
    if (rc == 0)
        rc = start_pollers(m, options, why);
    if (rc != 0) {
        lk_mapping_stop(m);
        return rc;
    }
    *out = m;
    return 0;
}

void lk_mapping_quit(lk_mapping *m)
{
    pthread_mutex_lock(&m->lock);
    m->facts.stopping = true;
    if (!m->end_polls)
        interrupt_polls(m);
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static void finish_polls(lk_mapping *m)
{
    int64_t until = lk_mono_ms() + END_POLLS_FOR_MS;
    pthread_mutex_lock(&m->lock);
    while (any_receiving(m) && lk_mono_ms() < until)
        wait_for_polls(m, until);
    interrupt_polls(m);
    pthread_mutex_unlock(&m->lock);
}

void lk_mapping_stop(lk_mapping *m)
{
    if (!m)
        return;
    lk_mapping_quit(m);
    finish_polls(m);
    for (size_t i = 0; i < m->scale.count; i++) {
        poller *p = &m->pollers[i];
        if (p->has_thread)
            pthread_join(p->thread, NULL);
        lk_client_free(p->receiver);
        lk_client_free(p->settler);
    }
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    lk_heartbeat_stop(m->facts.heartbeat);
    lk_filter_free(m->facts.filter);
    free(m->facts.queue_arn);
    free(m->facts.queue_url);
    free(m->facts.region);
    free(m->scale.pollers);
    free(m->pollers);
    free(m);
}
