/* SPDX-License-Identifier: MIT
 *
 * server_writer: see server_writer.h.
 *
 * A failed transaction takes all of its work with it, also what had nothing to do with the failure:
 * SQLite cannot keep a part, and the clients' SDKs repeat what was answered with 500.
 */
#include "server_writer.h"

#include "thread.h"

#include <stdio.h>
#include <stdlib.h>

#define TIDY_EVERY_MS     1000
#define COMPLAIN_EVERY_MS 1000
#define RETRY_TURN_MS     250 /* after a failed transaction */

/* First in, first out. */
typedef struct work_list {
    lk_work *first;
    lk_work **end;
} work_list;

struct lk_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    work_list inbox; /* guarded by lock, as is the next */
    bool stopping;

    /* The writer thread's own. */
    lk_store *store;
    lk_writer_hooks hooks;
    work_list finished;
    bool aborted;
    lk_err why;
    int64_t wake_at_ms; /* monotonic */
    int64_t tidy_at_ms;
    int64_t chore_at_ms;
    int64_t chore_retry_at_ms; /* not before: it failed */
    int64_t complained_at_ms;
};

static void list_clear(work_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(work_list *list, lk_work *work)
{
    work->next = NULL;
    *list->end = work;
    list->end = &work->next;
}

static lk_work *list_take(work_list *list)
{
    lk_work *work = list->first;
    if (work)
        list->first = work->next;
    if (!list->first)
        list->end = &list->first;
    return work;
}

/* --- One transaction ------------------------------------------------------------------------ */

lk_store *lk_writer_store(lk_writer *writer)
{
    return writer->store;
}

void lk_writer_finish(lk_writer *writer, lk_work *work)
{
    list_add(&writer->finished, work);
}

void lk_writer_abort(lk_writer *writer, const lk_err *why)
{
    if (!writer->aborted)
        writer->why = *why;
    writer->aborted = true;
}

bool lk_writer_aborted(const lk_writer *writer)
{
    return writer->aborted;
}

static void begin(lk_writer *writer)
{
    lk_err err;
    writer->aborted = false;
    list_clear(&writer->finished);
    if (lk_store_begin(writer->store, &err))
        lk_writer_abort(writer, &err);
}

/* Clients are told InternalFailure and no more; the operator needs to know why. */
static void complain(lk_writer *writer)
{
    int64_t now_ms = lk_mono_ms();
    if (writer->complained_at_ms > 0 && now_ms - writer->complained_at_ms < COMPLAIN_EVERY_MS)
        return;
    writer->complained_at_ms = now_ms;
    fprintf(stderr, "lambdakiq: the database failed, requests are answered with 500: %s\n",
            writer->why.message);
}

static void commit(lk_writer *writer)
{
    lk_err err;
    if (!writer->aborted && lk_store_commit(writer->store, &err))
        lk_writer_abort(writer, &err);
    if (!writer->aborted)
        return;
    lk_store_rollback(writer->store);
    complain(writer);
}

static void tell_finished(lk_writer *writer)
{
    for (lk_work *work; (work = list_take(&writer->finished));)
        work->done(work, writer->aborted ? &writer->why : NULL); /* may free it, may finish more */
}

static void note_chore(lk_writer *writer)
{
    int64_t due_ms = writer->hooks.chore_due(writer->hooks.ctx, writer->store);
    writer->chore_at_ms = LK_MAX(due_ms, writer->chore_retry_at_ms);
}

static void transact(lk_writer *writer, lk_work *work)
{
    begin(writer);
    while (work) {
        lk_work *next = work->next; /* finish links it elsewhere */
        if (writer->aborted)
            lk_writer_finish(writer, work);
        else
            work->run(work, writer);
        work = next;
    }
    if (!writer->aborted)
        writer->wake_at_ms = writer->hooks.turn(writer->hooks.ctx, writer);
    commit(writer);
    if (writer->aborted && writer->wake_at_ms != INT64_MAX)
        writer->wake_at_ms = lk_mono_ms() + RETRY_TURN_MS; /* a broken disk must not spin us */
    tell_finished(writer);
    note_chore(writer);
}

/* Then a turn, for the polls that it woke. */
static void do_chore(lk_writer *writer)
{
    lk_err err;
    begin(writer);
    if (!writer->aborted && writer->hooks.chore(writer->hooks.ctx, writer->store, &err))
        lk_writer_abort(writer, &err);
    commit(writer);
    if (writer->aborted)
        writer->chore_retry_at_ms = lk_mono_ms() + RETRY_TURN_MS;
    transact(writer, NULL);
}

/* Tidying fails for the reasons everything else fails for, and is tried again later. */
static void tidy(lk_writer *writer)
{
    lk_err err;
    bool more = false;
    begin(writer);
    if (!writer->aborted && writer->hooks.tidy(writer->hooks.ctx, writer->store, &more, &err))
        lk_writer_abort(writer, &err);
    commit(writer);
    writer->tidy_at_ms = more && !writer->aborted ? 0 : lk_mono_ms() + TIDY_EVERY_MS;
}

/* --- The thread ----------------------------------------------------------------------------- */

/* Waits for work or for the time of a hook. false: stopping, and nothing is left. `tidied`: nothing
 * happened since the last tidying found nothing more to do. */
static bool next_batch(lk_writer *writer, bool tidied, lk_work **work)
{
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        int64_t until_ms = LK_MIN(writer->wake_at_ms, writer->chore_at_ms);
        if (!tidied)
            until_ms = LK_MIN(until_ms, writer->tidy_at_ms);
        if (writer->inbox.first || writer->stopping || lk_mono_ms() >= until_ms)
            break;
        lk_cond_wait(&writer->arrived, &writer->lock, until_ms == INT64_MAX ? -1 : until_ms);
    }
    *work = writer->inbox.first;
    list_clear(&writer->inbox);
    bool go_on = *work || !writer->stopping;
    pthread_mutex_unlock(&writer->lock);
    return go_on;
}

static void *writer_main(void *arg)
{
    lk_writer *writer = arg;
    lk_work *work;
    bool tidied = false;
    while (next_batch(writer, tidied, &work)) {
        bool busy = work || lk_mono_ms() >= writer->wake_at_ms;
        if (busy)
            transact(writer, work);
        if (lk_mono_ms() >= writer->chore_at_ms) { /* also while requests keep coming */
            do_chore(writer);
            busy = true;
        }
        if (!busy)
            tidy(writer);
        tidied = !busy && writer->tidy_at_ms > 0;
    }
    return NULL;
}

int lk_writer_start(lk_store *store, const lk_writer_hooks *hooks, lk_writer **writer, lk_err *err)
{
    lk_writer *w = calloc(1, sizeof *w);
    *writer = NULL;
    if (!w)
        return LK_FAIL_NOMEM(err);
    w->store = store;
    w->hooks = *hooks;
    w->wake_at_ms = INT64_MAX;
    w->tidy_at_ms = lk_mono_ms() + TIDY_EVERY_MS;
    list_clear(&w->inbox);
    list_clear(&w->finished);
    pthread_mutex_init(&w->lock, NULL);
    int rc = lk_cond_init(&w->arrived, err);
    if (rc == 0)
        rc = lk_thread_start(&w->thread, writer_main, w, err);
    if (rc) {
        free(w);
        return rc;
    }
    *writer = w;
    return 0;
}

bool lk_writer_submit(lk_writer *writer, lk_work *work)
{
    pthread_mutex_lock(&writer->lock);
    bool taken = !writer->stopping;
    bool was_empty = !writer->inbox.first;
    if (taken)
        list_add(&writer->inbox, work);
    pthread_mutex_unlock(&writer->lock);
    if (taken && was_empty) /* else it was told already, or is at work and will look */
        pthread_cond_signal(&writer->arrived);
    return taken;
}

void lk_writer_stop(lk_writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_mutex_unlock(&writer->lock);
    pthread_cond_signal(&writer->arrived);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->arrived);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

/* --- Calls that wait ------------------------------------------------------------------------ */

typedef struct waiting_call {
    lk_work work;
    lk_writer_fn fn;
    void *ctx;
    int rc;
    lk_err err;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
} waiting_call;

static void run_call(lk_work *work, lk_writer *writer)
{
    waiting_call *call = (waiting_call *)work; /* its first member */
    call->rc = call->fn(call->ctx, writer->store, &call->err);
    if (call->rc < 0)
        lk_writer_abort(writer, &call->err);
    lk_writer_finish(writer, work);
}

static void end_call(lk_work *work, const lk_err *failure)
{
    waiting_call *call = (waiting_call *)work;
    pthread_mutex_lock(&call->lock);
    if (failure) {
        call->rc = failure->code;
        call->err = *failure;
    }
    call->over = true;
    pthread_cond_signal(&call->ended); /* inside: the waiter frees the lock's memory */
    pthread_mutex_unlock(&call->lock);
}

int lk_writer_call(lk_writer *writer, lk_writer_fn fn, void *ctx, lk_err *err)
{
    waiting_call call = {.work = {.run = run_call, .done = end_call},
                         .fn = fn,
                         .ctx = ctx,
                         .lock = PTHREAD_MUTEX_INITIALIZER,
                         .ended = PTHREAD_COND_INITIALIZER};
    if (!lk_writer_submit(writer, &call.work))
        return LK_FAIL(err, LK_E_IO, "the server is being stopped");
    pthread_mutex_lock(&call.lock);
    while (!call.over)
        pthread_cond_wait(&call.ended, &call.lock);
    pthread_mutex_unlock(&call.lock);
    pthread_cond_destroy(&call.ended);
    pthread_mutex_destroy(&call.lock);
    if (call.rc && err)
        *err = call.err;
    return call.rc;
}
