/* SPDX-License-Identifier: MIT
 *
 * proto_query_render: answers and errors of the Query protocol, in XML or in JSON of the same
 * structure, by the list of answers in an action's row.
 */
#ifndef LK_LOCAL_PROTO_QUERY_RENDER_H
#define LK_LOCAL_PROTO_QUERY_RENDER_H

#include "query_writer.h"
#include "request.h"

/* The answer or the fault of a request; appended. */
void lk_query_render(const lk_request *request, bool is_json, lk_buf *out);
/* Members of owner (an lk_request or lk_request_entry) into an open structure. */
void lk_query_write_members(lk_query_writer *w, const lk_member *members, const void *owner);

#endif
