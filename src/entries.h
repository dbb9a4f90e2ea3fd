/* SPDX-License-Identifier: MIT
 *
 * entries: the list of entries in SQS's …Batch actions, and what the answer says of each.
 *
 * An entry's Id is its position, "0" to "9". The answer to a batch is HTTP 200 even when entries
 * failed: whoever looks at the status alone loses messages. Here every entry gets a result, also
 * one that the answer forgot to mention. No I/O.
 */
#ifndef LK_ENTRIES_H
#define LK_ENTRIES_H

#include "json.h"
#include "sqs_digest.h"

#define LK_ENTRIES_MAX LK_SQS_BATCH_MAX /* entries a call */
#define LK_ENTRIES_MAX_BYTES                                                                       \
    1048576 /* sum of the messages' sizes, whatever the queue's own limit */

/* Appends `"Entries":[{"Id":"0",…},…]`. members[i]: an entry's JSON members without braces. */
void lk_entries_write(lk_buf *out, const lk_slice *members, size_t count);

/* Puts the digests of the entry at `index` into what its batch must be answered with. */
void lk_entries_expect(lk_sqs_expect *expect, size_t index, const lk_sqs_digests *digests);

/* Fills errors[i] (code LK_OK: accepted) and, when sent is not NULL, sent[i] of every entry.
 * A failed entry is LK_E_SERVICE with SQS's code, retriable unless SQS calls it the sender's fault;
 * one without a result is LK_E_HTTP, retriable. LK_E_JSON: not an answer at all. */
int lk_entries_read(lk_slice response, const char *action, size_t count, lk_err *errors,
                    lk_sent *sent, lk_err *err);

/* What SendMessage, or one entry of SendMessageBatch, was answered. LK_E_JSON: not that answer (a
 * proxy's page with status 200, say), so nothing shows that the message was accepted. */
int lk_sent_read(lk_slice response, lk_sent *sent, lk_err *err);

#endif
