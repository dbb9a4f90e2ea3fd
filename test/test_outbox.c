/* SPDX-License-Identifier: MIT
 *
 * test_outbox: one test per rule of the outbox, against peers that answer as ordered. Where a rule
 * says "less than 20 ms ago" the test holds the client's monotonic clock in its hand.
 */
#include "lk_test.h"

#include "client.h"
#include "lk_test_outbox.h"
#include "lk_test_peer.h"
#include "lk_test_sqs.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t mono_ms; /* of clients that are given it */

static void sleep_ms(int ms)
{
    struct timespec delay = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&delay, NULL);
}

/* --- Cold and warm -------------------------------------------------------------------------- */

static void a_call_on_a_cold_connection_leaves_before_its_function_returns(void **state)
{
    (void)state;
    lk_test_sqs *sqs = lk_test_sqs_start(NULL, 0);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_sqs_wait_for(sqs, 1); /* nobody pumps */
    assert_slice(lk_test_sqs_action(sqs, 0), "DeleteMessage");
    assert_true(lk_test_sqs_has(sqs, 0, "\"ReceiptHandle\":\"h1\""));
    lk_test_outbox_flush(client);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_call_on_a_warm_connection_leaves_at_once(void **state)
{
    (void)state;
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(NULL, 0);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_flush(client);
    assert_lk_ok(lk_outbox_visibility(client, lk_test_outbox_queue(client, "jobs"),
                                      LK_SLICE_LITERAL("h2"), 30, LK_SLICE_LITERAL("m2"), 2, &err));
    lk_test_sqs_wait_for(sqs, 2);
    assert_slice(lk_test_sqs_action(sqs, 1), "ChangeMessageVisibility");
    assert_true(lk_test_sqs_has(sqs, 1, "\"VisibilityTimeout\":30"));
    lk_test_outbox_flush(client);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void an_answer_is_collected_by_a_later_pump(void **state)
{
    (void)state;
    lk_err err;
    lk_test_sqs *sqs = lk_test_sqs_start(NULL, 0);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h1", 1);
    for (int i = 0; i < 5000 && lk_outbox_pending(client) > 0; i++) {
        sleep_ms(1);
        assert_lk_ok(lk_outbox_pump(client, &err));
    }
    assert_int_equal(lk_outbox_pending(client), 0);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- Coalescing ----------------------------------------------------------------------------- */

static void calls_behind_a_fresh_one_go_together_as_one_batch(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_delete(client, "h2", 2);
    lk_test_outbox_delete(client, "h3", 3);
    lk_test_outbox_delete(client, "h4", 4);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 2);
    assert_slice(lk_test_sqs_action(sqs, 0), "DeleteMessage");
    assert_slice(lk_test_sqs_action(sqs, 1), "DeleteMessageBatch");
    assert_true(lk_test_sqs_has(sqs, 1,
                                "\"Entries\":[{\"Id\":\"0\",\"ReceiptHandle\":\"h2\"},"
                                "{\"Id\":\"1\",\"ReceiptHandle\":\"h3\"},"
                                "{\"Id\":\"2\",\"ReceiptHandle\":\"h4\"}]"));
    assert_int_equal(lk_test_sqs_most_at_once(sqs), 1);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_slow_peer_gets_a_second_connection(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    mono_ms += 20;
    lk_test_outbox_delete(client, "h2", 2);
    lk_test_sqs_wait_for(sqs, 2); /* while the first one is not answered */
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_slice(lk_test_sqs_action(sqs, 1), "DeleteMessage");
    assert_int_equal(lk_test_sqs_most_at_once(sqs), 2);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void calls_of_another_kind_or_queue_do_not_wait_for_each_other(void **state)
{
    (void)state;
    lk_err err;
    const lk_test_answer slow[] = {{.held = true}, {.held = true}, {.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 3);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    assert_lk_ok(lk_outbox_visibility(client, lk_test_outbox_queue(client, "jobs"),
                                      LK_SLICE_LITERAL("h2"), 30, LK_SLICE_LITERAL("m2"), 2, &err));
    assert_lk_ok(lk_outbox_delete(client, lk_test_outbox_queue(client, "others"),
                                  LK_SLICE_LITERAL("h3"), LK_SLICE_LITERAL("m3"), 3, &err));
    lk_test_sqs_wait_for(sqs, 3);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_most_at_once(sqs), 3);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_batch_call_has_ten_entries_at_most(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    for (int i = 0; i < 13; i++)
        lk_test_outbox_delete(client, "h", 1);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 3); /* 1, 10, 2 */
    assert_true(lk_test_sqs_has(sqs, 1, "\"Id\":\"9\""));
    assert_true(lk_test_sqs_has(sqs, 2, "\"Id\":\"1\""));
    assert_false(lk_test_sqs_has(sqs, 2, "\"Id\":\"2\""));
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_batch_of_sends_stays_within_1_mib(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    char *body = malloc(400001);
    memset(body, 'x', 400000);
    body[400000] = '\0';
    for (int i = 0; i < 4; i++)
        lk_test_outbox_send(client, "jobs", body, NULL);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 3); /* 1, 2, 1 */
    assert_slice(lk_test_sqs_action(sqs, 1), "SendMessageBatch");
    assert_slice(lk_test_sqs_action(sqs, 2), "SendMessage");
    lk_test_outbox_assert_no_failure(client);
    free(body);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- Failures ------------------------------------------------------------------------------- */

static void a_batch_that_fails_as_a_whole_is_repeated_as_a_whole(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.held = true}, {.status = 503}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_delete(client, "h2", 2);
    lk_test_outbox_delete(client, "h3", 3);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    assert_slice(lk_test_sqs_action(sqs, 2), "DeleteMessageBatch");
    assert_true(lk_slice_equal(lk_test_sqs_body(sqs, 1), lk_test_sqs_body(sqs, 2)));
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_failed_entry_is_repeated_alone(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.held = true},
                                      {.failed = "1", .failed_code = "InternalError"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_delete(client, "h2", 2);
    lk_test_outbox_delete(client, "h3", 3);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    assert_slice(lk_test_sqs_action(sqs, 2), "DeleteMessage");
    assert_true(lk_test_sqs_has(sqs, 2, "\"h3\""));
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void an_entry_refused_for_its_own_fault_fails_for_good_and_alone(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.held = true},
        {.failed = "0", .failed_code = "ReceiptHandleIsInvalid", .sender_fault = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_outbox_failure_info info;
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_delete(client, "h2", 2);
    lk_test_outbox_delete(client, "h3", 3);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 2);
    assert_true(lk_outbox_failure(client, false, &info));
    assert_true(info.tag == 2);
    assert_int_equal(info.kind, LK_OUTBOX_DELETE);
    assert_slice(info.message_id, "h2");
    assert_string_equal(info.err.aws_code, "ReceiptHandleIsInvalid");
    assert_false(lk_outbox_failure(client, false, &info));
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_batch_refused_as_a_whole_is_taken_apart(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.held = true},
                                      {.status = 400, .error = "InvalidParameterValue"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_delete(client, "h2", 2);
    lk_test_outbox_delete(client, "h3", 3);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 4);
    assert_slice(lk_test_sqs_action(sqs, 2), "DeleteMessage");
    assert_slice(lk_test_sqs_action(sqs, 3), "DeleteMessage");
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_call_is_given_up_after_the_clients_attempts(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.status = 500}, {.status = 500}, {.status = 500}, {.status = 500}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 4);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_outbox_failure_info info;
    lk_test_outbox_delete(client, "h1", 7);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    assert_true(lk_outbox_failure(client, false, &info));
    assert_true(info.tag == 7);
    assert_int_equal(info.err.http_status, 500);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_failed_send_comes_back_with_its_body(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.status = 403, .error = "AccessDenied"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_outbox_failure_info info;
    lk_test_outbox_send(client, "jobs", "{\"n\":1}", NULL);
    lk_test_outbox_flush(client);
    assert_false(lk_outbox_failure(client, false, &info));
    assert_true(lk_outbox_failure(client, true, &info));
    assert_slice(info.body, "{\"n\":1}");
    assert_int_equal(info.err.code, LK_E_SERVICE);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void an_answer_without_message_id_is_no_accepted_send(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.body = "{}"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_outbox_failure_info info;
    lk_test_outbox_send(client, "jobs", "{}", NULL);
    lk_test_outbox_flush(client);
    assert_true(lk_outbox_failure(client, true, &info));
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_delete_of_what_is_gone_is_done(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.status = 400,
         .error = "InvalidParameterValue",
         .text = "Value h for parameter ReceiptHandle is invalid. Reason: Message does not exist "
                 "or is not available for visibility timeout change."}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h", 1);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_refused_connection_is_a_failure_of_the_call_not_of_taking_it(void **state)
{
    (void)state;
    int port = 0;
    char url[64];
    int fd = lk_test_listen(&port);
    close(fd);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    lk_client *client = lk_test_sqs_client(url, 0, NULL);
    lk_outbox_failure_info info;
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_flush(client);
    assert_true(lk_outbox_failure(client, false, &info));
    assert_int_equal(info.err.code, LK_E_CONNECT);
    lk_client_free(client);
}

/* --- The queue's URL ------------------------------------------------------------------------ */

static void all_calls_find_a_queue_that_wants_its_url(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {
        {.held = true, .status = 400, .error = "AWS.SimpleQueueService.NonExistentQueue"},
        {.held = true, .status = 400, .error = "AWS.SimpleQueueService.NonExistentQueue"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    mono_ms += 20;
    lk_test_outbox_delete(client, "h2", 2);
    lk_test_sqs_wait_for(sqs, 2);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 5); /* two by name, GetQueueUrl, two by URL */
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* A peer that answers, and says when its answer is in the client's socket. */
static void serve_and_tell(int fd, int number, void *ctx)
{
    (void)number;
    while (lk_test_peer_read(fd, NULL)) {
        lk_test_peer_answer(fd, "{}");
        atomic_fetch_add((atomic_int *)ctx, 1);
    }
}

static void wait_for_answer(const atomic_int *answered)
{
    for (int i = 0; i < 5000 && atomic_load(answered) == 0; i++)
        sleep_ms(1);
    assert_int_equal(atomic_load(answered), 1);
}

/* --- Time ----------------------------------------------------------------------------------- */

static void an_answer_that_nobody_read_in_time_is_no_timeout(void **state)
{
    (void)state;
    atomic_int answered = 0;
    lk_test_peer *peer = lk_test_peer_start(serve_and_tell, &answered);
    lk_client *client = lk_test_sqs_client(lk_test_peer_url(peer), 100, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    wait_for_answer(&answered);
    mono_ms += 1000 * 1000; /* a job ran, or the sandbox was frozen */
    lk_test_outbox_flush(client);
    assert_int_equal(atomic_load(&answered), 1);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

/* The perform that starts one call may read the answer to another one. */
static void an_answer_in_hand_is_not_waited_for(void **state)
{
    (void)state;
    lk_err err;
    atomic_int answered = 0;
    lk_test_peer *peer = lk_test_peer_start(serve_and_tell, &answered);
    lk_client *client = lk_test_sqs_client(lk_test_peer_url(peer), 0, NULL);
    lk_flight *flight = lk_flight_new(LK_OUTBOX_DELETE, lk_test_outbox_queue(client, "jobs"));
    lk_call *call = calloc(1, sizeof(*call));
    lk_buf_add_str(&call->members, "\"ReceiptHandle\":\"h1\"");
    lk_flight_add(flight, call);
    assert_int_equal(lk_flight_start(client, flight), LK_FLIGHT_OUT);
    assert_true(lk_flight_idle_ms(client, flight) > 0);
    while (!lk_sqs_finished(flight->pending))
        assert_lk_ok(lk_http_pump(lk_client_http(client, &err), 1000, &err));
    assert_int_equal(lk_flight_idle_ms(client, flight), 0);
    assert_int_equal(lk_flight_look(client, flight), LK_FLIGHT_LANDED);
    assert_int_equal(call->err.code, LK_OK);
    lk_flight_free(client, flight, false);
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static void an_attempt_without_answer_is_late_and_repeated(void **state)
{
    (void)state;
    const lk_test_answer silent[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(silent, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 500, NULL);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 2);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* After a thaw the clock has jumped, and what the kernel holds has only now a chance to be
 * answered. */
static void a_request_gets_a_second_look_before_it_is_called_late(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.delay_ms = 100}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 100, &mono_ms);
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_sqs_wait_for(sqs, 1);
    mono_ms += 1000 * 1000;
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_flush_whose_time_is_up_still_reads_what_has_come(void **state)
{
    (void)state;
    lk_err err;
    atomic_int answered = 0;
    lk_test_peer *peer = lk_test_peer_start(serve_and_tell, &answered);
    lk_client *client = lk_test_sqs_client(lk_test_peer_url(peer), 0, NULL);
    lk_test_outbox_delete(client, "h1", 1);
    wait_for_answer(&answered);
    assert_lk_ok(lk_outbox_flush(client, 0, &err));
    assert_int_equal(lk_outbox_pending(client), 0);
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static void a_flush_stops_waiting_at_its_deadline(void **state)
{
    (void)state;
    lk_err err;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h1", 5);
    assert_lk_fails(lk_outbox_flush(client, lk_mono_ms() + 20, &err), LK_E_TIMEOUT);
    assert_int_equal(lk_outbox_pending(client), 1);
    assert_true(lk_outbox_unsettled(client, 5));
    assert_false(lk_outbox_unsettled(client, 6));
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_false(lk_outbox_unsettled(client, 5));
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_flush_can_be_interrupted_and_repeated(void **state)
{
    (void)state;
    lk_err err;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h1", 1);
    lk_client_interrupt(client);
    assert_lk_fails(lk_outbox_flush(client, -1, &err), LK_E_INTERRUPTED);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- FIFO ----------------------------------------------------------------------------------- */

static void sends_of_one_group_never_overtake_each_other(void **state)
{
    (void)state;
    const lk_test_answer answers[] = {{.held = true, .status = 500}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":1}", "g");
    mono_ms += 100; /* a second connection would be free to take it */
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":2}", "g");
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":3}", "g");
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 4);
    assert_int_equal(lk_test_sqs_most_at_once(sqs), 1);
    const char *const order[] = {"n\\\":1", "n\\\":1", "n\\\":2", "n\\\":3"};
    for (size_t i = 0; i < LK_COUNT(order); i++)
        assert_true(lk_test_sqs_has(sqs, i, order[i]));
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void sends_of_different_groups_share_a_batch(void **state)
{
    (void)state;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, &mono_ms);
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":1}", "a");
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":2}", "b");
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":3}", "b");
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":4}", "c");
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_test_sqs_count(sqs), 3);
    assert_true(lk_test_sqs_has(sqs, 1, "n\\\":2"));
    assert_true(lk_test_sqs_has(sqs, 1, "n\\\":4"));
    assert_false(lk_test_sqs_has(sqs, 1, "n\\\":3"));
    assert_true(lk_test_sqs_has(sqs, 2, "n\\\":3"));
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void a_send_is_waited_for_under_every_name_of_its_fifo_queue(void **state)
{
    (void)state;
    lk_err err;
    char url[128];
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    snprintf(url, sizeof(url), "%s/000000000000/jobs.fifo", lk_test_sqs_url(sqs));
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":1}", "g");
    assert_int_equal(lk_outbox_pending(client), 1);
    assert_lk_ok(
        lk_outbox_flush_queue(client, lk_test_outbox_queue(client, "other.fifo"), -1, &err));
    assert_int_equal(lk_outbox_pending(client), 1);
    lk_test_sqs_release(sqs);
    assert_lk_ok(lk_outbox_flush_queue(client, lk_test_outbox_queue(client, url), -1, &err));
    assert_int_equal(lk_outbox_pending(client), 0);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_on_a_cold_connection_leaves_before_its_function_returns),
        cmocka_unit_test(a_call_on_a_warm_connection_leaves_at_once),
        cmocka_unit_test(an_answer_is_collected_by_a_later_pump),
        cmocka_unit_test(calls_behind_a_fresh_one_go_together_as_one_batch),
        cmocka_unit_test(a_slow_peer_gets_a_second_connection),
        cmocka_unit_test(calls_of_another_kind_or_queue_do_not_wait_for_each_other),
        cmocka_unit_test(a_batch_call_has_ten_entries_at_most),
        cmocka_unit_test(a_batch_of_sends_stays_within_1_mib),
        cmocka_unit_test(a_batch_that_fails_as_a_whole_is_repeated_as_a_whole),
        cmocka_unit_test(a_failed_entry_is_repeated_alone),
        cmocka_unit_test(an_entry_refused_for_its_own_fault_fails_for_good_and_alone),
        cmocka_unit_test(a_batch_refused_as_a_whole_is_taken_apart),
        cmocka_unit_test(a_call_is_given_up_after_the_clients_attempts),
        cmocka_unit_test(a_failed_send_comes_back_with_its_body),
        cmocka_unit_test(an_answer_without_message_id_is_no_accepted_send),
        cmocka_unit_test(a_delete_of_what_is_gone_is_done),
        cmocka_unit_test(a_refused_connection_is_a_failure_of_the_call_not_of_taking_it),
        cmocka_unit_test(all_calls_find_a_queue_that_wants_its_url),
        cmocka_unit_test(an_answer_that_nobody_read_in_time_is_no_timeout),
        cmocka_unit_test(an_answer_in_hand_is_not_waited_for),
        cmocka_unit_test(an_attempt_without_answer_is_late_and_repeated),
        cmocka_unit_test(a_request_gets_a_second_look_before_it_is_called_late),
        cmocka_unit_test(a_flush_whose_time_is_up_still_reads_what_has_come),
        cmocka_unit_test(a_flush_stops_waiting_at_its_deadline),
        cmocka_unit_test(a_flush_can_be_interrupted_and_repeated),
        cmocka_unit_test(sends_of_one_group_never_overtake_each_other),
        cmocka_unit_test(sends_of_different_groups_share_a_batch),
        cmocka_unit_test(a_send_is_waited_for_under_every_name_of_its_fifo_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
