/* SPDX-License-Identifier: MIT
 *
 * fuzz_action: one request through a protocol and its action, on a store in memory that is rolled
 * back afterwards: every input finds the same queues and messages.
 */
#ifndef LK_FUZZ_ACTION_H
#define LK_FUZZ_ACTION_H

#include "action.h"
#include "fuzz.h"

/* Appends the answer to *out. */
void lk_fuzz_exchange(const lk_protocol *protocol, const lk_wire *wire, lk_slice path, lk_buf *out);

#endif
