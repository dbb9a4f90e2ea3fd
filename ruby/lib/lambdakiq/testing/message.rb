# frozen_string_literal: true

require 'securerandom'

module Lambdakiq
  module Testing
    # A message in memory, and what a test wants to know of the job in it.
    class Message
      # @return [String]
      attr_reader :message_id, :body

      # @return [String, nil] on FIFO queues
      attr_reader :group_id, :deduplication_id

      # @return [Hash{Symbol => Object}] the parameters of SendMessage
      attr_reader :params

      # @return [Integer] how often it was received
      attr_reader :receive_count

      # @api private
      attr_reader :receipt_handle, :visible_at_ms, :sent_at_ms, :received_at_ms

      # @param params [Hash] of SendMessage
      # @param sequence_number [Integer]
      # @param due_ms [Integer, nil] when the job is due, where that is known to the millisecond
      def initialize(params, sequence_number, due_ms = nil)
        @params = params
        @body = params.fetch(:message_body)
        @group_id = params[:message_group_id]
        @deduplication_id = params[:message_deduplication_id]
        @message_id = SecureRandom.uuid
        @sequence_number = sequence_number
        @receive_count = 0
        @sent_at_ms = Clock.now_ms
        @due_ms = due_ms
        hide_until(@sent_at_ms + (params[:delay_seconds].to_i * 1000))
      end

      # @return [Hash] the job as ActiveJob serialised it
      def job_data
        @job_data ||= JSON.parse(body)
      end

      # @return [ActiveJob::Base] another instance of the job
      def job
        ActiveJob::Base.deserialize(job_data)
      end

      # @return [String] the name of the job's class
      def job_class
        job_data['job_class']
      end

      # @return [String]
      def job_id
        job_data['job_id']
      end

      # @return [Array] as `perform` gets them
      def arguments
        ActiveJob::Arguments.deserialize(job_data['arguments'])
      end

      # @return [Time] when it can be received (again)
      def visible_at
        Time.at(@visible_at_ms / 1000r)
      end

      # Whether it is a job of this class, with these arguments.
      #
      # @param job_class [Class]
      # @param with [Array, nil] nil: any
      def for?(job_class, with = nil)
        self.job_class == job_class.name && (with.nil? || arguments == with)
      end

      # @return [String] for the message of a failed assertion
      def inspect
        "#<#{self.class} #{job_class} #{job_id} received #{receive_count} times, visible at #{visible_at}>"
      end

      # @api private
      def visible?(now_ms)
        @visible_at_ms <= now_ms
      end

      # @api private
      def receive(now_ms, visibility_ms)
        @receive_count += 1
        @receipt_handle = "#{message_id}:#{@receive_count}"
        @first_received_at_ms ||= now_ms
        @received_at_ms = now_ms
        @visible_at_ms = now_ms + visibility_ms
      end

      # SQS counts whole seconds, rounded up. Here a job becomes visible when it is due, or a clock that is
      # moved by exactly its wait would stop short of it.
      #
      # @api private
      def hide_until(epoch_ms)
        ends_the_wait = @due_ms && @due_ms > epoch_ms - 1000
        @visible_at_ms = ends_the_wait ? [@due_ms, epoch_ms].min : epoch_ms
      end

      # The message as Lambda hands it to a function.
      #
      # @api private
      def record(queue_arn)
        { 'messageId' => message_id, 'receiptHandle' => receipt_handle, 'body' => body,
          'attributes' => attributes, 'messageAttributes' => message_attributes,
          'eventSource' => 'aws:sqs', 'eventSourceARN' => queue_arn, 'awsRegion' => Queue::REGION }
      end

      private

      def attributes
        trace = params.dig(:message_system_attributes, 'AWSTraceHeader', :string_value)
        { 'ApproximateReceiveCount' => receive_count.to_s, 'SentTimestamp' => sent_at_ms.to_s,
          'ApproximateFirstReceiveTimestamp' => @first_received_at_ms.to_s, 'MessageGroupId' => group_id,
          'MessageDeduplicationId' => deduplication_id, 'AWSTraceHeader' => trace,
          'SequenceNumber' => (@sequence_number.to_s if deduplication_id) }.compact
      end

      def message_attributes
        params.fetch(:message_attributes, {}).transform_values do |value|
          { 'stringValue' => value[:string_value], 'dataType' => value[:data_type],
            'stringListValues' => [], 'binaryListValues' => [] }
        end
      end
    end
  end
end
