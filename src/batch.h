/* SPDX-License-Identifier: MIT
 *
 * batch: the jobs of one event, from records to the response. What the files of the batch share.
 *
 *     batch.c         the caller's steps: new, add, next, start, finish, stop
 *     batch_job.c     one record: its copy, its queue, what its body says
 *     batch_settle.c  carrying decisions out: SQS calls, what became of them, the response
 *     batch_group.c   FIFO groups        batch_note.c  what there is to say
 *
 * A job is new until lk_batch_next hands it out, and closed once its fate is decided: done or
 * failed, which is what the response reports. The decision itself is job.c's; a batch only gathers
 * the facts and carries out the answer. Nothing that happens to one record touches another one, but
 * for those that wait behind it in its FIFO group.
 */
#ifndef LK_BATCH_H
#define LK_BATCH_H

#include "batch_group.h"
#include "batch_note.h"
#include "deaths.h"
#include "event.h"
#include "job.h"
#include "send.h"
#include "value.h"

typedef enum lk_job_state { LK_JOB_NEW, LK_JOB_HANDED_OUT, LK_JOB_CLOSED } lk_job_state;

/* One queue of the batch, usually the only one. */
typedef struct lk_batch_queue {
    struct lk_batch_queue *next;
    lk_queue *queue; /* owned by the client */
    lk_queue_attributes attributes;
    bool attributes_known; /* as far as they can be: read, or denied */
    bool said_unknown;     /* notes given once per queue */
    bool said_retention;
    bool said_no_redrive;
} lk_batch_queue;

struct lk_job {
    lk_batch *batch;
    size_t index;
    lk_record record; /* its slices point into text */
    char *text;
    lk_batch_queue *queue; /* NULL: the record names none, it is faulty then */
    const char *fault;     /* why no job can be made of it; NULL: it is one */
    lk_group *group;       /* NULL: not of a FIFO queue */
    lk_job_options options;
    lk_job_state state;
    bool failed;  /* once closed: reported failed */
    bool decided; /* by lk_batch_decide, to be carried out */
    bool untouched;
    bool resent; /* not started, but sent again: its message is deleted, though reported failed */
    lk_decision decision;
    bool said_unsettled; /* a note told that its call was not answered in time */
    bool parsed;
    lk_json *body; /* NULL when it is not JSON */
    lk_values values;
    int64_t retry_in_s; /* what its handler asked for; -1: nothing */
};

struct lk_batch {
    lk_client *client;
    lk_batch_options options;
    lk_worker *worker; /* that drives it; NULL: the application does */
    int64_t received_at_ms;
    uint64_t tag_base; /* random, in the upper half: tells calls of this batch from earlier ones */
    lk_job **jobs;
    size_t count;
    size_t capacity;
    size_t cursor; /* jobs before it have been looked at */
    bool started;
    bool stopped;
    bool worked;      /* a job ran */
    bool hop_refused; /* SQS did not take a job that was not started: no time for more of that */
    bool answered;
    lk_groups groups;
    lk_batch_queue *queues;
    lk_notes notes;
    lk_buf response;
};

/* --- batch.c -------------------------------------------------------------------------------- */

/* Closes the jobs that nobody will run now. */
void lk_batch_close_new(lk_batch *batch);

/* --- batch_job.c ---------------------------------------------------------------------------- */

/* Copies the record, finds its queue and group. Inside lk_client_enter. */
int lk_job_new(lk_batch *batch, const lk_record *record, lk_job **job, lk_err *err);
void lk_job_free(lk_job *job); /* accepts NULL */
/* A string of its body; {NULL,0}: there is none. */
lk_slice lk_job_body_text(lk_job *job, const char *key);
bool lk_job_alone_in_group(lk_job *job);
/* What the decisions are made of, at this moment and as far as it is known without asking SQS. */
lk_job_facts lk_job_facts_now(lk_job *job);
/* What a note says of whom. */
lk_note lk_job_note(const lk_job *job, lk_note_kind kind, bool warning, int64_t wait_s);

/* --- batch_settle.c ------------------------------------------------------------------------- */

int64_t lk_batch_clock_ms(const lk_batch *batch); /* movable: due times */
int64_t lk_batch_mono_ms(const lk_batch *batch);
/* Reads the attributes of a job's queue unless they are known and not older than max_age_ms (< 0:
 * any age). Denied or unreachable: they stay UNKNOWN, with one note. Only LK_E_INTERRUPTED fails.
 */
int lk_batch_need_attributes(lk_batch *batch, lk_job *job, int64_t max_age_ms, lk_err *err);
/* Puts the call of a decision on its way and closes the job. */
void lk_batch_carry_out(lk_batch *batch, lk_job *job, const lk_decision *decision);
/* Sends a job that is not due again with what remains of its wait, deletes this message when SQS
 * has accepted the new one. Where it does not, this one is hidden instead. Only LK_E_INTERRUPTED
 * fails; the job is then as before. */
int lk_batch_hop(lk_batch *batch, lk_job *job, lk_err *err);
/* A job that will not run now: visible again at once. */
void lk_batch_give_back(lk_batch *batch, lk_job *job);
/* Or sent again, and this message deleted; false: SQS did not take it, the job is as before. */
bool lk_batch_hop_unstarted(lk_batch *batch, lk_job *job);
/* Turns calls that failed for good into notes. */
void lk_batch_collect(lk_batch *batch);

#endif
