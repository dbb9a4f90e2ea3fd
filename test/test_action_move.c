/* SPDX-License-Identifier: MIT
 *
 * Tests of action_move: move tasks as they are asked for and answered. What they do to messages is
 * in test_store_move.
 */
#include "lk_test_action.h"

#define ARN "arn:aws:sqs:us-east-1:000000000000:"

/* "jobs" with the dead-letter queue "dead", in which two messages are; and "jobs.fifo". */
static int setup(void **state)
{
    test_action_setup(state);
    test_action *t = *state;
    test_action_call(t, "CreateQueue", "{'QueueName':'dead'}");
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'RedrivePolicy':'{\\'deadLetterTargetArn\\':"
                     "\\'" ARN "dead\\',\\'maxReceiveCount\\':1}'}}");
    assert_action_ok(t);
    test_action_send(t, "jobs", "a");
    test_action_send(t, "jobs", "b");
    test_action_receive(t, "jobs", 10);
    t->now_ms += 30000;
    test_action_receive(t, "jobs", 10);
    return 0;
}

static void start(test_action *t, const char *more)
{
    test_action_call(t, "StartMessageMoveTask", "{'SourceArn':'" ARN "dead'%s}", more);
}

static void list(test_action *t, const char *more)
{
    test_action_call(t, "ListMessageMoveTasks", "{'SourceArn':'" ARN "dead'%s}", more);
    assert_action_ok(t);
}

static void cancel(test_action *t, const char *handle)
{
    test_action_call(t, "CancelMessageMoveTask", "{'TaskHandle':'%s'}", handle);
}

static void run_tasks(test_action *t)
{
    lk_err err;
    lk_store_moved moved;
    assert_lk_ok(lk_store_begin(t->store, &err));
    assert_lk_ok(lk_store_move_run(t->store, t->now_ms, &moved, &err));
    assert_lk_ok(lk_store_commit(t->store, &err));
}

static int64_t number(const test_action *t, const char *name)
{
    int64_t value = -1;
    const lk_json *json = lk_json_get(lk_json_at(lk_json_get(t->json, "Results"), 0), name);
    assert_int_equal(lk_json_typeof(json), LK_JSON_INT); /* and no string */
    assert_true(lk_json_int64(json, &value));
    return value;
}

static bool has(const test_action *t, const char *name)
{
    return lk_json_get(lk_json_at(lk_json_get(t->json, "Results"), 0), name) != NULL;
}

/* base64 of text, in memory that stays one call. */
static const char *handle_of(const char *text)
{
    static char handle[512];
    lk_buf out = {0};
    lk_base64_encode(&out, (const unsigned char *)text, strlen(text));
    assert_true(lk_slice_copy(lk_buf_slice(&out), handle, sizeof handle));
    lk_buf_clear(&out);
    return handle;
}

static void a_handle_is_the_base64_of_task_id_and_source_arn(void **state)
{
    test_action *t = *state;
    lk_buf text = {0};
    lk_json *json = NULL;
    lk_err err;
    start(t, "");
    assert_action_ok(t);
    assert_true(lk_base64_decode(test_action_string(t, "TaskHandle"), &text));
    assert_lk_ok(lk_json_parse(lk_buf_slice(&text), "handle", &json, &err));
    assert_int_equal(lk_json_length(json), 2);
    assert_int_equal(lk_json_string(lk_json_get(json, "taskId")).len, 36);
    assert_slice(lk_json_string(lk_json_get(json, "sourceArn")), ARN "dead");
    lk_json_free(json);
    lk_buf_clear(&text);
}

static void a_running_task_is_listed_with_its_handle_and_what_was_given(void **state)
{
    test_action *t = *state;
    char handle[256];
    start(t, ",'DestinationArn':'" ARN "jobs','MaxNumberOfMessagesPerSecond':1");
    assert_action_ok(t);
    assert_true(lk_slice_copy(test_action_string(t, "TaskHandle"), handle, sizeof handle));
    run_tasks(t);
    list(t, "");
    assert_int_equal(test_action_count(t, "Results"), 1);
    assert_slice(test_action_item(t, "Results", 0, "TaskHandle"), handle);
    assert_slice(test_action_item(t, "Results", 0, "Status"), "RUNNING");
    assert_slice(test_action_item(t, "Results", 0, "SourceArn"), ARN "dead");
    assert_slice(test_action_item(t, "Results", 0, "DestinationArn"), ARN "jobs");
    assert_int_equal(number(t, "MaxNumberOfMessagesPerSecond"), 1);
    assert_int_equal(number(t, "ApproximateNumberOfMessagesMoved"), 1);
    assert_int_equal(number(t, "ApproximateNumberOfMessagesToMove"), 2);
    assert_int_equal(number(t, "StartedTimestamp"), t->now_ms);
    assert_false(has(t, "FailureReason"));
}

static void a_completed_task_has_neither_handle_nor_what_was_not_given(void **state)
{
    test_action *t = *state;
    start(t, "");
    t->now_ms += 1000;
    run_tasks(t);
    list(t, "");
    assert_slice(test_action_item(t, "Results", 0, "Status"), "COMPLETED");
    assert_int_equal(number(t, "ApproximateNumberOfMessagesMoved"), 2);
    assert_false(has(t, "TaskHandle"));
    assert_false(has(t, "DestinationArn"));
    assert_false(has(t, "MaxNumberOfMessagesPerSecond"));
    test_action_receive(t, "jobs", 10);
    assert_int_equal(test_action_count(t, "Messages"), 2);
    assert_slice(test_action_system(t, "ApproximateReceiveCount"), "1");
    assert_null(test_action_system(t, "DeadLetterQueueSourceArn").ptr);
}

static void a_failed_task_says_why(void **state)
{
    test_action *t = *state;
    start(t, "");
    test_action_call(t, "DeleteQueue", "{'QueueUrl':'jobs'}");
    run_tasks(t);
    list(t, "");
    assert_slice(test_action_item(t, "Results", 0, "Status"), "FAILED");
    assert_slice(test_action_item(t, "Results", 0, "FailureReason"),
                 "AWS.SimpleQueueService.NonExistentQueue");
    assert_false(has(t, "TaskHandle"));
}

static void a_message_that_was_sent_to_the_dead_letter_queue_cannot_go_back(void **state)
{
    test_action *t = *state;
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'dead'}");
    test_action_send(t, "dead", "c");
    start(t, "");
    run_tasks(t);
    list(t, "");
    assert_slice(test_action_item(t, "Results", 0, "Status"), "FAILED");
    assert_slice(test_action_item(t, "Results", 0, "FailureReason"),
                 "CouldNotDetermineMessageSource");
}

static void a_cancelled_task_answers_how_far_it_came(void **state)
{
    test_action *t = *state;
    char handle[256];
    start(t, ",'MaxNumberOfMessagesPerSecond':1");
    assert_true(lk_slice_copy(test_action_string(t, "TaskHandle"), handle, sizeof handle));
    run_tasks(t);
    cancel(t, handle);
    assert_action_ok(t);
    assert_string_equal(t->text.ptr, "{\"ApproximateNumberOfMessagesMoved\":1}");
    list(t, "");
    assert_slice(test_action_item(t, "Results", 0, "Status"), "CANCELLING");
    assert_false(has(t, "TaskHandle"));
    run_tasks(t);
    list(t, "");
    assert_slice(test_action_item(t, "Results", 0, "Status"), "CANCELLED");
    cancel(t, handle);
    assert_action_error(t, "InvalidParameterValue");
}

static void tasks_are_listed_newest_first_one_by_default(void **state)
{
    test_action *t = *state;
    for (int i = 1; i <= 3; i++, t->now_ms += 1000) {
        char rate[64];
        snprintf(rate, sizeof rate, ",'MaxNumberOfMessagesPerSecond':%d", 500 - i);
        start(t, rate);
        assert_action_ok(t);
        t->now_ms += 60000;
        run_tasks(t);
    }
    list(t, "");
    assert_int_equal(test_action_count(t, "Results"), 1);
    assert_int_equal(number(t, "MaxNumberOfMessagesPerSecond"), 497);
    list(t, ",'MaxResults':10");
    assert_int_equal(test_action_count(t, "Results"), 3);
    assert_int_equal(number(t, "MaxNumberOfMessagesPerSecond"), 497);
}

static void a_queue_without_tasks_lists_none(void **state)
{
    list(*state, "");
    assert_string_equal(((test_action *)*state)->text.ptr, "{}");
}

static void what_cannot_be_started_is_refused_in_the_words_of_sqs(void **state)
{
    static const char format[] = "You must use this format to specify the %s: "
                                 "arn:<partition>:<service>:<region>:<account-id>:<resource-id>";
    char text[160];
    test_action *t = *state;
    test_action_call(t, "StartMessageMoveTask", "{}");
    assert_action_error(t, "MissingParameter");
    assert_slice(t->message, "The request must contain the parameter SourceArn.");
    test_action_call(t, "StartMessageMoveTask", "{'SourceArn':'" ARN "nothing'}");
    assert_action_error(t, "ResourceNotFoundException");
    assert_int_equal(t->status, 404);
    assert_string_equal(t->type, "com.amazonaws.sqs#ResourceNotFoundException");
    assert_slice(t->message,
                 "The resource that you specified for the SourceArn parameter doesn't exist.");
    test_action_call(t, "StartMessageMoveTask", "{'SourceArn':'dead'}");
    assert_action_error(t, "InvalidParameterValue");
    snprintf(text, sizeof text, format, "SourceArn");
    assert_slice(t->message, text);
    start(t, ",'DestinationArn':'arn:aws:sqs:eu-west-1:000000000000:jobs'");
    assert_action_error(t, "ResourceNotFoundException");
    assert_slice(t->message,
                 "The resource that you specified for the DestinationArn parameter doesn't exist.");
    start(t, ",'DestinationArn':''");
    snprintf(text, sizeof text, format, "DestinationArn");
    assert_slice(t->message, text);
    start(t, ",'DestinationArn':'" ARN "dead'");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Source queue arn and destination queue arn cannot be the same.");
    start(t, ",'DestinationArn':'" ARN "jobs.fifo'");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message,
                 "The source queue and destination queue must be of the same queue type.");
    test_action_call(t, "StartMessageMoveTask", "{'SourceArn':'" ARN "jobs'}");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Source queue must be configured as a Dead Letter Queue.");
}

static void a_rate_is_1_to_500_messages_a_second(void **state)
{
    test_action *t = *state;
    start(t, ",'MaxNumberOfMessagesPerSecond':0");
    assert_action_error(t, "InvalidParameterValue");
    start(t, ",'MaxNumberOfMessagesPerSecond':501");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: "
                             "You must enter a number that's between 1 and 500.");
    start(t, ",'MaxNumberOfMessagesPerSecond':500");
    assert_action_ok(t);
}

static void one_task_a_source_may_be_active(void **state)
{
    test_action *t = *state;
    start(t, ",'MaxNumberOfMessagesPerSecond':1");
    start(t, "");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "There is already a task running. Only one active task is allowed for "
                             "a source queue arn at a given time.");
}

static void bad_handles_and_unknown_tasks_are_told_apart(void **state)
{
    static const char *const bad[] = {"{}", "{\"taskId\":\"x\"}", "[]", "text"};
    test_action *t = *state;
    cancel(t, "not base64!");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value for parameter TaskHandle is invalid.");
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        cancel(t, handle_of(bad[i]));
        assert_action_error(t, "InvalidParameterValue");
    }
    cancel(t, handle_of("{\"taskId\":\"9d2b1f0c-8e1c-4a8e-9d6e-000000000000\",\"sourceArn\":\"" ARN
                        "dead\"}"));
    assert_action_error(t, "ResourceNotFoundException");
    assert_int_equal(t->status, 404);
    assert_slice(t->message, "Task does not exist.");
    cancel(t, handle_of("{\"taskId\":\"x\",\"sourceArn\":\"" ARN "nothing\"}"));
    assert_action_error(t, "ResourceNotFoundException");
    assert_slice(t->message,
                 "The resource that you specified for the SourceArn parameter doesn't exist.");
    test_action_call(t, "CancelMessageMoveTask", "{}");
    assert_action_error(t, "MissingParameter");
}

static void a_list_has_1_to_10_results_of_a_queue_that_exists(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ListMessageMoveTasks", "{'SourceArn':'" ARN "dead','MaxResults':0}");
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "ListMessageMoveTasks", "{'SourceArn':'" ARN "dead','MaxResults':11}");
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "ListMessageMoveTasks", "{'SourceArn':'" ARN "nothing'}");
    assert_action_error(t, "ResourceNotFoundException");
    test_action_call(t, "ListMessageMoveTasks", "{'SourceArn':'x'}");
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "ListMessageMoveTasks", "{}");
    assert_action_error(t, "MissingParameter");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, test_action_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_handle_is_the_base64_of_task_id_and_source_arn),
        TEST(a_running_task_is_listed_with_its_handle_and_what_was_given),
        TEST(a_completed_task_has_neither_handle_nor_what_was_not_given),
        TEST(a_failed_task_says_why),
        TEST(a_message_that_was_sent_to_the_dead_letter_queue_cannot_go_back),
        TEST(a_cancelled_task_answers_how_far_it_came),
        TEST(tasks_are_listed_newest_first_one_by_default),
        TEST(a_queue_without_tasks_lists_none),
        TEST(what_cannot_be_started_is_refused_in_the_words_of_sqs),
        TEST(a_rate_is_1_to_500_messages_a_second),
        TEST(one_task_a_source_may_be_active),
        TEST(bad_handles_and_unknown_tasks_are_told_apart),
        TEST(a_list_has_1_to_10_results_of_a_queue_that_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
