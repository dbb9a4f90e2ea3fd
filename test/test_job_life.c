/* SPDX-License-Identifier: MIT
 *
 * test_job_life: whole lives of messages, from send to dead-letter queue, in a model of SQS.
 *
 * The model knows what AWS promises: receive counts, visibility, the move to the dead-letter queue
 * at the attempt after the last receive, retention also in flight, FIFO groups that stop at their
 * first hidden message. Jobs always fail. Decisions are job.c's, d is event.c's.
 */
#include "lk_test.h"

#include "event.h"
#include "job.h"

enum { MAX_GROUP = 8, MAX_RECEIVES = 5000, VISIBILITY_S = 301, RUN_MS = 100 };

static const int64_t start_ms = INT64_C(1700000000000);

typedef enum life_end { ALIVE, IN_DLQ, DELETED, VANISHED } life_end;

typedef struct life {
    lk_record record;      /* as the next event will show it */
    int64_t visible_at_ms; /* when it can be received */
    int runs;
    int hops;               /* fresh sends on the way to its start time */
    int last_receive_count; /* of its last run */
    int retry;              /* its class's, LK_RETRY_UNSET: the world's */
    int last_skip;          /* receive count when it last waited for its group */
    bool seen_dead;
    int64_t first_run_at_ms;
    int64_t last_run_at_ms;
    life_end end;
} life;

/* A queue, the function behind it, and the jobs of one FIFO group (a single one if standard). */
typedef struct world {
    int max_receive_count; /* the queue's: 0 = no redrive policy */
    bool attributes_unknown;
    int64_t retention_s;
    lk_job_facts options; /* retry, max_retries, dead, undeletable */
    int crashes_at_run;   /* the process dies in that run of every job; 0: never */
    bool many_processes;  /* none sees twice the same message */
    int starts_max;       /* jobs that an invocation has time for; 0: all */
    int64_t now_ms;
    life jobs[MAX_GROUP]; /* in queue order */
    size_t count;
} world;

static world make_world(bool fifo, int max_receive_count, size_t count)
{
    world w = {.max_receive_count = max_receive_count,
               .retention_s = 345600,
               .options = LK_JOB_FACTS_INIT,
               .now_ms = start_ms,
               .count = count};
    w.options.fifo = fifo;
    for (size_t i = 0; i < count; i++) {
        lk_record *r = &w.jobs[i].record;
        lk_record_init(r);
        r->receive_count = 0;
        r->sent_at_ms = start_ms;
        r->event_source_arn = lk_slice_of(fifo ? "arn:aws:sqs:us-east-1:000000000000:jobs.fifo"
                                               : "arn:aws:sqs:us-east-1:000000000000:jobs");
        w.jobs[i].visible_at_ms = start_ms;
        w.jobs[i].retry = LK_RETRY_UNSET;
    }
    return w;
}

/* As message.c lays out a start time. */
static void send_for(world *w, life *job, int64_t due_at_ms)
{
    int64_t wait_ms = LK_MAX(due_at_ms - w->now_ms, 0);
    int64_t delay_s = LK_MIN((wait_ms + 999) / 1000, 900);
    lk_record *r = &job->record;
    r->receive_count = 0;
    r->first_receive_at_ms = 0;
    r->sent_at_ms = w->now_ms;
    r->delay_s = w->options.fifo ? delay_s : 0;
    r->due_at_ms = w->options.fifo || wait_ms > 900000 ? due_at_ms : 0;
    job->visible_at_ms = w->now_ms + (w->options.fifo ? 0 : delay_s * 1000);
}

/* --- SQS ------------------------------------------------------------------------------------ */

static bool expire(world *w, life *job)
{
    if (w->now_ms >= job->record.sent_at_ms + w->retention_s * 1000)
        job->end = VANISHED;
    return job->end == VANISHED;
}

/* One receive call: which jobs of the group are delivered now. */
static size_t receive(world *w, life **batch)
{
    size_t received = 0;
    for (size_t i = 0; i < w->count; i++) {
        life *job = &w->jobs[i];
        if (job->end != ALIVE || expire(w, job))
            continue;
        if (job->visible_at_ms > w->now_ms) {
            if (w->options.fifo)
                break; /* hidden: holds its group */
            continue;
        }
        if (w->max_receive_count > 0 && job->record.receive_count >= w->max_receive_count) {
            job->end = IN_DLQ;
            continue;
        }
        if (job->record.receive_count++ == 0)
            job->record.first_receive_at_ms = w->now_ms;
        job->visible_at_ms = w->now_ms + VISIBILITY_S * 1000;
        batch[received++] = job;
    }
    return received;
}

/* Moves time on to the next moment at which something can be received. False: all have ended. */
static bool wait_for_head(world *w)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < w->count; i++) {
        if (w->jobs[i].end != ALIVE)
            continue;
        next_ms = LK_MIN(next_ms, w->jobs[i].visible_at_ms);
        if (w->options.fifo)
            break;
    }
    if (next_ms < INT64_MAX)
        w->now_ms = LK_MAX(w->now_ms, next_ms);
    return next_ms < INT64_MAX;
}

/* --- The function --------------------------------------------------------------------------- */

static lk_job_facts facts_of(const world *w, const life *job, int64_t received_at_ms)
{
    lk_job_facts f = w->options;
    f.receive_count = job->record.receive_count;
    f.delay_receives = lk_record_delay_receives(&job->record);
    f.due_at_ms = lk_record_due_at_ms(&job->record);
    f.max_receive_count = w->attributes_unknown ? LK_MAX_RECEIVE_UNKNOWN : w->max_receive_count;
    f.retention_s = w->attributes_unknown ? 0 : w->retention_s;
    f.sent_at_ms = job->record.sent_at_ms;
    f.received_at_ms = received_at_ms;
    f.now_ms = w->now_ms;
    f.uncounted_delays = lk_record_uncounted_delays(&job->record);
    f.alone_in_group = w->count == 1;
    f.seen_dead = job->seen_dead && !w->many_processes;
    if (job->retry != LK_RETRY_UNSET)
        f.retry = job->retry;
    return f;
}

static void hop(world *w, life *job)
{
    send_for(w, job, lk_record_due_at_ms(&job->record));
    job->hops++;
}

static void apply(world *w, life *job, const lk_decision *d)
{
    job->seen_dead = job->seen_dead || d->dead;
    if (d->action == LK_SKIP)
        job->last_skip = job->record.receive_count;
    if (d->action == LK_DELETE)
        job->end = DELETED;
    else if (d->action == LK_HOP)
        hop(w, job);
    else if (d->wait_s >= 0)
        job->visible_at_ms = w->now_ms + d->wait_s * 1000;
}

/* Runs a job, which fails; returns what was decided. A crash leaves it to its visibility. */
static lk_decision run(world *w, life *job, int64_t received_at_ms)
{
    assert_true(w->now_ms >= lk_record_due_at_ms(&job->record)); /* never early */
    if (job->runs++ == 0)
        job->first_run_at_ms = w->now_ms;
    job->last_run_at_ms = w->now_ms;
    job->last_receive_count = job->record.receive_count;
    w->now_ms += RUN_MS;
    if (job->runs == w->crashes_at_run)
        return (lk_decision){.action = LK_LEAVE_FOR_DLQ, .wait_s = -1};
    lk_job_facts f = facts_of(w, job, received_at_ms);
    return lk_job_after(&f, false);
}

/* One invocation, as the batch conducts it: a record that is still to come holds up the others. */
static void invoke(world *w, life **batch, size_t count)
{
    int64_t received_at_ms = w->now_ms;
    bool blocked = false;
    int64_t head_wait_s = -1;
    int starts = 0;
    for (size_t i = 0; i < count; i++) {
        bool time_is_up = w->starts_max > 0 && starts == w->starts_max;
        lk_job_facts f = facts_of(w, batch[i], received_at_ms);
        f.group_blocked = blocked;
        f.group_wait_s = head_wait_s;
        lk_decision d = time_is_up ? lk_job_unstarted(&f, true) : lk_job_before(&f);
        w->now_ms += d.sleep_ms;
        if (d.action == LK_RUN) {
            d = run(w, batch[i], received_at_ms);
            starts++;
        }
        apply(w, batch[i], &d);
        bool gone = d.dead || d.action == LK_DELETE || d.action == LK_HOP || !w->options.fifo;
        if (!blocked && !gone) {
            blocked = true;
            head_wait_s = d.wait_s;
        }
    }
}

static void live(world *w)
{
    for (int i = 0; i < MAX_RECEIVES; i++) {
        if (!wait_for_head(w))
            return;
        life *batch[MAX_GROUP];
        invoke(w, batch, receive(w, batch));
    }
    fail_msg("a message that never ends: receive %d, maxReceiveCount %d, retry %d",
             w->jobs[0].record.receive_count, w->max_receive_count, w->options.retry);
}

static const char *end_name(life_end end)
{
    static const char *const names[] = {"alive", "in the DLQ", "deleted", "vanished"};
    return names[end];
}

static void expect_life(const world *w, int runs, life_end end)
{
    const life *job = &w->jobs[0];
    if (job->runs != runs || job->end != end)
        fail_msg("%d runs, %s; expected %d, %s: maxReceiveCount %d, retry %d, max_retries %d, "
                 "fifo %d, dead %d, unknown %d",
                 job->runs, end_name(job->end), runs, end_name(end), w->max_receive_count,
                 w->options.retry, w->options.max_retries, w->options.fifo, w->options.dead,
                 w->attributes_unknown);
}

/* --- One job, every queue and every limit --------------------------------------------------- */

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* 13 for retry: true and for the default; the class's number wins over the configured one. */
static int tries_asked_for(const world *w)
{
    if (w->options.retry == LK_RETRY_MAX)
        return 13;
    return 1 + (w->options.retry >= 0 ? w->options.retry : w->options.max_retries);
}

typedef void (*world_check)(world *w);

static void each_world(int first_max_receive_count, world_check check)
{
    static const int retries[] = {LK_RETRY_UNSET, LK_RETRY_MAX, 0, 1, 5, 12};
    static const int max_retries[] = {0, 5, 12};
    for (int mrc = first_max_receive_count; mrc <= 100; mrc++) {
        for (size_t i = 0; i < LK_COUNT(retries) * LK_COUNT(max_retries) * 6; i++) {
            world w = make_world(i % 2, mrc, 1);
            w.options.dead = (lk_dead_mode)(i / 2 % 3);
            w.options.retry = retries[i / 6 % LK_COUNT(retries)];
            w.options.max_retries = max_retries[i / 6 / LK_COUNT(retries)];
            check(&w);
        }
    }
}

/* Nobody keeps dead jobs of this class; or its own number of retries is used up, the queue would
 * have given more, and nobody asked to keep it. */
static bool dies_deleted(const world *w, int tries)
{
    bool by_its_own_limit = w->options.retry >= 0 && tries < w->max_receive_count;
    return w->options.dead == LK_DEAD_DEFAULT ? by_its_own_limit
                                              : w->options.dead == LK_DEAD_DELETE;
}

static void check_redrive(world *w)
{
    int tries = smallest(13, tries_asked_for(w), w->max_receive_count);
    live(w);
    expect_life(w, tries, dies_deleted(w, tries) ? DELETED : IN_DLQ);
}

static void a_failing_job_has_its_tries_and_ends_in_the_dead_letter_queue(void **state)
{
    (void)state;
    each_world(1, check_redrive);
}

static void check_crash(world *w)
{
    int tries = smallest(13, tries_asked_for(w), w->max_receive_count);
    bool runs_again = dies_deleted(w, tries) && tries < w->max_receive_count;
    bool deleted = w->options.dead == LK_DEAD_DELETE || tries + 1 < w->max_receive_count;
    w->crashes_at_run = tries;
    live(w);
    /* Its last try never ended. If death means deletion it is tried once more, because a crash is
     * no failure of the job; else it is drained, unrun. */
    if (runs_again)
        expect_life(w, tries + 1, deleted ? DELETED : IN_DLQ);
    else
        expect_life(w, tries, IN_DLQ);
}

static void a_crash_in_the_last_try_loses_nothing(void **state)
{
    (void)state;
    each_world(1, check_crash);
}

static void check_unknown(world *w)
{
    int tries = smallest(13, tries_asked_for(w), w->max_receive_count);
    w->attributes_unknown = true;
    live(w);
    expect_life(w, tries, IN_DLQ);
}

static void a_job_of_a_queue_that_cannot_be_asked_is_never_deleted(void **state)
{
    (void)state;
    each_world(1, check_unknown);
}

static void check_poison(world *w)
{
    int tries = smallest(13, tries_asked_for(w), w->max_receive_count);
    w->options.undeletable = true;
    live(w);
    expect_life(w, tries, IN_DLQ);
}

static void a_poison_record_ends_in_the_dead_letter_queue(void **state)
{
    (void)state;
    each_world(1, check_poison);
}

static void without_a_redrive_policy_a_job_runs_once_and_is_deleted(void **state)
{
    (void)state;
    static const int retries[] = {LK_RETRY_UNSET, LK_RETRY_MAX, 0, 5};
    for (size_t i = 0; i < LK_COUNT(retries); i++) {
        world w = make_world(i % 2, LK_MAX_RECEIVE_NONE, 1);
        w.options.retry = retries[i];
        live(&w);
        expect_life(&w, 1, DELETED);
    }
}

static void without_a_redrive_policy_nothing_unknown_or_poisoned_is_deleted(void **state)
{
    (void)state;
    world w = make_world(false, LK_MAX_RECEIVE_NONE, 1);
    w.attributes_unknown = true;
    live(&w);
    expect_life(&w, 13, VANISHED); /* kept for as long as the queue keeps anything */

    w = make_world(false, LK_MAX_RECEIVE_NONE, 1);
    w.options.undeletable = true;
    live(&w);
    assert_int_equal(w.jobs[0].end, VANISHED);
    assert_true(w.jobs[0].runs > 1000); /* tried again each time the queue offers it */
}

static void the_ladder_takes_eleven_and_a_half_hours(void **state)
{
    (void)state;
    world w = make_world(false, 13, 1);
    live(&w);
    expect_life(&w, 13, IN_DLQ);
    assert_int_equal(w.jobs[0].last_run_at_ms - w.jobs[0].first_run_at_ms,
                     41324 * 1000 + 12 * RUN_MS);
}

/* --- Retention ------------------------------------------------------------------------------ */

static void a_failing_job_reaches_the_dead_letter_queue_before_retention_ends(void **state)
{
    (void)state;
    static const int64_t retentions_s[] = {60, 61, 120, 600, 3600, 43200, 86400};
    for (size_t i = 0; i < LK_COUNT(retentions_s); i++) {
        for (int mrc = 1; mrc <= 14; mrc++) {
            world w = make_world(mrc % 2, mrc, 1);
            w.retention_s = retentions_s[i];
            live(&w);
            expect_life(&w, smallest(13, mrc, 13), IN_DLQ);
        }
    }
}

/* --- Delays --------------------------------------------------------------------------------- */

static const int64_t delays_s[] = {1, 30, 899, 900, 901, 3600, 43200, 86400, 864000};

static void a_delayed_standard_job_starts_on_time_and_has_all_its_tries(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_COUNT(delays_s); i++) {
        for (int mrc = 1; mrc <= 14; mrc++) {
            world w = make_world(false, mrc, 1);
            send_for(&w, &w.jobs[0], start_ms + delays_s[i] * 1000);
            live(&w);
            expect_life(&w, smallest(13, mrc, 13), IN_DLQ);
            assert_int_equal(w.jobs[0].first_run_at_ms, start_ms + delays_s[i] * 1000);
        }
    }
}

/* A deferral spends one receive, unless the last thing that happened was a fresh send. */
static void a_delayed_fifo_job_starts_on_time_and_has_its_tries(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_COUNT(delays_s); i++) {
        for (int mrc = 2; mrc <= 16; mrc++) {
            world w = make_world(true, mrc, 1);
            send_for(&w, &w.jobs[0], start_ms + delays_s[i] * 1000);
            live(&w);
            const life *job = &w.jobs[0];
            assert_int_equal(job->first_run_at_ms, start_ms + delays_s[i] * 1000);
            assert_int_equal(job->end, IN_DLQ);
            assert_true(job->runs == smallest(13, mrc, 13) ||
                        job->runs == smallest(13, mrc - 1, 13));
            assert_true(job->hops <= delays_s[i] / 42000);
        }
    }
}

static void where_one_receive_is_all_a_delayed_fifo_job_is_sent_anew_each_second(void **state)
{
    (void)state;
    world w = make_world(true, 1, 1);
    send_for(&w, &w.jobs[0], start_ms + 3600 * 1000);
    live(&w);
    expect_life(&w, 1, IN_DLQ);
    assert_int_equal(w.jobs[0].first_run_at_ms, start_ms + 3600 * 1000);
    assert_in_range(w.jobs[0].hops, 3500, 3600);
}

static void a_delayed_fifo_job_runs_also_where_there_is_one_receive(void **state)
{
    (void)state;
    static const int expected_runs[] = {1, 1, 2};
    for (int mrc = 1; mrc <= 3; mrc++) {
        world w = make_world(true, mrc, 1);
        send_for(&w, &w.jobs[0], start_ms + 2500);
        live(&w);
        expect_life(&w, expected_runs[mrc - 1], IN_DLQ);
    }
}

static void the_thirteen_tries_of_a_delayed_fifo_job_need_fourteen_receives(void **state)
{
    (void)state;
    world w = make_world(true, 14, 1);
    send_for(&w, &w.jobs[0], start_ms + 60000);
    live(&w);
    expect_life(&w, 13, IN_DLQ);
    assert_int_equal(w.jobs[0].last_receive_count, 14);
    assert_int_equal(w.jobs[0].last_run_at_ms - w.jobs[0].first_run_at_ms,
                     41324 * 1000 + 12 * RUN_MS);
}

/* --- Groups --------------------------------------------------------------------------------- */

static void every_job_of_a_failing_group_runs_before_it_is_dead(void **state)
{
    (void)state;
    for (int mrc = 1; mrc <= 20; mrc++) {
        for (size_t count = 2; count <= MAX_GROUP; count++) {
            world w = make_world(true, mrc, count);
            w.retention_s = 1209600;
            live(&w);
            for (size_t i = 0; i < count; i++) {
                assert_true(w.jobs[i].runs >= 1);
                assert_int_equal(w.jobs[i].end, IN_DLQ);
            }
        }
    }
}

static void check_unequal_group(world *w)
{
    live(w);
    for (size_t i = 0; i < w->count; i++) {
        const life *job = &w->jobs[i];
        int tries = job->retry == LK_RETRY_UNSET ? 13 : job->retry + 1;
        int most = w->attributes_unknown && w->many_processes ? w->max_receive_count : tries + 1;
        /* Where the queue cannot be asked nobody knows that a receive is the last one. */
        bool excused = w->attributes_unknown && job->last_skip == w->max_receive_count;
        if ((job->runs < 1 && !excused) || job->runs > most || job->end != IN_DLQ)
            fail_msg("%zu of %zu: %d runs of %d, %s; maxReceiveCount %d, unknown %d, processes %d",
                     i, w->count, job->runs, tries, end_name(job->end), w->max_receive_count,
                     w->attributes_unknown, w->many_processes);
    }
}

/* A head of many retries, and followers of few whose tries seem spent when their turn comes. */
static void each_unequal_group(bool unknown)
{
    for (int mrc = 1; mrc <= 20; mrc++) {
        for (size_t i = 0; i < 7 * 6 * 2; i++) {
            world w = make_world(true, mrc, 2 + i % 7);
            w.attributes_unknown = unknown;
            w.options.dead = LK_DEAD_DLQ;
            w.retention_s = 1209600;
            w.many_processes = i / (7 * 6);
            for (size_t j = 1; j < w.count; j++)
                w.jobs[j].retry = (int)(i / 7 % 6);
            check_unequal_group(&w);
        }
    }
}

static void followers_of_few_tries_run_behind_a_head_of_many(void **state)
{
    (void)state;
    each_unequal_group(false);
}

static void so_they_do_where_the_queue_cannot_be_asked(void **state)
{
    (void)state;
    each_unequal_group(true);
}

static void a_dead_job_is_tried_once_more_at_most_by_those_who_did_not_see_it_die(void **state)
{
    (void)state;
    for (int retry = 0; retry <= 12; retry++) {
        world w = make_world(true, 20, 2);
        w.options.dead = LK_DEAD_DLQ;
        w.options.retry = retry;
        live(&w);
        expect_life(&w, retry + 1, IN_DLQ);
        w = make_world(true, 20, 2);
        w.options.dead = LK_DEAD_DLQ;
        w.options.retry = retry;
        w.many_processes = true;
        live(&w);
        expect_life(&w, retry + 2, IN_DLQ);
    }
}

static void a_follower_spends_at_most_every_second_receive_of_its_head(void **state)
{
    (void)state;
    world w = make_world(true, 13, 2);
    live(&w);
    assert_int_equal(w.jobs[0].runs, 13);
    assert_int_equal(w.jobs[1].runs, 7); /* skipped in 6 of the head's 13 receives */
}

static void jobs_of_a_group_never_overtake_each_other(void **state)
{
    (void)state;
    world w = make_world(true, 13, MAX_GROUP);
    w.retention_s = 1209600;
    live(&w);
    for (size_t i = 1; i < w.count; i++)
        assert_true(w.jobs[i].first_run_at_ms >= w.jobs[i - 1].last_run_at_ms);
}

/* --- Time that is up ------------------------------------------------------------------------ */

/* Batches of which each invocation starts one job: the rest is given back time and again. */
static void every_job_runs_however_often_it_is_not_started(void **state)
{
    (void)state;
    for (int mrc = 1; mrc <= 20; mrc++) {
        for (int max_retries = 0; max_retries <= 12; max_retries++) {
            for (int fifo = 0; fifo <= 1; fifo++) {
                world w = make_world(fifo, mrc, MAX_GROUP);
                w.options.max_retries = max_retries;
                w.retention_s = 1209600;
                w.starts_max = 1;
                live(&w);
                for (size_t i = 0; i < w.count; i++) {
                    assert_true(w.jobs[i].runs >= 1);
                    assert_int_equal(w.jobs[i].end, IN_DLQ);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_job_has_its_tries_and_ends_in_the_dead_letter_queue),
        cmocka_unit_test(a_crash_in_the_last_try_loses_nothing),
        cmocka_unit_test(a_job_of_a_queue_that_cannot_be_asked_is_never_deleted),
        cmocka_unit_test(a_poison_record_ends_in_the_dead_letter_queue),
        cmocka_unit_test(without_a_redrive_policy_a_job_runs_once_and_is_deleted),
        cmocka_unit_test(without_a_redrive_policy_nothing_unknown_or_poisoned_is_deleted),
        cmocka_unit_test(the_ladder_takes_eleven_and_a_half_hours),
        cmocka_unit_test(a_failing_job_reaches_the_dead_letter_queue_before_retention_ends),
        cmocka_unit_test(a_delayed_standard_job_starts_on_time_and_has_all_its_tries),
        cmocka_unit_test(a_delayed_fifo_job_starts_on_time_and_has_its_tries),
        cmocka_unit_test(where_one_receive_is_all_a_delayed_fifo_job_is_sent_anew_each_second),
        cmocka_unit_test(a_delayed_fifo_job_runs_also_where_there_is_one_receive),
        cmocka_unit_test(the_thirteen_tries_of_a_delayed_fifo_job_need_fourteen_receives),
        cmocka_unit_test(every_job_of_a_failing_group_runs_before_it_is_dead),
        cmocka_unit_test(followers_of_few_tries_run_behind_a_head_of_many),
        cmocka_unit_test(so_they_do_where_the_queue_cannot_be_asked),
        cmocka_unit_test(a_dead_job_is_tried_once_more_at_most_by_those_who_did_not_see_it_die),
        cmocka_unit_test(a_follower_spends_at_most_every_second_receive_of_its_head),
        cmocka_unit_test(jobs_of_a_group_never_overtake_each_other),
        cmocka_unit_test(every_job_runs_however_often_it_is_not_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
