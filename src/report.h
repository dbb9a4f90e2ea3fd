/* SPDX-License-Identifier: MIT
 *
 * report: finished calls that nobody waited for, one by one, for instrumentation.
 *
 * A call that is waited for is told by lk_client_last_call. Flights end while something else is
 * being done, so what became of them is kept here until somebody asks; at most REPORTS_MAX, the
 * oldest make room. Nothing is kept unless lk_client_observe said so.
 */
#ifndef LK_REPORT_H
#define LK_REPORT_H

#include "queue.h"

/* action: static text. err: what failed the call as a whole; NULL: it was answered. Copied. */
void lk_report_add(lk_client *client, const char *action, const lk_queue *queue, size_t entries,
                   const lk_call_info *info, const lk_err *err);

#endif
