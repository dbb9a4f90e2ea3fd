/* SPDX-License-Identifier: MIT
 *
 * work: `lambdakiq work`: queues of any SQS, and a command as the function that works on them, with
 * Lambda's semantics: the same program or image runs on Lambda, in a container or on a bare server.
 */
#include "work.h"

#include "grace.h"
#include "json.h"
#include "mapping.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct work_options {
    lk_cli_list queues;
    lk_cli_list filters;
    const char *name;
    const char *region;
    const char *log_format;
    int64_t processes;
    int64_t min_processes;
    int64_t batch_size;
    int64_t window_s;
    int64_t timeout_s;
    int64_t grace_s;
    int64_t memory_mb; /* 0: no limit */
    bool log_json;
    bool no_heartbeat;
    bool no_report;
    char **command;
} work_options;

typedef struct work_queue {
    char *url;
    char *arn;
    lk_mapping *mapping;
} work_queue;

typedef struct work {
    const lk_cli *cli;
    work_options *options;
    lk_client *client;
    lk_function *function;
    work_queue queues[LK_CLI_LIST_MAX];
    size_t count;
    char region[64]; /* of the first queue, when no option says it */
    char account[32];
    pthread_t main_thread;
    pthread_mutex_t lock; /* guards lost */
    lk_err lost;          /* code LK_OK: nothing was lost */
} work;

/* --- Queues --------------------------------------------------------------------------------- */

static lk_client_options client_options(const work *w)
{
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.region = w->options->region;
    options.user_agent = "work";
    return options;
}

static int read_arn(lk_client *client, const char *url, char **arn, lk_err *err)
{
    lk_buf params = {0};
    lk_json_writer w = {.out = &params};
    char *response = NULL;
    size_t len = 0;
    lk_json *json = NULL;
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "QueueUrl", url);
    lk_json_key(&w, "AttributeNames");
    lk_json_begin_array(&w);
    lk_json_value_str(&w, "QueueArn");
    lk_json_end_array(&w);
    lk_json_end_object(&w);
    int rc = lk_buf_check(&params, err);
    if (rc == 0)
        rc = lk_sqs_call(client, "GetQueueAttributes", lk_buf_slice(&params), &response, &len, err);
    if (rc == 0)
        rc = lk_json_parse((lk_slice){response, len}, "answer to GetQueueAttributes", &json, err);
    if (rc == 0) {
        lk_slice text = lk_json_string(lk_json_get(lk_json_get(json, "Attributes"), "QueueArn"));
        *arn = lk_slice_dup(text);
        rc = text.len == 0 ? LK_FAIL(err, LK_E_INVALID, "queue %s has no ARN", url)
             : *arn        ? 0
                           : LK_FAIL_NOMEM(err);
    }
    lk_json_free(json);
    lk_free(response);
    lk_buf_clear(&params);
    return rc;
}

/* Fields 3 and 4 of the ARN are the function's too: Lambda polls queues of its own region. */
static void take_place(work *w, const char *arn)
{
    lk_slice field, rest = lk_slice_of(arn);
    for (int i = 0; i < 4; i++)
        rest = lk_slice_cut(rest, ':', &field);
    lk_slice_copy(field, w->region, sizeof(w->region));
    lk_slice_cut(rest, ':', &field);
    lk_slice_copy(field, w->account, sizeof(w->account));
}

static int find_queues(work *w, lk_err *err)
{
    lk_client_options options = client_options(w);
    w->client = lk_client_new(&options, err);
    if (!w->client)
        return err->code;
    for (size_t i = 0; i < w->options->queues.count; i++) {
        work_queue *queue = &w->queues[w->count++];
        int rc =
            lk_queue_url(w->client, lk_slice_of(w->options->queues.items[i]), &queue->url, err);
        if (rc == 0)
            rc = read_arn(w->client, queue->url, &queue->arn, err);
        if (rc != 0)
            return rc;
    }
    take_place(w, w->queues[0].arn);
    return 0;
}

/* --- Starting ------------------------------------------------------------------------------- */

static int start_function(work *w, lk_err *err)
{
    const work_options *o = w->options;
    lk_function_options options = {.name = o->name,
                                   .argv = (const char *const *)o->command,
                                   .workers = (int)o->processes,
                                   .min_workers = (int)o->min_processes,
                                   .timeout_ms = o->timeout_s * 1000,
                                   .memory_mb = (int)o->memory_mb,
                                   .memory_limit = o->memory_mb > 0,
                                   .region = w->region,
                                   .account = w->account,
                                   .log_fd = w->cli->json ? STDERR_FILENO : STDOUT_FILENO,
                                   .log_json = o->log_json};
    return lk_function_start(&options, &w->function, err);
}

/* From a poller: the main thread waits for signals. */
static void lost(void *ctx, const lk_err *err)
{
    work *w = ctx;
    pthread_mutex_lock(&w->lock);
    if (w->lost.code == LK_OK)
        w->lost = *err;
    pthread_mutex_unlock(&w->lock);
    // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread,cert-pos44-c): blocked in all threads
    pthread_kill(w->main_thread, SIGTERM);
}

static int start_mappings(work *w, lk_err *err)
{
    const work_options *o = w->options;
    for (size_t i = 0; i < w->count; i++) {
        work_queue *queue = &w->queues[i];
        int64_t share =
            o->processes / (int64_t)w->count + ((int64_t)i < o->processes % (int64_t)w->count);
        lk_mapping_options options = {.queue_arn = queue->arn,
                                      .queue_url = queue->url,
                                      .region = w->region,
                                      .client = client_options(w),
                                      .batch_size = (int)o->batch_size,
                                      .window_s = (int)o->window_s,
                                      .report_batch_item_failures = !o->no_report,
                                      .filter_patterns = o->filters.items,
                                      .filter_count = o->filters.count,
                                      .max_concurrency = (int)share,
                                      .keep_hidden = !o->no_heartbeat,
                                      .lost = lost,
                                      .lost_ctx = w};
        int rc = lk_mapping_start(&options, w->function, &queue->mapping, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- Saying --------------------------------------------------------------------------------- */

static void say_json(const work *w)
{
    lk_buf line = {0};
    lk_json_writer j = {.out = &line};
    lk_json_begin_object(&j);
    lk_json_key(&j, "queues");
    lk_json_begin_array(&j);
    for (size_t i = 0; i < w->count; i++) {
        lk_json_begin_object(&j);
        lk_json_member_str(&j, "url", w->queues[i].url);
        lk_json_member_str(&j, "arn", w->queues[i].arn);
        lk_json_end_object(&j);
    }
    lk_json_end_array(&j);
    lk_json_member_int(&j, "processes", w->options->processes);
    lk_json_end_object(&j);
    puts(line.failed ? "{}" : line.ptr);
    fflush(stdout);
    lk_buf_clear(&line);
}

static void say_ready(const work *w)
{
    const work_options *o = w->options;
    if (w->cli->json) {
        say_json(w);
        return;
    }
    for (size_t i = 0; i < w->count; i++)
        printf("Working on %s%s%s\n", lk_cli_style_start(w->cli->out_colour, LK_CLI_BOLD),
               w->queues[i].url, lk_cli_style_start(w->cli->out_colour, LK_CLI_PLAIN));
    printf("Function %s: up to %lld process%s, timeout %lld s; SIGTERM or Ctrl-C stops it\n",
           o->name, (long long)o->processes, o->processes == 1 ? "" : "es",
           (long long)o->timeout_s);
    fflush(stdout);
}

/* --- Stopping ------------------------------------------------------------------------------- */

/* No new messages; running jobs finish, and are settled, within the grace time. */
static void stop(work *w)
{
    lk_cli_grace grace;
    for (size_t i = 0; i < w->count; i++)
        if (w->queues[i].mapping)
            lk_mapping_quit(w->queues[i].mapping);
    lk_cli_grace_begin(&grace, w->cli, &w->function, w->function ? 1 : 0,
                       w->options->grace_s * 1000);
    for (size_t i = 0; i < w->count; i++)
        lk_mapping_stop(w->queues[i].mapping);
    lk_cli_grace_end(&grace);
    lk_function_free(w->function);
    lk_client_free(w->client);
    for (size_t i = 0; i < w->count; i++) {
        lk_free(w->queues[i].url);
        free(w->queues[i].arn);
    }
}

/* --- The command ---------------------------------------------------------------------------- */

static int work_until_signal(work *w)
{
    lk_err err;
    int rc = find_queues(w, &err);
    if (rc == 0)
        rc = start_function(w, &err);
    if (rc == 0)
        rc = start_mappings(w, &err);
    if (rc == 0) {
        say_ready(w);
        lk_cli_signal_wait(-1);
    }
    stop(w);
    if (rc != 0)
        return lk_cli_fail(w->cli, &err);
    return w->lost.code == LK_OK ? LK_CLI_OK : lk_cli_fail(w->cli, &w->lost);
}

static int check_line(const lk_cli_command *command, work_options *o, const lk_cli_args *args)
{
    if (args->count > 0)
        return lk_cli_misuse(command,
                             "unexpected argument \"%s\"; the command to run stands behind \"--\"",
                             args->positional[0]);
    if (!args->command || !args->command[0])
        return lk_cli_misuse(command, "there is no command behind \"--\"");
    if (o->queues.count == 0)
        return lk_cli_misuse(command, "which queue? --queue takes its name, URL or ARN");
    if (o->processes < (int64_t)o->queues.count && o->processes > 0)
        return lk_cli_misuse(command, "--processes must be %zu at least, one for each queue",
                             o->queues.count);
    if (o->processes == 0)
        o->processes = (int64_t)o->queues.count;
    if (o->min_processes > o->processes)
        return lk_cli_misuse(command, "--min-processes is more than --processes");
    o->command = args->command;
    return lk_cli_log_format(command, o->log_format, &o->log_json);
}

static int run(const lk_cli_command *command, int argc, char **argv)
{
    work_options o = {
        .name = "jobs", .min_processes = 1, .batch_size = 1, .timeout_s = 300, .grace_s = 25};
    const lk_cli_option table[] = {
        {"queue", 'q', LK_CLI_LIST, &o.queues, "QUEUE",
         "A queue's name, URL or ARN; may be repeated", 0, 0},
        {"processes", 'w', LK_CLI_INT, &o.processes, "N",
         "Worker processes at most (default one for each queue)", 1, 1000},
        {"min-processes", 0, LK_CLI_INT, &o.min_processes, "N",
         "… that run without work too (default 1)", 1, 1000},
        {"batch-size", 'b', LK_CLI_INT, &o.batch_size, "N",
         "Messages in an event, 1 to 10000; FIFO queues 10 (default 1)", 1, 10000},
        {"window", 0, LK_CLI_INT, &o.window_s, "S",
         "How long to fill a batch; needed above 10 (default 0)", 0, 300},
        {"filter", 'f', LK_CLI_LIST, &o.filters, "PATTERN",
         "Delete messages that no filter pattern matches; may be repeated", 0, 0},
        {"timeout", 't', LK_CLI_INT, &o.timeout_s, "S", "What an invocation may take (default 300)",
         1, LK_MAX_VISIBILITY_S - 60},
        {"grace", 'g', LK_CLI_INT, &o.grace_s, "S",
         "What running jobs get when we are told to stop (default 25)", 0, LK_MAX_VISIBILITY_S},
        {"memory", 'm', LK_CLI_INT, &o.memory_mb, "MB",
         "End a process that takes more, as Lambda does (default no limit)", 16, 1 << 20},
        {"log-format", 0, LK_CLI_STRING, &o.log_format, "FORMAT",
         "Of Lambda's lines and AWS_LAMBDA_LOG_FORMAT: Text or JSON (default Text)", 0, 0},
        {"no-heartbeat", 0, LK_CLI_FLAG, &o.no_heartbeat, NULL,
         "Refuse jobs longer than the visibility timeout, as Lambda does", 0, 0},
        {"no-report-batch-item-failures", 0, LK_CLI_FLAG, &o.no_report, NULL,
         "Do not use ReportBatchItemFailures", 0, 0},
        {"name", 'n', LK_CLI_STRING, &o.name, "NAME", "The function's name (default jobs)", 0, 0},
        {"region", 0, LK_CLI_STRING, &o.region, "NAME",
         "Region (default AWS_REGION, or the profile's)", 0, 0},
    };
    lk_cli cli;
    lk_cli_args args;
    int exit_code;
    if (!lk_cli_parse(command, table, LK_COUNT(table), argc, argv, &cli, &args, &exit_code))
        return exit_code;
    exit_code = check_line(command, &o, &args);
    if (exit_code != LK_CLI_OK)
        return exit_code;
    lk_cli_signals_block();
    work w = {.cli = &cli,
              .options = &o,
              .main_thread = pthread_self(),
              .lock = PTHREAD_MUTEX_INITIALIZER};
    return work_until_signal(&w);
}

const lk_cli_command lk_cli_work = {
    .name = "work",
    .synopsis = "lambdakiq work --queue QUEUE... [options] -- COMMAND [ARGUMENT]...",
    .summary = "Run a jobs function on the queues of any SQS, without Lambda.",
    .details =
        "COMMAND is what would run on Lambda: a `bootstrap` in C, or lambdakiq-handler for Ruby.\n"
        "It speaks the Lambda Runtime API and gets Lambda's environment; the same image works\n"
        "on Lambda, in a container service and on a server. Credentials, region and\n"
        "AWS_ENDPOINT_URL_SQS are looked for where all AWS tools look. The number of processes\n"
        "follows the backlog.\n"
        "\n"
        "  lambdakiq work --queue jobs --processes 8 -- bundle exec lambdakiq-handler app.handler\n"
        "  lambdakiq work -q https://sqs.eu-west-1.amazonaws.com/123456789012/thumbs -- "
        "./bootstrap\n"
        "\n"
        "Jobs may take longer than the queue's VisibilityTimeout: with --batch-size 1 a message "
        "is\n"
        "kept hidden while it is worked on; larger batches are received hidden for --timeout.\n"
        "\n"
        "SIGTERM, SIGINT: no new messages, running jobs get --grace seconds; what does not finish\n"
        "comes back. Exit codes: 0 told to stop, 1 a queue is gone or cannot be read, 2 misused.",
    .run = run,
};
