/* SPDX-License-Identifier: MIT
 *
 * action_attributes: queue attributes: texts by name on the wire, typed settings in the store, one
 * table between them.
 */
#include "action_run.h"

#include "json.h"

#include <string.h>
#include <strings.h>

/* --- The table ------------------------------------------------------------------------------ */

typedef enum attribute_kind {
    NUMBER,  /* int64_t */
    SWITCH,  /* bool: true, false in any case */
    CHOICE,  /* bool: one of two words */
    TEXT,    /* lk_slice: any; "" removes */
    POLICY,  /* lk_slice: JSON; "" removes */
    ALLOW,   /* lk_slice: RedriveAllowPolicy; "" removes */
    REDRIVE, /* RedrivePolicy */
    ARN,     /* these are read-only facts */
    CREATED,
    MODIFIED,
    VISIBLE,
    IN_FLIGHT,
    DELAYED
} attribute_kind;

typedef struct attribute_row {
    const char *name;
    unsigned setting; /* lk_store_setting; 0: read-only */
    attribute_kind kind;
    size_t offset; /* in lk_store_settings */
    bool fifo_only;
    int64_t min, max;     /* NUMBER */
    const char *words[2]; /* CHOICE: for false, for true */
} attribute_row;

#define OF(field) offsetof(lk_store_settings, field)

#define NUMBER_ROW(text, set, field, from, to)                                                     \
    {                                                                                              \
        .name = (text), .setting = (set), .kind = NUMBER, .offset = OF(field), .min = (from),      \
        .max = (to)                                                                                \
    }
#define ROW(text, set, of_kind, field)                                                             \
    {                                                                                              \
        .name = (text), .setting = (set), .kind = (of_kind), .offset = OF(field)                   \
    }
#define FIFO_ROW(text, set, of_kind, field, ...)                                                   \
    {                                                                                              \
        .name = (text), .setting = (set), .kind = (of_kind), .offset = OF(field),                  \
        .fifo_only = true, .words = {                                                              \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define FACT(text, of_kind)                                                                        \
    {                                                                                              \
        .name = (text), .kind = (of_kind)                                                          \
    }

static const attribute_row rows[] = {
    NUMBER_ROW("VisibilityTimeout", LK_SET_VISIBILITY, visibility_s, 0, 43200),
    NUMBER_ROW("MaximumMessageSize", LK_SET_MAX_MESSAGE_BYTES, max_message_bytes, 1024,
               LK_MESSAGE_MAX_BYTES),
    NUMBER_ROW("MessageRetentionPeriod", LK_SET_RETENTION, retention_s, 60, 1209600),
    NUMBER_ROW("DelaySeconds", LK_SET_DELAY, delay_s, 0, 900),
    NUMBER_ROW("ReceiveMessageWaitTimeSeconds", LK_SET_WAIT, wait_s, 0, 20),
    FIFO_ROW("FifoQueue", LK_SET_FIFO, SWITCH, fifo, NULL),
    FIFO_ROW("ContentBasedDeduplication", LK_SET_CONTENT_DEDUP, SWITCH, content_based_dedup, NULL),
    FIFO_ROW("DeduplicationScope", LK_SET_DEDUP_SCOPE, CHOICE, dedup_scope_group, "queue",
             "messageGroup"),
    FIFO_ROW("FifoThroughputLimit", LK_SET_THROUGHPUT, CHOICE, throughput_per_group, "perQueue",
             "perMessageGroupId"),
    ROW("RedrivePolicy", LK_SET_REDRIVE, REDRIVE, dead_letter_queue),
    ROW("RedriveAllowPolicy", LK_SET_REDRIVE_ALLOW, ALLOW, redrive_allow_policy),
    ROW("Policy", LK_SET_POLICY, POLICY, policy),
    ROW("KmsMasterKeyId", LK_SET_KMS_KEY, TEXT, kms_key_id),
    NUMBER_ROW("KmsDataKeyReusePeriodSeconds", LK_SET_KMS_REUSE, kms_reuse_s, 60, 86400),
    ROW("SqsManagedSseEnabled", LK_SET_SSE, SWITCH, sse),
    FACT("QueueArn", ARN),
    FACT("CreatedTimestamp", CREATED),
    FACT("LastModifiedTimestamp", MODIFIED),
    FACT("ApproximateNumberOfMessages", VISIBLE),
    FACT("ApproximateNumberOfMessagesNotVisible", IN_FLIGHT),
    FACT("ApproximateNumberOfMessagesDelayed", DELAYED),
};

#define KMS_REUSE_DEFAULT_S 300

static const attribute_row *row_named(lk_slice name)
{
    for (size_t i = 0; i < LK_COUNT(rows); i++)
        if (lk_slice_equal_str(name, rows[i].name))
            return &rows[i];
    return NULL;
}

const char *lk_attributes_setting_name(unsigned mask)
{
    for (size_t i = 0; i < LK_COUNT(rows); i++)
        if (rows[i].setting & mask)
            return rows[i].name;
    return "";
}

/* --- Reading -------------------------------------------------------------------------------- */

static int refuse_unknown(lk_request *request, lk_slice name)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_ATTRIBUTE_NAME,
                           "Unknown Attribute %.*s.", (int)LK_MIN(name.len, (size_t)256), name.ptr);
}

static int refuse_value(lk_request *request, const attribute_row *row)
{
    return lk_fault_format(&request->fault, &request->arena, LK_FAULT_ATTRIBUTE_VALUE,
                           "Invalid value for the parameter %s.", row->name);
}

static bool read_switch(lk_slice text, bool *value)
{
    *value = text.len == 4 && strncasecmp(text.ptr, "true", 4) == 0;
    return *value || (text.len == 5 && strncasecmp(text.ptr, "false", 5) == 0);
}

static bool read_choice(const attribute_row *row, lk_slice text, bool *value)
{
    *value = lk_slice_equal_str(text, row->words[1]);
    return *value || lk_slice_equal_str(text, row->words[0]);
}

static int check_json(lk_request *request, const attribute_row *row, lk_slice text, lk_err *err)
{
    lk_json *document = NULL;
    if (text.len == 0)
        return 0;
    int rc = lk_json_parse(text, row->name, &document, err);
    if (rc == LK_E_NOMEM)
        return rc;
    bool good = lk_json_typeof(document) == LK_JSON_OBJECT;
    lk_json_free(document);
    return good ? 0 : refuse_value(request, row);
}

static void *field_of(lk_store_settings *settings, const attribute_row *row)
{
    return (char *)settings + row->offset;
}

static bool read_number(const lk_request *request, const attribute_row *row, lk_slice text,
                        int64_t *number)
{
    bool is_size = row->setting == LK_SET_MAX_MESSAGE_BYTES;
    int64_t max = is_size ? request->env->max_message_bytes : row->max;
    return lk_slice_to_int64(text, number) && *number >= row->min && *number <= max;
}

static int read_value(lk_request *request, const attribute_row *row, lk_slice text,
                      lk_store_settings *settings, lk_err *err)
{
    void *field = field_of(settings, row);
    int rc;
    switch (row->kind) {
    case NUMBER:
        return read_number(request, row, text, field) ? 0 : refuse_value(request, row);
    case SWITCH:
        return read_switch(text, field) ? 0 : refuse_value(request, row);
    case CHOICE:
        return read_choice(row, text, field) ? 0 : refuse_value(request, row);
    case REDRIVE:
        return lk_redrive_read(request, text, settings, err);
    case ALLOW:
        rc = lk_redrive_allow_check(request, text, err);
        break;
    case POLICY:
        rc = check_json(request, row, text, err);
        break;
    default: /* TEXT; facts do not get here */
        rc = 0;
        break;
    }
    *(lk_slice *)field = text.len > 0 ? text : (lk_slice){0};
    return rc;
}

/* FifoQueue is given once, at create; the others of FIFO queues mean nothing elsewhere. */
static int check_type(lk_request *request, const lk_store_queue *queue, bool fifo,
                      const attribute_row *row, lk_slice text)
{
    bool wanted;
    if (row->setting == LK_SET_FIFO && queue && read_switch(text, &wanted) && wanted != fifo)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_ATTRIBUTE_VALUE, "%s",
                               "Invalid value for the parameter FifoQueue. Reason: Modifying queue "
                               "type is not supported.");
    if (!row->fifo_only || fifo)
        return 0;
    if (row->kind == CHOICE)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_ATTRIBUTE_NAME,
                               "You can specify the %s only when FifoQueue is set to true.",
                               row->name);
    return refuse_unknown(request, lk_slice_of(row->name));
}

/* What two settings mean together, after the call. */
static int check_together(lk_request *request, const lk_store_queue *queue,
                          lk_store_settings *settings)
{
    const lk_store_settings *now = queue ? &queue->settings : NULL;
    bool scope_group = settings->given & LK_SET_DEDUP_SCOPE ? settings->dedup_scope_group
                                                            : now && now->dedup_scope_group;
    bool per_group = settings->given & LK_SET_THROUGHPUT ? settings->throughput_per_group
                                                         : now && now->throughput_per_group;
    if (per_group && !scope_group)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_ATTRIBUTE_VALUE, "%s",
                               "Invalid value for the parameter FifoThroughputLimit. Reason: "
                               "perMessageGroupId needs DeduplicationScope messageGroup.");
    bool kms = settings->given & LK_SET_KMS_KEY ? settings->kms_key_id.ptr != NULL
                                                : now && now->kms_key_id.ptr;
    if (kms && (settings->given & LK_SET_SSE) && settings->sse)
        return lk_fault_format(&request->fault, &request->arena, LK_FAULT_ATTRIBUTE_NAME, "%s",
                               "You can use one type of server-side encryption (SSE) at one time. "
                               "You can either enable KMS SSE or SQS SSE.");
    if ((settings->given & LK_SET_KMS_KEY) && kms) { /* a key of one's own replaces SQS's */
        settings->sse = false;
        settings->given |= LK_SET_SSE;
    }
    return 0;
}

int lk_attributes_read(lk_request *request, const lk_store_queue *queue, bool fifo,
                       lk_store_settings *settings, lk_err *err)
{
    *settings = (lk_store_settings){0};
    for (size_t i = 0; i < request->attributes.count; i++) {
        lk_name_value given = request->attributes.items[i];
        const attribute_row *row = row_named(given.name);
        if (!row || row->setting == 0)
            return refuse_unknown(request, given.name);
        int rc = check_type(request, queue, fifo, row, given.value);
        if (rc == 0)
            rc = read_value(request, row, given.value, settings, err);
        if (rc)
            return rc;
        settings->given |= row->setting;
    }
    return check_together(request, queue, settings);
}

/* --- Showing -------------------------------------------------------------------------------- */

static lk_slice show_number(lk_request *request, int64_t value)
{
    return lk_arena_format(&request->arena, "%lld", (long long)value);
}

static bool is_hidden(const attribute_row *row, const lk_store_settings *settings)
{
    if (row->setting == LK_SET_KMS_REUSE)
        return !settings->kms_key_id.ptr && settings->kms_reuse_s == KMS_REUSE_DEFAULT_S;
    return row->fifo_only && !settings->fifo;
}

static lk_slice show_setting(lk_request *request, const attribute_row *row,
                             const lk_store_settings *settings)
{
    const void *field = (const char *)settings + row->offset;
    if (is_hidden(row, settings))
        return (lk_slice){0};
    switch (row->kind) {
    case NUMBER:
        return show_number(request, *(const int64_t *)field);
    case SWITCH:
        return lk_slice_of(*(const bool *)field ? "true" : "false");
    case CHOICE:
        return lk_slice_of(row->words[*(const bool *)field]);
    case REDRIVE:
        return settings->dead_letter_queue.ptr ? lk_redrive_show(request, settings) : (lk_slice){0};
    default:
        return *(const lk_slice *)field;
    }
}

/* {NULL,0}: the queue has none. */
static lk_slice show(lk_request *request, const attribute_row *row, const lk_store_queue *queue,
                     const lk_store_counts *counts)
{
    switch (row->kind) {
    case ARN:
        return lk_action_queue_arn(request, queue->name);
    case CREATED:
        return show_number(request, queue->created_at_ms / 1000);
    case MODIFIED:
        return show_number(request, queue->modified_at_ms / 1000);
    case VISIBLE:
        return show_number(request, counts->visible);
    case IN_FLIGHT:
        return show_number(request, counts->in_flight);
    case DELAYED:
        return show_number(request, counts->delayed);
    default:
        if (row->setting == LK_SET_MAX_MESSAGE_BYTES)
            return show_number(request, lk_action_max_message_bytes(request, queue));
        return show_setting(request, row, &queue->settings);
    }
}

/* Mask over rows; 1: refused. */
static int wanted_rows(lk_request *request, uint32_t *wanted)
{
    *wanted = 0;
    for (size_t i = 0; i < request->attribute_names.count; i++) {
        lk_slice name = request->attribute_names.items[i];
        const attribute_row *row = row_named(name);
        if (row)
            *wanted |= UINT32_C(1) << (row - rows);
        else if (lk_slice_equal_str(name, "All"))
            *wanted = UINT32_MAX;
        else
            return refuse_unknown(request, name);
    }
    return 0;
}

static bool is_counter(const attribute_row *row)
{
    return row->kind == VISIBLE || row->kind == IN_FLIGHT || row->kind == DELAYED;
}

/* Counting costs a query; most calls ask for something else. */
static int count_if_wanted(const lk_action_context *context, const lk_store_queue *queue,
                           uint32_t wanted, lk_store_counts *counts, lk_err *err)
{
    for (size_t i = 0; i < LK_COUNT(rows); i++)
        if ((wanted & (UINT32_C(1) << i)) && is_counter(&rows[i]))
            return lk_store_queue_count(context->store, queue, context->now_ms, counts, err);
    return 0;
}

int lk_attributes_show(const lk_action_context *context, const lk_store_queue *queue,
                       lk_request *request, lk_err *err)
{
    uint32_t wanted;
    lk_store_counts counts = {0};
    int rc = wanted_rows(request, &wanted);
    if (rc == 0)
        rc = count_if_wanted(context, queue, wanted, &counts, err);
    if (rc)
        return rc;
    lk_name_value *pairs = lk_arena_alloc(&request->arena, LK_COUNT(rows), sizeof *pairs);
    if (!pairs)
        return LK_FAIL_NOMEM(err);
    request->answer_attributes.items = pairs;
    for (size_t i = 0; i < LK_COUNT(rows); i++) {
        if (!(wanted & (UINT32_C(1) << i)))
            continue;
        lk_slice value = show(request, &rows[i], queue, &counts);
        if (value.ptr)
            pairs[request->answer_attributes.count++] =
                (lk_name_value){.name = lk_slice_of(rows[i].name), .value = value};
    }
    return 0;
}
