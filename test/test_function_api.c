/* SPDX-License-Identifier: MIT
 *
 * test_function_api: the Runtime API's state machine, asked over HTTP as a runtime would.
 */
#include "lk_test.h"

#include "lk_test_wire.h"

#include "function_api.h"
#include "http.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct fixture {
    lk_function_api *api;
    lk_http *http;
    atomic_int ready;
    atomic_int init_failed;
    char init_payload[256];
    /* the invocation under way */
    pthread_t thread;
    lk_function_request request;
    lk_function_answer answer;
    lk_buf payload;
    char error_type[LK_ERROR_TYPE_SIZE];
} fixture;

static void on_ready(void *ctx)
{
    atomic_fetch_add(&((fixture *)ctx)->ready, 1);
}

static void on_init_failed(void *ctx, lk_slice payload)
{
    fixture *f = ctx;
    lk_slice_copy(payload, f->init_payload, sizeof(f->init_payload));
    atomic_fetch_add(&f->init_failed, 1);
}

static int set_up(void **state)
{
    lk_err err;
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    lk_function_api_hooks hooks = {.ready = on_ready, .init_failed = on_init_failed, .ctx = f};
    assert_lk_ok(lk_function_api_start(&hooks, &f->api, &err));
    f->http = lk_http_new(&(lk_http_options){.no_proxy = true}, &err);
    assert_non_null(f->http);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lk_http_free(f->http);
    lk_function_api_free(f->api);
    lk_buf_clear(&f->payload);
    free(f);
    return 0;
}

/* --- Asking as a runtime does ---------------------------------------------------------------- */

static lk_http_transfer *start(fixture *f, const char *method, const char *path, lk_slice body,
                               const lk_name_value *headers, size_t header_count)
{
    lk_err err;
    char url[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/2018-06-01/runtime/%s",
             lk_function_api_port(f->api), path);
    lk_http_request request = {.method = method,
                               .url = url,
                               .headers = headers,
                               .header_count = header_count,
                               .body = body};
    lk_http_transfer *transfer = lk_http_start(f->http, &request, &err);
    assert_non_null(transfer);
    return transfer;
}

static int finish(fixture *f, lk_http_transfer *transfer, lk_http_response *response)
{
    lk_err err;
    assert_lk_ok(lk_http_wait(f->http, transfer, 5000, &err));
    assert_lk_ok(lk_http_take(f->http, transfer, response, &err));
    return response->status;
}

/* The answer's status; its body must hold `expected`. */
static int ask(fixture *f, const char *method, const char *path, lk_slice body,
               const char *expected)
{
    lk_http_response response = {0};
    int status = finish(f, start(f, method, path, body, NULL, 0), &response);
    if (!strstr(response.body.ptr ? response.body.ptr : "", expected))
        fail_msg("%s %s: %s, expected %s", method, path, response.body.ptr, expected);
    lk_http_response_clear(&response);
    return status;
}

static lk_slice text(const char *c_string)
{
    return lk_slice_of(c_string);
}

static void *invoke_thread(void *arg)
{
    fixture *f = arg;
    f->answer = lk_function_api_invoke(f->api, &f->request, &f->payload, f->error_type);
    return NULL;
}

static void begin_invocation(fixture *f, const char *id, const char *event)
{
    f->request = (lk_function_request){.request_id = id,
                                       .function_arn = "arn:aws:lambda:r:1:function:f",
                                       .deadline_ms = 1234567890123,
                                       .event = text(event),
                                       .trace_id = text("Root=1-a-b;Parent=c;Sampled=0")};
    assert_int_equal(pthread_create(&f->thread, NULL, invoke_thread, f), 0);
}

static lk_function_answer end_invocation(fixture *f)
{
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    return f->answer;
}

/* The runtime has the event of invocation id-1. */
static void run_to_running(fixture *f)
{
    begin_invocation(f, "id-1", "{\"n\":1}");
    assert_int_equal(ask(f, "GET", "invocation/next", text(""), "{\"n\":1}"), 200);
}

static void run_to_answered(fixture *f)
{
    run_to_running(f);
    assert_int_equal(ask(f, "POST", "invocation/id-1/response", text("[1]"), "OK"), 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
}

/* --- Tests ---------------------------------------------------------------------------------- */

static void next_waits_for_an_event(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_http_response response = {0};
    lk_http_transfer *next = start(f, "GET", "invocation/next", text(""), NULL, 0);
    assert_lk_fails(lk_http_wait(f->http, next, 100, &err), LK_E_TIMEOUT);
    assert_int_equal(atomic_load(&f->ready), 1);
    begin_invocation(f, "id-1", "{\"n\":1}");
    assert_int_equal(finish(f, next, &response), 200);
    assert_slice(lk_buf_slice(&response.body), "{\"n\":1}");
    lk_http_response_clear(&response);
    lk_function_api_end(f->api);
    assert_int_equal(end_invocation(f), LK_ANSWER_ENDED);
}

static void next_describes_the_invocation_in_headers(void **state)
{
    fixture *f = *state;
    lk_http_response response = {0};
    begin_invocation(f, "id-1", "{}");
    finish(f, start(f, "GET", "invocation/next", text(""), NULL, 0), &response);
    assert_slice(lk_http_header(&response, "lambda-runtime-aws-request-id"), "id-1");
    assert_slice(lk_http_header(&response, "Lambda-Runtime-Deadline-Ms"), "1234567890123");
    assert_slice(lk_http_header(&response, "Lambda-Runtime-Invoked-Function-Arn"),
                 "arn:aws:lambda:r:1:function:f");
    assert_slice(lk_http_header(&response, "Lambda-Runtime-Trace-Id"),
                 "Root=1-a-b;Parent=c;Sampled=0");
    assert_slice(lk_http_header(&response, "Content-Type"), "application/json");
    assert_null(lk_http_header(&response, "Lambda-Runtime-Client-Context").ptr);
    lk_http_response_clear(&response);
    lk_function_api_end(f->api);
    end_invocation(f);
}

static void a_repeated_next_gives_the_same_event(void **state)
{
    fixture *f = *state;
    run_to_running(f);
    assert_int_equal(ask(f, "GET", "invocation/next", text(""), "{\"n\":1}"), 200);
    assert_int_equal(atomic_load(&f->ready), 1);
    assert_int_equal(ask(f, "POST", "invocation/id-1/response", text("1"), "OK"), 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
}

static void the_response_reaches_the_invoker_unparsed(void **state)
{
    fixture *f = *state;
    run_to_running(f);
    assert_int_equal(
        ask(f, "POST", "invocation/id-1/response", text("not { json"), "{\"status\":\"OK\"}"), 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
    assert_slice(lk_buf_slice(&f->payload), "not { json");
}

static void an_empty_response_is_a_response(void **state)
{
    fixture *f = *state;
    run_to_running(f);
    assert_int_equal(ask(f, "POST", "invocation/id-1/response", text(""), "OK"), 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
    assert_int_equal(f->payload.len, 0);
}

static void an_error_reaches_the_invoker_with_its_type(void **state)
{
    fixture *f = *state;
    lk_http_response response = {0};
    lk_name_value type = {text("Lambda-Runtime-Function-Error-Type"), text("Function.Oops")};
    run_to_running(f);
    assert_int_equal(
        finish(f,
               start(f, "POST", "invocation/id-1/error", text("{\"errorType\":\"X\"}"), &type, 1),
               &response),
        202);
    lk_http_response_clear(&response);
    assert_int_equal(end_invocation(f), LK_ANSWER_ERROR);
    assert_slice(lk_buf_slice(&f->payload), "{\"errorType\":\"X\"}");
    assert_string_equal(f->error_type, "Function.Oops");
}

static void error_types_off_the_pattern_count_as_unknown(void **state)
{
    static const char *const cases[][2] = {
        {"Runtime.ExitError", "Runtime.ExitError"}, {"Function.X1", "Function.Unknown"},
        {"Runtime.not-a-name", "Runtime.Unknown"},  {"NoMethodError", "Runtime.Unknown"},
        {"Function.", "Function.Unknown"},          {"", "Runtime.Unknown"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        lk_http_response response = {0};
        lk_name_value type = {text("lambda-runtime-function-error-type"), text(cases[i][0])};
        run_to_running(f);
        finish(f, start(f, "POST", "invocation/id-1/error", text("{}"), &type, 1), &response);
        lk_http_response_clear(&response);
        end_invocation(f);
        assert_string_equal(f->error_type, cases[i][1]);
    }
}

static void an_answer_to_another_invocation_is_400_in_any_state(void **state)
{
    fixture *f = *state;
    assert_int_equal(ask(f, "POST", "invocation/x/response", text("1"), "InvalidRequestID"), 400);
    run_to_running(f);
    assert_int_equal(ask(f, "POST", "invocation/id-2/response", text("1"), "InvalidRequestID"),
                     400);
    assert_int_equal(ask(f, "POST", "invocation/id-2/error", text("1"), "InvalidRequestID"), 400);
    assert_int_equal(ask(f, "POST", "invocation//response", text("1"), "InvalidRequestID"), 400);
    assert_int_equal(ask(f, "POST", "invocation/id-1/response", text("1"), "OK"), 202);
    end_invocation(f);
    assert_int_equal(ask(f, "POST", "invocation/id-2/response", text("1"), "InvalidRequestID"),
                     400);
}

static void a_second_answer_is_403(void **state)
{
    fixture *f = *state;
    run_to_answered(f);
    assert_int_equal(
        ask(f, "POST", "invocation/id-1/response", text("2"), "InvalidStateTransition"), 403);
    assert_int_equal(ask(f, "POST", "invocation/id-1/error", text("2"), "InvalidStateTransition"),
                     403);
    assert_slice(lk_buf_slice(&f->payload), "[1]");
}

static void a_late_answer_to_the_invocation_before_is_400(void **state)
{
    fixture *f = *state;
    run_to_answered(f);
    begin_invocation(f, "id-2", "{}");
    assert_int_equal(ask(f, "GET", "invocation/next", text(""), "{}"), 200);
    assert_int_equal(ask(f, "POST", "invocation/id-1/response", text("2"), "InvalidRequestID"),
                     400);
    assert_int_equal(ask(f, "POST", "invocation/id-2/response", text("3"), "OK"), 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
    assert_slice(lk_buf_slice(&f->payload), "3");
    assert_int_equal(atomic_load(&f->ready), 2);
}

static void a_response_of_the_largest_size_is_taken(void **state)
{
    fixture *f = *state;
    char *bytes = malloc(LK_RESPONSE_MAX_BYTES);
    assert_non_null(bytes);
    memset(bytes, 'x', LK_RESPONSE_MAX_BYTES);
    run_to_running(f);
    assert_int_equal(
        ask(f, "POST", "invocation/id-1/response", (lk_slice){bytes, LK_RESPONSE_MAX_BYTES}, "OK"),
        202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
    assert_int_equal(f->payload.len, LK_RESPONSE_MAX_BYTES);
    free(bytes);
}

static void a_response_over_the_limit_is_413_and_the_runtime_goes_on(void **state)
{
    fixture *f = *state;
    size_t len = LK_RESPONSE_MAX_BYTES + 1;
    char *bytes = malloc(len);
    assert_non_null(bytes);
    memset(bytes, 'x', len);
    run_to_running(f);
    assert_int_equal(ask(f, "POST", "invocation/id-1/response", (lk_slice){bytes, len},
                         "Exceeded maximum allowed payload size (6291556 bytes)."),
                     413);
    free(bytes);
    assert_int_equal(end_invocation(f), LK_ANSWER_TOO_LARGE);
    assert_non_null(strstr(f->payload.ptr, "Function.ResponseSizeTooLarge"));
    run_to_answered(f);
}

static void an_unknown_response_mode_is_400(void **state)
{
    fixture *f = *state;
    lk_http_response response = {0};
    lk_name_value mode = {text("Lambda-Runtime-Function-Response-Mode"), text("buffered")};
    run_to_running(f);
    assert_int_equal(
        finish(f, start(f, "POST", "invocation/id-1/response", text("1"), &mode, 1), &response),
        400);
    assert_non_null(strstr(response.body.ptr, "InvalidFunctionResponseMode"));
    lk_http_response_clear(&response);
    mode.value = text("streaming");
    assert_int_equal(
        finish(f, start(f, "POST", "invocation/id-1/response", text("1"), &mode, 1), &response),
        202);
    lk_http_response_clear(&response);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
}

/* What HTTP/1.1 puts between head and end of a chunked body. */
static void post_in_chunks(fixture *f, lk_test_wire *wire, const char *rest)
{
    lk_test_wire_open(wire, lk_function_api_port(f->api));
    lk_test_wire_write(
        wire, LK_SLICE_LITERAL("POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\n"
                               "Host: localhost\r\nTransfer-Encoding: chunked\r\n"
                               "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
                               "Trailer: Lambda-Runtime-Function-Error-Type, "
                               "Lambda-Runtime-Function-Error-Body\r\n\r\n"
                               "5\r\n{\"bat\r\n"));
    lk_test_wire_write(wire, text(rest));
}

static void assert_wire_status(lk_test_wire *wire, int status)
{
    lk_test_reply reply = {0};
    assert_true(lk_test_wire_read(wire, &reply, 5000));
    assert_int_equal(reply.status, status);
    lk_test_reply_clear(&reply);
    lk_test_wire_close(wire);
}

static void a_streamed_response_is_put_together(void **state)
{
    fixture *f = *state;
    lk_test_wire wire;
    run_to_running(f);
    post_in_chunks(f, &wire, "3\r\nch\"\r\n0\r\n\r\n");
    assert_wire_status(&wire, 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
    assert_slice(lk_buf_slice(&f->payload), "{\"batch\"");
}

static void a_streamed_response_with_an_error_in_its_trailers_is_that_error(void **state)
{
    fixture *f = *state;
    lk_test_wire wire;
    run_to_running(f);
    post_in_chunks(f, &wire,
                   "0\r\nLambda-Runtime-Function-Error-Type: Function.Broken\r\n"
                   "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJvaCJ9\r\n\r\n");
    assert_wire_status(&wire, 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_ERROR);
    assert_slice(lk_buf_slice(&f->payload), "{\"errorMessage\":\"oh\"}");
    assert_string_equal(f->error_type, "Function.Broken");
}

static void a_response_that_is_cut_off_is_no_answer(void **state)
{
    fixture *f = *state;
    lk_test_wire wire;
    run_to_running(f);
    post_in_chunks(f, &wire, "");
    lk_test_wire_reset(&wire);
    assert_int_equal(ask(f, "POST", "invocation/id-1/response", text("[1]"), "OK"), 202);
    assert_int_equal(end_invocation(f), LK_ANSWER_RESPONSE);
    assert_slice(lk_buf_slice(&f->payload), "[1]");
}

static void init_error_is_taken_once_and_ends_the_runtime(void **state)
{
    fixture *f = *state;
    assert_int_equal(ask(f, "POST", "init/error", text("{\"errorType\":\"E\"}"), "OK"), 202);
    assert_int_equal(atomic_load(&f->init_failed), 1);
    assert_string_equal(f->init_payload, "{\"errorType\":\"E\"}");
    assert_int_equal(ask(f, "POST", "init/error", text("{}"), "InvalidStateTransition"), 403);
    assert_int_equal(ask(f, "GET", "invocation/next", text(""), "InvalidStateTransition"), 403);
    assert_int_equal(atomic_load(&f->ready), 0);
}

static void init_error_after_init_is_403(void **state)
{
    fixture *f = *state;
    run_to_answered(f);
    assert_int_equal(ask(f, "POST", "init/error", text("{}"), "InvalidStateTransition"), 403);
    assert_int_equal(atomic_load(&f->init_failed), 0);
}

static void unknown_calls_are_refused(void **state)
{
    fixture *f = *state;
    assert_int_equal(ask(f, "GET", "restore/next", text(""), "errorType"), 404);
    assert_int_equal(ask(f, "POST", "invocation/next", text(""), "errorType"), 404);
    assert_int_equal(ask(f, "POST", "invocation/id/else", text(""), "errorType"), 404);
    assert_int_equal(ask(f, "PUT", "invocation/next", text(""), "errorType"), 405);
}

static void the_end_of_the_process_ends_the_invocation(void **state)
{
    fixture *f = *state;
    run_to_running(f);
    lk_function_api_end(f->api);
    assert_int_equal(end_invocation(f), LK_ANSWER_ENDED);
}

static void an_invocation_of_an_ended_process_ends_unheard_at_once(void **state)
{
    fixture *f = *state;
    lk_function_api_end(f->api);
    begin_invocation(f, "id-1", "{}");
    assert_int_equal(end_invocation(f), LK_ANSWER_UNHEARD);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(next_waits_for_an_event),
        API_TEST(next_describes_the_invocation_in_headers),
        API_TEST(a_repeated_next_gives_the_same_event),
        API_TEST(the_response_reaches_the_invoker_unparsed),
        API_TEST(an_empty_response_is_a_response),
        API_TEST(an_error_reaches_the_invoker_with_its_type),
        API_TEST(error_types_off_the_pattern_count_as_unknown),
        API_TEST(an_answer_to_another_invocation_is_400_in_any_state),
        API_TEST(a_second_answer_is_403),
        API_TEST(a_late_answer_to_the_invocation_before_is_400),
        API_TEST(a_response_of_the_largest_size_is_taken),
        API_TEST(a_response_over_the_limit_is_413_and_the_runtime_goes_on),
        API_TEST(an_unknown_response_mode_is_400),
        API_TEST(a_streamed_response_is_put_together),
        API_TEST(a_streamed_response_with_an_error_in_its_trailers_is_that_error),
        API_TEST(a_response_that_is_cut_off_is_no_answer),
        API_TEST(init_error_is_taken_once_and_ends_the_runtime),
        API_TEST(init_error_after_init_is_403),
        API_TEST(unknown_calls_are_refused),
        API_TEST(the_end_of_the_process_ends_the_invocation),
        API_TEST(an_invocation_of_an_ended_process_ends_unheard_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
