/* SPDX-License-Identifier: MIT
 *
 * load: as much work as a number of connections can hand to a queue server, and how long it takes.
 *
 *     load PROTOCOL PORT WORK CONNECTIONS COUNT|MILLISECONDSms QUEUES PID
 *
 * PROTOCOL: sqs, sqs-fifo, canned (sqs to a server that keeps nothing) or beanstalkd. WORK: see
 * `works`. Each connection has one call open at any time. The run ends with the count, or (`500ms`)
 * with the time. Pieces of work go round queues load-0, load-1 … Prints one line of JSON: pieces of
 * work, seconds, the latency of a piece of work, and the CPU time that process PID, the server,
 * spent.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct work {
    const char *name;
    step steps[3];
    size_t count;
} work;

static const work works[] = {
    {"send", {STEP_SEND}, 1},
    {"batch", {STEP_BATCH}, 1},
    {"receive", {STEP_PEEK}, 1}, /* the same messages again and again: the backlog stays */
    {"delete", {STEP_DELETE}, 1},
    {"cycle", {STEP_SEND, STEP_RECEIVE, STEP_DELETE}, 3},
    {"wake", {STEP_WAIT, STEP_DELETE}, 2},
};
/* What `delete` needs first. */
static const work collect_batches = {"collect", {STEP_BATCH, STEP_RECEIVE}, 2};
static const work collect_single = {"collect", {STEP_SEND}, 1};

static const protocol *protocol_used;
static int port;
static int queues = 1;
static int poller;
static connection *connections;
static int connection_count;

static struct {
    char text[HANDLE_SIZE];
    int queue;
} * handles; /* of messages to delete */
static size_t handle_count, handles_used;

static uint32_t *latencies_ns; /* of the pieces of work done */
static size_t done, done_room;
static size_t begun, limit; /* pieces of work; limit: SIZE_MAX: until the time is over */
static int64_t until_ns;

void give_up(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* --- Connections ---------------------------------------------------------------------------- */

static void open_connection(connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    *c = (connection){
        .fd = socket(AF_INET, SOCK_STREAM, 0), .out = malloc(OUT_BYTES), .in = malloc(IN_BYTES)};
    if (!c->out || !c->in)
        give_up("out of memory");
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        give_up("cannot connect to port %d: %s", port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0)
        give_up("epoll: %s", strerror(errno));
}

/* A request is never larger than a socket's buffer. */
static void call(connection *c, step what, const char *handle)
{
    c->out_len = protocol_used->request(c, what, handle, c->out);
    c->in_len = 0;
    if (send(c->fd, c->out, c->out_len, MSG_NOSIGNAL) != (ssize_t)c->out_len)
        give_up("cannot send: %s", strerror(errno));
}

/* Whether the answer is whole. */
static bool take(connection *c, step what)
{
    ssize_t got = recv(c->fd, c->in + c->in_len, IN_BYTES - 1 - c->in_len, 0);
    if (got <= 0)
        give_up("the server closed the connection: %s", got ? strerror(errno) : "end");
    c->in_len += (size_t)got;
    c->in[c->in_len] = '\0';
    return protocol_used->whole(c, what) > 0;
}

/* --- Running a piece of work ---------------------------------------------------------------- */

static const char *handle_for(const work *w, connection *c)
{
    if (w->steps[c->at] == STEP_RECEIVE)
        return w == &collect_batches ? "" : NULL;
    if (w->steps[c->at] != STEP_DELETE || w->count > 1 || handle_count == 0)
        return c->handle;
    size_t at = handles_used++ % handle_count;
    c->queue = handles[at].queue;
    return handles[at].text;
}

static bool start(const work *w, connection *c)
{
    c->at = 0;
    if (begun >= limit || now_ns() >= until_ns)
        return false;
    c->queue = (int)(begun++ % (size_t)queues);
    c->begun_ns = now_ns();
    const char *handle = handle_for(w, c); /* may choose the queue */
    call(c, w->steps[0], handle);
    return true;
}

static void note_done(const connection *c)
{
    if (done == done_room) {
        done_room = done_room ? done_room * 2 : 1 << 16;
        latencies_ns = realloc(latencies_ns, done_room * sizeof *latencies_ns);
        if (!latencies_ns)
            give_up("out of memory");
    }
    int64_t taken = now_ns() - c->begun_ns;
    latencies_ns[done++] = taken > UINT32_MAX ? UINT32_MAX : (uint32_t)taken;
}

static void keep_handles(const work *w, connection *c)
{
    char handle[HANDLE_SIZE];
    const char *from = NULL;
    bool collecting = w == &collect_batches || w == &collect_single;
    if (w->steps[c->at] == STEP_BATCH || w->steps[c->at] == STEP_DELETE)
        return;
    while ((from = protocol_used->next_handle(c, from, handle))) {
        memcpy(c->handle, handle, sizeof handle);
        if (!collecting)
            continue;
        memcpy(handles[handle_count].text, handle, sizeof handle);
        handles[handle_count++].queue = c->queue;
    }
}

/* true: the connection goes on. */
static bool go_on(const work *w, connection *c)
{
    if (!take(c, w->steps[c->at]))
        return true;
    keep_handles(w, c);
    if (++c->at < w->count) {
        call(c, w->steps[c->at], handle_for(w, c));
        return true;
    }
    note_done(c);
    return start(w, c);
}

/* Runs until pieces of work are begun or the time is over, and what was begun is done. Returns
 * nanoseconds. */
static int64_t run(const work *w, size_t pieces, int64_t time_ns)
{
    struct epoll_event events[64];
    int open = 0;
    done = begun = 0;
    limit = pieces;
    int64_t from_ns = now_ns();
    until_ns = time_ns ? from_ns + time_ns : INT64_MAX;
    for (int i = 0; i < connection_count; i++)
        open += start(w, &connections[i]);
    while (open > 0) {
        int count = epoll_wait(poller, events, 64, 30000);
        if (count <= 0)
            give_up("no answer within 30 s");
        for (int i = 0; i < count; i++)
            open -= !go_on(w, events[i].data.ptr);
    }
    return now_ns() - from_ns;
}

/* --- Waking --------------------------------------------------------------------------------- */

static void await(connection *c, step what)
{
    while (!take(c, what))
        continue;
}

static void pause_ms(long ms)
{
    struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

/* All connections but the first wait for a message; the first sends one, again and again. The time
 * from the send to when somebody has it. */
static int64_t run_wakes(size_t pieces)
{
    connection *sender = &connections[0];
    struct epoll_event event;
    int64_t from_ns = now_ns();
    epoll_ctl(poller, EPOLL_CTL_DEL, sender->fd, NULL);
    for (int i = 1; i < connection_count; i++)
        call(&connections[i], STEP_WAIT, NULL);
    for (size_t i = 0; i < pieces; i++) {
        pause_ms(2); /* for those who wait to be waiting */
        int64_t sent_ns = now_ns();
        call(sender, STEP_SEND, NULL);
        if (epoll_wait(poller, &event, 1, 30000) != 1)
            give_up("nobody was woken within 30 s");
        connection *woken = event.data.ptr;
        await(woken, STEP_WAIT);
        note_done(&(connection){.begun_ns = sent_ns});
        await(sender, STEP_SEND);
        if (!protocol_used->next_handle(woken, NULL, woken->handle))
            give_up("a long poll ended without a message");
        call(woken, STEP_DELETE, woken->handle);
        await(woken, STEP_DELETE);
        call(woken, STEP_WAIT, NULL);
    }
    return now_ns() - from_ns;
}

/* --- CPU time ------------------------------------------------------------------------------- */

/* Of all threads of a process that are there: schedstat begins with nanoseconds. */
static double cpu_s(const char *pid)
{
    char pattern[64];
    double sum = 0, ns;
    glob_t found;
    snprintf(pattern, sizeof pattern, "/proc/%s/task/*/schedstat", pid);
    if (glob(pattern, 0, NULL, &found) != 0)
        give_up("there is no process %s", pid);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        FILE *file = fopen(found.gl_pathv[i], "r");
        if (file && fscanf(file, "%lf", &ns) == 1)
            sum += ns / 1e9;
        if (file)
            fclose(file);
    }
    globfree(&found);
    return sum;
}

/* --- The command ---------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_us(size_t percent)
{
    return done ? latencies_ns[(done - 1) * percent / 100] / 1000.0 : 0;
}

static void collect(size_t count)
{
    bool batches = protocol_used->batches;
    handles = calloc(count + BATCH_SIZE * (size_t)connection_count, sizeof *handles);
    if (!handles)
        give_up("out of memory");
    run(batches ? &collect_batches : &collect_single, batches ? count / BATCH_SIZE : count, 0);
}

static const work *find_work(const char *name)
{
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        if (strcmp(works[i].name, name) == 0)
            return &works[i];
    give_up("there is no work %s", name);
}

/* Of all but these sqs: a server that keeps nothing speaks it, too. */
static const protocol *find_protocol(const char *name)
{
    static const protocol *const others[] = {&sqs_fifo_protocol, &beanstalkd_protocol};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i]->name, name) == 0)
            return others[i];
    return &sqs_protocol;
}

static void report(int64_t ns, double server_s)
{
    qsort(latencies_ns, done, sizeof *latencies_ns, by_size);
    printf("{\"count\":%zu,\"seconds\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"cpu_s\":%.6f}\n",
           done, (double)ns / 1e9, percentile_us(50), percentile_us(99), server_s);
}

static void open_connections(int count)
{
    poller = epoll_create1(0);
    connection_count = count;
    connections = calloc((size_t)count, sizeof *connections);
    if (poller < 0 || !connections)
        give_up("cannot begin: %s", strerror(errno));
    for (int i = 0; i < count; i++)
        open_connection(&connections[i]);
}

int main(int argc, char **argv)
{
    if (argc != 8)
        give_up("usage: load PROTOCOL PORT WORK CONNECTIONS COUNT|MILLISECONDSms QUEUES PID");
    protocol_used = find_protocol(argv[1]);
    srandom((unsigned)now_ns()); /* for groups and deduplication ids of runs to differ */
    port = atoi(argv[2]);
    const work *w = find_work(argv[3]);
    bool wakes = w->steps[0] == STEP_WAIT;
    size_t number = strtoul(argv[5], NULL, 10);
    bool timed = strstr(argv[5], "ms") != NULL;
    queues = atoi(argv[6]);
    open_connections(atoi(argv[4]) + wakes);
    if (w->steps[0] == STEP_DELETE && strcmp(argv[1], "canned") != 0) {
        collect(number);
        number = handle_count;
    }
    double before_s = cpu_s(argv[7]);
    int64_t ns = wakes ? run_wakes(number)
                       : run(w, timed ? SIZE_MAX : number, timed ? (int64_t)number * 1000000 : 0);
    report(ns, cpu_s(argv[7]) - before_s);
    return 0;
}
