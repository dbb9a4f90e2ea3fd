# frozen_string_literal: true

module Lambdakiq
  # How long a failed job waits for its next try.
  class Backoff
    # Seconds that SQS hides a message at most, counted from its receive.
    MAX_VISIBILITY_TIMEOUT = Native::MAX_VISIBILITY_S

    class << self
      # @param count [Integer] which failure, from 1
      # @return [Integer, nil] seconds; nil when there is no further retry
      def backoff(count)
        Native.backoff_s(count) if count.between?(1, Native::MAX_RETRIES)
      end
    end

    # @return [Integer]
    attr_reader :count

    # @param count [Integer] which failure, from 1
    def initialize(count)
      @count = count
    end

    # @return [Integer, nil] as {Backoff.backoff}
    def backoff
      self.class.backoff(count)
    end
  end
end
