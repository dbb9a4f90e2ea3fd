/* SPDX-License-Identifier: MIT
 *
 * error: the codes' names and texts from the one list in lambdakiq.h, and filling an lk_err.
 */
#include "error.h"

#include <stdio.h>
#include <string.h>

typedef struct code_entry {
    int code;
    bool retriable;
    const char *name;
    const char *text;
} code_entry;

static const code_entry code_entries[] = {
#define LK_X(name, value, retriable, text) {(value), (retriable), "LK_" #name, (text)},
    LK_ERRORS(LK_X)
#undef LK_X
};

static const code_entry *find_code(int code)
{
    for (size_t i = 0; i < sizeof(code_entries) / sizeof(code_entries[0]); i++) {
        if (code_entries[i].code == code)
            return &code_entries[i];
    }
    return NULL;
}

const char *lk_code_name(int code)
{
    const code_entry *entry = find_code(code);
    return entry ? entry->name : "LK_E_?";
}

const char *lk_code_text(int code)
{
    const code_entry *entry = find_code(code);
    return entry ? entry->text : "unknown error code";
}

const char *lk_version(void)
{
    return LK_VERSION;
}

void lk_err_clear(lk_err *err)
{
    if (err)
        memset(err, 0, sizeof(*err));
}

int lk_err_vset(lk_err *err, int code, const char *format, va_list args)
{
    if (!err)
        return code;
    const code_entry *entry = find_code(code);
    lk_err_clear(err);
    err->code = code;
    err->retriable = entry && entry->retriable;
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    return code;
}

int lk_err_set(lk_err *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_err_vset(err, code, format, args);
    va_end(args);
    return code;
}

int lk_fail(lk_err *err, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_err_vset(err, LK_E_JOB, format, args);
    va_end(args);
    if (err)
        (void)snprintf(err->name, sizeof(err->name), "%s", name ? name : "");
    return LK_E_JOB;
}

const char *lk_err_name(const lk_err *err)
{
    return err->name[0] ? err->name : lk_code_name(err->code);
}

/* As much of more as fits behind text. */
static void append(char *text, size_t capacity, const char *more)
{
    size_t len = strlen(text);
    size_t room = capacity - len - 1;
    size_t more_len = strlen(more);
    if (more_len > room)
        more_len = room;
    memcpy(text + len, more, more_len);
    text[len + more_len] = '\0';
}

int lk_err_prefix(lk_err *err, const char *format, ...)
{
    if (!err)
        return LK_E_INTERNAL;
    char text[sizeof(err->message)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    append(text, sizeof(text), ": ");
    append(text, sizeof(text), err->message);
    memcpy(err->message, text, sizeof(text));
    return err->code;
}
