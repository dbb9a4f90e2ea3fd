/* SPDX-License-Identifier: MIT
 *
 * Tests of the lists of queues in action_queue: ListQueues, ListDeadLetterSourceQueues, pages.
 */
#include "lk_test_action.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_action_setup, test_action_teardown)
#define ARN        "arn:aws:sqs:us-east-1:000000000000:"

/* --- ListQueues ----------------------------------------------------------------------------- */

static void list_shows_urls_sorted_by_name(void **state)
{
    test_action *t = *state;
    test_action_call(t, "CreateQueue", "{'QueueName':'alpha'}");
    test_action_call(t, "ListQueues", "{}");
    assert_string_equal(t->text.ptr,
                        "{\"QueueUrls\":[\"" TEST_ACTION_BASE
                        "/000000000000/alpha\",\"" TEST_ACTION_BASE
                        "/000000000000/jobs\",\"" TEST_ACTION_BASE "/000000000000/jobs.fifo\"]}");
    test_action_call(t, "ListQueues", "{'QueueNamePrefix':'al'}");
    assert_int_equal(test_action_count(t, "QueueUrls"), 1);
    test_action_call(t, "ListQueues", "{'QueueNamePrefix':'zz'}");
    assert_string_equal(t->text.ptr, "{}");
}

static void the_pages_of_a_list_are_complete_and_without_duplicates(void **state)
{
    test_action *t = *state;
    char token[128] = "";
    size_t seen = 0, pages = 0;
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "page-%d", i);
        test_action_call(t, "CreateQueue", "{'QueueName':'%s'}", name);
    }
    do {
        test_action_call(t, "ListQueues", "{'QueueNamePrefix':'page','MaxResults':2%s%s%s}",
                         token[0] ? ",'NextToken':'" : "", token, token[0] ? "'" : "");
        assert_action_ok(t);
        lk_slice first = lk_json_string(lk_json_at(lk_json_get(t->json, "QueueUrls"), 0));
        char expected[80];
        snprintf(expected, sizeof expected, TEST_ACTION_BASE "/000000000000/page-%zu", seen);
        assert_slice(first, expected);
        seen += test_action_count(t, "QueueUrls");
        pages++;
        lk_slice_copy(test_action_string(t, "NextToken"), token, sizeof token);
    } while (token[0]);
    assert_int_equal(seen, 5);
    assert_int_equal(pages, 3);
}

static void a_page_has_a_token_only_when_asked_for_pages_and_more_remain(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ListQueues", "{'MaxResults':2}");
    assert_int_equal(test_action_count(t, "QueueUrls"), 2);
    assert_null(test_action_string(t, "NextToken").ptr);
    test_action_call(t, "ListQueues", "{'MaxResults':1}");
    assert_non_null(test_action_string(t, "NextToken").ptr);
}

static void bad_pages_are_invalid_parameters(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ListQueues", "{'MaxResults':0}");
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "ListQueues", "{'MaxResults':1001}");
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "ListQueues", "{'MaxResults':1,'NextToken':'?'}");
    assert_action_error(t, "InvalidParameterValue");
}

/* --- ListDeadLetterSourceQueues ------------------------------------------------------------- */

static void create_source(test_action *t, const char *name, const char *dead_letters)
{
    test_action_call(t, "CreateQueue",
                     "{'QueueName':'%s','Attributes':{'RedrivePolicy':'{\\'deadLetterTargetArn\\':"
                     "\\'" ARN "%s\\',\\'maxReceiveCount\\':3}'}}",
                     name, dead_letters);
    assert_action_ok(t);
}

static void sources_are_the_queues_whose_redrive_policy_names_the_queue(void **state)
{
    test_action *t = *state;
    create_source(t, "b", "jobs");
    create_source(t, "a", "jobs");
    create_source(t, "c", "a");
    test_action_call(t, "ListDeadLetterSourceQueues", "{'QueueUrl':'jobs'}");
    assert_string_equal(t->text.ptr, "{\"queueUrls\":[\"" TEST_ACTION_BASE
                                     "/000000000000/a\",\"" TEST_ACTION_BASE "/000000000000/b\"]}");
    test_action_call(t, "ListDeadLetterSourceQueues", "{'QueueUrl':'b'}");
    assert_string_equal(t->text.ptr, "{}");
    test_action_call(t, "ListDeadLetterSourceQueues", "{'QueueUrl':'nothing'}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
}

static void sources_come_in_pages_as_queues_do(void **state)
{
    test_action *t = *state;
    create_source(t, "a", "jobs");
    create_source(t, "b", "jobs");
    create_source(t, "c", "jobs");
    test_action_call(t, "ListDeadLetterSourceQueues", "{'QueueUrl':'jobs','MaxResults':2}");
    assert_int_equal(test_action_count(t, "queueUrls"), 2);
    char token[64];
    assert_true(lk_slice_copy(test_action_string(t, "NextToken"), token, sizeof token));
    test_action_call(t, "ListDeadLetterSourceQueues",
                     "{'QueueUrl':'jobs','MaxResults':2,'NextToken':'%s'}", token);
    assert_string_equal(t->text.ptr, "{\"queueUrls\":[\"" TEST_ACTION_BASE "/000000000000/c\"]}");
    test_action_call(t, "ListDeadLetterSourceQueues", "{'QueueUrl':'jobs','MaxResults':1001}");
    assert_action_error(t, "InvalidParameterValue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_shows_urls_sorted_by_name),
        TEST(the_pages_of_a_list_are_complete_and_without_duplicates),
        TEST(a_page_has_a_token_only_when_asked_for_pages_and_more_remain),
        TEST(bad_pages_are_invalid_parameters),
        TEST(sources_are_the_queues_whose_redrive_policy_names_the_queue),
        TEST(sources_come_in_pages_as_queues_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
