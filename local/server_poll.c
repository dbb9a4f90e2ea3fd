/* SPDX-License-Identifier: MIT
 *
 * server_poll: see server_poll.h.
 */
#include "server_poll.h"

#include "peer.h"

#include <stdlib.h>
#include <string.h>

/* Every line is looked at so often whatever happens: that finds clients that hung up, and nothing
 * is late by more when the wall clock is set or a transaction had to be rolled back. */
#define TICK_MS 1000

/* The polls on one queue. */
typedef struct lk_poll_line {
    struct lk_poll_line *next;         /* in its bucket */
    struct lk_poll_line *next_touched; /* in polls->touched */
    int64_t queue_id;
    lk_poll *first;
    lk_poll **end;
    bool touched;
    int64_t due_ms; /* the store's time: when a message becomes receivable of itself */
} lk_poll_line;

/* --- Lines ---------------------------------------------------------------------------------- */

static lk_poll_line **bucket_of(lk_polls *polls, int64_t queue_id)
{
    return &polls->lines[(uint64_t)queue_id % LK_POLL_BUCKETS];
}

static lk_poll_line *find_line(lk_polls *polls, int64_t queue_id)
{
    lk_poll_line *line = *bucket_of(polls, queue_id);
    while (line && line->queue_id != queue_id)
        line = line->next;
    return line;
}

static lk_poll_line *make_line(lk_polls *polls, int64_t queue_id)
{
    lk_poll_line **bucket = bucket_of(polls, queue_id);
    lk_poll_line *line = calloc(1, sizeof *line);
    if (!line)
        return NULL;
    *line = (lk_poll_line){.next = *bucket, .queue_id = queue_id, .due_ms = INT64_MAX};
    line->end = &line->first;
    *bucket = line;
    return line;
}

static void add_to_line(lk_polls *polls, lk_poll_line *line, lk_poll *poll)
{
    poll->next = NULL;
    *line->end = poll;
    line->end = &poll->next;
    polls->count++;
    polls->look_at_ms = LK_MIN(polls->look_at_ms, poll->deadline_ms);
}

/* Takes *at out of its line and answers it with what its request holds. */
static void release(lk_polls *polls, lk_writer *writer, lk_poll_line *line, lk_poll **at)
{
    lk_poll *poll = *at;
    *at = poll->next;
    if (line->end == &poll->next)
        line->end = at;
    polls->count--;
    lk_writer_finish(writer, poll->work);
}

static void free_empty_lines(lk_poll_line **bucket)
{
    while (*bucket) {
        lk_poll_line *line = *bucket;
        if (line->first || line->touched) {
            bucket = &line->next;
            continue;
        }
        *bucket = line->next;
        free(line);
    }
}

void lk_polls_init(lk_polls *polls, const lk_clock *clock)
{
    *polls = (lk_polls){.clock = clock, .look_at_ms = INT64_MAX};
}

void lk_polls_clear(lk_polls *polls)
{
    for (size_t i = 0; i < LK_POLL_BUCKETS; i++) {
        while (polls->lines[i]) {
            lk_poll_line *next = polls->lines[i]->next;
            free(polls->lines[i]);
            polls->lines[i] = next;
        }
    }
}

/* --- Touching ------------------------------------------------------------------------------- */

static void touch_line(lk_polls *polls, lk_poll_line *line)
{
    if (line->touched)
        return;
    line->touched = true;
    line->next_touched = polls->touched;
    polls->touched = line;
}

void lk_polls_touch(lk_polls *polls, int64_t queue_id)
{
    lk_poll_line *line = polls->count > 0 ? find_line(polls, queue_id) : NULL;
    if (line)
        touch_line(polls, line);
}

void lk_polls_touch_all(lk_polls *polls)
{
    for (size_t i = 0; i < LK_POLL_BUCKETS; i++)
        for (lk_poll_line *line = polls->lines[i]; line; line = line->next)
            touch_line(polls, line);
}

/* --- Serving -------------------------------------------------------------------------------- */

static void touch(void *ctx, int64_t queue_id)
{
    lk_polls_touch(ctx, queue_id);
}

/* LK_ACTION_WAITS: nothing to give. Else the request is answered, or the transaction aborted. */
static int run_request(lk_polls *polls, lk_writer *writer, lk_request *request)
{
    lk_err err;
    lk_action_context context = {.store = lk_writer_store(writer),
                                 .now_ms = lk_clock_now_ms(polls->clock),
                                 .may_wait = !polls->closing,
                                 .touch = touch,
                                 .touch_ctx = polls};
    int rc = lk_action_run(&context, request, &err);
    if (rc < 0)
        lk_writer_abort(writer, &err);
    return rc;
}

/* When to look at the line again of itself. */
static void note_due(lk_polls *polls, lk_writer *writer, lk_poll_line *line)
{
    lk_err err;
    lk_store *store = lk_writer_store(writer);
    const lk_store_queue *queue = lk_store_queue_by_id(store, line->queue_id);
    int64_t now_ms = lk_clock_now_ms(polls->clock);
    line->due_ms = INT64_MAX;
    if (!queue)
        return;
    if (lk_store_next_due(store, queue, now_ms, &line->due_ms, &err)) {
        lk_writer_abort(writer, &err);
        return;
    }
    if (line->due_ms != INT64_MAX)
        polls->look_at_ms = LK_MIN(polls->look_at_ms, lk_mono_ms() + (line->due_ms - now_ms));
}

/* From the head as far as the messages go. A client that hung up takes none: its poll ends before
 * it is run. */
static void serve_line(lk_polls *polls, lk_writer *writer, lk_poll_line *line)
{
    while (line->first && !lk_writer_aborted(writer)) {
        if (!lk_peer_gone(line->first->socket) &&
            run_request(polls, writer, line->first->request) == LK_ACTION_WAITS)
            break;
        release(polls, writer, line, &line->first);
    }
    line->touched = false; /* by its own receives */
    if (line->first && !lk_writer_aborted(writer))
        note_due(polls, writer, line);
}

static void serve_touched(lk_polls *polls, lk_writer *writer)
{
    while (polls->touched && !lk_writer_aborted(writer)) {
        lk_poll_line *line = polls->touched;
        polls->touched = line->next_touched;
        serve_line(polls, writer, line);
    }
}

/* --- Ends ----------------------------------------------------------------------------------- */

/* Polls whose time is over or whose client is gone get an empty answer. */
static void end_overdue(lk_polls *polls, lk_writer *writer, lk_poll_line *line, int64_t mono_ms)
{
    for (lk_poll **at = &line->first; *at;) {
        if (mono_ms >= (*at)->deadline_ms || lk_peer_gone((*at)->socket)) {
            release(polls, writer, line, at);
            continue;
        }
        polls->look_at_ms = LK_MIN(polls->look_at_ms, (*at)->deadline_ms);
        at = &(*at)->next;
    }
}

static void look_at_all(lk_polls *polls, lk_writer *writer)
{
    int64_t mono_ms = lk_mono_ms();
    int64_t now_ms = lk_clock_now_ms(polls->clock);
    bool tick = mono_ms >= polls->tick_at_ms;
    if (tick)
        polls->tick_at_ms = mono_ms + TICK_MS;
    polls->look_at_ms = polls->tick_at_ms;
    for (size_t i = 0; i < LK_POLL_BUCKETS; i++) {
        for (lk_poll_line *line = polls->lines[i]; line; line = line->next) {
            if (tick || line->due_ms <= now_ms)
                touch_line(polls, line);
            else if (line->due_ms != INT64_MAX)
                polls->look_at_ms = LK_MIN(polls->look_at_ms, mono_ms + (line->due_ms - now_ms));
        }
    }
    serve_touched(polls, writer);
    for (size_t i = 0; i < LK_POLL_BUCKETS; i++) {
        for (lk_poll_line *line = polls->lines[i]; line; line = line->next)
            end_overdue(polls, writer, line, mono_ms);
        free_empty_lines(&polls->lines[i]);
    }
}

int64_t lk_polls_turn(lk_polls *polls, lk_writer *writer)
{
    serve_touched(polls, writer);
    if (polls->count > 0 && lk_mono_ms() >= polls->look_at_ms && !lk_writer_aborted(writer))
        look_at_all(polls, writer);
    return polls->count > 0 ? polls->look_at_ms : INT64_MAX;
}

/* --- Coming and going ------------------------------------------------------------------------ */

bool lk_polls_run(lk_polls *polls, lk_writer *writer, lk_poll *poll)
{
    lk_request *request = poll->request;
    if (request->action->waits)
        lk_polls_turn(polls, writer);
    if (lk_writer_aborted(writer) || run_request(polls, writer, request) != LK_ACTION_WAITS)
        return true;
    lk_poll_line *line = find_line(polls, request->received_from);
    if (!line)
        line = make_line(polls, request->received_from);
    if (!line)
        return true; /* out of memory: it does not wait, and gets an empty answer */
    poll->deadline_ms = lk_mono_ms() + request->waits_s * 1000;
    add_to_line(polls, line, poll);
    if (!line->touched)
        note_due(polls, writer, line);
    return false;
}

void lk_polls_end_all(lk_polls *polls, lk_writer *writer)
{
    for (size_t i = 0; i < LK_POLL_BUCKETS; i++)
        for (lk_poll_line *line = polls->lines[i]; line; line = line->next)
            while (line->first)
                release(polls, writer, line, &line->first);
}

void lk_polls_close(lk_polls *polls, lk_writer *writer)
{
    polls->closing = true;
    lk_polls_end_all(polls, writer);
}
