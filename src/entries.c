/* SPDX-License-Identifier: MIT
 *
 * entries: writing `Entries`, reading `Successful` and `Failed`.
 */
#include "entries.h"

#include <stdio.h>

void lk_entries_write(lk_buf *out, const lk_slice *members, size_t count)
{
    lk_buf_add_str(out, "\"Entries\":[");
    for (size_t i = 0; i < count; i++) {
        lk_buf_addf(out, "%s{\"Id\":\"%zu\"", i ? "," : "", i);
        if (members[i].len > 0)
            lk_buf_add_char(out, ',');
        lk_buf_add(out, members[i]);
        lk_buf_add_char(out, '}');
    }
    lk_buf_add_char(out, ']');
}

void lk_entries_expect(lk_sqs_expect *expect, size_t index, const lk_sqs_digests *digests)
{
    lk_sqs_digests *to = &expect->entries[index];
    *to = *digests;
    (void)snprintf(to->id, sizeof(to->id), "%zu", index);
}

/* The position that an element's Id names; count when it names none of ours. */
static size_t position_of(const lk_json *element, size_t count)
{
    int64_t id = -1;
    if (!lk_json_int64(lk_json_get(element, "Id"), &id) || id < 0 || (uint64_t)id >= count)
        return count;
    return (size_t)id;
}

static bool fill_sent(lk_slice message_id, lk_slice sequence_number, lk_sent *sent)
{
    *sent = (lk_sent){0};
    lk_slice_copy(sequence_number, sent->sequence_number, sizeof(sent->sequence_number));
    return lk_slice_copy(message_id, sent->message_id, sizeof(sent->message_id)) &&
           sent->message_id[0] != '\0';
}

static bool sent_of(const lk_json *element, lk_sent *sent)
{
    return fill_sent(lk_json_string(lk_json_get(element, "MessageId")),
                     lk_json_string(lk_json_get(element, "SequenceNumber")), sent);
}

static void read_successful(const lk_json *list, size_t count, lk_err *errors, lk_sent *sent)
{
    for (size_t i = 0; i < lk_json_length(list); i++) {
        const lk_json *element = lk_json_at(list, i);
        size_t position = position_of(element, count);
        if (position == count || (sent && !sent_of(element, &sent[position])))
            continue;
        lk_err_clear(&errors[position]);
    }
}

/* The same of the usual answer, in which nothing failed; false: it is another one. */
static bool read_plain(lk_slice response, size_t count, lk_err *errors, lk_sent *sent)
{
    static const char *const keys[] = {"Id", "MessageId", "SequenceNumber"};
    lk_slice elements[LK_SQS_BATCH_MAX];
    size_t found;
    if (!lk_json_plain_list(response, "Successful", elements, LK_COUNT(elements), &found))
        return false;
    for (size_t i = 0; i < found; i++) {
        lk_slice values[LK_COUNT(keys)];
        int64_t id = -1;
        if (!lk_json_plain_members(elements[i], keys, LK_COUNT(keys), values) ||
            !lk_slice_to_int64(values[0], &id) || id < 0 || (uint64_t)id >= count ||
            (sent && !fill_sent(values[1], values[2], &sent[id])))
            continue;
        lk_err_clear(&errors[id]);
    }
    return true;
}

static void read_failed(const lk_json *list, const char *action, size_t count, lk_err *errors)
{
    for (size_t i = 0; i < lk_json_length(list); i++) {
        const lk_json *element = lk_json_at(list, i);
        size_t position = position_of(element, count);
        if (position == count)
            continue;
        lk_slice code = lk_json_string(lk_json_get(element, "Code"));
        lk_slice text = lk_json_string(lk_json_get(element, "Message"));
        lk_err *error = &errors[position];
        lk_err_set(error, LK_E_SERVICE, "%s: SQS refused one entry: %.*s: %.*s", action,
                   LK_SLICE_FMT(code), LK_SLICE_FMT(text));
        lk_slice_copy(code, error->aws_code, sizeof(error->aws_code));
        error->http_status = 200;
        error->retriable = !lk_json_bool(lk_json_get(element, "SenderFault"));
    }
}

int lk_entries_read(lk_slice response, const char *action, size_t count, lk_err *errors,
                    lk_sent *sent, lk_err *err)
{
    for (size_t i = 0; i < count; i++) {
        lk_err_set(&errors[i], LK_E_HTTP, "%s: the answer has no result for this entry", action);
        if (sent)
            sent[i] = (lk_sent){0};
    }
    if (read_plain(response, count, errors, sent))
        return 0;
    lk_json *root = NULL;
    int rc = lk_json_parse(response, action, &root, err);
    if (rc)
        return rc;
    read_successful(lk_json_get(root, "Successful"), count, errors, sent);
    read_failed(lk_json_get(root, "Failed"), action, count, errors);
    lk_json_free(root);
    return 0;
}

int lk_sent_read(lk_slice response, lk_sent *sent, lk_err *err)
{
    static const char *const keys[] = {"MessageId", "SequenceNumber"};
    lk_slice values[LK_COUNT(keys)];
    if (lk_json_plain_members(response, keys, LK_COUNT(keys), values) &&
        fill_sent(values[0], values[1], sent))
        return 0;
    lk_json *root = NULL;
    int rc = lk_json_parse(response, "answer to SendMessage", &root, err);
    if (!rc && !sent_of(root, sent))
        rc = LK_FAIL(err, LK_E_JSON,
                     "answer to SendMessage: no MessageId; is the endpoint really SQS?");
    lk_json_free(root);
    return rc;
}
