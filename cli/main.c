/* SPDX-License-Identifier: MIT
 *
 * main: the `lambdakiq` command: a table of commands, help, and finding the one that was meant.
 */
#include "cli.h"
#include "dev.h"
#include "serve.h"
#include "work.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const lk_cli_command *const commands[] = {
    &lk_cli_dev,
    &lk_cli_serve,
    &lk_cli_work,
};

static const lk_cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < LK_COUNT(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_help(FILE *out)
{
    fputs("Background jobs on Amazon SQS and AWS Lambda, and both of them on this machine.\n"
          "\n"
          "Usage: lambdakiq COMMAND [options]\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < LK_COUNT(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("  help       Show the help of a command: lambdakiq help dev\n"
          "\n"
          "Options:\n"
          "  -h, --help     Show this help\n"
          "      --version  Show the version\n",
          out);
}

/* --- Commands that were not meant --------------------------------------------------------------
 */

enum { NAME_MAX_LENGTH = 32 };

/* Letters to add, drop or change to make one of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LENGTH + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len > NAME_MAX_LENGTH || b_len > NAME_MAX_LENGTH)
        return NAME_MAX_LENGTH;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = LK_MIN(change, LK_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_len];
}

static const char *resembling(const char *name)
{
    const char *best = NULL;
    size_t best_distance = 3; /* further apart they have nothing in common */
    for (size_t i = 0; i < LK_COUNT(commands); i++) {
        size_t d = distance(name, commands[i]->name);
        bool begins = strncmp(commands[i]->name, name, strlen(name)) == 0;
        if (d < best_distance || begins) {
            best = commands[i]->name;
            best_distance = begins ? 0 : d;
        }
    }
    return best;
}

static int refuse(const char *name)
{
    const char *meant = resembling(name);
    fprintf(stderr, "lambdakiq: there is no command \"%s\"", name);
    if (meant)
        fprintf(stderr, "; did you mean \"%s\"?", meant);
    fputs("\nTry \"lambdakiq --help\".\n", stderr);
    return LK_CLI_USAGE;
}

/* --- Running ---------------------------------------------------------------------------------- */

/* `help dev` is `dev --help`. */
static int help(int argc, char **argv)
{
    if (argc < 3) {
        print_help(stdout);
        return LK_CLI_OK;
    }
    const lk_cli_command *command = find_command(argv[2]);
    char option[] = "--help";
    char *line[] = {argv[2], option, NULL};
    return command ? command->run(command, 2, line) : refuse(argv[2]);
}

/* A closed standard descriptor would be given to the next file opened, and be written to by all who
 * mean the terminal. */
static void open_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    open_standard_descriptors();
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        print_help(stderr);
        return LK_CLI_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return LK_CLI_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("lambdakiq %s\n", lk_version());
        return LK_CLI_OK;
    }
    if (strcmp(name, "help") == 0)
        return help(argc, argv);
    const lk_cli_command *command = find_command(name);
    return command ? command->run(command, argc - 1, argv + 1) : refuse(name);
}
