/* SPDX-License-Identifier: MIT
 *
 * function_log: what worker processes print, line by line, into one descriptor.
 *
 * Lambda takes stdout and stderr as one stream of events, one a line. Lines pass through unchanged:
 * an Embedded Metric Format line must stay one JSON object, so nothing is put before it. Only a
 * line of more than 256 KiB is cut, as CloudWatch Logs would. A sink is shared by all threads; it
 * writes whole lines, so that those of several workers never mix.
 */
#ifndef LK_LOCAL_FUNCTION_LOG_H
#define LK_LOCAL_FUNCTION_LOG_H

#include "base.h"

#include <pthread.h>

#define LK_LOG_LINE_MAX_BYTES ((size_t)256 * 1024)

typedef struct lk_log_sink {
    int fd;    /* not owned */
    bool json; /* lines of our own are JSON objects */
    pthread_mutex_t lock;
} lk_log_sink;

int lk_log_sink_init(lk_log_sink *sink, int fd, bool json, lk_err *err);
void lk_log_sink_clear(lk_log_sink *sink);
/* One line; the newline is added. A descriptor that nobody reads any more (EPIPE) loses it. */
void lk_log_line(lk_log_sink *sink, lk_slice line);
/* A line of our own; in JSON as the "message" of a warning. */
void lk_log_linef(lk_log_sink *sink, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lk_log_vlinef(lk_log_sink *sink, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* The output of one process: bytes come in pieces, lines go out. Threads: any. */
typedef struct lk_log_stream {
    int fd; /* non-blocking read end, owned; -1: closed */
    lk_log_sink *sink;
    pthread_mutex_t lock;
    lk_buf partial; /* the line whose end has not come yet */
} lk_log_stream;

/* fd: transferred, also on failure. */
int lk_log_stream_init(lk_log_stream *stream, int fd, lk_log_sink *sink, lk_err *err);
/* Passes on what has been written so far. A process that printed before it answered has its lines
 * in the pipe by then: pumping before END keeps them in front of it. false: nothing more will come.
 */
bool lk_log_stream_pump(lk_log_stream *stream);
/* Pumps a last time, ends an unfinished line, closes. */
void lk_log_stream_close(lk_log_stream *stream);

#endif
