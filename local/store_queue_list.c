/* SPDX-License-Identifier: MIT
 *
 * store_queue_list: all queues in memory, by id and by name, read from the table once.
 *
 * Figures that can be counted again from the messages are left open here: opening a database costs
 * the same for any backlog.
 */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

/* --- The two lists --------------------------------------------------------------------------- */

static int compare_names(lk_slice a, lk_slice b)
{
    int order = memcmp(a.ptr, b.ptr, LK_MIN(a.len, b.len));
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Place of the first queue whose name is not before `name`. */
static size_t place_of_name(const lk_store *store, lk_slice name)
{
    size_t low = 0;
    size_t high = store->queue_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_names(store->by_name[middle]->shown.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t place_of_id(const lk_store *store, int64_t id)
{
    size_t low = 0;
    size_t high = store->queue_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (store->by_id[middle]->shown.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

lk_queue_state *lk_queue_named(const lk_store *store, lk_slice name)
{
    if (!name.ptr)
        return NULL;
    size_t place = place_of_name(store, name);
    if (place == store->queue_count || !lk_slice_equal(store->by_name[place]->shown.name, name))
        return NULL;
    return store->by_name[place];
}

static lk_queue_state *find_by_id(const lk_store *store, int64_t id)
{
    size_t place = place_of_id(store, id);
    if (place == store->queue_count || store->by_id[place]->shown.id != id)
        return NULL;
    return store->by_id[place];
}

lk_queue_state *lk_queue_of(const lk_store *store, const lk_store_queue *queue)
{
    return find_by_id(store, queue->id);
}

bool lk_queues_reserve(lk_store *store)
{
    if (store->queue_count < store->queue_capacity)
        return true;
    size_t capacity = LK_MAX(store->queue_capacity * 2, 16);
    lk_queue_state **by_id = realloc(store->by_id, capacity * sizeof(lk_queue_state *));
    if (by_id)
        store->by_id = by_id;
    lk_queue_state **by_name = realloc(store->by_name, capacity * sizeof(lk_queue_state *));
    if (by_name)
        store->by_name = by_name;
    if (!by_id || !by_name)
        return false;
    store->queue_capacity = capacity;
    return true;
}

static void insert_at(lk_queue_state **list, size_t count, size_t place, lk_queue_state *queue)
{
    memmove(list + place + 1, list + place, (count - place) * sizeof(lk_queue_state *));
    list[place] = queue;
}

static void remove_at(lk_queue_state **list, size_t count, size_t place)
{
    memmove(list + place, list + place + 1, (count - place - 1) * sizeof(lk_queue_state *));
}

/* Needs lk_queues_reserve before. */
void lk_queues_insert(lk_store *store, lk_queue_state *queue)
{
    size_t by_id = place_of_id(store, queue->shown.id);
    size_t by_name = place_of_name(store, queue->shown.name);
    insert_at(store->by_id, store->queue_count, by_id, queue);
    insert_at(store->by_name, store->queue_count, by_name, queue);
    store->queue_count++;
}

void lk_queues_remove(lk_store *store, const lk_queue_state *queue)
{
    size_t by_id = place_of_id(store, queue->shown.id);
    size_t by_name = place_of_name(store, queue->shown.name);
    remove_at(store->by_id, store->queue_count, by_id);
    remove_at(store->by_name, store->queue_count, by_name);
    store->queue_count--;
}

/* --- In memory ------------------------------------------------------------------------------- */

static void forget_figures(lk_queue_state *queue)
{
    queue->total = LK_STORE_UNKNOWN;
    queue->in_flight = LK_STORE_UNKNOWN;
    queue->full_until_ms = 0;
    queue->oldest_ms = LK_STORE_UNKNOWN;
}

void lk_queue_free(lk_queue_state *queue)
{
    if (!queue)
        return;
    lk_settings_clear(&queue->shown.settings);
    free((void *)(uintptr_t)queue->shown.name.ptr); /* our own copy; the public field is const */
    free(queue);
}

lk_queue_state *lk_queue_new(lk_slice name)
{
    lk_queue_state *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return NULL;
    queue->shown.name = (lk_slice){lk_slice_dup(name), name.len};
    if (!queue->shown.name.ptr) {
        free(queue);
        return NULL;
    }
    forget_figures(queue);
    return queue;
}

static int load_row(lk_store *store, const lk_sql *sql, lk_err *err)
{
    lk_queue_state *queue =
        lk_queues_reserve(store) ? lk_queue_new(lk_sql_column_text(sql, 1)) : NULL;
    if (!queue)
        return lk_store_nomem(store, err);
    queue->shown.id = lk_sql_column_int64(sql, 0);
    queue->shown.created_at_ms = lk_sql_column_int64(sql, 2);
    queue->shown.modified_at_ms = lk_sql_column_int64(sql, 3);
    queue->pile = lk_sql_column_int64(sql, 4);
    queue->dedup_pile = lk_sql_column_int64(sql, 5);
    queue->dedup_by_group = lk_sql_column_int64(sql, 6) != 0;
    queue->shown.purged_at_ms = lk_sql_column_int64(sql, 7);
    int rc = lk_settings_read(sql, 8, &queue->shown.settings, err);
    if (rc) {
        lk_queue_free(queue);
        return rc;
    }
    lk_queues_insert(store, queue);
    return 0;
}

int lk_queues_load(lk_store *store, lk_err *err)
{
    lk_queues_clear(store);
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_QUEUE_ALL, &sql, err);
    if (rc)
        return rc;
    while ((rc = lk_sql_step(&sql, err)) > 0) {
        rc = load_row(store, &sql, err);
        if (rc) {
            lk_sql_reset(&sql);
            return rc;
        }
    }
    return rc;
}

void lk_queues_clear(lk_store *store)
{
    for (size_t i = 0; i < store->queue_count; i++)
        lk_queue_free(store->by_id[i]);
    store->queue_count = 0;
}

void lk_queues_forget_figures(lk_store *store)
{
    for (size_t i = 0; i < store->queue_count; i++)
        forget_figures(store->by_id[i]);
}

int lk_queue_take(lk_store *store, const lk_store_queue *queue, lk_queue_state **state, lk_err *err)
{
    int rc = lk_store_ready(store, err);
    if (rc)
        return rc;
    *state = lk_queue_of(store, queue);
    if (!*state)
        return LK_FAIL(err, LK_E_INVALID, "store: the queue is not of this store");
    return 0;
}

int lk_queue_enter(lk_store *store, const lk_store_queue *queue, int64_t now_ms,
                   lk_queue_state **state, lk_err *err)
{
    int rc = lk_queue_take(store, queue, state, err);
    return rc ? rc : lk_retain(store, *state, now_ms, err);
}

/* --- Finding --------------------------------------------------------------------------------- */

const lk_store_queue *lk_store_queue_find(const lk_store *store, lk_slice name)
{
    const lk_queue_state *queue = lk_queue_named(store, name);
    return queue ? &queue->shown : NULL;
}

const lk_store_queue *lk_store_queue_by_id(const lk_store *store, int64_t id)
{
    const lk_queue_state *queue = find_by_id(store, id);
    return queue ? &queue->shown : NULL;
}

const lk_store_queue *lk_store_queue_next(const lk_store *store, lk_slice after)
{
    size_t place = 0;
    if (after.ptr) {
        place = place_of_name(store, after);
        if (place < store->queue_count && lk_slice_equal(store->by_name[place]->shown.name, after))
            place++;
    }
    return place < store->queue_count ? &store->by_name[place]->shown : NULL;
}
