# frozen_string_literal: true

require_relative 'contract_helper'

class ContractWorkerTest < ContractTest
  def test_a_worker_says_so
    assert_predicate BasicJob.new, :lambdakiq?
    refute_predicate BasicJob.new, :lambdakiq_async?
    assert_equal({}, BasicJob.lambdakiq_options_hash)
    assert_nil BasicJob.new.lambdakiq_retry
  end

  def test_options_are_kept_with_symbols_as_keys
    job_class = Class.new(ApplicationJob) { lambdakiq_options 'retry' => 3, 'async' => true }

    assert_equal({ retry: 3, async: true }, job_class.lambdakiq_options_hash)
    assert_equal 3, job_class.new.lambdakiq_retry
    assert_predicate job_class.new, :lambdakiq_async?
  end

  def test_subclasses_have_the_options_of_their_class_until_they_replace_them
    child = Class.new(TwiceJob)
    other = Class.new(TwiceJob) { lambdakiq_options async: true }

    assert_equal [{ retry: 2 }, { async: true }, { retry: 2 }],
                 [child, other, TwiceJob].map(&:lambdakiq_options_hash)
  end

  def test_a_group_is_text_or_computed_or_none
    groups = ['a', ->(job) { job.job_id }, '', ' ', nil, :symbol].map do |group|
      Class.new(FifoJob) { lambdakiq_options message_group_id: group }.new
    end

    assert_equal ['a', groups[1].job_id, nil, nil, nil, 'symbol'], groups.map(&:lambdakiq_message_group_id)
  end

  def test_a_long_group_is_its_digest
    job_class = Class.new(FifoJob) { lambdakiq_options message_group_id: 'x' * 129 }

    assert_equal Digest::SHA256.hexdigest('x' * 129), job_class.new.lambdakiq_message_group_id
  end

  def test_a_job_class_outside_of_the_application_can_be_made_a_worker
    job_class = Class.new(ActiveJob::Base)
    job_class.include Lambdakiq::Worker
    job_class.queue_as QUEUE
    self.class.const_set(:OtherJob, job_class)
    OtherJob.perform_later

    assert_equal QUEUE, JSON.parse(sent[:message_body])['queue_name']
  end

  def test_settings_have_defaults_and_are_the_same_object_as_rails_has
    assert_equal [12, 'Lambdakiq', true],
                 [Lambdakiq.config.max_retries, Lambdakiq.config.metrics_namespace, Lambdakiq.config.metrics_enabled]
    Rails.application.config.lambdakiq.max_retries = 4

    assert_equal 4, Lambdakiq.config.max_retries
  end
end
