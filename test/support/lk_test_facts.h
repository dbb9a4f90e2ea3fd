/* SPDX-License-Identifier: MIT
 *
 * lk_test_facts: what the decisions about a job are made of, as it usually is.
 */
#ifndef LK_TEST_FACTS_H
#define LK_TEST_FACTS_H

#include "job.h"

#define LK_TEST_FACTS_NOW_MS INT64_C(1700000000000)

/* A job that fails for the first time on a queue with the template's settings. */
lk_job_facts lk_test_facts(void);

#define assert_decision(decision, expected_action, expected_wait_s)                                \
    do {                                                                                           \
        lk_decision d_ = (decision);                                                               \
        assert_string_equal(lk_action_name(d_.action), lk_action_name(expected_action));           \
        assert_int_equal(d_.wait_s, expected_wait_s);                                              \
    } while (0)

#endif
