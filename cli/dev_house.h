/* SPDX-License-Identifier: MIT
 *
 * dev_house: a plan in operation: the local SQS, its queues, the functions, and the event source
 * mappings between them, with one clock for all.
 */
#ifndef LK_CLI_DEV_HOUSE_H
#define LK_CLI_DEV_HOUSE_H

#include "dev_plan.h"
#include "mapping.h"
#include "server.h"

typedef struct lk_dev_house {
    const lk_cli *cli;
    lk_dev_plan *plan;
    /* "NAME=value", NULL-terminated: for the processes around the queues. Owned by the house. */
    char **variables;
    size_t variable_count;
    lk_buf clock_path;
    lk_clock *clock;
    lk_server *server;
    lk_function *functions[LK_DEV_PLAN_MAX + 1]; /* as the plan's */
    size_t function_count;
    lk_mapping *mappings[LK_DEV_PLAN_MAX];
    size_t mapping_count;
} lk_dev_house;

/* Whether nothing is kept. */
bool lk_dev_house_in_memory(const lk_dev_house *house);
/* What processes that enqueue need to know, for a server at this URL. */
int lk_dev_house_set_variables(lk_dev_house *house, const char *url, lk_err *err);
/* Starts everything; lk_dev_house_stop is due in any case. */
int lk_dev_house_start(lk_dev_house *house, lk_err *err);
/* No new messages, running jobs finish and are settled, then the workers, then the server. */
void lk_dev_house_stop(lk_dev_house *house);

#endif
