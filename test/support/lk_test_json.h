/* SPDX-License-Identifier: MIT
 *
 * lk_test_json: texts that must be JSON.
 */
#ifndef LK_TEST_JSON_H
#define LK_TEST_JSON_H

#include "json.h"

lk_json *lk_test_json(const char *text); /* freed by the caller */

#endif
