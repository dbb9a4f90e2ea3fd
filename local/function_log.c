/* SPDX-License-Identifier: MIT
 *
 * function_log: lines of worker processes, whole and in order, to one descriptor.
 */
#include "function_log.h"

#include "json.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PIPE_BYTES = 65536 }; /* what Linux gives a pipe */

/* --- Sink ----------------------------------------------------------------------------------- */

int lk_log_sink_init(lk_log_sink *sink, int fd, bool json, lk_err *err)
{
    sink->fd = fd;
    sink->json = json;
    if (pthread_mutex_init(&sink->lock, NULL) != 0)
        return LK_FAIL_NOMEM(err);
    return 0;
}

void lk_log_sink_clear(lk_log_sink *sink)
{
    pthread_mutex_destroy(&sink->lock);
}

/* The descriptor may be a terminal or pipe that somebody else made non-blocking. */
static bool wait_writable(int fd)
{
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    return poll(&out, 1, -1) > 0 || errno == EINTR;
}

static void write_all(int fd, struct iovec *parts, int count)
{
    while (count > 0) {
        ssize_t written = writev(fd, parts, count);
        if (written < 0) {
            if (errno == EINTR || (errno == EAGAIN && wait_writable(fd)))
                continue;
            return;
        }
        size_t left = (size_t)written;
        while (count > 0 && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + left;
            parts->iov_len -= left;
        }
    }
}

void lk_log_line(lk_log_sink *sink, lk_slice line)
{
    char newline = '\n';
    union {
        const char *from;
        void *to; /* writev reads only, but iovec has no const */
    } text = {.from = line.ptr};
    struct iovec parts[2] = {{text.to, line.len}, {&newline, 1}};
    pthread_mutex_lock(&sink->lock);
    write_all(sink->fd, parts, 2);
    pthread_mutex_unlock(&sink->lock);
}

static void log_as_json(lk_log_sink *sink, lk_slice message)
{
    lk_buf line = {0};
    lk_json_writer w = {.out = &line};
    char now[25];
    lk_time_format_iso8601(lk_wall_ms(), now);
    lk_json_begin_object(&w);
    lk_json_member_str(&w, "timestamp", now);
    lk_json_member_str(&w, "level", "WARN");
    lk_json_member_string(&w, "message", message);
    lk_json_end_object(&w);
    if (!line.failed)
        lk_log_line(sink, lk_buf_slice(&line));
    lk_buf_clear(&line);
}

void lk_log_vlinef(lk_log_sink *sink, const char *format, va_list args)
{
    char text[2048];
    int len = vsnprintf(text, sizeof(text), format, args);
    if (len <= 0)
        return;
    lk_slice line = {text, LK_MIN((size_t)len, sizeof(text) - 1)};
    if (sink->json)
        log_as_json(sink, line);
    else
        lk_log_line(sink, line);
}

void lk_log_linef(lk_log_sink *sink, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_log_vlinef(sink, format, args);
    va_end(args);
}

/* --- Stream --------------------------------------------------------------------------------- */

int lk_log_stream_init(lk_log_stream *stream, int fd, lk_log_sink *sink, lk_err *err)
{
    *stream = (lk_log_stream){.fd = fd, .sink = sink};
    if (pthread_mutex_init(&stream->lock, NULL) != 0) {
        close(fd);
        stream->fd = -1;
        return LK_FAIL_NOMEM(err);
    }
    return 0;
}

static void flush_partial(lk_log_stream *stream)
{
    if (stream->partial.len > 0)
        lk_log_line(stream->sink, lk_buf_slice(&stream->partial));
    lk_buf_reset(&stream->partial);
}

/* Keeps a piece of an unfinished line. Out of memory, the line goes out in pieces instead. */
static void keep_partial(lk_log_stream *stream, lk_slice piece)
{
    if (!lk_buf_reserve(&stream->partial, piece.len)) {
        stream->partial.failed = false;
        flush_partial(stream);
        lk_log_line(stream->sink, piece);
        return;
    }
    lk_buf_add(&stream->partial, piece);
}

static void take_bytes(lk_log_stream *stream, lk_slice bytes)
{
    while (bytes.len > 0) {
        const char *newline = memchr(bytes.ptr, '\n', bytes.len);
        size_t len = newline ? (size_t)(newline - bytes.ptr) : bytes.len;
        if (len > 0 && stream->partial.len == LK_LOG_LINE_MAX_BYTES)
            flush_partial(stream);
        size_t room = LK_LOG_LINE_MAX_BYTES - stream->partial.len;
        lk_slice piece = {bytes.ptr, LK_MIN(len, room)};
        bool whole = newline && piece.len == len;
        if (whole && stream->partial.len == 0)
            lk_log_line(stream->sink, piece);
        else
            keep_partial(stream, piece);
        if (whole)
            flush_partial(stream);
        bytes.ptr += piece.len + whole;
        bytes.len -= piece.len + whole;
    }
}

/* Takes no more than a pipe holds: a process that prints without end must not keep us here. */
static bool pump_locked(lk_log_stream *stream)
{
    char bytes[16384];
    size_t taken = 0;
    while (taken < PIPE_BYTES) {
        ssize_t got = read(stream->fd, bytes, sizeof(bytes));
        if (got == 0)
            return false;
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN;
        }
        take_bytes(stream, (lk_slice){bytes, (size_t)got});
        taken += (size_t)got;
    }
    return true;
}

bool lk_log_stream_pump(lk_log_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool more = pump_locked(stream);
    pthread_mutex_unlock(&stream->lock);
    return more;
}

void lk_log_stream_close(lk_log_stream *stream)
{
    if (stream->fd < 0)
        return;
    pump_locked(stream);
    flush_partial(stream);
    lk_buf_clear(&stream->partial);
    close(stream->fd);
    stream->fd = -1;
    pthread_mutex_destroy(&stream->lock);
}
