/* SPDX-License-Identifier: MIT
 *
 * test_serve_disk: what `lambdakiq serve` keeps in its file: when the disk is full, and when it is
 * killed.
 */
#include "lk_test_process.h"
#include "lk_test_store.h"
#include "lk_test_wire.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* A server with a database of its own. */
typedef struct disk {
    char directory[64];
    char file[96];
    lk_test_program program;
    lk_test_server server; /* while it runs: its port */
} disk;

static int setup(void **state)
{
    disk *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    test_store_directory(d->directory);
    snprintf(d->file, sizeof d->file, "%s/jobs.sqlite3", d->directory);
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    disk *d = *state;
    test_store_remove(d->directory, d->file);
    free(d);
    return 0;
}

static void start(disk *d)
{
    d->server.port = lk_test_serve_start(&d->program, "--db", d->file);
}

/* --- Disk ----------------------------------------------------------------------------------- */

/* The server's files may grow to so many bytes. */
static void limit_file_size(const lk_test_program *program, rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(prlimit(program->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void a_full_disk_is_an_internal_failure_and_nothing_half_written(void **state)
{
    disk *d = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    static const char batch[] =
        "{\"QueueUrl\":\"jobs\",\"Entries\":[{\"Id\":\"a\",\"MessageBody\":\"x\"},"
        "{\"Id\":\"b\",\"MessageBody\":\"y\"}]}";
    start(d);
    lk_test_wire_open(&wire, d->server.port);
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    limit_file_size(&d->program, 0);
    lk_test_wire_call(&wire, "SendMessageBatch", batch, &reply);
    assert_int_equal(reply.status, 500);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "InternalFailure;Receiver");
    lk_test_program_wait(&d->program, "the database failed, requests are answered with 500: ");
    limit_file_size(&d->program, RLIM_INFINITY);
    lk_test_wire_call(&wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"MaxNumberOfMessages\":10}",
                      &reply);
    assert_string_equal(reply.body.ptr, "{}");
    lk_test_wire_call(&wire, "SendMessageBatch", batch, &reply);
    assert_int_equal(lk_json_length(lk_json_get(reply.json, "Successful")), 2);
    lk_test_wire_call(&wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"MaxNumberOfMessages\":10}",
                      &reply);
    assert_int_equal(lk_test_reply_messages(&reply), 2);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    lk_test_serve_stop(&d->program, SIGTERM);
}

#define DEAD_ARN "arn:aws:sqs:us-east-1:000000000000:dead"

/* Starts a task that moves a message a second, of twenty. */
static void start_slow_task(lk_test_wire *wire, lk_test_reply *reply)
{
    lk_test_wire_call(wire, "CreateQueue", "{\"QueueName\":\"dead\"}", reply);
    lk_test_wire_call(wire, "CreateQueue",
                      "{\"QueueName\":\"jobs\",\"Attributes\":{\"RedrivePolicy\":"
                      "\"{\\\"deadLetterTargetArn\\\":\\\"" DEAD_ARN
                      "\\\",\\\"maxReceiveCount\\\":1}\"}}",
                      reply);
    for (int i = 0; i < 20; i++)
        lk_test_wire_call(wire, "SendMessage", "{\"QueueUrl\":\"dead\",\"MessageBody\":\"x\"}",
                          reply);
    lk_test_wire_call(wire, "StartMessageMoveTask",
                      "{\"SourceArn\":\"" DEAD_ARN
                      "\",\"DestinationArn\":\"arn:aws:sqs:us-east-1:000000000000:jobs\","
                      "\"MaxNumberOfMessagesPerSecond\":1}",
                      reply);
    assert_int_equal(reply->status, 200);
}

static void a_move_task_that_cannot_write_fails_no_request_that_needs_not(void **state)
{
    disk *d = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    start(d);
    lk_test_wire_open(&wire, d->server.port);
    start_slow_task(&wire, &reply);
    limit_file_size(&d->program, 0);
    lk_test_program_wait(&d->program, "the database failed");
    for (int i = 0; i < 200; i++) { /* it goes on trying meanwhile */
        lk_test_wire_call(&wire, "ListMessageMoveTasks", "{\"SourceArn\":\"" DEAD_ARN "\"}",
                          &reply);
        assert_int_equal(reply.status, 200);
        lk_test_sleep_ms(5);
    }
    limit_file_size(&d->program, RLIM_INFINITY);
    assert_int_equal(
        lk_test_server_http(&d->server, "/_lambdakiq/clock", "{\"advance_s\":60}", &reply), 200);
    for (int tries = 0; tries < 500 && !strstr(reply.body.ptr, "COMPLETED"); tries++) {
        lk_test_sleep_ms(20);
        lk_test_wire_call(&wire, "ListMessageMoveTasks", "{\"SourceArn\":\"" DEAD_ARN "\"}",
                          &reply);
    }
    assert_non_null(strstr(reply.body.ptr, "\"ApproximateNumberOfMessagesMoved\":20"));
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    lk_test_serve_stop(&d->program, SIGTERM);
}

static void assert_health(lk_test_server *server, int status, const char *state, const char *store)
{
    lk_test_reply reply = {0};
    assert_int_equal(lk_test_server_http(server, "/_lambdakiq/health", NULL, &reply), status);
    assert_slice(lk_test_reply_member(&reply, "status"), state);
    assert_slice(lk_test_reply_member(&reply, "store"), store);
    lk_test_reply_clear(&reply);
}

static void a_full_disk_makes_it_unready_for_as_long_as_it_is_full(void **state)
{
    disk *d = *state;
    start(d);
    assert_health(&d->server, 200, "ok", "ok");
    limit_file_size(&d->program, 0);
    assert_health(&d->server, 503, "unready", "failing");
    limit_file_size(&d->program, RLIM_INFINITY);
    assert_health(&d->server, 200, "ok", "ok");
    lk_test_serve_stop(&d->program, SIGTERM);
}

static void a_full_disk_does_not_keep_a_server_from_stopping(void **state)
{
    disk *d = *state;
    lk_test_wire wire;
    lk_test_reply reply = {0};
    start(d);
    lk_test_wire_open(&wire, d->server.port);
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    lk_test_wire_send(&wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
    lk_test_server_wait_receives(&d->server, 1);
    limit_file_size(&d->program, 0);
    lk_test_serve_stop(&d->program, SIGTERM);
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

/* --- Kill -9 -------------------------------------------------------------------------------- */

#define CLIENTS   8
#define ROUND_MAX 4000

/* What was answered with 200, by the number in the body. */
typedef struct ledger {
    bool sent[CLIENTS * ROUND_MAX];
    bool deleted[CLIENTS * ROUND_MAX];
    size_t sent_count;
    size_t deleted_count;
} ledger;

static void send_number(lk_test_wire *wire, size_t number)
{
    char body[96];
    snprintf(body, sizeof body, "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"%zu\"}", number);
    lk_test_wire_send(wire, "SendMessage", body);
}

/* One round: every client sends a number; the server dies in the middle of the last one. */
static void send_round(lk_test_wire *wires, size_t round, const lk_test_program *victim,
                       ledger *book)
{
    lk_test_reply reply = {0};
    for (size_t c = 0; c < CLIENTS; c++)
        send_number(&wires[c], round * CLIENTS + c);
    for (size_t c = 0; c < CLIENTS; c++) {
        if (victim && c == CLIENTS / 2)
            kill(victim->pid, SIGKILL);
        if (lk_test_wire_read(&wires[c], &reply, LK_TEST_ANSWER_MS) && reply.status == 200) {
            book->sent[round * CLIENTS + c] = true;
            book->sent_count++;
        }
    }
    lk_test_reply_clear(&reply);
}

/* Receives up to ten and deletes them one by one, each answer noted. */
static size_t consume(lk_test_server *server, ledger *book)
{
    lk_test_wire wire;
    lk_test_reply got = {0}, reply = {0};
    lk_test_wire_open(&wire, server->port);
    lk_test_wire_call(&wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"MaxNumberOfMessages\":10}",
                      &got);
    size_t count = lk_test_reply_messages(&got);
    for (size_t i = 0; i < count; i++) {
        char body[256];
        int64_t number = -1;
        lk_slice handle = lk_test_reply_message(&got, i, "ReceiptHandle");
        snprintf(body, sizeof body, "{\"QueueUrl\":\"jobs\",\"ReceiptHandle\":\"%.*s\"}",
                 LK_SLICE_FMT(handle));
        lk_test_wire_call(&wire, "DeleteMessage", body, &reply);
        assert_int_equal(reply.status, 200);
        assert_true(lk_slice_to_int64(lk_test_reply_message(&got, i, "Body"), &number));
        assert_false(book->deleted[number]); /* nobody comes back from the dead */
        book->deleted[number] = true;
        book->deleted_count++;
    }
    lk_test_reply_clear(&got);
    lk_test_reply_clear(&reply);
    lk_test_wire_close(&wire);
    return count;
}

static void a_killed_server_loses_nothing_it_acknowledged(void **state)
{
    static ledger book;
    disk *d = *state;
    lk_test_wire wires[CLIENTS];
    size_t round = 0;
    start(d);
    lk_test_server_do(&d->server, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    for (size_t c = 0; c < CLIENTS; c++)
        lk_test_wire_open(&wires[c], d->server.port);
    int64_t until_ms = lk_mono_ms() + 400;
    while (lk_mono_ms() < until_ms && round < ROUND_MAX - 1)
        send_round(wires, round++, NULL, &book);
    consume(&d->server, &book);
    send_round(wires, round, &d->program, &book);
    assert_int_equal(lk_test_program_end(&d->program, 0), 128 + SIGKILL);
    lk_test_program_clear(&d->program);
    for (size_t c = 0; c < CLIENTS; c++)
        lk_test_wire_close(&wires[c]);

    start(d);
    while (consume(&d->server, &book) > 0)
        continue;
    for (size_t i = 0; i < LK_COUNT(book.sent); i++)
        if (book.sent[i] && !book.deleted[i])
            fail_msg("message %zu was acknowledged and is lost", i);
    assert_true(book.sent_count > CLIENTS);
    assert_true(book.deleted_count >= book.sent_count);
    lk_test_serve_stop(&d->program, SIGTERM);
}

/* Kills the program after a time that nobody knows beforehand. */
typedef struct killer {
    pthread_t thread;
    pid_t pid;
    unsigned after_us;
} killer;

static void *kill_later(void *arg)
{
    const killer *k = arg;
    usleep(k->after_us);
    kill(k->pid, SIGKILL);
    return NULL;
}

/* What became of a delete that was not answered nobody can know. */
typedef enum fate { UNSENT, SENT, DELETING, DELETED } fate;

/* Receives up to ten and deletes them; false: the server died. */
static bool consume_until_death(lk_test_wire *wire, fate *fates, unsigned seed)
{
    lk_test_reply got = {0}, reply = {0};
    lk_test_wire_send(wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"MaxNumberOfMessages\":10}");
    bool alive = lk_test_wire_read(wire, &got, LK_TEST_ANSWER_MS);
    size_t count = alive ? lk_test_reply_messages(&got) : 0;
    for (size_t i = 0; alive && i < count; i++) {
        char body[256];
        int64_t number = -1;
        snprintf(body, sizeof body, "{\"QueueUrl\":\"jobs\",\"ReceiptHandle\":\"%.*s\"}",
                 LK_SLICE_FMT(lk_test_reply_message(&got, i, "ReceiptHandle")));
        assert_true(lk_slice_to_int64(lk_test_reply_message(&got, i, "Body"), &number));
        if (fates[number] == DELETED)
            fail_msg("message %lld came back from the dead (seed %u)", (long long)number, seed);
        fates[number] = DELETING;
        lk_test_wire_send(wire, "DeleteMessage", body);
        alive = lk_test_wire_read(wire, &reply, LK_TEST_ANSWER_MS);
        if (alive && reply.status == 200)
            fates[number] = DELETED;
    }
    lk_test_reply_clear(&got);
    lk_test_reply_clear(&reply);
    return alive;
}

/* All clients send, one also receives and deletes, until the server is dead. */
static size_t load_until_death(int port, size_t next, fate *fates, unsigned seed)
{
    lk_test_wire wires[CLIENTS];
    lk_test_reply reply = {0};
    bool alive = true;
    for (size_t c = 0; c < CLIENTS; c++)
        lk_test_wire_open(&wires[c], port);
    while (alive && next + CLIENTS <= CLIENTS * ROUND_MAX) {
        for (size_t c = 0; c < CLIENTS; c++)
            send_number(&wires[c], next + c);
        for (size_t c = 0; c < CLIENTS; c++) {
            bool answered = lk_test_wire_read(&wires[c], &reply, LK_TEST_ANSWER_MS);
            if (answered && reply.status == 200)
                fates[next + c] = SENT;
            alive = alive && answered;
        }
        next += CLIENTS;
        alive = alive && consume_until_death(&wires[0], fates, seed);
    }
    for (size_t c = 0; c < CLIENTS; c++)
        lk_test_wire_close(&wires[c]);
    lk_test_reply_clear(&reply);
    return next;
}

/* Of the messages numbered up to `count`. */
static void assert_nothing_lost(int port, fate *fates, size_t count, unsigned seed)
{
    lk_test_wire wire;
    lk_test_reply reply = {0};
    lk_test_wire_open(&wire, port);
    do {
        lk_test_wire_call(&wire, "ReceiveMessage",
                          "{\"QueueUrl\":\"jobs\",\"MaxNumberOfMessages\":10,"
                          "\"VisibilityTimeout\":600}",
                          &reply);
        for (size_t i = 0; i < lk_test_reply_messages(&reply); i++) {
            int64_t number = -1;
            assert_true(lk_slice_to_int64(lk_test_reply_message(&reply, i, "Body"), &number));
            if (fates[number] == DELETED)
                fail_msg("message %lld came back from the dead (seed %u)", (long long)number, seed);
            fates[number] = UNSENT;
        }
    } while (lk_test_reply_messages(&reply) > 0);
    for (size_t i = 0; i < count; i++)
        if (fates[i] == SENT)
            fail_msg("message %zu was acknowledged and is lost (seed %u)", i, seed);
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
}

static void killed_at_any_moment_it_loses_nothing_it_acknowledged(void **state)
{
    static fate fates[CLIENTS * ROUND_MAX];
    disk *d = *state;
    size_t next = 0;
    unsigned seed = (unsigned)lk_wall_ms();
    srand(seed);
    for (int life = 0; life < 8; life++) {
        start(d);
        lk_test_server_do(&d->server, "CreateQueue",
                          "{\"QueueName\":\"jobs\",\"Attributes\":{\"VisibilityTimeout\":\"0\"}}");
        killer k = {.pid = d->program.pid, .after_us = (unsigned)rand() % 60000};
        assert_int_equal(pthread_create(&k.thread, NULL, kill_later, &k), 0);
        next = load_until_death(d->server.port, next, fates, seed);
        pthread_join(k.thread, NULL);
        assert_int_equal(lk_test_program_end(&d->program, 0), 128 + SIGKILL);
        lk_test_program_clear(&d->program);
    }
    start(d);
    assert_nothing_lost(d->server.port, fates, next, seed);
    lk_test_serve_stop(&d->program, SIGTERM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_is_an_internal_failure_and_nothing_half_written),
        TEST(a_move_task_that_cannot_write_fails_no_request_that_needs_not),
        TEST(a_full_disk_makes_it_unready_for_as_long_as_it_is_full),
        TEST(a_full_disk_does_not_keep_a_server_from_stopping),
        TEST(a_killed_server_loses_nothing_it_acknowledged),
        TEST(killed_at_any_moment_it_loses_nothing_it_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
