/* SPDX-License-Identifier: MIT
 *
 * lk_test_local: the local SQS server in memory, with a clock that moves and a client that shares
 * it, and the steps a test of jobs needs: make queues, send, receive as an event source mapping
 * does, count what is left.
 */
#ifndef LK_TEST_LOCAL_H
#define LK_TEST_LOCAL_H

#include "server.h"

#define LK_TEST_REGION  "us-east-1"
#define LK_TEST_ACCOUNT "000000000000"

typedef struct lk_test_local lk_test_local;

lk_test_local *lk_test_local_start(void);
/* With the clock's offset in a file, for processes that share it. */
lk_test_local *lk_test_local_start_clock(const char *clock_path);
void lk_test_local_stop(lk_test_local *local);
/* Another client in the place of the one there is: as in a process that has seen nothing yet. */
void lk_test_local_new_process(lk_test_local *local);
lk_client *lk_test_local_client(lk_test_local *local);
lk_server *lk_test_local_server(lk_test_local *local);
lk_clock *lk_test_local_clock(lk_test_local *local);
void lk_test_local_advance(lk_test_local *local, int64_t by_ms);
/* Moves the wall clock of the client alone: what it has cached grows older by that. */
void lk_test_local_age(lk_test_local *local, int64_t by_ms);

/* A queue with VisibilityTimeout 60 s; FIFO by its name. dead_letters NULL: no redrive policy. */
void lk_test_local_queue(lk_test_local *local, const char *name, const char *dead_letters,
                         int max_receive_count);
void lk_test_local_set(lk_test_local *local, const char *queue, const char *attribute,
                       const char *value);
/* A job with this id and class "TestJob"; group NULL: none. */
void lk_test_local_send(lk_test_local *local, const char *queue, const char *job_id,
                        int64_t delay_ms, const char *group);

/* What one receive of up to ten gives, without waiting, as records of that queue's ARN. */
typedef struct lk_test_receive {
    lk_messages *messages;
    lk_record records[10];
    size_t count;
} lk_test_receive;

void lk_test_local_receive(lk_test_local *local, const char *queue, lk_test_receive *receive);
void lk_test_receive_clear(lk_test_receive *receive);

/* Messages in the queue: visible, in flight and delayed ones together, and each. */
int lk_test_local_total(lk_test_local *local, const char *queue);
int lk_test_local_visible(lk_test_local *local, const char *queue);
int lk_test_local_in_flight(lk_test_local *local, const char *queue);
int lk_test_local_delayed(lk_test_local *local, const char *queue);

#endif
