/* SPDX-License-Identifier: MIT
 *
 * proto_query_parse: the members of a request out of a form, by the member list of an action's row.
 */
#ifndef LK_LOCAL_PROTO_QUERY_PARSE_H
#define LK_LOCAL_PROTO_QUERY_PARSE_H

#include "form.h"
#include "request.h"

/* Fills owner (an lk_request, or with the members of an entry an lk_request_entry). Fields that are
 * no member's are ignored. As check. */
int lk_query_read_members(lk_request *request, const lk_form *form, const lk_member *members,
                          void *owner, lk_err *err);

#endif
