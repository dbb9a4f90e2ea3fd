/* SPDX-License-Identifier: MIT
 *
 * job: the decisions. Time limits first, then how a job dies, then the two ladders.
 *
 * Each ladder is a list of rules, first match wins, in the order docs/semantics.md gives them.
 * Facts come from messages and from callers of a public function, so every number is bounded before
 * it is calculated with.
 */
#include "job.h"

#include "options.h"

enum {
    /* A message that is hidden again must be seen again, received and, if its time is up, moved
     * before SQS drops it: a minute, or a tenth of a short retention. */
    RETENTION_MARGIN_S = 60,
    /* SQS counts the 12 h of a visibility timeout from its receive, which was earlier than we know:
     * by up to the mapping's batching window of 300 s, and by the way of the call itself. It
     * rejects what is beyond, and the message would come back after the queue's own timeout. */
    RECEIVE_UNSEEN_S = 300,
    CALL_MARGIN_S = 30,
    /* Less than this is slept rather than sent through the queue again. */
    SLEEP_MAX_MS = 1000,
};

static const int64_t longest_retention_s = 1209600; /* SQS's 14 days */

/* --- Facts, bounded ------------------------------------------------------------------------- */

static int64_t bounded(int64_t value, int64_t low, int64_t high)
{
    return LK_MIN(LK_MAX(value, low), high);
}

/* What the caller's header has of them. Those of a wrong size are none: there is no error to
 * return, and without facts nothing is deleted but what worked. */
static lk_job_facts known_facts(const lk_job_facts *given)
{
    lk_job_facts facts = LK_JOB_FACTS_INIT;
    lk_err ignored;
    (void)lk_options_take(&facts, given, "LK_JOB_FACTS_INIT", &ignored);
    return facts;
}

static int64_t now_ms(const lk_job_facts *f)
{
    return bounded(f->now_ms, 0, LK_TIME_LAST_MS);
}

static int receive_count(const lk_job_facts *f)
{
    return LK_MAX(f->receive_count, 1);
}

/* n: which failure this one is, or would be. Receives that only waited for a start time do not
 * count. */
static int failure_number(const lk_job_facts *f)
{
    return LK_MAX(receive_count(f) - LK_MAX(f->delay_receives, 0), 1);
}

static bool redrive_known(const lk_job_facts *f)
{
    return f->max_receive_count > LK_MAX_RECEIVE_NONE;
}

bool lk_job_is_last_receive(const lk_job_facts *facts)
{
    return redrive_known(facts) && receive_count(facts) >= facts->max_receive_count;
}

/* The class itself named a number of retries: the one kind of death that the job asked for. */
static bool has_explicit_retry(const lk_job_facts *f)
{
    return f->retry >= 0;
}

static int limit_of(const lk_job_facts *f)
{
    int own = has_explicit_retry(f)      ? f->retry
              : f->retry == LK_RETRY_MAX ? LK_MAX_RETRIES
                                         : f->max_retries;
    int limit = (int)bounded(own, 0, LK_MAX_RETRIES);
    if (f->max_receive_count == LK_MAX_RECEIVE_NONE)
        return 0;
    return redrive_known(f) ? LK_MIN(limit, f->max_receive_count - 1) : limit;
}

int lk_job_limit(const lk_job_facts *facts)
{
    lk_job_facts f = known_facts(facts);
    return limit_of(&f);
}

/* --- Time limits ---------------------------------------------------------------------------- */

/* The longest visibility timeout that SQS accepts now. */
static int64_t accepted_wait_s(const lk_job_facts *f)
{
    int64_t received_ms = f->received_at_ms > 0 ? f->received_at_ms : now_ms(f);
    int64_t held_ms = LK_MAX(now_ms(f) - bounded(received_ms, 0, LK_TIME_LAST_MS), 0);
    int64_t held_s = (held_ms + 999) / 1000;
    return LK_MAX(LK_MAX_VISIBILITY_S - RECEIVE_UNSEEN_S - CALL_MARGIN_S - held_s, 0);
}

/* Milliseconds until SQS drops the message (<= 0: it has), or INT64_MAX when that is not known. A
 * message cannot be in hand that was dropped before it could have been received: then its times are
 * not those of this clock (an event of long ago, played again), and say nothing. */
static int64_t life_left_ms(const lk_job_facts *f)
{
    if (f->retention_s <= 0 || f->sent_at_ms <= 0)
        return INT64_MAX;
    int64_t retention_s = LK_MIN(f->retention_s, longest_retention_s);
    int64_t left_ms = LK_MIN(f->sent_at_ms, LK_TIME_LAST_MS) + retention_s * 1000 - now_ms(f);
    return left_ms < -LK_MAX_VISIBILITY_S * INT64_C(1000) ? INT64_MAX : left_ms;
}

/* How long the message may stay hidden and still be found in time (B31). */
static int64_t survivable_wait_s(const lk_job_facts *f)
{
    int64_t left_ms = life_left_ms(f);
    if (left_ms == INT64_MAX)
        return INT64_MAX;
    int64_t margin_s = LK_MIN(RETENTION_MARGIN_S, f->retention_s / 10);
    return LK_MAX(left_ms / 1000 - margin_s, 0);
}

/* A decision that hides the message for wait_s, cut to both limits. */
static lk_decision hide(const lk_job_facts *f, lk_action action, int64_t wait_s)
{
    int64_t wanted_s = bounded(wait_s, 0, accepted_wait_s(f));
    int64_t survivable_s = survivable_wait_s(f);
    return (lk_decision){.action = action,
                         .wait_s = LK_MIN(wanted_s, survivable_s),
                         .shortened = survivable_s < wanted_s};
}

static lk_decision no_call(lk_action action)
{
    return (lk_decision){.action = action, .wait_s = -1};
}

/* --- Death ---------------------------------------------------------------------------------- */

static lk_decision dead(lk_decision decision)
{
    decision.dead = true;
    return decision;
}

/* Visible again at once: the next receive attempts move the message to the dead-letter queue. */
static lk_decision drain(void)
{
    return (lk_decision){.action = LK_DRAIN, .wait_s = 0};
}

/* The last receive is over: SQS moves the message at its next attempt, which comes when the queue's
 * own visibility timeout (12 h at most) has passed. Where retention might be faster than that, the
 * message must not stay hidden (B31). */
static lk_decision leave_for_dlq(const lk_job_facts *f)
{
    bool may_vanish = survivable_wait_s(f) < LK_MAX_VISIBILITY_S;
    return may_vanish ? drain() : no_call(LK_LEAVE_FOR_DLQ);
}

static bool dies_deleted(const lk_job_facts *f)
{
    return f->dead == LK_DEAD_DEFAULT ? has_explicit_retry(f) : f->dead == LK_DEAD_DELETE;
}

/* What becomes of a job whose retries are used up while its message has receives left. */
static lk_decision die(const lk_job_facts *f)
{
    bool redrive = redrive_known(f);
    if (!redrive && f->max_receive_count != LK_MAX_RECEIVE_NONE)
        return dead(no_call(LK_LEAVE_FOR_DLQ)); /* unknown: it may have a dead-letter queue */
    if (f->undeletable) /* where nothing collects it, a later deployment may know its class */
        return redrive ? dead(drain()) : no_call(LK_LEAVE_FOR_DLQ);
    if (redrive && !dies_deleted(f))
        return dead(drain());
    lk_decision deleted = dead(no_call(LK_DELETE));
    /* `retry: 0` and `dead: :delete` asked for just this */
    deleted.no_redrive = !redrive && f->retry != 0 && f->dead != LK_DEAD_DELETE;
    return deleted;
}

/* The last receive belongs to the dead-letter queue, unless the class wants no dead jobs kept. */
static lk_decision die_at_last_receive(const lk_job_facts *f)
{
    bool unwanted = f->dead == LK_DEAD_DELETE && !f->undeletable;
    return dead(unwanted ? no_call(LK_DELETE) : leave_for_dlq(f));
}

/* --- Before --------------------------------------------------------------------------------- */

/* A follower comes back after the head of its group, so that it is not received in vain (B30). */
static lk_decision skip(const lk_job_facts *f)
{
    const int64_t behind_head_s = 2;
    if (f->group_wait_s < 0)
        return no_call(LK_SKIP);
    return hide(f, LK_SKIP, bounded(f->group_wait_s, 0, LK_MAX_VISIBILITY_S) + behind_head_s);
}

/* Not due on a FIFO queue: hidden, once, if a receive is left to run it afterwards; else sent anew,
 * which starts receive count, 12 h limit and retention from the beginning. Where one receive is all
 * there is, the new message is received at once and sent anew again: not faster than once a second.
 */
static lk_decision wait_fifo(const lk_job_facts *f, int64_t early_ms)
{
    lk_decision hop = no_call(LK_HOP);
    if (receive_count(f) > 1)
        return hop;
    if (lk_job_is_last_receive(f)) {
        hop.sleep_ms = SLEEP_MAX_MS;
        return hop;
    }
    lk_decision defer = hide(f, LK_DEFER, early_ms / 1000 + (early_ms % 1000 > 0));
    return defer.wait_s > 0 ? defer : hop;
}

static lk_decision wait_until_due(const lk_job_facts *f, int64_t early_ms)
{
    if (early_ms < SLEEP_MAX_MS)
        return (lk_decision){.action = LK_RUN, .wait_s = -1, .sleep_ms = early_ms};
    return f->fifo ? wait_fifo(f, early_ms) : no_call(LK_HOP);
}

/* With so many receives counted as tries it is dead, and its message stays. */
static bool is_spent_after(const lk_job_facts *f, int tries)
{
    lk_decision death = die(f);
    return tries > limit_of(f) && death.dead && death.action != LK_DELETE;
}

bool lk_job_is_spent(const lk_job_facts *facts)
{
    return is_spent_after(facts, failure_number(facts) - 1);
}

/* Its receives may have gone to waiting, for others of its FIFO group or for its start time where
 * SQS did not take it anew: SQS does not tell that from tries. */
static bool may_have_waited(const lk_job_facts *f)
{
    return f->uncounted_delays || (f->fifo && !f->alone_in_group);
}

/* Whether nobody may have run it yet. */
static bool may_be_unrun(const lk_job_facts *f)
{
    return receive_count(f) == 1 || (may_have_waited(f) && !f->seen_dead);
}

/* All tries are spent, yet the message is here again: a dead job on its way to the dead-letter
 * queue. It is not run, and where no redrive policy is known it must not spin at full speed. One
 * that may have spent them on waiting goes the same way, holding its group, but for its last
 * receive: that is a try. So a dead job is tried once more at most, however many processes there
 * are that did not see it die. Where nobody knows which receive is the last, each may be. */
static lk_decision spent(const lk_job_facts *f)
{
    bool redrive = redrive_known(f);
    if (!may_be_unrun(f))
        return dead(redrive ? drain() : no_call(LK_DRAIN));
    return redrive && !lk_job_is_last_receive(f) ? drain() : no_call(LK_RUN);
}

lk_decision lk_job_before(const lk_job_facts *facts)
{
    lk_job_facts f = known_facts(facts);
    int64_t early_ms = bounded(f.due_at_ms, 0, LK_TIME_LAST_MS) - now_ms(&f);
    if (f.group_blocked)
        return skip(&f);
    if (early_ms > 0)
        return wait_until_due(&f, early_ms);
    return lk_job_is_spent(&f) ? spent(&f) : no_call(LK_RUN);
}

/* A message that came back each time its queue's timeout ends would spend its receives on waiting;
 * hidden it spends one, and runs on time all the same. */
lk_decision lk_job_unsent(const lk_job_facts *facts)
{
    lk_job_facts f = known_facts(facts);
    if (lk_job_is_last_receive(&f))
        return dead(leave_for_dlq(&f));
    int64_t early_ms = bounded(f.due_at_ms, 0, LK_TIME_LAST_MS) - now_ms(&f);
    lk_decision defer = hide(&f, LK_DEFER, early_ms / 1000 + (early_ms % 1000 > 0));
    return defer.wait_s > 0 ? defer : no_call(LK_DEFER);
}

/* Should this receive pass without a run, there will be none. */
static bool is_last_chance(const lk_job_facts *f)
{
    return lk_job_is_last_receive(f) ||
           (!may_have_waited(f) && is_spent_after(f, failure_number(f)));
}

/* Giving a job back spends a receive. Not its last chance, which would be its end: it is sent anew,
 * though that costs it its place in its group, as the dead-letter queue would. And none before its
 * first run, where there is no such place. What has died goes on its way. */
lk_decision lk_job_unstarted(const lk_job_facts *facts, bool may_hop)
{
    lk_job_facts f = known_facts(facts);
    bool unrun = may_be_unrun(&f);
    bool died = f.seen_dead || (lk_job_is_spent(&f) && !unrun);
    bool has_place = f.fifo && !f.alone_in_group;
    if (may_hop && !died && (is_last_chance(&f) || (unrun && !has_place)))
        return no_call(LK_HOP);
    return f.group_blocked ? skip(&f) : (lk_decision){.action = LK_RETRY, .wait_s = 0};
}

/* --- After ---------------------------------------------------------------------------------- */

static lk_decision retry(const lk_job_facts *f, int64_t wait_s)
{
    if (life_left_ms(f) > 0)
        return hide(f, LK_RETRY, wait_s);
    /* SQS has dropped the message while the job ran; there is nothing left to hide. */
    lk_decision gone = dead(no_call(LK_LEAVE_FOR_DLQ));
    gone.shortened = true;
    return gone;
}

/* Spreads the retries of jobs that failed together; never beyond what the message survives. */
static lk_decision with_jitter(const lk_job_facts *f, lk_decision plain)
{
    int64_t most_s = plain.wait_s * bounded(f->jitter_percent, 0, 100) / 100;
    if (most_s <= 0 || plain.shortened)
        return plain;
    lk_decision spread = retry(f, plain.wait_s + (int64_t)(f->random % (uint64_t)(most_s + 1)));
    return spread.shortened ? plain : spread;
}

/* A failure that no retry will mend. Where death means deletion that is done at once. A message for
 * the dead-letter queue can only be received until SQS moves it: without waits, and run each time,
 * as nothing in it could say that it was dead. On a guess nothing is deleted. */
static lk_decision give_up(const lk_job_facts *f, lk_decision retried)
{
    bool deletable = f->max_receive_count == LK_MAX_RECEIVE_NONE || dies_deleted(f);
    if (f->max_receive_count == LK_MAX_RECEIVE_UNKNOWN)
        return retried;
    return deletable && !f->undeletable ? die(f) : drain();
}

/* A wait that the job chose is kept as it is, as far as SQS accepts it. */
static lk_decision retry_after(const lk_job_facts *f, int n)
{
    if (f->retry_in_s >= 0)
        return retry(f, f->retry_in_s);
    return with_jitter(f, retry(f, lk_backoff_s(n)));
}

static lk_decision after_failure(const lk_job_facts *f, int limit)
{
    if (lk_job_is_last_receive(f))
        return die_at_last_receive(f);
    int n = failure_number(f);
    if (n > limit)
        return die(f);
    lk_decision retried = retry_after(f, n);
    return f->hopeless ? give_up(f, retried) : retried;
}

lk_decision lk_job_after(const lk_job_facts *facts, bool success)
{
    if (success)
        return no_call(LK_DELETE);
    lk_job_facts f = known_facts(facts);
    int limit = limit_of(&f);
    lk_decision decision = after_failure(&f, limit);
    decision.limit = limit;
    return decision;
}

/* --- Names ---------------------------------------------------------------------------------- */

const char *lk_action_name(lk_action action)
{
    static const char *const names[] = {
        [LK_RUN] = "RUN",     [LK_SKIP] = "SKIP",
        [LK_DEFER] = "DEFER", [LK_HOP] = "HOP",
        [LK_DRAIN] = "DRAIN", [LK_DELETE] = "DELETE",
        [LK_RETRY] = "RETRY", [LK_LEAVE_FOR_DLQ] = "LEAVE_FOR_DLQ",
    };
    return (size_t)action < LK_COUNT(names) ? names[action] : "?";
}
