/* SPDX-License-Identifier: MIT
 *
 * fault: the errors SQS answers with, in one table for every protocol.
 *
 * A fault is a correct answer ("no such queue"), unlike an lk_err, which says that this program or
 * its machine failed. The protocols render the same row each in their own words.
 */
#ifndef LK_LOCAL_FAULT_H
#define LK_LOCAL_FAULT_H

#include "arena.h"

#define LK_SQS_PREFIX   "com.amazonaws.sqs#"
#define LK_CORAL_PREFIX "com.amazon.coral.service#" /* errors that the service model lacks */
#define LK_AWS_SQS      "AWS.SimpleQueueService."

/* name, Query code (also in x-amzn-query-error and in Failed entries), JSON __type prefix and
 * shape, HTTP status, text where no better one is at hand */
#define LK_FAULTS(X)                                                                               \
    X(NON_EXISTENT_QUEUE, LK_AWS_SQS "NonExistentQueue", LK_SQS_PREFIX, "QueueDoesNotExist", 400,  \
      "The specified queue does not exist.")                                                       \
    X(QUEUE_ALREADY_EXISTS, "QueueAlreadyExists", LK_SQS_PREFIX, "QueueNameExists", 400,           \
      "A queue already exists with the same name and a different value for an attribute")          \
    X(QUEUE_DELETED_RECENTLY, LK_AWS_SQS "QueueDeletedRecently", LK_SQS_PREFIX,                    \
      "QueueDeletedRecently", 400,                                                                 \
      "You must wait 60 seconds after deleting a queue before you can create another with the "    \
      "same name.")                                                                                \
    X(PURGE_IN_PROGRESS, LK_AWS_SQS "PurgeQueueInProgress", LK_SQS_PREFIX, "PurgeQueueInProgress", \
      403, "Only one PurgeQueue operation is allowed every 60 seconds.")                           \
    X(EMPTY_BATCH, LK_AWS_SQS "EmptyBatchRequest", LK_SQS_PREFIX, "EmptyBatchRequest", 400,        \
      "There should be at least one entry in the request.")                                        \
    X(TOO_MANY_ENTRIES, LK_AWS_SQS "TooManyEntriesInBatchRequest", LK_SQS_PREFIX,                  \
      "TooManyEntriesInBatchRequest", 400, "Maximum number of entries per request are 10.")        \
    X(IDS_NOT_DISTINCT, LK_AWS_SQS "BatchEntryIdsNotDistinct", LK_SQS_PREFIX,                      \
      "BatchEntryIdsNotDistinct", 400, "Two or more batch entries have the same Id.")              \
    X(INVALID_ENTRY_ID, LK_AWS_SQS "InvalidBatchEntryId", LK_SQS_PREFIX, "InvalidBatchEntryId",    \
      400,                                                                                         \
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It "    \
      "can be at most 80 letters long.")                                                           \
    X(BATCH_TOO_LONG, LK_AWS_SQS "BatchRequestTooLong", LK_SQS_PREFIX, "BatchRequestTooLong", 400, \
      "Batch requests cannot be longer than 1048576 bytes.")                                       \
    X(UNSUPPORTED, LK_AWS_SQS "UnsupportedOperation", LK_SQS_PREFIX, "UnsupportedOperation", 400,  \
      "Message attribute list values in SendMessage operation are not supported.")                 \
    X(OVER_LIMIT, "OverLimit", LK_SQS_PREFIX, "OverLimit", 403,                                    \
      "Too many messages in flight: delete some, or let their visibility timeout end.")            \
    X(HANDLE_INVALID, "ReceiptHandleIsInvalid", LK_SQS_PREFIX, "ReceiptHandleIsInvalid", 404,      \
      "The input receipt handle is not a valid receipt handle.")                                   \
    X(RESOURCE_NOT_FOUND, "ResourceNotFoundException", LK_SQS_PREFIX, "ResourceNotFoundException", \
      404, "One or more specified resources don't exist.")                                         \
    X(INVALID_CONTENTS, "InvalidMessageContents", LK_SQS_PREFIX, "InvalidMessageContents", 400,    \
      "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | " \
      "#xE000 to #xFFFD | #x10000 to #x10FFFF.")                                                   \
    X(ATTRIBUTE_NAME, "InvalidAttributeName", LK_SQS_PREFIX, "InvalidAttributeName", 400,          \
      "Unknown Attribute.")                                                                        \
    X(ATTRIBUTE_VALUE, "InvalidAttributeValue", LK_SQS_PREFIX, "InvalidAttributeValue", 400,       \
      "Invalid value for a parameter.")                                                            \
    X(PARAMETER_VALUE, "InvalidParameterValue", LK_CORAL_PREFIX, "InvalidParameterValueException", \
      400, "Invalid value for a parameter.")                                                       \
    X(MISSING_PARAMETER, "MissingParameter", LK_CORAL_PREFIX, "MissingRequiredParameterException", \
      400, "The request lacks a parameter.")                                                       \
    X(INVALID_ACTION, "InvalidAction", LK_CORAL_PREFIX, "UnknownOperationException", 400,          \
      "The action is not valid for this endpoint.")                                                \
    X(MALFORMED_INPUT, "MalformedInput", LK_CORAL_PREFIX, "SerializationException", 400,           \
      "The request cannot be read.")                                                               \
    X(ACCESS_DENIED, "AccessDenied", LK_CORAL_PREFIX, "AccessDeniedException", 403,                \
      "Access to the resource is denied.")                                                         \
    X(TOO_LARGE, "RequestEntityTooLarge", LK_CORAL_PREFIX, "RequestEntityTooLargeException", 413,  \
      "The request is too large.")                                                                 \
    X(MISSING_TOKEN, "MissingAuthenticationToken", LK_CORAL_PREFIX,                                \
      "MissingAuthenticationTokenException", 403, "Request is missing Authentication Token")       \
    X(UNKNOWN_KEY, "InvalidClientTokenId", LK_CORAL_PREFIX, "UnrecognizedClientException", 403,    \
      "The security token included in the request is invalid.")                                    \
    X(SIGNATURE, "SignatureDoesNotMatch", LK_CORAL_PREFIX, "InvalidSignatureException", 403,       \
      "The request signature we calculated does not match the signature you provided.")            \
    X(INCOMPLETE_SIGNATURE, "IncompleteSignature", LK_CORAL_PREFIX,                                \
      "IncompleteSignatureException", 400, "The signature of the request is not complete.")        \
    X(EXPIRED, "RequestExpired", LK_CORAL_PREFIX, "RequestExpired", 400,                           \
      "The request was signed too long ago, or in the future.")                                    \
    X(INTERNAL_FAILURE, "InternalFailure", LK_CORAL_PREFIX, "InternalFailure", 500,                \
      "The local SQS could not do this; its own output says why.")                                 \
    X(UNAVAILABLE, "ServiceUnavailable", LK_CORAL_PREFIX, "ServiceUnavailableException", 503,      \
      "The local SQS is being stopped.")

typedef enum lk_fault_code {
    LK_FAULT_NONE = 0,
#define LK_X(name, query_code, prefix, shape, status, text) LK_FAULT_##name,
    LK_FAULTS(LK_X)
#undef LK_X
} lk_fault_code;

typedef struct lk_fault_row {
    const char *query_code;
    const char *json_type; /* prefix and shape */
    int http_status;
    const char *text;
} lk_fault_row;

typedef struct lk_fault {
    lk_fault_code code; /* LK_FAULT_NONE: no fault */
    lk_slice message;   /* in the request's arena, or static */
} lk_fault;

const lk_fault_row *lk_fault_row_get(lk_fault_code code); /* not for LK_FAULT_NONE */
/* "Sender" or, from HTTP 500 on, "Receiver": whose fault it is. */
const char *lk_fault_side(lk_fault_code code);
/* The fault's message as the Query protocol words it. */
lk_slice lk_fault_query_message(const lk_fault *fault);

/* Both fill *fault and return 1, the "refused" of the action layer. With its row's text, or with a
 * formatted one. */
int lk_fault_set(lk_fault *fault, lk_fault_code code);
int lk_fault_format(lk_fault *fault, lk_arena *arena, lk_fault_code code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
