/* SPDX-License-Identifier: MIT
 *
 * lk_test_round: one receive performed as a batch: what an invocation does, step by step.
 */
#ifndef LK_TEST_ROUND_H
#define LK_TEST_ROUND_H

#include "lk_test_local.h"

typedef struct lk_test_round {
    lk_test_receive receive;
    lk_batch *batch;
} lk_test_round;

/* Receives up to ten from the queue into a new batch. options: NULL for defaults. */
void lk_test_round_begin(lk_test_round *round, lk_test_local *local, const char *queue,
                         const lk_batch_options *options);
/* The same without a receive, for records of the test's own making. */
void lk_test_round_empty(lk_test_round *round, lk_client *client, const lk_batch_options *options);
/* The next job that may run, NULL when there is none. */
lk_job *lk_test_round_next(lk_test_round *round);
lk_decision lk_test_round_finish(lk_test_round *round, lk_job *job, lk_outcome_kind kind);
/* Takes the next job, which must have this id, starts it with `retry` and finishes it. */
lk_decision lk_test_round_perform(lk_test_round *round, const char *job_id, int retry,
                                  lk_outcome_kind kind);
/* Asks for the response, which must list that many failures; frees everything. */
void lk_test_round_end(lk_test_round *round, size_t failures);
/* The number of notes of a kind pulled so far and now; all others are dropped. *last (may be NULL)
 * gets the last one. */
size_t lk_test_round_notes(lk_test_round *round, lk_note_kind kind, lk_note *last);

#endif
