# frozen_string_literal: true

module Lambdakiq
  # The messages that a process saw die and that SQS will deliver again, on their way to the dead-letter
  # queue. How often a message was received SQS tells, not what for. The core remembers its own.
  #
  # @api private
  class Deaths
    # What is forgotten costs a dead job one more try.
    MAX = 1024

    def initialize
      @ids = {}
      @lock = Mutex.new
    end

    # @param message_id [String]
    def add(message_id)
      @lock.synchronize do
        @ids.delete(message_id)
        @ids[message_id] = true
        @ids.shift if @ids.size > MAX
      end
    end

    def include?(message_id)
      @lock.synchronize { @ids.key?(message_id) }
    end
  end
end
