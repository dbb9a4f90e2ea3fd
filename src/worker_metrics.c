/* SPDX-License-Identifier: MIT
 *
 * worker_metrics: ActiveJob's events, as Ruby counts them (metrics.rb): the same names, properties
 * and values, so that one dashboard shows jobs of both. What cannot be counted fails nobody.
 */
#include "worker.h"

#include <stdlib.h>

/* --- Properties ----------------------------------------------------------------------------- */

/* The arguments as people read them, each a JSON text. */
typedef struct arguments {
    lk_json *list;
    lk_buf text;
    lk_slice *items; /* into text */
    size_t count;
} arguments;

static void read_arguments(lk_slice json, arguments *args)
{
    lk_err ignored; /* what is no list of arguments is not printed */
    if (!json.ptr || lk_json_parse(json, "arguments", &args->list, &ignored))
        return;
    size_t count = lk_json_length(args->list);
    size_t *ends = calloc(count + 1, sizeof(*ends));
    args->items = calloc(count + 1, sizeof(*args->items));
    for (size_t i = 0; ends && i < count; i++) {
        lk_value_print(lk_json_at(args->list, i), &args->text);
        ends[i] = args->text.len;
    }
    if (ends && args->items && !args->text.failed) {
        args->count = count;
        for (size_t i = 0; i < count; i++) {
            size_t start = i > 0 ? ends[i - 1] : 0;
            args->items[i] = (lk_slice){args->text.ptr + start, ends[i] - start};
        }
    }
    free(ends);
}

static void clear_arguments(arguments *args)
{
    lk_json_free(args->list);
    lk_buf_clear(&args->text);
    free(args->items);
}

/* "2025-01-02T03:04:05Z", to the second as Ruby prints it; "" when it is not known. */
static lk_slice enqueued_text(int64_t epoch_ms, char text[25])
{
    if (epoch_ms <= 0)
        return (lk_slice){NULL, 0};
    lk_time_format_iso8601(epoch_ms, text);
    text[19] = 'Z';
    return (lk_slice){text, 20};
}

/* --- Lines ---------------------------------------------------------------------------------- */

static lk_metric new_metric(const lk_worker *worker, const char *event, int64_t duration_ms,
                            const lk_err *failure)
{
    lk_metric m = LK_METRIC_INIT;
    m.metrics_namespace = lk_slice_of(worker->options.metrics_namespace);
    m.app_name = lk_slice_of(worker->options.metrics_app_name);
    m.job_event = lk_slice_of(event);
    m.duration_ms = duration_ms;
    m.dimension_sets = worker->options.dimension_sets;
    m.dimension_set_count = worker->options.dimension_set_count;
    if (failure && failure->code != LK_OK)
        m.exception_name = lk_slice_of(lk_err_name(failure));
    return m;
}

/* arguments_json: {NULL,0}: not to be printed. */
static void write_line(const lk_worker *worker, lk_metric *m, lk_slice arguments_json)
{
    lk_err err;
    char *line = NULL;
    size_t len = 0;
    arguments args = {0};
    read_arguments(arguments_json, &args);
    m->arguments_json = args.count > 0 ? args.items : NULL;
    m->argument_count = args.count;
    if (lk_metrics_format(m, &line, &len, &err) == 0)
        lk_worker_print(worker, (lk_slice){line, len});
    else
        lk_worker_log(worker, LK_LOG_ERROR, "[Lambdakiq] no metrics for %.*s: %s",
                      LK_SLICE_FMT(m->job_event), err.message);
    free(line);
    clear_arguments(&args);
}

void lk_worker_count(const lk_worker *worker, const lk_handler *handler, lk_job *job,
                     const char *event, int64_t duration_ms, const lk_err *failure)
{
    char enqueued[25];
    if (worker->options.no_metrics)
        return;
    lk_metric m = new_metric(worker, event, duration_ms, failure);
    lk_slice queue = lk_job_body_text(job, "queue_name");
    m.job_name = lk_job_class(job);
    m.job_id = lk_job_id(job);
    m.queue_name = queue.len > 0 ? queue : lk_job_queue_name(job);
    m.message_id = job->record.message_id;
    m.enqueued_at = enqueued_text(lk_job_enqueued_at_ms(job), enqueued);
    m.executions = lk_job_execution(job);
    write_line(worker, &m,
               handler->options.hide_arguments ? (lk_slice){NULL, 0} : lk_job_arguments(job));
}

/* --- Enqueued ------------------------------------------------------------------------------- */

static lk_slice name_of_queue(const lk_worker *worker, const char *queue)
{
    lk_err ignored; /* a name that is no queue's, or that nobody can look up now, is printed as it
                       is */
    lk_queue *found = NULL;
    if (lk_client_enter(worker->client, &ignored))
        return lk_slice_of(queue);
    int rc = lk_queue_get(worker->client, lk_slice_of(queue), &found, &ignored);
    lk_client_leave(worker->client);
    return rc ? lk_slice_of(queue) : lk_queue_name(found);
}

void lk_worker_count_enqueued(const lk_worker *worker, const char *queue,
                              const lk_enqueue_entry *entry, const lk_sent *sent,
                              int64_t duration_ms, const lk_err *failure)
{
    char enqueued[25];
    if (worker->options.no_metrics)
        return;
    const lk_env *env = lk_client_env(worker->client);
    const lk_handler *handler = lk_worker_find(worker, lk_slice_of(entry->job_class));
    bool delayed = entry->options.delay_ms > 0;
    lk_metric m = new_metric(worker, delayed ? "enqueue_at.active_job" : "enqueue.active_job",
                             duration_ms, failure);
    m.job_name = lk_slice_of(entry->job_class);
    m.job_id = lk_slice_of(entry->options.job_id);
    m.queue_name = name_of_queue(worker, queue);
    m.message_id = lk_slice_of(sent->message_id);
    m.enqueued_at = enqueued_text(env->wall_ms(env->ctx), enqueued);
    m.executions = 0;
    bool hidden = handler && handler->options.hide_arguments;
    write_line(worker, &m, hidden ? (lk_slice){NULL, 0} : lk_slice_of(entry->arguments_json));
}
