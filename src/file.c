/* SPDX-License-Identifier: MIT
 *
 * file: see the header.
 */
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static int read_all(FILE *file, size_t max_bytes, lk_buf *out)
{
    char chunk[4096];
    size_t got;
    size_t left = max_bytes;
    int reason = 0;
    while (!reason && (got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        if (got > left)
            reason = EFBIG;
        else
            lk_buf_add(out, (lk_slice){chunk, got});
        left -= LK_MIN(got, left);
    }
    if (!reason && ferror(file))
        reason = errno ? errno : EIO;
    lk_zero(chunk, sizeof(chunk));
    if (out->failed)
        reason = ENOMEM;
    return reason;
}

int lk_file_read(const char *path, size_t max_bytes, lk_buf *out)
{
    struct stat info;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno;
    if (fstat(fileno(file), &info) == 0 && info.st_size > 0 && (size_t)info.st_size <= max_bytes)
        lk_buf_reserve(out, (size_t)info.st_size);
    int reason = read_all(file, max_bytes, out);
    (void)fclose(file); /* only read */
    return reason;
}
