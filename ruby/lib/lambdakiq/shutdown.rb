# frozen_string_literal: true

module Lambdakiq
  # That this process is to end soon, and how it learns that: from SIGTERM, or from the deadline of the
  # invocation. No job is started then; the one in progress finishes, the rest of its batch is given
  # back, and the response goes out.
  module Shutdown
    # With less time than this left, long-running jobs should stop; a quarter of the time there was
    # where that is less, or a function with a short timeout would tell every job to stop at once.
    STOP_BEFORE_MS = 5_000
    STOP_BEFORE_SHARE = 4

    # The name of the extension that {.register} registers.
    EXTENSION_NAME = 'lambdakiq-shutdown'

    @requested = false
    @late = false # an event has come since
    @owed = nil # what SIGTERM did before, when that is still to be done
    @running = {}.compare_by_identity # thread => [deadline_ms or nil, ms before it to stop]

    class << self
      # The process has been told to end. May be called in a trap block.
      def request
        @requested = true
      end

      # Only for who starts a process's work anew, as a test does.
      #
      # @return [false]
      # @api private
      def reset
        @requested = @late = false
      end

      # @return [Boolean] whether SIGTERM was seen
      def requested?
        @requested
      end

      # @see Lambdakiq.stopping?
      def stopping?
        return true if @requested

        deadline_ms, margin_ms = @running[Thread.current] || nearest
        deadline_ms ? deadline_ms - now_ms < margin_ms : false
      end

      # A batch is performed in this thread, until the deadline. Inside of a job that is itself being
      # performed the nearer deadline counts.
      #
      # Not every runtime ends after SIGTERM: one that is not ours knows nothing of it when it came while a
      # job was in progress. The next event is given back then, and the process ends as it would have.
      #
      # @param deadline_ms [Integer, nil] epoch milliseconds
      def during(deadline_ms, &block)
        late = !performing? && note_event
        result = with_deadline(deadline_ms, &block)
        pass_on(@owed) if late && @owed && @running.empty?
        result
      end

      # @return [Boolean] whether a batch is performed in this thread
      def performing?
        @running.key?(Thread.current)
      end

      # Sees to it that a SIGTERM lets the job in progress finish. What the signal did before is done as
      # well; where it ended the process, it still does once no job is being performed.
      def watch
        return if @watching

        @watching = true
        previous = nil
        previous = trap('TERM') { |signal| terminate(previous, signal) }
      rescue ArgumentError => e # not the main ractor, or a platform without it
        Lambdakiq.logger.warn("[Lambdakiq] SIGTERM cannot be watched: #{ErrorText.of(e)}")
      end

      # Registers an internal Lambda extension: Lambda sends SIGTERM only where there is one. Must happen
      # while the function starts. Fails softly: without it the function works as ever.
      #
      # @return [Boolean] whether it is registered
      def register
        return true if @extension
        return false unless ENV['AWS_LAMBDA_RUNTIME_API']

        watch
        @extension = Native::Extension.new(nil, EXTENSION_NAME)
        true
      rescue Error => e
        Lambdakiq.logger.warn("[Lambdakiq] no shutdown extension, so Lambda will not announce the end: #{e.message}")
        false
      end

      private

      # Whether the event comes after SIGTERM. The second one that does shows that nobody ends this process:
      # it is performed, or it would be given back until it is dead.
      def note_event
        @requested && @late && !@owed ? reset : @late = @requested
      end

      def with_deadline(deadline_ms)
        outer = @running[Thread.current]
        @running[Thread.current] = [with_margin(deadline_ms), outer].compact.min_by { |(at)| at || Float::INFINITY }
        yield
      ensure
        outer ? @running[Thread.current] = outer : @running.delete(Thread.current)
      end

      def now_ms
        (Time.now.to_f * 1000).to_i
      end

      def with_margin(deadline_ms)
        [deadline_ms, deadline_ms && [STOP_BEFORE_MS, (deadline_ms - now_ms) / STOP_BEFORE_SHARE].min]
      end

      # For threads that a job started: they do not know whose they are.
      def nearest
        @running.values.select(&:first).min_by(&:first)
      end

      # In the trap: no locks, no logger.
      def terminate(previous, signal)
        request
        return previous.call(signal) if previous.respond_to?(:call)
        return unless %w[DEFAULT SYSTEM_DEFAULT EXIT].include?(previous)

        @running.empty? ? pass_on(previous) : @owed = previous
      end

      def pass_on(previous)
        trap('TERM', previous)
        Process.kill('TERM', Process.pid)
      end
    end
  end
end
