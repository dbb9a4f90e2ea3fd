/* SPDX-License-Identifier: MIT
 *
 * test_event: records from events as Lambda sends them, as others send them, and as nobody should.
 */
#include "lk_test.h"

#include "event.h"

/* --- Helpers -------------------------------------------------------------------------------- */

#define ARN      "arn:aws:sqs:us-east-1:000000000000:jobs"
#define FIFO_ARN ARN ".fifo"

/* A complete record of a job; what follows overrides (of members twice, the last one counts). */
#define RECORD(more)                                                                               \
    "{\"messageId\":\"m-1\",\"receiptHandle\":\"rh-1\",\"body\":\"{}\","                           \
    "\"attributes\":{\"ApproximateReceiveCount\":\"1\",\"SentTimestamp\":\"1545082649183\","       \
    "\"SenderId\":\"AIDA\",\"ApproximateFirstReceiveTimestamp\":\"1545082649185\"},"               \
    "\"messageAttributes\":{\"lambdakiq\":{\"stringValue\":\"1\",\"stringListValues\":[],"         \
    "\"binaryListValues\":[],\"dataType\":\"String\"}},\"eventSource\":\"aws:sqs\","               \
    "\"eventSourceARN\":\"" ARN "\",\"awsRegion\":\"us-east-1\"" more "}"

#define EVENT(records) "{\"Records\":[" records "]}"

static lk_event *parse(const char *json)
{
    lk_err err;
    lk_event *event = NULL;
    assert_lk_ok(lk_event_parse(lk_slice_of(json), &event, &err));
    return event;
}

/* The fault of the only record of an event. */
static const char *fault_of(const char *json)
{
    lk_event *event = parse(json);
    assert_int_equal(lk_event_count(event), 1);
    const char *fault = lk_record_fault(lk_event_at(event, 0)); /* static text */
    lk_event_free(event);
    return fault;
}

static lk_record fifo_record(int receive_count, int64_t first_receive_at_ms, int64_t due_at_ms)
{
    lk_record r;
    lk_record_init(&r);
    r.event_source_arn = lk_slice_of(FIFO_ARN);
    r.receive_count = receive_count;
    r.first_receive_at_ms = first_receive_at_ms;
    r.due_at_ms = due_at_ms;
    return r;
}

static void set(lk_record *r, const char *name, const char *value)
{
    lk_record_set_attribute(r, lk_slice_of(name), lk_slice_of(value));
}

static void set_own(lk_record *r, const char *name, const char *value)
{
    lk_record_set_message_attribute(r, lk_slice_of(name), lk_slice_of(value));
}

/* --- Well-formed events --------------------------------------------------------------------- */

static void a_record_gives_all_that_the_rules_need(void **state)
{
    (void)state;
    lk_event *event = parse(EVENT(RECORD(
        ",\"attributes\":{\"ApproximateReceiveCount\":\"3\",\"SentTimestamp\":\"1545082649183\","
        "\"ApproximateFirstReceiveTimestamp\":\"1545082649185\",\"MessageGroupId\":\"g\","
        "\"AWSTraceHeader\":\"Root=1-5\"},\"messageAttributes\":{"
        "\"lambdakiq\":{\"stringValue\":\"1\",\"dataType\":\"String\"},"
        "\"delay_seconds\":{\"stringValue\":\"90\",\"dataType\":\"String\"},"
        "\"due_at\":{\"stringValue\":\"1545082739183\",\"dataType\":\"Number\"}}")));
    const lk_record *r = lk_event_at(event, 0);
    assert_null(lk_record_fault(r));
    assert_true(r->is_job);
    assert_slice(r->message_id, "m-1");
    assert_slice(r->receipt_handle, "rh-1");
    assert_slice(r->body, "{}");
    assert_slice(r->event_source_arn, ARN);
    assert_slice(r->message_group_id, "g");
    assert_slice(r->trace_header, "Root=1-5");
    assert_int_equal(r->receive_count, 3);
    assert_int_equal(r->sent_at_ms, 1545082649183);
    assert_int_equal(r->first_receive_at_ms, 1545082649185);
    assert_int_equal(r->delay_s, 90);
    assert_int_equal(r->due_at_ms, 1545082739183);
    lk_event_free(event);
}

static void records_keep_their_order(void **state)
{
    (void)state;
    lk_event *event = parse(EVENT(RECORD(",\"messageId\":\"a\"") "," RECORD(
        ",\"messageId\":\"b\"") "," RECORD(",\"messageId\":\"c\"")));
    assert_int_equal(lk_event_count(event), 3);
    assert_slice(lk_event_at(event, 0)->message_id, "a");
    assert_slice(lk_event_at(event, 2)->message_id, "c");
    assert_null(lk_event_at(event, 3));
    lk_event_free(event);
}

static void a_body_is_kept_byte_by_byte(void **state)
{
    (void)state;
    lk_event *event = parse(EVENT(RECORD(",\"body\":\"\\\"q\\\" \\u00fc \\r\\n \\u0000 end\"")));
    lk_slice body = lk_event_at(event, 0)->body;
    static const char expected[] = "\"q\" \xc3\xbc \r\n \0 end";
    assert_int_equal(body.len, sizeof(expected) - 1);
    assert_memory_equal(body.ptr, expected, body.len);
    lk_event_free(event);
}

static void an_empty_list_of_records_is_an_event_without_jobs(void **state)
{
    (void)state;
    lk_event *event = parse(EVENT(""));
    assert_int_equal(lk_event_count(event), 0);
    assert_null(lk_event_at(event, 0));
    lk_event_free(event);
}

static void a_record_without_receive_count_is_a_first_receive(void **state)
{
    (void)state;
    lk_event *event = parse(EVENT(RECORD(",\"attributes\":{}")));
    assert_int_equal(lk_event_at(event, 0)->receive_count, 1);
    assert_int_equal(lk_event_at(event, 0)->sent_at_ms, 0);
    assert_null(lk_record_fault(lk_event_at(event, 0)));
    lk_event_free(event);
}

/* --- Broken records ------------------------------------------------------------------------- */

static void a_broken_record_does_not_spoil_the_others(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "null",
        "1",
        "\"text\"",
        "[]",
        "{}",
        "true",
        "{\"messageId\":5}",
        "{\"messageId\":\"\"}",
        "{\"messageId\":\"x\",\"attributes\":[1],\"messageAttributes\":\"none\"}",
        "{\"messageId\":\"x\",\"messageAttributes\":{\"lambdakiq\":[\"1\"]}}",
        "{\"messageId\":{\"messageId\":\"x\"},\"body\":null}",
    };
    for (size_t i = 0; i < LK_COUNT(broken); i++) {
        char json[4096];
        snprintf(json, sizeof(json), "{\"Records\":[%s,%s,%s]}", RECORD(",\"messageId\":\"first\""),
                 broken[i], RECORD(",\"messageId\":\"last\""));
        lk_event *event = parse(json);
        assert_int_equal(lk_event_count(event), 3);
        assert_null(lk_record_fault(lk_event_at(event, 0)));
        assert_non_null(lk_record_fault(lk_event_at(event, 1)));
        assert_null(lk_record_fault(lk_event_at(event, 2)));
        assert_slice(lk_event_at(event, 2)->message_id, "last");
        lk_event_free(event);
    }
}

static void a_fault_names_what_is_missing(void **state)
{
    (void)state;
    assert_string_equal(fault_of(EVENT("null")), "has no messageId");
    assert_string_equal(fault_of(EVENT(RECORD(",\"messageId\":\"\""))), "has no messageId");
    assert_string_equal(fault_of(EVENT(RECORD(",\"receiptHandle\":7"))), "has no receiptHandle");
    assert_string_equal(fault_of(EVENT(RECORD(",\"body\":{}"))), "has no body");
    assert_string_equal(fault_of(EVENT(RECORD(",\"eventSourceARN\":null"))),
                        "has no eventSourceARN");
    assert_non_null(strstr(fault_of(EVENT(RECORD(",\"messageAttributes\":{}"))), "not a job"));
    assert_null(fault_of(EVENT(RECORD(""))));
}

static void only_the_value_1_makes_a_job(void **state)
{
    (void)state;
    lk_record r;
    lk_record_init(&r);
    assert_false(r.is_job);
    set_own(&r, "lambdakiq", "1");
    assert_true(r.is_job);
    static const char *const others[] = {"", "0", "2", "true", "1 ", "01"};
    for (size_t i = 0; i < LK_COUNT(others); i++) {
        set_own(&r, "lambdakiq", others[i]);
        assert_false(r.is_job);
    }
    set_own(&r, "Lambdakiq", "1");
    assert_false(r.is_job);
}

static void numbers_out_of_reason_count_as_absent(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " 3",
                                      "3 ",
                                      "-3",
                                      "0",
                                      "1e3",
                                      "0x10",
                                      "3.5",
                                      "three",
                                      "nan",
                                      "99999999999999999999999999",
                                      "9223372036854775807",
                                      "-9223372036854775808"};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_record r;
        lk_record_init(&r);
        set(&r, "ApproximateReceiveCount", bad[i]);
        set(&r, "SentTimestamp", bad[i]);
        set(&r, "ApproximateFirstReceiveTimestamp", bad[i]);
        set_own(&r, "delay_seconds", bad[i]);
        set_own(&r, "due_at", bad[i]);
        assert_int_equal(r.receive_count, 1);
        assert_int_equal(r.sent_at_ms, 0);
        assert_int_equal(r.first_receive_at_ms, 0);
        assert_int_equal(r.delay_s, 0);
        assert_int_equal(r.due_at_ms, 0);
    }
}

static void names_without_a_rule_are_ignored(void **state)
{
    (void)state;
    lk_record r;
    lk_record_init(&r);
    set(&r, "SenderId", "5");
    set(&r, "due_at", "5");
    set(&r, "lambdakiq", "1");
    set_own(&r, "SentTimestamp", "5");
    set_own(&r, "ApproximateReceiveCount", "5");
    set_own(&r, "", "1");
    assert_int_equal(r.receive_count, 1);
    assert_int_equal(r.sent_at_ms, 0);
    assert_int_equal(r.due_at_ms, 0);
    assert_false(r.is_job);
}

/* --- Other events --------------------------------------------------------------------------- */

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",         " ",
                                        "{",        "{\"Records\":[",
                                        "Records",  "{\"Records\":[]",
                                        "\xff\xfe", "{\"Records\":[]} trailing"};
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        lk_err err;
        lk_event *event = NULL;
        assert_lk_fails(lk_event_parse(lk_slice_of(texts[i]), &event, &err), LK_E_JSON);
        assert_null(event);
        assert_lk_fails(lk_event_is_jobs(lk_slice_of(texts[i]), &err), LK_E_JSON);
    }
}

static void json_without_a_list_of_records_is_refused_but_asked_about_freely(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "null",
                                        "3",
                                        "\"Records\"",
                                        "{\"Records\":{}}",
                                        "{\"Records\":null}",
                                        "{\"records\":[]}",
                                        "{\"httpMethod\":\"GET\",\"path\":\"/\"}"};
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        lk_err err;
        lk_event *event = NULL;
        assert_lk_fails(lk_event_parse(lk_slice_of(texts[i]), &event, &err), LK_E_RECORD);
        assert_null(event);
        assert_int_equal(lk_event_is_jobs(lk_slice_of(texts[i]), &err), 0);
    }
}

static void one_record_of_ours_makes_a_job_event(void **state)
{
    (void)state;
    lk_err err;
    static const char *const mixed[] = {
        EVENT(RECORD(",\"messageAttributes\":{}") ",7," RECORD("")),
        EVENT(RECORD("") "," RECORD(",\"messageAttributes\":{}") ",7"),
    };
    for (size_t i = 0; i < LK_COUNT(mixed); i++)
        assert_int_equal(lk_event_is_jobs(lk_slice_of(mixed[i]), &err), 1);
    lk_slice foreign = lk_slice_of(EVENT(RECORD(",\"messageAttributes\":{}")));
    assert_int_equal(lk_event_is_jobs(foreign, &err), 0);
    assert_int_equal(lk_event_is_jobs(lk_slice_of(EVENT("")), &err), 0);
}

static void more_records_than_a_batch_can_have_are_refused(void **state)
{
    (void)state;
    lk_buf json = {0};
    lk_buf_add_str(&json, "{\"Records\":[0");
    for (int i = 1; i < 10000; i++)
        lk_buf_add_str(&json, ",0");
    lk_buf most = {0};
    lk_buf_add(&most, lk_buf_slice(&json));
    lk_buf_add_str(&most, "]}");
    lk_buf_add_str(&json, ",0]}");
    lk_err err;
    lk_event *event = NULL;
    assert_lk_ok(lk_event_parse(lk_buf_slice(&most), &event, &err));
    assert_int_equal(lk_event_count(event), 10000);
    lk_event_free(event);
    assert_lk_fails(lk_event_parse(lk_buf_slice(&json), &event, &err), LK_E_RECORD);
    lk_buf_clear(&json);
    lk_buf_clear(&most);
}

static void no_prefix_of_an_event_is_taken_for_one(void **state)
{
    (void)state;
    static const char json[] = EVENT(RECORD("") "," RECORD(",\"body\":\"\\u00fc\\ud83d\\ude00\""));
    for (size_t len = 0; len < sizeof(json) - 1; len++) {
        /* a copy of exact size, so that a sanitizer sees a read past its end */
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, json, len);
        lk_err err;
        lk_event *event = NULL;
        assert_lk_fails(lk_event_parse((lk_slice){copy, len}, &event, &err), LK_E_JSON);
        free(copy);
    }
}

/* Bytes replaced at random (the same at each run): never a crash, never a half-made event. */
static void mangled_events_are_survived(void **state)
{
    (void)state;
    static const char json[] = EVENT(RECORD("") "," RECORD(
        ",\"attributes\":{\"ApproximateReceiveCount\":\"99999999999999999999\"}"));
    static const char alphabet[] = "{}[]\",:\\u0019eE-+.tfn \t\n\x01\x7f\x80\xc3\xff";
    uint32_t seed = 20240229;
    size_t parsed = 0;
    for (int round = 0; round < 3000; round++) {
        char copy[sizeof(json)];
        memcpy(copy, json, sizeof(json));
        for (int i = 0; i < 3; i++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % (sizeof(json) - 1)] =
                alphabet[(seed >> 24) % (sizeof(alphabet) - 1)];
        }
        lk_err err;
        lk_event *event = NULL;
        int rc = lk_event_parse((lk_slice){copy, sizeof(copy) - 1}, &event, &err);
        assert_true(rc == 0 || rc == LK_E_JSON || rc == LK_E_RECORD);
        assert_int_equal(rc == 0, event != NULL);
        for (size_t i = 0; event && i < lk_event_count(event); i++) {
            const lk_record *r = lk_event_at(event, i);
            assert_true(r->receive_count >= 1 && r->sent_at_ms >= 0 && r->delay_s >= 0);
            assert_in_range(lk_record_delay_receives(r), 0, 1);
            parsed += lk_record_fault(r) == NULL;
        }
        lk_event_free(event);
    }
    assert_true(parsed > 100); /* some of it was mangled only where it does not matter */
}

static void deep_nesting_ends_in_an_error(void **state)
{
    (void)state;
    lk_buf json = {0};
    lk_buf_add_str(&json, "{\"Records\":");
    for (int i = 0; i < 200000; i++)
        lk_buf_add_char(&json, '[');
    lk_err err;
    lk_event *event = NULL;
    assert_lk_fails(lk_event_parse(lk_buf_slice(&json), &event, &err), LK_E_JSON);
    lk_buf_clear(&json);
}

static void numbers_that_no_machine_holds_are_survived(void **state)
{
    (void)state;
    lk_event *event =
        parse(EVENT(RECORD(",\"x\":123456789012345678901234567890123456789012345,"
                           "\"attributes\":{\"SentTimestamp\":18446744073709551616}")));
    assert_int_equal(lk_event_at(event, 0)->sent_at_ms, 0);
    assert_null(lk_record_fault(lk_event_at(event, 0)));
    lk_event_free(event);
}

static void freeing_no_event_is_allowed(void **state)
{
    (void)state;
    lk_event_free(NULL);
}

/* --- Due time and d ------------------------------------------------------------------------- */

static void fifo_is_known_from_the_arn(void **state)
{
    (void)state;
    lk_record r;
    lk_record_init(&r);
    assert_false(lk_record_is_fifo(&r));
    r.event_source_arn = lk_slice_of(ARN);
    assert_false(lk_record_is_fifo(&r));
    r.event_source_arn = lk_slice_of(FIFO_ARN);
    assert_true(lk_record_is_fifo(&r));
}

static void due_at_counts_on_every_queue(void **state)
{
    (void)state;
    lk_record r = fifo_record(1, 0, 5000);
    assert_int_equal(lk_record_due_at_ms(&r), 5000);
    r.event_source_arn = lk_slice_of(ARN);
    assert_int_equal(lk_record_due_at_ms(&r), 5000);
}

static void delay_seconds_counts_from_the_send_on_fifo_queues_only(void **state)
{
    (void)state;
    lk_record r = fifo_record(1, 0, 0);
    r.sent_at_ms = 1000000;
    r.delay_s = 90;
    assert_int_equal(lk_record_due_at_ms(&r), 1090000);
    r.event_source_arn = lk_slice_of(ARN);
    assert_int_equal(lk_record_due_at_ms(&r), 0);
}

static void due_at_wins_over_delay_seconds(void **state)
{
    (void)state;
    lk_record r = fifo_record(1, 0, 7000000);
    r.sent_at_ms = 1000000;
    r.delay_s = 900;
    assert_int_equal(lk_record_due_at_ms(&r), 7000000);
}

static void a_delay_without_a_send_time_is_no_delay(void **state)
{
    (void)state;
    lk_record r = fifo_record(1, 0, 0);
    r.delay_s = 90;
    assert_int_equal(lk_record_due_at_ms(&r), 0);
}

static void a_deferred_receive_is_a_delay_receive(void **state)
{
    (void)state;
    lk_record r = fifo_record(2, 1000000, 1090000);
    assert_int_equal(lk_record_delay_receives(&r), 1);
    r.receive_count = 9; /* one is all that can be proved */
    assert_int_equal(lk_record_delay_receives(&r), 1);
}

static void a_receive_that_was_due_is_a_try(void **state)
{
    (void)state;
    lk_record r = fifo_record(2, 1090000, 1090000);
    assert_int_equal(lk_record_delay_receives(&r), 0);
    r.first_receive_at_ms = 1090001;
    assert_int_equal(lk_record_delay_receives(&r), 0);
}

static void a_receive_less_than_a_second_early_was_slept_through_and_is_a_try(void **state)
{
    (void)state;
    lk_record r = fifo_record(2, 1090000 - 999, 1090000);
    assert_int_equal(lk_record_delay_receives(&r), 0);
    r.first_receive_at_ms = 1090000 - 1000;
    assert_int_equal(lk_record_delay_receives(&r), 1);
}

static void a_first_receive_is_never_behind_a_delay(void **state)
{
    (void)state;
    lk_record r = fifo_record(1, 1000000, 1090000);
    assert_int_equal(lk_record_delay_receives(&r), 0);
}

static void what_cannot_be_proved_is_no_delay_receive(void **state)
{
    (void)state;
    lk_record r = fifo_record(2, 0, 1090000);
    assert_int_equal(lk_record_delay_receives(&r), 0);
    r = fifo_record(2, 1000000, 1090000);
    r.event_source_arn = lk_slice_of(ARN); /* SQS itself delays on standard queues */
    assert_int_equal(lk_record_delay_receives(&r), 0);
    r = fifo_record(2, 1000000, 0);
    assert_int_equal(lk_record_delay_receives(&r), 0);
}

static void an_early_receive_of_a_standard_queue_may_not_be_the_only_one(void **state)
{
    (void)state;
    lk_record r = fifo_record(1, 1000000, 1090000);
    assert_false(lk_record_uncounted_delays(&r)); /* FIFO: d counts it */
    r.event_source_arn = lk_slice_of(ARN);
    assert_true(lk_record_uncounted_delays(&r));
    r.due_at_ms = r.first_receive_at_ms + 999; /* slept through */
    assert_false(lk_record_uncounted_delays(&r));
    r.first_receive_at_ms = 0;
    assert_false(lk_record_uncounted_delays(&r));
}

static void a_delay_that_outlasts_a_deferral_may_have_spent_more_receives(void **state)
{
    (void)state;
    const int64_t day_ms = INT64_C(86400000);
    lk_record r = fifo_record(1, 1000000, 1000000 + day_ms);
    assert_true(lk_record_uncounted_delays(&r));
    r = fifo_record(1, 1000000, 1000000 + day_ms * 11 / 24);
    assert_false(lk_record_uncounted_delays(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_gives_all_that_the_rules_need),
        cmocka_unit_test(records_keep_their_order),
        cmocka_unit_test(a_body_is_kept_byte_by_byte),
        cmocka_unit_test(an_empty_list_of_records_is_an_event_without_jobs),
        cmocka_unit_test(a_record_without_receive_count_is_a_first_receive),
        cmocka_unit_test(a_broken_record_does_not_spoil_the_others),
        cmocka_unit_test(a_fault_names_what_is_missing),
        cmocka_unit_test(only_the_value_1_makes_a_job),
        cmocka_unit_test(numbers_out_of_reason_count_as_absent),
        cmocka_unit_test(names_without_a_rule_are_ignored),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(json_without_a_list_of_records_is_refused_but_asked_about_freely),
        cmocka_unit_test(one_record_of_ours_makes_a_job_event),
        cmocka_unit_test(more_records_than_a_batch_can_have_are_refused),
        cmocka_unit_test(no_prefix_of_an_event_is_taken_for_one),
        cmocka_unit_test(mangled_events_are_survived),
        cmocka_unit_test(deep_nesting_ends_in_an_error),
        cmocka_unit_test(numbers_that_no_machine_holds_are_survived),
        cmocka_unit_test(freeing_no_event_is_allowed),
        cmocka_unit_test(fifo_is_known_from_the_arn),
        cmocka_unit_test(due_at_counts_on_every_queue),
        cmocka_unit_test(delay_seconds_counts_from_the_send_on_fifo_queues_only),
        cmocka_unit_test(due_at_wins_over_delay_seconds),
        cmocka_unit_test(a_delay_without_a_send_time_is_no_delay),
        cmocka_unit_test(a_deferred_receive_is_a_delay_receive),
        cmocka_unit_test(a_receive_that_was_due_is_a_try),
        cmocka_unit_test(a_receive_less_than_a_second_early_was_slept_through_and_is_a_try),
        cmocka_unit_test(a_first_receive_is_never_behind_a_delay),
        cmocka_unit_test(what_cannot_be_proved_is_no_delay_receive),
        cmocka_unit_test(an_early_receive_of_a_standard_queue_may_not_be_the_only_one),
        cmocka_unit_test(a_delay_that_outlasts_a_deferral_may_have_spent_more_receives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
