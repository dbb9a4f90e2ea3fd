/* SPDX-License-Identifier: MIT
 *
 * store_attempt: receives that can be asked for again: SQS's ReceiveRequestAttemptId.
 *
 * What an attempt was given is kept as text, "message id:receive number" separated by spaces,
 * beside the time until which its messages were hidden. A message that still has both was neither
 * deleted, nor received again, nor given another timeout. Attempts belong to the pile: a purge
 * forgets them.
 */
#include "store_internal.h"

#include <stdio.h>

/* --- What an attempt was given --------------------------------------------------------------- */

typedef struct attempt {
    int64_t made_at_ms;
    int64_t visible_at_ms;
    lk_message_row rows[LK_STORE_RECEIVE_MAX];
    size_t count;
} attempt;

/* *whole: each message is as it was given. */
static int find_messages(lk_store *store, const lk_queue_state *queue, lk_slice list, attempt *a,
                         bool *whole, lk_err *err)
{
    lk_slice entry, id_text;
    *whole = true;
    for (a->count = 0; list.len > 0 && *whole; a->count++) {
        int64_t id = 0;
        int64_t receive = 0;
        lk_message_row *row = &a->rows[a->count];
        list = lk_slice_cut(list, ' ', &entry);
        lk_slice receive_text = lk_slice_cut(entry, ':', &id_text);
        if (a->count == LK_STORE_RECEIVE_MAX || !lk_slice_to_int64(id_text, &id) ||
            !lk_slice_to_int64(receive_text, &receive))
            return lk_sql_fail(store, SQLITE_CORRUPT, err);
        int rc = lk_message_find(store, id, row, whole, err);
        if (rc)
            return rc;
        *whole = *whole && row->pile == queue->pile && row->receive_count == receive &&
                 row->visible_at_ms == a->visible_at_ms;
    }
    return 0;
}

/* *whole: there was such an attempt, not too long ago, and it can be given again. */
static int find_attempt(lk_store *store, const lk_queue_state *queue, lk_slice attempt_id,
                        int64_t now_ms, attempt *a, bool *whole, lk_err *err)
{
    lk_sql sql;
    *whole = false;
    int rc = lk_sql_prepare(store, LK_SQL_ATTEMPT_FIND, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_text(&sql, attempt_id);
    rc = lk_sql_step(&sql, err);
    if (rc <= 0)
        return rc;
    a->made_at_ms = lk_sql_column_int64(&sql, 0);
    a->visible_at_ms = lk_sql_column_int64(&sql, 1);
    rc = now_ms < a->made_at_ms + LK_ATTEMPT_WINDOW_MS
             ? find_messages(store, queue, lk_sql_column_text(&sql, 2), a, whole, err)
             : 0;
    lk_sql_reset(&sql);
    return rc;
}

static int remember(lk_store *store, const lk_queue_state *queue, lk_slice attempt_id,
                    int64_t visible_at_ms, int64_t now_ms, const lk_store_received *received,
                    lk_err *err)
{
    lk_buf list = {0};
    lk_sql sql;
    for (size_t i = 0; i < received->count; i++) {
        lk_handle handle;
        lk_slice text = lk_slice_of(received->messages[i].receipt_handle);
        int rc = lk_handle_parse(store, queue->shown.id, text, &handle, err);
        if (rc) { /* our own handle: out of memory */
            lk_buf_clear(&list);
            return rc < 0 ? rc : lk_store_nomem(store, err);
        }
        lk_buf_addf(&list, "%s%lld:%lld", i > 0 ? " " : "", (long long)handle.message,
                    (long long)handle.receive);
    }
    int rc = list.failed ? lk_store_nomem(store, err)
                         : lk_sql_prepare(store, LK_SQL_ATTEMPT_PUT, &sql, err);
    if (!rc) {
        lk_sql_int64(&sql, queue->pile);
        lk_sql_text(&sql, attempt_id);
        lk_sql_int64(&sql, now_ms);
        lk_sql_int64(&sql, visible_at_ms);
        lk_sql_text(&sql, lk_buf_slice(&list));
        rc = lk_sql_run(&sql, err);
    }
    lk_buf_clear(&list);
    return rc;
}

/* --- Giving it again ------------------------------------------------------------------------- */

static int hide_again(lk_store *store, lk_queue_state *queue, lk_message_row *row,
                      int64_t visible_at_ms, int64_t now_ms, lk_err *err)
{
    bool was_in_flight = lk_message_in_flight(row, now_ms);
    int rc = lk_message_hide(store, queue, row, visible_at_ms, now_ms, err);
    row->visible_at_ms = visible_at_ms;
    if (!rc && !was_in_flight && lk_message_in_flight(row, now_ms) &&
        queue->in_flight != LK_STORE_UNKNOWN)
        queue->in_flight++;
    return rc;
}

static int give_again(lk_store *store, lk_queue_state *queue, lk_slice attempt_id, attempt *a,
                      int64_t visible_at_ms, int64_t now_ms, lk_store_received *received,
                      lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_ATTEMPT_HIDE, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_text(&sql, attempt_id);
    lk_sql_int64(&sql, visible_at_ms);
    rc = lk_sql_run(&sql, err);
    for (size_t i = 0; !rc && i < a->count; i++) {
        rc = hide_again(store, queue, &a->rows[i], visible_at_ms, now_ms, err);
        if (!rc)
            rc = lk_receive_show(store, queue, &a->rows[i], received, err);
    }
    received->again = true;
    return rc;
}

/* --- ReceiveMessage -------------------------------------------------------------------------- */

int lk_store_receive_attempt(lk_store *store, const lk_store_queue *queue, lk_slice attempt_id,
                             int max_messages, int64_t visibility_s, int64_t now_ms,
                             lk_store_received *received, lk_err *err)
{
    attempt earlier;
    bool whole = false;
    lk_queue_state *state = NULL;
    *received = (lk_store_received){.count = 0};
    int rc = lk_queue_enter(store, queue, now_ms, &state, err);
    if (rc)
        return rc;
    if (!state->shown.settings.fifo)
        return LK_FAIL(err, LK_E_INVALID, "store: attempts are for FIFO queues");
    if (visibility_s < 0)
        visibility_s = state->shown.settings.visibility_s;
    int64_t visible_at_ms = now_ms + visibility_s * 1000;
    rc = find_attempt(store, state, attempt_id, now_ms, &earlier, &whole, err);
    if (rc)
        return rc;
    if (whole) {
        rc = give_again(store, state, attempt_id, &earlier, visible_at_ms, now_ms, received, err);
    } else {
        rc = lk_store_receive(store, queue, max_messages, visibility_s, now_ms, received, err);
        if (!rc && received->count > 0)
            rc = remember(store, state, attempt_id, visible_at_ms, now_ms, received, err);
    }
    if (rc < 0)
        lk_store_received_clear(received);
    return rc;
}

/* --- Forgetting ------------------------------------------------------------------------------ */

/* The next receive has the same number: without this it might be taken for the attempt's own. */
int lk_attempt_undone(lk_store *store, const lk_message_row *row, lk_err *err)
{
    char entry[64];
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_ATTEMPT_UNDONE, &sql, err);
    if (rc)
        return rc;
    (void)snprintf(entry, sizeof(entry), " %lld:%lld ", (long long)row->id,
                   (long long)row->receive_count);
    lk_sql_int64(&sql, row->received_at_ms);
    lk_sql_int64(&sql, row->pile);
    lk_sql_text(&sql, lk_slice_of(entry));
    return lk_sql_run(&sql, err);
}

/* --- Tidying --------------------------------------------------------------------------------- */

int lk_attempt_tidy(lk_store *store, int64_t now_ms, int max, bool *more, lk_err *err)
{
    lk_sql sql;
    *more = false;
    int rc = lk_sql_prepare(store, LK_SQL_ATTEMPT_FORGET, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, now_ms - LK_ATTEMPT_WINDOW_MS);
    lk_sql_int64(&sql, max);
    rc = lk_sql_run(&sql, err);
    *more = !rc && sqlite3_changes(store->db) >= max;
    return rc;
}
