/* SPDX-License-Identifier: MIT
 *
 * dev_queues: the queues of `lambdakiq dev`, each with its dead-letter queue and the settings that
 * the documentation gives for deployed ones.
 */
#ifndef LK_CLI_DEV_QUEUES_H
#define LK_CLI_DEV_QUEUES_H

#include "base.h"

#define LK_QUEUE_NAME_SIZE 81

typedef struct lk_dev_queue {
    char name[LK_QUEUE_NAME_SIZE];
    char dead_name[LK_QUEUE_NAME_SIZE]; /* "jobs-dlq", "jobs-dlq.fifo" */
    bool fifo;
    int64_t visibility_s;
    int64_t max_receive_count;
    lk_buf arn;
    char *url; /* once created; free with lk_dev_queue_clear */
} lk_dev_queue;

/* Names, and nothing else yet. fifo: adds ".fifo" where it is missing. LK_E_INVALID: too long. */
int lk_dev_queue_name(lk_dev_queue *queue, const char *name, bool fifo, lk_err *err);
/* Creates both queues, or gives existing ones these settings. */
int lk_dev_queue_create(lk_client *client, const char *region, const char *account,
                        lk_dev_queue *queue, lk_err *err);
void lk_dev_queue_clear(lk_dev_queue *queue);

#endif
