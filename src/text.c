/* SPDX-License-Identifier: MIT
 *
 * text: slices, numbers in text, and the encodings of base.h (hex, base64, percent, UTF-8).
 *
 * All of it takes bytes from outside: nothing here reads past a slice, stops at a NUL inside one,
 * or depends on the locale.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Slices --------------------------------------------------------------------------------- */

lk_slice lk_slice_of(const char *text)
{
    return text ? (lk_slice){text, strlen(text)} : (lk_slice){NULL, 0};
}

bool lk_slice_equal(lk_slice a, lk_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool lk_slice_equal_str(lk_slice a, const char *text)
{
    return lk_slice_equal(a, lk_slice_of(text));
}

bool lk_slice_has_prefix(lk_slice s, lk_slice prefix)
{
    return s.len >= prefix.len && lk_slice_equal((lk_slice){s.ptr, prefix.len}, prefix);
}

bool lk_slice_has_suffix(lk_slice s, lk_slice suffix)
{
    if (suffix.len == 0)
        return true;
    return s.len >= suffix.len && memcmp(s.ptr + (s.len - suffix.len), suffix.ptr, suffix.len) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

lk_slice lk_slice_trim(lk_slice s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

lk_slice lk_slice_cut(lk_slice s, char sep, lk_slice *head)
{
    const char *at = s.len > 0 ? memchr(s.ptr, sep, s.len) : NULL;
    if (!at) {
        *head = s;
        return (lk_slice){NULL, 0};
    }
    size_t before = (size_t)(at - s.ptr);
    *head = (lk_slice){s.ptr, before};
    return (lk_slice){at + 1, s.len - before - 1};
}

bool lk_slice_to_int64(lk_slice s, int64_t *value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    size_t first = negative || (s.len > 0 && s.ptr[0] == '+') ? 1 : 0;
    if (first == s.len)
        return false;
    int64_t sum = 0;
    for (size_t i = first; i < s.len; i++) {
        int digit = s.ptr[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        /* Counting down reaches INT64_MIN, which has no positive twin. */
        if (__builtin_mul_overflow(sum, (int64_t)10, &sum) ||
            __builtin_sub_overflow(sum, (int64_t)digit, &sum))
            return false;
    }
    if (!negative && sum == INT64_MIN)
        return false;
    *value = negative ? sum : -sum;
    return true;
}

const char *lk_getenv(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] != '\0' ? value : NULL;
}

bool lk_is_true(const char *setting)
{
    return setting && strcasecmp(setting, "true") == 0;
}

char *lk_slice_dup(lk_slice s)
{
    size_t size;
    if (__builtin_add_overflow(s.len, (size_t)1, &size))
        return NULL;
    char *copy = malloc(size);
    if (!copy)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

bool lk_slice_copy(lk_slice s, char *dst, size_t capacity)
{
    bool fits = s.len < capacity;
    if (capacity == 0)
        return false;
    if (fits && s.len > 0)
        memcpy(dst, s.ptr, s.len);
    dst[fits ? s.len : 0] = '\0';
    return fits;
}

/* --- Encodings ------------------------------------------------------------------------------ */

void lk_hex(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Four digits for one to three bytes, '=' for those that are missing. */
static void base64_group(const unsigned char *bytes, size_t len, char out[4])
{
    uint32_t bits = (uint32_t)bytes[0] << 16;
    bits |= len > 1 ? (uint32_t)bytes[1] << 8 : 0;
    bits |= len > 2 ? bytes[2] : 0;
    out[0] = base64_digits[bits >> 18];
    out[1] = base64_digits[(bits >> 12) & 63];
    out[2] = base64_digits[(bits >> 6) & 63];
    out[3] = base64_digits[bits & 63];
    if (len < 3)
        out[3] = '=';
    if (len < 2)
        out[2] = '=';
}

void lk_base64_encode(lk_buf *out, const unsigned char *bytes, size_t len)
{
    if (len / 3 >= SIZE_MAX / 4 - 1) {
        out->failed = true;
        return;
    }
    if (!lk_buf_reserve(out, (len + 2) / 3 * 4))
        return;
    for (size_t i = 0; i < len; i += 3) {
        base64_group(bytes + i, len - i, out->ptr + out->len);
        out->len += 4;
    }
    out->ptr[out->len] = '\0';
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Decodes four digits of which the last `pads` are '='. Bits a padded digit has to spare must be
 * zero: each byte string has one spelling only. */
static bool base64_ungroup(const char *digits, size_t pads, unsigned char out[3])
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - pads ? base64_value(digits[i]) : 0;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
    }
    if ((pads == 1 && (bits & 0xff)) || (pads == 2 && (bits & 0xffff)))
        return false;
    out[0] = (unsigned char)(bits >> 16);
    out[1] = (unsigned char)(bits >> 8);
    out[2] = (unsigned char)bits;
    return true;
}

bool lk_base64_decode(lk_slice text, lk_buf *out)
{
    if (text.len % 4 != 0)
        return false;
    size_t pads = 0;
    while (pads < 2 && pads < text.len && text.ptr[text.len - 1 - pads] == '=')
        pads++;
    size_t start = out->len;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t missing = i + 4 == text.len ? pads : 0;
        unsigned char bytes[3];
        if (!base64_ungroup(text.ptr + i, missing, bytes)) {
            out->len = start;
            if (out->ptr)
                out->ptr[start] = '\0';
            return false;
        }
        lk_buf_add(out, (lk_slice){(const char *)bytes, 3 - missing});
    }
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void lk_uri_encode(lk_buf *out, lk_slice s, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t run = 0; /* start of the bytes that stay as they are */
    for (size_t i = 0; i < s.len; i++) {
        if (is_unreserved(s.ptr[i]) || (keep_slash && s.ptr[i] == '/'))
            continue;
        unsigned char byte = (unsigned char)s.ptr[i];
        char escaped[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        lk_buf_add(out, (lk_slice){s.ptr + run, i - run});
        lk_buf_add(out, (lk_slice){escaped, sizeof(escaped)});
        run = i + 1;
    }
    if (run < s.len)
        lk_buf_add(out, (lk_slice){s.ptr + run, s.len - run});
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    int letter = (c | 0x20) - 'a';
    return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

bool lk_uri_escape(lk_slice s, char *byte)
{
    int high = s.len > 2 && s.ptr[0] == '%' ? hex_value(s.ptr[1]) : -1;
    int low = high >= 0 ? hex_value(s.ptr[2]) : -1;
    if (low < 0)
        return false;
    *byte = (char)(unsigned char)(high << 4 | low);
    return true;
}

size_t lk_utf8_length(lk_slice s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len)
        return 0;
    /* The second byte rules out overlong forms (E0, F0), surrogates (ED) and what lies beyond
     * U+10FFFF (F4): table 3-7 of the Unicode standard. */
    unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

/* Bytes from the start of s that are ASCII, looked at eight at a time. */
static size_t ascii_run(lk_slice s)
{
    size_t i = 0;
    for (uint64_t word; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.ptr + i, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < s.len && (unsigned char)s.ptr[i] < 0x80)
        i++;
    return i;
}

bool lk_utf8_valid(lk_slice s)
{
    while (s.len > 0) {
        size_t len = ascii_run(s);
        if (len == 0)
            len = lk_utf8_length(s);
        if (len == 0)
            return false;
        s.ptr += len;
        s.len -= len;
    }
    return true;
}

void lk_zero(void *memory, size_t len)
{
    if (len == 0)
        return;
    memset(memory, 0, len);
    /* Tells the compiler that someone reads the zeroes. (explicit_bzero is not on every POSIX.) */
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}
