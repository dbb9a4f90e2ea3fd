# frozen_string_literal: true

require 'aws-sdk-sqs'
require 'digest'
require 'json'
require 'minitest/autorun'
require 'securerandom'
require 'set'
require 'tmpdir'
require_relative '../../../bench/support/local_server'

# The servers that tests share, by their options, each started once.
module Servers
  KEY = 'AKIDCONFORMANCE'
  SECRET = 'the secret of the conformance tests'

  @directory = Dir.mktmpdir('lambdakiq-conformance')
  @started = {}

  def self.shared(secret: nil, **options)
    environment = { 'LAMBDAKIQ_SECRET_ACCESS_KEY' => secret }.compact
    @started[options] ||= LocalServer.new(:serve, Dir.mktmpdir('server', @directory), db: ':memory:',
                                          clock_file: nil, worker_environment: environment, **options)
  end

  def self.stop
    @started.each_value(&:stop)
    FileUtils.remove_entry(@directory)
  end
end
Minitest.after_run { Servers.stop }

# A client of the AWS SDK, queues of a test's own, errors by class.
class SqsCase < Minitest::Test
  # The names of all operations that were called, by whichever client.
  CALLED = Set.new

  def server
    Servers.shared
  end

  def sqs
    @sqs ||= client
  end

  # Nothing is tried twice: an error is seen. Queue URLs name the host that is called.
  def client(key: 'local', secret: 'local', **options)
    Aws::SQS::Client.new(endpoint: server.url, region: 'us-east-1', access_key_id: key, secret_access_key: secret,
                         retry_limit: 0, **options).tap do |client|
      client.handle(step: :initialize) do |context|
        CALLED << context.operation_name.to_sym
        @handler.call(context)
      end
    end
  end

  def new_name(suffix = '')
    "q-#{SecureRandom.uuid}#{suffix}"
  end

  def queue(attributes = {})
    suffix = attributes['FifoQueue'] ? '.fifo' : ''
    sqs.create_queue(queue_name: new_name(suffix), attributes: attributes).queue_url
  end

  def fifo(attributes = {})
    queue({ 'FifoQueue' => 'true' }.merge(attributes))
  end

  def attributes(queue, *names)
    sqs.get_queue_attributes(queue_url: queue, attribute_names: names.empty? ? ['All'] : names).attributes
  end

  def arn(queue)
    attributes(queue, 'QueueArn').fetch('QueueArn')
  end

  # A queue and its dead-letter queue.
  def pair(receives, attributes = {})
    dlq = queue(attributes)
    policy = JSON.generate(deadLetterTargetArn: arn(dlq), maxReceiveCount: receives)
    [queue(attributes.merge('RedrivePolicy' => policy)), dlq]
  end

  def put(queue, body, **options)
    sqs.send_message(queue_url: queue, message_body: body, **options)
  end

  def receive(queue, **options)
    sqs.receive_message(queue_url: queue, max_number_of_messages: 10,
                        message_system_attribute_names: ['All'], **options).messages
  end

  def bodies(queue, **options)
    receive(queue, **options).map(&:body)
  end

  def delete(queue, message)
    sqs.delete_message(queue_url: queue, receipt_handle: message.receipt_handle)
  end

  # The block raises the class that the SDK makes of this code, with these words.
  def assert_refused(code, words = '', status: 400, &block)
    error = assert_raises(Aws::SQS::Errors.const_get(code), &block)
    assert_equal code, error.code
    assert_includes error.message, words
    assert_equal status, error.context.http_response.status_code
  end

  # SQS's digest of message attributes, as its documentation describes it.
  def digest_of_attributes(attributes)
    sized = ->(text) { [text.bytesize].pack('N') + text.b }
    Digest::MD5.hexdigest(attributes.sort.sum(''.b) do |name, value|
      binary = value[:data_type].start_with?('Binary')
      sized[name] + sized[value[:data_type]] + (binary ? "\2" : "\1").b +
        sized[value[binary ? :binary_value : :string_value]]
    end)
  end
end
