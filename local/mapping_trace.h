/* SPDX-License-Identifier: MIT
 *
 * mapping_trace: the trace header of an invocation, and how Lambda sees a function that invokes
 * itself in circles.
 *
 *     Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=68fd508a:5
 *
 * Lineage counts, per function (8 hex digits made of its ARN, several separated by '|'), how often
 * a chain of events passed through it. AWS SDKs hand the header on to SQS, SQS to the message, the
 * mapping to the next invocation; at 16 Lambda stops the chain. Pure, but for new ids.
 */
#ifndef LK_LOCAL_MAPPING_TRACE_H
#define LK_LOCAL_MAPPING_TRACE_H

#include "base.h"

#define LK_LINEAGE_KEY_SIZE 9

bool lk_lineage_key(const char *function_arn,
                    char key[LK_LINEAGE_KEY_SIZE]); /* false: out of memory */
/* How many invocations of the function lie behind a message with this AWSTraceHeader. */
int64_t lk_lineage_count(lk_slice header, const char *key);
/* The header handed to the invocation that a message with `header` ({NULL,0}: none) causes: its
 * Root, Parent and Sampled, or new ones; with Lineage counted up for `key` (NULL: without). */
void lk_trace_of_invocation(lk_slice header, const char *key, lk_buf *out);

#endif
