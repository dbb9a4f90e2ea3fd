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
#include "sqs_digest.h"

#define LK_SQS_MAX_WAIT_S 20 /* WaitTimeSeconds of a receive */

/* Where a call goes. Borrowed. */
typedef struct lk_sqs_target {
    lk_slice endpoint;  /* "https://sqs.us-east-1.amazonaws.com", no trailing slash */
    lk_slice region;    /* to sign with */
    lk_slice queue_url; /* value of the QueueUrl member (a URL or a bare name); {NULL,0}: none */
    const lk_sqs_expect *expect; /* digests a send must be answered with, when the caller has them
                                    at hand; NULL: they are taken from the members, which costs
                                    parsing them. A send is verified in either case */
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
/* Collects a finished attempt and frees it: 0 with the body appended to *response (NULL: dropped;
 * "{}" for an empty one), or the error, digests verified. An error that comes of a wrong clock or
 * an expired session token is made retriable once the skew is corrected, or new credentials will be
 * fetched, for the next attempt. */
int lk_sqs_take(lk_client *client, lk_sqs_pending *pending, lk_buf *response, lk_err *err);
void lk_sqs_cancel(lk_client *client, lk_sqs_pending *pending); /* accepts NULL */

/* Milliseconds to wait before attempt number `attempt` + 1 after err; -1: do not retry (not
 * retriable, or attempts used up). As the SDKs' standard mode: 2^(attempt-1) s, at most 20 s, times
 * a random number in (0,1]; 0 where the reason was mended, see lk_sqs_take. */
int64_t lk_sqs_retry_delay_ms(lk_client *client, const lk_err *err, int attempt);

/* Waits, while what is on its way goes on. LK_E_INTERRUPTED. */
int lk_sqs_pause(lk_client *client, int64_t ms, lk_err *err);

/* Whole call, blocking, with retries; extra_wait_s is added to the timeout (long polls). A send
 * that was written and then lost its connection is retried too, and may then be accepted twice by a
 * standard queue; FIFO queues deduplicate. */
int lk_sqs_run(lk_client *client, const lk_sqs_target *target, const char *action, lk_slice members,
               int64_t extra_wait_s, lk_buf *response, lk_err *err);
/* The same within total_ms, retries and waits between them included. */
int lk_sqs_run_within(lk_client *client, const lk_sqs_target *target, const char *action,
                      lk_slice members, int64_t total_ms, lk_buf *response, lk_err *err);

#endif
