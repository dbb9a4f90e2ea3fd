/* SPDX-License-Identifier: MIT
 *
 * json_check: what is read of JSON without a tree: plain objects and lists, and whether a text is
 * compact.
 */
#include "lk_test.h"
#include "lk_test_json.h"

/* The first len bytes, in memory that ends there, so that a sanitizer sees one byte more. */
static char *cut_off(const char *whole, size_t len)
{
    char *cut = malloc(LK_MAX(len, 1));
    assert_non_null(cut);
    memcpy(cut, whole, len);
    return cut;
}

/* --- Plain objects -------------------------------------------------------------------------- */

static void plain_members_are_those_that_a_lookup_finds(void **state LK_UNUSED)
{
    const char *text = " { \"a\" : \"x y\" ,\n\"b\":\"\", \"a\":\"z~\" } \n";
    const char *keys[] = {"a", "b", "c"};
    lk_json *root = lk_test_json(text);
    lk_slice values[3];
    assert_true(lk_json_plain_members(lk_slice_of(text), keys, 3, values));
    assert_true(lk_slice_equal(values[0], lk_json_string(lk_json_get(root, "a"))));
    assert_true(lk_slice_equal(values[1], lk_json_string(lk_json_get(root, "b"))));
    assert_null(values[2].ptr);
    assert_true(lk_json_plain_members(LK_SLICE_LITERAL("{ }"), keys, 3, values));
    assert_null(values[0].ptr);
    lk_json_free(root);
}

static void what_is_no_plain_object_is_left_to_the_parser(void **state LK_UNUSED)
{
    const char *others[] = {
        "",
        "{",
        "[]",
        "\"a\"",
        "{\"a\":1}",
        "{\"a\":null}",
        "{\"a\":{\"a\":\"x\"}}",
        "{\"a\":[\"x\"]}",
        "{\"a\":\"x\\u0041\"}",
        "{\"\\u0061\":\"x\"}",
        "{\"a\":\"\xc3\xa4\"}",
        "{\"a\":\"x\ty\"}",
        "{\"a\":\"x\",}",
        "{,}",
        "{\"a\":\"x\"} {",
        "{\"a\":\"x\",\"b\":true}",
        "{\"a\" \"x\"}",
        "{a:\"x\"}",
    };
    const char *key = "a";
    lk_slice value;
    for (size_t i = 0; i < LK_COUNT(others); i++)
        assert_false(lk_json_plain_members(lk_slice_of(others[i]), &key, 1, &value));
    assert_false(lk_json_plain_members((lk_slice){NULL, 0}, &key, 1, &value));
}

static void a_plain_list_gives_its_elements_in_order(void **state LK_UNUSED)
{
    const char *texts[] = {"{\"a\":[{\"x\":\"1\"},{},{\"y\":\"}\"}]}",
                           "{\"b\":[],\"a\":[{\"x\":\"1\"},{},{\"y\":\"}\"}]}",
                           " { \"a\" : [ {\"x\":\"1\"},{},{\"y\":\"}\"}] , \"b\" : [ ] } "};
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        lk_slice elements[3];
        size_t count = 0;
        lk_json_free(lk_test_json(texts[i])); /* it is JSON */
        assert_true(lk_json_plain_list(lk_slice_of(texts[i]), "a", elements, 3, &count));
        assert_int_equal(count, 3);
        assert_slice(elements[0], "{\"x\":\"1\"}");
        assert_slice(elements[1], "{}");
        assert_slice(elements[2], "{\"y\":\"}\"}");
        assert_false(lk_json_plain_list(lk_slice_of(texts[i]), "a", elements, 2, &count));
    }
}

static void what_is_no_plain_list_is_left_to_the_parser(void **state LK_UNUSED)
{
    const char *others[] = {"",
                            "{}",
                            "[]",
                            "{\"a\":{}}",
                            "{\"a\":[1]}",
                            "{\"a\":[{\"x\":true}]}",
                            "{\"a\":[{\"x\":\"1\"},]}",
                            "{\"a\":[{\"x\":\"1\"}{}]}",
                            "{\"a\":[],\"b\":[{}]}",
                            "{\"a\":[],\"b\":null}",
                            "{\"a\":[],\"a\":[]}",
                            "{\"a\":[]},",
                            "{\"a\":[]"};
    for (size_t i = 0; i < LK_COUNT(others); i++) {
        lk_slice elements[3];
        size_t count;
        assert_false(lk_json_plain_list(lk_slice_of(others[i]), "a", elements, 3, &count));
    }
}

static void plain_reading_of_broken_text_stays_within_it(void **state LK_UNUSED)
{
    const char *object = "{ \"b\" : \"c\" , \"d\":\"e\" }";
    const char *list = "{ \"a\" : [ { \"b\" : \"c\" } , {} ] , \"f\":[] }";
    const char *key = "d";
    lk_slice found[2];
    size_t count;
    for (size_t len = 0; len < strlen(object); len++) {
        char *cut = cut_off(object, len);
        assert_false(lk_json_plain_members((lk_slice){cut, len}, &key, 1, found));
        free(cut);
    }
    for (size_t len = 0; len < strlen(list); len++) {
        char *cut = cut_off(list, len);
        assert_false(lk_json_plain_list((lk_slice){cut, len}, "a", found, 2, &count));
        free(cut);
    }
}

/* --- Compact texts -------------------------------------------------------------------------- */

static void a_compact_text_is_known_as_one(void **state LK_UNUSED)
{
    const char *texts[] = {"null",
                           "true",
                           "false",
                           "0",
                           "-1",
                           "-0.5",
                           "120",
                           "1.5e10",
                           "1E-7",
                           "2e+3",
                           "18446744073709551616",
                           "\"\"",
                           "\"x y\"",
                           "\"\xc3\xa4\xf0\x9f\x98\x80\"",
                           "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                           "[]",
                           "{}",
                           "[1,[\"]\"],{\"a}\":{\"b\":[]}},null]"};
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        lk_json_free(lk_test_json(texts[i])); /* it is JSON */
        assert_true(lk_json_is_compact(lk_slice_of(texts[i])));
    }
}

static void what_is_not_compact_json_is_not_taken_for_it(void **state LK_UNUSED)
{
    const char *texts[] = {"",
                           " 1",
                           "1 ",
                           "1\n",
                           "[1, 2]",
                           "{\"a\": 1}",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "+1",
                           "nul",
                           "True",
                           "\"",
                           "\"a",
                           "\"\xff\"",
                           "\"a\nb\"",
                           "\"\\x\"",
                           "\"\\\"",
                           "[1,]",
                           "[,1]",
                           "[1",
                           "{\"a\"}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "{1:2}",
                           "[1]]",
                           "}, \"Count\": 7",
                           "1,2",
                           "\"\\u0041\"",
                           "\"\\ud800\""};
    for (size_t i = 0; i < LK_COUNT(texts); i++)
        assert_false(lk_json_is_compact(lk_slice_of(texts[i])));
    assert_false(lk_json_is_compact((lk_slice){NULL, 0}));
    assert_false(lk_json_is_compact((lk_slice){"\"a\0b\"", 5}));
}

static void deep_nesting_is_left_to_the_parser(void **state LK_UNUSED)
{
    char deep[20000];
    memset(deep, '[', sizeof(deep) / 2);
    memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
    assert_false(lk_json_is_compact((lk_slice){deep, sizeof(deep)}));
}

static void a_compact_text_that_is_cut_is_none(void **state LK_UNUSED)
{
    const char *whole = "{\"a\":[1,{\"b\":\"c\\\"\xc3\xa4\"}],\"d\":true}";
    for (size_t len = 0; len < strlen(whole); len++) {
        char *cut = cut_off(whole, len);
        assert_false(lk_json_is_compact((lk_slice){cut, len}));
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_members_are_those_that_a_lookup_finds),
        cmocka_unit_test(what_is_no_plain_object_is_left_to_the_parser),
        cmocka_unit_test(a_plain_list_gives_its_elements_in_order),
        cmocka_unit_test(what_is_no_plain_list_is_left_to_the_parser),
        cmocka_unit_test(plain_reading_of_broken_text_stays_within_it),
        cmocka_unit_test(a_compact_text_is_known_as_one),
        cmocka_unit_test(what_is_not_compact_json_is_not_taken_for_it),
        cmocka_unit_test(deep_nesting_is_left_to_the_parser),
        cmocka_unit_test(a_compact_text_that_is_cut_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
