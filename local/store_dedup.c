/* SPDX-License-Identifier: MIT
 *
 * store_dedup: the FIFO deduplication memory: 5 minutes from the first accepted send.
 *
 * Entries outlive their message, and the queue's retention; only a purge forgets them, by giving
 * the queue a new dedup_pile. Their ids ascend with time, so outdated ones are found at the front
 * of the table, without an index of their own.
 */
#include "store_internal.h"

#include <string.h>

enum { TIDY_AT_ONCE = 8 }; /* outdated entries a send removes in passing: more than it adds */

static lk_slice scope_of(const lk_queue_state *queue, lk_slice group_id)
{
    return queue->dedup_by_group ? group_id : LK_SLICE_LITERAL("");
}

static void bind_key(lk_sql *sql, const lk_queue_state *queue, lk_slice group_id, lk_slice dedup_id)
{
    lk_sql_int64(sql, queue->dedup_pile);
    lk_sql_text(sql, dedup_id);
    lk_sql_text(sql, scope_of(queue, group_id));
}

int lk_dedup_find(lk_store *store, const lk_queue_state *queue, lk_slice group_id,
                  lk_slice dedup_id, int64_t now_ms, lk_store_sent *sent, bool *found, lk_err *err)
{
    *found = false;
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_DEDUP_FIND, &sql, err);
    if (rc)
        return rc;
    bind_key(&sql, queue, group_id, dedup_id);
    rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc;
    lk_slice uuid = lk_sql_column_text(&sql, 1);
    *found =
        now_ms < lk_sql_column_int64(&sql, 0) + LK_DEDUP_WINDOW_MS && uuid.len == LK_UUID_BYTES;
    if (*found) {
        lk_uuid_format((const unsigned char *)uuid.ptr, sent->message_id);
        lk_sequence_format(lk_sql_column_int64(&sql, 2), sent->sequence_number);
        sent->duplicate = true;
    }
    lk_sql_reset(&sql);
    return 0;
}

int lk_dedup_add(lk_store *store, const lk_queue_state *queue, lk_slice group_id, lk_slice dedup_id,
                 int64_t now_ms, const unsigned char uuid[LK_UUID_BYTES], int64_t seq, lk_err *err)
{
    bool more = false;
    int64_t id = 0;
    lk_sql sql;
    int rc = lk_dedup_tidy(store, now_ms, TIDY_AT_ONCE, &more, err);
    if (!rc)
        rc = lk_store_number(store, &id, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_DEDUP_ADD, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, id);
    bind_key(&sql, queue, group_id, dedup_id);
    lk_sql_int64(&sql, now_ms);
    lk_sql_blob(&sql, (lk_slice){(const char *)uuid, LK_UUID_BYTES});
    lk_sql_int64(&sql, seq);
    return lk_sql_run(&sql, err);
}

/* The oldest entry, or id 0. */
static int find_oldest(lk_store *store, int64_t *id, int64_t *accepted_at_ms, lk_err *err)
{
    lk_sql sql;
    *id = 0;
    int rc = lk_sql_prepare(store, LK_SQL_DEDUP_OLDEST, &sql, err);
    if (!rc)
        rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc;
    *id = lk_sql_column_int64(&sql, 0);
    *accepted_at_ms = lk_sql_column_int64(&sql, 1);
    lk_sql_reset(&sql);
    return 0;
}

int lk_dedup_tidy(lk_store *store, int64_t now_ms, int max, bool *more, lk_err *err)
{
    *more = false;
    for (int i = 0; i < max && now_ms >= store->dedup_due_ms; i++) {
        int64_t id = 0;
        int64_t accepted_at_ms = now_ms; /* an empty table: look again after a whole window */
        int rc = find_oldest(store, &id, &accepted_at_ms, err);
        if (rc)
            return rc;
        store->dedup_due_ms = accepted_at_ms + LK_DEDUP_WINDOW_MS;
        if (now_ms < store->dedup_due_ms)
            return 0;
        rc = lk_sql_run_with(store, LK_SQL_DEDUP_REMOVE, id, err);
        if (rc)
            return rc;
    }
    *more = now_ms >= store->dedup_due_ms;
    return 0;
}
