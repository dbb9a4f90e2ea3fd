/* SPDX-License-Identifier: MIT
 *
 * time: dates of AWS both ways, the movable clock, ids.
 */
#include "lk_test.h"

#include <time.h>
#include <unistd.h>

/* --- Dates ---------------------------------------------------------------------------------- */

static const struct {
    int64_t epoch_ms;
    const char *amz;
    const char *iso8601;
} dates[] = {
    {0, "19700101T000000Z", "1970-01-01T00:00:00.000Z"},
    {1735787045678, "20250102T030405Z", "2025-01-02T03:04:05.678Z"},
    {-1, "19691231T235959Z", "1969-12-31T23:59:59.999Z"},
    {951782399999, "20000228T235959Z", "2000-02-28T23:59:59.999Z"},
    {951782400000, "20000229T000000Z", "2000-02-29T00:00:00.000Z"},
    {951868800000, "20000301T000000Z", "2000-03-01T00:00:00.000Z"},
    {4107542400000, "21000301T000000Z", "2100-03-01T00:00:00.000Z"}, /* 2100 has no 29 February */
    {1704067199000, "20231231T235959Z", "2023-12-31T23:59:59.000Z"},
    {253402300799999, "99991231T235959Z", "9999-12-31T23:59:59.999Z"},
    {-62167219200000, "00000101T000000Z", "0000-01-01T00:00:00.000Z"},
};

static void known_moments_are_written_as_aws_writes_them(void **state LK_UNUSED)
{
    for (size_t i = 0; i < LK_COUNT(dates); i++) {
        char amz[17];
        char iso8601[25];
        lk_time_format_amz(dates[i].epoch_ms, amz);
        lk_time_format_iso8601(dates[i].epoch_ms, iso8601);
        assert_string_equal(amz, dates[i].amz);
        assert_string_equal(iso8601, dates[i].iso8601);
    }
}

static void moments_beyond_four_digit_years_are_clamped(void **state LK_UNUSED)
{
    char text[25];
    lk_time_format_iso8601(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    lk_time_format_iso8601(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void every_day_of_four_centuries_agrees_with_the_c_library(void **state LK_UNUSED)
{
    for (int64_t day = -141428; day < -141428 + 146097 + 366; day++) { /* from 1582-10-15 */
        time_t seconds = (time_t)(day * 86400 + 86399);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        char expected[25];
        char text[25];
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        lk_time_format_iso8601((int64_t)seconds * 1000, text);
        int64_t back = 0;
        if (strcmp(text, expected) != 0 || !lk_time_parse_iso8601(lk_slice_of(text), &back) ||
            back != (int64_t)seconds * 1000)
            fail_msg("%s, expected %s, read back as %lld", text, expected, (long long)back);
    }
}

static void iso8601_is_read_in_every_form_rails_and_aws_write(void **state LK_UNUSED)
{
    static const struct {
        const char *text;
        int64_t epoch_ms;
    } forms[] = {
        {"2025-01-02T03:04:05Z", 1735787045000},
        {"2025-01-02T03:04:05z", 1735787045000},
        {"2025-01-02t03:04:05Z", 1735787045000},
        {"2025-01-02 03:04:05Z", 1735787045000},
        {"2025-01-02T03:04:05.678901234Z", 1735787045678},
        {"2025-01-02T03:04:05.6Z", 1735787045600},
        {"2025-01-02T05:34:05.678+02:30", 1735787045678},
        {"2025-01-01T19:04:05-0800", 1735787045000},
        {"2025-01-02T04:04:05+01", 1735787045000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second is the next minute */
    };
    for (size_t i = 0; i < LK_COUNT(forms); i++) {
        int64_t epoch_ms = 0;
        if (!lk_time_parse_iso8601(lk_slice_of(forms[i].text), &epoch_ms) ||
            epoch_ms != forms[i].epoch_ms)
            fail_msg("%s was read as %lld", forms[i].text, (long long)epoch_ms);
    }
}

static void what_is_no_iso8601_moment_is_refused(void **state LK_UNUSED)
{
    static const char *const refused[] = {
        "",
        "2025-01-02",
        "2025-01-02T03:04:05", /* no zone: whose time? */
        "2025-01-02T03:04Z",
        "2025-13-02T03:04:05Z",
        "2025-00-02T03:04:05Z",
        "2025-02-29T03:04:05Z",
        "1900-02-29T03:04:05Z",
        "2025-01-32T03:04:05Z",
        "2025-01-00T03:04:05Z",
        "2025-01-02T24:04:05Z",
        "2025-01-02T03:60:05Z",
        "2025-01-02T03:04:61Z",
        "2025-01-02T03:04:05.Z",
        "2025-01-02T03:04:05+24:00",
        "2025-01-02T03:04:05+01:60",
        "2025-01-02T03:04:05+1",
        "2025-01-02T03:04:05Zjunk",
        "2025-1-2T03:04:05Z",
        "+025-01-02T03:04:05Z",
        "2025-01-02T 3:04:05Z",
    };
    for (size_t i = 0; i < LK_COUNT(refused); i++) {
        int64_t epoch_ms = 42;
        if (lk_time_parse_iso8601(lk_slice_of(refused[i]), &epoch_ms) || epoch_ms != 42)
            fail_msg("\"%s\" was taken for %lld", refused[i], (long long)epoch_ms);
    }
}

static void the_date_header_is_read(void **state LK_UNUSED)
{
    int64_t epoch_ms;
    assert_true(lk_time_parse_http(LK_SLICE_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT"), &epoch_ms));
    assert_true(epoch_ms == 784111777000);
    assert_true(lk_time_parse_http(LK_SLICE_LITERAL("Thu, 02 Jan 2025 03:04:05 GMT"), &epoch_ms));
    assert_true(epoch_ms == 1735787045000);
}

static void a_malformed_date_header_is_refused(void **state LK_UNUSED)
{
    static const char *const refused[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
    };
    for (size_t i = 0; i < LK_COUNT(refused); i++) {
        int64_t epoch_ms;
        if (lk_time_parse_http(lk_slice_of(refused[i]), &epoch_ms))
            fail_msg("\"%s\" was accepted", refused[i]);
    }
}

/* --- Clocks --------------------------------------------------------------------------------- */

static void wall_time_is_the_c_librarys(void **state LK_UNUSED)
{
    int64_t difference = lk_wall_ms() / 1000 - (int64_t)time(NULL);
    assert_in_range(difference + 1, 0, 2);
}

static void monotonic_time_never_goes_back(void **state LK_UNUSED)
{
    int64_t before = lk_mono_ms();
    for (int i = 0; i < 1000; i++) {
        int64_t now = lk_mono_ms();
        assert_true(now >= before);
        before = now;
    }
}

static void write_clock_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void the_clock_file_moves_due_times_but_not_the_wall(void **state LK_UNUSED)
{
    char path[] = "/tmp/lk_test_clock_XXXXXX";
    close(mkstemp(path));
    setenv("LAMBDAKIQ_CLOCK_FILE", path, 1);
    write_clock_file(path, "3600000\n");
    int64_t moved = lk_env_default.clock_ms(NULL) - lk_env_default.wall_ms(NULL);
    assert_in_range(moved, 3600000 - 1000, 3600000 + 1000);
    assert_in_range(lk_now_ms() - lk_wall_ms(), 3600000 - 1000, 3600000 + 1000);
    write_clock_file(path, "-5"); /* read again at each call */
    assert_int_equal(lk_clock_offset_ms(), -5);
    unlink(path);
    unsetenv("LAMBDAKIQ_CLOCK_FILE");
}

static void without_a_readable_clock_file_the_clock_is_real(void **state LK_UNUSED)
{
    static const char *const contents[] = {"", "soon", "1.5", "99999999999999999999", "1 2"};
    char path[] = "/tmp/lk_test_clock_XXXXXX";
    close(mkstemp(path));
    setenv("LAMBDAKIQ_CLOCK_FILE", path, 1);
    for (size_t i = 0; i < LK_COUNT(contents); i++) {
        write_clock_file(path, contents[i]);
        assert_int_equal(lk_clock_offset_ms(), 0);
    }
    write_clock_file(path, "9223372036854775807"); /* would overflow: not moved */
    assert_in_range(lk_env_default.clock_ms(NULL) - lk_wall_ms() + 1000, 0, 2000);
    unlink(path);
    assert_int_equal(lk_clock_offset_ms(), 0);
    setenv("LAMBDAKIQ_CLOCK_FILE", "/tmp", 1);
    assert_int_equal(lk_clock_offset_ms(), 0);
    setenv("LAMBDAKIQ_CLOCK_FILE", "", 1);
    assert_int_equal(lk_clock_offset_ms(), 0);
    unsetenv("LAMBDAKIQ_CLOCK_FILE");
    assert_int_equal(lk_clock_offset_ms(), 0);
}

/* --- Random --------------------------------------------------------------------------------- */

static void random_bytes_fill_the_whole_place(void **state LK_UNUSED)
{
    unsigned char bytes[1000] = {0};
    assert_true(lk_random_bytes(bytes, sizeof(bytes)));
    /* 64 zero bytes in a row do not happen by chance. */
    for (size_t i = 0; i + 64 < sizeof(bytes); i += 64) {
        unsigned char any = 0;
        for (size_t j = 0; j < 64; j++)
            any |= bytes[i + j];
        assert_int_not_equal(any, 0);
    }
}

static bool all_ones(void *ctx LK_UNUSED, void *out, size_t len)
{
    memset(out, 0xff, len);
    return true;
}

static bool no_entropy(void *ctx LK_UNUSED, void *out LK_UNUSED, size_t len LK_UNUSED)
{
    return false;
}

static void a_uuid_is_version_4_of_the_environments_random_bytes(void **state LK_UNUSED)
{
    lk_env env = lk_env_default;
    env.random = all_ones;
    char uuid[37];
    lk_uuid4(&env, uuid);
    assert_string_equal(uuid, "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

static void uuids_differ_even_when_the_kernel_has_no_entropy(void **state LK_UNUSED)
{
    lk_env env = lk_env_default;
    env.random = no_entropy;
    char uuids[200][37];
    for (size_t i = 0; i < LK_COUNT(uuids); i++) {
        lk_uuid4(&env, uuids[i]);
        assert_int_equal(strlen(uuids[i]), 36);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(uuids[i], uuids[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments_are_written_as_aws_writes_them),
        cmocka_unit_test(moments_beyond_four_digit_years_are_clamped),
        cmocka_unit_test(every_day_of_four_centuries_agrees_with_the_c_library),
        cmocka_unit_test(iso8601_is_read_in_every_form_rails_and_aws_write),
        cmocka_unit_test(what_is_no_iso8601_moment_is_refused),
        cmocka_unit_test(the_date_header_is_read),
        cmocka_unit_test(a_malformed_date_header_is_refused),
        cmocka_unit_test(wall_time_is_the_c_librarys),
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(the_clock_file_moves_due_times_but_not_the_wall),
        cmocka_unit_test(without_a_readable_clock_file_the_clock_is_real),
        cmocka_unit_test(random_bytes_fill_the_whole_place),
        cmocka_unit_test(a_uuid_is_version_4_of_the_environments_random_bytes),
        cmocka_unit_test(uuids_differ_even_when_the_kernel_has_no_entropy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
