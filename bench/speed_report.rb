# frozen_string_literal: true

# Medians of the samples of a run, as a table with ratios, floors and goals.
class SpeedReport
  # scenario => [title, unit, the figures to print]
  ROWS = {
    'requires' => ['require, beyond Rails', :wall_us],
    'first_enqueue' => ['first enqueue of a process', :wall_us],
    'warm_enqueue' => ['perform_later, warm', :wall_us, :cpu_us],
    'bulk_enqueue' => ['perform_all_later, per job of 1000', :wall_us],
    'handler' => ['handler, per message of a batch of 10', :wall_us, :cpu_us],
    'memory' => ['memory after the first enqueue', :rss_kb, :private_dirty_kb]
  }.freeze

  # Goals as a share of the peer's figure.
  GOALS = { %w[first_enqueue wall_us] => 1.0 / 15, %w[warm_enqueue wall_us] => 1.0 / 7,
            %w[warm_enqueue cpu_us] => 1.0 / 8, %w[bulk_enqueue wall_us] => 1.0 / 15,
            %w[handler wall_us] => 1.0 / 4 }.freeze
  # Goals as figures of their own: at most this much, over the application alone for memory.
  LIMITS = { %w[requires wall_us] => 8000, %w[memory rss_kb] => 6 * 1024,
             %w[memory private_dirty_kb] => 1.5 * 1024 }.freeze

  # @param samples [Hash{Array(String, String, String) => Array<Numeric>}] [side, scenario, figure]
  def initialize(samples, rounds)
    @samples = samples
    @rounds = rounds
  end

  def medians
    @samples.to_h { |key, values| [key.join('.'), median(values)] }
  end

  def print
    puts "#{RUBY_DESCRIPTION}, #{@rounds} rounds, the sides in turn, one local server; medians"
    puts format('%-52s %10s %10s %8s %10s  %s', '', '2.4.0', 'ours', 'ratio', 'floor', 'goal')
    ROWS.each do |scenario, (title, *figures)|
      figures.each { |figure| print_row(scenario, title, figure.to_s) }
    end
  end

  private

  def median(values)
    sorted = values.sort
    middle = sorted.size / 2
    sorted.size.odd? ? sorted[middle].to_f : (sorted[middle - 1] + sorted[middle]) / 2.0
  end

  def print_row(scenario, title, figure)
    peer = median(@samples[['peer', scenario, figure]])
    ours = median(@samples[['ours', scenario, figure]])
    floor = floor_of(scenario, figure)
    puts format('%-52s %10.0f %10.0f %8s %10s  %s', "#{title} (#{unit(figure)})", peer, ours,
                format('1/%.1f', peer / ours), floor ? floor.round : '', verdict(scenario, figure, peer, ours, floor))
  end

  def verdict(scenario, figure, peer, ours, floor)
    if (goal = GOALS[[scenario, figure]])
      text = "#{ours / peer <= goal ? 'met' : 'missed'}: 1/#{(1 / goal).round} of 2.4.0"
    elsif (limit = LIMITS[[scenario, figure]])
      added = ours - floor.to_f
      return "#{added <= limit ? 'met' : 'missed'}: #{added.round} of at most #{limit.round}#{' over the floor' if floor}"
    end
    [text, (format('%.2f x floor', ours / floor) if floor)].compact.join(', ')
  end

  # ActiveJob's own work, plus for an enqueue the bytes over libcurl.
  def floor_of(scenario, figure)
    own = @samples[['null', scenario, figure]]
    return if own.empty?

    curl = @samples[['curl', scenario, figure]]
    median(own) + (curl.empty? ? 0 : median(curl))
  end

  def unit(figure)
    { 'wall_us' => 'µs', 'cpu_us' => 'µs CPU', 'rss_kb' => 'KB RSS', 'private_dirty_kb' => 'KB private dirty' }
      .fetch(figure)
  end
end
