# frozen_string_literal: true

module Lambdakiq
  module Testing
    # What stands between the queues and the function: takes what is due, invokes {Lambdakiq.handler} with
    # it, and deletes what was not reported failed.
    class Mapping
      KEY = :lambdakiq_testing_performing
      private_constant :KEY

      # Whether this thread performs a job right now: what that enqueues is performed after it.
      def self.performing?
        Thread.current.thread_variable_get(KEY) ? true : false
      end

      # @param queues [Memory]
      # @param runs [Array<Run>] gets those to come
      def initialize(queues, runs)
        @queues = queues
        @runs = runs
      end

      # Until nothing is due in any queue.
      def perform_due
        raise 'a job cannot perform the jobs of its own process: call this from the test' if Mapping.performing?

        nil while @queues.to_a.count { |queue| invoke(queue) }.positive?
      end

      private

      # @return [Boolean] whether there was something to do
      def invoke(queue)
        messages = queue.receive
        return false if messages.empty?

        failed = perform(messages.map { |message| message.record(queue.arn) })
        messages.reject { |message| failed.include?(message.message_id) }
                .each { |message| queue.delete(message.receipt_handle) }
        true
      end

      # @return [Array<String>] the messageIds that were reported failed
      def perform(records)
        Thread.current.thread_variable_set(KEY, true)
        response = watch { Lambdakiq.handler({ 'Records' => records }) }
        raise Batch.ending if Batch.ending # an Interrupt is for whoever runs the tests

        response.fetch(:batchItemFailures).map { |item| item.fetch(:itemIdentifier) }
      ensure
        Thread.current.thread_variable_set(KEY, nil)
      end

      # Notes what runs in this thread.
      def watch(&block)
        thread = Thread.current
        note = lambda do |*, payload|
          next unless Thread.current == thread

          @runs << Run.new(job: payload[:job], at: Clock.now, error: payload[:exception_object],
                           message_id: payload[:job].provider_job_id)
        end
        ActiveSupport::Notifications.subscribed(note, 'perform.active_job', &block)
      end
    end
  end
end
