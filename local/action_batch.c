/* SPDX-License-Identifier: MIT
 *
 * action_batch: what the three batch actions share. What is wrong with the list fails the request;
 * what is wrong with one entry fails that entry only, and the answer is still 200.
 */
#include "action_rules.h"
#include "action_run.h"

#include <string.h>

#define BATCH_ENTRIES_MAX 10

static const lk_member *entries_member(const lk_request *request)
{
    const lk_member *member = request->action->members;
    while (member->kind != LK_MEMBER_ENTRIES)
        member++;
    return member;
}

static bool same_id_before(const lk_request_entries *entries, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (lk_slice_equal(entries->items[i].id, entries->items[index].id))
            return true;
    return false;
}

static int check_ids(lk_request *request)
{
    const lk_request_entries *entries = &request->entries;
    for (size_t i = 0; i < entries->count; i++)
        if (!lk_rule_entry_id(entries->items[i].id))
            return lk_fault_set(&request->fault, LK_FAULT_INVALID_ENTRY_ID);
    for (size_t i = 0; i < entries->count; i++)
        if (same_id_before(entries, i))
            return lk_fault_format(&request->fault, &request->arena, LK_FAULT_IDS_NOT_DISTINCT,
                                   "Id %.*s repeated.", LK_SLICE_FMT(entries->items[i].id));
    return 0;
}

int lk_action_batch_check(lk_request *request, lk_err *err)
{
    const lk_member *member = entries_member(request);
    size_t count = request->entries.count;
    (void)err; /* the signature of a row's check */
    if (count == 0)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_EMPTY_BATCH,
                               "There should be at least one %s in the request.",
                               member->query_name);
    if (count > BATCH_ENTRIES_MAX)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_TOO_MANY_ENTRIES,
                               "Maximum number of entries per request are %d. You have sent %zu.",
                               BATCH_ENTRIES_MAX, count);
    if (check_ids(request))
        return 1;
    for (size_t i = 0; i < count; i++) {
        lk_request_entry *entry = &request->entries.items[i];
        const char *missing = lk_action_missing_member(member->entry, entry);
        if (missing)
            lk_action_missing(request, &entry->fault, missing);
    }
    return 0;
}

int lk_action_batch_each(const lk_action_context *context, lk_request *request,
                         const lk_store_queue *queue, lk_entry_step step, lk_err *err)
{
    for (size_t i = 0; i < request->entries.count; i++) {
        lk_request_entry *entry = &request->entries.items[i];
        if (entry->fault.code)
            continue;
        int rc = step(context, request, queue, entry, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int lk_action_batch_one(const lk_action_context *context, lk_request *request,
                        const lk_store_queue *queue, lk_entry_step step, lk_err *err)
{
    int rc = step(context, request, queue, &request->one, err);
    request->fault = request->one.fault;
    return rc;
}
