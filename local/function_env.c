/* SPDX-License-Identifier: MIT
 *
 * function_env: inherited variables, then Lambda's, then the caller's.
 */
#include "function_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* NULL-terminated, growing. */
typedef struct env_list {
    char **items;
    size_t count;
    size_t capacity;
    bool failed;
} env_list;

static size_t name_length(const char *entry)
{
    return strcspn(entry, "=");
}

static char **find_entry(const env_list *list, const char *entry)
{
    size_t len = name_length(entry);
    for (size_t i = 0; i < list->count; i++)
        if (name_length(list->items[i]) == len && strncmp(list->items[i], entry, len) == 0)
            return &list->items[i];
    return NULL;
}

static bool make_room(env_list *list)
{
    if (list->count + 1 < list->capacity)
        return true;
    size_t capacity = list->capacity ? list->capacity * 2 : 64;
    char **items = realloc(list->items, capacity * sizeof(*items));
    if (!items)
        return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

/* entry: transferred; replaces an earlier one of its name. */
static void put_entry(env_list *list, char *entry)
{
    if (!entry || !make_room(list)) {
        free(entry);
        list->failed = true;
        return;
    }
    char **old = find_entry(list, entry);
    if (old) {
        free(*old);
        *old = entry;
        return;
    }
    list->items[list->count++] = entry;
    list->items[list->count] = NULL;
}

static void put(env_list *list, const char *name, const char *value)
{
    lk_buf entry = {0};
    lk_buf_addf(&entry, "%s=%s", name, value);
    put_entry(list, lk_buf_take(&entry));
}

static void put_default(env_list *list, const char *name, const char *value)
{
    if (!find_entry(list, name))
        put(list, name, value);
}

static void drop(env_list *list, const char *name)
{
    char **entry = find_entry(list, name);
    if (!entry)
        return;
    free(*entry);
    *entry = list->items[--list->count];
    list->items[list->count] = NULL;
}

/* yyyy/mm/dd/[$LATEST]32hex, one per execution environment. */
static void put_log_names(env_list *list, const char *function_name)
{
    unsigned char random[16] = {0};
    char hex[2 * sizeof(random) + 1];
    char day[32];
    char text[512];
    struct tm utc;
    time_t now = (time_t)(lk_wall_ms() / 1000);
    if (!lk_random_bytes(random, sizeof(random)) || !gmtime_r(&now, &utc)) {
        list->failed = true;
        return;
    }
    lk_hex(random, sizeof(random), hex);
    strftime(day, sizeof(day), "%Y/%m/%d", &utc);
    snprintf(text, sizeof(text), "%s/[$LATEST]%s", day, hex);
    put(list, "AWS_LAMBDA_LOG_STREAM_NAME", text);
    snprintf(text, sizeof(text), "/aws/lambda/%s", function_name);
    put(list, "AWS_LAMBDA_LOG_GROUP_NAME", text);
}

static void put_lambda(env_list *list, const lk_function_env_facts *facts)
{
    char memory[32];
    snprintf(memory, sizeof(memory), "%d", facts->memory_mb);
    put(list, "AWS_LAMBDA_RUNTIME_API", facts->runtime_api);
    put(list, "AWS_LAMBDA_FUNCTION_NAME", facts->name);
    put(list, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory);
    put(list, "AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    put(list, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    put_log_names(list, facts->name);
    put(list, "AWS_REGION", facts->region);
    put(list, "AWS_DEFAULT_REGION", facts->region);
    put(list, "AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    put_default(list, "AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000");
    if (facts->log_json) {
        put(list, "AWS_LAMBDA_LOG_FORMAT", "JSON");
        put_default(list, "AWS_LAMBDA_LOG_LEVEL", "INFO");
    }
    put(list, "LAMBDA_TASK_ROOT", facts->task_root);
    put(list, "LAMBDA_RUNTIME_DIR", "/var/runtime");
    put(list, "TZ", ":UTC");
    put_default(list, "_HANDLER", "bootstrap");
    /* Lambda's en_US.UTF-8 may not be installed here, and a missing locale means ASCII to Ruby. */
    put_default(list, "LANG", "C.UTF-8");
    /* Set by the runtime at each invocation, from the header of `next`. */
    drop(list, "_X_AMZN_TRACE_ID");
}

int lk_function_env_build(const lk_function_env_facts *facts, char ***envp, lk_err *err)
{
    env_list list = {0};
    for (char **entry = environ; entry && *entry; entry++)
        put_entry(&list, strdup(*entry));
    put_lambda(&list, facts);
    for (const char *const *entry = facts->extra; entry && *entry; entry++)
        put_entry(&list, strdup(*entry));
    if (list.failed) {
        lk_function_env_free(list.items);
        return LK_FAIL_NOMEM(err);
    }
    *envp = list.items;
    return 0;
}

void lk_function_env_free(char **envp)
{
    for (char **entry = envp; entry && *entry; entry++)
        free(*entry);
    free(envp);
}
