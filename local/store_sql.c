/* SPDX-License-Identifier: MIT
 *
 * store_sql: prepared statements of the store, and what SQLite's errors mean to an operator.
 *
 * A statement is prepared once and kept. Texts are bound without copying: what is bound must stay
 * until the reset. A failing step marks the transaction: SQLite may have rolled it back already
 * (disk full), so nothing more may be built on it.
 */
#include "store_internal.h"

#include <string.h>

static const char *const statement_texts[LK_SQL_COUNT] = {
#define LK_X(name, text) text,
    LK_STORE_STATEMENTS(LK_X)
#undef LK_X
};

/* --- Errors ---------------------------------------------------------------------------------- */

static int fail_with(lk_store *store, int rc, lk_err *err)
{
    const char *path = store->path;
    switch (rc & 0xff) { /* the primary code of an extended one */
    case SQLITE_NOMEM:
        return LK_FAIL_NOMEM(err);
    case SQLITE_FULL:
        return LK_FAIL(err, LK_E_IO,
                       "store: no space left for %s; nothing of this request was kept. Free disk "
                       "space and send it again",
                       path);
    case SQLITE_READONLY:
        return LK_FAIL(err, LK_E_IO,
                       "store: %s is read-only; make the file and its directory writable, or "
                       "choose another file with --db",
                       path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return LK_FAIL(err, LK_E_IO,
                       "store: %s is in use by another process; stop the other server, or choose "
                       "another file with --db",
                       path);
    case SQLITE_CANTOPEN:
        return LK_FAIL(err, LK_E_IO,
                       "store: cannot open %s (%s); check that its directory exists and is "
                       "writable, or choose another file with --db",
                       path, strerror(sqlite3_system_errno(store->db)));
    case SQLITE_NOTADB:
        return LK_FAIL(err, LK_E_IO,
                       "store: %s is not a SQLite database; choose another file with --db", path);
    case SQLITE_CORRUPT:
        return LK_FAIL(err, LK_E_IO,
                       "store: %s is damaged (%s); keep a copy, then start with another file", path,
                       sqlite3_errmsg(store->db));
    case SQLITE_IOERR:
        return LK_FAIL(err, LK_E_IO,
                       "store: reading or writing %s failed (%s); check the disk, then send the "
                       "request again",
                       path, strerror(sqlite3_system_errno(store->db)));
    default:
        return LK_FAIL(err, LK_E_INTERNAL, "store: %s: %s (SQLite error %d)", path,
                       sqlite3_errmsg(store->db), rc);
    }
}

int lk_sql_fail(lk_store *store, int rc, lk_err *err)
{
    store->failed = store->in_transaction;
    return fail_with(store, rc, err);
}

int lk_store_nomem(lk_store *store, lk_err *err)
{
    store->failed = store->in_transaction;
    return LK_FAIL_NOMEM(err);
}

/* --- Statements ------------------------------------------------------------------------------ */

int lk_sql_prepare(lk_store *store, lk_sql_id id, lk_sql *sql, lk_err *err)
{
    sqlite3_stmt **kept = &store->statements[id];
    int rc = SQLITE_OK;
    if (!*kept)
        rc = sqlite3_prepare_v3(store->db, statement_texts[id], -1, SQLITE_PREPARE_PERSISTENT, kept,
                                NULL);
    *sql = (lk_sql){.store = store, .statement = *kept, .rc = SQLITE_OK};
    return rc == SQLITE_OK ? 0 : lk_sql_fail(store, rc, err);
}

static void keep_rc(lk_sql *sql, int rc)
{
    if (sql->rc == SQLITE_OK)
        sql->rc = rc;
}

void lk_sql_int64(lk_sql *sql, int64_t value)
{
    keep_rc(sql, sqlite3_bind_int64(sql->statement, ++sql->bound, value));
}

void lk_sql_int64_or_null(lk_sql *sql, int64_t value)
{
    if (value != 0)
        lk_sql_int64(sql, value);
    else /* a reset statement still has the value of its last use */
        keep_rc(sql, sqlite3_bind_null(sql->statement, ++sql->bound));
}

void lk_sql_text(lk_sql *sql, lk_slice text)
{
    /* The explicit encoding keeps a NUL inside the text; a NULL pointer binds NULL. */
    keep_rc(sql, sqlite3_bind_text64(sql->statement, ++sql->bound, text.ptr, text.len,
                                     SQLITE_STATIC, SQLITE_UTF8));
}

void lk_sql_blob(lk_sql *sql, lk_slice bytes)
{
    keep_rc(sql,
            sqlite3_bind_blob64(sql->statement, ++sql->bound, bytes.ptr, bytes.len, SQLITE_STATIC));
}

int lk_sql_step(lk_sql *sql, lk_err *err)
{
    int rc = sql->rc;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(sql->statement);
    if (rc == SQLITE_ROW)
        return 1;
    int result = rc == SQLITE_DONE ? 0 : lk_sql_fail(sql->store, rc, err);
    lk_sql_reset(sql);
    return result;
}

int64_t lk_sql_column_int64(const lk_sql *sql, int column)
{
    return sqlite3_column_int64(sql->statement, column);
}

lk_slice lk_sql_column_text(const lk_sql *sql, int column)
{
    /* As a blob: all texts are UTF-8 already, so nothing is converted, and NUL bytes stay. An empty
     * one that is not NULL has a NULL pointer here. */
    if (sqlite3_column_type(sql->statement, column) == SQLITE_NULL)
        return (lk_slice){NULL, 0};
    const char *bytes = sqlite3_column_blob(sql->statement, column);
    return (lk_slice){bytes ? bytes : "", (size_t)sqlite3_column_bytes(sql->statement, column)};
}

void lk_sql_reset(lk_sql *sql)
{
    /* A reset repeats the error of the step, which has been reported. */
    (void)sqlite3_reset(sql->statement);
}

int lk_sql_run(lk_sql *sql, lk_err *err)
{
    int rc = lk_sql_step(sql, err);
    if (rc > 0)
        lk_sql_reset(sql);
    return rc < 0 ? rc : 0;
}

int lk_sql_value(lk_sql *sql, int64_t absent, int64_t *value, lk_err *err)
{
    *value = absent;
    int rc = lk_sql_step(sql, err);
    if (rc <= 0)
        return rc;
    if (sqlite3_column_type(sql->statement, 0) != SQLITE_NULL)
        *value = lk_sql_column_int64(sql, 0);
    lk_sql_reset(sql);
    return 0;
}

int lk_sql_run_with(lk_store *store, lk_sql_id id, int64_t value, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, id, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, value);
    return lk_sql_run(&sql, err);
}
