/* SPDX-License-Identifier: MIT
 *
 * store_move_run: move tasks at work: which message is next, where it goes, and how fast.
 *
 * Each is taken as a receive would take it: of a standard queue what has been visible longest, of a
 * FIFO queue the head of the group that has been ready longest. Nothing is skipped, so nothing is
 * scanned: a message that cannot go anywhere ends its task.
 */
#include "store_internal.h"

enum {
    PIECE_BYTES = 1 << 20, /* of bodies, which are written again: no request waits long for a run */
    STEPS_PER_SECOND =
        50 /* a fast task moves several messages a step instead of waking us for each */
};

/* --- The rate -------------------------------------------------------------------------------- */

static int64_t rate_of(const lk_store_move *move)
{
    return move->max_per_second > 0 ? move->max_per_second : LK_STORE_MOVE_PER_SECOND;
}

static void start_pace(lk_move_row *row, int64_t now_ms)
{
    row->paced_at_ms = now_ms;
    row->paced_moved = row->shown.moved;
}

/* How many more the task may have moved by now: one at once, and then its rate. A clock that is
 * moved forward lets it catch up, one that goes back makes it start counting again. */
static int64_t allowance(lk_move_row *row, int64_t now_ms)
{
    if (now_ms < row->paced_at_ms)
        start_pace(row, now_ms);
    int64_t by_now = 1 + (now_ms - row->paced_at_ms) * rate_of(&row->shown) / 1000;
    return LK_MIN(row->paced_moved + by_now, row->shown.to_move) - row->shown.moved;
}

/* When the next step is allowed. */
static int64_t next_step_ms(const lk_move_row *row)
{
    int64_t rate = rate_of(&row->shown);
    int64_t step =
        LK_MIN(LK_MAX(rate / STEPS_PER_SECOND, 1), row->shown.to_move - row->shown.moved);
    int64_t before = row->shown.moved - row->paced_moved + step - 1;
    return row->paced_at_ms + (before * 1000 + rate - 1) / rate;
}

/* --- One message ----------------------------------------------------------------------------- */

static int find_oldest(lk_store *store, const lk_queue_state *source, int64_t now_ms,
                       lk_message_row *row, bool *found, lk_err *err)
{
    size_t count = 0;
    if (source->shown.settings.fifo)
        return lk_fifo_oldest(store, source, now_ms, row, found, err);
    int rc = lk_visible_rows(store, source, now_ms, 1, row, &count, err);
    *found = count > 0;
    return rc;
}

static lk_queue_state *target_of(const lk_store *store, const lk_move_row *task,
                                 const lk_message_row *row)
{
    const char *name = task->shown.destination[0] ? task->shown.destination : row->dead_source;
    return lk_queue_named(store, lk_slice_of(name));
}

/* Its payload under the new id. A FIFO message's deduplication id is its new message id: nobody has
 * sent that before, so nothing it meets can make it a duplicate. */
static int resend_payload(lk_store *store, const lk_message_row *old, int64_t id, int64_t *bytes,
                          lk_err *err)
{
    unsigned char uuid[LK_UUID_BYTES];
    char text[LK_STORE_UUID_SIZE];
    lk_sql sql;
    int rc = lk_uuid_new(uuid, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_PAYLOAD_RESEND, &sql, err);
    if (rc)
        return rc;
    lk_uuid_format(uuid, text);
    lk_sql_int64(&sql, old->id);
    lk_sql_int64(&sql, id);
    lk_sql_blob(&sql, (lk_slice){(const char *)uuid, LK_UUID_BYTES});
    lk_sql_text(&sql, old->group ? lk_slice_of(text) : (lk_slice){NULL, 0});
    return lk_sql_value(&sql, 0, bytes, err);
}

static int resend_row(lk_store *store, const lk_message_row *old, const lk_message_row *fresh,
                      lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MESSAGE_RESEND, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, old->id);
    lk_sql_int64(&sql, fresh->id);
    lk_sql_int64(&sql, fresh->pile);
    lk_sql_int64(&sql, fresh->visible_at_ms);
    lk_sql_int64(&sql, fresh->sent_at_ms);
    lk_sql_int64_or_null(&sql, fresh->group);
    lk_sql_int64_or_null(&sql, fresh->seq);
    return lk_sql_run(&sql, err);
}

/* The message leaves the source and enters the target as if it were sent now. */
static int resend(lk_store *store, lk_queue_state *source, lk_queue_state *target,
                  const lk_message_row *old, int64_t now_ms, int64_t *bytes, lk_err *err)
{
    lk_message_row fresh = {.pile = target->pile,
                            .sent_at_ms = now_ms,
                            .visible_at_ms = now_ms + target->shown.settings.delay_s * 1000};
    int rc =
        lk_redrive_join(store, target, old, fresh.visible_at_ms, &fresh.group, &fresh.seq, err);
    if (!rc)
        rc = lk_store_number(store, &fresh.id, err);
    if (!rc)
        rc = resend_row(store, old, &fresh, err);
    if (!rc)
        rc = resend_payload(store, old, fresh.id, bytes, err);
    /* The group keeps its place by the age of its new head, so that the oldest goes next. */
    if (!rc && old->group)
        rc = lk_group_changed(store, old->group, 0, 0, err);
    if (rc)
        return rc;
    lk_queue_lost(source, false); /* it was visible */
    lk_queue_gained(target, now_ms);
    return 0;
}

/* --- One task -------------------------------------------------------------------------------- */

/* One run: what it may still move. */
typedef struct piece {
    lk_store_moved *moved;
    int64_t bytes; /* of bodies, so far */
} piece;

static bool has_room(const piece *p)
{
    return p->moved->count < LK_STORE_MOVE_PIECE && p->bytes < PIECE_BYTES;
}

static void end_task(lk_move_row *task, lk_store_move_status status, lk_store_move_failure failure)
{
    task->shown.status = status;
    task->shown.failure = failure;
}

/* Moves the next message, or ends the task. */
static int move_one(lk_store *store, lk_queue_state *source, lk_move_row *task, int64_t now_ms,
                    piece *p, lk_err *err)
{
    lk_message_row row;
    bool found = false;
    int64_t bytes = 0;
    int rc = find_oldest(store, source, now_ms, &row, &found, err);
    if (rc)
        return rc;
    if (!found) {
        end_task(task, LK_STORE_MOVE_COMPLETED, LK_STORE_MOVE_NO_FAILURE);
        return 0;
    }
    lk_queue_state *target = target_of(store, task, &row);
    if (!target) {
        bool no_origin = !task->shown.destination[0] && !row.dead_source[0];
        end_task(task, LK_STORE_MOVE_FAILED,
                 no_origin ? LK_STORE_MOVE_NO_ORIGIN : LK_STORE_MOVE_NO_QUEUE);
        return 0;
    }
    rc = resend(store, source, target, &row, now_ms, &bytes, err);
    if (rc)
        return rc;
    task->shown.moved++;
    p->bytes += bytes;
    p->moved->queue_ids[p->moved->count++] = target->shown.id;
    return 0;
}

static int move_allowed(lk_store *store, lk_move_row *task, int64_t now_ms, piece *p, lk_err *err)
{
    lk_queue_state *source = NULL;
    const lk_store_queue *queue = lk_store_queue_by_id(store, task->source);
    if (!queue) /* a task goes with its queue */
        return lk_sql_fail(store, SQLITE_CORRUPT, err);
    int rc = lk_queue_enter(store, queue, now_ms, &source, err);
    int64_t allowed = allowance(task, now_ms);
    while (!rc && allowed-- > 0 && has_room(p) && task->shown.status == LK_STORE_MOVE_RUNNING)
        rc = move_one(store, source, task, now_ms, p, err);
    if (task->shown.status == LK_STORE_MOVE_RUNNING && task->shown.moved >= task->shown.to_move)
        end_task(task, LK_STORE_MOVE_COMPLETED, LK_STORE_MOVE_NO_FAILURE);
    return rc;
}

/* *due_ms: when the task wants to go on. */
static int run_task(lk_store *store, lk_move_row *task, int64_t now_ms, piece *p, int64_t *due_ms,
                    lk_err *err)
{
    const lk_move_row before = *task;
    int rc = 0;
    /* What a server that was not running did not move is not made up for in one go. */
    if (!store->moves_paced && task->id <= store->start_number)
        start_pace(task, now_ms);
    if (task->shown.status == LK_STORE_MOVE_CANCELLING)
        end_task(task, LK_STORE_MOVE_CANCELLED, LK_STORE_MOVE_NO_FAILURE);
    else
        rc = move_allowed(store, task, now_ms, p, err);
    if (rc)
        return rc;
    *due_ms = task->shown.status == LK_STORE_MOVE_RUNNING ? next_step_ms(task) : INT64_MAX;
    bool changed = before.shown.moved != task->shown.moved ||
                   before.shown.status != task->shown.status ||
                   before.paced_at_ms != task->paced_at_ms;
    return changed ? lk_move_put(store, task, err) : 0;
}

/* --- All tasks ------------------------------------------------------------------------------- */

/* The first active task behind `after`; id 0: none. */
static int next_active(lk_store *store, int64_t after, lk_move_row *task, lk_err *err)
{
    lk_sql sql;
    *task = (lk_move_row){.id = 0};
    int rc = lk_sql_prepare(store, LK_SQL_MOVE_NEXT_ACTIVE, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, after);
    rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc;
    lk_move_row_read(&sql, task);
    lk_sql_reset(&sql);
    return 0;
}

int lk_store_move_run(lk_store *store, int64_t now_ms, lk_store_moved *moved, lk_err *err)
{
    piece p = {.moved = moved};
    int64_t due_ms = INT64_MAX;
    lk_move_row task = {.id = 0};
    moved->count = 0;
    int rc = lk_store_ready(store, err);
    do {
        int64_t task_due_ms = INT64_MAX;
        if (!rc)
            rc = next_active(store, task.id, &task, err);
        if (!rc && task.id)
            rc = run_task(store, &task, now_ms, &p, &task_due_ms, err);
        if (rc)
            return rc;
        due_ms = LK_MIN(due_ms, task_due_ms);
    } while (task.id);
    store->moves_due_ms = due_ms;
    store->moves_paced = true;
    return 0;
}

int64_t lk_store_move_due(const lk_store *store)
{
    return store->moves_due_ms;
}
