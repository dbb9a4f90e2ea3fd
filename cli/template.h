/* SPDX-License-Identifier: MIT
 *
 * template: the queues and functions of a SAM or CloudFormation template, as far as they can be run
 * on one machine: AWS::SQS::Queue, AWS::Serverless::Function with its SQS events,
 * AWS::Lambda::Function with AWS::Lambda::EventSourceMapping.
 *
 * What is of another kind, or cannot be evaluated here, is noted once; what a queue or function
 * needs and cannot have is an error that names file and line.
 */
#ifndef LK_CLI_TEMPLATE_H
#define LK_CLI_TEMPLATE_H

#include "template_text.h"

#define LK_TEMPLATE_NAME_SIZE      81
#define LK_TEMPLATE_ATTRIBUTES_MAX 16
#define LK_TEMPLATE_FILTERS_MAX    10

/* All texts and lists below are owned by the template. */
typedef struct lk_template_queue {
    lk_slice id; /* logical id */
    char name[LK_TEMPLATE_NAME_SIZE];
    lk_slice arn;
    lk_name_value attributes[LK_TEMPLATE_ATTRIBUTES_MAX]; /* SQS's, without FifoQueue; RedrivePolicy
                                                             comes last */
    size_t attribute_count;
    const char *dead_name; /* of its dead-letter queue; "": none, and no RedrivePolicy */
    int64_t max_receive_count;
} lk_template_queue;

typedef struct lk_template_source {
    size_t queue; /* index */
    int64_t batch_size;
    int64_t window_s;
    int64_t max_concurrency; /* 0: as many as there are workers */
    bool report_batch_item_failures;
    const char *filters[LK_TEMPLATE_FILTERS_MAX];
    size_t filter_count;
} lk_template_source;

typedef struct lk_template_function {
    lk_slice id;
    const char *name;
    const char *handler;  /* ""; becomes _HANDLER */
    const char *code_uri; /* "": where we are */
    int64_t timeout_s;
    int64_t memory_mb;
    bool allow_recursion;
    lk_template_source *sources;
    size_t source_count;
    /* Of Globals, and of the function. */
    const lk_template_node *variables[2];
} lk_template_function;

typedef struct lk_template {
    lk_template_tree *tree;
    lk_arena arena;
    const char *region;
    const char *account;
    const char *base_url; /* of queue URLs; set it when the server is known, before _variables */
    lk_template_queue *queues;
    size_t queue_count;
    lk_template_function *functions; /* those that have a queue to work on */
    size_t function_count;
    lk_buf notes; /* a line each */
} lk_template;

/* parameters: "Name=value"; borrowed until clear, as are path, region and account. Fails as
 * lk_template_tree_read and with LK_E_UNSUPPORTED, LK_E_INVALID; *template must be cleared then
 * too. */
int lk_template_read(const char *path, const char *const *parameters, size_t count,
                     const char *region, const char *account, lk_template *template, lk_err *err);
void lk_template_clear(lk_template *template);

/* "NAME=value" of each variable of the function, or of Globals alone (function NULL),
 * NULL-terminated, in the arena. One that cannot be
 * evaluated is left out and noted. */
int lk_template_variables(lk_template *template, const lk_template_function *function,
                          const char *const **variables, lk_err *err);

#endif
