/* SPDX-License-Identifier: MIT
 *
 * server_listen: see server_listen.h.
 */
#include "server_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static socklen_t size_of(const address *a)
{
    return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

static bool is_loopback(const address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static bool parse_digits(const char *host, int port, address *a)
{
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)port);
        return true;
    }
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons((uint16_t)port);
        return true;
    }
    return false;
}

static int parse_address(const char *host, int port, bool anywhere, address *a, lk_err *err)
{
    if (!parse_digits(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, a))
        return LK_FAIL(err, LK_E_INVALID,
                       "%s is not an IP address; give one in digits, 0.0.0.0 or :: for all of this "
                       "machine",
                       host);
    if (!anywhere && !is_loopback(a))
        return LK_FAIL(err, LK_E_INVALID,
                       "%s is not a loopback address, and without signatures whoever reaches the "
                       "port may read and delete everything. Give --access-key-id and the secret "
                       "in LAMBDAKIQ_SECRET_ACCESS_KEY or --secret-file, or --insecure to listen "
                       "nevertheless",
                       host);
    return 0;
}

static int refuse_bind(const char *host, int port, int why, lk_err *err)
{
    if (why == EADDRINUSE)
        return LK_FAIL(err, LK_E_IO,
                       "port %d is in use by another process; choose another with --port, or 0 for "
                       "any free one",
                       port);
    if (why == EACCES)
        return LK_FAIL(err, LK_E_IO,
                       "port %d is not allowed to this user; choose one above 1023 with --port",
                       port);
    return LK_FAIL(err, LK_E_IO, "cannot listen on %s port %d: %s", host, port, strerror(why));
}

static void say_where(const address *a, int *port, char authority[LK_LISTEN_AUTHORITY_SIZE])
{
    char text[INET6_ADDRSTRLEN] = "";
    bool v4 = a->any.sa_family == AF_INET;
    *port = ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port);
    if (v4)
        inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof text);
    else
        inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof text);
    snprintf(authority, LK_LISTEN_AUTHORITY_SIZE, v4 ? "%s:%d" : "[%s]:%d", text, *port);
}

int lk_listen(const char *host, int port, bool anywhere, int *fd, int *bound_port,
              char authority[LK_LISTEN_AUTHORITY_SIZE], lk_err *err)
{
    address a;
    int yes = 1;
    socklen_t size = sizeof a;
    if (parse_address(host, port, anywhere, &a, err))
        return LK_E_INVALID;
    int s = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return LK_FAIL(err, LK_E_IO, "cannot make a socket: %s", strerror(errno));
    /* A restart must not wait for the old connections to time out. */
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(s, &a.any, size_of(&a)) || listen(s, BACKLOG) || getsockname(s, &a.any, &size)) {
        int why = errno;
        close(s);
        return refuse_bind(host, port, why, err);
    }
    say_where(&a, bound_port, authority);
    *fd = s;
    return 0;
}

size_t lk_listen_raise_file_limit(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return wanted;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = LK_MIN((rlim_t)wanted, limit.rlim_max);
    if (before >= limit.rlim_cur)
        return (size_t)LK_MIN(before, (rlim_t)wanted);
    /* Refused: fewer connections, nothing else. */
    return (size_t)(setrlimit(RLIMIT_NOFILE, &limit) ? before : limit.rlim_cur);
}
