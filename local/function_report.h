/* SPDX-License-Identifier: MIT
 *
 * function_report: the platform's lines about invocations, as Lambda writes them: START, END,
 * REPORT and INIT_REPORT, or with JSON logging platform.start, platform.report and
 * platform.initReport.
 */
#ifndef LK_LOCAL_FUNCTION_REPORT_H
#define LK_LOCAL_FUNCTION_REPORT_H

#include "function_log.h"

typedef struct lk_report {
    const char *request_id;
    int64_t duration_us;
    int64_t init_us; /* of the process's start; 0: not its first invocation */
    int memory_mb;
    int64_t max_memory_mb;
    const char *status;     /* "success", "error", "timeout" */
    const char *error_type; /* "": none */
} lk_report;

void lk_report_start(lk_log_sink *sink, const char *request_id);
void lk_report_end(lk_log_sink *sink, const lk_report *report);
/* Of a start that failed. */
void lk_report_init(lk_log_sink *sink, int64_t duration_us, const char *status,
                    const char *error_type);

#endif
