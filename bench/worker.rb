# frozen_string_literal: true

require 'tmpdir'
require_relative 'server/sides'
require_relative 'worker/report'

# A jobs function in C beside one on aws-lambda-cpp and a bare socket, on the same Runtime API (ours); and
# `lambdakiq work` from SQS to the delete, beside what the server alone can do.
class Worker
  TITLE = 'jobs in C: lk_worker beside aws-lambda-cpp; `lambdakiq work` end to end'
  OPTIONS = { rounds: ['--rounds N', Integer, 'rounds of every measurement (default 5)'],
              quick: ['--quick', 'a run of seconds, to see that everything works'] }.freeze
  # side => program in BENCH_PROGRAMS, and its arguments
  SIDES = { floor: %w[worker_floor], floor_libcurl: %w[worker_floor_libcurl],
            aws_lambda_cpp: %w[worker_aws_lambda_cpp], ours: %w[worker_ours],
            ours_each: %w[worker_ours each] }.freeze
  BATCHES = [1, 10].freeze
  FULL = { invocations: 2000, messages: 20_000, processes: [1, 4, 16], cycle_ms: 2000 }.freeze
  QUICK = { invocations: 50, messages: 300, processes: [1, 4], cycle_ms: 100 }.freeze
  CYCLE_CONNECTIONS = 16
  # Processes start while the first messages are worked on: the rate counts from here on.
  COUNTED_PART = 0.9

  def initialize(rounds: nil, quick: false, json: false)
    @size = quick ? QUICK : FULL
    @rounds = rounds || (quick ? 1 : 5)
    @json = json
    @samples = Hash.new { |hash, key| hash[key] = [] }
    @sides = SIDES.select { |_side, (program, _)| File.executable?(path(program)) }
    warn 'worker: aws-lambda-cpp is not there, its column stays empty' unless @sides.key?(:aws_lambda_cpp)
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |directory|
      @directory = directory
      @rounds.times { |round| one_round(round + 1) }
    end
    sizes = @sides.transform_values { |(program, _)| File.size(path(program)) }
    report = WorkerReport.new(@samples, @size, sizes, @rounds)
    @json ? puts(JSON.pretty_generate(report.medians)) : report.print
  end

  private

  def path(program)
    "#{ENV.fetch('BENCH_PROGRAMS')}/#{program}"
  end

  def one_round(round)
    BATCHES.product(@sides.keys) do |batch, side|
      warn "round #{round} of #{@rounds}: #{side}, batch size #{batch}"
      @samples[[side, batch]] << invoke(side, batch)
    end
    BATCHES.product(@size[:processes]) do |batch, processes|
      warn "round #{round} of #{@rounds}: lambdakiq work, #{processes} processes, batch size #{batch}"
      work(processes, batch)
    end
  end

  # A tenth more is for warming up, see host.c.
  def invoke(side, batch)
    messages = @size[:invocations] * batch * 11 / 10
    with_messages(messages + 100) do |ours|
      program, *arguments = SIDES.fetch(side)
      text = IO.popen(ours.server.environment, [path('worker_host'), @size[:invocations].to_s, batch.to_s,
                                                path(program), *arguments], &:read)
      raise "#{program}: the invocations failed" unless $?.success?

      JSON.parse(text, symbolize_names: true)
    end
  end

  def work(processes, batch)
    with_messages(@size[:messages]) do |ours|
      @samples[[:work, processes, batch]] << rate_of(ours, processes, batch)
      cycle = ServerSides.load(ours, 'cycle', CYCLE_CONNECTIONS, "#{@size[:cycle_ms]}ms")
      @samples[[:cycle, processes, batch]] << cycle.per_s
    end
  end

  # Messages per second.
  def rate_of(ours, processes, batch)
    counted = (@size[:messages] * COUNTED_PART).round
    with_workers(ours, processes, batch) do
      wait_until(ours, counted)
      began = now_s
      left = ours.messages
      wait_until(ours, 0)
      left / (now_s - began)
    end
  end

  def with_workers(ours, processes, batch)
    log = "#{@directory}/work.log"
    pid = Process.spawn(ours.server.environment, LocalServer.command, 'work', '--queue', 'load-0', '--processes',
                        processes.to_s, '--batch-size', batch.to_s, '--', path('worker_ours'), out: log, err: log)
    yield
  rescue StandardError => e
    raise "#{e.message}\n#{File.readlines(log).last(20).join}"
  ensure
    if pid
      Process.kill(:TERM, pid)
      Process.wait(pid)
    end
  end

  def wait_until(ours, left)
    deadline = now_s + 300
    while ours.messages > left
      raise 'the jobs were not worked on' if now_s > deadline

      sleep 0.02
    end
  end

  def with_messages(count)
    ours = ServerSides::Ours.new("#{@directory}/#{rand(1_000_000)}", backlog: count)
    yield ours
  ensure
    ours&.stop
  end

  def now_s
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
