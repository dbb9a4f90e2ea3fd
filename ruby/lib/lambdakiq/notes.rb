# frozen_string_literal: true

module Lambdakiq
  # What the core notes about records, as log lines and as notifications `skipped.lambdakiq`,
  # `settle_failed.lambdakiq` … for those who listen.
  #
  # @api private
  module Notes
    module_function

    # @param steps [#note]
    def tell(steps)
      while (note = steps.note)
        kind, warning, message_id, queue_name, wait_s, error, text = note
        say(warning ? :warn : :info, message_id, queue_name, text)
        name = "#{kind.name.downcase}.lambdakiq"
        Containment.hook("a listener of #{name}") do
          ActiveSupport::Notifications.instrument(name, message_id: message_id, queue: queue_name, wait: wait_s,
                                                        error: error, text: text)
        end
      end
    end

    # A record that no job could be made of.
    #
    # @param failure [Failure]
    def poison(failure)
      error = failure.error
      wait_s = failure.wait_s
      say(:error, failure.message_id, failure.queue_name,
          "cannot be performed, receive #{failure.receive_count}: #{ErrorText.of(error)}; " \
          "#{wait_s ? "tried again in #{wait_s} s" : 'left for the dead-letter queue'}")
      Containment.hook('a listener of poison.lambdakiq') do
        ActiveSupport::Notifications.instrument('poison.lambdakiq', message_id: failure.message_id, error: error,
                                                                    queue: failure.queue_name, wait: wait_s,
                                                                    receive_count: failure.receive_count,
                                                                    dead: failure.dead?)
      end
    end

    def say(level, message_id, queue_name, text)
      Lambdakiq.logger.public_send(level, "[Lambdakiq] message #{message_id} of #{queue_name}: #{text}")
    end
  end
end
