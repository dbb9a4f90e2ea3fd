/* SPDX-License-Identifier: MIT
 *
 * server_writer: the one thread that owns the store, and its group commit.
 *
 * Work is handed over in a list and run in order, as much as has arrived inside one transaction;
 * only after the commit is it told to be done. So 200 is never answered for what a kill -9 could
 * still take away, and sixteen clients share the price of one commit.
 */
#ifndef LK_LOCAL_SERVER_WRITER_H
#define LK_LOCAL_SERVER_WRITER_H

#include "store.h"

typedef struct lk_writer lk_writer;

/* One piece of work; embedded in what hands it over, which owns it. */
typedef struct lk_work {
    struct lk_work *next;
    /* On the writer thread, inside the transaction. Ends with lk_writer_finish, now or (a long
     * poll) in a later transaction. */
    void (*run)(struct lk_work *work, lk_writer *writer);
    /* On the writer thread, after the commit. failure NULL: what run did is durable; else the
     * transaction was rolled back (or run was not even called) and nothing of it happened. May free
     * the work, and may finish other work. */
    void (*done)(struct lk_work *work, const lk_err *failure);
} lk_work;

/* What the writer does besides: all on its thread. */
typedef struct lk_writer_hooks {
    /* Once per transaction, after its work: serves long polls. Returns the monotonic time (ms) by
     * which it wants to be called again without work; INT64_MAX: never. */
    int64_t (*turn)(void *ctx, lk_writer *writer);
    /* Work that has its time (move tasks), a bounded piece, in a transaction of its own: what it
     * fails for is not what requests fail for. chore_due is asked after each transaction: the
     * monotonic time (ms) by which chore is to be called; INT64_MAX: never. */
    int64_t (*chore_due)(void *ctx, const lk_store *store);
    int (*chore)(void *ctx, lk_store *store, lk_err *err);
    /* Work that can wait, a bounded piece, in a transaction of its own. *more: there is more. */
    int (*tidy)(void *ctx, lk_store *store, bool *more, lk_err *err);
    void *ctx;
} lk_writer_hooks;

/* store: used by the writer thread only until lk_writer_stop. */
int lk_writer_start(lk_store *store, const lk_writer_hooks *hooks, lk_writer **writer, lk_err *err);
/* Hands work over; true: it will be done. false: the writer is stopping, nothing happens.
 * Threads: any. */
bool lk_writer_submit(lk_writer *writer, lk_work *work) LK_CHECK;
/* Refuses work from now on, does what it has, ends the thread, frees. Accepts NULL. Work that waits
 * for a later transaction must have been finished before. */
void lk_writer_stop(lk_writer *writer);

/* Runs fn on the writer thread, inside a transaction, and waits until it is committed. Threads: any
 * but the writer's. */
typedef int (*lk_writer_fn)(void *ctx, lk_store *store, lk_err *err);
int lk_writer_call(lk_writer *writer, lk_writer_fn fn, void *ctx, lk_err *err);

/* --- For run and turn, on the writer thread ------------------------------------------------- */

lk_store *lk_writer_store(lk_writer *writer);
/* The work is complete; done is called after the commit. Once per work. */
void lk_writer_finish(lk_writer *writer, lk_work *work);
/* The store failed: the transaction will be rolled back, and all that is finished in it fails with
 * *why. */
void lk_writer_abort(lk_writer *writer, const lk_err *why);
bool lk_writer_aborted(const lk_writer *writer);

#endif
