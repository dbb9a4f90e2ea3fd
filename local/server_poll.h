/* SPDX-License-Identifier: MIT
 *
 * server_poll: long polls: receives that found nothing and wait, in one line per queue.
 *
 * A line is served from its head, so that messages go to polls in the order in which these came. It
 * is looked at when its queue was touched, when a delay or visibility timeout in it ends, and for
 * polls whose time is over or whose client is gone. Everything here belongs to the writer thread.
 */
#ifndef LK_LOCAL_SERVER_POLL_H
#define LK_LOCAL_SERVER_POLL_H

#include "action.h"
#include "clock.h"
#include "server_writer.h"

/* One waiting receive; embedded in its call. */
typedef struct lk_poll {
    struct lk_poll *next; /* in its line */
    lk_request *request;
    lk_work *work;       /* finished when the poll is answered */
    int socket;          /* the client's, to see whether it is still there */
    int64_t deadline_ms; /* monotonic: real time, whatever the movable clock says */
} lk_poll;

#define LK_POLL_BUCKETS 64

typedef struct lk_polls {
    const lk_clock *clock;
    struct lk_poll_line *lines[LK_POLL_BUCKETS]; /* by queue id */
    size_t count;                                /* polls in all lines */
    struct lk_poll_line *touched;                /* to be served in this turn */
    int64_t look_at_ms; /* monotonic: when something in some line may be due */
    int64_t tick_at_ms; /* monotonic: when all lines are looked at */
    bool closing;       /* nobody waits any more */
} lk_polls;

void lk_polls_init(lk_polls *polls, const lk_clock *clock);
void lk_polls_clear(lk_polls *polls); /* no poll is waiting */

/* Runs a request; false: it waits now, in the line of its queue. true: it is answered (or failed:
 * the transaction is aborted then). A poll that came before is served first. */
bool lk_polls_run(lk_polls *polls, lk_writer *writer, lk_poll *poll);
/* Something may have become receivable in the queue. */
void lk_polls_touch(lk_polls *polls, int64_t queue_id);
void lk_polls_touch_all(lk_polls *polls); /* the clock was moved */
/* Answers all that wait now with an empty receive. */
void lk_polls_end_all(lk_polls *polls, lk_writer *writer);
/* The same, and lets nobody wait from now on. */
void lk_polls_close(lk_polls *polls, lk_writer *writer);
/* The writer's turn: serves, ends what is over, returns when to look again. */
int64_t lk_polls_turn(lk_polls *polls, lk_writer *writer);

#endif
