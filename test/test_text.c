/* SPDX-License-Identifier: MIT
 *
 * text: slices, numbers, encodings; mostly what happens at their edges.
 */
#include "lk_test.h"

#define EMPTY ((lk_slice){NULL, 0})

/* --- Slices --------------------------------------------------------------------------------- */

static void an_absent_text_is_an_absent_slice(void **state LK_UNUSED)
{
    assert_null(lk_slice_of(NULL).ptr);
    assert_int_equal(lk_slice_of(NULL).len, 0);
    assert_int_equal(lk_slice_of("abc").len, 3);
}

static void equality_compares_every_byte_also_behind_a_nul(void **state LK_UNUSED)
{
    lk_slice a = {"a\0b", 3};
    lk_slice c = {"a\0c", 3};
    assert_true(lk_slice_equal(a, a));
    assert_false(lk_slice_equal(a, c));
    assert_false(lk_slice_equal_str(a, "a"));
    assert_true(lk_slice_equal(EMPTY, LK_SLICE_LITERAL("")));
    assert_true(lk_slice_equal_str(EMPTY, ""));
}

static void prefix_and_suffix_are_found_only_where_they_fit(void **state LK_UNUSED)
{
    lk_slice queue = LK_SLICE_LITERAL("jobs.fifo");
    assert_true(lk_slice_has_prefix(queue, LK_SLICE_LITERAL("jobs")));
    assert_true(lk_slice_has_suffix(queue, LK_SLICE_LITERAL(".fifo")));
    assert_true(lk_slice_has_prefix(queue, EMPTY));
    assert_true(lk_slice_has_suffix(queue, EMPTY));
    assert_true(lk_slice_has_suffix(queue, queue));
    assert_false(lk_slice_has_prefix(queue, LK_SLICE_LITERAL("job.")));
    assert_false(lk_slice_has_suffix(LK_SLICE_LITERAL("fifo"), LK_SLICE_LITERAL(".fifo")));
    assert_false(lk_slice_has_prefix(EMPTY, LK_SLICE_LITERAL("j")));
}

static void trimming_takes_white_space_of_both_ends_only(void **state LK_UNUSED)
{
    assert_slice(lk_slice_trim(LK_SLICE_LITERAL(" \t\r\n a b \v\f")), "a b");
    assert_slice(lk_slice_trim(LK_SLICE_LITERAL(" \n ")), "");
    assert_int_equal(lk_slice_trim(EMPTY).len, 0);
}

static void cutting_splits_at_the_first_separator(void **state LK_UNUSED)
{
    lk_slice head;
    lk_slice rest = lk_slice_cut(LK_SLICE_LITERAL("a=b=c"), '=', &head);
    assert_slice(head, "a");
    assert_slice(rest, "b=c");
}

static void cutting_tells_an_empty_rest_from_none(void **state LK_UNUSED)
{
    lk_slice head;
    assert_non_null(lk_slice_cut(LK_SLICE_LITERAL("a="), '=', &head).ptr);
    assert_slice(head, "a");
    assert_null(lk_slice_cut(LK_SLICE_LITERAL("a"), '=', &head).ptr);
    assert_slice(head, "a");
    assert_null(lk_slice_cut(EMPTY, '=', &head).ptr);
}

static void integers_are_read_up_to_both_ends_of_their_range(void **state LK_UNUSED)
{
    int64_t value;
    assert_true(lk_slice_to_int64(LK_SLICE_LITERAL("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(lk_slice_to_int64(LK_SLICE_LITERAL("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_true(lk_slice_to_int64(LK_SLICE_LITERAL("+007"), &value));
    assert_true(value == 7);
}

static void integers_out_of_range_or_with_anything_else_are_refused(void **state LK_UNUSED)
{
    static const char *const refused[] = {"",
                                          "-",
                                          "+",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "99999999999999999999",
                                          " 1",
                                          "1 ",
                                          "1.0",
                                          "1e3",
                                          "0x10",
                                          "--1",
                                          "1-"};
    for (size_t i = 0; i < LK_COUNT(refused); i++) {
        int64_t value = 42;
        if (lk_slice_to_int64(lk_slice_of(refused[i]), &value) || value != 42)
            fail_msg("\"%s\" was taken for %lld", refused[i], (long long)value);
    }
    int64_t value;
    assert_false(lk_slice_to_int64(EMPTY, &value));
    assert_false(lk_slice_to_int64((lk_slice){"1\0", 2}, &value));
}

static void a_duplicate_is_a_c_string_of_its_own(void **state LK_UNUSED)
{
    char original[] = "abc";
    char *copy = lk_slice_dup((lk_slice){original, 2});
    original[0] = 'x';
    assert_string_equal(copy, "ab");
    free(copy);
    copy = lk_slice_dup(EMPTY);
    assert_string_equal(copy, "");
    free(copy);
    assert_null(lk_slice_dup((lk_slice){original, SIZE_MAX})); /* its NUL would not fit */
}

static void copying_refuses_what_does_not_fit_with_its_nul(void **state LK_UNUSED)
{
    char place[4] = "zzz";
    assert_true(lk_slice_copy(LK_SLICE_LITERAL("abc"), place, sizeof(place)));
    assert_string_equal(place, "abc");
    assert_false(lk_slice_copy(LK_SLICE_LITERAL("abcd"), place, sizeof(place)));
    assert_string_equal(place, "");
    assert_true(lk_slice_copy(EMPTY, place, 1));
    assert_false(lk_slice_copy(EMPTY, place, 0));
}

static void an_empty_environment_variable_is_as_good_as_unset(void **state LK_UNUSED)
{
    setenv("LK_TEST_VARIABLE", "x", 1);
    assert_string_equal(lk_getenv("LK_TEST_VARIABLE"), "x");
    setenv("LK_TEST_VARIABLE", "", 1);
    assert_null(lk_getenv("LK_TEST_VARIABLE"));
    unsetenv("LK_TEST_VARIABLE");
    assert_null(lk_getenv("LK_TEST_VARIABLE"));
}

/* --- Encodings ------------------------------------------------------------------------------ */

static void hex_is_lower_case(void **state LK_UNUSED)
{
    char out[9];
    lk_hex((const unsigned char[]){0x00, 0xff, 0x1a, 0xb0}, 4, out);
    assert_string_equal(out, "00ff1ab0");
    lk_hex(NULL, 0, out);
    assert_string_equal(out, "");
}

/* RFC 4648, section 10 */
static const char *const base64_vectors[][2] = {{"", ""},
                                                {"f", "Zg=="},
                                                {"fo", "Zm8="},
                                                {"foo", "Zm9v"},
                                                {"foob", "Zm9vYg=="},
                                                {"fooba", "Zm9vYmE="},
                                                {"foobar", "Zm9vYmFy"}};

static void base64_encodes_the_vectors_of_rfc_4648(void **state LK_UNUSED)
{
    for (size_t i = 0; i < LK_COUNT(base64_vectors); i++) {
        lk_buf out = {0};
        const char *plain = base64_vectors[i][0];
        lk_base64_encode(&out, (const unsigned char *)plain, strlen(plain));
        assert_slice(lk_buf_slice(&out), base64_vectors[i][1]);
        lk_buf_clear(&out);
    }
}

static void base64_decodes_the_vectors_of_rfc_4648(void **state LK_UNUSED)
{
    for (size_t i = 0; i < LK_COUNT(base64_vectors); i++) {
        lk_buf out = {0};
        assert_true(lk_base64_decode(lk_slice_of(base64_vectors[i][1]), &out));
        assert_slice(lk_buf_slice(&out), base64_vectors[i][0]);
        lk_buf_clear(&out);
    }
}

static void base64_carries_every_byte_value_there_and_back(void **state LK_UNUSED)
{
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    lk_buf text = {0};
    lk_buf back = {0};
    lk_base64_encode(&text, bytes, sizeof(bytes));
    assert_true(lk_base64_decode(lk_buf_slice(&text), &back));
    assert_int_equal(back.len, sizeof(bytes));
    assert_memory_equal(back.ptr, bytes, sizeof(bytes));
    lk_buf_clear(&text);
    lk_buf_clear(&back);
}

static void what_is_not_base64_leaves_the_buffer_as_it_was(void **state LK_UNUSED)
{
    static const char *const refused[] = {"Zg",       "Zg=",      "Z===", "====",
                                          "Zg==Zg==", "Zh==",     "Zm9=", "Zm9v\n",
                                          "Zm 9",     "Zm9vZ-_=", "=Zg=", "Zm9vZm9v*"};
    lk_buf out = {0};
    lk_buf_add_str(&out, "before");
    for (size_t i = 0; i < LK_COUNT(refused); i++) {
        if (lk_base64_decode(lk_slice_of(refused[i]), &out))
            fail_msg("\"%s\" was taken for base64", refused[i]);
        assert_string_equal(out.ptr, "before");
    }
    lk_buf_clear(&out);
}

static void an_escape_stands_for_a_byte(void **state)
{
    static const char *const none[] = {"", "%", "%2", "%2g", "%g2", "%\x12\x12", "a%20", "% 2"};
    char byte = 'x';
    (void)state;
    assert_true(lk_uri_escape(LK_SLICE_LITERAL("%2Fmore"), &byte));
    assert_int_equal(byte, '/');
    assert_true(lk_uri_escape(LK_SLICE_LITERAL("%e9"), &byte));
    assert_int_equal((unsigned char)byte, 0xe9);
    for (size_t i = 0; i < LK_COUNT(none); i++)
        assert_false(lk_uri_escape(lk_slice_of(none[i]), &byte));
}

static void only_unreserved_characters_stay_unescaped_in_a_uri(void **state LK_UNUSED)
{
    lk_buf out = {0};
    lk_uri_encode(&out, LK_SLICE_LITERAL("AZaz09-_.~ /%+*\xc3\xa9"), false);
    assert_slice(lk_buf_slice(&out), "AZaz09-_.~%20%2F%25%2B%2A%C3%A9");
    lk_buf_reset(&out);
    lk_uri_encode(&out, (lk_slice){"/a\0b/", 5}, true);
    assert_slice(lk_buf_slice(&out), "/a%00b/");
    lk_buf_clear(&out);
}

static void utf8_accepts_the_first_and_last_of_each_length(void **state LK_UNUSED)
{
    static const char *const accepted[] = {"",
                                           "\x7f",
                                           "\xc2\x80",
                                           "\xdf\xbf",
                                           "\xe0\xa0\x80",
                                           "\xed\x9f\xbf",
                                           "\xee\x80\x80",
                                           "\xef\xbf\xbf",
                                           "\xf0\x90\x80\x80",
                                           "\xf4\x8f\xbf\xbf",
                                           "12345678\xc3\xa9",
                                           "1234567\xc3\xa9"};
    for (size_t i = 0; i < LK_COUNT(accepted); i++) {
        if (!lk_utf8_valid(lk_slice_of(accepted[i])))
            fail_msg("case %zu was refused", i);
    }
    assert_true(lk_utf8_valid((lk_slice){"a\0b", 3}));
    assert_true(lk_utf8_valid(EMPTY));
}

static void utf8_refuses_overlong_surrogate_cut_and_stray_bytes(void **state LK_UNUSED)
{
    static const char *const refused[] = {"\x80",
                                          "\xbf",
                                          "\xc0\x80",
                                          "\xc1\xbf",
                                          "\xe0\x9f\xbf",
                                          "\xed\xa0\x80",
                                          "\xed\xbf\xbf",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xff",
                                          "\xc3",
                                          "\xe2\x82",
                                          "\xf0\x9f\x98",
                                          "\xe2(\xa1",
                                          "\xf0\x9f(\x80",
                                          "\xf0\x9f\x98(",
                                          "12345678\xff",
                                          "123456789abcdef\xc3"};
    for (size_t i = 0; i < LK_COUNT(refused); i++) {
        if (lk_utf8_valid(lk_slice_of(refused[i])))
            fail_msg("case %zu was accepted", i);
    }
}

static void utf8_length_is_that_of_the_first_character(void **state LK_UNUSED)
{
    assert_int_equal(lk_utf8_length(LK_SLICE_LITERAL("ab")), 1);
    assert_int_equal(lk_utf8_length(LK_SLICE_LITERAL("\xc3\xa9z")), 2);
    assert_int_equal(lk_utf8_length(LK_SLICE_LITERAL("\xe2\x82\xac")), 3);
    assert_int_equal(lk_utf8_length(LK_SLICE_LITERAL("\xf0\x9f\x98\x80")), 4);
    assert_int_equal(lk_utf8_length(LK_SLICE_LITERAL("\xe2\x82")), 0);
    assert_int_equal(lk_utf8_length(EMPTY), 0);
}

static void zeroing_leaves_nothing_behind(void **state LK_UNUSED)
{
    char secret[] = "secret";
    lk_zero(secret, sizeof(secret));
    assert_memory_equal(secret, "\0\0\0\0\0\0\0", sizeof(secret));
    lk_zero(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_escape_stands_for_a_byte),
        cmocka_unit_test(an_absent_text_is_an_absent_slice),
        cmocka_unit_test(equality_compares_every_byte_also_behind_a_nul),
        cmocka_unit_test(prefix_and_suffix_are_found_only_where_they_fit),
        cmocka_unit_test(trimming_takes_white_space_of_both_ends_only),
        cmocka_unit_test(cutting_splits_at_the_first_separator),
        cmocka_unit_test(cutting_tells_an_empty_rest_from_none),
        cmocka_unit_test(integers_are_read_up_to_both_ends_of_their_range),
        cmocka_unit_test(integers_out_of_range_or_with_anything_else_are_refused),
        cmocka_unit_test(a_duplicate_is_a_c_string_of_its_own),
        cmocka_unit_test(copying_refuses_what_does_not_fit_with_its_nul),
        cmocka_unit_test(an_empty_environment_variable_is_as_good_as_unset),
        cmocka_unit_test(hex_is_lower_case),
        cmocka_unit_test(base64_encodes_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_decodes_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_carries_every_byte_value_there_and_back),
        cmocka_unit_test(what_is_not_base64_leaves_the_buffer_as_it_was),
        cmocka_unit_test(only_unreserved_characters_stay_unescaped_in_a_uri),
        cmocka_unit_test(utf8_accepts_the_first_and_last_of_each_length),
        cmocka_unit_test(utf8_refuses_overlong_surrogate_cut_and_stray_bytes),
        cmocka_unit_test(utf8_length_is_that_of_the_first_character),
        cmocka_unit_test(zeroing_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
