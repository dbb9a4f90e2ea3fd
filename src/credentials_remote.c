/* SPDX-License-Identifier: MIT
 *
 * credentials_remote: the two HTTP sources of temporary credentials that stand near the machine.
 */
#include "credentials_remote.h"

#include "endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define REMOTE_TIMEOUT_MS 1000

/* One request; the body of a 200 is appended to *body, anything else is an error that names `from`
 * and the status but never the body, which may hold secrets. */
static int fetch(lk_http *http, lk_http_request *request, const char *from, lk_buf *body,
                 lk_err *err)
{
    request->direct = true;
    lk_http_response response = {0};
    int rc = lk_http_call(http, request, REMOTE_TIMEOUT_MS, &response, err);
    if (rc == LK_E_INTERRUPTED || rc == LK_E_NOMEM)
        goto out;
    if (rc != LK_OK) {
        lk_err_prefix(err, "no credentials from %s", from);
        if (err)
            err->code = LK_E_CREDENTIALS;
        rc = LK_E_CREDENTIALS;
    } else if (response.status != 200) {
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "no credentials from %s: it answered HTTP %d", from,
                     response.status);
        if (err)
            err->http_status = response.status;
    } else {
        lk_buf_add(body, lk_buf_slice(&response.body));
        rc = lk_buf_check(body, err);
    }
out:
    lk_buf_wipe(&response.body);
    lk_http_response_clear(&response);
    return rc;
}

/* --- Container endpoint --------------------------------------------------------------------- */

bool lk_credentials_has_container(void)
{
    return lk_getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
           lk_getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
}

/* Whether host is loopback (127.0.0.0/8, ::1) or one of the container agents' fixed addresses. */
static bool is_agent_address(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        uint32_t address = ntohl(v4.s_addr);
        return address >> 24 == 127 || address == 0xa9feaa02 /* 169.254.170.2 */ ||
               address == 0xa9feaa17 /* 169.254.170.23 */;
    }
    static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
    struct in6_addr v6;
    struct in6_addr eks;
    if (inet_pton(AF_INET6, host, &v6) != 1 || inet_pton(AF_INET6, "fd00:ec2::23", &eks) != 1)
        return false;
    return memcmp(&v6, &loopback, sizeof(v6)) == 0 || memcmp(&v6, &eks, sizeof(v6)) == 0;
}

/* AWS: plain http only to this machine and to the container agents, so that nobody can be made to
 * send the token elsewhere. lk_url_parse knows no "user@", which would hide the true host. */
static bool is_allowed_url(const char *text)
{
    lk_url url;
    char host[64];
    if (!lk_url_parse(lk_slice_of(text), &url))
        return false;
    if (lk_slice_equal_str(url.scheme, "https") || lk_slice_equal_str(url.host, "localhost"))
        return true;
    lk_slice bare = url.host;
    if (bare.ptr[0] == '[')
        bare = (lk_slice){bare.ptr + 1, bare.len - 2};
    return lk_slice_copy(bare, host, sizeof(host)) && is_agent_address(host);
}

static int container_url(lk_buf *url, lk_err *err)
{
    const char *relative = lk_getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = lk_getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative)
        lk_buf_addf(url, "http://169.254.170.2%s", relative);
    else
        lk_buf_add_str(url, full);
    int rc = lk_buf_check(url, err);
    if (rc == LK_OK && (relative ? relative[0] != '/' : !is_allowed_url(url->ptr)))
        rc = LK_FAIL(err, LK_E_CREDENTIALS,
                     relative ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not allowed: it must "
                                "begin with a slash"
                              : "AWS_CONTAINER_CREDENTIALS_FULL_URI is not allowed: it must be "
                                "https, or http to loopback or a container agent's address");
    return rc;
}

/* The file is read each time: agents rotate it. */
static int container_token(lk_buf *token, lk_err *err)
{
    const char *path = lk_getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *text = lk_getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (path) {
        int rc =
            lk_credentials_read_token(path, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token, err);
        if (rc)
            return rc;
    } else if (text) {
        lk_buf_add_str(token, text);
    }
    int rc = lk_buf_check(token, err);
    if (rc == LK_OK && token->len > 0 && strpbrk(token->ptr, "\r\n"))
        rc = LK_FAIL(err, LK_E_CREDENTIALS, "the container authorization token holds a line break");
    return rc;
}

int lk_credentials_fetch_container(lk_http *http, lk_credentials *credentials, lk_err *err)
{
    static const char from[] = "the container credentials endpoint";
    lk_buf url = {0};
    lk_buf token = {0};
    lk_buf body = {0};
    int rc = container_url(&url, err);
    if (rc == LK_OK)
        rc = container_token(&token, err);
    if (rc == LK_OK) {
        lk_name_value header = {LK_SLICE_LITERAL("Authorization"), lk_buf_slice(&token)};
        lk_http_request request = {.method = "GET",
                                   .url = url.ptr,
                                   .headers = &header,
                                   .header_count = token.len > 0 ? 1 : 0};
        rc = fetch(http, &request, from, &body, err);
    }
    if (rc == LK_OK)
        rc = lk_credentials_read_json(lk_buf_slice(&body), from, "Token", credentials, err);
    if (rc == LK_OK)
        credentials->source = "container endpoint";
    lk_buf_wipe(&token);
    lk_buf_wipe(&body);
    lk_buf_clear(&url);
    return rc;
}

/* --- Instance metadata (IMDSv2) ------------------------------------------------------------- */

static const char *instance_base(void)
{
    const char *endpoint = lk_getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = lk_getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    if (endpoint)
        return endpoint;
    bool ipv6 = mode && (strcmp(mode, "IPv6") == 0 || strcmp(mode, "ipv6") == 0);
    return ipv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
}

/* method on base + path with one header; path2 is appended to path (a role's name). */
static int ask_instance(lk_http *http, const char *method, const char *path, lk_slice path2,
                        lk_name_value header, lk_buf *body, lk_err *err)
{
    lk_buf url = {0};
    lk_slice base = lk_slice_of(instance_base());
    while (base.len > 0 && base.ptr[base.len - 1] == '/')
        base.len--;
    lk_buf_add(&url, base);
    lk_buf_add_str(&url, path);
    lk_uri_encode(&url, path2, false);
    int rc = lk_buf_check(&url, err);
    if (rc == LK_OK) {
        lk_http_request request = {
            .method = method, .url = url.ptr, .headers = &header, .header_count = 1};
        rc = fetch(http, &request, "the instance metadata service", body, err);
    }
    lk_buf_clear(&url);
    return rc;
}

int lk_credentials_fetch_instance(lk_http *http, lk_credentials *credentials, lk_err *err)
{
    static const char roles[] = "/latest/meta-data/iam/security-credentials/";
    if (lk_is_true(lk_getenv("AWS_EC2_METADATA_DISABLED")))
        return LK_FAIL(err, LK_E_CREDENTIALS,
                       "the instance metadata service is switched off by "
                       "AWS_EC2_METADATA_DISABLED");
    lk_buf token = {0};
    lk_buf role = {0};
    lk_buf body = {0};
    lk_slice none = {NULL, 0};
    lk_name_value ttl = {LK_SLICE_LITERAL("X-aws-ec2-metadata-token-ttl-seconds"),
                         LK_SLICE_LITERAL("21600")};
    int rc = ask_instance(http, "PUT", "/latest/api/token", none, ttl, &token, err);
    lk_name_value with_token = {LK_SLICE_LITERAL("X-aws-ec2-metadata-token"),
                                lk_slice_trim(lk_buf_slice(&token))};
    if (rc == LK_OK)
        rc = ask_instance(http, "GET", roles, none, with_token, &role, err);
    if (rc == LK_OK) {
        lk_slice name;
        lk_slice_cut(lk_buf_slice(&role), '\n', &name);
        rc = ask_instance(http, "GET", roles, lk_slice_trim(name), with_token, &body, err);
    }
    if (rc == LK_OK)
        rc = lk_credentials_read_json(lk_buf_slice(&body), "the instance metadata service", "Token",
                                      credentials, err);
    if (rc == LK_OK)
        credentials->source = "instance metadata";
    lk_buf_wipe(&token);
    lk_buf_wipe(&body);
    lk_buf_clear(&role);
    return rc;
}
