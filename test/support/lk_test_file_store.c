/* SPDX-License-Identifier: MIT
 *
 * lk_test_file_store: see the header.
 */
#include "lk_test_file_store.h"

void test_file_store_reopen(test_file_store *f)
{
    lk_err err = {0};
    lk_store_close(f->t.store);
    assert_lk_ok(lk_store_open(&f->options, &f->t.store, &err));
}

int test_file_store_setup(void **state)
{
    test_file_store *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    test_store_directory(f->dir);
    snprintf(f->path, sizeof(f->path), "%s/queues.sqlite3", f->dir);
    f->options.path = f->path;
    f->t.now_ms = START_MS;
    test_file_store_reopen(f);
    *state = f;
    return 0;
}

int test_file_store_teardown(void **state)
{
    test_file_store *f = *state;
    lk_store_received_clear(&f->t.got);
    lk_store_close(f->t.store);
    test_store_remove(f->dir, f->path);
    free(f);
    return 0;
}
