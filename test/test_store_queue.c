/* SPDX-License-Identifier: MIT
 *
 * test_store_queue: queues: create, find, set, delete, purge; transactions around them.
 */
#include "lk_test_store.h"

static int try_create(test_store *t, const char *name, lk_store_settings settings,
                      unsigned *differs)
{
    lk_err err = {0};
    const lk_store_queue *queue = NULL;
    test_store_begin(t);
    int rc = lk_store_queue_create(t->store, lk_slice_of(name), &settings, t->now_ms, &queue,
                                   differs, &err);
    test_store_commit(t);
    return rc;
}

static int try_set(test_store *t, const lk_store_queue *queue, lk_store_settings settings)
{
    lk_err err = {0};
    test_store_begin(t);
    int rc = lk_store_queue_set(t->store, queue, &settings, t->now_ms, &err);
    test_store_commit(t);
    return rc;
}

static void delete_queue(test_store *t, const lk_store_queue *queue)
{
    lk_err err = {0};
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_delete(t->store, queue, t->now_ms, &err));
    test_store_commit(t);
}

static void purge_queue(test_store *t, const lk_store_queue *queue)
{
    lk_err err = {0};
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_purge(t->store, queue, t->now_ms, &err));
    test_store_commit(t);
}

static int tidy_until_done(test_store *t)
{
    lk_err err = {0};
    bool more = true;
    int calls = 0;
    for (; more; calls++) {
        test_store_begin(t);
        assert_lk_ok(lk_store_tidy(t->store, t->now_ms, &more, &err));
        test_store_commit(t);
    }
    return calls;
}

/* --- Create, find ---------------------------------------------------------------------------- */

static void a_new_queue_has_the_defaults_of_sqs(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    assert_slice(queue->name, "jobs");
    assert_int_equal(queue->created_at_ms, START_MS);
    assert_int_equal(queue->modified_at_ms, START_MS);
    assert_int_equal(queue->settings.given, 0);
    assert_int_equal(queue->settings.delay_s, 0);
    assert_int_equal(queue->settings.max_message_bytes, 1048576);
    assert_int_equal(queue->settings.retention_s, 345600);
    assert_int_equal(queue->settings.wait_s, 0);
    assert_int_equal(queue->settings.visibility_s, 30);
    assert_int_equal(queue->settings.kms_reuse_s, 300);
    assert_true(queue->settings.sse);
    assert_false(queue->settings.fifo);
    assert_null(queue->settings.dead_letter_queue.ptr);
    assert_null(queue->settings.policy.ptr);
}

static void creating_it_again_with_equal_or_fewer_settings_finds_it(void **state)
{
    test_store *t = *state;
    const lk_store_settings settings = {
        .given = LK_SET_DELAY | LK_SET_VISIBILITY, .delay_s = 5, .visibility_s = 60};
    int64_t id = test_store_queue(t, "jobs", settings)->id;
    assert_int_equal(test_store_queue(t, "jobs", settings)->id, id);
    assert_int_equal(test_store_standard(t, "jobs")->id, id);
    assert_int_equal(
        test_store_queue(t, "jobs", (lk_store_settings){.given = LK_SET_WAIT, .wait_s = 0})->id,
        id);
}

static void creating_it_with_another_value_is_refused_and_names_the_setting(void **state)
{
    test_store *t = *state;
    unsigned differs = 0;
    test_store_queue(t, "jobs", (lk_store_settings){.given = LK_SET_DELAY, .delay_s = 5});
    const lk_store_settings asked = {.given = LK_SET_DELAY | LK_SET_VISIBILITY | LK_SET_POLICY,
                                     .delay_s = 6,
                                     .visibility_s = 30,
                                     .policy = LK_SLICE_LITERAL("{}")};
    assert_int_equal(try_create(t, "jobs", asked, &differs), LK_STORE_QUEUE_DIFFERS);
    assert_int_equal(differs, LK_SET_DELAY | LK_SET_POLICY);
}

static void comparison_is_with_the_current_values(void **state)
{
    test_store *t = *state;
    const lk_store_settings five = {.given = LK_SET_DELAY, .delay_s = 5};
    const lk_store_settings six = {.given = LK_SET_DELAY, .delay_s = 6};
    test_store_set(t, test_store_queue(t, "jobs", five), six);
    assert_int_equal(try_create(t, "jobs", five, NULL), LK_STORE_QUEUE_DIFFERS);
    assert_int_equal(try_create(t, "jobs", six, NULL), 0);
}

static void queues_are_found_by_name_and_id_and_listed_in_order(void **state)
{
    test_store *t = *state;
    static const char *const names[] = {"m", "b", "z", "a-b", "a", "a_b"};
    for (size_t i = 0; i < LK_COUNT(names); i++)
        test_store_standard(t, names[i]);
    const lk_store_queue *queue = test_store_find(t, "z");
    assert_ptr_equal(lk_store_queue_by_id(t->store, queue->id), queue);
    assert_null(test_store_find(t, "zz"));
    assert_null(lk_store_queue_by_id(t->store, queue->id + 1000000));
    static const char *const sorted[] = {"a", "a-b", "a_b", "b", "m", "z"};
    queue = lk_store_queue_next(t->store, (lk_slice){NULL, 0});
    for (size_t i = 0; i < LK_COUNT(sorted); i++) {
        assert_slice(queue->name, sorted[i]);
        queue = lk_store_queue_next(t->store, queue->name);
    }
    assert_null(queue);
    assert_slice(lk_store_queue_next(t->store, LK_SLICE_LITERAL("c"))->name, "m");
}

static void a_redrive_target_must_be_there_and_of_the_same_type(void **state)
{
    test_store *t = *state;
    test_store_fifo(t, "dead.fifo");
    lk_store_settings settings = {.given = LK_SET_REDRIVE,
                                  .dead_letter_queue = LK_SLICE_LITERAL("nowhere"),
                                  .max_receive_count = 3};
    assert_int_equal(try_create(t, "jobs", settings, NULL), LK_STORE_NO_QUEUE);
    assert_null(test_store_find(t, "jobs"));
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    assert_int_equal(try_set(t, queue, settings), LK_STORE_NO_QUEUE);
    settings.dead_letter_queue = LK_SLICE_LITERAL("dead.fifo");
    assert_int_equal(try_set(t, queue, settings), LK_STORE_QUEUE_TYPE);
    assert_null(queue->settings.dead_letter_queue.ptr);
    settings.dead_letter_queue = LK_SLICE_LITERAL("jobs"); /* itself */
    assert_int_equal(try_set(t, queue, settings), 0);
}

/* --- Set ------------------------------------------------------------------------------------- */

static void set_changes_what_is_given_and_the_time_of_change(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_queue(
        t, "jobs", (lk_store_settings){.given = LK_SET_VISIBILITY, .visibility_s = 60});
    t->now_ms += 5000;
    test_store_set(t, queue,
                   (lk_store_settings){.given = LK_SET_POLICY | LK_SET_WAIT,
                                       .wait_s = 20,
                                       .visibility_s = 1, /* not given */
                                       .policy = LK_SLICE_LITERAL("{\"a\":1}")});
    assert_int_equal(queue->settings.wait_s, 20);
    assert_int_equal(queue->settings.visibility_s, 60);
    assert_slice(queue->settings.policy, "{\"a\":1}");
    assert_int_equal(queue->settings.given, LK_SET_VISIBILITY | LK_SET_POLICY | LK_SET_WAIT);
    assert_int_equal(queue->created_at_ms, START_MS);
    assert_int_equal(queue->modified_at_ms, START_MS + 5000);
}

static void a_text_setting_is_removed_by_an_absent_one(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_with_dlq(t, false, 3);
    test_store_set(t, queue, (lk_store_settings){.given = LK_SET_REDRIVE});
    assert_null(queue->settings.dead_letter_queue.ptr);
    test_store_send(t, queue, "a");
    for (int i = 0; i < 6; i++)
        assert_int_equal(test_store_receive(t, queue, 1, 0), 1);
}

static void the_type_of_a_queue_cannot_be_set(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    const lk_store_settings settings = {.given = LK_SET_FIFO, .fifo = true};
    test_store_begin(t);
    assert_lk_fails(lk_store_queue_set(t->store, queue, &settings, t->now_ms, &err), LK_E_INVALID);
    test_store_commit(t);
}

/* --- Delete, purge --------------------------------------------------------------------------- */

static void a_deleted_queue_is_gone_with_its_messages(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    int64_t id = queue->id;
    test_store_send(t, queue, "a");
    assert_store_gives(t, queue, "a");
    const char *handle = test_store_handle(t, 0);
    delete_queue(t, queue);
    assert_null(test_store_find(t, "jobs"));
    assert_null(lk_store_queue_by_id(t->store, id));
    queue = test_store_standard(t, "jobs");
    assert_int_not_equal(queue->id, id);
    assert_store_counts(t, queue, 0, 0, 0);
    assert_int_equal(test_store_try_delete(t, queue, handle), LK_STORE_HANDLE_INVALID);
}

static void a_purge_removes_visible_hidden_and_delayed_messages(void **state)
{
    test_store *t = *state;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "in-flight");
    assert_store_gives(t, queue, "in-flight");
    const char *handle = test_store_handle(t, 0);
    test_store_send(t, queue, "visible");
    const lk_store_send delayed = {.body = LK_SLICE_LITERAL("delayed"), .delay_s = 60};
    test_store_send_message(t, queue, &delayed);
    purge_queue(t, queue);
    assert_store_counts(t, queue, 0, 0, 0);
    assert_int_equal(test_store_next_due(t, queue), INT64_MAX);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    test_store_send(t, queue, "new");
    t->now_ms += HOUR_MS;
    assert_store_gives(t, queue, "new");
}

static void tidying_clears_in_pieces_and_leaves_the_living_alone(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_begin(t);
    for (int i = 0; i < 1000; i++) {
        char id[16];
        lk_store_sent sent;
        snprintf(id, sizeof(id), "m%d", i);
        const lk_store_send message = {.body = LK_SLICE_LITERAL("old"),
                                       .group_id = lk_slice_of(id),
                                       .dedup_id = lk_slice_of(id)};
        assert_lk_ok(lk_store_send_message(t->store, queue, &message, t->now_ms, &sent, &err));
    }
    test_store_commit(t);
    purge_queue(t, queue);
    test_store_send_to(t, queue, "m7", "new", NULL);
    assert_true(tidy_until_done(t) > 5);
    assert_int_equal(tidy_until_done(t), 1);
    assert_store_counts(t, queue, 1, 0, 0);
    assert_store_gives(t, queue, "new");
}

/* --- Transactions ---------------------------------------------------------------------------- */

static void a_rollback_takes_back_messages_and_figures(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_sent sent;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "kept");
    assert_store_counts(t, queue, 1, 0, 0);
    const lk_store_send message = {.body = LK_SLICE_LITERAL("lost")};
    test_store_begin(t);
    assert_lk_ok(lk_store_send_message(t->store, queue, &message, t->now_ms, &sent, &err));
    assert_lk_ok(lk_store_receive(t->store, queue, 1, -1, t->now_ms, &t->got, &err));
    assert_int_equal(t->got.count, 1);
    lk_store_rollback(t->store);
    assert_store_counts(t, queue, 1, 0, 0);
    assert_store_gives(t, queue, "kept");
    assert_int_equal(t->got.messages[0].receive_count, 1);
}

static void a_rollback_takes_back_changes_to_queues(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = test_store_standard(t, "there");
    const lk_store_settings settings = {.given = LK_SET_DELAY, .delay_s = 9};
    test_store_send(t, queue, "a");
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_set(t->store, queue, &settings, t->now_ms, &err));
    assert_lk_ok(lk_store_queue_purge(t->store, queue, t->now_ms, &err));
    const lk_store_queue *created = NULL;
    assert_lk_ok(lk_store_queue_create(t->store, LK_SLICE_LITERAL("new"), &settings, t->now_ms,
                                       &created, NULL, &err));
    assert_lk_ok(lk_store_queue_delete(t->store, queue, t->now_ms, &err));
    lk_store_rollback(t->store);
    assert_null(test_store_find(t, "new"));
    queue = test_store_find(t, "there");
    assert_int_equal(queue->settings.delay_s, 0);
    assert_store_gives(t, queue, "a");
}

static void numbers_are_not_used_twice_after_a_rollback(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_sent lost;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    const lk_store_send message = {.body = LK_SLICE_LITERAL("m"),
                                   .group_id = LK_SLICE_LITERAL("g"),
                                   .dedup_id = LK_SLICE_LITERAL("d")};
    test_store_begin(t);
    assert_lk_ok(lk_store_send_message(t->store, queue, &message, t->now_ms, &lost, &err));
    lk_store_rollback(t->store);
    lk_store_sent sent = test_store_send_message(t, queue, &message);
    assert_false(sent.duplicate);
    assert_true(strcmp(sent.sequence_number, lost.sequence_number) > 0);
}

static void a_refusal_leaves_the_transaction_whole(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_sent sent;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    const lk_store_send message = {.body = LK_SLICE_LITERAL("a")};
    test_store_begin(t);
    assert_lk_ok(lk_store_send_message(t->store, queue, &message, t->now_ms, &sent, &err));
    assert_int_equal(lk_store_delete(t->store, queue, LK_SLICE_LITERAL("garbage"), t->now_ms, &err),
                     LK_STORE_HANDLE_INVALID);
    assert_int_equal(err.code, LK_OK);
    test_store_commit(t);
    assert_store_gives(t, queue, "a");
}

static void operations_need_a_transaction_and_only_one(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_sent sent;
    lk_store_counts counts;
    bool more = false;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    const lk_store_send message = {.body = LK_SLICE_LITERAL("a")};
    assert_lk_fails(lk_store_send_message(t->store, queue, &message, t->now_ms, &sent, &err),
                    LK_E_INVALID);
    assert_lk_fails(lk_store_queue_count(t->store, queue, t->now_ms, &counts, &err), LK_E_INVALID);
    assert_lk_fails(lk_store_queue_purge(t->store, queue, t->now_ms, &err), LK_E_INVALID);
    assert_lk_fails(lk_store_tidy(t->store, t->now_ms, &more, &err), LK_E_INVALID);
    assert_lk_fails(lk_store_commit(t->store, &err), LK_E_INVALID);
    test_store_begin(t);
    assert_lk_fails(lk_store_begin(t->store, &err), LK_E_INVALID);
    test_store_commit(t);
}

/* --- Reopening ------------------------------------------------------------------------------- */

static void settings_survive_closing(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    char dir[64];
    char path[96];
    test_store_directory(dir);
    snprintf(path, sizeof(path), "%s/q.sqlite3", dir);
    const lk_store_options options = {.path = path};
    lk_store_close(t->store);
    assert_lk_ok(lk_store_open(&options, &t->store, &err));
    test_store_fifo(t, "dead.fifo");
    const lk_store_settings settings = {
        .given = (1u << 15) - 1,
        .delay_s = 1,
        .max_message_bytes = 2048,
        .retention_s = 3,
        .wait_s = 4,
        .visibility_s = 5,
        .kms_reuse_s = 60,
        .fifo = true,
        .content_based_dedup = true,
        .dedup_scope_group = true,
        .throughput_per_group = true,
        .sse = false,
        .dead_letter_queue = LK_SLICE_LITERAL("dead.fifo"),
        .max_receive_count = 7,
        .redrive_allow_policy = LK_SLICE_LITERAL("{\"allow\":1}"),
        .policy = LK_SLICE_LITERAL("{}"),
        .kms_key_id = LK_SLICE_LITERAL(""),
    };
    int64_t id = test_store_queue(t, "all.fifo", settings)->id;
    lk_store_close(t->store);
    assert_lk_ok(lk_store_open(&options, &t->store, &err));
    unsigned differs = 0;
    assert_int_equal(try_create(t, "all.fifo", settings, &differs), 0);
    assert_int_equal(differs, 0);
    const lk_store_queue *queue = test_store_find(t, "all.fifo");
    assert_int_equal(queue->id, id);
    assert_int_equal(queue->settings.given, settings.given);
    assert_int_equal(queue->created_at_ms, START_MS);
    assert_int_equal(queue->settings.max_receive_count, 7);
    assert_slice(queue->settings.redrive_allow_policy, "{\"allow\":1}");
    assert_non_null(queue->settings.kms_key_id.ptr); /* empty is not absent */
    test_store_remove(dir, path);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_store_setup, test_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_queue_has_the_defaults_of_sqs),
        TEST(creating_it_again_with_equal_or_fewer_settings_finds_it),
        TEST(creating_it_with_another_value_is_refused_and_names_the_setting),
        TEST(comparison_is_with_the_current_values),
        TEST(queues_are_found_by_name_and_id_and_listed_in_order),
        TEST(a_redrive_target_must_be_there_and_of_the_same_type),
        TEST(set_changes_what_is_given_and_the_time_of_change),
        TEST(a_text_setting_is_removed_by_an_absent_one),
        TEST(the_type_of_a_queue_cannot_be_set),
        TEST(a_deleted_queue_is_gone_with_its_messages),
        TEST(a_purge_removes_visible_hidden_and_delayed_messages),
        TEST(tidying_clears_in_pieces_and_leaves_the_living_alone),
        TEST(a_rollback_takes_back_messages_and_figures),
        TEST(a_rollback_takes_back_changes_to_queues),
        TEST(numbers_are_not_used_twice_after_a_rollback),
        TEST(a_refusal_leaves_the_transaction_whole),
        TEST(operations_need_a_transaction_and_only_one),
        TEST(settings_survive_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
