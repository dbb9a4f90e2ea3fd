# frozen_string_literal: true

module Lambdakiq
  # Each call to SQS as a `request.lambdakiq` notification, for those who listen.
  module Requests
    NAME = 'request.lambdakiq'

    module_function

    # Payload: operation, queue, status, attempts, request_id, duration_ms, and `exception_object` of a
    # call that failed.
    def observe(native, operation, queue, &block)
      return yield unless ActiveSupport::Notifications.notifier.listening?(NAME)

      instrument(native, operation, queue, &block)
    end

    def instrument(native, operation, queue)
      ActiveSupport::Notifications.instrument(NAME, operation: operation, queue: queue) do |payload|
        yield
      ensure
        attempts, status, duration_us, request_id = native.last_call
        payload.merge!(status: status, attempts: attempts, request_id: request_id,
                       duration_ms: duration_us / 1000.0)
      end
    end
  end
end
