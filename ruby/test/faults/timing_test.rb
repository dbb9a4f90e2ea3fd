# frozen_string_literal: true

require_relative '../support/dev_test'

# When jobs run, and how often that is said to be. The numbers are those of docs/semantics.md.
class TimingTest < DevTest
  def test_b9_a_wait_over_fifteen_minutes_ends_on_time_on_both_kinds_of_queues
    due_ms = dev.clock_ms + 3_000_000
    jobs = [STANDARD, FIFO].map { |queue| ScriptedJob.set(queue: queue, wait: 3000).perform_later('acts' => ['work']) }
    play

    jobs.each do |job|
      assert_equal [1], runs(job).map { |run| run['executions'] }
      assert_includes due_ms..(due_ms + 30_000), runs(job).first['at_ms']
    end
    assert_equal [4, 2], jobs.map { |job| receives(job).size }, '900 s at a time, or one visibility timeout'
  end

  def test_b10_a_past_time_means_at_once
    jobs = [STANDARD, FIFO].map { |queue| ScriptedJob.set(queue: queue, wait_until: Time.now - 60).perform_later('acts' => ['work']) }
    dev.wait_for('both to run') { jobs.all? { |job| runs(job).any? } }
    play

    assert_gone STANDARD
    assert_gone FIFO
  end

  def test_b11_a_fifo_delay_is_no_try
    job = ScriptedJob.set(queue: FIFO, wait: 20).perform_later('acts' => ['raise'])
    play

    assert_equal (1..13).to_a, runs(job).map { |run| run['executions'] }
    assert_equal 30, timeline('enqueue_retry', job).first['wait']
    assert_equal 14, receives(job).size, 'the delay spent one'
    assert_dead FIFO, job
  end

  # ActiveJob sends the job anew, which starts Lambdakiq's count; what it gives up on Lambdakiq retries.
  def test_b12_retry_on_and_lambdakiqs_retries_stack
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => %w[raise hiccup raise work])
    play

    assert_equal [1, 2, 3, 4], runs(job).map { |run| run['executions'] }
    assert_equal [30, 3, 30], timeline('enqueue_retry', job).map { |entry| entry['wait'] }.map(&:round)
    assert_equal [1, 2, 1, 2], receives(job).map { |record| record['receive'] }
    assert_gone STANDARD
  end

  # More than 16 invocations that would look like a loop, if re-sends carried their Lineage.
  def test_b32_a_long_wait_is_no_recursion
    job = ScriptedJob.set(queue: STANDARD, wait: 20 * 900).perform_later('acts' => ['work'])
    play

    assert_operator receives(job).size, :>, 16
    assert_equal 1, runs(job).size
    assert_gone STANDARD
  end
end

# The same, where the settings of a queue or of the library are what counts.
class TimingOfOneEventTest < QueueTest
  def test_b11_where_one_receive_is_all_there_is_a_delayed_fifo_job_is_sent_anew
    queue = make_queue(fifo: true, max_receive_count: 1)
    ActJob.set(queue: queue, wait: 20).perform_later
    invoke(queue)
    SERVER.advance(20)
    invoke(queue)

    assert_equal [['work', 1]], Ledger.lines
    assert_empty receive(dead(queue))
  end

  def test_b14_jitter_adds_up_to_its_percentage_of_the_backoff
    Lambdakiq.config.jitter = 50
    queue = make_queue
    30.times { ActJob.set(queue: queue).perform_later('fail') }
    waits = events('enqueue_retry.active_job') { 3.times { invoke(queue) } }.map { |event| event.payload[:wait] }

    assert_equal 30, waits.size
    waits.each { |wait| assert_includes 30..45, wait }
    assert_operator waits.uniq.size, :>, 1
  end

  def test_b15_a_record_that_does_not_say_how_often_it_was_received_counts_as_received_once
    queue = make_queue
    ActJob.set(queue: queue).perform_later('fail')
    event = event(queue)
    event['Records'].first['attributes'].delete('ApproximateReceiveCount')
    waits = events('enqueue_retry.active_job') { Lambdakiq.handler(event) }.map { |retried| retried.payload[:wait] }

    assert_equal [['fail', 1]], Ledger.lines
    assert_equal [30], waits
  end

  # A retry further up the ladder would hide the message longer than its queue keeps it.
  def test_b31_no_retry_outlasts_the_retention_period
    queue = make_queue(MessageRetentionPeriod: '300', max_receive_count: 9)
    ActJob.set(queue: queue).perform_later('fail')
    waits = Array.new(9) do
      retries = events('enqueue_retry.active_job') { invoke(queue) }
      retries.map { |event| event.payload[:wait] }.first.tap { |wait| SERVER.advance(wait.to_i) }
    end
    invoke(queue)

    assert_equal [30, 46, 76], waits.first(3)
    assert_operator waits.compact.sum, :<, 300
    assert_equal 9, Ledger.lines.size
    assert_equal 1, receive(dead(queue)).size
    assert_match(/MessageRetentionPeriod/, LOG.string)
  end
end
