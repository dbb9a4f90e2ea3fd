/* SPDX-License-Identifier: MIT
 *
 * worker_run: the process of a function: starts, tells Lambda when it cannot, takes invocations
 * until it is told to end.
 *
 * The one place of the core with state of the whole process: signals have no other way to find the
 * worker.
 */
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { TYPE_BYTES = 96 };

/* --- Signals -------------------------------------------------------------------------------- */

static _Atomic(lk_worker *) running;

static const int watched[] = {SIGTERM, SIGINT};

typedef struct signals {
    struct sigaction before[LK_COUNT(watched)];
} signals;

static void stop_running(int number LK_UNUSED)
{
    lk_worker *worker = atomic_load(&running);
    if (worker)
        lk_worker_stop(worker);
}

/* Calls that a handler makes are not cut off: it is to finish. */
static void watch_signals(lk_worker *worker, signals *s)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = stop_running;
    sigemptyset(&action.sa_mask);
    atomic_store(&running, worker);
    for (size_t i = 0; i < LK_COUNT(watched); i++)
        sigaction(watched[i], &action, &s->before[i]);
}

static void unwatch_signals(const signals *s)
{
    for (size_t i = 0; i < LK_COUNT(watched); i++)
        sigaction(watched[i], &s->before[i], NULL);
    atomic_store(&running, NULL);
}

/* --- Reports -------------------------------------------------------------------------------- */

static void say(const char *format, ...) LK_FORMAT(1, 2);
static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("lambdakiq: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

/* Lambda knows types that begin with Runtime or Function; others become Unknown. */
static lk_slice type_of(const lk_err *why, const char *family, char text[TYPE_BYTES])
{
    (void)snprintf(text, TYPE_BYTES, "%s.%s", family, lk_err_name(why));
    return lk_slice_of(text);
}

/* C keeps no trace of its calls: what can be told is where it was handled, and of what kind it is.
 */
static size_t trace_of(const lk_err *why, const char *where, char text[2][TYPE_BYTES],
                       lk_slice lines[2])
{
    (void)snprintf(text[0], TYPE_BYTES, "%s, lambdakiq %s", where, LK_VERSION);
    (void)snprintf(text[1], TYPE_BYTES, "%s: %s", lk_code_name(why->code), lk_code_text(why->code));
    lines[0] = lk_slice_of(text[0]);
    lines[1] = lk_slice_of(text[1]);
    return 2;
}

static void report_start(lk_runtime *runtime, const lk_err *why)
{
    lk_err err;
    char type[TYPE_BYTES];
    char text[2][TYPE_BYTES];
    lk_slice lines[2];
    say("cannot start: %s", why->message);
    size_t count = trace_of(why, "lk_worker_run", text, lines);
    if (lk_runtime_init_error(runtime, type_of(why, "Runtime", type), lk_slice_of(why->message),
                              lines, count, &err))
        say("the failed start could not be reported: %s", err.message);
}

static void report_failure(lk_worker *worker, lk_runtime *runtime, const lk_invocation *invocation,
                           const lk_err *why)
{
    lk_err err;
    char type[TYPE_BYTES];
    char text[2][TYPE_BYTES];
    lk_slice lines[2];
    lk_worker_log(worker, LK_LOG_ERROR, "[Lambdakiq] invocation %.*s failed: %s: %s",
                  LK_SLICE_FMT(invocation->request_id), lk_err_name(why), why->message);
    size_t count = trace_of(why, "lk_worker_handle", text, lines);
    if (lk_runtime_fail(runtime, invocation->request_id, type_of(why, "Function", type),
                        lk_slice_of(why->message), lines, count, &err))
        lk_worker_log(worker, LK_LOG_ERROR, "[Lambdakiq] the failure could not be reported: %s",
                      err.message);
}

/* --- Loop ----------------------------------------------------------------------------------- */

/* An answer that the Runtime API does not take is this invocation's trouble, not the next one's. */
static void invoke(lk_worker *worker, lk_runtime *runtime, const lk_invocation *invocation)
{
    lk_err err = {0};
    lk_slice response;
    if (lk_worker_handle(worker, invocation, &response, &err))
        report_failure(worker, runtime, invocation, &err);
    else if (lk_runtime_respond(runtime, invocation->request_id, response, &err))
        lk_worker_log(worker, LK_LOG_ERROR, "[Lambdakiq] invocation %.*s: %s",
                      LK_SLICE_FMT(invocation->request_id), err.message);
}

static int loop(lk_worker *worker, lk_runtime *runtime)
{
    lk_err err;
    while (!atomic_load(&worker->stopping)) {
        lk_invocation invocation;
        int rc = lk_runtime_next(runtime, &invocation, &err);
        if (rc == LK_E_INTERRUPTED)
            continue;
        if (rc) {
            say("no next invocation: %s", err.message);
            return EXIT_FAILURE;
        }
        invoke(worker, runtime, &invocation);
    }
    return EXIT_SUCCESS;
}

/* --- Start ---------------------------------------------------------------------------------- */

/* Whether it can begin; fills why. */
static int check_start(const lk_worker *worker, lk_err *why)
{
    if (!worker)
        return LK_FAIL_NOMEM(why);
    if (worker->broken.code != LK_OK) {
        *why = worker->broken;
        return why->code;
    }
    if (!worker->handlers && !worker->answer_event)
        return LK_FAIL(why, LK_E_INVALID, "no class of jobs is registered: see lk_worker_register");
    return 0;
}

static lk_extension *register_extension(const lk_worker *worker)
{
    lk_err err;
    if (!worker->options.shutdown_extension)
        return NULL;
    lk_extension *extension = lk_extension_register(NULL, "lambdakiq-shutdown", &err);
    if (!extension)
        lk_worker_log(worker, LK_LOG_WARN,
                      "[Lambdakiq] no shutdown extension, so Lambda will not announce the end: %s",
                      err.message);
    return extension;
}

static int serve(lk_worker *worker, lk_runtime *runtime)
{
    signals before;
    lk_extension *extension = register_extension(worker);
    atomic_store(&worker->runtime, runtime);
    watch_signals(worker, &before);
    int status = loop(worker, runtime);
    unwatch_signals(&before);
    atomic_store(&worker->runtime, NULL);
    lk_extension_free(extension);
    return status;
}

int lk_worker_run(lk_worker *worker)
{
    lk_err err;
    int status = EXIT_FAILURE;
    (void)setvbuf(stdout, NULL, _IOLBF,
                  BUFSIZ); /* a sandbox that freezes must not hold lines back */
    lk_runtime *runtime = lk_runtime_new(NULL, &err);
    if (!runtime)
        say("%s", err.message);
    else if (check_start(worker, &err))
        report_start(runtime, &err);
    else
        status = serve(worker, runtime);
    lk_runtime_free(runtime);
    lk_worker_free(worker);
    return status;
}
