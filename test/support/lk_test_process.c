/* SPDX-License-Identifier: MIT
 *
 * lk_test_process: child processes of a test.
 */
#include "lk_test.h"

#include "lk_test_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

/* --- Programs ------------------------------------------------------------------------------- */

void lk_test_program_start(lk_test_program *program, const char *const *argv)
{
    int output[2];
    pid_t self = getpid();
    *program = (lk_test_program){0};
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    program->pid = fork();
    if (program->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion leaves no program behind */
        if (getppid() == self && dup2(output[1], STDOUT_FILENO) >= 0 &&
            dup2(output[1], STDERR_FILENO) >= 0)
            execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_true(program->pid > 0);
    close(output[1]);
    program->output_fd = output[0];
}

/* false: no more will come, or nothing came in time. */
static bool read_some(lk_test_program *program, int64_t until_mono_ms)
{
    char bytes[4096];
    struct pollfd in = {.fd = program->output_fd, .events = POLLIN};
    int64_t left_ms = LK_MAX(until_mono_ms - lk_mono_ms(), 0);
    if (poll(&in, 1, (int)left_ms) <= 0)
        return false;
    ssize_t got = read(program->output_fd, bytes, sizeof(bytes));
    if (got > 0)
        lk_buf_add(&program->output, (lk_slice){bytes, (size_t)got});
    return got > 0;
}

const char *lk_test_program_wait(lk_test_program *program, const char *text)
{
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    const char *at = NULL;
    while (!(at = program->output.ptr ? strstr(program->output.ptr, text) : NULL))
        if (!read_some(program, until))
            fail_msg("no \"%s\" in: %s", text, program->output.ptr);
    return at + strlen(text);
}

int lk_test_program_end(lk_test_program *program, int signal_number)
{
    int status = 0;
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    if (signal_number)
        kill(program->pid, signal_number);
    while (read_some(program, until))
        continue;
    if (lk_mono_ms() >= until)
        fail_msg("still running after %d ms: %s", PATIENCE_MS, program->output.ptr);
    while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(program->output_fd);
    program->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int lk_test_program_run(lk_test_program *program, const char *const *argv)
{
    lk_test_program_start(program, argv);
    return lk_test_program_end(program, 0);
}

void lk_test_program_clear(lk_test_program *program)
{
    if (program->pid > 0)
        lk_test_program_end(program, SIGKILL);
    lk_buf_clear(&program->output);
}

/* --- A server ------------------------------------------------------------------------------- */

int lk_test_serve_start(lk_test_program *program, const char *option, const char *value)
{
    const char *argv[] = {LK_TEST_COMMAND, "serve", "--port", "0", option, value, NULL};
    lk_test_program_start(program, argv);
    return atoi(lk_test_program_wait(program, "http://127.0.0.1:"));
}

void lk_test_serve_stop(lk_test_program *program, int signal_number)
{
    int code = lk_test_program_end(program, signal_number);
    if (code != 0)
        fail_msg("it ended with %d: %s", code, program->output.ptr);
    lk_test_program_clear(program);
}

/* --- Processes ------------------------------------------------------------------------------ */

void lk_test_sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&left, NULL);
}

bool lk_test_process_gone(pid_t pid)
{
    char path[64];
    char line[512] = "";
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    bool read = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    const char *name_end = read ? strrchr(line, ')') : NULL;
    return !name_end || name_end[2] == 'Z' || name_end[2] == 'X';
}

void lk_test_process_wait_gone(pid_t pid)
{
    int64_t until = lk_mono_ms() + PATIENCE_MS;
    while (!lk_test_process_gone(pid)) {
        if (lk_mono_ms() > until)
            fail_msg("process %ld is still alive", (long)pid);
        lk_test_sleep_ms(5);
    }
}
