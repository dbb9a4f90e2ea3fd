/* SPDX-License-Identifier: MIT
 *
 * deaths: which messages this client has seen die that SQS will deliver again, on their way to the
 * dead-letter queue.
 *
 * SQS tells how often a message was received, not what for. Where its receives may have gone to
 * waiting, only who saw the job die knows that it did. A batch lives for one event, so the client
 * remembers; in a forked child it knows what its parent knew. Inside lk_client_enter.
 */
#ifndef LK_DEATHS_H
#define LK_DEATHS_H

#include "client.h"

/* The last LK_DEATHS_MAX are remembered. What is forgotten, or was never noted for want of memory,
 * costs a dead job one more try. */
enum { LK_DEATHS_MAX = 1024 };

void lk_deaths_add(lk_client *client, lk_slice message_id);
bool lk_deaths_include(const lk_client *client, lk_slice message_id);

#endif
