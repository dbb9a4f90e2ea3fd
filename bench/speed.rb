# frozen_string_literal: true

require 'tmpdir'
require_relative 'speed_report'
require_relative 'support/local_server'
require_relative 'support/side'

# Both sides and the floors on the same work against the same local server, in turn.
class Speed
  TITLE = 'what an enqueue and a job cost (the default)'
  OPTIONS = { rounds: ['--rounds N', Integer, 'rounds of every measurement (default 7)'] }.freeze

  def initialize(rounds: 7, json: false)
    @rounds = rounds
    @json = json
    @samples = Hash.new { |hash, key| hash[key] = [] }
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |dir|
      @dir = dir
      # Without a clock that moves: the cores would look at its file.
      LocalServer.open(:serve, dir, clock_file: nil) do |server|
        @server = server
        @rounds.times { |round| one_round(round) }
      end
    end
    report = SpeedReport.new(@samples, @rounds)
    @json ? puts(JSON.pretty_generate(report.medians)) : report.print
  end

  private

  def one_round(round)
    warn "round #{round + 1} of #{@rounds}"
    SpeedReport::ROWS.each_key do |scenario|
      Side::BUNDLES.each_key { |side| measure(side, scenario) }
    end
    measure_floor
  end

  def measure(side, scenario)
    return if side == 'null' && %w[requires first_enqueue].include?(scenario)

    queue = "#{side}-#{scenario}-#{@samples.size}-#{rand(1_000_000)}".tr('_', '-')
    @server.call('CreateQueue', QueueName: queue)
    result = Side.run(side, 'child.rb', scenario, environment: @server.environment.merge('BENCH_QUEUE' => queue))
    @server.call('DeleteQueue', QueueUrl: queue)
    raise "#{side} #{scenario}: #{result['failed']} jobs failed" if result['failed'].to_i.positive?

    result.each { |figure, value| @samples[[side, scenario, figure]] << value }
  end

  # The same bytes as one of our sends, over libcurl alone.
  def measure_floor
    @server.call('CreateQueue', QueueName: 'floor')
    body = JSON.generate(QueueUrl: 'floor', MessageBody: JSON.generate(example_job),
                         MessageAttributes: { lambdakiq: { DataType: 'String', StringValue: '1' } })
    File.write("#{@dir}/body.json", body)
    text = IO.popen([ENV.fetch('LAMBDAKIQ_FLOOR_HTTP'), "#{@server.url}/", "#{@dir}/body.json", '1000'], &:read)
    raise 'floor_http failed' unless $?.success?

    JSON.parse(text).each { |figure, value| @samples[['curl', 'warm_enqueue', figure]] << value }
    @server.call('DeleteQueue', QueueUrl: 'floor')
  end

  def example_job
    { job_class: 'BenchJob', job_id: '6a2b9f1e-7f6b-4a5c-9a52-0d6f0a1b2c3d', provider_job_id: nil,
      queue_name: 'bench', priority: nil, arguments: [1, 'measured'], executions: 0,
      exception_executions: {}, locale: 'en', timezone: 'UTC',
      enqueued_at: '2025-01-01T00:00:00.000000000Z', scheduled_at: nil }
  end
end
