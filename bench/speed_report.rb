# frozen_string_literal: true

require_relative 'support/median'
require_relative 'support/places'
require_relative 'support/table'

# Medians of the samples of a run, as tables with ratios, floors and goals.
class SpeedReport
  UNITS = { wall_us: 'µs', cpu_us: 'µs CPU', rss_kb: 'KB RSS', private_dirty_kb: 'KB private dirty' }.freeze
  HEADS = ['', '2.4.0', 'ours', 'ratio', 'floor', 'goal'].freeze

  # @param samples [Hash{Array(String, String, String) => Array<Numeric>}] [side, row, figure]
  # @param rows [Array<SpeedRows::Row>]
  def initialize(samples, rows, rounds)
    @samples = samples
    @rows = rows
    @rounds = rounds
  end

  def medians
    @samples.to_h { |key, values| [key.join('.'), Median.of(values)] }
  end

  def print
    puts "#{RUBY_DESCRIPTION}, #{@rounds} rounds, the sides in turn, one local server; medians"
    @rows.group_by(&:place).each do |place, rows|
      puts "\n#{Places::TITLES.fetch(place)}"
      lines = rows.flat_map { |row| row.figures.map { |figure, goal| line(row, figure, goal) } }
      lines.compact.empty? ? puts('not measured: it cannot be had on this machine') : Table.print(HEADS, lines)
    end
  end

  private

  # nil when it was not measured.
  def line(row, figure, goal)
    peer, ours, floor = ['peer', 'ours', row.floor].map { |side| of(side, row, figure) }
    return unless peer && ours

    ["#{row.title} (#{UNITS.fetch(figure)})", peer.round, ours.round, format('1/%.1f', peer / ours), floor&.round,
     verdict(goal, peer, ours, floor)]
  end

  def of(side, row, figure)
    values = @samples.fetch([side, row.key, figure.to_s], [])
    Median.of(values) if values.any?
  end

  def verdict(goal, peer, ours, floor)
    verdicts = []
    verdicts << said(ours / peer <= goal.share, "1/#{(1 / goal.share).round} of 2.4.0") if goal.share
    verdicts << said(ours / floor <= goal.of_floor, "#{goal.of_floor} x floor", ours / floor) if goal.of_floor
    added = ours - floor.to_f
    verdicts << said(added <= goal.added, "#{'+ ' if floor}#{goal.added.round}", added.round) if goal.added
    verdicts.join(', ')
  end

  def said(met, goal, is = nil)
    "#{met ? 'met' : 'missed'}: #{goal}#{" (#{is.is_a?(Float) ? is.round(2) : is})" if is}"
  end
end
