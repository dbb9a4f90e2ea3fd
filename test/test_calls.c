/* SPDX-License-Identifier: MIT
 *
 * test_calls: the public calls against the local server, and what it never answers against a peer
 * that does.
 */
#include "json.h"
#include "lk_test.h"
#include "lk_test_local.h"
#include "lk_test_sqs.h"

/* --- Helpers -------------------------------------------------------------------------------- */

static lk_test_local *local;
static lk_client *client; /* local's */

static int start(void **state LK_UNUSED)
{
    local = lk_test_local_start();
    client = lk_test_local_client(local);
    return 0;
}

static int stop(void **state LK_UNUSED)
{
    lk_test_local_stop(local);
    return 0;
}

#define JOBS     LK_SLICE_LITERAL("jobs")
#define JOBS_ARN "arn:aws:sqs:" LK_TEST_REGION ":" LK_TEST_ACCOUNT ":jobs"

static char *call_of(lk_client *c, const char *action, const char *params)
{
    lk_err err;
    char *response;
    size_t len;
    assert_lk_ok(lk_sqs_call(c, action, lk_slice_of(params), &response, &len, &err));
    assert_int_equal(strlen(response), len);
    return response;
}

static void expect_call(const char *action, const char *params, const char *text)
{
    char *response = call_of(client, action, params);
    if (!strstr(response, text))
        fail_msg("%s: %s lacks %s", action, response, text);
    lk_free(response);
}

/* --- Any action ----------------------------------------------------------------------------- */

static void any_action_can_be_called_by_name(void **state LK_UNUSED)
{
    expect_call("CreateQueue", "{\"QueueName\":\"jobs\"}", "/" LK_TEST_ACCOUNT "/jobs");
    expect_call("SendMessage",
                "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"h\\u00e9llo\",\"MessageAttributes\":"
                "{\"n\":{\"DataType\":\"Number\",\"StringValue\":\"1\"},"
                "\"b\":{\"DataType\":\"Binary\",\"BinaryValue\":\"AAH/\"}}}",
                "MD5OfMessageAttributes");
    expect_call("ReceiveMessage",
                "{\"QueueUrl\":\"jobs\",\"MessageAttributeNames\":[\"b\"],\"WaitTimeSeconds\":1}",
                "\"Body\":\"h\xc3\xa9llo\"");
    expect_call("ListQueues", "", "QueueUrls");
    expect_call("PurgeQueue", "{\"QueueUrl\":\"jobs\"}", "{}");
    expect_call("DeleteQueue", "{\"QueueUrl\":\"jobs\",\"Ignored\":null}", "{}");
}

static void a_queue_may_be_named_by_its_arn_or_url(void **state LK_UNUSED)
{
    lk_err err;
    char *url;
    char params[200];
    lk_test_local_queue(local, "jobs", NULL, 0);
    expect_call("GetQueueAttributes",
                "{\"QueueUrl\":\"" JOBS_ARN "\",\"AttributeNames\":[\"QueueArn\"]}", JOBS_ARN);
    assert_lk_ok(lk_queue_url(client, JOBS, &url, &err));
    snprintf(params, sizeof(params), "{\"QueueUrl\":\"%s\",\"AttributeNames\":[\"QueueArn\"]}",
             url);
    expect_call("GetQueueAttributes", params, JOBS_ARN);
    lk_free(url);
}

static void parameters_that_are_no_object_are_refused(void **state LK_UNUSED)
{
    lk_err err = {0};
    char *response;
    size_t len;
    assert_lk_fails(
        lk_sqs_call(client, "ListQueues", LK_SLICE_LITERAL("[1]"), &response, &len, &err),
        LK_E_INVALID);
    assert_lk_fails(lk_sqs_call(client, "ListQueues", LK_SLICE_LITERAL("{"), &response, &len, &err),
                    LK_E_JSON);
    assert_lk_fails(lk_sqs_call(client, "DeleteQueue", LK_SLICE_LITERAL("{\"QueueUrl\":5}"),
                                &response, &len, &err),
                    LK_E_INVALID);
    assert_lk_fails(lk_sqs_call(client, "DeleteQueue", LK_SLICE_LITERAL("{\"QueueUrl\":\"\"}"),
                                &response, &len, &err),
                    LK_E_INVALID);
    assert_null(response);
}

static void an_unknown_action_says_so(void **state LK_UNUSED)
{
    lk_err err = {0};
    char *response;
    size_t len;
    assert_lk_fails(lk_sqs_call(client, "FooBar", LK_SLICE_LITERAL("{}"), &response, &len, &err),
                    LK_E_SERVICE);
    assert_string_equal(err.aws_code, "InvalidAction");
    assert_string_equal(err.aws_type, "UnknownOperationException");
    assert_true(err.request_id[0] != '\0');
}

/* --- Queues --------------------------------------------------------------------------------- */

static void queues_are_created_changed_and_deleted(void **state LK_UNUSED)
{
    lk_err err = {0};
    char *url;
    lk_queue_attributes attributes;
    lk_name_value given[] = {{LK_SLICE_LITERAL("VisibilityTimeout"), LK_SLICE_LITERAL("301")}};
    assert_lk_ok(lk_create_queue(client, "jobs", given, 1, &url, &err));
    assert_non_null(strstr(url, "/" LK_TEST_ACCOUNT "/jobs"));
    lk_free(url);
    assert_lk_ok(lk_create_queue(client, "jobs", NULL, 0, NULL, &err)); /* the same again */
    given[0].value = LK_SLICE_LITERAL("302");
    assert_lk_fails(lk_create_queue(client, "jobs", given, 1, NULL, &err), LK_E_SERVICE);
    assert_string_equal(err.aws_type, "QueueNameExists");
    assert_lk_ok(lk_set_queue_attributes(client, JOBS, given, 1, &err));
    assert_lk_ok(lk_queue_attributes_get(client, JOBS, 0, &attributes, &err));
    assert_int_equal(attributes.visibility_s, 302);
    assert_int_equal(attributes.max_receive_count, LK_MAX_RECEIVE_NONE);
    assert_lk_ok(lk_delete_queue(client, JOBS, &err));
    assert_lk_fails(lk_delete_queue(client, JOBS, &err), LK_E_SERVICE);
    assert_string_equal(err.aws_code, "AWS.SimpleQueueService.NonExistentQueue");
    assert_string_equal(err.aws_type, "QueueDoesNotExist");
    assert_non_null(strstr(err.message, "queue jobs"));
}

static void a_redrive_policy_is_seen(void **state LK_UNUSED)
{
    lk_err err;
    lk_queue_attributes attributes;
    lk_test_local_queue(local, "dead", NULL, 0);
    lk_test_local_queue(local, "jobs", "dead", 13);
    assert_lk_ok(lk_queue_attributes_get(client, lk_slice_of(JOBS_ARN), -1, &attributes, &err));
    assert_int_equal(attributes.max_receive_count, 13);
    assert_int_equal(attributes.retention_s, 345600);
}

/* --- Settling -------------------------------------------------------------------------------- */

/* Makes the queue, sends `count` jobs and receives ten of them. */
static void receive_jobs(int count, lk_test_receive *receive)
{
    char id[16];
    lk_test_local_queue(local, "jobs", NULL, 0);
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "job-%d", i);
        lk_test_local_send(local, "jobs", id, 0, NULL);
    }
    lk_test_local_receive(local, "jobs", receive);
}

static void messages_are_settled_one_by_one(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_test_receive receive;
    receive_jobs(2, &receive);
    assert_int_equal(receive.count, 2);
    assert_lk_ok(lk_delete(client, JOBS, receive.records[0].receipt_handle, &err));
    assert_int_equal(lk_test_local_total(local, "jobs"), 1);
    assert_lk_ok(lk_change_visibility(client, JOBS, receive.records[1].receipt_handle, 0, &err));
    assert_int_equal(lk_test_local_visible(local, "jobs"), 1);
    assert_lk_fails(lk_change_visibility(client, JOBS, LK_SLICE_LITERAL("nonsense"), 0, &err),
                    LK_E_SERVICE);
    assert_string_equal(err.aws_code, "ReceiptHandleIsInvalid");
    lk_test_receive_clear(&receive);
}

static void batches_are_settled_with_a_result_for_each_entry(void **state LK_UNUSED)
{
    lk_err err;
    lk_err errors[10];
    lk_slice handles[10];
    int64_t seconds[10];
    lk_test_receive receive;
    receive_jobs(10, &receive);
    assert_int_equal(receive.count, 10);
    for (size_t i = 0; i < 10; i++) {
        handles[i] = receive.records[i].receipt_handle;
        seconds[i] = i % 2 ? 0 : 600;
    }
    handles[3] = LK_SLICE_LITERAL("nonsense");
    assert_lk_ok(lk_change_visibility_batch(client, JOBS, handles, seconds, 10, errors, &err));
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(errors[i].code, i == 3 ? LK_E_SERVICE : LK_OK);
    assert_string_equal(errors[3].aws_code, "ReceiptHandleIsInvalid");
    assert_int_equal(lk_test_local_visible(local, "jobs"), 4);
    assert_lk_ok(lk_delete_batch(client, JOBS, handles, 10, errors, &err));
    assert_int_equal(errors[3].code, LK_E_SERVICE);
    assert_int_equal(lk_test_local_total(local, "jobs"), 1);
    lk_test_receive_clear(&receive);
}

/* --- What the local server never does ------------------------------------------------------- */

#define MANY 23

static void any_number_goes_ten_a_call(void **state LK_UNUSED)
{
    lk_err err;
    lk_err errors[MANY];
    lk_slice handles[MANY];
    lk_test_sqs *sqs = lk_test_sqs_start(NULL, 0);
    lk_client *c = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, NULL);
    for (size_t i = 0; i < MANY; i++)
        handles[i] = LK_SLICE_LITERAL("h");
    assert_lk_ok(lk_delete_batch(c, JOBS, handles, 0, NULL, &err));
    assert_int_equal(lk_test_sqs_count(sqs), 0);
    assert_lk_ok(lk_delete_batch(c, JOBS, handles, MANY, errors, &err));
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    assert_true(lk_test_sqs_has(sqs, 2, "\"Id\":\"2\""));
    assert_false(lk_test_sqs_has(sqs, 2, "\"Id\":\"3\""));
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(errors[i].code, LK_OK);
    lk_client_free(c);
    lk_test_sqs_stop(sqs);
}

static void an_entry_sqs_failed_itself_is_tried_again_alone(void **state LK_UNUSED)
{
    lk_err err;
    lk_err errors[3];
    lk_slice handles[3] = {LK_SLICE_LITERAL("h0"), LK_SLICE_LITERAL("h1"), LK_SLICE_LITERAL("h2")};
    const lk_test_answer answers[] = {{.failed = "1", .failed_code = "InternalError"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *c = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, NULL);
    assert_lk_ok(lk_delete_batch(c, JOBS, handles, 3, errors, &err));
    assert_int_equal(lk_test_sqs_count(sqs), 2);
    assert_true(lk_test_sqs_has(sqs, 1, "\"Entries\":[{\"Id\":\"0\",\"ReceiptHandle\":\"h1\"}]"));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(errors[i].code, LK_OK);
    lk_client_free(c);
    lk_test_sqs_stop(sqs);
}

static void without_a_place_for_results_the_first_failure_is_returned(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_slice handles[2] = {LK_SLICE_LITERAL("h0"), LK_SLICE_LITERAL("h1")};
    const lk_test_answer answers[] = {
        {.failed = "1", .failed_code = "ReceiptHandleIsInvalid", .sender_fault = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *c = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, NULL);
    assert_lk_fails(lk_delete_batch(c, JOBS, handles, 2, NULL, &err), LK_E_SERVICE);
    assert_string_equal(err.aws_code, "ReceiptHandleIsInvalid");
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    lk_client_free(c);
    lk_test_sqs_stop(sqs);
}

static void a_failed_call_is_the_result_of_all_its_entries_and_the_rest(void **state LK_UNUSED)
{
    lk_err err;
    lk_err errors[MANY];
    lk_slice handles[MANY];
    const lk_test_answer answers[] = {{0}, {.status = 403, .error = "AccessDenied"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *c = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, NULL);
    for (size_t i = 0; i < MANY; i++)
        handles[i] = LK_SLICE_LITERAL("h");
    assert_lk_ok(lk_delete_batch(c, JOBS, handles, MANY, errors, &err));
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(errors[i].code, i < 10 ? LK_OK : LK_E_SERVICE);
    assert_int_equal(lk_test_sqs_count(sqs), 2);
    lk_client_free(c);
    lk_test_sqs_stop(sqs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_action_can_be_called_by_name, start, stop),
        cmocka_unit_test_setup_teardown(a_queue_may_be_named_by_its_arn_or_url, start, stop),
        cmocka_unit_test_setup_teardown(parameters_that_are_no_object_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(an_unknown_action_says_so, start, stop),
        cmocka_unit_test_setup_teardown(queues_are_created_changed_and_deleted, start, stop),
        cmocka_unit_test_setup_teardown(a_redrive_policy_is_seen, start, stop),
        cmocka_unit_test_setup_teardown(messages_are_settled_one_by_one, start, stop),
        cmocka_unit_test_setup_teardown(batches_are_settled_with_a_result_for_each_entry, start,
                                        stop),
        cmocka_unit_test(any_number_goes_ten_a_call),
        cmocka_unit_test(an_entry_sqs_failed_itself_is_tried_again_alone),
        cmocka_unit_test(without_a_place_for_results_the_first_failure_is_returned),
        cmocka_unit_test(a_failed_call_is_the_result_of_all_its_entries_and_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
