/* SPDX-License-Identifier: MIT
 *
 * extension: an internal Lambda extension that does nothing but be there.
 *
 * Lambda kills a function without a word, unless at least one extension is registered: then its
 * processes get SIGTERM first. An internal extension is registered by the function's own process
 * while it starts, and asks for no events. The function counts as started only when each extension
 * has asked for its next event; as there are none for it, that question is never answered. It is
 * sent here and left open for as long as the process lives, which takes no thread.
 */
#include "runtime_api.h"

#include <stdlib.h>

#define REGISTER_TIMEOUT_MS 2000
#define SEND_TIMEOUT_MS     2000

struct lk_extension {
    lk_http *http;
    lk_http_transfer *next; /* the question that nobody answers */
};

void lk_extension_free(lk_extension *extension)
{
    if (!extension)
        return;
    lk_http_free(extension->http); /* with the transfer */
    free(extension);
}

static int post_register(lk_extension *e, const char *host_port, const char *name,
                         lk_http_response *response, lk_err *err)
{
    lk_buf url = {0};
    int rc = lk_runtime_api_url(host_port, "/2020-01-01/extension/register", &url, err);
    lk_name_value headers[] = {
        {LK_SLICE_LITERAL("Lambda-Extension-Name"), lk_slice_of(name)},
        {LK_SLICE_LITERAL("Content-Type"), LK_SLICE_LITERAL("application/json")}};
    lk_http_request request = {.method = "POST",
                               .url = url.ptr,
                               .headers = headers,
                               .header_count = LK_COUNT(headers),
                               .body = LK_SLICE_LITERAL("{\"events\":[]}")};
    if (!rc)
        rc = lk_http_call(e->http, &request, REGISTER_TIMEOUT_MS, response, err);
    if (!rc && response->status != 200)
        rc = lk_runtime_api_refused(response, "to register an extension", err);
    lk_buf_clear(&url);
    return rc;
}

/* Until the question is with the kernel: what happens to it later is Lambda's business. An answer
 * now can only be a refusal. */
static int send_next(lk_extension *e, lk_err *err)
{
    int64_t until_ms = lk_mono_ms() + SEND_TIMEOUT_MS;
    int rc = 0;
    while (!rc && !lk_http_written(e->next) && lk_mono_ms() < until_ms)
        rc = lk_http_pump(e->http, 10, err);
    if (rc || (lk_http_written(e->next) && !lk_http_finished(e->next)))
        return rc;
    if (!lk_http_finished(e->next))
        return LK_FAIL(err, LK_E_TIMEOUT, "the Runtime API takes no call of an extension");
    lk_http_response response = {0};
    rc = lk_http_take(e->http, e->next, &response, err);
    e->next = NULL;
    if (!rc)
        rc = lk_runtime_api_refused(&response, "the extension's call for events", err);
    lk_http_response_clear(&response);
    return rc;
}

static int ask_next(lk_extension *e, const char *host_port, lk_slice identifier, lk_err *err)
{
    lk_buf url = {0};
    lk_err start_err = {0};
    int rc = lk_runtime_api_url(host_port, "/2020-01-01/extension/event/next", &url, err);
    lk_name_value headers[] = {{LK_SLICE_LITERAL("Lambda-Extension-Identifier"), identifier}};
    lk_http_request request = {
        .method = "GET", .url = url.ptr, .headers = headers, .header_count = LK_COUNT(headers)};
    if (!rc) {
        e->next = lk_http_start(e->http, &request, &start_err);
        rc = start_err.code;
        if (rc && err)
            *err = start_err;
    }
    lk_buf_clear(&url);
    return rc ? rc : send_next(e, err);
}

static int start(lk_extension *e, const char *host_port, const char *name, lk_err *err)
{
    lk_http_response response = {0};
    e->http = lk_http_new(&(lk_http_options){.no_proxy = true}, err);
    if (!e->http)
        return LK_E_NOMEM;
    int rc = post_register(e, host_port, name, &response, err);
    lk_slice identifier =
        rc ? (lk_slice){NULL, 0} : lk_http_header(&response, "Lambda-Extension-Identifier");
    if (!rc && identifier.len == 0)
        rc = LK_FAIL(err, LK_E_RUNTIME,
                     "the Runtime API registered an extension without giving it an identifier");
    if (!rc)
        rc = ask_next(e, host_port, identifier, err);
    lk_http_response_clear(&response);
    return rc;
}

lk_extension *lk_extension_register(const char *host_port, const char *name, lk_err *err)
{
    lk_extension *extension = calloc(1, sizeof(*extension));
    if (!extension) {
        LK_FAIL_NOMEM(err);
        return NULL;
    }
    if (start(extension, host_port, name, err)) {
        lk_extension_free(extension);
        return NULL;
    }
    return extension;
}
