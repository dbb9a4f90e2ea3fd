# frozen_string_literal: true

require_relative 'test_helper'
require 'action_dispatch'
require 'open3'
require 'rbconfig'

# What a job logs can be joined to the web request that enqueued it.
class RequestIdTest < QueueTest
  # Says in what it works; does what it is told.
  class RequestedJob < ApplicationJob
    lambdakiq_retries_exhausted do |job, _|
      Ledger.write('dead', Lambdakiq.request_id)
      logger.info('last words')
      job.retry_job if job.arguments == ['fail for good']
    end

    def perform(act = 'work')
      Ledger.write(act, Lambdakiq.request_id)
      logger.info("at #{act}")
      RequestedJob.set(queue: queue_name).perform_later if act == 'enqueue'
      raise ActJob::Failure, 'as told' if act.start_with?('fail')
    end
  end

  class AgainJob < ActiveJob::Base
    retry_on(ArgumentError, wait: 0, attempts: 2) { nil }

    def perform
      Ledger.write('again', Lambdakiq.request_id)
      raise ArgumentError
    end
  end

  def setup
    super
    @queue = make_queue
    @untagged = ActiveJob::Base.logger
    ActiveJob::Base.logger = ActiveSupport::TaggedLogging.new(ActiveSupport::Logger.new(LOG))
  end

  def teardown
    ActiveJob::Base.logger = @untagged
    super
  end

  def test_a_job_works_for_the_request_that_enqueued_it
    request('req-1') { RequestedJob.set(queue: @queue).perform_later }
    assert_equal %w[req-1], ids
    invoke(@queue)

    assert_equal [%w[work req-1]], Ledger.lines
    assert_nil Lambdakiq.request_id
  end

  def test_its_log_lines_have_the_id_as_a_tag
    request('req-1') { RequestedJob.set(queue: @queue).perform_later }
    invoke(@queue)

    %w[Performing Performed at\ work].each do |word|
      assert_match(/\A\[req-1\] \[ActiveJob\] \[RequestIdTest::RequestedJob\] \[\h{8}-/, lines(word).last, word)
    end
  end

  def test_without_a_request_nothing_is_added
    RequestedJob.set(queue: @queue).perform_later

    refute_includes receive(@queue).first.body, Lambdakiq::RequestId::KEY
    assert_nil RequestedJob.new.lambdakiq_request_id
  end

  def test_a_job_without_an_id_has_no_tag
    RequestedJob.set(queue: @queue).perform_later
    invoke(@queue)

    assert_match(/\A\[ActiveJob\] \[RequestIdTest/, lines('at work').last)
    assert_equal [['work', nil]], Ledger.lines
  end

  def test_jobs_that_a_job_enqueues_work_for_the_same_request
    request('req-1') { RequestedJob.set(queue: @queue).perform_later('enqueue') }
    2.times { invoke(@queue) }

    assert_equal [%w[enqueue req-1], %w[work req-1]], Ledger.lines
  end

  def test_a_job_that_sends_itself_again_keeps_it
    request('req-1') { AgainJob.set(queue: @queue).perform_later }
    2.times { invoke(@queue) }

    assert_equal [%w[again req-1]] * 2, Ledger.lines
  end

  def test_a_message_that_waits_long_keeps_it
    request('req-1') { RequestedJob.set(queue: @queue, wait: 1000).perform_later }
    SERVER.advance(901)
    invoke(@queue)
    SERVER.advance(100)
    invoke(@queue)

    assert_equal [%w[work req-1]], Ledger.lines
  end

  def test_a_retry_and_a_death_name_it
    Lambdakiq.config.max_retries = 1
    Lambdakiq.config.metrics_enabled = true
    text = nil
    events = events(/(enqueue_retry|retry_stopped)\.active_job/) do
      text, = capture_io do
        request('req-1') { RequestedJob.set(queue: @queue).perform_later('fail') }
        invoke(@queue)
        SERVER.advance(31)
        invoke(@queue)
      end
    end

    assert_equal %w[req-1 req-1], events.map { |event| event.payload[:request_id] }
    assert_equal ['receive 1, request req-1, retry 1 of 1', 'receive 2, request req-1, limit 1'],
                 lines(/Retrying|Stopped/).map { |line| line[/receive.*?(?:of|limit) 1/] }
    assert_equal ['req-1'] * 7, text.lines.map { |line| JSON.parse(line)['RequestId'] }
  end

  def test_last_words_are_said_for_it
    Lambdakiq.config.max_retries = 0
    request('req-1') { RequestedJob.set(queue: @queue).perform_later('fail for good') }
    invoke(@queue)

    assert_equal %w[dead req-1], Ledger.lines.last
    assert_match(/\A\[req-1\] last words/, lines('last words').first)
    assert_equal %w[req-1 req-1], ids, 'the dead one, and the one that it sent'
  end

  def test_the_line_of_an_enqueue_names_it
    Lambdakiq.config.metrics_enabled = true
    line, = capture_io { request('req-1') { RequestedJob.set(queue: @queue).perform_later } }

    assert_equal 'req-1', JSON.parse(line)['RequestId']
  end

  if ActiveSupport.respond_to?(:error_reporter)
    def test_errors_are_reported_with_it
      request('req-1') { RequestedJob.set(queue: @queue).perform_later('fail') }
      contexts = []
      reporter = Class.new(ActiveSupport::ErrorReporter).new
      reporter.subscribe(Object.new.tap { |it| it.define_singleton_method(:report) { |_, context:, **| contexts << context } })
      ActiveSupport.stub(:error_reporter, reporter) { invoke(@queue) }

      assert_equal ['req-1'], contexts.map { |context| context[:request_id] }
    end
  end

  def test_a_job_that_was_not_accepted_keeps_it
    request('req-1') { RequestedJob.set(queue: @queue).perform_later }
    failure = Lambdakiq::EnqueueFailure.new(receive(@queue).first.body, Lambdakiq::Error.new('no'))
    failure.job.enqueue

    assert_equal %w[req-1], ids
  end

  def test_requests_at_the_same_time_do_not_meet
    names = %w[req-1 req-2 req-3]
    inside = names.to_h { |name| [name, Thread::Queue.new] }
    go = Thread::Queue.new
    threads = names.map do |name|
      Thread.new do
        request(name) do
          inside[name] << true
          go.pop
          RequestedJob.new.lambdakiq_request_id
        end
      end
    end
    inside.each_value(&:pop)
    names.each { go << true }

    assert_equal names, threads.map(&:value)
    assert_nil Lambdakiq.request_id
  end

  def test_a_request_that_raises_leaves_nothing_behind
    assert_raises(ArgumentError) { request('req-1') { raise ArgumentError } }
    assert_nil Lambdakiq.request_id
  end

  def test_a_request_within_a_request_gives_back_the_outer_one
    request('req-1') do
      request('req-2') { assert_equal 'req-2', Lambdakiq.request_id }
      assert_equal 'req-1', Lambdakiq.request_id
    end
  end

  def test_a_thread_that_a_request_starts_has_none
    request('req-1') { assert_nil Thread.new { Lambdakiq.request_id }.value }
  end

  # As Rails isolates requests by default, and always with ActiveSupport 6.1 the other way.
  if ActiveSupport.const_defined?(:IsolatedExecutionState)
    def test_a_fiber_of_a_request_has_it_unless_requests_are_isolated_by_fiber
      assert_equal 'req-1', request('req-1') { Fiber.new { Lambdakiq.request_id }.resume }
      ActiveSupport::IsolatedExecutionState.isolation_level = :fiber
      assert_nil(request('req-1') { Fiber.new { Lambdakiq.request_id }.resume })
    ensure
      ActiveSupport::IsolatedExecutionState.isolation_level = :thread
    end
  end

  def test_a_callable_gives_it_instead
    Lambdakiq.config.request_id = -> { 'called' }
    request('req-1') { RequestedJob.set(queue: @queue).perform_later }

    assert_equal %w[called], ids
  end

  def test_it_says_nothing_about_a_job_that_came_without
    Lambdakiq.config.request_id = false
    RequestedJob.set(queue: @queue).perform_later('fail')
    Lambdakiq.config.request_id = -> { 'called' }
    retries = events('enqueue_retry.active_job') { invoke(@queue) }

    assert_equal [nil], retries.map { |event| event.payload[:request_id] }
    refute_match(/request called/, LOG.string)
  end

  def test_one_that_raises_is_logged_and_the_job_is_sent_all_the_same
    Lambdakiq.config.request_id = -> { raise 'no idea' }
    RequestedJob.set(queue: @queue).perform_later

    assert_equal [nil], ids
    assert_match(/request_id failed: RuntimeError: no idea/, LOG.string)
  end

  def test_switched_off_nothing_is_taken_along
    Lambdakiq.config.request_id = false
    request('req-1') { RequestedJob.set(queue: @queue).perform_later }

    assert_equal [nil], ids
  end

  def test_what_is_neither_is_refused
    [nil, 'id', :id].each { |value| assert_raises(Lambdakiq::OptionError) { Lambdakiq.config.request_id = value } }
  end

  def test_nothing_in_it_breaks_a_log_line
    Lambdakiq.config.request_id = -> { "a\nb\u0000#{'c' * 300}" }
    RequestedJob.set(queue: @queue).perform_later
    assert_equal ["ab#{'c' * 253}"], ids

    Lambdakiq.config.request_id = -> { '' }
    assert_nil Lambdakiq.request_id
    Lambdakiq.config.request_id = -> { 7 }
    assert_nil Lambdakiq.request_id
  end

  # From a real stack, in a process of its own.
  def test_a_rails_application_needs_no_setting_for_it
    output, status = Open3.capture2e(SERVER.environment, RbConfig.ruby, '-Ilib', '-e', <<~RUBY, @queue)
      require 'logger'
      require 'rails'
      require 'action_controller/railtie'
      require 'active_job/railtie'
      require 'lambdakiq'
      class Shop < Rails::Application
        config.load_defaults Rails::VERSION::STRING.to_f
        config.eager_load = false
        config.secret_key_base = 'test'
        config.hosts.clear
        config.logger = Logger.new(File::NULL)
        config.active_job.queue_adapter = :lambdakiq
        config.lambdakiq.metrics_enabled = false
      end
      class OrderJob < ActiveJob::Base
        queue_as ARGV[0]
      end
      class OrdersController < ActionController::Base
        def create
          OrderJob.perform_later
          head :created
        end
      end
      Shop.initialize!
      Shop.routes.draw { get 'orders', to: 'orders#create' }
      status, = Shop.call(Rack::MockRequest.env_for('/orders', 'HTTP_X_REQUEST_ID' => 'from-outside'))
      puts status, Lambdakiq.request_id.inspect
    RUBY

    assert_predicate status, :success?, output
    assert_equal "201\nnil\n", output
    assert_equal %w[from-outside], ids
  end

  private

  # A request with this id, answered by the block.
  def request(id)
    result = nil
    app = lambda do |_env|
      result = yield
      [200, {}, []]
    end
    stack = Lambdakiq::RequestId::Middleware.new(ActionDispatch::RequestId.new(app, header: 'X-Request-Id'))
    stack.call({ 'HTTP_X_REQUEST_ID' => id })
    result
  end

  # Of the messages in the queue, which are visible again afterwards.
  def ids
    receive(@queue).map do |message|
      sqs.change_message_visibility(queue_url: @queue, receipt_handle: message.receipt_handle, visibility_timeout: 0)
      JSON.parse(message.body)[Lambdakiq::RequestId::KEY]
    end
  end


  def lines(pattern)
    LOG.string.lines(chomp: true).select { |line| line.match?(pattern) }
  end
end
