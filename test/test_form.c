/* SPDX-License-Identifier: MIT
 *
 * Tests of form: decoding, order, and the tree that names make.
 */
#include "form.h"
#include "lk_test.h"

typedef struct reader {
    lk_arena arena;
    lk_form form;
    const char *why;
} reader;

static int read_two(reader *r, const char *body, const char *query)
{
    lk_err err;
    *r = (reader){0};
    int rc =
        lk_form_read(&r->arena, lk_slice_of(body), lk_slice_of(query), &r->form, &r->why, &err);
    assert_true(rc >= 0);
    assert_int_equal(rc, r->why != NULL);
    return rc;
}

static void read_form(reader *r, const char *body)
{
    assert_int_equal(read_two(r, body, NULL), 0);
}

static void assert_refused(const char *body, const char *why)
{
    reader r;
    assert_int_equal(read_two(&r, body, NULL), 1);
    assert_non_null(strstr(r.why, why));
    lk_arena_clear(&r.arena);
}

/* The items' own values, one behind the other. */
static void assert_items(const reader *r, const char *name, const char *expected)
{
    lk_buf values = {0};
    lk_form list = lk_form_at(&r->form, name);
    lk_form item = {0};
    lk_buf_add_str(&values, "");
    while (lk_form_next(&list, &item)) {
        lk_slice value = lk_form_value(&item, "");
        lk_buf_addf(&values, "%.*s ", LK_SLICE_FMT(value));
    }
    assert_string_equal(values.ptr, expected);
    lk_buf_clear(&values);
}

/* --- Decoding ------------------------------------------------------------------------------- */

static void plus_and_percent_20_are_spaces_and_the_rest_is_utf_8(void **state)
{
    reader r;
    (void)state;
    read_form(&r, "a=x+y%20z&b=%C3%A9%e2%9c%93&c=1%2B1%3d2%26&d=a=b&%65=%00&f&g=");
    assert_slice(lk_form_value(&r.form, "a"), "x y z");
    assert_slice(lk_form_value(&r.form, "b"), "é✓");
    assert_slice(lk_form_value(&r.form, "c"), "1+1=2&");
    assert_slice(lk_form_value(&r.form, "d"), "a=b");
    assert_int_equal(lk_form_value(&r.form, "e").len, 1);
    assert_int_equal(lk_form_value(&r.form, "e").ptr[0], 0);
    assert_slice(lk_form_value(&r.form, "f"), "");
    assert_slice(lk_form_value(&r.form, "g"), "");
    assert_null(lk_form_value(&r.form, "h").ptr);
    lk_arena_clear(&r.arena);
}

static void nothing_is_a_form_without_fields(void **state)
{
    reader r;
    (void)state;
    read_form(&r, "");
    assert_int_equal(r.form.count, 0);
    assert_null(lk_form_value(&r.form, "").ptr);
    assert_items(&r, "a", "");
    lk_arena_clear(&r.arena);
    read_form(&r, "&&&");
    assert_int_equal(r.form.count, 0);
    lk_arena_clear(&r.arena);
}

static void broken_escapes_are_refused(void **state)
{
    (void)state;
    assert_refused("a=100%", "URL-encoded");
    assert_refused("a=%4", "URL-encoded");
    assert_refused("a=%zz", "URL-encoded");
    assert_refused("%g1=a", "URL-encoded");
}

static void bytes_that_are_not_utf_8_are_refused(void **state)
{
    (void)state;
    assert_refused("a=%ff", "UTF-8");
    assert_refused("a=\xc3", "UTF-8");
    assert_refused("%c3=%a9", "UTF-8"); /* half a character in the name, half in the value */
    assert_refused("a=%ed%a0%80", "UTF-8");
}

static void ten_thousand_fields_are_read_and_more_are_refused(void **state)
{
    reader r;
    lk_buf body = {0};
    (void)state;
    for (int i = 0; i < LK_FORM_FIELDS_MAX; i++)
        lk_buf_addf(&body, "L.%d=%d&", LK_FORM_FIELDS_MAX - i, i);
    read_form(&r, body.ptr);
    assert_int_equal(r.form.count, LK_FORM_FIELDS_MAX);
    lk_arena_clear(&r.arena);
    lk_buf_add_str(&body, "one=more");
    assert_refused(body.ptr, "too many");
    lk_buf_clear(&body);
}

static void a_field_is_found_without_decoding(void **state)
{
    (void)state;
    assert_true(lk_form_names(LK_SLICE_LITERAL("Action=x"), "Action"));
    assert_true(lk_form_names(LK_SLICE_LITERAL("a=%zz&&Action"), "Action"));
    assert_false(lk_form_names(LK_SLICE_LITERAL("Actions=x&a=Action&.Action=1"), "Action"));
    assert_false(lk_form_names((lk_slice){0}, "Action"));
}

static void the_body_goes_before_the_query_string_and_the_first_before_the_second(void **state)
{
    reader r;
    (void)state;
    assert_int_equal(read_two(&r, "a=body&b=1&b=2", "a=query&c=query"), 0);
    assert_slice(lk_form_value(&r.form, "a"), "body");
    assert_slice(lk_form_value(&r.form, "b"), "1");
    assert_slice(lk_form_value(&r.form, "c"), "query");
    lk_arena_clear(&r.arena);
}

/* --- Lists ---------------------------------------------------------------------------------- */

static void items_are_ordered_by_number(void **state)
{
    reader r;
    (void)state;
    read_form(&r, "N.10=j&N.2=b&N.1=a&N.12=l&N.3=c&N.100=z&NN.4=no&N2.1=no&N=");
    assert_items(&r, "N", "a b c j l z ");
    lk_arena_clear(&r.arena);
}

static void what_has_no_number_is_one_item(void **state)
{
    reader r;
    (void)state;
    read_form(&r, "A=All&B=&P.Name=n&P.Value=v&M.2=two&M=one");
    assert_items(&r, "A", "All ");
    assert_items(&r, "B", "");
    assert_items(&r, "M", "one two ");
    lk_form list = lk_form_at(&r.form, "P");
    lk_form item = {0};
    assert_true(lk_form_next(&list, &item));
    assert_slice(lk_form_value(&item, "Name"), "n");
    assert_slice(lk_form_value(&item, "Value"), "v");
    assert_slice(lk_form_place(&item), "P");
    assert_false(lk_form_next(&list, &item));
    lk_arena_clear(&r.arena);
}

static void lists_nest(void **state)
{
    reader r;
    (void)state;
    read_form(&r, "E.2.Id=b&E.1.A.2.Name=y&E.1.Id=a&E.1.A.1.Name=x&E.1.A.11.Name=z&E.2.A.Name=u");
    lk_form entries = lk_form_at(&r.form, "E");
    lk_form entry = {0}, attribute = {0};
    assert_true(lk_form_next(&entries, &entry));
    assert_slice(lk_form_value(&entry, "Id"), "a");
    lk_form attributes = lk_form_at(&entry, "A");
    for (const char *name = "xyz"; *name; name++) {
        assert_true(lk_form_next(&attributes, &attribute));
        assert_int_equal(lk_form_value(&attribute, "Name").ptr[0], *name);
    }
    assert_slice(lk_form_place(&attribute), "E.1.A.11");
    assert_false(lk_form_next(&attributes, &attribute));
    assert_true(lk_form_next(&entries, &entry));
    assert_slice(lk_form_value(&entry, "Id"), "b");
    assert_slice(lk_form_value(&entry, "A.Name"), "u");
    assert_false(lk_form_next(&entries, &entry));
    lk_arena_clear(&r.arena);
}

/* A second spelling of a number would make two items of one, or one of two. */
static void numbers_have_one_spelling(void **state)
{
    reader r;
    (void)state;
    read_form(&r, "N.01=no&N.1=a&N.+1=no&N.1234567890=no&N.-1=no&N.0=zero");
    lk_form list = lk_form_at(&r.form, "N");
    lk_form item = {0};
    assert_true(lk_form_next(&list, &item)); /* all that have none */
    assert_int_equal(item.count, 4);
    assert_null(lk_form_value(&item, "").ptr);
    assert_true(lk_form_next(&list, &item));
    assert_slice(lk_form_value(&item, ""), "zero");
    assert_true(lk_form_next(&list, &item));
    assert_slice(lk_form_value(&item, ""), "a");
    assert_false(lk_form_next(&list, &item));
    lk_arena_clear(&r.arena);
}

static void odd_names_lead_nowhere(void **state)
{
    reader r;
    (void)state;
    read_form(&r, "=x&.=y&..=z&A.=1&A..B=2&.A=3&A.1.=4");
    assert_slice(lk_form_value(&r.form, ""), "x");
    assert_items(&r, "A", "1 4 ");
    assert_items(&r, "B", "");
    lk_arena_clear(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plus_and_percent_20_are_spaces_and_the_rest_is_utf_8),
        cmocka_unit_test(nothing_is_a_form_without_fields),
        cmocka_unit_test(broken_escapes_are_refused),
        cmocka_unit_test(bytes_that_are_not_utf_8_are_refused),
        cmocka_unit_test(ten_thousand_fields_are_read_and_more_are_refused),
        cmocka_unit_test(a_field_is_found_without_decoding),
        cmocka_unit_test(the_body_goes_before_the_query_string_and_the_first_before_the_second),
        cmocka_unit_test(items_are_ordered_by_number),
        cmocka_unit_test(what_has_no_number_is_one_item),
        cmocka_unit_test(lists_nest),
        cmocka_unit_test(numbers_have_one_spelling),
        cmocka_unit_test(odd_names_lead_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
