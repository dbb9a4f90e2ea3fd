# frozen_string_literal: true

module Lambdakiq
  # What the core notes about records, as log lines and as notifications `skipped.lambdakiq`,
  # `settle_failed.lambdakiq` … for those who listen.
  module Notes
    module_function

    # @param steps [#note]
    def tell(steps)
      while (note = steps.note)
        kind, warning, message_id, queue_name, wait_s, error, text = note
        say(warning ? :warn : :info, message_id, queue_name, text)
        ActiveSupport::Notifications.instrument("#{kind.name.downcase}.lambdakiq",
                                                message_id: message_id, queue: queue_name, wait: wait_s,
                                                error: error, text: text)
      end
    end

    # A record that no job could be made of.
    def poison(job, wait_s)
      error = job.error
      say(:error, job.record.message_id, job.record.queue_name,
          "cannot be performed: #{ErrorText.of(error)}; " \
          "#{wait_s ? "tried again in #{wait_s} s" : 'left for the dead-letter queue'}")
      ActiveSupport::Notifications.instrument('poison.lambdakiq', message_id: job.record.message_id, error: error,
                                                                  queue: job.record.queue_name, wait: wait_s)
    end

    def say(level, message_id, queue_name, text)
      Lambdakiq.logger.public_send(level, "[Lambdakiq] message #{message_id} of #{queue_name}: #{text}")
    end
  end
end
