/* SPDX-License-Identifier: MIT
 *
 * lk_test_worker: see the header.
 */
#include "lk_test_worker.h"

#include "mapping_event.h"

/* --- Life ----------------------------------------------------------------------------------- */

static void keep_line(void *ctx, const char *line, size_t len)
{
    lk_test_worker *f = ctx;
    lk_buf_add(&f->lines, (lk_slice){line, len});
    lk_buf_add_char(&f->lines, '\n');
}

int lk_test_worker_setup(void **state)
{
    lk_test_worker *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->local = lk_test_local_start();
    lk_test_local_queue(f->local, "dead", NULL, 0);
    lk_test_local_queue(f->local, "jobs", "dead", 13);
    lk_test_local_queue(f->local, "line.fifo", NULL, 0);
    f->options = (lk_worker_options)LK_WORKER_OPTIONS_INIT;
    f->options.client = lk_test_local_client(f->local);
    f->options.print = keep_line;
    f->options.print_ctx = f;
    f->options.metrics_app_name = "Shop";
    f->retry_in_s = -1;
    *state = f;
    return 0;
}

int lk_test_worker_teardown(void **state)
{
    lk_test_worker *f = *state;
    lk_worker_free(f->worker);
    lk_test_local_stop(f->local);
    lk_buf_clear(&f->lines);
    free(f);
    return 0;
}

void lk_test_worker_open(lk_test_worker *f)
{
    lk_err err;
    f->worker = lk_worker_new(&f->options, &err);
    assert_non_null(f->worker);
    assert_int_equal(err.code, LK_OK);
}

/* --- The job -------------------------------------------------------------------------------- */

int lk_test_worker_act(lk_job *job, void *ctx, lk_err *err)
{
    lk_test_worker *f = ctx;
    f->runs++;
    assert_int_equal(err->code, LK_OK);
    if (f->retry_in_s >= 0)
        lk_job_retry_in(job, f->retry_in_s);
    if (f->name || f->message)
        lk_fail(err, f->name, "%s", f->message);
    return f->result;
}

void lk_test_worker_mourn(lk_job *job, void *ctx, const lk_err *failure)
{
    lk_test_worker *f = ctx;
    f->deaths++;
    snprintf(f->death, sizeof(f->death), "%.*s %s", LK_SLICE_FMT(lk_job_class(job)), failure->name);
}

void lk_test_worker_register(lk_test_worker *f, const lk_handler_options *options)
{
    lk_err err;
    lk_test_worker_open(f);
    assert_lk_ok(lk_worker_register(f->worker, "TestJob", lk_test_worker_act, f, options, &err));
}

void lk_test_worker_fail(lk_test_worker *f, const char *name, const char *message)
{
    f->result = LK_E_JOB;
    f->name = name;
    f->message = message;
}

void lk_test_worker_enqueue(lk_test_worker *f, const char *job_class, const char *arguments)
{
    lk_err err;
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    options.job_id = "job-1";
    assert_lk_ok(lk_enqueue(lk_test_local_client(f->local), "jobs", job_class, arguments, &options,
                            NULL, &err));
}

/* --- Invocations ---------------------------------------------------------------------------- */

int lk_test_worker_handle(lk_test_worker *f, const char *event, int64_t deadline_ms, lk_err *err)
{
    lk_slice response = {NULL, 0};
    lk_invocation invocation = {.request_id = LK_SLICE_LITERAL("req-1"),
                                .event = lk_slice_of(event),
                                .deadline_ms = deadline_ms};
    int rc = lk_worker_handle(f->worker, &invocation, &response, err);
    snprintf(f->response, sizeof(f->response), "%.*s", LK_SLICE_FMT(response));
    return rc;
}

/* Deletes what the response does not name. Returns how many it names. */
static size_t settle(lk_test_worker *f, const char *queue, const lk_messages *messages)
{
    size_t failed = 0;
    for (size_t i = 0; i < lk_messages_count(messages); i++) {
        lk_err ignored; /* the worker has deleted it already, most often */
        char id[101];
        const lk_message *message = lk_messages_at(messages, i);
        assert_true(lk_slice_copy(message->message_id, id, sizeof(id)));
        if (strstr(f->response, id))
            failed++;
        else
            (void)!lk_delete(lk_test_local_client(f->local), lk_slice_of(queue),
                             message->receipt_handle, &ignored);
    }
    return failed;
}

size_t lk_test_worker_invoke_until(lk_test_worker *f, const char *queue, int64_t deadline_ms)
{
    lk_err err;
    char arn[96];
    char region[] = LK_TEST_REGION;
    const lk_mapping_facts facts = {.queue_arn = arn, .region = region};
    size_t failed = 0;
    lk_messages *messages = NULL;
    lk_buf event = {0};
    const lk_message *list[10];
    snprintf(arn, sizeof(arn), "arn:aws:sqs:%s:%s:%s", LK_TEST_REGION, LK_TEST_ACCOUNT, queue);
    assert_lk_ok(
        lk_receive(lk_test_local_client(f->local), lk_slice_of(queue), 10, 0, -1, &messages, &err));
    size_t count = lk_messages_count(messages);
    for (size_t i = 0; i < count; i++)
        list[i] = lk_messages_at(messages, i);
    if (count > 0) { /* a mapping sends no empty event */
        assert_lk_ok(
            lk_mapping_event(&facts, list, count, LK_EVENT_MAX_BYTES, &event, &count, &err));
        assert_lk_ok(lk_test_worker_handle(f, event.ptr, deadline_ms, &err));
        failed = settle(f, queue, messages);
    }
    lk_messages_free(messages);
    lk_buf_clear(&event);
    return failed;
}

size_t lk_test_worker_invoke(lk_test_worker *f, const char *queue)
{
    return lk_test_worker_invoke_until(f, queue, 0);
}

/* --- Lines ---------------------------------------------------------------------------------- */

size_t lk_test_worker_count(const lk_test_worker *f, const char *part)
{
    size_t count = 0;
    for (const char *at = f->lines.ptr ? strstr(f->lines.ptr, part) : NULL; at;
         at = strstr(at + 1, part))
        count++;
    return count;
}

lk_json *lk_test_worker_line(const lk_test_worker *f, const char *part)
{
    lk_err err;
    lk_json *root = NULL;
    const char *at = f->lines.ptr ? strstr(f->lines.ptr, part) : NULL;
    if (!at)
        fail_msg("no \"%s\" in:\n%s", part, f->lines.ptr);
    while (at > f->lines.ptr && at[-1] != '\n')
        at--;
    lk_slice line = {at, (size_t)(strchr(at, '\n') - at)};
    assert_lk_ok(lk_json_parse(line, "line", &root, &err));
    return root;
}
