/* SPDX-License-Identifier: MIT
 *
 * lk_test_sqs: an HTTP peer that answers SQS's JSON protocol as a test orders it: late, with
 * errors, with failed entries, or not at all. For what the real local server never does. It checks
 * nothing and keeps nothing; clients of it skip the MD5 checks.
 */
#ifndef LK_TEST_SQS_H
#define LK_TEST_SQS_H

#include "lk_test_http.h"

/* How one request is answered; all zero: accepted. */
typedef struct lk_test_answer {
    int delay_ms;
    bool held; /* not before lk_test_sqs_release */
    bool hang_up;
    int status;              /* of an error; 0: 200 */
    const char *error;       /* the code in x-amzn-query-error, with a status … */
    const char *text;        /* … and its message; NULL: some */
    const char *body;        /* sent as it is, instead of a result */
    const char *failed;      /* a batch: the Id of an entry that failed … */
    const char *failed_code; /* … with this code */
    bool sender_fault;
    const char *headers;    /* "Name: value\n" lines to add */
    const char *error_body; /* with a status: sent as it is, and no code in the headers */
} lk_test_answer;

typedef struct lk_test_sqs lk_test_sqs;

/* The nth request is answered by answers[n], those beyond count are accepted. answers: borrowed
 * until the stop. */
lk_test_sqs *lk_test_sqs_start(const lk_test_answer *answers, size_t count);
void lk_test_sqs_stop(lk_test_sqs *sqs); /* accepts NULL */
const char *lk_test_sqs_url(const lk_test_sqs *sqs);

/* Lets go of the answers that are held, and of those to come. */
void lk_test_sqs_release(lk_test_sqs *sqs);

size_t lk_test_sqs_count(lk_test_sqs *sqs); /* requests so far */
/* Waits (up to 20 s) until there were that many, without touching any client. */
void lk_test_sqs_wait_for(lk_test_sqs *sqs, size_t count);
lk_slice lk_test_sqs_action(lk_test_sqs *sqs, size_t index); /* "DeleteMessage" */
lk_slice lk_test_sqs_body(lk_test_sqs *sqs, size_t index);
lk_slice lk_test_sqs_path(lk_test_sqs *sqs, size_t index);
lk_slice lk_test_sqs_header(lk_test_sqs *sqs, size_t index, const char *name);
bool lk_test_sqs_has(lk_test_sqs *sqs, size_t index, const char *text); /* in its body */
int lk_test_sqs_most_at_once(lk_test_sqs *sqs); /* requests in progress at the same time */

/* A client of that endpoint with fixed credentials. Its random bytes are zero: a retry follows at
 * once. Its monotonic clock is *mono_ms, or the real one when that is NULL. */
lk_client *lk_test_sqs_client(const char *url, int64_t timeout_ms, const int64_t *mono_ms);

#endif
