/* SPDX-License-Identifier: MIT
 *
 * test_deaths: what a client remembers of the messages it saw die.
 */
#include "lk_test.h"

#include "deaths.h"

#include <sys/wait.h>
#include <unistd.h>

static int setup(void **state)
{
    lk_err err;
    *state = lk_client_new(NULL, &err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    lk_client_free(*state);
    return 0;
}

static lk_slice id_of(int number, char *id, size_t size)
{
    snprintf(id, size, "%08d-0000-4000-8000-000000000000", number);
    return lk_slice_of(id);
}

static void a_death_is_remembered_and_no_other(void **state)
{
    char id[40];
    assert_false(lk_deaths_include(*state, id_of(1, id, sizeof(id))));
    lk_deaths_add(*state, id_of(1, id, sizeof(id)));
    assert_true(lk_deaths_include(*state, id_of(1, id, sizeof(id))));
    assert_false(lk_deaths_include(*state, id_of(2, id, sizeof(id))));
    assert_false(lk_deaths_include(*state, (lk_slice){NULL, 0}));
}

static void the_oldest_is_forgotten_when_there_are_too_many(void **state)
{
    char id[40];
    for (int i = 0; i <= LK_DEATHS_MAX; i++) {
        lk_deaths_add(*state, id_of(i, id, sizeof(id)));
        lk_deaths_add(*state, id_of(i, id, sizeof(id))); /* a second time takes no room */
    }
    assert_false(lk_deaths_include(*state, id_of(0, id, sizeof(id))));
    assert_true(lk_deaths_include(*state, id_of(1, id, sizeof(id))));
    assert_true(lk_deaths_include(*state, id_of(LK_DEATHS_MAX, id, sizeof(id))));
}

static void what_is_no_message_id_is_not_remembered(void **state)
{
    char longer[200] = {0};
    memset(longer, 'x', sizeof(longer) - 1);
    lk_deaths_add(*state, lk_slice_of(longer));
    lk_deaths_add(*state, (lk_slice){NULL, 0});
    assert_false(lk_deaths_include(*state, lk_slice_of(longer)));
    assert_false(lk_deaths_include(*state, (lk_slice){NULL, 0}));
    assert_false(lk_deaths_include(*state, lk_slice_of("")));
}

/* What died has died for the child as well. */
static void a_forked_child_knows_what_its_parent_knew(void **state)
{
    lk_err err;
    char id[40];
    lk_deaths_add(*state, id_of(1, id, sizeof(id)));
    pid_t child = fork();
    if (child == 0) {
        bool knows =
            lk_client_enter(*state, &err) == 0 && lk_deaths_include(*state, lk_slice_of(id));
        _exit(knows ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define CLIENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT(a_death_is_remembered_and_no_other),
        CLIENT(the_oldest_is_forgotten_when_there_are_too_many),
        CLIENT(what_is_no_message_id_is_not_remembered),
        CLIENT(a_forked_child_knows_what_its_parent_knew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
