# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/runtime_peer'
require 'open3'

# lambdakiq-handler as a process, with an application in a directory of its own.
class HandlerProcessTest < QueueTest
  EXE = File.expand_path('../exe/lambdakiq-handler', __dir__)
  LIB = File.expand_path('../lib', __dir__)
  APP = <<~'RUBY'
    require 'lambdakiq'
    ActiveJob::Base.queue_adapter = :lambdakiq
    ActiveJob::Base.logger = Logger.new(File::NULL)
    Lambdakiq.config.metrics_enabled = false

    class EndJob < ActiveJob::Base
      def perform(how)
        raise SignalException, 'TERM' if how == 'signal'
        File.write('performed.txt', "#{how}\n", mode: 'a')
      end
    end

    class HastyJob < ActiveJob::Base
      include Lambdakiq::Worker
      lambdakiq_options async: true
    end

    module Web
      def self.answer(event:, context:) = { 'path' => event['path'] }
    end

    def handler(event:, context:)
      return Lambdakiq.cmd(event: event, context: context) if Lambdakiq.jobs?(event)

      case event['do']
      when 'fail' then raise ArgumentError, 'as told'
      when 'bytes' then raise ArgumentError, "broken \xFF\xC3 bytes"
      when 'exit' then exit(7)
      when 'enqueue' then HastyJob.set(queue: event['queue']).perform_later.job_id
      when 'nan' then Float::NAN
      when 'wait'
        File.write('waiting', '')
        sleep 0.3
        { 'waited' => true }
      else { 'id' => context.aws_request_id, 'left' => context.get_remaining_time_in_millis,
             'trace' => ENV['_X_AMZN_TRACE_ID'], 'name' => context.function_name }
      end
    end
  RUBY

  # As Bundler loads the gems of an application: Rails comes when ours is loaded already.
  RAILS_APP = <<~'RUBY'
    require 'rails'
    require 'active_job/railtie'
    require 'lambdakiq'

    class SmallApplication < Rails::Application
      config.root = __dir__
      config.eager_load = false
      config.logger = Logger.new(File::NULL)
      config.active_job.queue_adapter = :lambdakiq
      config.lambdakiq.metrics_namespace = 'Small'
    end
    SmallApplication.initialize!

    def (SmallApplication).settings(event:, context:)
      { 'namespace' => Lambdakiq.config.metrics_namespace, 'adapter' => ActiveJob::Base.queue_adapter_name,
        'loaded' => Lambdakiq.autoload?(:Outbox).nil? }
    end
  RUBY

  def setup
    super
    @directory = Dir.mktmpdir('lambdakiq-handler')
    File.write("#{@directory}/app.rb", APP)
    @peer = RuntimePeer.new
  end

  def teardown
    if @pid
      Process.kill('KILL', @pid)
      Process.wait(@pid)
    end
    @peer.close
    FileUtils.remove_entry(@directory)
    super
  end

  def test_invocations_are_answered_with_what_the_handler_returns
    start('app.handler')
    @peer.invoke('id-1', {})
    path, answer = next_answer

    assert_equal 'invocation/id-1/response', path
    assert_equal ['id-1', 'Root=1-5759e988-bd862e3fe1be46a994272793', 'jobs'], answer.values_at('id', 'trace', 'name')
    assert_includes 1..(RuntimePeer::TIME_S * 1000), answer['left']
  end

  def test_a_failure_is_reported_with_class_message_and_backtrace_and_the_process_goes_on
    start('app.handler')
    @peer.invoke('id-1', 'do' => 'fail')
    @peer.invoke('id-2', 'do' => 'exit')
    @peer.invoke('id-3', 'do' => 'nan')
    @peer.invoke('id-4', {})
    first, second, third, fourth = Array.new(4) { next_answer }

    assert_equal 'invocation/id-1/error', first[0]
    assert_equal ['ArgumentError', 'as told'], first[1].values_at('errorType', 'errorMessage')
    assert_match(/app\.rb:\d+/, first[1]['stackTrace'].first)
    assert_equal %w[SystemExit JSON::GeneratorError], [second, third].map { |answer| answer[1]['errorType'] }
    assert_equal 'invocation/id-4/response', fourth[0]
  end

  def test_a_class_method_of_a_file_or_of_what_was_loaded_may_be_the_handler
    start('app.Web.answer')
    @peer.invoke('id-1', 'path' => '/')

    assert_equal({ 'path' => '/' }, next_answer[1])
    stop
    @peer.close # the first process may have left a request for its next event there
    @peer = RuntimePeer.new
    start('--require', 'app.rb', 'Web.answer')
    @peer.invoke('id-1', 'path' => '/again')
    assert_equal({ 'path' => '/again' }, next_answer[1])
  end

  def test_a_rails_application_has_its_settings_though_rails_is_loaded_later_than_the_gem
    File.write("#{@directory}/environment.rb", RAILS_APP)
    start('environment.SmallApplication.settings')
    @peer.invoke('id-1', {})

    assert_equal ['invocation/id-1/response',
                  { 'namespace' => 'Small', 'adapter' => 'lambdakiq', 'loaded' => true }], next_answer.first(2)
  end

  # As `lambdakiq dev` starts it, and a function with a program of its own.
  def test_without_a_handler_it_is_lambdakiq_with_the_environment_of_the_application_loaded
    queue = make_queue
    enqueue(queue, 'by default')
    FileUtils.mkdir("#{@directory}/config")
    FileUtils.mv("#{@directory}/app.rb", "#{@directory}/config/environment.rb")
    start(variables: { '_HANDLER' => 'bootstrap' })
    @peer.invoke('id-1', event(queue))

    assert_equal ['invocation/id-1/response', { 'batchItemFailures' => [] }], next_answer
    assert_equal "by default\n", File.read("#{@directory}/performed.txt")
  end

  def test_an_application_that_cannot_be_loaded_is_an_init_error
    File.write("#{@directory}/broken.rb", 'raise LoadError, "no such gem"')
    start('broken.handler', out: File::NULL, err: File::NULL)
    path, answer = next_answer

    assert_equal ['init/error', 'LoadError', 'no such gem'], [path, *answer.values_at('errorType', 'errorMessage')]
    assert_equal 1, wait
  end

  def test_a_missing_handler_is_an_init_error_that_says_where_it_was_looked_for
    start('app.nobody', err: File::NULL)
    _, answer = next_answer

    assert_match(/no method nobody in app\.rb/, answer['errorMessage'])
    assert_equal 1, wait
  end

  def test_a_missing_file_is_an_init_error_that_names_it
    start('web.handler')
    path, answer = next_answer

    assert_equal ['init/error', "handler \"web.handler\": there is no file #{@directory}/web.rb"], [path, answer['errorMessage']]
    assert_equal 1, wait
  end

  def test_sigterm_ends_an_idle_process_at_once
    start('app.handler')
    soon { @peer.wait_until_asked }
    Process.kill('TERM', @pid)

    assert_equal 0, wait
  end

  def test_sigterm_waits_for_the_running_invocation
    start('app.handler')
    @peer.invoke('id-1', 'do' => 'wait')
    soon { sleep 0.01 until File.exist?("#{@directory}/waiting") }
    Process.kill('TERM', @pid)

    assert_equal ['invocation/id-1/response', { 'waited' => true }], next_answer
    assert_equal 0, wait
  end

  def test_an_invocation_is_answered_when_the_async_jobs_it_enqueued_are_accepted
    queue = make_queue
    start('app.handler')
    @peer.invoke('id-1', 'do' => 'enqueue', 'queue' => queue)

    assert_equal [next_answer.last], receive(queue).map { |message| JSON.parse(message.body)['job_id'] }
  end

  def test_a_job_that_ends_the_process_has_its_batch_answered_first
    queue = make_queue
    %w[one signal two].each { |how| enqueue(queue, how) }
    start('app.handler', err: File::NULL)
    @peer.invoke('id-1', event(queue))
    path, answer = next_answer

    assert_equal 'invocation/id-1/response', path
    assert_equal 2, answer['batchItemFailures'].size
    assert_equal 1, wait
    assert_equal "one\n", File.read("#{@directory}/performed.txt")
  end

  # Everything at once: the local server, the mapping, the function, this process.
  def test_under_lambdakiq_dev_a_job_is_performed_and_gone
    output, input = IO.pipe
    @pid = spawn(environment, LocalSqs.command, 'dev', '--json', '--port', '0', '--db', ':memory:', '--',
                 RbConfig.ruby, "-I#{LIB}", EXE, 'app.handler', chdir: @directory, out: input, err: input)
    input.close
    url = JSON.parse(soon { output.gets }).dig('env', 'AWS_ENDPOINT_URL_SQS')
    Lambdakiq::Client.default_options[:endpoint] = url
    enqueue('jobs', 'for real')
    lines = []
    soon { lines << output.gets until lines.last&.start_with?('REPORT') }

    assert_equal "for real\n", File.read("#{@directory}/performed.txt")
    soon { sleep 0.02 until counts('jobs') == [0, 0, 0] }
    Process.kill('TERM', @pid)
    assert_equal 0, wait
  end

  def test_help_version_and_misuse
    help, status = Open3.capture2e(RbConfig.ruby, "-I#{LIB}", EXE, '--help')
    assert_predicate status, :success?
    assert_match(/Usage: lambdakiq-handler/, help)

    version, = Open3.capture2e(RbConfig.ruby, "-I#{LIB}", EXE, '--version')
    assert_equal "lambdakiq #{Lambdakiq::VERSION}\n", version

    message, status = Open3.capture2e(RbConfig.ruby, "-I#{LIB}", EXE, '--bogus')
    assert_equal 2, status.exitstatus
    assert_match(/invalid option: --bogus; see lambdakiq-handler --help/, message)
  end

  def test_without_a_runtime_api_it_says_how_to_start_it
    message, status = Open3.capture2e({ 'AWS_LAMBDA_RUNTIME_API' => nil }, RbConfig.ruby, "-I#{LIB}", EXE, 'app.handler',
                                      chdir: @directory)

    assert_equal 1, status.exitstatus
    assert_match(/lambdakiq dev/, message)
  end

  def test_a_runtime_api_that_cannot_be_reached_ends_it_with_the_reason
    message, status = soon do
      Open3.capture2e({ 'AWS_LAMBDA_RUNTIME_API' => '127.0.0.1:1' }, RbConfig.ruby, "-I#{LIB}", EXE, 'app.handler',
                      chdir: @directory)
    end

    assert_equal 1, status.exitstatus
    assert_match(/cannot connect to 127\.0\.0\.1:1/, message)
  end

  def test_a_failure_whose_message_is_not_utf_8_is_reported_and_the_process_goes_on
    start('app.handler')
    @peer.invoke('id-1', 'do' => 'bytes')
    @peer.invoke('id-2', {})
    failure = next_answer

    assert_equal ['invocation/id-1/error', 'ArgumentError'], [failure[0], failure[1]['errorType']]
    assert_match(/\Abroken .+ bytes\z/, failure[1]['errorMessage'])
    assert_equal 'invocation/id-2/response', next_answer[0]
  end

  private

  def environment
    { 'AWS_LAMBDA_RUNTIME_API' => @peer.address, 'AWS_LAMBDA_FUNCTION_NAME' => 'jobs' }
  end

  def start(*arguments, variables: {}, **redirections)
    @pid = spawn(environment.merge(variables), RbConfig.ruby, "-I#{LIB}", EXE, *arguments,
                 chdir: @directory, err: File::NULL, **redirections)
  end

  # A process that hangs is a failure, not a test that never ends.
  def soon(&block)
    Timeout.timeout(30, &block)
  end

  def next_answer
    soon { @peer.answers.pop }
  end

  def stop
    Process.kill('TERM', @pid)
    wait
  end

  def wait
    _, status = soon { Process.wait2(@pid) }
    @pid = nil
    status.exitstatus
  end

  def enqueue(queue, how)
    job_class = Class.new(ActiveJob::Base) { def self.name = 'EndJob' }
    job_class.set(queue: queue).perform_later(how)
  end
end
