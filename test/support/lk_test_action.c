/* SPDX-License-Identifier: MIT
 *
 * lk_test_action: see the header.
 */
#include "lk_test_action.h"

#include "proto_json.h"

#define START_MS INT64_C(1700000000000)

/* --- The store ------------------------------------------------------------------------------ */

int test_action_setup(void **state)
{
    lk_err err;
    test_action *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->now_ms = START_MS;
    t->env = (lk_action_env){.region = "us-east-1",
                             .account = "000000000000",
                             .max_message_bytes = LK_MESSAGE_MAX_BYTES};
    t->path = "/";
    lk_store_options options = {.path = NULL};
    assert_lk_ok(lk_store_open(&options, &t->store, &err));
    test_action_call(t, "CreateQueue", "{'QueueName':'jobs'}");
    assert_action_ok(t);
    test_action_call(t, "CreateQueue",
                     "{'QueueName':'jobs.fifo','Attributes':{'FifoQueue':'true'}}");
    assert_action_ok(t);
    *state = t;
    return 0;
}

int test_action_teardown(void **state)
{
    test_action *t = *state;
    lk_json_free(t->json);
    lk_buf_clear(&t->text);
    lk_store_close(t->store);
    free(t);
    return 0;
}

/* --- Calls ---------------------------------------------------------------------------------- */

static void touch(void *ctx, int64_t queue_id)
{
    test_action *t = ctx;
    (void)queue_id;
    t->touched++;
}

/* As the writer does it. */
static int run_committed(test_action *t, lk_request *request)
{
    lk_err err;
    lk_action_context context = {
        .store = t->store, .now_ms = t->now_ms, .may_wait = true, .touch = touch, .touch_ctx = t};
    assert_lk_ok(lk_store_begin(t->store, &err));
    int rc = lk_action_run(&context, request, &err);
    if (rc < 0)
        fail_msg("%s", err.message);
    assert_lk_ok(lk_store_commit(t->store, &err));
    return rc;
}

static void keep_answer(test_action *t, const lk_protocol *protocol, lk_request *request)
{
    lk_err err;
    lk_fault_code code = request->fault.code;
    lk_buf_reset(&t->text);
    protocol->render(request, &t->text);
    lk_json_free(t->json);
    t->json = NULL;
    if (strstr(protocol->content_type, "json"))
        assert_lk_ok(lk_json_parse(lk_buf_slice(&t->text), "answer", &t->json, &err));
    t->waits_s = request->waits_s;
    t->error = code ? lk_fault_row_get(code)->query_code : "";
    t->type = code ? lk_fault_row_get(code)->json_type : "";
    t->status = code ? lk_fault_row_get(code)->http_status : 200;
    t->message = lk_json_string(lk_json_get(t->json, "message"));
}

void test_action_exchange(test_action *t, const lk_protocol *protocol, const lk_wire *wire)
{
    lk_err err;
    lk_request request;
    lk_request_init(&request, &t->env);
    request.base_url = lk_slice_of(TEST_ACTION_BASE);
    request.path = lk_slice_of(t->path);
    request.sender_id = LK_SLICE_LITERAL("AKIDEXAMPLE");
    request.trace_header = lk_slice_of(t->trace);
    request.request_id = LK_SLICE_LITERAL(TEST_ACTION_REQUEST_ID);
    t->waits = false;
    t->touched = 0;
    int rc = protocol->parse(wire, &request, &err);
    if (rc == 0)
        rc = lk_action_check(&request, &err);
    if (rc == 0)
        rc = run_committed(t, &request);
    t->waits = rc == LK_ACTION_WAITS;
    assert_true(rc >= 0);
    assert_true(t->waits || (rc > 0) == (request.fault.code != LK_FAULT_NONE));
    if (!request.fault.code)
        assert_lk_ok(lk_action_shape(&request, &err));
    keep_answer(t, protocol, &request);
    lk_request_clear(&request);
}

void test_action_call_raw(test_action *t, const char *action, lk_slice body)
{
    char target[80];
    snprintf(target, sizeof target, "AmazonSQS.%s", action);
    lk_wire wire = {.target = lk_slice_of(target), .body = body};
    test_action_exchange(t, &lk_proto_json, &wire);
}

void test_action_call(test_action *t, const char *action, const char *format, ...)
{
    lk_buf body = {0};
    char text[8192];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_in_range(len, 0, sizeof text - 1);
    for (char *p = text; *p; p++)
        lk_buf_add_char(&body, *p == '\'' ? '"' : *p);
    test_action_call_raw(t, action, lk_buf_slice(&body));
    lk_buf_clear(&body);
}

/* --- Answers -------------------------------------------------------------------------------- */

lk_slice test_action_string(const test_action *t, const char *name)
{
    return lk_json_string(lk_json_get(t->json, name));
}

size_t test_action_count(const test_action *t, const char *list)
{
    return lk_json_length(lk_json_get(t->json, list));
}

lk_slice test_action_item(const test_action *t, const char *list, size_t index, const char *name)
{
    return lk_json_string(lk_json_get(lk_json_at(lk_json_get(t->json, list), index), name));
}

lk_slice test_action_attribute(const test_action *t, const char *name)
{
    return lk_json_string(lk_json_get(lk_json_get(t->json, "Attributes"), name));
}

lk_slice test_action_system(const test_action *t, const char *name)
{
    const lk_json *first = lk_json_at(lk_json_get(t->json, "Messages"), 0);
    return lk_json_string(lk_json_get(lk_json_get(first, "Attributes"), name));
}

const char *test_action_handle(const test_action *t, size_t index)
{
    static char handles[8][128];
    static unsigned next;
    char *handle = handles[next++ % LK_COUNT(handles)];
    lk_slice text = test_action_item(t, "Messages", index, "ReceiptHandle");
    if (!text.ptr)
        fail_msg("there is no message %zu: %s", index, t->text.ptr);
    assert_true(lk_slice_copy(text, handle, sizeof handles[0]));
    return handle;
}

void test_action_send(test_action *t, const char *queue, const char *body)
{
    if (lk_slice_has_suffix(lk_slice_of(queue), LK_SLICE_LITERAL(".fifo")))
        test_action_call(t, "SendMessage",
                         "{'QueueUrl':'%s','MessageBody':'%s','MessageGroupId':'g',"
                         "'MessageDeduplicationId':'%s'}",
                         queue, body, body);
    else
        test_action_call(t, "SendMessage", "{'QueueUrl':'%s','MessageBody':'%s'}", queue, body);
    assert_action_ok(t);
}

void test_action_receive(test_action *t, const char *queue, int max)
{
    test_action_call(t, "ReceiveMessage",
                     "{'QueueUrl':'%s','MaxNumberOfMessages':%d,'AttributeNames':['All'],"
                     "'MessageAttributeNames':['All']}",
                     queue, max);
    assert_action_ok(t);
}
