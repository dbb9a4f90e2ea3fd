/* SPDX-License-Identifier: MIT
 *
 * test_example: the jobs function of examples/c_worker, as it is deployed.
 */
#include "lk_test.h"

#include "lk_test_house.h"

#include <sys/stat.h>
#include <unistd.h>

static lk_test_house *house;
static char directory[64];

static int open_house(void **state)
{
    (void)state;
    lk_test_house_options options = {.command = "../examples/c_worker/bootstrap",
                                     .max_receive_count = 2};
    snprintf(directory, sizeof(directory), "/tmp/lk_example_XXXXXX");
    assert_non_null(mkdtemp(directory));
    setenv("ARCHIVE_DIR", directory, 1);
    house = lk_test_house_start(&options);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int close_house(void **state)
{
    (void)state;
    lk_test_house_stop(house);
    unlink(path_of("a.csv"));
    unlink(path_of("a.csv.gz"));
    return rmdir(directory); /* nothing else is left behind */
}

static void write_file(const char *name, size_t lines)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    for (size_t i = 0; i < lines; i++)
        fputs("order,9.90\n", file);
    assert_int_equal(fclose(file), 0);
}

static void a_file_is_compressed_and_rails_is_told(void **state)
{
    (void)state;
    struct stat info;
    write_file("a.csv", 50000);
    lk_test_house_enqueue(house, "ArchiveJob", "[\"a.csv\",{\"level\":9}]", NULL);
    /* the queue of Rails' jobs is this one here: nobody performs that class */
    lk_test_house_wait_log(house, "no handler is registered for ArchivedJob", 1);
    lk_test_house_wait_log(house, ": 550000 bytes became ", 1);
    assert_int_equal(stat(path_of("a.csv.gz"), &info), 0);
    assert_true(info.st_size > 0 && info.st_size < 50000);
}

static void a_file_that_is_gone_is_discarded(void **state)
{
    (void)state;
    lk_test_house_enqueue(house, "ArchiveJob", "[\"a.csv\"]", NULL);
    lk_test_house_wait_log(house, "discarded: a.csv is not there any more", 1);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_local_total(house->local, "jobs-dlq"), 0);
}

static void an_order_that_makes_no_sense_dies(void **state)
{
    (void)state;
    lk_test_house_enqueue(house, "ArchiveJob", "[\"../etc/passwd\"]", NULL);
    lk_test_house_wait_log(house, "failed for the last time, execution 2: BadOrder: ", 1);
    lk_test_house_to_next(house);
    lk_test_house_wait_messages(house, "jobs-dlq", 1);
}

#define EXAMPLE_TEST(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXAMPLE_TEST(a_file_is_compressed_and_rails_is_told),
        EXAMPLE_TEST(a_file_that_is_gone_is_discarded),
        EXAMPLE_TEST(an_order_that_makes_no_sense_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
