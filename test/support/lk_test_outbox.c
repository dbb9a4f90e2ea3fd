/* SPDX-License-Identifier: MIT
 *
 * lk_test_outbox: see the header.
 */
#include "lk_test_outbox.h"

lk_queue *lk_test_outbox_queue(lk_client *client, const char *name)
{
    lk_err err;
    lk_queue *queue = NULL;
    assert_lk_ok(lk_queue_get(client, lk_slice_of(name), &queue, &err));
    return queue;
}

void lk_test_outbox_delete(lk_client *client, const char *handle, uint64_t tag)
{
    lk_err err;
    assert_lk_ok(lk_outbox_delete(client, lk_test_outbox_queue(client, "jobs"), lk_slice_of(handle),
                                  lk_slice_of(handle), tag, &err));
}

void lk_test_outbox_send(lk_client *client, const char *queue, const char *body, const char *group)
{
    lk_err err;
    lk_send_options options = LK_SEND_OPTIONS_INIT;
    options.job_id = lk_slice_of(body);
    options.message_group_id = lk_slice_of(group);
    assert_lk_ok(lk_outbox_send(client, lk_test_outbox_queue(client, queue), lk_slice_of(body),
                                &options, 0, &err));
}

void lk_test_outbox_flush(lk_client *client)
{
    lk_err err;
    assert_lk_ok(lk_outbox_flush(client, -1, &err));
    assert_int_equal(lk_outbox_pending(client), 0);
}

void lk_test_outbox_assert_no_failure(lk_client *client)
{
    lk_outbox_failure_info info;
    if (lk_outbox_failure(client, false, &info) || lk_outbox_failure(client, true, &info))
        fail_msg("a call failed: %s", info.err.message);
}
