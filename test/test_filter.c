/* SPDX-License-Identifier: MIT
 *
 * Tests of local/filter: which messages pass the filter criteria of a mapping.
 */
#include "lk_test.h"

#include "filter.h"

/* Whether a body passes one pattern. */
static bool passes(const char *pattern, const char *body)
{
    lk_err err;
    lk_filter *filter = NULL;
    assert_lk_ok(lk_filter_new(&pattern, 1, &filter, &err));
    int rc = lk_filter_match(filter, lk_slice_of(body), &err);
    lk_filter_free(filter);
    assert_true(rc >= 0);
    return rc == 1;
}

static void refused(const char *pattern, const char *why)
{
    lk_err err;
    lk_filter *filter = NULL;
    assert_lk_fails(lk_filter_new(&pattern, 1, &filter, &err), LK_E_INVALID);
    assert_non_null(strstr(err.message, "Invalid filter pattern definition."));
    assert_non_null(strstr(err.message, why));
    assert_null(filter);
}

static void everything_passes_without_patterns(void **state)
{
    (void)state;
    lk_err err;
    lk_filter *filter = NULL;
    assert_int_equal(lk_filter_match(NULL, lk_slice_of("x"), &err), 1);
    assert_lk_ok(lk_filter_new(NULL, 0, &filter, &err));
    assert_int_equal(lk_filter_match(filter, lk_slice_of("x"), &err), 1);
    lk_filter_free(filter);
}

static void one_of_several_patterns_is_enough(void **state)
{
    (void)state;
    lk_err err;
    lk_filter *filter = NULL;
    const char *patterns[] = {"{\"body\":{\"a\":[1]}}", "{\"body\":[\"go\"]}"};
    assert_lk_ok(lk_filter_new(patterns, 2, &filter, &err));
    assert_int_equal(lk_filter_match(filter, lk_slice_of("{\"a\":1}"), &err), 1);
    assert_int_equal(lk_filter_match(filter, lk_slice_of("go"), &err), 1);
    assert_int_equal(lk_filter_match(filter, lk_slice_of("{\"a\":2}"), &err), 0);
    lk_filter_free(filter);
}

static void values_of_a_list_are_alternatives_and_keys_must_all_match(void **state)
{
    (void)state;
    const char *pattern = "{\"body\":{\"kind\":[\"a\",\"b\"],\"deep\":{\"n\":[1, 2.5]}}}";
    assert_true(passes(pattern, "{\"kind\":\"b\",\"deep\":{\"n\":2.5},\"more\":0}"));
    assert_true(passes(pattern, "{\"kind\":\"a\",\"deep\":{\"n\":1.0}}"));
    assert_false(passes(pattern, "{\"kind\":\"c\",\"deep\":{\"n\":1}}"));
    assert_false(passes(pattern, "{\"kind\":\"a\",\"deep\":{\"n\":\"1\"}}"));
    assert_false(passes(pattern, "{\"kind\":\"a\"}"));
    assert_false(passes(pattern, "{\"kind\":\"a\",\"deep\":7}"));
}

static void null_truth_and_the_empty_text_are_values(void **state)
{
    (void)state;
    assert_true(passes("{\"body\":{\"a\":[null]}}", "{\"a\":null}"));
    assert_false(passes("{\"body\":{\"a\":[null]}}", "{}"));
    assert_true(passes("{\"body\":{\"a\":[\"\"]}}", "{\"a\":\"\"}"));
    assert_false(passes("{\"body\":{\"a\":[\"\"]}}", "{\"a\":null}"));
    assert_true(passes("{\"body\":{\"a\":[true]}}", "{\"a\":true}"));
    assert_false(passes("{\"body\":{\"a\":[true]}}", "{\"a\":false}"));
}

static void texts_match_by_beginning_end_and_without_case(void **state)
{
    (void)state;
    assert_true(passes("{\"body\":{\"a\":[{\"prefix\":\"eu-\"}]}}", "{\"a\":\"eu-west-1\"}"));
    assert_false(passes("{\"body\":{\"a\":[{\"prefix\":\"eu-\"}]}}", "{\"a\":\"us\"}"));
    assert_true(passes("{\"body\":{\"a\":[{\"suffix\":\".png\"}]}}", "{\"a\":\"x.png\"}"));
    assert_false(passes("{\"body\":{\"a\":[{\"suffix\":\".png\"}]}}", "{\"a\":3}"));
    assert_true(passes("{\"body\":{\"a\":[{\"equals-ignore-case\":\"AbC\"}]}}", "{\"a\":\"aBc\"}"));
    assert_false(passes("{\"body\":{\"a\":[{\"equals-ignore-case\":\"AbC\"}]}}", "{\"a\":\"ab\"}"));
}

static void anything_but_needs_a_value_that_is_none_of_those(void **state)
{
    (void)state;
    const char *listed = "{\"body\":{\"a\":[{\"anything-but\":[\"x\", 1]}]}}";
    const char *prefixed = "{\"body\":{\"a\":[{\"anything-but\":{\"prefix\":\"in\"}}]}}";
    assert_true(passes(listed, "{\"a\":\"y\"}"));
    assert_false(passes(listed, "{\"a\":\"x\"}"));
    assert_false(passes(listed, "{\"a\":1}"));
    assert_false(passes(listed, "{}"));
    assert_true(passes("{\"body\":{\"a\":[{\"anything-but\":\"x\"}]}}", "{\"a\":\"y\"}"));
    assert_true(passes(prefixed, "{\"a\":\"out\"}"));
    assert_false(passes(prefixed, "{\"a\":\"inner\"}"));
}

static void numbers_match_by_ranges(void **state)
{
    (void)state;
    const char *range = "{\"body\":{\"a\":[{\"numeric\":[\">\", 0, \"<=\", 5]}]}}";
    assert_true(passes(range, "{\"a\":5}"));
    assert_true(passes(range, "{\"a\":0.1}"));
    assert_false(passes(range, "{\"a\":0}"));
    assert_false(passes(range, "{\"a\":5.1}"));
    assert_false(passes(range, "{\"a\":\"3\"}"));
    assert_true(passes("{\"body\":{\"a\":[{\"numeric\":[\"=\", 3]}]}}", "{\"a\":3.0}"));
    assert_true(passes("{\"body\":{\"a\":[{\"numeric\":[\">=\", 3]}]}}", "{\"a\":3}"));
    assert_false(passes("{\"body\":{\"a\":[{\"numeric\":[\"<\", 3]}]}}", "{\"a\":3}"));
}

static void a_key_can_be_wanted_or_unwanted(void **state)
{
    (void)state;
    assert_true(passes("{\"body\":{\"a\":[{\"exists\":true}]}}", "{\"a\":0}"));
    assert_false(passes("{\"body\":{\"a\":[{\"exists\":true}]}}", "{\"b\":0}"));
    assert_true(passes("{\"body\":{\"a\":[{\"exists\":false}]}}", "{\"b\":0}"));
    assert_false(passes("{\"body\":{\"a\":[{\"exists\":false}]}}", "{\"a\":0}"));
    assert_true(passes("{\"body\":{\"a\":{\"b\":[{\"exists\":false}]}}}", "{}"));
}

static void one_of_several_keys_may_match(void **state)
{
    (void)state;
    const char *pattern = "{\"body\":{\"x\":[1],\"$or\":[{\"a\":[1]},{\"b\":[2]}]}}";
    assert_true(passes(pattern, "{\"x\":1,\"a\":1}"));
    assert_true(passes(pattern, "{\"x\":1,\"b\":2}"));
    assert_false(passes(pattern, "{\"x\":1,\"b\":1}"));
    assert_false(passes(pattern, "{\"a\":1}"));
}

static void a_list_in_the_body_matches_by_one_element(void **state)
{
    (void)state;
    assert_true(passes("{\"body\":{\"tags\":[\"b\"]}}", "{\"tags\":[\"a\",\"b\"]}"));
    assert_false(passes("{\"body\":{\"tags\":[\"c\"]}}", "{\"tags\":[\"a\",\"b\"]}"));
    assert_true(passes("{\"body\":{\"items\":{\"n\":[2]}}}", "{\"items\":[{\"n\":1},{\"n\":2}]}"));
    assert_false(passes("{\"body\":{\"tags\":[\"c\"]}}", "{\"tags\":[]}"));
}

static void a_text_pattern_is_for_texts_and_an_object_pattern_for_objects(void **state)
{
    (void)state;
    assert_true(passes("{\"body\":[\"x\"]}", "x"));
    assert_true(passes("{\"body\":[{\"prefix\":\"order \"}]}", "order 7"));
    assert_false(passes("{\"body\":[\"x\"]}", "y"));
    assert_false(passes("{\"body\":[{\"anything-but\":\"x\"}]}", "{\"a\":1}"));
    assert_false(passes("{\"body\":{\"a\":[1]}}", "plain"));
    assert_false(passes("{\"body\":{\"a\":[{\"exists\":false}]}}", "plain"));
    assert_false(passes("{\"body\":{\"a\":[{\"exists\":false}]}}", "7"));
}

static void patterns_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refused("{", "not JSON");
    refused("[]", "not an object");
    refused("{}", "not an object with members");
    refused("{\"data\":{\"a\":[1]}}", "\"body\"");
    refused("{\"body\":{\"a\":[1]},\"messageId\":[\"x\"]}", "\"body\"");
    refused("{\"body\":\"x\"}", "without a list");
    refused("{\"body\":{\"a\":1}}", "without a list");
    refused("{\"body\":{\"a\":[]}}", "empty list");
    refused("{\"body\":{\"a\":[[1]]}}", "another list");
    refused("{\"body\":{\"a\":[{\"like\":\"x\"}]}}", "equals-ignore-case");
    refused("{\"body\":{\"a\":[{\"prefix\":1}]}}", "operand");
    refused("{\"body\":{\"a\":[{\"numeric\":[\">\"]}]}}", "operand");
    refused("{\"body\":{\"a\":[{\"numeric\":[\"!\", 1]}]}}", "operand");
    refused("{\"body\":{\"a\":[{\"exists\":1}]}}", "operand");
    refused("{\"body\":{\"a\":[{\"anything-but\":[]}]}}", "operand");
    refused("{\"body\":{\"a\":[{\"anything-but\":{\"exists\":true}}]}}", "operand");
    refused("{\"body\":{\"$or\":[{\"a\":[1]}]}}", "$or");
}

static void more_patterns_than_aws_takes_are_refused(void **state)
{
    (void)state;
    lk_err err;
    lk_filter *filter = NULL;
    const char *patterns[LK_FILTER_PATTERNS_MAX + 1];
    for (size_t i = 0; i < LK_COUNT(patterns); i++)
        patterns[i] = "{\"body\":[\"x\"]}";
    assert_lk_fails(lk_filter_new(patterns, LK_COUNT(patterns), &filter, &err), LK_E_INVALID);
}

/* JSON that is read on AWS, but not by our parser. That it matches nothing cannot be told. */
static void an_object_that_cannot_be_judged_passes(void **state)
{
    (void)state;
    const char *pattern = "{\"body\":{\"kind\":[\"a\"]}}";
    lk_buf deep = {0};
    lk_buf_add_str(&deep, "{\"kind\":\"a\",\"deep\":");
    for (int i = 0; i < 3000; i++)
        lk_buf_add_char(&deep, '[');
    for (int i = 0; i < 3000; i++)
        lk_buf_add_char(&deep, ']');
    lk_buf_add_char(&deep, '}');
    assert_true(passes(pattern, deep.ptr));
    lk_buf_clear(&deep);
    assert_true(passes(pattern, "{\"kind\":\"a\",\"text\":\"\\ud800\"}"));
    assert_true(passes(pattern, " {\"kind\":\"a\",\"huge\":1e999}\n"));
    assert_true(passes(pattern, "{\"kind\":\"a\",\"\\u0000\":0}"));
    assert_false(passes(pattern, "[\"\\ud800\"]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_passes_without_patterns),
        cmocka_unit_test(one_of_several_patterns_is_enough),
        cmocka_unit_test(values_of_a_list_are_alternatives_and_keys_must_all_match),
        cmocka_unit_test(null_truth_and_the_empty_text_are_values),
        cmocka_unit_test(texts_match_by_beginning_end_and_without_case),
        cmocka_unit_test(anything_but_needs_a_value_that_is_none_of_those),
        cmocka_unit_test(numbers_match_by_ranges),
        cmocka_unit_test(a_key_can_be_wanted_or_unwanted),
        cmocka_unit_test(one_of_several_keys_may_match),
        cmocka_unit_test(a_list_in_the_body_matches_by_one_element),
        cmocka_unit_test(a_text_pattern_is_for_texts_and_an_object_pattern_for_objects),
        cmocka_unit_test(an_object_that_cannot_be_judged_passes),
        cmocka_unit_test(patterns_that_make_no_sense_are_refused),
        cmocka_unit_test(more_patterns_than_aws_takes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
