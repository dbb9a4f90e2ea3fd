/* SPDX-License-Identifier: MIT
 *
 * Tests of `lambdakiq serve` as people and scripts meet it. What it keeps in its file is in
 * test_serve_disk.c.
 */
#include "lk_test_process.h"
#include "lk_test_store.h"
#include "lk_test_wire.h"

#include <signal.h>
#include <unistd.h>

/* --- The command ---------------------------------------------------------------------------- */

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
        lk_test_server server = {.port = lk_test_serve_start(&program, NULL, NULL)};
        assert_int_equal(lk_test_server_http(&server, "/_lambdakiq/health", NULL, &reply), 200);
        lk_test_serve_stop(&program, signals[i]);
        lk_test_reply_clear(&reply);
    }
}

static void a_signal_answers_open_polls_before_it_ends(void **state)
{
    lk_test_program program = {0};
    lk_test_wire poll;
    lk_test_reply reply = {0};
    lk_test_server server = {.port = lk_test_serve_start(&program, NULL, NULL)};
    (void)state;
    lk_test_server_do(&server, "CreateQueue", "{\"QueueName\":\"jobs\"}");
    lk_test_wire_open(&poll, server.port);
    lk_test_wire_send(&poll, "ReceiveMessage", "{\"QueueUrl\":\"jobs\",\"WaitTimeSeconds\":20}");
    lk_test_server_wait_receives(&server, 1);
    lk_test_serve_stop(&program, SIGTERM);
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
    int printed = lk_test_serve_start(&program, "--json", NULL);
    lk_test_program_wait(&program, "}\n");
    assert_lk_ok(lk_json_parse(lk_slice_trim(lk_buf_slice(&program.output)), "line", &line, &err));
    assert_true(lk_json_int64(lk_json_get(line, "port"), &port));
    assert_int_equal(port, printed);
    assert_slice(lk_json_string(lk_json_get(line, "db")), ":memory:");
    lk_json_free(line);
    lk_test_serve_stop(&program, SIGTERM);
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
    lk_test_serve_stop(&program, SIGTERM);
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
        lk_test_server server = {.port = lk_test_serve_start(&program, "--clock-file", file)};
        lk_test_server_http(&server, "/_lambdakiq/clock", "{\"advance_s\":60}", &reply);
        assert_true(lk_json_int64(lk_json_get(reply.json, "offset_ms"), &offset_ms));
        assert_int_equal(offset_ms, i * 60000);
        lk_test_serve_stop(&program, SIGTERM);
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
    snprintf(port, sizeof port, "%d", lk_test_serve_start(&program, NULL, NULL));
    ASSERT_ENDS(1,
                "is in use by another process; choose another with --port, or 0 for any free one",
                "--port", port);
    lk_test_serve_stop(&program, SIGTERM);
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
    lk_test_serve_stop(&program, SIGTERM);
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
    lk_test_serve_stop(&program, SIGTERM);
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
        .port = lk_test_serve_start(&program, "--max-message-bytes=262144", "--in-flight-limit=1")};
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
    lk_test_serve_stop(&program, SIGTERM);
    ASSERT_ENDS(2, "max-message-bytes", "--max-message-bytes", "1048577");
}

static void the_waits_of_aws_are_imposed_on_request(void **state)
{
    lk_test_program program = {0};
    lk_test_reply reply = {0};
    lk_test_wire wire;
    (void)state;
    lk_test_server server = {.port =
                                 lk_test_serve_start(&program, "--purge-wait", "--recreate-wait")};
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
    lk_test_serve_stop(&program, SIGTERM);
}

static void help_lists_the_options(void **state)
{
    (void)state;
    ASSERT_ENDS(0, "--clock-file FILE", "--help");
    ASSERT_ENDS(0, "Usage: lambdakiq serve", "-h");
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
