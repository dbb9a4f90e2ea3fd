/* SPDX-License-Identifier: MIT
 *
 * lk_test_wire: see the header.
 */
#include "lk_test_wire.h"

#include "lk_test_peer.h"

#include <errno.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- A server ------------------------------------------------------------------------------- */

int lk_test_server_setup(void **state)
{
    return lk_test_server_setup_with(state, &(lk_server_options){0});
}

int lk_test_server_setup_with(void **state, const lk_server_options *options)
{
    lk_err err;
    lk_test_server *t = calloc(1, sizeof *t);
    assert_non_null(t);
    assert_lk_ok(lk_clock_new(NULL, &t->clock, &err));
    lk_server_options own = *options;
    own.clock = t->clock;
    assert_lk_ok(lk_server_start(&own, &t->server, &err));
    t->port = lk_server_port(t->server);
    *state = t;
    return 0;
}

int lk_test_server_teardown(void **state)
{
    lk_test_server *t = *state;
    lk_server_stop(t->server);
    lk_clock_free(t->clock);
    free(t);
    return 0;
}

/* --- A connection --------------------------------------------------------------------------- */

void lk_test_wire_open(lk_test_wire *wire, int port)
{
    *wire = (lk_test_wire){.fd = lk_test_connect(port)};
}

void lk_test_wire_close(lk_test_wire *wire)
{
    close(wire->fd);
    wire->fd = -1;
    lk_buf_clear(&wire->in);
}

void lk_test_wire_reset(lk_test_wire *wire)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    lk_test_wire_close(wire);
}

void lk_test_wire_write(lk_test_wire *wire, lk_slice bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(wire->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        assert_true(sent > 0);
        bytes = (lk_slice){bytes.ptr + sent, bytes.len - (size_t)sent};
    }
}

void lk_test_wire_send(lk_test_wire *wire, const char *action, const char *body)
{
    lk_buf request = {0};
    lk_buf_addf(&request,
                "POST / HTTP/1.1\r\nHost: sqs.test:9324\r\nX-Amz-Target: AmazonSQS.%s\r\n"
                "Content-Type: application/x-amz-json-1.0\r\nContent-Length: %zu\r\n\r\n",
                action, strlen(body));
    lk_buf_add_str(&request, body);
    lk_test_wire_write(wire, lk_buf_slice(&request));
    lk_buf_clear(&request);
}

static bool read_more(lk_test_wire *wire, int64_t until_ms)
{
    char bytes[65536];
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    int64_t left_ms = until_ms - lk_mono_ms();
    if (poll(&ready, 1, (int)LK_MAX(left_ms, (int64_t)0)) != 1)
        return false;
    ssize_t got = recv(wire->fd, bytes, sizeof bytes, 0);
    if (got <= 0)
        return false;
    lk_buf_add(&wire->in, (lk_slice){bytes, (size_t)got});
    return true;
}

/* The first `len` bytes of wire->in go to *out. */
static void take(lk_test_wire *wire, size_t len, lk_buf *out)
{
    lk_buf_reset(out);
    lk_buf_add(out, (lk_slice){wire->in.ptr, len});
    memmove(wire->in.ptr, wire->in.ptr + len, wire->in.len - len);
    wire->in.len -= len;
}

static bool read_head(lk_test_wire *wire, lk_test_reply *reply, int64_t until_ms)
{
    static const char end[] = "\r\n\r\n";
    for (;;) {
        const char *at =
            wire->in.len > 0 ? memmem(wire->in.ptr, wire->in.len, end, strlen(end)) : NULL;
        if (at) {
            take(wire, (size_t)(at - wire->in.ptr) + strlen(end), &reply->head);
            return true;
        }
        if (!read_more(wire, until_ms))
            return false;
    }
}

bool lk_test_wire_read(lk_test_wire *wire, lk_test_reply *reply, int64_t timeout_ms)
{
    int64_t until_ms = lk_mono_ms() + timeout_ms;
    int64_t length = 0;
    lk_json_free(reply->json);
    reply->json = NULL;
    do { /* 100 Continue comes before the answer */
        if (!read_head(wire, reply, until_ms))
            return false;
        reply->status = atoi(reply->head.ptr + strlen("HTTP/1.1 "));
    } while (reply->status == 100);
    lk_slice_to_int64(lk_test_reply_header(reply, "Content-Length"), &length);
    while (wire->in.len < (size_t)length)
        if (!read_more(wire, until_ms))
            return false;
    take(wire, (size_t)length, &reply->body);
    (void)lk_json_parse(lk_buf_slice(&reply->body), "answer", &reply->json, NULL);
    return true;
}

lk_slice lk_test_reply_header(const lk_test_reply *reply, const char *name)
{
    lk_slice rest = lk_buf_slice(&reply->head);
    while (rest.ptr) {
        lk_slice line, key;
        rest = lk_slice_cut(rest, '\n', &line);
        lk_slice value = lk_slice_cut(line, ':', &key);
        if (key.len == strlen(name) && strncasecmp(key.ptr, name, key.len) == 0)
            return lk_slice_trim(value);
    }
    return (lk_slice){0};
}

void lk_test_reply_clear(lk_test_reply *reply)
{
    lk_json_free(reply->json);
    lk_buf_clear(&reply->head);
    lk_buf_clear(&reply->body);
    *reply = (lk_test_reply){0};
}

/* --- Calls ---------------------------------------------------------------------------------- */

void lk_test_wire_call(lk_test_wire *wire, const char *action, const char *body,
                       lk_test_reply *reply)
{
    lk_test_wire_send(wire, action, body);
    if (!lk_test_wire_read(wire, reply, LK_TEST_ANSWER_MS))
        fail_msg("%s was not answered", action);
}

void lk_test_server_do(lk_test_server *t, const char *action, const char *body)
{
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_call(&wire, action, body, &reply);
    if (reply.status != 200)
        fail_msg("%s %s: %s", action, body, reply.body.ptr);
    lk_test_reply_clear(&reply);
    lk_test_wire_close(&wire);
}

void lk_test_server_exchange(lk_test_server *t, const char *bytes, lk_test_reply *reply)
{
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_write(&wire, lk_slice_of(bytes));
    if (!lk_test_wire_read(&wire, reply, LK_TEST_ANSWER_MS))
        fail_msg("%.60s was not answered", bytes);
    lk_test_wire_close(&wire);
}

int lk_test_server_http(lk_test_server *t, const char *path, const char *body, lk_test_reply *reply)
{
    lk_buf request = {0};
    lk_buf_addf(&request, "%s %s HTTP/1.1\r\nHost: sqs.test\r\nContent-Length: %zu\r\n\r\n%s",
                body ? "POST" : "GET", path, body ? strlen(body) : 0, body ? body : "");
    lk_test_server_exchange(t, request.ptr, reply);
    lk_buf_clear(&request);
    return reply->status;
}

static int64_t receives(lk_test_wire *wire)
{
    lk_test_reply reply = {0};
    int64_t begun = 0;
    lk_test_wire_write(wire, LK_SLICE_LITERAL("GET /_lambdakiq/calls HTTP/1.1\r\nHost: h\r\n\r\n"));
    if (!lk_test_wire_read(wire, &reply, LK_TEST_ANSWER_MS))
        fail_msg("the calls are not told");
    const lk_json *calls = lk_json_get(reply.json, "calls");
    assert_true(lk_json_int64(lk_json_get(calls, "ReceiveMessage"), &begun));
    lk_test_reply_clear(&reply);
    return begun;
}

int64_t lk_test_server_receives(lk_test_server *t)
{
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    int64_t begun = receives(&wire);
    lk_test_wire_close(&wire);
    return begun;
}

void lk_test_wire_wait_receives(lk_test_wire *wire, int64_t count)
{
    int64_t until_ms = lk_mono_ms() + LK_TEST_ANSWER_MS;
    while (receives(wire) < count) {
        if (lk_mono_ms() > until_ms)
            fail_msg("no %lld receives have begun", (long long)count);
        usleep(1000);
    }
}

void lk_test_server_wait_receives(lk_test_server *t, int64_t count)
{
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_wait_receives(&wire, count);
    lk_test_wire_close(&wire);
}

lk_slice lk_test_reply_member(const lk_test_reply *reply, const char *name)
{
    return lk_json_string(lk_json_get(reply->json, name));
}

size_t lk_test_reply_messages(const lk_test_reply *reply)
{
    return lk_json_length(lk_json_get(reply->json, "Messages"));
}

lk_slice lk_test_reply_message(const lk_test_reply *reply, size_t index, const char *name)
{
    const lk_json *messages = lk_json_get(reply->json, "Messages");
    return lk_json_string(lk_json_get(lk_json_at(messages, index), name));
}
