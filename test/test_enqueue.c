/* SPDX-License-Identifier: MIT
 *
 * test_enqueue: new jobs from C, many in a call, and what their options become in the message.
 */
#include "lk_test.h"

#include "json.h"
#include "lk_test_local.h"

static int setup(void **state)
{
    lk_test_local *local = lk_test_local_start();
    lk_test_local_queue(local, "jobs", NULL, 0);
    lk_test_local_queue(local, "jobs.fifo", NULL, 0);
    *state = local;
    return 0;
}

static int teardown(void **state)
{
    lk_test_local_stop(*state);
    return 0;
}

static lk_enqueue_entry entry_of(const char *arguments)
{
    return (lk_enqueue_entry){"ThumbnailJob", arguments, LK_ENQUEUE_OPTIONS_INIT};
}

/* The body of a record; freed by the caller. */
static lk_json *body_of(const lk_record *record)
{
    lk_err err;
    lk_json *body = NULL;
    assert_lk_ok(lk_json_parse(record->body, "body", &body, &err));
    return body;
}

/* --- Many ----------------------------------------------------------------------------------- */

static void many_jobs_are_enqueued_in_calls_of_ten(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    enum { COUNT = 25 };
    char arguments[COUNT][16];
    lk_enqueue_entry entries[COUNT];
    lk_send_result results[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(arguments[i], sizeof(arguments[i]), "[%d]", i);
        entries[i] = entry_of(arguments[i]);
    }
    assert_lk_ok(
        lk_enqueue_batch(lk_test_local_client(local), "jobs", entries, COUNT, results, &err));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(results[i].err.code, LK_OK);
        assert_int_equal(strlen(results[i].sent.message_id), 36);
    }
    assert_int_equal(lk_test_local_total(local, "jobs"), COUNT);
}

static void each_has_an_id_of_its_own_and_a_body_of_active_job(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_receive receive;
    lk_enqueue_entry entries[2] = {entry_of("[1]"), entry_of(NULL)};
    lk_send_result results[2];
    entries[1].options.job_id = "mine";
    entries[1].options.priority = 5;
    entries[1].options.has_priority = true;
    assert_lk_ok(lk_enqueue_batch(lk_test_local_client(local), "jobs", entries, 2, results, &err));
    lk_test_local_receive(local, "jobs", &receive);
    assert_int_equal(receive.count, 2);
    for (size_t i = 0; i < 2; i++) {
        lk_json *body = body_of(&receive.records[i]);
        bool mine = lk_slice_equal_str(receive.records[i].message_id, results[1].sent.message_id);
        assert_true(receive.records[i].is_job);
        assert_slice(lk_json_string(lk_json_get(body, "job_class")), "ThumbnailJob");
        assert_slice(lk_json_string(lk_json_get(body, "queue_name")), "jobs");
        assert_int_equal(lk_json_string(lk_json_get(body, "job_id")).len, mine ? 4 : 36);
        assert_int_equal(lk_json_length(lk_json_get(body, "arguments")), mine ? 0 : 1);
        assert_int_equal(lk_json_typeof(lk_json_get(body, "priority")),
                         mine ? LK_JSON_INT : LK_JSON_NULL);
        lk_json_free(body);
    }
    lk_test_receive_clear(&receive);
}

static void a_job_that_cannot_be_sent_fails_alone(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_enqueue_entry entries[4] = {entry_of("[1"), entry_of("[2]"), entry_of("{}"),
                                   entry_of("[4]")};
    lk_send_result results[4];
    entries[3].options.message_deduplication_id = "x"; /* not on a standard queue */
    assert_lk_ok(lk_enqueue_batch(lk_test_local_client(local), "jobs", entries, 4, results, &err));
    assert_int_equal(results[0].err.code, LK_E_JSON);
    assert_int_equal(results[1].err.code, LK_OK);
    assert_int_equal(results[2].err.code, LK_E_INVALID);
    assert_int_equal(results[3].err.code, LK_E_INVALID);
    assert_int_equal(lk_test_local_total(local, "jobs"), 1);
}

static void a_queue_that_is_missing_fails_each(void **state)
{
    lk_err err;
    lk_enqueue_entry entry = entry_of("[1]");
    lk_send_result result;
    assert_lk_ok(
        lk_enqueue_batch(lk_test_local_client(*state), "nowhere", &entry, 1, &result, &err));
    assert_int_equal(result.err.code, LK_E_SERVICE);
    assert_lk_ok(lk_enqueue_batch(lk_test_local_client(*state), "nowhere", NULL, 0, NULL, &err));
    assert_lk_fails(
        lk_enqueue_batch(lk_test_local_client(*state), "no queue", &entry, 1, &result, &err),
        LK_E_INVALID);
}

/* --- Options -------------------------------------------------------------------------------- */

static void a_wait_within_what_sqs_delays_is_left_to_it(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_receive receive;
    lk_enqueue_entry entry = entry_of("[1]");
    lk_send_result result;
    entry.options.delay_ms = 600 * 1000;
    assert_lk_ok(lk_enqueue_batch(lk_test_local_client(local), "jobs", &entry, 1, &result, &err));
    assert_int_equal(lk_test_local_delayed(local, "jobs"), 1);
    lk_test_local_advance(local, 601 * 1000);
    lk_test_local_receive(local, "jobs", &receive);
    assert_int_equal(receive.count, 1);
    assert_true(lk_record_due_at_ms(&receive.records[0]) == 0);
    lk_test_receive_clear(&receive);
}

static void a_longer_wait_travels_with_its_due_time(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_receive receive;
    lk_enqueue_entry entry = entry_of("[1]");
    lk_send_result result;
    entry.options.delay_ms = INT64_C(30) * 86400 * 1000;
    int64_t now_ms = lk_clock_now_ms(lk_test_local_clock(local));
    assert_lk_ok(lk_enqueue_batch(lk_test_local_client(local), "jobs", &entry, 1, &result, &err));
    lk_test_local_advance(local, 901 * 1000);
    lk_test_local_receive(local, "jobs", &receive);
    assert_int_equal(receive.count, 1);
    assert_true(receive.records[0].due_at_ms >= now_ms + entry.options.delay_ms);
    assert_true(receive.records[0].due_at_ms < now_ms + entry.options.delay_ms + 60000);
    lk_test_receive_clear(&receive);
}

static void groups_duplicates_and_traces_are_the_messages(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_test_receive receive;
    lk_enqueue_entry entries[2] = {entry_of("[1]"), entry_of("[2]")};
    lk_send_result results[2];
    for (size_t i = 0; i < 2; i++) {
        entries[i].options.message_group_id = "g";
        entries[i].options.message_deduplication_id = "once";
        entries[i].options.trace_header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    }
    assert_lk_ok(
        lk_enqueue_batch(lk_test_local_client(local), "jobs.fifo", entries, 2, results, &err));
    assert_string_equal(results[0].sent.message_id, results[1].sent.message_id);
    lk_test_local_receive(local, "jobs.fifo", &receive);
    assert_int_equal(receive.count, 1);
    assert_slice(receive.records[0].message_group_id, "g");
    assert_slice(receive.records[0].trace_header,
                 "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    lk_test_receive_clear(&receive);
}

#define ENQUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENQUEUE_TEST(many_jobs_are_enqueued_in_calls_of_ten),
        ENQUEUE_TEST(each_has_an_id_of_its_own_and_a_body_of_active_job),
        ENQUEUE_TEST(a_job_that_cannot_be_sent_fails_alone),
        ENQUEUE_TEST(a_queue_that_is_missing_fails_each),
        ENQUEUE_TEST(a_wait_within_what_sqs_delays_is_left_to_it),
        ENQUEUE_TEST(a_longer_wait_travels_with_its_due_time),
        ENQUEUE_TEST(groups_duplicates_and_traces_are_the_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
