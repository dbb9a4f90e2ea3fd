/* SPDX-License-Identifier: MIT
 *
 * test_http_life: transfers that nobody waits for, interrupts, and what forks, freezes and programs
 * that are started do to connections.
 */
#include "lk_test.h"
#include "lk_test_peer.h"
#include "lk_test_pool.h"
#include "lk_test_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Detached transfers --------------------------------------------------------------------- */

static void a_warm_request_is_written_when_start_returns(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_request request = {
        .method = "POST", .url = lk_test_peer_url(peer), .body = LK_SLICE_LITERAL("x")};
    lk_http_transfer *cold = lk_http_start(http, &request, &err);
    assert_non_null(cold);
    assert_lk_ok(lk_http_wait(http, cold, 2000, &err));
    assert_true(lk_http_written(cold));
    lk_http_response response;
    assert_lk_ok(lk_http_take(http, cold, &response, &err));
    lk_http_response_clear(&response);
    lk_http_transfer *warm = lk_http_start(http, &request, &err);
    assert_non_null(warm);
    assert_true(lk_http_written(warm));
    /* On loopback the answer may be here already. */
    assert_int_equal(lk_http_active(http), lk_http_finished(warm) ? 0 : 1);
    lk_http_cancel(http, warm);
    assert_int_equal(lk_http_active(http), 0);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static void transfers_on_their_way_have_connections_of_their_own(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_request request = lk_test_pool_get(lk_test_peer_url(peer));
    lk_http_transfer *first = lk_http_start(http, &request, &err);
    lk_http_transfer *second = lk_http_start(http, &request, &err);
    assert_non_null(first);
    assert_non_null(second);
    lk_http_response response;
    assert_lk_ok(lk_http_wait(http, second, 2000, &err));
    assert_lk_ok(lk_http_take(http, second, &response, &err));
    assert_slice(lk_buf_slice(&response.body), "0");
    lk_http_response_clear(&response);
    assert_lk_ok(lk_http_wait(http, first, 2000, &err));
    assert_lk_ok(lk_http_take(http, first, &response, &err));
    assert_slice(lk_buf_slice(&response.body), "0");
    lk_http_response_clear(&response);
    assert_int_equal(lk_test_peer_connections(peer), 2);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static void freeing_the_pool_ends_what_is_on_its_way(void **state LK_UNUSED)
{
    lk_err err;
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_hang_up, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_http_request request = lk_test_pool_get(lk_test_peer_url(peer));
    assert_non_null(lk_http_start(http, &request, &err));
    assert_non_null(lk_http_start(http, &request, &err));
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

/* A process that answers one request per connection with "late"; it can be stopped. */
static pid_t spawn_peer(char *url, size_t url_size)
{
    int port;
    int listener = lk_test_listen(&port);
    snprintf(url, url_size, "http://127.0.0.1:%d", port);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (;;) {
            int fd = accept(listener, NULL, NULL);
            while (lk_test_peer_read(fd, NULL))
                lk_test_peer_answer(fd, "late");
            close(fd);
        }
    }
    close(listener);
    return pid;
}

static void only_time_spent_waiting_counts_against_a_stopped_peer(void **state LK_UNUSED)
{
    lk_err err = {0};
    char url[40];
    pid_t pid = spawn_peer(url, sizeof(url));
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, url, "late");
    kill(pid, SIGSTOP);
    lk_http_request request = lk_test_pool_get(url);
    lk_http_transfer *t = lk_http_start(http, &request, &err);
    assert_non_null(t);
    lk_test_sleep_ms(300); /* longer than the timeout, but nobody waits */
    int64_t start_ms = lk_mono_ms();
    assert_lk_fails(lk_http_wait(http, t, 200, &err), LK_E_TIMEOUT);
    assert_true(lk_mono_ms() - start_ms >= 199);
    kill(pid, SIGCONT);
    lk_http_response response;
    assert_lk_ok(lk_http_wait(http, t, 20000, &err)); /* still valid after the timeout */
    assert_lk_ok(lk_http_take(http, t, &response, &err));
    assert_slice(lk_buf_slice(&response.body), "late");
    lk_http_response_clear(&response);
    lk_http_free(http);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Says when its answer is in the client's socket. */
static void answer_and_tell(int fd, int number LK_UNUSED, void *answered)
{
    while (lk_test_peer_read(fd, NULL)) {
        lk_test_peer_answer(fd, "alive");
        atomic_fetch_add((atomic_int *)answered, 1);
    }
}

static void an_answer_that_came_while_nobody_looked_is_an_answer(void **state LK_UNUSED)
{
    lk_err err;
    atomic_int answered = 0;
    lk_test_peer *peer = lk_test_peer_start(answer_and_tell, &answered);
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "alive");
    lk_http_request request = lk_test_pool_get(lk_test_peer_url(peer));
    lk_http_transfer *t = lk_http_start(http, &request, &err);
    assert_non_null(t);
    while (atomic_load(&answered) < 2)
        lk_test_sleep_ms(1);
    assert_lk_ok(lk_http_wait(http, t, 1, &err));
    lk_http_response response;
    assert_lk_ok(lk_http_take(http, t, &response, &err));
    assert_slice(lk_buf_slice(&response.body), "alive");
    lk_http_response_clear(&response);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

/* --- Interrupts ----------------------------------------------------------------------------- */

static void *interrupt_soon(void *http)
{
    lk_test_sleep_ms(50);
    lk_http_interrupt(http);
    return NULL;
}

static void an_interrupt_ends_a_wait_at_once(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_fall_silent, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "alive");
    lk_http_request request = lk_test_pool_get(lk_test_peer_url(peer));
    lk_http_response response;
    pthread_t thread;
    int64_t start_ms = lk_mono_ms();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, http), 0);
    assert_lk_fails(lk_http_call(http, &request, 10000, &response, &err), LK_E_INTERRUPTED);
    assert_true(lk_mono_ms() - start_ms < 5000); /* of ten seconds */
    pthread_join(thread, NULL);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "alive"); /* once, not for ever */
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static void an_interrupt_with_nobody_waiting_is_for_the_next_wait(void **state LK_UNUSED)
{
    lk_err err = {0};
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0");
    lk_http_interrupt(http);
    assert_lk_ok(lk_http_pump(http, 0, &err)); /* does not wait */
    lk_http_response response;
    assert_lk_fails(lk_test_pool_call(http, lk_test_peer_url(peer), &response, &err),
                    LK_E_INTERRUPTED);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "1"); /* nothing had been sent */
    lk_http_interrupt(http);
    assert_lk_fails(lk_http_pump(http, 1000, &err), LK_E_INTERRUPTED);
    assert_lk_ok(lk_http_pump(http, 1, &err));
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

/* --- Fork, freeze, exec --------------------------------------------------------------------- */

/* In a child that inherited http: abandons it and asks with a pool of its own. Exits 0 when the
 * answer is right. */
static void ask_in_child(lk_http *inherited, const char *url, const char *expected)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        return;
    }
    lk_err err;
    lk_http_response response;
    lk_http_abandon(inherited);
    lk_http *own = lk_http_new(&(lk_http_options){0}, &err);
    bool right = own && lk_test_pool_call(own, url, &response, &err) == 0 &&
                 lk_slice_equal_str(lk_buf_slice(&response.body), expected);
    lk_http_free(own);
    _exit(right ? 0 : 1);
}

static void a_forked_child_leaves_its_parents_connection_alone(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0");
    ask_in_child(http, lk_test_peer_url(peer), "0");
    lk_test_pool_expect(http, lk_test_peer_url(peer), "1");
    assert_int_equal(lk_test_peer_connections(peer), 2);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static int64_t jumped_ms;

static int64_t jumping_wall(void *ctx LK_UNUSED)
{
    return lk_wall_ms() + jumped_ms;
}

static void a_connection_idle_for_too_long_by_wall_clock_is_not_reused(void **state LK_UNUSED)
{
    lk_env env = lk_env_default;
    env.wall_ms = jumping_wall;
    jumped_ms = 0;
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(&env);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0");
    jumped_ms += 14000;
    lk_test_pool_expect(http, lk_test_peer_url(peer), "1");
    jumped_ms += 14000; /* since its last use, not since it was opened */
    lk_test_pool_expect(http, lk_test_peer_url(peer), "2");
    jumped_ms += 16000;
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0");
    assert_int_equal(lk_test_peer_connections(peer), 2);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static void a_thaw_does_not_cut_off_what_is_on_its_way(void **state LK_UNUSED)
{
    lk_err err;
    lk_env env = lk_env_default;
    env.wall_ms = jumping_wall;
    jumped_ms = 0;
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(&env);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0");
    lk_http_request request = lk_test_pool_get(lk_test_peer_url(peer));
    lk_http_transfer *t = lk_http_start(http, &request, &err);
    assert_non_null(t);
    jumped_ms += 3600 * 1000;
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0"); /* on a connection of its own */
    assert_lk_ok(lk_http_wait(http, t, 1000, &err));
    lk_http_response response;
    assert_lk_ok(lk_http_take(http, t, &response, &err));
    assert_slice(lk_buf_slice(&response.body), "1");
    lk_http_response_clear(&response);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

static void connections_are_not_inherited_by_programs(void **state LK_UNUSED)
{
    lk_test_peer *peer = lk_test_peer_start(lk_test_peer_count, NULL);
    lk_http *http = lk_test_pool_new(NULL);
    lk_test_pool_expect(http, lk_test_peer_url(peer), "0");
    int ours = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in address;
        socklen_t len = sizeof(address);
        if (getpeername(fd, (struct sockaddr *)&address, &len) != 0 ||
            address.sin_family != AF_INET || ntohs(address.sin_port) != lk_test_peer_port(peer))
            continue;
        ours++;
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    assert_int_equal(ours, 1);
    lk_http_free(http);
    lk_test_peer_stop(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warm_request_is_written_when_start_returns),
        cmocka_unit_test(transfers_on_their_way_have_connections_of_their_own),
        cmocka_unit_test(freeing_the_pool_ends_what_is_on_its_way),
        cmocka_unit_test(only_time_spent_waiting_counts_against_a_stopped_peer),
        cmocka_unit_test(an_answer_that_came_while_nobody_looked_is_an_answer),
        cmocka_unit_test(an_interrupt_ends_a_wait_at_once),
        cmocka_unit_test(an_interrupt_with_nobody_waiting_is_for_the_next_wait),
        cmocka_unit_test(a_forked_child_leaves_its_parents_connection_alone),
        cmocka_unit_test(a_connection_idle_for_too_long_by_wall_clock_is_not_reused),
        cmocka_unit_test(a_thaw_does_not_cut_off_what_is_on_its_way),
        cmocka_unit_test(connections_are_not_inherited_by_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
