/* SPDX-License-Identifier: MIT
 *
 * test_message_time: what becomes of a job's start time in its message, and the trace header that
 * goes along. The rest of a message is in test_message.c.
 */
#include "lk_test.h"
#include "lk_test_message.h"

/* --- Delays --------------------------------------------------------------------------------- */

/* expected_*: NULL or 0 where the message must not have it. */
static void expect_delay(lk_test_message *f, bool fifo, const lk_send_options *options,
                         int64_t delay_s, const char *delay_attribute, const char *due_at)
{
    lk_json *message = lk_test_message_built(f, fifo ? f->fifo : f->standard, options);
    int64_t written_s = 0;
    assert_int_equal(lk_json_int64(lk_json_get(message, "DelaySeconds"), &written_s), delay_s > 0);
    assert_int_equal(written_s, delay_s);
    assert_slice(lk_test_message_attribute(message, "delay_seconds"), delay_attribute);
    assert_slice(lk_test_message_attribute(message, "due_at"), due_at);
    lk_json_free(message);
}

static void no_delay_or_a_past_start_is_not_mentioned(void **state)
{
    lk_test_message *f = *state;
    static const int64_t delays_ms[] = {0, -1, -3600000, INT64_MIN};
    for (size_t i = 0; i < LK_COUNT(delays_ms); i++) {
        lk_send_options o = lk_test_message_options();
        o.delay_ms = delays_ms[i];
        expect_delay(f, false, &o, 0, NULL, NULL);
        expect_delay(f, true, &o, 0, NULL, NULL);
    }
}

static void a_standard_delay_is_rounded_up_to_seconds(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.delay_ms = 1;
    expect_delay(f, false, &o, 1, NULL, NULL);
    o.delay_ms = 90000;
    expect_delay(f, false, &o, 90, NULL, NULL);
    o.delay_ms = 90001;
    expect_delay(f, false, &o, 91, NULL, NULL);
}

static void a_standard_delay_beyond_15_minutes_says_when_it_ends(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.delay_ms = 900000;
    expect_delay(f, false, &o, 900, NULL, NULL);
    o.delay_ms = 900001;
    expect_delay(f, false, &o, 900, NULL, "1700000900001");
    o.delay_ms = INT64_C(86400000) * 365;
    expect_delay(f, false, &o, 900, NULL, "1731536000000");
}

static void a_fifo_delay_is_an_attribute_of_at_most_900_and_always_says_when_it_ends(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.delay_ms = 1;
    expect_delay(f, true, &o, 0, "1", "1700000000001");
    o.delay_ms = 90500;
    expect_delay(f, true, &o, 0, "91", "1700000090500");
    o.delay_ms = 86400000;
    expect_delay(f, true, &o, 0, "900", "1700086400000");
}

static void due_at_is_a_number_and_delay_seconds_a_string(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.delay_ms = 2000;
    lk_test_message_members(f, f->fifo, &o,
                            "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
                            "\"DataType\":\"String\",\"StringValue\":\"1\"},\"delay_seconds\":{"
                            "\"DataType\":\"String\",\"StringValue\":\"2\"},\"due_at\":{"
                            "\"DataType\":\"Number\",\"StringValue\":\"1700000002000\"}},"
                            "\"MessageGroupId\":\"j-1\",\"MessageDeduplicationId\":\"j-1\"");
}

static void the_movable_clock_governs_due_at(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.delay_ms = 1000000;
    f->now_ms += 3600000;
    expect_delay(f, false, &o, 900, NULL, "1700004600000");
}

static void capped_delays_start_after_15_minutes_as_in_2_4_0(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.long_delays = LK_LONG_DELAYS_CAP;
    o.delay_ms = 86400000;
    expect_delay(f, false, &o, 900, NULL, NULL);
    expect_delay(f, true, &o, 0, "900", "1700000900000");
}

static void raising_delays_are_refused_only_beyond_15_minutes(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.long_delays = LK_LONG_DELAYS_RAISE;
    o.delay_ms = 900000;
    expect_delay(f, false, &o, 900, NULL, NULL);
    o.delay_ms = 900001;
    lk_test_message_refused(f, f->standard, lk_slice_of("{}"), &o, LK_E_INVALID, "900");
    lk_test_message_refused(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "900");
}

static void a_delay_beyond_the_year_9999_is_refused(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.delay_ms = LK_TIME_LAST_MS - LK_TEST_MESSAGE_NOW_MS;
    expect_delay(f, false, &o, 900, NULL, "253402300799999");
    o.delay_ms++;
    lk_test_message_refused(f, f->standard, lk_slice_of("{}"), &o, LK_E_INVALID, "9999");
    o.delay_ms = INT64_MAX;
    lk_test_message_refused(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "9999");
}

/* --- Trace header --------------------------------------------------------------------------- */

static lk_slice trace_of(const lk_json *message)
{
    const lk_json *system = lk_json_get(message, "MessageSystemAttributes");
    return lk_json_string(lk_json_get(lk_json_get(system, "AWSTraceHeader"), "StringValue"));
}

static void expect_trace(lk_test_message *f, const lk_send_options *options, const char *expected)
{
    lk_json *message = lk_test_message_built(f, f->standard, options);
    assert_slice(trace_of(message), expected);
    lk_json_free(message);
}

static void a_given_trace_header_goes_along(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.trace_header = lk_slice_of(LK_TEST_MESSAGE_TRACE);
    lk_test_message_members(
        f, f->standard, &o,
        "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
        "\"DataType\":\"String\",\"StringValue\":\"1\"}},\"MessageSystemAttributes\":{"
        "\"AWSTraceHeader\":{\"DataType\":\"String\",\"StringValue\":\"" LK_TEST_MESSAGE_TRACE
        "\"}}");
}

static void the_environments_trace_header_is_the_default(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    setenv("_X_AMZN_TRACE_ID", LK_TEST_MESSAGE_TRACE ";Lineage=a:0", 1);
    expect_trace(f, NULL, LK_TEST_MESSAGE_TRACE ";Lineage=a:0");
    o.trace_header = lk_slice_of("Root=2");
    expect_trace(f, &o, "Root=2");
}

static void a_resend_drops_lineage_wherever_the_header_comes_from(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.resend_of = lk_slice_of("m-7");
    setenv("_X_AMZN_TRACE_ID", LK_TEST_MESSAGE_TRACE ";Lineage=a:0", 1);
    expect_trace(f, &o, LK_TEST_MESSAGE_TRACE);
    o.trace_header = lk_slice_of("Lineage=25:abc:16;Root=2");
    expect_trace(f, &o, "Root=2");
    o.trace_header = lk_slice_of("Lineage=25:abc:16");
    lk_json *message = lk_test_message_built(f, f->standard, &o);
    assert_null(lk_json_get(message, "MessageSystemAttributes"));
    lk_json_free(message);
}

static void only_what_is_known_passes_from_a_trace_header(void **state)
{
    (void)state;
    static const char *const headers[][2] = {
        {"", ""},
        {";;;", ""},
        {"Root=1", "Root=1"},
        {" Root=1 ; Parent=2 ;Sampled=0", "Root=1;Parent=2;Sampled=0"},
        {"Self=0;Root=1;lineage=x;LINEAGE=y;Lineage=z;Sampled=1", "Root=1;Sampled=1"},
        {"Lineage=a;Root=1;Lineage=b", "Root=1"},
        {"Rooted=1;root=2;Root", ""},
    };
    for (size_t i = 0; i < LK_COUNT(headers); i++) {
        lk_buf out = {0};
        lk_message_trace_without_lineage(lk_slice_of(headers[i][0]), &out);
        assert_slice(lk_buf_slice(&out), headers[i][1]);
        lk_buf_clear(&out);
    }
}

static void an_unusable_trace_header_does_not_keep_a_job_from_being_sent(void **state)
{
    lk_test_message *f = *state;
    char long_text[1026];
    memset(long_text, 'x', 1025);
    long_text[1025] = '\0';
    const char *const bad[] = {"Root=1\nX: y", "Root=\xc3\xbc", "\x7f", long_text};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_send_options o = lk_test_message_options();
        o.trace_header = lk_slice_of(bad[i]);
        lk_json *message = lk_test_message_built(f, f->standard, &o);
        assert_null(lk_json_get(message, "MessageSystemAttributes"));
        assert_slice(lk_test_message_attribute(message, "lambdakiq"), "1");
        lk_json_free(message);
    }
}

#define message_test(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, lk_test_message_setup, lk_test_message_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        message_test(no_delay_or_a_past_start_is_not_mentioned),
        message_test(a_standard_delay_is_rounded_up_to_seconds),
        message_test(a_standard_delay_beyond_15_minutes_says_when_it_ends),
        message_test(a_fifo_delay_is_an_attribute_of_at_most_900_and_always_says_when_it_ends),
        message_test(due_at_is_a_number_and_delay_seconds_a_string),
        message_test(the_movable_clock_governs_due_at),
        message_test(capped_delays_start_after_15_minutes_as_in_2_4_0),
        message_test(raising_delays_are_refused_only_beyond_15_minutes),
        message_test(a_delay_beyond_the_year_9999_is_refused),
        message_test(a_given_trace_header_goes_along),
        message_test(the_environments_trace_header_is_the_default),
        message_test(a_resend_drops_lineage_wherever_the_header_comes_from),
        message_test(only_what_is_known_passes_from_a_trace_header),
        message_test(an_unusable_trace_header_does_not_keep_a_job_from_being_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
