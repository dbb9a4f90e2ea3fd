/* SPDX-License-Identifier: MIT
 *
 * store_handle: opaque receipt handles that lead straight to their row.
 *
 *     queue id (8) | message id (8) | receive number (4) | check (10)    base64: 40 characters
 *
 * Big-endian. The check is the start of an HMAC-SHA-256 under a key that the database file keeps:
 * a handle of another file, or a damaged one, is told apart from a message that is gone. No index
 * over random ids is needed, so the cost does not grow with the backlog.
 */
#include "store_internal.h"

#include <string.h>

enum { NUMBER_BYTES = 8, RECEIVE_BYTES = 4, CHECK_BYTES = 10 };
enum { PLAIN_BYTES = 2 * NUMBER_BYTES + RECEIVE_BYTES, HANDLE_BYTES = PLAIN_BYTES + CHECK_BYTES };
enum { HANDLE_CHARACTERS = HANDLE_BYTES / 3 * 4 };

static void put_number(unsigned char *out, int64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        out[i] = (unsigned char)(number & 0xff);
        number >>= 8;
    }
}

static int64_t get_number(const unsigned char *in, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | in[i];
    return (int64_t)number;
}

static bool make_check(const lk_store *store, const unsigned char *plain,
                       unsigned char out[LK_SHA256_BYTES])
{
    lk_slice key = {(const char *)store->handle_key, sizeof(store->handle_key)};
    return lk_hmac_sha256(key, (lk_slice){(const char *)plain, PLAIN_BYTES}, out);
}

int lk_handle_format(lk_store *store, const lk_handle *handle, char out[LK_STORE_HANDLE_SIZE],
                     lk_err *err)
{
    unsigned char bytes[HANDLE_BYTES];
    unsigned char check[LK_SHA256_BYTES];
    put_number(bytes, handle->queue_id, NUMBER_BYTES);
    put_number(bytes + NUMBER_BYTES, handle->message, NUMBER_BYTES);
    put_number(bytes + PLAIN_BYTES - RECEIVE_BYTES, handle->receive, RECEIVE_BYTES);
    if (!make_check(store, bytes, check))
        return lk_store_nomem(store, err);
    memcpy(bytes + PLAIN_BYTES, check, CHECK_BYTES);
    lk_buf text = {0};
    lk_base64_encode(&text, bytes, sizeof(bytes));
    bool formatted = !text.failed && lk_slice_copy(lk_buf_slice(&text), out, LK_STORE_HANDLE_SIZE);
    lk_buf_clear(&text);
    return formatted ? 0 : lk_store_nomem(store, err);
}

static bool decode(lk_slice text, unsigned char bytes[HANDLE_BYTES])
{
    if (text.len != HANDLE_CHARACTERS)
        return false;
    lk_buf decoded = {0};
    bool whole = lk_base64_decode(text, &decoded) && decoded.len == HANDLE_BYTES;
    if (whole)
        memcpy(bytes, decoded.ptr, HANDLE_BYTES);
    lk_buf_clear(&decoded);
    return whole;
}

int lk_handle_parse(lk_store *store, int64_t queue_id, lk_slice text, lk_handle *handle,
                    lk_err *err)
{
    unsigned char bytes[HANDLE_BYTES];
    unsigned char check[LK_SHA256_BYTES];
    if (!decode(text, bytes))
        return LK_STORE_HANDLE_INVALID;
    if (!make_check(store, bytes, check))
        return lk_store_nomem(store, err);
    handle->queue_id = get_number(bytes, NUMBER_BYTES);
    handle->message = get_number(bytes + NUMBER_BYTES, NUMBER_BYTES);
    handle->receive = get_number(bytes + PLAIN_BYTES - RECEIVE_BYTES, RECEIVE_BYTES);
    bool ours = memcmp(check, bytes + PLAIN_BYTES, CHECK_BYTES) == 0;
    return ours && handle->queue_id == queue_id ? 0 : LK_STORE_HANDLE_INVALID;
}
