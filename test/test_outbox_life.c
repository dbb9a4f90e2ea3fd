/* SPDX-License-Identifier: MIT
 *
 * test_outbox_life: the outbox and its surroundings: who interrupts it, who observes it, and
 * processes that end, fork and freeze.
 */
#include "lk_test.h"

#include "client.h"
#include "lk_test_outbox.h"
#include "lk_test_peer.h"
#include "lk_test_sqs.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Interrupts ----------------------------------------------------------------------------- */

typedef struct interrupter {
    lk_test_sqs *sqs;
    lk_client *client;
} interrupter;

static void *interrupt_the_second_request(void *ctx)
{
    interrupter *i = ctx;
    lk_test_sqs_wait_for(i->sqs, 2);
    lk_client_interrupt(i->client);
    return NULL;
}

static void an_interrupt_while_the_queue_is_looked_up_fails_no_call(void **state)
{
    (void)state;
    lk_err err;
    pthread_t thread;
    const lk_test_answer answers[] = {
        {.status = 400, .error = "AWS.SimpleQueueService.NonExistentQueue"}, {.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, 2);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    interrupter i = {sqs, client};
    assert_int_equal(pthread_create(&thread, NULL, interrupt_the_second_request, &i), 0);
    lk_test_outbox_send(client, "jobs", "{}", NULL);
    assert_lk_fails(lk_outbox_flush(client, -1, &err), LK_E_INTERRUPTED);
    pthread_join(thread, NULL);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- Reports -------------------------------------------------------------------------------- */

static void finished_calls_are_reported_to_those_who_observe(void **state)
{
    (void)state;
    lk_err err;
    lk_call_report report;
    const lk_test_answer answers[] = {{0}, {.status = 500}, {0}, {.status = 403, .error = "No"}};
    lk_test_sqs *sqs = lk_test_sqs_start(answers, LK_COUNT(answers));
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h0", 1);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_client_observed(client, &report), 0);

    assert_lk_ok(lk_client_observe(client, true, &err));
    lk_test_outbox_delete(client, "h1", 1);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_client_observed(client, &report), 1);
    assert_string_equal(report.action, "DeleteMessage");
    assert_slice(report.queue_name, "jobs");
    assert_int_equal(report.entries, 1);
    assert_int_equal(report.info.attempts, 2);
    assert_int_equal(report.info.http_status, 200);
    assert_int_equal(report.err.code, LK_OK);
    lk_test_outbox_delete(client, "h2", 1);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_client_observed(client, &report), 1);
    assert_int_equal(report.info.http_status, 403);
    assert_string_equal(report.err.aws_code, "No");
    assert_int_equal(lk_client_observed(client, &report), 0);

    assert_lk_ok(lk_client_observe(client, false, &err));
    lk_test_outbox_delete(client, "h3", 1);
    lk_test_outbox_flush(client);
    assert_int_equal(lk_client_observed(client, &report), 0);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

static void reports_that_nobody_takes_do_not_pile_up(void **state)
{
    (void)state;
    lk_err err;
    lk_call_report report;
    lk_client *client = lk_test_sqs_client("http://127.0.0.1:1", 0, NULL);
    assert_lk_ok(lk_client_observe(client, true, &err));
    for (int i = 0; i < 1100; i++)
        lk_report_add(client, "DeleteMessage", lk_test_outbox_queue(client, "jobs"), 1,
                      &(lk_call_info){.attempts = i}, NULL);
    assert_int_equal(lk_client_observed(client, &report), 1);
    assert_int_equal(report.info.attempts, 100);
    int left = 0;
    while (lk_client_observed(client, &report))
        left++;
    assert_int_equal(left, 999);
    lk_client_free(client);
}

/* --- The end -------------------------------------------------------------------------------- */

static void sends_that_are_given_up_come_back_with_their_bodies(void **state)
{
    (void)state;
    lk_err err;
    lk_slice body;
    uint64_t tag;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":1}", "g");
    lk_test_outbox_send(client, "jobs.fifo", "{\"n\":2}", "g");
    lk_test_outbox_delete(client, "h1", 1);
    lk_send_give_up(client);
    assert_int_equal(lk_outbox_pending(client), 1); /* the delete */
    assert_int_equal(lk_send_failure(client, &tag, &body, &err), 1);
    assert_slice(body, "{\"n\":1}");
    assert_int_equal(err.code, LK_E_TIMEOUT);
    assert_non_null(strstr(err.message, "may have been accepted"));
    assert_int_equal(lk_send_failure(client, &tag, &body, &err), 1);
    assert_slice(body, "{\"n\":2}");
    assert_non_null(strstr(err.message, "not sent yet"));
    assert_int_equal(lk_send_failure(client, &tag, &body, &err), 0);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* --- Processes ------------------------------------------------------------------------------ */

static void a_forked_child_starts_with_an_empty_outbox(void **state)
{
    (void)state;
    lk_err err;
    const lk_test_answer slow[] = {{.held = true}};
    lk_test_sqs *sqs = lk_test_sqs_start(slow, 1);
    lk_client *client = lk_test_sqs_client(lk_test_sqs_url(sqs), 0, NULL);
    lk_test_outbox_delete(client, "h1", 1);
    pid_t child = fork();
    if (child == 0) {
        bool ok = lk_client_enter(client, &err) == 0 && lk_outbox_pending(client) == 0 &&
                  lk_outbox_flush(client, -1, &err) == 0;
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    lk_test_sqs_release(sqs);
    lk_test_outbox_flush(client); /* the parent's call is untouched */
    assert_int_equal(lk_test_sqs_count(sqs), 1);
    lk_test_outbox_assert_no_failure(client);
    lk_client_free(client);
    lk_test_sqs_stop(sqs);
}

/* A child whose client puts a delete on its way and is frozen with the call outstanding; after the
 * thaw it must settle. Ends with 0 when it did. */
static void run_frozen_client(int port)
{
    lk_err err;
    char url[64];
    lk_queue *queue = NULL;
    lk_outbox_failure_info info;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    lk_client *client = lk_test_sqs_client(url, 0, NULL);
    bool ok = lk_queue_get(client, LK_SLICE_LITERAL("jobs"), &queue, &err) == 0 &&
              lk_outbox_delete(client, queue, LK_SLICE_LITERAL("h1"), LK_SLICE_LITERAL("m1"), 1,
                               &err) == 0;
    raise(SIGSTOP);
    ok = ok && lk_outbox_flush(client, lk_mono_ms() + 5000, &err) == 0 &&
         !lk_outbox_failure(client, false, &info);
    _exit(ok ? 0 : 1);
}

static int accept_one(int listener)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 5000), 1);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

/* Starts the child and returns the connection with its request, when it is stopped. */
static int freeze_a_client(int listener, int port, pid_t *child)
{
    *child = fork();
    if (*child == 0)
        run_frozen_client(port);
    int fd = accept_one(listener);
    int status = 0;
    assert_true(lk_test_peer_read(fd, NULL));
    assert_int_equal(waitpid(*child, &status, WUNTRACED), *child);
    assert_true(WIFSTOPPED(status));
    return fd;
}

static void thaw(pid_t child)
{
    kill(child, SIGCONT);
}

static void assert_settled(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_peer_that_vanished_during_a_freeze_is_replaced(void **state)
{
    (void)state;
    int port = 0;
    pid_t child = 0;
    int listener = lk_test_listen(&port);
    int fd = freeze_a_client(listener, port, &child);
    struct linger abort_at_close = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof(abort_at_close));
    close(fd);
    thaw(child);
    fd = accept_one(listener);
    assert_true(lk_test_peer_read(fd, NULL));
    lk_test_peer_answer(fd, "{}");
    assert_settled(child);
    close(fd);
    close(listener);
}

static void an_answer_that_came_during_a_freeze_counts(void **state)
{
    (void)state;
    int port = 0;
    pid_t child = 0;
    int listener = lk_test_listen(&port);
    int fd = freeze_a_client(listener, port, &child);
    lk_test_peer_answer(fd, "{}");
    close(fd);
    thaw(child);
    assert_settled(child);
    struct pollfd more = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&more, 1, 0), 0); /* it did not ask again */
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupt_while_the_queue_is_looked_up_fails_no_call),
        cmocka_unit_test(finished_calls_are_reported_to_those_who_observe),
        cmocka_unit_test(reports_that_nobody_takes_do_not_pile_up),
        cmocka_unit_test(sends_that_are_given_up_come_back_with_their_bodies),
        cmocka_unit_test(a_forked_child_starts_with_an_empty_outbox),
        cmocka_unit_test(a_peer_that_vanished_during_a_freeze_is_replaced),
        cmocka_unit_test(an_answer_that_came_during_a_freeze_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
