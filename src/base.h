/* SPDX-License-Identifier: MIT
 *
 * base: slices, a growable buffer, numbers and text, time, random bytes.
 *
 * Everything the rest of the core builds on and libc does not give. It knows nothing of JSON,
 * HTTP or AWS. Strings travel as lk_slice by value (public type); C strings only at libc edges.
 */
#ifndef LK_BASE_H
#define LK_BASE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LK_UNUSED    __attribute__((unused))
#define LK_COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define LK_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LK_MAX(a, b) ((a) > (b) ? (a) : (b))

/* --- Slices --------------------------------------------------------------------------------- */

#define LK_SLICE_LITERAL(s) ((lk_slice){(s), sizeof(s) - 1})
#define LK_SLICE_FMT(s)     (int)(s).len, (s).ptr /* for "%.*s" */

bool lk_slice_equal(lk_slice a, lk_slice b);
bool lk_slice_equal_str(lk_slice a, const char *text);
bool lk_slice_has_prefix(lk_slice s, lk_slice prefix);
bool lk_slice_has_suffix(lk_slice s, lk_slice suffix);
lk_slice lk_slice_trim(lk_slice s); /* without leading and trailing ASCII white space */
/* Cuts s at the first `sep`: *head gets what stands before, the return value what stands after
 * ({NULL,0} when there is no sep; *head is then all of s). */
lk_slice lk_slice_cut(lk_slice s, char sep, lk_slice *head);
/* Decimal integer without spaces, sign allowed; false on anything else or overflow. */
bool lk_slice_to_int64(lk_slice s, int64_t *value);
/* A heap copy with a NUL behind it; NULL when out of memory. Caller frees. */
char *lk_slice_dup(lk_slice s);
/* An environment variable; NULL when it is unset or empty. Borrowed until the next setenv. */
const char *lk_getenv(const char *name);
/* Whether a setting of AWS is on: "true" in any case, as its SDKs read it. NULL is off. */
bool lk_is_true(const char *setting);
/* Copies s into dst of size capacity with NUL; false (dst = "") when it does not fit. */
bool lk_slice_copy(lk_slice s, char *dst, size_t capacity);

/* --- Buffer --------------------------------------------------------------------------------- */

/* Growable bytes. Zero-initialise ({0}); always NUL-terminated once written.
 * A failed allocation sets `failed` and later writes do nothing: check once, at the end, with
 * lk_buf_check. */
typedef struct lk_buf {
    char *ptr;
    size_t len;
    size_t cap;
    bool failed;
} lk_buf;

void lk_buf_clear(lk_buf *b); /* frees, back to {0}; accepts NULL */
void lk_buf_wipe(lk_buf *b);  /* lk_buf_clear that zeroes first: it held a secret */
void lk_buf_reset(lk_buf *b); /* len = 0, keeps memory */
bool lk_buf_reserve(lk_buf *b, size_t more_bytes); /* room for more_bytes more; false: nomem */
void lk_buf_add(lk_buf *b, lk_slice s);
void lk_buf_add_str(lk_buf *b, const char *text);
void lk_buf_add_char(lk_buf *b, char c);
void lk_buf_add_int64(lk_buf *b, int64_t value);
void lk_buf_addf(lk_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
lk_slice lk_buf_slice(const lk_buf *b); /* borrowed until the next write */
char *lk_buf_take(lk_buf *b);           /* transferred C string, b back to {0}; NULL: nomem */
int lk_buf_check(const lk_buf *b, lk_err *err); /* 0 or LK_E_NOMEM */

/* --- Encodings ------------------------------------------------------------------------------ */

void lk_hex(const unsigned char *bytes, size_t len, char *out /* 2*len + 1 */);
void lk_base64_encode(lk_buf *out, const unsigned char *bytes, size_t len);
bool lk_base64_decode(lk_slice text, lk_buf *out); /* padding required; false: not base64 */
/* RFC 3986 percent-encoding of all but A-Za-z0-9-_.~ ('/' too unless keep_slash). */
void lk_uri_encode(lk_buf *out, lk_slice s, bool keep_slash);
/* Whether s begins with an escape ("%2F", "%2f"), and the byte it stands for. */
bool lk_uri_escape(lk_slice s, char *byte);
bool lk_utf8_valid(lk_slice s);
/* Bytes of the character s begins with; 0: empty, or not UTF-8. */
size_t lk_utf8_length(lk_slice s);
/* Overwrites memory that held a secret; the compiler may not drop it. */
void lk_zero(void *memory, size_t len);

/* --- Time and random ------------------------------------------------------------------------ */

/* Where the core asks for time and random bytes: a seam for tests, inside each client. */
typedef struct lk_env {
    int64_t (*wall_ms)(void *ctx);  /* real epoch ms: signatures, freezes */
    int64_t (*clock_ms)(void *ctx); /* wall plus the movable offset: due times */
    int64_t (*mono_ms)(void *ctx);  /* monotonic: durations, deadlines of calls */
    bool (*random)(void *ctx, void *out, size_t len);
    void *ctx;
} lk_env;

extern const lk_env lk_env_default; /* the system's; clock_ms honours LAMBDAKIQ_CLOCK_FILE */

/* 9999-12-31T23:59:59.999Z, the last time that four-digit years can name. A later one is nonsense.
 */
#define LK_TIME_LAST_MS INT64_C(253402300799999)

int64_t lk_wall_ms(void);
int64_t lk_mono_ms(void);
/* The offset in ms that the file named by LAMBDAKIQ_CLOCK_FILE holds (decimal text), 0 when the
 * variable is unset or the file unreadable. Read at each call: the file is how `lambdakiq dev`
 * moves the clock of every process it started. */
int64_t lk_clock_offset_ms(void);
bool lk_random_bytes(void *out, size_t len);
void lk_uuid4(const lk_env *env, char out[37]); /* lower-case, NUL-terminated */

/* "20250102T030405Z" / "2025-01-02T03:04:05.678Z" from epoch ms. */
void lk_time_format_amz(int64_t epoch_ms, char out[17]);
void lk_time_format_iso8601(int64_t epoch_ms, char out[25]);
/* Parses an HTTP Date ("Sun, 06 Nov 1994 08:49:37 GMT") or ISO 8601 with Z or an offset. */
bool lk_time_parse_http(lk_slice text, int64_t *epoch_ms);
bool lk_time_parse_iso8601(lk_slice text, int64_t *epoch_ms);

#endif
