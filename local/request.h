/* SPDX-License-Identifier: MIT
 *
 * request: one SQS request and its answer, whatever protocol they travel in, and what a row of the
 * table of actions is.
 *
 *     bytes → protocol's parse → lk_request → check → run → shape → its answer
 *           → protocol's render → bytes
 *
 * A row names the members of the request and of the answer; the protocols walk those lists, so that
 * an action is written once and a protocol knows no action. `check` needs no store (any thread),
 * `run` is the store's thread's, `shape` computes what only the answer needs (any thread).
 */
#ifndef LK_LOCAL_REQUEST_H
#define LK_LOCAL_REQUEST_H

#include "fault.h"
#include "store.h"

/* SQS's own limit of a message, and of all entries of a batch. */
#define LK_MESSAGE_MAX_BYTES 1048576

/* --- Parts of a request --------------------------------------------------------------------- */

#define LK_ABSENT INT64_MIN /* a number that was not given; who gives this one is refused */

typedef struct lk_names {
    const lk_slice *items;
    size_t count;
} lk_names;

typedef struct lk_pairs {
    const lk_name_value *items;
    size_t count;
} lk_pairs;

/* One message attribute as sent. */
typedef struct lk_attribute_value {
    lk_slice name;
    lk_slice data_type; /* {NULL,0}: missing, as for the next two */
    lk_slice string_value;
    lk_slice binary_value; /* decoded */
    bool has_list;         /* StringListValues or BinaryListValues, which SQS does not support */
} lk_attribute_value;

typedef struct lk_attribute_values {
    const lk_attribute_value *items;
    size_t count;
} lk_attribute_values;

/* A message to send, or a handle to do something with: one entry of a batch, or the whole of a
 * single action. The second half is its result. */
typedef struct lk_request_entry {
    lk_slice id;
    lk_slice body;
    int64_t delay_s;
    lk_slice group_id;
    lk_slice dedup_id;
    lk_attribute_values attributes;
    lk_attribute_values system_attributes;
    lk_slice receipt_handle;
    int64_t visibility_s;

    /* From check. */
    const lk_md5_attribute *stored_attributes; /* attributes.count long */
    lk_slice trace_header;
    int64_t size_bytes;
    char md5_of_body[LK_MD5_HEX_SIZE]; /* "": absent, as for the next two */
    char md5_of_attributes[LK_MD5_HEX_SIZE];
    char md5_of_system_attributes[LK_MD5_HEX_SIZE];

    /* From check or run. */
    lk_fault fault; /* of this entry alone: in a batch the others go on */
    lk_store_sent sent;
} lk_request_entry;

typedef struct lk_request_entries {
    lk_request_entry *items;
    size_t count;
} lk_request_entries;

/* --- Parts of an answer --------------------------------------------------------------------- */

/* A received message as the request wants to see it. */
typedef struct lk_shaped_message {
    const lk_store_message *message;
    char md5_of_body[LK_MD5_HEX_SIZE];
    char md5_of_attributes[LK_MD5_HEX_SIZE]; /* "": no attributes are shown */
    lk_pairs system_attributes;
    const lk_md5_attribute *attributes;
    size_t attribute_count;
} lk_shaped_message;

typedef struct lk_shaped_messages {
    lk_shaped_message *items;
    size_t count;
} lk_shaped_messages;

/* A move task as it is listed. */
typedef struct lk_shaped_move {
    lk_slice task_handle; /* {NULL,0}: it does not run any more */
    lk_slice status;
    lk_slice source_arn;
    lk_slice destination_arn; /* {NULL,0}: not given, as for the next ones */
    int64_t max_per_second;   /* LK_ABSENT */
    int64_t moved;
    int64_t to_move;
    lk_slice failure_reason;
    int64_t started_at_ms;
} lk_shaped_move;

typedef struct lk_shaped_moves {
    const lk_shaped_move *items;
    size_t count;
} lk_shaped_moves;

/* --- One request and its answer ------------------------------------------------------------- */

struct lk_action_row;

/* Where we are; the same for all requests. */
typedef struct lk_action_env {
    const char *region;
    const char *account;
    int64_t max_message_bytes; /* what queues allow at most, and a batch */
    /* Waits of 60 s that SQS imposes and tests seldom want. */
    bool purge_wait;    /* between two PurgeQueue of a queue */
    bool recreate_wait; /* between DeleteQueue and CreateQueue of a name */
} lk_action_env;

typedef struct lk_request {
    lk_arena arena; /* memory of everything below */
    void *document; /* the parsed text that slices point into; freed by document_free */
    void (*document_free)(void *document);
    const struct lk_action_row *action;
    const lk_action_env *env; /* borrowed */

    /* What the transport knows. Borrowed until the request is cleared. */
    lk_slice base_url; /* "http://127.0.0.1:9324": how the client reaches us; for QueueUrls */
    lk_slice path;     /* of the HTTP request: names the queue when QueueUrl does not */
    lk_slice sender_id;
    lk_slice trace_header; /* X-Amzn-Trace-Id */
    lk_slice request_id;   /* x-amzn-RequestId of the answer */

    /* Members. */
    lk_slice queue_url;
    lk_slice queue_name;
    lk_slice queue_name_prefix;
    lk_slice next_token;
    int64_t max_results;
    lk_pairs attributes;
    lk_pairs tags;
    lk_names tag_keys;
    lk_slice label;
    lk_names account_ids;
    lk_names action_names;
    lk_slice source_arn;
    lk_slice destination_arn;
    lk_slice task_handle;
    int64_t max_per_second;
    lk_names attribute_names;
    lk_names system_attribute_names;
    lk_names message_attribute_names;
    int64_t max_messages;
    int64_t visibility_s;
    int64_t wait_s;
    lk_slice attempt_id;
    lk_request_entry one;       /* single actions */
    lk_request_entries entries; /* batch actions */

    /* The answer: a fault, or what the action's row says. */
    lk_fault fault;
    int64_t waits_s; /* run returned LK_ACTION_WAITS: for so long at most */
    lk_slice answer_url;
    lk_names answer_urls;
    lk_slice answer_token;
    lk_pairs answer_attributes;
    lk_pairs answer_tags;
    lk_slice answer_handle;
    int64_t answer_moved;
    lk_shaped_moves answer_moves;
    lk_store_received *received; /* cleared with the request */
    int64_t received_from;       /* id of the queue */
    lk_shaped_messages messages; /* from shape */
} lk_request;

void lk_request_init(lk_request *request, const lk_action_env *env);
void lk_request_clear(lk_request *request);
/* count entries in the arena, members absent; NULL: out of memory. */
lk_request_entry *lk_request_add_entries(lk_request *request, size_t count);
/* The bytes that base64 text stands for, in the arena. 0; 1: it is no base64; LK_E_NOMEM. */
int lk_request_base64(lk_request *request, lk_slice text, lk_slice *bytes, lk_err *err);

/* --- Members, as the protocols need them ---------------------------------------------------- */

typedef enum lk_member_kind {
    LK_MEMBER_STRING,     /* lk_slice */
    LK_MEMBER_TEXT,       /* char[]: "" is absent; answers only */
    LK_MEMBER_INT,        /* int64_t */
    LK_MEMBER_NAMES,      /* lk_names: a list of strings */
    LK_MEMBER_PAIRS,      /* lk_pairs: a map of strings; required: not empty, as lists */
    LK_MEMBER_ATTRIBUTES, /* lk_attribute_values: a map of message attributes; requests only */
    LK_MEMBER_ENTRIES,    /* lk_request_entries: a list; each has the members of `entry`. In an
                             answer: those without a fault, left out when there are none */
    LK_MEMBER_FAILED,     /* lk_request_entries: those with a fault; answers only */
    LK_MEMBER_MESSAGES,   /* lk_shaped_messages; answers only */
    LK_MEMBER_MOVES       /* lk_shaped_moves: a list; each has the members of `entry`, numbers among
                             them; answers only */
} lk_member_kind;

typedef struct lk_member {
    const char *name;       /* in JSON */
    const char *query_name; /* in the Query protocol; of lists and maps without the number */
    const char *query_key;  /* LK_MEMBER_PAIRS: what Query calls the key of a pair, beside Value;
                               NULL: "Name" */
    size_t offset;          /* in lk_request; for members of one of a list in lk_request_entry or
                               lk_shaped_move */
    const struct lk_member *entry; /* LK_MEMBER_ENTRIES, LK_MEMBER_MOVES: members of one, ended by a
                                      NULL name */
    lk_member_kind kind;
    bool required;
} lk_member;

const char *lk_member_query_key(const lk_member *member); /* query_key, or its default */

/* --- A row of the table of actions ---------------------------------------------------------- */

/* What run is given besides the request. */
typedef struct lk_action_context {
    lk_store *store;
    int64_t now_ms;
    bool may_wait; /* false: a long poll answers now, with what there is */
    /* Told of every queue in which something may have become receivable, or was deleted, for the
     * long polls on it. */
    void (*touch)(void *touch_ctx, int64_t queue_id);
    void *touch_ctx;
} lk_action_context;

#define LK_ACTION_WAITS 2

/* check and run return 0: answered; 1: refused, request->fault is filled; < 0 failed (LK_E_IO,
 * LK_E_NOMEM) with err filled. run may also return LK_ACTION_WAITS: nothing was there, run it again
 * when something is (within request->waits_s). */
typedef struct lk_action_row {
    const char *name;
    const lk_member *members; /* ended by a NULL name */
    const lk_member *answers;
    int (*check)(lk_request *request, lk_err *err); /* may be NULL */
    int (*run)(const lk_action_context *context, lk_request *request, lk_err *err);
    int (*shape)(lk_request *request, lk_err *err); /* may be NULL */
    bool waits;                                     /* may be a long poll */
} lk_action_row;

/* --- Protocols ------------------------------------------------------------------------------ */

/* What a protocol is given of an HTTP request. */
typedef struct lk_wire {
    lk_slice target; /* X-Amz-Target; {NULL,0}: none */
    lk_slice query;  /* of the URL, not decoded; {NULL,0}: none */
    lk_slice body;
} lk_wire;

typedef struct lk_protocol {
    const char *content_type; /* of answers */
    bool error_header;        /* errors are named in x-amzn-query-error as well */
    /* Fills the request from the wire, whose bytes stay until the request is cleared. As check. */
    int (*parse)(const lk_wire *wire, lk_request *request, lk_err *err);
    /* Appends the answer or the fault. */
    void (*render)(const lk_request *request, lk_buf *out);
} lk_protocol;

#endif
