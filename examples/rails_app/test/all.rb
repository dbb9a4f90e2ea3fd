# frozen_string_literal: true

# The example's own tests: its handler with both kinds of events. What needs a queue is shown by
# bin/demo.

require_relative '../app'
require_relative 'template_test'
require 'minitest/autorun'
require 'tmpdir'

# The file that template.yaml deploys, called as Lambda calls it.
class HandlerTest < Minitest::Test
  CONTEXT = Struct.new(:aws_request_id).new('test-request')

  def setup
    @dir = Dir.mktmpdir
    ENV['LEDGER'] = "#{@dir}/ledger.txt"
  end

  def teardown
    Lambdakiq::Client.default_options.clear
    Lambdakiq.instance_variable_set(:@client, nil)
    FileUtils.remove_entry(@dir)
    ENV.delete('LEDGER')
  end

  def test_an_http_event_is_answered_by_rails
    response = handler(event: http_event('/'), context: CONTEXT)

    assert_equal 200, response[:statusCode]
    assert_equal "Storefront is up.\n", response[:body]
  end

  def test_an_unknown_path_is_a_404_and_no_crash
    assert_equal 404, handler(event: http_event('/nowhere'), context: CONTEXT)[:statusCode]
  end

  def test_an_event_of_jobs_is_performed_by_lambdakiq_and_answered_as_sqs_wants_it
    Lambdakiq::Client.default_options.merge!(stub_responses: true, region: 'us-east-1')
    Lambdakiq.client.sqs.stub_responses(:get_queue_attributes, attributes: { 'RedrivePolicy' => '{"maxReceiveCount":13}' })
    response = handler(event: { 'Records' => [record(ReceiptJob.new('A-1')), record(DoomedJob.new('A-2'))] }, context: CONTEXT)

    assert_equal({ batchItemFailures: [{ itemIdentifier: 'DoomedJob' }] }, response)
    assert_equal "receipt A-1\n", File.read("#{@dir}/ledger.txt")
  end

  def test_an_event_that_is_neither_is_lambys_404
    assert_equal 404, handler(event: { 'Records' => [{ 'eventSource' => 'aws:s3' }] }, context: CONTEXT).first
  end

  private

  def http_event(path)
    { 'version' => '2.0', 'rawPath' => path, 'rawQueryString' => '', 'headers' => { 'host' => 'example.com' },
      'requestContext' => { 'http' => { 'method' => 'GET', 'path' => path, 'protocol' => 'HTTP/1.1',
                                        'sourceIp' => '127.0.0.1' } },
      'isBase64Encoded' => false }
  end

  def record(job)
    { 'messageId' => job.class.name, 'receiptHandle' => 'handle', 'body' => JSON.generate(job.serialize), 'eventSource' => 'aws:sqs',
      'attributes' => { 'ApproximateReceiveCount' => '1' }, 'eventSourceARN' => 'arn:aws:sqs:us-east-1:000000000000:jobs',
      'messageAttributes' => { 'lambdakiq' => { 'stringValue' => '1', 'dataType' => 'String' } } }
  end
end
