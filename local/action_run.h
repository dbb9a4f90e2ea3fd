/* SPDX-License-Identifier: MIT
 *
 * action_run: what the files that carry out actions share with the table that names them.
 */
#ifndef LK_LOCAL_ACTION_RUN_H
#define LK_LOCAL_ACTION_RUN_H

#include "request.h"

/* The queue that the request names, by QueueUrl (any host, a trailing slash, or a bare name) or
 * else by the path it was sent to. NULL: request->fault says that there is none. */
const lk_store_queue *lk_action_queue(const lk_action_context *context, lk_request *request);
/* Its name as the request has it. */
lk_slice lk_action_queue_name(const lk_request *request);
/* In the arena; {NULL,0}: out of memory. */
lk_slice lk_action_queue_arn(lk_request *request, lk_slice name);
/* The name in the ARN of a queue of this region and account, in any partition; else {NULL,0}. */
lk_slice lk_action_arn_name(const lk_action_env *env, lk_slice arn);
/* The queue's MaximumMessageSize, which this server may have lowered since. */
int64_t lk_action_max_message_bytes(const lk_request *request, const lk_store_queue *queue);
/* 0, or the answer LK_FAULT_MISSING_PARAMETER. */
int lk_action_missing(lk_request *request, lk_fault *fault, const char *parameter);
/* The name of the first required member that is absent in owner (an lk_request, or with the members
 * of an entry an lk_request_entry); NULL: all are there. */
const char *lk_action_missing_member(const lk_member *members, const void *owner);
/* Is there an action of that name? (action.c) */
bool lk_action_exists(lk_slice name);
void lk_action_touch(const lk_action_context *context, const lk_store_queue *queue);

/* --- Queue attributes (action_attributes.c) ------------------------------------------------- */

/* Reads request->attributes for a queue. queue NULL: it is being created, of the type that `fifo`
 * says. 0, 1 with request->fault, or LK_E_NOMEM. */
int lk_attributes_read(lk_request *request, const lk_store_queue *queue, bool fifo,
                       lk_store_settings *settings, lk_err *err);
/* Fills answer_attributes with those that request->attribute_names asks for. */
int lk_attributes_show(const lk_action_context *context, const lk_store_queue *queue,
                       lk_request *request, lk_err *err);
/* The name of one setting of a mask: "VisibilityTimeout". */
const char *lk_attributes_setting_name(unsigned mask);

/* --- Redrive policies (action_redrive.c) ---------------------------------------------------- */

/* text is the policy as given, also for the wording of a fault. Each returns 0, 1 with
 * request->fault, or a negative code. */
int lk_redrive_read(lk_request *request, lk_slice text, lk_store_settings *settings, lk_err *err);
/* LK_STORE_NO_QUEUE, LK_STORE_QUEUE_TYPE, in words. */
int lk_redrive_refused(int refusal, lk_request *request, lk_slice text);
/* RedrivePolicy as SQS answers it, its count a number; in the arena. */
lk_slice lk_redrive_show(lk_request *request, const lk_store_settings *settings);
int lk_redrive_allow_check(lk_request *request, lk_slice text, lk_err *err);
/* Does the dead-letter queue of `settings` let the queue `source` in? */
int lk_redrive_permitted(const lk_action_context *context, lk_request *request, lk_slice source,
                         const lk_store_settings *settings, lk_slice text, lk_err *err);

/* --- The actions ---------------------------------------------------------------------------- */

/* action_queue.c */
int lk_create_queue_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_delete_queue_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_purge_queue_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_get_queue_url_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_list_check(lk_request *request, lk_err *err);
int lk_list_queues_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_list_dead_letter_sources_run(const lk_action_context *context, lk_request *request,
                                    lk_err *err);
int lk_get_queue_attributes_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_set_queue_attributes_run(const lk_action_context *context, lk_request *request, lk_err *err);

/* action_tag.c */
int lk_tags_check(lk_request *request, lk_err *err); /* request->tags, if any */
int lk_tags_put(const lk_action_context *context, lk_request *request, const lk_store_queue *queue,
                lk_err *err);
int lk_tag_queue_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_untag_queue_check(lk_request *request, lk_err *err);
int lk_untag_queue_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_list_queue_tags_run(const lk_action_context *context, lk_request *request, lk_err *err);

/* action_permission.c */
int lk_add_permission_check(lk_request *request, lk_err *err);
int lk_add_permission_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_remove_permission_check(lk_request *request, lk_err *err);
int lk_remove_permission_run(const lk_action_context *context, lk_request *request, lk_err *err);

/* action_send.c */
int lk_send_message_check(lk_request *request, lk_err *err);
int lk_send_message_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_send_message_batch_check(lk_request *request, lk_err *err);
int lk_send_message_batch_run(const lk_action_context *context, lk_request *request, lk_err *err);

/* action_receive.c */
int lk_receive_message_check(lk_request *request, lk_err *err);
int lk_receive_message_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_receive_message_shape(lk_request *request, lk_err *err);

/* action_settle.c */
int lk_delete_message_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_delete_message_batch_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_change_visibility_check(lk_request *request, lk_err *err);
int lk_change_visibility_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_change_visibility_batch_check(lk_request *request, lk_err *err);
int lk_change_visibility_batch_run(const lk_action_context *context, lk_request *request,
                                   lk_err *err);

/* action_move.c */
int lk_start_move_check(lk_request *request, lk_err *err);
int lk_start_move_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_cancel_move_run(const lk_action_context *context, lk_request *request, lk_err *err);
int lk_list_moves_check(lk_request *request, lk_err *err);
int lk_list_moves_run(const lk_action_context *context, lk_request *request, lk_err *err);

/* action_batch.c: what all three batch actions share. */
/* Number, ids and required members of the entries. 0 or 1. */
int lk_action_batch_check(lk_request *request, lk_err *err);
/* Runs step for each entry that has no fault yet. A step returns 0, 1 (entry->fault is filled) or
 * negative, which ends it. */
typedef int (*lk_entry_step)(const lk_action_context *context, lk_request *request,
                             const lk_store_queue *queue, lk_request_entry *entry, lk_err *err);
int lk_action_batch_each(const lk_action_context *context, lk_request *request,
                         const lk_store_queue *queue, lk_entry_step step, lk_err *err);
/* The single action: the entry's fault is the request's. */
int lk_action_batch_one(const lk_action_context *context, lk_request *request,
                        const lk_store_queue *queue, lk_entry_step step, lk_err *err);

#endif
