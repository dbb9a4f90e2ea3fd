/* SPDX-License-Identifier: MIT
 *
 * store_redrive: dead letters: what a receive attempt moves instead of delivering.
 *
 * SQS moves a message when it would be received for the (maxReceiveCount + 1)th time, never merely
 * because a timeout ended. It keeps message id, body, attributes, group and receive count, and is
 * visible at once. Deliveries count anew for the policy of the queue it came to, so that each queue
 * of a chain, and one that targets itself, gives its maxReceiveCount deliveries.
 */
#include "store_internal.h"

lk_queue_state *lk_redrive_target(const lk_store *store, const lk_queue_state *queue)
{
    return lk_queue_named(store, queue->shown.settings.dead_letter_queue);
}

bool lk_redrive_wanted(const lk_queue_state *queue, const lk_message_row *row)
{
    int64_t received_here = row->receive_count - row->received_elsewhere;
    return received_here >= queue->shown.settings.max_receive_count;
}

/* The group of the same name in the target queue. */
static int join_group(lk_store *store, const lk_queue_state *target, int64_t id,
                      int64_t visible_at_ms, int64_t *group, lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PAYLOAD_GROUP, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, id);
    rc = lk_sql_step(&sql, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return lk_sql_fail(store, SQLITE_CORRUPT, err); /* a message without its payload */
    rc = lk_group_join(store, target->pile, lk_sql_column_text(&sql, 0), visible_at_ms, group, err);
    lk_sql_reset(&sql);
    return rc;
}

int lk_redrive_join(lk_store *store, const lk_queue_state *target, const lk_message_row *row,
                    int64_t visible_at_ms, int64_t *group, int64_t *seq, lk_err *err)
{
    *group = 0;
    *seq = 0;
    if (!row->group)
        return 0;
    int rc = lk_store_number(store, seq, err);
    return rc ? rc : join_group(store, target, row->id, visible_at_ms, group, err);
}

int lk_redrive_move(lk_store *store, lk_queue_state *queue, lk_queue_state *target,
                    const lk_message_row *row, int64_t now_ms, lk_store_received *received,
                    lk_err *err)
{
    /* AWS: the enqueue time stays on standard queues, so retention goes on from the original send;
     * on FIFO queues it starts anew. */
    int64_t sent_at_ms = row->group ? now_ms : row->sent_at_ms;
    int64_t group = 0;
    int64_t seq = 0;
    lk_sql sql;
    int rc = lk_redrive_join(store, target, row, now_ms, &group, &seq, err);
    if (!rc)
        rc = lk_sql_prepare(store, LK_SQL_MESSAGE_MOVE, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, row->id);
    lk_sql_int64(&sql, target->pile);
    lk_sql_int64(&sql, now_ms);
    lk_sql_int64(&sql, sent_at_ms);
    lk_sql_int64_or_null(&sql, group);
    lk_sql_int64_or_null(&sql, seq);
    lk_sql_text(&sql, queue->shown.name);
    rc = lk_sql_run(&sql, err);
    if (rc)
        return rc;
    lk_queue_lost(queue, false); /* it was visible */
    lk_queue_gained(target, sent_at_ms);
    received->moved++;
    received->moved_to_queue_id = target->shown.id;
    return 0;
}
