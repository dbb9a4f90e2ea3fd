/* SPDX-License-Identifier: MIT
 *
 * test_store_fifo: order within groups, turns between groups, deduplication.
 */
#include "lk_test_store.h"

static void send_five(test_store *t, const lk_store_queue *queue, const char *group)
{
    char body[16];
    for (int i = 1; i <= 5; i++) {
        snprintf(body, sizeof(body), "%s%d", group, i);
        test_store_send_to(t, queue, group, body, NULL);
    }
}

static const lk_store_queue *queue_with(test_store *t, unsigned given, lk_store_settings settings)
{
    settings.given = given | LK_SET_FIFO;
    settings.fifo = true;
    return test_store_queue(t, "jobs.fifo", settings);
}

/* --- The group rule -------------------------------------------------------------------------- */

static void one_call_gives_several_of_a_group_in_order(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    assert_store_gives(t, queue, "g1 g2 g3 g4 g5");
    assert_slice(t->got.messages[0].group_id, "g");
    assert_slice(t->got.messages[0].dedup_id, "g1");
}

static void two_receives_of_five_on_a_group_of_ten_give_five_and_none(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    for (int i = 6; i <= 10; i++) {
        char body[8];
        snprintf(body, sizeof(body), "g%d", i);
        test_store_send_to(t, queue, "g", body, NULL);
    }
    assert_int_equal(test_store_receive(t, queue, 5, -1), 5);
    assert_int_equal(test_store_receive(t, queue, 5, -1), 0);
}

static void a_message_sent_while_its_group_is_in_flight_waits(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_store_gives(t, queue, "m1");
    const char *handle = test_store_handle(t, 0);
    test_store_send_to(t, queue, "g", "m2", NULL);
    assert_store_gives(t, queue, "");
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_store_gives(t, queue, "m2");
}

static void a_group_waits_for_all_that_are_in_flight_before_it(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    assert_int_equal(test_store_receive(t, queue, 2, -1), 2);
    assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)), 0);
    assert_store_gives(t, queue, "");
}

static void an_extended_second_message_lets_the_first_out_and_holds_the_third(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    assert_int_equal(test_store_receive(t, queue, 3, 10), 3);
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 1), 60), 0);
    t->now_ms += 10000;
    assert_store_gives(t, queue, "g1");
}

static void an_extended_head_holds_the_whole_group(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    assert_int_equal(test_store_receive(t, queue, 3, 10), 3);
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 0), 60), 0);
    t->now_ms += 59999;
    assert_store_gives(t, queue, "");
    t->now_ms += 1;
    assert_store_gives(t, queue, "g1 g2 g3 g4 g5");
}

static void visibility_zero_lets_the_head_out_while_the_second_stays_in_flight(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    assert_int_equal(test_store_receive(t, queue, 2, -1), 2);
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 0), 0), 0);
    assert_store_gives(t, queue, "g1");
}

static void messages_return_in_their_original_order(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    assert_int_equal(test_store_receive(t, queue, 5, 10), 5);
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 3), 0), 0);
    t->now_ms += 10000;
    assert_store_gives(t, queue, "g1 g2 g3 g4 g5");
}

static void a_group_that_was_emptied_can_be_used_again(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_store_gives(t, queue, "m1");
    assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)), 0);
    test_store_send_to(t, queue, "g", "m2", NULL);
    assert_store_gives(t, queue, "m2");
}

static void a_head_that_outlives_its_retention_in_flight_lets_the_next_out(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        queue_with(t, LK_SET_RETENTION, (lk_store_settings){.retention_s = 60});
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_int_equal(test_store_receive(t, queue, 1, 600), 1);
    t->now_ms += 30000;
    test_store_send_to(t, queue, "g", "m2", NULL);
    assert_store_gives(t, queue, "");
    t->now_ms += 30000;
    assert_store_gives(t, queue, "m2");
}

static void messages_of_standard_queues_have_no_place_in_a_group(void **state)
{
    test_store *t = *state;
    const lk_store_queue *fifo = test_store_fifo(t, "jobs.fifo");
    const lk_store_queue *standard = test_store_standard(t, "jobs");
    test_store_send_to(t, fifo, "g", "m1", NULL);
    test_store_send_to(t, standard, "g", "s1", NULL);
    test_store_send_to(t, standard, "g", "s2", NULL);
    assert_store_gives(t, standard, "s1 s2");
    assert_string_equal(t->got.messages[0].sequence_number, "");
    assert_store_gives(t, fifo, "m1");
}

/* --- Between groups -------------------------------------------------------------------------- */

static void a_call_takes_all_of_the_first_group_then_the_next(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "a", "a1", NULL);
    test_store_send_to(t, queue, "b", "b1", NULL);
    test_store_send_to(t, queue, "a", "a2", NULL);
    test_store_send_to(t, queue, "c", "c1", NULL);
    assert_store_gives(t, queue, "a1 a2 b1 c1");
}

static void a_group_in_flight_does_not_block_the_others(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "a");
    send_five(t, queue, "b");
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1);
    assert_store_gives(t, queue, "b1 b2 b3 b4 b5");
}

static void a_group_that_becomes_ready_again_goes_to_the_back(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "a");
    t->now_ms += 1; /* later than all of a: it is being ready that counts, not being sent */
    test_store_send_to(t, queue, "b", "b1", NULL);
    test_store_send_to(t, queue, "c", "c1", NULL);
    t->now_ms += 1;
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1);
    assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)), 0);
    assert_store_gives(t, queue, "b1 c1 a2 a3 a4 a5");
}

static void deleting_behind_the_head_does_not_cost_a_group_its_turn(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "a");
    assert_int_equal(test_store_receive(t, queue, 2, 30), 2);
    const char *second = test_store_handle(t, 1);
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 0), 0), 0);
    t->now_ms += 1;
    test_store_send_to(t, queue, "b", "b1", NULL);
    assert_int_equal(test_store_try_delete(t, queue, second), 0);
    assert_store_gives(t, queue, "a1 a3 a4 a5 b1");
}

static void a_timeout_of_zero_gives_no_message_twice_in_one_call(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "a", "a1", NULL);
    test_store_send_to(t, queue, "b", "b1", NULL);
    assert_int_equal(test_store_receive(t, queue, 10, 0), 2);
    assert_int_equal(test_store_receive(t, queue, 1, 0), 1); /* and turns alternate */
    assert_slice(t->got.messages[0].body, "a1");
    assert_int_equal(test_store_receive(t, queue, 1, 0), 1);
    assert_slice(t->got.messages[0].body, "b1");
}

/* --- Handles --------------------------------------------------------------------------------- */

static void a_handle_expires_with_the_visibility_timeout(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_store_gives(t, queue, "m1");
    const char *handle = test_store_handle(t, 0);
    t->now_ms += 30000;
    assert_int_equal(test_store_try_delete(t, queue, handle), LK_STORE_HANDLE_EXPIRED);
    assert_int_equal(test_store_try_change(t, queue, handle, 10), LK_STORE_HANDLE_EXPIRED);
    t->now_ms -= 1;
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
}

static void an_extended_handle_lives_until_the_new_deadline(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_store_gives(t, queue, "m1");
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_change(t, queue, handle, 60), 0);
    t->now_ms += 59999;
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
}

static void a_stale_handle_has_expired(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_store_gives(t, queue, "m1");
    const char *stale = test_store_handle(t, 0);
    t->now_ms += 30000;
    assert_store_gives(t, queue, "m1");
    assert_int_equal(test_store_try_delete(t, queue, stale), LK_STORE_HANDLE_EXPIRED);
    assert_int_equal(test_store_try_change(t, queue, stale, 0), LK_STORE_HANDLE_EXPIRED);
}

static void a_handle_of_a_receive_with_timeout_zero_is_expired_at_once(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_int_equal(test_store_receive(t, queue, 1, 0), 1);
    assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)),
                     LK_STORE_HANDLE_EXPIRED);
}

static void deleting_what_is_gone_succeeds(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", NULL);
    assert_store_gives(t, queue, "m1");
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    t->now_ms += HOUR_MS;
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
}

static void an_undone_receive_opens_the_group_at_its_old_place(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "a", "a1", NULL);
    test_store_send_to(t, queue, "a", "a2", NULL);
    t->now_ms += 1;
    test_store_send_to(t, queue, "b", "b1", NULL);
    assert_int_equal(test_store_receive(t, queue, 2, -1), 2);
    t->now_ms += 100;
    assert_true(test_store_undo(t, queue, test_store_handle(t, 0)));
    assert_true(test_store_undo(t, queue, test_store_handle(t, 1)));
    assert_store_gives(t, queue, "a1 a2 b1");
    assert_int_equal(t->got.messages[0].receive_count, 1);
}

/* --- Sequence numbers ------------------------------------------------------------------------ */

static void sequence_numbers_have_twenty_digits_and_ascend(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    lk_store_sent before = test_store_send_to(t, queue, "a", "first", NULL);
    char first[LK_STORE_SEQUENCE_SIZE];
    memcpy(first, before.sequence_number, sizeof(first));
    for (int i = 0; i < 20; i++) {
        char body[8];
        snprintf(body, sizeof(body), "%d", i);
        lk_store_sent sent = test_store_send_to(t, queue, i % 2 ? "a" : "b", body, NULL);
        assert_int_equal(strspn(sent.sequence_number, "0123456789"), 20);
        assert_true(strcmp(before.sequence_number, sent.sequence_number) < 0);
        before = sent;
    }
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1);
    assert_string_equal(t->got.messages[0].sequence_number, first);
}

/* --- Delay ----------------------------------------------------------------------------------- */

static void the_queues_delay_holds_whatever_the_message_says(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = queue_with(t, LK_SET_DELAY, (lk_store_settings){.delay_s = 60});
    const lk_store_send message = {
        .body = LK_SLICE_LITERAL("m1"),
        .group_id = LK_SLICE_LITERAL("g"),
        .dedup_id = LK_SLICE_LITERAL("m1"),
        .delay_s = 0,
    };
    test_store_send_message(t, queue, &message);
    assert_store_counts(t, queue, 0, 0, 1);
    assert_store_gives(t, queue, "");
    assert_int_equal(test_store_next_due(t, queue), START_MS + 60000);
    t->now_ms += 60000;
    assert_store_gives(t, queue, "m1");
}

static void changing_the_delay_acts_on_messages_that_wait(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = queue_with(t, LK_SET_DELAY, (lk_store_settings){.delay_s = 60});
    test_store_send_to(t, queue, "g", "m1", NULL);
    test_store_set(t, queue, (lk_store_settings){.given = LK_SET_DELAY, .delay_s = 10});
    assert_int_equal(test_store_next_due(t, queue), START_MS + 10000);
    t->now_ms += 9999;
    assert_store_gives(t, queue, "");
    t->now_ms += 1;
    assert_store_gives(t, queue, "m1");
}

static void a_longer_delay_hides_what_was_never_received_and_leaves_the_rest(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "a", "a1", NULL);
    assert_int_equal(test_store_receive(t, queue, 1, 5), 1);
    test_store_send_to(t, queue, "b", "b1", NULL);
    test_store_set(t, queue, (lk_store_settings){.given = LK_SET_DELAY, .delay_s = 60});
    assert_store_counts(t, queue, 0, 1, 1);
    t->now_ms += 5000;
    assert_store_gives(t, queue, "a1");
    t->now_ms += 55000;
    assert_store_gives(t, queue, "a1 b1");
}

static void a_delayed_message_blocks_later_ones_of_its_group(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = queue_with(t, LK_SET_DELAY, (lk_store_settings){.delay_s = 60});
    test_store_send_to(t, queue, "g", "m1", NULL);
    t->now_ms += 30000;
    test_store_send_to(t, queue, "g", "m2", NULL);
    t->now_ms += 30000;
    assert_store_gives(t, queue, "m1");
}

/* --- Deduplication --------------------------------------------------------------------------- */

static void a_duplicate_gets_the_ids_of_the_first_and_adds_nothing(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    lk_store_sent first = test_store_send_to(t, queue, "g", "m1", "id");
    lk_store_sent again = test_store_send_to(t, queue, "other", "m2", "id");
    assert_false(first.duplicate);
    assert_true(again.duplicate);
    assert_string_equal(again.message_id, first.message_id);
    assert_string_equal(again.sequence_number, first.sequence_number);
    assert_store_counts(t, queue, 1, 0, 0);
}

static void the_window_is_five_minutes_from_the_first_accepted_send(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", "id");
    t->now_ms += 4 * MINUTE_MS;
    assert_true(test_store_send_to(t, queue, "g", "m1", "id").duplicate);
    t->now_ms += MINUTE_MS - 1;
    assert_true(test_store_send_to(t, queue, "g", "m1", "id").duplicate);
    t->now_ms += 1;
    assert_false(test_store_send_to(t, queue, "g", "m1", "id").duplicate);
    t->now_ms += 4 * MINUTE_MS; /* a window of its own */
    assert_true(test_store_send_to(t, queue, "g", "m1", "id").duplicate);
}

static void the_window_holds_after_receive_delete_and_retention(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        queue_with(t, LK_SET_RETENTION, (lk_store_settings){.retention_s = 60});
    test_store_send_to(t, queue, "g", "m1", "id");
    assert_store_gives(t, queue, "m1");
    assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)), 0);
    assert_true(test_store_send_to(t, queue, "g", "m1", "id").duplicate);
    test_store_send_to(t, queue, "g", "m2", "id2");
    t->now_ms += 2 * MINUTE_MS;
    assert_store_counts(t, queue, 0, 0, 0);
    assert_true(test_store_send_to(t, queue, "g", "m2", "id2").duplicate);
}

static void a_purge_forgets_deduplication(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "m1", "id");
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_purge(t->store, queue, t->now_ms, &err));
    test_store_commit(t);
    assert_false(test_store_send_to(t, queue, "g", "m1", "id").duplicate);
    assert_store_gives(t, queue, "m1");
}

static void queues_do_not_share_deduplication(void **state)
{
    test_store *t = *state;
    const lk_store_queue *one = test_store_fifo(t, "one.fifo");
    const lk_store_queue *two = test_store_fifo(t, "two.fifo");
    test_store_send_to(t, one, "g", "m1", "id");
    assert_false(test_store_send_to(t, two, "g", "m1", "id").duplicate);
}

static void content_is_compared_by_its_sha_256(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        queue_with(t, LK_SET_CONTENT_DEDUP, (lk_store_settings){.content_based_dedup = true});
    lk_store_send message = {
        .body = LK_SLICE_LITERAL("hello world"),
        .group_id = LK_SLICE_LITERAL("g"),
        .delay_s = -1,
    };
    assert_false(test_store_send_message(t, queue, &message).duplicate);
    assert_true(test_store_send_message(t, queue, &message).duplicate);
    const char *hash = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    assert_true(test_store_send_to(t, queue, "g", "other", hash).duplicate);
    message.dedup_id = LK_SLICE_LITERAL("explicit");
    assert_false(test_store_send_message(t, queue, &message).duplicate);
    assert_int_equal(test_store_receive(t, queue, 10, -1), 2);
    assert_slice(t->got.messages[0].dedup_id, hash);
    assert_slice(t->got.messages[1].dedup_id, "explicit");
}

static void scope_message_group_compares_within_the_group(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        queue_with(t, LK_SET_DEDUP_SCOPE, (lk_store_settings){.dedup_scope_group = true});
    assert_false(test_store_send_to(t, queue, "a", "m1", "id").duplicate);
    assert_false(test_store_send_to(t, queue, "b", "m1", "id").duplicate);
    assert_true(test_store_send_to(t, queue, "a", "m1", "id").duplicate);
}

static void the_scope_stays_as_it_was_created(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_set(t, queue,
                   (lk_store_settings){.given = LK_SET_DEDUP_SCOPE, .dedup_scope_group = true});
    assert_true(queue->settings.dedup_scope_group);
    test_store_send_to(t, queue, "a", "m1", "id");
    assert_true(test_store_send_to(t, queue, "b", "m1", "id").duplicate);
}

static void a_send_without_group_or_deduplication_id_is_a_mistake_of_the_caller(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_sent sent;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    const lk_store_send no_group = {.body = LK_SLICE_LITERAL("m"),
                                    .dedup_id = LK_SLICE_LITERAL("d")};
    const lk_store_send no_dedup = {.body = LK_SLICE_LITERAL("m"),
                                    .group_id = LK_SLICE_LITERAL("g")};
    test_store_begin(t);
    assert_lk_fails(lk_store_send_message(t->store, queue, &no_group, t->now_ms, &sent, &err),
                    LK_E_INVALID);
    assert_lk_fails(lk_store_send_message(t->store, queue, &no_dedup, t->now_ms, &sent, &err),
                    LK_E_INVALID);
    test_store_commit(t);
    assert_store_counts(t, queue, 0, 0, 0);
}

/* --- Figures --------------------------------------------------------------------------------- */

static void only_the_head_of_a_group_makes_a_due_event(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    assert_int_equal(test_store_next_due(t, queue), INT64_MAX);
    assert_int_equal(test_store_receive(t, queue, 2, 60), 2);
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 1), 10), 0);
    assert_int_equal(test_store_next_due(t, queue), START_MS + 60000);
    assert_store_counts(t, queue, 3, 2, 0);
}

static void above_the_limit_in_flight_a_fifo_queue_just_gives_nothing(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_close(t->store);
    const lk_store_options options = {.in_flight_fifo = 3};
    assert_lk_ok(lk_store_open(&options, &t->store, &err));
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    send_five(t, queue, "g");
    send_five(t, queue, "h");
    assert_store_gives(t, queue, "g1 g2 g3");
    const char *handle = test_store_handle(t, 0);
    assert_store_gives(t, queue, "");
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_store_gives(t, queue, "h1");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_store_setup, test_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_call_gives_several_of_a_group_in_order),
        TEST(two_receives_of_five_on_a_group_of_ten_give_five_and_none),
        TEST(a_message_sent_while_its_group_is_in_flight_waits),
        TEST(a_group_waits_for_all_that_are_in_flight_before_it),
        TEST(an_extended_second_message_lets_the_first_out_and_holds_the_third),
        TEST(an_extended_head_holds_the_whole_group),
        TEST(visibility_zero_lets_the_head_out_while_the_second_stays_in_flight),
        TEST(messages_return_in_their_original_order),
        TEST(a_group_that_was_emptied_can_be_used_again),
        TEST(a_head_that_outlives_its_retention_in_flight_lets_the_next_out),
        TEST(messages_of_standard_queues_have_no_place_in_a_group),
        TEST(a_call_takes_all_of_the_first_group_then_the_next),
        TEST(a_group_in_flight_does_not_block_the_others),
        TEST(a_group_that_becomes_ready_again_goes_to_the_back),
        TEST(deleting_behind_the_head_does_not_cost_a_group_its_turn),
        TEST(a_timeout_of_zero_gives_no_message_twice_in_one_call),
        TEST(a_handle_expires_with_the_visibility_timeout),
        TEST(an_extended_handle_lives_until_the_new_deadline),
        TEST(a_stale_handle_has_expired),
        TEST(a_handle_of_a_receive_with_timeout_zero_is_expired_at_once),
        TEST(deleting_what_is_gone_succeeds),
        TEST(an_undone_receive_opens_the_group_at_its_old_place),
        TEST(sequence_numbers_have_twenty_digits_and_ascend),
        TEST(the_queues_delay_holds_whatever_the_message_says),
        TEST(changing_the_delay_acts_on_messages_that_wait),
        TEST(a_longer_delay_hides_what_was_never_received_and_leaves_the_rest),
        TEST(a_delayed_message_blocks_later_ones_of_its_group),
        TEST(a_duplicate_gets_the_ids_of_the_first_and_adds_nothing),
        TEST(the_window_is_five_minutes_from_the_first_accepted_send),
        TEST(the_window_holds_after_receive_delete_and_retention),
        TEST(a_purge_forgets_deduplication),
        TEST(queues_do_not_share_deduplication),
        TEST(content_is_compared_by_its_sha_256),
        TEST(scope_message_group_compares_within_the_group),
        TEST(the_scope_stays_as_it_was_created),
        TEST(a_send_without_group_or_deduplication_id_is_a_mistake_of_the_caller),
        TEST(only_the_head_of_a_group_makes_a_due_event),
        TEST(above_the_limit_in_flight_a_fifo_queue_just_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
