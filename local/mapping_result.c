/* SPDX-License-Identifier: MIT
 *
 * mapping_result: which messages of a batch an invocation has dealt with.
 *
 * Without ReportBatchItemFailures whatever a function returns is success. With it, the response
 * must be understood completely: one entry that does not name a message of the batch makes the
 * whole batch fail, because a failure nobody can attribute must not delete its message.
 */
#include "json.h"
#include "mapping.h"

#include <string.h>

static void set_all(bool *done, size_t count, bool value)
{
    for (size_t i = 0; i < count; i++)
        done[i] = value;
}

/* Clears done of the message an entry names; false: it names none of them. */
static bool keep_named(const lk_json *entry, const lk_slice *message_ids, size_t count, bool *done)
{
    lk_slice id = lk_json_string(lk_json_get(entry, "itemIdentifier"));
    bool found = false;
    for (size_t i = 0; id.len > 0 && i < count; i++) {
        if (lk_slice_equal(id, message_ids[i])) {
            done[i] = false;
            found = true;
        }
    }
    return found;
}

/* null, {} and an object without batchItemFailures are success, as AWS reads them. */
static bool apply_response(const lk_json *response, const lk_slice *message_ids, size_t count,
                           bool *done)
{
    if (lk_json_typeof(response) == LK_JSON_NULL)
        return true;
    if (lk_json_typeof(response) != LK_JSON_OBJECT)
        return false;
    const lk_json *failures = lk_json_get(response, "batchItemFailures");
    lk_json_type type = lk_json_typeof(failures);
    if (type == LK_JSON_MISSING || type == LK_JSON_NULL)
        return true;
    if (type != LK_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < lk_json_length(failures); i++)
        if (!keep_named(lk_json_at(failures, i), message_ids, count, done))
            return false;
    return true;
}

bool lk_mapping_result(bool report_batch_item_failures, bool ok, lk_slice payload,
                       const lk_slice *message_ids, size_t count, bool *done)
{
    lk_json *response = NULL;
    set_all(done, count, ok);
    if (!ok || !report_batch_item_failures || lk_slice_trim(payload).len == 0)
        return true;
    bool understood = lk_json_parse(payload, "response", &response, NULL) == 0 &&
                      apply_response(response, message_ids, count, done);
    lk_json_free(response);
    if (!understood)
        set_all(done, count, false);
    return understood;
}
