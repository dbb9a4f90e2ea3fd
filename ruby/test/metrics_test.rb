# frozen_string_literal: true

require_relative 'test_helper'
require 'rails'
require 'globalid'

class Article
  include GlobalID::Identification
  attr_reader :id

  def initialize(id)
    @id = id
  end

  def self.find(id)
    new(id)
  end
end

GlobalID.app = 'shop'

class MetricsTest < QueueTest
  def setup
    super
    Lambdakiq.config.metrics_enabled = true
    Lambdakiq.config.metrics_app_name = 'Shop'
  end

  def test_dimensions_can_be_chosen
    Lambdakiq.config.metrics_dimensions = %w[AppName JobEvent]
    queue = make_queue
    line = metrics { ActJob.set(queue: queue).perform_later }.first
    assert_equal [%w[AppName JobEvent]], line.dig('_aws', 'CloudWatchMetrics', 0, 'Dimensions')
    assert_equal 'ActJob', line['JobName']

    Lambdakiq.config.metrics_dimensions = [%w[AppName], %w[JobName QueueName]]
    line = metrics { ActJob.set(queue: queue).perform_later }.first
    assert_equal [%w[AppName], %w[JobName QueueName]], line.dig('_aws', 'CloudWatchMetrics', 0, 'Dimensions')
  end

  def test_dimensions_that_are_none_are_refused
    [[], %w[JobId], [%w[AppName], []], 'AppName', nil].each do |value|
      assert_raises(Lambdakiq::OptionError, value.inspect) { Lambdakiq.config.metrics_dimensions = value }
    end
  end

  def test_enqueuing_prints_one_line_with_all_properties
    queue = make_queue
    job = nil
    line = metrics { job = ActJob.set(queue: queue).perform_later('work', 1) }.first

    assert_equal({ 'AppName' => 'Shop', 'JobEvent' => 'enqueue.active_job', 'JobName' => 'ActJob', 'Count' => 1,
                   'JobId' => job.job_id, 'QueueName' => queue, 'MessageId' => job.provider_job_id,
                   'JobArg1' => 'work', 'JobArg2' => 1, 'Executions' => 0 },
                 line.except('_aws', 'Duration', 'EnqueuedAt'))
    definition = line['_aws']['CloudWatchMetrics'].first
    assert_equal ['Lambdakiq', [%w[AppName JobEvent JobName]]], definition.values_at('Namespace', 'Dimensions')
    assert_equal({ 'Duration' => 'Milliseconds', 'Count' => 'Count' }, definition['Metrics'].to_h { |m| m.values_at('Name', 'Unit') })
    assert_kind_of Integer, line['Duration']
    assert_in_delta Time.now.to_f * 1000, line['_aws']['Timestamp'], 3_600_000 * 24
  end

  def test_a_failing_job_prints_its_start_its_run_and_its_retry
    queue = make_queue
    metrics { ActJob.set(queue: queue).perform_later('fail') }
    lines = metrics { invoke(queue) }

    assert_equal %w[perform_start.active_job perform.active_job enqueue_retry.active_job], lines.map { |line| line['JobEvent'] }
    assert_equal [nil, 1, 1], lines.map { |line| line['ExceptionCount'] }
    assert_equal [nil, 'ActJob::Failure', 'ActJob::Failure'], lines.map { |line| line['ExceptionName'] }
    assert_equal [1, 1, 1], lines.map { |line| line['Executions'] }
    assert_equal %w[fail fail fail], lines.map { |line| line['JobArg1'] }
    assert_match(/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/, lines.first['EnqueuedAt'])
  end

  def test_a_dead_job_prints_that_its_retries_have_stopped
    queue = make_queue
    metrics { OnceJob.set(queue: queue).perform_later('fail') }

    assert_equal 'retry_stopped.active_job', metrics { invoke(queue) }.last['JobEvent']
  end

  since '7.1', def test_many_jobs_at_once_print_a_line_each
    queue = make_queue
    jobs = [ActJob.new.set(queue: queue), ActJob.new.set(queue: queue, wait: 5), ActJob.new(Float::NAN).set(queue: queue)]

    assert_equal %w[enqueue.active_job enqueue_at.active_job],
                 metrics { ActiveJob.perform_all_later(jobs) }.map { |line| line['JobEvent'] }
  end

  def test_arguments_that_must_not_be_logged_are_not_printed
    queue = make_queue
    line = metrics { QuietJob.set(queue: queue).perform_later('secret') }.first

    refute_includes JSON.generate(line), 'secret'
  end

  def test_filtered_parameters_are_filtered_and_records_are_their_global_id
    application = Struct.new(:config).new(Struct.new(:filter_parameters).new([:password]))
    queue = make_queue
    Rails.stub(:application, application) do
      line = metrics { ActJob.set(queue: queue).perform_later('work', { 'password' => 's3cret', 'name' => 'ann' }, Article.new(7)) }.first

      assert_equal({ 'password' => '[FILTERED]', 'name' => 'ann' }, line['JobArg2'])
      assert_equal 'gid://shop/Article/7', line['JobArg3']
    end
  end

  def test_switched_off_there_is_nothing
    Lambdakiq.config.metrics_enabled = false
    queue = make_queue

    assert_empty(metrics { ActJob.set(queue: queue).perform_later })
  end

  def test_events_can_be_chosen
    queue = make_queue
    Lambdakiq.config.metrics_events = [:enqueue_retry, 'perform.active_job']

    assert_empty(metrics { ActJob.set(queue: queue).perform_later('fail') })
    assert_equal %w[perform.active_job enqueue_retry.active_job], metrics { invoke(queue) }.map { |line| line['JobEvent'] }
  end

  since '7.1', def test_of_many_jobs_at_once_those_are_counted_whose_event_is_chosen
    Lambdakiq.config.metrics_events = %w[enqueue_at]
    queue = make_queue
    jobs = [ActJob.new.set(queue: queue), ActJob.new.set(queue: queue, wait: 5)]

    assert_equal %w[enqueue_at.active_job], metrics { ActiveJob.perform_all_later(jobs) }.map { |line| line['JobEvent'] }
  end

  def test_events_that_are_none_are_refused
    [[], %w[discard], [nil], 'perform', nil].each do |value|
      assert_raises(Lambdakiq::OptionError, value.inspect) { Lambdakiq.config.metrics_events = value }
    end
    assert_equal Lambdakiq::Metrics::EVENTS, Lambdakiq.config.metrics_events
  end

  def test_nobody_listens_to_what_is_not_counted
    names = [*Lambdakiq::Metrics::EVENTS, 'enqueue_all'].map { |name| "#{name}.active_job" }
    listeners = -> { names.to_h { |name| [name, ActiveSupport::Notifications.notifier.listeners_for(name).size] } }
    all = listeners.call
    Lambdakiq.config.metrics_events = %w[perform]
    assert_equal names - %w[perform.active_job], names.select { |name| listeners.call[name] == all[name] - 1 }

    Lambdakiq.config.metrics_enabled = false
    assert_equal all.transform_values { |count| count - 1 }, listeners.call

    Lambdakiq.config.metrics_events = Lambdakiq::Metrics::EVENTS
    Lambdakiq.config.metrics_enabled = true
    assert_equal all, listeners.call
  end

  def test_a_logger_of_the_application_gets_the_lines_instead
    queue = make_queue
    text = StringIO.new
    Lambdakiq.config.metrics_logger = Logger.new(text, formatter: ->(_, _, _, message) { "#{message}\n" })

    assert_empty(metrics { ActJob.set(queue: queue).perform_later })
    assert_equal 'enqueue.active_job', JSON.parse(text.string)['JobEvent']
  end

  def test_jobs_of_other_adapters_are_not_counted
    other = Class.new(ActJob) { self.queue_adapter = :inline }
    self.class.const_set(:InlineJob, other)

    assert_empty(metrics { InlineJob.perform_later })
  end

  def test_a_job_of_another_adapter_is_counted_where_lambdakiq_performs_it_and_what_it_enqueues_elsewhere_is_not
    other = Class.new(ActJob) do
      def perform(*)
        self.class.set(queue: 'elsewhere').perform_later
        raise ActJob::Failure
      end
    end
    self.class.const_set(:MovingJob, other)
    queue = make_queue
    metrics { other.set(queue: queue).perform_later }
    other.queue_adapter = :test

    assert_equal %w[perform_start perform enqueue_retry].map { |name| "#{name}.active_job" },
                 metrics { invoke(queue) }.map { |line| line['JobEvent'] }
  end

  private

  def metrics
    output, = capture_io { yield }
    output.lines.map { |line| JSON.parse(line) }
  end
end
