# frozen_string_literal: true

# Tests as an application of Lambdakiq 2.4.0 has them. The same files run with 2.4.0 (`rake
# contract:peer`, with the gems of bench/peer) and with ours (`rake contract`): only what both give is
# asserted. What 2.4.0 does wrong has a B-number (docs/semantics.md) and tests of its own elsewhere.
require 'rails'
require 'active_job/railtie'
require 'logger'
require 'stringio'
require 'lambdakiq'
require 'minitest/autorun'

module Shop
  METRICS = StringIO.new

  class Application < Rails::Application
    config.root = __dir__
    config.eager_load = false
    config.secret_key_base = 'test'
    config.logger = Logger.new(File::NULL)
    config.active_support.to_time_preserves_timezone = :zone if config.active_support.respond_to?(:to_time_preserves_timezone=)
    config.active_job.queue_adapter = :lambdakiq
    config.lambdakiq.max_retries = 12
    config.lambdakiq.metrics_namespace = 'Lambdakiq'
    config.lambdakiq.metrics_logger = Logger.new(METRICS, formatter: ->(_, _, _, message) { "#{message}\n" })
  end
end

Shop::Application.initialize!

class ApplicationJob < ActiveJob::Base
  include Lambdakiq::Worker
  queue_as 'shop-JobsQueue-TESTING123'

  class Failure < StandardError; end

  RAN = []

  def perform(*arguments)
    RAN << [self.class.name, executions, *arguments]
    raise Failure, 'as told' if arguments.first == 'fail'
  end
end

class BasicJob < ApplicationJob; end

class TwiceJob < ApplicationJob
  lambdakiq_options retry: 2
end

class FifoJob < ApplicationJob
  queue_as 'shop-JobsQueue-TESTING123.fifo'
end

class GroupJob < FifoJob
  lambdakiq_options message_group_id: ->(job) { "customer-#{job.arguments.first}" }
end

class ContractTest < Minitest::Test
  QUEUE = 'shop-JobsQueue-TESTING123'
  FIFO = "#{QUEUE}.fifo"
  ACCOUNT = 'https://sqs.us-east-1.amazonaws.com/831702759394'

  def setup
    Lambdakiq.instance_variable_set(:@client, nil)
    Lambdakiq::Client.default_options.merge!(stub_responses: true, region: 'us-east-1')
    stub_queue(QUEUE)
    redrive(8)
    ApplicationJob::RAN.clear
    Shop::METRICS.truncate(0)
    Shop::METRICS.rewind
  end

  def teardown
    Lambdakiq.config.max_retries = 12
    Lambdakiq.config.metrics_enabled = true
  end

  private

  def client
    Lambdakiq.client
  end

  def stub_queue(name)
    client.sqs.stub_responses(:get_queue_url, { queue_url: "#{ACCOUNT}/#{name}" })
  end

  def redrive(max_receive_count)
    policy = JSON.dump('deadLetterTargetArn' => "arn:aws:sqs:us-east-1:831702759394:#{QUEUE}-DLQ",
                       'maxReceiveCount' => max_receive_count)
    attributes = { 'MessageRetentionPeriod' => '345600', 'VisibilityTimeout' => '301' }
    attributes['RedrivePolicy'] = policy if max_receive_count
    client.sqs.stub_responses(:get_queue_attributes, { attributes: attributes })
  end

  def requests(operation)
    client.sqs.api_requests.select { |request| request[:operation_name] == operation }.map { |request| request[:params] }
  end

  def sent
    requests(:send_message).last
  end

  def deleted
    requests(:delete_message).map { |params| params[:receipt_handle] }
  end

  def hidden
    requests(:change_message_visibility).map { |params| params.values_at(:receipt_handle, :visibility_timeout) }
  end

  # A record as fixtures of applications have it: written once, with the times of then.
  def record(job, id: 'm1', queue: job.queue_name, sent_at: Time.at(1_610_216_244), attributes: {}, message_attributes: {})
    milliseconds = ((sent_at.to_f * 1000).to_i).to_s
    { 'messageId' => id, 'receiptHandle' => "handle-#{id}", 'body' => JSON.dump(job.serialize),
      'attributes' => { 'ApproximateReceiveCount' => '1', 'SentTimestamp' => milliseconds, 'SenderId' => 'AROA:shop',
                        'ApproximateFirstReceiveTimestamp' => milliseconds }.merge(attributes),
      'messageAttributes' => { 'lambdakiq' => { 'stringValue' => '1', 'stringListValues' => [], 'binaryListValues' => [],
                                                'dataType' => 'String' } }.merge(message_attributes),
      'md5OfBody' => 'x', 'eventSource' => 'aws:sqs', 'awsRegion' => 'us-east-1',
      'eventSourceARN' => "arn:aws:sqs:us-east-1:831702759394:#{queue}" }
  end

  def received(count)
    { 'ApproximateReceiveCount' => count.to_s }
  end

  def fifo_record(job, group: job.job_id, delay: nil, **more)
    delays = delay ? { 'delay_seconds' => { 'stringValue' => delay.to_s, 'dataType' => 'String' } } : {}
    attributes = { 'MessageGroupId' => group, 'MessageDeduplicationId' => job.job_id }
    record(job, attributes: attributes.merge(more.delete(:attributes) || {}), message_attributes: delays, **more)
  end

  def event(*records)
    { 'Records' => records }
  end

  def failed(response)
    response[:batchItemFailures].map { |item| item[:itemIdentifier] }
  end

  def notifications(name)
    seen = []
    listener = ActiveSupport::Notifications.subscribe(name) { |*args| seen << ActiveSupport::Notifications::Event.new(*args) }
    yield
    seen
  ensure
    ActiveSupport::Notifications.unsubscribe(listener)
  end
end
