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
     * transaction was rolled back and nothing of it happened. May free the work. */
    void (*done)(struct lk_work *work, const lk_err *failure);
} lk_work;

/* What happens once per transaction, after its work: serving long polls. Returns the monotonic
 * time (ms) of the next call that is due without work, INT64_MAX: none. */
typedef struct lk_writer_hook {
    int64_t (*turn)(void *ctx, lk_writer *writer);
    void *ctx;
} lk_writer_hook;

/* store: borrowed, used by the writer thread only until lk_writer_stop. */
int lk_writer_start(lk_store *store, const lk_writer_hook *hook, lk_writer **writer, lk_err *err);
/* Hands work over; true: it will be done. false: the writer is closed, nothing happens.
 * Threads: any. */
bool lk_writer_submit(lk_writer *writer, lk_work *work);
/* Refuses work from now on, does what it has, ends the thread. Work that run neither finished nor
 * had finished by the hook's last turn is the caller's to deal with. */
void lk_writer_close(lk_writer *writer);
void lk_writer_free(lk_writer *writer); /* closes first; accepts NULL */

/* --- For run and turn, on the writer thread ------------------------------------------------- */

lk_store *lk_writer_store(lk_writer *writer);
/* The work is complete; done is called after the commit. Once per work. */
void lk_writer_finish(lk_writer *writer, lk_work *work);
/* The store failed: the transaction will be rolled back, and everything in it fails with *err. */
void lk_writer_abort(lk_writer *writer, const lk_err *err);

#endif
