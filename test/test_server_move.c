/* SPDX-License-Identifier: MIT
 *
 * Tests of move tasks in a running server: they go on by themselves, wake polls, follow the clock,
 * and outlive the server.
 */
#include "lk_test_store.h"
#include "lk_test_wire.h"

#include <unistd.h>

#define DEAD_ARN "arn:aws:sqs:us-east-1:000000000000:dead"
#define WAIT_MS  15000

static void call(lk_test_server *t, const char *action, const char *body, lk_test_reply *reply)
{
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_call(&wire, action, body, reply);
    lk_test_wire_close(&wire);
}

/* "jobs", whose dead letters go to "dead", where so many are. */
static void bury(lk_test_server *t, int count)
{
    lk_test_server_do(t, "CreateQueue", "{\"QueueName\":\"dead\"}");
    lk_test_server_do(t, "CreateQueue",
                      "{\"QueueName\":\"jobs\",\"Attributes\":{\"RedrivePolicy\":"
                      "\"{\\\"deadLetterTargetArn\\\":\\\"" DEAD_ARN
                      "\\\",\\\"maxReceiveCount\\\":1}\"}}");
    for (int i = 0; i < count; i++) {
        lk_test_server_do(t, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"poison\"}");
        for (int attempt = 0; attempt < 2; attempt++)
            lk_test_server_do(t, "ReceiveMessage",
                              "{\"QueueUrl\":\"jobs\",\"VisibilityTimeout\":0}");
    }
}

static void start(lk_test_server *t, const char *more)
{
    char body[160];
    snprintf(body, sizeof body, "{\"SourceArn\":\"" DEAD_ARN "\"%s}", more);
    lk_test_server_do(t, "StartMessageMoveTask", body);
}

static bool is_running(lk_test_server *t)
{
    lk_test_reply reply = {0};
    call(t, "ListMessageMoveTasks", "{\"SourceArn\":\"" DEAD_ARN "\"}", &reply);
    const lk_json *task = lk_json_at(lk_json_get(reply.json, "Results"), 0);
    lk_slice status = lk_json_string(lk_json_get(task, "Status"));
    bool running = lk_slice_equal_str(status, "RUNNING");
    if (!running)
        assert_slice(status, "COMPLETED");
    lk_test_reply_clear(&reply);
    return running;
}

static void wait_until_completed(lk_test_server *t)
{
    int64_t until_ms = lk_mono_ms() + WAIT_MS;
    while (is_running(t)) {
        if (lk_mono_ms() > until_ms)
            fail_msg("the task does not end");
        usleep(5000);
    }
}

static size_t received(lk_test_server *t, const char *queue)
{
    lk_test_reply reply = {0};
    char body[96];
    snprintf(body, sizeof body, "{\"QueueUrl\":\"%s\",\"MaxNumberOfMessages\":10}", queue);
    call(t, "ReceiveMessage", body, &reply);
    size_t count = lk_test_reply_messages(&reply);
    lk_test_reply_clear(&reply);
    return count;
}

static void advance(lk_test_server *t, const char *order)
{
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/clock", order, &reply), 200);
    lk_test_reply_clear(&reply);
}

static void a_moved_message_wakes_a_poll_on_its_destination(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    lk_test_reply reply = {0};
    bury(t, 1);
    int64_t receives = lk_test_server_receives(t);
    lk_test_wire_open(&poll, t->port);
    lk_test_wire_send(&poll, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
    lk_test_server_wait_receives(t, receives + 1);
    start(t, "");
    assert_true(lk_test_wire_read(&poll, &reply, WAIT_MS)); /* before it ends by itself */
    assert_slice(lk_test_reply_message(&reply, 0, "Body"), "poison");
    lk_test_reply_clear(&reply);
    lk_test_wire_close(&poll);
}

static void a_task_goes_on_by_itself_to_its_end(void **state)
{
    lk_test_server *t = *state;
    bury(t, 8);
    start(t, ",\"MaxNumberOfMessagesPerSecond\":100");
    wait_until_completed(t);
    assert_int_equal(received(t, "jobs"), 8);
    assert_int_equal(received(t, "dead"), 0);
}

static void a_moved_clock_lets_a_slow_task_finish(void **state)
{
    lk_test_server *t = *state;
    bury(t, 10);
    start(t, ",\"MaxNumberOfMessagesPerSecond\":1");
    advance(t, "{\"advance_s\":3600}");
    wait_until_completed(t);
    assert_int_equal(received(t, "jobs"), 10);
}

static void start_on(lk_test_server *t, const char *file)
{
    lk_err err;
    lk_server_options options = {.clock = t->clock, .db_path = file};
    assert_lk_ok(lk_server_start(&options, &t->server, &err));
    t->port = lk_server_port(t->server);
}

static void a_task_goes_on_after_the_server_was_started_again(void **state)
{
    lk_test_server *t = *state;
    char directory[64], file[96];
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/jobs.sqlite3", directory);
    lk_server_stop(t->server);
    start_on(t, file);
    bury(t, 10);
    start(t, ",\"MaxNumberOfMessagesPerSecond\":1");
    lk_server_stop(t->server);
    start_on(t, file);
    assert_true(is_running(t));
    advance(t, "{\"advance_s\":3600}");
    wait_until_completed(t);
    assert_int_equal(received(t, "jobs"), 10);
    test_store_remove(directory, file);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lk_test_server_setup, lk_test_server_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_moved_message_wakes_a_poll_on_its_destination),
        TEST(a_task_goes_on_by_itself_to_its_end),
        TEST(a_moved_clock_lets_a_slow_task_finish),
        TEST(a_task_goes_on_after_the_server_was_started_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
