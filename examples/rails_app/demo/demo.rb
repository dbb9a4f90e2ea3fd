# frozen_string_literal: true

# The main job, end to end, on this machine: a Rails process enqueues, the jobs travel through SQS (the
# local server), an event reaches the jobs function, jobs are performed, retried, and the hopeless one
# ends in the dead-letter queue. Prints a timeline; exits 1 when anything is not as it should be.
#
#     ruby demo/demo.rb PATH_OF_LAMBDAKIQ PATH_OF_THE_FUNCTION_IN_C

require 'fileutils'
require 'json'
require 'open3'
require 'tmpdir'
require_relative 'dev_process'
require_relative 'expectations'
require_relative 'timeline'

# Runs the story and leaves judging to Expectations, printing to Timeline.
class Demo
  APP = File.expand_path('..', __dir__)
  READY_S = 60
  STEP_S = 30
  EXPORT = "order,total\n#{(1..20_000).map { |number| "A-#{number},9.90\n" }.join}".freeze

  def initialize(command, c_function)
    @command = File.expand_path(command)
    @c_function = File.expand_path(c_function)
    @dir = Dir.mktmpdir('lambdakiq-demo')
    @started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    @timeline = Timeline.new
  end

  def run
    start_server_and_function
    @sent = enqueue
    play_until_dead
    dead = rails('demo/dead_letters.rb', 'jobs-dlq')
    answer = rails('demo/http_event.rb')
    report(dead, answer)
  ensure
    @dev&.stop
    FileUtils.remove_entry(@dir)
  end

  private

  def start_server_and_function
    @timeline.title 'Lambdakiq: the main job on one machine'
    Dir.mkdir("#{@dir}/files")
    File.write("#{@dir}/files/orders.csv", EXPORT)
    @dev = DevProcess.new(
      [@command, 'dev', '--port', '0', '--db', "#{@dir}/queues.sqlite3", '--clock',
       '--queue', 'jobs', '--queue', 'stock.fifo', '--function', "c-jobs='#{@c_function}'",
       '--', 'bundle', 'exec', 'lambdakiq-handler', 'app.handler'],
      chdir: APP, env: app_environment
    )
    @dev.wait_until_ready(READY_S)
    @timeline.fact 'server', "#{@dev.url}  (SQS, durable in SQLite, with a clock that moves)"
    @timeline.fact 'function', 'bundle exec lambdakiq-handler app.handler  (app.rb as deployed)'
    @timeline.fact '', 'examples/c_worker  (jobs written in C, with a queue of their own)'
  end

  # A Rails process of its own, as the web function would be.
  def enqueue
    sent = rails('demo/enqueue.rb')
    @timeline.fact 'web', "Rails process #{sent.fetch('pid')} enqueued #{sent.fetch('jobs').size} jobs " \
                          "in #{sent.fetch('took_ms')} ms"
    sent.fetch('jobs').each { |job| @timeline.sent(job) }
    @timeline.start
    sent
  end

  # Lets the workers do all that is due, then moves the clock to what comes next, until the hopeless
  # job has gone to the dead-letter queue.
  def play_until_dead
    60.times do
      @dev.wait_for(STEP_S, 'the workers to be idle') { @dev.idle? }
      print_news
      return if @dev.queues.fetch('jobs-dlq').fetch('visible').positive?

      moved_ms = @dev.advance_to_next
      raise 'nothing is due any more, but the dead-letter queue is empty' unless moved_ms

      @timeline.clock(moved_ms)
      wait_for_delivery
    end
    raise 'the job that always fails never reached the dead-letter queue'
  end

  # What the clock made visible is polled by the mapping; a moment passes until it is.
  def wait_for_delivery
    seen = @dev.lines.size
    quiet_until = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 2
    @dev.wait_for(STEP_S, 'what became visible to be received') do
      @dev.lines.size > seen || @dev.queues.fetch('jobs-dlq').fetch('visible').positive? ||
        Process.clock_gettime(Process::CLOCK_MONOTONIC) > quiet_until
    end
  end

  def print_news
    lines = @dev.lines
    lines.drop(@printed.to_i).each { |line| @timeline.line(line) }
    @printed = lines.size
  end

  def report(dead, answer)
    @timeline.dead(dead)
    expectations = Expectations.new(
      jobs: @sent.fetch('jobs'), metrics: @dev.metrics, dead: dead, http: answer,
      ledger: File.exist?("#{@dir}/ledger.txt") ? File.readlines("#{@dir}/ledger.txt", chomp: true) : [],
      export: EXPORT, archive: "#{@dir}/files/orders.csv.gz",
      mails: Dir["#{@dir}/mails/*"].to_h { |path| [File.basename(path), File.read(path)] }
    )
    @timeline.emf(@dev.lines.map(&:text).reverse.find { |text| text.include?('"_aws"') })
    failed = expectations.check { |passed, what| @timeline.check(passed, what) }
    took = Process.clock_gettime(Process::CLOCK_MONOTONIC) - @started
    @timeline.result(failed, took)
    failed.zero?
  end

  # Runs a script in the application and reads the JSON on its last line.
  def rails(script, *arguments)
    output, error, status = Open3.capture3(
      app_environment.merge(@dev.environment), 'bundle', 'exec', 'ruby', script, *arguments, chdir: APP
    )
    raise "#{script} failed:\n#{output}#{error}" unless status.success?

    JSON.parse(output.lines.last)
  end

  def app_environment
    { 'LEDGER' => "#{@dir}/ledger.txt", 'MAIL_DIR' => "#{@dir}/mails", 'RAILS_ENV' => 'production',
      'JOBS_QUEUE_NAME' => 'jobs', 'STOCK_QUEUE_NAME' => 'stock.fifo', 'C_JOBS_QUEUE_NAME' => 'c-jobs',
      'ARCHIVE_DIR' => "#{@dir}/files" }
  end
end

begin
  exit(Demo.new(ARGV.fetch(0), ARGV.fetch(1)).run ? 0 : 1)
rescue RuntimeError => e
  warn "demo: #{e.message}"
  exit 1
end
