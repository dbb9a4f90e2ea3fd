/* SPDX-License-Identifier: MIT
 *
 * lk_test_message: messages as they are laid out for a standard and for a FIFO queue, at times that
 * stand still.
 */
#ifndef LK_TEST_MESSAGE_H
#define LK_TEST_MESSAGE_H

#include "json.h"
#include "message.h"

#define LK_TEST_MESSAGE_NOW_MS INT64_C(1700000000000) /* of the movable clock */

/* A trace header as AWS writes it. */
#define LK_TEST_MESSAGE_TRACE                                                                      \
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

typedef struct lk_test_message {
    int64_t now_ms;
    lk_env env;
    lk_client *client;
    lk_queue *standard;
    lk_queue *fifo;
} lk_test_message;

int lk_test_message_setup(void **state); /* *state: an lk_test_message */
int lk_test_message_teardown(void **state);

lk_send_options lk_test_message_options(void); /* of the job j-1 */
/* The members as a caller puts them into braces. */
void lk_test_message_members(lk_test_message *f, const lk_queue *queue,
                             const lk_send_options *options, const char *expected);
/* The message as a tree; freed by the caller. */
lk_json *lk_test_message_built(lk_test_message *f, const lk_queue *queue,
                               const lk_send_options *options);
lk_slice lk_test_message_attribute(const lk_json *message, const char *name);
/* It is refused with this code, `word` in the message, and leaves alone what was written before. */
void lk_test_message_refused(lk_test_message *f, const lk_queue *queue, lk_slice body,
                             const lk_send_options *options, int code, const char *word);

#endif
