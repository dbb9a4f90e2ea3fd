/* SPDX-License-Identifier: MIT
 *
 * test_work: the command as people start it: LK_TEST_COMMAND work … -- a worker program, on a queue
 * of a server that it does not own.
 */
#include "lk_test.h"

#include "lk_test_http.h"
#include "lk_test_identity.h"
#include "lk_test_local.h"
#include "lk_test_process.h"

#include "http.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define JOBS        LK_TEST_FIXTURE_DIR "/fixture_jobs"
#define PATIENCE_MS 20000

typedef struct fixture {
    char dir[64];
    char ledger[96];
    lk_test_local *local;
    lk_test_program program;
    lk_buf text;
    /* what stands between it and the server, once there is one: ReceiveMessage meets this so often
     */
    lk_test_http *peer;
    int fault_status;
    const char *fault_code;
    atomic_int faults_left;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->dir, sizeof(f->dir), "/tmp/lk_test_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->ledger, sizeof(f->ledger), "%s/ledger", f->dir);
    f->local = lk_test_local_start();
    lk_test_local_queue(f->local, "jobs-dlq", NULL, 0);
    lk_test_local_queue(f->local, "jobs", "jobs-dlq", 13);
    setenv("LK_TEST_LEDGER", f->ledger, 1);
    setenv("AWS_ENDPOINT_URL_SQS", lk_server_url(lk_test_local_server(f->local)), 1);
    setenv("AWS_REGION", LK_TEST_REGION, 1);
    setenv("AWS_ACCESS_KEY_ID", "local", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "local", 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lk_test_program_clear(&f->program);
    lk_test_local_stop(f->local);
    lk_test_http_stop(f->peer);
    setenv("AWS_REGION", LK_TEST_REGION, 1);
    lk_buf_clear(&f->text);
    unlink(f->ledger);
    rmdir(f->dir);
    free(f);
    return 0;
}

/* --- Helpers -------------------------------------------------------------------------------- */

/* work with these options, NULL-terminated, at most 12. */
static void start_work(fixture *f, const char *const *options)
{
    const char *argv[20] = {LK_TEST_COMMAND, "work"};
    size_t count = 2;
    for (; *options; options++)
        argv[count++] = *options;
    argv[count++] = "--";
    argv[count++] = JOBS;
    lk_test_program_start(&f->program, argv);
}

static void enqueue(fixture *f, const char *job_class, const char *arguments)
{
    lk_err err;
    assert_lk_ok(
        lk_enqueue(lk_test_local_client(f->local), "jobs", job_class, arguments, NULL, NULL, &err));
}

static size_t count_in_ledger(fixture *f, const char *part)
{
    char bytes[4096];
    size_t got;
    size_t count = 0;
    FILE *file = fopen(f->ledger, "r");
    lk_buf_reset(&f->text);
    while (file && (got = fread(bytes, 1, sizeof(bytes), file)) > 0)
        lk_buf_add(&f->text, (lk_slice){bytes, got});
    if (file)
        fclose(file);
    for (const char *at = f->text.ptr ? strstr(f->text.ptr, part) : NULL; at;
         at = strstr(at + 1, part))
        count++;
    return count;
}

static void wait_ledger(fixture *f, const char *part, size_t count)
{
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    while (count_in_ledger(f, part) < count) {
        if (lk_mono_ms() > until)
            fail_msg("no %zu times \"%s\" in the ledger: %s", count, part, f->text.ptr);
        lk_test_sleep_ms(5);
    }
}

static void wait_empty(fixture *f)
{
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    while (lk_test_local_total(f->local, "jobs") > 0) {
        if (lk_mono_ms() > until)
            fail_msg("%d messages are left", lk_test_local_total(f->local, "jobs"));
        lk_test_sleep_ms(5);
    }
}

/* --- Working -------------------------------------------------------------------------------- */

static void jobs_of_a_queue_that_exists_are_worked_on_until_told_to_stop(void **state)
{
    fixture *f = *state;
    enqueue(f, "OkJob", "[1]");
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "30", NULL});
    lk_test_program_wait(&f->program, "Working on ");
    enqueue(f, "OkJob", "[2]");
    wait_ledger(f, "end OkJob", 2);
    wait_empty(f);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

static void queues_are_named_by_url_and_arn_too_and_each_is_worked_on(void **state)
{
    fixture *f = *state;
    lk_err err;
    char url[256];
    lk_test_local_queue(f->local, "more", "jobs-dlq", 13);
    snprintf(url, sizeof(url), "%s/%s/jobs", lk_server_url(lk_test_local_server(f->local)),
             LK_TEST_ACCOUNT);
    start_work(f, (const char *[]){"--queue", url, "--queue",
                                   "arn:aws:sqs:us-east-1:000000000000:more", "--processes", "2",
                                   "--timeout", "30", NULL});
    enqueue(f, "OkJob", "[1]");
    assert_lk_ok(
        lk_enqueue(lk_test_local_client(f->local), "more", "OkJob", "[2]", NULL, NULL, &err));
    wait_ledger(f, "end OkJob", 2);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

static void a_failed_job_keeps_its_place_in_the_ladder(void **state)
{
    fixture *f = *state;
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "30", NULL});
    enqueue(f, "FailJob", "[]");
    wait_ledger(f, "end FailJob", 1);
    while (!strstr(f->program.output.ptr ? f->program.output.ptr : "", "REPORT"))
        lk_test_program_wait(&f->program, "REPORT");
    lk_test_local_advance(f->local, 29000);
    lk_test_sleep_ms(100);
    assert_int_equal(count_in_ledger(f, "start FailJob"), 1);
    lk_test_local_advance(f->local, 2000);
    wait_ledger(f, "start FailJob", 2);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

/* --- Longer than the visibility timeout ------------------------------------------------------- */

static void a_job_longer_than_the_visibility_timeout_runs_once(void **state)
{
    fixture *f = *state;
    lk_test_local_set(f->local, "jobs", "VisibilityTimeout", "3");
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "60", "--processes", "2", NULL});
    enqueue(f, "SlowJob", "[7000]");
    wait_ledger(f, "end SlowJob", 1);
    wait_empty(f);
    assert_int_equal(count_in_ledger(f, "start SlowJob"), 1);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

static void a_batch_is_received_hidden_for_the_functions_timeout(void **state)
{
    fixture *f = *state;
    lk_test_local_set(f->local, "jobs", "VisibilityTimeout", "3");
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "60", "--batch-size", "2",
                                   "--processes", "2", NULL});
    enqueue(f, "SlowJob", "[5000]");
    wait_ledger(f, "end SlowJob", 1);
    wait_empty(f);
    assert_int_equal(count_in_ledger(f, "start SlowJob"), 1);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

static void without_heartbeat_such_a_queue_is_refused_as_lambda_does(void **state)
{
    fixture *f = *state;
    lk_test_local_set(f->local, "jobs", "VisibilityTimeout", "3");
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "60", "--no-heartbeat", NULL});
    assert_int_equal(lk_test_program_end(&f->program, 0), 1);
    assert_non_null(strstr(f->program.output.ptr,
                           "Queue visibility timeout: 3 seconds is less than "
                           "Function timeout: 60 seconds"));
}

/* --- Stopping ------------------------------------------------------------------------------- */

static void a_running_job_finishes_after_sigterm(void **state)
{
    fixture *f = *state;
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "30", NULL});
    enqueue(f, "SlowJob", "[1000]");
    wait_ledger(f, "start SlowJob", 1);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    assert_int_equal(count_in_ledger(f, "end SlowJob"), 1);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 0);
}

static void a_job_that_outlasts_the_grace_time_comes_back(void **state)
{
    fixture *f = *state;
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "50", "--grace", "1", NULL});
    enqueue(f, "SlowJob", "[40000]");
    wait_ledger(f, "start SlowJob", 1);
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    assert_int_equal(count_in_ledger(f, "end SlowJob"), 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 1);
}

static void a_queue_that_is_deleted_ends_it_with_an_error_said_once(void **state)
{
    fixture *f = *state;
    lk_err err;
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "30", "--processes", "3", NULL});
    lk_test_program_wait(&f->program, "Working on ");
    assert_lk_ok(lk_delete_queue(lk_test_local_client(f->local), lk_slice_of("jobs"), &err));
    assert_int_equal(lk_test_program_end(&f->program, 0), 1);
    const char *said = strstr(f->program.output.ptr, "lambdakiq: error: ");
    assert_non_null(said);
    assert_non_null(strstr(said, "does not exist"));
    assert_null(strstr(said + 1, "lambdakiq: error: "));
}

static void a_queue_that_is_not_there_is_an_error_at_once(void **state)
{
    fixture *f = *state;
    start_work(f, (const char *[]){"--queue", "nowhere", NULL});
    assert_int_equal(lk_test_program_end(&f->program, 0), 1);
    assert_non_null(strstr(f->program.output.ptr, "nowhere"));
    assert_non_null(strstr(f->program.output.ptr, "does not exist"));
}

/* --- SQS's worse days ----------------------------------------------------------------------- */

static void refuse(const fixture *f, lk_test_response *response)
{
    response->status = f->fault_status;
    lk_buf_addf(&response->headers,
                "x-amzn-query-error: %s;Sender\nContent-Type: application/x-amz-json-1.0\n",
                f->fault_code);
    lk_buf_addf(&response->body, "{\"__type\":\"com.amazonaws.sqs#%s\",\"message\":\"not now\"}",
                f->fault_code);
}

static void pass_on(const fixture *f, const lk_test_request *request, lk_test_response *response)
{
    lk_err err;
    lk_http_response answer = {0};
    lk_http *http = lk_http_new(&(lk_http_options){.no_proxy = true}, &err);
    lk_name_value headers[] = {
        {LK_SLICE_LITERAL("X-Amz-Target"), lk_test_request_header(request, "X-Amz-Target")},
        {LK_SLICE_LITERAL("Content-Type"), LK_SLICE_LITERAL("application/x-amz-json-1.0")}};
    lk_http_request call = {.method = "POST",
                            .url = lk_server_url(lk_test_local_server(f->local)),
                            .headers = headers,
                            .header_count = LK_COUNT(headers),
                            .body = request->body};
    if (http && lk_http_call(http, &call, 30000, &answer, &err) == 0) {
        response->status = answer.status;
        lk_buf_add(&response->body, lk_buf_slice(&answer.body));
        lk_buf_add_str(&response->headers, "Content-Type: application/x-amz-json-1.0\n");
    } else {
        response->hang_up = true;
    }
    lk_http_response_clear(&answer);
    lk_http_free(http);
}

static void stand_between(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    fixture *f = ctx;
    lk_slice action = lk_test_request_header(request, "X-Amz-Target");
    if (lk_slice_equal_str(action, "AmazonSQS.ReceiveMessage") &&
        atomic_fetch_sub(&f->faults_left, 1) > 0)
        refuse(f, response);
    else
        pass_on(f, request, response);
}

/* From now on the first `times` receives are answered like this. */
static void go_between(fixture *f, int times, int status, const char *code)
{
    atomic_store(&f->faults_left, times);
    f->fault_status = status;
    f->fault_code = code;
    f->peer = lk_test_http_start(stand_between, f);
    setenv("AWS_ENDPOINT_URL_SQS", lk_test_http_url(f->peer), 1);
}

static size_t count_in_output(const fixture *f, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(f->program.output.ptr, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static void a_queue_that_may_not_be_received_from_ends_it_with_the_reason(void **state)
{
    fixture *f = *state;
    go_between(f, INT32_MAX, 403, "AccessDenied");
    start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "30", "--processes", "2", NULL});
    assert_int_equal(lk_test_program_end(&f->program, 0), 1);
    assert_int_equal(count_in_output(f, "lambdakiq: error: "), 1);
    assert_int_equal(count_in_output(f, "AccessDenied"), 1);
}

/* Servers that are not AWS's name it in the header as AWS does in the body. */
static void a_queue_that_is_gone_ends_it_in_either_spelling(void **state)
{
    static const char *const codes[] = {"AWS.SimpleQueueService.NonExistentQueue",
                                        "QueueDoesNotExist"};
    fixture *f = *state;
    for (size_t i = 0; i < LK_COUNT(codes); i++) {
        go_between(f, INT32_MAX, 400, codes[i]);
        start_work(f, (const char *[]){"--queue", "jobs", "--timeout", "30", NULL});
        assert_int_equal(lk_test_program_end(&f->program, 0), 1);
        assert_int_equal(count_in_output(f, "lambdakiq: error: "), 1);
        lk_test_program_clear(&f->program);
        lk_test_http_stop(f->peer);
        f->peer = NULL;
    }
}

static void receives_that_fail_for_a_while_are_said_once_and_tried_again(void **state)
{
    static const struct {
        int status;
        const char *code;
    } faults[] = {{503, "ServiceUnavailable"}, {400, "RequestThrottled"}, {403, "ExpiredToken"}};
    fixture *f = *state;
    for (size_t i = 0; i < LK_COUNT(faults); i++) {
        go_between(f, 5, faults[i].status, faults[i].code);
        enqueue(f, "OkJob", "[]");
        start_work(
            f, (const char *[]){"--queue", "jobs", "--timeout", "30", "--processes", "2", NULL});
        wait_ledger(f, "end OkJob", i + 1);
        wait_empty(f);
        assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
        assert_int_equal(count_in_output(f, "cannot receive from "), 1);
        assert_int_equal(count_in_output(f, "receiving from "), 1);
        assert_non_null(strstr(f->program.output.ptr, faults[i].code));
        lk_test_program_clear(&f->program);
        lk_server_end_polls(lk_test_local_server(f->local));
        lk_test_http_stop(f->peer);
        f->peer = NULL;
    }
}

static void the_region_is_that_of_the_queues_url(void **state)
{
    fixture *f = *state;
    char url[256];
    go_between(f, 0, 0, "");
    snprintf(url, sizeof(url), "http://sqs.eu-west-1.localhost:%d/%s/jobs",
             lk_test_http_port(f->peer), LK_TEST_ACCOUNT);
    unsetenv("AWS_ENDPOINT_URL_SQS");
    unsetenv("AWS_REGION");
    start_work(f, (const char *[]){"--queue", url, "--timeout", "30", NULL});
    lk_test_program_wait(&f->program, "Working on ");
    enqueue(f, "OkJob", "[]");
    wait_ledger(f, "start OkJob", 1);
    const lk_test_request *first = lk_test_http_at(f->peer, 0);
    char signature[256];
    assert_true(lk_slice_copy(lk_test_request_header(first, "Authorization"), signature,
                              sizeof(signature)));
    assert_non_null(strstr(signature, "/eu-west-1/sqs/aws4_request"));
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

static void jobs_come_over_tls_too(void **state)
{
    fixture *f = *state;
    void *made;
    assert_int_equal(lk_test_identity_make(&made), 0);
    const lk_test_identity *id = made;
    f->peer = lk_test_http_start_tls(stand_between, f, id->certificate, id->key);
    char url[256];
    snprintf(url, sizeof(url), "%s/%s/jobs", lk_test_http_url(f->peer), LK_TEST_ACCOUNT);
    unsetenv("AWS_ENDPOINT_URL_SQS");
    setenv("AWS_CA_BUNDLE", id->certificate_path, 1);
    start_work(f, (const char *[]){"--queue", url, "--timeout", "30", NULL});
    lk_test_program_wait(&f->program, "Working on https://");
    enqueue(f, "OkJob", "[]");
    wait_ledger(f, "end OkJob", 1);
    wait_empty(f);
    unsetenv("AWS_CA_BUNDLE");
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    lk_test_identity_drop(&made);
}

/* --- Order ---------------------------------------------------------------------------------- */

static void a_fifo_group_keeps_its_order_when_a_process_dies(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    lk_test_local_queue(f->local, "line.fifo", NULL, 0);
    lk_test_local_set(f->local, "line.fifo", "VisibilityTimeout", "3");
    options.message_group_id = "article-7";
    static const char *const jobs[][2] = {
        {"OkJob", "[1]"}, {"SlowJob", "[2500]"}, {"OkJob", "[3]"}, {"OkJob", "[4]"}};
    for (size_t i = 0; i < LK_COUNT(jobs); i++)
        assert_lk_ok(lk_enqueue(lk_test_local_client(f->local), "line.fifo", jobs[i][0], jobs[i][1],
                                &options, NULL, &err));
    start_work(
        f, (const char *[]){"--queue", "line.fifo", "--timeout", "30", "--processes", "2", NULL});
    wait_ledger(f, "start SlowJob", 1);
    pid_t pid = (pid_t)strtol(strstr(strstr(f->text.ptr, "start SlowJob"), "pid=") + 4, NULL, 10);
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_ledger(f, "end OkJob", 3);
    const char *at = f->text.ptr;
    static const char *const order[] = {" [1]\n",      "start SlowJob", "start SlowJob",
                                        "end SlowJob", " [3]\n",        " [4]\n"};
    for (size_t i = 0; i < LK_COUNT(order); i++) {
        at = strstr(at, order[i]);
        if (!at)
            fail_msg("no %s in its place in %s", order[i], f->text.ptr);
        at++;
    }
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
}

static void json_logging_makes_an_object_of_every_line(void **state)
{
    fixture *f = *state;
    start_work(
        f, (const char *[]){"--queue", "jobs", "--timeout", "30", "--log-format", "JSON", NULL});
    enqueue(f, "OkJob", "[]");
    lk_test_program_wait(&f->program, "\"type\":\"platform.start\"");
    lk_test_program_wait(&f->program, "\"type\":\"platform.report\"");
    assert_int_equal(lk_test_program_end(&f->program, SIGTERM), 0);
    assert_int_equal(count_in_output(f, "RequestId: "), 0);
}

/* --- Called wrongly ------------------------------------------------------------------------- */

static void a_call_that_makes_no_sense_is_answered_with_2_and_the_way_to_help(void **state)
{
    static const char *const calls[][6] = {
        {"--queue", "jobs", NULL},
        {"--", "true", NULL},
        {"--queue", "a", "--queue", "b", "--processes=1", NULL},
        {"--queue", "jobs", "--min-processes=9", NULL},
        {"--queue", "jobs", "--log-format=xml", NULL},
    };
    fixture *f = *state;
    for (size_t i = 0; i < LK_COUNT(calls); i++) {
        const char *argv[12] = {LK_TEST_COMMAND, "work"};
        size_t count = 2;
        for (size_t part = 0; calls[i][part]; part++)
            argv[count++] = calls[i][part];
        if (i >= 2) {
            argv[count++] = "--";
            argv[count++] = "true";
        }
        assert_int_equal(lk_test_program_run(&f->program, argv), 2);
        assert_non_null(strstr(f->program.output.ptr, "lambdakiq work --help"));
        lk_test_program_clear(&f->program);
    }
}

int main(void)
{
#define WORK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WORK_TEST(jobs_of_a_queue_that_exists_are_worked_on_until_told_to_stop),
        WORK_TEST(queues_are_named_by_url_and_arn_too_and_each_is_worked_on),
        WORK_TEST(a_failed_job_keeps_its_place_in_the_ladder),
        WORK_TEST(a_job_longer_than_the_visibility_timeout_runs_once),
        WORK_TEST(a_batch_is_received_hidden_for_the_functions_timeout),
        WORK_TEST(without_heartbeat_such_a_queue_is_refused_as_lambda_does),
        WORK_TEST(a_running_job_finishes_after_sigterm),
        WORK_TEST(a_job_that_outlasts_the_grace_time_comes_back),
        WORK_TEST(a_queue_that_is_deleted_ends_it_with_an_error_said_once),
        WORK_TEST(a_queue_that_is_not_there_is_an_error_at_once),
        WORK_TEST(a_queue_that_may_not_be_received_from_ends_it_with_the_reason),
        WORK_TEST(a_queue_that_is_gone_ends_it_in_either_spelling),
        WORK_TEST(receives_that_fail_for_a_while_are_said_once_and_tried_again),
        WORK_TEST(the_region_is_that_of_the_queues_url),
        WORK_TEST(jobs_come_over_tls_too),
        WORK_TEST(a_fifo_group_keeps_its_order_when_a_process_dies),
        WORK_TEST(json_logging_makes_an_object_of_every_line),
        WORK_TEST(a_call_that_makes_no_sense_is_answered_with_2_and_the_way_to_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
