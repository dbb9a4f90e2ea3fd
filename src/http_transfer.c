/* SPDX-License-Identifier: MIT
 *
 * http_transfer: see the header. In the order of an exchange: the handle, the request, what
 * arrives, what went wrong.
 */
#include "http_transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    KEEPALIVE_S = 20, /* probes on a silent connection: a vanished host shows in minutes */
    /* Ten messages of 1 MiB, whose characters are escaped in JSON, as 2 to 6 bytes each. Lambda's
     * events stay below 6 MiB. */
    MAX_BODY_BYTES = 64 << 20,
    MAX_HEADER_BYTES = 256 << 10,
    KEEP_BYTES = 64 << 10 /* of a request's body, for the next one */
};

/* --- Callbacks for what arrives ------------------------------------------------------------- */

static size_t collect_body(char *data, size_t size, size_t count, void *ctx)
{
    lk_http_transfer *t = ctx;
    size_t len = size * count;
    if (t->response.body.len + len > MAX_BODY_BYTES) {
        t->too_large = true;
        return 0;
    }
    lk_buf_add(&t->response.body, (lk_slice){data, len});
    return t->response.body.failed ? 0 : len;
}

static size_t collect_header(char *data, size_t size, size_t count, void *ctx)
{
    lk_http_transfer *t = ctx;
    lk_slice line = {data, size * count};
    if (lk_slice_has_prefix(line, LK_SLICE_LITERAL("HTTP/")))
        lk_buf_reset(&t->response.headers); /* the answer behind a 1xx */
    if (t->response.headers.len + line.len > MAX_HEADER_BYTES) {
        t->too_large = true;
        return 0;
    }
    lk_buf_add(&t->response.headers, line);
    return t->response.headers.failed ? 0 : line.len;
}
/* --- The handle ----------------------------------------------------------------------------- */

/* A libcurl that is older than its headers here, or built without a feature, lacks options. */
static CURLcode if_known(CURLcode rc)
{
    return rc == CURLE_UNKNOWN_OPTION || rc == CURLE_NOT_BUILT_IN ? CURLE_OK : rc;
}

/* The options that stay the same for the life of an easy handle. TRY: work goes on without it. */
static CURLcode configure_easy(lk_http_transfer *t)
{
    const lk_http_setup *setup = t->setup;
    CURLcode rc = CURLE_OK;
#define SET(option, value)                                                                         \
    if (rc == CURLE_OK)                                                                            \
    rc = curl_easy_setopt(t->easy, (option), (value))
#define TRY(option, value)                                                                         \
    if (rc == CURLE_OK)                                                                            \
    rc = if_known(curl_easy_setopt(t->easy, (option), (value)))
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* set_url refuses others, and no redirect is followed: this is the second lock. */
#if LIBCURL_VERSION_NUM >= 0x075500
    TRY(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Else dropping a transfer waits for its name lookup, however long getaddrinfo takes. */
    TRY(CURLOPT_QUICK_EXIT, 1L);
#endif
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)setup->connect_timeout_ms);
    TRY(CURLOPT_MAXAGE_CONN, (long)(setup->idle_max_ms / 1000 + 1));
    SET(CURLOPT_TCP_NODELAY, 1L);
    TRY(CURLOPT_TCP_KEEPALIVE, 1L);
    TRY(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    TRY(CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    TRY(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_WRITEFUNCTION, collect_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, collect_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_OPENSOCKETFUNCTION, setup->open_socket);
    SET(CURLOPT_OPENSOCKETDATA, setup->socket_ctx);
    SET(CURLOPT_CLOSESOCKETFUNCTION, setup->close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, setup->socket_ctx);
    if (setup->user_agent)
        SET(CURLOPT_USERAGENT, setup->user_agent);
    if (setup->ca_bundle) {
        SET(CURLOPT_CAINFO, setup->ca_bundle);
        TRY(CURLOPT_PROXY_CAINFO, setup->ca_bundle);
    }
#undef SET
#undef TRY
    return rc;
}

void lk_http_transfer_free(lk_http_transfer *t, bool with_easy)
{
    if (!t)
        return;
    if (with_easy)
        curl_easy_cleanup(t->easy);
    lk_buf_clear(&t->url);
    lk_buf_clear(&t->request_body);
    lk_buf_wipe(&t->header_text); /* Authorization, security token */
    free(t->header_nodes);
    lk_http_response_clear(&t->response);
    free(t);
}

lk_http_transfer *lk_http_transfer_new(const lk_http_setup *setup, lk_err *err)
{
    lk_http_transfer *t = calloc(1, sizeof(*t));
    if (!t) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    t->setup = setup;
    t->easy = curl_easy_init();
    CURLcode rc = t->easy ? configure_easy(t) : CURLE_OUT_OF_MEMORY;
    if (rc != CURLE_OK) {
        LK_FAIL(err, rc == CURLE_OUT_OF_MEMORY ? LK_E_NOMEM : LK_E_INTERNAL,
                "libcurl refused an option: %s", curl_easy_strerror(rc));
        lk_http_transfer_free(t, true);
        return NULL;
    }
    return t;
}

void lk_http_transfer_reset(lk_http_transfer *t)
{
    lk_http_response_clear(&t->response);
    if (t->secret)
        lk_buf_wipe(&t->request_body);
    else if (t->request_body.cap > KEEP_BYTES)
        lk_buf_clear(&t->request_body);
    t->secret = false;
    t->finished = false;
    t->too_large = false;
    t->error[0] = '\0';
}

/* --- Preparing a request -------------------------------------------------------------------- */

static bool header_text_is_clean(lk_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static void add_header_line(lk_http_transfer *t, lk_slice name, lk_slice value)
{
    lk_buf_add(&t->header_text, name);
    /* curl's notation: "Name:" removes a header of its own, "Name;" sends one without value. */
    if (value.len == 0) {
        lk_buf_add_char(&t->header_text, ';');
    } else {
        lk_buf_add_str(&t->header_text, ": ");
        lk_buf_add(&t->header_text, value);
    }
    lk_buf_add_char(&t->header_text, '\0');
}

/* Strings the nodes over header_text, which holds `count` lines and does not move any more. */
static int link_headers(lk_http_transfer *t, size_t count, lk_err *err)
{
    int rc = lk_buf_check(&t->header_text, err);
    if (rc)
        return rc;
    if (count > t->header_capacity) {
        struct curl_slist *grown = realloc(t->header_nodes, count * sizeof(*grown));
        if (!grown)
            return LK_FAIL_NOMEM(err);
        t->header_nodes = grown;
        t->header_capacity = count;
    }
    char *line = t->header_text.ptr;
    for (size_t i = 0; i < count; i++) {
        t->header_nodes[i].data = line;
        t->header_nodes[i].next = i + 1 < count ? &t->header_nodes[i + 1] : NULL;
        line += strlen(line) + 1;
    }
    return 0;
}

static int set_headers(lk_http_transfer *t, const lk_http_request *request, lk_err *err)
{
    bool typed = false;
    lk_buf_reset(&t->header_text);
    for (size_t i = 0; i < request->header_count; i++) {
        lk_name_value header = request->headers[i];
        if (!header_text_is_clean(header.name) || !header_text_is_clean(header.value))
            return LK_FAIL(err, LK_E_INVALID,
                           "header %.*s holds a line break or another control character",
                           LK_SLICE_FMT(header.name));
        if (header.name.len == 12 && strncasecmp(header.name.ptr, "content-type", 12) == 0)
            typed = true;
        add_header_line(t, header.name, header.value);
    }
    size_t count = request->header_count;
    /* Waiting for "100 Continue" costs a round trip; our bodies are small. */
    lk_buf_add(&t->header_text, (lk_slice){"Expect:", sizeof("Expect:")});
    count++;
    if (!typed) {
        lk_buf_add(&t->header_text, (lk_slice){"Content-Type:", sizeof("Content-Type:")});
        count++;
    }
    return link_headers(t, count, err);
}

static int set_url(lk_http_transfer *t, const char *url, lk_err *err)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return LK_FAIL(err, LK_E_INVALID, "not an http or https URL: %.200s", url);
    if (t->url.ptr && lk_slice_equal_str(lk_buf_slice(&t->url), url))
        return 0;
    lk_buf_reset(&t->url);
    lk_buf_add_str(&t->url, url);
    int rc = lk_buf_check(&t->url, err);
    if (rc)
        return rc;
    if (curl_easy_setopt(t->easy, CURLOPT_URL, url) != CURLE_OK) {
        lk_buf_reset(&t->url);
        return LK_FAIL_NOMEM(err);
    }
    return 0;
}

/* The method and the body, which is sent from our copy. */
static int set_method(lk_http_transfer *t, const lk_http_request *request, lk_err *err)
{
    lk_buf_reset(&t->request_body);
    lk_buf_add(&t->request_body, request->body);
    int rc = lk_buf_check(&t->request_body, err);
    if (rc)
        return rc;
    bool get = strcmp(request->method, "GET") == 0 && request->body.len == 0;
    bool post = strcmp(request->method, "POST") == 0;
    CURLcode code;
    if (get) {
        code = curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
    } else {
        code = curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
        if (code == CURLE_OK)
            code = curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                    (curl_off_t)request->body.len);
        if (code == CURLE_OK)
            code = curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS,
                                    t->request_body.ptr ? t->request_body.ptr : "");
    }
    if (code == CURLE_OK)
        code =
            curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, get || post ? NULL : request->method);
    return code == CURLE_OK ? 0 : LK_FAIL_NOMEM(err);
}

int lk_http_transfer_prepare(lk_http_transfer *t, const lk_http_request *request, lk_err *err)
{
    int rc = set_url(t, request->url, err);
    if (rc == 0)
        rc = set_method(t, request, err);
    if (rc == 0)
        rc = set_headers(t, request, err);
    if (rc)
        return rc;
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->header_nodes);
    /* "": none; NULL: as the environment says. */
    const char *proxy = request->direct || t->setup->no_proxy ? "" : NULL;
    if (if_known(curl_easy_setopt(t->easy, CURLOPT_PROXY, proxy)) != CURLE_OK)
        return LK_FAIL_NOMEM(err);
    t->secret = request->secret;
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L);
    return 0;
}
/* --- The result ----------------------------------------------------------------------------- */

void lk_http_transfer_finish(lk_http_transfer *t, CURLcode result)
{
    long status = 0;
    curl_off_t total_us = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    t->result = result;
    t->response.status = (int)status;
    t->response.duration_us = total_us;
    t->finished = true;
}

lk_slice lk_http_transfer_host(const lk_http_transfer *t)
{
    const char *url = t->url.ptr;
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t len = strcspn(host, "/?#");
    const char *at = memchr(host, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    return (lk_slice){host, len};
}

bool lk_http_transfer_sent(const lk_http_transfer *t)
{
    long sent = 0;
    curl_off_t ready_us = 0;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent); /* a proxy's CONNECT counts too … */
    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us); /* … but not here */
    return sent > 0 && ready_us > 0;
}

static int fail_tls(const lk_http_transfer *t, const char *why, lk_err *err)
{
    int rc = LK_E_TLS;
    lk_slice host = lk_http_transfer_host(t);
    if (t->result == CURLE_SSL_CONNECT_ERROR) {
        /* May be a hang-up in mid-handshake: nothing was sent, another try does no harm. */
        LK_FAIL(err, rc, "TLS with %.*s failed: %s. Does that port speak TLS?", LK_SLICE_FMT(host),
                why);
        if (err)
            err->retriable = true;
    } else if (t->result == CURLE_SSL_CACERT_BADFILE) {
        LK_FAIL(err, rc, "the CA bundle %s cannot be used: %s. Check AWS_CA_BUNDLE",
                t->setup->ca_bundle ? t->setup->ca_bundle : "of libcurl", why);
    } else {
        LK_FAIL(err, rc,
                "the certificate of %.*s is not trusted: %s. For a private CA set AWS_CA_BUNDLE "
                "to its PEM file",
                LK_SLICE_FMT(host), why);
    }
    return rc;
}

static int fail_unsent(const lk_http_transfer *t, const char *why, lk_err *err)
{
    lk_slice host = lk_http_transfer_host(t);
    switch (t->result) {
    case CURLE_OPERATION_TIMEDOUT:
        return LK_FAIL(err, LK_E_TIMEOUT,
                       "no connection to %.*s within %lld ms; check the address, security groups "
                       "and routes",
                       LK_SLICE_FMT(host), (long long)t->setup->connect_timeout_ms);
    case CURLE_COULDNT_RESOLVE_HOST:
        return LK_FAIL(err, LK_E_CONNECT, "the name of %.*s cannot be resolved; check it, and DNS",
                       LK_SLICE_FMT(host));
    case CURLE_COULDNT_RESOLVE_PROXY:
        return LK_FAIL(err, LK_E_CONNECT,
                       "the proxy for %.*s cannot be resolved; check https_proxy, http_proxy and "
                       "no_proxy",
                       LK_SLICE_FMT(host));
    default:
        return LK_FAIL(err, LK_E_CONNECT,
                       "cannot connect to %.*s: %s. Check the address, and that it is up",
                       LK_SLICE_FMT(host), why);
    }
}

int lk_http_transfer_fail(const lk_http_transfer *t, lk_err *err)
{
    const char *why = t->error[0] ? t->error : curl_easy_strerror(t->result);
    switch (t->result) {
    case CURLE_OUT_OF_MEMORY:
        return LK_FAIL_NOMEM(err);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return LK_FAIL(err, LK_E_INVALID, "not a usable URL: %.200s (%s)", t->url.ptr, why);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return fail_tls(t, why, err);
    default:
        break;
    }
    if (t->too_large) {
        LK_FAIL(err, LK_E_HTTP, "the answer of %.*s is larger than %d MiB",
                LK_SLICE_FMT(lk_http_transfer_host(t)), MAX_BODY_BYTES >> 20);
        if (err)
            err->retriable = false;
        return LK_E_HTTP;
    }
    if (t->response.body.failed || t->response.headers.failed)
        return LK_FAIL_NOMEM(err);
    if (!lk_http_transfer_sent(t))
        return fail_unsent(t, why, err);
    return LK_FAIL(err, LK_E_HTTP,
                   "the connection to %.*s failed before its answer was complete: %s. The request "
                   "may have been carried out",
                   LK_SLICE_FMT(lk_http_transfer_host(t)), why);
}
