/* SPDX-License-Identifier: MIT
 *
 * action: the SQS actions as a table, and walking a request through its row.
 *
 * What the actions do is in the files beside: action_queue (life cycle), action_attributes and
 * action_redrive (queue attributes), action_tag, action_permission, action_send, action_receive,
 * action_settle (delete, visibility), action_move (move tasks), action_batch (what batches share),
 * action_rules (names, characters, numbers).
 */
#ifndef LK_LOCAL_ACTION_H
#define LK_LOCAL_ACTION_H

#include "request.h"

/* The rows of the table, for who counts them. */
#define LK_ACTION_COUNT 23
size_t lk_action_index(const struct lk_action_row *action);
const char *lk_action_title(size_t index);
/* In the Query protocol SQS refuses these on the path of a queue. */
bool lk_action_is_of_account(const struct lk_action_row *action);

/* All that follow return as the functions of a row do (request.h). */

/* Sets request->action; 1: there is no such action. */
int lk_action_find(lk_request *request, lk_slice name);
/* 1: the action is not valid where the request was sent to. */
int lk_action_refuse(lk_request *request, lk_slice name);
/* The row's check, after required members were looked for. */
int lk_action_check(lk_request *request, lk_err *err);
int lk_action_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_action_shape(lk_request *request, lk_err *err);

#endif
