# frozen_string_literal: true

module Lambdakiq
  class SQS
    # What goes into and comes out of each operation, in the names Ruby uses. A type is :string,
    # :integer, :boolean or :blob; [type] a list; { type => … } a map with string keys; a Hash of symbols
    # a structure. A name's wire form is its camel case, but for those in WIRE_NAMES.
    #
    # @api private
    module Shapes
      ATTRIBUTE_VALUE = { string_value: :string, binary_value: :blob, string_list_values: [:string],
                          binary_list_values: [:blob], data_type: :string }.freeze
      TEXTS = { string: :string }.freeze
      MESSAGE_ATTRIBUTES = { string: ATTRIBUTE_VALUE }.freeze
      SEND = { message_body: :string, delay_seconds: :integer, message_attributes: MESSAGE_ATTRIBUTES,
               message_system_attributes: MESSAGE_ATTRIBUTES, message_deduplication_id: :string,
               message_group_id: :string }.freeze
      DIGESTS = { md5_of_message_body: :string, md5_of_message_attributes: :string,
                  md5_of_message_system_attributes: :string }.freeze
      MESSAGE = { message_id: :string, receipt_handle: :string, md5_of_body: :string, body: :string,
                  attributes: TEXTS, md5_of_message_attributes: :string,
                  message_attributes: MESSAGE_ATTRIBUTES }.freeze
      FAILED = { id: :string, sender_fault: :boolean, code: :string, message: :string }.freeze
      MOVE_TASK = { task_handle: :string, status: :string, source_arn: :string, destination_arn: :string,
                    max_number_of_messages_per_second: :integer,
                    approximate_number_of_messages_moved: :integer,
                    approximate_number_of_messages_to_move: :integer, failure_reason: :string,
                    started_timestamp: :integer }.freeze
      QUEUE = { queue_url: :string }.freeze
      PAGE = { max_results: :integer, next_token: :string }.freeze
      NOTHING = {}.freeze

      # What must not be missing in a structure inside of the parameters.
      REQUIRED = { ATTRIBUTE_VALUE => %i[data_type] }.compare_by_identity

      def self.batch(entry, done, required)
        REQUIRED[entry] = required
        [{ queue_url: :string, entries: [entry] }, { successful: [done], failed: [FAILED] }, %i[queue_url entries]]
      end

      # operation => [input, output, required members]
      OPERATIONS = {
        add_permission: [{ queue_url: :string, label: :string, aws_account_ids: [:string], actions: [:string] },
                         NOTHING, %i[queue_url label aws_account_ids actions]],
        cancel_message_move_task: [{ task_handle: :string }, { approximate_number_of_messages_moved: :integer },
                                   [:task_handle]],
        change_message_visibility: [{ queue_url: :string, receipt_handle: :string, visibility_timeout: :integer },
                                    NOTHING, %i[queue_url receipt_handle visibility_timeout]],
        change_message_visibility_batch: batch({ id: :string, receipt_handle: :string, visibility_timeout: :integer },
                                               { id: :string }, %i[id receipt_handle]),
        create_queue: [{ queue_name: :string, attributes: TEXTS, tags: TEXTS }, QUEUE, [:queue_name]],
        delete_message: [{ queue_url: :string, receipt_handle: :string }, NOTHING, %i[queue_url receipt_handle]],
        delete_message_batch: batch({ id: :string, receipt_handle: :string }, { id: :string }, %i[id receipt_handle]),
        delete_queue: [QUEUE, NOTHING, [:queue_url]],
        get_queue_attributes: [{ queue_url: :string, attribute_names: [:string] }, { attributes: TEXTS }, [:queue_url]],
        get_queue_url: [{ queue_name: :string, queue_owner_aws_account_id: :string }, QUEUE, [:queue_name]],
        list_dead_letter_source_queues: [QUEUE.merge(PAGE), { queue_urls: [:string], next_token: :string },
                                         [:queue_url]],
        list_message_move_tasks: [{ source_arn: :string, max_results: :integer }, { results: [MOVE_TASK] },
                                  [:source_arn]],
        list_queue_tags: [QUEUE, { tags: TEXTS }, [:queue_url]],
        list_queues: [{ queue_name_prefix: :string, **PAGE }, { queue_urls: [:string], next_token: :string }, []],
        purge_queue: [QUEUE, NOTHING, [:queue_url]],
        receive_message: [{ queue_url: :string, attribute_names: [:string], message_system_attribute_names: [:string],
                            message_attribute_names: [:string], max_number_of_messages: :integer,
                            visibility_timeout: :integer, wait_time_seconds: :integer,
                            receive_request_attempt_id: :string },
                          { messages: [MESSAGE] }, [:queue_url]],
        remove_permission: [{ queue_url: :string, label: :string }, NOTHING, %i[queue_url label]],
        send_message: [QUEUE.merge(SEND), { **DIGESTS, message_id: :string, sequence_number: :string },
                       %i[queue_url message_body]],
        send_message_batch: batch({ id: :string, **SEND },
                                  { id: :string, message_id: :string, **DIGESTS, sequence_number: :string },
                                  %i[id message_body]),
        set_queue_attributes: [{ queue_url: :string, attributes: TEXTS }, NOTHING, %i[queue_url attributes]],
        start_message_move_task: [{ source_arn: :string, destination_arn: :string,
                                    max_number_of_messages_per_second: :integer },
                                  { task_handle: :string }, [:source_arn]],
        tag_queue: [{ queue_url: :string, tags: TEXTS }, NOTHING, %i[queue_url tags]],
        untag_queue: [{ queue_url: :string, tag_keys: [:string] }, NOTHING, %i[queue_url tag_keys]]
      }.freeze

      # Operations whose answers have pages.
      PAGED = %i[list_queues list_dead_letter_source_queues].freeze

      # Operations that may be made again when one was cut off before its answer came.
      REPEATABLE = OPERATIONS.keys.reject { |name| name.match?(/\A(send|start|cancel|receive)_/) }.freeze

      # SQS's own exceptions to its naming: these two are lower case on the wire.
      WIRE_NAMES = { [:create_queue, :tags] => 'tags',
                     [:list_dead_letter_source_queues, :queue_urls] => 'queueUrls' }.freeze
      WORDS = { 'md5' => 'MD5', 'aws' => 'AWS' }.freeze

      @wire = {}

      # 'QueueUrl' of :queue_url
      def self.wire(operation, member)
        WIRE_NAMES[[operation, member]] ||
          (@wire[member] ||= member.name.split('_').map { |word| WORDS.fetch(word, word.capitalize) }.join.freeze)
      end

      # 'SendMessage' of :send_message
      def self.action(operation)
        wire(nil, operation)
      end

      def self.input(operation)
        OPERATIONS.fetch(operation)[0]
      end

      def self.output(operation)
        OPERATIONS.fetch(operation)[1]
      end

      def self.required(operation)
        OPERATIONS.fetch(operation)[2]
      end

      # Whether a Hash type is a map with string keys (else it is a structure).
      def self.map?(shape)
        shape.key?(:string) && shape.size == 1
      end
    end
  end
end
