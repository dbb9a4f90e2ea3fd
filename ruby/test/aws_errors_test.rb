# frozen_string_literal: true

require_relative 'test_helper'
require 'open3'
require 'rbconfig'

# `require 'lambdakiq/aws_errors'` in an application without the AWS SDK.
class AwsErrorsTest < QueueTest
  def test_the_names_are_there_and_match
    output = run_program(<<~RUBY)
      begin
        Lambdakiq.client.sqs.get_queue_url(queue_name: 'nowhere')
      rescue Aws::SQS::Errors::QueueDoesNotExist => e
        puts e.class
      end
      begin
        Lambdakiq.client.sqs.get_queue_url(queue_name: 'nowhere')
      rescue Aws::SQS::Errors::ReceiptHandleIsInvalid, Aws::SQS::Errors::NonExistentQueue => e
        puts e.code
      end
      puts Aws::SQS::Errors::ReceiptHandleIsInvalid === e
      puts Aws::SQS::Errors::ServiceError === e
    RUBY

    assert_equal %w[Lambdakiq::ServiceError AWS.SimpleQueueService.NonExistentQueue false true], output.split
  end

  def test_they_can_be_raised_by_stubs_as_the_sdks_are
    output = run_program(<<~RUBY)
      sqs = Lambdakiq::Client.new(stub_responses: { send_message: Aws::SQS::Errors::AccessDenied.new(nil, 'no') }).sqs
      begin
        sqs.send_message(queue_url: 'q', message_body: 'x')
      rescue Aws::SQS::Errors::ServiceError => e
        puts e.class, e.code, e.message, e.context.inspect
      end
    RUBY

    assert_equal %w[Aws::SQS::Errors::AccessDenied AccessDenied no nil], output.split
  end

  private

  # The bundle of these tests has the SDK; the program does not know.
  def run_program(program)
    code = "Gem.loaded_specs.delete('aws-sdk-sqs')\nrequire 'lambdakiq/aws_errors'\n" \
           "abort 'the SDK is loaded' if defined?(Aws::SQS::Client)\n#{program}"
    output, errors, = Open3.capture3(RbConfig.ruby, '-Ilib', '-e', code, chdir: File.expand_path('..', __dir__))
    assert_empty errors
    output
  end
end
