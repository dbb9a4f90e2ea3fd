# frozen_string_literal: true

require_relative '../support/local_server'
require_relative '../support/side'
require_relative 'ledger'

# Producers and a jobs function in real processes, on queues that last from one deployment to the next.
class Fleet
  # @return [Hash{String => Hash}] by job id: kind, queue, due_ms, side
  attr_reader :accepted

  # @param directory [String] of its own
  # @param queues [Array<String>]
  # @param options [Hash] of `lambdakiq dev`
  def initialize(directory, queues:, **options)
    @directory = directory
    @queues = queues
    @options = options
    @accepted = {}
    @server = nil
  end

  # Deploys the function, runs the block, and ends it: running jobs are finished, the queues stay.
  #
  # @param side ["peer", "ours", "mixed"]
  # @yieldparam server [LocalServer]
  def deploy(side, workers: 2)
    script = side == 'mixed' ? 'mixed_worker.rb' : 'worker.rb'
    environment = Side.environment(side == 'mixed' ? 'ours' : side).merge('BENCH_LEDGER' => ledger_path)
    LocalServer.open(:dev, @directory, queue: @queues, workers: workers, worker_environment: environment,
                                       worker: ['ruby', "#{__dir__}/#{script}"], **@options) do |server|
      @server = server
      yield server
    end
  end

  # Runs a producer to its end.
  #
  # @param plan [Array<Hash>] see producer.rb
  # @param settings [Hash{String => String}] of its environment
  def enqueue(side, plan, settings = {})
    Side.run(side, 'fleet/producer.rb', input: JSON.generate(plan), environment: @server.environment.merge(settings))
        .each { |job| @accepted[job.fetch('id')] = job.merge('side' => side) }
  end

  # @return [Array<Hash>] all that jobs wrote, in order
  def ledger
    FleetLedger.read(ledger_path)
  end

  # What became of what was accepted, when nothing waits any more.
  #
  # @yield [job] which of them; all without a block
  # @return [Hash{Symbol => Integer}] accepted, performed, dead (in the dead-letter queue), gone (neither),
  #   unrun (dead or gone without having run once), twice (performed more than once), early
  def tally(&which)
    raise "#{@server.waiting} messages are left" if @server.waiting.positive?

    jobs = which ? @accepted.select { |_, job| which.call(job) } : @accepted
    entries = ledger.group_by { |entry| entry['id'] }
    dead = dead_ids
    done = jobs.keys.to_h { |id| [id, entries.fetch(id, []).count { |entry| entry['what'] == 'done' }] }
    { accepted: jobs.size, performed: done.values.count(&:positive?),
      dead: jobs.keys.count { |id| dead.include?(id) },
      unrun: jobs.count { |id, job| job['kind'] != 'poison' && !entries.key?(id) },
      gone: jobs.keys.count { |id| done[id].zero? && !dead.include?(id) },
      twice: done.values.count { |count| count > 1 }, early: early(&which).size }
  end

  # @yield [job] which of them; all without a block
  # @return [Array<Hash>] jobs that first ran before they were due; SQS counts in seconds, so within one
  def early(&which)
    starts = ledger.group_by { |entry| entry['id'] }.transform_values { |entries| entries.first.fetch('at_ms') }
    @accepted.values.select(&(which || :itself)).select do |job|
      starts.fetch(job['id'], job['due_ms']) < job['due_ms'] - 1000
    end
  end

  private

  def dead_ids
    @dead_ids ||= @server.queues.keys.grep(/-dlq/).flat_map { |queue| @server.receive_all(queue) }
                         .to_h { |message| [JSON.parse(message.fetch('Body')).fetch('job_id'), true] }
  end

  def ledger_path
    "#{@directory}/ledger"
  end
end
