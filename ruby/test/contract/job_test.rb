# frozen_string_literal: true

require_relative 'contract_helper'

class ContractJobTest < ContractTest
  def test_a_job_is_read_from_a_record
    active_job = BasicJob.new('work', 1)
    job = Lambdakiq::Job.new(record(active_job, attributes: received(2)))

    assert_kind_of Lambdakiq::Record, job.record
    refute job.error
    assert_equal [BasicJob, active_job.job_id, 'm1'], [job.active_job.class, job.active_job.job_id, job.active_job.provider_job_id]
    assert_equal ['m1', 1, QUEUE], [job.provider_job_id, job.executions, job.queue.queue_name]
    assert_equal ['m1', 1, active_job.job_id], job.job_data.values_at('provider_job_id', 'executions', 'job_id')
  end

  def test_a_job_that_works_is_deleted
    response = Lambdakiq::Job.handler(event(record(BasicJob.new('work'))))

    assert_equal({ batchItemFailures: [] }, response)
    assert_equal [['BasicJob', 1, 'work']], ApplicationJob::RAN
    assert_equal [['handle-m1'], []], [deleted, hidden]
    assert_equal "#{ACCOUNT}/#{QUEUE}", requests(:delete_message).last[:queue_url]
  end

  def test_all_entries_of_the_module_perform
    Lambdakiq.handler(event(record(BasicJob.new('a'))))
    Lambdakiq.cmd(event: event(record(BasicJob.new('b'))), context: nil)

    assert_equal %w[a b], ApplicationJob::RAN.map(&:last)
  end

  # As ours adds: what is current, the id of the web request.
  def test_what_a_body_has_beside_the_job_makes_no_difference
    plain = record(BasicJob.new('work'))
    body = JSON.parse(plain['body']).merge('lambdakiq_request_id' => 'req-1', 'lambdakiq_current' => { 'Nobody' => [] })

    assert_equal({ batchItemFailures: [] }, Lambdakiq::Job.handler(event(plain.merge('body' => JSON.dump(body)))))
    assert_equal [['BasicJob', 1, 'work']], ApplicationJob::RAN
  end

  def test_a_job_that_fails_is_reported_and_hidden_for_its_backoff
    response = nil
    retries = notifications('enqueue_retry.active_job') do
      response = Lambdakiq.handler(event(record(BasicJob.new('fail'))))
    end

    assert_equal({ batchItemFailures: [{ itemIdentifier: 'm1' }] }, response)
    assert_equal [[], [['handle-m1', 30]]], [deleted, hidden]
    assert_equal [[30, ApplicationJob::Failure, 1, 'm1']],
                 retries.map { |e| [e.payload[:wait], e.payload[:error].class, e.payload[:job].executions, e.payload[:job].provider_job_id] }
    assert_kind_of ActiveJob::QueueAdapters::LambdakiqAdapter, retries.first.payload[:adapter]
  end

  def test_each_receive_waits_longer
    redrive(13)
    [30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10_180, 14_836].each_with_index do |seconds, index|
      Lambdakiq.handler(event(record(BasicJob.new('fail'), attributes: received(index + 1))))
      assert_equal seconds, hidden.last.last
    end
    assert_equal (1..12).to_a, ApplicationJob::RAN.map { |ran| ran[1] }
  end

  def test_the_last_receive_of_the_queue_is_left_for_the_dead_letter_queue
    stopped = notifications('retry_stopped.active_job') do
      assert_equal ['m1'], failed(Lambdakiq.handler(event(record(BasicJob.new('fail'), attributes: received(8)))))
    end

    assert_empty deleted + hidden
    assert_equal [ApplicationJob::Failure], stopped.map { |e| e.payload[:error].class }
  end

  def test_a_job_with_its_own_retries_is_deleted_after_them
    assert_equal ['m1'], failed(Lambdakiq.handler(event(record(TwiceJob.new('fail'), attributes: received(2)))))
    assert_equal [['handle-m1', 46]], hidden
    stopped = notifications('retry_stopped.active_job') do
      assert_empty failed(Lambdakiq.handler(event(record(TwiceJob.new('fail'), attributes: received(3)))))
    end

    assert_equal [['handle-m1'], 1], [deleted, stopped.size]
  end

  def test_without_dead_letters_the_first_failure_deletes
    redrive(nil)
    assert_empty failed(Lambdakiq.handler(event(record(BasicJob.new('fail')))))
    assert_equal ['handle-m1'], deleted
  end

  def test_a_class_may_have_a_method_of_its_own_for_the_retries
    self.class.const_set(:OwnRetryJob, Class.new(ApplicationJob) { def lambdakiq_retry = 1 })

    assert_equal ['m1'], failed(Lambdakiq.handler(event(record(OwnRetryJob.new('fail'), attributes: received(1)))))
    assert_empty failed(Lambdakiq.handler(event(record(OwnRetryJob.new('fail'), attributes: received(2)))))
    assert_equal [['handle-m1'], [['handle-m1', 30]]], [deleted, hidden]
  end

  def test_a_method_of_its_own_may_build_upon_the_option
    self.class.const_set(:BuiltUponJob, Class.new(ApplicationJob) { def lambdakiq_retry = super || 1 })
    Lambdakiq.handler(event(record(BuiltUponJob.new('fail'), attributes: received(1))))
    assert_empty failed(Lambdakiq.handler(event(record(BuiltUponJob.new('fail'), attributes: received(2)))))

    assert_equal [['handle-m1'], [['handle-m1', 30]]], [deleted, hidden]
  end

  def test_the_retries_of_the_configuration_apply
    Lambdakiq.config.max_retries = 1
    stopped = notifications('retry_stopped.active_job') do
      Lambdakiq.handler(event(record(BasicJob.new('fail'), attributes: received(1))))
      assert_equal [['handle-m1', 30]], hidden
      Lambdakiq.handler(event(record(BasicJob.new('fail'), attributes: received(2))))
    end

    assert_equal 1, stopped.size # where it ends up is B1
  end

  def test_each_record_of_a_batch_is_answered_for
    records = [record(BasicJob.new('a'), id: 'm1'), record(BasicJob.new('fail'), id: 'm2'), record(BasicJob.new('b'), id: 'm3')]

    assert_equal ['m2'], failed(Lambdakiq.handler(event(*records)))
    assert_equal [%w[handle-m1 handle-m3], [['handle-m2', 30]]], [deleted, hidden]
  end

  def test_an_empty_event_is_answered
    assert_equal({ batchItemFailures: [] }, Lambdakiq.handler({}))
  end

  def test_a_failed_fifo_job_stops_its_group_and_no_other
    stub_queue(FIFO)
    records = [%w[m1 fail a], %w[m2 work a], %w[m3 work b]].map do |id, word, group|
      fifo_record(FifoJob.new(word), group: group, id: id)
    end

    assert_equal %w[m1 m2], failed(Lambdakiq.handler(event(*records)))
    assert_equal [%w[FifoJob fail], %w[FifoJob work]], ApplicationJob::RAN.map { |ran| ran.values_at(0, 2) }
    assert_equal ['handle-m3'], deleted
  end

  def test_a_delayed_fifo_job_is_hidden_until_it_is_due
    stub_queue(FIFO)
    data = fifo_record(FifoJob.new('work'), delay: 60, sent_at: Time.now)

    assert_equal ['m1'], failed(Lambdakiq.handler(event(data)))
    assert_empty ApplicationJob::RAN
    assert_equal 'handle-m1', hidden.last.first
    assert_includes 50..61, hidden.last.last
  end

  def test_a_delayed_fifo_job_that_is_due_runs
    stub_queue(FIFO)
    data = fifo_record(FifoJob.new('work'), delay: 60, sent_at: Time.now - 120)

    assert_empty failed(Lambdakiq.handler(event(data)))
    assert_equal 1, ApplicationJob::RAN.size
  end

  def test_a_job_can_be_performed_alone
    job = Lambdakiq::Job.new(record(BasicJob.new('fail')))
    job.perform

    assert_kind_of ApplicationJob::Failure, job.error
    assert_equal [['handle-m1', 30]], hidden
  end

  def test_a_job_that_worked_has_no_error
    job = Lambdakiq::Job.new(record(BasicJob.new('work')))
    job.perform

    assert_equal false, job.error
    assert_equal ['handle-m1'], deleted
  end

  def test_a_job_can_be_executed
    job = Lambdakiq::Job.new(record(BasicJob.new('fail')))
    job.execute

    assert_kind_of ApplicationJob::Failure, job.error
    Lambdakiq::Job.new(record(BasicJob.new('work'), id: 'm2')).execute
    assert_equal [%w[handle-m2], [['handle-m1', 30]]], [deleted, hidden]
  end

  def test_a_job_can_be_skipped_and_says_why
    active_job = FifoJob.new
    job = Lambdakiq::Job.new(fifo_record(active_job))
    job.skip

    assert_instance_of Lambdakiq::FifoGroupError, job.error
    assert_equal [active_job.job_id, []], [job.error.message, job.error.backtrace]
  end

  def test_a_delayed_job_says_so_by_its_error
    stub_queue(FIFO)
    active_job = FifoJob.new
    job = Lambdakiq::Job.new(fifo_record(active_job, delay: 60, sent_at: Time.now))
    job.perform

    assert_instance_of Lambdakiq::FifoDelayError, job.error
    assert_equal active_job.job_id, job.error.message
  end

  def test_retry_on_of_active_job_sends_the_job_again
    job_class = Class.new(ApplicationJob) { retry_on ApplicationJob::Failure, wait: 3, attempts: 5 }
    self.class.const_set(:AgainJob, job_class)

    assert_empty failed(Lambdakiq.handler(event(record(AgainJob.new('fail')))))
    assert_includes 2..4, sent[:delay_seconds]
    assert_equal ['handle-m1'], deleted
  end

  def test_discard_on_and_rescue_from_of_active_job_count_as_success
    job_class = Class.new(ApplicationJob) { discard_on ApplicationJob::Failure }
    self.class.const_set(:DiscardJob, job_class)

    assert_empty failed(Lambdakiq.handler(event(record(DiscardJob.new('fail')))))
    assert_equal ['handle-m1'], deleted
  end
end
