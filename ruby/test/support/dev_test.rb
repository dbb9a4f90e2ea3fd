# frozen_string_literal: true

require_relative '../test_helper'
require_relative 'dev_server'
require_relative 'faulty_proxy'
require_relative 'scripted_jobs'

# Tests with everything real: `lambdakiq dev`, its mapping, workers that run `lambdakiq-handler`, and a
# clock that is moved. One server for all of them; each test leaves its queues empty.
class DevTest < QueueTest
  STANDARD = 'jobs'
  FIFO = 'line.fifo'

  class << self
    # @return [DevServer] with batches of ten and the settings of the documentation
    def dev
      @@dev ||= begin # rubocop:disable Style/ClassVars
        proxy = FaultyProxy.new { |action, parameters| DevTest.rule&.call(action, parameters) }
        server = DevServer.new(queues: [STANDARD, FIFO], proxy: proxy, batch_size: 10, timeout: 30)
        Minitest.after_run do
          server.stop
          proxy.close
        end
        server
      end
    end

    # What the calls of the workers meet, see {FaultyProxy}.
    attr_accessor :rule
  end

  def setup
    super
    @lines_before = dev.timeline.size
  end

  def run
    dev.use { super }
  end

  def teardown
    DevTest.rule = nil
    [STANDARD, FIFO].each { |queue| [queue, dead(queue)].each { |name| sqs.purge_queue(queue_url: name) } }
    super
  end

  private

  def dev
    DevTest.dev
  end

  def dead(queue)
    queue.end_with?('.fifo') ? queue.sub('.fifo', '-dlq.fifo') : "#{queue}-dlq"
  end

  # Calls of the workers' for which the block names a fault.
  def fault(&rule)
    DevTest.rule = rule
  end

  # Lets all be done that is due, now or ever.
  def play(**options, &block)
    dev.run_until_quiet(**options, &block)
  end

  # What happened in this test; with a job, to it.
  def timeline(what, job = nil)
    dev.timeline.drop(@lines_before).select do |entry|
      entry['what'] == what && (job.nil? || entry['job'] == job.job_id || entry['message'] == job.provider_job_id)
    end
  end

  def runs(job)
    timeline('run', job)
  end

  # Records the workers got of a message, or of all messages of a job.
  def receives(job)
    timeline('invoked').flat_map { |entry| entry['records'] }.select { |record| record['job'] == job.job_id }
  end

  # Seconds between what happened.
  def gaps_s(entries)
    entries.each_cons(2).map { |first, second| (second['at_ms'] - first['at_ms']) / 1000.0 }
  end

  # Messages of the dead-letter queue, which are read once.
  def dead_letters(queue)
    receive(dead(queue))
  end

  def assert_dead(queue, *jobs)
    assert_equal jobs.map(&:job_id).sort, dead_letters(queue).map { |message| JSON.parse(message.body).fetch('job_id') }.sort
  end

  def assert_gone(queue)
    assert_equal [0, 0, 0], dev.counts(queue)
    assert_equal [0, 0, 0], dev.counts(dead(queue))
  end
end
