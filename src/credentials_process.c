/* SPDX-License-Identifier: MIT
 *
 * credentials_process: see the header.
 */
#include "credentials_process.h"

#include "json.h"
#include "process.h"
#include "words.h"

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 60 * 1000, SHOWN_BYTES = 240 };

/* What a person can read of the beginning of stderr, on one line. */
static void excerpt(lk_slice text, char *out, size_t capacity)
{
    text = lk_slice_trim(text);
    size_t len = LK_MIN(text.len, capacity - 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        out[i] = text.ptr[i];
        if (c < 0x20 || c == 0x7f)
            out[i] = ' ';
    }
    out[len] = '\0';
}

static int check_version(lk_slice output, const char *from, lk_err *err)
{
    lk_json *root = NULL;
    int64_t version = 0;
    int rc = lk_json_parse(output, from, &root, err);
    if (rc == LK_OK && (!lk_json_int64(lk_json_get(root, "Version"), &version) || version != 1))
        rc = LK_FAIL(err, LK_E_CREDENTIALS,
                     "%s printed JSON that is not of Version 1, the only one there is", from);
    else if (rc != LK_OK && rc != LK_E_NOMEM)
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "%s printed something that is no JSON", from);
    lk_json_free(root);
    return rc;
}

static int read_result(const lk_process_result *result, const char *from,
                       lk_credentials *credentials, lk_err *err)
{
    if (result->status != 0) {
        char shown[SHOWN_BYTES];
        excerpt(lk_buf_slice(&result->errors), shown, sizeof(shown));
        return LK_FAIL(err, LK_E_CREDENTIALS, "%s failed with status %d: %s", from, result->status,
                       shown[0] ? shown : "it wrote nothing to stderr");
    }
    lk_slice output = lk_buf_slice(&result->output);
    int rc = check_version(output, from, err);
    if (rc == LK_OK)
        rc = lk_credentials_read_json(output, from, "SessionToken", credentials, err);
    if (rc == LK_OK)
        credentials->source = "credential process";
    return rc;
}

int lk_credentials_run_process(lk_http *waiter, const lk_profile *profile,
                               lk_credentials *credentials, lk_err *err)
{
    char from[160];
    lk_words words;
    lk_process_result result;
    (void)snprintf(from, sizeof(from), "the credential_process of the AWS profile \"%s\"",
                   lk_profile_name(profile));
    const char *command = lk_profile_get(profile, "credential_process");
    int rc = lk_words_split(lk_slice_of(command), &words, err);
    if (rc == LK_OK && words.count == 0)
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "it is empty");
    if (rc == LK_OK)
        rc = lk_process_run(words.items, waiter, TIMEOUT_MS, &result, err);
    if (rc == LK_OK) {
        rc = read_result(&result, from, credentials, err);
        lk_process_result_clear(&result);
    } else if (rc != LK_E_INTERRUPTED && rc != LK_E_NOMEM) {
        lk_err_prefix(err, "no credentials from %s", from);
        rc = LK_E_CREDENTIALS;
        if (err)
            err->code = rc;
    }
    lk_words_clear(&words);
    return rc;
}
