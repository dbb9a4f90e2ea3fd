/* SPDX-License-Identifier: MIT
 *
 * test_sqs: what a request looks like, what answers and errors mean, when there is another try.
 */
#include "lk_test.h"
#include "lk_test_sqs.h"
#include "sqs.h"

#include <pthread.h>
#include <unistd.h>

/* --- Helpers -------------------------------------------------------------------------------- */

static lk_client *client;
static lk_test_sqs *sqs;

static void start(const lk_test_answer *answers, size_t count)
{
    sqs = lk_test_sqs_start(answers, count);
    client = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, NULL);
}

static int stop(void **state LK_UNUSED)
{
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
    client = NULL;
    sqs = NULL;
    return 0;
}

static lk_sqs_target target_of(const char *queue_url)
{
    return (lk_sqs_target){.endpoint = lk_slice_of(lk_test_sqs_url(sqs)),
                           .region = LK_SLICE_LITERAL("us-east-1"),
                           .queue_url = lk_slice_of(queue_url)};
}

static int run(const char *action, const char *members, lk_buf *response, lk_err *err)
{
    lk_sqs_target target = target_of("q");
    return lk_sqs_run(client, &target, action, lk_slice_of(members), 0, response, err);
}

static int attempts(void)
{
    lk_call_info info;
    lk_client_last_call(client, &info);
    return info.attempts;
}

/* A client that checks digests; the environment is that of lk_test_sqs_client but for `random`. */
static bool no_random(void *ctx LK_UNUSED, void *out, size_t len)
{
    memset(out, 0, len);
    return true;
}

static lk_client *new_client(lk_client_options options)
{
    lk_err err;
    lk_env env = lk_env_default;
    env.random = no_random;
    options.size = sizeof(options);
    options.region = "us-east-1";
    options.endpoint = lk_test_sqs_url(sqs);
    if (!options.access_key_id) {
        options.access_key_id = "AKIDEXAMPLE";
        options.secret_access_key = "secret";
    }
    lk_client *made = lk_client_new_env(&options, &env, &err);
    if (!made)
        fail_msg("%s", err.message);
    return made;
}

static void use_checking_client(void)
{
    lk_client_free(client);
    client = new_client((lk_client_options){.max_attempts = 2});
}

/* --- Request -------------------------------------------------------------------------------- */

static void a_request_is_json_1_0_signed_for_its_host(void **state LK_UNUSED)
{
    lk_err err;
    start(NULL, 0);
    assert_lk_ok(run("DeleteMessage", "\"ReceiptHandle\":\"h\"", NULL, &err));
    assert_slice(lk_test_sqs_body(sqs, 0), "{\"QueueUrl\":\"q\",\"ReceiptHandle\":\"h\"}");
    assert_slice(lk_test_sqs_header(sqs, 0, "Content-Type"), "application/x-amz-json-1.0");
    assert_slice(lk_test_sqs_header(sqs, 0, "X-Amz-Target"), "AmazonSQS.DeleteMessage");
    assert_slice(lk_test_sqs_header(sqs, 0, "x-amzn-query-mode"), "true");
    assert_slice(lk_test_sqs_header(sqs, 0, "User-Agent"), "lambdakiq/" LK_VERSION);
    assert_null(lk_test_sqs_header(sqs, 0, "X-Amz-Security-Token").ptr);
}

/* The signature over what arrived, by the same rules as the server's strict mode. */
static void expect_valid_signature(const char *path, const char *const *signed_names, size_t count)
{
    lk_err err;
    lk_name_value headers[8];
    char hash[LK_SHA256_HEX_SIZE];
    lk_buf authorization = {0};
    lk_sigv4_key cache = {0};
    for (size_t i = 0; i < count; i++)
        headers[i] = (lk_name_value){lk_slice_of(signed_names[i]),
                                     lk_test_sqs_header(sqs, 0, signed_names[i])};
    assert_true(lk_sha256_hex(lk_test_sqs_body(sqs, 0), hash));
    lk_sigv4_request request = {.method = LK_SLICE_LITERAL("POST"),
                                .path = lk_slice_of(path),
                                .headers = headers,
                                .header_count = count,
                                .payload_hash = lk_slice_of(hash),
                                .amz_date = lk_test_sqs_header(sqs, 0, "X-Amz-Date"),
                                .region = LK_SLICE_LITERAL("us-east-1"),
                                .service = LK_SLICE_LITERAL("sqs")};
    assert_lk_ok(lk_sigv4_authorization(&request, LK_SLICE_LITERAL("AKIDEXAMPLE"),
                                        LK_SLICE_LITERAL("secret"), &cache, &authorization, &err));
    assert_slice(lk_test_sqs_header(sqs, 0, "Authorization"), authorization.ptr);
    lk_buf_clear(&authorization);
    lk_sigv4_key_clear(&cache);
}

static void the_signature_covers_what_arrives(void **state LK_UNUSED)
{
    static const char *const names[] = {"Content-Type", "Host", "X-Amz-Date", "X-Amz-Target"};
    lk_err err;
    start(NULL, 0);
    assert_lk_ok(run("GetQueueUrl", "\"QueueName\":\"q\"", NULL, &err));
    expect_valid_signature("/", names, LK_COUNT(names));
}

static void a_session_token_is_sent_and_signed(void **state LK_UNUSED)
{
    static const char *const names[] = {"Content-Type", "Host", "X-Amz-Date", "X-Amz-Target",
                                        "X-Amz-Security-Token"};
    lk_err err;
    start(NULL, 0);
    assert_lk_ok(lk_client_set_credentials(client, "AKIDEXAMPLE", "secret", "token+/=", &err));
    assert_lk_ok(run("DeleteQueue", "", NULL, &err));
    assert_slice(lk_test_sqs_header(sqs, 0, "X-Amz-Security-Token"), "token+/=");
    expect_valid_signature("/", names, LK_COUNT(names));
    assert_slice(lk_test_sqs_body(sqs, 0), "{\"QueueUrl\":\"q\"}");
}

static void a_queue_url_gives_the_path(void **state LK_UNUSED)
{
    static const char *const names[] = {"Content-Type", "Host", "X-Amz-Date", "X-Amz-Target"};
    lk_err err;
    start(NULL, 0);
    lk_sqs_target target = target_of("http://elsewhere.example/123456789012/jobs");
    assert_lk_ok(lk_sqs_run(client, &target, "DeleteQueue", (lk_slice){NULL, 0}, 0, NULL, &err));
    assert_slice(lk_test_sqs_path(sqs, 0), "/123456789012/jobs");
    expect_valid_signature("/123456789012/jobs", names, LK_COUNT(names));
}

/* --- Answers -------------------------------------------------------------------------------- */

static void an_answer_comes_back_as_it_is(void **state LK_UNUSED)
{
    lk_err err;
    lk_buf response = {0};
    const lk_test_answer answers[] = {{.body = " {\"QueueUrls\":[\"a\"]}\n"}, {.body = "\n"}};
    start(answers, 2);
    assert_lk_ok(run("ListQueues", "", &response, &err));
    assert_slice(lk_buf_slice(&response), "{\"QueueUrls\":[\"a\"]}");
    lk_buf_reset(&response);
    assert_lk_ok(run("DeleteQueue", "", &response, &err)); /* void actions answer nothing */
    assert_slice(lk_buf_slice(&response), "{}");
    lk_buf_clear(&response);
    lk_call_info info;
    lk_client_last_call(client, &info);
    assert_int_equal(info.attempts, 1);
    assert_int_equal(info.http_status, 200);
    assert_true(info.duration_us > 0);
    assert_string_equal(info.request_id, "request-1");
}

static void a_refusal_has_both_codes_and_a_remedy(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {
        {.status = 400,
         .headers = "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender\n",
         .error_body = "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\","
                       "\"message\":\"The specified queue does not exist.\"}"}};
    start(answers, 1);
    assert_lk_fails(run("SendMessage", "\"MessageBody\":\"secret argument\"", NULL, &err),
                    LK_E_SERVICE);
    assert_string_equal(err.aws_code, "AWS.SimpleQueueService.NonExistentQueue");
    assert_string_equal(err.aws_type, "QueueDoesNotExist");
    assert_string_equal(err.request_id, "request-1");
    assert_int_equal(err.http_status, 400);
    assert_false(err.retriable);
    assert_non_null(strstr(err.message, "SendMessage"));
    assert_non_null(strstr(err.message, "The specified queue does not exist."));
    assert_non_null(strstr(err.message, "check the queue's name"));
    assert_null(strstr(err.message, "secret argument"));
    assert_int_equal(lk_test_sqs_count(sqs), 1);
}

static void a_type_alone_is_the_code_too(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {
        {.status = 403,
         .error_body = "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\","
                       "\"Message\":\"not you\"}"},
        {.status = 400,
         .headers = "x-amzn-errortype: InvalidAddress:http://x/\n",
         .error_body = "{\"message\":\"no such address\"}"}};
    start(answers, 2);
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
    assert_string_equal(err.aws_code, "AccessDeniedException");
    assert_string_equal(err.aws_type, "AccessDeniedException");
    assert_non_null(strstr(err.message, "not you"));
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
    assert_string_equal(err.aws_code, "InvalidAddress");
}

static void a_proxys_page_is_not_taken_for_sqs(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {{.status = 403,
                                       .headers = "Content-Type: text/html\n",
                                       .error_body = "<html>\n\x01<h1>Blocked by policy</h1>"},
                                      {.body = "<html>Please log in</html>"},
                                      {.status = 404, .error_body = ""}};
    start(answers, 3);
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
    assert_int_equal(err.http_status, 403);
    assert_string_equal(err.aws_code, "");
    assert_non_null(strstr(err.message, "Blocked by policy"));
    assert_non_null(strstr(err.message, "proxy"));
    assert_non_null(strstr(err.message, "127.0.0.1:"));
    assert_null(strchr(err.message, '\x01'));
    assert_lk_fails(run("SendMessage", "\"MessageBody\":\"x\"", NULL, &err), LK_E_SERVICE);
    assert_int_equal(err.http_status, 200);
    assert_false(err.retriable);
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
    assert_int_equal(err.http_status, 404);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
}

/* --- Retries -------------------------------------------------------------------------------- */

static void throttling_and_server_faults_are_tried_again(void **state LK_UNUSED)
{
    const lk_test_answer failures[] = {
        {.status = 503, .error = "ServiceUnavailable"},
        {.status = 500, .error_body = "oops"},
        {.status = 502, .error_body = "<html>bad gateway</html>"},
        {.status = 429, .error_body = "{}"},
        {.status = 400, .error = "ThrottlingException"},
        {.status = 403, .error = "RequestThrottled"},
        {.status = 400, .error = "KmsThrottled"},
        {.hang_up = true},
    };
    for (size_t i = 0; i < LK_COUNT(failures); i++) {
        lk_err err;
        start(&failures[i], 1);
        assert_lk_ok(run("DeleteQueue", "", NULL, &err));
        assert_int_equal(attempts(), 2);
        stop(NULL);
    }
}

static void refusals_are_not_tried_again(void **state LK_UNUSED)
{
    const lk_test_answer failures[] = {
        {.status = 400, .error = "InvalidParameterValue"},
        {.status = 403, .error = "AccessDenied"},
        {.status = 403, .error = "OverLimit"},
        {.status = 403, .error = "InvalidClientTokenId"},
    };
    for (size_t i = 0; i < LK_COUNT(failures); i++) {
        lk_err err = {0};
        start(&failures[i], 1);
        assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
        assert_int_equal(attempts(), 1);
        assert_int_equal(lk_test_sqs_count(sqs), 1);
        stop(NULL);
    }
}

static void attempts_are_counted_out(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer down = {.status = 503, .error = "ServiceUnavailable"};
    const lk_test_answer answers[] = {down, down, down};
    start(answers, 3);
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
    assert_int_equal(err.http_status, 503);
    assert_true(err.retriable);
    assert_int_equal(attempts(), 3);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
}

static void an_unreachable_endpoint_is_tried_again_and_named(void **state LK_UNUSED)
{
    lk_err err = {0};
    start(NULL, 0);
    lk_sqs_target target = target_of("q");
    target.endpoint = LK_SLICE_LITERAL("http://127.0.0.1:1");
    assert_lk_fails(lk_sqs_run(client, &target, "DeleteQueue", (lk_slice){NULL, 0}, 0, NULL, &err),
                    LK_E_CONNECT);
    assert_int_equal(attempts(), 3);
    assert_non_null(strstr(err.message, "127.0.0.1:1"));
}

static void a_late_answer_is_a_timeout_and_tried_again(void **state LK_UNUSED)
{
    lk_err err;
    const lk_test_answer answers[] = {{.held = true}};
    sqs = lk_test_sqs_start(answers, 1);
    client = lk_test_sqs_client(lk_test_sqs_url(sqs), 1000, NULL);
    assert_lk_ok(run("DeleteQueue", "", NULL, &err));
    assert_int_equal(attempts(), 2);
}

static void a_long_poll_may_take_its_time(void **state LK_UNUSED)
{
    lk_err err;
    const lk_test_answer answers[] = {{.delay_ms = 200, .body = "{}"}};
    sqs = lk_test_sqs_start(answers, 1);
    client = lk_test_sqs_client(lk_test_sqs_url(sqs), 50, NULL);
    lk_sqs_target target = target_of("q");
    assert_lk_ok(lk_sqs_run(client, &target, "ReceiveMessage", (lk_slice){NULL, 0}, 1, NULL, &err));
    assert_int_equal(attempts(), 1);
}

static bool most_random(void *ctx LK_UNUSED, void *out, size_t len)
{
    memset(out, 0xff, len);
    return true;
}

static lk_client *new_slow_client(const char *url)
{
    lk_err err;
    lk_env env = lk_env_default;
    env.random = most_random;
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.endpoint = url;
    options.region = "us-east-1";
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    options.max_attempts = 10;
    lk_client *made = lk_client_new_env(&options, &env, &err);
    assert_non_null(made);
    return made;
}

static void waits_double_up_to_twenty_seconds(void **state LK_UNUSED)
{
    const int64_t longest_ms[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000, 20000, -1};
    lk_err err;
    client = new_slow_client("http://127.0.0.1:1");
    lk_err_set(&err, LK_E_HTTP, "gone");
    for (int attempt = 1; attempt <= 10; attempt++)
        assert_int_equal(lk_sqs_retry_delay_ms(client, &err, attempt), longest_ms[attempt - 1]);
    lk_err_set(&err, LK_E_INVALID, "never");
    assert_int_equal(lk_sqs_retry_delay_ms(client, &err, 1), -1);
}

static void a_bounded_call_does_not_wait_past_its_end(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {{.status = 503, .error = "ServiceUnavailable"}};
    sqs = lk_test_sqs_start(answers, 1);
    client = new_slow_client(lk_test_sqs_url(sqs));
    lk_sqs_target target = target_of("q");
    assert_lk_fails(
        lk_sqs_run_within(client, &target, "DeleteQueue", (lk_slice){NULL, 0}, 500, NULL, &err),
        LK_E_SERVICE);
    assert_int_equal(attempts(), 1); /* the wait of 1 s would not fit */
}

/* Once the first attempt is on its way, and most likely answered. */
static void *interrupt_the_wait(void *ctx LK_UNUSED)
{
    lk_test_sqs_wait_for(sqs, 1);
    usleep(50000);
    lk_client_interrupt(client);
    return NULL;
}

static void the_wait_between_attempts_can_be_interrupted(void **state LK_UNUSED)
{
    lk_err err = {0};
    pthread_t thread;
    const lk_test_answer answers[] = {{.status = 503, .error = "ServiceUnavailable"}};
    sqs = lk_test_sqs_start(answers, 1);
    client = new_slow_client(lk_test_sqs_url(sqs));
    assert_int_equal(pthread_create(&thread, NULL, interrupt_the_wait, NULL), 0);
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_INTERRUPTED);
    pthread_join(thread, NULL);
    assert_int_equal(attempts(), 1); /* and not after the wait */
}

/* --- Clocks and tokens ---------------------------------------------------------------------- */

/* "Date: Tue, 02 Jan 2035 03:04:05 GMT" */
static const lk_test_answer in_2035 = {.status = 403,
                                       .error = "SignatureDoesNotMatch",
                                       .headers = "Date: Tue, 02 Jan 2035 03:04:05 GMT\n"};

static void a_wrong_clock_is_corrected_by_the_services(void **state LK_UNUSED)
{
    lk_err err;
    start(&in_2035, 1);
    assert_lk_ok(run("DeleteQueue", "", NULL, &err));
    assert_int_equal(attempts(), 2);
    assert_true(lk_slice_has_prefix(lk_test_sqs_header(sqs, 1, "X-Amz-Date"),
                                    LK_SLICE_LITERAL("20350102T0304")));
    assert_lk_ok(run("DeleteQueue", "", NULL, &err)); /* remembered */
    assert_true(lk_slice_has_prefix(lk_test_sqs_header(sqs, 2, "X-Amz-Date"),
                                    LK_SLICE_LITERAL("20350102T0304")));
}

static void a_wrong_secret_is_not_taken_for_a_wrong_clock(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {{.status = 403, .error = "SignatureDoesNotMatch"}};
    start(answers, 1); /* with the right Date, which the server adds */
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    assert_non_null(strstr(err.message, "AWS_SECRET_ACCESS_KEY"));
}

static int fetches;

static void hand_out_credentials(const lk_test_request *request LK_UNUSED,
                                 lk_test_response *response, void *ctx LK_UNUSED)
{
    lk_buf_addf(&response->body,
                "{\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"s\",\"Token\":\"token-%d\","
                "\"Expiration\":\"2099-01-01T00:00:00Z\"}",
                ++fetches);
}

static void an_expired_token_is_fetched_anew_once(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer expired = {.status = 403, .error = "ExpiredToken"};
    const lk_test_answer answers[] = {expired, {0}, expired};
    lk_test_http *container = lk_test_http_start(hand_out_credentials, NULL);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", lk_test_http_url(container), 1);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_PROFILE");
    fetches = 0;
    sqs = lk_test_sqs_start(answers, 3);
    client = lk_client_new(&(lk_client_options){.size = sizeof(lk_client_options),
                                                .region = "us-east-1",
                                                .endpoint = lk_test_sqs_url(sqs)},
                           &err);
    assert_non_null(client);
    assert_lk_ok(run("DeleteQueue", "", NULL, &err));
    assert_slice(lk_test_sqs_header(sqs, 0, "X-Amz-Security-Token"), "token-1");
    assert_slice(lk_test_sqs_header(sqs, 1, "X-Amz-Security-Token"), "token-2");
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE); /* just refetched */
    assert_int_equal(fetches, 2);
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    lk_test_http_stop(container);
}

static void an_expired_token_that_was_given_stays_expired(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {{.status = 403, .error = "ExpiredTokenException"}};
    start(answers, 1);
    assert_lk_fails(run("DeleteQueue", "", NULL, &err), LK_E_SERVICE);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    assert_non_null(strstr(err.message, "get new temporary credentials"));
}

/* --- Digests -------------------------------------------------------------------------------- */

#define HELLO_MEMBERS "\"MessageBody\":\"hello world\""
#define HELLO_MD5     "5eb63bbbe01eeed093cb22bb8f5acdc3"

static void a_mangled_send_is_sent_again(void **state LK_UNUSED)
{
    lk_err err;
    const lk_test_answer answers[] = {
        {.body = "{\"MessageId\":\"m\",\"MD5OfMessageBody\":\"00000000000000000000000000000000\"}"},
        {.body = "{\"MessageId\":\"m\",\"MD5OfMessageBody\":\"" HELLO_MD5 "\"}"}};
    start(answers, 2);
    use_checking_client();
    assert_lk_ok(run("SendMessage", HELLO_MEMBERS, NULL, &err));
    assert_int_equal(attempts(), 2);
}

static void a_send_without_its_digest_fails(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer bare = {.body = "{\"MessageId\":\"m\"}"};
    const lk_test_answer answers[] = {bare, bare};
    start(answers, 2);
    use_checking_client();
    assert_lk_fails(run("SendMessage", HELLO_MEMBERS, NULL, &err), LK_E_CHECKSUM);
    assert_true(err.retriable);
}

static void skip_md5_accepts_anything(void **state LK_UNUSED)
{
    lk_err err;
    const lk_test_answer answers[] = {{.body = "{\"MessageId\":\"m\"}"}};
    start(answers, 1);
    assert_lk_ok(run("SendMessage", HELLO_MEMBERS, NULL, &err));
}

static void digests_the_caller_has_are_used(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {
        {.body = "{\"MessageId\":\"m\",\"MD5OfMessageBody\":\"" HELLO_MD5 "\"}"}};
    start(answers, 1);
    use_checking_client();
    lk_sqs_expect expect = {.count = 1};
    strcpy(expect.entries[0].body, "ffffffffffffffffffffffffffffffff");
    lk_sqs_target target = target_of("q");
    target.expect = &expect;
    lk_sqs_pending *pending;
    assert_lk_ok(
        lk_sqs_start(client, &target, "SendMessage", lk_slice_of(HELLO_MEMBERS), &pending, &err));
    while (!lk_sqs_finished(pending))
        assert_lk_ok(lk_http_pump(lk_client_http(client, &err), 100, &err));
    assert_lk_fails(lk_sqs_take(client, pending, NULL, &err), LK_E_CHECKSUM);
}

static void a_mangled_receive_is_not_received_again(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_test_answer answers[] = {
        {.body = "{\"Messages\":[{\"MessageId\":\"m-1\",\"Body\":\"hello\",\"MD5OfBody\":"
                 "\"" HELLO_MD5 "\"}]}"}};
    start(answers, 1);
    use_checking_client();
    assert_lk_fails(run("ReceiveMessage", "", NULL, &err), LK_E_CHECKSUM);
    assert_false(err.retriable);
    assert_non_null(strstr(err.message, "m-1"));
    assert_int_equal(lk_test_sqs_count(sqs), 1);
}

/* --- One attempt ---------------------------------------------------------------------------- */

static void an_attempt_can_be_left_alone_and_collected(void **state LK_UNUSED)
{
    lk_err err;
    lk_buf response = {0};
    start(NULL, 0);
    assert_lk_ok(run("DeleteQueue", "", NULL, &err)); /* warm */
    lk_sqs_target target = target_of("q");
    lk_sqs_pending *pending;
    assert_lk_ok(lk_sqs_start(client, &target, "GetQueueUrl",
                              LK_SLICE_LITERAL("\"QueueName\":\"q\""), &pending, &err));
    assert_true(lk_sqs_written(pending));
    lk_test_sqs_wait_for(sqs, 2); /* nobody pumped */
    assert_true(lk_sqs_age_ms(pending) >= 0);
    while (!lk_sqs_finished(pending))
        assert_lk_ok(lk_http_pump(lk_client_http(client, &err), 100, &err));
    assert_lk_ok(lk_sqs_take(client, pending, &response, &err));
    assert_slice(lk_buf_slice(&response), "{\"QueueUrl\":\"http://127.0.0.1/000000000000/found\"}");
    lk_buf_clear(&response);
    assert_lk_ok(lk_sqs_start(client, &target, "DeleteQueue", (lk_slice){NULL, 0}, &pending, &err));
    lk_sqs_cancel(client, pending);
    lk_sqs_cancel(client, NULL);
}

static void an_action_name_that_cannot_be_one_is_refused(void **state LK_UNUSED)
{
    lk_err err = {0};
    char action[200];
    memset(action, 'A', sizeof(action) - 1);
    action[sizeof(action) - 1] = '\0';
    start(NULL, 0);
    assert_lk_fails(run(action, "", NULL, &err), LK_E_INVALID);
    assert_lk_fails(run("Delete\r\nX: y", "", NULL, &err), LK_E_INVALID);
    assert_int_equal(lk_test_sqs_count(sqs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_request_is_json_1_0_signed_for_its_host, stop),
        cmocka_unit_test_teardown(the_signature_covers_what_arrives, stop),
        cmocka_unit_test_teardown(a_session_token_is_sent_and_signed, stop),
        cmocka_unit_test_teardown(a_queue_url_gives_the_path, stop),
        cmocka_unit_test_teardown(an_answer_comes_back_as_it_is, stop),
        cmocka_unit_test_teardown(a_refusal_has_both_codes_and_a_remedy, stop),
        cmocka_unit_test_teardown(a_type_alone_is_the_code_too, stop),
        cmocka_unit_test_teardown(a_proxys_page_is_not_taken_for_sqs, stop),
        cmocka_unit_test_teardown(throttling_and_server_faults_are_tried_again, stop),
        cmocka_unit_test_teardown(refusals_are_not_tried_again, stop),
        cmocka_unit_test_teardown(attempts_are_counted_out, stop),
        cmocka_unit_test_teardown(an_unreachable_endpoint_is_tried_again_and_named, stop),
        cmocka_unit_test_teardown(a_late_answer_is_a_timeout_and_tried_again, stop),
        cmocka_unit_test_teardown(a_long_poll_may_take_its_time, stop),
        cmocka_unit_test_teardown(waits_double_up_to_twenty_seconds, stop),
        cmocka_unit_test_teardown(a_bounded_call_does_not_wait_past_its_end, stop),
        cmocka_unit_test_teardown(the_wait_between_attempts_can_be_interrupted, stop),
        cmocka_unit_test_teardown(a_wrong_clock_is_corrected_by_the_services, stop),
        cmocka_unit_test_teardown(a_wrong_secret_is_not_taken_for_a_wrong_clock, stop),
        cmocka_unit_test_teardown(an_expired_token_is_fetched_anew_once, stop),
        cmocka_unit_test_teardown(an_expired_token_that_was_given_stays_expired, stop),
        cmocka_unit_test_teardown(a_mangled_send_is_sent_again, stop),
        cmocka_unit_test_teardown(a_send_without_its_digest_fails, stop),
        cmocka_unit_test_teardown(skip_md5_accepts_anything, stop),
        cmocka_unit_test_teardown(digests_the_caller_has_are_used, stop),
        cmocka_unit_test_teardown(a_mangled_receive_is_not_received_again, stop),
        cmocka_unit_test_teardown(an_attempt_can_be_left_alone_and_collected, stop),
        cmocka_unit_test_teardown(an_action_name_that_cannot_be_one_is_refused, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
