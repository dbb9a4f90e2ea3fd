/* SPDX-License-Identifier: MIT
 *
 * store_retain: what has had its time: messages past their retention, piles nobody owns.
 *
 * SQS drops a message when now >= SentTimestamp + MessageRetentionPeriod, in flight or not. Every
 * operation on a queue does that first, so none of them ever meets such a message; a lower bound on
 * the oldest sent_at, kept in memory, makes it one comparison as a rule. A whole backlog that
 * outlived its time (a server started again after weeks) goes in one step, as a pile.
 */
#include "store_internal.h"

enum {
    ROWS_AT_ONCE = 16,
    TIDY_ROWS = 256, /* a few ms of work: no request waits longer for it */
};

/* --- Retention ------------------------------------------------------------------------------- */

static int pile_value(lk_store *store, lk_sql_id id, int64_t pile, int64_t absent, int64_t *value,
                      lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, id, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, pile);
    return lk_sql_value(&sql, absent, value, err);
}

static int remove_outdated(lk_store *store, lk_queue_state *queue, int64_t latest_ms,
                           int64_t now_ms, lk_err *err)
{
    lk_message_row rows[ROWS_AT_ONCE];
    size_t count = 0;
    do {
        lk_sql sql;
        int rc = lk_sql_prepare(store, LK_SQL_PILE_OUTDATED, &sql, err);
        if (rc)
            return rc;
        lk_sql_int64(&sql, queue->pile);
        lk_sql_int64(&sql, latest_ms);
        lk_sql_int64(&sql, ROWS_AT_ONCE);
        rc = lk_message_rows(&sql, rows, ROWS_AT_ONCE, &count, err);
        for (size_t i = 0; !rc && i < count; i++)
            rc = lk_message_remove(store, queue, &rows[i], now_ms, err);
        if (rc)
            return rc;
    } while (count == ROWS_AT_ONCE);
    return pile_value(store, LK_SQL_PILE_OLDEST, queue->pile, INT64_MAX, &queue->oldest_ms, err);
}

int lk_retain(lk_store *store, lk_queue_state *queue, int64_t now_ms, lk_err *err)
{
    int64_t latest_ms = now_ms - queue->shown.settings.retention_s * 1000;
    if (queue->oldest_ms != LK_STORE_UNKNOWN && queue->oldest_ms > latest_ms)
        return 0;
    int rc = pile_value(store, LK_SQL_PILE_OLDEST, queue->pile, INT64_MAX, &queue->oldest_ms, err);
    if (rc || queue->oldest_ms > latest_ms)
        return rc;
    int64_t newest_ms = 0;
    rc = pile_value(store, LK_SQL_PILE_NEWEST, queue->pile, 0, &newest_ms, err);
    if (rc)
        return rc;
    return newest_ms <= latest_ms ? lk_queue_new_pile(store, queue, false, err)
                                  : remove_outdated(store, queue, latest_ms, now_ms, err);
}

/* --- Discarded piles ------------------------------------------------------------------------- */

/* Up to TIDY_ROWS ids of the pile's rows, by a statement that takes pile and limit. */
static int pile_ids(lk_store *store, lk_sql_id id, int64_t pile, int64_t ids[TIDY_ROWS],
                    size_t *count, lk_err *err)
{
    lk_sql sql;
    *count = 0;
    int rc = lk_sql_prepare(store, id, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, pile);
    lk_sql_int64(&sql, TIDY_ROWS);
    while ((rc = lk_sql_step(&sql, err)) > 0)
        ids[(*count)++] = lk_sql_column_int64(&sql, 0);
    return rc;
}

static int clear_messages(lk_store *store, int64_t pile, size_t *cleared, lk_err *err)
{
    int64_t ids[TIDY_ROWS];
    int rc = pile_ids(store, LK_SQL_PILE_MESSAGES, pile, ids, cleared, err);
    for (size_t i = 0; !rc && i < *cleared; i++) {
        rc = lk_sql_run_with(store, LK_SQL_MESSAGE_REMOVE, ids[i], err);
        if (!rc)
            rc = lk_sql_run_with(store, LK_SQL_PAYLOAD_REMOVE, ids[i], err);
    }
    return rc;
}

static int clear_groups(lk_store *store, int64_t pile, size_t *cleared, lk_err *err)
{
    int64_t ids[TIDY_ROWS];
    int rc = pile_ids(store, LK_SQL_PILE_GROUPS, pile, ids, cleared, err);
    for (size_t i = 0; !rc && i < *cleared; i++)
        rc = lk_group_remove(store, ids[i], err);
    return rc;
}

/* One piece of the first discarded pile: messages, then groups, then the pile itself. */
static int clear_piece(lk_store *store, bool *more, lk_err *err)
{
    int64_t pile = 0;
    size_t cleared = 0;
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PILE_DISCARDED, &sql, err);
    if (!rc)
        rc = lk_sql_value(&sql, 0, &pile, err);
    *more = pile != 0;
    if (rc || !pile)
        return rc;
    rc = clear_messages(store, pile, &cleared, err);
    if (!rc && !cleared)
        rc = clear_groups(store, pile, &cleared, err);
    if (!rc && !cleared)
        rc = lk_sql_run_with(store, LK_SQL_PILE_FORGET, pile, err);
    return rc;
}

int lk_store_tidy(lk_store *store, int64_t now_ms, bool *more, lk_err *err)
{
    bool more_entries = false;
    bool more_attempts = false;
    *more = false;
    int rc = lk_store_ready(store, err);
    if (!rc)
        rc = clear_piece(store, more, err);
    if (!rc)
        rc = lk_sql_run_with(store, LK_SQL_DELETED_FORGET, now_ms - LK_STORE_WAIT_MS, err);
    if (!rc)
        rc = lk_dedup_tidy(store, now_ms, TIDY_ROWS, &more_entries, err);
    if (!rc)
        rc = lk_attempt_tidy(store, now_ms, TIDY_ROWS, &more_attempts, err);
    *more |= more_entries || more_attempts;
    return rc;
}
