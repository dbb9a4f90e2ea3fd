/* SPDX-License-Identifier: MIT
 *
 * lk_test_function: a function whose processes are fixtures/function.c, which do what their events
 * say, and its log.
 */
#ifndef LK_TEST_FUNCTION_H
#define LK_TEST_FUNCTION_H

#include "function.h"

#include <pthread.h>
#include <stdio.h>

#define LK_TEST_FUNCTION_COMMAND     LK_TEST_FIXTURE_DIR "/fixture_function"
#define LK_TEST_FUNCTION_PATIENCE_MS 20000 /* how long things may take that take milliseconds */

typedef struct lk_test_function {
    lk_function *function;
    FILE *log;
    lk_buf log_text; /* what was read last */
    lk_buf payload;  /* of the latest invocation */
} lk_test_function;

int lk_test_function_setup(void **state); /* *state: an lk_test_function that is not started */
int lk_test_function_teardown(void **state);

/* One worker, with patience. */
lk_function_options lk_test_function_options(lk_test_function *f, const char *const *argv);
void lk_test_function_start_with(lk_test_function *f, const lk_function_options *options);
/* how: the fixture's argument, may be NULL. */
void lk_test_function_start(lk_test_function *f, const char *how, int64_t timeout_ms);

lk_invoke_status lk_test_function_invoke(lk_test_function *f, const char *event);
void lk_test_function_payload_has(lk_test_function *f, const char *text);
/* The number that a good invocation answers with: the member's, or the whole answer (NULL). */
int64_t lk_test_function_number(lk_test_function *f, const char *event, const char *member);
pid_t lk_test_function_pid(lk_test_function *f);

const char *lk_test_function_log(lk_test_function *f);
/* Finds `text` in the log behind `from`; returns what follows it. */
const char *lk_test_function_log_has(const char *from, const char *text);
size_t lk_test_function_log_count(lk_test_function *f, const char *text);
void lk_test_function_wait_log(lk_test_function *f, const char *text); /* until it is there */

/* An invocation on a thread of its own. */
typedef struct lk_test_invocation {
    pthread_t thread;
    lk_function *function;
    const char *event;
    lk_invoke_status status;
    lk_buf payload;
} lk_test_invocation;

void lk_test_invocation_begin(lk_test_invocation *i, lk_test_function *f, const char *event);
lk_invoke_status lk_test_invocation_join(lk_test_invocation *i);
void lk_test_function_wait_running(lk_test_function *f, size_t count);

#endif
