/* SPDX-License-Identifier: MIT
 *
 * dev_function: the functions of `lambdakiq dev`: the command behind "--", and those of --function,
 * each for a queue of its own, as deployed functions are.
 */
#ifndef LK_CLI_DEV_FUNCTION_H
#define LK_CLI_DEV_FUNCTION_H

#include "base.h"
#include "function.h"
#include "words.h"

typedef struct lk_dev_function {
    const char *queue;       /* of --function: the part before '='; NULL: the command's */
    const char *name;        /* AWS_LAMBDA_FUNCTION_NAME */
    const char *const *argv; /* NULL-terminated */
    int workers;
    lk_function *function; /* once started */
    lk_words words;        /* what argv is made of */
    lk_buf text;           /* what queue points into */
} lk_dev_function;

/* What all functions of a process have in common. */
typedef struct lk_dev_settings {
    const char *region;
    const char *account;
    const char *const *env; /* "NAME=value", NULL-terminated */
    int64_t timeout_ms;
    int memory_mb;
    int log_fd;
} lk_dev_settings;

/* Reads "QUEUE=COMMAND [ARGUMENT]...", quoted as a shell does. LK_E_INVALID. Clear it in any case.
 */
int lk_dev_function_read(lk_dev_function *f, const char *spec, lk_err *err);
int lk_dev_function_start(lk_dev_function *f, const lk_dev_settings *settings, lk_err *err);
void lk_dev_function_clear(lk_dev_function *f); /* ends it */

#endif
