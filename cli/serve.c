/* SPDX-License-Identifier: MIT
 *
 * serve: `lambdakiq serve`: options to lk_server, one line when it is ready, and a clean end.
 */
#include "serve.h"

#include "file.h"
#include "json.h"
#include "queues_file.h"

#include <stdlib.h>
#include <string.h>

#define SECRET_VARIABLE "LAMBDAKIQ_SECRET_ACCESS_KEY"

enum { SECRET_MAX_BYTES = 4096 };

typedef struct serve_options {
    lk_server_options server;
    int64_t port;
    const char *clock_file;
    const char *sync;
    const char *secret_file;
    lk_buf secret; /* read from it */
    lk_cli_list queues;
    const char *queues_path;
    lk_cli_queues_file queues_file; /* read from it */
    const lk_cli *cli;
} serve_options;

/* --- The key pair --------------------------------------------------------------------------- */

/* Not as an option: everyone on this machine may read the line a program was called with. */
static int read_secret_file(serve_options *o, lk_err *err)
{
    int reason = lk_file_read(o->secret_file, SECRET_MAX_BYTES, &o->secret);
    if (reason)
        return LK_FAIL(err, LK_E_IO, "cannot read the secret in %s: %s", o->secret_file,
                       strerror(reason));
    while (o->secret.len > 0 && strchr("\r\n", o->secret.ptr[o->secret.len - 1]))
        o->secret.ptr[--o->secret.len] = '\0';
    if (o->secret.len == 0 || strlen(o->secret.ptr) != o->secret.len)
        return LK_FAIL(err, LK_E_INVALID, "%s holds no secret: one line of text is wanted",
                       o->secret_file);
    o->server.secret_access_key = o->secret.ptr;
    return 0;
}

static int find_secret(serve_options *o, lk_err *err)
{
    if (!o->server.access_key_id)
        return 0;
    if (o->secret_file)
        return read_secret_file(o, err);
    o->server.secret_access_key = lk_getenv(SECRET_VARIABLE);
    if (o->server.secret_access_key)
        return 0;
    return LK_FAIL(err, LK_E_INVALID,
                   "the secret of --access-key-id %s is missing: set " SECRET_VARIABLE
                   " or give --secret-file",
                   o->server.access_key_id);
}

/* A secret without its key would leave a server open that somebody believes to be closed. */
static int check_pair(const lk_cli_command *command, const serve_options *o)
{
    if (o->server.access_key_id)
        return LK_CLI_OK;
    if (o->secret_file)
        return lk_cli_misuse(command, "--secret-file needs --access-key-id");
    if (lk_getenv(SECRET_VARIABLE))
        return lk_cli_misuse(command, SECRET_VARIABLE " is set, but signatures are checked only "
                                                      "with --access-key-id");
    return LK_CLI_OK;
}

/* --- Queues --------------------------------------------------------------------------------- */

static int make_queue(lk_server *server, const serve_options *o, const char *name, lk_err *err)
{
    lk_cli_queue queue = {.visibility_s = LK_CLI_FUNCTION_TIMEOUT_S + 1};
    lk_err kept = {0};
    int rc = lk_cli_queue_name(&queue, name, false, err);
    queue.max_receive_count = queue.fifo ? LK_CLI_RECEIVES_FIFO : LK_CLI_RECEIVES;
    if (rc == 0)
        rc = lk_cli_queue_create(server, o->server.region, o->server.account, false, &queue, &kept,
                                 err);
    if (rc == LK_E_SERVICE)
        lk_err_prefix(err, "queue \"%s\"", name);
    if (rc == 0 && kept.code)
        lk_cli_note(o->cli, "queue \"%s\" stays as it is: %s", name, kept.message);
    lk_cli_queue_clear(&queue);
    return rc;
}

/* What the file says goes before the settings that --queue gives. */
static int make_queues(lk_server *server, void *ctx, lk_err *err)
{
    const serve_options *o = ctx;
    int rc =
        lk_cli_queues_file_make(&o->queues_file, server, o->server.region, o->server.account, err);
    for (size_t i = 0; rc == 0 && i < o->queues.count; i++)
        rc = make_queue(server, o, o->queues.items[i], err);
    return rc;
}

/* --- Serving -------------------------------------------------------------------------------- */

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
        if (options->server.access_key_id)
            lk_json_member_str(&w, "access_key_id", options->server.access_key_id);
        lk_json_end_object(&w);
        puts(line.failed ? "{}" : line.ptr);
        lk_buf_clear(&line);
    } else {
        printf("SQS is at %s%s%s (data in %s)\n", lk_cli_style_start(cli->out_colour, LK_CLI_BOLD),
               lk_server_url(server), lk_cli_style_start(cli->out_colour, LK_CLI_PLAIN), db);
        if (options->server.access_key_id)
            printf("Requests must be signed with access key %s\n", options->server.access_key_id);
    }
    fflush(stdout); /* whoever started us waits for this line, often on a pipe */
}

static int serve(const lk_cli *cli, serve_options *options)
{
    lk_clock *clock = NULL;
    lk_server *server = NULL;
    lk_err err;
    int exit_code = LK_CLI_OK;
    int rc = find_secret(options, &err);
    if (rc == 0 && options->queues_path)
        rc = lk_cli_queues_file_read(options->queues_path, &options->queues_file, &err);
    if (rc == 0)
        rc = lk_clock_new(options->clock_file, &clock, &err);
    options->server.clock = clock;
    options->server.prepare = make_queues;
    options->server.prepare_ctx = options;
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
    lk_buf_wipe(&options->secret);
    lk_cli_queues_file_clear(&options->queues_file);
    return exit_code;
}

static int run(const lk_cli_command *command, int argc, char **argv)
{
    serve_options o = {.port = 9324,
                       .sync = "normal",
                       .server = {.region = "us-east-1", .account = "000000000000"}};
    const lk_cli_option table[] = {
        {"port", 'p', LK_CLI_INT, &o.port, "N", "Port, 0 for any free one (default 9324)", 0,
         65535},
        {"db", 'd', LK_CLI_STRING, &o.server.db_path, "FILE",
         "SQLite file that keeps queues and messages (default: memory)", 0, 0},
        {"queue", 'q', LK_CLI_LIST, &o.queues, "NAME",
         "A queue to make, with its dead-letter queue; may be repeated", 0, 0},
        {"queues", 0, LK_CLI_STRING, &o.queues_path, "FILE",
         "Queues to make, with attributes and tags (JSON)", 0, 0},
        {"sync", 0, LK_CLI_STRING, &o.sync, "MODE",
         "normal: survives a crash of the process; full: of the machine, too", 0, 0},
        {"host", 0, LK_CLI_STRING, &o.server.host, "ADDRESS",
         "Address to listen on (default 127.0.0.1)", 0, 0},
        {"access-key-id", 0, LK_CLI_STRING, &o.server.access_key_id, "KEY",
         "Check signatures, and let in this access key only", 0, 0},
        {"secret-file", 0, LK_CLI_STRING, &o.secret_file, "FILE",
         "Its secret (else in " SECRET_VARIABLE ")", 0, 0},
        {"insecure", 0, LK_CLI_FLAG, &o.server.insecure, NULL,
         "Listen on any address although no signature is checked", 0, 0},
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
    o.cli = &cli;
    o.server.port = (int)o.port;
    o.server.sync_full = lk_slice_equal_str(lk_slice_of(o.sync), "full");
    if (!o.server.sync_full && !lk_slice_equal_str(lk_slice_of(o.sync), "normal"))
        return lk_cli_misuse(command, "--sync is normal or full, not \"%s\"", o.sync);
    exit_code = check_pair(command, &o);
    if (exit_code != LK_CLI_OK)
        return exit_code;
    lk_cli_signals_block();
    return serve(&cli, &o);
}

const lk_cli_command lk_cli_serve = {
    .name = "serve",
    .synopsis = "lambdakiq serve [--port N] [--db FILE] [--queue NAME]... [options]",
    .summary = "Run an SQS of your own on this machine.",
    .details =
        "It speaks both protocols of SQS, JSON and Query: any AWS SDK, the AWS CLI and curl can\n"
        "use it. Any credentials will do: signatures are not checked, and it listens on loopback\n"
        "addresses only and refuses web pages. With --access-key-id they are checked, and it may\n"
        "listen anywhere. Ctrl-C stops it cleanly.\n"
        "\n"
        "  lambdakiq serve --db tmp/sqs.sqlite3 --queue jobs --queue stock.fifo\n"
        "  export AWS_ENDPOINT_URL_SQS=http://127.0.0.1:9324\n"
        "  aws --endpoint-url http://127.0.0.1:9324 sqs list-queues\n"
        "  curl 'http://127.0.0.1:9324/000000000000/jobs?Action=SendMessage&MessageBody=hello'\n"
        "\n"
        "--queue makes jobs and jobs-dlq with the settings the documentation gives for deployed\n"
        "ones; queues that are there already stay as they are. The file of --queues:\n"
        "  {\"queues\": [{\"name\": \"jobs\", \"attributes\": {\"VisibilityTimeout\": 60},\n"
        "               \"deadLetter\": {\"name\": \"lost\", \"maxReceiveCount\": 5},\n"
        "               \"tags\": {\"team\": \"shop\"}}]}\n"
        "(\"deadLetter\": true is jobs-dlq after 13 receives, FIFO 14.) One that is there with\n"
        "other attributes is an error.\n"
        "\n"
        "The clock moves on request, to see delays, retries and timeouts end at once:\n"
        "  curl -d '{\"advance_s\": 3600}' http://127.0.0.1:9324/_lambdakiq/clock\n"
        "  curl -d '{\"to_next\": true}' http://127.0.0.1:9324/_lambdakiq/clock\n"
        "What is in the queues, and whether it is well:\n"
        "  curl http://127.0.0.1:9324/_lambdakiq/queues\n"
        "  curl -f http://127.0.0.1:9324/_lambdakiq/health",
    .run = run,
};
