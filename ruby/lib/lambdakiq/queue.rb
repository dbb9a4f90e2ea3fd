# frozen_string_literal: true

module Lambdakiq
  # A queue, named by its name, URL or ARN. Nothing is asked of SQS before it must be.
  class Queue
    # @return [String] as it was given: name, URL or ARN
    attr_reader :reference

    # @api private
    def initialize(reference, client)
      @reference = reference.to_s
      @client = client
    end

    # @return [String]
    def queue_name
      @reference.split(%r{[:/]}).last.to_s
    end

    # @return [String] as GetQueueUrl answers; asked once
    def queue_url
      @queue_url ||= read_url
    end

    # @return [Hash{String => String}] all attributes, as of the first time they were asked for
    def attributes
      @attributes || reload_attributes
    end

    # @return [Hash, nil] nil without a dead-letter queue
    def redrive_policy
      policy = attributes['RedrivePolicy']
      JSON.parse(policy) if policy
    end

    # @return [Integer] how often SQS hands out a message before it goes to the dead-letter queue; 1
    #   without one, where the first failure is the last
    def max_receive_count
      redrive_policy&.fetch('maxReceiveCount', nil)&.to_i || 1
    end

    def fifo?
      Native.fifo?(@reference)
    end

    # Sends a job.
    #
    # @param job [ActiveJob::Base]
    # @param options [Hash] `delay_seconds:`, and what else SendMessage takes, which goes before ours
    # @return [SQS::Structure] what SQS answered: `message_id` …
    def send_message(job, options = {})
      more = options.except(:delay_seconds)
      return @client.sqs.send_message(queue_url: queue_url, **Message.new(self, job, options).params) if more.any?

      SQS.response(:send_message, message_id: deliver(job, (options[:delay_seconds] || 0) * 1000))
    end

    # Sends a job, to be performed after delay_ms.
    #
    # @return [String, nil] the messageId; nil when the job's class does not wait for it (`async: true`)
    # @api private
    def deliver(job, delay_ms)
      message = Message.new(self, job, delay_ms: delay_ms)
      return ClientSend.new(@client, self).one(message) unless @client.native?
      return push(message) if message.async? && !@client.outbox.closed?

      arguments = message.to_native
      in_order do |native|
        Requests.observe(native, :send_message, @reference) { native.send_job(@reference, *arguments) }
      end
    end

    # Sends many messages, ten a call. Only when none of them needs an answer they are not waited for: the
    # jobs of a FIFO group must keep their order.
    #
    # @param messages [Array<Message>]
    # @return [Array<String, nil, Exception>] for each its messageId or what went wrong; nil where its class
    #   does not wait for it
    # @api private
    def deliver_all(messages)
      return ClientSend.new(@client, self).many(messages) unless @client.native?
      return messages.map { |message| attempt { push(message) } } if messages.all?(&:async?) && !@client.outbox.closed?

      arguments = messages.map(&:to_native)
      in_order(reports: true) { |native| native.send_jobs(@reference, arguments) }
    rescue StandardError => e # of all of them: the queue's name is none, say
      messages.map { e }
    end

    # Sends a message once more, byte by byte, to be performed after delay_ms. For clients that are not
    # the core's: there it does this itself.
    #
    # @param record [Record]
    # @api private
    def resend(record, delay_ms)
      job_id = record.job_id || record.message_id # a broken body is sent again as well
      json = @client.with do |native|
        native.send_params(@reference, record.body, job_id, delay_ms, record.attributes['MessageGroupId'], record.message_id,
                           true, record.trace_header)
      end
      params = SQS.params(:send_message, JSON.parse(json))
      # Not a little later at each hop, for the time that the hop takes.
      due_at = params.dig(:message_attributes, 'due_at')
      due_at[:string_value] = Native.due_at_ms(record.data).to_s if due_at
      @client.call(:send_message, queue_url: queue_url, **params)
    end

    # Attributes read again.
    #
    # @api private
    def reload_attributes
      @attributes = read_attributes.tap { @read_at = Time.now }
    end

    # @param seconds [Integer]
    # @return [Boolean] whether {#attributes} are as of longer ago
    # @api private
    def attributes_older_than?(seconds)
      @read_at.nil? || (Time.now - @read_at).abs > seconds
    end

    private

    # Without waiting.
    def push(message)
      @client.outbox.push(@reference, message)
    end

    # A FIFO queue gets what is on its way first.
    def in_order(reports: false, &block)
      return @client.outbox.with(&block) if fifo? && @client.outbox.pending?

      reports ? @client.with_reports(&block) : @client.with(&block)
    end

    def attempt
      yield
    rescue StandardError => e
      e
    end

    def read_url
      return ask_url unless @client.native?

      @client.with do |native|
        Requests.observe(native, :get_queue_url, @reference) { native.queue_url(@reference) }
      end
    end

    def ask_url
      return @reference if @reference.start_with?('http')

      owner = { queue_owner_aws_account_id: @reference.split(':')[4] }.compact # of an ARN
      @client.call(:get_queue_url, queue_name: queue_name, **owner).queue_url
    end

    def read_attributes
      return @client.sqs.get_queue_attributes(queue_url: @reference, attribute_names: ['All']).attributes if @client.native?

      @client.call(:get_queue_attributes, queue_url: queue_url, attribute_names: ['All']).attributes
    end
  end
end
