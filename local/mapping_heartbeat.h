/* SPDX-License-Identifier: MIT
 *
 * mapping_heartbeat: keeps messages hidden while they are worked on, for jobs that take longer than
 * the queue's visibility timeout.
 *
 * Every third of the timeout the messages in hand get a whole timeout more. When this process dies
 * they come back one timeout later, not after the longest job there could be. Lambda has no such
 * thing. A message can be kept for 12 hours after its receive: there SQS refuses.
 */
#ifndef LK_LOCAL_MAPPING_HEARTBEAT_H
#define LK_LOCAL_MAPPING_HEARTBEAT_H

#include "mapping_facts.h"

typedef struct lk_heartbeat lk_heartbeat;

/* Starts a thread with a client of its own. facts: borrowed until the end, for the queue and for
 * saying what fails. */
int lk_heartbeat_start(const lk_mapping_facts *facts, const lk_client_options *client,
                       int64_t visibility_s, lk_heartbeat **heartbeat, lk_err *err);
/* Everything held must have been let go. Accepts NULL. */
void lk_heartbeat_stop(lk_heartbeat *heartbeat);

/* One message in hand. Lives with the caller, from hold to let_go. */
typedef struct lk_held {
    lk_slice receipt_handle; /* borrowed until let_go, as is the id */
    lk_slice message_id;
    int64_t next_at_ms; /* mono ms of the next extension; INT64_MAX: no more */
    bool in_use;        /* its call is on the way */
    struct lk_held *next;
} lk_held;

/* heartbeat NULL: both do nothing. */
void lk_heartbeat_hold(lk_heartbeat *heartbeat, const lk_message *message, lk_held *held);
/* When it returns no call for the message is on its way, nor will one be. */
void lk_heartbeat_let_go(lk_heartbeat *heartbeat, lk_held *held);

#endif
