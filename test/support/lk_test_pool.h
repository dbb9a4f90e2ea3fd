/* SPDX-License-Identifier: MIT
 *
 * lk_test_pool: a pool of connections, and GETs through it.
 */
#ifndef LK_TEST_POOL_H
#define LK_TEST_POOL_H

#include "http.h"

lk_http *lk_test_pool_new(const lk_env *env); /* env: NULL for the system's */
lk_http_request lk_test_pool_get(const char *url);
/* Waits two seconds for the answer. */
int lk_test_pool_call(lk_http *http, const char *url, lk_http_response *response, lk_err *err);
/* One request that must succeed; its answer is compared. */
void lk_test_pool_expect(lk_http *http, const char *url, const char *body);

#endif
