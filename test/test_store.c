/* SPDX-License-Identifier: MIT
 *
 * test_store: messages of a standard queue: what a receive gives, what a handle can do, and when.
 */
#include "lk_test_store.h"

static lk_store_sent send_delayed(test_store *t, const lk_store_queue *queue, const char *body,
                                  int64_t delay_s)
{
    const lk_store_send message = {.body = lk_slice_of(body), .delay_s = delay_s};
    return test_store_send_message(t, queue, &message);
}

/* --- What comes back ------------------------------------------------------------------------- */

static void a_message_comes_back_as_it_was_sent(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    static const char body[] = "h\xc3\xa9llo\r\n\0world";
    static const char binary[] = {0, 1, '\xff'};
    const lk_md5_attribute attributes[] = {
        {LK_SLICE_LITERAL("trace_id"), LK_SLICE_LITERAL("String.uuid"), LK_SLICE_LITERAL("abc")},
        {LK_SLICE_LITERAL("bin"), LK_SLICE_LITERAL("Binary.png"), {binary, sizeof(binary)}},
    };
    const lk_store_send message = {
        .body = {body, sizeof(body) - 1},
        .attributes = attributes,
        .attribute_count = LK_COUNT(attributes),
        .trace_header = LK_SLICE_LITERAL("Root=1-2-3"),
        .sender_id = LK_SLICE_LITERAL("AKID"),
        .group_id = LK_SLICE_LITERAL("tenant"),
        .delay_s = -1,
    };
    lk_store_sent sent = test_store_send_message(t, queue, &message);
    t->now_ms += 5;
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1);
    const lk_store_message *got = &t->got.messages[0];
    assert_string_equal(got->message_id, sent.message_id);
    assert_true(lk_slice_equal(got->body, message.body));
    assert_int_equal(got->attribute_count, 2);
    assert_slice(got->attributes[0].name, "trace_id");
    assert_slice(got->attributes[0].data_type, "String.uuid");
    assert_slice(got->attributes[0].value, "abc");
    assert_true(lk_slice_equal(got->attributes[1].value, attributes[1].value));
    assert_slice(got->trace_header, "Root=1-2-3");
    assert_slice(got->sender_id, "AKID");
    assert_slice(got->group_id, "tenant");
    assert_null(got->dedup_id.ptr);
    assert_null(got->dead_letter_source.ptr);
    assert_string_equal(got->sequence_number, "");
    assert_int_equal(got->sent_at_ms, START_MS);
    assert_int_equal(got->first_received_at_ms, START_MS + 5);
    assert_int_equal(got->receive_count, 1);
}

static void what_was_not_sent_does_not_come_back(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "bare");
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1);
    const lk_store_message *got = &t->got.messages[0];
    assert_int_equal(got->attribute_count, 0);
    assert_null(got->attributes);
    assert_null(got->trace_header.ptr);
    assert_null(got->sender_id.ptr);
    assert_null(got->group_id.ptr);
}

static void a_body_of_a_mebibyte_comes_back_unchanged(void **state)
{
    enum { SIZE = 1 << 20 };
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    char *body = malloc(SIZE);
    assert_non_null(body);
    for (int i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7 + i / 251);
    const lk_store_send message = {.body = {body, SIZE}, .delay_s = -1};
    test_store_send_message(t, queue, &message);
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1);
    assert_true(lk_slice_equal(t->got.messages[0].body, message.body));
    free(body);
}

static void message_ids_are_random_uuids(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    lk_store_sent one = test_store_send(t, queue, "same");
    lk_store_sent two = test_store_send(t, queue, "same");
    assert_int_equal(strlen(one.message_id), 36);
    assert_int_equal(one.message_id[14], '4');
    assert_non_null(strchr("89ab", one.message_id[19]));
    assert_string_not_equal(one.message_id, two.message_id);
}

static void an_empty_queue_gives_nothing(void **state)
{
    test_store *t = *state;
    assert_store_gives(t, test_store_standard(t, "jobs"), "");
}

static void a_receive_takes_at_most_what_was_asked_for(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    for (int i = 0; i < 12; i++)
        test_store_send(t, queue, "job");
    assert_int_equal(test_store_receive(t, queue, 3, -1), 3);
    assert_int_equal(test_store_receive(t, queue, 10, -1), 9);
    assert_int_equal(test_store_receive(t, queue, 10, -1), 0);
}

static void asking_for_more_than_ten_is_a_mistake_of_the_caller(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_received received = {.count = 0};
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_begin(t);
    assert_lk_fails(lk_store_receive(t->store, queue, 11, -1, t->now_ms, &received, &err),
                    LK_E_INVALID);
    assert_lk_fails(lk_store_receive(t->store, queue, 0, -1, t->now_ms, &received, &err),
                    LK_E_INVALID);
    test_store_commit(t);
}

static void queues_do_not_see_each_others_messages(void **state)
{
    test_store *t = *state;
    const lk_store_queue *one = test_store_standard(t, "one");
    const lk_store_queue *two = test_store_standard(t, "two");
    test_store_send(t, one, "a");
    assert_store_gives(t, two, "");
    assert_store_gives(t, one, "a");
}

/* --- Visibility ------------------------------------------------------------------------------ */

static void a_received_message_is_hidden_until_its_timeout_ends(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    t->now_ms += 29999;
    assert_store_gives(t, queue, "");
    t->now_ms += 1;
    assert_store_gives(t, queue, "a");
    assert_int_equal(t->got.messages[0].receive_count, 2);
    assert_int_equal(t->got.messages[0].first_received_at_ms, START_MS);
}

static void the_timeout_of_the_call_wins_over_the_queues(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_int_equal(test_store_receive(t, queue, 1, 5), 1);
    t->now_ms += 5000;
    assert_store_gives(t, queue, "a");
}

static void a_timeout_of_zero_delivers_and_shows_again_at_once(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_int_equal(test_store_receive(t, queue, 10, 0), 1);
    assert_store_counts(t, queue, 1, 0, 0);
    assert_int_equal(test_store_receive(t, queue, 10, 0), 1);
    assert_int_equal(t->got.messages[0].receive_count, 2);
}

static void a_message_that_comes_back_queues_up_behind_the_others(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "failing");
    t->now_ms += 1;
    test_store_send(t, queue, "waiting");
    t->now_ms += 1;
    assert_int_equal(test_store_receive(t, queue, 1, 0), 1);
    assert_store_gives(t, queue, "waiting failing");
}

static void visibility_zero_makes_it_receivable_at_once_and_counts_only_receives(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 0), 0), 0);
    assert_store_gives(t, queue, "a");
    assert_int_equal(t->got.messages[0].receive_count, 2);
}

static void a_changed_timeout_counts_from_the_change(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    t->now_ms += 20000;
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 0), 60), 0);
    t->now_ms += 59999;
    assert_store_gives(t, queue, "");
    t->now_ms += 1;
    assert_store_gives(t, queue, "a");
    t->now_ms += 30000; /* the change does not act on later receives */
    assert_store_gives(t, queue, "a");
}

static void twelve_hours_since_the_receive_are_the_limit_to_the_millisecond(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_change(t, queue, handle, 43200), 0);
    t->now_ms += 1;
    assert_int_equal(test_store_try_change(t, queue, handle, 43200), LK_STORE_VISIBILITY_LIMIT);
    t->now_ms += 999;
    assert_int_equal(test_store_try_change(t, queue, handle, 43199), 0);
    t->now_ms += 1;
    assert_int_equal(test_store_try_change(t, queue, handle, 43199), LK_STORE_VISIBILITY_LIMIT);
    assert_store_counts(t, queue, 0, 1, 0); /* a refusal leaves the timeout as it was */
}

/* --- Delay ----------------------------------------------------------------------------------- */

static void a_delayed_message_is_counted_as_delayed_and_not_given(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    lk_store_sent sent = send_delayed(t, queue, "later", 900);
    assert_int_equal(sent.visible_at_ms, START_MS + 900000);
    assert_store_counts(t, queue, 0, 0, 1);
    t->now_ms += 899999;
    assert_store_gives(t, queue, "");
    t->now_ms += 1;
    assert_store_counts(t, queue, 1, 0, 0);
    assert_store_gives(t, queue, "later");
    assert_int_equal(t->got.messages[0].sent_at_ms, START_MS);
}

static void a_delay_of_zero_overrides_the_queues(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        test_store_queue(t, "jobs", (lk_store_settings){.given = LK_SET_DELAY, .delay_s = 60});
    test_store_send(t, queue, "queue's");
    send_delayed(t, queue, "own", 0);
    assert_store_gives(t, queue, "own");
}

static void changing_the_delay_of_a_standard_queue_leaves_its_messages_alone(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue =
        test_store_queue(t, "jobs", (lk_store_settings){.given = LK_SET_DELAY, .delay_s = 60});
    test_store_send(t, queue, "a");
    test_store_set(t, queue, (lk_store_settings){.given = LK_SET_DELAY, .delay_s = 0});
    assert_store_gives(t, queue, "");
    t->now_ms += 60000;
    assert_store_gives(t, queue, "a");
}

/* --- Handles --------------------------------------------------------------------------------- */

static void a_deleted_message_does_not_come_back_and_can_be_deleted_again(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_store_counts(t, queue, 0, 0, 0);
    t->now_ms += HOUR_MS;
    assert_store_gives(t, queue, "");
}

static void the_handle_of_a_deleted_message_never_meets_a_new_one(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "old");
    assert_store_gives(t, queue, "old");
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    test_store_send(t, queue, "new");
    assert_store_gives(t, queue, "new");
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_store_counts(t, queue, 0, 1, 0);
}

static void the_visibility_of_a_deleted_message_cannot_be_changed(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_int_equal(test_store_try_change(t, queue, handle, 10), LK_STORE_NOT_AVAILABLE);
}

static void the_newest_handle_deletes_also_after_its_timeout(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    t->now_ms += HOUR_MS;
    assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)), 0);
    assert_store_gives(t, queue, "");
}

static void changing_after_the_timeout_answers_yes_and_does_nothing(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    t->now_ms += 30000;
    assert_int_equal(test_store_try_change(t, queue, test_store_handle(t, 0), 600), 0);
    assert_store_gives(t, queue, "a");
}

static void a_stale_handle_answers_yes_and_deletes_nothing(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *stale = test_store_handle(t, 0);
    t->now_ms += 30000;
    assert_store_gives(t, queue, "a");
    assert_int_equal(test_store_try_delete(t, queue, stale), 0);
    assert_int_equal(test_store_try_change(t, queue, stale, 0), LK_STORE_NOT_AVAILABLE);
    assert_store_counts(t, queue, 0, 1, 0);
    t->now_ms += 30000;
    assert_store_gives(t, queue, "a");
}

static void a_handle_older_than_twelve_hours_has_expired(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *handle = test_store_handle(t, 0);
    t->now_ms += 12 * HOUR_MS + 1;
    assert_int_equal(test_store_try_delete(t, queue, handle), LK_STORE_HANDLE_EXPIRED);
    t->now_ms -= 1;
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
}

static void what_is_not_one_of_our_handles_is_refused(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    char damaged[LK_STORE_HANDLE_SIZE];
    for (size_t i = 0; i < strlen(t->got.messages[0].receipt_handle); i++) {
        memcpy(damaged, t->got.messages[0].receipt_handle, sizeof(damaged));
        damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
        assert_int_equal(test_store_try_delete(t, queue, damaged), LK_STORE_HANDLE_INVALID);
    }
    static const char *const foreign[] = {"", "garbage", "!!!!", "AAAA",
                                          "0123456789012345678901234567890123456789"};
    for (size_t i = 0; i < LK_COUNT(foreign); i++) {
        assert_int_equal(test_store_try_delete(t, queue, foreign[i]), LK_STORE_HANDLE_INVALID);
        assert_int_equal(test_store_try_change(t, queue, foreign[i], 1), LK_STORE_HANDLE_INVALID);
    }
    assert_store_counts(t, queue, 0, 1, 0);
}

static void the_handle_of_another_queue_is_refused(void **state)
{
    test_store *t = *state;
    const lk_store_queue *one = test_store_standard(t, "one");
    const lk_store_queue *two = test_store_standard(t, "two");
    test_store_send(t, one, "a");
    assert_store_gives(t, one, "a");
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_delete(t, two, handle), LK_STORE_HANDLE_INVALID);
    assert_int_equal(test_store_try_change(t, two, handle, 0), LK_STORE_HANDLE_INVALID);
}

/* --- Undo ------------------------------------------------------------------------------------ */

static void an_undone_first_receive_leaves_no_trace(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    test_store_send(t, queue, "b");
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1);
    t->now_ms += 100;
    assert_true(test_store_undo(t, queue, test_store_handle(t, 0)));
    assert_store_counts(t, queue, 2, 0, 0);
    t->now_ms += 100;
    assert_store_gives(t, queue, "a b");
    assert_int_equal(t->got.messages[0].receive_count, 1);
    assert_int_equal(t->got.messages[0].first_received_at_ms, START_MS + 200);
}

static void undoing_a_later_receive_makes_the_handle_before_the_newest_again(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *first = test_store_handle(t, 0);
    t->now_ms += 30000;
    assert_store_gives(t, queue, "a");
    assert_true(test_store_undo(t, queue, test_store_handle(t, 0)));
    assert_store_counts(t, queue, 1, 0, 0);
    assert_int_equal(test_store_try_delete(t, queue, first), 0);
    assert_store_counts(t, queue, 0, 0, 0);
}

static void undo_does_nothing_when_the_message_was_received_again_or_is_gone(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *first = test_store_handle(t, 0);
    t->now_ms += 30000;
    assert_store_gives(t, queue, "a");
    const char *second = test_store_handle(t, 0);
    assert_false(test_store_undo(t, queue, first));
    assert_store_counts(t, queue, 0, 1, 0);
    assert_int_equal(test_store_try_delete(t, queue, second), 0);
    assert_false(test_store_undo(t, queue, second));
    assert_store_counts(t, queue, 0, 0, 0);
}

/* --- Retention ------------------------------------------------------------------------------- */

static void a_message_vanishes_when_its_retention_ends_also_in_flight(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_queue(
        t, "jobs", (lk_store_settings){.given = LK_SET_RETENTION, .retention_s = 60});
    test_store_send(t, queue, "visible");
    test_store_send(t, queue, "in-flight");
    send_delayed(t, queue, "delayed", 900);
    assert_int_equal(test_store_receive(t, queue, 1, 600), 1);
    const char *handle = test_store_handle(t, 0);
    t->now_ms += 59999;
    assert_store_counts(t, queue, 1, 1, 1);
    t->now_ms += 1;
    assert_store_counts(t, queue, 0, 0, 0);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_int_equal(test_store_try_change(t, queue, handle, 9), LK_STORE_NOT_AVAILABLE);
    t->now_ms += HOUR_MS;
    assert_store_gives(t, queue, "");
}

static void only_what_is_past_its_retention_goes(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_queue(
        t, "jobs", (lk_store_settings){.given = LK_SET_RETENTION, .retention_s = 60});
    for (int i = 0; i < 40; i++)
        test_store_send(t, queue, "old");
    t->now_ms += 1;
    test_store_send(t, queue, "young");
    t->now_ms += 59999;
    assert_store_counts(t, queue, 1, 0, 0);
    assert_store_gives(t, queue, "young");
}

static void changing_the_retention_acts_on_what_is_there(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    t->now_ms += 61000;
    assert_store_counts(t, queue, 1, 0, 0);
    test_store_set(t, queue, (lk_store_settings){.given = LK_SET_RETENTION, .retention_s = 60});
    assert_store_gives(t, queue, "");
}

/* --- Limits ---------------------------------------------------------------------------------- */

static void a_standard_queue_refuses_above_its_limit_in_flight(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_close(t->store);
    const lk_store_options options = {.in_flight_standard = 5};
    assert_lk_ok(lk_store_open(&options, &t->store, &err));
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    for (int i = 0; i < 8; i++)
        test_store_send(t, queue, "a");
    assert_int_equal(test_store_receive(t, queue, 3, 30), 3);
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_receive(t, queue, 10, 60), 2); /* what there is room for */
    assert_int_equal(test_store_try_receive(t, queue, 1, 30), LK_STORE_OVER_LIMIT);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_int_equal(test_store_receive(t, queue, 10, 60), 1);
    assert_int_equal(test_store_try_receive(t, queue, 1, 60), LK_STORE_OVER_LIMIT);
    t->now_ms += 30000; /* two timeouts end */
    assert_int_equal(test_store_receive(t, queue, 10, 60), 2);
    assert_int_equal(test_store_try_receive(t, queue, 1, 60), LK_STORE_OVER_LIMIT);
}

static const lk_store_queue *queue_with_room_for_three(test_store *t)
{
    lk_err err = {0};
    lk_store_close(t->store);
    const lk_store_options options = {.in_flight_standard = 3};
    assert_lk_ok(lk_store_open(&options, &t->store, &err));
    const lk_store_queue *queue = test_store_queue(
        t, "jobs", (lk_store_settings){.given = LK_SET_RETENTION, .retention_s = 3600});
    for (int i = 0; i < 4; i++)
        test_store_send(t, queue, "a");
    return queue;
}

static void a_short_timeout_makes_room_again_while_long_ones_fill_the_limit(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = queue_with_room_for_three(t);
    assert_int_equal(test_store_receive(t, queue, 2, 1800), 2);
    assert_int_equal(test_store_receive(t, queue, 10, 5), 1); /* what there is room for */
    t->now_ms += 5000;
    assert_int_equal(test_store_receive(t, queue, 10, 5), 1);
}

static void a_shortened_timeout_makes_room_when_it_ends(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = queue_with_room_for_three(t);
    assert_int_equal(test_store_receive(t, queue, 3, 1800), 3);
    const char *handle = test_store_handle(t, 0);
    assert_int_equal(test_store_try_receive(t, queue, 1, 30), LK_STORE_OVER_LIMIT);
    assert_int_equal(test_store_try_change(t, queue, handle, 5), 0);
    t->now_ms += 5000;
    assert_int_equal(test_store_receive(t, queue, 10, 30), 1);
}

static void a_longer_retention_brings_back_what_makes_room(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = queue_with_room_for_three(t);
    assert_int_equal(test_store_receive(t, queue, 3, 7200), 3);
    assert_int_equal(test_store_try_receive(t, queue, 1, 30), LK_STORE_OVER_LIMIT);
    test_store_set(t, queue, (lk_store_settings){.given = LK_SET_RETENTION, .retention_s = 86400});
    t->now_ms += 7200000;
    assert_int_equal(test_store_receive(t, queue, 10, 30), 3);
}

/* --- Due events ------------------------------------------------------------------------------ */

static void the_next_due_event_is_the_earliest_delay_or_timeout_that_ends(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    const lk_store_queue *other = test_store_standard(t, "other");
    assert_int_equal(test_store_next_due(t, NULL), INT64_MAX);
    test_store_send(t, queue, "a"); /* visible already: not an event */
    assert_int_equal(test_store_next_due(t, queue), INT64_MAX);
    assert_int_equal(test_store_receive(t, queue, 1, 300), 1);
    assert_int_equal(test_store_next_due(t, queue), START_MS + 300000);
    send_delayed(t, other, "b", 120);
    assert_int_equal(test_store_next_due(t, queue), START_MS + 300000);
    assert_int_equal(test_store_next_due(t, NULL), START_MS + 120000);
    t->now_ms += 120000;
    assert_int_equal(test_store_next_due(t, NULL), START_MS + 300000);
}

static void a_timeout_beyond_the_retention_is_no_event(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_queue(
        t, "jobs", (lk_store_settings){.given = LK_SET_RETENTION, .retention_s = 60});
    test_store_send(t, queue, "a");
    assert_int_equal(test_store_receive(t, queue, 1, 60), 1);
    assert_int_equal(test_store_next_due(t, queue), INT64_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_store_setup, test_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_message_comes_back_as_it_was_sent),
        TEST(what_was_not_sent_does_not_come_back),
        TEST(a_body_of_a_mebibyte_comes_back_unchanged),
        TEST(message_ids_are_random_uuids),
        TEST(an_empty_queue_gives_nothing),
        TEST(a_receive_takes_at_most_what_was_asked_for),
        TEST(asking_for_more_than_ten_is_a_mistake_of_the_caller),
        TEST(queues_do_not_see_each_others_messages),
        TEST(a_received_message_is_hidden_until_its_timeout_ends),
        TEST(the_timeout_of_the_call_wins_over_the_queues),
        TEST(a_timeout_of_zero_delivers_and_shows_again_at_once),
        TEST(a_message_that_comes_back_queues_up_behind_the_others),
        TEST(visibility_zero_makes_it_receivable_at_once_and_counts_only_receives),
        TEST(a_changed_timeout_counts_from_the_change),
        TEST(twelve_hours_since_the_receive_are_the_limit_to_the_millisecond),
        TEST(a_delayed_message_is_counted_as_delayed_and_not_given),
        TEST(a_delay_of_zero_overrides_the_queues),
        TEST(changing_the_delay_of_a_standard_queue_leaves_its_messages_alone),
        TEST(a_deleted_message_does_not_come_back_and_can_be_deleted_again),
        TEST(the_handle_of_a_deleted_message_never_meets_a_new_one),
        TEST(the_visibility_of_a_deleted_message_cannot_be_changed),
        TEST(the_newest_handle_deletes_also_after_its_timeout),
        TEST(changing_after_the_timeout_answers_yes_and_does_nothing),
        TEST(a_stale_handle_answers_yes_and_deletes_nothing),
        TEST(a_handle_older_than_twelve_hours_has_expired),
        TEST(what_is_not_one_of_our_handles_is_refused),
        TEST(the_handle_of_another_queue_is_refused),
        TEST(an_undone_first_receive_leaves_no_trace),
        TEST(undoing_a_later_receive_makes_the_handle_before_the_newest_again),
        TEST(undo_does_nothing_when_the_message_was_received_again_or_is_gone),
        TEST(a_message_vanishes_when_its_retention_ends_also_in_flight),
        TEST(only_what_is_past_its_retention_goes),
        TEST(changing_the_retention_acts_on_what_is_there),
        TEST(a_standard_queue_refuses_above_its_limit_in_flight),
        TEST(a_short_timeout_makes_room_again_while_long_ones_fill_the_limit),
        TEST(a_shortened_timeout_makes_room_when_it_ends),
        TEST(a_longer_retention_brings_back_what_makes_room),
        TEST(the_next_due_event_is_the_earliest_delay_or_timeout_that_ends),
        TEST(a_timeout_beyond_the_retention_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
