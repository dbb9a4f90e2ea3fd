/* SPDX-License-Identifier: MIT
 *
 * test_mapping_poll: batches of a mapping on the local SQS: windows, sizes, filter criteria, and
 * worker processes that follow the backlog.
 */
#include "lk_test.h"

#include "lk_test_house.h"
#include "lk_test_process.h"

static lk_test_house *house;

static int close_house(void **state)
{
    (void)state;
    lk_test_house_stop(house);
    house = NULL;
    return 0;
}

static void enqueue_many(const char *job_class, const char *arguments, int count)
{
    for (int i = 0; i < count; i++)
        lk_test_house_enqueue(house, job_class, arguments, NULL);
}

static size_t invocations(void)
{
    return lk_test_count(lk_test_house_log(house), "\nSTART RequestId: ");
}

/* How many processes have run jobs. */
static size_t processes(const char *part, size_t jobs)
{
    int64_t pids[64];
    size_t count = 0;
    for (size_t job = 0; job < jobs; job++) {
        int64_t pid = lk_test_house_number(house, part, job, "pid=");
        size_t known = 0;
        while (known < count && pids[known] != pid)
            known++;
        if (known == count && count < LK_COUNT(pids))
            pids[count++] = pid;
    }
    return count;
}

/* --- Batches -------------------------------------------------------------------------------- */

static void a_batch_takes_the_messages_of_several_receives(void **state)
{
    (void)state;
    house = lk_test_house_start(
        &(lk_test_house_options){.no_mapping = true, .batch_size = 25, .window_s = 300});
    enqueue_many("OkJob", "[]", 25);
    lk_test_house_map(house);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end OkJob"), 25);
    assert_int_equal(invocations(), 1);
}

static void a_batch_that_does_not_fill_is_invoked_when_its_window_is_over(void **state)
{
    (void)state;
    house = lk_test_house_start(
        &(lk_test_house_options){.no_mapping = true, .batch_size = 100, .window_s = 1});
    enqueue_many("OkJob", "[]", 12);
    lk_test_house_map(house);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end OkJob"), 12);
    assert_int_equal(invocations(), 1);
}

static void a_move_of_the_clock_ends_the_window_and_loses_nothing(void **state)
{
    (void)state;
    house = lk_test_house_start(&(lk_test_house_options){.batch_size = 100, .window_s = 300});
    enqueue_many("OkJob", "[]", 3);
    lk_test_house_enqueue(house, "OkJob", "[]", &(lk_enqueue_options){.delay_ms = 600000});
    while (lk_test_local_in_flight(house->local, "jobs") < 3)
        lk_test_sleep_ms(3);
    lk_test_house_advance(house, 600);
    lk_test_house_wait(house, "end OkJob", 3);
    lk_test_house_advance(house, 1); /* and of the window of the fourth */
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end OkJob"), 4);
}

static void what_six_megabytes_do_not_hold_goes_into_another_event(void **state)
{
    (void)state;
    enum { BODY_BYTES = 900 * 1000, BODIES = 8 };
    lk_buf arguments = {0};
    house = lk_test_house_start(&(lk_test_house_options){.no_mapping = true});
    lk_buf_add_str(&arguments, "[\"");
    for (int i = 0; i < BODY_BYTES; i++)
        lk_buf_add_char(&arguments, 'x');
    lk_buf_add_str(&arguments, "\"]");
    enqueue_many("OkJob", arguments.ptr, BODIES);
    lk_test_house_map(house);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end OkJob"), BODIES);
    assert_int_equal(invocations(), 2);
    lk_buf_clear(&arguments);
}

/* --- Filter criteria ------------------------------------------------------------------------ */

static void what_does_not_match_the_filter_is_deleted_without_an_invocation(void **state)
{
    (void)state;
    house = lk_test_house_start(&(lk_test_house_options){
        .no_mapping = true, .filter = "{\"body\":{\"job_class\":[\"OkJob\"]}}"});
    enqueue_many("FailJob", "[]", 2);
    enqueue_many("OkJob", "[]", 2);
    lk_test_house_map(house);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end OkJob"), 2);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start FailJob"), 0);
    assert_int_equal(lk_test_local_total(house->local, "jobs-dlq"), 0);
}

/* --- Scaling -------------------------------------------------------------------------------- */

static void one_worker_process_is_enough_for_one_job_after_the_other(void **state)
{
    (void)state;
    house = lk_test_house_start(
        &(lk_test_house_options){.workers = 8, .min_workers = 1, .batch_size = 1});
    for (size_t i = 1; i <= 5; i++) {
        enqueue_many("OkJob", "[]", 1);
        lk_test_house_wait(house, "end OkJob", i);
        lk_test_house_wait_messages(house, "jobs", 0);
    }
    assert_in_range(processes("end OkJob", 5), 1, 2);
}

static void a_backlog_gets_as_many_worker_processes_as_there_may_be(void **state)
{
    (void)state;
    house = lk_test_house_start(&(lk_test_house_options){
        .no_mapping = true, .workers = 4, .min_workers = 1, .batch_size = 1});
    enqueue_many("SlowJob", "[3000]", 8);
    lk_test_house_map(house);
    lk_test_house_wait(house, "start SlowJob", 4);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "end SlowJob"), 0);
    lk_test_house_wait(house, "end SlowJob", 8);
    assert_int_equal(processes("end SlowJob", 8), 4);
}

int main(void)
{
#define HOUSE_TEST(name) cmocka_unit_test_teardown(name, close_house)
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(a_batch_takes_the_messages_of_several_receives),
        HOUSE_TEST(a_batch_that_does_not_fill_is_invoked_when_its_window_is_over),
        HOUSE_TEST(a_move_of_the_clock_ends_the_window_and_loses_nothing),
        HOUSE_TEST(what_six_megabytes_do_not_hold_goes_into_another_event),
        HOUSE_TEST(what_does_not_match_the_filter_is_deleted_without_an_invocation),
        HOUSE_TEST(one_worker_process_is_enough_for_one_job_after_the_other),
        HOUSE_TEST(a_backlog_gets_as_many_worker_processes_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
