/* SPDX-License-Identifier: MIT
 *
 * lk_test_store: a store with a clock of the test's, one transaction a call, for test_store_*.c.
 *
 * Helpers that are not named try_ fail the test unless the store says 0.
 */
#ifndef LK_TEST_STORE_H
#define LK_TEST_STORE_H

#include "lk_test.h"
#include "store.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define START_MS  INT64_C(1700000000000)

typedef struct test_store {
    lk_store *store;
    int64_t now_ms;
    lk_store_received got; /* of the last receive */
} test_store;

/* cmocka set-up and tear-down: a store in memory, at START_MS. */
int test_store_setup(void **state);
int test_store_teardown(void **state);
/* A new temporary directory; dir has room for 64 bytes. */
void test_store_directory(char *dir);
/* Removes the database of that path, with the files beside it, and its directory. */
void test_store_remove(const char *dir, const char *path);

void test_store_begin(test_store *t);
void test_store_commit(test_store *t);

const lk_store_queue *test_store_queue(test_store *t, const char *name, lk_store_settings settings);
const lk_store_queue *test_store_standard(test_store *t, const char *name);
const lk_store_queue *test_store_fifo(test_store *t, const char *name);
/* A standard or FIFO queue "jobs" whose dead letters go to "dead" after max_receive_count. */
const lk_store_queue *test_store_with_dlq(test_store *t, bool fifo, int64_t max_receive_count);
const lk_store_queue *test_store_find(const test_store *t, const char *name);
void test_store_set(test_store *t, const lk_store_queue *queue, lk_store_settings settings);

lk_store_sent test_store_send(test_store *t, const lk_store_queue *queue, const char *body);
/* dedup NULL: the body serves as id. */
lk_store_sent test_store_send_to(test_store *t, const lk_store_queue *queue, const char *group,
                                 const char *body, const char *dedup);
lk_store_sent test_store_send_message(test_store *t, const lk_store_queue *queue,
                                      const lk_store_send *message);
/* Into t->got; returns the count. visibility_s < 0: the queue's. */
size_t test_store_receive(test_store *t, const lk_store_queue *queue, int max,
                          int64_t visibility_s);
int test_store_try_receive(test_store *t, const lk_store_queue *queue, int max,
                           int64_t visibility_s);
/* Receives up to ten; their bodies are, in this order, those of the space-separated list. */
void assert_store_gives(test_store *t, const lk_store_queue *queue, const char *bodies);
/* Handle of the i-th message of the last receive, copied to memory that stays a few calls. */
const char *test_store_handle(test_store *t, size_t i);

int test_store_try_delete(test_store *t, const lk_store_queue *queue, const char *handle);
int test_store_try_change(test_store *t, const lk_store_queue *queue, const char *handle,
                          int64_t timeout_s);
/* Runs move tasks until none has anything to do at this time. */
void test_store_move(test_store *t);
/* The newest move task of the queue. */
lk_store_move test_store_newest_move(test_store *t, const lk_store_queue *source);
/* Starts one; destination NULL: each message back. */
int test_store_try_start_move(test_store *t, const lk_store_queue *source, const char *destination,
                              int64_t max_per_second, char task_id[LK_STORE_UUID_SIZE]);
void test_store_start_move(test_store *t, const lk_store_queue *source, const char *destination,
                           int64_t max_per_second);
bool test_store_undo(test_store *t, const lk_store_queue *queue, const char *handle);
void assert_store_counts(test_store *t, const lk_store_queue *queue, int64_t visible,
                         int64_t in_flight, int64_t delayed);
int64_t test_store_next_due(test_store *t, const lk_store_queue *queue);

#endif
