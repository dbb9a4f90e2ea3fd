# frozen_string_literal: true

# Runs both sides and the floors on the same work against the same local server, in turn, and prints
# medians and ratios. `bin/bench` prepares what it needs.
#
#     ruby bench/run.rb [--rounds N] [--json]

require 'fileutils'
require 'json'
require 'net/http'
require 'optparse'
require 'tmpdir'

# One run of everything.
class Bench
  ROOT = File.expand_path('..', __dir__)
  SIDES = { 'peer' => 'peer', 'ours' => 'ours', 'null' => 'ours' }.freeze # side => bundle

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

  def initialize(rounds:, json:)
    @rounds = rounds
    @json = json
    @samples = Hash.new { |hash, key| hash[key] = [] }
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |dir|
      @dir = dir
      with_server { @rounds.times { |round| one_round(round) } }
    end
    @json ? puts(JSON.pretty_generate(medians)) : print_table
  end

  private

  def one_round(round)
    warn "round #{round + 1} of #{@rounds}" if $stderr.tty?
    ROWS.each_key do |scenario|
      SIDES.each_key { |side| measure(side, scenario) }
    end
    measure_floor
  end

  def measure(side, scenario)
    return if side == 'null' && %w[requires first_enqueue].include?(scenario)

    queue = "#{side}-#{scenario}-#{@samples.size}-#{rand(1_000_000)}".tr('_', '-')
    call('CreateQueue', QueueName: queue)
    result = child(side, scenario, queue)
    call('DeleteQueue', QueueUrl: queue)
    raise "#{side} #{scenario}: #{result['failed']} jobs failed" if result['failed'].to_i.positive?

    result.each { |figure, value| @samples[[side, scenario, figure]] << value }
  end

  def child(side, scenario, queue)
    read, write = IO.pipe
    environment = @environment.merge('BENCH_SIDE' => side, 'BENCH_QUEUE' => queue,
                                     'BUNDLE_GEMFILE' => "#{ROOT}/bench/#{SIDES.fetch(side)}/Gemfile")
    pid = Process.spawn(environment, 'ruby', "#{ROOT}/bench/child.rb", scenario, 3 => write, out: File::NULL)
    write.close
    text = read.read
    Process.wait(pid)
    raise "#{side} #{scenario} failed" unless $?.success?

    JSON.parse(text)
  end

  # The same bytes as one of our sends, over libcurl alone.
  def measure_floor
    call('CreateQueue', QueueName: 'floor')
    body = JSON.generate(QueueUrl: 'floor', MessageBody: JSON.generate(example_job),
                         MessageAttributes: { lambdakiq: { DataType: 'String', StringValue: '1' } })
    File.write("#{@dir}/body.json", body)
    text = IO.popen([ENV.fetch('LAMBDAKIQ_FLOOR_HTTP'), "#{@url}/", "#{@dir}/body.json", '1000'], &:read)
    raise 'floor_http failed' unless $?.success?

    JSON.parse(text).each { |figure, value| @samples[['curl', 'warm_enqueue', figure]] << value }
    call('DeleteQueue', QueueUrl: 'floor')
  end

  def example_job
    { job_class: 'BenchJob', job_id: '6a2b9f1e-7f6b-4a5c-9a52-0d6f0a1b2c3d', provider_job_id: nil,
      queue_name: 'bench', priority: nil, arguments: [1, 'measured'], executions: 0,
      exception_executions: {}, locale: 'en', timezone: 'UTC',
      enqueued_at: '2025-01-01T00:00:00.000000000Z', scheduled_at: nil }
  end

  def with_server
    output, input = IO.pipe
    pid = Process.spawn(ENV.fetch('LAMBDAKIQ_COMMAND'), 'serve', '--port', '0', '--db', "#{@dir}/bench.sqlite3",
                        '--json', out: input)
    input.close
    @url = JSON.parse(output.gets).fetch('url')
    @environment = { 'AWS_ENDPOINT_URL_SQS' => @url, 'AWS_REGION' => 'us-east-1',
                     'AWS_ACCESS_KEY_ID' => 'AKIDEXAMPLE', 'AWS_SECRET_ACCESS_KEY' => 'bench' }
    yield
  ensure
    Process.kill('TERM', pid)
    Process.wait(pid)
  end

  def call(action, parameters)
    response = Net::HTTP.post(URI(@url), JSON.generate(parameters), 'Content-Type' => 'application/x-amz-json-1.0',
                                                                    'X-Amz-Target' => "AmazonSQS.#{action}")
    raise "#{action}: #{response.body}" unless response.is_a?(Net::HTTPSuccess)
  end

  def medians
    @samples.to_h { |key, values| [key.join('.'), median(values)] }
  end

  def median(values)
    sorted = values.sort
    middle = sorted.size / 2
    sorted.size.odd? ? sorted[middle].to_f : (sorted[middle - 1] + sorted[middle]) / 2.0
  end

  def print_table
    puts "#{RUBY_DESCRIPTION}, #{@rounds} rounds, the sides in turn, one local server; medians"
    puts format('%-52s %10s %10s %8s %10s  %s', '', '2.4.0', 'ours', 'ratio', 'floor', 'goal')
    ROWS.each do |scenario, (title, *figures)|
      figures.each { |figure| print_row(scenario, title, figure.to_s) }
    end
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

options = { rounds: 7, json: false }
OptionParser.new do |parser|
  parser.banner = 'usage: bin/bench [--rounds N] [--json]'
  parser.on('--rounds N', Integer, 'rounds of every measurement (default 7)') { |rounds| options[:rounds] = rounds }
  parser.on('--json', 'medians as JSON') { options[:json] = true }
end.parse!
Bench.new(**options).run
