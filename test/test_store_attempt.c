/* SPDX-License-Identifier: MIT
 *
 * test_store_attempt: receives that are asked for again, by their attempt id.
 */
#include "lk_test_store.h"

/* Receives up to ten for an attempt into t->got. */
static void receive(test_store *t, const lk_store_queue *queue, const char *attempt,
                    int64_t visibility_s)
{
    lk_err err = {0};
    test_store_begin(t);
    lk_store_received_clear(&t->got);
    assert_lk_ok(lk_store_receive_attempt(t->store, queue, lk_slice_of(attempt),
                                          LK_STORE_RECEIVE_MAX, visibility_s, t->now_ms, &t->got,
                                          &err));
    test_store_commit(t);
}

/* "jobs.fifo" with m1 and m2 in group g, both given to attempt "a" for 30 s. */
static const lk_store_queue *given(test_store *t)
{
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    test_store_send_to(t, queue, "g", "m2", NULL);
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 2);
    assert_false(t->got.again);
    return queue;
}

static void assert_given_again(test_store *t, const lk_store_queue *queue, const char *attempt)
{
    receive(t, queue, attempt, 30);
    assert_true(t->got.again);
    assert_int_equal(t->got.count, 2);
}

static void the_same_attempt_gets_the_same_messages_and_handles(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    const char *handles[] = {test_store_handle(t, 0), test_store_handle(t, 1)};
    test_store_send_to(t, queue, "h", "m3", NULL);
    t->now_ms += 1000;
    assert_given_again(t, queue, "a");
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(t->got.messages[i].receipt_handle, handles[i]);
        assert_slice(t->got.messages[i].body, i == 0 ? "m1" : "m2");
        assert_slice(t->got.messages[i].group_id, "g");
        assert_int_equal(t->got.messages[i].receive_count, 1); /* no receive more */
        assert_int_equal(t->got.messages[i].first_received_at_ms, START_MS);
    }
    assert_store_counts(t, queue, 1, 2, 0);
}

static void asking_again_hides_the_messages_anew(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    const char *handle = test_store_handle(t, 0);
    t->now_ms += 20000;
    assert_given_again(t, queue, "a");
    t->now_ms += 29999;
    assert_store_gives(t, queue, "");
    assert_int_equal(test_store_next_due(t, queue), t->now_ms + 1);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    t->now_ms += 1;
    assert_store_gives(t, queue, "m2");
}

static void messages_whose_time_is_over_are_given_again_when_nobody_took_them(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    const char *handle = test_store_handle(t, 0);
    t->now_ms += 60000;
    assert_given_again(t, queue, "a");
    assert_string_equal(t->got.messages[0].receipt_handle, handle);
    assert_store_counts(t, queue, 0, 2, 0);
    assert_store_gives(t, queue, "");
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
}

static void after_five_minutes_an_attempt_is_a_receive_like_any_other(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    t->now_ms += 5 * MINUTE_MS - 1;
    assert_given_again(t, queue, "a"); /* which does not lengthen the five minutes */
    t->now_ms += 1;
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 0);
    t->now_ms += 30000;
    receive(t, queue, "a", 30);
    assert_false(t->got.again);
    assert_int_equal(t->got.messages[0].receive_count, 2);
    assert_given_again(t, queue, "a"); /* a new attempt under the old id */
}

static void a_deleted_message_makes_it_a_new_receive(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)), 0);
    test_store_send_to(t, queue, "h", "m3", NULL);
    receive(t, queue, "a", 30);
    assert_false(t->got.again);
    assert_int_equal(t->got.count, 1); /* m2 is in flight still */
    assert_slice(t->got.messages[0].body, "m3");
}

static void a_changed_timeout_makes_it_a_new_receive(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 1), 60), 0);
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 0);
}

static void a_message_received_by_another_makes_it_a_new_receive(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    t->now_ms += 30000;
    assert_store_gives(t, queue, "m1 m2");
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 0);
}

static void an_undone_receive_can_be_had_by_the_same_attempt(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    assert_true(test_store_undo(t, queue, test_store_handle(t, 0)));
    assert_true(test_store_undo(t, queue, test_store_handle(t, 1)));
    receive(t, queue, "a", 30);
    assert_false(t->got.again);
    assert_int_equal(t->got.count, 2);
    assert_int_equal(t->got.messages[0].receive_count, 1);
}

/* In the same millisecond, so that count and timeout are the same again. */
static void what_was_taken_back_and_given_to_another_is_not_given_to_the_attempt(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    const char *handles[] = {test_store_handle(t, 0), test_store_handle(t, 1)};
    for (size_t i = 0; i < LK_COUNT(handles); i++)
        assert_true(test_store_undo(t, queue, handles[i]));
    assert_int_equal(test_store_receive(t, queue, LK_STORE_RECEIVE_MAX, 30), 2);
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 0);
}

static void attempts_have_their_id_queue_and_purge(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = given(t);
    const lk_store_queue *other = test_store_fifo(t, "other.fifo");
    receive(t, queue, "b", 30);
    assert_int_equal(t->got.count, 0);
    receive(t, other, "a", 30);
    assert_int_equal(t->got.count, 0);
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_purge(t->store, queue, t->now_ms, &err));
    test_store_commit(t);
    test_store_send_to(t, queue, "g", "m3", NULL);
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 1);
    assert_slice(t->got.messages[0].body, "m3");
}

static void an_attempt_that_got_nothing_is_not_kept(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 0);
    test_store_send_to(t, queue, "g", "m1", NULL);
    receive(t, queue, "a", 30);
    assert_int_equal(t->got.count, 1);
}

static void the_timeout_is_that_of_the_second_call_or_of_the_queue(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = given(t);
    receive(t, queue, "a", 100);
    assert_true(t->got.again);
    assert_int_equal(test_store_next_due(t, queue), t->now_ms + 100000);
    receive(t, queue, "a", -1);
    assert_true(t->got.again);
    assert_int_equal(test_store_next_due(t, queue), t->now_ms + 30000);
    receive(t, queue, "a", 0);
    assert_true(t->got.again);
    assert_store_counts(t, queue, 2, 0, 0);
}

static void a_standard_queue_knows_no_attempts(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_received received = {.count = 0};
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_begin(t);
    assert_lk_fails(lk_store_receive_attempt(t->store, queue, LK_SLICE_LITERAL("a"), 1, 30,
                                             t->now_ms, &received, &err),
                    LK_E_INVALID);
    test_store_commit(t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_store_setup, test_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_same_attempt_gets_the_same_messages_and_handles),
        TEST(asking_again_hides_the_messages_anew),
        TEST(messages_whose_time_is_over_are_given_again_when_nobody_took_them),
        TEST(after_five_minutes_an_attempt_is_a_receive_like_any_other),
        TEST(a_deleted_message_makes_it_a_new_receive),
        TEST(a_changed_timeout_makes_it_a_new_receive),
        TEST(a_message_received_by_another_makes_it_a_new_receive),
        TEST(an_undone_receive_can_be_had_by_the_same_attempt),
        TEST(what_was_taken_back_and_given_to_another_is_not_given_to_the_attempt),
        TEST(attempts_have_their_id_queue_and_purge),
        TEST(an_attempt_that_got_nothing_is_not_kept),
        TEST(the_timeout_is_that_of_the_second_call_or_of_the_queue),
        TEST(a_standard_queue_knows_no_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
