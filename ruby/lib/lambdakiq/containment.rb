# frozen_string_literal: true

module Lambdakiq
  # Runs code of the application's so that control comes back, whatever that code does.
  #
  # @api private
  module Containment
    # These end the process. Nothing more is started, what is done is settled, the rest is reported
    # failed; then, when the response is out, the process ends as it would have.
    ENDING = [SignalException, NoMemoryError].freeze

    KEY = :lambdakiq_ending
    private_constant :KEY

    class << self
      # @return [Exception, nil] why the code did not come to its end. SystemExit, SystemStackError,
      #   ScriptError … are as much its own failure as a StandardError is; {AbandonedError} stands for
      #   a `Thread.exit` and for a `throw` to a `catch` outside of us.
      def run
        finished = false
        yield
        finished = true
        nil
      rescue Exception => e
        finished = true
        self.ending = e if ending?(e)
        e
      ensure
        # The one way to stop a throw or the end of a thread; an exception has been taken above.
        return AbandonedError.new('left by Thread.exit or by a throw that is caught outside of the job') unless finished
      end

      # Runs a hook, a listener, a callback: a mistake in there is logged and reported, and changes
      # nothing for the job it is about.
      #
      # @param what [String] who is at fault, for the log
      # @return what the block returns; nil when it failed
      def hook(what)
        value = nil
        error = run { value = yield }
        return value unless error

        Lambdakiq.logger.error("[Lambdakiq] #{what} failed: #{ErrorText.of(error)}")
        ErrorReports.report(error, handled: true, context: { lambdakiq: what })
        nil
      end

      # @return [Boolean] whether an exception ends the process
      def ending?(error)
        ENDING.any? { |ending| ending === error }
      end

      # @return [Exception, nil] what in this thread's batch asked for the process's end
      def ending
        Thread.current.thread_variable_get(KEY)
      end

      def ending=(error)
        Thread.current.thread_variable_set(KEY, error)
      end
    end
  end
end
