/* SPDX-License-Identifier: MIT
 *
 * server_auth: whose request this is, where the server was given a key pair.
 */
#include "server_call.h"

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
