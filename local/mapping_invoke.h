/* SPDX-License-Identifier: MIT
 *
 * mapping_invoke: brings one event to a worker process, also when the process that was promised
 * for it has ended meanwhile.
 *
 * On Lambda a start is part of the invocation. Here the event waits for the process, for as long as
 * its messages are hidden and a minute at most; what waited is then hidden for a whole visibility
 * timeout again, so that no message comes back while it is worked on. Messages that no process gets
 * are given back: made visible at once. The mapping does not take them again until a process is
 * ready.
 */
#ifndef LK_LOCAL_MAPPING_INVOKE_H
#define LK_LOCAL_MAPPING_INVOKE_H

#include "mapping_facts.h"

/* An event and what it was made of. Borrowed for the call. */
typedef struct lk_handout {
    lk_slice event;
    const lk_message *const *messages;
    size_t count;
    size_t behind; /* so many more follow, for later events: they share its fate if it has none */
    int64_t hidden_until_ms; /* mono ms: when the messages' visibility timeout ends */
    bool reserved;           /* a worker is reserved for it, which is used up */
} lk_handout;

/* client: for the messages. *handed_out: a process got the event; else the messages, and those
 * behind them, are given back (or come back by themselves), and it was said why. payload: as
 * lk_function_invoke. */
lk_invoke_status lk_mapping_invoke(const lk_mapping_facts *facts, lk_client *client,
                                   const lk_handout *handout, bool *handed_out, lk_buf *payload);

#endif
