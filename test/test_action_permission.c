/* SPDX-License-Identifier: MIT
 *
 * Tests of action_permission: statements of a queue's policy, to the byte.
 */
#include "lk_test_action.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_action_setup, test_action_teardown)
#define ARN        "arn:aws:sqs:us-east-1:000000000000:jobs"
#define HEAD       "{\"Version\":\"2008-10-17\",\"Id\":\"" ARN "/SQSDefaultPolicy\",\"Statement\":["
#define STATEMENT(label, principal, action)                                                        \
    "{\"Sid\":\"" label "\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":" principal                \
    "},\"Action\":" action ",\"Resource\":\"" ARN "\"}"
#define ROOT(account) "\"arn:aws:iam::" account ":root\""

static void add(test_action *t, const char *label, const char *accounts, const char *actions)
{
    test_action_call(t, "AddPermission",
                     "{'QueueUrl':'jobs','Label':'%s','AWSAccountIds':[%s],'Actions':[%s]}", label,
                     accounts, actions);
}

static void remove_label(test_action *t, const char *label)
{
    test_action_call(t, "RemovePermission", "{'QueueUrl':'jobs','Label':'%s'}", label);
}

static void assert_policy(test_action *t, const char *policy)
{
    test_action_call(t, "GetQueueAttributes", "{'QueueUrl':'jobs','AttributeNames':['Policy']}");
    lk_slice shown = test_action_attribute(t, "Policy");
    if (policy)
        assert_slice(shown, policy);
    else
        assert_null(shown.ptr);
}

static void set_policy(test_action *t, const char *policy)
{
    lk_buf escaped = {0};
    lk_json_write_string(&escaped, lk_slice_of(policy));
    test_action_call(t, "SetQueueAttributes", "{'QueueUrl':'jobs','Attributes':{'Policy':%s}}",
                     escaped.ptr);
    assert_action_ok(t);
    lk_buf_clear(&escaped);
}

static void the_first_permission_makes_the_policy(void **state)
{
    test_action *t = *state;
    add(t, "crossaccount", "'668386430494'", "'ReceiveMessage'");
    assert_action_ok(t);
    assert_string_equal(t->text.ptr, "{}");
    assert_policy(
        t, HEAD STATEMENT("crossaccount", ROOT("668386430494"), "\"SQS:ReceiveMessage\"") "]}");
}

static void lists_are_there_only_for_more_than_one(void **state)
{
    test_action *t = *state;
    add(t, "one", "'111111111111','222222222222'", "'SendMessage','*'");
    assert_action_ok(t);
    add(t, "two", "'111111111111'", "'*'");
    assert_action_ok(t);
    assert_policy(
        t,
        HEAD STATEMENT("one", "[" ROOT("111111111111") "," ROOT("222222222222") "]",
                       "[\"SQS:SendMessage\",\"SQS:*\"]") "," STATEMENT("two", ROOT("111111111111"),
                                                                        "\"SQS:*\"") "]}");
}

static void a_label_is_given_once(void **state)
{
    test_action *t = *state;
    add(t, "one", "'111111111111'", "'*'");
    add(t, "one", "'222222222222'", "'*'");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value one for parameter Label is invalid. Reason: Already exists.");
    assert_policy(t, HEAD STATEMENT("one", ROOT("111111111111"), "\"SQS:*\"") "]}");
}

static void a_removed_label_leaves_the_others_and_the_last_takes_the_policy_along(void **state)
{
    test_action *t = *state;
    add(t, "one", "'111111111111'", "'*'");
    add(t, "two", "'111111111111'", "'*'");
    remove_label(t, "one");
    assert_action_ok(t);
    assert_policy(t, HEAD STATEMENT("two", ROOT("111111111111"), "\"SQS:*\"") "]}");
    remove_label(t, "one");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value one for parameter Label is invalid. Reason: can't find label.");
    remove_label(t, "two");
    assert_action_ok(t);
    assert_policy(t, NULL);
    remove_label(t, "two");
    assert_action_error(t, "InvalidParameterValue");
}

static void a_policy_of_ones_own_keeps_what_it_says(void **state)
{
    test_action *t = *state;
    set_policy(t, "{\"Version\":\"2012-10-17\",\"Statement\":{\"Sid\":\"mine\",\"Effect\":"
                  "\"Deny\"},\"Id\":\"x\"}");
    add(t, "one", "'111111111111'", "'*'");
    assert_action_ok(t);
    assert_policy(t,
                  "{\"Version\":\"2012-10-17\",\"Id\":\"x\",\"Statement\":[{\"Sid\":\"mine\","
                  "\"Effect\":\"Deny\"}," STATEMENT("one", ROOT("111111111111"), "\"SQS:*\"") "]}");
    remove_label(t, "mine");
    assert_action_ok(t);
    assert_policy(t, "{\"Version\":\"2012-10-17\",\"Id\":\"x\",\"Statement\":[" STATEMENT(
                         "one", ROOT("111111111111"), "\"SQS:*\"") "]}");
    set_policy(t, "{}");
    add(t, "two", "'111111111111'", "'*'");
    assert_policy(t, "{\"Statement\":[" STATEMENT("two", ROOT("111111111111"), "\"SQS:*\"") "]}");
}

static void labels_actions_and_their_number_have_rules(void **state)
{
    test_action *t = *state;
    add(t, "a label", "'111111111111'", "'*'");
    assert_action_error(t, "InvalidParameterValue");
    add(t, "one", "'111111111111'", "'SendMessage','Sendmessage'");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Value SQS:Sendmessage for parameter ActionName is invalid. Reason: "
                             "Please refer to the appropriate WSDL for a list of valid actions.");
    add(t, "one", "'111111111111'", "'*','*','*','*','*','*','*','*'");
    assert_action_error(t, "OverLimit");
    assert_int_equal(t->status, 403);
    assert_slice(t->message, "8 Actions were found, maximum allowed is 7.");
    assert_policy(t, NULL);
    add(t, "one", "'111111111111'", "'*','*','*','*','*','*','*'");
    assert_action_ok(t);
}

static void every_part_of_a_permission_is_required(void **state)
{
    static const char *const calls[][2] = {
        {"{'QueueUrl':'jobs','AWSAccountIds':['1'],'Actions':['*']}", "Label"},
        {"{'QueueUrl':'jobs','Label':'x','Actions':['*']}", "AWSAccountIds"},
        {"{'QueueUrl':'jobs','Label':'x','AWSAccountIds':['1'],'Actions':[]}", "Actions"}};
    test_action *t = *state;
    char text[80];
    for (size_t i = 0; i < LK_COUNT(calls); i++) {
        test_action_call(t, "AddPermission", "%s", calls[i][0]);
        assert_action_error(t, "MissingParameter");
        snprintf(text, sizeof text, "The request must contain the parameter %s.", calls[i][1]);
        assert_slice(t->message, text);
    }
    test_action_call(t, "RemovePermission", "{'QueueUrl':'nothing','Label':'x'}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
    test_action_call(t, "AddPermission",
                     "{'QueueUrl':'nothing','Label':'x','AWSAccountIds':['1'],'Actions':['*']}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_permission_makes_the_policy),
        TEST(lists_are_there_only_for_more_than_one),
        TEST(a_label_is_given_once),
        TEST(a_removed_label_leaves_the_others_and_the_last_takes_the_policy_along),
        TEST(a_policy_of_ones_own_keeps_what_it_says),
        TEST(labels_actions_and_their_number_have_rules),
        TEST(every_part_of_a_permission_is_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
