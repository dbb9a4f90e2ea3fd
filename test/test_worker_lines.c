/* SPDX-License-Identifier: MIT
 *
 * test_worker_lines: what a worker prints: metrics, of jobs that it performs and that it enqueues,
 * and log lines.
 */
#include "lk_test_worker.h"

/* --- Metrics -------------------------------------------------------------------------------- */

static void metrics_have_the_properties_that_rails_writes(void **state)
{
    lk_test_worker *f = *state;
    int64_t number = -1;
    lk_test_worker_register(f, NULL);
    lk_test_worker_enqueue(
        f, "TestJob",
        "[\"A-1\",{\"_aj_globalid\":\"gid://shop/Order/1\"},{\"k\":{\"_aj_"
        "serialized\":\"ActiveJob::Serializers::SymbolSerializer\",\"value\":\"s\"}"
        ",\"_aj_symbol_keys\":[\"k\"]}]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    lk_json *m = lk_test_worker_line(f, "perform.active_job");
    assert_text(m, "AppName", "Shop");
    assert_text(m, "JobName", "TestJob");
    assert_text(m, "JobId", "job-1");
    assert_text(m, "QueueName", "jobs");
    assert_text(m, "JobArg1", "A-1");
    assert_text(m, "JobArg2", "gid://shop/Order/1");
    assert_text(lk_json_get(m, "JobArg3"), "k", "s");
    assert_int_equal(lk_json_length(lk_json_get(m, "JobArg3")), 1);
    assert_int_equal(lk_json_string(lk_json_get(m, "MessageId")).len, 36);
    assert_int_equal(lk_json_string(lk_json_get(m, "EnqueuedAt")).len, 20);
    assert_true(lk_json_int64(lk_json_get(m, "Executions"), &number));
    assert_int_equal(number, 1);
    assert_true(lk_json_int64(lk_json_get(m, "Duration"), &number));
    lk_json_free(m);
}

static void metrics_can_be_named_and_dimensioned(void **state)
{
    lk_test_worker *f = *state;
    static const uint8_t sets[] = {LK_DIMENSION_APP_NAME | LK_DIMENSION_QUEUE_NAME};
    f->options.metrics_namespace = "Images";
    f->options.dimension_sets = sets;
    f->options.dimension_set_count = 1;
    lk_test_worker_register(f, NULL);
    lk_test_worker_enqueue(f, "TestJob", "[]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_lines("\"Namespace\":\"Images\",\"Dimensions\":[[\"AppName\",\"QueueName\"]]", 2);
}

static void metrics_can_be_off(void **state)
{
    lk_test_worker *f = *state;
    f->options.no_metrics = true;
    lk_test_worker_register(f, NULL);
    lk_test_worker_fail(f, "Busy", "later");
    lk_test_worker_enqueue(f, "TestJob", "[]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("_aws", 0);
    assert_lines("tried again in", 1);
}

/* --- Enqueueing ----------------------------------------------------------------------------- */

static int enqueue_more(lk_job *job, void *ctx, lk_err *err)
{
    (void)ctx;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.delay_ms = 1000;
    lk_enqueue_entry entries[2] = {{"NextJob", "[3]", LK_ENQUEUE_OPTIONS_INIT},
                                   {"NextJob", "no list", LK_ENQUEUE_OPTIONS_INIT}};
    lk_send_result results[2];
    lk_worker *worker = lk_job_worker(job);
    int rc = lk_worker_enqueue(worker, "jobs", "NextJob", "[1]", NULL, NULL, err);
    if (!rc)
        rc = lk_worker_enqueue(worker, "jobs", "NextJob", "[2]", &options, NULL, err);
    if (!rc)
        rc = lk_worker_enqueue_batch(worker, "jobs", entries, 2, results, err);
    assert_int_equal(results[0].err.code, LK_OK);
    assert_int_equal(results[1].err.code, LK_E_JSON);
    return rc;
}

static void jobs_that_handlers_enqueue_are_counted(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", enqueue_more, f, NULL, &err));
    lk_test_worker_enqueue(f, "TestJob", "[]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 3);
    assert_lines("\"JobEvent\":\"enqueue.active_job\"", 2);
    assert_lines("\"JobEvent\":\"enqueue_at.active_job\"", 1);
    lk_json *m = lk_test_worker_line(f, "enqueue_at.active_job");
    assert_text(m, "JobName", "NextJob");
    assert_text(m, "QueueName", "jobs");
    assert_int_equal(lk_json_string(lk_json_get(m, "JobId")).len, 36);
    assert_int_equal(lk_json_string(lk_json_get(m, "MessageId")).len, 36);
    lk_json_free(m);
}

static int enqueue_nowhere(lk_job *job, void *ctx, lk_err *err)
{
    (void)ctx;
    return lk_worker_enqueue(lk_job_worker(job), "no-such-queue", "NextJob", "[1]", NULL, NULL,
                             err);
}

static void a_job_that_cannot_enqueue_fails_of_it(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", enqueue_nowhere, f, NULL, &err));
    lk_test_worker_enqueue(f, "TestJob", "[]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_lines("\"ExceptionName\":\"LK_E_SERVICE\"", 3); /* enqueue, perform, enqueue_retry */
    assert_lines("no-such-queue", 2);
}

static int send_later(lk_job *job, void *ctx, lk_err *err)
{
    (void)ctx;
    lk_client *client = lk_worker_client(lk_job_worker(job));
    lk_slice body = LK_SLICE_LITERAL("{\"job_class\":\"NextJob\",\"job_id\":\"n-1\"}");
    int rc = lk_send_async(client, lk_slice_of("jobs"), body, NULL, 1, err);
    return rc ? rc : lk_send_async(client, lk_slice_of("no-such-queue"), body, NULL, 2, err);
}

static void sends_that_were_not_waited_for_are_collected(void **state)
{
    lk_test_worker *f = *state;
    lk_err err;
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", send_later, f, NULL, &err));
    lk_test_worker_enqueue(f, "TestJob", "[]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
    assert_int_equal(lk_test_local_total(f->local, "jobs"), 1);
    assert_lines("\tERROR\t[Lambdakiq] NextJob n-1 was not enqueued: ", 1);
}

/* --- Lines ---------------------------------------------------------------------------------- */

static void an_error_text_breaks_no_line(void **state)
{
    lk_test_worker *f = *state;
    lk_test_worker_register(f, NULL);
    lk_test_worker_fail(f, "Bad\xff\nName", "one\ntwo\r\n\xc3(\x01");
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_true(lk_utf8_valid(lk_buf_slice(&f->lines)));
    assert_lines("Bad\xef\xbf\xbd Name: one two  \xef\xbf\xbd( ; tried again in 30 s\n", 1);
    lk_json_free(lk_test_worker_line(f, "perform.active_job"));
}

static void an_error_text_is_bounded(void **state)
{
    lk_test_worker *f = *state;
    size_t len = (size_t)10 * 1024 * 1024;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    lk_test_worker_register(f, NULL);
    lk_test_worker_fail(f, text, text);
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 1);
    assert_true(f->lines.len < 16 * 1024);
    assert_lines("; tried again in 30 s\n", 1);
    free(text);
}

static int log_all(lk_job *job, void *ctx, lk_err *err)
{
    (void)ctx;
    (void)err;
    lk_job_log(job, LK_LOG_DEBUG, "in detail");
    lk_job_log(job, LK_LOG_INFO, "half %d%%", 50);
    lk_worker_log(lk_job_worker(job), LK_LOG_FATAL, "no\nmore");
    return 0;
}

static void with_logging(lk_test_worker *f, const char *format, const char *level)
{
    lk_err err;
    setenv("AWS_LAMBDA_LOG_FORMAT", format, 1);
    setenv("AWS_LAMBDA_LOG_LEVEL", level, 1);
    lk_test_worker_open(f);
    unsetenv("AWS_LAMBDA_LOG_FORMAT");
    unsetenv("AWS_LAMBDA_LOG_LEVEL");
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", log_all, f, NULL, &err));
    lk_test_worker_enqueue(f, "TestJob", "[1]");
    assert_int_equal(lk_test_worker_invoke(f, "jobs"), 0);
}

static void log_lines_are_text_between_tabs(void **state)
{
    lk_test_worker *f = *state;
    with_logging(f, "Text", "");
    assert_lines("in detail", 0);
    assert_lines("Z\treq-1\tINFO\tTestJob job-1: half 50%\n", 1);
    assert_lines("Z\treq-1\tFATAL\tno more\n", 1);
}

static void log_lines_are_json_where_lambda_wants_it(void **state)
{
    lk_test_worker *f = *state;
    with_logging(f, "JSON", "DEBUG");
    lk_json *line = lk_test_worker_line(f, "in detail");
    assert_text(line, "level", "DEBUG");
    assert_text(line, "message", "in detail");
    assert_text(line, "requestId", "req-1");
    assert_text(line, "jobClass", "TestJob");
    assert_text(line, "jobId", "job-1");
    assert_int_equal(lk_json_string(lk_json_get(line, "timestamp")).len, 24);
    lk_json_free(line);
    line = lk_test_worker_line(f, "perform.active_job"); /* metrics are no log lines */
    assert_non_null(lk_json_get(line, "_aws"));
    lk_json_free(line);
}

static void only_lines_of_the_wanted_level_are_written(void **state)
{
    lk_test_worker *f = *state;
    with_logging(f, "JSON", "ERROR");
    assert_lines("half 50%", 0);
    assert_lines("performed in", 0);
    assert_lines("\"level\":\"FATAL\"", 1);
    assert_lines("perform.active_job", 1);
}

#define WORKER_TEST(name)                                                                          \
    cmocka_unit_test_setup_teardown(name, lk_test_worker_setup, lk_test_worker_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(metrics_have_the_properties_that_rails_writes),
        WORKER_TEST(metrics_can_be_named_and_dimensioned),
        WORKER_TEST(metrics_can_be_off),
        WORKER_TEST(jobs_that_handlers_enqueue_are_counted),
        WORKER_TEST(a_job_that_cannot_enqueue_fails_of_it),
        WORKER_TEST(sends_that_were_not_waited_for_are_collected),
        WORKER_TEST(an_error_text_breaks_no_line),
        WORKER_TEST(an_error_text_is_bounded),
        WORKER_TEST(log_lines_are_text_between_tabs),
        WORKER_TEST(log_lines_are_json_where_lambda_wants_it),
        WORKER_TEST(only_lines_of_the_wanted_level_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
