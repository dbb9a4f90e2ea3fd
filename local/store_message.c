/* SPDX-License-Identifier: MIT
 *
 * store_message: single rows of the message table, and the queue's figures in step with them.
 */
#include "store_internal.h"

#include <string.h>

void lk_message_row_read(const lk_sql *sql, lk_message_row *row)
{
    *row = (lk_message_row){
        .id = lk_sql_column_int64(sql, 0),
        .pile = lk_sql_column_int64(sql, 1),
        .visible_at_ms = lk_sql_column_int64(sql, 2),
        .sent_at_ms = lk_sql_column_int64(sql, 3),
        .receive_count = lk_sql_column_int64(sql, 4),
        .received_elsewhere = lk_sql_column_int64(sql, 5),
        .received_at_ms = lk_sql_column_int64(sql, 6),
        .first_received_at_ms = lk_sql_column_int64(sql, 7),
        .group = lk_sql_column_int64(sql, 8), /* NULL reads as 0 */
        .seq = lk_sql_column_int64(sql, 9),
    };
    (void)lk_slice_copy(lk_sql_column_text(sql, 10), row->dead_source, sizeof(row->dead_source));
}

int lk_message_rows(lk_sql *sql, lk_message_row *rows, size_t max, size_t *count, lk_err *err)
{
    *count = 0;
    while (*count < max) {
        int rc = lk_sql_step(sql, err);
        if (rc <= 0)
            return rc;
        lk_message_row_read(sql, &rows[(*count)++]);
    }
    lk_sql_reset(sql);
    return 0;
}

int lk_message_find(lk_store *store, int64_t id, lk_message_row *row, bool *found, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MESSAGE_GET, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, id);
    rc = lk_sql_step(&sql, err);
    *found = rc > 0;
    if (rc <= 0)
        return rc;
    lk_message_row_read(&sql, row);
    lk_sql_reset(&sql);
    return 0;
}

/* Hidden and never received is delayed. */
bool lk_message_in_flight(const lk_message_row *row, int64_t now_ms)
{
    return row->receive_count > 0 && row->visible_at_ms > now_ms;
}

int lk_message_add(lk_store *store, lk_queue_state *queue, const lk_message_row *row, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MESSAGE_ADD, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, row->id);
    lk_sql_int64(&sql, row->pile);
    lk_sql_int64(&sql, row->visible_at_ms);
    lk_sql_int64(&sql, row->sent_at_ms);
    lk_sql_int64_or_null(&sql, row->group);
    lk_sql_int64_or_null(&sql, row->seq);
    rc = lk_sql_run(&sql, err);
    if (!rc)
        lk_queue_gained(queue, row->sent_at_ms);
    return rc;
}

void lk_queue_gained(lk_queue_state *queue, int64_t sent_at_ms)
{
    if (queue->total != LK_STORE_UNKNOWN)
        queue->total++;
    if (queue->oldest_ms != LK_STORE_UNKNOWN)
        queue->oldest_ms = LK_MIN(queue->oldest_ms, sent_at_ms);
}

void lk_queue_lost(lk_queue_state *queue, bool in_flight)
{
    if (queue->total != LK_STORE_UNKNOWN)
        queue->total--;
    if (in_flight)
        lk_queue_landed(queue);
}

void lk_queue_hid(lk_queue_state *queue, int64_t visible_at_ms)
{
    queue->full_until_ms = LK_MIN(queue->full_until_ms, visible_at_ms);
}

/* A delivery of which the queue thinks as in flight is over. */
void lk_queue_landed(lk_queue_state *queue)
{
    if (queue->in_flight > 0)
        queue->in_flight--;
}

int lk_message_hide(lk_store *store, lk_queue_state *queue, const lk_message_row *row,
                    int64_t visible_at_ms, int64_t now_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MESSAGE_HIDE, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, row->id);
    lk_sql_int64(&sql, visible_at_ms);
    rc = lk_sql_run(&sql, err);
    if (!rc && row->group)
        rc = lk_group_changed(store, row->group, row->seq, now_ms, err);
    if (rc)
        return rc;
    if (visible_at_ms > now_ms)
        lk_queue_hid(queue, visible_at_ms);
    else if (lk_message_in_flight(row, now_ms))
        lk_queue_landed(queue);
    return 0;
}

int lk_message_remove(lk_store *store, lk_queue_state *queue, const lk_message_row *row,
                      int64_t now_ms, lk_err *err)
{
    int rc = lk_sql_run_with(store, LK_SQL_MESSAGE_REMOVE, row->id, err);
    if (!rc)
        rc = lk_sql_run_with(store, LK_SQL_PAYLOAD_REMOVE, row->id, err);
    if (!rc && row->group)
        rc = lk_group_changed(store, row->group, row->seq, now_ms, err);
    if (!rc)
        lk_queue_lost(queue, lk_message_in_flight(row, now_ms));
    return rc;
}
