/* SPDX-License-Identifier: MIT
 *
 * request: the life of a request.
 */
#include "request.h"

#include <string.h>

static void init_entry(lk_request_entry *entry)
{
    entry->delay_s = LK_ABSENT;
    entry->visibility_s = LK_ABSENT;
}

void lk_request_init(lk_request *request, const lk_action_env *env)
{
    memset(request, 0, sizeof *request);
    request->env = env;
    request->max_results = LK_ABSENT;
    request->max_messages = LK_ABSENT;
    request->visibility_s = LK_ABSENT;
    request->wait_s = LK_ABSENT;
    request->max_per_second = LK_ABSENT;
    request->answer_moved = LK_ABSENT;
    init_entry(&request->one);
}

lk_request_entry *lk_request_add_entries(lk_request *request, size_t count)
{
    lk_request_entry *items = lk_arena_alloc(&request->arena, count, sizeof *items);
    for (size_t i = 0; items && i < count; i++)
        init_entry(&items[i]);
    return items;
}

int lk_request_base64(lk_request *request, lk_slice text, lk_slice *bytes, lk_err *err)
{
    lk_buf decoded = {0};
    bool good = lk_base64_decode(text, &decoded);
    *bytes = (lk_slice){0};
    if (good && !decoded.failed)
        *bytes = lk_arena_copy(&request->arena, lk_buf_slice(&decoded));
    lk_buf_clear(&decoded);
    if (!good)
        return 1;
    return bytes->ptr ? 0 : LK_FAIL_NOMEM(err);
}

const char *lk_member_query_key(const lk_member *member)
{
    return member->query_key ? member->query_key : "Name";
}

void lk_request_clear(lk_request *request)
{
    lk_store_received_clear(request->received); /* lives in the arena: its slices do not */
    if (request->document_free)
        request->document_free(request->document);
    lk_arena_clear(&request->arena);
}
