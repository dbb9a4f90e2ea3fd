/* SPDX-License-Identifier: MIT
 *
 * credentials_sts: the two STS calls, in AWS's Query protocol: a form goes out, XML comes back.
 *
 * Both can be repeated without harm. The regional endpoint is asked, as by current SDKs; the global
 * one only where no region is known.
 */
#include "credentials_sts.h"

#include "endpoint.h"
#include "sigv4.h"
#include "xml.h"

#include <stdio.h>
#include <string.h>

enum { ATTEMPTS = 3, TIMEOUT_MS = 5000, PAUSE_MS = 100, MAX_ANSWER_BYTES = 64 << 10 };

#define GLOBAL_URL    "https://sts.amazonaws.com"
#define GLOBAL_REGION "us-east-1"
#define FORM_TYPE     "application/x-www-form-urlencoded; charset=utf-8"

/* One call; buffers are ours. */
typedef struct sts_call {
    const lk_credentials_site *site;
    const lk_sts_role *role;
    const lk_credentials *with; /* NULL: unsigned */
    lk_buf region;
    lk_buf url;
    lk_buf form; /* holds the web identity token */
    lk_buf authorization;
    char amz_date[17];
    lk_name_value headers[5];
    size_t header_count;
} sts_call;

static void clear_call(sts_call *c)
{
    lk_buf_clear(&c->region);
    lk_buf_clear(&c->url);
    lk_buf_wipe(&c->form);
    lk_buf_wipe(&c->authorization);
}

/* --- The request ---------------------------------------------------------------------------- */

static int find_endpoint(sts_call *c, lk_err *err)
{
    const lk_credentials_site *site = c->site;
    bool regional = lk_endpoint_region(site->region, site->profile, &c->region, NULL) == LK_OK;
    if (!regional)
        lk_buf_add_str(&c->region, GLOBAL_REGION);
    int rc = lk_endpoint_fixed("sts", NULL, site->profile, &c->url, err);
    if (rc == LK_OK && c->url.len == 0 && regional)
        rc = lk_endpoint_of_region("sts", lk_buf_slice(&c->region), &c->url, err);
    else if (rc == LK_OK && c->url.len == 0)
        lk_buf_add_str(&c->url, GLOBAL_URL);
    lk_url parsed;
    if (rc == LK_OK && lk_url_parse(lk_buf_slice(&c->url), &parsed) && parsed.path.len == 0)
        lk_buf_add_char(&c->url, '/');
    if (rc == LK_OK)
        rc = lk_buf_check(&c->region, err);
    return rc ? rc : lk_buf_check(&c->url, err);
}

static void add_field(lk_buf *form, const char *name, lk_slice value)
{
    lk_buf_addf(form, "&%s=", name);
    lk_uri_encode(form, value, false);
}

static void write_form(sts_call *c, const char *action)
{
    const lk_sts_role *role = c->role;
    char name[64];
    int64_t now_s = c->site->env->wall_ms(c->site->env->ctx) / 1000;
    (void)snprintf(name, sizeof(name), "lambdakiq-%lld", (long long)now_s);
    lk_buf_addf(&c->form, "Action=%s&Version=2011-06-15", action);
    add_field(&c->form, "RoleArn", lk_slice_of(role->arn));
    add_field(&c->form, "RoleSessionName",
              lk_slice_of(role->session_name ? role->session_name : name));
    if (role->external_id)
        add_field(&c->form, "ExternalId", lk_slice_of(role->external_id));
    if (role->duration_s > 0)
        lk_buf_addf(&c->form, "&DurationSeconds=%lld", (long long)role->duration_s);
}

static void add_header(sts_call *c, const char *name, lk_slice value)
{
    c->headers[c->header_count++] = (lk_name_value){lk_slice_of(name), value};
}

/* The headers to sign, then Authorization over them. */
static int sign(sts_call *c, lk_err *err)
{
    lk_url url;
    char hash[LK_SHA256_HEX_SIZE];
    if (!lk_url_parse(lk_buf_slice(&c->url), &url) || !lk_sha256_hex(lk_buf_slice(&c->form), hash))
        return LK_FAIL_NOMEM(err);
    size_t scheme = url.scheme.len + strlen("://");
    lk_time_format_amz(c->site->env->wall_ms(c->site->env->ctx), c->amz_date);
    add_header(c, "Host", (lk_slice){url.origin.ptr + scheme, url.origin.len - scheme});
    add_header(c, "X-Amz-Date", lk_slice_of(c->amz_date));
    if (c->with->session_token)
        add_header(c, "X-Amz-Security-Token", lk_slice_of(c->with->session_token));
    lk_sigv4_request request = {.method = LK_SLICE_LITERAL("POST"),
                                .path = url.path,
                                .headers = c->headers,
                                .header_count = c->header_count,
                                .payload_hash = lk_slice_of(hash),
                                .amz_date = lk_slice_of(c->amz_date),
                                .region = lk_buf_slice(&c->region),
                                .service = LK_SLICE_LITERAL("sts")};
    lk_sigv4_key key = {.valid = false};
    int rc = lk_sigv4_authorization(&request, lk_slice_of(c->with->access_key_id),
                                    lk_slice_of(c->with->secret_access_key), &key,
                                    &c->authorization, err);
    lk_sigv4_key_clear(&key);
    add_header(c, "Authorization", lk_buf_slice(&c->authorization));
    return rc ? rc : lk_buf_check(&c->authorization, err);
}

/* --- The answer ----------------------------------------------------------------------------- */

/* The text at <*><*Result><Credentials><NAME>. */
static int read_member(lk_slice body, const char *name, lk_buf *text, lk_err *err)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "*/*/Credentials/%s", name);
    lk_buf_reserve(text, body.len); /* at once: no half-grown copies of a secret */
    int found = lk_xml_text(body, path, text, err);
    if (found == LK_E_NOMEM)
        return found;
    if (found != 1 || text->len == 0)
        return LK_FAIL(err, LK_E_CREDENTIALS, "the answer of STS holds no %s", name);
    return LK_OK;
}

static int read_success(lk_slice body, lk_credentials *credentials, lk_err *err)
{
    static const char *const names[] = {"AccessKeyId", "SecretAccessKey", "SessionToken",
                                        "Expiration"};
    lk_buf texts[LK_COUNT(names)] = {{0}};
    int64_t expires_at_ms = 0;
    int rc = LK_OK;
    for (size_t i = 0; i < LK_COUNT(names) && rc == LK_OK; i++)
        rc = read_member(body, names[i], &texts[i], err);
    if (rc == LK_OK && !lk_time_parse_iso8601(lk_buf_slice(&texts[3]), &expires_at_ms))
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "the answer of STS has an unreadable Expiration");
    if (rc == LK_OK)
        rc = lk_credentials_fill(credentials, lk_buf_slice(&texts[0]), lk_buf_slice(&texts[1]),
                                 lk_buf_slice(&texts[2]), err);
    if (rc == LK_OK)
        credentials->expires_at_ms = expires_at_ms;
    for (size_t i = 0; i < LK_COUNT(names); i++)
        lk_buf_wipe(&texts[i]);
    return rc;
}

/* STS's own words: they name the caller and the role, never a secret. */
static int read_failure(const sts_call *c, const lk_http_response *answer, lk_err *err)
{
    lk_buf code = {0};
    lk_buf message = {0};
    lk_slice body = lk_buf_slice(&answer->body);
    if (lk_xml_text(body, "*/Error/Code", &code, NULL) < 0 ||
        lk_xml_text(body, "*/Error/Message", &message, NULL) < 0)
        lk_buf_reset(&message);
    int rc = LK_FAIL(err, LK_E_CREDENTIALS, "STS refused the role %s: HTTP %d %s%s%s", c->role->arn,
                     answer->status, code.len > 0 ? code.ptr : "", message.len > 0 ? ": " : "",
                     message.len > 0 ? message.ptr : "");
    if (err) {
        err->http_status = answer->status;
        err->retriable = answer->status >= 500 || answer->status == 429 ||
                         lk_slice_equal_str(lk_buf_slice(&code), "Throttling") ||
                         lk_slice_equal_str(lk_buf_slice(&code), "IDPCommunicationError");
        (void)lk_slice_copy(lk_buf_slice(&code), err->aws_code, sizeof(err->aws_code));
    }
    lk_buf_clear(&code);
    lk_buf_clear(&message);
    return rc;
}

/* --- The call ------------------------------------------------------------------------------- */

/* err: not NULL. */
static int call_once(const sts_call *c, lk_credentials *credentials, lk_err *err)
{
    lk_http_response answer = {0};
    lk_http_request request = {.method = "POST",
                               .url = c->url.ptr,
                               .headers = c->headers,
                               .header_count = c->header_count,
                               .body = lk_buf_slice(&c->form),
                               .secret = true};
    int rc = lk_http_call(c->site->http, &request, TIMEOUT_MS, &answer, err);
    if (rc == LK_OK && answer.status != 200) {
        rc = read_failure(c, &answer, err);
    } else if (rc == LK_OK && answer.body.len > MAX_ANSWER_BYTES) {
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "the answer of STS is longer than any");
    } else if (rc == LK_OK) {
        rc = read_success(lk_buf_slice(&answer.body), credentials, err);
    } else if (rc != LK_E_INTERRUPTED && rc != LK_E_NOMEM) {
        lk_err_prefix(err, "no credentials from STS for the role %s", c->role->arn);
        rc = err->code = LK_E_CREDENTIALS;
    }
    lk_buf_wipe(&answer.body);
    lk_http_response_clear(&answer);
    return rc;
}

static int call(const sts_call *c, lk_credentials *credentials, lk_err *err)
{
    lk_err failure = {0}; /* read here, so err may be NULL */
    int rc = call_once(c, credentials, &failure);
    for (int attempt = 1; rc && failure.retriable && attempt < ATTEMPTS; attempt++) {
        if (lk_http_pump(c->site->http, (int64_t)PAUSE_MS * attempt, &failure)) {
            rc = failure.code;
            break;
        }
        rc = call_once(c, credentials, &failure);
    }
    if (rc && err)
        *err = failure;
    return rc;
}

int lk_sts_assume_role(const lk_credentials_site *site, const lk_sts_role *role,
                       const lk_credentials *with, lk_credentials *credentials, lk_err *err)
{
    sts_call c = {.site = site, .role = role, .with = with};
    write_form(&c, "AssumeRole");
    add_header(&c, "Content-Type", LK_SLICE_LITERAL(FORM_TYPE));
    int rc = find_endpoint(&c, err);
    if (rc == LK_OK)
        rc = lk_buf_check(&c.form, err);
    if (rc == LK_OK)
        rc = sign(&c, err);
    if (rc == LK_OK)
        rc = call(&c, credentials, err);
    if (rc == LK_OK)
        credentials->source = "assumed role";
    clear_call(&c);
    return rc;
}

int lk_sts_assume_role_with_web_identity(const lk_credentials_site *site, const lk_sts_role *role,
                                         const char *token_file, lk_credentials *credentials,
                                         lk_err *err)
{
    sts_call c = {.site = site, .role = role};
    lk_buf token = {0};
    int rc = lk_credentials_read_token(token_file, "the web identity token file", &token, err);
    if (rc == LK_OK && token.len == 0)
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "the web identity token file %s is empty", token_file);
    if (rc == LK_OK) {
        write_form(&c, "AssumeRoleWithWebIdentity");
        lk_buf_reserve(&c.form, 3 * token.len + 32);
        add_field(&c.form, "WebIdentityToken", lk_buf_slice(&token));
        add_header(&c, "Content-Type", LK_SLICE_LITERAL(FORM_TYPE));
        rc = lk_buf_check(&c.form, err);
    }
    if (rc == LK_OK)
        rc = find_endpoint(&c, err);
    if (rc == LK_OK)
        rc = call(&c, credentials, err);
    if (rc == LK_OK)
        credentials->source = "web identity";
    lk_buf_wipe(&token);
    clear_call(&c);
    return rc;
}
