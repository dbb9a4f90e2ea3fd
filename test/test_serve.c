/* SPDX-License-Identifier: MIT
 *
 * Tests of `lambdakiq serve` as people and scripts meet it, and of what a killed server keeps.
 */
#include "lk_test_process.h"
#include "lk_test_store.h"
#include "lk_test_wire.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- A server process ----------------------------------------------------------------------- */

/* Starts it with two more arguments (NULL: none) on a free port; returns the port. */
static int start(lk_test_program *program, const char *option, const char *value)
{
    const char *argv[] = {LK_TEST_COMMAND, "serve", "--port", "0", option, value, NULL};
    lk_test_program_start(program, argv);
    return atoi(lk_test_program_wait(program, "http://127.0.0.1:"));
}

static void stop(lk_test_program *program, int signal_number)
{
    int code = lk_test_program_end(program, signal_number);
    if (code != 0)
        fail_msg("it ended with %d: %s", code, program->output.ptr);
    lk_test_program_clear(program);
}

/* Runs it with these arguments to its end; the output must hold `text`. */
static void assert_ends(const char *const *arguments, int exit_code, const char *text)
{
    lk_test_program program = {0};
    const char *argv[12] = {LK_TEST_COMMAND, "serve"};
    for (size_t i = 0; arguments[i]; i++)
        argv[i + 2] = arguments[i];
    assert_int_equal(lk_test_program_run(&program, argv), exit_code);
    if (!strstr(program.output.ptr, text))
        fail_msg("\"%s\" lacks \"%s\"", program.output.ptr, text);
    lk_test_program_clear(&program);
}

#define ASSERT_ENDS(exit_code, text, ...)                                                          \
    assert_ends((const char *const[]){__VA_ARGS__, NULL}, exit_code, text)

/* --- Starting and stopping ------------------------------------------------------------------ */

static void it_says_where_it_is_and_serves_until_a_signal(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    (void)state;
    for (size_t i = 0; i < LK_COUNT(signals); i++) {
        lk_test_program program = {0};
        lk_test_reply reply = {0};
        lk_test_server server = {.port = start(&program, NULL, NULL)};
        assert_int_equal(lk_test_server_http(&server, "/_lambdakiq/health", NULL, &reply), 200);
        stop(&program, signals[i]);
        lk_test_reply_clear(&reply);
    }
}

static void a_signal_answers_open_polls_before_it_ends(void **state)
{
    lk_test_program program = {0};
    lk_test_wire poll;
    lk_test_reply reply = {0};
    lk_test_server server = {.port = start(&program, NULL, NULL)};
    (void)state;
    lk_test_server_do(&server, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_wire_open(&poll, server.port);
    lk_test_wire_send(&poll, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
    lk_test_server_wait_receives(&server, 1);
    stop(&program, SIGTERM);
    assert_true(lk_test_wire_read(&poll, &reply, LK_TEST_ANSWER_MS));
    assert_string_equal(reply.body.ptr, "{}");
    lk_test_wire_close(&poll);
    lk_test_reply_clear(&reply);
}

static void json_makes_the_ready_line_machine_readable(void **state)
{
    lk_test_program program = {0};
    lk_json *line = NULL;
    lk_err err;
    int64_t port = 0;
    (void)state;
    int printed = start(&program, "--json", NULL);
    lk_test_program_wait(&program, "}\n");
    assert_lk_ok(lk_json_parse(lk_slice_trim(lk_buf_slice(&program.output)), "line", &line, &err));
    assert_true(lk_json_int64(lk_json_get(line, "port"), &port));
    assert_int_equal(port, printed);
    assert_slice(lk_json_string(lk_json_get(line, "db")), ":memory:");
    lk_json_free(line);
    stop(&program, SIGTERM);
}

static void region_and_account_are_in_arns_and_urls(void **state)
{
    lk_test_program program = {0};
    const char *argv[] = {LK_TEST_COMMAND, "serve",     "--port",       "0", "--region",
                          "eu-west-1",     "--account", "123456789012", NULL};
    lk_test_wire wire;
    lk_test_reply reply = {0};
    (void)state;
    lk_test_program_start(&program, argv);
    lk_test_wire_open(&wire, atoi(lk_test_program_wait(&program, "http://127.0.0.1:")));
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    assert_slice(lk_test_reply_member(&reply, "QueueUrl"),
                 "http://sqs.test:9324/123456789012/jobs");
    lk_test_wire_call(&wire, "GetQueueAttributes",
                      "{\"QueueUrl\":\"jobs\",\"AttributeNames\":[\"QueueArn\"]}", &reply);
    assert_slice(lk_json_string(lk_json_get(lk_json_get(reply.json, "Attributes"), "QueueArn")),
                 "arn:aws:sqs:eu-west-1:123456789012:jobs");
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    stop(&program, SIGTERM);
}

static void the_clock_file_holds_the_offset_over_a_restart(void **state)
{
    char directory[64], file[96];
    lk_test_reply reply = {0};
    int64_t offset_ms = 0;
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/clock", directory);
    for (int i = 1; i <= 2; i++) {
        lk_test_program program = {0};
        lk_test_server server = {.port = start(&program, "--clock-file", file)};
        lk_test_server_http(&server, "/_lambdakiq/clock", "{\"advance_s\":60}", &reply);
        assert_true(lk_json_int64(lk_json_get(reply.json, "offset_ms"), &offset_ms));
        assert_int_equal(offset_ms, i * 60000);
        stop(&program, SIGTERM);
    }
    lk_test_reply_clear(&reply);
    unlink(file);
    rmdir(directory);
}

/* --- What is wrong, and what to do ---------------------------------------------------------- */

static void a_port_in_use_is_named_with_the_way_out(void **state)
{
    lk_test_program program = {0};
    char port[16];
    (void)state;
    snprintf(port, sizeof port, "%d", start(&program, NULL, NULL));
    ASSERT_ENDS(1,
                "is in use by another process; choose another with --port, or 0 for any free one",
                "--port", port);
    stop(&program, SIGTERM);
}

static void a_file_that_is_no_database_is_named(void **state)
{
    char directory[64], file[96];
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/notes.txt", directory);
    FILE *notes = fopen(file, "w");
    assert_non_null(notes);
    for (int i = 0; i < 200; i++)
        fputs("This is no database at all. ", notes);
    fclose(notes);
    ASSERT_ENDS(1, file, "--port", "0", "--db", file);
    unlink(file);
    rmdir(directory);
}

static void a_database_that_cannot_be_opened_is_named(void **state)
{
    (void)state;
    ASSERT_ENDS(1, "/nowhere/at/all.sqlite3", "--port", "0", "--db", "/nowhere/at/all.sqlite3");
}

static void an_address_that_others_can_reach_is_refused(void **state)
{
    (void)state;
    ASSERT_ENDS(1, "0.0.0.0 is not a loopback address", "--port", "0", "--host", "0.0.0.0");
    ASSERT_ENDS(1, "0.0.0.0 or :: for all", "--port", "0", "--host", "example.com");
}

static void insecure_listens_anywhere(void **state)
{
    lk_test_program program = {0};
    lk_test_reply reply = {0};
    const char *argv[] = {LK_TEST_COMMAND, "serve",   "--port",     "0",
                          "--host",        "0.0.0.0", "--insecure", NULL};
    (void)state;
    lk_test_program_start(&program, argv);
    lk_test_server server = {.port = atoi(lk_test_program_wait(&program, "http://0.0.0.0:"))};
    assert_int_equal(lk_test_server_http(&server, "/_lambdakiq/queues", NULL, &reply), 200);
    lk_test_reply_clear(&reply);
    stop(&program, SIGTERM);
}

/* --- The key pair --------------------------------------------------------------------------- */

/* Whether the server at this port takes calls signed with the secret. */
static int call_signed(int port, const char *secret, lk_err *err)
{
    char endpoint[64];
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", port);
    options.endpoint = endpoint;
    options.region = "us-east-1";
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = secret;
    lk_client *client = lk_client_new(&options, err);
    assert_non_null(client);
    int rc = lk_create_queue(client, "jobs", NULL, 0, NULL, err);
    lk_client_free(client);
    return rc;
}

static void assert_pair_is_asked_for(const char *option, const char *file)
{
    lk_err err;
    lk_test_program program = {0};
    const char *argv[] = {LK_TEST_COMMAND, "serve", "--port", "0", "--access-key-id",
                          "AKIDEXAMPLE",   option,  file,     NULL};
    lk_test_program_start(&program, argv);
    int port = atoi(lk_test_program_wait(&program, "http://127.0.0.1:"));
    lk_test_program_wait(&program, "must be signed with access key AKIDEXAMPLE\n");
    assert_lk_ok(call_signed(port, "s3cr3t", &err));
    assert_lk_fails(call_signed(port, "guess", &err), LK_E_SERVICE);
    assert_null(strstr(program.output.ptr, "s3cr3t"));
    stop(&program, SIGTERM);
}

static void the_secret_comes_from_a_variable_or_a_file(void **state)
{
    char directory[64], file[96];
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/secret", directory);
    FILE *secret = fopen(file, "w");
    assert_non_null(secret);
    fputs("s3cr3t\n", secret);
    fclose(secret);
    assert_pair_is_asked_for("--secret-file", file);
    setenv("LAMBDAKIQ_SECRET_ACCESS_KEY", "s3cr3t", 1);
    assert_pair_is_asked_for(NULL, NULL);
    unsetenv("LAMBDAKIQ_SECRET_ACCESS_KEY");
    unlink(file);
    rmdir(directory);
}

static void half_a_pair_is_explained(void **state)
{
    (void)state;
    ASSERT_ENDS(1, "set LAMBDAKIQ_SECRET_ACCESS_KEY or give --secret-file", "--access-key-id", "K");
    ASSERT_ENDS(1, "cannot read the secret in /nowhere: No such file", "--access-key-id", "K",
                "--secret-file", "/nowhere");
    ASSERT_ENDS(1, "/dev/null holds no secret", "--access-key-id", "K", "--secret-file",
                "/dev/null");
    ASSERT_ENDS(2, "--secret-file needs --access-key-id", "--secret-file", "/nowhere");
    setenv("LAMBDAKIQ_SECRET_ACCESS_KEY", "s3cr3t", 1);
    ASSERT_ENDS(2, "signatures are checked only with --access-key-id", "--port", "0");
    ASSERT_ENDS(1, "an access key id has 1 to 128 characters", "--access-key-id", "a/b");
    unsetenv("LAMBDAKIQ_SECRET_ACCESS_KEY");
}

static void errors_are_json_on_request(void **state)
{
    (void)state;
    ASSERT_ENDS(1, "{\"error\":{\"code\":\"LK_E_INVALID\"", "--host", "0.0.0.0", "--json");
}

static void a_wrong_line_is_explained_and_ends_with_2(void **state)
{
    (void)state;
    ASSERT_ENDS(2, "--port wants a number from 0 to 65535, not \"x\"", "--port", "x");
    ASSERT_ENDS(2, "--port wants a number", "--port=70000");
    ASSERT_ENDS(2, "--port wants a value: N", "--port");
    ASSERT_ENDS(2, "did you mean --port?", "--ports", "1");
    ASSERT_ENDS(2, "unknown option -x", "-x");
    ASSERT_ENDS(2, "--json takes no value", "--json=1");
    ASSERT_ENDS(2, "unexpected argument \"jobs\"", "jobs");
    ASSERT_ENDS(2, "runs no command", "--", "true");
    ASSERT_ENDS(2, "--sync is normal or full, not \"maybe\"", "--sync", "maybe");
}

static void limits_of_size_and_in_flight_are_chosen(void **state)
{
    lk_test_program program = {0};
    lk_test_reply reply = {0};
    lk_test_wire wire;
    (void)state;
    lk_test_server server = {
        .port = start(&program, "--max-message-bytes=262144", "--in-flight-limit=1")};
    lk_test_server_do(&server, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_wire_open(&wire, server.port);
    lk_test_wire_call(&wire, "GetQueueAttributes",
                      "{\"QueueUrl\":\"jobs\",\"AttributeNames\":[\"MaximumMessageSize\"]}",
                      &reply);
    assert_string_equal(reply.body.ptr, "{\"Attributes\":{\"MaximumMessageSize\":\"262144\"}}");
    for (int i = 0; i < 2; i++)
        lk_test_server_do(&server, "SendMessage", "{\"QueueUrl\":\"jobs\",\"MessageBody\":\"x\"}");
    lk_test_server_do(&server, "ReceiveMessage", "{\"QueueUrl\":\"jobs\"}");
    lk_test_wire_call(&wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\"}", &reply);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "OverLimit;Sender");
    assert_int_equal(reply.status, 403);
    lk_test_wire_call(&wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":1}",
                      &reply);
    assert_string_equal(reply.body.ptr, "{}"); /* a long poll waits, and gets no error */
    lk_test_reply_clear(&reply);
    lk_test_wire_close(&wire);
    stop(&program, SIGTERM);
    ASSERT_ENDS(2, "max-message-bytes", "--max-message-bytes", "1048577");
}

static void the_waits_of_aws_are_imposed_on_request(void **state)
{
    lk_test_program program = {0};
    lk_test_reply reply = {0};
    lk_test_wire wire;
    (void)state;
    lk_test_server server = {.port = start(&program, "--purge-wait", "--recreate-wait")};
    lk_test_server_do(&server, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_server_do(&server, "PurgeQueue", "{\"QueueUrl\":\"jobs\"}");
    lk_test_wire_open(&wire, server.port);
    lk_test_wire_call(&wire, "PurgeQueue", "{\"QueueUrl\":\"jobs\"}", &reply);
    assert_int_equal(reply.status, 403);
    lk_test_server_do(&server, "DeleteQueue", "{\"QueueUrl\":\"jobs\"}");
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"),
                 "AWS.SimpleQueueService.QueueDeletedRecently;Sender");
    lk_test_reply_clear(&reply);
    lk_test_wire_close(&wire);
    stop(&program, SIGTERM);
}

static void help_lists_the_options(void **state)
{
    (void)state;
    ASSERT_ENDS(0, "--clock-file FILE", "--help");
    ASSERT_ENDS(0, "Usage: lambdakiq serve", "-h");
}

/* --- Disk ----------------------------------------------------------------------------------- */

static void remove_database(const char *directory, const char *file)
{
    char name[112];
    for (const char *const *end = (const char *const[]){"", "-wal", "-shm", NULL}; *end; end++) {
        snprintf(name, sizeof name, "%s%s", file, *end);
        unlink(name);
    }
    rmdir(directory);
}

/* The server's files may grow to so many bytes. */
static void limit_file_size(const lk_test_program *program, rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(prlimit(program->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void a_full_disk_is_an_internal_failure_and_nothing_half_written(void **state)
{
    char directory[64], file[96];
    lk_test_program program = {0};
    lk_test_wire wire;
    lk_test_reply reply = {0};
    static const char batch[] =
        "{\"QueueUrl\":\"jobs\",\"Entries\":[{\"Id\":\"a\",\"MessageBody\":\"x\"},"
        "{\"Id\":\"b\",\"MessageBody\":\"y\"}]}";
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/jobs.sqlite3", directory);
    lk_test_wire_open(&wire, start(&program, "--db", file));
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    limit_file_size(&program, 0);
    lk_test_wire_call(&wire, "SendMessageBatch", batch, &reply);
    assert_int_equal(reply.status, 500);
    assert_slice(lk_test_reply_header(&reply, "x-amzn-query-error"), "InternalFailure;Receiver");
    lk_test_program_wait(&program, "the database failed, requests are answered with 500: ");
    limit_file_size(&program, RLIM_INFINITY);
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
    stop(&program, SIGTERM);
    remove_database(directory, file);
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
    char directory[64], file[96];
    lk_test_program program = {0};
    lk_test_wire wire;
    lk_test_reply reply = {0};
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/jobs.sqlite3", directory);
    lk_test_server server = {.port = start(&program, "--db", file)};
    lk_test_wire_open(&wire, server.port);
    start_slow_task(&wire, &reply);
    limit_file_size(&program, 0);
    lk_test_program_wait(&program, "the database failed");
    for (int i = 0; i < 200; i++) { /* it goes on trying meanwhile */
        lk_test_wire_call(&wire, "ListMessageMoveTasks", "{\"SourceArn\":\"" DEAD_ARN "\"}",
                          &reply);
        assert_int_equal(reply.status, 200);
        lk_test_sleep_ms(5);
    }
    limit_file_size(&program, RLIM_INFINITY);
    assert_int_equal(
        lk_test_server_http(&server, "/_lambdakiq/clock", "{\"advance_s\":60}", &reply), 200);
    for (int tries = 0; tries < 500 && !strstr(reply.body.ptr, "COMPLETED"); tries++) {
        lk_test_sleep_ms(20);
        lk_test_wire_call(&wire, "ListMessageMoveTasks", "{\"SourceArn\":\"" DEAD_ARN "\"}",
                          &reply);
    }
    assert_non_null(strstr(reply.body.ptr, "\"ApproximateNumberOfMessagesMoved\":20"));
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    stop(&program, SIGTERM);
    remove_database(directory, file);
}

static void assert_health(int port, int status, const char *state, const char *store)
{
    lk_test_reply reply = {0};
    lk_test_server server = {.port = port};
    assert_int_equal(lk_test_server_http(&server, "/_lambdakiq/health", NULL, &reply), status);
    assert_slice(lk_test_reply_member(&reply, "status"), state);
    assert_slice(lk_test_reply_member(&reply, "store"), store);
    lk_test_reply_clear(&reply);
}

static void a_full_disk_makes_it_unready_for_as_long_as_it_is_full(void **state)
{
    char directory[64], file[96];
    lk_test_program program = {0};
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/jobs.sqlite3", directory);
    int port = start(&program, "--db", file);
    assert_health(port, 200, "ok", "ok");
    limit_file_size(&program, 0);
    assert_health(port, 503, "unready", "failing");
    limit_file_size(&program, RLIM_INFINITY);
    assert_health(port, 200, "ok", "ok");
    stop(&program, SIGTERM);
    remove_database(directory, file);
}

static void a_full_disk_does_not_keep_a_server_from_stopping(void **state)
{
    char directory[64], file[96];
    lk_test_program program = {0};
    lk_test_wire wire;
    lk_test_reply reply = {0};
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/jobs.sqlite3", directory);
    lk_test_server server = {.port = start(&program, "--db", file)};
    lk_test_wire_open(&wire, server.port);
    lk_test_wire_call(&wire, "CreateQueue", "{\"QueueName\":\"jobs\"}", &reply);
    lk_test_wire_send(&wire, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
    lk_test_server_wait_receives(&server, 1);
    limit_file_size(&program, 0);
    stop(&program, SIGTERM);
    assert_true(lk_test_wire_read(&wire, &reply, LK_TEST_ANSWER_MS));
    lk_test_wire_close(&wire);
    lk_test_reply_clear(&reply);
    remove_database(directory, file);
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
    char directory[64], file[96];
    lk_test_program program = {0};
    lk_test_wire wires[CLIENTS];
    size_t round = 0;
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/jobs.sqlite3", directory);
    lk_test_server server = {.port = start(&program, "--db", file)};
    lk_test_server_do(&server, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    for (size_t c = 0; c < CLIENTS; c++)
        lk_test_wire_open(&wires[c], server.port);
    int64_t until_ms = lk_mono_ms() + 400;
    while (lk_mono_ms() < until_ms && round < ROUND_MAX - 1)
        send_round(wires, round++, NULL, &book);
    consume(&server, &book);
    send_round(wires, round, &program, &book);
    assert_int_equal(lk_test_program_end(&program, 0), 128 + SIGKILL);
    lk_test_program_clear(&program);
    for (size_t c = 0; c < CLIENTS; c++)
        lk_test_wire_close(&wires[c]);

    server.port = start(&program, "--db", file);
    while (consume(&server, &book) > 0)
        continue;
    for (size_t i = 0; i < LK_COUNT(book.sent); i++)
        if (book.sent[i] && !book.deleted[i])
            fail_msg("message %zu was acknowledged and is lost", i);
    assert_true(book.sent_count > CLIENTS);
    assert_true(book.deleted_count >= book.sent_count);
    stop(&program, SIGTERM);
    remove_database(directory, file);
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
    char directory[64], file[96];
    lk_test_program program = {0};
    size_t next = 0;
    unsigned seed = (unsigned)lk_wall_ms();
    (void)state;
    test_store_directory(directory);
    snprintf(file, sizeof file, "%s/jobs.sqlite3", directory);
    srand(seed);
    for (int life = 0; life < 8; life++) {
        lk_test_server server = {.port = start(&program, "--db", file)};
        lk_test_server_do(&server, "CreateQueue",
                          "{\"QueueName\":\"jobs\",\"Attributes\":{\"VisibilityTimeout\":\"0\"}}");
        killer k = {.pid = program.pid, .after_us = (unsigned)rand() % 60000};
        assert_int_equal(pthread_create(&k.thread, NULL, kill_later, &k), 0);
        next = load_until_death(server.port, next, fates, seed);
        pthread_join(k.thread, NULL);
        assert_int_equal(lk_test_program_end(&program, 0), 128 + SIGKILL);
        lk_test_program_clear(&program);
    }
    assert_nothing_lost(start(&program, "--db", file), fates, next, seed);
    stop(&program, SIGTERM);
    remove_database(directory, file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_where_it_is_and_serves_until_a_signal),
        cmocka_unit_test(a_signal_answers_open_polls_before_it_ends),
        cmocka_unit_test(json_makes_the_ready_line_machine_readable),
        cmocka_unit_test(region_and_account_are_in_arns_and_urls),
        cmocka_unit_test(the_clock_file_holds_the_offset_over_a_restart),
        cmocka_unit_test(a_port_in_use_is_named_with_the_way_out),
        cmocka_unit_test(a_file_that_is_no_database_is_named),
        cmocka_unit_test(a_database_that_cannot_be_opened_is_named),
        cmocka_unit_test(an_address_that_others_can_reach_is_refused),
        cmocka_unit_test(insecure_listens_anywhere),
        cmocka_unit_test(the_secret_comes_from_a_variable_or_a_file),
        cmocka_unit_test(half_a_pair_is_explained),
        cmocka_unit_test(errors_are_json_on_request),
        cmocka_unit_test(a_wrong_line_is_explained_and_ends_with_2),
        cmocka_unit_test(limits_of_size_and_in_flight_are_chosen),
        cmocka_unit_test(the_waits_of_aws_are_imposed_on_request),
        cmocka_unit_test(help_lists_the_options),
        cmocka_unit_test(a_full_disk_is_an_internal_failure_and_nothing_half_written),
        cmocka_unit_test(a_move_task_that_cannot_write_fails_no_request_that_needs_not),
        cmocka_unit_test(a_full_disk_makes_it_unready_for_as_long_as_it_is_full),
        cmocka_unit_test(a_full_disk_does_not_keep_a_server_from_stopping),
        cmocka_unit_test(a_killed_server_loses_nothing_it_acknowledged),
        cmocka_unit_test(killed_at_any_moment_it_loses_nothing_it_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
