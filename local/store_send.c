/* SPDX-License-Identifier: MIT
 *
 * store_send: a message enters a queue.
 */
#include "store_internal.h"

#include <errno.h>
#include <string.h>

int lk_uuid_new(unsigned char uuid[LK_UUID_BYTES], lk_err *err)
{
    if (!lk_random_bytes(uuid, LK_UUID_BYTES))
        return LK_FAIL(err, LK_E_IO, "store: no random bytes from the system: %s", strerror(errno));
    uuid[6] = (unsigned char)((uuid[6] & 0x0f) | 0x40); /* RFC 4122: version 4 */
    uuid[8] = (unsigned char)((uuid[8] & 0x3f) | 0x80);
    return 0;
}

/* SQS: a message's own delay wins on a standard queue, on a FIFO queue the queue's always holds. */
static int64_t delay_of(const lk_queue_state *queue, const lk_store_send *message)
{
    const lk_store_settings *settings = &queue->shown.settings;
    return settings->fifo || message->delay_s < 0 ? settings->delay_s : message->delay_s;
}

/* An explicit deduplication id wins over the content's. hash: memory for the latter. */
static int find_dedup_id(const lk_queue_state *queue, const lk_store_send *message,
                         char hash[LK_SHA256_HEX_SIZE], lk_slice *dedup_id, lk_err *err)
{
    *dedup_id = message->dedup_id;
    if (!message->group_id.len)
        return LK_FAIL(err, LK_E_INVALID, "store: a message to a FIFO queue needs a group id");
    if (message->dedup_id.len)
        return 0;
    if (!queue->shown.settings.content_based_dedup)
        return LK_FAIL(err, LK_E_INVALID,
                       "store: a message to a FIFO queue needs a deduplication id");
    if (!lk_sha256_hex(message->body, hash))
        return LK_FAIL_NOMEM(err);
    *dedup_id = (lk_slice){hash, LK_SHA256_HEX_SIZE - 1};
    return 0;
}

/* Writes the message; row has the times. */
static int add_message(lk_store *store, lk_queue_state *queue, const lk_store_send *message,
                       lk_slice dedup_id, lk_message_row *row, lk_store_sent *sent, lk_err *err)
{
    unsigned char uuid[LK_UUID_BYTES];
    bool fifo = queue->shown.settings.fifo;
    int rc = lk_uuid_new(uuid, err);
    if (!rc)
        rc = lk_store_number(store, &row->id, err);
    if (!rc && fifo) {
        row->seq = row->id;
        rc = lk_group_join(store, row->pile, message->group_id, row->visible_at_ms, &row->group,
                           err);
    }
    if (!rc)
        rc = lk_message_add(store, queue, row, err);
    if (!rc)
        rc = lk_payload_add(store, row->id, uuid, message, dedup_id, err);
    if (!rc && fifo)
        rc = lk_dedup_add(store, queue, message->group_id, dedup_id, row->sent_at_ms, uuid,
                          row->seq, err);
    if (rc)
        return rc;
    lk_uuid_format(uuid, sent->message_id);
    lk_sequence_format(row->seq, sent->sequence_number);
    sent->visible_at_ms = row->visible_at_ms;
    return 0;
}

int lk_store_send_message(lk_store *store, const lk_store_queue *queue,
                          const lk_store_send *message, int64_t now_ms, lk_store_sent *sent,
                          lk_err *err)
{
    char hash[LK_SHA256_HEX_SIZE];
    lk_slice dedup_id = {NULL, 0};
    bool duplicate = false;
    lk_queue_state *state = NULL;
    *sent = (lk_store_sent){.message_id = ""};
    int rc = lk_queue_enter(store, queue, now_ms, &state, err);
    if (!rc && state->shown.settings.fifo) {
        rc = find_dedup_id(state, message, hash, &dedup_id, err);
        if (!rc)
            rc = lk_dedup_find(store, state, message->group_id, dedup_id, now_ms, sent, &duplicate,
                               err);
    }
    if (rc || duplicate)
        return rc;
    lk_message_row row = {
        .pile = state->pile,
        .sent_at_ms = now_ms,
        .visible_at_ms = now_ms + delay_of(state, message) * 1000,
    };
    return add_message(store, state, message, dedup_id, &row, sent, err);
}
