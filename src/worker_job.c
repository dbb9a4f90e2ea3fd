/* SPDX-License-Identifier: MIT
 *
 * worker_job: what a handler asks and says about the job in hand, beyond its body (batch_job.c) and
 * its arguments (value.c).
 */
#include "worker.h"

lk_worker *lk_job_worker(const lk_job *job)
{
    return job->batch->worker;
}

void lk_job_retry_in(lk_job *job, int64_t seconds)
{
    job->retry_in_s = LK_MAX(seconds, 0);
}

bool lk_job_stopping(const lk_job *job)
{
    const lk_worker *worker = job->batch->worker;
    if (job->batch->stopped || (worker && atomic_load(&worker->stopping)))
        return true;
    return worker && lk_job_time_left_ms(job) < worker->stop_margin_ms;
}
