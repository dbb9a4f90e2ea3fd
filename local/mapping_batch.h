/* SPDX-License-Identifier: MIT
 *
 * mapping_batch: what happens to the messages of one batch: filter criteria, recursion rule,
 * events, invocations, deletes.
 */
#ifndef LK_LOCAL_MAPPING_BATCH_H
#define LK_LOCAL_MAPPING_BATCH_H

#include "mapping_facts.h"

/* Works off the messages, one at least, in their order. A worker is reserved for the caller
 * (lk_function_reserve); this uses the reservation up. client: for deletes. received_ms: mono ms of
 * the first receive. */
void lk_mapping_batch(const lk_mapping_facts *facts, lk_client *client,
                      const lk_message *const *messages, size_t count, int64_t received_ms);

#endif
