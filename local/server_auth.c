/* SPDX-License-Identifier: MIT
 *
 * server_auth: whose request this is: not a web page's, and where the server was given a key pair,
 * that of who has it.
 */
#include "server_call.h"

#include <string.h>

/* --- Web pages ------------------------------------------------------------------------------ */

/* "sqs.test:9324" gives "sqs.test"; "[::1]:9324" itself. */
static lk_slice without_port(lk_slice host)
{
    lk_slice name;
    if (host.len > 0 && host.ptr[0] == '[')
        return host;
    lk_slice_cut(host, ':', &name);
    return name;
}

static bool is_address(lk_slice name)
{
    if (name.len > 0 && name.ptr[0] == '[')
        return true;
    for (size_t i = 0; i < name.len; i++)
        if (!strchr("0123456789.", name.ptr[i]))
            return false;
    return true;
}

/* Whether the name in Host is none that anybody can register: an address, a name of this machine or
 * its network, a reserved one. */
static bool has_private_host(const lk_server_call *call)
{
    static const char *const reserved[] = {".localhost", ".local", ".internal", ".test"};
    lk_slice name = without_port(lk_server_header(call, "Host"));
    if (is_address(name) || !memchr(name.ptr, '.', name.len))
        return true;
    for (size_t i = 0; i < LK_COUNT(reserved); i++)
        if (lk_slice_has_suffix(name, lk_slice_of(reserved[i])))
            return true;
    return false;
}

/* Only browsers send these headers; "none": somebody typed the URL. They leave both out of a GET
 * when a page asks for its own site over plain HTTP, as one can whose name was made to point here;
 * that name stands in Host then. */
bool lk_server_from_web_page(const lk_server_call *call)
{
    lk_slice site = lk_server_header(call, "Sec-Fetch-Site");
    if (lk_server_header(call, "Origin").ptr || (site.ptr && !lk_slice_equal_str(site, "none")))
        return true;
    return call->server->trusts_everyone && !call->is_post && !has_private_host(call);
}

/* --- Signatures ----------------------------------------------------------------------------- */

int lk_server_auth(lk_server_call *call)
{
    lk_server *server = call->server;
    lk_request *request = &call->request;
    if (!lk_auth_wanted(&server->auth))
        return 0;
    lk_auth_request signed_request = {
        .method = call->method,
        .path = call->raw_path,
        .query = call->query,
        .headers = lk_server_headers(call, &signed_request.header_count),
        .body = lk_buf_slice(&call->in),
    };
    if (!signed_request.headers)
        return LK_E_NOMEM;
    return lk_auth_check(&server->auth, &signed_request, lk_wall_ms(), &request->arena,
                         &request->fault);
}
