/* SPDX-License-Identifier: MIT
 *
 * dev: `lambdakiq dev`: the local SQS, its queues, a command as the jobs function, and event source
 * mappings between them, until a signal asks to stop.
 */
#include "dev.h"

#include "dev_function.h"
#include "grace.h"
#include "json.h"
#include "mapping.h"
#include "queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCOUNT "000000000000"

enum {
    STOP_GRACE_MS = 30000, /* what a running job gets when we are asked to stop */
    QUEUES_MAX = LK_CLI_LIST_MAX,
    ENV_MAX = 8,
    RECURSION_LIMIT = 16
};

typedef struct dev_options {
    lk_cli_list queues;
    lk_cli_list functions; /* besides the command, "QUEUE=COMMAND" */
    const char *db;
    const char *region;
    const char *name;
    int64_t port;
    int64_t workers;
    int64_t batch_size;
    int64_t timeout_s;
    int64_t visibility_s;
    int64_t max_receive_count;
    int64_t memory_mb;
    bool fifo;
    bool clock;
    bool no_report;
    bool allow_recursion;
    bool print_env;
    char **command;
} dev_options;

/* A variable for the processes around the queues, in the order they are printed. */
typedef struct variable {
    const char *name;
    lk_buf value;
} variable;

typedef struct dev {
    const lk_cli *cli;
    dev_options *options;
    lk_cli_queue queues[QUEUES_MAX]; /* the command's first, then one for each other function */
    size_t queue_count;
    size_t command_queue_count;
    lk_dev_function functions[QUEUES_MAX + 1]; /* the command's first */
    size_t function_count;
    variable env[ENV_MAX];
    size_t env_count;
    lk_buf clock_path;
    lk_clock *clock;
    lk_server *server;
    lk_mapping *mappings[QUEUES_MAX];
    size_t mapping_count;
} dev;

/* --- Names ---------------------------------------------------------------------------------- */

static bool in_memory(const dev *d)
{
    return strcmp(d->options->db, ":memory:") == 0;
}

static int name_queue(dev *d, const char *name, lk_err *err)
{
    const dev_options *o = d->options;
    if (d->queue_count == QUEUES_MAX)
        return LK_FAIL(err, LK_E_INVALID, "more than %d queues", QUEUES_MAX);
    lk_cli_queue *queue = &d->queues[d->queue_count];
    int rc = lk_cli_queue_name(queue, name, o->fifo, err);
    if (rc != 0)
        return rc;
    queue->visibility_s = o->visibility_s ? o->visibility_s : o->timeout_s + 1;
    queue->max_receive_count = o->max_receive_count ? o->max_receive_count
                               : queue->fifo        ? LK_CLI_RECEIVES_FIFO
                                                    : LK_CLI_RECEIVES;
    d->queue_count++;
    return 0;
}

/* Whether the last queue is one of those before it. */
static bool is_named_twice(const dev *d)
{
    const char *name = d->queues[d->queue_count - 1].name;
    for (size_t i = 0; i + 1 < d->queue_count; i++) {
        if (strcmp(d->queues[i].name, name) == 0)
            return true;
    }
    return false;
}

static int name_queues(dev *d, lk_err *err)
{
    dev_options *o = d->options;
    int rc = 0;
    if (o->queues.count == 0)
        o->queues.items[o->queues.count++] = "jobs";
    for (size_t i = 0; rc == 0 && i < o->queues.count; i++)
        rc = name_queue(d, o->queues.items[i], err);
    d->command_queue_count = d->queue_count;
    d->functions[d->function_count++] =
        (lk_dev_function){.name = o->name, .argv = (const char *const *)o->command};
    for (size_t i = 0; rc == 0 && i < o->functions.count; i++) {
        lk_dev_function *f = &d->functions[d->function_count++];
        rc = lk_dev_function_read(f, o->functions.items[i], err);
        if (rc == 0)
            rc = name_queue(d, f->queue, err);
        if (rc == 0 && is_named_twice(d))
            rc = LK_FAIL(err, LK_E_INVALID, "--function %s: the queue has a function already",
                         f->queue);
    }
    return rc;
}

/* Beside the database, because the two belong together: messages sent under a moved clock are in
 * the future for one that is not. Absolute, because the web process runs elsewhere. */
static int name_clock(dev *d, lk_err *err)
{
    char *cwd = getcwd(NULL, 0);
    const char *db = d->options->db;
    if (in_memory(d))
        lk_buf_addf(&d->clock_path, "%s/lambdakiq-%ld.clock",
                    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
    else
        lk_buf_addf(&d->clock_path, "%s%s%s.clock", db[0] == '/' || !cwd ? "" : cwd,
                    db[0] == '/' || !cwd ? "" : "/", db);
    free(cwd);
    return lk_buf_check(&d->clock_path, err);
}

static void add_variable(dev *d, const char *name, const char *value)
{
    variable *v = &d->env[d->env_count++];
    v->name = name;
    lk_buf_add_str(&v->value, value);
}

/* AWS_ENDPOINT_URL_SQS comes last: who reads our output for it has all of them then. */
static void make_env(dev *d, const char *url)
{
    add_variable(d, "AWS_REGION", d->options->region);
    if (!getenv("AWS_ACCESS_KEY_ID") && !getenv("AWS_PROFILE")) {
        add_variable(d, "AWS_ACCESS_KEY_ID", "local");
        add_variable(d, "AWS_SECRET_ACCESS_KEY", "local");
    }
    add_variable(d, "JOBS_QUEUE_NAME", d->queues[0].name);
    add_variable(d, "LAMBDAKIQ_CLOCK_FILE", d->clock_path.ptr);
    add_variable(d, "AWS_ENDPOINT_URL_SQS", url);
}

/* --- Saying --------------------------------------------------------------------------------- */

/* As a POSIX shell reads it back. */
static void print_quoted(const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:@%+=,";
    if (value[strspn(value, plain)] == '\0') {
        fputs(value, stdout);
        return;
    }
    putchar('\'');
    for (const char *c = value; *c; c++)
        fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, stdout);
    putchar('\'');
}

static void print_exports(const dev *d, const char *indent)
{
    for (size_t i = 0; i < d->env_count; i++) {
        printf("%sexport %s=", indent, d->env[i].name);
        print_quoted(d->env[i].value.ptr);
        putchar('\n');
    }
    fflush(stdout);
}

static void write_json_facts(const dev *d, lk_json_writer *w)
{
    lk_json_begin_object(w);
    lk_json_key(w, "env");
    lk_json_begin_object(w);
    for (size_t i = 0; i < d->env_count; i++)
        lk_json_member_string(w, d->env[i].name, lk_buf_slice(&d->env[i].value));
    lk_json_end_object(w);
    lk_json_key(w, "queues");
    lk_json_begin_array(w);
    for (size_t i = 0; i < d->queue_count; i++) {
        lk_json_begin_object(w);
        lk_json_member_str(w, "name", d->queues[i].name);
        lk_json_member_str(w, "dead_letters", d->queues[i].dead_name);
        lk_json_member_int(w, "max_receive_count", d->queues[i].max_receive_count);
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
    lk_json_end_object(w);
}

static void say_json(const dev *d)
{
    lk_buf line = {0};
    lk_json_writer w = {.out = &line};
    write_json_facts(d, &w);
    puts(line.failed ? "{}" : line.ptr);
    fflush(stdout);
    lk_buf_clear(&line);
}

static void say_clock(const dev *d)
{
    int64_t offset_ms = lk_clock_offset_get_ms(d->clock);
    const char *url = lk_server_url(d->server);
    if (offset_ms > 0)
        printf("The clock is %.1f hours ahead, as %s says.\n", (double)offset_ms / 3600000,
               d->clock_path.ptr);
    if (d->options->clock)
        printf("To move the clock:\n"
               "  curl -d '{\"advance_s\": 3600}' %s/_lambdakiq/clock\n"
               "  curl -d '{\"to_next\": true}' %s/_lambdakiq/clock\n",
               url, url);
}

static void say_ready(const dev *d)
{
    const char *bold = lk_cli_style_start(d->cli->out_colour, LK_CLI_BOLD);
    const char *plain = lk_cli_style_start(d->cli->out_colour, LK_CLI_PLAIN);
    if (d->cli->json) {
        say_json(d);
        return;
    }
    printf("SQS is at %s%s%s (data in %s)\n", bold, lk_server_url(d->server), plain,
           d->options->db);
    for (size_t i = 0; i < d->queue_count; i++)
        printf("Queue %s%s%s, dead letters go to %s after %lld receives\n", bold, d->queues[i].name,
               plain, d->queues[i].dead_name, (long long)d->queues[i].max_receive_count);
    for (size_t i = 0; i < d->function_count; i++)
        printf("Function %s: %d worker%s, timeout %lld s; Ctrl-C stops it\n", d->functions[i].name,
               d->functions[i].workers, d->functions[i].workers == 1 ? "" : "s",
               (long long)d->options->timeout_s);
    say_clock(d);
    printf("For the process that enqueues:\n");
    print_exports(d, "  ");
}

/* --- Starting ------------------------------------------------------------------------------- */

/* The database's directory, with those above it. */
static int make_directories(const char *file, lk_err *err)
{
    char path[4096];
    if (!lk_slice_copy(lk_slice_of(file), path, sizeof(path)))
        return LK_FAIL(err, LK_E_INVALID, "the path of the database is too long");
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return LK_FAIL(err, LK_E_IO, "cannot make the directory %s for the database: %s", path,
                           strerror(errno));
        *slash = '/';
    }
    return 0;
}

static int start_server(dev *d, lk_err *err)
{
    lk_server_options options = {.port = (int)d->options->port,
                                 .db_path = d->options->db,
                                 .region = d->options->region,
                                 .account = ACCOUNT};
    int rc = in_memory(d) ? 0 : make_directories(d->options->db, err);
    if (rc == 0)
        rc = lk_clock_new(d->clock_path.ptr, &d->clock, err);
    options.clock = d->clock;
    return rc != 0 ? rc : lk_server_start(&options, &d->server, err);
}

static lk_client_options client_options(const dev *d)
{
    lk_client_options options = LK_CLIENT_OPTIONS_INIT;
    options.endpoint = lk_server_url(d->server);
    options.region = d->options->region;
    options.access_key_id = "local";
    options.secret_access_key = "local";
    return options;
}

static int create_queues(dev *d, lk_err *err)
{
    for (size_t i = 0; i < d->queue_count; i++) {
        int rc = lk_cli_queue_create(d->server, d->options->region, ACCOUNT, true, &d->queues[i],
                                     NULL, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int start_functions(dev *d, lk_err *err)
{
    const dev_options *o = d->options;
    lk_buf entries[ENV_MAX] = {0};
    const char *env[ENV_MAX + 1] = {0};
    lk_dev_settings settings = {.region = o->region,
                                .account = ACCOUNT,
                                .env = env,
                                .timeout_ms = o->timeout_s * 1000,
                                .memory_mb = (int)o->memory_mb,
                                /* with --json stdout is ours alone */
                                .log_fd = d->cli->json ? STDERR_FILENO : STDOUT_FILENO};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->env_count; i++) {
        lk_buf_addf(&entries[i], "%s=%s", d->env[i].name, d->env[i].value.ptr);
        rc = lk_buf_check(&entries[i], err);
        env[i] = entries[i].ptr;
    }
    for (size_t i = 0; rc == 0 && i < d->function_count; i++)
        rc = lk_dev_function_start(&d->functions[i], &settings, err);
    for (size_t i = 0; i < ENV_MAX; i++)
        lk_buf_clear(&entries[i]);
    return rc;
}

/* Of the command's queues each has its share of its workers. */
static const lk_dev_function *function_of(const dev *d, size_t queue, int *pollers)
{
    int queues = (int)d->command_queue_count;
    bool is_commands = queue < d->command_queue_count;
    const lk_dev_function *f = &d->functions[is_commands ? 0 : queue - d->command_queue_count + 1];
    *pollers = is_commands ? f->workers / queues + ((int)queue < f->workers % queues) : f->workers;
    return f;
}

static void end_polls(void *ctx)
{
    lk_server_end_polls(((dev *)ctx)->server);
}

static int start_mappings(dev *d, lk_err *err)
{
    const dev_options *o = d->options;
    for (size_t i = 0; i < d->queue_count; i++) {
        int pollers;
        const lk_cli_queue *queue = &d->queues[i];
        const lk_dev_function *f = function_of(d, i, &pollers);
        lk_mapping_options options = {.queue_arn = queue->arn.ptr,
                                      .queue_url = queue->url,
                                      .region = o->region,
                                      .client = client_options(d),
                                      .batch_size = o->batch_size ? (int)o->batch_size
                                                    : queue->fifo ? 10
                                                                  : 1,
                                      .report_batch_item_failures = !o->no_report,
                                      .max_concurrency = pollers,
                                      .end_polls = end_polls,
                                      .end_polls_ctx = d,
                                      .recursion_limit = o->allow_recursion ? 0 : RECURSION_LIMIT};
        int rc = lk_mapping_start(&options, f->function, &d->mappings[i], err);
        if (rc != 0)
            return rc;
        d->mapping_count++;
    }
    return 0;
}

/* --- Clock ---------------------------------------------------------------------------------- */

static void resume_all(void *ctx)
{
    dev *d = ctx;
    for (size_t i = 0; i < d->mapping_count; i++)
        lk_mapping_resume(d->mappings[i]);
}

static bool pause_all(void *ctx, int64_t wait_ms)
{
    dev *d = ctx;
    int64_t until = lk_mono_ms() + wait_ms;
    for (size_t i = 0; i < d->mapping_count; i++) {
        if (!lk_mapping_pause(d->mappings[i], LK_MAX(until - lk_mono_ms(), 0))) {
            resume_all(ctx);
            return false;
        }
    }
    return true;
}

/* --- Stopping ------------------------------------------------------------------------------- */

/* No new messages, running jobs finish and are settled, then the workers, then the server. */
static void stop(dev *d)
{
    lk_cli_grace grace;
    lk_function *running[QUEUES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < d->function_count; i++)
        if (d->functions[i].function)
            running[count++] = d->functions[i].function;
    for (size_t i = 0; i < d->mapping_count; i++)
        lk_mapping_quit(d->mappings[i]);
    if (d->server)
        lk_server_set_clock_gate(d->server, NULL);
    lk_cli_grace_begin(&grace, d->cli, running, count,
                       LK_MIN(d->options->timeout_s * 1000, STOP_GRACE_MS));
    for (size_t i = 0; i < d->mapping_count; i++)
        lk_mapping_stop(d->mappings[i]);
    lk_cli_grace_end(&grace);
    for (size_t i = 0; i < d->function_count; i++)
        lk_dev_function_clear(&d->functions[i]);
    lk_server_stop(d->server);
    lk_clock_free(d->clock);
    if (in_memory(d) && d->clock_path.ptr)
        unlink(d->clock_path.ptr);
    for (size_t i = 0; i < d->queue_count; i++)
        lk_cli_queue_clear(&d->queues[i]);
    for (size_t i = 0; i < d->env_count; i++)
        lk_buf_clear(&d->env[i].value);
    lk_buf_clear(&d->clock_path);
}

/* --- The command ---------------------------------------------------------------------------- */

static int start(dev *d, lk_err *err)
{
    int rc = start_server(d, err);
    if (rc != 0)
        return rc;
    make_env(d, lk_server_url(d->server));
    rc = create_queues(d, err);
    if (rc == 0)
        rc = start_functions(d, err);
    if (rc == 0)
        rc = start_mappings(d, err);
    if (rc == 0)
        lk_server_set_clock_gate(
            d->server,
            &(lk_server_clock_gate){.try_pause = pause_all, .resume = resume_all, .ctx = d});
    return rc;
}

static int run_until_signal(dev *d)
{
    lk_err err;
    int exit_code = LK_CLI_OK;
    if (start(d, &err) != 0) {
        exit_code = lk_cli_fail(d->cli, &err);
    } else {
        say_ready(d);
        lk_cli_signal_wait(-1);
    }
    stop(d);
    return exit_code;
}

static int print_env(dev *d)
{
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%lld", (long long)d->options->port);
    make_env(d, url);
    if (d->cli->json)
        say_json(d);
    else
        print_exports(d, "");
    stop(d);
    return LK_CLI_OK;
}

static void count_workers(dev *d)
{
    int64_t wanted = d->options->workers;
    int queues = (int)d->command_queue_count;
    if (wanted > 0 && wanted < queues)
        lk_cli_note(d->cli, "%d workers, one for each queue", queues);
    d->functions[0].workers = (int)LK_MAX(wanted, queues);
    for (size_t i = 1; i < d->function_count; i++)
        d->functions[i].workers = (int)LK_MAX(wanted, 1);
}

static int run_with(const lk_cli_command *command, const lk_cli *cli, dev_options *o)
{
    dev *d = calloc(1, sizeof(*d));
    lk_err err;
    if (!d) {
        LK_FAIL_NOMEM(&err);
        return lk_cli_fail(cli, &err);
    }
    d->cli = cli;
    d->options = o;
    int exit_code = LK_CLI_OK;
    if (name_queues(d, &err) != 0 || name_clock(d, &err) != 0) {
        exit_code = lk_cli_misuse(command, "%s", err.message);
        stop(d);
    } else if (o->print_env) {
        exit_code = print_env(d);
    } else {
        count_workers(d);
        exit_code = run_until_signal(d);
    }
    free(d);
    return exit_code;
}

static int check_line(const lk_cli_command *command, const dev_options *o, const lk_cli_args *args)
{
    if (args->count > 0)
        return lk_cli_misuse(command,
                             "unexpected argument \"%s\"; the command to run stands behind "
                             "\"--\"",
                             args->positional[0]);
    if (!o->print_env && (!args->command || !args->command[0]))
        return lk_cli_misuse(command, "there is no command behind \"--\"; for SQS alone use "
                                      "\"lambdakiq serve\"");
    if (o->print_env && o->port == 0)
        return lk_cli_misuse(command, "--print-env needs a --port that is known beforehand");
    return LK_CLI_OK;
}

static int run(const lk_cli_command *command, int argc, char **argv)
{
    dev_options o = {.db = "tmp/lambdakiq.sqlite3",
                     .region = "us-east-1",
                     .name = "jobs",
                     .port = 9324,
                     .timeout_s = LK_CLI_FUNCTION_TIMEOUT_S,
                     .memory_mb = 512};
    const lk_cli_option table[] = {
        {"queue", 'q', LK_CLI_LIST, &o.queues, "NAME",
         "A queue to make and poll; may be repeated (default jobs)", 0, 0},
        {"function", 'f', LK_CLI_LIST, &o.functions, "QUEUE=CMD",
         "Another function, with a queue of its own; may be repeated", 0, 0},
        {"fifo", 0, LK_CLI_FLAG, &o.fifo, NULL, "Make FIFO queues (adds .fifo to the names)", 0, 0},
        {"port", 'p', LK_CLI_INT, &o.port, "N", "Port of SQS, 0 for any free one (default 9324)", 0,
         65535},
        {"db", 'd', LK_CLI_STRING, &o.db, "FILE",
         "Database, or :memory: (default tmp/lambdakiq.sqlite3)", 0, 0},
        {"clock", 0, LK_CLI_FLAG, &o.clock, NULL,
         "Say how to move the clock; it is kept in FILE.clock", 0, 0},
        {"workers", 'w', LK_CLI_INT, &o.workers, "N",
         "Worker processes of a function, at least one for each queue (default)", 1, 1000},
        {"batch-size", 'b', LK_CLI_INT, &o.batch_size, "N",
         "Messages in an event, 1 to 10 (default 1, FIFO 10)", 1, 10},
        {"timeout", 't', LK_CLI_INT, &o.timeout_s, "S", "The function's timeout (default 300)", 1,
         900},
        {"visibility", 0, LK_CLI_INT, &o.visibility_s, "S",
         "The queues' visibility timeout (default timeout + 1)", 1, LK_MAX_VISIBILITY_S},
        {"max-receive-count", 0, LK_CLI_INT, &o.max_receive_count, "N",
         "Receives until a message is dead (default 13, FIFO 14)", 1, 1000},
        {"memory", 'm', LK_CLI_INT, &o.memory_mb, "MB", "What the function is told (default 512)",
         128, 10240},
        {"name", 'n', LK_CLI_STRING, &o.name, "NAME", "The function's name (default jobs)", 0, 0},
        {"region", 0, LK_CLI_STRING, &o.region, "NAME", "Region (default us-east-1)", 0, 0},
        {"no-report-batch-item-failures", 0, LK_CLI_FLAG, &o.no_report, NULL,
         "Do not use ReportBatchItemFailures", 0, 0},
        {"allow-recursion", 0, LK_CLI_FLAG, &o.allow_recursion, NULL,
         "Do not stop chains of 16 invocations (RecursiveLoop: Allow)", 0, 0},
        {"print-env", 0, LK_CLI_FLAG, &o.print_env, NULL,
         "Only print the export lines for other processes", 0, 0},
    };
    lk_cli cli;
    lk_cli_args args;
    int exit_code;
    if (!lk_cli_parse(command, table, LK_COUNT(table), argc, argv, &cli, &args, &exit_code))
        return exit_code;
    exit_code = check_line(command, &o, &args);
    if (exit_code != LK_CLI_OK)
        return exit_code;
    o.command = args.command;
    lk_cli_signals_block();
    return run_with(command, &cli, &o);
}

const lk_cli_command lk_cli_dev = {
    .name = "dev",
    .synopsis = "lambdakiq dev [--queue NAME]... [options] -- COMMAND [ARGUMENT]...",
    .summary = "Run a jobs function with SQS and Lambda on this machine.",
    .details =
        "COMMAND is what would run on Lambda: a `bootstrap` in C, or lambdakiq-handler for Ruby.\n"
        "It is started in the directory you are in, gets Lambda's environment, speaks the Lambda\n"
        "Runtime API, and is started again when it ends. Each queue gets a dead-letter queue\n"
        "(jobs-dlq) and the settings the documentation gives for deployed ones.\n"
        "\n"
        "  lambdakiq dev -- bundle exec lambdakiq-handler app.handler\n"
        "  lambdakiq dev --queue jobs --queue stock.fifo --workers 4 -- ./bootstrap\n"
        "  lambdakiq dev --function c-jobs=./bootstrap -- bundle exec lambdakiq-handler "
        "app.handler\n"
        "  eval \"$(lambdakiq dev --print-env)\"     # in the shell of the web process\n"
        "\n"
        "Ctrl-C: no new messages, running jobs get up to 30 s to finish; a second Ctrl-C ends\n"
        "them, and their messages come back later. The clock always moves with the database:\n"
        "delete both files to start over.",
    .run = run,
};
