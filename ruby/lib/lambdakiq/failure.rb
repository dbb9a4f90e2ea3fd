# frozen_string_literal: true

module Lambdakiq
  # An attempt at a job that failed, and what becomes of the job. Every failed attempt is told exactly
  # once, here: whoever logs, counts or reports failures adds to {#tell}.
  class Failure
    # @return [Job] with its record; {#active_job} is the instance that ran
    attr_reader :job

    # @return [Symbol] :retry, :delete, :drain (on its way to the dead-letter queue) or :leave (SQS
    #   moves it there by itself, or the queue's VisibilityTimeout brings it back)
    attr_reader :action

    # @return [Integer, nil] seconds until it is tried again
    attr_reader :wait_s

    # @param job [Job]
    # @param decision [Array] the core's: action, wait_s, dead
    def initialize(job, decision)
      @job = job
      @action, @wait_s, @dead = decision
    end

    # @return [Exception]
    def error
      job.error
    end

    # @return [Boolean] whether this attempt was the last
    def dead?
      @dead ? true : false
    end

    # @return [Boolean] whether the job is tried again
    def retried?
      action == :retry
    end

    # @return [Boolean] whether no job could be made of the record: there is no {#active_job} then
    def poison?
      !job.performed?
    end

    # @return [ActiveJob::Base, nil] the object that ran; nil when there was none
    def active_job
      job.active_job unless poison?
    end

    # @return [String]
    def message_id
      job.record.message_id
    end

    # @return [String, nil] of the queue the message came from
    def queue_name
      job.record.queue_name
    end

    # @return [Integer]
    def receive_count
      job.record.receive_count
    end

    # Tells all who want to know.
    #
    # @api private
    def tell
      return Notes.poison(job, wait_s) if poison?

      announce('retry_stopped') if dead?
      announce('enqueue_retry', wait: wait_s) if retried?
    end

    private

    # As ActiveJob announces its own retries, with what only the message knows beside it.
    def announce(event, **more)
      ActiveSupport::Notifications.instrument(
        "#{event}.active_job", adapter: active_job.class.queue_adapter, job: active_job, error: error,
                               message_id: message_id, queue: queue_name, receive_count: receive_count, **more
      )
    rescue StandardError => e # a listener's mistake is not the job's
      Lambdakiq.logger.error("[Lambdakiq] a listener of #{event}.active_job failed: #{ErrorText.of(e)}")
    end
  end
end
