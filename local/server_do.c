/* SPDX-License-Identifier: MIT
 *
 * server_do: an action on behalf of this program, as a request would carry it out, without HTTP.
 */
#include "proto_json.h"
#include "server_call.h"

#include <string.h>

typedef struct own_request {
    lk_server *server;
    lk_request request;
} own_request;

static int run(void *ctx, lk_store *store, lk_err *err)
{
    own_request *own = ctx;
    lk_poll poll = {.request = &own->request};
    (void)store;
    (void)err; /* a failure aborts the transaction, which tells lk_writer_call */
    (void)lk_polls_run(&own->server->polls, own->server->writer, &poll);
    return 0;
}

static int fail_by_fault(const lk_fault *fault, lk_err *err)
{
    const lk_fault_row *row = lk_fault_row_get(fault->code);
    lk_err_set(err, LK_E_SERVICE, "%.*s", LK_SLICE_FMT(fault->message));
    if (err) {
        err->http_status = row->http_status;
        lk_slice_copy(lk_slice_of(row->query_code), err->aws_code, sizeof err->aws_code);
        lk_slice_copy(lk_slice_of(strchr(row->json_type, '#') + 1), err->aws_type,
                      sizeof err->aws_type);
    }
    return LK_E_SERVICE;
}

static int carry_out(own_request *own, const lk_wire *wire, lk_err *err)
{
    lk_request *request = &own->request;
    int rc = lk_proto_json.parse(wire, request, err);
    if (rc == 0 && request->action->waits)
        return LK_FAIL(err, LK_E_INVALID, "%s may wait; only a client may call it",
                       request->action->name);
    if (rc == 0)
        rc = lk_action_check(request, err);
    if (rc == 0)
        rc = lk_writer_call(own->server->writer, run, own, err);
    if (rc == 0 && !request->fault.code)
        rc = lk_action_shape(request, err);
    if (rc < 0)
        return rc;
    return request->fault.code ? fail_by_fault(&request->fault, err) : 0;
}

int lk_server_do(lk_server *server, const char *action, lk_slice params, lk_buf *answer,
                 lk_err *err)
{
    own_request own = {.server = server};
    lk_buf target = {0};
    lk_buf_addf(&target, "AmazonSQS.%s", action);
    lk_request_init(&own.request, &server->env);
    own.request.base_url = lk_slice_of(server->url);
    own.request.sender_id = lk_slice_of(server->account);
    lk_wire wire = {.target = lk_buf_slice(&target), .body = params};
    int rc = lk_buf_check(&target, err);
    if (rc == 0)
        rc = carry_out(&own, &wire, err);
    if (rc == 0 && answer) {
        lk_proto_json.render(&own.request, answer);
        rc = lk_buf_check(answer, err);
    }
    lk_request_clear(&own.request);
    lk_buf_clear(&target);
    return rc;
}
