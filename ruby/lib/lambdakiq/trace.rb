# frozen_string_literal: true

module Lambdakiq
  # The trace that a message takes along as its AWSTraceHeader, as X-Ray writes it.
  #
  # @api private
  module Trace
    # What Lambda's runtime sets to the trace of the invocation.
    VARIABLE = '_X_AMZN_TRACE_ID'

    class << self
      # @return [String, nil] see {Lambdakiq.trace_header}
      def current
        Performing.frame&.trace_header || ENV[VARIABLE]
      end

      # @param job_id [String] of the job to be sent
      # @return [String, nil] nil: the core takes the invocation's
      def outgoing(job_id)
        # A job that is sent again goes on in its own trace, wherever this attempt belongs to.
        again = Performing.resend_of(job_id) && Performing.frame.trace_header
        again || chosen
      end

      private

      # A trace is a help to whoever looks for the job later: it never keeps a job from being sent.
      def chosen
        source = Lambdakiq.config.trace_header or return
        header = source.call
        with_lineage(header.to_s) if header
      rescue StandardError => e
        Lambdakiq.logger.warn("[Lambdakiq] config.lambdakiq.trace_header failed: #{ErrorText.of(e)}; " \
                              "the trace of #{VARIABLE} is used")
        nil
      end

      # By Lineage Lambda recognises functions that invoke each other without end. Tracers do not know it.
      # (The core takes it out of what is sent again, B32.)
      def with_lineage(header)
        lineage = ENV[VARIABLE].to_s[/\bLineage=[^;]+/]
        lineage.nil? || header.include?('Lineage=') ? header : "#{header};#{lineage}"
      end
    end
  end
end
