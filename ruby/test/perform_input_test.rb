# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/both_engines'

class SpeechlessError < StandardError
  def message = raise('no words')
end

class OddJob < ApplicationJob
  lambdakiq_options retry: 1
  after_discard { |_, error| Ledger.write('discarded', error.class) } if respond_to?(:after_discard)

  def perform(act)
    Ledger.write(act)
    case act
    when 'leave' then Thread.exit
    when 'jump' then [1].each(&ORPHAN)
    when 'throw outside' then throw :outside
    when 'exit' then exit
    when 'speechless' then raise SpeechlessError
    when 'fail' then raise ActJob::Failure
    end
  end

  # A block whose method has returned.
  def self.orphan
    proc { return }
  end
  ORPHAN = orphan
end

# Takes a record for an argument; one that is gone cannot be deserialised.
class GoneRecord
  include GlobalID::Identification

  attr_reader :id

  def self.find(id)
    raise KeyError, "there is no record #{id}"
  end

  def initialize(id)
    @id = id
  end
end
GlobalID.app ||= 'lambdakiq-test'

class RecordJob < ApplicationJob
  def perform(_record)
    Ledger.write('never')
  end
end

class DiscardRecordJob < RecordJob
  discard_on(ActiveJob::DeserializationError) { Ledger.write('discarded') }
end

# What jobs and records may do without harm to the others.
module PerformInput
  def test_odd_endings_fail_their_own_record_only
    queue = make_queue
    acts = ['leave', 'jump', 'throw outside', 'exit', 'speechless', 'work']
    acts.each { |act| OddJob.set(queue: queue).perform_later(act) }
    failed = nil
    errors = events('enqueue_retry.active_job') do
      Thread.new { catch(:outside) { failed = invoke(queue) } }.join
    end.map { |event| event.payload[:error].class }

    assert_equal acts.map { |act| [act] }.sort, Ledger.lines.sort
    assert_equal 5, failed.size
    # ActiveSupport reads the message of what a job raises, which raises a RuntimeError in turn.
    assert_equal [Lambdakiq::AbandonedError, Lambdakiq::AbandonedError, LocalJumpError, RuntimeError, SystemExit],
                 errors.sort_by(&:name)
  end

  def test_a_job_whose_record_is_gone_is_retried_and_dies_in_the_end
    queue = make_queue(max_receive_count: 2)
    RecordJob.set(queue: queue).perform_later(GoneRecord.new('7'))
    retried = events('enqueue_retry.active_job') { assert_equal 1, invoke(queue).size }
    QueueTest::SERVER.advance(31)
    died = events('retry_stopped.active_job') { assert_equal 1, invoke(queue).size }
    QueueTest::SERVER.advance(400)

    assert_equal [ActiveJob::DeserializationError] * 2, [*retried, *died].map { |event| event.payload[:error].class }
    assert_empty receive(queue)
    assert_equal 1, receive(dead(queue)).size
    assert_empty Ledger.lines
  end

  def test_a_job_whose_record_is_gone_is_done_where_its_class_discards_it
    queue = make_queue
    DiscardRecordJob.set(queue: queue).perform_later(GoneRecord.new('7'))

    assert_empty invoke(queue)
    assert_equal [%w[discarded]], Ledger.lines
    assert_equal [0, 0, 0], counts(queue)
  end

  # B13
  def test_after_discard_runs_once_when_the_job_is_dead
    queue = make_queue
    OddJob.set(queue: queue).perform_later('fail')
    invoke(queue)
    assert_equal [%w[fail]], Ledger.lines
    QueueTest::SERVER.advance(31)
    invoke(queue)

    expected = OddJob.respond_to?(:after_discard) ? [['discarded', ActJob::Failure]] : []
    assert_equal [%w[fail], %w[fail], *expected], Ledger.lines
  end

  def test_records_lacking_fields_are_reported_failed_alone
    queue = make_queue
    OddJob.set(queue: queue).perform_later('work')
    event = event(queue)
    whole = event['Records'].first
    %w[body receiptHandle].each_with_index { |field, i| event['Records'] << whole.merge('messageId' => "m#{i}").except(field) }
    event['Records'] << nil

    assert_equal ['m0', 'm1', nil], (Lambdakiq.handler(event)[:batchItemFailures].map { |item| item[:itemIdentifier] })
    assert_equal [%w[work]], Ledger.lines
  end

  # SQS delivers at least once, so why not twice at once. What is told of a messageId is told of all with it.
  def test_records_with_the_same_message_id_are_performed_each_and_reported_failed_when_one_is
    queue = make_queue
    %w[work fail work].each { |act| OddJob.set(queue: queue).perform_later(act) }
    event = event(queue)
    event['Records'].each { |record| record['messageId'] = 'same' }

    assert_equal ['same'], (Lambdakiq.handler(event)[:batchItemFailures].map { |item| item[:itemIdentifier] })
    assert_equal [%w[fail], %w[work], %w[work]], Ledger.lines.sort
    assert_equal [0, 1, 0], counts(queue)
  end

  # What other gems send: Sidekiq by itself and below ActiveJob, and Shoryuken.
  BODIES_OF_OTHERS = [
    { class: 'HardWorker', args: [1], retry: true, queue: 'default', jid: 'b4a577edbccf1d805744efa9', created_at: 1.5 },
    { class: 'ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper', wrapped: 'OddJob', queue: 'default', jid: '1',
      args: [{ job_class: 'OddJob', job_id: '1', arguments: ['work'] }] },
    'the text of a Shoryuken worker'
  ].map { |body| body.is_a?(Hash) ? JSON.generate(body) : body }.freeze

  def test_jobs_of_other_gems_that_are_marked_as_ours_fail_alone_and_say_so
    queue = make_queue
    BODIES_OF_OTHERS.each { |body| send_body(queue, body, Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE) }
    OddJob.set(queue: queue).perform_later('work')
    poison = events('poison.lambdakiq') { assert_equal 3, invoke(queue).size }

    assert_equal [%w[work]], Ledger.lines
    assert_equal [JSON::ParserError, Lambdakiq::RecordError, Lambdakiq::RecordError],
                 poison.map { |event| event.payload[:error].class }.sort_by(&:name)
    assert_equal 2, LOG.string.scan(/the body of message \S+ names no job_class/).size
    assert_equal [0, 3, 0], counts(queue)
  end

  def test_jobs_of_other_gems_are_foreign
    queue = make_queue
    shoryuken = { 'shoryuken_class' => { string_value: 'ActiveJob::QueueAdapters::ShoryukenAdapter::JobWrapper', data_type: 'String' } }
    [*BODIES_OF_OTHERS, JSON.generate(OddJob.new('work').serialize)].each { |body| send_body(queue, body, shoryuken) }
    foreign = events('foreign.lambdakiq') { assert_equal 4, invoke(queue).size }

    assert_empty Ledger.lines
    assert_equal 4, foreign.size
    assert_equal [0, 4, 0], counts(queue)
  end

  # Of S3, say, or the bus: nothing of it may be taken for done.
  def test_an_event_of_other_records_is_reported_failed_and_one_without_any_is_empty
    s3 = { 'eventSource' => 'aws:s3', 's3' => { 'object' => { 'key' => 'x' } } }

    assert_equal({ batchItemFailures: [{ itemIdentifier: nil }, { itemIdentifier: nil }] }, Lambdakiq.handler('Records' => [s3, s3]))
    [nil, 'text', {}, { 'requestContext' => { 'http' => {} } }].each do |event|
      assert_equal({ batchItemFailures: [] }, Lambdakiq.handler(event))
    end
  end

  def test_a_queue_that_is_deleted_while_its_jobs_run_fails_none_that_worked
    queue = make_queue(dead_letters: false)
    %w[work fail].each { |act| OddJob.set(queue: queue).perform_later(act) }
    event = event(queue)
    sqs.delete_queue(queue_url: queue)
    failing = event['Records'].find { |record| record['body'].include?('"fail"') }['messageId']
    notes = events('settle_failed.lambdakiq') do
      assert_equal [failing], (Lambdakiq.handler(event)[:batchItemFailures].map { |item| item[:itemIdentifier] })
    end

    assert_equal ['AWS.SimpleQueueService.NonExistentQueue'], notes.map { |note| note.payload[:error].code }.uniq
  end

  private

  def send_body(queue, body, attributes)
    sqs.send_message(queue_url: queue, message_body: body, message_attributes: attributes)
  end
end

BothEngines.for('PerformInput', PerformInput)
