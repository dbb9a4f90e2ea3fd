# frozen_string_literal: true

require_relative 'sdk_helper'
require 'active_support/testing/time_helpers'
require 'delegate'

# `config.lambdakiq.client = Aws::SQS::Client.new`: the real one, against the local server.
class OwnClientTest < QueueTest
  include ActiveSupport::Testing::TimeHelpers

  def setup
    super
    Lambdakiq.config.client = Aws::SQS::Client.new(endpoint: SERVER.url)
  end

  def test_jobs_are_enqueued_through_it
    queue = make_queue
    job = ActJob.set(queue: queue, wait: 1).perform_later('work')
    requests = events('request.lambdakiq') { ActJob.set(queue: queue).perform_later('work') }

    assert_match(/\A\h{8}-/, job.provider_job_id)
    assert_equal [1, 0, 1], counts(queue)
    payload = requests.fetch(0).payload
    assert_equal [:send_message, 200, 1], payload.values_at(:operation, :status, :attempts)
    refute_empty payload[:request_id]
    assert_operator payload[:duration_ms], :>, 0
  end

  def test_many_jobs_share_calls
    queue = make_queue
    jobs = Array.new(23) { |number| ActJob.new('work', number).set(queue: queue) }
    jobs[3] = ActJob.new('work', Float::NAN).set(queue: queue)
    requests = events('request.lambdakiq') { ActiveJob.perform_all_later(jobs) }

    assert_equal({ get_queue_url: 1, send_message_batch: 3 }, requests.map { |event| event.payload[:operation] }.tally)
    assert_equal [22, 0, 0], counts(queue)
    assert_equal 22, jobs.filter_map(&:provider_job_id).uniq.size
    assert_instance_of Lambdakiq::InvalidError, jobs[3].enqueue_error
  end

  def test_large_jobs_are_split_by_bytes
    queue = make_queue
    jobs = Array.new(3) { ActJob.new('x' * 400_000).set(queue: queue) }
    requests = events('request.lambdakiq') { ActiveJob.perform_all_later(jobs) }

    assert_equal [true] * 3, jobs.map(&:successfully_enqueued?)
    assert_equal 2, requests.count { |event| event.payload[:operation] == :send_message_batch }
  end

  def test_an_entry_that_failed_for_sqs_own_reasons_is_sent_again_and_others_are_told
    Lambdakiq.config.client = Batches.new([[0, false], [1, true]], [])
    jobs = Array.new(3) { ActJob.new.set(queue: 'https://sqs/1/jobs') }
    ActiveJob.perform_all_later(jobs)

    assert_equal [%w[0 1 2], %w[0]], Lambdakiq.config.client.calls
    assert_equal [true, false, true], jobs.map(&:successfully_enqueued?)
    assert_equal 'Code', jobs[1].enqueue_error.code
    refute_predicate jobs[1].enqueue_error, :retriable?
  end

  def test_a_queue_that_is_missing_is_told_of_each_job
    jobs = Array.new(2) { ActJob.new.set(queue: 'nowhere') }
    ActiveJob.perform_all_later(jobs)

    assert_equal [Aws::SQS::Errors::NonExistentQueue], jobs.map { |job| job.enqueue_error.class }.uniq
    assert_raises(Aws::SQS::Errors::NonExistentQueue) { ActJob.set(queue: 'nowhere').perform_later }
    error = assert_raises(Aws::SQS::Errors::NonExistentQueue) { ActJob.perform_later }
    assert_match(/ActJob has no queue of its own/, error.message)
  end

  def test_async_makes_no_difference
    queue = make_queue
    job_class = Class.new(ActJob) { lambdakiq_options async: true }
    self.class.const_set(:AsyncActJob, job_class)

    assert_match(/\A\h{8}-/, job_class.set(queue: queue).perform_later('work').provider_job_id)
  end

  def test_a_handler_performs_retries_and_deletes_with_it
    queue = make_queue
    %w[work fail].each { |act| ActJob.set(queue: queue).perform_later(act) }
    requests = events('request.lambdakiq') { assert_equal 1, invoke(queue).size }

    assert_equal %w[fail work], Ledger.lines.map(&:first).sort
    assert_equal %i[change_message_visibility delete_message],
                 requests.map { |event| event.payload[:operation] }.grep(/delete|change/).uniq.sort
    SERVER.advance(31)
    invoke(queue)
    assert_equal [['fail', 2]], Ledger.lines.last(1)
  end

  def test_a_fifo_delay_is_kept
    queue = make_queue(fifo: true)
    ActJob.set(queue: queue, wait: 60).perform_later('fifo')
    invoke(queue)
    assert_empty Ledger.lines
    SERVER.advance(61)
    invoke(queue)

    assert_equal [['fifo', 1]], Ledger.lines
  end

  def test_a_job_that_is_not_due_is_sent_again_until_it_is
    queue = make_queue
    ActJob.set(queue: queue, wait: 1500).perform_later('far')
    SERVER.advance(901)
    assert_empty invoke(queue)
    assert_empty Ledger.lines
    assert_equal [0, 0, 1], counts(queue)
    SERVER.advance(600)
    invoke(queue)

    assert_equal [['far', 1]], Ledger.lines
  end

  # What one event has learnt of a queue is old news at another.
  def test_attributes_from_an_earlier_event_delete_no_job
    queue = queue_without_dead_letters
    sqs.create_queue(queue_name: dead(queue))
    policy = JSON.generate(deadLetterTargetArn: SERVER.arn(dead(queue)), maxReceiveCount: 13)
    sqs.set_queue_attributes(queue_url: queue, attributes: { 'RedrivePolicy' => policy })
    travel(11) { assert_equal 1, invoke(queue).size }

    assert_equal [0, 1, 0], counts(queue)
  end

  def test_attributes_that_cannot_be_read_again_delete_no_job
    queue = queue_without_dead_letters
    Lambdakiq.config.client.singleton_class.define_method(:get_queue_attributes) { |**| raise IOError, 'as told' }
    unknown = events('attributes_unknown.lambdakiq') { travel(11) { assert_equal 1, invoke(queue).size } }

    assert_equal 1, unknown.size
    assert_equal [0, 1, 0], counts(queue)
  end

  # Ours, but for a queue of which it knows nothing.
  class Forgetful < SimpleDelegator
    def get_queue_attributes(queue_url:, **)
      queue_url.include?('forgotten') ? Struct.new(:attributes).new : super
    end
  end

  def test_an_answer_that_makes_no_sense_fails_no_job_that_worked
    known = make_queue
    forgotten = "#{known}-forgotten".tap { |name| sqs.create_queue(queue_name: name) }
    [known, forgotten, forgotten].each { |queue| ActJob.set(queue: queue).perform_later(queue) }
    records = [known, forgotten].flat_map { |queue| event(queue)['Records'] }
    Lambdakiq.config.client = Forgetful.new(Lambdakiq.config.client)
    Lambdakiq.instance_variable_set(:@client, nil)

    assert_equal records.last(2).map { |record| record['messageId'] },
                 (Lambdakiq.handler('Records' => records)[:batchItemFailures].map { |item| item[:itemIdentifier] })
    assert_equal [[known, 1]], Ledger.lines
    assert_match(/the batch was cut short: NoMethodError/, LOG.string)
  end

  # B21: there may be one of the same name in this account.
  def test_a_queue_of_another_account_is_asked_for_there
    stubbed = Lambdakiq.config.client = Aws::SQS::Client.new(region: 'us-east-1', stub_responses: true)
    stubbed.stub_responses(:get_queue_url, queue_url: SdkHelper::URL)
    arn = "arn:aws:sqs:us-east-1:#{SdkHelper::URL[/\d{12}/]}:jobs"
    Lambdakiq.handler('Records' => [
                        { 'messageId' => 'm', 'receiptHandle' => 'h', 'body' => JSON.generate(ActJob.new.serialize), 'eventSourceARN' => arn,
                          'attributes' => {}, 'messageAttributes' => { 'lambdakiq' => { 'stringValue' => '1' } } }
                      ])

    assert_equal [['work', 1]], Ledger.lines
    assert_equal [{ queue_name: 'jobs', queue_owner_aws_account_id: '831702759394' }, SdkHelper::URL],
                 [stubbed.api_requests.first[:params], stubbed.api_requests.last[:params][:queue_url]]
  end

  def test_stubbed_responses_of_the_sdk_work
    Lambdakiq.config.client = Aws::SQS::Client.new(region: 'us-east-1', stub_responses: true)
    stubbed = Lambdakiq.config.client
    stubbed.stub_responses(:get_queue_url, queue_url: SdkHelper::URL)
    jobs = Array.new(2) { ActJob.new.set(queue: 'jobs') }
    ActiveJob.perform_all_later(jobs)
    ActJob.set(queue: 'jobs').perform_later

    assert_equal [true, true], jobs.map(&:successfully_enqueued?)
    assert_equal({ get_queue_url: 1, send_message: 3 }, stubbed.api_requests.map { |request| request[:operation_name] }.tally)
  end

  # A client that fails the named entries of its first calls: [index, sender_fault].
  class Batches
    Entry = Struct.new(:id, :message_id, :code, :message, :sender_fault, keyword_init: true)
    Answer = Struct.new(:successful, :failed)

    attr_reader :calls

    def initialize(*failures)
      @failures = failures
      @calls = []
    end

    def send_message(**message)
      send_message_batch(entries: [{ id: '0', **message }]).successful.first
    end

    def send_message_batch(entries:, **)
      @calls << entries.map { |entry| entry[:id] }
      failing = (@failures.shift || []).to_h { |index, fault| [index.to_s, fault] }
      failed, done = entries.partition { |entry| failing.key?(entry[:id]) }
      Answer.new(done.map { |entry| Entry.new(id: entry[:id], message_id: "m#{entry[:id]}") },
                 failed.map { |entry| Entry.new(id: entry[:id], code: 'Code', message: 'no', sender_fault: failing[entry[:id]]) })
    end
  end

  private

  # Known to this process by a job that failed and was deleted; with another that will fail.
  def queue_without_dead_letters
    make_queue(dead_letters: false).tap do |queue|
      ActJob.set(queue: queue).perform_later('fail')
      assert_empty invoke(queue)
      ActJob.set(queue: queue).perform_later('fail')
    end
  end

  # To look at queues by name, which the SDK cannot.
  def sqs
    @sqs ||= Lambdakiq::SQS.new(Lambdakiq::Client.new)
  end
end
