# frozen_string_literal: true

require_relative 'contract_helper'

class ContractMetricsTest < ContractTest
  def test_enqueuing_writes_one_line
    job = BasicJob.perform_later('work', 1)
    line = lines.first

    assert_equal 1, lines.size
    assert_equal({ 'Namespace' => 'Lambdakiq', 'Dimensions' => [%w[AppName JobEvent JobName]],
                   'Metrics' => [{ 'Name' => 'Duration', 'Unit' => 'Milliseconds' }, { 'Name' => 'Count', 'Unit' => 'Count' }] },
                 line['_aws']['CloudWatchMetrics'].first)
    assert_equal ['Shop', 'enqueue.active_job', 'BasicJob', job.job_id, QUEUE, 1, 0, 'work', 1],
                 line.values_at('AppName', 'JobEvent', 'JobName', 'JobId', 'QueueName', 'Count', 'Executions', 'JobArg1', 'JobArg2')
    assert_kind_of Integer, line['Duration']
    assert_in_delta Time.now.to_f * 1000, line['_aws']['Timestamp'], 60_000
  end

  def test_a_delayed_job_has_its_own_event
    BasicJob.set(wait: 60).perform_later

    assert_equal ['enqueue_at.active_job'], names
  end

  def test_performing_writes_its_start_and_its_end
    Lambdakiq.handler(event(record(BasicJob.new('work'))))

    assert_equal %w[perform_start.active_job perform.active_job], names
    assert_equal [%w[m1 m1], [1, 1], [nil, nil]], %w[MessageId Executions ExceptionName].map { |name| lines.map { |line| line[name] } }
  end

  def test_a_retry_counts_the_exception
    Lambdakiq.handler(event(record(BasicJob.new('fail'))))
    retried = lines.last

    assert_equal %w[perform_start.active_job perform.active_job enqueue_retry.active_job], names
    assert_equal [1, 'ApplicationJob::Failure', 1, 'm1'], retried.values_at('ExceptionCount', 'ExceptionName', 'Executions', 'MessageId')
    assert_includes retried['_aws']['CloudWatchMetrics'][0]['Metrics'], { 'Name' => 'ExceptionCount', 'Unit' => 'Count' }
  end

  def test_the_end_of_retries_is_an_event
    Lambdakiq.handler(event(record(BasicJob.new('fail'), attributes: received(8))))

    assert_equal 'retry_stopped.active_job', names.last
    assert_equal ['ApplicationJob::Failure', 8], lines.last.values_at('ExceptionName', 'Executions')
  end

  def test_metrics_can_be_switched_off
    Lambdakiq.config.metrics_enabled = false
    BasicJob.perform_later

    assert_empty lines
  end

  def test_name_and_namespace_can_be_set
    Lambdakiq.config.metrics_namespace = 'Other'
    Lambdakiq.config.metrics_app_name = 'Store'
    BasicJob.perform_later

    assert_equal %w[Other Store], [lines.first['_aws']['CloudWatchMetrics'][0]['Namespace'], lines.first['AppName']]
  ensure
    Lambdakiq.config.metrics_namespace = 'Lambdakiq'
    Lambdakiq.config.metrics_app_name = nil
  end

  def test_an_event_can_be_logged_by_hand
    notification = ActiveSupport::Notifications::Event.new('perform.active_job', Time.now, Time.now, 'id',
                                                           { adapter: BasicJob.queue_adapter, job: BasicJob.new('x') })
    Lambdakiq::Metrics.log(notification)

    assert_equal ['perform.active_job'], names
  end

  private

  def lines
    Shop::METRICS.string.lines.map { |line| JSON.parse(line) }
  end

  def names
    lines.map { |line| line['JobEvent'] }
  end
end
