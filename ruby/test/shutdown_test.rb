# frozen_string_literal: true

require_relative 'support/shutdown_behaviour'
require 'active_support/testing/time_helpers'

# Asks at these seconds of its run whether it should stop, and has a thread of its own ask as well.
class AskingJob < ApplicationJob
  extend ActiveSupport::Testing::TimeHelpers

  def perform(seconds)
    seconds.each do |second|
      self.class.travel(second.seconds) do
        Ledger.write(Lambdakiq.stopping?, Thread.new { Lambdakiq.stopping? }.value)
      end
    end
  end
end

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

class DeadlineTest < QueueTest
  def test_a_job_is_to_stop_five_seconds_before_the_deadline
    perform([0, 14, 17], remaining_ms: 20_000)

    assert_equal [[false, false], [false, false], [true, true]], Ledger.lines
    refute_predicate Lambdakiq, :stopping?
  end

  def test_where_time_is_short_a_quarter_of_it_is_left_to_stop
    perform([0, 5, 7], remaining_ms: 8_000)

    assert_equal [[false, false], [false, false], [true, true]], Ledger.lines
  end

  private

  def perform(seconds, remaining_ms:)
    queue = make_queue
    AskingJob.set(queue: queue).perform_later(seconds)
    context = Struct.new(:get_remaining_time_in_millis).new(remaining_ms)
    assert_empty Lambdakiq.handler(event(queue), context)[:batchItemFailures]
  end
end
