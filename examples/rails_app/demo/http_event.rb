# frozen_string_literal: true

# Calls the same handler with an HTTP event, as a function URL would.

require 'json'
require_relative '../app'

event = {
  'version' => '2.0', 'rawPath' => '/', 'rawQueryString' => '', 'headers' => { 'host' => 'example.com' },
  'requestContext' => { 'http' => { 'method' => 'GET', 'path' => '/', 'protocol' => 'HTTP/1.1',
                                    'sourceIp' => '127.0.0.1' } },
  'isBase64Encoded' => false
}
context = Struct.new(:aws_request_id).new('demo-request')
response = handler(event: event, context: context)
puts JSON.generate(status: response[:statusCode], body: response[:body])
