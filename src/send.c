/* SPDX-License-Identifier: MIT
 *
 * send: from a job to an accepted message, waiting for the answer or not.
 *
 * message.c makes the members, queue.c knows where they go, outbox.c carries what is not waited
 * for, send_batch.c sends many.
 */
#include "send.h"

#include <stdlib.h>
#include <string.h>

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

/* --- A new job from C ----------------------------------------------------------------------- */

static lk_send_options send_options_of(const lk_enqueue_options *options, lk_slice job_id)
{
    return (lk_send_options){
        .size = sizeof(lk_send_options),
        .job_id = job_id,
        .delay_ms = options->delay_ms,
        .message_group_id = lk_slice_of(options->message_group_id),
        .message_deduplication_id = lk_slice_of(options->message_deduplication_id),
        .trace_header = lk_slice_of(options->trace_header),
        .long_delays = options->long_delays,
    };
}

static int enqueue(lk_client *client, const char *queue, const char *job_class,
                   const char *arguments_json, const lk_enqueue_options *options, lk_sent *sent,
                   lk_err *err)
{
    const lk_env *env = lk_client_env(client);
    char uuid[37];
    lk_uuid4(env, uuid);
    lk_slice job_id = lk_slice_of(options->job_id ? options->job_id : uuid);
    lk_slice arguments = lk_slice_of(arguments_json ? arguments_json : "[]");
    lk_queue *to = NULL;
    int rc = lk_queue_get(client, lk_slice_of(queue), &to, err);
    if (rc)
        return rc;
    lk_buf body = {0};
    lk_send_options send_options = send_options_of(options, job_id);
    rc = lk_message_body(env, lk_queue_name(to), lk_slice_of(job_class), job_id, arguments, options,
                         &body, err);
    if (!rc)
        rc = lk_send_to(client, to, lk_buf_slice(&body), &send_options, sent, err);
    lk_buf_clear(&body);
    return rc;
}

int lk_enqueue(lk_client *client, const char *queue, const char *job_class,
               const char *arguments_json, const lk_enqueue_options *options, lk_sent *sent,
               lk_err *err)
{
    static const lk_enqueue_options defaults = LK_ENQUEUE_OPTIONS_INIT;
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc =
        enqueue(client, queue, job_class, arguments_json, options ? options : &defaults, sent, err);
    lk_client_leave(client);
    return rc;
}
