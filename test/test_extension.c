/* SPDX-License-Identifier: MIT
 *
 * test_extension: registering an internal extension, with the local Runtime API and with servers
 * that refuse.
 */
#include "lk_test.h"

#include "function_api.h"
#include "http.h"
#include "lk_test_http.h"

typedef struct fixture {
    lk_function_api *api;
    char address[40];
} fixture;

static void nothing(void *ctx)
{
    (void)ctx;
}

static void nothing_failed(void *ctx, lk_slice payload)
{
    (void)ctx;
    (void)payload;
}

static int set_up(void **state)
{
    lk_err err;
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    lk_function_api_hooks hooks = {.ready = nothing, .init_failed = nothing_failed};
    assert_lk_ok(lk_function_api_start(&hooks, &f->api, &err));
    snprintf(f->address, sizeof(f->address), "127.0.0.1:%d", lk_function_api_port(f->api));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    lk_function_api_free(f->api);
    free(f);
    return 0;
}

/* --- With the local Runtime API -------------------------------------------------------------- */

static void it_is_registered_and_the_runtime_goes_on_beside_it(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_extension *extension = lk_extension_register(f->address, "a", &err);
    assert_non_null(extension);
    lk_runtime *runtime = lk_runtime_new(f->address, &err);
    assert_non_null(runtime);
    lk_slice none = {NULL, 0};
    assert_lk_ok(lk_runtime_init_error(runtime, none, none, NULL, 0, &err));
    lk_runtime_free(runtime);
    lk_extension_free(extension);
}

static void once_the_function_has_started_it_is_too_late(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_invocation invocation;
    lk_runtime *runtime = lk_runtime_new(f->address, &err);
    assert_non_null(runtime);
    lk_slice none = {NULL, 0};
    assert_lk_ok(lk_runtime_init_error(runtime, none, none, NULL, 0, &err));
    assert_int_equal(lk_runtime_next(runtime, &invocation, &err), LK_E_RUNTIME);
    assert_null(lk_extension_register(f->address, "a", &err));
    assert_int_equal(err.code, LK_E_RUNTIME);
    assert_int_equal(err.http_status, 403);
    assert_non_null(strstr(err.message, "Extension.RegistrationClosed"));
    lk_runtime_free(runtime);
}

static void there_can_be_ten(void **state)
{
    fixture *f = *state;
    lk_err err;
    lk_extension *extensions[10];
    for (size_t i = 0; i < LK_COUNT(extensions); i++) {
        extensions[i] = lk_extension_register(f->address, "a", &err);
        assert_non_null(extensions[i]);
    }
    assert_null(lk_extension_register(f->address, "a", &err));
    assert_non_null(strstr(err.message, "Extension.TooManyExtensions"));
    for (size_t i = 0; i < LK_COUNT(extensions); i++)
        lk_extension_free(extensions[i]);
}

static void it_needs_a_name(void **state)
{
    fixture *f = *state;
    lk_err err;
    assert_null(lk_extension_register(f->address, "", &err));
    assert_non_null(strstr(err.message, "Extension.InvalidExtensionName"));
}

static void what_is_no_call_of_an_extension_is_not_found(void **state)
{
    fixture *f = *state;
    lk_err err;
    char url[100];
    snprintf(url, sizeof(url), "http://%s/2020-01-01/extension/event/next", f->address);
    lk_http *http = lk_http_new(&(lk_http_options){.no_proxy = true}, &err);
    static const struct {
        const char *method;
        int status;
    } calls[] = {{"GET", 403}, {"POST", 404}};
    for (size_t i = 0; i < LK_COUNT(calls); i++) {
        lk_http_response response = {0};
        lk_http_request request = {.method = calls[i].method, .url = url};
        assert_lk_ok(lk_http_call(http, &request, 5000, &response, &err));
        assert_int_equal(response.status, calls[i].status);
        lk_http_response_clear(&response);
    }
    lk_http_free(http);
}

/* --- Elsewhere ------------------------------------------------------------------------------ */

static void off_lambda_it_says_so(void **state)
{
    (void)state;
    lk_err err;
    unsetenv("AWS_LAMBDA_RUNTIME_API");
    assert_null(lk_extension_register(NULL, "a", &err));
    assert_int_equal(err.code, LK_E_CONFIG);
    assert_null(lk_extension_register("127.0.0.1:1", "a", &err));
    assert_int_equal(err.code, LK_E_CONNECT);
}

static void answer(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    const char *identifier = ctx;
    bool is_register = strcmp(request->method, "POST") == 0;
    response->status = is_register ? 200 : 403;
    if (is_register && identifier)
        lk_buf_addf(&response->headers, "Lambda-Extension-Identifier: %s\n", identifier);
    lk_buf_add_str(&response->body, "{\"errorType\":\"Refused\"}");
}

static void refusals_are_errors(void **state)
{
    (void)state;
    lk_err err;
    char identifier[] = "id-1";
    char *identifiers[] = {NULL, identifier};
    for (size_t i = 0; i < LK_COUNT(identifiers); i++) {
        char address[40];
        lk_test_http *server = lk_test_http_start(answer, identifiers[i]);
        snprintf(address, sizeof(address), "127.0.0.1:%d", lk_test_http_port(server));
        lk_extension *extension = lk_extension_register(address, "a", &err);
        if (extension) { /* the refusal of its question came after we had stopped to look */
            assert_non_null(identifiers[i]);
            lk_extension_free(extension);
        } else {
            assert_int_equal(err.code, LK_E_RUNTIME);
        }
        lk_test_http_stop(server);
    }
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(it_is_registered_and_the_runtime_goes_on_beside_it),
        LOCAL(once_the_function_has_started_it_is_too_late),
        LOCAL(there_can_be_ten),
        LOCAL(it_needs_a_name),
        LOCAL(what_is_no_call_of_an_extension_is_not_found),
        cmocka_unit_test(off_lambda_it_says_so),
        cmocka_unit_test(refusals_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
