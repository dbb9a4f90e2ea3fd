/* SPDX-License-Identifier: MIT
 *
 * fuzz_action: see the header. There are the queues "q" and "q.fifo" with some messages.
 */
#include "fuzz_action.h"

#include "proto_json.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW_MS INT64_C(1700000000000)

static const lk_action_env env = {
    .region = "us-east-1", .account = "000000000000", .max_message_bytes = LK_MESSAGE_MAX_BYTES};
static lk_store *store;

static void touch(void *ctx, int64_t queue_id)
{
    (void)ctx;
    (void)queue_id;
}

static int run(lk_request *request)
{
    lk_err err;
    lk_action_context context = {
        .store = store, .now_ms = NOW_MS, .may_wait = true, .touch = touch};
    int rc = lk_action_run(&context, request, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    return rc;
}

static void exchange(const lk_protocol *protocol, const lk_wire *wire, lk_slice path, lk_buf *out)
{
    lk_err err;
    lk_request request;
    lk_request_init(&request, &env);
    request.base_url = LK_SLICE_LITERAL("http://h");
    request.path = path;
    request.sender_id = LK_SLICE_LITERAL("AKID");
    request.request_id = LK_SLICE_LITERAL("11111111-2222-4333-8444-555555555555");
    int rc = protocol->parse(wire, &request, &err);
    if (rc == 0)
        rc = lk_action_check(&request, &err);
    if (rc == 0)
        rc = run(&request);
    FUZZ_REQUIRE(rc >= 0);
    FUZZ_REQUIRE(rc == LK_ACTION_WAITS || (rc > 0) == (request.fault.code != LK_FAULT_NONE));
    if (!request.fault.code)
        FUZZ_REQUIRE(lk_action_shape(&request, &err) == 0);
    protocol->render(&request, out);
    FUZZ_REQUIRE(!out->failed);
    lk_request_clear(&request);
}

/* --- The store ------------------------------------------------------------------------------ */

static void prepare(const char *action, const char *body)
{
    lk_buf out = {0};
    lk_wire wire = {.target = lk_slice_of(action), .body = lk_slice_of(body)};
    exchange(&lk_proto_json, &wire, LK_SLICE_LITERAL("/"), &out);
    lk_buf_clear(&out);
}

static void open_store(void)
{
    lk_err err;
    lk_store_options options = {.path = NULL};
    FUZZ_REQUIRE(lk_store_open(&options, &store, &err) == 0);
    FUZZ_REQUIRE(lk_store_begin(store, &err) == 0);
    prepare("CreateQueue", "{\"QueueName\":\"q\"}");
    prepare("CreateQueue", "{\"QueueName\":\"q.fifo\",\"Attributes\":{\"FifoQueue\":\"true\"}}");
    for (int i = 0; i < 3; i++) {
        prepare("SendMessage",
                "{\"QueueUrl\":\"q\",\"MessageBody\":\"<&\\r\\n\",\"MessageAttributes"
                "\":{\"b\":{\"DataType\":\"Binary\",\"BinaryValue\":\"AAH/\"},"
                "\"s\":{\"DataType\":\"String\",\"StringValue\":\"\\\"\"}}}");
        prepare("SendMessage", "{\"QueueUrl\":\"q.fifo\",\"MessageBody\":\"x\",\"MessageGroupId\":"
                               "\"g\",\"MessageDeduplicationId\":\"d\"}");
    }
    FUZZ_REQUIRE(lk_store_commit(store, &err) == 0);
}

static void close_store(void)
{
    lk_store_close(store);
}

void lk_fuzz_exchange(const lk_protocol *protocol, const lk_wire *wire, lk_slice path, lk_buf *out)
{
    lk_err err;
    if (!store) {
        open_store();
        atexit(close_store);
    }
    FUZZ_REQUIRE(lk_store_begin(store, &err) == 0);
    exchange(protocol, wire, path, out);
    lk_store_rollback(store);
}
