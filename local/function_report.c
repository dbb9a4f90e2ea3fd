/* SPDX-License-Identifier: MIT
 *
 * function_report: see function_report.h.
 */
#include "function_report.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

/* --- JSON ----------------------------------------------------------------------------------- */

static void begin_line(lk_json_writer *w, const char *type)
{
    char now[25];
    lk_time_format_iso8601(lk_wall_ms(), now);
    lk_json_begin_object(w);
    lk_json_member_str(w, "time", now);
    lk_json_member_str(w, "type", type);
    lk_json_key(w, "record");
    lk_json_begin_object(w);
}

static void end_line(lk_json_writer *w, lk_log_sink *sink)
{
    lk_json_end_object(w);
    lk_json_end_object(w);
    if (!w->out->failed)
        lk_log_line(sink, lk_buf_slice(w->out));
    lk_buf_clear(w->out);
}

static void member_ms(lk_json_writer *w, const char *name, int64_t us)
{
    char text[32];
    snprintf(text, sizeof(text), "%.2f", (double)us / 1000);
    lk_json_key(w, name);
    lk_json_value_raw(w, lk_slice_of(text));
}

static void members_of_end(lk_json_writer *w, const char *status, const char *error_type)
{
    lk_json_member_str(w, "status", status);
    if (error_type[0] != '\0')
        lk_json_member_str(w, "errorType", error_type);
}

static int64_t billed_ms(const lk_report *r)
{
    return (r->duration_us + 999) / 1000;
}

static void end_as_json(lk_log_sink *sink, const lk_report *r)
{
    lk_buf line = {0};
    lk_json_writer w = {.out = &line};
    begin_line(&w, "platform.report");
    lk_json_member_str(&w, "requestId", r->request_id);
    lk_json_key(&w, "metrics");
    lk_json_begin_object(&w);
    member_ms(&w, "durationMs", r->duration_us);
    lk_json_member_int(&w, "billedDurationMs", billed_ms(r));
    lk_json_member_int(&w, "memorySizeMB", r->memory_mb);
    lk_json_member_int(&w, "maxMemoryUsedMB", r->max_memory_mb);
    if (r->init_us > 0)
        member_ms(&w, "initDurationMs", r->init_us);
    lk_json_end_object(&w);
    members_of_end(&w, r->status, r->error_type);
    end_line(&w, sink);
}

static void start_as_json(lk_log_sink *sink, const char *request_id)
{
    lk_buf line = {0};
    lk_json_writer w = {.out = &line};
    begin_line(&w, "platform.start");
    lk_json_member_str(&w, "requestId", request_id);
    lk_json_member_str(&w, "version", "$LATEST");
    end_line(&w, sink);
}

static void init_as_json(lk_log_sink *sink, int64_t duration_us, const char *status,
                         const char *error_type)
{
    lk_buf line = {0};
    lk_json_writer w = {.out = &line};
    begin_line(&w, "platform.initReport");
    lk_json_member_str(&w, "initializationType", "on-demand");
    lk_json_member_str(&w, "phase", "init");
    lk_json_key(&w, "metrics");
    lk_json_begin_object(&w);
    member_ms(&w, "durationMs", duration_us);
    lk_json_end_object(&w);
    members_of_end(&w, status, error_type);
    end_line(&w, sink);
}

/* --- Text ----------------------------------------------------------------------------------- */

static void end_as_text(lk_log_sink *sink, const lk_report *r)
{
    lk_buf line = {0};
    lk_log_linef(sink, "END RequestId: %s", r->request_id);
    lk_buf_addf(&line,
                "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %lld ms\t"
                "Memory Size: %d MB\tMax Memory Used: %lld MB",
                r->request_id, (double)r->duration_us / 1000, (long long)billed_ms(r), r->memory_mb,
                (long long)r->max_memory_mb);
    if (r->init_us > 0)
        lk_buf_addf(&line, "\tInit Duration: %.2f ms", (double)r->init_us / 1000);
    if (strcmp(r->status, "success") != 0)
        lk_buf_addf(&line, "\tStatus: %s", r->status);
    if (r->error_type[0] != '\0')
        lk_buf_addf(&line, "\tError Type: %s", r->error_type);
    if (!line.failed)
        lk_log_line(sink, lk_buf_slice(&line));
    lk_buf_clear(&line);
}

/* --- Either --------------------------------------------------------------------------------- */

void lk_report_start(lk_log_sink *sink, const char *request_id)
{
    if (sink->json)
        start_as_json(sink, request_id);
    else
        lk_log_linef(sink, "START RequestId: %s Version: $LATEST", request_id);
}

void lk_report_end(lk_log_sink *sink, const lk_report *report)
{
    if (sink->json)
        end_as_json(sink, report);
    else
        end_as_text(sink, report);
}

void lk_report_init(lk_log_sink *sink, int64_t duration_us, const char *status,
                    const char *error_type)
{
    if (sink->json)
        init_as_json(sink, duration_us, status, error_type);
    else
        lk_log_linef(sink, "INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s%s%s",
                     (double)duration_us / 1000, status, error_type[0] ? "\tError Type: " : "",
                     error_type);
}
