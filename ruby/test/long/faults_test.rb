# frozen_string_literal: true

require_relative '../support/dev_test'

# What takes its time: real seconds, days of a moved clock, hundreds of hops.
class LongFaultsTest < DevTest
  def test_b2_a_fifo_job_is_tried_five_times_in_real_time
    job = ScriptedJob.set(queue: FIFO).perform_later('acts' => ['hiccup'])
    dev.wait_for('five tries, three seconds apart') { runs(job).size >= 5 }

    assert_equal (1..5).to_a, runs(job).map { |run| run['executions'] }
    gaps_s(runs(job)).each { |gap| assert_operator gap, :>=, 2.9 }
    assert_equal 4, timeline('enqueue_retry', job).count { |entry| entry['error'] == 'ScriptedJob::Hiccup' && entry['wait'] == 3 }
  end

  def test_b9_a_wait_of_three_days_ends_on_time_and_never_early_on_both_kinds_of_queues
    due_ms = dev.clock_ms + 259_200_000
    jobs = [STANDARD, FIFO].map { |queue| ScriptedJob.set(queue: queue, wait: 3.days).perform_later('acts' => ['work']) }
    play(within_s: 170)

    jobs.each do |job|
      assert_equal [1], runs(job).map { |run| run['executions'] }
      assert_includes due_ms..(due_ms + 60_000), runs(job).first['at_ms']
    end
    assert_gone STANDARD
    assert_gone FIFO
  end

  def test_b32_three_hundred_hops_are_no_recursion
    job = ScriptedJob.set(queue: STANDARD, wait: 300 * 900).perform_later('acts' => ['work'])
    play(within_s: 170)

    assert_operator receives(job).size, :>=, 300
    assert_equal 1, runs(job).size
    assert_gone STANDARD
  end

  # The rule is at work in the local Lambda, or the test above would prove nothing.
  def test_b32_a_chain_of_new_jobs_is_a_recursion
    ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['enqueue'])
    play

    assert_equal 16, timeline('run').size
    assert_equal [1, 0, 0], dev.counts(dead(STANDARD))
  end
end
