/* SPDX-License-Identifier: MIT
 *
 * lk_test_round: see the header.
 */
#include "lk_test_round.h"

#include "lk_test.h"

void lk_test_round_empty(lk_test_round *round, lk_client *client, const lk_batch_options *options)
{
    lk_err err;
    *round = (lk_test_round){0};
    round->batch = lk_batch_new(client, options, &err);
    if (!round->batch)
        fail_msg("%s", err.message);
}

void lk_test_round_begin(lk_test_round *round, lk_test_local *local, const char *queue,
                         const lk_batch_options *options)
{
    lk_err err;
    lk_test_round_empty(round, lk_test_local_client(local), options);
    lk_test_local_receive(local, queue, &round->receive);
    for (size_t i = 0; i < round->receive.count; i++)
        assert_lk_ok(lk_batch_add(round->batch, &round->receive.records[i], &err));
}

lk_job *lk_test_round_next(lk_test_round *round)
{
    lk_err err;
    lk_job *job = NULL;
    int rc = lk_batch_next(round->batch, &job, &err);
    if (rc < 0)
        fail_msg("%s", err.message);
    assert_int_equal(rc == 1, job != NULL);
    return job;
}

lk_decision lk_test_round_finish(lk_test_round *round, lk_job *job, lk_outcome_kind kind)
{
    lk_err err;
    lk_decision decision = {0};
    lk_outcome outcome = LK_OUTCOME_INIT;
    outcome.kind = kind;
    assert_lk_ok(lk_batch_finish(round->batch, job, &outcome, &decision, &err));
    return decision;
}

lk_decision lk_test_round_perform(lk_test_round *round, const char *job_id, int retry,
                                  lk_outcome_kind kind)
{
    lk_err err;
    lk_decision decision = {0};
    lk_job_options options = LK_JOB_OPTIONS_INIT;
    options.retry = retry;
    lk_job *job = lk_test_round_next(round);
    if (!job)
        fail_msg("%s is not to be run", job_id);
    assert_slice(lk_job_id(job), job_id);
    assert_lk_ok(lk_batch_start(round->batch, job, &options, &decision, &err));
    assert_string_equal(lk_action_name(decision.action), "RUN");
    return lk_test_round_finish(round, job, kind);
}

void lk_test_round_end(lk_test_round *round, size_t failures)
{
    lk_err err;
    lk_slice json;
    assert_lk_ok(lk_batch_response(round->batch, &json, &err));
    assert_int_equal(lk_batch_failure_count(round->batch), failures);
    lk_batch_free(round->batch);
    lk_test_receive_clear(&round->receive);
}

size_t lk_test_round_notes(lk_test_round *round, lk_note_kind kind, lk_note *last)
{
    lk_note note;
    size_t count = 0;
    while (lk_batch_note(round->batch, &note)) {
        if (note.kind != kind)
            continue;
        count++;
        if (last)
            *last = note;
    }
    return count;
}
