# frozen_string_literal: true

require 'tmpdir'
require_relative 'server/report'
require_relative 'server/sides'

# The local server under load, with what HTTP alone costs and with beanstalkd on the same work; what a
# backlog and many queues cost; how fast a long poll wakes; start, memory, and whether it keeps what it
# acknowledged.
class Server
  TITLE = 'the local server: calls per second, backlogs, long polls; beside beanstalkd'
  OPTIONS = { rounds: ['--rounds N', Integer, 'rounds of every measurement (default 5)'],
              quick: ['--quick', 'a run of seconds, to see that everything works'] }.freeze
  # Those that leave the backlog as it is first.
  WORKS = %w[receive delete cycle send batch].freeze
  BEANSTALKD_WORKS = %w[delete cycle send].freeze
  GROWTH_WORKS = %w[receive delete cycle send].freeze
  FIFO_WORKS = %w[delete cycle send].freeze
  GROWTH_CONNECTIONS = 16
  FULL = { connections: [1, 16, 256], backlogs: [10, 10_000, 1_000_000], many_queues: 100, run_ms: 1000,
           deletes: 5000, waiters: [1, 16, 256], wakes: 300 }.freeze
  QUICK = { connections: [1, 16], backlogs: [10, 100, 1000], many_queues: 10, run_ms: 50,
            deletes: 200, waiters: [1, 16], wakes: 20 }.freeze

  def initialize(rounds: nil, quick: false, json: false)
    @size = quick ? QUICK : FULL
    @rounds = rounds || (quick ? 1 : 5)
    @json = json
    @samples = Hash.new { |hash, key| hash[key] = [] }
    warn 'server: beanstalkd is not there, its columns stay empty: apt-get install beanstalkd' unless beanstalkd?
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |directory|
      @directory = directory
      fill
      @rounds.times { |round| one_round(round + 1) }
      note_facts
    ensure
      [@full, @full_fifo].compact.each(&:stop)
    end
    report = ServerReport.new(@samples, @size, @rounds)
    @json ? puts(JSON.pretty_generate(report.medians)) : report.print
  end

  private

  def one_round(round)
    warn "round #{round} of #{@rounds}: calls"
    measure_calls
    warn "round #{round} of #{@rounds}: long polls"
    measure_wakes
    warn "round #{round} of #{@rounds}: backlogs and queues"
    measure_growth
  end

  def measure_calls
    with_sides do |ours, canned, beanstalkd|
      note_start(ours)
      WORKS.product(@size[:connections]) do |work, connections|
        [canned, beanstalkd, ours].compact.each do |side|
          next if side.equal?(beanstalkd) && !BEANSTALKD_WORKS.include?(work)

          note([work, connections], side.protocol, ServerSides.load(side, work, connections, limit(work)))
        end
      end
    end
  end

  def note_start(ours)
    { ours: ours.start_ms, nothing: ServerSides.start_nothing_ms }.each do |side, ms|
      note('start', side, ServerSides::Sample.new(nil, nil, ms * 1000))
    end
  end

  def measure_wakes
    with_sides do |ours, _canned, beanstalkd|
      @size[:waiters].each do |waiters|
        [beanstalkd, ours].compact.each do |side|
          note(['wake', waiters], side.protocol, ServerSides.load(side, 'wake', waiters, @size[:wakes]))
        end
      end
    end
  end

  def measure_growth
    small = @size[:backlogs][0..-2].map { |backlog| filled(backlog) }
    many = filled(@size[:backlogs].first * @size[:many_queues], queues: @size[:many_queues])
    small_fifo = filled(@size[:backlogs].first, fifo: true)
    compare('growth', GROWTH_WORKS, [*small, @full, many])
    compare('fifo', FIFO_WORKS, [small_fifo, @full_fifo])
  ensure
    [*small, many, small_fifo].compact.each(&:stop)
  end

  def compare(what, works, sides)
    works.product(sides.each_with_index.to_a) do |work, (side, at)|
      note([what, work], at, ServerSides.load(side, work, GROWTH_CONNECTIONS, limit(work)))
    end
  end

  # Once: it takes a while.
  def fill
    warn "filling queues with #{@size[:backlogs].last} messages"
    @full = filled(@size[:backlogs].last)
    @full_kb = @full.memory_kb
    @full_fifo = filled(@size[:backlogs].last, fifo: true)
  end

  # What is known of the server that was filled, and how it gets over a crash.
  def note_facts
    warn 'memory, and a crash'
    facts = { idle_kb: @full.idle_kb, full_kb: @full_kb, acknowledged: @full.messages }
    @full.crash
    @samples[%w[facts memory]] = facts.merge(after_crash: @full.messages, restart_ms: @full.start_ms)
  end

  def filled(backlog, **options)
    ServerSides::Ours.new("#{@directory}/#{rand(1_000_000)}", backlog: backlog, **options)
  end

  def with_sides
    ours = filled(@size[:backlogs].first)
    canned = ServerSides::Canned.new(ours)
    beanstalkd = ServerSides::Beanstalkd.new("#{@directory}/beanstalkd") if beanstalkd?
    yield ours, canned, beanstalkd
  ensure
    [ours, canned, beanstalkd].compact.each(&:stop)
  end

  def beanstalkd?
    ServerSides::Beanstalkd.available?
  end

  def limit(work)
    work == 'delete' ? @size[:deletes] : "#{@size[:run_ms]}ms"
  end

  def note(what, side, sample)
    @samples[[what, side]] << sample
  end
end
