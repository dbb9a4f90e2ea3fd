/* SPDX-License-Identifier: MIT
 *
 * file: a whole small file into memory: profiles, tokens, certificates.
 */
#ifndef LK_FILE_H
#define LK_FILE_H

#include "base.h"

/* Appends a file's bytes. Returns 0, or an errno that the caller puts into words: EFBIG when it
 * holds more than max_bytes, ENOMEM; *out may hold a part of it then. Where the size is known there
 * is room beforehand, so that no copy of a secret stays behind in freed memory. */
int lk_file_read(const char *path, size_t max_bytes, lk_buf *out);

#endif
