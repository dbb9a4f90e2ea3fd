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

  # ActiveSupport's reporter, from 7.0 on.
  if ActiveSupport.respond_to?(:error_reporter)
    def test_b13_a_retried_failure_is_reported_once_as_handled
      queue = make_queue
      job = ActJob.set(queue: queue).perform_later('fail')
      list = reports { invoke(queue) }
      error, options = list.first

      assert_equal 1, list.size
      assert_instance_of ActJob::Failure, error
      assert_equal [true, :warning], options.values_at(:handled, :severity)
      assert_equal({ job_class: 'ActJob', job_id: job.job_id, executions: 1, message_id: job.provider_job_id,
                     queue: queue, receive_count: 1, wait_s: 30 }, options[:context].except(:job))
    end

    def test_b13_a_dead_job_is_reported_once_as_unhandled
      queue = make_queue
      OnceJob.set(queue: queue).perform_later('fail')
      list = reports { invoke(queue) }

      assert_equal [[false, :error]], list.map { |_error, options| options.values_at(:handled, :severity) }
    end

    # As Rails' reloader wraps jobs: what leaves it is reported as unhandled.
    def test_b13_a_retried_failure_does_not_leave_the_wrapper_of_rails
      queue = make_queue
      ActJob.set(queue: queue).perform_later('fail')
      list = reports { wrapped { invoke(queue) } }

      assert_equal [true], list.map { |_error, options| options[:handled] }
    end

    def test_a_subscriber_that_raises_does_not_change_what_becomes_of_the_job
      queue = make_queue
      ActJob.set(queue: queue).perform_later('fail')
      failed = nil
      reports(fail: true) { failed = invoke(queue) }

      assert_equal 1, failed.size
      assert_equal [0, 1, 0], counts(queue)
    end
  end

  private

  def reports(fail: false)
    list = []
    subscriber = Object.new
    subscriber.define_singleton_method(:report) do |error, **options|
      raise 'the collector is down' if fail

      list << [error, options]
    end
    reporter = Class.new(ActiveSupport::ErrorReporter).new
    reporter.subscribe(subscriber)
    kept = ActiveSupport.error_reporter
    ActiveSupport.error_reporter = reporter
    yield
    list
  ensure
    ActiveSupport.error_reporter = kept
  end

  # The wrapper stays, and does nothing outside of the block.
  def wrapped
    Thread.current[:wrapping] = true
    ActiveJob::Callbacks.singleton_class.set_callback(:execute, :around, prepend: true) do |_, inner|
      inner.call
    rescue StandardError => e
      ActiveSupport.error_reporter.report(e, handled: false) if Thread.current[:wrapping]
      raise
    end
    yield
  ensure
    Thread.current[:wrapping] = false
  end
end
