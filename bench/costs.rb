# frozen_string_literal: true

require 'tmpdir'
require_relative 'fleet/fleet'
require_relative 'support/local_server'
require_relative 'support/side'
require_relative 'support/table'

# The SQS calls that jobs cause, counted by the local server, and what a million of such jobs cost.
class Costs
  TITLE = 'SQS calls and dollars per million jobs'
  OPTIONS = { count: ['--count N', Integer, 'jobs enqueued for each row (default 1000)'] }.freeze
  DOLLARS_PER_MILLION = 0.40 # standard queues
  # side, settings
  COLUMNS = { '2.4.0' => ['peer', {}], 'ours' => ['ours', {}],
              'ours, `delete = :mapping`' => ['ours', { 'BENCH_DELETE' => 'mapping' }] }.freeze
  # title => scenario, settings, how many jobs it is about
  ROWS = {
    '`perform_later`' => ['warm_enqueue', {}, ->(count) { count + 50 }],
    '`perform_all_later`' => ['bulk_enqueue', {}, ->(count) { count + 1 }],
    'performing, batch size 1' => ['handler', { 'BENCH_BATCH_SIZE' => '1' }, ->(count) { (count / 25) + 3 }],
    'performing, batch size 10' => ['handler', { 'BENCH_BATCH_SIZE' => '10' }, ->(count) { ((count / 25) + 3) * 10 }]
  }.freeze
  ENQUEUEING = ['`perform_later`', '`perform_all_later`'].freeze
  # A scenario of performing receives its messages itself, as a mapping would.
  PREPARING = { 'handler' => %w[SendMessageBatch ReceiveMessage] }.freeze
  # Once in a process, whatever it does then.
  ONCE = %w[GetQueueUrl GetQueueAttributes].freeze
  DAY_S = 86_400

  def initialize(count: 1000, json: false)
    @count = count
    @json = json
  end

  def run
    Dir.mktmpdir('lambdakiq-bench') do |directory|
      LocalServer.open(:serve, directory, clock_file: nil) do |server|
        @server = server
        @calls = ROWS.to_h { |title, row| [title, COLUMNS.transform_values { |column| count(*row, *column) }] }
      end
    end
    @waits = count_waits
    @json ? puts(JSON.pretty_generate(calls_per_job: @calls, calls_of_a_day: @waits)) : report
  end

  private

  # Calls per job, and those of the process.
  def count(scenario, settings, jobs, side, more)
    warn "#{Side::TITLES.fetch(side)}: #{scenario} #{settings.merge(more)}"
    queue = "costs-#{rand(1_000_000)}"
    @server.call('CreateQueue', QueueName: queue)
    before = @server.calls
    environment = @server.environment.merge(settings, more, 'BENCH_QUEUE' => queue, 'BENCH_COUNT' => @count.to_s)
    Side.run(side, 'child.rb', scenario, environment: environment)
    calls = @server.calls.to_h { |action, number| [action, number - before.fetch(action)] }.except(*PREPARING[scenario])
    { per_job: calls.except(*ONCE).values.sum.fdiv(jobs.call(@count)), once: calls.slice(*ONCE).values.sum }
  end

  # What hops cost: jobs that wait a day, from enqueueing to the end, but for receives, which depend on
  # how they meet.
  def count_waits
    warn 'ours: waits of a day'
    Dir.mktmpdir('lambdakiq-bench') do |directory|
      fleet = Fleet.new(directory, queues: ['jobs'], batch_size: 1)
      fleet.deploy('ours') do |server|
        fleet.enqueue('ours', [{ kind: 'day', job: 'FleetJob', queue: 'jobs', count: 1, wait_s: DAY_S }])
        server.run_until_quiet
        server.calls.slice('SendMessage', 'DeleteMessage', 'DeleteMessageBatch')
      end
    end
  end

  def report
    puts 'SQS calls per job, and dollars per million jobs at $0.40 per million calls'
    Table.print(['', *COLUMNS.keys], ROWS.keys.map { |title| line(title) { |column| per_job(title, column) } } + totals)
    puts "calls once in a process that enqueues: #{once}"
    puts "a wait of a day: #{@waits.map { |action, number| "#{number} #{action}" }.join(', ')}"
  end

  # From the enqueue to the end, with what the event source mapping adds: it receives each event's
  # messages and deletes those that are done, one call each.
  def totals
    ENQUEUEING.product([1, 10]).map do |enqueueing, size|
      line("**all, #{enqueueing}, batch size #{size}**") do |column|
        per_job(enqueueing, column) + per_job("performing, batch size #{size}", column) + (2.0 / size)
      end
    end
  end

  def line(title)
    [title, *COLUMNS.keys.map { |column| yield column }
                    .map { |calls| format('%.2f ($%.2f)', calls, calls * DOLLARS_PER_MILLION) }]
  end

  def per_job(title, column)
    @calls.dig(title, column, :per_job)
  end

  def once
    @calls.values.first.map { |title, cell| "#{title} #{cell[:once]}" }.join('; ')
  end
end
