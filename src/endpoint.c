/* SPDX-License-Identifier: MIT
 *
 * endpoint: regions, partitions, URLs and ARNs as text, and which endpoint is configured.
 */
#include "endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- URLs and ARNs -------------------------------------------------------------------------- */

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* Splits "host[:port]" or "[v6][:port]"; false when it is neither. */
static bool parse_authority(lk_slice authority, lk_url *url)
{
    lk_slice port = {NULL, 0};
    if (authority.len > 0 && authority.ptr[0] == '[') {
        const char *end = memchr(authority.ptr, ']', authority.len);
        if (!end)
            return false;
        url->host = (lk_slice){authority.ptr, (size_t)(end - authority.ptr) + 1};
        lk_slice rest = {end + 1, authority.len - url->host.len};
        if (rest.len > 0 && rest.ptr[0] != ':')
            return false;
        port = rest.len > 0 ? (lk_slice){rest.ptr + 1, rest.len - 1} : port;
    } else {
        port = lk_slice_cut(authority, ':', &url->host);
        for (size_t i = 0; i < url->host.len; i++) {
            if (!is_host_char(url->host.ptr[i]))
                return false;
        }
    }
    int64_t number = 0;
    if (port.ptr && (!lk_slice_to_int64(port, &number) || number < 1 || number > 65535))
        return false;
    url->port = port;
    return url->host.len > 0;
}

bool lk_url_parse(lk_slice text, lk_url *url)
{
    static const char *const schemes[] = {"https://", "http://"};
    memset(url, 0, sizeof(*url));
    for (size_t i = 0; i < LK_COUNT(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (!lk_slice_has_prefix(text, (lk_slice){schemes[i], len}))
            continue;
        url->scheme = (lk_slice){text.ptr, len - 3};
        lk_slice rest = {text.ptr + len, text.len - len};
        const char *slash = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
        size_t authority_len = slash ? (size_t)(slash - rest.ptr) : rest.len;
        url->path = (lk_slice){rest.ptr + authority_len, rest.len - authority_len};
        url->origin = (lk_slice){text.ptr, len + authority_len};
        return parse_authority((lk_slice){rest.ptr, authority_len}, url);
    }
    return false;
}

bool lk_arn_parse(lk_slice text, lk_arn *arn)
{
    lk_slice part[5];
    lk_slice rest = text;
    for (size_t i = 0; i < LK_COUNT(part); i++) {
        rest = lk_slice_cut(rest, ':', &part[i]);
        if (!rest.ptr)
            return false;
    }
    if (!lk_slice_equal_str(part[0], "arn") || !lk_slice_equal_str(part[2], "sqs"))
        return false;
    *arn = (lk_arn){.partition = part[1], .region = part[3], .account = part[4], .name = rest};
    return arn->partition.len > 0 && arn->region.len > 0 && rest.len > 0 &&
           !memchr(rest.ptr, ':', rest.len);
}

/* --- Regions -------------------------------------------------------------------------------- */

/* Only what can stand in a host name: a region with other characters could name another host. */
static bool is_region(lk_slice region)
{
    if (region.len == 0 || region.len > 63)
        return false;
    for (size_t i = 0; i < region.len; i++) {
        char c = region.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return region.ptr[0] != '-' && region.ptr[region.len - 1] != '-';
}

int lk_endpoint_of_region(const char *service, lk_slice region, lk_buf *out, lk_err *err)
{
    if (!is_region(region))
        return LK_FAIL(err, LK_E_CONFIG,
                       "\"%.*s\" is not an AWS region; set AWS_REGION to one such as us-east-1",
                       LK_SLICE_FMT(region));
    /* aws-us-gov shares the suffix of aws; aws-cn has its own. */
    bool china = lk_slice_has_prefix(region, LK_SLICE_LITERAL("cn-"));
    lk_buf_addf(out, "https://%s.%.*s.amazonaws.com%s", service, LK_SLICE_FMT(region),
                china ? ".cn" : "");
    return lk_buf_check(out, err);
}

lk_slice lk_endpoint_region_of_host(lk_slice host)
{
    lk_slice first;
    lk_slice rest = lk_slice_cut(host, '.', &first);
    bool amazon = lk_slice_has_suffix(host, LK_SLICE_LITERAL(".amazonaws.com")) ||
                  lk_slice_has_suffix(host, LK_SLICE_LITERAL(".amazonaws.com.cn"));
    /* Legacy hosts: queue.amazonaws.com, REGION.queue.amazonaws.com[.cn]. */
    if (lk_slice_equal_str(host, "queue.amazonaws.com"))
        return LK_SLICE_LITERAL("us-east-1");
    if (amazon && lk_slice_has_prefix(rest, LK_SLICE_LITERAL("queue.")))
        return is_region(first) ? first : (lk_slice){NULL, 0};
    /* A label "sqs" names the region behind it, whoever serves the host: sqs.eu-west-1.…,
     * vpce-….sqs.eu-west-1.vpce.amazonaws.com, sqs.us-east-1.localhost. */
    for (lk_slice label = first; label.ptr; rest = lk_slice_cut(rest, '.', &label)) {
        if (lk_slice_equal_str(label, "sqs") || lk_slice_equal_str(label, "sqs-fips")) {
            lk_slice region;
            lk_slice behind = lk_slice_cut(rest, '.', &region);
            return behind.ptr && is_region(region) ? region : (lk_slice){NULL, 0};
        }
        if (!rest.ptr)
            break;
    }
    return (lk_slice){NULL, 0};
}

/* --- Configuration -------------------------------------------------------------------------- */

static const char *first_set(const char *const *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (candidates[i] && candidates[i][0] != '\0')
            return candidates[i];
    }
    return NULL;
}

/* AWS: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true switches environment and profile endpoints off. */
static bool ignores_configured(const lk_profile *profile)
{
    const char *const candidates[] = {
        lk_getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        profile ? lk_profile_get(profile, "ignore_configured_endpoint_urls") : NULL};
    return lk_is_true(first_set(candidates, LK_COUNT(candidates)));
}

/* AWS_ENDPOINT_URL_SQS */
static const char *service_variable(const char *service)
{
    char name[64] = "AWS_ENDPOINT_URL_";
    size_t len = strlen(name);
    for (; *service && len + 1 < sizeof(name); service++)
        name[len++] = (char)toupper((unsigned char)*service);
    name[len] = '\0';
    return lk_getenv(name);
}

int lk_endpoint_fixed(const char *service, const char *option, const lk_profile *profile,
                      lk_buf *out, lk_err *err)
{
    bool ignore = ignores_configured(profile);
    const char *const candidates[] = {
        option, ignore ? NULL : service_variable(service),
        ignore ? NULL : lk_getenv("AWS_ENDPOINT_URL"),
        ignore || !profile ? NULL : lk_profile_service_get(profile, service, "endpoint_url"),
        ignore || !profile ? NULL : lk_profile_get(profile, "endpoint_url")};
    const char *value = first_set(candidates, LK_COUNT(candidates));
    lk_buf_reset(out);
    if (!value)
        return LK_OK;
    lk_slice text = lk_slice_trim(lk_slice_of(value));
    while (text.len > 0 && text.ptr[text.len - 1] == '/')
        text.len--;
    lk_url url;
    if (!lk_url_parse(text, &url))
        return LK_FAIL(err, LK_E_CONFIG,
                       "the endpoint \"%s\" is not a URL; it must look like "
                       "http://127.0.0.1:9324 or https://sqs.us-east-1.amazonaws.com",
                       value);
    lk_buf_add(out, text);
    return lk_buf_check(out, err);
}

int lk_endpoint_region(const char *option, const lk_profile *profile, lk_buf *out, lk_err *err)
{
    const char *const candidates[] = {option, lk_getenv("AWS_REGION"),
                                      lk_getenv("AWS_DEFAULT_REGION"),
                                      profile ? lk_profile_get(profile, "region") : NULL};
    const char *value = first_set(candidates, LK_COUNT(candidates));
    lk_buf_reset(out);
    if (!value)
        return LK_FAIL(err, LK_E_CONFIG,
                       "no AWS region is configured; set AWS_REGION, or region in the profile");
    lk_slice region = lk_slice_trim(lk_slice_of(value));
    if (!is_region(region))
        return LK_FAIL(err, LK_E_CONFIG,
                       "\"%s\" is not an AWS region; set AWS_REGION to one such as us-east-1",
                       value);
    lk_buf_add(out, region);
    return lk_buf_check(out, err);
}
