/* SPDX-License-Identifier: MIT
 *
 * test_credentials: where the key pair comes from, against real HTTP peers for the remote sources.
 */
#include "lk_test.h"

#include "credentials.h"
#include "lk_test_config.h"
#include "lk_test_http.h"

#include <pthread.h>
#include <unistd.h>

static lk_err err;

static int64_t now_ms = 1735700000000; /* what the test's wall clock says */

static int64_t test_wall_ms(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static lk_env test_env(void)
{
    lk_env env = lk_env_default;
    env.wall_ms = test_wall_ms;
    return env;
}

static int clear_environment(void **state)
{
    (void)state;
    lk_test_config_clear();
    now_ms = 1735700000000;
    return 0;
}

static lk_credentials_provider *make_provider(const lk_env *env)
{
    lk_credentials_provider *provider = lk_credentials_provider_new(env, &err);
    assert_non_null(provider);
    return provider;
}

static void assert_keys(lk_credentials_provider *provider, const lk_profile *profile,
                        const char *id, const char *secret, const char *token)
{
    const lk_credentials *found = NULL;
    assert_lk_ok(lk_credentials_get(provider, profile, NULL, &found, &err));
    assert_string_equal(found->access_key_id, id);
    assert_string_equal(found->secret_access_key, secret);
    assert_string_equal(found->session_token ? found->session_token : "", token);
}

static lk_profile *profile_of(const char *text)
{
    return lk_test_config_profile(text, NULL);
}

/* --- Without I/O ---------------------------------------------------------------------------- */

static void given_beats_environment_beats_profile(void **state)
{
    (void)state;
    lk_profile *profile =
        profile_of("[default]\naws_access_key_id = PID\naws_secret_access_key = psecret\n");
    lk_credentials_provider *provider = make_provider(NULL);
    assert_keys(provider, profile, "PID", "psecret", "");
    setenv("AWS_ACCESS_KEY_ID", "EID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "esecret", 1);
    setenv("AWS_SESSION_TOKEN", "etoken", 1);
    assert_keys(provider, profile, "EID", "esecret", "etoken");
    assert_lk_ok(lk_credentials_set(provider, "GID", "gsecret", NULL, &err));
    assert_keys(provider, profile, "GID", "gsecret", "");
    lk_credentials_provider_free(provider);
    lk_profile_free(profile);
}

static void a_changed_environment_is_noticed_at_the_next_call(void **state)
{
    (void)state;
    lk_credentials_provider *provider = make_provider(NULL);
    setenv("AWS_ACCESS_KEY_ID", "ONE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    assert_keys(provider, NULL, "ONE", "s", "");
    setenv("AWS_ACCESS_KEY_ID", "TWO", 1);
    assert_keys(provider, NULL, "TWO", "s", "");
    lk_credentials_provider_free(provider);
}

static void half_a_key_pair_names_the_missing_half(void **state)
{
    (void)state;
    const lk_credentials *found = NULL;
    lk_credentials_provider *provider = make_provider(NULL);
    setenv("AWS_ACCESS_KEY_ID", "ONE", 1);
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    assert_non_null(strstr(err.message, "AWS_SECRET_ACCESS_KEY is not"));
    unsetenv("AWS_ACCESS_KEY_ID");
    lk_profile *profile = profile_of("[default]\naws_access_key_id = PID\n");
    assert_lk_fails(lk_credentials_get(provider, profile, NULL, &found, &err), LK_E_CREDENTIALS);
    assert_non_null(strstr(err.message, "aws_secret_access_key"));
    assert_lk_fails(lk_credentials_set(provider, "ID", NULL, NULL, &err), LK_E_CREDENTIALS);
    lk_profile_free(profile);
    lk_credentials_provider_free(provider);
}

static void what_only_the_sdk_supports_names_itself_and_the_sdk(void **state)
{
    (void)state;
    static const char *const keys[] = {"sso_session", "sso_start_url", "login_session",
                                       "role_arn = r\nsource_profile = s\nmfa_serial"};
    for (size_t i = 0; i < LK_COUNT(keys); i++) {
        char text[128];
        snprintf(text, sizeof(text), "[default]\n%s = x\n", keys[i]);
        lk_profile *profile = profile_of(text);
        lk_credentials_provider *provider = make_provider(NULL);
        const lk_credentials *found = NULL;
        assert_lk_fails(lk_credentials_get(provider, profile, NULL, &found, &err),
                        LK_E_UNSUPPORTED);
        const char *name = strrchr(keys[i], '\n') ? strrchr(keys[i], '\n') + 1 : keys[i];
        assert_non_null(strstr(err.message, name));
        assert_non_null(strstr(err.message, "\"default\""));
        assert_non_null(strstr(err.message, "SDK"));
        lk_credentials_provider_free(provider);
        lk_profile_free(profile);
    }
}

static void a_profile_that_the_caller_named_beats_the_environment(void **state)
{
    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "EID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "esecret", 1);
    lk_profile *profile = lk_test_config_profile(
        "[profile p]\naws_access_key_id = PID\naws_secret_access_key = psecret\n", "p");
    lk_credentials_provider *provider = make_provider(NULL);
    assert_keys(provider, profile, "PID", "psecret", "");
    lk_credentials_provider_free(provider);
    lk_profile_free(profile);
}

static void nothing_found_says_what_to_set(void **state)
{
    (void)state;
    const lk_credentials *found = NULL;
    lk_credentials_provider *provider = make_provider(NULL);
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    assert_non_null(strstr(err.message, "set AWS_ACCESS_KEY_ID"));
    lk_credentials_provider_free(provider);
}

/* --- Container endpoint --------------------------------------------------------------------- */

/* What the peer answers; changed by the tests. */
typedef struct peer_answer {
    int status;
    const char *expiration;
    int serial; /* counts up with each answer, part of the key id */
    const char *token;
} peer_answer;

static void answer_container(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    peer_answer *answer = ctx;
    if (answer->token &&
        !lk_slice_equal_str(lk_test_request_header(request, "Authorization"), answer->token)) {
        response->status = 401;
        return;
    }
    response->status = answer->status;
    lk_buf_addf(&response->body,
                "{\"AccessKeyId\":\"C%d\",\"SecretAccessKey\":\"cs\",\"Token\":\"ct\","
                "\"Expiration\":\"%s\"}",
                ++answer->serial, answer->expiration);
}

static lk_test_http *start_container(peer_answer *answer)
{
    lk_test_http *peer = lk_test_http_start(answer_container, answer);
    char url[128];
    snprintf(url, sizeof(url), "%s/creds", lk_test_http_url(peer));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    return peer;
}

static void container_credentials_come_with_the_token_of_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/lk_token_XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "secret-token\n", 13), 13);
    close(fd);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "ignored", 1);
    peer_answer answer = {
        .status = 200, .expiration = "2030-01-01T00:00:00Z", .token = "secret-token"};
    lk_test_http *peer = start_container(&answer);
    lk_credentials_provider *provider = make_provider(NULL);
    assert_keys(provider, NULL, "C1", "cs", "ct");
    assert_keys(provider, NULL, "C1", "cs", "ct"); /* kept, not asked again */
    assert_int_equal(lk_test_http_count(peer), 1);
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
    unlink(path);
}

static void temporary_credentials_are_refreshed_five_minutes_before_they_expire(void **state)
{
    (void)state;
    lk_env env = test_env();
    peer_answer answer = {.status = 200, .expiration = "2025-01-01T04:00:00Z"}; /* 1735704000 */
    lk_test_http *peer = start_container(&answer);
    lk_credentials_provider *provider = make_provider(&env);
    assert_keys(provider, NULL, "C1", "cs", "ct");
    now_ms = 1735704000000 - 301000;
    assert_keys(provider, NULL, "C1", "cs", "ct");
    now_ms = 1735704000000 - 299000;
    answer.expiration = "2025-01-01T10:00:00Z";
    assert_keys(provider, NULL, "C2", "cs", "ct");
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void a_failed_refresh_keeps_keys_that_are_still_valid(void **state)
{
    (void)state;
    lk_env env = test_env();
    peer_answer answer = {.status = 200, .expiration = "2025-01-01T04:00:00Z"};
    lk_test_http *peer = start_container(&answer);
    lk_credentials_provider *provider = make_provider(&env);
    assert_keys(provider, NULL, "C1", "cs", "ct");
    answer.status = 500;
    now_ms = 1735704000000 - 200000;
    assert_keys(provider, NULL, "C1", "cs", "ct");
    size_t asked = lk_test_http_count(peer);
    assert_keys(provider, NULL, "C1", "cs", "ct"); /* not asked at each call */
    assert_int_equal(lk_test_http_count(peer), asked);
    now_ms = 1735704000000 + 1;
    const lk_credentials *found = NULL;
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void credentials_that_end_soon_are_not_asked_for_at_each_call(void **state)
{
    (void)state;
    lk_env env = test_env();
    peer_answer answer = {.status = 200, .expiration = "2025-01-01T02:53:40Z"}; /* in 20 s */
    lk_test_http *peer = start_container(&answer);
    lk_credentials_provider *provider = make_provider(&env);
    assert_keys(provider, NULL, "C1", "cs", "ct");
    assert_keys(provider, NULL, "C1", "cs", "ct");
    now_ms += 20000;
    assert_keys(provider, NULL, "C2", "cs", "ct"); /* ended already: this clock may be wrong */
    assert_keys(provider, NULL, "C2", "cs", "ct");
    now_ms += 60000;
    assert_keys(provider, NULL, "C3", "cs", "ct");
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void credentials_the_service_called_expired_are_fetched_again(void **state)
{
    (void)state;
    peer_answer answer = {.status = 200, .expiration = "2030-01-01T00:00:00Z"};
    lk_test_http *peer = start_container(&answer);
    lk_credentials_provider *provider = make_provider(NULL);
    assert_false(lk_credentials_invalidate(provider));
    assert_keys(provider, NULL, "C1", "cs", "ct");
    assert_true(lk_credentials_invalidate(provider));
    assert_keys(provider, NULL, "C2", "cs", "ct");
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void without_a_token_file_the_token_of_the_environment_is_sent(void **state)
{
    (void)state;
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc", 1);
    peer_answer answer = {
        .status = 200, .expiration = "2030-01-01T00:00:00Z", .token = "Basic abc"};
    lk_test_http *peer = start_container(&answer);
    lk_credentials_provider *provider = make_provider(NULL);
    assert_keys(provider, NULL, "C1", "cs", "ct");
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void assert_container_fails(const char *variable, const char *value, const char *message)
{
    setenv(variable, value, 1);
    lk_credentials_provider *provider = make_provider(NULL);
    const lk_credentials *found = NULL;
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    if (!strstr(err.message, message))
        fail_msg("%s=%s: \"%s\" does not hold \"%s\"", variable, value, err.message, message);
    lk_credentials_provider_free(provider);
    unsetenv(variable);
}

static void a_token_file_that_is_missing_or_broken_is_an_error_without_the_token(void **state)
{
    (void)state;
    char path[] = "/tmp/lk_token_XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "sec\r\nret: x", 11), 11);
    close(fd);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/", 1);
    assert_container_fails("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent/token",
                           "/nonexistent/token");
    assert_container_fails("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, "holds a line break");
    assert_null(strstr(err.message, "ret"));
    unlink(path);
}

static void a_token_may_go_to_this_machine_and_over_https(void **state)
{
    (void)state;
    /* Nobody listens on port 1: they are asked, and do not answer. */
    static const char *const allowed[] = {"http://127.0.0.1:1/creds", "http://127.8.9.10:1/creds",
                                          "http://localhost:1", "http://[::1]:1/creds",
                                          "https://127.0.0.1:1/creds"};
    for (size_t i = 0; i < LK_COUNT(allowed); i++)
        assert_container_fails("AWS_CONTAINER_CREDENTIALS_FULL_URI", allowed[i],
                               "no credentials from the container credentials endpoint");
}

static void a_relative_uri_must_begin_with_a_slash(void **state)
{
    (void)state;
    assert_container_fails("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@example.invalid/creds",
                           "must begin with a slash");
}

static void a_token_is_never_sent_to_a_foreign_host_in_clear(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "http://example.invalid/creds",    "http://127.0.0.1.evil/creds",
        "ftp://127.0.0.1/creds",           "http://169.254.169.254/creds",
        "http://127.0.0.1@evil.invalid/",  "http://127.0.0.1:80@evil.invalid/creds",
        "http://localhost:x@evil.invalid", "http://localhost.evil.invalid",
        "http://[fd00:ec2::24]/creds",     "http://[::1",
        "http://128.0.0.1/creds",          "http:///creds"};
    for (size_t i = 0; i < LK_COUNT(bad); i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i], 1);
        lk_credentials_provider *provider = make_provider(NULL);
        const lk_credentials *found = NULL;
        assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
        assert_non_null(strstr(err.message, "not allowed"));
        lk_credentials_provider_free(provider);
    }
}

static void an_answer_without_credentials_is_an_error_without_its_text(void **state)
{
    (void)state;
    lk_test_http *peer = lk_test_http_start(NULL, NULL);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", lk_test_http_url(peer), 1);
    lk_credentials_provider *provider = make_provider(NULL);
    const lk_credentials *found = NULL;
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

/* --- Instance metadata ---------------------------------------------------------------------- */

static void answer_instance(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    (void)ctx;
    bool token = lk_slice_equal_str(lk_test_request_header(request, "X-aws-ec2-metadata-token"),
                                    "imds-token");
    const char *path = request->path;
    if (strcmp(request->method, "PUT") == 0 && strcmp(path, "/latest/api/token") == 0) {
        lk_buf_add_str(&response->body, "imds-token");
    } else if (!token) {
        response->status = 401;
    } else if (strcmp(path, "/latest/meta-data/iam/security-credentials/") == 0) {
        lk_buf_add_str(&response->body, "my-role\n");
    } else if (strcmp(path, "/latest/meta-data/iam/security-credentials/my-role") == 0) {
        lk_buf_add_str(&response->body, "{\"Code\":\"Success\",\"AccessKeyId\":\"I1\","
                                        "\"SecretAccessKey\":\"is\",\"Token\":\"it\","
                                        "\"Expiration\":\"2030-01-01T00:00:00Z\"}");
    } else {
        response->status = 404;
    }
}

static void answer_late(const lk_test_request *request, lk_test_response *response, void *ctx)
{
    (void)request;
    (void)ctx;
    response->delay_ms = 1200;
}

static void instance_credentials_need_a_session_token_first(void **state)
{
    (void)state;
    lk_test_http *peer = lk_test_http_start(answer_instance, NULL);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", lk_test_http_url(peer), 1);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    lk_credentials_provider *provider = make_provider(NULL);
    assert_keys(provider, NULL, "I1", "is", "it");
    assert_int_equal(lk_test_http_count(peer), 3);
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void an_instance_without_role_says_what_to_set(void **state)
{
    (void)state;
    peer_answer answer = {.status = 404, .expiration = ""};
    lk_test_http *peer = lk_test_http_start(answer_container, &answer);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", lk_test_http_url(peer), 1);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    lk_credentials_provider *provider = make_provider(NULL);
    const lk_credentials *found = NULL;
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    assert_non_null(strstr(err.message, "set AWS_ACCESS_KEY_ID"));
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void a_metadata_service_that_is_switched_off_is_not_asked(void **state)
{
    static const char *const spellings[] = {"true", "True", "TRUE"};
    (void)state;
    lk_test_http *peer = lk_test_http_start(answer_instance, NULL);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", lk_test_http_url(peer), 1);
    for (size_t i = 0; i < LK_COUNT(spellings); i++) {
        setenv("AWS_EC2_METADATA_DISABLED", spellings[i], 1);
        lk_credentials_provider *provider = make_provider(NULL);
        const lk_credentials *found = NULL;
        assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
        assert_non_null(strstr(err.message, "switched off by AWS_EC2_METADATA_DISABLED"));
        lk_credentials_provider_free(provider);
    }
    assert_int_equal(lk_test_http_count(peer), 0);
    lk_test_http_stop(peer);
}

static void a_metadata_service_that_is_slow_is_not_waited_for(void **state)
{
    (void)state;
    lk_test_http *peer = lk_test_http_start(answer_late, NULL);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", lk_test_http_url(peer), 1);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    lk_credentials_provider *provider = make_provider(NULL);
    const lk_credentials *found = NULL;
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    assert_non_null(strstr(err.message, "the instance metadata service"));
    assert_int_equal(lk_test_http_count(peer), 1); /* no second try, no further request */
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

static void a_metadata_service_that_refuses_is_named(void **state)
{
    (void)state;
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    lk_credentials_provider *provider = make_provider(NULL);
    const lk_credentials *found = NULL;
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_CREDENTIALS);
    assert_non_null(strstr(err.message, "the instance metadata service"));
    assert_non_null(strstr(err.message, "set AWS_ACCESS_KEY_ID"));
    lk_credentials_provider_free(provider);
}

/* Interrupts once the peer has the request. */
typedef struct interrupter {
    lk_test_http *peer;
    lk_credentials_provider *provider;
} interrupter;

static void *interrupt_when_asked(void *ctx)
{
    interrupter *who = ctx;
    while (lk_test_http_count(who->peer) == 0)
        usleep(1000);
    lk_credentials_interrupt(who->provider);
    return NULL;
}

static void looking_for_credentials_can_be_interrupted(void **state)
{
    (void)state;
    lk_test_http *peer = lk_test_http_start(answer_late, NULL);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", lk_test_http_url(peer), 1);
    lk_credentials_provider *provider = make_provider(NULL);
    interrupter who = {peer, provider};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, interrupt_when_asked, &who), 0);
    const lk_credentials *found = NULL;
    assert_lk_fails(lk_credentials_get(provider, NULL, NULL, &found, &err), LK_E_INTERRUPTED);
    pthread_join(thread, NULL);
    lk_credentials_provider_free(provider);
    lk_test_http_stop(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(given_beats_environment_beats_profile, clear_environment),
        cmocka_unit_test_setup(a_changed_environment_is_noticed_at_the_next_call,
                               clear_environment),
        cmocka_unit_test_setup(half_a_key_pair_names_the_missing_half, clear_environment),
        cmocka_unit_test_setup(what_only_the_sdk_supports_names_itself_and_the_sdk,
                               clear_environment),
        cmocka_unit_test_setup(a_profile_that_the_caller_named_beats_the_environment,
                               clear_environment),
        cmocka_unit_test_setup(credentials_that_end_soon_are_not_asked_for_at_each_call,
                               clear_environment),
        cmocka_unit_test_setup(nothing_found_says_what_to_set, clear_environment),
        cmocka_unit_test_setup(container_credentials_come_with_the_token_of_the_file,
                               clear_environment),
        cmocka_unit_test_setup(temporary_credentials_are_refreshed_five_minutes_before_they_expire,
                               clear_environment),
        cmocka_unit_test_setup(a_failed_refresh_keeps_keys_that_are_still_valid, clear_environment),
        cmocka_unit_test_setup(credentials_the_service_called_expired_are_fetched_again,
                               clear_environment),
        cmocka_unit_test_setup(without_a_token_file_the_token_of_the_environment_is_sent,
                               clear_environment),
        cmocka_unit_test_setup(a_token_file_that_is_missing_or_broken_is_an_error_without_the_token,
                               clear_environment),
        cmocka_unit_test_setup(a_token_may_go_to_this_machine_and_over_https, clear_environment),
        cmocka_unit_test_setup(a_relative_uri_must_begin_with_a_slash, clear_environment),
        cmocka_unit_test_setup(a_token_is_never_sent_to_a_foreign_host_in_clear, clear_environment),
        cmocka_unit_test_setup(an_answer_without_credentials_is_an_error_without_its_text,
                               clear_environment),
        cmocka_unit_test_setup(instance_credentials_need_a_session_token_first, clear_environment),
        cmocka_unit_test_setup(an_instance_without_role_says_what_to_set, clear_environment),
        cmocka_unit_test_setup(a_metadata_service_that_is_switched_off_is_not_asked,
                               clear_environment),
        cmocka_unit_test_setup(a_metadata_service_that_is_slow_is_not_waited_for,
                               clear_environment),
        cmocka_unit_test_setup(a_metadata_service_that_refuses_is_named, clear_environment),
        cmocka_unit_test_setup(looking_for_credentials_can_be_interrupted, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
