# frozen_string_literal: true

# The application of a fleet: the same file for producers and workers, on 2.4.0 and on ours.

require_relative '../app'
require_relative 'ledger'

Lambdakiq.config.long_delays = ENV['BENCH_LONG_DELAYS'].to_sym if ENV['BENCH_LONG_DELAYS'] && SIDE == 'ours'

class FleetJob < ActiveJob::Base
  include Lambdakiq::Worker

  # What is told to fail.
  class Failure < StandardError; end

  # @param fails_until_ms [Integer, nil] fails until then, as when a service it needs is down
  def perform(fails_until_ms = nil)
    FleetLedger.write('start', self)
    raise Failure, 'as told' if fails_until_ms && FleetLedger.now_ms < fails_until_ms

    FleetLedger.write('done', self)
  end
end

# In the FIFO group that its second argument names.
class GroupJob < FleetJob
  lambdakiq_options message_group_id: ->(job) { job.arguments.last }

  def perform(fails_until_ms, _group)
    super(fails_until_ms)
  end
end

# With a key of its own in its body, which a worker that does not know it has to let pass.
class TaggedJob < FleetJob
  def serialize
    super.merge('bench_tag' => { 'user' => 7 })
  end
end

# Retried by ActiveJob: fails twice, then works.
class AgainJob < FleetJob
  retry_on Failure, wait: 3, attempts: 5

  def perform
    FleetLedger.write('start', self)
    raise Failure, 'as told' if exception_executions.values.sum < 2

    FleetLedger.write('done', self)
  end
end
