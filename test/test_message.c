/* SPDX-License-Identifier: MIT
 *
 * test_message: the members of SendMessage, on standard and FIFO queues, first sends and re-sends;
 * and bodies made in C. Start times and traces are in test_message_time.c. The clock stands still;
 * no network is touched.
 */
#include "lk_test.h"
#include "lk_test_message.h"

#include "digest.h"
#include "json.h"

/* A text member of the message that these options give; NULL: it has none. */
static void expect_member(lk_test_message *f, const lk_queue *queue, const lk_send_options *options,
                          const char *name, const char *expected)
{
    lk_json *message = lk_test_message_built(f, queue, options);
    assert_slice(lk_json_string(lk_json_get(message, name)), expected);
    lk_json_free(message);
}

/* --- First sends ---------------------------------------------------------------------------- */

static void a_job_for_a_standard_queue_has_a_body_and_a_mark(void **state)
{
    lk_test_message *f = *state;
    lk_test_message_members(f, f->standard, NULL,
                            "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
                            "\"DataType\":\"String\",\"StringValue\":\"1\"}}");
}

static void a_job_for_a_fifo_queue_is_its_own_group(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    lk_test_message_members(f, f->fifo, &o,
                            "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
                            "\"DataType\":\"String\",\"StringValue\":\"1\"}},"
                            "\"MessageGroupId\":\"j-1\",\"MessageDeduplicationId\":\"j-1\"");
}

static void what_is_appended_to_stays(void **state)
{
    lk_test_message *f = *state;
    lk_err err;
    lk_buf out = {0};
    lk_buf_add_str(&out, "\"Id\":\"0\",");
    assert_lk_ok(
        lk_message_build(f->client, f->standard, lk_slice_of("x"), NULL, &out, NULL, &err));
    assert_true(lk_slice_has_prefix(lk_buf_slice(&out),
                                    lk_slice_of("\"Id\":\"0\",\"MessageBody\":\"x\",")));
    lk_buf_clear(&out);
}

static void a_standard_queue_gets_a_group_only_when_asked(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    lk_json *message = lk_test_message_built(f, f->standard, &o);
    assert_null(lk_json_get(message, "MessageGroupId"));
    assert_null(lk_json_get(message, "MessageDeduplicationId"));
    lk_json_free(message);
    o.message_group_id = lk_slice_of("tenant-7");
    message = lk_test_message_built(f, f->standard, &o);
    assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), "tenant-7");
    assert_null(lk_json_get(message, "MessageDeduplicationId"));
    lk_json_free(message);
}

static void given_ids_replace_the_job_id(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = LK_SEND_OPTIONS_INIT;
    o.message_group_id = lk_slice_of("g");
    o.message_deduplication_id = lk_slice_of("d");
    lk_json *message = lk_test_message_built(f, f->fifo, &o);
    assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), "g");
    assert_slice(lk_json_string(lk_json_get(message, "MessageDeduplicationId")), "d");
    lk_json_free(message);
}

static void a_fifo_job_without_an_id_is_refused(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = LK_SEND_OPTIONS_INIT;
    lk_test_message_refused(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "job_id");
    o.message_group_id = lk_slice_of("g");
    lk_test_message_refused(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "job_id");
    o.message_group_id = (lk_slice){NULL, 0};
    o.message_deduplication_id = lk_slice_of("d");
    lk_test_message_refused(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "job_id");
}

static void a_deduplication_id_for_a_standard_queue_is_refused(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.message_deduplication_id = lk_slice_of("d");
    lk_test_message_refused(f, f->standard, lk_slice_of("{}"), &o, LK_E_INVALID, ".fifo");
}

/* --- Ids SQS would not take ----------------------------------------------------------------- */

static void an_id_of_128_bytes_is_kept_and_a_longer_one_hashed(void **state)
{
    lk_test_message *f = *state;
    char text[130];
    memset(text, 'g', 129);
    text[129] = '\0';
    lk_send_options o = lk_test_message_options();
    o.message_group_id = (lk_slice){text, 128};
    lk_json *message = lk_test_message_built(f, f->fifo, &o);
    assert_true(
        lk_slice_equal(lk_json_string(lk_json_get(message, "MessageGroupId")), o.message_group_id));
    lk_json_free(message);
    o.message_group_id.len = 129;
    expect_member(f, f->fifo, &o, "MessageGroupId",
                  "80520860c37c5447e73bd1b8784b65095786b0690cfaf6de78527d3d6456980f");
}

static void an_id_with_characters_that_sqs_refuses_is_hashed(void **state)
{
    lk_test_message *f = *state;
    static const char *const bad[] = {"two words", "\xc3\xbc", "tab\t", "\x7f"};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        char hash[LK_SHA256_HEX_SIZE];
        assert_true(lk_sha256_hex(lk_slice_of(bad[i]), hash));
        lk_send_options o = lk_test_message_options();
        o.message_group_id = lk_slice_of(bad[i]);
        o.message_deduplication_id = lk_slice_of(bad[i]);
        lk_json *message = lk_test_message_built(f, f->fifo, &o);
        assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), hash);
        assert_slice(lk_json_string(lk_json_get(message, "MessageDeduplicationId")), hash);
        lk_json_free(message);
        o.message_deduplication_id = (lk_slice){NULL, 0};
        expect_member(f, f->standard, &o, "MessageGroupId", hash);
    }
}

static void all_punctuation_of_ascii_is_kept(void **state)
{
    lk_test_message *f = *state;
    static const char all[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~azAZ09";
    lk_send_options o = lk_test_message_options();
    o.message_group_id = lk_slice_of(all);
    expect_member(f, f->fifo, &o, "MessageGroupId", all);
}

/* --- Re-sends ------------------------------------------------------------------------------- */

static void a_resend_has_an_id_of_its_own_and_stays_in_its_group(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.resend_of = lk_slice_of("m-7");
    lk_json *message = lk_test_message_built(f, f->fifo, &o);
    assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), "j-1");
    assert_slice(lk_json_string(lk_json_get(message, "MessageDeduplicationId")), "j-1:m-7");
    lk_json_free(message);
}

static void a_resend_with_a_chosen_id_does_not_repeat_it(void **state)
{
    lk_test_message *f = *state;
    lk_send_options o = lk_test_message_options();
    o.message_deduplication_id = lk_slice_of("once");
    o.resend_of = lk_slice_of("m-7");
    expect_member(f, f->fifo, &o, "MessageDeduplicationId", "once:m-7");
}

static void a_resend_whose_id_is_too_long_is_hashed_as_a_whole(void **state)
{
    lk_test_message *f = *state;
    char id[101];
    memset(id, 'j', 100);
    id[100] = '\0';
    char whole[256];
    snprintf(whole, sizeof(whole), "%s:%s", id, "c8d8a3d0-8f7c-4d7e-9d2d-0d2f5a1f6e11");
    char hash[LK_SHA256_HEX_SIZE];
    assert_true(lk_sha256_hex(lk_slice_of(whole), hash));
    lk_send_options o = LK_SEND_OPTIONS_INIT;
    o.job_id = lk_slice_of(id);
    o.resend_of = lk_slice_of("c8d8a3d0-8f7c-4d7e-9d2d-0d2f5a1f6e11");
    expect_member(f, f->fifo, &o, "MessageDeduplicationId", hash);
}

/* --- Size ----------------------------------------------------------------------------------- */

enum { MARK_BYTES = 9 + 6 + 1 }; /* lambdakiq String 1 */

static void size_is_body_and_attributes_by_sqs_rule(void **state)
{
    lk_test_message *f = *state;
    lk_err err;
    lk_buf out = {0};
    size_t size = 0;
    lk_send_options o = lk_test_message_options();
    o.trace_header = lk_slice_of(LK_TEST_MESSAGE_TRACE); /* does not count, nor do ids */
    assert_lk_ok(
        lk_message_build(f->client, f->fifo, lk_slice_of("12\n45"), &o, &out, &size, &err));
    assert_int_equal(size, 5 + MARK_BYTES);
    o.delay_ms = 10000;
    lk_buf_reset(&out);
    assert_lk_ok(
        lk_message_build(f->client, f->fifo, lk_slice_of("12\n45"), &o, &out, &size, &err));
    assert_int_equal(size, 5 + MARK_BYTES + (13 + 6 + 2) + (6 + 6 + 13));
    lk_buf_clear(&out);
}

static void a_message_of_just_the_limit_passes_and_one_byte_more_does_not(void **state)
{
    lk_test_message *f = *state;
    lk_err err;
    lk_buf out = {0};
    size_t size = 0;
    char body[1001];
    memset(body, 'x', sizeof(body));
    lk_slice fits = {body, 1000 - MARK_BYTES};
    assert_lk_ok(lk_message_build(f->client, f->standard, fits, NULL, &out, &size, &err));
    assert_int_equal(size, 1000);
    lk_buf_clear(&out);
    lk_slice too_large = {body, 1001 - MARK_BYTES};
    lk_test_message_refused(f, f->standard, too_large, NULL, LK_E_TOO_LARGE, "1001 bytes");
    lk_test_message_refused(f, f->standard, too_large, NULL, LK_E_TOO_LARGE, "limit is 1000");
}

/* --- Characters ----------------------------------------------------------------------------- */

static void an_empty_body_is_refused(void **state)
{
    lk_test_message *f = *state;
    lk_test_message_refused(f, f->standard, lk_slice_of(""), NULL, LK_E_INVALID, "empty");
    lk_test_message_refused(f, f->standard, (lk_slice){NULL, 0}, NULL, LK_E_INVALID, "empty");
}

static void all_characters_of_sqs_pass(void **state)
{
    lk_test_message *f = *state;
    /* U+0009 A D, U+0020, U+007F-U+0080, U+D7FF, U+E000, U+FFFD, U+10000, U+1FFFE, U+10FFFF */
    static const char *const good[] = {"\t\n\r",
                                       " ",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbd",
                                       "\xf0\x90\x80\x80",
                                       "\xf0\x9f\xbf\xbe",
                                       "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < LK_COUNT(good); i++) {
        lk_err err;
        lk_buf out = {0};
        assert_lk_ok(
            lk_message_build(f->client, f->standard, lk_slice_of(good[i]), NULL, &out, NULL, &err));
        lk_buf_clear(&out);
    }
}

static void a_character_that_sqs_refuses_is_named_with_its_place(void **state)
{
    lk_test_message *f = *state;
    static const char nul[] = "ab\0c";
    lk_test_message_refused(f, f->standard, (lk_slice){nul, 4}, NULL, LK_E_INVALID,
                            "U+0000 at byte 2");
    lk_test_message_refused(f, f->standard, lk_slice_of("\x1f"), NULL, LK_E_INVALID,
                            "U+001F at byte 0");
    lk_test_message_refused(f, f->standard, lk_slice_of("ü\x0b"), NULL, LK_E_INVALID,
                            "U+000B at byte 2");
    lk_test_message_refused(f, f->standard, lk_slice_of("x\xef\xbf\xbe"), NULL, LK_E_INVALID,
                            "U+FFFE");
    lk_test_message_refused(f, f->standard, lk_slice_of("x\xef\xbf\xbf"), NULL, LK_E_INVALID,
                            "U+FFFF");
}

static void what_is_not_utf8_is_refused_with_its_place(void **state)
{
    lk_test_message *f = *state;
    static const char *const bad[] = {"abc\xff",     "abc\xc3",     "abc\xed\xa0\x80",
                                      "abc\xc0\x80", "abc\xef\xbf", "abc\x80"};
    for (size_t i = 0; i < LK_COUNT(bad); i++)
        lk_test_message_refused(f, f->standard, lk_slice_of(bad[i]), NULL, LK_E_INVALID, "byte 3");
}

static void a_refusal_never_quotes_the_body(void **state)
{
    lk_test_message *f = *state;
    lk_err err;
    lk_buf out = {0};
    assert_lk_fails(
        lk_message_build(f->client, f->standard, lk_slice_of("secret\x01"), NULL, &out, NULL, &err),
        LK_E_INVALID);
    assert_null(strstr(err.message, "secret"));
}

static void control_characters_of_a_body_are_escaped(void **state)
{
    lk_test_message *f = *state;
    lk_err err;
    lk_buf out = {0};
    assert_lk_ok(
        lk_message_build(f->client, f->standard, lk_slice_of("a\r\n\"\\"), NULL, &out, NULL, &err));
    assert_true(lk_slice_has_prefix(lk_buf_slice(&out),
                                    lk_slice_of("\"MessageBody\":\"a\\r\\n\\\"\\\\\",")));
    lk_buf_clear(&out);
}

/* --- Bodies made in C ----------------------------------------------------------------------- */

static void expect_body(lk_test_message *f, const char *arguments,
                        const lk_enqueue_options *options, const char *expected)
{
    lk_err err;
    lk_buf out = {0};
    assert_lk_ok(lk_message_body(&f->env, lk_slice_of("jobs"), lk_slice_of("ThumbnailJob"),
                                 lk_slice_of("j-1"), lk_slice_of(arguments), options, &out, &err));
    assert_slice(lk_buf_slice(&out), expected);
    lk_buf_clear(&out);
}

static void a_body_has_the_members_of_activejob_in_its_order(void **state)
{
    lk_test_message *f = *state;
    lk_enqueue_options o = LK_ENQUEUE_OPTIONS_INIT;
    expect_body(f, "[42,{\"a\":1.50}]", &o,
                "{\"job_class\":\"ThumbnailJob\",\"job_id\":\"j-1\",\"provider_job_id\":null,"
                "\"queue_name\":\"jobs\",\"priority\":null,\"arguments\":[42,{\"a\":1.50}],"
                "\"executions\":0,\"exception_executions\":{},\"locale\":null,\"timezone\":null,"
                "\"enqueued_at\":\"2020-09-13T12:26:40.123Z\",\"scheduled_at\":null}");
}

static void a_body_names_priority_and_start_time_when_there_are_any(void **state)
{
    lk_test_message *f = *state;
    lk_enqueue_options o = LK_ENQUEUE_OPTIONS_INIT;
    o.has_priority = true;
    o.priority = -3;
    o.delay_ms = 60000;
    expect_body(f, "[]", &o,
                "{\"job_class\":\"ThumbnailJob\",\"job_id\":\"j-1\",\"provider_job_id\":null,"
                "\"queue_name\":\"jobs\",\"priority\":-3,\"arguments\":[],"
                "\"executions\":0,\"exception_executions\":{},\"locale\":null,\"timezone\":null,"
                "\"enqueued_at\":\"2020-09-13T12:26:40.123Z\","
                "\"scheduled_at\":\"2020-09-13T12:27:40.123Z\"}");
}

static void arguments_must_be_a_list(void **state)
{
    lk_test_message *f = *state;
    lk_enqueue_options o = LK_ENQUEUE_OPTIONS_INIT;
    static const struct {
        const char *text;
        int code;
    } bad[] = {{"{}", LK_E_INVALID}, {"1", LK_E_INVALID},  {"null", LK_E_INVALID},
               {"", LK_E_JSON},      {"[NaN]", LK_E_JSON}, {"[1],\"x\":[2]", LK_E_JSON},
               {"[\xff]", LK_E_JSON}};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_err err;
        lk_buf out = {0};
        assert_lk_fails(lk_message_body(&f->env, lk_slice_of("jobs"), lk_slice_of("J"),
                                        lk_slice_of("j-1"), lk_slice_of(bad[i].text), &o, &out,
                                        &err),
                        bad[i].code);
        assert_int_equal(out.len, 0);
    }
}

static void a_job_without_class_or_id_is_refused(void **state)
{
    lk_test_message *f = *state;
    lk_enqueue_options o = LK_ENQUEUE_OPTIONS_INIT;
    static const char *const bad[][2] = {{"", "j"}, {"J", ""}, {"J\xff", "j"}, {"J", "\xc3"}};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_err err;
        lk_buf out = {0};
        assert_lk_fails(lk_message_body(&f->env, lk_slice_of("jobs"), lk_slice_of(bad[i][0]),
                                        lk_slice_of(bad[i][1]), lk_slice_of("[]"), &o, &out, &err),
                        LK_E_INVALID);
    }
}

/* --- Digests -------------------------------------------------------------------------------- */

/* What SQS would digest is what the written message says, read back. */
static void digests_are_those_of_the_written_message(void **state)
{
    lk_test_message *f = *state;
    lk_err err;
    lk_buf out = {0};
    lk_sqs_expect expect;
    lk_sqs_digests digests;
    lk_send_options o = lk_test_message_options();
    o.delay_ms = 1000 * 1000; /* delay_seconds and due_at */
    o.trace_header = lk_slice_of("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    lk_buf_add_char(&out, '{');
    assert_lk_ok(lk_message_build_digested(f->client, f->fifo, lk_slice_of("\"h\xc3\xa9\r\n"), &o,
                                           &out, NULL, &digests, &err));
    lk_buf_add_char(&out, '}');
    assert_lk_ok(lk_sqs_expect_of("SendMessage", lk_buf_slice(&out), &expect, &err));
    assert_string_equal(digests.id, "");
    assert_string_equal(digests.body, expect.entries[0].body);
    assert_string_equal(digests.attributes, expect.entries[0].attributes);
    assert_string_equal(digests.system_attributes, expect.entries[0].system_attributes);
    assert_int_equal(strlen(digests.system_attributes), 32);
    lk_buf_clear(&out);
}

static void without_a_trace_there_is_no_digest_of_it(void **state)
{
    lk_test_message *f = *state;
    lk_err err;
    lk_buf out = {0};
    lk_sqs_digests digests;
    assert_lk_ok(lk_message_build_digested(f->client, f->standard, lk_slice_of("hello world"), NULL,
                                           &out, NULL, &digests, &err));
    assert_string_equal(digests.body, "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_int_equal(strlen(digests.attributes), 32);
    assert_string_equal(digests.system_attributes, "");
    lk_buf_clear(&out);
}

#define message_test(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, lk_test_message_setup, lk_test_message_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        message_test(digests_are_those_of_the_written_message),
        message_test(without_a_trace_there_is_no_digest_of_it),
        message_test(a_job_for_a_standard_queue_has_a_body_and_a_mark),
        message_test(a_job_for_a_fifo_queue_is_its_own_group),
        message_test(what_is_appended_to_stays),
        message_test(a_standard_queue_gets_a_group_only_when_asked),
        message_test(given_ids_replace_the_job_id),
        message_test(a_fifo_job_without_an_id_is_refused),
        message_test(a_deduplication_id_for_a_standard_queue_is_refused),
        message_test(an_id_of_128_bytes_is_kept_and_a_longer_one_hashed),
        message_test(an_id_with_characters_that_sqs_refuses_is_hashed),
        message_test(all_punctuation_of_ascii_is_kept),
        message_test(a_resend_has_an_id_of_its_own_and_stays_in_its_group),
        message_test(a_resend_with_a_chosen_id_does_not_repeat_it),
        message_test(a_resend_whose_id_is_too_long_is_hashed_as_a_whole),
        message_test(size_is_body_and_attributes_by_sqs_rule),
        message_test(a_message_of_just_the_limit_passes_and_one_byte_more_does_not),
        message_test(an_empty_body_is_refused),
        message_test(all_characters_of_sqs_pass),
        message_test(a_character_that_sqs_refuses_is_named_with_its_place),
        message_test(what_is_not_utf8_is_refused_with_its_place),
        message_test(a_refusal_never_quotes_the_body),
        message_test(control_characters_of_a_body_are_escaped),
        message_test(a_body_has_the_members_of_activejob_in_its_order),
        message_test(a_body_names_priority_and_start_time_when_there_are_any),
        message_test(arguments_must_be_a_list),
        message_test(a_job_without_class_or_id_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
