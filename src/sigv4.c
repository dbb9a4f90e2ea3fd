/* SPDX-License-Identifier: MIT
 *
 * sigv4: canonical request, string to sign, signing key, signature; in that order.
 *
 * The path is taken as it is, not normalised: SQS paths (a queue URL's) hold no dot segments.
 */
#include "sigv4.h"

#include <stdio.h>
#include <string.h>

#define ALGORITHM   "AWS4-HMAC-SHA256"
#define MAX_HEADERS 64
#define MAX_QUERY   64

void lk_sigv4_key_clear(lk_sigv4_key *key)
{
    lk_zero(key, sizeof(*key));
}

/* --- Canonical request ---------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int compare_bytes(lk_slice a, lk_slice b, bool ignore_case)
{
    size_t shared = LK_MIN(a.len, b.len);
    for (size_t i = 0; i < shared; i++) {
        unsigned char x = (unsigned char)(ignore_case ? lower(a.ptr[i]) : a.ptr[i]);
        unsigned char y = (unsigned char)(ignore_case ? lower(b.ptr[i]) : b.ptr[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* Fills order with the headers' indices by name; insertion sort keeps equal names in place and is
 * the fastest for the handful there are. Returns how many. */
static size_t sort_headers(const lk_sigv4_request *request, size_t order[MAX_HEADERS])
{
    size_t count = LK_MIN(request->header_count, (size_t)MAX_HEADERS);
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        while (at > 0 && compare_bytes(request->headers[order[at - 1]].name,
                                       request->headers[i].name, true) > 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    return count;
}

static void add_lower(lk_buf *out, lk_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        lk_buf_add_char(out, lower(name.ptr[i]));
}

/* Without outer spaces, inner runs of them as one. */
static void add_header_value(lk_buf *out, lk_slice value)
{
    value = lk_slice_trim(value);
    size_t start = 0;
    for (size_t i = 1; i < value.len; i++) {
        if (value.ptr[i] == ' ' && value.ptr[i - 1] == ' ') {
            lk_buf_add(out, (lk_slice){value.ptr + start, i - start});
            while (i + 1 < value.len && value.ptr[i + 1] == ' ')
                i++;
            start = i + 1;
        }
    }
    lk_buf_add(out, (lk_slice){value.ptr + start, value.len - start});
}

static void add_headers(const lk_sigv4_request *request, const size_t *order, size_t count,
                        lk_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        add_lower(out, request->headers[order[i]].name);
        lk_buf_add_char(out, ':');
        add_header_value(out, request->headers[order[i]].value);
        lk_buf_add_char(out, '\n');
    }
}

static void add_header_names(const lk_sigv4_request *request, const size_t *order, size_t count,
                             lk_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            lk_buf_add_char(out, ';');
        add_lower(out, request->headers[order[i]].name);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Encoded once, however the client spelled it: "%7e" and "~" are the same parameter. */
static void add_query_part(lk_buf *out, lk_slice part)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        if (c == '%' && i + 2 < part.len && hex_digit(part.ptr[i + 1]) >= 0 &&
            hex_digit(part.ptr[i + 2]) >= 0) {
            c = (char)(hex_digit(part.ptr[i + 1]) * 16 + hex_digit(part.ptr[i + 2]));
            i += 2;
        }
        lk_uri_encode(out, (lk_slice){&c, 1}, false);
    }
}

/* Parameters "name=value" one after the other in *text, their bounds in params; sorted by name,
 * then value. Without the signature itself (presigned requests carry it there). */
static size_t collect_query(lk_slice query, lk_buf *text, lk_name_value params[MAX_QUERY])
{
    size_t ends[MAX_QUERY][2];
    size_t count = 0;
    while (query.len > 0 && count < MAX_QUERY) {
        lk_slice pair, name;
        query = lk_slice_cut(query, '&', &pair);
        lk_slice value = lk_slice_cut(pair, '=', &name);
        if (name.len == 0 || lk_slice_equal_str(name, "X-Amz-Signature"))
            continue;
        add_query_part(text, name);
        ends[count][0] = text->len;
        add_query_part(text, value);
        ends[count++][1] = text->len;
    }
    if (text->failed)
        return 0;
    size_t start = 0;
    for (size_t i = 0; i < count; i++) {
        params[i].name = (lk_slice){text->ptr + start, ends[i][0] - start};
        params[i].value = (lk_slice){text->ptr + ends[i][0], ends[i][1] - ends[i][0]};
        start = ends[i][1];
    }
    return count;
}

static void sort_query(lk_name_value *params, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        lk_name_value moved = params[i];
        size_t at = i;
        for (; at > 0; at--) {
            int order = compare_bytes(params[at - 1].name, moved.name, false);
            if (order == 0)
                order = compare_bytes(params[at - 1].value, moved.value, false);
            if (order <= 0)
                break;
            params[at] = params[at - 1];
        }
        params[at] = moved;
    }
}

static void add_query(lk_buf *out, lk_slice query)
{
    if (query.len == 0)
        return;
    lk_buf text = {0};
    lk_name_value params[MAX_QUERY];
    size_t count = collect_query(query, &text, params);
    sort_query(params, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            lk_buf_add_char(out, '&');
        lk_buf_add(out, params[i].name);
        lk_buf_add_char(out, '=');
        lk_buf_add(out, params[i].value);
    }
    out->failed = out->failed || text.failed;
    lk_buf_clear(&text);
}

static void add_path(lk_buf *out, const lk_sigv4_request *request)
{
    if (request->path.len == 0)
        lk_buf_add_char(out, '/');
    else if (request->single_encode_path)
        lk_buf_add(out, request->path);
    else
        lk_uri_encode(out, request->path, true);
}

static void add_canonical(const lk_sigv4_request *request, const size_t *order, size_t count,
                          lk_buf *out)
{
    lk_buf_add(out, request->method);
    lk_buf_add_char(out, '\n');
    add_path(out, request);
    lk_buf_add_char(out, '\n');
    add_query(out, request->query);
    lk_buf_add_char(out, '\n');
    add_headers(request, order, count, out);
    lk_buf_add_char(out, '\n');
    add_header_names(request, order, count, out);
    lk_buf_add_char(out, '\n');
    lk_buf_add(out, request->payload_hash);
}

void lk_sigv4_canonical_request(const lk_sigv4_request *request, lk_buf *out)
{
    size_t order[MAX_HEADERS];
    add_canonical(request, order, sort_headers(request, order), out);
}

/* --- Signing key ---------------------------------------------------------------------------- */

/* "20250102/us-east-1/sqs/aws4_request" */
static int write_scope(const lk_sigv4_request *request, char *scope, size_t size, lk_err *err)
{
    if (request->amz_date.len != 16)
        return LK_FAIL(err, LK_E_INVALID, "sigv4: \"%.*s\" is not a date like 20250102T030405Z",
                       LK_SLICE_FMT(request->amz_date));
    int len = snprintf(scope, size, "%.8s/%.*s/%.*s/aws4_request", request->amz_date.ptr,
                       LK_SLICE_FMT(request->region), LK_SLICE_FMT(request->service));
    if (len < 0 || (size_t)len >= size)
        return LK_FAIL(err, LK_E_INVALID, "sigv4: region or service name is too long");
    return LK_OK;
}

/* key = HMAC(key, data) */
static bool hmac_step(unsigned char key[LK_SHA256_BYTES], lk_slice data)
{
    unsigned char next[LK_SHA256_BYTES];
    bool ok = lk_hmac_sha256((lk_slice){(const char *)key, LK_SHA256_BYTES}, data, next);
    memcpy(key, next, sizeof(next));
    lk_zero(next, sizeof(next));
    return ok;
}

static bool derive_key(const lk_sigv4_request *request, lk_slice secret,
                       unsigned char key[LK_SHA256_BYTES])
{
    lk_slice date = {request->amz_date.ptr, 8};
    lk_buf first = {0};
    lk_buf_add_str(&first, "AWS4");
    lk_buf_add(&first, secret);
    bool ok = !first.failed && lk_hmac_sha256(lk_buf_slice(&first), date, key) &&
              hmac_step(key, request->region) && hmac_step(key, request->service) &&
              hmac_step(key, LK_SLICE_LITERAL("aws4_request"));
    if (first.ptr)
        lk_zero(first.ptr, first.len);
    lk_buf_clear(&first);
    return ok;
}

/* Makes *cache the key of this request's scope, unless it is already. */
static int prepare_key(const lk_sigv4_request *request, lk_slice secret, lk_sigv4_key *cache,
                       lk_err *err)
{
    char scope[sizeof(cache->scope)];
    unsigned char secret_digest[LK_SHA256_BYTES];
    int rc = write_scope(request, scope, sizeof(scope), err);
    if (rc != LK_OK)
        return rc;
    bool ok = lk_sha256(secret, secret_digest);
    if (ok && cache->valid && strcmp(scope, cache->scope) == 0 &&
        memcmp(secret_digest, cache->secret_digest, sizeof(secret_digest)) == 0)
        return LK_OK;
    cache->valid = ok && derive_key(request, secret, cache->key);
    memcpy(cache->scope, scope, sizeof(scope));
    memcpy(cache->secret_digest, secret_digest, sizeof(secret_digest));
    if (!cache->valid)
        return LK_FAIL(err, LK_E_INTERNAL,
                       "libcrypto refuses HMAC-SHA-256: requests cannot be "
                       "signed");
    return LK_OK;
}

/* --- Signature ------------------------------------------------------------------------------ */

static int sign_ordered(const lk_sigv4_request *request, const size_t *order, size_t count,
                        lk_slice secret, lk_sigv4_key *cache, char signature[LK_SIGV4_HEX_SIZE],
                        lk_err *err)
{
    signature[0] = '\0';
    int rc = prepare_key(request, secret, cache, err);
    if (rc != LK_OK)
        return rc;
    char hash[LK_SHA256_HEX_SIZE];
    unsigned char mac[LK_SHA256_BYTES];
    lk_buf text = {0};
    lk_buf_reserve(&text, 1024);
    add_canonical(request, order, count, &text);
    bool ok = !text.failed && lk_sha256_hex(lk_buf_slice(&text), hash);
    lk_buf_reset(&text);
    lk_buf_addf(&text, ALGORITHM "\n%.*s\n%s\n%s", LK_SLICE_FMT(request->amz_date), cache->scope,
                hash);
    ok = ok && !text.failed &&
         lk_hmac_sha256((lk_slice){(const char *)cache->key, sizeof(cache->key)},
                        lk_buf_slice(&text), mac);
    if (!ok)
        rc = text.failed ? LK_FAIL_NOMEM(err)
                         : LK_FAIL(err, LK_E_INTERNAL,
                                   "libcrypto refuses SHA-256: requests "
                                   "cannot be signed");
    else
        lk_hex(mac, sizeof(mac), signature);
    lk_buf_clear(&text);
    return rc;
}

static int check_headers(const lk_sigv4_request *request, lk_err *err)
{
    if (request->header_count > MAX_HEADERS)
        return LK_FAIL(err, LK_E_INVALID, "sigv4: %zu headers to sign, at most %d are possible",
                       request->header_count, MAX_HEADERS);
    return LK_OK;
}

int lk_sigv4_sign(const lk_sigv4_request *request, lk_slice secret_access_key, lk_sigv4_key *cache,
                  char signature[LK_SIGV4_HEX_SIZE], lk_err *err)
{
    size_t order[MAX_HEADERS];
    int rc = check_headers(request, err);
    if (rc != LK_OK)
        return rc;
    return sign_ordered(request, order, sort_headers(request, order), secret_access_key, cache,
                        signature, err);
}

int lk_sigv4_authorization(const lk_sigv4_request *request, lk_slice access_key_id,
                           lk_slice secret_access_key, lk_sigv4_key *cache, lk_buf *out,
                           lk_err *err)
{
    size_t order[MAX_HEADERS];
    char signature[LK_SIGV4_HEX_SIZE];
    int rc = check_headers(request, err);
    if (rc != LK_OK)
        return rc;
    size_t count = sort_headers(request, order);
    rc = sign_ordered(request, order, count, secret_access_key, cache, signature, err);
    if (rc != LK_OK)
        return rc;
    lk_buf_addf(out, ALGORITHM " Credential=%.*s/%s, SignedHeaders=", LK_SLICE_FMT(access_key_id),
                cache->scope);
    add_header_names(request, order, count, out);
    lk_buf_addf(out, ", Signature=%s", signature);
    return lk_buf_check(out, err);
}
