# frozen_string_literal: true

module Lambdakiq
  # What a handler is told about its invocation, as AWS's Ruby runtime tells it.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :deadline_ms, :client_context, :identity, :trace_id

    # @param invocation [Array] of {Native::Runtime#next}
    def initialize(invocation)
      @aws_request_id, _event, @deadline_ms, @invoked_function_arn, @trace_id, client, identity = invocation
      @client_context = JSON.parse(client) if client
      @identity = JSON.parse(identity) if identity
    end

    # @return [Integer] milliseconds until Lambda ends the function
    def get_remaining_time_in_millis # rubocop:disable Naming/AccessorMethodName
      [deadline_ms - (Time.now.to_f * 1000).to_i, 0].max
    end

    # @return [String, nil] the function's name
    def function_name
      ENV['AWS_LAMBDA_FUNCTION_NAME']
    end

    # @return [String, nil] `$LATEST` or a number
    def function_version
      ENV['AWS_LAMBDA_FUNCTION_VERSION']
    end

    # @return [String, nil] as AWS gives it, a number in digits
    def memory_limit_in_mb
      ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    end

    # @return [String, nil] in CloudWatch Logs
    def log_group_name
      ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    end

    # @return [String, nil] in CloudWatch Logs, of this environment
    def log_stream_name
      ENV['AWS_LAMBDA_LOG_STREAM_NAME']
    end
  end
end
