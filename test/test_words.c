/* SPDX-License-Identifier: MIT
 *
 * test_words: command lines cut as a POSIX shell quotes.
 */
#include "lk_test.h"

#include "words.h"

static lk_err err;

/* The words joined by '|'. */
static void assert_words(const char *line, const char *expected)
{
    lk_words words;
    lk_buf joined = {0};
    assert_lk_ok(lk_words_split(lk_slice_of(line), &words, &err));
    for (size_t i = 0; i < words.count; i++)
        lk_buf_addf(&joined, "%s%s", i > 0 ? "|" : "", words.items[i]);
    assert_null(words.items[words.count]);
    assert_string_equal(joined.ptr ? joined.ptr : "", expected);
    lk_buf_clear(&joined);
    lk_words_clear(&words);
}

static void white_space_separates_and_nothing_expands(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words("  \t\n", "");
    assert_words(" /bin/a  b\tc\r\n", "/bin/a|b|c");
    assert_words("a $HOME *.c ~ #x", "a|$HOME|*.c|~|#x");
}

static void quotes_keep_words_together_and_may_be_empty(void **state)
{
    (void)state;
    assert_words("'a b' \"c d\"", "a b|c d");
    assert_words("x'y z'\"w\"", "xy zw");
    assert_words("a '' \"\" b", "a|||b");
    assert_words("\"it's\" 'say \"x\"'", "it's|say \"x\"");
}

static void a_backslash_escapes_as_its_place_says(void **state)
{
    (void)state;
    assert_words("a\\ b \\'c \\\\", "a b|'c|\\");
    assert_words("\"a\\\"b\" \"c\\\\d\" \"e\\nf\"", "a\"b|c\\d|e\\nf");
    assert_words("'a\\b'", "a\\b");
}

static void an_open_end_is_an_error(void **state)
{
    (void)state;
    static const char *const bad[] = {"a 'b", "a \"b", "a \"b\\\"", "a\\", "'"};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_words words;
        assert_lk_fails(lk_words_split(lk_slice_of(bad[i]), &words, &err), LK_E_INVALID);
        assert_null(words.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_separates_and_nothing_expands),
        cmocka_unit_test(quotes_keep_words_together_and_may_be_empty),
        cmocka_unit_test(a_backslash_escapes_as_its_place_says),
        cmocka_unit_test(an_open_end_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
