/* SPDX-License-Identifier: MIT
 *
 * test_function_log: lines of worker processes come out whole, unchanged and in order.
 */
#include "lk_test.h"

#include "function_log.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

typedef struct fixture {
    FILE *file;
    lk_log_sink sink;
    lk_log_stream stream;
    int input; /* where the process writes */
    lk_buf text;
} fixture;

static int set_up(void **state)
{
    lk_err err;
    int ends[2];
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->file = tmpfile();
    assert_non_null(f->file);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    f->input = ends[1];
    assert_lk_ok(lk_log_sink_init(&f->sink, fileno(f->file), false, &err));
    assert_lk_ok(lk_log_stream_init(&f->stream, ends[0], &f->sink, &err));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    if (f->input >= 0)
        close(f->input);
    lk_log_stream_close(&f->stream);
    lk_log_sink_clear(&f->sink);
    lk_buf_clear(&f->text);
    fclose(f->file);
    free(f);
    return 0;
}

static void print(fixture *f, const char *text)
{
    assert_int_equal(write(f->input, text, strlen(text)), strlen(text));
}

/* A line longer than a pipe holds: written and pumped in turns. */
static void print_many(fixture *f, size_t count)
{
    char bytes[4096];
    memset(bytes, 'x', sizeof(bytes));
    while (count > 0) {
        size_t len = LK_MIN(count, sizeof(bytes));
        assert_int_equal(write(f->input, bytes, len), len);
        assert_true(lk_log_stream_pump(&f->stream));
        count -= len;
    }
}

static const char *logged(fixture *f)
{
    char bytes[65536];
    off_t at = 0;
    ssize_t got;
    lk_buf_reset(&f->text);
    lk_buf_add_str(&f->text, "");
    while ((got = pread(fileno(f->file), bytes, sizeof(bytes), at)) > 0) {
        lk_buf_add(&f->text, (lk_slice){bytes, (size_t)got});
        at += got;
    }
    return f->text.ptr ? f->text.ptr : "";
}

static void lines_pass_through_unchanged(void **state)
{
    fixture *f = *state;
    print(f, "{\"_aws\":{}}\n\n  \ttail \r\n");
    assert_true(lk_log_stream_pump(&f->stream));
    assert_string_equal(logged(f), "{\"_aws\":{}}\n\n  \ttail \r\n");
}

static void a_line_waits_for_its_end(void **state)
{
    fixture *f = *state;
    print(f, "one\ntw");
    lk_log_stream_pump(&f->stream);
    assert_string_equal(logged(f), "one\n");
    print(f, "o\nthr");
    lk_log_stream_pump(&f->stream);
    assert_string_equal(logged(f), "one\ntwo\n");
}

static void the_last_line_is_ended(void **state)
{
    fixture *f = *state;
    print(f, "one\nlast");
    lk_log_stream_close(&f->stream);
    assert_string_equal(logged(f), "one\nlast\n");
}

static void the_end_of_the_output_is_told(void **state)
{
    fixture *f = *state;
    print(f, "bye\n");
    close(f->input);
    f->input = -1;
    assert_false(lk_log_stream_pump(&f->stream));
    assert_string_equal(logged(f), "bye\n");
}

static void a_line_of_the_largest_size_is_one_line(void **state)
{
    fixture *f = *state;
    print_many(f, LK_LOG_LINE_MAX_BYTES);
    print(f, "\nnext\n");
    lk_log_stream_pump(&f->stream);
    const char *text = logged(f);
    assert_int_equal(strcspn(text, "\n"), LK_LOG_LINE_MAX_BYTES);
    assert_string_equal(text + LK_LOG_LINE_MAX_BYTES, "\nnext\n");
}

static void a_longer_line_is_cut_at_256_kib(void **state)
{
    fixture *f = *state;
    print_many(f, LK_LOG_LINE_MAX_BYTES + 5);
    print(f, "\n");
    lk_log_stream_pump(&f->stream);
    const char *text = logged(f);
    assert_int_equal(strcspn(text, "\n"), LK_LOG_LINE_MAX_BYTES);
    assert_string_equal(text + LK_LOG_LINE_MAX_BYTES, "\nxxxxx\n");
}

static void bytes_that_are_no_text_pass_too(void **state)
{
    fixture *f = *state;
    static const char bytes[] = {'a', '\0', (char)0xff, '\n'};
    assert_int_equal(write(f->input, bytes, sizeof(bytes)), sizeof(bytes));
    lk_log_stream_pump(&f->stream);
    logged(f);
    assert_int_equal(f->text.len, sizeof(bytes));
    assert_memory_equal(f->text.ptr, bytes, sizeof(bytes));
}

static void a_reader_that_left_does_not_end_us(void **state)
{
    fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    f->sink.fd = ends[1];
    lk_log_linef(&f->sink, "nobody reads %d", 1);
    close(ends[1]);
    f->sink.fd = fileno(f->file);
    lk_log_linef(&f->sink, "somebody reads %d", 2);
    assert_string_equal(logged(f), "somebody reads 2\n");
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(lines_pass_through_unchanged),
        LOG_TEST(a_line_waits_for_its_end),
        LOG_TEST(the_last_line_is_ended),
        LOG_TEST(the_end_of_the_output_is_told),
        LOG_TEST(a_line_of_the_largest_size_is_one_line),
        LOG_TEST(a_longer_line_is_cut_at_256_kib),
        LOG_TEST(bytes_that_are_no_text_pass_too),
        LOG_TEST(a_reader_that_left_does_not_end_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
