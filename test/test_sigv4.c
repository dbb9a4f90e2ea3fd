/* SPDX-License-Identifier: MIT
 *
 * test_sigv4: signatures against AWS's published examples and against what botocore signs for SQS.
 */
#include "lk_test.h"

#include "sigv4.h"

static lk_err err;

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
/* SHA-256 of nothing. */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define HEADER(name, value)                                                                        \
    {                                                                                              \
        {(name), sizeof(name) - 1},                                                                \
        {                                                                                          \
            (value), sizeof(value) - 1                                                             \
        }                                                                                          \
    }

static const lk_name_value suite_headers[] = {HEADER("Host", "example.amazonaws.com"),
                                              HEADER("X-Amz-Date", "20150830T123600Z")};

/* A GET of AWS's signature test suite; fields are changed by the tests. */
static lk_sigv4_request suite_request(void)
{
    return (lk_sigv4_request){.method = LK_SLICE_LITERAL("GET"),
                              .path = LK_SLICE_LITERAL("/"),
                              .headers = suite_headers,
                              .header_count = LK_COUNT(suite_headers),
                              .payload_hash = LK_SLICE_LITERAL(EMPTY),
                              .amz_date = LK_SLICE_LITERAL("20150830T123600Z"),
                              .region = LK_SLICE_LITERAL("us-east-1"),
                              .service = LK_SLICE_LITERAL("service")};
}

static void assert_signature(const lk_sigv4_request *request, const char *expected)
{
    lk_sigv4_key cache = {0};
    char signature[LK_SIGV4_HEX_SIZE];
    assert_lk_ok(lk_sigv4_sign(request, LK_SLICE_LITERAL(SECRET), &cache, signature, &err));
    assert_string_equal(signature, expected);
}

/* --- AWS's published examples --------------------------------------------------------------- */

static void the_suites_plain_requests_are_signed_as_published(void **state)
{
    (void)state;
    lk_sigv4_request request = suite_request(); /* get-vanilla */
    assert_signature(&request, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    request.method = LK_SLICE_LITERAL("POST"); /* post-vanilla */
    assert_signature(&request, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

static void query_parameters_are_sorted_as_published(void **state)
{
    (void)state;
    lk_sigv4_request request = suite_request(); /* get-vanilla-query-order-key-case */
    request.query = LK_SLICE_LITERAL("Param2=value2&Param1=value1");
    assert_signature(&request, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

static void header_values_are_trimmed_and_their_spaces_folded_as_published(void **state)
{
    (void)state;
    static const lk_name_value headers[] = {
        HEADER("Host", "example.amazonaws.com"), HEADER("My-Header1", " value1"),
        HEADER("My-Header2", " \"a   b   c\""), HEADER("X-Amz-Date", "20150830T123600Z")};
    lk_sigv4_request request = suite_request(); /* get-header-value-trim */
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    assert_signature(&request, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

static void a_form_is_signed_as_published(void **state)
{
    (void)state;
    static const lk_name_value headers[] = {
        HEADER("Content-Type", "application/x-www-form-urlencoded"),
        HEADER("Host", "example.amazonaws.com"), HEADER("X-Amz-Date", "20150830T123600Z")};
    char hash[LK_SHA256_HEX_SIZE];
    assert_true(lk_sha256_hex(LK_SLICE_LITERAL("Param1=value1"), hash));
    lk_sigv4_request request = suite_request(); /* post-x-www-form-urlencoded */
    request.method = LK_SLICE_LITERAL("POST");
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    request.payload_hash = lk_slice_of(hash);
    assert_signature(&request, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

static void the_documentations_list_users_is_signed_as_published(void **state)
{
    (void)state;
    static const lk_name_value headers[] = {
        HEADER("x-amz-date", "20150830T123600Z"), HEADER("host", "iam.amazonaws.com"),
        HEADER("content-type", "application/x-www-form-urlencoded; charset=utf-8")};
    lk_sigv4_request request = suite_request();
    request.query = LK_SLICE_LITERAL("Action=ListUsers&Version=2010-05-08");
    request.headers = headers;
    request.header_count = LK_COUNT(headers);
    request.service = LK_SLICE_LITERAL("iam");
    assert_signature(&request, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

/* --- SQS ------------------------------------------------------------------------------------ */

static const lk_name_value sqs_headers[] = {
    HEADER("X-Amz-Target", "AmazonSQS.GetQueueUrl"), HEADER("Host", "localhost:9324"),
    HEADER("X-Amz-Date", "20250102T030405Z"), HEADER("Content-Type", "application/x-amz-json-1.0")};

#define SQS_HASH "12ec763fb18c09f311e40ae56af6f43bec87b70be56a04df779b094525c2f294"

static lk_sigv4_request sqs_request(void)
{
    return (lk_sigv4_request){.method = LK_SLICE_LITERAL("POST"),
                              .headers = sqs_headers,
                              .header_count = LK_COUNT(sqs_headers),
                              .payload_hash = LK_SLICE_LITERAL(SQS_HASH),
                              .amz_date = LK_SLICE_LITERAL("20250102T030405Z"),
                              .region = LK_SLICE_LITERAL("us-east-1"),
                              .service = LK_SLICE_LITERAL("sqs")};
}

static void a_call_to_a_port_is_signed_as_botocore_does(void **state)
{
    (void)state;
    char hash[LK_SHA256_HEX_SIZE];
    assert_true(lk_sha256_hex(LK_SLICE_LITERAL("{\"QueueName\":\"q\"}"), hash));
    assert_string_equal(hash, SQS_HASH);
    lk_sigv4_request request = sqs_request();
    lk_buf canonical = {0};
    lk_sigv4_canonical_request(&request, &canonical);
    assert_true(lk_sha256_hex(lk_buf_slice(&canonical), hash));
    assert_string_equal(hash, "968bc230a57e5c6d6d5453a0d37d951a4aa39f888ffaa80ac072f9acce13367d");
    lk_buf_clear(&canonical);
    assert_signature(&request, "2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f");
}

static void the_authorization_header_names_key_scope_and_headers(void **state)
{
    (void)state;
    lk_sigv4_request request = sqs_request();
    lk_sigv4_key cache = {0};
    lk_buf out = {0};
    assert_lk_ok(lk_sigv4_authorization(&request, LK_SLICE_LITERAL("AKIDEXAMPLE"),
                                        LK_SLICE_LITERAL(SECRET), &cache, &out, &err));
    assert_slice(lk_buf_slice(&out),
                 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/sqs/aws4_request, "
                 "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
                 "2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f");
    lk_buf_clear(&out);
}

/* --- Canonical form ------------------------------------------------------------------------- */

static void assert_canonical_line(const lk_sigv4_request *request, const char *line)
{
    lk_buf out = {0};
    lk_sigv4_canonical_request(request, &out);
    if (!strstr(out.ptr, line))
        fail_msg("\"%s\" is not in \"%s\"", line, out.ptr);
    lk_buf_clear(&out);
}

static void path_segments_are_encoded_once_more(void **state)
{
    (void)state;
    lk_sigv4_request request = suite_request();
    request.path = LK_SLICE_LITERAL("/000000000000/a%20b");
    assert_canonical_line(&request, "GET\n/000000000000/a%2520b\n\n");
    request.single_encode_path = true;
    assert_canonical_line(&request, "GET\n/000000000000/a%20b\n\n");
}

static void queries_are_normalised_whatever_their_spelling(void **state)
{
    (void)state;
    lk_sigv4_request request = suite_request();
    request.query = LK_SLICE_LITERAL("b=%7e&a=2&a=1&c&X-Amz-Signature=zz&&d=%zz");
    assert_canonical_line(&request, "\na=1&a=2&b=~&c=&d=%25zz\n");
}

/* --- The cached key ------------------------------------------------------------------------- */

static void sign_with(lk_sigv4_request request, const char *secret, lk_sigv4_key *cache,
                      char signature[LK_SIGV4_HEX_SIZE])
{
    assert_lk_ok(lk_sigv4_sign(&request, lk_slice_of(secret), cache, signature, &err));
}

static void a_cached_key_is_dropped_when_date_secret_or_region_change(void **state)
{
    (void)state;
    char first[LK_SIGV4_HEX_SIZE], cached[LK_SIGV4_HEX_SIZE], fresh[LK_SIGV4_HEX_SIZE];
    lk_sigv4_key cache = {0};
    lk_sigv4_request request = sqs_request();
    sign_with(request, SECRET, &cache, first);
    sign_with(request, SECRET, &cache, cached);
    assert_string_equal(first, cached);

    lk_sigv4_request variants[3] = {request, request, request};
    const char *secrets[3] = {SECRET, SECRET, "another"};
    variants[0].amz_date = LK_SLICE_LITERAL("20250103T030405Z");
    variants[1].region = LK_SLICE_LITERAL("eu-west-1");
    for (size_t i = 0; i < LK_COUNT(variants); i++) {
        lk_sigv4_key empty = {0};
        sign_with(variants[i], secrets[i], &cache, cached);
        sign_with(variants[i], secrets[i], &empty, fresh);
        assert_string_equal(cached, fresh);
        assert_string_not_equal(cached, first);
    }
    lk_sigv4_key_clear(&cache);
    assert_false(cache.valid);
}

static void what_cannot_be_signed_is_refused(void **state)
{
    (void)state;
    lk_sigv4_key cache = {0};
    char signature[LK_SIGV4_HEX_SIZE];
    lk_sigv4_request request = sqs_request();
    request.amz_date = LK_SLICE_LITERAL("2025");
    assert_lk_fails(lk_sigv4_sign(&request, LK_SLICE_LITERAL(SECRET), &cache, signature, &err),
                    LK_E_INVALID);
    request = sqs_request();
    char region[200];
    memset(region, 'r', sizeof(region));
    request.region = (lk_slice){region, sizeof(region)};
    assert_lk_fails(lk_sigv4_sign(&request, LK_SLICE_LITERAL(SECRET), &cache, signature, &err),
                    LK_E_INVALID);
    request = sqs_request();
    request.header_count = 65;
    assert_lk_fails(lk_sigv4_sign(&request, LK_SLICE_LITERAL(SECRET), &cache, signature, &err),
                    LK_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suites_plain_requests_are_signed_as_published),
        cmocka_unit_test(query_parameters_are_sorted_as_published),
        cmocka_unit_test(header_values_are_trimmed_and_their_spaces_folded_as_published),
        cmocka_unit_test(a_form_is_signed_as_published),
        cmocka_unit_test(the_documentations_list_users_is_signed_as_published),
        cmocka_unit_test(a_call_to_a_port_is_signed_as_botocore_does),
        cmocka_unit_test(the_authorization_header_names_key_scope_and_headers),
        cmocka_unit_test(path_segments_are_encoded_once_more),
        cmocka_unit_test(queries_are_normalised_whatever_their_spelling),
        cmocka_unit_test(a_cached_key_is_dropped_when_date_secret_or_region_change),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
