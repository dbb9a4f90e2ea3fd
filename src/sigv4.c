/* SPDX-License-Identifier: MIT
 *
 * sigv4: see the header. The way of a request through this file, as AWS's "Create a signed request"
 * numbers it: 1. canonical request, 2. its hash, 3. string to sign, 4. signing key and signature,
 * 5. the Authorization header.
 *
 * Each enqueue signs, so the usual request (no query, headers in any order) is sorted on the stack
 * and costs one allocation.
 */
#include "sigv4.h"

#include <stdlib.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

enum {
    MAX_HEADERS = 64,
    AMZ_DATE_LEN = 16, /* "20250102T030405Z" */
    DAY_LEN = 8,
    CANONICAL_BYTES = 1024 /* room for the usual canonical request */
};

/* --- 1. Canonical request: path ------------------------------------------------------------- */

/* Takes back the last segment of the path written since start: "/a/b/" becomes "/a/". */
static void drop_segment(lk_buf *path, size_t start)
{
    if (path->len > start + 1)
        path->len--; /* the slash behind it */
    while (path->len > start + 1 && path->ptr[path->len - 1] != '/')
        path->len--;
}

/* Without dot segments (RFC 3986) and empty ones, as every SDK signs for services other than S3. */
static void add_normal_path(lk_buf *out, lk_slice path)
{
    size_t start = out->len;
    lk_buf_add_char(out, '/');
    while (path.len > 0 && !out->failed) {
        lk_slice segment;
        lk_slice rest = lk_slice_cut(path, '/', &segment);
        if (lk_slice_equal_str(segment, "..")) {
            drop_segment(out, start);
        } else if (segment.len > 0 && !lk_slice_equal_str(segment, ".")) {
            lk_uri_encode(out, segment, false);
            if (rest.ptr)
                lk_buf_add_char(out, '/');
        }
        path = rest;
    }
}

static void add_canonical_path(lk_buf *out, const lk_sigv4_request *request)
{
    if (request->single_encode_path && request->path.len > 0)
        lk_buf_add(out, request->path);
    else
        add_normal_path(out, request->path);
}

/* --- 1. Canonical request: query ------------------------------------------------------------ */

/* Decodes and encodes again: what a client escaped more or less than needed, or in lower case, has
 * one canonical form. A '%' that begins no escape stands for itself. */
static void add_recoded(lk_buf *out, lk_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char byte = s.ptr[i];
        if (lk_uri_escape((lk_slice){s.ptr + i, s.len - i}, &byte))
            i += 2;
        lk_uri_encode(out, (lk_slice){&byte, 1}, false);
    }
}

static int order_of(lk_slice a, lk_slice b)
{
    size_t shared = LK_MIN(a.len, b.len);
    int order = shared > 0 ? memcmp(a.ptr, b.ptr, shared) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_parameters(const void *a, const void *b)
{
    const lk_name_value *x = a;
    const lk_name_value *y = b;
    int order = order_of(x->name, y->name);
    return order != 0 ? order : order_of(x->value, y->value);
}

/* Encodes every parameter into scratch, but for X-Amz-Signature, which a presigned request carries
 * and cannot sign. Returns how many there are; parameters has room for one more than there are '&'.
 */
static size_t split_query(lk_slice query, lk_buf *scratch, lk_name_value *parameters)
{
    size_t count = 0;
    /* Each byte becomes at most three: scratch never moves under the slices into it. */
    if (query.len > SIZE_MAX / 3 || !lk_buf_reserve(scratch, 3 * query.len))
        return 0;
    while (query.len > 0) {
        lk_slice pair;
        lk_slice name;
        query = lk_slice_cut(query, '&', &pair);
        lk_slice value = lk_slice_cut(pair, '=', &name);
        if (pair.len == 0 || lk_slice_equal_str(name, "X-Amz-Signature"))
            continue;
        size_t start = scratch->len;
        add_recoded(scratch, name);
        size_t middle = scratch->len;
        add_recoded(scratch, value);
        parameters[count++] = (lk_name_value){
            .name = {scratch->ptr + start, middle - start},
            .value = {scratch->ptr + middle, scratch->len - middle},
        };
    }
    return count;
}

static void add_canonical_query(lk_buf *out, lk_slice query)
{
    if (query.len == 0)
        return;
    size_t most = 1;
    for (size_t i = 0; i < query.len; i++)
        most += query.ptr[i] == '&';
    lk_buf scratch = {0};
    lk_name_value *parameters = calloc(most, sizeof(*parameters));
    size_t count = parameters ? split_query(query, &scratch, parameters) : 0;
    if (!parameters || scratch.failed)
        out->failed = true;
    else
        qsort(parameters, count, sizeof(*parameters), compare_parameters);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            lk_buf_add_char(out, '&');
        lk_buf_add(out, parameters[i].name);
        lk_buf_add_char(out, '=');
        lk_buf_add(out, parameters[i].value);
    }
    free(parameters);
    lk_buf_clear(&scratch);
}

/* --- 1. Canonical request: headers ---------------------------------------------------------- */

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(unsigned char)(c - 'A' + 'a');
    return c;
}

static int order_of_names(lk_slice a, lk_slice b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int order = (unsigned char)lower(a.ptr[i]) - (unsigned char)lower(b.ptr[i]);
        if (order != 0)
            return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* The request's headers by name; those of one name in their order. */
typedef struct sorted_headers {
    const lk_name_value *at[MAX_HEADERS];
    size_t count;
} sorted_headers;

/* Insertion sort: the quickest for the handful there are, and it keeps equal names in order. */
static void sort_headers(const lk_sigv4_request *request, sorted_headers *sorted)
{
    sorted->count = LK_MIN(request->header_count, (size_t)MAX_HEADERS);
    for (size_t i = 0; i < sorted->count; i++) {
        const lk_name_value *header = &request->headers[i];
        size_t place = i;
        while (place > 0 && order_of_names(sorted->at[place - 1]->name, header->name) > 0) {
            sorted->at[place] = sorted->at[place - 1];
            place--;
        }
        sorted->at[place] = header;
    }
}

static bool repeats_name(const sorted_headers *sorted, size_t i)
{
    if (i == 0)
        return false;
    return order_of_names(sorted->at[i - 1]->name, sorted->at[i]->name) == 0;
}

static void add_lower(lk_buf *out, lk_slice name)
{
    if (!lk_buf_reserve(out, name.len))
        return;
    for (size_t i = 0; i < name.len; i++)
        out->ptr[out->len++] = lower(name.ptr[i]);
    out->ptr[out->len] = '\0';
}

/* Trimmed, and with runs of spaces made one. */
static void add_header_value(lk_buf *out, lk_slice value)
{
    value = lk_slice_trim(value);
    if (!lk_buf_reserve(out, value.len))
        return;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ') /* no trimmed value begins with one */
            out->ptr[out->len++] = value.ptr[i];
    }
    out->ptr[out->len] = '\0';
}

/* "name:value\n", values of one name joined by commas. */
static void add_canonical_headers(lk_buf *out, const sorted_headers *sorted)
{
    for (size_t i = 0; i < sorted->count; i++) {
        if (repeats_name(sorted, i)) {
            lk_buf_add_char(out, ',');
        } else {
            if (i > 0)
                lk_buf_add_char(out, '\n');
            add_lower(out, sorted->at[i]->name);
            lk_buf_add_char(out, ':');
        }
        add_header_value(out, sorted->at[i]->value);
    }
    if (sorted->count > 0)
        lk_buf_add_char(out, '\n');
}

/* "content-type;host;x-amz-date" */
static void add_signed_headers(lk_buf *out, const sorted_headers *sorted)
{
    for (size_t i = 0; i < sorted->count; i++) {
        if (repeats_name(sorted, i))
            continue;
        if (i > 0)
            lk_buf_add_char(out, ';');
        add_lower(out, sorted->at[i]->name);
    }
}

void lk_sigv4_canonical_request(const lk_sigv4_request *request, lk_buf *out)
{
    sorted_headers sorted;
    sort_headers(request, &sorted);
    lk_buf_add(out, request->method);
    lk_buf_add_char(out, '\n');
    add_canonical_path(out, request);
    lk_buf_add_char(out, '\n');
    add_canonical_query(out, request->query);
    lk_buf_add_char(out, '\n');
    add_canonical_headers(out, &sorted);
    lk_buf_add_char(out, '\n');
    add_signed_headers(out, &sorted);
    lk_buf_add_char(out, '\n');
    lk_buf_add(out, request->payload_hash);
}

/* --- 4. Signing key ------------------------------------------------------------------------- */

void lk_sigv4_key_clear(lk_sigv4_key *key)
{
    lk_zero(key, sizeof(*key));
}

static lk_slice digest_slice(const unsigned char digest[LK_SHA256_BYTES])
{
    return (lk_slice){(const char *)digest, LK_SHA256_BYTES};
}

/* key = HMAC(key, data) */
static bool hmac_step(unsigned char key[LK_SHA256_BYTES], lk_slice data)
{
    unsigned char next[LK_SHA256_BYTES];
    bool ok = lk_hmac_sha256(digest_slice(key), data, next);
    memcpy(key, next, sizeof(next));
    lk_zero(next, sizeof(next));
    return ok;
}

static bool derive_key(const lk_sigv4_request *request, lk_slice secret,
                       unsigned char key[LK_SHA256_BYTES])
{
    lk_slice day = {request->amz_date.ptr, DAY_LEN};
    lk_buf first = {0};
    lk_buf_add_str(&first, "AWS4");
    lk_buf_add(&first, secret);
    bool ok = !first.failed && lk_hmac_sha256(lk_buf_slice(&first), day, key) &&
              hmac_step(key, request->region) && hmac_step(key, request->service) &&
              hmac_step(key, LK_SLICE_LITERAL("aws4_request"));
    if (first.ptr)
        lk_zero(first.ptr, first.len);
    lk_buf_clear(&first);
    return ok;
}

/* Leaves the key of this secret, day, region and service in *cache. The secret is compared by its
 * digest: the cache outlives credentials that were replaced. */
static int find_key(const lk_sigv4_request *request, lk_slice secret, const char *scope,
                    lk_sigv4_key *cache, lk_err *err)
{
    unsigned char digest[LK_SHA256_BYTES];
    if (!lk_sha256(secret, digest))
        return LK_FAIL_NOMEM(err);
    if (cache->valid && strcmp(cache->scope, scope) == 0 &&
        lk_equal_constant_time(digest_slice(digest), digest_slice(cache->secret_digest)))
        return LK_OK;
    lk_sigv4_key_clear(cache);
    if (!derive_key(request, secret, cache->key)) {
        lk_sigv4_key_clear(cache);
        return LK_FAIL_NOMEM(err);
    }
    memcpy(cache->secret_digest, digest, sizeof(digest));
    lk_slice_copy(lk_slice_of(scope), cache->scope, sizeof(cache->scope));
    cache->valid = true;
    return LK_OK;
}

/* --- 2. to 4. Signature --------------------------------------------------------------------- */

static int check_request(const lk_sigv4_request *request, lk_err *err)
{
    if (request->amz_date.len != AMZ_DATE_LEN)
        return LK_FAIL(err, LK_E_INVALID, "signing: \"%.*s\" is not a date like 20250102T030405Z",
                       LK_SLICE_FMT(request->amz_date));
    if (request->header_count > MAX_HEADERS)
        return LK_FAIL(err, LK_E_INVALID, "signing: %zu headers, at most %d can be signed",
                       request->header_count, MAX_HEADERS);
    return LK_OK;
}

/* "20250102/us-east-1/sqs/aws4_request" */
static int make_scope(const lk_sigv4_request *request, char *scope, size_t capacity, lk_err *err)
{
    lk_slice parts[] = {{request->amz_date.ptr, DAY_LEN},
                        LK_SLICE_LITERAL("/"),
                        request->region,
                        LK_SLICE_LITERAL("/"),
                        request->service,
                        LK_SLICE_LITERAL("/aws4_request")};
    size_t len = 0;
    for (size_t i = 0; i < LK_COUNT(parts); i++) {
        if (!lk_slice_copy(parts[i], scope + len, capacity - len))
            return LK_FAIL(err, LK_E_INVALID, "signing: the name of the region is too long");
        len += parts[i].len;
    }
    return LK_OK;
}

static int hash_canonical_request(const lk_sigv4_request *request, char hex[LK_SHA256_HEX_SIZE],
                                  lk_err *err)
{
    lk_buf canonical = {0};
    lk_buf_reserve(&canonical, CANONICAL_BYTES);
    lk_sigv4_canonical_request(request, &canonical);
    bool ok = !canonical.failed && lk_sha256_hex(lk_buf_slice(&canonical), hex);
    lk_buf_clear(&canonical);
    return ok ? LK_OK : LK_FAIL_NOMEM(err);
}

static int sign_text(lk_slice amz_date, const lk_sigv4_key *key, const char *request_hash,
                     char signature[LK_SIGV4_HEX_SIZE], lk_err *err)
{
    char text[sizeof(ALGORITHM) + AMZ_DATE_LEN + sizeof(key->scope) + LK_SHA256_HEX_SIZE + 2];
    lk_slice lines[] = {LK_SLICE_LITERAL(ALGORITHM), amz_date, lk_slice_of(key->scope),
                        lk_slice_of(request_hash)};
    size_t len = 0;
    for (size_t i = 0; i < LK_COUNT(lines); i++) {
        if (i > 0)
            text[len++] = '\n';
        memcpy(text + len, lines[i].ptr, lines[i].len);
        len += lines[i].len;
    }
    unsigned char digest[LK_SHA256_BYTES];
    if (!lk_hmac_sha256(digest_slice(key->key), (lk_slice){text, len}, digest))
        return LK_FAIL_NOMEM(err);
    lk_hex(digest, sizeof(digest), signature);
    return LK_OK;
}

int lk_sigv4_sign(const lk_sigv4_request *request, lk_slice secret_access_key, lk_sigv4_key *cache,
                  char signature[LK_SIGV4_HEX_SIZE], lk_err *err)
{
    char scope[sizeof(cache->scope)];
    char request_hash[LK_SHA256_HEX_SIZE];
    signature[0] = '\0';
    int rc = check_request(request, err);
    if (rc == LK_OK)
        rc = make_scope(request, scope, sizeof(scope), err);
    if (rc == LK_OK)
        rc = find_key(request, secret_access_key, scope, cache, err);
    if (rc == LK_OK)
        rc = hash_canonical_request(request, request_hash, err);
    if (rc == LK_OK)
        rc = sign_text(request->amz_date, cache, request_hash, signature, err);
    return rc;
}

/* --- 5. Authorization ----------------------------------------------------------------------- */

int lk_sigv4_authorization(const lk_sigv4_request *request, lk_slice access_key_id,
                           lk_slice secret_access_key, lk_sigv4_key *cache, lk_buf *out,
                           lk_err *err)
{
    char signature[LK_SIGV4_HEX_SIZE];
    int rc = lk_sigv4_sign(request, secret_access_key, cache, signature, err);
    if (rc != LK_OK)
        return rc;
    sorted_headers sorted;
    sort_headers(request, &sorted);
    lk_buf_add_str(out, ALGORITHM " Credential=");
    lk_buf_add(out, access_key_id);
    lk_buf_add_char(out, '/');
    lk_buf_add_str(out, cache->scope);
    lk_buf_add_str(out, ", SignedHeaders=");
    add_signed_headers(out, &sorted);
    lk_buf_add_str(out, ", Signature=");
    lk_buf_add_str(out, signature);
    return lk_buf_check(out, err);
}
