/* SPDX-License-Identifier: MIT
 *
 * delay: a TCP relay that puts a distance between a client and a server on one machine.
 *
 *     delay UPSTREAM_PORT DELAY_MS
 *
 * Listens on a free port of 127.0.0.1, prints it, and relays to UPSTREAM_PORT until its standard
 * input ends. What the server says reaches the client DELAY_MS after the server said it, as if each
 * round trip took so much longer; a connection that is set up costs a round trip as well. A thread a
 * connection: a client waits for its answer before it asks again, so nothing queues up behind a
 * sleep.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int upstream_port;
static long delay_ms;

static void wait_delay(void)
{
    struct timespec time = {delay_ms / 1000, (delay_ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_upstream(void)
{
    struct sockaddr_in address = loopback(upstream_port);
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    return fd;
}

/* false: the connection is over. */
static bool relay(int from, int to)
{
    char data[65536];
    ssize_t got = read(from, data, sizeof(data));
    for (ssize_t done = 0; done < got;) {
        ssize_t written = write(to, data + done, (size_t)(got - done));
        if (written <= 0)
            return false;
        done += written;
    }
    return got > 0;
}

static void *serve(void *arg)
{
    int client = (int)(intptr_t)arg;
    int server = connect_upstream();
    bool answering = false; /* the delay of this answer has been waited for */
    wait_delay();           /* the handshake */
    while (server >= 0) {
        struct pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
        if (poll(ends, 2, -1) < 0)
            break;
        if (ends[1].revents && !answering)
            wait_delay();
        answering = ends[1].revents != 0;
        if (ends[1].revents && !relay(server, client))
            break;
        if (ends[0].revents && !relay(client, server))
            break;
    }
    if (server >= 0)
        close(server);
    close(client);
    return NULL;
}

static void *end_with_stdin(void *arg)
{
    char byte;
    (void)arg;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    _exit(0);
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("delay: cannot listen");
        exit(1);
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int yes = 1;
    if (argc != 3) {
        fprintf(stderr, "usage: delay UPSTREAM_PORT DELAY_MS\n");
        return 2;
    }
    upstream_port = (int)strtol(argv[1], NULL, 10);
    delay_ms = strtol(argv[2], NULL, 10);
    signal(SIGPIPE, SIG_IGN);
    int fd = listen_anywhere();
    pthread_create(&thread, NULL, end_with_stdin, NULL);
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client < 0)
            continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) != 0)
            close(client);
        else
            pthread_detach(thread);
    }
}
