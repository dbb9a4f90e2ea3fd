/* SPDX-License-Identifier: MIT
 *
 * test_store_crash: processes that are killed while they work on a database file: nothing that was
 * committed is lost, nothing is there twice.
 */
#include "lk_test_file_store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SENDS = 's', DELETES = 'd', KILL_AFTER = 400 };

typedef struct report {
    char what;
    char message_id[LK_STORE_UUID_SIZE];
} report;

/* Sends three, deletes one, for ever; reports each only when its transaction is committed. */
static void work_until_killed(const test_file_store *f, int out)
{
    test_store t = {.now_ms = START_MS};
    lk_err err = {0};
    if (lk_store_open(&f->options, &t.store, &err))
        _exit(1);
    const lk_store_queue *queue = test_store_find(&t, "jobs");
    for (;;) {
        report done[4] = {{.what = SENDS}, {.what = SENDS}, {.what = SENDS}, {.what = DELETES}};
        for (int i = 0; i < 3; i++)
            memcpy(done[i].message_id, test_store_send(&t, queue, "job").message_id,
                   LK_STORE_UUID_SIZE);
        test_store_receive(&t, queue, 1, 43200);
        memcpy(done[3].message_id, t.got.messages[0].message_id, LK_STORE_UUID_SIZE);
        test_store_try_delete(&t, queue, test_store_handle(&t, 0));
        if (write(out, done, sizeof(done)) != (ssize_t)sizeof(done))
            _exit(1);
    }
}

/* Moves, for ever, and reports a byte for each run. */
static void move_until_killed(const test_file_store *f, int out)
{
    lk_err err = {0};
    lk_store_moved moved;
    test_store t = {.now_ms = f->t.now_ms};
    if (lk_store_open(&f->options, &t.store, &err))
        _exit(1);
    for (;; t.now_ms += 1000) {
        if (lk_store_begin(t.store, &err) || lk_store_move_run(t.store, t.now_ms, &moved, &err) ||
            lk_store_commit(t.store, &err) || write(out, "m", 1) != 1)
            _exit(1);
    }
}

typedef void child_work(const test_file_store *f, int out);

/* Bytes that the child reported before it was killed in the middle of its work. */
static size_t reports_of_a_killed_child(const test_file_store *f, child_work *work, void *reports,
                                        size_t bytes, size_t kill_after_bytes)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        work(f, ends[1]);
    }
    close(ends[1]);
    char *into = reports;
    size_t len = 0;
    bool killed = false;
    for (ssize_t got; (got = read(ends[0], into + len, bytes - len)) > 0;) {
        len += (size_t)got;
        if (!killed && len >= kill_after_bytes)
            killed = kill(child, SIGKILL) == 0;
    }
    close(ends[0]);
    waitpid(child, NULL, 0);
    assert_true(killed);
    return len;
}

static bool is_among(const report *reports, size_t count, char what, const char *message_id)
{
    for (size_t i = 0; i < count; i++) {
        if (reports[i].what == what && strcmp(reports[i].message_id, message_id) == 0)
            return true;
    }
    return false;
}

static void a_killed_process_loses_nothing_it_committed(void **state)
{
    enum { MAX = 16384, THERE = 't' };
    test_file_store *f = *state;
    test_store *t = &f->t;
    static report reports[MAX];
    static report there[MAX];
    size_t there_count = 0;
    test_store_standard(t, "jobs");
    lk_store_close(t->store);
    t->store = NULL;
    size_t count = reports_of_a_killed_child(f, work_until_killed, reports, sizeof(reports),
                                             KILL_AFTER * sizeof(report)) /
                   sizeof(report);

    test_file_store_reopen(f);
    const lk_store_queue *queue = test_store_find(t, "jobs");
    t->now_ms += 13 * HOUR_MS; /* whatever was in flight is visible */
    while (test_store_receive(t, queue, 10, 43200) > 0) {
        for (size_t i = 0; i < t->got.count; i++, there_count++) {
            assert_true(there_count < MAX);
            there[there_count].what = THERE;
            memcpy(there[there_count].message_id, t->got.messages[i].message_id,
                   LK_STORE_UUID_SIZE);
        }
    }
    int missing = 0;
    for (size_t i = 0; i < count; i++) {
        bool deleted = is_among(reports, count, DELETES, reports[i].message_id);
        bool found = is_among(there, there_count, THERE, reports[i].message_id);
        assert_false(deleted && found);
        missing += !deleted && !found;
    }
    /* The last round may have committed its delete and died before the report. */
    assert_in_range(missing, 0, 1);
}

static int64_t messages_in(test_store *t, const char *name)
{
    lk_err err = {0};
    lk_store_counts counts;
    test_store_begin(t);
    assert_lk_ok(
        lk_store_queue_count(t->store, test_store_find(t, name), t->now_ms, &counts, &err));
    test_store_commit(t);
    return counts.visible;
}

/* Each body is there once. */
static void assert_complete(test_store *t, const lk_store_queue *queue, int count)
{
    bool *seen = calloc((size_t)count, sizeof(bool));
    assert_non_null(seen);
    for (int got = 0; got < count;) {
        assert_true(test_store_receive(t, queue, 10, 43200) > 0);
        for (size_t i = 0; i < t->got.count; i++, got++) {
            int64_t number = -1;
            assert_true(lk_slice_to_int64(t->got.messages[i].body, &number));
            assert_false(seen[number]);
            seen[number] = true;
        }
    }
    free(seen);
}

static void a_killed_process_moves_nothing_twice_and_loses_nothing(void **state)
{
    enum { MESSAGES = 20000, RUNS_BEFORE_KILL = 20 };
    static char reports[1 << 16];
    test_file_store *f = *state;
    test_store *t = &f->t;
    test_store_with_dlq(t, false, 1);
    test_store_standard(t, "to");
    test_store_begin(t);
    for (int i = 0; i < MESSAGES; i++) {
        lk_err err = {0};
        char body[16];
        lk_store_sent sent;
        snprintf(body, sizeof(body), "%d", i);
        const lk_store_send message = {.body = lk_slice_of(body)};
        assert_lk_ok(lk_store_send_message(t->store, test_store_find(t, "dead"), &message,
                                           t->now_ms, &sent, &err));
    }
    test_store_commit(t);
    test_store_start_move(t, test_store_find(t, "dead"), "to", 0);
    lk_store_close(t->store);
    t->store = NULL;
    reports_of_a_killed_child(f, move_until_killed, reports, sizeof(reports), RUNS_BEFORE_KILL);

    test_file_store_reopen(f);
    t->now_ms += HOUR_MS; /* the child's clock was ahead */
    int64_t moved = test_store_newest_move(t, test_store_find(t, "dead")).moved;
    assert_true(moved >= (RUNS_BEFORE_KILL - 1) * LK_STORE_MOVE_PIECE);
    assert_int_equal(messages_in(t, "to"), moved);
    assert_int_equal(messages_in(t, "dead"), MESSAGES - moved);
    test_store_move(t);
    t->now_ms += HOUR_MS;
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, test_store_find(t, "dead")).moved, MESSAGES);
    assert_int_equal(messages_in(t, "to"), MESSAGES);
    assert_complete(t, test_store_find(t, "to"), MESSAGES);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_file_store_setup, test_file_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_killed_process_loses_nothing_it_committed),
        TEST(a_killed_process_moves_nothing_twice_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
