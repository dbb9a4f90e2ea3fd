/* SPDX-License-Identifier: MIT
 *
 * message: checks a job, lays out its message, writes it.
 *
 * In the order of the file: the body, the start time, ids, the trace header, then all of it put
 * together; last the body that C programs enqueue.
 */
#include "message.h"

#include "digest.h"
#include "json.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DELAY_S = 900,      /* SQS's DelaySeconds; a worker of 2.4.0 raises on a longer one */
    MAX_ID_BYTES = 128,     /* of a group or deduplication id */
    MAX_TRACE_BYTES = 1024, /* more is not a trace header */
    MAX_ATTRIBUTES = 3,     /* lambdakiq, delay_seconds, due_at */
    MAX_NUMBER = 24,        /* an int64 in decimal, with NUL */
};

/* --- Body ----------------------------------------------------------------------------------- */

/* Bytes of the character s begins with if SQS takes it: U+0009, U+000A, U+000D, U+0020 and all
 * above it but surrogates, U+FFFE and U+FFFF. 0: it does not, or the bytes are not UTF-8. */
static size_t accepted_character(lk_slice s)
{
    unsigned char c = (unsigned char)s.ptr[0];
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
        return 0;
    bool noncharacter = s.len >= 3 && (memcmp(s.ptr, "\xef\xbf\xbe", 3) == 0 ||
                                       memcmp(s.ptr, "\xef\xbf\xbf", 3) == 0);
    return noncharacter ? 0 : lk_utf8_length(s);
}

static int refuse_character(lk_slice body, size_t at, lk_err *err)
{
    unsigned char c = (unsigned char)body.ptr[at];
    lk_slice rest = {body.ptr + at, body.len - at};
    if (lk_utf8_length(rest) == 0)
        return LK_FAIL(err, LK_E_INVALID,
                       "body: byte %zu (0x%02X) is not UTF-8; SQS carries text only: encode binary "
                       "data as base64",
                       at, c);
    unsigned code_point = c < 0x20 ? c : body.ptr[at + 2] == '\xbe' ? 0xfffe : 0xffff;
    return LK_FAIL(err, LK_E_INVALID,
                   "body: the character U+%04X at byte %zu is not allowed in an SQS message: write "
                   "it as \\u%04x, as JSON can",
                   code_point, at, code_point);
}

static int check_body(lk_slice body, lk_err *err)
{
    if (body.len == 0)
        return LK_FAIL(err, LK_E_INVALID, "body: empty; SQS takes no message without a body");
    size_t at = 0;
    while (at < body.len) {
        unsigned char c = (unsigned char)body.ptr[at];
        bool plain = c >= 0x20 && c < 0x80;
        size_t len = plain ? 1 : accepted_character((lk_slice){body.ptr + at, body.len - at});
        if (len == 0)
            return refuse_character(body, at, err);
        at += len;
    }
    return 0;
}

/* --- Start time ----------------------------------------------------------------------------- */

/* When the job may start, as the message says it. */
typedef struct start_time {
    int64_t delay_s;   /* 0: at once */
    int64_t due_at_ms; /* 0: delay_s says it all */
} start_time;

/* SQS delays by 900 s at most, so what is further away travels in steps, and due_at tells each
 * receiver what is still ahead (B9). A past start time is now (B10). FIFO queues have no delay per
 * message: the receiver hides it, and knows from due_at that this was no try (B11). */
static int plan_start(const lk_env *env, const lk_send_options *options, bool fifo,
                      start_time *start, lk_err *err)
{
    const int64_t max_ms = MAX_DELAY_S * INT64_C(1000);
    int64_t wait_ms = LK_MAX(options->delay_ms, 0);
    *start = (start_time){0};
    if (wait_ms == 0)
        return 0;
    if (wait_ms > max_ms && options->long_delays == LK_LONG_DELAYS_RAISE)
        return LK_FAIL(err, LK_E_INVALID,
                       "delay of %lld s: long_delays is set to refuse what is over %d s; wait for "
                       "less, or let it keep long waits",
                       (long long)(wait_ms / 1000), MAX_DELAY_S);
    if (options->long_delays == LK_LONG_DELAYS_CAP)
        wait_ms = LK_MIN(wait_ms, max_ms);
    int64_t now_ms = LK_MAX(env->clock_ms(env->ctx), 0);
    if (wait_ms > LK_TIME_LAST_MS - now_ms)
        return LK_FAIL(err, LK_E_INVALID, "delay of %lld s: ends after the year 9999",
                       (long long)(wait_ms / 1000));
    start->delay_s = LK_MIN((wait_ms + 999) / 1000, MAX_DELAY_S);
    start->due_at_ms = fifo || wait_ms > max_ms ? now_ms + wait_ms : 0;
    return 0;
}

/* --- Group and deduplication ---------------------------------------------------------------- */

/* Letters, digits and punctuation of ASCII; no space. */
static bool is_acceptable_id(lk_slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] < '!' || id.ptr[i] > '~')
            return false;
    }
    return id.len <= MAX_ID_BYTES;
}

/* *fitting is the id itself, or its SHA-256 where SQS would not take it. {NULL,0} stays absent. */
static int fit_id(lk_slice id, char hash[LK_SHA256_HEX_SIZE], lk_slice *fitting, lk_err *err)
{
    *fitting = id;
    if (is_acceptable_id(id))
        return 0;
    if (!lk_sha256_hex(id, hash))
        return LK_FAIL_NOMEM(err);
    *fitting = lk_slice_of(hash);
    return 0;
}

/* Ids of one message; slices into the options or into the hashes. */
typedef struct message_ids {
    lk_slice group;
    lk_slice deduplication;
    char group_hash[LK_SHA256_HEX_SIZE];
    char deduplication_hash[LK_SHA256_HEX_SIZE];
    lk_buf step; /* what `deduplication` points into for a re-send */
} message_ids;

/* The same job sent again within five minutes would be accepted and dropped as a duplicate, and
 * then the message it came from deleted: lost. So each step has an id of its own, which is the same
 * again when that step is repeated (B2). */
static void name_step(message_ids *ids, lk_slice first_id, lk_slice message_id)
{
    lk_buf_add(&ids->step, first_id);
    lk_buf_add_char(&ids->step, ':');
    lk_buf_add(&ids->step, message_id);
}

static int choose_fifo_ids(const lk_send_options *options, message_ids *ids, lk_err *err)
{
    lk_slice group =
        options->message_group_id.len > 0 ? options->message_group_id : options->job_id;
    lk_slice first_id = options->message_deduplication_id.len > 0
                            ? options->message_deduplication_id
                            : options->job_id;
    if (group.len == 0 || first_id.len == 0)
        return LK_FAIL(err, LK_E_INVALID,
                       "a FIFO queue needs job_id, or both message_group_id and "
                       "message_deduplication_id");
    if (options->resend_of.len > 0) {
        name_step(ids, first_id, options->resend_of);
        first_id = lk_buf_slice(&ids->step);
    }
    int rc = lk_buf_check(&ids->step, err);
    if (!rc)
        rc = fit_id(group, ids->group_hash, &ids->group, err);
    if (!rc)
        rc = fit_id(first_id, ids->deduplication_hash, &ids->deduplication, err);
    return rc;
}

/* A group on a standard queue makes it a fair queue, so only who asks for it gets it. */
static int choose_standard_ids(const lk_send_options *options, message_ids *ids, lk_err *err)
{
    if (options->message_deduplication_id.len > 0)
        return LK_FAIL(err, LK_E_INVALID,
                       "message_deduplication_id: a standard queue does not deduplicate; use a "
                       ".fifo queue, or leave it out");
    return fit_id(options->message_group_id, ids->group_hash, &ids->group, err);
}

/* --- Trace header --------------------------------------------------------------------------- */

static bool is_header_text(lk_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    }
    return s.len <= MAX_TRACE_BYTES;
}

/* A list of what passes, not of what is dropped: Lambda counts a chain by Lineage, and by whatever
 * it may add for that later (B32). */
void lk_message_trace_without_lineage(lk_slice header, lk_buf *out)
{
    static const char *const kept[] = {"Root=", "Parent=", "Sampled="};
    const char *separator = "";
    lk_slice field;
    for (lk_slice rest = header; rest.ptr;) {
        rest = lk_slice_cut(rest, ';', &field);
        field = lk_slice_trim(field);
        for (size_t i = 0; i < LK_COUNT(kept); i++) {
            if (!lk_slice_has_prefix(field, lk_slice_of(kept[i])))
                continue;
            lk_buf_add_str(out, separator);
            lk_buf_add(out, field);
            separator = ";";
        }
    }
}

/* A trace is a help to whoever looks for the job later: it never keeps a job from being sent. */
static void choose_trace(const lk_send_options *options, lk_buf *out)
{
    lk_slice header = options->trace_header;
    if (header.len == 0)
        header = lk_slice_of(lk_getenv("_X_AMZN_TRACE_ID"));
    if (!is_header_text(header))
        return;
    if (options->resend_of.len > 0)
        lk_message_trace_without_lineage(header, out);
    else
        lk_buf_add(out, header);
}

/* --- Message -------------------------------------------------------------------------------- */

typedef struct attribute {
    const char *name;
    const char *data_type;
    char value[MAX_NUMBER];
} attribute;

typedef struct attribute_list {
    attribute items[MAX_ATTRIBUTES];
    size_t count;
} attribute_list;

static void add_attribute(attribute_list *list, const char *name, const char *data_type,
                          int64_t value)
{
    attribute *a = &list->items[list->count++];
    a->name = name;
    a->data_type = data_type;
    snprintf(a->value, sizeof(a->value), "%lld", (long long)value);
}

static attribute_list choose_attributes(const start_time *start, bool fifo)
{
    attribute_list list = {.count = 0};
    add_attribute(&list, "lambdakiq", "String", 1);
    if (fifo && start->delay_s > 0)
        add_attribute(&list, "delay_seconds", "String", start->delay_s);
    if (start->due_at_ms > 0)
        add_attribute(&list, "due_at", "Number", start->due_at_ms);
    return list;
}

/* SQS's rule: body and message attributes count; ids and the trace header do not. */
static int check_size(const lk_client *client, lk_slice body, const attribute_list *attributes,
                      size_t *size_bytes, lk_err *err)
{
    size_t size = body.len;
    for (size_t i = 0; i < attributes->count; i++) {
        const attribute *a = &attributes->items[i];
        size +=
            lk_slice_of(a->name).len + lk_slice_of(a->data_type).len + lk_slice_of(a->value).len;
    }
    int64_t limit = lk_client_config(client)->max_message_bytes;
    if (size > (uint64_t)LK_MAX(limit, 0))
        return LK_FAIL(err, LK_E_TOO_LARGE,
                       "the message has %zu bytes, the limit is %lld (max_message_bytes): store "
                       "large arguments elsewhere and send a reference to them",
                       size, (long long)limit);
    if (size_bytes)
        *size_bytes = size;
    return 0;
}

static void write_attributes(lk_json_writer *w, const attribute_list *attributes)
{
    lk_json_key(w, "MessageAttributes");
    lk_json_begin_object(w);
    for (size_t i = 0; i < attributes->count; i++) {
        const attribute *a = &attributes->items[i];
        lk_json_key(w, a->name);
        lk_json_begin_object(w);
        lk_json_member_str(w, "DataType", a->data_type);
        lk_json_member_str(w, "StringValue", a->value);
        lk_json_end_object(w);
    }
    lk_json_end_object(w);
}

static void write_trace(lk_json_writer *w, lk_slice header)
{
    lk_json_key(w, "MessageSystemAttributes");
    lk_json_begin_object(w);
    lk_json_key(w, "AWSTraceHeader");
    lk_json_begin_object(w);
    lk_json_member_str(w, "DataType", "String");
    lk_json_member_string(w, "StringValue", header);
    lk_json_end_object(w);
    lk_json_end_object(w);
}

/* Everything decided about a message, ready to be written. */
typedef struct layout {
    lk_slice body;
    attribute_list attributes;
    int64_t delay_seconds; /* DelaySeconds; 0: left out, the queue's own delay counts */
    message_ids ids;
    lk_buf trace;
} layout;

static int decide(lk_client *client, bool fifo, const lk_send_options *options, layout *l,
                  size_t *size_bytes, lk_err *err)
{
    start_time start;
    int rc = plan_start(lk_client_env(client), options, fifo, &start, err);
    if (rc)
        return rc;
    l->attributes = choose_attributes(&start, fifo);
    l->delay_seconds = fifo ? 0 : start.delay_s;
    rc = check_size(client, l->body, &l->attributes, size_bytes, err);
    if (!rc)
        rc = check_body(l->body, err);
    if (!rc)
        rc = fifo ? choose_fifo_ids(options, &l->ids, err)
                  : choose_standard_ids(options, &l->ids, err);
    if (rc)
        return rc;
    choose_trace(options, &l->trace);
    return lk_buf_check(&l->trace, err);
}

static void write_members(const layout *l, lk_buf *out)
{
    lk_json_writer w = {.out = out, .depth = 1}; /* inside braces that the caller writes */
    lk_json_member_string(&w, "MessageBody", l->body);
    write_attributes(&w, &l->attributes);
    if (l->delay_seconds > 0)
        lk_json_member_int(&w, "DelaySeconds", l->delay_seconds);
    if (l->ids.group.len > 0)
        lk_json_member_string(&w, "MessageGroupId", l->ids.group);
    if (l->ids.deduplication.len > 0)
        lk_json_member_string(&w, "MessageDeduplicationId", l->ids.deduplication);
    if (l->trace.len > 0)
        write_trace(&w, lk_buf_slice(&l->trace));
}

static void digest_layout(const layout *l, lk_sqs_digests *digests)
{
    lk_md5_attribute attributes[MAX_ATTRIBUTES];
    for (size_t i = 0; i < l->attributes.count; i++) {
        const attribute *a = &l->attributes.items[i];
        attributes[i] = (lk_md5_attribute){lk_slice_of(a->name), lk_slice_of(a->data_type),
                                           lk_slice_of(a->value)};
    }
    lk_md5_attribute trace = {LK_SLICE_LITERAL("AWSTraceHeader"), LK_SLICE_LITERAL("String"),
                              lk_buf_slice(&l->trace)};
    lk_sqs_digests_make(l->body, attributes, l->attributes.count, &trace, l->trace.len > 0 ? 1 : 0,
                        digests);
}

int lk_message_build_digested(lk_client *client, const lk_queue *queue, lk_slice body,
                              const lk_send_options *options, lk_buf *out, size_t *size_bytes,
                              lk_sqs_digests *digests, lk_err *err)
{
    lk_send_options given = LK_SEND_OPTIONS_INIT;
    layout l = {.body = body};
    int rc = lk_options_take(&given, options, "LK_SEND_OPTIONS_INIT", err);
    if (!rc)
        rc = decide(client, lk_queue_fifo(queue), &given, &l, size_bytes, err);
    if (!rc) {
        write_members(&l, out);
        rc = lk_buf_check(out, err);
    }
    if (!rc && digests)
        digest_layout(&l, digests);
    lk_buf_clear(&l.ids.step);
    lk_buf_clear(&l.trace);
    return rc;
}

int lk_message_build(lk_client *client, const lk_queue *queue, lk_slice body,
                     const lk_send_options *options, lk_buf *out, size_t *size_bytes, lk_err *err)
{
    return lk_message_build_digested(client, queue, body, options, out, size_bytes, NULL, err);
}

/* --- A job's body --------------------------------------------------------------------------- */

static int check_arguments(lk_slice arguments_json, lk_err *err)
{
    lk_json *arguments;
    int rc = lk_json_parse(arguments_json, "arguments", &arguments, err);
    if (rc)
        return rc;
    bool is_list = lk_json_typeof(arguments) == LK_JSON_ARRAY;
    lk_json_free(arguments);
    return is_list ? 0
                   : LK_FAIL(err, LK_E_INVALID,
                             "arguments: not a JSON array; one argument is written [x], none []");
}

static void write_time(lk_json_writer *w, const char *key, int64_t epoch_ms)
{
    char text[25];
    lk_time_format_iso8601(epoch_ms, text);
    lk_json_member_str(w, key, text);
}

static void write_null(lk_json_writer *w, const char *key)
{
    lk_json_key(w, key);
    lk_json_value_null(w);
}

/* In the order of ActiveJob's own serialize, for those who compare bodies by eye. */
static void write_body(lk_json_writer *w, lk_slice queue_name, lk_slice job_class, lk_slice job_id,
                       lk_slice arguments_json, const lk_enqueue_options *options, int64_t now_ms)
{
    lk_json_begin_object(w);
    lk_json_member_string(w, "job_class", job_class);
    lk_json_member_string(w, "job_id", job_id);
    write_null(w, "provider_job_id");
    lk_json_member_string(w, "queue_name", queue_name);
    if (options->has_priority)
        lk_json_member_int(w, "priority", options->priority);
    else
        write_null(w, "priority");
    lk_json_key(w, "arguments");
    lk_json_value_raw(w, arguments_json);
    lk_json_member_int(w, "executions", 0);
    lk_json_key(w, "exception_executions");
    lk_json_value_raw(w, LK_SLICE_LITERAL("{}"));
    write_null(w, "locale");
    write_null(w, "timezone");
    write_time(w, "enqueued_at", now_ms);
    if (options->delay_ms > 0)
        write_time(w, "scheduled_at", now_ms + LK_MIN(options->delay_ms, LK_TIME_LAST_MS - now_ms));
    else
        write_null(w, "scheduled_at");
    lk_json_end_object(w);
}

int lk_message_body(const lk_env *env, lk_slice queue_name, lk_slice job_class, lk_slice job_id,
                    lk_slice arguments_json, const lk_enqueue_options *options, lk_buf *out,
                    lk_err *err)
{
    if (job_class.len == 0 || job_id.len == 0)
        return LK_FAIL(err, LK_E_INVALID, "a job needs job_class and job_id, and neither empty");
    if (!lk_utf8_valid(job_class) || !lk_utf8_valid(job_id))
        return LK_FAIL(err, LK_E_INVALID, "job_class and job_id must be UTF-8");
    int rc = check_arguments(arguments_json, err);
    if (rc)
        return rc;
    lk_json_writer w = {.out = out};
    /* Real time, as the Ruby side writes it: the movable clock governs when a job starts. */
    write_body(&w, queue_name, job_class, job_id, arguments_json, options,
               LK_MAX(env->wall_ms(env->ctx), 0));
    return lk_buf_check(out, err);
}
