/* SPDX-License-Identifier: MIT
 *
 * worker_enqueue: jobs that handlers enqueue, and their metrics. A job gets its id here, as the
 * line that counts it names it.
 */
#include "worker.h"

#include <stdlib.h>

#define UUID_SIZE 37

static int64_t now_ms(const lk_worker *worker)
{
    const lk_env *env = lk_client_env(worker->client);
    return env->mono_ms(env->ctx);
}

static int check(const lk_worker *worker, lk_err *err)
{
    if (worker->broken.code == LK_OK)
        return 0;
    if (err)
        *err = worker->broken;
    return worker->broken.code;
}

static void name_job(const lk_worker *worker, lk_enqueue_options *options, char uuid[UUID_SIZE])
{
    if (options->job_id)
        return;
    lk_uuid4(lk_client_env(worker->client), uuid);
    options->job_id = uuid;
}

int lk_worker_enqueue(lk_worker *worker, const char *queue, const char *job_class,
                      const char *arguments_json, const lk_enqueue_options *options, lk_sent *sent,
                      lk_err *err)
{
    char uuid[UUID_SIZE];
    lk_err why = {0};
    lk_sent answer = {0};
    lk_enqueue_entry entry = {job_class, arguments_json, LK_ENQUEUE_OPTIONS_INIT};
    int rc = check(worker, err);
    if (!rc)
        rc = lk_options_take(&entry.options, options, "LK_ENQUEUE_OPTIONS_INIT", err);
    if (rc)
        return rc;
    name_job(worker, &entry.options, uuid);
    int64_t start_ms = now_ms(worker);
    rc =
        lk_enqueue(worker->client, queue, job_class, arguments_json, &entry.options, &answer, &why);
    lk_worker_count_enqueued(worker, queue, &entry, &answer, now_ms(worker) - start_ms, &why);
    if (rc && err)
        *err = why;
    if (!rc && sent)
        *sent = answer;
    return rc;
}

int lk_worker_enqueue_batch(lk_worker *worker, const char *queue, const lk_enqueue_entry *entries,
                            size_t count, lk_send_result *results, lk_err *err)
{
    int rc = check(worker, err);
    if (rc || count == 0)
        return rc;
    lk_options_array array;
    rc = lk_enqueue_entries(entries, count, &array, err);
    if (rc)
        return rc;
    lk_enqueue_entry *named = calloc(count, sizeof(*named));
    char(*uuids)[UUID_SIZE] = calloc(count, sizeof(*uuids));
    if (!named || !uuids)
        rc = LK_FAIL_NOMEM(err);
    for (size_t i = 0; !rc && i < count; i++) {
        const lk_enqueue_entry *given = lk_options_array_at(&array, i);
        named[i] =
            (lk_enqueue_entry){given->job_class, given->arguments_json, LK_ENQUEUE_OPTIONS_INIT};
        rc = lk_options_take(&named[i].options, &given->options, "LK_ENQUEUE_OPTIONS_INIT", err);
        name_job(worker, &named[i].options, uuids[i]);
    }
    int64_t start_ms = now_ms(worker);
    if (!rc)
        rc = lk_enqueue_batch(worker->client, queue, named, count, results, err);
    int64_t took_ms = now_ms(worker) - start_ms;
    for (size_t i = 0; !rc && i < count; i++) {
        if (results[i].err.code == LK_OK) /* as ActiveJob's enqueue_all counts those that were */
            lk_worker_count_enqueued(worker, queue, &named[i], &results[i].sent, took_ms, NULL);
    }
    free(uuids);
    free(named);
    return rc;
}
