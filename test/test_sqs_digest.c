/* SPDX-License-Identifier: MIT
 *
 * test_sqs_digest: digests of requests and answers, against values recorded from AWS.
 */
#include "lk_test.h"
#include "sqs_digest.h"

#define HELLO_MD5 "5eb63bbbe01eeed093cb22bb8f5acdc3" /* of "hello world" */

static lk_sqs_expect expect_of(const char *action, const char *request)
{
    lk_err err;
    lk_sqs_expect expect;
    assert_lk_ok(lk_sqs_expect_of(action, lk_slice_of(request), &expect, &err));
    return expect;
}

static int check(const char *action, const lk_sqs_expect *expect, const char *answer, lk_err *err)
{
    static const lk_sqs_expect nothing;
    return lk_sqs_digest_check(action, expect ? expect : &nothing, lk_slice_of(answer), err);
}

static void a_body_is_digested_as_it_reads_not_as_json_writes_it(void **state LK_UNUSED)
{
    lk_sqs_expect expect = expect_of("SendMessage", "{\"MessageBody\":\"h\\u00e9llo \\u2713\"}");
    assert_int_equal(expect.count, 1);
    assert_string_equal(expect.entries[0].body, "21b1ae5bc147bb564254200a4731e337");
    assert_string_equal(expect.entries[0].attributes, "");
    assert_string_equal(expect.entries[0].system_attributes, "");
}

static void attributes_of_every_type_are_digested(void **state LK_UNUSED)
{
    lk_sqs_expect expect = expect_of(
        "SendMessage", "{\"MessageBody\":\"x\",\"MessageAttributes\":{"
                       "\"trace_id\":{\"DataType\":\"String.uuid\",\"StringValue\":\"abc\"},"
                       "\"Count\":{\"DataType\":\"Number\",\"StringValue\":\"42\"},"
                       "\"bin\":{\"DataType\":\"Binary.png\",\"BinaryValue\":\"AAH/\"}}}");
    assert_string_equal(expect.entries[0].attributes, "f5b4992ceba1238c508c82f02c1aa8dc");
}

static void system_attributes_have_a_digest_of_their_own(void **state LK_UNUSED)
{
    lk_sqs_expect expect = expect_of(
        "SendMessage",
        "{\"MessageBody\":\"x\",\"MessageSystemAttributes\":{\"AWSTraceHeader\":{"
        "\"DataType\":\"String\",\"StringValue\":\"Root=1-5759e988-bd862e3fe1be46a994272793"
        ";Parent=53995c3f42cd8ad8;Sampled=1\"}}}");
    assert_string_equal(expect.entries[0].system_attributes, "5ae4d5d7636402d80f4eb6d213245a88");
    assert_string_equal(expect.entries[0].attributes, "");
}

static void only_sends_expect_digests(void **state LK_UNUSED)
{
    assert_int_equal(expect_of("DeleteMessage", "not even JSON").count, 0);
    lk_err err = {0};
    lk_sqs_expect expect;
    assert_lk_fails(lk_sqs_expect_of("SendMessage", lk_slice_of("{"), &expect, &err), LK_E_JSON);
}

static void each_digest_of_a_send_is_compared(void **state LK_UNUSED)
{
    lk_sqs_expect expect = {.count = 1};
    strcpy(expect.entries[0].body, "b0");
    strcpy(expect.entries[0].attributes, "a0");
    strcpy(expect.entries[0].system_attributes, "50");
    const char *const wrong[] = {
        "{\"MD5OfMessageBody\":\"b1\",\"MD5OfMessageAttributes\":\"a0\","
        "\"MD5OfMessageSystemAttributes\":\"50\"}",
        "{\"MD5OfMessageBody\":\"b0\",\"MD5OfMessageAttributes\":\"a1\","
        "\"MD5OfMessageSystemAttributes\":\"50\"}",
        "{\"MD5OfMessageBody\":\"b0\",\"MD5OfMessageAttributes\":\"a0\"}",
    };
    lk_err err = {0};
    for (size_t i = 0; i < LK_COUNT(wrong); i++) {
        assert_lk_fails(check("SendMessage", &expect, wrong[i], &err), LK_E_CHECKSUM);
        assert_true(err.retriable);
    }
    assert_lk_ok(check("SendMessage", &expect,
                       "{ \"MD5OfMessageBody\" :\n\"b0\",\"MD5OfMessageAttributes\":\"a0\","
                       "\"MD5OfMessageSystemAttributes\":\"50\"}",
                       &err));
}

static void a_batch_is_compared_entry_by_entry(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_sqs_expect expect = expect_of(
        "SendMessageBatch", "{\"Entries\":[{\"Id\":\"0\",\"MessageBody\":\"other\"},"
                            "{\"Id\":\"\"},{\"Id\":\"1\",\"MessageBody\":\"hello world\"}]}");
    assert_int_equal(expect.count, 2);
    /* The first failed: no digest, and not our business. */
    assert_lk_ok(check("SendMessageBatch", &expect,
                       "{\"Successful\":[{\"Id\":\"1\",\"MD5OfMessageBody\":\"" HELLO_MD5 "\"}],"
                       "\"Failed\":[{\"Id\":\"0\"}]}",
                       &err));
    assert_lk_fails(
        check("SendMessageBatch", &expect,
              "{\"Successful\":[{\"Id\":\"0\",\"MD5OfMessageBody\":\"" HELLO_MD5 "\"}]}", &err),
        LK_E_CHECKSUM);
}

static void more_entries_than_a_batch_may_have_are_left_to_sqs(void **state LK_UNUSED)
{
    lk_buf request = {0};
    lk_buf_add_str(&request, "{\"Entries\":[");
    for (int i = 0; i < 11; i++)
        lk_buf_addf(&request, "%s{\"Id\":\"%d\",\"MessageBody\":\"x\"}", i ? "," : "", i);
    lk_buf_add_str(&request, "]}");
    assert_int_equal(expect_of("SendMessageBatch", request.ptr).count, 0);
    lk_buf_clear(&request);
}

static void a_receive_is_compared_with_itself(void **state LK_UNUSED)
{
    lk_err err = {0};
    assert_lk_ok(check("ReceiveMessage", NULL, "{}", &err));
    assert_lk_ok(
        check("ReceiveMessage", NULL,
              "{\"Messages\":[{\"Body\":\"hello world\",\"MD5OfBody\":\"" HELLO_MD5 "\"}]}", &err));
    assert_lk_fails(check("ReceiveMessage", NULL,
                          "{\"Messages\":[{\"Body\":\"hello world\",\"MD5OfBody\":\"" HELLO_MD5
                          "\"},{\"Body\":\"hello World\",\"MD5OfBody\":\"" HELLO_MD5 "\"}]}",
                          &err),
                    LK_E_CHECKSUM);
    assert_false(err.retriable);
}

/* What AWS answers when only Hello and General of three attributes were asked for. */
static void only_returned_attributes_count(void **state LK_UNUSED)
{
    lk_err err = {0};
    static const char format[] =
        "{\"Messages\":[{\"Body\":\"hello world\",\"MD5OfBody\":\"" HELLO_MD5
        "\",\"MD5OfMessageAttributes\":\"%s\",\"MessageAttributes\":{"
        "\"Hello\":{\"StringValue\":\"There\",\"DataType\":\"String\"},"
        "\"General\":{\"StringValue\":\"Kenobi\",\"DataType\":\"String\"}}}]}";
    lk_buf answer = {0};
    lk_buf_addf(&answer, format, "fca026605781cb4126a1e9044df24232");
    assert_lk_ok(check("ReceiveMessage", NULL, answer.ptr, &err));
    lk_buf_reset(&answer);
    lk_buf_addf(&answer, format, "4c360f3fdafd970e05fae2f149d997f5"); /* of all three */
    assert_lk_fails(check("ReceiveMessage", NULL, answer.ptr, &err), LK_E_CHECKSUM);
    lk_buf_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_digested_as_it_reads_not_as_json_writes_it),
        cmocka_unit_test(attributes_of_every_type_are_digested),
        cmocka_unit_test(system_attributes_have_a_digest_of_their_own),
        cmocka_unit_test(only_sends_expect_digests),
        cmocka_unit_test(each_digest_of_a_send_is_compared),
        cmocka_unit_test(a_batch_is_compared_entry_by_entry),
        cmocka_unit_test(more_entries_than_a_batch_may_have_are_left_to_sqs),
        cmocka_unit_test(a_receive_is_compared_with_itself),
        cmocka_unit_test(only_returned_attributes_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
