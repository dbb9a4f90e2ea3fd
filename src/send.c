/* SPDX-License-Identifier: MIT
 *
 * send: from a job to an accepted message, waiting for the answer or not.
 *
 * message.c makes the members, queue.c knows where they go, outbox.c carries what is not waited
 * for. This file owns the order among them: what a FIFO queue must see first, how many messages
 * share a call, which of them are tried again.
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

/* --- Many ----------------------------------------------------------------------------------- */

/* Some of the caller's entries, at most ten, that share a call. */
typedef struct chunk {
    lk_buf members[LK_ENTRIES_MAX];
    lk_sqs_digests digests[LK_ENTRIES_MAX];
    size_t index[LK_ENTRIES_MAX]; /* position among the caller's entries */
    size_t count;
    size_t bytes;
} chunk;

static void chunk_clear(chunk *c)
{
    for (size_t i = 0; i < LK_ENTRIES_MAX; i++)
        lk_buf_clear(&c->members[i]);
    c->count = 0;
    c->bytes = 0;
}

static int call_chunk(lk_client *client, lk_queue *queue, const chunk *c, lk_err *errors,
                      lk_sent *sent, lk_err *err)
{
    lk_slice members[LK_ENTRIES_MAX];
    lk_sqs_expect expect = {.count = c->count};
    for (size_t i = 0; i < c->count; i++) {
        members[i] = lk_buf_slice(&c->members[i]);
        lk_entries_expect(&expect, i, &c->digests[i]);
    }
    lk_buf entries = {0};
    lk_buf response = {0};
    lk_entries_write(&entries, members, c->count);
    int rc = lk_buf_check(&entries, err);
    if (!rc)
        rc = lk_queue_send(client, queue, "SendMessageBatch", lk_buf_slice(&entries), &expect,
                           &response, err);
    if (!rc)
        rc = lk_entries_read(lk_buf_slice(&response), "SendMessageBatch", c->count, errors, sent,
                             err);
    lk_buf_clear(&entries);
    lk_buf_clear(&response);
    return rc;
}

/* Gives the entries of one answered call their results and keeps those to try again in the chunk.
 * Returns how long to wait before that; -1: nothing is left. */
static int64_t keep_retriable(lk_client *client, chunk *c, const lk_err *errors,
                              const lk_sent *sent, int attempt, lk_send_result *results)
{
    int64_t wait_ms = -1;
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        lk_send_result *result = &results[c->index[i]];
        result->err = errors[i];
        result->sent = sent[i];
        if (errors[i].code == LK_OK)
            continue;
        int64_t delay_ms = lk_sqs_retry_delay_ms(client, &errors[i], attempt);
        if (delay_ms < 0)
            continue;
        wait_ms = LK_MAX(wait_ms, delay_ms);
        lk_buf members = c->members[i]; /* kept <= i: swap, so that every buffer stays owned */
        c->members[i] = c->members[kept];
        c->members[kept] = members;
        c->digests[kept] = c->digests[i];
        c->index[kept++] = c->index[i];
    }
    c->count = kept;
    return wait_ms;
}

/* Sends a chunk until every entry has its result. Negative: the call as a whole failed, *err says
 * why, and so do the results of the entries that were in it. */
static int send_chunk(lk_client *client, lk_queue *queue, chunk *c, lk_send_result *results,
                      lk_err *err)
{
    int rc = 0;
    int64_t wait_ms = 0;
    for (int attempt = 1; !rc && c->count > 0 && wait_ms >= 0; attempt++) {
        lk_err errors[LK_ENTRIES_MAX];
        lk_sent sent[LK_ENTRIES_MAX];
        if (wait_ms > 0)
            rc = lk_outbox_sleep(client, wait_ms, err);
        if (!rc)
            rc = call_chunk(client, queue, c, errors, sent, err);
        if (!rc)
            wait_ms = keep_retriable(client, c, errors, sent, attempt, results);
    }
    for (size_t i = 0; rc && i < c->count; i++)
        results[c->index[i]].err = *err;
    chunk_clear(c);
    return rc;
}

/* A whole call that failed for a reason of its own entries says nothing about the next ones; one
 * that failed for the connection, the credentials or an interrupt does. */
static bool stops_the_rest(const lk_err *err)
{
    return err->code != LK_OK && (err->code != LK_E_SERVICE || err->retriable);
}

/* The state of one lk_send_batch. */
typedef struct batch_send {
    lk_client *client;
    lk_queue *queue;
    chunk chunk;
    lk_send_result *results;
    lk_err stopped; /* code LK_OK: go on */
} batch_send;

static void send_collected(batch_send *b)
{
    lk_err err = {0};
    if (b->chunk.count > 0 && send_chunk(b->client, b->queue, &b->chunk, b->results, &err) &&
        stops_the_rest(&err))
        b->stopped = err;
}

/* Puts an entry into the chunk, sending what is there first when it would not fit. An entry that
 * cannot be sent fails alone, before the network. */
static void add_entry(batch_send *b, const lk_send_entry *entry, size_t index)
{
    lk_buf members = {0};
    size_t bytes = 0;
    lk_send_result *result = &b->results[index];
    lk_sqs_digests digests;
    int rc = lk_message_build_digested(b->client, b->queue, entry->body, &entry->options, &members,
                                       &bytes, &digests, &result->err);
    if (rc) {
        lk_buf_clear(&members);
        return;
    }
    if (b->chunk.count == LK_ENTRIES_MAX || b->chunk.bytes + bytes > LK_ENTRIES_MAX_BYTES)
        send_collected(b);
    if (b->stopped.code != LK_OK) {
        result->err = b->stopped;
        lk_buf_clear(&members);
        return;
    }
    b->chunk.members[b->chunk.count] = members;
    b->chunk.digests[b->chunk.count] = digests;
    b->chunk.index[b->chunk.count++] = index;
    b->chunk.bytes += bytes;
}

static int send_all(lk_client *client, lk_slice queue, const lk_send_entry *entries, size_t count,
                    lk_send_result *results, lk_err *err)
{
    batch_send b = {.client = client, .results = results};
    int rc = lk_queue_get(client, queue, &b.queue, err);
    if (!rc && lk_queue_fifo(b.queue))
        rc = lk_outbox_flush_queue(client, b.queue, -1, err);
    if (rc)
        return rc;
    memset(results, 0, count * sizeof(*results));
    for (size_t i = 0; i < count; i++) {
        if (b.stopped.code == LK_OK)
            add_entry(&b, &entries[i], i);
        else
            results[i].err = b.stopped;
    }
    send_collected(&b);
    return 0;
}

int lk_send_batch(lk_client *client, lk_slice queue, const lk_send_entry *entries, size_t count,
                  lk_send_result *results, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = count > 0 ? send_all(client, queue, entries, count, results, err) : 0;
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
