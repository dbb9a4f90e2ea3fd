/* SPDX-License-Identifier: MIT
 *
 * Tests of server_poll and of giving back: long polls are woken by everything that makes a message
 * receivable, in arrival order, and a client that is gone takes no message with it.
 *
 * That a poll is open the server's count of calls says. PARK_MS is ample for it to see that a
 * client is gone; absence alone depends on it, never success.
 */
#include "lk_test_wire.h"

#include <sys/socket.h>
#include <unistd.h>

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lk_test_server_setup, lk_test_server_teardown)

#define PARK_MS   60
#define ANSWER_MS 15000 /* before the polls end by themselves */
#define POLL      "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20,\"AttributeNames\":[\"All\"]}"

static void park(void)
{
    usleep(PARK_MS * 1000);
}

static void open_poll(lk_test_server *t, lk_test_wire *wire, const char *body)
{
    lk_test_wire_open(wire, t->port);
    int64_t begun = lk_test_server_receives(t);
    lk_test_wire_send(wire, "ReceiveMessage", body);
    lk_test_server_wait_receives(t, begun + 1);
}

/* The poll gives one message with this body; NULL: it gives none. Closes it. */
static void assert_poll_gives(lk_test_wire *wire, const char *body)
{
    lk_test_reply reply = {0};
    if (!lk_test_wire_read(wire, &reply, ANSWER_MS))
        fail_msg("the poll was not answered");
    assert_int_equal(reply.status, 200);
    assert_int_equal(lk_test_reply_messages(&reply), body ? 1 : 0);
    if (body)
        assert_slice(lk_test_reply_message(&reply, 0, "Body"), body);
    lk_test_reply_clear(&reply);
    lk_test_wire_close(wire);
}

static void create(lk_test_server *t, const char *name)
{
    char body[160];
    bool fifo = strstr(name, ".fifo") != NULL;
    snprintf(body, sizeof body, "{\"QueueName\":\"%s\"%s}", name,
             fifo ? ",\"Attributes\":{\"FifoQueue\":\"true\"}" : "");
    lk_test_server_do(t, "CreateQueue", body);
}

static void send_text(lk_test_server *t, const char *queue, const char *text)
{
    char body[256];
    snprintf(body, sizeof body, "{\"QueueUrl\":\"%s\",\"MessageBody\":\"%s\"}", queue, text);
    lk_test_server_do(t, "SendMessage", body);
}

static void send_fifo(lk_test_server *t, const char *text)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"QueueUrl\":\"jobs.fifo\",\"MessageBody\":\"%s\",\"MessageGroupId\":\"g\","
             "\"MessageDeduplicationId\":\"%s\"}",
             text, text);
    lk_test_server_do(t, "SendMessage", body);
}

/* One call; the reply is the caller's to clear. */
static void call(lk_test_server *t, const char *action, const char *body, lk_test_reply *reply)
{
    lk_test_wire wire;
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_call(&wire, action, body, reply);
    lk_test_wire_close(&wire);
}

/* Receives one message of "jobs" or "jobs.fifo"; its handle. */
static void take_one(lk_test_server *t, const char *queue, int visibility_s, char handle[128])
{
    char body[128];
    lk_test_reply reply = {0};
    snprintf(body, sizeof body, "{\"QueueUrl\":\"%s\",\"VisibilityTimeout\":%d}", queue,
             visibility_s);
    call(t, "ReceiveMessage", body, &reply);
    assert_true(lk_slice_copy(lk_test_reply_message(&reply, 0, "ReceiptHandle"), handle, 128));
    lk_test_reply_clear(&reply);
}

/* --- Waking --------------------------------------------------------------------------------- */

static void a_send_wakes_a_poll_at_once(void **state)
{
    lk_test_server *t = *state;
    int64_t fastest_ms = INT64_MAX;
    create(t, "jobs");
    for (int i = 0; i < 5; i++) {
        lk_test_wire poll;
        open_poll(t, &poll, POLL);
        int64_t started_ms = lk_mono_ms();
        send_text(t, "jobs", "x");
        assert_poll_gives(&poll, "x");
        if (i > 0) /* the answer to the one before came at once, or with the second */
            fastest_ms = LK_MIN(fastest_ms, lk_mono_ms() - started_ms);
    }
    /* Polls that are opened after each other would wait for most of the second in which all are
     * looked at anyway. */
    assert_in_range(fastest_ms, 0, 500);
}

static void an_empty_poll_ends_after_its_time(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    int64_t started_ms = lk_mono_ms();
    create(t, "jobs");
    open_poll(t, &poll, "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":1}");
    assert_poll_gives(&poll, NULL);
    assert_true(lk_mono_ms() - started_ms >= 1000);
}

static void a_wait_of_0_overrides_that_of_the_queue(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    lk_test_server_do(t, "CreateQueue",
                      "{\"QueueName\":\"jobs\",\"Attributes\":{\"ReceiveMessageWaitTimeSeconds\":"
                      "\"20\"}}");
    open_poll(t, &poll, "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":0}");
    assert_poll_gives(&poll, NULL);
}

static void the_wait_of_the_queue_makes_a_long_poll(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    lk_test_server_do(t, "CreateQueue",
                      "{\"QueueName\":\"jobs\",\"Attributes\":{\"ReceiveMessageWaitTimeSeconds\":"
                      "\"20\"}}");
    open_poll(t, &poll, "{\"QueueUrl\":\"jobs\"}");
    send_text(t, "jobs", "x");
    assert_poll_gives(&poll, "x");
}

static void the_end_of_a_delay_wakes_a_poll(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    create(t, "jobs");
    open_poll(t, &poll, POLL);
    lk_test_server_do(t, "SendMessage",
                      "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"late\",\"DelaySeconds\":1}");
    assert_poll_gives(&poll, "late");
}

static void the_end_of_a_visibility_timeout_wakes_a_poll(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    char handle[128];
    create(t, "jobs");
    send_text(t, "jobs", "again");
    take_one(t, "jobs", 1, handle);
    open_poll(t, &poll, POLL);
    assert_poll_gives(&poll, "again");
}

static void a_timeout_changed_to_0_wakes_a_poll(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    char handle[128], body[256];
    create(t, "jobs");
    send_text(t, "jobs", "back");
    take_one(t, "jobs", 600, handle);
    open_poll(t, &poll, POLL);
    snprintf(body, sizeof body,
             "{\"QueueUrl\":\"jobs\",\"ReceiptHandle\":\"%s\",\"VisibilityTimeout\":0}", handle);
    lk_test_server_do(t, "ChangeMessageVisibility", body);
    assert_poll_gives(&poll, "back");
}

static void a_deleted_head_lets_a_poll_have_the_next_of_its_group(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    char handle[128], body[256];
    create(t, "jobs.fifo");
    send_fifo(t, "one");
    send_fifo(t, "two");
    take_one(t, "jobs.fifo", 600, handle);
    open_poll(t, &poll, "{\"QueueUrl\":\"jobs.fifo\",\"WaitTimeSeconds\":20}");
    snprintf(body, sizeof body, "{\"QueueUrl\":\"jobs.fifo\",\"ReceiptHandle\":\"%s\"}", handle);
    lk_test_server_do(t, "DeleteMessage", body);
    assert_poll_gives(&poll, "two");
}

static void a_redrive_wakes_a_poll_on_the_dead_letter_queue(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    char handle[128];
    create(t, "dead");
    lk_test_server_do(t, "CreateQueue",
                      "{\"QueueName\":\"jobs\",\"Attributes\":{\"RedrivePolicy\":"
                      "\"{\\\"deadLetterTargetArn\\\":\\\"arn:aws:sqs:us-east-1:000000000000:dead"
                      "\\\",\\\"maxReceiveCount\\\":1}\"}}");
    send_text(t, "jobs", "poison");
    take_one(t, "jobs", 0, handle);
    open_poll(t, &poll, "{\"QueueUrl\":\"dead\",\"WaitTimeSeconds\":20}");
    lk_test_server_do(t, "ReceiveMessage", "{\"QueueUrl\":\"jobs\"}");
    assert_poll_gives(&poll, "poison");
}

static void a_moved_clock_wakes_a_poll(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    lk_test_reply reply = {0};
    create(t, "jobs");
    lk_test_server_do(t, "SendMessage",
                      "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"late\",\"DelaySeconds\":900}");
    open_poll(t, &poll, POLL);
    assert_int_equal(lk_test_server_http(t, "/_lambdakiq/clock", "{\"advance_s\":900}", &reply),
                     200);
    assert_poll_gives(&poll, "late");
    lk_test_reply_clear(&reply);
}

static void a_moved_clock_does_not_shorten_a_poll(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    lk_test_reply reply = {0};
    create(t, "jobs");
    open_poll(t, &poll, POLL);
    lk_test_server_http(t, "/_lambdakiq/clock", "{\"advance_s\":3600}", &reply);
    assert_false(lk_test_wire_read(&poll, &reply, 100));
    send_text(t, "jobs", "x");
    assert_poll_gives(&poll, "x");
    lk_test_reply_clear(&reply);
}

static void a_deleted_queue_ends_its_polls(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    lk_test_reply reply = {0};
    create(t, "jobs");
    open_poll(t, &poll, POLL);
    lk_test_server_do(t, "DeleteQueue", "{\"QueueUrl\":\"jobs\"}");
    assert_true(lk_test_wire_read(&poll, &reply, ANSWER_MS));
    assert_int_equal(reply.status, 400);
    assert_slice(lk_test_reply_member(&reply, "__type"), "com.amazonaws.sqs#QueueDoesNotExist");
    lk_test_reply_clear(&reply);
    lk_test_wire_close(&poll);
}

static void a_stopping_server_answers_its_polls_with_nothing(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire polls[3];
    lk_test_reply reply = {0};
    create(t, "jobs");
    for (size_t i = 0; i < LK_COUNT(polls); i++)
        open_poll(t, &polls[i], POLL);
    int64_t started_ms = lk_mono_ms();
    lk_server_stop(t->server);
    t->server = NULL;
    assert_true(lk_mono_ms() - started_ms < ANSWER_MS);
    for (size_t i = 0; i < LK_COUNT(polls); i++) {
        assert_true(lk_test_wire_read(&polls[i], &reply, ANSWER_MS));
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body.ptr, "{}");
        lk_test_wire_close(&polls[i]);
    }
    lk_test_reply_clear(&reply);
}

/* --- Order ---------------------------------------------------------------------------------- */

static void polls_are_served_in_arrival_order(void **state)
{
    static const char *const bodies[] = {"first", "second", "third"};
    lk_test_server *t = *state;
    lk_test_wire polls[3];
    create(t, "jobs");
    for (size_t i = 0; i < LK_COUNT(polls); i++)
        open_poll(t, &polls[i], POLL);
    for (size_t i = 0; i < LK_COUNT(polls); i++)
        send_text(t, "jobs", bodies[i]);
    for (size_t i = 0; i < LK_COUNT(polls); i++)
        assert_poll_gives(&polls[i], bodies[i]);
}

static void a_poll_takes_what_is_there_without_filling_its_batch(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    create(t, "jobs");
    open_poll(t, &poll,
              "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20,\"MaxNumberOfMessages\":10}");
    send_text(t, "jobs", "one");
    assert_poll_gives(&poll, "one");
}

static void a_request_behind_a_poll_waits_for_it(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    create(t, "jobs");
    open_poll(t, &wire, POLL);
    lk_test_wire_send(&wire, "FooBar", "{}");
    park();
    send_text(t, "jobs", "x");
    assert_true(lk_test_wire_read(&wire, &reply, ANSWER_MS));
    assert_slice(lk_test_reply_message(&reply, 0, "Body"), "x");
    assert_true(lk_test_wire_read(&wire, &reply, ANSWER_MS));
    assert_int_equal(reply.status, 400);
    lk_test_reply_clear(&reply);
    lk_test_wire_close(&wire);
}

/* --- Clients that are gone ------------------------------------------------------------------ */

/* The message is there, and this is its first delivery. */
static void assert_untouched_message(lk_test_server *t)
{
    lk_test_reply reply = {0};
    call(t, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"AttributeNames\":[\"All\"]}", &reply);
    assert_int_equal(lk_test_reply_messages(&reply), 1);
    const lk_json *message = lk_json_at(lk_json_get(reply.json, "Messages"), 0);
    assert_slice(
        lk_json_string(lk_json_get(lk_json_get(message, "Attributes"), "ApproximateReceiveCount")),
        "1");
    lk_test_reply_clear(&reply);
}

static void a_client_that_hung_up_takes_no_message(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    create(t, "jobs");
    open_poll(t, &poll, POLL);
    lk_test_wire_close(&poll);
    park();
    send_text(t, "jobs", "x");
    assert_untouched_message(t);
}

static void a_client_that_was_reset_takes_no_message(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    create(t, "jobs");
    open_poll(t, &poll, POLL);
    lk_test_wire_reset(&poll);
    park();
    send_text(t, "jobs", "x");
    assert_untouched_message(t);
}

static void a_half_closed_client_counts_as_gone(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire poll;
    create(t, "jobs");
    open_poll(t, &poll, POLL);
    shutdown(poll.fd, SHUT_WR);
    park();
    send_text(t, "jobs", "x");
    assert_untouched_message(t);
    lk_test_wire_close(&poll);
}

static void the_next_in_line_gets_what_the_one_that_hung_up_does_not(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire gone, next;
    create(t, "jobs");
    open_poll(t, &gone, POLL);
    open_poll(t, &next, POLL);
    lk_test_wire_close(&gone);
    park();
    send_text(t, "jobs", "x");
    assert_poll_gives(&next, "x");
}

static int64_t visible(lk_test_server *t)
{
    int64_t count = -1;
    lk_test_reply reply = {0};
    lk_test_server_http(t, "/_lambdakiq/queues", NULL, &reply);
    const lk_json *queue = lk_json_at(lk_json_get(reply.json, "queues"), 0);
    lk_json_int64(lk_json_get(queue, "visible"), &count);
    lk_test_reply_clear(&reply);
    return count;
}

static void wait_visible(lk_test_server *t, int64_t count)
{
    int64_t until_ms = lk_mono_ms() + ANSWER_MS;
    while (visible(t) != count && lk_mono_ms() < until_ms)
        usleep(5000);
    assert_int_equal(visible(t), count);
}

/* Sends ten messages: more than the kernel's socket buffers hold, to a client that does not read.
 */
static void send_megabytes(lk_test_server *t, const char *queue)
{
    lk_buf text = {0}, body = {0};
    for (int i = 0; i < 1000000; i++)
        lk_buf_add_char(&text, 'x');
    for (int i = 0; i < 10; i++) {
        lk_buf_reset(&body);
        lk_buf_addf(&body, "{\"QueueUrl\":\"%s\",\"MessageBody\":\"%s\"", queue, text.ptr);
        if (strstr(queue, ".fifo"))
            lk_buf_addf(&body, ",\"MessageGroupId\":\"g\",\"MessageDeduplicationId\":\"%d\"", i);
        lk_buf_add_char(&body, '}');
        lk_test_server_do(t, "SendMessage", body.ptr);
    }
    lk_buf_clear(&body);
    lk_buf_clear(&text);
}

static void an_answer_that_cannot_be_sent_is_taken_back(void **state)
{
    lk_test_server *t = *state;
    lk_test_wire wire;
    create(t, "jobs");
    send_megabytes(t, "jobs");
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_send(&wire, "ReceiveMessage",
                      "{\"QueueUrl\":\"jobs\",\"MaxNumberOfMessages\":10}");
    wait_visible(t, 0);
    lk_test_wire_reset(&wire);
    wait_visible(t, 10);
    assert_untouched_message(t);
}

/* The one who has it may be at work on it. */
static void what_was_given_before_is_not_taken_back(void **state)
{
    static const char attempt[] = "{\"QueueUrl\":\"jobs.fifo\",\"MaxNumberOfMessages\":10,"
                                  "\"VisibilityTimeout\":600,\"ReceiveRequestAttemptId\":\"a\"}";
    lk_test_server *t = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    create(t, "jobs.fifo");
    send_megabytes(t, "jobs.fifo");
    call(t, "ReceiveMessage", attempt, &reply);
    assert_int_equal(lk_test_reply_messages(&reply), 10);
    lk_test_reply_clear(&reply);
    lk_test_wire_open(&wire, t->port);
    lk_test_wire_send(&wire, "ReceiveMessage", attempt);
    park();
    lk_test_wire_reset(&wire);
    park();
    assert_int_equal(visible(t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_send_wakes_a_poll_at_once),
        TEST(an_empty_poll_ends_after_its_time),
        TEST(a_wait_of_0_overrides_that_of_the_queue),
        TEST(the_wait_of_the_queue_makes_a_long_poll),
        TEST(the_end_of_a_delay_wakes_a_poll),
        TEST(the_end_of_a_visibility_timeout_wakes_a_poll),
        TEST(a_timeout_changed_to_0_wakes_a_poll),
        TEST(a_deleted_head_lets_a_poll_have_the_next_of_its_group),
        TEST(a_redrive_wakes_a_poll_on_the_dead_letter_queue),
        TEST(a_moved_clock_wakes_a_poll),
        TEST(a_moved_clock_does_not_shorten_a_poll),
        TEST(a_deleted_queue_ends_its_polls),
        TEST(a_stopping_server_answers_its_polls_with_nothing),
        TEST(polls_are_served_in_arrival_order),
        TEST(a_poll_takes_what_is_there_without_filling_its_batch),
        TEST(a_request_behind_a_poll_waits_for_it),
        TEST(a_client_that_hung_up_takes_no_message),
        TEST(a_client_that_was_reset_takes_no_message),
        TEST(a_half_closed_client_counts_as_gone),
        TEST(the_next_in_line_gets_what_the_one_that_hung_up_does_not),
        TEST(an_answer_that_cannot_be_sent_is_taken_back),
        TEST(what_was_given_before_is_not_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
