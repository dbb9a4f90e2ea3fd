/* SPDX-License-Identifier: MIT
 *
 * store_count: figures about a queue: its counters, and when something becomes due.
 *
 * All come from one look into an index: hidden messages are counted there, visible ones are the
 * rest of a total that is kept up to date in memory.
 */
#include "store_internal.h"

/* --- Counters -------------------------------------------------------------------------------- */

static int count_total(lk_store *store, lk_queue_state *queue, lk_err *err)
{
    if (queue->total != LK_STORE_UNKNOWN)
        return 0;
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PILE_TOTAL, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    return lk_sql_value(&sql, 0, &queue->total, err);
}

int lk_queue_count_hidden(lk_store *store, const lk_queue_state *queue, int64_t now_ms,
                          int64_t *hidden, int64_t *in_flight, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PILE_HIDDEN, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_int64(&sql, now_ms);
    rc = lk_sql_step(&sql, err);
    if (rc < 0)
        return rc;
    *hidden = lk_sql_column_int64(&sql, 0); /* an aggregate always has its row */
    *in_flight = lk_sql_column_int64(&sql, 1);
    lk_sql_reset(&sql);
    return 0;
}

int lk_store_queue_count(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                         lk_store_counts *counts, lk_err *err)
{
    lk_queue_state *state = NULL;
    int64_t hidden = 0;
    int64_t in_flight = 0;
    int rc = lk_queue_enter(store, queue, now_ms, &state, err);
    if (!rc)
        rc = count_total(store, state, err);
    if (!rc)
        rc = lk_queue_count_hidden(store, state, now_ms, &hidden, &in_flight, err);
    if (rc)
        return rc;
    state->in_flight = in_flight;
    *counts = (lk_store_counts){
        .visible = state->total - hidden,
        .in_flight = in_flight,
        .delayed = hidden - in_flight,
    };
    return 0;
}

int lk_store_queue_receivable(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                              bool *receivable, lk_err *err)
{
    lk_store_counts counts;
    int64_t group = 0;
    lk_sql sql;
    int rc = lk_store_queue_count(store, queue, now_ms, &counts, err);
    *receivable = !rc && counts.visible > 0;
    if (rc || !*receivable || !queue->settings.fifo)
        return rc;
    rc = lk_sql_prepare(store, LK_SQL_GROUP_READY, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, lk_queue_of(store, queue)->pile);
    lk_sql_int64(&sql, now_ms);
    lk_sql_int64(&sql, INT64_MAX); /* whatever its turn */
    rc = lk_sql_value(&sql, 0, &group, err);
    *receivable = !rc && group != 0;
    return rc;
}

/* --- Due events ------------------------------------------------------------------------------ */

/* A timeout that ends only after the message has outlived its retention makes nothing receivable.
 */
int lk_queue_next_visible(lk_store *store, const lk_queue_state *queue, int64_t now_ms,
                          int64_t *due_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PILE_NEXT_VISIBLE, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_int64(&sql, now_ms);
    lk_sql_int64(&sql, queue->shown.settings.retention_s * 1000);
    return lk_sql_value(&sql, INT64_MAX, due_ms, err);
}

static int next_ready_group(lk_store *store, const lk_queue_state *queue, int64_t now_ms,
                            int64_t *due_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_GROUP_NEXT_READY, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_int64(&sql, now_ms);
    return lk_sql_value(&sql, INT64_MAX, due_ms, err);
}

int lk_queue_next_due(lk_store *store, const lk_queue_state *queue, int64_t now_ms, int64_t *due_ms,
                      lk_err *err)
{
    return queue->shown.settings.fifo ? next_ready_group(store, queue, now_ms, due_ms, err)
                                      : lk_queue_next_visible(store, queue, now_ms, due_ms, err);
}

int lk_store_next_due(lk_store *store, const lk_store_queue *queue, int64_t now_ms, int64_t *due_ms,
                      lk_err *err)
{
    *due_ms = INT64_MAX;
    if (queue) {
        const lk_queue_state *state = lk_queue_of(store, queue);
        if (!state)
            return LK_FAIL(err, LK_E_INVALID, "store: the queue is not of this store");
        return lk_queue_next_due(store, state, now_ms, due_ms, err);
    }
    for (size_t i = 0; i < store->queue_count; i++) {
        int64_t due = INT64_MAX;
        int rc = lk_queue_next_due(store, store->by_id[i], now_ms, &due, err);
        if (rc)
            return rc;
        *due_ms = LK_MIN(*due_ms, due);
    }
    if (store->moves_due_ms > now_ms)
        *due_ms = LK_MIN(*due_ms, store->moves_due_ms);
    return 0;
}
