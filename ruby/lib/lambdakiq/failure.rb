# frozen_string_literal: true

module Lambdakiq
  # An attempt at a job that failed, and what becomes of the job. Every failed attempt is told once,
  # here: whoever logs, counts or reports failures adds to {#tell}.
  class Failure
    # Asks the core, and the class of the job where that has a say.
    #
    # @param steps [Native::Batch, ClientBatch] with the job in hand
    # @param job [Job] whose error is set
    # @return [Failure] decided, to be carried out by `steps.finish`
    # @api private
    def self.decide(steps, job)
      decision = steps.decide(job.performed? ? :failed : :poison, nil)
      return new(job, decision) unless decision.first == :retry && job.performed?

      case (wait = RetryIn.ask(job.active_job, job.error, job.record.attempt - 1))
      when nil then new(job, decision)
      when :discard then new(job, steps.decide(:done, nil), limit: decision[3], discarded: true)
      else new(job, steps.decide(:failed, wait))
      end
    end

    # @return [Job] with its record; {#active_job} is the instance that ran
    attr_reader :job

    # @return [Symbol] :retry, :delete, :drain (on its way to the dead-letter queue) or :leave (SQS
    #   moves it there by itself, or the queue's VisibilityTimeout brings it back)
    attr_reader :action

    # @return [Integer, nil] seconds until it is tried again
    attr_reader :wait_s

    # @param job [Job]
    # @return [Integer] how many retries the job gets
    attr_reader :limit

    # @param decision [Array] the core's: action, wait_s, dead, limit
    # @param limit [Integer] where that decision was not about a failure
    # @param discarded [Boolean] the class's `lambdakiq_retry_in` wants no more of it
    def initialize(job, decision, limit: decision[3], discarded: false)
      @job = job
      @action, @wait_s, @dead = decision
      @limit = limit
      @discarded = discarded
    end

    # @return [Exception]
    def error
      job.error
    end

    # @return [Boolean] whether this attempt was the last, the retries being used up
    def dead?
      @dead ? true : false
    end

    # @return [Boolean] whether `lambdakiq_retry_in` said :discard
    def discarded?
      @discarded
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

    # @return [Integer] which try this was, from 1: its receives, but for those that were only a delay
    def attempt
      job.record.attempt
    end

    # Tells all who want to know.
    #
    # @api private
    def tell
      poison? ? Notes.poison(self) : FailureLog.say(self)
      report
      return if poison?

      conclude if dead? || discarded?
      announce('retry_stopped') if dead?
      announce('discard') if discarded?
      announce('enqueue_retry', wait: wait_s) if retried?
    end

    private

    # A job that is tried again has been taken care of; a dead one has not.
    def report
      ErrorReports.report(error, handled: !dead?, context: {
        job_class: active_job&.class&.name, job_id: active_job&.job_id, executions: active_job&.executions,
        message_id: message_id, queue: queue_name, receive_count: receive_count, wait_s: wait_s,
        request_id: active_job&.lambdakiq_request_id
      }.compact)
    end

    # The job's own last words: `lambdakiq_retries_exhausted`, and ActiveJob's `after_discard` (B13).
    def conclude
      klass = active_job.class
      Containment.hook("lambdakiq_retries_exhausted of #{klass}") { retries_exhausted(klass) } if dead?
      Containment.hook("after_discard of #{klass}") { Performing.after_discard(active_job, job.record, error) }
    end

    def retries_exhausted(klass)
      return unless klass.respond_to?(:lambdakiq_retries_exhausted_block)

      block = klass.lambdakiq_retries_exhausted_block or return
      Performing.concluding(active_job, job.record) { block.call(active_job, error) }
    end

    # As ActiveJob announces its own retries, with what only the message knows beside it. A listener's
    # mistake is not the job's.
    def announce(event, **more)
      Containment.hook("a listener of #{event}.active_job") do
        ActiveSupport::Notifications.instrument(
          "#{event}.active_job", adapter: active_job.class.queue_adapter, job: active_job, error: error,
                                 message_id: message_id, queue: queue_name, receive_count: receive_count,
                                 limit: limit, request_id: active_job.lambdakiq_request_id, **more
        )
      end
    end
  end
end
