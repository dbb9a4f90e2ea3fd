/* SPDX-License-Identifier: MIT
 *
 * outbox: calls on their way. Send now, collect later, coalesce.
 *
 * A finished job's DeleteMessage or ChangeMessageVisibility is written to the warm connection at
 * once and its answer read while the next job runs. A call waits behind an outstanding one of the
 * same kind and queue only when that was written less than 20 ms ago; then those that waited go
 * together as one …Batch call. Otherwise it takes a second connection. On a cold connection the
 * first call gets a handshake of up to 100 ms. Async sends of jobs use the same way; one
 * outstanding send per FIFO group keeps its order.
 *
 * Nothing here blocks but lk_outbox_flush, lk_outbox_sleep, that handshake, and once per queue and
 * client what the first call may need (credentials, GetQueueUrl). Failed calls are retried while
 * the outbox is pumped or flushed; those that fail for good come out of lk_outbox_failure.
 *
 * A send whose request was written and whose answer is lost is sent again: on a standard queue it
 * may arrive twice, on a FIFO queue its deduplication id prevents that.
 *
 * All of it runs inside lk_client_enter. The state belongs to one process: a forked child starts
 * with an empty outbox, the parent's calls are the parent's.
 */
#ifndef LK_OUTBOX_H
#define LK_OUTBOX_H

#include "message.h"
#include "outbox_flight.h" /* lk_outbox_kind */

typedef struct lk_outbox_failure_info {
    lk_outbox_kind kind;
    uint64_t tag;
    lk_slice message_id; /* settle calls; owned by the outbox until the next call on it */
    lk_slice body;       /* sends: the job's body, likewise */
    lk_err err;
} lk_outbox_failure_info;

/* tag comes back with a failure; message_id only names the message in notes. All copied. An error
 * means that the call was not taken; whatever happens to a call that was taken is a failure of it.
 */
int lk_outbox_delete(lk_client *client, lk_queue *queue, lk_slice receipt_handle,
                     lk_slice message_id, uint64_t tag, lk_err *err);
int lk_outbox_visibility(lk_client *client, lk_queue *queue, lk_slice receipt_handle,
                         int64_t visibility_s, lk_slice message_id, uint64_t tag, lk_err *err);
int lk_outbox_send(lk_client *client, lk_queue *queue, lk_slice body,
                   const lk_send_options *options, uint64_t tag, lk_err *err);

/* Reads answers that have arrived, starts what waits. Never waits for the network. */
int lk_outbox_pump(lk_client *client, lk_err *err);
/* Until all is answered or deadline_mono_ms passed (<0: no deadline). LK_E_TIMEOUT,
 * LK_E_INTERRUPTED. */
int lk_outbox_flush(lk_client *client, int64_t deadline_mono_ms, lk_err *err);
/* The same for the sends to one queue (a synchronous send to a FIFO queue comes behind them). */
int lk_outbox_flush_queue(lk_client *client, const lk_queue *queue, int64_t deadline_mono_ms,
                          lk_err *err);
/* Gives up the sends without a verdict: each fails with LK_E_TIMEOUT. */
void lk_outbox_give_up_sends(lk_client *client);
/* Lets wait_ms pass, pumping meanwhile. LK_E_INTERRUPTED. */
int lk_outbox_sleep(lk_client *client, int64_t wait_ms, lk_err *err);
size_t lk_outbox_pending(const lk_client *client); /* calls without a verdict */
/* A settle call with this tag is still without a verdict. */
bool lk_outbox_unsettled(const lk_client *client, uint64_t tag);
/* Next call that failed for good, of the settle kinds (sends = false) or the sends. */
bool lk_outbox_failure(lk_client *client, bool sends, lk_outbox_failure_info *info);

#endif
