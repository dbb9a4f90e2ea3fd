# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/both_engines'

class SpeechlessError < StandardError
  def message = raise('no words')
end

class OddJob < ApplicationJob
  lambdakiq_options retry: 1
  after_discard { |_, error| Ledger.write('discarded', error.class) } if respond_to?(:after_discard)

  def perform(act)
    Ledger.write(act)
    case act
    when 'leave' then Thread.exit
    when 'speechless' then raise SpeechlessError
    when 'fail' then raise ActJob::Failure
    end
  end
end

# What jobs and records may do without harm to the others.
module PerformInput
  def test_odd_endings_fail_their_own_record_only
    queue = make_queue
    %w[leave speechless work].each { |act| OddJob.set(queue: queue).perform_later(act) }
    failed = Thread.new { invoke(queue) }.value

    assert_equal 2, failed.size
    assert_equal [%w[leave], %w[speechless], %w[work]], Ledger.lines.sort
  end

  # B13
  def test_after_discard_runs_once_when_the_job_is_dead
    queue = make_queue
    OddJob.set(queue: queue).perform_later('fail')
    invoke(queue)
    assert_equal [%w[fail]], Ledger.lines
    QueueTest::SERVER.advance(31)
    invoke(queue)

    expected = OddJob.respond_to?(:after_discard) ? [['discarded', ActJob::Failure]] : []
    assert_equal [%w[fail], %w[fail], *expected], Ledger.lines
  end

  def test_records_lacking_fields_are_reported_failed_alone
    queue = make_queue
    OddJob.set(queue: queue).perform_later('work')
    event = event(queue)
    whole = event['Records'].first
    %w[body receiptHandle].each_with_index { |field, i| event['Records'] << whole.merge('messageId' => "m#{i}").except(field) }
    event['Records'] << nil

    assert_equal ['m0', 'm1', nil], (Lambdakiq.handler(event)[:batchItemFailures].map { |item| item[:itemIdentifier] })
    assert_equal [%w[work]], Ledger.lines
  end
end

BothEngines.for('PerformInput', PerformInput)
