/* SPDX-License-Identifier: MIT
 *
 * test_event_read: what is read of an event without a tree, and that it means the same in one.
 */
#include "lk_test.h"

#include "event.h"
#include "event_read.h"

#define ARN "arn:aws:sqs:us-east-1:000000000000:jobs"

/* As Lambda writes them, with all that a record can have. */
#define FIRST                                                                                      \
    "{\"messageId\":\"m-1\",\"receiptHandle\":\"AQEB+/"                                            \
    "=\",\"body\":\"{\\\"a\\\":\\\"x\\\\n\\\"}\","                                                 \
    "\"attributes\":{\"ApproximateReceiveCount\":\"3\",\"SentTimestamp\":\"1545082649183\","       \
    "\"SenderId\":\"AIDA\",\"ApproximateFirstReceiveTimestamp\":\"1545082649185\","                \
    "\"MessageGroupId\":\"g\",\"AWSTraceHeader\":\"Root=1-2-3\"},"                                 \
    "\"messageAttributes\":{\"lambdakiq\":{\"stringValue\":\"1\",\"stringListValues\":[],"         \
    "\"binaryListValues\":[],\"dataType\":\"String\"},\"due_at\":{\"stringValue\":"                \
    "\"1545082650000\",\"stringListValues\":[],\"binaryListValues\":[],\"dataType\":\"Number\"}}," \
    "\"md5OfMessageAttributes\":\"d25a\",\"md5OfBody\":\"e4e6\",\"eventSource\":\"aws:sqs\","      \
    "\"eventSourceARN\":\"" ARN ".fifo\",\"awsRegion\":\"us-east-1\"}"
#define SECOND                                                                                     \
    "{\"messageId\":\"m-2\",\"receiptHandle\":\"h\",\"body\":\"\\u00e9\",\"attributes\":{},"       \
    "\"messageAttributes\":{},\"eventSourceARN\":\"" ARN "\"}"
#define EVENT(records) "{\"Records\":[" records "]}"

/* --- The same as a tree --------------------------------------------------------------------- */

static void assert_same_text(lk_slice a, lk_slice b, const char *what, const char *text)
{
    if (!lk_slice_equal(a, b) || !a.ptr != !b.ptr)
        fail_msg("%s is \"%.*s\" and in a tree \"%.*s\": %s", what, LK_SLICE_FMT(a),
                 LK_SLICE_FMT(b), text);
}

static void assert_same(const lk_record *a, const lk_record *b, const char *text)
{
    assert_same_text(a->message_id, b->message_id, "messageId", text);
    assert_same_text(a->receipt_handle, b->receipt_handle, "receiptHandle", text);
    assert_same_text(a->body, b->body, "body", text);
    assert_same_text(a->event_source_arn, b->event_source_arn, "eventSourceARN", text);
    assert_same_text(a->message_group_id, b->message_group_id, "MessageGroupId", text);
    assert_same_text(a->trace_header, b->trace_header, "AWSTraceHeader", text);
    if (a->is_job != b->is_job || a->receive_count != b->receive_count ||
        a->sent_at_ms != b->sent_at_ms || a->first_receive_at_ms != b->first_receive_at_ms ||
        a->delay_s != b->delay_s || a->due_at_ms != b->due_at_ms)
        fail_msg("a number differs from that in a tree: %s", text);
}

/* A tree is made of what has a member that nobody knows. */
static void compare(const char *text, const lk_event_text *read)
{
    lk_err err;
    lk_event *tree = NULL;
    lk_buf other = {0};
    lk_buf_addf(&other, "{\"nobody\":null,%s", strchr(text, '{') + 1);
    assert_lk_ok(lk_event_parse(lk_buf_slice(&other), &tree, &err));
    assert_int_equal(read->count, lk_event_count(tree));
    for (size_t i = 0; i < read->count; i++)
        assert_same(&read->records[i], lk_event_at(tree, i), text);
    lk_event_free(tree);
    lk_buf_clear(&other);
}

/* Whether the text was read; what was read means the same in a tree. */
static bool reads(const char *text)
{
    lk_event_text event;
    int rc = lk_event_read(lk_slice_of(text), 10, &event);
    assert_true(rc >= 0);
    if (rc == 1)
        compare(text, &event);
    lk_event_text_clear(&event);
    return rc == 1;
}

static void an_event_of_lambdas_is_read_from_its_text(void **state)
{
    (void)state;
    assert_true(reads(EVENT(FIRST)));
    assert_true(reads(EVENT(FIRST "," FIRST)));
    assert_true(reads(" { \"Records\" : [ " FIRST " , " FIRST " ] } \n"));
    assert_true(reads(EVENT("")));
    assert_true(reads(EVENT("{}")));
}

static void what_takes_more_than_a_look_is_left_to_a_tree(void **state)
{
    (void)state;
    assert_false(reads(EVENT(SECOND)));
    assert_false(reads("{\"Records\":null}"));
    assert_false(reads("{\"Records\":[],\"more\":1}"));
    assert_false(reads("[]"));
    assert_false(reads(""));
    assert_false(reads(EVENT("{\"body\":null}")));
    assert_false(reads(EVENT("{\"attributes\":{\"ApproximateReceiveCount\":3}}")));
    assert_false(reads(EVENT("{\"attributes\":{\"ApproximateReceiveCount\":\"3\"},"
                             "\"attributes\":{}}")));
    assert_false(reads(EVENT("{\"b\\u006fdy\":\"x\"}")));
    assert_false(reads(EVENT("{},{},{},{},{},{},{},{},{},{},{}")));
}

static void of_a_member_twice_the_last_one_counts_as_in_a_tree(void **state)
{
    (void)state;
    assert_true(reads(EVENT("{\"body\":\"a\",\"body\":\"b\"}")));
    assert_true(reads(EVENT("{\"messageAttributes\":{\"lambdakiq\":{\"stringValue\":\"1\"},"
                            "\"lambdakiq\":{\"dataType\":\"String\"}}}")));
    assert_true(reads(EVENT("{\"attributes\":{\"ApproximateReceiveCount\":\"3\","
                            "\"ApproximateReceiveCount\":\"x\"}}")));
}

/* Each byte of an event replaced by each that means something in JSON, left out, or doubled. */
static void whatever_is_read_means_the_same_in_a_tree(void **state)
{
    static const char marks[] = "{}[]:,\"\\/ \n0159-+.eEtfnu\x01\x7f\x80\xc3\xa9";
    const char *event = EVENT(FIRST);
    size_t len = strlen(event), read = 0;
    char text[2048];
    (void)state;
    assert_true(len + 2 < sizeof(text));
    for (size_t at = 0; at < len; at++) {
        for (size_t i = 0; i < sizeof(marks) - 1; i++) {
            strcpy(text, event);
            text[at] = marks[i];
            read += reads(text);
        }
        snprintf(text, sizeof(text), "%.*s%s", (int)at, event, event + at + 1);
        read += reads(text);
        snprintf(text, sizeof(text), "%.*s%s", (int)at + 1, event, event + at);
        read += reads(text);
        snprintf(text, sizeof(text), "%.*s", (int)at, event);
        assert_false(reads(text));
    }
    assert_true(read > 1000); /* of texts that changed within a string, say */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_of_lambdas_is_read_from_its_text),
        cmocka_unit_test(what_takes_more_than_a_look_is_left_to_a_tree),
        cmocka_unit_test(of_a_member_twice_the_last_one_counts_as_in_a_tree),
        cmocka_unit_test(whatever_is_read_means_the_same_in_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
