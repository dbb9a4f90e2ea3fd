/* SPDX-License-Identifier: MIT
 *
 * function_process: fork and exec with clean descriptors, signals and group; reap with the memory
 * used.
 */
#include "function_process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

/* --- In the child: only what is safe between fork and exec ----------------------------------- */

typedef struct child_plan {
    char *const *argv;
    char *const *envp;
    const char *cwd;
    pid_t parent;
    int null_fd;
    int output_fd;
    int report_fd; /* closed by a successful exec; else it carries errno */
} child_plan;

static void die_with_parent(pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    /* It may have died before we asked to be told. */
    if (getppid() != parent)
        _exit(127);
}

/* An ignored signal stays ignored through exec, and so does a blocked one: the worker must be able
 * to die of SIGTERM and of a broken pipe. */
static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &standard, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(const child_plan *plan) __attribute__((noreturn));
static void run_child(const child_plan *plan)
{
    die_with_parent(plan->parent);
    setpgid(0, 0);
    reset_signals();
    if (dup2(plan->null_fd, STDIN_FILENO) >= 0 && dup2(plan->output_fd, STDOUT_FILENO) >= 0 &&
        dup2(plan->output_fd, STDERR_FILENO) >= 0 && (!plan->cwd || chdir(plan->cwd) == 0))
        execvpe(plan->argv[0], plan->argv, plan->envp);
    int number = errno;
    ssize_t written = write(plan->report_fd, &number, sizeof(number));
    _exit(written == (ssize_t)sizeof(number) ? 127 : 126);
}

/* --- In the parent --------------------------------------------------------------------------- */

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
#else
    (void)pid;
    return -1;
#endif
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            close(pair[i]);
        pair[i] = -1;
    }
}

/* The child's errno, or 0 when the pipe closed because exec succeeded. */
static int read_exec_error(int fd)
{
    int number = 0;
    ssize_t got;
    do {
        got = read(fd, &number, sizeof(number));
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(number) ? number : 0;
}

static void wait_for_child(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static int fork_child(child_plan *plan, int report_read_fd, lk_process *process, lk_err *err)
{
    plan->parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return LK_FAIL(err, LK_E_IO, "cannot start another process: %s", strerror(errno));
    if (pid == 0)
        run_child(plan);
    setpgid(pid, pid); /* here too: a signal to the group may come before the child ran */
    close(plan->report_fd);
    plan->report_fd = -1;
    int number = read_exec_error(report_read_fd);
    if (number != 0) {
        wait_for_child(pid);
        return LK_FAIL(err, LK_E_IO, "cannot run \"%s\"%s%s: %s; check the command", plan->argv[0],
                       plan->cwd ? " in " : "", plan->cwd ? plan->cwd : "", strerror(number));
    }
    process->pid = pid;
    process->pidfd = open_pidfd(pid);
    return 0;
}

int lk_process_spawn(char *const *argv, char *const *envp, const char *cwd, lk_process *process,
                     lk_err *err)
{
    int output[2] = {-1, -1};
    int report[2] = {-1, -1};
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    *process = (lk_process){.pidfd = -1, .output_fd = -1};
    int rc = 0;
    if (null_fd < 0 || pipe2(output, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0 ||
        fcntl(output[0], F_SETFL, O_NONBLOCK) < 0) {
        rc =
            LK_FAIL(err, LK_E_IO, "cannot open the pipes of a worker process: %s", strerror(errno));
        goto out;
    }
    child_plan plan = {.argv = argv,
                       .envp = envp,
                       .cwd = cwd,
                       .null_fd = null_fd,
                       .output_fd = output[1],
                       .report_fd = report[1]};
    rc = fork_child(&plan, report[0], process, err);
    report[1] = plan.report_fd;
    if (rc == 0) {
        process->output_fd = output[0];
        output[0] = -1;
    }
out:
    close_pair(output);
    close_pair(report);
    if (null_fd >= 0)
        close(null_fd);
    return rc;
}

bool lk_process_ended(const lk_process *process)
{
    siginfo_t info = {0};
    int rc = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return rc == 0 && info.si_pid == process->pid;
}

void lk_process_signal(const lk_process *process, int signal_number)
{
    if (process->pid > 0)
        kill(-process->pid, signal_number);
}

void lk_process_reap(lk_process *process, lk_process_end *end)
{
    struct rusage usage = {0};
    siginfo_t info;
    int status = 0;
    /* Look without reaping first: as long as the leader is unreaped, nobody else can get the
     * group's number, so that the kill meets only its own children. */
    while (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    kill(-process->pid, SIGKILL);
    while (wait4(process->pid, &status, 0, &usage) < 0 && errno == EINTR)
        continue;
    *end = (lk_process_end){.by_signal = WIFSIGNALED(status),
                            .number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                            .max_memory_mb = (usage.ru_maxrss + 1023) / 1024};
    if (process->pidfd >= 0)
        close(process->pidfd);
    *process = (lk_process){.pidfd = -1, .output_fd = -1};
}

int64_t lk_process_memory_mb(pid_t pid)
{
    char path[64];
    char line[256];
    long long kilobytes = 0;
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kilobytes = strtoll(line + 6, NULL, 10);
            break;
        }
    }
    fclose(file);
    return (kilobytes + 1023) / 1024;
}

void lk_process_end_text(const lk_process_end *end, char *out, size_t capacity)
{
    if (!end->by_signal && end->number == 0) {
        snprintf(out, capacity, "Runtime exited without providing a reason");
        return;
    }
    if (!end->by_signal) {
        snprintf(out, capacity, "Runtime exited with error: exit status %d", end->number);
        return;
    }
    char name[64];
    snprintf(name, sizeof(name), "%s", strsignal(end->number));
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    snprintf(out, capacity, "Runtime exited with error: signal: %s", name);
}
