# frozen_string_literal: true

module Lambdakiq
  module Testing
    # A queue in memory with its dead-letter queue, as far as jobs can tell it from SQS: delays,
    # visibility, receive counts, redrive, FIFO groups, deduplication, retention.
    class Queue
      REGION = 'us-east-1'
      ACCOUNT = '000000000000'

      # SQS's own numbers.
      DEDUPLICATION_MS = 300_000
      MAX_VISIBILITY_MS = 43_200_000

      # @return [String]
      attr_reader :name

      # @return [Integer, nil] nil: no dead-letter queue
      attr_reader :max_receive_count

      # @return [Integer] messages for each invocation
      attr_reader :batch_size

      # @param max_receive_count [Integer, nil] default 13, or 14 on FIFO queues; nil: no dead-letter queue
      # @param visibility_timeout [Integer] seconds
      # @param retention [Integer] seconds
      # @param batch_size [Integer] how many messages an event has at most, 1 to 10
      def initialize(name, max_receive_count: name.end_with?('.fifo') ? 14 : 13, visibility_timeout: 301,
                     retention: 345_600, batch_size: 1)
        @name = name
        @max_receive_count = max_receive_count
        @visibility_timeout = visibility_timeout
        @retention = retention
        @batch_size = batch_size
        @messages = []
        @dead_letters = []
        @deduplication = {} # id => [message, until]
        @due_ms = {} # body => when that job is due
        @sent = 0
        @lock = Monitor.new
      end

      # @return [Array<Message>] all but the dead ones: visible, delayed, hidden until their retry
      def messages
        synchronize { @messages.dup }
      end

      # @return [Array<Message>]
      def dead_letters
        synchronize { @dead_letters.dup }
      end

      # @return [Integer]
      def size
        messages.size
      end

      def empty?
        messages.empty?
      end

      def fifo?
        name.end_with?('.fifo')
      end

      # @return [String]
      def arn
        "arn:aws:sqs:#{REGION}:#{ACCOUNT}:#{name}"
      end

      # @return [String]
      def url
        "https://sqs.#{REGION}.amazonaws.com/#{ACCOUNT}/#{name}"
      end

      # @return [Hash{String => String}] as GetQueueAttributes tells them
      def attributes
        policy = JSON.generate(deadLetterTargetArn: "#{arn}-dead", maxReceiveCount: max_receive_count) if max_receive_count
        { 'QueueArn' => arn, 'VisibilityTimeout' => @visibility_timeout.to_s, 'MessageRetentionPeriod' => @retention.to_s,
          'RedrivePolicy' => policy, 'FifoQueue' => ('true' if fifo?) }.compact
      end

      # @return [Message] the one of before when SQS would take it for the same
      # @api private
      def send_message(params)
        synchronize do
          now_ms = Clock.now_ms
          known, until_ms = @deduplication[params[:message_deduplication_id]]
          next known if known && now_ms < until_ms

          message = Message.new(params, @sent += 1, due_ms(params))
          @deduplication[message.deduplication_id] = [message, now_ms + DEDUPLICATION_MS] if fifo?
          @messages << message
          message
        end
      end

      # @return [Array<Message>] at most one batch; those that were received too often are dead now
      # @api private
      def receive
        synchronize do
          now_ms = Clock.now_ms
          expire(now_ms)
          bury(now_ms)
          receivable(now_ms).first(batch_size).each { |message| message.receive(now_ms, @visibility_timeout * 1000) }
        end
      end

      # @api private
      def delete(receipt_handle)
        synchronize { @messages.reject! { |message| message.receipt_handle == receipt_handle } }
      end

      # @raise [ServiceError] as SQS refuses
      # @api private
      def change_visibility(receipt_handle, timeout)
        synchronize do
          now_ms = Clock.now_ms
          message = @messages.find { |candidate| candidate.receipt_handle == receipt_handle }
          refuse('MessageNotInflight', 'the message is not in flight') if message.nil? || message.visible?(now_ms)
          until_ms = now_ms + (timeout * 1000)
          refuse('InvalidParameterValue', 'more than 12 hours since the receive') if until_ms - message.received_at_ms > MAX_VISIBILITY_MS
          message.hide_until(until_ms)
        end
      end

      # @return [Integer, nil] when the next message can be received; of a FIFO group that is its head
      # @api private
      def next_ms
        synchronize { (fifo? ? @messages.uniq(&:group_id) : @messages).map(&:visible_at_ms).min }
      end

      private

      # A thread that performs may enqueue.
      def synchronize(&block)
        @lock.synchronize(&block)
      end

      # The last part of a long wait is a message that does not say it any more.
      def due_ms(params)
        due_at = params.dig(:message_attributes, 'due_at', :string_value)
        @due_ms[params[:message_body]] ||= due_at && Integer(due_at)
      end

      # In the order of sending. Of a FIFO group nothing is received behind a hidden message.
      def receivable(now_ms)
        held = {}
        @messages.select do |message|
          next message.visible?(now_ms) unless fifo?
          next if held[message.group_id]

          message.visible?(now_ms) || !(held[message.group_id] = true)
        end
      end

      # A message that would be received once more than allowed is moved instead.
      def bury(now_ms)
        return unless max_receive_count

        while (message = receivable(now_ms).find { |candidate| candidate.receive_count >= max_receive_count })
          @messages.delete(message)
          @dead_letters << message
        end
      end

      # SQS drops what is too old, wherever it is.
      def expire(now_ms)
        @messages.reject! { |message| message.sent_at_ms + (@retention * 1000) <= now_ms }
      end

      def refuse(code, text)
        raise SQS.service_error(code, "queue #{name}: #{text}")
      end
    end
  end
end
