# frozen_string_literal: true

require_relative 'test_helper'

class HandlerTest < QueueTest
  BACKOFF = [30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10_180, 14_836].freeze

  def test_a_job_that_works_is_performed_once_and_deleted
    queue = make_queue
    job = ActJob.set(queue: queue).perform_later('work', 1)
    starts = events('perform_start.active_job') { assert_equal({ batchItemFailures: [] }, Lambdakiq.handler(event(queue))) }

    assert_equal [['work', 1, 1]], Ledger.lines
    assert_equal [0, 0, 0], counts(queue)
    assert_equal [job.provider_job_id], starts.map { |event| event.payload[:job].provider_job_id }
  end

  def test_the_lambda_entry_takes_event_and_context
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    context = Struct.new(:get_remaining_time_in_millis).new(60_000)

    assert_equal({ batchItemFailures: [] }, Lambdakiq.cmd(event: event(queue), context: context))
    assert_equal [['work', 1]], Ledger.lines
  end

  def test_a_job_that_fails_is_reported_and_hidden_for_the_backoff
    queue = make_queue
    ActJob.set(queue: queue).perform_later('fail')
    retries = events('enqueue_retry.active_job') { assert_equal 1, invoke(queue).size }

    assert_equal [[30, ActJob::Failure]], retries.map { |event| [event.payload[:wait], event.payload[:error].class] }
    assert_equal [0, 1, 0], counts(queue)
    SERVER.advance(29)
    assert_equal [0, 1, 0], counts(queue)
    SERVER.advance(2)
    assert_equal [1, 0, 0], counts(queue)
  end

  # B1, B12 and the whole ladder: 13 runs over 11.5 hours, then the dead-letter queue, body intact.
  def test_the_thirteenth_failure_goes_to_the_dead_letter_queue
    queue = make_queue
    job = ActJob.set(queue: queue).perform_later('fail')
    stopped = []
    waits = 13.times.filter_map do
      stopped += events('retry_stopped.active_job') { @retry = events('enqueue_retry.active_job') { invoke(queue) } }
      wait = @retry.first&.payload&.fetch(:wait)
      SERVER.advance((wait || 30) + 1)
      wait
    end

    assert_equal BACKOFF, waits
    assert_equal (1..13).map { |execution| ['fail', execution] }, Ledger.lines
    assert_equal 1, stopped.size
    assert_empty receive(queue)
    assert_equal job.job_id, JSON.parse(receive(dead(queue)).first.body).fetch('job_id')
  end

  def test_events_tell_of_the_object_that_ran
    queue = make_queue
    ActJob.set(queue: queue).perform_later('fail')
    ran = nil
    retries = events('enqueue_retry.active_job') { ran = events('perform.active_job') { invoke(queue) } }

    assert_same ran.first.payload[:job], retries.first.payload[:job]
    assert_equal 1, retries.first.payload[:job].executions
  end

  def test_a_job_whose_own_retries_are_spent_is_deleted
    queue = make_queue
    OnceJob.set(queue: queue).perform_later('fail')
    stopped = events('retry_stopped.active_job') { assert_empty invoke(queue) }

    assert_equal 1, stopped.size
    assert_equal [0, 0, 0], counts(queue)
  end

  # B3
  def test_poison_fails_alone_is_logged_once_and_never_deleted
    queue = make_queue
    bad = ['{', '[]', '{"job_class":"Nobody","job_id":"1","arguments":[]}', '{"job_class":"String","job_id":"2"}']
    bad.each { |body| sqs.send_message(queue_url: queue, message_body: body, message_attributes: ours) }
    ActJob.set(queue: queue).perform_later
    failed = invoke(queue)

    assert_equal [['work', 1]], Ledger.lines
    assert_equal 4, failed.size
    assert_equal 4, LOG.string.scan('cannot be performed').size
    assert_equal [0, 4, 0], counts(queue)
  end

  def test_a_foreign_record_is_reported_failed_and_left_alone
    queue = make_queue
    sqs.send_message(queue_url: queue, message_body: '{"not":"ours"}')
    ActJob.set(queue: queue).perform_later
    foreign = events('foreign.lambdakiq') { assert_equal 1, invoke(queue).size }

    assert_equal [['work', 1]], Ledger.lines
    assert_equal 1, foreign.size
    assert_match(/message #{foreign.first.payload[:message_id]} of #{queue}/, LOG.string)
  end

  def test_whatever_a_job_raises_fails_that_record_only
    queue = make_queue
    ['exit', 'throw', 'script error', 'deep', 'fail', 'work'].each { |act| ActJob.set(queue: queue).perform_later(act) }
    failed = invoke(queue)

    assert_equal 5, failed.size
    assert_includes Ledger.lines, ['work', 1]
    assert_equal [0, 5, 0], counts(queue)
    assert_nil Lambdakiq::Batch.ending
  end

  # B8: what ends the process ends the batch, cleanly.
  def test_a_signal_starts_nothing_more_settles_and_reports_the_rest
    ['interrupt', 'no memory'].each do |act|
      Ledger.clear
      queue = make_queue
      ['work', act, 'work', 'work'].each { |word| ActJob.set(queue: queue).perform_later(word) }
      messages = receive(queue)
      response = Lambdakiq.handler(event(queue, messages))

      assert_equal [['work', 1], [act, 1]], Ledger.lines
      assert_equal messages.drop(1).map(&:message_id).sort, response[:batchItemFailures].map { |item| item[:itemIdentifier] }.sort
      assert_kind_of Exception, Lambdakiq::Batch.ending
      assert_equal [2, 1, 0], counts(queue), 'what was not started is visible again at once'
    end
  end

  # B7, B8
  def test_calls_that_fail_touch_no_other_record_and_are_logged
    queue = make_queue
    %w[fail work work].each { |act| ActJob.set(queue: queue).perform_later(act) }
    broken = event(queue)
    broken['Records'].first(2).each { |record| record['receiptHandle'] = 'nonsense' }
    notes = events('settle_failed.lambdakiq') { @response = Lambdakiq.handler(broken) }

    assert_equal [broken['Records'].first['messageId']], @response[:batchItemFailures].map { |item| item[:itemIdentifier] }
    assert_equal 2, notes.size
    assert_kind_of Lambdakiq::ServiceError, notes.first.payload[:error]
    assert_equal 3, Ledger.lines.size
    assert_match(/ReceiptHandle|receipt handle/, LOG.string)
  end

  # B15
  def test_a_missing_receive_count_is_the_first
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    event = event(queue)
    event['Records'].first['attributes'].delete('ApproximateReceiveCount')
    Lambdakiq.handler(event)

    assert_equal [['work', 1]], Ledger.lines
  end

  # B21
  def test_calls_go_to_the_queue_the_record_came_from
    queue = make_queue
    other = make_queue
    body = JSON.generate(ActJob.new('work').set(queue: other).serialize)
    sqs.send_message(queue_url: queue, message_body: body, message_attributes: ours)

    assert_empty Lambdakiq.handler(event(queue))[:batchItemFailures]
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_executions_count_on_from_those_in_the_body
    queue = make_queue
    data = ActJob.new('work').set(queue: queue).serialize.merge('executions' => 2)
    sqs.send_message(queue_url: queue, message_body: JSON.generate(data), message_attributes: ours)
    invoke(queue)

    assert_equal [['work', 3]], Ledger.lines
  end

  def test_unknown_members_of_the_body_reach_the_job
    queue = make_queue
    job_class = Class.new(ActJob) do
      define_method(:deserialize) do |data|
        Ledger.write('extra', data['extra'])
        super(data)
      end
    end
    self.class.const_set(:ExtraJob, job_class)
    data = ExtraJob.new.set(queue: queue).serialize.merge('extra' => { 'a' => 1 })
    sqs.send_message(queue_url: queue, message_body: JSON.generate(data), message_attributes: ours)
    invoke(queue)

    assert_includes Ledger.lines, ['extra', { 'a' => 1 }]
  end

  # B2: the re-sent job has the same job_id, within SQS's five minutes of deduplication.
  def test_retry_on_works_on_fifo_queues
    queue = make_queue(fifo: true)
    AgainJob.set(queue: queue).perform_later
    wait_until(30) { invoke(queue) && Ledger.lines.size == 3 }

    assert_equal [['again', 1], ['again', 2], ['again', 3]], Ledger.lines
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_a_failure_in_a_fifo_group_stops_its_followers_and_nobody_else
    queue = make_queue(fifo: true)
    [%w[a one], %w[a fail], %w[a two], %w[b one]].each { |group, word| GroupJob.set(queue: queue).perform_later(group, word) }
    failed = invoke(queue)

    assert_equal [%w[a fail], %w[a one], %w[b one]], Ledger.lines.sort
    assert_equal 2, failed.size
  end

  def test_a_delayed_fifo_job_counts_its_run_as_the_first
    queue = make_queue(fifo: true)
    ActJob.set(queue: queue, wait: 20).perform_later

    assert_equal 1, invoke(queue).size
    assert_empty Ledger.lines
    SERVER.advance(21)
    assert_empty invoke(queue)
    assert_equal [['work', 1]], Ledger.lines
  end

  def test_a_long_wait_hops_and_runs_on_time
    queue = make_queue
    ActJob.set(queue: queue, wait: 1000).perform_later
    SERVER.advance(901)

    assert_empty invoke(queue)
    assert_empty Ledger.lines
    assert_equal [0, 0, 1], counts(queue)
    SERVER.advance(100)
    assert_empty invoke(queue)
    assert_equal [['work', 1]], Ledger.lines
  end

  def test_no_job_starts_that_the_timeout_would_kill
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    Lambdakiq.config.guard_seconds = 30
    context = Struct.new(:get_remaining_time_in_millis).new(10_000)
    response = Lambdakiq.cmd(event: event(queue), context: context)

    assert_equal 1, response[:batchItemFailures].size
    assert_empty Ledger.lines
    assert_equal [1, 0, 0], counts(queue)
  end

  def test_a_listener_that_raises_does_not_fail_the_batch
    queue = make_queue
    2.times { ActJob.set(queue: queue).perform_later('fail') }
    listener = ActiveSupport::Notifications.subscribe('enqueue_retry.active_job') { raise 'listener' }

    assert_equal 2, invoke(queue).size
    assert_match(/listener of enqueue_retry.active_job failed/, LOG.string)
  ensure
    ActiveSupport::Notifications.unsubscribe(listener)
  end

  def test_an_event_without_records_is_an_empty_batch
    assert_equal({ batchItemFailures: [] }, Lambdakiq.handler({ 'Records' => [] }))
  end

  def test_job_events_are_told_from_all_others
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    jobs = event(queue)

    assert Lambdakiq.jobs?(jobs)
    [nil, 'text', [], {}, { 'Records' => nil }, { 'Records' => [nil, {}] }, { 'httpMethod' => 'GET' },
     { 'Records' => [{ 'messageAttributes' => { 'lambdakiq' => { 'stringValue' => '2' } } }] }].each do |other|
      refute Lambdakiq.jobs?(other), other.inspect
    end
  end

  def test_an_applications_credentials_are_asked_again_after_each_job
    queue = make_queue
    2.times { ActJob.set(queue: queue).perform_later }
    messages = event(queue)
    keys = []
    credentials { keys << Ledger.lines.size }

    assert_equal({ batchItemFailures: [] }, Lambdakiq.handler(messages))
    assert_equal [0, 1, 2], keys.uniq
  end

  # What ran would run again, and what was still to come would not.
  def test_credentials_that_cannot_be_had_after_a_job_fail_none
    queue = make_queue
    3.times { ActJob.set(queue: queue).perform_later }
    messages = event(queue)
    { 'IOError: the vault is sealed' => -> { raise IOError, 'the vault is sealed' },
      'CredentialsError: the Object that was given as credentials has no keys' => -> { :none } }.each do |text, answer|
      Ledger.clear
      credentials { Ledger.lines.empty? || answer.call }

      assert_equal({ batchItemFailures: [] }, Lambdakiq.handler(messages))
      assert_equal [['work', 1]] * 3, Ledger.lines
      assert_match(/the object given as credentials failed: .*#{text}; those at hand are used/, LOG.string)
    end
    Lambdakiq::Client.default_options.clear
    Lambdakiq.instance_variable_set(:@client, nil)

    assert_equal [0, 0, 0], counts(queue)
  end

  def test_credentials_without_keys_are_an_error_that_says_so
    credentials { :none }

    error = assert_raises(Lambdakiq::CredentialsError) { ActJob.set(queue: 'jobs').perform_later }
    assert_match(/Object .* has no keys/, error.message)
  end

  # Its own way to answer how often it is retried, not yet written.
  class AbstractJob < ActJob
    def lambdakiq_retry
      raise NotImplementedError, 'as told'
    end
  end

  def test_a_class_that_cannot_say_how_often_it_is_retried_is_performed_as_one_without_options
    queue = make_queue
    ActJob.set(queue: queue).perform_later
    AbstractJob.set(queue: queue).perform_later('fail')
    ActJob.set(queue: queue).perform_later
    retries = events('enqueue_retry.active_job') { assert_equal 1, invoke(queue).size }

    assert_equal [12], retries.map { |event| event.payload[:limit] }
    assert_equal [0, 1, 0], counts(queue)
    assert_match(/AbstractJob: its options are not used: NotImplementedError: as told/, LOG.string)
  end

  private

  # The application's own, from now on. Without keys where the block answers :none.
  def credentials
    object = Object.new
    object.define_singleton_method(:credentials) do
      key_id = 'AKID' unless yield == :none
      Struct.new(:access_key_id, :secret_access_key, :session_token).new(key_id, 'secret', nil)
    end
    Lambdakiq::Client.default_options[:credentials] = object
    Lambdakiq.instance_variable_set(:@client, nil)
  end

  def ours
    { 'lambdakiq' => { string_value: '1', data_type: 'String' } }
  end

  def wait_until(seconds)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until yield
      flunk "not within #{seconds} s: #{Ledger.lines}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.05
    end
  end
end
