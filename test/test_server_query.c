/* SPDX-License-Identifier: MIT
 *
 * Tests of the Query protocol over HTTP: which requests are its own, and what their answers carry.
 */
#include "lk_test_wire.h"
#include "xml.h"

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lk_test_server_setup, lk_test_server_teardown)

#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"

/* A POST of a body with these header lines. */
static void post(lk_test_server *t, const char *target, const char *headers, const char *body,
                 lk_test_reply *reply)
{
    lk_buf request = {0};
    lk_buf_addf(&request,
                "POST %s HTTP/1.1\r\nHost: sqs.test:9324\r\n%sContent-Length: %zu\r\n\r\n", target,
                headers, strlen(body));
    lk_buf_add_str(&request, body);
    lk_test_server_exchange(t, request.ptr, reply);
    lk_buf_clear(&request);
}

static void get(lk_test_server *t, const char *target, const char *headers, lk_test_reply *reply)
{
    lk_buf request = {0};
    lk_buf_addf(&request, "GET %s HTTP/1.1\r\nHost: sqs.test:9324\r\n%s\r\n", target, headers);
    lk_test_server_exchange(t, request.ptr, reply);
    lk_buf_clear(&request);
}

static void assert_text(const lk_test_reply *reply, const char *path, const char *expected)
{
    lk_buf text = {0};
    lk_err err;
    if (lk_xml_text(lk_buf_slice(&reply->body), path, &text, &err) != 1)
        fail_msg("nothing at %s: %s", path, reply->body.ptr);
    assert_slice(lk_buf_slice(&text), expected);
    lk_buf_clear(&text);
}

static void assert_error(const lk_test_reply *reply, int status, const char *code)
{
    assert_int_equal(reply->status, status);
    assert_text(reply, "ErrorResponse/Error/Code", code);
}

static void create_jobs(lk_test_server *t)
{
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
}

/* --- What is a request of this protocol ----------------------------------------------------- */

static void a_form_is_answered_in_xml(void **state)
{
    lk_test_reply reply = {0};
    post(*state, "/", FORM_TYPE, "Action=CreateQueue&QueueName=jobs&Version=2012-11-05", &reply);
    assert_int_equal(reply.status, 200);
    assert_slice(lk_test_reply_header(&reply, "Content-Type"), "text/xml");
    assert_text(&reply, "CreateQueueResponse/CreateQueueResult/QueueUrl",
                "http://sqs.test:9324/000000000000/jobs");
    lk_test_reply_clear(&reply);
}

static void the_request_id_is_in_header_and_body(void **state)
{
    static const char *const bodies[] = {"Action=ListQueues", "Action=FooBar"};
    static const char *const paths[] = {"*/ResponseMetadata/RequestId", "*/RequestId"};
    lk_test_reply reply = {0};
    char id[40];
    for (size_t i = 0; i < LK_COUNT(bodies); i++) {
        post(*state, "/", FORM_TYPE, bodies[i], &reply);
        assert_true(lk_slice_copy(lk_test_reply_header(&reply, "x-amzn-RequestId"), id, sizeof id));
        assert_int_equal(strlen(id), 36);
        assert_text(&reply, paths[i], id);
    }
    lk_test_reply_clear(&reply);
}

static void parameters_may_be_in_the_url(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    create_jobs(t);
    get(t, "/000000000000/jobs?Action=SendMessage&MessageBody=a+b%2Bc%26%C3%A9%0D%0A", "", &reply);
    assert_int_equal(reply.status, 200);
    get(t, "/?Action=ReceiveMessage&QueueUrl=http%3A%2F%2Fsqs.test%2F000000000000%2Fjobs", "",
        &reply);
    assert_text(&reply, "*/*/Message/Body", "a b+c&é\r\n");
    post(t, "/000000000000/none?Action=SendMessage&QueueUrl=jobs", FORM_TYPE, "MessageBody=x",
         &reply);
    assert_int_equal(reply.status, 200);
    lk_test_reply_clear(&reply);
}

static void a_target_or_the_type_of_json_goes_before_an_action(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    post(t, "/?Action=ListQueues", "X-Amz-Target: AmazonSQS.ListQueues\r\n", "{}", &reply);
    assert_string_equal(reply.body.ptr, "{}");
    post(t, "/?Action=ListQueues", "Content-Type: application/x-amz-json-1.0\r\n", "{}", &reply);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "InvalidAction;Sender");
    lk_test_reply_clear(&reply);
}

static void what_has_no_action_is_404(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    post(t, "/", FORM_TYPE, "QueueName=jobs", &reply);
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.body.ptr, "<UnknownOperationException/>\n");
    post(t, "/", "Content-Type: text/plain\r\n", "Action=ListQueues", &reply);
    assert_int_equal(reply.status, 404);
    post(t, "/", "Content-Type: text/plain\r\n", "{}", &reply);
    assert_int_equal(reply.status, 404);
    lk_test_server_exchange(t,
                            "DELETE /?Action=ListQueues HTTP/1.1\r\nHost: h\r\n"
                            "Content-Length: 0\r\n\r\n",
                            &reply);
    assert_int_equal(reply.status, 404);
    lk_test_reply_clear(&reply);
}

static void an_unknown_action_is_400_not_404(void **state)
{
    lk_test_reply reply = {0};
    post(*state, "/", FORM_TYPE, "Action=FooBar", &reply);
    assert_error(&reply, 400, "InvalidAction");
    assert_null(lk_test_reply_header(&reply, "x-amzn-query-error").ptr);
    lk_test_reply_clear(&reply);
}

static void who_accepts_json_only_gets_json(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    get(t, "/?Action=ListQueues", "Accept: application/json\r\n", &reply);
    assert_slice(lk_test_reply_header(&reply, "Content-Type"), "application/json");
    assert_non_null(lk_json_get(reply.json, "ListQueuesResponse"));
    get(t, "/?Action=ListQueues", "Accept: text/html, application/json\r\n", &reply);
    assert_slice(lk_test_reply_header(&reply, "Content-Type"), "text/xml");
    get(t, "/?Action=ListQueues", "Accept: */*\r\n", &reply);
    assert_slice(lk_test_reply_header(&reply, "Content-Type"), "text/xml");
    lk_test_reply_clear(&reply);
}

/* --- The two protocols together ------------------------------------------------------------- */

static void a_long_poll_is_woken_by_a_send_in_the_other_protocol(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    create_jobs(t);
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL("GET /000000000000/jobs?Action=ReceiveMessage&"
                                               "WaitTimeSeconds=20 HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_false(lk_test_wire_read(&wire, &reply, 60)); /* it waits */
    lk_test_server_do(t, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}");
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_text(&reply, "*/*/Message/Body", "x");
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

static void one_connection_may_speak_both(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL("GET /?Action=ListQueues HTTP/1.1\r\nHost: h\r\n"
                                               "\r\n"));
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_text(&reply, "*/ListQueuesResult/QueueUrl", "http://h/000000000000/jobs");
    lk_test_wire_call(&wire, "ListQueues", "{}", &reply);
    assert_int_equal(lk_json_length(lk_json_get(reply.json, "QueueUrls")), 1);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

/* --- Bodies --------------------------------------------------------------------------------- */

static void expect_100_continue_is_answered(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL("POST / HTTP/1.1\r\nHost: h\r\n" FORM_TYPE
                                               "Content-Length: 17\r\nExpect: 100-continue\r\n"
                                               "\r\n"));
    assert_false(lk_test_wire_read(&wire, &reply, 100));
    assert_int_equal(reply.status, 100);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL("Action=ListQueues"));
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_int_equal(reply.status, 200);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

static void send_escaped(lk_test_server *t, size_t bytes, lk_test_reply *reply)
{
    lk_buf body = {0};
    lk_buf_add_str(&body, "Action=SendMessage&QueueUrl=jobs&MessageBody=");
    for (size_t i = 0; i < bytes; i++)
        lk_buf_add_str(&body, "%26");
    post(t, "/", FORM_TYPE, body.ptr, reply);
    lk_buf_clear(&body);
}

static void long_bodies_are_read_and_too_long_ones_refused(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    create_jobs(t);
    send_escaped(t, 1048576, &reply);
    assert_int_equal(reply.status, 200);
    get(t, "/000000000000/jobs?Action=ReceiveMessage", "", &reply);
    assert_true(reply.body.len > 5 * 1048576); /* "&amp;" each */
    send_escaped(t, 1048577, &reply);
    assert_error(&reply, 400, "InvalidParameterValue");
    send_escaped(t, 3 << 20, &reply);
    assert_error(&reply, 413, "RequestEntityTooLarge");
    lk_test_reply_clear(&reply);
}

/* --- Browsers ------------------------------------------------------------------------------- */

static void web_pages_can_send_nothing(void **state)
{
    static const char *const headers[] = {
        "Origin: http://evil.test\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n", "Sec-Fetch-Site: same-origin\r\n"};
    char target[128];
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    create_jobs(t);
    for (size_t i = 0; i < LK_COUNT(headers); i++) {
        get(t, "/000000000000/jobs?Action=SendMessage&MessageBody=x", headers[i], &reply);
        assert_error(&reply, 403, "AccessDenied");
        post(t, "/000000000000/jobs", headers[i], "Action=SendMessage&MessageBody=x", &reply);
        assert_error(&reply, 403, "AccessDenied");
        snprintf(target, sizeof target, "X-Amz-Target: AmazonSQS.SendMessage\r\n%s", headers[i]);
        post(t, "/000000000000/jobs", target, "{\"MessageBody\":\"x\"}", &reply);
        assert_int_equal(reply.status, 403);
        assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "AccessDenied;Sender");
    }
    get(t, "/000000000000/jobs?Action=GetQueueAttributes&AttributeName=ApproximateNumberOfMessages",
        "Sec-Fetch-Site: none\r\n", &reply); /* somebody typed it */
    assert_text(&reply, "*/*/Attribute/Value", "0");
    lk_test_reply_clear(&reply);
}

/* A name that was made to point here: browsers send neither header with a GET of such a page. */
static void web_pages_of_this_address_by_another_name_can_send_nothing(void **state)
{
    static const char *const targets[] = {"/000000000000/jobs?Action=SendMessage&MessageBody=x",
                                          "/_lambdakiq/queues", "/_lambdakiq/clock"};
    char request[256];
    lk_test_reply reply = {0};
    create_jobs(*state);
    for (size_t i = 0; i < LK_COUNT(targets); i++) {
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: evil.example:9324\r\n\r\n",
                 targets[i]);
        lk_test_server_exchange(*state, request, &reply);
        assert_int_equal(reply.status, 403);
    }
    lk_test_server_exchange(*state, "GET /_lambdakiq/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                            &reply);
    assert_int_equal(reply.status, 200);
    lk_test_reply_clear(&reply);
}

static void names_of_this_machine_and_its_network_are_no_web_pages(void **state)
{
    static const char *const hosts[] = {
        "localhost:9324",       "127.0.0.1:9324", "[::1]:9324", "sqs",
        "host.docker.internal", "sqs.localhost",  "pc.local"};
    char request[256];
    lk_test_reply reply = {0};
    for (size_t i = 0; i < LK_COUNT(hosts); i++) {
        snprintf(request, sizeof request, "GET /?Action=ListQueues HTTP/1.1\r\nHost: %s\r\n\r\n",
                 hosts[i]);
        lk_test_server_exchange(*state, request, &reply);
        assert_int_equal(reply.status, 200);
    }
    lk_test_server_exchange(*state, "GET /?Action=ListQueues HTTP/1.0\r\n\r\n", &reply);
    assert_int_equal(reply.status, 200);
    lk_test_reply_clear(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_form_is_answered_in_xml),
        TEST(the_request_id_is_in_header_and_body),
        TEST(parameters_may_be_in_the_url),
        TEST(a_target_or_the_type_of_json_goes_before_an_action),
        TEST(what_has_no_action_is_404),
        TEST(an_unknown_action_is_400_not_404),
        TEST(who_accepts_json_only_gets_json),
        TEST(a_long_poll_is_woken_by_a_send_in_the_other_protocol),
        TEST(one_connection_may_speak_both),
        TEST(expect_100_continue_is_answered),
        TEST(long_bodies_are_read_and_too_long_ones_refused),
        TEST(web_pages_can_send_nothing),
        TEST(web_pages_of_this_address_by_another_name_can_send_nothing),
        TEST(names_of_this_machine_and_its_network_are_no_web_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
