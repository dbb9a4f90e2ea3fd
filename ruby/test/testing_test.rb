# frozen_string_literal: true

require_relative 'test_helper'
require 'active_support/testing/time_helpers'
require 'active_support/core_ext/numeric/time'
require 'lambdakiq/testing'

# Lambdakiq::Testing as applications' tests use it. No server: the environment names none.
class TestingTest < Minitest::Test
  include ActiveSupport::Testing::TimeHelpers
  include Lambdakiq::Testing::Assertions

  TESTING = Lambdakiq::Testing
  BACKOFF = [30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10_180, 14_836].freeze

  def setup
    Lambdakiq.config.metrics_enabled = false
    Ledger.clear
    TESTING.fake!
    TESTING.clear
  end

  def teardown
    TESTING.disable!
    travel_back
    Lambdakiq.instance_variable_set(:@config, nil)
  end

  def test_a_job_waits_as_the_message_it_would_be
    job = ActJob.set(queue: 'jobs').perform_later('work', 1)
    message = TESTING.queues['jobs'].messages.first

    assert_equal [job.provider_job_id, job.job_id, 'ActJob', ['work', 1], 0],
                 [message.message_id, message.job_id, message.job_class, message.arguments, message.receive_count]
    assert_equal({ 'lambdakiq' => { string_value: '1', data_type: 'String' } }, message.params[:message_attributes])
    assert_empty Ledger.lines
  end

  def test_what_is_due_is_performed_through_the_handler
    ActJob.set(queue: 'jobs').perform_later('work', 1)

    assert_equal 1, TESTING.perform_due
    assert_equal [['work', 1, 1]], Ledger.lines
    assert_empty TESTING.queues['jobs']
    assert_job_performed ActJob, with: ['work', 1]
    refute_job_waiting ActJob
  end

  # B1: the whole ladder in a moment.
  def test_a_job_that_fails_runs_thirteen_times_over_eleven_and_a_half_hours_and_is_dead
    ActJob.set(queue: 'jobs').perform_later('fail')
    assert_equal 13, TESTING.drain

    assert_equal BACKOFF, TESTING.runs.map(&:at).each_cons(2).map { |before, after| (after - before).round }
    assert_equal (1..13).map { |execution| ['fail', execution] }, Ledger.lines
    assert_equal 13, assert_job_dead(ActJob, with: ['fail'], queue: 'jobs').receive_count
    assert_predicate TESTING.queues['jobs'], :empty?
  end

  def test_the_clock_moves_as_far_as_it_is_told
    ActJob.set(queue: 'jobs').perform_later('fail')

    assert_equal 1, TESTING.advance(29)
    assert_equal 1, TESTING.advance(2)
    assert_equal 2, TESTING.queues['jobs'].messages.first.receive_count
    assert_in_delta 46, TESTING.queues['jobs'].messages.first.visible_at - TESTING.runs.last.at, 5
  end

  # B9
  def test_a_delay_of_days_is_kept_to_the_second_over_all_its_hops
    ActJob.set(queue: 'jobs', wait: 3.days).perform_later
    enqueued = TESTING.now

    assert_equal 0, TESTING.advance(3.days - 20)
    assert_equal 1, TESTING.advance(21)
    assert_in_delta 3.days, TESTING.runs.first.at - enqueued, 20
    assert_operator TESTING.runs.first.at - enqueued, :>=, 3.days - 0.1
  end

  def test_the_end_of_a_wait_is_the_same_in_each_of_its_messages
    dues = []
    note = ->(*) { dues << TESTING.messages.last.params.dig(:message_attributes, 'due_at', :string_value) }
    ActJob.set(queue: 'jobs', wait: 3.days).perform_later
    ActiveSupport::Notifications.subscribed(note, 'hopped.lambdakiq') { TESTING.drain }

    assert_equal 287, dues.size
    assert_equal 1, dues.compact.uniq.size
  end

  # On the way the hops take their time, and SQS counts whole seconds.
  def test_a_clock_that_is_moved_by_a_jobs_wait_performs_it
    waits = [1, 900, 1000.25, 2.hours, 3.days]
    waits.product(['jobs', 'jobs.fifo']) do |wait, queue|
      job = ActJob.set(queue: queue, wait: wait).perform_later
      due = TESTING.now + wait

      assert_equal 1, TESTING.advance(wait), "#{wait} s in #{queue}"
      assert_operator TESTING.runs.last.at, :>=, Time.at(job.scheduled_at.to_f) - 0.002
      assert_in_delta due, TESTING.runs.last.at, 20
    end
  end

  def test_a_fifo_delay_is_kept_and_is_no_try
    ActJob.set(queue: 'jobs.fifo', wait: 1.hour).perform_later
    enqueued = TESTING.now

    assert_equal 1, TESTING.drain
    assert_in_delta 1.hour, TESTING.runs.first.at - enqueued, 20
    assert_equal [['work', 1]], Ledger.lines
  end

  def test_a_fifo_queue_with_one_receive_moves_its_clock_instead_of_sleeping
    TESTING.queue('jobs.fifo', max_receive_count: 1)
    ActJob.set(queue: 'jobs.fifo', wait: 60).perform_later

    assert_equal 1, TESTING.drain
  end

  # B2
  def test_retry_on_works_on_fifo_queues_where_the_same_id_would_be_dropped
    AgainJob.set(queue: 'jobs.fifo').perform_later
    TESTING.drain

    assert_equal [['again', 1], ['again', 2], ['again', 3]], Ledger.lines
    assert_no_dead_jobs
  end

  def test_a_fifo_group_keeps_its_order_and_other_groups_go_on
    queue = TESTING.queue('jobs.fifo', batch_size: 10)
    GroupJob.set(queue: 'jobs.fifo').perform_later('a', 'fail')
    GroupJob.set(queue: 'jobs.fifo').perform_later('a', 'second')
    GroupJob.set(queue: 'jobs.fifo').perform_later('b', 'other')
    TESTING.perform_due

    assert_equal [%w[a fail], %w[b other]], Ledger.lines
    TESTING.drain
    assert_equal %w[a second], Ledger.lines.last
    assert_equal 1, queue.dead_letters.size
  end

  def test_the_same_fifo_job_twice_is_one
    job = ActJob.new('work')
    2.times { job.enqueue(queue: 'jobs.fifo') }

    assert_equal 1, TESTING.queues['jobs.fifo'].size
  end

  def test_queues_are_set_up_as_they_are_on_aws
    TESTING.queue('few', max_receive_count: 3)
    TESTING.queue('none', max_receive_count: nil)
    %w[few none].each { |queue| ActJob.set(queue: queue).perform_later('fail') }
    TESTING.drain

    assert_equal({ 'few' => 3, 'none' => 1 }, TESTING.runs.map { |run| run.job.queue_name }.tally)
    assert_equal(%w[few], TESTING.dead_letters.map { |message| message.job_data['queue_name'] })
  end

  def test_options_of_a_class_count
    OnceJob.set(queue: 'jobs').perform_later('fail')

    assert_equal 1, TESTING.drain
    assert_empty TESTING.messages # deleted: its own `retry` is spent
    assert_no_dead_jobs
  end

  def test_inline_performs_at_once_and_retries_when_the_clock_moves
    TESTING.inline! do
      ActJob.set(queue: 'jobs').perform_later('fail')
      assert_equal [['fail', 1]], Ledger.lines
      TESTING.advance(31)
      assert_equal [['fail', 1], ['fail', 2]], Ledger.lines
    end
    ActJob.set(queue: 'jobs').perform_later('later')

    assert_equal 2, Ledger.lines.size
    assert_predicate TESTING, :enabled?
  end

  def test_a_job_that_enqueues_a_job_is_finished_first
    parent = Class.new(ApplicationJob) do
      def self.name
        'TestingTest::ParentJob'
      end

      def perform
        ActJob.set(queue: 'jobs').perform_later('child')
        Ledger.write('parent')
      end
    end
    TestingTest.const_set(:ParentJob, parent)
    TESTING.inline! { parent.set(queue: 'jobs').perform_later }

    assert_equal [['parent'], ['child', 1]], Ledger.lines
  end

  def test_many_at_once
    return assert(true) unless ActiveJob.respond_to?(:perform_all_later)

    ActiveJob.perform_all_later(Array.new(12) { |number| ActJob.new('work', number).set(queue: 'jobs') })
    assert_equal 12, TESTING.perform_due
  end

  def test_a_poison_message_and_exits_harm_nobody
    %w[exit work].each { |act| ActJob.set(queue: 'jobs').perform_later(act) }
    Lambdakiq.client.sqs.send_message(queue_url: 'jobs', message_body: '{"job_class":"Nobody"}',
                                      message_attributes: Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE)
    TESTING.drain

    assert_equal({ 'exit' => 13, 'work' => 1 }, Ledger.lines.map(&:first).tally)
    assert_equal(%w[ActJob Nobody], TESTING.dead_letters.map(&:job_class).sort)
  end

  def test_messages_do_not_outlive_their_retention
    TESTING.queue('jobs', retention: 3600)
    ActJob.set(queue: 'jobs').perform_later
    TESTING.queues['jobs'] # not performed in time
    Lambdakiq::Testing::Clock.move_to(Lambdakiq::Testing::Clock.now_ms + 3_600_000)

    assert_equal 0, TESTING.perform_due
    assert_empty TESTING.messages
  end

  def test_time_that_is_travelled_is_time_that_has_passed
    ActJob.set(queue: 'jobs', wait: 1.hour).perform_later
    travel 59.minutes
    assert_equal 0, TESTING.perform_due
    travel 2.minutes
    assert_equal 1, TESTING.perform_due
  end

  def test_a_time_that_stands_still_is_moved_as_well
    travel_to(Time.now + (7 * 86_400)) do
      ActJob.set(queue: 'jobs', wait: 10.minutes).perform_later
      sent = TESTING.now
      assert_in_delta Time.now.to_f, sent.to_f, 0.1
      assert_equal 1, TESTING.advance(10.minutes)
      assert_in_delta 600, TESTING.now - sent, 1.1
    end
  end

  def test_sixteen_threads_enqueue
    Array.new(16) { |thread| Thread.new { 10.times { |job| ActJob.set(queue: 'jobs').perform_later('work', thread, job) } } }.each(&:join)

    assert_equal 160, TESTING.perform_due
    assert_equal 160, Ledger.lines.uniq.size
  end

  def test_processes_that_test_side_by_side_have_a_clock_each
    ActJob.set(queue: 'jobs', wait: 3600).perform_later
    worker = fork do
      ran = TESTING.advance(3601)
      exit!(ran == 1)
    end

    assert_predicate Process.wait2(worker).last, :success?
    assert_equal 0, TESTING.advance(1)
  end

  def test_predicates_for_rspec
    ActJob.set(queue: 'jobs').perform_later('work')
    assert TESTING.waiting?(ActJob, with: ['work'])
    refute TESTING.performed?(ActJob)
    TESTING.drain
    assert TESTING.performed?(ActJob, with: ['work'])
    refute TESTING.dead?(ActJob)
  end

  def test_assertions_say_what_there_is_instead
    ActJob.set(queue: 'jobs').perform_later('work')

    assert_match(/no OnceJob waits; there are: .*ActJob/, assert_raises(Minitest::Assertion) { assert_job_waiting(OnceJob) }.message)
    assert_match(/no ActJob is dead/, assert_raises(Minitest::Assertion) { assert_job_dead(ActJob) }.message)
    assert_equal 'jobs', assert_job_waiting(ActJob, queue: 'jobs').job_data['queue_name']
  end

  def test_a_job_that_has_no_end_is_an_error_not_a_hang
    forever = Class.new(ApplicationJob) do
      def self.name
        'TestingTest::ForeverJob'
      end

      def perform
        self.class.set(queue: 'jobs', wait: 1).perform_later
      end
    end
    TestingTest.const_set(:ForeverJob, forever)
    forever.set(queue: 'jobs').perform_later

    assert_match(/50 moves.*ForeverJob/, assert_raises(RuntimeError) { TESTING.drain(moves: 50) }.message)
  end

  def test_an_interrupt_from_the_keyboard_reaches_the_test
    ActJob.set(queue: 'jobs').perform_later('interrupt')

    assert_raises(SignalException) { TESTING.perform_due }
  end

  def test_disabling_leaves_nothing_behind
    before = ENV['LAMBDAKIQ_CLOCK_FILE']
    TESTING.disable! do
      assert_nil Lambdakiq.config.client
      refute_equal before, ENV['LAMBDAKIQ_CLOCK_FILE']
      refute_predicate TESTING, :enabled?
    end

    assert_predicate TESTING, :enabled?
    assert_same TESTING.queues, Lambdakiq.config.client
  end
end
