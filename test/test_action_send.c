/* SPDX-License-Identifier: MIT
 *
 * Tests of action_send and action_batch: SendMessage, and what batches share.
 */
#include "lk_test_action.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_action_setup, test_action_teardown)

static void send_with(test_action *t, const char *queue, const char *members)
{
    test_action_call(t, "SendMessage", "{'QueueUrl':'%s'%s}", queue, members);
}

/* A body of `bytes` letters, as JSON text. */
static void send_long(test_action *t, const char *queue, size_t bytes)
{
    lk_buf body = {0};
    lk_buf_addf(&body, "{\"QueueUrl\":\"%s\",\"MessageBody\":\"", queue);
    for (size_t i = 0; i < bytes; i++)
        lk_buf_add_char(&body, 'x');
    lk_buf_add_str(&body, "\"}");
    test_action_call_raw(t, "SendMessage", lk_buf_slice(&body));
    lk_buf_clear(&body);
}

/* --- SendMessage ---------------------------------------------------------------------------- */

static void a_send_answers_id_and_digest(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs", ",'MessageBody':'hello world'");
    assert_action_ok(t);
    assert_int_equal(test_action_string(t, "MessageId").len, 36);
    assert_slice(test_action_string(t, "MD5OfMessageBody"), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_null(test_action_string(t, "MD5OfMessageAttributes").ptr);
    assert_null(test_action_string(t, "MD5OfMessageSystemAttributes").ptr);
    assert_null(test_action_string(t, "SequenceNumber").ptr);
}

static void a_fifo_send_answers_a_sequence_number_of_20_digits(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs.fifo", "x");
    assert_int_equal(test_action_string(t, "SequenceNumber").len, 20);
}

static void digests_of_attributes_are_those_of_aws(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs",
              ",'MessageBody':'x','MessageAttributes':{'timestamp':{'DataType':'Number',"
              "'StringValue':'1493147359900'}}");
    assert_slice(test_action_string(t, "MD5OfMessageAttributes"),
                 "235c5c510d26fb653d073faed50ae77c");
    send_with(t, "jobs",
              ",'MessageBody':'x','MessageSystemAttributes':{'AWSTraceHeader':{'DataType':"
              "'String','StringValue':'Root=1-5759e988-bd862e3fe1be46a994272793;Parent="
              "53995c3f42cd8ad8;Sampled=1'}}");
    assert_slice(test_action_string(t, "MD5OfMessageSystemAttributes"),
                 "5ae4d5d7636402d80f4eb6d213245a88");
    assert_null(test_action_string(t, "MD5OfMessageAttributes").ptr);
}

static void an_empty_body_is_a_missing_parameter(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs", ",'MessageBody':''");
    assert_action_error(t, "MissingParameter");
    assert_slice(t->message, "The request must contain the parameter MessageBody.");
    send_with(t, "jobs", "");
    assert_action_error(t, "MissingParameter");
}

static void a_body_of_exactly_the_limit_is_accepted(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'MaximumMessageSize':'1024'}}");
    send_long(t, "jobs", 1024);
    assert_action_ok(t);
    send_long(t, "jobs", 1025);
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "One or more parameters are invalid. Reason: Message must be shorter "
                             "than 1024 bytes.");
}

static void one_mebibyte_is_the_hard_limit(void **state)
{
    test_action *t = *state;
    send_long(t, "jobs", 1048576);
    assert_action_ok(t);
    send_long(t, "jobs", 1048577);
    assert_action_error(t, "InvalidParameterValue");
}

static void names_types_and_values_of_attributes_count_as_size(void **state)
{
    test_action *t = *state;
    lk_buf body = {0};
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'MaximumMessageSize':'1024'}}");
    /* "abc" + "String" + "v" are 10 bytes; a trace header is none. */
    for (int bytes = 1014; bytes <= 1015; bytes++) {
        lk_buf_reset(&body);
        for (int i = 0; i < bytes; i++)
            lk_buf_add_char(&body, 'x');
        test_action_call(t, "SendMessage",
                         "{'QueueUrl':'jobs','MessageBody':'%s','MessageAttributes':{'abc':{"
                         "'DataType':'String','StringValue':'v'}},'MessageSystemAttributes':{"
                         "'AWSTraceHeader':{'DataType':'String','StringValue':'Root=1'}}}",
                         body.ptr);
        assert_string_equal(t->error, bytes == 1014 ? "" : "InvalidParameterValue");
    }
    lk_buf_clear(&body);
}

static void forbidden_characters_are_invalid_contents(void **state)
{
    test_action *t = *state;
    test_action_call_raw(t, "SendMessage",
                         LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"\\u001b\"}"));
    assert_action_error(t, "InvalidMessageContents");
    test_action_call_raw(t, "SendMessage",
                         LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"\\uffff\"}"));
    assert_action_error(t, "InvalidMessageContents");
}

static void an_empty_attribute_value_is_an_invalid_parameter(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs",
              ",'MessageBody':'x','MessageAttributes':{'a':{'DataType':'String',"
              "'StringValue':''}}");
    assert_action_error(t, "InvalidParameterValue");
    assert_string_equal(t->type, "com.amazon.coral.service#InvalidParameterValueException");
}

static void list_values_are_an_unsupported_operation(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs",
              ",'MessageBody':'x','MessageAttributes':{'a':{'DataType':'String',"
              "'StringValue':'x','StringListValues':['y']}}");
    assert_action_error(t, "AWS.SimpleQueueService.UnsupportedOperation");
}

static void delays_are_0_to_900_seconds(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs", ",'MessageBody':'x','DelaySeconds':900");
    assert_action_ok(t);
    send_with(t, "jobs", ",'MessageBody':'x','DelaySeconds':901");
    assert_action_error(t, "InvalidParameterValue");
    send_with(t, "jobs", ",'MessageBody':'x','DelaySeconds':-1");
    assert_action_error(t, "InvalidParameterValue");
}

static void a_delay_of_0_overrides_that_of_a_standard_queue(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'DelaySeconds':'60'}}");
    send_with(t, "jobs", ",'MessageBody':'late'");
    send_with(t, "jobs", ",'MessageBody':'now','DelaySeconds':0");
    test_action_receive(t, "jobs", 10);
    assert_int_equal(test_action_count(t, "Messages"), 1);
    assert_slice(test_action_item(t, "Messages", 0, "Body"), "now");
}

static void a_fifo_queue_takes_no_delay_but_0_and_keeps_its_own(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs.fifo",
              ",'MessageBody':'x','MessageGroupId':'g','MessageDeduplicationId':'1',"
              "'DelaySeconds':2");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value 2 for parameter DelaySeconds is invalid. Reason: The request "
                             "include parameter that is not valid for this queue type.");
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs.fifo','Attributes':{'DelaySeconds':'60'}}");
    send_with(t, "jobs.fifo",
              ",'MessageBody':'x','MessageGroupId':'g','MessageDeduplicationId':'1',"
              "'DelaySeconds':0");
    assert_action_ok(t);
    test_action_receive(t, "jobs.fifo", 1);
    assert_int_equal(test_action_count(t, "Messages"), 0);
}

static void a_fifo_queue_needs_both_ids(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs.fifo", ",'MessageBody':'x','MessageDeduplicationId':'1'");
    assert_action_error(t, "MissingParameter");
    assert_slice(t->message, "The request must contain the parameter MessageGroupId.");
    send_with(t, "jobs.fifo", ",'MessageBody':'x','MessageGroupId':'g'");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "The queue should either have ContentBasedDeduplication enabled or "
                             "MessageDeduplicationId provided explicitly");
}

static void a_content_based_queue_needs_no_deduplication_id(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs.fifo','Attributes':{'ContentBasedDeduplication':'true'}}");
    send_with(t, "jobs.fifo", ",'MessageBody':'hello world','MessageGroupId':'g'");
    assert_action_ok(t);
    test_action_receive(t, "jobs.fifo", 1);
    assert_slice(test_action_system(t, "MessageDeduplicationId"),
                 "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
}

static void a_standard_queue_takes_a_group_but_no_deduplication_id(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs", ",'MessageBody':'x','MessageGroupId':'tenant'");
    assert_action_ok(t);
    test_action_receive(t, "jobs", 1);
    assert_slice(test_action_system(t, "MessageGroupId"), "tenant");
    send_with(t, "jobs", ",'MessageBody':'x','MessageDeduplicationId':'1'");
    assert_action_error(t, "InvalidParameterValue");
}

static void ids_are_printing_characters(void **state)
{
    test_action *t = *state;
    send_with(t, "jobs", ",'MessageBody':'x','MessageGroupId':'a b'");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message,
                 "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can "
                 "only include alphanumeric and punctuation characters. 1 to 128 in length.");
    send_with(t, "jobs", ",'MessageBody':'x','MessageGroupId':''");
    assert_action_error(t, "InvalidParameterValue");
}

static void a_duplicate_gets_the_first_ids_and_its_own_digest(void **state)
{
    test_action *t = *state;
    char id[64];
    send_with(t, "jobs.fifo",
              ",'MessageBody':'one','MessageGroupId':'g','MessageDeduplicationId':'d'");
    lk_slice_copy(test_action_string(t, "MessageId"), id, sizeof id);
    send_with(t, "jobs.fifo",
              ",'MessageBody':'hello world','MessageGroupId':'g','MessageDeduplicationId':'d'");
    assert_slice(test_action_string(t, "MessageId"), id);
    assert_slice(test_action_string(t, "MD5OfMessageBody"), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    test_action_receive(t, "jobs.fifo", 10);
    assert_int_equal(test_action_count(t, "Messages"), 1);
}

static void the_trace_header_comes_from_the_message_or_else_from_the_request(void **state)
{
    test_action *t = *state;
    t->trace = "Root=1-http";
    send_with(t, "jobs", ",'MessageBody':'x'");
    assert_null(test_action_string(t, "MD5OfMessageSystemAttributes").ptr);
    test_action_receive(t, "jobs", 1);
    assert_slice(test_action_system(t, "AWSTraceHeader"), "Root=1-http");
    send_with(t, "jobs",
              ",'MessageBody':'x','MessageSystemAttributes':{'AWSTraceHeader':{'DataType':"
              "'String','StringValue':'Root=1-own'}}");
    assert_int_equal(test_action_string(t, "MD5OfMessageSystemAttributes").len, 32);
    assert_null(test_action_string(t, "MD5OfMessageAttributes").ptr); /* a digest of its own */
    test_action_receive(t, "jobs", 1);
    assert_slice(test_action_system(t, "AWSTraceHeader"), "Root=1-own");
    assert_null(test_action_item(t, "Messages", 0, "MD5OfMessageAttributes").ptr);
}

/* --- Batches -------------------------------------------------------------------------------- */

static void send_batch(test_action *t, const char *queue, const char *entries)
{
    test_action_call(t, "SendMessageBatch", "{'QueueUrl':'%s','Entries':[%s]}", queue, entries);
}

static void a_batch_answers_each_entry_as_a_send(void **state)
{
    test_action *t = *state;
    send_batch(t, "jobs", "{'Id':'a','MessageBody':'hello world'},{'Id':'b_-1','MessageBody':'y'}");
    assert_int_equal(test_action_count(t, "Successful"), 2);
    assert_slice(test_action_item(t, "Successful", 0, "Id"), "a");
    assert_slice(test_action_item(t, "Successful", 0, "MD5OfMessageBody"),
                 "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_int_equal(test_action_item(t, "Successful", 1, "MessageId").len, 36);
}

static void an_empty_batch_is_refused(void **state)
{
    test_action *t = *state;
    send_batch(t, "jobs", "");
    assert_action_error(t, "AWS.SimpleQueueService.EmptyBatchRequest");
    assert_string_equal(t->type, "com.amazonaws.sqs#EmptyBatchRequest");
    test_action_call(t, "DeleteMessageBatch", "{'QueueUrl':'jobs'}");
    assert_action_error(t, "AWS.SimpleQueueService.EmptyBatchRequest");
}

static void more_than_ten_entries_are_refused_with_their_number(void **state)
{
    test_action *t = *state;
    lk_buf entries = {0};
    for (int i = 0; i < 20; i++)
        lk_buf_addf(&entries, "%s{'Id':'%d','MessageBody':'x'}", i ? "," : "", i);
    send_batch(t, "jobs", entries.ptr);
    lk_buf_clear(&entries);
    assert_action_error(t, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
    assert_slice(t->message, "Maximum number of entries per request are 10. You have sent 20.");
}

static void bad_and_repeated_ids_fail_the_whole_batch(void **state)
{
    test_action *t = *state;
    send_batch(t, "jobs", "{'Id':'a b','MessageBody':'x'}");
    assert_action_error(t, "AWS.SimpleQueueService.InvalidBatchEntryId");
    assert_slice(t->message, "A batch entry id can only contain alphanumeric characters, hyphens "
                             "and underscores. It can be at most 80 letters long.");
    send_batch(t, "jobs", "{'MessageBody':'x'}");
    assert_action_error(t, "AWS.SimpleQueueService.InvalidBatchEntryId");
    send_batch(t, "jobs", "{'Id':'a','MessageBody':'x'},{'Id':'a','MessageBody':'y'}");
    assert_action_error(t, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
    test_action_receive(t, "jobs", 10);
    assert_int_equal(test_action_count(t, "Messages"), 0);
}

static void a_bad_entry_fails_alone(void **state)
{
    test_action *t = *state;
    test_action_call_raw(
        t, "SendMessageBatch",
        LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\",\"Entries\":[{\"Id\":\"good\",\"MessageBody\":"
                         "\"x\"},{\"Id\":\"chars\",\"MessageBody\":\"\\u0001\"},{\"Id\":\"late\","
                         "\"MessageBody\":\"x\",\"DelaySeconds\":901},{\"Id\":\"none\"},{\"Id\":"
                         "\"also\",\"MessageBody\":\"y\"}]}"));
    assert_action_ok(t);
    assert_int_equal(test_action_count(t, "Successful"), 2);
    assert_int_equal(test_action_count(t, "Failed"), 3);
    assert_slice(test_action_item(t, "Failed", 0, "Id"), "chars");
    assert_slice(test_action_item(t, "Failed", 0, "Code"), "InvalidMessageContents");
    assert_slice(test_action_item(t, "Failed", 1, "Code"), "InvalidParameterValue");
    assert_slice(test_action_item(t, "Failed", 2, "Code"), "MissingParameter");
    test_action_receive(t, "jobs", 10);
    assert_int_equal(test_action_count(t, "Messages"), 2);
}

static void a_too_long_entry_fails_alone_in_other_words(void **state)
{
    test_action *t = *state;
    lk_buf body = {0};
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'MaximumMessageSize':'1024'}}");
    for (int i = 0; i < 1025; i++)
        lk_buf_add_char(&body, 'x');
    test_action_call(t, "SendMessageBatch",
                     "{'QueueUrl':'jobs','Entries':[{'Id':'a','MessageBody':'x'},{'Id':'b',"
                     "'MessageBody':'%s'}]}",
                     body.ptr);
    lk_buf_clear(&body);
    assert_slice(test_action_item(t, "Failed", 0, "Code"), "InvalidParameterValue");
    assert_slice(test_action_item(t, "Failed", 0, "Message"),
                 "One or more parameters cannot be validated. Reason: Message must be shorter than "
                 "1024 bytes.");
    assert_int_equal(test_action_count(t, "Successful"), 1);
}

static void a_batch_of_more_than_a_mebibyte_is_refused_with_its_size(void **state)
{
    test_action *t = *state;
    lk_buf body = {0};
    lk_buf_add_str(&body, "{\"QueueUrl\":\"jobs\",\"Entries\":[");
    for (int entry = 0; entry < 2; entry++) {
        lk_buf_addf(&body, "%s{\"Id\":\"%d\",\"MessageBody\":\"", entry ? "," : "", entry);
        for (int i = 0; i < 524288 + entry; i++)
            lk_buf_add_char(&body, 'x');
        lk_buf_add_str(&body, "\"}");
    }
    lk_buf_add_str(&body, "]}");
    test_action_call_raw(t, "SendMessageBatch", lk_buf_slice(&body));
    lk_buf_clear(&body);
    assert_action_error(t, "AWS.SimpleQueueService.BatchRequestTooLong");
    assert_slice(
        t->message,
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.");
}

static void a_fifo_batch_without_ids_fails_as_a_whole(void **state)
{
    test_action *t = *state;
    send_batch(t, "jobs.fifo",
               "{'Id':'a','MessageBody':'x','MessageGroupId':'g','MessageDeduplicationId':'1'},"
               "{'Id':'b','MessageBody':'y','MessageDeduplicationId':'2'}");
    assert_action_error(t, "InvalidParameterValue");
    send_batch(t, "jobs.fifo",
               "{'Id':'a','MessageBody':'x','MessageGroupId':'g','MessageDeduplicationId':'1'},"
               "{'Id':'b','MessageBody':'y','MessageGroupId':'g'}");
    assert_action_error(t, "InvalidParameterValue");
    test_action_receive(t, "jobs.fifo", 10);
    assert_int_equal(test_action_count(t, "Messages"), 0);
}

static void fifo_entries_are_enqueued_in_list_order(void **state)
{
    static const char *const expected[] = {"m0", "m1", "m2"};
    test_action *t = *state;
    send_batch(t, "jobs.fifo",
               "{'Id':'z','MessageBody':'m0','MessageGroupId':'g','MessageDeduplicationId':'1'},"
               "{'Id':'a','MessageBody':'m1','MessageGroupId':'g','MessageDeduplicationId':'2'},"
               "{'Id':'k','MessageBody':'m2','MessageGroupId':'g','MessageDeduplicationId':'3'}");
    test_action_receive(t, "jobs.fifo", 10);
    for (size_t i = 0; i < LK_COUNT(expected); i++)
        assert_slice(test_action_item(t, "Messages", i, "Body"), expected[i]);
}

static void a_server_may_allow_less_than_a_mebibyte(void **state)
{
    test_action *t = *state;
    t->env.max_message_bytes = 262144;
    test_action_call(t, "GetQueueAttributes",
                     "{'QueueUrl':'jobs','AttributeNames':['MaximumMessageSize']}");
    assert_slice(test_action_attribute(t, "MaximumMessageSize"), "262144");
    send_long(t, "jobs", 262144);
    assert_action_ok(t);
    send_long(t, "jobs", 262145);
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "One or more parameters are invalid. Reason: Message must be shorter "
                             "than 262144 bytes.");
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'MaximumMessageSize':'262145'}}");
    assert_action_error(t, "InvalidAttributeValue");
    t->env.max_message_bytes = 1024;
    test_action_call(t, "SendMessageBatch",
                     "{'QueueUrl':'jobs','Entries':[{'Id':'a','MessageBody':'%0600d'},"
                     "{'Id':'b','MessageBody':'%0600d'}]}",
                     1, 2);
    assert_action_error(t, "AWS.SimpleQueueService.BatchRequestTooLong");
    assert_slice(t->message,
                 "Batch requests cannot be longer than 1024 bytes. You have sent 1200 bytes.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_send_answers_id_and_digest),
        TEST(a_fifo_send_answers_a_sequence_number_of_20_digits),
        TEST(digests_of_attributes_are_those_of_aws),
        TEST(an_empty_body_is_a_missing_parameter),
        TEST(a_body_of_exactly_the_limit_is_accepted),
        TEST(one_mebibyte_is_the_hard_limit),
        TEST(names_types_and_values_of_attributes_count_as_size),
        TEST(forbidden_characters_are_invalid_contents),
        TEST(an_empty_attribute_value_is_an_invalid_parameter),
        TEST(list_values_are_an_unsupported_operation),
        TEST(delays_are_0_to_900_seconds),
        TEST(a_delay_of_0_overrides_that_of_a_standard_queue),
        TEST(a_fifo_queue_takes_no_delay_but_0_and_keeps_its_own),
        TEST(a_fifo_queue_needs_both_ids),
        TEST(a_content_based_queue_needs_no_deduplication_id),
        TEST(a_standard_queue_takes_a_group_but_no_deduplication_id),
        TEST(ids_are_printing_characters),
        TEST(a_duplicate_gets_the_first_ids_and_its_own_digest),
        TEST(the_trace_header_comes_from_the_message_or_else_from_the_request),
        TEST(a_batch_answers_each_entry_as_a_send),
        TEST(an_empty_batch_is_refused),
        TEST(more_than_ten_entries_are_refused_with_their_number),
        TEST(bad_and_repeated_ids_fail_the_whole_batch),
        TEST(a_bad_entry_fails_alone),
        TEST(a_too_long_entry_fails_alone_in_other_words),
        TEST(a_batch_of_more_than_a_mebibyte_is_refused_with_its_size),
        TEST(a_server_may_allow_less_than_a_mebibyte),
        TEST(a_fifo_batch_without_ids_fails_as_a_whole),
        TEST(fifo_entries_are_enqueued_in_list_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
