# frozen_string_literal: true

require_relative 'jobs_case'
require_relative 'aws_jobs'

# aws-activejob-sqs, unmodified, sends jobs and performs them.
class AwsActiveJobTest < JobsCase
  def setup
    super
    # Each test has a server of its own.
    Aws::ActiveJob::SQS.configure do |config|
      config.client = Aws::SQS::Client.new
      config.queues = { echo: { url: make_queue('echo') }, ordered: { url: make_queue('ordered.fifo') } }
    end
  end

  def test_it_performs_and_deletes_what_was_sent_alone_and_in_bulk
    EchoJob.perform_later('é ✓')
    ActiveJob.perform_all_later((1..25).map { |n| EchoJob.new("bulk #{n}") })
    start
    lines = wait_for_lines('echo', 26)
    assert_equal ['echo é ✓', *(1..25).map { |n| "echo bulk #{n}" }].sort, lines.sort
    wait_until_empty('echo')
    assert_predicate stop_worker, :success?
  end

  def test_it_performs_delayed_jobs_and_retries_when_they_are_due
    EchoJob.set(wait: 60).perform_later('later')
    RetriedJob.perform_later('x')
    start
    wait_for_lines('retried', 1)
    # The retry is sent with a delay before the job's message is deleted.
    @server.wait_for('the first retry') { @server.counts('echo') == [0, 0, 2] }
    @server.advance(31)
    wait_for_lines('retried', 2)
    assert_empty Ledger.lines('echo')
    @server.wait_for('the second retry') { @server.counts('echo') == [0, 0, 2] }
    @server.advance(31)
    assert_equal ['retried x 1', 'retried x 2', 'retried x 3'], wait_for_lines('retried', 3)
    assert_equal ['echo later'], wait_for_lines('echo', 1)
    wait_until_empty('echo')
  end

  def test_it_performs_the_jobs_of_a_fifo_group_in_order
    12.times { |n| OrderedJob.perform_later(n) }
    start
    assert_equal((0...12).map { |n| "ordered #{n}" }, wait_for_lines('ordered', 12))
    wait_until_empty('ordered.fifo')
  end

  private

  def start
    queues = Aws::ActiveJob::SQS.config.queues
    queues.each { |name, queue| ENV["AWS_ACTIVE_JOB_SQS_#{name.upcase}_URL"] = queue.fetch(:url) }
    start_worker('bundle', 'exec', 'aws_active_job_sqs', '--no-rails', '-r', 'aws_jobs.rb')
  end
end
