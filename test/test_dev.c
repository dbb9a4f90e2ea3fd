/* SPDX-License-Identifier: MIT
 *
 * test_dev: the command as people start it: LK_TEST_COMMAND dev … -- a worker program.
 */
#include "lk_test.h"

#include "lk_test_process.h"

#include "http.h"

#include <signal.h>
#include <unistd.h>

#define JOBS LK_TEST_FIXTURE_DIR "/fixture_jobs"

typedef struct fixture {
    char dir[64];
    char db[96];
    char ledger[96];
    lk_test_program program;
    lk_client *client;
    lk_buf text;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->dir, sizeof(f->dir), "/tmp/lk_test_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->db, sizeof(f->db), "%s/data/queues.sqlite3", f->dir);
    snprintf(f->ledger, sizeof(f->ledger), "%s/ledger", f->dir);
    setenv("LK_TEST_LEDGER", f->ledger, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[160];
    lk_test_program_clear(&f->program);
    lk_client_free(f->client);
    lk_buf_clear(&f->text);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* --- Helpers -------------------------------------------------------------------------------- */

/* Where the program says that its server is. The line comes with one write, so it is there whole.
 */
static void server_url(fixture *f, char url[128])
{
    const char *at = lk_test_program_wait(&f->program, "export AWS_ENDPOINT_URL_SQS=");
    snprintf(url, 128, "%.*s", (int)strcspn(at, "\n"), at);
}

static void connect_to_server(fixture *f)
{
    lk_err err;
    char url[128];
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    server_url(f, url);
    options.endpoint = url;
    options.region = "us-east-1";
    options.access_key_id = "local";
    options.secret_access_key = "local";
    lk_client_free(f->client);
    f->client = lk_client_new(&options, &err);
    assert_non_null(f->client);
}

/* dev with these options on a free port; NULL-terminated, at most 8. */
static void start_dev(fixture *f, const char *const *options)
{
    const char *argv[24] = {LK_TEST_COMMAND, "dev", "--port", "0", "--db", f->db};
    size_t count = 6;
    for (; options && *options; options++)
        argv[count++] = *options;
    argv[count++] = "--";
    argv[count++] = JOBS;
    lk_test_program_start(&f->program, argv);
    connect_to_server(f);
}

static void enqueue(fixture *f, const char *queue, const char *job_class, const char *arguments)
{
    lk_err err;
    assert_lk_ok(lk_enqueue(f->client, queue, job_class, arguments, NULL, NULL, &err));
}

static const char *ledger(fixture *f)
{
    char bytes[4096];
    size_t got;
    FILE *file = fopen(f->ledger, "r");
    lk_buf_reset(&f->text);
    lk_buf_add_char(&f->text, '\n');
    while (file && (got = fread(bytes, 1, sizeof(bytes), file)) > 0)
        lk_buf_add(&f->text, (lk_slice){bytes, got});
    if (file)
        fclose(file);
    return f->text.ptr;
}

/* The nth (0..) line of the ledger with `part`, once it is there. */
static const char *wait_ledger(fixture *f, const char *part, size_t nth)
{
    int64_t until = lk_mono_ms() + 20000;
    for (;;) {
        const char *at = strstr(ledger(f), part);
        for (size_t i = 0; at && i < nth; i++)
            at = strstr(at + 1, part);
        if (at && strchr(at, '\n'))
            return at;
        if (lk_mono_ms() > until)
            fail_msg("no \"%s\" number %zu in the ledger:%s; output: %s", part, nth, f->text.ptr,
                     f->program.output.ptr);
        lk_test_sleep_ms(5);
    }
}

static int64_t number_in(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    assert_non_null(at);
    return strtoll(at + strlen(name), NULL, 10);
}

static void move_clock_to_next(fixture *f)
{
    lk_err err;
    char base[128];
    char url[160];
    lk_http_response response = {0};
    lk_http *http = lk_http_new(&(lk_http_options){.no_proxy = true}, &err);
    server_url(f, base);
    snprintf(url, sizeof(url), "%s/_lambdakiq/clock", base);
    lk_http_request request = {
        .method = "POST", .url = url, .body = LK_SLICE_LITERAL("{\"to_next\":true}")};
    assert_lk_ok(lk_http_call(http, &request, 60000, &response, &err));
    assert_int_equal(response.status, 200);
    lk_http_response_clear(&response);
    lk_http_free(http);
}

static void assert_run(fixture *f, const char *const *argv, int status, const char *said)
{
    lk_test_program_clear(&f->program);
    int got = lk_test_program_run(&f->program, argv);
    if (got != status || !f->program.output.ptr || !strstr(f->program.output.ptr, said))
        fail_msg("exit %d, expected %d and \"%s\": %s", got, status, said, f->program.output.ptr);
}

static bool has_attribute(fixture *f, const char *queue, const char *attribute)
{
    lk_err err;
    char params[128];
    char *response = NULL;
    size_t len = 0;
    snprintf(params, sizeof(params), "{\"QueueUrl\":\"%s\",\"AttributeNames\":[\"All\"]}", queue);
    assert_lk_ok(
        lk_sqs_call(f->client, "GetQueueAttributes", lk_slice_of(params), &response, &len, &err));
    bool has = strstr(response, attribute) != NULL;
    lk_free(response);
    return has;
}

static void assert_attribute(fixture *f, const char *queue, const char *attribute)
{
    if (!has_attribute(f, queue, attribute))
        fail_msg("queue %s has not %s", queue, attribute);
}

/* Once it is so: what moves messages does it by itself. */
static void wait_attribute(fixture *f, const char *queue, const char *attribute)
{
    int64_t until = lk_mono_ms() + 20000;
    while (!has_attribute(f, queue, attribute) && lk_mono_ms() < until)
        lk_test_sleep_ms(5);
    assert_attribute(f, queue, attribute);
}

/* --- Running -------------------------------------------------------------------------------- */

static void dev_performs_jobs_and_ends_cleanly(void **state)
{
    fixture *f = *state;
    start_dev(f, NULL);
    enqueue(f, "jobs", "OkJob", "[1]");
    pid_t worker = (pid_t)number_in(wait_ledger(f, "end OkJob", 0), "pid=");
    lk_test_program_wait(&f->program, "\nREPORT RequestId: ");
    assert_int_equal(lk_test_program_end(&f->program, SIGINT), 0);
    assert_true(lk_test_process_gone(worker));
}

static void a_running_job_finishes_before_the_end(void **state)
{
    fixture *f = *state;
    start_dev(f, NULL);
    enqueue(f, "jobs", "SlowJob", "[500]");
    wait_ledger(f, "start SlowJob", 0);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    assert_non_null(strstr(f->program.output.ptr, "waiting for 1 running invocation"));
    assert_non_null(strstr(ledger(f), "end SlowJob"));
}

static void a_second_signal_ends_running_jobs(void **state)
{
    fixture *f = *state;
    start_dev(f, NULL);
    enqueue(f, "jobs", "SlowJob", "[60000]");
    wait_ledger(f, "start SlowJob", 0);
    pid_t worker = (pid_t)number_in(wait_ledger(f, "start SlowJob", 0), "pid=");
    kill(f->program.pid, SIGINT);
    lk_test_program_wait(&f->program, "waiting for 1 running invocation");
    assert_int_equal(lk_test_program_end(&f->program, SIGINT), 0);
    assert_non_null(strstr(f->program.output.ptr, "their messages come back"));
    assert_true(lk_test_process_gone(worker));
}

static void a_killed_dev_loses_no_job_and_leaves_no_worker(void **state)
{
    fixture *f = *state;
    start_dev(f, NULL);
    enqueue(f, "jobs", "SlowJob", "[60000]");
    enqueue(f, "jobs", "OkJob", "[2]");
    pid_t worker = (pid_t)number_in(wait_ledger(f, "start SlowJob", 0), "pid=");
    assert_int_equal(lk_test_program_end(&f->program, SIGKILL), 128 + SIGKILL);
    lk_test_process_wait_gone(worker);
    lk_test_program_clear(&f->program);

    start_dev(f, (const char *const[]){"--workers", "2", NULL});
    wait_ledger(f, "end OkJob", 0);
    move_clock_to_next(f);
    const char *again = wait_ledger(f, "start SlowJob", 1);
    assert_int_equal(number_in(again, "receives="), 2);
    kill((pid_t)number_in(again, "pid="), SIGKILL); /* or we would wait for it */
}

static void fifo_queues_work_beside_others(void **state)
{
    fixture *f = *state;
    start_dev(f, (const char *const[]){"--queue", "jobs", "--queue", "stock.fifo", NULL});
    lk_test_program_wait(&f->program, "Function jobs: 2 workers");
    enqueue(f, "stock.fifo", "OkJob", "[1]");
    enqueue(f, "jobs", "OkJob", "[2]");
    wait_ledger(f, "end OkJob", 1);
    assert_attribute(f, "stock.fifo", "\\\"maxReceiveCount\\\":14");
    assert_attribute(f, "stock-dlq.fifo", "\"FifoQueue\":\"true\"");
}

static void a_queue_that_is_deleted_is_said_once_and_the_others_go_on(void **state)
{
    fixture *f = *state;
    lk_err err;
    start_dev(f,
              (const char *const[]){"--queue", "jobs", "--queue", "more", "--workers", "4", NULL});
    enqueue(f, "more", "OkJob", "[1]");
    wait_ledger(f, "end OkJob", 0);
    assert_lk_ok(lk_delete_queue(f->client, LK_SLICE_LITERAL("more"), &err));
    lk_test_program_wait(&f->program, "lambdakiq: cannot receive from ");
    enqueue(f, "jobs", "OkJob", "[2]");
    wait_ledger(f, "end OkJob", 1);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    const char *said = strstr(f->program.output.ptr, "cannot receive from ");
    assert_non_null(strstr(said, "does not exist"));
    assert_null(strstr(said + 1, "cannot receive from "));
}

static void a_job_that_takes_more_than_memory_ends_its_process_and_keeps_its_message(void **state)
{
    fixture *f = *state;
    lk_err err;
    const char *argv[] = {LK_TEST_COMMAND,
                          "dev",
                          "--port",
                          "0",
                          "--db",
                          f->db,
                          "--memory",
                          "128",
                          "--",
                          LK_TEST_FIXTURE_DIR "/fixture_function",
                          NULL};
    lk_test_program_start(&f->program, argv);
    connect_to_server(f);
    assert_lk_ok(lk_send(f->client, LK_SLICE_LITERAL("jobs"),
                         LK_SLICE_LITERAL("{\"do\":\"grow\",\"mb\":300,\"ms\":60000}"), NULL, NULL,
                         &err));
    lk_test_program_wait(&f->program, "and the function has 128 MB");
    lk_test_program_wait(&f->program, "1 message of queue jobs stays in it");
    assert_attribute(f, "jobs", "\"ApproximateNumberOfMessagesNotVisible\":\"1\"");
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

#define TEMPLATE                                                                                   \
    "Parameters:\n  Stage: {Type: String, Default: dev}\n"                                         \
    "Globals:\n  Function:\n    Environment: {Variables: {JOBS_QUEUE_NAME: !GetAtt "               \
    "Jobs.QueueName}}\n"                                                                           \
    "Resources:\n"                                                                                 \
    "  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Sub jobs-${Stage}\n"   \
    "      VisibilityTimeout: 31\n"                                                                \
    "      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}\n"           \
    "  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead}}\n"                             \
    "  Line: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true, VisibilityTimeout: 31}}\n"      \
    "  Web: {Type: AWS::Serverless::Function}\n"                                                   \
    "  First:\n    Type: AWS::Serverless::Function\n    Properties:\n      Timeout: 30\n"          \
    "      Events: {Q: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 5,\n"          \
    "        FunctionResponseTypes: [ReportBatchItemFailures]}}}\n"                                \
    "  Second:\n    Type: AWS::Serverless::Function\n    Properties:\n      Timeout: 30\n"         \
    "      CodeUri: code/\n"                                                                       \
    "      Events: {Q: {Type: SQS, Properties: {Queue: !GetAtt Line.Arn,\n"                        \
    "        FunctionResponseTypes: [ReportBatchItemFailures]}}}\n"

static void write_template(fixture *f, char path[128])
{
    snprintf(path, 128, "%s/template.yaml", f->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(TEMPLATE, file);
    assert_int_equal(fclose(file), 0);
}

static void all_functions_of_a_template_run_with_its_queues(void **state)
{
    fixture *f = *state;
    char path[128];
    lk_err err;
    write_template(f, path);
    const char *argv[] = {
        LK_TEST_COMMAND, "dev",        "--port", "0",  "--db", f->db, "--template", path,
        "--parameter",   "Stage=test", "--",     JOBS, NULL};
    lk_test_program_start(&f->program, argv);
    connect_to_server(f);
    enqueue(f, "jobs-test", "FailJob", "[]");
    assert_lk_ok(lk_enqueue(f->client, "Line.fifo", "OkJob", "[7]", NULL, NULL, &err));
    wait_ledger(f, "end OkJob", 0);
    for (size_t tries = 0; tries < 2; tries++) { /* maxReceiveCount is 2 */
        wait_ledger(f, "end FailJob", tries);
        move_clock_to_next(f);
    }
    wait_attribute(f, "dead", "\"ApproximateNumberOfMessages\":\"1\"");
    assert_attribute(f, "jobs-test", "\"VisibilityTimeout\":\"31\"");
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    assert_non_null(strstr(f->program.output.ptr, "export JOBS_QUEUE_NAME=jobs-test\n"));
    assert_non_null(strstr(f->program.output.ptr, "function Web has no SQS queue as its event"));
    assert_non_null(strstr(f->program.output.ptr, "Function First: "));
    assert_non_null(strstr(f->program.output.ptr, "Function Second: "));
}

static void a_function_of_a_template_without_a_command_is_named(void **state)
{
    fixture *f = *state;
    char path[128], command[256];
    write_template(f, path);
    snprintf(command, sizeof(command), "First=%s", JOBS);
    const char *argv[] = {LK_TEST_COMMAND, "dev", "--template", path, "--function", command, NULL};
    assert_run(f, argv, 1, "function Second has no command");
    const char *unknown[] = {LK_TEST_COMMAND,    "dev", "--template", path,
                             "--function=Web=x", "--",  JOBS,         NULL};
    assert_run(f, unknown, 1, "--function Web: the template has no function of that name");
}

static void functions_have_queues_of_their_own(void **state)
{
    fixture *f = *state;
    start_dev(f, (const char *const[]){"--function",
                                       "c-jobs='" LK_TEST_FIXTURE_DIR "/fixture_worker' events",
                                       "--clock", NULL});
    lk_test_program_wait(&f->program, "Function c-jobs: 1 worker");
    enqueue(f, "jobs", "OkJob", "[1]");
    pid_t first = (pid_t)number_in(wait_ledger(f, "end OkJob", 0), "pid=");
    enqueue(f, "c-jobs", "OkJob", "[2]");
    pid_t second = (pid_t)number_in(wait_ledger(f, "end OkJob", 1), "pid=");
    assert_true(first != second);
    enqueue(f, "c-jobs", "FailJob", "[]");
    wait_ledger(f, "start FailJob", 0);
    move_clock_to_next(f); /* it stands still for all of them */
    assert_int_equal(number_in(wait_ledger(f, "start FailJob", 1), "pid="), second);
    assert_attribute(f, "c-jobs", "\\\"maxReceiveCount\\\":13");
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    assert_true(lk_test_process_gone(first) && lk_test_process_gone(second));
}

/* --- Settings ------------------------------------------------------------------------------- */

static void queues_get_the_documented_settings(void **state)
{
    fixture *f = *state;
    start_dev(f, NULL);
    assert_attribute(f, "jobs", "\"VisibilityTimeout\":\"301\"");
    assert_attribute(f, "jobs", "\"ReceiveMessageWaitTimeSeconds\":\"10\"");
    assert_attribute(f, "jobs", "\\\"maxReceiveCount\\\":13");
    assert_attribute(f, "jobs",
                     "\\\"deadLetterTargetArn\\\":\\\"arn:aws:sqs:us-east-1:000000000000:jobs-dlq");
    assert_attribute(f, "jobs-dlq", "\"MessageRetentionPeriod\":\"1209600\"");
}

static void existing_queues_get_new_settings(void **state)
{
    fixture *f = *state;
    start_dev(f, NULL);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    lk_test_program_clear(&f->program);
    start_dev(f, (const char *const[]){"--timeout", "20", "--visibility", "40",
                                       "--max-receive-count", "3", NULL});
    assert_attribute(f, "jobs", "\"VisibilityTimeout\":\"40\"");
    assert_attribute(f, "jobs", "\\\"maxReceiveCount\\\":3");
}

static void print_env_prints_what_another_process_needs(void **state)
{
    fixture *f = *state;
    const char *argv[] = {LK_TEST_COMMAND, "dev",  "--print-env", "--port",
                          "4711",          "--db", "a b.db",      NULL};
    char expected[4400];
    char cwd[4096];
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    setenv("AWS_ACCESS_KEY_ID", "mine", 1);
    int status = lk_test_program_run(&f->program, argv);
    unsetenv("AWS_ACCESS_KEY_ID");
    assert_int_equal(status, 0);
    snprintf(expected, sizeof(expected),
             "export AWS_REGION=us-east-1\nexport AWS_DEFAULT_REGION=us-east-1\n"
             "export JOBS_QUEUE_NAME=jobs\n"
             "export LAMBDAKIQ_CLOCK_FILE='%s/a b.db.clock'\n"
             "export AWS_ENDPOINT_URL_SQS=http://127.0.0.1:4711\n",
             cwd);
    assert_string_equal(f->program.output.ptr, expected);
}

/* --- What can be wrong ------------------------------------------------------------------------ */

static void a_missing_command_is_named(void **state)
{
    fixture *f = *state;
    const char *none[] = {LK_TEST_COMMAND, "dev", NULL};
    const char *missing[] = {LK_TEST_COMMAND, "dev", "--port",           "0", "--db",
                             ":memory:",      "--",  "/no/such/program", NULL};
    assert_run(f, none, 2, "there is no command behind \"--\"");
    assert_run(f, missing, 1, "cannot run \"/no/such/program\": No such file or directory");
    assert_null(strstr(f->program.output.ptr, "next start")); /* there is none */
}

static void a_port_in_use_is_named(void **state)
{
    fixture *f = *state;
    char port[16];
    lk_test_program first = {0};
    const char *argv[] = {LK_TEST_COMMAND, "dev", "--port", "0", "--db",
                          ":memory:",      "--",  JOBS,     NULL};
    lk_test_program_start(&first, argv);
    const char *at = lk_test_program_wait(&first, "export AWS_ENDPOINT_URL_SQS=http://127.0.0.1:");
    snprintf(port, sizeof(port), "%ld", strtol(at, NULL, 10));
    argv[3] = port;
    assert_run(f, argv, 1, port);
    lk_test_program_clear(&first);
}

static void a_database_that_cannot_be_opened_is_named(void **state)
{
    fixture *f = *state;
    const char *directory[] = {LK_TEST_COMMAND, "dev", "--port", "0", "--db",
                               f->dir,          "--",  JOBS,     NULL};
    const char *under_a_file[] = {LK_TEST_COMMAND,
                                  "dev",
                                  "--port",
                                  "0",
                                  "--db",
                                  LK_TEST_COMMAND "/x/y.sqlite3",
                                  "--",
                                  JOBS,
                                  NULL};
    assert_run(f, directory, 1, f->dir);
    assert_run(f, under_a_file, 1, LK_TEST_COMMAND);
}

static void wrong_lines_are_refused(void **state)
{
    fixture *f = *state;
    const char *too_short[] = {LK_TEST_COMMAND, "dev", "--port", "0",  "--db", ":memory:",
                               "--visibility",  "10",  "--",     JOBS, NULL};
    const char *argument[] = {LK_TEST_COMMAND, "dev", "jobs", "--", JOBS, NULL};
    const char *batch[] = {LK_TEST_COMMAND, "dev", "--batch-size", "10001", "--", JOBS, NULL};
    const char *name[] = {LK_TEST_COMMAND, "dev", "--queue", "", "--", JOBS, NULL};
    const char *port[] = {LK_TEST_COMMAND, "dev", "--print-env", "--port", "0", NULL};
    const char *function[] = {LK_TEST_COMMAND, "dev", "--function", "c-jobs", "--", JOBS, NULL};
    const char *twice[] = {LK_TEST_COMMAND, "dev", "--function", "jobs=x", "--", JOBS, NULL};
    const char *window[] = {
        LK_TEST_COMMAND, "dev", "--port=0", "--db=:memory:", "-b", "11", "--", JOBS, NULL};
    const char *both[] = {
        LK_TEST_COMMAND, "dev", "--template=t.yaml", "--queue=jobs", "--", JOBS, NULL};
    const char *parameter[] = {LK_TEST_COMMAND, "dev", "--parameter=A=b", "--", JOBS, NULL};
    const char *no_template[] = {
        LK_TEST_COMMAND, "dev", "--template=/nonexistent/t.yaml", "--", JOBS, NULL};
    assert_run(f, too_short, 1,
               "Queue visibility timeout: 10 seconds is less than Function timeout: 300 seconds");
    assert_run(f, argument, 2, "unexpected argument \"jobs\"");
    assert_run(f, batch, 2, "--batch-size wants a number from 1 to 10000");
    assert_run(f, window, 1, "Maximum batch window in seconds must be greater than 0");
    assert_run(f, both, 2, "--queue: with --template the template says that");
    assert_run(f, parameter, 2, "--parameter is for a --template");
    assert_run(f, no_template, 1, "cannot read the template /nonexistent/t.yaml");
    assert_run(f, name, 2, "a queue's name has 1 to 80 characters");
    assert_run(f, port, 2, "--print-env needs a --port");
    assert_run(f, twice, 2, "--function jobs: the queue has a function already");
    assert_run(f, function, 2, "--function c-jobs: a name, '=' and a command");
}

/* --- The command itself ----------------------------------------------------------------------- */

static void help_and_version_are_there(void **state)
{
    fixture *f = *state;
    const char *help[] = {LK_TEST_COMMAND, "--help", NULL};
    const char *help_dev[] = {LK_TEST_COMMAND, "help", "dev", NULL};
    const char *version[] = {LK_TEST_COMMAND, "--version", NULL};
    const char *nothing[] = {LK_TEST_COMMAND, NULL};
    assert_run(f, help, 0, "Usage: lambdakiq COMMAND");
    assert_run(f, help_dev, 0, "Usage: lambdakiq dev");
    assert_run(f, version, 0, "lambdakiq " LK_VERSION "\n");
    assert_run(f, nothing, 2, "Usage: lambdakiq COMMAND");
}

static void an_unknown_command_is_guessed(void **state)
{
    fixture *f = *state;
    const char *typo[] = {LK_TEST_COMMAND, "dve", NULL};
    const char *prefix[] = {LK_TEST_COMMAND, "help", "ser", NULL};
    const char *nonsense[] = {LK_TEST_COMMAND, "elephant", NULL};
    assert_run(f, typo, 2, "there is no command \"dve\"; did you mean \"dev\"?");
    assert_run(f, prefix, 2, "did you mean \"serve\"?");
    assert_run(f, nonsense, 2, "there is no command \"elephant\"\n");
}

#define DEV_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEV_TEST(dev_performs_jobs_and_ends_cleanly),
        DEV_TEST(a_running_job_finishes_before_the_end),
        DEV_TEST(a_second_signal_ends_running_jobs),
        DEV_TEST(a_killed_dev_loses_no_job_and_leaves_no_worker),
        DEV_TEST(fifo_queues_work_beside_others),
        DEV_TEST(a_queue_that_is_deleted_is_said_once_and_the_others_go_on),
        DEV_TEST(a_job_that_takes_more_than_memory_ends_its_process_and_keeps_its_message),
        DEV_TEST(functions_have_queues_of_their_own),
        DEV_TEST(all_functions_of_a_template_run_with_its_queues),
        DEV_TEST(a_function_of_a_template_without_a_command_is_named),
        DEV_TEST(queues_get_the_documented_settings),
        DEV_TEST(existing_queues_get_new_settings),
        DEV_TEST(print_env_prints_what_another_process_needs),
        DEV_TEST(a_missing_command_is_named),
        DEV_TEST(a_port_in_use_is_named),
        DEV_TEST(a_database_that_cannot_be_opened_is_named),
        DEV_TEST(wrong_lines_are_refused),
        DEV_TEST(help_and_version_are_there),
        DEV_TEST(an_unknown_command_is_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
