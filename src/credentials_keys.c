/* SPDX-License-Identifier: MIT
 *
 * credentials_keys: see the header. Whatever held a secret is zeroed.
 */
#include "credentials_keys.h"

#include "file.h"
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKEN_BYTES 20000 /* STS takes no longer web identity token */

static void free_secret(char *text)
{
    if (text)
        lk_zero(text, strlen(text));
    free(text);
}

void lk_credentials_clear(lk_credentials *credentials)
{
    if (!credentials)
        return;
    free(credentials->access_key_id);
    free_secret(credentials->secret_access_key);
    free_secret(credentials->session_token);
    memset(credentials, 0, sizeof(*credentials));
}

int lk_credentials_fill(lk_credentials *credentials, lk_slice access_key_id,
                        lk_slice secret_access_key, lk_slice session_token, lk_err *err)
{
    lk_credentials made = {.access_key_id = lk_slice_dup(access_key_id),
                           .secret_access_key = lk_slice_dup(secret_access_key),
                           .session_token =
                               session_token.len > 0 ? lk_slice_dup(session_token) : NULL};
    if (!made.access_key_id || !made.secret_access_key ||
        (session_token.len > 0 && !made.session_token)) {
        lk_credentials_clear(&made);
        return LK_FAIL_NOMEM(err);
    }
    lk_credentials_clear(credentials);
    *credentials = made;
    return LK_OK;
}

/* --- Pairs that stand somewhere ------------------------------------------------------------- */

int lk_credentials_environment(lk_key_texts *keys, lk_err *err)
{
    const char *id = lk_getenv("AWS_ACCESS_KEY_ID");
    const char *secret = lk_getenv("AWS_SECRET_ACCESS_KEY");
    if (!id && !secret)
        return 0;
    if (!id || !secret)
        return LK_FAIL(err, LK_E_CREDENTIALS, "%s is set but %s is not; set both",
                       id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    *keys = (lk_key_texts){id, secret, lk_getenv("AWS_SESSION_TOKEN")};
    return 1;
}

int lk_credentials_profile_keys(const lk_profile *profile, lk_key_texts *keys, lk_err *err)
{
    const char *id = lk_profile_get(profile, "aws_access_key_id");
    const char *secret = lk_profile_get(profile, "aws_secret_access_key");
    if (!id && !secret)
        return 0;
    if (!id || !secret)
        return LK_FAIL(err, LK_E_CREDENTIALS, "the AWS profile \"%s\" has %s but no %s",
                       lk_profile_name(profile), id ? "aws_access_key_id" : "aws_secret_access_key",
                       id ? "aws_secret_access_key" : "aws_access_key_id");
    *keys = (lk_key_texts){id, secret, lk_profile_get(profile, "aws_session_token")};
    return 1;
}

/* --- Answers and files ---------------------------------------------------------------------- */

int lk_credentials_read_json(lk_slice body, const char *from, const char *token_key,
                             lk_credentials *credentials, lk_err *err)
{
    lk_json *root = NULL;
    int rc = lk_json_parse(body, from, &root, err);
    if (rc != LK_OK)
        return rc == LK_E_NOMEM ? rc
                                : LK_FAIL(err, LK_E_CREDENTIALS,
                                          "%s answered with something that is no JSON", from);
    lk_slice id = lk_json_string(lk_json_get(root, "AccessKeyId"));
    lk_slice secret = lk_json_string(lk_json_get(root, "SecretAccessKey"));
    lk_slice expiration = lk_json_string(lk_json_get(root, "Expiration"));
    int64_t expires_at_ms = 0;
    if (id.len == 0 || secret.len == 0)
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "the answer of %s holds no credentials", from);
    else if (expiration.len > 0 && !lk_time_parse_iso8601(expiration, &expires_at_ms))
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "the answer of %s has an unreadable Expiration", from);
    else
        rc = lk_credentials_fill(credentials, id, secret,
                                 lk_json_string(lk_json_get(root, token_key)), err);
    if (rc == LK_OK)
        credentials->expires_at_ms = expires_at_ms;
    lk_json_free(root);
    return rc;
}

int lk_credentials_read_token(const char *path, const char *what, lk_buf *token, lk_err *err)
{
    lk_buf text = {0};
    int rc = LK_OK;
    int reason = lk_file_read(path, MAX_TOKEN_BYTES, &text);
    if (reason == EFBIG)
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "%s %s is longer than %d bytes: no token is", what,
                     path, MAX_TOKEN_BYTES);
    else if (reason)
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "cannot read %s %s: %s", what, path, strerror(reason));
    else
        lk_buf_add(token, lk_slice_trim(lk_buf_slice(&text)));
    lk_buf_wipe(&text);
    return rc ? rc : lk_buf_check(token, err);
}
