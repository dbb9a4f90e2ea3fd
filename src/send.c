/* SPDX-License-Identifier: MIT
 *
 * send: from a job to an accepted message, waiting for the answer or not.
 *
 * message.c makes the members, queue.c knows where they go, outbox.c carries what is not waited
 * for, send_batch.c sends many, enqueue.c makes new jobs.
 */
#include "send.h"

/* --- One ------------------------------------------------------------------------------------ */

int lk_send_to(lk_client *client, lk_queue *queue, lk_slice body, const lk_send_options *options,
               lk_sent *sent, lk_err *err)
{
    lk_buf members = {0};
    lk_buf response = {0};
    lk_sqs_expect expect = {.count = 1};
    int rc = lk_message_build_digested(client, queue, body, options, &members, NULL,
                                       &expect.entries[0], err);
    if (!rc && lk_queue_fifo(queue))
        rc = lk_outbox_flush_queue(client, queue, -1, err);
    if (!rc)
        rc = lk_queue_send(client, queue, "SendMessage", lk_buf_slice(&members), &expect, &response,
                           err);
    lk_sent answer;
    if (!rc)
        rc = lk_sent_read(lk_buf_slice(&response), sent ? sent : &answer, err);
    lk_buf_clear(&members);
    lk_buf_clear(&response);
    return rc;
}

int lk_send(lk_client *client, lk_slice queue, lk_slice body, const lk_send_options *options,
            lk_sent *sent, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    lk_queue *to = NULL;
    rc = lk_queue_get(client, queue, &to, err);
    if (!rc)
        rc = lk_send_to(client, to, body, options, sent, err);
    lk_client_leave(client);
    return rc;
}

int lk_send_params(lk_client *client, lk_slice queue, lk_slice body, const lk_send_options *options,
                   char **json, size_t *len, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    lk_queue *to = NULL;
    lk_buf members = {0};
    rc = lk_queue_get(client, queue, &to, err);
    lk_buf_add_char(&members, '{');
    if (!rc)
        rc = lk_message_build(client, to, body, options, &members, NULL, err);
    lk_buf_add_char(&members, '}');
    if (!rc)
        rc = lk_buf_check(&members, err);
    if (!rc) {
        *len = members.len;
        *json = lk_buf_take(&members);
    }
    lk_buf_clear(&members);
    lk_client_leave(client);
    return rc;
}

/* --- Later ---------------------------------------------------------------------------------- */

int lk_send_async(lk_client *client, lk_slice queue, lk_slice body, const lk_send_options *options,
                  uint64_t tag, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    lk_queue *to = NULL;
    rc = lk_queue_get(client, queue, &to, err);
    if (!rc)
        rc = lk_outbox_send(client, to, body, options, tag, err);
    lk_client_leave(client);
    return rc;
}

int lk_flush(lk_client *client, int64_t timeout_ms, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    const lk_env *env = lk_client_env(client);
    int64_t deadline_ms = timeout_ms < 0 ? -1 : env->mono_ms(env->ctx) + timeout_ms;
    rc = lk_outbox_flush(client, deadline_ms, err);
    lk_client_leave(client);
    return rc;
}

int lk_send_failure(lk_client *client, uint64_t *tag, lk_slice *body, lk_err *failure)
{
    lk_err err;
    int rc = lk_client_enter(client, &err);
    if (rc)
        return rc;
    lk_outbox_failure_info info;
    bool found = lk_outbox_failure(client, true, &info);
    if (found) {
        *tag = info.tag;
        *body = info.body;
        *failure = info.err;
    }
    lk_client_leave(client);
    return found ? 1 : 0;
}

void lk_send_give_up(lk_client *client)
{
    lk_err ignored; /* busy: whoever is inside goes on collecting */
    if (lk_client_enter(client, &ignored))
        return;
    lk_outbox_give_up_sends(client);
    lk_client_leave(client);
}
