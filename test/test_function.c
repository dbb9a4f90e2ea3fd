/* SPDX-License-Identifier: MIT
 *
 * test_function: real worker processes (fixtures/function.c) under a function: outcomes, deadlines,
 * restarts, log lines, environment, and that nothing is left behind.
 */
#include "lk_test.h"

#include "lk_test_process.h"

#include "function.h"
#include "json.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUNCTION_COMMAND LK_TEST_FIXTURE_DIR "/fixture_function"
#define PATIENCE_MS      20000 /* how long things may take that take milliseconds */

typedef struct fixture {
    lk_function *function;
    FILE *log;
    lk_buf log_text;
    lk_buf payload;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->log = tmpfile();
    assert_non_null(f->log);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lk_function_free(f->function);
    fclose(f->log);
    lk_buf_clear(&f->log_text);
    lk_buf_clear(&f->payload);
    free(f);
    return 0;
}

/* --- Helpers -------------------------------------------------------------------------------- */

static lk_function_options options_of(fixture *f, const char *const *argv)
{
    return (lk_function_options){.name = "jobs",
                                 .argv = argv,
                                 .workers = 1,
                                 .timeout_ms = PATIENCE_MS,
                                 .init_timeout_ms = PATIENCE_MS,
                                 .memory_mb = 256,
                                 .region = "eu-central-1",
                                 .account = "123456789012",
                                 .log_fd = fileno(f->log)};
}

static void start_with(fixture *f, const lk_function_options *options)
{
    lk_err err;
    assert_lk_ok(lk_function_start(options, &f->function, &err));
}

/* how: the fixture's argument, may be NULL. */
static void start(fixture *f, const char *how, int64_t timeout_ms)
{
    const char *argv[] = {FUNCTION_COMMAND, how, NULL};
    lk_function_options options = options_of(f, argv);
    options.timeout_ms = timeout_ms;
    start_with(f, &options);
}

static lk_invoke_status invoke(fixture *f, const char *event)
{
    lk_slice no_trace = {0};
    return lk_function_invoke(f->function, lk_slice_of(event), no_trace, PATIENCE_MS, &f->payload);
}

static void assert_payload_has(fixture *f, const char *text)
{
    if (!f->payload.ptr || !strstr(f->payload.ptr, text))
        fail_msg("payload is %s, expected %s in it", f->payload.ptr, text);
}

static int64_t invoke_number(fixture *f, const char *event, const char *member)
{
    lk_err err;
    lk_json *json = NULL;
    int64_t value = -1;
    assert_int_equal(invoke(f, event), LK_INVOKE_OK);
    assert_lk_ok(lk_json_parse(lk_buf_slice(&f->payload), "payload", &json, &err));
    assert_true(lk_json_int64(member ? lk_json_get(json, member) : json, &value));
    lk_json_free(json);
    return value;
}

static pid_t worker_pid(fixture *f)
{
    return (pid_t)invoke_number(f, "{\"do\":\"facts\"}", "pid");
}

static const char *log_text(fixture *f)
{
    char bytes[4096];
    off_t at = 0;
    ssize_t got;
    lk_buf_reset(&f->log_text);
    while ((got = pread(fileno(f->log), bytes, sizeof(bytes), at)) > 0) {
        lk_buf_add(&f->log_text, (lk_slice){bytes, (size_t)got});
        at += got;
    }
    return f->log_text.ptr ? f->log_text.ptr : "";
}

/* Finds `text` in the log behind `from`; returns what follows it. */
static const char *assert_log_has(const char *from, const char *text)
{
    const char *at = strstr(from, text);
    if (!at)
        fail_msg("the log has no \"%s\" in: %s", text, from);
    return at + strlen(text);
}

static size_t count_in_log(fixture *f, const char *text)
{
    size_t count = 0;
    for (const char *at = strstr(log_text(f), text); at; at = strstr(at + 1, text))
        count++;
    return count;
}

static void wait_for_log(fixture *f, const char *text)
{
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    while (count_in_log(f, text) == 0) {
        assert_true(lk_mono_ms() < until);
        lk_test_sleep_ms(5);
    }
}

/* An invocation on a thread of its own. */
typedef struct invocation {
    pthread_t thread;
    lk_function *function;
    const char *event;
    lk_invoke_status status;
    lk_buf payload;
} invocation;

static void *invocation_main(void *arg)
{
    invocation *i = arg;
    lk_slice no_trace = {0};
    i->status =
        lk_function_invoke(i->function, lk_slice_of(i->event), no_trace, PATIENCE_MS, &i->payload);
    return NULL;
}

static void begin(invocation *i, fixture *f, const char *event)
{
    *i = (invocation){.function = f->function, .event = event};
    assert_int_equal(pthread_create(&i->thread, NULL, invocation_main, i), 0);
}

static lk_invoke_status join(invocation *i)
{
    assert_int_equal(pthread_join(i->thread, NULL), 0);
    lk_buf_clear(&i->payload);
    return i->status;
}

static void wait_until_running(fixture *f, size_t count)
{
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    while (lk_function_running(f->function) < count) {
        assert_true(lk_mono_ms() < until);
        lk_test_sleep_ms(5);
    }
}

/* --- Outcomes ------------------------------------------------------------------------------- */

static void the_response_is_the_payload(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    assert_int_equal(invoke(f, "{\"do\":\"echo\",\"n\":[1,2]}"), LK_INVOKE_OK);
    assert_slice(lk_buf_slice(&f->payload), "{\"do\":\"echo\",\"n\":[1,2]}");
}

static void the_process_learns_of_the_invocation(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    assert_int_equal(lk_function_invoke(f->function, LK_SLICE_LITERAL("{\"do\":\"facts\"}"),
                                        LK_SLICE_LITERAL("Root=1-2-3;Parent=4;Sampled=0"),
                                        PATIENCE_MS, &f->payload),
                     LK_INVOKE_OK);
    assert_payload_has(f, "\"trace_id\":\"Root=1-2-3;Parent=4;Sampled=0\"");
    assert_payload_has(f, "\"arn\":\"arn:aws:lambda:eu-central-1:123456789012:function:jobs\"");
    assert_payload_has(f, "\"leads_its_group\":1");
    int64_t left_ms = invoke_number(f, "{\"do\":\"facts\"}", "left_ms");
    assert_true(left_ms > 0 && left_ms <= PATIENCE_MS);
}

static void one_process_does_one_invocation_after_the_other(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    assert_int_equal(worker_pid(f), worker_pid(f));
}

static void a_reported_error_is_passed_through(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    assert_int_equal(invoke(f, "{\"do\":\"fail\"}"), LK_INVOKE_ERROR);
    assert_payload_has(f, "\"errorMessage\":\"told to fail\"");
    assert_log_has(log_text(f), "\tStatus: error\tError Type: Function.Refused\n");
}

static void a_crash_is_an_exit_error_and_a_fresh_process_follows(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    pid_t first = worker_pid(f);
    assert_int_equal(invoke(f, "{\"do\":\"exit\",\"status\":3}"), LK_INVOKE_CRASH);
    assert_payload_has(f, "\"errorType\":\"Runtime.ExitError\"");
    assert_payload_has(f, " Error: Runtime exited with error: exit status 3\"");
    assert_true(lk_test_process_gone(first));
    assert_true(worker_pid(f) != first);
}

static void an_exit_without_a_status_is_a_crash(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    assert_int_equal(invoke(f, "{\"do\":\"exit\",\"status\":0}"), LK_INVOKE_CRASH);
    assert_payload_has(f, " Error: Runtime exited without providing a reason\"");
}

static void a_death_by_signal_is_named(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    assert_int_equal(invoke(f, "{\"do\":\"abort\"}"), LK_INVOKE_CRASH);
    assert_payload_has(f, "Runtime exited with error: signal: aborted");
}

static void a_response_over_the_limit_fails_and_the_process_goes_on(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    pid_t first = worker_pid(f);
    assert_int_equal(invoke(f, "{\"do\":\"big\",\"bytes\":6291557}"), LK_INVOKE_TOO_LARGE);
    assert_payload_has(f, "Function.ResponseSizeTooLarge");
    assert_int_equal(worker_pid(f), first);
}

/* --- Deadlines ------------------------------------------------------------------------------ */

static void an_invocation_over_its_time_is_killed(void **state)
{
    fixture *f = *state;
    start(f, NULL, 1000);
    pid_t first = worker_pid(f);
    assert_int_equal(invoke(f, "{\"do\":\"sleep\",\"ms\":60000}"), LK_INVOKE_TIMEOUT);
    assert_payload_has(f, "Task timed out after 1.00 seconds\"");
    assert_true(lk_test_process_gone(first));
    assert_log_has(log_text(f), "Task timed out after 1.00 seconds\nEND RequestId: ");
    assert_log_has(log_text(f), "\tStatus: timeout\n");
    assert_true(worker_pid(f) != first);
}

static void a_process_that_hangs_after_its_answer_is_killed_at_the_deadline(void **state)
{
    fixture *f = *state;
    start(f, NULL, 1000);
    pid_t first = worker_pid(f);
    assert_int_equal(invoke(f, "{\"do\":\"hang-after-answer\"}"), LK_INVOKE_OK);
    assert_true(worker_pid(f) != first);
}

/* The shortest duration that the log reports of an invocation that timed out. */
static double shortest_timeout_ms(fixture *f)
{
    double shortest = HUGE_VAL;
    const char *at = log_text(f);
    while ((at = strstr(at, "\tDuration: "))) {
        double ms = strtod(at += strlen("\tDuration: "), NULL);
        const char *timeout = strstr(at, "\tStatus: timeout");
        if (timeout && timeout < strchr(at, '\n'))
            shortest = LK_MIN(shortest, ms);
    }
    return shortest;
}

/* Jobs that are done just when their time is up: the process is to be killed or not, and what it
 * was given meanwhile is not to be killed for it. */
static void no_invocation_is_killed_before_its_time_is_up(void **state)
{
    fixture *f = *state;
    start(f, NULL, 20);
    for (int i = 0; i < 150; i++) {
        (void)invoke(f, "{\"do\":\"sleep\",\"ms\":19}");
        (void)invoke(f, "{\"do\":\"echo\"}");
    }
    assert_true(shortest_timeout_ms(f) >= 19); /* whole milliseconds are counted */
}

static void a_start_over_ten_seconds_is_tried_again_with_the_functions_time(void **state)
{
    fixture *f = *state;
    const char *argv[] = {FUNCTION_COMMAND, "slow-start", "400", NULL};
    lk_function_options options = options_of(f, argv);
    options.init_timeout_ms = 100;
    start_with(f, &options);
    assert_int_equal(invoke(f, "{\"do\":\"echo\"}"), LK_INVOKE_OK);
    assert_int_equal(count_in_log(f, "Phase: init\tStatus: timeout\n"), 1);
}

/* One that was slow on a busy machine must not be held to a shorter time for ever. */
static void after_a_second_start_in_vain_a_start_has_ten_seconds_again(void **state)
{
    fixture *f = *state;
    char mark[] = "/tmp/lk_test_function_XXXXXX";
    int fd = mkstemp(mark);
    assert_true(fd >= 0);
    close(fd);
    const char *argv[] = {
        "/bin/sh",        "-c", "test -e \"$0\" || exec \"$1\"; rm \"$0\"; exec sleep 30", mark,
        FUNCTION_COMMAND, NULL};
    lk_function_options options = options_of(f, argv);
    options.init_timeout_ms = 1000;
    options.timeout_ms = 1;
    start_with(f, &options);
    assert_int_equal(lk_function_reserve(f->function, PATIENCE_MS), LK_INVOKE_OK);
    lk_function_release(f->function);
    assert_int_equal(count_in_log(f, "Phase: init\tStatus: timeout\n"), 2);
}

static void without_a_free_worker_the_invocation_is_throttled(void **state)
{
    fixture *f = *state;
    invocation busy;
    lk_slice no_trace = {0};
    start(f, NULL, PATIENCE_MS);
    begin(&busy, f, "{\"do\":\"sleep\",\"ms\":1500}");
    wait_until_running(f, 1);
    assert_int_equal(
        lk_function_invoke(f->function, LK_SLICE_LITERAL("{}"), no_trace, 20, &f->payload),
        LK_INVOKE_THROTTLED);
    assert_int_equal(join(&busy), LK_INVOKE_OK);
}

static void a_reserved_worker_is_kept_from_others(void **state)
{
    fixture *f = *state;
    lk_slice no_trace = {0};
    lk_slice event = LK_SLICE_LITERAL("{}");
    start(f, NULL, PATIENCE_MS);
    assert_int_equal(lk_function_reserve(f->function, PATIENCE_MS), LK_INVOKE_OK);
    assert_int_equal(lk_function_reserve(f->function, 20), LK_INVOKE_THROTTLED);
    assert_int_equal(lk_function_invoke_reserved(f->function, event, no_trace, 0, &f->payload),
                     LK_INVOKE_OK);
    assert_int_equal(lk_function_reserve(f->function, PATIENCE_MS), LK_INVOKE_OK);
    lk_function_release(f->function);
    assert_int_equal(invoke(f, "{}"), LK_INVOKE_OK);
}

static void workers_work_at_the_same_time(void **state)
{
    fixture *f = *state;
    invocation first;
    invocation second;
    const char *argv[] = {FUNCTION_COMMAND, NULL};
    lk_function_options options = options_of(f, argv);
    options.workers = 2;
    start_with(f, &options);
    begin(&first, f, "{\"do\":\"sleep\",\"ms\":1500}");
    begin(&second, f, "{\"do\":\"sleep\",\"ms\":1500}");
    wait_until_running(f, 2);
    assert_int_equal(join(&first), LK_INVOKE_OK);
    assert_int_equal(join(&second), LK_INVOKE_OK);
    assert_int_equal(lk_function_running(f->function), 0);
}

/* --- Starts that fail ------------------------------------------------------------------------ */

static void a_missing_command_fails_the_start(void **state)
{
    fixture *f = *state;
    lk_err err;
    const char *argv[] = {"/no/such/command", NULL};
    lk_function_options options = options_of(f, argv);
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_IO);
    assert_non_null(strstr(err.message, "/no/such/command"));
    assert_non_null(strstr(err.message, "No such file"));
    assert_null(f->function);
}

static void a_missing_directory_fails_the_start(void **state)
{
    fixture *f = *state;
    lk_err err;
    const char *argv[] = {FUNCTION_COMMAND, NULL};
    lk_function_options options = options_of(f, argv);
    options.cwd = "/no/such/directory";
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_IO);
    assert_non_null(strstr(err.message, "/no/such/directory"));
}

static void options_are_checked(void **state)
{
    fixture *f = *state;
    lk_err err;
    const char *argv[] = {FUNCTION_COMMAND, NULL};
    const char *nothing[] = {NULL};
    lk_function_options options = options_of(f, argv);
    options.workers = 0;
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_INVALID);
    options = options_of(f, nothing);
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_INVALID);
    options = options_of(f, argv);
    options.timeout_ms = -1;
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_INVALID);
}

/* Invokes until a start has failed. */
static lk_invoke_status invoke_in_vain(fixture *f)
{
    lk_slice no_trace = {0};
    lk_invoke_status status;
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    do {
        status = lk_function_invoke(f->function, LK_SLICE_LITERAL("{}"), no_trace, 20, &f->payload);
    } while (status == LK_INVOKE_THROTTLED && lk_mono_ms() < until);
    return status;
}

static void a_start_that_fails_is_reported_and_tried_again_ever_more_slowly(void **state)
{
    fixture *f = *state;
    start(f, "exit-at-start", PATIENCE_MS);
    assert_int_equal(invoke_in_vain(f), LK_INVOKE_UNSTARTED);
    assert_payload_has(f, "Runtime.ExitError");
    assert_payload_has(f, "exit status 7");
    wait_for_log(f, "(2 in a row)");
    const char *log = log_text(f);
    log = assert_log_has(log, "cannot load the application\n");
    log = assert_log_has(log, "INIT_REPORT Init Duration: ");
    log = assert_log_has(log, "Status: error\tError Type: Runtime.ExitError\n");
    log = assert_log_has(log, "(1 in a row); messages stay in the queue; next start in 0.5 s\n");
    log = assert_log_has(log, "INIT_REPORT Init Duration: ");
    assert_log_has(log, "(2 in a row); messages stay in the queue; next start in 1.0 s\n");
}

static void an_init_error_is_passed_through(void **state)
{
    fixture *f = *state;
    start(f, "init-error", PATIENCE_MS);
    assert_int_equal(invoke_in_vain(f), LK_INVOKE_UNSTARTED);
    assert_payload_has(f, "\"errorMessage\":\"there is no handler\"");
    assert_payload_has(f, "\"errorType\":\"Runtime.NoSuchHandler\"");
}

static void a_process_killed_while_idle_is_replaced(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    pid_t first = worker_pid(f);
    assert_int_equal(kill(first, SIGKILL), 0);
    lk_test_process_wait_gone(first);
    assert_true(worker_pid(f) != first);
}

/* --- Environment ---------------------------------------------------------------------------- */

static void assert_env(fixture *f, const char *name, const char *expected)
{
    char event[128];
    snprintf(event, sizeof(event), "{\"do\":\"env\",\"name\":\"%s\"}", name);
    assert_int_equal(invoke(f, event), LK_INVOKE_OK);
    if (!lk_slice_equal_str(lk_buf_slice(&f->payload), expected))
        fail_msg("%s is %s, expected %s", name, f->payload.ptr, expected);
}

static void the_environment_is_lambdas(void **state)
{
    fixture *f = *state;
    const char *argv[] = {FUNCTION_COMMAND, NULL};
    const char *const extra[] = {"JOBS_QUEUE_NAME=jobs", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1769",
                                 NULL};
    lk_function_options options = options_of(f, argv);
    options.cwd = "/";
    options.env = extra;
    setenv("LK_TEST_INHERITED", "yes", 1);
    setenv("_X_AMZN_TRACE_ID", "of somebody else", 1);
    start_with(f, &options);
    unsetenv("_X_AMZN_TRACE_ID");
    assert_env(f, "AWS_LAMBDA_FUNCTION_NAME", "\"jobs\"");
    assert_env(f, "AWS_LAMBDA_FUNCTION_VERSION", "\"$LATEST\"");
    assert_env(f, "AWS_LAMBDA_INITIALIZATION_TYPE", "\"on-demand\"");
    assert_env(f, "AWS_LAMBDA_LOG_GROUP_NAME", "\"/aws/lambda/jobs\"");
    assert_env(f, "AWS_REGION", "\"eu-central-1\"");
    assert_env(f, "AWS_DEFAULT_REGION", "\"eu-central-1\"");
    assert_env(f, "LAMBDA_TASK_ROOT", "\"/\"");
    assert_env(f, "TZ", "\":UTC\"");
    assert_env(f, "LK_TEST_INHERITED", "\"yes\"");
    assert_env(f, "JOBS_QUEUE_NAME", "\"jobs\"");
    assert_env(f, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "\"1769\""); /* the caller has the last word */
    assert_env(f, "_X_AMZN_TRACE_ID", "null");
    assert_env(f, "AWS_XRAY_CONTEXT_MISSING", "\"LOG_ERROR\"");
    assert_env(f, "AWS_XRAY_DAEMON_ADDRESS", "\"127.0.0.1:2000\"");
    assert_env(f, "LAMBDA_RUNTIME_DIR", "\"/var/runtime\"");
    assert_env(f, "AWS_LAMBDA_LOG_FORMAT", "null");
}

/* --- Log ------------------------------------------------------------------------------------ */

static void the_log_tells_the_invocation_in_order(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    invoke(f, "{\"do\":\"print\",\"text\":\"{\\\"_aws\\\":{}}\\n  two\\n\"}");
    const char *log = log_text(f);
    log = assert_log_has(log, "START RequestId: ");
    const char *id = log;
    log = assert_log_has(log, " Version: $LATEST\n");
    log = assert_log_has(log, "to stderr\n{\"_aws\":{}}\n  two\nEND RequestId: ");
    assert_memory_equal(log, id, 36);
    log = assert_log_has(log, "\nREPORT RequestId: ");
    assert_memory_equal(log, id, 36);
    log = assert_log_has(log, "\tDuration: ");
    log = assert_log_has(log, " ms\tBilled Duration: ");
    log = assert_log_has(log, " ms\tMemory Size: 256 MB\tMax Memory Used: ");
    assert_true(strtol(log, NULL, 10) > 0);
    log = assert_log_has(log, " MB\tInit Duration: ");
    assert_log_has(log, " ms\n");
}

static void only_the_first_report_has_an_init_duration(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    invoke(f, "{}");
    invoke(f, "{}");
    assert_int_equal(count_in_log(f, "REPORT RequestId: "), 2);
    assert_int_equal(count_in_log(f, "Init Duration: "), 1);
}

static void an_unfinished_line_comes_out_when_the_process_ends(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    invoke(f, "{\"do\":\"print\",\"text\":\"no newline\"}");
    lk_function_free(f->function);
    f->function = NULL;
    assert_log_has(log_text(f), "no newline\n");
}

static void with_json_logging_the_process_is_told_and_all_lines_are_objects(void **state)
{
    fixture *f = *state;
    const char *argv[] = {FUNCTION_COMMAND, NULL};
    lk_function_options options = options_of(f, argv);
    options.log_json = true;
    start_with(f, &options);
    assert_env(f, "AWS_LAMBDA_LOG_FORMAT", "\"JSON\"");
    assert_env(f, "AWS_LAMBDA_LOG_LEVEL", "\"INFO\"");
    assert_int_equal(invoke(f, "{\"do\":\"exit\",\"status\":3}"), LK_INVOKE_CRASH);
    const char *log = assert_log_has(log_text(f), "\"type\":\"platform.start\"");
    log = assert_log_has(log, "\"type\":\"platform.report\"");
    log = assert_log_has(log, "\"message\":\"RequestId: ");
    assert_log_has(log, "\"status\":\"error\",\"errorType\":\"Runtime.ExitError\"");
    assert_int_equal(count_in_log(f, "\n{"), count_in_log(f, "\n") - 1);
}

/* --- Stopping ------------------------------------------------------------------------------- */

typedef struct stopper {
    pthread_t thread;
    lk_function *function;
    int64_t grace_ms;
} stopper;

static void *stopper_main(void *arg)
{
    stopper *s = arg;
    lk_function_stop(s->function, s->grace_ms);
    return NULL;
}

/* Stops on another thread. */
static void begin_stop(stopper *s, fixture *f, int64_t grace_ms)
{
    *s = (stopper){.function = f->function, .grace_ms = grace_ms};
    assert_int_equal(pthread_create(&s->thread, NULL, stopper_main, s), 0);
}

static void end_stop(stopper *s, fixture *f)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    lk_function_free(f->function);
    f->function = NULL;
}

static void stop_lets_a_running_invocation_finish(void **state)
{
    fixture *f = *state;
    invocation busy;
    stopper stop;
    start(f, NULL, PATIENCE_MS);
    begin(&busy, f, "{\"do\":\"sleep\",\"ms\":300}");
    wait_until_running(f, 1);
    begin_stop(&stop, f, PATIENCE_MS);
    assert_int_equal(join(&busy), LK_INVOKE_OK);
    end_stop(&stop, f);
}

static void stop_ends_what_runs_over_its_grace(void **state)
{
    fixture *f = *state;
    invocation busy;
    stopper stop;
    start(f, NULL, PATIENCE_MS);
    pid_t pid = worker_pid(f);
    begin(&busy, f, "{\"do\":\"sleep\",\"ms\":60000}");
    wait_until_running(f, 1);
    begin_stop(&stop, f, 100);
    assert_int_equal(join(&busy), LK_INVOKE_KILLED);
    end_stop(&stop, f);
    assert_true(lk_test_process_gone(pid));
}

static void a_process_deaf_to_sigterm_is_killed(void **state)
{
    fixture *f = *state;
    start(f, "ignore-sigterm", PATIENCE_MS);
    pid_t pid = worker_pid(f);
    lk_function_free(f->function);
    f->function = NULL;
    assert_true(lk_test_process_gone(pid));
}

static void kill_cuts_a_stop_short(void **state)
{
    fixture *f = *state;
    invocation busy;
    stopper stop;
    start(f, "ignore-sigterm", 600000);
    begin(&busy, f, "{\"do\":\"sleep\",\"ms\":60000}");
    wait_until_running(f, 1);
    begin_stop(&stop, f, 600000); /* would wait ten minutes */
    lk_function_kill(f->function);
    assert_int_equal(join(&busy), LK_INVOKE_KILLED);
    end_stop(&stop, f);
}

static void children_of_a_process_end_with_it(void **state)
{
    fixture *f = *state;
    start(f, NULL, PATIENCE_MS);
    pid_t child = (pid_t)invoke_number(f, "{\"do\":\"child\"}", NULL);
    assert_false(lk_test_process_gone(child));
    lk_function_free(f->function);
    f->function = NULL;
    lk_test_process_wait_gone(child);
}

/* What a kill -9 of the command would leave behind: nothing. */
static void workers_die_with_the_process_that_started_them(void **state)
{
    fixture *f = *state;
    int report[2];
    pid_t pid = 0;
    assert_int_equal(pipe(report), 0);
    pid_t command = fork();
    if (command == 0) {
        start(f, "ignore-sigterm", PATIENCE_MS);
        pid = worker_pid(f);
        if (write(report[1], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
            _exit(1);
        for (;;)
            pause();
    }
    close(report[1]);
    assert_int_equal(read(report[0], &pid, sizeof(pid)), sizeof(pid));
    close(report[0]);
    assert_false(lk_test_process_gone(pid));
    kill(command, SIGKILL);
    waitpid(command, NULL, 0);
    lk_test_process_wait_gone(pid);
}

#define FUNCTION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* --- How many processes ---------------------------------------------------------------------- */

static void start_up_to(fixture *f, int workers, int64_t idle_ms)
{
    const char *argv[] = {FUNCTION_COMMAND, NULL};
    lk_function_options options = options_of(f, argv);
    options.workers = workers;
    options.min_workers = 1;
    options.idle_ms = idle_ms;
    start_with(f, &options);
}

static void a_process_more_starts_for_who_would_wait_for_a_busy_one(void **state)
{
    fixture *f = *state;
    start_up_to(f, 3, 0);
    pid_t first = worker_pid(f);
    for (int reserved = 1; reserved <= 3; reserved++)
        assert_int_equal(lk_function_reserve(f->function, PATIENCE_MS), LK_INVOKE_OK);
    assert_int_equal(lk_function_reserve(f->function, 1), LK_INVOKE_THROTTLED);
    for (int reserved = 1; reserved <= 3; reserved++)
        lk_function_release(f->function);
    assert_int_equal(worker_pid(f), first); /* the first one's turn comes first */
}

static void a_process_that_nobody_needs_ends_but_the_last_one(void **state)
{
    fixture *f = *state;
    start_up_to(f, 2, 100);
    for (int reserved = 1; reserved <= 2; reserved++)
        assert_int_equal(lk_function_reserve(f->function, PATIENCE_MS), LK_INVOKE_OK);
    lk_function_release(f->function);
    int64_t until = lk_mono_ms() + PATIENCE_MS; /* until one of the two is gone */
    while (lk_function_processes(f->function) > 1 && lk_mono_ms() < until)
        lk_test_sleep_ms(5);
    assert_int_equal(lk_function_processes(f->function), 1);
    lk_function_release(f->function);
    worker_pid(f);
    lk_test_sleep_ms(300);
    assert_int_equal(lk_function_processes(f->function), 1);
}

static void a_process_over_its_memory_is_killed_when_that_is_asked_for(void **state)
{
    fixture *f = *state;
    const char *argv[] = {FUNCTION_COMMAND, NULL};
    lk_function_options options = options_of(f, argv);
    options.memory_mb = 64;
    options.memory_limit = true;
    start_with(f, &options);
    assert_int_equal(invoke(f, "{\"do\":\"grow\",\"mb\":200,\"ms\":60000}"), LK_INVOKE_CRASH);
    assert_payload_has(f, "signal: killed");
    assert_log_has(log_text(f), "the function has 64 MB");
    assert_int_equal(invoke(f, "{\"do\":\"echo\"}"), LK_INVOKE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUNCTION_TEST(the_response_is_the_payload),
        FUNCTION_TEST(the_process_learns_of_the_invocation),
        FUNCTION_TEST(one_process_does_one_invocation_after_the_other),
        FUNCTION_TEST(a_reported_error_is_passed_through),
        FUNCTION_TEST(a_crash_is_an_exit_error_and_a_fresh_process_follows),
        FUNCTION_TEST(an_exit_without_a_status_is_a_crash),
        FUNCTION_TEST(a_death_by_signal_is_named),
        FUNCTION_TEST(a_response_over_the_limit_fails_and_the_process_goes_on),
        FUNCTION_TEST(an_invocation_over_its_time_is_killed),
        FUNCTION_TEST(a_process_that_hangs_after_its_answer_is_killed_at_the_deadline),
        FUNCTION_TEST(no_invocation_is_killed_before_its_time_is_up),
        FUNCTION_TEST(a_start_over_ten_seconds_is_tried_again_with_the_functions_time),
        FUNCTION_TEST(after_a_second_start_in_vain_a_start_has_ten_seconds_again),
        FUNCTION_TEST(without_a_free_worker_the_invocation_is_throttled),
        FUNCTION_TEST(a_reserved_worker_is_kept_from_others),
        FUNCTION_TEST(workers_work_at_the_same_time),
        FUNCTION_TEST(a_missing_command_fails_the_start),
        FUNCTION_TEST(a_missing_directory_fails_the_start),
        FUNCTION_TEST(options_are_checked),
        FUNCTION_TEST(a_start_that_fails_is_reported_and_tried_again_ever_more_slowly),
        FUNCTION_TEST(an_init_error_is_passed_through),
        FUNCTION_TEST(a_process_killed_while_idle_is_replaced),
        FUNCTION_TEST(the_environment_is_lambdas),
        FUNCTION_TEST(the_log_tells_the_invocation_in_order),
        FUNCTION_TEST(only_the_first_report_has_an_init_duration),
        FUNCTION_TEST(an_unfinished_line_comes_out_when_the_process_ends),
        FUNCTION_TEST(with_json_logging_the_process_is_told_and_all_lines_are_objects),
        FUNCTION_TEST(stop_lets_a_running_invocation_finish),
        FUNCTION_TEST(stop_ends_what_runs_over_its_grace),
        FUNCTION_TEST(a_process_deaf_to_sigterm_is_killed),
        FUNCTION_TEST(kill_cuts_a_stop_short),
        FUNCTION_TEST(children_of_a_process_end_with_it),
        FUNCTION_TEST(workers_die_with_the_process_that_started_them),
        FUNCTION_TEST(a_process_more_starts_for_who_would_wait_for_a_busy_one),
        FUNCTION_TEST(a_process_that_nobody_needs_ends_but_the_last_one),
        FUNCTION_TEST(a_process_over_its_memory_is_killed_when_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
