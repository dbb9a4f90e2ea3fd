/* SPDX-License-Identifier: MIT
 *
 * options: see the header.
 */
#include "options.h"

#include <string.h>

static size_t size_of(const void *options)
{
    size_t size;
    memcpy(&size, options, sizeof(size));
    return size;
}

static int check_size(size_t size, size_t own_bytes, const char *start_from, lk_err *err)
{
    if (size < sizeof(size))
        return LK_FAIL(err, LK_E_INVALID, "a struct without its size: begin it with %s",
                       start_from);
    if (size > own_bytes)
        return LK_FAIL(err, LK_E_INVALID,
                       "%s: a struct of %zu bytes, and liblambdakiq %s knows %zu of them: the "
                       "program was built with a newer header",
                       start_from, size, LK_VERSION, own_bytes);
    return 0;
}

int lk_options_take(void *own, const void *given, const char *start_from, lk_err *err)
{
    if (!given)
        return 0;
    size_t own_bytes = size_of(own);
    int rc = check_size(size_of(given), own_bytes, start_from, err);
    if (rc)
        return rc;
    memcpy(own, given, size_of(given));
    memcpy(own, &own_bytes, sizeof(own_bytes));
    return 0;
}

int lk_options_array_of(const void *entries, size_t count, size_t options_at, size_t own_bytes,
                        const char *start_from, lk_options_array *array, lk_err *err)
{
    array->first = entries;
    size_t bytes = size_of(array->first + options_at);
    array->stride_bytes = options_at + bytes;
    int rc = check_size(bytes, own_bytes, start_from, err);
    for (size_t i = 1; !rc && i < count; i++) {
        size_t other = size_of((const char *)lk_options_array_at(array, i) + options_at);
        rc = check_size(other, own_bytes, start_from, err);
        if (!rc && other != bytes)
            rc = LK_FAIL(err, LK_E_INVALID, "%s: structs of %zu and of %zu bytes in one array",
                         start_from, bytes, other);
    }
    return rc;
}

const void *lk_options_array_at(const lk_options_array *array, size_t index)
{
    return array->first + index * array->stride_bytes;
}
