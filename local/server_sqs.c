/* SPDX-License-Identifier: MIT
 *
 * server_sqs: SQS requests over HTTP: which protocol, what the headers say, the way through the
 * writer, and giving back what a client could not be given.
 */
#include "proto_json.h"
#include "proto_query.h"
#include "server_call.h"

#include <string.h>
#include <strings.h>

/* --- The request ---------------------------------------------------------------------------- */

/* Whether a media type, or the first of a list of them, is this one: "text/xml; charset=utf-8". */
static bool is_type(lk_slice header, const char *type)
{
    lk_slice first;
    lk_slice_cut(header, ',', &first);
    lk_slice_cut(first, ';', &first);
    first = lk_slice_trim(first);
    return first.len == strlen(type) && strncasecmp(first.ptr, type, first.len) == 0;
}

/* curl and browsers' forms send this type; who sends none means it. */
static bool is_form(lk_slice content_type)
{
    return content_type.len == 0 || is_type(content_type, "application/x-www-form-urlencoded");
}

static lk_wire wire_of(const lk_server_call *call)
{
    return (lk_wire){.target = lk_server_header(call, "X-Amz-Target"),
                     .query = call->query,
                     .body = lk_buf_slice(&call->in)};
}

/* NULL: it is no request of SQS. */
static const lk_protocol *choose_protocol(const lk_server_call *call, lk_wire *wire)
{
    lk_slice type = lk_server_header(call, "Content-Type");
    if (call->is_post && (wire->target.ptr || is_type(type, lk_proto_json.content_type)))
        return &lk_proto_json;
    if (!call->is_post && !call->is_get)
        return NULL;
    bool lost = is_form(type) && (call->too_large || call->in.failed);
    if (!is_form(type))
        wire->body = (lk_slice){0};
    if (!lost && !lk_query_has_action(wire))
        return NULL;
    return is_type(lk_server_header(call, "Accept"), lk_proto_query_json.content_type)
               ? &lk_proto_query_json
               : &lk_proto_query;
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

static int parse(lk_server_call *call, const lk_wire *wire)
{
    lk_request *request = &call->request;
    if (call->too_large)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_TOO_LARGE,
                               "The request is longer than %zu bytes.", LK_SERVER_BODY_MAX);
    if (call->in.failed || !read_headers(call))
        return LK_E_NOMEM;
    if (lk_server_from_web_page(call))
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_ACCESS_DENIED,
                               "Web pages may not send requests to the local SQS.");
    int rc = lk_server_auth(call);
    if (rc == 0)
        rc = call->protocol->parse(wire, request, NULL);
    return rc ? rc : lk_action_check(request, NULL);
}

lk_call_next lk_server_sqs_begin(lk_server_call *call)
{
    lk_wire wire = wire_of(call);
    call->protocol = choose_protocol(call, &wire);
    call->complete = call->protocol ? complete_request : complete_unknown;
    if (!call->protocol)
        return LK_CALL_ANSWER;
    int rc = parse(call, &wire);
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
