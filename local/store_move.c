/* SPDX-License-Identifier: MIT
 *
 * store_move: move tasks as rows: start, cancel, list. store_move_run carries them out.
 *
 * A task belongs to its source queue and goes with it; its destination goes by name, as dead-letter
 * queues do. Of the tasks that are over, the newest few are kept to be listed.
 */
#include "store_internal.h"

#include <string.h>

/* --- Rows ------------------------------------------------------------------------------------ */

void lk_move_row_read(const lk_sql *sql, lk_move_row *row)
{
    *row = (lk_move_row){
        .id = lk_sql_column_int64(sql, 0),
        .source = lk_sql_column_int64(sql, 2),
        .shown = {.max_per_second = lk_sql_column_int64(sql, 4),
                  .status = (lk_store_move_status)lk_sql_column_int64(sql, 5),
                  .failure = (lk_store_move_failure)lk_sql_column_int64(sql, 6),
                  .to_move = lk_sql_column_int64(sql, 7),
                  .moved = lk_sql_column_int64(sql, 8),
                  .started_at_ms = lk_sql_column_int64(sql, 9)},
        .paced_at_ms = lk_sql_column_int64(sql, 10),
        .paced_moved = lk_sql_column_int64(sql, 11),
    };
    (void)lk_slice_copy(lk_sql_column_text(sql, 1), row->shown.task_id, sizeof(row->shown.task_id));
    (void)lk_slice_copy(lk_sql_column_text(sql, 3), row->shown.destination,
                        sizeof(row->shown.destination));
}

int lk_move_put(lk_store *store, const lk_move_row *row, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MOVE_PUT, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, row->id);
    lk_sql_int64(&sql, row->shown.status);
    lk_sql_int64(&sql, row->shown.failure);
    lk_sql_int64(&sql, row->shown.moved);
    lk_sql_int64(&sql, row->paced_at_ms);
    lk_sql_int64(&sql, row->paced_moved);
    return lk_sql_run(&sql, err);
}

static int add_row(lk_store *store, const lk_move_row *row, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MOVE_ADD, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, row->id);
    lk_sql_text(&sql, lk_slice_of(row->shown.task_id));
    lk_sql_int64(&sql, row->source);
    lk_sql_text(&sql, lk_slice_of(row->shown.destination));
    lk_sql_int64(&sql, row->shown.max_per_second);
    lk_sql_int64(&sql, row->shown.status);
    lk_sql_int64(&sql, row->shown.failure);
    lk_sql_int64(&sql, row->shown.to_move);
    lk_sql_int64(&sql, row->shown.moved);
    lk_sql_int64(&sql, row->shown.started_at_ms);
    lk_sql_int64(&sql, row->paced_at_ms);
    lk_sql_int64(&sql, row->paced_moved);
    return lk_sql_run(&sql, err);
}

/* --- Start ----------------------------------------------------------------------------------- */

static bool is_active(const lk_store_move *move)
{
    return move->status == LK_STORE_MOVE_RUNNING || move->status == LK_STORE_MOVE_CANCELLING;
}

static bool has_dead_letters_of_another(const lk_store *store, const lk_queue_state *queue)
{
    for (size_t i = 0; i < store->queue_count; i++)
        if (lk_redrive_target(store, store->by_id[i]) == queue)
            return true;
    return false;
}

static int check_start(lk_store *store, const lk_store_queue *source, lk_slice destination,
                       lk_err *err)
{
    lk_store_move newest[LK_STORE_MOVES_KEPT];
    size_t count = 0;
    if (!has_dead_letters_of_another(store, lk_queue_of(store, source)))
        return LK_STORE_NO_SOURCE;
    if (destination.ptr) {
        const lk_queue_state *target = lk_queue_named(store, destination);
        if (!target)
            return LK_STORE_NO_QUEUE;
        if (target->shown.settings.fifo != source->settings.fifo)
            return LK_STORE_QUEUE_TYPE;
    }
    int rc = lk_store_move_list(store, source, 1, newest, &count, err);
    return !rc && count > 0 && is_active(&newest[0]) ? LK_STORE_MOVE_ACTIVE : rc;
}

/* Leaves room for one more. */
static int forget_old(lk_store *store, int64_t source, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MOVE_FORGET_OLD, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, source);
    lk_sql_int64(&sql, LK_STORE_MOVES_KEPT - 1);
    return lk_sql_run(&sql, err);
}

int lk_store_move_start(lk_store *store, const lk_store_queue *source, lk_slice destination,
                        int64_t max_per_second, int64_t now_ms, char task_id[LK_STORE_UUID_SIZE],
                        lk_err *err)
{
    unsigned char uuid[LK_UUID_BYTES];
    lk_store_counts counts;
    lk_move_row row = {.source = source->id,
                       .shown = {.max_per_second = max_per_second, .started_at_ms = now_ms},
                       .paced_at_ms = now_ms};
    int rc = lk_store_queue_count(store, source, now_ms, &counts, err);
    if (!rc)
        rc = check_start(store, source, destination, err);
    if (rc)
        return rc;
    row.shown.to_move = counts.visible;
    (void)lk_slice_copy(destination, row.shown.destination, sizeof(row.shown.destination));
    if ((rc = lk_uuid_new(uuid, err)) || (rc = lk_store_number(store, &row.id, err)))
        return rc;
    lk_uuid_format(uuid, row.shown.task_id);
    memcpy(task_id, row.shown.task_id, LK_STORE_UUID_SIZE);
    store->moves_due_ms = 0;
    rc = forget_old(store, row.source, err);
    return rc ? rc : add_row(store, &row, err);
}

/* --- Cancel, list ---------------------------------------------------------------------------- */

/* LK_STORE_NO_MOVE: none of the source's tasks. */
static int find_row(lk_store *store, int64_t source, lk_slice task_id, lk_move_row *row,
                    lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MOVE_FIND, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, source);
    lk_sql_text(&sql, task_id);
    rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc < 0 ? rc : LK_STORE_NO_MOVE;
    lk_move_row_read(&sql, row);
    lk_sql_reset(&sql);
    return 0;
}

int lk_store_move_cancel(lk_store *store, const lk_store_queue *source, lk_slice task_id,
                         int64_t *moved, lk_err *err)
{
    lk_queue_state *state = NULL;
    lk_move_row row;
    int rc = lk_queue_take(store, source, &state, err);
    if (!rc)
        rc = find_row(store, state->shown.id, task_id, &row, err);
    if (rc)
        return rc;
    if (row.shown.status != LK_STORE_MOVE_RUNNING)
        return LK_STORE_MOVE_OVER;
    row.shown.status = LK_STORE_MOVE_CANCELLING;
    *moved = row.shown.moved;
    store->moves_due_ms = 0;
    return lk_move_put(store, &row, err);
}

int lk_store_move_list(lk_store *store, const lk_store_queue *source, size_t max,
                       lk_store_move moves[LK_STORE_MOVES_KEPT], size_t *count, lk_err *err)
{
    lk_queue_state *state = NULL;
    lk_sql sql;
    *count = 0;
    int rc = lk_queue_take(store, source, &state, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_MOVE_OF_SOURCE, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, state->shown.id);
    lk_sql_int64(&sql, (int64_t)LK_MIN(max, (size_t)LK_STORE_MOVES_KEPT));
    while ((rc = lk_sql_step(&sql, err)) > 0) {
        lk_move_row row;
        lk_move_row_read(&sql, &row);
        moves[(*count)++] = row.shown;
    }
    return rc;
}
