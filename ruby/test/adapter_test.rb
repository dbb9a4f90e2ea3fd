# frozen_string_literal: true

require_relative 'test_helper'
require 'active_support/testing/time_helpers'
require 'action_mailer'

class WelcomeMailer < ActionMailer::Base
  def hello(name)
    mail(to: "#{name}@example.com", from: 'shop@example.com', subject: 'hello', body: 'hello')
  end
end

class AdapterTest < QueueTest
  include ActiveSupport::Testing::TimeHelpers

  # Lambdakiq 2.4 took the delay from Time.current, and so do test suites.
  def test_delays_are_taken_from_the_time_that_a_test_travelled_to
    queue = make_queue
    travel_to(Time.now + 86_400) { ActJob.set(queue: queue, wait: 300).perform_later }

    assert_equal [0, 0, 1], counts(queue)
    SERVER.advance(301)
    assert_equal [1, 0, 0], counts(queue)
  end

  def test_a_job_arrives_as_its_own_json_marked_as_ours
    queue = make_queue
    job = ActJob.set(queue: queue).perform_later('work', 'a' => 1)
    message = receive(queue).first

    assert_equal job.provider_job_id, message.message_id
    assert_predicate job, :successfully_enqueued? if job.respond_to?(:successfully_enqueued?)
    assert_equal ['ActJob', job.job_id, queue],
                 JSON.parse(message.body).values_at('job_class', 'job_id', 'queue_name')
    assert_equal %w[1 String], message.message_attributes.fetch('lambdakiq').to_h.values_at(:string_value, :data_type)
    assert_equal %w[lambdakiq], message.message_attributes.keys
    refute message.attributes.key?('MessageGroupId'), 'standard queues get a group only when asked'
  end

  def test_a_wait_becomes_a_delay
    queue = make_queue
    ActJob.set(queue: queue, wait: 60).perform_later

    assert_equal [0, 0, 1], counts(queue)
    assert_empty receive(queue)
  end

  def test_a_past_time_means_at_once
    queue = make_queue
    ActJob.set(queue: queue, wait_until: Time.now - 3600).perform_later

    assert_equal [1, 0, 0], counts(queue)
  end

  def test_a_wait_beyond_what_sqs_can_is_kept_in_an_attribute
    queue = make_queue
    ActJob.set(queue: queue, wait: 3600).perform_later
    SERVER.advance(900)
    due = receive(queue).first.message_attributes.fetch('due_at')

    assert_equal 'Number', due.data_type
    assert_in_delta (Time.now.to_f * 1000) + 3_600_000 + (offset_ms - 900_000), due.string_value.to_i, 5000
  end

  def test_a_fifo_job_has_its_id_as_group_and_deduplication_id
    queue = make_queue(fifo: true)
    job = ActJob.set(queue: queue, wait: 5).perform_later
    message = receive(queue).first

    assert_equal [job.job_id, job.job_id], message.attributes.values_at('MessageGroupId', 'MessageDeduplicationId')
    assert_equal '5', message.message_attributes.fetch('delay_seconds').string_value
  end

  def test_a_group_may_be_computed_from_the_job
    queue = make_queue(fifo: true)
    GroupJob.set(queue: queue).perform_later('article-1', 'x')

    assert_equal 'article-1', receive(queue).first.attributes.fetch('MessageGroupId')
  end

  def test_a_group_option_reaches_standard_queues_too
    queue = make_queue
    GroupJob.set(queue: queue).perform_later('tenant-1', 'x')

    assert_equal 'tenant-1', receive(queue).first.attributes.fetch('MessageGroupId')
  end

  def test_jobs_without_the_worker_just_work
    queue = make_queue(fifo: true)
    PlainJob.set(queue: queue).perform_later('hello')

    assert_empty invoke(queue)
    assert_equal [%w[plain hello]], Ledger.lines
  end

  def test_mail_that_is_delivered_later_is_delivered
    queue = make_queue
    ActionMailer::Base.delivery_method = :test
    ActionMailer::Base.deliveries.clear
    WelcomeMailer.hello('ann').deliver_later(queue: queue)

    assert_empty invoke(queue)
    assert_equal [['ann@example.com']], ActionMailer::Base.deliveries.map(&:to)
    assert_equal [0, 0, 0], counts(queue)
  end

  def test_the_first_enqueue_is_one_request_with_the_name_as_url
    peer = SilentPeer.new(JSON.generate(MessageId: 'm'))
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url, verify_checksums: false)
    job = ActJob.set(queue: 'orders').perform_later

    assert_equal 'm', job.provider_job_id
    assert_equal 1, peer.requests.size
    head, body = peer.requests.pop
    assert_match(/x-amz-target: AmazonSQS\.SendMessage\r/i, head)
    assert_equal 'orders', JSON.parse(body).fetch('QueueUrl')
  ensure
    peer.close
  end

  def test_a_queue_may_be_given_by_url_or_arn
    queue = make_queue
    [Lambdakiq.client.queues[queue].queue_url, SERVER.arn(queue)].each do |name|
      ActJob.set(queue: name).perform_later
    end

    assert_equal [2, 0, 0], counts(queue)
  end

  since '7.1', def test_many_jobs_are_sent_ten_a_call_and_each_knows_its_fate
    queue = make_queue
    jobs = Array.new(25) { |number| ActJob.new('work', number).set(queue: queue) }
    jobs[3] = ActJob.new('work', Float::NAN).set(queue: queue)
    jobs[4] = ActJob.new('work', 'x' * 1_100_000).set(queue: queue)
    requests = events('request.lambdakiq') { ActiveJob.perform_all_later(jobs) }

    assert_equal 23, jobs.count(&:successfully_enqueued?)
    assert_equal [Lambdakiq::InvalidError, Lambdakiq::TooLargeError], jobs.values_at(3, 4).map { |job| job.enqueue_error.class }
    assert_equal 23, jobs.filter_map(&:provider_job_id).uniq.size
    assert_equal [23, 0, 0], counts(queue)
    assert_equal [[:send_message_batch, 10], [:send_message_batch, 10], [:send_message_batch, 3]],
                 requests.map { |event| event.payload.values_at(:operation, :entries) }.sort.reverse
  end

  since '7.1', def test_many_jobs_keep_their_own_times_and_queues
    first = make_queue
    second = make_queue
    jobs = [ActJob.new.set(queue: first), ActJob.new.set(queue: second, wait: 60), ActJob.new.set(queue: first)]
    ActiveJob.perform_all_later(jobs)

    assert_equal [[2, 0, 0], [0, 0, 1]], [counts(first), counts(second)]
  end

  def test_arguments_that_are_no_json_are_refused_before_anything_is_sent
    error = assert_raises(Lambdakiq::InvalidError) { ActJob.set(queue: 'nowhere').perform_later(Float::NAN) }

    assert_match(/ActJob cannot be enqueued/, error.message)
  end

  def test_a_message_over_the_limit_is_refused_with_size_and_limit
    error = assert_raises(Lambdakiq::TooLargeError) { ActJob.set(queue: 'nowhere').perform_later('x' * 1_048_576) }

    assert_match(/1048576/, error.message)
    refute_predicate error, :retriable?
  end

  def test_a_missing_queue_is_a_service_error_with_the_code_of_sqs
    error = assert_raises(Lambdakiq::ServiceError) { ActJob.set(queue: 'nowhere').perform_later }

    assert_kind_of Lambdakiq::Error, error
    assert_equal 'AWS.SimpleQueueService.NonExistentQueue', error.code
    assert_equal 400, error.http_status
    assert_match(/nowhere/, error.message)
  end

  def test_a_job_without_a_queue_name_is_told_what_to_set
    error = assert_raises(Lambdakiq::ServiceError) { ActJob.perform_later }

    assert_match(/ActJob has no queue of its own.*JOBS_QUEUE_NAME/m, error.message)
    assert_equal 'AWS.SimpleQueueService.NonExistentQueue', error.code
  end

  def test_an_unreachable_endpoint_is_a_connect_error
    Lambdakiq::Client.default_options.merge!(endpoint: 'http://127.0.0.1:9', max_attempts: 1)
    error = assert_raises(Lambdakiq::ConnectError) { ActJob.set(queue: 'jobs').perform_later }

    assert_predicate error, :retriable?
    assert_equal 'LK_E_CONNECT', error.code
  end

  def test_enqueuing_waits_for_the_commit_and_rails_knows_the_adapter
    adapter = ActiveJob::QueueAdapters.lookup(:lambdakiq).new

    assert_predicate adapter, :enqueue_after_transaction_commit?
    refute_predicate adapter, :stopping?
  end

  since '7.2', def test_the_adapter_is_one_of_active_jobs_own
    assert_kind_of ActiveJob::QueueAdapters::AbstractAdapter, ActiveJob::QueueAdapters.lookup(:lambdakiq).new
  end

  def test_long_delays_can_be_refused
    Lambdakiq.config.long_delays = :raise
    error = assert_raises(Lambdakiq::InvalidError) { ActJob.set(queue: 'jobs', wait: 901).perform_later }

    assert_match(/900/, error.message)
  end

  def test_long_delays_can_be_cut_as_they_were_by_2_4_0
    Lambdakiq.config.long_delays = :cap
    queue = make_queue
    ActJob.set(queue: queue, wait: 3000).perform_later
    SERVER.advance(900)
    message = receive(queue).first

    assert_equal %w[lambdakiq], message.message_attributes.keys
    assert_empty LOG.string[/waits for/].to_s
  end

  # B9
  def test_a_wait_of_days_is_warned_of_once_with_the_number_of_hops
    queues = [make_queue, make_queue(fifo: true)]
    classes = %w[StandardDaysJob FifoDaysJob].map { |name| self.class.const_set(name, Class.new(ActJob)) }
    queues.zip(classes) do |queue, job_class|
      [23.hours, 3.days, 4.days].each { |wait| job_class.set(queue: queue, wait: wait).perform_later }
    end

    assert_equal [%w[StandardDaysJob 3.0 287], %w[FifoDaysJob 3.0 5]],
                 LOG.string.scan(/AdapterTest::(\w+) waits for ([\d.]+) days: its message is sent again (\d+) times/)
  end

  private

  def offset_ms
    File.read(ENV.fetch('LAMBDAKIQ_CLOCK_FILE')).to_i
  end
end
