# frozen_string_literal: true

module Lambdakiq
  # Sends jobs with a client that is not the core's: stubbed, or the application's own. The core still
  # makes the messages.
  class ClientSend
    # What one call of SendMessageBatch may hold.
    MAX_ENTRIES = 10
    MAX_BYTES = 1_048_576

    # For entries that SQS failed for its own reasons.
    ATTEMPTS = 3

    # A message with its place among those to be sent.
    Entry = Struct.new(:index, :params, :bytes)

    # @param client [Client]
    # @param queue [Queue]
    def initialize(client, queue)
      @client = client
      @queue = queue
    end

    # @param message [Message]
    # @return [String, nil] the messageId; nil when SQS did not take a job whose class does not wait for it,
    #   which is told then
    def one(message)
      params = message.params # what cannot be sent at all raises
      begin
        @client.call(:send_message, queue_url: @queue.queue_url, **params).message_id
      rescue StandardError => e
        raise unless message.async?

        EnqueueFailure.new(message.body, e).tell
        nil
      end
    end

    # @param messages [Array<Message>]
    # @return [Array<String, Exception>] for each its messageId or what went wrong
    def many(messages)
      # A stubbed batch answers nothing about its entries; and tests look for single sends.
      return messages.map { |message| attempt { one(message) } } if @client.stubbed?

      @results = Array.new(messages.size)
      chunks(entries(messages)).each { |chunk| send_chunk(chunk) }
      @results
    end

    private

    def attempt
      yield
    rescue StandardError => e
      e
    end

    # Those that can be sent; the others have their result.
    def entries(messages)
      messages.each_with_index.filter_map do |message, index|
        # Its JSON is no shorter than what SQS counts.
        Entry.new(index, message.params, message.params_json.bytesize)
      rescue Error => e
        @results[index] = e
        nil
      end
    end

    # In order, by number and by bytes.
    def chunks(entries)
      entries.each_with_object([]) do |entry, chunks|
        last = chunks.last
        fits = last && last.size < MAX_ENTRIES && last.sum(&:bytes) + entry.bytes <= MAX_BYTES
        fits ? last << entry : chunks << [entry]
      end
    end

    # Until each entry has its messageId, or an error that another attempt would not mend.
    def send_chunk(chunk)
      ATTEMPTS.times do |attempts|
        sleep(rand * (2**(attempts - 1))) if attempts.positive?
        read(call(chunk), chunk)
        chunk = chunk.select { |entry| again?(@results[entry.index]) }
        return if chunk.empty?
      end
    rescue StandardError => e
      chunk.each { |entry| @results[entry.index] = e }
    end

    def call(chunk)
      batch = chunk.map { |entry| { id: entry.index.to_s, **entry.params } }
      @client.call(:send_message_batch, queue_url: @queue.queue_url, entries: batch)
    end

    def read(answer, chunk)
      chunk.each do |entry|
        @results[entry.index] = HttpError.new('SendMessageBatch: the answer has no result for this job')
      end
      answer.successful.each { |done| @results[done.id.to_i] = done.message_id }
      answer.failed.each { |failed| @results[failed.id.to_i] = refused(failed) }
    end

    def refused(failed)
      error = SQS.service_error(failed.code, "queue #{@queue.queue_name}: SendMessageBatch: SQS refused one entry: " \
                                             "#{failed.code}: #{failed.message}")
      error.instance_variable_set(:@retriable, !failed.sender_fault)
      error
    end

    def again?(result)
      result.is_a?(Error) && result.retriable?
    end
  end
end
