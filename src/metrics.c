/* SPDX-License-Identifier: MIT
 *
 * metrics: one CloudWatch Embedded Metric Format (EMF) line.
 *
 * The line goes to standard output as it is; CloudWatch makes metrics of it when it is one JSON
 * object on one line whose dimensions and metrics are all members of its root. So what is absent is
 * not declared either, and what would break the line is left out or quoted.
 */
#include "json.h"
#include "options.h"

#include <stdio.h>

/* A longer log line is split by Lambda, and no metric comes of it: better without arguments (which
 * are no metric, and the only part without a bound) than without metrics. */
enum { MAX_LINE_BYTES = 256 * 1024, USUAL_LINE_BYTES = 1000 };

static bool has_duration(const lk_metric *m)
{
    return m->duration_ms >= 0;
}

static bool has_exception(const lk_metric *m)
{
    return m->exception_name.len > 0;
}

/* Dimensions by their names, with the values they have on this line. */
typedef struct dimension {
    lk_dimension bit;
    const char *name;
    lk_slice value;
} dimension;

enum { DIMENSIONS = 4, ALL_DIMENSIONS = (1 << DIMENSIONS) - 1 };

static void list_dimensions(const lk_metric *m, dimension list[DIMENSIONS])
{
    list[0] = (dimension){LK_DIMENSION_APP_NAME, "AppName", m->app_name};
    list[1] = (dimension){LK_DIMENSION_JOB_EVENT, "JobEvent", m->job_event};
    list[2] = (dimension){LK_DIMENSION_JOB_NAME, "JobName", m->job_name};
    list[3] = (dimension){LK_DIMENSION_QUEUE_NAME, "QueueName", m->queue_name};
}

static void write_dimension_set(lk_json_writer *w, const dimension list[DIMENSIONS], unsigned set)
{
    lk_json_begin_array(w);
    for (size_t i = 0; i < DIMENSIONS; i++) {
        if (set & list[i].bit)
            lk_json_value_str(w, list[i].name);
    }
    lk_json_end_array(w);
}

/* What is left of the sets when dimensions without a value are taken out: each once, or the event
 * would be counted twice under it, and an empty one, which is a metric without dimensions, only
 * where there is no other. */
static void write_dimension_sets(lk_json_writer *w, const lk_metric *m)
{
    static const uint8_t usual[] = {LK_DIMENSION_APP_NAME | LK_DIMENSION_JOB_EVENT |
                                    LK_DIMENSION_JOB_NAME};
    const uint8_t *sets = m->dimension_sets ? m->dimension_sets : usual;
    size_t count = m->dimension_sets ? m->dimension_set_count : LK_COUNT(usual);
    dimension list[DIMENSIONS];
    list_dimensions(m, list);
    unsigned present = 0;
    for (size_t i = 0; i < DIMENSIONS; i++)
        present |= list[i].value.len > 0 ? list[i].bit : 0U;
    bool written[ALL_DIMENSIONS + 1] = {[0] = true};
    bool any = false;

    lk_json_key(w, "Dimensions");
    lk_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        unsigned set = sets[i] & present;
        if (written[set])
            continue;
        written[set] = any = true;
        write_dimension_set(w, list, set);
    }
    if (!any)
        write_dimension_set(w, list, 0);
    lk_json_end_array(w);
}

static void write_unit(lk_json_writer *w, const char *name, const char *unit)
{
    lk_json_begin_object(w);
    lk_json_member_str(w, "Name", name);
    lk_json_member_str(w, "Unit", unit);
    lk_json_end_object(w);
}

static void write_metric_names(lk_json_writer *w, const lk_metric *m)
{
    lk_json_key(w, "Metrics");
    lk_json_begin_array(w);
    if (has_duration(m))
        write_unit(w, "Duration", "Milliseconds");
    write_unit(w, "Count", "Count");
    if (has_exception(m))
        write_unit(w, "ExceptionCount", "Count");
    lk_json_end_array(w);
}

static void write_metadata(lk_json_writer *w, const lk_metric *m)
{
    lk_slice name = m->metrics_namespace;
    lk_json_key(w, "_aws");
    lk_json_begin_object(w);
    lk_json_member_int(w, "Timestamp", m->timestamp_ms > 0 ? m->timestamp_ms : lk_wall_ms());
    lk_json_key(w, "CloudWatchMetrics");
    lk_json_begin_array(w);
    lk_json_begin_object(w);
    lk_json_member_string(w, "Namespace", name.len > 0 ? name : LK_SLICE_LITERAL("Lambdakiq"));
    write_dimension_sets(w, m);
    write_metric_names(w, m);
    lk_json_end_object(w);
    lk_json_end_array(w);
    lk_json_end_object(w);
}

static void write_text(lk_json_writer *w, const char *key, lk_slice text)
{
    if (text.len > 0)
        lk_json_member_string(w, key, text);
}

static void write_values(lk_json_writer *w, const lk_metric *m)
{
    write_text(w, "AppName", m->app_name);
    write_text(w, "JobEvent", m->job_event);
    write_text(w, "JobName", m->job_name);
    if (has_duration(m))
        lk_json_member_int(w, "Duration", m->duration_ms);
    lk_json_member_int(w, "Count", 1);
    if (has_exception(m))
        lk_json_member_int(w, "ExceptionCount", 1);
}

static void write_properties(lk_json_writer *w, const lk_metric *m)
{
    write_text(w, "JobId", m->job_id);
    write_text(w, "QueueName", m->queue_name);
    write_text(w, "MessageId", m->message_id);
    write_text(w, "RequestId", m->request_id);
    write_text(w, "ExceptionName", m->exception_name);
    write_text(w, "EnqueuedAt", m->enqueued_at);
    if (m->executions >= 0)
        lk_json_member_int(w, "Executions", m->executions);
}

/* The value on one line; as a string when it is not JSON after all. */
static int write_argument(lk_json_writer *w, lk_slice json, lk_err *err)
{
    if (lk_json_is_compact(json)) {
        lk_json_value_raw(w, json);
        return 0;
    }
    lk_json *value;
    int rc = lk_json_parse(json, "argument", &value, NULL);
    if (rc == LK_E_NOMEM)
        return LK_FAIL_NOMEM(err);
    if (rc) {
        lk_json_value_string(w, json);
        return 0;
    }
    lk_buf compact = {0};
    rc = lk_json_dump(value, &compact, err);
    lk_json_free(value);
    if (!rc)
        lk_json_value_raw(w, lk_buf_slice(&compact));
    lk_buf_clear(&compact);
    return rc;
}

static int write_arguments(lk_json_writer *w, const lk_metric *m, lk_err *err)
{
    int rc = 0;
    for (size_t i = 0; m->arguments_json && i < m->argument_count && !rc; i++) {
        char key[32];
        snprintf(key, sizeof(key), "JobArg%zu", i + 1);
        lk_json_key(w, key);
        rc = write_argument(w, m->arguments_json[i], err);
    }
    return rc;
}

/* All arguments, or none where they would make the line too long. */
static int write_line(const lk_metric *m, bool with_arguments, lk_buf *out, lk_err *err)
{
    lk_json_writer w = {.out = out};
    lk_json_begin_object(&w);
    write_metadata(&w, m);
    write_values(&w, m);
    write_properties(&w, m);
    int rc = with_arguments ? write_arguments(&w, m, err) : 0;
    lk_json_end_object(&w);
    return rc ? rc : lk_buf_check(out, err);
}

int lk_metrics_format(const lk_metric *metric, char **line, size_t *len, lk_err *err)
{
    lk_buf out = {0};
    lk_metric known = LK_METRIC_INIT;
    *line = NULL;
    *len = 0;
    int rc = lk_options_take(&known, metric, "LK_METRIC_INIT", err);
    if (rc)
        return rc;
    lk_buf_reserve(&out, USUAL_LINE_BYTES);
    rc = write_line(&known, true, &out, err);
    if (!rc && out.len > MAX_LINE_BYTES) {
        lk_buf_reset(&out);
        rc = write_line(&known, false, &out, err);
    }
    if (rc) {
        lk_buf_clear(&out);
        return rc;
    }
    *len = out.len;
    *line = lk_buf_take(&out);
    return 0;
}
