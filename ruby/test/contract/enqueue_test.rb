# frozen_string_literal: true

require_relative 'contract_helper'

class ContractEnqueueTest < ContractTest
  def test_the_adapter_is_found_by_name
    assert_kind_of ActiveJob::QueueAdapters::LambdakiqAdapter, ActiveJob::Base.queue_adapter
    assert_predicate ActiveJob::Base.queue_adapter, :enqueue_after_transaction_commit?
  end

  def test_a_job_is_sent_with_its_json_and_our_attribute
    job = BasicJob.perform_later('work', 1)

    assert_equal({ queue_url: "#{ACCOUNT}/#{QUEUE}",
                   message_attributes: { 'lambdakiq' => { string_value: '1', data_type: 'String' } } },
                 sent.except(:message_body))
    body = JSON.parse(sent[:message_body])
    assert_equal ['BasicJob', job.job_id, QUEUE, ['work', 1]], body.values_at('job_class', 'job_id', 'queue_name', 'arguments')
  end

  def test_a_failure_of_an_async_job_does_not_reach_who_enqueues_it
    self.class.const_set(:AsyncJob, Class.new(ApplicationJob) { lambdakiq_options async: true })
    client.sqs.stub_responses(:send_message, 'ServiceUnavailable')

    assert_instance_of AsyncJob, AsyncJob.perform_later
    assert_raises(StandardError) { BasicJob.perform_later }
    sleep 0.01 until requests(:send_message).size == 2 # 2.4.0 sends from a thread
  end

  def test_a_wait_is_delay_seconds
    BasicJob.set(wait: 5.minutes).perform_later

    assert_includes 299..300, sent[:delay_seconds]
    refute sent[:message_attributes].key?('delay_seconds')
  end

  # Up to what 2.4.0 can (B9).
  def test_a_wait_until_fifteen_minutes_is_delay_seconds
    BasicJob.set(wait_until: 15.minutes.from_now).perform_later

    assert_includes 899..900, sent[:delay_seconds]
  end

  def test_a_fifo_job_has_its_id_as_group_and_as_deduplication_id
    stub_queue(FIFO)
    job = FifoJob.perform_later

    assert_equal [job.job_id, job.job_id], sent.values_at(:message_group_id, :message_deduplication_id)
    refute sent.key?(:delay_seconds)
    refute sent[:message_attributes].key?('delay_seconds')
  end

  def test_a_fifo_job_carries_its_delay_as_an_attribute
    stub_queue(FIFO)
    FifoJob.set(wait: 60).perform_later

    assert_includes %w[59 60], sent[:message_attributes]['delay_seconds'][:string_value]
    assert_equal 'String', sent[:message_attributes]['delay_seconds'][:data_type]
    refute sent.key?(:delay_seconds)
  end

  def test_a_group_of_its_own_is_computed_from_the_job
    stub_queue(FIFO)
    job = GroupJob.perform_later(7)

    assert_equal ['customer-7', job.job_id], sent.values_at(:message_group_id, :message_deduplication_id)
  end

  def test_a_class_may_have_a_method_of_its_own_for_the_group
    stub_queue(FIFO)
    self.class.const_set(:OwnGroupJob, Class.new(FifoJob) { def lambdakiq_message_group_id = "order-#{arguments.first}" })
    OwnGroupJob.perform_later(7)

    assert_equal 'order-7', sent[:message_group_id]
  end

  def test_a_group_that_is_too_long_is_its_digest
    stub_queue(FIFO)
    GroupJob.perform_later('x' * 200)

    assert_equal Digest::SHA256.hexdigest("customer-#{'x' * 200}"), sent[:message_group_id]
  end

  def test_a_failing_send_raises
    client.sqs.stub_responses(:send_message, 'AWS.SimpleQueueService.NonExistentQueue')
    error = assert_raises(StandardError) { BasicJob.perform_later }

    assert_respond_to error, :code
  end

  def test_the_adapter_takes_options_and_timestamps
    adapter = ActiveJob::QueueAdapters::LambdakiqAdapter.new
    adapter.enqueue(BasicJob.new)
    refute sent.key?(:delay_seconds)
    adapter.enqueue(BasicJob.new, delay_seconds: 10)
    assert_equal 10, sent[:delay_seconds]
    adapter.enqueue_at(BasicJob.new, Time.current.to_f + 60)
    assert_includes 59..61, sent[:delay_seconds]
  end

  def test_subclasses_have_queues_of_their_own
    stub_queue('bulk')
    bulk = Class.new(ApplicationJob) { queue_as 'bulk' }
    self.class.const_set(:BulkJob, bulk)
    BulkJob.perform_later

    assert_equal "#{ACCOUNT}/bulk", sent[:queue_url]
  end

  def test_a_message_can_be_looked_at_before_it_is_sent
    job = BasicJob.new('work')
    message = Lambdakiq::Message.new(client.queues[QUEUE], job, delay_seconds: 3)

    assert_equal [QUEUE, job, { delay_seconds: 3 }], [message.queue.queue_name, message.job, message.options]
    assert_equal({ 'lambdakiq' => { string_value: '1', data_type: 'String' } }, Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE)
    assert_predicate Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE, :frozen?
    assert_equal({ message_attributes: Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE, delay_seconds: 3 },
                 message.params.except(:message_body))
    assert_equal job.serialize.except('enqueued_at'), JSON.parse(message.params[:message_body]).except('enqueued_at')
  end
end
