/* SPDX-License-Identifier: MIT
 *
 * outbox_flight: one request of the outbox on its way: a single call, or up to ten as a …Batch.
 *
 * A flight is out (an attempt waits for its answer), rests (until the next attempt), or has landed
 * (each of its calls has a verdict). It knows how to write the request, how to read the answer
 * entry by entry, when an attempt is late and whether to try again. Which calls share a flight and
 * when it may start is the outbox's business.
 */
#ifndef LK_OUTBOX_FLIGHT_H
#define LK_OUTBOX_FLIGHT_H

#include "entries.h"
#include "message.h"
#include "report.h"

typedef enum lk_outbox_kind {
    LK_OUTBOX_DELETE,
    LK_OUTBOX_VISIBILITY,
    LK_OUTBOX_SEND
} lk_outbox_kind;

/* One call, all text its own. */
typedef struct lk_call {
    struct lk_call *next;
    lk_outbox_kind kind;
    uint64_t tag;
    lk_buf members;    /* the JSON members of the single action = of a batch entry without Id */
    size_t size_bytes; /* of a send, by SQS's rule */
    lk_sqs_digests digests; /* of a send */
    lk_buf message_id;      /* settle calls */
    lk_buf body;            /* sends */
    lk_buf group;           /* sends to a FIFO queue: what keeps its order; else empty */
    lk_err err;             /* the verdict; code LK_OK: done */
    lk_sent sent;           /* of a send that is done */
    int64_t retry_at_ms;    /* with an error: when to try it again, alone; -1: failed for good */
} lk_call;

lk_call *lk_call_new(lk_outbox_kind kind, uint64_t tag, lk_err *err); /* NULL: out of memory */
/* The send of a job, its message made. body: borrowed, the call does not keep it. NULL: the job
 * cannot be sent, err says why. */
lk_call *lk_call_new_send(lk_client *client, const lk_queue *queue, lk_slice body,
                          const lk_send_options *options, uint64_t tag, lk_err *err);
void lk_call_free(lk_call *call); /* accepts NULL */

typedef struct lk_flight {
    struct lk_flight *next;
    lk_outbox_kind kind;
    lk_queue *queue;
    lk_call *calls[LK_ENTRIES_MAX];
    size_t count;
    int attempts;             /* made so far, the one that is out included */
    lk_sqs_pending *pending;  /* NULL: rests */
    lk_buf sent_to;           /* QueueUrl of the last attempt */
    bool relocated;           /* started over once because the queue's URL became known */
    lk_call_info info;        /* of the last attempt that was answered */
    int64_t departed_at_ms;   /* monotonic, first attempt; -1 not yet */
    int64_t resume_at_ms;     /* monotonic, while it rests */
    int64_t written_at_ms;    /* monotonic, when it was seen written; -1 not yet */
    int64_t overdue_since_ms; /* monotonic, first look after its time was up; -1 */
} lk_flight;

typedef enum lk_flight_state { LK_FLIGHT_OUT, LK_FLIGHT_RESTING, LK_FLIGHT_LANDED } lk_flight_state;

lk_flight *lk_flight_new(lk_outbox_kind kind, lk_queue *queue); /* NULL: out of memory */
/* forked: the attempt belongs to the parent process and is left alone. Frees its calls too. */
void lk_flight_free(lk_client *client, lk_flight *flight, bool forked);
bool lk_flight_fits(const lk_flight *flight, const lk_call *call);
void lk_flight_add(lk_flight *flight, lk_call *call); /* takes the call over */
/* A flight for one call of a landed one that is to be tried again: it flies alone, so that what
 * ails it cannot ail others, and keeps the number of attempts made. NULL: out of memory, the call
 * is still the caller's. */
lk_flight *lk_flight_new_retry(const lk_flight *landed, lk_call *call);

/* Makes the next attempt. */
lk_flight_state lk_flight_start(lk_client *client, lk_flight *flight);
/* Looks at a flight after the sockets were read: collects its answer, calls it late, starts the
 * next attempt when it has rested. */
lk_flight_state lk_flight_look(lk_client *client, lk_flight *flight);
/* Milliseconds until a look may find something new without an answer coming in; 0: a look is due.
 */
int64_t lk_flight_idle_ms(lk_client *client, const lk_flight *flight);

#endif
