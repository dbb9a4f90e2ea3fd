/* SPDX-License-Identifier: MIT
 *
 * test_store_key: groups and deduplication ids, as many as there may be, each found by its own
 * name.
 */
#include "lk_test_store.h"
#include "store_internal.h"

#include <stdlib.h>

/* --- The table ------------------------------------------------------------------------------- */

enum { KEYS = 1000, HASHES = 300, STEPS = 30000 };

static size_t ids_of(const lk_keys *keys, uint32_t hash, int64_t wanted, bool *there)
{
    size_t passed = 0;
    size_t count = 0;
    *there = false;
    for (int64_t id; (id = lk_keys_next(keys, hash, &passed)); count++)
        *there |= id == wanted;
    return count;
}

/* Hashes bunch up at both ends and share values, so that entries go round the end, and others move
 * when one goes. Ids are above 32 bits, too. */
static void a_table_has_exactly_what_was_added_and_not_removed(void **state LK_UNUSED)
{
    test_store t = {.store = NULL};
    lk_err err = {0};
    lk_keys keys = {.places = NULL};
    static bool kept[KEYS];
    size_t of_hash[HASHES] = {0};
    assert_lk_ok(lk_store_open(NULL, &t.store, &err));
    srandom(42);
    for (int step = 0; step < STEPS; step++) {
        size_t key = (size_t)random() % KEYS;
        size_t bunch = key % HASHES;
        uint32_t hash = bunch % 2 ? UINT32_MAX - (uint32_t)bunch : (uint32_t)bunch * 3000;
        int64_t id = (int64_t)key * 5000000 + 1;
        bool there = false;
        bool add =
            step < STEPS / 2 ? random() % 4 > 0 : random() % 4 == 0; /* grows, then shrinks */
        assert_int_equal(ids_of(&keys, hash, id, &there), of_hash[bunch]);
        assert_int_equal(there, kept[key]);
        if (add && !kept[key])
            assert_lk_ok(lk_keys_add(t.store, &keys, hash, id, &err));
        else if (!add)
            lk_keys_remove(&keys, hash, id);
        of_hash[bunch] = of_hash[bunch] + (add && !kept[key]) - (!add && kept[key]);
        kept[key] = add;
    }
    lk_keys_forget(&keys);
    assert_int_equal(keys.used, 0);
    lk_store_close(t.store);
}

static void a_hash_tells_where_one_part_of_a_key_ends(void **state LK_UNUSED)
{
    uint32_t hash = lk_key_hash(1, LK_SLICE_LITERAL("ab"), LK_SLICE_LITERAL("c"));
    assert_int_equal(hash, lk_key_hash(1, LK_SLICE_LITERAL("ab"), LK_SLICE_LITERAL("c")));
    assert_int_not_equal(hash, lk_key_hash(1, LK_SLICE_LITERAL("a"), LK_SLICE_LITERAL("bc")));
    assert_int_not_equal(hash, lk_key_hash(2, LK_SLICE_LITERAL("ab"), LK_SLICE_LITERAL("c")));
}

/* --- What it is for -------------------------------------------------------------------------- */

static void each_of_thousands_of_groups_is_found_again(void **state)
{
    test_store *t = *state;
    char group[16];
    char body[24];
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < KEYS; i++) {
            snprintf(group, sizeof group, "g%d", i);
            snprintf(body, sizeof body, "%d-%d", i, round);
            assert_false(test_store_send_to(t, queue, group, body, NULL).duplicate);
            assert_true(test_store_send_to(t, queue, group, body, NULL).duplicate);
        }
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(test_store_receive(t, queue, 2, -1), 2);
        for (int round = 0; round < 2; round++) {
            snprintf(body, sizeof body, "%d-%d", i, round);
            assert_slice(t->got.messages[round].body, body);
        }
        assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 0)), 0);
        assert_int_equal(test_store_try_delete(t, queue, test_store_handle(t, 1)), 0);
    }
    assert_store_gives(t, queue, "");
    assert_int_equal(t->store->groups.used, 0);
}

typedef struct hashed {
    uint32_t hash;
    int number;
} hashed;

static int by_hash(const void *one, const void *other)
{
    uint32_t a = ((const hashed *)one)->hash;
    uint32_t b = ((const hashed *)other)->hash;
    return (a > b) - (a < b);
}

static void name_of(int number, char name[16])
{
    snprintf(name, 16, "g%d", number);
}

/* Two names of groups with the same hash: among so many there are some. */
static void find_twins(int64_t pile, char one[16], char other[16])
{
    enum { NAMES = 400000 };
    hashed *names = calloc(NAMES, sizeof *names);
    assert_non_null(names);
    for (int i = 0; i < NAMES; i++) {
        name_of(i, one);
        names[i] = (hashed){lk_key_hash(pile, lk_slice_of(one), LK_SLICE_LITERAL("")), i};
    }
    qsort(names, NAMES, sizeof *names, by_hash);
    size_t at = 1;
    while (at < NAMES && names[at].hash != names[at - 1].hash)
        at++;
    assert_true(at < NAMES);
    name_of(names[at - 1].number, one);
    name_of(names[at].number, other);
    free(names);
}

static void groups_whose_names_have_the_same_hash_are_two(void **state)
{
    test_store *t = *state;
    char one[16];
    char other[16];
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    find_twins(lk_queue_of(t->store, queue)->pile, one, other);
    test_store_send_to(t, queue, one, "a1", NULL);
    test_store_send_to(t, queue, other, "b1", NULL);
    assert_int_equal(test_store_receive(t, queue, 1, -1), 1); /* its group waits, the other not */
    test_store_send_to(t, queue, one, "a2", NULL);
    assert_store_gives(t, queue, "b1");
}

/* --- Rollbacks ------------------------------------------------------------------------------- */

static void a_rollback_takes_back_new_groups_and_deduplication_ids(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    lk_store_sent sent;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    const lk_store_send message = {.body = LK_SLICE_LITERAL("a"),
                                   .group_id = LK_SLICE_LITERAL("g"),
                                   .dedup_id = LK_SLICE_LITERAL("id"),
                                   .delay_s = -1};
    test_store_begin(t);
    assert_lk_ok(lk_store_send_message(t->store, queue, &message, t->now_ms, &sent, &err));
    lk_store_rollback(t->store);
    queue = test_store_find(t, "jobs.fifo");
    assert_false(test_store_send_message(t, queue, &message).duplicate);
    test_store_send_to(t, queue, "g", "b", NULL);
    assert_store_gives(t, queue, "a b");
}

static void a_group_whose_removal_was_rolled_back_still_blocks_what_follows(void **state)
{
    test_store *t = *state;
    lk_err err = {0};
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "a", NULL);
    assert_store_gives(t, queue, "a");
    lk_slice handle = lk_slice_of(test_store_handle(t, 0));
    test_store_begin(t);
    assert_lk_ok(lk_store_delete(t->store, queue, handle, t->now_ms, &err));
    lk_store_rollback(t->store);
    queue = test_store_find(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "b", NULL);
    assert_store_gives(t, queue, "");
    t->now_ms += MINUTE_MS;
    assert_store_gives(t, queue, "a b");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_store_setup, test_store_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_has_exactly_what_was_added_and_not_removed),
        cmocka_unit_test(a_hash_tells_where_one_part_of_a_key_ends),
        TEST(each_of_thousands_of_groups_is_found_again),
        TEST(groups_whose_names_have_the_same_hash_are_two),
        TEST(a_rollback_takes_back_new_groups_and_deduplication_ids),
        TEST(a_group_whose_removal_was_rolled_back_still_blocks_what_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
