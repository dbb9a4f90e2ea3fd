/* SPDX-License-Identifier: MIT
 *
 * ext_init: the extension's entry, its errors, and how it waits.
 *
 * Lambdakiq::Native holds what lib/ builds on; nothing in it is meant for applications. Each
 * lk_code becomes one class below Lambdakiq::Error (documented in lib/lambdakiq/errors.rb).
 */
#include "ext.h"

#include <ruby/encoding.h>
#include <ruby/thread.h>

#include <stdio.h>
#include <string.h>

/* --- Conversions ---------------------------------------------------------------------------- */

lk_slice ext_slice(VALUE string)
{
    if (!RB_TYPE_P(string, T_STRING))
        return (lk_slice){NULL, 0};
    return (lk_slice){RSTRING_PTR(string), (size_t)RSTRING_LEN(string)};
}

VALUE ext_frozen(VALUE string)
{
    if (NIL_P(string))
        return Qnil;
    Check_Type(string, T_STRING);
    return rb_str_new_frozen(string);
}

VALUE ext_string(lk_slice slice)
{
    return slice.ptr ? rb_utf8_str_new(slice.ptr, (long)slice.len) : Qnil;
}

static VALUE string_of(VALUE slice)
{
    return ext_string(*(lk_slice *)slice);
}

static VALUE free_memory(VALUE memory)
{
    lk_free((void *)memory);
    return Qnil;
}

VALUE ext_string_take(char *memory, size_t len)
{
    lk_slice slice = {memory, len};
    return rb_ensure(string_of, (VALUE)&slice, free_memory, (VALUE)memory);
}

VALUE ext_option(VALUE hash, const char *name)
{
    /* A symbol that nobody made yet is no key either. rb_intern would make it: an allocation. */
    VALUE symbol = rb_check_symbol_cstr(name, (long)strlen(name), rb_usascii_encoding());
    return NIL_P(symbol) ? Qnil : rb_hash_lookup2(hash, symbol, Qnil);
}

int64_t ext_int64(VALUE number, int64_t if_nil)
{
    return NIL_P(number) ? if_nil : NUM2LL(number);
}

int ext_int(VALUE number, int if_nil)
{
    return NIL_P(number) ? if_nil : NUM2INT(number);
}

/* --- Errors --------------------------------------------------------------------------------- */

static const struct error_class {
    int code;
    const char *name; /* below Lambdakiq */
} error_classes[] = {
    {LK_E_INVALID, "InvalidError"},
    {LK_E_BUSY, "BusyError"},
    {LK_E_INTERRUPTED, "InterruptedError"},
    {LK_E_TIMEOUT, "TimeoutError"},
    {LK_E_CONNECT, "ConnectError"},
    {LK_E_HTTP, "HttpError"},
    {LK_E_TLS, "TlsError"},
    {LK_E_JSON, "JsonError"},
    {LK_E_CREDENTIALS, "CredentialsError"},
    {LK_E_CONFIG, "ConfigError"},
    {LK_E_SERVICE, "ServiceError"},
    {LK_E_CHECKSUM, "ChecksumError"},
    {LK_E_TOO_LARGE, "TooLargeError"},
    {LK_E_RECORD, "RecordError"},
    {LK_E_RUNTIME, "RuntimeApiError"},
    {LK_E_IO, "IoError"},
    {LK_E_UNSUPPORTED, "UnsupportedError"},
    {LK_E_DEADLINE, "DeadlineError"},
    {LK_E_INTERNAL, "InternalError"},
};

enum { ERROR_CLASS_COUNT = sizeof(error_classes) / sizeof(error_classes[0]) };

static VALUE error_class_values[ERROR_CLASS_COUNT]; /* registered, so never moved or freed */

static VALUE class_of_code(int code)
{
    if (code == LK_E_NOMEM)
        return rb_eNoMemError;
    for (size_t i = 0; i < ERROR_CLASS_COUNT; i++) {
        if (error_classes[i].code == code)
            return error_class_values[i];
    }
    return error_class_values[ERROR_CLASS_COUNT - 1];
}

static void set_text(VALUE error, const char *ivar, const char *text)
{
    if (*text)
        rb_iv_set(error, ivar, rb_utf8_str_new_cstr(text));
}

VALUE ext_error(const lk_err *err)
{
    VALUE text = rb_utf8_str_new_cstr(err->message);
    VALUE scrubbed = rb_str_scrub(text, Qnil); /* nil: it was valid UTF-8 */
    VALUE error = rb_exc_new_str(class_of_code(err->code), NIL_P(scrubbed) ? text : scrubbed);
    set_text(error, "@code", err->aws_code[0] ? err->aws_code : lk_code_name(err->code));
    set_text(error, "@aws_code", err->aws_code);
    set_text(error, "@aws_type", err->aws_type);
    set_text(error, "@request_id", err->request_id);
    rb_iv_set(error, "@http_status", err->http_status ? INT2NUM(err->http_status) : Qnil);
    rb_iv_set(error, "@retriable", err->retriable ? Qtrue : Qfalse);
    return error;
}

void ext_raise(const lk_err *err)
{
    rb_exc_raise(ext_error(err));
}

/* Looked up, not defined: lib/lambdakiq/errors.rb is where people read about them. */
static void init_errors(VALUE lambdakiq)
{
    for (size_t i = 0; i < ERROR_CLASS_COUNT; i++) {
        error_class_values[i] = rb_const_get(lambdakiq, rb_intern(error_classes[i].name));
        rb_gc_register_mark_object(error_class_values[i]);
    }
}

/* --- Waiting -------------------------------------------------------------------------------- */

typedef struct waiting {
    ext_call call;
    void *args;
    ext_interrupt interrupt;
    void *handle;
    lk_err *err;
    int rc;
    bool ran;
    atomic_bool interrupted; /* by us, during this call */
} waiting;

static void *without_gvl(void *arg)
{
    waiting *w = arg;
    w->ran = true;
    w->rc = w->call(w->args, w->err);
    return NULL;
}

static void unblock(void *arg)
{
    waiting *w = arg;
    atomic_store(&w->interrupted, true);
    w->interrupt(w->handle);
}

static int cut_off(lk_err *err)
{
    size_t len = strlen(err->message);
    snprintf(
        err->message + len, sizeof(err->message) - len,
        "; what was sent may have been accepted all the same, sending it again may duplicate it");
    return LK_E_INTERRUPTED;
}

int ext_wait(ext_call call, void *args, ext_interrupt interrupt, void *handle, bool repeatable,
             lk_err *err)
{
    waiting w = {call, args, interrupt, handle, err, 0, false, false};
    for (;;) {
        w.ran = false;
        atomic_store(&w.interrupted, false);
        /* INTR_FAIL: neither looks at interrupts when it comes back (it could longjmp over a result
         * that nobody would free) nor calls at all when one is pending. ASYNC_SAFE: Ruby may call
         * unblock from its signal handler; else it starts a thread for that at every call of a
         * single-threaded process. */
        rb_nogvl(without_gvl, &w, unblock, &w, RB_NOGVL_INTR_FAIL | RB_NOGVL_UBF_ASYNC_SAFE);
        if (w.ran && w.rc != LK_E_INTERRUPTED)
            return w.rc;
        rb_thread_check_ints();
        /* An interrupt that came too late for an earlier call ends this one before it sends
         * anything, so that is always repeated. */
        if (w.ran && atomic_load(&w.interrupted) && !repeatable)
            return cut_off(err);
    }
}

/* --- Entry ---------------------------------------------------------------------------------- */

void Init_lambdakiq(void);

__attribute__((visibility("default"))) void Init_lambdakiq(void)
{
    rb_ext_ractor_safe(true);
    VALUE lambdakiq = rb_define_module("Lambdakiq");
    init_errors(lambdakiq);
    rb_define_const(lambdakiq, "VERSION", rb_obj_freeze(rb_utf8_str_new_cstr(lk_version())));

    VALUE native = rb_define_module_under(lambdakiq, "Native");
    ext_init_job(native);
    ext_init_client(native);
    ext_init_batch(native);
    ext_init_runtime(native);
}
