/* SPDX-License-Identifier: MIT
 *
 * ext: what the files of the Ruby extension share. Convert, call the core, convert back.
 *
 * ext_init.c (errors, waiting without the GVL) < ext_job.c (records, decisions, metrics) <
 * ext_client.c < ext_batch.c, ext_runtime.c. Rules live in the core, Rails lives in lib/.
 *
 * No struct here holds a VALUE, so that marking and compaction have nothing to get wrong. A Ruby
 * string is handed to the core only while the GVL is held, or frozen and kept on the stack. Bytes
 * of a String that is not on the stack (a member of a Hash or an Array) are gone with the next
 * allocation: compaction moves them.
 */
#ifndef LK_EXT_H
#define LK_EXT_H

#include "lambdakiq.h"

#include <ruby.h>

#include <stdatomic.h>

/* --- Conversions ---------------------------------------------------------------------------- */

/* Borrowed bytes of a String; {NULL,0} of nil and of anything else. */
lk_slice ext_slice(VALUE string);
/* A frozen String with the same bytes as `string` (nil stays nil): another thread cannot change it
 * while the GVL is released. Keep the result on the stack (RB_GC_GUARD). TypeError unless String.
 */
VALUE ext_frozen(VALUE string);
/* A new UTF-8 String; nil for {NULL,0}. */
VALUE ext_string(lk_slice slice);
/* A new UTF-8 String of memory from the core, which is freed even if Ruby raises. */
VALUE ext_string_take(char *memory, size_t len);
/* Value under a symbol key; Qnil when absent. Allocates nothing: bytes that were borrowed from
 * other values of the Hash stay where they are. */
VALUE ext_option(VALUE hash, const char *name);
/* A number may be an object of the application's, whose to_int allocates: read numbers before any
 * bytes are borrowed. */
int64_t ext_int64(VALUE number, int64_t if_nil);
int ext_int(VALUE number, int if_nil);

/* --- Errors --------------------------------------------------------------------------------- */

/* The exception for *err: a Lambdakiq::Error with code, aws_code, retriable? … */
VALUE ext_error(const lk_err *err);
NORETURN(void ext_raise(const lk_err *err));

/* --- Waiting -------------------------------------------------------------------------------- */

typedef int (*ext_call)(void *args, lk_err *err);
typedef void (*ext_interrupt)(void *handle);

/* Runs a call of the core that may block, without the GVL; Thread#kill, Timeout and signals end it
 * through interrupt(handle). What Ruby wants then (raise, kill, a trap block) happens in here, by
 * longjmp if need be, and only when the call has no result. If the thread is to go on, the call is
 * made again when `repeatable`; else LK_E_INTERRUPTED comes back: the request may have arrived. */
int ext_wait(ext_call call, void *args, ext_interrupt interrupt, void *handle, bool repeatable,
             lk_err *err);

/* --- Client --------------------------------------------------------------------------------- */

/* A client with its owners counted: Ruby sweeps objects in any order, and a batch needs its client
 * until it is freed. */
typedef struct ext_client {
    lk_client *client;
    atomic_uint owners;
} ext_client;

ext_client *ext_client_of(VALUE client);
ext_client *ext_client_retain(ext_client *client);
void ext_client_release(ext_client *client); /* accepts NULL */
void ext_client_interrupt(void *client);     /* an ext_interrupt; handle is the ext_client */

/* --- Records -------------------------------------------------------------------------------- */

/* Fills *record from one member of an event's Records. Slices are borrowed from the Hash. */
void ext_record(VALUE hash, lk_record *record);
/* The option dead: of a job class: :dlq, :delete, or nil. */
lk_dead_mode ext_dead_mode(VALUE symbol);
/* [:retry, 30, false]: action, seconds to hide the message or nil, dead? */
VALUE ext_decision(const lk_decision *decision);

/* --- Parts ---------------------------------------------------------------------------------- */

void ext_init_job(VALUE native);
void ext_init_client(VALUE native);
void ext_init_batch(VALUE native);
void ext_init_runtime(VALUE native);

#endif
