/* SPDX-License-Identifier: MIT
 *
 * store_queue: create, set, delete, purge: what changes a queue, in memory and in its row.
 *
 * A rollback of a transaction that changed queues reads them all again.
 */
#include "store_internal.h"

/* --- Create, set ----------------------------------------------------------------------------- */

/* A redrive target must be there, and of the same type. */
static int check_redrive(const lk_store *store, lk_slice name, bool fifo,
                         const lk_store_settings *settings)
{
    lk_slice target_name = settings->dead_letter_queue;
    if (!(settings->given & LK_SET_REDRIVE) || !target_name.ptr ||
        lk_slice_equal(target_name, name))
        return 0;
    const lk_queue_state *target = lk_queue_named(store, target_name);
    if (!target)
        return LK_STORE_NO_QUEUE;
    return target->shown.settings.fifo == fifo ? 0 : LK_STORE_QUEUE_TYPE;
}

static int insert_row(lk_store *store, const lk_queue_state *queue, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_QUEUE_ADD, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->shown.id);
    lk_sql_text(&sql, queue->shown.name);
    lk_sql_int64(&sql, queue->shown.created_at_ms);
    lk_sql_int64(&sql, queue->shown.modified_at_ms);
    lk_sql_int64(&sql, queue->pile);
    lk_sql_int64(&sql, queue->dedup_pile);
    lk_sql_int64(&sql, queue->dedup_by_group);
    lk_settings_bind(&queue->shown.settings, &sql);
    return lk_sql_run(&sql, err);
}

static int create_queue(lk_store *store, lk_queue_state *queue, const lk_store_settings *settings,
                        int64_t now_ms, lk_err *err)
{
    int rc = lk_settings_merge(&store->defaults, settings, &queue->shown.settings, err);
    if (!rc)
        rc = lk_store_number(store, &queue->shown.id, err);
    if (!rc)
        rc = lk_store_number(store, &queue->pile, err);
    if (rc)
        return rc;
    queue->dedup_pile = queue->pile;
    queue->dedup_by_group = queue->shown.settings.dedup_scope_group;
    queue->shown.created_at_ms = now_ms;
    queue->shown.modified_at_ms = now_ms;
    return insert_row(store, queue, err);
}

int lk_store_queue_create(lk_store *store, lk_slice name, const lk_store_settings *settings,
                          int64_t now_ms, const lk_store_queue **queue, unsigned *differs,
                          lk_err *err)
{
    int rc = lk_store_ready(store, err);
    if (rc)
        return rc;
    lk_queue_state *state = lk_queue_named(store, name);
    if (state) {
        unsigned different = lk_settings_differ(&state->shown.settings, settings);
        if (differs)
            *differs = different;
        *queue = &state->shown;
        return different ? LK_STORE_QUEUE_DIFFERS : 0;
    }
    rc = check_redrive(store, name, (settings->given & LK_SET_FIFO) && settings->fifo, settings);
    if (rc)
        return rc;
    state = lk_queues_reserve(store) ? lk_queue_new(name) : NULL;
    if (!state)
        return lk_store_nomem(store, err);
    rc = create_queue(store, state, settings, now_ms, err);
    if (rc) {
        lk_queue_free(state);
        return rc;
    }
    store->queues_changed = true;
    lk_queues_insert(store, state);
    *queue = &state->shown;
    return 0;
}

static int update_row(lk_store *store, const lk_queue_state *queue,
                      const lk_store_settings *settings, int64_t now_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_QUEUE_PUT, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->shown.id);
    lk_sql_int64(&sql, now_ms);
    lk_settings_bind(settings, &sql);
    return lk_sql_run(&sql, err);
}

/* A FIFO queue's delay is retroactive (AWS: "per-queue delay setting is retroactive"), so every
 * message that was never received gets its time anew, and with it the groups. */
static int delay_messages(lk_store *store, const lk_queue_state *queue, int64_t delay_s,
                          int64_t now_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PILE_DELAY, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_int64(&sql, delay_s * 1000);
    rc = lk_sql_run(&sql, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_GROUP_DELAY, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_int64(&sql, now_ms);
    return lk_sql_run(&sql, err);
}

int lk_store_queue_set(lk_store *store, const lk_store_queue *queue,
                       const lk_store_settings *settings, int64_t now_ms, lk_err *err)
{
    lk_queue_state *state = NULL;
    int rc = lk_queue_enter(store, queue, now_ms, &state, err);
    if (rc)
        return rc;
    if (settings->given & LK_SET_FIFO)
        return LK_FAIL(err, LK_E_INVALID, "store: the type of a queue cannot be changed");
    bool fifo = state->shown.settings.fifo;
    rc = check_redrive(store, state->shown.name, fifo, settings);
    if (rc)
        return rc;
    lk_store_settings merged;
    rc = lk_settings_merge(&state->shown.settings, settings, &merged, err);
    if (rc)
        return rc;
    rc = update_row(store, state, &merged, now_ms, err);
    if (!rc && fifo && merged.delay_s != state->shown.settings.delay_s)
        rc = delay_messages(store, state, merged.delay_s, now_ms, err);
    if (rc) {
        lk_settings_clear(&merged);
        return rc;
    }
    store->queues_changed = true;
    lk_settings_clear(&state->shown.settings);
    state->shown.settings = merged;
    state->shown.modified_at_ms = now_ms;
    state->full_until_ms = 0; /* with another retention other timeouts end */
    return 0;
}

/* --- Delete, purge --------------------------------------------------------------------------- */

static int remember_deleted(lk_store *store, lk_slice name, int64_t now_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_DELETED_PUT, &sql, err);
    if (rc)
        return rc;
    lk_sql_text(&sql, name);
    lk_sql_int64(&sql, now_ms);
    return lk_sql_run(&sql, err);
}

int lk_store_queue_deleted_at(lk_store *store, lk_slice name, int64_t now_ms,
                              int64_t *deleted_at_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_store_ready(store, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_DELETED_AT, &sql, err);
    if (rc)
        return rc;
    lk_sql_text(&sql, name);
    rc = lk_sql_value(&sql, 0, deleted_at_ms, err);
    if (*deleted_at_ms <= now_ms - LK_STORE_WAIT_MS || *deleted_at_ms > now_ms)
        *deleted_at_ms = 0;
    return rc;
}

int lk_store_queue_delete(lk_store *store, const lk_store_queue *queue, int64_t now_ms, lk_err *err)
{
    lk_queue_state *state = NULL;
    int rc = lk_queue_take(store, queue, &state, err);
    if (rc)
        return rc;
    int64_t id = state->shown.id;
    if ((rc = lk_sql_run_with(store, LK_SQL_PILE_DISCARD, state->pile, err)) ||
        (rc = lk_sql_run_with(store, LK_SQL_TAG_CLEAR, id, err)) ||
        (rc = lk_sql_run_with(store, LK_SQL_MOVE_CLEAR, id, err)) ||
        (rc = remember_deleted(store, state->shown.name, now_ms, err)) ||
        (rc = lk_sql_run_with(store, LK_SQL_QUEUE_REMOVE, id, err)))
        return rc;
    store->queues_changed = true;
    lk_queues_remove(store, state);
    lk_queue_free(state);
    return 0;
}

int lk_queue_new_pile(lk_store *store, lk_queue_state *queue, bool forget_dedup, lk_err *err)
{
    int64_t pile = 0;
    lk_sql sql;
    int rc = lk_store_number(store, &pile, err);
    if (!rc)
        rc = lk_sql_run_with(store, LK_SQL_PILE_DISCARD, queue->pile, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_QUEUE_PILE, &sql, err);
    if (rc)
        return rc;
    int64_t dedup_pile = forget_dedup ? pile : queue->dedup_pile;
    lk_sql_int64(&sql, queue->shown.id);
    lk_sql_int64(&sql, pile);
    lk_sql_int64(&sql, dedup_pile);
    rc = lk_sql_run(&sql, err);
    if (rc)
        return rc;
    store->queues_changed = true;
    queue->pile = pile;
    queue->dedup_pile = dedup_pile;
    queue->total = 0;
    queue->in_flight = 0;
    queue->full_until_ms = 0;
    queue->oldest_ms = INT64_MAX;
    return 0;
}

int lk_store_queue_purge(lk_store *store, const lk_store_queue *queue, int64_t now_ms, lk_err *err)
{
    lk_queue_state *state = NULL;
    lk_sql sql;
    int rc = lk_queue_take(store, queue, &state, err);
    if (!rc)
        rc = lk_queue_new_pile(store, state, true, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_QUEUE_PURGED, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, state->shown.id);
    lk_sql_int64(&sql, now_ms);
    rc = lk_sql_run(&sql, err);
    if (!rc)
        state->shown.purged_at_ms = now_ms;
    return rc;
}
