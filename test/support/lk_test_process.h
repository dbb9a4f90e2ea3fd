/* SPDX-License-Identifier: MIT
 *
 * lk_test_process: programs of ours as child processes: started, read, signalled, and gone with the
 * test whatever becomes of it.
 */
#ifndef LK_TEST_PROCESS_H
#define LK_TEST_PROCESS_H

#include "base.h"

#include <sys/types.h>

typedef struct lk_test_program {
    pid_t pid; /* 0: not running */
    int output_fd;
    lk_buf output; /* stdout and stderr so far */
} lk_test_program;

/* argv: a path and its arguments, NULL-terminated. */
void lk_test_program_start(lk_test_program *program, const char *const *argv);
/* Waits until the output has `text`; returns what stands behind it. */
const char *lk_test_program_wait(lk_test_program *program, const char *text);
/* Sends the signal (0: none), reads on to its end and returns its exit status, or 128 + the signal
 * that ended it. */
int lk_test_program_end(lk_test_program *program, int signal_number);
int lk_test_program_run(lk_test_program *program, const char *const *argv); /* start and end */
void lk_test_program_clear(lk_test_program *program);

/* `lambdakiq serve` on a free port with two more arguments (NULL: none); returns the port. */
int lk_test_serve_start(lk_test_program *program, const char *option, const char *value);
/* Ends it by that signal, which must be a good end; clears it. */
void lk_test_serve_stop(lk_test_program *program, int signal_number);

bool lk_test_process_gone(pid_t pid); /* a zombie that nobody reaps counts as gone */
void lk_test_process_wait_gone(pid_t pid);
void lk_test_sleep_ms(int64_t ms);

#endif
