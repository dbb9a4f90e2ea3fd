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

  def test_settings_are_set_and_read_as_of_a_hash
    config = Rails.application.config.lambdakiq
    config[:max_retries] = 3
    config['metrics_enabled'] = false

    assert_equal [3, 3, false], [Lambdakiq.config.max_retries, config['max_retries'], Lambdakiq.config.metrics_enabled]
    config.merge!(max_retries: 5).update(metrics_enabled: true)
    assert_equal [5, true, 5, 'Lambdakiq'],
                 [config.max_retries, config.metrics_enabled, config.to_h[:max_retries], config.fetch(:metrics_namespace)]
    assert_equal [true, false, 5], [config.key?(:max_retries), config.key?(:unheard_of), config.dig(:max_retries)]
    assert_equal({ max_retries: 5 }, config.slice(:max_retries))
    assert_equal [5], config.filter_map { |name, value| value if name == :max_retries }
    assert_equal 5, {}.merge(config)[:max_retries]
  end

  def test_other_names_are_kept_for_the_application
    config = Rails.application.config.lambdakiq
    capture_io do
      config.shop_limit = 7
      config[:shop_names] = { en: 'Shop' }
    end

    assert_equal [7, 7, 7, 'Shop', nil],
                 [config.shop_limit, Lambdakiq.config[:shop_limit], config.shop_limit!, config.dig(:shop_names, :en), config.unheard_of]
    assert_equal 7, config.to_h[:shop_limit]
    assert_raises(KeyError) { config.unheard_of! }
  end

  def test_more_retries_than_there_are_are_all_there_are
    [25, nil].each do |value|
      Lambdakiq.config.max_retries = value
      redrive(14)
      client.sqs.api_requests.clear
      Lambdakiq.handler(event(record(BasicJob.new('fail'), attributes: received(12))))

      assert_equal ['handle-m1', 14_836], hidden.last
    end
  end
end
