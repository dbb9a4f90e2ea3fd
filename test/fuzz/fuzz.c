/* SPDX-License-Identifier: MIT
 *
 * fuzz: see the header.
 */
#include "fuzz.h"

#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lk_fuzz_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

lk_fuzz_input lk_fuzz_input_copy(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    FUZZ_REQUIRE(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return (lk_fuzz_input){.text = {copy, size}, .copy = copy};
}

void lk_fuzz_input_free(lk_fuzz_input *input)
{
    free(input->copy);
}

bool lk_fuzz_within(lk_slice part, lk_slice whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

void lk_fuzz_require_json(lk_slice text)
{
    lk_json *json = NULL;
    lk_err err;
    FUZZ_REQUIRE(lk_json_parse(text, "output", &json, &err) == 0);
    lk_json_free(json);
}
