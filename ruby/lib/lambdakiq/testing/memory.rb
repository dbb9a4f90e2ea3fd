# frozen_string_literal: true

module Lambdakiq
  module Testing
    # The queues of a test, and the SQS client in front of them: `config.lambdakiq.client` while
    # {Testing} is enabled. It answers the calls that jobs need, in the shapes of {SQS}.
    class Memory
      def initialize
        @queues = {}
        @lock = Monitor.new
      end

      # @param name [String] name, URL or ARN
      # @return [Queue] made when there is none yet
      def [](name)
        @lock.synchronize { @queues[base(name)] ||= Queue.new(base(name)) }
      end

      # @return [Queue] a new one, in the place of an earlier one
      # @api private
      def make(name, **settings)
        @lock.synchronize { @queues[base(name)] = Queue.new(base(name), **settings) }
      end

      # @return [Array<Queue>]
      def to_a
        @lock.synchronize { @queues.values }
      end

      # @return [Array<Message>]
      def messages
        to_a.flat_map(&:messages)
      end

      # @return [Array<Message>]
      def dead_letters
        to_a.flat_map(&:dead_letters)
      end

      # @return [Integer, nil] epoch milliseconds of the next thing to happen
      # @api private
      def next_ms
        to_a.filter_map(&:next_ms).min
      end

      # Waits by the moved clock.
      #
      # @api private
      def pause(seconds)
        Clock.move_to(Clock.now_ms + (seconds * 1000).ceil)
      end

      # @!group Calls of SQS

      # @return [SQS::Structure]
      def get_queue_url(queue_name:, **)
        SQS.response(:get_queue_url, queue_url: self[queue_name].url)
      end

      # @param attribute_names [Array<String>, nil] all come, whatever is asked for
      # @return [SQS::Structure]
      def get_queue_attributes(queue_url:, attribute_names: nil) # rubocop:disable Lint/UnusedMethodArgument
        SQS.response(:get_queue_attributes, attributes: self[queue_url].attributes)
      end

      # @param params [Hash] `message_body`, and what else SendMessage takes
      # @return [SQS::Structure] with `message_id`
      def send_message(queue_url:, **params)
        message = self[queue_url].send_message(params)
        Testing.sent
        SQS.response(:send_message, message_id: message.message_id)
      end

      # @param entries [Array<Hash>] `id`, and what SendMessage takes
      # @return [SQS::Structure] with `successful`
      def send_message_batch(queue_url:, entries:)
        done = entries.map do |entry|
          { 'Id' => entry.fetch(:id), 'MessageId' => self[queue_url].send_message(entry.except(:id)).message_id }
        end
        Testing.sent
        SQS.response(:send_message_batch, successful: done, failed: [])
      end

      # @return [SQS::EmptyStructure]
      def delete_message(queue_url:, receipt_handle:)
        self[queue_url].delete(receipt_handle)
        SQS.response(:delete_message, {})
      end

      # @return [SQS::EmptyStructure]
      def change_message_visibility(queue_url:, receipt_handle:, visibility_timeout:)
        self[queue_url].change_visibility(receipt_handle, visibility_timeout)
        SQS.response(:change_message_visibility, {})
      end

      # @!endgroup

      private

      def base(name)
        name.to_s.split(%r{[:/]}).last.to_s
      end
    end
  end
end
