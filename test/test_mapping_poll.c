/* SPDX-License-Identifier: MIT
 *
 * test_mapping_poll: batches of a mapping on the local SQS: windows, sizes, filter criteria, and
 * worker processes that follow the backlog.
 */
#include "lk_test.h"

#include "lk_test_house.h"
#include "lk_test_process.h"

#include <signal.h>

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
    lk_test_house_enqueue(
        house, "OkJob", "[]",
        &(lk_enqueue_options){.size = sizeof(lk_enqueue_options), .delay_ms = 600000});
    while (lk_test_local_in_flight(house->local, "jobs") < 3)
        lk_test_sleep_ms(3);
    lk_test_house_advance(house, 600);
    lk_test_house_wait(house, "end OkJob", 3);
    lk_test_house_wait_messages(house, "jobs", 1);
    while (lk_test_local_in_flight(house->local, "jobs") < 1)
        lk_test_sleep_ms(3);
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

/* --- A process that dies while a poll has it promised ------------------------------------------
 */

/* The one process has done a job and is dead while a poll waits for a message. The next one starts
 * as `how` and `text` say, see lk_test_house_starts. */
static void kill_idle_process(const char *how, const char *text)
{
    enqueue_many("OkJob", "[]", 1);
    lk_test_house_wait_log(house, "\nREPORT RequestId: ", 1);
    lk_test_house_wait_messages(house, "jobs", 0);
    lk_test_sleep_ms(100); /* until the poll is there, most likely */
    lk_test_house_starts(house, how, text);
    pid_t pid = (pid_t)lk_test_house_number(house, "end OkJob", 0, "pid=");
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (!lk_test_process_gone(pid))
        lk_test_sleep_ms(3);
}

static void a_message_waits_for_the_process_that_starts_in_place_of_a_dead_one(void **state)
{
    (void)state;
    house = lk_test_house_start(NULL);
    kill_idle_process("slow", "3000");
    enqueue_many("OkJob", "[]", 1);
    lk_test_house_wait(house, "end OkJob", 2);
    assert_int_equal(lk_test_house_number(house, "end OkJob", 1, "receives="), 1);
    lk_test_house_wait_messages(house, "jobs", 0);
}

static void a_message_that_waited_for_a_process_is_hidden_for_a_whole_timeout_again(void **state)
{
    (void)state;
    house = lk_test_house_start(&(lk_test_house_options){.visibility_s = 6, .timeout_ms = 6000});
    kill_idle_process("slow", "4000");
    enqueue_many("SlowJob", "[3500]", 1);
    lk_test_house_wait(house, "end SlowJob", 1);
    lk_test_house_wait_messages(house, "jobs", 0);
    assert_int_equal(lk_test_count(lk_test_house_ledger(house), "start SlowJob"), 1);
}

static void a_message_for_which_no_process_starts_is_given_back(void **state)
{
    (void)state;
    house = lk_test_house_start(&(lk_test_house_options){.visibility_s = 4, .timeout_ms = 1000});
    kill_idle_process("broken", "");
    enqueue_many("OkJob", "[]", 1);
    lk_test_house_wait_log(house, "1 message of queue jobs is given back", 1);
    lk_test_house_starts(house, "broken", NULL);
    lk_test_house_wait(house, "end OkJob", 2);
    lk_test_house_wait_messages(house, "jobs", 0);
}

static void a_message_that_waits_for_a_process_is_given_back_when_the_mapping_stops(void **state)
{
    (void)state;
    house = lk_test_house_start(NULL);
    kill_idle_process("slow", "60000");
    enqueue_many("OkJob", "[]", 1);
    while (lk_test_local_in_flight(house->local, "jobs") == 0)
        lk_test_sleep_ms(3);
    lk_test_house_unmap(house);
    assert_int_equal(lk_test_local_visible(house->local, "jobs"), 1);
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
        HOUSE_TEST(a_message_waits_for_the_process_that_starts_in_place_of_a_dead_one),
        HOUSE_TEST(a_message_that_waited_for_a_process_is_hidden_for_a_whole_timeout_again),
        HOUSE_TEST(a_message_for_which_no_process_starts_is_given_back),
        HOUSE_TEST(a_message_that_waits_for_a_process_is_given_back_when_the_mapping_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
