# frozen_string_literal: true

require_relative 'test_helper'

# What is told of attempts that failed.
class FailureTest < QueueTest
  class DiscardJob < ActJob
    lambdakiq_retry_in { :discard }
  end

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

  def test_a_retry_is_one_log_line_with_all_there_is_to_know
    queue = make_queue
    job = ActJob.set(queue: queue).perform_later('fail')
    invoke(queue)

    assert_equal ["[Lambdakiq] message #{job.provider_job_id} of #{queue}: Retrying ActJob (Job ID: #{job.job_id}) in 30 " \
                  'seconds, receive 1, retry 1 of 12, due to ActJob::Failure: as told'],
                 log_lines(/Retrying|Stopped retrying/)
  end

  class BrokenTextJob < ActJob
    def perform
      raise Failure, "broken \xFF\xC3 bytes"
    end
  end

  def test_a_message_that_is_not_utf_8_is_a_failure_like_others
    queue = make_queue
    job = BrokenTextJob.set(queue: queue).perform_later
    ActJob.set(queue: queue).perform_later

    assert_equal [job.provider_job_id], invoke(queue)
    assert_match(/Retrying .* in 30 seconds, receive 1, retry 1 of 12, due to ActJob::Failure: broken .+ bytes/,
                 LOG.string.scrub)
    assert_equal [0, 1, 0], counts(queue)
  end

  def test_a_client_of_the_applications_own_makes_no_difference_to_it
    queue = make_queue(max_receive_count: 5)
    ActJob.set(queue: queue).perform_later('fail')
    Lambdakiq.config.client = sqs
    Lambdakiq.instance_variable_set(:@client, nil)
    invoke(queue)

    assert_match(/in 30 seconds, receive 1, retry 1 of 4, due to/, log_lines(/Retrying/).join("\n"))
  end

  def test_a_death_is_one_log_line_that_tells_what_becomes_of_the_message
    { { max_receive_count: 1 } => 'receive 1, limit 0, left for the dead-letter queue',
      { max_receive_count: 13, retries: 0 } => 'receive 1, limit 0, on its way to the dead-letter queue',
      { dead_letters: false } => 'receive 1, limit 0, deleted' }.each do |settings, fate|
      Lambdakiq.config.max_retries = settings.delete(:retries) || 12
      queue = make_queue(**settings)
      LOG.truncate(0)
      job = ActJob.set(queue: queue).perform_later('fail')
      invoke(queue)

      assert_equal ["[Lambdakiq] message #{job.provider_job_id} of #{queue}: Stopped retrying ActJob (Job ID: #{job.job_id}), " \
                    "#{fate}, due to ActJob::Failure: as told"], log_lines(/Retrying|Stopped retrying/), fate
    end
  end

  def test_a_discard_is_one_log_line
    queue = make_queue
    job = DiscardJob.set(queue: queue).perform_later('fail')
    invoke(queue)

    assert_equal ["[Lambdakiq] message #{job.provider_job_id} of #{queue}: Discarded FailureTest::DiscardJob " \
                  "(Job ID: #{job.job_id}), receive 1, deleted as its lambdakiq_retry_in says, due to ActJob::Failure: as told"],
                 log_lines(/Discarded/)
  end

  # Those keep ActiveJob's line: its retry_on knows nothing of receives.
  def test_what_activejob_retries_by_itself_is_logged_by_activejob
    queue = make_queue
    AgainJob.set(queue: queue).perform_later
    invoke(queue)
    lines = log_lines(/Retrying/)

    assert_equal 1, lines.size
    assert_match(/\ARetrying AgainJob\b/, lines.first)
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
      [RuntimeError, LoadError].each do |error|
        queue = make_queue
        ActJob.set(queue: queue).perform_later('fail')
        failed = nil
        reports(fail: error) { failed = invoke(queue) }

        assert_equal 1, failed.size
        assert_equal [0, 1, 0], counts(queue)
      end
    end
  end

  private

  def log_lines(pattern)
    LOG.string.lines(chomp: true).grep(pattern)
  end

  def reports(fail: nil)
    list = []
    subscriber = Object.new
    subscriber.define_singleton_method(:report) do |error, **options|
      raise fail, 'the collector is down' if fail

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
