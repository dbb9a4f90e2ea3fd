/* SPDX-License-Identifier: MIT
 *
 * event: reading records, and the two facts about them that take a rule: due time and d.
 *
 * AWS sends every value as text; other event sources send what they like. What cannot be read
 * counts as absent: a record without a receive count is a first receive (B15), one with an
 * unreadable start time runs at once.
 */
#include "event.h"

#include "event_read.h"

#include <limits.h>
#include <stdlib.h>

enum {
    MAX_RECORDS = 10000,    /* the largest BatchSize of an event source mapping */
    MAX_DELAY_S = 1209600,  /* no message outlives SQS's longest retention, 14 days */
    MIN_DEFERRED_MS = 1000, /* less is slept within the receive, see lk_job_before */
    /* The 12 h of a deferral less its margins in job.c, and less the 15 min that a batch may have
     * been at work by then. */
    SHORTEST_FULL_DEFERRAL_MS = (LK_MAX_VISIBILITY_S - 330 - 900) * 1000,
};

/* --- Records -------------------------------------------------------------------------------- */

void lk_record_init(lk_record *record)
{
    *record = (lk_record){.receive_count = 1};
}

/* The number in text when it is within low..high, else fallback. */
static int64_t number_or(lk_slice text, int64_t low, int64_t high, int64_t fallback)
{
    int64_t value;
    if (!lk_slice_to_int64(text, &value) || value < low || value > high)
        return fallback;
    return value;
}

void lk_record_set_attribute(lk_record *record, lk_slice name, lk_slice value)
{
    if (lk_slice_equal_str(name, "ApproximateReceiveCount"))
        record->receive_count = (int)number_or(value, 1, INT_MAX, 1);
    else if (lk_slice_equal_str(name, "SentTimestamp"))
        record->sent_at_ms = number_or(value, 1, LK_TIME_LAST_MS, 0);
    else if (lk_slice_equal_str(name, "ApproximateFirstReceiveTimestamp"))
        record->first_receive_at_ms = number_or(value, 1, LK_TIME_LAST_MS, 0);
    else if (lk_slice_equal_str(name, "MessageGroupId"))
        record->message_group_id = value;
    else if (lk_slice_equal_str(name, "AWSTraceHeader"))
        record->trace_header = value;
}

void lk_record_set_message_attribute(lk_record *record, lk_slice name, lk_slice string_value)
{
    if (lk_slice_equal_str(name, "lambdakiq"))
        record->is_job = lk_slice_equal_str(string_value, "1");
    else if (lk_slice_equal_str(name, "delay_seconds"))
        record->delay_s = number_or(string_value, 1, MAX_DELAY_S, 0);
    else if (lk_slice_equal_str(name, "due_at"))
        record->due_at_ms = number_or(string_value, 1, LK_TIME_LAST_MS, 0);
}

bool lk_record_is_fifo(const lk_record *record)
{
    return lk_slice_has_suffix(record->event_source_arn, LK_SLICE_LITERAL(".fifo"));
}

int64_t lk_record_due_at_ms(const lk_record *record)
{
    if (record->due_at_ms > 0)
        return record->due_at_ms;
    /* A standard queue's delay was SQS's own; 2.4.0 marks it on FIFO queues only. */
    bool delayed = lk_record_is_fifo(record) && record->delay_s > 0 && record->sent_at_ms > 0;
    return delayed ? record->sent_at_ms + record->delay_s * 1000 : 0;
}

/* By how much the first receive came before the job was due; 0: it did not, or that is not known.
 */
static int64_t first_early_ms(const lk_record *record)
{
    int64_t first_ms = record->first_receive_at_ms;
    return first_ms > 0 ? LK_MAX(lk_record_due_at_ms(record) - first_ms, 0) : 0;
}

bool lk_record_uncounted_delays(const lk_record *record)
{
    return first_early_ms(record) >=
           (lk_record_is_fifo(record) ? SHORTEST_FULL_DEFERRAL_MS : MIN_DEFERRED_MS);
}

/* The first receive was a delay and not a try when it came early. This receive is about to run or
 * to wait: it counts as a try until another one has followed. */
int lk_record_delay_receives(const lk_record *record)
{
    bool later_of_fifo = lk_record_is_fifo(record) && record->receive_count > 1;
    return later_of_fifo && first_early_ms(record) >= MIN_DEFERRED_MS ? 1 : 0;
}

const char *lk_record_fault(const lk_record *record)
{
    if (record->message_id.len == 0)
        return "has no messageId";
    if (!record->is_job)
        return "is not a job of ours: its message attribute lambdakiq is not '1'";
    if (record->receipt_handle.len == 0)
        return "has no receiptHandle";
    if (!record->body.ptr)
        return "has no body";
    if (record->event_source_arn.len == 0)
        return "has no eventSourceARN";
    return NULL;
}

/* --- Events --------------------------------------------------------------------------------- */

/* Read from the text, or from a tree of it. */
struct lk_event {
    lk_json *root; /* NULL: none was needed */
    lk_event_text text;
};

static void read_record(lk_record *record, const lk_json *json)
{
    lk_record_init(record);
    record->message_id = lk_json_string(lk_json_get(json, "messageId"));
    record->receipt_handle = lk_json_string(lk_json_get(json, "receiptHandle"));
    record->body = lk_json_string(lk_json_get(json, "body"));
    record->event_source_arn = lk_json_string(lk_json_get(json, "eventSourceARN"));
    const lk_json *attributes = lk_json_get(json, "attributes");
    for (void *it = lk_json_iter(attributes); it; it = lk_json_iter_next(attributes, it))
        lk_record_set_attribute(record, lk_json_iter_key(it),
                                lk_json_string(lk_json_iter_value(it)));
    const lk_json *own = lk_json_get(json, "messageAttributes");
    for (void *it = lk_json_iter(own); it; it = lk_json_iter_next(own, it))
        lk_record_set_message_attribute(
            record, lk_json_iter_key(it),
            lk_json_string(lk_json_get(lk_json_iter_value(it), "stringValue")));
}

/* The document's Records, or NULL when there is no such list. */
static const lk_json *records_of(const lk_json *root)
{
    const lk_json *records = lk_json_get(root, "Records");
    return lk_json_typeof(records) == LK_JSON_ARRAY ? records : NULL;
}

static int read_records(lk_event *event, lk_err *err)
{
    const lk_json *list = records_of(event->root);
    if (!list)
        return LK_FAIL(err, LK_E_RECORD,
                       "event: no list of Records: this is not an event of an SQS queue");
    size_t count = lk_json_length(list);
    if (count > MAX_RECORDS)
        return LK_FAIL(err, LK_E_RECORD,
                       "event: %zu Records, where a batch of an SQS queue has at most %d", count,
                       MAX_RECORDS);
    event->text.records = calloc(LK_MAX(count, (size_t)1), sizeof(*event->text.records));
    if (!event->text.records)
        return LK_FAIL_NOMEM(err);
    event->text.count = count;
    for (size_t i = 0; i < count; i++)
        read_record(&event->text.records[i], lk_json_at(list, i));
    return 0;
}

static int read_tree(lk_event *event, lk_slice json, lk_err *err)
{
    int rc = lk_json_parse(json, "event", &event->root, err);
    return rc ? rc : read_records(event, err);
}

int lk_event_parse(lk_slice json, lk_event **event, lk_err *err)
{
    *event = NULL;
    lk_event *parsed = calloc(1, sizeof(*parsed));
    if (!parsed)
        return LK_FAIL_NOMEM(err);
    int rc = lk_event_read(json, MAX_RECORDS, &parsed->text);
    if (rc < 0)
        rc = LK_FAIL_NOMEM(err);
    else
        rc = rc > 0 ? 0 : read_tree(parsed, json, err);
    if (rc)
        lk_event_free(parsed);
    else
        *event = parsed;
    return rc;
}

void lk_event_free(lk_event *event)
{
    if (!event)
        return;
    lk_event_text_clear(&event->text);
    lk_json_free(event->root);
    free(event);
}

size_t lk_event_count(const lk_event *event)
{
    return event->text.count;
}

const lk_record *lk_event_at(const lk_event *event, size_t index)
{
    return index < event->text.count ? &event->text.records[index] : NULL;
}

static int any_is_job(const lk_event *event)
{
    for (size_t i = 0; i < event->text.count; i++)
        if (event->text.records[i].is_job)
            return 1;
    return 0;
}

/* An event of another kind is no failure here, whatever it looks like. */
static int any_in_tree(lk_slice event_json, lk_err *err)
{
    lk_json *root;
    int rc = lk_json_parse(event_json, "event", &root, err);
    if (rc)
        return rc;
    const lk_json *list = records_of(root);
    for (size_t i = 0; i < lk_json_length(list) && !rc; i++) {
        lk_record record;
        read_record(&record, lk_json_at(list, i));
        rc = record.is_job ? 1 : 0;
    }
    lk_json_free(root);
    return rc;
}

int lk_event_is_jobs(lk_slice event_json, lk_err *err)
{
    lk_event event = {0};
    int rc = lk_event_read(event_json, MAX_RECORDS, &event.text);
    if (rc < 0)
        return LK_FAIL_NOMEM(err);
    if (rc == 0)
        return any_in_tree(event_json, err);
    rc = any_is_job(&event);
    lk_event_text_clear(&event.text);
    return rc;
}
