/* SPDX-License-Identifier: MIT
 *
 * function_env: the environment of a worker process: what Lambda sets, over what we inherited,
 * under what the caller gives.
 */
#ifndef LK_LOCAL_FUNCTION_ENV_H
#define LK_LOCAL_FUNCTION_ENV_H

#include "base.h"

typedef struct lk_function_env_facts {
    const char *name; /* of the function */
    const char *region;
    const char *task_root;   /* where it runs */
    const char *runtime_api; /* "127.0.0.1:41234" */
    int memory_mb;
    bool log_json;
    const char *const *extra; /* "NAME=value", NULL-terminated; wins over all others; may be NULL */
} lk_function_env_facts;

/* *envp: NULL-terminated, one allocation per string; free with lk_function_env_free. */
int lk_function_env_build(const lk_function_env_facts *facts, char ***envp, lk_err *err);
void lk_function_env_free(char **envp); /* accepts NULL */

#endif
