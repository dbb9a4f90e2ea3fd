/* SPDX-License-Identifier: MIT
 *
 * test_message: the members of SendMessage, on standard and FIFO queues, now and later, first sends
 * and re-sends; and bodies made in C. The clock stands still; no network is touched.
 */
#include "lk_test.h"

#include "digest.h"
#include "json.h"
#include "message.h"

/* --- Fixture -------------------------------------------------------------------------------- */

static const int64_t clock_now_ms = INT64_C(1700000000000);
static const int64_t wall_now_ms = INT64_C(1600000000123); /* apart, to tell which one was asked */

static int64_t clock_ms(void *ctx)
{
    return *(int64_t *)ctx;
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return wall_now_ms;
}

typedef struct fixture {
    int64_t now_ms;
    lk_env env;
    lk_client *client;
    lk_queue *standard;
    lk_queue *fifo;
} fixture;

static int set_up(void **state)
{
    unsetenv("_X_AMZN_TRACE_ID");
    lk_err err;
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->now_ms = clock_now_ms;
    f->env = lk_env_default;
    f->env.clock_ms = clock_ms;
    f->env.wall_ms = wall_ms;
    f->env.ctx = &f->now_ms;
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = "us-east-1";
    options.max_message_bytes = 1000;
    f->client = lk_client_new_env(&options, &f->env, &err);
    assert_non_null(f->client);
    assert_lk_ok(lk_queue_get(f->client, lk_slice_of("jobs"), &f->standard, &err));
    assert_lk_ok(lk_queue_get(f->client, lk_slice_of("jobs.fifo"), &f->fifo, &err));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    unsetenv("_X_AMZN_TRACE_ID");
    lk_client_free(f->client);
    free(f);
    return 0;
}

static lk_send_options job_options(void)
{
    lk_send_options o = LK_SEND_OPTIONS_INIT;
    o.job_id = lk_slice_of("j-1");
    return o;
}

/* The members as a caller puts them into braces. */
static void expect_members(fixture *f, const lk_queue *queue, const lk_send_options *options,
                           const char *expected)
{
    lk_err err;
    lk_buf out = {0};
    assert_lk_ok(lk_message_build(f->client, queue, lk_slice_of("{}"), options, &out, NULL, &err));
    assert_slice(lk_buf_slice(&out), expected);
    lk_buf_clear(&out);
}

/* The message as a tree; freed by the caller. */
static lk_json *built(fixture *f, const lk_queue *queue, const lk_send_options *options)
{
    lk_err err;
    lk_buf out = {0};
    lk_json *root = NULL;
    lk_buf_add_char(&out, '{');
    assert_lk_ok(lk_message_build(f->client, queue, lk_slice_of("{}"), options, &out, NULL, &err));
    lk_buf_add_char(&out, '}');
    assert_lk_ok(lk_json_parse(lk_buf_slice(&out), "message", &root, &err));
    lk_buf_clear(&out);
    return root;
}

static lk_slice attribute_of(const lk_json *message, const char *name)
{
    const lk_json *attribute = lk_json_get(lk_json_get(message, "MessageAttributes"), name);
    return lk_json_string(lk_json_get(attribute, "StringValue"));
}

static lk_slice trace_of(const lk_json *message)
{
    const lk_json *system = lk_json_get(message, "MessageSystemAttributes");
    return lk_json_string(lk_json_get(lk_json_get(system, "AWSTraceHeader"), "StringValue"));
}

/* A text member of the message that these options give; NULL: it has none. */
static void expect_member(fixture *f, const lk_queue *queue, const lk_send_options *options,
                          const char *name, const char *expected)
{
    lk_json *message = built(f, queue, options);
    assert_slice(lk_json_string(lk_json_get(message, name)), expected);
    lk_json_free(message);
}

static void expect_trace(fixture *f, const lk_send_options *options, const char *expected)
{
    lk_json *message = built(f, f->standard, options);
    assert_slice(trace_of(message), expected);
    lk_json_free(message);
}

static void expect_refusal(fixture *f, const lk_queue *queue, lk_slice body,
                           const lk_send_options *options, int code, const char *word)
{
    lk_err err;
    lk_buf out = {0};
    size_t size = 0;
    lk_buf_add_str(&out, "before");
    assert_lk_fails(lk_message_build(f->client, queue, body, options, &out, &size, &err), code);
    if (!strstr(err.message, word))
        fail_msg("\"%s\" does not mention \"%s\"", err.message, word);
    assert_slice(lk_buf_slice(&out), "before");
    lk_buf_clear(&out);
}

/* --- First sends ---------------------------------------------------------------------------- */

static void a_job_for_a_standard_queue_has_a_body_and_a_mark(void **state)
{
    fixture *f = *state;
    expect_members(f, f->standard, NULL,
                   "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
                   "\"DataType\":\"String\",\"StringValue\":\"1\"}}");
}

static void a_job_for_a_fifo_queue_is_its_own_group(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    expect_members(f, f->fifo, &o,
                   "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
                   "\"DataType\":\"String\",\"StringValue\":\"1\"}},"
                   "\"MessageGroupId\":\"j-1\",\"MessageDeduplicationId\":\"j-1\"");
}

static void what_is_appended_to_stays(void **state)
{
    fixture *f = *state;
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
    fixture *f = *state;
    lk_send_options o = job_options();
    lk_json *message = built(f, f->standard, &o);
    assert_null(lk_json_get(message, "MessageGroupId"));
    assert_null(lk_json_get(message, "MessageDeduplicationId"));
    lk_json_free(message);
    o.message_group_id = lk_slice_of("tenant-7");
    message = built(f, f->standard, &o);
    assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), "tenant-7");
    assert_null(lk_json_get(message, "MessageDeduplicationId"));
    lk_json_free(message);
}

static void given_ids_replace_the_job_id(void **state)
{
    fixture *f = *state;
    lk_send_options o = LK_SEND_OPTIONS_INIT;
    o.message_group_id = lk_slice_of("g");
    o.message_deduplication_id = lk_slice_of("d");
    lk_json *message = built(f, f->fifo, &o);
    assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), "g");
    assert_slice(lk_json_string(lk_json_get(message, "MessageDeduplicationId")), "d");
    lk_json_free(message);
}

static void a_fifo_job_without_an_id_is_refused(void **state)
{
    fixture *f = *state;
    lk_send_options o = LK_SEND_OPTIONS_INIT;
    expect_refusal(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "job_id");
    o.message_group_id = lk_slice_of("g");
    expect_refusal(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "job_id");
    o.message_group_id = (lk_slice){NULL, 0};
    o.message_deduplication_id = lk_slice_of("d");
    expect_refusal(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "job_id");
}

static void a_deduplication_id_for_a_standard_queue_is_refused(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.message_deduplication_id = lk_slice_of("d");
    expect_refusal(f, f->standard, lk_slice_of("{}"), &o, LK_E_INVALID, ".fifo");
}

/* --- Ids SQS would not take ----------------------------------------------------------------- */

static void an_id_of_128_bytes_is_kept_and_a_longer_one_hashed(void **state)
{
    fixture *f = *state;
    char text[130];
    memset(text, 'g', 129);
    text[129] = '\0';
    lk_send_options o = job_options();
    o.message_group_id = (lk_slice){text, 128};
    lk_json *message = built(f, f->fifo, &o);
    assert_true(
        lk_slice_equal(lk_json_string(lk_json_get(message, "MessageGroupId")), o.message_group_id));
    lk_json_free(message);
    o.message_group_id.len = 129;
    expect_member(f, f->fifo, &o, "MessageGroupId",
                  "80520860c37c5447e73bd1b8784b65095786b0690cfaf6de78527d3d6456980f");
}

static void an_id_with_characters_that_sqs_refuses_is_hashed(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {"two words", "\xc3\xbc", "tab\t", "\x7f"};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        char hash[LK_SHA256_HEX_SIZE];
        assert_true(lk_sha256_hex(lk_slice_of(bad[i]), hash));
        lk_send_options o = job_options();
        o.message_group_id = lk_slice_of(bad[i]);
        o.message_deduplication_id = lk_slice_of(bad[i]);
        lk_json *message = built(f, f->fifo, &o);
        assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), hash);
        assert_slice(lk_json_string(lk_json_get(message, "MessageDeduplicationId")), hash);
        lk_json_free(message);
        o.message_deduplication_id = (lk_slice){NULL, 0};
        expect_member(f, f->standard, &o, "MessageGroupId", hash);
    }
}

static void all_punctuation_of_ascii_is_kept(void **state)
{
    fixture *f = *state;
    static const char all[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~azAZ09";
    lk_send_options o = job_options();
    o.message_group_id = lk_slice_of(all);
    expect_member(f, f->fifo, &o, "MessageGroupId", all);
}

/* --- Re-sends ------------------------------------------------------------------------------- */

static void a_resend_has_an_id_of_its_own_and_stays_in_its_group(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.resend_of = lk_slice_of("m-7");
    lk_json *message = built(f, f->fifo, &o);
    assert_slice(lk_json_string(lk_json_get(message, "MessageGroupId")), "j-1");
    assert_slice(lk_json_string(lk_json_get(message, "MessageDeduplicationId")), "j-1:m-7");
    lk_json_free(message);
}

static void a_resend_with_a_chosen_id_does_not_repeat_it(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.message_deduplication_id = lk_slice_of("once");
    o.resend_of = lk_slice_of("m-7");
    expect_member(f, f->fifo, &o, "MessageDeduplicationId", "once:m-7");
}

static void a_resend_whose_id_is_too_long_is_hashed_as_a_whole(void **state)
{
    fixture *f = *state;
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

/* --- Delays --------------------------------------------------------------------------------- */

/* expected_*: NULL or 0 where the message must not have it. */
static void expect_delay(fixture *f, bool fifo, const lk_send_options *options, int64_t delay_s,
                         const char *delay_attribute, const char *due_at)
{
    lk_json *message = built(f, fifo ? f->fifo : f->standard, options);
    int64_t written_s = 0;
    assert_int_equal(lk_json_int64(lk_json_get(message, "DelaySeconds"), &written_s), delay_s > 0);
    assert_int_equal(written_s, delay_s);
    assert_slice(attribute_of(message, "delay_seconds"), delay_attribute);
    assert_slice(attribute_of(message, "due_at"), due_at);
    lk_json_free(message);
}

static void no_delay_or_a_past_start_is_not_mentioned(void **state)
{
    fixture *f = *state;
    static const int64_t delays_ms[] = {0, -1, -3600000, INT64_MIN};
    for (size_t i = 0; i < LK_COUNT(delays_ms); i++) {
        lk_send_options o = job_options();
        o.delay_ms = delays_ms[i];
        expect_delay(f, false, &o, 0, NULL, NULL);
        expect_delay(f, true, &o, 0, NULL, NULL);
    }
}

static void a_standard_delay_is_rounded_up_to_seconds(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.delay_ms = 1;
    expect_delay(f, false, &o, 1, NULL, NULL);
    o.delay_ms = 90000;
    expect_delay(f, false, &o, 90, NULL, NULL);
    o.delay_ms = 90001;
    expect_delay(f, false, &o, 91, NULL, NULL);
}

static void a_standard_delay_beyond_15_minutes_says_when_it_ends(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.delay_ms = 900000;
    expect_delay(f, false, &o, 900, NULL, NULL);
    o.delay_ms = 900001;
    expect_delay(f, false, &o, 900, NULL, "1700000900001");
    o.delay_ms = INT64_C(86400000) * 365;
    expect_delay(f, false, &o, 900, NULL, "1731536000000");
}

static void a_fifo_delay_is_an_attribute_of_at_most_900_and_always_says_when_it_ends(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.delay_ms = 1;
    expect_delay(f, true, &o, 0, "1", "1700000000001");
    o.delay_ms = 90500;
    expect_delay(f, true, &o, 0, "91", "1700000090500");
    o.delay_ms = 86400000;
    expect_delay(f, true, &o, 0, "900", "1700086400000");
}

static void due_at_is_a_number_and_delay_seconds_a_string(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.delay_ms = 2000;
    expect_members(f, f->fifo, &o,
                   "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
                   "\"DataType\":\"String\",\"StringValue\":\"1\"},\"delay_seconds\":{"
                   "\"DataType\":\"String\",\"StringValue\":\"2\"},\"due_at\":{"
                   "\"DataType\":\"Number\",\"StringValue\":\"1700000002000\"}},"
                   "\"MessageGroupId\":\"j-1\",\"MessageDeduplicationId\":\"j-1\"");
}

static void the_movable_clock_governs_due_at(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.delay_ms = 1000000;
    f->now_ms += 3600000;
    expect_delay(f, false, &o, 900, NULL, "1700004600000");
}

static void capped_delays_start_after_15_minutes_as_in_2_4_0(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.long_delays = LK_LONG_DELAYS_CAP;
    o.delay_ms = 86400000;
    expect_delay(f, false, &o, 900, NULL, NULL);
    expect_delay(f, true, &o, 0, "900", "1700000900000");
}

static void raising_delays_are_refused_only_beyond_15_minutes(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.long_delays = LK_LONG_DELAYS_RAISE;
    o.delay_ms = 900000;
    expect_delay(f, false, &o, 900, NULL, NULL);
    o.delay_ms = 900001;
    expect_refusal(f, f->standard, lk_slice_of("{}"), &o, LK_E_INVALID, "900");
    expect_refusal(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "900");
}

static void a_delay_beyond_the_year_9999_is_refused(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.delay_ms = LK_TIME_LAST_MS - clock_now_ms;
    expect_delay(f, false, &o, 900, NULL, "253402300799999");
    o.delay_ms++;
    expect_refusal(f, f->standard, lk_slice_of("{}"), &o, LK_E_INVALID, "9999");
    o.delay_ms = INT64_MAX;
    expect_refusal(f, f->fifo, lk_slice_of("{}"), &o, LK_E_INVALID, "9999");
}

/* --- Trace header --------------------------------------------------------------------------- */

#define TRACE "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

static void a_given_trace_header_goes_along(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.trace_header = lk_slice_of(TRACE);
    expect_members(f, f->standard, &o,
                   "\"MessageBody\":\"{}\",\"MessageAttributes\":{\"lambdakiq\":{"
                   "\"DataType\":\"String\",\"StringValue\":\"1\"}},\"MessageSystemAttributes\":{"
                   "\"AWSTraceHeader\":{\"DataType\":\"String\",\"StringValue\":\"" TRACE "\"}}");
}

static void the_environments_trace_header_is_the_default(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    setenv("_X_AMZN_TRACE_ID", TRACE ";Lineage=a:0", 1);
    expect_trace(f, NULL, TRACE ";Lineage=a:0");
    o.trace_header = lk_slice_of("Root=2");
    expect_trace(f, &o, "Root=2");
}

static void a_resend_drops_lineage_wherever_the_header_comes_from(void **state)
{
    fixture *f = *state;
    lk_send_options o = job_options();
    o.resend_of = lk_slice_of("m-7");
    setenv("_X_AMZN_TRACE_ID", TRACE ";Lineage=a:0", 1);
    expect_trace(f, &o, TRACE);
    o.trace_header = lk_slice_of("Lineage=25:abc:16;Root=2");
    expect_trace(f, &o, "Root=2");
    o.trace_header = lk_slice_of("Lineage=25:abc:16");
    lk_json *message = built(f, f->standard, &o);
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
    fixture *f = *state;
    char long_text[1026];
    memset(long_text, 'x', 1025);
    long_text[1025] = '\0';
    const char *const bad[] = {"Root=1\nX: y", "Root=\xc3\xbc", "\x7f", long_text};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_send_options o = job_options();
        o.trace_header = lk_slice_of(bad[i]);
        lk_json *message = built(f, f->standard, &o);
        assert_null(lk_json_get(message, "MessageSystemAttributes"));
        assert_slice(attribute_of(message, "lambdakiq"), "1");
        lk_json_free(message);
    }
}

/* --- Size ----------------------------------------------------------------------------------- */

enum { MARK_BYTES = 9 + 6 + 1 }; /* lambdakiq String 1 */

static void size_is_body_and_attributes_by_sqs_rule(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_buf out = {0};
    size_t size = 0;
    lk_send_options o = job_options();
    o.trace_header = lk_slice_of(TRACE); /* does not count, nor do ids */
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
    fixture *f = *state;
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
    expect_refusal(f, f->standard, too_large, NULL, LK_E_TOO_LARGE, "1001 bytes");
    expect_refusal(f, f->standard, too_large, NULL, LK_E_TOO_LARGE, "limit is 1000");
}

/* --- Characters ----------------------------------------------------------------------------- */

static void an_empty_body_is_refused(void **state)
{
    fixture *f = *state;
    expect_refusal(f, f->standard, lk_slice_of(""), NULL, LK_E_INVALID, "empty");
    expect_refusal(f, f->standard, (lk_slice){NULL, 0}, NULL, LK_E_INVALID, "empty");
}

static void all_characters_of_sqs_pass(void **state)
{
    fixture *f = *state;
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
    fixture *f = *state;
    static const char nul[] = "ab\0c";
    expect_refusal(f, f->standard, (lk_slice){nul, 4}, NULL, LK_E_INVALID, "U+0000 at byte 2");
    expect_refusal(f, f->standard, lk_slice_of("\x1f"), NULL, LK_E_INVALID, "U+001F at byte 0");
    expect_refusal(f, f->standard, lk_slice_of("ü\x0b"), NULL, LK_E_INVALID, "U+000B at byte 2");
    expect_refusal(f, f->standard, lk_slice_of("x\xef\xbf\xbe"), NULL, LK_E_INVALID, "U+FFFE");
    expect_refusal(f, f->standard, lk_slice_of("x\xef\xbf\xbf"), NULL, LK_E_INVALID, "U+FFFF");
}

static void what_is_not_utf8_is_refused_with_its_place(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {"abc\xff",     "abc\xc3",     "abc\xed\xa0\x80",
                                      "abc\xc0\x80", "abc\xef\xbf", "abc\x80"};
    for (size_t i = 0; i < LK_COUNT(bad); i++)
        expect_refusal(f, f->standard, lk_slice_of(bad[i]), NULL, LK_E_INVALID, "byte 3");
}

static void a_refusal_never_quotes_the_body(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_buf out = {0};
    assert_lk_fails(
        lk_message_build(f->client, f->standard, lk_slice_of("secret\x01"), NULL, &out, NULL, &err),
        LK_E_INVALID);
    assert_null(strstr(err.message, "secret"));
}

static void control_characters_of_a_body_are_escaped(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_buf out = {0};
    assert_lk_ok(
        lk_message_build(f->client, f->standard, lk_slice_of("a\r\n\"\\"), NULL, &out, NULL, &err));
    assert_true(lk_slice_has_prefix(lk_buf_slice(&out),
                                    lk_slice_of("\"MessageBody\":\"a\\r\\n\\\"\\\\\",")));
    lk_buf_clear(&out);
}

/* --- Bodies made in C ----------------------------------------------------------------------- */

static void expect_body(fixture *f, const char *arguments, const lk_enqueue_options *options,
                        const char *expected)
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
    fixture *f = *state;
    lk_enqueue_options o = LK_ENQUEUE_OPTIONS_INIT;
    expect_body(f, "[42,{\"a\":1.50}]", &o,
                "{\"job_class\":\"ThumbnailJob\",\"job_id\":\"j-1\",\"provider_job_id\":null,"
                "\"queue_name\":\"jobs\",\"priority\":null,\"arguments\":[42,{\"a\":1.50}],"
                "\"executions\":0,\"exception_executions\":{},\"locale\":null,\"timezone\":null,"
                "\"enqueued_at\":\"2020-09-13T12:26:40.123Z\",\"scheduled_at\":null}");
}

static void a_body_names_priority_and_start_time_when_there_are_any(void **state)
{
    fixture *f = *state;
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
    fixture *f = *state;
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
    fixture *f = *state;
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
    fixture *f = *state;
    lk_err err;
    lk_buf out = {0};
    lk_sqs_expect expect;
    lk_sqs_digests digests;
    lk_send_options o = job_options();
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
    fixture *f = *state;
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

#define message_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
