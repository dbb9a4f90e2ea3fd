/* SPDX-License-Identifier: MIT
 *
 * Tests of action_receive and action_settle: receive, delete, visibility, and the dead-letter queue
 * as a consumer sees it.
 */
#include "lk_test_action.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_action_setup, test_action_teardown)
#define ARN        "arn:aws:sqs:us-east-1:000000000000:"

static void delete_message(test_action *t, const char *queue, const char *handle)
{
    test_action_call(t, "DeleteMessage", "{'QueueUrl':'%s','ReceiptHandle':'%s'}", queue, handle);
}

static void change(test_action *t, const char *queue, const char *handle, int timeout_s)
{
    test_action_call(t, "ChangeMessageVisibility",
                     "{'QueueUrl':'%s','ReceiptHandle':'%s','VisibilityTimeout':%d}", queue, handle,
                     timeout_s);
}

static void assert_bodies(test_action *t, const char *queue, const char *expected)
{
    char bodies[256] = "";
    test_action_receive(t, queue, 10);
    for (size_t i = 0; i < test_action_count(t, "Messages"); i++) {
        lk_slice body = test_action_item(t, "Messages", i, "Body");
        snprintf(bodies + strlen(bodies), sizeof bodies - strlen(bodies), "%s%.*s", i ? " " : "",
                 LK_SLICE_FMT(body));
    }
    assert_string_equal(bodies, expected);
}

/* --- Receive -------------------------------------------------------------------------------- */

static void ranges_are_refused_in_the_words_of_sqs(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','MaxNumberOfMessages':11}");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must "
                             "be between 1 and 10, if provided.");
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','MaxNumberOfMessages':0}");
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','WaitTimeSeconds':21}");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be "
                             ">= 0 and <= 20, if provided.");
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','VisibilityTimeout':43201}");
    assert_action_error(t, "InvalidParameterValue");
}

static void one_message_is_the_default(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "a");
    test_action_send(t, "jobs", "b");
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs'}");
    assert_int_equal(test_action_count(t, "Messages"), 1);
}

static void no_attributes_are_shown_unless_asked_for(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SendMessage",
                     "{'QueueUrl':'jobs','MessageBody':'x','MessageAttributes':{'a':{'DataType':"
                     "'String','StringValue':'v'}}}");
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs'}");
    const lk_json *message = lk_json_at(lk_json_get(t->json, "Messages"), 0);
    assert_null(lk_json_get(message, "MessageAttributes"));
    assert_null(lk_json_get(message, "MD5OfMessageAttributes"));
    assert_null(lk_json_get(message, "Attributes"));
}

static void both_lists_of_system_attribute_names_count(void **state)
{
    test_action *t = *state;
    t->now_ms += 1234;
    test_action_send(t, "jobs", "x");
    t->now_ms += 1000;
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'jobs','AttributeNames':['SentTimestamp'],"
                     "'MessageSystemAttributeNames':['ApproximateReceiveCount','Nonsense']}");
    const lk_json *message = lk_json_at(lk_json_get(t->json, "Messages"), 0);
    assert_int_equal(lk_json_length(lk_json_get(message, "Attributes")), 2);
    assert_slice(test_action_system(t, "SentTimestamp"), "1700000001234");
    assert_slice(test_action_system(t, "ApproximateReceiveCount"), "1");
}

static void all_shows_the_system_attributes_that_exist(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    const lk_json *message = lk_json_at(lk_json_get(t->json, "Messages"), 0);
    assert_int_equal(lk_json_length(lk_json_get(message, "Attributes")), 4);
    assert_slice(test_action_system(t, "SenderId"), "AKIDEXAMPLE");
    assert_slice(test_action_system(t, "ApproximateFirstReceiveTimestamp"), "1700000000000");
    test_action_send(t, "jobs.fifo", "x");
    test_action_receive(t, "jobs.fifo", 1);
    assert_slice(test_action_system(t, "MessageGroupId"), "g");
    assert_slice(test_action_system(t, "MessageDeduplicationId"), "x");
    assert_int_equal(test_action_system(t, "SequenceNumber").len, 20);
    assert_null(test_action_system(t, "AWSTraceHeader").ptr);
}

static void receive_named(test_action *t, const char *names)
{
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'jobs','VisibilityTimeout':0,'MessageAttributeNames':[%s]}",
                     names);
    assert_int_equal(test_action_count(t, "Messages"), 1);
}

static void attribute_names_select_and_the_digest_covers_what_is_shown(void **state)
{
    static const struct {
        const char *names;
        size_t count;
        const char *digest;
    } cases[] = {
        {"'All'", 3, "4c360f3fdafd970e05fae2f149d997f5"},
        {"'.*'", 3, "4c360f3fdafd970e05fae2f149d997f5"},
        {"'*'", 3, "4c360f3fdafd970e05fae2f149d997f5"},
        {"'Hello','General'", 2, "fca026605781cb4126a1e9044df24232"},
        {"'Hello','General','Unknown','AWS.','..foo'", 2, "fca026605781cb4126a1e9044df24232"},
        {"'Hel.*'", 2, NULL},
        {"'Nothing'", 0, NULL},
    };
    test_action *t = *state;
    test_action_call(
        t, "SendMessage",
        "{'QueueUrl':'jobs','MessageBody':'x','MessageAttributes':{'Hello':{"
        "'DataType':'String','StringValue':'There'},'General':{'DataType':'String',"
        "'StringValue':'Kenobi'},'Help.Me':{'DataType':'String','StringValue':'Me'}}}");
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        receive_named(t, cases[i].names);
        const lk_json *message = lk_json_at(lk_json_get(t->json, "Messages"), 0);
        assert_int_equal(lk_json_length(lk_json_get(message, "MessageAttributes")), cases[i].count);
        lk_slice digest = test_action_item(t, "Messages", 0, "MD5OfMessageAttributes");
        assert_int_equal(digest.len, cases[i].count ? 32 : 0);
        if (cases[i].digest)
            assert_slice(digest, cases[i].digest);
    }
}

static void an_empty_queue_is_waited_for_as_long_as_the_call_or_the_queue_says(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'ReceiveMessageWaitTimeSeconds':'20'}}");
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs'}");
    assert_true(t->waits);
    assert_int_equal(t->waits_s, 20);
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','WaitTimeSeconds':3}");
    assert_int_equal(t->waits_s, 3);
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','WaitTimeSeconds':0}");
    assert_false(t->waits);
}

static void a_timeout_of_0_gives_the_message_again_at_once(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    for (int count = 1; count <= 3; count++) {
        char expected[8];
        snprintf(expected, sizeof expected, "%d", count);
        test_action_call(t, "ReceiveMessage",
                         "{'QueueUrl':'jobs','VisibilityTimeout':0,'AttributeNames':['All']}");
        assert_slice(test_action_system(t, "ApproximateReceiveCount"), expected);
    }
}

/* --- Delete --------------------------------------------------------------------------------- */

static void a_deleted_message_stays_gone_and_may_be_deleted_again(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    const char *handle = test_action_handle(t, 0);
    delete_message(t, "jobs", handle);
    assert_action_ok(t);
    delete_message(t, "jobs", handle);
    assert_action_ok(t);
    t->now_ms += 60000;
    assert_bodies(t, "jobs", "");
}

static void handles_of_other_queues_and_nonsense_are_invalid(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    delete_message(t, "jobs.fifo", test_action_handle(t, 0));
    assert_action_error(t, "ReceiptHandleIsInvalid");
    assert_int_equal(t->status, 404);
    delete_message(t, "jobs", "nonsense");
    assert_action_error(t, "ReceiptHandleIsInvalid");
    assert_slice(t->message,
                 "The input receipt handle \"nonsense\" is not a valid receipt handle.");
    change(t, "jobs", "nonsense", 1);
    assert_action_error(t, "ReceiptHandleIsInvalid");
    delete_message(t, "jobs", "");
    assert_action_error(t, "MissingParameter");
}

static void an_expired_handle_deletes_on_a_standard_queue(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    const char *handle = test_action_handle(t, 0);
    t->now_ms += 31000;
    delete_message(t, "jobs", handle);
    assert_action_ok(t);
    assert_bodies(t, "jobs", "");
}

static void an_expired_handle_is_refused_on_a_fifo_queue(void **state)
{
    test_action *t = *state;
    char expected[256];
    test_action_send(t, "jobs.fifo", "x");
    test_action_receive(t, "jobs.fifo", 1);
    const char *handle = test_action_handle(t, 0);
    t->now_ms += 31000;
    delete_message(t, "jobs.fifo", handle);
    assert_action_error(t, "InvalidParameterValue");
    snprintf(expected, sizeof expected,
             "Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has "
             "expired.",
             handle);
    assert_slice(t->message, expected);
    test_action_call(t, "DeleteMessageBatch",
                     "{'QueueUrl':'jobs.fifo','Entries':[{'Id':'a','ReceiptHandle':'%s'}]}",
                     handle);
    assert_slice(test_action_item(t, "Failed", 0, "Code"), "ReceiptHandleIsInvalid");
    assert_slice(test_action_item(t, "Failed", 0, "Message"), "The receipt handle has expired");
    assert_bodies(t, "jobs.fifo", "x");
}

static void a_stale_handle_does_not_delete_what_was_received_again(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    const char *stale = test_action_handle(t, 0);
    t->now_ms += 31000;
    test_action_receive(t, "jobs", 1);
    delete_message(t, "jobs", stale);
    assert_action_ok(t);
    t->now_ms += 31000;
    assert_bodies(t, "jobs", "x");
}

static void a_batch_deletes_what_it_can(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "a");
    test_action_send(t, "jobs", "b");
    test_action_receive(t, "jobs", 10);
    test_action_call(t, "DeleteMessageBatch",
                     "{'QueueUrl':'jobs','Entries':[{'Id':'1','ReceiptHandle':'%s'},{'Id':'2',"
                     "'ReceiptHandle':'nonsense'},{'Id':'3'},{'Id':'4','ReceiptHandle':'%s'}]}",
                     test_action_handle(t, 0), test_action_handle(t, 1));
    assert_int_equal(test_action_count(t, "Successful"), 2);
    assert_slice(test_action_item(t, "Successful", 1, "Id"), "4");
    assert_slice(test_action_item(t, "Failed", 0, "Code"), "ReceiptHandleIsInvalid");
    assert_slice(test_action_item(t, "Failed", 1, "Code"), "MissingParameter");
}

/* --- Visibility ----------------------------------------------------------------------------- */

static void a_timeout_changed_to_0_gives_the_message_back_at_once(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    change(t, "jobs", test_action_handle(t, 0), 0);
    assert_action_ok(t);
    assert_true(t->touched > 0);
    test_action_receive(t, "jobs", 1);
    assert_slice(test_action_system(t, "ApproximateReceiveCount"), "2");
}

static void timeouts_are_0_to_12_hours(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    const char *handle = test_action_handle(t, 0);
    change(t, "jobs", handle, -1);
    assert_action_error(t, "InvalidParameterValue");
    change(t, "jobs", handle, 43201);
    assert_action_error(t, "InvalidParameterValue");
    change(t, "jobs", handle, 43200);
    assert_action_ok(t);
    t->now_ms += 1000;
    change(t, "jobs", handle, 43200);
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message,
                 "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total "
                 "VisibilityTimeout for the message is beyond the limit [43200 "
                 "seconds]");
    test_action_call(t, "ChangeMessageVisibility", "{'QueueUrl':'jobs','ReceiptHandle':'%s'}",
                     handle);
    assert_action_error(t, "MissingParameter");
}

static void a_deleted_message_has_no_timeout_to_change(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "x");
    test_action_receive(t, "jobs", 1);
    const char *handle = test_action_handle(t, 0);
    delete_message(t, "jobs", handle);
    change(t, "jobs", handle, 10);
    assert_action_error(t, "InvalidParameterValue");
    assert_non_null(memmem(t->message.ptr, t->message.len, "Message does not exist or is not",
                           strlen("Message does not exist or is not")));
}

static void a_batch_changes_what_it_can(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs", "a");
    test_action_send(t, "jobs", "b");
    test_action_receive(t, "jobs", 10);
    test_action_call(t, "ChangeMessageVisibilityBatch",
                     "{'QueueUrl':'jobs','Entries':[{'Id':'1','ReceiptHandle':'%s',"
                     "'VisibilityTimeout':0},{'Id':'2','ReceiptHandle':'%s','VisibilityTimeout':"
                     "43201}]}",
                     test_action_handle(t, 0), test_action_handle(t, 1));
    assert_slice(test_action_item(t, "Successful", 0, "Id"), "1");
    assert_slice(test_action_item(t, "Failed", 0, "Code"), "InvalidParameterValue");
    test_action_receive(t, "jobs", 10);
    assert_int_equal(test_action_count(t, "Messages"), 1);
}

/* --- FIFO and dead letters ------------------------------------------------------------------ */

static void fifo_messages_return_in_their_order_after_expiry(void **state)
{
    test_action *t = *state;
    test_action_send(t, "jobs.fifo", "a");
    test_action_send(t, "jobs.fifo", "b");
    test_action_send(t, "jobs.fifo", "c");
    assert_bodies(t, "jobs.fifo", "a b c");
    assert_bodies(t, "jobs.fifo", "");
    t->now_ms += 31000;
    assert_bodies(t, "jobs.fifo", "a b c");
}

static void with_dead_letters(test_action *t, const char *source, const char *target, int count)
{
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'%s','Attributes':{'RedrivePolicy':'{\\'deadLetterTargetArn\\':"
                     "\\'" ARN "%s\\',\\'maxReceiveCount\\':%d}'}}",
                     source, target, count);
    assert_action_ok(t);
}

static void a_message_is_delivered_max_receive_count_times_and_then_moved(void **state)
{
    test_action *t = *state;
    char id[64];
    test_action_call(t, "CreateQueue", "{'QueueName':'dead'}");
    with_dead_letters(t, "jobs", "dead", 3);
    test_action_send(t, "jobs", "x");
    lk_slice_copy(test_action_string(t, "MessageId"), id, sizeof id);
    for (int i = 0; i < 3; i++) {
        assert_bodies(t, "jobs", "x");
        t->now_ms += 31000;
    }
    assert_bodies(t, "dead", "");
    assert_bodies(t, "jobs", "");
    assert_true(t->touched > 0); /* whoever waits at the dead-letter queue is woken */
    test_action_receive(t, "dead", 1);
    assert_slice(test_action_item(t, "Messages", 0, "MessageId"), id);
    assert_slice(test_action_system(t, "ApproximateReceiveCount"), "4");
    assert_slice(test_action_system(t, "DeadLetterQueueSourceArn"), ARN "jobs");
}

static void fifo_dead_letters_need_no_deduplication_id(void **state)
{
    test_action *t = *state;
    test_action_call(t, "CreateQueue",
                     "{'QueueName':'dead.fifo','Attributes':{'FifoQueue':'true'}}");
    with_dead_letters(t, "jobs.fifo", "dead.fifo", 1);
    for (int i = 0; i < 2; i++) {
        test_action_send(t, "jobs.fifo", "same");
        assert_action_ok(t);
        assert_bodies(t, "jobs.fifo", "same");
        t->now_ms += 31000;
        assert_bodies(t, "jobs.fifo", "");
        t->now_ms += 300000; /* the deduplication window */
    }
    assert_bodies(t, "dead.fifo", "same same");
}

static void an_attempt_id_gets_the_same_messages_again(void **state)
{
    test_action *t = *state;
    char handle[128];
    test_action_send(t, "jobs.fifo", "a");
    for (int i = 0; i < 2; i++) {
        test_action_call(t, "ReceiveMessage",
                         "{'QueueUrl':'jobs.fifo','ReceiveRequestAttemptId':'try-1',"
                         "'AttributeNames':['All']}");
        assert_action_ok(t);
        if (i == 0)
            snprintf(handle, sizeof handle, "%s", test_action_handle(t, 0));
        assert_string_equal(test_action_handle(t, 0), handle);
        assert_slice(test_action_system(t, "ApproximateReceiveCount"), "1");
        t->now_ms += 1000;
    }
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'jobs.fifo','ReceiveRequestAttemptId':'try-2'}");
    assert_int_equal(test_action_count(t, "Messages"), 0);
}

static void an_attempt_id_is_for_fifo_queues_and_has_128_characters(void **state)
{
    test_action *t = *state;
    char id[200];
    memset(id, 'x', sizeof id);
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','ReceiveRequestAttemptId':'a'}");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message,
                 "Value a for parameter ReceiveRequestAttemptId is invalid. Reason: The "
                 "request include parameter that is not valid for this queue type.");
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'jobs.fifo','ReceiveRequestAttemptId':'%.128s'}", id);
    assert_action_ok(t);
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'jobs.fifo','ReceiveRequestAttemptId':'%.129s'}", id);
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'jobs.fifo','ReceiveRequestAttemptId':'a b'}");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value a b for parameter ReceiveRequestAttemptId is invalid. Reason: "
                             "ReceiveRequestAttemptId can only include alphanumeric and "
                             "punctuation characters. 1 to 128 in length.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ranges_are_refused_in_the_words_of_sqs),
        TEST(one_message_is_the_default),
        TEST(no_attributes_are_shown_unless_asked_for),
        TEST(both_lists_of_system_attribute_names_count),
        TEST(all_shows_the_system_attributes_that_exist),
        TEST(attribute_names_select_and_the_digest_covers_what_is_shown),
        TEST(an_empty_queue_is_waited_for_as_long_as_the_call_or_the_queue_says),
        TEST(a_timeout_of_0_gives_the_message_again_at_once),
        TEST(a_deleted_message_stays_gone_and_may_be_deleted_again),
        TEST(handles_of_other_queues_and_nonsense_are_invalid),
        TEST(an_expired_handle_deletes_on_a_standard_queue),
        TEST(an_expired_handle_is_refused_on_a_fifo_queue),
        TEST(a_stale_handle_does_not_delete_what_was_received_again),
        TEST(a_batch_deletes_what_it_can),
        TEST(a_timeout_changed_to_0_gives_the_message_back_at_once),
        TEST(timeouts_are_0_to_12_hours),
        TEST(a_deleted_message_has_no_timeout_to_change),
        TEST(a_batch_changes_what_it_can),
        TEST(fifo_messages_return_in_their_order_after_expiry),
        TEST(a_message_is_delivered_max_receive_count_times_and_then_moved),
        TEST(fifo_dead_letters_need_no_deduplication_id),
        TEST(an_attempt_id_gets_the_same_messages_again),
        TEST(an_attempt_id_is_for_fifo_queues_and_has_128_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
