# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/both_engines'

# The trace of who enqueues travels with the job.
module TraceBehaviours
  extend ActiveJobVersions

  OUTER = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'
  OTHER = 'Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=0'
  LINEAGE = 'Lineage=1:a87bd80c:7'

  class TracedJob < ActiveJob::Base
    def perform
      Ledger.write(Lambdakiq.trace_header)
    end
  end

  # Sends itself again, and another one.
  class AgainJob < ActiveJob::Base
    retry_on(ArgumentError, wait: 0, attempts: 2) { nil }

    def perform
      Ledger.write(Lambdakiq.trace_header)
      TracedJob.set(queue: queue_name).perform_later if executions == 1
      raise ArgumentError
    end
  end

  # Sends itself again when it is dead.
  class LastJob < ApplicationJob
    lambdakiq_options retry: 0
    lambdakiq_retries_exhausted do |job, _|
      Ledger.write(Lambdakiq.trace_header)
      job.retry_job
    end

    def perform
      raise 'dead'
    end
  end

  def teardown
    ENV.delete('_X_AMZN_TRACE_ID')
    super
  end

  def test_a_job_can_read_the_trace_it_was_enqueued_in
    queue = make_queue
    within(OUTER) { TracedJob.set(queue: queue).perform_later }
    ENV['_X_AMZN_TRACE_ID'] = OTHER

    assert_empty invoke(queue)
    assert_equal [[OUTER]], Ledger.lines
    assert_equal OTHER, Lambdakiq.trace_header
  end

  def test_a_job_without_a_trace_has_that_of_its_invocation
    queue = make_queue
    TracedJob.set(queue: queue).perform_later
    within(OUTER) { assert_empty invoke(queue) }

    assert_equal [[OUTER]], Ledger.lines
  end

  def test_a_callable_gives_the_trace_instead
    Lambdakiq.config.trace_header = -> { OUTER }
    queue = make_queue
    within(OTHER) { TracedJob.set(queue: queue).perform_later }

    assert_equal [OUTER], traces(queue)
  end

  since '7.1', def test_it_is_asked_for_each_of_many_jobs
    count = 0
    Lambdakiq.config.trace_header = -> { "Root=#{count += 1}" }
    queue = make_queue
    ActiveJob.perform_all_later(Array.new(12) { TracedJob.new.set(queue: queue) })

    assert_equal (1..12).map { |n| "Root=#{n}" }, (traces(queue) + traces(queue)).sort_by { |trace| trace[5..].to_i }
  end

  def test_where_it_has_none_the_invocations_is_taken
    Lambdakiq.config.trace_header = -> {}
    queue = make_queue
    within(OTHER) { TracedJob.set(queue: queue).perform_later }

    assert_equal [OTHER], traces(queue)
  end

  def test_one_that_raises_is_logged_and_the_job_is_sent_all_the_same
    Lambdakiq.config.trace_header = -> { raise 'no tracer' }
    queue = make_queue
    within(OTHER) { TracedJob.set(queue: queue).perform_later }

    assert_equal [OTHER], traces(queue)
    assert_equal 1, LOG.string.scan('trace_header failed: RuntimeError: no tracer').size
  end

  # Lambda would not see functions any more that invoke each other without end.
  def test_a_trace_of_a_callable_keeps_the_lineage_of_the_invocation
    Lambdakiq.config.trace_header = -> { OUTER }
    queue = make_queue
    within("#{OTHER};#{LINEAGE}") { TracedJob.set(queue: queue).perform_later }

    assert_equal ["#{OUTER};#{LINEAGE}"], traces(queue)
  end

  def test_a_job_that_sends_itself_again_stays_in_the_trace_of_its_message
    queue = make_queue
    within("#{OUTER};#{LINEAGE}") { AgainJob.set(queue: queue).perform_later }
    within("#{OTHER};#{LINEAGE}") { invoke(queue) }

    assert_equal [OUTER, "#{OTHER};#{LINEAGE}"], traces(queue)
  end

  def test_a_callable_has_no_say_in_that
    queue = make_queue
    within(OUTER) { AgainJob.set(queue: queue).perform_later }
    Lambdakiq.config.trace_header = -> { 'Root=called' }
    invoke(queue)

    assert_equal [OUTER, 'Root=called'], traces(queue)
  end

  def test_last_words_belong_to_the_trace_of_their_message
    queue = make_queue
    within(OUTER) { LastJob.set(queue: queue).perform_later }
    within(OTHER) { invoke(queue) }

    assert_equal [[OUTER]], Ledger.lines
    assert_equal [OUTER], traces(queue)
  end

  def test_a_message_that_waits_long_keeps_its_trace
    queue = make_queue
    within(OUTER) { TracedJob.set(queue: queue, wait: 3600).perform_later }
    QueueTest::SERVER.advance(900)
    within(OTHER) { invoke(queue) }
    QueueTest::SERVER.advance(900)

    assert_equal [OUTER], traces(queue)
  end

  def test_what_cannot_be_called_is_refused
    assert_raises(Lambdakiq::OptionError) { Lambdakiq.config.trace_header = OUTER }
    Lambdakiq.config.trace_header = nil
  end

  private

  def within(trace)
    ENV['_X_AMZN_TRACE_ID'] = trace
    yield
  ensure
    ENV.delete('_X_AMZN_TRACE_ID')
  end

  # Of the messages in the queue, in the order of their jobs' classes.
  def traces(queue)
    receive(queue).sort_by { |message| JSON.parse(message.body)['job_class'] }
                  .map { |message| message.attributes['AWSTraceHeader'] }
  end
end

BothEngines.for('Trace', TraceBehaviours)
