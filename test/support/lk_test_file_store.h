/* SPDX-License-Identifier: MIT
 *
 * lk_test_file_store: a store in a database file, which may be closed and opened again.
 */
#ifndef LK_TEST_FILE_STORE_H
#define LK_TEST_FILE_STORE_H

#include "lk_test_store.h"

typedef struct test_file_store {
    test_store t;
    char dir[64];
    char path[96];
    lk_store_options options;
} test_file_store;

/* cmocka set-up and tear-down: open, at START_MS. */
int test_file_store_setup(void **state);
int test_file_store_teardown(void **state);
/* Closes it, if it is open, and opens it with f->options. */
void test_file_store_reopen(test_file_store *f);

#endif
