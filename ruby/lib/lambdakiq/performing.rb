# frozen_string_literal: true

module Lambdakiq
  # The message whose job this thread performs.
  #
  # A job that is sent again while it is performed (retry_on, retry_job, a continuation) needs another
  # deduplication id, or a FIFO queue drops it (B2). And what happened to a job is told of the very
  # object that ran.
  module Performing
    # job: the instance that ActiveJob performs, once it has made it.
    Frame = Struct.new(:job_id, :message_id, :job)

    # Notices the instance when ActiveJob starts it.
    class Notice
      def start(_name, _id, payload)
        frame = Performing.frame
        job = payload[:job]
        frame.job ||= job if frame && job&.job_id == frame.job_id
      end

      def finish(*); end
    end

    KEY = :lambdakiq_performing
    private_constant :KEY

    @deadline_ms = nil
    @terminated = false

    class << self
      # Set once SIGTERM was seen.
      attr_writer :terminated

      # Epoch milliseconds at which Lambda ends the function.
      attr_writer :deadline_ms

      # @return [Frame, nil]
      def frame
        Thread.current.thread_variable_get(KEY)
      end

      # @yieldparam frame [Frame]
      def during(job_id, message_id)
        install
        outer = frame
        inner = Frame.new(job_id, message_id, nil)
        Thread.current.thread_variable_set(KEY, inner)
        yield inner
      ensure
        Thread.current.thread_variable_set(KEY, outer)
      end

      # The messageId that a job is sent again from; nil when it is not being performed here.
      def resend_of(job_id)
        current = frame
        current.message_id if current && current.job_id == job_id
      end

      # @see Lambdakiq.stopping?
      def stopping?
        return true if @terminated
        return false unless @deadline_ms

        @deadline_ms - (Time.now.to_f * 1000) < STOP_BEFORE_MS
      end

      private

      def install
        @install ||= ActiveSupport::Notifications.subscribe('perform.active_job', Notice.new)
      end
    end

    # With less time than this left, long-running jobs should stop.
    STOP_BEFORE_MS = 5_000
  end
end
