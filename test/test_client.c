/* SPDX-License-Identifier: MIT
 *
 * test_client: options, who may enter, forks, interrupts, what is looked up where.
 */
#include "client.h"
#include "lk_test.h"
#include "lk_test_peer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Helpers -------------------------------------------------------------------------------- */

static const char *const variables[] = {"AWS_REGION",        "AWS_DEFAULT_REGION",
                                        "AWS_ENDPOINT_URL",  "AWS_ENDPOINT_URL_SQS",
                                        "AWS_MAX_ATTEMPTS",  "AWS_PROFILE",
                                        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI"};

/* Nothing of this machine's configuration reaches a test. */
static int clean_environment(void **state LK_UNUSED)
{
    for (size_t i = 0; i < LK_COUNT(variables); i++)
        unsetenv(variables[i]);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    return 0;
}

static lk_client *new_client(const lk_client_options *options)
{
    lk_err err;
    lk_client *client = lk_client_new(options, &err);
    if (!client)
        fail_msg("%s", err.message);
    return client;
}

static lk_client *new_client_of(const char *url)
{
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.endpoint = url;
    options.region = "us-east-1";
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    options.max_attempts = 1;
    return new_client(&options);
}

static void expect_refused(const lk_client_options *options, const char *word)
{
    lk_err err = {0};
    assert_null(lk_client_new(options, &err));
    assert_int_equal(err.code, LK_E_INVALID);
    if (!strstr(err.message, word))
        fail_msg("\"%s\" does not mention %s", err.message, word);
}

/* Answers each request with its number on its connection, as SQS would answer: {"n":"0"}. */
static void serve_numbers(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    char text[24];
    for (int i = 0; lk_test_peer_read(fd, NULL); i++) {
        snprintf(text, sizeof(text), "{\"n\":\"%d\"}", i);
        lk_test_peer_answer(fd, text);
    }
}

static bool answers(lk_client *client, const char *expected)
{
    lk_err err;
    char *answer;
    size_t len;
    int rc = lk_sqs_call(client, "ListQueues", LK_SLICE_LITERAL("{}"), &answer, &len, &err);
    bool right = rc == 0 && strcmp(answer, expected) == 0;
    if (!right)
        print_message("got %s\n", rc ? err.message : answer);
    lk_free(answer);
    return right;
}

/* --- Options -------------------------------------------------------------------------------- */

static void defaults_are_filled_in(void **state LK_UNUSED)
{
    lk_client *client = new_client(NULL);
    const lk_client_options *config = lk_client_config(client);
    assert_int_equal(config->connect_timeout_ms, 2000);
    assert_int_equal(config->timeout_ms, 10000);
    assert_int_equal(config->idle_max_ms, 15000);
    assert_int_equal(config->max_attempts, 3);
    assert_int_equal(config->max_message_bytes, 1048576);
    lk_client_free(client);
}

static void attempts_come_from_the_environment(void **state LK_UNUSED)
{
    const struct {
        const char *text;
        int attempts;
    } cases[] = {{"1", 1}, {"7", 7}, {"10", 10}, {"50", 10}};
    for (size_t i = 0; i < LK_COUNT(cases); i++) {
        setenv("AWS_MAX_ATTEMPTS", cases[i].text, 1);
        lk_client *client = new_client(NULL);
        assert_int_equal(lk_client_config(client)->max_attempts, cases[i].attempts);
        lk_client_free(client);
    }
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.max_attempts = 2;
    lk_client *client = new_client(&options);
    assert_int_equal(lk_client_config(client)->max_attempts, 2);
    lk_client_free(client);
}

static void unusable_attempts_in_the_environment_are_refused(void **state LK_UNUSED)
{
    const char *const texts[] = {"0", "-1", "three", "3.5"};
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        setenv("AWS_MAX_ATTEMPTS", texts[i], 1);
        expect_refused(NULL, "AWS_MAX_ATTEMPTS");
    }
}

static void options_out_of_range_are_refused_by_name(void **state LK_UNUSED)
{
    const struct {
        const char *name;
        lk_client_options options;
    } cases[] = {
        {"max_attempts", {.size = sizeof(lk_client_options), .max_attempts = 11}},
        {"max_attempts", {.size = sizeof(lk_client_options), .max_attempts = -1}},
        {"timeout_ms", {.size = sizeof(lk_client_options), .timeout_ms = -1}},
        {"connect_timeout_ms", {.size = sizeof(lk_client_options), .connect_timeout_ms = -5}},
        {"idle_max_ms", {.size = sizeof(lk_client_options), .idle_max_ms = INT64_MAX}},
        {"max_message_bytes", {.size = sizeof(lk_client_options), .max_message_bytes = -1}},
        {"secret_access_key", {.size = sizeof(lk_client_options), .access_key_id = "AKID"}},
        {"access_key_id", {.size = sizeof(lk_client_options), .secret_access_key = "s"}},
        {"endpoint", {.size = sizeof(lk_client_options), .endpoint = "localhost:9324"}},
        {"LK_CLIENT_OPTIONS_INIT", {.size = 0}},
        {"a newer header", {.size = sizeof(lk_client_options) + 8}},
    };
    for (size_t i = 0; i < LK_COUNT(cases); i++)
        expect_refused(&cases[i].options, cases[i].name);
}

static void options_of_an_older_header_are_accepted(void **state LK_UNUSED)
{
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.size = offsetof(lk_client_options, max_attempts);
    options.timeout_ms = 5000;
    options.max_attempts = 99; /* not part of it */
    lk_client *client = new_client(&options);
    assert_int_equal(lk_client_config(client)->timeout_ms, 5000);
    assert_int_equal(lk_client_config(client)->max_attempts, 3);
    lk_client_free(client);
}

static void option_strings_are_copied_and_secrets_not_kept_with_them(void **state LK_UNUSED)
{
    lk_err err;
    char region[] = "eu-west-1";
    char id[] = "AKIDEXAMPLE";
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = region;
    options.access_key_id = id;
    options.secret_access_key = "secret";
    lk_client *client = new_client(&options);
    memset(region, 'x', strlen(region));
    memset(id, 'x', strlen(id));
    lk_slice found;
    const lk_credentials *credentials;
    assert_lk_ok(lk_client_region(client, &found, &err));
    assert_slice(found, "eu-west-1");
    assert_lk_ok(lk_client_credentials(client, &credentials, &err));
    assert_string_equal(credentials->access_key_id, "AKIDEXAMPLE");
    assert_null(lk_client_config(client)->secret_access_key);
    lk_client_free(client);
}

/* --- Lookups -------------------------------------------------------------------------------- */

static void region_comes_from_option_environment_or_profile(void **state LK_UNUSED)
{
    lk_err err;
    char path[] = "/tmp/lk_test_config_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "[default]\nregion = eu-west-3\n") > 0);
    close(fd);
    setenv("AWS_CONFIG_FILE", path, 1);
    lk_slice region;
    lk_client *client = new_client(NULL);
    assert_lk_ok(lk_client_region(client, &region, &err));
    assert_slice(region, "eu-west-3");
    lk_client_free(client);
    setenv("AWS_REGION", "eu-west-2", 1);
    client = new_client(NULL);
    assert_lk_ok(lk_client_region(client, &region, &err));
    assert_slice(region, "eu-west-2");
    lk_client_free(client);
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = "eu-west-1";
    client = new_client(&options);
    assert_lk_ok(lk_client_region(client, &region, &err));
    assert_slice(region, "eu-west-1");
    lk_client_free(client);
    unlink(path);
}

static void a_missing_region_says_how_to_set_it(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_slice region;
    lk_client *client = new_client(NULL);
    assert_lk_fails(lk_client_region(client, &region, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "AWS_REGION"));
    setenv("AWS_REGION", "us-east-2", 1); /* not remembered as missing */
    assert_lk_ok(lk_client_region(client, &region, &err));
    assert_slice(region, "us-east-2");
    lk_client_free(client);
}

static void the_fixed_endpoint_comes_from_option_or_environment(void **state LK_UNUSED)
{
    lk_err err;
    lk_slice endpoint;
    lk_client *client = new_client(NULL);
    assert_lk_ok(lk_client_fixed_endpoint(client, &endpoint, &err));
    assert_null(endpoint.ptr);
    lk_client_free(client);
    setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9324/", 1);
    client = new_client(NULL);
    assert_lk_ok(lk_client_fixed_endpoint(client, &endpoint, &err));
    assert_slice(endpoint, "http://127.0.0.1:9324");
    lk_client_free(client);
    client = new_client_of("http://127.0.0.1:1");
    assert_lk_ok(lk_client_fixed_endpoint(client, &endpoint, &err));
    assert_slice(endpoint, "http://127.0.0.1:1");
    lk_client_free(client);
}

static void what_is_given_does_not_need_the_profile(void **state LK_UNUSED)
{
    lk_err err;
    lk_slice text;
    const lk_credentials *credentials;
    setenv("AWS_PROFILE", "nowhere", 1);
    lk_client *client = new_client_of("http://127.0.0.1:1");
    assert_lk_ok(lk_client_region(client, &text, &err));
    assert_lk_ok(lk_client_fixed_endpoint(client, &text, &err));
    assert_lk_ok(lk_client_credentials(client, &credentials, &err));
    lk_client_free(client);
    client = new_client(NULL);
    assert_lk_fails(lk_client_fixed_endpoint(client, &text, &err), LK_E_CONFIG);
    assert_non_null(strstr(err.message, "nowhere"));
    lk_client_free(client);
}

static void credentials_can_be_replaced(void **state LK_UNUSED)
{
    lk_err err = {0};
    const lk_credentials *credentials;
    lk_client *client = new_client_of("http://127.0.0.1:1");
    assert_lk_ok(lk_client_set_credentials(client, "NEWKEY", "new secret", "token", &err));
    assert_lk_ok(lk_client_credentials(client, &credentials, &err));
    assert_string_equal(credentials->access_key_id, "NEWKEY");
    assert_string_equal(credentials->session_token, "token");
    assert_lk_fails(lk_client_set_credentials(client, "NEWKEY", NULL, NULL, &err),
                    LK_E_CREDENTIALS);
    lk_client_free(client);
}

/* --- Entering ------------------------------------------------------------------------------- */

/* A thread that enters a client and stays until it is told to leave. */
typedef struct visitor {
    lk_client *client;
    pthread_t thread;
    pthread_barrier_t inside;
    pthread_barrier_t leave;
} visitor;

static void *visit(void *arg)
{
    visitor *v = arg;
    lk_err err;
    if (lk_client_enter(v->client, &err))
        abort();
    pthread_barrier_wait(&v->inside);
    pthread_barrier_wait(&v->leave);
    lk_client_leave(v->client);
    return NULL;
}

static void visitor_start(visitor *v, lk_client *client)
{
    v->client = client;
    pthread_barrier_init(&v->inside, NULL, 2);
    pthread_barrier_init(&v->leave, NULL, 2);
    assert_int_equal(pthread_create(&v->thread, NULL, visit, v), 0);
    pthread_barrier_wait(&v->inside);
}

static void visitor_end(visitor *v)
{
    pthread_barrier_wait(&v->leave);
    pthread_join(v->thread, NULL);
    pthread_barrier_destroy(&v->inside);
    pthread_barrier_destroy(&v->leave);
}

static void a_second_thread_is_told_that_the_client_is_busy(void **state LK_UNUSED)
{
    lk_err err = {0};
    visitor v;
    lk_client *client = new_client(NULL);
    visitor_start(&v, client);
    assert_lk_fails(lk_client_enter(client, &err), LK_E_BUSY);
    assert_lk_fails(lk_client_set_credentials(client, "a", "b", NULL, &err), LK_E_BUSY);
    visitor_end(&v);
    assert_lk_ok(lk_client_enter(client, &err));
    lk_client_leave(client);
    lk_client_free(client);
}

static void one_thread_may_enter_many_times(void **state LK_UNUSED)
{
    lk_err err = {0};
    visitor v;
    lk_client *client = new_client(NULL);
    assert_lk_ok(lk_client_enter(client, &err));
    assert_lk_ok(lk_client_enter(client, &err));
    lk_client_leave(client);
    lk_client_leave(client);
    visitor_start(&v, client); /* free again */
    visitor_end(&v);
    lk_client_free(client);
}

static void no_client_is_an_error_and_freeing_none_is_not(void **state LK_UNUSED)
{
    lk_err err = {0};
    assert_lk_fails(lk_client_enter(NULL, &err), LK_E_INVALID);
    lk_client_free(NULL);
}

/* --- Fork ----------------------------------------------------------------------------------- */

static void expect_child_to_succeed(pid_t pid)
{
    int status;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_forked_child_opens_its_own_connection(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(serve_numbers, NULL);
    lk_client *client = new_client_of(lk_test_peer_url(peer));
    assert_true(answers(client, "{\"n\":\"0\"}"));
    pid_t pid = fork();
    if (pid == 0) {
        bool right = answers(client, "{\"n\":\"0\"}") && answers(client, "{\"n\":\"1\"}");
        lk_client_free(client);
        _exit(right ? 0 : 1);
    }
    expect_child_to_succeed(pid);
    assert_true(answers(client, "{\"n\":\"1\"}")); /* the parent's goes on */
    assert_int_equal(lk_test_peer_connections(peer), 2);
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static void freeing_in_a_child_leaves_the_parents_connection_alone(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(serve_numbers, NULL);
    lk_client *client = new_client_of(lk_test_peer_url(peer));
    assert_true(answers(client, "{\"n\":\"0\"}"));
    pid_t pid = fork();
    if (pid == 0) {
        lk_client_free(client);
        _exit(0);
    }
    expect_child_to_succeed(pid);
    assert_true(answers(client, "{\"n\":\"1\"}"));
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static void a_child_forked_while_another_thread_was_inside_may_enter(void **state LK_UNUSED)
{
    visitor v;
    lk_test_peer *peer = lk_test_peer_start(serve_numbers, NULL);
    lk_client *client = new_client_of(lk_test_peer_url(peer));
    visitor_start(&v, client);
    pid_t pid = fork();
    if (pid == 0)
        _exit(answers(client, "{\"n\":\"0\"}") ? 0 : 1);
    expect_child_to_succeed(pid);
    visitor_end(&v);
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static int open_sockets_to(const lk_test_peer *peer)
{
    int count = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in address;
        socklen_t len = sizeof(address);
        if (getpeername(fd, (struct sockaddr *)&address, &len) == 0 &&
            address.sin_family == AF_INET && ntohs(address.sin_port) == lk_test_peer_port(peer))
            count++;
    }
    return count;
}

static void discarding_gives_the_descriptors_back_at_once(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(serve_numbers, NULL);
    lk_client *client = new_client_of(lk_test_peer_url(peer));
    assert_true(answers(client, "{\"n\":\"0\"}"));
    pid_t pid = fork();
    if (pid == 0) {
        lk_client_discard(client);
        _exit(open_sockets_to(peer) == 0 && answers(client, "{\"n\":\"0\"}") ? 0 : 1);
    }
    expect_child_to_succeed(pid);
    assert_true(answers(client, "{\"n\":\"1\"}"));
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

/* --- Interrupts ----------------------------------------------------------------------------- */

static void *interrupt_soon(void *client)
{
    usleep(50000);
    lk_client_interrupt(client);
    return NULL;
}

static void serve_silence(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    while (lk_test_peer_read(fd, NULL))
        continue;
}

static void expect_interrupt(lk_client *client)
{
    lk_err err = {0};
    char *answer;
    size_t len;
    pthread_t thread;
    int64_t start_ms = lk_mono_ms();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, client), 0);
    assert_lk_fails(lk_sqs_call(client, "ListQueues", LK_SLICE_LITERAL("{}"), &answer, &len, &err),
                    LK_E_INTERRUPTED);
    assert_true(lk_mono_ms() - start_ms < 5000); /* of ten seconds */
    pthread_join(thread, NULL);
}

static void an_interrupt_ends_a_call_that_waits_for_sqs(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(serve_silence, NULL);
    lk_client *client = new_client_of(lk_test_peer_url(peer));
    expect_interrupt(client);
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static void an_interrupt_ends_a_call_that_waits_for_credentials(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(serve_silence, NULL);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", lk_test_peer_url(peer), 1);
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = "us-east-1";
    options.endpoint = "http://127.0.0.1:1";
    options.max_attempts = 1;
    lk_client *client = new_client(&options);
    expect_interrupt(client);
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static void an_interrupt_before_the_first_call_ends_that_one_only(void **state LK_UNUSED)
{
    lk_err err = {0};
    char *answer;
    size_t len;
    lk_test_peer *peer = lk_test_peer_start(serve_numbers, NULL);
    lk_client *client = new_client_of(lk_test_peer_url(peer));
    lk_client_interrupt(client);
    assert_lk_fails(lk_sqs_call(client, "ListQueues", LK_SLICE_LITERAL("{}"), &answer, &len, &err),
                    LK_E_INTERRUPTED);
    assert_true(answers(client, "{\"n\":\"0\"}")); /* nothing had been sent */
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

static void an_interrupt_between_calls_keeps_the_next_from_being_sent(void **state LK_UNUSED)
{
    lk_err err = {0};
    char *answer;
    size_t len;
    lk_test_peer *peer = lk_test_peer_start(serve_numbers, NULL);
    lk_client *client = new_client_of(lk_test_peer_url(peer));
    assert_true(answers(client, "{\"n\":\"0\"}"));
    lk_client_interrupt(client);
    assert_lk_fails(lk_sqs_call(client, "ListQueues", LK_SLICE_LITERAL("{}"), &answer, &len, &err),
                    LK_E_INTERRUPTED);
    assert_true(answers(client, "{\"n\":\"1\"}"));
    lk_client_free(client);
    lk_test_peer_stop(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_filled_in, clean_environment),
        cmocka_unit_test_setup(attempts_come_from_the_environment, clean_environment),
        cmocka_unit_test_setup(unusable_attempts_in_the_environment_are_refused, clean_environment),
        cmocka_unit_test_setup(options_out_of_range_are_refused_by_name, clean_environment),
        cmocka_unit_test_setup(options_of_an_older_header_are_accepted, clean_environment),
        cmocka_unit_test_setup(option_strings_are_copied_and_secrets_not_kept_with_them,
                               clean_environment),
        cmocka_unit_test_setup(region_comes_from_option_environment_or_profile, clean_environment),
        cmocka_unit_test_setup(a_missing_region_says_how_to_set_it, clean_environment),
        cmocka_unit_test_setup(the_fixed_endpoint_comes_from_option_or_environment,
                               clean_environment),
        cmocka_unit_test_setup(what_is_given_does_not_need_the_profile, clean_environment),
        cmocka_unit_test_setup(credentials_can_be_replaced, clean_environment),
        cmocka_unit_test_setup(a_second_thread_is_told_that_the_client_is_busy, clean_environment),
        cmocka_unit_test_setup(one_thread_may_enter_many_times, clean_environment),
        cmocka_unit_test_setup(no_client_is_an_error_and_freeing_none_is_not, clean_environment),
        cmocka_unit_test_setup(a_forked_child_opens_its_own_connection, clean_environment),
        cmocka_unit_test_setup(freeing_in_a_child_leaves_the_parents_connection_alone,
                               clean_environment),
        cmocka_unit_test_setup(a_child_forked_while_another_thread_was_inside_may_enter,
                               clean_environment),
        cmocka_unit_test_setup(discarding_gives_the_descriptors_back_at_once, clean_environment),
        cmocka_unit_test_setup(an_interrupt_ends_a_call_that_waits_for_sqs, clean_environment),
        cmocka_unit_test_setup(an_interrupt_ends_a_call_that_waits_for_credentials,
                               clean_environment),
        cmocka_unit_test_setup(an_interrupt_before_the_first_call_ends_that_one_only,
                               clean_environment),
        cmocka_unit_test_setup(an_interrupt_between_calls_keeps_the_next_from_being_sent,
                               clean_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
