# frozen_string_literal: true

module Lambdakiq
  # Jobs on their way: put on the wire at once, their answers collected later (B6).
  #
  # The core does that without threads, within one native handle. A process has one of them, behind a
  # lock: the jobs of a FIFO group are sent in the order in which they were enqueued, whichever threads
  # did that. A forked child starts with an empty one; what the parent has sent is the parent's to collect.
  class Outbox
    # A flush holds the lock for no longer than this at a time, so that other threads can enqueue.
    SLICE_MS = 50

    # @param client [Client]
    def initialize(client)
      @client = client
      @lock = Mutex.new
      @pid = nil # of the process that has jobs on their way
      @closed_pid = nil
    end

    # Puts a job on its way. It is serialised before this returns: what becomes of its arguments later does
    # not matter.
    #
    # @param queue_reference [String]
    # @param message [Message]
    # @raise [Error] it cannot be sent at all
    def push(queue_reference, message)
      arguments = message.to_native
      with do |native|
        @hook ||= at_exit { close(Lambdakiq.config.flush_timeout) }
        @pid = Process.pid
        native.send_async(queue_reference, *arguments)
      end
    end

    # Whether jobs of this process may be on their way.
    def pending?
      @pid == Process.pid
    end

    # Whether it is too late for another collection: the process ends.
    def closed?
      @closed_pid == Process.pid
    end

    # Lends the handle, for a call that must come behind what is on its way.
    #
    # @yieldparam native [Native::Client]
    def with
      hold do |native|
        @client.prepare(native)
        yield native
      end
    end

    # Waits for the answers to all that is on its way.
    #
    # @param timeout [Numeric, nil] seconds; nil: until each job has its answer or its error
    # @return [Boolean] whether each has
    def flush(timeout)
      deadline = timeout && (now + timeout)
      hold { |native| @client.renew(native) } if pending?
      while pending?
        left_ms = deadline ? ((deadline - now) * 1000).ceil : SLICE_MS
        settled = flush_slice(left_ms.clamp(0, SLICE_MS))
        return settled if settled || left_ms <= 0

        Thread.pass
      end
      true
    end

    # The same when the process ends: a job that has no answer by then is told as failed, and whoever
    # enqueues after this waits for the answer.
    def close(timeout)
      @closed_pid = Process.pid
      return if flush(timeout)

      hold do |native|
        native.give_up
        @pid = nil
      end
    end

    # Closes the connection that a child inherited from its parent. One with jobs of this process on their
    # way is kept.
    #
    # @api private
    def discard!
      @lock.synchronize { @native.discard! } if @native && !pending?
    end

    private

    def hold
      @lock.synchronize { yield @native ||= @client.make_native }
    ensure
      tell if @native
    end

    def flush_slice(milliseconds)
      hold do |native|
        native.flush(milliseconds).tap { |settled| @pid = nil if settled }
      end
    end

    # Outside the lock: who listens may enqueue.
    def tell
      while (failure = @lock.synchronize { @native.send_failure })
        EnqueueFailure.new(*failure).tell
      end
      Requests.tell { @lock.synchronize { @native.observed } }
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
