/* SPDX-License-Identifier: MIT
 *
 * Tests of action_tag: tags of queues.
 */
#include "lk_test_action.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_action_setup, test_action_teardown)

static void tag(test_action *t, const char *tags)
{
    test_action_call(t, "TagQueue", "{'QueueUrl':'jobs','Tags':{%s}}", tags);
}

static void assert_tags(test_action *t, const char *queue, const char *answer)
{
    test_action_call(t, "ListQueueTags", "{'QueueUrl':'%s'}", queue);
    assert_action_ok(t);
    assert_string_equal(t->text.ptr, answer);
}

static void tags_are_listed_and_the_same_key_overwrites(void **state)
{
    test_action *t = *state;
    tag(t, "'team':'blue','Stage':'test'");
    assert_action_ok(t);
    tag(t, "'team':'red','stage':''");
    assert_action_ok(t);
    assert_tags(t, "jobs", "{\"Tags\":{\"Stage\":\"test\",\"stage\":\"\",\"team\":\"red\"}}");
}

static void a_queue_without_tags_answers_no_tags_member(void **state)
{
    assert_tags(*state, "jobs", "{}");
}

static void tags_belong_to_their_queue_and_go_with_it(void **state)
{
    test_action *t = *state;
    tag(t, "'a':'1'");
    assert_tags(t, "jobs.fifo", "{}");
    test_action_call(t, "DeleteQueue", "{'QueueUrl':'jobs'}");
    test_action_call(t, "CreateQueue", "{'QueueName':'jobs'}");
    assert_tags(t, "jobs", "{}");
}

static void untag_removes_keys_and_ignores_unknown_ones(void **state)
{
    test_action *t = *state;
    tag(t, "'a':'1','b':'2'");
    test_action_call(t, "UntagQueue", "{'QueueUrl':'jobs','TagKeys':['a','A','nothing']}");
    assert_action_ok(t);
    assert_string_equal(t->text.ptr, "{}");
    assert_tags(t, "jobs", "{\"Tags\":{\"b\":\"2\"}}");
}

static void a_queue_is_created_with_tags_of_a_lower_case_member(void **state)
{
    test_action *t = *state;
    test_action_call(t, "CreateQueue", "{'QueueName':'fresh','tags':{'a':'1'}}");
    assert_action_ok(t);
    assert_tags(t, "fresh", "{\"Tags\":{\"a\":\"1\"}}");
    test_action_call(t, "CreateQueue", "{'QueueName':'fresh','tags':{'a':'2','b':'3'}}");
    assert_action_ok(t); /* tags are not compared */
    assert_tags(t, "fresh", "{\"Tags\":{\"a\":\"1\"}}");
}

static void tags_and_keys_are_required(void **state)
{
    test_action *t = *state;
    tag(t, "");
    assert_action_error(t, "MissingParameter");
    assert_slice(t->message, "The request must contain the parameter Tags.");
    test_action_call(t, "UntagQueue", "{'QueueUrl':'jobs'}");
    assert_action_error(t, "MissingParameter");
    assert_slice(t->message, "The request must contain the parameter TagKeys.");
}

static void keys_have_1_to_128_characters_and_values_up_to_256(void **state)
{
    test_action *t = *state;
    char text[600], long_text[600];
    for (size_t i = 0; i < 257; i++)
        memcpy(long_text + 2 * i, "\xc3\xa9", 2); /* characters count, not bytes */
    snprintf(text, sizeof text, "'%.*s':'x'", 2 * 128, long_text);
    tag(t, text);
    assert_action_ok(t);
    snprintf(text, sizeof text, "'%.*s':'x'", 2 * 129, long_text);
    tag(t, text);
    assert_action_error(t, "InvalidParameterValue");
    snprintf(text, sizeof text, "'k':'%.*s'", 2 * 256, long_text);
    tag(t, text);
    assert_action_ok(t);
    snprintf(text, sizeof text, "'k':'%.*s'", 2 * 257, long_text);
    tag(t, text);
    assert_action_error(t, "InvalidParameterValue");
    tag(t, "'':'x'");
    assert_action_error(t, "InvalidParameterValue");
    tag(t, "'AWS:thing':'x'");
    assert_action_error(t, "InvalidParameterValue");
    test_action_call(t, "UntagQueue", "{'QueueUrl':'jobs','TagKeys':['']}");
    assert_action_error(t, "InvalidParameterValue");
}

static void add_tags(lk_buf *out, int from, int to)
{
    for (int i = from; i < to; i++)
        lk_buf_addf(out, "%s'k%d':'v'", i > from ? "," : "", i);
}

static void a_queue_has_50_tags_at_most(void **state)
{
    test_action *t = *state;
    lk_buf tags = {0};
    add_tags(&tags, 0, 49);
    tag(t, tags.ptr);
    assert_action_ok(t);
    tag(t, "'k0':'again','k49':'the last'");
    assert_action_ok(t);
    tag(t, "'k1':'again','k50':'one too many'");
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Too many tags added for queue jobs.");
    test_action_call(t, "ListQueueTags", "{'QueueUrl':'jobs'}");
    assert_int_equal(test_action_count(t, "Tags"), 50);
    assert_slice(lk_json_string(lk_json_get(lk_json_get(t->json, "Tags"), "k1")), "v");
    lk_buf_clear(&tags);
}

static void too_many_tags_create_no_queue(void **state)
{
    test_action *t = *state;
    lk_buf tags = {0};
    add_tags(&tags, 0, 51);
    test_action_call(t, "CreateQueue", "{'QueueName':'fresh','tags':{%s}}", tags.ptr);
    assert_action_error(t, "InvalidParameterValue");
    assert_slice(t->message, "Too many tags added for queue fresh.");
    test_action_call(t, "GetQueueUrl", "{'QueueName':'fresh'}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
    lk_buf_clear(&tags);
}

static void every_tag_action_wants_the_queue_to_exist(void **state)
{
    static const char *const calls[][2] = {{"TagQueue", ",'Tags':{'a':'1'}"},
                                           {"UntagQueue", ",'TagKeys':['a']"},
                                           {"ListQueueTags", ""}};
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(calls); i++) {
        test_action_call(t, calls[i][0], "{'QueueUrl':'nothing'%s}", calls[i][1]);
        assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tags_are_listed_and_the_same_key_overwrites),
        TEST(a_queue_without_tags_answers_no_tags_member),
        TEST(tags_belong_to_their_queue_and_go_with_it),
        TEST(untag_removes_keys_and_ignores_unknown_ones),
        TEST(a_queue_is_created_with_tags_of_a_lower_case_member),
        TEST(tags_and_keys_are_required),
        TEST(keys_have_1_to_128_characters_and_values_up_to_256),
        TEST(a_queue_has_50_tags_at_most),
        TEST(too_many_tags_create_no_queue),
        TEST(every_tag_action_wants_the_queue_to_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
