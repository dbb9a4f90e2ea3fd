# frozen_string_literal: true

require_relative 'support/shutdown_behaviour'

# `lambdakiq-handler` told to end.
class ShutdownTest < QueueTest
  include ShutdownBehaviour

  private

  def start(variables = {})
    run_dev(variables: variables)
  end
end

# A process that was told to end and lives on: something else took the signal.
class ToldToEndTest < QueueTest
  def teardown
    Lambdakiq::Shutdown.reset
    super
  end

  def test_one_event_is_given_back_and_no_more_than_that
    queue = make_queue
    3.times { ActJob.set(queue: queue).perform_later }
    Lambdakiq::Shutdown.request

    assert_equal 3, invoke(queue).size
    assert_predicate Lambdakiq, :stopping?
    assert_empty invoke(queue)
    assert_equal [['work', 2]] * 3, Ledger.lines
  end
end
