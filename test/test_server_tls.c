/* SPDX-License-Identifier: MIT
 *
 * test_server_tls: the server behind a certificate, with the client's own verification: jobs go in
 * and come out, a long poll waits, queue URLs say https.
 */
#include "lk_test.h"
#include "lk_test_identity.h"
#include "lk_test_sqs.h"
#include "server.h"

#include <pthread.h>
#include <unistd.h>

typedef struct secure_server {
    lk_clock *clock;
    lk_server *server;
    lk_client *client;
} secure_server;

static void open_server(secure_server *s, const lk_test_identity *id)
{
    lk_err err;
    assert_lk_ok(lk_clock_new(NULL, &s->clock, &err));
    lk_server_options options = {
        .clock = s->clock, .tls_certificate = id->certificate_path, .tls_key = id->key_path};
    assert_lk_ok(lk_server_start(&options, &s->server, &err));
    setenv("AWS_CA_BUNDLE", id->certificate_path, 1);
    s->client = lk_test_sqs_client(lk_server_url(s->server), 0, NULL);
    assert_lk_ok(lk_create_queue(s->client, "jobs", NULL, 0, NULL, &err));
}

static void close_server(secure_server *s)
{
    unsetenv("AWS_CA_BUNDLE");
    lk_client_free(s->client);
    lk_server_stop(s->server);
    lk_clock_free(s->clock);
}

static void queue_urls_say_https(void **state)
{
    secure_server s;
    lk_err err;
    char *url;
    open_server(&s, *state);
    assert_lk_ok(lk_queue_url(s.client, LK_SLICE_LITERAL("jobs"), &url, &err));
    assert_memory_equal(url, "https://127.0.0.1:", strlen("https://127.0.0.1:"));
    lk_free(url);
    close_server(&s);
}

/* The result of the send, as the thread's. */
static void *send_one(void *arg)
{
    lk_err err;
    const secure_server *s = arg;
    lk_client *client = lk_test_sqs_client(lk_server_url(s->server), 0, NULL);
    usleep(50000); /* the poll is most likely open by then; if not it finds the message at once */
    int rc = lk_send(client, LK_SLICE_LITERAL("jobs"), LK_SLICE_LITERAL("{}"), NULL, NULL, &err);
    lk_client_free(client);
    return rc == 0 ? arg : NULL;
}

static void a_long_poll_is_woken_by_a_send(void **state)
{
    secure_server s;
    lk_err err;
    pthread_t sender;
    lk_messages *messages;
    open_server(&s, *state);
    void *sent;
    pthread_create(&sender, NULL, send_one, &s);
    assert_lk_ok(lk_receive(s.client, LK_SLICE_LITERAL("jobs"), 10, 20, -1, &messages, &err));
    assert_int_equal(lk_messages_count(messages), 1);
    lk_messages_free(messages);
    pthread_join(sender, &sent);
    assert_non_null(sent);
    close_server(&s);
}

static void an_unverified_client_sends_nothing(void **state)
{
    secure_server s;
    lk_err err;
    open_server(&s, *state);
    unsetenv("AWS_CA_BUNDLE");
    lk_client *client = lk_test_sqs_client(lk_server_url(s.server), 0, NULL);
    assert_lk_fails(
        lk_send(client, LK_SLICE_LITERAL("jobs"), LK_SLICE_LITERAL("{}"), NULL, NULL, &err),
        LK_E_TLS);
    lk_client_free(client);
    close_server(&s);
}

static void start_fails(const char *certificate, const char *key, int code, const char *text)
{
    lk_err err;
    lk_clock *clock;
    lk_server *server;
    assert_lk_ok(lk_clock_new(NULL, &clock, &err));
    lk_server_options options = {.clock = clock, .tls_certificate = certificate, .tls_key = key};
    assert_lk_fails(lk_server_start(&options, &server, &err), code);
    assert_non_null(strstr(err.message, text));
    lk_clock_free(clock);
}

static void a_certificate_that_cannot_be_used_is_explained(void **state)
{
    const lk_test_identity *id = *state;
    start_fails(id->certificate_path, NULL, LK_E_INVALID, "--tls-key");
    start_fails("/nonexistent/cert.pem", id->key_path, LK_E_IO, "/nonexistent/cert.pem");
    start_fails("/dev/null", id->key_path, LK_E_IO, "not a PEM file");
    start_fails(id->key_path, id->certificate_path, LK_E_IO, "key belong");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, lk_test_identity_make, lk_test_identity_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queue_urls_say_https),
        TEST(a_long_poll_is_woken_by_a_send),
        TEST(an_unverified_client_sends_nothing),
        TEST(a_certificate_that_cannot_be_used_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
