/* SPDX-License-Identifier: MIT
 *
 * ext_runtime: Lambdakiq::Native::Runtime, the Lambda Runtime API for lambdakiq-handler, and
 * Lambdakiq::Native::Extension, which makes Lambda announce the end of a process.
 */
#include "ext.h"

#include <stdatomic.h>
#include <string.h>

/* --- The object ----------------------------------------------------------------------------- */

typedef struct ext_runtime {
    lk_runtime *core;
    atomic_bool stopped; /* there is to be no further invocation */
} ext_runtime;

static void runtime_free(void *runtime)
{
    if (!runtime)
        return;
    lk_runtime_free(((ext_runtime *)runtime)->core);
    xfree(runtime);
}

static size_t runtime_size(const void *runtime)
{
    return runtime ? 32 * 1024 : 0; /* the last event's order of magnitude */
}

static const rb_data_type_t runtime_type = {
    .wrap_struct_name = "Lambdakiq::Native::Runtime",
    .function = {.dfree = runtime_free, .dsize = runtime_size},
    .flags = RUBY_TYPED_FREE_IMMEDIATELY | RUBY_TYPED_WB_PROTECTED,
};

static VALUE runtime_alloc(VALUE klass)
{
    return TypedData_Wrap_Struct(klass, &runtime_type, NULL);
}

static ext_runtime *runtime_of(VALUE self)
{
    ext_runtime *runtime = rb_check_typeddata(self, &runtime_type);
    if (!runtime || !runtime->core)
        rb_raise(rb_eArgError, "uninitialized Lambdakiq::Native::Runtime");
    return runtime;
}

/* new(host_port or nil = AWS_LAMBDA_RUNTIME_API) */
static VALUE runtime_initialize(VALUE self, VALUE host_port)
{
    if (rb_check_typeddata(self, &runtime_type))
        rb_raise(rb_eArgError, "already initialized");
    const char *address = NIL_P(host_port) ? NULL : StringValueCStr(host_port);
    ext_runtime *runtime = ZALLOC(ext_runtime);
    RTYPEDDATA_DATA(self) = runtime;
    atomic_init(&runtime->stopped, false);
    lk_err err;
    runtime->core = lk_runtime_new(address, &err);
    if (!runtime->core)
        ext_raise(&err);
    return self;
}

/* --- Calls ---------------------------------------------------------------------------------- */

typedef struct runtime_call {
    lk_runtime *runtime;
    ext_runtime *object; /* of `next` */
    bool stopped;        /* instead of an invocation */
    lk_invocation invocation;
    lk_slice request_id, response, type, message;
    lk_slice *stack;
    size_t stack_count;
} runtime_call;

static void interrupt(void *runtime)
{
    lk_runtime_interrupt(runtime);
}

static int next_invocation(void *args, lk_err *err)
{
    runtime_call *c = args;
    int rc = LK_E_INTERRUPTED;
    if (!atomic_load(&c->object->stopped))
        rc = lk_runtime_next(c->runtime, &c->invocation, err);
    c->stopped = rc == LK_E_INTERRUPTED && atomic_load(&c->object->stopped);
    return c->stopped ? 0 : rc;
}

/* next -> [request_id, event, deadline_ms, function_arn, trace_id, client_context,
 * cognito_identity]; nil once it was stopped */
static VALUE runtime_next(VALUE self)
{
    ext_runtime *runtime = runtime_of(self);
    runtime_call c = {.runtime = runtime->core, .object = runtime};
    lk_err err;
    int rc = ext_wait(next_invocation, &c, interrupt, c.runtime, true, &err);
    RB_GC_GUARD(self);
    if (rc)
        ext_raise(&err);
    if (c.stopped)
        return Qnil;
    const lk_invocation *i = &c.invocation;
    return rb_ary_new_from_args(7, ext_string(i->request_id), ext_string(i->event),
                                LL2NUM(i->deadline_ms), ext_string(i->function_arn),
                                ext_string(i->trace_id), ext_string(i->client_context),
                                ext_string(i->cognito_identity));
}

/* stop: ends the `next` that waits, and all to come; what runs is answered as ever. From any
 * thread, and in trap blocks. */
static VALUE runtime_stop(VALUE self)
{
    ext_runtime *runtime = runtime_of(self);
    atomic_store(&runtime->stopped, true);
    lk_runtime_interrupt(runtime->core);
    return Qnil;
}

static int respond(void *args, lk_err *err)
{
    runtime_call *c = args;
    return lk_runtime_respond(c->runtime, c->request_id, c->response, err);
}

/* respond(request_id, response JSON) */
static VALUE runtime_respond(VALUE self, VALUE request_id, VALUE response)
{
    request_id = ext_frozen(request_id);
    response = ext_frozen(response);
    runtime_call c = {.runtime = runtime_of(self)->core,
                      .request_id = ext_slice(request_id),
                      .response = ext_slice(response)};
    lk_err err;
    int rc = ext_wait(respond, &c, interrupt, c.runtime, true, &err);
    RB_GC_GUARD(self);
    RB_GC_GUARD(request_id);
    RB_GC_GUARD(response);
    if (rc)
        ext_raise(&err);
    return Qnil;
}

static int fail(void *args, lk_err *err)
{
    runtime_call *c = args;
    if (!c->request_id.ptr)
        return lk_runtime_init_error(c->runtime, c->type, c->message, c->stack, c->stack_count,
                                     err);
    return lk_runtime_fail(c->runtime, c->request_id, c->type, c->message, c->stack, c->stack_count,
                           err);
}

/* fail(request_id, class name, message, stack): stack is one String, a line a frame. Without a
 * request id the function could not start. */
static VALUE runtime_fail(VALUE self, VALUE request_id, VALUE type, VALUE message, VALUE stack)
{
    request_id = ext_frozen(request_id);
    type = ext_frozen(type);
    message = ext_frozen(message);
    stack = ext_frozen(stack);
    runtime_call c = {.runtime = runtime_of(self)->core,
                      .request_id = ext_slice(request_id),
                      .type = ext_slice(type),
                      .message = ext_slice(message)};
    lk_slice rest = ext_slice(stack);
    long lines = 1;
    for (size_t i = 0; i < rest.len; i++)
        lines += rest.ptr[i] == '\n';
    VALUE memory = 0;
    c.stack = ALLOCV_N(lk_slice, memory, lines);
    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        c.stack[c.stack_count++] = (lk_slice){rest.ptr, len};
        rest = end ? (lk_slice){end + 1, rest.len - len - 1} : (lk_slice){NULL, 0};
    }
    lk_err err;
    int rc = ext_wait(fail, &c, interrupt, c.runtime, true, &err);
    ALLOCV_END(memory);
    RB_GC_GUARD(self);
    RB_GC_GUARD(request_id);
    RB_GC_GUARD(type);
    RB_GC_GUARD(message);
    RB_GC_GUARD(stack);
    if (rc)
        ext_raise(&err);
    return Qnil;
}

/* --- Extension ------------------------------------------------------------------------------ */

static void extension_free(void *extension)
{
    lk_extension_free(extension);
}

static const rb_data_type_t extension_type = {
    .wrap_struct_name = "Lambdakiq::Native::Extension",
    .function = {.dfree = extension_free},
    .flags = RUBY_TYPED_FREE_IMMEDIATELY | RUBY_TYPED_WB_PROTECTED,
};

static VALUE extension_alloc(VALUE klass)
{
    return TypedData_Wrap_Struct(klass, &extension_type, NULL);
}

typedef struct extension_call {
    const char *host_port; /* NULL: AWS_LAMBDA_RUNTIME_API */
    const char *name;
    lk_extension *extension;
} extension_call;

static int register_extension(void *args, lk_err *err)
{
    extension_call *c = args;
    c->extension = lk_extension_register(c->host_port, c->name, err);
    return c->extension ? 0 : err->code;
}

static void do_not_interrupt(void *unused) /* it is over in a few seconds, with a result */
{
    (void)unused;
}

/* new(host_port or nil = AWS_LAMBDA_RUNTIME_API, name): registered for as long as it lives */
static VALUE extension_initialize(VALUE self, VALUE host_port, VALUE name)
{
    if (rb_check_typeddata(self, &extension_type))
        rb_raise(rb_eArgError, "already initialized");
    host_port = ext_frozen(host_port);
    name = ext_frozen(name);
    extension_call c = {.host_port = NIL_P(host_port) ? NULL : StringValueCStr(host_port),
                        .name = StringValueCStr(name)};
    lk_err err;
    int rc = ext_wait(register_extension, &c, do_not_interrupt, NULL, false, &err);
    RTYPEDDATA_DATA(self) = c.extension;
    RB_GC_GUARD(host_port);
    RB_GC_GUARD(name);
    if (rc)
        ext_raise(&err);
    return self;
}

/* --- Entry ---------------------------------------------------------------------------------- */

void ext_init_runtime(VALUE native)
{
    VALUE runtime = rb_define_class_under(native, "Runtime", rb_cObject);
    rb_define_alloc_func(runtime, runtime_alloc);
    rb_undef_method(runtime, "initialize_copy");
    rb_define_method(runtime, "initialize", runtime_initialize, 1);
    rb_define_method(runtime, "next", runtime_next, 0);
    rb_define_method(runtime, "stop", runtime_stop, 0);
    rb_define_method(runtime, "respond", runtime_respond, 2);
    rb_define_method(runtime, "fail", runtime_fail, 4);

    VALUE extension = rb_define_class_under(native, "Extension", rb_cObject);
    rb_define_alloc_func(extension, extension_alloc);
    rb_undef_method(extension, "initialize_copy");
    rb_define_method(extension, "initialize", extension_initialize, 2);
}
