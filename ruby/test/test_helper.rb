# frozen_string_literal: true

$LOAD_PATH.unshift File.expand_path('../lib', __dir__)

require 'active_job'
require 'logger'
require 'minitest/autorun'
require 'stringio'
require 'lambdakiq'
require_relative 'support/local_sqs'
require_relative 'support/silent_peer'

LOG = StringIO.new
ActiveJob::Base.logger = ActiveSupport::Logger.new(LOG)
ActiveJob::Base.queue_adapter = :lambdakiq
require_relative 'support/active_job_versions'
require_relative 'support/jobs'

# A test with real queues on the real local server.
class QueueTest < Minitest::Test
  extend ActiveJobVersions

  SERVER = LocalSqs.start
  ENV.update(SERVER.environment)
  Minitest.after_run { SERVER.stop }

  def setup
    Lambdakiq.config.metrics_enabled = false
    Ledger.clear
    LOG.truncate(0)
    LOG.rewind
  end

  def teardown
    Lambdakiq.instance_variable_set(:@config, nil)
    Lambdakiq.instance_variable_set(:@client, nil)
    Lambdakiq::Client.default_options.clear
  end

  private

  # Queues of their own, so that tests do not meet.
  def make_queue(fifo: false, max_receive_count: 13, dead_letters: true, **attributes)
    @count = (@count || 0) + 1
    base = "q#{Process.pid}-#{object_id}-#{@count}"
    name = fifo ? "#{base}.fifo" : base
    attributes = attributes.transform_keys(&:to_s)
    attributes['FifoQueue'] = 'true' if fifo
    if dead_letters
      sqs.create_queue(queue_name: dead(name), attributes: fifo ? { 'FifoQueue' => 'true' } : {})
      attributes['RedrivePolicy'] =
        JSON.generate(deadLetterTargetArn: SERVER.arn(dead(name)), maxReceiveCount: max_receive_count)
    end
    sqs.create_queue(queue_name: name, attributes: attributes)
    name
  end

  def dead(queue)
    queue.end_with?('.fifo') ? queue.sub('.fifo', '-dead.fifo') : "#{queue}-dead"
  end

  def sqs
    Lambdakiq.client.sqs
  end

  def receive(queue, max: 10, wait: 0)
    sqs.receive_message(queue_url: queue, max_number_of_messages: max, wait_time_seconds: wait,
                        attribute_names: ['All'], message_attribute_names: ['All']).messages
  end

  # What Lambda makes of a receive.
  def event(queue, messages = receive(queue))
    { 'Records' => messages.map { |message| record(queue, message) } }
  end

  def record(queue, message)
    attributes = message.message_attributes.transform_values do |value|
      { 'stringValue' => value.string_value, 'stringListValues' => [], 'binaryListValues' => [],
        'dataType' => value.data_type }
    end
    { 'messageId' => message.message_id, 'receiptHandle' => message.receipt_handle, 'body' => message.body,
      'attributes' => message.attributes, 'messageAttributes' => attributes, 'md5OfBody' => message.md5_of_body,
      'eventSource' => 'aws:sqs', 'eventSourceARN' => SERVER.arn(queue), 'awsRegion' => LocalSqs::REGION }
  end

  # One invocation as the mapping makes it: receive, perform, delete what was not reported.
  def invoke(queue)
    messages = receive(queue)
    failed = Lambdakiq.handler(event(queue, messages)).fetch(:batchItemFailures).map { |item| item[:itemIdentifier] }
    messages.reject { |message| failed.include?(message.message_id) }
            .each { |message| sqs.delete_message(queue_url: queue, receipt_handle: message.receipt_handle) }
    failed
  end

  # [visible, in flight, delayed]
  def counts(queue)
    attributes = sqs.get_queue_attributes(queue_url: queue, attribute_names: ['All']).attributes
    %w[ApproximateNumberOfMessages ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesDelayed]
      .map { |name| attributes.fetch(name).to_i }
  end

  # Events of one name during the block.
  def events(name)
    seen = []
    listener = ActiveSupport::Notifications.subscribe(name) { |event| seen << event }
    yield
    seen
  ensure
    ActiveSupport::Notifications.unsubscribe(listener)
  end
end
