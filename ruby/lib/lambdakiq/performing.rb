# frozen_string_literal: true

module Lambdakiq
  # The message whose job this thread performs.
  #
  # A job that is sent again while it is performed (retry_on, retry_job, a continuation) needs another
  # deduplication id, or a FIFO queue drops it (B2). What happened to a job is told of the very object
  # that ran. And whether a job is discarded is known only when its message's fate is (B13).
  module Performing
    # trace_header, request_id: the message's, if it has them. job: the instance that ActiveJob performs, once
    # it has made it. discarded_by: the error for which ActiveJob would have run the `after_discard` callbacks.
    # raised: what the attempt ended with. concluded: the job has run, and its last callbacks are being called.
    Frame = Struct.new(:job_id, :message_id, :trace_header, :request_id, :job, :discarded_by, :raised, :concluded) do
      # Whether this is the message's own job, and not one that it performs on its way.
      def own?(active_job)
        job.nil? ? active_job.job_id == job_id : job.equal?(active_job)
      end
    end

    # What ActiveJob::Base does differently while a message's job is performed.
    module Attempt
      # ActiveJob lets `after_discard` callbacks run for every error that it does not handle itself.
      # That is the end of a job elsewhere; here it is retried. They run now when ActiveJob handled the
      # error (discard_on, retry_on with a block), or else when the job is dead.
      def perform_now
        frame = Performing.frame
        return super unless frame&.own?(self) && frame.job.nil?

        frame.job = self
        keep_error(frame) { super }
      end

      private

      # Rails wraps what a job does and reports every error that leaves it as one that nobody handled.
      # Whether it is one is decided only later (B13), so it is kept until the wrapper is left.
      def keep_error(frame)
        result = yield
        Performing.after_discard(self, frame, frame.discarded_by) if frame.discarded_by
        result
      rescue Exception => e # {Job#run} raises it again
        frame.raised = e
        nil
      end

      # Of ActiveJob 7.1 and later; never called by earlier ones.
      def run_after_discard_procs(error)
        frame = Performing.frame
        return super if frame.nil? || frame.concluded || !frame.job.equal?(self)

        frame.discarded_by = error
      end
    end

    KEY = :lambdakiq_performing
    private_constant :KEY

    class << self
      # @return [Frame, nil]
      def frame
        Thread.current.thread_variable_get(KEY) if @used # never in a process that only enqueues
      end

      # @param job_data [Hash] the message's job
      # @param message [Record]
      # @yieldparam frame [Frame]
      def during(job_data, message)
        @installed ||= ActiveJob::Base.prepend(Attempt)
        frame = frame_of(job_data['job_id'], message, RequestId.clean(job_data[RequestId::KEY]))
        within(frame) { |inner| yield inner }
      end

      # Calls what a job has for its end. A job that sends itself again in there is still sent from its
      # message (B2).
      #
      # @param message [Record, Frame]
      def concluding(active_job, message, &block)
        request_id = active_job.lambdakiq_request_id
        frame = frame_of(active_job.job_id, message, request_id)
        frame.job = active_job
        frame.concluded = true
        within(frame) { RequestId.tagged(request_id) { with_current(active_job, &block) } }
      end

      # Runs a job's `after_discard` callbacks (ActiveJob 7.1 and later).
      def after_discard(active_job, message, error)
        return unless active_job.class.respond_to?(:after_discard_procs)

        concluding(active_job, message) { active_job.send(:run_after_discard_procs, error) }
      end

      # The messageId that a job is sent again from; nil when it is not being performed here.
      def resend_of(job_id)
        current = frame
        current.message_id if current && current.job_id == job_id
      end

      private

      def with_current(active_job, &block)
        active_job.respond_to?(:lambdakiq_with_current) ? active_job.lambdakiq_with_current(&block) : yield
      end

      def frame_of(job_id, message, request_id)
        Frame.new(job_id, message.message_id, message.trace_header, request_id)
      end

      def within(inner)
        @used = true
        outer = frame
        Thread.current.thread_variable_set(KEY, inner)
        yield inner
      ensure
        Thread.current.thread_variable_set(KEY, outer)
      end
    end
  end
end
