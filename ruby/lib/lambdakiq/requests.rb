# frozen_string_literal: true

module Lambdakiq
  # Each call to SQS as a `request.lambdakiq` notification, for those who listen.
  #
  # Payload: operation, queue, status, attempts, request_id, duration_ms, and `exception_object` of a call
  # that failed. Calls that nobody waited for are told when somebody looks after them, with `entries`,
  # the number of messages that shared the call.
  module Requests
    # The notification's name.
    NAME = 'request.lambdakiq'

    # What the core calls an operation, as we do.
    OPERATIONS = Hash.new { |names, action| names[action] = ActiveSupport::Inflector.underscore(action).to_sym }

    module_function

    def listening?
      ActiveSupport::Notifications.notifier.listening?(NAME)
    end

    # A call of the core's that is waited for.
    def observe(native, operation, queue, &block)
      listening? ? instrument(native, operation, queue, &block) : yield
    rescue Error => e
      raise e.during(operation, { queue_url: queue })
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

    # A call that another client makes; what it knows is in its answer.
    def observe_foreign(operation, queue)
      return yield unless listening?

      started = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond)
      ActiveSupport::Notifications.instrument(NAME, operation: operation, queue: queue) do |payload|
        yield.tap { |response| payload.merge!(answer(response)) }
      rescue StandardError => e
        payload.merge!(answer(e))
        raise
      ensure
        payload[:duration_ms] = Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond) - started
      end
    end

    # Has the core keep reports of calls that nobody waits for, if there are listeners.
    def watch(native)
      native.observe(listening?)
    end

    # Tells of those calls.
    #
    # @yieldreturn [Array, nil] the next of {Native::Client#observed}
    def tell
      return unless listening?

      while (report = yield)
        action, queue, entries, attempts, status, duration_us, request_id, error = report
        payload = { operation: OPERATIONS[action], queue: queue, entries: entries, status: status, attempts: attempts,
                    request_id: request_id, duration_ms: duration_us / 1000.0 }
        payload.merge!(exception: [error.class.name, error.message], exception_object: error) if error
        ActiveSupport::Notifications.instrument(NAME, payload)
      end
    end

    # What a response, or an error, of `Aws::SQS::Client` tells of its call.
    def answer(response)
      context = response.respond_to?(:context) ? response.context : nil
      http = context.http_response if context.respond_to?(:http_response)
      return {} unless http

      { status: http.status_code, attempts: context.respond_to?(:retries) ? context.retries + 1 : nil,
        request_id: context.respond_to?(:[]) ? context[:request_id] : nil }
    end
    private_class_method :instrument, :answer
  end
end
