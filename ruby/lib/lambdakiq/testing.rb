# frozen_string_literal: true

require 'lambdakiq'
require_relative 'testing/assertions'
require_relative 'testing/clock'
require_relative 'testing/mapping'
require_relative 'testing/memory'
require_relative 'testing/message'
require_relative 'testing/queue'

module Lambdakiq
  # Jobs in tests without a server: queues in memory, a clock that is moved, and otherwise the real thing.
  # Messages are those that would be sent, {Lambdakiq.handler} performs them, and what becomes of a failure
  # is the core's decision.
  #
  #     require 'lambdakiq/testing'
  #     Lambdakiq::Testing.fake!
  #
  #     OrderJob.set(wait: 2.hours).perform_later(order)
  #     Lambdakiq::Testing.queues['jobs'].size # => 1
  #     Lambdakiq::Testing.advance(2.hours)    # performs it
  #     Lambdakiq::Testing.drain               # all that is left, retries included
  #     Lambdakiq::Testing.queues['jobs'].dead_letters
  #
  # Nothing runs in the background: jobs are performed by the thread that calls {.perform_due},
  # {.advance} or {.drain}, or that enqueues in mode {.inline!}. The application's adapter must be
  # `:lambdakiq`.
  module Testing
    # One run of a job. at: the moved clock's time; error: nil when it succeeded.
    Run = Struct.new(:job, :at, :error, :message_id, keyword_init: true)

    class << self
      # @return [Memory] the queues by name; made when they are asked for or sent to
      attr_reader :queues

      # @return [Array<Run>] the runs since {.clear}, in order
      attr_reader :runs

      # Jobs wait in memory until they are performed here; with a block for as long as it runs.
      def fake!(&block)
        enter(:fake, &block)
      end

      # As {.fake!}, and what is due is performed when it is enqueued, before `perform_later` returns. A job
      # that fails does not raise there: it is retried like any other, when the clock has moved.
      def inline!(&block)
        enter(:inline, &block)
      end

      # Jobs go to SQS again. What is in memory is gone.
      def disable!(&block)
        enter(nil, &block)
      end

      # @return [Boolean]
      def enabled?
        !@mode.nil?
      end

      # @return [Boolean]
      def inline?
        @mode == :inline
      end

      # Forgets all messages, runs and queue settings, and moves the clock back to the present. For `setup`.
      def clear
        @queues = Memory.new
        @runs = []
        Clock.reset
        install if enabled?
      end

      # Sets up a queue otherwise than the template does; before jobs are sent to it. See {Queue#initialize}.
      #
      # @param name [String] its name, URL or ARN
      # @return [Queue]
      def queue(name, **settings)
        queues.make(name, **settings).tap { install if enabled? }
      end

      # @return [Time] by the moved clock; on from the time of `travel_to` where that is used
      def now
        Clock.now
      end

      # Performs all that is due, until nothing is.
      #
      # @return [Integer] the number of runs
      def perform_due
        count { Mapping.new(queues, runs).perform_due }
      end

      # Moves the clock, and on the way performs each job at the time it is due.
      #
      # @param duration [Numeric, ActiveSupport::Duration] seconds
      # @return [Integer] the number of runs
      def advance(duration)
        advance_to(now + duration.to_f)
      end

      # The same up to a moment.
      #
      # @param time [Time]
      def advance_to(time)
        stop_ms = (time.to_r * 1000).ceil + Clock::SLACK_MS
        count do
          perform_due
          while (next_ms = queues.next_ms) && next_ms <= stop_ms
            Clock.move_to(next_ms)
            perform_due
          end
          Clock.move_to(stop_ms)
        end
      end

      # Performs all that there is, moving the clock to each next time: retries, delays of any length, up to
      # success or the dead-letter queue.
      #
      # @param moves [Integer] gives up after so many: a job that enqueues itself has no end
      # @return [Integer] the number of runs
      # @raise [RuntimeError] it does not come to an end
      def drain(moves: 10_000)
        count do
          perform_due
          moves.times do
            next_ms = queues.next_ms or break
            Clock.move_to(next_ms)
            perform_due
          end
          raise "#{moves} moves of the clock, and there are jobs left: #{messages.first.inspect}" if messages.any?
        end
      end

      # @return [Array<Message>] all that wait or are to be tried again, in all queues
      def messages
        queues.messages
      end

      # @return [Array<Message>] the dead of all queues
      def dead_letters
        queues.dead_letters
      end

      # Whether such a job waits, or is to be tried again. In RSpec: `expect(Lambdakiq::Testing).to
      # be_waiting(OrderJob)`.
      #
      # @param job_class [Class]
      # @param with [Array, nil] its arguments; nil: any
      def waiting?(job_class, with: nil)
        messages.any? { |message| message.for?(job_class, with) }
      end

      # Whether such a job is in a dead-letter queue.
      def dead?(job_class, with: nil)
        dead_letters.any? { |message| message.for?(job_class, with) }
      end

      # Whether such a job ran and succeeded.
      def performed?(job_class, with: nil)
        runs.any? { |run| run.error.nil? && run.job.instance_of?(job_class) && (with.nil? || run.job.arguments == with) }
      end

      # Called when messages have been sent.
      #
      # @api private
      def sent
        perform_due if inline? && !Mapping.performing?
      end

      private

      def enter(mode)
        before = @mode
        switch(mode)
        return unless block_given?

        begin
          yield
        ensure
          switch(before)
        end
      end

      # Settings of the application's are put aside while the mode is on.
      def switch(mode)
        return @mode = mode if mode && @mode
        return if mode == @mode

        @mode = mode
        mode ? start : stop
      end

      def start
        @own_client = Lambdakiq.config.client
        Clock.start
        clear
      end

      def stop
        Lambdakiq.config.client = @own_client
        forget_client
        Clock.stop
        @queues = Memory.new
        @runs = []
      end

      # A client that knows none of the queues from before.
      def install
        Lambdakiq.config.client = queues
        forget_client
      end

      def forget_client
        Lambdakiq.instance_variable_set(:@client, nil)
      end

      def count
        before = runs.size
        yield
        runs.size - before
      end
    end

    @queues = Memory.new
    @runs = []
    @mode = nil
  end
end
