/* SPDX-License-Identifier: MIT
 *
 * queues_file: queues declared in a JSON file:
 *
 *     {"queues": [
 *       {"name": "jobs", "attributes": {"VisibilityTimeout": 301}, "deadLetter": true,
 *        "tags": {"team": "shop"}},
 *       {"name": "stock.fifo", "deadLetter": {"name": "lost.fifo", "maxReceiveCount": 5}}
 *     ]}
 *
 * Attributes are SQS's, by its names; numbers, true and false may stand for their text, an object
 * for its JSON. deadLetter: true is "jobs-dlq" with as many receives as there are tries.
 */
#ifndef LK_CLI_QUEUES_FILE_H
#define LK_CLI_QUEUES_FILE_H

#include "arena.h"
#include "json.h"
#include "queues.h"

typedef struct lk_cli_queues_file {
    const char *path; /* borrowed */
    lk_json *root;
    struct lk_cli_declared *queues;
    size_t count;
    lk_arena arena;
} lk_cli_queues_file;

/* Reads the file and checks its form; makes nothing. LK_E_IO, LK_E_JSON, LK_E_INVALID, each naming
 * file, queue and member. */
int lk_cli_queues_file_read(const char *path, lk_cli_queues_file *file, lk_err *err);
/* Makes the queues; those that exist as declared are left alone. LK_E_INVALID: one exists and
 * differs, LK_E_SERVICE: an attribute is refused; both name it. */
int lk_cli_queues_file_make(const lk_cli_queues_file *file, lk_server *server, const char *region,
                            const char *account, lk_err *err);
void lk_cli_queues_file_clear(lk_cli_queues_file *file);

#endif
