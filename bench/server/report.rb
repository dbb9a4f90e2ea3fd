# frozen_string_literal: true

require_relative '../support/median'
require_relative '../support/table'

# What `bin/bench server` found, as tables: medians, ratios, and how far it is from what would be good.
class ServerReport
  TITLES = { 'send' => 'SendMessage', 'batch' => 'SendMessageBatch of 10', 'receive' => 'ReceiveMessage',
             'delete' => 'DeleteMessage', 'cycle' => 'send + receive + delete' }.freeze
  GOALS = { start_ms: 20, idle_mb: 20, full_mb: 64, send_per_s: 30_000, cycle_ratio: 3, growth: 1.3 }.freeze

  # @param samples [Hash] [what, side] => Array<ServerSides::Sample>, and the facts
  # @param size [Hash] one of Server's
  def initialize(samples, size, rounds)
    @facts = samples.delete(%w[facts memory])
    @samples = samples
    @size = size
    @rounds = rounds
  end

  def medians
    measured = @samples.to_h do |(what, side), samples|
      [[*what, side].join('.'), %i[per_s cpu_us p50_us p99_us].to_h { |figure| [figure, median(samples, figure)] }]
    end
    measured.merge('facts' => @facts)
  end

  def print
    puts "#{@rounds} rounds, the sides in turn, on one machine; medians. Messages of 0.3 KB, " \
         "#{@size[:backlogs].first} in the queue; ours keeps them in a file"
    calls
    wakes
    growth
    goals
  end

  private

  def calls
    puts "\nCalls per second (in brackets: µs of the server's CPU for each)"
    Table.print(['', 'connections', 'HTTP alone', 'beanstalkd', 'ours', 'of HTTP alone', 'beanstalkd / ours'],
                TITLES.keys.product(@size[:connections]).map { |work, connections| call_line(work, connections) })
  end

  def call_line(work, connections)
    canned, beanstalkd, ours = %w[canned beanstalkd sqs].map { |side| @samples[[[work, connections], side]] }
    [TITLES.fetch(work), connections, *[canned, beanstalkd, ours].map { |samples| speed(samples) },
     format('1/%.1f', ratio(canned, ours)), beanstalkd.any? ? format('%.1f', ratio(beanstalkd, ours)) : nil]
  end

  def speed(samples)
    samples.any? ? format('%d (%.1f)', median(samples, :per_s), median(samples, :cpu_us)) : nil
  end

  # Of each round, then the median: what slows the machine slows both.
  def ratio(ones, others)
    Median.of(ones.zip(others).map { |one, other| one.per_s / other.per_s })
  end

  def wakes
    puts "\nFrom a send to when one who waited has the message, µs"
    Table.print(['connections that wait', 'beanstalkd p50', 'p99', 'ours p50', 'p99'],
                @size[:waiters].map { |waiters| [waiters, *wake_cells(waiters)] })
  end

  def wake_cells(waiters)
    %w[beanstalkd sqs].product(%i[p50_us p99_us]).map do |side, figure|
      median(@samples[[['wake', waiters], side]], figure)&.round
    end
  end

  def growth
    puts "\nµs of the server's CPU for each call at #{Server::GROWTH_CONNECTIONS} connections, by messages in the queue"
    backlogs = @size[:backlogs]
    Table.print(['', *backlogs.map(&:to_s), 'last / first', "#{@size[:many_queues]} queues", '/ 1 queue'],
                [*Server::GROWTH_WORKS.map { |work| growth_line(work) },
                 *Server::FIFO_WORKS.map { |work| fifo_line(work) }])
  end

  def growth_line(work)
    cells = cpu_of('growth', work)
    [TITLES.fetch(work), *cells[0..-2].map { |cell| cell.round(1) }, (cells[-2] / cells.first).round(2),
     cells.last.round(1), (cells.last / cells.first).round(2)]
  end

  def fifo_line(work)
    few, many = cpu_of('fifo', work)
    ["FIFO, a group each: #{TITLES.fetch(work)}", few.round(1), *[nil] * (@size[:backlogs].size - 2), many.round(1),
     (many / few).round(2), nil, nil]
  end

  def cpu_of(what, work)
    samples = @samples.select { |(measured, _side), _| measured == [what, work] }
    samples.sort_by { |(_, side), _| side }.map { |_, list| median(list, :cpu_us) }
  end

  def goals
    puts "\nGoals"
    Table.print(['', 'goal', 'is', ''],
                goal_lines.map { |name, goal, is, met| [name, goal, is, { true => 'met', false => 'missed' }[met]] })
  end

  def goal_lines
    full = @size[:backlogs].last
    [at_most('ms from the start until it listens', GOALS[:start_ms], start_ms(:ours)),
     ['… of which any program takes that does nothing', nil, start_ms(:nothing).round(2)],
     at_most('MB resident, idle', GOALS[:idle_mb], @facts[:idle_kb] / 1024.0),
     at_most("MB resident, with #{full} messages", GOALS[:full_mb], @facts[:full_kb] / 1024.0),
     at_least('SendMessage/s at 16 connections', GOALS[:send_per_s], sends(0)),
     at_least("… with #{full} messages in the queue", GOALS[:send_per_s],
              sends(@size[:backlogs].size - 1)),
     *cycle_line, *growth_lines,
     ['messages there after kill -9', @facts[:acknowledged], @facts[:after_crash],
      @facts[:acknowledged] == @facts[:after_crash]]]
  end

  def start_ms(side)
    median(@samples[['start', side]], :p50_us) / 1000
  end

  def sends(at)
    median(@samples[[%w[growth send], at]], :per_s)
  end

  def cycle_line
    beanstalkd, ours = %w[beanstalkd sqs].map { |side| @samples[[['cycle', 16], side]] }
    return [] if beanstalkd.empty?

    [at_most('beanstalkd / ours, send + receive + delete, 16 connections', GOALS[:cycle_ratio],
             ratio(beanstalkd, ours))]
  end

  def growth_lines
    first, *, last = @size[:backlogs]
    many = @size[:many_queues]
    [at_most("CPU per call, #{last} messages / #{first}", GOALS[:growth], worst('growth', Server::GROWTH_WORKS, -2)),
     at_most("CPU per call, #{many} queues / 1", GOALS[:growth], worst('growth', Server::GROWTH_WORKS, -1)),
     at_most("FIFO, CPU per call, #{last} messages / #{first}", GOALS[:growth], worst('fifo', Server::FIFO_WORKS, -1))]
  end

  def worst(what, works, at)
    works.map { |work| cpu_of(what, work)[at] / cpu_of(what, work).first }.max
  end

  def at_most(name, goal, value)
    [name, "≤ #{goal}", value.round(2), value <= goal]
  end

  def at_least(name, goal, value)
    [name, "≥ #{goal}", value.round, value >= goal]
  end

  def median(samples, figure)
    values = samples.filter_map(&figure)
    Median.of(values) if values.any?
  end
end
