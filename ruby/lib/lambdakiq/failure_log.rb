# frozen_string_literal: true

module Lambdakiq
  # A failed attempt as one log line, with all there is to know: which job, message and receive, how many
  # retries there are, what becomes of it. ActiveJob's own line for a retry or a death says less of
  # the same, and is left out for jobs that are performed here; what it logs of the attempt itself, with the
  # backtrace, stays.
  #
  # @api private
  module FailureLog
    # What becomes of the message of a job that is not tried again.
    FATES = { delete: 'deleted', drain: 'on its way to the dead-letter queue',
              leave: 'left for the dead-letter queue' }.freeze

    # What ActiveJob's log subscriber does differently for events that {Failure} announces.
    module Silence
      %i[enqueue_retry retry_stopped discard].each do |name|
        define_method(name) { |event| super(event) unless event.payload.key?(:receive_count) }
      end
    end

    class << self
      # @param failure [Failure] of a job that ran
      def say(failure)
        @installed ||= defined?(ActiveJob::LogSubscriber) && ActiveJob::LogSubscriber.prepend(Silence)
        Notes.say(failure.dead? ? :error : :warn, failure.message_id, failure.queue_name,
                  "#{text(failure)}, due to #{ErrorText.of(failure.error)}")
      end

      private

      def request(job)
        id = job.lambdakiq_request_id
        "request #{id}" if id
      end

      # In ActiveJob's words, which people search for.
      def text(failure)
        job = failure.active_job
        name = "#{job.class.name} (Job ID: #{job.job_id})"
        receive = ["receive #{failure.receive_count}", *request(job)].join(', ')
        fate = FATES[failure.action]
        if failure.retried?
          "Retrying #{name} in #{failure.wait_s} seconds, #{receive}, retry #{failure.attempt} of #{failure.limit}"
        elsif failure.discarded?
          "Discarded #{name}, #{receive}, #{fate} as its lambdakiq_retry_in says"
        else
          "Stopped retrying #{name}, #{receive}, limit #{failure.limit}, #{fate}"
        end
      end
    end
  end
end
