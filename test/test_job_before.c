/* SPDX-License-Identifier: MIT
 *
 * test_job_before: what becomes of a job before it runs: start times, groups, and the dead that
 * come back.
 */
#include "lk_test.h"
#include "lk_test_facts.h"

/* --- Before --------------------------------------------------------------------------------- */

static void a_job_that_is_due_runs(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    lk_decision d = lk_job_before(&f);
    assert_decision(d, LK_RUN, -1);
    assert_int_equal(d.sleep_ms, 0);
    f.due_at_ms = LK_TEST_FACTS_NOW_MS;
    assert_decision(lk_job_before(&f), LK_RUN, -1);
}

static void less_than_a_second_early_is_slept(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    for (int fifo = 0; fifo <= 1; fifo++) {
        f.fifo = fifo;
        f.due_at_ms = LK_TEST_FACTS_NOW_MS + 999;
        lk_decision d = lk_job_before(&f);
        assert_decision(d, LK_RUN, -1);
        assert_int_equal(d.sleep_ms, 999);
        f.due_at_ms = LK_TEST_FACTS_NOW_MS + 1000;
        assert_int_not_equal(lk_job_before(&f).action, LK_RUN);
    }
}

static void a_standard_job_that_is_not_due_hops(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + 3600 * 1000;
    assert_decision(lk_job_before(&f), LK_HOP, -1);
    f.receive_count = 40; /* receives spent on the way are no tries */
    assert_decision(lk_job_before(&f), LK_HOP, -1);
}

static void a_fifo_job_that_is_not_due_is_hidden_until_then(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + 90001;
    lk_decision d = lk_job_before(&f);
    assert_decision(d, LK_DEFER, 91);
    assert_false(d.shortened);
}

static void a_fifo_job_is_hidden_for_less_than_twelve_hours_since_its_receive(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + INT64_C(86400000);
    f.received_at_ms = LK_TEST_FACTS_NOW_MS - 20500;
    assert_decision(lk_job_before(&f), LK_DEFER, 43200 - 300 - 30 - 21);
}

static void a_fifo_job_that_is_not_due_at_a_later_receive_hops(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.receive_count = 2;
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + 5000;
    assert_decision(lk_job_before(&f), LK_HOP, -1);
}

static void a_fifo_job_hops_when_a_deferral_would_spend_its_only_receive(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + 5000;
    f.max_receive_count = 2;
    assert_decision(lk_job_before(&f), LK_DEFER, 5);
    f.max_receive_count = 1;
    lk_decision d = lk_job_before(&f);
    assert_decision(d, LK_HOP, -1);
    assert_int_equal(d.sleep_ms, 1000); /* the new message is there at once: do not spin */
}

static void a_job_that_cannot_be_sent_anew_is_hidden_while_a_receive_is_left(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + 5000;
    f.receive_count = f.max_receive_count - 1;
    assert_decision(lk_job_unsent(&f), LK_DEFER, 5);
    assert_false(lk_job_unsent(&f).dead);
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + INT64_C(400000000);
    assert_decision(lk_job_unsent(&f), LK_DEFER, 43200 - 300 - 30);
    f.receive_count = f.max_receive_count;
    assert_int_equal(lk_job_unsent(&f).action, LK_LEAVE_FOR_DLQ);
    assert_true(lk_job_unsent(&f).dead);
    f.max_receive_count = LK_MAX_RECEIVE_UNKNOWN;
    assert_int_equal(lk_job_unsent(&f).action, LK_DEFER);
}

static void a_deferral_is_shortened_or_becomes_a_hop_where_retention_ends_first(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + 900 * 1000;
    f.retention_s = 60;
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS;
    lk_decision d = lk_job_before(&f);
    assert_decision(d, LK_DEFER, 54);
    assert_true(d.shortened);
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS - 54 * 1000;
    assert_decision(lk_job_before(&f), LK_HOP, -1);
}

static void a_follower_waits_two_seconds_longer_than_the_head_of_its_group(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.group_blocked = true;
    f.group_wait_s = 30;
    assert_decision(lk_job_before(&f), LK_SKIP, 32);
    f.group_wait_s = 0;
    assert_decision(lk_job_before(&f), LK_SKIP, 2);
    f.group_wait_s = -1; /* the head waits for the queue's own timeout, and so does this one */
    assert_decision(lk_job_before(&f), LK_SKIP, -1);
    f.group_wait_s = 43200;
    assert_decision(lk_job_before(&f), LK_SKIP, 43200 - 300 - 30);
}

static void a_blocked_group_comes_before_everything_else(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.fifo = true;
    f.group_blocked = true;
    f.group_wait_s = 30;
    f.due_at_ms = LK_TEST_FACTS_NOW_MS + 90000;
    f.receive_count = 13;
    assert_decision(lk_job_before(&f), LK_SKIP, 32);
}

static void a_dead_job_that_comes_back_is_drained_without_a_run(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = 100;
    f.receive_count = 13;
    assert_decision(lk_job_before(&f), LK_RUN, -1);
    f.receive_count = 14;
    lk_decision d = lk_job_before(&f);
    assert_decision(d, LK_DRAIN, 0);
    assert_true(d.dead);
}

static void a_dead_job_of_an_unknown_queue_is_not_hurried(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.max_receive_count = LK_MAX_RECEIVE_UNKNOWN;
    f.receive_count = 14;
    assert_decision(lk_job_before(&f), LK_DRAIN, -1);
}

static void a_job_whose_death_is_a_deletion_runs_again_after_a_crash(void **state)
{
    (void)state;
    lk_job_facts f = lk_test_facts();
    f.retry = 2;
    f.receive_count = 9;
    assert_decision(lk_job_before(&f), LK_RUN, -1);
    f.retry = LK_RETRY_UNSET;
    f.max_receive_count = LK_MAX_RECEIVE_NONE;
    assert_decision(lk_job_before(&f), LK_RUN, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_is_due_runs),
        cmocka_unit_test(less_than_a_second_early_is_slept),
        cmocka_unit_test(a_standard_job_that_is_not_due_hops),
        cmocka_unit_test(a_fifo_job_that_is_not_due_is_hidden_until_then),
        cmocka_unit_test(a_fifo_job_is_hidden_for_less_than_twelve_hours_since_its_receive),
        cmocka_unit_test(a_fifo_job_that_is_not_due_at_a_later_receive_hops),
        cmocka_unit_test(a_fifo_job_hops_when_a_deferral_would_spend_its_only_receive),
        cmocka_unit_test(a_job_that_cannot_be_sent_anew_is_hidden_while_a_receive_is_left),
        cmocka_unit_test(a_deferral_is_shortened_or_becomes_a_hop_where_retention_ends_first),
        cmocka_unit_test(a_follower_waits_two_seconds_longer_than_the_head_of_its_group),
        cmocka_unit_test(a_blocked_group_comes_before_everything_else),
        cmocka_unit_test(a_dead_job_that_comes_back_is_drained_without_a_run),
        cmocka_unit_test(a_dead_job_of_an_unknown_queue_is_not_hurried),
        cmocka_unit_test(a_job_whose_death_is_a_deletion_runs_again_after_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
