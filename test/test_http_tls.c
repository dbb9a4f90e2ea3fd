/* SPDX-License-Identifier: MIT
 *
 * test_http_tls: certificates are verified, AWS_CA_BUNDLE adds a private CA, and neither forks nor
 * frozen sandboxes disturb a TLS session.
 */
#include "http.h"
#include "lk_test.h"
#include "lk_test_http.h"
#include "lk_test_identity.h"
#include "lk_test_peer.h"

#include <sys/wait.h>
#include <unistd.h>

static lk_test_http *start_peer(const lk_test_identity *id)
{
    return lk_test_http_start_tls(NULL, NULL, id->certificate, id->key);
}

static lk_http *new_http(const char *ca_bundle, const lk_env *env)
{
    lk_err err;
    lk_http *http = lk_http_new(&(lk_http_options){.ca_bundle = ca_bundle, .env = env}, &err);
    assert_non_null(http);
    return http;
}

static int call(lk_http *http, const char *url, lk_err *err)
{
    lk_http_request request = {.method = "POST", .url = url, .body = LK_SLICE_LITERAL("{}")};
    lk_http_response response;
    int rc = lk_http_call(http, &request, 5000, &response, err);
    lk_http_response_clear(&response);
    return rc;
}

static void a_self_signed_certificate_is_refused(void **state)
{
    lk_err err = {0};
    lk_test_http *peer = start_peer(*state);
    lk_http *http = new_http(NULL, NULL);
    assert_lk_fails(call(http, lk_test_http_url(peer), &err), LK_E_TLS);
    assert_false(err.retriable);
    assert_non_null(strstr(err.message, "AWS_CA_BUNDLE"));
    assert_int_equal(lk_test_http_count(peer), 0);
    lk_http_free(http);
    lk_test_http_stop(peer);
}

static void aws_ca_bundle_makes_it_trusted(void **state)
{
    lk_err err;
    const lk_test_identity *id = *state;
    lk_test_http *peer = start_peer(id);
    setenv("AWS_CA_BUNDLE", id->certificate_path, 1);
    lk_http *http = new_http(NULL, NULL);
    unsetenv("AWS_CA_BUNDLE");
    assert_lk_ok(call(http, lk_test_http_url(peer), &err));
    lk_http_free(http);
    lk_test_http_stop(peer);
}

static void the_name_in_the_certificate_must_match(void **state)
{
    lk_err err = {0};
    const lk_test_identity *id = *state;
    char url[40];
    lk_test_http *peer = start_peer(id);
    snprintf(url, sizeof(url), "https://localhost:%d/", lk_test_http_port(peer));
    lk_http *http = new_http(id->certificate_path, NULL);
    assert_lk_fails(call(http, url, &err), LK_E_TLS);
    lk_http_free(http);
    lk_test_http_stop(peer);
}

static void a_missing_bundle_is_named(void **state)
{
    lk_err err = {0};
    lk_test_http *peer = start_peer(*state);
    lk_http *http = new_http("/nonexistent/ca.pem", NULL);
    assert_lk_fails(call(http, lk_test_http_url(peer), &err), LK_E_TLS);
    assert_non_null(strstr(err.message, "/nonexistent/ca.pem"));
    lk_http_free(http);
    lk_test_http_stop(peer);
}

static void tls_to_a_port_without_it_is_a_tls_error(void **state LK_UNUSED)
{
    lk_err err = {0};
    char url[40];
    lk_test_http *peer = lk_test_http_start(NULL, NULL);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", lk_test_http_port(peer));
    lk_http *http = new_http(NULL, NULL);
    assert_lk_fails(call(http, url, &err), LK_E_TLS);
    assert_non_null(strstr(err.message, "speak TLS"));
    lk_http_free(http);
    lk_test_http_stop(peer);
}

/* --- With a tunnel that counts connections -------------------------------------------------- */

/* Passes bytes between a client and the TLS peer at *ctx, a port. */
static void serve_tunnel(int client, int number LK_UNUSED, void *ctx)
{
    int server = lk_test_connect(*(int *)ctx);
    lk_test_splice(client, server);
    close(server);
}

static void a_forked_child_leaves_its_parents_tls_session_alone(void **state)
{
    lk_err err;
    const lk_test_identity *id = *state;
    lk_test_http *peer = start_peer(id);
    int port = lk_test_http_port(peer);
    lk_test_peer *tunnel = lk_test_peer_start(serve_tunnel, &port);
    char url[40];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", lk_test_peer_port(tunnel));
    lk_http *http = new_http(id->certificate_path, NULL);
    assert_lk_ok(call(http, url, &err));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        lk_http_abandon(http);
        lk_http *own = new_http(id->certificate_path, NULL);
        int rc = call(own, url, &err);
        lk_http_free(own);
        _exit(rc ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_lk_ok(call(http, url, &err));
    assert_int_equal(lk_test_peer_connections(tunnel), 2); /* the parent's, the child's */
    lk_http_free(http);
    lk_test_peer_stop(tunnel);
    lk_test_http_stop(peer);
}

static int call_sqs(lk_client *client, lk_err *err)
{
    char *answer;
    size_t len;
    int rc = lk_sqs_call(client, "ListQueues", LK_SLICE_LITERAL("{}"), &answer, &len, err);
    lk_free(answer);
    return rc;
}

static void a_child_that_frees_its_client_leaves_the_parents_tls_session_alone(void **state)
{
    lk_err err;
    const lk_test_identity *id = *state;
    lk_test_http *peer = start_peer(id);
    int port = lk_test_http_port(peer);
    lk_test_peer *tunnel = lk_test_peer_start(serve_tunnel, &port);
    char url[40];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", lk_test_peer_port(tunnel));
    setenv("AWS_CA_BUNDLE", id->certificate_path, 1);
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.endpoint = url;
    options.region = "us-east-1";
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    lk_client *client = lk_client_new(&options, &err);
    assert_non_null(client);
    assert_lk_ok(call_sqs(client, &err));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        lk_client_free(client);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_lk_ok(call_sqs(client, &err));
    assert_int_equal(lk_test_peer_connections(tunnel), 1);
    unsetenv("AWS_CA_BUNDLE");
    lk_client_free(client);
    lk_test_peer_stop(tunnel);
    lk_test_http_stop(peer);
}

static int64_t jumped_ms;

static int64_t jumping_wall(void *ctx LK_UNUSED)
{
    return lk_wall_ms() + jumped_ms;
}

static void a_session_idle_for_too_long_by_wall_clock_is_not_reused(void **state)
{
    lk_err err;
    const lk_test_identity *id = *state;
    lk_env env = lk_env_default;
    env.wall_ms = jumping_wall;
    lk_test_http *peer = start_peer(id);
    int port = lk_test_http_port(peer);
    lk_test_peer *tunnel = lk_test_peer_start(serve_tunnel, &port);
    char url[40];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", lk_test_peer_port(tunnel));
    lk_http *http = new_http(id->certificate_path, &env);
    assert_lk_ok(call(http, url, &err));
    jumped_ms += 16000;
    assert_lk_ok(call(http, url, &err)); /* the old session's goodbye must not raise SIGPIPE */
    assert_int_equal(lk_test_peer_connections(tunnel), 2);
    lk_http_free(http);
    lk_test_peer_stop(tunnel);
    lk_test_http_stop(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_self_signed_certificate_is_refused),
        cmocka_unit_test(aws_ca_bundle_makes_it_trusted),
        cmocka_unit_test(the_name_in_the_certificate_must_match),
        cmocka_unit_test(a_missing_bundle_is_named),
        cmocka_unit_test(tls_to_a_port_without_it_is_a_tls_error),
        cmocka_unit_test(a_forked_child_leaves_its_parents_tls_session_alone),
        cmocka_unit_test(a_child_that_frees_its_client_leaves_the_parents_tls_session_alone),
        cmocka_unit_test(a_session_idle_for_too_long_by_wall_clock_is_not_reused),
    };
    return cmocka_run_group_tests(tests, lk_test_identity_make, lk_test_identity_drop);
}
