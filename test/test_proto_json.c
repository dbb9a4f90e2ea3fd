/* SPDX-License-Identifier: MIT
 *
 * Tests of proto_json: what a request may look like, and how answers and errors do.
 */
#include "lk_test_action.h"
#include "proto_json.h"

static void assert_answer(const test_action *t, const char *json)
{
    assert_string_equal(t->text.ptr, json);
}

/* --- Requests ------------------------------------------------------------------------------- */

static void text_that_is_not_json_is_a_serialization_exception(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "{\"QueueName\":\"jobs\"} x",
                                      "nonsense",
                                      "{\"QueueName\":\"\xff\"}",
                                      "{\"QueueName\":\"\\ud800\"}"};
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        test_action_call_raw(t, "GetQueueUrl", lk_slice_of(bad[i]));
        assert_action_error(t, "MalformedInput");
        assert_string_equal(t->type, "com.amazon.coral.service#SerializationException");
        assert_int_equal(t->status, 400);
    }
}

static void json_that_is_no_object_is_a_serialization_exception(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ListQueues", "[]");
    assert_action_error(t, "MalformedInput");
    test_action_call(t, "ListQueues", "null");
    assert_action_error(t, "MalformedInput");
}

static void members_of_the_wrong_type_are_serialization_exceptions(void **state)
{
    static const char *const bad[] = {"{'QueueUrl':5}",
                                      "{'QueueUrl':'jobs','MaxNumberOfMessages':'two'}",
                                      "{'QueueUrl':'jobs','MaxNumberOfMessages':1.5}",
                                      "{'QueueUrl':'jobs','WaitTimeSeconds':-9223372036854775808}",
                                      "{'QueueUrl':'jobs','AttributeNames':'All'}",
                                      "{'QueueUrl':'jobs','AttributeNames':[1]}",
                                      "{'QueueUrl':'jobs','WaitTimeSeconds':true}"};
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        test_action_call(t, "ReceiveMessage", "%s", bad[i]);
        assert_action_error(t, "MalformedInput");
    }
    test_action_call(t, "SendMessageBatch", "{'QueueUrl':'jobs','Entries':{}}");
    assert_action_error(t, "MalformedInput");
    test_action_call(t, "SendMessageBatch", "{'QueueUrl':'jobs','Entries':['a']}");
    assert_action_error(t, "MalformedInput");
    test_action_call(t, "SetQueueAttributes",
                     "{'QueueUrl':'jobs','Attributes':{'DelaySeconds':1}}");
    assert_action_error(t, "MalformedInput");
    test_action_call(t, "SendMessage",
                     "{'QueueUrl':'jobs','MessageBody':'x','MessageAttributes':{'a':1}}");
    assert_action_error(t, "MalformedInput");
}

static void a_request_of_too_many_values_is_refused_and_a_body_of_many_is_not(void **state)
{
    test_action *t = *state;
    lk_buf body = {0};
    lk_buf_add_str(&body, "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"\\\\\\\"");
    for (int i = 0; i < 20000; i++)
        lk_buf_add_str(&body, "[,{");
    size_t end = body.len;
    lk_buf_add_str(&body, "\"}");
    test_action_call_raw(t, "SendMessage", lk_buf_slice(&body));
    assert_action_ok(t);
    body.len = end;
    lk_buf_add_str(&body, "\",\"Nonsense\":[");
    for (int i = 0; i < 10000; i++)
        lk_buf_add_str(&body, "0,");
    lk_buf_add_str(&body, "0]}");
    test_action_call_raw(t, "SendMessage", lk_buf_slice(&body));
    assert_action_error(t, "MalformedInput");
    lk_buf_clear(&body);
}

static void a_binary_value_must_be_base64(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SendMessage",
                     "{'QueueUrl':'jobs','MessageBody':'x','MessageAttributes':{'a':{'DataType':"
                     "'Binary','BinaryValue':'***'}}}");
    assert_action_error(t, "MalformedInput");
}

static void unknown_members_and_nulls_are_ignored(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'jobs','Nonsense':[1,2],'MaxNumberOfMessages':null,"
                     "'AttributeNames':null,'VisibilityTimeout':null}");
    assert_action_ok(t);
    assert_answer(t, "{}");
}

static void numbers_may_be_digit_strings(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs','MaxNumberOfMessages':'11'}");
    assert_action_error(t, "InvalidParameterValue");
}

static void the_target_may_lack_its_prefix(void **state)
{
    lk_err err;
    lk_request request;
    const lk_action_env env = {.region = "us-east-1", .account = "000000000000"};
    const lk_wire wire = {.target = LK_SLICE_LITERAL("ListQueues"), .body = LK_SLICE_LITERAL("{}")};
    (void)state;
    lk_request_init(&request, &env);
    assert_int_equal(lk_proto_json.parse(&wire, &request, &err), 0);
    assert_string_equal(request.action->name, "ListQueues");
    lk_request_clear(&request);
}

static void an_unknown_action_is_400_invalid_action(void **state)
{
    test_action *t = *state;
    test_action_call(t, "FooBar", "{}");
    assert_action_error(t, "InvalidAction");
    assert_int_equal(t->status, 400);
    assert_answer(t, "{\"__type\":\"com.amazon.coral.service#UnknownOperationException\","
                     "\"message\":\"The action FooBar is not valid for this endpoint.\"}");
}

/* --- Requests that are read from their text ------------------------------------------------- */

static const lk_action_env parse_env = {.region = "us-east-1", .account = "000000000000"};

/* true: without a tree. *request is to be cleared. */
static bool read_without_tree(const char *action, lk_slice text, lk_request *request, int *rc)
{
    lk_err err;
    const lk_wire wire = {.target = lk_slice_of(action), .body = text};
    lk_request_init(request, &parse_env);
    *rc = lk_proto_json.parse(&wire, request, &err);
    assert_true(*rc >= 0);
    return *rc == 0 && !request->document;
}

/* The same request with a member that only the tree passes over. */
static void read_with_tree(const char *action, lk_slice text, lk_request *request)
{
    int rc;
    lk_buf longer = {0};
    lk_slice before, behind = lk_slice_cut(text, '{', &before);
    bool empty = lk_slice_trim(behind).ptr[0] == '}';
    lk_buf_addf(&longer, "%.*s{\"Nonsense\":null%s%.*s", LK_SLICE_FMT(before), empty ? "" : ",",
                LK_SLICE_FMT(behind));
    assert_false(read_without_tree(action, lk_buf_slice(&longer), request, &rc));
    if (rc != 0)
        fail_msg("%s: what was read from the text is refused: %.*s", action, LK_SLICE_FMT(text));
    lk_buf_clear(&longer);
}

static void assert_same_slice(lk_slice a, lk_slice b)
{
    assert_int_equal(a.ptr != NULL, b.ptr != NULL);
    assert_true(lk_slice_equal(a, b));
}

static void assert_same_names(const lk_names *a, const lk_names *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_same_slice(a->items[i], b->items[i]);
}

static void assert_same_attributes(const lk_attribute_values *a, const lk_attribute_values *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_same_slice(a->items[i].name, b->items[i].name);
        assert_same_slice(a->items[i].data_type, b->items[i].data_type);
        assert_same_slice(a->items[i].string_value, b->items[i].string_value);
        assert_same_slice(a->items[i].binary_value, b->items[i].binary_value);
        assert_int_equal(a->items[i].has_list, b->items[i].has_list);
    }
}

static void assert_same_members(const lk_member *members, const void *a, const void *b)
{
    for (const lk_member *m = members; m->name; m++) {
        const void *x = (const char *)a + m->offset;
        const void *y = (const char *)b + m->offset;
        const lk_request_entries *entries = x, *others = y;
        if (m->kind == LK_MEMBER_STRING)
            assert_same_slice(*(const lk_slice *)x, *(const lk_slice *)y);
        if (m->kind == LK_MEMBER_INT)
            assert_int_equal(*(const int64_t *)x, *(const int64_t *)y);
        if (m->kind == LK_MEMBER_NAMES)
            assert_same_names(x, y);
        if (m->kind == LK_MEMBER_ATTRIBUTES)
            assert_same_attributes(x, y);
        if (m->kind != LK_MEMBER_ENTRIES)
            continue;
        assert_int_equal(entries->count, others->count);
        for (size_t i = 0; i < entries->count; i++)
            assert_same_members(m->entry, &entries->items[i], &others->items[i]);
    }
}

/* Whether it was read without a tree; then it says what the tree says. */
static bool assert_read_alike(const char *action, lk_slice text)
{
    int rc;
    lk_request quick, thorough;
    bool read = read_without_tree(action, text, &quick, &rc);
    if (read) {
        read_with_tree(action, text, &thorough);
        assert_same_members(quick.action->members, &quick, &thorough);
        lk_request_clear(&thorough);
    }
    lk_request_clear(&quick);
    return read;
}

typedef struct spoken {
    const char *action;
    const char *text;
} spoken;

static const spoken sdk_requests[] = {
    {"SendMessage", "{\"QueueUrl\":\"http://h/0/jobs\",\"MessageBody\":\"{\\\"a\\\":[1]}\\n\\/\","
                    "\"DelaySeconds\":15,\"MessageAttributes\":{\"lambdakiq\":{\"DataType\":"
                    "\"String\",\"StringValue\":\"1\"},\"b\":{\"StringValue\":\"\\b\\f\\r\\t\","
                    "\"DataType\":\"Number\"}}}"},
    {"SendMessage", "{ \"QueueUrl\" : \"jobs\" , \"MessageBody\" : \"gr\xc3\xbc\xc3\x9f\xe2\x82\xac"
                    "\xf0\x9f\x90\xb1\" , \"MessageGroupId\" : \"g\", \"MessageDeduplicationId\" :"
                    " \"d\", \"MessageAttributes\" : { } }\n"},
    {"SendMessageBatch", "{\"QueueUrl\":\"jobs\",\"Entries\":[{\"Id\":\"0\",\"MessageBody\":\"x\"},"
                         "{\"Id\":\"1\",\"MessageBody\":\"y\",\"DelaySeconds\":0}]}"},
    {"ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":0,"
                       "\"VisibilityTimeout\":-3,\"AttributeNames\":[\"All\"],"
                       "\"MessageAttributeNames\":[\"a\",\"b.*\"],"
                       "\"MessageSystemAttributeNames\":[]}"},
    {"DeleteMessage", "{\"QueueUrl\":\"jobs\",\"ReceiptHandle\":\"AQEB+/=\"}"},
    {"DeleteMessageBatch", "{\"QueueUrl\":\"jobs\",\"Entries\":[]}"},
    {"ListQueues", "{}"},
};

static void what_sdks_send_is_read_without_a_tree_and_means_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_COUNT(sdk_requests); i++)
        if (!assert_read_alike(sdk_requests[i].action, lk_slice_of(sdk_requests[i].text)))
            fail_msg("a tree was made of %s", sdk_requests[i].text);
}

/* Every byte of them put in the place of every other. */
static void what_is_read_without_a_tree_of_damaged_requests_means_the_same(void **state)
{
    static const char bytes[] = "\"\\{}[]:,0-1.eu/nA \x01\xc3\x9f";
    size_t read = 0;
    (void)state;
    for (size_t i = 0; i < LK_COUNT(sdk_requests); i++) {
        char text[512];
        size_t len = strlen(sdk_requests[i].text);
        assert_true(len < sizeof text);
        for (size_t at = 0; at < len; at++)
            for (size_t b = 0; b < sizeof bytes; b++) { /* NUL, too */
                memcpy(text, sdk_requests[i].text, len);
                text[at] = bytes[b];
                read += assert_read_alike(sdk_requests[i].action, (lk_slice){text, len});
            }
    }
    assert_true(read > 0);
}

static void what_only_the_tree_understands_is_left_to_it(void **state)
{
    static const char *const texts[] = {
        "{'QueueUrl':'jobs','MessageBody':'\\u00e9'}",
        "{'QueueUrl':'jobs','MessageBody':'x','Nonsense':1}",
        "{'QueueUrl':'jobs','MessageBody':'x','DelaySeconds':null}",
        "{'QueueUrl':'jobs','MessageBody':'x','DelaySeconds':'1'}",
        "{'QueueUrl':'jobs','MessageBody':'x','DelaySeconds':1.0}",
        "{'QueueUrl':'jobs','MessageBody':'x','DelaySeconds':1e0}",
        "{'QueueUrl':'jobs','MessageBody':'x','MessageAttributes':{'a':{'DataType':'Binary',"
        "'BinaryValue':'AAAA'}}}",
        "{'QueueUrl':'jobs','MessageBody':'x','MessageAttributes':{'a':{'DataType':'String',"
        "'StringValue':'1'},'a':{'DataType':'String','StringValue':'2'}}}"};
    test_action *t = *state;
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        test_action_call(t, "SendMessage", "%s", texts[i]);
        assert_action_ok(t);
    }
}

/* --- Answers -------------------------------------------------------------------------------- */

static void an_unknown_queue_has_its_two_names(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'nothing'}");
    assert_action_error(t, "AWS.SimpleQueueService.NonExistentQueue");
    assert_answer(t, "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\","
                     "\"message\":\"The specified queue does not exist.\"}");
}

static void an_empty_receive_has_no_messages_member(void **state)
{
    test_action *t = *state;
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs'}");
    assert_answer(t, "{}");
}

static void void_actions_answer_an_empty_object(void **state)
{
    test_action *t = *state;
    test_action_call(t, "PurgeQueue", "{'QueueUrl':'jobs'}");
    assert_answer(t, "{}");
}

static void a_plain_message_has_five_members_only(void **state)
{
    test_action *t = *state;
    char expected[512];
    lk_slice id, handle;
    test_action_send(t, "jobs", "hello world");
    test_action_call(t, "ReceiveMessage", "{'QueueUrl':'jobs'}");
    id = test_action_item(t, "Messages", 0, "MessageId");
    handle = test_action_item(t, "Messages", 0, "ReceiptHandle");
    snprintf(expected, sizeof expected,
             "{\"Messages\":[{\"MessageId\":\"%.*s\",\"ReceiptHandle\":\"%.*s\","
             "\"MD5OfBody\":\"5eb63bbbe01eeed093cb22bb8f5acdc3\",\"Body\":\"hello world\"}]}",
             LK_SLICE_FMT(id), LK_SLICE_FMT(handle));
    assert_answer(t, expected);
}

static void bodies_come_back_byte_for_byte(void **state)
{
    test_action *t = *state;
    test_action_call_raw(
        t, "SendMessage",
        LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"a\\r\\n\\t\\\"\\\\h\xC3\xA9llo "
                         "\\u2713 \\ud834\\udd1e\"}"));
    assert_action_ok(t);
    test_action_receive(t, "jobs", 1);
    assert_slice(test_action_item(t, "Messages", 0, "Body"), "a\r\n\t\"\\héllo ✓ 𝄞");
}

static void a_nul_in_a_body_is_invalid_contents(void **state)
{
    test_action *t = *state;
    test_action_call_raw(t, "SendMessage",
                         LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"a\\u0000b\"}"));
    assert_action_error(t, "InvalidMessageContents");
    assert_string_equal(t->type, "com.amazonaws.sqs#InvalidMessageContents");
}

static void attributes_keep_their_types_both_ways(void **state)
{
    test_action *t = *state;
    const lk_json *attributes;
    test_action_call(t, "SendMessage",
                     "{'QueueUrl':'jobs','MessageBody':'x','MessageAttributes':{'trace_id':{"
                     "'DataType':'String.uuid','StringValue':'abc'},'Count':{'DataType':'Number',"
                     "'StringValue':'42'},'bin':{'DataType':'Binary.png','BinaryValue':'AAH/'}}}");
    assert_slice(test_action_string(t, "MD5OfMessageAttributes"),
                 "f5b4992ceba1238c508c82f02c1aa8dc");
    test_action_receive(t, "jobs", 1);
    assert_slice(test_action_item(t, "Messages", 0, "MD5OfMessageAttributes"),
                 "f5b4992ceba1238c508c82f02c1aa8dc");
    attributes = lk_json_get(lk_json_at(lk_json_get(t->json, "Messages"), 0), "MessageAttributes");
    assert_int_equal(lk_json_length(attributes), 3);
    const lk_json *binary = lk_json_get(attributes, "bin");
    assert_slice(lk_json_string(lk_json_get(binary, "BinaryValue")), "AAH/");
    assert_slice(lk_json_string(lk_json_get(binary, "DataType")), "Binary.png");
    assert_null(lk_json_get(binary, "StringValue"));
    const lk_json *count = lk_json_get(attributes, "Count");
    assert_slice(lk_json_string(lk_json_get(count, "StringValue")), "42");
    assert_null(lk_json_get(count, "BinaryValue"));
}

static void batch_answers_leave_out_the_empty_half(void **state)
{
    test_action *t = *state;
    test_action_call(t, "SendMessageBatch",
                     "{'QueueUrl':'jobs','Entries':[{'Id':'a','MessageBody':'x'}]}");
    assert_int_equal(test_action_count(t, "Successful"), 1);
    assert_null(lk_json_get(t->json, "Failed"));
    test_action_call(t, "DeleteMessageBatch",
                     "{'QueueUrl':'jobs','Entries':[{'Id':'a','ReceiptHandle':'nonsense'}]}");
    assert_answer(t, "{\"Failed\":[{\"Id\":\"a\",\"SenderFault\":true,\"Code\":"
                     "\"ReceiptHandleIsInvalid\",\"Message\":\"The input receipt handle "
                     "\\\"nonsense\\\" is not a valid receipt handle.\"}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_is_not_json_is_a_serialization_exception),
        cmocka_unit_test(json_that_is_no_object_is_a_serialization_exception),
        cmocka_unit_test(members_of_the_wrong_type_are_serialization_exceptions),
        cmocka_unit_test_setup_teardown(
            a_request_of_too_many_values_is_refused_and_a_body_of_many_is_not, test_action_setup,
            test_action_teardown),
        cmocka_unit_test(a_binary_value_must_be_base64),
        cmocka_unit_test(unknown_members_and_nulls_are_ignored),
        cmocka_unit_test(numbers_may_be_digit_strings),
        cmocka_unit_test(the_target_may_lack_its_prefix),
        cmocka_unit_test(an_unknown_action_is_400_invalid_action),
        cmocka_unit_test(what_sdks_send_is_read_without_a_tree_and_means_the_same),
        cmocka_unit_test(what_is_read_without_a_tree_of_damaged_requests_means_the_same),
        cmocka_unit_test_setup_teardown(what_only_the_tree_understands_is_left_to_it,
                                        test_action_setup, test_action_teardown),
        cmocka_unit_test(an_unknown_queue_has_its_two_names),
        cmocka_unit_test_setup_teardown(an_empty_receive_has_no_messages_member, test_action_setup,
                                        test_action_teardown),
        cmocka_unit_test(void_actions_answer_an_empty_object),
        cmocka_unit_test_setup_teardown(a_plain_message_has_five_members_only, test_action_setup,
                                        test_action_teardown),
        cmocka_unit_test_setup_teardown(bodies_come_back_byte_for_byte, test_action_setup,
                                        test_action_teardown),
        cmocka_unit_test(a_nul_in_a_body_is_invalid_contents),
        cmocka_unit_test_setup_teardown(attributes_keep_their_types_both_ways, test_action_setup,
                                        test_action_teardown),
        cmocka_unit_test(batch_answers_leave_out_the_empty_half),
    };
    return cmocka_run_group_tests(tests, test_action_setup, test_action_teardown);
}
