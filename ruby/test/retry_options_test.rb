# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/both_engines'

class ChosenWaitJob < ActJob
  class << self
    attr_accessor :answer
  end
  lambdakiq_retry_in do |count, error, job|
    Ledger.write('asked', count, error.class, job.class)
    answer.respond_to?(:call) ? answer.call(count) : answer
  end
end

class InheritedWaitJob < ChosenWaitJob; end

class LastWordJob < ActJob
  class << self
    attr_accessor :word
  end
  lambdakiq_retries_exhausted do |job, error|
    Ledger.write('exhausted', job.job_id, error.class)
    word&.call(job)
  end
end

class LastWordOnceJob < LastWordJob
  lambdakiq_options retry: 0
end

class UnwantedJob < LastWordJob
  lambdakiq_options dead: :delete
end

class KeptJob < LastWordJob
  lambdakiq_options retry: 1, dead: :dlq
end

# Retries of their own: more and fewer than the configuration's four.
module OwnRetries
  LIMITS = { Nil: [nil, 4], Nine: [9, 9], One: [1, 1], None: [false, 0], All: [true, 12], Many: [2**40, 12] }.freeze

  LIMITS.each { |name, (value)| const_set(name, Class.new(ActJob) { lambdakiq_options retry: value }) }
end

# What a class may say about its retries and its death.
module RetryOptions
  def setup
    super
    ChosenWaitJob.answer = LastWordJob.word = nil
  end

  def test_the_job_overrides_the_configuration_both_ways
    Lambdakiq.config.max_retries = 4
    limits = OwnRetries::LIMITS.to_h do |name, _|
      queue = make_queue
      OwnRetries.const_get(name).set(queue: queue).perform_later('fail')
      told = events(/\A(enqueue_retry|retry_stopped)\.active_job\z/) { invoke(queue) }
      [name, told.map { |event| event.payload[:limit] }]
    end

    assert_equal OwnRetries::LIMITS.transform_values { |(_, limit)| [limit] }, limits
  end

  # B31, and no dead-letter queue.
  def test_what_a_queues_settings_cost_is_warned_of_once_in_a_batch
    { no_redrive: make_queue(dead_letters: false), retention: make_queue(MessageRetentionPeriod: '60') }.each do |warning, queue|
      2.times { ActJob.set(queue: queue).perform_later('fail') }
      QueueTest::SERVER.advance(40)
      told = events("#{warning}.lambdakiq") { invoke(queue) }

      assert_equal [queue], told.map { |event| event.payload[:queue] }, warning
      assert_includes LOG.string, told.first.payload[:text]
    end
  end

  def test_a_job_that_loses_its_place_in_its_group_by_a_long_wait_is_warned_of
    queue = make_queue(fifo: true)
    GroupJob.set(queue: queue, wait: 2 * 86_400).perform_later('a', 'work')
    ActJob.set(queue: queue, wait: 2 * 86_400).perform_later
    told = events('long_group.lambdakiq') do
      2.times do
        invoke(queue)
        QueueTest::SERVER.advance(43_200)
      end
    end

    assert_equal [queue], told.map { |event| event.payload[:queue] }
    assert_equal [2, 0, 0], counts(queue)
  end

  def test_a_job_chooses_its_wait_by_count_and_error
    ChosenWaitJob.answer = ->(count) { (count + 1) * 10 }
    queue = make_queue
    ChosenWaitJob.set(queue: queue).perform_later('fail')
    waits = Array.new(3) { |round| wait_of(queue).tap { QueueTest::SERVER.advance((round + 1) * 10 + 1) } }

    assert_equal [10, 20, 30], waits
    assert_equal [0, 1, 2].map { |count| ['asked', count, ActJob::Failure, ChosenWaitJob] },
                 (Ledger.lines.select { |line| line.first == 'asked' })
  end

  def test_subclasses_inherit_the_choice
    ChosenWaitJob.answer = 7
    queue = make_queue
    InheritedWaitJob.set(queue: queue).perform_later('fail')

    assert_equal 7, wait_of(queue)
  end

  def test_a_wait_is_rounded_up_and_cut_to_what_sqs_accepts
    { 0.2 => 1, 2.minutes => 120, 1e300 => 42_870, Float::INFINITY => 42_870, 10**30 => 42_870 }.each do |answer, wait|
      ChosenWaitJob.answer = answer
      queue = make_queue
      ChosenWaitJob.set(queue: queue).perform_later('fail')

      assert_in_delta wait, wait_of(queue), 2, answer.inspect
    end
  end

  def test_nil_is_the_usual_backoff
    queue = make_queue
    ChosenWaitJob.set(queue: queue).perform_later('fail')

    assert_equal 30, wait_of(queue)
    refute_match(/usual backoff/, LOG.string)
  end

  def test_what_makes_no_sense_is_warned_of_and_the_usual_backoff
    [0, -1, Float::NAN, Complex(1, 1), :kill, 'soon', Object.new].each do |answer|
      LOG.truncate(0)
      ChosenWaitJob.answer = answer
      queue = make_queue
      ChosenWaitJob.set(queue: queue).perform_later('fail')

      assert_equal 30, wait_of(queue), answer.class
      assert_match(/lambdakiq_retry_in of ChosenWaitJob is .*usual backoff/, LOG.string)
    end
  end

  def test_a_choice_that_fails_is_logged_and_the_usual_backoff
    [-> { raise 'no idea' }, -> { exit }, -> { throw :x }, -> { raise NotImplementedError }].each do |act|
      LOG.truncate(0)
      ChosenWaitJob.answer = ->(_) { act.call }
      queue = make_queue
      ChosenWaitJob.set(queue: queue).perform_later('fail')

      assert_equal 30, wait_of(queue)
      assert_match(/lambdakiq_retry_in of ChosenWaitJob failed/, LOG.string)
    end
  end

  def test_a_job_that_is_discarded_is_deleted_with_an_event
    ChosenWaitJob.answer = :discard
    queue = make_queue
    ChosenWaitJob.set(queue: queue).perform_later('fail')
    stopped = events('retry_stopped.active_job') { @discarded = events('discard.active_job') { assert_empty invoke(queue) } }

    assert_equal [ActJob::Failure], (@discarded.map { |event| event.payload[:error].class })
    assert_empty stopped
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_nobody_is_asked_for_a_wait_when_no_retry_follows
    ChosenWaitJob.answer = 5
    queue = make_queue(max_receive_count: 1)
    ChosenWaitJob.set(queue: queue).perform_later('fail')
    invoke(queue)

    assert_equal [['fail', 1]], Ledger.lines
  end

  def test_a_death_is_told_to_the_class_once_with_job_and_error
    queue = make_queue(max_receive_count: 2)
    job = LastWordJob.set(queue: queue).perform_later('fail')
    invoke(queue)
    assert_empty exhausted
    QueueTest::SERVER.advance(31)
    invoke(queue)
    QueueTest::SERVER.advance(43_200)
    invoke(queue)

    assert_equal [['exhausted', job.job_id, ActJob::Failure]], exhausted
    assert_equal 1, counts(dead(queue)).first
  end

  def test_a_death_is_told_before_the_message_is_let_go
    queue = make_queue
    LastWordJob.word = ->(_) { Ledger.write('counts', counts(queue)) }
    LastWordOnceJob.set(queue: queue).perform_later('fail')
    invoke(queue)

    assert_includes Ledger.lines, ['counts', [0, 1, 0]]
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_a_last_word_that_fails_changes_nothing
    [-> { raise 'mail server' }, -> { exit }, -> { throw :x }].each do |act|
      LOG.truncate(0)
      LastWordJob.word = ->(_) { act.call }
      queue = make_queue
      LastWordOnceJob.set(queue: queue).perform_later('fail')
      stopped = events('retry_stopped.active_job') { assert_empty invoke(queue) }

      assert_equal 1, stopped.size
      assert_equal [0, 0, 0], counts(queue)
      assert_match(/lambdakiq_retries_exhausted of LastWordOnceJob failed/, LOG.string)
    end
  end

  # B2
  def test_a_job_that_sends_itself_again_at_its_death_is_not_deduplicated
    queue = make_queue(fifo: true)
    LastWordJob.word = ->(job) { job.retry_job if Ledger.lines.count { |line| line.first == 'fail' } < 2 }
    LastWordOnceJob.set(queue: queue).perform_later('fail')
    2.times { invoke(queue) }

    assert_equal 2, exhausted.size
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_dead_delete_deletes_at_the_last_receive_too
    queue = make_queue(max_receive_count: 2)
    UnwantedJob.set(queue: queue).perform_later('fail')
    assert_equal 1, invoke(queue).size
    QueueTest::SERVER.advance(31)
    stopped = events('retry_stopped.active_job') { assert_empty invoke(queue) }

    assert_equal 1, stopped.size
    assert_equal 1, exhausted.size
    assert_equal [[0, 0, 0]] * 2, [counts(queue), counts(dead(queue))]
  end

  def test_dead_dlq_keeps_a_job_whose_own_retries_are_spent
    queue = make_queue(max_receive_count: 4)
    KeptJob.set(queue: queue).perform_later('fail')
    2.times { invoke(queue) && QueueTest::SERVER.advance(31) }
    4.times { invoke(queue) }

    assert_equal [['fail', 1], ['fail', 2]], (Ledger.lines.select { |line| line.first == 'fail' })
    assert_equal 1, exhausted.size
    assert_equal [[0, 0, 0], [1, 0, 0]], [counts(queue), counts(dead(queue))]
  end

  def test_jitter_never_shortens_the_backoff
    Lambdakiq.config.jitter = 100
    queue = make_queue
    10.times { ActJob.set(queue: queue).perform_later('fail') }
    waits = events('enqueue_retry.active_job') { invoke(queue) }.map { |event| event.payload[:wait] }

    assert_empty waits.reject { |wait| (30..60).cover?(wait) }
    assert_operator waits.uniq.size, :>, 1, 'ten equal draws of 31: once in 10^13'
  end

  private

  def wait_of(queue)
    events('enqueue_retry.active_job') { invoke(queue) }.first.payload[:wait]
  end

  def exhausted
    Ledger.lines.select { |line| line.first == 'exhausted' }
  end
end

BothEngines.for('RetryOptions', RetryOptions)

# The core's batch reads the clock that tests move, as the server does.
class RetryOptionsTest
  def test_a_wait_does_not_outlast_the_message
    ChosenWaitJob.answer = 10_000
    queue = make_queue(MessageRetentionPeriod: '600')
    ChosenWaitJob.set(queue: queue).perform_later('fail')

    assert_operator wait_of(queue), :<=, 540
  end
end
