/* SPDX-License-Identifier: MIT
 *
 * store_payload: what a message carries: ids, body, attributes, group and deduplication id.
 *
 * Written once, at the send; read at each receive; never changed. User attributes are one blob:
 * for each, name, data type and value, each as a 32-bit big-endian length and its bytes.
 */
#include "store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sequence numbers have 20 digits on SQS; ours start where these begin. */
#define SEQUENCE_BASE UINT64_C(10000000000000000000)

enum { LENGTH_BYTES = 4, PARTS = 3 };

/* --- Texts of numbers ------------------------------------------------------------------------ */

void lk_uuid_format(const unsigned char uuid[LK_UUID_BYTES], char out[LK_STORE_UUID_SIZE])
{
    static const int group_ends[] = {4, 6, 8, 10, LK_UUID_BYTES};
    int from = 0;
    for (size_t i = 0; i < LK_COUNT(group_ends); i++) {
        size_t bytes = (size_t)(group_ends[i] - from);
        lk_hex(uuid + from, bytes, out);
        out += 2 * bytes;
        *out++ = i + 1 < LK_COUNT(group_ends) ? '-' : '\0';
        from = group_ends[i];
    }
}

void lk_sequence_format(int64_t seq, char out[LK_STORE_SEQUENCE_SIZE])
{
    out[0] = '\0';
    if (seq > 0)
        (void)snprintf(out, LK_STORE_SEQUENCE_SIZE, "%" PRIu64, SEQUENCE_BASE + (uint64_t)seq);
}

/* --- Attributes ------------------------------------------------------------------------------ */

static void add_part(lk_buf *out, lk_slice part)
{
    const char length[LENGTH_BYTES] = {(char)(part.len >> 24 & 0xff), (char)(part.len >> 16 & 0xff),
                                       (char)(part.len >> 8 & 0xff), (char)(part.len & 0xff)};
    lk_buf_add(out, (lk_slice){length, sizeof(length)});
    lk_buf_add(out, part);
}

static void encode_attributes(const lk_md5_attribute *attributes, size_t count, lk_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        add_part(out, attributes[i].name);
        add_part(out, attributes[i].data_type);
        add_part(out, attributes[i].value);
    }
}

static bool take_part(lk_slice *rest, lk_slice *part)
{
    if (rest->len < LENGTH_BYTES)
        return false;
    const unsigned char *bytes = (const unsigned char *)rest->ptr;
    size_t len = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (rest->len - LENGTH_BYTES < len)
        return false;
    *part = (lk_slice){rest->ptr + LENGTH_BYTES, len};
    *rest = (lk_slice){rest->ptr + LENGTH_BYTES + len, rest->len - LENGTH_BYTES - len};
    return true;
}

/* The number of parts, or -1 when the blob is damaged. */
static long count_parts(lk_slice blob)
{
    long count = 0;
    lk_slice part;
    while (blob.len > 0) {
        if (!take_part(&blob, &part))
            return -1;
        count++;
    }
    return count % PARTS ? -1 : count;
}

static void decode_attributes(lk_slice blob, lk_md5_attribute *attributes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        take_part(&blob, &attributes[i].name); /* counted before: cannot fail */
        take_part(&blob, &attributes[i].data_type);
        take_part(&blob, &attributes[i].value);
    }
}

/* --- Writing --------------------------------------------------------------------------------- */

int lk_payload_add(lk_store *store, int64_t id, const unsigned char uuid[LK_UUID_BYTES],
                   const lk_store_send *message, lk_slice dedup_id, lk_err *err)
{
    lk_buf attributes = {0};
    encode_attributes(message->attributes, message->attribute_count, &attributes);
    if (attributes.failed)
        return lk_store_nomem(store, err); /* nothing is held by a failed buffer */
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PAYLOAD_ADD, &sql, err);
    if (!rc) {
        lk_sql_int64(&sql, id);
        lk_sql_blob(&sql, (lk_slice){(const char *)uuid, LK_UUID_BYTES});
        lk_sql_blob(&sql, message->body);
        lk_sql_blob(&sql, lk_buf_slice(&attributes));
        lk_sql_text(&sql, message->trace_header);
        lk_sql_text(&sql, message->sender_id);
        lk_sql_text(&sql, message->group_id);
        lk_sql_text(&sql, dedup_id);
        rc = lk_sql_run(&sql, err);
    }
    lk_buf_clear(&attributes);
    return rc;
}

/* --- Reading --------------------------------------------------------------------------------- */

/* Columns of PAYLOAD_GET. */
enum { UUID, BODY, ATTRIBUTES, TRACE_HEADER, SENDER_ID, GROUP_ID, DEDUP_ID, COLUMN_COUNT };

static lk_slice copy_into(char **memory, lk_slice text)
{
    if (!text.ptr)
        return text;
    lk_slice copy = {*memory, text.len};
    memcpy(*memory, text.ptr, text.len);
    *memory += text.len;
    return copy;
}

/* One allocation holds the attribute array, then all bytes. */
static int copy_row(lk_store *store, const lk_sql *sql, const lk_message_row *row,
                    lk_store_message *message, lk_err *err)
{
    lk_slice texts[COLUMN_COUNT];
    size_t bytes = strlen(row->dead_source);
    for (int i = BODY; i < COLUMN_COUNT; i++) {
        texts[i] = lk_sql_column_text(sql, i);
        bytes += texts[i].len;
    }
    long parts = count_parts(texts[ATTRIBUTES]);
    if (parts < 0)
        return lk_sql_fail(store, SQLITE_CORRUPT, err);
    size_t count = (size_t)parts / PARTS;
    message->memory = malloc(count * sizeof(lk_md5_attribute) + bytes + 1);
    if (!message->memory)
        return lk_store_nomem(store, err);
    lk_md5_attribute *attributes = message->memory;
    char *memory = (char *)(attributes + count);
    message->body = copy_into(&memory, texts[BODY]);
    decode_attributes(copy_into(&memory, texts[ATTRIBUTES]), attributes, count);
    message->attributes = count ? attributes : NULL;
    message->attribute_count = count;
    message->trace_header = copy_into(&memory, texts[TRACE_HEADER]);
    message->sender_id = copy_into(&memory, texts[SENDER_ID]);
    message->group_id = copy_into(&memory, texts[GROUP_ID]);
    message->dedup_id = copy_into(&memory, texts[DEDUP_ID]);
    if (row->dead_source[0])
        message->dead_letter_source = copy_into(&memory, lk_slice_of(row->dead_source));
    return 0;
}

int lk_payload_read(lk_store *store, const lk_message_row *row, lk_store_message *message,
                    lk_err *err)
{
    lk_sql sql;
    int rc = lk_sql_prepare(store, LK_SQL_PAYLOAD_GET, &sql, err);
    if (rc)
        return rc;
    lk_sql_int64(&sql, row->id);
    rc = lk_sql_step(&sql, err);
    if (rc < 0)
        return rc;
    lk_slice uuid = rc > 0 ? lk_sql_column_text(&sql, UUID) : (lk_slice){NULL, 0};
    if (uuid.len != LK_UUID_BYTES) {
        lk_sql_reset(&sql);
        return lk_sql_fail(store, SQLITE_CORRUPT, err);
    }
    lk_uuid_format((const unsigned char *)uuid.ptr, message->message_id);
    rc = copy_row(store, &sql, row, message, err);
    lk_sql_reset(&sql);
    /* AWS: a FIFO dead letter's deduplication id is its own message id. */
    if (!rc && row->group && row->dead_source[0])
        message->dedup_id = (lk_slice){message->message_id, LK_STORE_UUID_SIZE - 1};
    return rc;
}
