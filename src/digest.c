/* SPDX-License-Identifier: MIT
 *
 * digest: the digests AWS asks for, on libcrypto's EVP interface.
 *
 * One-shot calls: looking the algorithm up each time costs 0.2 us and keeps no state between
 * threads. What libcrypto reports on failure is taken off its error queue again, since that queue
 * is the thread's and Ruby's openssl reads it too.
 */
#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define LK_MD5_BYTES 16

static bool digest(const EVP_MD *algorithm, lk_slice data, unsigned char *out)
{
    ERR_set_mark();
    const char *bytes = data.ptr ? data.ptr : "";
    bool ok = EVP_Digest(bytes, data.len, out, NULL, algorithm, NULL) == 1;
    ERR_pop_to_mark();
    return ok;
}

bool lk_sha256(lk_slice data, unsigned char out[LK_SHA256_BYTES])
{
    memset(out, 0, LK_SHA256_BYTES);
    return digest(EVP_sha256(), data, out);
}

bool lk_sha256_hex(lk_slice data, char out[LK_SHA256_HEX_SIZE])
{
    unsigned char bytes[LK_SHA256_BYTES];
    bool ok = lk_sha256(data, bytes);
    lk_hex(bytes, sizeof(bytes), out);
    return ok;
}

bool lk_hmac_sha256(lk_slice key, lk_slice data, unsigned char out[LK_SHA256_BYTES])
{
    memset(out, 0, LK_SHA256_BYTES);
    if (key.len > INT_MAX)
        return false;
    const char *key_bytes = key.ptr ? key.ptr : ""; /* HMAC takes NULL for "the key as before" */
    const char *bytes = data.ptr ? data.ptr : "";
    ERR_set_mark();
    bool ok = HMAC(EVP_sha256(), key_bytes, (int)key.len, (const unsigned char *)bytes, data.len,
                   out, NULL) != NULL;
    ERR_pop_to_mark();
    return ok;
}

bool lk_md5_hex(lk_slice data, char out[LK_MD5_HEX_SIZE])
{
    unsigned char bytes[LK_MD5_BYTES] = {0};
    bool ok = digest(EVP_md5(), data, bytes);
    lk_hex(bytes, sizeof(bytes), out);
    return ok;
}

bool lk_equal_constant_time(lk_slice a, lk_slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* --- Message attributes --------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    lk_slice x = ((const lk_md5_attribute *)a)->name;
    lk_slice y = ((const lk_md5_attribute *)b)->name;
    size_t shared = LK_MIN(x.len, y.len);
    int order = shared > 0 ? memcmp(x.ptr, y.ptr, shared) : 0;
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* Four bytes of length, most significant first, then the bytes. */
static bool add_field(EVP_MD_CTX *md5, lk_slice field)
{
    if (field.len > UINT32_MAX)
        return false;
    unsigned char length[4] = {
        (unsigned char)(field.len >> 24),
        (unsigned char)(field.len >> 16),
        (unsigned char)(field.len >> 8),
        (unsigned char)field.len,
    };
    return EVP_DigestUpdate(md5, length, sizeof(length)) == 1 &&
           EVP_DigestUpdate(md5, field.ptr ? field.ptr : "", field.len) == 1;
}

/*  | length | name | length | data type | 1 or 2 | length | value |
 *  1: String and Number, 2: Binary; told by the type before its custom suffix. */
static bool add_attribute(EVP_MD_CTX *md5, const lk_md5_attribute *attribute)
{
    lk_slice base;
    lk_slice_cut(attribute->data_type, '.', &base);
    unsigned char transport = lk_slice_equal_str(base, "Binary") ? 2 : 1;
    return add_field(md5, attribute->name) && add_field(md5, attribute->data_type) &&
           EVP_DigestUpdate(md5, &transport, 1) == 1 && add_field(md5, attribute->value);
}

bool lk_md5_attributes_hex(const lk_md5_attribute *attributes, size_t count,
                           char out[LK_MD5_HEX_SIZE])
{
    bool ok = false;
    unsigned char bytes[LK_MD5_BYTES] = {0};
    ERR_set_mark();
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    lk_md5_attribute *sorted = calloc(LK_MAX(count, (size_t)1), sizeof(*sorted));
    if (!md5 || !sorted || EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1)
        goto out;
    for (size_t i = 0; i < count; i++)
        sorted[i] = attributes[i];
    qsort(sorted, count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < count; i++) {
        if (!add_attribute(md5, &sorted[i]))
            goto out;
    }
    ok = EVP_DigestFinal_ex(md5, bytes, NULL) == 1;
out:
    free(sorted);
    EVP_MD_CTX_free(md5);
    ERR_pop_to_mark();
    lk_hex(bytes, sizeof(bytes), out);
    return ok;
}
