/* SPDX-License-Identifier: MIT
 *
 * worker: its life, and the list of classes. What is wrong with it is kept, so that a program of
 * ten lines need not look: lk_worker_run tells Lambda.
 */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

/* --- Options -------------------------------------------------------------------------------- */

/* *text: a copy of its own; NULL stays NULL. */
static bool own_text(const char **text)
{
    if (!*text)
        return true;
    *text = lk_slice_dup(lk_slice_of(*text));
    return *text != NULL;
}

static bool own_sets(lk_worker_options *options)
{
    const uint8_t *given = options->dimension_sets;
    uint8_t *copy = NULL;
    if (given && options->dimension_set_count > 0) {
        copy = malloc(options->dimension_set_count);
        if (copy)
            memcpy(copy, given, options->dimension_set_count);
    }
    options->dimension_sets = copy;
    return copy || !given;
}

static bool own_options(lk_worker_options *options)
{
    if (!options->metrics_app_name)
        options->metrics_app_name = lk_getenv("AWS_LAMBDA_FUNCTION_NAME");
    /* All three, whatever fails: what is not owned must not be freed. */
    bool name_owned = own_text(&options->metrics_namespace);
    bool app_owned = own_text(&options->metrics_app_name);
    return own_sets(options) && name_owned && app_owned;
}

static int check_options(const lk_worker_options *options, lk_err *err)
{
    if (options->max_retries < 0 || options->max_retries > LK_MAX_RETRIES)
        return LK_FAIL(err, LK_E_INVALID, "worker: max_retries is %d, not 0 to %d",
                       options->max_retries, LK_MAX_RETRIES);
    if (options->jitter_percent < 0 || options->jitter_percent > 100)
        return LK_FAIL(err, LK_E_INVALID, "worker: jitter_percent is %d, not 0 to 100",
                       options->jitter_percent);
    if (options->guard_ms < 0)
        return LK_FAIL(err, LK_E_INVALID, "worker: guard_ms cannot be negative");
    return 0;
}

static int prepare(lk_worker *worker, const lk_client_options *client_options, lk_err *err)
{
    int rc = err->code == LK_OK ? check_options(&worker->options, err) : err->code;
    if (rc)
        return rc;
    worker->client = worker->options.client;
    if (!worker->client)
        worker->client = lk_client_new(client_options, err);
    return worker->client ? 0 : err->code;
}

/* --- Life ----------------------------------------------------------------------------------- */

lk_worker *lk_worker_new(const lk_worker_options *options, lk_err *err)
{
    lk_err_clear(err);
    lk_worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    worker->options = (lk_worker_options)LK_WORKER_OPTIONS_INIT;
    (void)lk_options_take(&worker->options, options, "LK_WORKER_OPTIONS_INIT", &worker->broken);
    const lk_client_options *client_options = worker->options.client_options;
    worker->options.client_options = NULL;
    if (!own_options(&worker->options)) {
        lk_worker_free(worker);
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    lk_worker_log_configure(worker);
    (void)prepare(worker, client_options, &worker->broken);
    if (err)
        *err = worker->broken;
    return worker;
}

static void free_handler(lk_handler *handler)
{
    free(handler->job_class);
    free(handler);
}

/* Given to free, which wants what is not constant: copies of own_options are not. */
static void free_owned(const void *memory)
{
    free((void *)(uintptr_t)memory);
}

void lk_worker_free(lk_worker *worker)
{
    if (!worker)
        return;
    lk_batch_free(worker->batch);
    if (!worker->options.client)
        lk_client_free(worker->client);
    while (worker->handlers) {
        lk_handler *handler = worker->handlers;
        worker->handlers = handler->next;
        free_handler(handler);
    }
    free_owned(worker->options.metrics_namespace);
    free_owned(worker->options.metrics_app_name);
    free_owned(worker->options.dimension_sets);
    free(worker->answer);
    free(worker);
}

lk_client *lk_worker_client(lk_worker *worker)
{
    return worker->client;
}

/* Safe in a signal handler: two atomic loads and stores, and lk_runtime_interrupt. */
void lk_worker_stop(lk_worker *worker)
{
    atomic_store(&worker->stopping, true);
    lk_runtime *runtime = atomic_load(&worker->runtime);
    if (runtime)
        lk_runtime_interrupt(runtime);
}

/* --- Classes -------------------------------------------------------------------------------- */

/* The first one is told; later ones often come of it. */
static int keep_broken(lk_worker *worker, const lk_err *why, lk_err *err)
{
    if (worker->broken.code == LK_OK)
        worker->broken = *why;
    if (err)
        *err = *why;
    return why->code;
}

void lk_worker_refuse(lk_worker *worker, const lk_err *reason)
{
    lk_err why = *reason;
    if (why.code == LK_OK)
        LK_FAIL(&why, LK_E_JOB, "the program says that it cannot start, without a reason");
    if (worker)
        (void)keep_broken(worker, &why, NULL);
}

static int check_handler(const lk_worker *worker, const char *job_class, lk_perform_fn perform,
                         const lk_handler_options *options, lk_err *err)
{
    if (!job_class || !*job_class || !perform)
        return LK_FAIL(err, LK_E_INVALID, "a class of jobs needs a name, and who performs it");
    if (lk_worker_find(worker, lk_slice_of(job_class)))
        return LK_FAIL(err, LK_E_INVALID, "%s is registered twice", job_class);
    if (options->retry < LK_RETRY_MAX)
        return LK_FAIL(err, LK_E_INVALID,
                       "%s: retry is %d: use a number from 0, LK_RETRY_MAX or LK_RETRY_UNSET",
                       job_class, options->retry);
    if (options->jitter_percent < -1 || options->jitter_percent > 100)
        return LK_FAIL(err, LK_E_INVALID, "%s: jitter_percent is %d, not 0 to 100, or -1",
                       job_class, options->jitter_percent);
    return 0;
}

/* LK_OK, or the error, which is set. */
static int add_handler(lk_worker *worker, const char *job_class, lk_perform_fn perform, void *ctx,
                       const lk_handler_options *options, lk_err *err)
{
    int rc = check_handler(worker, job_class, perform, options, err);
    if (rc)
        return rc;
    lk_handler *handler = calloc(1, sizeof(*handler));
    char *name = lk_slice_dup(lk_slice_of(job_class));
    if (!handler || !name) {
        free(handler);
        free(name);
        return LK_FAIL_NOMEM(err);
    }
    *handler = (lk_handler){.next = worker->handlers,
                            .job_class = name,
                            .perform = perform,
                            .ctx = ctx,
                            .options = *options};
    worker->handlers = handler;
    return 0;
}

int lk_worker_register(lk_worker *worker, const char *job_class, lk_perform_fn perform, void *ctx,
                       const lk_handler_options *options, lk_err *err)
{
    lk_handler_options given = LK_HANDLER_OPTIONS_INIT;
    lk_err why = {0};
    if (!worker)
        return LK_FAIL(err, LK_E_INVALID, "no worker: lk_worker_new had no memory for one");
    int rc = lk_options_take(&given, options, "LK_HANDLER_OPTIONS_INIT", &why);
    if (!rc)
        rc = add_handler(worker, job_class, perform, ctx, &given, &why);
    return rc ? keep_broken(worker, &why, err) : 0;
}

void lk_worker_on_event(lk_worker *worker, lk_event_fn answer, void *ctx)
{
    if (!worker)
        return;
    worker->answer_event = answer;
    worker->answer_event_ctx = ctx;
}

const lk_handler *lk_worker_find(const lk_worker *worker, lk_slice job_class)
{
    for (const lk_handler *h = worker->handlers; h; h = h->next) {
        if (lk_slice_equal_str(job_class, h->job_class))
            return h;
    }
    return NULL;
}
