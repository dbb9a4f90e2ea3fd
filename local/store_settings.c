/* SPDX-License-Identifier: MIT
 *
 * store_settings: the typed settings of a queue as one table: copy, compare, write, read.
 *
 * A new setting is a field in lk_store_settings, a row here, and a migration. The rows stand in the
 * order of LK_QUEUE_COLUMNS, behind `given`.
 */
#include "store_internal.h"

#include <stdlib.h>

typedef enum field_kind { FIELD_INT64, FIELD_BOOL, FIELD_TEXT } field_kind;

typedef struct setting_field {
    unsigned setting; /* lk_store_setting */
    field_kind kind;
    size_t offset;
} setting_field;

#define FIELD(setting, kind, member)                                                               \
    {                                                                                              \
        (setting), (kind), offsetof(lk_store_settings, member)                                     \
    }

static const setting_field fields[] = {
    FIELD(LK_SET_DELAY, FIELD_INT64, delay_s),
    FIELD(LK_SET_MAX_MESSAGE_BYTES, FIELD_INT64, max_message_bytes),
    FIELD(LK_SET_RETENTION, FIELD_INT64, retention_s),
    FIELD(LK_SET_WAIT, FIELD_INT64, wait_s),
    FIELD(LK_SET_VISIBILITY, FIELD_INT64, visibility_s),
    FIELD(LK_SET_KMS_REUSE, FIELD_INT64, kms_reuse_s),
    FIELD(LK_SET_FIFO, FIELD_BOOL, fifo),
    FIELD(LK_SET_CONTENT_DEDUP, FIELD_BOOL, content_based_dedup),
    FIELD(LK_SET_DEDUP_SCOPE, FIELD_BOOL, dedup_scope_group),
    FIELD(LK_SET_THROUGHPUT, FIELD_BOOL, throughput_per_group),
    FIELD(LK_SET_SSE, FIELD_BOOL, sse),
    FIELD(LK_SET_REDRIVE, FIELD_TEXT, dead_letter_queue),
    FIELD(LK_SET_REDRIVE, FIELD_INT64, max_receive_count),
    FIELD(LK_SET_REDRIVE_ALLOW, FIELD_TEXT, redrive_allow_policy),
    FIELD(LK_SET_POLICY, FIELD_TEXT, policy),
    FIELD(LK_SET_KMS_KEY, FIELD_TEXT, kms_key_id),
};

const lk_store_settings lk_settings_default = {
    .max_message_bytes = 1048576,
    .retention_s = 345600,
    .visibility_s = 30,
    .kms_reuse_s = 300,
    .sse = true,
};

static void *field_of(lk_store_settings *settings, const setting_field *field)
{
    return (char *)settings + field->offset;
}

static const void *const_field_of(const lk_store_settings *settings, const setting_field *field)
{
    return (const char *)settings + field->offset;
}

static bool copy_field(const setting_field *field, const lk_store_settings *from,
                       lk_store_settings *to)
{
    const void *source = const_field_of(from, field);
    void *target = field_of(to, field);
    if (field->kind == FIELD_INT64) {
        *(int64_t *)target = *(const int64_t *)source;
    } else if (field->kind == FIELD_BOOL) {
        *(bool *)target = *(const bool *)source;
    } else {
        lk_slice text = *(const lk_slice *)source;
        lk_slice copy = {NULL, 0};
        if (text.ptr)
            copy = (lk_slice){lk_slice_dup(text), text.len};
        *(lk_slice *)target = copy;
        return !text.ptr || copy.ptr;
    }
    return true;
}

int lk_settings_merge(const lk_store_settings *base, const lk_store_settings *change,
                      lk_store_settings *merged, lk_err *err)
{
    bool copied = true;
    *merged = (lk_store_settings){.given = base->given | change->given};
    for (size_t i = 0; i < LK_COUNT(fields); i++) {
        bool changed = (change->given & fields[i].setting) != 0;
        copied &= copy_field(&fields[i], changed ? change : base, merged);
    }
    if (copied)
        return 0;
    lk_settings_clear(merged);
    return LK_FAIL_NOMEM(err);
}

void lk_settings_clear(lk_store_settings *settings)
{
    for (size_t i = 0; i < LK_COUNT(fields); i++) {
        if (fields[i].kind != FIELD_TEXT)
            continue;
        lk_slice *text = field_of(settings, &fields[i]);
        free((void *)(uintptr_t)text->ptr); /* our own copy; the public field is const */
        *text = (lk_slice){NULL, 0};
    }
}

static bool field_equal(const setting_field *field, const lk_store_settings *a,
                        const lk_store_settings *b)
{
    const void *x = const_field_of(a, field);
    const void *y = const_field_of(b, field);
    if (field->kind == FIELD_INT64)
        return *(const int64_t *)x == *(const int64_t *)y;
    if (field->kind == FIELD_BOOL)
        return *(const bool *)x == *(const bool *)y;
    return lk_slice_equal(*(const lk_slice *)x, *(const lk_slice *)y);
}

unsigned lk_settings_differ(const lk_store_settings *current, const lk_store_settings *asked)
{
    unsigned differs = 0;
    for (size_t i = 0; i < LK_COUNT(fields); i++) {
        if ((asked->given & fields[i].setting) && !field_equal(&fields[i], current, asked))
            differs |= fields[i].setting;
    }
    return differs;
}

void lk_settings_bind(const lk_store_settings *settings, lk_sql *sql)
{
    lk_sql_int64(sql, settings->given);
    for (size_t i = 0; i < LK_COUNT(fields); i++) {
        const void *value = const_field_of(settings, &fields[i]);
        if (fields[i].kind == FIELD_INT64)
            lk_sql_int64(sql, *(const int64_t *)value);
        else if (fields[i].kind == FIELD_BOOL)
            lk_sql_int64(sql, *(const bool *)value);
        else
            lk_sql_text(sql, *(const lk_slice *)value);
    }
}

int lk_settings_read(const lk_sql *sql, int first_column, lk_store_settings *settings, lk_err *err)
{
    lk_store_settings row = {.given = (unsigned)lk_sql_column_int64(sql, first_column)};
    for (size_t i = 0; i < LK_COUNT(fields); i++) {
        int column = first_column + 1 + (int)i;
        void *value = field_of(&row, &fields[i]);
        if (fields[i].kind == FIELD_INT64)
            *(int64_t *)value = lk_sql_column_int64(sql, column);
        else if (fields[i].kind == FIELD_BOOL)
            *(bool *)value = lk_sql_column_int64(sql, column) != 0;
        else
            *(lk_slice *)value = lk_sql_column_text(sql, column);
    }
    const lk_store_settings unchanged = {0};
    return lk_settings_merge(&row, &unchanged, settings, err); /* copies the texts */
}
