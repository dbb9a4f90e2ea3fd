/* SPDX-License-Identifier: MIT
 *
 * test_runtime: the Runtime API client against an HTTP server that plays Lambda's part.
 */
#include "lk_test.h"

#include "json.h"
#include "lk_test_http.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* What the server is to do, and who talks to it. */
typedef struct fixture {
    lk_test_http *server;
    lk_runtime *runtime;
    int next_delay_ms;
    int post_delay_ms;
    int hang_ups;    /* this many requests are not answered */
    int post_status; /* 0: 202 */
    const char *post_body;
    bool without_request_id;
} fixture;

static void answer_next(const fixture *f, lk_test_response *response)
{
    response->delay_ms = f->next_delay_ms;
    if (!f->without_request_id)
        lk_buf_add_str(&response->headers, "Lambda-Runtime-Aws-Request-Id: id-1\n");
    lk_buf_add_str(&response->headers, "Lambda-Runtime-Deadline-Ms: 1700000000123\n"
                                       "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:x\n"
                                       "Lambda-Runtime-Trace-Id: Root=1-2-3;Sampled=1\n"
                                       "lambda-runtime-client-context: {}\n");
    lk_buf_add_str(&response->body, "{\"Records\":[]}");
}

static void answer(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    fixture *f = ctx;
    if (f->hang_ups > 0) {
        f->hang_ups--;
        response->hang_up = true;
        return;
    }
    if (strcmp(request->method, "GET") == 0) {
        answer_next(f, response);
        return;
    }
    response->delay_ms = f->post_delay_ms;
    response->status = f->post_status ? f->post_status : 202;
    lk_buf_add_str(&response->body, f->post_body ? f->post_body : "{\"status\":\"OK\"}");
}

static int setup(void **state)
{
    lk_err err;
    fixture *f = calloc(1, sizeof(*f));
    f->server = lk_test_http_start(answer, f);
    char host_port[40];
    snprintf(host_port, sizeof(host_port), "127.0.0.1:%d", lk_test_http_port(f->server));
    f->runtime = lk_runtime_new(host_port, &err);
    assert_non_null(f->runtime);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    lk_runtime_free(f->runtime);
    lk_test_http_stop(f->server);
    free(f);
    return 0;
}

static const lk_test_request *last_request(fixture *f)
{
    const lk_test_request *request = lk_test_http_at(f->server, lk_test_http_count(f->server) - 1);
    assert_non_null(request);
    return request;
}

/* --- Where it is ---------------------------------------------------------------------------- */

static void without_an_address_it_says_how_to_start(void **state)
{
    (void)state;
    lk_err err;
    unsetenv("AWS_LAMBDA_RUNTIME_API");
    assert_null(lk_runtime_new(NULL, &err));
    assert_int_equal(err.code, LK_E_CONFIG);
    assert_non_null(strstr(err.message, "AWS_LAMBDA_RUNTIME_API"));
}

static void the_address_comes_from_the_environment(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    char host_port[40];
    snprintf(host_port, sizeof(host_port), "127.0.0.1:%d", lk_test_http_port(f->server));
    setenv("AWS_LAMBDA_RUNTIME_API", host_port, 1);
    lk_runtime *runtime = lk_runtime_new(NULL, &err);
    unsetenv("AWS_LAMBDA_RUNTIME_API");
    assert_non_null(runtime);
    assert_lk_ok(lk_runtime_next(runtime, &invocation, &err));
    lk_runtime_free(runtime);
}

static void an_api_that_is_gone_is_a_connection_error(void **state)
{
    (void)state;
    lk_err err;
    lk_invocation invocation;
    lk_runtime *runtime = lk_runtime_new("127.0.0.1:1", &err);
    assert_non_null(runtime);
    assert_lk_fails(lk_runtime_next(runtime, &invocation, &err), LK_E_CONNECT);
    lk_runtime_free(runtime);
}

/* --- Next ----------------------------------------------------------------------------------- */

static void next_hands_out_the_event_and_its_headers(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    assert_lk_ok(lk_runtime_next(f->runtime, &invocation, &err));
    assert_string_equal(last_request(f)->path, "/2018-06-01/runtime/invocation/next");
    assert_slice(invocation.request_id, "id-1");
    assert_slice(invocation.event, "{\"Records\":[]}");
    assert_slice(invocation.function_arn, "arn:aws:lambda:x");
    assert_slice(invocation.client_context, "{}");
    assert_true(invocation.deadline_ms == 1700000000123);
    assert_null(invocation.cognito_identity.ptr);
}

static void next_puts_the_trace_id_into_the_environment(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    setenv("_X_AMZN_TRACE_ID", "of the last invocation", 1);
    assert_lk_ok(lk_runtime_next(f->runtime, &invocation, &err));
    assert_string_equal(getenv("_X_AMZN_TRACE_ID"), "Root=1-2-3;Sampled=1");
    unsetenv("_X_AMZN_TRACE_ID");
}

static void next_asks_again_when_the_connection_breaks(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    f->hang_ups = 1;
    assert_lk_ok(lk_runtime_next(f->runtime, &invocation, &err));
    assert_slice(invocation.request_id, "id-1");
    assert_int_equal(lk_test_http_count(f->server), 2);
}

static void an_invocation_without_id_is_refused(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    f->without_request_id = true;
    assert_lk_fails(lk_runtime_next(f->runtime, &invocation, &err), LK_E_RUNTIME);
}

static lk_runtime *to_interrupt;

static void on_alarm(int number)
{
    (void)number;
    lk_runtime_interrupt(to_interrupt);
}

/* A signal in `ms`, whose handler interrupts the runtime. */
static void interrupt_in(lk_runtime *runtime, int ms)
{
    to_interrupt = runtime;
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {.it_value = {.tv_usec = ms * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void a_signal_handler_ends_the_wait_for_the_next_invocation(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    f->next_delay_ms = 2000;
    interrupt_in(f->runtime, 20);
    assert_lk_fails(lk_runtime_next(f->runtime, &invocation, &err), LK_E_INTERRUPTED);
}

static void an_interrupt_does_not_cut_an_answer_off(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    f->post_delay_ms = 100;
    interrupt_in(f->runtime, 20);
    assert_lk_ok(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("{}"), &err));
    assert_lk_fails(lk_runtime_next(f->runtime, &invocation, &err), LK_E_INTERRUPTED);
}

typedef struct in_thread {
    lk_runtime *runtime;
    int rc;
} in_thread;

static void *wait_for_next(void *ctx)
{
    in_thread *t = ctx;
    lk_invocation invocation;
    t->rc = lk_runtime_next(t->runtime, &invocation, NULL);
    return NULL;
}

static void a_second_thread_is_turned_away(void **state)
{
    fixture *f = *state;
    lk_err err;
    f->next_delay_ms = 2000;
    in_thread other = {.runtime = f->runtime};
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_next, &other);
    while (lk_test_http_count(f->server) == 0)
        sched_yield();
    assert_lk_fails(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("{}"), &err),
        LK_E_BUSY);
    pthread_join(thread, NULL);
    assert_int_equal(other.rc, 0);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void respond_posts_to_the_invocation(void **state)
{
    fixture *f = *state;
    lk_err err;
    assert_lk_ok(lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"),
                                    LK_SLICE_LITERAL("{\"batchItemFailures\":[]}"), &err));
    const lk_test_request *request = last_request(f);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/2018-06-01/runtime/invocation/id-1/response");
    assert_slice(request->body, "{\"batchItemFailures\":[]}");
    assert_slice(lk_test_request_header(request, "Content-Type"), "application/json");
}

static void a_response_is_posted_again_when_the_connection_breaks(void **state)
{
    fixture *f = *state;
    lk_err err;
    f->hang_ups = 2;
    assert_lk_ok(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("{}"), &err));
    assert_int_equal(lk_test_http_count(f->server), 3);
}

static void posting_is_given_up_after_three_attempts(void **state)
{
    fixture *f = *state;
    lk_err err;
    f->hang_ups = 100;
    assert_lk_fails(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("{}"), &err),
        LK_E_HTTP);
    assert_int_equal(lk_test_http_count(f->server), 3);
}

static void a_refused_second_post_means_that_the_first_was_taken(void **state)
{
    fixture *f = *state;
    lk_err err;
    f->hang_ups = 1;
    f->post_status = 403;
    assert_lk_ok(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("{}"), &err));
}

static void a_refused_first_post_is_an_error_with_its_reason(void **state)
{
    fixture *f = *state;
    lk_err err;
    f->post_status = 400;
    f->post_body = "{\"errorMessage\":\"no such id\",\"errorType\":\"InvalidRequestID\"}";
    assert_lk_fails(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-9"), LK_SLICE_LITERAL("{}"), &err),
        LK_E_RUNTIME);
    assert_int_equal(err.http_status, 400);
    assert_non_null(strstr(err.message, "InvalidRequestID no such id"));
    assert_int_equal(lk_test_http_count(f->server), 1);
}

static void a_response_that_lambda_finds_too_large_is_told_apart(void **state)
{
    fixture *f = *state;
    lk_err err;
    f->post_status = 413;
    assert_lk_fails(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("{}"), &err),
        LK_E_TOO_LARGE);
}

static void a_response_over_6_mib_fails_the_invocation_without_being_posted(void **state)
{
    fixture *f = *state;
    lk_err err;
    size_t len = 6 * 1024 * 1024 + 101;
    char *large = calloc(1, len);
    memset(large, ' ', len);
    assert_lk_fails(
        lk_runtime_respond(f->runtime, LK_SLICE_LITERAL("id-1"), (lk_slice){large, len}, &err),
        LK_E_TOO_LARGE);
    free(large);
    const lk_test_request *request = last_request(f);
    assert_string_equal(request->path, "/2018-06-01/runtime/invocation/id-1/error");
    assert_slice(lk_test_request_header(request, "Lambda-Runtime-Function-Error-Type"),
                 "Function.ResponseSizeTooLarge");
    assert_int_equal(lk_test_http_count(f->server), 1);
}

/* --- Errors --------------------------------------------------------------------------------- */

static void fail_reports_type_message_and_stack(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_slice stack[] = {LK_SLICE_LITERAL("a.rb:1"), LK_SLICE_LITERAL("b.rb:2")};
    assert_lk_ok(lk_runtime_fail(f->runtime, LK_SLICE_LITERAL("id-1"),
                                 LK_SLICE_LITERAL("RuntimeError"), LK_SLICE_LITERAL("it \"broke\""),
                                 stack, 2, &err));
    const lk_test_request *request = last_request(f);
    assert_string_equal(request->path, "/2018-06-01/runtime/invocation/id-1/error");
    assert_slice(request->body, "{\"errorMessage\":\"it \\\"broke\\\"\",\"errorType\":"
                                "\"RuntimeError\",\"stackTrace\":[\"a.rb:1\",\"b.rb:2\"]}");
    assert_slice(lk_test_request_header(request, "Lambda-Runtime-Function-Error-Type"),
                 "RuntimeError");
    assert_slice(lk_test_request_header(request, "Content-Type"),
                 "application/vnd.aws.lambda.error+json");
}

static void an_error_type_cannot_smuggle_in_headers(void **state)
{
    fixture *f = *state;
    lk_err err;
    assert_lk_ok(lk_runtime_fail(f->runtime, LK_SLICE_LITERAL("id-1"),
                                 LK_SLICE_LITERAL("Bad\r\nX-Evil: 1"), LK_SLICE_LITERAL("m"), NULL,
                                 0, &err));
    const lk_test_request *request = last_request(f);
    assert_slice(lk_test_request_header(request, "Lambda-Runtime-Function-Error-Type"),
                 "Bad__X-Evil:_1");
    assert_null(lk_test_request_header(request, "X-Evil").ptr);
}

static void invalid_utf8_in_a_message_still_makes_json(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_json *root = NULL;
    assert_lk_ok(lk_runtime_fail(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("E"),
                                 LK_SLICE_LITERAL("broken \xff byte"), NULL, 0, &err));
    assert_lk_ok(lk_json_parse(last_request(f)->body, "body", &root, &err));
    assert_slice(lk_json_string(lk_json_get(root, "errorMessage")), "broken \xef\xbf\xbd byte");
    lk_json_free(root);
}

static void an_endless_message_is_cut(void **state)
{
    fixture *f = *state;
    lk_err err;
    size_t len = 7 * 1024 * 1024;
    char *large = calloc(1, len);
    memset(large, 'x', len);
    assert_lk_ok(lk_runtime_fail(f->runtime, LK_SLICE_LITERAL("id-1"), LK_SLICE_LITERAL("E"),
                                 (lk_slice){large, len}, NULL, 0, &err));
    free(large);
    assert_true(last_request(f)->body.len < 300 * 1024);
}

static void a_failed_start_is_reported_as_init_error(void **state)
{
    fixture *f = *state;
    lk_err err;
    assert_lk_ok(lk_runtime_init_error(f->runtime, (lk_slice){NULL, 0},
                                       LK_SLICE_LITERAL("no database"), NULL, 0, &err));
    const lk_test_request *request = last_request(f);
    assert_string_equal(request->path, "/2018-06-01/runtime/init/error");
    assert_slice(request->body, "{\"errorMessage\":\"no database\",\"errorType\":"
                                "\"Runtime.Unknown\",\"stackTrace\":[]}");
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_address_it_says_how_to_start),
        WITH_SERVER(the_address_comes_from_the_environment),
        cmocka_unit_test(an_api_that_is_gone_is_a_connection_error),
        WITH_SERVER(next_hands_out_the_event_and_its_headers),
        WITH_SERVER(next_puts_the_trace_id_into_the_environment),
        WITH_SERVER(next_asks_again_when_the_connection_breaks),
        WITH_SERVER(an_invocation_without_id_is_refused),
        WITH_SERVER(a_signal_handler_ends_the_wait_for_the_next_invocation),
        WITH_SERVER(an_interrupt_does_not_cut_an_answer_off),
        WITH_SERVER(a_second_thread_is_turned_away),
        WITH_SERVER(respond_posts_to_the_invocation),
        WITH_SERVER(a_response_is_posted_again_when_the_connection_breaks),
        WITH_SERVER(posting_is_given_up_after_three_attempts),
        WITH_SERVER(a_refused_second_post_means_that_the_first_was_taken),
        WITH_SERVER(a_refused_first_post_is_an_error_with_its_reason),
        WITH_SERVER(a_response_that_lambda_finds_too_large_is_told_apart),
        WITH_SERVER(a_response_over_6_mib_fails_the_invocation_without_being_posted),
        WITH_SERVER(fail_reports_type_message_and_stack),
        WITH_SERVER(an_error_type_cannot_smuggle_in_headers),
        WITH_SERVER(invalid_utf8_in_a_message_still_makes_json),
        WITH_SERVER(an_endless_message_is_cut),
        WITH_SERVER(a_failed_start_is_reported_as_init_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
