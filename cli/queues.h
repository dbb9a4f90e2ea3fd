/* SPDX-License-Identifier: MIT
 *
 * queues: making queues at start: by hand, or a queue with its dead-letter queue and the settings
 * that the documentation gives for deployed ones.
 */
#ifndef LK_CLI_QUEUES_H
#define LK_CLI_QUEUES_H

#include "server.h"

#define LK_CLI_QUEUE_NAME_SIZE 81

enum {
    LK_CLI_RECEIVES = 13,      /* a first try and 12 retries */
    LK_CLI_RECEIVES_FIFO = 14, /* and one that a delay may spend */
    LK_CLI_FUNCTION_TIMEOUT_S = 300
};

/* --- One queue ------------------------------------------------------------------------------ */

/* CreateQueue with these attributes, and FifoQueue by its name. *url (may be NULL): transferred.
 * LK_E_SERVICE: refused; see lk_cli_queue_differs. */
int lk_cli_queue_make(lk_server *server, const char *name, const lk_name_value *attributes,
                      size_t count, char **url, lk_err *err);
/* It exists, and an attribute that was given has another value: err->message names it. */
bool lk_cli_queue_differs(const lk_err *err);
/* The same, but one that exists gets these attributes. */
int lk_cli_queue_declare(lk_server *server, const char *name, const lk_name_value *attributes,
                         size_t count, char **url, lk_err *err);
/* SetQueueAttributes. */
int lk_cli_queue_update(lk_server *server, const char *name, const lk_name_value *attributes,
                        size_t count, lk_err *err);
/* The dead-letter queue `name`: it keeps messages as long as SQS can. */
int lk_cli_queue_make_dead(lk_server *server, const char *name, lk_err *err);
/* Appends the value of RedrivePolicy. */
void lk_cli_queue_add_redrive(lk_buf *out, const char *region, const char *account,
                              const char *dead_name, int64_t max_receive_count);

/* --- A queue as documented ------------------------------------------------------------------ */

typedef struct lk_cli_queue {
    char name[LK_CLI_QUEUE_NAME_SIZE];
    char dead_name[LK_CLI_QUEUE_NAME_SIZE]; /* "jobs-dlq", "jobs-dlq.fifo" */
    bool fifo;
    int64_t visibility_s;
    int64_t max_receive_count;
    lk_buf arn;
    char *url; /* once created; free with lk_cli_queue_clear */
} lk_cli_queue;

/* Names, and nothing else yet. fifo: adds ".fifo" where it is missing. LK_E_INVALID: too long. */
int lk_cli_queue_name(lk_cli_queue *queue, const char *name, bool fifo, lk_err *err);
/* Creates both queues. One that exists with other settings: `update` gives it these, else it is
 * left as it is, and *kept (may be NULL) says which setting differs. */
int lk_cli_queue_create(lk_server *server, const char *region, const char *account, bool update,
                        lk_cli_queue *queue, lk_err *kept, lk_err *err);
void lk_cli_queue_clear(lk_cli_queue *queue);

#endif
