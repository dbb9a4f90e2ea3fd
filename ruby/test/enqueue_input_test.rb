# frozen_string_literal: true

require_relative 'test_helper'

class NoGroupJob < ApplicationJob
  lambdakiq_options message_group_id: ->(_job) { raise KeyError, 'no group' }
end

# What cannot be enqueued is refused with an error of a documented class, before the network where that can
# be known; and nothing that was accepted before it is touched.
class EnqueueInputTest < QueueTest
  NOWHERE = 'http://127.0.0.1:9' # nobody listens: a call would be a ConnectError

  def test_numbers_that_are_none_are_refused
    offline
    [Float::NAN, Float::INFINITY, -Float::INFINITY].each do |number|
      assert_raises(Lambdakiq::InvalidError) { enqueue('jobs', number) }
    end
  end

  def test_arguments_that_contain_themselves_are_refused
    offline
    list = []
    list << list
    error = assert_raises(Lambdakiq::InvalidError) { enqueue('jobs', list) }

    assert_match(/contain themselves/, error.message)
  end

  def test_arguments_that_active_job_cannot_serialise_are_active_jobs_error
    offline

    assert_raises(ActiveJob::SerializationError) { enqueue('jobs', Object.new) }
  end

  def test_text_that_is_no_text_is_refused
    offline

    assert_raises(Lambdakiq::InvalidError) { enqueue('jobs', "\xFF\xFE") }
  end

  def test_text_that_sqs_would_refuse_arrives_all_the_same
    queue = make_queue
    text = "\u{FFFE}\u{FFFF}\u0000\u001F\u{1F600}é"
    enqueue(queue, text)

    assert_equal text, JSON.parse(receive(queue).first.body)['arguments'].last
  end

  def test_names_that_are_no_queues_are_refused
    offline
    ['no spaces', 'é', 'a' * 81, 'x.fifo.y', 'arn:aws:sns:us-east-1:1:topic', "tab\t!"].each do |name|
      error = assert_raises(Lambdakiq::InvalidError, name) { enqueue(name, 'x') }
      assert_match(/is not a queue/, error.message)
    end
    assert_match(/no queue is given/, assert_raises(Lambdakiq::InvalidError) { enqueue('', 'x') }.message)
  end

  def test_bodies_over_a_limit_that_was_set_are_refused
    offline
    Lambdakiq.config.max_message_bytes = 1000
    error = assert_raises(Lambdakiq::TooLargeError) { enqueue('jobs', 'x' * 1000) }

    assert_match(/1000/, error.message)
  end

  def test_a_queue_that_is_deleted_while_we_run_is_told_and_the_next_one_of_its_name_is_found
    queue = make_queue(dead_letters: false)
    enqueue(Lambdakiq.client.queues[queue].queue_url, 'x')
    sqs.delete_queue(queue_url: queue)
    [queue, "#{SERVER.url}/#{LocalSqs::ACCOUNT}/#{queue}"].each do |name|
      error = assert_raises(Lambdakiq::ServiceError) { enqueue(name, 'x') }
      assert_equal 'AWS.SimpleQueueService.NonExistentQueue', error.code
    end
    sqs.create_queue(queue_name: queue)
    enqueue(queue, 'x')

    assert_equal [1, 0, 0], counts(queue)
  end

  def test_a_queue_that_is_denied_is_told_with_sqs_code
    peer = SilentPeer.new('{}', "403 Forbidden\r\nx-amzn-query-error: AccessDenied;Sender")
    Lambdakiq::Client.default_options[:endpoint] = peer.url
    error = assert_raises(Lambdakiq::ServiceError) { enqueue('jobs', 'x') }

    assert_equal ['AccessDenied', 403], [error.code, error.http_status]
    refute_predicate error, :retriable?
  ensure
    peer.close
  end

  def test_many_jobs_with_a_name_that_is_no_queues_keep_their_own_fates
    queue = make_queue
    jobs = [ActJob.new.set(queue: 'no spaces'), ActJob.new.set(queue: queue), ActJob.new.set(queue: 'nowhere'),
            NoGroupJob.new.set(queue: queue)]
    assert_equal 1, ActiveJob::Base.queue_adapter.enqueue_all(jobs)

    assert_equal [1, 0, 0], counts(queue)
    return unless jobs.first.respond_to?(:enqueue_error) # ActiveJob 6.1 has no place for it

    assert_equal [Lambdakiq::InvalidError, nil, Lambdakiq::ServiceError, KeyError],
                 jobs.map { |job| job.enqueue_error&.class }
  end

  def test_an_enqueued_priority_stands_in_the_body
    queue = make_queue
    ActJob.set(queue: queue, priority: 3).perform_later

    assert_equal 3, JSON.parse(receive(queue).first.body)['priority']
  end

  private

  def offline
    Lambdakiq::Client.default_options.merge!(endpoint: NOWHERE, max_attempts: 1)
  end

  def enqueue(queue, argument)
    ActJob.set(queue: queue).perform_later('work', argument)
  end
end
