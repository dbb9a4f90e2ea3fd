# frozen_string_literal: true

require 'json'
require 'minitest/autorun'
require_relative 'shop_function'

# What a whole application does, booted with the defaults of its Rails: a web process answers requests and
# enqueues, jobs processes run `config/environment.Lambdakiq.cmd`. Tests look from outside.
module WholeApplication
  RAILS = Gem.loaded_specs.fetch('railties').version

  def self.included(test)
    test.extend(Shared)
  end

  # One application for all tests of a class.
  module Shared
    def function
      @function ||= ShopFunction.new(*self::COMMAND).tap { |function| Minitest.after_run { function.stop } }
    end
  end

  def teardown
    refute_match(/DEPRECATION/, function.log)
  end

  def test_it_boots_with_the_adapter_and_all_that_an_enqueue_needs
    assert_equal [RAILS.to_s, 'ActiveJob::QueueAdapters::LambdakiqAdapter', true],
                 function.facts.values_at('rails', 'adapter', 'ready')
  end

  def test_what_a_request_leaves_for_later_is_performed
    answer = order('A-1', receipt: 'one tea')
    play

    assert_equal 201, answer['status']
    assert_equal ['payment A-1 at try 3', 'receipt A-1: one tea'], ledger.grep(/\A(payment|receipt) A-1/).sort
    assert_equal 1, ledger.grep(/broadcast orders: .*append.*order A-1/).size
    assert_match(/^Order A-1/, File.read("#{function.directory}/mails/ada@example.com"))
    assert_all_done
  end

  def test_metrics_of_enqueuing_are_in_the_web_functions_log_and_those_of_performing_in_the_jobs_functions
    payment = ['PaymentJob', "gid://shop/Order/#{order_id('A-4', receipt: 'four teas')}"]
    play
    web, jobs = function.metrics.map { |lines| lines.select { |line| line.values_at('JobName', 'JobArg1') == payment } }

    assert_equal [['enqueue.active_job', 'Shop', nil]], web.map { |line| line.values_at('JobEvent', 'AppName', 'ExceptionName') }
    assert_equal [['perform_start.active_job', 'Shop', nil], ['perform.active_job', 'Shop', 'RuntimeError'],
                  ['enqueue_retry.active_job', 'Shop', 'RuntimeError']],
                 jobs.first(3).map { |line| line.values_at('JobEvent', 'AppName', 'ExceptionName') }
    assert_equal 'perform.active_job', jobs.last['JobEvent']
  end

  def test_an_attachment_is_purged_later
    id = order_id('A-2', receipt: 'two teas')
    play
    assert_equal 1, stored('two teas')
    answer = function.request('DELETE', "/orders/#{id}/receipt")
    assert_equal [202, 1], [answer['status'], stored('two teas')]
    play

    assert_equal 0, stored('two teas')
    assert_all_done
  end

  # From Rails 7.2 on jobs of a transaction wait for its commit.
  if RAILS >= Gem::Version.new('7.2')
    def test_a_transaction_that_is_rolled_back_leaves_no_job
      assert_equal 201, order('A-3', receipt: 'no tea', cancel: true)['status']

      assert_equal 0, function.server.waiting
      play
      assert_empty ledger.grep(/A-3/)
    end
  end

  private

  def function
    self.class.function
  end

  def order(number, **params)
    function.request('POST', '/orders', number: number, **params)
  end

  def order_id(...)
    JSON.parse(order(...).fetch('body')).fetch('id')
  end

  # Lets all be done that is due, now or ever.
  def play
    function.server.run_until_quiet
  end

  def ledger
    path = "#{function.directory}/ledger.txt"
    File.exist?(path) ? File.readlines(path, chomp: true) : []
  end

  # Files of Active Storage with this content.
  def stored(content)
    Dir["#{function.directory}/storage/**/*"].count { |path| File.file?(path) && File.read(path) == content }
  end

  def assert_all_done
    assert_equal [0, 0, 0], function.server.counts('jobs')
    assert_equal [0, 0, 0], function.server.counts('jobs-dlq')
  end
end

class WholeApplicationTest < Minitest::Test
  include WholeApplication

  COMMAND = %w[bundle exec lambdakiq-handler].freeze
end

# AWS's runtime interface client, with what is a container's command there.
class WholeApplicationOnAwsRuntimeTest < Minitest::Test
  include WholeApplication

  COMMAND = %w[env _HANDLER=config/environment.Lambdakiq.cmd bundle exec aws_lambda_ric].freeze
end
