/* SPDX-License-Identifier: MIT
 *
 * proto_json: AWS JSON 1.0 around the actions: one JSON object each way, the action in the header
 * X-Amz-Target.
 *
 * It walks the member lists of the action's row and knows no action itself.
 */
#ifndef LK_LOCAL_PROTO_JSON_H
#define LK_LOCAL_PROTO_JSON_H

#include "action.h"

extern const lk_protocol lk_proto_json;

#endif
