/* SPDX-License-Identifier: MIT
 *
 * proto_json_read: requests as SDKs write them, read from their text: a tree of the whole request
 * costs a third of what a SendMessage takes the HTTP thread.
 */
#ifndef LK_LOCAL_PROTO_JSON_READ_H
#define LK_LOCAL_PROTO_JSON_READ_H

#include "request.h"

/* Fills the members of request->action from text; strings without escapes are borrowed from it: 1.
 * 0: the text has something that this does not read (unknown members, nulls, \u escapes, binary
 * values, what is wrong in any way …); the request is as it was, parse it. LK_E_NOMEM. */
int lk_proto_json_read(lk_request *request, lk_slice text);

#endif
