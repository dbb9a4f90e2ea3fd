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

    # What became of a call.
    Outcome = Struct.new(:result, :failure)
    private_constant :Outcome

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
      notify(operation: operation, queue: queue) do |payload|
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
      notify(operation: operation, queue: queue) do |payload|
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
        notify(payload) { nil }
      end
    end

    # The call and its notification. What a listener raises must not look like a failure of the call: a
    # message that SQS has accepted would be sent again.
    def notify(payload, &call)
      outcome = nil
      begin
        ActiveSupport::Notifications.instrument(NAME, payload) do |told|
          outcome = attempt(told, &call)
          raise outcome.failure if outcome.failure # for the payload
        end
      rescue StandardError => e
        blame(e) unless outcome && e.equal?(outcome.failure)
      end
      outcome ||= attempt({}, &call) # a listener did not let it begin
      outcome.failure ? raise(outcome.failure) : outcome.result
    end

    def attempt(told)
      Outcome.new(yield(told), nil)
    rescue StandardError => e
      Outcome.new(nil, e)
    end

    def blame(error)
      Lambdakiq.logger.error("[Lambdakiq] a listener of #{NAME} failed: #{ErrorText.of(error)}")
      ErrorReports.report(error, handled: true, context: { lambdakiq: "a listener of #{NAME}" })
    end

    # What a response, or an error, of `Aws::SQS::Client` tells of its call.
    def answer(response)
      context = response.respond_to?(:context) ? response.context : nil
      http = context.http_response if context.respond_to?(:http_response)
      return {} unless http

      { status: http.status_code, attempts: context.respond_to?(:retries) ? context.retries + 1 : nil,
        request_id: context.respond_to?(:[]) ? context[:request_id] : nil }
    end
    private_class_method :instrument, :notify, :attempt, :blame, :answer
  end
end
