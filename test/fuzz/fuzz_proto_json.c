/* SPDX-License-Identifier: MIT
 *
 * Fuzzes SQS's JSON protocol and the actions behind it: every request gets an answer in JSON. The
 * first line is the action, the rest the body.
 */
#include "fuzz_action.h"
#include "proto_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lk_fuzz_input input = lk_fuzz_input_copy(data, size);
    lk_wire wire = {0};
    lk_buf out = {0};
    wire.body = lk_slice_cut(input.text, '\n', &wire.target);
    lk_fuzz_exchange(&lk_proto_json, &wire, LK_SLICE_LITERAL("/"), &out);
    lk_fuzz_require_json(lk_buf_slice(&out));
    lk_buf_clear(&out);
    lk_fuzz_input_free(&input);
    return 0;
}
