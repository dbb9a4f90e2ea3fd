/* SPDX-License-Identifier: MIT
 *
 * ext_job: the core's pure functions for Ruby: records, decisions, backoff, metrics.
 *
 * Lambdakiq::Native.decide is for callers that make the SQS calls themselves (a stubbed client, a
 * client of the application's own, Lambdakiq::Job on its own); events go through ext_batch.
 */
#include "ext.h"

#include <string.h>
#include <time.h>

/* --- Records -------------------------------------------------------------------------------- */

/* Keys of an event record, interned once. */
static struct {
    VALUE message_id, receipt_handle, body, event_source_arn;
    VALUE attributes, message_attributes, string_value;
} keys;

static VALUE key(const char *name)
{
    VALUE string = rb_interned_str_cstr(name);
    rb_gc_register_mark_object(string);
    return string;
}

static int set_attribute(VALUE name, VALUE value, VALUE record)
{
    lk_record_set_attribute((lk_record *)record, ext_slice(name), ext_slice(value));
    return ST_CONTINUE;
}

static int set_message_attribute(VALUE name, VALUE value, VALUE record)
{
    if (RB_TYPE_P(value, T_HASH))
        lk_record_set_message_attribute((lk_record *)record, ext_slice(name),
                                        ext_slice(rb_hash_lookup(value, keys.string_value)));
    return ST_CONTINUE;
}

static void each_pair(VALUE hash, int (*function)(VALUE, VALUE, VALUE), lk_record *record)
{
    if (RB_TYPE_P(hash, T_HASH))
        rb_hash_foreach(hash, function, (VALUE)record);
}

void ext_record(VALUE hash, lk_record *record)
{
    lk_record_init(record);
    if (!RB_TYPE_P(hash, T_HASH))
        return;
    record->message_id = ext_slice(rb_hash_lookup(hash, keys.message_id));
    record->receipt_handle = ext_slice(rb_hash_lookup(hash, keys.receipt_handle));
    record->body = ext_slice(rb_hash_lookup(hash, keys.body));
    record->event_source_arn = ext_slice(rb_hash_lookup(hash, keys.event_source_arn));
    each_pair(rb_hash_lookup(hash, keys.attributes), set_attribute, record);
    each_pair(rb_hash_lookup(hash, keys.message_attributes), set_message_attribute, record);
}

/* --- Decisions ------------------------------------------------------------------------------ */

static VALUE action_symbol(lk_action action)
{
    switch (action) {
    case LK_RUN:
        return ID2SYM(rb_intern("run"));
    case LK_SKIP:
        return ID2SYM(rb_intern("skip"));
    case LK_DEFER:
        return ID2SYM(rb_intern("defer"));
    case LK_HOP:
        return ID2SYM(rb_intern("hop"));
    case LK_DRAIN:
        return ID2SYM(rb_intern("drain"));
    case LK_DELETE:
        return ID2SYM(rb_intern("delete"));
    case LK_RETRY:
        return ID2SYM(rb_intern("retry"));
    case LK_LEAVE_FOR_DLQ:
        return ID2SYM(rb_intern("leave"));
    }
    return Qnil;
}

VALUE ext_decision(const lk_decision *decision)
{
    VALUE wait_s = decision->wait_s < 0 ? Qnil : LL2NUM(decision->wait_s);
    return rb_ary_new_from_args(4, action_symbol(decision->action), wait_s,
                                decision->dead ? Qtrue : Qfalse, INT2NUM(decision->limit));
}

lk_dead_mode ext_dead_mode(VALUE symbol)
{
    if (symbol == ID2SYM(rb_intern("dlq")))
        return LK_DEAD_DLQ;
    return symbol == ID2SYM(rb_intern("delete")) ? LK_DEAD_DELETE : LK_DEAD_DEFAULT;
}

static lk_job_facts facts_of(const lk_record *record, VALUE options)
{
    lk_job_facts facts = LK_JOB_FACTS_INIT;
    facts.fifo = lk_record_is_fifo(record);
    facts.receive_count = record->receive_count;
    facts.delay_receives = lk_record_delay_receives(record);
    facts.due_at_ms = lk_record_due_at_ms(record);
    facts.sent_at_ms = record->sent_at_ms;
    facts.max_receive_count =
        ext_int(ext_option(options, "max_receive_count"), LK_MAX_RECEIVE_UNKNOWN);
    facts.retention_s = ext_int64(ext_option(options, "retention_s"), 0);
    facts.retry = ext_int(ext_option(options, "retry"), LK_RETRY_UNSET);
    facts.max_retries = ext_int(ext_option(options, "max_retries"), LK_MAX_RETRIES);
    facts.dead = ext_dead_mode(ext_option(options, "dead"));
    facts.undeletable = RTEST(ext_option(options, "undeletable"));
    facts.group_blocked = RTEST(ext_option(options, "group_blocked"));
    facts.group_wait_s = ext_int64(ext_option(options, "group_wait_s"), -1);
    facts.now_ms = ext_int64(ext_option(options, "now_ms"), 0);
    facts.received_at_ms = ext_int64(ext_option(options, "received_at_ms"), facts.now_ms);
    facts.retry_in_s = ext_int64(ext_option(options, "retry_in_s"), -1);
    facts.jitter_percent = ext_int(ext_option(options, "jitter_percent"), 0);
    facts.random = rb_genrand_int32();
    facts.uncounted_delays = lk_record_uncounted_delays(record);
    facts.alone_in_group = RTEST(ext_option(options, "alone_in_group"));
    facts.seen_dead = RTEST(ext_option(options, "seen_dead"));
    return facts;
}

static lk_decision decide(const lk_job_facts *facts, VALUE moment, VALUE options)
{
    if (NIL_P(moment))
        return lk_job_before(facts);
    if (moment == ID2SYM(rb_intern("unsent")))
        return lk_job_unsent(facts);
    if (moment == ID2SYM(rb_intern("unstarted")))
        return lk_job_unstarted(facts, RTEST(ext_option(options, "may_hop")));
    return lk_job_after(facts, RTEST(moment));
}

/* What the queue's settings cost the job: :retention, :no_redrive, nil. */
static VALUE warning_of(const lk_decision *decision)
{
    if (decision->shortened)
        return ID2SYM(rb_intern("retention"));
    return decision->no_redrive ? ID2SYM(rb_intern("no_redrive")) : Qnil;
}

/* decide(record, moment, **facts) -> [action, wait_s, dead, limit], then milliseconds to sleep
 * first or nil, and a warning, as far as there are any. moment: nil before the job runs; then true
 * or false, whether it worked; :unsent when SQS did not take it anew; :unstarted when it will not
 * run now. */
static VALUE native_decide(VALUE self, VALUE record_hash, VALUE moment, VALUE options)
{
    lk_record record;
    ext_record(record_hash, &record);
    lk_job_facts facts = facts_of(&record, options);
    lk_decision decision = decide(&facts, moment, options);
    VALUE list = ext_decision(&decision);
    VALUE warning = warning_of(&decision);
    if (decision.sleep_ms > 0 || !NIL_P(warning))
        rb_ary_push(list, decision.sleep_ms > 0 ? LL2NUM(decision.sleep_ms) : Qnil);
    if (!NIL_P(warning))
        rb_ary_push(list, warning);
    return list;
}

/* delay_receives(record) -> 0 or 1 */
static VALUE native_delay_receives(VALUE self, VALUE record_hash)
{
    lk_record record;
    ext_record(record_hash, &record);
    return INT2NUM(lk_record_delay_receives(&record));
}

/* record_fault(record) -> why no job can be made of it ("has no body"), nil: one can */
static VALUE native_record_fault(VALUE self, VALUE record_hash)
{
    lk_record record;
    ext_record(record_hash, &record);
    const char *fault = lk_record_fault(&record);
    return fault ? rb_utf8_str_new_cstr(fault) : Qnil;
}

/* due_at_ms(record) -> Integer, 0 = at once */
static VALUE native_due_at_ms(VALUE self, VALUE record_hash)
{
    lk_record record;
    ext_record(record_hash, &record);
    return LL2NUM(lk_record_due_at_ms(&record));
}

/* now_ms: by the clock that due times are judged with */
static VALUE native_now_ms(VALUE self)
{
    (void)self;
    return LL2NUM(lk_now_ms());
}

/* backoff_s(n) -> Integer */
static VALUE native_backoff_s(VALUE self, VALUE n)
{
    return LL2NUM(lk_backoff_s(NUM2INT(n)));
}

/* fifo?(name, URL or ARN) */
static VALUE native_is_fifo(VALUE self, VALUE queue)
{
    return lk_queue_is_fifo(ext_slice(queue)) ? Qtrue : Qfalse;
}

/* --- Metrics -------------------------------------------------------------------------------- */

/* What a line is made of, by the names of the options. */
enum metric_key {
    METRIC_NAMESPACE,
    METRIC_APP_NAME,
    METRIC_JOB_EVENT,
    METRIC_JOB_NAME,
    METRIC_JOB_ID,
    METRIC_QUEUE_NAME,
    METRIC_MESSAGE_ID,
    METRIC_REQUEST_ID,
    METRIC_EXCEPTION_NAME,
    METRIC_ENQUEUED_AT,
    METRIC_EXECUTIONS,
    METRIC_DURATION_MS,
    METRIC_ARGUMENTS,
    METRIC_DIMENSION_SETS,
    METRIC_KEYS
};

static const char *const metric_names[METRIC_KEYS] = {
    [METRIC_NAMESPACE] = "namespace",
    [METRIC_APP_NAME] = "app_name",
    [METRIC_JOB_EVENT] = "job_event",
    [METRIC_JOB_NAME] = "job_name",
    [METRIC_JOB_ID] = "job_id",
    [METRIC_QUEUE_NAME] = "queue_name",
    [METRIC_MESSAGE_ID] = "message_id",
    [METRIC_REQUEST_ID] = "request_id",
    [METRIC_EXCEPTION_NAME] = "exception_name",
    [METRIC_ENQUEUED_AT] = "enqueued_at",
    [METRIC_EXECUTIONS] = "executions",
    [METRIC_DURATION_MS] = "duration_ms",
    [METRIC_ARGUMENTS] = "arguments",
    [METRIC_DIMENSION_SETS] = "dimension_sets",
};

/* Looked up by their names they would cost as much as the line. */
static VALUE metric_symbols[METRIC_KEYS];

static void init_metric_symbols(void)
{
    for (size_t i = 0; i < METRIC_KEYS; i++)
        metric_symbols[i] = ID2SYM(rb_intern(metric_names[i])); /* of an ID: never collected */
}

enum { TIME_TEXT_BYTES = 40 };

/* "2026-07-01T12:00:00Z", as ActiveJob up to 7.0 wrote it; what is no Time is a String or nil. */
static lk_slice time_text(VALUE time, char text[TIME_TEXT_BYTES])
{
    if (rb_obj_class(time) != rb_cTime)
        return (lk_slice){NULL, 0};
    struct timespec at = rb_time_timespec(time);
    struct tm utc;
    if (!gmtime_r(&at.tv_sec, &utc))
        return (lk_slice){NULL, 0};
    return (lk_slice){text, strftime(text, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

/* text: of the time, as long as the metric is used. */
static lk_metric metric_of(const VALUE values[METRIC_KEYS], char text[TIME_TEXT_BYTES])
{
    lk_metric metric = LK_METRIC_INIT;
    lk_slice enqueued_at = time_text(values[METRIC_ENQUEUED_AT], text);
    metric.executions = ext_int(values[METRIC_EXECUTIONS], -1);
    metric.duration_ms = ext_int64(values[METRIC_DURATION_MS], -1);
    metric.metrics_namespace = ext_slice(values[METRIC_NAMESPACE]);
    metric.app_name = ext_slice(values[METRIC_APP_NAME]);
    metric.job_event = ext_slice(values[METRIC_JOB_EVENT]);
    metric.job_name = ext_slice(values[METRIC_JOB_NAME]);
    metric.job_id = ext_slice(values[METRIC_JOB_ID]);
    metric.queue_name = ext_slice(values[METRIC_QUEUE_NAME]);
    metric.message_id = ext_slice(values[METRIC_MESSAGE_ID]);
    metric.request_id = ext_slice(values[METRIC_REQUEST_ID]);
    metric.exception_name = ext_slice(values[METRIC_EXCEPTION_NAME]);
    metric.enqueued_at = enqueued_at.ptr ? enqueued_at : ext_slice(values[METRIC_ENQUEUED_AT]);
    return metric;
}

/* metrics_line(**properties) -> String without newline. arguments: JSON texts; enqueued_at: String
 * or Time; dimension_sets: a String, a set of DIMENSION_* a byte. */
static VALUE native_metrics_line(VALUE self, VALUE options)
{
    VALUE values[METRIC_KEYS];
    Check_Type(options, T_HASH);
    for (size_t i = 0; i < METRIC_KEYS; i++)
        values[i] = rb_hash_lookup2(options, metric_symbols[i], Qnil);
    VALUE arguments = values[METRIC_ARGUMENTS];
    VALUE memory = 0;
    long count = 0;
    if (!NIL_P(arguments)) {
        Check_Type(arguments, T_ARRAY);
        count = RARRAY_LEN(arguments);
    }
    lk_slice *slices = ALLOCV_N(lk_slice, memory, count + 1);
    char time[TIME_TEXT_BYTES];
    lk_metric metric = metric_of(values, time);
    /* Since its first String was borrowed nothing has been allocated. An Array that a number's
     * to_int made shorter has nil in the place of what is missing. */
    for (long i = 0; i < count; i++)
        slices[i] = ext_slice(rb_ary_entry(arguments, i));
    metric.arguments_json = slices;
    metric.argument_count = (size_t)count;
    lk_slice sets = ext_slice(values[METRIC_DIMENSION_SETS]);
    metric.dimension_sets = (const uint8_t *)sets.ptr;
    metric.dimension_set_count = sets.len;
    char *line = NULL;
    size_t len = 0;
    lk_err err;
    int rc = lk_metrics_format(&metric, &line, &len, &err);
    ALLOCV_END(memory);
    RB_GC_GUARD(options);
    RB_GC_GUARD(arguments);
    if (rc)
        ext_raise(&err);
    return ext_string_take(line, len);
}

/* --- Entry ---------------------------------------------------------------------------------- */

void ext_init_job(VALUE native)
{
    keys.message_id = key("messageId");
    keys.receipt_handle = key("receiptHandle");
    keys.body = key("body");
    keys.event_source_arn = key("eventSourceARN");
    keys.attributes = key("attributes");
    keys.message_attributes = key("messageAttributes");
    keys.string_value = key("stringValue");
    init_metric_symbols();

    rb_define_const(native, "RETRY_UNSET", INT2NUM(LK_RETRY_UNSET));
    rb_define_const(native, "RETRY_MAX", INT2NUM(LK_RETRY_MAX));
    rb_define_const(native, "MAX_RETRIES", INT2NUM(LK_MAX_RETRIES));
    rb_define_const(native, "MAX_VISIBILITY_S", INT2NUM(LK_MAX_VISIBILITY_S));
    rb_define_const(native, "MAX_RECEIVE_NONE", INT2NUM(LK_MAX_RECEIVE_NONE));
    rb_define_const(native, "MAX_RECEIVE_UNKNOWN", INT2NUM(LK_MAX_RECEIVE_UNKNOWN));
    rb_define_singleton_method(native, "decide", native_decide, 3);
    rb_define_singleton_method(native, "delay_receives", native_delay_receives, 1);
    rb_define_singleton_method(native, "record_fault", native_record_fault, 1);
    rb_define_singleton_method(native, "due_at_ms", native_due_at_ms, 1);
    rb_define_singleton_method(native, "backoff_s", native_backoff_s, 1);
    rb_define_singleton_method(native, "now_ms", native_now_ms, 0);
    rb_define_singleton_method(native, "fifo?", native_is_fifo, 1);
    rb_define_singleton_method(native, "metrics_line", native_metrics_line, 1);
}
