# frozen_string_literal: true

require_relative 'test_helper'

# What is told of attempts that failed.
class FailureTest < QueueTest
  def test_a_retry_is_announced_with_what_only_the_message_knows
    queue = make_queue
    job = ActJob.set(queue: queue).perform_later('fail')
    retries = events('enqueue_retry.active_job') { invoke(queue) }

    assert_equal [[job.provider_job_id, queue, 1, 30]],
                 retries.map { |event| event.payload.values_at(:message_id, :queue, :receive_count, :wait) }
  end

  def test_a_death_is_announced_with_what_only_the_message_knows
    queue = make_queue
    job = OnceJob.set(queue: queue).perform_later('fail')
    deaths = events('retry_stopped.active_job') { invoke(queue) }

    assert_equal [[job.provider_job_id, queue, 1]],
                 deaths.map { |event| event.payload.values_at(:message_id, :queue, :receive_count) }
  end
end
