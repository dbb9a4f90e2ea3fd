/* SPDX-License-Identifier: MIT
 *
 * ours: the smallest function on lk_worker. Its job reads its arguments and does nothing. "each" as
 * an argument: it deletes the last message of an event, too, which the mapping would delete.
 */
#include <lambdakiq.h>

#include <string.h>

static int thumbnail(lk_job *job, void *ctx, lk_err *err)
{
    const char *path;
    int64_t width = 0;
    (void)ctx;
    int rc = lk_value_cstring(lk_job_argument(job, 0), &path, err);
    return rc ? rc : lk_value_int(lk_job_keyword(job, "width"), &width, err);
}

int main(int argc, char **argv)
{
    lk_worker_options options = LK_WORKER_OPTIONS_INIT;
    if (argc > 1 && strcmp(argv[1], "each") == 0)
        options.delete_mode = LK_DELETE_EACH;
    lk_worker *worker = lk_worker_new(&options, NULL);
    lk_worker_register(worker, "ThumbnailJob", thumbnail, NULL, NULL, NULL);
    return lk_worker_run(worker);
}
