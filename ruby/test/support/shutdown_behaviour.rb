# frozen_string_literal: true

require_relative '../test_helper'
require_relative 'dev_server'
require_relative 'scripted_jobs'

# How worker processes below `lambdakiq dev` end, whatever it is that runs the handler in them: a test's
# `start` says so. The queue's visibility timeout is beyond all patience here and no clock is moved: what
# is performed again was given back.
module ShutdownBehaviour
  def teardown
    @dev&.stop
    super
  end

  def test_sigterm_in_mid_batch_lets_the_job_finish_and_gives_back_the_rest_at_once
    start
    jobs = enqueue(['until stopping'], ['work'], ['work'], ['work'])
    terminate(first_worker)
    wait_until_done(4)

    assert_equal jobs.map(&:job_id).sort, timeline('run').map { |run| run['job'] }.sort, 'each runs once'
    assert_equal 2, workers.size
    assert_operator timeline('note').count { |note| note['kind'] == 'unstarted.lambdakiq' }, :>=, 3
  end

  def test_sigterm_ends_an_idle_process_and_another_takes_its_place
    start
    enqueue(['work'])
    @dev.wait_for('the end of the invocation') { @dev.log.include?('REPORT RequestId') }
    terminate(first_worker)
    wait_until_gone(first_worker)
    enqueue(['work'])
    wait_until_done(2)

    assert_equal 2, workers.size
    assert_equal [1, 1], timeline('run').map { |run| run['executions'] }
  end

  def test_a_function_with_the_shutdown_extension_is_told_of_its_end
    start('SHUTDOWN_EXTENSION' => '1')
    enqueue(['work'])
    wait_until_done(1)
    registered = ended = nil
    @dev.stop do
      registered = timeline('extension')
      ended = timeline('ended')
    end
    @dev = nil

    assert_equal [true], registered.map { |entry| entry['registered'] }
    assert_equal [true], ended.map { |entry| entry['stopping'] }
  end

  private

  # One worker process, and batches of ten.
  def run_dev(**options)
    @dev = DevServer.new(queues: ['jobs'], batch_size: 10, timeout: 300, **options)
  end

  # As many jobs in one call, so that they come in one batch.
  def enqueue(*acts)
    @dev.use do
      jobs = acts.map { |act| ScriptedJob.new('acts' => act).set(queue: 'jobs') }
      ActiveJob::Base.queue_adapter.enqueue_all(jobs)
      jobs
    end
  end

  def timeline(what)
    @dev.timeline.select { |entry| entry['what'] == what }
  end

  # Processes that ran a job, in order.
  def workers
    timeline('run').map { |run| run['pid'] }.uniq
  end

  def first_worker
    @dev.wait_for('a job to run') { workers.any? }
    workers.first
  end

  def wait_until_done(count)
    @dev.wait_for("#{count} jobs to be done") { timeline('done').size >= count && @dev.waiting.zero? }
  end

  def terminate(pid)
    Process.kill('TERM', pid)
  end

  def wait_until_gone(pid)
    @dev.wait_for('the process to be gone') do
      Process.kill(0, pid) && false
    rescue Errno::ESRCH
      true
    end
  end
end
