/* SPDX-License-Identifier: MIT
 *
 * lk_test_outbox: calls put into a client's outbox, and what has become of them.
 */
#ifndef LK_TEST_OUTBOX_H
#define LK_TEST_OUTBOX_H

#include "lk_test.h"
#include "outbox.h"

lk_queue *lk_test_outbox_queue(lk_client *client, const char *name);
/* Of a message of the queue "jobs". */
void lk_test_outbox_delete(lk_client *client, const char *handle, uint64_t tag);
/* body is the job id as well, which is as good as any. */
void lk_test_outbox_send(lk_client *client, const char *queue, const char *body, const char *group);
/* Waits for all of them. */
void lk_test_outbox_flush(lk_client *client);
void lk_test_outbox_assert_no_failure(lk_client *client);

#endif
