# frozen_string_literal: true

require_relative 'test_helper'

class WorkerTest < Minitest::Test
  def setup
    LOG.truncate(0)
  end

  def teardown
    Lambdakiq.instance_variable_set(:@config, nil)
  end

  def test_without_options_the_defaults_apply
    job = ApplicationJob.new

    assert_predicate job, :lambdakiq?
    refute_predicate job, :lambdakiq_async?
    assert_nil job.lambdakiq_retry
    assert_nil job.lambdakiq_message_group_id
    assert_equal({}, ApplicationJob.lambdakiq_options_hash)
  end

  # B17
  def test_retry_is_a_number_true_or_false
    [3, 0, 40, false, true, nil].each do |value|
      job = job_class('retry' => value).new

      value.nil? ? assert_nil(job.lambdakiq_retry) : assert_equal(value, job.lambdakiq_retry)
    end
  end

  def test_a_retry_that_makes_no_sense_is_refused_when_the_class_is_loaded
    ['3', -1, 2.5, :often, []].each do |value|
      error = assert_raises(Lambdakiq::OptionError) { job_class(retry: value) }
      assert_kind_of ArgumentError, error
      assert_includes error.message, value.inspect
    end
  end

  def test_a_dead_option_other_than_dlq_is_refused
    job_class(dead: :dlq)
    assert_raises(Lambdakiq::OptionError) { job_class(dead: :drop) }
  end

  def test_an_async_option_that_is_no_boolean_is_refused
    job_class(async: false)
    assert_raises(Lambdakiq::OptionError) { job_class(async: 'no') }
  end

  # B18
  def test_options_replace_those_of_the_superclass
    parent = job_class(retry: 2, message_group_id: 'a')
    child = Class.new(parent) { lambdakiq_options retry: 5 }

    assert_equal({ retry: 5 }, child.lambdakiq_options_hash)
    assert_equal({ retry: 2, message_group_id: 'a' }, parent.lambdakiq_options_hash)
  end

  def test_options_merge_when_asked_to
    child = Class.new(job_class(retry: 2, message_group_id: 'a')) { lambdakiq_options merge: true, retry: 5 }

    assert_equal({ retry: 5, message_group_id: 'a' }, child.lambdakiq_options_hash)
  end

  def test_a_misspelt_option_is_warned_about
    job_class(retires: 2)

    assert_match(/unknown lambdakiq_options retires/, LOG.string)
  end

  def test_a_group_is_text_or_computed_and_a_long_one_its_digest
    assert_equal 'a', job_class(message_group_id: 'a').new.lambdakiq_message_group_id
    assert_equal 'x', job_class(message_group_id: ->(job) { job.arguments.first }).new('x').lambdakiq_message_group_id
    assert_nil job_class(message_group_id: ' ').new.lambdakiq_message_group_id
    assert_equal '0ec9eb33e74510bcdd1f2ea55206e82f21649c5c2becbf2b433eb475b34c01bd',
                 job_class(message_group_id: 'x' * 129).new.lambdakiq_message_group_id
  end

  def test_the_limits_are_those_of_the_core
    assert_equal Lambdakiq::Native::MAX_RETRIES, Lambdakiq::Config::MAX_RETRIES
    assert_equal [30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10_180, 14_836, nil],
                 (1..13).map { |count| Lambdakiq::Backoff.backoff(count) }
    assert_equal 43_200, Lambdakiq::Backoff::MAX_VISIBILITY_TIMEOUT
  end

  private

  def job_class(options)
    Class.new(ApplicationJob) { lambdakiq_options options }
  end
end
