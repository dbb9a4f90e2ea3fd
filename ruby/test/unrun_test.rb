# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/both_engines'
require_relative 'support/faulty_proxy'

class PatientJob < GroupJob
  lambdakiq_options retry: 12, message_group_id: ->(job) { job.arguments.first }
end

class SlowJob < ApplicationJob
  def perform
    sleep 1.1
  end
end

# No job reaches the dead-letter queue without a run because its receives went to waiting. The cells of the
# decision are in the core's tests; here is that both engines ask it, and do as it says.
module Unrun
  # Its one try is spent when the head of its group, whose class has more, is done.
  def test_a_follower_whose_tries_went_to_waiting_runs_at_its_last_receive
    Lambdakiq.config.max_retries = 0
    queue = make_queue(fifo: true, max_receive_count: 3)
    head = PatientJob.set(queue: queue).perform_later('a', 'fail')
    GroupJob.set(queue: queue).perform_later('a', 'follower')
    invoke(queue)
    sqs.delete_message(queue_url: queue, receipt_handle: receipt_of(queue, head))
    drained = events('drained.lambdakiq') { assert_equal 1, invoke(queue).size }
    assert_empty invoke(queue)

    assert_equal 1, drained.size
    assert_equal [%w[a fail], %w[a follower]], Ledger.lines
    assert_equal [[0, 0, 0]] * 2, [counts(queue), counts(dead(queue))]
  end

  def test_a_job_that_this_process_saw_die_is_not_run_again
    queue = make_queue(fifo: true, max_receive_count: 3)
    Lambdakiq.config.max_retries = 0
    GroupJob.set(queue: queue).perform_later('a', 'fail')
    stopped = events('retry_stopped.active_job') { 4.times { invoke(queue) } }

    assert_equal [%w[a fail]], Ledger.lines
    assert_equal 1, stopped.size
    assert_equal [[0, 0, 0], [1, 0, 0]], [counts(queue), counts(dead(queue))]
  end

  def test_one_that_did_not_see_it_die_tries_it_once_more
    queue = make_queue(fifo: true, max_receive_count: 4)
    Lambdakiq.config.max_retries = 0
    GroupJob.set(queue: queue).perform_later('a', 'fail')
    4.times do
      invoke(queue)
      Lambdakiq.instance_variable_set(:@client, nil)
    end

    assert_equal [%w[a fail]] * 2, Ledger.lines
  end

  def test_a_dead_job_in_a_group_of_its_own_is_not_run_again_by_anybody
    queue = make_queue(fifo: true, max_receive_count: 3)
    Lambdakiq.config.max_retries = 0
    ActJob.set(queue: queue).perform_later('fail')
    4.times do
      invoke(queue)
      Lambdakiq.instance_variable_set(:@client, nil)
    end

    assert_equal [['fail', 1]], Ledger.lines
    assert_equal [1, 0, 0], counts(dead(queue))
  end

  def test_a_class_that_wants_more_retries_than_are_configured_has_them
    Lambdakiq.config.max_retries = 0
    queue = make_queue(fifo: true)
    PatientJob.set(queue: queue).perform_later('a', 'fail')
    3.times do
      invoke(queue)
      QueueTest::SERVER.advance(100)
    end

    assert_equal [%w[a fail]] * 3, Ledger.lines
  end

  def test_a_wait_that_sqs_does_not_take_anew_spends_one_receive
    queue = make_queue(max_receive_count: 2)
    ActJob.set(queue: queue, wait: 3000).perform_later
    QueueTest::SERVER.advance(901)
    failed = events('settle_failed.lambdakiq') { refusing('SendMessage') { assert_equal 1, invoke(queue).size } }
    assert_equal [0, 1, 0], counts(queue)
    QueueTest::SERVER.advance(2000)
    assert_empty receive(queue), 'hidden until it is due'
    QueueTest::SERVER.advance(200)
    invoke(queue)

    assert_equal 1, failed.size
    assert_equal [['work', 2]], Ledger.lines
    assert_equal [[0, 0, 0]] * 2, [counts(queue), counts(dead(queue))]
  end

  def test_a_wait_that_sqs_does_not_take_anew_at_the_last_receive_ends_in_the_dead_letter_queue
    queue = make_queue(max_receive_count: 1)
    ActJob.set(queue: queue, wait: 3000).perform_later
    QueueTest::SERVER.advance(901)
    refusing('SendMessage') { invoke(queue) }
    QueueTest::SERVER.advance(3000)
    invoke(queue)

    assert_empty Ledger.lines
    assert_equal [[0, 0, 0], [1, 0, 0]], [counts(queue), counts(dead(queue))]
  end

  def test_what_an_invocation_has_no_time_for_spends_no_receive
    queue = make_queue(max_receive_count: 1)
    %w[interrupt work work].each { |act| ActJob.set(queue: queue).perform_later(act) }
    unstarted = events('unstarted.lambdakiq') { assert_equal 3, invoke(queue).size }
    assert_empty invoke(queue)

    assert_equal 2, unstarted.size
    assert_equal [['interrupt', 1], ['work', 1], ['work', 1]], Ledger.lines
  end

  def test_it_is_given_back_where_sqs_does_not_take_it_anew
    queue = make_queue
    %w[interrupt work work].each { |act| ActJob.set(queue: queue).perform_later(act) }
    failed = events('settle_failed.lambdakiq') { refusing('SendMessage') { assert_equal 3, invoke(queue).size } }
    assert_empty invoke(queue)

    assert_equal 1, failed.size
    assert_equal [['interrupt', 1], ['work', 2], ['work', 2]], Ledger.lines
  end

  def test_a_follower_that_is_not_started_keeps_its_place
    queue = make_queue(fifo: true)
    ActJob.set(queue: queue).perform_later('interrupt')
    %w[one two].each { |word| GroupJob.set(queue: queue).perform_later('a', word) }
    invoke(queue)
    GroupJob.set(queue: queue).perform_later('a', 'three')
    invoke(queue)

    assert_equal [['interrupt', 1], %w[a one], %w[a two], %w[a three]], Ledger.lines
  end

  def test_at_its_last_receive_it_loses_that_rather_than_its_run
    queue = make_queue(fifo: true, max_receive_count: 1)
    ActJob.set(queue: queue).perform_later('interrupt')
    %w[one two].each { |word| GroupJob.set(queue: queue).perform_later('a', word) }
    2.times { invoke(queue) }

    assert_equal [['interrupt', 1], %w[a one], %w[a two]], Ledger.lines
  end

  # Which makes SQS share a standard queue fairly.
  def test_a_message_that_is_sent_again_keeps_its_group
    queue = make_queue
    GroupJob.set(queue: queue, wait: 1000).perform_later('a', 'work')
    QueueTest::SERVER.advance(901)
    invoke(queue)
    QueueTest::SERVER.advance(100)

    assert_equal(['a'], receive(queue).map { |message| message.attributes['MessageGroupId'] })
  end

  def test_a_queue_that_cannot_be_asked_is_asked_once_in_a_batch
    queue = make_queue
    2.times { ActJob.set(queue: queue).perform_later('fail') }
    unknown = events('attributes_unknown.lambdakiq') { refusing('GetQueueAttributes') { assert_equal 2, invoke(queue).size } }

    assert_equal 1, unknown.size
    assert_equal [0, 2, 0], counts(queue)
  end

  def test_a_foreign_head_at_its_last_receive_blocks_nobody
    queue = make_queue(fifo: true, max_receive_count: 1)
    sqs.send_message(queue_url: queue, message_body: 'foreign', message_group_id: 'a', message_deduplication_id: 'x')
    GroupJob.set(queue: queue).perform_later('a', 'work')
    invoke(queue)

    assert_equal [%w[a work]], Ledger.lines
  end

  def test_a_follower_waits_for_what_is_left_of_its_heads_wait
    queue = make_queue(fifo: true)
    GroupJob.set(queue: queue).perform_later('a', 'fail')
    SlowJob.set(queue: queue).perform_later
    GroupJob.set(queue: queue).perform_later('a', 'follower')
    records = event(queue)['Records'].sort_by { |record| record['attributes']['SequenceNumber'] }
    skipped = events('skipped.lambdakiq') { Lambdakiq.handler('Records' => records) }

    assert_operator skipped.fetch(0).payload[:wait], :<, 30 + 2
  end

  # It would be received before what holds its group up, time and again.
  def test_what_is_not_started_behind_a_head_that_stays_is_not_given_back
    queue = make_queue(fifo: true)
    ActJob.set(queue: queue).perform_later('interrupt')
    sqs.send_message(queue_url: queue, message_body: 'foreign', message_group_id: 'a', message_deduplication_id: 'x')
    GroupJob.set(queue: queue).perform_later('a', 'work')
    skipped = events('skipped.lambdakiq') { assert_equal 3, invoke(queue).size }

    assert_equal 1, skipped.size
    assert_equal [['interrupt', 1]], Ledger.lines
    assert_equal [0, 3, 0], counts(queue)
  end

  private

  # The receipt handle of the job's message, which is in flight.
  def receipt_of(queue, job)
    QueueTest::SERVER.advance(100)
    receive(queue, max: 1).fetch(0).tap { |message| assert_equal job.provider_job_id, message.message_id }.receipt_handle
  end

  # With a client of its own whose calls of that name are refused.
  def refusing(action)
    proxy = FaultyProxy.new { |name, _| :denied if name == action }
    proxy.target = QueueTest::SERVER.url
    Lambdakiq::Client.default_options[:endpoint] = proxy.url
    reconnect
    yield
  ensure
    Lambdakiq::Client.default_options.delete(:endpoint)
    reconnect
    proxy.close
  end

  def reconnect
    own = Lambdakiq.config.client
    Lambdakiq.config.client = nil
    Lambdakiq.config.client = Lambdakiq::Client.new.sqs if own
    Lambdakiq.instance_variable_set(:@client, nil)
  end
end

BothEngines.for('Unrun', Unrun)
