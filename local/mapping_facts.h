/* SPDX-License-Identifier: MIT
 *
 * mapping_facts: what the parts of one mapping share.
 */
#ifndef LK_LOCAL_MAPPING_FACTS_H
#define LK_LOCAL_MAPPING_FACTS_H

#include "filter.h"
#include "mapping.h"
#include "mapping_trace.h"

#include <stdatomic.h>

/* Set at its start. Strings and the filter are the mapping's own. */
typedef struct lk_mapping_facts {
    char *queue_arn;
    char *queue_url;
    char *region;
    lk_function *function; /* borrowed */
    bool fifo;
    lk_filter *filter;
    struct lk_heartbeat *heartbeat; /* NULL: messages are not kept hidden beyond their timeout */
    int window_s;
    bool report_batch_item_failures;
    int64_t recursion_limit; /* 0: off */
    char lineage_key[LK_LINEAGE_KEY_SIZE];
    int64_t visibility_s; /* what a receive hides messages for */
    atomic_bool stopping; /* no new polls; what waits need not */
} lk_mapping_facts;

/* Its name, out of its ARN; borrowed. */
lk_slice lk_mapping_queue_name(const lk_mapping_facts *facts);
/* The value of one of the message's system attributes; {NULL,0}: it has none. Borrowed. */
lk_slice lk_mapping_attribute(const lk_message *message, const char *name);

#endif
