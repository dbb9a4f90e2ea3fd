/* SPDX-License-Identifier: MIT
 *
 * Tests of the server's HTTP side: what is answered to whom, byte by byte, and the admin endpoints.
 */
#include "lk_test_wire.h"

#include <sys/socket.h>

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lk_test_server_setup, lk_test_server_teardown)

static void call(lk_test_server *t, const char *action, const char *body, lk_test_reply *reply)
{
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_call(&wire, action, body, reply);
    lk_test_wire_close(&wire);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void a_success_has_its_type_and_a_request_id(void **state)
{
    lk_test_reply reply = {0};
    call(*state, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    assert_int_equal(reply.status, 200);
    assert_slice(lk_test_reply_header(&reply, "Content-Type"), "application/x-amz-json-1.0");
    assert_int_equal(lk_test_reply_header(&reply, "x-amzn-RequestId").len, 36);
    assert_null(lk_test_reply_header(&reply, "x-amzn-query-error").ptr);
    lk_test_reply_clear(&reply);
}

static void request_ids_differ(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply one = {0}, other = {0};
    call(t, "ListQueues", "{}", &one);
    call(t, "ListQueues", "{}", &other);
    assert_false(lk_slice_equal(lk_test_reply_header(&one, "x-amzn-RequestId"),
                                lk_test_reply_header(&other, "x-amzn-RequestId")));
    lk_test_reply_clear(&one);
    lk_test_reply_clear(&other);
}

static void an_unknown_queue_carries_the_query_error(void **state)
{
    lk_test_reply reply = {0};
    call(*state, "SendMessage", "{\"QueueUrl\":\"none\",\"MessageBody\":\"x\"}", &reply);
    assert_int_equal(reply.status, 400);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"),
                 "AWS.SimpleQueueService.NonExistentQueue;Sender");
    assert_slice(lk_test_reply_member(&reply, "__type"), "com.amazonaws.sqs#QueueDoesNotExist");
    assert_slice(lk_test_reply_member(&reply, "message"), "The specified queue does not exist.");
    lk_test_reply_clear(&reply);
}

static void urls_have_the_host_of_the_request(void **state)
{
    lk_test_reply reply = {0};
    call(*state, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    assert_slice(lk_test_reply_member(&reply, "QueueUrl"),
                 "http://sqs.test:9324/000000000000/jobs");
    lk_test_reply_clear(&reply);
}

static void a_request_to_the_path_of_a_queue_is_served(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_server_exchange(t,
                            "POST /000000000000/jobs HTTP/1.1\r\nHost: h\r\nX-Amz-Target: "
                            "AmazonSQS.ReceiveMessage\r\nContent-Length: 2\r\n\r\n{}",
                            &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body.ptr, "{}");
    lk_test_server_exchange(
        t,
        "POST /queue/jobs HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n"
        "Content-Length: 2\r\n\r\n{}",
        &reply);
    assert_int_equal(lk_json_length(lk_json_get(reply.json, "QueueUrls")), 1);
    lk_test_reply_clear(&reply);
}

static void who_signs_is_the_sender(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_server_exchange(
        t,
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/sqs/"
        "aws4_request, SignedHeaders=host, Signature=0\r\nX-Amzn-Trace-Id: Root=1-abc\r\n"
        "Content-Length: 37\r\n\r\n{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}",
        &reply);
    assert_int_equal(reply.status, 200);
    call(t, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"AttributeNames\":[\"All\"]}", &reply);
    const lk_json *message = lk_json_at(lk_json_get(reply.json, "Messages"), 0);
    const lk_json *attributes = lk_json_get(message, "Attributes");
    assert_slice(lk_json_string(lk_json_get(attributes, "SenderId")), "AKIDEXAMPLE");
    assert_slice(lk_json_string(lk_json_get(attributes, "AWSTraceHeader")), "Root=1-abc");
    lk_test_reply_clear(&reply);
}

static void an_unknown_action_is_400_not_404(void **state)
{
    lk_test_reply reply = {0};
    call(*state, "FooBar", "{}", &reply);
    assert_int_equal(reply.status, 400);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "InvalidAction;Sender");
    lk_test_reply_clear(&reply);
}

static void what_is_no_sqs_request_is_404(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(t, "/", NULL, &reply), 404);
    assert_string_equal(reply.body.ptr, "<UnknownOperationException/>\n");
    assert_int_equal(lk_test_server_http(t, "/000000000000/jobs", "x", &reply), 404);
    lk_test_reply_clear(&reply);
}

static void the_content_type_alone_makes_it_json(void **state)
{
    lk_test_reply reply = {0};
    lk_test_server_exchange(
        *state,
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-amz-json-1.0\r\n"
        "Content-Length: 2\r\n\r\n{}",
        &reply);
    assert_int_equal(reply.status, 400);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "InvalidAction;Sender");
    lk_test_reply_clear(&reply);
}

static void malformed_json_is_a_serialization_exception(void **state)
{
    lk_test_reply reply = {0};
    call(*state, "SendMessage", "{\"QueueUrl\":", &reply);
    assert_int_equal(reply.status, 400);
    assert_slice(lk_test_reply_member(&reply, "__type"),
                 "com.amazon.coral.service#SerializationException");
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "MalformedInput;Sender");
    lk_test_reply_clear(&reply);
}

/* --- Connections ---------------------------------------------------------------------------- */

static void a_connection_serves_many_requests(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    for (int i = 0; i < 20; i++) {
        lk_test_wire_call(&wire, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}",
                          &reply);
        assert_int_equal(reply.status, 200);
    }
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_send(&wire, "CreateQueue", "{\"QueueName\":\"one\"}");
    lk_test_wire_send(&wire, "FooBar", "{}");
    lk_test_wire_send(&wire, "CreateQueue", "{\"QueueName\":\"two\"}");
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_slice(lk_test_reply_member(&reply, "QueueUrl"), "http://sqs.test:9324/000000000000/one");
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_int_equal(reply.status, 400);
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_slice(lk_test_reply_member(&reply, "QueueUrl"), "http://sqs.test:9324/000000000000/two");
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

static void expect_100_continue_is_answered(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: "
                                               "AmazonSQS.ListQueues\r\nContent-Length: 2\r\n"
                                               "Expect: 100-continue\r\n\r\n"));
    /* The answer cannot come before the body does: what can be read now is the 100. */
    assert_false(lk_test_wire_read(&wire, &reply, 100));
    assert_int_equal(reply.status, 100);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL("{}"));
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_int_equal(reply.status, 200);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

static void a_body_that_comes_in_pieces_is_put_together(void **state)
{
    static const char request[] =
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSQS.CreateQueue\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"Que\r\n12\r\nueName\":\"chunked\"}\r\n0\r\n\r\n";
    lk_test_reply reply = {0};
    lk_test_server_exchange(*state, request, &reply);
    assert_int_equal(reply.status, 200);
    lk_test_reply_clear(&reply);
}

static void a_body_shorter_than_announced_is_no_request(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire,
                       LK_SLICE_LITERAL("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: "
                                        "AmazonSQS.CreateQueue\r\nContent-Length: 100\r\n\r\n"
                                        "{\"QueueName\":\"short\"}"));
    lk_test_wire_close(&wire);
    call(t, "ListQueues", "{}", &reply);
    assert_string_equal(reply.body.ptr, "{}");
    lk_test_reply_clear(&reply);
}

static void send_body_of(lk_test_server *t, size_t bytes, lk_test_reply *reply)
{
    lk_buf body = {0};
    lk_buf_add_str(&body, "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"");
    for (size_t i = 0; i < bytes; i++)
        lk_buf_add_char(&body, 'x');
    lk_buf_add_str(&body, "\"}");
    call(t, "SendMessage", body.ptr, reply);
    lk_buf_clear(&body);
}

static void long_bodies_are_read_and_too_long_ones_refused(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    send_body_of(t, 1048576, &reply);
    assert_int_equal(reply.status, 200);
    send_body_of(t, 2 << 20, &reply);
    assert_int_equal(reply.status, 400);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"),
                 "InvalidParameterValue;Sender");
    send_body_of(t, 9 << 20, &reply);
    assert_int_equal(reply.status, 413);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"),
                 "RequestEntityTooLarge;Sender");
    lk_test_reply_clear(&reply);
}

/* --- Admin ---------------------------------------------------------------------------------- */

static void health_says_ok_the_version_and_how_the_store_is(void **state)
{
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(*state, "/_lambdakiq/health", NULL, &reply), 200);
    assert_slice(lk_test_reply_member(&reply, "status"), "ok");
    assert_slice(lk_test_reply_member(&reply, "version"), LK_VERSION);
    assert_slice(lk_test_reply_member(&reply, "store"), "ok");
    assert_slice(lk_test_reply_header(&reply, "Content-Type"), "application/json");
    lk_test_reply_clear(&reply);
}

/* Some health checks want no body. */
static void head_is_answered_like_get(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_buf answer = {0};
    char bytes[4096];
    ssize_t got;
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, lk_slice_of("HEAD /_lambdakiq/health HTTP/1.1\r\nHost: h\r\n"
                                          "Connection: close\r\n\r\n"));
    while ((got = recv(wire.fd, bytes, sizeof bytes, 0)) > 0)
        lk_buf_add(&answer, (lk_slice){bytes, (size_t)got});
    assert_non_null(strstr(answer.ptr, "HTTP/1.1 200 OK\r\n"));
    assert_true(lk_slice_has_suffix(lk_buf_slice(&answer), LK_SLICE_LITERAL("\r\n\r\n")));
    lk_buf_clear(&answer);
    lk_test_wire_close(&wire);
}

static int64_t counter(const lk_test_reply *reply, const char *name)
{
    int64_t value = -1;
    const lk_json *queue = lk_json_at(lk_json_get(reply->json, "queues"), 0);
    assert_true(lk_json_int64(lk_json_get(queue, name), &value));
    return value;
}

static void queues_are_listed_with_their_counters(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_server_do(t, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}");
    lk_test_server_do(t, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}");
    lk_test_server_do(t, "ReceiveMessage", "{\"QueueUrl\":\"jobs\"}");
    lk_test_server_do(t, "SendMessage",
                      "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\",\"DelaySeconds\":9}");
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/queues", NULL, &reply), 200);
    assert_int_equal(counter(&reply, "visible"), 1);
    assert_int_equal(counter(&reply, "in_flight"), 1);
    assert_int_equal(counter(&reply, "delayed"), 1);
    lk_test_reply_clear(&reply);
}

static bool receivable(lk_test_server *t)
{
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/queues", NULL, &reply), 200);
    const lk_json *queue = lk_json_at(lk_json_get(reply.json, "queues"), 0);
    bool value = lk_json_bool(lk_json_get(queue, "receivable"));
    lk_test_reply_clear(&reply);
    return value;
}

/* Who moves the clock step by step must know when all has been received that can be. */
static void visible_messages_behind_a_hidden_one_of_their_group_are_not_receivable(void **state)
{
    lk_test_server *t = *state;
    lk_test_server_do(t, "CreateQueue",
                      "{\"QueueName\":\"line.fifo\",\"Attributes\":{\"FifoQueue\":\"true\","
                      "\"ContentBasedDeduplication\":\"true\"}}");
    assert_false(receivable(t));
    lk_test_server_do(
        t, "SendMessage",
        "{\"QueueUrl\":\"line.fifo\",\"MessageBody\":\"1\",\"MessageGroupId\":\"a\"}");
    lk_test_server_do(
        t, "SendMessage",
        "{\"QueueUrl\":\"line.fifo\",\"MessageBody\":\"2\",\"MessageGroupId\":\"a\"}");
    assert_true(receivable(t));
    lk_test_server_do(t, "ReceiveMessage", "{\"QueueUrl\":\"line.fifo\"}");
    assert_false(receivable(t));
    lk_test_server_do(
        t, "SendMessage",
        "{\"QueueUrl\":\"line.fifo\",\"MessageBody\":\"3\",\"MessageGroupId\":\"b\"}");
    assert_true(receivable(t));
}

static int64_t calls_of(lk_test_server *t, const char *action)
{
    int64_t value = -1;
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/calls", NULL, &reply), 200);
    assert_true(lk_json_int64(lk_json_get(lk_json_get(reply.json, "calls"), action), &value));
    lk_test_reply_clear(&reply);
    return value;
}

static void calls_are_counted_by_action(void **state)
{
    lk_test_server *t = *state;
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    assert_int_equal(calls_of(t, "SendMessage"), 0);
    for (int i = 0; i < 3; i++)
        lk_test_server_do(t, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}");
    /* One call, however long it waits. */
    lk_test_server_do(t, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
    assert_int_equal(calls_of(t, "SendMessage"), 3);
    assert_int_equal(calls_of(t, "ReceiveMessage"), 1);
    assert_int_equal(calls_of(t, "ListQueues"), 0);
}

static void unknown_admin_paths_and_methods_are_refused(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/nothing", NULL, &reply), 404);
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/health", "{}", &reply), 405);
    lk_test_reply_clear(&reply);
}

/* --- Clock ---------------------------------------------------------------------------------- */

static int64_t number(const lk_test_reply *reply, const char *name)
{
    int64_t value = -1;
    assert_true(lk_json_int64(lk_json_get(reply->json, name), &value));
    return value;
}

static void the_clock_moves_by_seconds_and_milliseconds(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/clock", "{\"advance_s\":3600}", &reply),
                     200);
    assert_int_equal(number(&reply, "advanced_ms"), 3600000);
    assert_int_equal(number(&reply, "offset_ms"), 3600000);
    lk_test_server_http(t, "/_lambdakiq/clock", "{\"advance_ms\":5}", &reply);
    assert_int_equal(number(&reply, "offset_ms"), 3600005);
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/clock", NULL, &reply), 200);
    assert_int_equal(number(&reply, "offset_ms"), 3600005);
    assert_true(llabs(number(&reply, "now_ms") - lk_wall_ms() - 3600005) < LK_TEST_ANSWER_MS);
    lk_test_reply_clear(&reply);
}

static void the_clock_goes_to_the_next_event_of_any_queue(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"one\"}");
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"two\"}");
    lk_test_server_do(t, "SendMessage",
                      "{\"QueueUrl\":\"one\",\"MessageBody\":\"x\",\"DelaySeconds\":900}");
    lk_test_server_do(t, "SendMessage",
                      "{\"QueueUrl\":\"two\",\"MessageBody\":\"x\",\"DelaySeconds\":300}");
    lk_test_server_http(t, "/_lambdakiq/clock", "{\"to_next\":true}", &reply);
    assert_in_range(number(&reply, "advanced_ms"), 290000, 300000);
    call(t, "ReceiveMessage", "{\"QueueUrl\":\"two\"}", &reply);
    assert_int_equal(lk_test_reply_messages(&reply), 1);
    call(t, "ReceiveMessage", "{\"QueueUrl\":\"one\"}", &reply);
    assert_int_equal(lk_test_reply_messages(&reply), 0);
    lk_test_reply_clear(&reply);
}

static void nothing_due_is_said(void **state)
{
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(*state, "/_lambdakiq/clock", "{\"to_next\":true}", &reply),
                     200);
    assert_int_equal(number(&reply, "advanced_ms"), 0);
    assert_true(
        lk_slice_has_prefix(lk_test_reply_member(&reply, "note"), LK_SLICE_LITERAL("nothing is")));
    lk_test_reply_clear(&reply);
}

static void bad_orders_to_the_clock_are_refused(void **state)
{
    static const char *const bad[] = {"{}",
                                      "nonsense",
                                      "[]",
                                      "{\"advance_s\":-1}",
                                      "{\"advance_s\":\"x\"}",
                                      "{\"advance_s\":9223372036854775807}",
                                      "{\"advance_s\":1,\"advance_ms\":1}",
                                      "{\"to_next\":false}",
                                      "{\"to_next\":true,\"advance_s\":1}"};
    lk_test_reply reply = {0};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        assert_int_equal(lk_test_server_http(*state, "/_lambdakiq/clock", bad[i], &reply), 400);
        assert_slice(lk_json_string(lk_json_get(lk_json_get(reply.json, "error"), "code")),
                     "BadRequest");
    }
    lk_test_reply_clear(&reply);
}

static void a_web_page_cannot_move_the_clock(void **state)
{
    lk_test_server *t = *state;
    lk_test_reply reply = {0};
    lk_test_server_exchange(
        t,
        "POST /_lambdakiq/clock HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n"
        "Content-Type: text/plain\r\nContent-Length: 15\r\n\r\n{\"advance_s\":9}",
        &reply);
    assert_int_equal(reply.status, 403);
    assert_int_equal(lk_clock_offset_get_ms(t->clock), 0);
    lk_test_reply_clear(&reply);
}

typedef struct gate_record {
    bool free; /* what try_pause answers */
    int64_t waited_ms;
    int pauses;
    int resumes;
} gate_record;

static bool gate_try_pause(void *ctx, int64_t wait_ms)
{
    gate_record *gate = ctx;
    gate->pauses++;
    gate->waited_ms = wait_ms;
    return gate->free;
}

static void gate_resume(void *ctx)
{
    ((gate_record *)ctx)->resumes++;
}

static void set_gate(lk_test_server *t, gate_record *record)
{
    lk_server_clock_gate gate = {gate_try_pause, gate_resume, record};
    lk_server_set_clock_gate(t->server, &gate);
}

static void the_gate_is_asked_before_the_clock_moves_and_told_after(void **state)
{
    lk_test_server *t = *state;
    gate_record gate = {.free = true};
    lk_test_reply reply = {0};
    set_gate(t, &gate);
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/clock", "{\"advance_s\":1}", &reply), 200);
    lk_server_set_clock_gate(t->server, NULL);
    assert_int_equal(gate.pauses, 1);
    assert_int_equal(gate.waited_ms, 30000);
    assert_int_equal(gate.resumes, 1);
    lk_test_reply_clear(&reply);
}

static void a_running_invocation_keeps_the_clock_where_it_is(void **state)
{
    lk_test_server *t = *state;
    gate_record gate = {.free = false};
    lk_test_reply reply = {0};
    set_gate(t, &gate);
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/clock", "{\"advance_s\":1}", &reply), 409);
    assert_int_equal(lk_clock_offset_get_ms(t->clock), 0);
    assert_int_equal(gate.resumes, 1);
    assert_int_equal(
        lk_test_server_http(t, "/_lambdakiq/clock", "{\"advance_s\":1,\"force\":true}", &reply),
        200);
    assert_int_equal(lk_clock_offset_get_ms(t->clock), 1000);
    assert_int_equal(gate.waited_ms, 0);
    lk_server_set_clock_gate(t->server, NULL);
    lk_test_reply_clear(&reply);
}

/* --- Without HTTP --------------------------------------------------------------------------- */

static void the_program_itself_carries_out_actions(void **state)
{
    lk_test_server *t = *state;
    lk_err err;
    lk_buf answer = {0};
    lk_slice jobs = LK_SLICE_LITERAL("{\"QueueName\":\"jobs\"}");
    assert_lk_ok(lk_server_do(t->server, "CreateQueue", jobs, &answer, &err));
    assert_non_null(strstr(answer.ptr, "/000000000000/jobs"));
    assert_non_null(strstr(answer.ptr, lk_server_url(t->server)));
    lk_buf_clear(&answer);
    assert_lk_fails(lk_server_do(t->server, "GetQueueUrl",
                                 LK_SLICE_LITERAL("{\"QueueName\":\"none\"}"), NULL, &err),
                    LK_E_SERVICE);
    assert_string_equal(err.aws_code, "AWS.SimpleQueueService.NonExistentQueue");
    assert_string_equal(err.aws_type, "QueueDoesNotExist");
    assert_int_equal(err.http_status, 400);
    /* What may wait for ever is for clients. */
    assert_lk_fails(lk_server_do(t->server, "ReceiveMessage",
                                 LK_SLICE_LITERAL("{\"QueueUrl\":\"jobs\"}"), NULL, &err),
                    LK_E_INVALID);
}

static int refuse_to_start(lk_server *server, void *ctx, lk_err *err)
{
    lk_buf answer = {0};
    int rc = lk_server_do(server, "ListQueues", LK_SLICE_LITERAL("{}"), &answer, err);
    lk_buf_clear(&answer);
    *(bool *)ctx = rc == 0;
    return LK_FAIL(err, LK_E_INVALID, "not today");
}

static void what_prepares_a_server_may_keep_it_from_starting(void **state)
{
    lk_test_server *t = *state;
    lk_err err;
    lk_server *server = NULL;
    bool called = false;
    const lk_server_options options = {
        .clock = t->clock, .prepare = refuse_to_start, .prepare_ctx = &called};
    assert_lk_fails(lk_server_start(&options, &server, &err), LK_E_INVALID);
    assert_string_equal(err.message, "not today");
    assert_true(called);
    assert_null(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_success_has_its_type_and_a_request_id),
        TEST(request_ids_differ),
        TEST(an_unknown_queue_carries_the_query_error),
        TEST(urls_have_the_host_of_the_request),
        TEST(a_request_to_the_path_of_a_queue_is_served),
        TEST(who_signs_is_the_sender),
        TEST(an_unknown_action_is_400_not_404),
        TEST(what_is_no_sqs_request_is_404),
        TEST(the_content_type_alone_makes_it_json),
        TEST(malformed_json_is_a_serialization_exception),
        TEST(a_connection_serves_many_requests),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(expect_100_continue_is_answered),
        TEST(a_body_that_comes_in_pieces_is_put_together),
        TEST(a_body_shorter_than_announced_is_no_request),
        TEST(long_bodies_are_read_and_too_long_ones_refused),
        TEST(health_says_ok_the_version_and_how_the_store_is),
        TEST(head_is_answered_like_get),
        TEST(queues_are_listed_with_their_counters),
        TEST(visible_messages_behind_a_hidden_one_of_their_group_are_not_receivable),
        TEST(calls_are_counted_by_action),
        TEST(unknown_admin_paths_and_methods_are_refused),
        TEST(the_clock_moves_by_seconds_and_milliseconds),
        TEST(the_clock_goes_to_the_next_event_of_any_queue),
        TEST(nothing_due_is_said),
        TEST(bad_orders_to_the_clock_are_refused),
        TEST(a_web_page_cannot_move_the_clock),
        TEST(the_gate_is_asked_before_the_clock_moves_and_told_after),
        TEST(a_running_invocation_keeps_the_clock_where_it_is),
        TEST(the_program_itself_carries_out_actions),
        TEST(what_prepares_a_server_may_keep_it_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
