/* SPDX-License-Identifier: MIT
 *
 * ext_batch: Lambdakiq::Native::Batch, the jobs of one event, pulled one by one.
 *
 *     add ──> next ──> start ──> (Ruby performs) ──> decide ──> finish ──> next … response
 *
 * Ruby drives, so that no exception ever passes through a frame of the core. The job in hand is
 * kept here: Ruby works on one at a time and names it by nothing.
 */
#include "ext.h"

#include <string.h>

/* --- The object ----------------------------------------------------------------------------- */

typedef struct ext_batch {
    lk_batch *batch;
    ext_client *client; /* retained: Ruby may sweep the client's object first */
    lk_job *job;        /* in hand; owned by batch. NULL: none */
} ext_batch;

static void batch_free(void *memory)
{
    ext_batch *b = memory;
    lk_batch_free(b->batch);
    ext_client_release(b->client);
    xfree(b);
}

static size_t batch_size(const void *memory)
{
    return sizeof(ext_batch);
}

static const rb_data_type_t batch_type = {
    .wrap_struct_name = "Lambdakiq::Native::Batch",
    .function = {.dfree = batch_free, .dsize = batch_size},
    .flags = RUBY_TYPED_FREE_IMMEDIATELY | RUBY_TYPED_WB_PROTECTED,
};

static VALUE batch_alloc(VALUE klass)
{
    ext_batch *b;
    return TypedData_Make_Struct(klass, ext_batch, &batch_type, b);
}

static ext_batch *batch_of(VALUE self)
{
    ext_batch *b = rb_check_typeddata(self, &batch_type);
    if (!b->batch)
        rb_raise(rb_eArgError, "uninitialized Lambdakiq::Native::Batch");
    return b;
}

static ext_batch *batch_with_job(VALUE self)
{
    ext_batch *b = batch_of(self);
    if (!b->job)
        rb_raise(rb_eArgError, "no job in hand: call next first");
    return b;
}

/* --- Before the first job ------------------------------------------------------------------- */

/* new(client, max_retries:, deadline_ms:, guard_ms:, jitter_percent:, delete:,
 *     recursion_allowed:) */
static VALUE batch_initialize(VALUE self, VALUE client, VALUE hash)
{
    ext_batch *b = rb_check_typeddata(self, &batch_type);
    Check_Type(hash, T_HASH);
    if (b->batch)
        rb_raise(rb_eArgError, "already initialized");
    lk_batch_options options = LK_BATCH_OPTIONS_INIT;
    options.max_retries = ext_int(ext_option(hash, "max_retries"), LK_MAX_RETRIES);
    options.deadline_ms = ext_int64(ext_option(hash, "deadline_ms"), 0);
    options.guard_ms = ext_int64(ext_option(hash, "guard_ms"), 0);
    options.jitter_percent = ext_int(ext_option(hash, "jitter_percent"), 0);
    options.recursion_allowed = RTEST(ext_option(hash, "recursion_allowed"));
    if (ext_option(hash, "delete") == ID2SYM(rb_intern("mapping")))
        options.delete_mode = LK_DELETE_MAPPING;
    if (!b->client)
        b->client = ext_client_retain(ext_client_of(client));
    lk_err err;
    b->batch = lk_batch_new(b->client->client, &options, &err);
    if (!b->batch)
        ext_raise(&err);
    return self;
}

/* add(record Hash) */
static VALUE batch_add(VALUE self, VALUE hash)
{
    lk_record record;
    ext_record(hash, &record);
    lk_err err;
    if (lk_batch_add(batch_of(self)->batch, &record, &err))
        ext_raise(&err);
    RB_GC_GUARD(hash);
    return self;
}

/* --- One job after the other ---------------------------------------------------------------- */

typedef struct step {
    ext_batch *b;
    int found;
    lk_job *job;
    lk_job_options options;
    lk_outcome outcome;
    bool decided; /* by decide, already */
    lk_decision decision;
    lk_slice response;
} step;

static void run_step(VALUE self, ext_call call, step *s)
{
    lk_err err;
    if (ext_wait(call, s, ext_client_interrupt, s->b->client, true, &err))
        ext_raise(&err);
    RB_GC_GUARD(self);
}

static int next_job(void *args, lk_err *err)
{
    step *s = args;
    s->found = lk_batch_next(s->b->batch, &s->job, err);
    return s->found < 0 ? s->found : 0;
}

/* next -> which record is now in hand, counted from 0 as they were added (two of them may have the
 * same messageId); nil when there is none left */
static VALUE batch_next(VALUE self)
{
    step s = {.b = batch_of(self)};
    s.b->job = NULL;
    run_step(self, next_job, &s);
    if (!s.found)
        return Qnil;
    s.b->job = s.job;
    return SIZET2NUM(lk_job_index(s.job));
}

static int start_job(void *args, lk_err *err)
{
    step *s = args;
    return lk_batch_start(s->b->batch, s->b->job, &s->options, &s->decision, err);
}

/* start(retry, dead) -> decision; unless it is :run the job is dealt with */
static VALUE batch_start(VALUE self, VALUE retry, VALUE dead)
{
    step s = {.b = batch_with_job(self), .options = LK_JOB_OPTIONS_INIT};
    s.options.retry = ext_int(retry, LK_RETRY_UNSET);
    s.options.dead = ext_dead_mode(dead);
    run_step(self, start_job, &s);
    if (s.decision.action != LK_RUN)
        s.b->job = NULL;
    return ext_decision(&s.decision);
}

static lk_outcome_kind outcome_kind(VALUE symbol)
{
    static const struct {
        const char *name;
        lk_outcome_kind kind;
    } kinds[] = {{"done", LK_DONE},
                 {"failed", LK_FAILED},
                 {"poison", LK_POISON},
                 {"untouched", LK_UNTOUCHED}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (symbol == ID2SYM(rb_intern(kinds[i].name)))
            return kinds[i].kind;
    }
    rb_raise(rb_eArgError, "not an outcome: %" PRIsVALUE, symbol);
}

static int decide_job(void *args, lk_err *err)
{
    step *s = args;
    return lk_batch_decide(s->b->batch, s->b->job, &s->outcome, &s->decision, err);
}

/* decide(:done, :failed, :poison or :untouched, seconds to the retry or nil = the backoff)
 * -> decision, to be carried out by finish */
static VALUE batch_decide(VALUE self, VALUE kind, VALUE retry_in_s)
{
    step s = {.b = batch_with_job(self), .outcome = LK_OUTCOME_INIT};
    s.outcome.kind = outcome_kind(kind);
    s.outcome.retry_in_s = ext_int64(retry_in_s, -1);
    run_step(self, decide_job, &s);
    return ext_decision(&s.decision);
}

static int finish_job(void *args, lk_err *err)
{
    step *s = args;
    return lk_batch_finish(s->b->batch, s->b->job, s->decided ? NULL : &s->outcome, NULL, err);
}

/* finish(outcome): decides, and carries that out; without outcome what was decided last */
static VALUE batch_finish(int argc, VALUE *argv, VALUE self)
{
    rb_check_arity(argc, 0, 1);
    step s = {.b = batch_with_job(self), .outcome = LK_OUTCOME_INIT, .decided = argc == 0};
    if (argc > 0)
        s.outcome.kind = outcome_kind(argv[0]);
    run_step(self, finish_job, &s);
    s.b->job = NULL;
    return Qnil;
}

static VALUE batch_stop(VALUE self)
{
    lk_batch_stop(batch_of(self)->batch);
    return Qnil;
}

/* --- What there is to say ------------------------------------------------------------------- */

/* [kind, warning, message_id, queue_name, wait_s or nil, error or nil, text] */
static VALUE note_of(const lk_note *note)
{
    VALUE wait_s = note->wait_s < 0 ? Qnil : LL2NUM(note->wait_s);
    return rb_ary_new_from_args(
        7, ID2SYM(rb_intern(lk_note_name(note->kind))), note->warning ? Qtrue : Qfalse,
        ext_string(note->message_id), ext_string(note->queue_name), wait_s,
        note->err.code ? ext_error(&note->err) : Qnil, ext_string(lk_slice_of(note->err.message)));
}

/* note -> the next one, nil when there is none */
static VALUE batch_note(VALUE self)
{
    lk_note note;
    return lk_batch_note(batch_of(self)->batch, &note) ? note_of(&note) : Qnil;
}

static int respond(void *args, lk_err *err)
{
    step *s = args;
    return lk_batch_response(s->b->batch, &s->response, err);
}

/* response -> messageIds to report failed, everything settled */
static VALUE batch_response(VALUE self)
{
    step s = {.b = batch_of(self)};
    s.b->job = NULL;
    run_step(self, respond, &s);
    size_t count = lk_batch_failure_count(s.b->batch);
    VALUE failures = rb_ary_new_capa((long)count);
    for (size_t i = 0; i < count; i++)
        rb_ary_push(failures, ext_string(lk_batch_failure_at(s.b->batch, i)));
    return failures;
}

/* --- Entry ---------------------------------------------------------------------------------- */

void ext_init_batch(VALUE native)
{
    VALUE batch = rb_define_class_under(native, "Batch", rb_cObject);
    rb_define_alloc_func(batch, batch_alloc);
    rb_undef_method(batch, "initialize_copy");
    rb_define_method(batch, "initialize", batch_initialize, 2);
    rb_define_method(batch, "add", batch_add, 1);
    rb_define_method(batch, "next", batch_next, 0);
    rb_define_method(batch, "start", batch_start, 2);
    rb_define_method(batch, "decide", batch_decide, 2);
    rb_define_method(batch, "finish", batch_finish, -1);
    rb_define_method(batch, "stop", batch_stop, 0);
    rb_define_method(batch, "note", batch_note, 0);
    rb_define_method(batch, "response", batch_response, 0);
}
