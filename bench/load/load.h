/* SPDX-License-Identifier: MIT
 *
 * load: what the driver (load.c) and the protocols it speaks (load_sqs.c, load_beanstalkd.c) share.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call does. A piece of work is a sequence of them, and is counted and timed as one. */
typedef enum step { STEP_SEND, STEP_BATCH, STEP_RECEIVE, STEP_PEEK, STEP_WAIT, STEP_DELETE } step;

#define BATCH_SIZE  10
#define HANDLE_SIZE 128

typedef struct connection {
    int fd;
    int queue; /* it works on, from 0 */
    char *out; /* the request, out_len bytes of it, out_done of them sent */
    size_t out_len, out_done;
    char *in; /* the answer so far */
    size_t in_len;
    size_t at; /* step of the work; work->count: none */
    int64_t begun_ns;
    char handle[HANDLE_SIZE]; /* of what it received last */
} connection;

#define OUT_BYTES ((size_t)16 * 1024)
#define IN_BYTES  ((size_t)64 * 1024)

/* A message as ActiveJob makes it. */
extern const char message_body[];

typedef struct protocol {
    const char *name;
    /* Writes the request into c->out, returns its length. handle: of the message to delete. */
    size_t (*request)(const connection *c, step what, const char *handle, char *out);
    /* The length of the answer when it is whole; 0: not yet. Ends the process when it is wrong. */
    size_t (*whole)(const connection *c, step what);
    /* The handles of messages in the answer, one after the other. NULL from: from the start. */
    const char *(*next_handle)(const connection *c, const char *from, char handle[HANDLE_SIZE]);
    bool batches; /* it has STEP_BATCH, and STEP_PEEK: a receive that leaves things as they were */
} protocol;

extern const protocol sqs_protocol;
extern const protocol sqs_fifo_protocol;
extern const protocol beanstalkd_protocol;

/* Prints and ends the process. */
void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
