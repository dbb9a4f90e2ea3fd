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
      def enqueue_at(job, timestamp)
        deliver(job, delay_ms(timestamp))
      end

      # Sends many jobs, ten a call. What became of each is in its `successfully_enqueued?` and
      # `enqueue_error`.
      #
      # @return [Integer] how many were accepted
      def enqueue_all(jobs)
        jobs.group_by(&:queue_name).sum { |queue_name, list| enqueue_to(queue_name, list) }
      end

      # Whether long-running jobs should stop early.
      def stopping?(_job = nil)
        Lambdakiq.stopping?
      end

      private

      # Rounded up: never early.
      def delay_ms(timestamp)
        ((timestamp - Process.clock_gettime(Process::CLOCK_REALTIME)) * 1000).ceil
      end

      def deliver(job, delay_ms)
        job.provider_job_id = Lambdakiq.client.queues[job.queue_name].deliver(job, delay_ms)
      rescue Lambdakiq::Error => e
        raise explain(e, job)
      end

      def enqueue_to(queue_name, jobs)
        queue = Lambdakiq.client.queues[queue_name]
        messages = jobs.map { |job| message(queue, job) }
        sendable = messages.grep(Lambdakiq::Message)
        results = sendable.zip(queue.deliver_all(sendable)).to_h
        jobs.zip(messages).count { |job, message| record(job, results.fetch(message, message)) }
      end

      # The message with its body made, or why there is none.
      def message(queue, job)
        delay_ms = job.scheduled_at ? delay_ms(job.scheduled_at.to_f) : 0
        Lambdakiq::Message.new(queue, job, delay_ms: delay_ms).tap(&:body)
      rescue StandardError => e
        e
      end

      def record(job, result)
        if result.is_a?(Exception)
          job.enqueue_error = explain(result, job)
          job.successfully_enqueued = false
        else
          job.provider_job_id = result
          job.successfully_enqueued = true
        end
      end

      # `queue_as nil` makes ActiveJob use the queue "default", which hardly anyone has (B19).
      def explain(error, job)
        missing = error.respond_to?(:aws_code) && error.aws_code.to_s.end_with?('NonExistentQueue')
        return error unless missing && job.queue_name == 'default'

        error.exception("#{error.message} #{job.class} has no queue of its own, so ActiveJob used " \
                        '"default": is JOBS_QUEUE_NAME set? `queue_as ENV["JOBS_QUEUE_NAME"]` needs it, ' \
                        'in the function that enqueues as well.')
      end
    end
  end
end
