# frozen_string_literal: true

require 'fileutils'
require 'json'
require 'net/http'
require 'rbconfig'
require 'tmpdir'
require_relative 'local_sqs'

# `lambdakiq dev` as a child process: SQS, the event source mapping and worker processes that run
# `lambdakiq-handler`, with a clock that is moved. What an application does in there it writes to a
# timeline, which outlives a worker that is killed.
class DevServer
  TEST = File.expand_path('..', __dir__)
  HANDLER = File.expand_path('../exe/lambdakiq-handler', TEST)
  APP = "#{__dir__}/scripted_app.rb"
  # What the application and its workers may take at most, on a busy machine.
  PATIENCE_S = 60

  attr_reader :environment, :directory

  # @param queues [Array<String>] each gets a dead-letter queue
  # @param proxy [FaultyProxy, nil] what stands between the workers and SQS
  # @param options [Hash] of the command: `batch_size: 10` is `--batch-size 10`
  def initialize(queues:, app: APP, handler: 'ScriptedApp.handler', proxy: nil, **options)
    @directory = Dir.mktmpdir('lambdakiq-dev')
    output, input = IO.pipe
    command = [LocalSqs.command, 'dev', '--json', '--port', '0', '--db', "#{@directory}/queues.sqlite3",
               *queues.flat_map { |queue| ['--queue', queue] }, *flags(options), '--',
               *through(proxy), RbConfig.ruby, HANDLER, '-r', app, handler]
    @pid = Process.spawn(worker_environment, *command, out: input, err: log_path, chdir: TEST)
    input.close
    facts = JSON.parse(output.gets || abort("lambdakiq dev did not start:\n#{log}"))
    @environment = facts.fetch('env').merge('AWS_CONFIG_FILE' => '/dev/null', 'AWS_SHARED_CREDENTIALS_FILE' => '/dev/null')
    proxy&.target = url
  end

  def url
    @environment.fetch('AWS_ENDPOINT_URL_SQS')
  end

  def stop
    Process.kill('TERM', @pid)
    Process.wait(@pid)
    FileUtils.remove_entry(@directory)
  end

  # Makes this process a client of the server for the time of the block, as the web process is.
  def use
    outer = @environment.to_h { |name, _| [name, ENV.fetch(name, nil)] }
    ENV.update(@environment)
    Lambdakiq.instance_variable_set(:@client, nil)
    yield
  ensure
    ENV.update(outer)
    Lambdakiq.instance_variable_set(:@client, nil)
  end

  # --- Clock

  # Waits until no invocation runs, then moves the clock.
  def advance(seconds)
    post('/_lambdakiq/clock', advance_s: seconds)
  end

  # To the next moment at which something can be received.
  #
  # @return [Integer, nil] milliseconds; nil when nothing is due ever
  def advance_to_next
    moved = post('/_lambdakiq/clock', to_next: true)
    moved.fetch('advanced_ms') unless moved.key?('note')
  end

  # Lets the workers do all that is due, then moves the clock to what comes next, until no queue has a
  # message but the dead-letter queues.
  #
  # @param jump_s [Numeric] moved on top each time: what is due in that time comes together
  # @yield after each move; may end it by returning true
  def run_until_quiet(jump_s: 0, within_s: PATIENCE_S)
    deadline = now_s + within_s
    loop do
      wait_for('all that is due to be received', deadline - now_s) { received? }
      return if block_given? && yield
      next advance(jump_s) if advance_to_next
      return if empty?
    end
  end

  # Whether there is nothing to receive at the moment, in any queue but those for dead letters.
  def received?
    queues.none? { |name, queue| !name.include?('-dlq') && queue.fetch('receivable') }
  end

  # Whether no queue but those for dead letters has a message in any state.
  def empty?
    queues.all? { |name, queue| name.include?('-dlq') || queue.values_at('visible', 'in_flight', 'delayed').sum.zero? }
  end

  # @return [Integer] epoch milliseconds of the moved clock
  def now_ms
    get('/_lambdakiq/clock').fetch('now_ms')
  end

  # --- What there is

  def queues
    get('/_lambdakiq/queues').fetch('queues').to_h { |queue| [queue.fetch('name'), queue] }
  end

  # @return [Array<Integer>] visible, in flight, delayed
  def counts(queue)
    queues.fetch(queue).values_at('visible', 'in_flight', 'delayed')
  end

  def arn(queue)
    "arn:aws:sqs:#{LocalSqs::REGION}:#{LocalSqs::ACCOUNT}:#{queue}"
  end

  # What the scripted application wrote, in the order it happened.
  #
  # @return [Array<Hash>]
  def timeline
    path = "#{@directory}/timeline"
    File.exist?(path) ? File.readlines(path).map { |line| JSON.parse(line) } : []
  end

  # Entries of one kind.
  def happened(what)
    timeline.select { |entry| entry['what'] == what }
  end

  # What the workers and the command printed.
  def log
    File.read(log_path)
  end

  def wait_for(what, seconds = PATIENCE_S)
    deadline = now_s + seconds
    until yield
      raise "gave up waiting #{seconds.round} s for #{what}:\n#{log.lines.last(30).join}" if now_s > deadline

      sleep 0.01
    end
  end

  private

  # No bundler in the workers: they find the same files, in a third of the time.
  def worker_environment
    { 'RUBYOPT' => nil, 'BUNDLE_GEMFILE' => nil, 'RUBYLIB' => $LOAD_PATH.join(':'), 'TIMELINE' => "#{@directory}/timeline",
      'AWS_CONFIG_FILE' => '/dev/null', 'AWS_SHARED_CREDENTIALS_FILE' => '/dev/null', 'AWS_ENDPOINT_URL_SQS' => nil }
  end

  def through(proxy)
    proxy ? ['/usr/bin/env', "AWS_ENDPOINT_URL_SQS=#{proxy.url}"] : []
  end

  def flags(options)
    options.flat_map do |name, value|
      flag = "--#{name.to_s.tr('_', '-')}"
      value == true ? [flag] : [flag, value.to_s]
    end
  end

  def log_path
    "#{@directory}/log"
  end

  def now_s
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  def get(path)
    answer(Net::HTTP.get_response(URI(url + path)), path)
  end

  def post(path, body)
    answer(Net::HTTP.post(URI(url + path), JSON.generate(body), 'Content-Type' => 'application/json'), path)
  end

  def answer(response, path)
    raise "#{path}: HTTP #{response.code}: #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    JSON.parse(response.body)
  end
end
