/* SPDX-License-Identifier: MIT
 *
 * job: what happens to a record, before and after its job runs. Pure: no I/O, no clock.
 *
 * The public functions are lk_job_limit, lk_job_before, lk_job_after, lk_job_unsent,
 * lk_job_unstarted and lk_action_name. Two facts the caller must have asked the queue for, because
 * without them a job can be lost: the attributes (max_receive_count, retention_s) before a FIFO
 * record that is not due is decided on, or any record whose tries are spent, and before
 * lk_job_after is told of a failure. All other calls may say LK_MAX_RECEIVE_UNKNOWN.
 *
 * Never lose a job. A failed one is hidden and comes back, or it is on its way to the dead-letter
 * queue, or it is deleted because its class (`retry: 3`, `dead: :delete`) or its queue (no
 * RedrivePolicy) says so.
 * What is not known is never taken for a permission to delete.
 */
#ifndef LK_JOB_H
#define LK_JOB_H

#include "base.h"

/* SQS moves the message instead of delivering it once more. */
bool lk_job_is_last_receive(const lk_job_facts *facts);

/* By its receives all tries are behind it, and death does not mean deletion: whether it is drained
 * depends on the queue's redrive policy. */
bool lk_job_is_spent(const lk_job_facts *facts);

#endif
