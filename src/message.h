/* SPDX-License-Identifier: MIT
 *
 * message: a job's wire format: from body and options to the members of SendMessage.
 *
 * Owns B2 (deduplication ids of re-sends), B9 and B10 (delays), B25 (size), B32 (trace header of a
 * re-send) and the rule that standard queues get MessageGroupId only when asked. Attribute
 * `lambdakiq` is always {String, '1'}. No I/O.
 *
 * What SQS would refuse is refused here, before the network, with a remedy. What it would refuse
 * for no good reason is mended: an id that is too long or has characters SQS does not take becomes
 * its SHA-256 in hex (the same id always the same), an unusable trace header is left out.
 */
#ifndef LK_MESSAGE_H
#define LK_MESSAGE_H

#include "queue.h"

/* Appends the members of one SendMessage, or of one batch entry without its Id, to *out: no braces.
 * options: NULL for defaults. *size_bytes (may be NULL) gets the message's size by SQS's rule.
 * LK_E_TOO_LARGE, LK_E_INVALID, LK_E_NOMEM; *out then holds nothing new. */
int lk_message_build(lk_client *client, const lk_queue *queue, lk_slice body,
                     const lk_send_options *options, lk_buf *out, size_t *size_bytes, lk_err *err);
/* Also gives the digests SQS must answer it with, id empty: while the parts are at hand they cost
 * less than taking the written message apart again. See lk_sqs_target.expect. */
int lk_message_build_digested(lk_client *client, const lk_queue *queue, lk_slice body,
                              const lk_send_options *options, lk_buf *out, size_t *size_bytes,
                              lk_sqs_digests *digests, lk_err *err);

/* The trace header of a re-send: Root, Parent and Sampled of `header`, never Lineage. */
void lk_message_trace_without_lineage(lk_slice header, lk_buf *out);

/* A new job's body as ActiveJob writes it. locale and timezone are null: the worker's own apply.
 * arguments_json: a JSON array, kept as it is written. LK_E_INVALID, LK_E_JSON, LK_E_NOMEM. */
int lk_message_body(const lk_env *env, lk_slice queue_name, lk_slice job_class, lk_slice job_id,
                    lk_slice arguments_json, const lk_enqueue_options *options, lk_buf *out,
                    lk_err *err);

#endif
