# frozen_string_literal: true

# The example's own tests: its handler with both kinds of events. What needs a queue is shown by
# bin/demo.

require_relative '../app'
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

  def test_an_event_that_is_neither_is_refused_by_lamby
    refute Lambdakiq.jobs?('Records' => [{ 'eventSource' => 'aws:s3' }])
  end

  private

  def http_event(path)
    { 'version' => '2.0', 'rawPath' => path, 'rawQueryString' => '', 'headers' => { 'host' => 'example.com' },
      'requestContext' => { 'http' => { 'method' => 'GET', 'path' => path, 'protocol' => 'HTTP/1.1',
                                        'sourceIp' => '127.0.0.1' } },
      'isBase64Encoded' => false }
  end
end
