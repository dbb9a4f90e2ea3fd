# frozen_string_literal: true

require_relative '../support/median'
require_relative '../support/table'

# What `bin/bench worker` found, as tables: medians, ratios, and how far it is from what would be good.
class WorkerReport
  TITLES = { floor: 'a bare socket', floor_libcurl: 'with libcurl loaded', aws_lambda_cpp: 'aws-lambda-cpp',
             ours: 'ours', ours_each: 'ours, deletes all' }.freeze
  GOALS = { start_ms: 5, rss_mb: 8 }.freeze

  # @param samples [Hash] [side, batch] => Array<Hash> of host.c; [:work or :cycle, processes, batch] => rates
  # @param sizes [Hash{Symbol => Integer}] bytes of the programs, without symbols
  def initialize(samples, size, sizes, rounds)
    @samples = samples
    @size = size
    @sizes = sizes
    @rounds = rounds
  end

  def medians
    @samples.to_h { |key, values| [key.join('.'), values.first.is_a?(Hash) ? figures(values) : Median.of(values)] }
            .merge('bytes' => @sizes)
  end

  def print
    puts "#{@rounds} rounds, the sides in turn, on one machine; medians"
    invocations
    programs
    end_to_end
    goals
  end

  private

  def figures(values)
    values.first.keys.to_h { |figure| [figure, Median.of(values.map { |value| value[figure] })] }
  end

  def invocations
    puts "\nInvocations per second (in brackets: µs of the function's CPU for each). Ours parses the event, reads " \
         "the job's\narguments, prints its metrics and deletes the messages that the mapping does not delete; the " \
         'others do none of it'
    Table.print(['batch size', *@sizes.keys.map { |side| TITLES.fetch(side) }, 'ours / aws-lambda-cpp'],
                Worker::BATCHES.map { |batch| [batch, *@sizes.keys.map { |side| cell(side, batch) }, ratio(batch)] })
  end

  def cell(side, batch)
    format('%<rate>d (%<cpu>d)', rate: @size[:invocations] / median(side, batch, :seconds),
                                 cpu: median(side, batch, :cpu_s) * 1e6 / @size[:invocations])
  end

  # Of the time, in each round.
  def ratio(batch)
    peers, ours = %i[aws_lambda_cpp ours].map { |side| @samples[[side, batch]] }
    return if peers.empty?

    format('%.2f', Median.of(peers.zip(ours).map { |peer, our| our[:seconds] / peer[:seconds] }))
  end

  def programs
    puts
    Table.print(['', *@sizes.keys.map { |side| TITLES.fetch(side) }],
                [['ms from the start to the first `next`', *each_side { |side| median(side, 1, :start_ms).round(1) }],
                 ['MB resident', *each_side { |side| (median(side, 10, :rss_kb) / 1024.0).round(1) }],
                 ['KB of program, without libcurl', *each_side { |side| @sizes.fetch(side) / 1024 }]])
  end

  def each_side(&block)
    @sizes.keys.map(&block)
  end

  def end_to_end
    puts "\n`lambdakiq work`: messages per second from the queue to the delete; beside send + receive + delete of " \
         'the server alone'
    rows = Worker::BATCHES.product(@size[:processes])
    Table.print(['batch size', 'processes', 'lambdakiq work', 'the server alone', 'share'],
                rows.map { |batch, processes| [batch, processes, *work_cells(processes, batch)] })
  end

  def work_cells(processes, batch)
    work, cycle = %i[work cycle].map { |what| Median.of(@samples[[what, processes, batch]]) }
    [work.round, cycle.round, (work / cycle).round(2)]
  end

  def goals
    puts "\nGoals"
    Table.print(['', 'goal', 'is', ''],
                [at_most('ms to the first `next`', GOALS[:start_ms], median(:ours, 1, :start_ms)),
                 at_most('MB resident', GOALS[:rss_mb], median(:ours, 10, :rss_kb) / 1024.0)])
  end

  def at_most(name, goal, value)
    [name, "≤ #{goal}", value.round(1), value <= goal ? 'met' : 'missed']
  end

  def median(side, batch, figure)
    Median.of(@samples[[side, batch]].map { |sample| sample[figure] })
  end
end
