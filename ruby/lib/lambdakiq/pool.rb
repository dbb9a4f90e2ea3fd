# frozen_string_literal: true

module Lambdakiq
  # Native handles, one for each thread that is calling at the moment. The one used last goes out first:
  # its connection is the warmest. After a fork each handle notices by itself and connects anew.
  #
  # Without a lock: taking from an Array and adding to it is one step each for other threads.
  class Pool
    # @yieldreturn [Native::Client] a new handle, when all are in use
    def initialize(&make)
      @make = make
      @idle = []
    end

    # Lends a handle for the time of the block. A thread that is killed inside gives it back as well:
    # the core leaves a call that was cut off in a known state.
    def with
      handle = @idle.pop || @make.call
      yield handle
    ensure
      @idle.push(handle) if handle
    end

    # Closes the connections that a child inherited from its parent, without a word to the peer.
    def discard!
      idle = @idle.shift(@idle.size)
      idle.each(&:discard!)
    ensure
      @idle.concat(idle) if idle
    end
  end
end
