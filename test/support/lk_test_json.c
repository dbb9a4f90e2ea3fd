/* SPDX-License-Identifier: MIT
 *
 * lk_test_json: see the header.
 */
#include "lk_test_json.h"

#include "lk_test.h"

lk_json *lk_test_json(const char *text)
{
    lk_err err = {0};
    lk_json *root;
    assert_lk_ok(lk_json_parse(lk_slice_of(text), "text", &root, &err));
    return root;
}
