/* SPDX-License-Identifier: MIT
 *
 * ext_client: Lambdakiq::Native::Client, one handle of the core: a connection pool, credentials, a
 * region. One thread at a time; Lambdakiq::Pool sees to that.
 */
#include "ext.h"

#include <string.h>

/* --- The object ----------------------------------------------------------------------------- */

ext_client *ext_client_retain(ext_client *client)
{
    atomic_fetch_add(&client->owners, 1);
    return client;
}

void ext_client_release(ext_client *client)
{
    if (!client || atomic_fetch_sub(&client->owners, 1) != 1)
        return;
    lk_client_free(client->client);
    free(client);
}

void ext_client_interrupt(void *client)
{
    lk_client_interrupt(((ext_client *)client)->client);
}

static void client_free(void *client)
{
    ext_client_release(client);
}

/* A handle is mostly libcurl's: two connections' buffers. An estimate for the GC's bookkeeping. */
static size_t client_size(const void *client)
{
    return client ? sizeof(ext_client) + 64 * 1024 : 0;
}

static const rb_data_type_t client_type = {
    .wrap_struct_name = "Lambdakiq::Native::Client",
    .function = {.dfree = client_free, .dsize = client_size},
    .flags = RUBY_TYPED_FREE_IMMEDIATELY | RUBY_TYPED_WB_PROTECTED,
};

static VALUE client_alloc(VALUE klass)
{
    return TypedData_Wrap_Struct(klass, &client_type, NULL);
}

ext_client *ext_client_of(VALUE self)
{
    ext_client *client = rb_check_typeddata(self, &client_type);
    if (!client)
        rb_raise(rb_eArgError, "uninitialized Lambdakiq::Native::Client");
    return client;
}

/* --- Life ----------------------------------------------------------------------------------- */

/* The option Strings, on the caller's stack for as long as the core has their bytes. */
typedef struct option_texts {
    VALUE kept[7];
    size_t count;
} option_texts;

static const char *text_option(VALUE options, const char *name, option_texts *texts)
{
    VALUE value = ext_option(options, name);
    if (NIL_P(value))
        return NULL;
    Check_Type(value, T_STRING); /* one made by a conversion would be nobody's */
    VALUE *kept = &texts->kept[texts->count++];
    *kept = value;
    return StringValueCStr(*kept);
}

static lk_client_options options_of(VALUE options, option_texts *texts)
{
    lk_client_options result = LK_CLIENT_OPTIONS_INIT;
    result.connect_timeout_ms = ext_int64(ext_option(options, "connect_timeout_ms"), 0);
    result.timeout_ms = ext_int64(ext_option(options, "timeout_ms"), 0);
    result.idle_max_ms = ext_int64(ext_option(options, "idle_max_ms"), 0);
    result.max_attempts = ext_int(ext_option(options, "max_attempts"), 0);
    result.max_message_bytes = ext_int64(ext_option(options, "max_message_bytes"), 0);
    result.skip_md5 = RTEST(ext_option(options, "skip_md5"));
    result.region = text_option(options, "region", texts);
    result.endpoint = text_option(options, "endpoint", texts);
    result.profile = text_option(options, "profile", texts);
    result.access_key_id = text_option(options, "access_key_id", texts);
    result.secret_access_key = text_option(options, "secret_access_key", texts);
    result.session_token = text_option(options, "session_token", texts);
    result.user_agent = text_option(options, "user_agent", texts);
    return result;
}

/* new(options) */
static VALUE client_initialize(VALUE self, VALUE hash)
{
    Check_Type(hash, T_HASH);
    if (rb_check_typeddata(self, &client_type))
        rb_raise(rb_eArgError, "already initialized");
    option_texts texts = {.count = 0};
    lk_client_options options = options_of(hash, &texts);
    ext_client *client = calloc(1, sizeof(*client));
    if (!client)
        rb_memerror();
    atomic_init(&client->owners, 1);
    lk_err err;
    client->client = lk_client_new(&options, &err);
    for (size_t i = 0; i < texts.count; i++)
        RB_GC_GUARD(texts.kept[i]);
    if (!client->client) {
        free(client);
        ext_raise(&err);
    }
    RTYPEDDATA_DATA(self) = client;
    return self;
}

/* set_credentials(access_key_id, secret_access_key, session_token or nil) */
static VALUE client_set_credentials(VALUE self, VALUE key_id, VALUE secret, VALUE token)
{
    lk_client *client = ext_client_of(self)->client;
    const char *token_text = NIL_P(token) ? NULL : StringValueCStr(token);
    const char *key_text = StringValueCStr(key_id);
    lk_err err;
    int rc = lk_client_set_credentials(client, key_text, StringValueCStr(secret), token_text, &err);
    RB_GC_GUARD(key_id);
    RB_GC_GUARD(secret);
    RB_GC_GUARD(token);
    if (rc)
        ext_raise(&err);
    return Qnil;
}

/* Gives a forked child its descriptors back. */
static VALUE client_discard(VALUE self)
{
    lk_client_discard(ext_client_of(self)->client);
    return Qnil;
}

/* [attempts, http_status, duration_us, request_id] of the last call */
static VALUE client_last_call(VALUE self)
{
    lk_call_info info;
    lk_client_last_call(ext_client_of(self)->client, &info);
    return rb_ary_new_from_args(4, INT2NUM(info.attempts), INT2NUM(info.http_status),
                                LL2NUM(info.duration_us), ext_string(lk_slice_of(info.request_id)));
}

/* --- Sending -------------------------------------------------------------------------------- */

static lk_long_delays long_delays_of(VALUE value)
{
    if (value == ID2SYM(rb_intern("cap")))
        return LK_LONG_DELAYS_CAP;
    return value == ID2SYM(rb_intern("raise")) ? LK_LONG_DELAYS_RAISE : LK_LONG_DELAYS_ON;
}

typedef struct send_args {
    lk_client *client;
    lk_slice queue, body;
    lk_send_options options;
    lk_sent sent;
} send_args;

static int send_one(void *args, lk_err *err)
{
    send_args *a = args;
    return lk_send(a->client, a->queue, a->body, &a->options, &a->sent, err);
}

/* The Strings of a send, frozen, on the caller's stack for as long as the core has them. */
typedef struct send_texts {
    VALUE queue, body, job_id, group_id, resend_of, trace_header;
} send_texts;

static void guard(send_texts *texts)
{
    RB_GC_GUARD(texts->queue);
    RB_GC_GUARD(texts->body);
    RB_GC_GUARD(texts->job_id);
    RB_GC_GUARD(texts->group_id);
    RB_GC_GUARD(texts->resend_of);
    RB_GC_GUARD(texts->trace_header);
}

/* argv: queue, body, job_id, delay_ms, group_id, resend_of, long_delays, and trace_header where it
 * is not to be the environment's */
enum { SEND_ARGC = 7, SEND_ARGC_MAX };

static send_args send_args_of(ext_client *client, int argc, const VALUE *argv, send_texts *texts)
{
    rb_check_arity(argc, SEND_ARGC, SEND_ARGC_MAX);
    *texts =
        (send_texts){ext_frozen(argv[0]), ext_frozen(argv[1]),
                     ext_frozen(argv[2]), ext_frozen(argv[4]),
                     ext_frozen(argv[5]), argc > SEND_ARGC ? ext_frozen(argv[SEND_ARGC]) : Qnil};
    return (send_args){
        .client = client->client,
        .queue = ext_slice(texts->queue),
        .body = ext_slice(texts->body),
        .options = {.size = sizeof(lk_send_options),
                    .job_id = ext_slice(texts->job_id),
                    .delay_ms = ext_int64(argv[3], 0),
                    .message_group_id = ext_slice(texts->group_id),
                    .resend_of = ext_slice(texts->resend_of),
                    .trace_header = ext_slice(texts->trace_header),
                    .long_delays = long_delays_of(argv[6])},
    };
}

/* send_job(queue, body, job_id, delay_ms, group_id, resend_of, long_delays, trace_header = nil)
 * -> messageId */
static VALUE client_send_job(int argc, VALUE *argv, VALUE self)
{
    ext_client *client = ext_client_of(self);
    send_texts texts;
    send_args args = send_args_of(client, argc, argv, &texts);
    lk_err err;
    /* Only a FIFO queue recognises the same send; on a standard one it is the caller who must know
     * that the job may be there already. */
    int rc =
        ext_wait(send_one, &args, ext_client_interrupt, client, lk_queue_is_fifo(args.queue), &err);
    RB_GC_GUARD(self);
    guard(&texts);
    if (rc)
        ext_raise(&err);
    return ext_string(lk_slice_of(args.sent.message_id));
}

/* send_params(as send_job) -> the JSON object that SendMessage would get, without QueueUrl */
static VALUE client_send_params(int argc, VALUE *argv, VALUE self)
{
    send_texts texts;
    send_args args = send_args_of(ext_client_of(self), argc, argv, &texts);
    char *json = NULL;
    size_t len = 0;
    lk_err err;
    int rc = lk_send_params(args.client, args.queue, args.body, &args.options, &json, &len, &err);
    guard(&texts);
    if (rc)
        ext_raise(&err);
    return ext_string_take(json, len);
}

/* --- Sending many --------------------------------------------------------------------------- */

/* Copies of Ruby strings, one behind the other. Array elements may be moved by a compaction while
 * the GVL is released, so their bytes cannot be borrowed as those of a single send are. */
typedef struct arena {
    char *at;
    size_t left;
} arena;

static lk_slice arena_copy(arena *a, VALUE string)
{
    lk_slice slice = ext_slice(string);
    if (!slice.ptr)
        return slice;
    if (slice.len > a->left)
        rb_raise(rb_eRuntimeError, "a job changed while it was being sent");
    memcpy(a->at, slice.ptr, slice.len);
    lk_slice copy = {a->at, slice.len};
    a->at += slice.len;
    a->left -= slice.len;
    return copy;
}

/* [body, job_id, delay_ms, group_id, resend_of, long_delays, trace_header] */
enum {
    ENTRY_BODY,
    ENTRY_JOB_ID,
    ENTRY_DELAY_MS,
    ENTRY_GROUP_ID,
    ENTRY_RESEND_OF,
    ENTRY_LONG_DELAYS,
    ENTRY_TRACE_HEADER,
    ENTRY_LEN
};

static size_t entry_bytes(VALUE entry)
{
    size_t bytes = 0;
    for (long i = 0; i < ENTRY_LEN; i++)
        bytes += ext_slice(rb_ary_entry(entry, i)).len;
    return bytes;
}

static lk_send_entry entry_of(VALUE entry, arena *a)
{
    Check_Type(entry, T_ARRAY); /* still: a delay's to_int may have changed the list */
    return (lk_send_entry){
        .body = arena_copy(a, rb_ary_entry(entry, ENTRY_BODY)),
        .options = {.size = sizeof(lk_send_options),
                    .job_id = arena_copy(a, rb_ary_entry(entry, ENTRY_JOB_ID)),
                    .delay_ms = ext_int64(rb_ary_entry(entry, ENTRY_DELAY_MS), 0),
                    .message_group_id = arena_copy(a, rb_ary_entry(entry, ENTRY_GROUP_ID)),
                    .resend_of = arena_copy(a, rb_ary_entry(entry, ENTRY_RESEND_OF)),
                    .trace_header = arena_copy(a, rb_ary_entry(entry, ENTRY_TRACE_HEADER)),
                    .long_delays = long_delays_of(rb_ary_entry(entry, ENTRY_LONG_DELAYS))},
    };
}

typedef struct send_batch_args {
    lk_client *client;
    lk_slice queue;
    lk_send_entry *entries;
    size_t count;
    lk_send_result *results;
} send_batch_args;

static int send_batch(void *args, lk_err *err)
{
    send_batch_args *a = args;
    return lk_send_batch(a->client, a->queue, a->entries, a->count, a->results, err);
}

static VALUE results_of(const lk_send_result *results, size_t count)
{
    VALUE list = rb_ary_new_capa((long)count);
    for (size_t i = 0; i < count; i++) {
        const lk_send_result *result = &results[i];
        rb_ary_push(list, result->err.code ? ext_error(&result->err)
                                           : ext_string(lk_slice_of(result->sent.message_id)));
    }
    return list;
}

/* send_jobs(queue, entries) -> for each entry its messageId or its exception */
static VALUE client_send_jobs(VALUE self, VALUE queue, VALUE list)
{
    ext_client *client = ext_client_of(self);
    Check_Type(list, T_ARRAY);
    queue = ext_frozen(queue);
    size_t count = (size_t)RARRAY_LEN(list);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        Check_Type(rb_ary_entry(list, (long)i), T_ARRAY);
        bytes += entry_bytes(rb_ary_entry(list, (long)i));
    }
    VALUE entries_memory = 0, results_memory = 0, text_memory = 0; /* freed by the GC at a raise */
    send_batch_args args = {client->client, ext_slice(queue),
                            ALLOCV_N(lk_send_entry, entries_memory, (long)count + 1), count,
                            ALLOCV_N(lk_send_result, results_memory, (long)count + 1)};
    arena a = {ALLOCV_N(char, text_memory, (long)bytes + 1), bytes};
    for (size_t i = 0; i < count; i++)
        args.entries[i] = entry_of(rb_ary_entry(list, (long)i), &a);
    lk_err err;
    int rc = ext_wait(send_batch, &args, ext_client_interrupt, client, lk_queue_is_fifo(args.queue),
                      &err);
    RB_GC_GUARD(self);
    RB_GC_GUARD(queue);
    if (rc)
        ext_raise(&err);
    VALUE results = results_of(args.results, count);
    ALLOCV_END(entries_memory);
    ALLOCV_END(results_memory);
    ALLOCV_END(text_memory);
    return results;
}

/* --- Sending without waiting ----------------------------------------------------------------- */

static int send_async(void *args, lk_err *err)
{
    send_args *a = args;
    return lk_send_async(a->client, a->queue, a->body, &a->options, 0, err);
}

/* send_async(as send_job): puts the job on its way */
static VALUE client_send_async(int argc, VALUE *argv, VALUE self)
{
    ext_client *client = ext_client_of(self);
    send_texts texts;
    send_args args = send_args_of(client, argc, argv, &texts);
    lk_err err;
    /* An interrupt comes before the outbox has taken the job, or not at all. */
    int rc = ext_wait(send_async, &args, ext_client_interrupt, client, true, &err);
    RB_GC_GUARD(self);
    guard(&texts);
    if (rc)
        ext_raise(&err);
    return Qnil;
}

typedef struct flush_args {
    lk_client *client;
    int64_t timeout_ms;
} flush_args;

static int flush(void *args, lk_err *err)
{
    flush_args *a = args;
    return lk_flush(a->client, a->timeout_ms, err);
}

/* flush(timeout_ms) -> whether all that was sent without waiting has its answer */
static VALUE client_flush(VALUE self, VALUE timeout_ms)
{
    ext_client *client = ext_client_of(self);
    flush_args args = {client->client, ext_int64(timeout_ms, -1)};
    lk_err err;
    int rc = ext_wait(flush, &args, ext_client_interrupt, client, true, &err);
    RB_GC_GUARD(self);
    if (rc && rc != LK_E_TIMEOUT)
        ext_raise(&err);
    return rc ? Qfalse : Qtrue;
}

/* send_failure -> [body, exception] of the next job that was not accepted, or nil */
static VALUE client_send_failure(VALUE self)
{
    uint64_t tag;
    lk_slice body;
    lk_err err;
    if (!lk_send_failure(ext_client_of(self)->client, &tag, &body, &err))
        return Qnil;
    VALUE text = ext_string(body);
    return rb_assoc_new(text, ext_error(&err));
}

/* give_up: the jobs without an answer become failures */
static VALUE client_give_up(VALUE self)
{
    lk_send_give_up(ext_client_of(self)->client);
    return Qnil;
}

/* --- Calls that nobody waited for ------------------------------------------------------------ */

/* observe(whether): keep reports of them from now on */
static VALUE client_observe(VALUE self, VALUE on)
{
    lk_err err;
    if (lk_client_observe(ext_client_of(self)->client, RTEST(on), &err))
        ext_raise(&err);
    return Qnil;
}

/* observed -> [action, queue_name, entries, attempts, http_status, duration_us, request_id,
 * exception or nil] of the next one, or nil */
static VALUE client_observed(VALUE self)
{
    lk_call_report report;
    if (!lk_client_observed(ext_client_of(self)->client, &report))
        return Qnil;
    const lk_call_info *info = &report.info;
    return rb_ary_new_from_args(
        8, ext_string(lk_slice_of(report.action)), ext_string(report.queue_name),
        SIZET2NUM(report.entries), INT2NUM(info->attempts), INT2NUM(info->http_status),
        LL2NUM(info->duration_us), ext_string(lk_slice_of(info->request_id)),
        report.err.code ? ext_error(&report.err) : Qnil);
}

/* --- Any call ------------------------------------------------------------------------------- */

typedef struct call_args {
    lk_client *client;
    const char *action;
    lk_slice params;
    char *response;
    size_t response_len;
} call_args;

static int sqs_call(void *args, lk_err *err)
{
    call_args *a = args;
    return lk_sqs_call(a->client, a->action, a->params, &a->response, &a->response_len, err);
}

/* call(action, params_json, repeatable) -> response JSON */
static VALUE client_call(VALUE self, VALUE action, VALUE params, VALUE repeatable)
{
    ext_client *client = ext_client_of(self);
    action = ext_frozen(action);
    params = ext_frozen(params);
    call_args args = {client->client, StringValueCStr(action), ext_slice(params), NULL, 0};
    lk_err err;
    int rc = ext_wait(sqs_call, &args, ext_client_interrupt, client, RTEST(repeatable), &err);
    RB_GC_GUARD(self);
    RB_GC_GUARD(action);
    RB_GC_GUARD(params);
    if (rc)
        ext_raise(&err);
    return ext_string_take(args.response, args.response_len);
}

typedef struct queue_args {
    lk_client *client;
    lk_slice queue;
    char *url;
    int64_t max_age_ms;
    lk_queue_attributes attributes;
} queue_args;

static int queue_url(void *args, lk_err *err)
{
    queue_args *a = args;
    return lk_queue_url(a->client, a->queue, &a->url, err);
}

/* queue_url(queue) -> String */
static VALUE client_queue_url(VALUE self, VALUE queue)
{
    ext_client *client = ext_client_of(self);
    queue = ext_frozen(queue);
    queue_args args = {.client = client->client, .queue = ext_slice(queue)};
    lk_err err;
    int rc = ext_wait(queue_url, &args, ext_client_interrupt, client, true, &err);
    RB_GC_GUARD(self);
    RB_GC_GUARD(queue);
    if (rc)
        ext_raise(&err);
    return ext_string_take(args.url, strlen(args.url));
}

/* --- Entry ---------------------------------------------------------------------------------- */

void ext_init_client(VALUE native)
{
    VALUE client = rb_define_class_under(native, "Client", rb_cObject);
    rb_define_alloc_func(client, client_alloc);
    rb_undef_method(client, "initialize_copy");
    rb_define_method(client, "initialize", client_initialize, 1);
    rb_define_method(client, "set_credentials", client_set_credentials, 3);
    rb_define_method(client, "discard!", client_discard, 0);
    rb_define_method(client, "last_call", client_last_call, 0);
    rb_define_method(client, "send_job", client_send_job, -1);
    rb_define_method(client, "send_params", client_send_params, -1);
    rb_define_method(client, "send_jobs", client_send_jobs, 2);
    rb_define_method(client, "send_async", client_send_async, -1);
    rb_define_method(client, "flush", client_flush, 1);
    rb_define_method(client, "send_failure", client_send_failure, 0);
    rb_define_method(client, "give_up", client_give_up, 0);
    rb_define_method(client, "observe", client_observe, 1);
    rb_define_method(client, "observed", client_observed, 0);
    rb_define_method(client, "call", client_call, 3);
    rb_define_method(client, "queue_url", client_queue_url, 1);
}
