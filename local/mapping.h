/* SPDX-License-Identifier: MIT
 *
 * mapping: the event source mapping: polls a queue, batches, invokes the function, deletes what the
 * result says is done. It never shortens a visibility timeout: "keep" means do nothing.
 *
 * It reaches SQS through lambdakiq.h like any client, so that the same poller serves the local
 * server and a real queue. Behind this header: mapping_poll.c, mapping_scale.c, mapping_gather.c,
 * mapping_heartbeat.c, mapping_batch.c, mapping_invoke.c, mapping_event.c, mapping_result.c,
 * mapping_trace.c, mapping_facts.c, filter.c.
 */
#ifndef LK_LOCAL_MAPPING_H
#define LK_LOCAL_MAPPING_H

#include "function.h"

typedef struct lk_mapping lk_mapping;

typedef struct lk_mapping_options {
    const char *queue_arn; /* becomes eventSourceARN */
    const char *queue_url; /* where to poll */
    const char *region;
    lk_client_options client; /* for the pollers' clients */
    int batch_size;           /* 1..10000; above 10 only with a window; FIFO queues: 10 at most */
    int window_s;             /* 0..300: how long to fill a batch; FIFO queues: 0. The messages'
                                 visibility timeouts run meanwhile */
    bool report_batch_item_failures;
    const char *const *filter_patterns; /* see filter.h; NULL: none */
    size_t filter_count;
    int max_concurrency; /* most polls and invocations at once, >= 1. No more, over all mappings of
                            a function, than it has workers: each poll keeps one for itself, so that
                            no message is taken that nobody can work on. There is one at first;
                            each that finds messages calls for another, one that finds none for its
                            20 s goes */
    /* For a function that may take longer than the queue's visibility timeout, which Lambda would
     * refuse. With batch_size 1 messages are kept hidden while they are worked on; larger batches
     * are received with the function's timeout as theirs, since one cannot see from outside which
     * of their messages have got a timeout of their own by now (a retry's wait). */
    bool keep_hidden;
    /* The queue does not exist any more, or may not be received from: called once, from a poller's
     * thread; it must not call the mapping. NULL: the pollers go on trying. */
    void (*lost)(void *ctx, const lk_err *err);
    void *lost_ctx;
    /* Makes the server answer its long polls now, so that none is cut off; called repeatedly. NULL:
     * pollers hang up instead, and what an answer on its way held comes back later. */
    void (*end_polls)(void *ctx);
    void *end_polls_ctx;
    int64_t recursion_limit; /* invocations of one Lineage chain, Lambda's is 16; 0: off. A message
                                at its limit is kept unrun until its receives are spent */
} lk_mapping_options;

/* function: borrowed, must outlive the mapping. Asks for the queue's attributes: LK_E_INVALID when
 * its visibility timeout is shorter than the function's timeout (unless keep_hidden), for options
 * out of their range and patterns that are none (in AWS's words), or the call's error. */
int lk_mapping_start(const lk_mapping_options *options, lk_function *function, lk_mapping **mapping,
                     lk_err *err);
/* Waits until no invocation runs and no poll holds messages, and holds further ones back; false
 * after wait_ms or when the mapping quits, then all goes on. One pause at a time. */
bool lk_mapping_pause(lk_mapping *mapping, int64_t wait_ms);
void lk_mapping_resume(lk_mapping *mapping);
/* No new polls; returns at once. Stop must follow. */
void lk_mapping_quit(lk_mapping *mapping);
/* No new polls; finishes running batches. Frees. Accepts NULL. */
void lk_mapping_stop(lk_mapping *mapping);

/* What the result of an invocation means for its batch (the table of the AWS documentation on
 * partial batch responses). Pure. done[i] is set for each message to delete.
 * ok: the function returned without error; payload: its response. false: the response was not
 * understood, so nothing is done. */
bool lk_mapping_result(bool report_batch_item_failures, bool ok, lk_slice payload,
                       const lk_slice *message_ids, size_t count, bool *done);

#endif
