/* SPDX-License-Identifier: MIT
 *
 * cli: option tables, help, errors, colour, signals. An own parser rather than getopt_long: it has
 * no global state, lets options stand behind positional arguments on every libc, and can say which
 * option was meant.
 */
#include "cli.h"

#include "json.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* --- Common options ------------------------------------------------------------------------- */

typedef struct lk_cli_common {
    bool help;
    bool json;
    bool no_colour;
} lk_cli_common;

enum { COMMON_OPTIONS = 3 };

static void common_table(lk_cli_common *common, lk_cli_option table[COMMON_OPTIONS])
{
    table[0] = (lk_cli_option){.name = "json",
                               .kind = LK_CLI_FLAG,
                               .target = &common->json,
                               .help = "Print JSON for machines"};
    table[1] = (lk_cli_option){.name = "no-color",
                               .kind = LK_CLI_FLAG,
                               .target = &common->no_colour,
                               .help = "No colour (also: NO_COLOR=1)"};
    table[2] = (lk_cli_option){.name = "help",
                               .letter = 'h',
                               .kind = LK_CLI_FLAG,
                               .target = &common->help,
                               .help = "Show this help"};
}

static bool colour_wanted(int fd, bool no_colour)
{
    const char *off = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return !no_colour && !(off && *off) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}

/* --- Parsing -------------------------------------------------------------------------------- */

/* One option as it stands on the line. */
typedef struct spelled {
    const lk_cli_option *option; /* NULL: unknown */
    lk_slice name;               /* without dashes */
    const char *value;           /* attached by '=' or to the letter; NULL: none */
} spelled;

typedef struct parser {
    const lk_cli_command *command;
    const lk_cli_option *options;
    size_t count;
    lk_cli_option common[COMMON_OPTIONS];
    int argc;
    char **argv;
    int at;
} parser;

static const lk_cli_option *option_at(const parser *p, size_t i)
{
    return i < p->count ? &p->options[i] : &p->common[i - p->count];
}

static size_t option_count(const parser *p)
{
    return p->count + COMMON_OPTIONS;
}

static spelled read_long(const parser *p, const char *text)
{
    const char *equals = strchr(text, '=');
    spelled s = {.name = {text, equals ? (size_t)(equals - text) : strlen(text)},
                 .value = equals ? equals + 1 : NULL};
    for (size_t i = 0; i < option_count(p); i++)
        if (lk_slice_equal_str(s.name, option_at(p, i)->name))
            s.option = option_at(p, i);
    return s;
}

static spelled read_letter(const parser *p, const char *text)
{
    spelled s = {.name = {text, 1}, .value = text[1] ? text + 1 : NULL};
    for (size_t i = 0; i < option_count(p); i++)
        if (option_at(p, i)->letter == text[0])
            s.option = option_at(p, i);
    return s;
}

/* The option whose name begins as the unknown one does: the likely typing error. */
static const char *resembling(const parser *p, lk_slice name)
{
    for (size_t keep = name.len; keep >= 3; keep--)
        for (size_t i = 0; i < option_count(p); i++)
            if (strncmp(option_at(p, i)->name, name.ptr, keep) == 0)
                return option_at(p, i)->name;
    return NULL;
}

static bool refuse_unknown(const parser *p, const char *given, lk_slice name)
{
    const char *meant = resembling(p, name);
    if (meant)
        lk_cli_misuse(p->command, "unknown option %s; did you mean --%s?", given, meant);
    else
        lk_cli_misuse(p->command, "unknown option %s", given);
    return false;
}

static bool store_int(const parser *p, const lk_cli_option *option, const char *value)
{
    int64_t number = 0;
    if (!lk_slice_to_int64(lk_slice_of(value), &number) || number < option->min ||
        number > option->max) {
        lk_cli_misuse(p->command, "--%s wants a number from %lld to %lld, not \"%s\"", option->name,
                      (long long)option->min, (long long)option->max, value);
        return false;
    }
    *(int64_t *)option->target = number;
    return true;
}

static bool store_list(const parser *p, const lk_cli_option *option, const char *value)
{
    lk_cli_list *list = option->target;
    if (list->count == LK_CLI_LIST_MAX) {
        lk_cli_misuse(p->command, "--%s is given more than %d times", option->name,
                      LK_CLI_LIST_MAX);
        return false;
    }
    list->items[list->count++] = value;
    return true;
}

static bool store(const parser *p, const lk_cli_option *option, const char *value)
{
    switch (option->kind) {
    case LK_CLI_FLAG:
        *(bool *)option->target = true;
        return true;
    case LK_CLI_STRING:
        *(const char **)option->target = value;
        return true;
    case LK_CLI_INT:
        return store_int(p, option, value);
    case LK_CLI_LIST:
        return store_list(p, option, value);
    }
    return false;
}

static bool take_option(parser *p, const char *given)
{
    spelled s = given[1] == '-' ? read_long(p, given + 2) : read_letter(p, given + 1);
    if (!s.option)
        return refuse_unknown(p, given, s.name);
    if (s.option->kind == LK_CLI_FLAG) {
        if (s.value) {
            lk_cli_misuse(p->command, "--%s takes no value", s.option->name);
            return false;
        }
        return store(p, s.option, NULL);
    }
    if (!s.value && p->at + 1 < p->argc)
        s.value = p->argv[++p->at];
    if (!s.value) {
        lk_cli_misuse(p->command, "--%s wants a value: %s", s.option->name, s.option->argument);
        return false;
    }
    return store(p, s.option, s.value);
}

/* Walks the line once; positional arguments move to the front of argv[1..]. */
static bool parse_line(parser *p, lk_cli_args *args)
{
    args->positional = p->argv + 1;
    for (p->at = 1; p->at < p->argc; p->at++) {
        char *word = p->argv[p->at];
        if (strcmp(word, "--") == 0) {
            args->command = p->argv + p->at + 1;
            return true;
        }
        if (word[0] == '-' && word[1] != '\0') {
            if (!take_option(p, word))
                return false;
        } else {
            args->positional[args->count++] = word;
        }
    }
    return true;
}

static bool refuse_surplus(const lk_cli_command *command, const lk_cli_args *args)
{
    if (args->count > 0)
        lk_cli_misuse(command, "unexpected argument \"%s\"", args->positional[0]);
    else if (args->command)
        lk_cli_misuse(command, "%s runs no command behind \"--\"", command->name);
    else
        return true;
    return false;
}

bool lk_cli_parse(const lk_cli_command *command, const lk_cli_option *options, size_t count,
                  int argc, char **argv, lk_cli *cli, lk_cli_args *args, int *exit_code)
{
    lk_cli_common common = {0};
    lk_cli_args own = {0};
    parser p = {.command = command, .options = options, .count = count, .argc = argc, .argv = argv};
    common_table(&common, p.common);
    bool good = parse_line(&p, &own);
    *cli = (lk_cli){.json = common.json,
                    .out_colour = colour_wanted(STDOUT_FILENO, common.no_colour),
                    .err_colour = colour_wanted(STDERR_FILENO, common.no_colour)};
    /* Who asked for help before the mistake gets help. */
    if (common.help) {
        lk_cli_help(command, options, count, stdout);
        *exit_code = LK_CLI_OK;
        return false;
    }
    *exit_code = LK_CLI_USAGE;
    if (!good || (!args && !refuse_surplus(command, &own)))
        return false;
    if (args)
        *args = own;
    *exit_code = LK_CLI_OK;
    return true;
}

/* --- Help ----------------------------------------------------------------------------------- */

static void help_option(const lk_cli_option *option, FILE *out)
{
    char letter[] = "-x, ";
    char spelling[64];
    letter[1] = option->letter;
    snprintf(spelling, sizeof spelling, "%s--%s%s%s", option->letter ? letter : "    ",
             option->name, option->argument ? " " : "", option->argument ? option->argument : "");
    fprintf(out, "  %-26s %s\n", spelling, option->help);
}

void lk_cli_help(const lk_cli_command *command, const lk_cli_option *options, size_t count,
                 FILE *out)
{
    lk_cli_common common;
    lk_cli_option table[COMMON_OPTIONS];
    common_table(&common, table);
    fprintf(out, "%s\n\nUsage: %s\n\nOptions:\n", command->summary, command->synopsis);
    for (size_t i = 0; i < count; i++)
        help_option(&options[i], out);
    for (size_t i = 0; i < COMMON_OPTIONS; i++)
        help_option(&table[i], out);
    if (command->details)
        fprintf(out, "\n%s\n", command->details);
}

/* --- Saying things -------------------------------------------------------------------------- */

const char *lk_cli_style_start(bool colour, lk_cli_style style)
{
    static const char *const codes[LK_CLI_STYLES] = {
        [LK_CLI_PLAIN] = "\033[0m", [LK_CLI_BOLD] = "\033[1m",   [LK_CLI_DIM] = "\033[2m",
        [LK_CLI_RED] = "\033[31m",  [LK_CLI_GREEN] = "\033[32m", [LK_CLI_YELLOW] = "\033[33m",
    };
    return colour ? codes[style] : "";
}

static void fail_json(const lk_err *err)
{
    lk_buf line = {0};
    lk_json_writer w = {.out = &line};
    lk_json_begin_object(&w);
    lk_json_key(&w, "error");
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "code", lk_code_name(err->code));
    if (err->aws_code[0])
        lk_json_member_str(&w, "aws_code", err->aws_code);
    lk_json_member_str(&w, "message", err->message);
    lk_json_end_object(&w);
    lk_json_end_object(&w);
    fprintf(stderr, "%s\n", line.failed ? lk_code_name(err->code) : line.ptr);
    lk_buf_clear(&line);
}

int lk_cli_fail(const lk_cli *cli, const lk_err *err)
{
    if (cli->json)
        fail_json(err);
    else
        fprintf(stderr, "lambdakiq: %serror:%s %s\n",
                lk_cli_style_start(cli->err_colour, LK_CLI_RED),
                lk_cli_style_start(cli->err_colour, LK_CLI_PLAIN), err->message);
    return LK_CLI_FAILURE;
}

int lk_cli_misuse(const lk_cli_command *command, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "lambdakiq %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nUsage: %s\nTry \"lambdakiq %s --help\".\n", command->synopsis,
            command->name);
    return LK_CLI_USAGE;
}

int lk_cli_log_format(const lk_cli_command *command, const char *text, bool *json)
{
    *json = text && strcasecmp(text, "JSON") == 0;
    if (!text || *json || strcasecmp(text, "Text") == 0)
        return LK_CLI_OK;
    return lk_cli_misuse(command, "--log-format is Text or JSON, not \"%s\"", text);
}

void lk_cli_note(const lk_cli *cli, const char *format, ...)
{
    va_list args;
    if (cli->json)
        return;
    fputs("lambdakiq: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* --- Stopping ------------------------------------------------------------------------------- */

static void stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

void lk_cli_signals_block(void)
{
    sigset_t set;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    stop_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a full quota is an error of the write, no end */
}

int lk_cli_signal_wait(int64_t timeout_ms)
{
    sigset_t set;
    int64_t deadline_ms = lk_mono_ms() + timeout_ms;
    stop_signals(&set);
    for (;;) {
        int64_t left_ms = timeout_ms < 0 ? 0 : LK_MAX(deadline_ms - lk_mono_ms(), 0);
        struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = (left_ms % 1000) * 1000000};
        int number = timeout_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &left);
        if (number > 0)
            return number;
        if (errno == EAGAIN)
            return 0;
    }
}
