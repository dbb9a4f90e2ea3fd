# frozen_string_literal: true

require_relative 'test_helper'

# Every line of a job's life is what CloudWatch's Embedded Metric Format asks for: the rules of its
# specification, on whatever stands on standard output.
class EmfTest < QueueTest
  class NamelessJob < ApplicationJob
    def perform
      raise Class.new(StandardError)
    end
  end

  UNITS = %w[Count Milliseconds].freeze
  MAX_BYTES = 256 * 1024
  MAX_METRICS = 100
  MAX_DIMENSIONS = 30
  MAX_CHARACTERS = 1024
  DAY_MS = 86_400_000

  def setup
    super
    Lambdakiq.config.metrics_enabled = true
  end

  def test_a_whole_life
    lines = written { live('text', { 'a' => [1, nil, 2.5] }) }

    assert_equal %w[enqueue enqueue_at perform_start perform enqueue_retry perform_start perform retry_stopped
                    perform_start perform].sort, lines.map { |line| line['JobEvent'].delete_suffix('.active_job') }.sort
    lines.each { |line| assert_metrics line }
  end

  def test_large_strange_and_many_arguments
    strange = ["\u2028\u0000\n\"\\", "\u{1F600}" * 100_000, { "k\n" * 5000 => [[[{}]]] }, Array.new(5000) { |n| n }]
    jobs = [strange, Array.new(500) { 'x' * 1000 }]

    written { jobs.each { |arguments| live(*arguments) } }.each { |line| assert_metrics line }
  end

  def test_every_choice_of_dimensions_with_and_without_an_app_name
    names = Lambdakiq::Metrics::DIMENSIONS.keys
    sets = (1..names.size).flat_map { |size| names.combination(size).to_a }
    [nil, 'Shop'].each do |app_name|
      Lambdakiq.config.metrics_app_name = app_name
      [[%w[AppName]], sets, *sets.map { |set| [set] }].each do |chosen|
        Lambdakiq.config.metrics_dimensions = chosen
        written { live }.each { |line| assert_metrics line }
      end
    end
  end

  since '7.1', def test_many_jobs_at_once
    queue = make_queue
    lines = written { ActiveJob.perform_all_later(Array.new(12) { ActJob.new('work').set(queue: queue) }) }

    assert_equal 12, lines.size
    lines.each { |line| assert_metrics line }
  end

  def test_an_error_without_a_name_is_counted_as_well
    queue = make_queue
    lines = written do
      NamelessJob.set(queue: queue).perform_later
      invoke(queue)
    end

    assert_equal [1, 'an anonymous class'], lines.last.values_at('ExceptionCount', 'ExceptionName')
  end

  def test_an_app_name_may_be_a_symbol
    Lambdakiq.config.metrics_app_name = :shop

    assert_equal 'shop', written { live }.first['AppName']
  end

  private

  # Enqueued, delayed, failed and retried, dead.
  def live(*arguments)
    Lambdakiq.config.max_retries = 1
    queue = make_queue
    ActJob.set(queue: queue).perform_later('fail', *arguments)
    ActJob.set(queue: queue, wait: 1).perform_later('work', *arguments)
    3.times do
      invoke(queue)
      SERVER.advance(31)
    end
  end

  # The lines of the block, each of which must be one JSON object and nothing else.
  def written(&block)
    text, = capture_io(&block)
    assert text.end_with?("\n")
    text.lines(chomp: true).map do |line|
      assert_operator line.bytesize, :<=, MAX_BYTES
      assert_predicate line, :valid_encoding?
      JSON.parse(line).tap { |value| assert_kind_of Hash, value }
    end
  end

  def assert_metrics(line)
    assert_in_delta Time.now.to_f * 1000, line.dig('_aws', 'Timestamp'), 14 * DAY_MS
    directives = line.dig('_aws', 'CloudWatchMetrics')
    assert_equal 1, directives.size
    directives.each do |directive|
      assert_equal %w[Dimensions Metrics Namespace], directive.keys.sort
      assert_includes 1..MAX_CHARACTERS, directive['Namespace'].size
      assert_dimensions line, directive['Dimensions']
      assert_values line, directive['Metrics']
    end
  end

  def assert_dimensions(line, sets)
    refute_empty sets
    assert_equal sets.map(&:sort).uniq.size, sets.size, 'a set twice counts twice'
    assert(sets.none?(&:empty?), 'a metric without dimensions') unless sets == [[]]
    sets.each do |set|
      assert_operator set.size, :<=, MAX_DIMENSIONS
      set.each { |name| assert_kind_of String, line.fetch(name) }
      set.each { |name| assert_includes 1..MAX_CHARACTERS, line.fetch(name).size }
    end
  end

  def assert_values(line, metrics)
    assert_includes 1..MAX_METRICS, metrics.size
    assert_equal metrics.map { |metric| metric['Name'] }.uniq.size, metrics.size
    metrics.each do |metric|
      assert_equal %w[Name Unit], metric.keys.sort
      assert_includes UNITS, metric['Unit']
      assert_kind_of Numeric, line.fetch(metric['Name'])
    end
  end
end
