# frozen_string_literal: true

require 'fileutils'
require 'rbconfig'
require 'tmpdir'
require_relative '../../../bench/support/local_server'

# `lambdakiq dev` with worker processes that run `lambdakiq-handler`. What an application does in there it
# writes to a timeline, which outlives a worker that is killed.
class DevServer < LocalServer
  HANDLER = File.expand_path('../../exe/lambdakiq-handler', __dir__)
  APP = "#{__dir__}/scripted_app.rb"

  attr_reader :directory

  # @param queues [Array<String>] each gets a dead-letter queue
  # @param worker [Array<String>] a command of its own instead of `lambdakiq-handler`
  # @param proxy [FaultyProxy, nil] what stands between the workers and SQS
  # @param variables [Hash] of the workers' environment
  # @param options [Hash] of the command: `batch_size: 10` is `--batch-size 10`
  def initialize(queues:, app: APP, handler: 'ScriptedApp.handler', worker: [RbConfig.ruby, HANDLER, '-r', app, handler],
                 proxy: nil, variables: {}, **options)
    @directory = Dir.mktmpdir('lambdakiq-dev')
    super(:dev, @directory, worker: [*through(proxy), *worker],
                            worker_environment: worker_environment.merge(variables), queue: queues, **options)
    proxy&.target = url
  end

  # @yield when all processes have ended, to look at what they left
  def stop
    super
    yield if block_given?
    FileUtils.remove_entry(@directory)
  end

  # Makes this process a client of the server for the time of the block, as the web process is.
  def use
    outer = @environment.to_h { |name, _| [name, ENV.fetch(name, nil)] }
    ENV.update(@environment)
    Lambdakiq.instance_variable_set(:@client, nil)
    yield
  ensure
    ENV.update(outer)
    Lambdakiq.instance_variable_set(:@client, nil)
  end

  # What the scripted application wrote, in the order it happened.
  #
  # @return [Array<Hash>]
  def timeline
    path = "#{@directory}/timeline"
    File.exist?(path) ? File.readlines(path).map { |line| JSON.parse(line) } : []
  end

  # @return [Array<String>] what a program in C wrote (test/fixtures/worker.c)
  def ledger
    path = "#{@directory}/ledger"
    File.exist?(path) ? File.readlines(path, chomp: true) : []
  end

  private

  # No bundler in the workers: they find the same files, in a third of the time.
  def worker_environment
    { 'RUBYOPT' => nil, 'BUNDLE_GEMFILE' => nil, 'RUBYLIB' => $LOAD_PATH.join(':'), 'TIMELINE' => "#{@directory}/timeline",
      'LK_TEST_LEDGER' => "#{@directory}/ledger", 'AWS_ENDPOINT_URL_SQS' => nil }
  end

  def through(proxy)
    proxy ? ['/usr/bin/env', "AWS_ENDPOINT_URL_SQS=#{proxy.url}"] : []
  end
end
