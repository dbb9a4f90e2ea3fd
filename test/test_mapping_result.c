/* SPDX-License-Identifier: MIT
 *
 * test_mapping_result: what becomes of the messages of a batch, whatever the function does with
 * them: a real worker process, the local SQS and the mapping between them. The pure table is in
 * test_mapping.c.
 */
#include "lk_test.h"

#include "lk_test_house.h"
#include "lk_test_process.h"

#include "json.h"

static lk_test_house *house;

static int close_house(void **state)
{
    (void)state;
    lk_test_house_stop(house);
    house = NULL;
    return 0;
}

/* --- The table ------------------------------------------------------------------------------ */

/* A batch of two messages, of which the first says what its one invocation does. */
static void open_batch(const lk_test_house_options *options, const char *told)
{
    lk_test_house_options whole = *options;
    whole.no_mapping = true;
    whole.command = "fixture_function";
    house = lk_test_house_start(&whole);
    lk_test_house_send(house, told, NULL);
    lk_test_house_send(house, "{}", NULL);
    lk_test_house_map(house);
    lk_test_house_wait_log(house, "\nREPORT RequestId: ", 1);
    lk_test_house_unmap(house); /* when it has deleted what it deletes */
    assert_int_equal(lk_test_count(lk_test_house_log(house), "\nSTART RequestId: "), 1);
}

/* Kept ones are hidden; there is no delete when there is nothing to delete. */
static void assert_kept(const char *told, int kept)
{
    int total = lk_test_local_total(house->local, "jobs");
    int in_flight = lk_test_local_in_flight(house->local, "jobs");
    int64_t calls = lk_test_house_calls(house, "DeleteMessageBatch") +
                    lk_test_house_calls(house, "DeleteMessage");
    if (total != kept || in_flight != kept || calls != (kept < 2 ? 1 : 0))
        fail_msg("%s: %d messages, %d of them hidden, %lld deletes, expected %d kept; log:%s", told,
                 total, in_flight, (long long)calls, kept, lk_test_house_log(house));
    close_house(NULL);
}

static void assert_answers_keep(const lk_test_house_options *options, const char *const *answers,
                                int kept)
{
    for (; *answers; answers++) {
        lk_buf told = {0};
        lk_json_writer w = {.out = &told};
        lk_json_begin_object(&w);
        lk_json_member_str(&w, "do", "say");
        lk_json_member_str(&w, "text", *answers);
        lk_json_end_object(&w);
        open_batch(options, told.ptr);
        assert_kept(told.ptr, kept);
        lk_buf_clear(&told);
    }
}

static void a_response_without_failures_deletes_the_batch(void **state)
{
    static const char *const answers[] = {
        "{\"batchItemFailures\":[]}", "{\"batchItemFailures\":null}", "{}", "null", "", NULL,
    };
    (void)state;
    assert_answers_keep(&(lk_test_house_options){0}, answers, 0);
}

static void a_response_that_names_a_message_keeps_that_one(void **state)
{
    static const char *const answers[] = {
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"$2\"}]}",
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"$1\"},{\"itemIdentifier\":\"$1\"}]}",
        NULL,
    };
    (void)state;
    assert_answers_keep(&(lk_test_house_options){0}, answers, 1);
}

/* No DeleteMessageBatch without entries either: SQS refuses it. */
static void a_response_that_names_all_messages_deletes_none(void **state)
{
    static const char *const answers[] = {
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"$1\"},{\"itemIdentifier\":\"$2\"}]}",
        NULL,
    };
    (void)state;
    assert_answers_keep(&(lk_test_house_options){0}, answers, 2);
}

static void a_response_that_names_something_else_keeps_the_batch(void **state)
{
    static const char *const answers[] = {
        "no json",
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"\"}]}",
        "{\"batchItemFailures\":[{\"itemIdentifier\":null}]}",
        "{\"batchItemFailures\":[{}]}",
        "{\"batchItemFailures\":[{\"itemidentifier\":\"$1\"}]}",
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"$1\"},{\"itemIdentifier\":\"other\"}]}",
        NULL,
    };
    (void)state;
    assert_answers_keep(&(lk_test_house_options){0}, answers, 2);
}

static void a_response_of_another_shape_keeps_the_batch(void **state)
{
    static const char *const answers[] = {
        "\"$1\"", "1", "[\"$1\"]", "{\"batchItemFailures\":{\"itemIdentifier\":\"$1\"}}", NULL,
    };
    (void)state;
    assert_answers_keep(&(lk_test_house_options){0}, answers, 2);
}

static void without_reporting_any_response_deletes_the_batch(void **state)
{
    static const char *const answers[] = {
        "{\"batchItemFailures\":[{\"itemIdentifier\":\"$1\"}]}", "\"text\"", "no json", "", NULL,
    };
    (void)state;
    assert_answers_keep(&(lk_test_house_options){.no_report = true}, answers, 0);
}

static void a_failed_invocation_keeps_the_batch_with_and_without_reporting(void **state)
{
    static const char *const failures[][2] = {
        {"{\"do\":\"fail\"}", "\tStatus: error\tError Type: Function.Refused\n"},
        {"{\"do\":\"bad-error\"}", "\tStatus: error\tError Type: Runtime.Unknown\n"},
        {"{\"do\":\"exit\",\"status\":1}", "Runtime exited with error: exit status 1"},
        {"{\"do\":\"exit\",\"status\":0}", "Runtime exited without providing a reason"},
        {"{\"do\":\"segv\"}", "signal: segmentation fault"},
        {"{\"do\":\"big\",\"bytes\":6291557}", "Error Type: Function.ResponseSizeTooLarge\n"},
    };
    (void)state;
    for (size_t i = 0; i < 2 * LK_COUNT(failures); i++) {
        const char *const *failure = failures[i / 2];
        open_batch(&(lk_test_house_options){.no_report = i % 2 == 0}, failure[0]);
        if (!strstr(lk_test_house_log(house), failure[1]))
            fail_msg("%s: no \"%s\" in the log:%s", failure[0], failure[1],
                     lk_test_house_log(house));
        assert_kept(failure[0], 2);
    }
}

static void an_invocation_over_its_time_keeps_the_batch_with_and_without_reporting(void **state)
{
    (void)state;
    for (int reporting = 0; reporting < 2; reporting++) {
        open_batch(&(lk_test_house_options){.no_report = !reporting, .timeout_ms = 500},
                   "{\"do\":\"sleep\",\"ms\":60000}");
        assert_non_null(strstr(lk_test_house_log(house), "\tStatus: timeout\n"));
        assert_kept("sleep", 2);
    }
}

static void ten_megabytes_of_log_lines_come_through_and_the_batch_is_done(void **state)
{
    (void)state;
    open_batch(&(lk_test_house_options){0}, "{\"do\":\"flood\",\"lines\":10486}");
    assert_int_equal(lk_test_count(lk_test_house_log(house), ".\n"), 10486);
    assert_kept("flood", 0);
}

/* --- Keeping -------------------------------------------------------------------------------- */

static void a_kept_message_is_hidden_until_its_timeout_ends_and_then_counts_two(void **state)
{
    (void)state;
    house = lk_test_house_start(&(lk_test_house_options){.command = "fixture_function"});
    lk_test_house_send(house, "{\"do\":\"fail\"}", NULL);
    lk_test_house_wait_log(house, "stays in it and comes back", 1);
    lk_test_house_advance(house, 290);
    assert_int_equal(lk_test_local_in_flight(house->local, "jobs"), 1);
    assert_int_equal(lk_test_count(lk_test_house_log(house), "\nSTART RequestId: "), 1);
    lk_test_house_advance(house, 11);
    lk_test_house_wait_log(house, "stays in it and comes back", 2);
    assert_int_equal(lk_test_house_calls(house, "ChangeMessageVisibility"), 0);
    assert_int_equal(lk_test_house_calls(house, "ChangeMessageVisibilityBatch"), 0);
    lk_test_house_advance(house, 301);
    lk_test_house_wait_log(house, "stays in it and comes back", 3);
    lk_test_house_unmap(house);
    lk_test_house_advance(house, 301);
    lk_messages *messages = lk_test_house_receive(house, "jobs");
    assert_slice(lk_test_attribute(lk_messages_at(messages, 0), "ApproximateReceiveCount"), "4");
    lk_messages_free(messages);
}

static void messages_stay_visible_while_all_workers_are_busy(void **state)
{
    (void)state;
    house = lk_test_house_start(&(lk_test_house_options){.batch_size = 1});
    lk_test_house_enqueue(house, "SlowJob", "[60000]", NULL);
    lk_test_house_wait(house, "start SlowJob", 1);
    lk_test_house_enqueue(house, "OkJob", "[]", NULL);
    lk_test_sleep_ms(300); /* enough to be taken, were it taken */
    assert_int_equal(lk_test_local_visible(house->local, "jobs"), 1);
    assert_int_equal(lk_test_local_in_flight(house->local, "jobs"), 1);
}

/* --- Events --------------------------------------------------------------------------------- */

static void assert_event_has(const char *part)
{
    const char *event = strstr(lk_test_house_log(house), "\nevent: ");
    assert_non_null(event);
    if (!strstr(event, part))
        fail_msg("no %s in %s", part, event);
}

static void several_groups_of_a_fifo_queue_are_one_invocation_in_order(void **state)
{
    (void)state;
    house = lk_test_house_start(
        &(lk_test_house_options){.fifo = true, .no_mapping = true, .command = "fixture_function"});
    lk_test_house_send(house, "{\"n\":1}", "red");
    lk_test_house_send(house, "{\"n\":2}", "blue");
    lk_test_house_send(house, "{\"n\":3}", "red");
    lk_test_house_send(house, "{\"n\":4}", "blue");
    lk_test_house_map(house);
    lk_test_house_wait_messages(house, "jobs.fifo", 0);
    const char *log = lk_test_house_log(house);
    assert_int_equal(lk_test_count(log, "\nSTART RequestId: "), 1);
    assert_int_equal(lk_test_count(log, "\"MessageGroupId\":\"red\""), 2);
    assert_int_equal(lk_test_count(log, "\"MessageGroupId\":\"blue\""), 2);
    const char *first = strstr(log, "{\\\"n\\\":1}");
    const char *second = strstr(log, "{\\\"n\\\":2}");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(strstr(log, "{\\\"n\\\":3}") > first);
    assert_true(strstr(log, "{\\\"n\\\":4}") > second);
}

static void a_record_has_all_its_attributes_and_list_members(void **state)
{
    (void)state;
    house =
        lk_test_house_start(&(lk_test_house_options){.command = "fixture_function", .fifo = true});
    lk_test_house_enqueue(
        house, "AnyJob", "[]",
        &(lk_enqueue_options){.size = sizeof(lk_enqueue_options), .message_group_id = "red"});
    lk_test_house_wait_messages(house, "jobs.fifo", 0);
    static const char *const members[] = {
        "\"ApproximateReceiveCount\":\"1\"",
        "\"SentTimestamp\":\"1",
        "\"SenderId\":\"",
        "\"ApproximateFirstReceiveTimestamp\":\"1",
        "\"SequenceNumber\":\"",
        "\"MessageGroupId\":\"red\"",
        "\"MessageDeduplicationId\":\"",
        "\"messageAttributes\":{\"lambdakiq\":{\"stringValue\":\"1\",\"stringListValues\":[],"
        "\"binaryListValues\":[],\"dataType\":\"String\"}}",
        "\"eventSource\":\"aws:sqs\"",
        "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:000000000000:jobs.fifo\"",
        "\"awsRegion\":\"us-east-1\"",
    };
    for (size_t i = 0; i < LK_COUNT(members); i++)
        assert_event_has(members[i]);
}

/* --- Start ---------------------------------------------------------------------------------- */

static void a_queue_that_hides_messages_for_less_than_the_functions_timeout_is_refused(void **state)
{
    (void)state;
    lk_err err;
    lk_mapping *mapping = NULL;
    house = lk_test_house_start(
        &(lk_test_house_options){.no_mapping = true, .visibility_s = 60, .timeout_ms = 180000});
    lk_client_options client = LK_CLIENT_OPTIONS_INIT;
    client.endpoint = lk_server_url(lk_test_local_server(house->local));
    client.region = LK_TEST_REGION;
    client.access_key_id = "local";
    client.secret_access_key = "local";
    lk_mapping_options options = {.queue_arn = house->arn,
                                  .queue_url = house->queue,
                                  .client = client,
                                  .batch_size = 1,
                                  .max_concurrency = 1};
    assert_lk_fails(lk_mapping_start(&options, house->function, &mapping, &err), LK_E_INVALID);
    assert_null(mapping);
    assert_non_null(strstr(err.message, "Queue visibility timeout: 60 seconds is less than "
                                        "Function timeout: 180 seconds"));
}

int main(void)
{
#define HOUSE_TEST(name) cmocka_unit_test_teardown(name, close_house)
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(a_response_without_failures_deletes_the_batch),
        HOUSE_TEST(a_response_that_names_a_message_keeps_that_one),
        HOUSE_TEST(a_response_that_names_all_messages_deletes_none),
        HOUSE_TEST(a_response_that_names_something_else_keeps_the_batch),
        HOUSE_TEST(a_response_of_another_shape_keeps_the_batch),
        HOUSE_TEST(without_reporting_any_response_deletes_the_batch),
        HOUSE_TEST(a_failed_invocation_keeps_the_batch_with_and_without_reporting),
        HOUSE_TEST(an_invocation_over_its_time_keeps_the_batch_with_and_without_reporting),
        HOUSE_TEST(ten_megabytes_of_log_lines_come_through_and_the_batch_is_done),
        HOUSE_TEST(a_kept_message_is_hidden_until_its_timeout_ends_and_then_counts_two),
        HOUSE_TEST(messages_stay_visible_while_all_workers_are_busy),
        HOUSE_TEST(several_groups_of_a_fifo_queue_are_one_invocation_in_order),
        HOUSE_TEST(a_record_has_all_its_attributes_and_list_members),
        HOUSE_TEST(a_queue_that_hides_messages_for_less_than_the_functions_timeout_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
