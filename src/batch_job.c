/* SPDX-License-Identifier: MIT
 *
 * batch_job: one record of a batch.
 */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

/* --- Copy ----------------------------------------------------------------------------------- */

/* Moves the record's slices into one allocation of the job. */
static int copy_texts(lk_job *job, lk_err *err)
{
    lk_record *r = &job->record;
    lk_slice *texts[] = {&r->message_id,       &r->receipt_handle,   &r->body,
                         &r->event_source_arn, &r->message_group_id, &r->trace_header};
    size_t len = 0;
    for (size_t i = 0; i < LK_COUNT(texts); i++)
        len += texts[i]->len;
    job->text = malloc(len + 1);
    if (!job->text)
        return LK_FAIL_NOMEM(err);
    char *to = job->text;
    for (size_t i = 0; i < LK_COUNT(texts); i++) {
        if (!texts[i]->ptr)
            continue; /* absent stays absent, unlike empty */
        if (texts[i]->len > 0)
            memcpy(to, texts[i]->ptr, texts[i]->len);
        texts[i]->ptr = to;
        to += texts[i]->len;
    }
    return 0;
}

/* --- Queue ---------------------------------------------------------------------------------- */

static int batch_queue_get(lk_batch *batch, lk_slice arn, lk_batch_queue **found, lk_err *err)
{
    lk_queue *queue = NULL;
    int rc = lk_queue_get(batch->client, arn, &queue, err);
    if (rc)
        return rc;
    for (lk_batch_queue *q = batch->queues; q; q = q->next) {
        if (q->queue == queue) {
            *found = q;
            return 0;
        }
    }
    lk_batch_queue *q = calloc(1, sizeof(*q));
    if (!q)
        return LK_FAIL_NOMEM(err);
    q->queue = queue;
    q->attributes.max_receive_count = LK_MAX_RECEIVE_UNKNOWN;
    q->attributes.visibility_s = -1;
    q->next = batch->queues;
    batch->queues = q;
    *found = q;
    return 0;
}

/* Calls go to the queue the record came from, never to the one its body names: a message that was
 * moved there from elsewhere still names the old one (B21). */
static int find_queue(lk_job *job, lk_err *err)
{
    if (job->record.event_source_arn.len == 0)
        return 0;
    int rc = batch_queue_get(job->batch, job->record.event_source_arn, &job->queue, err);
    if (rc != LK_E_INVALID)
        return rc;
    if (!job->fault)
        job->fault = "has an eventSourceARN that is not a queue's";
    return 0;
}

static int find_group(lk_job *job, lk_err *err)
{
    if (!lk_record_is_fifo(&job->record))
        return 0;
    job->group = lk_groups_get(&job->batch->groups, job->record.event_source_arn,
                               job->record.message_group_id);
    return job->group ? 0 : LK_FAIL_NOMEM(err);
}

int lk_job_new(lk_batch *batch, const lk_record *record, lk_job **job, lk_err *err)
{
    lk_job *made = calloc(1, sizeof(*made));
    if (!made)
        return LK_FAIL_NOMEM(err);
    made->batch = batch;
    made->index = batch->count;
    made->record = *record;
    made->options = (lk_job_options)LK_JOB_OPTIONS_INIT;
    made->retry_in_s = -1;
    made->fault = lk_record_fault(record);
    int rc = copy_texts(made, err);
    if (!rc)
        rc = find_queue(made, err);
    if (!rc)
        rc = find_group(made, err);
    if (rc)
        lk_job_free(made);
    else
        *job = made;
    return rc;
}

void lk_job_free(lk_job *job)
{
    if (!job)
        return;
    lk_values_clear(&job->values);
    lk_json_free(job->body);
    free(job->text);
    free(job);
}

/* --- Facts and notes ------------------------------------------------------------------------ */

/* With the default group, the job's id, nobody else is in it. */
bool lk_job_alone_in_group(lk_job *job)
{
    return job->group && lk_slice_equal(job->record.message_group_id, lk_job_id(job));
}

lk_job_facts lk_job_facts_now(lk_job *job)
{
    const lk_record *record = &job->record;
    lk_job_facts facts = LK_JOB_FACTS_INIT;
    facts.fifo = job->group != NULL;
    facts.receive_count = record->receive_count;
    facts.delay_receives = lk_record_delay_receives(record);
    facts.retry = job->options.retry;
    facts.dead = job->options.dead;
    facts.max_retries = job->batch->options.max_retries;
    facts.due_at_ms = lk_record_due_at_ms(record);
    facts.now_ms = lk_batch_clock_ms(job->batch);
    facts.received_at_ms = job->batch->received_at_ms;
    facts.sent_at_ms = record->sent_at_ms;
    if (record->receive_count > 1) { /* a first receive has spent nothing */
        facts.uncounted_delays = lk_record_uncounted_delays(record);
        facts.alone_in_group = lk_job_alone_in_group(job);
        facts.seen_dead = lk_deaths_include(job->batch->client, record->message_id);
    }
    if (job->queue) {
        facts.max_receive_count = job->queue->attributes.max_receive_count;
        facts.retention_s = job->queue->attributes.retention_s;
    }
    return facts;
}

lk_note lk_job_note(const lk_job *job, lk_note_kind kind, bool warning, int64_t wait_s)
{
    return (lk_note){.kind = kind,
                     .warning = warning,
                     .message_id = job->record.message_id,
                     .queue_name = lk_job_queue_name(job),
                     .wait_s = wait_s};
}

/* --- What it is ----------------------------------------------------------------------------- */

const lk_record *lk_job_record(const lk_job *job)
{
    return &job->record;
}

size_t lk_job_index(const lk_job *job)
{
    return job->index;
}

lk_slice lk_job_queue_name(const lk_job *job)
{
    return job->queue ? lk_queue_name(job->queue->queue) : (lk_slice){NULL, 0};
}

static const lk_json *body_of(lk_job *job)
{
    if (!job->parsed) {
        lk_err ignored; /* a body that is not JSON has no members: that is the answer */
        (void)lk_json_parse(job->record.body, "body", &job->body, &ignored);
        job->parsed = true;
    }
    return job->body;
}

lk_slice lk_job_body_text(lk_job *job, const char *key)
{
    return lk_json_string(lk_json_get(body_of(job), key));
}

lk_slice lk_job_class(lk_job *job)
{
    return lk_job_body_text(job, "job_class");
}

lk_slice lk_job_id(lk_job *job)
{
    return lk_job_body_text(job, "job_id");
}

/* As they stand in the body: a number that was read and written again could be another. */
lk_slice lk_job_arguments(lk_job *job)
{
    if (lk_json_typeof(lk_json_get(body_of(job), "arguments")) != LK_JSON_ARRAY)
        return (lk_slice){NULL, 0};
    return lk_json_raw_member(job->record.body, "arguments");
}

int lk_job_executions(lk_job *job, int body_executions)
{
    int64_t executions = (int64_t)body_executions + job->record.receive_count - 1 -
                         lk_record_delay_receives(&job->record);
    return (int)LK_MIN(LK_MAX(executions, 0), INT32_MAX);
}

int lk_job_execution(lk_job *job)
{
    const lk_json *counted = lk_json_get(body_of(job), "executions");
    int64_t executions = 0;
    if (lk_json_typeof(counted) == LK_JSON_INT)
        (void)lk_json_int64(counted, &executions);
    executions = LK_MIN(LK_MAX(executions, 0), INT32_MAX);
    return LK_MIN(lk_job_executions(job, (int)executions), INT32_MAX - 1) + 1;
}

int64_t lk_job_enqueued_at_ms(lk_job *job)
{
    int64_t epoch_ms;
    return lk_time_parse_iso8601(lk_job_body_text(job, "enqueued_at"), &epoch_ms) ? epoch_ms : 0;
}

int64_t lk_job_time_left_ms(const lk_job *job)
{
    if (job->batch->options.deadline_ms == 0)
        return INT64_MAX;
    const lk_env *env = lk_client_env(job->batch->client);
    return LK_MAX(job->batch->options.deadline_ms - env->wall_ms(env->ctx), 0);
}

/* --- Arguments ------------------------------------------------------------------------------ */

static const lk_value *arguments_of(lk_job *job)
{
    if (!job->values.root)
        lk_values_begin(&job->values, lk_job_class(job), lk_json_get(body_of(job), "arguments"));
    return job->values.root;
}

size_t lk_job_argument_count(lk_job *job)
{
    return lk_value_count(arguments_of(job));
}

const lk_value *lk_job_argument(lk_job *job, size_t index)
{
    return lk_value_at(arguments_of(job), index);
}

const lk_value *lk_job_keyword(lk_job *job, const char *name)
{
    return lk_value_keyword(arguments_of(job), name);
}
