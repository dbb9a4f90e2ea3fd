# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/dev_server'
require 'globalid'

# A Rails application and a program in C on the same queues: each performs what the other enqueues. The
# program is test/fixtures/worker.c, under `lambdakiq dev` as the jobs function.
class CWorkerTest < QueueTest
  ROOT = File.expand_path('../..', __dir__)
  PROGRAM = %w[dev asan].map { |preset| "#{ROOT}/build/#{preset}/test/fixture_worker" }.find { |path| File.executable?(path) } ||
            abort('the program in C is missing: cmake --preset dev && cmake --build --preset dev --target fixture_worker')
  TRACE = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'

  # Their perform is in C.
  class CJob < ApplicationJob
    def self.name
      super.split('::').last
    end
  end
  class ReadJob < CJob; end
  class OkJob < CJob; end
  class SendJob < CJob; end
  class GroupedJob < CJob
    lambdakiq_options message_group_id: 'g'

    def self.name
      'OkJob'
    end
  end

  # A record of a model.
  class Picture
    include GlobalID::Identification
    attr_reader :id

    def initialize(id)
      @id = id
    end
  end

  class << self
    def dev
      @dev ||= DevServer.new(queues: %w[c-jobs c-line.fifo], worker: [PROGRAM], batch_size: 10).tap do |server|
        Minitest.after_run { server.stop }
      end
    end
  end

  def setup
    super
    @lines_before = dev.ledger.size
  end

  def run
    dev.use { super }
  end

  # --- Rails enqueues, C performs

  def test_c_reads_what_rails_serializes
    GlobalID.app = 'shop'
    time = Time.utc(2025, 1, 2, 3, 4, 5)
    ReadJob.set(queue: 'c-jobs').perform_later('é', -3, 1.5, true, Picture.new(1), :fast, time, list: [1, 2])
    wait_for_lines(/\Aread é -3 1\.50 1 gid:\/\/shop\/CWorkerTest::Picture\/1 fast #{time.to_i * 1000} 2\z/, 1)
    assert_gone 'c-jobs'
  end

  def test_c_performs_jobs_when_they_are_due
    due_ms = dev.clock_ms + (40 * 60_000)
    OkJob.set(queue: 'c-jobs', wait: 40.minutes).perform_later('late')
    [900, 900, 601].each do |seconds| # SQS delays by 900 at most: sent on twice
      dev.wait_for('the job to be sent on') { dev.counts('c-jobs') == [0, 0, 1] }
      dev.advance(seconds)
    end
    wait_for_lines(/\Aend OkJob/, 1)

    starts = lines(/\Astart OkJob .*\["late"\]/)
    assert_equal 1, starts.size
    assert_operator starts.first[/at=(\d+)/, 1].to_i, :>=, due_ms
    assert_gone 'c-jobs'
  end

  def test_c_keeps_the_order_of_a_group
    (1..12).each { |number| GroupedJob.set(queue: 'c-line.fifo').perform_later(number) }
    wait_for_lines(/\Aend OkJob/, 12)

    assert_equal (1..12).to_a, lines(/\Aend OkJob/).map { |line| line[/\[(\d+)\]/, 1].to_i }
    assert_gone 'c-line.fifo'
  end

  # --- C enqueues, Rails performs

  def test_rails_performs_what_c_enqueues
    queue = make_queue
    by_c queue, 'ActJob', ['work', 'é', 2, { 'a' => [nil, 1.5] }]
    message, = receive(queue)
    failed = Lambdakiq.handler(event(queue, [message]))

    assert_empty failed.fetch(:batchItemFailures)
    assert_equal [['work', 1, 'é', 2, { 'a' => [nil, 1.5] }]], Ledger.lines
    job = JSON.parse(message.body)
    assert_equal [queue, 'ActJob'], job.values_at('queue_name', 'job_class')
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_a_job_of_c_fails_in_rails_as_any_other
    queue = make_queue
    by_c queue, 'ActJob', ['fail']

    assert_equal 1, invoke(queue).size
    assert_equal [['fail', 1]], Ledger.lines
    assert_equal [0, 1, 0], counts(queue)
  end

  def test_rails_waits_for_what_c_enqueued_for_later
    queue = make_queue
    by_c queue, 'ActJob', ['work'], delay_ms: 30 * 60_000
    assert_equal [0, 0, 1], counts(queue)
    dev.advance(900)
    assert_empty invoke(queue) # sent on with what remains
    assert_empty Ledger.lines
    dev.advance(901)
    assert_empty invoke(queue)
    assert_equal [['work', 1]], Ledger.lines
  end

  def test_groups_duplicates_and_traces_of_c_arrive
    queue = make_queue(fifo: true, max_receive_count: 14)
    by_c queue, 'ActJob', ['first'], group: 'g', deduplication_id: 'once', trace: TRACE
    by_c queue, 'ActJob', ['again'], group: 'g', deduplication_id: 'once'
    messages = receive(queue)

    assert_equal 1, messages.size
    assert_equal ['g', 'once', TRACE], messages.first.attributes.values_at('MessageGroupId', 'MessageDeduplicationId', 'AWSTraceHeader')
  end

  private

  def dev
    self.class.dev
  end

  # A job in C enqueues one of ours.
  def by_c(queue, job_class, arguments, **options)
    seen = lines(/\Aend SendJob/).size
    SendJob.set(queue: 'c-jobs').perform_later(queue, job_class, arguments, **options)
    wait_for_lines(/\Aend SendJob/, seen + 1)
  end

  # What the program wrote in this test.
  def lines(pattern)
    dev.ledger.drop(@lines_before).grep(pattern)
  end

  def wait_for_lines(pattern, count)
    dev.wait_for("#{count} lines #{pattern.inspect} in #{dev.ledger.inspect}") { lines(pattern).size >= count }
  end

  def assert_gone(queue)
    dev.wait_for("#{queue} to be empty") { dev.counts(queue) == [0, 0, 0] }
  end
end
