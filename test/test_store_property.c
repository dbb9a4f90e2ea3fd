/* SPDX-License-Identifier: MIT
 *
 * test_store_property: random operations at random times against a plain model of the rules.
 *
 * The model knows each message's state and, from that, what a receive may give: it walks arrays
 * where the store asks indexes. After every step: nothing is given that is hidden, nothing visible
 * is withheld, groups keep their order, counts are exact, and nothing is ever lost. A failure
 * prints its seed.
 */
#include "lk_test_store.h"

#include <unistd.h>

enum { QUEUES = 4, GROUPS = 3, MAX_MESSAGES = 2000, STEPS = 600, SEEDS = 12, LIMIT = 2 };

typedef struct model_message {
    char id[LK_STORE_UUID_SIZE];
    char handle[LK_STORE_HANDLE_SIZE]; /* newest; "" never received */
    char stale[LK_STORE_HANDLE_SIZE];  /* the one before */
    int queue;
    int group;
    int64_t sent_at_ms;
    int64_t visible_at_ms;
    int64_t received_at_ms;
    int64_t first_received_at_ms;
    int64_t count;
    bool gone;
    bool dead; /* seen in the dead-letter queue; from then on it is the model's no more */
} model_message;

typedef struct world {
    test_store t;
    char path[96];
    uint64_t random;
    int sent;
    model_message messages[MAX_MESSAGES];
} world;

typedef struct queue_kind {
    const char *name;
    bool fifo;
    const char *dead_letters;
    int64_t retention_s;
} queue_kind;

static const queue_kind kinds[QUEUES] = {
    {"plain", false, NULL, 120},
    {"plain.fifo", true, NULL, 120},
    {"dying", false, "dead", 345600},
    {"dying.fifo", true, "dead.fifo", 345600},
};

static int64_t pick(world *w, int64_t below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(w->random >> 33) % below;
}

static const lk_store_queue *queue_of(const world *w, int queue)
{
    return test_store_find(&w->t, kinds[queue].name);
}

/* --- What the rules say ---------------------------------------------------------------------- */

static bool alive(const world *w, const model_message *m)
{
    return !m->gone && !m->dead && w->t.now_ms < m->sent_at_ms + kinds[m->queue].retention_s * 1000;
}

static bool visible(const world *w, const model_message *m)
{
    return m->visible_at_ms <= w->t.now_ms;
}

/* A visible one of these is a dead letter, moved or about to be. */
static bool spent(const model_message *m)
{
    return kinds[m->queue].dead_letters && m->count >= LIMIT;
}

/* Sets may[i] for every message that a receive of unlimited size would give. */
static int64_t receivable(const world *w, int queue, bool *may)
{
    bool blocked[GROUPS] = {false};
    int64_t total = 0;
    for (int i = 0; i < w->sent; i++) {
        const model_message *m = &w->messages[i];
        may[i] = false;
        if (m->queue != queue || !alive(w, m))
            continue;
        if (kinds[queue].fifo && blocked[m->group])
            continue;
        if (!visible(w, m))
            blocked[m->group] = true;
        else if (!spent(m))
            may[i] = true;
        total += may[i];
    }
    return total;
}

static model_message *message_of(world *w, const char *id)
{
    for (int i = 0; i < w->sent; i++) {
        if (strcmp(w->messages[i].id, id) == 0)
            return &w->messages[i];
    }
    fail_msg("the store made up message %s", id);
    return NULL;
}

/* --- Steps ----------------------------------------------------------------------------------- */

static void step_send(world *w, int queue)
{
    char name[16];
    if (w->sent == MAX_MESSAGES)
        return;
    model_message *m = &w->messages[w->sent];
    *m = (model_message){.queue = queue,
                         .group = (int)pick(w, GROUPS),
                         .sent_at_ms = w->t.now_ms,
                         .visible_at_ms = w->t.now_ms};
    char dedup[16];
    snprintf(name, sizeof(name), "group%d", m->group);
    snprintf(dedup, sizeof(dedup), "%d", w->sent);
    lk_store_send message = {.body = lk_slice_of(dedup), .group_id = lk_slice_of(name)};
    if (kinds[queue].fifo) {
        message.dedup_id = lk_slice_of(dedup);
    } else {
        message.delay_s = pick(w, 3) ? 0 : pick(w, 60);
        m->visible_at_ms += message.delay_s * 1000;
    }
    lk_store_sent sent = test_store_send_message(&w->t, queue_of(w, queue), &message);
    memcpy(m->id, sent.message_id, sizeof(m->id));
    w->sent++;
}

static void note_delivery(world *w, model_message *m, const lk_store_message *got,
                          int64_t visibility_s)
{
    m->count++;
    m->received_at_ms = w->t.now_ms;
    if (!m->first_received_at_ms)
        m->first_received_at_ms = w->t.now_ms;
    m->visible_at_ms = w->t.now_ms + visibility_s * 1000;
    memcpy(m->stale, m->handle, sizeof(m->stale));
    memcpy(m->handle, got->receipt_handle, sizeof(m->handle));
    assert_int_equal(got->receive_count, m->count);
    assert_int_equal(got->first_received_at_ms, m->first_received_at_ms);
    assert_int_equal(got->sent_at_ms, m->sent_at_ms);
}

static void step_receive(world *w, int queue)
{
    static bool may[MAX_MESSAGES];
    int last_of_group[GROUPS] = {-1, -1, -1};
    int max = 1 + (int)pick(w, 10);
    int64_t visibility_s = pick(w, 4) ? pick(w, 40) : 0;
    int64_t expected = LK_MIN(receivable(w, queue, may), max);
    size_t count = test_store_receive(&w->t, queue_of(w, queue), max, visibility_s);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        model_message *m = message_of(w, w->t.got.messages[i].message_id);
        int place = (int)(m - w->messages);
        assert_int_equal(m->queue, queue);
        assert_true(may[place]); /* and only once: */
        may[place] = false;
        if (kinds[queue].fifo) {
            assert_true(place > last_of_group[m->group]);
            for (int j = last_of_group[m->group] + 1; j < place; j++) /* none left out */
                assert_false(may[j] && w->messages[j].group == m->group);
            last_of_group[m->group] = place;
        }
        note_delivery(w, m, &w->t.got.messages[i], visibility_s);
    }
}

/* Whatever comes out of the dead-letter queue must have been spent. */
static void step_bury(world *w, int queue)
{
    const lk_store_queue *dead = test_store_find(&w->t, kinds[queue].dead_letters);
    size_t count = test_store_receive(&w->t, dead, 10, 600);
    for (size_t i = 0; i < count; i++) {
        model_message *m = message_of(w, w->t.got.messages[i].message_id);
        assert_true(spent(m) && alive(w, m) && visible(w, m));
        assert_int_equal(w->t.got.messages[i].receive_count, m->count + 1);
        m->dead = true;
        assert_int_equal(test_store_try_delete(&w->t, dead, test_store_handle(&w->t, i)), 0);
    }
}

static model_message *pick_received(world *w)
{
    for (int tries = 0; w->sent && tries < 20; tries++) {
        model_message *m = &w->messages[pick(w, w->sent)];
        if (m->handle[0])
            return m;
    }
    return NULL;
}

static void step_delete(world *w)
{
    model_message *m = pick_received(w);
    if (!m)
        return;
    bool fifo = kinds[m->queue].fifo;
    bool expired = alive(w, m) && fifo && visible(w, m);
    if (spent(m) && visible(w, m))
        return; /* may or may not have been moved by now */
    int rc = test_store_try_delete(&w->t, queue_of(w, m->queue), m->handle);
    assert_int_equal(rc, expired ? LK_STORE_HANDLE_EXPIRED : 0);
    m->gone |= !expired;
}

static void step_delete_by_stale_handle(world *w)
{
    model_message *m = pick_received(w);
    if (!m || !m->stale[0] || (spent(m) && visible(w, m)))
        return;
    int rc = test_store_try_delete(&w->t, queue_of(w, m->queue), m->stale);
    assert_int_equal(rc, alive(w, m) && kinds[m->queue].fifo ? LK_STORE_HANDLE_EXPIRED : 0);
}

static void step_change(world *w)
{
    model_message *m = pick_received(w);
    if (!m || (spent(m) && visible(w, m)))
        return;
    int64_t timeout_s = pick(w, 3) ? pick(w, 50) : pick(w, 2) * 43200;
    int64_t until_ms = w->t.now_ms + timeout_s * 1000;
    int expected = 0;
    if (!alive(w, m))
        expected = LK_STORE_NOT_AVAILABLE;
    else if (visible(w, m))
        expected = kinds[m->queue].fifo ? LK_STORE_HANDLE_EXPIRED : 0;
    else if (until_ms > m->received_at_ms + 12 * HOUR_MS)
        expected = LK_STORE_VISIBILITY_LIMIT;
    else
        m->visible_at_ms = until_ms;
    int rc = test_store_try_change(&w->t, queue_of(w, m->queue), m->handle, timeout_s);
    assert_int_equal(rc, expected);
}

static void step_undo(world *w)
{
    model_message *m = pick_received(w);
    if (!m || (spent(m) && visible(w, m)))
        return;
    bool undone = test_store_undo(&w->t, queue_of(w, m->queue), m->handle);
    assert_int_equal(undone, alive(w, m));
    if (!undone)
        return;
    m->count--;
    m->visible_at_ms = w->t.now_ms;
    memcpy(m->handle, m->stale, sizeof(m->handle));
    m->stale[0] = '\0';
    if (m->count == 0) {
        m->first_received_at_ms = 0;
        m->handle[0] = '\0';
    }
}

static void step_rollback(world *w)
{
    lk_err err = {0};
    lk_store_sent sent;
    const lk_store_queue *queue = queue_of(w, (int)pick(w, QUEUES));
    const lk_store_send message = {.body = LK_SLICE_LITERAL("never"),
                                   .group_id = LK_SLICE_LITERAL("group0"),
                                   .dedup_id = LK_SLICE_LITERAL("never")};
    test_store_begin(&w->t);
    lk_store_received_clear(&w->t.got);
    assert_lk_ok(lk_store_receive(w->t.store, queue, 10, 30, w->t.now_ms, &w->t.got, &err));
    assert_lk_ok(lk_store_send_message(w->t.store, queue, &message, w->t.now_ms, &sent, &err));
    lk_store_rollback(w->t.store);
}

static void step_reopen(world *w)
{
    lk_err err = {0};
    const lk_store_options options = {.path = w->path};
    lk_store_close(w->t.store);
    assert_lk_ok(lk_store_open(&options, &w->t.store, &err));
}

static void step_tidy(world *w)
{
    lk_err err = {0};
    bool more = false;
    test_store_begin(&w->t);
    assert_lk_ok(lk_store_tidy(w->t.store, w->t.now_ms, &more, &err));
    test_store_commit(&w->t);
}

/* --- Figures --------------------------------------------------------------------------------- */

/* Spent messages are visible in the queue or in its dead-letter queue: counted together. */
static void check_counts(world *w, int queue)
{
    lk_err err = {0};
    lk_store_counts counts = {0};
    lk_store_counts dead = {0};
    lk_store_counts expected = {0};
    for (int i = 0; i < w->sent; i++) {
        const model_message *m = &w->messages[i];
        if (m->queue != queue || !alive(w, m))
            continue;
        if (visible(w, m))
            expected.visible++;
        else if (m->count > 0)
            expected.in_flight++;
        else
            expected.delayed++;
    }
    test_store_begin(&w->t);
    assert_lk_ok(lk_store_queue_count(w->t.store, queue_of(w, queue), w->t.now_ms, &counts, &err));
    if (kinds[queue].dead_letters)
        assert_lk_ok(lk_store_queue_count(w->t.store,
                                          test_store_find(&w->t, kinds[queue].dead_letters),
                                          w->t.now_ms, &dead, &err));
    test_store_commit(&w->t);
    assert_int_equal(counts.visible + dead.visible, expected.visible);
    assert_int_equal(counts.in_flight, expected.in_flight);
    assert_int_equal(counts.delayed, expected.delayed);
}

static void check_next_due(world *w, int queue)
{
    int64_t expected_ms = INT64_MAX;
    bool seen[GROUPS] = {false};
    for (int i = 0; i < w->sent; i++) {
        const model_message *m = &w->messages[i];
        if (m->queue != queue || !alive(w, m))
            continue;
        if (kinds[queue].fifo && seen[m->group])
            continue;
        if (visible(w, m) && spent(m))
            return; /* whether the head was moved decides; not known here */
        seen[m->group] = true;
        bool in_time =
            kinds[queue].fifo || m->visible_at_ms < m->sent_at_ms + kinds[queue].retention_s * 1000;
        if (!visible(w, m) && in_time)
            expected_ms = LK_MIN(expected_ms, m->visible_at_ms);
    }
    assert_int_equal(test_store_next_due(&w->t, queue_of(w, queue)), expected_ms);
}

/* --- Runs ------------------------------------------------------------------------------------ */

static void random_step(world *w)
{
    int queue = (int)pick(w, QUEUES);
    int64_t what = pick(w, 100);
    if (what < 30)
        step_send(w, queue);
    else if (what < 55)
        step_receive(w, queue);
    else if (what < 65)
        step_delete(w);
    else if (what < 69)
        step_delete_by_stale_handle(w);
    else if (what < 77)
        step_change(w);
    else if (what < 81)
        step_undo(w);
    else if (what < 84)
        step_bury(w, 2 + (int)pick(w, 2));
    else if (what < 86)
        step_rollback(w);
    else if (what < 87)
        step_reopen(w);
    else if (what < 88)
        step_tidy(w);
    else
        w->t.now_ms += pick(w, 4) ? pick(w, 5000) : pick(w, 60000);
}

/* Everything that should be there comes out. */
static void drain(world *w)
{
    for (int i = 0; i < w->sent; i++) { /* retention would take them on the way */
        model_message *m = &w->messages[i];
        if (alive(w, m) && !kinds[m->queue].dead_letters && !visible(w, m) && m->handle[0])
            (void)test_store_try_change(&w->t, queue_of(w, m->queue), m->handle, 0);
    }
    for (int queue = 0; queue < QUEUES; queue++) {
        bool dying = kinds[queue].dead_letters != NULL;
        for (int round = 0; round < 2000; round++) {
            if (dying) {
                w->t.now_ms += 12 * HOUR_MS / 40;
                step_bury(w, queue);
            }
            if (!test_store_receive(&w->t, queue_of(w, queue), 10, 20) && !dying)
                break;
            for (size_t i = 0; i < w->t.got.count; i++) {
                model_message *m = message_of(w, w->t.got.messages[i].message_id);
                m->gone = true;
                assert_int_equal(
                    test_store_try_delete(&w->t, queue_of(w, queue), test_store_handle(&w->t, i)),
                    0);
            }
            if (dying && round > 60)
                break;
        }
        check_counts(w, queue);
    }
}

static void run_seed(uint64_t seed, const char *dir)
{
    lk_err err = {0};
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->random = seed;
    w->t.now_ms = START_MS;
    snprintf(w->path, sizeof(w->path), "%s/%llu.sqlite3", dir, (unsigned long long)seed);
    const lk_store_options options = {.path = w->path};
    assert_lk_ok(lk_store_open(&options, &w->t.store, &err));
    test_store_standard(&w->t, "dead");
    test_store_fifo(&w->t, "dead.fifo");
    for (int i = 0; i < QUEUES; i++) {
        lk_store_settings settings = {.given = LK_SET_RETENTION,
                                      .retention_s = kinds[i].retention_s};
        if (kinds[i].fifo)
            settings.given |= LK_SET_FIFO;
        settings.fifo = kinds[i].fifo;
        if (kinds[i].dead_letters)
            settings.given |= LK_SET_REDRIVE;
        settings.dead_letter_queue = lk_slice_of(kinds[i].dead_letters);
        settings.max_receive_count = LIMIT;
        test_store_queue(&w->t, kinds[i].name, settings);
    }
    for (int step = 0; step < STEPS; step++) {
        random_step(w);
        int queue = (int)pick(w, QUEUES);
        check_counts(w, queue);
        check_next_due(w, queue);
    }
    drain(w);
    lk_store_received_clear(&w->t.got);
    lk_store_close(w->t.store);
    unlink(w->path);
    free(w);
}

static void random_operations_agree_with_the_rules(void **state)
{
    (void)state;
    char dir[64];
    test_store_directory(dir);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run_seed(seed, dir);
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_agree_with_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
