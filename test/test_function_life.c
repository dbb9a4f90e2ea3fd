/* SPDX-License-Identifier: MIT
 *
 * test_function_life: the processes of a function: starts that fail, how many there are, and how
 * they end. What they are given and answer is in test_function.c.
 */
#include "lk_test.h"
#include "lk_test_function.h"
#include "lk_test_process.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Starts that fail ------------------------------------------------------------------------ */

static void a_missing_command_fails_the_start(void **state)
{
    lk_test_function *f = *state;
    lk_err err;
    const char *argv[] = {"/no/such/command", NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_IO);
    assert_non_null(strstr(err.message, "/no/such/command"));
    assert_non_null(strstr(err.message, "No such file"));
    assert_null(f->function);
}

static void a_missing_directory_fails_the_start(void **state)
{
    lk_test_function *f = *state;
    lk_err err;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.cwd = "/no/such/directory";
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_IO);
    assert_non_null(strstr(err.message, "/no/such/directory"));
}

static void options_are_checked(void **state)
{
    lk_test_function *f = *state;
    lk_err err;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    const char *nothing[] = {NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.workers = 0;
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_INVALID);
    options = lk_test_function_options(f, nothing);
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_INVALID);
    options = lk_test_function_options(f, argv);
    options.timeout_ms = -1;
    assert_lk_fails(lk_function_start(&options, &f->function, &err), LK_E_INVALID);
}

/* Invokes until a start has failed. */
static lk_invoke_status invoke_in_vain(lk_test_function *f)
{
    lk_slice no_trace = {0};
    lk_invoke_status status;
    int64_t until = lk_mono_ms() + LK_TEST_FUNCTION_PATIENCE_MS;
    do {
        status = lk_function_invoke(f->function, LK_SLICE_LITERAL("{}"), no_trace, 20, &f->payload);
    } while (status == LK_INVOKE_THROTTLED && lk_mono_ms() < until);
    return status;
}

static void a_start_that_fails_is_reported_and_tried_again_ever_more_slowly(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, "exit-at-start", LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(invoke_in_vain(f), LK_INVOKE_UNSTARTED);
    lk_test_function_payload_has(f, "Runtime.ExitError");
    lk_test_function_payload_has(f, "exit status 7");
    lk_test_function_wait_log(f, "(2 in a row)");
    const char *log = lk_test_function_log(f);
    log = lk_test_function_log_has(log, "cannot load the application\n");
    log = lk_test_function_log_has(log, "INIT_REPORT Init Duration: ");
    log = lk_test_function_log_has(log, "Status: error\tError Type: Runtime.ExitError\n");
    log = lk_test_function_log_has(
        log, "(1 in a row); messages stay in the queue; next start in 0.5 s\n");
    log = lk_test_function_log_has(log, "INIT_REPORT Init Duration: ");
    lk_test_function_log_has(log,
                             "(2 in a row); messages stay in the queue; next start in 1.0 s\n");
}

static void an_init_error_is_passed_through(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, "init-error", LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(invoke_in_vain(f), LK_INVOKE_UNSTARTED);
    lk_test_function_payload_has(f, "\"errorMessage\":\"there is no handler\"");
    lk_test_function_payload_has(f, "\"errorType\":\"Runtime.NoSuchHandler\"");
}

static void a_process_killed_while_idle_is_replaced(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    pid_t first = lk_test_function_pid(f);
    assert_int_equal(kill(first, SIGKILL), 0);
    lk_test_process_wait_gone(first);
    assert_true(lk_test_function_pid(f) != first);
}

/* Nothing was begun: whoever waits for the answer never learns of the dead one. */
static void an_event_for_a_process_that_died_idle_goes_to_the_next_one(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    for (int i = 0; i < 20; i++) {
        pid_t dead = lk_test_function_pid(f);
        assert_int_equal(lk_function_reserve(f->function, LK_TEST_FUNCTION_PATIENCE_MS),
                         LK_INVOKE_OK); /* it waits for its next event */
        lk_function_release(f->function);
        assert_int_equal(kill(dead, SIGKILL), 0);
        while (!lk_test_process_gone(dead)) /* at once: the function is to learn of it later */
            continue;
        assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"echo\"}"), LK_INVOKE_OK);
    }
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
static void begin_stop(stopper *s, lk_test_function *f, int64_t grace_ms)
{
    *s = (stopper){.function = f->function, .grace_ms = grace_ms};
    assert_int_equal(pthread_create(&s->thread, NULL, stopper_main, s), 0);
}

static void end_stop(stopper *s, lk_test_function *f)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    lk_function_free(f->function);
    f->function = NULL;
}

static void stop_lets_a_running_invocation_finish(void **state)
{
    lk_test_function *f = *state;
    lk_test_invocation busy;
    stopper stop;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    lk_test_invocation_begin(&busy, f, "{\"do\":\"sleep\",\"ms\":300}");
    lk_test_function_wait_running(f, 1);
    begin_stop(&stop, f, LK_TEST_FUNCTION_PATIENCE_MS);
    assert_int_equal(lk_test_invocation_join(&busy), LK_INVOKE_OK);
    end_stop(&stop, f);
}

static void stop_ends_what_runs_over_its_grace(void **state)
{
    lk_test_function *f = *state;
    lk_test_invocation busy;
    stopper stop;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    pid_t pid = lk_test_function_pid(f);
    lk_test_invocation_begin(&busy, f, "{\"do\":\"sleep\",\"ms\":60000}");
    lk_test_function_wait_running(f, 1);
    begin_stop(&stop, f, 100);
    assert_int_equal(lk_test_invocation_join(&busy), LK_INVOKE_KILLED);
    end_stop(&stop, f);
    assert_true(lk_test_process_gone(pid));
}

static void a_process_deaf_to_sigterm_is_killed(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, "ignore-sigterm", LK_TEST_FUNCTION_PATIENCE_MS);
    pid_t pid = lk_test_function_pid(f);
    lk_function_free(f->function);
    f->function = NULL;
    assert_true(lk_test_process_gone(pid));
}

static void kill_cuts_a_stop_short(void **state)
{
    lk_test_function *f = *state;
    lk_test_invocation busy;
    stopper stop;
    lk_test_function_start(f, "ignore-sigterm", 600000);
    lk_test_invocation_begin(&busy, f, "{\"do\":\"sleep\",\"ms\":60000}");
    lk_test_function_wait_running(f, 1);
    begin_stop(&stop, f, 600000); /* would wait ten minutes */
    lk_function_kill(f->function);
    assert_int_equal(lk_test_invocation_join(&busy), LK_INVOKE_KILLED);
    end_stop(&stop, f);
}

static void children_of_a_process_end_with_it(void **state)
{
    lk_test_function *f = *state;
    lk_test_function_start(f, NULL, LK_TEST_FUNCTION_PATIENCE_MS);
    pid_t child = (pid_t)lk_test_function_number(f, "{\"do\":\"child\"}", NULL);
    assert_false(lk_test_process_gone(child));
    lk_function_free(f->function);
    f->function = NULL;
    lk_test_process_wait_gone(child);
}

/* What a kill -9 of the command would leave behind: nothing. */
static void workers_die_with_the_process_that_started_them(void **state)
{
    lk_test_function *f = *state;
    int report[2];
    pid_t pid = 0;
    assert_int_equal(pipe(report), 0);
    pid_t command = fork();
    if (command == 0) {
        lk_test_function_start(f, "ignore-sigterm", LK_TEST_FUNCTION_PATIENCE_MS);
        pid = lk_test_function_pid(f);
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

/* --- How many processes ---------------------------------------------------------------------- */

static void start_up_to(lk_test_function *f, int workers, int64_t idle_ms)
{
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.workers = workers;
    options.min_workers = 1;
    options.idle_ms = idle_ms;
    lk_test_function_start_with(f, &options);
}

static void a_process_more_starts_for_who_would_wait_for_a_busy_one(void **state)
{
    lk_test_function *f = *state;
    start_up_to(f, 3, 0);
    pid_t first = lk_test_function_pid(f);
    for (int reserved = 1; reserved <= 3; reserved++)
        assert_int_equal(lk_function_reserve(f->function, LK_TEST_FUNCTION_PATIENCE_MS),
                         LK_INVOKE_OK);
    assert_int_equal(lk_function_reserve(f->function, 1), LK_INVOKE_THROTTLED);
    for (int reserved = 1; reserved <= 3; reserved++)
        lk_function_release(f->function);
    assert_int_equal(lk_test_function_pid(f), first); /* the first one's turn comes first */
}

static void a_process_that_nobody_needs_ends_but_the_last_one(void **state)
{
    lk_test_function *f = *state;
    start_up_to(f, 2, 100);
    for (int reserved = 1; reserved <= 2; reserved++)
        assert_int_equal(lk_function_reserve(f->function, LK_TEST_FUNCTION_PATIENCE_MS),
                         LK_INVOKE_OK);
    lk_function_release(f->function);
    int64_t until = lk_mono_ms() + LK_TEST_FUNCTION_PATIENCE_MS; /* until one of the two is gone */
    while (lk_function_processes(f->function) > 1 && lk_mono_ms() < until)
        lk_test_sleep_ms(5);
    assert_int_equal(lk_function_processes(f->function), 1);
    lk_function_release(f->function);
    lk_test_function_pid(f);
    lk_test_sleep_ms(300);
    assert_int_equal(lk_function_processes(f->function), 1);
}

/* Shells and systemd give 1024 files, and each process takes a dozen of ours. */
static void the_soft_limit_of_open_files_is_none(void **state)
{
    lk_test_function *f = *state;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    struct rlimit before, few = {.rlim_cur = 64};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    options.workers = 12;
    lk_test_function_start_with(f, &options);
    while (lk_function_processes(f->function) < 12)
        lk_test_sleep_ms(3);
    lk_function_stop(f->function, 0);
    assert_int_equal(lk_test_function_log_count(f, "open files"), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_process_over_its_memory_is_killed_when_that_is_asked_for(void **state)
{
    lk_test_function *f = *state;
    const char *argv[] = {LK_TEST_FUNCTION_COMMAND, NULL};
    lk_function_options options = lk_test_function_options(f, argv);
    options.memory_mb = 64;
    options.memory_limit = true;
    lk_test_function_start_with(f, &options);
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"grow\",\"mb\":200,\"ms\":60000}"),
                     LK_INVOKE_CRASH);
    lk_test_function_payload_has(f, "signal: killed");
    lk_test_function_log_has(lk_test_function_log(f), "the function has 64 MB");
    assert_int_equal(lk_test_function_invoke(f, "{\"do\":\"echo\"}"), LK_INVOKE_OK);
}

#define FUNCTION_TEST(name)                                                                        \
    cmocka_unit_test_setup_teardown(name, lk_test_function_setup, lk_test_function_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUNCTION_TEST(a_missing_command_fails_the_start),
        FUNCTION_TEST(a_missing_directory_fails_the_start),
        FUNCTION_TEST(options_are_checked),
        FUNCTION_TEST(a_start_that_fails_is_reported_and_tried_again_ever_more_slowly),
        FUNCTION_TEST(an_init_error_is_passed_through),
        FUNCTION_TEST(a_process_killed_while_idle_is_replaced),
        FUNCTION_TEST(an_event_for_a_process_that_died_idle_goes_to_the_next_one),
        FUNCTION_TEST(stop_lets_a_running_invocation_finish),
        FUNCTION_TEST(stop_ends_what_runs_over_its_grace),
        FUNCTION_TEST(a_process_deaf_to_sigterm_is_killed),
        FUNCTION_TEST(kill_cuts_a_stop_short),
        FUNCTION_TEST(children_of_a_process_end_with_it),
        FUNCTION_TEST(workers_die_with_the_process_that_started_them),
        FUNCTION_TEST(a_process_more_starts_for_who_would_wait_for_a_busy_one),
        FUNCTION_TEST(a_process_that_nobody_needs_ends_but_the_last_one),
        FUNCTION_TEST(the_soft_limit_of_open_files_is_none),
        FUNCTION_TEST(a_process_over_its_memory_is_killed_when_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
