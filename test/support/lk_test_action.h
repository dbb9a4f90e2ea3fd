/* SPDX-License-Identifier: MIT
 *
 * lk_test_action: SQS actions without HTTP and without waiting: JSON (or another protocol's text)
 * in and out, on a store in memory whose clock is a number. For test_action_*.c and test_proto_*.c.
 */
#ifndef LK_TEST_ACTION_H
#define LK_TEST_ACTION_H

#include "action.h"
#include "json.h"
#include "lk_test.h"

#define TEST_ACTION_BASE       "http://sqs.test:9324"
#define TEST_ACTION_REQUEST_ID "11111111-2222-4333-8444-555555555555"

typedef struct test_action {
    lk_store *store;
    lk_action_env env;
    int64_t now_ms;
    const char *path;  /* of the next calls; "/" */
    const char *trace; /* X-Amzn-Trace-Id of the next calls; NULL */

    /* Of the last call. */
    bool waits; /* it would be a long poll */
    int64_t waits_s;
    const char *error; /* the code in x-amzn-query-error; "" when it succeeded */
    const char *type;  /* __type; "" when it succeeded */
    int status;
    lk_slice message; /* of the error; {NULL,0} when it succeeded, or the answer is not JSON 1.0 */
    lk_buf text;      /* the answer as it was rendered */
    lk_json *json;    /* the same, read; NULL: it is not JSON */
    size_t touched;   /* queues that were touched */
} test_action;

/* cmocka set-up and tear-down; the set-up makes the queues "jobs" and "jobs.fifo". */
int test_action_setup(void **state);
int test_action_teardown(void **state);

/* Carries out one action. The text is written with ' for ", and formatted. */
void test_action_call(test_action *t, const char *action, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The text as it is; body may be anything. */
void test_action_call_raw(test_action *t, const char *action, lk_slice body);

/* A request of any protocol, as it comes over the wire. */
void test_action_exchange(test_action *t, const lk_protocol *protocol, const lk_wire *wire);

/* The last call succeeded. */
#define assert_action_ok(t)                                                                        \
    do {                                                                                           \
        if ((t)->error[0])                                                                         \
            fail_msg("%s: %.*s", (t)->error, LK_SLICE_FMT((t)->message));                          \
    } while (0)
/* The last call was refused with this code. */
#define assert_action_error(t, code)                                                               \
    do {                                                                                           \
        if (strcmp((t)->error, (code)) != 0)                                                       \
            fail_msg("\"%s\" (%.*s), expected %s", (t)->error, LK_SLICE_FMT((t)->message), code);  \
    } while (0)

/* Strings of the last answer: a member; of a member's i-th element, a member; of a member that is a
 * map, the value. {NULL,0}: none. */
lk_slice test_action_string(const test_action *t, const char *name);
size_t test_action_count(const test_action *t, const char *list);
lk_slice test_action_item(const test_action *t, const char *list, size_t index, const char *name);
lk_slice test_action_attribute(const test_action *t, const char *name); /* of Attributes */
/* System attribute of the first received message. */
lk_slice test_action_system(const test_action *t, const char *name);
/* Receipt handle of a received message, copied to memory that stays a few calls. */
const char *test_action_handle(const test_action *t, size_t index);

/* Sends body to a queue; a .fifo one gets the group "g" and the body as deduplication id. */
void test_action_send(test_action *t, const char *queue, const char *body);
/* Receives up to max with all attributes. */
void test_action_receive(test_action *t, const char *queue, int max);

#endif
