/* SPDX-License-Identifier: MIT
 *
 * lk_test_house: all of it at once: the local SQS with a clock that moves, a queue with its
 * dead-letter queue, fixtures/jobs.c as the function, and the mapping between them.
 */
#ifndef LK_TEST_HOUSE_H
#define LK_TEST_HOUSE_H

#include "lk_test_local.h"
#include "mapping.h"

#define LK_TEST_PATIENCE_MS 20000 /* how long things may take that take milliseconds */

/* Zero means the default. */
typedef struct lk_test_house_options {
    const char *command; /* fixture; default "fixture_jobs" */
    const char *argument;
    const char *worker_endpoint; /* the SQS that jobs see; default the server */
    bool fifo;
    bool no_mapping;         /* start it later with lk_test_house_map */
    int workers;             /* at most; default 1 */
    int min_workers;         /* default all */
    int64_t idle_ms;         /* after which the others end */
    int batch_size;          /* default 10 */
    int window_s;            /* default 0 */
    bool no_report;          /* without ReportBatchItemFailures */
    const char *filter;      /* one pattern; default none */
    int max_receive_count;   /* default 13, FIFO 14 */
    int visibility_s;        /* default 301 */
    int64_t timeout_ms;      /* default 300000 */
    int64_t recursion_limit; /* 0: off */
} lk_test_house_options;

typedef struct lk_test_house {
    lk_test_house_options options;
    char dir[64];
    char ledger[96];
    char clock_path[96];
    char queue[32]; /* "jobs", "jobs.fifo" */
    char dead[32];  /* "jobs-dlq", … */
    char arn[96];
    FILE *log;
    lk_buf text; /* what was read last */
    lk_test_local *local;
    lk_function *function;
    lk_mapping *mapping;
} lk_test_house;

/* Ends the test when something does not start. options NULL: all defaults. */
lk_test_house *lk_test_house_start(const lk_test_house_options *options);
void lk_test_house_map(lk_test_house *house);
/* Stops the mapping: batches are finished, deletes made. */
void lk_test_house_unmap(lk_test_house *house);
void lk_test_house_stop(lk_test_house *house); /* accepts NULL */

void lk_test_house_enqueue(lk_test_house *house, const char *job_class, const char *arguments,
                           const lk_enqueue_options *options);
/* A message with this body; group NULL: none. */
void lk_test_house_send(lk_test_house *house, const char *body, const char *group);
/* Calls of this action that the server has had. */
int64_t lk_test_house_calls(lk_test_house *house, const char *action);
/* What processes of fixture_jobs find when they start from now on: "slow" and milliseconds, or
 * "broken" and anything. NULL: nothing any more. */
void lk_test_house_starts(lk_test_house *house, const char *how, const char *text);
/* All the function printed, and all its jobs wrote; until the next of these calls. */
const char *lk_test_house_log(lk_test_house *house);
const char *lk_test_house_ledger(lk_test_house *house);
size_t lk_test_count(const char *text, const char *part);
/* Waits until the ledger, or the log, has `part` `count` times. */
void lk_test_house_wait(lk_test_house *house, const char *part, size_t count);
void lk_test_house_wait_log(lk_test_house *house, const char *part, size_t count);
/* The number behind `name` ("at=") in the nth (0..) line of the ledger that holds `part`. */
int64_t lk_test_house_number(lk_test_house *house, const char *part, size_t nth, const char *name);

/* POST /_lambdakiq/clock. The milliseconds moved; -1: nothing is due. */
int64_t lk_test_house_to_next(lk_test_house *house);
void lk_test_house_advance(lk_test_house *house, int64_t seconds);
/* Waits until the queue holds that many. */
void lk_test_house_wait_messages(lk_test_house *house, const char *queue, int count);
/* The one message of the queue, received and left hidden; free with lk_messages_free. */
lk_messages *lk_test_house_receive(lk_test_house *house, const char *queue);
lk_slice lk_test_attribute(const lk_message *message, const char *name);

#endif
