/* SPDX-License-Identifier: MIT
 *
 * test_mapping: what a result means for its batch, the shape of the event, the trace header.
 */
#include "lk_test.h"

#include "json.h"
#include "mapping_event.h"

/* --- Result --------------------------------------------------------------------------------- */

static const char *const batch_ids[] = {"id-a", "id-b", "id-c"};

/* expected: one letter per message: d done, k kept. */
static void assert_result(bool report, bool ok, const char *payload, const char *expected)
{
    lk_slice ids[LK_COUNT(batch_ids)];
    bool done[LK_COUNT(batch_ids)];
    char got[LK_COUNT(batch_ids) + 1] = "";
    for (size_t i = 0; i < LK_COUNT(batch_ids); i++)
        ids[i] = lk_slice_of(batch_ids[i]);
    lk_mapping_result(report, ok, lk_slice_of(payload), ids, LK_COUNT(ids), done);
    for (size_t i = 0; i < LK_COUNT(batch_ids); i++)
        got[i] = done[i] ? 'd' : 'k';
    if (strcmp(got, expected) != 0)
        fail_msg("report %d, ok %d, %s: %s, expected %s", report, ok, payload, got, expected);
}

/* Everything a function may answer. */
static const struct {
    const char *payload;
    const char *with_report; /* expected with ReportBatchItemFailures */
} answers[] = {
    /* success */
    {"{\"batchItemFailures\":[]}", "ddd"},
    {"{\"batchItemFailures\":null}", "ddd"},
    {"{}", "ddd"},
    {"{\"other\":1}", "ddd"},
    {"null", "ddd"},
    {"", "ddd"},
    {" \n", "ddd"},
    /* partial failure */
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-b\"}]}", "dkd"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-a\"},{\"itemIdentifier\":\"id-c\"}]}",
     "kdk"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-b\"},{\"itemIdentifier\":\"id-b\"}]}",
     "dkd"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-a\",\"x\":1}],\"y\":2}", "kdd"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-a\"},{\"itemIdentifier\":\"id-b\"},"
     "{\"itemIdentifier\":\"id-c\"}]}",
     "kkk"},
    /* entries that name no message of the batch */
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"\"}]}", "kkk"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":null}]}", "kkk"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":1}]}", "kkk"},
    {"{\"batchItemFailures\":[{}]}", "kkk"},
    {"{\"batchItemFailures\":[{\"itemidentifier\":\"id-a\"}]}", "kkk"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-x\"}]}", "kkk"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-a \"}]}", "kkk"},
    {"{\"batchItemFailures\":[{\"itemIdentifier\":\"id-a\"},{\"itemIdentifier\":\"id-x\"}]}",
     "kkk"},
    {"{\"batchItemFailures\":[\"id-a\"]}", "kkk"},
    {"{\"batchItemFailures\":[null]}", "kkk"},
    /* answers of another shape */
    {"not json", "kkk"},
    {"{\"batchItemFailures\":[", "kkk"},
    {"{} trailing", "kkk"},
    {"\"text\"", "kkk"},
    {"1", "kkk"},
    {"true", "kkk"},
    {"[]", "kkk"},
    {"[{\"itemIdentifier\":\"id-a\"}]", "kkk"},
    {"{\"batchItemFailures\":{}}", "kkk"},
    {"{\"batchItemFailures\":\"id-a\"}", "kkk"},
    {"{\"batchItemFailures\":false}", "kkk"},
};

static void a_reported_result_deletes_what_it_does_not_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_COUNT(answers); i++)
        assert_result(true, true, answers[i].payload, answers[i].with_report);
}

static void without_reporting_every_answer_is_success(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_COUNT(answers); i++)
        assert_result(false, true, answers[i].payload, "ddd");
}

static void a_failed_invocation_keeps_all_whatever_it_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_COUNT(answers); i++) {
        assert_result(true, false, answers[i].payload, "kkk");
        assert_result(false, false, answers[i].payload, "kkk");
    }
}

static void an_answer_that_names_no_message_is_told_apart(void **state)
{
    (void)state;
    lk_slice id = LK_SLICE_LITERAL("id-a");
    lk_slice good = LK_SLICE_LITERAL("{\"batchItemFailures\":[{\"itemIdentifier\":\"id-a\"}]}");
    lk_slice bad = LK_SLICE_LITERAL("{\"batchItemFailures\":[{\"itemIdentifier\":\"id-b\"}]}");
    bool done = true;
    assert_true(lk_mapping_result(true, true, good, &id, 1, &done));
    assert_false(done);
    assert_false(lk_mapping_result(true, true, bad, &id, 1, &done));
    assert_false(done);
}

/* --- Event ---------------------------------------------------------------------------------- */

static lk_slice text(const char *c_string)
{
    return lk_slice_of(c_string);
}

static char queue_arn[] = "arn:aws:sqs:us-east-1:000000000000:jobs";
static char region[] = "us-east-1";
static const lk_mapping_facts facts = {.queue_arn = queue_arn, .region = region};

static void assert_event(const lk_message *const *messages, size_t count, const char *expected)
{
    lk_err err;
    lk_buf event = {0};
    size_t taken;
    assert_lk_ok(
        lk_mapping_event(&facts, messages, count, LK_EVENT_MAX_BYTES, &event, &taken, &err));
    assert_int_equal(taken, count);
    assert_slice(lk_buf_slice(&event), expected);
    lk_buf_clear(&event);
}

static void a_message_becomes_a_record(void **state)
{
    (void)state;
    lk_name_value attributes[] = {{text("ApproximateReceiveCount"), text("1")},
                                  {text("SentTimestamp"), text("1545082649183")}};
    lk_message m = {.message_id = text("m-1"),
                    .receipt_handle = text("handle"),
                    .body = text("{\"a\":\"\xc3\xa9\"}"),
                    .md5_of_body = text("5eb6"),
                    .attributes = attributes,
                    .attribute_count = LK_COUNT(attributes)};
    const lk_message *one[] = {&m};
    assert_event(one, 1,
                 "{\"Records\":[{\"messageId\":\"m-1\",\"receiptHandle\":\"handle\","
                 "\"body\":\"{\\\"a\\\":\\\"\xc3\xa9\\\"}\","
                 "\"attributes\":{\"ApproximateReceiveCount\":\"1\","
                 "\"SentTimestamp\":\"1545082649183\"},\"messageAttributes\":{},"
                 "\"md5OfBody\":\"5eb6\",\"eventSource\":\"aws:sqs\","
                 "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:000000000000:jobs\","
                 "\"awsRegion\":\"us-east-1\"}]}");
}

static void message_attributes_keep_type_and_empty_lists(void **state)
{
    (void)state;
    lk_message_attribute attributes[] = {
        {.name = text("lambdakiq"), .data_type = text("String"), .string_value = text("1")},
        {.name = text("pic"), .data_type = text("Binary.png"), .binary_value = text("AAH/")},
    };
    lk_message m = {.message_id = text("m"),
                    .receipt_handle = text("h"),
                    .body = text("b"),
                    .md5_of_body = text("x"),
                    .md5_of_message_attributes = text("d25a"),
                    .message_attributes = attributes,
                    .message_attribute_count = LK_COUNT(attributes)};
    const lk_message *one[] = {&m};
    assert_event(one, 1,
                 "{\"Records\":[{\"messageId\":\"m\",\"receiptHandle\":\"h\",\"body\":\"b\","
                 "\"attributes\":{},\"messageAttributes\":{"
                 "\"lambdakiq\":{\"stringValue\":\"1\",\"stringListValues\":[],"
                 "\"binaryListValues\":[],\"dataType\":\"String\"},"
                 "\"pic\":{\"binaryValue\":\"AAH/\",\"stringListValues\":[],"
                 "\"binaryListValues\":[],\"dataType\":\"Binary.png\"}},"
                 "\"md5OfMessageAttributes\":\"d25a\",\"md5OfBody\":\"x\","
                 "\"eventSource\":\"aws:sqs\","
                 "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:000000000000:jobs\","
                 "\"awsRegion\":\"us-east-1\"}]}");
}

static void records_keep_the_order_of_the_receive(void **state)
{
    (void)state;
    lk_err err;
    lk_buf event = {0};
    lk_json *json = NULL;
    lk_message messages[3] = {
        {.message_id = text("1")}, {.message_id = text("2")}, {.message_id = text("3")}};
    const lk_message *list[] = {&messages[0], &messages[1], &messages[2]};
    size_t taken;
    assert_lk_ok(lk_mapping_event(&facts, list, 3, LK_EVENT_MAX_BYTES, &event, &taken, &err));
    assert_lk_ok(lk_json_parse(lk_buf_slice(&event), "event", &json, &err));
    const lk_json *records = lk_json_get(json, "Records");
    assert_int_equal(lk_json_length(records), 3);
    assert_slice(lk_json_string(lk_json_get(lk_json_at(records, 0), "messageId")), "1");
    assert_slice(lk_json_string(lk_json_get(lk_json_at(records, 2), "messageId")), "3");
    lk_json_free(json);
    lk_buf_clear(&event);
}

static void with_a_window_a_message_without_attributes_has_a_null_digest(void **state)
{
    (void)state;
    lk_err err;
    lk_buf event = {0};
    size_t taken;
    const lk_mapping_facts windowed = {.queue_arn = queue_arn, .region = region, .window_s = 1};
    const lk_message m = {.message_id = text("m")};
    const lk_message *one[] = {&m};
    assert_lk_ok(lk_mapping_event(&windowed, one, 1, LK_EVENT_MAX_BYTES, &event, &taken, &err));
    assert_non_null(strstr(event.ptr, "\"md5OfMessageAttributes\":null,"));
    lk_buf_clear(&event);
}

static void an_event_holds_as_many_records_as_its_limit_lets_and_one_at_least(void **state)
{
    (void)state;
    lk_err err;
    lk_buf event = {0};
    lk_json *json = NULL;
    size_t taken, whole;
    lk_message messages[3] = {
        {.message_id = text("1")}, {.message_id = text("2")}, {.message_id = text("3")}};
    const lk_message *list[] = {&messages[0], &messages[1], &messages[2]};
    assert_lk_ok(lk_mapping_event(&facts, list, 2, LK_EVENT_MAX_BYTES, &event, &taken, &err));
    whole = event.len;
    lk_buf_reset(&event);
    assert_lk_ok(lk_mapping_event(&facts, list, 3, whole, &event, &taken, &err));
    assert_int_equal(taken, 2);
    assert_int_equal(event.len, whole);
    lk_buf_reset(&event);
    assert_lk_ok(lk_mapping_event(&facts, list, 3, whole - 1, &event, &taken, &err));
    assert_int_equal(taken, 1);
    lk_buf_reset(&event);
    assert_lk_ok(lk_mapping_event(&facts, list, 3, 1, &event, &taken, &err));
    assert_int_equal(taken, 1);
    assert_lk_ok(lk_json_parse(lk_buf_slice(&event), "event", &json, &err));
    assert_int_equal(lk_json_length(lk_json_get(json, "Records")), 1);
    lk_json_free(json);
    lk_buf_clear(&event);
}

/* --- Trace header ---------------------------------------------------------------------------- */

#define KEY "68fd508a"

static void assert_trace(const char *header, const char *key, const char *expected)
{
    lk_buf out = {0};
    lk_trace_of_invocation(text(header), key, &out);
    assert_slice(lk_buf_slice(&out), expected);
    lk_buf_clear(&out);
}

static void an_invocation_continues_the_trace_of_its_message(void **state)
{
    (void)state;
    assert_trace("Root=1-2-3;Parent=4;Sampled=1", NULL, "Root=1-2-3;Parent=4;Sampled=1");
    assert_trace("Sampled=1; Parent=4; Root=1-2-3;Self=9", NULL, "Root=1-2-3;Parent=4;Sampled=1");
}

static void without_counting_lineage_is_not_handed_on(void **state)
{
    (void)state;
    assert_trace("Root=1-2-3;Parent=4;Sampled=1;Lineage=" KEY ":3", NULL,
                 "Root=1-2-3;Parent=4;Sampled=1");
}

static void lineage_counts_up_and_keeps_other_functions(void **state)
{
    (void)state;
    assert_trace("Root=1-2-3;Parent=4;Sampled=0", KEY,
                 "Root=1-2-3;Parent=4;Sampled=0;Lineage=" KEY ":1");
    assert_trace("Root=1-2-3;Parent=4;Sampled=0;Lineage=a87bd80c:7|" KEY ":3|c512fbe3:2", KEY,
                 "Root=1-2-3;Parent=4;Sampled=0;Lineage=" KEY ":4|a87bd80c:7|c512fbe3:2");
}

static void a_message_without_trace_starts_one(void **state)
{
    (void)state;
    lk_buf out = {0};
    lk_trace_of_invocation((lk_slice){0}, NULL, &out);
    /* Root=1-8hex-24hex;Parent=16hex;Sampled=0 */
    assert_int_equal(out.len, strlen("Root=1-") + 8 + 1 + 24 + strlen(";Parent=") + 16 +
                                  strlen(";Sampled=0"));
    assert_true(lk_slice_has_prefix(lk_buf_slice(&out), LK_SLICE_LITERAL("Root=1-")));
    assert_true(lk_slice_has_suffix(lk_buf_slice(&out), LK_SLICE_LITERAL(";Sampled=0")));
    lk_buf_clear(&out);
}

static void a_header_that_would_break_http_is_replaced(void **state)
{
    (void)state;
    lk_buf out = {0};
    lk_trace_of_invocation(text("Root=1\r\nX: y;Parent=4;Sampled=1"), NULL, &out);
    assert_true(lk_slice_has_prefix(lk_buf_slice(&out), LK_SLICE_LITERAL("Root=1-")));
    assert_true(lk_slice_has_suffix(lk_buf_slice(&out), LK_SLICE_LITERAL(";Parent=4;Sampled=1")));
    assert_null(strchr(out.ptr, '\n'));
    lk_buf_clear(&out);
}

static void lineage_is_read_in_both_spellings(void **state)
{
    (void)state;
    assert_int_equal(lk_lineage_count(text(""), KEY), 0);
    assert_int_equal(lk_lineage_count(text("Root=1-2-3"), KEY), 0);
    assert_int_equal(lk_lineage_count(text("Lineage=" KEY ":5"), KEY), 5);
    assert_int_equal(lk_lineage_count(text("Root=1;Lineage=1:" KEY ":16"), KEY), 16);
    assert_int_equal(lk_lineage_count(text("Lineage=a87bd80c:9|" KEY ":2"), KEY), 2);
    assert_int_equal(lk_lineage_count(text("Lineage=a87bd80c:9"), KEY), 0);
    assert_int_equal(lk_lineage_count(text("Lineage=" KEY ":many"), KEY), 0);
    assert_int_equal(lk_lineage_count(text("Lineage=" KEY ":-4"), KEY), 0);
    assert_int_equal(lk_lineage_count(text("Lineage=" KEY ":99999999999"), KEY), INT32_MAX);
}

static void the_lineage_key_is_the_functions_own(void **state)
{
    (void)state;
    char a[LK_LINEAGE_KEY_SIZE];
    char b[LK_LINEAGE_KEY_SIZE];
    assert_true(lk_lineage_key("arn:aws:lambda:us-east-1:1:function:a", a));
    assert_true(lk_lineage_key("arn:aws:lambda:us-east-1:1:function:b", b));
    assert_int_equal(strspn(a, "0123456789abcdef"), 8);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reported_result_deletes_what_it_does_not_name),
        cmocka_unit_test(without_reporting_every_answer_is_success),
        cmocka_unit_test(a_failed_invocation_keeps_all_whatever_it_answered),
        cmocka_unit_test(an_answer_that_names_no_message_is_told_apart),
        cmocka_unit_test(a_message_becomes_a_record),
        cmocka_unit_test(message_attributes_keep_type_and_empty_lists),
        cmocka_unit_test(records_keep_the_order_of_the_receive),
        cmocka_unit_test(with_a_window_a_message_without_attributes_has_a_null_digest),
        cmocka_unit_test(an_event_holds_as_many_records_as_its_limit_lets_and_one_at_least),
        cmocka_unit_test(an_invocation_continues_the_trace_of_its_message),
        cmocka_unit_test(without_counting_lineage_is_not_handed_on),
        cmocka_unit_test(lineage_counts_up_and_keeps_other_functions),
        cmocka_unit_test(a_message_without_trace_starts_one),
        cmocka_unit_test(a_header_that_would_break_http_is_replaced),
        cmocka_unit_test(lineage_is_read_in_both_spellings),
        cmocka_unit_test(the_lineage_key_is_the_functions_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
