# frozen_string_literal: true

require 'tempfile'

module Lambdakiq
  module Testing
    # Ruby's clock and what it was moved by. The core follows it through the file that also moves it beside
    # the local server, so that it judges due times by the same clock. `travel_to` moves Ruby's.
    module Clock
      # Where the core looks for the file.
      VARIABLE = 'LAMBDAKIQ_CLOCK_FILE'

      # The core's clock may be off by this much before it is set again: two clocks cannot be read at once.
      SLACK_MS = 2

      # Before a message is made: it may carry the time at which the job is due.
      #
      # @api private
      class Enqueueing
        def start(*)
          Clock.now_ms
        end

        def finish(*); end
      end

      @moved_ms = 0
      @lock = Mutex.new

      class << self
        # @return [Integer] epoch milliseconds, as the core has them
        def now_ms
          set
          Native.now_ms
        end

        # @return [Time]
        def now
          Time.at(now_ms / 1000r)
        end

        # Never back.
        #
        # @param epoch_ms [Integer]
        def move_to(epoch_ms)
          ahead_ms = epoch_ms - now_ms
          @moved_ms += ahead_ms if ahead_ms.positive?
          set
        end

        # Back to Ruby's.
        def reset
          @moved_ms = 0
          set
        end

        # Takes the core's clock.
        def start
          @before = ENV[VARIABLE]
          @running = true
          @subscription = ActiveSupport::Notifications.subscribe(/\Aenqueue(_at|_all)?\.active_job\z/, Enqueueing.new)
          reset
        end

        # Gives it back.
        def stop
          @running = false
          ActiveSupport::Notifications.unsubscribe(@subscription)
          @file&.unlink
          @file = nil
          ENV[VARIABLE] = @before
        end

        private

        def set
          return unless @running

          @lock.synchronize do
            make_file unless @file && @pid == Process.pid
            offset_ms = @moved_ms + (Time.now.to_r * 1000).to_i - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)
            write(offset_ms) unless @set_ms && (offset_ms - @set_ms).abs <= SLACK_MS
          end
        end

        # One for each process: tests that run side by side fork, and each moves its own clock.
        def make_file
          @pid = Process.pid
          @set_ms = nil
          @file = Tempfile.new('lambdakiq-clock').tap(&:close)
          ENV[VARIABLE] = @file.path
        end

        # Whole or not at all, for whoever reads it meanwhile.
        def write(offset_ms)
          File.write("#{@file.path}.new", offset_ms)
          File.rename("#{@file.path}.new", @file.path)
          @set_ms = offset_ms
        end
      end
    end
  end
end
