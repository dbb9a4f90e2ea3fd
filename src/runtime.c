/* SPDX-License-Identifier: MIT
 *
 * runtime: the client side of the Lambda Runtime API (2018-06-01).
 *
 *     lk_runtime_next ──event──> the caller ──> lk_runtime_respond | lk_runtime_fail ──> next …
 *
 * GET /next has no timeout: between two invocations the sandbox is frozen, for hours if need be,
 * and any clock that ran on would end it wrongly. Answers are posted with a timeout and a few
 * attempts, each retry on a fresh connection; an interrupt does not cut them off, because an
 * invocation that did its work and was not answered counts as failed. It takes effect at the next
 * lk_runtime_next.
 *
 * The connections are the runtime's own: never through a proxy, never shared with SQS.
 */
#include "json.h"
#include "runtime_api.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define POST_TIMEOUT_MS    10000
#define POST_ATTEMPTS      3
#define NEXT_ATTEMPTS      2
#define RESPONSE_MAX_BYTES ((size_t)6 * 1024 * 1024 + 100) /* what the Runtime API takes */
#define MESSAGE_MAX_BYTES  ((size_t)256 * 1024) /* a log line; longer texts help nobody */
#define STACK_MAX_BYTES    ((size_t)1024 * 1024)
#define TYPE_MAX_BYTES     200

struct lk_runtime {
    lk_http *http;
    lk_buf base;                 /* "http://127.0.0.1:9001/2018-06-01/runtime/" */
    lk_http_response invocation; /* what lk_invocation's slices point into */
    atomic_bool busy;
};

/* --- Life ----------------------------------------------------------------------------------- */

lk_runtime *lk_runtime_new(const char *host_port, lk_err *err)
{
    lk_runtime *runtime = calloc(1, sizeof(*runtime));
    if (!runtime) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    if (lk_runtime_api_url(host_port, "/2018-06-01/runtime/", &runtime->base, err) == 0)
        runtime->http = lk_http_new(&(lk_http_options){.no_proxy = true}, err);
    if (!runtime->http) {
        lk_runtime_free(runtime);
        return NULL;
    }
    return runtime;
}

void lk_runtime_free(lk_runtime *runtime)
{
    if (!runtime)
        return;
    lk_http_response_clear(&runtime->invocation);
    lk_http_free(runtime->http);
    lk_buf_clear(&runtime->base);
    free(runtime);
}

/* Safe in a signal handler: lk_http_interrupt stores to a lock-free atomic and calls
 * curl_multi_wakeup, which writes one byte to a non-blocking socket pair; it keeps errno. */
void lk_runtime_interrupt(lk_runtime *runtime)
{
    lk_http_interrupt(runtime->http);
}

static int enter(lk_runtime *runtime, lk_err *err)
{
    if (atomic_exchange(&runtime->busy, true))
        return LK_FAIL(err, LK_E_BUSY, "this lk_runtime is in use by another thread");
    return 0;
}

static void leave(lk_runtime *runtime)
{
    atomic_store(&runtime->busy, false);
}

/* --- Next ----------------------------------------------------------------------------------- */

/* Not safe while another thread reads the environment: call lk_runtime_next where no other thread
 * calls getenv, as is the rule for a Lambda runtime, which handles one invocation at a time. */
static void export_trace_id(lk_slice trace_id)
{
    char *text = trace_id.len > 0 ? lk_slice_dup(trace_id) : NULL;
    if (text)
        setenv("_X_AMZN_TRACE_ID", text, 1);
    else
        unsetenv("_X_AMZN_TRACE_ID");
    free(text);
}

static int read_invocation(const lk_http_response *response, lk_invocation *invocation, lk_err *err)
{
    if (response->status != 200)
        return lk_runtime_api_refused(response, "the call for the next invocation", err);
    *invocation = (lk_invocation){
        .request_id = lk_http_header(response, "Lambda-Runtime-Aws-Request-Id"),
        .event = lk_buf_slice(&response->body),
        .function_arn = lk_http_header(response, "Lambda-Runtime-Invoked-Function-Arn"),
        .trace_id = lk_http_header(response, "Lambda-Runtime-Trace-Id"),
        .client_context = lk_http_header(response, "Lambda-Runtime-Client-Context"),
        .cognito_identity = lk_http_header(response, "Lambda-Runtime-Cognito-Identity"),
    };
    if (invocation->request_id.len == 0)
        return LK_FAIL(err, LK_E_RUNTIME,
                       "the Runtime API sent an invocation without Lambda-Runtime-Aws-Request-Id: "
                       "it could not be answered");
    lk_slice deadline = lk_http_header(response, "Lambda-Runtime-Deadline-Ms");
    if (!lk_slice_to_int64(deadline, &invocation->deadline_ms))
        invocation->deadline_ms = 0;
    return 0;
}

/* A connection that breaks while we wait may have had an event on it. Asking again is safe: until
 * it is answered, the Runtime API hands out the same invocation again. */
static int get_next(lk_runtime *runtime, lk_err *err)
{
    lk_buf url = {0};
    lk_buf_add(&url, lk_buf_slice(&runtime->base));
    lk_buf_add_str(&url, "invocation/next");
    int rc = lk_buf_check(&url, err);
    bool again = rc == 0;
    for (int attempt = 1; again && attempt <= NEXT_ATTEMPTS; attempt++) {
        lk_http_request request = {
            .method = "GET", .url = url.ptr, .fresh_connection = attempt > 1};
        rc = lk_http_call(runtime->http, &request, 0, &runtime->invocation, err);
        again = rc == LK_E_HTTP;
    }
    lk_buf_clear(&url);
    return rc;
}

int lk_runtime_next(lk_runtime *runtime, lk_invocation *invocation, lk_err *err)
{
    int rc = enter(runtime, err);
    if (rc)
        return rc;
    lk_http_response_clear(&runtime->invocation);
    rc = get_next(runtime, err);
    if (!rc)
        rc = read_invocation(&runtime->invocation, invocation, err);
    if (!rc)
        export_trace_id(invocation->trace_id);
    leave(runtime);
    return rc;
}

/* --- Posting -------------------------------------------------------------------------------- */

typedef struct post {
    lk_buf url;
    lk_name_value headers[2];
    size_t header_count;
    lk_slice body;
    const char *what; /* for errors: "the response" */
} post;

/* One attempt, not cut off by an interrupt: that is put back for the next call that waits.
 * *sent: the request may have been carried out although no answer came. */
static int post_once(lk_runtime *runtime, const post *p, bool fresh, lk_http_response *response,
                     bool *sent, lk_err *err)
{
    lk_http_request request = {.method = "POST",
                               .url = p->url.ptr,
                               .headers = p->headers,
                               .header_count = p->header_count,
                               .body = p->body,
                               .fresh_connection = fresh};
    lk_err start_err = {0};
    lk_http_transfer *transfer = lk_http_start(runtime->http, &request, &start_err);
    if (!transfer) {
        if (err)
            *err = start_err;
        return start_err.code;
    }
    bool interrupted = false;
    int64_t until_ms = lk_mono_ms() + POST_TIMEOUT_MS;
    int rc;
    do {
        rc = lk_http_wait(runtime->http, transfer, LK_MAX(until_ms - lk_mono_ms(), 1), err);
        interrupted = interrupted || rc == LK_E_INTERRUPTED;
    } while (rc == LK_E_INTERRUPTED);
    if (interrupted)
        lk_http_interrupt(runtime->http);
    *sent = lk_http_written(transfer);
    if (!rc)
        return lk_http_take(runtime->http, transfer, response, err);
    lk_http_cancel(runtime->http, transfer);
    return rc;
}

static int send_post(lk_runtime *runtime, const post *p, lk_err *err)
{
    int rc = lk_buf_check(&p->url, err);
    bool again = rc == 0;
    bool may_have_arrived = false; /* by an attempt whose answer was lost */
    lk_http_response response = {0};
    for (int attempt = 1; again && attempt <= POST_ATTEMPTS; attempt++) {
        bool sent = false;
        rc = post_once(runtime, p, attempt > 1, &response, &sent, err);
        again = rc == LK_E_HTTP || rc == LK_E_CONNECT || rc == LK_E_TIMEOUT;
        may_have_arrived = may_have_arrived || (again && sent);
    }
    /* A second answer to an invocation is refused with 400 or 403: the first one was taken. */
    bool refused_as_second = may_have_arrived && (response.status == 400 || response.status == 403);
    if (!rc && response.status / 100 != 2 && !refused_as_second)
        rc = lk_runtime_api_refused(&response, p->what, err);
    lk_http_response_clear(&response);
    return rc;
}

/* invocation/{id}/{verb}; the id is encoded, whatever it holds. */
static void add_invocation_url(lk_runtime *runtime, lk_slice request_id, const char *verb,
                               lk_buf *url)
{
    lk_buf_add(url, lk_buf_slice(&runtime->base));
    lk_buf_add_str(url, "invocation/");
    lk_uri_encode(url, request_id, false);
    lk_buf_add_char(url, '/');
    lk_buf_add_str(url, verb);
}

/* --- Reporting errors ----------------------------------------------------------------------- */

typedef struct failure {
    lk_slice type;
    lk_slice message;
    const lk_slice *stack_trace;
    size_t stack_count;
} failure;

/* Lambda refuses a body over 6 MiB, and then nobody learns of the error: long texts are cut. */
static void write_failure(const failure *f, lk_buf *out)
{
    lk_slice message = {f->message.ptr, LK_MIN(f->message.len, MESSAGE_MAX_BYTES)};
    lk_json_writer w = {.out = out};
    lk_json_begin_object(&w);
    lk_json_member_string(&w, "errorMessage", message);
    lk_json_member_string(&w, "errorType", f->type);
    lk_json_key(&w, "stackTrace");
    lk_json_begin_array(&w);
    size_t bytes = 0;
    for (size_t i = 0; i < f->stack_count && bytes < STACK_MAX_BYTES; i++) {
        lk_slice line = {f->stack_trace[i].ptr, LK_MIN(f->stack_trace[i].len, STACK_MAX_BYTES)};
        lk_json_value_string(&w, line);
        bytes += line.len;
    }
    lk_json_end_array(&w);
    lk_json_end_object(&w);
}

/* A class name as header value: printable ASCII only. */
static void copy_type(lk_slice type, char out[TYPE_MAX_BYTES + 1])
{
    size_t len = LK_MIN(type.len, TYPE_MAX_BYTES);
    for (size_t i = 0; i < len; i++) {
        out[i] = type.ptr[i];
        if (out[i] <= ' ' || out[i] > '~')
            out[i] = '_';
    }
    out[len] = '\0';
}

/* p->url is set. */
static int post_failure(lk_runtime *runtime, post *p, failure f, lk_err *err)
{
    if (f.type.len == 0)
        f.type = LK_SLICE_LITERAL("Runtime.Unknown");
    char type[TYPE_MAX_BYTES + 1];
    copy_type(f.type, type);
    lk_buf body = {0};
    write_failure(&f, &body);
    int rc = lk_buf_check(&body, err);
    p->body = lk_buf_slice(&body);
    p->headers[0] = (lk_name_value){LK_SLICE_LITERAL("Content-Type"),
                                    LK_SLICE_LITERAL("application/vnd.aws.lambda.error+json")};
    p->headers[1] =
        (lk_name_value){LK_SLICE_LITERAL("Lambda-Runtime-Function-Error-Type"), lk_slice_of(type)};
    p->header_count = 2;
    if (!rc)
        rc = send_post(runtime, p, err);
    lk_buf_clear(&body);
    return rc;
}

static int fail_invocation(lk_runtime *runtime, lk_slice request_id, failure f, lk_err *err)
{
    post p = {.what = "the report of an error"};
    add_invocation_url(runtime, request_id, "error", &p.url);
    int rc = post_failure(runtime, &p, f, err);
    lk_buf_clear(&p.url);
    return rc;
}

int lk_runtime_fail(lk_runtime *runtime, lk_slice request_id, lk_slice error_type,
                    lk_slice error_message, const lk_slice *stack_trace, size_t stack_count,
                    lk_err *err)
{
    int rc = enter(runtime, err);
    if (rc)
        return rc;
    rc = fail_invocation(runtime, request_id,
                         (failure){error_type, error_message, stack_trace, stack_count}, err);
    leave(runtime);
    return rc;
}

int lk_runtime_init_error(lk_runtime *runtime, lk_slice error_type, lk_slice error_message,
                          const lk_slice *stack_trace, size_t stack_count, lk_err *err)
{
    int rc = enter(runtime, err);
    if (rc)
        return rc;
    post p = {.what = "the report of a failed start"};
    lk_buf_add(&p.url, lk_buf_slice(&runtime->base));
    lk_buf_add_str(&p.url, "init/error");
    rc = post_failure(runtime, &p, (failure){error_type, error_message, stack_trace, stack_count},
                      err);
    lk_buf_clear(&p.url);
    leave(runtime);
    return rc;
}

/* --- Responding ----------------------------------------------------------------------------- */

/* Found out here rather than by posting 6 MiB; the invoker sees what Lambda itself would say. */
static int fail_too_large(lk_runtime *runtime, lk_slice request_id, size_t bytes, lk_err *err)
{
    lk_err too_large;
    LK_FAIL(&too_large, LK_E_TOO_LARGE,
            "the response of %zu bytes exceeds the maximum allowed payload size (%zu bytes)", bytes,
            RESPONSE_MAX_BYTES);
    failure f = {.type = LK_SLICE_LITERAL("Function.ResponseSizeTooLarge"),
                 .message = lk_slice_of(too_large.message)};
    int rc = fail_invocation(runtime, request_id, f, err);
    if (rc)
        return rc;
    if (err)
        *err = too_large;
    return LK_E_TOO_LARGE;
}

int lk_runtime_respond(lk_runtime *runtime, lk_slice request_id, lk_slice response, lk_err *err)
{
    int rc = enter(runtime, err);
    if (rc)
        return rc;
    if (response.len > RESPONSE_MAX_BYTES) {
        rc = fail_too_large(runtime, request_id, response.len, err);
    } else {
        post p = {
            .what = "the response",
            .body = response,
            .headers = {{LK_SLICE_LITERAL("Content-Type"), LK_SLICE_LITERAL("application/json")}},
            .header_count = 1};
        add_invocation_url(runtime, request_id, "response", &p.url);
        rc = send_post(runtime, &p, err);
        lk_buf_clear(&p.url);
    }
    leave(runtime);
    return rc;
}
