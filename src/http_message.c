/* SPDX-License-Identifier: MIT
 *
 * http_message: finding a header, freeing an answer.
 */
#include "http_message.h"

#include <string.h>
#include <strings.h>

lk_slice lk_http_header(const lk_http_response *response, const char *name)
{
    size_t name_len = strlen(name);
    lk_slice rest = lk_buf_slice(&response->headers);
    while (rest.len > 0) {
        lk_slice line;
        rest = lk_slice_cut(rest, '\n', &line);
        if (line.len > name_len && line.ptr[name_len] == ':' &&
            strncasecmp(line.ptr, name, name_len) == 0)
            return lk_slice_trim((lk_slice){line.ptr + name_len + 1, line.len - name_len - 1});
    }
    return (lk_slice){NULL, 0};
}

void lk_http_response_clear(lk_http_response *response)
{
    if (!response)
        return;
    lk_buf_clear(&response->body);
    lk_buf_clear(&response->headers);
    *response = (lk_http_response){0};
}
