# frozen_string_literal: true

require_relative '../support/dev_test'
require 'time'

# What the workers print for CloudWatch. The numbers are those of docs/semantics.md.
class MetricFaultsTest < DevTest
  def test_b27_arguments_that_must_not_be_logged_are_not_printed
    quiet = QuietScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work'], 'secret' => 'hunter2')
    loud = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work'], 'secret' => 'swordfish')
    play

    assert_empty(metrics(quiet).flat_map(&:keys).grep(/JobArg/))
    assert(metrics(loud).all? { |metric| metric['JobArg1'].to_s.include?('swordfish') })
    refute_match(/hunter2/, dev.log)
    assert_equal metrics(loud).first['EnqueuedAt'], Time.iso8601(metrics(loud).first['EnqueuedAt']).utc.iso8601
  end

  def test_b28_retry_events_have_the_arguments_and_tell_of_the_object_that_ran
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => %w[raise work])
    play
    retried = metrics(job).find { |metric| metric['JobEvent'] == 'enqueue_retry.active_job' }
    performed = metrics(job).find { |metric| metric['JobEvent'] == 'perform.active_job' }

    assert_equal performed['JobArg1'], retried['JobArg1']
    assert_equal [1, 'ScriptedJob::Failure'], retried.values_at('Executions', 'ExceptionName')
  end

  # The workers' logger has a prefix and the level warn.
  def test_b29_lines_are_raw_whatever_the_logger_is
    ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work'])
    play
    lines = dev.log.lines.grep(/_aws/)

    refute_empty lines
    lines.each { |line| assert_kind_of Hash, JSON.parse(line).dig('_aws', 'CloudWatchMetrics', 0) }
  end

  private

  def metrics(job)
    dev.log.lines.grep(/"_aws"/).map { |line| JSON.parse(line) }.select { |metric| metric['JobId'] == job.job_id }
  end
end
