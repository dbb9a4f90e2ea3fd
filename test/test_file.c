/* SPDX-License-Identifier: MIT
 *
 * test_file: what comes of files as they are found.
 */
#include "file.h"
#include "lk_test.h"

#include <errno.h>
#include <unistd.h>

static char path[64];

static int make(void **state)
{
    (void)state;
    strcpy(path, "/tmp/lk_test_file_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345678", 8), 8);
    close(fd);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    return unlink(path);
}

static void a_file_of_the_largest_size_is_read_whole(void **state)
{
    (void)state;
    lk_buf out = {0};
    assert_int_equal(lk_file_read(path, 8, &out), 0);
    assert_slice(lk_buf_slice(&out), "12345678");
    lk_buf_clear(&out);
}

static void a_larger_one_is_refused(void **state)
{
    (void)state;
    lk_buf out = {0};
    assert_int_equal(lk_file_read(path, 7, &out), EFBIG);
    lk_buf_clear(&out);
}

static void a_file_without_a_size_is_read_until_its_end(void **state)
{
    (void)state;
    lk_buf out = {0};
    assert_int_equal(lk_file_read("/dev/zero", 10000, &out), EFBIG);
    lk_buf_reset(&out);
    assert_int_equal(lk_file_read("/proc/self/cmdline", 10000, &out), 0);
    assert_true(out.len > 0);
    lk_buf_clear(&out);
}

static void what_cannot_be_read_says_why(void **state)
{
    (void)state;
    lk_buf out = {0};
    assert_int_equal(lk_file_read("/nonexistent/file", 8, &out), ENOENT);
    assert_int_equal(lk_file_read("/tmp", 8, &out), EISDIR);
    assert_int_equal(out.len, 0);
    lk_buf_clear(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_of_the_largest_size_is_read_whole),
        TEST(a_larger_one_is_refused),
        TEST(a_file_without_a_size_is_read_until_its_end),
        TEST(what_cannot_be_read_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
