/* SPDX-License-Identifier: MIT
 *
 * canned: what libmicrohttpd alone does of a call: reads it, and answers at once with as many bytes
 * as the local server would. Keeps nothing.
 *
 *     canned SEND_BYTES BATCH_BYTES RECEIVE_BYTES DELETE_BYTES
 *
 * Prints its port, and ends with its standard input.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECEIVE = 2, ACTIONS = 4 };

static const char *const actions[ACTIONS] = {"SendMessage", "SendMessageBatch", "ReceiveMessage",
                                             "DeleteMessage"};
static char *answers[ACTIONS];

static enum MHD_Result respond(struct MHD_Connection *connection)
{
    const char *target = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Amz-Target");
    int action = 0;
    while (action < ACTIONS - 1 && strcmp(target + strlen("AmazonSQS."), actions[action]) != 0)
        action++;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(answers[action]), strdup(answers[action]), MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", "application/x-amz-json-1.0");
    MHD_add_response_header(response, "x-amzn-RequestId", "00000000-0000-4000-8000-000000000000");
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    static int headed;
    (void)cls, (void)url, (void)method, (void)version, (void)data;
    if (!*state) {
        *state = &headed;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    return respond(connection);
}

/* JSON of that size; that of a receive has a handle. */
static char *make_answer(int action, int size)
{
    char *text = malloc((size_t)size + 128);
    if (!text)
        abort();
    int head = sprintf(text, "{%s\"x\":\"", action == RECEIVE ? "\"ReceiptHandle\":\"x\"," : "");
    for (; head < size - 2; head++)
        text[head] = 'x';
    strcpy(text + head, "\"}");
    return text;
}

/* As the local server does: libmicrohttpd looks, and who waits is us (see local/server_http.c). */
static void serve(struct MHD_Daemon *daemon)
{
    int epoll = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct pollfd fds[] = {{epoll, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    MHD_UNSIGNED_LONG_LONG wait_ms;
    while (fds[1].revents == 0) {
        MHD_run(daemon);
        if (MHD_get_timeout(daemon, &wait_ms) != MHD_YES || wait_ms > 0)
            poll(fds, 2, 1000);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (argc != ACTIONS + 1) {
        fprintf(stderr, "usage: canned SEND_BYTES BATCH_BYTES RECEIVE_BYTES DELETE_BYTES\n");
        return 2;
    }
    for (int i = 0; i < ACTIONS; i++)
        answers[i] = make_answer(i, atoi(argv[i + 1]));
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&loopback, MHD_OPTION_CONNECTION_LIMIT, 1000U, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info) {
        fprintf(stderr, "canned: cannot listen\n");
        return 1;
    }
    printf("%u\n", info->port);
    fflush(stdout);
    serve(daemon);
    MHD_stop_daemon(daemon);
    return 0;
}
