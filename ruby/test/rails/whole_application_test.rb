# frozen_string_literal: true

require 'fileutils'
require 'json'
require 'minitest/autorun'
require 'rbconfig'
require 'tmpdir'
require_relative '../../../bench/support/local_server'

# A whole application, booted with the defaults of its Rails: a web process that answers requests and
# enqueues, and jobs processes below `lambdakiq dev` that run what is deployed,
# `config/environment.Lambdakiq.cmd`. Tests look from outside.
class WholeApplicationTest < Minitest::Test
  SHOP = "#{__dir__}/shop"
  WEB = "#{__dir__}/web_process.rb"
  RAILS = Gem.loaded_specs.fetch('railties').version

  # Boots both kinds of processes, once for all tests.
  class Function
    # facts: what the web process said of itself.
    attr_reader :server, :directory, :facts

    def initialize
      @directory = Dir.mktmpdir('lambdakiq-shop')
      environment = { 'SHOP_DATA' => @directory, 'RAILS_ENV' => 'production' }
      Dir.chdir(SHOP) do
        @server = LocalServer.new(:dev, @directory, worker: %w[bundle exec lambdakiq-handler],
                                                    worker_environment: environment, timeout: 60)
        @web = IO.popen(environment.merge(@server.environment), [RbConfig.ruby, WEB, { err: web_log }], 'r+')
      end
      @facts = read
    end

    # What both kinds of processes printed.
    def log
      @server.log + File.read(web_log)
    end

    # @return [Hash] status, body
    def request(method, path, **params)
      @web.puts(JSON.generate([method, path, params]))
      read
    end

    def stop
      @web.close
      @server.stop
      FileUtils.remove_entry(@directory)
    end

    private

    def read
      JSON.parse(@web.gets || raise("the web process ended:\n#{File.read(web_log)}"))
    end

    def web_log
      "#{@directory}/web.log"
    end
  end

  class << self
    def function
      @function ||= Function.new.tap { |function| Minitest.after_run { function.stop } }
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

  def test_an_attachment_is_purged_later
    id = JSON.parse(order('A-2', receipt: 'two teas').fetch('body')).fetch('id')
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
