# frozen_string_literal: true

require 'tempfile'

module Lambdakiq
  module Testing
    # Ruby's clock and what it was moved by. The core follows it through the file that also moves it beside
    # the local server, so that it judges due times by the same clock. `travel_to` moves Ruby's.
    module Clock
      VARIABLE = 'LAMBDAKIQ_CLOCK_FILE'

      # The core's clock may be off by this much before it is set again: two clocks cannot be read at once.
      SLACK_MS = 2

      @moved_ms = 0
      @set_ms = nil

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

        def reset
          @moved_ms = 0
        end

        # Takes the core's clock.
        def start
          @before = ENV[VARIABLE]
          @file = Tempfile.create('lambdakiq-clock').tap(&:close).path # one that stays until it is deleted
          @set_ms = nil
          ENV[VARIABLE] = @file
        end

        # Gives it back.
        def stop
          ENV[VARIABLE] = @before
          File.delete(@file)
          @file = nil
        end

        private

        def set
          return unless @file

          offset_ms = @moved_ms + (Time.now.to_r * 1000).to_i - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)
          return if @set_ms && (offset_ms - @set_ms).abs <= SLACK_MS

          File.write("#{@file}.new", offset_ms) # whole or not at all, for whoever reads it meanwhile
          File.rename("#{@file}.new", @file)
          @set_ms = offset_ms
        end
      end
    end
  end
end
