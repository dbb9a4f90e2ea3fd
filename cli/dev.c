/* SPDX-License-Identifier: MIT
 *
 * dev: `lambdakiq dev`: the local SQS, its queues, functions, and event source mappings between
 * them, until a signal asks to stop. What there is comes from options or a template (dev_plan) and
 * is run by dev_house; here is the command.
 */
#include "dev.h"

#include "dev_house.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

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

static void print_exports(const lk_dev_house *h, const char *indent)
{
    for (size_t i = 0; i < h->variable_count; i++) {
        const char *value = strchr(h->variables[i], '=') + 1;
        printf("%sexport %.*s", indent, (int)(value - h->variables[i]), h->variables[i]);
        print_quoted(value);
        putchar('\n');
    }
    fflush(stdout);
}

static void write_json_facts(const lk_dev_house *h, lk_json_writer *w)
{
    lk_json_begin_object(w);
    lk_json_key(w, "env");
    lk_json_begin_object(w);
    for (size_t i = 0; i < h->variable_count; i++) {
        lk_slice name;
        lk_slice value = lk_slice_cut(lk_slice_of(h->variables[i]), '=', &name);
        lk_json_key_slice(w, name);
        lk_json_value_string(w, value);
    }
    lk_json_end_object(w);
    lk_json_key(w, "queues");
    lk_json_begin_array(w);
    for (size_t i = 0; i < h->plan->queue_count; i++) {
        const lk_cli_queue *queue = &h->plan->queues[i].made;
        lk_json_begin_object(w);
        lk_json_member_str(w, "name", queue->name);
        if (queue->dead_name[0]) {
            lk_json_member_str(w, "dead_letters", queue->dead_name);
            lk_json_member_int(w, "max_receive_count", queue->max_receive_count);
        }
        lk_json_end_object(w);
    }
    lk_json_end_array(w);
    lk_json_end_object(w);
}

static void say_json(const lk_dev_house *h)
{
    lk_buf line = {0};
    lk_json_writer w = {.out = &line};
    write_json_facts(h, &w);
    puts(line.failed ? "{}" : line.ptr);
    fflush(stdout);
    lk_buf_clear(&line);
}

static void say_clock(const lk_dev_house *h)
{
    int64_t offset_ms = lk_clock_offset_get_ms(h->clock);
    const char *url = lk_server_url(h->server);
    if (offset_ms > 0)
        printf("The clock is %.1f hours ahead, as %s says.\n", (double)offset_ms / 3600000,
               h->clock_path.ptr);
    if (h->plan->options->clock)
        printf("To move the clock:\n"
               "  curl -d '{\"advance_s\": 3600}' %s/_lambdakiq/clock\n"
               "  curl -d '{\"to_next\": true}' %s/_lambdakiq/clock\n",
               url, url);
}

static void say_queue(const lk_cli_queue *queue, const char *bold, const char *plain)
{
    printf("Queue %s%s%s", bold, queue->name, plain);
    if (queue->dead_name[0])
        printf(", dead letters go to %s after %lld receives", queue->dead_name,
               (long long)queue->max_receive_count);
    putchar('\n');
}

/* What of a template is not as on AWS. */
static void say_notes(const lk_dev_house *h)
{
    lk_slice line, rest = lk_buf_slice(&h->plan->template.notes);
    while (rest.len > 0) {
        rest = lk_slice_cut(rest, '\n', &line);
        if (line.len > 0)
            lk_cli_note(h->cli, "%s: %.*s", h->plan->options->template_path, LK_SLICE_FMT(line));
    }
}

static void say_ready(const lk_dev_house *h)
{
    const char *bold = lk_cli_style_start(h->cli->out_colour, LK_CLI_BOLD);
    const char *plain = lk_cli_style_start(h->cli->out_colour, LK_CLI_PLAIN);
    if (h->cli->json) {
        say_json(h);
        return;
    }
    printf("SQS is at %s%s%s (data in %s)\n", bold, lk_server_url(h->server), plain,
           h->plan->options->db);
    for (size_t i = 0; i < h->plan->queue_count; i++)
        say_queue(&h->plan->queues[i].made, bold, plain);
    for (size_t i = 0; i < h->plan->function_count; i++) {
        const lk_dev_function *f = &h->plan->functions[i];
        printf("Function %s: %s%d worker%s, timeout %lld s; Ctrl-C stops it\n", f->name,
               f->workers > f->sources ? "up to " : "", f->workers, f->workers == 1 ? "" : "s",
               (long long)f->timeout_s);
    }
    say_clock(h);
    printf("For the process that enqueues:\n");
    print_exports(h, "  ");
}

/* --- The command ---------------------------------------------------------------------------- */

static int run_until_signal(lk_dev_house *h)
{
    lk_err err;
    int exit_code = LK_CLI_OK;
    if (lk_dev_house_start(h, &err) != 0) {
        exit_code = lk_cli_fail(h->cli, &err);
    } else {
        say_notes(h);
        say_ready(h);
        lk_cli_signal_wait(-1);
    }
    return exit_code;
}

static int print_env(lk_dev_house *h)
{
    char url[64];
    lk_err err;
    snprintf(url, sizeof(url), "http://127.0.0.1:%lld", (long long)h->plan->options->port);
    if (lk_dev_house_set_variables(h, url, &err) != 0)
        return lk_cli_fail(h->cli, &err);
    if (h->cli->json)
        say_json(h);
    else
        print_exports(h, "");
    return LK_CLI_OK;
}

static int run_plan(const lk_cli_command *command, const lk_cli *cli, lk_dev_plan *plan,
                    const lk_dev_options *o)
{
    lk_dev_house house = {.cli = cli, .plan = plan};
    lk_err err;
    int exit_code;
    int rc = lk_dev_plan_make(plan, o, &err);
    if (rc == LK_E_INVALID && !o->template_path)
        return lk_cli_misuse(command, "%s", err.message);
    if (rc != 0)
        return lk_cli_fail(cli, &err);
    if (!o->template_path && o->workers > 0 && o->workers < plan->functions[0].workers)
        lk_cli_note(cli, "%d workers, one for each queue", plan->functions[0].workers);
    exit_code = o->print_env ? print_env(&house) : run_until_signal(&house);
    lk_dev_house_stop(&house);
    return exit_code;
}

static int run_with(const lk_cli_command *command, const lk_cli *cli, const lk_dev_options *o)
{
    lk_err err;
    lk_dev_plan *plan = calloc(1, sizeof(*plan));
    if (!plan) {
        LK_FAIL_NOMEM(&err);
        return lk_cli_fail(cli, &err);
    }
    int exit_code = run_plan(command, cli, plan, o);
    lk_dev_plan_clear(plan);
    free(plan);
    return exit_code;
}

/* The first option that a template says itself; NULL: none was given. */
static const char *of_the_template(const lk_dev_options *o)
{
    return o->queues.count > 0        ? "--queue"
           : o->filters.count > 0     ? "--filter"
           : o->batch_size > 0        ? "--batch-size"
           : o->window_s > 0          ? "--window"
           : o->visibility_s > 0      ? "--visibility"
           : o->max_receive_count > 0 ? "--max-receive-count"
           : o->fifo                  ? "--fifo"
           : o->no_report             ? "--no-report-batch-item-failures"
                                      : NULL;
}

static int check_line(const lk_cli_command *command, const lk_dev_options *o,
                      const lk_cli_args *args)
{
    if (args->count > 0)
        return lk_cli_misuse(command,
                             "unexpected argument \"%s\"; the command to run stands behind "
                             "\"--\"",
                             args->positional[0]);
    if (o->template_path && of_the_template(o))
        return lk_cli_misuse(command, "%s: with --template the template says that",
                             of_the_template(o));
    if (!o->template_path && o->parameters.count > 0)
        return lk_cli_misuse(command, "--parameter is for a --template");
    if (!o->print_env && !o->template_path && (!args->command || !args->command[0]))
        return lk_cli_misuse(command, "there is no command behind \"--\"; for SQS alone use "
                                      "\"lambdakiq serve\"");
    if (o->print_env && o->port == 0)
        return lk_cli_misuse(command, "--print-env needs a --port that is known beforehand");
    return LK_CLI_OK;
}

static int run(const lk_cli_command *command, int argc, char **argv)
{
    lk_dev_options o = {.db = "tmp/lambdakiq.sqlite3",
                        .region = "us-east-1",
                        .name = "jobs",
                        .port = 9324,
                        .timeout_s = LK_CLI_FUNCTION_TIMEOUT_S};
    const lk_cli_option table[] = {
        {"template", 'T', LK_CLI_STRING, &o.template_path, "FILE",
         "Take queues and functions from a SAM or CloudFormation template", 0, 0},
        {"parameter", 0, LK_CLI_LIST, &o.parameters, "NAME=VALUE",
         "A parameter of the template; may be repeated", 0, 0},
        {"queue", 'q', LK_CLI_LIST, &o.queues, "NAME",
         "A queue to make and poll; may be repeated (default jobs)", 0, 0},
        {"function", 'f', LK_CLI_LIST, &o.functions, "QUEUE=CMD",
         "Another function with a queue of its own; a template's function", 0, 0},
        {"fifo", 0, LK_CLI_FLAG, &o.fifo, NULL, "Make FIFO queues (adds .fifo to the names)", 0, 0},
        {"port", 'p', LK_CLI_INT, &o.port, "N", "Port of SQS, 0 for any free one (default 9324)", 0,
         65535},
        {"db", 'd', LK_CLI_STRING, &o.db, "FILE",
         "Database, or :memory: (default tmp/lambdakiq.sqlite3)", 0, 0},
        {"clock", 0, LK_CLI_FLAG, &o.clock, NULL,
         "Say how to move the clock; it is kept in FILE.clock", 0, 0},
        {"workers", 'w', LK_CLI_INT, &o.workers, "N",
         "Worker processes of a function, at most (default one for each queue)", 1, 1000},
        {"batch-size", 'b', LK_CLI_INT, &o.batch_size, "N",
         "Messages in an event, 1 to 10000 (default 1, FIFO 10)", 1, 10000},
        {"window", 0, LK_CLI_INT, &o.window_s, "S",
         "How long to fill a batch; needed above 10 (default 0)", 0, 300},
        {"filter", 0, LK_CLI_LIST, &o.filters, "PATTERN",
         "Delete messages that no filter pattern matches; may be repeated", 0, 0},
        {"timeout", 't', LK_CLI_INT, &o.timeout_s, "S", "The function's timeout (default 300)", 1,
         900},
        {"visibility", 0, LK_CLI_INT, &o.visibility_s, "S",
         "The queues' visibility timeout (default timeout + 1)", 1, LK_MAX_VISIBILITY_S},
        {"max-receive-count", 0, LK_CLI_INT, &o.max_receive_count, "N",
         "Receives until a message is dead (default 13, FIFO 14)", 1, 1000},
        {"memory", 'm', LK_CLI_INT, &o.memory_mb, "MB",
         "The function's memory; a process that takes more ends (default no limit)", 128, 10240},
        {"log-format", 0, LK_CLI_STRING, &o.log_format, "FORMAT",
         "Of Lambda's lines and AWS_LAMBDA_LOG_FORMAT: Text or JSON (default Text)", 0, 0},
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
    if (exit_code == LK_CLI_OK)
        exit_code = lk_cli_log_format(command, o.log_format, &o.log_json);
    if (exit_code != LK_CLI_OK)
        return exit_code;
    o.command = args.command && args.command[0] ? args.command : NULL;
    lk_cli_signals_block();
    return run_with(command, &cli, &o);
}

const lk_cli_command lk_cli_dev = {
    .name = "dev",
    .synopsis = "lambdakiq dev [--queue NAME | --template FILE] [options] -- COMMAND [ARGUMENT]...",
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
        "  lambdakiq dev --template template.yaml -- bundle exec lambdakiq-handler\n"
        "  eval \"$(lambdakiq dev --print-env)\"     # in the shell of the web process\n"
        "\n"
        "With --template all functions of the template that work on queues run, with the queues,\n"
        "redrive policies, events, timeouts and variables it gives them: each with the command\n"
        "of --function NAME=CMD, else COMMAND, else the `bootstrap` in its CodeUri. _HANDLER is "
        "its\n"
        "Handler. What cannot be had here (other resources, secrets) is said at the start.\n"
        "\n"
        "Ctrl-C: no new messages, running jobs get up to 30 s to finish; a second Ctrl-C ends\n"
        "them, and their messages come back later. The clock always moves with the database:\n"
        "delete both files to start over.",
    .run = run,
};
