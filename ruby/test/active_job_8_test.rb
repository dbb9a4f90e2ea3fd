# frozen_string_literal: true

require_relative 'test_helper'

if defined?(ActiveJob::Continuable)
  # The process is told to stop while it performs this, twice.
  class StepsJob < ApplicationJob
    include ActiveJob::Continuable

    self.resume_options = { wait: 0 }

    def perform
      step(:fetch) do
        Ledger.write('fetch')
        Lambdakiq::Shutdown.request
      end
      step(:count, start: 0) do |step|
        (step.cursor...3).each do |number|
          Ledger.write('count', number)
          Lambdakiq::Shutdown.request if number == 1
          step.advance! from: number
        end
      end
      step(:tell) { Ledger.write('tell', resumptions) }
    end
  end
end

# What came with ActiveJob 7.1 to 8.1, with each of them that has it.
class ActiveJob8Test < QueueTest
  def teardown
    Lambdakiq::Shutdown.reset
    super
  end

  def test_the_tests_run_with_the_active_job_they_were_given
    wanted = ENV['LAMBDAKIQ_ACTIVE_JOB']
    assert_equal wanted[/[\d.]+\z/], ActiveJob.version.to_s if wanted
    assert_operator ActiveJob.version, :>=, Gem::Version.new('6.1')
  end

  def test_the_adapter_is_accepted_when_it_is_set
    job_class = Class.new(ApplicationJob) { self.queue_adapter = :lambdakiq }

    assert_kind_of ActiveJob::QueueAdapters::LambdakiqAdapter, job_class.queue_adapter
  end

  since '7.1', def test_enqueue_all_tells_how_many_were_accepted
    queue = make_queue
    jobs = [ActJob.new.set(queue: queue), ActJob.new(Float::NAN).set(queue: queue), ActJob.new.set(queue: queue, wait: 60)]
    told = events('enqueue_all.active_job') { ActiveJob.perform_all_later(jobs) }

    assert_equal [[jobs, 2, nil]], told.map { |event| event.payload.values_at(:jobs, :enqueued_count, :job) }
    assert_equal [true, false, true], jobs.map(&:successfully_enqueued?)
    assert_equal [1, 0, 1], counts(queue)
  end

  since '8.1', def test_a_retry_is_reported_where_the_class_wants_it
    reports = []
    reporter = Object.new.tap { |object| object.define_singleton_method(:report) { |error, **how| reports << [error.class, how[:handled], how[:source]] } }
    ActiveSupport.error_reporter.subscribe(reporter)
    self.class.const_set(:ReportedJob, Class.new(ActJob) { retry_on ActJob::Failure, wait: 1, attempts: 2, report: true })
    queue = make_queue
    ReportedJob.set(queue: queue).perform_later('fail')

    assert_empty invoke(queue)
    assert_equal [[ActJob::Failure, true, 'application.active_job']], reports
    assert_equal [0, 0, 1], counts(queue)
  ensure
    ActiveSupport.error_reporter.unsubscribe(reporter)
  end

  since '8.1', def test_a_job_that_must_stop_goes_on_in_another_message
    queue = make_queue
    StepsJob.set(queue: queue).perform_later

    assert_equal 3, messages_until_done(queue).size
    assert_equal [['fetch'], ['count', 0], ['count', 1], ['count', 2], ['tell', 2]], Ledger.lines
    assert_equal [0, 0, 0], counts(queue)
  end

  # B2: the same job_id within the five minutes of deduplication, again and again.
  since '8.1', def test_it_goes_on_on_fifo_queues_as_well
    queue = make_queue(fifo: true)
    job = StepsJob.set(queue: queue).perform_later
    messages = messages_until_done(queue)

    assert_equal [job.job_id], messages.map { |message| JSON.parse(message.body)['job_id'] }.uniq
    assert_equal 3, messages.map(&:message_id).uniq.size
    assert_equal [['fetch'], ['count', 0], ['count', 1], ['count', 2], ['tell', 2]], Ledger.lines
    assert_equal [0, 0, 0], counts(queue)
  end

  since '8.1', def test_the_log_tells_of_steps_and_interruptions
    queue = make_queue
    StepsJob.set(queue: queue).perform_later
    messages_until_done(queue)

    assert_match(/Enqueued StepsJob .* to Lambdakiq\(#{queue}\)/, LOG.string)
    assert_match(/Step 'fetch' started/, LOG.string)
    assert_match(/Interrupted StepsJob .*stopping/, LOG.string)
  end

  private

  # Performs what is in the queue, each time in a process that has not been told to stop yet.
  def messages_until_done(queue)
    messages = []
    until (received = receive(queue)).empty?
      messages.concat(received)
      assert_empty Lambdakiq.handler(event(queue, received))[:batchItemFailures]
      Lambdakiq::Shutdown.reset
    end
    messages
  end
end
