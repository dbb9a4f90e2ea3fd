/* SPDX-License-Identifier: MIT
 *
 * test_clock: the clock that moves, and the file by which other processes see it.
 */
#include "clock.h"
#include "lk_test.h"

#include <pthread.h>
#include <unistd.h>

typedef struct clock_file {
    char dir[64];
    char path[96];
} clock_file;

static int setup(void **state)
{
    clock_file *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->dir, sizeof(f->dir), "/tmp/lambdakiq_clock_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/clock", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    clock_file *f = *state;
    unsetenv("LAMBDAKIQ_CLOCK_FILE");
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0); /* nothing else was left in it */
    free(f);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_shows(const lk_clock *clock, int64_t offset_ms)
{
    int64_t before = lk_wall_ms() + offset_ms;
    int64_t now = lk_clock_now_ms(clock);
    assert_in_range(now - before, 0, 10000);
}

static void a_new_clock_shows_real_time(void **state)
{
    (void)state;
    lk_err err = {0};
    lk_clock *clock = NULL;
    assert_lk_ok(lk_clock_new(NULL, &clock, &err));
    assert_shows(clock, 0);
    assert_null(lk_clock_path(clock));
    lk_clock_free(clock);
}

static void moves_add_up(void **state)
{
    (void)state;
    lk_err err = {0};
    lk_clock *clock = NULL;
    assert_lk_ok(lk_clock_new(NULL, &clock, &err));
    assert_lk_ok(lk_clock_advance(clock, 3600000, &err));
    assert_lk_ok(lk_clock_advance(clock, 0, &err));
    assert_lk_ok(lk_clock_advance(clock, 1, &err));
    assert_int_equal(lk_clock_offset_get_ms(clock), 3600001);
    assert_shows(clock, 3600001);
    lk_clock_free(clock);
}

static void it_never_moves_back_nor_beyond_a_century(void **state)
{
    (void)state;
    lk_err err = {0};
    lk_clock *clock = NULL;
    assert_lk_ok(lk_clock_new(NULL, &clock, &err));
    assert_lk_fails(lk_clock_advance(clock, -1, &err), LK_E_INVALID);
    assert_lk_fails(lk_clock_advance(clock, INT64_MAX, &err), LK_E_INVALID);
    assert_lk_ok(lk_clock_advance(clock, 1000, &err));
    assert_lk_fails(lk_clock_advance(clock, INT64_MAX, &err), LK_E_INVALID);
    assert_int_equal(lk_clock_offset_get_ms(clock), 1000);
    lk_clock_free(clock);
}

static void the_file_tells_the_core_of_another_process(void **state)
{
    clock_file *f = *state;
    lk_err err = {0};
    lk_clock *clock = NULL;
    assert_lk_ok(lk_clock_new(f->path, &clock, &err));
    assert_string_equal(lk_clock_path(clock), f->path);
    assert_int_equal(setenv("LAMBDAKIQ_CLOCK_FILE", f->path, 1), 0);
    assert_int_equal(lk_clock_offset_ms(), 0);
    assert_lk_ok(lk_clock_advance(clock, 86400000, &err));
    assert_int_equal(lk_clock_offset_ms(), 86400000);
    lk_clock_free(clock);
}

static void it_starts_from_what_the_file_says(void **state)
{
    clock_file *f = *state;
    lk_err err = {0};
    lk_clock *clock = NULL;
    write_text(f->path, "5000\n");
    assert_lk_ok(lk_clock_new(f->path, &clock, &err));
    assert_lk_ok(lk_clock_advance(clock, 10, &err));
    lk_clock_free(clock);
    assert_lk_ok(lk_clock_new(f->path, &clock, &err));
    assert_int_equal(lk_clock_offset_get_ms(clock), 5010);
    lk_clock_free(clock);
}

static void a_file_without_a_number_is_refused_by_name(void **state)
{
    clock_file *f = *state;
    static const char *const texts[] = {"tomorrow", "", "-5", "12 34", "99999999999999999999"};
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        lk_err err = {0};
        lk_clock *clock = NULL;
        write_text(f->path, texts[i]);
        assert_lk_fails(lk_clock_new(f->path, &clock, &err), LK_E_IO);
        assert_non_null(strstr(err.message, f->path));
        assert_null(clock);
    }
}

static void a_clock_that_cannot_be_written_is_not_moved(void **state)
{
    clock_file *f = *state;
    lk_err err = {0};
    lk_clock *clock = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/gone/clock", f->dir);
    assert_lk_ok(lk_clock_new(path, &clock, &err));
    assert_lk_fails(lk_clock_advance(clock, 1000, &err), LK_E_IO);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(lk_clock_offset_get_ms(clock), 0);
    lk_clock_free(clock);
}

static void *advance_often(void *clock)
{
    lk_err err = {0};
    for (int i = 0; i < 200; i++) {
        if (lk_clock_advance(clock, 1, &err))
            return clock;
        (void)lk_clock_now_ms(clock);
    }
    return NULL;
}

static void threads_may_move_it_at_once(void **state)
{
    clock_file *f = *state;
    lk_err err = {0};
    lk_clock *clock = NULL;
    pthread_t threads[4];
    assert_lk_ok(lk_clock_new(f->path, &clock, &err));
    for (size_t i = 0; i < LK_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, advance_often, clock), 0);
    for (size_t i = 0; i < LK_COUNT(threads); i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(lk_clock_offset_get_ms(clock), 800);
    assert_int_equal(setenv("LAMBDAKIQ_CLOCK_FILE", f->path, 1), 0);
    assert_int_equal(lk_clock_offset_ms(), 800);
    lk_clock_free(clock);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_clock_shows_real_time),
        TEST(moves_add_up),
        TEST(it_never_moves_back_nor_beyond_a_century),
        TEST(the_file_tells_the_core_of_another_process),
        TEST(it_starts_from_what_the_file_says),
        TEST(a_file_without_a_number_is_refused_by_name),
        TEST(a_clock_that_cannot_be_written_is_not_moved),
        TEST(threads_may_move_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
