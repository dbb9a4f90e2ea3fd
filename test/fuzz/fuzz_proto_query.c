/* SPDX-License-Identifier: MIT
 *
 * Fuzzes SQS's Query protocol and the actions behind it: every request gets an answer in
 * well-formed XML, or in JSON. The first line is the path, the second the query string, the rest
 * the body.
 */
#include "fuzz_action.h"
#include "proto_query.h"

#include "xml.h"

static void require_xml(lk_slice document)
{
    lk_buf text = {0};
    lk_err err;
    FUZZ_REQUIRE(lk_utf8_valid(document));
    int found = lk_xml_text(document, "ErrorResponse/RequestId", &text, &err);
    if (found == 0)
        found = lk_xml_text(document, "*/ResponseMetadata/RequestId", &text, &err);
    FUZZ_REQUIRE(found == 1);
    lk_buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lk_fuzz_input input = lk_fuzz_input_copy(data, size);
    lk_slice path;
    lk_wire wire = {0};
    lk_buf xml = {0}, json = {0};
    wire.body = lk_slice_cut(lk_slice_cut(input.text, '\n', &path), '\n', &wire.query);
    lk_fuzz_exchange(&lk_proto_query, &wire, path, &xml);
    require_xml(lk_buf_slice(&xml));
    lk_fuzz_exchange(&lk_proto_query_json, &wire, path, &json);
    lk_fuzz_require_json(lk_buf_slice(&json));
    lk_buf_clear(&xml);
    lk_buf_clear(&json);
    lk_fuzz_input_free(&input);
    return 0;
}
