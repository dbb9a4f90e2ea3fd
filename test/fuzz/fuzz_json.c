/* SPDX-License-Identifier: MIT
 *
 * Fuzzes json: what is parsed can be written and parsed again, members can be cut out of the text,
 * and whatever bytes are written as a string are JSON.
 */
#include "fuzz.h"

#include "json.h"

#include <stdlib.h>

/* Calls everything on every value. */
static void walk(const lk_json *value)
{
    int64_t number;
    lk_slice text = lk_json_string(value);
    FUZZ_REQUIRE(!text.ptr || lk_utf8_valid(text));
    (void)lk_json_int64(value, &number);
    (void)lk_json_double(value);
    (void)lk_json_bool(value);
    if (lk_json_typeof(value) == LK_JSON_ARRAY)
        for (size_t i = 0; i < lk_json_length(value); i++)
            walk(lk_json_at(value, i));
    for (void *it = lk_json_iter(value); it; it = lk_json_iter_next(value, it))
        walk(lk_json_iter_value(it));
}

/* Each member of an object is JSON of its own where it stands. */
static void cut_members(const lk_json *object, lk_slice text)
{
    for (void *it = lk_json_iter(object); it; it = lk_json_iter_next(object, it)) {
        char *key = lk_slice_dup(lk_json_iter_key(it));
        FUZZ_REQUIRE(key);
        lk_slice raw = lk_json_raw_member(text, key);
        FUZZ_REQUIRE(raw.ptr && lk_fuzz_within(raw, text));
        lk_fuzz_require_json(raw);
        free(key);
    }
}

static void write_string(lk_slice text)
{
    lk_buf out = {0};
    lk_json_write_string(&out, text);
    lk_fuzz_require_json(lk_buf_slice(&out));
    lk_buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lk_fuzz_input input = lk_fuzz_input_copy(data, size);
    lk_json *json = NULL;
    lk_buf dumped = {0};
    lk_err err;
    write_string(input.text);
    if (lk_json_parse(input.text, "input", &json, &err) == 0) {
        walk(json);
        cut_members(json, input.text);
        FUZZ_REQUIRE(lk_json_dump(json, &dumped, &err) == 0);
        lk_fuzz_require_json(lk_buf_slice(&dumped));
    }
    lk_buf_clear(&dumped);
    lk_json_free(json);
    lk_fuzz_input_free(&input);
    return 0;
}
