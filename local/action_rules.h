/* SPDX-License-Identifier: MIT
 *
 * action_rules: what SQS lets pass as a name, an id, a message or an attribute. Pure: no store, no
 * request, no wording beyond the fault of one attribute.
 *
 * Texts given here are valid UTF-8: the protocols refuse anything else.
 */
#ifndef LK_LOCAL_ACTION_RULES_H
#define LK_LOCAL_ACTION_RULES_H

#include "request.h"

/* 1..80 of A-Za-z0-9_-, a suffix ".fifo" included. */
bool lk_rule_queue_name(lk_slice name);
bool lk_rule_fifo_name(lk_slice name); /* ends in ".fifo" */
bool lk_rule_entry_id(lk_slice id);    /* 1..80 of A-Za-z0-9_- */
/* MessageGroupId, MessageDeduplicationId: 1..128 alphanumerics and punctuation, no space. */
bool lk_rule_message_id(lk_slice id);
/* A tag's key: 1..128 characters, not starting with "aws:". */
bool lk_rule_tag_key(lk_slice key);
bool lk_rule_tag_value(lk_slice value); /* 0..256 characters */
/* XML 1.0's characters: U+0009, U+000A, U+000D, U+0020 and up, less the surrogates, FFFE, FFFF. */
bool lk_rule_characters(lk_slice text);
/* Decimal text: at most 38 digits, 0 or magnitude 10^-128 .. 10^126. */
bool lk_rule_number(lk_slice text);

/* Checks the user attributes of a message. 0: *checked (in the arena) is what is stored and
 * digested; 1: *fault is filled; negative: LK_E_NOMEM. */
int lk_rule_attributes(lk_arena *arena, const lk_attribute_values *values,
                       const lk_md5_attribute **checked, lk_fault *fault, lk_err *err);
/* System attributes, of which there is one: AWSTraceHeader, a String. 0 or 1. */
int lk_rule_system_attributes(lk_arena *arena, const lk_attribute_values *values,
                              lk_slice *trace_header, lk_fault *fault);

#endif
