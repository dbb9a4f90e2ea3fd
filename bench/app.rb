# frozen_string_literal: true

# The Rails application both sides run: one file, one job, logging as in production but to /dev/null.

require 'bundler/setup'
require 'logger'
require 'rails'
require 'active_job/railtie'

SIDE = ENV.fetch('BENCH_SIDE') # "ours", "peer", or what has no adapter of theirs: "null" and "floor"

# What is measured may use only a part of a CPU, as on a small function; what prepares it may use all.
module Quota
  def self.enter
    group = ENV['BENCH_CPU_GROUP']
    File.write("#{group}/cgroup.procs", Process.pid.to_s) if group
  end
end

module BenchClock
  module_function

  def wall_us
    Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_microsecond)
  end

  def cpu_us
    Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID, :float_microsecond)
  end

  # {wall_us:, cpu_us:} of the block, divided by count.
  def per(count)
    Quota.enter
    wall = wall_us
    cpu = cpu_us
    yield
    { wall_us: (wall_us - wall) / count, cpu_us: (cpu_us - cpu) / count }
  end
end

REQUIRE_COST = BenchClock.per(1) do
  case SIDE
  when 'ours' then require 'lambdakiq'
  when 'peer'
    require 'aws-sdk-sqs'
    require 'lambdakiq'
  end
end

# What every enqueue costs before an adapter does anything: ActiveJob's own work, and the JSON.
class NullAdapter < ActiveJob::QueueAdapters::AbstractAdapter
  def enqueue_after_transaction_commit?
    true
  end

  def enqueue(job)
    JSON.generate(job.serialize)
  end
end

# Neither gem: ActiveJob alone ("null"), or ActiveJob and the same bytes over libcurl ("floor").
ADAPTERS = { 'null' => 'NullAdapter', 'floor' => 'FloorAdapter' }.freeze
require_relative 'floor' if SIDE == 'floor'

class BenchApp < Rails::Application
  config.eager_load = false
  config.logger = Logger.new(File::NULL)
  config.log_level = :info
  config.secret_key_base = 'bench'
  config.active_job.queue_adapter = ADAPTERS.key?(SIDE) ? Object.const_get(ADAPTERS.fetch(SIDE)).new : :lambdakiq
end
BenchApp.initialize!
Lambdakiq.config.delete = ENV['BENCH_DELETE'].to_sym if ENV['BENCH_DELETE'] && SIDE == 'ours'

class BenchJob < ActiveJob::Base
  include Lambdakiq::Worker unless ADAPTERS.key?(SIDE)
  queue_as ENV.fetch('BENCH_QUEUE', 'bench')

  def perform(number, name); end
end
