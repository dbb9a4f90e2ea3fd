/* SPDX-License-Identifier: MIT
 *
 * auth: is a request signed (AWS Signature Version 4) with the one key pair that is accepted?
 *
 * In a header or, presigned, in the query. It knows no HTTP server and no clock: what arrived and
 * what time it is are given. The time is real time, whatever the movable clock says.
 */
#ifndef LK_LOCAL_AUTH_H
#define LK_LOCAL_AUTH_H

#include "fault.h"

#include "sigv4.h"

/* The accepted key pair. Zeroed: none. One thread checks at a time. */
typedef struct lk_auth {
    lk_buf access_key_id;
    lk_buf secret_access_key;
    lk_sigv4_key key; /* of the last scope that was asked for */
} lk_auth;

/* Copies the pair. LK_E_INVALID: one is missing or cannot be a key; LK_E_NOMEM. */
int lk_auth_set(lk_auth *auth, const char *access_key_id, const char *secret_access_key,
                lk_err *err);
void lk_auth_clear(lk_auth *auth); /* zeroes the secret */
bool lk_auth_wanted(const lk_auth *auth);

/* A request as it arrived; all borrowed. */
typedef struct lk_auth_request {
    lk_slice method;
    lk_slice path;  /* not decoded */
    lk_slice query; /* not decoded, without '?' */
    const lk_name_value *headers;
    size_t header_count;
    lk_slice body;
} lk_auth_request;

/* 0: signed by the pair, at most five minutes ago or ahead of now_ms (a presigned request: not
 * longer ago than it says). 1: *fault says what is wrong; its text is in the arena. LK_E_NOMEM. */
int lk_auth_check(lk_auth *auth, const lk_auth_request *request, int64_t now_ms, lk_arena *arena,
                  lk_fault *fault);

#endif
