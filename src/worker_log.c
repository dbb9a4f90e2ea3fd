/* SPDX-License-Identifier: MIT
 *
 * worker_log: log lines, as Lambda's own runtimes write them: time, request id, level and text
 * between tabs, or a JSON object where Lambda asks for it. A line is one line whatever is in it.
 */
#include "worker.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TEXT_BYTES = 16 * 1024 };

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

/* --- Settings ------------------------------------------------------------------------------- */

static bool wants_json(void)
{
    const char *format = lk_getenv("AWS_LAMBDA_LOG_FORMAT");
    return format && strcmp(format, "JSON") == 0;
}

static lk_log_level lowest_level(void)
{
    const char *wanted = lk_getenv("AWS_LAMBDA_LOG_LEVEL");
    for (size_t i = 0; wanted && i < LK_COUNT(level_names); i++) {
        if (strcmp(wanted, level_names[i]) == 0)
            return (lk_log_level)i;
    }
    return LK_LOG_INFO;
}

void lk_worker_log_configure(lk_worker *worker)
{
    worker->log_json = wants_json();
    worker->log_level = lowest_level();
}

/* --- Writing -------------------------------------------------------------------------------- */

void lk_worker_print(const lk_worker *worker, lk_slice line)
{
    if (worker && worker->options.print) {
        worker->options.print(worker->options.print_ctx, line.ptr, line.len);
        return;
    }
    /* With the newline in one go: a child that prints too must not get between. What cannot be
     * written has nobody left to read it. */
    (void)printf("%.*s\n", LK_SLICE_FMT(line));
    (void)fflush(stdout); /* the sandbox may freeze, or the process be killed, at any time */
}

/* Valid UTF-8 on one line. */
static void add_clean(lk_buf *out, lk_slice text)
{
    while (text.len > 0) {
        unsigned char c = (unsigned char)text.ptr[0];
        size_t len = lk_utf8_length(text);
        if (len == 0)
            lk_buf_add_str(out, "\xef\xbf\xbd"); /* U+FFFD */
        else if (c < 0x20 || c == 0x7f)
            lk_buf_add_char(out, ' ');
        else
            lk_buf_add(out, (lk_slice){text.ptr, len});
        len = LK_MAX(len, 1);
        text.ptr += len;
        text.len -= len;
    }
}

/* What a line is about, as far as it is known. */
typedef struct subject {
    lk_slice request_id;
    lk_slice job_class;
    lk_slice job_id;
    lk_slice message_id;
} subject;

static subject subject_of(const lk_worker *worker, const lk_job *job)
{
    subject s = {0};
    if (worker && worker->invocation)
        s.request_id = worker->invocation->request_id;
    if (!job)
        return s;
    /* They read the body at their first call, which changes nothing that anybody sees. */
    lk_job *readable = (lk_job *)(uintptr_t)job;
    s.job_class = lk_job_class(readable);
    s.job_id = lk_job_id(readable);
    s.message_id = job->record.message_id;
    return s;
}

static void write_plain(lk_buf *out, const subject *s, const char *time, lk_log_level level,
                        lk_slice text)
{
    lk_buf_addf(out, "%s\t", time);
    add_clean(out, s->request_id.len > 0 ? s->request_id : LK_SLICE_LITERAL("-"));
    lk_buf_addf(out, "\t%s\t", level_names[level]);
    if (s->job_class.len > 0) {
        add_clean(out, s->job_class);
        lk_buf_add_char(out, ' ');
        add_clean(out, s->job_id);
        lk_buf_add_str(out, ": ");
    }
    add_clean(out, text);
}

static void write_member(lk_json_writer *w, const char *key, lk_slice text)
{
    if (text.len > 0)
        lk_json_member_string(w, key, text);
}

static void write_json(lk_buf *out, const subject *s, const char *time, lk_log_level level,
                       lk_slice text)
{
    lk_json_writer w = {.out = out};
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "timestamp", time);
    lk_json_member_str(&w, "level", level_names[level]);
    lk_json_member_string(&w, "message", text);
    write_member(&w, "requestId", s->request_id);
    write_member(&w, "jobClass", s->job_class);
    write_member(&w, "jobId", s->job_id);
    write_member(&w, "messageId", s->message_id);
    lk_json_end_object(&w);
}

void lk_worker_vlog_about(const lk_worker *worker, const lk_job *job, lk_log_level level,
                          const char *format, va_list args)
{
    if ((size_t)level >= LK_COUNT(level_names) ||
        level < (worker ? worker->log_level : lowest_level()))
        return;
    char text[MAX_TEXT_BYTES];
    int len = vsnprintf(text, sizeof(text), format, args);
    lk_slice said = {text, len < 0 ? 0 : LK_MIN((size_t)len, sizeof(text) - 1)};
    char time[25];
    lk_time_format_iso8601(lk_wall_ms(), time);
    subject s = subject_of(worker, job);
    lk_buf line = {0};
    if (worker ? worker->log_json : wants_json())
        write_json(&line, &s, time, level, said);
    else
        write_plain(&line, &s, time, level, said);
    if (!line.failed) /* no memory: the line is lost, not the job */
        lk_worker_print(worker, lk_buf_slice(&line));
    lk_buf_clear(&line);
}

void lk_worker_log_about(const lk_worker *worker, const lk_job *job, lk_log_level level,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_worker_vlog_about(worker, job, level, format, args);
    va_end(args);
}

/* --- For the application -------------------------------------------------------------------- */

void lk_worker_log(const lk_worker *worker, lk_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_worker_vlog_about(worker, NULL, level, format, args);
    va_end(args);
}

void lk_job_log(const lk_job *job, lk_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_worker_vlog_about(job->batch->worker, job, level, format, args);
    va_end(args);
}
