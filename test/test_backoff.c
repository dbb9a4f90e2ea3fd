/* SPDX-License-Identifier: MIT
 *
 * test_backoff: the table of waits that the documentation and CloudWatch alarms are made for.
 */
#include "lk_test.h"

static const int64_t waits_s[] = {30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10180, 14836};

static void the_twelve_waits_are_sidekiqs(void **state)
{
    (void)state;
    for (int n = 1; n <= LK_MAX_RETRIES; n++)
        assert_int_equal(lk_backoff_s(n), waits_s[n - 1]);
}

static void all_twelve_together_take_about_eleven_and_a_half_hours(void **state)
{
    (void)state;
    int64_t sum = 0;
    for (int n = 1; n <= LK_MAX_RETRIES; n++)
        sum += lk_backoff_s(n);
    assert_int_equal(sum, 41324); /* 11 h 28 min 44 s */
}

static void a_failure_before_the_first_waits_like_the_first(void **state)
{
    (void)state;
    assert_int_equal(lk_backoff_s(0), 30);
    assert_int_equal(lk_backoff_s(-1), 30);
    assert_int_equal(lk_backoff_s(INT32_MIN), 30);
}

static void failures_beyond_the_twelfth_wait_like_the_twelfth(void **state)
{
    (void)state;
    assert_int_equal(lk_backoff_s(13), 14836);
    assert_int_equal(lk_backoff_s(INT32_MAX), 14836);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twelve_waits_are_sidekiqs),
        cmocka_unit_test(all_twelve_together_take_about_eleven_and_a_half_hours),
        cmocka_unit_test(a_failure_before_the_first_waits_like_the_first),
        cmocka_unit_test(failures_beyond_the_twelfth_wait_like_the_twelfth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
