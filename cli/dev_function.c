/* SPDX-License-Identifier: MIT
 *
 * dev_function: see the header.
 */
#include "dev_function.h"

int lk_dev_function_read(lk_dev_function *f, const char *spec, lk_err *err)
{
    lk_slice queue;
    lk_slice command = lk_slice_cut(lk_slice_of(spec), '=', &queue);
    lk_buf_add(&f->text, queue);
    int rc = lk_buf_check(&f->text, err);
    if (!rc)
        rc = lk_words_split(command, &f->words, err);
    if (!rc && (queue.len == 0 || f->words.count == 0))
        rc = LK_FAIL(err, LK_E_INVALID,
                     "--function %s: a queue, '=' and the command that works on it are needed, as "
                     "in --function c-jobs=./bootstrap",
                     spec);
    if (rc)
        return rc;
    f->queue = f->text.ptr;
    f->name = f->text.ptr;
    f->argv = (const char *const *)f->words.items;
    return 0;
}

int lk_dev_function_start(lk_dev_function *f, const lk_dev_settings *settings, lk_err *err)
{
    lk_function_options options = {.name = f->name,
                                   .argv = f->argv,
                                   .env = settings->env,
                                   .workers = f->workers,
                                   .timeout_ms = settings->timeout_ms,
                                   .memory_mb = settings->memory_mb,
                                   .region = settings->region,
                                   .account = settings->account,
                                   .log_fd = settings->log_fd};
    return lk_function_start(&options, &f->function, err);
}

void lk_dev_function_clear(lk_dev_function *f)
{
    lk_function_free(f->function);
    lk_words_clear(&f->words);
    lk_buf_clear(&f->text);
    *f = (lk_dev_function){0};
}
