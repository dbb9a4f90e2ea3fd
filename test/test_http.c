/* SPDX-License-Identifier: MIT
 *
 * test_http: requests, broken and silent peers, proxies. What is on its way, interrupts, forks and
 * frozen sandboxes are in test_http_life.c.
 */
#include "lk_test.h"
#include "lk_test_http.h"
#include "lk_test_peer.h"
#include "lk_test_pool.h"

#include <sys/socket.h>
#include <unistd.h>

/* --- Requests and answers ------------------------------------------------------------------- */

static void echo(const lk_test_request *request, lk_test_response *response, void *ctx LK_UNUSED)
{
    response->status = 201;
    lk_buf_addf(&response->headers, "X-Method: %s\nX-Spaced:   a b  \n", request->method);
    lk_buf_add(&response->body, request->body);
}

static void a_post_carries_its_headers_and_body(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_http *peer = lk_test_http_start(echo, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_name_value headers[] = {
        {LK_SLICE_LITERAL("Content-Type"), LK_SLICE_LITERAL("application/x-amz-json-1.0")},
        {LK_SLICE_LITERAL("X-Empty"), {NULL, 0}},
    };
    lk_http_request request = {.method = "POST",
                               .url = lk_test_http_url(peer),
                               .headers = headers,
                               .header_count = 2,
                               .body = {"a\0b", 3}};
    lk_http_response response;
    assert_lk_ok(lk_http_call(http, &request, 2000, &response, &err));
    assert_int_equal(response.status, 201);
    assert_true(lk_slice_equal(lk_buf_slice(&response.body), (lk_slice){"a\0b", 3}));
    assert_slice(lk_http_header(&response, "x-method"), "POST");
    assert_slice(lk_http_header(&response, "X-SPACED"), "a b");
    assert_null(lk_http_header(&response, "X-Other").ptr);
    const lk_test_request *seen = lk_test_http_at(peer, 0);
    assert_slice(lk_test_request_header(seen, "Content-Type"), "application/x-amz-json-1.0");
    assert_slice(lk_test_request_header(seen, "User-Agent"), "test/1");
    assert_non_null(lk_test_request_header(seen, "X-Empty").ptr);
    lk_http_response_clear(&response);
    lk_http_free(http);
    lk_test_http_stop(peer);
}

static void methods_and_headers_do_not_leak_into_the_next_request(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_http *peer = lk_test_http_start(echo, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_name_value header = {LK_SLICE_LITERAL("X-Secret"), LK_SLICE_LITERAL("s")};
    lk_http_request put = {
        .method = "PUT", .url = lk_test_http_url(peer), .headers = &header, .header_count = 1};
    lk_http_response response;
    assert_lk_ok(lk_http_call(http, &put, 2000, &response, &err));
    assert_slice(lk_http_header(&response, "X-Method"), "PUT");
    lk_http_response_clear(&response);
    assert_slice(lk_test_request_header(lk_test_http_at(peer, 0), "Content-Length"), "0");
    assert_lk_ok(lk_test_pool_call(http, lk_test_http_url(peer), &response, &err));
    assert_slice(lk_http_header(&response, "X-Method"), "GET");
    lk_http_response_clear(&response);
    assert_null(lk_test_request_header(lk_test_http_at(peer, 1), "X-Secret").ptr);
    assert_null(lk_test_request_header(lk_test_http_at(peer, 1), "Content-Length").ptr);
    lk_http_free(http);
    lk_test_http_stop(peer);
}

static void a_large_body_is_sent_without_asking_first(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_http *peer = lk_test_http_start(echo, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    size_t len = 2 << 20; /* curl asks from 1 MiB on */
    char *body = calloc(1, len + 1);
    assert_non_null(body);
    memset(body, 'x', len);
    lk_http_request request = {
        .method = "POST", .url = lk_test_http_url(peer), .body = {body, len}};
    lk_http_response response;
    assert_lk_ok(lk_http_call(http, &request, 5000, &response, &err));
    assert_int_equal(response.body.len, len);
    const lk_test_request *seen = lk_test_http_at(peer, 0);
    assert_null(lk_test_request_header(seen, "Expect").ptr);
    assert_null(lk_test_request_header(seen, "Content-Type").ptr);
    lk_http_response_clear(&response);
    free(body);
    lk_http_free(http);
    lk_test_http_stop(peer);
}

static void a_line_break_in_a_header_is_refused(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_http *http = lk_test_pool_new(NULL);
    lk_name_value header = {LK_SLICE_LITERAL("X-Token"), LK_SLICE_LITERAL("a\r\nX-Admin: 1")};
    lk_http_request request = {
        .method = "GET", .url = "http://127.0.0.1:1/", .headers = &header, .header_count = 1};
    lk_http_response response;
    assert_lk_fails(lk_http_call(http, &request, 100, &response, &err), LK_E_INVALID);
    assert_non_null(strstr(err.message, "X-Token"));
    lk_http_free(http);
}

static void a_url_that_is_not_http_is_refused(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_response response;
    assert_lk_fails(lk_test_pool_call(http, "file:///etc/passwd", &response, &err), LK_E_INVALID);
    assert_lk_fails(lk_test_pool_call(http, "http://[::1", &response, &err), LK_E_INVALID);
    lk_http_free(http);
}

static void serve_early_hints(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    lk_test_peer_read(fd, NULL);
    lk_test_peer_write(fd, "HTTP/1.1 103 Early Hints\r\nX-Which: first\r\n\r\n");
    lk_test_peer_write(fd, "HTTP/1.1 200 OK\r\nX-Which: last\r\nContent-Length: 0\r\n\r\n");
}

static void headers_are_those_of_the_final_answer(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_peer *peer = lk_test_peer_start(serve_early_hints, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_response response;
    assert_lk_ok(lk_test_pool_call(http, lk_test_peer_url(peer), &response, &err));
    assert_int_equal(response.status, 200);
    assert_slice(lk_http_header(&response, "X-Which"), "last");
    lk_http_response_clear(&response);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static void serve_without_end(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    char block[65536];
    memset(block, 'x', sizeof(block));
    lk_test_peer_read(fd, NULL);
    lk_test_peer_write(fd, "HTTP/1.1 200 OK\r\n\r\n");
    while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
        continue;
}

static void an_endless_answer_is_cut_off(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_test_peer *peer = lk_test_peer_start(serve_without_end, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_response response;
    assert_lk_fails(lk_test_pool_call(http, lk_test_peer_url(peer), &response, &err), LK_E_HTTP);
    assert_non_null(strstr(err.message, "larger than 64 MiB"));
    assert_false(err.retriable);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

/* --- Peers that fail ------------------------------------------------------------------------ */

static void a_refused_connection_says_that_nothing_was_sent(void **state LK_UNUSED)
{
    lk_err err = {0};
    int port;
    char url[64];
    char host[24];
    close(lk_test_listen(&port));
    snprintf(host, sizeof(host), "127.0.0.1:%d", port);
    snprintf(url, sizeof(url), "http://u:secret@%s/q", host);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_response response;
    assert_lk_fails(lk_test_pool_call(http, url, &response, &err), LK_E_CONNECT);
    assert_true(err.retriable);
    assert_non_null(strstr(err.message, host));
    assert_null(strstr(err.message, "secret"));
    lk_http_free(http);
}

/* An empty label is refused by the resolver without asking a name server. */
static void an_unknown_host_says_that_nothing_was_sent(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_response response;
    assert_lk_fails(lk_test_pool_call(http, "http://no..such..host/", &response, &err),
                    LK_E_CONNECT);
    assert_non_null(strstr(err.message, "no..such..host"));
    lk_http_free(http);
}

static void serve_goodbye(int fd LK_UNUSED, int number LK_UNUSED, void *ctx LK_UNUSED)
{
}

static void serve_half(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    lk_test_peer_read(fd, NULL);
    lk_test_peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
}

static void a_hang_up_is_an_error_of_the_exchange(void **state LK_UNUSED)
{
    lk_test_serve serves[] = {serve_goodbye, lk_test_peer_hang_up, serve_half};
    for (size_t i = 0; i < LK_COUNT(serves); i++) {
        lk_err err = {0};
        lk_test_peer *peer = lk_test_peer_start(serves[i], NULL);
        lk_http *http = lk_test_pool_new(NULL);
        lk_http_response response;
        assert_lk_fails(lk_test_pool_call(http, lk_test_peer_url(peer), &response, &err),
                        LK_E_HTTP);
        assert_true(err.retriable);
        assert_int_equal(response.body.len, 0);
        lk_http_free(http);
        lk_test_peer_stop(peer);
    }
}

static void serve_one_then_close_later(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    lk_test_peer_read(fd, NULL);
    lk_test_peer_answer(fd, "one");
}

static void a_connection_closed_while_idle_is_replaced(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(serve_one_then_close_later, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "one");
    lk_test_peer_wait_ended(peer, 1);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "one");
    assert_int_equal(lk_test_peer_connections(peer), 2);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

/* Leaves two idle connections in the pool. */
static void warm_two(lk_http *http, const char *url)
{
    lk_err err;
    lk_http_response response;
    lk_http_request request = lk_test_pool_get(url);
    request.fresh_connection = true; /* the first may have its answer before the second starts */
    lk_http_transfer *both[] = {lk_http_start(http, &request, &err),
                                lk_http_start(http, &request, &err)};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(both[i]);
        assert_lk_ok(lk_http_wait(http, both[i], 2000, &err));
        assert_lk_ok(lk_http_take(http, both[i], &response, &err));
        lk_http_response_clear(&response);
    }
}

static void after_a_timeout_idle_connections_are_not_trusted(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_fall_silent, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_request request = lk_test_pool_get(lk_test_peer_url(peer));
    lk_http_response response;
    warm_two(http, lk_test_peer_url(peer));
    assert_lk_fails(lk_http_call(http, &request, 50, &response, &err), LK_E_TIMEOUT);
    assert_non_null(strstr(err.message, "127.0.0.1"));
    lk_test_pool_expect(http, lk_test_peer_url(peer), "alive");
    lk_test_pool_expect(http, lk_test_peer_url(peer), "alive");
    assert_int_equal(lk_test_peer_connections(peer), 3);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static void a_fresh_connection_can_be_asked_for(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_request request = lk_test_pool_get(lk_test_peer_url(peer));
    lk_http_response response;
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0");
    request.fresh_connection = true;
    assert_lk_ok(lk_http_call(http, &request, 2000, &response, &err));
    assert_slice(lk_buf_slice(&response.body), "0");
    lk_http_response_clear(&response);
    assert_int_equal(lk_test_peer_connections(peer), 2);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

/* --- Proxies -------------------------------------------------------------------------------- */

static void serve_request_line(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    lk_buf request = {0};
    while (lk_test_peer_read(fd, &request)) {
        *strchr(request.ptr, '\r') = '\0';
        lk_test_peer_answer(fd, request.ptr);
        lk_buf_reset(&request);
    }
    lk_buf_clear(&request);
}

static void proxy_variables_are_honoured(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(serve_request_line, NULL);
    setenv("http_proxy", lk_test_peer_url(peer), 1);
    setenv("NO_PROXY", "127.0.0.1", 1);
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, "http://sqs.invalid/x", "GET http://sqs.invalid/x HTTP/1.1");
    char direct[64];
    snprintf(direct, sizeof(direct), "%s/y", lk_test_peer_url(peer));
    lk_test_pool_expect(http, direct, "GET /y HTTP/1.1");
    lk_http_free(http);
    unsetenv("http_proxy");
    unsetenv("NO_PROXY");
    lk_test_peer_stop(peer);
}

static void without_proxy_means_without(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_peer *peer = lk_test_peer_start(serve_request_line, NULL);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    lk_http *http = lk_http_new(&(lk_http_options){.no_proxy = true}, &err);
    assert_non_null(http);
    char direct[64];
    snprintf(direct, sizeof(direct), "%s/next", lk_test_peer_url(peer));
    lk_test_pool_expect(http, direct, "GET /next HTTP/1.1");
    lk_http_free(http);
    unsetenv("http_proxy");
    lk_test_peer_stop(peer);
}

static void serve_refusal(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    lk_test_peer_read(fd, NULL);
    lk_test_peer_write(fd, "HTTP/1.1 407 Proxy Authentication Required\r\n"
                           "Content-Length: 0\r\n\r\n");
}

static void a_proxy_that_refuses_the_tunnel_says_that_nothing_was_sent(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_test_peer *peer = lk_test_peer_start(serve_refusal, NULL);
    setenv("https_proxy", lk_test_peer_url(peer), 1);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_response response;
    assert_lk_fails(lk_test_pool_call(http, "https://sqs.invalid/", &response, &err), LK_E_CONNECT);
    assert_non_null(strstr(err.message, "407"));
    lk_http_free(http);
    unsetenv("https_proxy");
    lk_test_peer_stop(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_carries_its_headers_and_body),
        cmocka_unit_test(methods_and_headers_do_not_leak_into_the_next_request),
        cmocka_unit_test(a_large_body_is_sent_without_asking_first),
        cmocka_unit_test(a_line_break_in_a_header_is_refused),
        cmocka_unit_test(a_url_that_is_not_http_is_refused),
        cmocka_unit_test(headers_are_those_of_the_final_answer),
        cmocka_unit_test(an_endless_answer_is_cut_off),
        cmocka_unit_test(a_refused_connection_says_that_nothing_was_sent),
        cmocka_unit_test(an_unknown_host_says_that_nothing_was_sent),
        cmocka_unit_test(a_hang_up_is_an_error_of_the_exchange),
        cmocka_unit_test(a_connection_closed_while_idle_is_replaced),
        cmocka_unit_test(after_a_timeout_idle_connections_are_not_trusted),
        cmocka_unit_test(a_fresh_connection_can_be_asked_for),
        cmocka_unit_test(proxy_variables_are_honoured),
        cmocka_unit_test(without_proxy_means_without),
        cmocka_unit_test(a_proxy_that_refuses_the_tunnel_says_that_nothing_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
