/* SPDX-License-Identifier: MIT
 *
 * store_internal: what the files of the store share; nobody else includes it.
 *
 * Reading order: store_schema (the tables) · store_sql (statements, errors) · store_open (life,
 * transactions) · store_settings, store_queue, store_tag (queues) · store_handle, store_payload,
 * store_message
 * (rows) · store_key, store_fifo (groups), store_dedup · store_retain (what has had its time) ·
 * store_send · store_redrive · store_receive · store_attempt · store_settle (delete, visibility,
 * undo) · store_move (tasks), store_move_run.
 *
 * Piles. A queue's messages carry the number of its pile, not of the queue. Purge and delete give
 * the queue a new pile, or none, and leave the old one to lk_store_tidy: they take the same time
 * for a backlog of ten and of a million.
 *
 * Nothing is ever scanned: a receive looks at as many rows as it takes, moves or drops. Each
 * message sits in one index by (pile, visible_at) and one by (pile, sent_at), FIFO ones also in
 * their group's order; bodies have a table of their own, so that a change of state costs the same
 * for a small and for a large message. The one exception: what finds groups and deduplication ids
 * by name is in memory (store_key), and read from the tables at the first use after a start or a
 * rollback.
 */
#ifndef LK_LOCAL_STORE_INTERNAL_H
#define LK_LOCAL_STORE_INTERNAL_H

#include "store.h"

#include <sqlite3.h>

#define LK_HANDLE_KEY_BYTES    32
#define LK_UUID_BYTES          16
#define LK_VISIBILITY_LIMIT_MS INT64_C(43200000) /* 12 h, from the receive */
#define LK_DEDUP_WINDOW_MS     INT64_C(300000)   /* 5 minutes, from the first accepted send */
#define LK_ATTEMPT_WINDOW_MS   INT64_C(300000)   /* 5 minutes, from the first receive */
#define LK_STORE_UNKNOWN       INT64_C(-1)       /* a cached figure that must be asked for */

/* --- Statements ----------------------------------------------------------------------------- */

/* Columns of a message row in the order lk_message_row_read takes them. */
#define LK_MESSAGE_COLUMNS                                                                         \
    "id, pile, visible_at, sent_at, receive_count, received_elsewhere, received_at, "              \
    "first_received_at, fifo_group, seq, dead_source"

/* Columns of a queue's settings in the order of `fields` in store_settings.c. */
#define LK_QUEUE_COLUMNS                                                                           \
    "given, delay_s, max_message_bytes, retention_s, wait_s, visibility_s, kms_reuse_s, fifo, "    \
    "content_based_dedup, dedup_scope_group, throughput_per_group, sse, dead_letter_queue, "       \
    "max_receive_count, redrive_allow_policy, policy, kms_key_id"

/* Columns of a move task in the order lk_move_row_read takes them. */
#define LK_MOVE_COLUMNS                                                                            \
    "id, task_id, source, destination, max_per_second, status, failure, to_move, moved, "          \
    "started_at, "                                                                                 \
    "paced_at, paced_moved"

/* All SQL of the store but the schema: name, text. Prepared at first use, kept until close. */
#define LK_STORE_STATEMENTS(X)                                                                     \
    X(BEGIN, "BEGIN")                                                                              \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(META_GET, "SELECT value FROM meta WHERE name = ?")                                           \
    X(META_PUT, "INSERT INTO meta (name, value) VALUES (?, ?)"                                     \
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value")                        \
    X(QUEUE_ALL, "SELECT id, name, created_at, modified_at, pile, dedup_pile, "                    \
                 "dedup_by_group, purged_at, " LK_QUEUE_COLUMNS " FROM queue ORDER BY id")         \
    X(QUEUE_ADD, "INSERT INTO queue (id, name, created_at, modified_at, pile, dedup_pile, "        \
                 "dedup_by_group, " LK_QUEUE_COLUMNS                                               \
                 ") VALUES (?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")                    \
    X(QUEUE_PUT, "UPDATE queue SET (modified_at, " LK_QUEUE_COLUMNS                                \
                 ") = (?2, ?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)"          \
                 " WHERE id = ?1")                                                                 \
    X(QUEUE_PILE, "UPDATE queue SET pile = ?2, dedup_pile = ?3 WHERE id = ?1")                     \
    X(QUEUE_PURGED, "UPDATE queue SET purged_at = ?2 WHERE id = ?1")                               \
    X(QUEUE_REMOVE, "DELETE FROM queue WHERE id = ?")                                              \
    X(DELETED_PUT, "INSERT INTO deleted_queue (name, deleted_at) VALUES (?, ?)"                    \
                   " ON CONFLICT (name) DO UPDATE SET deleted_at = excluded.deleted_at")           \
    X(DELETED_AT, "SELECT deleted_at FROM deleted_queue WHERE name = ?")                           \
    X(DELETED_FORGET, "DELETE FROM deleted_queue WHERE deleted_at <= ?")                           \
    X(TAG_LIST, "SELECT key, value FROM tag WHERE queue = ? ORDER BY key")                         \
    X(TAG_PUT, "INSERT INTO tag (queue, key, value) VALUES (?, ?, ?)"                              \
               " ON CONFLICT (queue, key) DO UPDATE SET value = excluded.value")                   \
    X(TAG_REMOVE, "DELETE FROM tag WHERE queue = ? AND key = ?")                                   \
    X(TAG_CLEAR, "DELETE FROM tag WHERE queue = ?")                                                \
    X(PILE_DISCARD, "INSERT INTO discarded_pile (id) VALUES (?)")                                  \
    X(PILE_DISCARDED, "SELECT id FROM discarded_pile LIMIT 1")                                     \
    X(PILE_FORGET, "DELETE FROM discarded_pile WHERE id = ?")                                      \
    X(PILE_MESSAGES, "SELECT id FROM message WHERE pile = ? LIMIT ?")                              \
    X(PILE_GROUPS, "SELECT id FROM fifo_group WHERE pile = ? LIMIT ?")                             \
    X(PILE_TOTAL, "SELECT count(*) FROM message INDEXED BY message_sent WHERE pile = ?")           \
    X(PILE_HIDDEN, "SELECT count(*), coalesce(sum(receive_count > 0), 0) FROM message"             \
                   " INDEXED BY message_visible WHERE pile = ? AND visible_at > ?")                \
    X(PILE_OLDEST, "SELECT min(sent_at) FROM message WHERE pile = ?")                              \
    X(PILE_NEWEST, "SELECT max(sent_at) FROM message WHERE pile = ?")                              \
    X(PILE_OUTDATED, "SELECT " LK_MESSAGE_COLUMNS                                                  \
                     " FROM message WHERE pile = ? AND sent_at <= ? ORDER BY sent_at LIMIT ?")     \
    X(PILE_NEXT_VISIBLE, "SELECT visible_at FROM message WHERE pile = ? AND visible_at > ?"        \
                         " AND visible_at < sent_at + ? ORDER BY visible_at LIMIT 1")              \
    X(PILE_DELAY, "UPDATE message SET visible_at = sent_at + ?2"                                   \
                  " WHERE pile = ?1 AND receive_count = 0")                                        \
    X(MESSAGE_ADD,                                                                                 \
      "INSERT INTO message (" LK_MESSAGE_COLUMNS ") VALUES (?, ?, ?, ?, 0, 0, 0, 0, ?, ?, NULL)")  \
    X(MESSAGE_GET, "SELECT " LK_MESSAGE_COLUMNS " FROM message WHERE id = ?")                      \
    X(MESSAGE_VISIBLE,                                                                             \
      "SELECT " LK_MESSAGE_COLUMNS " FROM message WHERE pile = ? AND visible_at <= ?"              \
      " ORDER BY visible_at, receive_count, id LIMIT ?")                                           \
    X(MESSAGE_OF_GROUP, "SELECT " LK_MESSAGE_COLUMNS                                               \
                        " FROM message WHERE fifo_group = ? AND seq > ? ORDER BY seq LIMIT ?")     \
    X(MESSAGE_DELIVER, "UPDATE message SET visible_at = ?2, receive_count = ?3,"                   \
                       " received_at = ?4, first_received_at = ?5 WHERE id = ?1")                  \
    X(MESSAGE_HIDE, "UPDATE message SET visible_at = ?2 WHERE id = ?1")                            \
    X(MESSAGE_MOVE, "UPDATE message SET pile = ?2, visible_at = ?3, sent_at = ?4,"                 \
                    " received_elsewhere = receive_count, fifo_group = ?5, seq = ?6,"              \
                    " dead_source = ?7 WHERE id = ?1")                                             \
    X(MESSAGE_RESEND, "UPDATE message SET id = ?2, pile = ?3, visible_at = ?4, sent_at = ?5,"      \
                      " receive_count = 0, received_elsewhere = 0, received_at = 0,"               \
                      " first_received_at = 0, fifo_group = ?6, seq = ?7, dead_source = NULL"      \
                      " WHERE id = ?1")                                                            \
    X(MESSAGE_REMOVE, "DELETE FROM message WHERE id = ?")                                          \
    X(PAYLOAD_ADD, "INSERT INTO payload (id, uuid, body, attributes, trace_header, sender_id,"     \
                   " group_id, dedup_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")                         \
    X(PAYLOAD_GET, "SELECT uuid, body, attributes, trace_header, sender_id, group_id, dedup_id"    \
                   " FROM payload WHERE id = ?")                                                   \
    X(PAYLOAD_GROUP, "SELECT group_id FROM payload WHERE id = ?")                                  \
    X(PAYLOAD_RESEND, "UPDATE payload SET id = ?2, uuid = ?3, dedup_id = ?4 WHERE id = ?1"         \
                      " RETURNING length(body)")                                                   \
    X(PAYLOAD_REMOVE, "DELETE FROM payload WHERE id = ?")                                          \
    X(GROUP_ALL, "SELECT id, pile, name FROM fifo_group")                                          \
    X(GROUP_KEY, "SELECT pile, name FROM fifo_group WHERE id = ?")                                 \
    X(GROUP_CHECK, "SELECT id FROM fifo_group WHERE id = ? AND pile = ? AND name = ?")             \
    X(GROUP_ADD, "INSERT INTO fifo_group (id, pile, name, ready_at, turn)"                         \
                 " VALUES (?, ?, ?, ?, ?)")                                                        \
    X(GROUP_HEAD, "SELECT seq, visible_at, sent_at FROM message WHERE fifo_group = ?"              \
                  " ORDER BY seq LIMIT 1")                                                         \
    X(GROUP_PUT, "UPDATE fifo_group SET ready_at = ?2, turn = ?3 WHERE id = ?1")                   \
    X(GROUP_REMOVE, "DELETE FROM fifo_group WHERE id = ?")                                         \
    X(GROUP_READY, "SELECT id FROM fifo_group WHERE pile = ? AND ready_at <= ? AND turn <= ?"      \
                   " ORDER BY ready_at, turn LIMIT 1")                                             \
    X(GROUP_NEXT_READY, "SELECT min(ready_at) FROM fifo_group WHERE pile = ? AND ready_at > ?")    \
    X(GROUP_DELAY, "UPDATE fifo_group SET ready_at = max(?2, (SELECT visible_at FROM message"      \
                   " WHERE fifo_group = fifo_group.id ORDER BY seq LIMIT 1)) WHERE pile = ?1")     \
    X(DEDUP_NEWEST, "SELECT id, accepted_at, pile, dedup_id, scope FROM dedup ORDER BY id DESC")   \
    X(DEDUP_CHECK, "SELECT uuid, seq FROM dedup WHERE id = ? AND pile = ? AND dedup_id = ?"        \
                   " AND scope = ? AND accepted_at > ?")                                           \
    X(DEDUP_ADD, "INSERT INTO dedup (id, pile, dedup_id, scope, accepted_at, uuid, seq)"           \
                 " VALUES (?, ?, ?, ?, ?, ?, ?)")                                                  \
    X(DEDUP_OLDEST,                                                                                \
      "SELECT id, accepted_at, pile, dedup_id, scope FROM dedup ORDER BY id LIMIT 1")              \
    X(DEDUP_REMOVE, "DELETE FROM dedup WHERE id = ?")                                              \
    X(ATTEMPT_FIND, "SELECT made_at, visible_at, messages FROM receive_attempt"                    \
                    " WHERE pile = ? AND attempt_id = ?")                                          \
    X(ATTEMPT_PUT, "INSERT OR REPLACE INTO receive_attempt (pile, attempt_id, made_at,"            \
                   " visible_at, messages) VALUES (?, ?, ?, ?, ?)")                                \
    X(ATTEMPT_HIDE, "UPDATE receive_attempt SET visible_at = ?3"                                   \
                    " WHERE pile = ?1 AND attempt_id = ?2")                                        \
    X(ATTEMPT_UNDONE, "DELETE FROM receive_attempt WHERE made_at = ? AND pile = ?"                 \
                      " AND instr(' ' || messages || ' ', ?) > 0")                                 \
    X(ATTEMPT_FORGET, "DELETE FROM receive_attempt WHERE id IN (SELECT id FROM receive_attempt"    \
                      " WHERE made_at <= ? ORDER BY made_at LIMIT ?)")                             \
    X(MOVE_ADD,                                                                                    \
      "INSERT INTO move_task (" LK_MOVE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")   \
    X(MOVE_PUT, "UPDATE move_task SET status = ?2, failure = ?3, moved = ?4, paced_at = ?5,"       \
                " paced_moved = ?6 WHERE id = ?1")                                                 \
    X(MOVE_NEXT_ACTIVE, "SELECT " LK_MOVE_COLUMNS                                                  \
                        " FROM move_task INDEXED BY move_task_active WHERE status < 2 AND id > ?"  \
                        " ORDER BY id LIMIT 1")                                                    \
    X(MOVE_OF_SOURCE,                                                                              \
      "SELECT " LK_MOVE_COLUMNS " FROM move_task WHERE source = ? ORDER BY id DESC LIMIT ?")       \
    X(MOVE_FIND, "SELECT " LK_MOVE_COLUMNS " FROM move_task WHERE source = ? AND task_id = ?")     \
    X(MOVE_FORGET_OLD, "DELETE FROM move_task WHERE source = ?1 AND id <= (SELECT id FROM"         \
                       " move_task WHERE source = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)")         \
    X(MOVE_CLEAR, "DELETE FROM move_task WHERE source = ?")

typedef enum lk_sql_id {
#define LK_X(name, text) LK_SQL_##name,
    LK_STORE_STATEMENTS(LK_X)
#undef LK_X
        LK_SQL_COUNT
} lk_sql_id;

/* One use of a statement: bind in order, step, read, reset. Errors of binding are kept until the
 * step reports them. */
typedef struct lk_sql {
    lk_store *store;
    sqlite3_stmt *statement;
    int bound;
    int rc; /* SQLite's */
} lk_sql;

/* --- State ---------------------------------------------------------------------------------- */

/* A queue as the state machine knows it. Figures that can be counted again from the tables are
 * LK_STORE_UNKNOWN until somebody needs them: opening costs nothing for any backlog. */
typedef struct lk_queue_state {
    lk_store_queue shown;
    int64_t pile;
    int64_t dedup_pile;    /* changes at purge only: retention does not forget deduplication */
    bool dedup_by_group;   /* DeduplicationScope as created: SQS ignores later changes */
    int64_t total;         /* messages in the pile */
    int64_t in_flight;     /* at most so many are: timeouts that ended are not noticed */
    int64_t full_until_ms; /* no timeout of those that were counted in flight ends before */
    int64_t oldest_ms;     /* no sent_at in the pile is below; INT64_MAX: the pile is empty */
} lk_queue_state;

/* Ids of rows by the hash of their key: see store_key.c. */
typedef struct lk_keys {
    struct lk_key_place *places;
    size_t places_count;
    size_t used;
    bool complete; /* all rows are in it; else it is empty, and read at the next use */
} lk_keys;

struct lk_store {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *statements[LK_SQL_COUNT];
    bool in_transaction;
    bool failed;                /* this transaction cannot be committed any more */
    bool queues_changed;        /* … and changed queues: a rollback reads them again */
    bool queues_stale;          /* a rollback could not read them: begin tries again */
    int64_t in_flight_limit[2]; /* by fifo */
    lk_store_settings defaults; /* of new queues */
    /* Numbers for everything: ids, order, turns; never used twice. Reserved in blocks, so that
     * handing one out writes nothing. */
    int64_t last_number;
    int64_t reserved_number;
    lk_keys groups;       /* fifo_group by pile and name */
    lk_keys dedups;       /* dedup by pile, id and scope; outdated ones may be missing */
    int64_t dedup_due_ms; /* before that no deduplication entry is outdated */
    int64_t moves_due_ms; /* before that no move task has anything to do; 0: look */
    bool moves_paced;     /* tasks from before the start count their rate from then */
    int64_t start_number; /* last_number at the start */
    unsigned char handle_key[LK_HANDLE_KEY_BYTES];
    lk_queue_state **by_id;   /* ascending id */
    lk_queue_state **by_name; /* byte order */
    size_t queue_count;
    size_t queue_capacity;
};

typedef struct lk_message_row {
    int64_t id;
    int64_t pile;
    int64_t visible_at_ms;
    int64_t sent_at_ms;
    int64_t receive_count;
    int64_t received_elsewhere; /* of these, before it came to this queue as a dead letter */
    int64_t received_at_ms;     /* last receive; 0 never */
    int64_t first_received_at_ms;
    int64_t group;                        /* 0: standard queue */
    int64_t seq;                          /* order in the group; becomes SequenceNumber */
    char dead_source[LK_STORE_NAME_SIZE]; /* "": never moved */
} lk_message_row;

/* --- store_sql: statements and errors -------------------------------------------------------- */

int lk_sql_prepare(lk_store *store, lk_sql_id id, lk_sql *sql, lk_err *err);
void lk_sql_int64(lk_sql *sql, int64_t value);
void lk_sql_int64_or_null(lk_sql *sql, int64_t value); /* 0: NULL */
void lk_sql_text(lk_sql *sql, lk_slice text);          /* {NULL,0}: NULL. Borrowed until reset */
void lk_sql_blob(lk_sql *sql, lk_slice bytes);
int lk_sql_step(lk_sql *sql, lk_err *err); /* 1: a row, 0: no more (already reset), < 0: failed */
int64_t lk_sql_column_int64(const lk_sql *sql, int column);
lk_slice lk_sql_column_text(const lk_sql *sql, int column); /* blobs too; valid until next step */
void lk_sql_reset(lk_sql *sql);
int lk_sql_run(lk_sql *sql, lk_err *err); /* to the end, without rows */
/* The first column of the first row, or absent when there is none or it is NULL. */
int lk_sql_value(lk_sql *sql, int64_t absent, int64_t *value, lk_err *err);
/* Runs a statement that takes one number. */
int lk_sql_run_with(lk_store *store, lk_sql_id id, int64_t value, lk_err *err);
/* Fills err for SQLite's error rc, marks the transaction failed. Returns the code. */
int lk_sql_fail(lk_store *store, int rc, lk_err *err);
int lk_store_nomem(lk_store *store, lk_err *err); /* … for a failed allocation of ours */

/* --- store_schema ---------------------------------------------------------------------------- */

/* Nothing was ever written to the file. */
int lk_schema_is_new(lk_store *store, bool *is_new, lk_err *err);
/* Creates the tables or migrates them to this version. */
int lk_schema_prepare(lk_store *store, lk_err *err);

/* --- store_open ------------------------------------------------------------------------------ */

/* 0 when a transaction is open and sound; what every operation asks first. */
int lk_store_ready(lk_store *store, lk_err *err);
int lk_store_number(lk_store *store, int64_t *number, lk_err *err);

/* --- store_settings: the typed settings as one table ---------------------------------------- */

extern const lk_store_settings lk_settings_default;
/* *merged: base with the given ones of change; texts copied. lk_settings_clear. */
int lk_settings_merge(const lk_store_settings *base, const lk_store_settings *change,
                      lk_store_settings *merged, lk_err *err);
void lk_settings_clear(lk_store_settings *settings);
unsigned lk_settings_differ(const lk_store_settings *current, const lk_store_settings *asked);
void lk_settings_bind(const lk_store_settings *settings, lk_sql *sql);
int lk_settings_read(const lk_sql *sql, int first_column, lk_store_settings *settings,
                     lk_err *err); /* texts copied */

/* --- store_queue_list ------------------------------------------------------------------------ */

int lk_queues_load(lk_store *store, lk_err *err); /* drops what was listed */
void lk_queues_clear(lk_store *store);
void lk_queues_forget_figures(lk_store *store);
lk_queue_state *lk_queue_of(const lk_store *store, const lk_store_queue *queue);
/* The state of a queue that the caller names, when the store may be used. LK_E_INVALID: not ours.
 */
int lk_queue_take(lk_store *store, const lk_store_queue *queue, lk_queue_state **state,
                  lk_err *err);
lk_queue_state *lk_queue_named(const lk_store *store, lk_slice name);
/* A queue in memory with a copy of the name, not listed yet; NULL: nomem. lk_queue_free. */
lk_queue_state *lk_queue_new(lk_slice name);
void lk_queue_free(lk_queue_state *queue);                     /* accepts NULL */
bool lk_queues_reserve(lk_store *store);                       /* room for one more; false: nomem */
void lk_queues_insert(lk_store *store, lk_queue_state *queue); /* after lk_queues_reserve */
void lk_queues_remove(lk_store *store, const lk_queue_state *queue);
/* What every operation on a queue starts with: an open transaction, the queue's state, and
 * whatever has outlived its retention removed. */
int lk_queue_enter(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                   lk_queue_state **state, lk_err *err);

/* --- store_queue, store_count ---------------------------------------------------------------- */

/* A new, empty pile; the old one is discarded. */
int lk_queue_new_pile(lk_store *store, lk_queue_state *queue, bool forget_dedup, lk_err *err);
/* Messages that are not visible: *hidden, and those of them that were received: *in_flight. */
int lk_queue_count_hidden(lk_store *store, const lk_queue_state *queue, int64_t now_ms,
                          int64_t *hidden, int64_t *in_flight, lk_err *err);
/* When the next hidden message becomes visible; INT64_MAX: never. */
int lk_queue_next_visible(lk_store *store, const lk_queue_state *queue, int64_t now_ms,
                          int64_t *due_ms, lk_err *err);
/* … receivable, which in a FIFO queue are only the heads of groups. */
int lk_queue_next_due(lk_store *store, const lk_queue_state *queue, int64_t now_ms, int64_t *due_ms,
                      lk_err *err);

/* --- store_handle: opaque receipt handles ---------------------------------------------------- */

typedef struct lk_handle {
    int64_t queue_id;
    int64_t message;
    int64_t receive; /* number of the receive that made it */
} lk_handle;

int lk_handle_format(lk_store *store, const lk_handle *handle, char out[LK_STORE_HANDLE_SIZE],
                     lk_err *err);
/* LK_STORE_HANDLE_INVALID: not one of ours, damaged, or of another queue. */
int lk_handle_parse(lk_store *store, int64_t queue_id, lk_slice text, lk_handle *handle,
                    lk_err *err);

/* --- store_payload: what a message carries --------------------------------------------------- */

int lk_payload_add(lk_store *store, int64_t id, const unsigned char uuid[LK_UUID_BYTES],
                   const lk_store_send *message, lk_slice dedup_id, lk_err *err);
/* Fills ids, body, attributes and texts of *message. */
int lk_payload_read(lk_store *store, const lk_message_row *row, lk_store_message *message,
                    lk_err *err);
void lk_uuid_format(const unsigned char uuid[LK_UUID_BYTES], char out[LK_STORE_UUID_SIZE]);
void lk_sequence_format(int64_t seq, char out[LK_STORE_SEQUENCE_SIZE]); /* 0: "" */

/* --- store_message: rows of the message table ------------------------------------------------ */

void lk_message_row_read(const lk_sql *sql, lk_message_row *row);
/* Reads up to max rows of a bound statement, to its end, resets it. */
int lk_message_rows(lk_sql *sql, lk_message_row *rows, size_t max, size_t *count, lk_err *err);
int lk_message_find(lk_store *store, int64_t id, lk_message_row *row, bool *found, lk_err *err);
/* The queue's figures follow: a message more, one less, one hidden until then, one no longer in
 * flight. */
void lk_queue_gained(lk_queue_state *queue, int64_t sent_at_ms);
void lk_queue_lost(lk_queue_state *queue, bool in_flight);
void lk_queue_hid(lk_queue_state *queue, int64_t visible_at_ms);
void lk_queue_landed(lk_queue_state *queue);
bool lk_message_in_flight(const lk_message_row *row, int64_t now_ms);
int lk_message_add(lk_store *store, lk_queue_state *queue, const lk_message_row *row, lk_err *err);
/* Makes it visible at that time; keeps the group's place in step. */
int lk_message_hide(lk_store *store, lk_queue_state *queue, const lk_message_row *row,
                    int64_t visible_at_ms, int64_t now_ms, lk_err *err);
int lk_message_remove(lk_store *store, lk_queue_state *queue, const lk_message_row *row,
                      int64_t now_ms, lk_err *err);

/* --- store_key: rows found by a hash of their key, in memory ---------------------------------- */

uint32_t lk_key_hash(int64_t pile, lk_slice one, lk_slice other);
int lk_keys_add(lk_store *store, lk_keys *keys, uint32_t hash, int64_t id, lk_err *err);
void lk_keys_remove(lk_keys *keys, uint32_t hash, int64_t id); /* if it is there */
/* The ids of this hash, one after the other, and 0: most keys have one, but others may have the
 * same, so look at the row. *passed starts at 0. */
int64_t lk_keys_next(const lk_keys *keys, uint32_t hash, size_t *passed);
void lk_keys_forget(lk_keys *keys);

/* --- store_fifo: groups ---------------------------------------------------------------------- */

/* The group of that name, created when missing, with a message visible at that time. */
int lk_group_join(lk_store *store, int64_t pile, lk_slice name, int64_t visible_at_ms,
                  int64_t *group, lk_err *err);
/* The message with this seq was removed or got another time (0: several may have). If it was or is
 * the head, the group queues up again from when the head can be received, at the earliest now; it
 * goes when it is empty. */
int lk_group_changed(lk_store *store, int64_t group, int64_t seq, int64_t now_ms, lk_err *err);
int lk_group_remove(lk_store *store, int64_t group, lk_err *err);
/* The head of the group that has been ready longest. */
int lk_fifo_oldest(lk_store *store, const lk_queue_state *queue, int64_t now_ms,
                   lk_message_row *row, bool *found, lk_err *err);
int lk_fifo_receive(lk_store *store, lk_queue_state *queue, size_t max, int64_t visibility_ms,
                    int64_t now_ms, lk_store_received *received, lk_err *err);

/* --- store_dedup ----------------------------------------------------------------------------- */

/* *found: an entry within its 5 minutes; then *sent is filled from it. */
int lk_dedup_find(lk_store *store, const lk_queue_state *queue, lk_slice group_id,
                  lk_slice dedup_id, int64_t now_ms, lk_store_sent *sent, bool *found, lk_err *err);
int lk_dedup_add(lk_store *store, const lk_queue_state *queue, lk_slice group_id, lk_slice dedup_id,
                 int64_t now_ms, const unsigned char uuid[LK_UUID_BYTES], int64_t seq, lk_err *err);
/* Removes at most max outdated entries. *more: there are others. */
int lk_dedup_tidy(lk_store *store, int64_t now_ms, int max, bool *more, lk_err *err);

/* --- store_retain ---------------------------------------------------------------------------- */

int lk_retain(lk_store *store, lk_queue_state *queue, int64_t now_ms, lk_err *err);

/* --- store_send ------------------------------------------------------------------------------ */

int lk_uuid_new(unsigned char uuid[LK_UUID_BYTES], lk_err *err);

/* --- store_redrive, store_receive ------------------------------------------------------------ */

/* Group and place in it (0: none) of a message that goes to another FIFO queue, where it will be
 * visible at that time. Standard queues have neither. */
int lk_redrive_join(lk_store *store, const lk_queue_state *target, const lk_message_row *row,
                    int64_t visible_at_ms, int64_t *group, int64_t *seq, lk_err *err);
/* The queue dead letters go to, NULL when none is set or it is gone: then SQS delivers on. */
lk_queue_state *lk_redrive_target(const lk_store *store, const lk_queue_state *queue);
bool lk_redrive_wanted(const lk_queue_state *queue, const lk_message_row *row);
int lk_redrive_move(lk_store *store, lk_queue_state *queue, lk_queue_state *target,
                    const lk_message_row *row, int64_t now_ms, lk_store_received *received,
                    lk_err *err);
/* Up to `wanted` visible rows of a standard queue, visible longest first. */
int lk_visible_rows(lk_store *store, const lk_queue_state *queue, int64_t now_ms, size_t wanted,
                    lk_message_row *rows, size_t *count, lk_err *err);
/* Adds the message to *received with the handle of its last receive. */
int lk_receive_show(lk_store *store, const lk_queue_state *queue, const lk_message_row *row,
                    lk_store_received *received, lk_err *err);
/* Adds the message to *received as delivered now. */
int lk_receive_deliver(lk_store *store, lk_queue_state *queue, const lk_message_row *row,
                       int64_t visibility_ms, int64_t now_ms, lk_store_received *received,
                       lk_err *err);

/* --- store_attempt --------------------------------------------------------------------------- */

/* Forgets the attempt that was given this delivery, which is being taken back. */
int lk_attempt_undone(lk_store *store, const lk_message_row *row, lk_err *err);
/* Removes at most max attempts that are older than 5 minutes. *more: there may be others. */
int lk_attempt_tidy(lk_store *store, int64_t now_ms, int max, bool *more, lk_err *err);

/* --- store_move ------------------------------------------------------------------------------ */

typedef struct lk_move_row {
    int64_t id;
    int64_t source; /* id of the queue */
    lk_store_move shown;
    /* The rate counts from here: paced_moved messages were moved by then. */
    int64_t paced_at_ms;
    int64_t paced_moved;
} lk_move_row;

void lk_move_row_read(const lk_sql *sql, lk_move_row *row);
int lk_move_put(lk_store *store, const lk_move_row *row, lk_err *err);

#endif
