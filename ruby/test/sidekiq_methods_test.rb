# frozen_string_literal: true

require_relative 'test_helper'

class StoppedJob < ApplicationJob
  before_enqueue { throw :abort }

  def perform; end
end

# For people coming from Sidekiq.
class SidekiqMethodsTest < QueueTest
  def setup
    super
    ActJob.queue_name = @queue = make_queue
  end

  def teardown
    ActJob.queue_name = ActiveJob::Base.queue_name
    super
  end

  def test_perform_async_enqueues_and_returns_the_id
    jid = ActJob.perform_async('work', { 'a' => 1 })

    assert_equal({ jid => [['work', { 'a' => 1 }]] }, sent)
  end

  def test_perform_async_takes_keywords_as_active_job_does
    ActJob.perform_async('work', a: 1)

    assert_empty invoke(@queue)
    assert_equal [['work', 1, { a: 1 }]], Ledger.lines
  end

  def test_perform_in_takes_seconds_durations_and_times
    [60, 60.0, ActiveSupport::Duration.seconds(60), Time.now + 60, (Time.now + 60).to_f, (Time.now + 60).to_i].each do |time|
      ActJob.perform_in(time)
    end
    ActJob.perform_at(Time.now + 60)

    assert_equal [0, 0, 7], counts(@queue)
    SERVER.advance(61)
    assert_equal [7, 0, 0], counts(@queue)
  end

  def test_a_past_time_means_at_once
    [-5, 0, Time.now - 60, 1_000_000_000].each { |time| ActJob.perform_at(time) }

    assert_equal [4, 0, 0], counts(@queue)
  end

  def test_set_goes_before_them
    queue = make_queue
    jid = ActJob.set(queue: queue, priority: 7).perform_async('work')
    body = JSON.parse(receive(queue).first.body)
    assert_equal [jid, queue, 7], body.values_at('job_id', 'queue_name', 'priority')

    ActJob.set(queue: queue).perform_in(60, 'work')
    ActJob.set(queue: queue, wait: 60).perform_async('work')
    assert_equal 2, counts(queue).last
    assert_kind_of ActiveJob::ConfiguredJob, ActJob.set
  end

  def test_perform_bulk_takes_a_list_of_argument_lists
    jids = ActJob.perform_bulk(Array.new(12) { |number| ['work', number] })

    assert_equal jids.sort, sent.keys.sort
    assert_equal 12, jids.uniq.size
  end

  def test_perform_bulk_takes_times
    ActJob.perform_bulk([['a'], ['b']], at: Time.now + 60)
    ActJob.perform_bulk([['a'], ['b']], at: [60, nil], batch_size: 1)

    assert_equal [1, 0, 3], counts(@queue)
  end

  def test_perform_bulk_refuses_what_is_no_list_of_lists
    assert_raises(ArgumentError) { ActJob.perform_bulk([1, 2]) }
    assert_raises(ArgumentError) { ActJob.perform_bulk([['a'], ['b']], at: [60]) }
  end

  def test_perform_bulk_raises_with_those_that_were_not_accepted
    error = assert_raises(Lambdakiq::BulkError) { ActJob.perform_bulk([['work'], [Float::NAN], ['work']]) }

    assert_match(/\A1 of 3 jobs were not enqueued/, error.message)
    assert_equal [Lambdakiq::InvalidError], error.failures.values.map(&:class)
    assert_equal [2, 0, 0], counts(@queue)
  end

  def test_a_job_that_a_callback_stops_has_no_id
    assert_nil StoppedJob.set(queue: @queue).perform_async
    assert_nil StoppedJob.perform_async
    assert_nil StoppedJob.perform_in(5)
  end

  def test_a_failure_raises
    assert_raises(Lambdakiq::ServiceError) { ActJob.set(queue: 'nowhere').perform_async }
  end

  def test_the_worker_is_for_jobs
    error = assert_raises(Lambdakiq::OptionError) { Class.new { include Lambdakiq::Worker } }

    assert_match(/is no job/, error.message)
    refute_respond_to PlainJob, :perform_async
  end

  private

  def sent
    messages = []
    while (batch = receive(@queue)).any?
      messages.concat(batch)
    end
    messages.map { |message| JSON.parse(message.body) }.group_by { |body| body['job_id'] }
            .transform_values { |bodies| bodies.map { |body| ActiveJob::Arguments.deserialize(body['arguments']) } }
  end
end
