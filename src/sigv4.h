/* SPDX-License-Identifier: MIT
 *
 * sigv4: AWS Signature Version 4, for signing requests (client) and checking them (local server).
 *
 * Pure functions over bytes plus a cache of the day's signing key. Checked against AWS's published
 * vectors. No I/O, no clock.
 */
#ifndef LK_SIGV4_H
#define LK_SIGV4_H

#include "digest.h"

#define LK_SIGV4_HEX_SIZE LK_SHA256_HEX_SIZE

/* The signing key of one (secret, date, region, service), kept until one of them changes. */
typedef struct lk_sigv4_key {
    unsigned char key[LK_SHA256_BYTES];
    unsigned char secret_digest[LK_SHA256_BYTES];
    char scope[96]; /* "20250102/us-east-1/sqs/aws4_request" */
    bool valid;
} lk_sigv4_key;

void lk_sigv4_key_clear(lk_sigv4_key *key); /* zeroes */

typedef struct lk_sigv4_request {
    lk_slice method;
    lk_slice path;                /* as on the request line, already encoded; "" = "/" */
    lk_slice query;               /* raw query without '?' */
    const lk_name_value *headers; /* exactly those to sign; any case and order */
    size_t header_count;          /* <= 64 */
    lk_slice payload_hash;        /* hex SHA-256 of the body */
    lk_slice amz_date;            /* "20250102T030405Z" */
    lk_slice region;
    lk_slice service;        /* "sqs" */
    bool single_encode_path; /* true: services like S3; false: each segment encoded once more */
} lk_sigv4_request;

/* Appends the canonical request (for tests and error messages). */
void lk_sigv4_canonical_request(const lk_sigv4_request *request, lk_buf *out);
/* signature: 64 hex digits and NUL. */
int lk_sigv4_sign(const lk_sigv4_request *request, lk_slice secret_access_key, lk_sigv4_key *cache,
                  char signature[LK_SIGV4_HEX_SIZE], lk_err *err);
/* Appends the Authorization header's value. */
int lk_sigv4_authorization(const lk_sigv4_request *request, lk_slice access_key_id,
                           lk_slice secret_access_key, lk_sigv4_key *cache, lk_buf *out,
                           lk_err *err);

#endif
