# frozen_string_literal: true

require_relative 'test_helper'
require 'tempfile'

# Credentials that the core looks for by itself, seen from Ruby.
class CredentialsTest < QueueTest
  KEYS = %w[AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_CONFIG_FILE].freeze

  def setup
    super
    @before = KEYS.to_h { |key| [key, ENV.fetch(key, nil)] }
    KEYS.each { |key| ENV.delete(key) }
    @files = []
  end

  def teardown
    ENV.update(@before)
    @files.each(&:close!)
    super
  end

  def test_other_threads_run_while_a_credential_process_does
    flag = file('')
    # Ends only when another Ruby thread has written: with the VM held, it would never end.
    profile("credential_process = sh -c 'while [ ! -s #{flag.path} ]; do sleep 0.01; done; echo \"$0\"' " \
            '"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"}"')
    thread = Thread.new { File.write(flag.path, 'go') }
    assert_kind_of Array, sqs.list_queues.queue_urls.to_a
    thread.join
  end

  def test_a_thread_that_waits_for_a_credential_process_can_be_killed
    started = file('')
    profile("credential_process = sh -c 'echo $$ >#{started.path}; exec sleep 60'")
    thread = Thread.new { sqs.list_queues }
    pid = wait_until { File.read(started.path)[/\A\d+\n/] }.to_i
    thread.kill
    assert thread.join(10), 'the thread is still waiting'
    assert_raises(Errno::ESRCH) { Process.kill(0, pid) }
  end

  def test_a_failing_credential_process_shows_its_stderr
    profile("credential_process = sh -c 'echo please log in >&2; exit 3'")
    error = assert_raises(Lambdakiq::CredentialsError) { sqs.list_queues }
    assert_match(/status 3: please log in/, error.message)
  end

  def test_what_is_not_supported_names_itself_and_the_client_option
    profile('sso_session = company')
    error = assert_raises(Lambdakiq::UnsupportedError) { sqs.list_queues }
    assert_match(/sso_session/, error.message)
    assert_match(/config\.lambdakiq\.client = Aws::SQS::Client\.new/, error.message)
    assert_match(/config\.lambdakiq\.client/, error.full_message)
  end

  private

  def file(content)
    Tempfile.new('lambdakiq').tap do |file|
      file.write(content)
      file.flush
      @files << file
    end
  end

  def profile(lines)
    ENV['AWS_CONFIG_FILE'] = file("[default]\n#{lines}\n").path
  end

  def wait_until(seconds = 30)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until (result = yield)
      flunk 'nothing happened' if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.01
    end
    result
  end
end
