/* SPDX-License-Identifier: MIT
 *
 * Fuzzes xml, which reads what STS answers. The first line is the path, the rest the document.
 */
#include "fuzz.h"

#include "xml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lk_fuzz_input input = lk_fuzz_input_copy(data, size);
    lk_slice path;
    lk_slice document = lk_slice_cut(input.text, '\n', &path);
    char *path_text = lk_slice_dup(path);
    lk_buf text = {0};
    lk_err err;
    FUZZ_REQUIRE(path_text);
    int rc = lk_xml_text(document, path_text, &text, &err);
    FUZZ_REQUIRE(rc == 0 || rc == 1 || rc == LK_E_INVALID);
    FUZZ_REQUIRE(rc != 0 || text.len == 0);
    lk_buf_clear(&text);
    free(path_text);
    lk_fuzz_input_free(&input);
    return 0;
}
