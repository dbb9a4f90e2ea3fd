/* SPDX-License-Identifier: MIT
 *
 * test_store_dlq: dead letters: when a receive attempt moves a message, and what it keeps.
 */
#include "lk_test_store.h"

/* Receives one message `times` times, each in full. */
static void spend_receives(test_store *t, const lk_store_queue *queue, int times)
{
    for (int i = 0; i < times; i++) {
        assert_int_equal(test_store_receive(t, queue, 1, 10), 1);
        t->now_ms += 10000;
    }
}

static void three_deliveries_then_the_fourth_attempt_moves(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 3);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_send(t, queue, "poison");
    for (int n = 1; n <= 3; n++) {
        assert_int_equal(test_store_receive(t, queue, 10, 10), 1);
        assert_int_equal(t->got.messages[0].receive_count, n);
        assert_int_equal(t->got.moved, 0);
        t->now_ms += 10000;
    }
    assert_store_counts(t, dead, 0, 0, 0); /* an ended timeout alone moves nothing */
    assert_store_counts(t, queue, 1, 0, 0);
    assert_int_equal(test_store_receive(t, queue, 10, 10), 0);
    assert_int_equal(t->got.moved, 1);
    assert_int_equal(t->got.moved_to_queue_id, dead->id);
    assert_store_counts(t, queue, 0, 0, 0);
    assert_store_counts(t, dead, 1, 0, 0);
}

static void a_dead_letter_keeps_what_it_carries_and_says_where_it_is_from(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_md5_attribute attribute = {LK_SLICE_LITERAL("lambdakiq"), LK_SLICE_LITERAL("String"),
                                        LK_SLICE_LITERAL("1")};
    const lk_store_send message = {
        .body = LK_SLICE_LITERAL("poison"),
        .attributes = &attribute,
        .attribute_count = 1,
        .trace_header = LK_SLICE_LITERAL("Root=1"),
        .group_id = LK_SLICE_LITERAL("tenant"),
        .delay_s = -1,
    };
    lk_store_sent sent = test_store_send_message(t, queue, &message);
    t->now_ms += 500;
    spend_receives(t, queue, 1);
    assert_store_gives(t, queue, "");
    assert_store_gives(t, test_store_find(t, "dead"), "poison");
    const lk_store_message *got = &t->got.messages[0];
    assert_string_equal(got->message_id, sent.message_id);
    assert_slice(got->dead_letter_source, "jobs");
    assert_int_equal(got->attribute_count, 1);
    assert_slice(got->trace_header, "Root=1");
    assert_slice(got->group_id, "tenant");
    assert_int_equal(got->receive_count, 2); /* the count goes on */
    assert_int_equal(got->sent_at_ms, START_MS);
    assert_int_equal(got->first_received_at_ms, START_MS + 500);
}

static void the_attempt_goes_on_to_other_messages(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    for (int i = 0; i < 25; i++)
        test_store_send(t, queue, "poison");
    for (int i = 0; i < 3; i++)
        test_store_receive(t, queue, 10, 10);
    t->now_ms += 20000;
    test_store_send(t, queue, "good");
    assert_store_gives(t, queue, "good");
    assert_int_equal(t->got.moved, 25);
    assert_store_counts(t, test_store_find(t, "dead"), 25, 0, 0);
}

static void ending_the_visibility_early_still_counts_the_receive(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 2);
    test_store_send(t, queue, "poison");
    for (int i = 0; i < 2; i++) {
        assert_store_gives(t, queue, "poison");
        assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 0), 0), 0);
    }
    assert_store_gives(t, queue, "");
    assert_store_counts(t, test_store_find(t, "dead"), 1, 0, 0);
}

static void an_undone_receive_does_not_count_towards_the_limit(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    test_store_send(t, queue, "a");
    for (int i = 0; i < 3; i++) {
        assert_store_gives(t, queue, "a");
        assert_true(test_store_undo(t, queue, test_store_handle(t, 0)));
    }
    assert_store_gives(t, queue, "a");
}

static void the_old_handle_cannot_touch_the_dead_letter(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_send(t, queue, "poison");
    assert_int_equal(test_store_receive(t, queue, 1, 10), 1);
    const char *handle = test_store_handle(t, 0);
    t->now_ms += 10000;
    assert_store_gives(t, queue, "");
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_int_equal(test_store_try_change(t, queue, handle, 9), LK_STORE_NOT_AVAILABLE);
    assert_int_equal(test_store_try_delete(t, dead, handle), LK_STORE_HANDLE_INVALID);
    assert_store_counts(t, dead, 1, 0, 0);
}

static void retention_of_a_dead_letter_runs_from_the_original_send(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_set(t, dead, (lk_store_settings){.given = LK_SET_RETENTION, .retention_s = 3600});
    test_store_send(t, dead, "its-own");
    t->now_ms -= 30 * MINUTE_MS; /* sent half an hour before what is there */
    test_store_send(t, queue, "poison");
    spend_receives(t, queue, 1);
    assert_store_gives(t, queue, "");
    t->now_ms = START_MS + 30 * MINUTE_MS - 1;
    assert_store_counts(t, dead, 2, 0, 0);
    t->now_ms += 1;
    assert_store_gives(t, dead, "its-own");
}

static void without_its_target_a_queue_delivers_on(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    test_store_send(t, queue, "poison");
    spend_receives(t, queue, 1);
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_delete(t->store, test_store_find(t, "dead"), t->now_ms, &err));
    test_store_commit(t);
    assert_store_gives(t, queue, "poison");
    assert_int_equal(t->got.messages[0].receive_count, 2);
}

static void each_queue_of_a_chain_gives_its_deliveries(void **state)
{
    test_store *t = *state;
    test_store_standard(t, "last");
    lk_store_settings to_last = {.given = LK_SET_REDRIVE,
                                 .dead_letter_queue = LK_SLICE_LITERAL("last"),
                                 .max_receive_count = 2};
    const lk_store_queue *middle = test_store_queue(t, "middle", to_last);
    lk_store_settings to_middle = to_last;
    to_middle.dead_letter_queue = LK_SLICE_LITERAL("middle");
    const lk_store_queue *first = test_store_queue(t, "first", to_middle);
    test_store_send(t, first, "poison");
    spend_receives(t, first, 2);
    assert_store_gives(t, first, "");
    spend_receives(t, middle, 2);
    assert_store_gives(t, middle, "");
    assert_store_gives(t, test_store_find(t, "last"), "poison");
    assert_int_equal(t->got.messages[0].receive_count, 5);
    assert_slice(t->got.messages[0].dead_letter_source, "middle");
}

static void a_queue_that_targets_itself_starts_over(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        test_store_queue(t, "self",
                         (lk_store_settings){.given = LK_SET_REDRIVE,
                                             .dead_letter_queue = LK_SLICE_LITERAL("self"),
                                             .max_receive_count = 1});
    test_store_send(t, queue, "a");
    spend_receives(t, queue, 1);
    assert_int_equal(test_store_receive(t, queue, 10, 10), 1);
    assert_int_equal(t->got.moved, 1);
    assert_int_equal(t->got.messages[0].receive_count, 2);
    assert_store_counts(t, queue, 0, 1, 0);
}

/* --- FIFO ------------------------------------------------------------------------------------ */

static void a_group_goes_on_after_its_head_went_to_the_dlq(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, true, 1);
    const lk_store_queue *dead = test_store_find(t, "dead.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    spend_receives(t, queue, 1);
    test_store_send_to(t, queue, "g", "m2", NULL);
    assert_store_gives(t, queue, "m2");
    assert_int_equal(t->got.moved, 1);
    assert_store_gives(t, dead, "m1");
    test_store_send_to(t, queue, "g", "m3", NULL);
    assert_store_gives(t, queue, "");
}

static void a_fifo_dead_letter_starts_anew_in_time_order_and_deduplication(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, true, 1);
    const lk_store_queue *dead = test_store_find(t, "dead.fifo");
    lk_store_sent sent = test_store_send_to(t, queue, "g", "m1", "id");
    spend_receives(t, queue, 1);
    lk_store_sent later = test_store_send_to(t, dead, "g", "there-before", NULL);
    assert_store_gives(t, queue, "");
    assert_store_gives(t, dead, "there-before m1");
    const lk_store_message *got = &t->got.messages[1];
    assert_string_equal(got->message_id, sent.message_id);
    assert_slice(got->dedup_id, sent.message_id);
    assert_slice(got->group_id, "g");
    assert_slice(got->dead_letter_source, "jobs.fifo");
    assert_int_equal(got->receive_count, 2);
    assert_int_equal(got->sent_at_ms, START_MS + 10000);
    assert_true(strcmp(got->sequence_number, later.sequence_number) > 0);
}

static void two_dead_letters_with_the_same_old_deduplication_id_both_arrive(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, true, 1);
    test_store_send_to(t, queue, "g", "m1", "id");
    spend_receives(t, queue, 1);
    assert_store_gives(t, queue, "");
    t->now_ms += 5 * MINUTE_MS;
    test_store_send_to(t, queue, "g", "m2", "id");
    spend_receives(t, queue, 1);
    assert_store_gives(t, queue, "");
    assert_store_gives(t, test_store_find(t, "dead.fifo"), "m1 m2");
}

/* The dead letter becomes visible anew in the very millisecond in which the other does. */
static void a_queue_that_targets_itself_gives_no_message_twice_in_one_call(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        test_store_queue(t, "self",
                         (lk_store_settings){.given = LK_SET_REDRIVE,
                                             .dead_letter_queue = LK_SLICE_LITERAL("self"),
                                             .max_receive_count = 3});
    test_store_send(t, queue, "often");
    spend_receives(t, queue, 4);
    assert_int_equal(test_store_receive(t, queue, 1, 3600), 1);
    int64_t due_ms = t->now_ms + HOUR_MS;
    test_store_send(t, queue, "dead");
    spend_receives(t, queue, 3);
    t->now_ms = due_ms;
    assert_store_gives(t, queue, "dead often");
    assert_store_counts(t, queue, 0, 2, 0);
}

static void a_whole_group_of_dead_letters_arrives_in_order(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, true, 1);
    static const char *const bodies[] = {"m1", "m2", "m3", "m4"};
    for (size_t i = 0; i < LK_COUNT(bodies); i++)
        test_store_send_to(t, queue, "g", bodies[i], NULL);
    assert_int_equal(test_store_receive(t, queue, 10, 10), 4);
    t->now_ms += 10000;
    test_store_send_to(t, queue, "h", "other", NULL);
    assert_store_gives(t, queue, "other");
    assert_int_equal(t->got.moved, 4);
    assert_store_gives(t, test_store_find(t, "dead.fifo"), "m1 m2 m3 m4");
}

static void a_fifo_queue_that_targets_itself_starts_over(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        test_store_queue(t, "self.fifo",
                         (lk_store_settings){.given = LK_SET_FIFO | LK_SET_REDRIVE,
                                             .fifo = true,
                                             .dead_letter_queue = LK_SLICE_LITERAL("self.fifo"),
                                             .max_receive_count = 1});
    test_store_send_to(t, queue, "g", "m1", NULL);
    spend_receives(t, queue, 1);
    test_store_send_to(t, queue, "g", "m2", NULL);
    assert_store_gives(t, queue, "m2 m1");
    assert_store_counts(t, queue, 0, 2, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_store_setup, test_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(three_deliveries_then_the_fourth_attempt_moves),
        TEST(a_dead_letter_keeps_what_it_carries_and_says_where_it_is_from),
        TEST(the_attempt_goes_on_to_other_messages),
        TEST(ending_the_visibility_early_still_counts_the_receive),
        TEST(an_undone_receive_does_not_count_towards_the_limit),
        TEST(the_old_handle_cannot_touch_the_dead_letter),
        TEST(retention_of_a_dead_letter_runs_from_the_original_send),
        TEST(without_its_target_a_queue_delivers_on),
        TEST(each_queue_of_a_chain_gives_its_deliveries),
        TEST(a_queue_that_targets_itself_starts_over),
        TEST(a_queue_that_targets_itself_gives_no_message_twice_in_one_call),
        TEST(a_group_goes_on_after_its_head_went_to_the_dlq),
        TEST(a_fifo_dead_letter_starts_anew_in_time_order_and_deduplication),
        TEST(two_dead_letters_with_the_same_old_deduplication_id_both_arrive),
        TEST(a_whole_group_of_dead_letters_arrives_in_order),
        TEST(a_fifo_queue_that_targets_itself_starts_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
