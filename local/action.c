/* SPDX-License-Identifier: MIT
 *
 * action: the table. Columns are explained in request.h.
 *
 * To add an action: its members here, its functions in one of the files beside, one row in `rows`.
 */
#include "action.h"

#include "action_run.h"

#include <stddef.h>

/* --- Members -------------------------------------------------------------------------------- */

#define OF_REQUEST(field) offsetof(lk_request, field)
#define OF_ONE(field)     offsetof(lk_request, one.field)
#define OF_ENTRY(field)   offsetof(lk_request_entry, field)
#define OF_MOVE(field)    offsetof(lk_shaped_move, field)

#define MEMBER(json, query, member_kind, at)                                                       \
    {                                                                                              \
        .name = (json), .query_name = (query), .kind = LK_MEMBER_##member_kind, .offset = (at)     \
    }
#define REQUIRED(json, query, member_kind, at)                                                     \
    {                                                                                              \
        .name = (json), .query_name = (query), .kind = LK_MEMBER_##member_kind, .offset = (at),    \
        .required = true                                                                           \
    }
/* Maps of tags: Query has Key where it has Name for attributes. */
#define TAGS(json, is_required, at)                                                                \
    {                                                                                              \
        .name = (json), .query_name = "Tag", .query_key = "Key", .kind = LK_MEMBER_PAIRS,          \
        .offset = (at), .required = (is_required)                                                  \
    }
#define QUEUE_URL REQUIRED("QueueUrl", "QueueUrl", STRING, OF_REQUEST(queue_url))
/* SendMessage without it is NonExistentQueue, not MissingParameter. */
#define QUEUE_URL_OR_PATH MEMBER("QueueUrl", "QueueUrl", STRING, OF_REQUEST(queue_url))
#define ENTRIES(query, member_list)                                                                \
    {                                                                                              \
        .name = "Entries", .query_name = (query), .kind = LK_MEMBER_ENTRIES,                       \
        .offset = OF_REQUEST(entries), .entry = (member_list)                                      \
    }
#define BATCH_ANSWERS(query, member_list)                                                          \
    {.name = "Successful",                                                                         \
     .query_name = (query),                                                                        \
     .kind = LK_MEMBER_ENTRIES,                                                                    \
     .offset = OF_REQUEST(entries),                                                                \
     .entry = (member_list)},                                                                      \
        MEMBER("Failed", "BatchResultErrorEntry", FAILED, OF_REQUEST(entries))
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* One message or handle, as the whole request (OF_ONE) or as an entry of a batch (OF_ENTRY). */
#define SEND_MEMBERS(of)                                                                           \
    REQUIRED("MessageBody", "MessageBody", STRING, of(body)),                                      \
        MEMBER("DelaySeconds", "DelaySeconds", INT, of(delay_s)),                                  \
        MEMBER("MessageAttributes", "MessageAttribute", ATTRIBUTES, of(attributes)),               \
        MEMBER("MessageSystemAttributes", "MessageSystemAttribute", ATTRIBUTES,                    \
               of(system_attributes)),                                                             \
        MEMBER("MessageDeduplicationId", "MessageDeduplicationId", STRING, of(dedup_id)),          \
        MEMBER("MessageGroupId", "MessageGroupId", STRING, of(group_id))
#define SEND_ANSWERS(of)                                                                           \
    MEMBER("MessageId", "MessageId", TEXT, of(sent.message_id)),                                   \
        MEMBER("MD5OfMessageBody", "MD5OfMessageBody", TEXT, of(md5_of_body)),                     \
        MEMBER("MD5OfMessageAttributes", "MD5OfMessageAttributes", TEXT, of(md5_of_attributes)),   \
        MEMBER("MD5OfMessageSystemAttributes", "MD5OfMessageSystemAttributes", TEXT,               \
               of(md5_of_system_attributes)),                                                      \
        MEMBER("SequenceNumber", "SequenceNumber", TEXT, of(sent.sequence_number))
#define HANDLE_MEMBER(of) REQUIRED("ReceiptHandle", "ReceiptHandle", STRING, of(receipt_handle))
#define VISIBILITY_MEMBER(of)                                                                      \
    REQUIRED("VisibilityTimeout", "VisibilityTimeout", INT, of(visibility_s))
#define ENTRY_ID MEMBER("Id", "Id", STRING, OF_ENTRY(id))

static const lk_member no_answers[] = {END};
static const lk_member id_only[] = {ENTRY_ID, END};
static const lk_member url_answer[] = {
    MEMBER("QueueUrl", "QueueUrl", STRING, OF_REQUEST(answer_url)), END};

static const lk_member create_queue_members[] = {
    REQUIRED("QueueName", "QueueName", STRING, OF_REQUEST(queue_name)),
    MEMBER("Attributes", "Attribute", PAIRS, OF_REQUEST(attributes)),
    TAGS("tags", false, OF_REQUEST(tags)), /* in lower case, unlike TagQueue's */
    END};
static const lk_member queue_only_members[] = {QUEUE_URL, END};
/* Without QueueName: InvalidParameterValue, so not "required" here. */
static const lk_member get_queue_url_members[] = {
    MEMBER("QueueName", "QueueName", STRING, OF_REQUEST(queue_name)), END};
#define PAGE_MEMBERS                                                                               \
    MEMBER("MaxResults", "MaxResults", INT, OF_REQUEST(max_results)),                              \
        MEMBER("NextToken", "NextToken", STRING, OF_REQUEST(next_token))
#define NEXT_PAGE MEMBER("NextToken", "NextToken", STRING, OF_REQUEST(answer_token))

static const lk_member list_queues_members[] = {
    MEMBER("QueueNamePrefix", "QueueNamePrefix", STRING, OF_REQUEST(queue_name_prefix)),
    PAGE_MEMBERS, END};
static const lk_member list_queues_answers[] = {
    MEMBER("QueueUrls", "QueueUrl", NAMES, OF_REQUEST(answer_urls)), NEXT_PAGE, END};
static const lk_member list_sources_members[] = {QUEUE_URL, PAGE_MEMBERS, END};
/* In lower case, unlike ListQueues'. */
static const lk_member list_sources_answers[] = {
    MEMBER("queueUrls", "QueueUrl", NAMES, OF_REQUEST(answer_urls)), NEXT_PAGE, END};

static const lk_member get_attributes_members[] = {
    QUEUE_URL, MEMBER("AttributeNames", "AttributeName", NAMES, OF_REQUEST(attribute_names)), END};
static const lk_member get_attributes_answers[] = {
    MEMBER("Attributes", "Attribute", PAIRS, OF_REQUEST(answer_attributes)), END};
static const lk_member set_attributes_members[] = {
    QUEUE_URL, REQUIRED("Attributes", "Attribute", PAIRS, OF_REQUEST(attributes)), END};

static const lk_member tag_queue_members[] = {QUEUE_URL, TAGS("Tags", true, OF_REQUEST(tags)), END};
static const lk_member untag_queue_members[] = {
    QUEUE_URL, REQUIRED("TagKeys", "TagKey", NAMES, OF_REQUEST(tag_keys)), END};
static const lk_member list_tags_answers[] = {TAGS("Tags", false, OF_REQUEST(answer_tags)), END};

#define LABEL REQUIRED("Label", "Label", STRING, OF_REQUEST(label))
static const lk_member add_permission_members[] = {
    QUEUE_URL, LABEL, REQUIRED("AWSAccountIds", "AWSAccountId", NAMES, OF_REQUEST(account_ids)),
    REQUIRED("Actions", "ActionName", NAMES, OF_REQUEST(action_names)), END};
static const lk_member remove_permission_members[] = {QUEUE_URL, LABEL, END};

static const lk_member send_members[] = {QUEUE_URL_OR_PATH, SEND_MEMBERS(OF_ONE), END};
static const lk_member send_answers[] = {SEND_ANSWERS(OF_ONE), END};
static const lk_member send_entry_members[] = {ENTRY_ID, SEND_MEMBERS(OF_ENTRY), END};
static const lk_member send_entry_answers[] = {ENTRY_ID, SEND_ANSWERS(OF_ENTRY), END};
static const lk_member send_batch_members[] = {
    QUEUE_URL, ENTRIES("SendMessageBatchRequestEntry", send_entry_members), END};
static const lk_member send_batch_answers[] = {
    BATCH_ANSWERS("SendMessageBatchResultEntry", send_entry_answers), END};

static const lk_member receive_members[] = {
    QUEUE_URL,
    MEMBER("AttributeNames", "AttributeName", NAMES, OF_REQUEST(attribute_names)),
    MEMBER("MessageSystemAttributeNames", "MessageSystemAttributeName", NAMES,
           OF_REQUEST(system_attribute_names)),
    MEMBER("MessageAttributeNames", "MessageAttributeName", NAMES,
           OF_REQUEST(message_attribute_names)),
    MEMBER("MaxNumberOfMessages", "MaxNumberOfMessages", INT, OF_REQUEST(max_messages)),
    MEMBER("VisibilityTimeout", "VisibilityTimeout", INT, OF_REQUEST(visibility_s)),
    MEMBER("WaitTimeSeconds", "WaitTimeSeconds", INT, OF_REQUEST(wait_s)),
    MEMBER("ReceiveRequestAttemptId", "ReceiveRequestAttemptId", STRING, OF_REQUEST(attempt_id)),
    END};
static const lk_member receive_answers[] = {
    MEMBER("Messages", "Message", MESSAGES, OF_REQUEST(messages)), END};

static const lk_member delete_members[] = {QUEUE_URL, HANDLE_MEMBER(OF_ONE), END};
static const lk_member delete_entry_members[] = {ENTRY_ID, HANDLE_MEMBER(OF_ENTRY), END};
static const lk_member delete_batch_members[] = {
    QUEUE_URL, ENTRIES("DeleteMessageBatchRequestEntry", delete_entry_members), END};
static const lk_member delete_batch_answers[] = {
    BATCH_ANSWERS("DeleteMessageBatchResultEntry", id_only), END};

static const lk_member visibility_members[] = {QUEUE_URL, HANDLE_MEMBER(OF_ONE),
                                               VISIBILITY_MEMBER(OF_ONE), END};
static const lk_member visibility_entry_members[] = {ENTRY_ID, HANDLE_MEMBER(OF_ENTRY),
                                                     VISIBILITY_MEMBER(OF_ENTRY), END};
static const lk_member visibility_batch_members[] = {
    QUEUE_URL, ENTRIES("ChangeMessageVisibilityBatchRequestEntry", visibility_entry_members), END};
static const lk_member visibility_batch_answers[] = {
    BATCH_ANSWERS("ChangeMessageVisibilityBatchResultEntry", id_only), END};

#define MOVED(at)                                                                                  \
    MEMBER("ApproximateNumberOfMessagesMoved", "ApproximateNumberOfMessagesMoved", INT, at)
#define SOURCE_ARN REQUIRED("SourceArn", "SourceArn", STRING, OF_REQUEST(source_arn))
static const lk_member start_move_members[] = {
    SOURCE_ARN, MEMBER("DestinationArn", "DestinationArn", STRING, OF_REQUEST(destination_arn)),
    MEMBER("MaxNumberOfMessagesPerSecond", "MaxNumberOfMessagesPerSecond", INT,
           OF_REQUEST(max_per_second)),
    END};
static const lk_member start_move_answers[] = {
    MEMBER("TaskHandle", "TaskHandle", STRING, OF_REQUEST(answer_handle)), END};
static const lk_member cancel_move_members[] = {
    REQUIRED("TaskHandle", "TaskHandle", STRING, OF_REQUEST(task_handle)), END};
static const lk_member cancel_move_answers[] = {MOVED(OF_REQUEST(answer_moved)), END};
static const lk_member list_moves_members[] = {
    SOURCE_ARN, MEMBER("MaxResults", "MaxResults", INT, OF_REQUEST(max_results)), END};
static const lk_member move_answers[] = {
    MEMBER("TaskHandle", "TaskHandle", STRING, OF_MOVE(task_handle)),
    MEMBER("Status", "Status", STRING, OF_MOVE(status)),
    MEMBER("SourceArn", "SourceArn", STRING, OF_MOVE(source_arn)),
    MEMBER("DestinationArn", "DestinationArn", STRING, OF_MOVE(destination_arn)),
    MEMBER("MaxNumberOfMessagesPerSecond", "MaxNumberOfMessagesPerSecond", INT,
           OF_MOVE(max_per_second)),
    MOVED(OF_MOVE(moved)),
    MEMBER("ApproximateNumberOfMessagesToMove", "ApproximateNumberOfMessagesToMove", INT,
           OF_MOVE(to_move)),
    MEMBER("FailureReason", "FailureReason", STRING, OF_MOVE(failure_reason)),
    MEMBER("StartedTimestamp", "StartedTimestamp", INT, OF_MOVE(started_at_ms)),
    END};
static const lk_member list_moves_answers[] = {{.name = "Results",
                                                .query_name = "ListMessageMoveTasksResultEntry",
                                                .kind = LK_MEMBER_MOVES,
                                                .offset = OF_REQUEST(answer_moves),
                                                .entry = move_answers},
                                               END};

/* --- The table ------------------------------------------------------------------------------ */

/* The most frequent ones first. Columns: name, members, answers, check, run, shape, waits. */
static const lk_action_row rows[] = {
    {"SendMessage", send_members, send_answers, lk_send_message_check, lk_send_message_run, NULL,
     false},
    {"ReceiveMessage", receive_members, receive_answers, lk_receive_message_check,
     lk_receive_message_run, lk_receive_message_shape, true},
    {"DeleteMessage", delete_members, no_answers, NULL, lk_delete_message_run, NULL, false},
    {"ChangeMessageVisibility", visibility_members, no_answers, lk_change_visibility_check,
     lk_change_visibility_run, NULL, false},
    {"SendMessageBatch", send_batch_members, send_batch_answers, lk_send_message_batch_check,
     lk_send_message_batch_run, NULL, false},
    {"DeleteMessageBatch", delete_batch_members, delete_batch_answers, lk_action_batch_check,
     lk_delete_message_batch_run, NULL, false},
    {"ChangeMessageVisibilityBatch", visibility_batch_members, visibility_batch_answers,
     lk_change_visibility_batch_check, lk_change_visibility_batch_run, NULL, false},
    {"GetQueueUrl", get_queue_url_members, url_answer, NULL, lk_get_queue_url_run, NULL, false},
    {"GetQueueAttributes", get_attributes_members, get_attributes_answers, NULL,
     lk_get_queue_attributes_run, NULL, false},
    {"SetQueueAttributes", set_attributes_members, no_answers, NULL, lk_set_queue_attributes_run,
     NULL, false},
    {"CreateQueue", create_queue_members, url_answer, lk_tags_check, lk_create_queue_run, NULL,
     false},
    {"DeleteQueue", queue_only_members, no_answers, NULL, lk_delete_queue_run, NULL, false},
    {"PurgeQueue", queue_only_members, no_answers, NULL, lk_purge_queue_run, NULL, false},
    {"ListQueues", list_queues_members, list_queues_answers, lk_list_check, lk_list_queues_run,
     NULL, false},
    {"ListDeadLetterSourceQueues", list_sources_members, list_sources_answers, lk_list_check,
     lk_list_dead_letter_sources_run, NULL, false},
    {"TagQueue", tag_queue_members, no_answers, lk_tags_check, lk_tag_queue_run, NULL, false},
    {"UntagQueue", untag_queue_members, no_answers, lk_untag_queue_check, lk_untag_queue_run, NULL,
     false},
    {"ListQueueTags", queue_only_members, list_tags_answers, NULL, lk_list_queue_tags_run, NULL,
     false},
    {"AddPermission", add_permission_members, no_answers, lk_add_permission_check,
     lk_add_permission_run, NULL, false},
    {"RemovePermission", remove_permission_members, no_answers, lk_remove_permission_check,
     lk_remove_permission_run, NULL, false},
    {"StartMessageMoveTask", start_move_members, start_move_answers, lk_start_move_check,
     lk_start_move_run, NULL, false},
    {"CancelMessageMoveTask", cancel_move_members, cancel_move_answers, NULL, lk_cancel_move_run,
     NULL, false},
    {"ListMessageMoveTasks", list_moves_members, list_moves_answers, lk_list_moves_check,
     lk_list_moves_run, NULL, false},
};
_Static_assert(LK_COUNT(rows) == LK_ACTION_COUNT, "action.h says how many there are");

size_t lk_action_index(const lk_action_row *action)
{
    return (size_t)(action - rows);
}

const char *lk_action_title(size_t index)
{
    return rows[index].name;
}

bool lk_action_is_of_account(const lk_action_row *action)
{
    return action->run == lk_create_queue_run || action->run == lk_list_queues_run;
}

/* --- Walking a request through its row ------------------------------------------------------ */

static const lk_action_row *row_named(lk_slice name)
{
    for (size_t i = 0; i < LK_COUNT(rows); i++)
        if (lk_slice_equal_str(name, rows[i].name))
            return &rows[i];
    return NULL;
}

bool lk_action_exists(lk_slice name)
{
    return row_named(name) != NULL;
}

int lk_action_refuse(lk_request *request, lk_slice name)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_INVALID_ACTION,
                           "The action %.*s is not valid for this endpoint.",
                           (int)LK_MIN(name.len, (size_t)256), name.ptr);
}

int lk_action_find(lk_request *request, lk_slice name)
{
    request->action = row_named(name);
    return request->action ? 0 : lk_action_refuse(request, name);
}

int lk_action_check(lk_request *request, lk_err *err)
{
    const char *missing;
    if (request->queue_url.len == 0 && lk_action_queue_name(request).len > 0)
        request->queue_url = request->path;
    missing = lk_action_missing_member(request->action->members, request);
    if (missing)
        return lk_action_missing(request, &request->fault, missing);
    return request->action->check ? request->action->check(request, err) : 0;
}

int lk_action_run(const lk_action_context *context, lk_request *request, lk_err *err)
{
    return request->action->run(context, request, err);
}

int lk_action_shape(lk_request *request, lk_err *err)
{
    return request->action->shape ? request->action->shape(request, err) : 0;
}
