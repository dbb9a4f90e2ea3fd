/* SPDX-License-Identifier: MIT
 *
 * store: the queues of the local SQS as a state machine on SQLite.
 *
 * It owns what the messages do: visibility, delay, receive counts, receipt handles, FIFO order,
 * deduplication, dead letters, retention. It knows no HTTP, no JSON, no AWS error codes and no
 * ARNs: queues go by name, and what SQS would refuse comes back as a small number that the action
 * layer words. It has no clock: every call that depends on time is given now_ms (epoch ms).
 *
 * Results. Every int function returns
 *   0                   done,
 *   > 0                 refused, an lk_store_refusal: a correct answer of the state machine.
 *                       Nothing was changed, err is untouched, the transaction goes on;
 *   < 0                 failed, an LK_E_* code with err filled. LK_E_INVALID (a mistake of the
 *                       caller) changed nothing. After any other one (LK_E_IO: disk full,
 *                       read-only, damaged; LK_E_NOMEM) the transaction is lost: call
 *                       lk_store_rollback and answer everyone in the group with InternalFailure.
 *                       The store itself stays usable.
 *
 * Transactions. The caller groups: lk_store_begin, any number of operations, lk_store_commit; what
 * was committed survives kill -9 (power loss too with sync_full). Operations outside a transaction
 * are LK_E_INVALID, except those marked "any time".
 *
 * Threads: one thread uses a store, from open to close.
 */
#ifndef LK_LOCAL_STORE_H
#define LK_LOCAL_STORE_H

#include "digest.h"

typedef struct lk_store lk_store;

/* --- Refusals ------------------------------------------------------------------------------- */

typedef enum lk_store_refusal {
    LK_STORE_OK = 0,
    LK_STORE_NO_QUEUE,         /* no queue of that name (also: a target that is missing) */
    LK_STORE_QUEUE_DIFFERS,    /* create: the queue exists with another value of a given setting */
    LK_STORE_QUEUE_TYPE,       /* set, move: the target is of the other type (standard / FIFO) */
    LK_STORE_HANDLE_INVALID,   /* not one of our handles, damaged, or of another queue */
    LK_STORE_HANDLE_EXPIRED,   /* "The receipt handle has expired." */
    LK_STORE_NOT_AVAILABLE,    /* change visibility: "Message does not exist or is not available for
                                  visibility timeout change." */
    LK_STORE_VISIBILITY_LIMIT, /* more than 43200 s since the receive; SQS refuses, never clips */
    LK_STORE_OVER_LIMIT,       /* too many messages in flight (standard queues, short polls) */
    LK_STORE_TAG_LIMIT,        /* more tags than a queue can have */
    LK_STORE_NO_SOURCE,        /* move: no queue has this one as its dead-letter queue */
    LK_STORE_MOVE_ACTIVE,      /* move: the source has a task that is not over */
    LK_STORE_NO_MOVE,          /* cancel: there is no such task */
    LK_STORE_MOVE_OVER         /* cancel: the task does not run any more */
} lk_store_refusal;

/* --- Open, transactions --------------------------------------------------------------------- */

#define LK_STORE_IN_FLIGHT_DEFAULT 120000
#define LK_STORE_NAME_SIZE         88 /* room for a queue's name, of 80 characters at most */

typedef struct lk_store_options {
    const char *path;           /* NULL or ":memory:": nothing is kept */
    bool sync_full;             /* PRAGMA synchronous=FULL */
    int64_t cache_bytes;        /* page cache; 0: 16 MiB */
    int64_t in_flight_standard; /* limits of messages in flight per queue; 0: 120000 */
    int64_t in_flight_fifo;
    int64_t max_message_bytes; /* of new queues that are not given one; 0: 1 MiB */
} lk_store_options;

/* Opens or creates the database, brings an older schema up to date. LK_E_IO: the file cannot be
 * opened, is not a database, is read-only, is used by another server, or was written by a newer
 * version; the message names the file and says what to do. */
int lk_store_open(const lk_store_options *options, lk_store **store, lk_err *err) LK_CHECK;
/* Rolls back an open transaction. Accepts NULL. */
void lk_store_close(lk_store *store);

int lk_store_begin(lk_store *store, lk_err *err) LK_CHECK;
int lk_store_commit(lk_store *store, lk_err *err) LK_CHECK; /* negative: nothing of it was kept */
void lk_store_rollback(lk_store *store); /* also when none is open; cannot fail */

/* Writes something of no meaning: that the transaction can be committed shows that the disk takes
 * writes. */
int lk_store_probe(lk_store *store, lk_err *err) LK_CHECK;

/* Work that can wait, a bounded piece a call: rows of deleted and purged queues, their names,
 * outdated deduplication entries. *more: call again when idle. Nothing but disk space depends on
 * it. */
int lk_store_tidy(lk_store *store, int64_t now_ms, bool *more, lk_err *err) LK_CHECK;

/* --- Queues --------------------------------------------------------------------------------- */

/* All settings of a queue are typed; which of them a call gives is a mask of these. The action
 * layer has parsed and range-checked them; texts are kept as they are. */
typedef enum lk_store_setting {
    LK_SET_DELAY = 1 << 0,             /* DelaySeconds */
    LK_SET_MAX_MESSAGE_BYTES = 1 << 1, /* MaximumMessageSize */
    LK_SET_RETENTION = 1 << 2,         /* MessageRetentionPeriod */
    LK_SET_WAIT = 1 << 3,              /* ReceiveMessageWaitTimeSeconds */
    LK_SET_VISIBILITY = 1 << 4,        /* VisibilityTimeout */
    LK_SET_FIFO = 1 << 5,              /* FifoQueue; cannot be changed after create */
    LK_SET_CONTENT_DEDUP = 1 << 6,     /* ContentBasedDeduplication */
    LK_SET_DEDUP_SCOPE = 1 << 7,       /* DeduplicationScope */
    LK_SET_THROUGHPUT = 1 << 8,        /* FifoThroughputLimit */
    LK_SET_REDRIVE = 1 << 9,           /* RedrivePolicy: both members */
    LK_SET_REDRIVE_ALLOW = 1 << 10,    /* RedriveAllowPolicy */
    LK_SET_POLICY = 1 << 11,           /* Policy */
    LK_SET_KMS_KEY = 1 << 12,          /* KmsMasterKeyId */
    LK_SET_KMS_REUSE = 1 << 13,        /* KmsDataKeyReusePeriodSeconds */
    LK_SET_SSE = 1 << 14               /* SqsManagedSseEnabled */
} lk_store_setting;

typedef struct lk_store_settings {
    unsigned given; /* create and set: mask of lk_store_setting; others keep their value, or get
                       SQS's default at create. In a lk_store_queue: all that were ever given */
    int64_t delay_s;
    int64_t max_message_bytes;
    int64_t retention_s;
    int64_t wait_s;
    int64_t visibility_s;
    int64_t kms_reuse_s;
    bool fifo;
    bool content_based_dedup;
    bool dedup_scope_group;    /* true: messageGroup, false: queue. Keeps acting as created */
    bool throughput_per_group; /* true: perMessageGroupId; shown only, no quota is emulated */
    bool sse;
    lk_slice dead_letter_queue; /* name; {NULL,0}: no redrive policy */
    int64_t max_receive_count;
    lk_slice redrive_allow_policy; /* JSON text; {NULL,0}: absent, as for the next two */
    lk_slice policy;
    lk_slice kms_key_id;
} lk_store_settings;

/* One queue as it is. Owned by the store until the queue is deleted, a rollback, or close: look it
 * up again for every request. */
typedef struct lk_store_queue {
    int64_t id;    /* never used again, also not by a later queue of the same name */
    lk_slice name; /* NUL-terminated behind len */
    int64_t created_at_ms;
    int64_t modified_at_ms;
    int64_t purged_at_ms; /* 0: never */
    lk_store_settings settings;
} lk_store_queue;

/* Any time. NULL when there is none. */
const lk_store_queue *lk_store_queue_find(const lk_store *store, lk_slice name);
const lk_store_queue *lk_store_queue_by_id(const lk_store *store, int64_t id);
/* Any time. The first queue in byte order of names behind `after` ({NULL,0}: the first of all);
 * NULL at the end. */
const lk_store_queue *lk_store_queue_next(const lk_store *store, lk_slice after);

/* Creates, or finds the one that is there when every given setting equals its current value.
 * LK_STORE_QUEUE_DIFFERS: *differs (may be NULL) is the mask of settings that do not.
 * LK_STORE_NO_QUEUE, LK_STORE_QUEUE_TYPE: the redrive target. *queue is set on 0. The name and its
 * ".fifo" suffix have been checked by the caller. A queue may target itself. */
int lk_store_queue_create(lk_store *store, lk_slice name, const lk_store_settings *settings,
                          int64_t now_ms, const lk_store_queue **queue, unsigned *differs,
                          lk_err *err) LK_CHECK;
/* Changes the given settings; they act at once. Retention, and a FIFO queue's delay, act on the
 * messages that are there too. LK_SET_FIFO is LK_E_INVALID: the action layer refuses it. */
int lk_store_queue_set(lk_store *store, const lk_store_queue *queue,
                       const lk_store_settings *settings, int64_t now_ms, lk_err *err) LK_CHECK;
/* The queue and everything in it; takes the same time for any backlog. */
int lk_store_queue_delete(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                          lk_err *err) LK_CHECK;
/* When a queue of that name was last deleted; 0: never, longer ago than LK_STORE_WAIT_MS, or at a
 * time that is still to come, since the clock was set back. */
int lk_store_queue_deleted_at(lk_store *store, lk_slice name, int64_t now_ms,
                              int64_t *deleted_at_ms, lk_err *err) LK_CHECK;
/* Everything in the queue, also in flight and delayed, and its deduplication memory. */
int lk_store_queue_purge(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                         lk_err *err) LK_CHECK;

/* SQS wants so much time between two purges of a queue, and between a delete and a create of the
 * same name. The store knows when these were and refuses neither. */
#define LK_STORE_WAIT_MS INT64_C(60000)

/* Names and values of a queue's tags. Zero-initialise; lk_store_tags_clear when done. */
#define LK_STORE_TAGS_MAX 50

typedef struct lk_store_tags {
    lk_name_value items[LK_STORE_TAGS_MAX]; /* by key, in byte order; texts owned by this */
    size_t count;
} lk_store_tags;

/* Adds tags; one that is there gets the new value. LK_STORE_TAG_LIMIT: they would be more than
 * LK_STORE_TAGS_MAX. */
int lk_store_tag_put(lk_store *store, const lk_store_queue *queue, const lk_name_value *tags,
                     size_t count, lk_err *err) LK_CHECK;
/* Those that are not there are passed over. */
int lk_store_tag_remove(lk_store *store, const lk_store_queue *queue, const lk_slice *keys,
                        size_t count, lk_err *err) LK_CHECK;
int lk_store_tag_list(lk_store *store, const lk_store_queue *queue, lk_store_tags *tags,
                      lk_err *err) LK_CHECK;
void lk_store_tags_clear(lk_store_tags *tags);

typedef struct lk_store_counts {
    int64_t visible;   /* ApproximateNumberOfMessages; here exact */
    int64_t in_flight; /* …NotVisible */
    int64_t delayed;   /* …Delayed */
} lk_store_counts;

int lk_store_queue_count(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                         lk_store_counts *counts, lk_err *err) LK_CHECK;

/* Whether a receive would find a message now. In a FIFO queue not every visible message can be
 * received: those behind a hidden one of their group cannot. */
int lk_store_queue_receivable(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                              bool *receivable, lk_err *err) LK_CHECK;

/* Any time. The earliest time after now_ms at which a message becomes receivable of itself (a delay
 * or a visibility timeout ends; in a FIFO queue those of the heads of groups), for one queue or for
 * all (queue NULL: then also when a move task goes on); INT64_MAX: never. Retention and
 * deduplication ends are no such events. */
int lk_store_next_due(lk_store *store, const lk_store_queue *queue, int64_t now_ms, int64_t *due_ms,
                      lk_err *err) LK_CHECK;

/* --- Send ----------------------------------------------------------------------------------- */

/* What the action layer has validated: sizes, characters, ids, delay on FIFO queues. All borrowed.
 */
typedef struct lk_store_send {
    lk_slice body;
    const lk_md5_attribute *attributes; /* user attributes; Binary values decoded */
    size_t attribute_count;
    lk_slice trace_header; /* AWSTraceHeader; {NULL,0}: none */
    lk_slice sender_id;
    lk_slice group_id; /* FIFO: needed, else LK_E_INVALID; standard: fair queues */
    lk_slice dedup_id; /* FIFO; {NULL,0}: SHA-256 of the body (content based queues), on others
                          LK_E_INVALID */
    int64_t delay_s;   /* < 0: the queue's. FIFO: the queue's always holds */
} lk_store_send;

#define LK_STORE_UUID_SIZE     37 /* with NUL */
#define LK_STORE_SEQUENCE_SIZE 21
#define LK_STORE_HANDLE_SIZE   64

typedef struct lk_store_sent {
    char message_id[LK_STORE_UUID_SIZE];
    char sequence_number[LK_STORE_SEQUENCE_SIZE]; /* FIFO only, else "" */
    bool duplicate;        /* accepted and dropped: both ids are those of the first one */
    int64_t visible_at_ms; /* > now: delayed (0 for a duplicate) */
} lk_store_sent;

int lk_store_send_message(lk_store *store, const lk_store_queue *queue,
                          const lk_store_send *message, int64_t now_ms, lk_store_sent *sent,
                          lk_err *err) LK_CHECK;

/* --- Receive -------------------------------------------------------------------------------- */

#define LK_STORE_RECEIVE_MAX 10

typedef struct lk_store_message {
    char message_id[LK_STORE_UUID_SIZE];
    char receipt_handle[LK_STORE_HANDLE_SIZE];
    char sequence_number[LK_STORE_SEQUENCE_SIZE]; /* FIFO only, else "" */
    int64_t receive_count;                        /* includes this one */
    int64_t sent_at_ms;
    int64_t first_received_at_ms;
    lk_slice body; /* these and what follows: owned by the lk_store_received */
    const lk_md5_attribute *attributes;
    size_t attribute_count;
    lk_slice trace_header; /* {NULL,0}: none; so for all below */
    lk_slice sender_id;
    lk_slice group_id;
    lk_slice dedup_id;
    lk_slice dead_letter_source; /* name of the queue it was moved here from */
    void *memory;                /* what the slices point into */
} lk_store_message;

/* Zero-initialise; lk_store_received_clear when done with the messages. */
typedef struct lk_store_received {
    lk_store_message messages[LK_STORE_RECEIVE_MAX];
    size_t count;
    size_t moved;              /* messages that went to the dead-letter queue instead … */
    int64_t moved_to_queue_id; /* … whose long polls want to be woken; 0: none moved */
    bool again;                /* what an earlier call with the same attempt id was given */
} lk_store_received;

/* Takes up to max_messages (1..10) that can be received now; none is no refusal: count 0.
 * visibility_s: < 0: the queue's. LK_STORE_OVER_LIMIT: standard queue with too many in flight and
 * nothing taken (a short poll answers OverLimit, a long poll waits on); FIFO queues just give
 * nothing. */
int lk_store_receive(lk_store *store, const lk_store_queue *queue, int max_messages,
                     int64_t visibility_s, int64_t now_ms, lk_store_received *received,
                     lk_err *err) LK_CHECK;
/* The same for a FIFO queue and a ReceiveRequestAttemptId. For 5 minutes from the first call with
 * this id it gives what that gave, with the same handles, without counting a receive, and hides it
 * anew; but when one of these messages was deleted, received again or got another timeout, it is a
 * receive like any other. Survives kill -9 as the receive itself does: whoever did not get its
 * answer can ask again. */
int lk_store_receive_attempt(lk_store *store, const lk_store_queue *queue, lk_slice attempt_id,
                             int max_messages, int64_t visibility_s, int64_t now_ms,
                             lk_store_received *received, lk_err *err) LK_CHECK;
void lk_store_received_clear(lk_store_received *received); /* accepts NULL */

/* Takes one delivery back, for an answer that could not be sent: receive count, first-receive time,
 * handle and place are as before, the message is visible. Does nothing when it was received again
 * or deleted since. *undone (may be NULL) tells. Moves to a dead-letter queue stay. */
int lk_store_receive_undo(lk_store *store, const lk_store_queue *queue, lk_slice receipt_handle,
                          int64_t now_ms, bool *undone, lk_err *err) LK_CHECK;

/* --- Delete, visibility --------------------------------------------------------------------- */

/* 0 also when the message is gone already, or (standard queues) the handle is older than the last
 * receive: then nothing is deleted. LK_STORE_HANDLE_INVALID, LK_STORE_HANDLE_EXPIRED (FIFO: the
 * visibility timeout ended or it was received again; both: over 12 h since the receive). */
int lk_store_delete(lk_store *store, const lk_store_queue *queue, lk_slice receipt_handle,
                    int64_t now_ms, lk_err *err) LK_CHECK;

/* Hides the message for timeout_s (0..43200) from now. 0, without effect, on a standard queue when
 * its timeout ended before. LK_STORE_HANDLE_INVALID, _HANDLE_EXPIRED (FIFO), _NOT_AVAILABLE,
 * _VISIBILITY_LIMIT. */
int lk_store_change_visibility(lk_store *store, const lk_store_queue *queue,
                               lk_slice receipt_handle, int64_t timeout_s, int64_t now_ms,
                               lk_err *err) LK_CHECK;

/* --- Move tasks ------------------------------------------------------------------------------ */

/* A move task takes what is in a dead-letter queue, oldest first, at its rate, and sends it anew:
 * to one queue, or each message back to the queue it came from. A message has a new id and enqueue
 * time, its receives count from 0, and no deduplication drops it. Whoever owns the store calls
 * lk_store_move_run: the move of a message and the task's counter are of one transaction. */

#define LK_STORE_MOVES_KEPT      10  /* the newest tasks of a source that are remembered */
#define LK_STORE_MOVE_PER_SECOND 500 /* SQS's highest rate, and where none is given */

typedef enum lk_store_move_status {
    LK_STORE_MOVE_RUNNING,
    LK_STORE_MOVE_CANCELLING, /* until the next run; this and the one before are active */
    LK_STORE_MOVE_COMPLETED,
    LK_STORE_MOVE_CANCELLED,
    LK_STORE_MOVE_FAILED
} lk_store_move_status;

typedef enum lk_store_move_failure {
    LK_STORE_MOVE_NO_FAILURE,
    LK_STORE_MOVE_NO_QUEUE, /* where the next message should go is gone */
    LK_STORE_MOVE_NO_ORIGIN /* the next message never was in another queue */
} lk_store_move_failure;

typedef struct lk_store_move {
    char task_id[LK_STORE_UUID_SIZE];
    char destination[LK_STORE_NAME_SIZE]; /* "": each message's own origin */
    int64_t max_per_second;               /* as given; 0: not given */
    int64_t to_move;                      /* visible messages at the start; no more are moved */
    int64_t moved;
    int64_t started_at_ms;
    lk_store_move_status status;
    lk_store_move_failure failure;
} lk_store_move;

/* destination {NULL,0}: each message goes back. max_per_second 0: not given. LK_STORE_NO_QUEUE,
 * LK_STORE_QUEUE_TYPE (of the destination), LK_STORE_NO_SOURCE, LK_STORE_MOVE_ACTIVE. */
int lk_store_move_start(lk_store *store, const lk_store_queue *source, lk_slice destination,
                        int64_t max_per_second, int64_t now_ms, char task_id[LK_STORE_UUID_SIZE],
                        lk_err *err) LK_CHECK;
/* *moved: so far. LK_STORE_NO_MOVE, LK_STORE_MOVE_OVER. */
int lk_store_move_cancel(lk_store *store, const lk_store_queue *source, lk_slice task_id,
                         int64_t *moved, lk_err *err) LK_CHECK;
/* The newest first, at most max of them. */
int lk_store_move_list(lk_store *store, const lk_store_queue *source, size_t max,
                       lk_store_move moves[LK_STORE_MOVES_KEPT], size_t *count,
                       lk_err *err) LK_CHECK;

#define LK_STORE_MOVE_PIECE 64 /* messages that one run moves at most */

/* Queues that a run sent messages to, each at least once; their long polls want to be woken. */
typedef struct lk_store_moved {
    int64_t queue_ids[LK_STORE_MOVE_PIECE];
    size_t count;
} lk_store_moved;

/* A bounded piece of what is due of all tasks. */
int lk_store_move_run(lk_store *store, int64_t now_ms, lk_store_moved *moved, lk_err *err) LK_CHECK;
/* Any time. When lk_store_move_run has something to do: up to now_ms means at once; INT64_MAX: no
 * task is active. */
int64_t lk_store_move_due(const lk_store *store);

#endif
