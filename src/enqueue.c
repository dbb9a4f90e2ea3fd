/* SPDX-License-Identifier: MIT
 *
 * enqueue: new jobs from C: their bodies as ActiveJob writes them, then a send as any other.
 */
#include "send.h"

#include <stdlib.h>

/* --- One ------------------------------------------------------------------------------------ */

static lk_send_options send_options_of(const lk_enqueue_options *options, lk_slice job_id)
{
    return (lk_send_options){
        .size = sizeof(lk_send_options),
        .job_id = job_id,
        .delay_ms = options->delay_ms,
        .message_group_id = lk_slice_of(options->message_group_id),
        .message_deduplication_id = lk_slice_of(options->message_deduplication_id),
        .trace_header = lk_slice_of(options->trace_header),
        .long_delays = options->long_delays,
    };
}

static int enqueue(lk_client *client, const char *queue, const char *job_class,
                   const char *arguments_json, const lk_enqueue_options *options, lk_sent *sent,
                   lk_err *err)
{
    const lk_env *env = lk_client_env(client);
    char uuid[37];
    lk_uuid4(env, uuid);
    lk_slice job_id = lk_slice_of(options->job_id ? options->job_id : uuid);
    lk_slice arguments = lk_slice_of(arguments_json ? arguments_json : "[]");
    lk_queue *to = NULL;
    int rc = lk_queue_get(client, lk_slice_of(queue), &to, err);
    if (rc)
        return rc;
    lk_buf body = {0};
    lk_send_options send_options = send_options_of(options, job_id);
    rc = lk_message_body(env, lk_queue_name(to), lk_slice_of(job_class), job_id, arguments, options,
                         &body, err);
    if (!rc)
        rc = lk_send_to(client, to, lk_buf_slice(&body), &send_options, sent, err);
    lk_buf_clear(&body);
    return rc;
}

int lk_enqueue(lk_client *client, const char *queue, const char *job_class,
               const char *arguments_json, const lk_enqueue_options *options, lk_sent *sent,
               lk_err *err)
{
    lk_enqueue_options given = LK_ENQUEUE_OPTIONS_INIT;
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = lk_options_take(&given, options, "LK_ENQUEUE_OPTIONS_INIT", err);
    if (!rc)
        rc = enqueue(client, queue, job_class, arguments_json, &given, sent, err);
    lk_client_leave(client);
    return rc;
}

/* --- Many ----------------------------------------------------------------------------------- */

/* Those of a batch that can be sent, with their bodies, and where their results belong. */
typedef struct new_jobs {
    lk_send_entry *entries;
    lk_send_result *results;
    size_t *places;
    lk_buf *bodies;
    char (*uuids)[37];
    size_t count;
} new_jobs;

static int new_jobs_init(new_jobs *jobs, size_t count, lk_err *err)
{
    jobs->entries = calloc(count, sizeof(*jobs->entries));
    jobs->results = calloc(count, sizeof(*jobs->results));
    jobs->places = calloc(count, sizeof(*jobs->places));
    jobs->bodies = calloc(count, sizeof(*jobs->bodies));
    jobs->uuids = calloc(count, sizeof(*jobs->uuids));
    bool complete = jobs->entries && jobs->results && jobs->places && jobs->bodies && jobs->uuids;
    return complete ? 0 : LK_FAIL_NOMEM(err);
}

static void new_jobs_clear(new_jobs *jobs)
{
    for (size_t i = 0; jobs->bodies && i < jobs->count; i++)
        lk_buf_clear(&jobs->bodies[i]);
    free(jobs->entries);
    free(jobs->results);
    free(jobs->places);
    free(jobs->bodies);
    free(jobs->uuids);
}

/* A job that cannot be sent has its result, and is left out. */
static void new_jobs_add(new_jobs *jobs, lk_client *client, lk_slice queue_name,
                         const lk_enqueue_entry *entry, size_t place, lk_send_result *result)
{
    const lk_env *env = lk_client_env(client);
    lk_enqueue_options options = LK_ENQUEUE_OPTIONS_INIT;
    size_t i = jobs->count;
    *result = (lk_send_result){0};
    if (lk_options_take(&options, &entry->options, "LK_ENQUEUE_OPTIONS_INIT", &result->err))
        return;
    lk_uuid4(env, jobs->uuids[i]);
    lk_slice job_id = lk_slice_of(options.job_id ? options.job_id : jobs->uuids[i]);
    lk_slice arguments = lk_slice_of(entry->arguments_json ? entry->arguments_json : "[]");
    if (lk_message_body(env, queue_name, lk_slice_of(entry->job_class), job_id, arguments, &options,
                        &jobs->bodies[i], &result->err)) {
        lk_buf_clear(&jobs->bodies[i]);
        return;
    }
    jobs->entries[i] =
        (lk_send_entry){lk_buf_slice(&jobs->bodies[i]), send_options_of(&options, job_id)};
    jobs->places[i] = place;
    jobs->count++;
}

int lk_enqueue_entries(const lk_enqueue_entry *entries, size_t count, lk_options_array *array,
                       lk_err *err)
{
    return lk_options_array_of(entries, count, offsetof(lk_enqueue_entry, options),
                               sizeof(lk_enqueue_options), "LK_ENQUEUE_OPTIONS_INIT", array, err);
}

static int enqueue_batch(lk_client *client, const char *queue, const lk_enqueue_entry *entries,
                         size_t count, lk_send_result *results, lk_err *err)
{
    new_jobs jobs = {0};
    lk_queue *to = NULL;
    lk_options_array array;
    int rc = lk_enqueue_entries(entries, count, &array, err);
    if (!rc)
        rc = lk_queue_get(client, lk_slice_of(queue), &to, err);
    if (!rc)
        rc = new_jobs_init(&jobs, count, err);
    for (size_t i = 0; !rc && i < count; i++)
        new_jobs_add(&jobs, client, lk_queue_name(to), lk_options_array_at(&array, i), i,
                     &results[i]);
    if (!rc)
        rc = lk_send_batch(client, lk_slice_of(queue), jobs.entries, jobs.count, jobs.results, err);
    for (size_t i = 0; !rc && i < jobs.count; i++)
        results[jobs.places[i]] = jobs.results[i];
    new_jobs_clear(&jobs);
    return rc;
}

int lk_enqueue_batch(lk_client *client, const char *queue, const lk_enqueue_entry *entries,
                     size_t count, lk_send_result *results, lk_err *err)
{
    int rc = lk_client_enter(client, err);
    if (rc)
        return rc;
    rc = count > 0 ? enqueue_batch(client, queue, entries, count, results, err) : 0;
    lk_client_leave(client);
    return rc;
}
