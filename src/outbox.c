/* SPDX-License-Identifier: MIT
 *
 * outbox: which calls share a flight, and when it starts. See the header for the rules.
 *
 * Calls of one kind to one queue form a lane: those that wait, in order, and the flights that are
 * out or rest before a retry. Pumping reads the sockets, looks at every flight, and starts what its
 * lane allows.
 *
 *     lk_outbox_delete ──> lane.waiting ──start_lane──> lane.flights ──land──> done | failed
 */
#include "outbox.h"

#include <stdlib.h>

#define COALESCE_MS  20  /* how long a call waits for the answer to the one before it */
#define HANDSHAKE_MS 100 /* what a cold connection gets */
#define MAX_FLIGHTS  16  /* connections at once: a peer that does not answer gets no more */
#define LONG_WAIT_MS 60000

typedef struct call_list {
    lk_call *head;
    lk_call *tail;
} call_list;

typedef struct lane {
    struct lane *next;
    lk_outbox_kind kind;
    lk_queue *queue; /* owned by the client's queue cache */
    call_list waiting;
    lk_flight *flights;
    bool held; /* what waits can go only after a flight has landed */
} lane;

typedef struct outbox {
    lk_client *client;
    lane *lanes;
    call_list failed_settles;
    call_list failed_sends;
    lk_call *shown; /* the failure handed out last */
    size_t pending;
} outbox;

/* --- Lists ---------------------------------------------------------------------------------- */

static void list_push(call_list *list, lk_call *call)
{
    call->next = NULL;
    if (list->tail)
        list->tail->next = call;
    else
        list->head = call;
    list->tail = call;
}

static lk_call *list_pop(call_list *list)
{
    lk_call *call = list->head;
    if (!call)
        return NULL;
    list->head = call->next;
    if (!list->head)
        list->tail = NULL;
    call->next = NULL;
    return call;
}

static void list_clear(call_list *list)
{
    for (lk_call *call = list_pop(list); call; call = list_pop(list))
        lk_call_free(call);
}

/* --- State in the client -------------------------------------------------------------------- */

static void outbox_free(void *state, bool forked)
{
    outbox *o = state;
    while (o->lanes) {
        lane *l = o->lanes;
        o->lanes = l->next;
        while (l->flights) {
            lk_flight *flight = l->flights;
            l->flights = flight->next;
            lk_flight_free(o->client, flight, forked);
        }
        list_clear(&l->waiting);
        free(l);
    }
    list_clear(&o->failed_settles);
    list_clear(&o->failed_sends);
    lk_call_free(o->shown);
    free(o);
}

static outbox *outbox_of(const lk_client *client)
{
    return lk_client_slot_get(client, LK_SLOT_OUTBOX);
}

static outbox *outbox_make(lk_client *client, lk_err *err)
{
    outbox *o = outbox_of(client);
    if (o)
        return o;
    o = calloc(1, sizeof(*o));
    if (!o) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    o->client = client;
    lk_client_slot_set(client, LK_SLOT_OUTBOX, o, outbox_free);
    return o;
}

static lane *lane_of(outbox *o, lk_outbox_kind kind, lk_queue *queue, lk_err *err)
{
    for (lane *l = o->lanes; l; l = l->next) {
        if (l->kind == kind && l->queue == queue)
            return l;
    }
    lane *l = calloc(1, sizeof(*l));
    if (!l) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    l->kind = kind;
    l->queue = queue;
    l->next = o->lanes;
    o->lanes = l;
    return l;
}

static int64_t now_ms(const outbox *o)
{
    const lk_env *env = lk_client_env(o->client);
    return env->mono_ms(env->ctx);
}

static size_t count_out(const outbox *o)
{
    size_t count = 0;
    for (const lane *l = o->lanes; l; l = l->next) {
        for (const lk_flight *f = l->flights; f; f = f->next)
            count += f->pending != NULL;
    }
    return count;
}

/* --- Landing -------------------------------------------------------------------------------- */

static void finish_call(outbox *o, lk_call *call)
{
    o->pending--;
    if (call->err.code == LK_OK)
        lk_call_free(call);
    else
        list_push(call->kind == LK_OUTBOX_SEND ? &o->failed_sends : &o->failed_settles, call);
}

static void retry_alone(outbox *o, lane *l, const lk_flight *landed, lk_call *call)
{
    lk_flight *flight = lk_flight_new_retry(landed, call);
    if (!flight) {
        LK_FAIL_NOMEM(&call->err);
        finish_call(o, call);
        return;
    }
    flight->next = l->flights;
    l->flights = flight;
}

static void land(outbox *o, lane *l, lk_flight *flight)
{
    for (size_t i = 0; i < flight->count; i++) {
        lk_call *call = flight->calls[i];
        if (call->err.code != LK_OK && call->retry_at_ms >= 0)
            retry_alone(o, l, flight, call);
        else
            finish_call(o, call);
    }
    flight->count = 0; /* its calls have moved on */
    lk_flight_free(o->client, flight, false);
}

static void look_at_flights(outbox *o, lane *l)
{
    lk_flight *flights = l->flights;
    l->flights = NULL;
    while (flights) {
        lk_flight *flight = flights;
        flights = flight->next;
        if (lk_flight_look(o->client, flight) == LK_FLIGHT_LANDED) {
            land(o, l, flight);
        } else {
            flight->next = l->flights;
            l->flights = flight;
        }
    }
}

/* --- Starting ------------------------------------------------------------------------------- */

/* Milliseconds until the lane may start another flight; 0: now. */
static int64_t lane_wait_ms(const outbox *o, const lane *l)
{
    int64_t wait_ms = 0;
    for (const lk_flight *f = l->flights; f; f = f->next) {
        if (!f->pending)
            continue; /* it rests: no answer is about to come */
        if (f->written_at_ms < 0)
            wait_ms = COALESCE_MS; /* still connecting: a second connection would be no faster */
        else
            wait_ms = LK_MAX(wait_ms, f->written_at_ms + COALESCE_MS - now_ms(o));
    }
    return wait_ms;
}

static bool holds_group(const lk_flight *flight, const lk_call *call)
{
    for (size_t i = 0; i < flight->count; i++) {
        if (lk_slice_equal(lk_buf_slice(&flight->calls[i]->group), lk_buf_slice(&call->group)))
            return true;
    }
    return false;
}

/* A send of its FIFO group has no verdict yet, in the lane or in the flight being filled: it could
 * still fail and be overtaken. */
static bool group_is_out(const lane *l, const lk_flight *filling, const lk_call *call)
{
    if (call->group.len == 0)
        return false;
    for (const lk_flight *f = l->flights; f; f = f->next) {
        if (holds_group(f, call))
            return true;
    }
    return holds_group(filling, call);
}

/* Moves as many waiting calls into the flight as may go together, in order. */
static void fill_flight(lane *l, lk_flight *flight)
{
    call_list rest = {0};
    bool full = false;
    for (lk_call *call = list_pop(&l->waiting); call; call = list_pop(&l->waiting)) {
        full = full || !lk_flight_fits(flight, call);
        if (full || group_is_out(l, flight, call))
            list_push(&rest, call);
        else
            lk_flight_add(flight, call);
    }
    l->waiting = rest;
}

static int start_lane(outbox *o, lane *l, lk_err *err)
{
    l->held = false;
    while (l->waiting.head && lane_wait_ms(o, l) == 0) {
        lk_flight *flight = count_out(o) < MAX_FLIGHTS ? lk_flight_new(l->kind, l->queue) : NULL;
        if (!flight) {
            l->held = true;
            return count_out(o) < MAX_FLIGHTS ? LK_FAIL_NOMEM(err) : 0;
        }
        fill_flight(l, flight);
        if (flight->count == 0) { /* every FIFO group is out already */
            lk_flight_free(o->client, flight, false);
            l->held = true;
            return 0;
        }
        flight->next = l->flights;
        l->flights = flight;
        if (lk_flight_start(o->client, flight) == LK_FLIGHT_LANDED) {
            l->flights = flight->next;
            land(o, l, flight);
        }
    }
    return 0;
}

/* What an answer in hand allows: looks at every flight, starts what waits. */
static int advance(outbox *o, lk_err *err)
{
    int rc = 0;
    for (lane *l = o->lanes; l; l = l->next) {
        look_at_flights(o, l);
        lk_err one;
        int lane_rc = start_lane(o, l, &one);
        if (lane_rc && !rc) {
            rc = lane_rc;
            if (err)
                *err = one;
        }
    }
    return rc;
}

/* Waits up to wait_ms for the sockets, then advances. An interrupt is reported after that: what has
 * arrived is not thrown away for it. */
static int pump(outbox *o, int64_t wait_ms, lk_err *err)
{
    lk_http *http = lk_client_http(o->client, err);
    if (!http)
        return err ? err->code : LK_E_NOMEM;
    lk_err advance_err;
    int rc = lk_http_pump(http, wait_ms, err);
    int advance_rc = advance(o, &advance_err);
    if (!rc && advance_rc) {
        rc = advance_rc;
        if (err)
            *err = advance_err;
    }
    return rc;
}

/* --- Taking calls --------------------------------------------------------------------------- */

static const lk_flight *only_unwritten_flight(const outbox *o)
{
    const lk_flight *found = NULL;
    for (const lane *l = o->lanes; l; l = l->next) {
        for (const lk_flight *f = l->flights; f; f = f->next) {
            if (!f->pending || lk_sqs_written(f->pending) || lk_sqs_finished(f->pending))
                continue;
            if (found)
                return NULL;
            found = f;
        }
    }
    return found;
}

/* On a cold connection the first perform sends nothing: without a moment to connect, the call would
 * leave only when somebody pumps again, after the next job. Only one call at a time gets it, or a
 * peer that is gone would cost 100 ms a call. An interrupt ends it; the call is taken all the same.
 */
static void give_handshake(outbox *o)
{
    lk_http *http = lk_client_http(o->client, NULL);
    int64_t until_ms = now_ms(o) + HANDSHAKE_MS;
    for (int64_t left_ms = HANDSHAKE_MS; http && left_ms > 0; left_ms = until_ms - now_ms(o)) {
        if (!only_unwritten_flight(o) || lk_http_pump(http, left_ms, NULL))
            break;
    }
    lk_err ignored; /* lack of memory shows at the next pump */
    (void)advance(o, &ignored);
}

static void drop_shown(outbox *o)
{
    lk_call_free(o->shown);
    o->shown = NULL;
}

/* Takes the call over, also when it fails. */
static int take_call(lk_client *client, lk_queue *queue, lk_call *call, lk_err *err)
{
    const lk_buf *texts[] = {&call->members, &call->message_id, &call->body, &call->group};
    int rc = 0;
    for (size_t i = 0; i < LK_COUNT(texts) && !rc; i++)
        rc = lk_buf_check(texts[i], err);
    outbox *o = rc ? NULL : outbox_make(client, err);
    lane *l = o ? lane_of(o, call->kind, queue, err) : NULL;
    if (!l) {
        lk_call_free(call);
        return rc ? rc : LK_E_NOMEM;
    }
    drop_shown(o);
    list_push(&l->waiting, call);
    o->pending++;
    bool was_connecting = only_unwritten_flight(o) != NULL;
    lk_err ignored; /* a failure of the pump is not one of this call, which is taken */
    (void)pump(o, 0, &ignored);
    if (!was_connecting && only_unwritten_flight(o))
        give_handshake(o);
    return 0;
}

static void add_text_member(lk_buf *out, const char *name, lk_slice value)
{
    lk_buf_addf(out, "\"%s\":", name);
    lk_json_write_string(out, value);
}

int lk_outbox_delete(lk_client *client, lk_queue *queue, lk_slice receipt_handle,
                     lk_slice message_id, uint64_t tag, lk_err *err)
{
    lk_call *call = lk_call_new(LK_OUTBOX_DELETE, tag, err);
    if (!call)
        return LK_E_NOMEM;
    add_text_member(&call->members, "ReceiptHandle", receipt_handle);
    lk_buf_add(&call->message_id, message_id);
    return take_call(client, queue, call, err);
}

int lk_outbox_visibility(lk_client *client, lk_queue *queue, lk_slice receipt_handle,
                         int64_t visibility_s, lk_slice message_id, uint64_t tag, lk_err *err)
{
    lk_call *call = lk_call_new(LK_OUTBOX_VISIBILITY, tag, err);
    if (!call)
        return LK_E_NOMEM;
    add_text_member(&call->members, "ReceiptHandle", receipt_handle);
    lk_buf_add_str(&call->members, ",\"VisibilityTimeout\":");
    lk_buf_add_int64(&call->members, visibility_s);
    lk_buf_add(&call->message_id, message_id);
    return take_call(client, queue, call, err);
}

int lk_outbox_send(lk_client *client, lk_queue *queue, lk_slice body,
                   const lk_send_options *options, uint64_t tag, lk_err *err)
{
    lk_err failure; /* read here, so err may be NULL */
    lk_call *call = lk_call_new_send(client, queue, body, options, tag, &failure);
    if (!call) {
        if (err)
            *err = failure;
        return failure.code;
    }
    lk_buf_add(&call->body, body);
    if (lk_queue_fifo(queue) && options)
        lk_buf_add(&call->group,
                   options->message_group_id.len ? options->message_group_id : options->job_id);
    return take_call(client, queue, call, err);
}

/* --- Collecting ----------------------------------------------------------------------------- */

/* A FIFO queue that was given once by name and once by URL is one: its order counts. */
static bool is_same_queue(const lk_queue *a, const lk_queue *b)
{
    return a == b || (lk_queue_fifo(a) && lk_slice_equal(lk_queue_name(a), lk_queue_name(b)));
}

/* Counts the calls without a verdict: all, or the sends to one queue. */
static size_t count_pending(const outbox *o, const lk_queue *sends_to)
{
    if (!sends_to)
        return o->pending;
    size_t count = 0;
    for (const lane *l = o->lanes; l; l = l->next) {
        if (l->kind != LK_OUTBOX_SEND || !is_same_queue(l->queue, sends_to))
            continue;
        for (const lk_call *call = l->waiting.head; call; call = call->next)
            count++;
        for (const lk_flight *f = l->flights; f; f = f->next)
            count += f->count;
    }
    return count;
}

/* Milliseconds until something is to be done even if no socket stirs; 0: now. */
static int64_t idle_ms(const outbox *o)
{
    int64_t wait_ms = LONG_WAIT_MS;
    for (const lane *l = o->lanes; l; l = l->next) {
        if (l->waiting.head && !l->held)
            wait_ms = LK_MIN(wait_ms, lane_wait_ms(o, l));
        for (const lk_flight *f = l->flights; f; f = f->next)
            wait_ms = LK_MIN(wait_ms, lk_flight_idle_ms(o->client, f));
    }
    return wait_ms;
}

static int flush(outbox *o, const lk_queue *sends_to, int64_t deadline_mono_ms, lk_err *err)
{
    /* The first look comes before any judgement: all may be answered already. */
    int rc = pump(o, 0, err);
    while (!rc && count_pending(o, sends_to) > 0) {
        int64_t wait_ms = idle_ms(o);
        if (deadline_mono_ms >= 0) {
            int64_t left_ms = deadline_mono_ms - now_ms(o);
            if (left_ms <= 0 && wait_ms > 0)
                return LK_FAIL(err, LK_E_TIMEOUT, "%zu calls to SQS are not answered yet",
                               count_pending(o, sends_to));
            wait_ms = LK_MIN(wait_ms, LK_MAX(left_ms, 0));
        }
        rc = pump(o, wait_ms, err);
    }
    return rc;
}

int lk_outbox_pump(lk_client *client, lk_err *err)
{
    outbox *o = outbox_of(client);
    return o ? pump(o, 0, err) : 0;
}

int lk_outbox_flush(lk_client *client, int64_t deadline_mono_ms, lk_err *err)
{
    outbox *o = outbox_of(client);
    if (!o)
        return 0;
    drop_shown(o);
    return flush(o, NULL, deadline_mono_ms, err);
}

int lk_outbox_flush_queue(lk_client *client, const lk_queue *queue, int64_t deadline_mono_ms,
                          lk_err *err)
{
    outbox *o = outbox_of(client);
    if (!o || count_pending(o, queue) == 0)
        return 0;
    drop_shown(o);
    return flush(o, queue, deadline_mono_ms, err);
}

static void give_up_call(outbox *o, lk_call *call, bool written)
{
    lk_err_set(&call->err, LK_E_TIMEOUT, "the job %s when the process had to end",
               written ? "was sent and not answered yet (it may have been accepted)"
                       : "was not sent yet");
    finish_call(o, call);
}

static void give_up_lane(outbox *o, lane *l)
{
    while (l->flights) {
        lk_flight *flight = l->flights;
        l->flights = flight->next;
        for (size_t i = 0; i < flight->count; i++)
            give_up_call(o, flight->calls[i], flight->attempts > 0);
        flight->count = 0; /* its calls have moved on */
        lk_flight_free(o->client, flight, false);
    }
    for (lk_call *call = list_pop(&l->waiting); call; call = list_pop(&l->waiting))
        give_up_call(o, call, false);
}

void lk_outbox_give_up_sends(lk_client *client)
{
    outbox *o = outbox_of(client);
    for (lane *l = o ? o->lanes : NULL; l; l = l->next) {
        if (l->kind == LK_OUTBOX_SEND)
            give_up_lane(o, l);
    }
}

int lk_outbox_sleep(lk_client *client, int64_t wait_ms, lk_err *err)
{
    outbox *o = outbox_make(client, err);
    if (!o)
        return LK_E_NOMEM;
    int64_t until_ms = now_ms(o) + wait_ms;
    int rc = 0;
    for (int64_t left_ms = wait_ms; !rc && left_ms > 0; left_ms = until_ms - now_ms(o))
        rc = pump(o, LK_MIN(left_ms, idle_ms(o)), err);
    return rc;
}

size_t lk_outbox_pending(const lk_client *client)
{
    const outbox *o = outbox_of(client);
    return o ? o->pending : 0;
}

bool lk_outbox_unsettled(const lk_client *client, uint64_t tag)
{
    const outbox *o = outbox_of(client);
    for (const lane *l = o ? o->lanes : NULL; l; l = l->next) {
        if (l->kind == LK_OUTBOX_SEND)
            continue;
        for (const lk_call *call = l->waiting.head; call; call = call->next) {
            if (call->tag == tag)
                return true;
        }
        for (const lk_flight *f = l->flights; f; f = f->next) {
            for (size_t i = 0; i < f->count; i++) {
                if (f->calls[i]->tag == tag)
                    return true;
            }
        }
    }
    return false;
}

bool lk_outbox_failure(lk_client *client, bool sends, lk_outbox_failure_info *info)
{
    outbox *o = outbox_of(client);
    if (!o)
        return false;
    drop_shown(o);
    lk_call *call = list_pop(sends ? &o->failed_sends : &o->failed_settles);
    if (!call)
        return false;
    o->shown = call;
    *info = (lk_outbox_failure_info){.kind = call->kind,
                                     .tag = call->tag,
                                     .message_id = lk_buf_slice(&call->message_id),
                                     .body = lk_buf_slice(&call->body),
                                     .err = call->err};
    return true;
}
