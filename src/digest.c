/* SPDX-License-Identifier: MIT
 *
 * digest: the digests AWS asks for, on libcrypto's EVP interface.
 *
 * libcrypto 3 looks an algorithm up by its name at each use, which costs more than digesting a
 * short text: that is done once in a process. Nothing else is kept between calls. What libcrypto
 * reports on failure is taken off its error queue again, since that queue is the thread's and
 * Ruby's openssl reads it too.
 */
#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MD5_BYTES = 16, SHA256_BLOCK_BYTES = 64 };

/* --- Algorithms ----------------------------------------------------------------------------- */

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_found; /* set once; NULL: refused (FIPS and MD5), or out of memory then */
static EVP_MD *md5_found;

static void find_algorithms(void)
{
    ERR_set_mark();
    sha256_found = EVP_MD_fetch(NULL, "SHA256", NULL);
    md5_found = EVP_MD_fetch(NULL, "MD5", NULL);
    ERR_pop_to_mark();
}

static const EVP_MD *sha256(void)
{
    pthread_once(&algorithms_once, find_algorithms);
    return sha256_found ? sha256_found : EVP_sha256();
}

static const EVP_MD *md5(void)
{
    pthread_once(&algorithms_once, find_algorithms);
    return md5_found ? md5_found : EVP_md5();
}
#else
static const EVP_MD *sha256(void)
{
    return EVP_sha256();
}

static const EVP_MD *md5(void)
{
    return EVP_md5();
}
#endif

/* --- Digests -------------------------------------------------------------------------------- */

/* An empty slice may have no bytes to point at. */
static bool update(EVP_MD_CTX *ctx, lk_slice data)
{
    return data.len == 0 || EVP_DigestUpdate(ctx, data.ptr, data.len) == 1;
}

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
    return digest(sha256(), data, out);
}

bool lk_sha256_hex(lk_slice data, char out[LK_SHA256_HEX_SIZE])
{
    unsigned char bytes[LK_SHA256_BYTES];
    bool ok = lk_sha256(data, bytes);
    lk_hex(bytes, sizeof(bytes), out);
    return ok;
}

/* One half of an HMAC: the digest of the key, masked, and the data behind it. */
static bool keyed_digest(EVP_MD_CTX *ctx, const unsigned char key[SHA256_BLOCK_BYTES],
                         unsigned char mask, lk_slice data, unsigned char out[LK_SHA256_BYTES])
{
    unsigned char block[SHA256_BLOCK_BYTES];
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = key[i] ^ mask;
    bool ok = EVP_DigestInit_ex(ctx, sha256(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, block, sizeof(block)) == 1 && update(ctx, data) &&
              EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    lk_zero(block, sizeof(block));
    return ok;
}

/* RFC 2104 on our own: libcrypto 3's HMAC costs nearly twice what its two digests do. */
bool lk_hmac_sha256(lk_slice key, lk_slice data, unsigned char out[LK_SHA256_BYTES])
{
    unsigned char padded[SHA256_BLOCK_BYTES] = {0};
    unsigned char inner[LK_SHA256_BYTES];
    bool ok = key.len <= INT_MAX; /* libcrypto's own limit: more is no key, but a mistake */
    if (ok && key.len > sizeof(padded))
        ok = lk_sha256(key, padded);
    else if (ok && key.len > 0)
        memcpy(padded, key.ptr, key.len);
    ERR_set_mark();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ok = ok && ctx && keyed_digest(ctx, padded, 0x36, data, inner) &&
         keyed_digest(ctx, padded, 0x5c, (lk_slice){(const char *)inner, sizeof(inner)}, out);
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
    lk_zero(padded, sizeof(padded));
    lk_zero(inner, sizeof(inner));
    if (!ok)
        memset(out, 0, LK_SHA256_BYTES);
    return ok;
}

bool lk_md5_hex(lk_slice data, char out[LK_MD5_HEX_SIZE])
{
    unsigned char bytes[MD5_BYTES] = {0};
    bool ok = digest(md5(), data, bytes);
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
static bool add_field(EVP_MD_CTX *ctx, lk_slice field)
{
    if (field.len > UINT32_MAX)
        return false;
    unsigned char length[4] = {
        (unsigned char)(field.len >> 24),
        (unsigned char)(field.len >> 16),
        (unsigned char)(field.len >> 8),
        (unsigned char)field.len,
    };
    return EVP_DigestUpdate(ctx, length, sizeof(length)) == 1 && update(ctx, field);
}

/*  | length | name | length | data type | 1 or 2 | length | value |
 *  1: String and Number, 2: Binary; told by the type before its custom suffix. */
static bool add_attribute(EVP_MD_CTX *ctx, const lk_md5_attribute *attribute)
{
    lk_slice base;
    lk_slice_cut(attribute->data_type, '.', &base);
    unsigned char transport = lk_slice_equal_str(base, "Binary") ? 2 : 1;
    return add_field(ctx, attribute->name) && add_field(ctx, attribute->data_type) &&
           EVP_DigestUpdate(ctx, &transport, 1) == 1 && add_field(ctx, attribute->value);
}

bool lk_md5_attributes_hex(const lk_md5_attribute *attributes, size_t count,
                           char out[LK_MD5_HEX_SIZE])
{
    bool ok = false;
    unsigned char bytes[MD5_BYTES] = {0};
    ERR_set_mark();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    lk_md5_attribute *sorted = calloc(LK_MAX(count, (size_t)1), sizeof(*sorted));
    if (!ctx || !sorted || EVP_DigestInit_ex(ctx, md5(), NULL) != 1)
        goto out;
    for (size_t i = 0; i < count; i++)
        sorted[i] = attributes[i];
    qsort(sorted, count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < count; i++) {
        if (!add_attribute(ctx, &sorted[i]))
            goto out;
    }
    ok = EVP_DigestFinal_ex(ctx, bytes, NULL) == 1;
out:
    free(sorted);
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
    lk_hex(bytes, sizeof(bytes), out);
    return ok;
}
