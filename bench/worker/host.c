/* SPDX-License-Identifier: MIT
 *
 * host: one execution environment as `lambdakiq dev` has them, and invocations in a row.
 *
 *     host INVOCATIONS BATCH COMMAND…
 *
 * Receives INVOCATIONS * BATCH messages (and a tenth more, to warm up) from queue load-0 of the SQS
 * that AWS_ENDPOINT_URL_SQS names, makes events of them as Lambda does, and hands them to the
 * process that COMMAND starts. Prints one line of JSON: milliseconds from the start of the process
 * to its first `next`, seconds for the invocations, CPU time and resident memory of the process.
 */
#include "function_api.h"
#include "mapping_event.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP_PART  10
#define DEADLINE_MS   300000
#define VISIBILITY_S  43200
#define START_WAIT_MS 10000

typedef struct host {
    lk_function_api *api;
    pid_t pid;
    _Atomic int64_t ready_us; /* of the first next; 0: not yet */
    lk_buf *events;
} host;

static int64_t mono_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void check(int rc, const lk_err *err)
{
    if (rc < 0) {
        fprintf(stderr, "host: %s\n", err->message);
        exit(1);
    }
}

/* --- Events --------------------------------------------------------------------------------- */

/* The size of a batch is what one receive takes at most: ten. */
static void make_event(lk_client *client, int batch, lk_buf *event)
{
    static char arn[] = "arn:aws:sqs:us-east-1:000000000000:load-0";
    static char region[] = "us-east-1";
    const lk_mapping_facts facts = {.queue_arn = arn, .region = region};
    const lk_message *messages[10];
    lk_messages *received;
    size_t taken;
    lk_err err;
    check(lk_receive(client, lk_slice_of("load-0"), batch, 0, VISIBILITY_S, &received, &err), &err);
    size_t count = lk_messages_count(received);
    if (count != (size_t)batch) {
        fprintf(stderr, "host: queue load-0 gave %zu messages, not %d\n", count, batch);
        exit(1);
    }
    for (size_t i = 0; i < count; i++)
        messages[i] = lk_messages_at(received, i);
    check(lk_mapping_event(&facts, messages, count, LK_EVENT_MAX_BYTES, event, &taken, &err), &err);
    lk_messages_free(received);
}

static void make_events(host *h, size_t count, int batch)
{
    lk_err err;
    lk_client *client = lk_client_new(NULL, &err);
    check(client ? 0 : err.code, &err);
    h->events = calloc(count, sizeof *h->events);
    for (size_t i = 0; h->events && i < count; i++)
        make_event(client, batch, &h->events[i]);
    lk_client_free(client);
}

/* --- The process ---------------------------------------------------------------------------- */

static void ready(void *ctx)
{
    host *h = ctx;
    if (h->ready_us == 0)
        h->ready_us = mono_us();
}

static void init_failed(void *ctx, lk_slice payload)
{
    (void)ctx;
    fprintf(stderr, "host: it could not start: %.*s\n", LK_SLICE_FMT(payload));
    exit(1);
}

/* Its lines go nowhere. */
static void start(host *h, char **command)
{
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", lk_function_api_port(h->api));
    setenv("AWS_LAMBDA_RUNTIME_API", address, 1);
    setenv("AWS_LAMBDA_FUNCTION_NAME", "bench", 1);
    h->pid = fork();
    if (h->pid != 0)
        return;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    execv(command[0], command);
    _exit(127);
}

static double cpu_s(pid_t pid)
{
    char pattern[64];
    double sum = 0, ns;
    glob_t found;
    snprintf(pattern, sizeof pattern, "/proc/%ld/task/*/schedstat", (long)pid);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
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

static long memory_kb(pid_t pid)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kb;
}

/* --- Invocations ---------------------------------------------------------------------------- */

static void invoke(host *h, size_t number)
{
    char id[64], error_type[LK_ERROR_TYPE_SIZE];
    lk_buf payload = {0};
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012zu", number);
    const lk_function_request request = {.request_id = id,
                                         .function_arn =
                                             "arn:aws:lambda:us-east-1:000000000000:function:bench",
                                         .deadline_ms = lk_now_ms() + DEADLINE_MS,
                                         .event = lk_buf_slice(&h->events[number])};
    lk_function_answer answer = lk_function_api_invoke(h->api, &request, &payload, error_type);
    if (answer != LK_ANSWER_RESPONSE ||
        (payload.len > 2 && !strstr(payload.ptr, "\"batchItemFailures\":[]"))) {
        fprintf(stderr, "host: invocation %zu failed: %.*s\n", number, (int)payload.len,
                payload.ptr);
        exit(1);
    }
    lk_buf_clear(&payload);
}

static void wait_until_ready(const host *h)
{
    for (int64_t end_ms = lk_mono_ms() + START_WAIT_MS; h->ready_us == 0;) {
        if (lk_mono_ms() > end_ms || waitpid(h->pid, NULL, WNOHANG) != 0) {
            fprintf(stderr, "host: it asked for no event\n");
            exit(1);
        }
        usleep(200);
    }
}

static void end(host *h)
{
    kill(h->pid, SIGTERM);
    waitpid(h->pid, NULL, 0);
    lk_function_api_free(h->api);
}

int main(int argc, char **argv)
{
    host h = {.pid = -1};
    const lk_function_api_hooks hooks = {.ready = ready, .init_failed = init_failed, .ctx = &h};
    lk_err err;
    if (argc < 4) {
        fprintf(stderr, "usage: host INVOCATIONS BATCH COMMAND…\n");
        return 2;
    }
    size_t count = strtoul(argv[1], NULL, 10), warm_up = count / WARM_UP_PART;
    make_events(&h, count + warm_up, atoi(argv[2]));
    check(lk_function_api_start(&hooks, &h.api, &err), &err);
    int64_t started_us = mono_us();
    start(&h, argv + 3);
    wait_until_ready(&h);
    for (size_t i = 0; i < warm_up; i++)
        invoke(&h, i);
    double cpu_before_s = cpu_s(h.pid);
    int64_t from_us = mono_us();
    for (size_t i = 0; i < count; i++)
        invoke(&h, warm_up + i);
    printf("{\"start_ms\":%.3f,\"seconds\":%.6f,\"cpu_s\":%.6f,\"rss_kb\":%ld}\n",
           (double)(h.ready_us - started_us) / 1e3, (double)(mono_us() - from_us) / 1e6,
           cpu_s(h.pid) - cpu_before_s, memory_kb(h.pid));
    end(&h);
    return 0;
}
