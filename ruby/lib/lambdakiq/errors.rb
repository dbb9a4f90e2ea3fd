# frozen_string_literal: true

# The errors of Lambdakiq. All that come from the core are below {Lambdakiq::Error}.
module Lambdakiq
  # Something went wrong between here and SQS. The message says what, with which queue, and what to do
  # next; branch on the class, on {#code} or on {#retriable?}.
  class Error < StandardError
    # @return [String, nil] SQS's code ('AWS.SimpleQueueService.NonExistentQueue'), or the core's
    #   ('LK_E_TIMEOUT') for what SQS has no code for
    attr_reader :code

    # @return [String, nil] SQS's code; nil when SQS did not answer with an error
    attr_reader :aws_code

    # @return [String, nil] SQS's name for the error ('QueueDoesNotExist')
    attr_reader :aws_type

    # @return [String, nil]
    attr_reader :request_id

    # @return [Integer, nil]
    attr_reader :http_status

    # The call that failed, as an error of the AWS SDK has it: operation_name, params, http_response (its
    # status_code), client.
    Context = Struct.new(:operation_name, :params, :http_response, :client)
    # What {Context} knows of the answer.
    HttpResponse = Struct.new(:status_code)

    # @return [Context, nil] nil when no call was made
    attr_reader :context

    # @api private
    def during(operation, params, client = nil)
      @context = Context.new(operation, params, HttpResponse.new(http_status), client)
      self
    end

    # @return [SQS::EmptyStructure] SQS's errors have no members
    def data
      SQS::EmptyStructure.new
    end

    # Whether the same call may succeed later.
    def retriable?
      @retriable ? true : false
    end
  end

  # An argument or option that cannot be sent: a queue name, a job's arguments, a delay.
  class InvalidError < Error; end
  # The message is over the size limit; nothing was sent (B25).
  class TooLargeError < Error; end
  # SQS answered with an error, see {Error#code}. With the AWS SDK loaded it is matched by the SDK's name
  # for it too: `rescue Aws::SQS::Errors::NonExistentQueue`.
  class ServiceError < Error
    # @api private
    def initialize(message = nil)
      super
      AwsErrors.match_loaded if defined?(::Aws::SQS::Errors)
    end
  end
  # No answer in time. A job that was being sent may have arrived.
  class TimeoutError < Error; end
  # No connection could be made; nothing was sent.
  class ConnectError < Error; end
  # The connection failed during the exchange. A job that was being sent may have arrived.
  class HttpError < Error; end
  # The server's certificate could not be verified.
  class TlsError < Error; end
  # No usable AWS credentials were found.
  class CredentialsError < Error; end
  # Region, endpoint, profile or a file is missing or unusable.
  class ConfigError < Error; end
  # The configuration asks for something that Lambdakiq does not do: credentials by SSO or MFA.
  class UnsupportedError < Error
    # @return [String] what was met, and how the AWS SDK does it instead
    def message
      "#{super} (config.lambdakiq.client = Aws::SQS::Client.new)"
    end
  end
  # A digest does not match what was sent or received.
  class ChecksumError < Error; end
  # The call was interrupted, and the thread went on. A job that was being sent to a standard queue may
  # have arrived.
  class InterruptedError < Error; end
  # A native handle was used by two threads. The pool keeps this from happening.
  class BusyError < Error; end
  # Not JSON where JSON was expected.
  class JsonError < Error; end
  # An event record that is not a job of ours.
  class RecordError < Error; end
  # The Lambda Runtime API refused a call, or is gone.
  class RuntimeApiError < Error; end
  # A file or socket of this machine failed.
  class IoError < Error; end
  # The function's remaining time is used up.
  class DeadlineError < Error; end
  # A defect in Lambdakiq.
  class InternalError < Error; end

  # Some jobs of a `perform_bulk` were not accepted; the others were.
  class BulkError < Error
    # @return [Hash{ActiveJob::Base => Exception}] those that were not; `job.enqueue` tries again
    attr_reader :failures

    # @api private
    def initialize(failures, total)
      @failures = failures
      super("#{failures.size} of #{total} jobs were not enqueued; the first: #{ErrorText.of(failures.values.first)}")
    end
  end

  # A job is not due yet and was hidden until it is. Says what became of a record; it is not a failure
  # of the job, and has no backtrace.
  class FifoDelayError < Error
    # @return [Array] empty
    def backtrace
      []
    end
  end

  # A job waits for an earlier one of its FIFO group. No failure of the job, and no backtrace.
  class FifoGroupError < Error
    # @return [Array] empty
    def backtrace
      []
    end
  end

  # A job left its own code in another way than by returning or raising: `Thread.exit`, or a `throw` that
  # something around the handler catches. Fails that job only.
  class AbandonedError < Error; end

  # What `lambdakiq_options` or `config.lambdakiq` refuses, when the class is loaded.
  class OptionError < ArgumentError; end
end
