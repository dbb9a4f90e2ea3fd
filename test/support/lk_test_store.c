/* SPDX-License-Identifier: MIT
 *
 * lk_test_store: a store with a clock of the test's, one transaction a call.
 */
#include "lk_test_store.h"

#include <unistd.h>

int test_store_setup(void **state)
{
    lk_err err = {0};
    test_store *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    assert_lk_ok(lk_store_open(NULL, &t->store, &err));
    t->now_ms = START_MS;
    *state = t;
    return 0;
}

int test_store_teardown(void **state)
{
    test_store *t = *state;
    lk_store_received_clear(&t->got);
    lk_store_close(t->store);
    free(t);
    return 0;
}

void test_store_directory(char *dir)
{
    snprintf(dir, 64, "/tmp/lambdakiq_store_XXXXXX");
    assert_non_null(mkdtemp(dir));
}

void test_store_remove(const char *dir, const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < LK_COUNT(suffixes); i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
    rmdir(dir);
}

void test_store_begin(test_store *t)
{
    lk_err err = {0};
    assert_lk_ok(lk_store_begin(t->store, &err));
}

void test_store_commit(test_store *t)
{
    lk_err err = {0};
    assert_lk_ok(lk_store_commit(t->store, &err));
}

/* --- Queues ---------------------------------------------------------------------------------- */

const lk_store_queue *test_store_queue(test_store *t, const char *name, lk_store_settings settings)
{
    lk_err err = {0};
    const lk_store_queue *queue = NULL;
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_create(t->store, lk_slice_of(name), &settings, t->now_ms, &queue,
                                       NULL, &err));
    test_store_commit(t);
    return queue;
}

const lk_store_queue *test_store_standard(test_store *t, const char *name)
{
    return test_store_queue(t, name, (lk_store_settings){.given = 0});
}

const lk_store_queue *test_store_fifo(test_store *t, const char *name)
{
    return test_store_queue(t, name, (lk_store_settings){.given = LK_SET_FIFO, .fifo = true});
}

const lk_store_queue *test_store_with_dlq(test_store *t, bool fifo, int64_t max_receive_count)
{
    lk_store_settings settings = {.given = fifo ? LK_SET_FIFO : 0, .fifo = fifo};
    const char *dead = fifo ? "dead.fifo" : "dead";
    test_store_queue(t, dead, settings);
    settings.given |= LK_SET_REDRIVE;
    settings.dead_letter_queue = lk_slice_of(dead);
    settings.max_receive_count = max_receive_count;
    return test_store_queue(t, fifo ? "jobs.fifo" : "jobs", settings);
}

const lk_store_queue *test_store_find(const test_store *t, const char *name)
{
    return lk_store_queue_find(t->store, lk_slice_of(name));
}

void test_store_set(test_store *t, const lk_store_queue *queue, lk_store_settings settings)
{
    lk_err err = {0};
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_set(t->store, queue, &settings, t->now_ms, &err));
    test_store_commit(t);
}

/* --- Send ------------------------------------------------------------------------------------ */

lk_store_sent test_store_send_message(test_store *t, const lk_store_queue *queue,
                                      const lk_store_send *message)
{
    lk_err err = {0};
    lk_store_sent sent;
    test_store_begin(t);
    assert_lk_ok(lk_store_send_message(t->store, queue, message, t->now_ms, &sent, &err));
    test_store_commit(t);
    return sent;
}

lk_store_sent test_store_send(test_store *t, const lk_store_queue *queue, const char *body)
{
    const lk_store_send message = {.body = lk_slice_of(body), .delay_s = -1};
    return test_store_send_message(t, queue, &message);
}

lk_store_sent test_store_send_to(test_store *t, const lk_store_queue *queue, const char *group,
                                 const char *body, const char *dedup)
{
    const lk_store_send message = {
        .body = lk_slice_of(body),
        .group_id = lk_slice_of(group),
        .dedup_id = lk_slice_of(dedup ? dedup : body),
        .delay_s = -1,
    };
    return test_store_send_message(t, queue, &message);
}

/* --- Receive --------------------------------------------------------------------------------- */

int test_store_try_receive(test_store *t, const lk_store_queue *queue, int max,
                           int64_t visibility_s)
{
    lk_err err = {0};
    test_store_begin(t);
    lk_store_received_clear(&t->got);
    int rc = lk_store_receive(t->store, queue, max, visibility_s, t->now_ms, &t->got, &err);
    if (rc < 0)
        fail_msg("receive: %s", err.message);
    test_store_commit(t);
    return rc;
}

size_t test_store_receive(test_store *t, const lk_store_queue *queue, int max, int64_t visibility_s)
{
    assert_int_equal(test_store_try_receive(t, queue, max, visibility_s), 0);
    return t->got.count;
}

void assert_store_gives(test_store *t, const lk_store_queue *queue, const char *bodies)
{
    lk_buf list = {0};
    test_store_receive(t, queue, LK_STORE_RECEIVE_MAX, -1);
    for (size_t i = 0; i < t->got.count; i++) {
        if (i > 0)
            lk_buf_add_char(&list, ' ');
        lk_buf_add(&list, t->got.messages[i].body);
    }
    if (!lk_slice_equal_str(lk_buf_slice(&list), bodies))
        fail_msg("received \"%.*s\", expected \"%s\"", LK_SLICE_FMT(lk_buf_slice(&list)), bodies);
    lk_buf_clear(&list);
}

const char *test_store_handle(test_store *t, size_t i)
{
    static char handles[16][LK_STORE_HANDLE_SIZE];
    static size_t next;
    assert_true(i < t->got.count);
    char *copy = handles[next++ % LK_COUNT(handles)];
    memcpy(copy, t->got.messages[i].receipt_handle, LK_STORE_HANDLE_SIZE);
    return copy;
}

/* --- Settle ---------------------------------------------------------------------------------- */

int test_store_try_delete(test_store *t, const lk_store_queue *queue, const char *handle)
{
    lk_err err = {0};
    test_store_begin(t);
    int rc = lk_store_delete(t->store, queue, lk_slice_of(handle), t->now_ms, &err);
    if (rc < 0)
        fail_msg("delete: %s", err.message);
    test_store_commit(t);
    return rc;
}

int test_store_try_change(test_store *t, const lk_store_queue *queue, const char *handle,
                          int64_t timeout_s)
{
    lk_err err = {0};
    test_store_begin(t);
    int rc = lk_store_change_visibility(t->store, queue, lk_slice_of(handle), timeout_s, t->now_ms,
                                        &err);
    if (rc < 0)
        fail_msg("change visibility: %s", err.message);
    test_store_commit(t);
    return rc;
}

bool test_store_undo(test_store *t, const lk_store_queue *queue, const char *handle)
{
    lk_err err = {0};
    bool undone = false;
    test_store_begin(t);
    assert_lk_ok(
        lk_store_receive_undo(t->store, queue, lk_slice_of(handle), t->now_ms, &undone, &err));
    test_store_commit(t);
    return undone;
}

/* --- Move tasks ------------------------------------------------------------------------------ */

void test_store_move(test_store *t)
{
    lk_err err = {0};
    lk_store_moved moved;
    do {
        test_store_begin(t);
        assert_lk_ok(lk_store_move_run(t->store, t->now_ms, &moved, &err));
        test_store_commit(t);
    } while (lk_store_move_due(t->store) <= t->now_ms);
}

lk_store_move test_store_newest_move(test_store *t, const lk_store_queue *source)
{
    lk_err err = {0};
    lk_store_move moves[LK_STORE_MOVES_KEPT];
    size_t count = 0;
    test_store_begin(t);
    assert_lk_ok(lk_store_move_list(t->store, source, 1, moves, &count, &err));
    test_store_commit(t);
    assert_int_equal(count, 1);
    return moves[0];
}

int test_store_try_start_move(test_store *t, const lk_store_queue *source, const char *destination,
                              int64_t max_per_second, char task_id[LK_STORE_UUID_SIZE])
{
    lk_err err = {0};
    test_store_begin(t);
    int rc = lk_store_move_start(t->store, source, lk_slice_of(destination), max_per_second,
                                 t->now_ms, task_id, &err);
    if (rc < 0)
        fail_msg("start: %s", err.message);
    test_store_commit(t);
    return rc;
}

void test_store_start_move(test_store *t, const lk_store_queue *source, const char *destination,
                           int64_t max_per_second)
{
    char task_id[LK_STORE_UUID_SIZE];
    assert_int_equal(test_store_try_start_move(t, source, destination, max_per_second, task_id), 0);
}

/* --- Figures --------------------------------------------------------------------------------- */

void assert_store_counts(test_store *t, const lk_store_queue *queue, int64_t visible,
                         int64_t in_flight, int64_t delayed)
{
    lk_err err = {0};
    lk_store_counts counts;
    test_store_begin(t);
    assert_lk_ok(lk_store_queue_count(t->store, queue, t->now_ms, &counts, &err));
    test_store_commit(t);
    if (counts.visible != visible || counts.in_flight != in_flight || counts.delayed != delayed)
        fail_msg("visible %lld, in flight %lld, delayed %lld; expected %lld, %lld, %lld",
                 (long long)counts.visible, (long long)counts.in_flight, (long long)counts.delayed,
                 (long long)visible, (long long)in_flight, (long long)delayed);
}

int64_t test_store_next_due(test_store *t, const lk_store_queue *queue)
{
    lk_err err = {0};
    int64_t due_ms = 0;
    assert_lk_ok(lk_store_next_due(t->store, queue, t->now_ms, &due_ms, &err));
    return due_ms;
}
