# frozen_string_literal: true

require 'json'
require 'net/http'

# `lambdakiq serve` or `lambdakiq dev` as a child process, and what one asks of it: SQS calls without
# any SDK, its queues, and its clock. For the bench and for the gem's tests.
class LocalServer
  REGION = 'us-east-1'
  ACCOUNT = '000000000000'
  PATIENCE_S = 60
  STOP_PATIENCE_S = 40
  class << self
    # @return [String] LAMBDAKIQ_COMMAND, or what the checkout built
    def command
      root = File.expand_path('../..', __dir__)
      [ENV['LAMBDAKIQ_COMMAND'], "#{root}/build/release/lambdakiq", "#{root}/build/dev/lambdakiq"]
        .compact.find { |path| File.executable?(path) } ||
        abort('the lambdakiq command is missing: run bin/setup, or set LAMBDAKIQ_COMMAND')
    end

    # Runs the block with a server, and ends it.
    def open(...)
      server = new(...)
      yield server
    ensure
      server&.stop
    end
  end

  # @return [Hash{String => String}] for processes that use the server
  attr_reader :environment

  # @return [Integer] of the command's process
  attr_reader :pid

  # @param kind [:serve, :dev]
  # @param directory [String] where data and log are kept; a server started there again goes on with them
  # @param worker [Array<String>] the command behind `--` of `lambdakiq dev`
  # @param worker_environment [Hash] added to the environment of the worker processes
  # @param ca_file [String, nil] what verifies it, when it is given a `tls_cert`
  # @param options [Hash] of the command: `batch_size: 10` is `--batch-size 10`; an Array repeats it
  def initialize(kind, directory, worker: [], worker_environment: {}, ca_file: nil, **options)
    @ca_file = ca_file
    @log_path = "#{directory}/#{kind}.log"
    options = { db: "#{directory}/queues.sqlite3" }.merge(options)
    # Nothing of the machine's own reaches the processes that are measured.
    isolated = { 'AWS_CONFIG_FILE' => "#{directory}/none", 'AWS_SHARED_CREDENTIALS_FILE' => "#{directory}/none" }
    output, input = IO.pipe
    # What the clock says has to outlive a server, as the data does; `dev` sees to that itself.
    options = { clock_file: "#{directory}/clock" }.merge(options) if kind == :serve
    @pid = Process.spawn(isolated.merge(worker_environment), self.class.command, kind.to_s, '--json', '--port', '0',
                         *flags(options), *(['--', *worker] if worker.any?), out: input, err: [@log_path, 'a'])
    input.close
    facts = JSON.parse(output.gets || raise("lambdakiq #{kind} did not start:\n#{log}"))
    # Workers print what they like: it is read, so that they never wait for us.
    @drain = Thread.new { nil while output.read(65_536) }
    @environment = isolated.merge(facts['env'] || serve_environment(facts.fetch('url'), options[:clock_file]))
  end

  # @return [String]
  def url
    @environment.fetch('AWS_ENDPOINT_URL_SQS')
  end

  # Ends it gently: running jobs are finished.
  def stop
    Process.kill('TERM', @pid)
    deadline = now_s + STOP_PATIENCE_S
    until Process.wait(@pid, Process::WNOHANG)
      Process.kill('KILL', @pid) if now_s > deadline
      sleep 0.01
    end
    @drain.join
  end

  # --- SQS

  # @return [Hash] the answer
  def call(action, parameters)
    response = request(Net::HTTP::Post.new('/', 'Content-Type' => 'application/x-amz-json-1.0',
                                                'X-Amz-Target' => "AmazonSQS.#{action}"), parameters)
    raise "#{action}: HTTP #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    response.body.to_s.empty? ? {} : JSON.parse(response.body)
  end

  # @return [Array<Hash>] all messages that can be received, which stay in flight
  def receive_all(queue)
    messages = []
    loop do
      batch = call('ReceiveMessage', QueueUrl: queue, MaxNumberOfMessages: 10, VisibilityTimeout: 43_200,
                                     AttributeNames: ['All'], MessageAttributeNames: ['All'])['Messages']
      return messages if batch.nil? || batch.empty?

      messages.concat(batch)
    end
  end

  # --- What is in it, and what time it is

  # @return [Hash{String => Hash}] by name: visible, in_flight, delayed, receivable …
  def queues
    admin('queues').fetch('queues').to_h { |queue| [queue.fetch('name'), queue] }
  end

  # @return [Hash{String => Integer}] SQS calls by action, since the server started
  def calls
    admin('calls').fetch('calls')
  end

  # Waits until no invocation runs, then moves the clock.
  #
  # @param seconds [Numeric] to the millisecond
  def advance(seconds)
    admin('clock', advance_ms: (seconds * 1000).round)
  end

  # The same, to the next moment at which a message can be received.
  #
  # @return [Boolean] whether there is one
  def advance_to_next
    admin('clock', to_next: true).fetch('advanced_ms').positive?
  end

  # Lets the workers do all that is due, then moves the clock to what comes next, until the queues are
  # empty but for dead letters.
  #
  # @param jump_s [Numeric] moved on top each time: what is due in that time is received together
  # @param until_s [Numeric, nil] ends when the clock has been moved this far
  # @param within_s [Numeric, nil] of real time it may take at most; nil: PATIENCE_S after each move
  # @yield [seconds moved so far], after each move
  def run_until_quiet(jump_s: 0, until_s: nil, within_s: nil)
    start_ms = clock_ms
    deadline = within_s && (now_s + within_s)
    loop do
      wait_for('all that is due to be received', deadline ? deadline - now_s : PATIENCE_S) { received? }
      moved_s = (clock_ms - start_ms) / 1000
      yield moved_s if block_given?
      return if until_s && moved_s >= until_s
      next (advance(jump_s) if jump_s.positive?) if advance_to_next
      # Nothing is to come, but what was due at that very moment may be on its way to a worker.
      return if waiting.zero?
    end
  end

  # @return [Integer] messages in the queues that are not for dead letters
  def waiting
    queues.sum { |name, queue| name.include?('-dlq') ? 0 : queue.values_at('visible', 'in_flight', 'delayed').sum }
  end

  # Whether there is nothing to receive at the moment, but dead letters.
  def received?
    queues.none? { |name, queue| !name.include?('-dlq') && queue.fetch('receivable') }
  end

  # @return [Array<Integer>] visible, in flight, delayed
  def counts(queue)
    queues.fetch(queue).values_at('visible', 'in_flight', 'delayed')
  end

  def arn(queue)
    "arn:aws:sqs:#{REGION}:#{ACCOUNT}:#{queue}"
  end

  # @return [Integer] epoch milliseconds of the moved clock
  def clock_ms
    admin('clock').fetch('now_ms')
  end

  # @return [String] what the command and its workers printed
  def log
    File.exist?(@log_path) ? File.read(@log_path) : ''
  end

  # Polls for what the block says.
  def wait_for(what, seconds = PATIENCE_S)
    deadline = now_s + seconds
    until yield
      raise "gave up waiting #{seconds.round} s for #{what}:\n#{log.lines.last(30).join}" if now_s > deadline

      sleep 0.01
    end
  end

  private

  def serve_environment(url, clock_file)
    { 'AWS_ENDPOINT_URL_SQS' => url, 'AWS_REGION' => REGION, 'AWS_ACCESS_KEY_ID' => 'local',
      'AWS_SECRET_ACCESS_KEY' => 'local', 'LAMBDAKIQ_CLOCK_FILE' => clock_file }
  end

  def flags(options)
    options.compact.flat_map do |name, value|
      flag = "--#{name.to_s.tr('_', '-')}"
      Array(value).flat_map { |one| one == true ? [flag] : [flag, one.to_s] }
    end
  end

  def admin(path, body = nil)
    path = "/_lambdakiq/#{path}"
    kind = body ? Net::HTTP::Post : Net::HTTP::Get
    response = request(kind.new(path, 'Content-Type' => 'application/json'), body)
    raise "#{path}: HTTP #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    JSON.parse(response.body)
  end

  def request(request, body)
    request.body = JSON.generate(body) if body
    # A connection each: a forked child must not write to its parent's.
    Net::HTTP.start(URI(url).host, URI(url).port, read_timeout: PATIENCE_S, use_ssl: !@ca_file.nil?,
                                                  ca_file: @ca_file) { |http| http.request(request) }
  end

  def now_s
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
