/* SPDX-License-Identifier: MIT
 *
 * sqs: writing and signing a request, reading its answer, deciding on another try.
 */
#include "sqs.h"

#include "json.h"
#include "sqs_error.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_BACKOFF_MS = 20000,            /* of the SDKs' standard retry mode */
    SKEW_TOLERANCE_MS = 4 * 60 * 1000, /* AWS refuses signatures five minutes off */
    REFETCH_AFTER_MS = 60 * 1000,      /* credentials called expired again sooner stay expired */
    MAX_HEADERS = 7
};

struct lk_sqs_pending {
    lk_http_transfer *transfer;
    const lk_env *env;
    int64_t started_mono_ms;
    int64_t skew_ms; /* it was signed with */
    char action[64];
    char host[128]; /* for messages */
    lk_sqs_expect expect;
};

/* --- Request -------------------------------------------------------------------------------- */

/* Everything of one request; buffers are ours, slices point into them or are borrowed. */
typedef struct request_parts {
    lk_buf url;
    lk_buf body;
    lk_buf amz_target;
    lk_buf authorization;
    lk_slice host;
    lk_slice path;
    char amz_date[17];
    lk_name_value headers[MAX_HEADERS];
    size_t header_count;
} request_parts;

static void clear_parts(request_parts *r)
{
    lk_buf_clear(&r->url);
    lk_buf_clear(&r->body);
    lk_buf_clear(&r->amz_target);
    lk_buf_clear(&r->authorization);
}

/* {"QueueUrl":…,members} */
static void write_body(lk_buf *out, lk_slice queue_url, lk_slice members)
{
    lk_json_writer w = {.out = out};
    lk_buf_reserve(out, members.len + queue_url.len + 32);
    lk_json_begin_object(&w);
    if (queue_url.ptr)
        lk_json_member_string(&w, "QueueUrl", queue_url);
    if (queue_url.ptr && members.len > 0)
        lk_buf_add_char(out, ',');
    lk_buf_add(out, members);
    lk_json_end_object(&w);
}

/* Like the Ruby SDK, a call on a queue's URL goes to that URL's path; by name, and wherever the
 * endpoint has a path of its own, it goes to the endpoint. SQS does not mind. */
static int write_url(request_parts *r, const lk_sqs_target *target, lk_err *err)
{
    lk_url endpoint;
    lk_url queue;
    if (!lk_url_parse(target->endpoint, &endpoint))
        return LK_FAIL(err, LK_E_CONFIG, "the endpoint \"%.*s\" is not a URL",
                       LK_SLICE_FMT(target->endpoint));
    lk_slice path = endpoint.path;
    if (path.len == 0 && lk_url_parse(target->queue_url, &queue))
        path = queue.path;
    if (path.len == 0)
        path = LK_SLICE_LITERAL("/");
    lk_buf_add(&r->url, endpoint.origin);
    lk_buf_add(&r->url, path);
    size_t scheme = endpoint.scheme.len + strlen("://");
    lk_slice url = lk_buf_slice(&r->url);
    if (url.len < endpoint.origin.len + path.len)
        return LK_FAIL_NOMEM(err);
    r->host = (lk_slice){url.ptr + scheme, endpoint.origin.len - scheme};
    r->path = (lk_slice){url.ptr + endpoint.origin.len, path.len};
    return 0;
}

static void add_header(request_parts *r, const char *name, lk_slice value)
{
    r->headers[r->header_count++] = (lk_name_value){lk_slice_of(name), value};
}

/* Adds the headers to sign, then Authorization over them, then those that stay unsigned. */
static int sign(lk_client *client, request_parts *r, lk_slice region, lk_err *err)
{
    const lk_credentials *credentials;
    int rc = lk_client_credentials(client, &credentials, err);
    if (rc)
        return rc;
    lk_client_signing *signing = lk_client_signing_state(client);
    const lk_env *env = lk_client_env(client);
    lk_time_format_amz(env->wall_ms(env->ctx) + signing->skew_ms, r->amz_date);
    add_header(r, "Content-Type", LK_SLICE_LITERAL("application/x-amz-json-1.0"));
    add_header(r, "Host", r->host);
    add_header(r, "X-Amz-Date", lk_slice_of(r->amz_date));
    add_header(r, "X-Amz-Target", lk_buf_slice(&r->amz_target));
    if (credentials->session_token)
        add_header(r, "X-Amz-Security-Token", lk_slice_of(credentials->session_token));
    char hash[LK_SHA256_HEX_SIZE];
    if (!lk_sha256_hex(lk_buf_slice(&r->body), hash))
        return LK_FAIL_NOMEM(err);
    lk_sigv4_request request = {.method = LK_SLICE_LITERAL("POST"),
                                .path = r->path,
                                .headers = r->headers,
                                .header_count = r->header_count,
                                .payload_hash = lk_slice_of(hash),
                                .amz_date = lk_slice_of(r->amz_date),
                                .region = region,
                                .service = LK_SLICE_LITERAL("sqs")};
    rc = lk_sigv4_authorization(&request, lk_slice_of(credentials->access_key_id),
                                lk_slice_of(credentials->secret_access_key), &signing->key,
                                &r->authorization, err);
    add_header(r, "Authorization", lk_buf_slice(&r->authorization));
    add_header(r, "x-amzn-query-mode", LK_SLICE_LITERAL("true")); /* errors in both spellings */
    return rc;
}

static int make_request(lk_client *client, const lk_sqs_target *target, const char *action,
                        lk_slice members, request_parts *r, lk_err *err)
{
    write_body(&r->body, target->queue_url, members);
    lk_buf_addf(&r->amz_target, "AmazonSQS.%s", action);
    int rc = lk_buf_check(&r->body, err);
    if (!rc)
        rc = lk_buf_check(&r->amz_target, err);
    if (!rc)
        rc = write_url(r, target, err);
    if (!rc)
        rc = sign(client, r, target->region, err);
    return rc;
}

static int expect_digests(const lk_client *client, const lk_sqs_target *target, lk_slice request,
                          lk_sqs_pending *pending, lk_err *err)
{
    pending->expect.count = 0;
    if (lk_client_config(client)->skip_md5)
        return 0;
    if (!target->expect)
        return lk_sqs_expect_of(pending->action, request, &pending->expect, err);
    pending->expect.count = LK_MIN(target->expect->count, (size_t)LK_SQS_BATCH_MAX);
    memcpy(pending->expect.entries, target->expect->entries,
           pending->expect.count * sizeof(pending->expect.entries[0]));
    return 0;
}

static lk_sqs_pending *pending_new(const lk_client *client, const char *action, lk_err *err)
{
    lk_sqs_pending *pending = malloc(sizeof(*pending));
    if (!pending) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    pending->env = lk_client_env(client);
    pending->started_mono_ms = pending->env->mono_ms(pending->env->ctx);
    pending->transfer = NULL;
    if (!lk_slice_copy(lk_slice_of(action), pending->action, sizeof(pending->action))) {
        LK_FAIL(err, LK_E_INVALID, "\"%.80s\" is not an SQS action", action);
        free(pending);
        return NULL;
    }
    return pending;
}

/* Fills err itself, or lets the steps do it; the caller sees whether a transfer was made. */
static int start(lk_client *client, const lk_sqs_target *target, lk_slice members,
                 lk_sqs_pending *pending, lk_err *err)
{
    request_parts r = {0};
    lk_http *http = lk_client_http(client, err);
    if (!http)
        return err->code;
    int rc = make_request(client, target, pending->action, members, &r, err);
    if (!rc)
        rc = expect_digests(client, target, lk_buf_slice(&r.body), pending, err);
    if (!rc) {
        lk_slice_copy(r.host, pending->host, sizeof(pending->host));
        pending->skew_ms = lk_client_signing_state(client)->skew_ms;
        lk_http_request request = {.method = "POST",
                                   .url = r.url.ptr,
                                   .headers = r.headers,
                                   .header_count = r.header_count,
                                   .body = lk_buf_slice(&r.body)};
        pending->transfer = lk_http_start(http, &request, err);
        rc = pending->transfer ? 0 : err->code;
    }
    clear_parts(&r);
    return rc;
}

int lk_sqs_start(lk_client *client, const lk_sqs_target *target, const char *action,
                 lk_slice members, lk_sqs_pending **pending, lk_err *err)
{
    lk_err failure = {0}; /* read here, so err may be NULL */
    *pending = NULL;
    lk_sqs_pending *made = pending_new(client, action, &failure);
    int rc = made ? start(client, target, members, made, &failure) : failure.code;
    if (rc) {
        free(made);
        if (err)
            *err = failure;
        return rc;
    }
    *pending = made;
    return 0;
}

bool lk_sqs_finished(const lk_sqs_pending *pending)
{
    return lk_http_finished(pending->transfer);
}

bool lk_sqs_written(const lk_sqs_pending *pending)
{
    return lk_http_written(pending->transfer);
}

int64_t lk_sqs_age_ms(const lk_sqs_pending *pending)
{
    return pending->env->mono_ms(pending->env->ctx) - pending->started_mono_ms;
}

void lk_sqs_cancel(lk_client *client, lk_sqs_pending *pending)
{
    if (!pending)
        return;
    lk_http *http = lk_client_http(client, NULL);
    if (http)
        lk_http_cancel(http, pending->transfer);
    free(pending);
}

/* --- Answer --------------------------------------------------------------------------------- */

static int read_success(const lk_sqs_pending *pending, const lk_http_response *answer,
                        bool check_digests, lk_buf *response, lk_err *err)
{
    lk_slice body = lk_slice_trim(lk_buf_slice(&answer->body));
    if (body.len == 0)
        body = LK_SLICE_LITERAL("{}"); /* void actions */
    if (body.ptr[0] != '{') {
        lk_sqs_error_read(answer, lk_slice_of(pending->host), err);
        return LK_E_SERVICE;
    }
    int rc = check_digests ? lk_sqs_digest_check(pending->action, &pending->expect, body, err) : 0;
    if (rc || !response)
        return rc;
    lk_buf_add(response, body);
    return lk_buf_check(response, err);
}

/* The Date header of a refusal tells how far the clocks are apart. */
static bool correct_skew(lk_client *client, const lk_sqs_pending *pending,
                         const lk_http_response *answer)
{
    int64_t server_ms;
    if (!lk_time_parse_http(lk_http_header(answer, "date"), &server_ms))
        return false;
    int64_t skew_ms = server_ms - pending->env->wall_ms(pending->env->ctx);
    int64_t off_ms = skew_ms - pending->skew_ms;
    if (off_ms <= SKEW_TOLERANCE_MS && off_ms >= -SKEW_TOLERANCE_MS)
        return false; /* the clock was right: it is something else */
    lk_client_signing_state(client)->skew_ms = skew_ms;
    return true;
}

static bool refetch_credentials(lk_client *client, const lk_sqs_pending *pending)
{
    lk_client_signing *signing = lk_client_signing_state(client);
    int64_t now_ms = pending->env->mono_ms(pending->env->ctx);
    if (signing->refused_mono_ms && now_ms - signing->refused_mono_ms < REFETCH_AFTER_MS)
        return false;
    signing->refused_mono_ms = now_ms;
    return lk_client_invalidate_credentials(client);
}

static int read_answer(lk_client *client, const lk_sqs_pending *pending,
                       const lk_http_response *answer, lk_buf *response, lk_err *err)
{
    if (answer->status / 100 == 2)
        return read_success(pending, answer, !lk_client_config(client)->skip_md5, response, err);
    int rc = lk_sqs_error_read(answer, lk_slice_of(pending->host), err);
    if (lk_sqs_error_is_skew(err))
        err->retriable = correct_skew(client, pending, answer);
    else if (lk_sqs_error_is_expired(err))
        err->retriable = refetch_credentials(client, pending);
    return rc;
}

static void note_call(lk_client *client, const lk_http_response *answer)
{
    lk_call_info *info = lk_client_call_info(client);
    info->attempts = 1;
    info->http_status = answer->status;
    info->duration_us = answer->duration_us;
    lk_slice_copy(lk_http_header(answer, "x-amzn-requestid"), info->request_id,
                  sizeof(info->request_id));
}

int lk_sqs_take(lk_client *client, lk_sqs_pending *pending, lk_buf *response, lk_err *err)
{
    lk_err failure = {0};
    lk_http_response answer = {0};
    lk_http *http = lk_client_http(client, &failure);
    int rc = http ? lk_http_take(http, pending->transfer, &answer, &failure) : failure.code;
    note_call(client, &answer);
    if (!rc)
        rc = read_answer(client, pending, &answer, response, &failure);
    if (rc)
        lk_err_prefix(&failure, "%s", pending->action);
    if (rc && err)
        *err = failure;
    lk_http_response_clear(&answer);
    free(pending);
    return rc;
}

/* --- Whole calls ---------------------------------------------------------------------------- */

int64_t lk_sqs_retry_delay_ms(lk_client *client, const lk_err *err, int attempt)
{
    if (!err->retriable || attempt >= lk_client_config(client)->max_attempts)
        return -1;
    if (lk_sqs_error_is_skew(err) || lk_sqs_error_is_expired(err))
        return 0; /* mended by lk_sqs_take */
    const lk_env *env = lk_client_env(client);
    uint32_t random = UINT32_MAX;
    if (!env->random(env->ctx, &random, sizeof(random)))
        random = UINT32_MAX;
    int64_t ceiling_ms = LK_MIN(INT64_C(1000) << LK_MIN(attempt - 1, 10), MAX_BACKOFF_MS);
    return (int64_t)(((uint64_t)ceiling_ms * (random + UINT64_C(1))) >> 32);
}

int lk_sqs_pause(lk_client *client, int64_t ms, lk_err *err)
{
    lk_err own = {0};
    const lk_env *env = lk_client_env(client);
    err = err ? err : &own;
    lk_http *http = lk_client_http(client, err);
    if (!http)
        return err->code;
    int64_t end_ms = env->mono_ms(env->ctx) + ms;
    for (int64_t left_ms = ms; left_ms > 0; left_ms = end_ms - env->mono_ms(env->ctx)) {
        int rc = lk_http_pump(http, left_ms, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int attempt_once(lk_client *client, const lk_sqs_target *target, const char *action,
                        lk_slice members, int64_t timeout_ms, lk_buf *response, lk_err *err)
{
    lk_sqs_pending *pending;
    lk_http *http = lk_client_http(client, err);
    if (!http)
        return err->code;
    int rc = lk_http_check_interrupt(http, err); /* rather now than when it is half done */
    if (!rc)
        rc = lk_sqs_start(client, target, action, members, &pending, err);
    if (rc)
        return lk_err_prefix(err, "%s", action);
    rc = lk_http_wait(http, pending->transfer, timeout_ms, err);
    if (rc) {
        lk_sqs_cancel(client, pending);
        return lk_err_prefix(err, "%s", action);
    }
    return lk_sqs_take(client, pending, response, err);
}

/* timeout_ms: of each attempt; deadline_ms: of them all, monotonic, INT64_MAX for none. */
static int run(lk_client *client, const lk_sqs_target *target, const char *action, lk_slice members,
               int64_t timeout_ms, int64_t deadline_ms, lk_buf *response, lk_err *err)
{
    const lk_env *env = lk_client_env(client);
    lk_call_info *info = lk_client_call_info(client);
    int64_t start_ms = env->mono_ms(env->ctx);
    int64_t delay_ms;
    lk_err failure;
    int attempt = 0;
    int rc;
    do {
        int64_t left_ms = deadline_ms - env->mono_ms(env->ctx);
        *info = (lk_call_info){0};
        rc = attempt_once(client, target, action, members, LK_MAX(LK_MIN(timeout_ms, left_ms), 1),
                          response, &failure);
        attempt++;
        delay_ms = rc ? lk_sqs_retry_delay_ms(client, &failure, attempt) : -1;
        if (delay_ms >= deadline_ms - env->mono_ms(env->ctx))
            delay_ms = -1;
        if (delay_ms > 0 && lk_sqs_pause(client, delay_ms, &failure)) {
            rc = failure.code;
            delay_ms = -1;
        }
    } while (delay_ms >= 0);
    info->attempts = attempt;
    if (rc || attempt > 1) /* a single answer has been timed more finely */
        info->duration_us = (env->mono_ms(env->ctx) - start_ms) * 1000;
    if (rc && err)
        *err = failure;
    return rc;
}

int lk_sqs_run(lk_client *client, const lk_sqs_target *target, const char *action, lk_slice members,
               int64_t extra_wait_s, lk_buf *response, lk_err *err)
{
    int64_t timeout_ms = lk_client_config(client)->timeout_ms + extra_wait_s * 1000;
    return run(client, target, action, members, timeout_ms, INT64_MAX, response, err);
}

int lk_sqs_run_within(lk_client *client, const lk_sqs_target *target, const char *action,
                      lk_slice members, int64_t total_ms, lk_buf *response, lk_err *err)
{
    const lk_env *env = lk_client_env(client);
    int64_t deadline_ms = env->mono_ms(env->ctx) + total_ms;
    return run(client, target, action, members, lk_client_config(client)->timeout_ms, deadline_ms,
               response, err);
}
