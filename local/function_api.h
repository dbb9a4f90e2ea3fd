/* SPDX-License-Identifier: MIT
 *
 * function_api: the Lambda Runtime API (2018-06-01) for one worker process, on a loopback port.
 *
 * One object serves one process and ends with it, so that a stray request of a dead process can
 * never reach its successor. The runtime asks for the next event and gets it when lk_function_api_
 * invoke has one; the invoker waits until the runtime answers or the process is declared ended.
 *
 *     Started --next--> Ready --event--> Running --response/error--> ResponseSent --next--> Ready
 *        \--init/error--> InitFailed
 */
#ifndef LK_LOCAL_FUNCTION_API_H
#define LK_LOCAL_FUNCTION_API_H

#include "base.h"

/* The largest response, in bytes: 6 MiB and some room for the envelope, as Lambda counts. */
#define LK_RESPONSE_MAX_BYTES (6 * 1024 * 1024 + 100)

typedef struct lk_function_api lk_function_api;

/* Called from the API's own thread, no lock held. */
typedef struct lk_function_api_hooks {
    void (*ready)(
        void *ctx); /* the runtime wants its next event: Started or ResponseSent → Ready */
    void (*init_failed)(void *ctx, lk_slice payload); /* it reported why it could not start */
    void *ctx;
} lk_function_api_hooks;

/* One invocation. Borrowed until lk_function_api_invoke returns. */
typedef struct lk_function_request {
    const char *request_id;
    const char *function_arn;
    int64_t deadline_ms; /* epoch ms, real time */
    lk_slice event;
    lk_slice trace_id; /* {NULL,0}: none */
} lk_function_request;

typedef enum lk_function_answer {
    LK_ANSWER_RESPONSE,
    LK_ANSWER_ERROR,     /* the runtime posted …/error */
    LK_ANSWER_TOO_LARGE, /* response over LK_RESPONSE_MAX_BYTES; the runtime got 413 and lives on */
    LK_ANSWER_ENDED,     /* lk_function_api_end came first, */
    LK_ANSWER_UNHEARD    /* even before the runtime got the event */
} lk_function_answer;

#define LK_ERROR_TYPE_SIZE 96

int lk_function_api_start(const lk_function_api_hooks *hooks, lk_function_api **api, lk_err *err);
int lk_function_api_port(const lk_function_api *api);
/* Hands the event to the runtime and waits for its answer, or for lk_function_api_end. payload: the
 * body the runtime posted, unparsed. error_type: from its header, "" when none. One at a time. */
lk_function_answer lk_function_api_invoke(lk_function_api *api, const lk_function_request *request,
                                          lk_buf *payload, char error_type[LK_ERROR_TYPE_SIZE]);
/* The process is gone: answers whoever waits with LK_ANSWER_ENDED, now and later. */
void lk_function_api_end(lk_function_api *api);
/* No lk_function_api_invoke may be in progress. No hook is called afterwards. Accepts NULL. */
void lk_function_api_free(lk_function_api *api);

#endif
