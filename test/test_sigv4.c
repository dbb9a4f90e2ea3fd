/* SPDX-License-Identifier: MIT
 *
 * sigv4: against AWS's published suite and documented example, a request recorded from a client
 * that AWS accepts, and the rules of canonical form one by one.
 */
#include "lk_test.h"

#include "sigv4.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const lk_slice secret = {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40};

#define HEADER(name, value)                                                                        \
    {                                                                                              \
        {(name), sizeof(name) - 1},                                                                \
        {                                                                                          \
            (value), sizeof(value) - 1                                                             \
        }                                                                                          \
    }

static const lk_name_value suite_headers[] = {
    HEADER("Host", "example.amazonaws.com"),
    HEADER("X-Amz-Date", "20150830T123600Z"),
};

/* GET / of AWS's suite. */
static lk_sigv4_request suite_request(void)
{
    return (lk_sigv4_request){
        .method = LK_SLICE_LITERAL("GET"),
        .path = LK_SLICE_LITERAL("/"),
        .headers = suite_headers,
        .header_count = LK_COUNT(suite_headers),
        .payload_hash = LK_SLICE_LITERAL(EMPTY_HASH),
        .amz_date = LK_SLICE_LITERAL("20150830T123600Z"),
        .region = LK_SLICE_LITERAL("us-east-1"),
        .service = LK_SLICE_LITERAL("service"),
    };
}

static void assert_signature(const lk_sigv4_request *request, const char *expected)
{
    lk_err err = {0};
    lk_sigv4_key key = {0};
    char signature[LK_SIGV4_HEX_SIZE];
    assert_lk_ok(lk_sigv4_sign(request, secret, &key, signature, &err));
    if (strcmp(signature, expected) != 0) {
        lk_buf canonical = {0};
        lk_sigv4_canonical_request(request, &canonical);
        fail_msg("%s, expected %s, of\n%s", signature, expected, canonical.ptr);
    }
}

/* --- Published vectors ---------------------------------------------------------------------- */

/* AWS Signature Version 4 test suite, those cases that differ in path or query only. */
static void the_suites_paths_and_queries_are_signed_as_published(void **state LK_UNUSED)
{
    static const struct {
        const char *name; /* in the suite */
        const char *path;
        const char *query;
        const char *signature;
    } cases[] = {
        {"get-vanilla", "/", "",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla, empty path", "", "",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-relative-relative-normalized", "/example1/example2/../..", "",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-slash-pointless-dot-normalized", "/./example", "",
         "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
        {"get-slashes-normalized", "//example//", "",
         "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
        {"get-space-normalized", "/example space/", "",
         "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        {"get-utf8", "/\xe1\x88\xb4", "",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"get-vanilla-empty-query-key", "/", "Param1=value1",
         "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        {"get-vanilla-query-order-key-case", "/", "Param2=value2&Param1=value1",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-vanilla-query-order-encoded", "/", "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
         "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
        {"get-vanilla-utf8-query", "/", "\xe1\x88\xb4=bar",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {"get-vanilla-query-unreserved", "/",
         "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
         "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
         "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_sigv4_request request = suite_request();
        request.path = lk_slice_of(cases[i].path);
        request.query = lk_slice_of(cases[i].query);
        assert_signature(&request, cases[i].signature);
    }
}

static void headers_of_one_name_are_joined_in_their_order(void **state LK_UNUSED)
{
    static const lk_name_value duplicate[] = {
        HEADER("Host", "example.amazonaws.com"),  HEADER("My-Header1", "value2"),
        HEADER("My-Header1", "value2"),           HEADER("My-Header1", "value1"),
        HEADER("X-Amz-Date", "20150830T123600Z"),
    };
    static const lk_name_value order[] = {
        HEADER("Host", "example.amazonaws.com"), HEADER("My-Header1", "value4"),
        HEADER("My-Header1", "value1"),          HEADER("My-Header1", "value3"),
        HEADER("My-Header1", "value2"),          HEADER("X-Amz-Date", "20150830T123600Z"),
    };
    lk_sigv4_request request = suite_request();
    request.headers = duplicate;
    request.header_count = LK_COUNT(duplicate);
    assert_signature(&request, "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
    request.headers = order;
    request.header_count = LK_COUNT(order);
    assert_signature(&request, "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01");
}

static void header_values_lose_their_superfluous_spaces(void **state LK_UNUSED)
{
    static const lk_name_value headers[] = {
        HEADER("My-Header2", " \"a   b   c\" "), /* also inside quotes */
        HEADER("Host", "example.amazonaws.com"),
        HEADER("My-Header1", "\tvalue1 "),
        HEADER("X-Amz-Date", "20150830T123600Z"),
    };
    lk_sigv4_request request = suite_request();
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    assert_signature(&request, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

static void a_session_token_is_a_header_like_any_other(void **state LK_UNUSED)
{
    static const lk_name_value headers[] = {
        HEADER("Host", "example.amazonaws.com"),
        HEADER("X-Amz-Date", "20150830T123600Z"),
        HEADER("X-Amz-Security-Token",
               "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"),
    };
    lk_sigv4_request request = suite_request();
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    assert_signature(&request, "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
}

static void a_posted_form_is_signed_with_its_body(void **state LK_UNUSED)
{
    char hash[LK_SHA256_HEX_SIZE];
    assert_true(lk_sha256_hex(LK_SLICE_LITERAL("Param1=value1"), hash));
    lk_name_value headers[] = {
        HEADER("Content-Type", "application/x-www-form-urlencoded"),
        HEADER("Host", "example.amazonaws.com"),
        HEADER("Content-Length", "13"),
        {LK_SLICE_LITERAL("x-amz-content-sha256"), lk_slice_of(hash)},
        HEADER("X-Amz-Date", "20150830T123600Z"),
    };
    lk_sigv4_request request = suite_request();
    request.method = LK_SLICE_LITERAL("POST");
    request.payload_hash = lk_slice_of(hash);
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    assert_signature(&request, "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b");
}

/* The worked example of AWS's documentation, with its intermediate results. */
static void the_documented_list_users_example_is_reproduced(void **state LK_UNUSED)
{
    static const lk_name_value headers[] = {
        HEADER("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        HEADER("Host", "iam.amazonaws.com"),
        HEADER("X-Amz-Date", "20150830T123600Z"),
    };
    lk_sigv4_request request = suite_request();
    request.query = LK_SLICE_LITERAL("Action=ListUsers&Version=2010-05-08");
    request.service = LK_SLICE_LITERAL("iam");
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    lk_buf canonical = {0};
    char hash[LK_SHA256_HEX_SIZE];
    lk_sigv4_canonical_request(&request, &canonical);
    assert_true(lk_sha256_hex(lk_buf_slice(&canonical), hash));
    assert_string_equal(hash, "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
    lk_buf_clear(&canonical);

    lk_err err = {0};
    lk_sigv4_key key = {0};
    char signature[LK_SIGV4_HEX_SIZE];
    char key_hex[LK_SHA256_HEX_SIZE];
    assert_lk_ok(lk_sigv4_sign(&request, secret, &key, signature, &err));
    lk_hex(key.key, sizeof(key.key), key_hex);
    assert_string_equal(key_hex,
                        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    assert_string_equal(signature,
                        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

static const lk_name_value sqs_headers[] = {
    HEADER("X-Amz-Target", "AmazonSQS.GetQueueUrl"),
    HEADER("x-amz-date", "20250102T030405Z"),
    HEADER("Host", "localhost:9324"),
    HEADER("content-type", "application/x-amz-json-1.0"),
};

static lk_sigv4_request sqs_request(const char *payload_hash)
{
    return (lk_sigv4_request){
        .method = LK_SLICE_LITERAL("POST"),
        .path = LK_SLICE_LITERAL("/"),
        .headers = sqs_headers,
        .header_count = LK_COUNT(sqs_headers),
        .payload_hash = lk_slice_of(payload_hash),
        .amz_date = LK_SLICE_LITERAL("20250102T030405Z"),
        .region = LK_SLICE_LITERAL("us-east-1"),
        .service = LK_SLICE_LITERAL("sqs"),
    };
}

/* Computed with botocore for a server on a port of its own. */
static void an_sqs_call_to_another_port_is_signed_as_botocore_signs_it(void **state LK_UNUSED)
{
    char payload_hash[LK_SHA256_HEX_SIZE];
    char request_hash[LK_SHA256_HEX_SIZE];
    assert_true(lk_sha256_hex(LK_SLICE_LITERAL("{\"QueueName\":\"q\"}"), payload_hash));
    assert_string_equal(payload_hash,
                        "12ec763fb18c09f311e40ae56af6f43bec87b70be56a04df779b094525c2f294");
    lk_sigv4_request request = sqs_request(payload_hash);
    lk_buf canonical = {0};
    lk_sigv4_canonical_request(&request, &canonical);
    assert_true(lk_sha256_hex(lk_buf_slice(&canonical), request_hash));
    assert_string_equal(request_hash,
                        "968bc230a57e5c6d6d5453a0d37d951a4aa39f888ffaa80ac072f9acce13367d");
    assert_signature(&request, "2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f");
    lk_buf_clear(&canonical);
}

static void the_authorization_header_names_key_scope_and_signed_headers(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_sigv4_key key = {0};
    lk_buf value = {0};
    lk_sigv4_request request =
        sqs_request("12ec763fb18c09f311e40ae56af6f43bec87b70be56a04df779b094525c2f294");
    assert_lk_ok(lk_sigv4_authorization(&request, LK_SLICE_LITERAL("AKIDEXAMPLE"), secret, &key,
                                        &value, &err));
    assert_slice(lk_buf_slice(&value),
                 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/sqs/aws4_request, "
                 "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
                 "2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f");
    lk_buf_clear(&value);
}

/* --- Canonical form ------------------------------------------------------------------------- */

static void assert_canonical_line(const lk_sigv4_request *request, int line, const char *expected)
{
    lk_buf canonical = {0};
    lk_sigv4_canonical_request(request, &canonical);
    lk_slice rest = lk_buf_slice(&canonical);
    lk_slice text = rest;
    for (int i = 0; i <= line; i++)
        rest = lk_slice_cut(rest, '\n', &text);
    assert_slice(text, expected);
    lk_buf_clear(&canonical);
}

static void assert_path(const char *path, bool single_encode, const char *expected)
{
    lk_sigv4_request request = suite_request();
    request.path = lk_slice_of(path);
    request.single_encode_path = single_encode;
    assert_canonical_line(&request, 1, expected);
}

static void paths_are_encoded_once_more_and_normalised(void **state LK_UNUSED)
{
    assert_path("/000000000000/jobs.fifo", false, "/000000000000/jobs.fifo");
    assert_path("/a%20b/%C3%A9", false, "/a%2520b/%25C3%25A9");
    assert_path("/a:b", false, "/a%3Ab");
    assert_path("/a/..", false, "/");
    assert_path("/..", false, "/");
    assert_path("/../../a", false, "/a");
    assert_path("/a/b/../c/", false, "/a/c/");
    assert_path("/a/./b/.", false, "/a/b/");
    assert_path("/a/..b/...", false, "/a/..b/...");
}

static void paths_of_services_like_s3_stay_as_they_are(void **state LK_UNUSED)
{
    assert_path("/a%20b//../c", true, "/a%20b//../c");
    assert_path("", true, "/");
}

static void assert_query(const char *query, const char *expected)
{
    lk_sigv4_request request = suite_request();
    request.query = lk_slice_of(query);
    assert_canonical_line(&request, 2, expected);
}

static void queries_are_sorted_by_name_then_value(void **state LK_UNUSED)
{
    assert_query("b=2&a=1", "a=1&b=2");
    assert_query("a=2&a=10&a=1", "a=1&a=10&a=2");
    assert_query("a-b=1&a=2", "a=2&a-b=1"); /* by name alone, not by the text "a=" */
    assert_query("foo=Zoo&foo=aha", "foo=Zoo&foo=aha");
    assert_query("A=1&a=2&B=3", "A=1&B=3&a=2");
}

static void queries_have_one_spelling_however_they_were_escaped(void **state LK_UNUSED)
{
    assert_query("a", "a=");
    assert_query("a=&b", "a=&b=");
    assert_query("&&a=1&", "a=1");
    assert_query("a=%2f%7E~", "a=%2F~~");
    assert_query("a=b=c", "a=b%3Dc");
    assert_query("a=%zz%2", "a=%25zz%252");
    assert_query("a=%00", "a=%00");
    assert_query("a=x y*", "a=x%20y%2A");
    assert_query("", "");
}

static void a_presigned_querys_signature_is_left_out(void **state LK_UNUSED)
{
    assert_query("X-Amz-Signature=abc&X-Amz-Date=d&a=1", "X-Amz-Date=d&a=1");
    assert_query("X-Amz-Signature=abc", "");
}

static void canonical_requests_are_appended_to_what_is_there(void **state LK_UNUSED)
{
    lk_buf out = {0};
    lk_buf_add_str(&out, "before\n");
    lk_sigv4_request request = suite_request();
    request.path = LK_SLICE_LITERAL("/../..");
    lk_sigv4_canonical_request(&request, &out);
    assert_slice(lk_buf_slice(&out), "before\nGET\n/\n\nhost:example.amazonaws.com\n"
                                     "x-amz-date:20150830T123600Z\n\nhost;x-amz-date\n" EMPTY_HASH);
    lk_buf_clear(&out);
}

/* --- Signing key ---------------------------------------------------------------------------- */

static void sign_with(lk_sigv4_key *key, const lk_sigv4_request *request, lk_slice with_secret,
                      char signature[LK_SIGV4_HEX_SIZE])
{
    lk_err err = {0};
    assert_lk_ok(lk_sigv4_sign(request, with_secret, key, signature, &err));
}

/* What a warm cache gives must be what a cold one gives. */
static void assert_same_as_cold(lk_sigv4_key *warm, const lk_sigv4_request *request,
                                lk_slice with_secret)
{
    lk_sigv4_key cold = {0};
    char expected[LK_SIGV4_HEX_SIZE];
    char signature[LK_SIGV4_HEX_SIZE];
    sign_with(&cold, request, with_secret, expected);
    sign_with(warm, request, with_secret, signature);
    assert_string_equal(signature, expected);
    sign_with(warm, request, with_secret, signature);
    assert_string_equal(signature, expected);
}

static void a_kept_key_is_dropped_when_day_region_service_or_secret_change(void **state LK_UNUSED)
{
    lk_sigv4_key key = {0};
    lk_sigv4_request request = suite_request();
    assert_same_as_cold(&key, &request, secret);
    request.amz_date = LK_SLICE_LITERAL("20150831T000000Z");
    assert_same_as_cold(&key, &request, secret);
    request.region = LK_SLICE_LITERAL("eu-west-1");
    assert_same_as_cold(&key, &request, secret);
    request.service = LK_SLICE_LITERAL("sqs");
    assert_same_as_cold(&key, &request, secret);
    assert_same_as_cold(&key, &request, LK_SLICE_LITERAL("another secret"));
    assert_same_as_cold(&key, &request, LK_SLICE_LITERAL(""));
}

static void the_key_of_the_day_is_really_kept(void **state LK_UNUSED)
{
    lk_sigv4_key key = {0};
    lk_sigv4_request request = suite_request();
    char signature[LK_SIGV4_HEX_SIZE];
    char other[LK_SIGV4_HEX_SIZE];
    sign_with(&key, &request, secret, signature);
    assert_true(key.valid);
    key.key[0] ^= 1; /* were it derived again, this would not be seen */
    request.amz_date = LK_SLICE_LITERAL("20150830T235959Z");
    lk_sigv4_key fresh = {0};
    sign_with(&key, &request, secret, signature);
    sign_with(&fresh, &request, secret, other);
    assert_string_not_equal(signature, other);
}

static void a_cleared_key_holds_nothing(void **state LK_UNUSED)
{
    static const lk_sigv4_key nothing;
    lk_sigv4_key key = {0};
    lk_sigv4_request request = suite_request();
    char signature[LK_SIGV4_HEX_SIZE];
    sign_with(&key, &request, secret, signature);
    lk_sigv4_key_clear(&key);
    assert_memory_equal(&key, &nothing, sizeof(key));
}

/* --- Refused -------------------------------------------------------------------------------- */

static void what_cannot_be_signed_is_refused(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_sigv4_key key = {0};
    char signature[LK_SIGV4_HEX_SIZE];
    lk_sigv4_request request = suite_request();
    request.amz_date = LK_SLICE_LITERAL("2015-08-30");
    assert_lk_fails(lk_sigv4_sign(&request, secret, &key, signature, &err), LK_E_INVALID);
    assert_string_equal(signature, "");

    char region[100];
    memset(region, 'r', sizeof(region));
    request = suite_request();
    request.region = (lk_slice){region, sizeof(region)};
    assert_lk_fails(lk_sigv4_sign(&request, secret, &key, signature, &err), LK_E_INVALID);

    lk_name_value headers[65];
    for (size_t i = 0; i < LK_COUNT(headers); i++)
        headers[i] = suite_headers[0];
    request = suite_request();
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    lk_buf out = {0};
    assert_lk_fails(lk_sigv4_authorization(&request, secret, secret, &key, &out, &err),
                    LK_E_INVALID);
    assert_int_equal(out.len, 0);
    request.header_count = 64;
    assert_lk_ok(lk_sigv4_sign(&request, secret, &key, signature, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suites_paths_and_queries_are_signed_as_published),
        cmocka_unit_test(headers_of_one_name_are_joined_in_their_order),
        cmocka_unit_test(header_values_lose_their_superfluous_spaces),
        cmocka_unit_test(a_session_token_is_a_header_like_any_other),
        cmocka_unit_test(a_posted_form_is_signed_with_its_body),
        cmocka_unit_test(the_documented_list_users_example_is_reproduced),
        cmocka_unit_test(an_sqs_call_to_another_port_is_signed_as_botocore_signs_it),
        cmocka_unit_test(the_authorization_header_names_key_scope_and_signed_headers),
        cmocka_unit_test(paths_are_encoded_once_more_and_normalised),
        cmocka_unit_test(paths_of_services_like_s3_stay_as_they_are),
        cmocka_unit_test(queries_are_sorted_by_name_then_value),
        cmocka_unit_test(queries_have_one_spelling_however_they_were_escaped),
        cmocka_unit_test(a_presigned_querys_signature_is_left_out),
        cmocka_unit_test(canonical_requests_are_appended_to_what_is_there),
        cmocka_unit_test(a_kept_key_is_dropped_when_day_region_service_or_secret_change),
        cmocka_unit_test(the_key_of_the_day_is_really_kept),
        cmocka_unit_test(a_cleared_key_holds_nothing),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
