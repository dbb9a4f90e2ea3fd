/* SPDX-License-Identifier: MIT
 *
 * error: each code has its name, text and default; an lk_err is filled whole and never overrun.
 */
#include "lk_test.h"

#include "error.h"

static void every_code_knows_its_name_and_text(void **state LK_UNUSED)
{
#define LK_X(name, value, retriable, text)                                                         \
    assert_string_equal(lk_code_name(LK_##name), "LK_" #name);                                     \
    assert_string_equal(lk_code_text(LK_##name), text);                                            \
    assert_int_equal(LK_##name, value);
    LK_ERRORS(LK_X)
#undef LK_X
}

static void an_unknown_code_still_has_a_name(void **state LK_UNUSED)
{
    assert_string_equal(lk_code_name(12345), "LK_E_?");
    assert_string_equal(lk_code_text(12345), "unknown error code");
}

static void failing_fills_everything_and_returns_the_code(void **state LK_UNUSED)
{
    lk_err err;
    memset(&err, 'x', sizeof(err));
    assert_int_equal(LK_FAIL(&err, LK_E_TIMEOUT, "no answer after %d ms", 5), LK_E_TIMEOUT);
    assert_int_equal(err.code, LK_E_TIMEOUT);
    assert_true(err.retriable);
    assert_int_equal(err.http_status, 0);
    assert_string_equal(err.aws_code, "");
    assert_string_equal(err.aws_type, "");
    assert_string_equal(err.request_id, "");
    assert_string_equal(err.message, "no answer after 5 ms");
    LK_FAIL(&err, LK_E_JSON, "bad");
    assert_false(err.retriable);
}

static void every_codes_retriable_default_is_taken_over(void **state LK_UNUSED)
{
    lk_err err;
#define LK_X(name, value, default_retriable, text)                                                 \
    LK_FAIL(&err, LK_##name, "x");                                                                 \
    assert_int_equal(err.retriable, default_retriable);
    LK_ERRORS(LK_X)
#undef LK_X
}

static void nobody_has_to_want_the_error(void **state LK_UNUSED)
{
    assert_int_equal(LK_FAIL(NULL, LK_E_IO, "x"), LK_E_IO);
    assert_int_equal(LK_FAIL_NOMEM(NULL), LK_E_NOMEM);
    assert_int_equal(lk_err_prefix(NULL, "x"), LK_E_INTERNAL);
    lk_err_clear(NULL);
}

static void a_message_too_long_is_cut_and_ends_with_nul(void **state LK_UNUSED)
{
    lk_err err;
    char text[2000];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    LK_FAIL(&err, LK_E_INVALID, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_int_equal(lk_err_prefix(&err, "%s", text), LK_E_INVALID);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    lk_err_prefix(&err, "short");
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_memory_equal(err.message, "short: yyy", 10);
}

static void a_prefix_goes_before_the_message_and_keeps_the_rest(void **state LK_UNUSED)
{
    lk_err err;
    LK_FAIL(&err, LK_E_TIMEOUT, "no answer");
    err.http_status = 503;
    assert_int_equal(lk_err_prefix(&err, "queue %s", "jobs"), LK_E_TIMEOUT);
    assert_string_equal(err.message, "queue jobs: no answer");
    assert_int_equal(err.http_status, 503);
    assert_true(err.retriable);
}

static void clearing_leaves_no_error(void **state LK_UNUSED)
{
    lk_err err;
    LK_FAIL(&err, LK_E_TIMEOUT, "no answer");
    lk_err_clear(&err);
    assert_int_equal(err.code, LK_OK);
    assert_string_equal(err.message, "");
}

static void an_application_names_its_own_failures(void **state LK_UNUSED)
{
    lk_err err;
    assert_int_equal(lk_fail(&err, "ImageTooLarge", "%d MB", 12), LK_E_JOB);
    assert_int_equal(err.code, LK_E_JOB);
    assert_string_equal(err.name, "ImageTooLarge");
    assert_string_equal(lk_err_name(&err), "ImageTooLarge");
    assert_string_equal(err.message, "12 MB");
    assert_int_equal(lk_fail(&err, NULL, "%s", "x"), LK_E_JOB);
    assert_string_equal(lk_err_name(&err), "LK_E_JOB");
    assert_int_equal(lk_fail(NULL, "A", "b"), LK_E_JOB);
}

static void a_name_too_long_is_cut(void **state LK_UNUSED)
{
    lk_err err;
    char name[200];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    lk_fail(&err, name, "x");
    assert_int_equal(strlen(err.name), sizeof(err.name) - 1);
}

static void the_version_is_the_headers(void **state LK_UNUSED)
{
    char version[40];
    snprintf(version, sizeof(version), "%d.%d.%d", LK_VERSION_MAJOR, LK_VERSION_MINOR,
             LK_VERSION_PATCH);
    assert_string_equal(lk_version(), version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_knows_its_name_and_text),
        cmocka_unit_test(an_unknown_code_still_has_a_name),
        cmocka_unit_test(failing_fills_everything_and_returns_the_code),
        cmocka_unit_test(every_codes_retriable_default_is_taken_over),
        cmocka_unit_test(nobody_has_to_want_the_error),
        cmocka_unit_test(a_message_too_long_is_cut_and_ends_with_nul),
        cmocka_unit_test(a_prefix_goes_before_the_message_and_keeps_the_rest),
        cmocka_unit_test(clearing_leaves_no_error),
        cmocka_unit_test(an_application_names_its_own_failures),
        cmocka_unit_test(a_name_too_long_is_cut),
        cmocka_unit_test(the_version_is_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
