/* SPDX-License-Identifier: MIT
 *
 * send_batch: many jobs in few calls, several of them on their way at once.
 *
 * Entries are laid out while earlier calls are out, ten a call and by bytes, as the outbox's
 * flights carry them: each with its own attempts and verdicts. A standard queue gets up to
 * FLIGHTS_MAX connections, so that round trips overlap; a FIFO queue one call at a time, or a later
 * one could overtake.
 *
 *     add_entry ──> filling ──depart──> flights ──land──> results
 *                                          ^ retries <──┘
 */
#include "send.h"

#include <string.h>

enum {
    FLIGHTS_MAX = 4,
    CALLS_PER_CONNECTION = 4, /* fewer are over before another connection is made */
    LONG_WAIT_MS = 60000
};

/* The state of one lk_send_batch. */
typedef struct batch_send {
    lk_client *client;
    lk_http *http;
    lk_queue *queue;
    lk_send_result *results;
    lk_flight *filling;              /* the call that entries are being added to; may be NULL */
    lk_flight *flights[FLIGHTS_MAX]; /* out, or resting before an attempt */
    size_t out;
    size_t width;       /* so many may be out */
    lk_flight *retries; /* of single entries, in order; they depart before anything new */
    lk_err stopped;     /* code LK_OK: go on */
} batch_send;

static size_t width_of(const lk_queue *queue, size_t count)
{
    size_t calls = (count + LK_ENTRIES_MAX - 1) / LK_ENTRIES_MAX;
    if (lk_queue_fifo(queue))
        return 1;
    return LK_MIN(LK_MAX(calls / CALLS_PER_CONNECTION, 1), (size_t)FLIGHTS_MAX);
}

/* --- Results -------------------------------------------------------------------------------- */

/* What failed one call for the connection, the credentials or an interrupt would fail the next ones
 * as well: they are not tried. What SQS has against a call's own entries says nothing of others. */
static bool stops_the_rest(const lk_err *err)
{
    return err->code != LK_OK && (err->code != LK_E_SERVICE || err->retriable) &&
           err->code != LK_E_CHECKSUM;
}

static void settle(batch_send *b, const lk_call *call)
{
    lk_send_result *result = &b->results[call->tag];
    lk_slice name = lk_queue_name(b->queue);
    result->err = call->err;
    result->sent = call->sent;
    if (result->err.code != LK_OK)
        lk_err_prefix(&result->err, "queue %.*s", LK_SLICE_FMT(name));
}

static void settle_all(batch_send *b, lk_flight *flight, const lk_err *err)
{
    for (size_t i = 0; i < flight->count; i++) {
        flight->calls[i]->err = *err;
        settle(b, flight->calls[i]);
    }
    lk_flight_free(b->client, flight, false);
}

static bool failed_whole(const lk_flight *flight)
{
    for (size_t i = 0; i < flight->count; i++) {
        if (!stops_the_rest(&flight->calls[i]->err) || flight->calls[i]->retry_at_ms >= 0)
            return false;
    }
    return true;
}

/* The calls of a landed flight: done, failed, or to be tried again, in their order and before
 * anything else. */
static void land(batch_send *b, lk_flight *flight)
{
    lk_flight **next = &b->retries;
    if (failed_whole(flight))
        b->stopped = flight->calls[0]->err;
    for (size_t i = 0; i < flight->count; i++) {
        lk_call *call = flight->calls[i];
        bool again = call->err.code != LK_OK && call->retry_at_ms >= 0;
        lk_flight *retry = again ? lk_flight_new_retry(flight, call) : NULL;
        if (retry) {
            retry->next = *next;
            *next = retry;
            next = &retry->next;
        } else { /* without memory for a retry its error stands */
            settle(b, call);
            lk_call_free(call);
        }
    }
    flight->count = 0; /* its calls have moved on */
    lk_flight_free(b->client, flight, false);
}

/* --- On the way ----------------------------------------------------------------------------- */

static void look(batch_send *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->out; i++) {
        lk_flight *flight = b->flights[i];
        if (lk_flight_look(b->client, flight) == LK_FLIGHT_LANDED)
            land(b, flight);
        else
            b->flights[kept++] = flight;
    }
    b->out = kept;
}

/* An interrupt ends all that has no verdict yet. */
static void cut_off(batch_send *b, const lk_err *err)
{
    b->stopped = *err;
    for (size_t i = 0; i < b->out; i++)
        settle_all(b, b->flights[i], err);
    b->out = 0;
}

static void wait_for_one(batch_send *b)
{
    lk_err err;
    int64_t wait_ms = LONG_WAIT_MS;
    for (size_t i = 0; i < b->out; i++)
        wait_ms = LK_MIN(wait_ms, lk_flight_idle_ms(b->client, b->flights[i]));
    int rc = lk_http_pump(b->http, wait_ms, &err);
    look(b);
    if (rc)
        cut_off(b, &err);
}

/* Puts the flight on its way. There is a place for it. */
static void depart(batch_send *b, lk_flight *flight)
{
    lk_err interrupted;
    if (b->stopped.code == LK_OK && lk_http_check_interrupt(b->http, &interrupted))
        cut_off(b, &interrupted);
    if (b->stopped.code != LK_OK)
        settle_all(b, flight, &b->stopped);
    else if (flight->attempts == 0 && lk_flight_start(b->client, flight) == LK_FLIGHT_LANDED)
        land(b, flight);
    else
        b->flights[b->out++] = flight; /* a retry starts when it has rested */
}

/* Makes a place for another flight. What is to be tried again goes first. */
static void make_place(batch_send *b)
{
    for (;;) {
        while (b->out >= b->width)
            wait_for_one(b);
        lk_flight *flight = b->retries;
        if (!flight)
            return;
        b->retries = flight->next;
        depart(b, flight);
    }
}

static void depart_filling(batch_send *b)
{
    lk_flight *flight = b->filling;
    b->filling = NULL;
    if (!flight)
        return;
    make_place(b);
    depart(b, flight);
}

/* --- Entries -------------------------------------------------------------------------------- */

/* Adds an entry to the call being filled, which departs first when the entry does not fit. An entry
 * that cannot be sent fails alone, before the network. */
static void add_entry(batch_send *b, const lk_send_entry *entry, size_t index)
{
    lk_err *err = &b->results[index].err;
    lk_call *call = lk_call_new_send(b->client, b->queue, entry->body, &entry->options, index, err);
    if (!call)
        return;
    if (b->filling && !lk_flight_fits(b->filling, call))
        depart_filling(b);
    if (!b->filling)
        b->filling = lk_flight_new(LK_OUTBOX_SEND, b->queue);
    if (b->filling && b->stopped.code == LK_OK) {
        lk_flight_add(b->filling, call);
        return;
    }
    call->err = b->stopped;
    if (b->stopped.code == LK_OK)
        LK_FAIL_NOMEM(&call->err);
    settle(b, call);
    lk_call_free(call);
}

static void collect_rest(batch_send *b)
{
    depart_filling(b);
    while (b->out > 0 || b->retries) {
        make_place(b);
        if (b->out > 0)
            wait_for_one(b);
    }
}

static int send_all(batch_send *b, const lk_options_array *entries, size_t count, lk_err *err)
{
    b->http = lk_client_http(b->client, err);
    int rc = b->http ? 0 : (err ? err->code : LK_E_NOMEM);
    if (!rc && lk_queue_fifo(b->queue))
        rc = lk_outbox_flush_queue(b->client, b->queue, -1, err);
    if (rc)
        return rc;
    memset(b->results, 0, count * sizeof(*b->results));
    b->width = width_of(b->queue, count);
    for (size_t i = 0; i < count; i++)
        add_entry(b, lk_options_array_at(entries, i), i);
    collect_rest(b);
    return 0;
}

static int send_batch(lk_client *client, lk_slice queue, const lk_send_entry *entries, size_t count,
                      lk_send_result *results, lk_err *err)
{
    batch_send b = {.client = client, .results = results};
    lk_options_array array;
    int rc = lk_options_array_of(entries, count, offsetof(lk_send_entry, options),
                                 sizeof(lk_send_options), "LK_SEND_OPTIONS_INIT", &array, err);
    if (!rc)
        rc = lk_queue_get(client, queue, &b.queue, err);
    return rc ? rc : send_all(&b, &array, count, err);
}

int lk_send_batch(lk_client *client, lk_slice queue, const lk_send_entry *entries, size_t count,
                  lk_send_result *results, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = count > 0 ? send_batch(client, queue, entries, count, results, err) : 0;
    lk_client_leave(client);
    return rc;
}
