# frozen_string_literal: true

require_relative 'test_helper'
require_relative 'support/seeds'
require 'lambdakiq/testing'

# The same jobs through Lambdakiq::Testing and through the real local server with the real handler: runs
# at the same times, receives the same number of times, the same dead.
class TestingAgreesTest < QueueTest
  # Fails as often as it is told.
  class ScriptJob < ApplicationJob
    lambdakiq_options message_group_id: ->(job) { job.arguments[1] }

    def perform(label, _group, failures)
      raise ActJob::Failure, label if executions <= failures
    end
  end

  class ThriceJob < ScriptJob
    lambdakiq_options retry: 2, message_group_id: ->(job) { job.arguments[1] }
  end

  class DeadJob < ScriptJob
    lambdakiq_options retry: 1, dead: :dlq, message_group_id: ->(job) { job.arguments[1] }
  end

  # Sees each record on its way to the handler, in these tests.
  module Watch
    class << self
      attr_accessor :seen
    end

    def handler(event, context = nil)
      Watch.seen && event['Records'].each do |record|
        label = JSON.parse(record['body'])['arguments'].first
        Watch.seen << [label, Integer(record.dig('attributes', 'ApproximateReceiveCount')), Lambdakiq::Native.now_ms]
      end
      super
    end
  end
  Lambdakiq.singleton_class.prepend(Watch)

  # The server's clock runs on while this test works, and is moved a little further at each step.
  STEP_S = 0.05
  TOLERANCE_S = 3

  def setup
    super
    @own = LocalSqs.new # whose clock nobody else moves, and where nothing else is due
    @before = ENV.to_h.slice(*@own.environment.keys)
    ENV.update(@own.environment)
  end

  def teardown
    Lambdakiq::Testing.disable!
    ENV.update(@before)
    @own.stop
    Watch.seen = nil
    super
  end

  Seeds.take(5, known: [1, 2, 3, 4]).each do |seed|
    define_method("test_script_#{seed}_runs_the_same_here_and_there") { compare(Random.new(seed)) }
  end

  private

  def compare(random)
    fifo = random.rand < 0.6
    # A FIFO queue with one receive hops every second, by the real clock there; and which jobs of a group
    # share a batch can depend on a millisecond.
    settings = { fifo: fifo, max_receive_count: random.rand((fifo ? 2 : 1)..14), batch_size: fifo ? 1 : random.rand(1..5) }
    script = Array.new(random.rand(2..6)) { |number| comparable(fifo, entry(random, number)) }
    about = "#{settings} #{script}: "
    there = on_the_server(settings, script)
    here = in_memory(settings, script)

    assert_equal there[:dead], here[:dead], "#{about}dead"
    assert_equal receives(there), receives(here), "#{about}receives"
    times(there).zip(times(here)) do |(label, steps, server_s), (_, _, memory_s)|
      assert_operator (server_s - memory_s).abs, :<=, TOLERANCE_S + (2 * STEP_S * steps),
                      "#{about}#{label} at #{server_s} s there, at #{memory_s} s here"
    end
  end

  def entry(random, number)
    { job: [ScriptJob, ScriptJob, ThriceJob, DeadJob].sample(random: random), label: "job #{number}",
      group: %w[a b].sample(random: random), failures: [0, 0, 1, 3, 20].sample(random: random),
      wait: [nil, nil, 5, 600, 5000, 90_000].sample(random: random) }
  end

  # What a millisecond decides is not compared: which of two in a group comes first when one is delayed
  # until the other's retry.
  def comparable(fifo, entry)
    fifo ? entry.merge(wait: nil) : entry
  end

  def enqueue(script, queue)
    script.each do |entry|
      entry[:job].set(**{ queue: queue, wait: entry[:wait] }.compact).perform_later(entry[:label], entry[:group], entry[:failures])
    end
  end

  # What came to the handler, and who died.
  def watched
    Watch.seen = []
    start_ms = Lambdakiq::Native.now_ms
    dead = yield
    { seen: Watch.seen.map { |label, receive, at_ms| [label, receive, (at_ms - start_ms) / 1000.0] }, dead: dead.sort }
  end

  def on_the_server(settings, script)
    queue = make_queue(fifo: settings[:fifo], max_receive_count: settings[:max_receive_count], VisibilityTimeout: '301')
    watched do
      enqueue(script, queue)
      loop do
        invoke_all(queue, settings[:batch_size])
        next if @own.queues.fetch(queue).fetch('receivable') # due just now: no next moment any more
        break unless @own.advance_to_next

        @own.advance(STEP_S) # messages that were sent one after the other are due one after the other
      end
      receive_all(dead(queue)).map { |message| JSON.parse(message.body)['arguments'].first }
    end
  end

  def invoke_all(queue, batch_size)
    until (messages = receive(queue, max: batch_size)).empty?
      failed = Lambdakiq.handler(event(queue, messages)).fetch(:batchItemFailures).map { |item| item[:itemIdentifier] }
      messages.reject { |message| failed.include?(message.message_id) }
              .each { |message| sqs.delete_message(queue_url: queue, receipt_handle: message.receipt_handle) }
    end
  end

  def receive_all(queue)
    all = []
    until (messages = receive(queue)).empty?
      all += messages
    end
    all
  end

  def in_memory(settings, script)
    Lambdakiq::Testing.fake!
    name = settings[:fifo] ? 'jobs.fifo' : 'jobs'
    queue = Lambdakiq::Testing.queue(name, **settings.except(:fifo))
    watched do
      enqueue(script, name)
      Lambdakiq::Testing.drain
      queue.dead_letters.map { |message| message.arguments.first }
    end
  end

  def receives(outcome)
    outcome[:seen].group_by(&:first).transform_values { |list| list.map { |_, receive, _| receive } }.sort.to_h
  end

  def times(outcome)
    outcome[:seen].group_by(&:first).sort.flat_map do |label, list|
      list.each_with_index.map { |(_, _, at), index| [label, index, at] }
    end
  end
end
