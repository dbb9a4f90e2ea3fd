/* SPDX-License-Identifier: MIT
 *
 * batch: the steps of whoever performs the jobs of an event. See batch.h for the other files.
 *
 *     add ──> next ──> start ──> (the job runs) ──> finish ──> next … response
 *              │ SKIP, DEFER, HOP, DRAIN and foreign records are dealt with inside next
 *
 * Each step that touches SQS enters the client, so that two threads in one batch meet LK_E_BUSY.
 */
#include "batch.h"

#include <stdio.h>
#include <stdlib.h>

/* --- Life ----------------------------------------------------------------------------------- */

static int check_options(const lk_batch_options *options, lk_err *err)
{
    if (options->max_retries < 0 || options->max_retries > LK_MAX_RETRIES)
        return LK_FAIL(err, LK_E_INVALID, "max_retries is %d, not 0 to %d", options->max_retries,
                       LK_MAX_RETRIES);
    if (options->jitter_percent < 0 || options->jitter_percent > 100)
        return LK_FAIL(err, LK_E_INVALID, "jitter_percent is %d, not 0 to 100",
                       options->jitter_percent);
    if (options->guard_ms < 0 || options->deadline_ms < 0)
        return LK_FAIL(err, LK_E_INVALID, "guard_ms and deadline_ms cannot be negative");
    return 0;
}

lk_batch *lk_batch_new(lk_client *client, const lk_batch_options *options, lk_err *err)
{
    lk_batch_options given = LK_BATCH_OPTIONS_INIT;
    if (lk_options_take(&given, options, "LK_BATCH_OPTIONS_INIT", err) ||
        check_options(&given, err))
        return NULL;
    lk_batch *batch = calloc(1, sizeof(*batch));
    if (!batch) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    batch->client = client;
    batch->options = given;
    batch->received_at_ms = lk_batch_clock_ms(batch);
    const lk_env *env = lk_client_env(client);
    uint32_t id = 0;
    if (!env->random(env->ctx, &id, sizeof(id))) {
        LK_FAIL(err, LK_E_IO, "no random bytes from the system");
        lk_batch_free(batch);
        return NULL;
    }
    batch->tag_base = (uint64_t)id << 32;
    return batch;
}

void lk_batch_free(lk_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->count; i++)
        lk_job_free(batch->jobs[i]);
    free(batch->jobs);
    lk_groups_clear(&batch->groups);
    lk_notes_clear(&batch->notes);
    while (batch->queues) {
        lk_batch_queue *q = batch->queues;
        batch->queues = q->next;
        free(q);
    }
    lk_buf_clear(&batch->response);
    free(batch);
}

/* --- Adding --------------------------------------------------------------------------------- */

static int add(lk_batch *batch, const lk_record *record, lk_err *err)
{
    if (batch->started)
        return LK_FAIL(err, LK_E_INVALID, "the batch has begun: records come before its first job");
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? 2 * batch->capacity : 10;
        lk_job **grown = realloc(batch->jobs, capacity * sizeof(lk_job *));
        if (!grown)
            return LK_FAIL_NOMEM(err);
        batch->jobs = grown;
        batch->capacity = capacity;
    }
    int rc = lk_job_new(batch, record, &batch->jobs[batch->count], err);
    if (!rc)
        batch->count++;
    return rc;
}

int lk_batch_add(lk_batch *batch, const lk_record *record, lk_err *err)
{
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    rc = add(batch, record, err);
    lk_client_leave(batch->client);
    return rc;
}

int lk_batch_add_event(lk_batch *batch, lk_slice event_json, lk_err *err)
{
    lk_event *event = NULL;
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    rc = lk_event_parse(event_json, &event, err);
    for (size_t i = 0; !rc && i < lk_event_count(event); i++)
        rc = add(batch, lk_event_at(event, i), err);
    lk_event_free(event);
    lk_client_leave(batch->client);
    return rc;
}

/* --- Before a job --------------------------------------------------------------------------- */

static void close_faulty(lk_batch *batch, lk_job *job)
{
    lk_note note = lk_job_note(job, LK_NOTE_FOREIGN, true, -1);
    lk_notes_add(&batch->notes, &note, "the record %s; it is reported failed and left alone",
                 job->fault);
    job->state = LK_JOB_CLOSED;
    job->failed = true;
    lk_job_facts facts = lk_job_facts_now(job);
    if (!lk_job_is_last_receive(&facts)) /* else it will not come back: nobody need wait for it */
        lk_group_hold(job->group, -1, lk_batch_mono_ms(batch));
}

/* What holds the group up may have made no call: then its queue's VisibilityTimeout counts. */
static int group_wait(lk_batch *batch, lk_job *job, bool may_ask, int64_t *wait_s, lk_err *err)
{
    *wait_s = lk_group_wait_s(job->group, lk_batch_mono_ms(batch));
    if (*wait_s >= 0)
        return 0;
    int rc = may_ask ? lk_batch_need_attributes(batch, job, -1, err) : 0;
    *wait_s = job->queue->attributes.visibility_s;
    return rc;
}

/* The job's class is not known yet: as if it wanted all the retries there are. lk_batch_start looks
 * again when it is. */
static lk_job_facts facts_before(lk_job *job)
{
    lk_job_facts facts = lk_job_facts_now(job);
    facts.retry = LK_RETRY_MAX;
    return facts;
}

static int decide_before(lk_batch *batch, lk_job *job, lk_decision *decision, lk_err *err)
{
    if (lk_group_held(job->group)) {
        lk_job_facts facts = facts_before(job);
        facts.group_blocked = true;
        int rc = group_wait(batch, job, true, &facts.group_wait_s, err);
        *decision = lk_job_before(&facts);
        return rc;
    }
    lk_job_facts facts = facts_before(job);
    *decision = lk_job_before(&facts);
    /* Deferring must leave a receive to run in, draining must lead somewhere: both depend on the
     * queue's redrive policy. */
    bool depends = lk_job_is_spent(&facts) || decision->action == LK_DEFER ||
                   (decision->action == LK_HOP && facts.fifo);
    if (!depends || job->queue->attributes_known)
        return 0;
    int rc = lk_batch_need_attributes(batch, job, -1, err);
    facts = facts_before(job);
    *decision = lk_job_before(&facts);
    return rc;
}

static void say_held_back(lk_batch *batch, const lk_job *job, const lk_decision *decision)
{
    char until[64] = "it comes back when the queue's VisibilityTimeout ends";
    if (decision->wait_s >= 0)
        (void)snprintf(until, sizeof(until), "hidden for %lld s", (long long)decision->wait_s);
    lk_note note = lk_job_note(job, LK_NOTE_SKIPPED, false, decision->wait_s);
    if (decision->action == LK_SKIP) {
        lk_notes_add(&batch->notes, &note, "an earlier job of its FIFO group is still to come; %s",
                     until);
    } else if (decision->action == LK_DEFER) {
        note.kind = LK_NOTE_DEFERRED;
        lk_notes_add(&batch->notes, &note, "not due yet; %s", until);
    } else {
        note.kind = LK_NOTE_DRAINED;
        lk_notes_add(&batch->notes, &note,
                     decision->dead
                         ? "its tries are used up; not run, on its way to the dead-letter queue"
                         : "its tries are used up, but for one at its message's last receive");
    }
}

/* Deals with a job as decided. 1: hand it out; 0: it is closed. */
static int act_before(lk_batch *batch, lk_job *job, const lk_decision *decision, lk_err *err)
{
    int rc = decision->sleep_ms > 0 ? lk_outbox_sleep(batch->client, decision->sleep_ms, err) : 0;
    if (rc || decision->action == LK_RUN)
        return rc ? rc : 1;
    if (decision->action == LK_HOP)
        return lk_batch_hop(batch, job, err);
    say_held_back(batch, job, decision);
    lk_batch_carry_out(batch, job, decision);
    return 0;
}

/* 1: the job may run; 0: it is closed; negative: an error, the job is as before. */
static int look_at(lk_batch *batch, lk_job *job, lk_err *err)
{
    lk_decision decision;
    int rc = 0;
    if (job->fault) {
        if (job->group && job->queue) /* whether it holds up its group depends on them */
            rc = lk_batch_need_attributes(batch, job, -1, err);
        if (!rc)
            close_faulty(batch, job);
        return rc;
    }
    rc = decide_before(batch, job, &decision, err);
    return rc ? rc : act_before(batch, job, &decision, err);
}

/* --- Ending early --------------------------------------------------------------------------- */

/* INT64_MAX without a deadline, which is real time. */
static int64_t time_left_ms(const lk_batch *batch)
{
    if (batch->options.deadline_ms == 0)
        return INT64_MAX;
    const lk_env *env = lk_client_env(batch->client);
    return batch->options.deadline_ms - env->wall_ms(env->ctx);
}

static bool time_is_up(const lk_batch *batch)
{
    int64_t left_ms = time_left_ms(batch);
    return left_ms <= 0 || left_ms < batch->options.guard_ms;
}

/* Sending a job anew takes a moment, and each invocation must get something done, or its jobs would
 * be sent round and round. */
static bool may_hop_unstarted(const lk_batch *batch)
{
    const int64_t enough_ms = 500;
    return batch->worked && !batch->hop_refused && time_left_ms(batch) >= enough_ms;
}

/* What is to be done with a job that is not run now; after HOP nothing: it has been sent anew.
 * blocked: it stands behind another one of its group. */
static lk_decision release_unstarted(lk_batch *batch, lk_job *job, bool blocked)
{
    bool may_hop = may_hop_unstarted(batch);
    lk_err ignored;
    lk_job_facts facts = lk_job_facts_now(job);
    facts.alone_in_group = lk_job_alone_in_group(job);
    facts.group_blocked = blocked;
    if (blocked) /* no question to SQS for that: time is up */
        (void)group_wait(batch, job, false, &facts.group_wait_s, &ignored);
    lk_decision decision = lk_job_unstarted(&facts, may_hop);
    if (may_hop && decision.action != LK_HOP && !job->queue->attributes_known) {
        (void)lk_batch_need_attributes(batch, job, -1, &ignored); /* is it the last receive? */
        facts.max_receive_count = job->queue->attributes.max_receive_count;
        decision = lk_job_unstarted(&facts, may_hop);
    }
    bool refused = decision.action == LK_HOP && !lk_batch_hop_unstarted(batch, job);
    return refused ? lk_job_unstarted(&facts, false) : decision;
}

/* A follower in a held group waits for its head as ever: given back at once it would be received
 * with it, and spend its receives without a run. */
static void close_unstarted(lk_batch *batch, lk_job *job)
{
    lk_decision decision = release_unstarted(batch, job, lk_group_held(job->group));
    if (decision.action == LK_SKIP) {
        say_held_back(batch, job, &decision);
        lk_batch_carry_out(batch, job, &decision);
    } else if (decision.action != LK_HOP) {
        lk_batch_give_back(batch, job);
    }
}

void lk_batch_close_new(lk_batch *batch)
{
    for (; batch->cursor < batch->count; batch->cursor++) {
        lk_job *job = batch->jobs[batch->cursor];
        if (job->fault)
            close_faulty(batch, job);
        else
            close_unstarted(batch, job);
    }
}

void lk_batch_stop(lk_batch *batch)
{
    batch->stopped = true;
}

/* --- Next ----------------------------------------------------------------------------------- */

static int next_job(lk_batch *batch, lk_job **found, lk_err *err)
{
    while (batch->cursor < batch->count) {
        if (batch->stopped || time_is_up(batch)) {
            lk_batch_close_new(batch);
            return 0;
        }
        lk_job *job = batch->jobs[batch->cursor];
        int rc = look_at(batch, job, err);
        if (rc < 0)
            return rc;
        batch->cursor++;
        if (rc == 1) {
            job->state = LK_JOB_HANDED_OUT;
            lk_group_hold(job->group, -1, lk_batch_mono_ms(batch));
            *found = job;
            return 1;
        }
    }
    return 0;
}

int lk_batch_next(lk_batch *batch, lk_job **job, lk_err *err)
{
    *job = NULL;
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    batch->started = true;
    rc = lk_outbox_pump(batch->client, err);
    lk_batch_collect(batch);
    if (!rc)
        rc = next_job(batch, job, err);
    lk_client_leave(batch->client);
    return rc;
}

/* --- Start, decide, finish ------------------------------------------------------------------ */

static int check_open(const lk_batch *batch, const lk_job *job, lk_err *err)
{
    if (job->batch != batch)
        return LK_FAIL(err, LK_E_INVALID, "the job belongs to another batch");
    if (batch->answered)
        return LK_FAIL(err, LK_E_INVALID, "the batch has given its response already");
    if (job->state != LK_JOB_HANDED_OUT)
        return LK_FAIL(err, LK_E_INVALID, "the job is finished already");
    return 0;
}

/* Its class is known now. Due time and group were looked at before it was handed out. */
static lk_job_facts facts_start(lk_job *job)
{
    lk_job_facts facts = lk_job_facts_now(job);
    facts.due_at_ms = 0;
    return facts;
}

static int start(lk_batch *batch, lk_job *job, lk_decision *decision, lk_err *err)
{
    int rc = check_open(batch, job, err);
    if (rc)
        return rc;
    lk_job_facts facts = facts_start(job);
    if (lk_job_is_spent(&facts)) {
        rc = lk_batch_need_attributes(batch, job, -1, err);
        facts = facts_start(job);
    }
    if (rc)
        return rc;
    *decision = lk_job_before(&facts);
    if (decision->action == LK_RUN)
        return 0;
    say_held_back(batch, job, decision);
    lk_batch_carry_out(batch, job, decision);
    return 0;
}

int lk_batch_start(lk_batch *batch, lk_job *job, const lk_job_options *options,
                   lk_decision *decision, lk_err *err)
{
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    lk_job_options given = LK_JOB_OPTIONS_INIT;
    rc = lk_options_take(&given, options, "LK_JOB_OPTIONS_INIT", err);
    if (!rc && options)
        job->options = given;
    if (!rc)
        rc = start(batch, job, decision, err);
    lk_client_leave(batch->client);
    return rc;
}

/* No random number, no jitter: it is a nicety. */
static void add_jitter(const lk_job *job, lk_job_facts *facts)
{
    const lk_env *env = lk_client_env(job->batch->client);
    int own = job->options.jitter_percent;
    int percent = own >= 0 ? own : job->batch->options.jitter_percent;
    if (percent > 0 && env->random(env->ctx, &facts->random, sizeof(facts->random)))
        facts->jitter_percent = percent;
}

static lk_decision decide_after(lk_job *job, const lk_outcome *outcome)
{
    lk_job_facts facts = lk_job_facts_now(job);
    facts.undeletable = outcome->kind == LK_POISON;
    facts.hopeless = outcome->kind == LK_HOPELESS;
    if (outcome->kind == LK_FAILED)
        facts.retry_in_s = outcome->retry_in_s;
    add_jitter(job, &facts);
    return lk_job_after(&facts, outcome->kind == LK_DONE);
}

/* A failure is decided on the queue's attributes, whatever their age; a delete that it causes, on
 * fresh ones: a redrive policy that was added meanwhile saves the job. */
static int decide_failure(lk_batch *batch, lk_job *job, const lk_outcome *outcome,
                          lk_decision *decision, lk_err *err)
{
    const int64_t fresh_ms = 10000;
    int rc = lk_batch_need_attributes(batch, job, -1, err);
    if (rc)
        return rc;
    *decision = decide_after(job, outcome);
    if (decision->action != LK_DELETE)
        return 0;
    rc = lk_batch_need_attributes(batch, job, fresh_ms, err);
    *decision = decide_after(job, outcome);
    return rc;
}

static int decide(lk_batch *batch, lk_job *job, const lk_outcome *given, lk_err *err)
{
    lk_decision decision = {.action = LK_RETRY, .wait_s = 0}; /* LK_UNTOUCHED, see finish */
    lk_outcome outcome = LK_OUTCOME_INIT;
    int rc = lk_options_take(&outcome, given, "LK_OUTCOME_INIT", err);
    if (!rc)
        rc = check_open(batch, job, err);
    if (rc)
        return rc;
    if (outcome.kind == LK_DONE)
        decision = decide_after(job, &outcome);
    else if (outcome.kind != LK_UNTOUCHED)
        rc = decide_failure(batch, job, &outcome, &decision, err);
    job->decided = !rc;
    job->untouched = outcome.kind == LK_UNTOUCHED;
    job->decision = decision;
    return rc;
}

int lk_batch_decide(lk_batch *batch, lk_job *job, const lk_outcome *outcome, lk_decision *decision,
                    lk_err *err)
{
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    rc = decide(batch, job, outcome, err);
    if (!rc && decision)
        *decision = job->decision;
    lk_client_leave(batch->client);
    return rc;
}

static int finish(lk_batch *batch, lk_job *job, const lk_outcome *outcome, lk_err *err)
{
    int rc = outcome ? decide(batch, job, outcome, err) : check_open(batch, job, err);
    if (rc)
        return rc;
    if (!job->decided)
        return LK_FAIL(err, LK_E_INVALID, "no outcome, and lk_batch_decide was told of none");
    if (job->untouched)
        job->decision = release_unstarted(batch, job, false);
    if (job->decision.action == LK_HOP)
        lk_group_release(job->group);
    else
        lk_batch_carry_out(batch, job, &job->decision);
    batch->worked = batch->worked || !job->untouched;
    lk_err ignored; /* the job is closed; what ails the connection shows when the batch settles */
    (void)lk_outbox_pump(batch->client, &ignored);
    lk_batch_collect(batch);
    return 0;
}

int lk_batch_finish(lk_batch *batch, lk_job *job, const lk_outcome *outcome, lk_decision *decision,
                    lk_err *err)
{
    int rc = lk_client_enter(batch->client, err);
    if (rc)
        return rc;
    rc = finish(batch, job, outcome, err);
    if (!rc && decision)
        *decision = job->decision;
    lk_client_leave(batch->client);
    return rc;
}

/* --- Notes ---------------------------------------------------------------------------------- */

int lk_batch_note(lk_batch *batch, lk_note *note)
{
    return lk_notes_pull(&batch->notes, note) ? 1 : 0;
}
