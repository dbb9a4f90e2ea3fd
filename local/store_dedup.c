/* SPDX-License-Identifier: MIT
 *
 * store_dedup: the FIFO deduplication memory: 5 minutes from the first accepted send.
 *
 * Entries outlive their message, and the queue's retention; only a purge forgets them, by giving
 * the queue a new dedup_pile. Their ids ascend with time, so outdated ones are found at the front
 * of the table, without an index of their own, and those that count at its end.
 */
#include "store_internal.h"

#include <string.h>

enum { TIDY_AT_ONCE = 8 }; /* outdated entries a send removes in passing: more than it adds */

/* What a send is compared by, and what finds it. */
typedef struct dedup_key {
    int64_t pile;
    lk_slice dedup_id;
    lk_slice scope;
    uint32_t hash;
} dedup_key;

static dedup_key key_of(const lk_queue_state *queue, lk_slice group_id, lk_slice dedup_id)
{
    lk_slice scope = queue->dedup_by_group ? group_id : LK_SLICE_LITERAL("");
    return (dedup_key){queue->dedup_pile, dedup_id, scope,
                       lk_key_hash(queue->dedup_pile, dedup_id, scope)};
}

static void bind_key(lk_sql *sql, int64_t id, const dedup_key *key)
{
    lk_sql_int64(sql, id);
    lk_sql_int64(sql, key->pile);
    lk_sql_text(sql, key->dedup_id);
    lk_sql_text(sql, key->scope);
}

/* A row of DEDUP_NEWEST or DEDUP_OLDEST. */
typedef struct dedup_row {
    int64_t id;
    int64_t accepted_at_ms;
    uint32_t hash;
} dedup_row;

static dedup_row read_row(const lk_sql *sql)
{
    return (dedup_row){lk_sql_column_int64(sql, 0), lk_sql_column_int64(sql, 1),
                       lk_key_hash(lk_sql_column_int64(sql, 2), lk_sql_column_text(sql, 3),
                                   lk_sql_column_text(sql, 4))};
}

/* --- Finding and adding ---------------------------------------------------------------------- */

/* Those that still count, from the newest on. */
static int load(lk_store *store, int64_t now_ms, lk_err *err)
{
    lk_sql sql;
    if (store->dedups.complete)
        return 0;
    lk_keys_forget(&store->dedups); /* of a load that failed */
    int rc = lk_sql_prepare(store, LK_SQL_DEDUP_NEWEST, &sql, err);
    bool wanted = !rc;
    while (wanted && (rc = lk_sql_step(&sql, err)) > 0) {
        dedup_row row = read_row(&sql);
        wanted = row.accepted_at_ms > now_ms - LK_DEDUP_WINDOW_MS;
        rc = wanted ? lk_keys_add(store, &store->dedups, row.hash, row.id, err) : 0;
        wanted = wanted && !rc;
        if (!wanted)
            lk_sql_reset(&sql);
    }
    store->dedups.complete = !rc;
    return rc;
}

/* *found: the row has this key and counts; then *sent is filled from it. */
static int check(lk_store *store, int64_t id, const dedup_key *key, int64_t now_ms,
                 lk_store_sent *sent, bool *found, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_DEDUP_CHECK, &sql, err);
    if (rc)
        return rc;
    bind_key(&sql, id, key);
    lk_sql_int64(&sql, now_ms - LK_DEDUP_WINDOW_MS);
    rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc;
    lk_slice uuid = lk_sql_column_text(&sql, 0);
    *found = uuid.len == LK_UUID_BYTES;
    if (*found) {
        lk_uuid_format((const unsigned char *)uuid.ptr, sent->message_id);
        lk_sequence_format(lk_sql_column_int64(&sql, 1), sent->sequence_number);
        sent->duplicate = true;
    }
    lk_sql_reset(&sql);
    return 0;
}

int lk_dedup_find(lk_store *store, const lk_queue_state *queue, lk_slice group_id,
                  lk_slice dedup_id, int64_t now_ms, lk_store_sent *sent, bool *found, lk_err *err)
{
    dedup_key key = key_of(queue, group_id, dedup_id);
    size_t passed = 0;
    int64_t id = 0;
    *found = false;
    int rc = load(store, now_ms, err);
    while (!rc && !*found && (id = lk_keys_next(&store->dedups, key.hash, &passed)))
        rc = check(store, id, &key, now_ms, sent, found, err);
    return rc;
}

int lk_dedup_add(lk_store *store, const lk_queue_state *queue, lk_slice group_id, lk_slice dedup_id,
                 int64_t now_ms, const unsigned char uuid[LK_UUID_BYTES], int64_t seq, lk_err *err)
{
    dedup_key key = key_of(queue, group_id, dedup_id);
    bool more = false;
    int64_t id = 0;
    lk_sql sql;
    int rc = lk_dedup_tidy(store, now_ms, TIDY_AT_ONCE, &more, err);
    if (!rc)
        rc = lk_store_number(store, &id, err);
    if (!rc)
        rc = lk_keys_add(store, &store->dedups, key.hash, id, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_DEDUP_ADD, &sql, err);
    if (rc)
        return rc;
    bind_key(&sql, id, &key);
    lk_sql_int64(&sql, now_ms);
    lk_sql_blob(&sql, (lk_slice){(const char *)uuid, LK_UUID_BYTES});
    lk_sql_int64(&sql, seq);
    return lk_sql_run(&sql, err);
}

/* --- Tidying --------------------------------------------------------------------------------- */

/* The oldest entry, or id 0: an empty table. */
static int find_oldest(lk_store *store, dedup_row *oldest, lk_err *err)
{
    lk_sql sql;
    *oldest = (dedup_row){.id = 0};
    int rc = lk_sql_prepare(store, LK_SQL_DEDUP_OLDEST, &sql, err);
    if (!rc)
        rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc;
    *oldest = read_row(&sql);
    lk_sql_reset(&sql);
    return 0;
}

int lk_dedup_tidy(lk_store *store, int64_t now_ms, int max, bool *more, lk_err *err)
{
    *more = false;
    for (int i = 0; i < max && now_ms >= store->dedup_due_ms; i++) {
        dedup_row oldest;
        int rc = find_oldest(store, &oldest, err);
        if (rc)
            return rc;
        /* An empty table: look again after a whole window. */
        store->dedup_due_ms = (oldest.id ? oldest.accepted_at_ms : now_ms) + LK_DEDUP_WINDOW_MS;
        if (now_ms < store->dedup_due_ms)
            return 0;
        lk_keys_remove(&store->dedups, oldest.hash, oldest.id);
        rc = lk_sql_run_with(store, LK_SQL_DEDUP_REMOVE, oldest.id, err);
        if (rc)
            return rc;
    }
    *more = now_ms >= store->dedup_due_ms;
    return 0;
}
