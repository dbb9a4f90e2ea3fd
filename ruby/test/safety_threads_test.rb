# frozen_string_literal: true

require_relative 'test_helper'
require 'timeout'

# Does not go on before so many of them run at the same time.
class MeetingJob < ActJob
  def perform(count, act)
    super(act, count)
    Timeout.timeout(30) { sleep 0.001 until Ledger.lines.size >= count }
  end
end

# Threads, and what ends their calls early.
class SafetyThreadsTest < QueueTest
  def test_sixteen_threads_enqueue_and_every_job_arrives_once
    queue = make_queue
    made = count_handles
    ids = Array.new(16) { |thread| Thread.new { Array.new(20) { |job| enqueue(queue, thread, job) } } }.flat_map(&:value)

    assert_equal 320, ids.uniq.size
    assert_equal [320, 0, 0], counts(queue)
    assert_operator made.size, :<=, 17 # the sixteen threads, and this one
  end

  def test_threads_that_come_first_at_once_share_a_client
    Lambdakiq::Client.default_options[:unheard_of] = true
    logger = ActiveJob::Base.logger
    ActiveJob::Base.logger = Logger.new(LOG, formatter: ->(*) { sleep 0.05 }) # while the first is being made

    assert_equal 1, Array.new(8) { Thread.new { Lambdakiq.client } }.map(&:value).uniq.size
  ensure
    ActiveJob::Base.logger = logger
  end

  # Each has its own client handle, its own end, and answers for its own event.
  def test_handlers_in_eight_threads_at_once_keep_their_events_apart
    acts = %w[work fail interrupt exit] * 2
    queues = acts.map { make_queue }
    queues.zip(acts) do |queue, act|
      MeetingJob.set(queue: queue).perform_later(8, act)
      ActJob.set(queue: queue).perform_later('work')
    end
    events = queues.map { |queue| { 'Records' => event(queue)['Records'].sort_by { |record| record['body'][/MeetingJob/] ? 0 : 1 } } }
    results = events.map { |event| Thread.new { [Lambdakiq.handler(event), Lambdakiq::Batch.ending.class] } }.map(&:value)

    failed = results.zip(events).map { |(response, _), event| failed_records(response, event) }
    assert_equal [[], [0], [0, 1], [0]] * 2, failed
    assert_equal [NilClass, NilClass, SignalException, NilClass] * 2, results.map(&:last)
    assert_equal [[0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]] * 2, queues.map { |queue| counts(queue) }
    assert_equal 14, Ledger.lines.size
  end

  def test_handles_are_used_again_not_made_for_each_thread
    queue = make_queue
    made = count_handles
    10.times { |round| Array.new(4) { |thread| Thread.new { enqueue(queue, thread, round) } }.each(&:join) }

    assert_operator made.size, :<=, 5
    assert_equal [40, 0, 0], counts(queue)
  end

  def test_a_handle_whose_thread_was_killed_in_a_call_goes_back_and_works
    hang do |peer, made|
      thread = Thread.new { sqs.get_queue_url(queue_name: 'q') }
      peer.requests.pop
      thread.kill
      assert thread.join(5), 'the thread ended long before the timeout of ten seconds'

      peer.answer = '{"QueueUrl":"u"}'
      assert_equal 'u', sqs.get_queue_url(queue_name: 'q').queue_url
      assert_equal 1, made.size
    end
  end

  def test_a_handle_whose_call_was_timed_out_goes_back_and_works
    hang do |peer, made|
      assert_raises(Timeout::Error) { Timeout.timeout(0.2) { sqs.get_queue_url(queue_name: 'q') } }

      peer.answer = '{"QueueUrl":"u"}'
      assert_equal 'u', sqs.get_queue_url(queue_name: 'q').queue_url
      assert_equal 1, made.size
    end
  end

  def test_an_exception_from_another_thread_ends_a_call
    hang do |peer|
      thread = Thread.new { assert_raises(IOError) { ActJob.set(queue: 'jobs').perform_later } }
      peer.requests.pop
      thread.raise(IOError, 'from outside')
      assert thread.join(5), 'the call ended long before the timeout of ten seconds'
    end
  end

  # What must not be interrupted is not lost to an interrupt: the call is finished, then Ruby raises.
  def test_an_exception_that_is_held_back_does_not_harm_a_call_that_may_be_repeated
    hang(http_read_timeout: 2, max_attempts: 1) do |peer|
      seen = []
      thread = Thread.new do
        Thread.handle_interrupt(IOError => :never) do
          sqs.get_queue_url(queue_name: 'q')
        rescue Lambdakiq::TimeoutError => e
          seen << e
        end
      rescue IOError => e
        seen << e
      end
      peer.requests.pop
      thread.raise(IOError, 'later')
      assert thread.join(20)
      assert_equal [Lambdakiq::TimeoutError, IOError], seen.map(&:class)
    end
  end

  def test_interrupt_from_the_keyboard_ends_a_call
    hang do |peer|
      Thread.new do
        peer.requests.pop
        Process.kill('INT', Process.pid)
      end
      assert_raises(Interrupt) { sqs.get_queue_url(queue_name: 'q') }
    end
  end

  def test_fibers_of_a_thread_share_a_client
    queue = make_queue
    fibers = Array.new(3) { |number| Fiber.new { 2.times { |job| Fiber.yield(enqueue(queue, number, job)) } } }
    2.times { fibers.each(&:resume) }

    assert_equal [6, 0, 0], counts(queue)
  end

  private

  # Which records of the event, by number.
  def failed_records(response, event)
    ids = event['Records'].map { |record| record['messageId'] }
    response[:batchItemFailures].map { |item| ids.index(item[:itemIdentifier]) }.sort
  end

  def enqueue(queue, *arguments)
    ActJob.set(queue: queue).perform_later('work', *arguments).provider_job_id
  end

  # The native handles that the pool makes from now on.
  def count_handles
    pool = Lambdakiq.client.instance_variable_get(:@pool)
    make = pool.instance_variable_get(:@make)
    made = Thread::Queue.new
    pool.instance_variable_set(:@make, -> { make.call.tap { |handle| made << handle } })
    made
  end

  # A client whose peer does not answer until it is told to.
  def hang(**options)
    peer = SilentPeer.new
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url, **options)
    yield peer, count_handles
  ensure
    peer.close
  end
end
