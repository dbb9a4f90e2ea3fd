/* SPDX-License-Identifier: MIT
 *
 * mapping_event: received messages as the event a function gets.
 */
#ifndef LK_LOCAL_MAPPING_EVENT_H
#define LK_LOCAL_MAPPING_EVENT_H

#include "mapping_facts.h"

#define LK_EVENT_MAX_BYTES                                                                         \
    ((size_t)6 * 1024 * 1024) /* Lambda's limit of an invocation's payload                         \
                               */

/* Builds {"Records":[…]} of received messages, as Lambda does: of as many from the first on as
 * max_bytes hold, one at least. *taken: how many. */
int lk_mapping_event(const lk_mapping_facts *facts, const lk_message *const *messages, size_t count,
                     size_t max_bytes, lk_buf *out, size_t *taken, lk_err *err);

#endif
