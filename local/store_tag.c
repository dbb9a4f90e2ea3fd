/* SPDX-License-Identifier: MIT
 *
 * store_tag: the tags of queues: texts by key, at most fifty a queue.
 */
#include "store_internal.h"

#include <stdlib.h>

void lk_store_tags_clear(lk_store_tags *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        free((void *)(uintptr_t)tags->items[i].name.ptr); /* our own copies */
        free((void *)(uintptr_t)tags->items[i].value.ptr);
    }
    tags->count = 0;
}

static bool copy_tag(const lk_sql *sql, lk_store_tags *tags)
{
    lk_name_value *tag = &tags->items[tags->count];
    lk_slice key = lk_sql_column_text(sql, 0);
    lk_slice value = lk_sql_column_text(sql, 1);
    *tag = (lk_name_value){.name = {lk_slice_dup(key), key.len},
                           .value = {lk_slice_dup(value), value.len}};
    tags->count++;
    return tag->name.ptr && tag->value.ptr;
}

int lk_store_tag_list(lk_store *store, const lk_store_queue *queue, lk_store_tags *tags,
                      lk_err *err)
{
    lk_queue_state *state = NULL;
    lk_sql sql;
    lk_store_tags_clear(tags);
    int rc = lk_queue_take(store, queue, &state, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_TAG_LIST, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, state->shown.id);
    while ((rc = lk_sql_step(&sql, err)) > 0 && tags->count < LK_STORE_TAGS_MAX) {
        if (!copy_tag(&sql, tags)) {
            lk_sql_reset(&sql);
            lk_store_tags_clear(tags);
            return lk_store_nomem(store, err);
        }
    }
    if (rc > 0)
        lk_sql_reset(&sql);
    return rc < 0 ? rc : 0;
}

static bool has_key(const lk_name_value *tags, size_t count, lk_slice key)
{
    for (size_t i = 0; i < count; i++)
        if (lk_slice_equal(tags[i].name, key))
            return true;
    return false;
}

/* How many of the new tags are no replacements. */
static size_t count_added(const lk_store_tags *current, const lk_name_value *tags, size_t count)
{
    size_t added = 0;
    for (size_t i = 0; i < count; i++)
        added += !has_key(current->items, current->count, tags[i].name) &&
                 !has_key(tags, i, tags[i].name);
    return added;
}

static int put_one(lk_store *store, int64_t queue_id, const lk_name_value *tag, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_TAG_PUT, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue_id);
    lk_sql_text(&sql, tag->name);
    lk_sql_text(&sql, tag->value);
    return lk_sql_run(&sql, err);
}

int lk_store_tag_put(lk_store *store, const lk_store_queue *queue, const lk_name_value *tags,
                     size_t count, lk_err *err)
{
    lk_store_tags current = {.count = 0};
    int rc = lk_store_tag_list(store, queue, &current, err);
    if (rc)
        return rc;
    if (current.count + count_added(&current, tags, count) > LK_STORE_TAGS_MAX)
        rc = LK_STORE_TAG_LIMIT;
    lk_store_tags_clear(&current);
    for (size_t i = 0; !rc && i < count; i++)
        rc = put_one(store, queue->id, &tags[i], err);
    return rc;
}

int lk_store_tag_remove(lk_store *store, const lk_store_queue *queue, const lk_slice *keys,
                        size_t count, lk_err *err)
{
    lk_queue_state *state = NULL;
    int rc = lk_queue_take(store, queue, &state, err);
    for (size_t i = 0; !rc && i < count; i++) {
        lk_sql sql;
        rc = lk_sql_prepare(store, LK_SQL_TAG_REMOVE, &sql, err);
        if (rc)
            return rc;
        lk_sql_int64(&sql, state->shown.id);
        lk_sql_text(&sql, keys[i]);
        rc = lk_sql_run(&sql, err);
    }
    return rc;
}
