/* SPDX-License-Identifier: MIT
 *
 * lk_test_worker: a worker in this process, on the local server, that performs what the test says
 * and whose lines are kept; and the invocations that a mapping would make.
 */
#ifndef LK_TEST_WORKER_H
#define LK_TEST_WORKER_H

#include "json.h"
#include "lk_test.h"
#include "lk_test_local.h"

typedef struct lk_test_worker {
    lk_test_local *local; /* queues "jobs" with "dead" (13 receives), "line.fifo" */
    lk_worker_options options;
    lk_worker *worker; /* NULL until it is opened */
    lk_buf lines;      /* all it printed */
    char response[4096];
    /* What lk_test_worker_act does, and what it saw. */
    int result;
    const char *name; /* with message: fills the error */
    const char *message;
    int64_t retry_in_s; /* -1: says nothing */
    int runs;
    int deaths; /* that lk_test_worker_mourn was told of */
    char death[128];
} lk_test_worker;

int lk_test_worker_setup(void **state); /* *state: an lk_test_worker */
int lk_test_worker_teardown(void **state);

/* Makes the worker from f->options. */
void lk_test_worker_open(lk_test_worker *f);
/* The same with one class, TestJob, that lk_test_worker_act performs. */
void lk_test_worker_register(lk_test_worker *f, const lk_handler_options *options);
int lk_test_worker_act(lk_job *job, void *ctx, lk_err *err);
void lk_test_worker_mourn(lk_job *job, void *ctx, const lk_err *failure);
/* From now on act fails with this. */
void lk_test_worker_fail(lk_test_worker *f, const char *name, const char *message);

/* A job "job-1" in the queue "jobs". */
void lk_test_worker_enqueue(lk_test_worker *f, const char *job_class, const char *arguments);
/* lk_worker_handle with request id "req-1"; the answer is in f->response. */
int lk_test_worker_handle(lk_test_worker *f, const char *event, int64_t deadline_ms, lk_err *err);
/* One invocation as a mapping makes it, of all that can be received: what the response does not
 * name is deleted. Returns how many it names. */
size_t lk_test_worker_invoke(lk_test_worker *f, const char *queue);
size_t lk_test_worker_invoke_until(lk_test_worker *f, const char *queue, int64_t deadline_ms);

size_t lk_test_worker_count(const lk_test_worker *f, const char *part);
/* The first line that has `part`, which must be JSON; freed by the caller. */
lk_json *lk_test_worker_line(const lk_test_worker *f, const char *part);

/* Needs `f` in scope. */
#define assert_lines(part, expected)                                                               \
    do {                                                                                           \
        size_t met_ = lk_test_worker_count(f, part);                                               \
        if (met_ != (expected))                                                                    \
            fail_msg("%zu times \"%s\", expected %d, in:\n%s", met_, part, (int)(expected),        \
                     f->lines.ptr);                                                                \
    } while (0)

#define assert_text(root, key, expected)                                                           \
    assert_slice(lk_json_string(lk_json_get(root, key)), expected)

#endif
