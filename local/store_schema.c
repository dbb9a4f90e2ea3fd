/* SPDX-License-Identifier: MIT
 *
 * store_schema: the tables, and the way from an older version of them to this one.
 *
 * To change the tables: append a migration, never edit one that was released. PRAGMA user_version
 * is the number of migrations a file has been through; application_id tells our files from those
 * of other programs, so that none of theirs is ever touched.
 */
#include "store_internal.h"

#include <stdio.h>

enum { APPLICATION_ID = 0x4c6b6971 /* "Lkiq" */ };

/* Times are epoch milliseconds, 0 = never. Why the columns are as they are:
 *   visible_at      when the message can be received; hidden before: delayed when it was never
 *                   received, else in flight. No state column: time passes without a write.
 *   receive_count   is also the number in the newest receipt handle.
 *   message_visible answers "the next ones to receive" and, alone, both counters of hidden ones.
 *   ready_at, turn  of a group: since when its head can be received; ready groups are served in
 *                   that order, so one that becomes ready again queues up behind the others. */
static const char version_1[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE queue ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL,"
    "  pile INTEGER NOT NULL, dedup_pile INTEGER NOT NULL, dedup_by_group INTEGER NOT NULL,"
    "  given INTEGER NOT NULL, delay_s INTEGER NOT NULL, max_message_bytes INTEGER NOT NULL,"
    "  retention_s INTEGER NOT NULL, wait_s INTEGER NOT NULL, visibility_s INTEGER NOT NULL,"
    "  kms_reuse_s INTEGER NOT NULL, fifo INTEGER NOT NULL, content_based_dedup INTEGER NOT NULL,"
    "  dedup_scope_group INTEGER NOT NULL, throughput_per_group INTEGER NOT NULL,"
    "  sse INTEGER NOT NULL, dead_letter_queue TEXT, max_receive_count INTEGER NOT NULL,"
    "  redrive_allow_policy TEXT, policy TEXT, kms_key_id TEXT);"
    "CREATE TABLE discarded_pile (id INTEGER PRIMARY KEY);"
    "CREATE TABLE message ("
    "  id INTEGER PRIMARY KEY, pile INTEGER NOT NULL, visible_at INTEGER NOT NULL,"
    "  sent_at INTEGER NOT NULL, receive_count INTEGER NOT NULL,"
    "  received_elsewhere INTEGER NOT NULL, received_at INTEGER NOT NULL,"
    "  first_received_at INTEGER NOT NULL, fifo_group INTEGER, seq INTEGER, dead_source TEXT);"
    "CREATE INDEX message_visible ON message (pile, visible_at, receive_count);"
    "CREATE INDEX message_sent ON message (pile, sent_at);"
    "CREATE UNIQUE INDEX message_order ON message (fifo_group, seq) WHERE fifo_group IS NOT NULL;"
    "CREATE TABLE payload ("
    "  id INTEGER PRIMARY KEY, uuid BLOB NOT NULL, body BLOB NOT NULL, attributes BLOB,"
    "  trace_header TEXT, sender_id TEXT, group_id TEXT, dedup_id TEXT);"
    "CREATE TABLE fifo_group ("
    "  id INTEGER PRIMARY KEY, pile INTEGER NOT NULL, name TEXT NOT NULL,"
    "  ready_at INTEGER NOT NULL, turn INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX fifo_group_name ON fifo_group (pile, name);"
    "CREATE INDEX fifo_group_ready ON fifo_group (pile, ready_at, turn);"
    "CREATE TABLE dedup ("
    "  id INTEGER PRIMARY KEY, pile INTEGER NOT NULL, dedup_id TEXT NOT NULL,"
    "  scope TEXT NOT NULL, accepted_at INTEGER NOT NULL, uuid BLOB NOT NULL,"
    "  seq INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX dedup_key ON dedup (pile, dedup_id, scope);";

static const char version_2[] =
    "ALTER TABLE queue ADD COLUMN purged_at INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE deleted_queue (name TEXT PRIMARY KEY, deleted_at INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX deleted_queue_at ON deleted_queue (deleted_at);"
    "CREATE TABLE tag (queue INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    "  PRIMARY KEY (queue, key)) WITHOUT ROWID;"
    "CREATE TABLE receive_attempt ("
    "  id INTEGER PRIMARY KEY, pile INTEGER NOT NULL, attempt_id TEXT NOT NULL,"
    "  made_at INTEGER NOT NULL, visible_at INTEGER NOT NULL, messages TEXT NOT NULL);"
    "CREATE UNIQUE INDEX receive_attempt_key ON receive_attempt (pile, attempt_id);"
    "CREATE INDEX receive_attempt_made ON receive_attempt (made_at);"
    "CREATE TABLE move_task ("
    "  id INTEGER PRIMARY KEY, task_id TEXT NOT NULL, source INTEGER NOT NULL,"
    "  destination TEXT NOT NULL, max_per_second INTEGER NOT NULL, status INTEGER NOT NULL, "
    "failure INTEGER NOT NULL,"
    "  to_move INTEGER NOT NULL, moved INTEGER NOT NULL, started_at INTEGER NOT NULL,"
    "  paced_at INTEGER NOT NULL, paced_moved INTEGER NOT NULL);"
    "CREATE INDEX move_task_source ON move_task (source);"
    /* Two numbers of lk_store_move_status are below 2: those of active tasks. */
    "CREATE INDEX move_task_active ON move_task (id) WHERE status < 2;";

/* Names come in no order: an index of them cost a FIFO send more than all the rest (store_key). */
static const char version_3[] = "DROP INDEX fifo_group_name;"
                                "DROP INDEX dedup_key;";

/* migrations[n] leads from version n to n + 1. */
static const char *const migrations[] = {version_1, version_2, version_3};
enum { VERSION = LK_COUNT(migrations) };

/* --- Reading what is there ------------------------------------------------------------------- */

static int read_number(lk_store *store, const char *query, int64_t *number, lk_err *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db, query, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    int result = rc == SQLITE_ROW ? 0 : lk_sql_fail(store, rc, err);
    sqlite3_finalize(statement);
    return result;
}

int lk_schema_is_new(lk_store *store, bool *is_new, lk_err *err)
{
    int64_t pages = 0;
    int rc = read_number(store, "PRAGMA page_count", &pages, err);
    *is_new = pages == 0;
    return rc;
}

static int read_version(lk_store *store, int64_t *version, lk_err *err)
{
    int64_t application = 0;
    int64_t tables = 0;
    int rc = read_number(store, "PRAGMA user_version", version, err);
    if (!rc)
        rc = read_number(store, "PRAGMA application_id", &application, err);
    if (!rc)
        rc = read_number(store, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (rc)
        return rc;
    if (application != APPLICATION_ID && (tables > 0 || *version != 0 || application != 0))
        return LK_FAIL(err, LK_E_IO,
                       "store: %s is a SQLite database of another program; choose another file "
                       "with --db",
                       store->path);
    if (*version > VERSION)
        return LK_FAIL(err, LK_E_IO,
                       "store: %s has schema version %lld, written by a newer lambdakiq; this one "
                       "(%s) knows versions up to %d. Use the newer program, or another file with "
                       "--db",
                       store->path, (long long)*version, LK_VERSION, VERSION);
    return 0;
}

/* --- Migrating ------------------------------------------------------------------------------- */

static int execute(lk_store *store, const char *sql, lk_err *err)
{
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : lk_sql_fail(store, rc, err);
}

static int migrate_from(lk_store *store, int64_t version, lk_err *err)
{
    char mark[96];
    (void)snprintf(mark, sizeof(mark),
                   "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
                   VERSION);
    int rc = execute(store, "BEGIN IMMEDIATE", err);
    for (; !rc && version < VERSION; version++)
        rc = execute(store, migrations[version], err);
    if (!rc)
        rc = execute(store, mark, err);
    if (rc && !sqlite3_get_autocommit(store->db))
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL); /* err has the cause */
    return rc;
}

int lk_schema_prepare(lk_store *store, lk_err *err)
{
    int64_t version = 0;
    int rc = read_version(store, &version, err);
    if (!rc && version < VERSION)
        rc = migrate_from(store, version, err);
    return rc;
}
