# frozen_string_literal: true

module Lambdakiq
  # What a class's `lambdakiq_retry_in` says about a failed attempt.
  module RetryIn
    class << self
      # @param active_job [ActiveJob::Base] that failed
      # @param error [Exception]
      # @param count [Integer] how many retries it has had: 0 after the first run, as with Sidekiq
      # @return [Integer, :discard, nil] seconds, within what SQS can hide a message for; nil: the backoff
      def ask(active_job, error, count)
        return unless active_job.class.respond_to?(:lambdakiq_retry_in_block)

        block = active_job.class.lambdakiq_retry_in_block or return

        who = "lambdakiq_retry_in of #{active_job.class}"
        understand(Containment.hook(who) { block.call(count, error, active_job) }, who)
      end

      private

      # As Sidekiq reads it: what is not a positive number means the usual backoff.
      def understand(answer, who)
        case answer
        when nil, false then nil
        when :discard then :discard
        else seconds(answer) || complain(answer, who)
        end
      end

      def seconds(answer)
        return unless answer.is_a?(Numeric) && answer.real? && answer.positive? # NaN is not

        [answer, Backoff::MAX_VISIBILITY_TIMEOUT].min.ceil
      end

      def complain(answer, who)
        text = "#{who} is #{ErrorText.inspection(answer)}, not a positive number of seconds, :discard or nil"
        Lambdakiq.logger.warn("[Lambdakiq] #{text}; the usual backoff is used")
        nil
      end
    end
  end
end
