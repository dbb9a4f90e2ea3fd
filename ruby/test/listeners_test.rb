# frozen_string_literal: true

require_relative 'test_helper'

# Who listens to calls cannot change what becomes of them.
class ListenersTest < QueueTest
  def test_a_job_that_sqs_has_accepted_is_enqueued_whatever_a_listener_does
    queue = make_queue
    job = with_listener(->(*) { raise 'the collector is down' }) { ActJob.set(queue: queue).perform_later }

    assert_kind_of String, job.provider_job_id
    assert_equal 1, counts(queue).first
    assert_match(/a listener of request\.lambdakiq failed: .*the collector is down/, LOG.string)
  end

  def test_a_call_that_failed_raises_its_own_error
    error = with_listener(->(*) { raise 'the collector is down' }) do
      assert_raises(Lambdakiq::Error) { ActJob.set(queue: 'nobody-has-this').perform_later }
    end

    assert_match(/NonExistentQueue/, error.code)
  end

  def test_a_listener_that_fails_before_the_call_does_not_keep_it_from_being_made
    queue = make_queue
    early = Class.new do
      def start(*)
        raise 'not ready'
      end

      def finish(*); end
    end
    with_listener(early.new) { ActJob.set(queue: queue).perform_later }

    assert_equal 1, counts(queue).first
  end

  def test_calls_that_nobody_waited_for_are_told_to_the_end
    queue = make_queue
    calls = 0
    jobs = Array.new(25) { ActJob.new.set(queue: queue) }
    with_listener(->(*) { (calls += 1) && raise('the collector is down') }) do
      Lambdakiq.client.queues[queue].deliver_all(jobs.map { |job| Lambdakiq::Message.new(Lambdakiq.client.queues[queue], job) })
    end

    assert_equal 3, calls
    assert_equal 25, counts(queue).first
  end

  private

  def with_listener(listener)
    subscriber = ActiveSupport::Notifications.subscribe('request.lambdakiq', listener)
    yield
  ensure
    ActiveSupport::Notifications.unsubscribe(subscriber)
  end
end
