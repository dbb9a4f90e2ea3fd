/* SPDX-License-Identifier: MIT
 *
 * test_job_cells: what the decisions promise, checked in every cell of their tables.
 *
 * A cell is one combination of maxReceiveCount, retry, receive count, d, kind of queue, retention
 * and age. The promises (a failed job is never deleted unless …; a job with tries left runs) are
 * written down here on their own, not as the rules of job.c again.
 */
#include "lk_test.h"
#include "lk_test_facts.h"

enum { MAX_RECEIVES = 100 };

/* What each test of a table is called with: the facts of one cell and the promise's own arithmetic.
 * tries: how often a job of these facts may run at all. */
typedef void (*cell_check)(const lk_job_facts *f, int tries, int which_try);

static void fail_cell(const char *promise, const lk_job_facts *f, const lk_decision *d)
{
    fail_msg("%s: %s wait %lld dead %d shortened %d for receive %d of %d, d %d, retry %d, "
             "max_retries %d, fifo %d, dead %d, poison %d, retention %lld, age %lld s, alone %d, "
             "early %d, seen dead %d",
             promise, lk_action_name(d->action), (long long)d->wait_s, d->dead, d->shortened,
             f->receive_count, f->max_receive_count, f->delay_receives, f->retry, f->max_retries,
             f->fifo, f->dead, f->undeletable, (long long)f->retention_s,
             (long long)((f->now_ms - f->sent_at_ms) / 1000), f->alone_in_group,
             f->uncounted_delays, f->seen_dead);
}

#define promise(condition, text)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_cell((text), f, &d);                                                              \
    } while (0)

/* The smallest of what the class or the configuration, Sidekiq's table and the queue allow. */
static int tries_of(const lk_job_facts *f)
{
    int tries = 13;
    int asked = f->retry == LK_RETRY_MAX     ? 12
                : f->retry == LK_RETRY_UNSET ? f->max_retries
                                             : f->retry;
    if (asked + 1 < tries)
        tries = asked + 1;
    if (f->max_receive_count > 0 && f->max_receive_count < tries)
        tries = f->max_receive_count;
    return f->max_receive_count == LK_MAX_RECEIVE_NONE ? 1 : tries;
}

static void check_cell(const lk_job_facts *f, cell_check check)
{
    int which_try = f->receive_count - f->delay_receives;
    check(f, tries_of(f), which_try < 1 ? 1 : which_try);
}

static void each_age(lk_job_facts *f, cell_check check)
{
    static const int64_t retentions_s[] = {0, 60, 3600, 345600};
    for (size_t i = 0; i < LK_COUNT(retentions_s); i++) {
        int64_t retention_ms = retentions_s[i] * 1000;
        const int64_t ages_ms[] = {500, retention_ms / 2, retention_ms - 1001, retention_ms};
        f->retention_s = retentions_s[i];
        for (size_t j = 0; j < (retention_ms > 0 ? LK_COUNT(ages_ms) : 1); j++) {
            f->sent_at_ms = LK_TEST_FACTS_NOW_MS - ages_ms[j];
            check_cell(f, check);
        }
    }
}

static void each_receive(lk_job_facts *f, cell_check check)
{
    for (f->receive_count = 1; f->receive_count <= MAX_RECEIVES + 1; f->receive_count++) {
        for (f->delay_receives = 0; f->delay_receives <= 1; f->delay_receives++)
            each_age(f, check);
    }
}

static void each_limit(lk_job_facts *f, cell_check check)
{
    static const int retries[] = {LK_RETRY_UNSET, LK_RETRY_MAX, 0, 1, 5, 12};
    static const int max_retries[] = {0, 5, 12};
    for (size_t i = 0; i < LK_COUNT(retries); i++) {
        f->retry = retries[i];
        /* the configured number is of interest only to jobs without one of their own */
        size_t configured = f->retry == LK_RETRY_UNSET ? LK_COUNT(max_retries) : 1;
        for (size_t j = 0; j < configured; j++) {
            f->max_retries = max_retries[j];
            each_receive(f, check);
        }
    }
}

/* Standard and FIFO, every maxReceiveCount, retry, receive count, d, retention and age. */
static void each_cell(lk_job_facts facts, cell_check check)
{
    lk_job_facts *f = &facts;
    for (int fifo = 0; fifo <= 1; fifo++) {
        f->fifo = fifo;
        for (f->max_receive_count = LK_MAX_RECEIVE_UNKNOWN; f->max_receive_count <= MAX_RECEIVES;
             f->max_receive_count++)
            each_limit(f, check);
    }
}

/* A cell with all that can be known of what its receives were spent on; of one age, which is
 * nothing to that. */
static void each_history(const lk_job_facts *cell, int tries, int which_try, cell_check check)
{
    static const struct {
        bool alone, early, seen_dead;
    } histories[] = {{true, false, false},
                     {false, false, false},
                     {true, true, false},
                     {false, false, true},
                     {true, true, true}};
    lk_job_facts f = *cell;
    for (size_t i = 0; cell->retention_s == 0 && i < LK_COUNT(histories); i++) {
        f.alone_in_group = histories[i].alone;
        f.uncounted_delays = histories[i].early;
        f.seen_dead = histories[i].seen_dead;
        check(&f, tries, which_try);
    }
}

/* Whether nobody can say that the message's receives were tries. */
static bool may_have_waited(const lk_job_facts *f)
{
    bool for_others = f->fifo && !f->alone_in_group;
    return (for_others || f->uncounted_delays) && !f->seen_dead;
}

static bool is_last_receive(const lk_job_facts *f)
{
    return f->max_receive_count > 0 && f->receive_count >= f->max_receive_count;
}

static bool is_alive(const lk_job_facts *f)
{
    return f->retention_s == 0 || f->now_ms < f->sent_at_ms + f->retention_s * 1000;
}

/* Being hidden for wait_s, the message is seen again before SQS drops it. */
static bool comes_back_in_time(const lk_job_facts *f, int64_t wait_s)
{
    return f->retention_s == 0 || f->now_ms + wait_s * 1000 < f->sent_at_ms + f->retention_s * 1000;
}

static void check_success(const lk_job_facts *f, int tries, int which_try)
{
    (void)tries;
    (void)which_try;
    lk_decision d = lk_job_after(f, true);
    promise(d.action == LK_DELETE && d.wait_s == -1 && !d.dead && !d.shortened && !d.no_redrive,
            "a finished job is deleted, with no more ado");
}

static void a_finished_job_is_deleted_in_every_cell(void **state)
{
    (void)state;
    each_cell(lk_test_facts(), check_success);
}

/* Whether the contract allows to delete a failed job at all. */
static bool may_delete(const lk_job_facts *f)
{
    bool no_redrive_policy = f->max_receive_count == 0;
    bool own_number = f->retry >= 0 && f->dead == LK_DEAD_DEFAULT;
    bool own_wish = (own_number || f->dead == LK_DEAD_DELETE) && f->max_receive_count > 0;
    return !f->undeletable && (no_redrive_policy || own_wish);
}

static void check_failure(const lk_job_facts *f, int tries, int which_try)
{
    lk_decision d = lk_job_after(f, false);
    bool last_receive = is_last_receive(f);
    bool tries_left = which_try < tries && !last_receive;
    bool collected = f->max_receive_count > 0;
    /* what is dead at its last receive is the dead-letter queue's, unless nobody wants it kept */
    bool deleted = may_delete(f) && (!last_receive || f->dead == LK_DEAD_DELETE);

    if (d.action == LK_DELETE)
        promise(deleted && !tries_left && d.dead && d.wait_s == -1,
                "a failed job is deleted only when it is dead and the class or queue says so");
    else if (d.action == LK_RETRY)
        promise(tries_left && !d.dead && d.wait_s >= 0 && comes_back_in_time(f, d.wait_s),
                "a retry has a try left and comes back while the message lives");
    else if (d.action == LK_DRAIN)
        promise(collected && !tries_left && d.dead && d.wait_s == 0,
                "only dead jobs are drained, only towards a dead-letter queue, and at once");
    else
        promise(d.action == LK_LEAVE_FOR_DLQ && d.wait_s == -1, "nothing else follows a failure");

    if (tries_left && is_alive(f))
        promise(d.action == LK_RETRY, "a job with tries left is retried");
    if (d.action == LK_RETRY)
        promise(d.shortened == (d.wait_s < lk_backoff_s(which_try)),
                "a retry waits for its backoff unless that is cut, and then says so");
    if (!tries_left && collected && !may_delete(f))
        promise(d.action == LK_DRAIN || (d.action == LK_LEAVE_FOR_DLQ && last_receive),
                "a dead job is sent on its way to the dead-letter queue");
    if (last_receive && !deleted && is_alive(f) && !comes_back_in_time(f, LK_MAX_VISIBILITY_S))
        promise(d.action == LK_DRAIN, "a dead job is not hidden past the end of its message");
    if (!tries_left && deleted)
        promise(d.action == LK_DELETE, "a dead job is deleted where class or queue say so");
    if (d.no_redrive)
        promise(d.action == LK_DELETE && !collected, "the warning is about a deletion");
}

static void a_failed_job_is_never_lost_in_any_cell(void **state)
{
    (void)state;
    each_cell(lk_test_facts(), check_failure);
}

static void a_failed_job_that_asks_for_the_dead_letter_queue_is_never_lost_in_any_cell(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.dead = LK_DEAD_DLQ;
    each_cell(f, check_failure);
}

static void a_failed_job_that_nobody_keeps_is_deleted_only_when_dead_in_any_cell(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.dead = LK_DEAD_DELETE;
    each_cell(f, check_failure);
}

static void a_poison_record_is_never_deleted_in_any_cell(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    for (int dead = LK_DEAD_DEFAULT; dead <= LK_DEAD_DELETE; dead++) {
        f.undeletable = true;
        f.dead = (lk_dead_mode)dead;
        each_cell(f, check_failure);
    }
}

/* The same job without its wishes about the wait is retried, or dies, alike. */
static lk_decision without_wishes(const lk_job_facts *f)
{
    lk_job_facts plain = *f;
    plain.retry_in_s = -1;
    plain.jitter_percent = 0;
    return lk_job_after(&plain, false);
}

static void check_jitter(const lk_job_facts *f, int tries, int which_try)
{
    (void)tries;
    lk_decision plain = without_wishes(f);
    lk_decision d = lk_job_after(f, false);
    promise(d.action == plain.action && d.dead == plain.dead, "jitter changes no fate");
    promise(d.wait_s >= plain.wait_s, "jitter never shortens a wait");
    if (d.action != LK_RETRY)
        return;
    int64_t most_s = lk_backoff_s(which_try) * (100 + f->jitter_percent) / 100;
    promise(d.wait_s <= most_s && d.wait_s <= 43200 - 330 && comes_back_in_time(f, d.wait_s),
            "jitter stays within its share, SQS's limit and the message's life");
}

static void jitter_only_lengthens_a_wait_in_every_cell(void **state)
{
    (void)state;
    static const uint32_t randoms[] = {0, 12345, UINT32_MAX};
    lk_job_facts f = lk_test_facts();
    for (size_t i = 0; i < LK_COUNT(randoms); i++) {
        f.jitter_percent = 100;
        f.random = randoms[i];
        each_cell(f, check_jitter);
    }
}

static void check_own_wait(const lk_job_facts *f, int tries, int which_try)
{
    (void)tries;
    (void)which_try;
    lk_decision plain = without_wishes(f);
    lk_decision d = lk_job_after(f, false);
    promise(d.action == plain.action && d.dead == plain.dead, "a wait of its own changes no fate");
    if (d.action != LK_RETRY)
        return;
    promise(d.wait_s <= f->retry_in_s && d.wait_s <= 43200 - 330 && comes_back_in_time(f, d.wait_s),
            "a wait of its own is one that SQS accepts and the message survives");
    promise(d.shortened || d.wait_s == f->retry_in_s || d.wait_s == 43200 - 330,
            "a wait of its own is cut for these two reasons only");
}

static void a_wait_of_the_jobs_choice_is_kept_as_far_as_it_can_be_in_every_cell(void **state)
{
    (void)state;
    static const int64_t waits_s[] = {0, 7, 43200, INT64_MAX};
    lk_job_facts f = lk_test_facts();
    f.jitter_percent = 100; /* not added to a wait that the job chose */
    f.random = UINT32_MAX;
    for (size_t i = 0; i < LK_COUNT(waits_s); i++) {
        f.retry_in_s = waits_s[i];
        each_cell(f, check_own_wait);
    }
}

/* Dead jobs of this kind are not deleted: they come back on their way to the dead-letter queue. */
static bool stays_after_death(const lk_job_facts *f)
{
    bool kept = f->dead == LK_DEAD_DLQ || (f->dead == LK_DEAD_DEFAULT && f->retry < 0);
    return f->max_receive_count > 0 ? kept : f->max_receive_count < 0;
}

static void check_due_history(const lk_job_facts *f, int tries, int which_try)
{
    lk_decision d = lk_job_before(f);
    if (which_try <= tries || !stays_after_death(f))
        promise(d.action == LK_RUN && d.sleep_ms == 0, "a job with tries left runs, at once");
    else if (!may_have_waited(f))
        promise(d.action == LK_DRAIN && d.dead && d.wait_s == (f->max_receive_count > 0 ? 0 : -1),
                "a dead job is drained, hurried only towards a known dead-letter queue");
    else if (f->max_receive_count < 0 || is_last_receive(f))
        promise(d.action == LK_RUN, "what may have waited only has a run before it is dead");
    else
        promise(d.action == LK_DRAIN && !d.dead && d.wait_s == 0,
                "that run comes at the last receive, and before it nothing overtakes");
}

static void check_due(const lk_job_facts *f, int tries, int which_try)
{
    check_due_history(f, tries, which_try);
    each_history(f, tries, which_try, check_due_history);
}

static void a_due_job_runs_or_is_drained_in_every_cell(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    for (int dead = LK_DEAD_DEFAULT; dead <= LK_DEAD_DELETE; dead++) {
        f.dead = (lk_dead_mode)dead;
        each_cell(f, check_due);
    }
}

static void check_unstarted_history(const lk_job_facts *f, int tries, int which_try)
{
    bool never_ran = f->receive_count == 1 || may_have_waited(f);
    bool has_place = f->fifo && !f->alone_in_group;
    bool died = f->seen_dead || (which_try > tries && stays_after_death(f) && !never_ran);
    bool last_try = which_try == tries && stays_after_death(f) && !may_have_waited(f);
    bool last = is_last_receive(f) || last_try;
    lk_decision d = lk_job_unstarted(f, true);
    if (last && !died)
        promise(d.action == LK_HOP, "the last receive, and the last try, are for a try");
    if (never_ran && !has_place && !died)
        promise(d.action == LK_HOP, "no receive is spent before the first run, if that is free");
    if (d.action == LK_HOP)
        promise(!died && d.wait_s == -1 && (last || (never_ran && !has_place)),
                "the dead stay dead, and but for a last receive a place in a group is kept");
    else if (f->group_blocked)
        promise(d.action == LK_SKIP, "a follower stays behind its head");
    else
        promise(d.action == LK_RETRY && d.wait_s == 0, "all else is there again at once");
    promise(!d.dead, "nothing dies of not being started");
    d = lk_job_unstarted(f, false);
    promise(d.action != LK_HOP && !d.dead, "without a moment's time nothing is sent");
}

static void check_unstarted(const lk_job_facts *f, int tries, int which_try)
{
    lk_job_facts blocked = *f;
    blocked.group_blocked = true;
    blocked.group_wait_s = 30;
    each_history(f, tries, which_try, check_unstarted_history);
    each_history(&blocked, tries, which_try, check_unstarted_history);
}

static void a_job_that_is_not_started_keeps_its_run_in_every_cell(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    each_cell(f, check_unstarted);
}

static void check_early(const lk_job_facts *f, int tries, int which_try)
{
    (void)tries;
    (void)which_try;
    lk_decision d = lk_job_before(f);
    int64_t early_s = (f->due_at_ms - f->now_ms + 999) / 1000;
    if (d.action == LK_DEFER) {
        promise(f->fifo && f->receive_count == 1 && f->max_receive_count != 1,
                "a deferral leaves a receive for the run, and happens once");
        promise(d.wait_s > 0 && d.wait_s <= early_s && d.wait_s <= 43200 - 330,
                "a deferral ends at the start time or before, and is one that SQS accepts");
        promise(comes_back_in_time(f, d.wait_s), "a deferral does not outlast the message");
        promise(d.shortened || d.wait_s == early_s || d.wait_s == 43200 - 330,
                "a deferral is as long as it can be");
    } else {
        promise(d.action == LK_HOP && d.wait_s == -1, "what is early is deferred or hops");
        bool deferrable = f->fifo && f->receive_count == 1 && f->max_receive_count != 1;
        promise(!deferrable || !comes_back_in_time(f, 61), "a hop is for when deferring is no way");
    }
    promise(!d.dead, "nothing dies for being early");
}

static void an_early_job_waits_in_every_cell(void **state)
{
    (void)state;
    static const int64_t early_ms[] = {1000, 90500, INT64_C(400000000)};
    for (size_t i = 0; i < LK_COUNT(early_ms); i++) {
        lk_job_facts f = lk_test_facts();
        f.due_at_ms = LK_TEST_FACTS_NOW_MS + early_ms[i];
        each_cell(f, check_early);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_job_is_deleted_in_every_cell),
        cmocka_unit_test(a_failed_job_is_never_lost_in_any_cell),
        cmocka_unit_test(
            a_failed_job_that_asks_for_the_dead_letter_queue_is_never_lost_in_any_cell),
        cmocka_unit_test(a_failed_job_that_nobody_keeps_is_deleted_only_when_dead_in_any_cell),
        cmocka_unit_test(a_poison_record_is_never_deleted_in_any_cell),
        cmocka_unit_test(jitter_only_lengthens_a_wait_in_every_cell),
        cmocka_unit_test(a_wait_of_the_jobs_choice_is_kept_as_far_as_it_can_be_in_every_cell),
        cmocka_unit_test(a_due_job_runs_or_is_drained_in_every_cell),
        cmocka_unit_test(a_job_that_is_not_started_keeps_its_run_in_every_cell),
        cmocka_unit_test(an_early_job_waits_in_every_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
