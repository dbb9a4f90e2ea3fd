# frozen_string_literal: true

require 'lambdakiq'

module ActiveJob
  module QueueAdapters
    parent = const_defined?(:AbstractAdapter) ? AbstractAdapter : Object

    # Jobs as messages of Amazon SQS.
    #
    #     config.active_job.queue_adapter = :lambdakiq
    class LambdakiqAdapter < parent
      # A job that is enqueued inside a database transaction is sent when that has been committed.
      def enqueue_after_transaction_commit?
        true
      end

      # @param options [Hash] `delay_seconds:`
      # @raise [Lambdakiq::Error] the job was not accepted
      def enqueue(job, options = {})
        deliver(job, ((options[:delay_seconds] || 0) * 1000).to_i)
      end

      # @param timestamp [Float] epoch seconds; a past one means at once (B10)
      # @raise [Lambdakiq::Error] the job was not accepted
      def enqueue_at(job, timestamp)
        deliver(job, delay_ms(timestamp))
      end

      # Sends many jobs, ten a call. What became of each is in its `successfully_enqueued?` and
      # `enqueue_error`; nothing is raised for one of them.
      #
      # @return [Integer] how many were accepted
      def enqueue_all(jobs)
        jobs.each { |job| Lambdakiq::DefaultQueue.assign(job) }
        jobs.group_by(&:queue_name).sum { |queue_name, list| enqueue_to(queue_name, list) }
      end

      # Whether long-running jobs should stop early.
      def stopping?(_job = nil)
        Lambdakiq.stopping?
      end

      private

      # Rounded up: never early. By the clock that made the timestamp, which `travel_to` may have moved.
      def delay_ms(timestamp)
        ((timestamp - Time.now.to_f) * 1000).ceil
      end

      def deliver(job, delay_ms)
        Lambdakiq::DefaultQueue.assign(job)
        job.provider_job_id = Lambdakiq.client.queues[job.queue_name].deliver(job, delay_ms)
      rescue StandardError => e
        raise Lambdakiq::DefaultQueue.explain(e, job.class, job.queue_name)
      end

      def enqueue_to(queue_name, jobs)
        queue = Lambdakiq.client.queues[queue_name]
        messages = jobs.map { |job| message(queue, job) }
        results = queue.deliver_all(messages.grep(Lambdakiq::Message))
        jobs.zip(messages).count { |job, message| record(job, message.is_a?(Exception) ? message : results.shift) }
      end

      # The message, laid out, or why there is none.
      def message(queue, job)
        delay_ms = job.scheduled_at ? delay_ms(job.scheduled_at.to_f) : 0
        Lambdakiq::Message.new(queue, job, delay_ms: delay_ms).tap(&:to_native)
      rescue StandardError => e
        e
      end

      # ActiveJob 6.1 has no place for it.
      def record(job, result)
        accepted = !result.is_a?(Exception)
        job.provider_job_id = result if accepted
        job.successfully_enqueued = accepted if job.respond_to?(:successfully_enqueued=)
        return accepted if accepted || !job.respond_to?(:enqueue_error=)

        job.enqueue_error = Lambdakiq::DefaultQueue.explain(result, job.class, job.queue_name)
        accepted
      end
    end
  end
end
