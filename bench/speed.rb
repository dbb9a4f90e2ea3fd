# frozen_string_literal: true

require 'tmpdir'
require_relative 'speed_report'
require_relative 'speed_rows'
require_relative 'support/places'
require_relative 'support/side'

# Both sides and the floors on the same work against the same local server, in turn.
class Speed
  TITLE = 'what an enqueue and a job cost (the default)'
  OPTIONS = { rounds: ['--rounds N', Integer, 'rounds of every measurement (default 5)'],
              only: ['--only TEXT', 'rows whose name or place has this in it: warm_enqueue, tls …'] }.freeze

  def initialize(rounds: 5, only: '', json: false)
    @rounds = rounds
    @rows = SpeedRows::ALL.select { |row| row.key.include?(only) }
    abort("bench: no row has \"#{only}\" in its name: #{SpeedRows::ALL.map(&:key).join(' ')}") if @rows.empty?

    @json = json
    @samples = Hash.new { |hash, key| hash[key] = [] }
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |dir|
      Places.open(dir) do |places|
        @places = places
        @rounds.times { |round| one_round(round) }
      end
    end
    report = SpeedReport.new(@samples, @rows, @rounds)
    @json ? puts(JSON.pretty_generate(report.medians)) : report.print
  end

  private

  def one_round(round)
    @rows.each_with_index do |row, index|
      warn "round #{round + 1} of #{@rounds}, row #{index + 1} of #{@rows.size}: #{row.key}"
      environment = @places.environment(row.place) or next
      row.sides.each { |side| measure(side, row, environment) }
    end
  end

  def measure(side, row, environment)
    server = @places.server(row.place)
    queue = "#{side}-#{row.scenario}-#{row.place}-#{rand(1_000_000)}".tr('_', '-')
    server.call('CreateQueue', QueueName: queue)
    result = Side.run(side, 'child.rb', row.scenario, environment: environment.merge('BENCH_QUEUE' => queue,
                                                                                     'BENCH_COUNT' => row.count.to_s))
    server.call('DeleteQueue', QueueUrl: queue)
    raise "#{side} #{row.key}: #{result['failed']} jobs failed" if result['failed'].to_i.positive?

    result.each { |figure, value| @samples[[side, row.key, figure]] << value }
  end
end
