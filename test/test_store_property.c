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
enum { ATTEMPTS = 2, ATTEMPT_QUEUE = 1 }; /* attempts are made on one FIFO queue */

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

/* What a receive with an attempt id was given. */
typedef struct model_attempt {
    int64_t made_at_ms;
    int64_t visible_at_ms;
    size_t count; /* 0: none was made */
    int places[LK_STORE_RECEIVE_MAX];
    char handles[LK_STORE_RECEIVE_MAX][LK_STORE_HANDLE_SIZE];
} model_attempt;

typedef struct world {
    test_store t;
    char path[96];
    uint64_t random;
    int sent;
    model_attempt attempts[ATTEMPTS];
    int last_redriven[GROUPS]; /* place of the last message that came out of "moved.fifo" */
    model_message messages[MAX_MESSAGES];
} world;

typedef struct queue_kind {
    const char *name;
    bool fifo;
    const char *dead_letters;
    const char *moved; /* where move tasks take dead letters */
    int64_t retention_s;
} queue_kind;

static const queue_kind kinds[QUEUES] = {
    {"plain", false, NULL, NULL, 120},
    {"plain.fifo", true, NULL, NULL, 120},
    {"dying", false, "dead", "moved", 345600},
    {"dying.fifo", true, "dead.fifo", "moved.fifo", 345600},
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

/* What is in t.got is a receive as the rules want it; noted as such. */
static void check_received(world *w, int queue, int max, int64_t visibility_s)
{
    static bool may[MAX_MESSAGES];
    int last_of_group[GROUPS] = {-1, -1, -1};
    int64_t expected = LK_MIN(receivable(w, queue, may), max);
    size_t count = w->t.got.count;
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

static void step_receive(world *w, int queue)
{
    int max = 1 + (int)pick(w, 10);
    int64_t visibility_s = pick(w, 4) ? pick(w, 40) : 0;
    test_store_receive(&w->t, queue_of(w, queue), max, visibility_s);
    check_received(w, queue, max, visibility_s);
}

static bool can_be_given_again(const world *w, const model_attempt *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const model_message *m = &w->messages[a->places[i]];
        if (!alive(w, m) || strcmp(m->handle, a->handles[i]) != 0 ||
            m->visible_at_ms != a->visible_at_ms)
            return false;
    }
    return a->count > 0 && w->t.now_ms < a->made_at_ms + 5 * MINUTE_MS;
}

static void note_attempt(world *w, model_attempt *a, int64_t visibility_s)
{
    if (w->t.got.count == 0)
        return;
    a->made_at_ms = w->t.now_ms;
    a->visible_at_ms = w->t.now_ms + visibility_s * 1000;
    a->count = w->t.got.count;
    for (size_t i = 0; i < a->count; i++) {
        a->places[i] = (int)(message_of(w, w->t.got.messages[i].message_id) - w->messages);
        memcpy(a->handles[i], w->t.got.messages[i].receipt_handle, LK_STORE_HANDLE_SIZE);
    }
}

static void check_given_again(world *w, model_attempt *a, int64_t visibility_s)
{
    assert_int_equal(w->t.got.count, a->count);
    a->visible_at_ms = w->t.now_ms + visibility_s * 1000;
    for (size_t i = 0; i < a->count; i++) {
        model_message *m = &w->messages[a->places[i]];
        assert_string_equal(w->t.got.messages[i].receipt_handle, a->handles[i]);
        assert_int_equal(w->t.got.messages[i].receive_count, m->count);
        m->visible_at_ms = a->visible_at_ms;
    }
}

static void step_attempt(world *w)
{
    lk_err err = {0};
    int64_t number = pick(w, ATTEMPTS);
    model_attempt *a = &w->attempts[number];
    const char id[] = {(char)('a' + number), '\0'};
    int max = 1 + (int)pick(w, 10);
    int64_t visibility_s = pick(w, 40);
    bool again = can_be_given_again(w, a);
    test_store_begin(&w->t);
    lk_store_received_clear(&w->t.got);
    assert_lk_ok(lk_store_receive_attempt(w->t.store, queue_of(w, ATTEMPT_QUEUE), lk_slice_of(id),
                                          max, visibility_s, w->t.now_ms, &w->t.got, &err));
    test_store_commit(&w->t);
    assert_int_equal(w->t.got.again, again);
    if (again) {
        check_given_again(w, a, visibility_s);
        return;
    }
    check_received(w, ATTEMPT_QUEUE, max, visibility_s);
    note_attempt(w, a, visibility_s);
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

/* Starts a task, or lets the one that is active go on. */
static void step_move(world *w, int queue)
{
    char task_id[LK_STORE_UUID_SIZE];
    lk_err err = {0};
    lk_store_moved moved;
    const lk_store_queue *dead = test_store_find(&w->t, kinds[queue].dead_letters);
    int rc = test_store_try_start_move(&w->t, dead, kinds[queue].moved, 1 + pick(w, 500), task_id);
    assert_true(rc == 0 || rc == LK_STORE_MOVE_ACTIVE);
    test_store_begin(&w->t);
    assert_lk_ok(lk_store_move_run(w->t.store, w->t.now_ms, &moved, &err));
    test_store_commit(&w->t);
}

/* What was moved is a new message of the same body, once, and a group's are in their order. */
static void step_take_moved(world *w, int queue)
{
    const lk_store_queue *to = test_store_find(&w->t, kinds[queue].moved);
    size_t count = test_store_receive(&w->t, to, 10, 600);
    for (size_t i = 0; i < count; i++) {
        int64_t place = -1;
        const lk_store_message *got = &w->t.got.messages[i];
        assert_true(lk_slice_to_int64(got->body, &place) && place >= 0 && place < w->sent);
        model_message *m = &w->messages[place];
        assert_true(spent(m) && alive(w, m) && visible(w, m));
        assert_string_not_equal(got->message_id, m->id);
        assert_int_equal(got->receive_count, 1);
        assert_null(got->dead_letter_source.ptr);
        if (kinds[queue].fifo) {
            assert_true(place > w->last_redriven[m->group]);
            w->last_redriven[m->group] = (int)place;
        }
        m->dead = true;
        assert_int_equal(test_store_try_delete(&w->t, to, test_store_handle(&w->t, i)), 0);
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
    lk_store_moved moved;
    const lk_store_queue *queue = queue_of(w, (int)pick(w, QUEUES));
    const lk_store_send message = {.body = LK_SLICE_LITERAL("never"),
                                   .group_id = LK_SLICE_LITERAL("group0"),
                                   .dedup_id = LK_SLICE_LITERAL("never")};
    test_store_begin(&w->t);
    lk_store_received_clear(&w->t.got);
    assert_lk_ok(lk_store_receive(w->t.store, queue, 10, 30, w->t.now_ms, &w->t.got, &err));
    assert_lk_ok(lk_store_send_message(w->t.store, queue, &message, w->t.now_ms, &sent, &err));
    assert_lk_ok(lk_store_move_run(w->t.store, w->t.now_ms, &moved, &err));
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

static int64_t visible_in(world *w, const char *name)
{
    lk_err err = {0};
    lk_store_counts counts = {0};
    if (!name)
        return 0;
    assert_lk_ok(
        lk_store_queue_count(w->t.store, test_store_find(&w->t, name), w->t.now_ms, &counts, &err));
    return counts.visible;
}

/* Spent messages are visible in the queue, in its dead-letter queue or where they were moved:
 * counted together. */
static void check_counts(world *w, int queue)
{
    lk_err err = {0};
    lk_store_counts counts = {0};
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
    int64_t elsewhere =
        visible_in(w, kinds[queue].dead_letters) + visible_in(w, kinds[queue].moved);
    test_store_commit(&w->t);
    assert_int_equal(counts.visible + elsewhere, expected.visible);
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
    else if (what < 52)
        step_receive(w, queue);
    else if (what < 55)
        step_attempt(w);
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
    else if (what < 90)
        step_move(w, 2 + (int)pick(w, 2));
    else if (what < 91)
        step_take_moved(w, 2 + (int)pick(w, 2));
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
                step_take_moved(w, queue);
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
    static const char *const others[] = {"dead", "moved", "dead.fifo", "moved.fifo"};
    for (size_t i = 0; i < LK_COUNT(others); i++)
        test_store_queue(&w->t, others[i],
                         (lk_store_settings){.given = i < 2 ? 0 : LK_SET_FIFO, .fifo = i >= 2});
    for (int i = 0; i < GROUPS; i++)
        w->last_redriven[i] = -1;
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
