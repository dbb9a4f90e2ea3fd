# frozen_string_literal: true

require 'minitest/autorun'
require 'yaml'

# What jobs depend on in template.yaml.
class TemplateTest < Minitest::Test
  # CloudFormation's tags, such as !GetAtt.
  TAGS = /![A-Z]\w+ ?/

  TEMPLATE = YAML.safe_load(File.read(File.expand_path('../template.yaml', __dir__)).gsub(TAGS, ''))

  def test_there_are_distinct_functions_of_the_same_image
    web, jobs = %w[RailsLambda JobsLambda].map { |name| resource(name) }

    assert_equal TEMPLATE.dig('Resources', 'RailsLambda', 'Metadata').except('DockerTag'),
                 TEMPLATE.dig('Resources', 'JobsLambda', 'Metadata').except('DockerTag')
    assert_equal %w[Image Image], [web, jobs].map { |function| function['PackageType'] }
    refute web.key?('Events')
  end

  def test_the_jobs_queue_gives_twelve_retries_and_keeps_the_dead_for_fourteen_days
    assert_equal [10, 301, { 'deadLetterTargetArn' => 'JobsDLQueue.Arn', 'maxReceiveCount' => 13 }],
                 resource('JobsQueue').values_at('ReceiveMessageWaitTimeSeconds', 'VisibilityTimeout', 'RedrivePolicy')
    assert_equal 14 * 86_400, resource('JobsDLQueue')['MessageRetentionPeriod']
  end

  def test_a_fifo_queue_has_a_fifo_dead_letter_queue_and_a_receive_for_the_delay
    assert_equal [true, true], %w[StockQueue StockDLQueue].map { |name| resource(name)['FifoQueue'] }
    assert_equal 14, resource('StockQueue').dig('RedrivePolicy', 'maxReceiveCount')
  end

  def test_messages_stay_hidden_for_longer_than_the_function_runs
    timeout = resource('JobsLambda')['Timeout']

    %w[JobsQueue StockQueue].each { |queue| assert_operator resource(queue)['VisibilityTimeout'], :>, timeout }
  end

  def test_failures_are_reported_message_by_message
    sources = resource('JobsLambda')['Events'].values.map { |source| source['Properties'] }

    assert_equal %w[JobsQueue.Arn StockQueue.Arn], sources.map { |source| source['Queue'] }
    assert_equal [['ReportBatchItemFailures']], sources.map { |source| source['FunctionResponseTypes'] }.uniq
  end

  def test_both_functions_know_the_queues_and_may_send_to_them
    assert_equal({ 'JOBS_QUEUE_NAME' => 'JobsQueue.QueueName', 'STOCK_QUEUE_NAME' => 'StockQueue.QueueName' },
                 TEMPLATE.dig('Globals', 'Function', 'Environment', 'Variables').slice('JOBS_QUEUE_NAME', 'STOCK_QUEUE_NAME'))
    %w[RailsLambda JobsLambda].each { |function| assert_includes actions(function), 'sqs:SendMessage' }
    assert_empty %w[ReceiveMessage DeleteMessage ChangeMessageVisibility GetQueueAttributes].map { |name| "sqs:#{name}" } - actions('JobsLambda')
  end

  private

  def resource(name)
    TEMPLATE.dig('Resources', name, 'Properties')
  end

  def actions(function)
    resource(function).dig('Policies', 0, 'Statement', 0, 'Action')
  end
end
