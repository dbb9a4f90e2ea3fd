/* SPDX-License-Identifier: MIT
 *
 * credentials_keys: an AWS key pair, and reading one from texts, from the environment, from a
 * profile's keys and from the JSON that credential sources answer with.
 */
#ifndef LK_CREDENTIALS_KEYS_H
#define LK_CREDENTIALS_KEYS_H

#include "profile.h"

typedef struct lk_credentials {
    char *access_key_id;
    char *secret_access_key;
    char *session_token;   /* NULL: none */
    int64_t expires_at_ms; /* wall; 0: never */
    const char *source;    /* "environment", "profile", …: static text */
} lk_credentials;

/* Copies the three texts (session_token may be empty) over what *credentials held. */
int lk_credentials_fill(lk_credentials *credentials, lk_slice access_key_id,
                        lk_slice secret_access_key, lk_slice session_token, lk_err *err);
void lk_credentials_clear(lk_credentials *credentials); /* zeroes, frees; accepts NULL */

/* A key pair where it stands: borrowed. */
typedef struct lk_key_texts {
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* NULL: none */
} lk_key_texts;

/* AWS_ACCESS_KEY_ID …: 1 found, 0 not set, LK_E_CREDENTIALS for half a pair. */
int lk_credentials_environment(lk_key_texts *keys, lk_err *err);
/* aws_access_key_id … of the profile, likewise. */
int lk_credentials_profile_keys(const lk_profile *profile, lk_key_texts *keys, lk_err *err);

/* {"AccessKeyId":…,"SecretAccessKey":…,TOKEN_KEY:…,"Expiration":"2025-01-02T03:04:05Z"}. from:
 * whose answer, for messages, which never quote it. */
int lk_credentials_read_json(lk_slice body, const char *from, const char *token_key,
                             lk_credentials *credentials, lk_err *err);
/* Appends a file's text without white space around it. what: the setting that names it. */
int lk_credentials_read_token(const char *path, const char *what, lk_buf *token, lk_err *err);

#endif
