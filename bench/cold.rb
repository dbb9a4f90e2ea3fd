# frozen_string_literal: true

require 'tmpdir'
require_relative 'support/median'
require_relative 'support/places'
require_relative 'support/side'
require_relative 'support/table'

# What a cold start pays: from the start of a Rails process to its first job's being accepted over TLS,
# and the memory it has then. The application without any adapter is measured in the same run; what is
# added to it is Lambdakiq's.
class Cold
  TITLE = 'start to first enqueue over TLS, and memory'
  OPTIONS = { rounds: ['--rounds N', Integer, 'fresh processes of each side (default 15)'] }.freeze
  SIDES = %w[peer ours null].freeze
  # figure => title, what one of its unit is
  FIGURES = { 'wall_us' => ['start to first enqueue over TLS', 1000.0, 'ms'],
              'own_us' => ['of that loading the gem, and the enqueue', 1000.0, 'ms'],
              'rss_kb' => ['resident memory', 1024.0, 'MB'],
              'private_dirty_kb' => ['private dirty memory', 1024.0, 'MB'] }.freeze

  def initialize(rounds: 15, json: false)
    @rounds = rounds
    @json = json
    @samples = Hash.new { |hash, side| hash[side] = Hash.new { |figures, figure| figures[figure] = [] } }
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |directory|
      Places.open(directory) do |places|
        places.server(:tls).call('CreateQueue', QueueName: 'bench')
        # The first of each side finds its files not yet in memory, and is not counted.
        (@rounds + 1).times { |round| one_round(round, places.environment(:tls)) }
      end
    end
    @json ? puts(JSON.pretty_generate(medians)) : report
  end

  private

  def one_round(round, environment)
    warn(round.zero? ? 'warming up' : "round #{round} of #{@rounds}")
    SIDES.each do |side|
      figures = start(side, environment)
      figures.each { |figure, value| @samples[side][figure] << value } if round.positive?
    end
  end

  def start(side, environment)
    started_us = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_microsecond)
    figures = Side.run(side, 'child.rb', 'cold', environment: environment)
    figures.merge('wall_us' => figures.delete('at_us') - started_us)
  end

  def medians
    @samples.transform_values { |figures| figures.transform_values { |values| Median.of(values) } }
  end

  def report
    puts "medians of #{@rounds} processes each, the sides in turn"
    Table.print(['', 'without either', '2.4.0', 'ours', '2.4.0 adds', 'ours adds'],
                FIGURES.map { |figure, (title, one, unit)| line(figure, "#{title} (#{unit})", one) })
  end

  def line(figure, title, one)
    peer, ours, bare = SIDES.map { |side| medians.dig(side, figure) / one }
    [title, *[bare, peer, ours, peer - bare, ours - bare].map { |value| format('%.1f', value) }]
  end
end
