# frozen_string_literal: true

require_relative 'test_helper'

# The trace of who enqueues travels with the job.
class TraceTest < QueueTest
  OUTER = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'

  class TracedJob < ActiveJob::Base
    def perform
      Ledger.write(Lambdakiq.trace_header)
    end
  end

  def teardown
    ENV.delete('_X_AMZN_TRACE_ID')
    super
  end

  def test_a_job_can_read_the_trace_it_was_enqueued_in
    queue = make_queue
    ENV['_X_AMZN_TRACE_ID'] = OUTER
    TracedJob.set(queue: queue).perform_later
    ENV['_X_AMZN_TRACE_ID'] = 'Root=1-00000000-000000000000000000000001'

    assert_empty invoke(queue)
    assert_equal [[OUTER]], Ledger.lines
    assert_equal ENV['_X_AMZN_TRACE_ID'], Lambdakiq.trace_header
  end

  def test_a_job_without_a_trace_has_that_of_its_invocation
    queue = make_queue
    TracedJob.set(queue: queue).perform_later
    ENV['_X_AMZN_TRACE_ID'] = OUTER

    assert_empty invoke(queue)
    assert_equal [[OUTER]], Ledger.lines
  end
end
