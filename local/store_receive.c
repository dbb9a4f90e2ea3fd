/* SPDX-License-Identifier: MIT
 *
 * store_receive: messages leave the queue's sight for their visibility timeout.
 *
 * A standard queue gives what has been visible longest: one that comes back queues up behind the
 * others, so a failing message cannot starve them.
 */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

/* --- One delivery ---------------------------------------------------------------------------- */

static int write_delivery(lk_store *store, const lk_message_row *row, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MESSAGE_DELIVER, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, row->id);
    lk_sql_int64(&sql, row->visible_at_ms);
    lk_sql_int64(&sql, row->receive_count);
    lk_sql_int64(&sql, row->received_at_ms);
    lk_sql_int64(&sql, row->first_received_at_ms);
    return lk_sql_run(&sql, err);
}

int lk_receive_show(lk_store *store, const lk_queue_state *queue, const lk_message_row *row,
                    lk_store_received *received, lk_err *err)
{
    lk_store_message *message = &received->messages[received->count++];
    *message = (lk_store_message){
        .receive_count = row->receive_count,
        .sent_at_ms = row->sent_at_ms,
        .first_received_at_ms = row->first_received_at_ms,
    };
    lk_sequence_format(row->seq, message->sequence_number);
    int rc = lk_payload_read(store, row, message, err);
    if (rc)
        return rc;
    const lk_handle handle = {queue->shown.id, row->id, row->receive_count};
    return lk_handle_format(store, &handle, message->receipt_handle, err);
}

int lk_receive_deliver(lk_store *store, lk_queue_state *queue, const lk_message_row *row,
                       int64_t visibility_ms, int64_t now_ms, lk_store_received *received,
                       lk_err *err)
{
    lk_message_row delivered = *row;
    delivered.visible_at_ms = now_ms + visibility_ms;
    delivered.receive_count++;
    delivered.received_at_ms = now_ms;
    if (!delivered.first_received_at_ms)
        delivered.first_received_at_ms = now_ms;
    int rc = write_delivery(store, &delivered, err);
    if (rc)
        return rc;
    if (visibility_ms > 0) {
        queue->in_flight++;
        lk_queue_hid(queue, delivered.visible_at_ms);
    }
    return lk_receive_show(store, queue, &delivered, received, err);
}

void lk_store_received_clear(lk_store_received *received)
{
    if (!received)
        return;
    for (size_t i = 0; i < received->count; i++)
        free(received->messages[i].memory);
    *received = (lk_store_received){.count = 0};
}

/* --- Standard queues ------------------------------------------------------------------------- */

int lk_visible_rows(lk_store *store, const lk_queue_state *queue, int64_t now_ms, size_t wanted,
                    lk_message_row *rows, size_t *count, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_MESSAGE_VISIBLE, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, queue->pile);
    lk_sql_int64(&sql, now_ms);
    lk_sql_int64(&sql, (int64_t)wanted);
    return lk_message_rows(&sql, rows, wanted, count, err);
}

/* Moves dead letters out of the way until up to max live messages are all that is at the front. It
 * looks anew after each move: a queue may be its own dead-letter queue. */
static int find_live(lk_store *store, lk_queue_state *queue, size_t max, int64_t now_ms,
                     lk_message_row *live, size_t *live_count, lk_store_received *received,
                     lk_err *err)
{
    lk_queue_state *target = lk_redrive_target(store, queue);
    size_t moved = 0;
    do {
        moved = received->moved;
        int rc = lk_visible_rows(store, queue, now_ms, max, live, live_count, err);
        for (size_t i = 0; target && !rc && i < *live_count; i++)
            if (lk_redrive_wanted(queue, &live[i]))
                rc = lk_redrive_move(store, queue, target, &live[i], now_ms, received, err);
        if (rc)
            return rc;
    } while (received->moved > moved);
    return 0;
}

static int receive_standard(lk_store *store, lk_queue_state *queue, size_t max,
                            int64_t visibility_ms, int64_t now_ms, lk_store_received *received,
                            lk_err *err)
{
    lk_message_row live[LK_STORE_RECEIVE_MAX];
    size_t count = 0;
    int rc = find_live(store, queue, max, now_ms, live, &count, received, err);
    for (size_t i = 0; !rc && i < count; i++)
        rc = lk_receive_deliver(store, queue, &live[i], visibility_ms, now_ms, received, err);
    return rc;
}

/* --- The limit of messages in flight --------------------------------------------------------- */

/* How many more may be in flight, at most wanted. The figure in memory does not notice timeouts
 * that end: only when it leaves too little room are they counted, and then not again before the
 * next one ends. */
static int find_room(lk_store *store, lk_queue_state *queue, int64_t now_ms, size_t *wanted,
                     lk_err *err)
{
    int64_t limit = store->in_flight_limit[queue->shown.settings.fifo];
    int64_t want = (int64_t)*wanted;
    bool known = queue->in_flight != LK_STORE_UNKNOWN;
    if (!known || (queue->in_flight + want > limit && now_ms >= queue->full_until_ms)) {
        int64_t hidden = 0;
        int rc = lk_queue_count_hidden(store, queue, now_ms, &hidden, &queue->in_flight, err);
        if (!rc && queue->in_flight + want > limit)
            rc = lk_queue_next_visible(store, queue, now_ms, &queue->full_until_ms, err);
        if (rc)
            return rc;
    }
    *wanted = (size_t)LK_MAX(LK_MIN(want, limit - queue->in_flight), 0);
    return 0;
}

/* --- ReceiveMessage -------------------------------------------------------------------------- */

static int receive(lk_store *store, lk_queue_state *queue, size_t max, int64_t visibility_ms,
                   int64_t now_ms, lk_store_received *received, lk_err *err)
{
    bool fifo = queue->shown.settings.fifo;
    int rc = find_room(store, queue, now_ms, &max, err);
    if (rc)
        return rc;
    if (max == 0)
        return fifo ? 0 : LK_STORE_OVER_LIMIT;
    return fifo ? lk_fifo_receive(store, queue, max, visibility_ms, now_ms, received, err)
                : receive_standard(store, queue, max, visibility_ms, now_ms, received, err);
}

int lk_store_receive(lk_store *store, const lk_store_queue *queue, int max_messages,
                     int64_t visibility_s, int64_t now_ms, lk_store_received *received, lk_err *err)
{
    *received = (lk_store_received){.count = 0};
    if (max_messages < 1 || max_messages > LK_STORE_RECEIVE_MAX)
        return LK_FAIL(err, LK_E_INVALID, "store: a receive takes 1 to %d messages, not %d",
                       LK_STORE_RECEIVE_MAX, max_messages);
    lk_queue_state *state = NULL;
    int rc = lk_queue_enter(store, queue, now_ms, &state, err);
    if (rc)
        return rc;
    if (visibility_s < 0)
        visibility_s = state->shown.settings.visibility_s;
    rc = receive(store, state, (size_t)max_messages, visibility_s * 1000, now_ms, received, err);
    if (rc < 0)
        lk_store_received_clear(received);
    return rc;
}

static int put_back(lk_store *store, lk_queue_state *queue, lk_message_row *row, int64_t now_ms,
                    lk_err *err)
{
    bool in_flight = lk_message_in_flight(row, now_ms);
    int rc = row->group ? lk_attempt_undone(store, row, err) : 0;
    if (rc)
        return rc;
    row->receive_count--;
    /* To the front: where it came from. */
    row->visible_at_ms = LK_MIN(row->sent_at_ms, now_ms);
    if (row->receive_count == 0) {
        row->received_at_ms = 0;
        row->first_received_at_ms = 0;
    }
    rc = write_delivery(store, row, err);
    if (!rc && row->group)
        rc = lk_group_changed(store, row->group, row->seq, row->visible_at_ms, err);
    if (!rc && in_flight)
        lk_queue_landed(queue);
    return rc;
}

int lk_store_receive_undo(lk_store *store, const lk_store_queue *queue, lk_slice receipt_handle,
                          int64_t now_ms, bool *undone, lk_err *err)
{
    lk_queue_state *state = NULL;
    lk_message_row row;
    lk_handle handle;
    bool found = false;
    if (undone)
        *undone = false;
    int rc = lk_queue_enter(store, queue, now_ms, &state, err);
    if (rc)
        return rc;
    rc = lk_handle_parse(store, state->shown.id, receipt_handle, &handle, err);
    if (rc)
        return rc;
    rc = lk_message_find(store, handle.message, &row, &found, err);
    if (rc || !found || row.pile != state->pile || row.receive_count != handle.receive)
        return rc;
    rc = put_back(store, state, &row, now_ms, err);
    if (!rc && undone)
        *undone = true;
    return rc;
}
