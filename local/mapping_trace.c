/* SPDX-License-Identifier: MIT
 *
 * mapping_trace: reading and writing trace headers. What a header holds came with a message, so
 * from anybody: only short values of harmless characters are passed on.
 */
#include "mapping_trace.h"

#include "digest.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 128, LINEAGE_MAX = 512 };

static bool harmless(lk_slice value, size_t max)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c <= ' ' || c > '~')
            return false;
    }
    return value.len > 0 && value.len <= max;
}

/* The value of "Name=value" among fields separated by ';'; {NULL,0} when absent or not harmless. */
static lk_slice field(lk_slice header, const char *name, size_t max)
{
    lk_slice absent = {0};
    while (header.len > 0) {
        lk_slice part;
        lk_slice key;
        header = lk_slice_cut(header, ';', &part);
        lk_slice value = lk_slice_cut(lk_slice_trim(part), '=', &key);
        if (lk_slice_equal_str(key, name))
            return harmless(value, max) ? value : absent;
    }
    return absent;
}

/* --- Lineage -------------------------------------------------------------------------------- */

bool lk_lineage_key(const char *function_arn, char key[LK_LINEAGE_KEY_SIZE])
{
    char hex[LK_SHA256_HEX_SIZE];
    bool hashed = lk_sha256_hex(lk_slice_of(function_arn), hex);
    snprintf(key, LK_LINEAGE_KEY_SIZE, "%.8s", hex);
    return hashed;
}

/* The count of "key:count" or "version:key:count"; -1 when it is another function's. */
static int64_t count_of(lk_slice entry, const char *key)
{
    int64_t count = 0;
    lk_slice first;
    lk_slice second;
    lk_slice rest = lk_slice_cut(entry, ':', &first);
    lk_slice third = lk_slice_cut(rest, ':', &second);
    bool versioned = third.len > 0;
    if (!lk_slice_equal_str(versioned ? second : first, key))
        return -1;
    if (!lk_slice_to_int64(versioned ? third : second, &count))
        return 0;
    return LK_MIN(LK_MAX(count, 0), INT32_MAX);
}

int64_t lk_lineage_count(lk_slice header, const char *key)
{
    int64_t most = 0;
    lk_slice lineage = field(header, "Lineage", LINEAGE_MAX);
    while (lineage.len > 0) {
        lk_slice entry;
        lineage = lk_slice_cut(lineage, '|', &entry);
        most = LK_MAX(most, count_of(entry, key));
    }
    return most;
}

static void add_lineage(lk_buf *out, lk_slice header, const char *key)
{
    lk_slice lineage = field(header, "Lineage", LINEAGE_MAX);
    lk_buf_addf(out, ";Lineage=%s:%lld", key, (long long)lk_lineage_count(header, key) + 1);
    while (lineage.len > 0) {
        lk_slice entry;
        lineage = lk_slice_cut(lineage, '|', &entry);
        if (entry.len > 0 && count_of(entry, key) < 0) {
            lk_buf_add_char(out, '|');
            lk_buf_add(out, entry);
        }
    }
}

/* --- Header --------------------------------------------------------------------------------- */

static void add_random_hex(lk_buf *out, size_t bytes)
{
    unsigned char random[16] = {0};
    char hex[2 * sizeof(random) + 1];
    /* Ids only tell traces apart; without random bytes they do not, and that is all. */
    if (!lk_random_bytes(random, bytes))
        memset(random, 0, sizeof(random));
    lk_hex(random, bytes, hex);
    lk_buf_add_str(out, hex);
}

void lk_trace_of_invocation(lk_slice header, const char *key, lk_buf *out)
{
    lk_slice root = field(header, "Root", VALUE_MAX);
    lk_slice parent = field(header, "Parent", VALUE_MAX);
    lk_slice sampled = field(header, "Sampled", VALUE_MAX);
    lk_buf_add_str(out, "Root=");
    if (root.len > 0) {
        lk_buf_add(out, root);
    } else {
        lk_buf_addf(out, "1-%08llx-", (unsigned long long)(lk_wall_ms() / 1000) & 0xffffffffu);
        add_random_hex(out, 12);
    }
    lk_buf_add_str(out, ";Parent=");
    if (parent.len > 0)
        lk_buf_add(out, parent);
    else
        add_random_hex(out, 8);
    lk_buf_add_str(out, ";Sampled=");
    lk_buf_add(out, sampled.len > 0 ? sampled : LK_SLICE_LITERAL("0"));
    if (key)
        add_lineage(out, header, key);
}
