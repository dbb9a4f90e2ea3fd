/* SPDX-License-Identifier: MIT
 *
 * Tests of the server with a key pair: what the core's own client and others get, protocol and
 * admin endpoints, and to whom it listens.
 */
#include "client.h"
#include "lk_test_wire.h"
#include "sigv4.h"

#include <strings.h>

#define KEY    "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static int setup(void **state)
{
    const lk_server_options options = {.access_key_id = KEY, .secret_access_key = SECRET};
    return lk_test_server_setup_with(state, &options);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lk_test_server_teardown)

static lk_client *client_of(lk_test_server *t, const char *key, const char *secret,
                            const char *token, const lk_env *env)
{
    lk_err err;
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = "us-east-1";
    options.endpoint = lk_server_url(t->server);
    options.access_key_id = key;
    options.secret_access_key = secret;
    options.session_token = token;
    lk_client *client = lk_client_new_env(&options, env ? env : &lk_env_default, &err);
    if (!client)
        fail_msg("%s", err.message);
    return client;
}

/* --- The core's client ---------------------------------------------------------------------- */

static void our_client_with_the_pair_sends_and_receives(void **state)
{
    lk_err err;
    lk_client *client = client_of(*state, KEY, SECRET, NULL, NULL);
    lk_messages *messages = NULL;
    char *url = NULL;
    assert_lk_ok(lk_create_queue(client, "jobs", NULL, 0, &url, &err));
    assert_lk_ok(lk_enqueue(client, "jobs", "TestJob", "[1]", NULL, NULL, &err));
    /* By its URL: then the path is the queue's. */
    assert_lk_ok(lk_receive(client, lk_slice_of(url), 10, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 1);
    lk_messages_free(messages);
    lk_free(url);
    lk_client_free(client);
}

static void a_session_token_is_tolerated(void **state)
{
    lk_err err;
    lk_client *client = client_of(*state, KEY, SECRET, "token", NULL);
    assert_lk_ok(lk_create_queue(client, "jobs", NULL, 0, NULL, &err));
    lk_client_free(client);
}

static void assert_client_fails(lk_client *client, int status, const char *code, const char *type)
{
    lk_err err;
    assert_lk_fails(lk_create_queue(client, "jobs", NULL, 0, NULL, &err), LK_E_SERVICE);
    assert_int_equal(err.http_status, status);
    assert_string_equal(err.aws_code, code);
    assert_string_equal(err.aws_type, type);
    lk_client_free(client);
}

static void a_wrong_secret_or_key_is_told_apart(void **state)
{
    assert_client_fails(client_of(*state, KEY, "wrong", NULL, NULL), 403, "SignatureDoesNotMatch",
                        "InvalidSignatureException");
    assert_client_fails(client_of(*state, "OTHER", SECRET, NULL, NULL), 403, "InvalidClientTokenId",
                        "UnrecognizedClientException");
}

static int64_t an_hour_ahead_ms(void *ctx)
{
    (void)ctx;
    return lk_wall_ms() + 3600000;
}

static void a_client_whose_clock_is_off_corrects_itself_by_our_date(void **state)
{
    lk_err err;
    lk_env env = lk_env_default;
    env.wall_ms = an_hour_ahead_ms;
    lk_client *client = client_of(*state, KEY, SECRET, NULL, &env);
    assert_lk_ok(lk_create_queue(client, "jobs", NULL, 0, NULL, &err));
    lk_client_free(client);
}

static void signatures_go_by_real_time_when_the_clock_is_moved(void **state)
{
    lk_test_server *t = *state;
    lk_err err;
    lk_client *client = client_of(t, KEY, SECRET, NULL, NULL);
    assert_lk_ok(lk_clock_advance(t->clock, INT64_C(30) * 86400 * 1000, &err));
    assert_lk_ok(lk_create_queue(client, "jobs", NULL, 0, NULL, &err));
    lk_client_free(client);
}

/* --- On the wire ---------------------------------------------------------------------------- */

static void a_request_without_a_signature_is_refused_in_its_protocol(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    assert_int_equal(reply.status, 403);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"),
                 "MissingAuthenticationToken;Sender");
    assert_slice(lk_test_reply_member(&reply, "__type"),
                 "com.amazon.coral.service#MissingAuthenticationTokenException");
    assert_slice(lk_test_reply_member(&reply, "message"),
                 "Request is missing Authentication Token");
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

/* A request to be signed with the pair: in a header, or (presigned) in the query. */
typedef struct wire_request {
    const char *method;
    const char *target;     /* "/path" or "/path?query" */
    const char *amz_target; /* NULL: none */
    const char *body;
    bool presigned;
} wire_request;

static void add_presigned(const wire_request *r, const char *date, lk_buf *query)
{
    const char *question = strchr(r->target, '?');
    if (question)
        lk_buf_addf(query, "%s&", question + 1);
    lk_buf_addf(query,
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY
                "%%2F%.8s%%2Fus-east-1%%2Fsqs%%2Faws4_request&X-Amz-Date=%s&X-Amz-Expires=60"
                "&X-Amz-SignedHeaders=host%s",
                date, date, r->amz_target ? "%3Bx-amz-target" : "");
}

static void write_signed(lk_test_wire *wire, const wire_request *r)
{
    lk_err err;
    lk_buf query = {0}, request = {0}, authorization = {0};
    char date[17], hash[LK_SHA256_HEX_SIZE], signature[LK_SIGV4_HEX_SIZE];
    lk_sigv4_key key = {0};
    lk_slice path;
    lk_name_value headers[] = {{LK_SLICE_LITERAL("host"), LK_SLICE_LITERAL("sqs.test")},
                               {LK_SLICE_LITERAL("x-amz-target"), lk_slice_of(r->amz_target)},
                               {LK_SLICE_LITERAL("x-amz-date"), {date, 16}}};
    if (!r->amz_target)
        headers[1] = headers[2];
    lk_time_format_amz(lk_wall_ms(), date);
    lk_slice plain_query = lk_slice_cut(lk_slice_of(r->target), '?', &path);
    if (r->presigned)
        add_presigned(r, date, &query);
    else
        lk_buf_add(&query, plain_query);
    assert_true(lk_sha256_hex(lk_slice_of(r->body), hash));
    const lk_sigv4_request to_sign = {.method = lk_slice_of(r->method),
                                      .path = path,
                                      .query = lk_buf_slice(&query),
                                      .headers = headers,
                                      .header_count = 1u + (r->amz_target != NULL) + !r->presigned,
                                      .payload_hash = lk_slice_of(hash),
                                      .amz_date = {date, 16},
                                      .region = LK_SLICE_LITERAL("us-east-1"),
                                      .service = LK_SLICE_LITERAL("sqs")};
    assert_lk_ok(lk_sigv4_sign(&to_sign, lk_slice_of(SECRET), &key, signature, &err));
    assert_lk_ok(lk_sigv4_authorization(&to_sign, lk_slice_of(KEY), lk_slice_of(SECRET), &key,
                                        &authorization, &err));
    lk_buf_addf(&request, "%s %.*s%s%s%s%s HTTP/1.1\r\nHost: sqs.test\r\n", r->method,
                LK_SLICE_FMT(path), query.len > 0 ? "?" : "", query.len > 0 ? query.ptr : "",
                r->presigned ? "&X-Amz-Signature=" : "", r->presigned ? signature : "");
    if (!r->presigned)
        lk_buf_addf(&request, "X-Amz-Date: %s\r\nAuthorization: %s\r\n", date, authorization.ptr);
    if (r->amz_target)
        lk_buf_addf(&request, "X-Amz-Target: %s\r\n", r->amz_target);
    lk_buf_addf(&request, "Content-Length: %zu\r\n\r\n%s", strlen(r->body), r->body);
    lk_test_wire_write(wire, lk_buf_slice(&request));
    lk_buf_clear(&query);
    lk_buf_clear(&request);
    lk_buf_clear(&authorization);
}

static int exchange(lk_test_server *t, const wire_request *r, lk_test_reply *reply)
{
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    write_signed(&wire, r);
    assert_true(lk_test_wire_read(&wire, reply, LK_TEST_ANSWER_MS));
    lk_test_wire_close(&wire);
    return reply->status;
}

static void a_presigned_request_is_served(void **state)
{
    lk_test_reply reply = {0};
    wire_request r = {"POST", "/", "AmazonSQS.CreateQueue", "{\"QueueName\":\"jobs\"}", true};
    assert_int_equal(exchange(*state, &r, &reply), 200);
    r = (wire_request){"POST", "/000000000000/jobs", "AmazonSQS.ReceiveMessage", "{}", true};
    assert_int_equal(exchange(*state, &r, &reply), 200);
    lk_test_reply_clear(&reply);
}

/* What is signed is the target as it came, before anybody decoded it. */
static void encoded_paths_and_queries_are_checked_as_they_came(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    wire_request r = {"POST", "/", "AmazonSQS.CreateQueue", "{\"QueueName\":\"jobs\"}", false};
    assert_int_equal(exchange(t, &r, &reply), 200);
    r = (wire_request){"POST", "/000000000000/%6aobs?x=%2Fy&a=b%20c", "AmazonSQS.ReceiveMessage",
                       "{}", false};
    assert_int_equal(exchange(t, &r, &reply), 200);
    lk_test_reply_clear(&reply);
}

/* --- Admin endpoints ------------------------------------------------------------------------ */

static void health_needs_no_signature(void **state)
{
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(*state, "/_lambdakiq/health", NULL, &reply), 200);
    lk_test_reply_clear(&reply);
}

static void the_other_admin_endpoints_need_one(void **state)
{
    static const struct {
        const char *path;
        const char *body;
    } cases[] = {{"/_lambdakiq/queues", NULL},
                 {"/_lambdakiq/calls", NULL},
                 {"/_lambdakiq/clock", NULL},
                 {"/_lambdakiq/clock", "{\"advance_s\":1}"}};
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        const char *body = cases[i].body;
        assert_int_equal(lk_test_server_http(t, cases[i].path, body, &reply), 403);
        assert_slice(lk_json_string(lk_json_get(lk_json_get(reply.json, "error"), "code")),
                     "MissingAuthenticationToken");
        const wire_request r = {body ? "POST" : "GET", cases[i].path, NULL, body ? body : "",
                                false};
        assert_int_equal(exchange(t, &r, &reply), 200);
    }
    lk_test_reply_clear(&reply);
}

/* --- Addresses ------------------------------------------------------------------------------ */

static void with_signatures_or_insecure_it_listens_anywhere(void **state)
{
    lk_test_server *t = *state;
    lk_err err;
    lk_server *server = NULL;
    lk_server_options options = {.clock = t->clock, .host = "0.0.0.0"};
    assert_lk_fails(lk_server_start(&options, &server, &err), LK_E_INVALID);
    assert_non_null(strstr(err.message, "--access-key-id"));
    assert_non_null(strstr(err.message, "--insecure"));
    assert_null(server);
    options.insecure = true;
    assert_lk_ok(lk_server_start(&options, &server, &err));
    lk_server_stop(server);
    options.insecure = false;
    options.access_key_id = KEY;
    options.secret_access_key = SECRET;
    assert_lk_ok(lk_server_start(&options, &server, &err));
    lk_server_stop(server);
}

static void half_a_pair_is_refused(void **state)
{
    lk_test_server *t = *state;
    lk_err err;
    lk_server *server = NULL;
    lk_server_options options = {.clock = t->clock, .access_key_id = KEY};
    assert_lk_fails(lk_server_start(&options, &server, &err), LK_E_INVALID);
    options = (lk_server_options){.clock = t->clock, .secret_access_key = SECRET};
    assert_lk_fails(lk_server_start(&options, &server, &err), LK_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(our_client_with_the_pair_sends_and_receives),
        TEST(a_session_token_is_tolerated),
        TEST(a_wrong_secret_or_key_is_told_apart),
        TEST(a_client_whose_clock_is_off_corrects_itself_by_our_date),
        TEST(signatures_go_by_real_time_when_the_clock_is_moved),
        TEST(a_request_without_a_signature_is_refused_in_its_protocol),
        TEST(a_presigned_request_is_served),
        TEST(encoded_paths_and_queries_are_checked_as_they_came),
        TEST(health_needs_no_signature),
        TEST(the_other_admin_endpoints_need_one),
        TEST(with_signatures_or_insecure_it_listens_anywhere),
        TEST(half_a_pair_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
