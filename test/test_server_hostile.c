/* SPDX-License-Identifier: MIT
 *
 * Tests of the server among clients that send too much or break off: memory is bounded and the
 * others are served. Many, slow and idle ones are in test_server_load.c.
 */
#include "lk_test_process.h"
#include "lk_test_wire.h"

#include <signal.h>
#include <sys/socket.h>

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lk_test_server_setup, lk_test_server_teardown)

/* Another client, which has done nothing wrong. */
static void assert_others_are_served(lk_test_server *t)
{
    lk_test_server_do(t, "ListQueues", "{}");
}

/* Writes text so often, and as much of it as the server takes. */
static void write_much(lk_test_wire *wire, const char *text, size_t times)
{
    lk_buf bytes = {0};
    for (size_t i = 0; i < times; i++)
        lk_buf_add_str(&bytes, text);
    lk_slice rest = lk_buf_slice(&bytes);
    while (rest.len > 0) {
        ssize_t sent = send(wire->fd, rest.ptr, rest.len, MSG_NOSIGNAL);
        if (sent <= 0) /* it has answered and hung up */
            break;
        rest = (lk_slice){rest.ptr + sent, rest.len - (size_t)sent};
    }
    lk_buf_clear(&bytes);
}

/* --- Long and half ones --------------------------------------------------------------------- */

static void a_url_of_twenty_kilobytes_is_read(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL("GET /000000000000/jobs?Action=SendMessage&"
                                               "MessageBody="));
    write_much(&wire, "aaaaaaaaaa", 2000);
    lk_test_wire_write(&wire, LK_SLICE_LITERAL(" HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_int_equal(reply.status, 200);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

static void half_a_request_does_nothing(void **state)
{
    static const char *const halves[] = {
        "GET /?Action=CreateQueue&QueueName=half",
        "GET /?Action=CreateQueue&QueueName=half HTTP/1.1\r\nHost: h\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
        "Action=CreateQueue&QueueName=half",
    };
    lk_test_server *t = *state;
    lk_test_wire wires[LK_COUNT(halves)];
    lk_test_reply reply = {0};
    for (size_t i = 0; i < LK_COUNT(halves); i++) {
        lk_test_wire_open(&wires[i], t->port);
        lk_test_wire_write(&wires[i], lk_slice_of(halves[i]));
        shutdown(wires[i].fd, SHUT_WR);
    }
    lk_test_server_exchange(t, "GET /?Action=ListQueues HTTP/1.1\r\nHost: h\r\n\r\n", &reply);
    assert_non_null(strstr(reply.body.ptr, "<ListQueuesResult/>"));
    for (size_t i = 0; i < LK_COUNT(halves); i++)
        lk_test_wire_close(&wires[i]);
    lk_test_server_exchange(t, "GET /?Action=ListQueues HTTP/1.1\r\nHost: h\r\n\r\n", &reply);
    assert_non_null(strstr(reply.body.ptr, "<ListQueuesResult/>"));
    lk_test_reply_clear(&reply);
}

/* --- Memory --------------------------------------------------------------------------------- */

/* The most that the process ever had in memory. */
static long peak_kb(const lk_test_program *program)
{
    char path[64], line[128];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)program->pid);
    FILE *status = fopen(path, "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &kb) == 1)
            break;
    fclose(status);
    assert_true(kb > 0);
    return kb;
}

#define MANY       600
#define CHUNK      "10000\r\n" /* 64 KB each */
#define CHUNKS     4096        /* 256 MB */
#define BOUND_KB   (64L << 10)
#define CHUNK_SIZE ((size_t)0x10000)

static void send_endless_body(lk_test_wire *wire)
{
    lk_buf chunk = {0};
    lk_buf_add_str(&chunk, CHUNK);
    for (size_t i = 0; i < CHUNK_SIZE; i++)
        lk_buf_add_char(&chunk, 'x');
    lk_buf_add_str(&chunk, "\r\n");
    lk_test_wire_write(wire, LK_SLICE_LITERAL("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: "
                                              "AmazonSQS.SendMessage\r\nTransfer-Encoding: "
                                              "chunked\r\n\r\n"));
    for (size_t i = 0; i < CHUNKS; i++)
        lk_test_wire_write(wire, lk_buf_slice(&chunk));
    lk_test_wire_write(wire, LK_SLICE_LITERAL("0\r\n\r\n"));
    lk_buf_clear(&chunk);
}

static void start_process(lk_test_program *program, lk_test_server *server)
{
    const char *argv[] = {LK_TEST_COMMAND, "serve", "--port", "0", NULL};
    lk_test_program_start(program, argv);
    server->port = atoi(lk_test_program_wait(program, "http://127.0.0.1:"));
    assert_others_are_served(server);
}

static void stop_process(lk_test_program *program)
{
    assert_int_equal(lk_test_program_end(program, SIGTERM), 0);
    lk_test_program_clear(program);
}

static void an_endless_body_takes_no_memory(void **state)
{
    lk_test_program program = {0};
    lk_test_server server = {0};
    lk_test_wire wire;
    lk_test_reply reply = {0};
    (void)state;
    start_process(&program, &server);
    long before_kb = peak_kb(&program);
    lk_test_wire_open(&wire, server.port);
    send_endless_body(&wire);
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    assert_int_equal(reply.status, 413);
    assert_in_range(peak_kb(&program) - before_kb, 0, BOUND_KB);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    stop_process(&program);
}

/* Eight megabytes of empty lists would be 400 as a tree. */
static void a_body_of_nothing_but_lists_takes_little_memory(void **state)
{
    lk_test_program program = {0};
    lk_test_server server = {0};
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_buf body = {0};
    (void)state;
    start_process(&program, &server);
    long before_kb = peak_kb(&program);
    lk_buf_add_str(&body, "{\"x\":[");
    for (int i = 0; i < 2700000; i++)
        lk_buf_add_str(&body, "[],");
    lk_buf_add_str(&body, "0]}");
    lk_test_wire_open(&wire, server.port);
    lk_test_wire_call(&wire, "ListQueues", body.ptr, &reply);
    assert_int_equal(reply.status, 400);
    assert_in_range(peak_kb(&program) - before_kb, 0, BOUND_KB);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    lk_buf_clear(&body);
    stop_process(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_url_of_twenty_kilobytes_is_read),
        TEST(half_a_request_does_nothing),
        cmocka_unit_test(an_endless_body_takes_no_memory),
        cmocka_unit_test(a_body_of_nothing_but_lists_takes_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
