/* SPDX-License-Identifier: MIT
 *
 * auth: see auth.h. A request is read into the parts of its signature, whichever form it has; then
 * the key, the scope, the time and last the signature itself are looked at, each with its own
 * answer, as AWS does.
 */
#include "auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define SERVICE    "sqs"
#define TERMINATOR "aws4_request"

enum {
    SKEW_MS = 5 * 60 * 1000,
    EXPIRES_MAX_S = 7 * 86400,
    HEADERS_MAX = 64, /* what sigv4 signs */
    ACCESS_KEY_MAX = 128,
    AMZ_DATE_LEN = 16, /* "20250102T030405Z" */
    DAY_LEN = 8
};

/* --- The key pair --------------------------------------------------------------------------- */

/* It stands in a list of its own in the header: KEY/day/region/service/aws4_request, … */
static bool is_access_key(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= ACCESS_KEY_MAX && !strpbrk(text, "/,= \t\r\n");
}

int lk_auth_set(lk_auth *auth, const char *access_key_id, const char *secret_access_key,
                lk_err *err)
{
    if (!access_key_id || !is_access_key(access_key_id))
        return LK_FAIL(err, LK_E_INVALID,
                       "an access key id has 1 to %d characters, without spaces, commas, '=' and "
                       "'/'",
                       ACCESS_KEY_MAX);
    if (!secret_access_key || !*secret_access_key)
        return LK_FAIL(err, LK_E_INVALID, "the secret of access key %s is missing", access_key_id);
    lk_buf_add_str(&auth->access_key_id, access_key_id);
    lk_buf_add_str(&auth->secret_access_key, secret_access_key);
    int rc = lk_buf_check(&auth->access_key_id, err);
    return rc ? rc : lk_buf_check(&auth->secret_access_key, err);
}

void lk_auth_clear(lk_auth *auth)
{
    lk_buf_clear(&auth->access_key_id);
    lk_buf_wipe(&auth->secret_access_key);
    lk_sigv4_key_clear(&auth->key);
}

bool lk_auth_wanted(const lk_auth *auth)
{
    return auth->access_key_id.len > 0;
}

/* --- The parts of a signature --------------------------------------------------------------- */

typedef struct signature_parts {
    bool presigned;
    lk_slice algorithm;
    lk_slice credential;
    lk_slice signed_headers;
    lk_slice signature;
    lk_slice date;
    lk_slice expires; /* presigned only; {NULL,0}: not given */

    /* Of the credential. */
    lk_slice access_key_id;
    lk_slice day;
    lk_slice region;
    lk_slice service;
    lk_slice terminator;
} signature_parts;

/* One check on its way through this file. */
typedef struct check {
    const lk_auth_request *request;
    signature_parts parts;
    lk_name_value headers[HEADERS_MAX]; /* the signed ones */
    size_t header_count;
    lk_arena *arena;
    lk_fault *fault;
} check;

static bool same_name(lk_slice a, lk_slice b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

static lk_slice header(const lk_auth_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (same_name(request->headers[i].name, lk_slice_of(name)))
            return lk_slice_trim(request->headers[i].value);
    return (lk_slice){0};
}

/* Of a query parameter; in the arena. */
static lk_slice decoded(lk_arena *arena, lk_slice text)
{
    char *out = lk_arena_alloc(arena, text.len + 1, 1);
    size_t len = 0;
    for (size_t i = 0; out && i < text.len; i++) {
        char c = text.ptr[i];
        if (lk_uri_escape((lk_slice){text.ptr + i, text.len - i}, &c))
            i += 2;
        out[len++] = c;
    }
    return (lk_slice){out, len};
}

/* {NULL,0}: not there. */
static lk_slice parameter(const check *c, const char *name)
{
    lk_slice rest = c->request->query;
    while (rest.len > 0) {
        lk_slice pair;
        lk_slice key;
        rest = lk_slice_cut(rest, '&', &pair);
        lk_slice value = lk_slice_cut(pair, '=', &key);
        if (lk_slice_equal_str(key, name))
            return decoded(c->arena, value);
    }
    return (lk_slice){0};
}

/* --- Reading -------------------------------------------------------------------------------- */

/* "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…" */
static void read_header(check *c, lk_slice authorization)
{
    signature_parts *p = &c->parts;
    lk_slice rest = lk_slice_cut(authorization, ' ', &p->algorithm);
    while (rest.len > 0) {
        lk_slice pair;
        lk_slice name;
        rest = lk_slice_cut(rest, ',', &pair);
        lk_slice value = lk_slice_cut(lk_slice_trim(pair), '=', &name);
        if (lk_slice_equal_str(name, "Credential"))
            p->credential = value;
        else if (lk_slice_equal_str(name, "SignedHeaders"))
            p->signed_headers = value;
        else if (lk_slice_equal_str(name, "Signature"))
            p->signature = value;
    }
    p->date = header(c->request, "X-Amz-Date");
}

static void read_query(check *c, lk_slice algorithm)
{
    c->parts = (signature_parts){.presigned = true,
                                 .algorithm = algorithm,
                                 .credential = parameter(c, "X-Amz-Credential"),
                                 .signed_headers = parameter(c, "X-Amz-SignedHeaders"),
                                 .signature = parameter(c, "X-Amz-Signature"),
                                 .date = parameter(c, "X-Amz-Date"),
                                 .expires = parameter(c, "X-Amz-Expires")};
}

static int incomplete(const check *c, const char *what)
{
    return lk_fault_format(c->fault, c->arena, LK_FAULT_INCOMPLETE_SIGNATURE, "%s %s",
                           c->parts.presigned ? "The presigned query" : "The Authorization header",
                           what);
}

static int read_form(check *c)
{
    lk_slice authorization = header(c->request, "Authorization");
    lk_slice algorithm = parameter(c, "X-Amz-Algorithm");
    if (authorization.len == 0 && algorithm.len == 0)
        return lk_fault_set(c->fault, LK_FAULT_MISSING_TOKEN);
    if (authorization.len > 0 && algorithm.len > 0)
        return incomplete(c, "and a presigned query came together: sign once.");
    if (authorization.len > 0)
        read_header(c, authorization);
    else
        read_query(c, algorithm);
    return 0;
}

/* KEY/day/region/service/aws4_request */
static void read_credential(signature_parts *p)
{
    lk_slice rest = lk_slice_cut(p->credential, '/', &p->access_key_id);
    rest = lk_slice_cut(rest, '/', &p->day);
    rest = lk_slice_cut(rest, '/', &p->region);
    p->terminator = lk_slice_cut(rest, '/', &p->service);
}

static int read_signature(check *c)
{
    signature_parts *p = &c->parts;
    int rc = read_form(c);
    if (rc)
        return rc;
    read_credential(p);
    if (!lk_slice_equal_str(p->algorithm, ALGORITHM))
        return incomplete(c, "must begin with, or name, the algorithm " ALGORITHM ".");
    if (p->credential.len == 0)
        return incomplete(c, "lacks Credential.");
    if (p->signed_headers.len == 0)
        return incomplete(c, "lacks SignedHeaders.");
    if (p->signature.len == 0)
        return incomplete(c, "lacks Signature.");
    if (p->terminator.len == 0)
        return incomplete(c, "has a Credential that is not KEY/yyyymmdd/region/" SERVICE
                             "/" TERMINATOR ".");
    if (p->date.len == 0)
        return incomplete(c, "needs X-Amz-Date with it.");
    return 0;
}

/* --- Key and scope -------------------------------------------------------------------------- */

static int mismatch(const check *c, const char *why)
{
    return lk_fault_format(c->fault, c->arena, LK_FAULT_SIGNATURE, "%s", why);
}

/* Any region: the server has one of its own only for ARNs. */
static int check_scope(const check *c, const lk_auth *auth)
{
    const signature_parts *p = &c->parts;
    if (!lk_slice_equal(p->access_key_id, lk_buf_slice(&auth->access_key_id)))
        return lk_fault_set(c->fault, LK_FAULT_UNKNOWN_KEY);
    if (!lk_slice_equal_str(p->service, SERVICE))
        return mismatch(c, "Credential should be scoped to correct service: '" SERVICE "'.");
    if (!lk_slice_equal_str(p->terminator, TERMINATOR))
        return mismatch(c,
                        "Credential should be scoped with a valid terminator: '" TERMINATOR "'.");
    if (p->day.len != DAY_LEN || p->date.len < DAY_LEN ||
        memcmp(p->day.ptr, p->date.ptr, DAY_LEN) != 0)
        return mismatch(c, "Date in Credential scope does not match YYYYMMDD from X-Amz-Date.");
    return 0;
}

/* --- Time ----------------------------------------------------------------------------------- */

static bool parse_date(lk_slice date, int64_t *ms)
{
    char iso[sizeof "2025-01-02T03:04:05Z"];
    const char *d = date.ptr;
    if (date.len != AMZ_DATE_LEN)
        return false;
    snprintf(iso, sizeof iso, "%.4s-%.2s-%.5s:%.2s:%.3s", d, d + 4, d + 6, d + 11, d + 13);
    return d[8] == 'T' && d[15] == 'Z' && lk_time_parse_iso8601(lk_slice_of(iso), ms);
}

static int expired(const check *c, const char *what, int64_t now_ms)
{
    char now[17];
    lk_time_format_amz(now_ms, now);
    return lk_fault_format(c->fault, c->arena, LK_FAULT_EXPIRED,
                           "Signature %s: it is of %.*s, and "
                           "it is %s here.",
                           what, LK_SLICE_FMT(c->parts.date), now);
}

static int check_time(const check *c, int64_t now_ms)
{
    const signature_parts *p = &c->parts;
    int64_t signed_ms = 0;
    int64_t expires_s = 0;
    int64_t lives_ms = SKEW_MS;
    if (!parse_date(p->date, &signed_ms))
        return incomplete(c, "comes with an X-Amz-Date that is not like 20250102T030405Z.");
    if (p->expires.ptr) {
        if (!lk_slice_to_int64(p->expires, &expires_s) || expires_s < 1 ||
            expires_s > EXPIRES_MAX_S)
            return incomplete(c, "has an X-Amz-Expires that is not 1 to 604800 seconds.");
        lives_ms = expires_s * 1000;
    }
    if (signed_ms > now_ms + SKEW_MS)
        return expired(c, "not yet current", now_ms);
    if (now_ms > signed_ms + lives_ms)
        return expired(c, "expired", now_ms);
    return 0;
}

/* --- Signature ------------------------------------------------------------------------------ */

static bool is_listed(lk_slice list, lk_slice name)
{
    while (list.len > 0) {
        lk_slice item;
        list = lk_slice_cut(list, ';', &item);
        if (same_name(item, name))
            return true;
    }
    return false;
}

/* Host and what decides about the action may not be exchanged on the way. */
static int check_needed(const check *c)
{
    static const char *const needed[] = {"Host", "X-Amz-Target"};
    for (size_t i = 0; i < LK_COUNT(needed); i++) {
        lk_slice name = lk_slice_of(needed[i]);
        if (header(c->request, needed[i]).ptr && !is_listed(c->parts.signed_headers, name))
            return lk_fault_format(c->fault, c->arena, LK_FAULT_SIGNATURE,
                                   "'%s' must be a 'SignedHeader' in the AWS Authorization.",
                                   needed[i]);
    }
    return 0;
}

/* A signature takes '+' for itself, "%2B", and a form for a space: who carries the request could
 * put the one in place of the other. */
static int check_query(const check *c)
{
    lk_slice query = c->request->query;
    if (query.len == 0 || !memchr(query.ptr, '+', query.len))
        return 0;
    return mismatch(c, "A '+' in the query has two meanings: write %20 for a space and %2B for a "
                       "plus.");
}

/* All headers of a listed name, in their order. */
static int pick_headers(check *c)
{
    const lk_auth_request *request = c->request;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!is_listed(c->parts.signed_headers, request->headers[i].name))
            continue;
        if (c->header_count == HEADERS_MAX)
            return incomplete(c, "signs more than 64 headers.");
        c->headers[c->header_count++] = request->headers[i];
    }
    return 0;
}

static int hash_body(const check *c, char hash[LK_SHA256_HEX_SIZE])
{
    lk_slice said = header(c->request, "X-Amz-Content-Sha256");
    if (!lk_sha256_hex(c->request->body, hash))
        return LK_E_NOMEM;
    if (said.ptr && !lk_slice_equal_str(said, hash))
        return mismatch(c, "The value of x-amz-content-sha256 is not the SHA-256 of the body.");
    return 0;
}

/* With the canonical request, for people who write a client: it holds what they sent, no more. */
static int refuse_signature(const check *c, const lk_sigv4_request *request)
{
    lk_buf canonical = {0};
    lk_sigv4_canonical_request(request, &canonical);
    int rc = canonical.failed
                 ? LK_E_NOMEM
                 : lk_fault_format(c->fault, c->arena, LK_FAULT_SIGNATURE,
                                   "The request signature we calculated does not match the "
                                   "signature you provided. Check your AWS Secret Access Key and "
                                   "signing method.\n\nThe Canonical String for this request "
                                   "should have been\n'%s'",
                                   canonical.ptr);
    lk_buf_clear(&canonical);
    return rc;
}

static int check_signature(const check *c, lk_auth *auth, lk_slice payload_hash)
{
    char expected[LK_SIGV4_HEX_SIZE];
    const lk_sigv4_request request = {.method = c->request->method,
                                      .path = c->request->path,
                                      .query = c->request->query,
                                      .headers = c->headers,
                                      .header_count = c->header_count,
                                      .payload_hash = payload_hash,
                                      .amz_date = c->parts.date,
                                      .region = c->parts.region,
                                      .service = c->parts.service};
    lk_err err;
    int rc =
        lk_sigv4_sign(&request, lk_buf_slice(&auth->secret_access_key), &auth->key, expected, &err);
    if (rc == LK_E_INVALID)
        return incomplete(c, "names a region that is too long.");
    if (rc)
        return rc;
    if (lk_equal_constant_time(c->parts.signature, lk_slice_of(expected)))
        return 0;
    return refuse_signature(c, &request);
}

int lk_auth_check(lk_auth *auth, const lk_auth_request *request, int64_t now_ms, lk_arena *arena,
                  lk_fault *fault)
{
    check c = {.request = request, .arena = arena, .fault = fault};
    char hash[LK_SHA256_HEX_SIZE];
    int rc;
    if ((rc = read_signature(&c)) || (rc = check_scope(&c, auth)) ||
        (rc = check_time(&c, now_ms)) || (rc = check_needed(&c)) || (rc = check_query(&c)) ||
        (rc = pick_headers(&c)) || (rc = hash_body(&c, hash)))
        return rc;
    return check_signature(&c, auth, lk_slice_of(hash));
}
