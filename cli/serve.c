/* SPDX-License-Identifier: MIT
 *
 * serve: `lambdakiq serve`: options to lk_server, one line when it is ready, and a clean end.
 */
#include "serve.h"

#include "json.h"
#include "server.h"

#include <stdlib.h>

typedef struct serve_options {
    lk_server_options server;
    int64_t port;
    const char *clock_file;
    const char *sync;
} serve_options;

static void say_ready(const lk_cli *cli, const lk_server *server, const serve_options *options)
{
    const char *db = options->server.db_path ? options->server.db_path : ":memory:";
    if (cli->json) {
        lk_buf line = {0};
        lk_json_writer w = {.out = &line};
        lk_json_begin_object(&w);
        lk_json_member_str(&w, "url", lk_server_url(server));
        lk_json_member_int(&w, "port", lk_server_port(server));
        lk_json_member_str(&w, "db", db);
        lk_json_end_object(&w);
        puts(line.failed ? "{}" : line.ptr);
        lk_buf_clear(&line);
    } else {
        printf("SQS is at %s%s%s (data in %s)\n", lk_cli_style_start(cli->out_colour, LK_CLI_BOLD),
               lk_server_url(server), lk_cli_style_start(cli->out_colour, LK_CLI_PLAIN), db);
    }
    fflush(stdout); /* whoever started us waits for this line, often on a pipe */
}

static int serve(const lk_cli *cli, serve_options *options)
{
    lk_clock *clock = NULL;
    lk_server *server = NULL;
    lk_err err;
    int exit_code = LK_CLI_OK;
    int rc = lk_clock_new(options->clock_file, &clock, &err);
    options->server.clock = clock;
    if (rc == 0)
        rc = lk_server_start(&options->server, &server, &err);
    if (rc) {
        exit_code = lk_cli_fail(cli, &err);
    } else {
        say_ready(cli, server, options);
        lk_cli_signal_wait(-1);
    }
    lk_server_stop(server);
    lk_clock_free(clock);
    return exit_code;
}

static int run(const lk_cli_command *command, int argc, char **argv)
{
    serve_options o = {.port = 9324, .sync = "normal"};
    const lk_cli_option table[] = {
        {"port", 'p', LK_CLI_INT, &o.port, "N", "Port, 0 for any free one (default 9324)", 0,
         65535},
        {"db", 'd', LK_CLI_STRING, &o.server.db_path, "FILE",
         "SQLite file that keeps queues and messages (default: memory)", 0, 0},
        {"sync", 0, LK_CLI_STRING, &o.sync, "MODE",
         "normal: survives a crash of the process; full: of the machine, too", 0, 0},
        {"host", 0, LK_CLI_STRING, &o.server.host, "ADDRESS",
         "Loopback address to listen on (default 127.0.0.1)", 0, 0},
        {"region", 0, LK_CLI_STRING, &o.server.region, "NAME", "Region in ARNs (default us-east-1)",
         0, 0},
        {"account", 0, LK_CLI_STRING, &o.server.account, "ID",
         "Account in URLs and ARNs (default 000000000000)", 0, 0},
        {"tls-cert", 0, LK_CLI_STRING, &o.server.tls_certificate, "FILE",
         "Answer https with this certificate (PEM)", 0, 0},
        {"tls-key", 0, LK_CLI_STRING, &o.server.tls_key, "FILE", "The certificate's key (PEM)", 0,
         0},
        {"max-message-bytes", 0, LK_CLI_INT, &o.server.max_message_bytes, "N",
         "Largest message and batch (default 1048576; AWS before August 2025: 262144)", 1024,
         1048576},
        {"in-flight-limit", 0, LK_CLI_INT, &o.server.in_flight_limit, "N",
         "Messages of a queue in flight at most (default 120000)", 1, 120000},
        {"purge-wait", 0, LK_CLI_FLAG, &o.server.purge_wait, NULL,
         "Refuse to purge a queue again within 60 s, as AWS does", 0, 0},
        {"recreate-wait", 0, LK_CLI_FLAG, &o.server.recreate_wait, NULL,
         "Refuse the name of a queue deleted within 60 s, as AWS does", 0, 0},
        {"clock-file", 0, LK_CLI_STRING, &o.clock_file, "FILE",
         "Keep the clock's offset here, for other processes", 0, 0},
    };
    lk_cli cli;
    int exit_code;
    if (!lk_cli_parse(command, table, LK_COUNT(table), argc, argv, &cli, NULL, &exit_code))
        return exit_code;
    o.server.port = (int)o.port;
    o.server.sync_full = lk_slice_equal_str(lk_slice_of(o.sync), "full");
    if (!o.server.sync_full && !lk_slice_equal_str(lk_slice_of(o.sync), "normal"))
        return lk_cli_misuse(command, "--sync is normal or full, not \"%s\"", o.sync);
    lk_cli_signals_block();
    return serve(&cli, &o);
}

const lk_cli_command lk_cli_serve = {
    .name = "serve",
    .synopsis = "lambdakiq serve [--port N] [--db FILE] [options]",
    .summary = "Run an SQS of your own on this machine.",
    .details =
        "It speaks both protocols of SQS, JSON and Query: any AWS SDK, the AWS CLI and curl can\n"
        "use it. Credentials and signatures are not checked, so it listens on loopback addresses\n"
        "only, and web pages are refused. Ctrl-C stops it cleanly.\n"
        "\n"
        "  lambdakiq serve --db tmp/sqs.sqlite3\n"
        "  export AWS_ENDPOINT_URL_SQS=http://127.0.0.1:9324\n"
        "  aws --endpoint-url http://127.0.0.1:9324 sqs list-queues\n"
        "  curl 'http://127.0.0.1:9324/000000000000/jobs?Action=SendMessage&MessageBody=hello'\n"
        "\n"
        "The clock moves on request, to see delays, retries and timeouts end at once:\n"
        "  curl -d '{\"advance_s\": 3600}' http://127.0.0.1:9324/_lambdakiq/clock\n"
        "  curl -d '{\"to_next\": true}' http://127.0.0.1:9324/_lambdakiq/clock\n"
        "What is in the queues:\n"
        "  curl http://127.0.0.1:9324/_lambdakiq/queues",
    .run = run,
};
