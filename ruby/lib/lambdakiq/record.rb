# frozen_string_literal: true

module Lambdakiq
  # One record of an SQS event, read only.
  class Record
    # @return [Hash] as it came; empty when it was no Hash
    attr_reader :data

    # @param data [Hash] a member of an event's Records
    def initialize(data)
      @data = data.is_a?(Hash) ? data : {}
    end

    # @return [String] the job's JSON
    def body
      data['body']
    end

    # @return [String, nil] the message's, the same at every receive
    def message_id
      data['messageId']
    end

    # @return [String, nil] of this receive
    def receipt_handle
      data['receiptHandle']
    end

    # @return [String, nil] where the message came from, which need not be the queue its body names
    def queue_arn
      data['eventSourceARN']
    end

    # @return [String, nil] of the job in the body; nil where that is none
    # @api private
    def job_id
      @job_id ||= begin
        job = JSON.parse(body.to_s)
        job['job_id'] if job.is_a?(Hash)
      rescue JSON::ParserError
        nil
      end
    end

    # @return [String, nil] the name in {#queue_arn}
    def queue_name
      queue_arn.split(':').last if queue_arn.is_a?(String)
    end

    # @return [Hash{String => String}] SQS's own attributes
    def attributes
      value = data['attributes']
      value.is_a?(Hash) ? value : {}
    end

    # @return [String, nil] nil on a standard queue
    def fifo_message_group_id
      attributes['MessageGroupId'] if fifo?
    end

    # @return [Integer, nil] seconds a FIFO job was to wait when it was sent
    def fifo_delay_seconds
      return unless fifo?

      attribute = data['messageAttributes']
      attribute = attribute['delay_seconds'] if attribute.is_a?(Hash)
      Integer(attribute['stringValue'].to_s, 10, exception: false) if attribute.is_a?(Hash)
    end

    # Whether there is a part of that wait still to come.
    def fifo_delay_seconds?
      fifo_delay_visibility_timeout.positive?
    end

    # @return [Integer] seconds until a FIFO job is due; 0 when it is
    def fifo_delay_visibility_timeout
      due_at_ms = fifo? ? Native.due_at_ms(data) : 0
      [((due_at_ms - Native.now_ms) / 1000.0).ceil, 0].max
    end

    # @return [String, nil] the AWSTraceHeader that it was sent with: what enqueued the job, for tracers
    def trace_header
      attributes['AWSTraceHeader']
    end

    # @return [Time, ActiveSupport::TimeWithZone, nil] when the message was sent, in the application's time zone
    def sent_at
      milliseconds = Integer(attributes['SentTimestamp'].to_s, 10, exception: false) or return
      time = Time.at(milliseconds / 1000, milliseconds % 1000, :millisecond)
      Time.respond_to?(:zone) && Time.zone ? time.in_time_zone : time
    end

    # @return [Integer] how often it was received; 1 when the record does not say (B15)
    def receive_count
      count = Integer(attributes['ApproximateReceiveCount'].to_s, 10, exception: false)
      count&.positive? ? count : 1
    end

    # @return [Integer, nil] seconds to wait after a failure; nil when there is no further retry
    def next_visibility_timeout
      Backoff.backoff(attempt)
    end

    # Which try this is: its receives, but for those that were only a delay.
    #
    # @return [Integer] from 1
    def attempt
      count = receive_count
      count > 1 ? [count - Native.delay_receives(data), 1].max : 1
    end

    private

    def fifo?
      Native.fifo?(queue_arn)
    end
  end
end
