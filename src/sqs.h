/* SPDX-License-Identifier: MIT
 *
 * sqs: one call to SQS over the AWS JSON 1.0 protocol: sign, send, read the answer or the error,
 * retry as the SDKs' standard mode does.
 *
 * It is told where to send (lk_sqs_target, from queue.c) and what (members of the JSON object). It
 * does not know queues, messages or jobs, but it does verify the MD5 digests of sends and receives,
 * so that no caller can forget to.
 */
#ifndef LK_SQS_H
#define LK_SQS_H

#include "client.h"

/* Where a call goes. Borrowed. */
typedef struct lk_sqs_target {
    lk_slice endpoint;  /* "https://sqs.us-east-1.amazonaws.com", no trailing slash */
    lk_slice region;    /* to sign with */
    lk_slice queue_url; /* value of the QueueUrl member (a URL or a bare name); {NULL,0}: none */
} lk_sqs_target;

typedef struct lk_sqs_pending lk_sqs_pending; /* one attempt on its way */

/* Starts one attempt. members: the JSON members besides QueueUrl, without braces:
 * "\"MessageBody\":\"x\",\"DelaySeconds\":3"; may be empty. On a warm connection the request is on
 * the wire when this returns. May block for credentials (file, container, IMDS) the first time. */
int lk_sqs_start(lk_client *client, const lk_sqs_target *target, const char *action,
                 lk_slice members, lk_sqs_pending **pending, lk_err *err);
bool lk_sqs_finished(const lk_sqs_pending *pending);
bool lk_sqs_written(const lk_sqs_pending *pending);
int64_t lk_sqs_age_ms(const lk_sqs_pending *pending); /* since start */
/* Collects a finished attempt and frees it: 0 with the body appended to *response (NULL: dropped),
 * or the error, digests verified. Corrects the clock skew for the next attempt. */
int lk_sqs_take(lk_client *client, lk_sqs_pending *pending, lk_buf *response, lk_err *err);
void lk_sqs_cancel(lk_client *client, lk_sqs_pending *pending); /* accepts NULL */

/* Milliseconds to wait before attempt number `attempt` + 1 after err, with jitter; -1: do not retry
 * (not retriable, or attempts used up). */
int64_t lk_sqs_retry_delay_ms(lk_client *client, const lk_err *err, int attempt);

/* Whole call, blocking, with retries; extra_wait_s is added to the timeout (long polls). */
int lk_sqs_run(lk_client *client, const lk_sqs_target *target, const char *action,
               lk_slice members, int64_t extra_wait_s, lk_buf *response, lk_err *err);

#endif
