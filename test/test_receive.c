/* SPDX-License-Identifier: MIT
 *
 * test_receive: messages as structs, from the local server and from answers that go wrong.
 */
#include "lk_test.h"
#include "lk_test_local.h"
#include "lk_test_sqs.h"

#include "json.h"

#include <pthread.h>
#include <unistd.h>

static lk_test_local *local;
static lk_client *client; /* local's */

static int start(void **state LK_UNUSED)
{
    local = lk_test_local_start();
    client = lk_test_local_client(local);
    return 0;
}

static int stop(void **state LK_UNUSED)
{
    lk_test_local_stop(local);
    return 0;
}

#define JOBS LK_SLICE_LITERAL("jobs")

static void send(const char *params)
{
    lk_err err;
    char *response;
    size_t len;
    assert_lk_ok(lk_sqs_call(client, "SendMessage", lk_slice_of(params), &response, &len, &err));
    lk_free(response);
}

static void send_body(lk_slice body)
{
    lk_buf params = {0};
    lk_json_writer w = {.out = &params};
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "QueueUrl", "jobs");
    lk_json_member_string(&w, "MessageBody", body);
    lk_json_end_object(&w);
    send(params.ptr);
    lk_buf_clear(&params);
}

static lk_slice attribute_of(const lk_message *message, const char *name)
{
    for (size_t i = 0; i < message->attribute_count; i++) {
        if (lk_slice_equal_str(message->attributes[i].name, name))
            return message->attributes[i].value;
    }
    return (lk_slice){NULL, 0};
}

static const lk_message_attribute *message_attribute_of(const lk_message *message, const char *name)
{
    for (size_t i = 0; i < message->message_attribute_count; i++) {
        if (lk_slice_equal_str(message->message_attributes[i].name, name))
            return &message->message_attributes[i];
    }
    fail_msg("no message attribute %s", name);
    return NULL;
}

static void a_message_comes_with_everything_about_it(void **state LK_UNUSED)
{
    lk_err err;
    lk_messages *messages;
    lk_test_local_queue(local, "jobs", NULL, 0);
    send("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"a\\r\\n\\u2713\",\"MessageAttributes\":"
         "{\"lambdakiq\":{\"DataType\":\"String\",\"StringValue\":\"1\"},"
         "\"due_at\":{\"DataType\":\"Number\",\"StringValue\":\"42\"},"
         "\"raw\":{\"DataType\":\"Binary.png\",\"BinaryValue\":\"AAH/\"}}}");
    assert_lk_ok(lk_receive(client, JOBS, 10, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 1);
    const lk_message *message = lk_messages_at(messages, 0);
    assert_slice(message->body, "a\r\n\xe2\x9c\x93");
    assert_int_equal(message->message_id.len, 36);
    assert_true(message->receipt_handle.len > 0);
    assert_int_equal(message->md5_of_body.len, 32);
    assert_int_equal(message->md5_of_message_attributes.len, 32);
    assert_slice(attribute_of(message, "ApproximateReceiveCount"), "1");
    assert_true(attribute_of(message, "SentTimestamp").len > 0);
    assert_int_equal(message->message_attribute_count, 3);
    assert_slice(message_attribute_of(message, "due_at")->string_value, "42");
    assert_slice(message_attribute_of(message, "due_at")->data_type, "Number");
    assert_slice(message_attribute_of(message, "raw")->binary_value, "AAH/");
    assert_slice(message_attribute_of(message, "raw")->data_type, "Binary.png");
    assert_null(lk_messages_at(messages, 1));
    lk_messages_free(messages);
}

static void each_message_has_attributes_of_its_own(void **state LK_UNUSED)
{
    lk_err err;
    lk_messages *messages;
    lk_test_local_queue(local, "jobs", NULL, 0);
    send("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"one\",\"MessageAttributes\":"
         "{\"which\":{\"DataType\":\"String\",\"StringValue\":\"one\"}}}");
    send("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"two\",\"MessageAttributes\":"
         "{\"which\":{\"DataType\":\"String\",\"StringValue\":\"two\"}}}");
    send("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"bare\"}");
    assert_lk_ok(lk_receive(client, JOBS, 10, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 3);
    for (size_t i = 0; i < 3; i++) {
        const lk_message *message = lk_messages_at(messages, i);
        assert_slice(attribute_of(message, "ApproximateReceiveCount"), "1");
        if (lk_slice_equal_str(message->body, "bare")) {
            assert_int_equal(message->message_attribute_count, 0);
            assert_null(message->md5_of_message_attributes.ptr);
        } else {
            assert_true(lk_slice_equal(message_attribute_of(message, "which")->string_value,
                                       message->body));
        }
    }
    lk_messages_free(messages);
}

static void an_empty_queue_gives_no_messages(void **state LK_UNUSED)
{
    lk_err err;
    lk_messages *messages;
    lk_test_local_queue(local, "jobs", NULL, 0);
    assert_lk_ok(lk_receive(client, JOBS, 1, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 0);
    assert_null(lk_messages_at(messages, 0));
    lk_messages_free(messages);
    lk_messages_free(NULL);
    assert_int_equal(lk_messages_count(NULL), 0);
}

static void the_visibility_of_a_receive_can_be_chosen(void **state LK_UNUSED)
{
    lk_err err;
    lk_messages *messages;
    lk_test_local_queue(local, "jobs", NULL, 0);
    send("{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}");
    assert_lk_ok(lk_receive(client, JOBS, 1, 0, 5, &messages, &err));
    lk_messages_free(messages);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 0);
    lk_test_local_advance(local, 5000);
    assert_lk_ok(lk_receive(client, JOBS, 1, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 1);
    lk_messages_free(messages);
}

static void numbers_out_of_range_are_refused_before_the_network(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_messages *messages;
    assert_lk_fails(lk_receive(client, JOBS, 0, 0, -1, &messages, &err), LK_E_INVALID);
    assert_lk_fails(lk_receive(client, JOBS, 11, 0, -1, &messages, &err), LK_E_INVALID);
    assert_lk_fails(lk_receive(client, JOBS, 1, 21, -1, &messages, &err), LK_E_INVALID);
    assert_lk_fails(lk_receive(client, JOBS, 1, -2, -1, &messages, &err), LK_E_INVALID);
    assert_lk_fails(lk_receive(client, JOBS, 1, 0, 43201, &messages, &err), LK_E_INVALID);
    assert_null(messages);
}

static void *interrupt_soon(void *ctx)
{
    usleep(50000);
    lk_client_interrupt(ctx);
    return NULL;
}

static void a_long_poll_can_be_interrupted(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_messages *messages;
    pthread_t thread;
    lk_test_local_queue(local, "jobs", NULL, 0);
    int64_t start_ms = lk_mono_ms();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, client), 0);
    assert_lk_fails(lk_receive(client, JOBS, 1, 20, -1, &messages, &err), LK_E_INTERRUPTED);
    assert_true(lk_mono_ms() - start_ms < 10000); /* of twenty seconds */
    pthread_join(thread, NULL);
    assert_null(messages);
}

/* Their answer is twice as long as they are, as each of their characters is escaped in JSON. */
static void ten_messages_of_the_largest_size_come_at_once(void **state LK_UNUSED)
{
    enum { SIZE = 1048576 };
    lk_err err;
    lk_messages *messages;
    char *body = malloc(SIZE);
    assert_non_null(body);
    memset(body, '"', SIZE);
    lk_test_local_queue(local, "jobs", NULL, 0);
    for (int i = 0; i < 10; i++)
        send_body((lk_slice){body, SIZE});
    assert_lk_ok(lk_receive(client, JOBS, 10, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 10);
    assert_int_equal(lk_messages_at(messages, 9)->body.len, SIZE);
    lk_messages_free(messages);
    free(body);
}

static void an_answer_with_the_wrong_shape_gives_what_can_be_read(void **state LK_UNUSED)
{
    lk_err err;
    lk_messages *messages;
    const lk_test_answer answers[] = {
        {.body = "{\"Messages\":[{\"MessageId\":5,\"Attributes\":[1],\"MessageAttributes\":"
                 "{\"a\":7}},null]}"},
        {.body = "{\"Messages\":{\"a\":{}}}"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *c = lk_test_sqs_client(lk_test_sqs_url(sqs), 2000, NULL);
    assert_lk_ok(lk_receive(c, JOBS, 10, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 2);
    assert_null(lk_messages_at(messages, 0)->message_id.ptr);
    assert_int_equal(lk_messages_at(messages, 0)->attribute_count, 0);
    assert_null(lk_messages_at(messages, 0)->message_attributes[0].string_value.ptr);
    assert_null(lk_messages_at(messages, 1)->body.ptr);
    lk_messages_free(messages);
    assert_lk_ok(lk_receive(c, JOBS, 10, 0, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 0);
    lk_messages_free(messages);
    lk_client_free(c);
    lk_test_sqs_stop(sqs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_comes_with_everything_about_it, start, stop),
        cmocka_unit_test_setup_teardown(each_message_has_attributes_of_its_own, start, stop),
        cmocka_unit_test_setup_teardown(an_empty_queue_gives_no_messages, start, stop),
        cmocka_unit_test_setup_teardown(the_visibility_of_a_receive_can_be_chosen, start, stop),
        cmocka_unit_test_setup_teardown(numbers_out_of_range_are_refused_before_the_network, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_long_poll_can_be_interrupted, start, stop),
        cmocka_unit_test_setup_teardown(ten_messages_of_the_largest_size_come_at_once, start, stop),
        cmocka_unit_test(an_answer_with_the_wrong_shape_gives_what_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
