/* SPDX-License-Identifier: MIT
 *
 * send: sending jobs: one, many, later; and new jobs from C (enqueue.c).
 *
 * The public functions are lk_send, lk_send_batch, lk_send_async, lk_flush, lk_send_failure and
 * lk_enqueue, lk_enqueue_batch. Below is a send to a queue that the caller has at hand.
 */
#ifndef LK_SEND_H
#define LK_SEND_H

#include "options.h"
#include "outbox.h"

/* lk_send to a known queue, inside lk_client_enter. Waits first for the async sends that are on
 * their way to a FIFO queue, so that it comes behind them. */
int lk_send_to(lk_client *client, lk_queue *queue, lk_slice body, const lk_send_options *options,
               lk_sent *sent, lk_err *err);

/* The entries of lk_enqueue_batch, as long as the caller's header has them. count: not 0. */
int lk_enqueue_entries(const lk_enqueue_entry *entries, size_t count, lk_options_array *array,
                       lk_err *err);

#endif
