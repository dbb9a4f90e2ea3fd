# frozen_string_literal: true

require_relative 'sdk_helper'

# Errors of ours under the SDK's names.
class SdkErrorsTest < QueueTest
  def test_a_missing_queue_is_rescued_by_each_of_its_names
    [Aws::SQS::Errors::NonExistentQueue, Aws::SQS::Errors::QueueDoesNotExist,
     Aws::SQS::Errors::AWSSimpleQueueServiceNonExistentQueue, Aws::SQS::Errors::ServiceError, Aws::Errors::ServiceError,
     Lambdakiq::ServiceError, Lambdakiq::Error].each do |name|
      rescued = begin
        ActJob.set(queue: 'nowhere').perform_later
      rescue name => e
        e
      end

      assert_instance_of Lambdakiq::ServiceError, rescued, name
    end
  end

  def test_nothing_else_matches
    error = assert_raises(Lambdakiq::ServiceError) { sqs.get_queue_url(queue_name: 'nowhere') }

    [Aws::SQS::Errors::ReceiptHandleIsInvalid, Aws::STS::Errors::ServiceError, Aws::STS::Errors::NonExistentQueue].each do |name|
      refute_operator name, :===, error
    end
    refute_operator Aws::SQS::Errors::ServiceError, :===, Lambdakiq::TimeoutError.new('late')
    refute_operator Aws::SQS::Errors::ServiceError, :===, RuntimeError.new('x')
  end

  def test_the_sdks_own_errors_match_as_before
    theirs = Aws::SQS::Errors::QueueDoesNotExist.new(nil, 'x')

    assert_operator Aws::SQS::Errors::QueueDoesNotExist, :===, theirs
    assert_operator Aws::SQS::Errors::ServiceError, :===, theirs
    refute_operator Aws::SQS::Errors::NonExistentQueue, :===, theirs
  end

  def test_an_error_knows_the_call_that_failed
    error = assert_raises(Lambdakiq::ServiceError) { sqs.get_queue_url(queue_name: 'nowhere') }

    assert_equal [:get_queue_url, { queue_name: 'nowhere' }, 400],
                 [error.context.operation_name, error.context.params, error.context.http_response.status_code]
    assert_equal({}, error.data.to_h)
    error = assert_raises(Lambdakiq::ServiceError) { ActJob.set(queue: 'nowhere').perform_later }
    assert_equal :send_message, error.context.operation_name
  end

  def test_options_for_all_clients_and_for_sqs_apply
    Aws.config.update(region: 'eu-west-1', credentials: Aws::Credentials.new('AKIDGLOBAL', 'secret'), stub_responses: true,
                      sqs: { region: 'eu-north-1' })

    assert_equal ['eu-north-1', true], sqs.config.to_a.values_at(0, 3)
    ActJob.set(queue: 'jobs').perform_later
    assert_equal :send_message, sqs.api_requests.last[:operation_name]
  ensure
    Aws.config.clear
  end

  def test_credentials_for_all_clients_sign
    peer = SilentPeer.new(JSON.generate(MessageId: 'm'))
    Aws.config.update(credentials: Aws::Credentials.new('AKIDGLOBAL', 'secret'), endpoint: peer.url)
    Lambdakiq::Client.default_options[:verify_checksums] = false
    ActJob.set(queue: 'jobs').perform_later

    assert_match(/Credential=AKIDGLOBAL/, peer.requests.pop.first)
  ensure
    Aws.config.clear
    peer.close
  end
end
