/* SPDX-License-Identifier: MIT
 *
 * lk_test_facts: see the header.
 */
#include "lk_test_facts.h"

lk_job_facts lk_test_facts(void)
{
    lk_job_facts f = LK_JOB_FACTS_INIT;
    f.max_receive_count = 13;
    f.now_ms = LK_TEST_FACTS_NOW_MS;
    f.received_at_ms = LK_TEST_FACTS_NOW_MS;
    f.sent_at_ms = LK_TEST_FACTS_NOW_MS - 1000;
    f.retention_s = 345600;
    return f;
}
