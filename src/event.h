/* SPDX-License-Identifier: MIT
 *
 * event: from a Lambda event's JSON to records, without trusting any of it.
 *
 * An event that is not an SQS event fails as a whole. A record that is broken does not: it comes
 * out as a record like the others, and lk_record_fault says what is wrong with it, so that it alone
 * is reported failed (B3). Also here: lk_record_* and lk_event_is_jobs of the public header.
 */
#ifndef LK_EVENT_H
#define LK_EVENT_H

#include "json.h"

/* The records of one event. */
typedef struct lk_event lk_event;

/* json: borrowed until lk_event_free. LK_E_JSON: not JSON. LK_E_RECORD: no list of Records, or more
 * than an event source mapping can send. LK_E_NOMEM. */
int lk_event_parse(lk_slice json, lk_event **event, lk_err *err);
void lk_event_free(lk_event *event); /* accepts NULL */
size_t lk_event_count(const lk_event *event);
const lk_record *lk_event_at(const lk_event *event, size_t index); /* owned by the event */

#endif
