# frozen_string_literal: true

require_relative 'jobs_case'
require_relative 'shoryuken_workers'

# Shoryuken, unmodified, sends jobs and performs them.
class ShoryukenTest < JobsCase
  def setup
    super
    Shoryuken::Client.sqs = Aws::SQS::Client.new # each test has a server of its own
  end

  def test_shoryuken_performs_and_deletes_what_was_sent_alone_in_batches_and_by_active_job
    %w[plain batches active].each { |name| make_queue(name) }
    PlainWorker.perform_async({ 'text' => 'é ✓' })
    BatchWorker.perform_async('one')
    Shoryuken::Client.queues('batches').send_messages(%w[two three])
    ShoryukenJob.perform_later('now')
    start('plain', 'batches', 'active')
    assert_equal ['plain é ✓'], wait_for_lines('plain', 1)
    assert_equal ['batch one', 'batch three', 'batch two'], wait_for_lines('batch', 3).sort
    assert_equal ['job now'], wait_for_lines('job', 1)
    %w[plain batches active].each { |name| wait_until_empty(name) }
    assert_predicate stop_worker, :success?
  end

  def test_shoryuken_performs_delayed_jobs_when_they_are_due
    %w[plain active].each { |name| make_queue(name) }
    PlainWorker.perform_in(60, { 'text' => 'later' })
    ShoryukenJob.set(wait: 120).perform_later('at last')
    start('plain', 'active')
    @server.advance(61)
    wait_for_lines('plain', 1)
    assert_empty Ledger.lines('job')
    @server.advance(60)
    assert_equal ['job at last'], wait_for_lines('job', 1)
  end

  def test_shoryuken_performs_the_jobs_of_a_fifo_group_in_order
    make_queue('orders.fifo')
    10.times { |n| OrderWorker.perform_async(n.to_s, message_group_id: "g#{n % 2}") }
    start('orders.fifo')
    lines = wait_for_lines('order', 10)
    assert_equal(%w[0 2 4 6 8], lines.grep(/ g0 /).map { |line| line[/\d+\z/] })
    assert_equal(%w[1 3 5 7 9], lines.grep(/ g1 /).map { |line| line[/\d+\z/] })
    wait_until_empty('orders.fifo')
  end

  def test_shoryuken_retries_at_its_intervals
    make_queue('stubborn')
    StubbornWorker.perform_async('x')
    start('stubborn')
    [10, 20].each_with_index do |interval, n|
      @server.wait_for("retry #{n + 1}") { @server.calls.fetch('ChangeMessageVisibility', 0) == n + 1 }
      @server.advance(interval + 1)
    end
    wait_until_empty('stubborn')
    assert_equal ['stubborn 1', 'stubborn 2', 'stubborn 3'], Ledger.lines('stubborn')
  end

  def test_a_job_that_fails_for_good_reaches_the_dead_letter_queue
    %w[dying dead].each { |name| make_queue(name) }
    policy = JSON.generate(deadLetterTargetArn: @server.arn('dead'), maxReceiveCount: 1)
    @server.call('SetQueueAttributes', QueueUrl: 'dying', Attributes: { 'RedrivePolicy' => policy })
    DyingWorker.perform_async('x')
    start('dying')
    wait_for_lines('dying', 1)
    @server.advance(31)
    @server.wait_for('the dead letter') { @server.counts('dead') == [1, 0, 0] }
    assert_equal ['dying x'], Ledger.lines('dying')
  end

  private

  def start(*queues)
    start_worker('bundle', 'exec', 'shoryuken', '-r', './shoryuken_workers.rb', '-c', '4', '-q', *queues)
  end
end
