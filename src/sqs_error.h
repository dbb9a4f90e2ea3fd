/* SPDX-License-Identifier: MIT
 *
 * sqs_error: what an answer that is not 2xx says, and what it means for another try. No I/O.
 */
#ifndef LK_SQS_ERROR_H
#define LK_SQS_ERROR_H

#include "http_message.h"

/* Fills err as LK_E_SERVICE: codes, request id, message with a remedy; retriable for throttling and
 * 5xx. host names who answered, for answers that are not SQS's (a proxy's error page). */
int lk_sqs_error_read(const lk_http_response *answer, lk_slice host, lk_err *err);

/* The clock may be why the signature was refused. */
bool lk_sqs_error_is_skew(const lk_err *err);
/* The session token is too old. */
bool lk_sqs_error_is_expired(const lk_err *err);

#endif
