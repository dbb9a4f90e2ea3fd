/* SPDX-License-Identifier: MIT
 *
 * function_process: one worker process: start it, see it end, leave nothing behind.
 *
 * A process leads a group of its own, so that a Ctrl-C at the terminal reaches the command and not
 * the job it runs, and so that a kill takes its children along. It dies with the thread that
 * started it (PR_SET_PDEATHSIG): even a kill -9 of the command leaves no worker behind. All
 * functions of one process are called by that one thread.
 */
#ifndef LK_LOCAL_FUNCTION_PROCESS_H
#define LK_LOCAL_FUNCTION_PROCESS_H

#include "base.h"

#include <sys/types.h>

typedef struct lk_process {
    pid_t pid;     /* 0: none */
    int pidfd;     /* readable when it ended; -1: this system has none, ask lk_process_ended */
    int output_fd; /* non-blocking read end of stdout and stderr; the caller's after the spawn */
} lk_process;

typedef struct lk_process_end {
    bool by_signal;
    int number; /* the signal, or the exit status */
    int64_t max_memory_mb;
} lk_process_end;

/* argv, envp: NULL-terminated; argv[0] is looked for in PATH. cwd NULL: as we are. stdin is
 * /dev/null. LK_E_IO when it cannot be started, with the reason. */
int lk_process_spawn(char *const *argv, char *const *envp, const char *cwd, lk_process *process,
                     lk_err *err);
bool lk_process_ended(const lk_process *process);
/* To the whole group. The process has not been reaped, so its number is still its own. */
void lk_process_signal(const lk_process *process, int signal_number);
/* Waits for it, ends what is left of its group, and forgets it. */
void lk_process_reap(lk_process *process, lk_process_end *end);
int64_t lk_process_memory_mb(pid_t pid); /* peak resident size so far; 0 unknown */
/* As the Lambda platform words it: "Runtime exited with error: exit status 1". */
void lk_process_end_text(const lk_process_end *end, char *out, size_t capacity);

#endif
