/* SPDX-License-Identifier: MIT
 *
 * json: what is read, what is refused and how, and that what is written reads back the same.
 */
#include "lk_test.h"
#include "lk_test_json.h"

#include <locale.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Refused -------------------------------------------------------------------------------- */

static void assert_refused(lk_slice text, const char *reason)
{
    lk_err err = {0};
    lk_json *root = (lk_json *)&err;
    assert_lk_fails(lk_json_parse(text, "body of message 7", &root, &err), LK_E_JSON);
    assert_null(root);
    char expected[200];
    snprintf(expected, sizeof(expected), "body of message 7: not JSON: %s at line ", reason);
    if (strncmp(err.message, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", err.message, expected);
}

static void malformed_text_is_refused_with_kind_and_place(void **state LK_UNUSED)
{
    assert_refused((lk_slice){NULL, 0}, "the text ends too early");
    assert_refused(LK_SLICE_LITERAL("{\"a\":[1,2"), "the text ends too early");
    assert_refused(LK_SLICE_LITERAL("{} x"), "something follows the value");
    assert_refused(LK_SLICE_LITERAL("{\"a\":1,}"), "a syntax error");
    assert_refused(LK_SLICE_LITERAL("{'a':1}"), "a syntax error");
    assert_refused(LK_SLICE_LITERAL("[NaN]"), "a syntax error");
    assert_refused(LK_SLICE_LITERAL("[01]"), "a syntax error");
    assert_refused(LK_SLICE_LITERAL("\xef\xbb\xbf{}"), "a syntax error");
    assert_refused(LK_SLICE_LITERAL("[\"\xff\"]"), "invalid UTF-8");
    assert_refused(LK_SLICE_LITERAL("[\"\xed\xa0\x80\"]"), "invalid UTF-8");
    assert_refused(LK_SLICE_LITERAL("[\"\\ud800\"]"), "a syntax error");
    assert_refused(LK_SLICE_LITERAL("{\"a\\u0000b\":1}"), "a NUL in a member name");
    assert_refused(LK_SLICE_LITERAL("[1e999]"), "a number out of range");
    assert_refused((lk_slice){"{}\0{}", 5}, "something follows the value");
}

static void the_place_is_that_of_the_fault(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_json *root;
    assert_lk_fails(lk_json_parse(LK_SLICE_LITERAL("{\n  \"a\": tru\n}"), "event", &root, &err),
                    LK_E_JSON);
    assert_string_equal(err.message, "event: not JSON: a syntax error at line 2, column 10");
}

static void what_is_refused_is_never_quoted(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_json *root;
    assert_lk_fails(lk_json_parse(LK_SLICE_LITERAL("{\"a\": \"ok\" secret}"), "x", &root, &err),
                    LK_E_JSON);
    assert_null(strstr(err.message, "secret"));
}

static void nesting_beyond_reason_is_refused_and_not_followed(void **state LK_UNUSED)
{
    char *deep = malloc(200000);
    assert_non_null(deep);
    memset(deep, '[', 200000);
    assert_refused((lk_slice){deep, 200000}, "nested too deeply");
    free(deep);
}

/* --- Read ----------------------------------------------------------------------------------- */

static void any_value_may_stand_at_the_top(void **state LK_UNUSED)
{
    static const struct {
        const char *text;
        lk_json_type type;
    } values[] = {{"null", LK_JSON_NULL},   {"true", LK_JSON_BOOL}, {"false", LK_JSON_BOOL},
                  {" 1 ", LK_JSON_INT},     {"1.0", LK_JSON_REAL},  {"1e2", LK_JSON_REAL},
                  {"\"\"", LK_JSON_STRING}, {"[]", LK_JSON_ARRAY},  {"{}", LK_JSON_OBJECT}};
    for (size_t i = 0; i < LK_COUNT(values); i++) {
        lk_json *root = lk_test_json(values[i].text);
        assert_int_equal(lk_json_typeof(root), values[i].type);
        lk_json_free(root);
    }
    assert_int_equal(lk_json_typeof(NULL), LK_JSON_MISSING);
    lk_json_free(NULL);
}

static void lookups_chain_through_what_is_absent_or_of_another_type(void **state LK_UNUSED)
{
    lk_json *root = lk_test_json("{\"a\":{\"b\":[10,\"x\"]},\"n\":null,\"i\":5}");
    const lk_json *b = lk_json_get(lk_json_get(root, "a"), "b");
    assert_int_equal(lk_json_length(b), 2);
    assert_slice(lk_json_string(lk_json_at(b, 1)), "x");
    assert_null(lk_json_at(b, 2));
    assert_null(lk_json_get(lk_json_get(root, "missing"), "b"));
    assert_null(lk_json_get(lk_json_get(root, "i"), "b"));
    assert_null(lk_json_get(b, "b"));
    assert_null(lk_json_at(root, 0));
    assert_null(lk_json_string(lk_json_get(root, "i")).ptr);
    assert_null(lk_json_string(NULL).ptr);
    assert_int_equal(lk_json_length(root), 3);
    assert_int_equal(lk_json_length(lk_json_get(root, "i")), 0);
    assert_int_equal(lk_json_length(NULL), 0);
    assert_int_equal(lk_json_typeof(lk_json_get(root, "n")), LK_JSON_NULL);
    lk_json_free(root);
}

static void only_true_is_true(void **state LK_UNUSED)
{
    lk_json *root = lk_test_json("[true,false,1,\"true\",null]");
    assert_true(lk_json_bool(lk_json_at(root, 0)));
    for (size_t i = 1; i < 6; i++)
        assert_false(lk_json_bool(lk_json_at(root, i)));
    lk_json_free(root);
}

static void strings_may_hold_nul_bytes(void **state LK_UNUSED)
{
    lk_json *root = lk_test_json("\"a\\u0000b\\ud83d\\ude00\"");
    lk_slice s = lk_json_string(root);
    assert_int_equal(s.len, 7);
    assert_memory_equal(s.ptr, "a\0b\xf0\x9f\x98\x80", 8);
    lk_json_free(root);
}

static void integers_are_read_from_every_form_sqs_uses(void **state LK_UNUSED)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"5", 5},
                {"-9223372036854775808", INT64_MIN},
                {"9223372036854775807", INT64_MAX},
                {"3.0", 3},
                {"1e3", 1000},
                {"-9223372036854775808.0", INT64_MIN},
                {"\"42\"", 42},
                {"\"-1\"", -1}};
    static const char *const bad[] = {
        "3.5", "1e300", "9223372036854775808", "\"x\"", "\"\"", "\"1.5\"", "true", "null",
        "[]",  "{}"};
    for (size_t i = 0; i < LK_COUNT(good); i++) {
        int64_t value = 0;
        lk_json *root = lk_test_json(good[i].text);
        if (!lk_json_int64(root, &value) || value != good[i].value)
            fail_msg("%s was read as %lld", good[i].text, (long long)value);
        lk_json_free(root);
    }
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        int64_t value = 42;
        lk_json *root = lk_test_json(bad[i]);
        if (lk_json_int64(root, &value) || value != 42)
            fail_msg("%s was taken for %lld", bad[i], (long long)value);
        lk_json_free(root);
    }
    int64_t value;
    assert_false(lk_json_int64(NULL, &value));
}

static void an_integer_beyond_64_bits_does_not_refuse_the_document(void **state LK_UNUSED)
{
    lk_json *root =
        lk_test_json("{\"text 123456789012345678901 \\\" 9\":\"98765432109876543210\","
                     "\"big\":18446744073709551616,\"neg\":[-9223372036854775809],\"n\":7}");
    assert_true(lk_json_double(lk_json_get(root, "big")) == 18446744073709551616.0);
    assert_int_equal(lk_json_typeof(lk_json_get(root, "big")), LK_JSON_REAL);
    assert_int_equal(lk_json_typeof(lk_json_at(lk_json_get(root, "neg"), 0)), LK_JSON_REAL);
    assert_int_equal(lk_json_typeof(lk_json_get(root, "n")), LK_JSON_INT);
    assert_slice(lk_json_string(lk_json_get(root, "text 123456789012345678901 \" 9")),
                 "98765432109876543210");
    lk_json_free(root);
}

static void doubles_are_read_from_both_kinds_of_number(void **state LK_UNUSED)
{
    lk_json *root = lk_test_json("[1,2.5,\"3\"]");
    assert_true(lk_json_double(lk_json_at(root, 0)) == 1.0);
    assert_true(lk_json_double(lk_json_at(root, 1)) == 2.5);
    assert_true(lk_json_double(lk_json_at(root, 2)) == 0.0);
    lk_json_free(root);
}

static void of_members_with_one_name_the_last_counts(void **state LK_UNUSED)
{
    lk_json *root = lk_test_json("{\"a\":1,\"a\":2}");
    int64_t value = 0;
    assert_true(lk_json_int64(lk_json_get(root, "a"), &value));
    assert_int_equal(value, 2);
    assert_int_equal(lk_json_length(root), 1);
    lk_json_free(root);
}

static void members_are_visited_in_document_order(void **state LK_UNUSED)
{
    lk_json *root = lk_test_json("{\"z\":1,\"a\":2,\"\":3,\"m\":4}");
    lk_buf names = {0};
    int64_t sum = 0;
    for (void *it = lk_json_iter(root); it; it = lk_json_iter_next(root, it)) {
        int64_t value = 0;
        assert_true(lk_json_int64(lk_json_iter_value(it), &value));
        sum = sum * 10 + value;
        lk_buf_add(&names, lk_json_iter_key(it));
        lk_buf_add_char(&names, ' ');
    }
    assert_slice(lk_buf_slice(&names), "z a  m ");
    assert_int_equal(sum, 1234);
    assert_null(lk_json_iter(NULL));
    assert_null(lk_json_iter(lk_json_get(root, "a")));
    lk_buf_clear(&names);
    lk_json_free(root);
}

/* --- Raw members ---------------------------------------------------------------------------- */

static void assert_raw(const char *text, const char *key, const char *expected)
{
    lk_json_free(lk_test_json(text)); /* it is JSON */
    lk_slice raw = lk_json_raw_member(lk_slice_of(text), key);
    if (expected)
        assert_slice(raw, expected);
    else
        assert_null(raw.ptr);
}

static void a_raw_member_is_the_text_as_it_stands(void **state LK_UNUSED)
{
    const char *text = " { \"a\" : [1.50, {\"b\":\"]}\\\"\"} ] ,\n\"b\":18446744073709551616,"
                       "\"c\":\"x,\\\\\" ,\"d\":{\"b\":1}, \"e\":null , \"f\" : -1e2} ";
    assert_raw(text, "a", "[1.50, {\"b\":\"]}\\\"\"} ]");
    assert_raw(text, "b", "18446744073709551616");
    assert_raw(text, "c", "\"x,\\\\\"");
    assert_raw(text, "d", "{\"b\":1}");
    assert_raw(text, "e", "null");
    assert_raw(text, "f", "-1e2");
    assert_raw(text, "g", NULL);
}

static void a_raw_member_is_the_one_that_a_lookup_finds(void **state LK_UNUSED)
{
    assert_raw("{\"a\":1,\"\\u0061\":2,\"b\":3}", "a", "2");
    assert_raw("{\"a\\\"b\":1}", "a\"b", "1");
    assert_raw("{\"\":1}", "", "1");
    assert_raw("{}", "a", NULL);
    assert_raw("[{\"a\":1}]", "a", NULL);
    assert_raw("\"a\"", "a", NULL);
    assert_raw("{\"x\":{\"a\":1}}", "a", NULL);
}

static void raw_members_of_broken_text_stay_within_it(void **state LK_UNUSED)
{
    const char *whole = "{\"a\":[1,{\"b\":\"c\\\"\"}],\"d\":true}";
    for (size_t len = 0; len < strlen(whole); len++) {
        char *cut = malloc(len + 1); /* exactly as long, so that a sanitizer sees one byte more */
        assert_non_null(cut);
        memcpy(cut, whole, len);
        lk_slice found = lk_json_raw_member((lk_slice){cut, len}, "d");
        assert_true(found.len <= len);
        lk_json_raw_member((lk_slice){cut, len}, "zzz");
        free(cut);
    }
}

/* --- Written -------------------------------------------------------------------------------- */

static void assert_written(lk_slice s, const char *expected)
{
    lk_buf out = {0};
    lk_json_write_string(&out, s);
    assert_slice(lk_buf_slice(&out), expected);
    lk_buf_clear(&out);
}

static void strings_escape_only_what_they_must(void **state LK_UNUSED)
{
    assert_written(LK_SLICE_LITERAL(""), "\"\"");
    assert_written((lk_slice){NULL, 0}, "\"\"");
    assert_written(LK_SLICE_LITERAL("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    assert_written(LK_SLICE_LITERAL("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    assert_written((lk_slice){"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\x7f\"");
    assert_written(LK_SLICE_LITERAL("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
                   "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state LK_UNUSED)
{
    assert_written(LK_SLICE_LITERAL("a\xff"
                                    "b"),
                   "\"a\xef\xbf\xbd"
                   "b\"");
    assert_written(LK_SLICE_LITERAL("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_written(LK_SLICE_LITERAL("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void every_byte_is_found_wherever_it_stands(void **state LK_UNUSED)
{
    /* The writer looks at eight bytes at a time: each byte at each place of two such groups. */
    for (int byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 17; place++) {
            char text[17];
            memset(text, 'x', sizeof(text));
            text[place] = (char)byte;
            lk_err err = {0};
            lk_buf out = {0};
            lk_json *back;
            lk_json_write_string(&out, (lk_slice){text, sizeof(text)});
            assert_lk_ok(lk_json_parse(lk_buf_slice(&out), "written", &back, &err));
            lk_slice s = lk_json_string(back);
            if (byte < 0x80)
                assert_true(lk_slice_equal(s, (lk_slice){text, sizeof(text)}));
            else
                assert_int_equal(s.len, sizeof(text) + 2);
            lk_json_free(back);
            lk_buf_clear(&out);
        }
    }
}

static void assert_double(double value, const char *expected)
{
    lk_buf out = {0};
    lk_json_write_double(&out, value);
    assert_slice(lk_buf_slice(&out), expected);
    lk_buf_clear(&out);
}

static void doubles_are_written_as_short_as_they_read_back(void **state LK_UNUSED)
{
    assert_double(0.1, "0.1");
    assert_double(1.0, "1.0");
    assert_double(-0.0, "-0.0");
    assert_double(1e100, "1e+100");
    assert_double(123456789.125, "123456789.125");
    assert_double(0.1 + 0.2, "0.30000000000000004");
    assert_double(5e-324, "4.94065645841247e-324");
    assert_double(1.7976931348623157e308, "1.7976931348623157e+308");
}

static void what_is_no_number_is_written_null(void **state LK_UNUSED)
{
    assert_double((double)NAN, "null");
    assert_double((double)INFINITY, "null");
    assert_double(-(double)INFINITY, "null");
}

/* A locale whose decimal point is a comma, whatever this machine has installed: glibc's compiled
 * form of LC_NUMERIC, i.e. a magic number, how many fields, where they begin, the fields. */
static void use_comma_locale(char *dir)
{
    static const struct {
        uint32_t magic, fields, at[6];
        char point[2], separator[1], grouping[1];
        uint32_t wide_point, wide_separator;
        char codeset[15];
    } numeric = {
        0x20031115 ^ LC_NUMERIC, 6, {0x20, 0x22, 0x23, 0x24, 0x28, 0x2c}, ",", "", "", ',', 0,
        "ANSI_X3.4-1968"};
    char path[100];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/comma", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/comma/LC_NUMERIC", dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(&numeric, 59, 1, file);
    fclose(file);
    setenv("LOCPATH", dir, 1);
    assert_non_null(setlocale(LC_NUMERIC, "comma"));
    unsetenv("LOCPATH");
    unlink(path);
    snprintf(path, sizeof(path), "%s/comma", dir);
    rmdir(path);
    rmdir(dir);
}

static void numbers_do_not_depend_on_the_locale(void **state LK_UNUSED)
{
    char dir[] = "/tmp/lk_test_locale_XXXXXX";
    char plain[20];
    use_comma_locale(dir);
    snprintf(plain, sizeof(plain), "%g", 1.5);
    lk_json *root = lk_test_json("1.5");
    double read = lk_json_double(root);
    lk_json_free(root);
    lk_buf out = {0};
    lk_json_write_double(&out, 1.5);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(plain, "1,5"); /* the locale was in force */
    assert_true(read == 1.5);
    assert_slice(lk_buf_slice(&out), "1.5");
    lk_buf_clear(&out);
}

static void a_tree_is_written_compact_and_in_order(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_buf out = {0};
    lk_json *root = lk_test_json("{ \"z\" : [ 1 , 2.50 , \"a\\/\\u00e9\\u0000\" , [ ] , { } ] , "
                                 "\"a\" : { \"t\" : true , \"f\" : false , \"n\" : null } }");
    assert_lk_ok(lk_json_dump(root, &out, &err));
    assert_slice(lk_buf_slice(&out), "{\"z\":[1,2.5,\"a/\xc3\xa9\\u0000\",[],{}],"
                                     "\"a\":{\"t\":true,\"f\":false,\"n\":null}}");
    assert_lk_fails(lk_json_dump(NULL, &out, &err), LK_E_INVALID);
    lk_buf_clear(&out);
    lk_json_free(root);
}

static void the_writer_puts_commas_and_colons(void **state LK_UNUSED)
{
    lk_buf out = {0};
    lk_json_writer w = {.out = &out};
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "s", "x\"y");
    lk_json_member_int(&w, "i", -5);
    lk_json_member_string(&w, "e", LK_SLICE_LITERAL(""));
    lk_json_key(&w, "a");
    lk_json_begin_array(&w);
    lk_json_value_int(&w, 1);
    lk_json_value_bool(&w, true);
    lk_json_value_bool(&w, false);
    lk_json_value_null(&w);
    lk_json_value_double(&w, 0.5);
    lk_json_value_str(&w, "t");
    lk_json_value_raw(&w, LK_SLICE_LITERAL("{\"raw\":1}"));
    lk_json_begin_object(&w);
    lk_json_end_object(&w);
    lk_json_begin_array(&w);
    lk_json_end_array(&w);
    lk_json_end_array(&w);
    lk_json_key_slice(&w, LK_SLICE_LITERAL("last"));
    lk_json_value_string(&w, LK_SLICE_LITERAL("v"));
    lk_json_end_object(&w);
    assert_slice(lk_buf_slice(&out), "{\"s\":\"x\\\"y\",\"i\":-5,\"e\":\"\",\"a\":[1,true,false,"
                                     "null,0.5,\"t\",{\"raw\":1},{},[]],\"last\":\"v\"}");
    assert_int_equal(w.depth, 0);
    lk_buf_clear(&out);
}

static void a_level_keeps_no_memory_of_the_one_before_it(void **state LK_UNUSED)
{
    lk_buf out = {0};
    lk_json_writer w = {.out = &out};
    lk_json_begin_array(&w);
    for (int i = 0; i < 2; i++) {
        lk_json_begin_object(&w);
        lk_json_member_int(&w, "a", i);
        lk_json_member_int(&w, "b", i);
        lk_json_end_object(&w);
    }
    lk_json_end_array(&w);
    assert_slice(lk_buf_slice(&out), "[{\"a\":0,\"b\":0},{\"a\":1,\"b\":1}]");
    lk_buf_clear(&out);
}

static void the_writer_refuses_what_would_not_be_json(void **state LK_UNUSED)
{
    lk_buf out = {0};
    lk_json_writer w = {.out = &out};
    for (int i = 0; i < 31; i++)
        lk_json_begin_array(&w);
    assert_false(out.failed);
    lk_json_begin_array(&w); /* the 32nd level */
    assert_true(out.failed);
    lk_buf_clear(&out);

    w = (lk_json_writer){.out = &out};
    lk_json_begin_object(&w);
    lk_json_key(&w, "without value");
    lk_json_end_object(&w);
    assert_true(out.failed);
    lk_buf_clear(&out);

    w = (lk_json_writer){.out = &out};
    lk_json_end_array(&w);
    assert_true(out.failed);
    lk_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_text_is_refused_with_kind_and_place),
        cmocka_unit_test(the_place_is_that_of_the_fault),
        cmocka_unit_test(what_is_refused_is_never_quoted),
        cmocka_unit_test(nesting_beyond_reason_is_refused_and_not_followed),
        cmocka_unit_test(any_value_may_stand_at_the_top),
        cmocka_unit_test(lookups_chain_through_what_is_absent_or_of_another_type),
        cmocka_unit_test(only_true_is_true),
        cmocka_unit_test(strings_may_hold_nul_bytes),
        cmocka_unit_test(integers_are_read_from_every_form_sqs_uses),
        cmocka_unit_test(an_integer_beyond_64_bits_does_not_refuse_the_document),
        cmocka_unit_test(doubles_are_read_from_both_kinds_of_number),
        cmocka_unit_test(of_members_with_one_name_the_last_counts),
        cmocka_unit_test(members_are_visited_in_document_order),
        cmocka_unit_test(a_raw_member_is_the_text_as_it_stands),
        cmocka_unit_test(a_raw_member_is_the_one_that_a_lookup_finds),
        cmocka_unit_test(raw_members_of_broken_text_stay_within_it),
        cmocka_unit_test(strings_escape_only_what_they_must),
        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(every_byte_is_found_wherever_it_stands),
        cmocka_unit_test(doubles_are_written_as_short_as_they_read_back),
        cmocka_unit_test(what_is_no_number_is_written_null),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(a_tree_is_written_compact_and_in_order),
        cmocka_unit_test(the_writer_puts_commas_and_colons),
        cmocka_unit_test(a_level_keeps_no_memory_of_the_one_before_it),
        cmocka_unit_test(the_writer_refuses_what_would_not_be_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
