/* SPDX-License-Identifier: MIT
 *
 * Tests of local/mapping_scale: how many pollers are awake, and that somebody always polls.
 */
#include "lk_test.h"

#include "mapping_scale.h"

enum { POLLERS = 4 };

static lk_scale_poller pollers[POLLERS];
static lk_scale scale;

static int begin(void **state)
{
    (void)state;
    memset(pollers, 0, sizeof(pollers));
    scale = (lk_scale){.pollers = pollers, .count = POLLERS, .awake = 1};
    return 0;
}

static void poll_begins(size_t index)
{
    assert_true(lk_scale_may_poll(&scale, index));
    pollers[index].receiving = true;
}

static void poll_finds(size_t index)
{
    pollers[index].receiving = false;
    (void)lk_scale_found(&scale, index);
}

static void poll_finds_nothing(size_t index)
{
    pollers[index].receiving = false;
    lk_scale_found_nothing(&scale, index);
}

static void work_ends(size_t index)
{
    pollers[index].working = false;
}

/* The first so many poll, and all had something to do before. */
static void wake(size_t wanted)
{
    for (size_t i = 0; i < wanted; i++) {
        poll_begins(i);
        if (i + 1 < wanted)
            poll_finds(i);
    }
    for (size_t i = 0; i + 1 < wanted; i++) {
        work_ends(i);
        poll_begins(i);
    }
    assert_int_equal(scale.awake, wanted);
}

/* Whether somebody polls, or will before any work is done; or all work. */
static bool somebody_polls(void)
{
    bool all_work = true;
    for (size_t i = 0; i < POLLERS; i++) {
        if (!pollers[i].working && lk_scale_may_poll(&scale, i))
            return true;
        all_work = all_work && pollers[i].working;
    }
    return all_work;
}

/* --- More ----------------------------------------------------------------------------------- */

static void who_gets_work_wakes_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < POLLERS; i++) {
        assert_int_equal(scale.awake, i + 1);
        poll_begins(i);
        poll_finds(i);
    }
    assert_int_equal(scale.awake, POLLERS);
}

static void nobody_wakes_while_another_polls(void **state)
{
    (void)state;
    wake(2);
    poll_finds(0);
    assert_int_equal(scale.awake, 2);
}

static void one_that_works_is_not_taken_for_one_that_polls(void **state)
{
    (void)state;
    wake(3);
    poll_finds(2); /* and works for long */
    poll_finds_nothing(0);
    poll_begins(0);
    poll_finds_nothing(1);
    poll_finds(0);
    assert_true(somebody_polls());
    assert_true(lk_scale_may_poll(&scale, 1));
    poll_begins(1);
    poll_finds(1);
    assert_true(lk_scale_may_poll(&scale, 3));
}

/* --- Less ----------------------------------------------------------------------------------- */

static void without_messages_one_goes_on_polling(void **state)
{
    (void)state;
    wake(POLLERS);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < POLLERS; i++) {
            if (!pollers[i].receiving)
                continue;
            poll_finds_nothing(i);
            assert_in_range(scale.awake, 1, POLLERS);
            if (lk_scale_may_poll(&scale, i))
                poll_begins(i);
        }
    assert_int_equal(scale.awake, 1);
    assert_true(pollers[0].receiving);
}

static void the_last_poll_of_one_that_sleeps_already_sends_nobody_else_to_sleep(void **state)
{
    (void)state;
    wake(2);
    poll_finds_nothing(0); /* one less: the second, whose poll goes on */
    poll_begins(0);
    poll_finds_nothing(1);
    assert_int_equal(scale.awake, 1);
    poll_finds_nothing(0);
    assert_true(lk_scale_may_poll(&scale, 0));
}

static void the_only_one_that_polls_stays_awake(void **state)
{
    (void)state;
    wake(2);
    poll_finds(0);
    poll_finds_nothing(1);
    assert_int_equal(scale.awake, 2);
}

/* --- Always --------------------------------------------------------------------------------- */

/* Some event that can happen to the poller now. */
static void happen(size_t index, unsigned chance)
{
    lk_scale_poller *p = &pollers[index];
    if (p->working)
        work_ends(index);
    else if (p->receiving && chance % 2 == 0)
        poll_finds(index);
    else if (p->receiving)
        poll_finds_nothing(index);
    else if (lk_scale_may_poll(&scale, index))
        poll_begins(index);
}

static void somebody_polls_whatever_happens(void **state)
{
    uint64_t random = 1;
    (void)state;
    for (int step = 0; step < 100000; step++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        happen((random >> 33) % POLLERS, (unsigned)(random >> 60));
        assert_in_range(scale.awake, 1, POLLERS);
        assert_true(somebody_polls());
    }
}

int main(void)
{
#define SCALE_TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        SCALE_TEST(who_gets_work_wakes_another),
        SCALE_TEST(nobody_wakes_while_another_polls),
        SCALE_TEST(one_that_works_is_not_taken_for_one_that_polls),
        SCALE_TEST(without_messages_one_goes_on_polling),
        SCALE_TEST(the_last_poll_of_one_that_sleeps_already_sends_nobody_else_to_sleep),
        SCALE_TEST(the_only_one_that_polls_stays_awake),
        SCALE_TEST(somebody_polls_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
