/* SPDX-License-Identifier: MIT
 *
 * mapping_batch: what happens to the messages of one receive: recursion rule, events, invocations,
 * deletes.
 */
#ifndef LK_LOCAL_MAPPING_BATCH_H
#define LK_LOCAL_MAPPING_BATCH_H

#include "mapping.h"
#include "mapping_trace.h"

#define LK_MAPPING_BATCH_MAX 10

/* What batches of one mapping have in common. Strings are the mapping's own. */
typedef struct lk_mapping_facts {
    char *queue_arn;
    char *queue_url;
    char *region;
    lk_function *function; /* borrowed */
    bool fifo;
    bool report_batch_item_failures;
    int64_t recursion_limit; /* 0: off */
    char lineage_key[LK_LINEAGE_KEY_SIZE];
    int64_t throttle_wait_ms; /* how long a batch may wait for a worker */
} lk_mapping_facts;

/* Works off the messages (1..10). A worker is reserved for the caller (lk_function_reserve); this
 * uses the reservation up. client: for deletes. */
void lk_mapping_batch(const lk_mapping_facts *facts, lk_client *client,
                      const lk_messages *messages);

#endif
