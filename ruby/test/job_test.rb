# frozen_string_literal: true

require_relative 'test_helper'

# Record and Job on their own, as code beside the handler uses them.
class JobTest < QueueTest
  def test_a_job_performs_alone
    queue = make_queue
    job = received(queue, 'work')

    assert_nil job.perform
    assert_equal [['work', 1]], Ledger.lines
    assert_equal [0, 0, 0], counts(queue)
    assert_equal 1, job.executions
  end

  def test_a_failure_is_returned_and_kept
    queue = make_queue
    job = received(queue, 'fail')

    assert_kind_of ActJob::Failure, job.perform
    assert_same job.error, job.error
    assert_equal [0, 1, 0], counts(queue)
  end

  def test_a_fifo_job_that_is_not_due_is_not_run
    queue = make_queue(fifo: true)
    ActJob.set(queue: queue, wait: 30).perform_later
    job = Lambdakiq::Job.new(event(queue)['Records'].first)

    assert_kind_of Lambdakiq::FifoDelayError, job.perform
    assert_empty job.error.backtrace
    assert_empty Ledger.lines
  end

  def test_a_job_knows_its_record_queue_and_class
    queue = make_queue
    job = received(queue, 'work')

    assert_equal [ActJob, ActJob, queue], [job.job_class, job.active_job.class, job.queue.queue_name]
    assert_equal job.record.message_id, job.provider_job_id
    assert_equal job.provider_job_id, job.active_job.provider_job_id
    assert_kind_of Lambdakiq::FifoGroupError, job.skip
    assert_empty job.error.backtrace
  end

  def test_a_record_reads_what_lambda_hands_over
    queue = make_queue(fifo: true)
    ActJob.set(queue: queue, wait: 30).perform_later
    data = event(queue)['Records'].first
    record = Lambdakiq::Record.new(data)

    assert_equal data.values_at('messageId', 'receiptHandle', 'body'), [record.message_id, record.receipt_handle, record.body]
    assert_equal [queue, 1, 30, true, 30],
                 [record.queue_name, record.receive_count, record.fifo_delay_seconds, record.fifo_delay_seconds?, record.next_visibility_timeout]
    assert_equal data['attributes']['MessageGroupId'], record.fifo_message_group_id
    assert_equal data['attributes']['SentTimestamp'].to_i, (record.sent_at.to_r * 1000).to_i
  end

  def test_a_record_without_attributes_has_neutral_values
    record = Lambdakiq::Record.new({ 'messageId' => 'm' })

    assert_equal [1, nil, nil, nil, false, 0],
                 [record.receive_count, record.queue_name, record.sent_at, record.fifo_message_group_id,
                  record.fifo_delay_seconds?, record.fifo_delay_visibility_timeout]
  end

  private

  def received(queue, act)
    ActJob.set(queue: queue).perform_later(act)
    Lambdakiq::Job.new(Lambdakiq::Record.new(event(queue)['Records'].first))
  end
end
