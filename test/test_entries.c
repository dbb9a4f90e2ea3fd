/* SPDX-License-Identifier: MIT
 *
 * test_entries: writing batch entries, and finding every entry's result in the answer.
 */
#include "lk_test.h"

#include "entries.h"

#define COUNT 3

static int read_into(const char *response, lk_err *errors, lk_sent *sent, lk_err *err)
{
    return lk_entries_read(lk_slice_of(response), "SendMessageBatch", COUNT, errors, sent, err);
}

static void entries_are_numbered_by_position(void **state)
{
    (void)state;
    lk_buf out = {0};
    lk_slice members[] = {LK_SLICE_LITERAL("\"A\":1"), {NULL, 0}};
    lk_entries_write(&out, members, 2);
    assert_slice(lk_buf_slice(&out), "\"Entries\":[{\"Id\":\"0\",\"A\":1},{\"Id\":\"1\"}]");
    lk_buf_clear(&out);
}

static void digests_expected_of_a_batch_carry_the_entrys_number(void **state)
{
    (void)state;
    lk_sqs_expect expect = {.count = 10};
    lk_sqs_digests digests = {.body = "b", .attributes = "a"};
    lk_entries_expect(&expect, 9, &digests);
    assert_string_equal(expect.entries[9].id, "9");
    assert_string_equal(expect.entries[9].body, "b");
    assert_string_equal(expect.entries[9].attributes, "a");
}

static void accepted_entries_have_no_error(void **state)
{
    (void)state;
    lk_err err;
    lk_err errors[COUNT];
    lk_sent sent[COUNT];
    assert_lk_ok(read_into("{\"Successful\":[{\"Id\":\"2\",\"MessageId\":\"c\"},"
                           "{\"Id\":\"0\",\"MessageId\":\"a\",\"SequenceNumber\":\"7\"},"
                           "{\"Id\":\"1\",\"MessageId\":\"b\"}]}",
                           errors, sent, &err));
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(errors[i].code, LK_OK);
    assert_string_equal(sent[0].message_id, "a");
    assert_string_equal(sent[0].sequence_number, "7");
    assert_string_equal(sent[2].message_id, "c");
}

static void a_failed_entry_carries_its_code_inside_http_200(void **state)
{
    (void)state;
    lk_err err;
    lk_err errors[COUNT];
    assert_lk_ok(read_into("{\"Successful\":[{\"Id\":\"0\"},{\"Id\":\"2\"}],\"Failed\":[{\"Id\":"
                           "\"1\",\"Code\":\"InternalError\",\"Message\":\"later\","
                           "\"SenderFault\":false}]}",
                           errors, NULL, &err));
    assert_int_equal(errors[0].code, LK_OK);
    assert_int_equal(errors[1].code, LK_E_SERVICE);
    assert_string_equal(errors[1].aws_code, "InternalError");
    assert_true(errors[1].retriable);
    assert_non_null(strstr(errors[1].message, "later"));
    assert_int_equal(errors[2].code, LK_OK);
}

static void the_senders_fault_is_not_retriable(void **state)
{
    (void)state;
    lk_err err;
    lk_err errors[COUNT];
    assert_lk_ok(read_into("{\"Failed\":[{\"Id\":\"1\",\"Code\":\"InvalidMessageContents\","
                           "\"SenderFault\":true}]}",
                           errors, NULL, &err));
    assert_int_equal(errors[1].code, LK_E_SERVICE);
    assert_false(errors[1].retriable);
}

static void an_entry_that_the_answer_forgot_is_not_taken_for_accepted(void **state)
{
    (void)state;
    lk_err err;
    lk_err errors[COUNT];
    assert_lk_ok(read_into("{\"Successful\":[{\"Id\":\"0\"}]}", errors, NULL, &err));
    assert_int_equal(errors[0].code, LK_OK);
    assert_int_equal(errors[1].code, LK_E_HTTP);
    assert_true(errors[1].retriable);
}

static void a_send_without_message_id_is_not_taken_for_accepted(void **state)
{
    (void)state;
    lk_err err;
    lk_err errors[COUNT];
    lk_sent sent[COUNT];
    assert_lk_ok(read_into("{\"Successful\":[{\"Id\":\"0\"}]}", errors, sent, &err));
    assert_int_equal(errors[0].code, LK_E_HTTP);
}

static void ids_that_are_not_ours_are_ignored(void **state)
{
    (void)state;
    lk_err err;
    lk_err errors[COUNT];
    assert_lk_ok(read_into("{\"Successful\":[{\"Id\":\"3\"},{\"Id\":\"-1\"},{\"Id\":{}},7],"
                           "\"Failed\":[{\"Id\":\"99999999999999999999\"}]}",
                           errors, NULL, &err));
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(errors[i].code, LK_E_HTTP);
}

static void what_is_not_json_fails_as_a_whole(void **state)
{
    (void)state;
    lk_err err;
    lk_err errors[COUNT];
    assert_lk_fails(read_into("<html>", errors, NULL, &err), LK_E_JSON);
}

static void the_answer_to_one_send_must_name_the_message(void **state)
{
    (void)state;
    lk_err err;
    lk_sent sent;
    assert_lk_ok(lk_sent_read(LK_SLICE_LITERAL("{\"MessageId\":\"m\"}"), &sent, &err));
    assert_string_equal(sent.message_id, "m");
    assert_string_equal(sent.sequence_number, "");
    assert_lk_ok(
        lk_sent_read(LK_SLICE_LITERAL("{\"MessageId\":\"\\u006d\",\"New\":[1]}"), &sent, &err));
    assert_string_equal(sent.message_id, "m");
    assert_lk_ok(lk_sent_read(
        LK_SLICE_LITERAL("{\"MessageId\":\"m\",\"SequenceNumber\":\"18850000000000000001\"}"),
        &sent, &err));
    assert_string_equal(sent.sequence_number, "18850000000000000001");
    assert_lk_fails(lk_sent_read(LK_SLICE_LITERAL("{\"MessageId\":\"\"}"), &sent, &err), LK_E_JSON);
    assert_lk_fails(lk_sent_read(LK_SLICE_LITERAL("{}"), &sent, &err), LK_E_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_numbered_by_position),
        cmocka_unit_test(digests_expected_of_a_batch_carry_the_entrys_number),
        cmocka_unit_test(accepted_entries_have_no_error),
        cmocka_unit_test(a_failed_entry_carries_its_code_inside_http_200),
        cmocka_unit_test(the_senders_fault_is_not_retriable),
        cmocka_unit_test(an_entry_that_the_answer_forgot_is_not_taken_for_accepted),
        cmocka_unit_test(a_send_without_message_id_is_not_taken_for_accepted),
        cmocka_unit_test(ids_that_are_not_ours_are_ignored),
        cmocka_unit_test(what_is_not_json_fails_as_a_whole),
        cmocka_unit_test(the_answer_to_one_send_must_name_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
