/* SPDX-License-Identifier: MIT
 *
 * filter: the filter criteria of an event source mapping: which messages its function gets at all.
 *
 * Patterns are those of Lambda's event filtering, for SQS on the key `body` alone:
 *
 *     {"body": {"kind": ["order", "refund"], "amount": [{"numeric": [">", 100]}]}}
 *     {"body": ["a text that is no JSON"]}
 *
 * A message that no pattern matches is deleted without an invocation (AWS: "SQS messages that don't
 * match are deleted from the queue").
 */
#ifndef LK_LOCAL_FILTER_H
#define LK_LOCAL_FILTER_H

#include "base.h"

typedef struct lk_filter lk_filter;

#define LK_FILTER_PATTERNS_MAX 10 /* AWS: 5, on request 10 */

/* patterns: `count` JSON texts, copied; a message passes when one of them matches. LK_E_INVALID
 * with AWS's words, the number of the pattern and what is wrong with it; LK_E_NOMEM. */
int lk_filter_new(const char *const *patterns, size_t count, lk_filter **filter, lk_err *err);
void lk_filter_free(lk_filter *filter); /* accepts NULL */

/* 1: passes, 0: to be deleted, LK_E_NOMEM: not known, so it must be kept. An object that cannot be
 * read here passes. filter NULL or without patterns: everything passes. Threads: any, at once. */
int lk_filter_match(const lk_filter *filter, lk_slice body, lk_err *err);

#endif
