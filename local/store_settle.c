/* SPDX-License-Identifier: MIT
 *
 * store_settle: what a receipt handle can do: delete the message, change its visibility.
 *
 * SQS's rules for handles, by queue type:
 *                                   standard                      FIFO
 *   newest, still invisible         works                         works
 *   newest, timeout ended           delete works, change: no-op   expired
 *   newest, > 12 h since receive    delete: expired               expired
 *   older than the last receive     delete: nothing, 200;         expired
 *                                   change: not available
 *   message gone                    delete: 200; change: not available
 */
#include "store_internal.h"

/* What a handle leads to. */
typedef struct claim {
    lk_queue_state *queue;
    lk_message_row row; /* when found */
    bool found;         /* the message is there, in this queue */
    bool newest;        /* and was not received again */
} claim;

static int find_claim(lk_store *store, const lk_store_queue *queue, lk_slice receipt_handle,
                      int64_t now_ms, claim *c, lk_err *err)
{
    lk_handle handle;
    *c = (claim){.found = false};
    int rc = lk_queue_enter(store, queue, now_ms, &c->queue, err);
    if (!rc)
        rc = lk_handle_parse(store, c->queue->shown.id, receipt_handle, &handle, err);
    if (rc)
        return rc;
    rc = lk_message_find(store, handle.message, &c->row, &c->found, err);
    /* One that went to a dead-letter queue, or was purged, has another pile. */
    c->found = c->found && c->row.pile == c->queue->pile;
    c->newest = c->found && c->row.receive_count == handle.receive;
    return rc;
}

static bool fifo_expired(const claim *c, int64_t now_ms)
{
    return c->queue->shown.settings.fifo && (!c->newest || c->row.visible_at_ms <= now_ms);
}

int lk_store_delete(lk_store *store, const lk_store_queue *queue, lk_slice receipt_handle,
                    int64_t now_ms, lk_err *err)
{
    claim c;
    int rc = find_claim(store, queue, receipt_handle, now_ms, &c, err);
    if (rc || !c.found)
        return rc;
    if (fifo_expired(&c, now_ms))
        return LK_STORE_HANDLE_EXPIRED;
    if (!c.newest)
        return 0;
    if (now_ms > c.row.received_at_ms + LK_VISIBILITY_LIMIT_MS)
        return LK_STORE_HANDLE_EXPIRED;
    return lk_message_remove(store, c.queue, &c.row, now_ms, err);
}

int lk_store_change_visibility(lk_store *store, const lk_store_queue *queue,
                               lk_slice receipt_handle, int64_t timeout_s, int64_t now_ms,
                               lk_err *err)
{
    claim c;
    int rc = find_claim(store, queue, receipt_handle, now_ms, &c, err);
    if (rc)
        return rc;
    if (!c.found)
        return LK_STORE_NOT_AVAILABLE;
    if (fifo_expired(&c, now_ms))
        return LK_STORE_HANDLE_EXPIRED;
    if (!c.newest)
        return LK_STORE_NOT_AVAILABLE;
    if (c.row.visible_at_ms <= now_ms)
        return 0;
    int64_t visible_at_ms = now_ms + timeout_s * 1000;
    if (visible_at_ms > c.row.received_at_ms + LK_VISIBILITY_LIMIT_MS)
        return LK_STORE_VISIBILITY_LIMIT;
    return lk_message_hide(store, c.queue, &c.row, visible_at_ms, now_ms, err);
}
