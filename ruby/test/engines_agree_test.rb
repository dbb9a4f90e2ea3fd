# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/seeds'

# Random events, performed by the core's batch and by the one that calls a client of the application's own.
# What is run, told, reported and left in the queues is the same.
#
# LAMBDAKIQ_EVENTS says how many.
class EnginesAgreeTest < QueueTest
  # By their options.
  module Jobs
    { Plain: {}, None: { retry: 0 }, One: { retry: 1 }, Kept: { retry: 1, dead: :dlq }, Gone: { dead: :delete } }.each do |name, options|
      const_set(name, Class.new(ActJob) { lambdakiq_options options })
    end
    Chosen = Class.new(ActJob) { lambdakiq_retry_in { |count, _| [nil, 5, :discard][count % 3] } }
  end

  EVENTS = /\A(enqueue_retry|retry_stopped|discard)\.active_job\z|\A(?!request)\w+\.lambdakiq\z/.freeze

  # A record as it is to be. kind: :job, :poison or :foreign. due_s: from now.
  Entry = Struct.new(:kind, :job_class, :act, :group, :receives, :due_s, keyword_init: true)

  # All that an event is made of.
  class Plan
    attr_reader :fifo, :max_receive_count, :retention, :max_retries, :entries

    def initialize(seed)
      random = Random.new(seed)
      @fifo = random.rand(2).zero?
      @max_receive_count = [*(1 unless fifo), 2, 3, 13, 1000].sample(random: random) # with 1 a delay hops once a second
      @retention = [60, 3600, 345_600].sample(random: random)
      @max_retries = [0, 1, 12, 12].sample(random: random)
      @entries = Array.new(random.rand(1..6)) { entry(random) }
    end

    private

    def entry(random)
      Entry.new(kind: [:poison, :foreign, *[:job] * 8].sample(random: random),
                job_class: Jobs.constants.sort.map { |name| Jobs.const_get(name) }.sample(random: random),
                act: %w[work work work fail fail exit interrupt].sample(random: random),
                group: %w[a a b own].sample(random: random),
                receives: [[1, 1, 2, 3, 12, 13].sample(random: random), max_receive_count].min,
                due_s: [nil, nil, nil, -100, 600, 5000, 100_000].sample(random: random))
    end
  end

  def test_random_events_are_dealt_with_in_the_same_way
    Seeds.take(Integer(ENV.fetch('LAMBDAKIQ_EVENTS', '40'))).each do |seed|
      core = outcome(Plan.new(seed), own: false)
      own = outcome(Plan.new(seed), own: true)

      assert near?(core, own), "LAMBDAKIQ_SEED=#{seed}\n  the core's:  #{core}\n  an own one: #{own}\n  #{Plan.new(seed).inspect}"
    end
  end

  private

  def outcome(plan, own:)
    connect(plan, own)
    queue = make_queue(fifo: plan.fifo, max_receive_count: plan.max_receive_count, MessageRetentionPeriod: plan.retention.to_s)
    plan.entries.each_with_index { |entry, number| send_entry(queue, entry, number) }
    records = event(queue)['Records'].sort_by { |record| record['body'][/"n":(\d)/, 1] }
    records.zip(plan.entries) { |record, entry| forge(record, entry) }
    names = records.each_with_index.to_h { |record, number| [record['messageId'], "m#{number}"] }
    Ledger.clear
    failed = nil
    told = events(EVENTS) { failed = Lambdakiq.handler('Records' => records)[:batchItemFailures] }
    { failed: failed.map { |item| names[item[:itemIdentifier]] }, ran: Ledger.lines.map { |line| "m#{line.last}" },
      told: told.map { |event| [event.name, names[event.payload[:message_id]], event.payload[:wait]] }.sort_by(&:to_s),
      left: [counts(queue), counts(dead(queue))].to_s }
  end

  def connect(plan, own)
    Lambdakiq.config.max_retries = plan.max_retries
    Lambdakiq.config.client = nil
    Lambdakiq.config.client = Lambdakiq::Client.new.sqs if own
    Lambdakiq.instance_variable_set(:@client, nil)
  end

  def send_entry(queue, entry, number)
    job = entry.job_class.new(entry.act, number)
    body = entry.kind == :poison ? '{"n":' + number.to_s : JSON.generate(job.serialize.merge(n: number))
    group = { message_group_id: entry.group == 'own' ? job.job_id : entry.group, message_deduplication_id: job.job_id }
    sqs.send_message(queue_url: queue, message_body: body, **(queue.end_with?('.fifo') ? group : {}))
  end

  # As if it had come so often, and was to come so late.
  def forge(record, entry)
    now_ms = Lambdakiq::Native.now_ms
    record['attributes']['ApproximateReceiveCount'] = entry.receives.to_s
    return if entry.kind == :foreign

    attributes = { 'lambdakiq' => '1' }
    attributes['due_at'] = (now_ms + (entry.due_s * 1000)).to_s if entry.due_s
    attributes['delay_seconds'] = entry.due_s.clamp(1, 900).to_s if entry.due_s && record['attributes'].key?('MessageGroupId')
    record['messageAttributes'] = attributes.transform_values { |value| { 'stringValue' => value, 'dataType' => 'String' } }
  end

  # Waits may be off by what passes in between.
  def near?(one, other)
    case one
    when Hash then near?(one.to_a, other.to_a)
    when Array then one.size == other.size && one.zip(other).all? { |a, b| near?(a, b) }
    when Integer then other.is_a?(Integer) && (one - other).abs <= 5
    else one == other
    end
  end
end
