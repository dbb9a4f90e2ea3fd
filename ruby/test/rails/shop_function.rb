# frozen_string_literal: true

require 'fileutils'
require 'json'
require 'rbconfig'
require 'tmpdir'
require_relative '../../../bench/support/local_server'

# A whole application in two kinds of processes: one that answers requests, and jobs processes below
# `lambdakiq dev`.
class ShopFunction
  SHOP = "#{__dir__}/shop"
  WEB = "#{__dir__}/web_process.rb"

  # facts: what the web process said of itself.
  attr_reader :server, :directory, :facts

  # @param command [Array<String>] the jobs function's
  def initialize(*command)
    @directory = Dir.mktmpdir('lambdakiq-shop')
    environment = { 'SHOP_DATA' => @directory, 'RAILS_ENV' => 'production' }
    Dir.chdir(SHOP) do
      @server = LocalServer.new(:dev, @directory, worker: command, worker_environment: environment, timeout: 60)
      @web = IO.popen(environment.merge(@server.environment), [RbConfig.ruby, WEB, { err: web_log }], 'r+')
    end
    @facts = read
  end

  # What both kinds of processes printed.
  def log
    @server.log + File.read(web_log)
  end

  # Metrics lines of the web process, and of the jobs processes.
  #
  # @return [Array<Array<Hash>>]
  def metrics
    [File.read(web_log), @server.log].map { |log| log.lines.grep(/\A{"_aws"/).map { |line| JSON.parse(line) } }
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
