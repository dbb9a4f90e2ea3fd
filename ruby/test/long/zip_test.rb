# frozen_string_literal: true

require_relative '../test_helper'
require 'open3'
require 'tmpdir'

# The zip package of a function, laid out elsewhere and run there as Lambda would.
class ZipTest < QueueTest
  ROOT = File.expand_path('../../..', __dir__)
  HANDLER = <<~RUBY
    require './app'
    result = handler(event: JSON.parse($stdin.read), context: nil)
    puts
    puts JSON.generate(result: result, loaded: $LOADED_FEATURES.grep(/lambdakiq/), maps: File.read('/proc/self/maps'))
  RUBY

  def test_a_packed_application_performs_an_event_with_nothing_of_this_machine
    Dir.mktmpdir do |directory|
      package = pack("#{directory}/app")
      queue = make_queue
      send_job(queue)
      answer = invoke_package(package, event(queue), queue)
      assert_equal({ 'batchItemFailures' => [] }, answer['result'])
      assert_equal [0, 0, 0], counts(queue)
      assert_equal "receipt A-1\n", File.read("#{directory}/app/build/ledger.txt")
      assert_self_contained(package, answer)
      refute_path_exists "#{package}/config/master.key"
    end
  end

  private

  # Into a directory of the application, as the guide has it.
  def pack(application)
    FileUtils.cp_r("#{ROOT}/examples/rails_app", application)
    File.write("#{application}/config/master.key", 'secret')
    output, status = Open3.capture2e("#{ROOT}/tools/pack_zip.sh", '.', 'build/function', chdir: application)
    assert status.success?, output
    "#{application}/build/function"
  end

  def send_job(queue)
    body = { job_class: 'ReceiptJob', job_id: SecureRandom.uuid, queue_name: queue, arguments: ['A-1'],
             executions: 0, exception_executions: {}, locale: 'en', enqueued_at: Time.now.utc.iso8601 }
    sqs.send_message(queue_url: queue, message_body: JSON.generate(body),
                     message_attributes: { 'lambdakiq' => { string_value: '1', data_type: 'String' } })
  end

  # In an environment that has nothing but what Lambda sets.
  def invoke_package(package, event, queue)
    environment = SERVER.environment.merge(
      'PATH' => ENV.fetch('PATH'), 'LD_LIBRARY_PATH' => "#{package}:#{package}/lib", 'HOME' => '/nonexistent',
      'JOBS_QUEUE_NAME' => queue, 'STOCK_QUEUE_NAME' => "#{queue}.fifo", 'RAILS_ENV' => 'production',
      'LEDGER' => "#{File.dirname(package)}/ledger.txt", 'LAMBDA_TASK_ROOT' => package
    )
    output, status = Open3.capture2(environment, RbConfig.ruby, '-rjson', '-e', HANDLER,
                                    stdin_data: JSON.generate(event), chdir: package, unsetenv_others: true)
    assert status.success?, output
    JSON.parse(output.lines.last)
  end

  def assert_self_contained(package, answer)
    package = File.realpath(package)
    foreign = answer['loaded'].map { |path| File.realpath(path) }.reject { |path| path.start_with?(package) }
    assert_empty foreign
    jansson = answer['maps'][%r{/\S*libjansson\S*}] or return # linked in
    assert_equal "#{package}/lib/libjansson.so.4", File.realpath(jansson)
  end
end
