/* SPDX-License-Identifier: MIT
 *
 * fuzz: what the libFuzzer targets share. A target reads what comes from outside (queues, Lambda,
 * the network, any client) and holds it to what its header promises; tools/fuzz.sh runs them.
 */
#ifndef LK_FUZZ_H
#define LK_FUZZ_H

#include "base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input was: else the program ends, and libFuzzer keeps the input. */
#define FUZZ_REQUIRE(condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            lk_fuzz_fail(#condition, __FILE__, __LINE__);                                          \
    } while (0)

_Noreturn void lk_fuzz_fail(const char *condition, const char *file, int line);

/* The input as a slice of a copy that ends where it ends: one byte too far is seen. */
typedef struct lk_fuzz_input {
    lk_slice text;
    char *copy;
} lk_fuzz_input;

lk_fuzz_input lk_fuzz_input_copy(const uint8_t *data, size_t size);
void lk_fuzz_input_free(lk_fuzz_input *input);

/* The slice lies within the other. */
bool lk_fuzz_within(lk_slice part, lk_slice whole);
void lk_fuzz_require_json(lk_slice text);

#endif
