# frozen_string_literal: true

require_relative '../support/dev_test'

# Jobs that Lambdakiq 2 lost. The numbers are those of docs/semantics.md.
class LostJobsTest < DevTest
  BACKOFF = [30, 46, 76, 156, 346, 730, 1416, 2536, 4246, 6726, 10_180, 14_836].freeze

  def test_b1_the_thirteenth_failure_ends_in_the_dead_letter_queue_with_its_body_intact
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['raise'], 'text' => "\u00e9\n\u{1F600}")
    play

    assert_equal (1..13).to_a, runs(job).map { |run| run['executions'] }
    assert_equal BACKOFF, timeline('enqueue_retry', job).map { |retried| retried['wait'] }
    gaps_s(runs(job)).zip(BACKOFF) { |gap, wait| assert_operator gap, :>=, wait - 0.01 }
    assert_equal 1, timeline('retry_stopped', job).size
    message = dead_letters(STANDARD).first
    assert_equal job.provider_job_id, message.message_id
    assert_equal '1', message.message_attributes['lambdakiq'].string_value
    assert_equal job.serialize.except('provider_job_id', 'enqueued_at'), JSON.parse(message.body).except('provider_job_id', 'enqueued_at')
  end

  def test_a_dead_job_that_is_sent_to_its_queue_again_has_all_its_tries_again
    job = ScriptedJob::KeptJob.set(queue: STANDARD).perform_later('acts' => %w[raise raise raise work])
    play
    message = dead_letters(STANDARD).fetch(0)
    sqs.send_message(queue_url: STANDARD, message_body: message.body, message_attributes: message.message_attributes)
    sqs.delete_message(queue_url: dead(STANDARD), receipt_handle: message.receipt_handle)
    play

    assert_equal [1, 2, 1, 2], runs(job).map { |run| run['executions'] }
    assert_equal 1, timeline('done', job).size
    assert_gone STANDARD
  end

  def test_b2_a_fifo_job_is_tried_as_often_as_its_retry_on_says
    job = ScriptedJob.set(queue: FIFO).perform_later('acts' => %w[hiccup hiccup hiccup hiccup work])
    play

    assert_equal (1..5).to_a, runs(job).map { |run| run['executions'] }
    assert_equal 1, timeline('done', job).size
    assert_gone FIFO
  end

  def test_b3_what_cannot_be_started_fails_alone_and_nothing_is_deleted
    bad = ['{', '[]', '{"job_class":"Nobody","job_id":"nobody","arguments":[]}', '{"job_class":"String"}'].map do |body|
      sqs.send_message(queue_url: STANDARD, message_body: body, message_attributes: Lambdakiq::Message::LAMBDAKIQ_ATTRIBUTE)
    end
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work'])
    play

    assert_equal 1, runs(job).size
    assert_equal bad.map(&:message_id).sort, dead_letters(STANDARD).map(&:message_id).sort
  end

  def test_b3_arguments_that_are_no_json_are_refused_where_they_are_enqueued
    assert_raises(Lambdakiq::InvalidError) { ScriptedJob.set(queue: STANDARD).perform_later('acts' => [Float::NAN]) }
    assert_gone STANDARD
  end

  def test_b6_what_a_job_enqueues_asynchronously_is_accepted_before_its_invocation_is_answered
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['enqueue_async'])
    play

    assert_equal 2, timeline('done').size
    assert_equal 1, runs(job).size
    assert_gone STANDARD
  end

  def test_b6_a_process_that_ends_right_after_enqueueing_loses_nothing
    script = "5.times { AsyncScriptedJob.set(queue: '#{STANDARD}').perform_later('acts' => ['work']) }"
    assert system({ 'TIMELINE' => "#{dev.directory}/timeline", 'RUBYLIB' => $LOAD_PATH.join(':') }, RbConfig.ruby,
                  '-r', DevServer::APP, '-e', script, out: File::NULL)
    play

    assert_equal 5, timeline('done').size
    assert_gone STANDARD
  end

  def test_b7_a_failing_visibility_call_touches_no_other_record
    fault { |action| :denied if action.start_with?('ChangeMessageVisibility') }
    failing = ScriptedJob.set(queue: STANDARD).perform_later('acts' => %w[raise work])
    working = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work'])
    play

    assert_equal [2, 1], [runs(failing).size, runs(working).size]
    assert_operator gaps_s(runs(failing)).first, :>=, 30.5, 'the visibility timeout of the queue counts'
    assert_equal [failing.provider_job_id], timeline('note').select { |note| note['kind'] == 'settle_failed.lambdakiq' }.map { |note| note['message'] }
    assert_gone STANDARD
  end

  def test_b8_a_delete_that_fails_is_logged_and_left_to_the_mapping
    fault { |action| :denied if action.start_with?('DeleteMessage') }
    jobs = Array.new(3) { ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['work']) }
    play

    assert_equal [1, 1, 1], jobs.map { |job| runs(job).size }
    assert_equal jobs.map(&:provider_job_id).sort, timeline('note').map { |note| note['message'] }.sort
    assert_match(/could not be deleted.*AccessDenied/, dev.log)
    assert_gone STANDARD
  end

  def test_b8_exit_and_throw_are_their_own_jobs_failures
    jobs = %w[exit throw work].map { |act| ScriptedJob.set(queue: STANDARD).perform_later('acts' => [act, 'work']) }
    play

    assert_equal [2, 2, 1], jobs.map { |job| runs(job).size }
    assert_equal %w[SystemExit UncaughtThrowError], timeline('enqueue_retry').map { |entry| entry['error'] }.sort
    assert_gone STANDARD
  end

  def test_b8_a_signal_settles_what_is_done_and_gives_back_the_rest
    jobs = %w[work signal work].map { |act| ScriptedJob.set(queue: STANDARD).perform_later('acts' => [act, 'work']) }
    play

    assert_equal %w[work work work], jobs.map { |job| runs(job).last['act'] }
    assert_equal timeline('invoked').size, timeline('answered').size, 'each invocation is answered before the process ends'
    assert_gone STANDARD
  end

  since '7.0', def test_b13_the_error_reporter_is_told_of_retries_as_handled_and_of_the_death_as_not
    job = ScriptedJob.set(queue: STANDARD).perform_later('acts' => ['raise'])
    play

    assert_equal ([true] * 12) + [false], timeline('reported', job).map { |report| report['handled'] }
    assert_dead STANDARD, job
  end

  since '7.1', def test_b13_after_discard_runs_once_at_the_death
    job = ScriptedJob::WITH_RETRY.fetch(1).set(queue: STANDARD).perform_later('acts' => ['raise'])
    play

    assert_equal 2, runs(job).size
    assert_equal 1, timeline('discarded', job).size
  end

  def test_b30_every_job_of_a_failing_group_runs_before_it_dies
    jobs = Array.new(4) { ScriptedJob.set(queue: FIFO).perform_later('acts' => ['raise'], 'group' => 'all') }
    play

    jobs.each { |job| assert_operator runs(job).size, :>, 0, "#{job.job_id} never ran" }
    assert_dead FIFO, *jobs
  end
end
