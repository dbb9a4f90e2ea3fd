/* SPDX-License-Identifier: MIT
 *
 * archive: a jobs function in C beside a Rails application. `ArchiveJob.perform_later("orders.csv",
 * level: 9)` in Rails compresses a file of the directory ARCHIVE_DIR here; when that is done,
 * Rails' ArchivedJob is told.
 *
 * As a job should be, it may run twice: the compressed file appears whole and at once, by a rename.
 */
#include <lambdakiq.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK_BYTES = 64 * 1024, PATH_BYTES = 1024 };

/* --- Arguments ------------------------------------------------------------------------------ */

typedef struct order {
    const char *name; /* of a file in the directory; owned by the job */
    int64_t level;    /* 1..9 */
    char from[PATH_BYTES];
    char to[PATH_BYTES];   /* from with .gz */
    char part[PATH_BYTES]; /* what it is written to first */
} order;

/* A name is a name, not a way out of the directory. */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

static int read_order(lk_job *job, const char *directory, order *o, lk_err *err)
{
    o->level = 6;
    int rc = lk_value_cstring(lk_job_argument(job, 0), &o->name, err);
    const lk_value *level = lk_job_keyword(job, "level");
    if (!rc && lk_value_typeof(level) != LK_VALUE_MISSING)
        rc = lk_value_int(level, &o->level, err);
    if (rc)
        return rc;
    if (!is_plain_name(o->name) || o->level < 1 || o->level > 9)
        return lk_fail(err, "BadOrder", "a file's name and a level from 1 to 9 are needed");
    int len =
        snprintf(o->part, sizeof(o->part), "%s/%s.gz.%ld", directory, o->name, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(o->part))
        return lk_fail(err, "BadOrder", "the path is too long");
    snprintf(o->from, sizeof(o->from), "%s/%s", directory, o->name);
    snprintf(o->to, sizeof(o->to), "%s/%s.gz", directory, o->name);
    return 0;
}

/* --- Compressing ---------------------------------------------------------------------------- */

/* Stops early when the process is to end: better to begin again than to be killed amid it. */
static int copy(lk_job *job, FILE *from, gzFile to, int64_t *bytes, lk_err *err)
{
    char chunk[CHUNK_BYTES];
    size_t got;
    *bytes = 0;
    while ((got = fread(chunk, 1, sizeof(chunk), from)) > 0) {
        if (gzwrite(to, chunk, (unsigned)got) != (int)got)
            return lk_fail(err, "DiskFull", "cannot write: %s", strerror(errno));
        *bytes += (int64_t)got;
        if (lk_job_stopping(job)) {
            lk_job_retry_in(job, 0);
            return lk_fail(err, "Interrupted", "the process is about to end");
        }
    }
    return ferror(from) ? lk_fail(err, "ReadError", "cannot read: %s", strerror(errno)) : 0;
}

static int64_t size_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    int64_t size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (file)
        fclose(file);
    return size;
}

static int compress_to(lk_job *job, const order *o, FILE *from, int64_t *bytes, lk_err *err)
{
    char mode[] = {'w', 'b', (char)('0' + o->level), '\0'};
    gzFile to = gzopen(o->part, mode);
    if (!to)
        return lk_fail(err, "DiskFull", "cannot open %s: %s", o->part, strerror(errno));
    int rc = copy(job, from, to, bytes, err);
    if (gzclose(to) != Z_OK && !rc)
        rc = lk_fail(err, "DiskFull", "cannot close %s: %s", o->part, strerror(errno));
    if (!rc && rename(o->part, o->to) != 0)
        rc = lk_fail(err, "DiskFull", "cannot rename to %s: %s", o->to, strerror(errno));
    if (rc)
        unlink(o->part);
    return rc;
}

/* --- The job -------------------------------------------------------------------------------- */

static int tell_rails(lk_job *job, int64_t before, int64_t after, lk_err *err)
{
    const char *queue = getenv("JOBS_QUEUE_NAME");
    char arguments[2 * PATH_BYTES];
    lk_slice name;
    int rc = lk_value_json(lk_job_argument(job, 0), &name, err); /* quoted and escaped already */
    if (rc || !queue)
        return rc;
    snprintf(arguments, sizeof(arguments), "[%.*s,%lld,%lld]", (int)name.len, name.ptr,
             (long long)before, (long long)after);
    return lk_worker_enqueue(lk_job_worker(job), queue, "ArchivedJob", arguments, NULL, NULL, err);
}

static int archive(lk_job *job, void *ctx, lk_err *err)
{
    order o;
    int64_t before = 0;
    int rc = read_order(job, ctx, &o, err);
    if (rc)
        return LK_PERFORM_DIE; /* it will not get better */
    FILE *from = fopen(o.from, "rb");
    if (!from && errno == ENOENT) {
        lk_fail(err, "Gone", "%s is not there any more", o.name);
        return LK_PERFORM_DISCARD;
    }
    if (!from)
        return lk_fail(err, "ReadError", "cannot open %s: %s", o.from, strerror(errno));
    rc = compress_to(job, &o, from, &before, err);
    fclose(from);
    if (rc)
        return rc;
    int64_t after = size_of(o.to);
    lk_job_log(job, LK_LOG_INFO, "%lld bytes became %lld", (long long)before, (long long)after);
    return tell_rails(job, before, after, err);
}

/* --- The function --------------------------------------------------------------------------- */

int main(void)
{
    lk_err err;
    char *directory = getenv("ARCHIVE_DIR");
    lk_worker *worker = lk_worker_new(NULL, NULL);
    lk_worker_register(worker, "ArchiveJob", archive, directory, NULL, NULL);
    if (!directory) {
        lk_fail(&err, "NoDirectory", "ARCHIVE_DIR is not set: the directory with the files");
        lk_worker_refuse(worker, &err);
    }
    return lk_worker_run(worker);
}
