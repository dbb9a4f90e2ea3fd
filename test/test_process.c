/* SPDX-License-Identifier: MIT
 *
 * test_process: programs run to their end, or killed; none is left behind.
 */
#include "lk_test.h"

#include "lk_test_process.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static lk_err err;
static lk_http *waiter;

static int make_waiter(void **state)
{
    (void)state;
    lk_http_options options = {0};
    waiter = lk_http_new(&options, &err);
    return waiter ? 0 : -1;
}

static int free_waiter(void **state)
{
    (void)state;
    lk_http_free(waiter);
    return 0;
}

static int run_sh(const char *script, int64_t timeout_ms, lk_process_result *result)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script), NULL};
    int rc = lk_process_run(argv, waiter, timeout_ms, result, &err);
    free(argv[2]);
    return rc;
}

static void assert_no_child(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void output_errors_and_status_are_collected(void **state)
{
    (void)state;
    lk_process_result result;
    assert_lk_ok(run_sh("printf out; printf bad >&2; exit 3", 10000, &result));
    assert_slice(lk_buf_slice(&result.output), "out");
    assert_slice(lk_buf_slice(&result.errors), "bad");
    assert_int_equal(result.status, 3);
    lk_process_result_clear(&result);
    assert_lk_ok(run_sh("kill -TERM $$", 10000, &result));
    assert_int_equal(result.status, 128 + SIGTERM);
    lk_process_result_clear(&result);
    assert_no_child();
}

static void a_program_that_does_not_exist_is_named(void **state)
{
    (void)state;
    lk_process_result result;
    char *argv[] = {(char[]){"/nonexistent/program"}, NULL};
    assert_lk_fails(lk_process_run(argv, waiter, 1000, &result, &err), LK_E_IO);
    assert_non_null(strstr(err.message, "/nonexistent/program"));
    assert_no_child();
}

static void a_slow_program_is_killed(void **state)
{
    (void)state;
    lk_process_result result;
    assert_lk_fails(run_sh("exec sleep 60", 100, &result), LK_E_TIMEOUT);
    assert_no_child();
    /* One that has closed its output is still waited for, and killed. */
    assert_lk_fails(run_sh("exec sleep 60 >&- 2>&-", 100, &result), LK_E_TIMEOUT);
    assert_no_child();
}

static void what_it_leaves_behind_is_not_waited_for(void **state)
{
    (void)state;
    lk_process_result result;
    assert_lk_ok(run_sh("sleep 2 & printf out", 60000, &result)); /* holds the pipe open */
    assert_slice(lk_buf_slice(&result.output), "out");
    lk_process_result_clear(&result);
    assert_no_child();
}

static void a_flood_ends_it(void **state)
{
    (void)state;
    lk_process_result result;
    assert_lk_fails(run_sh("exec yes", 10000, &result), LK_E_IO);
    assert_no_child();
    /* stderr may be as long as it likes; its beginning is kept. */
    assert_lk_ok(run_sh(
        "i=0; while [ $i -lt 3000 ]; do echo line$i-line$i-line$i >&2; i=$((i+1)); done; echo k",
        20000, &result));
    assert_slice(lk_buf_slice(&result.output), "k\n");
    assert_true(lk_slice_has_prefix(lk_buf_slice(&result.errors), LK_SLICE_LITERAL("line0-")));
    assert_in_range(result.errors.len, 4000, 4096);
    lk_process_result_clear(&result);
}

static void it_gets_nothing_of_ours(void **state)
{
    (void)state;
    lk_process_result result;
    sigset_t blocked;
    sigset_t before;
    for (int fd = 3; fd < 1024; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* what the test itself was handed */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    /* stdin is empty, and there is no descriptor but the three, and the one ls reads with. */
    assert_lk_ok(run_sh("cat; ls /proc/self/fd | tr '\\n' ' '", 10000, &result));
    assert_slice(lk_buf_slice(&result.output), "0 1 2 3 ");
    lk_process_result_clear(&result);
    assert_lk_ok(run_sh("kill -PIPE $$", 10000, &result));
    assert_int_equal(result.status, 128 + SIGPIPE); /* not ignored */
    lk_process_result_clear(&result);
    assert_lk_ok(run_sh("kill -TERM $$", 10000, &result));
    assert_int_equal(result.status, 128 + SIGTERM); /* not blocked */
    lk_process_result_clear(&result);
    signal(SIGPIPE, pipe_before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void a_status_that_somebody_else_took_counts_as_success(void **state)
{
    (void)state;
    lk_process_result result;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    assert_lk_ok(run_sh("printf out; exit 3", 10000, &result));
    signal(SIGCHLD, before);
    assert_slice(lk_buf_slice(&result.output), "out");
    assert_int_equal(result.status, 0);
    lk_process_result_clear(&result);
}

static void *interrupt_when_started(void *path)
{
    int64_t until = lk_mono_ms() + 20000;
    while (access(path, F_OK) != 0 && lk_mono_ms() < until)
        lk_test_sleep_ms(1);
    lk_http_interrupt(waiter);
    return NULL;
}

static void waiting_for_it_can_be_interrupted(void **state)
{
    (void)state;
    char directory[] = "/tmp/lk_process_XXXXXX";
    char path[64];
    char script[128];
    pthread_t thread;
    lk_process_result result;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/started", directory);
    snprintf(script, sizeof(script), "touch %s; exec sleep 60", path);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_when_started, path), 0);
    assert_lk_fails(run_sh(script, 60000, &result), LK_E_INTERRUPTED);
    pthread_join(thread, NULL);
    assert_no_child();
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_errors_and_status_are_collected),
        cmocka_unit_test(a_program_that_does_not_exist_is_named),
        cmocka_unit_test(a_slow_program_is_killed),
        cmocka_unit_test(what_it_leaves_behind_is_not_waited_for),
        cmocka_unit_test(a_flood_ends_it),
        cmocka_unit_test(it_gets_nothing_of_ours),
        cmocka_unit_test(a_status_that_somebody_else_took_counts_as_success),
        cmocka_unit_test(waiting_for_it_can_be_interrupted),
    };
    return cmocka_run_group_tests(tests, make_waiter, free_waiter);
}
