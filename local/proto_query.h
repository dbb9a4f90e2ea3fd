/* SPDX-License-Identifier: MIT
 *
 * proto_query: SQS's older protocol around the actions, which the AWS CLI and SDKs of before 2024
 * speak: a form in the body or the query string, XML back.
 *
 * It walks the member lists of the action's row and knows no action itself. The form is decoded in
 * form.c, read in proto_query_parse.c; answers are written in proto_query_render.c.
 */
#ifndef LK_LOCAL_PROTO_QUERY_H
#define LK_LOCAL_PROTO_QUERY_H

#include "action.h"

extern const lk_protocol lk_proto_query;
extern const lk_protocol lk_proto_query_json; /* the same, answers in JSON */

/* Whether there is a parameter Action: then it is a request of this protocol. */
bool lk_query_has_action(const lk_wire *wire);

#endif
