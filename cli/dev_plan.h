/* SPDX-License-Identifier: MIT
 *
 * dev_plan: what `lambdakiq dev` is to run: queues, functions, and which function works on which
 * queue. Made of the command's options, or of a template.
 */
#ifndef LK_CLI_DEV_PLAN_H
#define LK_CLI_DEV_PLAN_H

#include "cli.h"
#include "function.h"
#include "queues.h"
#include "template.h"
#include "words.h"

#define LK_DEV_ACCOUNT  "000000000000"
#define LK_DEV_PLAN_MAX LK_CLI_LIST_MAX /* queues, functions, sources */

typedef struct lk_dev_options {
    const char *template_path; /* NULL: queues, functions and their settings are options */
    lk_cli_list parameters;    /* of the template, "Name=value" */
    lk_cli_list queues;
    lk_cli_list functions; /* "QUEUE=COMMAND"; with a template "FUNCTION=COMMAND" */
    lk_cli_list filters;
    const char *db;
    const char *region;
    const char *name;
    const char *log_format; /* as it was given; NULL: not said */
    int64_t port;
    int64_t workers; /* of a function, at most; 0: one for each of its queues */
    int64_t batch_size;
    int64_t window_s;
    int64_t timeout_s;
    int64_t visibility_s;
    int64_t max_receive_count;
    int64_t memory_mb; /* 0: not said, and no limit */
    bool log_json;
    bool fifo;
    bool clock;
    bool no_report;
    bool allow_recursion;
    bool print_env;
    char **command; /* NULL: none */
} lk_dev_options;

typedef struct lk_dev_queue {
    lk_cli_queue made;                 /* name, ARN, and once created the URL */
    const lk_template_queue *declared; /* NULL: as documented, with a dead-letter queue */
} lk_dev_queue;

typedef struct lk_dev_function {
    const char *name;
    const char *const *argv; /* NULL-terminated */
    const char *cwd;         /* NULL: where we are */
    const char *handler;     /* NULL: not said */
    const lk_template_function *declared;
    int64_t timeout_s;
    int64_t memory_mb; /* 0: not said, and no limit */
    bool allow_recursion;
    int workers;
    int sources;
    lk_words words; /* what argv is made of, unless it is the command's */
    lk_buf text;
    const char *own_argv[2];
} lk_dev_function;

/* An event source mapping. */
typedef struct lk_dev_source {
    size_t queue;
    size_t function;
    int64_t batch_size;
    int64_t window_s;
    int64_t max_concurrency; /* 0: as many as there are workers */
    bool report_batch_item_failures;
    const char *const *filters;
    size_t filter_count;
} lk_dev_source;

typedef struct lk_dev_plan {
    const lk_dev_options *options;
    lk_template template; /* without one: empty */
    lk_dev_queue queues[LK_DEV_PLAN_MAX];
    size_t queue_count;
    lk_dev_function functions[LK_DEV_PLAN_MAX + 1];
    size_t function_count;
    lk_dev_source sources[LK_DEV_PLAN_MAX];
    size_t source_count;
} lk_dev_plan;

/* Nothing is started. LK_E_INVALID and what reading a template fails with; clear it in any case. */
int lk_dev_plan_make(lk_dev_plan *plan, const lk_dev_options *options, lk_err *err);
void lk_dev_plan_clear(lk_dev_plan *plan);

/* Makes the queues; those that exist get these settings. */
int lk_dev_plan_create_queues(lk_dev_plan *plan, lk_server *server, lk_err *err);

#endif
