/* SPDX-License-Identifier: MIT
 *
 * test_store_file: the database file: what survives, what is refused at start, failing disks, and
 * that no statement scans. Processes that are killed are in test_store_crash.c.
 */
#include "lk_test_file_store.h"
#include "store_internal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* --- What survives --------------------------------------------------------------------------- */

static void messages_handles_and_deduplication_survive_closing(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    lk_store_sent first = test_store_send_to(t, queue, "g", "m1", "id1");
    test_store_send_to(t, queue, "g", "m2", "id2");
    assert_int_equal(test_store_receive(t, queue, 1, 60), 1);
    const char *handle = test_store_handle(t, 0);
    test_file_store_reopen(f);
    queue = test_store_find(t, "jobs.fifo");
    assert_store_counts(t, queue, 1, 1, 0);
    assert_store_gives(t, queue, "");
    assert_true(test_store_send_to(t, queue, "g", "m1", "id1").duplicate);
    assert_int_equal(test_store_try_delete(t, queue, handle), 0);
    lk_store_sent later = test_store_send_to(t, queue, "g", "m3", "id3");
    assert_true(strcmp(later.sequence_number, first.sequence_number) > 0);
    assert_store_gives(t, queue, "m2 m3");
}

static void the_limit_in_flight_counts_what_was_there_before_the_start(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    test_store_send(t, queue, "b");
    assert_int_equal(test_store_receive(t, queue, 1, 60), 1);
    f->options.in_flight_standard = 1;
    test_file_store_reopen(f);
    assert_int_equal(test_store_try_receive(t, test_store_find(t, "jobs"), 1, 60),
                     LK_STORE_OVER_LIMIT);
}

static void a_receive_whose_answer_was_lost_with_the_process_can_be_had_again(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    const lk_slice attempt = LK_SLICE_LITERAL("attempt");
    const char *handle = NULL;
    test_store_send_to(t, test_store_fifo(t, "jobs.fifo"), "g", "m1", NULL);
    for (int i = 0; i < 2; i++, t->now_ms += 1000) {
        lk_err err = {0};
        test_store_begin(t);
        lk_store_received_clear(&t->got);
        assert_lk_ok(lk_store_receive_attempt(t->store, test_store_find(t, "jobs.fifo"), attempt,
                                              10, 30, t->now_ms, &t->got, &err));
        test_store_commit(t);
        assert_int_equal(t->got.count, 1);
        if (handle)
            assert_string_equal(test_store_handle(t, 0), handle);
        handle = test_store_handle(t, 0);
        test_file_store_reopen(f);
    }
    assert_int_equal(test_store_try_delete(t, test_store_find(t, "jobs.fifo"), handle), 0);
}

static void a_move_task_goes_on_after_a_restart_without_making_up_for_the_time_between(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    test_store_with_dlq(t, false, 1);
    test_store_standard(t, "to");
    for (int i = 0; i < 4; i++)
        test_store_send(t, test_store_find(t, "dead"), "x");
    test_store_start_move(t, test_store_find(t, "dead"), "to", 1);
    test_store_move(t);
    t->now_ms += HOUR_MS;
    test_file_store_reopen(f);
    test_store_move(t);
    assert_int_equal(test_store_newest_move(t, test_store_find(t, "dead")).moved, 2);
    t->now_ms += 2000;
    test_store_move(t);
    lk_store_move task = test_store_newest_move(t, test_store_find(t, "dead"));
    assert_int_equal(task.moved, 4);
    assert_int_equal(task.status, LK_STORE_MOVE_COMPLETED);
}

/* What later versions added, taken away again, and what they took away. */
#define BACK_TO_VERSION_2                                                                          \
    "CREATE UNIQUE INDEX fifo_group_name ON fifo_group (pile, name);"                              \
    "CREATE UNIQUE INDEX dedup_key ON dedup (pile, dedup_id, scope);"

static const char back_to_version_2[] = BACK_TO_VERSION_2 "PRAGMA user_version = 2";

static const char back_to_version_1[] =
    BACK_TO_VERSION_2 "DROP TABLE tag; DROP TABLE move_task; DROP TABLE deleted_queue; "
                      "DROP TABLE receive_attempt; "
                      "ALTER TABLE queue DROP COLUMN purged_at; PRAGMA user_version = 1";

static void a_file_of_version_1_is_brought_up_to_date_with_all_it_holds(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    const lk_name_value tag = {LK_SLICE_LITERAL("team"), LK_SLICE_LITERAL("blue")};
    lk_err err = {0};
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    test_store_send(t, queue, "a");
    lk_store_close(t->store);
    t->store = NULL;
    execute(f->path, back_to_version_1);
    test_file_store_reopen(f);
    queue = test_store_find(t, "jobs");
    test_store_begin(t);
    assert_lk_ok(lk_store_tag_put(t->store, queue, &tag, 1, &err));
    test_store_commit(t);
    assert_store_gives(t, queue, "a");
}

static void a_file_of_version_2_keeps_its_groups_and_deduplication(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    test_store_send_to(t, queue, "g", "a", "id");
    assert_int_equal(test_store_receive(t, queue, 1, 60), 1);
    lk_store_close(t->store);
    t->store = NULL;
    execute(f->path, back_to_version_2);
    test_file_store_reopen(f);
    queue = test_store_find(t, "jobs.fifo");
    assert_true(test_store_send_to(t, queue, "g", "a", "id").duplicate);
    test_store_send_to(t, queue, "g", "b", NULL);
    assert_store_gives(t, queue, ""); /* behind the one in flight */
    t->now_ms += MINUTE_MS;
    assert_store_gives(t, queue, "a b");
}

static void what_was_not_committed_is_not_there_after_closing(void **state)
{
    test_file_store *f = *state;
    lk_err err = {0};
    lk_store_sent sent;
    const lk_store_queue *queue = test_store_standard(&f->t, "jobs");
    const lk_store_send message = {.body = LK_SLICE_LITERAL("a")};
    test_store_begin(&f->t);
    assert_lk_ok(lk_store_send_message(f->t.store, queue, &message, START_MS, &sent, &err));
    test_file_store_reopen(f);
    assert_store_gives(&f->t, test_store_find(&f->t, "jobs"), "");
}

/* SQLite's numbers: 1 is NORMAL, 2 is FULL. */
static void assert_syncs(test_file_store *f, int mode)
{
    sqlite3_stmt *query = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->t.store->db, "PRAGMA synchronous", -1, &query, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(query, 0), mode);
    sqlite3_finalize(query);
}

static void a_new_file_is_written_as_safely_as_one_that_was_there(void **state)
{
    test_file_store *f = *state;
    assert_syncs(f, 1);
    test_file_store_reopen(f);
    assert_syncs(f, 1);
    lk_store_close(f->t.store);
    f->t.store = NULL;
    unlink(f->path);
    f->options.sync_full = true;
    for (int i = 0; i < 2; i++) {
        test_file_store_reopen(f);
        assert_syncs(f, 2);
    }
}

/* --- What is refused at start ---------------------------------------------------------------- */

static void assert_open_fails(const char *path, const char *reason)
{
    lk_err err = {0};
    lk_store *store = NULL;
    const lk_store_options options = {.path = path};
    assert_lk_fails(lk_store_open(&options, &store, &err), LK_E_IO);
    assert_null(store);
    if (!strstr(err.message, path) || !strstr(err.message, reason))
        fail_msg("\"%s\" does not name %s and \"%s\"", err.message, path, reason);
}

static void a_missing_directory_is_named(void **state)
{
    test_file_store *f = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/nowhere/q.sqlite3", f->dir);
    assert_open_fails(path, "No such file or directory");
}

static void a_file_of_another_kind_is_refused_and_left_alone(void **state)
{
    test_file_store *f = *state;
    char path[128];
    char text[32] = "";
    snprintf(path, sizeof(path), "%s/notes.txt", f->dir);
    write_file(path, "this is not a database, it is a diary");
    assert_open_fails(path, "not a SQLite database");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_memory_equal(text, "this is not", 11);
    unlink(path);
}

static void a_database_of_another_program_is_refused(void **state)
{
    test_file_store *f = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/rails.sqlite3", f->dir);
    execute(path, "CREATE TABLE users (id INTEGER PRIMARY KEY)");
    assert_open_fails(path, "another program");
    unlink(path);
}

static void a_newer_schema_is_refused_with_both_versions(void **state)
{
    test_file_store *f = *state;
    lk_store_close(f->t.store);
    f->t.store = NULL;
    execute(f->path, "PRAGMA user_version = 7");
    assert_open_fails(f->path, "schema version 7");
    assert_open_fails(f->path, "versions up to 3");
}

static void a_second_server_on_the_same_file_is_told_so(void **state)
{
    test_file_store *f = *state;
    assert_open_fails(f->path, "in use by another process");
    test_store_standard(&f->t, "jobs"); /* the first one goes on */
}

static void a_read_only_file_is_refused(void **state)
{
    test_file_store *f = *state;
    lk_store_close(f->t.store);
    f->t.store = NULL;
    assert_int_equal(chmod(f->path, 0444), 0);
    assert_int_equal(chmod(f->dir, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* root may write to anything */
        lk_err err = {0};
        lk_store *store = NULL;
        bool as_user = geteuid() != 0 || setuid(65534) == 0;
        int rc = lk_store_open(&f->options, &store, &err);
        _exit(as_user && rc == LK_E_IO && strstr(err.message, "read-only") ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* --- Failing disks --------------------------------------------------------------------------- */

/* Fills the queue until the store says no; returns what it says. */
static int send_until_it_fails(test_store *t, const lk_store_queue *queue, int *kept, lk_err *err)
{
    static char body[20000];
    memset(body, 'x', sizeof(body));
    const lk_store_send message = {.body = {body, sizeof(body)}, .delay_s = -1};
    for (*kept = 0;; (*kept)++) {
        lk_store_sent sent;
        int rc = lk_store_begin(t->store, err);
        if (!rc)
            rc = lk_store_send_message(t->store, queue, &message, t->now_ms, &sent, err);
        if (!rc)
            rc = lk_store_commit(t->store, err);
        if (rc)
            return rc;
        assert_true(*kept < 10000);
    }
}

static void a_full_disk_keeps_nothing_of_the_request_and_the_store_goes_on(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    lk_err err = {0};
    lk_store_sent sent;
    int kept = 0;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    assert_int_equal(sqlite3_exec(t->store->db, "PRAGMA max_page_count = 100", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(send_until_it_fails(t, queue, &kept, &err), LK_E_IO);
    assert_non_null(strstr(err.message, "no space left"));
    assert_true(kept > 0);
    /* What shares the transaction fails too, and so does its commit. */
    const lk_store_send small = {.body = LK_SLICE_LITERAL("small")};
    assert_lk_fails(lk_store_send_message(t->store, queue, &small, t->now_ms, &sent, &err),
                    LK_E_IO);
    assert_lk_fails(lk_store_commit(t->store, &err), LK_E_IO);
    assert_int_equal(
        sqlite3_exec(t->store->db, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL), SQLITE_OK);
    assert_store_counts(t, queue, kept, 0, 0);
    test_store_send(t, queue, "small");
    test_file_store_reopen(f);
    assert_store_counts(t, test_store_find(t, "jobs"), kept + 1, 0, 0);
}

static void a_disk_that_fails_to_write_keeps_nothing_of_the_request(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    lk_err err = {0};
    int kept = 0;
    const lk_store_queue *queue = test_store_standard(t, "jobs");
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int rc = send_until_it_fails(t, queue, &kept, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(rc, LK_E_IO);
    assert_non_null(strstr(err.message, f->path));
    assert_true(kept > 0);
    lk_store_rollback(t->store);
    assert_store_counts(t, queue, kept, 0, 0);
    test_store_send(t, queue, "small");
    test_file_store_reopen(f);
    assert_store_counts(t, test_store_find(t, "jobs"), kept + 1, 0, 0);
}

/* --- Tidying --------------------------------------------------------------------------------- */

static int64_t rows_in(const test_file_store *f, const char *table)
{
    char sql[64];
    sqlite3_stmt *count = NULL;
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_prepare_v2(f->t.store->db, sql, -1, &count, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    int64_t rows = sqlite3_column_int64(count, 0);
    sqlite3_finalize(count);
    return rows;
}

static void tidying_leaves_no_row_of_a_deleted_queue_and_no_old_deduplication(void **state)
{
    test_file_store *f = *state;
    test_store *t = &f->t;
    lk_err err = {0};
    bool more = true;
    const lk_store_queue *queue = test_store_fifo(t, "jobs.fifo");
    const lk_name_value tag = {LK_SLICE_LITERAL("team"), LK_SLICE_LITERAL("blue")};
    test_store_queue(t, "source.fifo",
                     (lk_store_settings){.given = LK_SET_FIFO | LK_SET_REDRIVE,
                                         .fifo = true,
                                         .dead_letter_queue = LK_SLICE_LITERAL("jobs.fifo"),
                                         .max_receive_count = 1});
    test_store_start_move(t, queue, NULL, 0);
    test_store_begin(t);
    assert_lk_ok(lk_store_tag_put(t->store, queue, &tag, 1, &err));
    test_store_commit(t);
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        test_store_send_to(t, queue, id, id, NULL);
    }
    test_store_begin(t);
    assert_lk_ok(lk_store_receive_attempt(t->store, queue, LK_SLICE_LITERAL("attempt"), 10, 30,
                                          t->now_ms, &t->got, &err));
    assert_lk_ok(lk_store_queue_delete(t->store, queue, t->now_ms, &err));
    assert_lk_ok(
        lk_store_queue_delete(t->store, test_store_find(t, "source.fifo"), t->now_ms, &err));
    test_store_commit(t);
    t->now_ms += 5 * MINUTE_MS;
    while (more) {
        test_store_begin(t);
        assert_lk_ok(lk_store_tidy(t->store, t->now_ms, &more, &err));
        test_store_commit(t);
    }
    static const char *const tables[] = {
        "queue", "message",   "payload",       "fifo_group",      "dedup",
        "tag",   "move_task", "deleted_queue", "receive_attempt", "discarded_pile"};
    for (size_t i = 0; i < LK_COUNT(tables); i++)
        assert_int_equal(rows_in(f, tables[i]), 0);
}

/* --- Statements ------------------------------------------------------------------------------ */

/* Read as a whole on purpose: the list of queues at start, what finds groups at their first use,
 * and the first discarded pile; and both ends of the deduplication table, which is walked in the
 * order of its rows. */
static bool may_scan(lk_sql_id id)
{
    return id == LK_SQL_QUEUE_ALL || id == LK_SQL_GROUP_ALL || id == LK_SQL_PILE_DISCARDED ||
           id == LK_SQL_DEDUP_OLDEST || id == LK_SQL_DEDUP_NEWEST;
}

static void no_statement_scans_a_table_or_sorts(void **state)
{
    test_file_store *f = *state;
    static const char *const texts[] = {
#define LK_X(name, text) text,
        LK_STORE_STATEMENTS(LK_X)
#undef LK_X
    };
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        if (i == LK_SQL_BEGIN || i == LK_SQL_COMMIT || i == LK_SQL_ROLLBACK)
            continue;
        char sql[1024];
        sqlite3_stmt *plan = NULL;
        snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", texts[i]);
        assert_int_equal(sqlite3_prepare_v2(f->t.store->db, sql, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            if (strstr(step, "TEMP B-TREE") ||
                (strncmp(step, "SCAN", 4) == 0 && !may_scan((lk_sql_id)i) &&
                 !strstr(step, "CONSTANT ROW")))
                fail_msg("%s: %s", texts[i], step);
        }
        sqlite3_finalize(plan);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_file_store_setup, test_file_store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(messages_handles_and_deduplication_survive_closing),
        TEST(the_limit_in_flight_counts_what_was_there_before_the_start),
        TEST(a_receive_whose_answer_was_lost_with_the_process_can_be_had_again),
        TEST(a_move_task_goes_on_after_a_restart_without_making_up_for_the_time_between),
        TEST(a_file_of_version_1_is_brought_up_to_date_with_all_it_holds),
        TEST(a_file_of_version_2_keeps_its_groups_and_deduplication),
        TEST(what_was_not_committed_is_not_there_after_closing),
        TEST(a_new_file_is_written_as_safely_as_one_that_was_there),
        TEST(a_missing_directory_is_named),
        TEST(a_file_of_another_kind_is_refused_and_left_alone),
        TEST(a_database_of_another_program_is_refused),
        TEST(a_newer_schema_is_refused_with_both_versions),
        TEST(a_second_server_on_the_same_file_is_told_so),
        TEST(a_read_only_file_is_refused),
        TEST(a_full_disk_keeps_nothing_of_the_request_and_the_store_goes_on),
        TEST(a_disk_that_fails_to_write_keeps_nothing_of_the_request),
        TEST(tidying_leaves_no_row_of_a_deleted_queue_and_no_old_deduplication),
        TEST(no_statement_scans_a_table_or_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
