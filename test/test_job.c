/* SPDX-License-Identifier: MIT
 *
 * test_job: the decisions by example, as the documentation gives them.
 *
 * What happens before a job runs is in test_job_before.c, promises over every cell of the tables
 * are in test_job_cells.c, whole lives of messages in test_job_life.c.
 */
#include "lk_test.h"
#include "lk_test_facts.h"

/* Failed, with a wait of its own choice. */
static lk_decision retry_in(const lk_job_facts *facts, int64_t wait_s)
{
    lk_job_facts f = *facts;
    f.retry_in_s = wait_s;
    return lk_job_after(&f, false);
}

/* --- Limit ---------------------------------------------------------------------------------- */

static void limit_is_twelve_by_default(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    assert_int_equal(lk_job_limit(&f), 12);
}

static void the_jobs_own_retry_overrides_the_configured_one(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_retries = 3;
    f.retry = 7;
    assert_int_equal(lk_job_limit(&f), 7);
    f.retry = 0;
    assert_int_equal(lk_job_limit(&f), 0);
    f.retry = LK_RETRY_UNSET;
    assert_int_equal(lk_job_limit(&f), 3);
}

static void retry_true_means_twelve_whatever_is_configured(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_retries = 3;
    f.retry = LK_RETRY_MAX;
    assert_int_equal(lk_job_limit(&f), 12);
}

static void the_queue_bounds_the_limit(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = 9;
    f.max_receive_count = 4;
    assert_int_equal(lk_job_limit(&f), 3);
    f.max_receive_count = LK_MAX_RECEIVE_NONE;
    assert_int_equal(lk_job_limit(&f), 0);
    f.max_receive_count = LK_MAX_RECEIVE_UNKNOWN;
    assert_int_equal(lk_job_limit(&f), 9);
}

static void nonsense_limits_are_bounded(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = LK_MAX_RECEIVE_UNKNOWN;
    f.retry = INT32_MAX;
    assert_int_equal(lk_job_limit(&f), 12);
    f.retry = INT32_MIN; /* means nothing: the configured number counts */
    f.max_retries = 5;
    assert_int_equal(lk_job_limit(&f), 5);
    f.max_retries = INT32_MIN;
    assert_int_equal(lk_job_limit(&f), 0);
    f.max_retries = INT32_MAX;
    assert_int_equal(lk_job_limit(&f), 12);
}

/* --- After ---------------------------------------------------------------------------------- */

static void a_finished_job_is_deleted(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    lk_decision d = lk_job_after(&f, true);
    assert_decision(d, LK_DELETE, -1);
    assert_false(d.dead || d.no_redrive || d.shortened);
}

static void a_first_failure_is_retried_after_thirty_seconds(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_RETRY, 30);
    assert_false(d.dead);
}

static void the_waits_grow_as_sidekiqs_do(void **state)
{
    (void)state;
    static const int64_t waits_s[] = {30,   46,   76,   156,  346,   730,
                                      1416, 2536, 4246, 6726, 10180, 14836};
    lk_job_facts f = lk_test_facts();
    for (int n = 1; n <= 12; n++) {
        f.receive_count = n;
        assert_decision(lk_job_after(&f, false), LK_RETRY, waits_s[n - 1]);
    }
}

static void the_thirteenth_failure_is_left_for_the_dead_letter_queue(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.receive_count = 13;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_LEAVE_FOR_DLQ, -1);
    assert_true(d.dead);
}

static void a_decision_about_a_failure_names_the_limit_that_it_rests_on(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = 5;
    assert_int_equal(lk_job_after(&f, false).limit, 5);
    f.receive_count = 6;
    lk_decision death = lk_job_after(&f, false);
    assert_true(death.dead);
    assert_int_equal(death.limit, 5);
    assert_int_equal(lk_job_after(&f, true).limit, 0);
}

static void a_death_before_the_queues_limit_is_drained_towards_the_dead_letter_queue(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = 100;
    f.receive_count = 13;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_DRAIN, 0);
    assert_true(d.dead);
}

static void a_job_that_uses_up_its_own_retries_is_deleted(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = 2;
    f.receive_count = 3;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_DELETE, -1);
    assert_true(d.dead);
    assert_false(d.no_redrive);
}

static void a_job_that_uses_up_its_own_retries_is_kept_when_it_asks_for_that(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = 2;
    f.receive_count = 3;
    f.dead = LK_DEAD_DLQ;
    assert_decision(lk_job_after(&f, false), LK_DRAIN, 0);
}

static void a_job_at_the_queues_limit_is_left_even_when_its_own_limit_says_delete(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = 2;
    f.max_receive_count = 3;
    f.receive_count = 3;
    assert_decision(lk_job_after(&f, false), LK_LEAVE_FOR_DLQ, -1);
}

static void a_job_that_nobody_keeps_is_deleted_when_its_retries_are_spent(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.dead = LK_DEAD_DELETE;
    assert_decision(lk_job_after(&f, false), LK_RETRY, 30);
    f.receive_count = 13; /* the template's last receive, and max_retries' last try */
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_DELETE, -1);
    assert_true(d.dead);
    f.max_receive_count = LK_MAX_RECEIVE_NONE;
    assert_false(lk_job_after(&f, false).no_redrive); /* got what it asked for */
}

static void retry_true_is_no_permission_to_delete(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = LK_RETRY_MAX;
    f.max_receive_count = 50;
    f.receive_count = 13;
    assert_decision(lk_job_after(&f, false), LK_DRAIN, 0);
}

static void without_a_redrive_policy_the_first_failure_deletes_and_warns(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = LK_MAX_RECEIVE_NONE;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_DELETE, -1);
    assert_true(d.dead && d.no_redrive);
}

static void retries_that_a_queue_without_redrive_policy_denies_are_warned_of(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = LK_MAX_RECEIVE_NONE;
    f.retry = 5;
    assert_true(lk_job_after(&f, false).no_redrive);
    f.retry = 0; /* got what it asked for */
    assert_false(lk_job_after(&f, false).no_redrive);
}

static void with_unknown_attributes_a_dead_job_is_left(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = LK_MAX_RECEIVE_UNKNOWN;
    f.retry = 1;
    f.receive_count = 2;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_LEAVE_FOR_DLQ, -1);
    assert_true(d.dead);
}

static void a_poison_record_is_retried_and_then_drained_but_never_deleted(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.undeletable = true;
    f.retry = 1;
    assert_decision(lk_job_after(&f, false), LK_RETRY, 30);
    f.receive_count = 2;
    assert_decision(lk_job_after(&f, false), LK_DRAIN, 0);
}

static void a_poison_record_stays_where_nothing_collects_dead_jobs(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.undeletable = true;
    f.max_receive_count = LK_MAX_RECEIVE_NONE;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_LEAVE_FOR_DLQ, -1);
    assert_false(d.dead); /* tried again when it comes back: its class may be there by then */
    f.receive_count = 30;
    assert_decision(lk_job_before(&f), LK_RUN, -1);
}

static void a_delay_receive_counts_neither_for_the_backoff_nor_for_the_limit(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.delay_receives = 1;
    f.receive_count = 2;
    assert_decision(lk_job_after(&f, false), LK_RETRY, 30);
    f.retry = 1;
    assert_decision(lk_job_after(&f, false), LK_RETRY, 30);
    f.receive_count = 3;
    assert_decision(lk_job_after(&f, false), LK_DELETE, -1);
}

/* --- Time limits ---------------------------------------------------------------------------- */

static void a_retry_is_shortened_to_come_back_before_retention_ends(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.receive_count = 12;
    f.retention_s = 3600;
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS - 600 * 1000;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_RETRY, 3600 - 600 - 60);
    assert_true(d.shortened);
}

static void close_to_the_end_of_retention_a_retry_comes_at_once(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retention_s = 3600;
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS - 3599 * 1000;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_RETRY, 0);
    assert_true(d.shortened);
}

static void a_message_that_expired_while_it_ran_is_reported_dead(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retention_s = 60;
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS - 60 * 1000;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_LEAVE_FOR_DLQ, -1);
    assert_true(d.dead && d.shortened);
}

static void a_dead_job_does_not_wait_where_retention_could_take_it_first(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.receive_count = 13;
    f.retention_s = 3600;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_DRAIN, 0);
    assert_true(d.dead);
}

static void retention_is_no_limit_while_it_is_not_known(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.receive_count = 12;
    f.retention_s = 0;
    assert_decision(lk_job_after(&f, false), LK_RETRY, 14836);
    f.retention_s = 60;
    f.sent_at_ms = 0;
    assert_decision(lk_job_after(&f, false), LK_RETRY, 14836);
}

/* Such as the fixture of a test, or an event that was kept and is played again. */
static void a_message_older_than_sqs_keeps_any_is_not_hurried(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.receive_count = 3;
    f.sent_at_ms = f.now_ms - (f.retention_s + LK_MAX_VISIBILITY_S) * 1000 - 1;
    lk_decision d = lk_job_after(&f, false);
    assert_decision(d, LK_RETRY, 76);
    assert_false(d.shortened);
}

static void a_wait_of_the_callers_choice_stays_within_twelve_hours_of_the_receive(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.received_at_ms = LK_TEST_FACTS_NOW_MS - 100 * 1000;
    lk_decision d = retry_in(&f, 100000);
    assert_decision(d, LK_RETRY, 43200 - 300 - 30 - 100);
    assert_false(d.shortened); /* that word is for retention */
    assert_decision(retry_in(&f, 17), LK_RETRY, 17);
    assert_decision(retry_in(&f, 0), LK_RETRY, 0);
    f.received_at_ms = LK_TEST_FACTS_NOW_MS - 13 * 3600 * 1000;
    assert_decision(retry_in(&f, 17), LK_RETRY, 0);
}

static void a_wait_that_only_sqs_cuts_is_not_called_shortened_by_retention(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS;
    f.retention_s = 50000;
    lk_decision d = retry_in(&f, 100000);
    assert_decision(d, LK_RETRY, 43200 - 300 - 30);
    assert_false(d.shortened);
}

static void a_receive_count_that_makes_no_sense_is_a_first_receive(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    static const int counts[] = {0, -1, INT32_MIN};
    for (size_t i = 0; i < LK_COUNT(counts); i++) {
        f.receive_count = counts[i];
        f.delay_receives = 1;
        assert_decision(lk_job_after(&f, false), LK_RETRY, 30);
        f.max_receive_count = 1;
        assert_decision(lk_job_after(&f, false), LK_LEAVE_FOR_DLQ, -1);
        f.max_receive_count = 13;
    }
}

static void a_clock_that_jumps_back_counts_as_no_time_passed(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.received_at_ms = LK_TEST_FACTS_NOW_MS + 3600 * 1000;
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS + 3600 * 1000;
    assert_decision(retry_in(&f, 43200), LK_RETRY, 43200 - 300 - 30);
}

static void nonsense_times_neither_overflow_nor_hide_forever(void **state)
{
    (void)state;
    static const int64_t extremes[] = {INT64_MIN, -1, 0, 1, LK_TIME_LAST_MS, INT64_MAX};
    for (size_t a = 0; a < LK_COUNT(extremes); a++) {
        for (size_t b = 0; b < LK_COUNT(extremes); b++) {
            lk_job_facts f = lk_test_facts();
            f.fifo = (a + b) % 2;
            f.now_ms = extremes[a];
            f.received_at_ms = extremes[b];
            f.sent_at_ms = extremes[(a + b) % LK_COUNT(extremes)];
            f.due_at_ms = extremes[b];
            f.retention_s = extremes[a];
            assert_in_range(lk_job_after(&f, false).wait_s + 1, 0, 43201);
            assert_in_range(lk_job_before(&f).wait_s + 1, 0, 43201);
            f.group_blocked = true;
            f.group_wait_s = extremes[b];
            assert_in_range(lk_job_before(&f).wait_s + 1, 0, 43201);
        }
    }
}

/* --- Hopeless ------------------------------------------------------------------------------- */

static lk_decision hopeless(const lk_job_facts *facts)
{
    lk_job_facts f = *facts;
    f.hopeless = true;
    return lk_job_after(&f, false);
}

/* SQS alone moves messages: until it does, each receive runs the job, so that it is not dead yet.
 */
static void a_hopeless_job_is_received_without_waits_until_sqs_moves_it(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    assert_decision(hopeless(&f), LK_DRAIN, 0);
    assert_false(hopeless(&f).dead);
    f.receive_count = 13;
    assert_decision(hopeless(&f), LK_LEAVE_FOR_DLQ, -1);
    assert_true(hopeless(&f).dead);
}

static void a_hopeless_job_is_deleted_where_its_death_means_that(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = 5;
    assert_decision(hopeless(&f), LK_DELETE, -1);
    assert_true(hopeless(&f).dead);
    f.dead = LK_DEAD_DLQ;
    assert_decision(hopeless(&f), LK_DRAIN, 0);
    f.retry = LK_RETRY_UNSET;
    f.dead = LK_DEAD_DELETE;
    assert_decision(hopeless(&f), LK_DELETE, -1);
}

static void a_hopeless_job_is_not_deleted_on_a_guess(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = LK_MAX_RECEIVE_UNKNOWN;
    f.retry = 5;
    assert_decision(hopeless(&f), LK_RETRY, 30);
    assert_false(hopeless(&f).dead);
}

/* --- Names ---------------------------------------------------------------------------------- */

static void every_action_has_a_name(void **state)
{
    (void)state;
    for (int action = LK_RUN; action <= LK_LEAVE_FOR_DLQ; action++)
        assert_string_not_equal(lk_action_name((lk_action)action), "?");
    assert_string_equal(lk_action_name((lk_action)99), "?");
    assert_string_equal(lk_action_name((lk_action)-1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_is_twelve_by_default),
        cmocka_unit_test(the_jobs_own_retry_overrides_the_configured_one),
        cmocka_unit_test(retry_true_means_twelve_whatever_is_configured),
        cmocka_unit_test(the_queue_bounds_the_limit),
        cmocka_unit_test(nonsense_limits_are_bounded),
        cmocka_unit_test(a_finished_job_is_deleted),
        cmocka_unit_test(a_first_failure_is_retried_after_thirty_seconds),
        cmocka_unit_test(the_waits_grow_as_sidekiqs_do),
        cmocka_unit_test(the_thirteenth_failure_is_left_for_the_dead_letter_queue),
        cmocka_unit_test(a_decision_about_a_failure_names_the_limit_that_it_rests_on),
        cmocka_unit_test(a_death_before_the_queues_limit_is_drained_towards_the_dead_letter_queue),
        cmocka_unit_test(a_job_that_uses_up_its_own_retries_is_deleted),
        cmocka_unit_test(a_job_that_uses_up_its_own_retries_is_kept_when_it_asks_for_that),
        cmocka_unit_test(a_job_at_the_queues_limit_is_left_even_when_its_own_limit_says_delete),
        cmocka_unit_test(a_job_that_nobody_keeps_is_deleted_when_its_retries_are_spent),
        cmocka_unit_test(retry_true_is_no_permission_to_delete),
        cmocka_unit_test(without_a_redrive_policy_the_first_failure_deletes_and_warns),
        cmocka_unit_test(retries_that_a_queue_without_redrive_policy_denies_are_warned_of),
        cmocka_unit_test(with_unknown_attributes_a_dead_job_is_left),
        cmocka_unit_test(a_poison_record_is_retried_and_then_drained_but_never_deleted),
        cmocka_unit_test(a_poison_record_stays_where_nothing_collects_dead_jobs),
        cmocka_unit_test(a_delay_receive_counts_neither_for_the_backoff_nor_for_the_limit),
        cmocka_unit_test(a_retry_is_shortened_to_come_back_before_retention_ends),
        cmocka_unit_test(close_to_the_end_of_retention_a_retry_comes_at_once),
        cmocka_unit_test(a_message_that_expired_while_it_ran_is_reported_dead),
        cmocka_unit_test(a_dead_job_does_not_wait_where_retention_could_take_it_first),
        cmocka_unit_test(retention_is_no_limit_while_it_is_not_known),
        cmocka_unit_test(a_message_older_than_sqs_keeps_any_is_not_hurried),
        cmocka_unit_test(a_wait_of_the_callers_choice_stays_within_twelve_hours_of_the_receive),
        cmocka_unit_test(a_wait_that_only_sqs_cuts_is_not_called_shortened_by_retention),
        cmocka_unit_test(a_receive_count_that_makes_no_sense_is_a_first_receive),
        cmocka_unit_test(a_clock_that_jumps_back_counts_as_no_time_passed),
        cmocka_unit_test(nonsense_times_neither_overflow_nor_hide_forever),
        cmocka_unit_test(a_hopeless_job_is_received_without_waits_until_sqs_moves_it),
        cmocka_unit_test(a_hopeless_job_is_deleted_where_its_death_means_that),
        cmocka_unit_test(a_hopeless_job_is_not_deleted_on_a_guess),
        cmocka_unit_test(every_action_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
