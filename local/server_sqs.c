/* SPDX-License-Identifier: MIT
 *
 * server_sqs: SQS requests over HTTP: which protocol, what the headers say, the way through the
 * writer, and giving back what a client could not be given.
 */
#include "proto_json.h"
#include "server_call.h"

#include <string.h>
#include <strings.h>

/* --- The request ---------------------------------------------------------------------------- */

static bool is_json(lk_slice content_type)
{
    lk_slice json = LK_SLICE_LITERAL("application/x-amz-json-1.0");
    return content_type.len >= json.len && strncasecmp(content_type.ptr, json.ptr, json.len) == 0;
}

/* The access key of "AWS4-HMAC-SHA256 Credential=KEY/20250102/…"; {NULL,0}: none. */
static lk_slice access_key(lk_slice authorization)
{
    static const char label[] = "Credential=";
    lk_slice key;
    const char *at = authorization.ptr ? strstr(authorization.ptr, label) : NULL;
    if (!at)
        return (lk_slice){0};
    lk_slice_cut(lk_slice_of(at + strlen(label)), '/', &key);
    return key.len > 0 && key.len <= 128 ? key : (lk_slice){0};
}

static bool read_headers(lk_server_call *call)
{
    lk_request *request = &call->request;
    lk_slice host = lk_server_header(call, "Host");
    request->path = call->path;
    lk_slice trace = lk_server_header(call, "X-Amzn-Trace-Id");
    if (trace.len > 0)
        request->trace_header = trace;
    request->sender_id = access_key(lk_server_header(call, "Authorization"));
    if (!request->sender_id.ptr)
        request->sender_id = lk_slice_of(call->server->env.account);
    request->base_url = host.len > 0 ? lk_arena_format(&request->arena, "%s://%.*s",
                                                       call->server->scheme, LK_SLICE_FMT(host))
                                     : lk_slice_of(call->server->url);
    return request->base_url.ptr != NULL;
}

/* --- Answers -------------------------------------------------------------------------------- */

static void complete_request(lk_server_call *call)
{
    lk_request *request = &call->request;
    if (!call->failure && !request->fault.code && lk_action_shape(request, NULL) < 0)
        call->failure = LK_FAULT_INTERNAL_FAILURE;
    if (call->failure)
        lk_fault_set(&request->fault, call->failure);
    call->status = request->fault.code ? lk_fault_row_get(request->fault.code)->http_status : 200;
    call->content_type = call->protocol->content_type;
    call->protocol->render(request, &call->out);
}

/* Neither protocol: what AWS answers to a browser, say. */
static void complete_unknown(lk_server_call *call)
{
    call->status = 404;
    call->content_type = "text/xml";
    lk_buf_add_str(&call->out, "<UnknownOperationException/>\n");
}

/* --- The way through the writer ------------------------------------------------------------- */

static lk_server_call *call_of(lk_work *work)
{
    return (lk_server_call *)work; /* its first member */
}

static void run_request(lk_work *work, lk_writer *writer)
{
    lk_server_call *call = call_of(work);
    call->server->calls[lk_action_index(call->request.action)]++;
    if (lk_polls_run(&call->server->polls, writer, &call->poll))
        lk_writer_finish(writer, work);
    else
        call->waited = true;
}

static void request_done(lk_work *work, const lk_err *failure)
{
    lk_server_call *call = call_of(work);
    if (failure)
        call->failure = LK_FAULT_INTERNAL_FAILURE;
    lk_server_resume(call);
}

static int parse(lk_server_call *call)
{
    lk_request *request = &call->request;
    lk_wire wire = {.target = lk_server_header(call, "X-Amz-Target"),
                    .body = lk_buf_slice(&call->in)};
    if (call->too_large)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_TOO_LARGE,
                               "The request is longer than %zu bytes.", LK_SERVER_BODY_MAX);
    if (call->in.failed || !read_headers(call))
        return LK_E_NOMEM;
    int rc = call->protocol->parse(&wire, request, NULL);
    return rc ? rc : lk_action_check(request, NULL);
}

lk_call_next lk_server_sqs_begin(lk_server_call *call)
{
    bool json = call->is_post && (lk_server_header(call, "X-Amz-Target").ptr ||
                                  is_json(lk_server_header(call, "Content-Type")));
    call->complete = json ? complete_request : complete_unknown;
    if (!json)
        return LK_CALL_ANSWER;
    call->protocol = &lk_proto_json;
    int rc = parse(call);
    if (rc < 0)
        call->failure = LK_FAULT_INTERNAL_FAILURE;
    return rc ? LK_CALL_ANSWER : lk_server_hand_over(call, run_request, request_done);
}

/* --- Giving back ---------------------------------------------------------------------------- */

/* What was given again may have arrived the first time, and can be asked for once more. */
bool lk_server_sqs_has_messages(const lk_server_call *call)
{
    const lk_store_received *received = call->request.received;
    return received && received->count > 0 && !received->again && !call->failure;
}

static void run_undo(lk_work *work, lk_writer *writer)
{
    lk_server_call *call = call_of(work);
    lk_server *server = call->server;
    lk_store *store = lk_writer_store(writer);
    const lk_store_received *received = call->request.received;
    const lk_store_queue *queue = lk_store_queue_by_id(store, call->request.received_from);
    lk_err err;
    for (size_t i = 0; queue && i < received->count && !lk_writer_aborted(writer); i++)
        if (lk_store_receive_undo(store, queue, lk_slice_of(received->messages[i].receipt_handle),
                                  lk_clock_now_ms(server->clock), NULL, &err) < 0)
            lk_writer_abort(writer, &err);
    lk_polls_touch(&server->polls, call->request.received_from);
    lk_writer_finish(writer, work);
}

/* Not undone is not lost: the visibility timeout brings the messages back. */
static void undo_done(lk_work *work, const lk_err *failure)
{
    (void)failure;
    lk_server_call_free(call_of(work));
}

void lk_server_sqs_undo(lk_server_call *call)
{
    call->work = (lk_work){.run = run_undo, .done = undo_done};
    if (!lk_writer_submit(call->server->writer, &call->work))
        lk_server_call_free(call);
}
