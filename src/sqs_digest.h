/* SPDX-License-Identifier: MIT
 *
 * sqs_digest: the MD5 digests SQS answers with, against what was sent or received.
 *
 * They tell a message that was mangled on its way from one that was not: on a send SQS's digests of
 * what it stored, on a receive those of what it meant to deliver. Knows the JSON of the three
 * actions that carry messages, nothing of connections.
 */
#ifndef LK_SQS_DIGEST_H
#define LK_SQS_DIGEST_H

#include "digest.h"

#define LK_SQS_BATCH_MAX 10 /* entries a call */

/* What one message must be answered with; "" where nothing is expected. */
typedef struct lk_sqs_digests {
    char id[81]; /* of the batch entry; "" for SendMessage */
    char body[LK_MD5_HEX_SIZE];
    char attributes[LK_MD5_HEX_SIZE];
    char system_attributes[LK_MD5_HEX_SIZE];
} lk_sqs_digests;

typedef struct lk_sqs_expect {
    size_t count;
    lk_sqs_digests entries[LK_SQS_BATCH_MAX];
} lk_sqs_expect;

/* Digests of a message whose parts are at hand; id stays empty. */
void lk_sqs_digests_make(lk_slice body, const lk_md5_attribute *attributes, size_t count,
                         const lk_md5_attribute *system_attributes, size_t system_count,
                         lk_sqs_digests *digests);

/* Fills *expect from the JSON of a request; count 0 when the action sends no message. LK_E_JSON. */
int lk_sqs_expect_of(const char *action, lk_slice request, lk_sqs_expect *expect, lk_err *err);

/* Checks the answer to a send against *expect, or to a ReceiveMessage against itself (of the
 * attributes only those that were returned count). LK_E_CHECKSUM; retriable after a send: what was
 * stored is not what was sent, so it must be sent again; not after a receive: those messages come
 * back by themselves, and another receive would only spend tries. LK_E_JSON. */
int lk_sqs_digest_check(const char *action, const lk_sqs_expect *expect, lk_slice answer,
                        lk_err *err);

#endif
