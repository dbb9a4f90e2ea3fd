# frozen_string_literal: true

require_relative 'test_helper'
require 'open3'
require 'rbconfig'

class AsyncJob < ApplicationJob
  lambdakiq_options async: true

  def perform(*words)
    Ledger.write('async', *words)
  end
end

class AsyncGroupJob < AsyncJob
  lambdakiq_options async: true, message_group_id: ->(job) { job.arguments.first }
end

class GroupOfOneJob < ApplicationJob
  lambdakiq_options message_group_id: 'g'

  def perform(*); end
end

class AsyncAgainJob < AgainJob
  lambdakiq_options async: true
end

class ParentJob < ApplicationJob
  def perform(queue, act)
    AsyncJob.set(queue: queue).perform_later('child')
    raise ActJob::Failure if act == 'fail'
  end
end

# B6: `async: true`.
class AsyncTest < QueueTest
  def test_an_async_job_is_on_the_wire_when_enqueueing_returns_and_has_no_message_id_yet
    peer = SilentPeer.new
    Lambdakiq::Client.default_options[:endpoint] = peer.url
    job = AsyncJob.set(queue: 'jobs').perform_later('x')

    assert_match(/SendMessage/, peer.requests.pop.first)
    assert_nil job.provider_job_id
    assert_predicate job, :successfully_enqueued? if job.respond_to?(:successfully_enqueued?)
  ensure
    give_up
    peer.close
  end

  def test_flush_waits_for_all_and_says_so
    queue = make_queue
    25.times { |number| AsyncJob.set(queue: queue).perform_later(number) }

    assert Lambdakiq.flush
    assert_equal [25, 0, 0], counts(queue)
    assert Lambdakiq.flush(timeout: 0), 'nothing is left'
  end

  def test_flush_gives_up_waiting_at_its_timeout_and_the_job_stays_on_its_way
    peer = SilentPeer.new
    Lambdakiq::Client.default_options[:endpoint] = peer.url
    AsyncJob.set(queue: 'jobs').perform_later

    refute Lambdakiq.flush(timeout: 0.01)
    peer.requests.pop # read by now, or soon
    refute Lambdakiq.flush(timeout: 0.01)
    refute Lambdakiq.flush(timeout: 0)
    assert_empty peer.requests, 'it is not sent again for that'
  ensure
    give_up
    peer.close
  end

  def test_arguments_are_those_of_the_moment
    queue = make_queue
    words = ['before']
    AsyncJob.set(queue: queue).perform_later(words)
    words[0] = 'after'
    Lambdakiq.flush

    assert_equal [['before']], JSON.parse(receive(queue).first.body)['arguments']
  end

  def test_what_cannot_be_sent_at_all_raises_at_once
    assert_raises(Lambdakiq::InvalidError) { AsyncJob.set(queue: 'jobs').perform_later(Float::NAN) }
    assert_raises(Lambdakiq::InvalidError) { AsyncJob.set(queue: 'no such name').perform_later }
    assert_raises(Lambdakiq::TooLargeError) { AsyncJob.set(queue: 'jobs').perform_later('x' * 1_100_000) }
    assert Lambdakiq.flush(timeout: 0)
  end

  def test_a_job_that_was_not_accepted_is_told_with_all_it_takes_to_enqueue_it_again
    job = nil
    event = events('enqueue_failed.lambdakiq') do
      job = AsyncJob.set(queue: 'nowhere').perform_later('secret')
      assert Lambdakiq.flush
    end.fetch(0)

    assert_equal [job.job_id, ['secret'], 'nowhere'], event.payload[:job_data].values_at('job_id', 'arguments', 'queue_name')
    assert_equal ['nowhere', 'AWS.SimpleQueueService.NonExistentQueue'],
                 [event.payload[:queue], event.payload[:error].code]
    assert_match(/\[Lambdakiq\] Failed to queue job AsyncJob \(#{job.job_id}\) in nowhere\. Reason: .*NonExistentQueue/, LOG.string)
    refute_match(/Failed to queue.*secret/, LOG.string)
    assert_equal job.job_id, event.payload[:job].job_id
  end

  since '7.1', def test_the_error_reporter_is_told_of_a_job_that_was_not_accepted
    reports = Reports.new
    ActiveSupport.error_reporter.subscribe(reports)
    job = AsyncJob.set(queue: 'nowhere').perform_later
    failed = events('enqueue_failed.lambdakiq') { Lambdakiq.flush }.first
    Lambdakiq.flush

    assert_equal [[Lambdakiq::ServiceError, false, job.job_id]],
                 reports.seen.map { |error, handled, job_id| [error.class, handled, job_id] }
    refute_predicate failed.payload[:job], :successfully_enqueued? if failed
  ensure
    ActiveSupport.error_reporter.unsubscribe(reports) if ActiveSupport.error_reporter.respond_to?(:unsubscribe)
  end

  def test_a_failed_job_can_be_enqueued_from_the_event
    queue = make_queue
    listener = ActiveSupport::Notifications.subscribe('enqueue_failed.lambdakiq') do |event|
      event.payload[:job].tap { |job| job.queue_name = queue }.enqueue
    end
    AsyncJob.set(queue: 'nowhere').perform_later('x')

    assert Lambdakiq.flush
    assert Lambdakiq.flush
    assert_equal [1, 0, 0], counts(queue)
  ensure
    ActiveSupport::Notifications.unsubscribe(listener)
  end

  def test_a_listener_that_raises_keeps_nobody_from_hearing_of_the_next
    seen = []
    listener = ActiveSupport::Notifications.subscribe('enqueue_failed.lambdakiq') do |event|
      seen << event.payload[:job_data]['arguments']
      raise 'no'
    end
    2.times { |number| AsyncJob.set(queue: 'nowhere').perform_later(number) }
    Lambdakiq.flush

    assert_equal [[0], [1]], seen.sort
    assert_match(/a listener of enqueue_failed.lambdakiq failed/, LOG.string)
  ensure
    ActiveSupport::Notifications.unsubscribe(listener)
  end

  def test_a_fifo_group_keeps_its_order_between_async_and_waiting_sends
    queue = make_queue(fifo: true)
    order = [AsyncGroupJob, AsyncGroupJob, GroupOfOneJob, AsyncGroupJob, GroupOfOneJob]
    order.each_with_index { |job_class, number| job_class.set(queue: queue).perform_later('g', number) }
    assert Lambdakiq.flush

    assert_equal [0, 1, 2, 3, 4], receive(queue).map { |message| JSON.parse(message.body)['arguments'].last }
  end

  since '7.1', def test_many_async_jobs_at_once_are_not_waited_for_either
    queue = make_queue
    jobs = Array.new(12) { |number| AsyncJob.new(number).set(queue: queue) }
    jobs << AsyncJob.new(Float::NAN).set(queue: queue)
    ActiveJob.perform_all_later(jobs)

    assert_equal [true] * 12 + [false], jobs.map(&:successfully_enqueued?)
    assert_equal [nil], jobs.map(&:provider_job_id).uniq
    assert Lambdakiq.flush
    assert_equal [12, 0, 0], counts(queue)
  end

  def test_calls_of_the_outbox_are_notifications
    queue = make_queue
    payloads = events('request.lambdakiq') do
      3.times { AsyncJob.set(queue: queue).perform_later }
      Lambdakiq.flush
    end.map(&:payload)

    assert_equal 3, payloads.sum { |payload| payload[:entries] }
    assert_equal [[queue, 200, 1]], payloads.map { |payload| payload.values_at(:queue, :status, :attempts) }.uniq
    assert(payloads.all? { |payload| payload[:operation].start_with?('send_message') && !payload[:request_id].empty? })
  end

  def test_credentials_are_asked_for_jobs_on_their_way_too
    peer = SilentPeer.new(JSON.generate(MessageId: 'm'))
    keys = %w[AKIDONE AKIDTWO AKIDTHREE]
    credentials = Object.new
    credentials.define_singleton_method(:credentials) do
      Struct.new(:access_key_id, :secret_access_key, :session_token).new(keys.size > 1 ? keys.shift : keys.first, 'secret', nil)
    end
    Lambdakiq::Client.default_options.merge!(endpoint: peer.url, credentials: credentials, verify_checksums: false)
    AsyncJob.set(queue: 'jobs').perform_later
    Lambdakiq.flush
    AsyncJob.set(queue: 'jobs').perform_later
    Lambdakiq.flush

    assert_match(/Credential=AKIDONE/, peer.requests.pop.first)
    assert_match(/Credential=AKIDT/, peer.requests.pop.first)
  ensure
    peer.close
  end

  def test_credentials_that_cannot_be_had_do_not_keep_answers_from_being_collected
    queue = make_queue
    children = make_queue
    ParentJob.set(queue: queue).perform_later(children, 'work')
    messages = event(queue)
    answers = [-> { Struct.new(:access_key_id, :secret_access_key, :session_token).new('AKID', 'secret', nil) }] * 2
    credentials = Object.new
    credentials.define_singleton_method(:credentials) { answers.shift&.call || raise('the vault is sealed') }
    Lambdakiq::Client.default_options[:credentials] = credentials
    Lambdakiq.instance_variable_set(:@client, nil)

    assert_equal({ batchItemFailures: [] }, Lambdakiq.handler(messages))
    assert Lambdakiq.flush(timeout: 0)
    assert_empty answers, 'the batch and the child had some'
    Lambdakiq::Client.default_options.clear
    Lambdakiq.instance_variable_set(:@client, nil)

    assert_equal [[0, 0, 0], [1, 0, 0]], [counts(queue), counts(children)]
  end

  def test_a_handler_returns_when_what_its_jobs_sent_is_accepted
    queue = make_queue
    children = make_queue
    %w[work fail].each { |act| ParentJob.set(queue: queue).perform_later(children, act) }
    invoke(queue)

    assert_equal [2, 0, 0], counts(children)
  end

  def test_a_job_that_is_sent_again_while_it_is_performed_is_waited_for
    queue = make_queue
    AsyncAgainJob.set(queue: queue).perform_later
    Lambdakiq.flush
    requests = events('request.lambdakiq') { invoke(queue) }

    assert_includes requests.map { |event| event.payload.values_at(:operation, :entries) }, [:send_message, nil]
  end

  def test_threads_that_are_killed_lose_nothing_that_was_enqueued
    queue = make_queue
    sent = Thread::Queue.new
    threads = Array.new(8) do |number|
      Thread.new { 100.times { |count| sent << AsyncJob.set(queue: queue).perform_later(number, count).job_id } }
    end
    sleep 0.001 until sent.size > 50
    threads.each(&:kill).each(&:join)
    assert Lambdakiq.flush

    assert_empty ids(sent) - arrived(queue)
  end

  def test_a_timeout_around_a_flush_leaves_the_jobs_on_their_way
    peer = SilentPeer.new
    Lambdakiq::Client.default_options[:endpoint] = peer.url
    AsyncJob.set(queue: 'jobs').perform_later
    require 'timeout'
    assert_raises(Timeout::Error) { Timeout.timeout(0.05) { Lambdakiq.flush } }

    refute Lambdakiq.flush(timeout: 0)
    assert_empty(events('enqueue_failed.lambdakiq') { Lambdakiq.flush(timeout: 0) })
  ensure
    give_up
    peer.close
  end

  def test_other_threads_enqueue_while_one_flushes
    peer = SilentPeer.new
    Lambdakiq::Client.default_options[:endpoint] = peer.url
    AsyncJob.set(queue: 'jobs').perform_later
    flushing = Thread.new { Lambdakiq.flush }
    other = Thread.new { AsyncJob.set(queue: 'others').perform_later }

    assert other.join(5), 'enqueueing waited for the flush'
  ensure
    flushing.kill.join
    give_up
    peer.close
  end

  def test_a_forked_child_collects_its_own_jobs_and_the_parent_its_own
    queue = make_queue
    AsyncJob.set(queue: queue).perform_later('parent')
    pid = fork do
      AsyncJob.set(queue: queue).perform_later('child')
      exit!(Lambdakiq.flush ? 0 : 1)
    end
    _, status = Process.wait2(pid)

    assert_predicate status, :success?
    assert Lambdakiq.flush
    assert_equal %w[child parent], words(queue)
  end

  def test_rails_collects_at_the_end_of_a_request
    queue = make_queue
    output = run_program(queue, <<~RUBY)
      require 'logger'
      require 'rails'
      require 'active_job/railtie'
      require 'lambdakiq/railtie'
      class Shop < Rails::Application
        config.load_defaults Rails::VERSION::STRING.to_f
        config.eager_load = false
        config.logger = Logger.new(File::NULL)
        config.active_job.queue_adapter = :lambdakiq
        config.lambdakiq.flush_timeout = 10
      end
      Shop.initialize!
      Shop.executor.wrap { AsyncJob.set(queue: ARGV[0]).perform_later('request') }
      puts Lambdakiq.client.outbox.pending?
      $stdout.flush
      exit!
    RUBY

    assert_equal "false\n", output
    assert_equal %w[request], words(queue)
  end

  def test_jobs_are_collected_when_the_process_exits_raises_or_is_terminated
    queue = make_queue
    ['exit 0', 'raise "no"', 'Process.kill("TERM", Process.pid); sleep', 'at_exit { exit! }'].each do |ending|
      run_program(queue, "AsyncJob.set(queue: ARGV[0]).perform_later(#{ending.inspect})\n#{ending}")
    end

    assert_equal 4, words(queue).size
  end

  def test_a_job_that_is_enqueued_after_the_collection_at_exit_is_waited_for
    queue = make_queue
    run_program(queue, <<~RUBY)
      at_exit { AsyncJob.set(queue: ARGV[0]).perform_later('last'); exit! }
      AsyncJob.set(queue: ARGV[0]).perform_later('first')
    RUBY

    assert_equal %w[first last], words(queue)
  end

  def test_a_job_without_an_answer_when_the_process_ends_is_told_as_failed
    peer = SilentPeer.new
    output = run_program('jobs', <<~RUBY, 'AWS_ENDPOINT_URL_SQS' => peer.url)
      Lambdakiq.config.flush_timeout = 0.05
      ActiveSupport::Notifications.subscribe('enqueue_failed.lambdakiq') do |event|
        puts event.payload[:job_data]['arguments'].first, event.payload[:error].class
      end
      AsyncJob.set(queue: ARGV[0]).perform_later('unsure')
    RUBY

    assert_equal %w[unsure Lambdakiq::TimeoutError], output.split
  ensure
    peer.close
  end

  def test_stubbed_and_own_clients_send_at_once
    Lambdakiq::Client.default_options.merge!(stub_responses: true, region: 'us-east-1')
    job = AsyncJob.set(queue: 'jobs').perform_later

    assert_equal :send_message, sqs.api_requests.last[:operation_name]
    assert_equal 'String', job.provider_job_id
    assert Lambdakiq.flush
  end

  def test_stubbed_and_own_clients_tell_a_failure_as_well
    Lambdakiq::Client.default_options.merge!(stub_responses: true, region: 'us-east-1')
    sqs.stub_responses(:send_message, 'ServiceUnavailable')
    job = nil
    failed = events('enqueue_failed.lambdakiq') { job = AsyncJob.set(queue: 'jobs').perform_later }

    assert_nil job.provider_job_id
    assert_equal [[job.job_id, 'ServiceUnavailable']], failed.map { |event| [event.payload[:job].job_id, event.payload[:error].code] }
    assert_raises(Lambdakiq::ServiceError) { ActJob.set(queue: 'jobs').perform_later }
    assert_raises(Lambdakiq::InvalidError) { AsyncJob.set(queue: 'jobs').perform_later(Float::NAN) }
  end

  def test_flush_timeout_is_a_number_of_seconds
    assert_equal 5, Lambdakiq.config.flush_timeout
    assert_raises(Lambdakiq::OptionError) { Lambdakiq.config.flush_timeout = 'x' }
  end

  # What an error reporter's subscriber is told.
  class Reports
    attr_reader :seen

    def initialize
      @seen = []
    end

    def report(error, handled:, context:, **)
      @seen << [error, handled, context[:job_id]]
    end
  end

  private

  # So that nothing is left for the end of the test process to wait for.
  def give_up
    Lambdakiq.client.outbox.close(0)
  end

  def ids(queue)
    Array.new(queue.size) { queue.pop }
  end

  def arrived(queue)
    found = []
    while (messages = receive(queue)).any?
      found.concat(messages.map { |message| JSON.parse(message.body)['job_id'] })
    end
    found
  end

  def words(queue)
    receive(queue).map { |message| JSON.parse(message.body)['arguments'].first }.sort
  end

  def run_program(queue, program, env = {})
    code = <<~RUBY
      require 'lambdakiq'
      ActiveJob::Base.queue_adapter = :lambdakiq
      ActiveJob::Base.logger = Lambdakiq.config.metrics_enabled = nil
      class AsyncJob < ActiveJob::Base
        include Lambdakiq::Worker
        lambdakiq_options async: true
      end
      #{program}
    RUBY
    output, errors, = Open3.capture3(env, RbConfig.ruby, '-Ilib', '-e', code, queue, chdir: File.expand_path('..', __dir__))
    assert_empty errors.lines.grep_v(/no \(RuntimeError\)|Failed to queue|from -e/), errors
    output
  end
end
