/* SPDX-License-Identifier: MIT
 *
 * store_open: life of a store, its transactions, and the numbers it hands out.
 *
 * The database is in WAL mode and locked for this process alone: a second server on the same file
 * is told so at start, and SQLite needs no shared memory for the log's index.
 */
#include "store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHE_BYTES_DEFAULT = 16 << 20,
    NUMBER_BLOCK = 1 << 16, /* numbers reserved by one write */
};

/* --- Opening --------------------------------------------------------------------------------- */

/* Checkpoints every 16 MB instead of 4: two fsyncs each, and hot pages are written once. */
static const char settings_format[] = "PRAGMA locking_mode = EXCLUSIVE;"
                                      "PRAGMA synchronous = %s;"
                                      "PRAGMA journal_mode = WAL;"
                                      "PRAGMA temp_store = MEMORY;"
                                      "PRAGMA wal_autocheckpoint = 4096;"
                                      "PRAGMA journal_size_limit = 67108864;"
                                      "PRAGMA cache_size = -%lld;";

static const char *sync_mode(const lk_store_options *options)
{
    return options->sync_full ? "FULL" : "NORMAL";
}

/* Making a new file takes six waits for the disk, longer than all the rest of a start. Nobody has
 * been told yet that anything is kept, so unless power losses matter they are left out; start_sync
 * ends that. */
static const char *first_sync_mode(const lk_store_options *options, bool new_file)
{
    return new_file && !options->sync_full ? "OFF" : sync_mode(options);
}

static int start_sync(lk_store *store, const lk_store_options *options, lk_err *err)
{
    char setting[64];
    (void)snprintf(setting, sizeof(setting), "PRAGMA synchronous = %s", sync_mode(options));
    int rc = sqlite3_exec(store->db, setting, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : lk_sql_fail(store, rc, err);
}

static int configure(lk_store *store, const lk_store_options *options, lk_err *err)
{
    if (sqlite3_db_readonly(store->db, "main") == 1)
        return lk_sql_fail(store, SQLITE_READONLY, err);
    bool new_file = false;
    int rc = lk_schema_is_new(store, &new_file, err);
    if (rc)
        return rc;
    int64_t cache_bytes = options->cache_bytes > 0 ? options->cache_bytes : CACHE_BYTES_DEFAULT;
    char settings[512];
    (void)snprintf(settings, sizeof(settings), settings_format, first_sync_mode(options, new_file),
                   (long long)LK_MAX(cache_bytes / 1024, 1));
    rc = sqlite3_exec(store->db, settings, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : lk_sql_fail(store, rc, err);
}

static int open_database(lk_store *store, const lk_store_options *options, lk_err *err)
{
    const char *path = options->path && *options->path ? options->path : ":memory:";
    store->path = strdup(path);
    if (!store->path)
        return LK_FAIL_NOMEM(err);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (rc != SQLITE_OK)
        return lk_sql_fail(store, rc, err);
    sqlite3_extended_result_codes(store->db, 1);
    return configure(store, options, err);
}

/* Our key for receipt handles, made once per file: handles outlive a restart. */
static int load_handle_key(lk_store *store, lk_err *err)
{
    const lk_slice name = LK_SLICE_LITERAL("handle_key");
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_META_GET, &sql, err);
    if (rc)
        return rc;
    lk_sql_text(&sql, name);
    rc = lk_sql_step(&sql, err);
    if (rc < 0)
        return rc;
    if (rc > 0) {
        lk_slice key = lk_sql_column_text(&sql, 0);
        bool usable = key.len == sizeof(store->handle_key);
        if (usable)
            memcpy(store->handle_key, key.ptr, key.len);
        lk_sql_reset(&sql);
        if (usable)
            return 0;
    }
    if (!lk_random_bytes(store->handle_key, sizeof(store->handle_key)))
        return LK_FAIL(err, LK_E_IO, "store: no random bytes from the system: %s", strerror(errno));
    rc = lk_sql_prepare(store, LK_SQL_META_PUT, &sql, err);
    if (rc)
        return rc;
    lk_sql_text(&sql, name);
    lk_sql_blob(&sql, (lk_slice){(const char *)store->handle_key, sizeof(store->handle_key)});
    return lk_sql_run(&sql, err);
}

static int load_state(lk_store *store, lk_err *err)
{
    lk_sql sql;
    int rc = load_handle_key(store, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_META_GET, &sql, err);
    if (rc)
        return rc;
    lk_sql_text(&sql, LK_SLICE_LITERAL("reserved_number"));
    rc = lk_sql_value(&sql, 0, &store->reserved_number, err);
    store->last_number = store->reserved_number;
    store->start_number = store->last_number;
    return rc ? rc : lk_queues_load(store, err);
}

int lk_store_open(const lk_store_options *options, lk_store **store, lk_err *err)
{
    static const lk_store_options defaults = {0};
    if (!options)
        options = &defaults;
    *store = NULL;
    lk_store *s = calloc(1, sizeof(*s));
    if (!s)
        return LK_FAIL_NOMEM(err);
    s->in_flight_limit[false] =
        options->in_flight_standard > 0 ? options->in_flight_standard : LK_STORE_IN_FLIGHT_DEFAULT;
    s->in_flight_limit[true] =
        options->in_flight_fifo > 0 ? options->in_flight_fifo : LK_STORE_IN_FLIGHT_DEFAULT;
    s->defaults = lk_settings_default;
    if (options->max_message_bytes > 0)
        s->defaults.max_message_bytes = options->max_message_bytes;
    int rc = open_database(s, options, err);
    if (!rc)
        rc = lk_schema_prepare(s, err);
    if (!rc)
        rc = start_sync(s, options, err);
    if (!rc)
        rc = load_state(s, err);
    if (rc) {
        lk_store_close(s);
        return rc;
    }
    *store = s;
    return 0;
}

void lk_store_close(lk_store *store)
{
    if (!store)
        return;
    lk_store_rollback(store);
    lk_queues_clear(store);
    lk_keys_forget(&store->groups);
    lk_keys_forget(&store->dedups);
    free(store->by_id);
    free(store->by_name);
    for (size_t i = 0; i < LK_COUNT(store->statements); i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    lk_zero(store->handle_key, sizeof(store->handle_key));
    free(store->path);
    free(store);
}

/* --- Transactions ---------------------------------------------------------------------------- */

static int run_plain(lk_store *store, lk_sql_id id, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, id, &sql, err);
    return rc ? rc : lk_sql_run(&sql, err);
}

int lk_store_begin(lk_store *store, lk_err *err)
{
    if (store->in_transaction)
        return LK_FAIL(err, LK_E_INVALID, "store: a transaction is open already");
    if (store->queues_stale) {
        int rc = lk_queues_load(store, err);
        if (rc)
            return rc;
        store->queues_stale = false;
    }
    int rc = run_plain(store, LK_SQL_BEGIN, err);
    if (rc)
        return rc;
    store->in_transaction = true;
    store->failed = false;
    store->queues_changed = false;
    return 0;
}

int lk_store_commit(lk_store *store, lk_err *err)
{
    int rc = lk_store_ready(store, err);
    if (rc == LK_E_INVALID)
        return rc;
    if (!rc)
        rc = run_plain(store, LK_SQL_COMMIT, err);
    if (rc) {
        lk_store_rollback(store);
        return rc;
    }
    store->in_transaction = false;
    return 0;
}

void lk_store_rollback(lk_store *store)
{
    if (!store->in_transaction)
        return;
    /* After a full disk SQLite has rolled back by itself. An error here leaves nothing behind: the
     * log without a commit record is not read again. */
    if (!sqlite3_get_autocommit(store->db))
        (void)run_plain(store, LK_SQL_ROLLBACK, NULL);
    store->in_transaction = false;
    store->failed = false;
    store->reserved_number = store->last_number; /* reserve again: the mark may be undone */
    lk_keys_forget(&store->groups);
    lk_keys_forget(&store->dedups);
    store->dedup_due_ms = 0;
    store->moves_due_ms = 0;
    store->moves_paced = false; /* where they count from may be undone */
    if (store->queues_changed)
        store->queues_stale = lk_queues_load(store, NULL) != 0;
    else
        lk_queues_forget_figures(store);
    store->queues_changed = false;
}

/* Another value each time: SQLite does not write what is there already. */
int lk_store_probe(lk_store *store, lk_err *err)
{
    lk_sql sql;
    int64_t value = 0;
    if (!lk_random_bytes(&value, sizeof(value)))
        return LK_FAIL(err, LK_E_IO, "store: no random bytes from the system: %s", strerror(errno));
    int rc = lk_store_ready(store, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_META_PUT, &sql, err);
    if (rc)
        return rc;
    lk_sql_text(&sql, LK_SLICE_LITERAL("probe"));
    lk_sql_int64(&sql, value);
    return lk_sql_run(&sql, err);
}

int lk_store_ready(lk_store *store, lk_err *err)
{
    if (!store->in_transaction)
        return LK_FAIL(err, LK_E_INVALID, "store: no transaction is open");
    if (store->failed)
        return LK_FAIL(err, LK_E_IO,
                       "store: %s: an earlier request of the same transaction failed; send this "
                       "one again",
                       store->path);
    return 0;
}

/* --- Numbers --------------------------------------------------------------------------------- */

int lk_store_number(lk_store *store, int64_t *number, lk_err *err)
{
    if (store->last_number >= store->reserved_number) {
        int64_t reserved = store->last_number + NUMBER_BLOCK;
        lk_sql sql;
        int rc = lk_sql_prepare(store, LK_SQL_META_PUT, &sql, err);
        if (rc)
            return rc;
        lk_sql_text(&sql, LK_SLICE_LITERAL("reserved_number"));
        lk_sql_int64(&sql, reserved);
        rc = lk_sql_run(&sql, err);
        if (rc)
            return rc;
        store->reserved_number = reserved;
    }
    *number = ++store->last_number;
    return 0;
}
