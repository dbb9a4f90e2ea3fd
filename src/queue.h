/* SPDX-License-Identifier: MIT
 *
 * queue: from what users call a queue (name, URL, ARN) to where calls go, and the attributes that
 * failures need.
 *
 * By name a call goes to the regional (or fixed) endpoint with QueueUrl = the name, which SQS
 * accepts; only on NonExistentQueue or InvalidAddress is GetQueueUrl asked, once, and cached (B20).
 * From an ARN come region, account and name; from a URL its host, unless the endpoint is fixed.
 * FIFO is known from the name. Entries live in the client until it is freed.
 */
#ifndef LK_QUEUE_H
#define LK_QUEUE_H

#include "sqs.h"

typedef struct lk_queue lk_queue;

/* Parses without I/O. LK_E_INVALID: not a queue name, URL or ARN. */
int lk_queue_get(lk_client *client, lk_slice name_url_or_arn, lk_queue **queue, lk_err *err);
lk_slice lk_queue_name(const lk_queue *queue); /* owned by the queue */
bool lk_queue_fifo(const lk_queue *queue);
int lk_queue_target(lk_client *client, lk_queue *queue, lk_sqs_target *target, lk_err *err);
/* After a call failed with *err: 1 when the URL was unknown so far and GetQueueUrl (blocking) found
 * it, so that the call should be repeated with a new lk_queue_target; 0 when *err stands;
 * LK_E_INTERRUPTED when it was cut off, and nothing is known. */
int lk_queue_relocate(lk_client *client, lk_queue *queue, const lk_err *err);

/* lk_sqs_run on the queue, with that repetition. */
int lk_queue_call(lk_client *client, lk_queue *queue, const char *action, lk_slice members,
                  int64_t extra_wait_s, lk_buf *response, lk_err *err);

/* lk_queue_call for a send whose digests are at hand. expect: borrowed. */
int lk_queue_send(lk_client *client, lk_queue *queue, const char *action, lk_slice members,
                  const lk_sqs_expect *expect, lk_buf *response, lk_err *err);

/* Cached attributes; max_age_ms < 0: any age. See lk_queue_attributes_get. Deadline-bounded by the
 * client's timeout. */
int lk_queue_attributes_read(lk_client *client, lk_queue *queue, int64_t max_age_ms,
                             lk_queue_attributes *attributes, lk_err *err);

#endif
