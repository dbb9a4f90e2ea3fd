/* SPDX-License-Identifier: MIT
 *
 * buf: growing, formatting, handing over, and staying failed once failed.
 */
#include "lk_test.h"

static void a_zeroed_buffer_is_empty_and_usable(void **state LK_UNUSED)
{
    lk_buf b = {0};
    assert_int_equal(lk_buf_slice(&b).len, 0);
    lk_buf_add_str(&b, "a");
    assert_string_equal(b.ptr, "a");
    lk_buf_clear(&b);
    assert_null(b.ptr);
    lk_buf_clear(NULL);
}

static void appended_parts_stand_in_order_behind_each_other(void **state LK_UNUSED)
{
    lk_buf b = {0};
    lk_buf_add(&b, (lk_slice){"a\0b", 3});
    lk_buf_add_char(&b, '|');
    lk_buf_add_str(&b, NULL);
    lk_buf_add(&b, (lk_slice){NULL, 0});
    lk_buf_addf(&b, "%s-%d", "n", 7);
    lk_buf_add_str(&b, "end");
    assert_int_equal(b.len, 10);
    assert_memory_equal(b.ptr, "a\0b|n-7end", 11); /* with the NUL behind */
    lk_buf_clear(&b);
}

static void growth_keeps_what_is_there(void **state LK_UNUSED)
{
    lk_buf b = {0};
    for (int i = 0; i < 100000; i++)
        lk_buf_add_char(&b, (char)('a' + i % 26));
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_true(b.ptr[i] == 'a' + i % 26);
    assert_int_equal(b.ptr[b.len], 0);
    lk_buf_clear(&b);
}

static void formatting_longer_than_the_room_grows_first(void **state LK_UNUSED)
{
    char long_text[5000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    lk_buf b = {0};
    lk_buf_add_str(&b, "<");
    lk_buf_addf(&b, "%s>", long_text);
    assert_int_equal(b.len, sizeof(long_text) + 1);
    assert_int_equal(b.ptr[b.len - 1], '>');
    lk_buf_clear(&b);
}

static void integers_are_written_up_to_both_ends_of_their_range(void **state LK_UNUSED)
{
    lk_buf b = {0};
    lk_buf_add_int64(&b, INT64_MIN);
    lk_buf_add_char(&b, ' ');
    lk_buf_add_int64(&b, INT64_MAX);
    lk_buf_add_char(&b, ' ');
    lk_buf_add_int64(&b, 0);
    lk_buf_add_int64(&b, -1);
    assert_slice(lk_buf_slice(&b), "-9223372036854775808 9223372036854775807 0-1");
    lk_buf_clear(&b);
}

static void resetting_empties_but_keeps_the_memory(void **state LK_UNUSED)
{
    lk_buf b = {0};
    lk_buf_reset(&b);
    lk_buf_add_str(&b, "text");
    const char *memory = b.ptr;
    lk_buf_reset(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.ptr, "");
    lk_buf_add_str(&b, "next");
    assert_ptr_equal(b.ptr, memory);
    lk_buf_clear(&b);
}

static void reserved_room_is_not_moved_by_writing_into_it(void **state LK_UNUSED)
{
    lk_buf b = {0};
    assert_true(lk_buf_reserve(&b, 10000));
    const char *memory = b.ptr;
    for (int i = 0; i < 10000; i++)
        lk_buf_add_char(&b, 'x');
    assert_ptr_equal(b.ptr, memory);
    lk_buf_clear(&b);
}

static void taking_hands_the_text_over_and_empties_the_buffer(void **state LK_UNUSED)
{
    lk_buf b = {0};
    lk_buf_add_str(&b, "mine");
    char *text = lk_buf_take(&b);
    assert_string_equal(text, "mine");
    assert_null(b.ptr);
    lk_free(text);
    text = lk_buf_take(&b); /* of an empty buffer: an empty string, not NULL */
    assert_string_equal(text, "");
    lk_free(text);
}

static void an_impossible_size_fails_instead_of_wrapping_round(void **state LK_UNUSED)
{
    lk_buf b = {0};
    lk_buf_add_str(&b, "abc");
    assert_false(lk_buf_reserve(&b, SIZE_MAX - 2)); /* + 3 + NUL wraps to 1 */
    assert_true(b.failed);
    lk_buf_clear(&b);
}

static void a_failed_buffer_stays_failed_and_says_so_at_the_end(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_buf b = {0};
    lk_buf_add_str(&b, "abc");
    assert_lk_ok(lk_buf_check(&b, &err));
    assert_false(lk_buf_reserve(&b, SIZE_MAX));
    lk_buf_add_str(&b, "def");
    lk_buf_addf(&b, "%d", 1);
    assert_slice(lk_buf_slice(&b), "abc"); /* nothing is appended after a gap */
    assert_lk_fails(lk_buf_check(&b, &err), LK_E_NOMEM);
    assert_null(lk_buf_take(&b));
    assert_false(b.failed); /* handed over, it can be used again */
    lk_base64_encode(&b, (const unsigned char *)"", SIZE_MAX);
    assert_lk_fails(lk_buf_check(&b, &err), LK_E_NOMEM);
    lk_buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_buffer_is_empty_and_usable),
        cmocka_unit_test(appended_parts_stand_in_order_behind_each_other),
        cmocka_unit_test(growth_keeps_what_is_there),
        cmocka_unit_test(formatting_longer_than_the_room_grows_first),
        cmocka_unit_test(integers_are_written_up_to_both_ends_of_their_range),
        cmocka_unit_test(resetting_empties_but_keeps_the_memory),
        cmocka_unit_test(reserved_room_is_not_moved_by_writing_into_it),
        cmocka_unit_test(taking_hands_the_text_over_and_empties_the_buffer),
        cmocka_unit_test(an_impossible_size_fails_instead_of_wrapping_round),
        cmocka_unit_test(a_failed_buffer_stays_failed_and_says_so_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
