# frozen_string_literal: true

require_relative 'contract_helper'

class ContractRecordTest < ContractTest
  def test_an_event_is_one_of_jobs_when_a_record_has_our_attribute
    foreign = { 'messageAttributes' => {}, 'eventSource' => 'aws:sqs' }
    ours = record(BasicJob.new)

    assert Lambdakiq.jobs?(event(ours))
    assert Lambdakiq::Event.jobs?(event(foreign, ours))
    refute Lambdakiq.jobs?(event(foreign))
    refute Lambdakiq.jobs?({})
    refute Lambdakiq.jobs?({ 'httpMethod' => 'GET' })
    assert Lambdakiq::Event.job?(ours)
    refute Lambdakiq::Event.job?(foreign)
    assert Object.new.extend(Lambdakiq::Event).jobs?(event(ours))
    assert_equal [[ours], []], [Lambdakiq::Event.records(event(ours)), Lambdakiq::Event.records({})]
  end

  def test_a_record_has_readers
    data = record(BasicJob.new, attributes: received(3))
    record = Lambdakiq::Record.new(data)

    assert_equal [data, data['body'], 'm1', 'handle-m1', QUEUE, data['attributes']],
                 [record.data, record.body, record.message_id, record.receipt_handle, record.queue_name, record.attributes]
    assert_equal [3, 76], [record.receive_count, record.next_visibility_timeout]
    assert_equal 1_610_216_244, record.sent_at.to_i
    assert_nil record.fifo_message_group_id
    refute record.fifo_delay_seconds?
  end

  def test_after_the_last_retry_there_is_no_wait
    waits = [12, 13, 20].map { |count| Lambdakiq::Record.new(record(BasicJob.new, attributes: received(count))).next_visibility_timeout }

    assert_equal [14_836, nil, nil], waits
  end

  def test_the_time_of_sending_is_in_the_applications_zone
    sent_at = Time.use_zone('Hawaii') { Lambdakiq::Record.new(record(BasicJob.new)).sent_at }

    assert_equal [ActiveSupport::TimeWithZone, 'HST', 8], [sent_at.class, sent_at.zone, sent_at.hour]
  end

  def test_a_fifo_record_knows_group_and_delay
    record = Lambdakiq::Record.new(fifo_record(FifoJob.new, group: 'g', delay: 60, sent_at: Time.now - 20))

    assert_equal ['g', 60, true], [record.fifo_message_group_id, record.fifo_delay_seconds, record.fifo_delay_seconds?]
    assert_includes 30..41, record.fifo_delay_visibility_timeout
  end

  def test_a_fifo_delay_that_is_over_is_none
    record = Lambdakiq::Record.new(fifo_record(FifoJob.new, delay: 60, sent_at: Time.now - 90))

    assert_equal 60, record.fifo_delay_seconds
    refute record.fifo_delay_seconds?
  end

  def test_a_fifo_record_without_delay_has_none
    record = Lambdakiq::Record.new(fifo_record(FifoJob.new))

    assert_nil record.fifo_delay_seconds
    refute record.fifo_delay_seconds?
  end

  def test_the_backoff_is_sidekiqs
    assert_equal [30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10_180, 14_836],
                 (1..12).map { |count| Lambdakiq::Backoff.backoff(count) }
    assert_nil Lambdakiq::Backoff.backoff(13)
    assert_equal [3, 76], [Lambdakiq::Backoff.new(3).count, Lambdakiq::Backoff.new(3).backoff]
    assert_equal 43_200, Lambdakiq::Backoff::MAX_VISIBILITY_TIMEOUT
  end

  def test_the_errors_of_fifo_queues_have_no_backtrace
    [Lambdakiq::FifoDelayError, Lambdakiq::FifoGroupError].each do |error_class|
      error = assert_raises(Lambdakiq::Error) { raise error_class.new('job-1'), cause: nil }

      assert_instance_of error_class, error
      assert_equal ['job-1', []], [error.message, error_class.new('job-1').backtrace]
      assert_kind_of StandardError, error
    end
    refute_operator Lambdakiq::FifoGroupError, :<=, Lambdakiq::FifoDelayError
  end
end
