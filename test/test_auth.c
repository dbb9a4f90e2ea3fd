/* SPDX-License-Identifier: MIT
 *
 * Tests of auth: which signed requests are let in, and what the others are told. The first request
 * was recorded from a client that AWS accepts; the others are made from it, each with one fault.
 */
#include "auth.h"
#include "lk_test.h"

#include <strings.h>

#define KEY    "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define DATE   "20250102T030405Z"
#define SCOPE  "20250102/us-east-1/sqs/aws4_request"
#define LISTED "content-type;host;x-amz-date;x-amz-target"

#define SIGNED_AT_MS INT64_C(1735787045000) /* DATE */
#define MINUTE_MS    INT64_C(60000)

#define CREDENTIAL    "Credential=" KEY "/" SCOPE
#define SIGNATURE     "Signature=2ab3d7ae49bea42e23be11b8cfda33c182feaa9012242c52e3643e6673096f1f"
#define AUTHORIZATION "AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=" LISTED ", " SIGNATURE

#define HEADERS_MAX 70

/* A request that is altered before it is checked. */
typedef struct fixture {
    lk_auth auth;
    lk_name_value headers[HEADERS_MAX];
    lk_auth_request request;
    int64_t now_ms;
    lk_arena arena;
    lk_fault fault;
} fixture;

static lk_name_value *header(fixture *f, const char *name)
{
    for (size_t i = 0; i < f->request.header_count; i++)
        if (lk_slice_equal_str(f->headers[i].name, name))
            return &f->headers[i];
    f->headers[f->request.header_count].name = lk_slice_of(name);
    return &f->headers[f->request.header_count++];
}

static void set(fixture *f, const char *name, const char *value)
{
    header(f, name)->value = lk_slice_of(value);
}

static int setup(void **state)
{
    lk_err err;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_lk_ok(lk_auth_set(&f->auth, KEY, SECRET, &err));
    f->now_ms = SIGNED_AT_MS;
    f->request = (lk_auth_request){.method = LK_SLICE_LITERAL("POST"),
                                   .path = LK_SLICE_LITERAL("/"),
                                   .headers = f->headers,
                                   .body = LK_SLICE_LITERAL("{\"QueueName\":\"q\"}")};
    set(f, "Content-Type", "application/x-amz-json-1.0");
    set(f, "Host", "localhost:9324");
    set(f, "X-Amz-Date", DATE);
    set(f, "X-Amz-Target", "AmazonSQS.GetQueueUrl");
    set(f, "Authorization", AUTHORIZATION);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    lk_auth_clear(&f->auth);
    lk_arena_clear(&f->arena);
    free(f);
    return 0;
}

static void assert_let_in(fixture *f)
{
    if (lk_auth_check(&f->auth, &f->request, f->now_ms, &f->arena, &f->fault) != 0)
        fail_msg("%.*s", LK_SLICE_FMT(f->fault.message));
}

/* The text of the refusal has `text` in it. */
static void assert_refused(fixture *f, lk_fault_code code, const char *text)
{
    f->fault = (lk_fault){0};
    assert_int_equal(lk_auth_check(&f->auth, &f->request, f->now_ms, &f->arena, &f->fault), 1);
    if (f->fault.code != code ||
        !memmem(f->fault.message.ptr, f->fault.message.len, text, strlen(text)))
        fail_msg("%s \"%.*s\", expected %s \"%s\"", lk_fault_row_get(f->fault.code)->query_code,
                 LK_SLICE_FMT(f->fault.message), lk_fault_row_get(code)->query_code, text);
}

/* Signs what f holds now, with the headers in `listed`, by the key of this region and service. */
static void sign(fixture *f, const char *listed, const char *region, const char *service)
{
    lk_name_value signed_headers[HEADERS_MAX];
    size_t count = 0;
    lk_buf text = {0};
    lk_err err;
    lk_sigv4_key key = {0};
    char hash[LK_SHA256_HEX_SIZE];
    lk_slice rest = lk_slice_of(listed);
    while (rest.len > 0) {
        lk_slice name;
        rest = lk_slice_cut(rest, ';', &name);
        for (size_t i = 0; i < f->request.header_count; i++)
            if (f->headers[i].name.len == name.len &&
                strncasecmp(f->headers[i].name.ptr, name.ptr, name.len) == 0)
                signed_headers[count++] = f->headers[i];
    }
    assert_true(lk_sha256_hex(f->request.body, hash));
    const lk_sigv4_request request = {.method = f->request.method,
                                      .path = f->request.path,
                                      .query = f->request.query,
                                      .headers = signed_headers,
                                      .header_count = count,
                                      .payload_hash = lk_slice_of(hash),
                                      .amz_date = LK_SLICE_LITERAL(DATE),
                                      .region = lk_slice_of(region),
                                      .service = lk_slice_of(service)};
    assert_lk_ok(
        lk_sigv4_authorization(&request, lk_slice_of(KEY), lk_slice_of(SECRET), &key, &text, &err));
    header(f, "Authorization")->value = lk_arena_copy(&f->arena, lk_buf_slice(&text));
    lk_buf_clear(&text);
}

/* --- Let in --------------------------------------------------------------------------------- */

static void the_recorded_request_is_let_in(void **state)
{
    assert_let_in(*state);
    assert_let_in(*state); /* by the key that is kept */
}

static void spaces_and_order_in_the_header_do_not_matter(void **state)
{
    fixture *f = *state;
    set(f, "Authorization",
        "AWS4-HMAC-SHA256  " SIGNATURE ",SignedHeaders=" LISTED " ,  " CREDENTIAL);
    assert_let_in(f);
}

static void headers_that_are_not_signed_may_be_added_on_the_way(void **state)
{
    fixture *f = *state;
    set(f, "X-Forwarded-For", "10.0.0.1");
    set(f, "User-Agent", "proxy");
    assert_let_in(f);
}

static void a_request_of_another_day_and_region_gets_another_key(void **state)
{
    fixture *f = *state;
    assert_let_in(f);
    sign(f, LISTED, "eu-central-1", "sqs");
    assert_let_in(f);
}

static void paths_queries_and_repeated_headers_are_signed_as_they_came(void **state)
{
    fixture *f = *state;
    f->request.path = LK_SLICE_LITERAL("/000000000000/a%20b");
    f->request.query = LK_SLICE_LITERAL("b=2&a=%2f");
    set(f, "X-Amz-Meta", "one   two");
    f->headers[f->request.header_count++] =
        (lk_name_value){LK_SLICE_LITERAL("x-amz-meta"), LK_SLICE_LITERAL("three")};
    sign(f, LISTED ";x-amz-meta", "us-east-1", "sqs");
    assert_let_in(f);
    f->headers[f->request.header_count - 1].value = LK_SLICE_LITERAL("four");
    assert_refused(f, LK_FAULT_SIGNATURE, "x-amz-meta:one two,four");
}

static void a_session_token_is_tolerated(void **state)
{
    fixture *f = *state;
    set(f, "X-Amz-Security-Token", "IQoJb3JpZ2luX2VjE");
    assert_let_in(f); /* unsigned */
    sign(f, LISTED ";x-amz-security-token", "us-east-1", "sqs");
    assert_let_in(f);
}

static void five_minutes_of_skew_are_let_in_both_ways(void **state)
{
    fixture *f = *state;
    f->now_ms = SIGNED_AT_MS + 5 * MINUTE_MS;
    assert_let_in(f);
    f->now_ms = SIGNED_AT_MS - 5 * MINUTE_MS;
    assert_let_in(f);
}

/* --- Refused -------------------------------------------------------------------------------- */

static void no_signature_is_a_missing_token(void **state)
{
    fixture *f = *state;
    header(f, "Authorization")->name = LK_SLICE_LITERAL("X-Other");
    assert_refused(f, LK_FAULT_MISSING_TOKEN, "missing Authentication Token");
    header(f, "X-Other")->name = LK_SLICE_LITERAL("Authorization");
    set(f, "Authorization", "  ");
    assert_refused(f, LK_FAULT_MISSING_TOKEN, "missing Authentication Token");
}

static void an_unknown_key_is_told_so_before_its_signature_is_looked_at(void **state)
{
    fixture *f = *state;
    set(f, "Authorization",
        "AWS4-HMAC-SHA256 Credential=OTHER/" SCOPE ", SignedHeaders=" LISTED ", Signature=0");
    assert_refused(f, LK_FAULT_UNKNOWN_KEY, "security token");
}

static void a_wrong_secret_is_a_mismatch(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_auth_clear(&f->auth);
    assert_lk_ok(lk_auth_set(&f->auth, KEY, "another", &err));
    assert_refused(f, LK_FAULT_SIGNATURE, "Check your AWS Secret Access Key");
}

static void what_was_signed_may_not_change(void **state)
{
    fixture *f = *state;
    const lk_auth_request good = f->request;
    f->request.body = LK_SLICE_LITERAL("{\"QueueName\":\"r\"}");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
    f->request = good;
    f->request.method = LK_SLICE_LITERAL("GET");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
    f->request = good;
    f->request.path = LK_SLICE_LITERAL("/000000000000/q");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
    f->request = good;
    f->request.query = LK_SLICE_LITERAL("Action=PurgeQueue");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
    f->request = good;
    set(f, "X-Amz-Target", "AmazonSQS.PurgeQueue");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
    set(f, "X-Amz-Target", "AmazonSQS.GetQueueUrl");
    set(f, "Host", "localhost:9325");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
}

static void a_signature_that_is_cut_short_or_of_other_case_does_not_match(void **state)
{
    fixture *f = *state;
    set(f, "Authorization",
        "AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=" LISTED ", Signature=2ab3d7ae");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
    set(f, "Authorization",
        "AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=" LISTED
        ", Signature=2AB3D7AE49BEA42E23BE11B8CFDA33C182FEAA9012242C52E3643E6673096F1F");
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
}

static void the_mismatch_shows_what_should_have_been_signed(void **state)
{
    fixture *f = *state;
    set(f, "Host", "localhost:1");
    assert_refused(f, LK_FAULT_SIGNATURE,
                   "POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:localhost:1\n"
                   "x-amz-date:" DATE "\nx-amz-target:AmazonSQS.GetQueueUrl\n\n" LISTED
                   "\n12ec763fb18c09f311e40ae56af6f43bec87b70be56a04df779b094525c2f294");
}

static void host_and_target_must_be_signed(void **state)
{
    fixture *f = *state;
    sign(f, "content-type;x-amz-date;x-amz-target", "us-east-1", "sqs");
    assert_refused(f, LK_FAULT_SIGNATURE, "'Host' must be a 'SignedHeader'");
    sign(f, "content-type;host;x-amz-date", "us-east-1", "sqs");
    assert_refused(f, LK_FAULT_SIGNATURE, "'X-Amz-Target' must be a 'SignedHeader'");
}

static void the_scope_must_be_of_sqs_and_of_the_day_of_signing(void **state)
{
    fixture *f = *state;
    sign(f, LISTED, "us-east-1", "s3");
    assert_refused(f, LK_FAULT_SIGNATURE, "correct service: 'sqs'");
    set(f, "Authorization",
        "AWS4-HMAC-SHA256 Credential=" KEY "/20250103/us-east-1/sqs/aws4_request, "
        "SignedHeaders=" LISTED ", " SIGNATURE);
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match YYYYMMDD");
    set(f, "Authorization",
        "AWS4-HMAC-SHA256 Credential=" KEY "/20250102/us-east-1/sqs/aws5_request, "
        "SignedHeaders=" LISTED ", " SIGNATURE);
    assert_refused(f, LK_FAULT_SIGNATURE, "valid terminator");
}

static void a_hash_of_the_body_that_came_along_must_be_right(void **state)
{
    fixture *f = *state;
    set(f, "X-Amz-Content-Sha256",
        "12ec763fb18c09f311e40ae56af6f43bec87b70be56a04df779b094525c2f294");
    assert_let_in(f);
    f->request.body = LK_SLICE_LITERAL("{\"QueueName\":\"r\"}");
    assert_refused(f, LK_FAULT_SIGNATURE, "x-amz-content-sha256 is not the SHA-256");
    set(f, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD");
    assert_refused(f, LK_FAULT_SIGNATURE, "x-amz-content-sha256 is not the SHA-256");
}

static void a_signature_of_another_time_is_expired_and_both_times_are_named(void **state)
{
    fixture *f = *state;
    f->now_ms = SIGNED_AT_MS + 5 * MINUTE_MS + 1;
    assert_refused(f, LK_FAULT_EXPIRED,
                   "Signature expired: it is of " DATE ", and it is 20250102T030905Z here.");
    f->now_ms = SIGNED_AT_MS - 5 * MINUTE_MS - 1;
    assert_refused(f, LK_FAULT_EXPIRED, "Signature not yet current");
}

static void an_incomplete_header_is_told_what_it_lacks(void **state)
{
    static const struct {
        const char *authorization;
        const char *text;
    } cases[] = {
        {"Bearer abc", "the algorithm AWS4-HMAC-SHA256"},
        {"AWS4-HMAC-SHA256", "lacks Credential"},
        {"AWS4-HMAC-SHA256 SignedHeaders=" LISTED ", " SIGNATURE, "lacks Credential"},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", " SIGNATURE, "lacks SignedHeaders"},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=" LISTED, "lacks Signature"},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=" LISTED ", Signature=",
         "lacks Signature"},
        {"AWS4-HMAC-SHA256 Credential=" KEY "/20250102/us-east-1, SignedHeaders=" LISTED
         ", " SIGNATURE,
         "a Credential that is not KEY/yyyymmdd/region/sqs/aws4_request"},
        {",=,,=", "the algorithm AWS4-HMAC-SHA256"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        set(f, "Authorization", cases[i].authorization);
        assert_refused(f, LK_FAULT_INCOMPLETE_SIGNATURE, cases[i].text);
    }
}

static void a_date_must_come_along_and_be_one(void **state)
{
    static const char *const dates[] = {"20250102", "20250102T0304050", "20251302T030405Z",
                                        "2025-01-02T03:04", "2025010xT030405Z"};
    fixture *f = *state;
    set(f, "X-Amz-Date", "");
    assert_refused(f, LK_FAULT_INCOMPLETE_SIGNATURE, "needs X-Amz-Date");
    for (size_t i = 0; i < LK_COUNT(dates); i++) {
        char authorization[256];
        snprintf(authorization, sizeof authorization,
                 "AWS4-HMAC-SHA256 Credential=" KEY "/%.8s/us-east-1/sqs/aws4_request, "
                 "SignedHeaders=" LISTED ", " SIGNATURE,
                 dates[i]);
        set(f, "X-Amz-Date", dates[i]);
        set(f, "Authorization", authorization);
        assert_refused(f, LK_FAULT_INCOMPLETE_SIGNATURE, "not like 20250102T030405Z");
    }
}

static void more_headers_than_can_be_signed_are_refused(void **state)
{
    fixture *f = *state;
    while (f->request.header_count < 66)
        f->headers[f->request.header_count++] =
            (lk_name_value){LK_SLICE_LITERAL("Host"), LK_SLICE_LITERAL("h")};
    assert_refused(f, LK_FAULT_INCOMPLETE_SIGNATURE, "more than 64 headers");
}

/* --- Presigned ------------------------------------------------------------------------------ */

/* The request without its headers but Host, signed in the query; expires NULL: not given. */
static void presign(fixture *f, const char *expires)
{
    lk_err err;
    lk_sigv4_key key = {0};
    char hash[LK_SHA256_HEX_SIZE], signature[LK_SIGV4_HEX_SIZE], query[512];
    size_t len = (size_t)snprintf(
        query, sizeof query,
        "Action=GetQueueUrl&QueueName=q&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY
        "%%2F20250102%%2Fus-east-1%%2Fsqs%%2faws4_request&X-Amz-Date=" DATE "%s%s"
        "&X-Amz-SignedHeaders=host",
        expires ? "&X-Amz-Expires=" : "", expires ? expires : "");
    f->request.method = LK_SLICE_LITERAL("GET");
    f->request.body = (lk_slice){0};
    f->request.header_count = 0;
    set(f, "Host", "localhost:9324");
    assert_true(lk_sha256_hex(f->request.body, hash));
    const lk_sigv4_request request = {.method = f->request.method,
                                      .path = f->request.path,
                                      .query = {query, len},
                                      .headers = f->headers,
                                      .header_count = 1,
                                      .payload_hash = lk_slice_of(hash),
                                      .amz_date = LK_SLICE_LITERAL(DATE),
                                      .region = LK_SLICE_LITERAL("us-east-1"),
                                      .service = LK_SLICE_LITERAL("sqs")};
    assert_lk_ok(lk_sigv4_sign(&request, lk_slice_of(SECRET), &key, signature, &err));
    f->request.query = lk_arena_format(&f->arena, "%s&X-Amz-Signature=%s", query, signature);
}

static void a_presigned_request_is_let_in_until_it_expires(void **state)
{
    fixture *f = *state;
    presign(f, "3600");
    assert_let_in(f);
    f->now_ms = SIGNED_AT_MS + 60 * MINUTE_MS;
    assert_let_in(f);
    f->now_ms++;
    assert_refused(f, LK_FAULT_EXPIRED, "Signature expired");
    f->now_ms = SIGNED_AT_MS - 5 * MINUTE_MS - 1;
    assert_refused(f, LK_FAULT_EXPIRED, "Signature not yet current");
}

static void a_presigned_request_without_an_end_lives_five_minutes(void **state)
{
    fixture *f = *state;
    presign(f, NULL);
    f->now_ms = SIGNED_AT_MS + 5 * MINUTE_MS;
    assert_let_in(f);
    f->now_ms++;
    assert_refused(f, LK_FAULT_EXPIRED, "Signature expired");
}

static void a_presigned_query_may_not_be_added_to(void **state)
{
    fixture *f = *state;
    presign(f, "60");
    f->request.query =
        lk_arena_format(&f->arena, "%.*s&QueueName=r", LK_SLICE_FMT(f->request.query));
    assert_refused(f, LK_FAULT_SIGNATURE, "does not match");
}

/* Signed it stands for itself, and in a form for a space. */
static void a_plus_in_the_query_is_refused_as_it_could_be_exchanged_for_another_sign(void **state)
{
    fixture *f = *state;
    f->request.query = LK_SLICE_LITERAL("MessageBody=a%2Bb%20c");
    sign(f, LISTED, "us-east-1", "sqs");
    assert_let_in(f);
    f->request.query = LK_SLICE_LITERAL("MessageBody=a+b%20c");
    assert_refused(f, LK_FAULT_SIGNATURE, "write %20 for a space and %2B for a plus");
}

static void a_presigned_query_with_a_strange_end_is_refused(void **state)
{
    static const char *const ends[] = {"0", "-1", "604801", "soon", ""};
    fixture *f = *state;
    for (size_t i = 0; i < LK_COUNT(ends); i++) {
        presign(f, ends[i]);
        assert_refused(f, LK_FAULT_INCOMPLETE_SIGNATURE, "not 1 to 604800 seconds");
    }
}

static void a_presigned_query_is_told_what_it_lacks(void **state)
{
    fixture *f = *state;
    f->request.header_count = 0;
    set(f, "Host", "localhost:9324");
    f->request.query = LK_SLICE_LITERAL("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%");
    assert_refused(f, LK_FAULT_INCOMPLETE_SIGNATURE, "The presigned query lacks SignedHeaders");
}

static void who_signs_twice_is_refused(void **state)
{
    fixture *f = *state;
    presign(f, "60");
    set(f, "Authorization", AUTHORIZATION);
    assert_refused(f, LK_FAULT_INCOMPLETE_SIGNATURE, "sign once");
}

/* --- The pair ------------------------------------------------------------------------------- */

static void a_pair_that_cannot_be_one_is_refused(void **state)
{
    static const char *const ids[] = {"", "a/b", "a,b", "a b", "a=b", "a\n"};
    lk_auth auth = {0};
    lk_err err;
    (void)state;
    for (size_t i = 0; i < LK_COUNT(ids); i++)
        assert_lk_fails(lk_auth_set(&auth, ids[i], "secret", &err), LK_E_INVALID);
    assert_lk_fails(lk_auth_set(&auth, NULL, "secret", &err), LK_E_INVALID);
    assert_lk_fails(lk_auth_set(&auth, KEY, NULL, &err), LK_E_INVALID);
    assert_lk_fails(lk_auth_set(&auth, KEY, "", &err), LK_E_INVALID);
    assert_false(lk_auth_wanted(&auth));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_recorded_request_is_let_in),
        TEST(spaces_and_order_in_the_header_do_not_matter),
        TEST(headers_that_are_not_signed_may_be_added_on_the_way),
        TEST(a_request_of_another_day_and_region_gets_another_key),
        TEST(paths_queries_and_repeated_headers_are_signed_as_they_came),
        TEST(a_session_token_is_tolerated),
        TEST(five_minutes_of_skew_are_let_in_both_ways),
        TEST(no_signature_is_a_missing_token),
        TEST(an_unknown_key_is_told_so_before_its_signature_is_looked_at),
        TEST(a_wrong_secret_is_a_mismatch),
        TEST(what_was_signed_may_not_change),
        TEST(a_signature_that_is_cut_short_or_of_other_case_does_not_match),
        TEST(the_mismatch_shows_what_should_have_been_signed),
        TEST(host_and_target_must_be_signed),
        TEST(the_scope_must_be_of_sqs_and_of_the_day_of_signing),
        TEST(a_hash_of_the_body_that_came_along_must_be_right),
        TEST(a_signature_of_another_time_is_expired_and_both_times_are_named),
        TEST(an_incomplete_header_is_told_what_it_lacks),
        TEST(a_date_must_come_along_and_be_one),
        TEST(more_headers_than_can_be_signed_are_refused),
        TEST(a_presigned_request_is_let_in_until_it_expires),
        TEST(a_presigned_request_without_an_end_lives_five_minutes),
        TEST(a_presigned_query_may_not_be_added_to),
        TEST(a_plus_in_the_query_is_refused_as_it_could_be_exchanged_for_another_sign),
        TEST(a_presigned_query_with_a_strange_end_is_refused),
        TEST(a_presigned_query_is_told_what_it_lacks),
        TEST(who_signs_twice_is_refused),
        cmocka_unit_test(a_pair_that_cannot_be_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
