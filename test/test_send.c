/* SPDX-License-Identifier: MIT
 *
 * test_send: sending one job, many, and later. Against the local server where SQS's own behaviour
 * counts, against a peer that answers as ordered where it fails.
 */
#include "lk_test.h"

#include "json.h"
#include "lk_test_local.h"
#include "lk_test_sqs.h"

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

static lk_send_entry entry_of(const char *body, const char *group)
{
    lk_send_entry entry = {.body = lk_slice_of(body), .options = LK_SEND_OPTIONS_INIT};
    entry.options.job_id = lk_slice_of(body);
    entry.options.message_group_id = lk_slice_of(group);
    return entry;
}

/* --- One ------------------------------------------------------------------------------------ */

static void a_sent_job_has_a_message_id_and_arrives_as_it_is(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_sent sent;
    lk_test_receive receive;
    assert_lk_ok(lk_send(lk_test_local_client(local), LK_SLICE_LITERAL("jobs"),
                         LK_SLICE_LITERAL("{\"job_id\":\"a\",\"\\u00e9\":\"é\"}"), NULL, &sent,
                         &err));
    assert_string_equal(sent.sequence_number, "");
    lk_test_local_receive(local, "jobs", &receive);
    assert_int_equal(receive.count, 1);
    assert_slice(receive.records[0].message_id, sent.message_id);
    assert_slice(receive.records[0].body, "{\"job_id\":\"a\",\"\\u00e9\":\"é\"}");
    assert_true(receive.records[0].is_job);
    lk_test_receive_clear(&receive);
}

static void a_fifo_send_has_a_sequence_number(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_sent sent;
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    options.job_id = LK_SLICE_LITERAL("a");
    assert_lk_ok(lk_send(lk_test_local_client(local), LK_SLICE_LITERAL("jobs.fifo"),
                         LK_SLICE_LITERAL("{}"), &options, &sent, &err));
    assert_int_equal(strlen(sent.sequence_number), 20);
}

static void a_missing_queue_is_a_service_error_with_its_code(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    assert_lk_fails(lk_send(lk_test_local_client(local), LK_SLICE_LITERAL("nowhere"),
                            LK_SLICE_LITERAL("{}"), NULL, NULL, &err),
                    LK_E_SERVICE);
    assert_string_equal(err.aws_code, "AWS.SimpleQueueService.NonExistentQueue");
}

static void what_cannot_be_sent_is_refused_before_the_network(void **state)
{
    (void)state;
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(NULL, 0);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    size_t len = 1024 * 1024 + 1;
    char *large = malloc(len);
    memset(large, 'x', len);
    assert_lk_fails(
        lk_send(client, LK_SLICE_LITERAL("jobs"), (lk_slice){large, len}, NULL, NULL, &err),
        LK_E_TOO_LARGE);
    assert_lk_fails(lk_send(client, LK_SLICE_LITERAL("no such name!"), LK_SLICE_LITERAL("{}"), NULL,
                            NULL, &err),
                    LK_E_INVALID);
    assert_lk_fails(
        lk_send_async(client, LK_SLICE_LITERAL("jobs"), (lk_slice){large, len}, NULL, 1, &err),
        LK_E_TOO_LARGE);
    assert_int_equal(lk_test_sqs_count(sqs), 0);
    free(large);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void an_answer_without_message_id_is_no_success(void **state)
{
    (void)state;
    const lk_test_answer odd[] = {{.body = "{}"}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(odd, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    assert_lk_fails(
        lk_send(client, LK_SLICE_LITERAL("jobs"), LK_SLICE_LITERAL("{}"), NULL, NULL, &err),
        LK_E_JSON);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_synchronous_fifo_send_comes_behind_those_on_their_way(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.delay_ms = 60}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_send_entry first = entry_of("{\"n\":1}", "g");
    lk_send_entry second = entry_of("{\"n\":2}", "g");
    assert_lk_ok(
        lk_send_async(client, LK_SLICE_LITERAL("jobs.fifo"), first.body, &first.options, 1, &err));
    assert_lk_ok(
        lk_send(client, LK_SLICE_LITERAL("jobs.fifo"), second.body, &second.options, NULL, &err));
    assert_int_equal(lk_test_sqs_most_at_once(sqs), 1);
    assert_true(lk_test_sqs_has(sqs, 0, "n\\\":1"));
    assert_true(lk_test_sqs_has(sqs, 1, "n\\\":2"));
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- Many ----------------------------------------------------------------------------------- */

#define MANY 25

static void many_jobs_keep_their_order(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_send_entry entries[MANY];
    lk_send_result results[MANY];
    char bodies[MANY][8];
    for (int i = 0; i < MANY; i++) {
        snprintf(bodies[i], sizeof(bodies[i]), "%d", i);
        entries[i] = entry_of(bodies[i], "g");
    }
    assert_lk_ok(lk_send_batch(lk_test_local_client(local), LK_SLICE_LITERAL("jobs.fifo"), entries,
                               MANY, results, &err));
    int next = 0;
    for (int receives = 0; receives < 3; receives++) {
        lk_test_receive receive;
        lk_test_local_receive(local, "jobs.fifo", &receive);
        for (size_t i = 0; i < receive.count; i++, next++) {
            assert_slice(receive.records[i].body, bodies[next]);
            assert_slice(receive.records[i].message_id, results[next].sent.message_id);
            assert_lk_ok(lk_delete(lk_test_local_client(local), LK_SLICE_LITERAL("jobs.fifo"),
                                   receive.records[i].receipt_handle, &err));
        }
        lk_test_receive_clear(&receive);
    }
    assert_int_equal(next, MANY);
}

static void entries_are_split_by_bytes_as_well(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_send_entry entries[5];
    lk_send_result results[5];
    char *body = malloc(500001);
    memset(body, 'x', 500000);
    body[500000] = '\0';
    for (int i = 0; i < 5; i++)
        entries[i] = entry_of(body, NULL);
    assert_lk_ok(lk_send_batch(lk_test_local_client(local), LK_SLICE_LITERAL("jobs"), entries, 5,
                               results, &err));
    for (int i = 0; i < 5; i++)
        assert_int_equal(results[i].err.code, LK_OK);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 5);
    free(body);
}

static void an_entry_that_cannot_be_sent_fails_alone(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_send_entry entries[] = {entry_of("a", NULL), entry_of("", NULL), entry_of("b", NULL)};
    lk_send_result results[3];
    assert_lk_ok(lk_send_batch(lk_test_local_client(local), LK_SLICE_LITERAL("jobs"), entries, 3,
                               results, &err));
    assert_int_equal(results[0].err.code, LK_OK);
    assert_int_equal(results[1].err.code, LK_E_INVALID);
    assert_int_equal(results[2].err.code, LK_OK);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 2);
}

static void an_entry_that_sqs_failed_for_its_own_reasons_is_sent_again(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.failed = "1", .failed_code = "InternalError"}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_send_entry entries[] = {entry_of("a", NULL), entry_of("b", NULL), entry_of("c", NULL)};
    lk_send_result results[3];
    assert_lk_ok(lk_send_batch(client, LK_SLICE_LITERAL("jobs"), entries, 3, results, &err));
    for (int i = 0; i < 3; i++)
        assert_int_equal(results[i].err.code, LK_OK);
    assert_int_equal(lk_test_sqs_count(sqs), 2);
    assert_true(lk_test_sqs_has(sqs, 1, "\"MessageBody\":\"b\""));
    assert_false(lk_test_sqs_has(sqs, 1, "\"MessageBody\":\"a\""));
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void an_entry_that_is_at_fault_surfaces_and_is_not_sent_again(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.failed = "0", .failed_code = "InvalidMessageContents", .sender_fault = true}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_send_entry entries[] = {entry_of("a", NULL), entry_of("b", NULL)};
    lk_send_result results[2];
    assert_lk_ok(lk_send_batch(client, LK_SLICE_LITERAL("jobs"), entries, 2, results, &err));
    assert_int_equal(results[0].err.code, LK_E_SERVICE);
    assert_string_equal(results[0].err.aws_code, "InvalidMessageContents");
    assert_string_equal(results[1].sent.message_id, "sent-1");
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void an_entry_that_keeps_failing_surfaces_after_the_clients_attempts(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.failed = "0", .failed_code = "InternalError"},
                                      {.status = 500, .error = "InternalError"},
                                      {.status = 500, .error = "InternalError"},
                                      {.status = 500, .error = "InternalError"}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 4);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_send_entry entries[] = {entry_of("a", NULL), entry_of("b", NULL)};
    lk_send_result results[2];
    assert_lk_ok(lk_send_batch(client, LK_SLICE_LITERAL("jobs"), entries, 2, results, &err));
    assert_int_equal(results[0].err.code, LK_E_SERVICE);
    assert_int_equal(results[1].err.code, LK_OK);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* One entry that SQS cannot take as part of a batch must not keep the others from it. */
static void a_call_that_is_refused_as_a_whole_is_taken_apart(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.status = 400, .error = "BatchRequestTooLong"},
                                      {0},
                                      {.status = 400, .error = "InvalidMessageContents"}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 3);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_send_entry entries[] = {entry_of("a", NULL), entry_of("b", NULL), entry_of("c", NULL)};
    lk_send_result results[3];
    assert_lk_ok(lk_send_batch(client, LK_SLICE_LITERAL("jobs"), entries, 3, results, &err));
    assert_int_equal(results[0].err.code, LK_OK);
    assert_string_equal(results[1].err.aws_code, "InvalidMessageContents");
    assert_non_null(strstr(results[1].err.message, "queue jobs"));
    assert_int_equal(results[2].err.code, LK_OK);
    assert_int_equal(lk_test_sqs_count(sqs), 4);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

#define SLOW_CALLS   16
#define SLOW_ENTRIES (SLOW_CALLS * 10)

/* How many calls of a large batch were on their way at once. */
static int most_at_once(const char *queue)
{
    lk_test_answer answers[SLOW_CALLS];
    static lk_send_entry entries[SLOW_ENTRIES];
    static lk_send_result results[SLOW_ENTRIES];
    lk_err err;
    for (int i = 0; i < SLOW_CALLS; i++)
        answers[i] = (lk_test_answer){.delay_ms = 10};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, SLOW_CALLS);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    for (int i = 0; i < SLOW_ENTRIES; i++)
        entries[i] = entry_of("a", NULL);
    assert_lk_ok(lk_send_batch(client, lk_slice_of(queue), entries, SLOW_ENTRIES, results, &err));
    for (int i = 0; i < SLOW_ENTRIES; i++)
        assert_int_equal(results[i].err.code, LK_OK);
    assert_int_equal(lk_test_sqs_count(sqs), SLOW_CALLS);
    int most = lk_test_sqs_most_at_once(sqs);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
    return most;
}

static void calls_of_a_large_batch_overlap(void **state)
{
    (void)state;
    assert_in_range(most_at_once("jobs"), 2, 4);
}

static void calls_to_a_fifo_queue_follow_each_other(void **state)
{
    (void)state;
    assert_int_equal(most_at_once("jobs.fifo"), 1);
}

static void an_interrupt_gives_every_entry_without_an_answer_its_reason(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.delay_ms = 2000}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_send_entry entries[12];
    lk_send_result results[12];
    for (int i = 0; i < 12; i++)
        entries[i] = entry_of("a", NULL);
    lk_client_interrupt(client);
    assert_lk_ok(lk_send_batch(client, LK_SLICE_LITERAL("jobs"), entries, 12, results, &err));
    for (int i = 0; i < 12; i++)
        assert_int_equal(results[i].err.code, LK_E_INTERRUPTED);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* What stopped one call would stop the next as well: they are not tried, for minutes maybe. */
static void when_the_connection_fails_every_entry_gets_the_reason(void **state)
{
    (void)state;
    const lk_test_answer dead[] = {{.hang_up = true}, {.hang_up = true}, {.hang_up = true}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(dead, 3);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_send_entry entries[12];
    lk_send_result results[12];
    for (int i = 0; i < 12; i++)
        entries[i] = entry_of("a", NULL);
    assert_lk_ok(lk_send_batch(client, LK_SLICE_LITERAL("jobs"), entries, 12, results, &err));
    for (int i = 0; i < 12; i++)
        assert_int_equal(results[i].err.code, LK_E_HTTP);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- Later ---------------------------------------------------------------------------------- */

static void an_async_send_that_cannot_be_sent_says_so_to_callers_without_err(void **state)
{
    lk_test_local *local = *state;
    lk_slice jobs = LK_SLICE_LITERAL("jobs.fifo"); /* wants a job_id */
    assert_int_equal(
        lk_send_async(lk_test_local_client(local), jobs, LK_SLICE_LITERAL("{}"), NULL, 1, NULL),
        LK_E_INVALID);
}

static void an_async_send_arrives_and_flush_knows_it(void **state)
{
    lk_test_local *local = *state;
    lk_client *client = lk_test_local_client(local);
    lk_err err;
    uint64_t tag;
    lk_slice body;
    for (uint64_t i = 0; i < 30; i++)
        assert_lk_ok(
            lk_send_async(client, LK_SLICE_LITERAL("jobs"), LK_SLICE_LITERAL("{}"), NULL, i, &err));
    assert_lk_ok(lk_flush(client, -1, &err));
    assert_int_equal(lk_send_failure(client, &tag, &body, &err), 0);
    assert_int_equal(lk_test_local_visible(local, "jobs"), 30);
}

static void a_failed_async_send_is_handed_back(void **state)
{
    lk_test_local *local = *state;
    lk_client *client = lk_test_local_client(local);
    lk_err err;
    lk_err failure;
    uint64_t tag = 0;
    lk_slice body;
    assert_lk_ok(lk_send_async(client, LK_SLICE_LITERAL("nowhere"), LK_SLICE_LITERAL("{\"n\":1}"),
                               NULL, 77, &err));
    assert_lk_ok(lk_flush(client, -1, &err));
    assert_int_equal(lk_send_failure(client, &tag, &body, &failure), 1);
    assert_true(tag == 77);
    assert_slice(body, "{\"n\":1}");
    assert_string_equal(failure.aws_code, "AWS.SimpleQueueService.NonExistentQueue");
    assert_int_equal(lk_send_failure(client, &tag, &body, &failure), 0);
}

static void a_flush_may_have_a_timeout(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.held = true}};
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    assert_lk_ok(
        lk_send_async(client, LK_SLICE_LITERAL("jobs"), LK_SLICE_LITERAL("{}"), NULL, 1, &err));
    assert_lk_fails(lk_flush(client, 10, &err), LK_E_TIMEOUT);
    lk_test_sqs_release(sqs);
    assert_lk_ok(lk_flush(client, -1, &err));
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- A new job from C ----------------------------------------------------------------------- */

static void enqueue_makes_a_job_that_rails_can_perform(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    lk_sent sent;
    lk_test_receive receive;
    lk_json *root = NULL;
    assert_lk_ok(
        lk_enqueue(lk_test_local_client(local), "jobs", "ThumbnailJob", "[42]", NULL, &sent, &err));
    lk_test_local_receive(local, "jobs", &receive);
    assert_int_equal(receive.count, 1);
    assert_lk_ok(lk_json_parse(receive.records[0].body, "body", &root, &err));
    assert_slice(lk_json_string(lk_json_get(root, "job_class")), "ThumbnailJob");
    assert_slice(lk_json_string(lk_json_get(root, "queue_name")), "jobs");
    assert_int_equal(lk_json_string(lk_json_get(root, "job_id")).len, 36);
    assert_int_equal(lk_json_length(lk_json_get(root, "arguments")), 1);
    lk_json_free(root);
    lk_test_receive_clear(&receive);
}

static void arguments_that_are_no_list_are_refused(void **state)
{
    lk_test_local *local = *state;
    lk_err err;
    assert_lk_fails(lk_enqueue(lk_test_local_client(local), "jobs", "ThumbnailJob", "{\"a\":1}",
                               NULL, NULL, &err),
                    LK_E_INVALID);
    assert_lk_fails(
        lk_enqueue(lk_test_local_client(local), "jobs", "ThumbnailJob", "[42", NULL, NULL, &err),
        LK_E_JSON);
    assert_int_equal(lk_test_local_total(local, "jobs"), 0);
}

/* --- Digests -------------------------------------------------------------------------------- */

/* The peer's answers carry no digests: nothing proves that SQS has what was sent. */
static void a_send_of_any_kind_is_verified(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_err failure;
    uint64_t tag;
    lk_slice body;
    lk_send_result results[2];
    lk_send_entry entries[] = {entry_of("a", NULL), entry_of("b", NULL)};
    lk_test_sqs *sqs = lk_test_sqs_start(NULL, 0);
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.endpoint = lk_test_sqs_url(sqs);
    options.region = LK_TEST_REGION;
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    options.max_attempts = 1;
    lk_client *client = lk_client_new(&options, &err);
    assert_non_null(client);
    lk_slice jobs = LK_SLICE_LITERAL("jobs");
    assert_lk_fails(lk_send(client, jobs, LK_SLICE_LITERAL("a"), NULL, NULL, &err), LK_E_CHECKSUM);
    assert_lk_ok(lk_send_batch(client, jobs, entries, 2, results, &err));
    assert_int_equal(results[0].err.code, LK_E_CHECKSUM);
    assert_int_equal(results[1].err.code, LK_E_CHECKSUM);
    assert_lk_ok(lk_send_async(client, jobs, LK_SLICE_LITERAL("a"), NULL, 7, &err));
    assert_lk_ok(lk_flush(client, -1, &err));
    assert_int_equal(lk_send_failure(client, &tag, &body, &failure), 1);
    assert_int_equal(tag, 7);
    assert_int_equal(failure.code, LK_E_CHECKSUM);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(a_sent_job_has_a_message_id_and_arrives_as_it_is),
        LOCAL(a_fifo_send_has_a_sequence_number),
        LOCAL(a_missing_queue_is_a_service_error_with_its_code),
        cmocka_unit_test(what_cannot_be_sent_is_refused_before_the_network),
        cmocka_unit_test(an_answer_without_message_id_is_no_success),
        cmocka_unit_test(a_synchronous_fifo_send_comes_behind_those_on_their_way),
        LOCAL(many_jobs_keep_their_order),
        LOCAL(entries_are_split_by_bytes_as_well),
        LOCAL(an_entry_that_cannot_be_sent_fails_alone),
        cmocka_unit_test(an_entry_that_sqs_failed_for_its_own_reasons_is_sent_again),
        cmocka_unit_test(an_entry_that_is_at_fault_surfaces_and_is_not_sent_again),
        cmocka_unit_test(an_entry_that_keeps_failing_surfaces_after_the_clients_attempts),
        cmocka_unit_test(a_call_that_is_refused_as_a_whole_is_taken_apart),
        cmocka_unit_test(calls_of_a_large_batch_overlap),
        cmocka_unit_test(calls_to_a_fifo_queue_follow_each_other),
        cmocka_unit_test(an_interrupt_gives_every_entry_without_an_answer_its_reason),
        cmocka_unit_test(when_the_connection_fails_every_entry_gets_the_reason),
        LOCAL(an_async_send_that_cannot_be_sent_says_so_to_callers_without_err),
        LOCAL(an_async_send_arrives_and_flush_knows_it),
        LOCAL(a_failed_async_send_is_handed_back),
        cmocka_unit_test(a_flush_may_have_a_timeout),
        LOCAL(enqueue_makes_a_job_that_rails_can_perform),
        LOCAL(arguments_that_are_no_list_are_refused),
        cmocka_unit_test(a_send_of_any_kind_is_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
