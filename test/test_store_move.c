/* SPDX-License-Identifier: MIT
 *
 * test_store_move: move tasks: what they move, in which order, how fast, and how they end.
 */
#include "lk_test_store.h"

/* Puts messages with these bodies ("a b c") into the dead-letter queue of `queue`, whose
 * maxReceiveCount is 1, each more than a second younger than the one before. */
static void bury(test_store *t, const lk_store_queue *queue, const char *bodies)
{
    char list[128];
    snprintf(list, sizeof list, "%s", bodies);
    for (char *rest = list, *body; (body = strtok_r(rest, " ", &rest));) {
        if (queue->settings.fifo)
            test_store_send_to(t, queue, "g", body, NULL);
        else
            test_store_send(t, queue, body);
        assert_int_equal(test_store_receive(t, queue, 10, 1), 1);
        t->now_ms += 1000;
        assert_int_equal(test_store_receive(t, queue, 10, 1), 0);
        assert_int_equal(t->got.moved, 1);
        t->now_ms++; /* what comes next is younger */
    }
}

static int64_t visible_in(test_store *t, const lk_store_queue *queue)
{
    lk_err err = {0};
    lk_store_counts counts;
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_count(t->store, queue, t->now_ms, &counts, &err));
    test_store_commit(t);
    return counts.visible;
}

static void delete_queue(test_store *t, const lk_store_queue *queue)
{
    lk_err err = {0};
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_delete(t->store, queue, t->now_ms, &err));
    test_store_commit(t);
}

static int cancel(test_store *t, const lk_store_queue *source, const char *task_id, int64_t *moved)
{
    lk_err err = {0};
    test_store_begin(t);
    int rc = lk_store_move_cancel(t->store, source, lk_slice_of(task_id), moved, &err);
    assert_true(rc >= 0);
    test_store_commit(t);
    return rc;
}

/* --- What is moved --------------------------------------------------------------------------- */

static void a_dead_letter_comes_back_as_a_new_message(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    const lk_md5_attribute attribute = {LK_SLICE_LITERAL("lambdakiq"), LK_SLICE_LITERAL("String"),
                                        LK_SLICE_LITERAL("1")};
    const lk_store_send message = {.body = LK_SLICE_LITERAL("poison"),
                                   .attributes = &attribute,
                                   .attribute_count = 1,
                                   .trace_header = LK_SLICE_LITERAL("Root=1"),
                                   .sender_id = LK_SLICE_LITERAL("AKID"),
                                   .group_id = LK_SLICE_LITERAL("tenant"),
                                   .delay_s = -1};
    lk_store_sent sent = test_store_send_message(t, queue, &message);
    assert_int_equal(test_store_receive(t, queue, 1, 10), 1);
    t->now_ms += 10000;
    assert_store_gives(t, queue, "");
    t->now_ms += HOUR_MS;
    test_store_start_move(t, dead, NULL, 0);
    test_store_move(t);
    assert_store_counts(t, dead, 0, 0, 0);
    t->now_ms += 5;
    assert_store_gives(t, queue, "poison");
    const lk_store_message *got = &t->got.messages[0];
    assert_string_not_equal(got->message_id, sent.message_id);
    assert_int_equal(got->receive_count, 1);
    assert_int_equal(got->sent_at_ms, START_MS + 10000 + HOUR_MS);
    assert_int_equal(got->first_received_at_ms, t->now_ms);
    assert_null(got->dead_letter_source.ptr);
    assert_int_equal(got->attribute_count, 1);
    assert_slice(got->attributes[0].name, "lambdakiq");
    assert_slice(got->trace_header, "Root=1");
    assert_slice(got->sender_id, "AKID");
    assert_slice(got->group_id, "tenant");
    assert_null(got->dedup_id.ptr);
}

static void
a_redriven_message_counts_from_1_and_max_receive_count_1_does_not_bounce_it(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a");
    test_store_start_move(t, dead, NULL, 0);
    test_store_move(t);
    assert_store_gives(t, queue, "a");
    assert_int_equal(t->got.messages[0].receive_count, 1);
    assert_int_equal(t->got.moved, 0);
    t->now_ms += HOUR_MS;
    assert_store_gives(t, queue, "");
    assert_int_equal(t->got.moved, 1);
    assert_store_counts(t, dead, 1, 0, 0);
}

static void an_old_handle_cannot_touch_the_redriven_message(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_send(t, queue, "a");
    assert_int_equal(test_store_receive(t, queue, 1, 10), 1);
    const char *handle = test_store_handle(t, 0);
    t->now_ms += 10000;
    assert_store_gives(t, queue, "");
    assert_int_equal(test_store_receive(t, dead, 1, 0), 1);
    const char *dead_handle = test_store_handle(t, 0);
    test_store_start_move(t, dead, NULL, 0);
    test_store_move(t);
    assert_int_equal(test_store_receive(t, queue, 1, 10), 1);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    assert_int_equal(test_store_try_delete(t, dead, dead_handle), 0);
    assert_store_counts(t, queue, 0, 1, 0);
}

static void retention_starts_anew(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a");
    t->now_ms += 3 * DAY_MS;
    test_store_start_move(t, dead, NULL, 0);
    test_store_move(t);
    t->now_ms += 2 * DAY_MS; /* five days after the first send, four are the limit */
    assert_store_gives(t, queue, "a");
}

static void the_delay_of_the_destination_holds_as_for_every_new_message(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a");
    test_store_set(t, queue, (lk_store_settings){.given = LK_SET_DELAY, .delay_s = 9});
    test_store_start_move(t, dead, NULL, 0);
    test_store_move(t);
    assert_store_counts(t, queue, 0, 0, 1);
}

static void without_a_destination_each_goes_back_to_where_it_came_from(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    const lk_store_queue *other =
        test_store_queue(t, "other",
                         (lk_store_settings){.given = LK_SET_REDRIVE,
                                             .dead_letter_queue = LK_SLICE_LITERAL("dead"),
                                             .max_receive_count = 1});
    bury(t, queue, "a");
    bury(t, other, "b");
    bury(t, queue, "c");
    test_store_start_move(t, dead, NULL, 0);
    t->now_ms += 1000;
    test_store_move(t);
    assert_store_gives(t, queue, "a c");
    assert_store_gives(t, other, "b");
}

static void with_a_destination_all_go_there_wherever_they_came_from(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    const lk_store_queue *elsewhere = test_store_standard(t, "elsewhere");
    bury(t, queue, "a");
    test_store_send(t, dead, "never-was-elsewhere");
    test_store_start_move(t, dead, "elsewhere", 0);
    t->now_ms += 1000;
    test_store_move(t);
    assert_store_gives(t, elsewhere, "a never-was-elsewhere");
    assert_store_counts(t, queue, 0, 0, 0);
    assert_string_equal(test_store_newest_move(t, dead).destination, "elsewhere");
}

static void the_oldest_goes_first(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a b c");
    test_store_start_move(t, dead, NULL, 1);
    test_store_move(t);
    assert_store_gives(t, queue, "a");
    t->now_ms += 1000;
    test_store_move(t);
    assert_store_gives(t, queue, "b");
}

static void what_is_in_flight_or_arrives_later_stays(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a b");
    assert_int_equal(test_store_receive(t, dead, 1, 30), 1);
    test_store_start_move(t, dead, NULL, 0);
    assert_int_equal(test_store_newest_move(t, dead).to_move, 1);
    test_store_send(t, dead, "later");
    t->now_ms += 5000;
    test_store_move(t);
    assert_store_gives(t, queue, "b");
    assert_store_counts(t, dead, 1, 1, 0);
    assert_int_equal(test_store_newest_move(t, dead).status, LK_STORE_MOVE_COMPLETED);
}

/* A message that dies again at once would otherwise go round for ever. */
static void a_task_ends_although_what_it_moves_comes_back(void **state)
{
    test_store *t = *state;
    const lk_store_queue *self =
        test_store_queue(t, "self",
                         (lk_store_settings){.given = LK_SET_REDRIVE,
                                             .dead_letter_queue = LK_SLICE_LITERAL("self"),
                                             .max_receive_count = 1});
    test_store_send(t, self, "a");
    for (int i = 0; i < 2; i++, t->now_ms += 1000)
        assert_int_equal(test_store_receive(t, self, 1, 1), 1); /* now a dead letter of its own */
    char task_id[LK_STORE_UUID_SIZE];
    assert_int_equal(test_store_try_start_move(t, self, NULL, 0, task_id), 0);
    t->now_ms += HOUR_MS;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, self).moved, 1);
    assert_int_equal(test_store_newest_move(t, self).status, LK_STORE_MOVE_COMPLETED);
}

/* --- FIFO ------------------------------------------------------------------------------------ */

static void fifo_messages_with_the_same_old_deduplication_id_both_arrive(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, true, 1);
    const lk_store_queue *dead = test_store_find(t, "dead.fifo");
    for (int i = 1; i <= 2; i++) {
        char body[8];
        snprintf(body, sizeof body, "m%d", i);
        test_store_send_to(t, queue, "g", body, "the-same");
        assert_int_equal(test_store_receive(t, queue, 1, 1), 1);
        t->now_ms += 5 * MINUTE_MS;
        assert_store_gives(t, queue, "");
    }
    test_store_send_to(t, queue, "h", "m0", "the-same"); /* its window is open */
    test_store_start_move(t, dead, NULL, 0);
    t->now_ms += 1000;
    test_store_move(t);
    assert_store_gives(t, queue, "m0 m1 m2");
    const lk_store_message *got = &t->got.messages[1];
    assert_slice(got->dedup_id, got->message_id);
    assert_slice(got->group_id, "g");
    assert_int_equal(got->receive_count, 1);
    assert_true(strcmp(got->sequence_number, t->got.messages[0].sequence_number) > 0);
}

static void fifo_messages_go_in_the_order_of_their_groups_the_oldest_group_first(void **state)
{
    test_store *t = *state;
    test_store_with_dlq(t, true, 1);
    const lk_store_queue *dead = test_store_find(t, "dead.fifo");
    const lk_store_queue *to = test_store_fifo(t, "to.fifo");
    static const char *const sends[][2] = {{"g", "g1"}, {"h", "h1"}, {"g", "g2"}, {"h", "h2"}};
    for (size_t i = 0; i < LK_COUNT(sends); i++, t->now_ms += 10)
        test_store_send_to(t, dead, sends[i][0], sends[i][1], NULL);
    test_store_start_move(t, dead, "to.fifo", 1);
    test_store_move(t);
    assert_store_gives(t, to, "g1");
    t->now_ms += 1000;
    test_store_move(t);
    assert_store_gives(t, to, "h1");
    t->now_ms += 5000;
    test_store_move(t);
    t->now_ms += MINUTE_MS;
    assert_store_gives(t, to, "g1 g2 h1 h2");
    assert_store_counts(t, dead, 0, 0, 0);
}

static void a_fifo_group_behind_a_message_in_flight_stays(void **state)
{
    test_store *t = *state;
    test_store_with_dlq(t, true, 1);
    const lk_store_queue *dead = test_store_find(t, "dead.fifo");
    test_store_fifo(t, "to.fifo");
    test_store_send_to(t, dead, "g", "g1", NULL);
    test_store_send_to(t, dead, "g", "g2", NULL);
    assert_int_equal(test_store_receive(t, dead, 1, 30), 1);
    test_store_send_to(t, dead, "h", "h1", NULL);
    test_store_start_move(t, dead, "to.fifo", 0);
    t->now_ms += 1000;
    test_store_move(t);
    assert_store_gives(t, test_store_find(t, "to.fifo"), "h1");
    assert_store_counts(t, dead, 1, 1, 0);
    t->now_ms += 30000;
    assert_store_gives(t, dead, "g1 g2");
}

/* --- The rate -------------------------------------------------------------------------------- */

static void a_task_keeps_its_rate(void **state)
{
    test_store *t = *state;
    test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_standard(t, "to");
    for (int i = 0; i < 30; i++)
        test_store_send(t, dead, "x");
    test_store_start_move(t, dead, "to", 10);
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).moved, 1);
    assert_int_equal(lk_store_move_due(t->store), t->now_ms + 100);
    t->now_ms += 99;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).moved, 1);
    t->now_ms += 901;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).moved, 11);
    assert_int_equal(test_store_newest_move(t, dead).max_per_second, 10);
}

static void a_task_without_a_rate_moves_500_a_second_some_at_a_time(void **state)
{
    test_store *t = *state;
    test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_standard(t, "to");
    test_store_begin(t);
    for (int i = 0; i < 1000; i++) {
        lk_err err = {0};
        lk_store_sent sent;
        const lk_store_send message = {.body = LK_SLICE_LITERAL("x"), .delay_s = -1};
        assert_lk_ok(lk_store_send_message(t->store, dead, &message, t->now_ms, &sent, &err));
    }
    test_store_commit(t);
    test_store_start_move(t, dead, "to", 0);
    test_store_move(t);
    assert_int_equal(lk_store_move_due(t->store), t->now_ms + 20);
    t->now_ms += 1000;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).moved, 501);
    assert_int_equal(test_store_newest_move(t, dead).max_per_second, 0);
}

static void a_clock_moved_forward_lets_a_slow_task_finish(void **state)
{
    test_store *t = *state;
    test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    for (int i = 0; i < 200; i++)
        test_store_send(t, dead, "x");
    test_store_standard(t, "to");
    test_store_start_move(t, dead, "to", 1);
    test_store_move(t);
    assert_int_equal(visible_in(t, dead), 199);
    assert_int_equal(test_store_next_due(t, NULL), t->now_ms + 1000);
    t->now_ms += HOUR_MS;
    test_store_move(t);
    assert_int_equal(visible_in(t, dead), 0);
    lk_store_move task = test_store_newest_move(t, dead);
    assert_int_equal(task.status, LK_STORE_MOVE_COMPLETED);
    assert_int_equal(task.moved, 200);
    assert_int_equal(lk_store_move_due(t->store), INT64_MAX);
    assert_int_equal(test_store_next_due(t, NULL), INT64_MAX);
}

static void a_clock_that_goes_back_does_not_stop_a_task(void **state)
{
    test_store *t = *state;
    test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_standard(t, "to");
    for (int i = 0; i < 3; i++)
        test_store_send(t, dead, "x");
    t->now_ms += 2 * HOUR_MS;
    test_store_start_move(t, dead, "to", 1);
    test_store_move(t);
    t->now_ms -= HOUR_MS;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).moved, 2);
    t->now_ms += 999;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).moved, 2);
    t->now_ms += 1;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).moved, 3);
}

static void a_run_is_bounded_in_messages_and_in_bytes(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_moved moved;
    static char body[600000];
    memset(body, 'x', sizeof body);
    test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    const lk_store_queue *to = test_store_standard(t, "to");
    for (int i = 0; i < 100; i++)
        test_store_send(t, dead, "x");
    for (int i = 0; i < 3; i++) {
        const lk_store_send message = {.body = {body, sizeof body}, .delay_s = -1};
        test_store_send_message(t, dead, &message);
    }
    test_store_start_move(t, dead, "to", 0);
    t->now_ms += HOUR_MS;
    static const size_t counts[] = {LK_STORE_MOVE_PIECE, 100 - LK_STORE_MOVE_PIECE + 2, 1};
    for (size_t i = 0; i < LK_COUNT(counts); i++) {
        test_store_begin(t);
        assert_lk_ok(lk_store_move_run(t->store, t->now_ms, &moved, &err));
        test_store_commit(t);
        assert_int_equal(moved.count, counts[i]);
        assert_int_equal(moved.queue_ids[0], to->id);
    }
    assert_int_equal(test_store_newest_move(t, dead).status, LK_STORE_MOVE_COMPLETED);
}

/* --- The life of a task ---------------------------------------------------------------------- */

static void a_task_needs_a_dead_letter_queue_and_a_destination_of_its_type(void **state)
{
    test_store *t = *state;
    char task_id[LK_STORE_UUID_SIZE];
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    test_store_fifo(t, "to.fifo");
    assert_int_equal(test_store_try_start_move(t, queue, NULL, 0, task_id), LK_STORE_NO_SOURCE);
    assert_int_equal(test_store_try_start_move(t, dead, "nothing", 0, task_id), LK_STORE_NO_QUEUE);
    assert_int_equal(test_store_try_start_move(t, dead, "to.fifo", 0, task_id),
                     LK_STORE_QUEUE_TYPE);
}

static void a_source_has_one_active_task_at_a_time(void **state)
{
    test_store *t = *state;
    char task_id[LK_STORE_UUID_SIZE];
    int64_t moved = -1;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a b c");
    assert_int_equal(test_store_try_start_move(t, dead, NULL, 1, task_id), 0);
    assert_int_equal(test_store_try_start_move(t, dead, NULL, 1, task_id), LK_STORE_MOVE_ACTIVE);
    test_store_move(t);
    lk_store_move task = test_store_newest_move(t, dead);
    assert_int_equal(cancel(t, dead, task.task_id, &moved), 0);
    assert_int_equal(test_store_try_start_move(t, dead, NULL, 1, task_id), LK_STORE_MOVE_ACTIVE);
    test_store_move(t);
    assert_int_equal(test_store_try_start_move(t, dead, NULL, 1, task_id), 0);
    assert_string_not_equal(task_id, task.task_id);
}

static void a_cancelled_task_leaves_the_rest_where_it_is(void **state)
{
    test_store *t = *state;
    int64_t moved = -1;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a b c");
    test_store_start_move(t, dead, NULL, 1);
    test_store_move(t);
    lk_store_move task = test_store_newest_move(t, dead);
    assert_int_equal(task.status, LK_STORE_MOVE_RUNNING);
    assert_int_equal(cancel(t, dead, task.task_id, &moved), 0);
    assert_int_equal(moved, 1);
    assert_int_equal(test_store_newest_move(t, dead).status, LK_STORE_MOVE_CANCELLING);
    t->now_ms += HOUR_MS;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).status, LK_STORE_MOVE_CANCELLED);
    assert_store_counts(t, dead, 2, 0, 0);
    assert_int_equal(cancel(t, dead, task.task_id, &moved), LK_STORE_MOVE_OVER);
    assert_int_equal(cancel(t, dead, "nothing", &moved), LK_STORE_NO_MOVE);
    assert_int_equal(cancel(t, queue, task.task_id, &moved), LK_STORE_NO_MOVE);
}

static void a_task_fails_when_its_destination_is_deleted_and_loses_nothing(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    const lk_store_queue *to = test_store_standard(t, "to");
    bury(t, queue, "a b c");
    test_store_start_move(t, dead, "to", 1);
    test_store_move(t);
    delete_queue(t, to);
    t->now_ms += 1000;
    test_store_move(t);
    lk_store_move task = test_store_newest_move(t, dead);
    assert_int_equal(task.status, LK_STORE_MOVE_FAILED);
    assert_int_equal(task.failure, LK_STORE_MOVE_NO_QUEUE);
    assert_int_equal(task.moved, 1);
    assert_int_equal(task.to_move, 3);
    assert_string_equal(task.destination, "to");
    assert_store_gives(t, dead, "b c");
    test_store_start_move(t, dead, NULL, 0); /* a failed task does not stand in the way */
}

static void a_task_fails_at_a_message_that_came_from_no_queue(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a");
    test_store_send(t, dead, "sent-here");
    test_store_start_move(t, dead, NULL, 0);
    t->now_ms += 1000;
    test_store_move(t);
    lk_store_move task = test_store_newest_move(t, dead);
    assert_int_equal(task.status, LK_STORE_MOVE_FAILED);
    assert_int_equal(task.failure, LK_STORE_MOVE_NO_ORIGIN);
    assert_int_equal(task.moved, 1);
    assert_store_gives(t, dead, "sent-here");
}

static void a_task_fails_when_the_origin_of_a_message_is_gone(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a");
    test_store_start_move(t, dead, NULL, 1);
    delete_queue(t, queue);
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).failure, LK_STORE_MOVE_NO_QUEUE);
    assert_store_gives(t, dead, "a");
}

static void a_purged_source_ends_its_task(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    bury(t, queue, "a b c");
    test_store_start_move(t, dead, NULL, 1);
    test_store_move(t);
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_purge(t->store, dead, t->now_ms, &err));
    test_store_commit(t);
    t->now_ms += 1000;
    test_store_move(t);
    lk_store_move task = test_store_newest_move(t, dead);
    assert_int_equal(task.status, LK_STORE_MOVE_COMPLETED);
    assert_int_equal(task.moved, 1);
}

static void a_task_goes_with_its_source(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_move moves[LK_STORE_MOVES_KEPT];
    size_t count = 1;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    bury(t, queue, "a b");
    test_store_start_move(t, test_store_find(t, "dead"), NULL, 1);
    delete_queue(t, test_store_find(t, "dead"));
    t->now_ms += HOUR_MS;
    test_store_move(t);
    assert_int_equal(lk_store_move_due(t->store), INT64_MAX);
    test_store_standard(t, "dead");
    test_store_begin(t);
    assert_lk_ok(lk_store_move_list(t->store, test_store_find(t, "dead"), 10, moves, &count, &err));
    test_store_commit(t);
    assert_int_equal(count, 0);
}

static void the_ten_newest_tasks_are_listed_newest_first(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_move moves[LK_STORE_MOVES_KEPT];
    size_t count = 0;
    test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    for (int i = 0; i < 12; i++, t->now_ms += 1000) {
        test_store_start_move(t, dead, NULL, i + 1);
        test_store_move(t);
    }
    test_store_begin(t);
    assert_lk_ok(lk_store_move_list(t->store, dead, 10, moves, &count, &err));
    test_store_commit(t);
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(moves[i].max_per_second, 12 - i);
        assert_int_equal(moves[i].started_at_ms, START_MS + (11 - (int64_t)i) * 1000);
        assert_int_equal(moves[i].status, LK_STORE_MOVE_COMPLETED);
        assert_int_equal(moves[i].to_move, 0);
    }
}

static void tasks_of_two_sources_run_beside_each_other(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 1);
    const lk_store_queue *dead = test_store_find(t, "dead");
    const lk_store_queue *fifo = test_store_with_dlq(t, true, 1);
    const lk_store_queue *dead_fifo = test_store_find(t, "dead.fifo");
    bury(t, queue, "a b");
    bury(t, fifo, "c d");
    test_store_start_move(t, dead, NULL, 1);
    test_store_start_move(t, dead_fifo, NULL, 2);
    test_store_move(t);
    assert_store_gives(t, queue, "a");
    assert_store_gives(t, fifo, "c");
    t->now_ms += 500;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead_fifo).status, LK_STORE_MOVE_COMPLETED);
    assert_int_equal(test_store_newest_move(t, dead).status, LK_STORE_MOVE_RUNNING);
    t->now_ms += 500;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, dead).status, LK_STORE_MOVE_COMPLETED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_store_setup, test_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dead_letter_comes_back_as_a_new_message),
        TEST(a_redriven_message_counts_from_1_and_max_receive_count_1_does_not_bounce_it),
        TEST(an_old_handle_cannot_touch_the_redriven_message),
        TEST(retention_starts_anew),
        TEST(the_delay_of_the_destination_holds_as_for_every_new_message),
        TEST(without_a_destination_each_goes_back_to_where_it_came_from),
        TEST(with_a_destination_all_go_there_wherever_they_came_from),
        TEST(the_oldest_goes_first),
        TEST(what_is_in_flight_or_arrives_later_stays),
        TEST(a_task_ends_although_what_it_moves_comes_back),
        TEST(fifo_messages_with_the_same_old_deduplication_id_both_arrive),
        TEST(fifo_messages_go_in_the_order_of_their_groups_the_oldest_group_first),
        TEST(a_fifo_group_behind_a_message_in_flight_stays),
        TEST(a_task_keeps_its_rate),
        TEST(a_task_without_a_rate_moves_500_a_second_some_at_a_time),
        TEST(a_clock_moved_forward_lets_a_slow_task_finish),
        TEST(a_clock_that_goes_back_does_not_stop_a_task),
        TEST(a_run_is_bounded_in_messages_and_in_bytes),
        TEST(a_task_needs_a_dead_letter_queue_and_a_destination_of_its_type),
        TEST(a_source_has_one_active_task_at_a_time),
        TEST(a_cancelled_task_leaves_the_rest_where_it_is),
        TEST(a_task_fails_when_its_destination_is_deleted_and_loses_nothing),
        TEST(a_task_fails_at_a_message_that_came_from_no_queue),
        TEST(a_task_fails_when_the_origin_of_a_message_is_gone),
        TEST(a_purged_source_ends_its_task),
        TEST(a_task_goes_with_its_source),
        TEST(the_ten_newest_tasks_are_listed_newest_first),
        TEST(tasks_of_two_sources_run_beside_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
