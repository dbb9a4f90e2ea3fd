/* SPDX-License-Identifier: MIT
 *
 * credentials_process: credentials that a program prints (credential_process of a profile).
 */
#ifndef LK_CREDENTIALS_PROCESS_H
#define LK_CREDENTIALS_PROCESS_H

#include "credentials_keys.h"
#include "http.h"

/* Runs the profile's command, split into words as the AWS CLI does it, without a shell; at most a
 * minute. It prints {"Version":1,"AccessKeyId":…,"SecretAccessKey":…,"SessionToken":…,
 * "Expiration":…}, the last two optional. waiter: interrupts it.
 * LK_E_CREDENTIALS: it failed, with what it wrote to stderr, or printed something else (which is
 * not shown); LK_E_INTERRUPTED. */
int lk_credentials_run_process(lk_http *waiter, const lk_profile *profile,
                               lk_credentials *credentials, lk_err *err);

#endif
