# frozen_string_literal: true

require_relative 'test_helper'

# What test suites of applications do: `stub_responses: true`, no server.
class StubsTest < QueueTest
  QUEUE_URL = 'https://sqs.us-east-1.amazonaws.com/831702759394/jobs'

  def setup
    super
    Lambdakiq::Client.default_options.merge!(stub_responses: true, region: 'us-east-1')
    sqs.stub_responses(:get_queue_url, ->(context) { { queue_url: QUEUE_URL.sub('jobs', context.params[:queue_name]) } })
    redrive(8)
  end

  def test_an_enqueued_job_is_a_request_to_look_at
    job = ActJob.set(queue: 'jobs', wait: 3).perform_later('work')
    request = sqs.api_requests.last

    assert_equal :send_message, request[:operation_name]
    assert_equal({ queue_url: QUEUE_URL, message_attributes: Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE, delay_seconds: 3 },
                 request[:params].except(:message_body))
    assert_equal job.job_id, JSON.parse(request[:params][:message_body])['job_id']
    assert_equal 'String', job.provider_job_id
  end

  def test_a_fifo_job_has_group_and_deduplication_id
    job = ActJob.set(queue: 'jobs.fifo', wait: 3).perform_later
    params = sqs.api_requests.last[:params]

    assert_equal [job.job_id, job.job_id], params.values_at(:message_group_id, :message_deduplication_id)
    assert_equal '3', params.dig(:message_attributes, 'delay_seconds', :string_value)
    refute params.key?(:delay_seconds)
  end

  def test_the_handler_makes_its_calls_through_the_stub
    failed = handle(record('work'), record('fail', receive_count: 3))

    assert_equal ['m-fail'], failed
    assert_equal [[:delete_message, nil], [:change_message_visibility, 76]],
                 settle_calls.map { |name, params| [name, params[:visibility_timeout]] }
    assert(settle_calls.all? { |_, params| params[:queue_url] == QUEUE_URL })
  end

  def test_the_last_failure_is_left_for_the_dead_letter_queue
    assert_equal ['m-fail'], handle(record('fail', receive_count: 8))
    assert_empty settle_calls
  end

  def test_without_a_redrive_policy_a_failure_deletes
    redrive(nil)
    stopped = events('retry_stopped.active_job') { assert_empty handle(record('fail')) }

    assert_equal 1, stopped.size
    assert_equal [:delete_message], settle_calls.map(&:first)
  end

  def test_attributes_that_are_denied_delete_nothing
    sqs.stub_responses(:get_queue_attributes, 'AccessDenied')
    assert_equal ['m-fail'], handle(record('fail', receive_count: 20))
    assert_empty settle_calls
  end

  def test_a_failing_settle_call_touches_no_other_record
    sqs.stub_responses(:delete_message, RuntimeError.new('no network'))
    assert_equal ['m-fail'], handle(record('work'), record('fail'))
    assert_match(/could not be deleted: no network/, LOG.string)
  end

  def test_followers_of_a_failed_fifo_job_are_skipped
    records = %w[fail work].map { |act| record(act, queue: 'jobs.fifo', attributes: { 'MessageGroupId' => 'g' }) }

    assert_equal %w[m-fail m-work], handle(*records)
    assert_equal [['fail', 1]], Ledger.lines
    assert_equal [30, 32], settle_calls.map { |_, params| params[:visibility_timeout] }
  end

  def test_a_job_that_is_not_due_is_sent_again_byte_by_byte
    due = Lambdakiq::Native.now_ms + 300_000
    record = record('work')
    record['messageAttributes']['due_at'] = { 'stringValue' => due.to_s, 'dataType' => 'Number' }

    assert_empty handle(record)
    assert_empty Ledger.lines
    sent = sqs.api_requests.find { |request| request[:operation_name] == :send_message }[:params]
    assert_equal record['body'], sent[:message_body]
    assert_in_delta 300, sent[:delay_seconds], 10
    assert_equal [:delete_message], settle_calls.map(&:first)
  end

  def test_a_job_that_is_due_in_less_than_a_second_waits_for_it
    due = Lambdakiq::Native.now_ms + 300
    record = record('work')
    record['messageAttributes']['due_at'] = { 'stringValue' => due.to_s, 'dataType' => 'Number' }
    started = nil
    listener = ActiveSupport::Notifications.subscribe('perform_start.active_job') { started = Lambdakiq::Native.now_ms }

    assert_empty handle(record)
    assert_operator started, :>=, due
  ensure
    ActiveSupport::Notifications.unsubscribe(listener)
  end

  # B11: with one retry, and a receive that was the delay, the third receive is the second try.
  def test_a_receive_that_was_only_a_delay_is_no_try_of_a_job_with_retries_of_its_own
    first = Lambdakiq::Native.now_ms - 60_000
    record = record('work', queue: 'jobs.fifo', receive_count: 3,
                            attributes: { 'MessageGroupId' => 'g', 'ApproximateFirstReceiveTimestamp' => first.to_s })
    record['body'] = JSON.generate(OneRetryJob.new('work').serialize)
    record['messageAttributes']['due_at'] = { 'stringValue' => (first + 30_000).to_s, 'dataType' => 'Number' }

    assert_empty handle(record)
    assert_equal [['work', 2]], Ledger.lines
  end

  class OneRetryJob < ActJob
    lambdakiq_options retry: 1, dead: :dlq
  end

  def test_foreign_and_poison_records_fail_alone
    foreign = record('work').merge('messageId' => 'foreign', 'messageAttributes' => {})
    poison = record('work').merge('messageId' => 'poison', 'body' => '{')

    assert_equal %w[foreign poison], handle(foreign, poison, record('work'))
  end

  def test_default_stubs_are_those_of_the_sdk
    assert_equal({ message_id: 'String', md5_of_message_body: 'String', md5_of_message_attributes: 'String',
                   md5_of_message_system_attributes: 'String', sequence_number: 'String' },
                 sqs.send_message(queue_url: QUEUE_URL, message_body: 'x').to_h)
    assert_equal({ messages: [] }, sqs.receive_message(queue_url: QUEUE_URL).to_h)
    assert_equal({ successful: [], failed: [] }, sqs.send_message_batch(queue_url: QUEUE_URL, entries: []).to_h)
    assert_equal({ approximate_number_of_messages_moved: 0 }, sqs.cancel_message_move_task(task_handle: 't').to_h)
    assert_equal({ tags: {} }, sqs.list_queue_tags(queue_url: QUEUE_URL).to_h)
  end

  def test_stubs_come_in_sequence_and_the_last_repeats
    sqs.stub_responses(:send_message, { message_id: '1' }, 'Throttling', { message_id: '2' })
    answers = Array.new(4) do
      sqs.send_message(queue_url: QUEUE_URL, message_body: 'x').message_id
    rescue Lambdakiq::ServiceError => e
      e.code
    end

    assert_equal %w[1 Throttling 2 2], answers
  end

  def test_a_stub_may_be_an_exception_or_its_class
    sqs.stub_responses(:send_message, IOError)
    assert_raises(IOError) { sqs.send_message(queue_url: QUEUE_URL, message_body: 'x') }
    sqs.stub_responses(:send_message, KeyError.new('no'))
    assert_raises(KeyError) { sqs.send_message(queue_url: QUEUE_URL, message_body: 'x') }
  end

  def test_a_stub_with_unknown_members_is_refused
    assert_raises(ArgumentError) { sqs.stub_responses(:send_message, bogus: 1) }
    assert_equal 'x', sqs.stub_data(:receive_message, messages: [{ body: 'x' }]).messages.first.body
  end

  def test_only_a_stubbed_client_takes_stubs
    Lambdakiq::Client.default_options.clear
    Lambdakiq.instance_variable_set(:@client, nil)

    assert_raises(RuntimeError) { sqs.stub_responses(:send_message, {}) }
  end

  def test_a_client_of_the_application_replaces_ours
    stubbed = sqs
    Lambdakiq::Client.default_options.clear
    Lambdakiq.instance_variable_set(:@client, nil)
    Lambdakiq.config.client = stubbed
    ActJob.set(queue: 'jobs').perform_later

    assert_equal :send_message, stubbed.api_requests.last[:operation_name]
  end

  private

  def redrive(count)
    policy = count ? { 'RedrivePolicy' => JSON.generate(deadLetterTargetArn: 'arn', maxReceiveCount: count) } : {}
    sqs.stub_responses(:get_queue_attributes, { attributes: policy })
  end

  def record(act, queue: 'jobs', receive_count: 1, attributes: {})
    now = Lambdakiq::Native.now_ms.to_s
    { 'messageId' => "m-#{act}", 'receiptHandle' => "r-#{act}", 'body' => JSON.generate(ActJob.new(act).serialize),
      'attributes' => { 'ApproximateReceiveCount' => receive_count.to_s, 'SentTimestamp' => now,
                        'ApproximateFirstReceiveTimestamp' => now, **attributes },
      'messageAttributes' => { 'lambdakiq' => { 'stringValue' => '1', 'dataType' => 'String' } },
      'eventSourceARN' => SERVER.arn(queue) }
  end

  def handle(*records)
    @before = sqs.api_requests.size
    Lambdakiq.handler({ 'Records' => records })[:batchItemFailures].map { |item| item[:itemIdentifier] }
  end

  def settle_calls
    sqs.api_requests.drop(@before).map { |request| request.values_at(:operation_name, :params) }
       .select { |name, _| %i[delete_message change_message_visibility].include?(name) }
  end
end
