# frozen_string_literal: true

require_relative '../support/dev_test'

# What one has to set up, and what there is to call. The numbers are those of docs/semantics.md.
class SetupTest < DevTest
  def test_b16_jobs_without_the_worker_are_performed_and_retried
    job = PlainScriptedJob.set(queue: STANDARD).perform_later('work')
    failing = PlainScriptedJob.set(queue: STANDARD).perform_later('raise')
    play

    assert_equal [1, 13], [runs(job).size, runs(failing).size]
    assert_dead STANDARD, failing
  end

  def test_b17_retry_false_is_none_and_retry_true_all_there_are
    none = ScriptedJob::NoRetriesJob.set(queue: STANDARD).perform_later('acts' => ['raise'])
    all = ScriptedJob::AllRetriesJob.set(queue: STANDARD).perform_later('acts' => ['raise'])
    play

    assert_equal [1, 13], [runs(none).size, runs(all).size]
    assert_equal [1, 1], [none, all].map { |job| timeline('retry_stopped', job).size }
    assert_dead STANDARD, all
  end

  def test_b17_any_other_retry_is_refused_when_the_class_is_loaded
    ['2', 1.5, -1, :all].each do |value|
      assert_raises(Lambdakiq::OptionError) { Class.new(ScriptedJob) { lambdakiq_options retry: value } }
    end
  end

  def test_b18_options_of_a_subclass_replace_those_above_unless_they_are_merged
    replaced = Class.new(ScriptedJob::KeptJob) { lambdakiq_options retry: 3 }
    merged = Class.new(ScriptedJob::KeptJob) { lambdakiq_options merge: true, retry: 3 }

    assert_equal({ retry: 3 }, replaced.lambdakiq_options_hash)
    assert_equal [3, :dlq], merged.lambdakiq_options_hash.values_at(:retry, :dead)
  end

  def test_b19_a_missing_queue_name_is_explained
    error = assert_raises(Lambdakiq::Error) { Class.new(ScriptedJob) { queue_as nil }.perform_later('acts' => []) }

    assert_match(/"default".*JOBS_QUEUE_NAME/, error.message)
  end

  def test_b20_the_first_enqueue_is_one_call_and_a_success_one_more
    actions = []
    fault { |action| actions << action && nil }
    calls = events('request.lambdakiq') { ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work']) }
    play

    assert_equal [:send_message], calls.map { |call| call.payload[:operation] }
    assert_equal ['DeleteMessage'], actions
  end

  def test_b20_a_queue_may_be_given_by_name_url_or_arn
    jobs = [FIFO, "#{dev.url}/000000000000/#{FIFO}", dev.arn(FIFO)].map do |queue|
      ScriptedJob.set(queue: queue).perform_later('acts' => ['work'])
    end
    play

    assert_equal [1, 1, 1], jobs.map { |job| runs(job).size }
    assert_gone FIFO
  end

  def test_b21_calls_go_to_the_queue_that_the_record_came_from
    job = ScriptedJob.new('acts' => %w[raise work]).set(queue: 'another-queue')
    sqs.send_message(queue_url: STANDARD, message_body: JSON.generate(job.serialize),
                     message_attributes: Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE)
    play

    assert_equal 2, runs(job).size
    assert_includes 29..33, gaps_s(runs(job)).first
    assert_gone STANDARD
  end

  def test_b22_a_job_knows_its_message_when_it_has_been_enqueued
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work'])
    play

    assert_equal [job.provider_job_id], runs(job).map { |run| run['message'] }
    assert_predicate job, :successfully_enqueued? if job.respond_to?(:successfully_enqueued?)
    refute_predicate ScriptedJob.queue_adapter, :stopping?
  end

  since '7.1', def test_b22_many_jobs_are_enqueued_together_and_know_their_messages
    jobs = Array.new(12) { |number| ScriptedJob.new('acts' => ['work'], 'number' => number).set(queue: STANDARD) }
    ActiveJob.perform_all_later(jobs)
    play

    assert jobs.all?(&:successfully_enqueued?)
    assert_equal jobs.map(&:provider_job_id).sort, timeline('run').map { |run| run['message'] }.sort
  end

  since '7.2', def test_b22_the_adapter_is_one_of_active_jobs_own
    assert_kind_of ActiveJob::QueueAdapters::AbstractAdapter, ScriptedJob.queue_adapter
  end

  def test_b23_foreign_records_are_reported_failed_and_never_done
    foreign = sqs.send_message(queue_url: STANDARD, message_body: '{"not":"ours"}').message_id
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work'])
    play

    assert_equal 1, runs(job).size
    assert_equal [foreign], dead_letters(STANDARD).map(&:message_id)
    refute(timeline('answered').any? { |answer| answer['failed'].include?(job.provider_job_id) })
  end

  def test_b25_a_message_over_the_limit_is_refused_before_the_network
    calls = events('request.lambdakiq') do
      error = assert_raises(Lambdakiq::Error) { ScriptedJob.set(queue: STANDARD).perform_later('text' => 'x' * 1_100_000) }
      assert_match(/11\d{5}.*1048576/, error.message)
    end

    assert_equal([0], calls.map { |call| call.payload[:attempts] })
  end
end
