# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/both_engines'

# Settings that change what is done with a message, where they are not tested with what they change.
module Settings
  def test_the_last_finished_job_of_an_event_can_be_left_to_the_mapping
    Lambdakiq.config.delete = :mapping
    queue = make_queue
    3.times { ActJob.set(queue: queue).perform_later }

    assert_equal({ batchItemFailures: [] }, Lambdakiq.handler(event(queue)))
    assert_equal [0, 1, 0], counts(queue), 'the mapping deletes it: it is not reported failed'
    assert_equal 3, Ledger.lines.size
  end

  def test_a_failed_job_that_is_to_be_deleted_is_not_left_to_the_mapping
    Lambdakiq.config.delete = :mapping
    queue = make_queue
    OnceJob.set(queue: queue).perform_later('fail')

    assert_equal({ batchItemFailures: [] }, Lambdakiq.handler(event(queue)))
    assert_equal [0, 0, 0], counts(queue)
  end
end

BothEngines.for('Settings', Settings)

# B32
class RecursionAllowedTest < QueueTest
  HEADER = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'

  def test_a_message_that_is_sent_again_keeps_the_traces_lineage_only_where_loops_are_allowed
    assert_equal HEADER, trace_after_a_hop
    Lambdakiq.config.recursion_allowed = true

    assert_equal "#{HEADER};Lineage=1:8a7b6c5d:2", trace_after_a_hop
  end

  private

  def trace_after_a_hop
    queue = make_queue
    ENV['_X_AMZN_TRACE_ID'] = "#{HEADER};Lineage=1:8a7b6c5d:2"
    ActJob.set(queue: queue, wait: 3000).perform_later
    SERVER.advance(900)
    invoke(queue)
    SERVER.advance(900)
    receive(queue).first.attributes['AWSTraceHeader']
  ensure
    ENV.delete('_X_AMZN_TRACE_ID')
  end
end
