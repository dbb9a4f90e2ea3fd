# frozen_string_literal: true

module Lambdakiq
  # A job that was sent without waiting and then not accepted. Whoever enqueued it has gone on: it is
  # told to the log, to the error reporter, and as `enqueue_failed.lambdakiq` with all it takes to enqueue
  # it again.
  class EnqueueFailure
    # The notification's name.
    NAME = 'enqueue_failed.lambdakiq'

    # @return [Hash] the job as ActiveJob serialised it
    attr_reader :job_data

    # @return [Error]
    attr_reader :error

    # @param body [String] the job's JSON
    # @param error [Error]
    def initialize(body, error)
      @job_data = JSON.parse(body)
      @error = DefaultQueue.explain(error, @job_data['job_class'], queue_name)
    end

    # @return [ActiveJob::Base] made of {#job_data}; `job.enqueue` tries again
    def job
      @job ||= ActiveJob::Base.deserialize(job_data).tap do |job|
        job.successfully_enqueued = false if job.respond_to?(:successfully_enqueued=)
        job.enqueue_error = error if job.respond_to?(:enqueue_error=)
      end
    end

    # @return [String]
    def queue_name
      job_data['queue_name']
    end

    # Tells all who want to know. None of them keeps the others from hearing it.
    def tell
      [method(:log), method(:report), method(:notify)].each do |way|
        way.call
      rescue StandardError => e
        Lambdakiq.logger.error("[Lambdakiq] a listener of #{NAME} failed: #{ErrorText.of(e)}")
      end
    end

    private

    # In the words of Lambdakiq 2, which people search for.
    def log
      Lambdakiq.logger.error("[Lambdakiq] Failed to queue job #{job_data['job_class']} (#{job_data['job_id']}) in " \
                             "#{queue_name}. Reason: #{ErrorText.of(error)}")
    end

    def report
      ErrorReports.report(error, handled: false, context: { job_class: job_data['job_class'],
                                                            job_id: job_data['job_id'], queue: queue_name,
                                                            request_id: job_data[RequestId::KEY] }.compact)
    end

    def notify
      ActiveSupport::Notifications.instrument(NAME, job: job, job_data: job_data, error: error, queue: queue_name)
    end
  end
end
