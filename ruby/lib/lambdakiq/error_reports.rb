# frozen_string_literal: true

module Lambdakiq
  # Errors for those who collect them: `Rails.error`, which ActiveSupport has from 7.0 on, with or
  # without Rails. Earlier there is nobody to tell.
  module ErrorReports
    # The reports' source, for subscribers that choose by it.
    SOURCE = 'lambdakiq'

    class << self
      # @param error [Exception]
      # @param handled [Boolean] false: this is its end, nothing will try again
      # @param context [Hash] what it is about
      def report(error, handled:, context:)
        reporter = ActiveSupport.error_reporter if ActiveSupport.respond_to?(:error_reporter)
        reporter&.report(error, handled: handled, severity: handled ? :warning : :error, context: context,
                                **source(reporter))
      rescue StandardError, ScriptError => e # of a subscriber; the job is not to suffer for it
        Lambdakiq.logger.error("[Lambdakiq] the error reporter failed: #{ErrorText.of(e)}")
      end

      private

      # Known from ActiveSupport 7.1 on.
      def source(reporter)
        @source ||= reporter.method(:report).parameters.include?([:key, :source]) ? { source: SOURCE } : {}
      end
    end
  end
end
