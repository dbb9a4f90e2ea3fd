/* SPDX-License-Identifier: MIT
 *
 * lk_test_peer: see the header.
 */
#include "lk_test_peer.h"

#include "lk_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 64, PATIENCE_MS = 20000 };

typedef struct served {
    lk_test_peer *peer;
    pthread_t thread;
    int fd;
    int number;
} served;

struct lk_test_peer {
    lk_test_serve serve;
    void *ctx;
    int listener;
    int port;
    char url[40];
    pthread_t acceptor;
    atomic_int ended;
    pthread_mutex_t lock; /* of the two below */
    int count;
    served connections[MAX_CONNECTIONS];
};

int lk_test_listen(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
    assert_return_code(listen(fd, MAX_CONNECTIONS), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&address, &len), errno);
    *port = ntohs(address.sin_port);
    return fd;
}

int lk_test_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        abort(); /* runs on threads, where an assertion cannot end the test */
    return fd;
}

void lk_test_splice(int one, int other)
{
    struct pollfd ends[2] = {{.fd = one, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    char piece[16384];
    while (poll(ends, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            if (!ends[i].revents)
                continue;
            ssize_t got = read(ends[i].fd, piece, sizeof(piece));
            if (got <= 0 || send(ends[1 - i].fd, piece, (size_t)got, MSG_NOSIGNAL) != got)
                return;
        }
    }
}

static void *serve_connection(void *arg)
{
    served *connection = arg;
    connection->peer->serve(connection->fd, connection->number, connection->peer->ctx);
    shutdown(connection->fd, SHUT_RDWR); /* closed at stop, so that its number is not reused */
    atomic_fetch_add(&connection->peer->ended, 1);
    return NULL;
}

static void *accept_connections(void *arg)
{
    lk_test_peer *peer = arg;
    int fd;
    while ((fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_mutex_lock(&peer->lock);
        if (peer->count == MAX_CONNECTIONS)
            abort();
        served *connection = &peer->connections[peer->count];
        *connection = (served){.peer = peer, .fd = fd, .number = peer->count};
        if (pthread_create(&connection->thread, NULL, serve_connection, connection) != 0)
            abort();
        peer->count++;
        pthread_mutex_unlock(&peer->lock);
    }
    return NULL;
}

lk_test_peer *lk_test_peer_start(lk_test_serve serve, void *ctx)
{
    lk_test_peer *peer = calloc(1, sizeof(*peer));
    assert_non_null(peer);
    peer->serve = serve;
    peer->ctx = ctx;
    peer->listener = lk_test_listen(&peer->port);
    snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%d", peer->port);
    pthread_mutex_init(&peer->lock, NULL);
    assert_int_equal(pthread_create(&peer->acceptor, NULL, accept_connections, peer), 0);
    return peer;
}

void lk_test_peer_stop(lk_test_peer *peer)
{
    if (!peer)
        return;
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->acceptor, NULL);
    for (int i = 0; i < peer->count; i++)
        shutdown(peer->connections[i].fd, SHUT_RDWR);
    for (int i = 0; i < peer->count; i++) {
        pthread_join(peer->connections[i].thread, NULL);
        close(peer->connections[i].fd);
    }
    close(peer->listener);
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}

const char *lk_test_peer_url(const lk_test_peer *peer)
{
    return peer->url;
}

int lk_test_peer_port(const lk_test_peer *peer)
{
    return peer->port;
}

int lk_test_peer_connections(lk_test_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    int count = peer->count;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

void lk_test_peer_wait_ended(lk_test_peer *peer, int count)
{
    for (int tries = 0; atomic_load(&peer->ended) < count; tries++) {
        if (tries == PATIENCE_MS)
            fail_msg("no %d connections have ended", count);
        usleep(1000);
    }
}

static size_t content_length(const char *headers)
{
    for (const char *line = headers; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, "content-length:", 15) == 0)
            return strtoul(line + 15, NULL, 10);
    }
    return 0;
}

bool lk_test_peer_read(int fd, lk_buf *request)
{
    lk_buf own = {0};
    lk_buf *into = request ? request : &own;
    size_t start = into->len;
    size_t wanted = 0; /* known once the headers are complete */
    char piece[4096];
    ssize_t got;
    while ((got = read(fd, piece, sizeof(piece))) > 0) {
        lk_buf_add(into, (lk_slice){piece, (size_t)got});
        const char *end = strstr(into->ptr + start, "\r\n\r\n");
        if (!wanted && end)
            wanted = (size_t)(end + 4 - into->ptr) + content_length(into->ptr + start);
        if (wanted && into->len >= wanted)
            break;
    }
    lk_buf_clear(&own);
    return got > 0;
}

void lk_test_peer_write(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t put = send(fd, text, len, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        text += put;
        len -= (size_t)put;
    }
}

void lk_test_peer_answer(int fd, const char *body)
{
    lk_buf answer = {0};
    lk_buf_addf(&answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    lk_test_peer_write(fd, answer.ptr);
    lk_buf_clear(&answer);
}

void lk_test_peer_count(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    char text[16];
    for (int i = 0; lk_test_peer_read(fd, NULL); i++) {
        snprintf(text, sizeof(text), "%d", i);
        lk_test_peer_answer(fd, text);
    }
}

void lk_test_peer_hang_up(int fd, int number LK_UNUSED, void *ctx LK_UNUSED)
{
    lk_test_peer_read(fd, NULL);
}

void lk_test_peer_fall_silent(int fd, int number, void *ctx LK_UNUSED)
{
    lk_test_peer_read(fd, NULL);
    lk_test_peer_answer(fd, "alive");
    while (lk_test_peer_read(fd, NULL)) {
        if (number > 1)
            lk_test_peer_answer(fd, "alive");
    }
}
