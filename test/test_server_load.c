/* SPDX-License-Identifier: MIT
 *
 * Tests of a server with many clients, and with clients that are slow, broken or malicious: the
 * others notice nothing.
 */
#include "lk_test_process.h"
#include "lk_test_wire.h"
#include "server_listen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lk_test_server_setup, lk_test_server_teardown)

/* Sanitizers keep books on all memory. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define IDLE_CONNECTION_KB 512
#else
#define IDLE_CONNECTION_KB 64
#endif

/* How many connections this process and, when it is the server too, that one may have. */
static size_t connections_for(size_t wanted, bool both_ends)
{
    size_t files = lk_listen_raise_file_limit((both_ends ? 2 : 1) * wanted + 200);
    return LK_MIN(wanted, (files - 200) / (both_ends ? 2 : 1));
}

/* A message goes through the server as if nobody else was there. */
static void assert_serves(int port)
{
    lk_test_server t = {.port = port};
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_server_do(&t, "CreateQueue", "{\"QueueName\":\"others\"}");
    lk_test_server_do(&t, "SendMessage", "{\"QueueUrl\":\"others\",\"MessageBody\":\"x\"}");
    lk_test_wire_open(&wire, port);
    lk_test_wire_call(&wire, "ReceiveMessage",
                      "{\"QueueUrl\":\"others\",\"VisibilityTimeout\":43200}", &reply);
    assert_int_equal(lk_test_reply_messages(&reply), 1);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

/* --- Many ----------------------------------------------------------------------------------- */

static void a_thousand_polls_get_a_message_each(void **state)
{
    static lk_test_wire polls[1000];
    static bool seen[LK_COUNT(polls)];
    lk_test_server *t = *state;
    lk_test_wire sender;
    lk_test_reply reply = {0};
    size_t count = connections_for(LK_COUNT(polls), true);
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    for (size_t i = 0; i < count; i++) {
        lk_test_wire_open(&polls[i], t->port);
        lk_test_wire_send(&polls[i], "ReceiveMessage",
                          "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
    }
    lk_test_wire_open(&sender, t->port);
    for (size_t i = 0; i < count; i++) {
        char body[96];
        snprintf(body, sizeof body, "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"%zu\"}", i);
        lk_test_wire_call(&sender, "SendMessage", body, &reply);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t number = -1;
        if (!lk_test_wire_read(&polls[i], &reply, LK_TEST_ANSWER_MS))
            fail_msg("poll %zu was not answered", i);
        assert_int_equal(lk_test_reply_messages(&reply), 1);
        assert_true(lk_slice_to_int64(lk_test_reply_message(&reply, 0, "Body"), &number));
        assert_false(seen[number]);
        seen[number] = true;
        lk_test_wire_close(&polls[i]);
    }
    lk_test_wire_close(&sender);
    lk_test_reply_clear(&reply);
}

static int64_t resident_kb(pid_t pid)
{
    char path[64], line[256];
    int64_t kb = -1;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *status = fopen(path, "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtoll(line + 6, NULL, 10);
    fclose(status);
    assert_true(kb > 0);
    return kb;
}

/* Each has asked for something: what that took is given back, or bounded. */
static void ten_thousand_idle_connections_take_little_memory(void **state)
{
    static lk_test_wire wires[10000];
    lk_test_program program = {0};
    lk_test_reply reply = {0};
    const char *argv[] = {LK_TEST_COMMAND, "serve", "--port", "0", NULL};
    size_t count = connections_for(LK_COUNT(wires), false);
    (void)state;
    lk_test_program_start(&program, argv);
    int port = atoi(lk_test_program_wait(&program, "http://127.0.0.1:"));
    assert_serves(port);
    int64_t before_kb = resident_kb(program.pid);
    for (size_t i = 0; i < count; i++) {
        lk_test_wire_open(&wires[i], port);
        lk_test_wire_call(&wires[i], "ListQueues", "{}", &reply);
    }
    int64_t each_kb = (resident_kb(program.pid) - before_kb) / (int64_t)count;
    if (each_kb >= IDLE_CONNECTION_KB)
        fail_msg("an idle connection takes %lld kB", (long long)each_kb);
    assert_serves(port);
    for (size_t i = 0; i < count; i++)
        lk_test_wire_close(&wires[i]);
    assert_int_equal(lk_test_program_end(&program, SIGTERM), 0);
    lk_test_program_clear(&program);
    lk_test_reply_clear(&reply);
}

/* libmicrohttpd takes events from epoll 128 at a time, and after a full hand asks again: with its
 * own thread it waits there, and whoever it had taken up waits with it. */
static void requests_that_arrive_all_at_once_are_all_answered(void **state)
{
    static lk_test_wire wires[256];
    lk_test_program program = {0};
    lk_test_reply reply = {0};
    const char *argv[] = {LK_TEST_COMMAND, "serve", "--port", "0", NULL};
    (void)state;
    lk_test_program_start(&program, argv);
    int port = atoi(lk_test_program_wait(&program, "http://127.0.0.1:"));
    for (size_t i = 0; i < LK_COUNT(wires); i++) {
        lk_test_wire_open(&wires[i], port);
        lk_test_wire_call(&wires[i], "ListQueues", "{}", &reply);
    }
    assert_int_equal(kill(program.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(program.pid, NULL, WUNTRACED), program.pid);
    for (size_t i = 0; i < LK_COUNT(wires); i++)
        lk_test_wire_send(&wires[i], "ListQueues", "{}");
    assert_int_equal(kill(program.pid, SIGCONT), 0);
    for (size_t i = 0; i < LK_COUNT(wires); i++) {
        if (!lk_test_wire_read(&wires[i], &reply, LK_TEST_ANSWER_MS))
            fail_msg("request %zu was not answered", i);
        lk_test_wire_close(&wires[i]);
    }
    assert_int_equal(lk_test_program_end(&program, SIGTERM), 0);
    lk_test_program_clear(&program);
    lk_test_reply_clear(&reply);
}

/* A server with room for so few. */
static lk_server *small_server(lk_test_server *t, int max_connections)
{
    lk_err err;
    lk_server *server = NULL;
    const lk_server_options options = {.clock = t->clock, .max_connections = max_connections};
    assert_lk_ok(lk_server_start(&options, &server, &err));
    return server;
}

static void the_connection_that_is_idle_for_longest_gives_way_to_a_new_one(void **state)
{
    lk_server *server = small_server(*state, 32);
    lk_test_wire wires[64];
    lk_test_reply reply = {0};
    for (size_t i = 0; i < LK_COUNT(wires); i++) {
        lk_test_wire_open(&wires[i], lk_server_port(server));
        lk_test_wire_call(&wires[i], "ListQueues", "{}", &reply);
        lk_test_wire_call(&wires[0], "ListQueues", "{}", &reply);
    }
    /* The first was never idle for longest; the last are there, too. */
    lk_test_wire_call(&wires[0], "ListQueues", "{}", &reply);
    lk_test_wire_call(&wires[63], "ListQueues", "{}", &reply);
    lk_test_wire_send(&wires[1], "ListQueues", "{}");
    assert_false(lk_test_wire_read(&wires[1], &reply, LK_TEST_ANSWER_MS));
    for (size_t i = 0; i < LK_COUNT(wires); i++)
        lk_test_wire_close(&wires[i]);
    lk_test_reply_clear(&reply);
    lk_server_stop(server);
}

static void who_dribbles_at_a_request_gives_way_too(void **state)
{
    static const char *const beginnings[] = {
        "", "POST / HTTP/1.1\r\nHost: h\r\nX-A",
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: "
        "9\r\n\r\n{"};
    lk_server *server = small_server(*state, 32);
    lk_test_wire slow[96];
    for (size_t i = 0; i < LK_COUNT(slow); i++) {
        lk_test_wire_open(&slow[i], lk_server_port(server));
        lk_test_wire_write(&slow[i], lk_slice_of(beginnings[i % LK_COUNT(beginnings)]));
    }
    assert_serves(lk_server_port(server));
    for (size_t i = 0; i < LK_COUNT(slow); i++)
        lk_test_wire_close(&slow[i]);
    lk_server_stop(server);
}

static void a_poll_gives_way_to_nobody(void **state)
{
    lk_server *server = small_server(*state, 8);
    lk_test_server t = {.port = lk_server_port(server)};
    lk_test_wire polls[6], others[20], asking;
    lk_test_reply reply = {0};
    lk_test_server_do(&t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_wire_open(&asking, t.port); /* with the polls as many as are let in */
    for (size_t i = 0; i < LK_COUNT(polls); i++) {
        lk_test_wire_open(&polls[i], t.port);
        lk_test_wire_send(&polls[i], "ReceiveMessage",
                          "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
        lk_test_wire_wait_receives(&asking, (int64_t)i + 1);
    }
    lk_test_wire_close(&asking);
    for (size_t i = 0; i < LK_COUNT(others); i++) {
        lk_test_wire_open(&others[i], t.port);
        lk_test_wire_call(&others[i], "ListQueues", "{}", &reply);
    }
    for (size_t i = 0; i < LK_COUNT(polls); i++) {
        lk_test_server_do(&t, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}");
        assert_true(lk_test_wire_read(&polls[i], &reply, LK_TEST_ANSWER_MS));
        assert_int_equal(lk_test_reply_messages(&reply), 1);
        lk_test_wire_close(&polls[i]);
    }
    for (size_t i = 0; i < LK_COUNT(others); i++)
        lk_test_wire_close(&others[i]);
    lk_test_reply_clear(&reply);
    lk_server_stop(server);
}

/* --- Slow ----------------------------------------------------------------------------------- */

#define SLOW 200

/* Each of many clients sends its request byte by byte, all at once. */
static void slow_clients_hold_nobody_up_and_are_served_in_the_end(void **state)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: "
                                  "AmazonSQS.ListQueues\r\nContent-Length: 2\r\n\r\n{}";
    lk_test_server *t = *state;
    lk_test_wire slow[SLOW];
    lk_test_reply reply = {0};
    size_t count = connections_for(SLOW, true);
    for (size_t i = 0; i < count; i++)
        lk_test_wire_open(&slow[i], t->port);
    for (size_t at = 0; at < strlen(request); at++) {
        for (size_t i = 0; i < count; i++)
            lk_test_wire_write(&slow[i], (lk_slice){request + at, 1});
        if (at % 16 == 0)
            assert_serves(t->port);
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(lk_test_wire_read(&slow[i], &reply, LK_TEST_ANSWER_MS));
        assert_int_equal(reply.status, 200);
        lk_test_wire_close(&slow[i]);
    }
    lk_test_reply_clear(&reply);
}

static void who_never_finishes_a_request_does_not_keep_the_server_from_stopping(void **state)
{
    static const char *const beginnings[] = {
        "", "P", "POST / HTTP/1.1\r\nHost: h\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: "
        "2\r\n\r\n{",
        "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: "
        "1099511627776\r\n\r\n{"};
    lk_test_server *t = *state;
    lk_test_wire wires[LK_COUNT(beginnings)];
    for (size_t i = 0; i < LK_COUNT(wires); i++) {
        lk_test_wire_open(&wires[i], t->port);
        lk_test_wire_write(&wires[i], lk_slice_of(beginnings[i]));
    }
    assert_serves(t->port);
    lk_server_stop(t->server);
    t->server = NULL;
    for (size_t i = 0; i < LK_COUNT(wires); i++)
        lk_test_wire_close(&wires[i]);
}

/* Asks on and on without reading, until answers fill all buffers on the way and the server reads no
 * more. */
static void ask_until_stuck(int fd)
{
    static const char request[] = "GET /_lambdakiq/calls HTTP/1.1\r\nHost: h\r\n\r\n";
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    size_t at = 0;
    while (poll(&room, 1, 300) == 1) {
        ssize_t sent = send(fd, request + at, strlen(request) - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(sent > 0 || errno == EAGAIN);
        at = (at + (size_t)LK_MAX(sent, (ssize_t)0)) % strlen(request);
    }
}

static void who_takes_no_answers_holds_nobody_up(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    ask_until_stuck(wire.fd);
    assert_serves(t->port);
    lk_test_wire_reset(&wire);
    assert_serves(t->port);
}

static void who_sends_and_closes_his_half_is_answered(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_send(&wire, "CreateQueue", "{\"QueueName\":\"half\"}");
    shutdown(wire.fd, SHUT_WR);
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_int_equal(reply.status, 200);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    assert_serves(t->port);
}

/* --- Broken --------------------------------------------------------------------------------- */

/* The answer has this status, or (0) there is none and the connection is closed. */
static void assert_refused(lk_test_server *t, lk_slice bytes, int status)
{
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, bytes);
    bool answered = lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS);
    assert_int_equal(answered ? reply.status : 0, status);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    assert_serves(t->port);
}

static void oversized_headers_and_targets_are_refused(void **state)
{
    lk_buf bytes = {0};
    lk_buf_add_str(&bytes, "GET /_lambdakiq/health HTTP/1.1\r\nHost: h\r\nX-Long: ");
    for (int i = 0; i < 100000; i++)
        lk_buf_add_char(&bytes, 'x');
    lk_buf_add_str(&bytes, "\r\n\r\n");
    assert_refused(*state, lk_buf_slice(&bytes), 431);
    lk_buf_reset(&bytes);
    lk_buf_add_str(&bytes, "GET /");
    for (int i = 0; i < 100000; i++)
        lk_buf_add_char(&bytes, 'x');
    lk_buf_add_str(&bytes, " HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_refused(*state, lk_buf_slice(&bytes), 414);
    lk_buf_reset(&bytes);
    lk_buf_add_str(&bytes, "GET /_lambdakiq/health HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 10000; i++)
        lk_buf_addf(&bytes, "X-%d: y\r\n", i);
    lk_buf_add_str(&bytes, "\r\n");
    assert_refused(*state, lk_buf_slice(&bytes), 431);
    lk_buf_clear(&bytes);
}

static void headers_of_20_kilobytes_are_read(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_buf bytes = {0};
    lk_buf_add_str(&bytes, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Security-Token: ");
    for (int i = 0; i < 20000; i++)
        lk_buf_add_char(&bytes, 'x');
    lk_buf_add_str(&bytes, "\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 2\r\n\r\n{}");
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, lk_buf_slice(&bytes));
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_int_equal(reply.status, 200);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    lk_buf_clear(&bytes);
}

static void what_is_not_http_is_refused(void **state)
{
    lk_test_server *t = *state;
    assert_refused(t, LK_SLICE_LITERAL("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"), 0);
    assert_refused(t, LK_SLICE_LITERAL("HELO there\r\n\r\n"), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thousand_polls_get_a_message_each),
        cmocka_unit_test(ten_thousand_idle_connections_take_little_memory),
        cmocka_unit_test(requests_that_arrive_all_at_once_are_all_answered),
        TEST(the_connection_that_is_idle_for_longest_gives_way_to_a_new_one),
        TEST(who_dribbles_at_a_request_gives_way_too),
        TEST(a_poll_gives_way_to_nobody),
        TEST(slow_clients_hold_nobody_up_and_are_served_in_the_end),
        TEST(who_never_finishes_a_request_does_not_keep_the_server_from_stopping),
        TEST(who_takes_no_answers_holds_nobody_up),
        TEST(who_sends_and_closes_his_half_is_answered),
        TEST(oversized_headers_and_targets_are_refused),
        TEST(headers_of_20_kilobytes_are_read),
        TEST(what_is_not_http_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
