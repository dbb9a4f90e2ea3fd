/* SPDX-License-Identifier: MIT
 *
 * store_fifo: message groups: who may be received next, and in which order.
 *
 * SQS walks a group in order, passes over deleted messages, gives visible ones, and stops at the
 * first that is in flight or delayed. So a group is ready exactly when its head, the first message
 * not deleted, is visible; fifo_group.ready_at keeps since or from when that is. A receive asks for
 * the group that has been ready longest and looks at nothing else: its cost follows the groups it
 * takes from, not the backlog. A group exists as long as it has messages.
 */
#include "store_internal.h"

/* --- The group's place in the queue of ready groups ------------------------------------------ */

static int queue_up(lk_store *store, int64_t group, int64_t ready_at_ms, lk_err *err)
{
    int64_t turn = 0;
    lk_sql sql;
    int rc = lk_store_number(store, &turn, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_GROUP_PUT, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, group);
    lk_sql_int64(&sql, ready_at_ms);
    lk_sql_int64(&sql, turn);
    return lk_sql_run(&sql, err);
}

int lk_group_changed(lk_store *store, int64_t group, int64_t seq, int64_t now_ms, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_GROUP_HEAD, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, group);
    rc = lk_sql_step(&sql, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return lk_group_remove(store, group, err);
    int64_t head = lk_sql_column_int64(&sql, 0);
    int64_t visible_at_ms = lk_sql_column_int64(&sql, 1);
    lk_sql_reset(&sql);
    /* Something behind the head neither opens nor blocks the group, and must not cost its place. */
    if (head < seq)
        return 0;
    return queue_up(store, group, LK_MAX(visible_at_ms, now_ms), err);
}

/* --- Groups by name -------------------------------------------------------------------------- */

static uint32_t group_hash(int64_t pile, lk_slice name)
{
    return lk_key_hash(pile, name, LK_SLICE_LITERAL(""));
}

static int load_groups(lk_store *store, lk_err *err)
{
    lk_sql sql;
    if (store->groups.complete)
        return 0;
    lk_keys_forget(&store->groups); /* of a load that failed */
    int rc = lk_sql_prepare(store, LK_SQL_GROUP_ALL, &sql, err);
    while (!rc && (rc = lk_sql_step(&sql, err)) > 0) {
        uint32_t hash = group_hash(lk_sql_column_int64(&sql, 1), lk_sql_column_text(&sql, 2));
        rc = lk_keys_add(store, &store->groups, hash, lk_sql_column_int64(&sql, 0), err);
        if (rc)
            lk_sql_reset(&sql);
    }
    store->groups.complete = !rc;
    return rc;
}

/* *group is 0 when there is none of that name. */
static int find_group(lk_store *store, int64_t pile, lk_slice name, int64_t *group, lk_err *err)
{
    uint32_t hash = group_hash(pile, name);
    size_t passed = 0;
    int64_t id = 0;
    *group = 0;
    int rc = load_groups(store, err);
    while (!rc && !*group && (id = lk_keys_next(&store->groups, hash, &passed))) {
        lk_sql sql;
        rc = lk_sql_prepare(store, LK_SQL_GROUP_CHECK, &sql, err);
        if (rc)
            return rc;
        lk_sql_int64(&sql, id);
        lk_sql_int64(&sql, pile);
        lk_sql_text(&sql, name);
        rc = lk_sql_value(&sql, 0, group, err);
    }
    return rc;
}

static int add_group(lk_store *store, int64_t pile, lk_slice name, int64_t visible_at_ms,
                     int64_t *group, lk_err *err)
{
    lk_sql sql;
    int rc = lk_store_number(store, group, err);
    if (!rc)
        rc = lk_keys_add(store, &store->groups, group_hash(pile, name), *group, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_GROUP_ADD, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, *group);
    lk_sql_int64(&sql, pile);
    lk_sql_text(&sql, name);
    lk_sql_int64(&sql, visible_at_ms);
    lk_sql_int64(&sql, *group); /* its turn: behind all that queued up before */
    return lk_sql_run(&sql, err);
}

int lk_group_join(lk_store *store, int64_t pile, lk_slice name, int64_t visible_at_ms,
                  int64_t *group, lk_err *err)
{
    int rc = find_group(store, pile, name, group, err);
    if (rc || *group)
        return rc; /* behind the others: the head stays */
    return add_group(store, pile, name, visible_at_ms, group, err);
}

int lk_group_remove(lk_store *store, int64_t group, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_GROUP_KEY, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, group);
    rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc;
    lk_keys_remove(&store->groups,
                   group_hash(lk_sql_column_int64(&sql, 0), lk_sql_column_text(&sql, 1)), group);
    lk_sql_reset(&sql);
    return lk_sql_run_with(store, LK_SQL_GROUP_REMOVE, group, err);
}

/* --- Receiving ------------------------------------------------------------------------------- */

typedef struct take {
    lk_store *store;
    lk_queue_state *queue;
    lk_queue_state *dead_letters; /* NULL: none */
    size_t max;
    int64_t visibility_ms;
    int64_t now_ms;
    lk_store_received *received;
} take;

/* The next rows of the group behind `after`, in order. */
static int rows_of_group(lk_store *store, int64_t group, int64_t after, size_t wanted,
                         lk_message_row *rows, size_t *count, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MESSAGE_OF_GROUP, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, group);
    lk_sql_int64(&sql, after);
    lk_sql_int64(&sql, (int64_t)wanted);
    return lk_message_rows(&sql, rows, wanted, count, err);
}

static int take_row(const take *t, const lk_message_row *row, lk_err *err)
{
    if (t->dead_letters && lk_redrive_wanted(t->queue, row))
        return lk_redrive_move(t->store, t->queue, t->dead_letters, row, t->now_ms, t->received,
                               err);
    return lk_receive_deliver(t->store, t->queue, row, t->visibility_ms, t->now_ms, t->received,
                              err);
}

/* Walks the group from its head. A dead letter unblocks what follows within the same walk. */
static int take_from_group(const take *t, int64_t group, lk_err *err)
{
    lk_message_row rows[LK_STORE_RECEIVE_MAX];
    int64_t after = 0;
    bool open = true;
    while (open && t->received->count < t->max) {
        size_t count = 0;
        int rc =
            rows_of_group(t->store, group, after, t->max - t->received->count, rows, &count, err);
        if (rc)
            return rc;
        open = count > 0;
        for (size_t i = 0; open && i < count; i++) {
            open = rows[i].visible_at_ms <= t->now_ms;
            rc = open ? take_row(t, &rows[i], err) : 0;
            if (rc)
                return rc;
            after = rows[i].seq;
        }
    }
    return lk_group_changed(t->store, group, 0, t->now_ms, err);
}

/* 0: none that queued up by last_turn. */
static int next_ready_group(lk_store *store, int64_t pile, int64_t now_ms, int64_t last_turn,
                            int64_t *group, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_GROUP_READY, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, pile);
    lk_sql_int64(&sql, now_ms);
    lk_sql_int64(&sql, last_turn);
    return lk_sql_value(&sql, 0, group, err);
}

int lk_fifo_oldest(lk_store *store, const lk_queue_state *queue, int64_t now_ms,
                   lk_message_row *row, bool *found, lk_err *err)
{
    int64_t group = 0;
    size_t count = 0;
    int rc = next_ready_group(store, queue->pile, now_ms, INT64_MAX, &group, err);
    if (!rc && group)
        rc = rows_of_group(store, group, 0, 1, row, &count, err);
    *found = count > 0;
    return rc;
}

int lk_fifo_receive(lk_store *store, lk_queue_state *queue, size_t max, int64_t visibility_ms,
                    int64_t now_ms, lk_store_received *received, lk_err *err)
{
    const take t = {store,  queue,   lk_redrive_target(store, queue), max, visibility_ms,
                    now_ms, received};
    /* A group that was taken from queues up with a later turn: each is visited once a call, also
     * when a visibility timeout of 0 makes it ready again at once. */
    int64_t last_turn = store->last_number;
    int64_t group = 0;
    do {
        int rc = next_ready_group(store, queue->pile, now_ms, last_turn, &group, err);
        if (!rc && group)
            rc = take_from_group(&t, group, err);
        if (rc)
            return rc;
    } while (group && received->count < max);
    return 0;
}
