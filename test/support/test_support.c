/* SPDX-License-Identifier: MIT
 *
 * test_support: helpers shared by test files.
 */
#include "lk_test.h"
