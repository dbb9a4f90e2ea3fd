# frozen_string_literal: true

require 'json'

module NeverLose
  # A queue and what goes wrong with the calls that settle its messages.
  #
  # max_receive_count: nil without a dead-letter queue. faults: { action => [fault, probability] }.
  QueuePlan = Struct.new(:name, :fifo, :max_receive_count, :faults, :jobs, keyword_init: true) do
    def faultless?
      faults.empty?
    end

    def to_s
      "#{name}: #{fifo ? 'FIFO' : 'standard'}, maxReceiveCount #{max_receive_count.inspect}, faults #{faults}"
    end
  end

  # What is sent. retry: nil, 0, 1, 5 or 12; kept: `dead: :dlq`; poison: a body that is no job of ours, or nil.
  # Later filled in: job_id, message_id, due_ms.
  JobPlan = Struct.new(:index, :acts, :retry, :kept, :group, :wait_s, :poison, :job_id, :message_id, :due_ms, keyword_init: true) do
    def to_s
      what = poison ? "poison #{poison}" : "acts #{acts.join(' ')}, retry #{self.retry.inspect}#{', kept' if kept}"
      "job #{index} (#{job_id || message_id}): #{what}, group #{group.inspect}, wait #{wait_s} s"
    end
  end

  # Everything that is drawn at random, from one seed.
  class Plan
    RETRIES = [nil, 0, 1, 5, 12].freeze
    POISON = %i[malformed unknown_class foreign].freeze
    SETTLING = %w[DeleteMessage DeleteMessageBatch ChangeMessageVisibility ChangeMessageVisibilityBatch
                  GetQueueAttributes SendMessage].freeze
    FAULTS = %i[error throttle denied cut lost_answer].freeze
    # A process that dies has to be started again, which costs more than everything else here.
    CRASHES = %w[kill sleep signal].freeze
    # Where one receive is all there is, a wait on a FIFO queue hops once a second, of real time.
    HOPS_S = 5
    # So many jobs take an invocation nearly all of its time, so that others of their batch are not started.
    SLOW = 2

    attr_reader :seed, :queues, :batch_size, :jump_s

    # @param queues [Integer] how many
    # @param crashes [Integer] how many tries may end a process
    def initialize(seed, queues:, crashes:)
      @seed = seed
      @random = Random.new(seed)
      @later = Random.new(seed + 1) # what came later must not change what was drawn before
      @crashes = crashes
      @slow = SLOW
      @batch_size = pick([1, 2, 10, @random.rand(1..10)])
      @jump_s = pick([0, 5, 600])
      @queues = Array.new(queues) { |index| queue(index) }
    end

    def to_s
      ["seed #{seed}: batch size #{batch_size}, the clock jumps #{jump_s} s",
       *queues.flat_map { |queue| ["  #{queue}", *queue.jobs.map { |job| "    #{job}" }] }].join("\n")
    end

    private

    def pick(choices)
      choices.sample(random: @random)
    end

    def chance(probability)
      @random.rand < probability
    end

    def queue(index)
      fifo = chance(0.5)
      max_receive_count = chance(0.12) ? nil : pick([1, 2, 3, 13, 14, *Array.new(4) { @random.rand(1..20) }])
      plan = QueuePlan.new(name: "q#{index}#{'.fifo' if fifo}", fifo: fifo, max_receive_count: max_receive_count,
                           faults: faults(max_receive_count))
      plan.jobs = Array.new(@random.rand(3..7)) { |number| job(plan, number) }
      plan
    end

    # None for half of the queues. Without a dead-letter queue attributes stay readable: what cannot be
    # deleted there would come back until its retention ends.
    def faults(max_receive_count)
      return {} if chance(0.5)

      actions = max_receive_count ? SETTLING : SETTLING - ['GetQueueAttributes']
      actions.sample(@random.rand(1..4), random: @random).to_h { |action| [action, [pick(FAULTS), pick([0.2, 0.5, 1.0])]] }
    end

    def job(queue, number)
      poison = pick(POISON) if queue.max_receive_count && chance(0.12)
      job = JobPlan.new(index: number, acts: acts(queue), retry: pick(RETRIES), poison: poison,
                        group: (pick(%w[a b]) if queue.fifo && chance(0.8)), wait_s: chance(0.15) ? pick([5, 70, 1000, 4000]) : 0)
      job.wait_s = [job.wait_s, HOPS_S].min if queue.fifo && queue.max_receive_count == 1
      job.kept = @later.rand < 0.3 && !job.retry.nil?
      job.acts.unshift('slow') if @later.rand < 0.08 && (@slow -= 1) >= 0
      job
    end

    # The last act repeats: that one never ends a process, nor is it one more retry_on.
    def acts(queue)
      first = Array.new(@random.rand(0..3)) { pick(%w[raise raise exit throw hiccup]) }
      first.insert(@random.rand(0..first.size), *crash)
      [*first, queue.max_receive_count ? pick(%w[work work raise]) : pick(%w[work raise])]
    end

    def crash
      return [] unless @crashes.positive? && chance(0.15)

      count = [@random.rand(1..2), @crashes].min
      @crashes -= count
      Array.new(count) { pick(CRASHES) }
    end
  end
end
