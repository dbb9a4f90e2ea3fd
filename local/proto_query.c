/* SPDX-License-Identifier: MIT
 *
 * proto_query: see the header.
 */
#include "proto_query.h"

#include "proto_query_parse.h"
#include "proto_query_render.h"

bool lk_query_has_action(const lk_wire *wire)
{
    return lk_form_names(wire->body, "Action") || lk_form_names(wire->query, "Action");
}

/* CreateQueue and ListQueues are not for the path of a queue. (In JSON, which goes to "/" or the
 * path of any queue, they are.) */
static int check_path(lk_request *request)
{
    bool root = request->path.len == 0 || lk_slice_equal_str(request->path, "/");
    if (root || !lk_action_is_of_account(request->action))
        return 0;
    return lk_action_refuse(request, lk_slice_of(request->action->name));
}

static int parse(const lk_wire *wire, lk_request *request, lk_err *err)
{
    lk_form form;
    const char *why;
    int rc = lk_form_read(&request->arena, wire->body, wire->query, &form, &why, err);
    if (rc > 0)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_MALFORMED_INPUT, "%s",
                               why);
    if (rc == 0)
        rc = lk_action_find(request, lk_form_value(&form, "Action"));
    if (rc == 0)
        rc = check_path(request);
    return rc ? rc : lk_query_read_members(request, &form, request->action->members, request, err);
}

static void render_xml(const lk_request *request, lk_buf *out)
{
    lk_query_render(request, false, out);
}

static void render_json(const lk_request *request, lk_buf *out)
{
    lk_query_render(request, true, out);
}

const lk_protocol lk_proto_query = {
    .content_type = "text/xml", .parse = parse, .render = render_xml};
const lk_protocol lk_proto_query_json = {
    .content_type = "application/json", .parse = parse, .render = render_json};
