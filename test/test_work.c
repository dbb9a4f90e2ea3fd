/* SPDX-License-Identifier: MIT
 *
 * test_work: the command as people start it: LK_TEST_COMMAND work … -- a worker program, on a queue
 * of a server that it does not own.
 */
#include "lk_test.h"

#include "lk_test_local.h"
#include "lk_test_process.h"

#include <signal.h>
#include <unistd.h>

#define JOBS        LK_TEST_FIXTURE_DIR "/fixture_jobs"
#define PATIENCE_MS 20000

typedef struct fixture {
    char dir[64];
    char ledger[96];
    lk_test_local *local;
    lk_test_program program;
    lk_buf text;
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

/* --- Called wrongly ------------------------------------------------------------------------- */

static void a_call_that_makes_no_sense_is_answered_with_2_and_the_way_to_help(void **state)
{
    static const char *const calls[][6] = {
        {"--queue", "jobs", NULL},
        {"--", "true", NULL},
        {"--queue", "a", "--queue", "b", "--processes=1", NULL},
        {"--queue", "jobs", "--min-processes=9", NULL},
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
        WORK_TEST(a_call_that_makes_no_sense_is_answered_with_2_and_the_way_to_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
