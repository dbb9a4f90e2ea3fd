/* SPDX-License-Identifier: MIT
 *
 * digest: MD5, SHA-256 and HMAC-SHA-256 on libcrypto; the only file that includes OpenSSL.
 *
 * MD5 is what SQS uses to check transport (never security); a FIPS libcrypto refuses it, then
 * lk_md5_hex and lk_md5_attributes_hex return false and the caller skips that check.
 */
#ifndef LK_DIGEST_H
#define LK_DIGEST_H

#include "base.h"

#define LK_SHA256_BYTES    32
#define LK_MD5_HEX_SIZE    33 /* with NUL */
#define LK_SHA256_HEX_SIZE 65 /* with NUL */

/* False: out of memory (libcrypto allocates); out is all zero then. Never go on with it: two texts
 * would have one digest. */
bool lk_sha256(lk_slice data, unsigned char out[LK_SHA256_BYTES]) LK_CHECK;
bool lk_sha256_hex(lk_slice data, char out[LK_SHA256_HEX_SIZE]) LK_CHECK;
bool lk_hmac_sha256(lk_slice key, lk_slice data, unsigned char out[LK_SHA256_BYTES]) LK_CHECK;
bool lk_md5_hex(lk_slice data, char out[LK_MD5_HEX_SIZE]); /* false: MD5 unavailable */
bool lk_equal_constant_time(lk_slice a, lk_slice b);

/* One message attribute as SQS digests it (AWS: "Calculating the MD5 message digest for message
 * attributes"). value holds the text of String / Number, the decoded bytes of Binary. */
typedef struct lk_md5_attribute {
    lk_slice name;
    lk_slice data_type; /* whole, with custom suffix: "Number.int" */
    lk_slice value;
} lk_md5_attribute;

/* MD5OfMessageAttributes over attributes in any order (sorts a copy by name bytes).
 * false: MD5 unavailable or out of memory. */
bool lk_md5_attributes_hex(const lk_md5_attribute *attributes, size_t count,
                           char out[LK_MD5_HEX_SIZE]);

#endif
