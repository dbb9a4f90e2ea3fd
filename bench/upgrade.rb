# frozen_string_literal: true

require 'tmpdir'
require_relative 'fleet/fleet'
require_relative 'support/table'

# An application is upgraded, rolled back and upgraded again, with jobs in flight all the time: every
# deployment finds what the one before left in the queues. The columns are who enqueued the jobs.
class Upgrade
  TITLE = 'jobs through a mixed fleet and a rollback'
  OPTIONS = { jobs: ['--jobs N', Integer, 'jobs of both sides together, in thousands (default 10000)'] }.freeze
  SIDES = %w[peer ours].freeze
  QUEUES = %w[jobs line.fifo].freeze
  MINUTE_MS = 60_000
  # What becomes due in that time comes together.
  JUMP_S = 20

  # workers: who performs. share: what part of its jobs each side enqueues meanwhile. until_s: how far
  # the clock moves before the next deployment; nil: until nothing waits any more.
  Phase = Struct.new(:title, :workers, :share, :settings, :until_s)
  PHASES = [
    Phase.new('2.4.0', 'peer', { 'peer' => 0.4 }, {}, 900),
    # Workers first: until each of them is ours, waits are capped as 2.4.0 caps them.
    Phase.new('mixed', 'mixed', { 'peer' => 0.4, 'ours' => 0.2 }, { 'BENCH_LONG_DELAYS' => 'cap' }, 900),
    Phase.new('ours', 'ours', { 'ours' => 0.4 }, {}, 3000),
    Phase.new('rolled back to 2.4.0', 'peer', { 'peer' => 0.2 }, {}, 900),
    Phase.new('ours again', 'ours', { 'ours' => 0.4 }, {}, nil)
  ].freeze

  ROWS = { accepted: 'accepted', performed: 'performed', dead: 'in the DLQ (as they should be)', gone: 'gone',
           twice: 'performed twice', early: 'run early, of those due in 3 h' }.freeze

  def initialize(jobs: 10_000, json: false)
    abort('bench: --jobs wants thousands, from 1000') if jobs < 1000 || (jobs % 1000).positive?
    @jobs = jobs
    @json = json
    @sends = 0
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |directory|
      @fleet = Fleet.new(directory, queues: QUEUES, batch_size: 10)
      PHASES.each { |phase| play(phase) }
    end
    @json ? puts(JSON.pretty_generate(@tallies.merge(hops: hops))) : report
  end

  private

  def play(phase)
    warn "workers: #{phase.title}"
    @fleet.deploy(phase.workers) do |server|
      phase.share.each { |side, share| @fleet.enqueue(side, plan(share, server.clock_ms), phase.settings) }
      server.run_until_quiet(jump_s: JUMP_S, until_s: phase.until_s)
      @sends += server.calls.fetch('SendMessage') # batches are sent by nobody here
      @tallies = SIDES.to_h { |side| [side, tally(side)] } unless phase.until_s
    end
  end

  def tally(side)
    @fleet.tally { |job| job['side'] == side }
          .merge(long: @fleet.accepted.values.count { |job| job['side'] == side && job['kind'] == 'long' })
  end

  # A part of a side's jobs, of all kinds.
  def plan(share, now_ms)
    count = ->(percent) { (@jobs / 2 * share * percent / 100).round }
    [{ kind: 'now', job: 'FleetJob', count: count[68] },
     { kind: 'soon', job: 'FleetJob', count: count[8], wait_s: 600 },
     { kind: 'long', job: 'FleetJob', count: count[8], wait_s: 3 * 3600 },
     { kind: 'flaky', job: 'FleetJob', count: count[6], arguments: [now_ms + (20 * MINUTE_MS)] },
     { kind: 'doomed', job: 'FleetJob', count: count[2], arguments: [now_ms + (365 * 24 * 60 * MINUTE_MS)] },
     { kind: 'line', job: 'GroupJob', count: count[4], groups: 10, arguments: [nil] },
     { kind: 'line, soon', job: 'GroupJob', count: count[4], groups: 10, wait_s: 300, arguments: [nil] }]
      .map { |entry| { queue: entry[:job] == 'GroupJob' ? 'line.fifo' : 'jobs' }.merge(entry) }
  end

  # What was sent beyond what was enqueued.
  def hops
    @sends - @tallies.values.sum { |tally| tally.fetch(:accepted) }
  end

  def report
    puts "workers: #{PHASES.map(&:title).join(', then ')}"
    Table.print(["#{@jobs} jobs", 'enqueued by 2.4.0', 'enqueued by ours'],
                ROWS.map { |figure, title| [title, *@tallies.values.map { |tally| cell(figure, tally) }] })
    puts "hops of waits above 15 minutes: #{hops}"
  end

  def cell(figure, tally)
    figure == :early ? "#{tally[:early]} of #{tally[:long]}" : tally[figure]
  end
end
