/* SPDX-License-Identifier: MIT
 *
 * test_value: the arguments of a job as ActiveJob writes them, and what is said of wrong ones.
 */
#include "lk_test.h"

#include "batch.h"
#include "lk_test_round.h"

#define RESIZE                                                                                     \
    "[\"in.png\",{\"width\":300,\"ratio\":1.5,\"crop\":true,\"sizes\":[1,[2,\"x\"]],"              \
    "\"_aj_ruby2_keywords\":[\"width\",\"ratio\",\"crop\",\"sizes\"]}]"

static lk_test_round round_;
static lk_job *job;

static int setup(void **state)
{
    lk_test_local *local = lk_test_local_start();
    lk_test_local_queue(local, "jobs", NULL, 0);
    *state = local;
    return 0;
}

static int teardown(void **state)
{
    lk_batch_free(round_.batch);
    lk_test_local_stop(*state);
    return 0;
}

/* The job in hand has these arguments. */
static void given_body(void **state, const char *body)
{
    lk_record record;
    lk_err err;
    lk_record_init(&record);
    record.is_job = true;
    record.message_id = lk_slice_of("m-1");
    record.receipt_handle = lk_slice_of("h-1");
    record.event_source_arn = lk_slice_of("arn:aws:sqs:us-east-1:000000000000:jobs");
    record.body = lk_slice_of(body);
    lk_test_round_empty(&round_, lk_test_local_client(*state), NULL);
    assert_lk_ok(lk_batch_add(round_.batch, &record, &err));
    job = lk_test_round_next(&round_);
    assert_non_null(job);
}

static void given(void **state, const char *arguments)
{
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"job_class\":\"ResizeJob\",\"job_id\":\"j\",\"executions\":2,\"enqueued_at\":"
             "\"2025-01-02T03:04:05.123456789Z\",\"arguments\":%s}",
             arguments);
    given_body(state, body);
}

#define assert_refused(expr, text)                                                                 \
    do {                                                                                           \
        assert_lk_fails(expr, LK_E_INVALID);                                                       \
        assert_string_equal(err.message, text);                                                    \
    } while (0)

/* --- Reading -------------------------------------------------------------------------------- */

static void arguments_are_read_by_index_and_by_keyword(void **state)
{
    lk_err err;
    const char *path = NULL;
    int64_t width = 0;
    double ratio = 0;
    bool crop = false;
    given(state, RESIZE);
    assert_int_equal(lk_job_argument_count(job), 2);
    assert_lk_ok(lk_value_cstring(lk_job_argument(job, 0), &path, &err));
    assert_string_equal(path, "in.png");
    assert_lk_ok(lk_value_int(lk_job_keyword(job, "width"), &width, &err));
    assert_int_equal(width, 300);
    assert_lk_ok(lk_value_double(lk_job_keyword(job, "ratio"), &ratio, &err));
    assert_true(ratio > 1.49 && ratio < 1.51);
    assert_lk_ok(lk_value_double(lk_job_keyword(job, "width"), &ratio, &err));
    assert_true(ratio > 299.9 && ratio < 300.1);
    assert_lk_ok(lk_value_bool(lk_job_keyword(job, "crop"), &crop, &err));
    assert_true(crop);
}

static void nested_values_are_found_step_by_step(void **state)
{
    lk_err err;
    lk_slice text;
    int64_t number = 0;
    given(state, RESIZE);
    const lk_value *sizes = lk_value_get(lk_job_argument(job, 1), "sizes");
    assert_int_equal(lk_value_typeof(sizes), LK_VALUE_ARRAY);
    assert_int_equal(lk_value_count(sizes), 2);
    assert_lk_ok(lk_value_int(lk_value_at(lk_value_at(sizes, 1), 0), &number, &err));
    assert_int_equal(number, 2);
    assert_lk_ok(lk_value_string(lk_value_at(lk_value_at(sizes, 1), 1), &text, &err));
    assert_slice(text, "x");
}

static void a_hash_is_walked_without_the_marks_of_active_job(void **state)
{
    given(state, RESIZE);
    const lk_value *hash = lk_job_argument(job, 1);
    assert_int_equal(lk_value_typeof(hash), LK_VALUE_HASH);
    assert_int_equal(lk_value_count(hash), 4);
    assert_slice(lk_value_name(lk_value_at(hash, 0)), "width");
    assert_slice(lk_value_name(lk_value_at(hash, 3)), "sizes");
    assert_int_equal(lk_value_typeof(lk_value_at(hash, 4)), LK_VALUE_MISSING);
    assert_int_equal(lk_value_typeof(lk_value_get(hash, "_aj_ruby2_keywords")), LK_VALUE_MISSING);
}

static void what_rails_serializes_is_told_apart(void **state)
{
    lk_err err;
    lk_slice text;
    int64_t at_ms = 0;
    given(state, "[{\"_aj_globalid\":\"gid://shop/Order/42\"},"
                 "{\"_aj_serialized\":\"ActiveJob::Serializers::SymbolSerializer\",\"value\":"
                 "\"fast\"},"
                 "{\"_aj_serialized\":\"ActiveJob::Serializers::TimeWithZoneSerializer\","
                 "\"value\":\"2025-01-02T03:04:05.678000000Z\",\"time_zone\":\"UTC\"},null,"
                 "{\"a\":1,\"_aj_symbol_keys\":[\"a\"]},\"2025-01-02T04:04:05+01:00\"]");
    assert_lk_ok(lk_value_global_id(lk_job_argument(job, 0), &text, &err));
    assert_slice(text, "gid://shop/Order/42");
    assert_int_equal(lk_value_typeof(lk_job_argument(job, 1)), LK_VALUE_SYMBOL);
    assert_lk_ok(lk_value_string(lk_job_argument(job, 1), &text, &err));
    assert_slice(text, "fast");
    assert_slice(lk_value_serializer(lk_job_argument(job, 2)),
                 "ActiveJob::Serializers::TimeWithZoneSerializer");
    assert_lk_ok(lk_value_time_ms(lk_job_argument(job, 2), &at_ms, &err));
    assert_int_equal(at_ms, INT64_C(1735787045678));
    assert_lk_ok(lk_value_string(lk_value_get(lk_job_argument(job, 2), "time_zone"), &text, &err));
    assert_slice(text, "UTC");
    assert_int_equal(lk_value_typeof(lk_job_argument(job, 3)), LK_VALUE_NULL);
    assert_int_equal(lk_value_count(lk_job_argument(job, 4)), 1);
    assert_lk_ok(lk_value_time_ms(lk_job_argument(job, 5), &at_ms, &err));
    assert_int_equal(at_ms, INT64_C(1735787045000));
}

static void any_value_can_be_had_as_json(void **state)
{
    lk_err err;
    lk_slice json;
    given(state, "[{\"b\":[1,null],\"_aj_symbol_keys\":[]}]");
    const lk_value *value = lk_job_argument(job, 0);
    for (int i = 0; i < 2; i++) {
        assert_lk_ok(lk_value_json(value, &json, &err));
        assert_slice(json, "{\"b\":[1,null],\"_aj_symbol_keys\":[]}");
    }
}

/* --- Refusing ------------------------------------------------------------------------------- */

static void a_wrong_type_is_named_with_its_place_and_without_its_value(void **state)
{
    lk_err err;
    int64_t number = 7;
    bool flag;
    const char *text;
    given(state, RESIZE);
    assert_refused(lk_value_int(lk_job_argument(job, 0), &number, &err),
                   "ResizeJob: argument 0: expected an integer, met a string");
    assert_refused(lk_value_int(lk_job_keyword(job, "ratio"), &number, &err),
                   "ResizeJob: keyword ratio: expected an integer, met a float");
    assert_refused(lk_value_cstring(lk_job_keyword(job, "width"), &text, &err),
                   "ResizeJob: keyword width: expected a string, met an integer");
    const lk_value *sizes = lk_value_get(lk_job_argument(job, 1), "sizes");
    assert_refused(lk_value_bool(lk_value_at(lk_value_at(sizes, 1), 0), &flag, &err),
                   "ResizeJob: argument 1[\"sizes\"][1][0]: expected a boolean, met an integer");
    assert_int_equal(number, 7);
}

static void what_is_missing_is_named_at_whatever_depth(void **state)
{
    lk_err err;
    int64_t number;
    lk_slice text;
    double real;
    given(state, RESIZE);
    assert_refused(lk_value_int(lk_job_argument(job, 2), &number, &err),
                   "ResizeJob: argument 2 is missing: expected an integer");
    assert_refused(lk_value_double(lk_job_keyword(job, "height"), &real, &err),
                   "ResizeJob: keyword height is missing: expected a number");
    const lk_value *deep = lk_value_at(lk_value_get(lk_job_argument(job, 5), "a"), 3);
    assert_refused(lk_value_string(deep, &text, &err),
                   "ResizeJob: argument 5[\"a\"][3] is missing: expected a string");
    assert_refused(lk_value_json(deep, &text, &err),
                   "ResizeJob: argument 5[\"a\"][3] is missing: expected a value");
}

static void a_string_with_nul_is_no_c_string(void **state)
{
    lk_err err;
    const char *text;
    lk_slice slice;
    given(state, "[\"/tmp/a\\u0000b\"]");
    assert_refused(lk_value_cstring(lk_job_argument(job, 0), &text, &err),
                   "ResizeJob: argument 0: expected a string without NUL, met one with it");
    assert_lk_ok(lk_value_string(lk_job_argument(job, 0), &slice, &err));
    assert_int_equal(slice.len, 8);
}

static void integers_beyond_64_bits_are_no_integers(void **state)
{
    lk_err err;
    int64_t number;
    double real;
    given(state, "[9223372036854775807,9223372036854775808]");
    assert_lk_ok(lk_value_int(lk_job_argument(job, 0), &number, &err));
    assert_int_equal(number, INT64_MAX);
    assert_lk_fails(lk_value_int(lk_job_argument(job, 1), &number, &err), LK_E_INVALID);
    assert_lk_ok(lk_value_double(lk_job_argument(job, 1), &real, &err));
}

static void times_that_are_none_are_refused(void **state)
{
    lk_err err;
    int64_t at_ms;
    given(state, "[\"tomorrow\",{\"_aj_serialized\":\"X\",\"value\":3},4]");
    assert_refused(lk_value_time_ms(lk_job_argument(job, 0), &at_ms, &err),
                   "ResizeJob: argument 0: expected a time, met a string that is none");
    assert_refused(lk_value_time_ms(lk_job_argument(job, 1), &at_ms, &err),
                   "ResizeJob: argument 1: expected a time, met another object");
    assert_refused(lk_value_time_ms(lk_job_argument(job, 2), &at_ms, &err),
                   "ResizeJob: argument 2: expected a time, met an integer");
}

static void a_body_without_arguments_has_none(void **state)
{
    given_body(state, "not JSON");
    assert_int_equal(lk_job_argument_count(job), 0);
    assert_int_equal(lk_value_typeof(lk_job_argument(job, 0)), LK_VALUE_MISSING);
    assert_int_equal(lk_value_typeof(lk_job_keyword(job, "width")), LK_VALUE_MISSING);
}

static void keywords_are_of_a_last_argument_that_is_a_hash(void **state)
{
    given(state, "[{\"width\":1},[2]]");
    assert_int_equal(lk_value_typeof(lk_job_keyword(job, "width")), LK_VALUE_MISSING);
}

/* --- The job -------------------------------------------------------------------------------- */

static void a_job_tells_its_execution_and_its_times(void **state)
{
    given(state, "[]");
    assert_int_equal(lk_job_execution(job), 3);
    assert_int_equal(lk_job_enqueued_at_ms(job), INT64_C(1735787045123));
    assert_true(lk_job_time_left_ms(job) == INT64_MAX);
    assert_null(lk_job_worker(job));
}

static void a_body_may_lack_what_it_should_tell(void **state)
{
    given_body(state, "{\"job_class\":\"A\",\"executions\":\"many\",\"enqueued_at\":17}");
    assert_int_equal(lk_job_execution(job), 1);
    assert_int_equal(lk_job_enqueued_at_ms(job), 0);
}

/* --- Printing ------------------------------------------------------------------------------- */

static void values_are_printed_as_people_read_them(void **state)
{
    lk_err err;
    lk_json *json = NULL;
    lk_buf out = {0};
    (void)state;
    assert_lk_ok(lk_json_parse(
        lk_slice_of("[{\"_aj_globalid\":\"gid://a/B/1\"},{\"_aj_serialized\":\"S\",\"value\":\"v\"}"
                    ",{\"k\":{\"_aj_serialized\":\"ActiveJob::Serializers::SymbolSerializer\","
                    "\"value\":\"s\"},\"_aj_symbol_keys\":[\"k\"]},2.5,true,null]"),
        "value", &json, &err));
    lk_value_print(json, &out);
    assert_string_equal(out.ptr, "[\"gid://a/B/1\",\"v\",{\"k\":\"s\"},2.5,true,null]");
    lk_buf_clear(&out);
    lk_json_free(json);
}

#define VALUE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VALUE_TEST(arguments_are_read_by_index_and_by_keyword),
        VALUE_TEST(nested_values_are_found_step_by_step),
        VALUE_TEST(a_hash_is_walked_without_the_marks_of_active_job),
        VALUE_TEST(what_rails_serializes_is_told_apart),
        VALUE_TEST(any_value_can_be_had_as_json),
        VALUE_TEST(a_wrong_type_is_named_with_its_place_and_without_its_value),
        VALUE_TEST(what_is_missing_is_named_at_whatever_depth),
        VALUE_TEST(a_string_with_nul_is_no_c_string),
        VALUE_TEST(integers_beyond_64_bits_are_no_integers),
        VALUE_TEST(times_that_are_none_are_refused),
        VALUE_TEST(a_body_without_arguments_has_none),
        VALUE_TEST(keywords_are_of_a_last_argument_that_is_a_hash),
        VALUE_TEST(a_job_tells_its_execution_and_its_times),
        VALUE_TEST(a_body_may_lack_what_it_should_tell),
        cmocka_unit_test(values_are_printed_as_people_read_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
