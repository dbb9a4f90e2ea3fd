# frozen_string_literal: true

module Lambdakiq
  # Waits of days: SQS holds no message back for so long, so it is sent again on the way (B9). Who lets jobs
  # wait like that is told what it takes, once for each class.
  #
  # @api private
  module LongWaits
    # Seconds from one message to the next, at most; by whether the queue is FIFO.
    HOP_S = { false => 900, true => Native::MAX_VISIBILITY_S }.freeze

    @told = {}

    class << self
      # @param job_class [Class]
      # @param delay_ms [Integer]
      # @param fifo [Boolean]
      def tell(job_class, delay_ms, fifo)
        return if Lambdakiq.config.long_delays != true || @told[job_class.name]

        @told[job_class.name] = true
        hops = (delay_ms / 1000.0 / HOP_S.fetch(fifo)).ceil - 1
        Lambdakiq.logger.warn("[Lambdakiq] #{job_class} waits for #{(delay_ms / 86_400_000.0).round(1)} days: its message is sent " \
                              "again #{hops} times on the way, and has another messageId each time (said once for each class)")
      end
    end
  end
end
