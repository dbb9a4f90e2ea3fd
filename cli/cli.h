/* SPDX-License-Identifier: MIT
 *
 * cli: what every command of `lambdakiq` shares: an option parser driven by tables, help text,
 * errors, colour, and waiting for a signal to stop.
 *
 * A command is one lk_cli_command entry in main.c and one file with its run function, which does
 * arguments and printing only. Results go to stdout, everything said to a person goes to stderr.
 * Exit codes: 0 it worked, 1 it failed, 2 it was called wrongly.
 */
#ifndef LK_CLI_H
#define LK_CLI_H

#include "base.h"

#include <stdio.h>

enum { LK_CLI_OK = 0, LK_CLI_FAILURE = 1, LK_CLI_USAGE = 2 };

/* --- Commands and options ------------------------------------------------------------------- */

/* What a run function is told about how it was called. */
typedef struct lk_cli {
    bool json;       /* --json: stdout is for machines, one JSON value a line */
    bool out_colour; /* stdout is a terminal, NO_COLOR unset, TERM not "dumb" */
    bool err_colour; /* the same of stderr */
} lk_cli;

typedef struct lk_cli_command {
    const char *name;     /* "serve" */
    const char *synopsis; /* "lambdakiq serve [--port N] [--db FILE]" */
    const char *summary;  /* one line, for the list of commands */
    const char *details;  /* paragraphs and examples below the options in --help; may be NULL */
    /* argv[0] is the command's name. Returns the exit code. */
    int (*run)(const struct lk_cli_command *command, int argc, char **argv);
} lk_cli_command;

typedef enum lk_cli_kind {
    LK_CLI_FLAG,   /* target: bool, set to true */
    LK_CLI_STRING, /* target: const char *, points into argv; the last one wins */
    LK_CLI_INT,    /* target: int64_t, a decimal number within min..max */
    LK_CLI_LIST    /* target: lk_cli_list, may be given several times */
} lk_cli_kind;

#define LK_CLI_LIST_MAX 64

typedef struct lk_cli_list {
    const char *items[LK_CLI_LIST_MAX]; /* point into argv */
    size_t count;
} lk_cli_list;

/* One row of a command's table. Its target keeps the default it had when the option is absent. */
typedef struct lk_cli_option {
    const char *name; /* "port": --port 1, --port=1 */
    char letter;      /* 'p': -p 1, -p1; 0: none */
    lk_cli_kind kind;
    void *target;
    const char *argument; /* how help names the value: "N", "FILE"; NULL for flags */
    const char *help;     /* what it does and its default */
    int64_t min, max;     /* LK_CLI_INT */
} lk_cli_option;

/* What stood on the line besides options. */
typedef struct lk_cli_args {
    char **positional; /* points into argv, which is reordered; options may stand behind them */
    size_t count;
    char **command; /* what follows "--", NULL-terminated as execvp wants it; NULL: no "--" */
} lk_cli_args;

/* Parses the line of a command. --help (-h), --json and --no-color are understood everywhere.
 * true: go on. false: all is said (help, or what is wrong and where help is), return *exit_code.
 * args NULL: the command takes neither positional arguments nor a "--". */
bool lk_cli_parse(const lk_cli_command *command, const lk_cli_option *options, size_t count,
                  int argc, char **argv, lk_cli *cli, lk_cli_args *args, int *exit_code);

/* The value of --log-format: *json whether it is JSON. NULL: not said, text. LK_CLI_OK, or misuse.
 */
int lk_cli_log_format(const lk_cli_command *command, const char *text, bool *json);

/* Help of one command to `out`. */
void lk_cli_help(const lk_cli_command *command, const lk_cli_option *options, size_t count,
                 FILE *out);

/* --- Saying things -------------------------------------------------------------------------- */

typedef enum lk_cli_style {
    LK_CLI_PLAIN,
    LK_CLI_BOLD,
    LK_CLI_DIM,
    LK_CLI_RED,
    LK_CLI_GREEN,
    LK_CLI_YELLOW,
    LK_CLI_STYLES
} lk_cli_style;

/* The escape sequence that starts a style (LK_CLI_PLAIN: ends it), "" without colour. */
const char *lk_cli_style_start(bool colour, lk_cli_style style);

/* "lambdakiq: error: …" to stderr; with --json {"error":{"code":…,"message":…}}. Both return
 * LK_CLI_FAILURE, lk_cli_misuse LK_CLI_USAGE with a pointer to the command's help. */
int lk_cli_fail(const lk_cli *cli, const lk_err *err);
int lk_cli_misuse(const lk_cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "lambdakiq: …" to stderr: progress and warnings, silent with --json. */
void lk_cli_note(const lk_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- Stopping ------------------------------------------------------------------------------- */

/* Blocks SIGINT, SIGTERM and SIGHUP in this thread and every one started later, and ignores
 * SIGPIPE and SIGXFSZ. Call it first thing in run, before threads exist. A child made by fork
 * inherits all that: undo it before exec. */
void lk_cli_signals_block(void);
/* Waits for one of them and returns its number. timeout_ms < 0: for ever; else 0 when none came. */
int lk_cli_signal_wait(int64_t timeout_ms);

#endif
