/* SPDX-License-Identifier: MIT
 *
 * test_xml: one element's text, and documents that are refused.
 */
#include "lk_test.h"

#include "xml.h"

static lk_err err;

static void assert_text(const char *document, const char *path, const char *expected)
{
    lk_buf text = {0};
    int rc = lk_xml_text(lk_slice_of(document), path, &text, &err);
    if (rc != 1)
        fail_msg("%s at %s: %d", document, path, rc);
    assert_string_equal(text.ptr ? text.ptr : "", expected);
    lk_buf_clear(&text);
}

static void assert_absent(const char *document, const char *path)
{
    lk_buf text = {0};
    assert_int_equal(lk_xml_text(lk_slice_of(document), path, &text, &err), 0);
    assert_int_equal(text.len, 0);
}

static void the_text_of_the_first_element_at_a_path_is_found(void **state)
{
    (void)state;
    static const char document[] = "<?xml version=\"1.0\"?>\n<R xmlns='https://x/'>\n <S a=\"<>\">"
                                   "<K>one</K><K>two</K></S><T/>\n</R>\n";
    assert_text(document, "R/S/K", "one");
    assert_text(document, "*/*/K", "one");
    assert_text(document, "R/T", "");
    assert_absent(document, "R/K");
    assert_absent(document, "S/K");
    assert_absent(document, "R/S/K/L");
    assert_absent(document, "R/U");
}

static void children_and_comments_do_not_belong_to_the_text(void **state)
{
    (void)state;
    assert_text("<a>x<b>y</b>z<!-- <c> -->w</a>", "a", "xzw");
    assert_text("<a><x><k>1</k></x><y><k>2</k></y></a>", "a/y/k", "2");
    assert_text("<a><k><k>in</k>out</k><k>later</k></a>", "a/k", "out");
}

static void references_are_decoded(void **state)
{
    (void)state;
    assert_text("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</a>", "a", "<>&\"'AB");
    assert_text("<a>&#xe9;&#x20ac;&#x1f600;</a>", "a", "é€😀");
}

static void malformed_documents_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "text",
                                      "<a>",
                                      "</a>",
                                      "<a></b>",
                                      "<a></a><b></b>",
                                      "<a></a>x",
                                      "<a b></a>",
                                      "<a b=c></a>",
                                      "<a b='c></a>",
                                      "<a",
                                      "<>x</>",
                                      "<a>&lt</a>",
                                      "<a>&nbsp;</a>",
                                      "<a>&#0;</a>",
                                      "<a>&#xd800;</a>",
                                      "<a>&#x110000;</a>",
                                      "<a>&#;</a>",
                                      "<a>&#x;</a>",
                                      "<a><!-- </a>",
                                      "<a><![CDATA[x]]></a>",
                                      "<!DOCTYPE a><a></a>",
                                      "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                                      "<a><?php x ?></a>"};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        lk_buf text = {0};
        int rc = lk_xml_text(lk_slice_of(bad[i]), "a", &text, &err);
        if (rc != LK_E_INVALID)
            fail_msg("%s: %d", bad[i], rc);
        lk_buf_clear(&text);
    }
    lk_buf text = {0};
    assert_lk_fails(lk_xml_text((lk_slice){"<a>x\0y</a>", 10}, "a", &text, &err), LK_E_INVALID);
    lk_buf_clear(&text);
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    lk_buf document = {0};
    lk_buf text = {0};
    for (int i = 0; i < 100000; i++)
        lk_buf_add_str(&document, "<a>");
    assert_lk_fails(lk_xml_text(lk_buf_slice(&document), "a", &text, &err), LK_E_INVALID);
    lk_buf_clear(&document);
    lk_buf_clear(&text);
}

/* Every cut of a document is an error or nothing worse. */
static void a_cut_document_is_refused(void **state)
{
    (void)state;
    static const char whole[] = "<?xml version='1.0'?><a b='c'><d>&amp;</d><!--x--><e/></a>";
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *copy = malloc(len + 1); /* of its own size: reading behind it is seen */
        memcpy(copy, whole, len);
        lk_buf text = {0};
        assert_int_equal(lk_xml_text((lk_slice){copy, len}, "a/d", &text, &err), LK_E_INVALID);
        lk_buf_clear(&text);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_of_the_first_element_at_a_path_is_found),
        cmocka_unit_test(children_and_comments_do_not_belong_to_the_text),
        cmocka_unit_test(references_are_decoded),
        cmocka_unit_test(malformed_documents_are_refused),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(a_cut_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
